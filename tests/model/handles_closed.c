/* handles_closed.c: the handle of one use of an object, which lies in a place that outlives it. GET: another thread looks by it while
 * the use ends, the object's memory goes back and the place gets another object: it finds the object or nothing, never the
 * other one; and by the other one's handle, once it has that, just that one. TWO: two threads end the use by its handle, CLAIM: one by its
 * handle and one with the object: one wins. WALK: a loop over what is in use meets a place that is just being given an object. */
#ifndef OBJPOOL_NO_STATS /* counts only add executions */
#define OBJPOOL_NO_STATS
#endif
#define WITH_HANDLES true
#include "closed.h"

#if !defined(GET) && !defined(TWO) && !defined(CLAIM) && !defined(WALK)
#define GET /* as an ordinary program: all, in turn */
#define TWO
#define CLAIM
#define WALK
#define EVERY
#endif

static void *object, *other;
static uint64_t handle, handed_on; /* a handle as one word; 0: not yet */

static void begin_with_handles(void) {
  begin(4, 0);
#ifdef CHECKED
  static objpool__place chunk[1 << OBJPOOL__PLACE_BITS];
  static objpool__places places;
  places.chunk[0] = (uintptr_t)chunk;
  pool.places = &places;
  pool.place_count = state->placing.capacity = 1 << OBJPOOL__PLACE_BITS;
  state->as.type.handles = true;
  state->blocks.header = 2 * sizeof(uint64_t);
  state->blocks.stride = 4 * sizeof(uint64_t);
  state->blocks.offset = sizeof(objpool__block) + 2 * sizeof(uint64_t);
  state->blocks.next_cells = 2;
#endif
}

static uint64_t handle_of(void *one) {
  const objpool__place *place = objpool__place_of(one);
  return (uint64_t)OBJPOOL__LOAD(place->generation) << 32 | place->index;
}

/* As a trim does it, which found the object idle. */
static void goes(void) {
  void *idle = state->engine->pop(state);
  assert(idle);
  objpool__take_down(state, idle, OBJPOOL__DESTROYED);
  objpool__blocks_shrink(state);
}

static bool ends_by_handle(uint64_t name) {
  static const objpool__description as = {.type = {.handles = true}};
  return objpool__release_handle_as(&pool, (uint32_t)name, (uint32_t)(name >> 32), as, NULL);
}

#ifdef GET
static void *moves(void *argument) { /* the place to another object */
  (void)argument;
  bool ended = ends_by_handle(handle);
  assert(ended);
  goes();
  other = made();
  assert(objpool__place_of(other)->index == (uint32_t)handle);
  __atomic_store_n(&handed_on, handle_of(other), __ATOMIC_RELEASE);
  return NULL;
}

static void *gets(void *argument) {
  (void)argument;
  uint64_t second = __atomic_load_n(&handed_on, __ATOMIC_ACQUIRE);
  void *found = objpool__get(&pool, &handle);
  assert(!found || (found == object && !second));
  assert(!second || objpool__get(&pool, &second) == other);
  return NULL;
}
#endif

#if defined(TWO) || defined(CLAIM)
static int winners; /* added up after they have ended */

static void *ends(void *argument) {
  (void)argument;
  return ends_by_handle(handle) ? object : NULL;
}
#endif

#ifdef CLAIM
static void *claims(void *argument) {
  (void)argument;
  return objpool__claim_tag(state, object) ? object : NULL;
}
#endif

#ifdef WALK
static void *makes(void *argument) {
  (void)argument;
  other = made();
  return NULL;
}

static void *walks(void *argument) {
  (void)argument;
  objpool__stretch stretch = {0};
  stretch.at = (char *)objpool__place_at(&pool, 0);
  stretch.end = stretch.at + state->placing.given * sizeof(objpool__place); /* as when the loop began */
  return objpool__stretch_next(&stretch, true, false);
}
#endif

int main(void) {
  for (int i = 0; i < REPEAT; i++) {
#ifdef GET
    begin_with_handles();
    object = made();
    handle = handle_of(object);
    handed_on = 0;
    start(moves, 1);
    start(gets, 1);
    all_others_end();
    assert(!objpool__get(&pool, &handle) && objpool__get(&pool, &handed_on) == other);
    end();
#endif
#ifdef TWO
    begin_with_handles();
    object = made();
    handle = handle_of(object);
    start(ends, 2);
    all_others_end();
    winners = !!result[0] + !!result[1];
    assert(winners == 1 && state->engine->pop(state) == object && !state->engine->pop(state));
    end();
#endif
#ifdef CLAIM
    begin_with_handles();
    object = made();
    handle = handle_of(object);
    start(ends, 1);
    start(claims, 1);
    all_others_end();
    winners = !!result[0] + !!result[1];
    assert(winners == 1 && !objpool__get(&pool, &handle));
    end();
#endif
#ifdef WALK
    begin_with_handles();
    object = made();
    handle = handle_of(object);
    bool ended = ends_by_handle(handle);
    assert(ended);
    goes(); /* its place is free, and names the next free one */
    start(makes, 1);
    start(walks, 1);
    all_others_end();
    assert(!result[1] || result[1] == other);
    end();
#endif
  }
  printf("handles, %d times: each named one use\n", REPEAT);
  return 0;
}
