/* The depot's stacks: after a magazine was popped and pushed again the head is not what it was (ABA), for as long as
   its tag lasts; and the same for an object of a pool without caches, which is a magazine of one. Empty magazines. */
#include "support.h"

#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

typedef struct thing {
  long n;
} thing;

OBJPOOL_DEFINE(thing_pool, thing);

static void head_never_comes_back_by_the_same_magazine(void **state) {
  objpool_config config;
  thing_pool pool;
  uint64_t seen[1000];
  (void)state;
  memset(&config, 0, sizeof config);
  config.cache_size = OBJPOOL_NO_CACHE;
  assert_true(thing_pool_init(&pool, &config));
  assert_int_equal(thing_pool_warmup(&pool, 1), 1);
  for (size_t i = 0; i < COUNT_OF(seen); i++) {
    seen[i] = pool.base.state->depot.full;
    thing *object = thing_pool_try_acquire(&pool);
    assert_non_null(object);
    assert_true(pool.base.state->depot.full != seen[i]);
    thing_pool_release(&pool, object);
    for (size_t before = 0; before <= i; before++) assert_true(pool.base.state->depot.full != seen[before]);
  }
  thing_pool_destroy(&pool);
}

/* What a thread that sleeps in a pop does when it wakes: compare with the head it saw. */
static void tag_has_forty_bits_and_leaves_the_number_alone(void **state) {
  (void)state;
  const uint64_t last_tag = (UINT64_C(1) << 40) - 1, number = OBJPOOL__NUMBER_MAX;
  assert_int_equal(objpool__number(objpool__successor(last_tag << 24 | 1, (uint32_t)number)), number);
  assert_int_equal(objpool__successor(last_tag << 24 | number, 5), 5); /* comes round, without spilling over */
  assert_int_equal(objpool__successor(5, (uint32_t)number) >> 24, 1);
}

static objpool__magazine *taken;

static void *take_an_empty_one(void *state) {
  objpool__magazine *magazine = objpool__magazine_take(&((objpool__state *)state)->depot);
  __atomic_store_n(&taken, magazine, __ATOMIC_RELEASE);
  return NULL;
}

/* As many were provided as can be needed at a time: one is on its way back. */
static void no_magazine_is_begun_beyond_those_there_are(void **unused) {
  thing_pool pool;
  (void)unused;
  assert_true(thing_pool_init(&pool, NULL));
  thing_pool_release(&pool, thing_pool_acquire(&pool));
  objpool__state *state = pool.base.state;
  assert_true(state->depot.count > state->depot.begun);
  objpool__magazine *last = NULL, *hoard = NULL;
  while (objpool__number(state->depot.empty) || state->depot.begun < state->depot.count) {
    last = objpool__magazine_take(&state->depot);
    last->objects[0] = hoard;
    hoard = last;
  }
  pthread_t thread = start_thread(take_an_empty_one, state);
  sleep_ms(50);
  assert_null(__atomic_load_n(&taken, __ATOMIC_ACQUIRE));
  hoard = (objpool__magazine *)last->objects[0];
  objpool__depot_push(&state->depot, &state->depot.empty, last, 0, false);
  join_thread(thread);
  assert_ptr_equal(taken, last);
  objpool__depot_push(&state->depot, &state->depot.empty, taken, 0, false);
  for (objpool__magazine *next; hoard; hoard = next) {
    next = (objpool__magazine *)hoard->objects[0];
    objpool__depot_push(&state->depot, &state->depot.empty, hoard, 0, false);
  }
  thing_pool_destroy(&pool);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(head_never_comes_back_by_the_same_magazine),
      cmocka_unit_test(no_magazine_is_begun_beyond_those_there_are),
      cmocka_unit_test(tag_has_forty_bits_and_leaves_the_number_alone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
