/* Monitors at the edges: refused settings, states that do not fit the call, intervals without end, handlers that
   stop their own monitor. */
#include "support.h"

#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

typedef struct thing {
  long n;
} thing;

static void wait_for_gate(const objpool_event *event, void *context);

OBJPOOL_DEFINE(thing_pool, thing);
OBJPOOL_DEFINE(local_pool, thing, opt.local = true);
OBJPOOL_DEFINE(watched_pool, thing, opt.on_event = wait_for_gate);

static void rates_outside_0_to_1_are_refused(void **state) {
  objpool_monitor monitor;
  objpool_thresholds thresholds;
  const double bad[] = {-0.01, 1.01, __builtin_nan("")};
  double *const rates[] = {&thresholds.min_hit_rate, &thresholds.max_miss_rate, &thresholds.max_utilization};
  (void)state;
  for (size_t i = 0; i < COUNT_OF(rates); i++) {
    for (size_t j = 0; j < COUNT_OF(bad); j++) {
      memset(&thresholds, 0, sizeof thresholds);
      *rates[i] = bad[j];
      memset(&monitor, 'x', sizeof monitor);
      errno = 0;
      assert_false(objpool_monitor_init(&monitor, &thresholds, NULL, NULL));
      assert_int_equal(errno, EINVAL);
      assert_null(monitor.state);
    }
    memset(&thresholds, 0, sizeof thresholds);
    *rates[i] = 1;
    assert_true(objpool_monitor_init(&monitor, &thresholds, NULL, NULL));
    objpool_monitor_destroy(&monitor);
  }
}

static void an_empty_monitor_does_nothing(void **state) {
  objpool_monitor monitor;
  (void)state;
  memset(&monitor, 0, sizeof monitor);
  assert_int_equal(objpool_monitor_poll(&monitor), 0);
  errno = 0;
  assert_false(objpool_monitor_start(&monitor, 1000000));
  assert_int_equal(errno, EINVAL);
  objpool_monitor_stop(&monitor);
  objpool_monitor_destroy(&monitor);
}

static void a_monitor_runs_once_and_not_without_an_interval(void **state) {
  objpool_monitor monitor;
  (void)state;
  assert_true(objpool_monitor_init(&monitor, NULL, NULL, NULL));
  errno = 0;
  assert_false(objpool_monitor_start(&monitor, 0));
  assert_int_equal(errno, EINVAL);
  assert_true(objpool_monitor_start(&monitor, UINT64_MAX)); /* longer than a clock counts: never by itself */
  errno = 0;
  assert_false(objpool_monitor_start(&monitor, 1000000));
  assert_int_equal(errno, EBUSY);
  int64_t began = now_ns();
  objpool_monitor_stop(&monitor);
  assert_true(now_ns() - began < INT64_C(20000000000));
  objpool_monitor_stop(&monitor);
  assert_true(objpool_monitor_start(&monitor, 1000000)); /* again */
  objpool_monitor_destroy(&monitor);
  objpool_monitor_destroy(&monitor);
}

static void conditions_are_counted_without_a_handler_too(void **state) {
  static thing_pool pool;
  objpool_monitor monitor;
  objpool_thresholds thresholds;
  objpool_config config;
  (void)state;
  memset(&thresholds, 0, sizeof thresholds);
  thresholds.max_objects = 2;
  memset(&config, 0, sizeof config);
  config.name = "silent";
  config.warmup = 3;
  assert_true(thing_pool_init(&pool, &config));
  assert_true(objpool_monitor_init(&monitor, &thresholds, NULL, NULL));
  assert_int_equal(objpool_monitor_poll(&monitor), 1);
  assert_int_equal(objpool_monitor_poll(&monitor), 0);
  thing_pool_clear(&pool);
  assert_int_equal(objpool_monitor_poll(&monitor), 1);
  objpool_monitor_destroy(&monitor);
  thing_pool_destroy(&pool);
}

static void note_message(const objpool_alert *alert, void *user) {
  memcpy(user, alert->message, sizeof alert->message);
}

static void a_long_name_is_cut_in_an_alerts_message(void **state) {
  static const char begin[] = "objects 3, above the limit of 2: ";
  (void)state;
  for (size_t shift = 0; shift < 4; shift++) { /* between characters, wherever they begin */
    static thing_pool pool;
    objpool_monitor monitor;
    objpool_thresholds thresholds;
    objpool_config config;
    char name[400], message[160];
    size_t length = 0, whole = sizeof message - 1 - strlen(begin);
    while (length < shift) name[length++] = 'n';
    whole -= (whole - length) % 3;
    while (length + 3 < sizeof name) memcpy(&name[length], "\xe6\xb1\xa0", 3), length += 3;
    name[length] = 0;
    memset(message, 'x', sizeof message);
    memset(&thresholds, 0, sizeof thresholds);
    thresholds.max_objects = 2;
    memset(&config, 0, sizeof config);
    config.name = name;
    config.warmup = 3;
    assert_true(thing_pool_init(&pool, &config));
    assert_true(objpool_monitor_init(&monitor, &thresholds, note_message, message));
    assert_int_equal(objpool_monitor_poll(&monitor), 1);
    assert_non_null(memchr(message, 0, sizeof message));
    assert_int_equal(strlen(message), strlen(begin) + whole);
    assert_memory_equal(message, begin, strlen(begin));
    assert_memory_equal(message + strlen(begin), name, whole);
    objpool_monitor_destroy(&monitor);
    thing_pool_destroy(&pool);
  }
}

static void note_alert(const objpool_alert *alert, void *user) { *(objpool_alert *)user = *alert; }

static void an_acquire_that_turns_out_a_miss_after_a_poll_is_one(void **state) {
  static thing_pool pool;
  objpool_monitor monitor;
  objpool_thresholds thresholds;
  objpool_config config;
  objpool_alert alert;
  (void)state;
  memset(&thresholds, 0, sizeof thresholds);
  thresholds.min_samples = 4;
  memset(&config, 0, sizeof config);
  config.name = "hesitant";
  config.warmup = 8;
  assert_true(thing_pool_init(&pool, &config));
  assert_true(objpool_monitor_init(&monitor, &thresholds, note_alert, &alert));
  for (int i = 0; i < 100; i++) thing_pool_release(&pool, thing_pool_acquire(&pool));
  assert_int_equal(objpool_monitor_poll(&monitor), 0);
  /* Between two polls a hundred acquires, all of them misses, and that of one more, which the first poll counted. */
  pool.base.state->counts.shared[OBJPOOL__ACQUIRES] += 100;
  pool.base.state->counts.shared[OBJPOOL__MISSES] += 101;
  memset(&alert, 0, sizeof alert);
  assert_int_equal(objpool_monitor_poll(&monitor), 2); /* the hit rate and the miss rate; the last one is kept */
  assert_int_equal(alert.kind, OBJPOOL_ALERT_MISS_RATE);
  assert_true(alert.value > 0.99 && alert.value < 1.01);
  objpool_monitor_destroy(&monitor);
  pool.base.state->counts.shared[OBJPOOL__ACQUIRES] -= 100;
  pool.base.state->counts.shared[OBJPOOL__MISSES] -= 101;
  thing_pool_destroy(&pool);
}

/* A stack full of what were the thresholds, if nobody cleared them. */
static __attribute__((noinline)) void dirty_the_stack(void) {
  volatile unsigned char garbage[4096];
  for (size_t i = 0; i < sizeof garbage; i++) garbage[i] = 0xff; /* as numbers, these are none */
}

static void without_thresholds_it_has_the_usual_ones(void **state) {
  objpool_monitor monitor;
  (void)state;
  bool (*volatile init)(objpool_monitor *, const objpool_thresholds *, void (*)(const objpool_alert *, void *), void *) =
      objpool_monitor_init; /* not inlined: its frame is to lie where the garbage is */
  dirty_the_stack();
  assert_true(init(&monitor, NULL, NULL, NULL));
  const objpool_thresholds *limits = &((objpool__monitoring *)monitor.state)->limits;
  assert_true(limits->min_hit_rate > 0.69 && limits->min_hit_rate < 0.71);
  assert_int_equal(limits->min_samples, 100);
  objpool_monitor_destroy(&monitor);
}

static void pools_that_are_gone_leave_no_trace(void **state) {
  static thing_pool pools[50];
  objpool_monitor monitor;
  (void)state;
  assert_true(objpool_monitor_init(&monitor, NULL, NULL, NULL));
  for (int round = 0; round < 3; round++) {
    for (size_t i = 0; i < COUNT_OF(pools); i++) {
      objpool_config config;
      char name[32];
      snprintf(name, sizeof name, "pool %zu", i);
      memset(&config, 0, sizeof config);
      config.name = name;
      assert_true(thing_pool_init(&pools[i], &config));
    }
    objpool_monitor_poll(&monitor); /* watches them all */
    for (size_t i = 0; i < COUNT_OF(pools); i++) thing_pool_destroy(&pools[i]);
    objpool_monitor_poll(&monitor);
    assert_int_equal(((objpool__monitoring *)monitor.state)->watched_count, 0);
  }
  objpool_monitor_destroy(&monitor);
}

/* >>threads: what the monitor's own thread meets */

static long pressures_asked;

static objpool_pressure count_asking(void *unused) {
  (void)unused;
  count_add(&pressures_asked, 1);
  return OBJPOOL_PRESSURE_NONE;
}

static void a_monitor_sleeps_for_its_interval(void **state) {
  static thing_pool pool;
  objpool_monitor monitor;
  objpool_config config;
  (void)state;
  memset(&config, 0, sizeof config);
  config.name = "seldom looked at";
  assert_true(thing_pool_init(&pool, &config));
  count_set(&pressures_asked, 0);
  objpool_set_pressure_source(count_asking, NULL);
  assert_true(objpool_monitor_init(&monitor, NULL, NULL, NULL));
  assert_true(objpool_monitor_start(&monitor, UINT64_C(3600000000000)));
  sleep_ms(100);
  assert_int_equal(count_read(&pressures_asked), 0); /* maintenance asks once each */
  objpool_monitor_stop(&monitor);
  assert_true(objpool_monitor_start(&monitor, 1000000));
  WAIT_UNTIL(count_read(&pressures_asked) > 2);
  objpool_monitor_destroy(&monitor);
  objpool_set_pressure_source(NULL, NULL);
  thing_pool_destroy(&pool);
}

static long started, stopped;

static void stop_itself(const objpool_alert *alert, void *user) {
  (void)alert;
  WAIT_UNTIL(count_read(&started));
  objpool_monitor_stop((objpool_monitor *)user); /* it must not wait for itself */
  count_add(&stopped, 1);
}

static void an_alert_handler_may_stop_its_own_monitor(void **state) {
  static thing_pool pool;
  static objpool_monitor monitor;
  objpool_thresholds thresholds;
  objpool_config config;
  (void)state;
  memset(&thresholds, 0, sizeof thresholds);
  thresholds.max_objects = 2;
  memset(&config, 0, sizeof config);
  config.name = "alarming";
  config.warmup = 3;
  assert_true(thing_pool_init(&pool, &config));
  assert_true(objpool_monitor_init(&monitor, &thresholds, stop_itself, &monitor));
  assert_true(objpool_monitor_start(&monitor, 1000000));
  count_set(&started, 1);
  WAIT_UNTIL(count_read(&stopped) == 1);
  objpool_monitor_destroy(&monitor); /* waits for the thread's end */
  assert_int_equal(count_read(&stopped), 1);
  thing_pool_destroy(&pool);
}

static void stop_it_at_once(const objpool_alert *alert, void *user) {
  (void)alert;
  objpool_monitor_stop((objpool_monitor *)user);
  count_add(&stopped, 1);
}

static void so_it_may_in_its_first_poll(void **state) {
  static thing_pool pool;
  static objpool_monitor monitor;
  objpool_thresholds thresholds;
  objpool_config config;
  (void)state;
  memset(&thresholds, 0, sizeof thresholds);
  thresholds.max_objects = 2;
  memset(&config, 0, sizeof config);
  config.name = "alarming at once";
  config.warmup = 3;
  assert_true(thing_pool_init(&pool, &config));
  count_set(&stopped, 0);
  assert_true(objpool_monitor_init(&monitor, &thresholds, stop_it_at_once, &monitor));
  assert_true(objpool_monitor_start(&monitor, 1)); /* the handler finds what this has written, though nothing waits for it */
  WAIT_UNTIL(count_read(&stopped) == 1);
  objpool_monitor_destroy(&monitor);
  thing_pool_destroy(&pool);
}

static void destroy_itself(const objpool_alert *alert, void *user) {
  (void)alert;
  objpool_monitor_destroy((objpool_monitor *)user);
}
static void poll_with_a_handler_that_destroys(void *pool) {
  objpool_monitor monitor;
  objpool_thresholds thresholds;
  memset(&thresholds, 0, sizeof thresholds);
  thresholds.max_objects = 2;
  (void)pool;
  CHECK(objpool_monitor_init(&monitor, &thresholds, destroy_itself, &monitor));
  (void)objpool_monitor_poll(&monitor);
}

static void an_alert_handler_may_not_destroy_its_monitor(void **state) {
  static thing_pool pool;
  char output[500];
  objpool_config config;
  (void)state;
  memset(&config, 0, sizeof config);
  config.name = "alarming";
  config.warmup = 3;
  assert_true(thing_pool_init(&pool, &config));
  int status = in_child(poll_with_a_handler_that_destroys, &pool, output, sizeof output);
  assert_false(EXITED_WELL(status));
  if (!strstr(output, "a monitor is destroyed by an alert handler")) fail_msg("it says: %s", output);
  thing_pool_destroy(&pool);
}

/* Its create waits, for a while, for the destruction that must wait for it. */
static long creating, is_gone, was_gone;
static bool create_slowly(thing *object, void *context) {
  (void)object, (void)context;
  count_set(&creating, 1);
  for (int tries = 0; tries < 200 && !count_read(&is_gone); tries++) sleep_ms(1);
  if (count_read(&is_gone)) count_set(&was_gone, 1);
  return true;
}
OBJPOOL_DEFINE(slow_pool, thing, opt.create = create_slowly);

static void *destroy_amid_create(void *pool) {
  WAIT_UNTIL(count_read(&creating));
  slow_pool_destroy((slow_pool *)pool);
  count_set(&is_gone, 1);
  return NULL;
}

static void a_pool_is_not_destroyed_while_the_monitors_thread_maintains_it(void **state) {
  static slow_pool pool;
  objpool_monitor monitor;
  objpool_config config;
  (void)state;
  memset(&config, 0, sizeof config);
  config.name = "slow to create";
  config.min_idle = 1;
  assert_true(slow_pool_init(&pool, &config));
  assert_true(objpool_monitor_init(&monitor, NULL, NULL, NULL));
  pthread_t destroyer = start_thread(destroy_amid_create, &pool);
  assert_true(objpool_monitor_start(&monitor, 1000000));
  join_thread(destroyer);
  objpool_monitor_destroy(&monitor);
  assert_int_equal(count_read(&was_gone), 0);
}

static void the_monitors_thread_leaves_local_pools_alone(void **state) {
  static local_pool local;
  static thing_pool shared;
  objpool_monitor monitor;
  objpool_config config;
  (void)state;
  memset(&config, 0, sizeof config);
  config.name = "local";
  config.min_idle = 4;
  assert_true(local_pool_init(&local, &config));
  config.name = "shared";
  assert_true(thing_pool_init(&shared, &config));
  assert_true(objpool_monitor_init(&monitor, NULL, NULL, NULL));
  assert_true(objpool_monitor_start(&monitor, 1000000));
  WAIT_UNTIL(thing_pool_stats(&shared).idle >= 4); /* this one it maintains */
  objpool_monitor_destroy(&monitor);
  assert_int_equal(local_pool_stats(&local).created, 0);
  thing_pool_destroy(&shared);
  local_pool_destroy(&local);
}

static gate entered, leave;
static long gated;

static void wait_for_gate(const objpool_event *event, void *context) {
  (void)context;
  if (event->kind != OBJPOOL_EVENT_CREATE || !count_read(&gated)) return;
  count_set(&gated, 0);
  gate_open(&entered);
  gate_wait(&leave);
}

static void *maintain(void *pool) {
  objpool_maintain((objpool *)pool);
  return NULL;
}

static void a_second_maintenance_meanwhile_returns_at_once(void **state) {
  static watched_pool pool;
  objpool_config config;
  (void)state;
  memset(&config, 0, sizeof config);
  config.min_idle = 3;
  assert_true(watched_pool_init(&pool, &config));
  gate_make(&entered);
  gate_make(&leave);
  count_set(&gated, 1);
  pthread_t thread = start_thread(maintain, &pool);
  gate_wait(&entered); /* it creates ahead */
  assert_int_equal(objpool_maintain(&pool.base), 0);
  gate_open(&leave);
  join_thread(thread);
  assert_int_equal(watched_pool_stats(&pool).idle, 3);
  gate_close(&entered);
  gate_close(&leave);
  watched_pool_destroy(&pool);
}

static void maintain_in_child(void *argument) {
  watched_pool *pool = (watched_pool *)argument;
  CHECK(watched_pool_trim(pool, 0) > 0);
  CHECK(objpool_maintain(&pool->base) >= 3); /* the maintenance of the parent is none of the child's */
  CHECK(watched_pool_stats(pool).idle == 3);
}

static void a_child_maintains_pools_that_a_thread_of_the_parent_was_maintaining(void **state) {
  static watched_pool pool;
  objpool_config config;
  char output[2000];
  (void)state;
  memset(&config, 0, sizeof config);
  config.min_idle = 3;
  assert_true(watched_pool_init(&pool, &config));
  assert_int_equal(watched_pool_warmup(&pool, 1), 1);
  gate_make(&entered);
  gate_make(&leave);
  count_set(&gated, 1);
  pthread_t thread = start_thread(maintain, &pool);
  gate_wait(&entered);
  int status = in_child(maintain_in_child, &pool, output, sizeof output);
  gate_open(&leave);
  join_thread(thread);
  if (!EXITED_WELL(status)) print_error("%s", output);
  assert_true(EXITED_WELL(status));
  gate_close(&entered);
  gate_close(&leave);
  watched_pool_destroy(&pool);
}

static void the_kernels_pressure_is_one_of_three(void **state) {
  (void)state;
  errno = EXDEV;
  objpool_set_pressure_source(NULL, NULL);
  objpool_pressure pressure = objpool_memory_pressure(); /* this machine's own files */
  assert_true(pressure == OBJPOOL_PRESSURE_NONE || pressure == OBJPOOL_PRESSURE_SOME ||
              pressure == OBJPOOL_PRESSURE_FULL);
  if (access("/proc/pressure/memory", R_OK) != 0 && access("/sys/fs/cgroup/memory.max", R_OK) != 0 &&
      access("/proc/self/cgroup", R_OK) != 0)
    assert_int_equal(pressure, OBJPOOL_PRESSURE_NONE);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rates_outside_0_to_1_are_refused),
      cmocka_unit_test(an_empty_monitor_does_nothing),
      cmocka_unit_test(a_monitor_runs_once_and_not_without_an_interval),
      cmocka_unit_test(conditions_are_counted_without_a_handler_too),
      cmocka_unit_test(a_long_name_is_cut_in_an_alerts_message),
      cmocka_unit_test(an_acquire_that_turns_out_a_miss_after_a_poll_is_one),
      cmocka_unit_test(without_thresholds_it_has_the_usual_ones),
      cmocka_unit_test(pools_that_are_gone_leave_no_trace),
      cmocka_unit_test(a_monitor_sleeps_for_its_interval),
      cmocka_unit_test(an_alert_handler_may_stop_its_own_monitor),
      cmocka_unit_test(so_it_may_in_its_first_poll),
      cmocka_unit_test(an_alert_handler_may_not_destroy_its_monitor),
      cmocka_unit_test(a_pool_is_not_destroyed_while_the_monitors_thread_maintains_it),
      cmocka_unit_test(the_monitors_thread_leaves_local_pools_alone),
      cmocka_unit_test(a_second_maintenance_meanwhile_returns_at_once),
      cmocka_unit_test(a_child_maintains_pools_that_a_thread_of_the_parent_was_maintaining),
      cmocka_unit_test(the_kernels_pressure_is_one_of_three),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
