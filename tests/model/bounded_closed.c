/* bounded_closed.c: pools whose idle objects are bits of one word. No object is in two hands, none is lost, and nobody is refused for whom
 * there is one. Two objects; what threads do with them: TAKES: as many acquire one and release it again, of which none is refused; TWICE:
 * two release the same object, and one of them finds out; TRIMS: what is idle is gathered and put back, while somebody acquires. */
#ifndef OBJPOOL_NO_STATS /* counts only add executions */
#define OBJPOOL_NO_STATS
#endif
#define BOUNDED
static int rejected;
#define OBJPOOL_PANIC(message) ((void)(message), (void)__atomic_fetch_add(&rejected, 1, __ATOMIC_RELAXED))
#include "closed.h"

#if !defined(TAKES) && !defined(TWICE) && !defined(TRIMS)
#define TAKES
#endif
#ifndef THREADS
#define THREADS 2
#endif

static void *object;

static void *takes(void *argument) {
  (void)argument;
  void *mine = acquire(OBJPOOL__TRY);
  assert(mine);
  *(uint64_t *)mine += 1; /* GenMC finds two that have it at once: a race */
  release(mine);
  return NULL;
}

#ifdef TWICE
static void *releases(void *argument) {
  (void)argument;
  release(object);
  return NULL;
}
#endif

#ifdef TRIMS
static void *gathers(void *argument) {
  (void)argument;
  size_t count = 0;
  objpool__gather_begin(state);
  void *all = objpool__gather_all(state, &count);
  for (void *next; all; all = next) {
    next = *objpool__link(all, 0);
    bool pushed = objpool__push_back(state, all);
    assert(pushed);
  }
  objpool__gather_end(state);
  objpool__serve(state);
  return NULL;
}
#endif

int main(void) {
  for (int i = 0; i < REPEAT; i++) {
    begin(2, 0);
    objpool__cache_of(state, true); /* one more is in reserve then */
    object = made();
    void *other = made();
    (void)other;
    rejected = 0;
#ifdef TAKES /* as many as there are objects */
    release(object);
    release(other);
    start(takes, THREADS);
    all_others_end();
    assert(acquire(OBJPOOL__TRY) && acquire(OBJPOOL__TRY) && !acquire(OBJPOOL__TRY));
#endif
#ifdef TRIMS /* the other is in use: one at a time */
    release(object);
    start(gathers, 1);
    start(takes, 1);
    all_others_end();
    assert(acquire(OBJPOOL__TRY) && !acquire(OBJPOOL__TRY));
#endif
#ifdef TWICE
    start(releases, 2);
    all_others_end();
    assert(rejected == 1 && acquire(OBJPOOL__TRY) == object && !acquire(OBJPOOL__TRY));
    (void)takes;
#endif
    end();
  }
  printf("a bounded pool, %d times: exact\n", REPEAT);
  return 0;
}
