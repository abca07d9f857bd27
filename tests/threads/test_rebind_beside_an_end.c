/* A pool is given other hooks while a thread that had used it ends: that is no use of the pool. What the thread's end notes about
   the pool's hooks is of those that count from then on.
   C only: C++ is the same code */
#include "support.h"

#include <pthread.h>

static void stop_before(const char *function);
static int lock_and_tell(pthread_mutex_t *mutex);

#define __atomic_store_n(word, ...) (stop_before(__func__), __atomic_store_n(word, __VA_ARGS__))
#define pthread_mutex_lock lock_and_tell
#define OBJPOOL_IMPLEMENTATION
#include "pools.h"
#undef pthread_mutex_lock
#undef __atomic_store_n

typedef struct thing {
  long number;
} thing;

static int looks;

static bool look(thing *object, void *context) {
  (void)object, (void)context;
  looks++;
  return true;
}

MAKES_BY_HOOK(thing)
OBJPOOL_DEFINE(plain_pool, thing, opt.create = make_thing);
OBJPOOL_DEFINE(wary_pool, thing, opt.create = make_thing, opt.validate = look, opt.validate_on = OBJPOOL_ON_ACQUIRE);

static wary_pool pool; /* plain at first */
static __thread bool ends;
static bool stopped, rebound, is_waited_for;

/* The thread that ends learns what the hooks are: it goes on when the pool has others, or when that has to wait for it. */
static void stop_before(const char *function) {
  if (!ends || strcmp(function, "objpool__word_learn") != 0) return;
  ends = false;
  __atomic_store_n(&stopped, true, __ATOMIC_RELEASE);
  WAIT_UNTIL(__atomic_load_n(&rebound, __ATOMIC_ACQUIRE) || __atomic_load_n(&is_waited_for, __ATOMIC_ACQUIRE));
}

static int lock_and_tell(pthread_mutex_t *mutex) {
  if (pthread_mutex_trylock(mutex) == 0) return 0;
  if (__atomic_load_n(&stopped, __ATOMIC_ACQUIRE)) __atomic_store_n(&is_waited_for, true, __ATOMIC_RELEASE);
  return pthread_mutex_lock(mutex);
}

static void *use_and_end(void *unused) {
  plain_pool *mine = (plain_pool *)(void *)&pool;
  plain_pool_release(mine, plain_pool_acquire(mine));
  ends = true;
  return unused;
}

static void hooks_count_though_a_thread_ends_that_had_used_the_pool(void **state) {
  objpool_config config = defaults();
  (void)state;
  config.max_objects = 12;
  assert_true(plain_pool_init((plain_pool *)(void *)&pool, &config));
  pthread_t other = start_thread(use_and_end, NULL);
  WAIT_UNTIL(__atomic_load_n(&stopped, __ATOMIC_ACQUIRE));
  assert_true(wary_pool_rebind(&pool));
  __atomic_store_n(&rebound, true, __ATOMIC_RELEASE);
  join_thread(other);
  for (int i = 1; i < 5; i++) { /* it is what the thread had left, again and again */
    wary_pool_release(&pool, wary_pool_acquire(&pool));
    assert_int_equal(looks, i);
  }
  wary_pool_destroy(&pool);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(hooks_count_though_a_thread_ends_that_had_used_the_pool)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
