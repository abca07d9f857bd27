/* Without checks no word before an object says that it is in use: only pools with handles can be walked then, others say so. */
#include "support.h"

#define OBJPOOL_UNCHECKED
#define OBJPOOL_PANIC(message) panic_seen(message)
#define OBJPOOL_IMPLEMENTATION
#include "thing.h"

OBJPOOL_DEFINE(plain_pool, thing);
OBJPOOL_DEFINE(handle_pool, thing, opt.handles = true);
OBJPOOL_DEFINE(local_pool, thing, opt.handles = true, opt.local = true);

static long visited;
static void walk(void *pool, void *unused) {
  (void)unused;
  OBJPOOL_EACH(plain_pool, object, (plain_pool *)pool) visited += object != NULL;
}
static void release_all(void *pool, void *count) { *(size_t *)count = plain_pool_release_all((plain_pool *)pool); }

static void pools_with_handles_are_walked_and_others_panic(void **state) {
  static plain_pool plain;
  static handle_pool handles;
  static local_pool local;
  size_t count = 9;
  int n = 0;
  (void)state;
  thing *held = plain_pool_acquire(&plain);
  assert_non_null(held);
  panic_returns = true;
  assert_true(panics(walk, &plain, NULL));
  assert_non_null(strstr(panic_message, "cannot be walked"));
  assert_true(panics(release_all, &plain, &count));
  panic_returns = false;
  assert_int_equal(visited, 0);
  assert_int_equal(count, 0);
  assert_int_equal(plain_pool_stats(&plain).in_use, 1);
  plain_pool_release(&plain, held);
  plain_pool_destroy(&plain);
  for (int i = 0; i < 3; i++) assert_non_null(handle_pool_acquire(&handles));
  OBJPOOL_EACH(handle_pool, object, &handles) n += object != NULL;
  assert_int_equal(n, 3);
  assert_int_equal(handle_pool_release_all(&handles), 3);
  handle_pool_destroy(&handles);
  for (int i = 0; i < 4; i++) assert_non_null(held = local_pool_acquire(&local));
  local_pool_release(&local, held);
  n = 0;
  OBJPOOL_EACH(local_pool, object, &local) n += object != held;
  assert_int_equal(n, 3);
  assert_int_equal(local_pool_release_all(&local), 3);
  local_pool_destroy(&local);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(pools_with_handles_are_walked_and_others_panic)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
