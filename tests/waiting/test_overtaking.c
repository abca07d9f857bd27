/* Bounded overtaking: an acquire that comes while others wait may take what is idle just then, until the first in line has waited for
   fair_after_ns; from then on nobody takes anything before that one. The pool's clock is the machine's and what this test adds to it, and
   a waiter is kept from running by a signal's handler: so no promise here depends on how busy the machine is. */
#include "support.h"

static long added_s;
static int clock_ahead(clockid_t clock, struct timespec *now) {
  int result = clock_gettime(clock, now);
  now->tv_sec += count_read(&added_s);
  return result;
}
/* Where a release can be held up: before it looks whether somebody is to be served. */
static void about_to_read(uintptr_t address);

#define clock_gettime(clock, now) clock_ahead(clock, now)
#define __atomic_load_n(address, order) (about_to_read((uintptr_t)(address)), __atomic_load_n(address, order))
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"
#undef clock_gettime
#undef __atomic_load_n

static const int64_t second = INT64_C(1000000000);
enum { FAIR_AFTER_S = 1000 };

typedef struct thing {
  long number;
} thing;
OBJPOOL_DEFINE(thing_pool, thing);
static thing_pool pool;

static const size_t cache_sizes[] = {0, OBJPOOL_NO_CACHE, 8};

static void begin(size_t cap, size_t cache_size, uint64_t fair_after_ns) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.max_objects = cap;
  config.cache_size = cache_size;
  config.fair_after_ns = fair_after_ns;
  count_set(&added_s, 0);
  assert_true(thing_pool_init(&pool, &config));
}

static uint64_t waiting(void) { return thing_pool_stats(&pool).waiting; }

/* A thread that waits for an object, and keeps it until it is told. While it is `held up` it does not run. */
typedef struct waiter {
  pthread_t thread;
  const objpool__waiter *node;
  int64_t timeout;
  thing *object;
  int error;
  long served, leave;
} waiter;

static int hold_pipe[2];
static long held_up;
static void hold_up(int number) {
  char byte;
  int saved = errno;
  (void)number;
  count_set(&held_up, 1);
  while (read(hold_pipe[0], &byte, 1) != 1) {}
  count_set(&held_up, 0);
  errno = saved;
}

static void *wait_keep_release(void *argument) {
  waiter *self = (waiter *)argument;
  self->object = thing_pool_acquire_for(&pool, self->timeout);
  self->error = errno;
  count_set(&self->served, 1);
  WAIT_UNTIL(count_read(&self->leave));
  thing_pool_release(&pool, self->object);
  return NULL;
}

static void start_waiter(waiter *one, int64_t timeout) {
  uint64_t before = waiting();
  memset(one, 0, sizeof *one);
  one->timeout = timeout;
  one->thread = start_thread(wait_keep_release, one);
  WAIT_UNTIL(waiting() == before + 1);
  one->node = (const objpool__waiter *)(const void *)pool.base.state->queue.last;
}

static void end_waiter(waiter *one) {
  count_set(&one->leave, 1);
  join_thread(one->thread);
}

static void stop(waiter *one) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = hold_up;
  assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
  WAIT_UNTIL(OBJPOOL__LOAD(one->node->signal.progress) == OBJPOOL__ASLEEP); /* without a lock */
  count_set(&held_up, 0);
  assert_int_equal(pthread_kill(one->thread, SIGUSR1), 0);
  WAIT_UNTIL(count_read(&held_up));
}

static void go_on(void) {
  assert_int_equal(write(hold_pipe[1], "", 1), 1);
  WAIT_UNTIL(!count_read(&held_up));
}

static __thread bool is_releasing; /* and has not looked yet */
static long asked, answered;

static void about_to_read(uintptr_t address) {
  if (!is_releasing || address != (uintptr_t)&pool.base.state->queue.call) return;
  is_releasing = false;
  count_set(&asked, 1);
  WAIT_UNTIL(count_read(&answered));
  count_set(&answered, 0);
}

/* Takes what a release has just left idle, before that looks. */
static thing *taken;
static void *take_in_between(void *argument) {
  (void)argument;
  WAIT_UNTIL(count_read(&asked));
  count_set(&asked, 0);
  taken = thing_pool_acquire(&pool);
  CHECK(!thing_pool_acquire(&pool)); /* and in vain */
  count_set(&answered, 1);
  return NULL;
}

static void release_whose_object_is_taken_before_it_looks_notes_who_is_due(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT_OF(cache_sizes); i++) {
    waiter one;
    begin(1, cache_sizes[i], FAIR_AFTER_S * (uint64_t)second);
    thing *object = thing_pool_acquire(&pool);
    start_waiter(&one, -1);
    WAIT_UNTIL(OBJPOOL__LOAD(one.node->signal.progress) == OBJPOOL__ASLEEP);
    count_set(&added_s, 2 * FAIR_AFTER_S);
    for (int k = 0; k < 2; k++) {
      pthread_t thread = start_thread(take_in_between, NULL);
      is_releasing = true;
      thing_pool_release(&pool, object);
      join_thread(thread);
      /* at first nobody knew that it has waited that long; from then on it is handed over */
      assert_ptr_equal(taken, k ? NULL : object);
    }
    WAIT_UNTIL(count_read(&one.served));
    assert_ptr_equal(one.object, object);
    end_waiter(&one);
    thing_pool_destroy(&pool);
  }
}

static void before_it_is_due_who_comes_later_may_take_what_is_idle(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT_OF(cache_sizes); i++) {
    waiter one;
    begin(1, cache_sizes[i], FAIR_AFTER_S * (uint64_t)second);
    thing *object = thing_pool_acquire(&pool);
    start_waiter(&one, -1);
    stop(&one);
    for (int k = 0; k < 3; k++) { /* it is called, and does not come */
      thing_pool_release(&pool, object);
      assert_ptr_equal(k % 2 ? thing_pool_acquire(&pool) : thing_pool_try_acquire(&pool), object);
    }
    assert_false(count_read(&one.served));
    thing_pool_release(&pool, object);
    go_on();
    WAIT_UNTIL(count_read(&one.served)); /* nobody need release once more */
    assert_ptr_equal(one.object, object);
    end_waiter(&one);
    thing_pool_destroy(&pool);
  }
}

static void once_it_is_due_nobody_overtakes_it(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT_OF(cache_sizes); i++)
    for (int called = 0; called < 2; called++) {
      waiter one;
      thing *many[1];
      begin(1, cache_sizes[i], FAIR_AFTER_S * (uint64_t)second);
      thing *object = thing_pool_acquire(&pool);
      start_waiter(&one, -1);
      if (called) { /* in vain */
        stop(&one);
        thing_pool_release(&pool, object);
        object = thing_pool_acquire(&pool);
        assert_non_null(object);
        go_on();
        WAIT_UNTIL(OBJPOOL__LOAD(pool.base.state->queue.call)); /* it looked in vain */
      }
      count_set(&added_s, FAIR_AFTER_S);
      stop(&one);
      thing_pool_release(&pool, object);
      assert_null(thing_pool_try_acquire(&pool));
      assert_int_equal(errno, EAGAIN);
      assert_null(thing_pool_acquire(&pool));
      assert_int_equal(errno, EAGAIN);
      assert_int_equal(thing_pool_acquire_many(&pool, many, 1), 0);
      assert_int_equal(waiting(), 0); /* it is served before it wakes */
      go_on();
      WAIT_UNTIL(count_read(&one.served));
      assert_ptr_equal(one.object, object);
      end_waiter(&one);
      thing_pool_destroy(&pool);
    }
}

static void who_becomes_the_first_and_has_waited_that_long_is_due(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT_OF(cache_sizes); i++) {
    waiter waiters[2];
    begin(1, cache_sizes[i], FAIR_AFTER_S * (uint64_t)second);
    thing *object = thing_pool_acquire(&pool);
    start_waiter(&waiters[0], -1);
    start_waiter(&waiters[1], -1);
    count_set(&added_s, FAIR_AFTER_S);
    thing_pool_release(&pool, object);
    WAIT_UNTIL(count_read(&waiters[0].served));
    stop(&waiters[1]);
    end_waiter(&waiters[0]);
    assert_null(thing_pool_try_acquire(&pool));
    go_on();
    WAIT_UNTIL(count_read(&waiters[1].served));
    end_waiter(&waiters[1]);
    thing_pool_destroy(&pool);
  }
}

static void a_call_that_came_too_late_goes_to_the_next(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT_OF(cache_sizes); i++) {
    waiter waiters[2];
    begin(1, cache_sizes[i], FAIR_AFTER_S * (uint64_t)second);
    thing *object = thing_pool_acquire(&pool);
    start_waiter(&waiters[0], FAIR_AFTER_S / 2 * second);
    start_waiter(&waiters[1], -1);
    stop(&waiters[0]);
    thing_pool_release(&pool, object);
    object = thing_pool_acquire(&pool); /* first: while the one that was called does not come */
    assert_non_null(object);
    count_set(&added_s, FAIR_AFTER_S / 2 + 1);
    go_on();
    WAIT_UNTIL(count_read(&waiters[0].served));
    assert_null(waiters[0].object);
    assert_int_equal(waiters[0].error, ETIMEDOUT);
    thing_pool_release(&pool, object);
    WAIT_UNTIL(count_read(&waiters[1].served));
    assert_ptr_equal(waiters[1].object, object);
    end_waiter(&waiters[0]);
    end_waiter(&waiters[1]);
    thing_pool_destroy(&pool);
  }
}

static void several_that_are_idle_call_one_after_another(void **state) {
  enum { MANY = 4 };
  (void)state;
  for (size_t i = 0; i < COUNT_OF(cache_sizes); i++) {
    waiter waiters[MANY];
    thing *objects[MANY];
    begin(MANY, cache_sizes[i], FAIR_AFTER_S * (uint64_t)second);
    assert_int_equal(thing_pool_acquire_many(&pool, objects, MANY), MANY);
    for (size_t k = 0; k < MANY; k++) start_waiter(&waiters[k], -1);
    stop(&waiters[0]);
    thing_pool_release_many(&pool, objects, MANY); /* all while the first is called, and does not come */
    for (size_t k = 0; k < MANY; k++) assert_false(count_read(&waiters[k].served));
    go_on();
    for (size_t k = 0; k < MANY; k++) WAIT_UNTIL(count_read(&waiters[k].served));
    for (size_t k = 0; k < MANY; k++) end_waiter(&waiters[k]);
    assert_int_equal(thing_pool_stats(&pool).created, MANY);
    thing_pool_destroy(&pool);
  }
}

/* Releases and acquires of a bounded pool that look at nothing but its word: not while somebody is due. */
static bool word_is_for_all(void) {
  const objpool__word *word = pool.base.state->word;
  return word && (OBJPOOL__LOAD(word->plain_acquire) || OBJPOOL__LOAD(word->plain_release));
}

/* It was called, is held up, and becomes due: it is handed the next object, and the one behind it is called in its turn. */
static void one_that_was_called_and_is_due_leaves_the_line_open(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT_OF(cache_sizes); i++) {
    waiter waiters[2];
    thing *objects[2];
    begin(2, cache_sizes[i], FAIR_AFTER_S * (uint64_t)second);
    assert_int_equal(thing_pool_acquire_many(&pool, objects, 2), 2);
    start_waiter(&waiters[0], -1);
    stop(&waiters[0]);
    thing_pool_release(&pool, objects[0]);
    objects[0] = thing_pool_acquire(&pool);
    assert_non_null(objects[0]);
    count_set(&added_s, FAIR_AFTER_S);
    start_waiter(&waiters[1], -1); /* who comes sees that the first is due */
    assert_false(word_is_for_all());
    thing_pool_release(&pool, objects[0]);
    assert_int_equal(waiting(), 1);
    thing_pool_release(&pool, objects[1]);
    WAIT_UNTIL(count_read(&waiters[1].served));
    assert_ptr_equal(waiters[1].object, objects[1]);
    go_on();
    WAIT_UNTIL(count_read(&waiters[0].served));
    assert_ptr_equal(waiters[0].object, objects[0]);
    assert_int_equal(word_is_for_all(), pool.base.state->word != NULL);
    end_waiter(&waiters[0]);
    end_waiter(&waiters[1]);
    thing_pool_destroy(&pool);
  }
}

static void with_1_nobody_is_ever_overtaken(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT_OF(cache_sizes); i++) {
    waiter one;
    begin(1, cache_sizes[i], 1);
    thing *object = thing_pool_acquire(&pool);
    start_waiter(&one, -1);
    stop(&one);
    thing_pool_release(&pool, object);
    assert_null(thing_pool_try_acquire(&pool));
    assert_int_equal(errno, EAGAIN);
    go_on();
    WAIT_UNTIL(count_read(&one.served));
    end_waiter(&one);
    thing_pool_destroy(&pool);
  }
}

static void the_default_is_a_millisecond(void **state) {
  (void)state;
  begin(1, 0, 0);
  assert_int_equal(pool.base.state->config.fair_after_ns, second / 1000);
  thing_pool_destroy(&pool);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(before_it_is_due_who_comes_later_may_take_what_is_idle),
      cmocka_unit_test(once_it_is_due_nobody_overtakes_it),
      cmocka_unit_test(release_whose_object_is_taken_before_it_looks_notes_who_is_due),
      cmocka_unit_test(who_becomes_the_first_and_has_waited_that_long_is_due),
      cmocka_unit_test(a_call_that_came_too_late_goes_to_the_next),
      cmocka_unit_test(several_that_are_idle_call_one_after_another),
      cmocka_unit_test(one_that_was_called_and_is_due_leaves_the_line_open),
      cmocka_unit_test(with_1_nobody_is_ever_overtaken),
      cmocka_unit_test(the_default_is_a_millisecond),
  };
  assert_int_equal(pipe(hold_pipe), 0);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
