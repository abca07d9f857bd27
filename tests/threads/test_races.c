/* Things that meet: a monitor that is stopped or destroyed from where it calls, threads that use their first pool in the
   last round of their destructors, an allocator that uses another pool, maintenance and resize at full speed. */
#include "support.h"

#include <limits.h>
#include <sched.h>

static void note_panic(const char *message);
#define OBJPOOL_PANIC(message) note_panic(message)
#define OBJPOOL_MAX_THREADS 4
static int lock_and_stop(pthread_mutex_t *mutex);
#define pthread_mutex_lock(mutex) lock_and_stop(mutex)
#define OBJPOOL_IMPLEMENTATION
#include "pools.h"
#undef pthread_mutex_lock

static long panics_noted;
static char panic_noted[300];
static void note_panic(const char *message) { /* in any thread; the call then has no effect */
  snprintf(panic_noted, sizeof panic_noted, "%s", message);
  count_add(&panics_noted, 1);
}

typedef struct thing {
  long held;
  char text[56];
} thing;

static bool accept(thing *object, void *context) { return (void)object, (void)context, true; }

OBJPOOL_DEFINE(thing_pool, thing);
OBJPOOL_DEFINE(looked_pool, thing, opt.validate = accept, opt.validate_on = OBJPOOL_ON_MAINTAIN);

static thing_pool pool;
static char output[2000];

/* ---- a monitor from within its own calls */

static objpool_monitor monitor;
static long alerts;

static void destroy_it(const objpool_alert *alert, void *user) {
  (void)alert, (void)user;
  if (count_add(&alerts, 1) == 1) objpool_monitor_destroy(&monitor);
}

static void init_named_with_100_idle(void) {
  objpool_config config = defaults();
  config.name = "watched";
  config.min_idle = config.warmup = 100;
  CHECK(thing_pool_init(&pool, &config));
}

static void begin_to_watch(void (*on_alert)(const objpool_alert *, void *)) {
  objpool_thresholds thresholds;
  memset(&thresholds, 0, sizeof thresholds);
  thresholds.max_objects = 1;
  alerts = panics_noted = 0;
  panic_noted[0] = 0;
  CHECK(objpool_monitor_init(&monitor, &thresholds, on_alert, NULL));
}

static void destroying_a_monitor_in_its_poll_panics_and_changes_nothing(void **state) {
  (void)state;
  init_named_with_100_idle();
  begin_to_watch(destroy_it);
  assert_int_equal(objpool_monitor_poll(&monitor), 1);
  assert_int_equal(count_read(&panics_noted), 1);
  assert_true(panic_noted[0]);
  assert_non_null(monitor.state);
  assert_int_equal(objpool_monitor_poll(&monitor), 0); /* it goes on: the alert is known */
  (void)thing_pool_clear(&pool);
  assert_int_equal(objpool_monitor_poll(&monitor), 1); /* and ended */
  objpool_monitor_destroy(&monitor);
  assert_int_equal(count_read(&panics_noted), 1);
  thing_pool_destroy(&pool);
}

static void destroying_a_monitor_in_its_thread_panics_and_changes_nothing(void **state) {
  (void)state;
  init_named_with_100_idle();
  begin_to_watch(destroy_it);
  assert_true(objpool_monitor_start(&monitor, 1000000));
  WAIT_UNTIL(count_read(&panics_noted) == 1);
  (void)thing_pool_clear(&pool);
  WAIT_UNTIL(count_read(&alerts) >= 2); /* it goes on */
  objpool_monitor_destroy(&monitor);
  assert_null(monitor.state);
  thing_pool_destroy(&pool);
}

static void stop_itself(const objpool_alert *alert, void *user) {
  (void)alert, (void)user;
  objpool_monitor_stop(&monitor); /* which finds what start has written */
  count_add(&alerts, 1);
}

static void monitor_may_be_stopped_in_its_own_alert(void **state) {
  (void)state;
  init_named_with_100_idle();
  begin_to_watch(stop_itself);
  assert_true(objpool_monitor_start(&monitor, 1000000));
  WAIT_UNTIL(count_read(&alerts));
  objpool_monitor_destroy(&monitor);
  assert_int_equal(count_read(&alerts), 1);
  thing_pool_destroy(&pool);
}

static void stop_it_beside_its_thread(objpool *visited, void *user) {
  (void)visited, (void)user;
  sleep_ms(50); /* the monitor's thread now waits for the registry, most likely */
  objpool_monitor_stop(&monitor);
}

static void stop_in_a_visitor(void *unused) {
  (void)unused;
  alarm(HANGS_AFTER);
  init_named_with_100_idle();
  begin_to_watch(NULL);
  CHECK(objpool_monitor_start(&monitor, 1000000));
  CHECK(objpool_registry_each(stop_it_beside_its_thread, NULL) == 1);
  objpool_monitor_stop(&monitor); /* here its thread is joined, if it was not before */
  CHECK(objpool_monitor_start(&monitor, 1000000));
  CHECK(objpool_registry_each(stop_it_beside_its_thread, NULL) == 1);
  objpool_monitor_destroy(&monitor);
  thing_pool_destroy(&pool);
}

static void monitor_may_be_stopped_in_a_visitor(void **state) {
  (void)state;
  int status = in_child(stop_in_a_visitor, NULL, output, sizeof output);
  if (!EXITED_WELL(status)) fail_msg("status %#x: %s", (unsigned)status, output);
}

static objpool_monitor other;
static void stop_another(const objpool_alert *alert, void *user) {
  (void)alert, (void)user;
  sleep_ms(50);
  objpool_monitor_stop(&other);
}

static void stop_in_an_alert_of_another(void *unused) {
  (void)unused;
  alarm(HANGS_AFTER);
  init_named_with_100_idle();
  begin_to_watch(stop_another);
  CHECK(objpool_monitor_init(&other, NULL, NULL, NULL));
  CHECK(objpool_monitor_start(&other, 1000000));
  CHECK(objpool_monitor_poll(&monitor) == 1);
  objpool_monitor_destroy(&other);
  objpool_monitor_destroy(&monitor);
  thing_pool_destroy(&pool);
}

static void monitor_may_be_stopped_in_an_alert_of_another(void **state) {
  (void)state;
  int status = in_child(stop_in_an_alert_of_another, NULL, output, sizeof output);
  if (!EXITED_WELL(status)) fail_msg("status %#x: %s", (unsigned)status, output);
}

#if !THREAD_SANITIZED /* which has ended a thread by the last round of its destructors */

/* ---- thread indices come back */

static pthread_key_t last_round;
static __thread int rounds_seen;

/* Runs in each round that the system gives, and uses the pool in the last one: nobody asks for its index afterwards. */
static void use_in_the_last_round(void *value) {
  if (++rounds_seen < PTHREAD_DESTRUCTOR_ITERATIONS) {
    CHECK(pthread_setspecific(last_round, value) == 0);
    return;
  }
  thing *objects[20];
  size_t count = thing_pool_acquire_many(&pool, objects, 20);
  CHECK(count == 20);
  thing_pool_release_many(&pool, objects, count);
}

static void *end_late(void *unused) {
  CHECK(pthread_setspecific(last_round, &last_round) == 0);
  return unused;
}

static unsigned index_of_a_new_thread;
static void *look_at_the_index(void *unused) {
  thing_pool_release(&pool, thing_pool_acquire(&pool));
  index_of_a_new_thread = objpool__thread_index();
  for (int i = 0; i < 2000; i++) {
    thing *objects[40];
    thing_pool_release_many(&pool, objects, thing_pool_acquire_many(&pool, objects, 40));
  }
  return unused;
}

static void thread_that_first_uses_a_pool_in_its_last_destructor_leaves_its_index(void **state) {
  objpool_config config = defaults();
  (void)state;
  config.max_objects = 100;
  config.cache_size = 8;
  assert_true(thing_pool_init(&pool, &config));
  assert_int_equal(pthread_key_create(&last_round, use_in_the_last_round), 0);
  for (int i = 0; i < 3 * OBJPOOL_MAX_THREADS; i++) in_another_thread(end_late, NULL);
  uint64_t refills = thing_pool_stats(&pool).refills;
  in_another_thread(look_at_the_index, NULL);
  assert_true(index_of_a_new_thread >= OBJPOOL__FIRST_INDEX);
  assert_true(thing_pool_stats(&pool).refills > refills); /* it has a cache */
  thing *objects[100];
  assert_int_equal(thing_pool_acquire_many(&pool, objects, 100), 100); /* nothing stays in what they left */
  thing_pool_release_many(&pool, objects, 100);
  pthread_key_delete(last_round);
  thing_pool_destroy(&pool);
}

static void thread_that_uses_a_pool_in_each_destructor_leaves_its_index(void **state) {
  (void)state;
  thing_pool_release(&pool, thing_pool_acquire(&pool)); /* the key of the pools stands before this one, or after */
  thing_pool_destroy(&pool);
  thread_that_first_uses_a_pool_in_its_last_destructor_leaves_its_index(state);
}
/* Threads that stayed behind need no index in a child. */
static long at_once, with_an_index, may_leave;

static void *have_an_index(void *unused) {
  thing_pool_release(&pool, thing_pool_acquire(&pool));
  if (objpool__thread_index() >= OBJPOOL__FIRST_INDEX) count_add(&with_an_index, 1);
  count_add(&at_once, 1);
  WAIT_UNTIL(count_read(&may_leave));
  return unused;
}

static void fill_all_indices(void *unused) {
  enum { THREADS = OBJPOOL_MAX_THREADS - 1 }; /* and this one */
  pthread_t threads[THREADS];
  (void)unused;
  alarm(HANGS_AFTER);
  at_once = with_an_index = may_leave = 0;
  thing_pool_release(&pool, thing_pool_acquire(&pool));
  for (int i = 0; i < THREADS; i++) threads[i] = start_thread(have_an_index, NULL);
  WAIT_UNTIL(count_read(&at_once) == THREADS);
  CHECK(count_read(&with_an_index) == THREADS);
  if (unused) { /* its child is to do the same */
    char said[500];
    int status = in_child(fill_all_indices, NULL, said, sizeof said);
    if (!EXITED_WELL(status)) fprintf(stderr, "in the child: %s", said);
    CHECK(EXITED_WELL(status));
  }
  count_set(&may_leave, 1);
  for (int i = 0; i < THREADS; i++) join_thread(threads[i]);
}

static void child_has_the_indices_of_threads_that_stayed_behind(void **state) {
  (void)state;
  int status = in_child(fill_all_indices, &pool, output, sizeof output);
  if (!EXITED_WELL(status)) fail_msg("status %#x: %s", (unsigned)status, output);
}
#endif

/* ---- an allocator that uses another pool */

typedef struct slab {
  char bytes[4000];
} slab;

OBJPOOL_DEFINE(slab_pool, slab);

static slab_pool slabs;

static void *allocate_from_slabs(size_t size, size_t alignment, void *context) {
  void *memory = NULL;
  (void)context;
  if (size <= sizeof(slab) && alignment <= 8) return slab_pool_acquire(&slabs);
  slab_pool_release(&slabs, slab_pool_acquire(&slabs)); /* and some use of it in any case */
  return posix_memalign(&memory, alignment < sizeof(void *) ? sizeof(void *) : alignment, size) ? NULL : memory;
}
static void give_to_slabs(void *memory, size_t size, size_t alignment, void *context) {
  (void)context;
  if (size <= sizeof(slab) && alignment <= 8)
    slab_pool_release(&slabs, (slab *)memory);
  else
    free(memory);
}

static long threads_ended, stop_now;

static void *grow_and_end(void *unused) {
  thing *objects[60];
  size_t count =
      thing_pool_acquire_many(&pool, objects, 60); /* this thread's first pool; its slot and more come from the other */
  CHECK(count == 60);
  thing_pool_release_many(&pool, objects, count);
  (void)thing_pool_trim(&pool, 10);
  return unused;
}

static void *start_and_end_threads(void *unused) {
  while (!count_read(&stop_now)) {
    in_another_thread(grow_and_end, NULL);
    count_add(&threads_ended, 1);
  }
  return unused;
}

static void use_and_fork(void *unused) {
  enum { STARTERS = 2 };
  pthread_t starters[STARTERS];
  objpool_config config = defaults();
  (void)unused;
  alarm(HANGS_AFTER);
  config.allocator.allocate = allocate_from_slabs;
  config.allocator.deallocate = give_to_slabs;
  CHECK(thing_pool_init(&pool, &config));
  for (int i = 0; i < STARTERS; i++) starters[i] = start_thread(start_and_end_threads, NULL);
  for (int i = 0; i < SCALED(200, 60, 20) || count_read(&threads_ended) < SCALED(600, 200, 60); i++) {
    thing_pool brief;
    memset(&brief, 0, sizeof brief);
    CHECK(thing_pool_init(&brief, &config));
    thing_pool_release(&brief, thing_pool_acquire(&brief));
    if (i % 4 == 0) {
      int status;
      pid_t child = fork();
      CHECK(child >= 0);
      if (child == 0) {
        alarm(HANGS_AFTER);
        (void)grow_and_end(NULL);
        thing_pool_destroy(&brief);
        _exit(0);
      }
      while (waitpid(child, &status, 0) < 0) CHECK(errno == EINTR);
      if (ENDED_BY(status, SIGALRM)) fprintf(stderr, "the child hangs\n");
      CHECK(EXITED_WELL(status));
    }
    thing_pool_destroy(&brief);
  }
  count_set(&stop_now, 1);
  for (int i = 0; i < STARTERS; i++) join_thread(starters[i]);
  CHECK(thing_pool_stats(&pool).in_use == 0);
  thing_pool_destroy(&pool);
  CHECK(slab_pool_stats(&slabs).in_use == 0);
  slab_pool_destroy(&slabs);
}

static void allocator_may_use_another_pool_while_threads_end_and_fork(void **state) {
  (void)state;
  int status = in_child(use_and_fork, NULL, output, sizeof output);
  if (!EXITED_WELL(status)) fail_msg("status %#x: %s", (unsigned)status, output);
}

/* The moment that matters: an allocation is under way, maybe under a lock, when a fork begins or a thread ends; then the
   allocator uses a pool that nobody used before. */
static slab_pool fresh_slabs;
static long allocation_number, allocations, inside_allocation, go_on;
static __thread bool allocates_first;

static void *allocate_and_use_a_fresh_pool(size_t size, size_t alignment, void *context) {
  void *memory = NULL;
  (void)context;
  if (allocates_first && allocations++ == allocation_number) {
    count_add(&inside_allocation, 1);
    WAIT_UNTIL(count_read(&go_on));
    sleep_ms(20); /* the other goes on, or waits for what this thread holds */
    slab_pool_release(&fresh_slabs, slab_pool_acquire(&fresh_slabs));
  }
  return posix_memalign(&memory, alignment < sizeof(void *) ? sizeof(void *) : alignment, size) ? NULL : memory;
}
static void just_free(void *memory, size_t size, size_t alignment, void *context) {
  (void)size, (void)alignment, (void)context;
  free(memory);
}

static void *grow_until_it_allocates(void *unused) {
  static thing *objects[500];
  allocates_first = true;
  size_t count = thing_pool_acquire_many(&pool, objects, 500);
  CHECK(count == 500);
  thing_pool_release_many(&pool, objects, count);
  CHECK(thing_pool_resize(&pool, 600, 1000) || errno);
  allocates_first = false;
  count_add(&inside_allocation, 1); /* it may not have come to that many */
  return unused;
}

static void begin_to_fork(void) { count_set(&go_on, 1); }

static long has_index;
static void *end_with_an_index(void *unused) {
  thing_pool_release(&pool, thing_pool_acquire(&pool));
  count_set(&has_index, 1);
  WAIT_UNTIL(count_read(&inside_allocation));
  count_set(&go_on, 1);
  return unused; /* its destructors take locks */
}

static void meet_an_allocation(void *fork_too) {
  objpool_config config = defaults();
  alarm(HANGS_AFTER);
  config.allocator.allocate = allocate_and_use_a_fresh_pool;
  config.allocator.deallocate = just_free;
  CHECK(thing_pool_init(&pool, &config));
  CHECK(pthread_atfork(begin_to_fork, NULL, NULL) == 0); /* the last one registered comes first */
  pthread_t leaver = start_thread(end_with_an_index, NULL);
  WAIT_UNTIL(count_read(&has_index));
  if (fork_too) {
    count_set(&inside_allocation, 1);
    join_thread(leaver);
    count_set(&inside_allocation, 0);
    count_set(&go_on, 0);
  }
  pthread_t grower = start_thread(grow_until_it_allocates, NULL);
  WAIT_UNTIL(count_read(&inside_allocation));
  if (fork_too) {
    int status;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      alarm(HANGS_AFTER);
      thing_pool_release(&pool, thing_pool_acquire(&pool));
      slab_pool_release(&fresh_slabs, slab_pool_acquire(&fresh_slabs));
      _exit(0);
    }
    while (waitpid(child, &status, 0) < 0) CHECK(errno == EINTR);
    if (ENDED_BY(status, SIGALRM)) fprintf(stderr, "the child hangs\n");
    CHECK(EXITED_WELL(status));
  } else {
    join_thread(leaver);
  }
  count_set(&go_on, 1);
  join_thread(grower);
  thing_pool_destroy(&pool);
  slab_pool_destroy(&fresh_slabs);
}

static void allocator_may_use_a_pool_for_the_first_time(void **state) {
  (void)state;
  for (intptr_t fork_too = 0; fork_too < 2; fork_too++)
    for (allocation_number = 0; allocation_number < SCALED(14, 8, 6); allocation_number++) {
      int status = in_child(meet_an_allocation, (void *)fork_too, output, sizeof output);
      if (!EXITED_WELL(status))
        fail_msg("%s, allocation %ld: status %#x: %s", fork_too ? "fork" : "thread end", allocation_number,
                 (unsigned)status, output);
    }
}

/* ---- a thread ends while another closes all slots: one after the other */

static __thread bool stops_at_its_end;
static long at_its_end, is_trimmed;

static int lock_and_stop(pthread_mutex_t *mutex) {
  if (stops_at_its_end && mutex == &pool.base.state->commons.lock.plain) {
    stops_at_its_end = false;
    count_set(&at_its_end, 1);
    for (int ms = 0; ms < 100 && !count_read(&is_trimmed); ms++) sleep_ms(1); /* for as long as the other has to wait */
  }
  return pthread_mutex_lock(mutex);
}

enum { LEFT = 6, KEPT = 3 };
static void *leave_some_in_the_slot(void *unused) {
  thing *objects[LEFT];
  for (int i = 0; i < 1000; i++) {
    CHECK(thing_pool_acquire_many(&pool, objects, LEFT) == LEFT);
    thing_pool_release_many(&pool, objects, LEFT);
  }
  stops_at_its_end = true; /* what lies there is about to be moved */
  return unused;
}

static void what_a_thread_leaves_is_moved_once(void **state) {
  thing *objects[LEFT];
  (void)state;
  assert_true(thing_pool_init(&pool, NULL));
  count_set(&at_its_end, 0);
  count_set(&is_trimmed, 0);
  pthread_t thread = start_thread(leave_some_in_the_slot, NULL);
  WAIT_UNTIL(count_read(&at_its_end));
  assert_int_equal(thing_pool_trim(&pool, KEPT), LEFT - KEPT);
  count_set(&is_trimmed, 1);
  join_thread(thread);
  assert_int_equal(thing_pool_stats(&pool).idle, KEPT);
  assert_int_equal(thing_pool_acquire_many(&pool, objects, LEFT), LEFT);
  for (int i = 0; i < LEFT; i++)
    for (int k = 0; k < i; k++) assert_ptr_not_equal(objects[i], objects[k]);
  thing_pool_release_many(&pool, objects, LEFT);
  thing_pool_destroy(&pool);
}

/* ---- maintenance and resize at full speed (tests/caches/test_schedules.c lets them take turns) */

static looked_pool looked;
static void *maintain_again_and_again(void *unused) {
  while (!count_read(&stop_now)) (void)objpool_maintain(&looked.base);
  return unused;
}
static void max_idle_is_exact_after_maintenance_met_resizes(void **state) {
  objpool_config config = defaults();
  (void)state;
  config.max_idle = 400;
  config.max_objects = 4000;
  assert_true(looked_pool_init(&looked, &config));
  objpool_set_pressure_source(no_pressure, NULL);
  for (int round = 0; round < SCALED(1500, 30, 10); round++) {
    static thing *objects[2000];
    stop_now = 0;
    pthread_t maintainer = start_thread(maintain_again_and_again, NULL);
    for (int i = 0; i < 64; i++) {
      assert_true(looked_pool_resize(&looked, 400, 4000));
      size_t count = looked_pool_acquire_many(&looked, objects, 64);
      looked_pool_release_many(&looked, objects, count);
      assert_true(looked_pool_resize(&looked, 32, 4000));
    }
    count_set(&stop_now, 1);
    join_thread(maintainer);
    size_t count = looked_pool_acquire_many(&looked, objects, 2000);
    assert_int_equal(count, 2000);
    looked_pool_release_many(&looked, objects, count);
    assert_int_equal(looked_pool_stats(&looked).idle, 32);
  }
  objpool_set_pressure_source(NULL, NULL);
  looked_pool_destroy(&looked);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(destroying_a_monitor_in_its_poll_panics_and_changes_nothing),
    cmocka_unit_test(destroying_a_monitor_in_its_thread_panics_and_changes_nothing),
    cmocka_unit_test(monitor_may_be_stopped_in_its_own_alert),
    cmocka_unit_test(monitor_may_be_stopped_in_a_visitor),
    cmocka_unit_test(monitor_may_be_stopped_in_an_alert_of_another),
#if !THREAD_SANITIZED
    cmocka_unit_test(thread_that_first_uses_a_pool_in_its_last_destructor_leaves_its_index),
    cmocka_unit_test(thread_that_uses_a_pool_in_each_destructor_leaves_its_index),
    cmocka_unit_test(child_has_the_indices_of_threads_that_stayed_behind),
#endif
    cmocka_unit_test(allocator_may_use_another_pool_while_threads_end_and_fork),
    cmocka_unit_test(allocator_may_use_a_pool_for_the_first_time),
    cmocka_unit_test(what_a_thread_leaves_is_moved_once),
    cmocka_unit_test(max_idle_is_exact_after_maintenance_met_resizes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
