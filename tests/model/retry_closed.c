/* retry_closed.c: a thread whom create refused stands in line for objects alone, and it is time to try again, while another RELEASEs the
 * object, DISCARDs it, or CLOSEs the pool: it was served, or sent away, or finds that it is time, and then waits for a place, too, where
 * it stood; nothing is lost, and it is always served, and woken. BEHIND: one whom create refused, an event loop's, stands first for good,
 * and the thread waits behind it while another discards the object: the place is for the thread. Objects are handed to who is first;
 * PATIENT: it is called, and looks for itself, once it was not refused. */
#ifndef OBJPOOL_NO_STATS /* counts only add executions */
#define OBJPOOL_NO_STATS
#endif
#include "closed.h"

#if !defined(RELEASE) && !defined(DISCARD) && !defined(CLOSE) && !defined(BEHIND)
#define RELEASE /* as an ordinary program: all, in turn */
#define DISCARD
#define CLOSE
#define BEHIND
#endif

static void *object;

#ifdef RELEASE
static void *releases(void *argument) {
  (void)argument;
  release(object);
  return NULL;
}
#endif

#if defined(DISCARD) || defined(BEHIND)
static void *discards(void *argument) {
  (void)argument;
  bool claimed = objpool__claim(&pool, NULL, object);
  assert(claimed);
  objpool__drop(&pool, NULL, object);
  return NULL;
}
#endif

#ifdef CLOSE
static void *closes(void *argument) {
  (void)argument;
  objpool_close(&pool);
  return NULL;
}
#endif

/* The one object is in use. */
static void one_is_in_use(void) {
  begin(1, 0);
  objpool__cache_of(state, true);
  object = made();
}

static void nobody_waits(void) { assert(!state->queue.waiting && !state->queue.first && !state->gate.hold); }

#if defined(RELEASE) || defined(DISCARD) || defined(CLOSE)
/* How the wait ended of one for whom it is time to try again, while another thread does this. */
static objpool__found waits_beside(void *(*other)(void *), objpool__quest *quest) {
  objpool__patience patience = {NULL, 0, 0, 1, 1}; /* it was refused: 1 ns later, which was long ago */
  quest->patience = &patience;
  one_is_in_use();
  start(other, 1);
  go();
  objpool__found found = objpool__queue_find(state, quest);
  assert(found != OBJPOOL__PERMIT && (found == OBJPOOL__OBJECT) == (quest->object != NULL));
  if (found == OBJPOOL__RETRY) found = objpool__queue_find(state, quest); /* nothing was there: now it waits for both */
  assert(found != OBJPOOL__RETRY && (found == OBJPOOL__OBJECT) == (quest->object != NULL));
  all_others_end();
  nobody_waits();
  return found;
}
#endif

#ifdef RELEASE
static void a_release_serves_it(void) {
  objpool__quest quest = quest_for(OBJPOOL__WAIT);
  objpool__found found = waits_beside(releases, &quest);
  assert(found == OBJPOOL__OBJECT && quest.object == object && !state->engine->pop(state) && state->limits.alive == 1);
  objpool__tag_in_use(state, object);
  release(object);
  end();
}
#endif

#ifdef DISCARD
static void a_place_is_left_to_it(void) {
  objpool__quest quest = quest_for(OBJPOOL__WAIT);
  objpool__found found = waits_beside(discards, &quest);
  assert(found == OBJPOOL__PERMIT && state->limits.alive == 1);
  objpool__unreserve(state);
  end();
}
#endif

#ifdef CLOSE
static void a_close_sends_it_away(void) {
  objpool__quest quest = quest_for(OBJPOOL__WAIT);
  objpool__found found = waits_beside(closes, &quest);
  assert(found == OBJPOOL__NOTHING && quest.ended && quest.error == OBJPOOL_ECLOSED);
  objpool__leave_ends(state, quest.leaving);
  release(object);
  assert(!state->limits.alive && !state->leaving && !state->engine->pop(state));
  end();
}
#endif

#ifdef BEHIND
static objpool_loop loop;
static objpool__async first;

static void wakes(void *user) { (void)user; }

static void tells(objpool__async *one, void *with, int error) {
  (void)one, (void)with, (void)error;
  assert(!"it is not told");
}

static void the_place_is_for_the_next(void) {
  one_is_in_use();
  bool began = objpool_loop_init(&loop, wakes, NULL);
  assert(began);
  void *at_once = objpool__acquire_async(&pool, NULL, &first, &loop, -1, tells, NULL);
  assert(!at_once && errno == EINPROGRESS);
  first.turn.refused = true; /* as objpool__enqueue counts it */
  state->queue.refused++;
  start(discards, 1);
  objpool__patience patience = {NULL, 0, 0, 0, 0};
  objpool__quest quest = quest_for(OBJPOOL__WAIT);
  quest.patience = &patience;
  go();
  objpool__found found = objpool__queue_find(state, &quest);
  assert(found == OBJPOOL__PERMIT);
  all_others_end();
  assert(state->limits.alive == 1 && state->queue.waiting == 1 && state->queue.first == &first.turn);
  bool cancelled = objpool__cancel(&pool, &first);
  assert(cancelled);
  nobody_waits();
  objpool__unreserve(state);
  objpool_loop_destroy(&loop);
  end();
}
#endif

int main(void) {
  for (int i = 0; i < REPEAT; i++) {
#ifdef RELEASE
    a_release_serves_it();
#endif
#ifdef DISCARD
    a_place_is_left_to_it();
#endif
#ifdef CLOSE
    a_close_sends_it_away();
#endif
#ifdef BEHIND
    the_place_is_for_the_next();
#endif
  }
  printf("it tries again, %d times: served, called or sent away\n", REPEAT);
  return 0;
}
