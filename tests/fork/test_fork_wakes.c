/* A fork in the wake of an event loop, whatever call it comes from: slots are held closed neither in the parent nor in the child
   when that call has ended. Each call is stopped before each lock that it takes with no other, until somebody waits in the loop
   and another thread has made something for it, and stops before it hands that over: so the call does, and wakes. */
#include "support.h"

static int seen_lock(pthread_mutex_t *lock);
static int seen_unlock(pthread_mutex_t *lock);
static bool seen_set(void *lock);
static void seen_clear(void *lock);
#define pthread_mutex_lock(lock) seen_lock(lock)
#define pthread_mutex_unlock(lock) seen_unlock(lock)
#define __atomic_test_and_set(lock, order) seen_set(lock)
#define __atomic_clear(lock, order) seen_clear(lock)
#define OBJPOOL_IMPLEMENTATION
#include "pools.h"
#undef pthread_mutex_lock
#undef pthread_mutex_unlock
#undef __atomic_test_and_set
#undef __atomic_clear

typedef struct thing {
  long number;
} thing;

static bool look(thing *object, void *context) { return (void)context, object != NULL; }
OBJPOOL_DEFINE(thing_pool, thing, opt.timed = true, opt.validate = look, opt.validate_on = OBJPOOL_ON_MAINTAIN);

enum { CAP = 8, CACHED = 2 }; /* so many a slot holds, and all that may be idle: an open one is granted all the room */
static thing_pool pool;
static thing *held[CAP];
static size_t held_count;

/* ---- locks */

static __thread int locks_held;
static __thread bool calls, discards; /* this thread makes the call; or something for who waits */
static long stop, stops;              /* the caller stops at this one of so many */
static void (*meanwhile)(void);
static long at_the_lock, goes_on;

static void stop_before_a_lock(void) {
  if (locks_held) return;
  if (calls && stops++ == stop) {
    calls = false;
    meanwhile();
    calls = true;
  }
  if (discards && __atomic_load_n(&pool.base.state->limits.alive, __ATOMIC_SEQ_CST) < CAP) {
    discards = false;
    count_set(&at_the_lock, 1);
    WAIT_UNTIL(count_read(&goes_on));
  }
}

static int seen_lock(pthread_mutex_t *lock) {
  stop_before_a_lock();
  locks_held++;
  return pthread_mutex_lock(lock);
}
static int seen_unlock(pthread_mutex_t *lock) {
  locks_held--;
  return pthread_mutex_unlock(lock);
}
static bool is_lock(const void *lock) { /* while a pool is maintained, hooks run */
  return !pool.base.state || lock != &pool.base.state->fleet.maintaining;
}
static bool seen_set(void *lock) {
  bool was_set = __atomic_test_and_set((char *)lock, __ATOMIC_ACQUIRE);
  locks_held += !was_set && is_lock(lock);
  return was_set;
}
static void seen_clear(void *lock) {
  locks_held -= is_lock(lock);
  __atomic_clear((char *)lock, __ATOMIC_RELEASE);
}

/* ---- who waits, and is woken */

static objpool_loop loop;
static thing_pool_waiter waiter;
static long forks; /* of wakes within the call */
static pid_t forked;

static void wake(void *unused) {
  (void)unused;
  if (!calls || forked >= 0) return;
  forks++;
  forked = fork();
  CHECK(forked >= 0);
  if (forked == 0) alarm(HANGS_AFTER);
}

static void ready(thing_pool_waiter *told, thing *object, int error) {
  (void)told;
  CHECK(object ? error == 0 : error == OBJPOOL_ECLOSED);
  thing_pool_release(&pool, object);
}

static bool waits_in_the_loop(void) {
  thing *object = thing_pool_acquire_async(&pool, &waiter, &loop, -1, ready);
  CHECK(object || errno == EINPROGRESS || errno == OBJPOOL_ECLOSED);
  thing_pool_release(&pool, object);
  return !object && errno == EINPROGRESS;
}
static void wait_in_the_loop(void) { (void)waits_in_the_loop(); }

static void *discard_one(void *object) {
  discards = true;
  thing_pool_discard(&pool, (thing *)object);
  return NULL;
}

static pthread_t discarder;
static bool discarding;

/* Nobody gets to what it makes before who waits, whose time has come at once. */
static void wait_and_make_something(void) {
  if (held_count < CAP) return; /* then it would not wait */
  CHECK(waits_in_the_loop());
  discarding = true;
  discarder = start_thread(discard_one, held[--held_count]);
  WAIT_UNTIL(count_read(&at_the_lock));
}

/* ---- pools, and calls */

static long filled, may_end;
static void *fill_the_slot_and_empty_it(void *unused) { /* which has all the room then */
  while (!__atomic_load_n(&pool.base.state->gate.open_slots, __ATOMIC_SEQ_CST)) {
    OBJPOOL__STORE(pool.base.state->gate.calm_in, 0);
    thing_pool_release(&pool, held[0]);
    CHECK((held[0] = thing_pool_acquire(&pool)) != NULL);
  }
  count_set(&filled, 1);
  WAIT_UNTIL(count_read(&may_end));
  return unused;
}

static pthread_t other;
static void begin(void) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.max_objects = CAP;
  config.max_idle = config.cache_size = CACHED;
  config.fair_after_ns = 1;
  CHECK(thing_pool_init(&pool, &config) && objpool_loop_init(&loop, wake, NULL));
  memset(&waiter, 0, sizeof waiter);
  CHECK(thing_pool_acquire_many(&pool, held, CAP) == CAP);
  held_count = CAP;
  objpool__hold(pool.base.state); /* the slot of this thread is closed */
  objpool__unhold(&pool.base.state->gate);
  stops = 0;
  forked = -1;
  discarding = false;
  count_set(&at_the_lock, 0);
  count_set(&goes_on, 0);
  count_set(&filled, 0);
  count_set(&may_end, 0);
  other = start_thread(fill_the_slot_and_empty_it, NULL);
  WAIT_UNTIL(count_read(&filled));
}

static void nothing_is_held(void) {
  CHECK(pool.base.state->gate.hold == pool.base.state->queue.waiting);
  if (forked == 0) CHECK(pool.base.state->queue.waiting == 0);
}

static void end(void) {
  nothing_is_held();
  if (forked == 0) {
    if (!pool.base.state->limits.closed) CHECK(thing_pool_resize(&pool, 100, 0));
    thing_pool_release_many(&pool, held, held_count);
    if (!pool.base.state->limits.closed) CHECK(thing_pool_warmup(&pool, 60) >= 50);
    if (!pool.base.state->limits.closed) slots_open_again(&pool.base);
    _exit(0);
  }
  int status = 0;
  if (forked > 0) CHECK(waitpid(forked, &status, 0) == forked);
  CHECK(EXITED_WELL(status));
  count_set(&goes_on, 1);
  count_set(&may_end, 1);
  if (discarding) join_thread(discarder);
  join_thread(other);
  while (waiter.base.loop) CHECK(objpool_loop_run(&loop, 10) <= 1);
  thing_pool_release_many(&pool, held, held_count);
  CHECK(thing_pool_stats(&pool).in_use == 0);
  nothing_is_held();
  objpool_loop_destroy(&loop);
  thing_pool_destroy(&pool);
}

static void acquire(void) {
  thing *object = thing_pool_acquire(&pool);
  thing_pool_release(&pool, object);
}
static void acquire_for(void) { /* behind who waits in the loop: nothing is left for it */
  thing *object = thing_pool_acquire_for(&pool, 10000000);
  if (!object) CHECK(errno == ETIMEDOUT);
  thing_pool_release(&pool, object);
}
static void trim(void) { (void)thing_pool_trim(&pool, 0); }
static void refresh(void) { (void)thing_pool_refresh(&pool); }
static void maintain(void) { (void)objpool_maintain(&pool.base); }
static void release(void) { thing_pool_release(&pool, held[--held_count]); }
static void close_it(void) { thing_pool_close(&pool); }

/* Its wake comes from this call at one of its locks, at least. */
static void call_forks_in_a_wake(void (*call)(void), void (*then)(void)) {
  bool more = true;
  alarm(HANGS_AFTER);
  forks = 0;
  meanwhile = then;
  for (stop = 0; more; stop++) {
    begin();
    calls = true;
    call();
    calls = false;
    more = stops > stop;
    end();
  }
  CHECK(forks > 0);
  alarm(0);
}

static void acquire_that_wakes_may_fork(void **state) {
  (void)state;
  call_forks_in_a_wake(acquire, wait_and_make_something);
}
static void acquire_that_waits_and_wakes_may_fork(void **state) {
  (void)state;
  call_forks_in_a_wake(acquire_for, wait_and_make_something);
}
static void trim_that_wakes_may_fork(void **state) {
  (void)state;
  call_forks_in_a_wake(trim, wait_and_make_something);
}
static void refresh_that_wakes_may_fork(void **state) {
  (void)state;
  call_forks_in_a_wake(refresh, wait_and_make_something);
}
static void maintain_that_wakes_may_fork(void **state) {
  (void)state;
  call_forks_in_a_wake(maintain, wait_and_make_something);
}
static void release_that_wakes_may_fork(void **state) {
  (void)state;
  call_forks_in_a_wake(release, wait_in_the_loop);
}
static void close_that_wakes_may_fork(void **state) {
  (void)state;
  call_forks_in_a_wake(close_it, wait_in_the_loop);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(acquire_that_wakes_may_fork),
      cmocka_unit_test(acquire_that_waits_and_wakes_may_fork),
      cmocka_unit_test(trim_that_wakes_may_fork),
      cmocka_unit_test(refresh_that_wakes_may_fork),
      cmocka_unit_test(maintain_that_wakes_may_fork),
      cmocka_unit_test(release_that_wakes_may_fork),
      cmocka_unit_test(close_that_wakes_may_fork),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
