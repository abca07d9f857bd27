/* Deadlines between validations: an acquire_for whose time is up does not go on to validate one dead object after another, nor waits for
   ever where the clock cannot be read. The pool's clock is the machine's and what the hooks add to it, so that no test depends on how busy the machine is. */
#include "support.h"

static long clock_asked, added_s, clock_refuses;

static int clock_with_hooks(clockid_t clock, struct timespec *now) {
  if (count_read(&clock_refuses)) return -1;
  int result = clock_gettime(clock, now);
  count_add(&clock_asked, 1);
  now->tv_sec += count_read(&added_s);
  return result;
}
#define clock_gettime(clock, now) clock_with_hooks(clock, now)
#define OBJPOOL_PANIC(message) panic_seen(message)
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"
#undef clock_gettime

enum { PING_S = 1000, MANY = 30 }; /* seconds that the ping of a dead server takes */
static const int64_t second = INT64_C(1000000000);

typedef struct conn {
  long number;
} conn;

static long server_down, server_back_after, pings, created;

static bool conn_open(conn *opened, void *context) {
  (void)context;
  opened->number = count_add(&created, 1);
  return true;
}
static bool conn_ping(conn *pinged, void *context) {
  (void)pinged, (void)context;
  if (!count_read(&server_down)) return true;
  if (count_add(&pings, 1) == count_read(&server_back_after)) count_set(&server_down, 0);
  count_add(&added_s, PING_S);
  return !count_read(&server_down);
}

#define HOOKS opt.create = conn_open, opt.validate = conn_ping, opt.validate_on = OBJPOOL_ON_ACQUIRE
OBJPOOL_DEFINE(conn_pool, conn, HOOKS);
OBJPOOL_DEFINE(local_pool, conn, HOOKS, opt.local = true);

static conn_pool pool;
static local_pool lone_pool;

/* Each promise holds for each of these. */
static struct kind {
  const char *name;
  bool local;
  size_t cache_size, max_objects;
} kinds[] = {
    {"cached", false, 8, 0},
    {"cached, large caches", false, 4 * MANY, 0},
    {"cached and capped", false, 8, MANY},
    {"uncached", false, OBJPOOL_NO_CACHE, 0},
    {"uncached and capped", false, OBJPOOL_NO_CACHE, MANY},
    {"local", true, 0, 0},
    {"local and capped", true, 0, MANY},
};

/* A pool with MANY idle connections, whose server has gone. */
static objpool *begin(const struct kind *kind, size_t idle) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.cache_size = kind->cache_size;
  config.max_objects = kind->max_objects;
  count_set(&server_down, 0);
  count_set(&server_back_after, 0);
  assert_true(kind->local ? local_pool_init(&lone_pool, &config) : conn_pool_init(&pool, &config));
  objpool *base = kind->local ? &lone_pool.base : &pool.base;
  void *held[MANY] = {NULL}; /* through the hands of a thread: so they lie in its caches, where there are any */
  assert_int_equal(objpool_acquire_many(base, held, idle), idle);
  objpool_release_many(base, held, idle);
  assert_int_equal(objpool_snapshot(base).idle, idle);
  count_set(&pings, 0);
  count_set(&created, 0);
  count_set(&server_down, 1);
  return base;
}

static void end(objpool *base) {
  objpool_stats stats = objpool_snapshot(base);
  assert_int_equal(stats.in_use, 0);
  assert_int_equal(stats.created - stats.destroyed, stats.idle);
  objpool_destroy(base);
}

static void time_is_up_between_two_validations(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT_OF(kinds); i++) {
    objpool *base = begin(&kinds[i], MANY);
    objpool_stats before = objpool_snapshot(base), after;
    errno = 0;
    conn *got = (conn *)objpool_acquire_for(base, 5 * PING_S * second / 2);
    int error = errno;
    after = objpool_snapshot(base);
    assert_null(got);
    assert_int_equal(error, ETIMEDOUT);
    /* two and a half: three, and the first may have been before the clock was looked at */
    assert_in_range(pings, 3, 4);
    assert_int_equal(created, 0); /* though places were free for new ones */
    assert_int_equal(after.idle, (uint64_t)MANY - (uint64_t)pings);
    assert_int_equal(after.invalid, pings);
    assert_int_equal(after.destroyed - before.destroyed, pings);
    assert_int_equal(after.timeouts - before.timeouts, 1);
    assert_int_equal(after.exhausted - before.exhausted, 0);
    assert_int_equal(after.create_failures, 0);
    assert_int_equal(after.acquires, before.acquires);
    assert_int_equal(after.in_use, 0);
    end(base);
  }
  assert_true(clock_asked > 0);
}

static void the_places_of_those_destroyed_are_free_after_it(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT_OF(kinds); i++) {
    objpool *base = begin(&kinds[i], MANY);
    void *held[MANY];
    assert_null(objpool_acquire_for(base, 5 * PING_S * second / 2));
    assert_int_equal(errno, ETIMEDOUT);
    count_set(&server_down, 0);
    assert_int_equal(objpool_acquire_many(base, held, MANY), MANY);
    assert_int_equal(created, pings);
    if (kinds[i].max_objects) {
      assert_null(objpool_acquire(base));
      assert_int_equal(errno, EAGAIN);
    }
    objpool_release_many(base, held, MANY);
    end(base);
  }
}

static void every_time_out_destroys_a_few_until_a_new_one_is_made(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT_OF(kinds); i++) {
    objpool *base = begin(&kinds[i], 10);
    uint64_t timeouts = 0;
    conn *got;
    while (!(got = (conn *)objpool_acquire_for(base, 5 * PING_S * second / 2))) {
      assert_int_equal(errno, ETIMEDOUT);
      assert_true(++timeouts < 10);
    }
    assert_in_range(timeouts, 2, 3);
    assert_int_equal(objpool_snapshot(base).timeouts, timeouts);
    assert_int_equal(created, 1);
    assert_int_equal(pings, 10);
    count_set(&server_down, 0);
    objpool_release(base, got);
    end(base);
  }
}

static void one_that_proves_valid_in_time_is_handed_out(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT_OF(kinds); i++) {
    objpool *base = begin(&kinds[i], MANY);
    count_set(&server_back_after, 3);
    conn *got = (conn *)objpool_acquire_for(base, 9 * PING_S * second / 2);
    assert_non_null(got);
    assert_int_equal(pings, 3);
    assert_int_equal(created, 0);
    assert_int_equal(objpool_snapshot(base).timeouts, 0);
    objpool_release(base, got);
    end(base);
  }
}

/* The timeout does not bound a single validate: what it said yes to is not thrown away. */
static void one_that_proves_valid_too_late_is_handed_out_all_the_same(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT_OF(kinds); i++) {
    objpool *base = begin(&kinds[i], MANY);
    count_set(&server_back_after, 1);
    conn *got = (conn *)objpool_acquire_for(base, PING_S * second / 2);
    assert_non_null(got);
    assert_int_equal(pings, 1);
    assert_int_equal(objpool_snapshot(base).timeouts, 0);
    objpool_release(base, got);
    end(base);
  }
}

static void without_a_deadline_all_are_validated(void **state) {
  static const int64_t timeouts[] = {-1, INT64_MIN, 0, INT64_MAX};
  (void)state;
  for (size_t i = 0; i < COUNT_OF(kinds); i++)
    for (size_t k = 0; k < COUNT_OF(timeouts); k++) {
      objpool *base = begin(&kinds[i], MANY);
      conn *got = (conn *)objpool_acquire_for(base, timeouts[k]);
      assert_non_null(got);
      assert_int_equal(pings, MANY);
      assert_int_equal(created, 1);
      count_set(&server_down, 0);
      objpool_release(base, got);
      end(base);
    }
}

static void typed_calls_and_guards_end_with_it_too(void **state) {
  (void)state;
  begin(&kinds[0], MANY);
  assert_null(conn_pool_acquire_for(&pool, 5 * PING_S * second / 2));
  assert_int_equal(errno, ETIMEDOUT);
  assert_in_range(pings, 3, 4);
  count_set(&pings, 0);
  conn_pool_guard guard = conn_pool_guard_acquire_for(&pool, 5 * PING_S * second / 2);
  assert_int_equal(errno, ETIMEDOUT);
  assert_null(guard.object);
  assert_in_range(pings, 3, 4);
  end(&pool.base);
}

/* One waits at the cap, and what it is handed is dead; its time is up then. The place must not be lost, nor kept from the next. */
typedef struct waiting {
  int64_t timeout_ns;
  conn *got;
  int error;
} waiting;

static void *wait_for_one(void *argument) {
  waiting *mine = (waiting *)argument;
  mine->got = conn_pool_acquire_for(&pool, mine->timeout_ns);
  mine->error = errno;
  return NULL;
}

static void what_a_waiter_was_handed_and_has_no_time_for_goes_to_the_next(void **state) {
  static const size_t cache_sizes[] = {OBJPOOL_NO_CACHE, 8};
  (void)state;
  for (size_t i = 0; i < COUNT_OF(cache_sizes); i++) {
    struct kind kind = {"capped", false, cache_sizes[i], 1};
    waiting first = {PING_S * second / 2, NULL, 0}, second_one = {-1, NULL, 0};
    begin(&kind, 1);
    count_set(&server_down, 0);
    conn *held = conn_pool_acquire(&pool);
    assert_non_null(held);
    pthread_t threads[2];
    threads[0] = start_thread(wait_for_one, &first);
    WAIT_UNTIL(conn_pool_stats(&pool).waiting == 1);
    threads[1] = start_thread(wait_for_one, &second_one);
    WAIT_UNTIL(conn_pool_stats(&pool).waiting == 2);
    count_set(&server_down, 1);
    conn_pool_release(&pool, held);
    join_thread(threads[0]);
    count_set(&server_down, 0);
    if (first.got) conn_pool_release(&pool, first.got); /* or the second would wait for ever */
    join_thread(threads[1]);
    assert_null(first.got);
    assert_int_equal(first.error, ETIMEDOUT);
    assert_non_null(second_one.got);
    assert_int_equal(created, 1);
    objpool_stats stats = conn_pool_stats(&pool);
    assert_int_equal(stats.timeouts, 1);
    assert_int_equal(stats.invalid, 1);
    assert_int_equal(stats.in_use, 1);
    conn_pool_release(&pool, second_one.got);
    end(&pool.base);
  }
}

static void wait_ends_where_the_clock_cannot_be_read(void **state) {
  struct kind kind = {"capped", false, 8, 1};
  (void)state;
  begin(&kind, 0);
  count_set(&server_down, 0);
  conn *held = conn_pool_acquire(&pool);
  assert_non_null(held);
  count_set(&clock_refuses, 1);
  errno = 0;
  conn *got = conn_pool_acquire_for(&pool, second / 100);
  int error = errno;
  count_set(&clock_refuses, 0);
  assert_null(got);
  assert_int_equal(error, ETIMEDOUT);
  conn_pool_release(&pool, held);
  end(&pool.base);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(time_is_up_between_two_validations),
      cmocka_unit_test(the_places_of_those_destroyed_are_free_after_it),
      cmocka_unit_test(every_time_out_destroys_a_few_until_a_new_one_is_made),
      cmocka_unit_test(one_that_proves_valid_in_time_is_handed_out),
      cmocka_unit_test(one_that_proves_valid_too_late_is_handed_out_all_the_same),
      cmocka_unit_test(without_a_deadline_all_are_validated),
      cmocka_unit_test(typed_calls_and_guards_end_with_it_too),
      cmocka_unit_test(what_a_waiter_was_handed_and_has_no_time_for_goes_to_the_next),
      cmocka_unit_test(wait_ends_where_the_clock_cannot_be_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
