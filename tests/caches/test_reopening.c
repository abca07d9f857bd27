/* Thread caches that were taken back stay closed for a while, so that shortages in quick succession do not each cost
   a barrier, and open again once nobody holds them. No function tells; this test reads the state. */
#include "support.h"

#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

#if THREAD_SANITIZED
#ifdef __cplusplus
extern "C"
#endif
const char *__tsan_default_options(void);
const char *__tsan_default_options(void) { return "report_thread_leaks=0"; } /* in a child all but one are gone */
#endif

typedef struct thing {
  long n;
} thing;

static gate taken_down, go_on; /* where a destroy hook waits, when one shall */
static bool destroy_waits;
static bool is_good(thing *object, void *context) {
  (void)object, (void)context;
  return true;
}
static void take_down(thing *object, void *context) {
  (void)object, (void)context;
  if (!__atomic_exchange_n(&destroy_waits, false, __ATOMIC_SEQ_CST)) return;
  gate_open(&taken_down);
  gate_wait(&go_on);
}

OBJPOOL_DEFINE(thing_pool, thing, opt.validate = is_good, opt.validate_on = OBJPOOL_ON_MAINTAIN, opt.destroy = take_down);

static thing_pool pool;

static objpool_config limited_to(size_t max_objects) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.cache_size = 16;
  config.max_objects = max_objects;
  return config;
}

static size_t open_slots(void) { return OBJPOOL__LOAD(pool.base.state->gate.open_slots); }
/* Why no cache may open. */
static size_t holds(void) { return OBJPOOL__LOAD(pool.base.state->gate.hold) + OBJPOOL__LOAD(pool.base.state->limits.surplus); }

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
    assert_int_equal(thing_pool_trim_some(&pool, 0, 1), 1); /* which lies in the cache */
    assert_int_equal(open_slots(), 0);
    assert_opens_again();
  }
  thing_pool_destroy(&pool);
}

static void trim_some_destroys_the_one_that_is_too_many_wherever_it_lies(void **state) {
  objpool_config config = limited_to(0);
  thing *held[3];
  (void)state;
  for (size_t in_cache = 1; in_cache <= 3; in_cache += 2) {
    assert_true(thing_pool_init(&pool, &config));
    for (size_t i = 0; i < in_cache; i++) assert_non_null(held[i] = thing_pool_acquire(&pool));
    assert_int_equal(thing_pool_warmup(&pool, 3 - in_cache), 3 - in_cache); /* these lie outside */
    for (size_t i = 0; i < in_cache; i++) thing_pool_release(&pool, held[i]);
    assert_int_equal(thing_pool_stats(&pool).idle, 3);
    assert_int_equal(thing_pool_trim_some(&pool, 2, in_cache == 1 ? 1 : 10), 1);
    assert_int_equal(thing_pool_stats(&pool).idle, 2);
    thing_pool_destroy(&pool);
  }
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
    if (!__atomic_load_n(&objpool__process.membarrier, __ATOMIC_RELAXED)) continue;
    uint32_t calm = OBJPOOL__LOAD(pool.base.state->gate.calm_span);
    assert_in_range(calm, 1, 4096);                            /* by what the barrier cost */
    OBJPOOL__STORE(pool.base.state->gate.calm_in, calm += 40); /* as if it had been a dear one */
    while (OBJPOOL__LOAD(pool.base.state->gate.calm_in) > 0) {
      uint32_t before = OBJPOOL__LOAD(pool.base.state->gate.calm_in);
      use(1);
      assert_in_range(before - OBJPOOL__LOAD(pool.base.state->gate.calm_in), 1, 2);
      if (before > 2) assert_int_equal(open_slots(), 0);
    }
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
  for (size_t i = 0; i < COUNT_OF(held); i++) {
    if (i < 2) assert_true(thing_pool_resize(&pool, OBJPOOL_UNCHANGED, 2));
    assert_int_equal(open_slots(), 0); /* every release must ask whether it is one too many */
    thing_pool_release(&pool, held[i]);
    assert_int_equal(thing_pool_stats(&pool).destroyed, i < 2 ? i + 1 : 2);
  }
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

static void cache_opens_again_after_maintenance_has_validated(void **state) {
  objpool_config config = limited_to(0);
  (void)state;
  config.min_idle = 5; /* so that it trims nothing */
  assert_true(thing_pool_init(&pool, &config));
  thing_pool_warmup(&pool, 5);
  for (int i = 0; i < 3; i++) {
    use(10);
    assert_opens_again();
    objpool_maintain(&pool.base);
    assert_int_equal(thing_pool_stats(&pool).idle, 5);
    assert_opens_again();
  }
  thing_pool_destroy(&pool);
}

static void cache_opens_again_after_a_resize(void **state) {
  objpool_config config = limited_to(0);
  (void)state;
  assert_true(thing_pool_init(&pool, &config));
  for (size_t limit = 10; limit < 40; limit += 10) {
    use(10);
    assert_opens_again();
    assert_true(thing_pool_resize(&pool, 0, 0));
    assert_opens_again();
    assert_true(thing_pool_resize(&pool, OBJPOOL_UNCHANGED, limit));
    assert_opens_again();
    assert_false(thing_pool_resize(&pool, limit + 1, OBJPOOL_UNCHANGED)); /* what is refused, too */
    assert_opens_again();
  }
  thing_pool_destroy(&pool);
}

static void cache_opens_again_after_a_drain(void **state) {
  objpool_config config = limited_to(0);
  (void)state;
  assert_true(thing_pool_init(&pool, &config));
  use(10);
  assert_true(thing_pool_drain(&pool, 0));
  assert_opens_again();
  thing *held = thing_pool_acquire(&pool);
  assert_false(thing_pool_drain(&pool, 0)); /* one that is in vain, too */
  thing_pool_release(&pool, held);
  assert_opens_again();
  thing_pool_destroy(&pool);
}

static void cache_opens_again_after_there_was_nothing_to_try(void **state) {
  objpool_config config = limited_to(2);
  (void)state;
  assert_true(thing_pool_init(&pool, &config));
  use(10);
  for (int i = 0; i < 5; i++) {
    thing *held[2] = {thing_pool_acquire(&pool), thing_pool_acquire(&pool)};
    assert_null(thing_pool_try_acquire(&pool));
    for (size_t k = 0; k < 2; k++) thing_pool_release(&pool, held[k]);
    assert_opens_again();
  }
  thing_pool_destroy(&pool);
}

/* Whoever held the caches closed when the process forked is not there in the child. */
static void *trim(void *unused) {
  thing_pool_trim(&pool, 0);
  return unused;
}
static void cache_opens_in_a_child_that_was_forked_during_a_trim(void **state) {
  objpool_config config = limited_to(0);
  char output[512] = "";
  (void)state;
  assert_true(thing_pool_init(&pool, &config));
  thing_pool_warmup(&pool, 3);
  gate_make(&taken_down);
  gate_make(&go_on);
  destroy_waits = true;
  pthread_t trimming = start_thread(trim, NULL);
  gate_wait(&taken_down);
  int status = in_child(in_the_child, NULL, output, sizeof output);
  gate_open(&go_on);
  join_thread(trimming);
  gate_close(&taken_down);
  gate_close(&go_on);
  if (!EXITED_WELL(status)) fail_msg("the child: %s", output);
  assert_opens_again(); /* and in the parent, when the trim is over */
  thing_pool_destroy(&pool);
}

static void *wait_for_one(void *unused) {
  thing_pool_release(&pool, thing_pool_acquire_for(&pool, -1));
  return unused;
}
static void in_the_child_of_one_with_waiters(void *unused) {
  CHECK(thing_pool_stats(&pool).waiting == 0);
  CHECK(thing_pool_resize(&pool, OBJPOOL_UNCHANGED, 0)); /* so that it has what it looks for */
  in_the_child(unused);
}
static void cache_opens_in_a_child_whose_parent_has_waiters(void **state) {
  objpool_config config = limited_to(2);
  char output[512] = "";
  (void)state;
  assert_true(thing_pool_init(&pool, &config));
  thing *held[2] = {thing_pool_acquire(&pool), thing_pool_acquire(&pool)};
  pthread_t waiting = start_thread(wait_for_one, NULL);
  WAIT_UNTIL(thing_pool_stats(&pool).waiting == 1);
  assert_int_equal(holds(), 1); /* for whoever waits */
  int status = in_child(in_the_child_of_one_with_waiters, NULL, output, sizeof output);
  for (size_t i = 0; i < 2; i++) thing_pool_release(&pool, held[i]);
  join_thread(waiting);
  if (!EXITED_WELL(status)) fail_msg("the child: %s", output);
  assert_opens_again();
  thing_pool_destroy(&pool);
}

/* A fork waits until no slot is being worked on: the child would find it half changed. The other thread has its slot under the lock
   half of the time, and says so in a word that the child inherits. */
static long slot_in_hand;
static bool leave_slots;
static void *work_on_a_slot(void *unused) {
  use(10);
  objpool__cache *cache = pool.base.state->slots.first;
  while (!__atomic_load_n(&leave_slots, __ATOMIC_SEQ_CST)) {
    objpool__spin_lock(cache);
    count_set(&slot_in_hand, 1);
    sleep_ms(1);
    count_set(&slot_in_hand, 0);
    objpool__spin_unlock(cache);
    sleep_ms(1);
  }
  return unused;
}
static void see_no_slot_in_hand(void *unused) {
  (void)unused;
  CHECK(count_read(&slot_in_hand) == 0);
}
static void fork_waits_for_whoever_works_on_a_slot(void **state) {
  objpool_config config = limited_to(0);
  char output[512] = "";
  bool well = true;
  (void)state;
  assert_true(thing_pool_init(&pool, &config));
  leave_slots = false;
  pthread_t working = start_thread(work_on_a_slot, NULL);
  WAIT_UNTIL(count_read(&slot_in_hand) == 1);
  for (int i = 0; i < 20 && well; i++) well = EXITED_WELL(in_child(see_no_slot_in_hand, NULL, output, sizeof output));
  __atomic_store_n(&leave_slots, true, __ATOMIC_SEQ_CST);
  join_thread(working);
  if (!well) fail_msg("%s", output);
  thing_pool_destroy(&pool);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(cache_opens_again_after_a_trim),
      cmocka_unit_test(trim_some_destroys_the_one_that_is_too_many_wherever_it_lies),
      cmocka_unit_test(cache_stays_closed_for_a_while_after_a_refusal_and_opens_again),
      cmocka_unit_test(cache_opens_again_after_waiters_were_served_or_gave_up),
      cmocka_unit_test(cache_opens_again_once_the_surplus_of_a_resize_is_gone),
      cmocka_unit_test(cache_opens_again_after_max_idle_was_met),
      cmocka_unit_test(cache_opens_again_in_the_child_of_a_fork),
      cmocka_unit_test(cache_opens_again_after_maintenance_has_validated),
      cmocka_unit_test(cache_opens_again_after_a_resize),
      cmocka_unit_test(cache_opens_again_after_a_drain),
      cmocka_unit_test(cache_opens_again_after_there_was_nothing_to_try),
      cmocka_unit_test(cache_opens_in_a_child_that_was_forked_during_a_trim),
      cmocka_unit_test(cache_opens_in_a_child_whose_parent_has_waiters),
      cmocka_unit_test(fork_waits_for_whoever_works_on_a_slot),
  };
  thing_pool_release(&pool, thing_pool_acquire_for(&pool, 0));
  thing_pool_destroy(&pool);
  if (!objpool__process.membarrier) {
    puts("skipped: without membarrier caches are never open");
    return 77;
  }
  return cmocka_run_group_tests(tests, NULL, NULL);
}
