/* OBJPOOL_NO_THREADS: a program of one thread. All works but what needs another thread, and that says so. */
#define OBJPOOL_NO_THREADS
#include "support.h"

#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

typedef struct thing {
  long n;
} thing;

OBJPOOL_DEFINE(thing_pool, thing);

static void waiting_at_the_cap_is_a_deadlock_and_says_so(void **state) {
  static thing_pool pool;
  objpool_config config;
  (void)state;
  memset(&config, 0, sizeof config);
  config.max_objects = 1;
  assert_true(thing_pool_init(&pool, &config));
  thing *object = thing_pool_acquire_for(&pool, -1);
  assert_non_null(object);
  errno = 0;
  assert_null(thing_pool_acquire_for(&pool, -1));
  assert_int_equal(errno, EDEADLK);
  errno = 0;
  assert_null(thing_pool_acquire(&pool));
  assert_int_equal(errno, EAGAIN);
  thing_pool_release(&pool, object);
  thing_pool_destroy(&pool);
}

static void count_alert(const objpool_alert *alert, void *user) {
  (void)alert;
  ++*(int *)user;
}

static void a_monitor_is_polled_but_has_no_thread(void **state) {
  static thing_pool pool;
  objpool_monitor monitor;
  objpool_thresholds thresholds;
  objpool_config config;
  int alerts = 0;
  (void)state;
  memset(&thresholds, 0, sizeof thresholds);
  thresholds.max_objects = 2;
  memset(&config, 0, sizeof config);
  config.name = "single";
  config.warmup = 3;
  config.min_idle = 3;
  assert_true(thing_pool_init(&pool, &config));
  assert_true(objpool_monitor_init(&monitor, &thresholds, count_alert, &alerts));
  errno = 0;
  assert_false(objpool_monitor_start(&monitor, 1000000));
  assert_int_equal(errno, ENOSYS);
  assert_int_equal(objpool_monitor_poll(&monitor), 1);
  assert_int_equal(alerts, 1);
  objpool_monitor_stop(&monitor);
  objpool_monitor_destroy(&monitor);
  thing_pool_destroy(&pool);
}

static void every_other_call_works(void **state) {
  static thing_pool pool;
  objpool_config config;
  thing *objects[6];
  char text[2000];
  (void)state;
  memset(&config, 0, sizeof config);
  config.name = "alone";
  config.max_idle = 4;
  config.max_objects = 6;
  assert_true(thing_pool_init(&pool, &config));
  assert_true(thing_pool_attach(&pool));
  assert_ptr_equal(objpool_registry_find("alone"), &pool.base);
  assert_int_equal(thing_pool_warmup(&pool, 9), 4);
  assert_int_equal(thing_pool_acquire_many(&pool, objects, 6), 6);
  thing_pool_discard(&pool, objects[5]);
  objects[4]->n = 9;
  assert_int_equal(thing_pool_extract(&pool, objects[4]).n, 9);
  thing_pool_release_many(&pool, objects, 4);
  assert_int_equal(thing_pool_stats(&pool).idle, 4);
  assert_true(thing_pool_resize(&pool, 2, 3));
  assert_int_equal(thing_pool_stats(&pool).idle, 2);
  assert_true(objpool_format(NULL, OBJPOOL_JSON, text, sizeof text) > 0);
  assert_non_null(strstr(text, "\"name\":\"alone\""));
  objpool_maintain(&pool.base);
  thing_pool_trim(&pool, 1);
  assert_int_equal(thing_pool_stats(&pool).idle, 1);
  thing_pool_reset_stats(&pool);
  assert_int_equal(thing_pool_stats(&pool).created, 0);
  thing_pool_destroy(&pool);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(waiting_at_the_cap_is_a_deadlock_and_says_so),
      cmocka_unit_test(a_monitor_is_polled_but_has_no_thread),
      cmocka_unit_test(every_other_call_works),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
