/* errno after calls that preserve it, whatever hooks, allocators and event handlers have made of it meanwhile. */
#include "support.h"

#define OBJPOOL_PANIC(message) panic_seen(message)
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

typedef struct thing {
  long n[4];
} thing;

static bool all_are_good = true, none_is_built;

static bool make(thing *object, void *context) {
  (void)object, (void)context;
  errno = EDOM;
  return !none_is_built;
}
static void reset(thing *object, void *context) {
  (void)object, (void)context;
  errno = EDOM;
}
static bool is_good(thing *object, void *context) {
  (void)object, (void)context;
  errno = EDOM;
  return all_are_good;
}
static void take_down(thing *object, void *context) {
  (void)object, (void)context;
  errno = EDOM;
}
static void see(const objpool_event *event, void *context) {
  (void)event, (void)context;
  errno = EDOM;
}
static void *take_memory(size_t size, size_t alignment, void *context) {
  void *memory = NULL;
  (void)context;
  if (posix_memalign(&memory, alignment < sizeof(void *) ? sizeof(void *) : alignment, size)) memory = NULL;
  errno = EDOM;
  return memory;
}
static void *take_memory_but_for_a_name(size_t size, size_t alignment, void *context) {
  return size == 26 ? NULL : take_memory(size, alignment, context);
}
static void give_memory(void *memory, size_t size, size_t alignment, void *context) {
  (void)size, (void)alignment, (void)context;
  free(memory);
  errno = EDOM;
}

#define HOOKS opt.create = make, opt.reset = reset, opt.validate = is_good, opt.destroy = take_down
OBJPOOL_DEFINE(plain_pool, thing);
OBJPOOL_DEFINE(reset_pool, thing, opt.reset = reset);
OBJPOOL_DEFINE(hooked_pool, thing, HOOKS);
OBJPOOL_DEFINE(seen_pool, thing, HOOKS, opt.on_event = see);
OBJPOOL_DEFINE(local_pool, thing, HOOKS, opt.local = true);
OBJPOOL_DEFINE(wiped_pool, thing, HOOKS, opt.wipe = true);
OBJPOOL_DEFINE(local_wiped_pool, thing, HOOKS, opt.local = true, opt.wipe = true);

enum { MANY = 200, MARK = 4711 };

static objpool_config config_with(size_t cache_size, size_t max_idle) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.cache_size = cache_size;
  config.max_idle = max_idle;
  config.allocator.allocate = take_memory;
  config.allocator.deallocate = give_memory;
  return config;
}

#define PRESERVES(...)                                                                             \
  do {                                                                                             \
    errno = MARK;                                                                                  \
    __VA_ARGS__;                                                                                   \
    if (errno != MARK) fail_msg("%s, idle limit %zu: errno is %d", #__VA_ARGS__, max_idle, errno); \
  } while (0)

/* Through fast paths and slow ones: one and many, kept and beyond max_idle, valid and not. */
#define TRY_ALL(P, cache_size, limit)                                                  \
  do {                                                                                 \
    static P pool;                                                                     \
    thing *held[MANY], *one;                                                           \
    size_t max_idle = limit;                                                           \
    objpool_config config = config_with(cache_size, max_idle);                         \
    all_are_good = true;                                                               \
    assert_true(P##_init(&pool, &config));                                             \
    for (int round = 0; round < 3; round++) {                                          \
      for (size_t i = 0; i < MANY; i++) assert_non_null(held[i] = P##_acquire(&pool)); \
      for (size_t i = 0; i < MANY; i++) PRESERVES(P##_release(&pool, held[i]));        \
      assert_non_null(one = P##_acquire(&pool));                                       \
      PRESERVES(objpool_release(&pool.base, one));                                     \
      assert_non_null(one = P##_acquire(&pool));                                       \
      all_are_good = false;                                                            \
      PRESERVES(P##_release(&pool, one));                                              \
      all_are_good = true;                                                             \
      assert_non_null(one = P##_acquire(&pool));                                       \
      PRESERVES(P##_discard(&pool, one));                                              \
      assert_non_null(one = P##_acquire(&pool));                                       \
      PRESERVES(objpool_discard(&pool.base, one));                                     \
      P##_guard guard = P##_guard_acquire(&pool);                                      \
      assert_non_null(guard.object);                                                   \
      PRESERVES(P##_guard_release(&guard));                                            \
      guard = P##_guard_acquire(&pool);                                                \
      PRESERVES(P##_guard_discard(&guard));                                            \
      for (size_t i = 0; i < 20; i++) assert_non_null(held[i] = P##_acquire(&pool));   \
      PRESERVES(P##_release_many(&pool, held, 20));                                    \
      PRESERVES(P##_release(&pool, NULL));                                             \
      for (size_t i = 0; i < 20; i++) assert_non_null(held[i] = P##_acquire(&pool));   \
      PRESERVES((void)P##_release_all(&pool));                                         \
      PRESERVES(P##_trim(&pool, 1));                                                   \
      PRESERVES(P##_clear(&pool));                                                     \
      PRESERVES((void)P##_stats(&pool));                                               \
    }                                                                                  \
    P##_release(&pool, P##_acquire(&pool));                                            \
    PRESERVES(P##_close(&pool));                                                       \
    PRESERVES(P##_destroy(&pool));                                                     \
    PRESERVES(P##_trim(&pool, 0));                                                     \
    PRESERVES(P##_clear(&pool));                                                       \
  } while (0)

#define TRY_EACH(P)                   \
  do {                                \
    TRY_ALL(P, 0, 0);                 \
    TRY_ALL(P, 4, 30);                \
    TRY_ALL(P, OBJPOOL_NO_CACHE, 0);  \
    TRY_ALL(P, OBJPOOL_NO_CACHE, 10); \
  } while (0)

static void calls_of_plain_pools_preserve_it(void **state) {
  (void)state;
  TRY_EACH(plain_pool);
}
static void hooks_may_change_it(void **state) {
  (void)state;
  TRY_EACH(reset_pool);
  TRY_EACH(hooked_pool);
}
static void event_handlers_may_change_it(void **state) {
  (void)state;
  TRY_EACH(seen_pool);
}
static void so_they_may_in_pools_of_one_thread(void **state) {
  (void)state;
  TRY_ALL(local_pool, 0, 0);
  TRY_ALL(local_pool, 0, 30);
  TRY_ALL(local_wiped_pool, 0, 0);
  TRY_ALL(local_wiped_pool, 0, 30);
}
static void so_they_may_where_releases_wipe(void **state) {
  (void)state;
  TRY_EACH(wiped_pool);
}

OBJPOOL_DEFINE(watched_pool, thing, HOOKS, opt.timed = true, opt.tracked = true);
static void see_hold(const objpool_hold *hold, void *user) {
  (void)hold, (void)user;
  errno = EDOM;
}
static void looks_and_refreshes_preserve_it(void **state) {
  static watched_pool pool;
  size_t max_idle = 0;
  (void)state;
  all_are_good = true;
  thing *one = watched_pool_acquire(&pool);
  watched_pool_release(&pool, watched_pool_acquire(&pool));
  PRESERVES((void)objpool_each_held(&pool.base, 0, see_hold, NULL));
  PRESERVES((void)watched_pool_refresh(&pool));
  watched_pool_release(&pool, one);
  watched_pool_destroy(&pool);
}

static void a_wiping_release_that_cannot_build_anew_preserves_it(void **state) {
  static wiped_pool pool;
  static local_wiped_pool local;
  (void)state;
  for (int i = 0; i < 3; i++) {
    size_t max_idle = 0;
    thing *one = wiped_pool_acquire(&pool), *another = local_wiped_pool_acquire(&local);
    none_is_built = true;
    PRESERVES(wiped_pool_release(&pool, one));
    PRESERVES(local_wiped_pool_release(&local, another));
    none_is_built = false;
    assert_int_equal(wiped_pool_stats(&pool).idle + local_wiped_pool_stats(&local).idle, 0);
  }
  wiped_pool_destroy(&pool);
  local_wiped_pool_destroy(&local);
}

/* A release that panics, and whose panic returns, had no effect. */
static objpool never_used;
static void release_there(void *object, void *unused) {
  (void)unused;
  errno = MARK;
  objpool_release(&never_used, object);
}
static void discard_there(void *object, void *unused) {
  (void)unused;
  errno = MARK;
  objpool_discard(&never_used, object);
}
static void release_twice(void *object, void *pool) {
  errno = MARK;
  objpool_release((objpool *)pool, object);
}
static void a_release_that_is_a_mistake_preserves_it(void **state) {
  static plain_pool pool;
  (void)state;
  thing *one = plain_pool_acquire(&pool);
  panic_returns = true;
  assert_true(panics(release_there, one, NULL));
  assert_int_equal(errno, MARK);
  assert_true(panics(discard_there, one, NULL));
  assert_int_equal(errno, MARK);
  plain_pool_release(&pool, one);
  assert_true(panics(release_twice, one, &pool));
  assert_int_equal(errno, MARK);
  panic_returns = false;
  plain_pool_destroy(&pool);
}

static void what_cannot_be_had_says_why(void **state) {
  static plain_pool pool, unused;
  objpool_config config;
  (void)state;
  errno = 0;
  objpool_stats stats = objpool_snapshot(&unused.base);
  assert_int_equal(errno, EINVAL); /* it was never used */
  assert_int_equal(stats.in_use, 0);
  memset(&config, 0, sizeof config);
  config.max_objects = 3;
  assert_true(plain_pool_init(&pool, &config));
  thing *object = plain_pool_acquire(&pool);
  errno = 0;
  assert_int_equal(plain_pool_warmup(&pool, 3), 2);
  assert_int_equal(errno, EAGAIN);
  plain_pool_release(&pool, object);
  plain_pool_destroy(&pool);
  config = config_with(0, 0); /* an allocator that changes errno */
  config.allocator.allocate = take_memory_but_for_a_name;
  config.name = "a name of 25 characters..";
  errno = 0;
  assert_false(plain_pool_init(&pool, &config));
  assert_int_equal(errno, ENOMEM);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(calls_of_plain_pools_preserve_it),
      cmocka_unit_test(hooks_may_change_it),
      cmocka_unit_test(event_handlers_may_change_it),
      cmocka_unit_test(so_they_may_in_pools_of_one_thread),
      cmocka_unit_test(so_they_may_where_releases_wipe),
      cmocka_unit_test(looks_and_refreshes_preserve_it),
      cmocka_unit_test(a_wiping_release_that_cannot_build_anew_preserves_it),
      cmocka_unit_test(a_release_that_is_a_mistake_preserves_it),
      cmocka_unit_test(what_cannot_be_had_says_why),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
