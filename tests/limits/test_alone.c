/* Pools of up to 64 objects that one thread uses alone keep what it gives back in that thread's slot: nobody else is refused or waits for it,
 * and peaks, limits, close, forks and the end of the thread are as ever. */
#include "support.h"

#include <sys/wait.h>
#include <unistd.h>

#define OBJPOOL_PANIC(message) panic_seen(message)
#define OBJPOOL_IMPLEMENTATION
#include "pools.h"

typedef struct thing {
  long number;
} thing;

MAKES_BY_HOOK(thing)
OBJPOOL_DEFINE(thing_pool, thing, opt.create = make_thing);

static thing_pool pool;

/* Of `cap` objects, all idle and in this thread's slot. */
static void begin(size_t cap) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.max_objects = cap;
  assert_true(thing_pool_init(&pool, &config));
  void *objects[64];
  for (int round = 0; round < 2; round++) {
    assert_int_equal(objpool_acquire_many(&pool.base, objects, cap), cap);
    objpool_release_many(&pool.base, objects, cap);
  }
  assert_true(pool.base.state->word->lone);
  assert_int_equal(pool.base.state->word->idle, 0);
  assert_int_equal(objpool_snapshot(&pool.base).idle, cap);
}

static void end(void) {
  CHECK(objpool_snapshot(&pool.base).in_use == 0);
  objpool_destroy(&pool.base);
}

static void *tries_all(void *number) {
  void *objects[64];
  size_t *wanted = (size_t *)number, got = 0;
  while (got < 64 && (objects[got] = thing_pool_try_acquire(&pool)) != NULL) got++;
  CHECK(got == *wanted);
  objpool_release_many(&pool.base, objects, got);
  return NULL;
}

static void nobody_is_refused_what_lies_in_another_threads_slot(void **state) {
  static const size_t caps[] = {1, 2, 31, 32, 33, 63};
  (void)state;
  for (size_t i = 0; i < COUNT_OF(caps); i++) {
    size_t left = caps[i] - 1;
    begin(caps[i]);
    thing *mine = thing_pool_acquire(&pool);
    in_another_thread(tries_all, &left);
    thing_pool_release(&pool, mine);
    left++;
    in_another_thread(tries_all, &left);
    end();
  }
}

static void *waits(void *argument) {
  (void)argument;
  thing *one = thing_pool_acquire_for(&pool, -1);
  CHECK(one != NULL);
  thing_pool_release(&pool, one);
  return NULL;
}

static void who_waits_gets_what_the_owner_gives_back(void **state) {
  (void)state;
  for (int round = 0; round < SCALED(200, 20, 20); round++) {
    pthread_t other;
    begin(1);
    thing *mine = thing_pool_acquire(&pool);
    assert_int_equal(pthread_create(&other, NULL, waits, NULL), 0);
    if (round % 2) WAIT_UNTIL(objpool_snapshot(&pool.base).waiting == 1);
    thing_pool_release(&pool, mine);
    assert_int_equal(pthread_join(other, NULL), 0);
    end();
  }
}

/* Against a plain model, step by step. */
static void peaks_are_exact_whenever_read(void **state) {
  enum { CAP = 9 };
  thing *held[CAP];
  uint64_t random = 42;
  (void)state;
  begin(CAP);
  thing_pool_reset_stats(&pool);
  size_t holds = 0, most = 0, most_idle = CAP;
  for (int step = 0; step < 20000; step++) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    unsigned chance = (unsigned)(random >> 33);
    if (step % 97 == 0) {
      thing_pool_reset_stats(&pool);
      most = holds;
      most_idle = CAP - holds;
    }
    bool takes = chance % 16 < (step / 500 % 2 ? 11u : 5u);
    if (takes && holds < CAP)
      held[holds++] = thing_pool_acquire(&pool);
    else if (takes)
      assert_null(thing_pool_acquire(&pool));
    else if (holds > 0)
      thing_pool_release(&pool, held[--holds]);
    if (holds > most) most = holds;
    if (CAP - holds > most_idle) most_idle = CAP - holds;
    if (chance / 16 % 7) continue; /* a look would see a peak itself */
    objpool_stats stats = objpool_snapshot(&pool.base);
    assert_int_equal(stats.peak_in_use, most);
    assert_int_equal(stats.peak_idle, most_idle);
    assert_int_equal(stats.in_use, holds);
    assert_int_equal(stats.idle, CAP - holds);
  }
  while (holds > 0) thing_pool_release(&pool, held[--holds]);
  end();
}

/* What another thread gives back adds to what lies in the slot. */
static void *releases_its_object(void *object) {
  CHECK(thing_pool_attach(&pool));
  thing_pool_release(&pool, (thing *)object);
  return NULL;
}

static void what_another_thread_gives_back_makes_a_peak_with_it(void **state) {
  objpool_config config;
  (void)state;
  memset(&config, 0, sizeof config);
  config.max_objects = 3;
  assert_true(thing_pool_init(&pool, &config));
  thing *one = thing_pool_acquire(&pool), *two = thing_pool_acquire(&pool), *three = thing_pool_acquire(&pool);
  thing_pool_release(&pool, one);
  assert_ptr_equal(thing_pool_acquire(&pool), one); /* with it the slot is open */
  assert_true(pool.base.state->word->lone);
  thing_pool_release(&pool, one);
  thing_pool_release(&pool, two);
  in_another_thread(releases_its_object, three);
  one = thing_pool_acquire(&pool);
  assert_int_equal(objpool_snapshot(&pool.base).peak_idle, 3);
  thing_pool_release(&pool, one);
  end();
}

static void trim_resize_and_close_reach_what_lies_there(void **state) {
  (void)state;
  begin(20);
  assert_int_equal(thing_pool_trim(&pool, 5), 15);
  assert_int_equal(objpool_snapshot(&pool.base).idle, 5);
  end();
  begin(20);
  assert_true(thing_pool_resize(&pool, 3, OBJPOOL_UNCHANGED));
  assert_int_equal(objpool_snapshot(&pool.base).idle, 3);
  thing *some[5];
  for (int i = 0; i < 5; i++) assert_non_null(some[i] = thing_pool_acquire(&pool));
  for (int i = 0; i < 5; i++) thing_pool_release(&pool, some[i]);
  assert_int_equal(objpool_snapshot(&pool.base).idle, 3); /* a limit to what is idle keeps the slot closed */
  end();
  begin(20);
  thing *mine = thing_pool_acquire(&pool);
  thing_pool_close(&pool);
  assert_int_equal(objpool_snapshot(&pool.base).idle, 0);
  assert_null(thing_pool_acquire(&pool));
  thing_pool_release(&pool, mine);
  assert_true(thing_pool_drain(&pool, 0));
  end();
  begin(20);
  assert_int_equal(thing_pool_trim_some(&pool, 0, 4), 4);
  assert_int_equal(thing_pool_abandon(&pool), 16);
  end();
}

static void *fills_its_slot(void *argument) {
  (void)argument;
  begin(4);
  return NULL;
}

static void a_thread_that_ends_leaves_nothing_stranded(void **state) {
  size_t all = 4;
  (void)state;
  in_another_thread(fills_its_slot, NULL);
  assert_false(pool.base.state->word->lone);
  in_another_thread(tries_all, &all);
  end();
}

static void *forks(void *argument) {
  size_t all = 4;
  int status;
  (void)argument;
  pid_t child = fork();
  if (child == 0) { /* the owner is not here */
    tries_all(&all);
    tries_all(&all);
    const objpool__word *word = pool.base.state->word;
    _exit(objpool_snapshot(&pool.base).idle == all && word->changes % OBJPOOL__CHANGE == word->lone ? 0 : 1);
  }
  CHECK(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  return NULL;
}

static void a_child_has_what_lies_in_the_slot_of_a_thread_that_is_not_there(void **state) {
  (void)state;
  begin(4);
  in_another_thread(forks, NULL);
  forks(NULL);
  end();
}

static void release_again(void *object, void *unused) {
  (void)unused;
  thing_pool_release(&pool, (thing *)object);
}

static void what_was_given_back_is_not_given_back_again(void **state) {
  (void)state;
  begin(3);
  thing *one = thing_pool_acquire(&pool);
  thing_pool_release(&pool, one);
  panic_returns = true;
  assert_true(panics(release_again, one, NULL));
  assert_non_null(strstr(panic_message, "released twice"));
  panic_returns = false;
  assert_int_equal(objpool_snapshot(&pool.base).idle, 3);
  end();
}

static void a_pool_whose_caches_are_limited_has_no_such_slot(void **state) {
  static const size_t sizes[] = {1, OBJPOOL_NO_CACHE};
  (void)state;
  for (size_t i = 0; i < COUNT_OF(sizes); i++) {
    objpool_config config;
    memset(&config, 0, sizeof config);
    config.max_objects = 4;
    config.cache_size = sizes[i];
    assert_true(thing_pool_init(&pool, &config));
    for (int k = 0; k < 1000; k++) thing_pool_release(&pool, thing_pool_acquire(&pool));
    assert_false(pool.base.state->word->lone);
    objpool_destroy(&pool.base);
  }
}

static void its_owner_is_refused_what_is_not_there_and_goes_on_alone(void **state) {
  enum { CAP = 5 };
  void *all[CAP];
  (void)state;
  begin(CAP);
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < CAP; i++) assert_non_null(all[i] = thing_pool_acquire(&pool));
    for (int i = 0; i < 100; i++) {
      errno = 0;
      assert_null(thing_pool_acquire(&pool));
      assert_int_equal(errno, EAGAIN);
      assert_null(thing_pool_try_acquire(&pool));
      assert_null(thing_pool_acquire_for(&pool, 0));
    }
    thing_pool_release_many(&pool, (thing **)(void *)all, CAP);
    assert_int_equal(thing_pool_acquire_many(&pool, (thing **)(void *)all, CAP), CAP);
    thing_pool_release_many(&pool, (thing **)(void *)all, CAP);
  }
  assert_true(pool.base.state->word->lone);
  assert_int_equal(pool.base.state->word->openings, OBJPOOL__OPENINGS);
  assert_int_equal(objpool_snapshot(&pool.base).exhausted, 3 * 100 * 2);
  end();
}

/* ---- two threads that use it in turn */

static long turn; /* even: the main thread's; negative: the other ends */

static void a_pair(void) { thing_pool_release(&pool, thing_pool_acquire(&pool)); }

static void *uses_it_in_turn(void *argument) {
  (void)argument;
  for (;;) {
    WAIT_UNTIL(count_read(&turn) % 2 != 0);
    if (count_read(&turn) < 0) return NULL;
    a_pair();
    count_add(&turn, 1);
  }
}

/* Until neither has it for itself, which takes at most so many times. */
static void share(int most) {
  int times = 0;
  do {
    assert_true(++times <= most);
    count_add(&turn, 1);
    WAIT_UNTIL(count_read(&turn) % 2 == 0);
    a_pair();
  } while (pool.base.state->word->lone);
}

static void a_pool_that_threads_share_stays_shared_until_one_ends_or_it_is_trimmed(void **state) {
  (void)state;
  begin(8);
  count_set(&turn, 0);
  pthread_t other = start_thread(uses_it_in_turn, NULL);
  share(OBJPOOL__OPENINGS);
  for (int i = 0; i < 1000; i++) a_pair();
  assert_false(pool.base.state->word->lone);
  assert_true(pool.base.state->word->plain_acquire && pool.base.state->word->plain_release);
  assert_int_equal(thing_pool_trim(&pool, 8), 0);
  a_pair();
  assert_true(pool.base.state->word->lone);
  share(2);
  for (int i = 0; i < 1000; i++) a_pair();
  assert_false(pool.base.state->word->lone);
  count_set(&turn, -1);
  join_thread(other);
  a_pair();
  assert_true(pool.base.state->word->lone);
  end();
}

/* ---- two that give one object back at once: one half of a release is done, then the other thread's whole, then the rest */

static thing *twice;

static void the_rest_of_another_release(void *object, void *unused) {
  (void)unused;
  objpool__give_slow(&pool.base, pool.base.state->describe, object, OBJPOOL__NOT_STORED);
}

static void *is_told_that_the_owner_was_first(void *argument) {
  (void)argument;
  CHECK(panics(the_rest_of_another_release, twice, NULL));
  return NULL;
}

static void *releases_it(void *argument) {
  (void)argument;
  thing_pool_release(&pool, twice);
  return NULL;
}

static void the_rest_of_the_owners_release(void *object, void *unused) {
  objpool__state *state = pool.base.state;
  (void)unused;
  objpool__count(&objpool__mine(&state->slots)->slot.releases);
  objpool__release_late(state, object, objpool__bit_of(state, object));
}

enum { KEPT = 4 };
static long trims_ended;
static void *trims_again_and_again(void *unused) {
  (void)unused;
  for (int i = 0; i < SCALED(3000, 500, 500); i++) (void)thing_pool_trim(&pool, KEPT);
  count_add(&trims_ended, 1);
  return NULL;
}

static void another_thread_may_trim_it_meanwhile(void **state) {
  enum { CAP = 8 };
  void *objects[CAP];
  (void)state;
  begin(CAP);
  count_set(&trims_ended, 0);
  pthread_t trimmer = start_thread(trims_again_and_again, NULL);
  while (!count_read(&trims_ended)) {
    size_t got = objpool_acquire_many(&pool.base, objects, CAP);
    assert_in_range(got, KEPT, CAP); /* what is being destroyed counts until it is gone */
    objpool_release_many(&pool.base, objects, got);
    objpool_release(&pool.base, objpool_acquire(&pool.base));
  }
  join_thread(trimmer);
  assert_int_equal(objpool_acquire_many(&pool.base, objects, CAP), CAP);
  objpool_release_many(&pool.base, objects, CAP);
  end();
}

/* Each has it for itself at times, and sees what the last one wrote to an object, by whatever way that came. */
static void *trims_and_closes_again_and_again(void *unused) {
  for (int i = 0; i < SCALED(3000, 500, 8000); i++) {
    (void)thing_pool_trim(&pool, 6);
    CHECK(thing_pool_resize(&pool, OBJPOOL_UNCHANGED, 6));
  }
  count_add(&trims_ended, 1);
  return unused;
}
static void *writes_to_what_it_takes(void *written) {
  thing *objects[2];
  for (int round = 0; !count_read(&trims_ended); round++) {
    if (round % 4 == 0) CHECK(thing_pool_acquire_many(&pool, objects, 2) == 2);
    if (round % 4 != 0) CHECK((objects[0] = thing_pool_acquire(&pool)) && (objects[1] = thing_pool_acquire(&pool)));
    objects[0]->number++;
    objects[1]->number++;
    thing_pool_release(&pool, objects[0]);
    thing_pool_release(&pool, objects[1]);
    *(long *)written += 2;
  }
  return NULL;
}

static void three_threads_may_use_it_while_another_trims(void **state) {
  enum { CAP = 6 };
  long written[3] = {0, 0, 0}, sum = 0;
  thing *objects[CAP];
  (void)state;
  begin(CAP);
  for (int i = 0; i < CAP; i++) objects[i] = thing_pool_acquire(&pool), objects[i]->number = 0;
  thing_pool_release_many(&pool, objects, CAP);
  count_set(&trims_ended, 0);
  pthread_t trimmer = start_thread(trims_and_closes_again_and_again, NULL),
            one = start_thread(writes_to_what_it_takes, &written[1]),
            other = start_thread(writes_to_what_it_takes, &written[2]);
  (void)writes_to_what_it_takes(&written[0]);
  join_thread(one);
  join_thread(other);
  join_thread(trimmer);
  assert_int_equal(thing_pool_acquire_many(&pool, objects, CAP), CAP);
  for (int i = 0; i < CAP; i++) sum += objects[i]->number;
  assert_int_equal(sum, written[0] + written[1] + written[2]);
  thing_pool_release_many(&pool, objects, CAP);
  end();
}

static void of_two_that_give_back_one_object_at_once_the_second_is_told(void **state) {
  (void)state;
  begin(3);
  twice = thing_pool_acquire(&pool);
  thing_pool_release(&pool, twice);
  in_another_thread(is_told_that_the_owner_was_first, NULL);
  assert_non_null(strstr(panic_message, "released twice"));
  assert_int_equal(objpool_snapshot(&pool.base).idle, 3);
  assert_int_equal(objpool_snapshot(&pool.base).releases, objpool_snapshot(&pool.base).acquires); /* as if told before */
  end();
  begin(3);
  twice = thing_pool_acquire(&pool);
  in_another_thread(releases_it, NULL);
  panic_message[0] = '\0';
  assert_true(panics(the_rest_of_the_owners_release, twice, NULL));
  assert_non_null(strstr(panic_message, "released twice"));
  assert_int_equal(objpool_snapshot(&pool.base).idle, 3);
  assert_int_equal(objpool_snapshot(&pool.base).releases, objpool_snapshot(&pool.base).acquires); /* as if told before */
  end();
}

static void release_as_if_it_looked_before(void *object, void *tag) {
  *objpool__tag(object, 0) = *(uintptr_t *)tag;
  thing_pool_release(&pool, (thing *)object);
}

static void nor_is_the_second_done_where_no_thread_has_a_slot(void **state) {
  objpool_config config;
  (void)state;
  memset(&config, 0, sizeof config);
  config.max_objects = 3;
  config.cache_size = OBJPOOL_NO_CACHE;
  assert_true(thing_pool_init(&pool, &config));
  thing *one = thing_pool_acquire(&pool);
  uintptr_t tag = *objpool__tag(one, 0);
  thing_pool_release(&pool, one);
  panic_returns = true;
  assert_true(panics(release_as_if_it_looked_before, one, &tag));
  panic_returns = false;
  assert_non_null(strstr(panic_message, "released twice"));
  objpool_stats stats = objpool_snapshot(&pool.base);
  assert_int_equal(stats.releases, stats.acquires);
  assert_int_equal(stats.idle, 1);
  end();
}

int main(void) {
  static thing_pool first;
  thing_pool_release(&first, thing_pool_acquire(&first));
  if (!objpool__process.membarrier) return 77; /* then no thread has a slot to itself */
  objpool_destroy(&first.base);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nobody_is_refused_what_lies_in_another_threads_slot),
      cmocka_unit_test(who_waits_gets_what_the_owner_gives_back),
      cmocka_unit_test(peaks_are_exact_whenever_read),
      cmocka_unit_test(what_another_thread_gives_back_makes_a_peak_with_it),
      cmocka_unit_test(trim_resize_and_close_reach_what_lies_there),
      cmocka_unit_test(a_thread_that_ends_leaves_nothing_stranded),
      cmocka_unit_test(a_child_has_what_lies_in_the_slot_of_a_thread_that_is_not_there),
      cmocka_unit_test(what_was_given_back_is_not_given_back_again),
      cmocka_unit_test(a_pool_whose_caches_are_limited_has_no_such_slot),
      cmocka_unit_test(its_owner_is_refused_what_is_not_there_and_goes_on_alone),
      cmocka_unit_test(a_pool_that_threads_share_stays_shared_until_one_ends_or_it_is_trimmed),
      cmocka_unit_test(another_thread_may_trim_it_meanwhile),
      cmocka_unit_test(three_threads_may_use_it_while_another_trims),
      cmocka_unit_test(of_two_that_give_back_one_object_at_once_the_second_is_told),
      cmocka_unit_test(nor_is_the_second_done_where_no_thread_has_a_slot),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
