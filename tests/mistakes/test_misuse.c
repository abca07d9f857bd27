/* Misuse ends in a panic that names the pool, the pointer and the mistake, and that leaves the pool as it was. */
#include "support.h"

#define OBJPOOL_PANIC(message) panic_seen(message)
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

typedef struct thing {
  long n;
  char text[120];
} thing;

static long hooks_run;
static void note_reset(thing *object, void *context) {
  (void)object, (void)context;
  hooks_run++;
}
static bool note_validate(thing *object, void *context) {
  (void)object, (void)context;
  hooks_run++;
  return true;
}
static void note_destroy(thing *object, void *context) {
  (void)object, (void)context;
  hooks_run++;
}

OBJPOOL_DEFINE(thing_pool, thing);
OBJPOOL_DEFINE(hooked_pool, thing, opt.reset = note_reset, opt.validate = note_validate, opt.destroy = note_destroy);
OBJPOOL_DEFINE(local_pool, thing, opt.local = true);
OBJPOOL_DEFINE(tracked_pool, thing, opt.tracked = true);

/* The same misuse must be caught whatever the pool is like: each test runs on all of these, by the functions without the type. */
static thing_pool cached, uncached, capped;
static hooked_pool hooked;
static local_pool local;
static tracked_pool tracked;

static struct kind {
  const char *name;
  objpool *base;
  size_t cache_size, max_objects;
} kinds[] = {
    {"cached things", &cached.base, 0, 0}, {"uncached things", &uncached.base, OBJPOOL_NO_CACHE, 0},
    {"capped things", &capped.base, 0, 5}, {"hooked things", &hooked.base, 0, 0},
    {"local things", &local.base, 0, 0},   {"tracked things", &tracked.base, 0, 0},
};

static int begin(void **state) {
  bool good = true;
  (void)state;
  for (size_t i = 0; i < COUNT_OF(kinds); i++) {
    objpool_config config;
    memset(&config, 0, sizeof config);
    config.name = kinds[i].name;
    config.cache_size = kinds[i].cache_size;
    config.max_objects = kinds[i].max_objects;
    if (kinds[i].base == &hooked.base)
      good = good && hooked_pool_init(&hooked, &config);
    else if (kinds[i].base == &local.base)
      good = good && local_pool_init(&local, &config);
    else if (kinds[i].base == &tracked.base)
      good = good && tracked_pool_init(&tracked, &config);
    else if (kinds[i].base == &cached.base)
      good = good && thing_pool_init(&cached, &config);
    else if (kinds[i].base == &uncached.base)
      good = good && thing_pool_init(&uncached, &config);
    else
      good = good && thing_pool_init(&capped, &config);
  }
  panic_returns = false;
  return good ? 0 : -1;
}

static int end(void **state) {
  (void)state;
  thing_pool_destroy(&cached);
  thing_pool_destroy(&uncached);
  thing_pool_destroy(&capped);
  hooked_pool_destroy(&hooked);
  local_pool_destroy(&local);
  tracked_pool_destroy(&tracked);
  return 0;
}

static void call_release(void *pool, void *object) { objpool_release((objpool *)pool, object); }
static void call_discard(void *pool, void *object) { objpool_discard((objpool *)pool, object); }
static void call_release_many(void *pool, void *object) { objpool_release_many((objpool *)pool, &object, 1); }

/* The pointer in lower-case hexadecimal, as every printf shows it. */
static void assert_names(const char *pool_name, const void *object) {
  char digits[40];
  snprintf(digits, sizeof digits, "%" PRIxPTR, (uintptr_t)object);
  if (!strstr(panic_message, pool_name))
    fail_msg("the message does not name the pool '%s': %s", pool_name, panic_message);
  if (!strstr(panic_message, digits)) fail_msg("the message does not name the pointer %s: %s", digits, panic_message);
}

/* What is left of the message without the pool's name and the pointer: the mistake. */
static void mistake(char *text, size_t size, const char *pool_name, const void *object) {
  char digits[40];
  char *found;
  snprintf(digits, sizeof digits, "%" PRIxPTR, (uintptr_t)object);
  snprintf(text, size, "%s", panic_message);
  while ((found = strstr(text, digits))) memmove(found, found + strlen(digits), strlen(found + strlen(digits)) + 1);
  while ((found = strstr(text, pool_name)))
    memmove(found, found + strlen(pool_name), strlen(found + strlen(pool_name)) + 1);
}

/* The pool still has every one of its objects once, with nothing lost and nothing in two hands. */
static void assert_unharmed(objpool *base, uint64_t in_use, uint64_t idle) {
  enum { MOST = 64 };
  void *objects[MOST];
  size_t count = 0;
  objpool_stats stats = objpool_snapshot(base);
  assert_int_equal(stats.in_use, in_use);
  assert_int_equal(stats.idle, idle);
  assert_int_equal(stats.created - stats.destroyed - stats.extracted, in_use + idle);
  while (count < MOST && (objects[count] = objpool_try_acquire(base))) {
    for (size_t i = 0; i < count; i++) assert_ptr_not_equal(objects[i], objects[count]);
    count++;
  }
  assert_int_equal(count, idle);
  while (count > 0) objpool_release(base, objects[--count]);
}

static void misuse_is_caught(void (*misuse)(void *, void *), objpool *base, const char *name, void *object) {
  objpool_stats before = objpool_snapshot(base);
  for (int returns = 0; returns < 2;
       returns++) { /* a panic may jump away or return: either way the call had no effect */
    objpool_stats after;
    hooks_run = 0;
    panic_returns = returns;
    assert_true(panics(misuse, base, object));
    assert_int_equal(panic_count, 1);
    assert_names(name, object);
    assert_int_equal(hooks_run, 0);
    after = objpool_snapshot(base);
    assert_int_equal(after.releases, before.releases);
    assert_int_equal(after.destroyed, before.destroyed);
    assert_unharmed(base, before.in_use, before.idle);
    before = objpool_snapshot(base);
  }
  panic_returns = false;
}

static void releasing_twice_panics(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT_OF(kinds); i++) {
    objpool *base = kinds[i].base;
    void *first = objpool_acquire(base), *second = objpool_acquire(base), *third = objpool_acquire(base);
    assert_true(first && second && third);
    objpool_release(base, second);
    misuse_is_caught(call_release, base, kinds[i].name, second);
    objpool_release(base, first);
    misuse_is_caught(call_release, base, kinds[i].name, second); /* not only the last one released */
    misuse_is_caught(call_release_many, base, kinds[i].name, first);
    misuse_is_caught(call_discard, base, kinds[i].name, first);
    objpool_release(base, third);
    misuse_is_caught(call_release, base, kinds[i].name, third);
  }
}

static void releasing_twice_panics_however_full_the_caches_are(void **state) {
  enum { MANY = 700 };
  static thing *objects[MANY];
  (void)state;
  assert_int_equal(thing_pool_acquire_many(&cached, objects, MANY), MANY);
  for (int i = 0; i < MANY; i++) {
    thing_pool_release(&cached, objects[i]);
    assert_true(panics(call_release, &cached, objects[i]));
    assert_names("cached things", objects[i]);
  }
  assert_int_equal(thing_pool_stats(&cached).idle, MANY);
  assert_int_equal(thing_pool_acquire_many(&cached, objects, MANY), MANY);
  assert_int_equal(thing_pool_stats(&cached).created, MANY);
  for (int i = 0; i < MANY; i++) objects[i]->n = i; /* had one been handed out twice, it would hold the later number */
  for (int i = 0; i < MANY; i++) assert_int_equal(objects[i]->n, i);
  thing_pool_release_many(&cached, objects, MANY);
}

static void an_object_handed_out_again_may_be_released_again(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT_OF(kinds); i++) {
    for (int round = 0; round < 1000; round++) {
      void *object = objpool_acquire(kinds[i].base);
      assert_non_null(object);
      objpool_release(kinds[i].base, object);
    }
    assert_int_equal(objpool_snapshot(kinds[i].base).created, 1);
  }
}

static void releasing_to_another_pool_panics_and_the_object_stays_with_its_own(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT_OF(kinds); i++) {
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
      void *object, *resident;
      if (k == i) continue;
      object = objpool_acquire(kinds[i].base);
      resident = objpool_acquire(kinds[k].base); /* the other pool has objects of its own, in use and idle */
      assert_true(object && resident);
      objpool_release(kinds[k].base, resident);
      misuse_is_caught(call_release, kinds[k].base, kinds[k].name, object);
      misuse_is_caught(call_discard, kinds[k].base, kinds[k].name, object);
      assert_unharmed(kinds[i].base, 1, objpool_snapshot(kinds[i].base).idle);
      objpool_release(kinds[i].base, object);
    }
  }
}

static void releasing_a_pointer_into_an_object_panics(void **state) {
  const size_t offsets[] = {8, 16, 64, sizeof(thing) - 8, 1, 3};
  (void)state;
  for (size_t i = 0; i < COUNT_OF(kinds); i++) {
    char *object = (char *)objpool_acquire(kinds[i].base);
    assert_non_null(object);
    for (size_t k = 0; k < COUNT_OF(offsets); k++) {
      memset(object, (int)(k * 37), sizeof(thing));
      misuse_is_caught(call_release, kinds[i].base, kinds[i].name, object + offsets[k]);
    }
    objpool_release(kinds[i].base, object);
  }
}

static void releasing_what_is_no_object_panics(void **state) {
  static struct {
    uint64_t before[8];
    thing object;
  } elsewhere, still;
  thing *allocated = (thing *)calloc(4, sizeof *allocated);
  (void)state;
  assert_non_null(allocated);
  for (size_t i = 0; i < COUNT_OF(kinds); i++) {
    void *object = objpool_acquire(kinds[i].base);
    assert_non_null(object);
    for (unsigned fill = 0; fill < 256; fill += 51) {
      memset(&elsewhere, (int)fill, sizeof elsewhere);
      memcpy(&still, &elsewhere, sizeof still);
      misuse_is_caught(call_release, kinds[i].base, kinds[i].name, &elsewhere.object);
      assert_memory_equal(&still, &elsewhere, sizeof still);
    }
    misuse_is_caught(call_release, kinds[i].base, kinds[i].name, allocated + 1);
    objpool_release(kinds[i].base, object);
  }
  free(allocated);
}

static void messages_tell_the_mistakes_apart(void **state) {
  char twice[sizeof panic_message], another[sizeof panic_message], no_object[sizeof panic_message];
  static uint64_t elsewhere[sizeof(thing) / 8 + 4];
  thing *object = thing_pool_acquire(&cached), *other = thing_pool_acquire(&uncached);
  (void)state;
  assert_true(object && other);
  assert_true(panics(call_release, &cached, other));
  assert_names("cached things", other);
  mistake(another, sizeof another, "cached things", other);
  assert_true(panics(call_release, &cached, &elsewhere[2]));
  mistake(no_object, sizeof no_object, "cached things", &elsewhere[2]);
  thing_pool_release(&cached, object);
  assert_true(panics(call_release, &cached, object));
  mistake(twice, sizeof twice, "cached things", object);
  assert_true(strcmp(twice, another) != 0);
  assert_true(strcmp(twice, no_object) != 0);
  thing_pool_release(&uncached, other);
}

static void a_pool_without_a_name_is_called_by_its_type(void **state) {
  static thing_pool unnamed;
  thing *object = thing_pool_acquire(&unnamed);
  (void)state;
  assert_non_null(object);
  thing_pool_release(&unnamed, object);
  assert_true(panics(call_release, &unnamed, object));
  assert_names("thing_pool", object);
  thing_pool_destroy(&unnamed);
}

static void call_release_tracked(void *pool, void *object) {
  tracked_pool_release((tracked_pool *)pool, (thing *)object);
}

static void releasing_to_a_pool_that_was_never_used_panics(void **state) {
  static thing_pool unused;
  static tracked_pool unused_tracked;
  thing *object = tracked_pool_acquire(&tracked);
  (void)state;
  assert_non_null(object);
  assert_true(panics(call_release, &unused, object));
  assert_true(panics(call_release_tracked, &unused_tracked, object));
  assert_names("tracked_pool", object);
  tracked_pool_release(&tracked, object);
  assert_unharmed(&tracked.base, 0, 1);
}

static thing extracted;
static void call_extract(void *pool, void *object) {
  extracted = thing_pool_extract((thing_pool *)pool, (thing *)object);
}

static void extracting_what_is_not_in_use_panics(void **state) {
  thing *object = thing_pool_acquire(&cached);
  (void)state;
  assert_non_null(object);
  thing_pool_release(&cached, object);
  assert_true(panics(call_extract, &cached, object));
  assert_names("cached things", object);
  assert_unharmed(&cached.base, 0, 1);
}

static void releasing_what_was_discarded_or_extracted_panics(void **state) {
  thing *object, *keeper = thing_pool_acquire(&cached); /* keeps the block of memory alive */
  (void)state;
  assert_non_null(keeper);
  object = thing_pool_acquire(&cached);
  assert_non_null(object);
  thing_pool_discard(&cached, object);
  assert_true(panics(call_release, &cached, object));
  assert_names("cached things", object);
  object = thing_pool_acquire(&cached);
  assert_non_null(object);
  extracted = thing_pool_extract(&cached, object);
  assert_true(panics(call_release, &cached, object));
  assert_true(panics(call_extract, &cached, object));
  assert_unharmed(&cached.base, 1, 0);
  thing_pool_release(&cached, keeper);
}

static void *use_all_pools(void *unused) {
  (void)unused;
  for (size_t i = 0; i < COUNT_OF(kinds); i++) {
    void *object = objpool_acquire(kinds[i].base);
    CHECK(object);
    objpool_release(kinds[i].base, object);
    objpool_trim(kinds[i].base, 0);
    CHECK(objpool_acquire_many(kinds[i].base, &object, 1) == 1);
    objpool_release(kinds[i].base, object);
  }
  return NULL;
}

static void no_lock_is_held_after_a_panic(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT_OF(kinds); i++) {
    void *object = objpool_acquire(kinds[i].base);
    assert_non_null(object);
    objpool_release(kinds[i].base, object);
    assert_true(panics(call_release, kinds[i].base, object));
    assert_true(panics(call_discard, kinds[i].base, object));
    assert_true(panics(call_release_many, kinds[i].base, object));
  }
  in_another_thread(use_all_pools, NULL); /* hangs if one is */
  (void)use_all_pools(NULL);
  for (size_t i = 0; i < COUNT_OF(kinds); i++) { /* nor is anyone still counted as releasing */
    objpool_close(kinds[i].base);
    assert_true(objpool_drain(kinds[i].base, 0));
  }
}

static thing *released_elsewhere;
static void *release_one(void *unused) {
  (void)unused;
  thing_pool_release(&cached, released_elsewhere);
  return NULL;
}

static void second_release_by_another_thread_is_caught(void **state) {
  (void)state;
  released_elsewhere = thing_pool_acquire(&cached);
  assert_non_null(released_elsewhere);
  in_another_thread(release_one, NULL);
  assert_true(panics(call_release, &cached, released_elsewhere));
  assert_names("cached things", released_elsewhere);
  assert_unharmed(&cached.base, 0, 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(releasing_twice_panics, begin, end),
      cmocka_unit_test_setup_teardown(releasing_twice_panics_however_full_the_caches_are, begin, end),
      cmocka_unit_test_setup_teardown(an_object_handed_out_again_may_be_released_again, begin, end),
      cmocka_unit_test_setup_teardown(releasing_to_another_pool_panics_and_the_object_stays_with_its_own, begin, end),
      cmocka_unit_test_setup_teardown(releasing_a_pointer_into_an_object_panics, begin, end),
      cmocka_unit_test_setup_teardown(releasing_what_is_no_object_panics, begin, end),
      cmocka_unit_test_setup_teardown(messages_tell_the_mistakes_apart, begin, end),
      cmocka_unit_test_setup_teardown(a_pool_without_a_name_is_called_by_its_type, begin, end),
      cmocka_unit_test_setup_teardown(releasing_to_a_pool_that_was_never_used_panics, begin, end),
      cmocka_unit_test_setup_teardown(extracting_what_is_not_in_use_panics, begin, end),
      cmocka_unit_test_setup_teardown(releasing_what_was_discarded_or_extracted_panics, begin, end),
      cmocka_unit_test_setup_teardown(no_lock_is_held_after_a_panic, begin, end),
      cmocka_unit_test_setup_teardown(second_release_by_another_thread_is_caught, begin, end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
