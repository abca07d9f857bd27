/* Two files with a private copy of the implementation each: a pool belongs to the copy that used it first. The
   other's slow paths notice that, panic, and, where a panic returns, have done nothing. */
#include "support.h"

#define OBJPOOL_PANIC(message) panic_seen(message)
#define OBJPOOL_STATIC
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

typedef struct thing {
  long n[4];
} thing;

OBJPOOL_DEFINE(thing_pool, thing);

#ifdef __cplusplus
extern "C" {
#endif
enum { CALLS_THAT_NOTICE = 16 };
uintptr_t call_in_the_other_copy(int which, void *pool, void *in_use, void *idle); /* what it returned */
void panic_of_the_other_copy(const char *message);
#ifdef __cplusplus
}
#endif

void panic_of_the_other_copy(const char *message) { panic_seen(message); }

static void every_slow_path_notices_and_does_nothing(void **state) {
  static thing_pool pool;
  static jmp_buf unused;
  objpool_config config;
  thing *held[2];
  (void)state;
  memset(&config, 0, sizeof config);
  config.name = "shared";
  config.max_objects = 100;
  config.cache_size = 4;
  assert_true(thing_pool_init(&pool, &config));
  assert_int_equal(thing_pool_acquire_many(&pool, held, 2), 2);
  thing_pool_release(&pool, held[1]);
  const objpool_stats before = thing_pool_stats(&pool);
  for (int which = 0; which < CALLS_THAT_NOTICE; which++) {
    panic_target = &unused;
    panic_returns = true;
    panic_count = 0;
    uintptr_t returned = call_in_the_other_copy(which, &pool, held[0], held[1]);
    panic_target = NULL;
    panic_returns = false;
    assert_int_equal(panic_count, 1);
    assert_non_null(strstr(panic_message, "pool 'shared': is shared between two copies of the implementation"));
    assert_int_equal(returned, 0);
    objpool_stats after = thing_pool_stats(&pool);
    assert_int_equal(after.acquires, before.acquires);
    assert_int_equal(after.releases, before.releases);
    assert_int_equal(after.created, before.created);
    assert_int_equal(after.destroyed, before.destroyed);
    assert_int_equal(after.extracted, before.extracted);
    assert_int_equal(after.in_use, 1);
    assert_int_equal(after.idle, 1);
    assert_int_equal(after.max_objects, 100);
    assert_int_equal(after.since_ns, before.since_ns);
  }
  thing_pool_release(&pool, held[0]); /* nothing happened to it */
  assert_int_equal(thing_pool_stats(&pool).idle, 2);
  thing_pool_destroy(&pool);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_slow_path_notices_and_does_nothing)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
