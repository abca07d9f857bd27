/* Waiters without a thread: they stand in the same line as threads, and are told by their event loop. The pool's clock is the machine's
   and what a test adds to it, so that no timeout depends on how busy the machine is. */
#include "support.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/resource.h>

static long added_s, stopped;           /* the clock stands still at that second */
static __thread void (*in_clock)(void); /* called whenever this thread looks at it */
static int clock_with_more(clockid_t clock, struct timespec *now) {
  int result = clock_gettime(clock, now);
  if (count_read(&stopped)) {
    now->tv_sec = count_read(&stopped);
    now->tv_nsec = 0;
  }
  now->tv_sec += count_read(&added_s);
  if (in_clock) in_clock();
  return result;
}
#define clock_gettime(clock, now) clock_with_more(clock, now)
#define OBJPOOL_PANIC(message) panic_seen(message)
#define OBJPOOL_IMPLEMENTATION
#include "thing.h"
#undef clock_gettime

static const int64_t second = INT64_C(1000000000);

static long created, destroyed, refuses, invalid;
static bool is_created(thing *object, void *context) {
  (void)object, (void)context;
  if (count_read(&refuses)) return false;
  count_add(&created, 1);
  return true;
}
static bool is_valid(thing *object, void *context) {
  (void)object, (void)context;
  if (!count_read(&invalid)) return true;
  count_add(&invalid, -1);
  return false;
}
static void is_destroyed(thing *object, void *context) {
  (void)object, (void)context;
  count_add(&destroyed, 1);
  errno = 78;
}

#define HOOKS \
  opt.create = is_created, opt.validate = is_valid, opt.validate_on = OBJPOOL_ON_ACQUIRE, opt.destroy = is_destroyed
OBJPOOL_DEFINE(thing_pool, thing, HOOKS);
OBJPOOL_DEFINE(plain_pool, thing);
OBJPOOL_DEFINE(local_pool, thing, HOOKS, opt.local = true);
OBJPOOL_DEFINE(plain_local_pool, thing, opt.local = true);
OBJPOOL_DEFINE(wiping_pool, thing, HOOKS, opt.wipe = true);
OBJPOOL_DEFINE(handle_pool, thing, HOOKS, opt.handles = true);

/* Pools of each kind, with two objects at most, by the functions without the type. */
enum { CACHED, UNCACHED, BOUNDED, PLAIN, PLAIN_UNCACHED, WIPING, HANDLES, LOCAL, PLAIN_LOCAL, KINDS, CAP = 2, LARGE = 100 };
static thing_pool pool;
static plain_pool plain;
static local_pool local;
static plain_local_pool plain_local;
static wiping_pool wiping;
static handle_pool handles;

static uint64_t fairness;
static objpool *begin_with(int kind, size_t max_objects) {
  objpool_config config = defaults();
  config.fair_after_ns = fairness;
  config.name = "loops";
  config.max_objects = max_objects;
  config.cache_size = kind == CACHED ? 8 : OBJPOOL_NO_CACHE;
  count_set(&created, 0), count_set(&destroyed, 0), count_set(&refuses, 0), count_set(&invalid, 0);
  switch (kind) {
  case PLAIN: CHECK(plain_pool_init(&plain, &config)); return &plain.base;
  case PLAIN_UNCACHED:
    config.max_objects = LARGE; /* as below */
    CHECK(plain_pool_init(&plain, &config) && plain_pool_resize(&plain, OBJPOOL_UNCHANGED, max_objects));
    return &plain.base;
  case WIPING: CHECK(wiping_pool_init(&wiping, &config)); return &wiping.base;
  case HANDLES: CHECK(handle_pool_init(&handles, &config)); return &handles.base;
  case LOCAL: CHECK(local_pool_init(&local, &config)); return &local.base;
  case PLAIN_LOCAL: CHECK(plain_local_pool_init(&plain_local, &config)); return &plain_local.base;
  default: break;
  }
  if (kind == UNCACHED) config.max_objects = LARGE; /* no word has so many bits */
  CHECK(thing_pool_init(&pool, &config));
  if (kind == UNCACHED) CHECK(thing_pool_resize(&pool, OBJPOOL_UNCHANGED, max_objects));
  return &pool.base;
}
static bool has_hooks(int kind) { return kind != PLAIN && kind != PLAIN_UNCACHED && kind != PLAIN_LOCAL; }
static objpool *begin(int kind) { return begin_with(kind, CAP); }

/* What happened to waiters, in its order. */
typedef struct request {
  objpool_waiter waiter;
  int number, error, told;
  void *object;
} request;
static int order[64], orders;

static void note(objpool_waiter *waiter, void *object, int error) {
  request *noted = (request *)waiter;
  CHECK(waiter->user == &order);
  CHECK(!object == (error != 0));
  noted->object = object;
  noted->error = error;
  noted->told++;
  if (orders < (int)COUNT_OF(order)) order[orders++] = noted->number;
}

static objpool_loop loop;
static long wakes;
static void wake(void *user) { count_add((long *)user, 1); }

static void loop_begins(void) {
  count_set(&wakes, 0);
  orders = 0;
  CHECK(objpool_loop_init(&loop, wake, &wakes));
}
static size_t run(void) { return objpool_loop_run(&loop, SIZE_MAX); }

static void make_requests(request *requests, int count) {
  memset(requests, 0, (size_t)count * sizeof *requests);
  for (int i = 0; i < count; i++) {
    requests[i].number = i;
    requests[i].waiter.user = &order;
  }
}
static void stand_in_line(objpool *from, request *waits, int64_t timeout_ns) {
  errno = 0;
  assert_null(objpool_acquire_async(from, &waits->waiter, &loop, timeout_ns, note));
  assert_int_equal(errno, EINPROGRESS);
}
static void take_all(objpool *from, void **objects, int count) {
  for (int i = 0; i < count; i++) assert_non_null(objects[i] = objpool_acquire(from));
}

/* A pool whose objects are all out, and requests that do not wait yet. */
static objpool *begin_full(int kind, void **out, request *requests, int count) {
  objpool *from = begin(kind);
  loop_begins();
  make_requests(requests, count);
  take_all(from, out, CAP);
  return from;
}
/* The same, and they all wait. */
static objpool *begin_with_waiters(int kind, void **out, request *requests, int count, int64_t timeout_ns) {
  objpool *from = begin_full(kind, out, requests, count);
  for (int i = 0; i < count; i++) stand_in_line(from, &requests[i], timeout_ns);
  return from;
}
static void end(objpool *ended) {
  objpool_stats stats = objpool_snapshot(ended);
  counts_add_up(&stats);
  assert_int_equal(stats.in_use, 0);
  assert_int_equal(stats.waiting, 0);
  objpool_histogram waited = objpool_times(ended, OBJPOOL_TIME_WAIT);
  assert_true(stats.waits == waited.count);
  assert_true(stats.wait_ns == waited.sum_ns);
  errno = 77;
  objpool_close(ended);
  assert_true(objpool_drain(ended, 0));
  assert_int_equal(errno, 77);
  objpool_destroy(ended);
  assert_int_equal(objpool_loop_next_ns(&loop), -1);
  objpool_loop_destroy(&loop);
  assert_true(all_zero(&loop, sizeof loop));
  count_set(&added_s, 0);
}

static void object_at_once_if_there_is_one_else_from_run_in_the_order_of_queueing(void **unused) {
  (void)unused;
  for (int kind = 0; kind < KINDS; kind++) {
    objpool *from = begin(kind);
    request requests[5];
    void *out[CAP];
    loop_begins();
    make_requests(requests, 5);
    for (int i = 0; i < CAP; i++) {
      out[i] = objpool_acquire_async(from, &requests[0].waiter, &loop, -1, note);
      assert_non_null(out[i]);
    }
    for (int i = 0; i < 5; i++) stand_in_line(from, &requests[i], i % 2 ? -1 : second);
    assert_int_equal(objpool_snapshot(from).waiting, 5);
    assert_int_equal(objpool_snapshot(from).waits, 5);
    assert_int_equal(run(), 0);
    assert_int_equal(count_read(&wakes), 0);
    objpool_release(from, out[0]);
    objpool_discard(from, out[1]);
    assert_int_equal(count_read(&wakes), 2);
    assert_int_equal(objpool_snapshot(from).waiting, 3);
    assert_int_equal(orders, 0); /* from run only */
    assert_int_equal(objpool_loop_next_ns(&loop), 0);
    errno = 0;
    assert_null(objpool_acquire(from)); /* what was handed over is theirs */
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(run(), 2);
    assert_int_equal(run(), 0);
    for (int i = 2; i < 5; i++) {
      objpool_release(from, requests[i - 2].object);
      assert_int_equal(count_read(&wakes), i + 1);
      assert_int_equal(run(), 1);
    }
    for (int i = 0; i < 5; i++) {
      assert_int_equal(order[i], i);
      assert_int_equal(requests[i].told, 1);
    }
    objpool_release(from, requests[3].object);
    objpool_release(from, requests[4].object);
    void *again[CAP];
    take_all(from, again, CAP); /* nothing was lost */
    assert_null(objpool_acquire(from));
    objpool_release_many(from, again, CAP);
    end(from);
  }
}

static void eventfd_is_readable_while_something_is_due(void **unused) {
  (void)unused;
#ifdef __linux__
  for (int kind = 0; kind < KINDS; kind++) {
    objpool *from = begin(kind);
    request requests[3];
    void *out[CAP];
    make_requests(requests, 3);
    orders = 0;
    assert_true(objpool_loop_init(&loop, NULL, NULL));
    struct pollfd polled = {objpool_loop_fd(&loop), POLLIN, 0};
    assert_true(polled.fd >= 0);
    take_all(from, out, CAP);
    for (int i = 0; i < 3; i++) stand_in_line(from, &requests[i], -1);
    assert_int_equal(poll(&polled, 1, 0), 0);
    objpool_release(from, out[0]);
    assert_int_equal(poll(&polled, 1, 0), 1);
    objpool_release(from, out[1]);
    assert_int_equal(objpool_loop_run(&loop, 1), 1);
    assert_int_equal(poll(&polled, 1, 0), 1); /* one more is due */
    assert_int_equal(objpool_loop_run(&loop, 1), 1);
    assert_int_equal(run(), 0);
    assert_int_equal(poll(&polled, 1, 0), 0);
    objpool_release(from, requests[0].object);
    objpool_release(from, requests[1].object);
    assert_int_equal(poll(&polled, 1, 0), 1);
    assert_int_equal(run(), 1);
    assert_int_equal(poll(&polled, 1, 0), 0);
    objpool_release(from, requests[2].object);
    end(from);
    assert_int_equal(fcntl(polled.fd, F_GETFD), -1); /* closed */
  }
#endif
}

static void eventfd_that_the_system_refuses_is_told(void **unused) {
  (void)unused;
#ifdef __linux__
  struct rlimit before, none;
  CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
  none = before;
  none.rlim_cur = 0;
  CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
  memset(&loop, 0xff, sizeof loop);
  errno = 0;
  assert_false(objpool_loop_init(&loop, NULL, NULL));
  assert_int_equal(errno, EMFILE);
  assert_true(all_zero(&loop, sizeof loop));
  assert_true(objpool_loop_init(&loop, wake, NULL)); /* needs none */
  CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
  objpool_loop_destroy(&loop);
#endif
}

static void loop_that_is_none_does_nothing_and_serves_nobody(void **unused) {
  (void)unused;
  objpool *from = begin(PLAIN);
  request requested;
  make_requests(&requested, 1);
  memset(&loop, 0, sizeof loop);
  assert_int_equal(run(), 0);
  assert_int_equal(objpool_loop_fd(&loop), -1);
  assert_int_equal(objpool_loop_next_ns(&loop), -1);
  objpool_loop_destroy(&loop);
  errno = 0;
  assert_null(objpool_acquire_async(from, &requested.waiter, &loop, -1, note));
  assert_int_equal(errno, EINVAL);
  errno = 0;
  assert_null(objpool_acquire_async(from, &requested.waiter, NULL, -1, note));
  assert_int_equal(errno, EINVAL);
  assert_false(objpool_cancel(from, &requested.waiter));
  loop_begins();
  static plain_pool never_used;
  errno = 0;
  assert_null(objpool_acquire_async(&never_used.base, &requested.waiter, &loop, -1, note));
  assert_int_equal(errno, EINVAL);
  end(from);
}

static void errors_of_acquire_come_at_once(void **unused) {
  (void)unused;
  for (int kind = 0; kind < KINDS; kind++) {
    objpool *from = begin(kind);
    request requested;
    void *out[CAP];
    loop_begins();
    make_requests(&requested, 1);
    if (has_hooks(kind)) {
      count_set(&refuses, 1);
      errno = 0;
      assert_null(objpool_acquire_async(from, &requested.waiter, &loop, -1, note));
      assert_int_equal(errno, ECANCELED);
      count_set(&refuses, 0);
    }
    take_all(from, out, CAP);
    errno = 0;
    assert_null(objpool_acquire_async(from, &requested.waiter, &loop, 0, note));
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(objpool_snapshot(from).waits, 0);
    objpool_release_many(from, out, CAP);
    objpool_close(from);
    errno = 0;
    assert_null(objpool_acquire_async(from, &requested.waiter, &loop, -1, note));
    assert_int_equal(errno, OBJPOOL_ECLOSED);
    assert_int_equal(run(), 0);
    end(from);
  }
}

static void time_that_is_up_is_told_by_run_and_next_ns_says_when(void **unused) {
  (void)unused;
  for (int kind = 0; kind < KINDS; kind++) {
    request requests[5];
    void *out[CAP];
    objpool *from = begin_full(kind, out, requests, 5);
    assert_int_equal(objpool_loop_next_ns(&loop), -1);
    stand_in_line(from, &requests[0], -1);
    assert_int_equal(objpool_loop_next_ns(&loop), -1);
    stand_in_line(from, &requests[1], 3000 * second);
    int64_t next_ns = objpool_loop_next_ns(&loop);
    assert_true(next_ns > 2000 * second && next_ns <= 3000 * second);
    stand_in_line(from, &requests[2], 1000 * second);
    stand_in_line(from, &requests[3], INT64_MAX);
    stand_in_line(from, &requests[4], 1000 * second);
    next_ns = objpool_loop_next_ns(&loop);
    assert_true(next_ns > 0 && next_ns <= 1000 * second);
    assert_int_equal(run(), 0);
    count_add(&added_s, 1000);
    assert_int_equal(objpool_loop_next_ns(&loop), 0);
    assert_int_equal(objpool_snapshot(from).timeouts, 0);
    assert_int_equal(run(), 2);
    assert_int_equal(order[0], 2);
    assert_int_equal(order[1], 4);
    assert_int_equal(requests[2].error, ETIMEDOUT);
    assert_int_equal(objpool_snapshot(from).timeouts, 2);
    assert_int_equal(objpool_snapshot(from).waiting, 3);
    objpool_release(from, out[0]); /* for the first in line, which has no deadline */
    assert_int_equal(run(), 1);
    assert_ptr_equal(requests[0].object, out[0]);
    count_add(&added_s, 5000);
    objpool_release(from, out[1]); /* its time is up, but it was not told so: it is served, as a thread is */
    assert_int_equal(run(), 1);
    assert_ptr_equal(requests[1].object, out[1]);
    assert_int_equal(count_read(&wakes), 2); /* a timeout wakes nobody: next_ns tells */
    assert_true(objpool_cancel(from, &requests[3].waiter));
    objpool_stats stats = objpool_snapshot(from);
    assert_int_equal(stats.waits, 5);
    assert_true(stats.wait_ns >= (uint64_t)(2 * 1000 + 6000) * (uint64_t)second);
    objpool_release(from, requests[0].object);
    objpool_release(from, requests[1].object);
    end(from);
  }
}

/* Many deadlines in any order, and waiters that leave from anywhere. */
enum { MANY = SCALED(20000, 5000, 2000) };
static uint64_t deadlines[MANY];
static long out_of_order, timed_out;
static void in_time(objpool_waiter *waiter, void *object, int error) {
  static uint64_t last;
  uint64_t mine = deadlines[((request *)waiter)->number];
  CHECK(!object && error == ETIMEDOUT);
  if (mine < last) out_of_order++;
  last = mine;
  timed_out++;
}

static void deadlines_come_in_their_order(void **unused) {
  (void)unused;
  objpool *from = begin(BOUNDED);
  request *requests = (request *)calloc(MANY, sizeof *requests);
  void *out[CAP];
  uint64_t seed = 7;
  long cancelled = 0;
  loop_begins();
  take_all(from, out, CAP);
  for (int i = 0; i < MANY; i++) {
    requests[i].number = i;
    deadlines[i] = 1 + random_below(&seed, 1000); /* many are the same */
    assert_null(
        objpool_acquire_async(from, &requests[i].waiter, &loop, (int64_t)deadlines[i] * 10000 * second, in_time));
    if (random_below(&seed, 4) == 0) {
      int gone = (int)random_below(&seed, (size_t)i + 1);
      cancelled += objpool_cancel(from, &requests[gone].waiter);
    }
  }
  assert_int_equal(objpool_snapshot(from).waiting, MANY - cancelled);
  for (int64_t step = 1; step <= 10; step++) {
    count_add(&added_s, 1000 * 1000);
    run();
    assert_int_equal(out_of_order, 0);
  }
  count_add(&added_s, 1000 * 1000);
  run();
  assert_int_equal(timed_out, MANY - cancelled);
  assert_true(cancelled > MANY / 8);
  free(requests);
  objpool_release_many(from, out, CAP);
  end(from);
}

static void equal_deadlines_come_in_the_order_of_queueing(void **unused) {
  (void)unused;
  enum { EQUALS = 20 };
  request requests[EQUALS];
  void *out[CAP];
  count_set(&stopped, 1000000);
  objpool *from = begin(BOUNDED);
  loop_begins();
  make_requests(requests, EQUALS);
  take_all(from, out, CAP);
  for (int i = 0; i < EQUALS; i++) stand_in_line(from, &requests[i], 5 * second);
  assert_true(objpool_cancel(from, &requests[7].waiter));
  assert_int_equal(run(), 0);
  count_add(&added_s, 5);
  assert_int_equal(run(), EQUALS - 1);
  for (int i = 0; i < EQUALS - 1; i++) assert_int_equal(order[i], i < 7 ? i : i + 1);
  objpool_release_many(from, out, CAP);
  end(from);
  count_set(&stopped, 0);
}

static void cancelled_waiter_never_hears_and_what_it_had_is_for_the_next(void **unused) {
  (void)unused;
  for (int kind = 0; kind < KINDS; kind++) {
    objpool *from = begin(kind);
    request requests[4];
    void *out[CAP];
    loop_begins();
    make_requests(requests, 4);
    assert_false(objpool_cancel(from, &requests[0].waiter)); /* is new */
    take_all(from, out, CAP);
    for (int i = 0; i < 4; i++) stand_in_line(from, &requests[i], second * 100);
    assert_true(objpool_cancel(from, &requests[1].waiter)); /* in line */
    assert_false(objpool_cancel(from, &requests[1].waiter));
    objpool_release(from, out[0]);
    errno = 77;
    assert_true(objpool_cancel(from, &requests[0].waiter)); /* handed an object */
    assert_int_equal(errno, 77);
    assert_int_equal(objpool_snapshot(from).waiting, 1);
    objpool_discard(from, out[1]);
    assert_true(objpool_cancel(from, &requests[2].waiter));
    assert_true(objpool_cancel(from, &requests[3].waiter)); /* handed the permit to create one */
    assert_int_equal(run(), 0);
    assert_int_equal(objpool_loop_next_ns(&loop), -1);
    take_all(from, out, CAP);              /* nothing was lost */
    stand_in_line(from, &requests[0], -1); /* a waiter can be used again */
    objpool_release(from, out[0]);
    assert_int_equal(run(), 1);
    assert_false(objpool_cancel(from, &requests[0].waiter)); /* it has come */
    objpool_release(from, requests[0].object);
    objpool_release(from, out[1]);
    assert_int_equal(orders, 1);
    end(from);
  }
}

/* What a waiter had been handed goes where a release would: if as many are idle as may be, it is destroyed. */
static void cancelled_waiters_object_goes_when_there_is_no_room(void **unused) {
  (void)unused;
  for (int kind = 0; kind < KINDS; kind++) {
    request requests[1];
    void *out[CAP];
    objpool *from = begin_full(kind, out, requests, 1);
    assert_true(objpool_resize(from, 1, CAP));
    stand_in_line(from, &requests[0], -1);
    objpool_release(from, out[0]); /* handed over */
    objpool_release(from, out[1]);
    objpool_stats before = objpool_snapshot(from);
    errno = 77;
    assert_true(objpool_cancel(from, &requests[0].waiter));
    assert_int_equal(errno, 77);
    objpool_stats after = objpool_snapshot(from);
    assert_int_equal(after.idle, 1);
    assert_int_equal(after.destroyed, before.destroyed + 1);
    assert_int_equal(run(), 0);
    end(from);
  }
}

/* A ready may run the loop: of two runs, the inner one tells the rest, and a run that ends early within another wakes nobody. */
static size_t told_within;
static void runs_the_loop(objpool_waiter *waiter, void *object, int error) {
  note(waiter, object, error);
  if (((request *)waiter)->number == 0) told_within = objpool_loop_run(&loop, 1);
}
static void ready_may_run_the_loop(void **unused) {
  (void)unused;
  request requests[3];
  void *out[CAP];
  objpool *from = begin_full(BOUNDED, out, requests, 3);
  for (int i = 0; i < 3; i++) {
    assert_null(objpool_acquire_async(from, &requests[i].waiter, &loop, -1, runs_the_loop));
    assert_int_equal(errno, EINPROGRESS);
  }
  told_within = 0;
  objpool_close(from);
  long before = count_read(&wakes);
  assert_int_equal(run(), 2);
  assert_int_equal(told_within, 1);
  assert_int_equal(count_read(&wakes), before);
  assert_int_equal(orders, 3);
  for (int i = 0; i < 3; i++) assert_int_equal(requests[i].error, OBJPOOL_ECLOSED);
  objpool_release_many(from, out, CAP);
  end(from);
}

/* A ready may fork: in the child the run is over, for the loop is the parent's. */
static pid_t forked;
static void forks(objpool_waiter *waiter, void *object, int error) {
  note(waiter, object, error);
  if (((request *)waiter)->number == 0) forked = fork();
}
static void ready_may_fork(void **unused) {
  (void)unused;
  request requests[2];
  void *out[CAP];
  int status = -1;
  objpool *from = begin_full(BOUNDED, out, requests, 2);
  for (int i = 0; i < 2; i++) {
    assert_null(objpool_acquire_async(from, &requests[i].waiter, &loop, -1, forks));
    assert_int_equal(errno, EINPROGRESS);
  }
  objpool_release_many(from, out, CAP);
  forked = -1;
  fflush(NULL);
  size_t told = run();
  if (forked == 0) {
    CHECK(told == 1 && requests[1].told == 0 && run() == 0);
    CHECK(objpool_loop_next_ns(&loop) == -1);
    _exit(7);
  }
  assert_true(forked > 0);
  assert_int_equal(waitpid(forked, &status, 0), forked);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
  assert_int_equal(told, 2);
  for (int i = 0; i < 2; i++) objpool_release(from, requests[i].object);
  end(from);
}

/* A ready that does all it may. */
static objpool *used;
static request *others;
static long rounds;
static void acts(objpool_waiter *waiter, void *object, int error) {
  request *mine = (request *)waiter;
  CHECK(object && !error);
  CHECK(!objpool_cancel(used, waiter)); /* it is running */
  if (mine->number == 0) {
    if (objpool_cancel(used, &others[1].waiter)) rounds++;
    objpool_release(used, object);
    free(mine);
    return;
  }
  CHECK(mine->number == 2);
  objpool_release(used, object);
  if (++mine->told < 100) {
    void *at_once = objpool_acquire_async(used, waiter, &loop, -1, acts);
    if (!at_once)
      CHECK(errno == EINPROGRESS);
    else
      objpool_release(used, at_once);
  }
}

static void ready_may_acquire_release_cancel_and_free_its_waiter(void **unused) {
  (void)unused;
  for (int kind = 0; kind < KINDS; kind++) {
    request requests[3], *freed = (request *)calloc(1, sizeof *freed);
    void *out[CAP];
    used = begin(kind);
    others = requests;
    rounds = 0;
    loop_begins();
    make_requests(requests, 3);
    take_all(used, out, CAP);
    assert_null(objpool_acquire_async(used, &freed->waiter, &loop, -1, acts));
    assert_null(objpool_acquire_async(used, &requests[1].waiter, &loop, -1, acts));
    assert_null(objpool_acquire_async(used, &requests[2].waiter, &loop, -1, acts));
    objpool_release(used, out[0]);
    assert_int_equal(run(), 2); /* what became due meanwhile, too */
    assert_int_equal(rounds, 1);
    assert_int_equal(requests[2].told, 1); /* then there was an object at once */
    assert_int_equal(count_read(&wakes), 1);
    objpool_release(used, out[1]);
    end(used);
  }
}

static void run_that_ends_early_wakes_once_more(void **unused) {
  (void)unused;
  request requests[3];
  void *out[CAP];
  objpool *from = begin_with_waiters(BOUNDED, out, requests, 3, -1);
  objpool_release_many(from, out, CAP);
  assert_int_equal(count_read(&wakes), 2);
  assert_int_equal(objpool_loop_run(&loop, 0), 0);
  assert_int_equal(count_read(&wakes), 3);
  assert_int_equal(objpool_loop_run(&loop, 1), 1);
  assert_int_equal(count_read(&wakes), 4);
  assert_int_equal(objpool_loop_run(&loop, 1), 1);
  assert_int_equal(count_read(&wakes), 4);
  objpool_release(from, requests[0].object);
  assert_int_equal(run(), 1);
  objpool_release(from, requests[1].object);
  objpool_release(from, requests[2].object);
  end(from);
}

static void close_sends_waiters_away_and_the_pool_may_go_before_they_hear(void **unused) {
  (void)unused;
  for (int kind = 0; kind < KINDS; kind++) {
    request requests[4];
    void *out[CAP];
    objpool *from = begin_full(kind, out, requests, 4);
    for (int i = 0; i < 4; i++) stand_in_line(from, &requests[i], i % 2 ? -1 : second);
    objpool_release(from, out[0]); /* served before the close: it has its object */
    assert_int_equal(count_read(&wakes), 1);
    objpool_close(from);
    assert_int_equal(count_read(&wakes), 4);
    assert_int_equal(objpool_snapshot(from).waiting, 0);
    assert_int_equal(orders, 0);
    assert_int_equal(objpool_loop_run(&loop, 1), 1);
    assert_ptr_equal(requests[0].object, out[0]);
    assert_true(objpool_cancel(from, &requests[1].waiter));
    objpool_release(from, requests[0].object);
    objpool_release(from, out[1]);
    assert_true(objpool_drain(from, 0)); /* does not wait for those who are to be told */
    objpool_stats stats = objpool_snapshot(from);
    counts_add_up(&stats);
    assert_int_equal(stats.timeouts + stats.exhausted + stats.create_failures, 0);
    objpool_destroy(from);
    assert_true(objpool_cancel(from, &requests[2].waiter));
    assert_int_equal(run(), 1);
    assert_int_equal(requests[3].error, OBJPOOL_ECLOSED);
    assert_int_equal(orders, 2);
    objpool_loop_destroy(&loop);
  }
}

/* A pool whose events are held up. */
static gate in_event, in_thread;
static long events;
static pthread_t releaser;
static void is_seen(const objpool_event *event, void *context);
OBJPOOL_DEFINE(seen_pool, thing, opt.on_event = is_seen);
static seen_pool seen;
static int heard; /* no atomic: who has seen the end of a drain may read it */
static bool ends_meanwhile;
static void the_thread_ends(void) {
  if (!seen.base.state->queue.waiting) return; /* it does not stand in line yet */
  in_clock = NULL;
  gate_open(&in_thread);
  join_thread(releaser);
}
static void is_seen(const objpool_event *event, void *context) {
  (void)context;
  if (event->kind == OBJPOOL_EVENT_TIMEOUT) {
    count_set(&events, 1);
    gate_wait(&in_event);
    heard++;
  }
  if (event->kind == OBJPOOL_EVENT_WAIT && ends_meanwhile) {
    OBJPOOL__STORE(seen.base.state->gate.calm_in, 0); /* slots may open again */
    gate_open(&in_event);
    WAIT_UNTIL(count_read(&events) == 2);
    in_clock = the_thread_ends;
  }
}

static void *run_once(void *unused) {
  CHECK(run() == 1);
  return unused;
}

static void drain_waits_for_a_run_that_tells_who_was_not_sent_away(void **unused) {
  (void)unused;
  objpool_config config = defaults();
  request requested;
  config.max_objects = 1;
  assert_true(seen_pool_init(&seen, &config));
  loop_begins();
  make_requests(&requested, 1);
  gate_make(&in_event);
  count_set(&events, 0);
  heard = 0;
  thing *object = seen_pool_acquire(&seen);
  stand_in_line(&seen.base, &requested, second);
  count_add(&added_s, 2);
  pthread_t runner = start_thread(run_once, NULL);
  WAIT_UNTIL(count_read(&events)); /* it is out of the line, and not told */
  count_set(&added_s, 0);           /* else a drain sleeps that much longer */
  objpool_close(&seen.base);
  seen_pool_release(&seen, object);
  assert_false(seen_pool_drain(&seen, 1000000));
  gate_open(&in_event);
  assert_true(seen_pool_drain(&seen, -1));
  assert_int_equal(heard, 1);
  seen_pool_destroy(&seen); /* else a panic: it is still to be told */
  join_thread(runner);
  assert_int_equal(requested.error, ETIMEDOUT);
  objpool_loop_destroy(&loop);
  gate_close(&in_event);
}

static void *give_up(void *requested) {
  CHECK(objpool_cancel(&plain.base, &((request *)requested)->waiter));
  return NULL;
}

/* It may be in the cancel still when nobody waits any more. */
static void drain_waits_for_who_cancels(void **unused) {
  (void)unused;
  for (int i = 0; i < 20; i++) {
    request requested;
    thing *objects[CAP];
    begin_with(PLAIN, CAP);
    loop_begins();
    make_requests(&requested, 1);
    for (int k = 0; k < CAP; k++) objects[k] = plain_pool_acquire(&plain);
    stand_in_line(&plain.base, &requested, -1);
    pthread_t canceller = start_thread(give_up, &requested);
    while (OBJPOOL__LOAD(plain.base.state->queue.waiting)) {}
    objpool_close(&plain.base);
    for (int k = 0; k < CAP; k++) plain_pool_release(&plain, objects[k]);
    assert_true(plain_pool_drain(&plain, -1));
    plain_pool_destroy(&plain); /* else a panic, or its state goes under the other thread's feet */
    join_thread(canceller);
    objpool_loop_destroy(&loop);
  }
}

/* A wake that is under way until whoever ends the loop waits for it. */
static objpool *held_from;
static void wake_until_told(void *user) {
  count_set(&events, 1);
  gate_wait(&in_event);
  wake(user);
}
static void go_on(void) {
  in_clock = NULL;
  gate_open(&in_event);
}
static void *gives_it_back(void *object) {
  objpool_release(held_from, object);
  return NULL;
}

static void loop_that_ends_waits_for_a_wake_under_way(void **unused) {
  (void)unused;
  for (int kind = 0; kind < LOCAL; kind++) {
    request requested;
    void *out[CAP];
    held_from = begin(kind);
    count_set(&wakes, 0), count_set(&events, 0);
    orders = 0;
    gate_make(&in_event);
    assert_true(objpool_loop_init(&loop, wake_until_told, &wakes));
    make_requests(&requested, 1);
    take_all(held_from, out, CAP);
    stand_in_line(held_from, &requested, -1);
    pthread_t giver = start_thread(gives_it_back, out[0]);
    WAIT_UNTIL(count_read(&events));
    assert_int_equal(run(), 1);
    in_clock = go_on;
    errno = 77;
    objpool_loop_destroy(&loop);
    assert_int_equal(errno, 77);
    assert_int_equal(count_read(&wakes), 1);
    join_thread(giver);
    objpool_release_many(held_from, out, CAP);
    end(held_from);
    gate_close(&in_event);
  }
}

/* A thread that ends owes the wakes of what it leaves. The next is often at the same address, and owes nothing. */
static void *takes_one_and_ends(void *from) {
  thing *object = plain_pool_acquire((plain_pool *)from);
  CHECK(object);
  plain_pool_release((plain_pool *)from, object);
  return NULL;
}
static void *gives_it_back_and_wakes(void *object) {
  objpool_release(held_from, object);
  CHECK(count_read(&wakes) == 1);
  return NULL;
}

static void thread_after_one_that_has_ended_wakes_at_once(void **unused) {
  (void)unused;
  for (int kind = 0; kind < LOCAL; kind++) {
    static plain_pool other;
    request requested;
    void *out[CAP];
    held_from = begin_with_waiters(kind, out, &requested, 1, -1);
    join_thread(start_thread(takes_one_and_ends, &other));
    join_thread(start_thread(gives_it_back_and_wakes, out[0]));
    assert_int_equal(run(), 1);
    objpool_release_many(held_from, out, CAP);
    end(held_from);
    plain_pool_destroy(&other);
  }
}

/* The close has come for a waiter, and holds the lock that a run needs, which takes it meanwhile. */
static objpool__async *late_one;
static void until_a_run_has_taken_it(void) {
  const objpool__turn *first = late_one->state->queue.first;
  if (!first || !first->closed) return;
  in_clock = NULL;
  count_set(&events, 1);
  WAIT_UNTIL(OBJPOOL__LOAD(late_one->stage) == OBJPOOL__LATE);
}
static void *closes(void *from) {
  in_clock = until_a_run_has_taken_it;
  objpool_close((objpool *)from);
  return NULL;
}

static void time_that_is_up_as_the_pool_is_closed_is_told_as_closed(void **unused) {
  (void)unused;
  for (int kind = 0; kind < LOCAL; kind++) {
    request requested;
    void *out[CAP];
    objpool *from = begin_with_waiters(kind, out, &requested, 1, second);
    late_one = &requested.waiter.base;
    count_set(&events, 0);
    count_add(&added_s, 2);
    pthread_t closer = start_thread(closes, from);
    WAIT_UNTIL(count_read(&events));
    assert_int_equal(run(), 1);
    join_thread(closer);
    assert_int_equal(requested.error, OBJPOOL_ECLOSED);
    assert_int_equal(objpool_snapshot(from).timeouts, 0);
    objpool_release_many(from, out, CAP);
    assert_true(objpool_drain(from, 0));
    end(from);
  }
}

static long wakes_with_a_lock;
static void wake_and_look(void *user) {
  wake(user);
  if (objpool__mutex_try(&objpool__process.lock.plain))
    objpool__mutex_unlock(&objpool__process.lock.plain);
  else
    count_add(&wakes_with_a_lock, 1);
}

/* Gives an object back into its own slot, and ends. */
static void *release_and_end(void *unused) {
  thing *object = seen_pool_acquire(&seen);
  CHECK(object);
  count_set(&events, 1);
  gate_wait(&in_event);
  seen_pool_release(&seen, object);
  count_set(&events, 2);
  gate_wait(&in_thread);
  return unused;
}

/* What lay in the slot is idle when the thread ends, and somebody waits who is about to look. */
static void thread_that_ends_calls_no_wake_with_a_lock_held(void **unused) {
  (void)unused;
  objpool_config config = defaults();
  request requested;
  config.max_objects = 1;
  config.cache_size = 8;
  assert_true(seen_pool_init(&seen, &config));
  count_set(&wakes, 0);
  orders = 0;
  assert_true(objpool_loop_init(&loop, wake_and_look, &wakes));
  make_requests(&requested, 1);
  gate_make(&in_event);
  gate_make(&in_thread);
  count_set(&events, 0);
  releaser = start_thread(release_and_end, NULL);
  WAIT_UNTIL(count_read(&events));
  count_set(&events, 0);
  ends_meanwhile = true;
  stand_in_line(&seen.base, &requested, -1);
  ends_meanwhile = false;
  assert_null(in_clock); /* the thread has ended */
  assert_int_equal(count_read(&wakes), 1);
  assert_int_equal(count_read(&wakes_with_a_lock), 0);
  assert_int_equal(run(), 1);
  assert_non_null(requested.object);
  objpool_release(&seen.base, requested.object);
  end(&seen.base);
  gate_close(&in_event);
  gate_close(&in_thread);
}

static void create_under_way_at_a_close_ends_and_its_object_goes(void **unused) {
  (void)unused;
  for (int kind = 0; kind < KINDS; kind++) {
    request requested;
    void *out[CAP];
    objpool *from = begin_with_waiters(kind, out, &requested, 1, -1);
    objpool_discard(from, out[0]); /* it has the permit */
    objpool_close(from);
    objpool_release(from, out[1]);
    if (kind < LOCAL) assert_false(objpool_drain(from, 0)); /* a place is taken */
    assert_int_equal(run(), 1);
    assert_int_equal(requested.error, OBJPOOL_ECLOSED);
    assert_true(objpool_drain(from, 0));
    assert_true(!has_hooks(kind) || count_read(&created) == count_read(&destroyed));
    end(from);
  }
}

static void object_that_proves_invalid_is_replaced_by_run(void **unused) {
  (void)unused;
  for (int kind = 0; kind < KINDS; kind++) {
    if (!has_hooks(kind)) continue;
    request requests[2];
    void *out[CAP];
    objpool *from = begin_with_waiters(kind, out, requests, 2, -1);
    long before = count_read(&created);
    count_set(&invalid, 1);
    objpool_release(from, out[0]);
    long built = count_read(&created); /* a wiping release builds anew */
    assert_true(built == before || kind == WIPING);
    assert_int_equal(run(), 1);
    assert_int_equal(count_read(&created), built + 1);
    assert_int_equal(requests[0].error, 0);
    assert_int_equal(objpool_snapshot(from).invalid, 1);
    if (kind != WIPING) {
      count_set(&invalid, 1);
      count_set(&refuses, 1);
      objpool_release(from, out[1]);
      assert_int_equal(run(), 1);
      assert_int_equal(requests[1].error, ECANCELED);
      assert_int_equal(objpool_snapshot(from).create_failures, 1);
      count_set(&refuses, 0);
      out[1] = objpool_acquire(from); /* its place was not lost */
      assert_non_null(out[1]);
    }
    objpool_release(from, requests[0].object);
    objpool_release(from, out[1]);
    assert_int_equal(run(), kind == WIPING);
    if (kind == WIPING) objpool_release(from, requests[1].object);
    end(from);
  }
}

static void replacement_that_cannot_be_built_is_for_whoever_waits_next(void **unused) {
  (void)unused;
  for (int kind = 0; kind < KINDS; kind++) {
    if (!has_hooks(kind)) continue;
    request requests[2];
    void *out[CAP];
    objpool *from = begin_with_waiters(kind, out, requests, 2, -1);
    objpool_discard(from, out[0]);
    count_set(&refuses, 1);
    assert_int_equal(objpool_loop_run(&loop, 1), 1);
    count_set(&refuses, 0);
    assert_int_equal(requests[0].error, ECANCELED);
    assert_int_equal(run(), 1);
    assert_non_null(requests[1].object);
    objpool_release(from, requests[1].object);
    objpool_release(from, out[1]);
    end(from);
  }
}

static void resize_serves_those_who_wait(void **unused) {
  (void)unused;
  for (int kind = 0; kind < KINDS; kind++) {
    request requests[2];
    void *out[CAP];
    objpool *from = begin_with_waiters(kind, out, requests, 2, -1);
    assert_true(objpool_resize(from, OBJPOOL_UNCHANGED, CAP + 2));
    assert_int_equal(run(), 2);
    for (int i = 0; i < 2; i++) objpool_release(from, requests[i].object);
    objpool_release_many(from, out, CAP);
    end(from);
  }
}

/* A thread among them. */
static long thread_got;
static void *waits_as_a_thread(void *from) {
  void *object = objpool_acquire_for((objpool *)from, -1);
  CHECK(object);
  count_add(&thread_got, 1);
  objpool_release((objpool *)from, object);
  return NULL;
}

static void threads_and_loops_stand_in_one_line(void **unused) {
  (void)unused;
  for (int kind = 0; kind < LOCAL; kind++) {
    objpool *from = begin_with(kind, 1);
    request requests[2];
    void *out;
    count_set(&thread_got, 0);
    loop_begins();
    make_requests(requests, 2);
    take_all(from, &out, 1);
    stand_in_line(from, &requests[0], -1);
    pthread_t thread = start_thread(waits_as_a_thread, from);
    WAIT_UNTIL(objpool_snapshot(from).waiting == 2);
    stand_in_line(from, &requests[1], -1);
    objpool_release(from, out);
    assert_int_equal(run(), 1);
    assert_int_equal(orders, 1);
    assert_int_equal(count_read(&thread_got), 0); /* it stands behind the first */
    assert_int_equal(objpool_snapshot(from).waiting, 2);
    objpool_release(from, requests[0].object);
    join_thread(thread);
    WAIT_UNTIL(count_read(&wakes) == 2); /* which gave its object to the last */
    assert_int_equal(run(), 1);
    objpool_release(from, requests[1].object);
    end(from);
  }
}

/* Mistakes. */
static void stands_twice(void *from, void *waiter) {
  CHECK(!objpool_acquire_async((objpool *)from, (objpool_waiter *)waiter, &loop, -1, note));
}
static void destroys_pool(void *from, void *unused) { (void)unused, objpool_destroy((objpool *)from); }
static void destroys_loop(void *unused, void *unused_too) {
  (void)unused, (void)unused_too, objpool_loop_destroy(&loop);
}
static void cancels(void *from, void *waiter) { (void)objpool_cancel((objpool *)from, (objpool_waiter *)waiter); }

static void mistakes_panic_and_change_nothing(void **unused) {
  (void)unused;
  for (int kind = 0; kind < KINDS; kind++) {
    request requests[3];
    void *out[CAP];
    objpool *from = begin_full(kind, out, requests, 3);
    stand_in_line(from, &requests[0], -1);
    stand_in_line(from, &requests[1], -1);
    assert_true(panics(stands_twice, from, &requests[0].waiter));
    assert_non_null(strstr(panic_message, "'loops'"));
    assert_non_null(strstr(panic_message, "stands in line already"));
    panic_returns = true;
    errno = 0;
    assert_true(panics(stands_twice, from, &requests[0].waiter));
    assert_int_equal(errno, EINVAL);
    panic_returns = false;
    assert_true(panics(destroys_pool, from, NULL));
    assert_non_null(strstr(panic_message, "'loops'"));
    assert_true(panics(destroys_loop, NULL, NULL));
    assert_non_null(strstr(panic_message, "'loops'"));
    static plain_pool other;
    objpool *another = &other.base;
    plain_pool_release(&other, plain_pool_acquire(&other));
    assert_true(panics(cancels, another, &requests[0].waiter));
    assert_non_null(strstr(panic_message, "another pool"));
    plain_pool_destroy(&other);
    objpool_release(from, out[0]);
    assert_true(panics(cancels, another, &requests[0].waiter)); /* due, and that pool is gone */
    objpool_release(from, out[1]);
    assert_int_equal(objpool_snapshot(from).waiting, 0);
    assert_true(panics(destroys_pool, from, NULL)); /* nobody waits, but they were not told */
    assert_non_null(strstr(panic_message, "'loops'"));
    assert_true(panics(destroys_loop, NULL, NULL));
    assert_non_null(strstr(panic_message, "'loops'"));
    assert_true(panics(stands_twice, from, &requests[1].waiter));
    assert_int_equal(run(), 2);
    for (int i = 0; i < 2; i++) objpool_release(from, requests[i].object);
    memset(&requests[2].waiter, 0xff, sizeof requests[2].waiter);
    assert_true(panics(stands_twice, from, &requests[2].waiter));
    end(from);
  }
}

/* Forks: who waited is not in the child's line, and the child's loop is none. */
static void child_goes_on(void *from, void *object) {
  objpool *mine = (objpool *)from;
  CHECK(objpool_snapshot(mine).waiting == 0);
  CHECK(run() == 0 && objpool_loop_next_ns(&loop) == -1);
  request requested;
  make_requests(&requested, 1);
  CHECK(!objpool_acquire_async(mine, &requested.waiter, &loop, -1, note) && errno == EINVAL);
  objpool_loop_destroy(&loop);
  CHECK(objpool_loop_init(&loop, wake, &wakes));
  CHECK(!objpool_acquire_async(mine, &requested.waiter, &loop, -1, note) && errno == EINPROGRESS);
  objpool_release(mine, object);
  CHECK(run() == 1 && requested.object);
  objpool_release(mine, requested.object);
  objpool_destroy(mine);
  objpool_loop_destroy(&loop);
}

static void child_of_a_fork_forgets_those_who_waited(void **unused) {
  (void)unused;
  for (int kind = 0; kind < KINDS; kind++) {
    objpool *from = begin(kind);
    request requests[3];
    void *out[CAP];
    int status;
    loop_begins();
    make_requests(requests, 3);
    take_all(from, out, CAP);
    for (int i = 0; i < 3; i++) stand_in_line(from, &requests[i], second);
    objpool_release(from, out[0]); /* one is due */
    fflush(NULL);
    pid_t child = fork();
    if (!child) {
      child_goes_on(from, out[1]);
      _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    objpool_release(from, out[1]);
    assert_int_equal(run(), 2);
    objpool_release(from, requests[0].object);
    assert_int_equal(run(), 1);
    for (int i = 1; i < 3; i++) objpool_release(from, requests[i].object);
    end(from);
  }
}

/* By their type. */
static long typed_got;
static void typed_ready(thing_pool_waiter *waiter, thing *object, int error) {
  CHECK(waiter->user == &typed_got && object && !error);
  typed_got++;
  thing_pool_release(&pool, object);
}
static void typed_functions_and_all_zero_pools(void **unused) {
  (void)unused;
  loop_begins();
  memset(&pool, 0, sizeof pool);
  thing_pool_waiter waiter, other;
  memset(&waiter, 0, sizeof waiter);
  memset(&other, 0, sizeof other);
  waiter.user = other.user = &typed_got;
  thing *object = thing_pool_acquire_async(&pool, &waiter, &loop, -1, typed_ready); /* the pool's first use */
  assert_non_null(object);
  assert_true(thing_pool_resize(&pool, OBJPOOL_UNCHANGED, 1));
  assert_null(thing_pool_acquire_async(&pool, &waiter, &loop, -1, typed_ready));
  assert_null(thing_pool_acquire_async(&pool, &other, &loop, OBJPOOL_MS(100000), typed_ready));
  assert_true(thing_pool_cancel(&pool, &other));
  thing_pool_release(&pool, object);
  assert_int_equal(run(), 1);
  assert_int_equal(typed_got, 1);
  assert_false(thing_pool_cancel(&pool, &waiter));
  end(&pool.base);
}

/* Two loops, threads that wait, guards that come and go, on one pool: each acquire ends, nothing is in two hands. */
enum { TURNS = SCALED(50000, 8000, 2000), FIBERS = 16 };
static objpool *shared;

struct fiber {
  objpool_waiter waiter;
  struct looping *of;
  void *object;
};

typedef struct looping {
  objpool_loop loop;
  long turns, standing; /* that are to begin; that stand in line */
  bool by_fd;           /* it is woken by its eventfd */
  gate woken_up;
  size_t holding;
  struct fiber fibers[FIBERS], *held[FIBERS]; /* held while the loop does something else */
} looping;

static void holds(void *object) {
  thing *held = (thing *)object;
  CHECK(__atomic_exchange_n(&held->owner, 1, __ATOMIC_RELAXED) == 0);
}
static void lets_go(void *object) {
  thing *held = (thing *)object;
  CHECK(__atomic_exchange_n(&held->owner, 0, __ATOMIC_RELAXED) == 1);
}
static void turn(objpool_waiter *waiter, void *object, int error) {
  struct fiber *fiber = (struct fiber *)waiter;
  CHECK(object && !error);
  holds(object);
  fiber->object = object;
  fiber->of->standing--;
  fiber->of->held[fiber->of->holding++] = fiber;
}
static void next_turn(looping *mine, struct fiber *fiber) {
  if (mine->turns-- <= 0) return;
  mine->standing++;
  void *object = objpool_acquire_async(shared, &fiber->waiter, &mine->loop, -1, turn);
  if (object)
    turn(&fiber->waiter, object, 0);
  else
    CHECK(errno == EINPROGRESS);
}

static void *loops(void *argument) {
  looping *mine = (looping *)argument;
  struct pollfd polled = {mine->by_fd ? objpool_loop_fd(&mine->loop) : mine->woken_up.ends[0], POLLIN, 0};
  for (int i = 0; i < FIBERS; i++) {
    mine->fibers[i].of = mine;
    next_turn(mine, &mine->fibers[i]);
  }
  while (mine->standing > 0 || mine->holding > 0) {
    if (!mine->holding) {
      CHECK(poll(&polled, 1, 60000) == 1); /* a wake-up that is lost ends the test */
      if (!mine->by_fd) gate_wait(&mine->woken_up);
    }
    objpool_loop_run(&mine->loop, 5);
    while (mine->holding > 0) {
      struct fiber *fiber = mine->held[--mine->holding];
      lets_go(fiber->object);
      objpool_release(shared, fiber->object);
      next_turn(mine, fiber);
      if (mine->turns % 7 == 0) break; /* what is held is held for longer now and then */
    }
  }
  return NULL;
}
static void opens_gate(void *user) { gate_open((const gate *)user); }

static void *acquires_and_waits(void *count) {
  for (long i = *(long *)count; i > 0; i--) {
    void *object = i % 2 ? objpool_acquire_for(shared, -1) : objpool_acquire(shared);
    if (!object) {
      CHECK(i % 2 == 0 && errno == EAGAIN);
      continue;
    }
    holds(object);
    if (i % 8 == 0) sched_yield();
    lets_go(object);
    if (i % 64 == 1)
      objpool_discard(shared, object);
    else
      objpool_release(shared, object);
  }
  return NULL;
}

static void no_wake_up_is_lost_among_two_loops_threads_and_guards(void **unused) {
  (void)unused;
  for (int run = 0; run < 2 * LOCAL; run++) {
    static looping both[2];
    pthread_t threads[4];
    bool in_order = run >= LOCAL; /* each object is handed over: most turns wait, and take longer */
    long count = in_order ? TURNS / 8 : TURNS;
    fairness = in_order;
    shared = begin_with(run % LOCAL, 3);
    fairness = 0;
    memset(both, 0, sizeof both);
    for (int i = 0; i < 2; i++) {
      both[i].turns = count;
      both[i].by_fd = i != 0;
      gate_make(&both[i].woken_up);
      assert_true(objpool_loop_init(&both[i].loop, i ? NULL : opens_gate, &both[i].woken_up));
      threads[i] = start_thread(loops, &both[i]);
    }
    for (int i = 2; i < 4; i++) threads[i] = start_thread(acquires_and_waits, &count);
    for (int i = 0; i < 4; i++) join_thread(threads[i]);
    for (int i = 0; i < 2; i++) {
      objpool_loop_destroy(&both[i].loop);
      gate_close(&both[i].woken_up);
    }
    objpool_stats stats = objpool_snapshot(shared);
    counts_add_up(&stats);
    assert_int_equal(stats.in_use, 0);
    assert_int_equal(stats.waiting, 0);
    assert_true(stats.waits > (in_order ? (uint64_t)count : 2 * FIBERS - 3));
    objpool_destroy(shared);
  }
}

/* Two threads cancel what another one's loop may be telling: each waiter is cancelled or told, never both, never neither. */
enum { RACES = SCALED(20000, 4000, 1500), CANCELLERS = 2 };
static request raced[8];
static long races, told_in_race, cancelled_in_race, race_over, given_back;
static void told(objpool_waiter *waiter, void *object, int error) {
  (void)waiter;
  CHECK(object && !error);
  objpool_release(shared, object);
  count_add(&told_in_race, 1);
}
static void *cancels_them(void *unused) {
  (void)unused;
  for (long i = 1; i <= RACES; i++) {
    while (count_read(&races) < i) sched_yield();
    for (size_t k = 0; k < COUNT_OF(raced); k += 2)
      if (objpool_cancel(shared, &raced[(k + (size_t)i % 4) % COUNT_OF(raced)].waiter))
        count_add(&cancelled_in_race, 1);
    count_add(&race_over, 1);
  }
  return NULL;
}
static void *gives_back(void *object) {
  for (long i = 1; i <= RACES; i++) {
    while (count_read(&races) < i) sched_yield();
    objpool_release(shared, ((void **)object)[0]);
    count_set(&given_back, i);
  }
  return NULL;
}

static void cancel_in_one_thread_and_run_in_another_agree(void **unused) {
  (void)unused;
  for (int kind = CACHED; kind <= PLAIN_UNCACHED; kind++) {
    void *out;
    shared = begin_with(kind, 1);
    loop_begins();
    count_set(&races, 0), count_set(&race_over, 0), count_set(&given_back, 0);
    count_set(&told_in_race, 0), count_set(&cancelled_in_race, 0);
    make_requests(raced, (int)COUNT_OF(raced));
    pthread_t cancellers[CANCELLERS], giver = start_thread(gives_back, &out);
    for (int k = 0; k < CANCELLERS; k++) cancellers[k] = start_thread(cancels_them, NULL);
    for (long i = 1; i <= RACES; i++) {
      out = objpool_acquire(shared);
      CHECK(out);
      for (size_t k = 0; k < COUNT_OF(raced); k++)
        CHECK(!objpool_acquire_async(shared, &raced[k].waiter, &loop, -1, told) && errno == EINPROGRESS);
      count_set(&races, i);
      while (count_read(&race_over) < i * CANCELLERS || count_read(&given_back) < i)
        if (i % 4 == 0 || !run()) sched_yield(); /* now and then all are cancelled that may be */
      while (run()) {}
      CHECK(count_read(&told_in_race) + count_read(&cancelled_in_race) == i * (long)COUNT_OF(raced));
    }
    for (int k = 0; k < CANCELLERS; k++) join_thread(cancellers[k]);
    join_thread(giver);
    assert_true(count_read(&told_in_race) > 0 && count_read(&cancelled_in_race) > 0);
    end(shared);
  }
}

/* A time that is up while another thread releases: told once, with an object or ETIMEDOUT. */
enum { MEETINGS = SCALED(2000, 500, 200) };
static long told_now, held_now;
static void told_once(objpool_waiter *waiter, void *object, int error) {
  CHECK(waiter->user == &told_now && !object == (error == ETIMEDOUT));
  told_now++;
  if (object) objpool_release(shared, object);
}
static void *gives_at_any_time(void *seed) {
  for (long i = 1; i <= MEETINGS; i++) {
    while (count_read(&held_now) < i) sched_yield();
    for (size_t turns = random_below((uint64_t *)seed, 400); turns > 0; turns--) count_read(&held_now);
    objpool_release(shared, raced[0].object);
    count_set(&given_back, i);
  }
  return NULL;
}

static void time_that_is_up_as_an_object_comes_is_told_once(void **unused) {
  (void)unused;
  for (int kind = CACHED; kind <= PLAIN_UNCACHED; kind++) {
    uint64_t seed = 5, its_seed = 6;
    shared = begin_with(kind, 1);
    loop_begins();
    count_set(&held_now, 0), count_set(&given_back, 0);
    make_requests(raced, (int)COUNT_OF(raced));
    pthread_t giver = start_thread(gives_at_any_time, &its_seed);
    for (long i = 1; i <= MEETINGS; i++) {
      CHECK((raced[0].object = objpool_acquire(shared)) != NULL);
      told_now = 0;
      for (size_t k = 1; k < COUNT_OF(raced); k++) {
        raced[k].waiter.user = &told_now;
        int64_t timeout_ns = 1 + (int64_t)random_below(&seed, 3000);
        CHECK(!objpool_acquire_async(shared, &raced[k].waiter, &loop, timeout_ns, told_once) && errno == EINPROGRESS);
      }
      count_set(&held_now, i);
      while (count_read(&given_back) < i || told_now < (long)COUNT_OF(raced) - 1)
        if (!run()) sched_yield(); /* else it turns where the other thread could */
      CHECK(run() == 0 && told_now == (long)COUNT_OF(raced) - 1);
    }
    join_thread(giver);
    end(shared);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(object_at_once_if_there_is_one_else_from_run_in_the_order_of_queueing),
      cmocka_unit_test(eventfd_is_readable_while_something_is_due),
      cmocka_unit_test(eventfd_that_the_system_refuses_is_told),
      cmocka_unit_test(loop_that_is_none_does_nothing_and_serves_nobody),
      cmocka_unit_test(errors_of_acquire_come_at_once),
      cmocka_unit_test(time_that_is_up_is_told_by_run_and_next_ns_says_when),
      cmocka_unit_test(deadlines_come_in_their_order),
      cmocka_unit_test(equal_deadlines_come_in_the_order_of_queueing),
      cmocka_unit_test(cancelled_waiter_never_hears_and_what_it_had_is_for_the_next),
      cmocka_unit_test(ready_may_acquire_release_cancel_and_free_its_waiter),
      cmocka_unit_test(cancelled_waiters_object_goes_when_there_is_no_room),
      cmocka_unit_test(ready_may_run_the_loop),
      cmocka_unit_test(ready_may_fork),
      cmocka_unit_test(run_that_ends_early_wakes_once_more),
      cmocka_unit_test(close_sends_waiters_away_and_the_pool_may_go_before_they_hear),
      cmocka_unit_test(drain_waits_for_a_run_that_tells_who_was_not_sent_away),
      cmocka_unit_test(drain_waits_for_who_cancels),
      cmocka_unit_test(thread_after_one_that_has_ended_wakes_at_once),
      cmocka_unit_test(loop_that_ends_waits_for_a_wake_under_way),
      cmocka_unit_test(time_that_is_up_as_the_pool_is_closed_is_told_as_closed),
      cmocka_unit_test(thread_that_ends_calls_no_wake_with_a_lock_held),
      cmocka_unit_test(create_under_way_at_a_close_ends_and_its_object_goes),
      cmocka_unit_test(object_that_proves_invalid_is_replaced_by_run),
      cmocka_unit_test(replacement_that_cannot_be_built_is_for_whoever_waits_next),
      cmocka_unit_test(resize_serves_those_who_wait),
      cmocka_unit_test(threads_and_loops_stand_in_one_line),
      cmocka_unit_test(mistakes_panic_and_change_nothing),
      cmocka_unit_test(child_of_a_fork_forgets_those_who_waited),
      cmocka_unit_test(typed_functions_and_all_zero_pools),
      cmocka_unit_test(no_wake_up_is_lost_among_two_loops_threads_and_guards),
      cmocka_unit_test(cancel_in_one_thread_and_run_in_another_agree),
      cmocka_unit_test(time_that_is_up_as_an_object_comes_is_told_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
