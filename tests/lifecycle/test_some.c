/* Trimming and maintenance that a frame can afford: at most as many objects as it was given, and in the end all that the whole
   call would have done. And a pool that goes on with the hooks of another file. */
#include "support.h"

#define OBJPOOL_IMPLEMENTATION
#include "thing.h"

enum { MANY = 1000, FEW = 64 };

static size_t destroyed, created, asked;
static bool all_valid = true;

static bool is_created(thing *object, void *context) {
  (void)object, (void)context;
  created++;
  return true;
}

static void is_destroyed(thing *object, void *context) {
  (void)object, (void)context;
  destroyed++;
}

static bool is_valid(thing *object, void *context) {
  (void)object, (void)context;
  asked++;
  return all_valid;
}

static size_t reset_by_another;

static void is_reset_by_another(thing *object, void *context) {
  (void)object, (void)context;
  reset_by_another++;
}

static size_t told, asked_too;

static bool is_valid_for_another(thing *object, void *context) {
  (void)object, (void)context;
  asked_too++;
  return true;
}

static void is_told(const objpool_event *event, void *context) {
  (void)context;
  told += event->kind == OBJPOOL_EVENT_ACQUIRE || event->kind == OBJPOOL_EVENT_RELEASE;
}

typedef struct wide {
  char text[96];
} wide;

OBJPOOL_DEFINE(shared_pool, thing, opt.create = is_created, opt.destroy = is_destroyed);
OBJPOOL_DEFINE(local_pool, thing, opt.create = is_created, opt.destroy = is_destroyed, opt.local = true);
OBJPOOL_DEFINE(checked_pool, thing, opt.validate = is_valid, opt.validate_on = OBJPOOL_ON_MAINTAIN);
OBJPOOL_DEFINE(other_pool, thing, opt.reset = is_reset_by_another);
OBJPOOL_DEFINE(other_local_pool, thing, opt.local = true);
OBJPOOL_DEFINE(told_pool, thing, opt.on_event = is_told);
OBJPOOL_DEFINE(looking_pool, thing, opt.validate = is_valid_for_another, opt.reset = is_reset_by_another);
OBJPOOL_DEFINE(wiping_pool, thing, opt.wipe = true);
OBJPOOL_DEFINE(wide_pool, wide);

/* Pools of each kind, by the functions without the type. */
enum { LOCAL, UNCACHED, CACHED, CAPPED, KINDS };
static shared_pool shared;
static local_pool local;

static objpool *begin(int kind, size_t warmup) {
  objpool_config config = defaults();
  created = destroyed = 0;
  config.warmup = warmup;
  config.min_idle = OBJPOOL_NONE;
  if (kind == UNCACHED) config.cache_size = OBJPOOL_NO_CACHE;
  if (kind == CAPPED) config.max_objects = warmup > 40 ? warmup : 40;
  if (kind == LOCAL) {
    assert_true(local_pool_init(&local, &config));
    return &local.base;
  }
  assert_true(shared_pool_init(&shared, &config));
  return &shared.base;
}

static void trim_some_stops_at_either_limit(void **state) {
  (void)state;
  for (int kind = 0; kind < KINDS; kind++) {
    const size_t all = kind == CAPPED ? 40 : MANY, most = all / 8;
    objpool *pool = begin(kind, all);
    errno = EDOM;
    assert_int_equal(objpool_trim_some(pool, 0, 0), 0);
    assert_int_equal(objpool_trim_some(pool, all, most), 0);
    assert_int_equal(objpool_trim_some(pool, all + 1, most), 0);
    assert_int_equal(destroyed, 0);
    assert_int_equal(objpool_trim_some(pool, 0, most), most);
    assert_int_equal(destroyed, most);
    assert_int_equal(objpool_trim_some(pool, all - most - 3, most), 3);
    for (size_t left = all - most - 3; left > 7;) {
      size_t gone = objpool_trim_some(pool, 7, most);
      assert_int_equal(gone, left - 7 < most ? left - 7 : most);
      left -= gone;
      assert_int_equal(objpool_snapshot(pool).idle, left);
    }
    assert_int_equal(objpool_trim_some(pool, 7, most), 0);
    assert_int_equal(objpool_trim_some(pool, 0, SIZE_MAX), 7);
    assert_int_equal(destroyed, all);
    assert_int_equal(errno, EDOM);
    objpool_stats stats = objpool_snapshot(pool);
    counts_add_up(&stats);
    objpool_destroy(pool);
  }
  static shared_pool unused;
  assert_int_equal(shared_pool_trim_some(&unused, 0, 10), 0);
  assert_true(all_zero(&unused, sizeof unused));
}

static void *come_and_go(void *pool) {
  void *objects[FEW];
  CHECK(objpool_acquire_many((objpool *)pool, objects, FEW) == FEW);
  objpool_release_many((objpool *)pool, objects, FEW);
  objpool_release((objpool *)pool, objpool_acquire((objpool *)pool));
  return NULL;
}

static void trim_some_finds_what_lies_in_the_caches_of_threads(void **state) {
  (void)state;
  objpool *pool = begin(CACHED, 0);
  pthread_t thread;
  come_and_go(pool); /* this thread's cache holds all */
  size_t idle = (size_t)objpool_snapshot(pool).idle;
  assert_true(idle >= FEW);
  assert_int_equal(objpool_trim_some(pool, idle - 5, 10), 5);
  assert_int_equal(pthread_create(&thread, NULL, come_and_go, pool), 0);
  pthread_join(thread, NULL);
  size_t gone = 0, some;
  while ((some = objpool_trim_some(pool, 0, 9)) > 0) {
    assert_true(some <= 9);
    gone += some;
  }
  assert_int_equal(objpool_snapshot(pool).idle, 0);
  assert_int_equal(objpool_snapshot(pool).destroyed, gone + 5);
  void *object = objpool_acquire(pool); /* and it works as before */
  assert_non_null(object);
  objpool_release(pool, object);
  objpool_destroy(pool);
}

static void blocks_go_back_when_they_come_free_some_at_a_time(void **state) {
  (void)state;
  for (int kind = 0; kind < KINDS; kind++) {
    objpool *whole = begin(kind, MANY);
    objpool_trim(whole, 0);
    uint64_t bytes = objpool_snapshot(whole).memory_bytes;
    objpool_destroy(whole);
    objpool *pool = begin(kind, MANY);
    while (objpool_trim_some(pool, 0, 17)) {}
    assert_int_equal(objpool_snapshot(pool).memory_bytes, bytes);
    objpool_destroy(pool);
  }
}

static void maintenance_does_at_most_what_it_is_given(void **state) {
  (void)state;
  objpool_set_pressure_source(no_pressure, NULL);
  for (int kind = 0; kind < CAPPED; kind++) {
    objpool *pool = begin(kind, MANY);
    void *objects[300];
    size_t changed = 0, rounds = 0;
    for (; rounds < 10000 && objpool_snapshot(pool).idle > 0; rounds++) {
      size_t before = destroyed + created, some = objpool_maintain_some(pool, 7);
      assert_true(some <= 7);
      assert_int_equal(destroyed + created - before, some);
      changed += some;
    }
    assert_int_equal(objpool_snapshot(pool).idle, 0);
    assert_true(changed >= MANY && rounds > MANY / 7);
    assert_int_equal(objpool_maintain_some(pool, 0), 0);
    /* ahead of a demand that rises: by and by as far as the whole call goes */
    assert_int_equal(objpool_acquire_many(pool, objects, 300), 300);
    created = 0;
    size_t some = objpool_maintain_some(pool, 5);
    assert_int_equal(some, 5);
    assert_int_equal(created, 5);
    for (unsigned i = 0; i < 60; i++) assert_true(objpool_maintain_some(pool, 5) <= 5);
    assert_true(objpool_snapshot(pool).idle > 30);
    objpool_release_many(pool, objects, 300);
    objpool_destroy(pool);
  }
  objpool_set_pressure_source(NULL, NULL);
}

static void maintenance_validates_some_at_a_time_and_leaves_none_out(void **state) {
  (void)state;
  objpool_set_pressure_source(no_pressure, NULL);
  static checked_pool pool;
  objpool_config config = defaults();
  config.warmup = 100;
  assert_true(checked_pool_init(&pool, &config));
  asked = 0;
  for (size_t call = 0; call < 10; call++) {
    assert_int_equal(objpool_maintain_some(&pool.base, 10), 0);
    assert_int_equal(asked, 10 * (call + 1));
    assert_int_equal(checked_pool_stats(&pool).idle, 100);
  }
  thing *objects[100]; /* what waits for its turn is idle as ever */
  assert_int_equal(objpool_maintain_some(&pool.base, 10), 0);
  for (size_t i = 0; i < 100; i++) assert_non_null(objects[i] = checked_pool_try_acquire(&pool));
  assert_null(checked_pool_try_acquire(&pool));
  for (size_t i = 0; i < 100; i++) checked_pool_release(&pool, objects[i]);
  all_valid = false;
  size_t gone = 0;
  for (unsigned call = 0; call < 40 && gone < 100; call++) {
    size_t some = objpool_maintain_some(&pool.base, 10);
    assert_true(some <= 20); /* so many may be built in their place */
    gone = (size_t)checked_pool_stats(&pool).invalid;
  }
  assert_true(gone >= 100);
  all_valid = true;
  objpool_maintain(&pool.base);
  objpool_stats stats = checked_pool_stats(&pool);
  counts_add_up(&stats);
  checked_pool_destroy(&pool);
  objpool_set_pressure_source(NULL, NULL);
}

static void pool_goes_on_with_other_hooks(void **state) {
  (void)state;
  static shared_pool pool;
  created = destroyed = 0;
  thing *object = shared_pool_acquire(&pool);
  assert_non_null(object);
  assert_int_equal(created, 1);
  other_pool *other = (other_pool *)(void *)&pool;
  assert_true(other_pool_rebind(other));
  thing *fresh = other_pool_acquire(other);
  assert_non_null(fresh);
  assert_int_equal(created, 1); /* the old create is not called any more, by slow paths either */
  other_pool_release(other, object);
  assert_int_equal(reset_by_another, 1);
  objpool_release(&pool.base, fresh); /* nor without the type */
  assert_int_equal(reset_by_another, 2);
  assert_int_equal(objpool_trim(&pool.base, 0), 2);
  assert_int_equal(destroyed, 0);
  assert_true(shared_pool_rebind(&pool));
  object = shared_pool_acquire(&pool);
  assert_int_equal(created, 2);
  shared_pool_release(&pool, object);
  shared_pool_destroy(&pool);
  assert_int_equal(destroyed, 1);
}

/* A thread that uses a pool of few objects alone keeps them in its slot: not past hooks that it would pass by. */
static void few_objects_go_on_with_other_hooks(void **state) {
  (void)state;
  static shared_pool pool;
  told_pool *with_events = (told_pool *)(void *)&pool;
  looking_pool *looking = (looking_pool *)(void *)&pool;
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.max_objects = 4;
  assert_true(shared_pool_init(&pool, &config));
  for (size_t turn = 0; turn < 3; turn++) {
    thing *two[2];
    for (size_t i = 0; i < 100; i++) {
      for (size_t k = 0; k < 2; k++) assert_non_null(two[k] = shared_pool_acquire(&pool));
      for (size_t k = 0; k < 2; k++) shared_pool_release(&pool, two[k]);
    }
    assert_true(turn || pool.base.state->word->lone); /* what comes next may end it for good */
    assert_true(told_pool_rebind(with_events));
    told = 0;
    for (size_t i = 0; i < 10; i++) told_pool_release(with_events, told_pool_acquire(with_events));
    for (size_t i = 0; i < 10; i++) objpool_release(&pool.base, objpool_acquire(&pool.base));
    assert_int_equal(told, 40);
    assert_true(shared_pool_rebind(&pool));
    for (size_t i = 0; i < 100; i++) shared_pool_release(&pool, shared_pool_acquire(&pool));
    assert_true(looking_pool_rebind(looking));
    asked_too = reset_by_another = 0;
    for (size_t i = 0; i < 10; i++) looking_pool_release(looking, looking_pool_acquire(looking));
    for (size_t i = 0; i < 10; i++) objpool_release(&pool.base, objpool_acquire(&pool.base));
    assert_int_equal(asked_too, 40);
    assert_int_equal(reset_by_another, 20);
    assert_true(shared_pool_rebind(&pool));
  }
  assert_int_equal(shared_pool_stats(&pool).in_use, 0);
  shared_pool_destroy(&pool);
}

/* A pool whose objects nothing created has no times of that, until it gets a create. */
static void pool_gets_a_create(void **state) {
  (void)state;
  static shared_pool later;
  static local_pool later_local;
  other_pool *before = (other_pool *)(void *)&later;
  other_local_pool *before_local = (other_local_pool *)(void *)&later_local;
  thing *first = other_pool_acquire(before), *first_local = other_local_pool_acquire(before_local);
  assert_non_null(first);
  assert_non_null(first_local);
  created = 0;
  assert_true(shared_pool_rebind(&later));
  assert_true(local_pool_rebind(&later_local));
  thing *second = shared_pool_acquire(&later), *second_local = local_pool_acquire(&later_local);
  assert_int_equal(created, 2);
  assert_int_equal(objpool_times(&later.base, OBJPOOL_TIME_CREATE).count, 1);
  assert_int_equal(objpool_times(&later_local.base, OBJPOOL_TIME_CREATE).count, 1);
  shared_pool_release(&later, first);
  shared_pool_release(&later, second);
  local_pool_release(&later_local, first_local);
  local_pool_release(&later_local, second_local);
  shared_pool_destroy(&later);
  local_pool_destroy(&later_local);
}

/* Maintenance keeps what it learns. That there was no memory for it does not make the pool ask for less from then on. */
static size_t allocations_after_maintenance(bool refused) {
  enum { OBJECTS = 20000 };
  static thing *objects[OBJECTS];
  local_pool pool;
  counted_memory memory;
  objpool_config config = from_counted(&memory);
  config.ignore_pressure = true;
  assert_true(local_pool_init(&pool, &config));
  assert_non_null(objects[0] = local_pool_acquire(&pool));
  if (refused) memory.largest = 0;
  objpool_maintain(&pool.base);
  memory.largest = SIZE_MAX;
  memory.asked = 0;
  for (size_t i = 1; i < OBJECTS; i++) assert_non_null(objects[i] = local_pool_acquire(&pool));
  size_t count = memory.asked;
  for (size_t i = 0; i < OBJECTS; i++) local_pool_release(&pool, objects[i]);
  local_pool_destroy(&pool);
  return count;
}
static void maintenance_that_finds_no_memory_changes_nothing_else(void **state) {
  (void)state;
  assert_int_equal(allocations_after_maintenance(true), allocations_after_maintenance(false));
}

static void other_layouts_are_refused(void **state) {
  (void)state;
  static shared_pool pool;
  thing *object = shared_pool_acquire(&pool);
  assert_non_null(object);
  char before[sizeof pool];
  memcpy(before, &pool, sizeof pool);
  errno = 0;
  assert_false(other_local_pool_rebind((other_local_pool *)(void *)&pool));
  assert_int_equal(errno, EINVAL);
  errno = 0;
  assert_false(wiping_pool_rebind((wiping_pool *)(void *)&pool));
  assert_int_equal(errno, EINVAL);
  errno = 0;
  assert_false(wide_pool_rebind((wide_pool *)(void *)&pool));
  assert_int_equal(errno, EINVAL);
  assert_memory_equal(before, &pool, sizeof pool);
  destroyed = 0;
  shared_pool_release(&pool, object);
  shared_pool_destroy(&pool);
  assert_int_equal(destroyed, 1); /* the hooks are what they were */
  static other_pool unused;       /* a pool that was not used yet has these hooks anyway */
  assert_true(other_pool_rebind(&unused));
  object = other_pool_acquire(&unused);
  assert_non_null(object);
  other_pool_release(&unused, object);
  other_pool_destroy(&unused);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(trim_some_stops_at_either_limit),
      cmocka_unit_test(trim_some_finds_what_lies_in_the_caches_of_threads),
      cmocka_unit_test(blocks_go_back_when_they_come_free_some_at_a_time),
      cmocka_unit_test(maintenance_does_at_most_what_it_is_given),
      cmocka_unit_test(maintenance_validates_some_at_a_time_and_leaves_none_out),
      cmocka_unit_test(pool_goes_on_with_other_hooks),
      cmocka_unit_test(few_objects_go_on_with_other_hooks),
      cmocka_unit_test(pool_gets_a_create),
      cmocka_unit_test(maintenance_that_finds_no_memory_changes_nothing_else),
      cmocka_unit_test(other_layouts_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
