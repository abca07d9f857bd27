/* What the child of a fork inherits: not the waiting, growing, resting and watching of threads that it does not have, and of what
   lay in their caches all. Some of it shows in the state alone, which this test reads. C only: its allocator. */
#include "support.h"

#define OBJPOOL_MAX_THREADS 4
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

#if THREAD_SANITIZED
const char *__tsan_default_options(void);
const char *__tsan_default_options(void) { return "report_thread_leaks=0:die_after_fork=0"; }
#endif

typedef struct thing {
  long n;
} thing;

static gate entered, leave; /* where a hook, an allocator or a thread waits, when one shall */
static bool build_waits, allocator_waits;

static bool build(thing *object, void *context) {
  (void)object, (void)context;
  if (!__atomic_exchange_n(&build_waits, false, __ATOMIC_SEQ_CST)) return true;
  gate_open(&entered);
  gate_wait(&leave);
  return true;
}

OBJPOOL_DEFINE(thing_pool, thing);
OBJPOOL_DEFINE(built_pool, thing, opt.create = build);

static char output[2000];

static int open_gates(void **state) {
  (void)state;
  gate_make(&entered);
  gate_make(&leave);
  return 0;
}

static int close_gates(void **state) {
  (void)state;
  gate_close(&entered);
  gate_close(&leave);
  return 0;
}

/* Forks while `thread`, if any, is where it said so at the gate. */
static void fork_beside(pthread_t *thread, void (*body)(void *), void *argument) {
  if (thread) gate_wait(&entered);
  int status = in_child(body, argument, output, sizeof output);
  if (thread) {
    gate_open(&leave);
    join_thread(*thread);
  }
  if (!EXITED_WELL(status)) print_error("the child: %s\n", output);
  assert_true(EXITED_WELL(status));
}

/* ---- caches */

enum { IDLE = 20 };
static thing_pool pool;

static void *leave_objects_in_the_cache(void *unused) {
  thing *objects[IDLE];
  CHECK(thing_pool_acquire_many(&pool, objects, IDLE) == IDLE);
  thing_pool_release_many(&pool, objects, IDLE);
  gate_open(&entered);
  gate_wait(&leave);
  return unused;
}

static void take_as_many(void *unused) {
  thing *objects[IDLE];
  (void)unused;
  uint64_t created = thing_pool_stats(&pool).created;
  CHECK(thing_pool_acquire_many(&pool, objects, IDLE) == IDLE);
  CHECK(thing_pool_stats(&pool).created == created);
  thing_pool_release_many(&pool, objects, IDLE);
}

static void what_lay_in_the_caches_of_other_threads_is_in_the_childs_commons(void **state) {
  (void)state;
  thing_pool_release(&pool, thing_pool_acquire(&pool)); /* this thread's own slot, with one of its own */
  thing_pool_trim(&pool, 0);
  pthread_t other = start_thread(leave_objects_in_the_cache, NULL);
  fork_beside(&other, take_as_many, NULL); /* without a limit a thread does not look into the caches of others */
  thing_pool_destroy(&pool);
}

/* ---- indices */

static long have_index, done_looking;

static void *look_for_an_index(void *unused) {
  thing_pool_release(&pool, thing_pool_acquire(&pool));
  if (objpool__thread_index() >= OBJPOOL__FIRST_INDEX) count_add(&have_index, 1);
  count_add(&done_looking, 1);
  WAIT_UNTIL(count_read(&done_looking) == OBJPOOL_MAX_THREADS - 1); /* all at once */
  return unused;
}

static void start_as_many_threads_as_there_are_indices(void *unused) {
  pthread_t threads[OBJPOOL_MAX_THREADS - 1];
  (void)unused;
  for (size_t i = 0; i < COUNT_OF(threads); i++) threads[i] = start_thread(look_for_an_index, NULL);
  for (size_t i = 0; i < COUNT_OF(threads); i++) join_thread(threads[i]);
  CHECK(count_read(&have_index) == OBJPOOL_MAX_THREADS - 1);
}

static void *hold_an_index(void *unused) {
  thing_pool_release(&pool, thing_pool_acquire(&pool));
  gate_open(&entered);
  gate_wait(&leave);
  return unused;
}

static void indices_of_the_parents_threads_are_free_in_the_child(void **state) {
  (void)state;
#if THREAD_SANITIZED
  skip(); /* a child that starts threads */
#endif
  pthread_t others[OBJPOOL_MAX_THREADS - 2];
  thing_pool_release(&pool, thing_pool_acquire(&pool)); /* one is this thread's, and one is left */
  for (size_t i = 0; i < COUNT_OF(others); i++) {
    others[i] = start_thread(hold_an_index, NULL);
    gate_wait(&entered);
  }
  fork_beside(NULL, start_as_many_threads_as_there_are_indices, NULL);
  for (size_t i = 0; i < COUNT_OF(others); i++) gate_open(&leave);
  for (size_t i = 0; i < COUNT_OF(others); i++) join_thread(others[i]);
  thing_pool_destroy(&pool);
}

static void *note_own_index(void *index) {
  thing_pool_release(&pool, thing_pool_acquire(&pool));
  *(unsigned *)index = objpool__thread_index();
  return NULL;
}

static void take_none_that_is_this_threads(void *unused) {
  unsigned other = 0;
  (void)unused;
  in_another_thread(note_own_index, &other);
  CHECK(other >= OBJPOOL__FIRST_INDEX && other != objpool__thread_index());
}

static void the_thread_that_forked_keeps_its_index_in_the_child(void **state) {
  (void)state;
#if THREAD_SANITIZED
  skip(); /* a child that starts threads */
#endif
  thing_pool_release(&pool, thing_pool_acquire(&pool));
  assert_int_equal(objpool__thread_index(), OBJPOOL__FIRST_INDEX);
  fork_beside(NULL, take_none_that_is_this_threads, NULL);
  thing_pool_destroy(&pool);
}

static void threads_that_come_and_go_each_get_an_index(void **state) {
  (void)state;
  for (int i = 0; i < 3 * OBJPOOL_MAX_THREADS; i++) {
    unsigned index = 0;
    in_another_thread(note_own_index, &index);
    assert_true(index >= OBJPOOL__FIRST_INDEX);
  }
  thing_pool_destroy(&pool);
}

static pthread_key_t late_key;
static int rounds_of_destructors;
static unsigned index_at_last;

static void use_in_two_rounds(void *value) {
  thing_pool_release(&pool, thing_pool_acquire(&pool));
  index_at_last = objpool__thread_index();
  if (++rounds_of_destructors == 1) CHECK(pthread_setspecific(late_key, value) == 0);
}

static void *use_and_end(void *unused) {
  thing_pool_release(&pool, thing_pool_acquire(&pool));
  CHECK(objpool__thread_index() >= OBJPOOL__FIRST_INDEX);
  CHECK(pthread_setspecific(late_key, &rounds_of_destructors) == 0);
  return unused;
}

static void a_thread_that_ends_keeps_no_index_for_its_last_destructors(void **state) {
  (void)state;
  assert_int_equal(pthread_key_create(&late_key, use_in_two_rounds), 0);
  in_another_thread(use_and_end, NULL);
  assert_int_equal(rounds_of_destructors, 2);
  assert_true(index_at_last < OBJPOOL__FIRST_INDEX); /* another thread may have it by now */
  pthread_key_delete(late_key);
  thing_pool_destroy(&pool);
}

/* ---- growing */

static void *wait_in_the_allocator(size_t size, size_t alignment, void *context) {
  void *memory = NULL;
  (void)context;
  if (__atomic_exchange_n(&allocator_waits, false, __ATOMIC_SEQ_CST)) {
    gate_open(&entered);
    gate_wait(&leave);
  }
  if (posix_memalign(&memory, alignment < sizeof(void *) ? sizeof(void *) : alignment, size) != 0) return NULL;
  return memory;
}

static void give_back(void *memory, size_t size, size_t alignment, void *context) {
  (void)size, (void)alignment, (void)context;
  free(memory);
}

static void *acquire_one(void *unused) {
  CHECK(thing_pool_acquire(&pool));
  return unused;
}

static void let_it_grow(void *unused) {
  (void)unused;
  alarm(HANGS_AFTER);
  for (int i = 0; i < 1000; i++) CHECK(thing_pool_acquire(&pool));
}

static void a_child_grows_though_a_thread_of_the_parent_was_asking_the_allocator(void **state) {
  objpool_config config;
  (void)state;
  memset(&config, 0, sizeof config);
  config.allocator.allocate = wait_in_the_allocator;
  config.allocator.deallocate = give_back;
  config.on_leak = OBJPOOL_LEAK_IGNORE;
  assert_true(thing_pool_init(&pool, &config));
  __atomic_store_n(&allocator_waits, true, __ATOMIC_SEQ_CST);
  pthread_t other = start_thread(acquire_one, NULL);
  fork_beside(&other, let_it_grow, NULL);
  thing_pool_destroy(&pool);
}

/* No child, but the same allocator: who finds another thread there waits for what it brings. */
static gate go;

static void *acquire_when_told(void *unused) {
  CHECK(thing_pool_attach(&pool));
  gate_open(&entered);
  gate_wait(&go);
  CHECK(thing_pool_acquire(&pool));
  return unused;
}

static void threads_that_need_memory_at_once_take_one_block(void **state) {
  objpool_config config;
  pthread_t threads[2];
  (void)state;
  memset(&config, 0, sizeof config);
  config.allocator.allocate = wait_in_the_allocator;
  config.allocator.deallocate = give_back;
  config.on_leak = OBJPOOL_LEAK_IGNORE;
  assert_true(thing_pool_init(&pool, &config));
  gate_make(&go);
  for (size_t i = 0; i < COUNT_OF(threads); i++) {
    threads[i] = start_thread(acquire_when_told, NULL);
    gate_wait(&entered);
  }
  __atomic_store_n(&allocator_waits, true, __ATOMIC_SEQ_CST);
  gate_open(&go);
  gate_wait(&entered);
  gate_open(&go);
  sleep_ms(50);
  gate_open(&leave);
  for (size_t i = 0; i < COUNT_OF(threads); i++) join_thread(threads[i]);
  assert_int_equal(pool.base.state->blocks.count, 1);
  gate_close(&go);
  thing_pool_destroy(&pool);
}

/* ---- waiting */

static void *wait_briefly(void *milliseconds) {
  CHECK(!thing_pool_acquire_for(&pool, (int64_t) * (int *)milliseconds * 1000000));
  return NULL;
}

static void wait_in_the_child(void *unused) {
  int milliseconds = 200;
  (void)unused;
  pthread_t waiter = start_thread(wait_briefly, &milliseconds);
  WAIT_UNTIL(thing_pool_stats(&pool).waiting == 1);
  CHECK(thing_pool_stats(&pool).wait_ns < UINT64_C(30000000000));
  join_thread(waiter);
  CHECK(thing_pool_stats(&pool).waiting == 0);
  CHECK(thing_pool_stats(&pool).wait_ns < UINT64_C(30000000000));
}

static void *wait_in_the_parent(void *unused) {
  thing *object = thing_pool_acquire_for(&pool, -1);
  CHECK(object);
  thing_pool_release(&pool, object);
  return unused;
}

static void waits_in_a_child_are_counted_from_their_own_beginning(void **state) {
  objpool_config config;
  (void)state;
#if THREAD_SANITIZED
  skip(); /* a child that starts threads */
#endif
  memset(&config, 0, sizeof config);
  config.max_objects = 1;
  assert_true(thing_pool_init(&pool, &config));
  thing *only = thing_pool_acquire(&pool);
  pthread_t waiter = start_thread(wait_in_the_parent, NULL);
  WAIT_UNTIL(thing_pool_stats(&pool).waiting == 1);
  fork_beside(NULL, wait_in_the_child, NULL);
  thing_pool_release(&pool, only);
  join_thread(waiter);
  thing_pool_destroy(&pool);
}

/* ---- counts */

static built_pool built;

static void *build_one(void *unused) {
  built_pool_release(&built, built_pool_acquire(&built));
  return unused;
}

static void look_at_the_counts(void *unused) {
  (void)unused;
  objpool_stats stats = built_pool_stats(&built);
  CHECK(stats.in_use == 1); /* for good */
  CHECK(stats.acquires - stats.releases - stats.extracted == stats.in_use);
  CHECK(stats.created - stats.destroyed - stats.extracted == stats.in_use + stats.idle);
  objpool_reset_stats(&built.base);
  stats = built_pool_stats(&built);
  CHECK(stats.in_use == 1);
  CHECK(stats.acquires == 0 && stats.created == 0);
}

static void what_another_thread_was_building_counts_as_in_use_until_a_reset(void **state) {
  (void)state;
  __atomic_store_n(&build_waits, true, __ATOMIC_SEQ_CST);
  pthread_t other = start_thread(build_one, NULL);
  fork_beside(&other, look_at_the_counts, NULL);
  built_pool_destroy(&built);
}

/* ---- monitors */

static void start_a_monitor(void *unused) {
  objpool_monitor monitor;
  (void)unused;
  CHECK(objpool_monitor_init(&monitor, NULL, NULL, NULL));
  CHECK(objpool_monitor_start(&monitor, 1000000));
  errno = 0;
  CHECK(!objpool_monitor_start(&monitor, 1000000) && errno == EBUSY);
  objpool_monitor_destroy(&monitor);
}

static void a_childs_own_monitor_runs(void **state) {
  (void)state;
#if THREAD_SANITIZED
  skip(); /* a child that starts threads */
#endif
  fork_beside(NULL, start_a_monitor, NULL);
}

/* ---- a handler of the program that comes before the pool's, and trims first of all */

static bool trims;

static void trim_first(void) {
  if (trims) thing_pool_trim(&pool, 0);
}

static __attribute__((constructor(101))) void register_early(void) {
  CHECK(pthread_atfork(NULL, NULL, trim_first) == 0);
}

static void look_at_the_holds(void *unused) {
  (void)unused;
  CHECK(pool.base.state->gate.hold == 0);
}

static void a_handler_that_trims_leaves_nothing_held(void **state) {
  (void)state;
  thing_pool_release(&pool, thing_pool_acquire(&pool));
  assert_int_equal(pool.base.state->gate.open_slots, 1);
  trims = true;
  fork_beside(NULL, look_at_the_holds, NULL);
  trims = false;
  thing_pool_destroy(&pool);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(what_lay_in_the_caches_of_other_threads_is_in_the_childs_commons, open_gates,
                                      close_gates),
      cmocka_unit_test_setup_teardown(indices_of_the_parents_threads_are_free_in_the_child, open_gates, close_gates),
      cmocka_unit_test_setup_teardown(the_thread_that_forked_keeps_its_index_in_the_child, open_gates, close_gates),
      cmocka_unit_test(threads_that_come_and_go_each_get_an_index),
      cmocka_unit_test(a_thread_that_ends_keeps_no_index_for_its_last_destructors),
      cmocka_unit_test_setup_teardown(a_child_grows_though_a_thread_of_the_parent_was_asking_the_allocator, open_gates,
                                      close_gates),
      cmocka_unit_test_setup_teardown(threads_that_need_memory_at_once_take_one_block, open_gates, close_gates),
      cmocka_unit_test(waits_in_a_child_are_counted_from_their_own_beginning),
      cmocka_unit_test_setup_teardown(what_another_thread_was_building_counts_as_in_use_until_a_reset, open_gates,
                                      close_gates),
      cmocka_unit_test(a_childs_own_monitor_runs),
      cmocka_unit_test(a_handler_that_trims_leaves_nothing_held),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
