/* Threads: any number of them, exits that leave nothing stranded, destructors that still use the pool, objects that wander. */
#include "support.h"

#include "pools.h"

typedef struct thing {
  long owner;
  uint64_t number, check; /* written without atomics: only the pool's own ordering makes them visible */
  char text[40];
} thing;

OBJPOOL_DEFINE(thing_pool, thing);

static thing_pool pool;

static void end_pool(uint64_t idle) {
  objpool_stats stats = thing_pool_stats(&pool);
  assert_int_equal(stats.in_use, 0);
  assert_int_equal(stats.idle, idle);
  assert_int_equal(stats.created - stats.destroyed - stats.extracted, idle);
  assert_int_equal(stats.acquires, stats.releases + stats.extracted);
  assert_int_equal(thing_pool_clear(&pool), idle);
  thing_pool_destroy(&pool);
}

static pthread_barrier_t start_line;

static void *acquire_and_release_a_few(void *argument) {
  long id = (long)(intptr_t)argument;
  pthread_barrier_wait(&start_line);
  for (int round = 0; round < 100; round++) {
    thing *objects[5];
    for (size_t i = 0; i < COUNT_OF(objects); i++) {
      objects[i] = thing_pool_acquire(&pool);
      CHECK(objects[i]);
      CHECK(objects[i]->owner == 0);
      objects[i]->owner = id;
    }
    for (size_t i = 0; i < COUNT_OF(objects); i++) {
      CHECK(objects[i]->owner == id);
      objects[i]->owner = 0;
      thing_pool_release(&pool, objects[i]);
    }
  }
  return NULL;
}

static void a_hundred_threads_acquire_and_release(void **state) {
  enum { THREADS = 100 };
  pthread_t threads[THREADS];
  (void)state;
  assert_int_equal(pthread_barrier_init(&start_line, NULL, THREADS), 0);
  for (int i = 0; i < THREADS; i++) threads[i] = start_thread(acquire_and_release_a_few, (void *)(intptr_t)(i + 1));
  for (int i = 0; i < THREADS; i++) join_thread(threads[i]);
  pthread_barrier_destroy(&start_line);
  assert_int_equal(thing_pool_stats(&pool).acquires, THREADS * 100 * 5);
  assert_true(thing_pool_stats(&pool).created <= THREADS * 5); /* what one left, another may use */
  end_pool(thing_pool_stats(&pool).created);
}

/* A ring of pointers between two threads, which orders nothing but its own slots. */
enum { RING = 256 };
static thing *ring[RING];
static long produced_count;

static void *produce(void *unused) {
  (void)unused;
  for (long i = 0; i < produced_count; i++) {
    thing *object = thing_pool_acquire(&pool);
    CHECK(object);
    CHECK(object->check == object->number * 3); /* what the consumer wrote before its release is seen here */
    object->number = (uint64_t)i;
    object->check = (uint64_t)i ^ 0x5555;
    while (__atomic_load_n(&ring[i % RING], __ATOMIC_ACQUIRE)) sched_yield();
    __atomic_store_n(&ring[i % RING], object, __ATOMIC_RELEASE);
  }
  return NULL;
}

static void *consume(void *unused) {
  (void)unused;
  for (long i = 0; i < produced_count; i++) {
    thing *object;
    while (!(object = __atomic_load_n(&ring[i % RING], __ATOMIC_ACQUIRE))) sched_yield();
    __atomic_store_n(&ring[i % RING], NULL, __ATOMIC_RELEASE);
    CHECK(object->number == (uint64_t)i && object->check == ((uint64_t)i ^ 0x5555));
    object->number = random_next(&object->check) | 1;
    object->check = object->number * 3;
    thing_pool_release(&pool, object);
  }
  return NULL;
}

static void what_one_thread_acquires_another_may_release(void **state) {
  pthread_t producer, consumer;
  (void)state;
  produced_count = SCALED(400000L, 100000L, 40000L);
  for (int capped = 0; capped < 2; capped++) {
    objpool_config config = defaults();
    if (capped) config.max_objects = RING + 2; /* the ring, and one in either hand: never refused, never more */
    memset(ring, 0, sizeof ring);
    assert_true(thing_pool_init(&pool, &config));
    producer = start_thread(produce, NULL);
    consumer = start_thread(consume, NULL);
    join_thread(producer);
    join_thread(consumer);
    assert_int_equal(thing_pool_stats(&pool).exhausted, 0);
    if (capped)
      assert_true(thing_pool_stats(&pool).created <= RING + 2);
    else
      assert_true(thing_pool_stats(&pool).created <= RING + 2 + 1000); /* and what a few magazines hold */
    end_pool(thing_pool_stats(&pool).idle);
  }
}

static void *fill_own_cache(void *argument) {
  thing *objects[50];
  (void)argument;
  CHECK(thing_pool_acquire_many(&pool, objects, COUNT_OF(objects)) == COUNT_OF(objects));
  thing_pool_release_many(&pool, objects, COUNT_OF(objects));
  return NULL;
}

static void thread_that_ends_leaves_nothing_stranded(void **state) {
  thing *objects[50];
  objpool_config config = defaults();
  (void)state;
  config.max_objects = COUNT_OF(objects);
  assert_true(thing_pool_init(&pool, &config));
  for (int round = 0; round < 20; round++) { /* whoever comes gets all there are, whoever had them before */
    in_another_thread(fill_own_cache, NULL);
    assert_int_equal(thing_pool_stats(&pool).idle, COUNT_OF(objects));
    assert_int_equal(thing_pool_acquire_many(&pool, objects, COUNT_OF(objects)), COUNT_OF(objects));
    assert_null(thing_pool_acquire(&pool));
    thing_pool_release_many(&pool, objects, COUNT_OF(objects));
  }
  assert_int_equal(thing_pool_stats(&pool).created, COUNT_OF(objects));
  end_pool(COUNT_OF(objects));
}

static void one_thread_after_another_needs_no_more_memory(void **state) {
  uint64_t memory;
  (void)state;
  for (int i = 0; i < 20; i++) in_another_thread(fill_own_cache, NULL);
  memory = thing_pool_stats(&pool).memory_bytes;
  for (int i = 0; i < SCALED(5000, 2000, 1000); i++) in_another_thread(fill_own_cache, NULL);
  assert_int_equal(thing_pool_stats(&pool).memory_bytes, memory);
  assert_int_equal(thing_pool_stats(&pool).created, 50); /* the successor finds what its forerunner left */
  end_pool(50);
}

/* More threads at once than have caches of their own. */
static void more_threads_than_have_caches_work_too(void **state) {
  enum { MOST = 1200 };
  static pthread_t threads[MOST];
  pthread_attr_t attributes;
  size_t count = OBJPOOL_MAX_THREADS + 20 < MOST ? OBJPOOL_MAX_THREADS + 20 : MOST;
  (void)state;
  if (SCALED(0, 0, 1) && count > 300) count = 300;
  assert_int_equal(pthread_barrier_init(&start_line, NULL, (unsigned)count), 0);
  assert_int_equal(pthread_attr_init(&attributes), 0);
  assert_int_equal(pthread_attr_setstacksize(&attributes, 256 * 1024), 0);
  for (size_t i = 0; i < count; i++)
    assert_int_equal(pthread_create(&threads[i], &attributes, acquire_and_release_a_few, (void *)(intptr_t)(i + 1)), 0);
  for (size_t i = 0; i < count; i++) join_thread(threads[i]);
  pthread_attr_destroy(&attributes);
  pthread_barrier_destroy(&start_line);
  assert_int_equal(thing_pool_stats(&pool).acquires, count * 100 * 5);
  end_pool(thing_pool_stats(&pool).created);
}

/* Thread-exit destructors of which some run before the pool's own and some after, and again and again as POSIX allows. */
static pthread_key_t early_key, late_key;
static long destructor_runs;

static void use_pool_in_destructor(pthread_key_t key, void *value) {
  intptr_t rounds_left = (intptr_t)value;
  thing *object = thing_pool_acquire(&pool), *other = thing_pool_try_acquire(&pool);
  CHECK(object);
  object->number = 1;
  object->check = 3;
  thing_pool_release(&pool, other);
  thing_pool_release(&pool, object);
  CHECK(thing_pool_stats(&pool).in_use < 1000);
  count_add(&destructor_runs, 1);
  if (rounds_left > 1) CHECK(pthread_setspecific(key, (void *)(rounds_left - 1)) == 0);
}
static void early_destructor(void *value) { use_pool_in_destructor(early_key, value); }
static void late_destructor(void *value) { use_pool_in_destructor(late_key, value); }

static void *leave_work_to_destructors(void *argument) {
  bool uses_before = argument != NULL;
  CHECK(pthread_setspecific(early_key, (void *)(intptr_t)3) == 0);
  CHECK(pthread_setspecific(late_key, (void *)(intptr_t)3) == 0);
  if (uses_before) (void)fill_own_cache(NULL); /* else the first use of all is in a destructor */
  return NULL;
}

static void every_call_works_in_thread_exit_destructors(void **state) {
  const long threads = SCALED(3000, 1500, 600);
  uint64_t memory;
  (void)state;
  /* early_key was made in main, before any pool was used. */
  thing_pool_release(&pool, thing_pool_acquire(&pool));
  assert_int_equal(pthread_key_create(&late_key, late_destructor), 0);
  count_set(&destructor_runs, 0);
  for (int i = 0; i < 10; i++) in_another_thread(leave_work_to_destructors, i % 2 ? (void *)&pool : NULL);
  memory = thing_pool_stats(&pool).memory_bytes;
  for (long i = 0; i < threads; i++) in_another_thread(leave_work_to_destructors, i % 2 ? (void *)&pool : NULL);
  assert_int_equal(count_read(&destructor_runs), (threads + 10) * 6);
  assert_int_equal(thing_pool_stats(&pool).memory_bytes, memory); /* no thread index leaked */
  assert_int_equal(thing_pool_stats(&pool).in_use, 0);
  end_pool(thing_pool_stats(&pool).idle);
  assert_int_equal(pthread_key_delete(late_key), 0);
}

/* Many threads on one pool, some of which trim, clear, resize and look, while the others work. */
static long stop_now;

static void *work_until_stopped(void *argument) {
  long id = (long)(intptr_t)argument;
  uint64_t seed = UINT64_C(0x9e3779b97f4a7c15) * (uint64_t)id;
  thing *mine[40];
  size_t have = 0;
  while (!count_read(&stop_now)) {
    for (int i = 0; i < 100; i++) {
      if (random_below(&seed, 2) && have < COUNT_OF(mine)) {
        thing *object = thing_pool_acquire(&pool);
        if (!object) continue;
        CHECK(object->owner == 0);
        object->owner = id;
        mine[have++] = object;
      } else if (have > 0) {
        size_t which = random_below(&seed, have);
        thing *object = mine[which];
        mine[which] = mine[--have];
        CHECK(object->owner == id);
        object->owner = 0;
        if (random_below(&seed, 50) == 0)
          thing_pool_discard(&pool, object);
        else
          thing_pool_release(&pool, object);
      }
    }
  }
  while (have > 0) {
    mine[--have]->owner = 0;
    thing_pool_release(&pool, mine[have]);
  }
  return NULL;
}

static void trim_clear_resize_and_statistics_run_beside_the_others(void **state) {
  enum { WORKERS = 4 };
  pthread_t threads[WORKERS];
  objpool_config config = defaults();
  uint64_t seed = 3;
  (void)state;
  config.max_idle = 80;
  config.max_objects = 120;
  assert_true(thing_pool_init(&pool, &config));
  count_set(&stop_now, 0);
  for (int i = 0; i < WORKERS; i++) threads[i] = start_thread(work_until_stopped, (void *)(intptr_t)(i + 1));
  for (int i = 0; i < SCALED(4000, 1000, 300); i++) {
    objpool_stats stats;
    switch (random_below(&seed, 6)) {
    case 0: (void)thing_pool_trim(&pool, random_below(&seed, 50)); break;
    case 1: (void)thing_pool_clear(&pool); break;
    case 2: assert_true(thing_pool_resize(&pool, 1 + random_below(&seed, 80), 80 + random_below(&seed, 80))); break;
    case 3: (void)thing_pool_warmup(&pool, random_below(&seed, 40)); break;
    case 4: thing_pool_reset_stats(&pool); break;
    default: stats = thing_pool_stats(&pool); assert_true(stats.in_use <= 4 * 40 && stats.idle <= 200);
    }
  }
  count_set(&stop_now, 1);
  for (int i = 0; i < WORKERS; i++) join_thread(threads[i]);
  assert_true(thing_pool_resize(&pool, 50, 60));
  assert_int_equal(thing_pool_stats(&pool).in_use, 0);
  assert_true(thing_pool_stats(&pool).idle <= 50);
  assert_int_equal(thing_pool_warmup(&pool, 1000) + thing_pool_trim(&pool, 0) > 0, 1);
  thing *all[60];
  for (size_t i = 0; i < COUNT_OF(all); i++) { /* nothing was lost: the whole cap can be had */
    all[i] = thing_pool_acquire(&pool);
    assert_non_null(all[i]);
  }
  assert_null(thing_pool_acquire(&pool));
  thing_pool_release_many(&pool, all, COUNT_OF(all));
  thing_pool_destroy(&pool);
}

static void *use_short_lived_pools(void *argument) {
  uint64_t seed = (uint64_t)(intptr_t)argument * 77;
  for (int i = 0; i < SCALED(3000, 1000, 300); i++) {
    thing_pool mine; /* again and again at the same address */
    thing *objects[20];
    size_t count = 1 + random_below(&seed, COUNT_OF(objects));
    memset(&mine, 0, sizeof mine);
    if (i % 2) CHECK(thing_pool_init(&mine, NULL));
    CHECK(thing_pool_acquire_many(&mine, objects, count) == count);
    thing_pool_release_many(&mine, objects, count);
    CHECK(thing_pool_stats(&mine).created == count);
    CHECK(thing_pool_clear(&mine) == count);
    thing_pool_destroy(&mine);
  }
  return NULL;
}

static void pools_come_and_go_in_many_threads_at_once(void **state) {
  enum { THREADS = 6 };
  pthread_t threads[THREADS];
  (void)state;
  for (int i = 0; i < THREADS; i++) threads[i] = start_thread(use_short_lived_pools, (void *)(intptr_t)(i + 1));
  for (int i = 0; i < THREADS; i++) join_thread(threads[i]);
}

static thing_pool fresh[200];
static void *use_fresh_pools_first(void *unused) {
  (void)unused;
  for (size_t i = 0; i < COUNT_OF(fresh); i++) {
    thing *object;
    pthread_barrier_wait(&start_line);
    object = thing_pool_acquire(&fresh[i]);
    CHECK(object);
    CHECK(object->owner == 0);
    object->owner = 1;
    pthread_barrier_wait(&start_line);
    object->owner = 0;
    thing_pool_release(&fresh[i], object);
  }
  return NULL;
}

static void zero_pool_may_be_used_first_by_many_threads_at_once(void **state) {
  enum { THREADS = 4 };
  pthread_t threads[THREADS];
  (void)state;
  assert_int_equal(pthread_barrier_init(&start_line, NULL, THREADS), 0);
  for (int i = 0; i < THREADS; i++) threads[i] = start_thread(use_fresh_pools_first, NULL);
  for (int i = 0; i < THREADS; i++) join_thread(threads[i]);
  pthread_barrier_destroy(&start_line);
  for (size_t i = 0; i < COUNT_OF(fresh); i++) {
    assert_int_equal(thing_pool_stats(&fresh[i]).acquires, THREADS);
    assert_int_equal(thing_pool_stats(&fresh[i]).created, THREADS);
    assert_int_equal(thing_pool_stats(&fresh[i]).idle, THREADS);
    thing_pool_destroy(&fresh[i]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_hundred_threads_acquire_and_release),
      cmocka_unit_test(what_one_thread_acquires_another_may_release),
      cmocka_unit_test(thread_that_ends_leaves_nothing_stranded),
      cmocka_unit_test(one_thread_after_another_needs_no_more_memory),
      cmocka_unit_test(more_threads_than_have_caches_work_too),
      cmocka_unit_test(every_call_works_in_thread_exit_destructors),
      cmocka_unit_test(trim_clear_resize_and_statistics_run_beside_the_others),
      cmocka_unit_test(pools_come_and_go_in_many_threads_at_once),
      cmocka_unit_test(zero_pool_may_be_used_first_by_many_threads_at_once),
  };
  if (pthread_key_create(&early_key, early_destructor) != 0) return 1;
  return cmocka_run_group_tests(tests, NULL, NULL);
}
