/* Whoever needs what another thread is working on waits until it is done: a slot that is being closed, idle objects that a trim has
   in its hands. What is done under a lock takes no time that a test could meet: so the test holds the locks itself. */
#include "support.h"

#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

typedef struct thing {
  long n;
} thing;

OBJPOOL_DEFINE(thing_pool, thing);

static thing_pool pool;

/* ---- slots */

static long locked, unlocked;

static void *hold_its_lock(void *slot) {
  objpool__cache *cache = (objpool__cache *)slot;
  objpool__spin_lock(cache);
  count_set(&locked, 1);
  sleep_ms(100);
  count_set(&unlocked, 1);
  objpool__spin_unlock(cache);
  return NULL;
}

static void acquire_a_fresh_one(void) { CHECK(thing_pool_acquire(&pool)); }
static void warm_up(void) { CHECK(thing_pool_warmup(&pool, 5) > 0); }
static void reset_the_statistics(void) { objpool_reset_stats(&pool.base); }
static void look(void) { CHECK(thing_pool_stats(&pool).in_use > 0); }
static void trim(void) { (void)thing_pool_trim(&pool, 0); }

static void calls_wait_for_the_slots_that_they_look_at(void **state) {
  void (*const calls[])(void) = {acquire_a_fresh_one, warm_up, reset_the_statistics, look, trim};
  (void)state;
  for (size_t i = 0; i < COUNT_OF(calls); i++) {
    objpool_config config;
    memset(&config, 0, sizeof config);
    config.on_leak = OBJPOOL_LEAK_IGNORE;
    assert_true(thing_pool_init(&pool, &config));
    thing_pool_release(&pool, thing_pool_acquire(&pool)); /* opens it */
    for (int k = 0; k < 2; k++) assert_non_null(thing_pool_acquire(&pool));
    objpool__cache *mine = objpool__mine(&pool.base.state->slots);
    assert_non_null(mine);
    count_set(&locked, 0);
    count_set(&unlocked, 0);
    pthread_t other = start_thread(hold_its_lock, mine);
    WAIT_UNTIL(count_read(&locked));
    calls[i]();
    bool waited = count_read(&unlocked) != 0;
    join_thread(other);
    if (!waited) print_error("call %zu did not wait\n", i);
    assert_true(waited);
    thing_pool_destroy(&pool);
  }
}

/* The allocator is called while a thread's slot is unlocked; then another thread has it. */
static objpool__cache *mine_grows;
static long touched;
static pthread_t holder;

static void *hold_its_lock_and_look(void *slot) {
  objpool__cache *cache = (objpool__cache *)slot;
  objpool__spin_lock(cache);
  count_set(&locked, 1);
  sleep_ms(100);
  count_set(&touched, (long)cache->strip.cells);
  objpool__spin_unlock(cache);
  return NULL;
}
static void *allocate(size_t size, size_t alignment, void *context) {
  void *memory = NULL;
  (void)context;
  if (mine_grows) {
    holder = start_thread(hold_its_lock_and_look, mine_grows);
    WAIT_UNTIL(count_read(&locked));
    mine_grows = NULL;
  }
  return posix_memalign(&memory, alignment < sizeof(void *) ? sizeof(void *) : alignment, size) ? NULL : memory;
}
static void deallocate(void *memory, size_t size, size_t alignment, void *context) {
  (void)size, (void)alignment, (void)context;
  free(memory);
}

static void cells_are_set_aside_when_nobody_else_has_the_slot(void **state) {
  objpool_config config;
  (void)state;
  memset(&config, 0, sizeof config);
  config.on_leak = OBJPOOL_LEAK_IGNORE;
  config.allocator.allocate = allocate;
  config.allocator.deallocate = deallocate;
  assert_true(thing_pool_init(&pool, &config));
  thing_pool_release(&pool, thing_pool_acquire(&pool));
  objpool__cache *mine = objpool__mine(&pool.base.state->slots);
  assert_non_null(mine);
  count_set(&locked, 0);
  while (!count_read(&locked)) {
    mine_grows = mine->strip.cells ? NULL : mine;
    assert_non_null(thing_pool_acquire(&pool));
  }
  join_thread(holder);
  assert_int_equal(count_read(&touched), 0);
  thing_pool_destroy(&pool);
}

/* ---- the shared part */

static void *hold_the_shared_part(void *unused) {
  objpool__mutex_lock(&pool.base.state->commons.lock.plain);
  count_set(&locked, 1);
  sleep_ms(100);
  count_set(&unlocked, 1);
  objpool__mutex_unlock(&pool.base.state->commons.lock.plain);
  return unused;
}

static void releases_wait_for_it_where_a_limit_may_be_reached(void **state) {
  static const size_t caps[] = {4, 100}; /* with a bit for each object, and without */
  (void)state;
  for (size_t i = 0; i < COUNT_OF(caps); i++)
    for (int lowered = 0; lowered < 2; lowered++) {
      objpool_config config;
      memset(&config, 0, sizeof config);
      config.cache_size = OBJPOOL_NO_CACHE;
      config.max_objects = caps[i];
      config.max_idle = lowered ? 0 : 2;
      if (i && !lowered) continue; /* one instruction decides */
      assert_true(thing_pool_init(&pool, &config));
      thing *held[3];
      for (int k = 0; k < 3; k++) assert_non_null(held[k] = thing_pool_acquire(&pool));
      if (lowered) assert_true(thing_pool_resize(&pool, OBJPOOL_UNCHANGED, 2));
      count_set(&locked, 0);
      count_set(&unlocked, 0);
      pthread_t other = start_thread(hold_the_shared_part, NULL);
      WAIT_UNTIL(count_read(&locked));
      thing_pool_release(&pool, held[0]);
      assert_true(count_read(&unlocked));
      join_thread(other);
      thing_pool_release(&pool, held[1]);
      thing_pool_release(&pool, held[2]);
      assert_int_equal(thing_pool_stats(&pool).idle, 2);
      thing_pool_destroy(&pool);
    }
}

/* ---- without caches, where an acquire takes no lock */

enum { CAP = 4 };

static long ready, may_begin;

static void wait_to_begin(void) { /* with a slot, whose making needs the lock that the test holds */
  CHECK(thing_pool_attach(&pool));
  long place = count_add(&ready, 1);
  WAIT_UNTIL(count_read(&may_begin) >= place);
}

static void *trim_to_two(void *unused) {
  wait_to_begin();
  CHECK(thing_pool_trim(&pool, 2) == CAP - 2);
  return unused;
}

static void *try_to_acquire(void *unused) {
  wait_to_begin();
  thing *object = thing_pool_try_acquire(&pool);
  CHECK(object);
  thing_pool_release(&pool, object);
  return unused;
}

static bool has_it_all(const objpool__state *inside) {
  return inside->word ? !OBJPOOL__LOAD(inside->word->idle) : !objpool__number(OBJPOOL__LOAD(inside->depot.full));
}

static void an_acquire_waits_for_a_trim_that_has_all_in_its_hands(void **state) {
  static const size_t caps[] = {CAP, 100}; /* as above */
  (void)state;
  for (size_t i = 0; i < COUNT_OF(caps); i++) {
    objpool_config config;
    memset(&config, 0, sizeof config);
    config.cache_size = OBJPOOL_NO_CACHE;
    config.max_objects = caps[i];
    assert_true(thing_pool_init(&pool, &config));
    assert_int_equal(thing_pool_warmup(&pool, CAP), CAP);
    assert_true(thing_pool_resize(&pool, OBJPOOL_UNCHANGED, CAP));
    objpool__state *inside = pool.base.state;
    count_set(&ready, 0), count_set(&may_begin, 0);
    pthread_t trimmer = start_thread(trim_to_two, NULL);
    WAIT_UNTIL(count_read(&ready) == 1);
    pthread_t other = start_thread(try_to_acquire, NULL);
    WAIT_UNTIL(count_read(&ready) == 2);
    assert_int_equal(pthread_mutex_lock(&inside->memory.lock.plain), 0); /* the trim sorts what it has under it */
    count_set(&may_begin, 1);
    WAIT_UNTIL(has_it_all(inside));
    count_set(&may_begin, 2);
    sleep_ms(50);
    assert_int_equal(pthread_mutex_unlock(&inside->memory.lock.plain), 0);
    join_thread(trimmer);
    join_thread(other);
    thing_pool_destroy(&pool);
  }
}

/* ---- limits that move while objects come back; ThreadSanitizer sees who looks at them without the lock */

static long moves_left;

static void *move_the_limit(void *unused) {
  while (count_read(&moves_left) > 0) {
    CHECK(thing_pool_resize(&pool, 0, 2));
    CHECK(thing_pool_resize(&pool, 0, 6));
  }
  return unused;
}

static void objects_come_back_while_the_limit_moves(void **state) {
  objpool_config config;
  (void)state;
  memset(&config, 0, sizeof config);
  config.cache_size = OBJPOOL_NO_CACHE;
  config.max_objects = 6;
  assert_true(thing_pool_init(&pool, &config));
  count_set(&moves_left, SCALED(20000, 2000, 2000));
  pthread_t other = start_thread(move_the_limit, NULL);
  while (count_add(&moves_left, -1) >= 0) {
    thing *held[4];
    size_t count = thing_pool_acquire_many(&pool, held, COUNT_OF(held));
    thing_pool_release_many(&pool, held, count);
  }
  join_thread(other);
  assert_int_equal(thing_pool_stats(&pool).in_use, 0);
  assert_true(thing_pool_stats(&pool).idle <= 6);
  thing_pool_destroy(&pool);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(calls_wait_for_the_slots_that_they_look_at),
      cmocka_unit_test(cells_are_set_aside_when_nobody_else_has_the_slot),
      cmocka_unit_test(releases_wait_for_it_where_a_limit_may_be_reached),
      cmocka_unit_test(an_acquire_waits_for_a_trim_that_has_all_in_its_hands),
      cmocka_unit_test(objects_come_back_while_the_limit_moves),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
