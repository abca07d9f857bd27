/* Another thread looks at a pool while its owner makes it, grows it and takes it down: with statistics and without
   (tests/platforms/test_switches.sh), where the same numbers are found in other ways. */
#include "support.h"

#include "objpool.h"

typedef struct thing {
  long n;
} thing;

OBJPOOL_DEFINE(local_pool, thing, opt.local = true);
OBJPOOL_DEFINE(thing_pool, thing);

enum { MOST = 5000, ROUNDS = SCALED(1000, 50, 50) };

static long ended;

/* ---- local pools: their array moves when they grow */

static void *grow_again_and_again(void *unused) {
  static thing *held[MOST];
  (void)unused;
  for (int round = 0; round < ROUNDS; round++) {
    local_pool pool;
    objpool_config config;
    memset(&pool, 0, sizeof pool);
    memset(&config, 0, sizeof config);
    config.name = "growing";
    CHECK(local_pool_init(&pool, &config));
    CHECK(local_pool_warmup(&pool, 1) == 1);
    for (size_t i = 0; i < MOST; i++) CHECK(held[i] = local_pool_acquire(&pool));
    for (size_t i = 0; i < MOST; i++) local_pool_release(&pool, held[i]);
    local_pool_destroy(&pool);
  }
  count_add(&ended, 1);
  return NULL;
}

static void local_pool_that_grows_shows_no_more_than_it_has(void **state) {
  (void)state;
  ended = 0;
  pthread_t owner = start_thread(grow_again_and_again, NULL);
  for (long looks = 0; !count_read(&ended); looks++) {
    objpool_stats sum = objpool_registry_snapshot();
    assert_true(sum.idle <= MOST);
    assert_true(sum.in_use <= MOST);
    if (looks % 16 == 15) sched_yield();
  }
  join_thread(owner);
}

/* ---- pools that are all zero: the first use makes them */

static thing_pool pools[ROUNDS];

static void *use_them(void *unused) {
  (void)unused;
  for (int i = 0; i < ROUNDS; i++) {
    thing *object = thing_pool_acquire(&pools[i]);
    CHECK(object);
    thing_pool_release(&pools[i], object);
  }
  count_add(&ended, 1);
  return NULL;
}

/* A look of one kind at each: the first at a pool must find it whole by itself. */
static void pool_may_be_looked_at_while_it_is_first_used(void **state) {
  (void)state;
  ended = 0;
  pthread_t user = start_thread(use_them, NULL);
  while (!__atomic_load_n(&ended, __ATOMIC_RELAXED)) /* which orders nothing: what is found in a pool must be whole */
    for (int i = 0; i < ROUNDS; i++) {
      objpool *pool = &pools[i].base;
      const char *name;
      switch (i % 5) {
      case 0: /* that of its type, once it is known */
        name = objpool_name(pool);
        assert_true(!strcmp(name, "unnamed") || !strcmp(name, "thing_pool"));
        break;
      case 1: assert_true(objpool_snapshot(pool).in_use <= 1); break; /* idle may be counted twice while a thread ends */
      case 2: assert_int_equal(objpool_times(pool, OBJPOOL_TIME_WAIT).count, 0); break;
      case 3: assert_null(objpool_context(pool)); break;
      default: objpool_reset_stats(pool);
      }
    }
  join_thread(user);
  for (int i = 0; i < ROUNDS; i++) thing_pool_destroy(&pools[i]);
}

/* ---- what another thread has just made, and nothing but the pool itself says so */

typedef struct line {
  __attribute__((__aligned__(64))) char bytes[64]; /* tags apart */
} line;
OBJPOOL_DEFINE(line_pool, line);
OBJPOOL_DEFINE(held_pool, thing, opt.tracked = true);

static thing_pool thing_made;
static line_pool line_made;
static held_pool held_made;
static int is_made;

static void use_untyped(void) {
  void *object = objpool_acquire(&thing_made.base);
  CHECK(object);
  objpool_release(&thing_made.base, object);
}
static void use_typed(void) { thing_pool_release(&thing_made, thing_pool_acquire(&thing_made)); }
static void attach(void) { CHECK(thing_pool_attach(&thing_made)); }
static void trim(void) { CHECK(objpool_trim(&thing_made.base, 0) == 0); }
static void use_lines_untyped(void) { objpool_release(&line_made.base, objpool_acquire(&line_made.base)); }
static void look_at_holders(void) { CHECK(objpool_each_held(&held_made.base, 0, NULL, NULL) == 0); }

static void *use_once_made(void *use) {
  while (!__atomic_load_n(&is_made, __ATOMIC_RELAXED)) sched_yield(); /* which orders nothing */
  (*(void (*const *)(void))use)();
  return NULL;
}

static void pool_may_be_used_by_who_saw_it_made(void **state) {
  static void (*const uses[])(void) = {use_untyped, use_typed, attach, trim, use_lines_untyped, look_at_holders};
  (void)state;
  for (size_t i = 0; i < COUNT_OF(uses); i++) {
    void (*use)(void) = uses[i];
    is_made = 0;
    pthread_t user = start_thread(use_once_made, (void *)&use);
    assert_true(thing_pool_init(&thing_made, NULL));
    assert_true(line_pool_init(&line_made, NULL));
    assert_true(held_pool_init(&held_made, NULL));
    __atomic_store_n(&is_made, 1, __ATOMIC_RELAXED);
    join_thread(user);
    thing_pool_destroy(&thing_made);
    line_pool_destroy(&line_made);
    held_pool_destroy(&held_made);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(local_pool_that_grows_shows_no_more_than_it_has),
      cmocka_unit_test(pool_may_be_looked_at_while_it_is_first_used),
      cmocka_unit_test(pool_may_be_used_by_who_saw_it_made),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
