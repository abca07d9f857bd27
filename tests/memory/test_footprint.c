/* What a pool of small objects costs its first user: every byte that it asks its allocator for, counted. */
#include "support.h"

#include <sys/resource.h>

#include "pools.h"

typedef struct thing {
  char text[64];
} thing;

typedef struct small {
  char text[16];
} small;

OBJPOOL_DEFINE(shared_pool, thing);
OBJPOOL_DEFINE(local_pool, thing, opt.local = true);
OBJPOOL_DEFINE(small_pool, small);
OBJPOOL_DEFINE(local_small_pool, small, opt.local = true);
OBJPOOL_DEFINE(named_small_pool, small, opt.handles = true);
OBJPOOL_DEFINE(local_named_small_pool, small, opt.local = true, opt.handles = true);

/* The figures are those of pointers of eight bytes; with narrower ones they are lower. */

/* All that is needed until the first object is there, and for its way back; bytes. */
#define FIRST_OBJECT(pool_type, most)                                             \
  do {                                                                            \
    static pool_type pool;                                                        \
    counted_memory memory;                                                        \
    objpool_config config = from_counted(&memory);                                \
    assert_true(pool_type##_init(&pool, &config));                                \
    thing *first = pool_type##_acquire(&pool);                                    \
    assert_non_null(first);                                                       \
    print_message("first object of a " #pool_type ": %zu bytes\n", memory.bytes); \
    assert_in_range(memory.bytes, sizeof(thing), (most));                         \
    assert_int_equal(pool_type##_stats(&pool).memory_bytes, memory.bytes);        \
    size_t before = memory.bytes;                                                 \
    pool_type##_release(&pool, first);                                            \
    assert_int_equal(memory.bytes, before);                                       \
    pool_type##_destroy(&pool);                                                   \
    assert_int_equal(memory.bytes, 0);                                            \
  } while (0)

static void first_object_of_a_shared_pool_costs_at_most_8_kib(void **state) {
  (void)state;
  FIRST_OBJECT(shared_pool, 8192);
}

static void first_object_of_a_local_pool_costs_at_most_2_kib(void **state) {
  (void)state;
  FIRST_OBJECT(local_pool, 2048);
}

enum { MANY = 10000 };

/* So many objects alive at once, from a pool without a limit; tenths of a byte each, for the pool and all it holds. */
#define MANY_OBJECTS(pool_type, tenths)                                                                                \
  do {                                                                                                                 \
    static pool_type pool;                                                                                             \
    static small *held[MANY];                                                                                          \
    counted_memory memory;                                                                                             \
    objpool_config config = from_counted(&memory);                                                                     \
    assert_true(pool_type##_init(&pool, &config));                                                                     \
    for (int i = 0; i < MANY; i++) assert_non_null(held[i] = pool_type##_acquire(&pool));                              \
    print_message("16 bytes in a " #pool_type ": %zu.%zu each\n", memory.bytes / MANY, memory.bytes * 10 / MANY % 10); \
    assert_in_range(memory.bytes, MANY * sizeof(small), (size_t)MANY * (tenths) / 10);                                 \
    size_t before = memory.bytes;                                                                                      \
    for (int i = 0; i < MANY; i++) pool_type##_release(&pool, held[i]);                                                \
    assert_int_equal(memory.bytes, before);                                                                            \
    pool_type##_destroy(&pool);                                                                                        \
  } while (0)

static void sixteen_bytes_cost_at_most_36_in_a_shared_pool_of_10000(void **state) {
  (void)state;
  MANY_OBJECTS(small_pool, 360);
}

static void sixteen_bytes_cost_at_most_35_in_a_local_pool_of_10000(void **state) {
  (void)state;
  MANY_OBJECTS(local_small_pool, 350);
}

/* So many objects come back for the first time: how often that waits for the system to give a page. */
#define PAGES_OF_A_RELEASE(pool_type, caches, reserved)                                            \
  do {                                                                                             \
    static pool_type pool;                                                                         \
    static small *held[LOTS];                                                                      \
    objpool_config config = defaults();                                                            \
    struct rusage before, after;                                                                   \
    config.cache_size = (caches);                                                                  \
    config.reserve = (reserved);                                                                   \
    assert_true(pool_type##_init(&pool, &config));                                                 \
    for (int i = 0; i < LOTS; i++) assert_non_null(held[i] = pool_type##_acquire(&pool));          \
    assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);                                          \
    for (int i = 0; i < LOTS; i++) pool_type##_release(&pool, held[i]);                            \
    assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);                                           \
    print_message("100,000 releases to a " #pool_type ", with " #caches " in caches: %ld pages\n", \
                  after.ru_minflt - before.ru_minflt);                                             \
    assert_in_range(after.ru_minflt - before.ru_minflt, 0, 20);                                    \
    pool_type##_destroy(&pool);                                                                    \
  } while (0)

static void first_release_of_each_object_waits_for_no_page_after_a_reserve_or_with_handles(void **state) {
  enum { LOTS = 100000 };
  (void)state;
#if THREAD_SANITIZED || ADDRESS_SANITIZED || !defined(__linux__)
  skip(); /* the pages of a sanitizer's shadow would count, too */
#else
  PAGES_OF_A_RELEASE(small_pool, 0, LOTS);
  PAGES_OF_A_RELEASE(small_pool, OBJPOOL_NO_CACHE, LOTS);
  PAGES_OF_A_RELEASE(local_small_pool, 0, LOTS);
  PAGES_OF_A_RELEASE(named_small_pool, 0, 0);
  PAGES_OF_A_RELEASE(named_small_pool, OBJPOOL_NO_CACHE, 0);
  PAGES_OF_A_RELEASE(local_named_small_pool, 0, 0);
#endif
}

/* Threads stand in one place after the other, and stay. */
enum { EARLY = 8, THREADS = 60, BURST = 200 };

static shared_pool crowded;
static gate end;
static long came;

static void *take_and_discard(void *argument) {
  (void)argument;
  thing *mine = shared_pool_acquire(&crowded);
  CHECK(mine);
  shared_pool_discard(&crowded, mine); /* released, they would fill a magazine in the end */
  count_add(&came, 1);
  gate_wait(&end);
  return NULL;
}

/* Leaves an empty magazine beside the one it works in, and no object. */
static void *come_early(void *argument) {
  thing *mine[BURST];
  for (int round = 0; round < 2; round++) {
    for (int i = 0; i < BURST; i++) CHECK((mine[i] = shared_pool_acquire(&crowded)) != NULL);
    for (int i = 0; i < BURST && !round; i++) shared_pool_release(&crowded, mine[i]);
  }
  for (int i = 0; i < BURST; i++) shared_pool_discard(&crowded, mine[i]);
  return take_and_discard(argument);
}

/* A thread has one magazine as long as all objects of the pool fit one, and then two; those who come when that is over need
   theirs beside them. */
static void threads_that_come_after_a_pool_shrank_find_their_magazines(void **state) {
  pthread_t threads[THREADS];
  (void)state;
  gate_make(&end);
  for (long i = 0; i < THREADS; i++) {
    threads[i] = start_thread(i < EARLY ? come_early : take_and_discard, NULL);
    WAIT_UNTIL(count_read(&came) == i + 1);
    if (i == EARLY - 1) shared_pool_trim(&crowded, 0);
  }
  assert_int_equal(shared_pool_stats(&crowded).in_use, 0);
  for (int i = 0; i < THREADS; i++) gate_open(&end);
  for (int i = 0; i < THREADS; i++) join_thread(threads[i]);
  shared_pool_destroy(&crowded);
  gate_close(&end);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(first_object_of_a_shared_pool_costs_at_most_8_kib),
      cmocka_unit_test(first_object_of_a_local_pool_costs_at_most_2_kib),
      cmocka_unit_test(sixteen_bytes_cost_at_most_36_in_a_shared_pool_of_10000),
      cmocka_unit_test(sixteen_bytes_cost_at_most_35_in_a_local_pool_of_10000),
      cmocka_unit_test(first_release_of_each_object_waits_for_no_page_after_a_reserve_or_with_handles),
      cmocka_unit_test(threads_that_come_after_a_pool_shrank_find_their_magazines),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
