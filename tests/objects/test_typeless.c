/* The functions without the type do what the typed ones do, on pools of their own and on typed ones. */
#include "support.h"

#include "objpool.h"

typedef struct thing {
  int n;
  char text[28];
} thing;

typedef struct tally {
  long created, resets, validated, destroyed;
} tally;

static bool any_create(void *object, void *context) {
  ((thing *)object)->n = 1;
  ((tally *)context)->created++;
  return true;
}
static void any_reset(void *object, void *context) {
  ((thing *)object)->n = 2;
  ((tally *)context)->resets++;
}
static bool any_validate(void *object, void *context) {
  ((tally *)context)->validated++;
  return ((thing *)object)->n >= 0;
}
static void any_destroy(void *object, void *context) {
  ((thing *)object)->n = 0;
  ((tally *)context)->destroyed++;
}
static bool thing_create(thing *object, void *context) { return any_create(object, context); }
static void thing_reset(thing *object, void *context) { any_reset(object, context); }
static bool thing_validate(thing *object, void *context) { return any_validate(object, context); }
static void thing_destroy(thing *object, void *context) { any_destroy(object, context); }

OBJPOOL_DEFINE(thing_pool, thing, opt.create = thing_create, opt.reset = thing_reset, opt.validate = thing_validate,
               opt.destroy = thing_destroy);
OBJPOOL_DEFINE(local_pool, thing, opt.local = true, opt.create = thing_create, opt.reset = thing_reset,
               opt.validate = thing_validate, opt.destroy = thing_destroy);

static tally counts;

static objpool_config limited(void) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  memset(&counts, 0, sizeof counts);
  config.context = &counts;
  config.max_idle = 3;
  config.max_objects = 5;
  return config;
}

static objpool_type thing_type(void) {
  objpool_type type;
  memset(&type, 0, sizeof type);
  type.size = sizeof(thing);
  type.alignment = __alignof__(thing);
  type.create = any_create;
  type.reset = any_reset;
  type.validate = any_validate;
  type.destroy = any_destroy;
  return type;
}

/* Every function, on a pool that is fresh from init with limited(). */
static void use_every_function(objpool *pool, bool local) {
  void *objects[6];
  char text[4000];
  objpool_stats stats;
  assert_ptr_equal(objpool_context(pool), &counts);
  errno = 0;
  assert_null(objpool_try_acquire(pool));
  assert_int_equal(errno, EAGAIN);
  objects[0] = objpool_acquire(pool);
  assert_non_null(objects[0]);
  assert_int_equal(((thing *)objects[0])->n, 1);
  objpool_release(pool, objects[0]);
  assert_int_equal(counts.created, 1);
  assert_int_equal(counts.resets, 1);
  assert_int_equal(counts.validated, 1);
  assert_ptr_equal(objpool_try_acquire(pool), objects[0]);
  assert_int_equal(((thing *)objects[0])->n, 2);
  assert_int_equal(counts.validated, 2);
  errno = 0;
  assert_int_equal(objpool_acquire_many(pool, objects + 1, 5), 4);
  assert_int_equal(errno, EAGAIN);
  errno = 0;
  assert_null(objpool_acquire(pool));
  assert_int_equal(errno, EAGAIN);
  errno = 0;
  assert_null(objpool_acquire_for(pool, 1000000));
  assert_int_equal(errno, local ? EDEADLK : ETIMEDOUT);
  objpool_discard(pool, objects[0]);
  assert_int_equal(counts.destroyed, 1);
  objects[0] = objpool_acquire_for(pool, 1000000);
  assert_non_null(objects[0]);
  ((thing *)objects[1])->n = 9;
  objects[5] = NULL;
  objpool_release_many(pool, objects, 6);
  stats = objpool_snapshot(pool);
  assert_int_equal(stats.idle, 3);
  assert_int_equal(stats.overflowed, 2);
  assert_int_equal(stats.acquires, 7);
  assert_int_equal(stats.releases, 7);
  assert_int_equal(stats.object_size, sizeof(thing));
  assert_int_equal(stats.max_idle, 3);
  assert_int_equal(stats.max_objects, 5);
  assert_true(objpool_resize(pool, 4, OBJPOOL_UNCHANGED));
  assert_int_equal(objpool_warmup(pool, 10), 1);
  assert_int_equal(objpool_trim(pool, 2), 2);
  assert_int_equal(objpool_clear(pool), 2);
  assert_int_equal(counts.created, counts.destroyed);
  assert_true(objpool_report(pool, text, sizeof text) > 0);
  objpool_reset_stats(pool);
  assert_int_equal(objpool_snapshot(pool).acquires, 0);
}

static void typeless_pool_does_all_that_a_typed_one_does(void **state) {
  static objpool pool;
  static objpool zero; /* all of it */
  (void)state;
  for (int local = 0; local < 2; local++) {
    objpool_config config = limited();
    objpool_type type = thing_type();
    type.local = local;
    assert_true(objpool_init(&pool, &type, &config));
    memset(&type, 0xff, sizeof type); /* the pool keeps no pointer to it */
    use_every_function(&pool, local);
    objpool_destroy(&pool);
    assert_memory_equal(&pool, &zero, sizeof zero);
    objpool_destroy(&pool);
  }
}

static void typed_pool_may_be_used_without_its_type(void **state) {
  static thing_pool pool;
  static local_pool local;
  objpool_config config = limited();
  (void)state;
  assert_ptr_equal((void *)&pool, (void *)&pool.base);
  assert_true(thing_pool_init(&pool, &config));
  use_every_function(&pool.base, false);
  thing_pool_destroy(&pool);
  config = limited();
  assert_true(local_pool_init(&local, &config));
  use_every_function(&local.base, true);
  local_pool_destroy(&local);
}

static void both_faces_share_one_pool(void **state) {
  static thing_pool pool;
  objpool_config config = limited();
  thing *typed;
  void *untyped;
  (void)state;
  assert_true(thing_pool_init(&pool, &config));
  typed = thing_pool_acquire(&pool);
  assert_non_null(typed);
  objpool_release(&pool.base, typed);
  untyped = objpool_acquire(&pool.base);
  assert_ptr_equal(untyped, typed);
  thing_pool_release(&pool, (thing *)untyped);
  assert_int_equal(counts.created, 1);
  assert_int_equal(counts.resets, 2);
  assert_int_equal(thing_pool_stats(&pool).acquires, 2);
  thing_pool_destroy(&pool);
}

static void untouched_pool_tells_that_it_is_none(void **state) {
  static objpool pool;
  (void)state;
#define IS_NONE(call) (errno = 0, !(call) && errno == EINVAL)
  assert_true(IS_NONE(objpool_context(&pool)));
  assert_true(IS_NONE(objpool_acquire(&pool)));
  assert_true(IS_NONE(objpool_try_acquire(&pool)));
  assert_true(IS_NONE(objpool_acquire_for(&pool, 0)));
  assert_true(IS_NONE(objpool_warmup(&pool, 1)));
  assert_true(IS_NONE(objpool_trim(&pool, 1)));
  assert_true(IS_NONE(objpool_trim_some(&pool, 1, 1)));
  assert_true(IS_NONE(objpool_clear(&pool)));
  assert_true(IS_NONE(objpool_abandon(&pool)));
  assert_true(IS_NONE(objpool_resize(&pool, 1, 1)));
  assert_true(IS_NONE(objpool_maintain(&pool)));
  assert_true(IS_NONE(objpool_snapshot(&pool).object_size));
}

static void init_refuses_impossible_limits_here_too(void **state) {
  static objpool pool;
  static objpool zero; /* all of it */
  objpool_type type = thing_type();
  objpool_config config = limited();
  (void)state;
  config.max_idle = 6;
  errno = 0;
  assert_false(objpool_init(&pool, &type, &config));
  assert_int_equal(errno, EINVAL);
  assert_memory_equal(&pool, &zero, sizeof zero);
  config = limited();
  config.max_idle = 3;
  assert_true(objpool_init(&pool, &type, &config));
  errno = 0;
  assert_false(objpool_resize(&pool, 9, 8));
  assert_int_equal(errno, EINVAL);
  assert_int_equal(objpool_snapshot(&pool).max_idle, 3);
  objpool_destroy(&pool);
}

static void wiping_typeless_pool_hands_out_zeroed_objects(void **state) {
  static objpool pool;
  objpool_type type;
  unsigned char *object;
  (void)state;
  memset(&type, 0, sizeof type);
  type.size = 100;
  type.alignment = 4;
  type.wipe = true;
  assert_true(objpool_init(&pool, &type, NULL));
  object = (unsigned char *)objpool_acquire(&pool);
  assert_non_null(object);
  memset(object, 0xa5, 100);
  objpool_release(&pool, object);
  assert_ptr_equal(objpool_acquire(&pool), object);
  for (int i = 0; i < 100; i++) assert_int_equal(object[i], 0);
  objpool_release(&pool, object);
  objpool_destroy(&pool);
}

static void validate_on_is_honoured(void **state) {
  static objpool pool;
  objpool_type type = thing_type();
  objpool_config config = limited();
  void *object;
  (void)state;
  type.validate_on = OBJPOOL_ON_ACQUIRE;
  assert_true(objpool_init(&pool, &type, &config));
  object = objpool_acquire(&pool);
  assert_non_null(object);
  objpool_release(&pool, object);
  assert_int_equal(counts.validated, 0);
  assert_ptr_equal(objpool_acquire(&pool), object);
  assert_int_equal(counts.validated, 1);
  objpool_release(&pool, object);
  objpool_destroy(&pool);
}

static size_t events;

static void seen(const objpool_event *event, void *context) {
  (void)context;
  events += event->kind == OBJPOOL_EVENT_ACQUIRE || event->kind == OBJPOOL_EVENT_RELEASE;
}

OBJPOOL_DEFINE(seen_pool, thing, opt.on_event = seen);
OBJPOOL_DEFINE(seen_local_pool, thing, opt.local = true, opt.on_event = seen);

/* A pool with caches: most acquires and releases need no slow path. */
static void one_hook_alone_runs_each_time(void **state) {
  enum { PAIRS = 20 };
  static objpool pool;
  static seen_pool seen_shared;
  static seen_local_pool seen_local;
  objpool_config config;
  (void)state;
  memset(&config, 0, sizeof config);
  config.context = &counts;
  config.warmup = 1;
  for (int local = 0; local < 2; local++)
    for (int hook = 0; hook < 3; hook++) {
      objpool_type type = thing_type();
      type.create = NULL;
      type.destroy = NULL;
      type.local = local;
      if (hook == 0) type.validate = NULL;
      if (hook != 0) type.reset = NULL;
      type.validate_on = hook == 1 ? OBJPOOL_ON_ACQUIRE : OBJPOOL_ON_RELEASE;
      memset(&counts, 0, sizeof counts);
      assert_true(objpool_init(&pool, &type, &config));
      for (int i = 0; i < PAIRS; i++) objpool_release(&pool, objpool_acquire(&pool));
      assert_int_equal(hook == 0 ? counts.resets : counts.validated, PAIRS);
      objpool_destroy(&pool);
    }
  for (int local = 0; local < 2; local++) {
    objpool *base = local ? &seen_local.base : &seen_shared.base;
    assert_true(local ? seen_local_pool_init(&seen_local, &config) : seen_pool_init(&seen_shared, &config));
    events = 0;
    for (int i = 0; i < PAIRS; i++) objpool_release(base, objpool_acquire(base));
    assert_int_equal(events, 2 * PAIRS);
    objpool_destroy(base);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(typeless_pool_does_all_that_a_typed_one_does),
      cmocka_unit_test(typed_pool_may_be_used_without_its_type),
      cmocka_unit_test(both_faces_share_one_pool),
      cmocka_unit_test(untouched_pool_tells_that_it_is_none),
      cmocka_unit_test(init_refuses_impossible_limits_here_too),
      cmocka_unit_test(wiping_typeless_pool_hands_out_zeroed_objects),
      cmocka_unit_test(validate_on_is_honoured),
      cmocka_unit_test(one_hook_alone_runs_each_time),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
