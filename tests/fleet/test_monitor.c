/* The monitor: alerts are raised and taken back exactly when a threshold is crossed; its thread polls and maintains. */
#include "support.h"

#include "fleet/fleet.h"

OBJPOOL_DEFINE(local_pool, thing, opt.local = true);

typedef struct alert_list {
  struct {
    objpool_alert_kind kind;
    bool recovered;
    char pool[32];
    double value, threshold;
  } alerts[64];
  size_t count;
} alert_list;

static void note_alert(const objpool_alert *alert, void *user) {
  alert_list *list = (alert_list *)user;
  CHECK(list->count < COUNT_OF(list->alerts));
  CHECK(alert->severity >= OBJPOOL_INFO && alert->severity <= OBJPOOL_CRITICAL);
  CHECK(alert->recovered == (alert->severity == OBJPOOL_INFO));
  CHECK(strlen(alert->message) > 0 && strlen(alert->message) < sizeof alert->message);
  CHECK(strstr(alert->message, alert->pool_name) != NULL);
  CHECK(alert->time_ns > 0 && alert->time_ns <= (uint64_t)now_ns());
  list->alerts[list->count].kind = alert->kind;
  list->alerts[list->count].recovered = alert->recovered;
  snprintf(list->alerts[list->count].pool, sizeof list->alerts[list->count].pool, "%s", alert->pool_name);
  list->alerts[list->count].value = alert->value;
  list->alerts[list->count].threshold = alert->threshold;
  list->count++;
}

static objpool_thresholds script_thresholds(void) {
  objpool_thresholds thresholds;
  memset(&thresholds, 0, sizeof thresholds);
  thresholds.min_hit_rate = 0.75;
  thresholds.max_miss_rate = 0.25;
  thresholds.max_utilization = 0.5;
  thresholds.max_objects = 150;
  thresholds.max_memory_bytes = 4 << 20;
  thresholds.min_samples = 100;
  return thresholds;
}

/* A monitor with the thresholds above, whose alerts go to the list. */
static void watch(objpool_monitor *monitor, alert_list *list) {
  objpool_thresholds thresholds = script_thresholds();
  memset(list, 0, sizeof *list);
  assert_true(objpool_monitor_init(monitor, &thresholds, note_alert, list));
}

#define assert_alert(list, position, expected_kind, has_recovered, pool_named, expected_value, expected_threshold) \
  do {                                                                                                             \
    assert_true((position) < (list)->count);                                                                       \
    assert_int_equal((list)->alerts[position].kind, expected_kind);                                                \
    assert_int_equal((list)->alerts[position].recovered, has_recovered);                                           \
    assert_string_equal((list)->alerts[position].pool, pool_named);                                                \
    assert_true((list)->alerts[position].value > (expected_value)-1e-9 &&                                          \
                (list)->alerts[position].value < (expected_value) + 1e-9);                                         \
    assert_true((list)->alerts[position].threshold > (expected_threshold)-1e-9 &&                                  \
                (list)->alerts[position].threshold < (expected_threshold) + 1e-9);                                 \
  } while (0)

static void a_scripted_load_raises_exactly_these_alerts(void **state) {
  static thing_pool alpha, beta;
  static huge_pool gamma;
  objpool_config config;
  objpool_monitor monitor;
  alert_list list;
  thing *held[10];
  double memory;
  (void)state;
  init_named(&alpha, "alpha");
  config = named("beta");
  config.max_objects = 10;
  assert_true(thing_pool_init(&beta, &config));
  config = named("gamma");
  assert_true(huge_pool_init(&gamma, &config));
  watch(&monitor, &list);

  assert_int_equal(objpool_monitor_poll(&monitor), 0); /* nothing happened yet */
  cycle(&alpha, 200);
  assert_int_equal(objpool_monitor_poll(&monitor), 0); /* 199 hits, 1 miss: fine */
  miss(&alpha, 100);
  assert_int_equal(objpool_monitor_poll(&monitor), 2); /* begins, over this window alone */
  miss(&alpha, 100);
  assert_int_equal(objpool_monitor_poll(&monitor), 0); /* goes on: not again */
  assert_int_equal(objpool_monitor_poll(&monitor), 0); /* no samples tell nothing */
  cycle(&alpha, 40);
  assert_int_equal(objpool_monitor_poll(&monitor), 0); /* nor do a few */
  cycle(&alpha, 200);
  assert_int_equal(objpool_monitor_poll(&monitor), 2); /* ends */
  cycle(&alpha, 200);
  assert_int_equal(objpool_monitor_poll(&monitor), 0);

  assert_int_equal(thing_pool_acquire_many(&beta, held, 10), 10);
  assert_int_equal(objpool_monitor_poll(&monitor), 1); /* 10 of 10 in use */
  thing_pool_release_many(&beta, held, 2);
  assert_int_equal(objpool_monitor_poll(&monitor), 0); /* 8 of 10 */
  thing_pool_release_many(&beta, held + 2, 3);
  assert_int_equal(objpool_monitor_poll(&monitor), 1); /* 5 of 10: at the limit is within it */
  thing_pool_release_many(&beta, held + 5, 5);

  thing_pool_warmup(&alpha, 151);
  assert_int_equal(objpool_monitor_poll(&monitor), 1); /* 151 objects */
  thing_pool_trim(&alpha, 150);
  assert_int_equal(objpool_monitor_poll(&monitor), 1); /* 150 are allowed */

  huge_pool_warmup(&gamma, 100);
  memory = (double)huge_pool_stats(&gamma).memory_bytes;
  assert_true(memory >= 100.0 * sizeof(huge_thing));
  assert_int_equal(objpool_monitor_poll(&monitor), 1);
  huge_pool_clear(&gamma);
  assert_int_equal(objpool_monitor_poll(&monitor), 1);
  assert_int_equal(objpool_monitor_poll(&monitor), 0);

  assert_int_equal(list.count, 10);
  assert_alert(&list, 0, OBJPOOL_ALERT_HIT_RATE, false, "alpha", 0.0, 0.75);
  assert_alert(&list, 1, OBJPOOL_ALERT_MISS_RATE, false, "alpha", 1.0, 0.25);
  assert_alert(&list, 2, OBJPOOL_ALERT_HIT_RATE, true, "alpha", 1.0, 0.75);
  assert_alert(&list, 3, OBJPOOL_ALERT_MISS_RATE, true, "alpha", 0.0, 0.25);
  assert_alert(&list, 4, OBJPOOL_ALERT_UTILIZATION, false, "beta", 1.0, 0.5);
  assert_alert(&list, 5, OBJPOOL_ALERT_UTILIZATION, true, "beta", 0.5, 0.5);
  assert_alert(&list, 6, OBJPOOL_ALERT_SIZE, false, "alpha", 151.0, 150.0);
  assert_alert(&list, 7, OBJPOOL_ALERT_SIZE, true, "alpha", 150.0, 150.0);
  assert_alert(&list, 8, OBJPOOL_ALERT_MEMORY, false, "gamma", memory, 4194304.0);
  assert_alert(&list, 9, OBJPOOL_ALERT_MEMORY, true, "gamma", list.alerts[9].value, 4194304.0);
  assert_true(list.alerts[9].value < 4194304.0);

  objpool_monitor_destroy(&monitor);
  objpool_monitor_destroy(&monitor); /* twice is harmless */
  thing_pool_destroy(&alpha);
  thing_pool_destroy(&beta);
  huge_pool_destroy(&gamma);
}

static void thresholds_left_at_zero_have_the_documented_defaults(void **state) {
  static thing_pool pool;
  static huge_pool big;
  objpool_config config = named("capped");
  objpool_monitor monitor;
  alert_list list;
  thing *held[20];
  (void)state;
  memset(&list, 0, sizeof list);
  config.max_objects = 10001;
  assert_true(thing_pool_init(&pool, &config));
  config = named("big");
  assert_true(huge_pool_init(&big, &config));
  assert_true(objpool_monitor_init(&monitor, NULL, note_alert, &list));
  cycle(&pool, 1); /* a miss, the object stays idle: min_samples is 100, so that 99 tell nothing */
  miss(&pool, 98);
  assert_int_equal(objpool_monitor_poll(&monitor), 0);
  miss(&pool, 100);
  assert_int_equal(objpool_monitor_poll(&monitor), 2);
  assert_alert(&list, 0, OBJPOOL_ALERT_HIT_RATE, false, "capped", 0.0, 0.7);
  assert_alert(&list, 1, OBJPOOL_ALERT_MISS_RATE, false, "capped", 1.0, 0.3);
  thing_pool_warmup(&pool, 10001);
  assert_int_equal(objpool_monitor_poll(&monitor), 1);
  assert_alert(&list, 2, OBJPOOL_ALERT_SIZE, false, "capped", 10001.0, 10000.0);
  thing_pool_clear(&pool);
  assert_true(thing_pool_resize(&pool, OBJPOOL_UNCHANGED, 20));
  assert_int_equal(thing_pool_acquire_many(&pool, held, 18),
                   18); /* 0.9 of 20: within the limit; too few samples for rates */
  assert_int_equal(objpool_monitor_poll(&monitor), 1);
  assert_alert(&list, 3, OBJPOOL_ALERT_SIZE, true, "capped", 18.0, 10000.0);
  assert_int_equal(thing_pool_acquire_many(&pool, held + 18, 1), 1);
  assert_int_equal(objpool_monitor_poll(&monitor), 1);
  assert_alert(&list, 4, OBJPOOL_ALERT_UTILIZATION, false, "capped", 0.95, 0.9);
  thing_pool_release_many(&pool, held, 19);
  assert_int_equal(objpool_monitor_poll(&monitor), 1);
  huge_pool_warmup(&big, 1650); /* over 100 MiB */
  assert_int_equal(objpool_monitor_poll(&monitor), 1);
  assert_int_equal(list.alerts[6].kind, OBJPOOL_ALERT_MEMORY);
  assert_true(list.alerts[6].threshold > 104857599 && list.alerts[6].threshold < 104857601);
  objpool_monitor_destroy(&monitor);
  thing_pool_destroy(&pool);
  huge_pool_destroy(&big);
}

static void the_first_poll_looks_back_to_the_pools_init(void **state) {
  static thing_pool pool;
  objpool_monitor monitor;
  alert_list list;
  (void)state;
  init_named(&pool, "old");
  miss(&pool, 100);
  watch(&monitor, &list);
  assert_int_equal(objpool_monitor_poll(&monitor), 2);
  objpool_monitor_destroy(&monitor);
  thing_pool_destroy(&pool);
}

static void a_reset_between_polls_raises_nothing_false(void **state) {
  static thing_pool pool;
  objpool_monitor monitor;
  alert_list list;
  (void)state;
  init_named(&pool, "reset");
  watch(&monitor, &list);
  cycle(&pool, 1000);
  assert_int_equal(objpool_monitor_poll(&monitor), 0);
  thing_pool_reset_stats(&pool);
  cycle(&pool, 200); /* fewer than before: differences would be negative */
  assert_int_equal(objpool_monitor_poll(&monitor), 0);
  thing_pool_reset_stats(&pool);
  miss(&pool, 100);
  assert_int_equal(objpool_monitor_poll(&monitor), 2);
  objpool_monitor_destroy(&monitor);
  thing_pool_destroy(&pool);
}

static void several_monitors_each_report_what_they_see(void **state) {
  static thing_pool pool;
  objpool_thresholds thresholds = script_thresholds();
  objpool_monitor strict, lenient;
  alert_list strict_list, lenient_list;
  (void)state;
  memset(&strict_list, 0, sizeof strict_list);
  memset(&lenient_list, 0, sizeof lenient_list);
  init_named(&pool, "watched twice");
  assert_true(objpool_monitor_init(&strict, &thresholds, note_alert, &strict_list));
  thresholds.min_hit_rate = 0.1;
  thresholds.max_miss_rate = 0.9;
  assert_true(objpool_monitor_init(&lenient, &thresholds, note_alert, &lenient_list));
  miss(&pool, 100);
  cycle(&pool, 100); /* a miss, 99 hits */
  assert_int_equal(objpool_monitor_poll(&strict), 2);
  assert_int_equal(objpool_monitor_poll(&lenient), 0);
  assert_int_equal(strict_list.count, 2);
  assert_int_equal(lenient_list.count, 0);
  objpool_monitor_destroy(&strict);
  objpool_monitor_destroy(&lenient);
  thing_pool_destroy(&pool);
}

static void destroying_a_pool_ends_its_alerts_silently(void **state) {
  static thing_pool pool;
  objpool_monitor monitor;
  alert_list list;
  (void)state;
  watch(&monitor, &list);
  init_named(&pool, "phoenix");
  miss(&pool, 100);
  assert_int_equal(objpool_monitor_poll(&monitor), 2);
  thing_pool_destroy(&pool);
  assert_int_equal(objpool_monitor_poll(&monitor), 0);
  init_named(&pool, "phoenix"); /* the same name at the same place is another pool, between polls too */
  miss(&pool, 100);
  assert_int_equal(objpool_monitor_poll(&monitor), 2);
  thing_pool_destroy(&pool);
  init_named(&pool, "phoenix");
  miss(&pool, 100);
  assert_int_equal(objpool_monitor_poll(&monitor), 2);
  thing_pool_destroy(&pool);
  assert_int_equal(list.count, 6);
  objpool_monitor_destroy(&monitor);
}

static void trim_on_alert(const objpool_alert *alert, void *user) {
  objpool *pool = objpool_registry_find(alert->pool_name);
  char text[4096];
  CHECK(pool != NULL);
  CHECK(objpool_format(NULL, OBJPOOL_PROMETHEUS, text, sizeof text) > 0);
  if (!alert->recovered) *(size_t *)user += objpool_trim(pool, 100);
}

static bool reading_goes_on;
static long reads;

static void *read_in_a_loop(void *unused) {
  static char text[1 << 20];
  (void)unused;
  while (__atomic_load_n(&reading_goes_on, __ATOMIC_RELAXED)) {
    CHECK(objpool_format(NULL, OBJPOOL_JSON, text, sizeof text) < (int)sizeof text);
    count_add(&reads, 1);
  }
  return NULL;
}

/* A new pool waits for the reading that goes on, and not for all those that may follow at once. */
static void a_reader_in_a_loop_lets_pools_come_and_go(void **state) {
  enum { POOLS = 200, CHANGES = SCALED(2000, 500, 200) };
  static thing_pool pools[POOLS];
  char name[32];
  pthread_t reader;
  long before;
  int i;
  (void)state;
  for (i = 0; i < POOLS; i++) {
    snprintf(name, sizeof name, "pool %d", i);
    init_named(&pools[i], name);
  }
  __atomic_store_n(&reading_goes_on, true, __ATOMIC_RELAXED);
  reader = start_thread(read_in_a_loop, NULL);
  while (count_read(&reads) < 10) sleep_ms(1);
  before = count_read(&reads);
  for (i = 0; i < CHANGES; i++) {
    thing_pool pool;
    memset(&pool, 0, sizeof pool);
    init_named(&pool, "one more");
    thing_pool_destroy(&pool);
    assert_true(count_read(&reads) - before < 20 * CHANGES);
  }
  __atomic_store_n(&reading_goes_on, false, __ATOMIC_RELAXED);
  join_thread(reader);
  for (i = 0; i < POOLS; i++) thing_pool_destroy(&pools[i]);
}

static void an_alert_handler_may_read_and_trim_pools(void **state) {
  static thing_pool pool;
  objpool_thresholds thresholds = script_thresholds();
  objpool_monitor monitor;
  size_t trimmed = 0;
  (void)state;
  init_named(&pool, "fat");
  assert_true(objpool_monitor_init(&monitor, &thresholds, trim_on_alert, &trimmed));
  thing_pool_warmup(&pool, 200);
  assert_int_equal(objpool_monitor_poll(&monitor), 1);
  assert_int_equal(trimmed, 100);
  assert_int_equal(objpool_monitor_poll(&monitor), 1); /* recovered */
  objpool_monitor_destroy(&monitor);
  thing_pool_destroy(&pool);
}

/* A create that cannot end before another thread has asked the registry. */
typedef struct asked_registry {
  long creating, answered, gave_up;
} asked_registry;

static bool create_when_answered(thing *object, void *context) {
  asked_registry *shared = (asked_registry *)context;
  int tries;
  object->number = 1;
  count_set(&shared->creating, 1);
  for (tries = 0; tries < 20000 && !count_read(&shared->answered); tries++) sleep_ms(1);
  count_add(&shared->gave_up, !count_read(&shared->answered));
  return true;
}
OBJPOOL_DEFINE(slow_pool, thing, opt.create = create_when_answered);

static void *ask_registry(void *argument) {
  asked_registry *shared = (asked_registry *)argument;
  WAIT_UNTIL(count_read(&shared->creating));
  CHECK(objpool_registry_find("slow to create") != NULL);
  count_set(&shared->answered, 1);
  return NULL;
}

static void the_monitors_thread_runs_hooks_outside_the_registry(void **state) {
  static slow_pool pool;
  objpool_config config = named("slow to create");
  objpool_monitor monitor;
  asked_registry shared;
  pthread_t asker;
  (void)state;
  memset(&shared, 0, sizeof shared);
  config.min_idle = 1;
  config.context = &shared;
  assert_true(slow_pool_init(&pool, &config));
  assert_true(objpool_monitor_init(&monitor, NULL, NULL, NULL));
  asker = start_thread(ask_registry, &shared);
  assert_true(objpool_monitor_start(&monitor, 1000000));
  join_thread(asker);
  objpool_monitor_destroy(&monitor);
  slow_pool_destroy(&pool);
  assert_int_equal(shared.gave_up, 0); /* the answer came while create ran, not only when it gave up */
}

static void count_alert(const objpool_alert *alert, void *user) {
  (void)alert;
  count_add((long *)user, 1);
}

static void the_monitors_thread_polls_and_maintains(void **state) {
  static thing_pool pool;
  static local_pool local;
  objpool_config config = named("kept");
  objpool_thresholds thresholds = script_thresholds();
  objpool_monitor monitor;
  long alerts = 0;
  (void)state;
  config.min_idle = 12;
  assert_true(thing_pool_init(&pool, &config));
  config.name = "local";
  assert_true(local_pool_init(&local, &config));
  assert_true(objpool_monitor_init(&monitor, &thresholds, count_alert, &alerts));
  miss(&pool, 100);
  assert_true(objpool_monitor_start(&monitor, 2000000));
  WAIT_UNTIL(count_read(&alerts) == 2);
  WAIT_UNTIL(thing_pool_stats(&pool).idle >= 12);
  objpool_monitor_stop(&monitor);
  assert_int_equal(local_pool_stats(&local).idle, 0); /* a local pool belongs to its own thread */
  thing_pool_clear(&pool);
  sleep_ms(20);
  assert_int_equal(thing_pool_stats(&pool).idle, 0);     /* stopped is stopped */
  assert_true(objpool_monitor_start(&monitor, 2000000)); /* and may begin again */
  WAIT_UNTIL(thing_pool_stats(&pool).idle >= 12);
  objpool_monitor_destroy(&monitor); /* stops it too */
  thing_pool_destroy(&pool);
  local_pool_destroy(&local);
}

static void the_monitors_thread_stops_at_once_when_asked(void **state) {
  objpool_monitor monitor;
  int64_t begin;
  (void)state;
  assert_true(objpool_monitor_init(&monitor, NULL, NULL, NULL));
  assert_true(objpool_monitor_start(&monitor, UINT64_C(3600000000000)));
  sleep_ms(20); /* it sleeps for an hour now */
  begin = now_ns();
  objpool_monitor_stop(&monitor);
  assert_true(now_ns() - begin < INT64_C(60000000000)); /* far from an hour, however busy the machine */
  objpool_monitor_stop(&monitor);                       /* harmless */
  objpool_monitor_destroy(&monitor);
}

typedef struct churn {
  long stop;
  long made;
} churn;

static void *make_and_destroy(void *argument) {
  churn *shared = (churn *)argument;
  int turn;
  for (turn = 0; !count_read(&shared->stop); turn++) {
    thing_pool pool;
    char name[32];
    snprintf(name, sizeof name, "short-lived %d", turn % 3);
    init_named(&pool, name);
    miss(&pool, 20);
    thing_pool_destroy(&pool);
    count_add(&shared->made, 1);
  }
  return NULL;
}

static void a_pool_destroyed_during_polls_harms_nobody(void **state) {
  objpool_thresholds thresholds = script_thresholds();
  objpool_monitor monitor;
  churn shared;
  long alerts = 0;
  pthread_t maker;
  (void)state;
  memset(&shared, 0, sizeof shared);
  thresholds.min_samples = 1;
  assert_true(objpool_monitor_init(&monitor, &thresholds, count_alert, &alerts));
  maker = start_thread(make_and_destroy, &shared);
  while (count_read(&shared.made) < SCALED(500, 200, 100)) objpool_monitor_poll(&monitor);
  WAIT_UNTIL((objpool_monitor_poll(&monitor), count_read(&alerts) > 0));
  count_set(&shared.stop, 1);
  join_thread(maker);
  objpool_monitor_destroy(&monitor);
}

static void poll_in_child(void *argument) {
  objpool_monitor *monitor = (objpool_monitor *)argument;
  static thing_pool pool;
  objpool_config config = named("of the child");
  config.min_idle = 3;
  CHECK(thing_pool_init(&pool, &config));
  sleep_ms(50); /* the monitor's thread, were it here, would have created */
  CHECK(thing_pool_stats(&pool).idle == 0);
  objpool_monitor_stop(monitor);
  objpool_monitor_destroy(monitor);
  thing_pool_destroy(&pool);
}

static void a_running_monitor_is_stopped_in_a_forked_child(void **state) {
  objpool_monitor monitor;
  char said[1024];
  (void)state;
  if (THREAD_SANITIZED) skip(); /* it does not follow threads into a child */
  assert_true(objpool_monitor_init(&monitor, NULL, NULL, NULL));
  assert_true(objpool_monitor_start(&monitor, 1000000));
  sleep_ms(10);
  assert_true(EXITED_WELL(in_child(poll_in_child, &monitor, said, sizeof said)));
  objpool_monitor_destroy(&monitor);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_scripted_load_raises_exactly_these_alerts),    TEST(thresholds_left_at_zero_have_the_documented_defaults),
      TEST(the_first_poll_looks_back_to_the_pools_init),    TEST(a_reset_between_polls_raises_nothing_false),
      TEST(several_monitors_each_report_what_they_see),     TEST(destroying_a_pool_ends_its_alerts_silently),
      TEST(a_reader_in_a_loop_lets_pools_come_and_go),      TEST(an_alert_handler_may_read_and_trim_pools),
      TOLD(the_monitors_thread_polls_and_maintains),        TOLD(the_monitors_thread_runs_hooks_outside_the_registry),
      TEST(the_monitors_thread_stops_at_once_when_asked),   TEST(a_pool_destroyed_during_polls_harms_nobody),
      TOLD(a_running_monitor_is_stopped_in_a_forked_child),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
