/* A local pool, used by one thread at a time, keeps every promise of the others. */
#include "support.h"

#include "objpool.h"

typedef struct thing {
  long n;
  char text[56];
} thing;

OBJPOOL_DEFINE(thing_pool, thing, opt.local = true);

static thing_pool pool;

static objpool_config limited(size_t max_idle, size_t max_objects) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.max_idle = max_idle;
  config.max_objects = max_objects;
  return config;
}

static void local_pool_reuses_and_keeps_state(void **state) {
  thing *object;
  (void)state;
  object = thing_pool_acquire(&pool); /* all-zero is ready here too */
  assert_non_null(object);
  object->n = 9;
  thing_pool_release(&pool, object);
  assert_ptr_equal(thing_pool_try_acquire(&pool), object);
  assert_int_equal(object->n, 9);
  assert_null(thing_pool_try_acquire(&pool));
  thing_pool_release(&pool, object);
  thing_pool_destroy(&pool);
}

static void local_pool_keeps_exact_limits(void **state) {
  thing *objects[300];
  (void)state;
  for (size_t limit = 1; limit < 200; limit += limit < 10 ? 1 : 37) {
    objpool_config config = limited(limit, limit + 50);
    size_t count = 0;
    assert_true(thing_pool_init(&pool, &config));
    while (count < 300 && (objects[count] = thing_pool_acquire(&pool))) count++;
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(count, limit + 50);
    thing_pool_release_many(&pool, objects, count);
    assert_int_equal(thing_pool_stats(&pool).idle, limit);
    assert_int_equal(thing_pool_stats(&pool).overflowed, 50);
    assert_int_equal(thing_pool_acquire_many(&pool, objects, 300), limit + 50);
    thing_pool_release_many(&pool, objects, limit + 50);
    assert_true(thing_pool_resize(&pool, limit, limit));
    assert_int_equal(thing_pool_acquire_many(&pool, objects, 300), limit);
    thing_pool_release_many(&pool, objects, limit);
    assert_int_equal(thing_pool_trim(&pool, 1), limit - 1);
    assert_int_equal(thing_pool_clear(&pool), 1);
    thing_pool_destroy(&pool);
  }
}

static void local_pool_extracts_discards_and_guards(void **state) {
  thing value;
  thing *object = thing_pool_acquire(&pool);
  (void)state;
  assert_non_null(object);
  object->n = 4;
  value = thing_pool_extract(&pool, object);
  assert_int_equal(value.n, 4);
  object = thing_pool_acquire(&pool);
  assert_non_null(object);
  assert_int_equal(object->n, 0);
  thing_pool_discard(&pool, object);
  OBJPOOL_WITH(thing_pool, one, &pool) {
    OBJPOOL_SCOPED(thing_pool) two = thing_pool_guard_acquire(&pool);
    assert_non_null(two.object);
    assert_ptr_not_equal(one, two.object);
  }
  assert_int_equal(thing_pool_stats(&pool).in_use, 0);
  assert_int_equal(thing_pool_stats(&pool).idle, 2);
  assert_int_equal(thing_pool_stats(&pool).extracted, 1);
  assert_int_equal(thing_pool_stats(&pool).invalid, 1);
  thing_pool_destroy(&pool);
}

static void *use_in_turn(void *unused) {
  thing *objects[100];
  (void)unused;
  CHECK(thing_pool_attach(&pool));
  CHECK(thing_pool_acquire_many(&pool, objects, 100) == 100);
  for (int i = 0; i < 100; i++) objects[i]->n++;
  thing_pool_release_many(&pool, objects, 100);
  return NULL;
}

static void one_thread_after_another_may_use_it(void **state) {
  thing *objects[100];
  (void)state;
  for (int i = 0; i < 20; i++) in_another_thread(use_in_turn, NULL);
  (void)use_in_turn(NULL);
  assert_int_equal(thing_pool_stats(&pool).created, 100);
  assert_int_equal(thing_pool_acquire_many(&pool, objects, 100), 100);
  for (int i = 0; i < 100; i++) assert_int_equal(objects[i]->n, 21);
  thing_pool_release_many(&pool, objects, 100);
  thing_pool_destroy(&pool);
}

static long stop_now;
static void *read_statistics(void *unused) {
  uint64_t before = 0;
  (void)unused;
  while (!count_read(&stop_now)) { /* counters are plain moves that others may read */
    objpool_stats stats = thing_pool_stats(&pool);
    CHECK(stats.acquires >= before);
    CHECK(stats.peak_in_use <= 10);
    before = stats.acquires;
  }
  return NULL;
}

static void others_may_read_its_statistics(void **state) {
  pthread_t reader;
  (void)state;
  thing_pool_release(&pool, thing_pool_acquire(&pool));
  count_set(&stop_now, 0);
  reader = start_thread(read_statistics, NULL);
  for (long i = 0; i < SCALED(2000000L, 300000L, 100000L); i++) {
    thing *objects[10];
    size_t count = 1 + (size_t)(i % 10);
    CHECK(thing_pool_acquire_many(&pool, objects, count) == count);
    thing_pool_release_many(&pool, objects, count);
  }
  count_set(&stop_now, 1);
  join_thread(reader);
  thing_pool_destroy(&pool);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(local_pool_reuses_and_keeps_state),       cmocka_unit_test(local_pool_keeps_exact_limits),
      cmocka_unit_test(local_pool_extracts_discards_and_guards), cmocka_unit_test(one_thread_after_another_may_use_it),
      cmocka_unit_test(others_may_read_its_statistics),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
