// Hooks that throw: no exception leaves a call of the pool. A create that throws has refused, the object of a reset or validate that
// throws is destroyed as invalid; nothing is lost, and the counts add up. With the implementation in this file (IMPLEMENTATION_HERE),
// and in a file of C, through which nothing can be thrown. test_throwing_hooks.sh builds both.
// build: -DIMPLEMENTATION_HERE
#include "support.h"

#include <atomic>
#include <new>
#include <stdexcept>
#include <string>

#define OBJPOOL_PANIC(message) panic_seen(message)
#ifdef IMPLEMENTATION_HERE
#define OBJPOOL_IMPLEMENTATION
#endif
#include "objpool.h"

namespace {

enum { CREATE = 1, RESET = 2, VALIDATE = 4, REBUILD = 8 };

struct conn {
  long number;
  char secret[56];
};

std::atomic<unsigned> throwing;      // which hooks throw
std::atomic<long> calm_calls;        // so many creates succeed before they throw
std::atomic<long> built, taken_down; // by the hooks' own count
std::atomic<bool> now_and_then;      // hooks throw by chance
std::atomic<void *> last_built;     // where create worked last

thread_local uint64_t chance = 1;
bool shall_throw(unsigned which) {
  if (now_and_then.load()) return random_below(&chance, 5) == 0;
  return (throwing.load() & which) != 0;
}

bool conn_open(conn *object, void *) {
  last_built = object;
  memset(object->secret, 's', sizeof object->secret);
  if (shall_throw(CREATE) && calm_calls.fetch_sub(1) <= 0) throw std::runtime_error("the server is down");
  object->number = ++built;
  return true;
}
void conn_reset(conn *, void *) {
  if (shall_throw(RESET)) throw 42; // need not be a std::exception
}
bool conn_alive(conn *, void *) {
  if (shall_throw(VALIDATE)) throw std::string("no answer");
  return true;
}
void conn_close(conn *, void *) { taken_down++; }

#define HOOKS opt.create = conn_open, opt.reset = conn_reset, opt.validate = conn_alive, opt.destroy = conn_close
#define ALWAYS opt.validate_on = OBJPOOL_ON_ACQUIRE | OBJPOOL_ON_RELEASE | OBJPOOL_ON_MAINTAIN
OBJPOOL_DEFINE(shared_pool, conn, HOOKS, ALWAYS);
OBJPOOL_DEFINE(local_pool, conn, HOOKS, ALWAYS, opt.local = true);
OBJPOOL_DEFINE(wiping_pool, conn, HOOKS, ALWAYS, opt.wipe = true);
OBJPOOL_DEFINE(local_wiping_pool, conn, HOOKS, ALWAYS, opt.local = true, opt.wipe = true);

// The functions of a pool by one name each.
template <class P> struct calls;
#define CALLS(P)                                                                                   \
  template <> struct calls<P> {                                                                    \
    static bool init(P *pool, const objpool_config *config) { return P##_init(pool, config); }     \
    static void destroy(P *pool) { P##_destroy(pool); }                                            \
    static conn *acquire(P *pool) { return P##_acquire(pool); }                                    \
    static conn *try_acquire(P *pool) { return P##_try_acquire(pool); }                            \
    static conn *acquire_for(P *pool, int64_t time) { return P##_acquire_for(pool, time); }        \
    static void release(P *pool, conn *object) { P##_release(pool, object); }                      \
    static void release_many(P *pool, conn **objects, size_t count) { P##_release_many(pool, objects, count); } \
    static size_t acquire_many(P *pool, conn **objects, size_t count) { return P##_acquire_many(pool, objects, count); } \
    static size_t warmup(P *pool, size_t idle) { return P##_warmup(pool, idle); }                  \
    static objpool_stats stats(P *pool) { return P##_stats(pool); }                                \
    static P##_guard guard(P *pool) { return P##_guard_acquire(pool); }                            \
  };
CALLS(shared_pool)
CALLS(local_pool)
CALLS(wiping_pool)
CALLS(local_wiping_pool)

template <class P> struct subject : calls<P> {
  P pool;
  explicit subject(size_t max_objects = 0, size_t cache_size = 0) {
    objpool_config config = {};
    config.max_objects = max_objects;
    config.cache_size = cache_size;
    throwing = 0;
    calm_calls = built = taken_down = 0;
    CHECK(calls<P>::init(&pool, &config));
  }
  // By the pool's counts and by the hooks': each object that was built is in use, idle, or was taken down; and none is in use.
  void adds_up() {
    objpool_stats stats = calls<P>::stats(&pool);
    assert_int_equal(stats.in_use, 0);
    assert_int_equal(stats.acquires - stats.releases, 0);
    assert_int_equal(stats.created - stats.destroyed, stats.idle);
    assert_int_equal(built - taken_down, stats.idle);
    assert_int_equal(stats.created, built);
  }
  ~subject() {
    throwing = 0;
    now_and_then = false;
    calls<P>::destroy(&pool);
    CHECK(built == taken_down);
  }
};

// Each promise is kept by pools with and without caches, capped, local and wiping.
#define FOR_ALL_POOLS(promise)                                    \
  do {                                                            \
    { subject<shared_pool> on(2, OBJPOOL_NO_CACHE); promise(on); }       \
    { subject<shared_pool> on(2, 4); promise(on); }                      \
    { subject<local_pool> on(2); promise(on); }                          \
    { subject<wiping_pool> on(2, OBJPOOL_NO_CACHE); promise(on); }       \
    { subject<wiping_pool> on(2, 4); promise(on); }                      \
    { subject<local_wiping_pool> on(2); promise(on); }                   \
  } while (0)
#define FOR_UNCAPPED_POOLS(promise)                               \
  do {                                                            \
    { subject<shared_pool> on(0, OBJPOOL_NO_CACHE); promise(on); }       \
    { subject<shared_pool> on; promise(on); }                            \
    { subject<local_pool> on; promise(on); }                             \
    { subject<wiping_pool> on(0, OBJPOOL_NO_CACHE); promise(on); }       \
    { subject<wiping_pool> on; promise(on); }                            \
    { subject<local_wiping_pool> on; promise(on); }                      \
  } while (0)

template <class P> void refuses_and_keeps_its_places(subject<P> &on) {
  throwing = CREATE;
  for (int i = 0; i < 5; i++) { // more often than there are places
    errno = 0;
    assert_null(on.acquire(&on.pool));
    assert_int_equal(errno, ECANCELED);
  }
  errno = 0;
  assert_null(on.acquire_for(&on.pool, INT64_C(1000000000000)));
  assert_int_equal(errno, ECANCELED);
  assert_int_equal(on.stats(&on.pool).create_failures, 6);
  assert_int_equal(on.stats(&on.pool).created, 0);
  on.adds_up();
  throwing = 0;
  conn *first = on.acquire(&on.pool), *second = on.acquire(&on.pool);
  assert_non_null(first);
  assert_non_null(second);
  errno = 0;
  assert_null(on.acquire(&on.pool));
  assert_int_equal(errno, EAGAIN);
  on.release(&on.pool, first);
  on.release(&on.pool, second);
  on.adds_up();
}
void create_that_throws_has_refused(void **) { FOR_ALL_POOLS(refuses_and_keeps_its_places); }

template <class P> void stops_short(subject<P> &on) {
  conn *objects[10] = {};
  throwing = CREATE;
  calm_calls = 4;
  errno = 0;
  assert_int_equal(on.acquire_many(&on.pool, objects, 10), 4);
  assert_int_equal(errno, ECANCELED);
  throwing = 0;
  on.release_many(&on.pool, objects, 4);
  on.adds_up();
}
void acquire_many_stops_at_a_create_that_throws(void **) { FOR_UNCAPPED_POOLS(stops_short); }

template <class P> void warms_up_as_far(subject<P> &on) {
  throwing = CREATE;
  calm_calls = 4;
  errno = 0;
  assert_int_equal(on.warmup(&on.pool, 10), 4);
  assert_int_equal(errno, ECANCELED);
  assert_int_equal(on.stats(&on.pool).idle, 4);
  on.adds_up();
  throwing = 0;
  assert_int_equal(on.warmup(&on.pool, 10), 6);
  on.adds_up();
}
void warmup_goes_as_far_as_create_does_not_throw(void **) { FOR_UNCAPPED_POOLS(warms_up_as_far); }

template <class P> void does_not_begin(subject<P> &) {
  P other;
  objpool_config config = {};
  config.warmup = 8;
  throwing = CREATE;
  calm_calls = 5;
  errno = 0;
  assert_false(calls<P>::init(&other, &config));
  assert_int_equal(errno, ECANCELED);
  assert_int_equal(built, 5);
  assert_int_equal(taken_down, 5);
  P zero;
  memset(static_cast<void *>(&zero), 0, sizeof zero);
  assert_memory_equal(&other, &zero, sizeof zero);
}
void init_fails_when_create_throws_while_it_warms_up(void **) { FOR_UNCAPPED_POOLS(does_not_begin); }

template <class P> void maintenance_stops(subject<P> &on) {
  objpool_config config = {};
  config.min_idle = 6;
  P other;
  assert_true(calls<P>::init(&other, &config));
  throwing = CREATE;
  calm_calls = 3;
  assert_int_equal(objpool_maintain(&other.base), 3);
  throwing = 0;
  assert_int_equal(objpool_maintain(&other.base), 3);
  assert_int_equal(calls<P>::stats(&other).idle, 6);
  calls<P>::destroy(&other);
  (void)on;
}
void maintenance_creates_as_far_as_create_does_not_throw(void **) { FOR_UNCAPPED_POOLS(maintenance_stops); }

template <class P> void destroys_on_release(subject<P> &on) {
  for (unsigned hook : {unsigned(RESET), unsigned(VALIDATE), unsigned(RESET | VALIDATE)}) {
    objpool_stats before = on.stats(&on.pool);
    conn *first = on.acquire(&on.pool), *second = on.acquire(&on.pool); // all there may be
    assert_non_null(first);
    assert_non_null(second);
    throwing = hook;
    errno = 77;
    on.release(&on.pool, first);
    assert_int_equal(errno, 77);
    throwing = 0;
    objpool_stats after = on.stats(&on.pool);
    assert_int_equal(after.releases - before.releases, 1);
    assert_int_equal(after.invalid - before.invalid, 1);
    assert_int_equal(after.in_use, 1);
    assert_int_equal(built - taken_down, 1);
    first = on.acquire(&on.pool); // its place is free
    assert_non_null(first);
    on.release(&on.pool, first);
    throwing = hook;
    objpool_release(&on.pool.base, second); // without the type, too
    throwing = 0;
    on.adds_up();
    assert_int_equal(on.stats(&on.pool).invalid - before.invalid, 2);
  }
}
void reset_or_validate_that_throws_on_release_destroys_the_object(void **) { FOR_ALL_POOLS(destroys_on_release); }

template <class P> void destroys_many_on_release(subject<P> &on) {
  enum { MANY = 300 }; // beyond what a cache holds
  static conn *objects[MANY];
  assert_int_equal(on.acquire_many(&on.pool, objects, MANY), MANY);
  throwing = RESET;
  on.release_many(&on.pool, objects, MANY);
  throwing = 0;
  assert_int_equal(on.stats(&on.pool).invalid, MANY);
  assert_int_equal(on.stats(&on.pool).idle, 0);
  on.adds_up();
  assert_int_equal(on.acquire_many(&on.pool, objects, MANY), MANY);
  on.release_many(&on.pool, objects, MANY);
  on.adds_up();
}
void many_objects_whose_reset_throws_are_destroyed(void **) { FOR_UNCAPPED_POOLS(destroys_many_on_release); }

template <class P> void gets_another(subject<P> &on) {
  conn *first = on.acquire(&on.pool), *second = on.acquire(&on.pool);
  on.release(&on.pool, first);
  on.release(&on.pool, second);
  assert_int_equal(on.stats(&on.pool).idle, 2);
  long built_before = built;
  objpool_stats before = on.stats(&on.pool);
  throwing = VALIDATE;
  first = on.acquire(&on.pool); // both are invalid, and a new one is built
  throwing = 0;
  assert_non_null(first);
  objpool_stats after = on.stats(&on.pool);
  assert_int_equal(after.invalid - before.invalid, 2);
  assert_int_equal(after.acquires - before.acquires, 1);
  assert_int_equal(after.misses - before.misses, 1);
  assert_int_equal(built - built_before, 1);
  assert_int_equal(built - taken_down, 1);
  on.release(&on.pool, first);
  on.adds_up();
  throwing = VALIDATE;
  errno = 0;
  assert_null(on.try_acquire(&on.pool));
  assert_int_equal(errno, EAGAIN);
  throwing = 0;
  assert_int_equal(on.stats(&on.pool).idle, 0);
  on.adds_up();
}
void objects_whose_validate_throws_on_acquire_are_never_handed_out(void **) { FOR_ALL_POOLS(gets_another); }

template <class P> void passes_many_by(subject<P> &on) {
  enum { MANY = 300 };
  assert_int_equal(on.warmup(&on.pool, MANY), MANY);
  throwing = VALIDATE | CREATE;
  errno = 0;
  assert_null(on.acquire(&on.pool)); // out of a cache, its second magazine, and the shared part; then there is none
  assert_int_equal(errno, ECANCELED);
  throwing = 0;
  assert_int_equal(on.stats(&on.pool).invalid, MANY);
  on.adds_up();
}
void an_acquire_passes_by_many_whose_validate_throws(void **) { FOR_UNCAPPED_POOLS(passes_many_by); }

template <class P> void maintenance_destroys(subject<P> &on) {
  enum { MANY = 20 };
  assert_int_equal(on.warmup(&on.pool, MANY), MANY);
  objpool_maintain(&on.pool.base);
  uint64_t idle = on.stats(&on.pool).idle;
  assert_true(idle > 0);
  throwing = VALIDATE;
  assert_true(objpool_maintain(&on.pool.base) >= idle);
  throwing = 0;
  assert_int_equal(on.stats(&on.pool).invalid, idle);
  on.adds_up();
}
void validate_that_throws_in_maintenance_destroys_the_object(void **) { FOR_UNCAPPED_POOLS(maintenance_destroys); }

// A wiping release destroys and builds anew: there, too, create may throw.
template <class P> void is_gone_and_wiped(subject<P> &on) {
  conn *first = on.acquire(&on.pool), *kept = on.acquire(&on.pool); // the block stays
  assert_non_null(first);
  assert_non_null(kept);
  throwing = CREATE;
  errno = 77;
  on.release(&on.pool, first);
  assert_int_equal(errno, 77);
  throwing = 0;
  objpool_stats stats = on.stats(&on.pool);
  assert_int_equal(stats.releases, 1);
  assert_int_equal(stats.destroyed, 1);
  assert_int_equal(stats.in_use, 1);
  assert_int_equal(stats.idle, 0);
  assert_int_equal(built - taken_down, 1);
#if !ADDRESS_SANITIZED
  assert_ptr_equal(last_built.load(), first);
  for (size_t i = 0; i < sizeof(conn); i++) assert_int_equal(reinterpret_cast<volatile char *>(first)[i], 0);
#endif
  first = on.acquire(&on.pool); // its place is free
  assert_non_null(first);
  on.release(&on.pool, first);
  on.release(&on.pool, kept);
  on.adds_up();
}
void wiping_release_whose_create_throws_leaves_no_object_and_no_byte(void **) {
  { subject<wiping_pool> on(2, OBJPOOL_NO_CACHE); is_gone_and_wiped(on); }
  { subject<wiping_pool> on(2, 4); is_gone_and_wiped(on); }
  { subject<local_wiping_pool> on(2); is_gone_and_wiped(on); }
}

template <class P> void is_wiped_when_refused(subject<P> &on) {
  conn *kept = on.acquire(&on.pool);
  assert_non_null(kept);
  throwing = CREATE;
  assert_null(on.acquire(&on.pool));
  throwing = 0;
  assert_ptr_not_equal(last_built.load(), kept);
#if !ADDRESS_SANITIZED
  for (size_t i = 0; i < sizeof(conn); i++) assert_int_equal(static_cast<volatile char *>(last_built.load())[i], 0);
#endif
  on.release(&on.pool, kept);
}
void wiping_pools_wipe_what_a_throwing_create_left(void **) {
  { subject<wiping_pool> on(2, OBJPOOL_NO_CACHE); is_wiped_when_refused(on); }
  { subject<wiping_pool> on(2, 4); is_wiped_when_refused(on); }
  { subject<local_wiping_pool> on(2); is_wiped_when_refused(on); }
}

template <class P> void unwinds(subject<P> &on) {
  bool caught = false;
  try {
    OBJPOOL_SCOPED(P) guard = on.guard(&on.pool);
    assert_true(bool(guard));
    throwing = RESET;
    throw std::logic_error("on the way");
  } catch (const std::logic_error &error) {
    caught = !strcmp(error.what(), "on the way");
  }
  throwing = 0;
  assert_true(caught);
  assert_int_equal(on.stats(&on.pool).invalid, 1);
  on.adds_up();
}
void guard_whose_reset_throws_releases_while_an_exception_passes(void **) { FOR_ALL_POOLS(unwinds); }

// One waits at the cap; what is given back proves broken: the place goes to the one who waits.
struct waiting {
  shared_pool *pool;
  conn *got;
};
void *wait_for_one(void *argument) {
  waiting *me = static_cast<waiting *>(argument);
  me->got = shared_pool_acquire_for(me->pool, -1);
  return nullptr;
}
void waiter_gets_the_place_of_an_object_whose_reset_threw(void **) {
  for (size_t cache_size : {size_t(OBJPOOL_NO_CACHE), size_t(4)})
    for (unsigned hook : {unsigned(RESET), unsigned(VALIDATE)}) {
      subject<shared_pool> on(1, cache_size);
      conn *object = on.acquire(&on.pool);
      waiting one = {&on.pool, nullptr};
      pthread_t thread = start_thread(wait_for_one, &one);
      WAIT_UNTIL(on.stats(&on.pool).waiting == 1);
      throwing = hook;
      on.release(&on.pool, object);
      join_thread(thread);
      throwing = 0;
      assert_non_null(one.got);
      on.release(&on.pool, one.got);
      on.adds_up();
    }
}

// The place of a create that threw goes to the next in line, whose own create may succeed.
void waiter_gets_the_place_when_create_throws_in_another_thread(void **) {
  for (size_t cache_size : {size_t(OBJPOOL_NO_CACHE), size_t(4)}) {
    subject<shared_pool> on(1, cache_size);
    conn *object = on.acquire(&on.pool);
    waiting both[2] = {{&on.pool, nullptr}, {&on.pool, nullptr}};
    pthread_t first = start_thread(wait_for_one, &both[0]);
    WAIT_UNTIL(on.stats(&on.pool).waiting == 1);
    pthread_t second = start_thread(wait_for_one, &both[1]);
    WAIT_UNTIL(on.stats(&on.pool).waiting == 2);
    throwing = CREATE;
    calm_calls = 0;
    objpool_discard(&on.pool.base, object); // the first gets the permit and fails, the second fails after it
    join_thread(first);
    join_thread(second);
    throwing = 0;
    assert_null(both[0].got);
    assert_null(both[1].got);
    assert_int_equal(on.stats(&on.pool).create_failures, 2);
    on.adds_up();
    object = on.acquire(&on.pool);
    assert_non_null(object);
    on.release(&on.pool, object);
  }
}

struct crowd {
  shared_pool *pool;
  uint64_t seed;
};
void *come_and_go(void *argument) {
  crowd *mine = static_cast<crowd *>(argument);
  chance = mine->seed;
  for (int round = 0; round < SCALED(20000, 4000, 1500); round++) {
    conn *held[4];
    int count = 0;
    while (count < 4) {
      conn *object = round % 3 ? shared_pool_acquire(mine->pool) : shared_pool_try_acquire(mine->pool);
      if (!object) break;
      held[count++] = object;
    }
    while (count > 0) shared_pool_release(mine->pool, held[--count]);
    if (round % 500 == 0) objpool_maintain(&mine->pool->base);
    if (round % 700 == 0) shared_pool_trim(mine->pool, 2);
  }
  return nullptr;
}
void nothing_is_lost_when_hooks_throw_in_many_threads(void **) {
  for (size_t cache_size : {size_t(OBJPOOL_NO_CACHE), size_t(8)}) {
    subject<shared_pool> on(10, cache_size);
    now_and_then = true;
    calm_calls = 0;
    pthread_t threads[4];
    crowd members[4];
    for (unsigned i = 0; i < 4; i++) {
      members[i] = {&on.pool, i + 1};
      threads[i] = start_thread(come_and_go, &members[i]);
    }
    for (pthread_t thread : threads) join_thread(thread);
    now_and_then = false;
    on.adds_up();
    conn *all[10];
    assert_int_equal(on.acquire_many(&on.pool, all, 10), 10); // no place was lost
    errno = 0;
    assert_null(on.acquire(&on.pool));
    assert_int_equal(errno, EAGAIN);
    on.release_many(&on.pool, all, 10);
    on.adds_up();
  }
}

// A lambda, a hook that is noexcept, and no memory for an exception: bad_alloc is one like others.
struct plain {
  int value;
};
bool plain_throws;
OBJPOOL_DEFINE(lambda_pool, plain, opt.create = [](plain *object, void *) {
  if (plain_throws) throw std::bad_alloc();
  object->value = 7;
  return true;
}, opt.reset = [](plain *object, void *) noexcept { object->value = 7; });
void lambdas_may_throw_as_functions_do(void **) {
  static lambda_pool pool;
  plain_throws = true;
  errno = 0;
  assert_null(lambda_pool_acquire(&pool));
  assert_int_equal(errno, ECANCELED);
  plain_throws = false;
  plain *object = lambda_pool_acquire(&pool);
  assert_non_null(object);
  assert_int_equal(object->value, 7);
  lambda_pool_release(&pool, object);
  assert_int_equal(lambda_pool_stats(&pool).in_use, 0);
  lambda_pool_destroy(&pool);
}

}  // namespace

int main() {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(create_that_throws_has_refused),
      cmocka_unit_test(acquire_many_stops_at_a_create_that_throws),
      cmocka_unit_test(warmup_goes_as_far_as_create_does_not_throw),
      cmocka_unit_test(init_fails_when_create_throws_while_it_warms_up),
      cmocka_unit_test(maintenance_creates_as_far_as_create_does_not_throw),
      cmocka_unit_test(reset_or_validate_that_throws_on_release_destroys_the_object),
      cmocka_unit_test(many_objects_whose_reset_throws_are_destroyed),
      cmocka_unit_test(objects_whose_validate_throws_on_acquire_are_never_handed_out),
      cmocka_unit_test(an_acquire_passes_by_many_whose_validate_throws),
      cmocka_unit_test(validate_that_throws_in_maintenance_destroys_the_object),
      cmocka_unit_test(wiping_release_whose_create_throws_leaves_no_object_and_no_byte),
      cmocka_unit_test(wiping_pools_wipe_what_a_throwing_create_left),
      cmocka_unit_test(guard_whose_reset_throws_releases_while_an_exception_passes),
      cmocka_unit_test(waiter_gets_the_place_of_an_object_whose_reset_threw),
      cmocka_unit_test(waiter_gets_the_place_when_create_throws_in_another_thread),
      cmocka_unit_test(nothing_is_lost_when_hooks_throw_in_many_threads),
      cmocka_unit_test(lambdas_may_throw_as_functions_do),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
