/* Pools of up to 64 objects: exact whatever happens at the same moment, and when a resize lets them have more. */
#include "support.h"

#define OBJPOOL_PANIC(message) panic_seen(message)
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

typedef struct thing {
  long number;
  bool held;
} thing;

static bool is_valid(thing *object, void *context) {
  (void)context;
  return object->number != 13;
}
static void count_resets(thing *object, void *context) {
  (void)object;
  if (context) count_add((long *)context, 1);
}
OBJPOOL_DEFINE(thing_pool, thing);
OBJPOOL_DEFINE(hooked_pool, thing, opt.reset = count_resets, opt.validate = is_valid,
               opt.validate_on = OBJPOOL_ON_ACQUIRE | OBJPOOL_ON_MAINTAIN);

static objpool *begin(bool hooked, size_t cap, size_t max_idle, long *resets) {
  static thing_pool plain;
  static hooked_pool with_hooks;
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.max_objects = cap;
  config.max_idle = max_idle;
  config.cache_size = OBJPOOL_NO_CACHE;
  config.context = resets;
  assert_true(hooked ? hooked_pool_init(&with_hooks, &config) : thing_pool_init(&plain, &config));
  objpool *base = hooked ? &with_hooks.base : &plain.base;
  assert_true((base->state->word != NULL) == (cap && cap <= 64));
  return base;
}

static void every_cap_is_exact(void **state) {
  static const size_t caps[] = {1, 2, 31, 32, 33, 63, 64, 65};
  (void)state;
  for (size_t i = 0; i < COUNT_OF(caps); i++)
    for (int hooked = 0; hooked < 2; hooked++) {
      size_t cap = caps[i];
      objpool *pool = begin(hooked, cap, 0, NULL);
      void *objects[65];
      for (int round = 0; round < 3; round++) {
        assert_int_equal(objpool_acquire_many(pool, objects, cap), cap);
        errno = 0;
        assert_null(objpool_acquire(pool));
        assert_int_equal(errno, EAGAIN);
        for (size_t k = 0; k < cap; k++) { /* each at a place of its own */
          assert_false(((thing *)objects[k])->held);
          ((thing *)objects[k])->held = true;
        }
        for (size_t k = 0; k < cap; k++) {
          ((thing *)objects[k])->held = false;
          if (k % 3 == (size_t)round)
            objpool_discard(pool, objects[k]);
          else
            objpool_release(pool, objects[k]);
          assert_int_equal(objpool_snapshot(pool).in_use, cap - k - 1);
        }
        objpool_stats stats = objpool_snapshot(pool);
        assert_int_equal(stats.created - stats.destroyed, stats.idle);
        assert_int_equal(stats.peak_in_use, cap);
        for (size_t k = 0; k < stats.idle; k++) assert_non_null(objects[k] = objpool_try_acquire(pool));
        assert_null(objpool_try_acquire(pool));
        for (size_t k = 0; k < stats.idle; k++) objpool_release(pool, objects[k]);
      }
      objpool_destroy(pool);
    }
}

static void a_resize_may_go_beyond_64_and_back(void **state) {
  enum { MANY = 200 };
  (void)state;
  for (int hooked = 0; hooked < 2; hooked++)
    for (int capped = 0; capped < 2; capped++) {
      void *objects[MANY];
      objpool *pool = begin(hooked, 3, 0, NULL);
      assert_int_equal(objpool_acquire_many(pool, objects, MANY), 3);
      assert_true(objpool_resize(pool, 0, capped ? MANY : 0));
      assert_int_equal(objpool_acquire_many(pool, objects + 3, MANY - 3), MANY - 3);
      if (capped) assert_null(objpool_acquire(pool));
      for (int round = 0; round < 3; round++) {
        for (size_t k = 0; k < MANY; k++) objpool_release(pool, objects[(k * 37 + (size_t)round) % MANY]);
        assert_int_equal(objpool_snapshot(pool).idle, MANY);
        assert_int_equal(objpool_snapshot(pool).peak_idle, MANY);
        if (round == 1) assert_int_equal(objpool_trim(pool, MANY / 2), MANY / 2);
        if (round == 2) objpool_maintain(pool);
        assert_int_equal(objpool_acquire_many(pool, objects, MANY), MANY);
        assert_int_equal(objpool_snapshot(pool).in_use, MANY);
        assert_int_equal(objpool_snapshot(pool).peak_in_use, MANY);
      }
      for (size_t k = 0; k < 50; k++) objpool_release(pool, objects[k]);
      assert_true(objpool_resize(pool, 0, 2));
      assert_int_equal(objpool_snapshot(pool).idle, 0);
      for (size_t k = 50; k < MANY; k++) {
        if (k < MANY - 1) assert_null(objpool_acquire(pool)); /* then one is idle */
        objpool_release(pool, objects[k]);
      }
      assert_int_equal(objpool_snapshot(pool).idle, 2);
      assert_int_equal(objpool_acquire_many(pool, objects, 3), 2);
      objpool_release_many(pool, objects, 2);
      objpool_destroy(pool);
    }
}

static void peak_of_idle_counts_those_beyond_64(void **state) {
  enum { MANY = 70 };
  (void)state;
  for (int hooked = 0; hooked < 2; hooked++) {
    void *objects[MANY];
    objpool *pool = begin(hooked, 3, 0, NULL);
    assert_true(objpool_resize(pool, 0, MANY));
    for (int k = 0; k < MANY; k++) assert_non_null(objects[k] = objpool_acquire(pool));
    for (int k = 0; k < MANY; k++) objpool_release(pool, objects[k]); /* the last of them have no bit */
    assert_non_null(objects[0] = objpool_acquire(pool));
    assert_int_equal(objpool_snapshot(pool).peak_idle, MANY); /* which looks itself, but at one less */
    objpool_release(pool, objects[0]);
    objpool_destroy(pool);
  }
}

static void max_idle_is_exact(void **state) {
  (void)state;
  for (int hooked = 0; hooked < 2; hooked++) {
    void *objects[100];
    objpool *pool = begin(hooked, 8, 3, NULL);
    assert_int_equal(objpool_acquire_many(pool, objects, 8), 8);
    for (size_t k = 0; k < 8; k++) {
      objpool_release(pool, objects[k]);
      assert_int_equal(objpool_snapshot(pool).idle, k < 3 ? k + 1 : 3);
    }
    assert_int_equal(objpool_snapshot(pool).overflowed, 5);
    assert_true(objpool_resize(pool, 70, 100));
    assert_int_equal(objpool_acquire_many(pool, objects, 100), 100);
    objpool_release_many(pool, objects, 100);
    assert_int_equal(objpool_snapshot(pool).idle, 70);
    assert_true(objpool_resize(pool, 66, OBJPOOL_UNCHANGED));
    assert_int_equal(objpool_snapshot(pool).idle, 66);
    objpool_destroy(pool);
  }
}

static void peaks_are_exact_when_nothing_is_built(void **state) {
  (void)state;
  for (int hooked = 0; hooked < 2; hooked++) {
    void *objects[64];
    objpool *pool = begin(hooked, 64, 0, NULL);
    assert_int_equal(objpool_acquire_many(pool, objects, 64), 64);
    objpool_release_many(pool, objects, 64);
    for (size_t most = 1; most <= 64; most += 9) {
      objpool_reset_stats(pool);
      for (size_t k = 0; k < most; k++)
        assert_non_null(objects[k] = objpool_acquire(pool)); /* a snapshot would look itself */
      for (size_t k = 0; k < most; k++) objpool_release(pool, objects[k]);
      assert_int_equal(objpool_snapshot(pool).peak_in_use, most);
      assert_int_equal(objpool_acquire_many(pool, objects, 64), 64);
      objpool_reset_stats(pool);
      for (size_t k = 0; k < most; k++) {
        objpool_release(pool, objects[63 - k]);
        assert_non_null(objects[63 - k] = objpool_acquire(pool));
        objpool_release(pool, objects[63 - k]);
        assert_int_equal(objpool_snapshot(pool).peak_idle, k + 1);
      }
      for (size_t k = most; k < 64; k++) objpool_release(pool, objects[63 - k]);
      assert_int_equal(objpool_snapshot(pool).peak_in_use, 64);
    }
    objpool_destroy(pool);
  }
}

static void release_twice(void *pool, void *object) { objpool_release((objpool *)pool, object); }

static void what_is_idle_is_not_released_again(void **state) {
  (void)state;
  for (int hooked = 0; hooked < 2; hooked++) {
    void *objects[100];
    long resets = 0;
    objpool *pool = begin(hooked, 8, 0, &resets);
    assert_true(objpool_resize(pool, 0, 100));
    assert_int_equal(objpool_acquire_many(pool, objects, 100), 100);
    panic_returns = true;
    for (size_t k = 0; k < 100; k += 33) { /* in a place, and without one */
      objpool_release(pool, objects[k]);
      long before = resets;
      assert_true(panics(release_twice, pool, objects[k]));
      assert_non_null(strstr(panic_message, "released twice"));
      assert_int_equal(resets, before);
      assert_int_equal(objpool_snapshot(pool).in_use, 99);
      assert_non_null(objpool_acquire(pool));
    }
    panic_returns = false;
    objpool_stats stats = objpool_snapshot(pool);
    assert_int_equal(stats.acquires - stats.releases, 100);
    objpool_release_many(pool, objects, 100);
    objpool_destroy(pool);
  }
}

/* One thread less may come at a time than there may be objects, and another one trims and validates, which takes one object out of
   sight at a time: so nobody may ever be refused. With hooks two less: who found an invalid object keeps its place until it has
   another one, so that for a moment it holds two. */
enum { CAP = 4, THREADS = 5 };
static objpool *shared;
static long permits, refused, ended, out;

static void *take_one_when_there_must_be_one(void *argument) {
  uint64_t seed = (uint64_t)(uintptr_t)argument * 77 + 5;
  for (int i = 0; i < SCALED(200000, 50000, 10000); i++) {
    if (count_add(&permits, -1) < 0) {
      count_add(&permits, 1);
      continue;
    }
    thing *object = (thing *)objpool_acquire(shared);
    if (!object) {
      count_add(&refused, 1);
    } else {
      CHECK(!object->held);
      object->held = true;
      long now = count_add(&out, 1);
      CHECK(now < CAP);
      object->held = false;
      count_add(&out, -1);
      object->number = random_below(&seed, 50) ? 1 : 13; /* proves invalid */
      switch (random_below(&seed, 8)) {
      case 0: objpool_discard(shared, object); break;
      default: objpool_release(shared, object); break;
      }
    }
    count_add(&permits, 1);
  }
  count_add(&ended, 1);
  return NULL;
}

static void none_is_refused_for_whom_there_is_one(void **state) {
  (void)state;
  for (int hooked = 0; hooked < 2; hooked++) {
    pthread_t threads[THREADS];
    shared = begin(hooked, CAP, 0, NULL);
    shared->state->fleet.maintaining = 1; /* by this thread */
    permits = hooked ? CAP / 2 : CAP - 1;
    refused = ended = out = 0;
    for (size_t i = 0; i < THREADS; i++) threads[i] = start_thread(take_one_when_there_must_be_one, (void *)(i + 1));
    for (unsigned turn = 0; count_read(&ended) < THREADS; turn++) {
      if (turn % 3 == 0) objpool_trim(shared, CAP - 1);
      if (turn % 3 == 1 && hooked)
        objpool__validate_idle(shared->state, CAP); /* of maintenance, what takes one at a time */
      objpool_stats stats = objpool_snapshot(shared);
      CHECK(stats.peak_in_use <= CAP && stats.idle <= CAP && stats.peak_idle <= CAP);
    }
    for (size_t i = 0; i < THREADS; i++) join_thread(threads[i]);
    assert_int_equal(refused, 0);
    objpool_stats stats = objpool_snapshot(shared);
    assert_int_equal(stats.in_use, 0);
    assert_int_equal(stats.created - stats.destroyed, stats.idle);
    assert_int_equal(stats.acquires, stats.releases);
    assert_int_equal(stats.exhausted, 0);
    objpool_destroy(shared);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_cap_is_exact),
      cmocka_unit_test(a_resize_may_go_beyond_64_and_back),
      cmocka_unit_test(peak_of_idle_counts_those_beyond_64),
      cmocka_unit_test(max_idle_is_exact),
      cmocka_unit_test(peaks_are_exact_when_nothing_is_built),
      cmocka_unit_test(what_is_idle_is_not_released_again),
      cmocka_unit_test(none_is_refused_for_whom_there_is_one),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
