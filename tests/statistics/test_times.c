/* How long waits and creates took: each in its bucket, the buckets add up, quantiles are what they say; an alert while somebody
   waits for too long. */
#include "support.h"

#include "fleet/fleet.h"

/* A create that takes as long as it is told, and refuses when told. */
static struct {
  long ns;
  bool refuses;
} making;
static bool make_slowly(thing *object, void *context) {
  struct timespec time;
  (void)context;
  time.tv_sec = 0;
  time.tv_nsec = making.ns;
  if (making.ns) nanosleep(&time, NULL);
  object->number = 1;
  return !making.refuses;
}
OBJPOOL_DEFINE(slow_pool, thing, opt.create = make_slowly);
OBJPOOL_DEFINE(slow_local_pool, thing, opt.create = make_slowly, opt.local = true);
OBJPOOL_DEFINE(slow_wiping_pool, thing, opt.create = make_slowly, opt.wipe = true);
OBJPOOL_DEFINE(bare_pool, thing);

static uint64_t sum_of_buckets(const objpool_histogram *times) {
  uint64_t sum = 0;
  size_t i;
  for (i = 0; i < COUNT_OF(times->buckets); i++) sum += times->buckets[i];
  return sum;
}

/* The bucket that the contract names. */
static size_t bucket_of(uint64_t ns) {
  uint64_t bound = 1000;
  size_t i = 0;
  while (i < 13 && ns > bound) bound *= 4, i++;
  return i;
}

static void assert_in_its_bucket(const objpool_histogram *times) {
  assert_int_equal(times->count, 1);
  assert_int_equal(sum_of_buckets(times), 1);
  assert_int_equal(times->buckets[bucket_of(times->sum_ns)], 1);
}

static void each_create_lies_in_its_bucket(void **state) {
  static slow_pool pool;
  static slow_local_pool local;
  static const long lengths[] = {0, 0, 0, 3000, 20000, 70000, 300000, 1100000, 5000000, 20000000};
  size_t i;
  (void)state;
  making.refuses = false;
  for (i = 0; i < COUNT_OF(lengths); i++) {
    objpool_histogram times;
    making.ns = lengths[i];
    slow_pool_discard(&pool, slow_pool_acquire(&pool));
    times = objpool_times(&pool.base, OBJPOOL_TIME_CREATE);
    assert_in_its_bucket(&times);
    assert_true(times.sum_ns >= (uint64_t)lengths[i]);
    slow_pool_reset_stats(&pool);
    slow_local_pool_discard(&local, slow_local_pool_acquire(&local));
    times = objpool_times(&local.base, OBJPOOL_TIME_CREATE);
    assert_in_its_bucket(&times);
    assert_true(times.sum_ns >= (uint64_t)lengths[i]);
    slow_local_pool_reset_stats(&local);
  }
  making.ns = 0;
  slow_pool_destroy(&pool);
  slow_local_pool_destroy(&local);
}

static void refused_creates_are_timed_and_resets_begin_anew(void **state) {
  static slow_pool pool;
  objpool_histogram times;
  int i;
  (void)state;
  making.ns = 1000000;
  assert_int_equal(slow_pool_warmup(&pool, 3), 3);
  making.refuses = true;
  for (i = 0; i < 4; i++) assert_int_equal(slow_pool_warmup(&pool, 4), 0);
  making.refuses = false;
  making.ns = 0;
  times = objpool_times(&pool.base, OBJPOOL_TIME_CREATE);
  assert_int_equal(times.count, 7);
  assert_int_equal(sum_of_buckets(&times), 7);
  assert_true(times.sum_ns >= 7000000);
  for (i = 0; i < 5; i++) assert_int_equal(times.buckets[i], 0); /* none took less than 256 us */
  slow_pool_reset_stats(&pool);
  times = objpool_times(&pool.base, OBJPOOL_TIME_CREATE);
  assert_true(all_zero(&times, sizeof times));
  assert_int_equal(slow_pool_warmup(&pool, 4), 1);
  assert_int_equal(objpool_times(&pool.base, OBJPOOL_TIME_CREATE).count, 1);
  slow_pool_destroy(&pool);
}

static void creates_of_wiping_releases_are_timed(void **state) {
  static slow_wiping_pool pool;
  objpool_histogram times;
  thing *object;
  (void)state;
  making.ns = 1000000;
  object = slow_wiping_pool_acquire(&pool);
  slow_wiping_pool_release(&pool, object); /* builds it anew */
  assert_ptr_equal(slow_wiping_pool_acquire(&pool), object);
  making.refuses = true;
  slow_wiping_pool_release(&pool, object);
  making.refuses = false;
  making.ns = 0;
  times = objpool_times(&pool.base, OBJPOOL_TIME_CREATE);
  assert_int_equal(times.count, 3);
  assert_true(times.sum_ns >= 3000000);
  slow_wiping_pool_destroy(&pool);
}

static void *create_some(void *argument) {
  slow_pool *pool = (slow_pool *)argument;
  int i;
  for (i = 0; i < 2000; i++) {
    thing *object = slow_pool_acquire(pool);
    CHECK(object != NULL);
    slow_pool_discard(pool, object);
  }
  return NULL;
}

static void threads_count_together(void **state) {
  static slow_pool pool;
  pthread_t threads[4];
  objpool_histogram times;
  size_t i;
  (void)state;
  making.ns = 0;
  slow_pool_release(&pool, slow_pool_acquire(&pool));
  for (i = 0; i < COUNT_OF(threads); i++) assert_int_equal(pthread_create(&threads[i], NULL, create_some, &pool), 0);
  for (i = 0; i < COUNT_OF(threads); i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
  times = objpool_times(&pool.base, OBJPOOL_TIME_CREATE);
  assert_int_equal(times.count, slow_pool_stats(&pool).created);
  assert_int_equal(sum_of_buckets(&times), times.count);
  slow_pool_destroy(&pool);
}

/* How the report says it. */
static void assert_told(const char *report, const char *before, const objpool_histogram *times) {
  unsigned long long half = (unsigned long long)(objpool_quantile(times, 0.5) / 100);
  unsigned long long most = (unsigned long long)(objpool_quantile(times, 0.99) / 100);
  char wanted[200];
  snprintf(wanted, sizeof wanted, "%shalf took at most %llu.%llu us, 99 in 100 at most %llu.%llu us\n", before,
           half / 10, half % 10, most / 10, most % 10);
  if (!strstr(report, wanted)) fail_msg("no \"%s\" in:\n%s", wanted, report);
}

static void report_tells_how_long_creates_took(void **state) {
  static slow_pool pool;
  static bare_pool bare;
  objpool_histogram times;
  char report[2048];
  (void)state;
  making.ns = 1000000;
  assert_int_equal(slow_pool_warmup(&pool, 3), 3);
  making.ns = 0;
  assert_true(objpool_report(&pool.base, report, sizeof report) > 0);
  times = objpool_times(&pool.base, OBJPOOL_TIME_CREATE);
  assert_told(report, "\n  creates     ", &times);
  assert_null(strstr(report, "of those that ended")); /* nobody waited */
  slow_pool_reset_stats(&pool);
  assert_true(objpool_report(&pool.base, report, sizeof report) > 0);
  assert_null(strstr(report, "creates "));
  slow_pool_destroy(&pool);
  assert_int_equal(bare_pool_warmup(&bare, 3), 3);
  assert_true(objpool_report(&bare.base, report, sizeof report) > 0);
  assert_null(strstr(report, "creates "));
  bare_pool_destroy(&bare);
}

static void *wait_for_one(void *argument) {
  thing_pool *pool = (thing_pool *)argument;
  thing *object = thing_pool_acquire_for(pool, -1);
  CHECK(object != NULL);
  thing_pool_release(pool, object);
  return NULL;
}

static void nap(void) {
  struct timespec time = {0, 1000000};
  nanosleep(&time, NULL);
}

static void waits_count_when_they_end(void **state) {
  static thing_pool pool;
  objpool_config config = named("waited for");
  objpool_histogram times;
  pthread_t thread;
  thing *held;
  char report[2048];
  int i;
  (void)state;
  config.max_objects = 1;
  assert_true(thing_pool_init(&pool, &config));
  held = thing_pool_acquire(&pool);
  assert_non_null(held);
  /* what is counted begins when it joins the line, a little after its time began to run: later on a busy machine */
  assert_null(thing_pool_acquire_for(&pool, 50000000));
  times = objpool_times(&pool.base, OBJPOOL_TIME_WAIT);
  assert_in_its_bucket(&times);
  for (i = 0; i < 2; i++) assert_null(thing_pool_acquire_for(&pool, 50000000));
  times = objpool_times(&pool.base, OBJPOOL_TIME_WAIT);
  assert_int_equal(times.count, 3);
  assert_int_equal(sum_of_buckets(&times), 3);
  assert_true(times.sum_ns >= 3 * 4096000);
  assert_int_equal(times.sum_ns, thing_pool_stats(&pool).wait_ns);
  for (i = 0; i < 7; i++) assert_int_equal(times.buckets[i], 0); /* up to 4.096 ms */
  assert_int_equal(pthread_create(&thread, NULL, wait_for_one, &pool), 0);
  while (thing_pool_stats(&pool).waiting < 1) nap();
  nap();
  assert_int_equal(thing_pool_stats(&pool).waits, 4);
  assert_true(thing_pool_stats(&pool).wait_ns > times.sum_ns);
  assert_int_equal(objpool_times(&pool.base, OBJPOOL_TIME_WAIT).count, 3); /* it goes on */
  thing_pool_release(&pool, held);
  assert_int_equal(pthread_join(thread, NULL), 0);
  times = objpool_times(&pool.base, OBJPOOL_TIME_WAIT);
  assert_int_equal(times.count, 4);
  assert_int_equal(times.sum_ns, thing_pool_stats(&pool).wait_ns);
  assert_true(objpool_report(&pool.base, report, sizeof report) > 0);
  assert_told(report, "; of those that ended, ", &times);
  thing_pool_destroy(&pool);
}

static void what_has_no_times_says_so(void **state) {
  static bare_pool pool, unused;
  objpool_histogram times;
#ifndef __cplusplus
  objpool_time none; /* C++ has no such value */
#endif
  (void)state;
#ifndef __cplusplus
  memset(&none, 0x55, sizeof none);
#endif
  errno = 0;
  times = objpool_times(&unused.base, OBJPOOL_TIME_WAIT);
  assert_true(all_zero(&times, sizeof times));
  assert_int_equal(errno, EINVAL);
  bare_pool_release(&pool, bare_pool_acquire(&pool));
  const objpool *bare[] = {&unused.base, &pool.base}; /* not tracked, both */
  for (size_t i = 0; i < COUNT_OF(bare); i++) {
    errno = 0;
    times = objpool_times(bare[i], OBJPOOL_TIME_USE);
    assert_true(all_zero(&times, sizeof times));
    assert_int_equal(errno, EINVAL);
  }
  errno = 0;
  times = objpool_times(&pool.base, OBJPOOL_TIME_CREATE); /* it has no hook */
  assert_int_equal(times.count, 0);
  assert_int_equal(errno, 0);
#ifndef __cplusplus
  times = objpool_times(&pool.base, none);
  assert_true(all_zero(&times, sizeof times));
  assert_int_equal(errno, EINVAL);
#endif
  bare_pool_destroy(&pool);
}

static void assert_about(double value, double expected) {
  if (!(value > expected * 0.999999 - 1e-9 && value < expected * 1.000001 + 1e-9))
    print_error("%g instead of %g\n", value, expected);
  assert_true(value > expected * 0.999999 - 1e-9 && value < expected * 1.000001 + 1e-9);
}

static void quantiles_lie_within_their_buckets(void **state) {
  objpool_histogram times;
  (void)state;
  memset(&times, 0, sizeof times);
  assert_about(objpool_quantile(&times, 0.5), 0);
  times.count = 100;
  times.buckets[0] = 50;
  times.buckets[3] = 40; /* 16 to 64 us */
  times.buckets[13] = 10;
  assert_about(objpool_quantile(&times, 0), 0);
  assert_about(objpool_quantile(&times, -3), 0);
  assert_about(objpool_quantile(&times, 0.25), 500);
  assert_about(objpool_quantile(&times, 0.5), 1000);
  assert_about(objpool_quantile(&times, 0.6), 28000);
  assert_about(objpool_quantile(&times, 0.9), 64000);
  assert_about(objpool_quantile(&times, 0.95), 16777216000.0); /* the last bucket's lower bound */
  assert_about(objpool_quantile(&times, 1), 16777216000.0);
  assert_about(objpool_quantile(&times, 8), 16777216000.0);
}

typedef struct seen_alerts {
  size_t begun, ended;
  double value, threshold;
  char message[160];
} seen_alerts;
static void see(const objpool_alert *alert, void *user) {
  seen_alerts *seen = (seen_alerts *)user;
  if (alert->kind != OBJPOOL_ALERT_WAIT) return;
  if (alert->recovered)
    seen->ended++;
  else
    seen->begun++;
  seen->value = alert->value;
  seen->threshold = alert->threshold;
  memcpy(seen->message, alert->message, sizeof seen->message);
}

static void who_waits_too_long_is_told_while_it_waits(void **state) {
  static thing_pool pool;
  objpool_config config = named("stuck");
  objpool_thresholds thresholds;
  objpool_monitor monitor, usual;
  seen_alerts seen, seen_as_usual;
  pthread_t thread;
  thing *held;
  (void)state;
  memset(&seen, 0, sizeof seen);
  memset(&seen_as_usual, 0, sizeof seen_as_usual);
  memset(&thresholds, 0, sizeof thresholds);
  thresholds.max_wait_ns = 2000000;
  config.max_objects = 1;
  assert_true(thing_pool_init(&pool, &config));
  assert_true(objpool_monitor_init(&monitor, &thresholds, see, &seen));
  assert_true(objpool_monitor_init(&usual, NULL, see, &seen_as_usual));
  held = thing_pool_acquire(&pool);
  assert_non_null(held);
  objpool_monitor_poll(&monitor);
  assert_int_equal(seen.begun, 0);
  assert_int_equal(pthread_create(&thread, NULL, wait_for_one, &pool), 0);
  while (thing_pool_stats(&pool).waiting < 1) nap();
  nap(), nap(), nap();
  objpool_monitor_poll(&monitor);
  assert_int_equal(seen.begun, 1);
  assert_true(seen.value > 2e6 && seen.value < 600e9);
  assert_about(seen.threshold, 2e6);
  assert_non_null(strstr(seen.message, "longest wait "));
  assert_non_null(strstr(seen.message, " ms, above the limit of 2.0 ms: stuck"));
  objpool_monitor_poll(&usual);
  if (seen_as_usual.begun) assert_about(seen_as_usual.threshold, 1e9); /* and that was too long on a busy machine */
  objpool_monitor_poll(&monitor);
  assert_int_equal(seen.begun, 1); /* once */
  assert_int_equal(seen.ended, 0);
  thing_pool_release(&pool, held);
  assert_int_equal(pthread_join(thread, NULL), 0);
  objpool_monitor_poll(&monitor);
  assert_int_equal(seen.begun, 1);
  assert_int_equal(seen.ended, 1);
  assert_non_null(strstr(seen.message, "longest wait 0.0 ms, back within the limit of 2.0 ms: stuck"));
  objpool_monitor_destroy(&monitor);
  objpool_monitor_destroy(&usual);
  thing_pool_destroy(&pool);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(each_create_lies_in_its_bucket),
      TEST(refused_creates_are_timed_and_resets_begin_anew),
      TEST(creates_of_wiping_releases_are_timed),
      TEST(threads_count_together),
      TEST(report_tells_how_long_creates_took),
      TEST(waits_count_when_they_end),
      TEST(what_has_no_times_says_so),
      TEST(quantiles_lie_within_their_buckets),
      TEST(who_waits_too_long_is_told_while_it_waits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
