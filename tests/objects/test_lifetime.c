/* The life of an object in a pool: built, handed out, given back, reused, taken out, destroyed; and the life of a pool. */
#include "support.h"

#include "pools.h"

typedef struct thing {
  int n;
  char text[60];
} thing;

OBJPOOL_DEFINE(thing_pool, thing);

/* A pool whose hooks are counted, and whose context is where they count. */
typedef struct tally {
  long created, destroyed, resets;
} tally;

static bool count_create(thing *object, void *context) {
  object->n = 1;
  ((tally *)context)->created++;
  return true;
}
static void count_reset(thing *object, void *context) {
  object->n = 2;
  ((tally *)context)->resets++;
}
static void count_destroy(thing *object, void *context) {
  errno = EDOM; /* hooks may use errno; those who keep it must do so despite them */
  object->n = 3;
  ((tally *)context)->destroyed++;
}

OBJPOOL_DEFINE(counted_pool, thing, opt.create = count_create, opt.reset = count_reset, opt.destroy = count_destroy);

static thing *must_acquire(thing_pool *pool) {
  thing *object = thing_pool_acquire(pool);
  assert_non_null(object);
  return object;
}

static void empty_pool_gives_none_by_try_acquire(void **state) {
  static thing_pool pool;
  objpool_stats stats;
  (void)state;
  assert_true(thing_pool_init(&pool, NULL));
  errno = 0;
  assert_null(thing_pool_try_acquire(&pool));
  assert_int_equal(errno, EAGAIN);
  stats = thing_pool_stats(&pool);
  assert_int_equal(stats.acquires, 0);
  assert_int_equal(stats.misses, 0);
  assert_int_equal(stats.created, 0);
  assert_int_equal(stats.exhausted, 0);
  thing_pool_destroy(&pool);
}

static void new_object_is_zeroed(void **state) {
  static thing_pool pool;
  thing *object;
  (void)state;
  object = must_acquire(&pool);
  assert_true(all_zero(object, sizeof *object));
  memset(object, 0xa5, sizeof *object);
  thing_pool_discard(&pool, object);
  object = must_acquire(&pool); /* memory that was used before is zeroed for a new object too */
  assert_true(all_zero(object, sizeof *object));
  thing_pool_release(&pool, object);
  thing_pool_destroy(&pool);
}

static void released_object_is_handed_out_again_with_its_state(void **state) {
  static thing_pool pool;
  thing *first, *again;
  (void)state;
  first = must_acquire(&pool);
  first->n = 42;
  memset(first->text, 'x', sizeof first->text);
  thing_pool_release(&pool, first);
  again = thing_pool_try_acquire(&pool);
  assert_ptr_equal(again, first);
  assert_int_equal(again->n, 42);
  for (size_t i = 0; i < sizeof again->text; i++) assert_int_equal(again->text[i], 'x');
  thing_pool_release(&pool, again);
  thing_pool_destroy(&pool);
}

enum { MANY = 1000 };

static void objects_out_at_once_do_not_overlap(void **state) {
  static thing_pool pool;
  static thing *objects[MANY];
  (void)state;
  for (int i = 0; i < MANY; i++) {
    objects[i] = must_acquire(&pool);
    objects[i]->n = i;
    memset(objects[i]->text, i & 0x7f, sizeof objects[i]->text);
  }
  for (int i = 0; i < MANY; i++) { /* each still holds what was written to it */
    assert_int_equal(objects[i]->n, i);
    for (size_t k = 0; k < sizeof objects[i]->text; k++) assert_int_equal(objects[i]->text[k], i & 0x7f);
  }
  for (int i = 0; i < MANY; i++) thing_pool_release(&pool, objects[i]);
  for (int i = 0; i < MANY; i++) { /* all come back: nothing new is needed */
    objects[i] = thing_pool_try_acquire(&pool);
    assert_non_null(objects[i]);
    objects[i]->n = -1;
  }
  assert_int_equal(thing_pool_stats(&pool).created, MANY);
  for (int i = 0; i < MANY; i++) thing_pool_release(&pool, objects[i]);
  thing_pool_destroy(&pool);
}

static void warmup_creates_until_that_many_are_idle(void **state) {
  static thing_pool pool;
  objpool_stats stats;
  thing *object;
  (void)state;
  assert_int_equal(thing_pool_warmup(&pool, 10), 10);
  assert_int_equal(thing_pool_warmup(&pool, 10), 0);
  object = thing_pool_try_acquire(&pool);
  assert_non_null(object);
  assert_int_equal(thing_pool_warmup(&pool, 10), 1); /* nine were idle */
  assert_int_equal(thing_pool_warmup(&pool, 12), 2);
  thing_pool_release(&pool, object);
  stats = thing_pool_stats(&pool);
  assert_int_equal(stats.created, 13);
  assert_int_equal(stats.idle, 13);
  assert_int_equal(stats.acquires, 1);
  assert_int_equal(stats.misses, 0); /* warming up is no miss */
  thing_pool_destroy(&pool);
}

static void warmup_respects_both_limits(void **state) {
  static thing_pool pool;
  objpool_config config = defaults();
  thing *objects[4];
  (void)state;
  config.max_idle = 6;
  config.max_objects = 8;
  assert_true(thing_pool_init(&pool, &config));
  for (size_t i = 0; i < COUNT_OF(objects); i++) objects[i] = must_acquire(&pool);
  assert_int_equal(thing_pool_warmup(&pool, 100), 4); /* four of eight are in use */
  for (size_t i = 0; i < COUNT_OF(objects); i++) thing_pool_release(&pool, objects[i]);
  assert_int_equal(thing_pool_stats(&pool).idle, 6);
  assert_int_equal(thing_pool_clear(&pool), 6);
  assert_int_equal(thing_pool_warmup(&pool, 100), 6);
  thing_pool_destroy(&pool);
}

static void init_warms_up(void **state) {
  static counted_pool pool;
  tally counts = {0, 0, 0};
  objpool_config config = defaults();
  (void)state;
  config.warmup = 7;
  config.context = &counts;
  assert_true(counted_pool_init(&pool, &config));
  assert_int_equal(counts.created, 7);
  assert_int_equal(counted_pool_stats(&pool).idle, 7);
  assert_int_equal(counted_pool_warmup(&pool, 7), 0);
  counted_pool_destroy(&pool);
  assert_int_equal(counts.destroyed, 7);
}

static void demand_grows_past_max_idle_and_the_surplus_is_destroyed_on_the_way_back(void **state) {
  static counted_pool pool;
  tally counts = {0, 0, 0};
  objpool_config config = defaults();
  objpool_stats stats;
  thing *objects[25];
  (void)state;
  config.max_idle = 10;
  config.context = &counts;
  assert_true(counted_pool_init(&pool, &config));
  for (size_t i = 0; i < COUNT_OF(objects); i++) {
    objects[i] = counted_pool_acquire(&pool);
    assert_non_null(objects[i]);
  }
  for (size_t i = 0; i < COUNT_OF(objects); i++) counted_pool_release(&pool, objects[i]);
  stats = counted_pool_stats(&pool);
  assert_int_equal(stats.created, 25);
  assert_int_equal(stats.idle, 10);
  assert_int_equal(stats.in_use, 0);
  assert_int_equal(stats.destroyed, 15);
  assert_int_equal(stats.overflowed, 15);
  assert_int_equal(stats.invalid, 0);
  assert_int_equal(counts.destroyed, 15);
  counted_pool_destroy(&pool);
  assert_int_equal(counts.destroyed, 25);
}

static void acquire_many_gives_what_there_is_and_release_many_takes_it_back(void **state) {
  static thing_pool pool;
  objpool_config config = defaults();
  thing *objects[12] = {NULL};
  (void)state;
  config.max_objects = 8;
  assert_true(thing_pool_init(&pool, &config));
  assert_int_equal(thing_pool_acquire_many(&pool, objects, 0), 0);
  assert_int_equal(thing_pool_acquire_many(&pool, objects, 5), 5);
  errno = 0;
  assert_int_equal(thing_pool_acquire_many(&pool, objects + 5, 7), 3); /* short at the cap */
  assert_int_equal(errno, EAGAIN);
  for (size_t i = 0; i < 8; i++) {
    assert_non_null(objects[i]);
    for (size_t k = 0; k < i; k++) assert_ptr_not_equal(objects[i], objects[k]);
  }
  assert_int_equal(thing_pool_stats(&pool).in_use, 8);
  for (size_t i = 8; i < 12; i++) objects[i] = NULL;
  objects[9] = objects[3];
  objects[3] = NULL; /* NULLs anywhere are skipped */
  thing_pool_release_many(&pool, objects, 12);
  assert_int_equal(thing_pool_stats(&pool).in_use, 0);
  assert_int_equal(thing_pool_stats(&pool).idle, 8);
  thing_pool_release_many(&pool, objects, 0);
  thing_pool_destroy(&pool);
}

static void releasing_null_is_fine(void **state) {
  static thing_pool pool;
  (void)state;
  thing_pool_release(&pool, NULL);
  thing_pool_discard(&pool, NULL);
  assert_int_equal(thing_pool_stats(&pool).releases, 0);
  thing_pool_release(&pool, must_acquire(&pool));
  thing_pool_release(&pool, NULL);
  assert_int_equal(thing_pool_stats(&pool).releases, 1);
  thing_pool_destroy(&pool);
}

static void extract_moves_the_value_out_without_reset_or_destroy(void **state) {
  static counted_pool pool;
  tally counts = {0, 0, 0};
  objpool_config config = defaults();
  objpool_stats stats;
  thing *object, value;
  (void)state;
  config.max_objects = 1;
  config.context = &counts;
  assert_true(counted_pool_init(&pool, &config));
  object = counted_pool_acquire(&pool);
  assert_non_null(object);
  object->n = 77;
  strcpy(object->text, "kept");
  value = counted_pool_extract(&pool, object);
  assert_int_equal(value.n, 77);
  assert_string_equal(value.text, "kept");
  assert_int_equal(counts.resets, 0);
  assert_int_equal(counts.destroyed, 0);
  stats = counted_pool_stats(&pool);
  assert_int_equal(stats.extracted, 1);
  assert_int_equal(stats.destroyed, 0);
  assert_int_equal(stats.in_use, 0);
  assert_int_equal(stats.idle, 0);
  object = counted_pool_acquire(&pool); /* the cap has room again, and the slot is built anew */
  assert_non_null(object);
  assert_int_equal(object->n, 1);
  assert_true(all_zero(object->text, sizeof object->text));
  assert_int_equal(counts.created, 2);
  counted_pool_release(&pool, object);
  counted_pool_destroy(&pool);
}

static void discard_destroys_without_reset(void **state) {
  static counted_pool pool;
  tally counts = {0, 0, 0};
  objpool_config config = defaults();
  objpool_stats stats;
  thing *object;
  (void)state;
  config.context = &counts;
  assert_true(counted_pool_init(&pool, &config));
  object = counted_pool_acquire(&pool);
  assert_non_null(object);
  counted_pool_discard(&pool, object);
  assert_int_equal(counts.resets, 0);
  assert_int_equal(counts.destroyed, 1);
  stats = counted_pool_stats(&pool);
  assert_int_equal(stats.releases, 1);
  assert_int_equal(stats.destroyed, 1);
  assert_int_equal(stats.invalid, 1);
  assert_int_equal(stats.overflowed, 0);
  assert_int_equal(stats.in_use, 0);
  assert_int_equal(stats.idle, 0);
  counted_pool_destroy(&pool);
}

static void trim_destroys_down_to_what_it_is_told_to_keep(void **state) {
  static counted_pool pool;
  tally counts = {0, 0, 0};
  objpool_config config = defaults();
  thing *kept[5];
  (void)state;
  config.context = &counts;
  assert_true(counted_pool_init(&pool, &config));
  assert_int_equal(counted_pool_trim(&pool, 0), 0);
  assert_int_equal(counted_pool_warmup(&pool, 40), 40);
  for (size_t i = 0; i < COUNT_OF(kept); i++) {
    kept[i] = counted_pool_acquire(&pool);
    assert_non_null(kept[i]);
    kept[i]->n = 1000 + (int)i;
  }
  assert_int_equal(counted_pool_trim(&pool, 50), 0);
  assert_int_equal(counted_pool_trim(&pool, 35), 0);
  assert_int_equal(counted_pool_trim(&pool, 12), 23);
  assert_int_equal(counted_pool_stats(&pool).idle, 12);
  assert_int_equal(counted_pool_clear(&pool), 12);
  assert_int_equal(counted_pool_clear(&pool), 0);
  assert_int_equal(counted_pool_stats(&pool).idle, 0);
  assert_int_equal(counted_pool_stats(&pool).in_use, 5);
  assert_int_equal(counts.destroyed, 35);
  for (size_t i = 0; i < COUNT_OF(kept); i++) { /* objects in use stay as they are */
    assert_int_equal(kept[i]->n, 1000 + (int)i);
    counted_pool_release(&pool, kept[i]);
  }
  assert_int_equal(counted_pool_stats(&pool).idle, 5);
  counted_pool_destroy(&pool);
  assert_int_equal(counts.created, counts.destroyed);
}

static void trim_gives_memory_back(void **state) {
  static thing_pool pool;
  static thing *objects[MANY];
  uint64_t full, after;
  (void)state;
  for (int i = 0; i < MANY; i++) objects[i] = must_acquire(&pool);
  for (int i = 0; i < MANY; i++) thing_pool_release(&pool, objects[i]);
  full = thing_pool_stats(&pool).memory_bytes;
  assert_true(full >= MANY * sizeof(thing));
  assert_int_equal(thing_pool_clear(&pool), MANY);
  after = thing_pool_stats(&pool).memory_bytes;
  assert_true(after + MANY * sizeof(thing) <= full); /* every block was free, so at least the objects' own bytes went */
  thing_pool_release(&pool, must_acquire(&pool));
  thing_pool_destroy(&pool);
}

static void resize_destroys_surplus_idle_objects_at_once(void **state) {
  static counted_pool pool;
  tally counts = {0, 0, 0};
  objpool_config config = defaults();
  (void)state;
  config.context = &counts;
  assert_true(counted_pool_init(&pool, &config));
  assert_int_equal(counted_pool_warmup(&pool, 30), 30);
  assert_true(counted_pool_resize(&pool, 10, OBJPOOL_UNCHANGED));
  assert_int_equal(counts.destroyed, 20);
  assert_int_equal(counted_pool_stats(&pool).idle, 10);
  assert_int_equal(counted_pool_stats(&pool).max_idle, 10);
  assert_int_equal(counted_pool_stats(&pool).max_objects, 0);
  assert_true(counted_pool_resize(&pool, OBJPOOL_UNCHANGED, 20));
  assert_int_equal(counted_pool_stats(&pool).max_idle, 10);
  assert_int_equal(counted_pool_stats(&pool).max_objects, 20);
  assert_true(counted_pool_resize(&pool, 4, 4));
  assert_int_equal(counted_pool_stats(&pool).idle, 4);
  assert_true(counted_pool_resize(&pool, 0, 0)); /* no limits any more */
  assert_int_equal(counted_pool_stats(&pool).max_idle, 0);
  assert_int_equal(counted_pool_warmup(&pool, 100), 96);
  counted_pool_destroy(&pool);
  assert_int_equal(counts.created, counts.destroyed);
}

static void objects_in_use_above_a_lower_cap_go_as_they_are_released(void **state) {
  static counted_pool pool;
  tally counts = {0, 0, 0};
  objpool_config config = defaults();
  thing *objects[5];
  (void)state;
  config.context = &counts;
  config.max_objects = 10;
  assert_true(counted_pool_init(&pool, &config));
  assert_int_equal(counted_pool_warmup(&pool, 10), 10);
  assert_int_equal(counted_pool_acquire_many(&pool, objects, 5), 5);
  assert_true(counted_pool_resize(&pool, OBJPOOL_UNCHANGED, 7)); /* five in use, five idle: three idle ones must go */
  assert_int_equal(counted_pool_stats(&pool).idle, 2);
  assert_true(counted_pool_resize(&pool, OBJPOOL_UNCHANGED, 3)); /* and now all of them */
  assert_int_equal(counted_pool_stats(&pool).idle, 0);
  assert_int_equal(counted_pool_stats(&pool).in_use, 5);
  errno = 0;
  assert_null(counted_pool_acquire(&pool));
  assert_int_equal(errno, EAGAIN);
  counted_pool_release(&pool, objects[0]);
  counted_pool_release(&pool, objects[1]);
  assert_int_equal(counted_pool_stats(&pool).idle, 0); /* five, four: both above the cap of three */
  assert_int_equal(counts.destroyed, 7);
  for (size_t i = 2; i < 5; i++) counted_pool_release(&pool, objects[i]);
  assert_int_equal(counted_pool_stats(&pool).idle, 3);
  assert_int_equal(counts.destroyed, 7);
  counted_pool_destroy(&pool);
}

static void resize_may_go_below_what_init_created(void **state) {
  static thing_pool pool;
  objpool_config config = defaults();
  (void)state;
  config.warmup = 8;
  assert_true(thing_pool_init(&pool, &config));
  assert_true(thing_pool_resize(&pool, 3, 5));
  assert_int_equal(thing_pool_stats(&pool).idle, 3);
  assert_int_equal(thing_pool_stats(&pool).max_objects, 5);
  thing_pool_destroy(&pool);
}

static void refused_resize_changes_nothing(void **state) {
  static thing_pool pool;
  objpool_config config = defaults();
  (void)state;
  config.max_idle = 8;
  config.max_objects = 16;
  assert_true(thing_pool_init(&pool, &config));
  assert_int_equal(thing_pool_warmup(&pool, 8), 8);
  errno = 0;
  assert_false(thing_pool_resize(&pool, 20, 10));
  assert_int_equal(errno, EINVAL);
  assert_int_equal(thing_pool_stats(&pool).max_idle, 8);
  assert_int_equal(thing_pool_stats(&pool).max_objects, 16);
  assert_int_equal(thing_pool_stats(&pool).idle, 8);
  assert_true(thing_pool_resize(&pool, OBJPOOL_UNCHANGED, OBJPOOL_UNCHANGED));
  assert_int_equal(thing_pool_stats(&pool).max_idle, 8);
  assert_int_equal(thing_pool_stats(&pool).max_objects, 16);
  thing_pool_destroy(&pool);
}

static void init_refuses(objpool_config config, const char *why) {
  thing_pool pool;
  memset(&pool, 0xff, sizeof pool); /* what was there before does not matter to init */
  errno = 0;
  assert_false(thing_pool_init(&pool, &config));
  assert_int_equal(errno, EINVAL);
  assert_true(all_zero(&pool, sizeof pool));
  assert_non_null(objpool_config_error(&config));
  assert_string_equal(objpool_config_error(&config), why);
}

static void *allocate_only(size_t size, size_t alignment, void *context) {
  (void)size, (void)alignment, (void)context;
  return NULL;
}
static void deallocate_only(void *memory, size_t size, size_t alignment, void *context) {
  (void)memory, (void)size, (void)alignment, (void)context;
}

static void impossible_configurations_are_refused_with_a_reason_and_leave_a_zero_pool(void **state) {
  volatile double zero = 0.0;
  const char *growth = "growth_factor is not finite, or below 1", *threshold = "shrink_threshold is not within 0 and 1";
  objpool_config config;
  (void)state;
  config = defaults(), config.warmup = 5, config.max_idle = 4;
  init_refuses(config, "warmup (5) is above max_idle (4)");
  config = defaults(), config.warmup = 8, config.max_objects = 4;
  init_refuses(config, "warmup (8) is above max_objects (4)");
  config = defaults(), config.min_idle = 5, config.max_idle = 4;
  init_refuses(config, "min_idle (5) is above max_idle (4)");
  config = defaults(), config.min_idle = 10, config.max_objects = 9;
  init_refuses(config, "min_idle (10) is above max_objects (9)");
  config = defaults(), config.max_idle = 5, config.max_objects = 4;
  init_refuses(config, "max_idle (5) is above max_objects (4)");
  config = defaults(), config.growth_factor = 0.5, init_refuses(config, growth);
  config = defaults(), config.growth_factor = -2.0, init_refuses(config, growth);
  config = defaults(), config.growth_factor = 1.0 / zero, init_refuses(config, growth);
  config = defaults(), config.growth_factor = zero / zero, init_refuses(config, growth);
  config = defaults(), config.shrink_threshold = 1.5, init_refuses(config, threshold);
  config = defaults(), config.shrink_threshold = -0.1, init_refuses(config, threshold);
  config = defaults(), config.shrink_threshold = zero / zero, init_refuses(config, threshold);
  config = defaults(), memset(&config.on_leak, 7, sizeof config.on_leak);
  init_refuses(config, "on_leak is no objpool_leak_policy");
  config = defaults(), config.allocator.allocate = allocate_only;
  init_refuses(config, "allocator.deallocate is missing");
  config = defaults(), config.allocator.deallocate = deallocate_only;
  init_refuses(config, "allocator.allocate is missing");
}

static void sentences_about_configurations_last_until_eight_more_were_asked_for(void **state) {
  objpool_config config = defaults();
  const char *first;
  (void)state;
  config.max_objects = 1, config.warmup = SIZE_MAX;
  first = objpool_config_error(&config);
  assert_int_equal(strncmp(first, "warmup (", 8), 0);
  assert_non_null(strstr(first, "5) is above max_objects (1)")); /* 2^32 - 1 and 2^64 - 1 end with a 5 */
  for (size_t i = 2; i < 9; i++) {
    config.warmup = i;
    assert_non_null(objpool_config_error(&config));
  }
  assert_non_null(strstr(first, "5) is above max_objects (1)"));
  config.warmup = 1;
  assert_null(objpool_config_error(&config));
  assert_null(objpool_config_error(NULL));
}

static void a_config_without_a_minimum_is_no_error(void **state) {
  objpool_config config = defaults();
  (void)state;
  config.max_idle = 4;
  config.min_idle = OBJPOOL_NONE;
  assert_null(objpool_config_error(&config));
}

static void possible_extremes_are_accepted(void **state) {
  static thing_pool pool;
  objpool_config config = defaults();
  (void)state;
  config.warmup = config.min_idle = config.max_idle = config.max_objects = 1;
  config.growth_factor = 1.0;
  config.shrink_threshold = 1.0;
  config.cache_size = 1000;
  assert_true(thing_pool_init(&pool, &config));
  thing_pool_release(&pool, must_acquire(&pool));
  assert_int_equal(thing_pool_stats(&pool).created, 1);
  thing_pool_destroy(&pool);
}

static void destroy_leaves_a_zero_pool_twice_and_it_can_live_again(void **state) {
  static thing_pool pool;
  (void)state;
  thing_pool_destroy(&pool); /* one that was never used */
  for (int life = 0; life < 3; life++) {
    if (life != 1) assert_true(thing_pool_init(&pool, NULL)); /* the second life begins without */
    thing_pool_release(&pool, must_acquire(&pool));
    assert_int_equal(thing_pool_stats(&pool).created, 1);
    thing_pool_destroy(&pool);
    assert_true(all_zero(&pool, sizeof pool));
    thing_pool_destroy(&pool);
    assert_true(all_zero(&pool, sizeof pool));
  }
}

static void destroy_runs_the_hook_for_idle_objects_alone(void **state) {
  static counted_pool pool;
  tally counts = {0, 0, 0};
  objpool_config config = defaults();
  (void)state;
  config.context = &counts;
  config.on_leak = OBJPOOL_LEAK_IGNORE;
  assert_true(counted_pool_init(&pool, &config));
  assert_int_equal(counted_pool_warmup(&pool, 9), 9);
  assert_non_null(counted_pool_acquire(&pool));
  assert_non_null(counted_pool_acquire(&pool));
  counted_pool_destroy(&pool);
  assert_int_equal(counts.created, 9);
  assert_int_equal(counts.destroyed, 7);
}

static void destroy_with_leaks(void *argument) {
  static thing_pool pool;
  objpool_config config = defaults();
  config.name = "leaky";
  config.on_leak = *(objpool_leak_policy *)argument;
  CHECK(thing_pool_init(&pool, &config));
  for (int i = 0; i < 37; i++) CHECK(thing_pool_acquire(&pool));
  thing_pool_destroy(&pool);
}

static void objects_in_use_at_destroy_are_reported_by_default(void **state) {
  objpool_leak_policy policy = OBJPOOL_LEAK_REPORT;
  objpool_leak_policy unset;
  char output[1000];
  (void)state;
  memset(&unset, 0, sizeof unset);
  assert_int_equal(policy, unset);
  assert_true(EXITED_WELL(in_child(destroy_with_leaks, &policy, output, sizeof output)));
  assert_non_null(strstr(output, "leaky"));
  assert_non_null(strstr(output, "37"));
}

static void objects_in_use_at_destroy_abort_or_pass_when_told_so(void **state) {
  objpool_leak_policy policy = OBJPOOL_LEAK_ABORT;
  char output[1000];
  (void)state;
  assert_true(ENDED_BY(in_child(destroy_with_leaks, &policy, output, sizeof output), SIGABRT));
  assert_non_null(strstr(output, "leaky"));
  policy = OBJPOOL_LEAK_IGNORE;
  assert_true(EXITED_WELL(in_child(destroy_with_leaks, &policy, output, sizeof output)));
  assert_string_equal(output, "");
}

static void errno_survives_all_that_cannot_fail(void **state) {
  static counted_pool pool;
  tally counts = {0, 0, 0};
  objpool_config config = defaults();
  thing *objects[3];
  (void)state;
  config.context = &counts;
  config.max_idle = 1;
  assert_true(counted_pool_init(&pool, &config));
  assert_int_equal(counted_pool_acquire_many(&pool, objects, 3), 3);
  errno = ENOTTY; /* no code of ours sets this one */
  counted_pool_release(&pool, objects[0]);
  assert_int_equal(errno, ENOTTY);
  counted_pool_release(&pool, objects[1]); /* destroyed: max_idle */
  assert_int_equal(errno, ENOTTY);
  counted_pool_discard(&pool, objects[2]);
  assert_int_equal(errno, ENOTTY);
  counted_pool_release(&pool, NULL);
  counted_pool_release_many(&pool, objects, 0);
  assert_int_equal(errno, ENOTTY);
  assert_int_equal(counted_pool_trim(&pool, 0), 1);
  assert_int_equal(errno, ENOTTY);
  assert_int_equal(counted_pool_clear(&pool), 0);
  assert_int_equal(errno, ENOTTY);
  assert_int_equal(counted_pool_acquire_many(&pool, objects, 3), 3);
  errno = ENOTTY;
  counted_pool_release_many(&pool, objects, 3);
  assert_int_equal(errno, ENOTTY);
  counted_pool_destroy(&pool);
  assert_int_equal(counts.created, counts.destroyed);
}

static void attach_succeeds_on_any_pool(void **state) {
  static thing_pool pool;
  (void)state;
  assert_true(thing_pool_attach(&pool));
  assert_true(thing_pool_attach(&pool));
  thing_pool_release(&pool, must_acquire(&pool));
  assert_int_equal(thing_pool_stats(&pool).created, 1);
  thing_pool_destroy(&pool);
}

static void pool_may_live_inside_memory_from_malloc(void **state) {
  struct holder {
    char tag;
    thing_pool pool;
  } *holder = (struct holder *)calloc(1, sizeof *holder);
  thing *object;
  (void)state;
  assert_non_null(holder);
  assert_true(__alignof__(thing_pool) <= __alignof__(max_align_t));
  object = must_acquire(&holder->pool);
  thing_pool_release(&holder->pool, object);
  thing_pool_destroy(&holder->pool);
  free(holder);
}

static void no_cache_keeps_every_promise_too(void **state) {
  static thing_pool pool;
  objpool_config config = defaults();
  thing *object;
  (void)state;
  config.cache_size = OBJPOOL_NO_CACHE;
  config.max_objects = 2;
  assert_true(thing_pool_init(&pool, &config));
  object = must_acquire(&pool);
  object->n = 5;
  thing_pool_release(&pool, object);
  assert_ptr_equal(must_acquire(&pool), object);
  assert_int_equal(object->n, 5);
  thing_pool_release(&pool, must_acquire(&pool));
  thing_pool_release(&pool, object);
  assert_int_equal(thing_pool_stats(&pool).idle, 2);
  assert_int_equal(thing_pool_clear(&pool), 2);
  thing_pool_destroy(&pool);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(empty_pool_gives_none_by_try_acquire),
      cmocka_unit_test(new_object_is_zeroed),
      cmocka_unit_test(released_object_is_handed_out_again_with_its_state),
      cmocka_unit_test(objects_out_at_once_do_not_overlap),
      cmocka_unit_test(warmup_creates_until_that_many_are_idle),
      cmocka_unit_test(warmup_respects_both_limits),
      cmocka_unit_test(init_warms_up),
      cmocka_unit_test(demand_grows_past_max_idle_and_the_surplus_is_destroyed_on_the_way_back),
      cmocka_unit_test(acquire_many_gives_what_there_is_and_release_many_takes_it_back),
      cmocka_unit_test(releasing_null_is_fine),
      cmocka_unit_test(extract_moves_the_value_out_without_reset_or_destroy),
      cmocka_unit_test(discard_destroys_without_reset),
      cmocka_unit_test(trim_destroys_down_to_what_it_is_told_to_keep),
      cmocka_unit_test(trim_gives_memory_back),
      cmocka_unit_test(resize_destroys_surplus_idle_objects_at_once),
      cmocka_unit_test(objects_in_use_above_a_lower_cap_go_as_they_are_released),
      cmocka_unit_test(refused_resize_changes_nothing),
      cmocka_unit_test(resize_may_go_below_what_init_created),
      cmocka_unit_test(impossible_configurations_are_refused_with_a_reason_and_leave_a_zero_pool),
      cmocka_unit_test(sentences_about_configurations_last_until_eight_more_were_asked_for),
      cmocka_unit_test(a_config_without_a_minimum_is_no_error),
      cmocka_unit_test(possible_extremes_are_accepted),
      cmocka_unit_test(destroy_leaves_a_zero_pool_twice_and_it_can_live_again),
      cmocka_unit_test(destroy_runs_the_hook_for_idle_objects_alone),
      cmocka_unit_test(objects_in_use_at_destroy_are_reported_by_default),
      cmocka_unit_test(objects_in_use_at_destroy_abort_or_pass_when_told_so),
      cmocka_unit_test(errno_survives_all_that_cannot_fail),
      cmocka_unit_test(attach_succeeds_on_any_pool),
      cmocka_unit_test(pool_may_live_inside_memory_from_malloc),
      cmocka_unit_test(no_cache_keeps_every_promise_too),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
