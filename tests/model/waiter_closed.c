/* waiter_closed.c: a thread queues for an object, looks once and sleeps, while others do what can end its wait: it is always served, and
 * woken. With one object, which is in use: RELEASE it, DISCARD it, RESIZE the pool to hold one more; RELEASE and MAINTAIN: while
 * maintenance validates what is idle; CACHED: it is released into a thread cache, AGAIN: and acquired from there, and released again.
 * With two, which are idle when it looks: TRIM to one, while another thread takes one. Objects are handed to it; PATIENT: it is called, and
 * looks for itself. */
#ifndef OBJPOOL_NO_STATS /* counts only add executions */
#define OBJPOOL_NO_STATS
#endif
#include "closed.h"

#if !defined(RELEASE) && !defined(DISCARD) && !defined(RESIZE) && !defined(TRIM)
#define RELEASE /* as an ordinary program: all but the rarest, in turn */
#define MAINTAIN
#endif
#ifdef TRIM
#define OBJECTS 2
#else
#define OBJECTS 1
#endif

static void *object;

#ifdef RELEASE
static void *releases(void *argument) {
  (void)argument;
  release(object);
#ifdef AGAIN
  void *again = acquire(OBJPOOL__TRY);
  if (again) release(again);
#endif
  return NULL;
}
#endif

#ifdef DISCARD
static void *discards(void *argument) {
  (void)argument;
  bool claimed = objpool__claim(&pool, NULL, object);
  assert(claimed);
  objpool__drop(&pool, NULL, object);
  return NULL;
}
#endif

#ifdef RESIZE
static void *resizes(void *argument) {
  (void)argument;
  bool resized = objpool_resize(&pool, OBJPOOL_UNCHANGED, 2);
  assert(resized);
  return NULL;
}
#endif

#ifdef MAINTAIN
static void *maintains(void *argument) {
  (void)argument;
  objpool__validate_idle(state, SIZE_MAX);
  return NULL;
}
#endif

#ifdef TRIM
static void *trims(void *argument) {
  (void)argument;
  objpool_trim(&pool, 1);
  return NULL;
}

static void *takes(void *argument) {
  (void)argument;
  object = objpool__stack_pop(&state->depot);
  return NULL;
}
#endif

int main(void) {
  for (int i = 0; i < REPEAT; i++) {
#ifdef CACHED
    begin(OBJECTS, 1);
#else
    begin(OBJECTS, 0);
#endif
    objpool__cache_of(state, true); /* one more is in reserve then */
    for (int k = 0; k < OBJECTS; k++) {
      object = made();
#ifdef TRIM
      release(object);
#endif
    }
#ifdef TRIM
    start(trims, 1);
    start(takes, 1);
#endif
#ifdef RELEASE
    start(releases, 1);
#endif
#ifdef MAINTAIN
    start(maintains, 1);
#endif
#ifdef DISCARD
    start(discards, 1);
#endif
#ifdef RESIZE
    start(resizes, 1);
#endif
    objpool__patience patience = {NULL, 0, 0, 0, 0};
    objpool__quest quest = quest_for(OBJPOOL__WAIT);
    quest.patience = &patience;
    go();
    objpool__found found = objpool__queue_find(state, &quest);
    assert(found != OBJPOOL__NOTHING && (found == OBJPOOL__OBJECT) == (quest.object != NULL));
    all_others_end();
    assert(state->queue.waiting == 0 && state->gate.hold == 0 && !state->queue.first);
    end();
  }
  printf("a waiter, %d times: served\n", REPEAT);
  return 0;
}
