/* Waiting at the cap: first come, first served; no wait ends early, none is lost, and what frees an object serves the first.
   The races at the end print how late time-outs and hand-overs are. */
#include "support.h"

#define OBJPOOL_PANIC(message) panic_seen(message)
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

typedef struct thing {
  long owner;
  int64_t released_at;
  bool broken;
} thing;

static long creates_to_refuse, creates_begun;
static long create_is_held; /* while set, create does not return */
static bool create_thing(thing *object, void *context) {
  (void)object, (void)context;
  count_add(&creates_begun, 1);
  while (count_read(&create_is_held)) sleep_ms(1);
  if (count_add(&creates_to_refuse, -1) >= 0) return false;
  return true;
}
static bool is_whole(thing *object, void *context) {
  (void)context;
  return !object->broken;
}

OBJPOOL_DEFINE(thing_pool, thing, opt.create = create_thing, opt.validate = is_whole, opt.validate_on = OBJPOOL_ON_RELEASE);
OBJPOOL_DEFINE(local_pool, thing, opt.local = true);
OBJPOOL_DEFINE(plain_pool, thing);

static thing_pool pool;

static objpool_config capped(size_t cap) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.name = "awaited things";
  config.max_objects = cap;
  config.fair_after_ns = 1; /* nobody is ever overtaken: what that does otherwise, test_overtaking shows */
  return config;
}

static void begin_with_cap(size_t cap) {
  objpool_config config = capped(cap);
  count_set(&creates_to_refuse, 0);
  count_set(&creates_begun, 0);
  count_set(&create_is_held, 0);
  panic_returns = false;
  assert_true(thing_pool_init(&pool, &config));
}

static uint64_t waiting(void) { return thing_pool_stats(&pool).waiting; }

static thing *must_acquire(void) {
  thing *object = thing_pool_acquire(&pool);
  assert_non_null(object);
  return object;
}

/* A thread that waits for an object, notes what came of it, and keeps the object until its gate opens. */
typedef struct waiter {
  pthread_t thread;
  int64_t timeout, took;
  thing *object;
  int error;
  long served, order; /* served: 0 while it waits */
  gate leave;
} waiter;

static long next_order;

static void *wait_keep_release(void *argument) {
  waiter *self = (waiter *)argument;
  int64_t begun = now_ns();
  errno = 0;
  self->object = thing_pool_acquire_for(&pool, self->timeout);
  self->error = errno;
  self->took = now_ns() - begun;
  self->order = count_add(&next_order, 1);
  count_set(&self->served, 1);
  gate_wait(&self->leave);
  thing_pool_release(&pool, self->object);
  return NULL;
}

static bool is_served(const waiter *one) { return count_read(&one->served) != 0; }

static void start_waiter(waiter *one, int64_t timeout) {
  memset(one, 0, sizeof *one);
  one->timeout = timeout;
  gate_make(&one->leave);
  one->thread = start_thread(wait_keep_release, one);
}

/* Starts the waiters so that they queue in the order of the array. None of those already waiting may leave meanwhile; one of the
   new ones whose timeout is short may be gone again before this thread sees it wait. */
static void start_waiters(waiter *waiters, size_t count, int64_t timeout) {
  uint64_t before = waiting();
  count_set(&next_order, 0);
  for (size_t i = 0; i < count; i++) {
    start_waiter(&waiters[i], timeout);
    WAIT_UNTIL(waiting() == before + i + 1 || is_served(&waiters[i]));
  }
}

static void end_waiter(waiter *one) {
  gate_open(&one->leave);
  join_thread(one->thread);
  gate_close(&one->leave);
}

/* Exactly the waiters before `count` are served, in their order. The others stay as they are for a while. */
static void assert_served(const waiter *waiters, size_t count, size_t all) {
  for (size_t i = 0; i < count; i++) {
    WAIT_UNTIL(is_served(&waiters[i]));
    assert_int_equal(waiters[i].order, i + 1);
  }
  if (count < all) {
    sleep_ms(10);
    for (size_t i = count; i < all; i++) assert_false(is_served(&waiters[i]));
    WAIT_UNTIL(waiting() == all - count);
  }
}

static void end_pool(void) {
  objpool_stats stats = thing_pool_stats(&pool);
  assert_int_equal(stats.waiting, 0);
  assert_int_equal(stats.in_use, 0);
  assert_int_equal(stats.created - stats.destroyed - stats.extracted, stats.idle);
  assert_int_equal(stats.acquires - stats.releases - stats.extracted, 0);
  thing_pool_destroy(&pool);
}

static void below_the_cap_nobody_waits(void **state) {
  thing *first, *second;
  (void)state;
  begin_with_cap(2);
  first = thing_pool_acquire_for(&pool, -1);
  second = thing_pool_acquire_for(&pool, 1);
  assert_true(first && second);
  thing_pool_release(&pool, first);
  first = thing_pool_acquire_for(&pool, INT64_MAX);
  assert_non_null(first);
  assert_int_equal(thing_pool_stats(&pool).waits, 0);
  assert_int_equal(thing_pool_stats(&pool).wait_ns, 0);
  thing_pool_release(&pool, first);
  thing_pool_release(&pool, second);
  end_pool();
}

static void wait_ends_with_etimedout_when_time_is_up_and_not_before(void **state) {
  const int64_t timeouts[] = {1, 1000, 1000000, 3000000, 50000000, 250000000};
  thing *object;
  (void)state;
  begin_with_cap(1);
  object = must_acquire();
  for (size_t i = 0; i < COUNT_OF(timeouts); i++) {
    int64_t begun = now_ns(), took;
    errno = 0;
    assert_null(thing_pool_acquire_for(&pool, timeouts[i]));
    took = now_ns() - begun;
    assert_int_equal(errno, ETIMEDOUT);
    assert_true(took >= timeouts[i]);
    assert_true(took < timeouts[i] + INT64_C(5000000000));
    assert_int_equal(thing_pool_stats(&pool).timeouts, i + 1);
  }
  assert_int_equal(thing_pool_stats(&pool).exhausted, 0);
  thing_pool_release(&pool, object);
  end_pool();
}

static void zero_timeout_does_not_wait(void **state) {
  thing *object;
  (void)state;
  begin_with_cap(1);
  object = must_acquire();
  errno = 0;
  assert_null(thing_pool_acquire_for(&pool, 0));
  assert_int_equal(errno, EAGAIN);
  assert_int_equal(thing_pool_stats(&pool).waits, 0);
  assert_int_equal(thing_pool_stats(&pool).timeouts, 0);
  assert_int_equal(thing_pool_stats(&pool).exhausted, 1);
  thing_pool_release(&pool, object);
  end_pool();
}

static void negative_and_huge_timeouts_wait_until_served(void **state) {
  const int64_t timeouts[] = {-1, INT64_MIN, INT64_MAX, INT64_MAX - 1, INT64_MAX / 2};
  (void)state;
  for (size_t i = 0; i < COUNT_OF(timeouts); i++) {
    waiter one;
    thing *object;
    begin_with_cap(1);
    object = must_acquire();
    start_waiters(&one, 1, timeouts[i]);
    sleep_ms(30);
    assert_false(is_served(&one));
    thing_pool_release(&pool, object);
    assert_served(&one, 1, 1);
    assert_ptr_equal(one.object, object);
    assert_true(one.took >= 30000000);
    assert_int_equal(thing_pool_stats(&pool).waits, 1);
    assert_true(thing_pool_stats(&pool).wait_ns >= 30000000);
    assert_int_equal(thing_pool_stats(&pool).timeouts, 0);
    end_waiter(&one);
    end_pool();
  }
}

static void waiters_are_served_in_the_order_they_came_by_releases(void **state) {
  enum { WAITERS = 6 };
  waiter waiters[WAITERS];
  thing *object;
  (void)state;
  begin_with_cap(1);
  object = must_acquire();
  start_waiters(waiters, WAITERS, -1);
  thing_pool_release(&pool, object); /* by the owner, and from then on by the other threads */
  for (size_t i = 0; i < WAITERS; i++) {
    assert_served(waiters, i + 1, WAITERS);
    assert_ptr_equal(waiters[i].object, object);
    end_waiter(&waiters[i]);
  }
  assert_int_equal(thing_pool_stats(&pool).created, 1);
  assert_int_equal(thing_pool_stats(&pool).hits, WAITERS); /* handed over by a release */
  assert_int_equal(thing_pool_stats(&pool).waits, WAITERS);
  end_pool();
}

static void nobody_overtakes_a_waiter(void **state) {
  waiter waiters[2];
  thing *first, *second, *many[2];
  (void)state;
  begin_with_cap(2);
  first = must_acquire();
  second = must_acquire();
  start_waiters(waiters, 2, -1);
  thing_pool_release(&pool, first); /* belongs to the first waiter from this moment, awake or not */
  errno = 0;
  assert_null(thing_pool_acquire(&pool));
  assert_int_equal(errno, EAGAIN);
  assert_null(thing_pool_try_acquire(&pool));
  assert_int_equal(thing_pool_acquire_many(&pool, many, 2), 0);
  assert_null(thing_pool_acquire_for(&pool, 0));
  assert_served(waiters, 1, 2);
  thing_pool_release(&pool, second);
  assert_null(thing_pool_acquire(&pool));
  assert_served(waiters, 2, 2);
  end_waiter(&waiters[0]);
  end_waiter(&waiters[1]);
  end_pool();
}

static void late_waiter_queues_behind_earlier_ones(void **state) {
  waiter waiters[2];
  thing *object;
  (void)state;
  begin_with_cap(1);
  object = must_acquire();
  start_waiters(waiters, 1, -1);
  errno = 0;
  assert_null(thing_pool_acquire_for(&pool, 5000000)); /* comes second, and gives up */
  assert_int_equal(errno, ETIMEDOUT);
  assert_false(is_served(&waiters[0]));
  start_waiters(waiters + 1, 1, -1);
  thing_pool_release(&pool, object);
  WAIT_UNTIL(is_served(&waiters[0]));
  sleep_ms(10);
  assert_false(is_served(&waiters[1]));
  end_waiter(&waiters[0]);
  WAIT_UNTIL(is_served(&waiters[1]));
  end_waiter(&waiters[1]);
  end_pool();
}

static void waiter_that_gave_up_leaves_the_queue_whole(void **state) {
  waiter waiters[3];
  thing *object;
  (void)state;
  begin_with_cap(1);
  object = must_acquire();
  start_waiters(&waiters[0], 1, -1);
  start_waiters(&waiters[1], 1, 500000000); /* the one in the middle */
  start_waiter(&waiters[2], -1);
  WAIT_UNTIL(waiting() == 3 || is_served(&waiters[1])); /* on a busy machine it may have gone by then */
  WAIT_UNTIL(is_served(&waiters[1]));
  assert_null(waiters[1].object);
  assert_int_equal(waiters[1].error, ETIMEDOUT);
  assert_true(waiters[1].took >= 500000000);
  WAIT_UNTIL(waiting() == 2);
  thing_pool_release(&pool, object);
  WAIT_UNTIL(is_served(&waiters[0]));
  assert_false(is_served(&waiters[2]));
  end_waiter(&waiters[0]);
  WAIT_UNTIL(is_served(&waiters[2]));
  assert_ptr_equal(waiters[2].object, object);
  end_waiter(&waiters[2]);
  end_waiter(&waiters[1]);
  end_pool();
}

static void extract_discard_and_invalid_release_serve_with_a_new_object(void **state) {
  waiter waiters[3];
  thing *objects[3], value;
  (void)state;
  begin_with_cap(3);
  for (size_t i = 0; i < 3; i++) objects[i] = must_acquire();
  start_waiters(waiters, 3, -1);
  value = thing_pool_extract(&pool, objects[0]);
  assert_int_equal(value.owner, 0);
  assert_served(waiters, 1, 3);
  thing_pool_discard(&pool, objects[1]);
  assert_served(waiters, 2, 3);
  objects[2]->broken = true;
  thing_pool_release(&pool, objects[2]);
  assert_served(waiters, 3, 3);
  for (size_t i = 0; i < 3; i++) {
    assert_non_null(waiters[i].object);
    end_waiter(&waiters[i]);
  }
  assert_int_equal(thing_pool_stats(&pool).created, 6);
  assert_int_equal(thing_pool_stats(&pool).misses, 6);
  assert_int_equal(thing_pool_stats(&pool).invalid, 2);
  end_pool();
}

static void *acquire_and_fail(void *unused) {
  (void)unused;
  errno = 0;
  CHECK(thing_pool_acquire(&pool) == NULL);
  CHECK(errno == ECANCELED);
  return NULL;
}

static void failed_create_gives_its_reservation_to_the_first_waiter(void **state) {
  waiter waiters[2];
  pthread_t failing;
  (void)state;
  begin_with_cap(1);
  count_set(&create_is_held, 1);
  count_set(&creates_to_refuse, 1);
  failing = start_thread(acquire_and_fail, NULL); /* has the only reservation while create runs */
  WAIT_UNTIL(count_read(&creates_begun) == 1);
  start_waiters(waiters, 2, -1);
  count_set(&create_is_held, 0);
  join_thread(failing);
  assert_served(waiters, 1, 2);
  assert_non_null(waiters[0].object);
  end_waiter(&waiters[0]);
  assert_served(waiters, 2, 2);
  end_waiter(&waiters[1]);
  assert_int_equal(thing_pool_stats(&pool).created, 1);
  assert_int_equal(thing_pool_stats(&pool).create_failures, 1);
  end_pool();
}

static void waiter_whose_create_fails_passes_the_reservation_on(void **state) {
  waiter waiters[3];
  thing *object;
  (void)state;
  begin_with_cap(1);
  object = must_acquire();
  start_waiters(waiters, 3, -1);
  count_set(&creates_to_refuse, 2);
  thing_pool_discard(&pool, object);
  for (size_t i = 0; i < 3; i++) WAIT_UNTIL(is_served(&waiters[i]));
  for (size_t i = 0; i < 2; i++) {
    assert_null(waiters[i].object);
    assert_int_equal(waiters[i].error, ECANCELED);
  }
  assert_non_null(waiters[2].object);
  for (size_t i = 0; i < 3; i++) end_waiter(&waiters[i]);
  assert_int_equal(thing_pool_stats(&pool).create_failures, 2);
  end_pool();
}

static void higher_cap_serves_as_many_waiters(void **state) {
  waiter waiters[5];
  thing *object;
  (void)state;
  begin_with_cap(1);
  object = must_acquire();
  start_waiters(waiters, 5, -1);
  assert_true(thing_pool_resize(&pool, OBJPOOL_UNCHANGED, 3));
  for (size_t i = 0; i < 2; i++) WAIT_UNTIL(is_served(&waiters[i]));
  sleep_ms(10);
  assert_false(is_served(&waiters[2]));
  assert_true(thing_pool_resize(&pool, OBJPOOL_UNCHANGED, 0)); /* no cap: nobody need wait */
  for (size_t i = 2; i < 5; i++) WAIT_UNTIL(is_served(&waiters[i]));
  for (size_t i = 0; i < 5; i++) {
    assert_non_null(waiters[i].object);
    end_waiter(&waiters[i]);
  }
  thing_pool_release(&pool, object);
  end_pool();
}

static void lower_cap_keeps_waiters_waiting_until_there_is_room(void **state) {
  waiter one;
  thing *objects[3];
  (void)state;
  begin_with_cap(3);
  for (size_t i = 0; i < 3; i++) objects[i] = must_acquire();
  start_waiters(&one, 1, -1);
  assert_true(thing_pool_resize(&pool, OBJPOOL_UNCHANGED, 2));
  thing_pool_release(&pool, objects[0]); /* this one is above the cap: two in use are all there may be */
  sleep_ms(20);
  assert_false(is_served(&one));
  thing_pool_release(&pool, objects[1]);
  WAIT_UNTIL(is_served(&one));
  assert_int_equal(thing_pool_stats(&pool).in_use, 2);
  end_waiter(&one);
  thing_pool_release(&pool, objects[2]);
  end_pool();
}

/* A thread whose last act, in a thread-exit destructor, is to release what it holds. */
static pthread_key_t held_object;
static void release_held(void *object) { thing_pool_release(&pool, (thing *)object); }
static void *hold_until_thread_exit(void *argument) {
  thing *object = thing_pool_acquire(&pool);
  CHECK(object);
  CHECK(pthread_setspecific(held_object, object) == 0);
  gate_open(&((gate *)argument)[0]);
  gate_wait(&((gate *)argument)[1]);
  return NULL;
}

static void thread_exit_serves_in_order(void **state) {
  waiter waiters[2];
  pthread_t holder;
  gate gates[2];
  (void)state;
  assert_int_equal(pthread_key_create(&held_object, release_held), 0);
  begin_with_cap(1);
  gate_make(&gates[0]);
  gate_make(&gates[1]);
  holder = start_thread(hold_until_thread_exit, gates);
  gate_wait(&gates[0]);
  start_waiters(waiters, 2, -1);
  gate_open(&gates[1]);
  join_thread(holder);
  assert_served(waiters, 1, 2);
  end_waiter(&waiters[0]);
  assert_served(waiters, 2, 2);
  end_waiter(&waiters[1]);
  end_pool();
  gate_close(&gates[0]);
  gate_close(&gates[1]);
  assert_int_equal(pthread_key_delete(held_object), 0);
}

/* A thread that acquires, releases into its own cache, and blocks in read(). */
static void *release_then_block(void *argument) {
  gate *gates = (gate *)argument;
  thing *object = thing_pool_acquire(&pool);
  CHECK(object);
  gate_open(&gates[0]);
  gate_wait(&gates[1]);
  thing_pool_release(&pool, object);
  gate_open(&gates[0]);
  gate_wait(&gates[1]);
  return NULL;
}

static void object_in_the_cache_of_a_blocked_thread_is_handed_over(void **state) {
  gate gates[2];
  pthread_t holder;
  thing *object;
  waiter one;
  (void)state;
  for (int waits_first = 0; waits_first < 2; waits_first++) {
    begin_with_cap(1);
    gate_make(&gates[0]);
    gate_make(&gates[1]);
    holder = start_thread(release_then_block, gates);
    gate_wait(&gates[0]);
    if (waits_first) start_waiters(&one, 1, INT64_C(20000000000));
    gate_open(&gates[1]);
    gate_wait(&gates[0]); /* it has released, and is blocked or about to be */
    if (waits_first) {
      WAIT_UNTIL(is_served(&one));
      assert_non_null(one.object);
      assert_true(one.took < INT64_C(10000000000));
      end_waiter(&one);
    } else {
      object = thing_pool_acquire_for(&pool, 1);
      assert_non_null(object);
      assert_int_equal(thing_pool_stats(&pool).waits, 0);
      thing_pool_release(&pool, object);
    }
    gate_open(&gates[1]);
    join_thread(holder);
    end_pool();
    gate_close(&gates[0]);
    gate_close(&gates[1]);
  }
}

static long rounds_done;
static void *release_at_random_then_block(void *argument) {
  gate *gates = (gate *)argument;
  uint64_t seed = 99;
  for (;;) {
    thing *object;
    gate_wait(&gates[1]);
    if (count_read(&rounds_done)) return NULL;
    object = thing_pool_acquire(&pool);
    CHECK(object);
    gate_open(&gates[0]);
    for (size_t i = random_below(&seed, 20000); i > 0; i--) __asm__ volatile("");
    thing_pool_release(&pool, object);
  }
}

static void release_that_races_the_begin_of_a_wait_is_never_missed(void **state) {
  gate gates[2];
  pthread_t other;
  uint64_t seed = 5;
  (void)state;
  begin_with_cap(1);
  gate_make(&gates[0]);
  gate_make(&gates[1]);
  count_set(&rounds_done, 0);
  other = start_thread(release_at_random_then_block, gates);
  for (int round = 0; round < SCALED(5000, 2000, 1000); round++) {
    thing *object;
    gate_open(&gates[1]);
    gate_wait(&gates[0]);
    for (size_t i = random_below(&seed, 20000); i > 0; i--) __asm__ volatile("");
    object = thing_pool_acquire_for(&pool, INT64_C(20000000000)); /* a missed release would make this time out */
    assert_non_null(object);
    thing_pool_release(&pool, object);
  }
  count_set(&rounds_done, 1);
  gate_open(&gates[1]);
  join_thread(other);
  end_pool();
  gate_close(&gates[0]);
  gate_close(&gates[1]);
}

static void note_signal(int number) { (void)number; }

static void signals_do_not_end_a_wait(void **state) {
  struct sigaction action, old;
  waiter one;
  thing *object;
  (void)state;
  memset(&action, 0, sizeof action);
  action.sa_handler = note_signal; /* without SA_RESTART: system calls end with EINTR */
  assert_int_equal(sigaction(SIGUSR1, &action, &old), 0);
  for (int limited = 0; limited < 2; limited++) {
    begin_with_cap(1);
    object = must_acquire();
    start_waiters(&one, 1, limited ? 100000000 : -1);
    for (int i = 0; i < 20; i++) {
      assert_int_equal(pthread_kill(one.thread, SIGUSR1), 0);
      sleep_ms(1);
    }
    if (limited) {
      WAIT_UNTIL(is_served(&one));
      assert_int_equal(one.error, ETIMEDOUT);
      assert_true(one.took >= 100000000);
      thing_pool_release(&pool, object);
    } else {
      assert_false(is_served(&one));
      thing_pool_release(&pool, object);
      WAIT_UNTIL(is_served(&one));
      assert_non_null(one.object);
    }
    end_waiter(&one);
    end_pool();
  }
  assert_int_equal(sigaction(SIGUSR1, &old, NULL), 0);
}

static void local_pool_at_its_cap_does_not_wait(void **state) {
  static local_pool local;
  objpool_config config = capped(1);
  thing *object;
  (void)state;
  assert_true(local_pool_init(&local, &config));
  object = local_pool_acquire_for(&local, -1); /* below the cap there is nothing to wait for */
  assert_non_null(object);
  errno = 0;
  assert_null(local_pool_acquire_for(&local, -1));
  assert_int_equal(errno, EDEADLK);
  errno = 0;
  assert_null(local_pool_acquire_for(&local, 1000000000));
  assert_int_equal(errno, EDEADLK);
  errno = 0;
  assert_null(local_pool_acquire_for(&local, 0));
  assert_int_equal(errno, EAGAIN);
  assert_int_equal(local_pool_stats(&local).waits, 0);
  local_pool_release(&local, object);
  local_pool_destroy(&local);
}

static void call_destroy(void *destroyed, void *unused) {
  (void)unused;
  thing_pool_destroy((thing_pool *)destroyed);
}

static void destroy_with_waiters_panics_and_says_so(void **state) {
  waiter one;
  thing *object;
  (void)state;
  begin_with_cap(1);
  object = must_acquire();
  start_waiters(&one, 1, -1);
  for (int returns = 0; returns < 2; returns++) {
    panic_returns = returns;
    assert_true(panics(call_destroy, &pool, NULL));
    assert_non_null(strstr(panic_message, "awaited things"));
    assert_non_null(strstr(panic_message, "wait"));
    assert_false(is_served(&one));
    assert_int_equal(waiting(), 1);
  }
  panic_returns = false;
  thing_pool_release(&pool, object); /* the call had no effect: the waiter is served */
  WAIT_UNTIL(is_served(&one));
  assert_ptr_equal(one.object, object);
  end_waiter(&one);
  end_pool();
}

static void waiting_is_counted_and_reported(void **state) {
  waiter waiters[3];
  char text[8000];
  thing *object;
  (void)state;
  begin_with_cap(1);
  object = must_acquire();
  start_waiters(waiters, 3, -1);
  assert_int_equal(thing_pool_stats(&pool).waiting, 3);
  assert_true(objpool_report(&pool.base, text, sizeof text) > 0);
  assert_non_null(strstr(text, "wait"));
  thing_pool_reset_stats(&pool);
  assert_int_equal(thing_pool_stats(&pool).waiting, 3); /* they still do */
  thing_pool_release(&pool, object);
  for (size_t i = 0; i < 3; i++) {
    WAIT_UNTIL(is_served(&waiters[i]));
    end_waiter(&waiters[i]);
  }
  assert_int_equal(thing_pool_stats(&pool).waiting, 0);
  thing_pool_destroy(&pool);
}

static void *wait_until_told(void *unused) {
  thing *object = thing_pool_acquire_for(&pool, -1);
  CHECK(object);
  thing_pool_release(&pool, object);
  return unused;
}

static void a_wait_that_began_before_a_reset_counts_from_it(void **state) {
  (void)state;
  begin_with_cap(1);
  thing *only = must_acquire();
  pthread_t other = start_thread(wait_until_told, NULL);
  WAIT_UNTIL(waiting() == 1);
  sleep_ms(300);
  assert_true(thing_pool_stats(&pool).wait_ns >= 300000000);
  int64_t reset_at = now_ns();
  objpool_reset_stats(&pool.base);
  uint64_t waited = thing_pool_stats(&pool).wait_ns;
  assert_true(waited <= (uint64_t)(now_ns() - reset_at));
  thing_pool_release(&pool, only);
  join_thread(other);
  waited = thing_pool_stats(&pool).wait_ns;
  assert_true(waited > 0 && waited <= (uint64_t)(now_ns() - reset_at));
  only = must_acquire();
  other = start_thread(wait_until_told, NULL); /* the next one counts from its own beginning */
  WAIT_UNTIL(waiting() == 1);
  waited = thing_pool_stats(&pool).wait_ns;
  assert_true(waited <= (uint64_t)(now_ns() - reset_at));
  thing_pool_release(&pool, only);
  join_thread(other);
  thing_pool_destroy(&pool);
}

static void waiting_works_without_the_type_and_by_guard(void **state) {
  thing *object;
  (void)state;
  begin_with_cap(1);
  object = (thing *)objpool_acquire_for(&pool.base, -1);
  assert_non_null(object);
  errno = 0;
  assert_null(objpool_acquire_for(&pool.base, 3000000));
  assert_int_equal(errno, ETIMEDOUT);
  {
    OBJPOOL_SCOPED(thing_pool) guard = thing_pool_guard_acquire_for(&pool, 3000000);
    assert_int_equal(errno, ETIMEDOUT);
    assert_null(guard.object);
  }
  objpool_release(&pool.base, object);
  {
    OBJPOOL_SCOPED(thing_pool) guard = thing_pool_guard_acquire_for(&pool, 3000000);
    assert_non_null(guard.object);
  }
  assert_int_equal(thing_pool_stats(&pool).timeouts, 2);
  end_pool();
}

/* Timed waits race releases. Each thread notes how late its time-outs were, and how long objects took from hand to hand. */
enum { THREADS = 8 };

typedef struct times {
  int64_t *values;
  size_t count, room;
} times;

static void note_time(times *noted, int64_t value) {
  if (noted->count < noted->room) noted->values[noted->count++] = value;
}

typedef struct racer {
  plain_pool *pool;
  long id, waits;
  long timeouts, served, early;
  times lateness, hand_over;
} racer;

static void *race(void *argument) {
  racer *self = (racer *)argument;
  uint64_t seed = UINT64_C(0x9e3779b97f4a7c15) * (uint64_t)self->id;
  for (long i = 0; i < self->waits; i++) {
    uint64_t number = random_next(&seed) >> 16;
    int64_t timeout = number % 16 == 0 ? -1 : (int64_t)(number >> 4) % (number & 16 ? 1000 : 50000) + 1;
    int64_t begun = now_ns(), now;
    thing *object = plain_pool_acquire_for(self->pool, timeout);
    now = now_ns();
    if (object) {
      long nobody = 0, me = self->id;
      CHECK(__atomic_compare_exchange_n(&object->owner, &nobody, self->id, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
      if (object->released_at > begun) note_time(&self->hand_over, now - object->released_at);
      self->served++;
      for (uint64_t work = number >> 40 & 255; work > 0; work--) __asm__ volatile("");
      CHECK(__atomic_compare_exchange_n(&object->owner, &me, 0, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
      object->released_at = now_ns();
      plain_pool_release(self->pool, object);
    } else {
      CHECK(errno == ETIMEDOUT && timeout > 0);
      self->timeouts++;
      if (now - begun < timeout) self->early++;
      note_time(&self->lateness, now - begun - timeout);
    }
  }
  return NULL;
}

static int compare_times(const void *a, const void *b) {
  int64_t first = *(const int64_t *)a, second = *(const int64_t *)b;
  return (first > second) - (first < second);
}

static void print_percentiles(const char *what, times *noted) {
  if (noted->count == 0) {
    print_message("    %s: none\n", what);
    return;
  }
  qsort(noted->values, noted->count, sizeof *noted->values, compare_times);
  print_message("    %s: 50th percentile %.1f us, 99th %.1f us, of %zu\n", what,
                (double)noted->values[noted->count / 2] / 1e3, (double)noted->values[noted->count * 99 / 100] / 1e3,
                noted->count);
}

static void timed_waits_race_releases(size_t cap, long waits) {
  static plain_pool raced;
  objpool_config config = capped(cap);
  racer racers[THREADS];
  pthread_t threads[THREADS];
  times lateness = {NULL, 0, 0}, hand_over = {NULL, 0, 0};
  uint64_t served = 0, timeouts = 0;
  long early = 0;
  objpool_stats stats;
  assert_true(plain_pool_init(&raced, &config));
  lateness.room = hand_over.room = (size_t)waits;
  lateness.values = (int64_t *)malloc(lateness.room * sizeof(int64_t));
  hand_over.values = (int64_t *)malloc(hand_over.room * sizeof(int64_t));
  assert_true(lateness.values && hand_over.values);
  memset(racers, 0, sizeof racers);
  for (int i = 0; i < THREADS; i++) {
    size_t share = (size_t)(waits / THREADS);
    racers[i].pool = &raced;
    racers[i].id = i + 1;
    racers[i].waits = waits / THREADS;
    racers[i].lateness.room = racers[i].hand_over.room = share;
    racers[i].lateness.values = lateness.values + share * (size_t)i;
    racers[i].hand_over.values = hand_over.values + share * (size_t)i;
    threads[i] = start_thread(race, &racers[i]);
  }
  for (int i = 0; i < THREADS; i++) {
    join_thread(threads[i]);
    served += (uint64_t)racers[i].served;
    timeouts += (uint64_t)racers[i].timeouts;
    early += racers[i].early;
    memmove(lateness.values + lateness.count, racers[i].lateness.values, racers[i].lateness.count * sizeof(int64_t));
    lateness.count += racers[i].lateness.count;
    memmove(hand_over.values + hand_over.count, racers[i].hand_over.values,
            racers[i].hand_over.count * sizeof(int64_t));
    hand_over.count += racers[i].hand_over.count;
  }
  stats = plain_pool_stats(&raced);
  print_message("    cap %zu: %" PRIu64 " served, %" PRIu64 " timed out, %" PRIu64 " waited\n", cap, served, timeouts,
                stats.waits);
  print_percentiles("time-outs late by", &lateness);
  print_percentiles("hand-over took", &hand_over);
  assert_int_equal(early, 0);
  assert_int_equal(stats.acquires, served);
  assert_int_equal(stats.releases, served);
  assert_int_equal(stats.timeouts, timeouts);
  assert_true(stats.waits >= timeouts);
  assert_true(stats.created <= cap);
  assert_int_equal(stats.waiting, 0);
  assert_int_equal(stats.in_use, 0);
  assert_int_equal(stats.idle, stats.created);
  assert_int_equal(stats.exhausted, 0);
  plain_pool_destroy(&raced);
  free(lateness.values);
  free(hand_over.values);
}

static void no_wake_up_is_lost_none_early_and_no_object_in_two_hands(void **state) {
  (void)state;
  timed_waits_race_releases(1, SCALED(300000L, 100000L, 30000L));
  timed_waits_race_releases(2, SCALED(300000L, 100000L, 30000L));
  timed_waits_race_releases(7, SCALED(400000L, 100000L, 40000L));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(below_the_cap_nobody_waits),
      cmocka_unit_test(wait_ends_with_etimedout_when_time_is_up_and_not_before),
      cmocka_unit_test(zero_timeout_does_not_wait),
      cmocka_unit_test(negative_and_huge_timeouts_wait_until_served),
      cmocka_unit_test(waiters_are_served_in_the_order_they_came_by_releases),
      cmocka_unit_test(nobody_overtakes_a_waiter),
      cmocka_unit_test(late_waiter_queues_behind_earlier_ones),
      cmocka_unit_test(waiter_that_gave_up_leaves_the_queue_whole),
      cmocka_unit_test(extract_discard_and_invalid_release_serve_with_a_new_object),
      cmocka_unit_test(failed_create_gives_its_reservation_to_the_first_waiter),
      cmocka_unit_test(waiter_whose_create_fails_passes_the_reservation_on),
      cmocka_unit_test(higher_cap_serves_as_many_waiters),
      cmocka_unit_test(lower_cap_keeps_waiters_waiting_until_there_is_room),
      cmocka_unit_test(thread_exit_serves_in_order),
      cmocka_unit_test(object_in_the_cache_of_a_blocked_thread_is_handed_over),
      cmocka_unit_test(release_that_races_the_begin_of_a_wait_is_never_missed),
      cmocka_unit_test(signals_do_not_end_a_wait),
      cmocka_unit_test(local_pool_at_its_cap_does_not_wait),
      cmocka_unit_test(destroy_with_waiters_panics_and_says_so),
      cmocka_unit_test(waiting_is_counted_and_reported),
      cmocka_unit_test(a_wait_that_began_before_a_reset_counts_from_it),
      cmocka_unit_test(waiting_works_without_the_type_and_by_guard),
      cmocka_unit_test(no_wake_up_is_lost_none_early_and_no_object_in_two_hands),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
