/* closing_closed.c: a pool of one object, which is in use. WAITER: a thread waits for it while the pool is closed: it is sent away, and is
 * woken; RELEASE: or gets the object, which comes back meanwhile. With an event loop in the place of that thread: CANCEL: its waiter is
 * cancelled while the object comes back; CLOSE: the pool is closed while the object comes back, RUNS: while the loop runs: of telling
 * and cancelling it is one, and what was handed over to who did not want it is not lost. BESIDE: nobody waits, and the pool is closed while
 * the object comes back: whatever meets what, nothing is left idle, and a drain that says so is right. */
#ifndef OBJPOOL_NO_STATS /* counts only add executions */
#define OBJPOOL_NO_STATS
#endif
#include "closed.h"

#if !defined(WAITER) && !defined(CANCEL) && !defined(CLOSE) && !defined(BESIDE)
#define BESIDE
#define WAITER /* as an ordinary program: all, in turn */
#define RELEASE
#define CANCEL
#define CLOSE
#endif
#ifdef CACHED
#define IN_CACHES 1
#else
#define IN_CACHES 0
#endif

static void *object;

#if defined(BESIDE) || defined(RELEASE) || defined(CANCEL) || (defined(CLOSE) && !defined(RUNS))
static void *releases(void *argument) {
  (void)argument;
  release(object);
  return NULL;
}
#endif

#if defined(WAITER) || defined(CLOSE) || defined(BESIDE)
#if defined(WAITER) || defined(RUNS)
static void *closes(void *argument) {
  (void)argument;
  objpool_close(&pool);
  return NULL;
}
#endif

static void is_drained(void) {
  assert(state->limits.closed && !state->limits.alive && !state->leaving && !state->engine->pop(state));
  assert(!state->queue.waiting && !state->queue.untold && !state->queue.first && !state->gate.hold);
}
#endif

#ifdef BESIDE
static void a_release_meets_a_close(void) {
  begin(1, IN_CACHES);
  objpool__cache_of(state, true);
  object = made();
  start(releases, 1);
  go();
  objpool_close(&pool);
  if (objpool__is_drained(state)) is_drained(); /* before the other has ended */
  all_others_end();
  is_drained();
  end();
}
#endif

#ifdef WAITER
static void a_thread_waits(void) {
  begin(1, IN_CACHES);
  objpool__cache_of(state, true);
  object = made();
#ifdef RELEASE
  start(releases, 1);
#endif
  start(closes, 1);
  objpool__patience patience = {NULL, 0, 0, 0, 0};
  objpool__quest quest = quest_for(OBJPOOL__WAIT);
  quest.patience = &patience;
  go();
  objpool__found found = objpool__queue_find(state, &quest);
  assert((found == OBJPOOL__OBJECT) == (quest.object != NULL) && (found == OBJPOOL__NOTHING) == quest.ended);
  all_others_end();
  if (found == OBJPOOL__PERMIT) objpool__unreserve(state); /* the object was gone by then */
  if (quest.object) {
    objpool__tag_in_use(state, quest.object);
    release(quest.object);
  }
  objpool__leave_ends(state, quest.leaving);
#ifndef RELEASE
  release(object);
#endif
  is_drained();
  end();
}
#endif

#if defined(CANCEL) || defined(CLOSE)
static objpool_loop loop;
static objpool__async waiter;
static int told, woken;
static void *got;

static void wakes(void *user) {
  (void)user;
  __atomic_fetch_add(&woken, 1, __ATOMIC_RELAXED); /* read when all have ended */
}

static void tells(objpool__async *one, void *with, int error) {
  assert(one == &waiter && !told && !!with == !error);
  told++;
  got = with;
}

static void a_loop_waits(void) {
  begin(1, IN_CACHES);
  objpool__cache_of(state, true);
  object = made();
  told = woken = 0;
  got = NULL;
  bool began = objpool_loop_init(&loop, wakes, NULL);
  assert(began);
  void *at_once = objpool__acquire_async(&pool, NULL, &waiter, &loop, -1, tells, NULL);
  assert(!at_once && errno == EINPROGRESS);
}

/* Its thread runs the loop if that was woken; it may have done so meanwhile. */
static void loop_ends(bool cancelled) {
  if (woken) objpool_loop_run(&loop, 1);
  assert(told + cancelled == 1 && !objpool_loop_run(&loop, 1));
  if (got) release(got);
}
#endif

#ifdef CANCEL
static bool cancelled;

static void *cancels(void *argument) {
  (void)argument;
  cancelled = objpool__cancel(&pool, &waiter);
  return NULL;
}

static void a_waiter_is_cancelled(void) {
  a_loop_waits();
  start(releases, 1);
  start(cancels, 1);
  go();
  objpool_loop_run(&loop, 1);
  all_others_end();
  loop_ends(cancelled);
  objpool__revoke_all(state); /* what lies in caches */
  assert(state->engine->pop(state) == object && !state->engine->pop(state) && state->limits.alive == 1);
  assert(!state->queue.waiting && !state->queue.untold && !state->queue.first);
  objpool_loop_destroy(&loop);
  end();
}
#endif

#ifdef CLOSE
static void a_loop_is_sent_away(void) {
  a_loop_waits();
#ifdef RUNS
  start(closes, 1);
  go();
  objpool_loop_run(&loop, 1);
#else
  start(releases, 1);
  go();
  objpool_close(&pool); /* by the thread that is known already: one more would be too many to explore */
#endif
  all_others_end();
  loop_ends(false);
#ifdef RUNS
  release(object);
#endif
  is_drained();
  objpool_loop_destroy(&loop);
  end();
}
#endif

int main(void) {
  for (int i = 0; i < REPEAT; i++) {
#ifdef BESIDE
    a_release_meets_a_close();
#endif
#ifdef WAITER
    a_thread_waits();
#endif
#ifdef CANCEL
    a_waiter_is_cancelled();
#endif
#ifdef CLOSE
    a_loop_is_sent_away();
#endif
  }
  printf("closed and cancelled, %d times: nobody sleeps, nothing is lost\n", REPEAT);
  return 0;
}
