/* Thread caches that were taken back stay closed for a while, so that shortages in quick succession do not each cost
   a barrier, and open again once nobody holds them. No function tells; this test reads the state. */
#include "support.h"

#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

typedef struct thing {
  long n;
} thing;

OBJPOOL_DEFINE(thing_pool, thing);

static thing_pool pool;

static objpool_config limited_to(size_t max_objects) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.cache_size = 16;
  config.max_objects = max_objects;
  return config;
}

static size_t open_slots(void) { return OBJPOOL__LOAD(pool.base.state->open_slots); }
static size_t holds(void) { return OBJPOOL__LOAD(pool.base.state->hold); }

static void use(long times) {
  for (long i = 0; i < times; i++) {
    thing *object = thing_pool_acquire(&pool);
    assert_non_null(object);
    thing_pool_release(&pool, object);
  }
}

static void assert_opens_again(void) {
  assert_int_equal(holds(), 0);
  for (int i = 0; i < 300 && open_slots() == 0; i++) use(1000);
  assert_int_equal(open_slots(), 1);
}

static void cache_opens_again_after_a_trim(void **state) {
  objpool_config config = limited_to(0);
  (void)state;
  assert_true(thing_pool_init(&pool, &config));
  use(10);
  assert_int_equal(open_slots(), 1);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(thing_pool_clear(&pool), 1);
    assert_int_equal(open_slots(), 0);
    assert_opens_again();
  }
  thing_pool_destroy(&pool);
}

static void cache_stays_closed_for_a_while_after_a_refusal_and_opens_again(void **state) {
  objpool_config config = limited_to(2);
  thing *held[2];
  (void)state;
  assert_true(thing_pool_init(&pool, &config));
  use(10);
  for (int i = 0; i < 40; i++) {
    for (size_t k = 0; k < 2; k++) {
      held[k] = thing_pool_acquire(&pool);
      assert_non_null(held[k]);
    }
    assert_null(thing_pool_acquire(&pool));
    for (size_t k = 0; k < 2; k++) thing_pool_release(&pool, held[k]);
    use(20);
    assert_int_equal(open_slots(), 0);
    assert_true(OBJPOOL__LOAD(pool.base.state->calm_span) <= 65536);
    if (i % 8 == 0) assert_opens_again();
  }
  assert_opens_again();
  thing_pool_destroy(&pool);
}

static void *wait_a_little(void *answer) {
  thing *object = thing_pool_acquire_for(&pool, 20000000);
  *(bool *)answer = object != NULL;
  thing_pool_release(&pool, object);
  return NULL;
}

static void cache_opens_again_after_waiters_were_served_or_gave_up(void **state) {
  objpool_config config = limited_to(1);
  bool got = true;
  (void)state;
  assert_true(thing_pool_init(&pool, &config));
  use(10);
  thing *held = thing_pool_acquire(&pool);
  in_another_thread(wait_a_little, &got);
  assert_false(got);
  assert_int_equal(holds(), 0);
  pthread_t waiting = start_thread(wait_a_little, &got);
  WAIT_UNTIL(thing_pool_stats(&pool).waiting == 1 || thing_pool_stats(&pool).timeouts == 2);
  thing_pool_release(&pool, held);
  join_thread(waiting);
  assert_opens_again();
  thing_pool_destroy(&pool);
}

static void cache_opens_again_once_the_surplus_of_a_resize_is_gone(void **state) {
  objpool_config config = limited_to(8);
  thing *held[4];
  (void)state;
  assert_true(thing_pool_init(&pool, &config));
  for (size_t i = 0; i < COUNT_OF(held); i++) held[i] = thing_pool_acquire(&pool);
  assert_true(thing_pool_resize(&pool, OBJPOOL_UNCHANGED, 2));
  assert_int_equal(holds(), 1); /* every release must ask whether it is one too many */
  assert_true(thing_pool_resize(&pool, OBJPOOL_UNCHANGED, 2));
  assert_int_equal(holds(), 1);
  for (size_t i = 0; i < COUNT_OF(held); i++) thing_pool_release(&pool, held[i]);
  assert_int_equal(thing_pool_stats(&pool).idle, 2);
  assert_opens_again();
  thing_pool_destroy(&pool);
}

static void cache_opens_again_after_max_idle_was_met(void **state) {
  objpool_config config = limited_to(0);
  thing *held[60];
  (void)state;
  config.max_idle = 40;
  assert_true(thing_pool_init(&pool, &config));
  for (size_t i = 0; i < COUNT_OF(held); i++) held[i] = thing_pool_acquire(&pool);
  for (size_t i = 0; i < COUNT_OF(held); i++) thing_pool_release(&pool, held[i]);
  assert_int_equal(thing_pool_stats(&pool).idle, 40);
  assert_int_equal(open_slots(), 0); /* what room there is is in the commons: for a slot there is none */
  use(1000);
  assert_int_equal(holds(), 0);
  assert_int_equal(thing_pool_trim(&pool, 1), 39);
  assert_int_equal(open_slots(), 0);
  assert_opens_again();
  thing_pool_destroy(&pool);
}

static void in_the_child(void *unused) {
  (void)unused;
  CHECK(holds() == 0);
  for (int i = 0; i < 300 && open_slots() == 0; i++)
    for (int k = 0; k < 1000; k++) thing_pool_release(&pool, thing_pool_acquire_for(&pool, 0));
  CHECK(open_slots() == 1);
}

static void cache_opens_again_in_the_child_of_a_fork(void **state) {
  objpool_config config = limited_to(0);
  char output[512];
  (void)state;
  assert_true(thing_pool_init(&pool, &config));
  use(10);
  assert_true(EXITED_WELL(in_child(in_the_child, NULL, output, sizeof output)));
  thing_pool_clear(&pool);
  assert_true(EXITED_WELL(in_child(in_the_child, NULL, output, sizeof output)));
  assert_opens_again();
  thing_pool_destroy(&pool);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(cache_opens_again_after_a_trim),
      cmocka_unit_test(cache_stays_closed_for_a_while_after_a_refusal_and_opens_again),
      cmocka_unit_test(cache_opens_again_after_waiters_were_served_or_gave_up),
      cmocka_unit_test(cache_opens_again_once_the_surplus_of_a_resize_is_gone),
      cmocka_unit_test(cache_opens_again_after_max_idle_was_met),
      cmocka_unit_test(cache_opens_again_in_the_child_of_a_fork),
  };
  thing_pool_release(&pool, thing_pool_acquire_for(&pool, 0));
  thing_pool_destroy(&pool);
  if (!objpool__process.membarrier) {
    puts("skipped: without membarrier caches are never open");
    return 77;
  }
  return cmocka_run_group_tests(tests, NULL, NULL);
}
