/* handles_closed.c: the handle of one use of an object, whose generation outlives it. GET: another thread looks by it while
 * the use ends, the object's memory goes back and its index gets another cell: it finds the object or nothing, never the
 * other one; and by the other one's handle, once it has that, just that one. TWO: two threads end the use by its handle, CLAIM: one by its
 * handle and one with the object: one wins. WALK: a loop over what is in use meets an index that is just being given a cell. */
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
  static uint32_t page[OBJPOOL__PAGE_WORDS] __attribute__((__aligned__(OBJPOOL__PAGE_BYTES)));
  static struct {
    objpool__places places;
    objpool__range others[3];
  } table;
  page[0] = UINT32_MAX; /* the index before the first */
  pool.places = &table.places;
  pool.place_count = state->placing.capacity = 4;
  for (uint32_t i = 0; i < pool.place_count; i++) {
    table.places.range[i].cells = OBJPOOL__NO_CELLS;
    table.places.range[i].of.generations = (uintptr_t)&page[1];
  }
  state->as.type.handles = true;
  state->as.type.size = 4096; /* as if objects were large: a range is one cell */
  state->blocks.header = 2 * sizeof(uint64_t);
  state->blocks.stride = table.places.stride = 4 * sizeof(uint64_t);
  state->blocks.offset = sizeof(objpool__block) + 2 * sizeof(uint64_t);
  state->blocks.next_cells = 2;
#endif
}

static uint64_t handle_of(void *one) {
  return (uint64_t)OBJPOOL__LOAD(*objpool__generation_of(one, false)) << 32 | objpool__index_of(one, false);
}

static void *get(const uint64_t *name) {
  objpool_type type = {.handles = true}; /* a copy of the pool's own is more than GenMC can follow */
  type.size = state->as.type.size;
  return objpool__get(&pool, name, type);
}

/* As a trim does it, which found the object idle. */
static void goes(void) {
  void *idle = state->engine->pop(state);
  assert(idle);
  objpool__take_down(state, idle, OBJPOOL__DESTROYED);
  objpool__blocks_shrink(state);
}

static bool ends_by_handle(uint64_t name) {
  objpool__description as = {.type = {.handles = true}};
  as.type.size = state->as.type.size;
  return objpool__release_handle_as(&pool, &name, as, NULL);
}

#ifdef GET
static void *moves(void *argument) { /* the index to another cell */
  (void)argument;
  bool ended = ends_by_handle(handle);
  assert(ended);
  goes();
  other = made();
  assert(objpool__index_of(other, false) == (uint32_t)handle);
  __atomic_store_n(&handed_on, handle_of(other), __ATOMIC_RELEASE);
  return NULL;
}

static void *gets(void *argument) {
  (void)argument;
  uint64_t second = __atomic_load_n(&handed_on, __ATOMIC_ACQUIRE);
  void *found = get(&handle);
  assert(!found || (found == object && !second));
  assert(!second || get(&second) == other);
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
enum { BUILT = 7 };

static bool builds(void *one, void *context) { /* what it writes is seen by whoever finds the object in use */
  (void)context;
  *(uint64_t *)one = BUILT;
  return true;
}

static void *makes(void *argument) {
  (void)argument;
  other = made();
  return NULL;
}

static void *walks(void *argument) {
  (void)argument;
  objpool__walk walk = {0};
  walk.pool = &pool;
  walk.count = 1; /* as when the loop began */
  walk.stretch.step = state->blocks.stride;
  void *found = objpool__walk_on(&walk) ? objpool__stretch_next(&walk.stretch, true, false, 0, 0) : NULL;
  assert(!found || *(uint64_t *)found == BUILT);
  return found;
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
    assert(!get(&handle) && get(&handed_on) == other);
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
    assert(winners == 1 && !get(&handle));
    end();
#endif
#ifdef WALK
    begin_with_handles();
    state->as.type.create = builds;
    object = made();
    handle = handle_of(object);
    bool ended = ends_by_handle(handle);
    assert(ended);
    goes(); /* its index is free */
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
