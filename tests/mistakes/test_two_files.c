/* Two files of a program share their pools; if they disagree about what a pool does, that is noticed. */
#include "support.h"

#define OBJPOOL_PANIC(message) panic_seen(message)
#define OBJPOOL_IMPLEMENTATION
#include "test_two_files.h"

#ifdef __cplusplus
extern "C"
#endif
    void
    second_seen_panic(const char *message) {
  panic_seen(message);
}

static shared_pool first_owns;

static void both_files_use_one_pool(shared_pool *pool) {
  thing *mine, *theirs;
  mine = shared_pool_acquire(pool);
  theirs = second_acquire(pool);
  assert_true(mine && theirs && mine != theirs);
  mine->n = 1;
  theirs->n = 2;
  assert_int_equal(shared_pool_stats(pool).in_use, 2);
  second_release(pool, mine); /* each gives back what the other took */
  shared_pool_release(pool, theirs);
  assert_int_equal(shared_pool_stats(pool).idle, 2);
  assert_int_equal(second_guarded(pool), 1);
  assert_int_equal(shared_pool_stats(pool).in_use, 0);
  assert_int_equal(shared_pool_stats(pool).created, 2);
  mine = second_acquire(pool);
  assert_non_null(mine);
  assert_int_equal(mine->n, 0);
  shared_pool_release(pool, mine);
  shared_pool_destroy(pool);
}

static void pool_of_the_first_file_serves_both(void **state) {
  (void)state;
  both_files_use_one_pool(&first_owns);
}

static void pool_of_the_second_file_serves_both(void **state) {
  (void)state;
  both_files_use_one_pool(&second_owns);
}

static void release_twice_from_two_files(void *pool, void *object) {
  second_release((shared_pool *)pool, (thing *)object);
}

static void checks_work_across_files(void **state) {
  thing *object;
  (void)state;
  object = shared_pool_acquire(&first_owns);
  assert_non_null(object);
  shared_pool_release(&first_owns, object);
  assert_true(panics(release_twice_from_two_files, &first_owns, object));
  assert_int_equal(shared_pool_stats(&first_owns).idle, 1);
  shared_pool_destroy(&first_owns);
}

static void different_options_for_one_name_panic_when_noticed(void **state) {
  static disputed_pool disputed;
  objpool_config config;
  thing *object;
  (void)state;
  memset(&config, 0, sizeof config);
  config.name = "disputed things";
  assert_true(disputed_pool_init(&disputed, &config));
  object = disputed_pool_acquire(&disputed);
  assert_non_null(object);
  assert_true(panics(second_uses_disputed, &disputed, NULL));
  assert_non_null(strstr(panic_message, "disputed things"));
  disputed_pool_release(&disputed, object);
  disputed_pool_destroy(&disputed);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pool_of_the_first_file_serves_both),
      cmocka_unit_test(pool_of_the_second_file_serves_both),
      cmocka_unit_test(checks_work_across_files),
      cmocka_unit_test(different_options_for_one_name_panic_when_noticed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
