/* Peaks of a pool that one thread uses: exact whenever they are read, though the fast paths do not look at them. */
#include "support.h"

#include <semaphore.h>

#include "objpool.h"

typedef struct thing {
  long number;
} thing;

OBJPOOL_DEFINE(thing_pool, thing);

enum { MOST = 3000, STEPS = 20000 };

typedef struct expected {
  size_t in_use, idle, peak_in_use, peak_idle;
} expected;

static void agree(const thing_pool *pool, const expected *should) {
  objpool_stats is = thing_pool_stats(pool);
  assert_int_equal(is.in_use, should->in_use);
  assert_int_equal(is.idle, should->idle);
  assert_int_equal(is.peak_in_use, should->peak_in_use);
  assert_int_equal(is.peak_idle, should->peak_idle);
}

static size_t most_of(size_t limit) { return limit ? limit : SIZE_MAX; }
static size_t higher(size_t a, size_t b) { return a > b ? a : b; }
static size_t lower(size_t a, size_t b) { return a < b ? a : b; }

/* Goes up and down at random, in runs, with all else that moves idle objects in between; looks seldom. */
static void go(const objpool_config *config, uint64_t *random) {
  static thing *held[MOST];
  thing_pool pool;
  expected now = {0, 0, 0, 0};
  size_t max_objects = most_of(config->max_objects), max_idle = lower(most_of(config->max_idle), max_objects);
  size_t longest = 1 + random_below(random, 600), left = 0;
  bool up = true;
  memset(&pool, 0, sizeof pool);
  assert_true(thing_pool_init(&pool, config));
  for (int step = 0; step < STEPS; step++) {
    if (left-- == 0) {
      up = random_below(random, 2) == 1;
      left = random_below(random, longest);
    }
    if (up && now.in_use < MOST) {
      thing *taken = thing_pool_acquire(&pool);
      assert_true((taken != NULL) == (now.in_use < max_objects));
      if (taken) {
        held[now.in_use++] = taken;
        if (now.idle > 0) now.idle--;
      }
    } else if (!up && now.in_use > 0) {
      size_t which = random_below(random, now.in_use);
      thing_pool_release(&pool, held[which]);
      held[which] = held[--now.in_use];
      if (now.idle < max_idle) now.idle++;
    }
    now.peak_in_use = higher(now.peak_in_use, now.in_use);
    now.peak_idle = higher(now.peak_idle, now.idle);
    switch (random_below(random, 4000)) {
    case 0:
      thing_pool_reset_stats(&pool);
      now.peak_in_use = now.in_use;
      now.peak_idle = now.idle;
      break;
    case 1:
      thing_pool_trim(&pool, now.idle / 2);
      now.idle /= 2;
      break;
    case 2: {
      size_t wanted = lower(now.idle + random_below(random, 20), lower(max_idle, max_objects - now.in_use));
      thing_pool_warmup(&pool, wanted);
      now.idle = higher(now.idle, wanted);
      now.peak_idle = higher(now.peak_idle, now.idle);
      break;
    }
    case 3:
    case 4: now.idle -= thing_pool_trim_some(&pool, now.idle / 2, 5); break;
    case 5:
    case 6: agree(&pool, &now); break;
    default: break;
    }
  }
  agree(&pool, &now);
  while (now.in_use > 0) thing_pool_release(&pool, held[--now.in_use]);
  thing_pool_destroy(&pool);
}

static void go_many_times(size_t max_objects, size_t max_idle, size_t cache_size) {
  uint64_t random = 88172645463325252u;
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.max_objects = max_objects;
  config.max_idle = max_idle;
  config.cache_size = cache_size;
  for (int round = SCALED(150, 5, 2); round > 0; round--) go(&config, &random);
}

static void peaks_are_exact_without_limits(void **state) { (void)state, go_many_times(0, 0, 0); }
static void peaks_are_exact_with_small_magazines(void **state) { (void)state, go_many_times(0, 0, 8); }
static void peaks_are_exact_below_a_large_cap(void **state) { (void)state, go_many_times(1000, 0, 0); }
static void peaks_are_exact_below_a_small_cap(void **state) { (void)state, go_many_times(50, 0, 0); }
static void peaks_are_exact_where_releases_overflow(void **state) { (void)state, go_many_times(0, 100, 0); }
static void peaks_are_exact_where_releases_seldom_overflow(void **state) { (void)state, go_many_times(0, 1000, 0); }
static void peaks_are_exact_without_caches(void **state) { (void)state, go_many_times(0, 100, OBJPOOL_NO_CACHE); }

static void peaks_are_exact_without_caches_and_limits(void **state) {
  (void)state, go_many_times(0, 0, OBJPOOL_NO_CACHE);
}
static void peaks_are_exact_without_caches_below_a_small_cap(void **state) {
  (void)state;
  go_many_times(50, 0, OBJPOOL_NO_CACHE);
  go_many_times(50, 20, OBJPOOL_NO_CACHE);
}

static void peak_of_idle_is_remembered_when_objects_are_taken_again(void **state) {
  static thing_pool pool;
  thing *held[5];
  (void)state;
  for (int i = 0; i < 5; i++) held[i] = thing_pool_acquire(&pool);
  for (int i = 0; i < 5; i++) thing_pool_release(&pool, held[i]);
  for (int i = 0; i < 3; i++) held[i] = thing_pool_acquire(&pool);
  assert_int_equal(thing_pool_stats(&pool).peak_idle, 5);
  for (int i = 0; i < 3; i++) thing_pool_release(&pool, held[i]);
  thing_pool_destroy(&pool);
}

/* ---- another thread in between */

static thing_pool shared_pool;

static void *take_one(void *taken) {
  *(thing **)taken = thing_pool_acquire(&shared_pool);
  return NULL;
}

static void peak_of_idle_is_remembered_when_another_thread_takes_one_meanwhile(void **state) {
  thing *mine, *other = NULL;
  (void)state;
  mine = thing_pool_acquire(&shared_pool);
  thing_pool_release(&shared_pool, mine);
  in_another_thread(take_one, &other);
  mine = thing_pool_acquire(&shared_pool);
  assert_int_equal(thing_pool_stats(&shared_pool).idle, 0);
  assert_int_equal(thing_pool_stats(&shared_pool).peak_idle, 1);
  thing_pool_release(&shared_pool, mine);
  thing_pool_release(&shared_pool, other);
  thing_pool_destroy(&shared_pool);
}

static void *give_back(void *object) {
  thing_pool_release(&shared_pool, (thing *)object);
  return NULL;
}

static void *clear(void *unused) {
  (void)unused;
  CHECK(thing_pool_clear(&shared_pool) == 1);
  return NULL;
}

static void peak_of_idle_since_a_reset_is_remembered_when_another_thread_clears_it(void **state) {
  thing *held[3];
  (void)state;
  for (int round = 0; round < 2; round++) {
    for (int i = 0; i < 3; i++) held[i] = thing_pool_acquire(&shared_pool);
    if (round == 0) /* a peak of three: releases below it are not looked at one by one */
      for (int i = 0; i < 3; i++) thing_pool_release(&shared_pool, held[i]);
  }
  thing_pool_reset_stats(&shared_pool);
  thing_pool_release(&shared_pool, held[0]);
  in_another_thread(clear, NULL);
  assert_int_equal(thing_pool_stats(&shared_pool).idle, 0);
  assert_int_equal(thing_pool_stats(&shared_pool).peak_idle, 1);
  for (int i = 1; i < 3; i++) thing_pool_release(&shared_pool, held[i]);
  thing_pool_destroy(&shared_pool);
}

static void peak_of_in_use_is_remembered_when_another_thread_was_busy_before_it_ends(void **state) {
  thing *held[4], *again;
  (void)state;
  for (int i = 0; i < 4; i++) held[i] = thing_pool_acquire(&shared_pool);
  thing_pool_release(&shared_pool, held[3]);
  thing_pool_release(&shared_pool, held[2]);
  thing_pool_reset_stats(&shared_pool);
  in_another_thread(give_back, held[1]);
  for (int i = 2; i < 4; i++) held[i] = thing_pool_acquire(&shared_pool); /* three: only this thread's slot knows */
  in_another_thread(give_back, held[0]);
  again = thing_pool_acquire(&shared_pool); /* from elsewhere than the slot, and three once more */
  assert_non_null(again);
  thing_pool_release(&shared_pool, again);
  assert_int_equal(thing_pool_stats(&shared_pool).in_use, 2);
  assert_int_equal(thing_pool_stats(&shared_pool).peak_in_use, 3);
  for (int i = 2; i < 4; i++) thing_pool_release(&shared_pool, held[i]);
  thing_pool_destroy(&shared_pool);
}

/* One of the others, when it is its turn, takes so many and gives them back. */
enum { OTHERS = 3, LOTS = 700 };
static sem_t turn, turn_over;
static size_t lots;

static void take_and_give_back(size_t count) {
  thing *held[LOTS];
  for (size_t i = 0; i < count; i++) CHECK((held[i] = thing_pool_acquire(&shared_pool)) != NULL);
  for (size_t i = 0; i < count; i++) thing_pool_release(&shared_pool, held[i]);
}

static void *take_turns(void *unused) {
  (void)unused;
  for (;;) {
    while (sem_wait(&turn) != 0) CHECK(errno == EINTR);
    if (!lots) return NULL;
    take_and_give_back(lots);
    CHECK(sem_post(&turn_over) == 0);
  }
}

static void give_a_turn(size_t count) {
  lots = count;
  CHECK(sem_post(&turn) == 0);
  while (sem_wait(&turn_over) != 0) CHECK(errno == EINTR);
}

static void peak_of_one_thread_at_a_time_is_exact_whoever_came_before(void **state) {
  pthread_t others[OTHERS];
  uint64_t seed = 1;
  (void)state;
  assert_int_equal(sem_init(&turn, 0, 0) | sem_init(&turn_over, 0, 0), 0);
  assert_int_equal(thing_pool_warmup(&shared_pool, 2000), 2000);
  for (int i = 0; i < OTHERS; i++) others[i] = start_thread(take_turns, NULL);
  for (int round = 0; round < SCALED(4000, 400, 200); round++) {
    for (size_t turns = random_below(&seed, 4); turns > 0; turns--) give_a_turn(1 + random_below(&seed, 200));
    take_and_give_back(random_below(&seed, 300));
    thing_pool_reset_stats(&shared_pool);
    size_t most = 0;
    for (size_t turns = random_below(&seed, 3); turns > 0; turns--) {
      size_t count = 1 + random_below(&seed, 200);
      give_a_turn(count);
      if (count > most) most = count;
    }
    size_t count = random_below(&seed, LOTS);
    take_and_give_back(count);
    if (count > most) most = count;
    assert_int_equal(thing_pool_stats(&shared_pool).peak_in_use, most);
  }
  lots = 0;
  for (int i = 0; i < OTHERS; i++) sem_post(&turn);
  for (int i = 0; i < OTHERS; i++) join_thread(others[i]);
  thing_pool_destroy(&shared_pool);
  sem_destroy(&turn), sem_destroy(&turn_over);
}

/* Threads take one object each in turn until there is no other, and give them back so: what is in use while no cache holds any. */
enum { LEAST_CAP = 2, MOST_CAP = 130, TAKERS = 8 };
static sem_t taker_turn[TAKERS];
static thing_pool capped_pool;
static thing *taken[MOST_CAP];
static size_t taken_count, step;
static bool takes;

static void *take_or_give_one(void *mine) {
  for (;;) {
    while (sem_wait((sem_t *)mine) != 0) CHECK(errno == EINTR);
    if (!step) return NULL;
    if (takes)
      CHECK((taken[taken_count++] = thing_pool_acquire(&capped_pool)) != NULL);
    else
      thing_pool_release(&capped_pool, taken[--taken_count]);
    CHECK(sem_post(&turn_over) == 0);
  }
}

static void peak_of_threads_in_turn_lags_no_more_than_their_caches_hold(void **state) {
  pthread_t takers[TAKERS];
  (void)state;
  assert_int_equal(sem_init(&turn_over, 0, 0), 0);
  for (int i = 0; i < TAKERS; i++) {
    assert_int_equal(sem_init(&taker_turn[i], 0, 0), 0);
    takers[i] = start_thread(take_or_give_one, &taker_turn[i]);
  }
  for (size_t cap = LEAST_CAP; cap <= MOST_CAP; cap += cap < 20 ? 1 : 11)
    for (size_t threads = 2; threads <= TAKERS; threads += 3) {
      objpool_config config;
      memset(&config, 0, sizeof config);
      config.max_objects = cap;
      config.cache_size = cap < 64 ? 2 : 8;
      assert_true(thing_pool_init(&capped_pool, &config));
      for (int round = 0; round < 4; round++) {
        takes = round % 2 == 0;
        for (step = 1; step <= cap; step++) {
          CHECK(sem_post(&taker_turn[step % threads]) == 0);
          while (sem_wait(&turn_over) != 0) CHECK(errno == EINTR);
        }
      }
      size_t held = config.cache_size * threads;
      assert_in_range(thing_pool_stats(&capped_pool).peak_in_use, cap > held ? cap - held : 0, cap);
      thing_pool_destroy(&capped_pool);
    }
  step = 0;
  for (int i = 0; i < TAKERS; i++) {
    CHECK(sem_post(&taker_turn[i]) == 0);
    join_thread(takers[i]);
    sem_destroy(&taker_turn[i]);
  }
  sem_destroy(&turn_over);
}

static void peak_of_a_warmup_is_remembered_when_it_is_cleared_at_once(void **state) {
  static const size_t cache_sizes[] = {0, 8, OBJPOOL_NO_CACHE};
  (void)state;
  for (size_t i = 0; i < COUNT_OF(cache_sizes); i++)
    for (size_t used = 0; used < 2; used++) {
      thing_pool pool;
      objpool_config config;
      memset(&pool, 0, sizeof pool);
      memset(&config, 0, sizeof config);
      config.cache_size = cache_sizes[i];
      assert_true(thing_pool_init(&pool, &config));
      if (used) thing_pool_release(&pool, thing_pool_acquire(&pool)); /* one lies in this thread's cache */
      assert_int_equal(thing_pool_warmup(&pool, 100), 100 - used);
      assert_int_equal(thing_pool_clear(&pool), 100);
      assert_int_equal(thing_pool_stats(&pool).peak_idle, 100);
      thing_pool_destroy(&pool);
    }
}

static void peak_of_idle_is_remembered_when_some_are_destroyed_at_once(void **state) {
  thing_pool pool;
  thing *held[10];
  (void)state;
  memset(&pool, 0, sizeof pool);
  for (size_t i = 0; i < COUNT_OF(held); i++) held[i] = thing_pool_acquire(&pool);
  assert_int_equal(thing_pool_warmup(&pool, 20), 20); /* these lie outside of this thread's cache */
  for (size_t i = 0; i < COUNT_OF(held); i++) thing_pool_release(&pool, held[i]);
  assert_int_equal(thing_pool_trim_some(&pool, 0, 5), 5);
  assert_int_equal(thing_pool_stats(&pool).peak_idle, 30);
  thing_pool_destroy(&pool);
}

static bool swap_one(thing *object, void *context);
OBJPOOL_DEFINE(swapping_pool, thing, opt.validate = swap_one, opt.validate_on = OBJPOOL_ON_ACQUIRE);
static swapping_pool swapping;
static thing *swapped; /* NULL: not now */

static bool swap_one(thing *object, void *context) {
  thing *mine = swapped;
  (void)object, (void)context;
  swapped = NULL;
  if (!mine) return true;
  swapping_pool_release(&swapping, mine);
  CHECK(swapping_pool_acquire(&swapping) == mine);
  return true;
}

static void peak_is_noticed_when_the_hook_of_its_acquire_uses_the_pool(void **state) {
  thing *held[4];
  (void)state;
  assert_int_equal(swapping_pool_warmup(&swapping, 100), 100);
  assert_int_equal(swapping_pool_acquire_many(&swapping, held, 3), 3);
  swapping_pool_release(&swapping, held[2]);
  held[2] = swapping_pool_acquire(&swapping); /* as many as at most before */
  swapped = held[0];
  held[3] = swapping_pool_acquire(&swapping); /* one more */
  assert_null(swapped);
  swapping_pool_release(&swapping, held[3]);
  assert_int_equal(swapping_pool_stats(&swapping).peak_in_use, 4);
  swapping_pool_release_many(&swapping, held, 3);
  swapping_pool_destroy(&swapping);
}

static bool look_at(thing *object, void *pool);

OBJPOOL_DEFINE(looked_at_pool, thing, opt.local = true, opt.create = look_at);

static bool look_at(thing *object, void *pool) {
  (void)object;
  (void)looked_at_pool_stats((looked_at_pool *)pool);
  return true;
}

/* What is alive by then, and not yet handed out, is no idle object. */
static void look_amid_create_is_no_peak_of_a_local_pool(void **state) {
  static looked_at_pool pool;
  objpool_config config;
  thing *held[3];
  (void)state;
  memset(&config, 0, sizeof config);
  config.context = &pool;
  assert_true(looked_at_pool_init(&pool, &config));
  for (size_t i = 0; i < COUNT_OF(held); i++) held[i] = looked_at_pool_acquire(&pool);
  assert_int_equal(looked_at_pool_stats(&pool).peak_in_use, COUNT_OF(held));
  assert_int_equal(looked_at_pool_stats(&pool).peak_idle, 0);
  for (size_t i = 0; i < COUNT_OF(held); i++) looked_at_pool_release(&pool, held[i]);
  assert_int_equal(looked_at_pool_stats(&pool).peak_idle, COUNT_OF(held));
  looked_at_pool_destroy(&pool);
}

enum { FEW = 10 };

static long in_use_meanwhile;
static bool look_at_shared(thing *object, void *pool);

OBJPOOL_DEFINE(looked_at_shared_pool, thing, opt.create = look_at_shared);

static bool look_at_shared(thing *object, void *pool) {
  (void)object;
  CHECK(looked_at_shared_pool_stats((looked_at_shared_pool *)pool).in_use == (uint64_t)in_use_meanwhile);
  return true;
}

static void what_is_being_built_is_not_in_use(void **state) {
  static const size_t cache_sizes[] = {0, 8, OBJPOOL_NO_CACHE};
  (void)state;
  for (size_t i = 0; i < COUNT_OF(cache_sizes); i++) {
    static looked_at_shared_pool pool;
    objpool_config config;
    thing *held[3];
    memset(&config, 0, sizeof config);
    config.context = &pool;
    config.cache_size = cache_sizes[i];
    in_use_meanwhile = 0;
    assert_true(looked_at_shared_pool_init(&pool, &config));
    for (; in_use_meanwhile < 3; in_use_meanwhile++)
      assert_non_null(held[in_use_meanwhile] = looked_at_shared_pool_acquire(&pool));
    looked_at_shared_pool_release_many(&pool, held, COUNT_OF(held));
    looked_at_shared_pool_destroy(&pool);
  }
}

static void *take_and_give_few(void *unused) {
  thing *held[FEW];
  CHECK(thing_pool_acquire_many(&shared_pool, held, FEW) == FEW);
  thing_pool_release_many(&shared_pool, held, FEW);
  return unused;
}

/* With several threads busy nobody notices it by itself. */
static void as_many_as_were_seen_idle_are_a_peak(void **state) {
  thing *held[2 * FEW];
  (void)state;
  assert_int_equal(thing_pool_acquire_many(&shared_pool, held, FEW), FEW);
  in_another_thread(take_and_give_few, NULL);
  thing_pool_release_many(&shared_pool, held, FEW);
  assert_int_equal(thing_pool_stats(&shared_pool).idle, 2 * FEW);
  assert_int_equal(thing_pool_acquire_many(&shared_pool, held, 2 * FEW), 2 * FEW);
  assert_int_equal(thing_pool_stats(&shared_pool).peak_idle, 2 * FEW);
  thing_pool_release_many(&shared_pool, held, 2 * FEW);
  thing_pool_destroy(&shared_pool);
}

/* Who was there before, and is no longer, does not count as busy. */
static void peak_of_idle_is_remembered_long_after_another_thread_was_busy(void **state) {
  thing *held[FEW];
  (void)state;
  thing_pool_release(&shared_pool, thing_pool_acquire(&shared_pool));
  in_another_thread(take_and_give_few, NULL);
  thing_pool_clear(&shared_pool);
  for (int i = 0; i < FEW; i++) held[i] = thing_pool_acquire(&shared_pool);
  thing_pool_reset_stats(&shared_pool);
  for (int i = 0; i < FEW; i++) thing_pool_release(&shared_pool, held[i]);
  for (int i = 0; i < FEW; i++) held[i] = thing_pool_acquire(&shared_pool);
  assert_int_equal(thing_pool_stats(&shared_pool).peak_idle, FEW);
  thing_pool_release_many(&shared_pool, held, FEW);
  thing_pool_destroy(&shared_pool);
}

static void peak_of_idle_is_remembered_when_all_came_back_at_once(void **state) {
  enum { ALL = 20, SOME = 3 };
  static thing_pool pool;
  thing *held[ALL];
  (void)state;
  for (int busy = 0; busy < 2; busy++) { /* the second time the slot of this thread is open, and has some */
    for (int i = 0; i < 1000 * busy; i++) thing_pool_release(&pool, thing_pool_acquire(&pool));
    assert_int_equal(thing_pool_acquire_many(&pool, held, ALL), ALL);
    if (busy) thing_pool_release_many(&pool, held, SOME);
    if (busy) assert_int_equal(thing_pool_acquire_many(&pool, held, SOME), SOME);
    assert_int_equal(thing_pool_release_all(&pool), ALL);
    assert_int_equal(thing_pool_acquire_many(&pool, held, ALL), ALL);
    assert_int_equal(thing_pool_stats(&pool).peak_idle, ALL);
    assert_int_equal(thing_pool_release_all(&pool), ALL);
    thing_pool_destroy(&pool);
  }
}

static bool restart_and_refuse_one(thing *object, void *pool);

OBJPOOL_DEFINE(restarted_pool, thing, opt.local = true, opt.validate = restart_and_refuse_one,
               opt.validate_on = OBJPOOL_ON_MAINTAIN);

static bool restart_and_refuse_one(thing *object, void *pool) {
  (void)object;
  if (restarted_pool_stats((restarted_pool *)pool).peak_in_use == 0) return true;
  restarted_pool_reset_stats((restarted_pool *)pool);
  return false;
}

/* Maintenance has set aside what is idle while it validates it. */
static void reset_amid_maintenance_counts_what_is_set_aside_as_idle(void **state) {
  static restarted_pool pool;
  objpool_config config;
  thing *held[3];
  (void)state;
  memset(&config, 0, sizeof config);
  config.context = &pool;
  assert_true(restarted_pool_init(&pool, &config));
  assert_int_equal(restarted_pool_acquire_many(&pool, held, COUNT_OF(held)), COUNT_OF(held));
  restarted_pool_release_many(&pool, held, COUNT_OF(held));
  (void)objpool_maintain(&pool.base);
  assert_int_equal(restarted_pool_stats(&pool).idle, COUNT_OF(held) - 1);
  assert_int_equal(restarted_pool_stats(&pool).peak_idle, COUNT_OF(held));
  assert_int_equal(restarted_pool_stats(&pool).peak_in_use, 0);
  restarted_pool_destroy(&pool);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(peak_of_idle_is_remembered_long_after_another_thread_was_busy),
      cmocka_unit_test(peak_of_idle_is_remembered_when_all_came_back_at_once),
      cmocka_unit_test(reset_amid_maintenance_counts_what_is_set_aside_as_idle),
      cmocka_unit_test(what_is_being_built_is_not_in_use),
      cmocka_unit_test(as_many_as_were_seen_idle_are_a_peak),
      cmocka_unit_test(look_amid_create_is_no_peak_of_a_local_pool),
      cmocka_unit_test(peak_of_idle_is_remembered_when_objects_are_taken_again),
      cmocka_unit_test(peak_of_idle_is_remembered_when_another_thread_takes_one_meanwhile),
      cmocka_unit_test(peak_of_idle_is_remembered_when_some_are_destroyed_at_once),
      cmocka_unit_test(peak_of_idle_since_a_reset_is_remembered_when_another_thread_clears_it),
      cmocka_unit_test(peak_of_in_use_is_remembered_when_another_thread_was_busy_before_it_ends),
      cmocka_unit_test(peak_of_one_thread_at_a_time_is_exact_whoever_came_before),
      cmocka_unit_test(peak_of_threads_in_turn_lags_no_more_than_their_caches_hold),
      cmocka_unit_test(peak_of_a_warmup_is_remembered_when_it_is_cleared_at_once),
      cmocka_unit_test(peak_is_noticed_when_the_hook_of_its_acquire_uses_the_pool),
      cmocka_unit_test(peaks_are_exact_without_limits),
      cmocka_unit_test(peaks_are_exact_with_small_magazines),
      cmocka_unit_test(peaks_are_exact_below_a_large_cap),
      cmocka_unit_test(peaks_are_exact_below_a_small_cap),
      cmocka_unit_test(peaks_are_exact_where_releases_overflow),
      cmocka_unit_test(peaks_are_exact_where_releases_seldom_overflow),
      cmocka_unit_test(peaks_are_exact_without_caches),
      cmocka_unit_test(peaks_are_exact_without_caches_and_limits),
      cmocka_unit_test(peaks_are_exact_without_caches_below_a_small_cap),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
