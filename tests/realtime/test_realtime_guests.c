/* The real-time promise holds for a thread beyond OBJPOOL_MAX_THREADS, too: attached, without caches, it takes no lock,
   not even the process's, which threads hold that end or that bind and destroy pools. Locks are counted, and held. */
#include "support.h"

#include <sched.h>

static int counted_lock(pthread_mutex_t *lock);
#define pthread_mutex_lock(lock) counted_lock(lock)
#define OBJPOOL_MAX_THREADS 2
#define OBJPOOL_PANIC(message) panic_seen(message)
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"
#undef pthread_mutex_lock

typedef struct thing {
  long owner;
} thing;

OBJPOOL_DEFINE(thing_pool, thing);

static __thread long locks_taken;
static int counted_lock(pthread_mutex_t *lock) {
  locks_taken++;
  return pthread_mutex_lock(lock);
}

enum { OBJECTS = 40 };
static thing_pool pool;
static long taken_by_guests, guests_ready, go, guests_done, may_end;

static void begin(bool limited) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.cache_size = OBJPOOL_NO_CACHE;
  config.warmup = OBJECTS;
  if (limited) config.max_objects = config.max_idle = OBJECTS;
  CHECK(thing_pool_init(&pool, &config));
  taken_by_guests = guests_ready = go = guests_done = may_end = 0;
}

static void *attach_and_use(void *unused) {
  (void)unused;
  CHECK(thing_pool_attach(&pool));
  count_add(&guests_ready, 1);
  WAIT_UNTIL(count_read(&go));
  locks_taken = 0;
  for (int i = 0; i < 1000; i++) {
    thing *objects[4];
    for (int k = 0; k < 4; k++) CHECK((objects[k] = thing_pool_try_acquire(&pool)) != NULL);
    for (int k = 0; k < 4; k++) thing_pool_release(&pool, objects[k]);
  }
  count_add(&taken_by_guests, locks_taken);
  count_add(&guests_done, 1);
  WAIT_UNTIL(count_read(&may_end)); /* whoever ends takes the lock */
  return NULL;
}

/* Four threads, two of them without an index, while this one holds the process's lock. */
static void attached_thread_beyond_the_most_takes_no_lock(void **state) {
  enum { THREADS = 4 };
  (void)state;
  for (int limited = 0; limited < 2; limited++) {
    pthread_t threads[THREADS];
    begin(limited != 0);
    for (int i = 0; i < THREADS; i++) threads[i] = start_thread(attach_and_use, NULL);
    WAIT_UNTIL(count_read(&guests_ready) == THREADS);
    pthread_mutex_lock(&objpool__process.lock.plain);
    count_set(&go, 1);
    WAIT_UNTIL(count_read(&guests_done) == THREADS); /* they come through at all */
    pthread_mutex_unlock(&objpool__process.lock.plain);
    count_set(&may_end, 1);
    for (int i = 0; i < THREADS; i++) join_thread(threads[i]);
    assert_int_equal(count_read(&taken_by_guests), 0);
    assert_int_equal(thing_pool_stats(&pool).in_use, 0);
    assert_int_equal(thing_pool_stats(&pool).idle, OBJECTS);
    thing_pool_destroy(&pool);
  }
}

/* What was a guest when it attached may find an index free: it does not take a lock to get it. */
static long holders_ready, holders_may_end;
static void *have_an_index(void *unused) {
  (void)unused;
  CHECK(thing_pool_attach(&pool));
  count_add(&holders_ready, 1);
  WAIT_UNTIL(count_read(&holders_may_end));
  return NULL;
}

static void guest_takes_no_lock_when_an_index_becomes_free(void **state) {
  pthread_t holders[2], guest;
  (void)state;
  begin(true);
  for (int i = 0; i < 2; i++) holders[i] = start_thread(have_an_index, NULL);
  WAIT_UNTIL(count_read(&holders_ready) == 2);
  guest = start_thread(attach_and_use, NULL);
  WAIT_UNTIL(count_read(&guests_ready) == 1);
  count_set(&holders_may_end, 1);
  for (int i = 0; i < 2; i++) join_thread(holders[i]); /* theirs are free from here on */
  pthread_mutex_lock(&objpool__process.lock.plain);
  count_set(&go, 1);
  WAIT_UNTIL(count_read(&guests_done) == 1);
  pthread_mutex_unlock(&objpool__process.lock.plain);
  count_set(&may_end, 1);
  join_thread(guest);
  assert_int_equal(count_read(&taken_by_guests), 0);
  thing_pool_destroy(&pool);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(attached_thread_beyond_the_most_takes_no_lock),
      cmocka_unit_test(guest_takes_no_lock_when_an_index_becomes_free),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
