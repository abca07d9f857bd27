/* A pool that was copied or moved while in use, or is memory that nobody prepared: each function but those that acquire, give back and
   walk, which are not to take longer for it, says so, returns nothing and does nothing. And a definition with other options does not take a pool over. */
#include "support.h"

#define OBJPOOL_PANIC(message) panic_seen(message)
#define OBJPOOL_IMPLEMENTATION
#include "thing.h"

static long events;
static void seen(const objpool_event *event, void *user) {
  (void)event, (void)user;
  count_add(&events, 1);
}
static long resets;
static void is_reset(thing *object, void *context) {
  (void)object, (void)context;
  count_add(&resets, 1);
}

typedef struct larger {
  thing first;
  long more;
} larger;
typedef struct aligned {
  long __attribute__((__aligned__(64))) words[8];
} aligned;

OBJPOOL_DEFINE(known_pool, thing, opt.handles = true, opt.timed = true, opt.tracked = true);
OBJPOOL_DEFINE(thing_pool, thing);
OBJPOOL_DEFINE(reset_pool, thing, opt.reset = is_reset);
OBJPOOL_DEFINE(event_pool, thing, opt.on_event = seen);
OBJPOOL_DEFINE(larger_pool, larger);
OBJPOOL_DEFINE(aligned_pool, aligned);
OBJPOOL_DEFINE(local_pool, thing, opt.local = true);
OBJPOOL_DEFINE(wiping_pool, thing, opt.wipe = true);
OBJPOOL_DEFINE(handle_pool, thing, opt.handles = true);
OBJPOOL_DEFINE(timed_pool, thing, opt.timed = true);
OBJPOOL_DEFINE(tracked_pool, thing, opt.tracked = true);
OBJPOOL_SIZES(buffers, 64, 256, 1024);

static void visit(const objpool_hold *hold, void *user) {
  (void)hold, (void)user;
  abort(); /* nothing is visited */
}
static bool is_unnamed(const objpool *pool) { return strcmp(objpool_name(pool), "unnamed") == 0; }
static bool is_told(const objpool *pool) {
  char text[2000];
  return objpool_report(pool, text, sizeof text) > 0 && objpool_format(pool, OBJPOOL_TEXT, text, sizeof text) > 0 &&
         objpool_format(pool, OBJPOOL_JSON, text, sizeof text) > 0;
}
static bool holds_nothing_for_uses(const objpool *pool) {
  objpool_histogram times = objpool_times(pool, OBJPOOL_TIME_USE);
  return all_zero(&times, sizeof times);
}
static bool holds_nothing(const objpool *pool) {
  objpool_histogram times = objpool_times(pool, OBJPOOL_TIME_WAIT);
  return all_zero(&times, sizeof times);
}
/* Each says whether it returned nothing. */
static bool nothing;
#define CALLS(CALL)                                                                                    \
  CALL(trim, objpool_trim(pool, 0) == 0)                                                               \
  CALL(trim_some, objpool_trim_some(pool, 0, 9) == 0)                                                  \
  CALL(clear, objpool_clear(pool) == 0)                                                                \
  CALL(abandon, objpool_abandon(pool) == 0)                                                            \
  CALL(refresh, objpool_refresh(pool) == 0)                                                            \
  CALL(close, (objpool_close(pool), true))                                                             \
  CALL(drain, !objpool_drain(pool, 1))                                                                 \
  CALL(warmup, (errno = 0, objpool_warmup(pool, 20) == 0 && errno == EINVAL))                          \
  CALL(resize, (errno = 0, !objpool_resize(pool, 1, 2) && errno == EINVAL))                            \
  CALL(warmup_by_type, (errno = 0, known_pool_warmup((known_pool *)pool, 20) == 0 && errno == EINVAL)) \
  CALL(resize_by_type, (errno = 0, !known_pool_resize((known_pool *)pool, 1, 2) && errno == EINVAL))   \
  CALL(close_by_type, (known_pool_close((known_pool *)pool), true))                                    \
  CALL(attach, (errno = 0, !known_pool_attach((known_pool *)pool) && errno == EINVAL))                 \
  CALL(rebind, (errno = 0, !known_pool_rebind((known_pool *)pool) && errno == EINVAL))                 \
  CALL(maintain, objpool_maintain(pool) == 0)                                                          \
  CALL(maintain_some, objpool_maintain_some(pool, 9) == 0)                                             \
  CALL(name, is_unnamed(pool))                                                                         \
  CALL(formats, is_told(pool))                                                                         \
  CALL(times_of_uses, holds_nothing_for_uses(pool))                                                    \
  CALL(times, holds_nothing(pool))                                                                     \
  CALL(reset_stats, (objpool_reset_stats(pool), true))                                                 \
  CALL(each_held, objpool_each_held(pool, 0, visit, NULL) == 0)

#define BODY(name, expression)                      \
  static void call_##name(void *at, void *unused) { \
    objpool *pool = (objpool *)at;                  \
    (void)unused;                                   \
    nothing = (expression);                         \
  }
CALLS(BODY)
#define ROW(name, expression) {#name, call_##name},
static const struct call {
  const char *name;
  void (*body)(void *pool, void *unused);
} calls[] = {CALLS(ROW)};

static void each_says(const struct call *call, objpool *pool, const char *words) {
  panic_returns = true;
  nothing = false;
  bool panicked = panics(call->body, pool, NULL);
  panic_returns = false;
  if (!panicked || !nothing || !strstr(panic_message, words))
    fail_msg("%s: panicked %d, nothing %d: %s", call->name, panicked, nothing, panic_message);
}

static void copied_pool_is_noticed_and_the_pool_itself_is_as_it_was(void **state) {
  (void)state;
  for (int variant = 0; variant < 2; variant++) {
    known_pool pool, copy;
    objpool_config config = defaults();
    if (variant) config.cache_size = OBJPOOL_NO_CACHE, config.max_objects = 20;
    assert_true(known_pool_init(&pool, &config));
    thing *held = known_pool_acquire(&pool);
    assert_non_null(held);
    assert_int_equal(known_pool_warmup(&pool, 5), 5);
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
      memcpy((void *)&copy, (const void *)&pool, sizeof copy);
      objpool_stats before = known_pool_stats(&pool);
      each_says(&calls[i], &copy.base, "copied or moved");
      objpool_stats after = known_pool_stats(&pool);
      after.now_ns = before.now_ns;
      assert_memory_equal(&before, &after, sizeof before);
    }
    known_pool_release(&pool, held);
    assert_int_equal(known_pool_clear(&pool), 6);
    known_pool_destroy(&pool);
  }
}

static void memory_that_nobody_prepared_is_noticed_and_left_alone(void **state) {
  (void)state;
  known_pool pool;
  unsigned char bytes[sizeof pool];
  memset(bytes, 0xa5, sizeof bytes);
  for (size_t i = 0; i < COUNT_OF(calls); i++) {
    memcpy((void *)&pool, bytes, sizeof pool);
    each_says(&calls[i], &pool.base, "uninitialised memory");
    assert_memory_equal(&pool, bytes, sizeof bytes);
  }
}

static bool made;
static void init_it(void *pool, void *config) {
  made = thing_pool_init((thing_pool *)pool, (const objpool_config *)config);
}

static void pool_in_use_is_not_initialised_once_more(void **state) {
  (void)state;
  thing_pool pool, others[3];
  objpool_config config = defaults();
  assert_true(thing_pool_init(&pool, NULL));
  for (size_t i = 0; i < COUNT_OF(others); i++) assert_true(thing_pool_init(&others[i], NULL)); /* newer */
  thing *held = thing_pool_acquire(&pool);
  assert_non_null(held);
  for (config.reserve = 0; config.reserve < 2; config.reserve++) {
    made = true;
    errno = 0;
    panic_returns = true;
    assert_true(panics(init_it, &pool, &config));
    panic_returns = false;
    assert_false(made);
    assert_int_equal(errno, EINVAL);
    assert_non_null(strstr(panic_message, "initialised once more"));
    assert_int_equal(thing_pool_stats(&pool).in_use, 1);
  }
  thing_pool_release(&pool, held);
  thing_pool_destroy(&pool);
  assert_true(thing_pool_init(&pool, NULL)); /* when it is not */
  thing_pool_destroy(&pool);
  for (size_t i = 0; i < COUNT_OF(others); i++) thing_pool_destroy(&others[i]);
}

static void init_without_type(void *pool, void *type) {
  made = objpool_init((objpool *)pool, (const objpool_type *)type, NULL);
}
static void init_set(void *set, void *config) { made = buffers_init((buffers *)set, (const objpool_config *)config); }

static void init_in_use_of_any_kind_has_no_effect(void **state) {
  static const size_t sizes[] = {1, 200, 5000}; /* of the first class, of another, of none */
  objpool_type type;
  thing_pool pool;
  (void)state;
  memset(&type, 0, sizeof type);
  type.size = sizeof(thing);
  type.alignment = __alignof__(thing);
  assert_true(thing_pool_init(&pool, NULL));
  thing *held = thing_pool_acquire(&pool);
  for (int i = 0; i < 2; i++) {
    made = true;
    panic_returns = true;
    assert_true(panics(init_without_type, &pool.base, i ? &type : NULL));
    panic_returns = false;
    assert_false(made);
    assert_int_equal(thing_pool_stats(&pool).in_use, 1);
  }
  thing_pool_release(&pool, held);
  thing_pool_destroy(&pool);
  for (size_t i = 0; i < COUNT_OF(sizes); i++) {
    static buffers set;
    objpool_buffer buffer = buffers_acquire(&set, sizes[i]);
    assert_non_null(buffer.bytes);
    made = true;
    errno = 0;
    panic_returns = true;
    assert_true(panics(init_set, &set, NULL));
    panic_returns = false;
    assert_false(made);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(panic_count, 1);
    assert_int_equal(buffers_stats(&set).in_use, 1);
    buffers_release(&set, buffer);
    assert_int_equal(buffers_stats(&set).in_use, 0);
    buffers_destroy(&set);
  }
}

#define IS_REFUSED(P)                             \
  do {                                            \
    errno = 0;                                    \
    assert_false(P##_rebind((P *)(void *)&pool)); \
    assert_int_equal(errno, EINVAL);              \
  } while (0)

static void other_options_do_not_take_a_pool_over_and_other_hooks_do(void **state) {
  (void)state;
  for (int variant = 0; variant < 4; variant++) {
    thing_pool pool;
    objpool_config config = defaults();
    if (variant == 1 || variant == 2) config.cache_size = OBJPOOL_NO_CACHE;
    if (variant >= 2) config.max_objects = 8;
    assert_true(thing_pool_init(&pool, &config));
    for (int i = 0; i < 1000; i++)
      thing_pool_release(&pool, thing_pool_acquire(&pool)); /* as one thread's alone, where it can be */
    thing *held = thing_pool_acquire(&pool);
    assert_non_null(held);
    IS_REFUSED(larger_pool);
    IS_REFUSED(aligned_pool);
    IS_REFUSED(local_pool);
    IS_REFUSED(wiping_pool);
    IS_REFUSED(handle_pool);
    IS_REFUSED(timed_pool);
    IS_REFUSED(tracked_pool);
    count_set(&resets, 0);
    assert_true(reset_pool_rebind((reset_pool *)(void *)&pool));
    for (long i = 1; i < 4; i++) { /* inline as well as by the type */
      reset_pool_release((reset_pool *)(void *)&pool, held);
      assert_int_equal(count_read(&resets), i);
      assert_non_null(held = reset_pool_acquire((reset_pool *)(void *)&pool));
    }
    objpool_release(&pool.base, held);
    assert_int_equal(count_read(&resets), 4);
    reset_pool_destroy((reset_pool *)(void *)&pool);
  }
}

static void pool_that_was_made_without_its_type_gets_hooks(void **state) {
  (void)state;
  static reset_pool pool;
  objpool_type type;
  memset(&type, 0, sizeof type);
  type.size = sizeof(thing);
  type.alignment = __alignof__(thing);
  assert_true(objpool_init(&pool.base, &type, NULL));
  objpool_release(&pool.base, objpool_acquire(&pool.base));
  count_set(&resets, 0);
  assert_true(reset_pool_rebind(&pool));
  reset_pool_release(&pool, reset_pool_acquire(&pool));
  assert_int_equal(count_read(&resets), 1);
  objpool_release(&pool.base, objpool_acquire(&pool.base));
  assert_int_equal(count_read(&resets), 2);
  reset_pool_destroy(&pool);
}

static void release_all_tells_each_event_and_of_a_closed_pool_destroys_all(void **state) {
  (void)state;
  enum { MANY = 30 };
  for (int variant = 0; variant < 2; variant++) {
    event_pool pool;
    thing_pool closed;
    objpool_config config = defaults();
    if (variant) config.cache_size = OBJPOOL_NO_CACHE, config.max_objects = MANY;
    assert_true(event_pool_init(&pool, &config) && thing_pool_init(&closed, &config));
    for (int i = 0; i < MANY; i++) assert_true(event_pool_acquire(&pool) && thing_pool_acquire(&closed));
    count_set(&events, 0);
    assert_int_equal(event_pool_release_all(&pool), MANY);
    assert_int_equal(count_read(&events), MANY);
    event_pool_destroy(&pool);
    thing_pool_close(&closed);
    assert_int_equal(thing_pool_release_all(&closed), MANY);
    objpool_stats stats = thing_pool_stats(&closed);
    assert_int_equal(stats.idle + stats.in_use, 0);
    assert_int_equal(stats.destroyed, MANY);
    assert_true(thing_pool_drain(&closed, 0));
    thing_pool_destroy(&closed);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(copied_pool_is_noticed_and_the_pool_itself_is_as_it_was),
      cmocka_unit_test(memory_that_nobody_prepared_is_noticed_and_left_alone),
      cmocka_unit_test(pool_in_use_is_not_initialised_once_more),
      cmocka_unit_test(init_in_use_of_any_kind_has_no_effect),
      cmocka_unit_test(other_options_do_not_take_a_pool_over_and_other_hooks_do),
      cmocka_unit_test(pool_that_was_made_without_its_type_gets_hooks),
      cmocka_unit_test(release_all_tells_each_event_and_of_a_closed_pool_destroys_all),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
