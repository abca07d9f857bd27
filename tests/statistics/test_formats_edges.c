/* What is printed at the edges: every recommendation, odd names, odd arguments, limits that some pools have and
   others have not. */
#include "support.h"

#define OBJPOOL_PANIC(message) panic_seen(message)
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

typedef struct thing {
  long n;
} thing;

OBJPOOL_DEFINE(thing_pool, thing);

static void init_named(thing_pool *pool, const char *name, size_t max_idle, size_t max_objects) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.name = name;
  config.max_idle = max_idle;
  config.max_objects = max_objects;
  assert_true(thing_pool_init(pool, &config));
}

/* A situation, and the whole sentence that objpool__recommend says of it. */
typedef struct situation {
  const char *sentence;
  uint64_t hits, misses, failures, exhausted, timeouts, waits, waiting, overflowed, in_use, idle, peak, max_objects;
  uint64_t destroyed; /* [what is overflowed] */
} situation;

static const situation situations[] = {
    /* too few to go by, however bad */
    {"no objects were acquired yet; nothing to go by.", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 0},
    {"1 acquire is too few to go by.", 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 10, 0},
    {"2 acquires are too few to go by.", 0, 2, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0},
    {"99 acquires are too few to go by.", 0, 99, 0, 0, 0, 99, 0, 0, 0, 0, 9, 0, 0},
    /* but stuck is stuck */
    {"see who holds the objects, or raise max_objects: all 4 are in use, and 20 acquires wait.", 0, 4, 0, 0, 0, 20, 20,
     0, 4, 0, 4, 4, 0},
    {"see who holds the objects, or raise max_objects: all 4 are in use, and 1 acquire waits.", 0, 4, 0, 0, 0, 1, 1, 0,
     4, 0, 4, 4, 0},
    {"see who holds the objects, or raise max_objects: the only one is in use, and 2 acquires wait.", 0, 1, 0, 0, 0, 2,
     2, 0, 1, 0, 1, 1, 0},
    {"look at create, how long it takes and whether it refuses: 1 acquire waits for it.", 0, 0, 0, 0, 0, 1, 1, 0, 0, 0,
     0, 4, 0},
    {"look at create, how long it takes and whether it refuses: 2 acquires wait for it.", 0, 0, 0, 0, 0, 2, 2, 0, 0, 0,
     0, 0, 0},
    {"3 acquires are too few to go by.", 0, 3, 0, 0, 0, 1, 1, 0, 3, 1, 4, 4, 0}, /* it is about to be served */
    /* the cap */
    {"look at create and at memory: more than one acquire in a hundred could not build an object.", 97, 1, 2, 0, 0, 0,
     0, 0, 1, 0, 1, 0, 0},
    {"see who holds the objects: none was ever given back.", 0, 4, 0, 1000, 0, 0, 0, 0, 4, 0, 4, 4, 0},
    {"raise max_objects to about 7: the cap refused more than one acquire in a hundred.", 1, 4, 0, 1000, 0, 0, 0, 0, 4,
     0, 4, 4, 0},
    {"look at create, how long it takes and whether it refuses: it is no cap that acquires wait for.", 100, 0, 0, 0, 0,
     60, 0, 0, 1, 0, 4, 0, 0},
    {"look at create, how long it takes and whether it refuses: it is no cap that acquires wait for.", 100, 0, 0, 0, 3,
     3, 0, 0, 1, 0, 4, 0, 0},
    {"raise max_objects to about 31: the cap refused more than one acquire in a hundred.", 100, 0, 0, 0, 3, 3, 0, 0, 0,
     0, 1, 20, 0},
    {"raise max_objects to about 16: the cap refused more than one acquire in a hundred.", 98, 0, 0, 2, 0, 0, 0, 0, 0,
     0, 1, 10, 0},
    {"keep the size: every acquire found an idle object.", 99, 0, 0, 1, 0, 0, 0, 0, 0, 1, 1, 10, 0},
    {"raise max_objects to about 7: more than one acquire in ten waited.", 996, 4, 0, 0, 0, 997, 0, 0, 4, 0, 4, 4, 0},
    {"raise max_objects to about 7: more than one acquire in ten waited.", 96, 4, 0, 0, 0, 11, 0, 0, 4, 0, 4, 4, 0},
    {"keep the size: at most one acquire in ten waited.", 96, 4, 0, 0, 0, 10, 0, 0, 4, 0, 4, 4, 0},
    {"see who holds the objects, or raise max_objects: all 4 are in use, and 3 acquires wait.", 996, 4, 0, 0, 0, 3, 3,
     0, 4, 0, 4, 4, 0},
    {"keep the size: at most one acquire in ten waited.", 996, 4, 0, 0, 0, 3, 1, 0, 3, 1, 4, 4, 0},
    /* what is kept */
    {"raise max_idle to 11: objects are destroyed only to be created again.", 90, 10, 0, 0, 0, 0, 0, 6, 0, 0, 8, 0, 0},
    {"raise max_idle to 9: objects are destroyed only to be created again.", 90, 10, 0, 0, 0, 0, 0, 6, 0, 0, 8, 9, 0},
    {"trim less, or raise min_idle: most new objects replace what was trimmed or cleared.", 89, 11, 0, 0, 0, 0, 0, 5, 0,
     0, 4, 0, 11},
    {"keep the size; warm up 50 objects to avoid the first misses.", 450, 50, 0, 0, 0, 0, 0, 0, 0, 0, 50, 0,
     500}, /* wiped */
    {"warm up 300 objects: more than one acquire in ten created one.", 0, 300, 0, 0, 0, 0, 0, 0, 0, 0, 300, 0,
     300}, /* cleared at the end */
    {"raise max_objects to about 7: the cap refused more than one acquire in a hundred.", 0, 0, 0, 200, 0, 0, 0, 0, 4,
     0, 4, 4, 0}, /* since a reset */
    {"warm up 8 objects: more than one acquire in ten created one.", 89, 11, 0, 0, 0, 0, 0, 5, 0, 0, 8, 0, 0},
    {"warm up 1 object: more than one acquire in ten created one.", 89, 11, 0, 0, 0, 0, 0, 5, 0, 0, 1, 0, 0},
    {"keep the size; warm up 8 objects to avoid the first misses.", 90, 10, 0, 0, 0, 0, 0, 5, 0, 0, 8, 0, 0},
    {"keep the size; warm up 1 object to avoid the first misses.", 90, 10, 0, 0, 0, 0, 0, 5, 0, 0, 1, 0, 0},
    {"set max_idle to 11, warmup and min_idle to no more, or trim: most objects were never in use at once.", 90, 10, 0,
     0, 0, 0, 0, 5, 5, 40, 8, 0, 0},
    {"keep the size; warm up 8 objects to avoid the first misses.", 90, 10, 0, 0, 0, 0, 0, 5, 4, 40, 8, 0, 0},
    {"keep the size: every acquire found an idle object.", 100, 0, 0, 0, 0, 0, 0, 0, 4, 40, 8, 0, 0},
    /* as one thread may see what another is just doing: nobody is told to warm up nothing */
    {"keep the size.", 0, 100, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
};

static void each_recommendation_follows_from_its_numbers(void **state) {
  size_t i;
  (void)state;
  for (i = 0; i < COUNT_OF(situations); i++) {
    const situation *now = &situations[i];
    char text[300];
    objpool__writer out = {text, sizeof text, 0};
    objpool_stats numbers;
    memset(&numbers, 0, sizeof numbers);
    numbers.hits = now->hits;
    numbers.misses = now->misses;
    numbers.acquires = now->hits + now->misses;
    numbers.create_failures = now->failures;
    numbers.exhausted = now->exhausted;
    numbers.timeouts = now->timeouts;
    numbers.waits = now->waits;
    numbers.waiting = now->waiting;
    numbers.overflowed = now->overflowed;
    numbers.destroyed = now->destroyed ? now->destroyed : now->overflowed;
    numbers.in_use = now->in_use;
    numbers.idle = now->idle;
    numbers.peak_in_use = now->peak;
    numbers.max_objects = now->max_objects;
    objpool__recommend(&out, &numbers);
    assert_true(objpool__finish(&out) > 0);
    assert_memory_equal(text, "Recommendation: ", 16);
    assert_int_equal(text[strlen(text) - 1], '\n');
    text[strlen(text) - 1] = '\0';
    assert_string_equal(text + 16, now->sentence);
  }
}

/* What broke or left the pool is built anew, however many were warmed up. */
static void new_objects_in_place_of_lost_ones_are_no_reason_to_warm_up(void **state) {
  static const struct {
    const char *text;
    uint64_t acquires, misses, invalid, extracted, expired;
  } cases[] = {
      {"Recommendation: keep the size: most new objects replace what was invalid, discarded, expired or extracted.\n",
       100, 30, 30, 0, 0},
      {"Recommendation: keep the size: most new objects replace what was invalid, discarded, expired or extracted.\n",
       100, 100, 0, 100, 0},
      {"Recommendation: keep the size: most new objects replace what was invalid, discarded, expired or extracted.\n",
       100, 10, 3, 3, 0},
      {"Recommendation: keep the size: most new objects replace what was invalid, discarded, expired or extracted.\n",
       100, 30, 0, 0, 30},
      {"Recommendation: warm up 8 objects: more than one acquire in ten created one.\n", 100, 30, 10, 5, 0},
      {"Recommendation: keep the size; warm up 8 objects to avoid the first misses.\n", 1000, 10, 9, 0,
       0}, /* one in a hundred is few */
      {"Recommendation: keep the size: every acquire found an idle object.\n", 100, 0, 5, 0, 0},
  };
  (void)state;
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    char text[300];
    objpool__writer out = {text, sizeof text, 0};
    objpool_stats numbers;
    memset(&numbers, 0, sizeof numbers);
    numbers.acquires = cases[i].acquires;
    numbers.misses = cases[i].misses;
    numbers.hits = numbers.acquires - numbers.misses;
    numbers.invalid = cases[i].invalid;
    numbers.extracted = cases[i].extracted;
    numbers.expired = cases[i].expired;
    numbers.destroyed = numbers.invalid + numbers.expired;
    numbers.peak_in_use = 8;
    objpool__recommend(&out, &numbers);
    assert_true(objpool__finish(&out) > 0);
    assert_string_equal(text, cases[i].text);
  }
}

static void too_many_characters_for_an_int_are_an_error(void **state) {
  char text[8];
  objpool__writer out = {text, sizeof text, (size_t)INT32_MAX};
  (void)state;
  memset(text, 'x', sizeof text);
  assert_int_equal(objpool__finish(&out), INT32_MAX);
  assert_int_equal(text[7], 0);
  out.length++;
  errno = 0;
  assert_int_equal(objpool__finish(&out), -1);
  assert_int_equal(errno, EOVERFLOW);
}

static void format_of_another_kind_is_refused(void **state) {
  char text[4] = "abc";
  (void)state;
  errno = 0;
  assert_int_equal(objpool_format(NULL, (objpool_format_kind)3, text, sizeof text), -1);
  assert_int_equal(errno, EINVAL);
  assert_string_equal(text, "abc");
}

static void names_are_checked_as_utf_8_to_the_last_byte(void **state) {
  static const struct {
    const char *name, *shown;
  } names[] = {
      {"\xe0\xa0\x80", "\xe0\xa0\x80"},                         /* the first of three bytes */
      {"\xe0\x9f\xbf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* overlong */
      {"\xed\x9f\xbf", "\xed\x9f\xbf"},                         /* the last before the surrogates */
      {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* a surrogate */
      {"\xf0\x90\x80\x80", "\xf0\x90\x80\x80"},                 /* the first of four bytes */
      {"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"},                 /* the last character there is */
      {"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
      {"\xc1\xbf", "\xef\xbf\xbd\xef\xbf\xbd"}, /* overlong */
      {"\xf5z", "\xef\xbf\xbdz"},
      {"a\xe2\x82", "a\xef\xbf\xbd\xef\xbf\xbd"}, /* cut off by the end */
  };
  (void)state;
  for (size_t i = 0; i < COUNT_OF(names); i++) {
    static thing_pool pool;
    char text[400], expected[40];
    init_named(&pool, names[i].name, 0, 0);
    assert_true(objpool_format(&pool.base, OBJPOOL_TEXT, text, sizeof text) > 0);
    snprintf(expected, sizeof expected, "%s: ", names[i].shown);
    assert_memory_equal(text, expected, strlen(expected));
    thing_pool_destroy(&pool);
  }
}

static void report_tells_the_limits_there_are(void **state) {
  static thing_pool pool;
  char text[3000];
  (void)state;
  init_named(&pool, "limited", 3, 8);
  thing *one = thing_pool_acquire(&pool);
  assert_true(objpool_report(&pool.base, text, sizeof text) > 0);
  assert_non_null(strstr(text, ", cap 8 (12.5 % used), idle cap 3\n"));
  thing_pool_release(&pool, one);
  thing_pool_destroy(&pool);
  init_named(&pool, "free", 0, 0);
  assert_true(objpool_report(&pool.base, text, sizeof text) > 0);
  assert_null(strstr(text, "cap "));
  thing_pool_destroy(&pool);
}

static void nothing_has_no_name_and_is_not_registered(void **state) {
  static thing_pool pool;
  (void)state;
  assert_string_equal(objpool_name(NULL), "unnamed");
  assert_string_equal(objpool_name(&pool.base), "unnamed");
  assert_null(objpool_registry_find(NULL));
  assert_int_equal(objpool_registry_each(NULL, NULL), 0);
  init_named(&pool, "one", 0, 0);
  assert_int_equal(objpool_registry_each(NULL, NULL), 1); /* counts without a visitor */
  thing_pool_destroy(&pool);
}

static void registry_has_a_limit_only_if_every_pool_has_it(void **state) {
  static thing_pool first, second;
  objpool_stats sum;
  (void)state;
  init_named(&first, "first", 3, 10);
  init_named(&second, "second", 4, 20);
  sum = objpool_registry_snapshot();
  assert_int_equal(sum.max_idle, 7);
  assert_int_equal(sum.max_objects, 30);
  assert_true(thing_pool_resize(&first, 0, OBJPOOL_UNCHANGED));
  sum = objpool_registry_snapshot();
  assert_int_equal(sum.max_idle, 0);
  assert_int_equal(sum.max_objects, 30);
  assert_true(thing_pool_resize(&second, OBJPOOL_UNCHANGED, 0));
  sum = objpool_registry_snapshot();
  assert_int_equal(sum.max_idle, 0);
  assert_int_equal(sum.max_objects, 0);
  thing_pool_destroy(&first);
  thing_pool_destroy(&second);
}

static void registry_counts_since_the_earliest_reset(void **state) {
  static thing_pool first, second;
  (void)state;
  init_named(&first, "first", 0, 0);
  init_named(&second, "second", 0, 0);
  assert_int_equal(objpool_registry_snapshot().since_ns, thing_pool_stats(&first).since_ns);
  thing_pool_reset_stats(&first);
  assert_true(thing_pool_stats(&first).since_ns > thing_pool_stats(&second).since_ns);
  assert_int_equal(objpool_registry_snapshot().since_ns, thing_pool_stats(&second).since_ns);
  thing_pool_destroy(&first);
  thing_pool_destroy(&second);
}

static void registry_was_looked_at_when_its_pools_were(void **state) {
  static thing_pool first, second;
  (void)state;
  init_named(&first, "first", 0, 0);
  init_named(&second, "second", 0, 0);
  uint64_t before = thing_pool_stats(&first).now_ns, then = objpool_registry_snapshot().now_ns;
  assert_true(before <= then && then <= thing_pool_stats(&first).now_ns);
  thing_pool_destroy(&first);
  thing_pool_destroy(&second);
}

static void release_again(void *pool, void *object) { thing_pool_release((thing_pool *)pool, (thing *)object); }

static void panic_cuts_a_long_name_and_tells_the_mistake_all_the_same(void **state) {
  static thing_pool pool;
  char name[600], pointer[40];
  thing *object;
  (void)state;
  memset(name, 'n', sizeof name - 1);
  name[sizeof name - 1] = 0;
  init_named(&pool, name, 0, 0);
  object = thing_pool_acquire(&pool);
  assert_non_null(object);
  thing_pool_release(&pool, object);
  assert_true(panics(release_again, &pool, object));
  assert_true(strlen(panic_message) < 256);
  assert_non_null(strstr(panic_message, "nnnnnnnn': "));
  snprintf(pointer, sizeof pointer, "%p", (void *)object);
  assert_non_null(strstr(panic_message, pointer));
  assert_non_null(strstr(panic_message, "released twice"));
  thing_pool_destroy(&pool);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_recommendation_follows_from_its_numbers),
      cmocka_unit_test(new_objects_in_place_of_lost_ones_are_no_reason_to_warm_up),
      cmocka_unit_test(too_many_characters_for_an_int_are_an_error),
      cmocka_unit_test(format_of_another_kind_is_refused),
      cmocka_unit_test(names_are_checked_as_utf_8_to_the_last_byte),
      cmocka_unit_test(report_tells_the_limits_there_are),
      cmocka_unit_test(nothing_has_no_name_and_is_not_registered),
      cmocka_unit_test(registry_has_a_limit_only_if_every_pool_has_it),
      cmocka_unit_test(registry_counts_since_the_earliest_reset),
      cmocka_unit_test(registry_was_looked_at_when_its_pools_were),
      cmocka_unit_test(panic_cuts_a_long_name_and_tells_the_mistake_all_the_same),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
