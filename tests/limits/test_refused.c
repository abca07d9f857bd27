/* An acquire is refused only while nothing is idle and the cap is reached, also where refusals take no lock: whatever ends that is seen by the
   next acquire, in whichever thread, in pools of each engine. Each refusal is counted, a try nowhere. */
#include "support.h"

#include "pools.h"

typedef struct thing {
  long uses;
} thing;

static bool is_valid(thing *object, void *context) {
  (void)context;
  return object->uses >= 0;
}
OBJPOOL_DEFINE(thing_pool, thing);
OBJPOOL_DEFINE(valid_pool, thing, opt.validate = is_valid);
OBJPOOL_DEFINE(alone_pool, thing, opt.local = true);

enum { MOST = 80 };
static const struct kind {
  size_t cap, cache_size;
  bool alone, validates;
} kinds[] = {{1, 0, false, false},
             {1, 0, false, true},
             {5, 0, false, false},
             {5, OBJPOOL_NO_CACHE, false, false},
             {64, OBJPOOL_NO_CACHE, false, false},
             {MOST, OBJPOOL_NO_CACHE, false, false},
             {MOST, 0, false, false},
             {MOST, 4, false, true},
             {6, 4, false, false},
             {1, 2, false, false},
             {7, 0, true, false}};

static objpool *begin(const struct kind *kind) {
  static thing_pool plain;
  static valid_pool valid;
  static alone_pool alone;
  objpool_config config = defaults();
  config.max_objects = kind->cap;
  config.cache_size = kind->cache_size;
  assert_true(kind->alone       ? alone_pool_init(&alone, &config)
              : kind->validates ? valid_pool_init(&valid, &config)
                                : thing_pool_init(&plain, &config));
  return kind->alone ? &alone.base : kind->validates ? &valid.base : &plain.base;
}

static uint64_t refusals, seed = 1;

/* Often enough that it is known to be so. */
static void is_refused(objpool *pool) {
  for (size_t i = 1 + random_below(&seed, 4); i > 0; i--) {
    errno = 0;
    assert_null(objpool_try_acquire(pool));
    assert_int_equal(errno, EAGAIN);
    errno = 0;
    assert_null(i % 2 ? objpool_acquire(pool) : objpool_acquire_for(pool, 0));
    assert_int_equal(errno, EAGAIN);
    refusals++;
  }
}

typedef struct job {
  void (*run)(objpool *pool, void *object);
  objpool *pool;
  void *object;
} job;

static void *run_job(void *argument) {
  job *mine = (job *)argument;
  mine->run(mine->pool, mine->object);
  return NULL;
}

static void releases(objpool *pool, void *object) { objpool_release(pool, object); }
static void discards(objpool *pool, void *object) { objpool_discard(pool, object); }
static void releases_in_a_row(objpool *pool, void *object) { objpool_release_many(pool, &object, 1); }
static void tries_before(objpool *pool, void *object) {
  CHECK(!objpool_try_acquire(pool));
  objpool_release(pool, object);
  void *again = objpool_try_acquire(pool);
  CHECK(again == object);
  objpool_release(pool, again);
}
static void releases_and_trims(objpool *pool, void *object) {
  objpool_release(pool, object);
  CHECK(objpool_trim(pool, 0) == 1);
}
static void releases_and_maintains(objpool *pool, void *object) {
  objpool_release(pool, object);
  objpool_maintain(pool);
}
static void raises_the_cap(objpool *pool, void *object) {
  (void)object;
  CHECK(objpool_resize(pool, OBJPOOL_UNCHANGED, (size_t)objpool_snapshot(pool).max_objects + 1));
}

static void whatever_gives_an_object_ends_refusals(void **state) {
  static void (*const ends[])(objpool *, void *) = {releases,           discards,
                                                    releases_in_a_row,  tries_before,
                                                    releases_and_trims, releases_and_maintains,
                                                    raises_the_cap,     releases};
  (void)state;
  objpool_set_pressure_source(no_pressure, NULL);
  for (size_t k = 0; k < COUNT_OF(kinds); k++) {
    objpool *pool = begin(&kinds[k]);
    void *held[MOST + 1];
    refusals = 0;
    assert_int_equal(objpool_acquire_many(pool, held, kinds[k].cap), kinds[k].cap);
    for (size_t i = 0; i < 100 * COUNT_OF(ends); i++) {
      job one = {ends[i % COUNT_OF(ends)], pool, held[random_below(&seed, kinds[k].cap)]};
      bool raised = one.run == raises_the_cap;
      is_refused(pool);
      if (i / COUNT_OF(ends) % 2 && !kinds[k].alone)
        in_another_thread(run_job, &one);
      else
        run_job(&one);
      void *got = objpool_acquire(pool);
      assert_non_null(got);
      if (raised) { /* and lowered again: the cap is reached at once, and surplus goes as it comes back */
        held[kinds[k].cap] = got;
        is_refused(pool);
        assert_true(objpool_resize(pool, OBJPOOL_UNCHANGED, kinds[k].cap));
        is_refused(pool);
        objpool_release(pool, held[kinds[k].cap]);
      } else {
        for (size_t j = 0; j < kinds[k].cap; j++)
          if (held[j] == one.object) held[j] = got;
      }
    }
    is_refused(pool);
#ifndef OBJPOOL_NO_STATS
    objpool_stats stats = objpool_snapshot(pool);
    assert_int_equal(stats.exhausted, refusals);
    counts_add_up(&stats);
#endif
    objpool_release_many(pool, held, kinds[k].cap);
    assert_int_equal(objpool_snapshot(pool).in_use, 0);
    objpool_destroy(pool);
  }
  objpool_set_pressure_source(NULL, NULL);
}

static void a_closed_pool_says_so(void **state) {
  (void)state;
  for (size_t k = 0; k < COUNT_OF(kinds); k++) {
    objpool *pool = begin(&kinds[k]);
    void *held[MOST];
    assert_int_equal(objpool_acquire_many(pool, held, kinds[k].cap), kinds[k].cap);
    is_refused(pool);
    objpool_close(pool);
    errno = 0;
    assert_null(objpool_acquire(pool));
    assert_int_equal(errno, OBJPOOL_ECLOSED);
    errno = 0;
    assert_null(objpool_try_acquire(pool));
    assert_int_equal(errno, OBJPOOL_ECLOSED);
    objpool_release_many(pool, held, kinds[k].cap);
    objpool_destroy(pool);
  }
}

/* Two threads take one each, this one all others. While all are out each is refused; from then on, until they meet again, nobody asks for more
   than there is, and nobody may be refused, however often one of them is given back. */
enum { THREADS = 3 };
static pthread_barrier_t meeting;
static objpool *shared;
static size_t others;
static long rounds;

static void takes_and_gives(void **held, size_t count, long times) {
  while (times-- > 0) {
    for (size_t i = 0; i < count; i++) objpool_release(shared, held[i]);
    for (size_t i = 0; i < count; i++) CHECK((held[i] = objpool_acquire(shared)) != NULL);
  }
}

static void all_are_out(void) {
  pthread_barrier_wait(&meeting);
  CHECK(!objpool_acquire(shared) && !objpool_try_acquire(shared) && !objpool_acquire(shared));
  pthread_barrier_wait(&meeting);
}

static void *takes_one(void *argument) {
  (void)argument;
  void *held = objpool_acquire(shared);
  CHECK(held);
  for (long round = 0; round < rounds; round++) {
    all_are_out();
    takes_and_gives(&held, 1, round % 32 ? 20 : 3000);
  }
  objpool_release(shared, held);
  return NULL;
}

static void none_is_refused_before_all_are_out_again(void **state) {
  (void)state;
  rounds = SCALED(1500, 300, 150);
  for (size_t k = 0; k < COUNT_OF(kinds); k++) {
    pthread_t threads[THREADS - 1];
    void *held[MOST];
    if (kinds[k].alone || kinds[k].cap < THREADS) continue;
    shared = begin(&kinds[k]);
    others = kinds[k].cap - (THREADS - 1);
    assert_int_equal(pthread_barrier_init(&meeting, NULL, THREADS), 0);
    for (size_t i = 0; i < others; i++) assert_non_null(held[i] = objpool_acquire(shared));
    for (size_t i = 0; i < THREADS - 1; i++) threads[i] = start_thread(takes_one, NULL);
    for (long round = 0; round < rounds; round++) {
      all_are_out();
      takes_and_gives(held, others, round % 32 ? 2 : 100);
    }
    for (size_t i = 0; i < THREADS - 1; i++) join_thread(threads[i]);
    objpool_release_many(shared, held, others);
    objpool_stats stats = objpool_snapshot(shared);
    assert_int_equal(stats.in_use, 0);
    assert_int_equal(stats.idle, kinds[k].cap);
#ifndef OBJPOOL_NO_STATS
    assert_int_equal(stats.exhausted, 2 * THREADS * rounds);
#endif
    pthread_barrier_destroy(&meeting);
    objpool_destroy(shared);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(whatever_gives_an_object_ends_refusals),
      cmocka_unit_test(a_closed_pool_says_so),
      cmocka_unit_test(none_is_refused_before_all_are_out_again),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
