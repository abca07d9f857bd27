/* build: -fexceptions
   With -fexceptions, pthread_cancel and pthread_exit leave scopes too, and no function of the pool is a cancellation point. */
#include "support.h"

#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

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

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(guard_releases_on_pthread_cancel),
      cmocka_unit_test(guard_releases_on_pthread_exit),
      cmocka_unit_test(no_function_is_a_cancellation_point),
      cmocka_unit_test(cancelling_a_waiter_does_not_end_its_wait),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
