/* Maintenance follows the demand: it creates ahead of one that rises, gives back after it, and stays within the limits. */
#include "support.h"

#include "fleet/fleet.h"

OBJPOOL_DEFINE(local_pool, thing, opt.local = true);

static void maintenance_keeps_min_idle(void **state) {
  static thing_pool pool;
  objpool_config config = named(NULL);
  thing *held[6];
  int tick;
  (void)state;
  config.min_idle = 5;
  assert_true(thing_pool_init(&pool, &config));
  assert_int_equal(thing_pool_stats(&pool).idle, 0);
  assert_int_equal(objpool_maintain(&pool.base), 5);
  assert_int_equal(thing_pool_stats(&pool).idle, 5);
  assert_int_equal(thing_pool_acquire_many(&pool, held, 5), 5);
  objpool_maintain(&pool.base);
  assert_true(thing_pool_stats(&pool).idle >= 5);
  thing_pool_release_many(&pool, held, 5);
  thing_pool_warmup(&pool, 400);
  for (tick = 0; tick < 500; tick++) {
    objpool_maintain(&pool.base);
    assert_true(thing_pool_stats(&pool).idle >= 5);
  }
  thing_pool_destroy(&pool);
}

static void maintenance_creates_ahead_of_a_rising_demand(void **state) {
  static thing_pool pool;
  thing *held[400];
  size_t out = 0;
  objpool_stats stats;
  int tick;
  (void)state;
  assert_true(thing_pool_init(&pool, NULL));
  for (tick = 0; tick < 40; tick++) { /* ten more every tick */
    assert_int_equal(thing_pool_acquire_many(&pool, held + out, 10), 10);
    out += 10;
    objpool_maintain(&pool.base);
  }
  stats = thing_pool_stats(&pool);
  assert_int_equal(stats.acquires, 400);
  assert_true(stats.misses <=
              40); /* the first steps teach it, then all are there in time; alone it would miss 400 times */
  thing_pool_release_many(&pool, held, out);
  thing_pool_destroy(&pool);
}

static void maintenance_gives_back_after_the_demand(void **state) {
  static huge_pool pool;
  huge_thing *held[200];
  objpool_stats peak, after;
  objpool_config config = named(NULL);
  int tick;
  (void)state;
  config.growth_factor = 1.0; /* blocks all alike: one object left holds little */
  assert_true(huge_pool_init(&pool, &config));
  for (tick = 0; tick < 20; tick++) {
    assert_int_equal(huge_pool_acquire_many(&pool, held + 10 * tick, 10), 10);
    objpool_maintain(&pool.base);
  }
  peak = huge_pool_stats(&pool);
  huge_pool_release_many(&pool, held, 200);
  for (tick = 0; tick < 500; tick++) objpool_maintain(&pool.base);
  after = huge_pool_stats(&pool);
  assert_true(after.idle * 5 < 200);
  assert_true(after.memory_bytes * 2 < peak.memory_bytes);
  assert_int_equal(after.created - after.destroyed, after.idle);
  huge_pool_destroy(&pool);
}

static void a_steady_demand_is_left_alone(void **state) {
  static thing_pool pool;
  thing *held[50];
  uint64_t created;
  int tick;
  (void)state;
  assert_true(thing_pool_init(&pool, NULL));
  assert_int_equal(thing_pool_acquire_many(&pool, held, 50), 50);
  for (tick = 0; tick < 200; tick++) objpool_maintain(&pool.base);
  created = thing_pool_stats(&pool).created;
  for (tick = 0; tick < 200; tick++) assert_int_equal(objpool_maintain(&pool.base), 0);
  assert_int_equal(thing_pool_stats(&pool).created, created);
  assert_true(thing_pool_stats(&pool).idle <= 25); /* and little is kept in reserve */
  thing_pool_release_many(&pool, held, 50);
  thing_pool_destroy(&pool);
}

static void maintenance_returns_what_it_created_and_destroyed(void **state) {
  static thing_pool pool;
  thing *held[128];
  uint64_t seed = 42;
  size_t out = 0;
  int tick;
  (void)state;
  assert_true(thing_pool_init(&pool, NULL));
  for (tick = 0; tick < 300; tick++) {
    size_t want = tick % 60 < 30 ? random_below(&seed, 128) : random_below(&seed, 10), done;
    objpool_stats before, after;
    if (want > out) out += thing_pool_acquire_many(&pool, held + out, want - out);
    while (out > want) thing_pool_release(&pool, held[--out]);
    before = thing_pool_stats(&pool);
    done = objpool_maintain(&pool.base);
    after = thing_pool_stats(&pool);
    assert_int_equal(done, after.created - before.created + after.destroyed - before.destroyed);
    assert_int_equal(after.misses, before.misses); /* creating ahead is no miss */
    assert_int_equal(after.in_use, out);
  }
  thing_pool_release_many(&pool, held, out);
  thing_pool_destroy(&pool);
}

static void maintenance_stays_within_the_limits(void **state) {
  static thing_pool pool;
  objpool_config config = named(NULL);
  thing *held[60];
  int tick;
  (void)state;
  config.max_idle = 7;
  config.max_objects = 50;
  assert_true(thing_pool_init(&pool, &config));
  for (tick = 0; tick < 5; tick++) {
    objpool_stats stats;
    assert_int_equal(thing_pool_acquire_many(&pool, held + 10 * tick, 10), 10);
    objpool_maintain(&pool.base);
    stats = thing_pool_stats(&pool);
    assert_true(stats.idle <= 7);
    assert_true(stats.idle + stats.in_use <= 50);
  }
  assert_int_equal(thing_pool_stats(&pool).idle, 0); /* 50 of 50 are out */
  thing_pool_release_many(&pool, held, 50);
  thing_pool_destroy(&pool);
}

static void under_pressure_all_that_may_go_goes(void **state) {
  static const objpool_pressure pressures[] = {OBJPOOL_PRESSURE_SOME, OBJPOOL_PRESSURE_FULL};
  size_t i;
  (void)state;
  for (i = 0; i < COUNT_OF(pressures); i++) {
    static thing_pool pool;
    objpool_config config = named(NULL);
    thing *held[40];
    config.min_idle = 3;
    pressure_now = OBJPOOL_PRESSURE_NONE;
    assert_true(thing_pool_init(&pool, &config));
    assert_int_equal(thing_pool_acquire_many(&pool, held, 40), 40);
    objpool_maintain(&pool.base);
    thing_pool_release_many(&pool, held, 40);
    pressure_now = pressures[i];
    assert_true(objpool_maintain(&pool.base) >= 37);
    assert_int_equal(thing_pool_stats(&pool).idle, 3);
    thing_pool_clear(&pool);
    assert_int_equal(thing_pool_acquire_many(&pool, held, 20), 20); /* demand rises */
    assert_int_equal(objpool_maintain(&pool.base), 0);              /* and nothing is created ahead */
    assert_int_equal(thing_pool_stats(&pool).idle, 0);
    assert_true(pressure_asked > 0);
    thing_pool_release_many(&pool, held, 20);
    thing_pool_destroy(&pool);
  }
}

static bool is_good(thing *object, void *context) {
  (void)context;
  return object->number != 13;
}
OBJPOOL_DEFINE(checked_pool, thing, opt.validate = is_good, opt.validate_on = OBJPOOL_ON_MAINTAIN);

static void maintenance_validates_idle_objects_if_asked_to(void **state) {
  static checked_pool pool;
  thing *held[4];
  objpool_config config = named(NULL);
  size_t i;
  (void)state;
  config.min_idle = 4;
  assert_true(checked_pool_init(&pool, &config));
  assert_int_equal(checked_pool_acquire_many(&pool, held, 4), 4);
  for (i = 0; i < 4; i++) held[i]->number = i == 2 ? 13 : i;
  checked_pool_release_many(&pool, held, 4);
  assert_int_equal(checked_pool_stats(&pool).invalid, 0);
  objpool_maintain(&pool.base);
  assert_int_equal(checked_pool_stats(&pool).invalid, 1);
  assert_true(checked_pool_stats(&pool).idle >= 4); /* replaced */
  assert_int_equal(checked_pool_acquire_many(&pool, held, 4), 4);
  for (i = 0; i < 4; i++) assert_int_not_equal(held[i]->number, 13);
  checked_pool_release_many(&pool, held, 4);
  checked_pool_destroy(&pool);
}

/* A thread's cache that stayed closed afterwards would hold nothing, and flush nothing. */
static void caches_fill_again_after_what_is_idle_was_validated(void **state) {
  enum { MANY = 200 };
  static checked_pool pool;
  static thing *held[MANY];
  objpool_config config = named(NULL);
  (void)state;
  config.cache_size = 8;
  assert_true(checked_pool_init(&pool, &config));
  for (int round = 0; round < 2; round++) {
    assert_int_equal(checked_pool_acquire_many(&pool, held, MANY), MANY);
    for (int i = 0; i < MANY; i++) held[i]->number = 0;
    checked_pool_reset_stats(&pool);
    for (int i = 0; i < MANY; i++) checked_pool_release(&pool, held[i]);
    assert_true(checked_pool_stats(&pool).flushes > 0);
    objpool_maintain(&pool.base);
  }
  checked_pool_destroy(&pool);
}

static void a_tick_creates_no_more_than_it_is_told(void **state) {
  static thing_pool pool;
  objpool_config config = named(NULL);
  (void)state;
  config.min_idle = 10;
  assert_true(thing_pool_init(&pool, &config));
  for (size_t idle = 0; idle < 9; idle += 3) {
    assert_int_equal(objpool_maintain_some(&pool.base, 3), 3);
    assert_int_equal(thing_pool_stats(&pool).idle, idle + 3);
  }
  assert_int_equal(objpool_maintain_some(&pool.base, 3), 1);
  thing_pool_destroy(&pool);
}

static void *maintain_often(void *pool) {
  for (int tick = 0; tick < 200; tick++) {
    objpool_maintain((objpool *)pool);
    sched_yield();
  }
  return NULL;
}

/* Each goes on with what the other has learned; who comes while it is at it goes away again. */
static void threads_may_maintain_a_pool_by_turns(void **state) {
  static thing_pool pool;
  objpool_config config = named(NULL);
  pthread_t threads[2];
  (void)state;
  config.min_idle = 4;
  assert_true(thing_pool_init(&pool, &config));
  for (size_t i = 0; i < COUNT_OF(threads); i++) threads[i] = start_thread(maintain_often, &pool);
  for (size_t i = 0; i < COUNT_OF(threads); i++) join_thread(threads[i]);
  assert_int_equal(thing_pool_stats(&pool).idle, 4);
  thing_pool_destroy(&pool);
}

static bool out_of_memory;
static void *take_if_there_is_some(size_t size, size_t alignment, void *context) {
  void *memory = NULL;
  (void)context;
  if (out_of_memory || posix_memalign(&memory, alignment < 16 ? 16 : alignment, size)) return NULL;
  return memory;
}
static void give_it_back(void *memory, size_t size, size_t alignment, void *context) {
  (void)size, (void)alignment, (void)context;
  free(memory);
}

/* On the stack, where the next function's variables will lie. */
static __attribute__((noinline)) void leave_traces(void) {
  char traces[4096];
  memset(traces, 0x5a, sizeof traces);
  __asm__ volatile("" : : "r"(traces) : "memory");
}

static void without_memory_to_learn_in_each_tick_is_the_first(void **state) {
  static thing_pool pool;
  objpool_config config = named(NULL);
  (void)state;
  config.min_idle = OBJPOOL_NONE;
  config.allocator.allocate = take_if_there_is_some;
  config.allocator.deallocate = give_it_back;
  assert_true(thing_pool_init(&pool, &config));
  assert_int_equal(thing_pool_warmup(&pool, 100), 100);
  out_of_memory = true;
  for (size_t idle = 100; idle > 50; idle -= idle / 5) {
    leave_traces();
    assert_int_equal(objpool_maintain(&pool.base), idle / 5); /* as much as one tick may destroy */
  }
  out_of_memory = false;
  thing_pool_destroy(&pool);
}

static void a_create_that_fails_ends_the_creating_ahead(void **state) {
  static choosy_pool pool;
  bool refusing = false;
  objpool_config config = named(NULL);
  (void)state;
  config.context = &refusing;
  config.min_idle = 4;
  assert_true(choosy_pool_init(&pool, &config));
  refusing = true;
  assert_int_equal(objpool_maintain(&pool.base), 0);
  assert_int_equal(choosy_pool_stats(&pool).idle, 0);
  assert_int_equal(choosy_pool_stats(&pool).created, 0);
  refusing = false;
  assert_int_equal(objpool_maintain(&pool.base), 4);
  choosy_pool_destroy(&pool);
}

static void a_local_pool_is_maintained_by_its_own_thread(void **state) {
  static local_pool pool;
  objpool_config config = named(NULL);
  (void)state;
  config.min_idle = 4;
  assert_true(local_pool_init(&pool, &config));
  assert_int_equal(objpool_maintain(&pool.base), 4);
  assert_int_equal(local_pool_stats(&pool).idle, 4);
  local_pool_destroy(&pool);
}

static void an_untouched_pool_is_maintained_harmlessly(void **state) {
  static thing_pool pool;
  (void)state;
  assert_int_equal(objpool_maintain(&pool.base), 0);
  thing_pool_destroy(&pool);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TOLD(maintenance_keeps_min_idle),
      TOLD(maintenance_creates_ahead_of_a_rising_demand),
      TOLD(maintenance_gives_back_after_the_demand),
      TOLD(a_steady_demand_is_left_alone),
      TOLD(maintenance_returns_what_it_created_and_destroyed),
      TOLD(maintenance_stays_within_the_limits),
      TOLD(under_pressure_all_that_may_go_goes),
      TOLD(maintenance_validates_idle_objects_if_asked_to),
      TOLD(caches_fill_again_after_what_is_idle_was_validated),
      TOLD(without_memory_to_learn_in_each_tick_is_the_first),
      TOLD(a_tick_creates_no_more_than_it_is_told),
      TOLD(threads_may_maintain_a_pool_by_turns),
      TOLD(a_create_that_fails_ends_the_creating_ahead),
      TOLD(a_local_pool_is_maintained_by_its_own_thread),
      TOLD(an_untouched_pool_is_maintained_harmlessly),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
