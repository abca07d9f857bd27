/* An acquire or a release that is under way in one thread while another takes that thread's cache back, stopped at
   each step by hand: whatever the order, no object is lost, none is in two hands.
   build: -Wl,--wrap=syscall -Wl,--wrap=clock_gettime */
#include "support.h"
#include <sys/syscall.h>

#define OBJPOOL_PANIC(message) panic_seen(message)
#define OBJPOOL__NO_INTERRUPT /* as on processors where nothing else stops a thread */
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

enum { OBJECTS = 3, MOST = 64 };

typedef struct thing {
  long owner; /* 0: nobody */
} thing;

static bool refuse(thing *object, void *context) {
  (void)object, (void)context;
  return false;
}

OBJPOOL_DEFINE(thing_pool, thing);
OBJPOOL_DEFINE(other_pool, thing, opt.validate = refuse); /* another definition of the same pool: misuse */

static thing_pool pool;
static bool refuse_membarrier;
static thing *released_at_a_look;

#ifdef __cplusplus
extern "C" {
#endif
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);

long __wrap_syscall(long number, ...) {
  va_list rest;
  long values[6];
  va_start(rest, number);
  for (int i = 0; i < 6; i++) values[i] = va_arg(rest, long);
  va_end(rest);
  if (number == SYS_membarrier && refuse_membarrier) {
    errno = ENOSYS;
    return -1;
  }
  return __real_syscall(number, values[0], values[1], values[2], values[3], values[4], values[5]);
}

/* A wait begins with a look at the clock. */
int __wrap_clock_gettime(clockid_t clock, struct timespec *now) {
  thing *object = released_at_a_look;
  released_at_a_look = NULL;
  thing_pool_release(&pool, object);
  return __real_clock_gettime(clock, now);
}
#ifdef __cplusplus
}
#endif

static objpool__cache *own_cache(void) {
  return (objpool__cache *)(void *)pool.base.state->slots.table[objpool__thread_index()];
}

/* A pool whose objects lie in this thread's open cache. */
static void begin_with(size_t idle) {
  objpool_config config;
  thing *held[OBJECTS];
  memset(&config, 0, sizeof config);
  config.cache_size = 16;
  config.max_objects = MOST;
  assert_true(thing_pool_init(&pool, &config));
  for (size_t i = 0; i < idle; i++) held[i] = thing_pool_acquire(&pool);
  for (size_t i = 0; i < idle; i++) thing_pool_release(&pool, held[i]);
  if (idle == 0) { /* open, and nothing in it */
    held[0] = thing_pool_acquire(&pool);
    thing_pool_release(&pool, held[0]);
    held[0] = thing_pool_acquire(&pool);
    thing_pool_discard(&pool, held[0]);
  }
  assert_int_equal(own_cache()->openness, OBJPOOL__OPEN);
}

/* All are idle, each can be had once, the cap is exact. */
static void assert_all_there_and_end(uint64_t idle) {
  thing *held[MOST];
  objpool_stats stats = thing_pool_stats(&pool);
  assert_int_equal(stats.in_use, 0);
  assert_int_equal(stats.idle, idle);
  assert_int_equal(stats.acquires, stats.releases);
  for (size_t i = 0; i < MOST; i++) {
    held[i] = thing_pool_acquire(&pool);
    assert_non_null(held[i]);
    assert_int_equal(held[i]->owner, 0);
    held[i]->owner = 1;
  }
  assert_null(thing_pool_acquire(&pool));
  for (size_t i = 0; i < MOST; i++) {
    held[i]->owner = 0;
    thing_pool_release(&pool, held[i]);
  }
  assert_int_equal(thing_pool_clear(&pool), MOST);
  thing_pool_destroy(&pool);
}

/* ---- what the other thread does: the first half of a revocation, or all of it */

static void *revoke_half(void *cache) {
  objpool__spin_lock((objpool__cache *)cache);
  objpool__revoke((objpool__cache *)cache);
  objpool__spin_unlock((objpool__cache *)cache);
  return NULL;
}

static void *revoke_wholly(void *unused) {
  (void)unused;
  objpool__hold(pool.base.state);
  objpool__unhold(&pool.base.state->gate);
  return NULL;
}

typedef void *revoking(void *);
static void meanwhile(revoking *how) { in_another_thread(how, own_cache()); }

/* ---- what this thread does: the fast paths, step by step */

static void *lower_top(void) {
  objpool__slot *slot = &own_cache()->slot;
  uintptr_t top = slot->top - sizeof(void *);
  __atomic_store_n(&slot->top, top, __ATOMIC_RELEASE);
  return (void *)top;
}

static thing *acquire_goes_on(void) {
  assert_true(own_cache()->slot.top < own_cache()->slot.base); /* as it finds now */
  return (thing *)objpool__acquire_slow(&pool.base, thing_pool_objpool_describe, OBJPOOL__ACQUIRE, 0);
}

static void store(thing *object) {
  objpool__slot *slot = &own_cache()->slot;
  assert_true(objpool__take_back(pool.base.key, object, objpool__tag(object, 0)));
  objpool__count(&slot->releases);
  *(void **)slot->top = object;
  __atomic_store_n(&slot->top, slot->top + sizeof(void *), __ATOMIC_RELEASE);
}

static void release_goes_on(thing *object) {
  assert_true(own_cache()->slot.top < own_cache()->slot.base);
  objpool__give_slow(&pool.base, thing_pool_objpool_describe, object, OBJPOOL__STORED_REVOKED);
}

/* ---- tests */

static void acquire_keeps_what_it_claimed(void **state) {
  revoking *const ways[] = {revoke_half, revoke_wholly};
  (void)state;
  for (size_t way = 0; way < COUNT_OF(ways); way++) {
    begin_with(OBJECTS);
    thing *claimed = *(thing **)lower_top();
    meanwhile(ways[way]);
    assert_ptr_equal(acquire_goes_on(), claimed);
    assert_int_equal(own_cache()->openness, OBJPOOL__CLOSED);
    assert_int_equal(own_cache()->slot.top, own_cache()->bottom);
    assert_int_equal(thing_pool_stats(&pool).in_use, 1);
    assert_int_equal(thing_pool_stats(&pool).idle, OBJECTS - 1);
    thing_pool_release(&pool, claimed);
    assert_all_there_and_end(OBJECTS);
  }
}

static void acquire_that_claimed_nothing_gets_another_object(void **state) {
  revoking *const ways[] = {revoke_half, revoke_wholly};
  (void)state;
  for (size_t way = 0; way < COUNT_OF(ways); way++) {
    begin_with(0);
    (void)lower_top();
    assert_true(own_cache()->slot.top < own_cache()->bottom);
    meanwhile(ways[way]);
    thing *object = acquire_goes_on();
    assert_non_null(object);
    assert_int_equal(own_cache()->slot.top, own_cache()->bottom);
    thing_pool_release(&pool, object);
    assert_all_there_and_end(1);
  }
}

static void acquire_from_a_cache_that_is_being_closed_finds_the_rest(void **state) {
  (void)state;
  begin_with(OBJECTS);
  meanwhile(revoke_half);
  thing *object = (thing *)objpool__acquire_from(pool.base.state, false, OBJPOOL__TRY, 0);
  assert_non_null(object);
  assert_int_not_equal(own_cache()->openness, OBJPOOL__CLOSING); /* it may be open again */
  assert_int_equal(thing_pool_stats(&pool).idle, OBJECTS - 1);
  thing_pool_release(&pool, object);
  assert_all_there_and_end(OBJECTS);
}

static void release_leaves_its_object_where_others_find_it(void **state) {
  revoking *const ways[] = {revoke_half, revoke_wholly};
  (void)state;
  for (size_t way = 0; way < COUNT_OF(ways); way++)
    for (int stored_first = 0; stored_first < 2; stored_first++) {
      begin_with(OBJECTS);
      thing *object = thing_pool_acquire(&pool);
      if (stored_first) {
        store(object);
        meanwhile(ways[way]);
      } else {
        meanwhile(ways[way]);
        store(object);
      }
      release_goes_on(object);
      assert_int_equal(own_cache()->openness, OBJPOOL__CLOSED);
      assert_int_equal(own_cache()->slot.top, own_cache()->bottom);
      assert_all_there_and_end(OBJECTS);
    }
}

static void release_to_a_cache_that_is_being_closed_is_not_lost(void **state) {
  (void)state;
  begin_with(OBJECTS);
  thing *object = thing_pool_acquire(&pool);
  meanwhile(revoke_half);
  thing_pool_release(&pool, object);
  assert_int_not_equal(own_cache()->openness, OBJPOOL__CLOSING); /* as above */
  assert_all_there_and_end(OBJECTS);
}

static void release_while_statistics_are_reset_stays_in_the_cache(void **state) {
  (void)state;
  begin_with(OBJECTS);
  thing *object = thing_pool_acquire(&pool);
  store(object);
  own_cache()->slot.base = own_cache()->slot.top + sizeof(void *); /* where a reset saw top before two acquires */
  release_goes_on(object);
  assert_int_equal(own_cache()->openness, OBJPOOL__OPEN);
  assert_all_there_and_end(OBJECTS);
}

static void *leave_objects_behind(void *unused) {
  thing *held[OBJECTS];
  (void)unused;
  for (size_t i = 0; i < OBJECTS; i++) CHECK((held[i] = thing_pool_acquire(&pool)) != NULL);
  for (size_t i = 0; i < OBJECTS; i++) thing_pool_release(&pool, held[i]);
  revoke_half(own_cache());
  return NULL;
}

static void thread_that_ends_while_its_cache_is_being_closed_leaves_nothing_there(void **state) {
  (void)state;
  begin_with(0);
  in_another_thread(leave_objects_behind, NULL);
  assert_int_equal(pool.base.state->commons.count, OBJECTS);
  assert_all_there_and_end(OBJECTS);
}

/* A panic that returns: the acquire did not happen. */
static void acquire_by_another_definition(void *got, void *unused) {
  (void)unused;
  *(thing **)got = other_pool_acquire((other_pool *)(void *)&pool);
}

static void acquire_that_panics_leaves_the_cache_as_it_was(void **state) {
  (void)state;
  for (size_t idle = 0; idle <= OBJECTS; idle += OBJECTS) {
    thing *got = NULL;
    begin_with(idle);
    uintptr_t top = own_cache()->slot.top;
    if (idle > 0) own_cache()->slot.base = top; /* as after a reset of the statistics: the next acquire asks */
    panic_returns = true;
    assert_true(panics(acquire_by_another_definition, &got, NULL));
    assert_null(got);
    assert_int_equal(panic_count, 1);
    assert_non_null(strstr(panic_message, "different options"));
    assert_true(own_cache()->slot.top == top);
    if (idle > 0) { /* and when only the object that it takes is refused, it is refused all the same */
      own_cache()->slot.base = own_cache()->bottom;
      assert_true(panics(acquire_by_another_definition, &got, NULL));
      assert_null(got);
      assert_int_equal(panic_count, 1);
      thing *lost = *(thing **)own_cache()->slot.top;
      thing_pool_release(&pool, lost); /* it counts as in use */
    }
    panic_returns = false;
    assert_all_there_and_end(idle);
  }
}

static struct {
  uintptr_t before;
  thing object;
} stranger;

static void extract_stranger(void *moved, void *unused) {
  (void)unused;
  *(thing *)moved = thing_pool_extract(&pool, &stranger.object);
}

static void release_stranger(void *unused, void *unused_too) {
  (void)unused, (void)unused_too;
  thing_pool_release(&pool, &stranger.object);
}

static void stranger_that_panics_is_left_alone(void **state) {
  thing moved;
  (void)state;
  memset(&moved, 0, sizeof moved);
  begin_with(OBJECTS);
  panic_returns = true;
  assert_true(panics(extract_stranger, &moved, NULL));
  assert_int_equal(panic_count, 1);
  assert_true(panics(release_stranger, NULL, NULL));
  assert_non_null(strstr(panic_message, "is not an object of this pool"));
  const void *home = pool.base.state->home;
  pool.base.state->home = &stranger; /* as if another copy of the implementation had made it */
  assert_true(panics(release_stranger, NULL, NULL));
  assert_non_null(strstr(panic_message, "two copies"));
  pool.base.state->home = home;
  panic_returns = false;
  assert_int_equal(thing_pool_stats(&pool).extracted, 0);
  assert_all_there_and_end(OBJECTS);
}

static void object_that_comes_back_just_before_a_wait_is_not_missed(void **state) {
  objpool_config config;
  (void)state;
  memset(&config, 0, sizeof config);
  config.cache_size = OBJPOOL_NO_CACHE;
  config.max_objects = 1;
  assert_true(thing_pool_init(&pool, &config));
  thing *object = thing_pool_acquire(&pool);
  assert_non_null(object);
  released_at_a_look = object; /* nothing was idle; now it is, and nobody waited yet */
  alarm(60);
  assert_ptr_equal(thing_pool_acquire_for(&pool, -1), object);
  alarm(0);
  assert_null(released_at_a_look);
  assert_int_equal(thing_pool_stats(&pool).waiting, 0);
  thing_pool_release(&pool, object);
  thing_pool_destroy(&pool);
}

static void *clear_from_elsewhere(void *destroyed) {
  *(size_t *)destroyed = thing_pool_clear(&pool);
  return NULL;
}

/* Last: from here on caches stay closed in this process. */
static void refused_membarrier_leaves_closing_to_the_owners(void **state) {
  size_t destroyed = 77;
  (void)state;
  begin_with(OBJECTS);
  thing *object = thing_pool_acquire(&pool);
  refuse_membarrier = true;
  in_another_thread(clear_from_elsewhere, &destroyed);
  assert_int_equal(destroyed, 0); /* they may be in the owner's hands */
  thing_pool_release(&pool, object);
  assert_int_equal(own_cache()->openness, OBJPOOL__CLOSED);
  in_another_thread(clear_from_elsewhere, &destroyed);
  assert_int_equal(destroyed, OBJECTS);
  for (int i = 0; i < 100000; i++) thing_pool_release(&pool, thing_pool_acquire_for(&pool, 0));
  assert_int_equal(own_cache()->openness, OBJPOOL__CLOSED);
  assert_all_there_and_end(1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(acquire_keeps_what_it_claimed),
      cmocka_unit_test(acquire_that_claimed_nothing_gets_another_object),
      cmocka_unit_test(acquire_from_a_cache_that_is_being_closed_finds_the_rest),
      cmocka_unit_test(release_leaves_its_object_where_others_find_it),
      cmocka_unit_test(release_to_a_cache_that_is_being_closed_is_not_lost),
      cmocka_unit_test(release_while_statistics_are_reset_stays_in_the_cache),
      cmocka_unit_test(thread_that_ends_while_its_cache_is_being_closed_leaves_nothing_there),
      cmocka_unit_test(acquire_that_panics_leaves_the_cache_as_it_was),
      cmocka_unit_test(stranger_that_panics_is_left_alone),
      cmocka_unit_test(object_that_comes_back_just_before_a_wait_is_not_missed),
      cmocka_unit_test(refused_membarrier_leaves_closing_to_the_owners),
  };
  thing_pool_release(&pool, thing_pool_acquire_for(&pool, 0));
  thing_pool_destroy(&pool);
  if (!objpool__process.membarrier) {
    puts("skipped: without membarrier caches are never open");
    return 77;
  }
  return cmocka_run_group_tests(tests, NULL, NULL);
}
