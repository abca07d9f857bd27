/* An all-zero pool is a pool with default settings: whichever function comes first, it works. */
#include "support.h"

#include "objpool.h"

typedef struct thing {
  long n;
} thing;

static long resets;
static void count_reset(thing *object, void *context) {
  (void)object;
  CHECK(context == NULL);
  resets++;
}
OBJPOOL_DEFINE(thing_pool, thing, opt.reset = count_reset);
OBJPOOL_DEFINE(local_pool, thing, opt.local = true);

/* Each test gets pools that are zero: static, on the stack and in the heap. */
static void on_zero_pools(void (*test)(thing_pool *)) {
  static thing_pool untouched;
  thing_pool on_stack, *in_heap = (thing_pool *)calloc(1, sizeof *in_heap);
  assert_non_null(in_heap);
  memset(&on_stack, 0, sizeof on_stack);
  test(&untouched);
  test(&on_stack);
  test(in_heap);
  thing_pool_destroy(&untouched);
  thing_pool_destroy(&on_stack);
  thing_pool_destroy(in_heap);
  free(in_heap);
}

static void assert_works(thing_pool *pool) {
  thing *object = thing_pool_acquire(pool);
  assert_non_null(object);
  thing_pool_release(pool, object);
  assert_ptr_equal(thing_pool_try_acquire(pool), object);
  thing_pool_release(pool, object);
  assert_int_equal(thing_pool_stats(pool).max_idle, 0);
  assert_int_equal(thing_pool_stats(pool).max_objects, 0);
  assert_int_equal(thing_pool_stats(pool).object_size, sizeof(thing));
}

static void acquire_comes_first(thing_pool *pool) { assert_works(pool); }
static void try_acquire_comes_first(thing_pool *pool) {
  errno = 0;
  assert_null(thing_pool_try_acquire(pool));
  assert_int_equal(errno, EAGAIN);
  assert_works(pool);
}
static void acquire_for_comes_first(thing_pool *pool) {
  thing *object = thing_pool_acquire_for(pool, 1000);
  assert_non_null(object);
  thing_pool_release(pool, object);
  assert_works(pool);
}
static void acquire_many_comes_first(thing_pool *pool) {
  thing *objects[3];
  assert_int_equal(thing_pool_acquire_many(pool, objects, 3), 3);
  thing_pool_release_many(pool, objects, 3);
  assert_works(pool);
}
static void release_of_null_comes_first(thing_pool *pool) {
  thing *none[2] = {NULL, NULL};
  thing_pool_release(pool, NULL);
  thing_pool_discard(pool, NULL);
  thing_pool_release_many(pool, none, 2);
  assert_works(pool);
}
static void warmup_comes_first(thing_pool *pool) {
  assert_int_equal(thing_pool_warmup(pool, 5), 5);
  assert_works(pool);
}
static void trim_comes_first(thing_pool *pool) {
  assert_int_equal(thing_pool_trim(pool, 3), 0);
  assert_works(pool);
}
static void clear_comes_first(thing_pool *pool) {
  assert_int_equal(thing_pool_clear(pool), 0);
  assert_works(pool);
}
static void resize_comes_first(thing_pool *pool) {
  thing *objects[3];
  assert_true(thing_pool_resize(pool, 1, 2));
  assert_int_equal(thing_pool_acquire_many(pool, objects, 3), 2);
  thing_pool_release_many(pool, objects, 2);
  assert_int_equal(thing_pool_stats(pool).idle, 1);
  assert_true(thing_pool_resize(pool, 0, 0));
  assert_works(pool);
}
static void attach_comes_first(thing_pool *pool) {
  assert_true(thing_pool_attach(pool));
  assert_works(pool);
}
static void stats_come_first(thing_pool *pool) {
  objpool_stats stats = thing_pool_stats(pool);
  assert_int_equal(stats.acquires, 0);
  assert_int_equal(stats.in_use, 0);
  assert_int_equal(stats.idle, 0);
  assert_works(pool);
}
static void reset_stats_comes_first(thing_pool *pool) {
  thing_pool_reset_stats(pool);
  assert_works(pool);
}
static void guard_comes_first(thing_pool *pool) {
  {
    OBJPOOL_SCOPED(thing_pool) guard = thing_pool_guard_acquire(pool);
    assert_non_null(guard.object);
  }
  assert_works(pool);
}
static void with_comes_first(thing_pool *pool) {
  OBJPOOL_WITH(thing_pool, object, pool) object->n = 1;
  assert_works(pool);
}
static void destroy_comes_first(thing_pool *pool) {
  thing_pool_destroy(pool);
  assert_works(pool);
}
static void report_comes_first(thing_pool *pool) {
  char text[4000];
  assert_true(objpool_report(&pool->base, text, sizeof text) > 0);
  assert_null(objpool_context(&pool->base));
  assert_works(pool);
}

static void any_function_may_come_first(void **state) {
  void (*const firsts[])(thing_pool *) = {
      acquire_comes_first,         try_acquire_comes_first, acquire_for_comes_first, acquire_many_comes_first,
      release_of_null_comes_first, warmup_comes_first,      trim_comes_first,        clear_comes_first,
      resize_comes_first,          attach_comes_first,      stats_come_first,        reset_stats_comes_first,
      guard_comes_first,           with_comes_first,        destroy_comes_first,     report_comes_first,
  };
  (void)state;
  for (size_t i = 0; i < COUNT_OF(firsts); i++) on_zero_pools(firsts[i]);
}

/* On the stack, where the next function's variables will lie. */
static __attribute__((noinline)) void leave_traces(void) {
  char traces[4096];
  memset(traces, 0x5a, sizeof traces);
  __asm__ volatile("" : : "r"(traces) : "memory");
}

static void typeless_functions_know_nothing_of_an_untouched_pool(void **state) {
  static thing_pool untouched;
  static thing_pool zero; /* all of it */
  static objpool_stats no_stats;
  objpool_stats stats;
  objpool *base = &untouched.base;
  void *objects[2];
  (void)state;
  errno = 0;
  assert_null(objpool_acquire(base));
  assert_int_equal(errno, EINVAL);
  errno = 0;
  assert_null(objpool_try_acquire(base));
  assert_int_equal(errno, EINVAL);
  errno = 0;
  assert_null(objpool_acquire_for(base, 1000));
  assert_int_equal(errno, EINVAL);
  errno = 0;
  assert_int_equal(objpool_acquire_many(base, objects, 2), 0);
  assert_int_equal(errno, EINVAL);
  errno = 0;
  assert_int_equal(objpool_warmup(base, 2), 0);
  assert_int_equal(errno, EINVAL);
  errno = 0;
  assert_false(objpool_resize(base, 2, 2));
  assert_int_equal(errno, EINVAL);
  assert_int_equal(objpool_trim(base, 0), 0);
  assert_int_equal(objpool_clear(base), 0);
  objpool_release(base, NULL);
  objpool_discard(base, NULL);
  errno = 0;
  leave_traces();
  stats = objpool_snapshot(base);
  assert_int_equal(errno, EINVAL);
  assert_true(stats.now_ns > 0);
  stats.now_ns = 0;
  assert_memory_equal(&stats, &no_stats, sizeof stats);
  objpool_reset_stats(base);
  assert_null(objpool_context(base));
  objpool_destroy(base);
  assert_memory_equal(&untouched, &zero, sizeof zero);
  objects[0] = thing_pool_acquire(&untouched); /* once a typed call has told the type, they work */
  assert_non_null(objects[0]);
  resets = 0;
  objpool_release(base, objects[0]);
  assert_int_equal(resets, 1);
  assert_ptr_equal(objpool_acquire(base), objects[0]);
  objpool_release(base, objects[0]);
  objpool_destroy(base);
  assert_memory_equal(&untouched, &zero, sizeof zero);
}

static void zero_local_pool_works_too(void **state) {
  static local_pool local;
  thing *object;
  (void)state;
  assert_null(local_pool_try_acquire(&local));
  object = local_pool_acquire(&local);
  assert_non_null(object);
  local_pool_release(&local, object);
  assert_int_equal(local_pool_clear(&local), 1);
  local_pool_destroy(&local);
  assert_int_equal(local_pool_warmup(&local, 2), 2);
  local_pool_destroy(&local);
  assert_true(local_pool_attach(&local));
  local_pool_destroy(&local);
}

static thing_pool shared[6];
static void *begin_in_a_new_thread(void *index) {
  thing_pool *pool = &shared[(intptr_t)index];
  switch ((intptr_t)index) {
  case 0: CHECK(thing_pool_try_acquire(pool) == NULL); break;
  case 1: CHECK(thing_pool_trim(pool, 0) == 0); break;
  case 2: CHECK(thing_pool_attach(pool)); break;
  case 3: CHECK(thing_pool_warmup(pool, 1) == 1); break;
  case 4: (void)thing_pool_stats(pool); break;
  default: thing_pool_destroy(pool);
  }
  thing_pool_release(pool, thing_pool_acquire(pool));
  CHECK(thing_pool_stats(pool).created == 1);
  return NULL;
}

static void a_thread_that_used_no_pool_before_may_be_first(void **state) {
  (void)state;
  for (intptr_t i = 0; i < (intptr_t)COUNT_OF(shared); i++) {
    in_another_thread(begin_in_a_new_thread, (void *)i);
    thing_pool_destroy(&shared[i]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(any_function_may_come_first),
      cmocka_unit_test(typeless_functions_know_nothing_of_an_untouched_pool),
      cmocka_unit_test(zero_local_pool_works_too),
      cmocka_unit_test(a_thread_that_used_no_pool_before_may_be_first),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
