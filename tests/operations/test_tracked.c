/* Tracked pools: who holds an object, for how long, and where it was acquired; the times of uses; the alert for one that is kept. */
#include <stdlib.h>

/* Memory for a look at many holds may be refused. */
static int calloc_refuses;
static void *calloc_or_not(size_t count, size_t size) { return calloc_refuses ? NULL : calloc(count, size); }
#define calloc(count, size) calloc_or_not(count, size)

#define OBJPOOL_IMPLEMENTATION
#include "support.h"

#include "fleet/fleet.h"

#undef calloc
#ifdef __linux__
#include <sys/syscall.h>
#endif

static bool always_valid(thing *object, void *context) {
  (void)object, (void)context;
  return true;
}
static void begin_anew(thing *object, void *context) {
  (void)context;
  object->number = 0;
}

OBJPOOL_DEFINE(cached_pool, thing, opt.tracked = true);
OBJPOOL_DEFINE(bounded_pool, thing, opt.tracked = true);
OBJPOOL_DEFINE(stack_pool, thing, opt.tracked = true);
OBJPOOL_DEFINE(local_pool, thing, opt.tracked = true, opt.local = true);
OBJPOOL_DEFINE(handle_pool, thing, opt.tracked = true, opt.handles = true);
OBJPOOL_DEFINE(local_handle_pool, thing, opt.tracked = true, opt.handles = true, opt.local = true);
OBJPOOL_DEFINE(timed_pool, thing, opt.tracked = true, opt.timed = true, opt.handles = true);
OBJPOOL_DEFINE(wiped_pool, thing, opt.tracked = true, opt.wipe = true);
OBJPOOL_DEFINE(renewed_pool, thing, opt.tracked = true, opt.wipe = true, opt.create = always_valid);
OBJPOOL_DEFINE(hook_pool, thing, opt.tracked = true, opt.reset = begin_anew, opt.validate = always_valid);

/* What a look finds, in its order. */
enum { MOST = 2000 };
typedef struct holds {
  objpool_hold seen[MOST];
  size_t count;
} holds;

static void note(const objpool_hold *hold, void *user) {
  holds *found = (holds *)user;
  CHECK(found->count < MOST);
  found->seen[found->count++] = *hold;
}

static size_t look(objpool *pool, uint64_t longer_ns, holds *found) {
  size_t told;
  found->count = 0;
  told = objpool_each_held(pool, longer_ns, note, found);
  CHECK(told == found->count);
  return told;
}

static uint64_t thread_number(void) {
#ifdef __linux__
  return (uint64_t)syscall(SYS_gettid);
#else
  return 0; /* whatever it is: see same_thread */
#endif
}

static bool same_thread(uint64_t told, uint64_t number) {
#ifdef __linux__
  return told == number;
#else
  return (void)told, (void)number, true;
#endif
}

/* ---- the same of each kind of pool */

/* objects are held by acquires of their own, a moment apart; the first one for the second time */
#define SUITE(P)                                                                               \
  static void P##_check(P *pool) {                                                             \
    static holds found;                                                                        \
    enum { HELD = 7 };                                                                         \
    thing *held[HELD], *other;                                                                 \
    int64_t before[HELD], after[HELD];                                                         \
    size_t i;                                                                                  \
    objpool_histogram times;                                                                   \
    P##_release(pool, P##_acquire(pool));                                                      \
    for (i = 0; i < HELD; i++) {                                                               \
      before[i] = now_ns();                                                                    \
      held[i] = P##_acquire(pool);                                                             \
      after[i] = now_ns();                                                                     \
      assert_non_null(held[i]);                                                                \
      sleep_ms(1);                                                                             \
    }                                                                                          \
    errno = EDOM;                                                                              \
    int64_t begin = now_ns();                                                                  \
    assert_int_equal(look(&pool->base, 0, &found), HELD);                                      \
    int64_t end = now_ns();                                                                    \
    assert_int_equal(errno, EDOM);                                                             \
    for (i = 0; i < HELD; i++) {                                                               \
      const objpool_hold *hold = &found.seen[i];                                               \
      assert_ptr_equal(hold->object, held[i]);                                                 \
      assert_int_equal(hold->uses, i == 0 ? 2 : 1);                                            \
      assert_true(same_thread(hold->thread, thread_number()));                                 \
      assert_in_range(hold->held_ns, begin - after[i] - SLACK_NS, end - before[i] + SLACK_NS); \
    }                                                                                          \
    assert_int_equal(look(&pool->base, UINT64_C(3600000000000), &found), 0);                   \
    /* each way of giving back ends it; what comes after is another use */                     \
    P##_discard(pool, held[0]);                                                                \
    *held[6] = P##_extract(pool, held[1]), held[6]->number = 0;                                \
    P##_release(pool, held[2]);                                                                \
    P##_release_many(pool, &held[3], 2);                                                       \
    objpool_release(&pool->base, held[5]);                                                     \
    assert_int_equal(look(&pool->base, 0, &found), 1);                                         \
    assert_ptr_equal(found.seen[0].object, held[6]);                                           \
    other = (thing *)objpool_acquire(&pool->base);                                             \
    assert_int_equal(look(&pool->base, 0, &found), 2);                                         \
    assert_ptr_equal(found.seen[1].object, other);                                             \
    objpool_discard(&pool->base, other);                                                       \
    assert_int_equal(P##_release_all(pool), 1);                                                \
    assert_int_equal(look(&pool->base, 0, &found), 0);                                         \
    times = objpool_times(&pool->base, OBJPOOL_TIME_USE);                                      \
    assert_int_equal(times.count, HELD + 2);                                                   \
    P##_reset_stats(pool);                                                                     \
    times = objpool_times(&pool->base, OBJPOOL_TIME_USE);                                      \
    assert_true(all_zero(&times, sizeof times));                                               \
    P##_release(pool, P##_acquire(pool));                                                      \
    times = objpool_times(&pool->base, OBJPOOL_TIME_USE);                                      \
    assert_int_equal(times.count, 1);                                                          \
    P##_destroy(pool);                                                                         \
  }

/* How far the pool's clock may be from the test's. */
enum { SLACK_NS = 100000 };

SUITE(cached_pool)
SUITE(bounded_pool)
SUITE(stack_pool)
SUITE(local_pool)
SUITE(handle_pool)
SUITE(local_handle_pool)
SUITE(timed_pool)
SUITE(wiped_pool)
SUITE(hook_pool)

static void every_kind_of_pool_tells_who_holds_what(void **state) {
  static cached_pool cached;
  static bounded_pool bounded;
  static stack_pool stack;
  static local_pool local;
  static handle_pool handles;
  static local_handle_pool local_handles;
  static timed_pool timed;
  static wiped_pool wiped;
  static hook_pool hooked;
  objpool_config config = defaults();
  (void)state;
  cached_pool_check(&cached);
  local_pool_check(&local);
  handle_pool_check(&handles);
  local_handle_pool_check(&local_handles);
  timed_pool_check(&timed);
  wiped_pool_check(&wiped);
  hook_pool_check(&hooked);
  config.max_objects = 16;
  assert_true(bounded_pool_init(&bounded, &config));
  bounded_pool_check(&bounded);
  config.max_objects = 1000;
  config.cache_size = OBJPOOL_NO_CACHE;
  config.reserve = 100;
  assert_true(stack_pool_init(&stack, &config));
  stack_pool_check(&stack);
}

static void pools_without_their_type_tell_as_well(void **state) {
  static objpool pool;
  objpool_type type;
  holds found;
  void *several[3];
  (void)state;
  memset((void *)&type, 0, sizeof type);
  type.size = type.alignment = 8;
  type.tracked = true;
  assert_true(objpool_init(&pool, &type, NULL));
  void *one = objpool_acquire(&pool);
  void *two = objpool_acquire_for(&pool, 0);
  assert_int_equal(objpool_acquire_many(&pool, several, 3), 3);
  assert_int_equal(look(&pool, 0, &found), 5);
  assert_ptr_equal(found.seen[0].object, one);
  assert_ptr_equal(found.seen[1].object, two);
  assert_true(found.seen[0].site != found.seen[1].site);
  assert_ptr_equal(found.seen[2].site, found.seen[4].site);
  objpool_release_many(&pool, several, 3);
  objpool_discard(&pool, one);
  objpool_release(&pool, two);
  assert_int_equal(look(&pool, 0, &found), 0);
  assert_int_equal(objpool_times(&pool, OBJPOOL_TIME_USE).count, 5);
  void *again = objpool_try_acquire(&pool);
  assert_int_equal(look(&pool, 0, &found), 1);
  assert_ptr_equal(found.seen[0].object, again);
  objpool_release(&pool, again);
  objpool_destroy(&pool);
}

static void other_pools_have_nothing_to_tell(void **state) {
  static thing_pool untracked;
  static cached_pool unused;
  holds found;
  (void)state;
  thing *object = thing_pool_acquire(&untracked);
  errno = 0;
  assert_int_equal(look(&untracked.base, 0, &found), 0);
  assert_int_equal(errno, EINVAL);
  errno = 0;
  assert_int_equal(look(&unused.base, 0, &found), 0);
  assert_int_equal(errno, EINVAL);
  errno = 0;
  assert_int_equal(objpool_times(&untracked.base, OBJPOOL_TIME_USE).count, 0);
  assert_int_equal(errno, EINVAL);
  thing_pool_release(&untracked, object);
  thing_pool_destroy(&untracked);
}

/* False: the machine stopped us for longer than that. */
static bool finds_the_older_one(cached_pool *pool) {
  holds found;
  const uint64_t between = 5000000;
  thing *old = cached_pool_acquire(pool), *young;
  size_t i;
  sleep_ms(10);
  young = cached_pool_acquire(pool);
  look(&pool->base, between, &found);
  assert_ptr_equal(found.seen[0].object, old);
  for (i = 0; i < found.count; i++) assert_true(found.seen[i].held_ns >= between);
  cached_pool_release(pool, old);
  cached_pool_release(pool, young);
  return found.count == 1;
}

static void younger_ones_are_left_out(void **state) {
  static cached_pool pool;
  (void)state;
  WAIT_UNTIL(finds_the_older_one(&pool));
  cached_pool_destroy(&pool);
}

static void uses_are_those_of_the_object_not_of_its_place(void **state) {
  static cached_pool pool;
  holds found;
  thing *object = NULL, *next;
  objpool_config config = defaults();
  int i;
  (void)state;
  config.max_objects = 1;
  assert_true(cached_pool_init(&pool, &config));
  for (i = 0; i < 5; i++) {
    object = cached_pool_acquire(&pool);
    if (i < 4) cached_pool_release(&pool, object);
  }
  assert_int_equal(look(&pool.base, 0, &found), 1);
  assert_int_equal(found.seen[0].uses, 5);
  cached_pool_discard(&pool, object);
  next = cached_pool_acquire(&pool);
  assert_ptr_equal(next, object); /* built where the last one was */
  assert_int_equal(look(&pool.base, 0, &found), 1);
  assert_int_equal(found.seen[0].uses, 1);
  cached_pool_release(&pool, next);
  cached_pool_destroy(&pool);
}

/* In a pool that wipes each is destroyed, and built anew, as it comes back. */
static void what_is_built_anew_was_used_by_nobody(void **state) {
  static renewed_pool pool;
  holds found;
  (void)state;
  for (int i = 0; i < 5; i++) renewed_pool_release(&pool, renewed_pool_acquire(&pool));
  thing *object = renewed_pool_acquire(&pool);
  assert_int_equal(renewed_pool_stats(&pool).created, 6);
  assert_int_equal(look(&pool.base, 0, &found), 1);
  assert_int_equal(found.seen[0].uses, 1);
  renewed_pool_release(&pool, object);
  renewed_pool_destroy(&pool);
}

/* ---- a visit */

static struct {
  cached_pool pool;
  thing *held[300];
  size_t visits;
} visited;

static void release_all_but_the_last(const objpool_hold *hold, void *user) {
  size_t i;
  (void)user;
  visited.visits++;
  CHECK(hold->object == visited.held[0]);
  for (i = 0; i + 1 < COUNT_OF(visited.held); i++) cached_pool_release(&visited.pool, visited.held[i]);
  cached_pool_trim(&visited.pool, 0);
}

static void acquire_one_more(const objpool_hold *hold, void *user) {
  (void)hold, (void)user;
  CHECK(visited.visits < COUNT_OF(visited.held));
  CHECK(cached_pool_acquire(&visited.pool));
  visited.visits++;
}

static void visit_may_release_and_acquire(void **state) {
  size_t i, refused;
  (void)state;
  for (refused = 0; refused < 2; refused++) {
    calloc_refuses = (int)refused;
    for (i = 0; i < COUNT_OF(visited.held); i++) visited.held[i] = cached_pool_acquire(&visited.pool);
    visited.visits = 0;
    assert_int_equal(objpool_each_held(&visited.pool.base, 0, acquire_one_more, NULL), COUNT_OF(visited.held));
    assert_int_equal(objpool_each_held(&visited.pool.base, 0, NULL, NULL), 2 * COUNT_OF(visited.held));
    assert_int_equal(cached_pool_release_all(&visited.pool), 2 * COUNT_OF(visited.held));
    for (i = 0; i < COUNT_OF(visited.held); i++) visited.held[i] = cached_pool_acquire(&visited.pool);
    visited.visits = 0;
    /* the first visit, and that of the one it left */
    struct last {
      holds found;
    } last;
    last.found.count = 0;
    assert_int_equal(objpool_each_held(&visited.pool.base, UINT64_C(3600000000000), release_all_but_the_last, NULL), 0);
    size_t told = objpool_each_held(&visited.pool.base, 0, note, &last.found);
    assert_int_equal(told, COUNT_OF(visited.held));
    for (i = 1; i < told; i++) assert_true(last.found.seen[i].held_ns <= last.found.seen[i - 1].held_ns);
    for (i = 0; i < told; i++) assert_ptr_equal(last.found.seen[i].object, visited.held[i]);
    for (i = 0; i + 1 < COUNT_OF(visited.held); i++) cached_pool_release(&visited.pool, visited.held[i]);
    assert_int_equal(objpool_each_held(&visited.pool.base, 0, NULL, NULL), 1);
    cached_pool_release(&visited.pool, visited.held[COUNT_OF(visited.held) - 1]);
  }
  calloc_refuses = 0;
  cached_pool_destroy(&visited.pool);
}

static void release_it_and_the_next(const objpool_hold *hold, void *user) {
  size_t *at = (size_t *)user;
  CHECK(hold->object == visited.held[*at]);
  cached_pool_release(&visited.pool, visited.held[*at]);
  cached_pool_release(&visited.pool, visited.held[*at + 1]);
  cached_pool_trim(&visited.pool, 0);
  *at += 2;
}

static void what_a_visit_releases_is_not_visited(void **state) {
  size_t i, refused, at;
  (void)state;
  for (refused = 0; refused < 2; refused++) {
    for (i = 0; i < COUNT_OF(visited.held); i++) visited.held[i] = cached_pool_acquire(&visited.pool);
    calloc_refuses = (int)refused;
    at = 0;
    assert_int_equal(objpool_each_held(&visited.pool.base, 0, release_it_and_the_next, &at),
                     COUNT_OF(visited.held) / 2);
    assert_int_equal(at, COUNT_OF(visited.held));
    assert_int_equal(objpool_each_held(&visited.pool.base, 0, NULL, NULL), 0);
    calloc_refuses = 0;
    uint64_t before = cached_pool_stats(&visited.pool).memory_bytes; /* a look keeps no block longer than it lasts */
    cached_pool_trim(&visited.pool, 0);
    assert_true(cached_pool_stats(&visited.pool).memory_bytes < before);
  }
  cached_pool_destroy(&visited.pool);
}

/* ---- sites: within the function that acquires, and each call's own (tests/operations/test_sites.sh: their lines) */

static __attribute__((__noinline__)) thing *take_one(cached_pool *pool) {
  thing *object = cached_pool_acquire(pool);
  return object;
}
static __attribute__((__noinline__)) thing *take_another(cached_pool *pool) { return cached_pool_acquire(pool); }

static __attribute__((__noinline__)) thing *take_many(cached_pool *pool) {
  thing *both[2];
  return cached_pool_acquire_many(pool, both, 2) == 2 ? both[0] : NULL;
}

static bool lies_in(const void *site, thing *(*function)(cached_pool *)) {
  enum { LONGEST = 2048 };
  uintptr_t from;
  memcpy(&from, &function, sizeof from);
  return (uintptr_t)site - from < LONGEST;
}

static void site_lies_in_the_function_that_acquires(void **state) {
  static cached_pool pool;
  holds found;
  thing *objects[3];
  (void)state;
  objects[0] = take_one(&pool);
  objects[1] = take_another(&pool);
  objects[2] = take_one(&pool);
  assert_int_equal(look(&pool.base, 0, &found), 3);
  assert_true(lies_in(found.seen[0].site, take_one));
  assert_true(lies_in(found.seen[1].site, take_another));
  assert_ptr_equal(found.seen[0].site, found.seen[2].site);
  assert_ptr_not_equal(found.seen[0].site, found.seen[1].site);
  cached_pool_release_many(&pool, objects, 3);
  assert_non_null(take_many(&pool));
  assert_int_equal(look(&pool.base, 0, &found), 2);
  for (size_t i = 0; i < found.count; i++) assert_true(lies_in(found.seen[i].site, take_many));
  cached_pool_release_all(&pool);
  cached_pool_destroy(&pool);
}

/* Who uses one of them reads its clock at any time. (Also where that is the system's, which is not learned.) */
static void clock_is_started_once(void **state) {
  static cached_pool first, second;
  (void)state;
  assert_true(cached_pool_init(&first, NULL));
  struct objpool__ticker before = objpool__ticker;
  objpool__ticker.tick_ns = 2 * before.tick_ns;
  assert_true(cached_pool_init(&second, NULL));
  assert_true(before.started && before.origin == objpool__ticker.origin && 2 * before.tick_ns == objpool__ticker.tick_ns);
  objpool__ticker.tick_ns = before.tick_ns;
  cached_pool_destroy(&first);
  cached_pool_destroy(&second);
}

/* ---- event loops: it is the one who asked, from the moment it is told */

static thing *told_to;
static void be_told(bounded_pool_waiter *waiter, thing *object, int error) {
  (void)waiter;
  CHECK(error == 0);
  told_to = object;
}

static __attribute__((__noinline__)) thing *ask(bounded_pool *pool, bounded_pool_waiter *waiter, objpool_loop *loop) {
  thing *object = bounded_pool_acquire_async(pool, waiter, loop, -1, be_told);
  return object;
}

static void waiter_of_a_loop_holds_what_it_is_told(void **state) {
  static bounded_pool pool;
  static bounded_pool_waiter waiter;
  objpool_config config = defaults();
  objpool_loop loop;
  thing *(*asks)(bounded_pool *, bounded_pool_waiter *, objpool_loop *) = ask;
  uintptr_t from;
  holds found;
  (void)state;
  config.max_objects = 1;
  assert_true(bounded_pool_init(&pool, &config));
  assert_true(objpool_loop_init(&loop, NULL, NULL));
  thing *object = ask(&pool, &waiter, &loop);
  assert_int_equal(look(&pool.base, 0, &found), 1);
  const void *site = found.seen[0].site;
  memcpy(&from, &asks, sizeof from);
  assert_in_range((uintptr_t)site - from, 0, 2048);
  bounded_pool_release(&pool, object);
  object = bounded_pool_acquire(&pool);
  assert_null(ask(&pool, &waiter, &loop));
  assert_int_equal(errno, EINPROGRESS);
  bounded_pool_release(&pool, object);
  assert_int_equal(look(&pool.base, 0, &found), 0);
  assert_int_equal(objpool_loop_run(&loop, 1), 1);
  assert_int_equal(look(&pool.base, 0, &found), 1);
  assert_ptr_equal(found.seen[0].object, told_to);
  assert_ptr_equal(found.seen[0].site, site);
  assert_int_equal(found.seen[0].uses, 3);
  bounded_pool_release(&pool, told_to);
  assert_int_equal(objpool_times(&pool.base, OBJPOOL_TIME_USE).count, 3);
  objpool_loop_destroy(&loop);
  bounded_pool_destroy(&pool);
}

/* ---- threads */

static void *hold_and_tell(void *argument) {
  uint64_t *number = (uint64_t *)argument;
  *number = thread_number();
  static cached_pool pool;
  static local_pool local; /* the first pool that this thread uses, and the only one */
  static holds found;
  thing *mine = local_pool_acquire(&local);
  CHECK(look(&local.base, 0, &found) == 1 && same_thread(found.seen[0].thread, *number));
  local_pool_release(&local, mine);
  local_pool_destroy(&local);
  mine = cached_pool_acquire(&pool);
  CHECK(look(&pool.base, 0, &found) == 1 && same_thread(found.seen[0].thread, *number));
  cached_pool_release(&pool, mine);
  cached_pool_destroy(&pool);
  return NULL;
}

static void thread_is_the_one_that_acquired(void **state) {
  uint64_t one, other;
  (void)state;
  in_another_thread(hold_and_tell, &one);
  in_another_thread(hold_and_tell, &other);
  hold_and_tell(&one);
}

enum { WORKERS = 3, LOOKS = SCALED(3000, 500, 200), TURNS = 200 };

static struct {
  cached_pool pool;
  uint64_t thread[WORKERS];
  thing *(*take[WORKERS])(cached_pool *);
  long ready, stop;
} crowd;

static void *take_and_give(void *argument) {
  size_t me = *(size_t *)argument;
  __atomic_store_n(&crowd.thread[me], thread_number(), __ATOMIC_RELAXED);
  __atomic_fetch_add(&crowd.ready, 1, __ATOMIC_RELEASE);
  while (!__atomic_load_n(&crowd.stop, __ATOMIC_RELAXED)) {
    thing *object = crowd.take[me](&crowd.pool);
    CHECK(object);
    cached_pool_release(&crowd.pool, object);
  }
  return NULL;
}

/* A thread acquires at one place: another one beside its number was another use's. */
static void is_of_one_use(const objpool_hold *hold, void *user) {
  size_t i, *told = (size_t *)user;
  ++*told;
  for (i = 0; i < WORKERS; i++)
    if (same_thread(hold->thread, crowd.thread[i])) {
      CHECK(lies_in(hold->site, crowd.take[i]));
      CHECK(hold->uses > 0);
      return;
    }
  CHECK(i < WORKERS); /* of no thread */
}

static void words_of_two_uses_are_never_mixed(void **state) {
  size_t numbers[WORKERS], i, told = 0;
  pthread_t threads[WORKERS];
  objpool_config config = defaults();
  (void)state;
  config.max_objects = WORKERS; /* so that each object is everybody's */
  config.cache_size = OBJPOOL_NO_CACHE;
  assert_true(cached_pool_init(&crowd.pool, &config));
  for (i = 0; i < WORKERS; i++) {
    numbers[i] = i;
    crowd.take[i] = i % 2 ? take_another : take_one;
    threads[i] = start_thread(take_and_give, &numbers[i]);
  }
  WAIT_UNTIL(__atomic_load_n(&crowd.ready, __ATOMIC_ACQUIRE) == WORKERS);
  for (i = 0; i < LOOKS || told < LOOKS / 100; i++) objpool_each_held(&crowd.pool.base, 0, is_of_one_use, &told);
  __atomic_store_n(&crowd.stop, 1, __ATOMIC_RELAXED);
  for (i = 0; i < WORKERS; i++) join_thread(threads[i]);
#ifndef OBJPOOL_NO_STATS
  assert_int_equal(objpool_times(&crowd.pool.base, OBJPOOL_TIME_USE).count, cached_pool_stats(&crowd.pool).releases);
#endif
  assert_int_equal(objpool_each_held(&crowd.pool.base, 0, NULL, NULL), 0);
  cached_pool_destroy(&crowd.pool);
}

/* One of two ends a use, by the object or by its handle. */
static struct {
  handle_pool pool;
  handle_pool_handle handle;
  long turn, ended;
} rivals;

static void *end_by_handle(void *unused) {
  long turn;
  (void)unused;
  for (turn = 1; turn <= TURNS; turn++) {
    while (__atomic_load_n(&rivals.turn, __ATOMIC_ACQUIRE) != turn) sched_yield();
    (void)handle_pool_release_handle(&rivals.pool, rivals.handle);
    __atomic_store_n(&rivals.ended, turn, __ATOMIC_RELEASE);
  }
  return NULL;
}

static void use_that_two_end_is_counted_once(void **state) {
  long turn;
  (void)state;
  handle_pool_release(&rivals.pool, handle_pool_acquire(&rivals.pool));
  pthread_t rival = start_thread(end_by_handle, NULL); /* at most one turn a time slice, where it is busy */
  for (turn = 1; turn <= TURNS; turn++) {
    thing *object = handle_pool_acquire(&rivals.pool);
    rivals.handle = handle_pool_handle_of(&rivals.pool, object);
    __atomic_store_n(&rivals.turn, turn, __ATOMIC_RELEASE);
    (void)handle_pool_release_handle(&rivals.pool, rivals.handle);
    while (__atomic_load_n(&rivals.ended, __ATOMIC_ACQUIRE) != turn) sched_yield();
  }
  join_thread(rival);
  assert_int_equal(objpool_times(&rivals.pool.base, OBJPOOL_TIME_USE).count, TURNS + 1);
  assert_int_equal(objpool_each_held(&rivals.pool.base, 0, NULL, NULL), 0);
  handle_pool_destroy(&rivals.pool);
}

/* As where a handle came first, or after a release that was a mistake. */
static void use_that_has_ended_does_not_end_again(void **state) {
  static handle_pool pool;
  static local_handle_pool lone;
  objpool *const both[] = {&pool.base, &lone.base};
  (void)state;
  assert_true(handle_pool_init(&pool, NULL) && local_handle_pool_init(&lone, NULL));
  for (size_t i = 0; i < COUNT_OF(both); i++) {
    void *object = objpool_acquire(both[i]);
    for (int times = 0; times < 2; times++) {
      objpool__hold_ends(both[i], object);
      assert_int_equal(objpool_each_held(both[i], 0, NULL, NULL), 0);
    }
    objpool_release(both[i], object);
    assert_int_equal(objpool_times(both[i], OBJPOOL_TIME_USE).count, 1);
  }
  handle_pool_destroy(&pool);
  local_handle_pool_destroy(&lone);
}

/* ---- times */

static void each_use_lies_in_its_bucket(void **state) {
  static cached_pool pool;
  static const int lengths_ms[] = {0, 1, 3, 12, 40};
  size_t i, bucket;
  (void)state;
  for (i = 0; i < COUNT_OF(lengths_ms); i++) {
    int64_t before = now_ns();
    thing *object = cached_pool_acquire(&pool);
    if (lengths_ms[i]) sleep_ms(lengths_ms[i]);
    cached_pool_release(&pool, object);
    int64_t took = now_ns() - before;
    objpool_histogram times = objpool_times(&pool.base, OBJPOOL_TIME_USE);
    assert_int_equal(times.count, 1);
    assert_in_range(times.sum_ns, (uint64_t)lengths_ms[i] * 995000, took + took / 100 + 1000);
    uint64_t bound = 1000;
    for (bucket = 0; bucket < 13 && times.sum_ns > bound; bucket++) bound *= 4;
    assert_int_equal(times.buckets[bucket], 1);
    cached_pool_reset_stats(&pool);
  }
  cached_pool_destroy(&pool);
}

static void *use_once(void *argument) {
  cached_pool *pool = (cached_pool *)argument;
  cached_pool_release(pool, cached_pool_acquire(pool));
  return NULL;
}

static void times_of_all_threads_are_added_up(void **state) {
  static cached_pool pool;
  int i;
  (void)state;
  for (i = 0; i < 5; i++) in_another_thread(use_once, &pool);
  use_once(&pool);
  assert_int_equal(objpool_times(&pool.base, OBJPOOL_TIME_USE).count, 6);
  cached_pool_reset_stats(&pool);
  for (i = 0; i < 3; i++) in_another_thread(use_once, &pool);
  assert_int_equal(objpool_times(&pool.base, OBJPOOL_TIME_USE).count, 3);
  cached_pool_destroy(&pool);
}

/* ---- what shows it */

static char text[1 << 16];

static void formats_show_uses_and_the_longest(void **state) {
  static cached_pool pool;
  static thing_pool untracked;
  objpool_config config = named("tracked");
  (void)state;
  assert_true(cached_pool_init(&pool, &config));
  cached_pool_release(&pool, cached_pool_acquire(&pool));
  thing *object = take_one(&pool), *other = thing_pool_acquire(&untracked);
  sleep_ms(2);
  assert_true(objpool_format(NULL, OBJPOOL_PROMETHEUS, text, sizeof text) > 0);
  assert_non_null(strstr(text, "# TYPE objpool_use_seconds histogram\n"));
  assert_non_null(strstr(text, "objpool_use_seconds_count{pool=\"tracked\"} 1\n"));
  assert_non_null(strstr(text, "# TYPE objpool_longest_use_seconds gauge\n"));
  const char *longest = strstr(text, "objpool_longest_use_seconds{pool=\"tracked\"} 0.0");
  assert_non_null(longest);
  assert_true(strtod(strchr(longest, ' '), NULL) >= 0.0019);
  assert_true(objpool_format(&pool.base, OBJPOOL_JSON, text, sizeof text) > 0);
  assert_non_null(strstr(text, "\"use_times\":{\"count\":1,"));
  assert_non_null(strstr(text, "\"longest_held\":{\"held_ns\":"));
  assert_true(objpool_report(&pool.base, text, sizeof text) > 0);
  assert_non_null(strstr(text, "\n  uses        of those that ended, half took at most "));
  assert_non_null(strstr(text, "\n  held        longest for "));
  assert_non_null(strstr(text, " ms, acquired at "));
  cached_pool_release(&pool, object);
  assert_true(objpool_format(&pool.base, OBJPOOL_JSON, text, sizeof text) > 0);
  assert_null(strstr(text, "longest_held"));
  assert_true(objpool_format(&pool.base, OBJPOOL_PROMETHEUS, text, sizeof text) > 0);
  assert_non_null(strstr(text, "objpool_longest_use_seconds{pool=\"tracked\"} 0.000000000\n"));
  assert_true(objpool_format(&untracked.base, OBJPOOL_PROMETHEUS, text, sizeof text) > 0);
  assert_null(strstr(text, "use_seconds"));
  assert_true(objpool_format(&untracked.base, OBJPOOL_JSON, text, sizeof text) > 0);
  assert_null(strstr(text, "use_times"));
  assert_true(objpool_report(&untracked.base, text, sizeof text) > 0);
  assert_null(strstr(text, "\n  uses "));
  assert_null(strstr(text, "\n  held "));
  thing_pool_release(&untracked, other);
  thing_pool_destroy(&untracked);
  cached_pool_destroy(&pool);
}

static struct {
  objpool_alert last;
  int count;
} alerts;

static void keep_alert(const objpool_alert *alert, void *user) {
  (void)user;
  if (alert->kind != OBJPOOL_ALERT_HELD) return;
  alerts.last = *alert;
  alerts.count++;
}

static void object_that_is_kept_raises_one_alert(void **state) {
  static cached_pool pool;
  objpool_config config = named("kept");
  objpool_thresholds thresholds;
  objpool_monitor monitor, careless;
  (void)state;
  memset((void *)&thresholds, 0, sizeof thresholds);
  thresholds.max_held_ns = UINT64_C(2000000);
  assert_true(objpool_monitor_init(&monitor, &thresholds, keep_alert, NULL));
  assert_true(objpool_monitor_init(&careless, NULL, keep_alert, NULL));
  assert_true(cached_pool_init(&pool, &config));
  objpool_monitor_poll(&monitor);
  assert_int_equal(alerts.count, 0);
  thing *object = take_one(&pool);
  sleep_ms(3);
  objpool_monitor_poll(&careless);
  assert_int_equal(alerts.count, 0);
  objpool_monitor_poll(&monitor);
  objpool_monitor_poll(&monitor);
  assert_int_equal(alerts.count, 1);
  assert_int_equal(alerts.last.severity, OBJPOOL_ERROR);
  assert_false(alerts.last.recovered);
  assert_true(alerts.last.value > 2e6 && alerts.last.threshold > 1.9e6 && alerts.last.threshold < 2.1e6);
  assert_non_null(strstr(alerts.last.message, "longest use "));
  assert_non_null(strstr(alerts.last.message, " ms, above the limit of 2.0 ms, acquired at "));
  cached_pool_release(&pool, object);
  objpool_monitor_poll(&monitor);
  assert_int_equal(alerts.count, 2);
  assert_true(alerts.last.recovered);
  assert_non_null(strstr(alerts.last.message, "longest use 0.0 ms, back within the limit of 2.0 ms: "));
  assert_int_equal(pool.base.state->blocks.walks, 0); /* trims may give blocks back */
  objpool_monitor_destroy(&monitor);
  objpool_monitor_destroy(&careless);
  cached_pool_destroy(&pool);
}

/* Where a tracked pool keeps since when an object is held, its objects lie; and they look as if it had been since the first tick. */
static void pool_that_is_not_tracked_raises_no_such_alert(void **state) {
  static thing_pool pool;
  objpool_config config = named("bare");
  objpool_thresholds thresholds;
  objpool_monitor monitor;
  thing *held[8];
  uint64_t ones[sizeof(thing) / sizeof(uint64_t)];
  (void)state;
  memset((void *)&thresholds, 0, sizeof thresholds);
  memset((void *)&alerts, 0, sizeof alerts);
  thresholds.max_held_ns = 1;
  assert_true(objpool_monitor_init(&monitor, &thresholds, keep_alert, NULL));
  assert_true(thing_pool_init(&pool, &config));
  assert_int_equal(thing_pool_acquire_many(&pool, held, COUNT_OF(held)), COUNT_OF(held));
  for (size_t i = 0; i < COUNT_OF(ones); i++) ones[i] = 1;
  for (size_t i = 0; i < COUNT_OF(held); i++) memcpy((void *)held[i], ones, sizeof ones);
  objpool_monitor_poll(&monitor);
  assert_int_equal(alerts.count, 0);
  objpool_monitor_destroy(&monitor);
  thing_pool_release_many(&pool, held, COUNT_OF(held));
  thing_pool_destroy(&pool);
}

/* Of each place one object, of the first three. */
static void leak_from(void *places) {
  static cached_pool pool;
  void *held[3];
  cached_pool_release(&pool, cached_pool_acquire(&pool)); /* idle: it is in nobody's hands */
  for (uintptr_t site = 1; site <= *(const size_t *)places; site++)
    CHECK(objpool__acquire_many_at(&pool.base, NULL, held, site == 1 ? 3 : 1, (const void *)(16 * site)) == (site == 1 ? 3 : 1));
  cached_pool_release(&pool, cached_pool_acquire(&pool));
  cached_pool_destroy(&pool);
}
static void leaks_are_told_by_place_the_largest_first(void **state) {
  static char said[8000];
  size_t lines = 0, places = OBJPOOL__SITES + 3; /* three more than a report has room for */
  (void)state;
  assert_true(EXITED_WELL(in_child(leak_from, &places, said, sizeof said)));
  char *line = strchr(said, '\n'), *last = line;
  assert_non_null(line);
  for (; line[1]; lines++, line = strchr(line + 1, '\n')) {
    if (!line || strncmp(line + 1, lines == 0 ? "  3 acquired at " : lines < OBJPOOL__SITES ? "  1 acquired at " : "  3 acquired at other places\n", 16) != 0)
      fail_msg("line %zu of: %s", lines, said);
    last = line;
  }
  assert_int_equal(lines, OBJPOOL__SITES + 1);
  assert_string_equal(last, "\n  3 acquired at other places\n");
  places = 1;
  assert_true(EXITED_WELL(in_child(leak_from, &places, said, sizeof said)));
  assert_non_null(strstr(said, "  3 acquired at "));
  assert_null(strstr(said, "other places"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_kind_of_pool_tells_who_holds_what),
      cmocka_unit_test(pools_without_their_type_tell_as_well),
      cmocka_unit_test(other_pools_have_nothing_to_tell),
      cmocka_unit_test(younger_ones_are_left_out),
      cmocka_unit_test(uses_are_those_of_the_object_not_of_its_place),
      cmocka_unit_test(what_is_built_anew_was_used_by_nobody),
      cmocka_unit_test(visit_may_release_and_acquire),
      cmocka_unit_test(what_a_visit_releases_is_not_visited),
      cmocka_unit_test(site_lies_in_the_function_that_acquires),
      cmocka_unit_test(clock_is_started_once),
      cmocka_unit_test(waiter_of_a_loop_holds_what_it_is_told),
      cmocka_unit_test(thread_is_the_one_that_acquired),
      cmocka_unit_test(words_of_two_uses_are_never_mixed),
      cmocka_unit_test(use_that_two_end_is_counted_once),
      cmocka_unit_test(use_that_has_ended_does_not_end_again),
      cmocka_unit_test(each_use_lies_in_its_bucket),
      cmocka_unit_test(times_of_all_threads_are_added_up),
      cmocka_unit_test(formats_show_uses_and_the_longest),
      cmocka_unit_test(object_that_is_kept_raises_one_alert),
      cmocka_unit_test(pool_that_is_not_tracked_raises_no_such_alert),
      cmocka_unit_test(leaks_are_told_by_place_the_largest_first),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
