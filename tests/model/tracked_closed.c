/* tracked_closed.c: what is told about who holds an object (objpool__use_read, of which objpool_each_held consists) is read while that use
 * ends, the object comes back and is handed out again: what is told is of one use, never of two. OTHER: by another thread. */
#ifndef OBJPOOL_NO_STATS /* counts only add executions */
#define OBJPOOL_NO_STATS
#endif
#define NO_OWNER_FENCE /* no thread has a cache, and in checker.h that fence orders more than there is */
#include "closed.h"

static void *object;

static const void *site_of(uint64_t use) { return (const void *)(uintptr_t)(1000 + use); }

static void begin_tracked(void) {
#ifdef CHECKED
  begin(1, 0);
  state->as.type.tracked = true;
  state->blocks.header = objpool__words_begin(&state->as.type, OBJPOOL__ALL_WORDS);
  state->blocks.stride = state->blocks.header + 2 * sizeof(uint64_t);
  state->blocks.offset = sizeof(objpool__block) + state->blocks.header;
  state->blocks.next_cells = 1;
#else
  const objpool_type type = {.size = sizeof(uint64_t), .alignment = sizeof(uint64_t), .tracked = true};
  const objpool_config config = {.cache_size = OBJPOOL_NO_CACHE, .on_leak = OBJPOOL_LEAK_IGNORE};
  bool began = objpool_init(&pool, &type, &config);
  assert(began);
  state = pool.state;
#endif
}

static void comes_back(void) {
  objpool__hold_ends(&pool, object);
  release(object);
}

static void is_handed_out(void) {
  void *got = acquire(OBJPOOL__TRY);
  if (got) objpool__hold_begins(&pool, got, site_of(2));
}

static void *gives(void *argument) {
  (void)argument;
  comes_back();
#ifndef OTHER
  is_handed_out();
#endif
  return NULL;
}

#ifdef OTHER
static void *takes(void *argument) {
  (void)argument;
  is_handed_out();
  return NULL;
}
#endif

static void *reads(void *argument) {
  objpool_hold hold;
  uint64_t began;
  (void)argument;
  for (int i = 0; i < ROUNDS; i++) {
    uint64_t turn = objpool__use_read(&state->as.type, object, &hold, &began);
    assert(!turn || (hold.uses == (turn + 1) / 2 && hold.site == site_of(hold.uses)));
  }
  return NULL;
}

int main(void) {
  for (int i = 0; i < REPEAT; i++) {
    begin_tracked();
    object = made();
    objpool__hold_begins(&pool, object, site_of(1));
    start(gives, 1);
#ifdef OTHER
    start(takes, 1);
#endif
    start(reads, 1);
    all_others_end();
    end();
  }
  printf("who holds an object, %d times: what was told was of one use\n", REPEAT);
  return 0;
}
