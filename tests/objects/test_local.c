/* A local pool, used by one thread at a time, keeps every promise of the others. */
#include "support.h"

#include "objpool.h"

typedef struct thing {
  long n;
  char text[56];
} thing;

OBJPOOL_DEFINE(thing_pool, thing, opt.local = true);

static thing_pool pool;

static objpool_config limited(size_t max_idle, size_t max_objects) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.max_idle = max_idle;
  config.max_objects = max_objects;
  return config;
}

static void local_pool_reuses_and_keeps_state(void **state) {
  thing *object;
  (void)state;
  object = thing_pool_acquire(&pool); /* all-zero is ready here too */
  assert_non_null(object);
  object->n = 9;
  thing_pool_release(&pool, object);
  assert_ptr_equal(thing_pool_try_acquire(&pool), object);
  assert_int_equal(object->n, 9);
  assert_null(thing_pool_try_acquire(&pool));
  thing_pool_release(&pool, object);
  thing_pool_destroy(&pool);
}

static void local_pool_keeps_exact_limits(void **state) {
  thing *objects[300];
  (void)state;
  for (size_t limit = 1; limit < 200; limit += limit < 10 ? 1 : 37) {
    objpool_config config = limited(limit, limit + 50);
    size_t count = 0;
    assert_true(thing_pool_init(&pool, &config));
    while (count < 300 && (objects[count] = thing_pool_acquire(&pool))) count++;
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(count, limit + 50);
    thing_pool_release_many(&pool, objects, count);
    assert_int_equal(thing_pool_stats(&pool).idle, limit);
    assert_int_equal(thing_pool_stats(&pool).overflowed, 50);
    assert_int_equal(thing_pool_acquire_many(&pool, objects, 300), limit + 50);
    thing_pool_release_many(&pool, objects, limit + 50);
    assert_true(thing_pool_resize(&pool, limit, limit));
    assert_int_equal(thing_pool_acquire_many(&pool, objects, 300), limit);
    thing_pool_release_many(&pool, objects, limit);
    assert_int_equal(thing_pool_trim(&pool, 1), limit - 1);
    assert_int_equal(thing_pool_clear(&pool), 1);
    thing_pool_destroy(&pool);
  }
}

static void local_pool_extracts_discards_and_guards(void **state) {
  thing value;
  thing *object = thing_pool_acquire(&pool);
  (void)state;
  assert_non_null(object);
  object->n = 4;
  value = thing_pool_extract(&pool, object);
  assert_int_equal(value.n, 4);
  object = thing_pool_acquire(&pool);
  assert_non_null(object);
  assert_int_equal(object->n, 0);
  thing_pool_discard(&pool, object);
  OBJPOOL_WITH(thing_pool, one, &pool) {
    OBJPOOL_SCOPED(thing_pool) two = thing_pool_guard_acquire(&pool);
    assert_non_null(two.object);
    assert_ptr_not_equal(one, two.object);
  }
  assert_int_equal(thing_pool_stats(&pool).in_use, 0);
  assert_int_equal(thing_pool_stats(&pool).idle, 2);
  assert_int_equal(thing_pool_stats(&pool).extracted, 1);
  assert_int_equal(thing_pool_stats(&pool).invalid, 1);
  thing_pool_destroy(&pool);
}

static void *use_in_turn(void *unused) {
  thing *objects[100];
  (void)unused;
  CHECK(thing_pool_attach(&pool));
  CHECK(thing_pool_acquire_many(&pool, objects, 100) == 100);
  for (int i = 0; i < 100; i++) objects[i]->n++;
  thing_pool_release_many(&pool, objects, 100);
  return NULL;
}

static void one_thread_after_another_may_use_it(void **state) {
  thing *objects[100];
  (void)state;
  for (int i = 0; i < 20; i++) in_another_thread(use_in_turn, NULL);
  (void)use_in_turn(NULL);
  assert_int_equal(thing_pool_stats(&pool).created, 100);
  assert_int_equal(thing_pool_acquire_many(&pool, objects, 100), 100);
  for (int i = 0; i < 100; i++) assert_int_equal(objects[i]->n, 21);
  thing_pool_release_many(&pool, objects, 100);
  thing_pool_destroy(&pool);
}

static long stop_now;
static void *read_statistics(void *unused) {
  uint64_t before = 0;
  (void)unused;
  while (!count_read(&stop_now)) { /* counters are plain moves that others may read */
    objpool_stats stats = thing_pool_stats(&pool);
    CHECK(stats.acquires >= before);
    CHECK(stats.peak_in_use <= 10);
    before = stats.acquires;
  }
  return NULL;
}

static void others_may_read_its_statistics(void **state) {
  pthread_t reader;
  (void)state;
  thing_pool_release(&pool, thing_pool_acquire(&pool));
  count_set(&stop_now, 0);
  reader = start_thread(read_statistics, NULL);
  for (long i = 0; i < SCALED(2000000L, 300000L, 100000L); i++) {
    thing *objects[10];
    size_t count = 1 + (size_t)(i % 10);
    CHECK(thing_pool_acquire_many(&pool, objects, count) == count);
    thing_pool_release_many(&pool, objects, count);
  }
  count_set(&stop_now, 1);
  join_thread(reader);
  thing_pool_destroy(&pool);
}

/* As it grows, a pool moves what is idle; and in a pool of one thread nobody but a hook can release meanwhile. */
static long made;
static thing *held[200];
static size_t held_count;
static objpool *growing;

static bool number_it(thing *object, void *context) {
  (void)context;
  object->n = ++made;
  return true;
}
static bool number_it_and_release(thing *object, void *context) {
  (void)context;
  object->n = ++made;
  for (size_t i = 0; growing && i < 4; i++) objpool_release(growing, held[--held_count]);
  return true;
}
OBJPOOL_DEFINE(numbered_pool, thing, opt.local = true, opt.create = number_it);
OBJPOOL_DEFINE(releasing_pool, thing, opt.local = true, opt.create = number_it_and_release);

static void idle_objects_are_kept_while_the_pool_grows(void **state) {
  static numbered_pool numbered;
  static bool seen[2001];
  static thing *all[2000];
  (void)state;
  made = 0;
  for (size_t idle = 5; idle <= 2000; idle = idle * 3 / 2 + 1) numbered_pool_warmup(&numbered, idle);
  numbered_pool_warmup(&numbered, 2000);
  assert_int_equal(made, 2000);
  assert_int_equal(numbered_pool_acquire_many(&numbered, all, 2000), 2000);
  assert_int_equal(made, 2000);
  for (size_t i = 0; i < 2000; i++) {
    assert_in_range(all[i]->n, 1, 2000);
    assert_false(seen[all[i]->n]);
    seen[all[i]->n] = true;
  }
  numbered_pool_release_many(&numbered, all, 2000);
  numbered_pool_destroy(&numbered);
}

/* Memory whose addresses go down, and up: where the limit of the last array lay tells nothing. */
static char arena[1 << 20], *arena_next;
static bool arena_goes_down;
static void *take_from_the_arena(size_t size, size_t alignment, void *context) {
  (void)context;
  if (arena_goes_down) {
    arena_next -= size;
    arena_next -= (uintptr_t)arena_next % alignment;
  } else {
    arena_next += (alignment - (uintptr_t)arena_next % alignment) % alignment;
  }
  char *memory = arena_next;
  if (!arena_goes_down) arena_next += size;
  CHECK(memory >= arena && memory + size <= arena + sizeof arena);
  return memory;
}
static void leave_it_there(void *memory, size_t size, size_t alignment, void *context) {
  (void)memory, (void)size, (void)alignment, (void)context;
}

static void limit_holds_for_what_a_hook_releases_while_the_pool_grows(void **state) {
  (void)state;
  for (int down = 0; down < 2; down++) {
    static releasing_pool releasing;
    objpool_config config = limited(2, 0);
    arena_goes_down = down;
    arena_next = down ? arena + sizeof arena : arena;
    config.allocator.allocate = take_from_the_arena;
    config.allocator.deallocate = leave_it_there;
    assert_true(releasing_pool_init(&releasing, &config));
    held_count = 0;
    growing = NULL;
    size_t cells = 0;
    for (uint64_t memory = 0; cells == 0; held_count++) {
      assert_non_null(held[held_count] = releasing_pool_acquire(&releasing));
      if (held_count > 0 && releasing_pool_stats(&releasing).memory_bytes > memory) cells = held_count;
      memory = releasing_pool_stats(&releasing).memory_bytes;
    }
    releasing_pool_release_many(&releasing, held, held_count);
    releasing_pool_destroy(&releasing); /* another, whose array has not grown yet */
    assert_true(releasing_pool_init(&releasing, &config));
    for (held_count = 0; held_count < cells; held_count++)
      assert_non_null(held[held_count] = releasing_pool_acquire(&releasing));
    growing = &releasing.base; /* the next one needs a new block, and its hook gives four back */
    thing *one = releasing_pool_acquire(&releasing);
    growing = NULL;
    assert_non_null(one);
    objpool_stats stats = releasing_pool_stats(&releasing);
    assert_true(stats.idle <= 2);
    assert_int_equal(stats.in_use, held_count + 1);
    releasing_pool_release(&releasing, one);
    releasing_pool_release_many(&releasing, held, held_count);
    assert_int_equal(releasing_pool_stats(&releasing).idle, 2);
    releasing_pool_destroy(&releasing);
  }
}

/* ---- maintenance validates one after the other; meanwhile the hook uses the pool */

static thing *to_release[2];
static size_t validated, release_at, take_at;
static bool use_while_validating(thing *object, void *context);
OBJPOOL_DEFINE(validated_pool, thing, opt.local = true, opt.validate = use_while_validating, opt.validate_on = OBJPOOL_ON_MAINTAIN);
static validated_pool looked_at;

static bool use_while_validating(thing *object, void *context) {
  (void)object, (void)context;
  validated++;
  if (validated == release_at)
    for (size_t i = 0; i < COUNT_OF(to_release); i++) validated_pool_release(&looked_at, to_release[i]);
  if (validated == take_at) validated_pool_release(&looked_at, validated_pool_acquire(&looked_at));
  return true;
}

static void limit_holds_for_what_a_hook_releases_while_maintenance_validates(void **state) {
  objpool_config config = limited(4, 0);
  (void)state;
  config.min_idle = 4;
  config.ignore_pressure = true;
  assert_true(validated_pool_init(&looked_at, &config));
  assert_int_equal(validated_pool_acquire_many(&looked_at, to_release, 2), 2);
  assert_int_equal(validated_pool_warmup(&looked_at, 4), 4);
  validated = take_at = 0;
  release_at = 1; /* three are set aside then: there is room for one */
  (void)objpool_maintain(&looked_at.base);
  assert_int_equal(validated_pool_stats(&looked_at).overflowed, 1);
  assert_true(validated_pool_stats(&looked_at).idle <= 4);
  validated_pool_destroy(&looked_at);
}

static void peak_is_noticed_while_maintenance_validates(void **state) {
  objpool_config config = limited(4, 0);
  (void)state;
  config.min_idle = 4;
  config.ignore_pressure = true;
  assert_true(validated_pool_init(&looked_at, &config));
  assert_int_equal(validated_pool_warmup(&looked_at, 4), 4);
  validated = release_at = 0;
  take_at = 2; /* the first lies in the array again */
  assert_int_equal(validated_pool_stats(&looked_at).peak_in_use, 0);
  (void)objpool_maintain(&looked_at.base);
  assert_int_equal(validated_pool_stats(&looked_at).peak_in_use, 1);
  validated_pool_destroy(&looked_at);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(local_pool_reuses_and_keeps_state),
      cmocka_unit_test(local_pool_keeps_exact_limits),
      cmocka_unit_test(local_pool_extracts_discards_and_guards),
      cmocka_unit_test(one_thread_after_another_may_use_it),
      cmocka_unit_test(others_may_read_its_statistics),
      cmocka_unit_test(idle_objects_are_kept_while_the_pool_grows),
      cmocka_unit_test(limit_holds_for_what_a_hook_releases_while_the_pool_grows),
#ifndef OBJPOOL_NO_STATS
      cmocka_unit_test(limit_holds_for_what_a_hook_releases_while_maintenance_validates),
      cmocka_unit_test(peak_is_noticed_while_maintenance_validates),
#endif
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
