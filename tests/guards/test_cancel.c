/* build: -fexceptions
   With -fexceptions, pthread_cancel and pthread_exit leave scopes too, and no function of the pool is a cancellation point. */
#include "support.h"

#include <fcntl.h>

#define OBJPOOL_IMPLEMENTATION
#include "pools.h"

typedef struct thing {
  int n;
} thing;

OBJPOOL_DEFINE(thing_pool, thing);

static thing_pool pool;
static long holding;

static void *hold_until_cancelled(void *unused) {
  (void)unused;
  OBJPOOL_SCOPED(thing_pool) guard = thing_pool_guard_acquire(&pool);
  CHECK(guard.object);
  OBJPOOL_WITH(thing_pool, object, &pool) {
    object->n = 1;
    count_add(&holding, 1);
    for (;;) pthread_testcancel();
  }
  return NULL;
}

static void guard_releases_on_pthread_cancel(void **state) {
  pthread_t thread;
  (void)state;
  count_set(&holding, 0);
  thread = start_thread(hold_until_cancelled, NULL);
  WAIT_UNTIL(count_read(&holding) == 1);
  assert_int_equal(thing_pool_stats(&pool).in_use, 2);
  assert_int_equal(pthread_cancel(thread), 0);
  join_thread(thread);
  assert_int_equal(thing_pool_stats(&pool).in_use, 0);
  assert_int_equal(thing_pool_stats(&pool).idle, 2);
  thing_pool_destroy(&pool);
}

static void *leave_by_pthread_exit(void *unused) {
  (void)unused;
  OBJPOOL_SCOPED(thing_pool) guard = thing_pool_guard_acquire(&pool);
  CHECK(guard.object);
  OBJPOOL_WITH(thing_pool, object, &pool) {
    object->n = 1;
    CHECK(thing_pool_stats(&pool).in_use == 2);
    pthread_exit(NULL);
  }
  return NULL;
}

static void guard_releases_on_pthread_exit(void **state) {
  (void)state;
  in_another_thread(leave_by_pthread_exit, NULL);
  assert_int_equal(thing_pool_stats(&pool).in_use, 0);
  assert_int_equal(thing_pool_stats(&pool).releases, 2);
  thing_pool_destroy(&pool);
}

static long got_through;

static void *use_everything_while_cancelled(void *unused) {
  thing *object, *objects[4];
  (void)unused;
  CHECK(pthread_cancel(pthread_self()) == 0); /* pending from here on */
  object = thing_pool_acquire(&pool);
  CHECK(object);
  thing_pool_release(&pool, object);
  object = thing_pool_try_acquire(&pool);
  CHECK(object);
  thing_pool_discard(&pool, object);
  CHECK(thing_pool_acquire_many(&pool, objects, 4) == 4);
  CHECK(thing_pool_acquire_for(&pool, 1000000) == NULL); /* the cap is 4: this one waits */
  CHECK(thing_pool_acquire_for(&pool, 0) == NULL);
  thing_pool_release_many(&pool, objects, 4);
  CHECK(thing_pool_trim(&pool, 1) == 3);
  CHECK(thing_pool_warmup(&pool, 3) == 2);
  CHECK(thing_pool_resize(&pool, 2, 4));
  CHECK(thing_pool_clear(&pool) == 2);
  CHECK(thing_pool_attach(&pool));
  CHECK(thing_pool_stats(&pool).in_use == 0);
  thing_pool_reset_stats(&pool);
  count_add(&got_through, 1);
  pthread_testcancel();
  count_add(&got_through, 100);
  return NULL;
}

static void no_function_is_a_cancellation_point(void **state) {
  objpool_config config;
  pthread_t thread;
  void *result = NULL;
  (void)state;
  memset(&config, 0, sizeof config);
  config.max_objects = 4;
  assert_true(thing_pool_init(&pool, &config));
  count_set(&got_through, 0);
  thread = start_thread(use_everything_while_cancelled, NULL);
  assert_int_equal(pthread_join(thread, &result), 0);
  assert_ptr_equal(result, PTHREAD_CANCELED);
  assert_int_equal(count_read(&got_through), 1);
  thing_pool_destroy(&pool);
}

/* ---- each function alone: what it takes for it to wait, write or read a file in the middle */

static thing_pool brief;
static objpool_monitor monitor;
static thing *out[8];

static void init_and_warm_up(void) {
  objpool_config config = defaults();
  config.name = "cancelled";
  config.warmup = 200;
  CHECK(thing_pool_init(&brief, &config));
  CHECK(objpool_registry_find("cancelled") == &brief.base);
  thing_pool_destroy(&brief);
}
static void first_use(void) {
  thing_pool_release(&brief, thing_pool_acquire(&brief));
  thing_pool_destroy(&brief);
}
static void init_that_is_refused(void) {
  objpool_config config = defaults();
  config.max_idle = 9;
  config.max_objects = 3;
  CHECK(!thing_pool_init(&brief, &config) && errno == EINVAL);
}
static void destroy_with_a_leak_report(void) {
  objpool_config config = defaults();
  config.name = "leaks";
  CHECK(thing_pool_init(&brief, &config));
  CHECK(thing_pool_acquire(&brief));
  thing_pool_destroy(&brief);
  CHECK(!brief.base.state && !objpool_registry_find("leaks"));
}
static void acquire_and_release(void) {
  thing *object = thing_pool_acquire(&pool);
  CHECK(object);
  thing_pool_release(&pool, object);
  CHECK((object = thing_pool_try_acquire(&pool)) != NULL);
  thing_pool_discard(&pool, object);
  CHECK((object = thing_pool_acquire(&pool)) != NULL);
  CHECK(thing_pool_extract(&pool, object).n == 0);
}
static void acquire_many_and_release_many(void) {
  thing *objects[4];
  CHECK(thing_pool_acquire_many(&pool, objects, 4) == 4);
  CHECK(thing_pool_acquire(&pool) == NULL && errno == EAGAIN);
  thing_pool_release_many(&pool, objects, 4);
}
static void wait_until_time_is_up(void) {
  thing *objects[4];
  CHECK(thing_pool_acquire_many(&pool, objects, 4) == 4);
  CHECK(thing_pool_acquire_for(&pool, 20000000) == NULL && errno == ETIMEDOUT);
  thing_pool_release_many(&pool, objects, 4);
}
static void wait_until_served(void) {
  thing *object = thing_pool_acquire_for(&pool, -1);
  CHECK(object);
  thing_pool_release(&pool, object);
}
static void guards(void) {
  thing_pool_guard guard = thing_pool_guard_acquire(&pool);
  CHECK(guard.object);
  thing_pool_guard_release(&guard);
  guard = thing_pool_guard_acquire_for(&pool, 1000000);
  CHECK(guard.object);
  thing_pool_guard_discard(&guard);
}
static void trim_and_warm_up(void) {
  CHECK(thing_pool_warmup(&pool, 4) <= 4);
  CHECK(thing_pool_trim(&pool, 1) == 3);
  CHECK(thing_pool_clear(&pool) == 1);
}
static void resize_up_and_down(void) {
  CHECK(thing_pool_resize(&pool, 2, 8));
  CHECK(thing_pool_resize(&pool, 0, 4));
}
static void attach_and_look(void) {
  CHECK(thing_pool_attach(&pool));
  CHECK(thing_pool_stats(&pool).in_use == 0);
  thing_pool_reset_stats(&pool);
}
static void abandon(void) { (void)thing_pool_abandon(&pool); }
static void memory_pressure(void) { (void)objpool_memory_pressure(); }
static void maintain(void) {
  for (int i = 0; i < 3; i++) (void)objpool_maintain(&pool.base);
}
static void look_at_the_registry(void) {
  (void)objpool_registry_snapshot();
  CHECK(!objpool_registry_find("nobody"));
  CHECK(strcmp(objpool_name(&pool.base), "used while cancelled") == 0);
}
static void visit(objpool *visited, void *user) { (void)visited, (void)user; }
static void visit_and_format(void) {
  char text[4000];
  CHECK(objpool_registry_each(visit, NULL) == 1);
  CHECK(objpool_format(NULL, OBJPOOL_TEXT, text, sizeof text) > 0);
  CHECK(objpool_format(NULL, OBJPOOL_JSON, text, sizeof text) > 0);
  CHECK(objpool_format(NULL, OBJPOOL_PROMETHEUS, text, sizeof text) > 0);
}
static void poll_a_monitor(void) {
  CHECK(objpool_monitor_init(&monitor, NULL, NULL, NULL));
  (void)objpool_monitor_poll(&monitor);
  objpool_monitor_destroy(&monitor);
}
static void start_and_stop_a_monitor(void) {
  CHECK(objpool_monitor_init(&monitor, NULL, NULL, NULL));
  CHECK(objpool_monitor_start(&monitor, 1000000000));
  objpool_monitor_stop(&monitor);
  CHECK(objpool_monitor_start(&monitor, 1000000));
  objpool_monitor_destroy(&monitor);
}
static objpool_pressure full_pressure(void *user) { return (void)user, OBJPOOL_PRESSURE_FULL; }
static void set_the_pressure_source(void) {
  objpool_set_pressure_source(no_pressure, NULL);
  objpool_set_pressure_source(NULL, NULL);
}

static const struct {
  const char *name;
  void (*body)(void);
} functions[] = {
    {"init, destroy", init_and_warm_up},
    {"a pool's first use", first_use},
    {"init that is refused", init_that_is_refused},
    {"destroy with a leak report", destroy_with_a_leak_report},
    {"acquire, release, discard, extract", acquire_and_release},
    {"acquire_many, release_many", acquire_many_and_release_many},
    {"acquire_for that times out", wait_until_time_is_up},
    {"acquire_for that is served", wait_until_served},
    {"guards", guards},
    {"warmup, trim, clear", trim_and_warm_up},
    {"resize", resize_up_and_down},
    {"attach, stats, reset_stats", attach_and_look},
    {"abandon", abandon},
    {"memory_pressure", memory_pressure},
    {"maintain", maintain},
    {"registry_find, registry_snapshot, name", look_at_the_registry},
    {"registry_each, format", visit_and_format},
    {"monitor_init, _poll, _destroy", poll_a_monitor},
    {"monitor_start, _stop", start_and_stop_a_monitor},
    {"set_pressure_source", set_the_pressure_source},
};

static void *call_while_cancelled(void *body) {
  void (*called)(void);
  memcpy(&called, &body, sizeof called);
  CHECK(pthread_cancel(pthread_self()) == 0);
  called();
  count_add(&got_through, 1);
  pthread_testcancel(); /* the request is pending still: no function swallowed it */
  count_add(&got_through, 100);
  return NULL;
}

static void each_function_comes_through_while_a_cancel_is_pending(void **state) {
  objpool_config config = defaults();
  (void)state;
  config.max_objects = 4;
  config.name = "used while cancelled";
  for (int cached = 0; cached < 2; cached++) {
    config.cache_size = cached ? 0 : OBJPOOL_NO_CACHE;
    assert_true(thing_pool_init(&pool, &config));
    for (size_t i = 0; i < COUNT_OF(functions); i++) {
      void *body, *result = NULL;
      bool served = functions[i].body == wait_until_served;
      int quiet = open("/dev/null", O_WRONLY), loud = dup(STDERR_FILENO);
      memcpy(&body, &functions[i].body, sizeof body);
      count_set(&got_through, 0);
      if (served) assert_int_equal(thing_pool_acquire_many(&pool, out, 4), 4);
      fflush(stderr);
      dup2(quiet, STDERR_FILENO); /* the leak report is written, and read by nobody */
      pthread_t thread = start_thread(call_while_cancelled, body);
      if (served) {
        WAIT_UNTIL(thing_pool_stats(&pool).waiting == 1);
        thing_pool_release_many(&pool, out, 4);
      }
      assert_int_equal(pthread_join(thread, &result), 0);
      fflush(stderr);
      dup2(loud, STDERR_FILENO);
      close(quiet);
      close(loud);
      if (count_read(&got_through) != 1 || result != PTHREAD_CANCELED)
        fail_msg("%s: %s", functions[i].name,
                 count_read(&got_through) ? "swallowed the request" : "was cancelled inside");
      assert_int_equal(thing_pool_stats(&pool).in_use, 0);
    }
    thing_pool_destroy(&pool);
  }
}

/* Nothing is left as in the middle of it: maintenance goes on. */
static void maintenance_goes_on_after_a_cancelled_thread_maintained(void **state) {
  objpool_config config = defaults();
  void (*called)(void) = maintain;
  void *body;
  (void)state;
  config.max_objects = 1000;
  assert_true(thing_pool_init(&pool, &config));
  memcpy(&body, &called, sizeof body);
  in_another_thread(call_while_cancelled, body);
  size_t destroyed = 0;
  assert_int_equal(thing_pool_warmup(&pool, 500), 500);
  objpool_set_pressure_source(full_pressure, NULL);
  destroyed = objpool_maintain(&pool.base);
  objpool_set_pressure_source(NULL, NULL);
  assert_true(destroyed > 0); /* under pressure it gives back all it may */
  thing_pool_destroy(&pool);
}

static void *wait_for_an_object(void *unused) {
  thing *object = thing_pool_acquire_for(&pool, -1);
  (void)unused;
  CHECK(object);
  count_add(&got_through, 1);
  thing_pool_release(&pool, object);
  pthread_testcancel();
  count_add(&got_through, 100);
  return NULL;
}

static void cancelling_a_waiter_does_not_end_its_wait(void **state) {
  objpool_config config;
  pthread_t thread;
  thing *object;
  (void)state;
  memset(&config, 0, sizeof config);
  config.max_objects = 1;
  assert_true(thing_pool_init(&pool, &config));
  object = thing_pool_acquire(&pool);
  assert_non_null(object);
  count_set(&got_through, 0);
  thread = start_thread(wait_for_an_object, NULL);
  WAIT_UNTIL(thing_pool_stats(&pool).waiting == 1);
  assert_int_equal(pthread_cancel(thread), 0);
  sleep_ms(30);
  assert_int_equal(thing_pool_stats(&pool).waiting, 1);
  thing_pool_release(&pool, object);
  join_thread(thread);
  assert_int_equal(count_read(&got_through), 1);
  assert_int_equal(thing_pool_stats(&pool).in_use, 0);
  thing_pool_destroy(&pool);
}

static void *release_twice_while_cancelled(void *unused) {
  thing *object = thing_pool_acquire(&pool);
  thing_pool_release(&pool, object);
  CHECK(pthread_cancel(pthread_self()) == 0);
  thing_pool_release(&pool, object); /* says so, and ends the program: not this thread alone */
  return unused;
}

static void panic_in_a_child(void *unused) {
  (void)unused;
  in_another_thread(release_twice_while_cancelled, NULL);
}

static void a_panic_ends_the_program_though_a_cancel_is_pending(void **state) {
  char output[2000];
  (void)state;
  assert_true(ENDED_BY(in_child(panic_in_a_child, NULL, output, sizeof output), SIGABRT));
  assert_non_null(strstr(output, "released twice"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(guard_releases_on_pthread_cancel),
      cmocka_unit_test(guard_releases_on_pthread_exit),
      cmocka_unit_test(no_function_is_a_cancellation_point),
      cmocka_unit_test(each_function_comes_through_while_a_cancel_is_pending),
      cmocka_unit_test(maintenance_goes_on_after_a_cancelled_thread_maintained),
      cmocka_unit_test(cancelling_a_waiter_does_not_end_its_wait),
      cmocka_unit_test(a_panic_ends_the_program_though_a_cancel_is_pending),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
