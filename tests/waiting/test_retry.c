/* A create that refused is tried again, if the pool says so: until then whoever was refused waits for objects, at the place in line that
   it had, and a place that is free is for the next. The pool's clock is the machine's and what a test adds to it. */
#include "support.h"

#include <sched.h>

static long added_s;
static int clock_with_more(clockid_t clock, struct timespec *now) {
  int result = clock_gettime(clock, now);
  now->tv_sec += count_read(&added_s);
  return result;
}
/* A thread that says so wakes late: it comes out of the system when it is let. */
static __thread bool wakes_late;
static long late_ones_stay;
static long system_call(long number, ...) {
  va_list list;
  long argument[6];
  va_start(list, number);
  for (size_t i = 0; i < COUNT_OF(argument); i++) argument[i] = va_arg(list, long);
  va_end(list);
  long result = syscall(number, argument[0], argument[1], argument[2], argument[3], argument[4], argument[5]);
  int error = errno;
  while (wakes_late && count_read(&late_ones_stay)) sched_yield();
  errno = error;
  return result;
}
#define clock_gettime(clock, now) clock_with_more(clock, now)
#define syscall system_call
#define OBJPOOL_IMPLEMENTATION
#include "thing.h"
#undef syscall
#undef clock_gettime

static const int64_t second = INT64_C(1000000000);

static long tries, refusals, no_memory; /* of create; that are still to come; of the allocator */
static objpool *calls_next;             /* in the next create: an object comes back, and goes again */
static void *comes_back;
static bool is_created(thing *object, void *context) {
  (void)object, (void)context;
  count_add(&tries, 1);
  if (calls_next) {
    objpool_release(calls_next, comes_back);
    comes_back = objpool_try_acquire(calls_next);
    calls_next = NULL;
  }
  if (count_read(&refusals) == 0) return true;
  count_add(&refusals, -1);
  return false;
}
OBJPOOL_DEFINE(thing_pool, thing, opt.create = is_created);
OBJPOOL_DEFINE(local_pool, thing, opt.create = is_created, opt.local = true);
OBJPOOL_DEFINE(handle_pool, thing, opt.create = is_created, opt.handles = true);

static void *allocates(size_t size, size_t alignment, void *context) {
  void *memory = NULL;
  (void)context;
  if (count_read(&no_memory) || posix_memalign(&memory, alignment < sizeof(void *) ? sizeof(void *) : alignment, size))
    return NULL;
  return memory;
}
static void deallocates(void *memory, size_t size, size_t alignment, void *context) {
  (void)size, (void)alignment, (void)context;
  free(memory);
}

enum { CACHED, UNCAPPED, UNCACHED, BOUNDED, HANDLES, LOCAL, KINDS };
static thing_pool pool;
static local_pool local;
static handle_pool handles;
static objpool_config config;

/* A pool of two objects at most, that tries again after ten seconds. */
static objpool *begin(int kind) {
  static const size_t caps[] = {2, 0, 2, 2, 2, 2};
  config.max_objects = caps[kind];
  config.cache_size = kind == CACHED || kind == UNCAPPED ? 8 : OBJPOOL_NO_CACHE;
  count_set(&tries, 0), count_set(&refusals, 0), count_set(&no_memory, 0);
  if (kind == LOCAL) {
    CHECK(local_pool_init(&local, &config));
    return &local.base;
  }
  if (kind == HANDLES) {
    CHECK(handle_pool_init(&handles, &config));
    return &handles.base;
  }
  if (kind == UNCACHED) config.max_objects = 100; /* no word has so many bits */
  CHECK(thing_pool_init(&pool, &config));
  if (kind == UNCACHED) CHECK(thing_pool_resize(&pool, OBJPOOL_UNCHANGED, 2));
  return &pool.base;
}

typedef struct request {
  objpool_waiter waiter;
  int told, error;
  void *object;
} request;

static void note(objpool_waiter *waiter, void *object, int error) {
  request *noted = (request *)waiter;
  noted->told++;
  noted->object = object;
  noted->error = error;
}

static objpool_loop loop;
static long wakes;
static void wake(void *user) { count_add((long *)user, 1); }
static size_t run(void) { return objpool_loop_run(&loop, SIZE_MAX); }
static void loop_begins(void) { CHECK(objpool_loop_init(&loop, wake, &wakes)); }

static int setup(void **unused) {
  (void)unused;
  config = defaults();
  config.name = "retry";
  config.retry_create_ns = (uint64_t)(10 * second);
  count_set(&added_s, 0);
  return 0;
}

static void stand_in_line(objpool *from, request *waits, int64_t timeout_ns) {
  memset(waits, 0, sizeof *waits);
  errno = 0;
  assert_null(objpool_acquire_async(from, &waits->waiter, &loop, timeout_ns, note));
  assert_int_equal(errno, EINPROGRESS);
}

static void end(objpool *ended) {
  objpool_stats stats = objpool_snapshot(ended);
  counts_add_up(&stats);
  assert_int_equal(stats.in_use, 0);
  assert_int_equal(stats.waiting, 0);
  objpool_histogram waited = objpool_times(ended, OBJPOOL_TIME_WAIT);
  assert_true(stats.waits == waited.count);
  assert_true(stats.wait_ns == waited.sum_ns);
  objpool_close(ended);
  assert_true(objpool_drain(ended, 0));
  objpool_destroy(ended);
  if (loop.state) objpool_loop_destroy(&loop);
}

static void create_is_tried_again_after_the_pause_which_doubles(void **unused) {
  (void)unused;
  for (int kind = 0; kind < KINDS; kind++) {
    objpool *from = begin(kind);
    request waits;
    loop_begins();
    count_set(&refusals, 4);
    stand_in_line(from, &waits, 1000 * second);
    assert_int_equal(count_read(&tries), 1);
    for (int64_t pause_s = 10; pause_s <= 80; pause_s *= 2) {
      int64_t next_ns = objpool_loop_next_ns(&loop);
      assert_true(next_ns > (pause_s - 5) * second && next_ns <= pause_s * second);
      long before = count_read(&tries);
      count_add(&added_s, pause_s - 5);
      assert_int_equal(run(), 0);
      assert_int_equal(count_read(&tries), before);
      assert_int_equal(objpool_snapshot(from).waiting, 1);
      count_add(&added_s, 5);
      assert_int_equal(objpool_loop_next_ns(&loop), 0);
      assert_int_equal(run(), pause_s == 80);
      assert_int_equal(count_read(&tries), before + 1);
    }
    assert_non_null(waits.object);
    assert_int_equal(waits.told, 1);
    objpool_stats stats = objpool_snapshot(from);
    assert_int_equal(stats.waits, 1);
    assert_int_equal(stats.create_failures, 0);
    assert_true(stats.wait_ns >= (uint64_t)(150 * second));
    objpool_release(from, waits.object);
    end(from);
  }
}

static void released_object_serves_whoever_was_refused(void **unused) {
  (void)unused;
  for (int kind = 0; kind < KINDS; kind++) {
    for (int due = 0; due < 2; due++) { /* within fair_after_ns, and after it */
      config.fair_after_ns = due ? 1 : UINT64_MAX;
      objpool *from = begin(kind);
      request waits[2];
      void *out = objpool_acquire(from);
      loop_begins();
      count_set(&refusals, 1000);
      for (int i = 0; i < 2; i++) stand_in_line(from, &waits[i], 1000 * second);
      assert_int_equal(count_read(&tries), 3);
      assert_int_equal(run(), 0);
      objpool_release(from, out);
      assert_int_equal(run(), 1);
      assert_ptr_equal(waits[0].object, out);
      objpool_release(from, out);
      assert_int_equal(run(), 1);
      assert_ptr_equal(waits[1].object, out);
      assert_int_equal(count_read(&tries), 3);
      objpool_release(from, out);
      end(from);
    }
  }
}

/* The pool has no object, but who was refused still uses it: a drain waits for that call, too. */
static int drained = -1;
static void close_it(const objpool_event *event, void *context);
OBJPOOL_DEFINE(heard_pool, thing, opt.create = is_created, opt.on_event = close_it);
static heard_pool heard;
static void close_it(const objpool_event *event, void *context) {
  (void)context;
  if (event->kind != OBJPOOL_EVENT_WAIT) return;
  heard_pool_close(&heard);
  drained = heard_pool_drain(&heard, 0);
}

static void drain_waits_for_who_was_refused(void **unused) {
  (void)unused;
  count_set(&refusals, 1);
  config.max_objects = 2;
  assert_true(heard_pool_init(&heard, &config));
  assert_null(heard_pool_acquire_for(&heard, -1));
  assert_int_equal(errno, OBJPOOL_ECLOSED);
  assert_int_equal(drained, false);
  assert_true(heard_pool_drain(&heard, 0));
  heard_pool_destroy(&heard);
}

/* Its cell may have lain ready for it alone: it goes back once, and is another object's then. */
static void no_two_objects_get_the_cell_of_one_that_was_refused(void **unused) {
  (void)unused;
  for (int kind = 0; kind < KINDS; kind++) {
    objpool *from = begin(kind);
    request waits;
    void *objects[20];
    size_t count = config.max_objects ? 1 : COUNT_OF(objects);
    void *out = objpool_acquire(from);
    loop_begins();
    count_set(&refusals, 1);
    stand_in_line(from, &waits, 1000 * second);
    for (size_t i = 0; i < count; i++) {
      assert_non_null(objects[i] = objpool_acquire(from));
      assert_ptr_not_equal(objects[i], out);
      for (size_t j = 0; j < i; j++) assert_ptr_not_equal(objects[i], objects[j]);
    }
    objpool_release(from, out);
    assert_int_equal(run(), 1);
    assert_ptr_equal(waits.object, out);
    for (size_t i = 0; i < count; i++) objpool_release(from, objects[i]);
    objpool_release(from, out);
    end(from);
  }
}

static void last_refusal_is_the_error_when_time_is_up(void **unused) {
  (void)unused;
  for (int kind = 0; kind < KINDS; kind++) {
    objpool *from = begin(kind);
    request waits;
    loop_begins();
    count_set(&refusals, 1000);
    stand_in_line(from, &waits, 25 * second);
    count_add(&added_s, 10);
    assert_int_equal(run(), 0);
    assert_int_equal(count_read(&tries), 2);
    count_add(&added_s, 15); /* before the third */
    assert_int_equal(run(), 1);
    assert_int_equal(waits.error, ECANCELED);
    assert_int_equal(count_read(&tries), 2);
    objpool_stats stats = objpool_snapshot(from);
    assert_int_equal(stats.create_failures, 1);
    assert_int_equal(stats.timeouts, 0);
    count_set(&refusals, 0);
    void *out = objpool_acquire(from); /* no place was lost */
    assert_non_null(out);
    objpool_release(from, out);
    end(from);
  }
}

static void place_that_one_was_refused_is_for_the_next_and_nobody_loses_its_place_in_line(void **unused) {
  (void)unused;
  for (int kind = 0; kind < KINDS; kind++) {
    if (kind == UNCAPPED) continue;
    objpool *from = begin(kind);
    request waits[4];
    void *out[2];
    loop_begins();
    for (int i = 0; i < 2; i++) assert_non_null(out[i] = objpool_acquire(from));
    for (int i = 0; i < 3; i++) stand_in_line(from, &waits[i], 1000 * second);
    count_set(&refusals, 1);
    objpool_discard(from, out[0]);
    assert_int_equal(run(), 1); /* the first was refused, the second built */
    assert_int_equal(waits[0].told + waits[2].told, 0);
    assert_non_null(waits[1].object);
    assert_int_equal(objpool_snapshot(from).waiting, 2);
    stand_in_line(from, &waits[3], 1000 * second);
    objpool_release(from, out[1]);
    assert_int_equal(run(), 1);
    assert_ptr_equal(waits[0].object, out[1]); /* it stood before the third */
    objpool_release(from, out[1]);
    objpool_release(from, waits[1].object);
    assert_int_equal(run(), 2);
    for (int i = 2; i < 4; i++) objpool_release(from, waits[i].object);
    end(from);
  }
}

static void place_that_comes_free_is_for_the_first_that_was_not_refused(void **unused) {
  (void)unused;
  for (int kind = 0; kind < KINDS; kind++) {
    if (kind == UNCAPPED) continue;
    objpool *from = begin(kind);
    request waits[2];
    void *out[2];
    loop_begins();
    count_set(&refusals, 1);
    stand_in_line(from, &waits[0], 1000 * second);
    for (int i = 0; i < 2; i++) assert_non_null(out[i] = objpool_acquire(from));
    stand_in_line(from, &waits[1], 1000 * second);
    objpool_discard(from, out[0]);
    assert_int_equal(run(), 1);
    assert_non_null(waits[1].object);
    assert_int_equal(waits[0].told, 0);
    objpool_release(from, waits[1].object); /* an object is for whoever stands first */
    assert_int_equal(run(), 1);
    assert_ptr_equal(waits[0].object, waits[1].object);
    objpool_release(from, waits[0].object);
    objpool_release(from, out[1]);
    end(from);
  }
}

static void newcomers_build_while_whoever_was_refused_waits(void **unused) {
  (void)unused;
  for (int kind = 0; kind < KINDS; kind++) {
    for (int due = 0; due < 2; due++) {
      config.fair_after_ns = due ? 1 : UINT64_MAX;
      objpool *from = begin(kind);
      request waits;
      loop_begins();
      count_set(&refusals, 1);
      stand_in_line(from, &waits, 1000 * second);
      void *out = objpool_acquire(from);
      assert_non_null(out);
      errno = 0;
      assert_null(objpool_try_acquire(from));
      assert_int_equal(errno, EAGAIN);
      objpool_release(from, out); /* for the one that waits */
      assert_null(objpool_try_acquire(from));
      assert_int_equal(run(), 1);
      assert_ptr_equal(waits.object, out);
      objpool_release(from, out);
      end(from);
    }
  }
}

static void retry_at_the_cap_waits_as_if_it_had_not_been_refused(void **unused) {
  (void)unused;
  for (int kind = 0; kind < KINDS; kind++) {
    if (kind == UNCAPPED) continue;
    objpool *from = begin(kind);
    request waits;
    void *out[2];
    loop_begins();
    count_set(&refusals, 1);
    stand_in_line(from, &waits, 1000 * second);
    for (int i = 0; i < 2; i++) assert_non_null(out[i] = objpool_acquire(from));
    count_add(&added_s, 10);
    assert_int_equal(run(), 0);
    assert_int_equal(count_read(&tries), 3);
    int64_t next_ns = objpool_loop_next_ns(&loop);
    assert_true(next_ns > 900 * second); /* the end of its time */
    objpool_discard(from, out[0]);
    assert_int_equal(run(), 1); /* the permit is for it now */
    assert_non_null(waits.object);
    assert_int_equal(objpool_snapshot(from).waits, 1);
    objpool_release(from, waits.object);
    objpool_release(from, out[1]);
    end(from);
  }
}

static void cancel_and_close_reach_whoever_was_refused(void **unused) {
  (void)unused;
  for (int kind = 0; kind < KINDS; kind++) {
    objpool *from = begin(kind);
    request waits[2];
    loop_begins();
    count_set(&refusals, 1000);
    for (int i = 0; i < 2; i++) stand_in_line(from, &waits[i], -1);
    count_add(&added_s, 10);
    assert_int_equal(run(), 0);
    assert_true(objpool_cancel(from, &waits[0].waiter));
    assert_int_equal(objpool_snapshot(from).waiting, 1);
    objpool_close(from);
    assert_int_equal(run(), 1);
    assert_int_equal(waits[1].error, OBJPOOL_ECLOSED);
    assert_int_equal(waits[0].told, 0);
    end(from);
  }
}

static void no_retry_where_nothing_is_said_nobody_waits_or_memory_is_short(void **unused) {
  (void)unused;
  config.allocator.allocate = allocates;
  config.allocator.deallocate = deallocates;
  for (int kind = 0; kind < KINDS; kind++) {
    for (int said = 0; said < 2; said++) {
      config.retry_create_ns = said ? (uint64_t)(1000 * second) : 0;
      objpool *from = begin(kind);
      request waits;
      memset(&waits, 0, sizeof waits);
      loop_begins();
      count_set(&refusals, 1000);
      errno = 0;
      assert_null(objpool_acquire(from));
      assert_int_equal(errno, ECANCELED);
      errno = 0;
      assert_null(objpool_acquire_for(from, 0));
      assert_int_equal(errno, ECANCELED);
      errno = 0;
      assert_null(objpool_acquire_async(from, &waits.waiter, &loop, 0, note));
      assert_int_equal(errno, ECANCELED);
      assert_int_equal(count_read(&tries), 3);
      if (!said || kind == LOCAL) { /* a thread does not wait in a local pool */
        errno = 0;
        assert_null(objpool_acquire_for(from, -1));
        assert_int_equal(errno, ECANCELED);
        assert_int_equal(count_read(&tries), 4);
      }
      count_set(&no_memory, 1);
      long before = count_read(&tries);
      void *out[200];
      size_t got = 0;
      count_set(&refusals, 0);
      while (got < COUNT_OF(out) && (out[got] = objpool_acquire(from)) != NULL) got++;
      if (errno == ENOMEM) {
        errno = 0;
        assert_null(objpool_acquire_for(from, -1));
        assert_int_equal(errno, ENOMEM);
      }
      assert_true(count_read(&tries) >= before);
      objpool_release_many(from, out, got);
      count_set(&no_memory, 0);
      end(from);
    }
  }
}

/* Threads. */
static void *waits_for_one(void *from) {
  void *object = objpool_acquire_for((objpool *)from, -1);
  CHECK(object);
  return object;
}

static void *wakes_late_with_one(void *from) {
  wakes_late = true;
  return waits_for_one(from);
}

static void thread_tries_again_and_is_served_meanwhile(void **unused) {
  (void)unused;
  for (int kind = 0; kind < LOCAL; kind++) {
    config.retry_create_ns = 1000000;
    objpool *from = begin(kind);
    count_set(&refusals, 4);
    int64_t began = now_ns();
    void *out = objpool_acquire_for(from, -1), *handed;
    assert_non_null(out);
    assert_true(now_ns() - began >= 15 * 1000000); /* 1 + 2 + 4 + 8 ms */
    assert_int_equal(count_read(&tries), 5);
    assert_int_equal(objpool_snapshot(from).waits, 1);
    count_set(&refusals, 1000000);
    began = now_ns();
    errno = 0;
    assert_null(objpool_acquire_for(from, OBJPOOL_MS(20)));
    assert_int_equal(errno, ECANCELED);
    assert_true(now_ns() - began >= OBJPOOL_MS(20));
    assert_true(count_read(&tries) >= 7 && count_read(&tries) <= 5 + 6); /* at once, 1, 3, 7, 15 ms */
    assert_int_equal(objpool_snapshot(from).create_failures, 1);
    objpool_release(from, out);
    end(from);
    config.retry_create_ns = (uint64_t)(1000000 * second);
    from = begin(kind);
    assert_non_null(out = objpool_acquire(from));
    count_set(&refusals, 1000);
    pthread_t thread = start_thread(waits_for_one, from);
    WAIT_UNTIL(objpool_snapshot(from).waiting == 1);
    objpool_release(from, out);
    pthread_join(thread, &handed);
    assert_ptr_equal(handed, out);
    assert_int_equal(count_read(&tries), 2);
    objpool_release(from, out);
    end(from);
  }
}

static void *is_sent_away(void *from) {
  CHECK(!objpool_acquire_for((objpool *)from, -1) && errno == OBJPOOL_ECLOSED);
  return NULL;
}

static void close_sends_a_thread_away_that_was_refused(void **unused) {
  (void)unused;
  for (int kind = 0; kind < LOCAL; kind++) {
    objpool *from = begin(kind);
    count_set(&refusals, 1000);
    pthread_t thread = start_thread(is_sent_away, from);
    WAIT_UNTIL(objpool_snapshot(from).waiting == 1);
    objpool_close(from);
    join_thread(thread);
    assert_int_equal(objpool_snapshot(from).create_failures, 0);
    end(from);
  }
}

static void thread_behind_one_that_was_refused_gets_the_place(void **unused) {
  (void)unused;
  for (int kind = 0; kind < LOCAL; kind++) {
    if (kind == UNCAPPED) continue;
    objpool *from = begin(kind);
    void *out[2], *built, *handed;
    for (int i = 0; i < 2; i++) assert_non_null(out[i] = objpool_acquire(from));
    pthread_t first = start_thread(waits_for_one, from);
    WAIT_UNTIL(objpool_snapshot(from).waiting == 1);
    pthread_t second_one = start_thread(waits_for_one, from);
    WAIT_UNTIL(objpool_snapshot(from).waiting == 2);
    count_set(&refusals, 1);
    objpool_discard(from, out[0]);
    pthread_join(second_one, &built);
    objpool_release(from, out[1]);
    pthread_join(first, &handed);
    assert_ptr_equal(handed, out[1]);
    objpool_release(from, built);
    objpool_release(from, handed);
    end(from);
  }
}

static void place_that_comes_free_is_for_the_first_thread_that_was_not_refused(void **unused) {
  (void)unused;
  config.fair_after_ns = UINT64_MAX; /* nobody is due */
  for (int kind = 0; kind < LOCAL; kind++) {
    if (kind == UNCAPPED) continue;
    objpool *from = begin(kind);
    void *out[2], *built, *handed;
    count_set(&refusals, 1);
    pthread_t first = start_thread(waits_for_one, from);
    WAIT_UNTIL(objpool_snapshot(from).waiting == 1);
    for (int i = 0; i < 2; i++) assert_non_null(out[i] = objpool_acquire(from));
    pthread_t other = start_thread(waits_for_one, from);
    WAIT_UNTIL(objpool_snapshot(from).waiting == 2);
    objpool_discard(from, out[0]);
    WAIT_UNTIL(objpool_snapshot(from).waiting == 1);
    pthread_join(other, &built);
    assert_int_equal(count_read(&tries), 4);
    objpool_release(from, out[1]);
    pthread_join(first, &handed);
    assert_ptr_equal(handed, out[1]);
    objpool_release(from, built);
    objpool_release(from, handed);
    end(from);
  }
}

/* While the first in line builds, the next one, a thread, is called for an object that another takes before it looks. Then create
   refuses, and the first stands in front of it once more: what comes back now is for one of the two. */
static void thread_that_was_called_and_is_first_no_longer_keeps_nobody_waiting(void **unused) {
  (void)unused;
  config.fair_after_ns = UINT64_MAX; /* nobody is due */
  config.retry_create_ns = (uint64_t)(1000000 * second);
  for (int kind = 0; kind < LOCAL; kind++) {
    if (kind == UNCAPPED) continue;
    objpool *from = begin(kind);
    void *out[2], *handed;
    request waits;
    loop_begins();
    for (int i = 0; i < 2; i++) assert_non_null(out[i] = objpool_acquire(from));
    stand_in_line(from, &waits, -1);
    pthread_t thread = start_thread(wakes_late_with_one, from);
    WAIT_UNTIL(objpool_snapshot(from).waiting == 2);
    objpool_discard(from, out[0]); /* the place is for the first */
    count_set(&refusals, 1000);
    comes_back = out[1];
    calls_next = from;
    count_set(&late_ones_stay, 1);
    assert_int_equal(run(), 0);
    assert_null(calls_next);
    count_set(&late_ones_stay, 0);
    if (comes_back) objpool_release(from, comes_back);
    WAIT_UNTIL((run(), objpool_snapshot(from).waiting) == 1);
    if (waits.told) objpool_release(from, waits.object);
    pthread_join(thread, &handed);
    assert_ptr_equal(handed, out[1]);
    objpool_release(from, handed);
    if (!waits.told) {
      assert_int_equal(run(), 1);
      objpool_release(from, waits.object);
    }
    assert_ptr_equal(waits.object, out[1]);
    assert_int_equal(waits.told, 1);
    end(from);
  }
}

/* Every acquire ends, however often create refuses. */
enum { TURNS = SCALED(5000, 1500, 500) };
static long refuses_every;
static bool sometimes(thing *object, void *context) {
  (void)context;
  object->owner = 0;
  return count_add(&refuses_every, 1) % 3 != 0;
}
OBJPOOL_DEFINE(moody_pool, thing, opt.create = sometimes);
static moody_pool moody;

static void *turns(void *argument) {
  uint64_t seed = (uint64_t)(uintptr_t)argument;
  for (int i = 0; i < TURNS; i++) {
    thing *held = moody_pool_acquire_for(&moody, i % 8 ? -1 : OBJPOOL_MS(1));
    if (!held) {
      CHECK(i % 8 == 0 && (errno == ETIMEDOUT || errno == ECANCELED));
      continue;
    }
    CHECK(__atomic_exchange_n(&held->owner, 1, __ATOMIC_RELAXED) == 0);
    if (random_below(&seed, 4) == 0) sched_yield();
    CHECK(__atomic_exchange_n(&held->owner, 0, __ATOMIC_RELAXED) == 1);
    if (random_below(&seed, 2))
      moody_pool_discard(&moody, held);
    else
      moody_pool_release(&moody, held);
  }
  return NULL;
}

static void no_wake_up_is_lost_where_create_refuses_now_and_then(void **unused) {
  (void)unused;
  static const size_t caches[] = {8, OBJPOOL_NO_CACHE, OBJPOOL_NO_CACHE};
  for (size_t kind = 0; kind < COUNT_OF(caches); kind++) {
    pthread_t threads[4];
    config.retry_create_ns = 20000;
    config.cache_size = caches[kind];
    config.max_objects = kind == 2 ? 100 : 2;
    CHECK(moody_pool_init(&moody, &config));
    CHECK(moody_pool_resize(&moody, OBJPOOL_UNCHANGED, 2));
    for (size_t i = 0; i < COUNT_OF(threads); i++) threads[i] = start_thread(turns, (void *)(uintptr_t)(i + 1));
    for (size_t i = 0; i < COUNT_OF(threads); i++) join_thread(threads[i]);
    assert_true(moody_pool_stats(&moody).waits > 0);
    end(&moody.base);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(create_is_tried_again_after_the_pause_which_doubles, setup),
      cmocka_unit_test_setup(released_object_serves_whoever_was_refused, setup),
      cmocka_unit_test_setup(drain_waits_for_who_was_refused, setup),
      cmocka_unit_test_setup(no_two_objects_get_the_cell_of_one_that_was_refused, setup),
      cmocka_unit_test_setup(last_refusal_is_the_error_when_time_is_up, setup),
      cmocka_unit_test_setup(place_that_one_was_refused_is_for_the_next_and_nobody_loses_its_place_in_line, setup),
      cmocka_unit_test_setup(place_that_comes_free_is_for_the_first_that_was_not_refused, setup),
      cmocka_unit_test_setup(newcomers_build_while_whoever_was_refused_waits, setup),
      cmocka_unit_test_setup(retry_at_the_cap_waits_as_if_it_had_not_been_refused, setup),
      cmocka_unit_test_setup(cancel_and_close_reach_whoever_was_refused, setup),
      cmocka_unit_test_setup(no_retry_where_nothing_is_said_nobody_waits_or_memory_is_short, setup),
      cmocka_unit_test_setup(thread_tries_again_and_is_served_meanwhile, setup),
      cmocka_unit_test_setup(close_sends_a_thread_away_that_was_refused, setup),
      cmocka_unit_test_setup(thread_behind_one_that_was_refused_gets_the_place, setup),
      cmocka_unit_test_setup(place_that_comes_free_is_for_the_first_thread_that_was_not_refused, setup),
      cmocka_unit_test_setup(thread_that_was_called_and_is_first_no_longer_keeps_nobody_waiting, setup),
      cmocka_unit_test_setup(no_wake_up_is_lost_where_create_refuses_now_and_then, setup),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
