/* membarrier works when the pool is made and is refused later, as by the filter that a running program puts on itself.
   no sanitizer: theirs is a runtime that makes system calls of its own */
#include "support.h"

#define OBJPOOL__NO_INTERRUPT /* as on processors where nothing else stops a thread */
#define OBJPOOL_IMPLEMENTATION
#include "pools.h"

#include "sandbox.h"

typedef struct thing {
  long number;
} thing;

MAKES_BY_HOOK(thing)
OBJPOOL_DEFINE(thing_pool, thing, opt.create = make_thing);

enum { CAP = 64, IDLE = 8 };

static thing_pool pool;
static int served;

static void *wait_for_an_object(void *unused) {
  thing *object = thing_pool_acquire_for(&pool, INT64_C(30000000000));
  CHECK(object);
  __atomic_store_n(&served, 1, __ATOMIC_RELEASE);
  thing_pool_release(&pool, object);
  return unused;
}

/* With caches, and one thread's slot of a bounded pool: limits are lowered, the pool is closed, while a thread sleeps that has
   objects in its slots; then it ends. */
enum { WITH_CACHES, BOUNDED, CLOSED, BOUNDED_CLOSED, POOLS, MOST = 2 };
static thing_pool pools[POOLS];
static gate filled, ends;
static void *fill_slots_and_end(void *unused) {
  thing *objects[IDLE];
  for (int i = 0; i < POOLS; i++)
    for (int round = 0; round < 2000; round++) {
      for (int k = 0; k < IDLE; k++) CHECK((objects[k] = thing_pool_acquire(&pools[i])) != NULL);
      thing_pool_release_many(&pools[i], objects, IDLE);
    }
  gate_open(&filled);
  gate_wait(&ends);
  return unused;
}

static void begin_pools(void) {
  for (int i = 0; i < POOLS; i++) {
    objpool_config config;
    memset(&config, 0, sizeof config);
    config.max_objects = i == BOUNDED || i == BOUNDED_CLOSED ? IDLE : 0;
    CHECK(thing_pool_init(&pools[i], &config));
  }
  gate_make(&filled);
  gate_make(&ends);
}

static void what_a_thread_leaves_that_ends_is_within_the_limits_then(pthread_t sleeper) {
  for (int i = 0; i < POOLS; i++) {
    assert_int_equal(pools[i].base.state->gate.open_slots, 1);
    if (i < CLOSED)
      assert_true(thing_pool_resize(&pools[i], MOST, OBJPOOL_UNCHANGED));
    else
      thing_pool_close(&pools[i]);
    assert_int_equal(thing_pool_stats(&pools[i]).idle, IDLE); /* it cannot close that slot */
  }
  gate_open(&ends);
  join_thread(sleeper);
  for (int i = 0; i < POOLS; i++) {
    if (i < CLOSED) thing_pool_release(&pools[i], thing_pool_acquire(&pools[i])); /* whoever comes by sees to it */
    if (i >= CLOSED) assert_true(thing_pool_drain(&pools[i], 0));                 /* nobody else will come by */
    assert_int_equal(thing_pool_stats(&pools[i]).idle, i < CLOSED ? MOST : 0);
    thing_pool_destroy(&pools[i]);
  }
  gate_close(&filled);
  gate_close(&ends);
}

/* The same of a thread that goes on: it closes its slot in a release. */
static thing_pool limited;
static thing *fill_slot_but_for_one(void) {
  thing *objects[IDLE + 1];
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.max_idle = 1000; /* the slot is granted some of it */
  CHECK(thing_pool_init(&limited, &config));
  for (int round = 0; round < 2000; round++) {
    if (round > 0) thing_pool_release(&limited, objects[IDLE]);
    for (int k = 0; k <= IDLE; k++) CHECK((objects[k] = thing_pool_acquire(&limited)) != NULL);
    thing_pool_release_many(&limited, objects, IDLE);
  }
  return objects[IDLE];
}

static void *lower_the_limit(void *unused) {
  CHECK(thing_pool_resize(&limited, MOST, OBJPOOL_UNCHANGED));
  return unused;
}

static void what_a_release_finds_in_its_slot_is_within_the_limits_then(thing *last) {
  in_another_thread(lower_the_limit, NULL);
  assert_int_equal(thing_pool_stats(&limited).idle, IDLE);
  thing_pool_release(&limited, last);
  assert_int_equal(thing_pool_stats(&limited).idle, MOST);
  thing *objects[CAP];
  assert_int_equal(thing_pool_acquire_many(&limited, objects, CAP), CAP);
  thing_pool_release_many(&limited, objects, CAP);
  assert_int_equal(thing_pool_stats(&limited).idle, MOST);
  thing_pool_destroy(&limited);
}

static void who_sleeps_closes_its_own_slot_when_it_comes_by_or_ends(void **state) {
  thing *held[CAP];
  objpool_config config;
  int count;
  (void)state;
  memset(&config, 0, sizeof config);
  config.max_objects = CAP;
  assert_true(thing_pool_init(&pool, &config));
  for (count = 0; count < CAP; count++) held[count] = thing_pool_acquire(&pool);
  while (count > 0) thing_pool_release(&pool, held[--count]);
  for (int i = 0; i < 100000; i++) thing_pool_release(&pool, thing_pool_acquire(&pool)); /* the slot is open again */
  while (count < CAP) held[count++] = thing_pool_acquire(&pool);
  while (count > CAP - IDLE) thing_pool_release(&pool, held[--count]); /* these lie in the slot of this thread */
  begin_pools();
  pthread_t sleeper = start_thread(fill_slots_and_end, NULL);
  gate_wait(&filled);
  thing *last = fill_slot_but_for_one();
  if (!refuse_membarrier(EPERM)) skip();
  pthread_t waiter = start_thread(wait_for_an_object, NULL); /* it cannot close that slot */
  WAIT_UNTIL(thing_pool_stats(&pool).waiting == 1);
  thing *mine = thing_pool_acquire(&pool); /* this thread comes by, and closes it */
  WAIT_UNTIL(__atomic_load_n(&served, __ATOMIC_ACQUIRE));
  thing_pool_release(&pool, mine);
  join_thread(waiter);
  while (count > 0) thing_pool_release(&pool, held[--count]);
  thing_pool_destroy(&pool);
  what_a_release_finds_in_its_slot_is_within_the_limits_then(last);
  what_a_thread_leaves_that_ends_is_within_the_limits_then(sleeper); /* the filter stays: so not in a test of its own */
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(who_sleeps_closes_its_own_slot_when_it_comes_by_or_ends)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
