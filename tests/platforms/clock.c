/* The clock is read without a system call, also where strict -std=c11 hides clock_gettime: test_clock.sh compiles the implementation so,
   as a file of its own. On 64-bit Linux, where the system lets a program read the time by itself. */
#include "support.h"
#include "objpool.h"

#if defined(__linux__) && defined(__LP64__)
#include "sandbox.h"

typedef struct thing {
  long n[4];
} thing;
static void ignore_event(const objpool_event *event, void *context) { (void)event, (void)context; }
OBJPOOL_DEFINE(thing_pool, thing, opt.on_event = ignore_event); /* each event has its time */
OBJPOOL_DEFINE(local_pool, thing, opt.local = true);

static thing_pool pool;
static local_pool lone;

static void read_the_time(void *unused) {
  (void)unused;
  int64_t before = now_ns(); /* its first use may look for it */
  forbid_system_calls();
  _exit(now_ns() < before);
}
static void use_events(void *unused) {
  (void)unused;
  forbid_system_calls();
  for (int i = 0; i < 100; i++) {
    thing *object = thing_pool_acquire(&pool);
    if (!object) _exit(3);
    thing_pool_release(&pool, object);
  }
  _exit(0);
}
static void wait_in_vain(void *unused) {
  (void)unused;
  forbid_system_calls();
  if (thing_pool_acquire_for(&pool, 1)) {} /* reads the clock before it looks for objects, and finds one */
  _exit(0);
}
static void take_snapshots(void *unused) {
  (void)unused;
  forbid_system_calls();
  uint64_t before = thing_pool_stats(&pool).now_ns, after = local_pool_stats(&lone).now_ns;
  thing_pool_reset_stats(&pool);
  _exit(before == 0 || after < before || thing_pool_stats(&pool).since_ns < after);
}
static void maintain_both(void *unused) {
  (void)unused;
  forbid_system_calls();
  for (int i = 0; i < 100; i++)
    if (objpool_maintain(&pool.base) + objpool_maintain(&lone.base)) _exit(3);
  _exit(0);
}

/* False: there are no filters here, or the system's clock cannot be read without a call. */
static bool can_be_seen(void) {
  char said[300];
  return EXITED_WELL(in_child(read_the_time, NULL, said, sizeof said));
}

static int begin(void **state) {
  objpool_config config;
  thing *held[20];
  (void)state;
  memset(&config, 0, sizeof config);
  config.min_idle = 1;
  config.ignore_pressure = true;
  CHECK(thing_pool_init(&pool, &config) && local_pool_init(&lone, &config));
  CHECK(thing_pool_acquire_many(&pool, held, 20) == 20);
  thing_pool_release_many(&pool, held, 20);
  for (int i = 0; i < 2000; i++) objpool_maintain(&pool.base), objpool_maintain(&lone.base);
  return 0;
}
static int end(void **state) {
  (void)state;
  thing_pool_destroy(&pool);
  local_pool_destroy(&lone);
  return 0;
}

static void no_system_call(void (*body)(void *)) {
  char said[300];
  if (!can_be_seen()) skip();
  int status = in_child(body, NULL, said, sizeof said);
  if (!EXITED_WELL(status)) fail_msg("status %x, %s", (unsigned)status, said);
}

static void events_read_the_clock_without_a_system_call(void **state) {
  (void)state;
  no_system_call(use_events);
}
static void acquire_for_reads_the_clock_without_a_system_call(void **state) {
  (void)state;
  no_system_call(wait_in_vain);
}
static void snapshots_read_the_clock_without_a_system_call(void **state) {
  (void)state;
  no_system_call(take_snapshots);
}
static void maintenance_reads_the_clock_without_a_system_call(void **state) {
  (void)state;
  no_system_call(maintain_both);
}

/* And it is the monotonic one. */
static void it_is_the_monotonic_clock(void **state) {
  (void)state;
  for (int i = 0; i < 100; i++) {
    uint64_t before = (uint64_t)now_ns(), between = thing_pool_stats(&pool).now_ns, after = (uint64_t)now_ns();
    assert_true(before <= between && between <= after);
  }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
  const struct CMUnitTest tests[] = {
      TEST(events_read_the_clock_without_a_system_call),
      TEST(acquire_for_reads_the_clock_without_a_system_call),
      TEST(snapshots_read_the_clock_without_a_system_call),
      TEST(maintenance_reads_the_clock_without_a_system_call),
      TEST(it_is_the_monotonic_clock),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
static void nothing_is_promised_here(void **state) {
  (void)state;
  skip();
}
int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_is_promised_here)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
