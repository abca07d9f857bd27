/* A reserve: init asks the allocator once, and until that many objects are alive nothing asks it again. memory_for says how much
   an arena must have, that takes nothing back, for everything a pool with a cap will ever ask for. */
#include "support.h"

#include "pools.h"

typedef struct small {
  char byte;
} small;

typedef struct middling {
  long words[8];
} middling;

typedef struct large {
  long words[700];
} large;

typedef struct aligned {
  char __attribute__((__aligned__(256))) bytes[300];
} aligned;

OBJPOOL_DEFINE(small_pool, small);
OBJPOOL_DEFINE(middling_pool, middling);
OBJPOOL_DEFINE(large_pool, large);
OBJPOOL_DEFINE(aligned_pool, aligned);
OBJPOOL_DEFINE(wiping_pool, middling, opt.wipe = true);
OBJPOOL_DEFINE(local_pool, middling, opt.local = true);
OBJPOOL_DEFINE(local_aligned_pool, aligned, opt.local = true);
OBJPOOL_DEFINE(handle_pool, middling, opt.handles = true);
OBJPOOL_DEFINE(local_handle_pool, middling, opt.handles = true, opt.local = true);

/* An arena that takes nothing back, or without memory a book of what malloc gave. */
typedef struct arena {
  char *memory;
  size_t size, used, calls, held, refused;
} arena;

static void *arena_allocate(size_t size, size_t alignment, void *context) {
  arena *from = (arena *)context;
  from->calls++;
  from->held += size;
  if (!from->memory) {
    void *memory = NULL;
    if (posix_memalign(&memory, alignment < sizeof memory ? sizeof memory : alignment, size)) return NULL;
    memset(memory, 0xdb, size);
    return memory;
  }
  size_t at = (from->used + ((0 - ((uintptr_t)from->memory + from->used)) & (alignment - 1)));
  if (at > from->size || size > from->size - at) {
    from->refused++;
    return NULL;
  }
  from->used = at + size;
  memset(from->memory + at, 0xdb, size);
  return from->memory + at;
}

static void arena_deallocate(void *memory, size_t size, size_t alignment, void *context) {
  arena *from = (arena *)context;
  (void)alignment;
  from->held -= size;
  if (!from->memory) free(memory);
}

static objpool_config config_of(arena *from, size_t reserve) {
  objpool_config config = defaults();
  config.reserve = reserve;
  config.allocator.allocate = arena_allocate;
  config.allocator.deallocate = arena_deallocate;
  config.allocator.context = from;
  return config;
}

/* Pools of each kind by the functions without the type. */
typedef struct kind {
  const char *name;
  bool (*init)(void *pool, const objpool_config *config);
  size_t (*memory_for)(size_t objects, size_t threads);
} kind;

#define KIND(P)                                                                                          \
  static bool init_##P(void *pool, const objpool_config *config) { return P##_init((P *)pool, config); } \
  static size_t memory_for_##P(size_t objects, size_t threads) { return P##_memory_for(objects, threads); }
KIND(small_pool)
KIND(middling_pool)
KIND(large_pool)
KIND(aligned_pool)
KIND(wiping_pool)
KIND(local_pool)
KIND(local_aligned_pool)
KIND(handle_pool)
KIND(local_handle_pool)

#define ROW(P) \
  { #P, init_##P, memory_for_##P }
static const kind kinds[] = {ROW(small_pool),         ROW(middling_pool), ROW(large_pool),
                             ROW(aligned_pool),       ROW(wiping_pool),   ROW(local_pool),
                             ROW(local_aligned_pool), ROW(handle_pool),   ROW(local_handle_pool)};

static const size_t cache_sizes[] = {0, OBJPOOL_NO_CACHE, 2, 16, 128};
static objpool pool; /* every typed pool is one */

static void *objects[100000];

static void take_and_give(size_t count) {
  for (size_t i = 0; i < count; i++) CHECK((objects[i] = objpool_acquire(&pool)) != NULL);
  for (size_t i = 0; i < count; i++) objpool_release(&pool, objects[i]);
}

static void init_asks_once_and_nothing_asks_again(void **state) {
  const size_t counts[] = {1, 2, 7, 64, 65, 1000, 5000};
  (void)state;
  for (size_t k = 0; k < COUNT_OF(kinds); k++)
    for (size_t c = 0; c < COUNT_OF(cache_sizes); c++)
      for (size_t n = 0; n < COUNT_OF(counts); n++)
        for (int capped = 0; capped < 2; capped++) {
          arena book = {NULL, 0, 0, 0, 0, 0};
          objpool_config config = config_of(&book, counts[n]);
          config.cache_size = cache_sizes[c];
          config.name = "reserved";
          if (capped) config.max_objects = counts[n];
          if (!kinds[k].init(&pool, &config)) fail_msg("%s of %zu: %s", kinds[k].name, counts[n], strerror(errno));
          if (book.calls != 1)
            fail_msg("%s of %zu, cache_size %zu: init made %zu allocations", kinds[k].name, counts[n],
                     config.cache_size, book.calls);
          assert_int_equal(objpool_snapshot(&pool).memory_bytes, book.held);
          for (int turn = 0; turn < 3; turn++) {
            take_and_give(counts[n]);
            if (turn == 1) objpool_clear(&pool);
          }
          objpool_trim(&pool, 0);
          objpool_maintain(&pool);
          take_and_give(counts[n]);
          if (book.calls != 1)
            fail_msg("%s of %zu, cache_size %zu, cap %d: %zu allocations", kinds[k].name, counts[n], config.cache_size,
                     capped, book.calls);
          assert_int_equal(objpool_snapshot(&pool).memory_bytes, book.held);
          objpool_destroy(&pool);
          assert_int_equal(book.held, 0);
        }
}

static void more_than_the_reserve_comes_from_the_allocator_and_goes_back(void **state) {
  (void)state;
  for (size_t k = 0; k < COUNT_OF(kinds); k++) {
    arena book = {NULL, 0, 0, 0, 0, 0};
    objpool_config config = config_of(&book, 100);
    assert_true(kinds[k].init(&pool, &config));
    size_t reserved = book.held;
    take_and_give(1000);
    assert_true(book.calls > 1);
    assert_int_equal(objpool_snapshot(&pool).memory_bytes, book.held);
    size_t most = book.held;
    objpool_clear(&pool);
    assert_true(book.held < most); /* the blocks that came later, but not the reserve */
    assert_true(book.held >= reserved);
    assert_int_equal(objpool_snapshot(&pool).memory_bytes, book.held);
    size_t calls = book.calls;
    take_and_give(100);
    assert_int_equal(book.calls, calls);
    objpool_destroy(&pool);
    assert_int_equal(book.held, 0);
  }
}

static void the_next_block_is_larger_than_the_reserve(void **state) {
  (void)state;
  arena book = {NULL, 0, 0, 0, 0, 0};
  objpool_config config = config_of(&book, 1000);
  assert_true(init_middling_pool(&pool, &config));
  size_t reserved = book.held;
  take_and_give(1001);
  assert_true(book.held - reserved > 1000 * sizeof(middling));
  objpool_destroy(&pool);
}

/* A thread that holds one object, and might keep others for itself. */
typedef struct holder {
  gate holds, ends;
} holder;

static void *holds_one(void *argument) {
  const holder *mine = (const holder *)argument;
  void *one = objpool_acquire(&pool);
  CHECK(one != NULL);
  gate_open(&mine->holds);
  gate_wait(&mine->ends);
  objpool_release(&pool, one);
  return NULL;
}

static void no_thread_keeps_cells_of_the_reserve_for_itself(void **state) {
  (void)state;
  arena book = {NULL, 0, 0, 0, 0, 0};
  objpool_config config = config_of(&book, 100);
  holder other;
  gate_make(&other.holds);
  gate_make(&other.ends);
  assert_true(init_middling_pool(&pool, &config));
  pthread_t thread = start_thread(holds_one, &other);
  gate_wait(&other.holds);
  size_t calls = book.calls; /* a slot for the thread */
  take_and_give(99);
  assert_int_equal(book.calls, calls);
  gate_open(&other.ends);
  join_thread(thread);
  gate_close(&other.holds);
  gate_close(&other.ends);
  objpool_destroy(&pool);
}

static void the_reserve_of_the_c_library_is_zeroed_memory(void **state) {
  objpool_config config = defaults();
  static middling_pool plain;
  (void)state;
  config.reserve = 100;
  assert_true(middling_pool_init(&plain, &config));
  for (int turn = 0; turn < 2; turn++) {
    middling *taken[100];
    for (int i = 0; i < 100; i++) {
      assert_non_null(taken[i] = middling_pool_acquire(&plain));
      assert_true(all_zero(taken[i], sizeof *taken[i]));
      memset(taken[i], 0xff, sizeof *taken[i]);
    }
    for (int i = 0; i < 100; i++) middling_pool_release(&plain, taken[i]);
    middling_pool_clear(&plain);
  }
  middling_pool_destroy(&plain);
}

static void what_cannot_be_had_is_refused(void **state) {
  (void)state;
  arena none = {(char *)objects, 0, 0, 0, 0, 0}; /* an arena of no bytes */
  objpool_config config = config_of(&none, 10);
  errno = 0;
  assert_false(init_middling_pool(&pool, &config));
  assert_int_equal(errno, ENOMEM);
  assert_true(all_zero(&pool, sizeof pool));
  config.reserve = SIZE_MAX / 3; /* more than there can be: the allocator is not even asked */
  errno = 0;
  assert_false(init_middling_pool(&pool, &config));
  assert_int_equal(errno, ENOMEM);
  config.reserve = 10;
  config.growth_factor = 0.5;
  assert_false(init_middling_pool(&pool, &config));
  assert_int_equal(errno, EINVAL);
  assert_int_equal(none.calls, 1);
  assert_true(middling_pool_memory_for(SIZE_MAX / 3, 1) == SIZE_MAX);
  assert_true(middling_pool_memory_for(PTRDIFF_MAX / 72, 1) == SIZE_MAX);
  assert_true(handle_pool_memory_for(PTRDIFF_MAX / 100, 1) == SIZE_MAX);
  assert_int_equal(middling_pool_memory_for(1000, 0), middling_pool_memory_for(1000, 1));
  assert_int_equal(middling_pool_memory_for(1000, SIZE_MAX), middling_pool_memory_for(1000, OBJPOOL_MAX_THREADS));
  assert_true(middling_pool_memory_for(1000, SIZE_MAX) > middling_pool_memory_for(1000, 4));
  assert_int_equal(local_pool_memory_for(1000, 16), local_pool_memory_for(1000, 1)); /* one at a time */
  objpool_type odd;
  memset(&odd, 0, sizeof odd);
  errno = 0;
  assert_int_equal(objpool_memory_for(&odd, 10, 1), 0);
  assert_int_equal(errno, EINVAL);
}

static void a_name_that_is_taken_gives_the_reserve_back(void **state) {
  arena book = {NULL, 0, 0, 0, 0, 0};
  objpool_config config = config_of(&book, 10);
  static middling_pool first;
  (void)state;
  config.name = "taken";
  assert_true(middling_pool_init(&first, &config));
  size_t held = book.held;
  assert_false(init_middling_pool(&pool, &config));
  assert_int_equal(errno, EEXIST);
  assert_int_equal(book.held, held);
  middling_pool_destroy(&first);
  assert_int_equal(book.held, 0);
}

/* Each thread takes and gives some, while the others keep the rest; all are there at once, so that each has a slot. */
typedef struct shift {
  size_t each;
  pthread_barrier_t *all;
} shift;

static void *works(void *argument) {
  const shift *mine = (const shift *)argument;
  void *held[64];
  for (int turn = 0; turn < 30; turn++) {
    for (size_t i = 0; i < mine->each; i++) CHECK((held[i] = objpool_acquire_for(&pool, -1)) != NULL);
    if (turn == 0) pthread_barrier_wait(mine->all);
    for (size_t i = 0; i < mine->each; i++) objpool_release(&pool, held[i]);
    if (turn % 8 == 7) objpool_trim(&pool, 1);
  }
  pthread_barrier_wait(mine->all); /* nobody's index goes to another */
  return NULL;
}

static void an_arena_of_that_size_never_runs_out(void **state) {
  const size_t counts[] = {1, 3, 16, 64, 65, 100, 1000}, threads[] = {1, 2, 5, 16};
  (void)state;
  for (size_t k = 0; k < COUNT_OF(kinds); k++)
    for (size_t c = 0; c < COUNT_OF(cache_sizes); c++)
      for (size_t n = 0; n < COUNT_OF(counts); n++)
        for (size_t t = 0; t < COUNT_OF(threads); t++) {
          size_t count = counts[n], crowd = strncmp(kinds[k].name, "local", 5) ? threads[t] : 1;
          arena from = {NULL, kinds[k].memory_for(count, crowd), 0, 0, 0, 0};
          char *whole = (char *)malloc(from.size + 4096 + 16);
          assert_non_null(whole);
          from.memory = whole + ((16 - (uintptr_t)whole) & 4095); /* aligned to 16, and to no more */
          objpool_config config = config_of(&from, count);
          config.max_objects = count;
          config.cache_size = cache_sizes[c];
          if (!kinds[k].init(&pool, &config))
            fail_msg("%s of %zu, cache_size %zu, %zu threads: %s", kinds[k].name, count, config.cache_size, crowd,
                     strerror(errno));
          take_and_give(count);
          objpool_maintain(&pool);
          if (crowd > 1) {
            pthread_t others[16];
            pthread_barrier_t all;
            shift each = {count / crowd < 64 ? count / crowd : 64, &all};
            pthread_barrier_init(&all, NULL, (unsigned)crowd - 1);
            for (size_t i = 0; i + 1 < crowd; i++) others[i] = start_thread(works, &each);
            for (size_t i = 0; i + 1 < crowd; i++) join_thread(others[i]);
            pthread_barrier_destroy(&all);
          }
          objpool_clear(&pool);
          assert_int_equal(objpool_warmup(&pool, count), count);
          assert_int_equal(objpool_acquire_many(&pool, objects, count), count);
          assert_null(objpool_acquire(&pool));
          assert_int_equal(errno, EAGAIN);
          objpool_release_many(&pool, objects, count);
          if (from.refused)
            fail_msg("%s of %zu, cache_size %zu, %zu threads: refused %zu times", kinds[k].name, count,
                     config.cache_size, crowd, from.refused);
          objpool_destroy(&pool);
          free(whole);
        }
}

static void a_cap_costs_little_more_than_its_objects(void **state) {
  (void)state;
  size_t bytes = middling_pool_memory_for(10000, 1), least = 10000 * (sizeof(middling) + sizeof(uint64_t));
  assert_true(bytes > least);
  assert_true(bytes < least + least / 2);
  assert_true(middling_pool_memory_for(10000, 2) > bytes);
  assert_true(local_pool_memory_for(10000, 1) < bytes);
  assert_int_equal(local_pool_memory_for(10000, 2), local_pool_memory_for(10000, 1));
}

static void a_thread_costs_little_more_than_its_slot(void **state) {
  (void)state;
  assert_true(middling_pool_memory_for(1000, 128) < middling_pool_memory_for(1000, 1) + 127 * 4096);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(init_asks_once_and_nothing_asks_again),
      cmocka_unit_test(more_than_the_reserve_comes_from_the_allocator_and_goes_back),
      cmocka_unit_test(the_next_block_is_larger_than_the_reserve),
      cmocka_unit_test(no_thread_keeps_cells_of_the_reserve_for_itself),
      cmocka_unit_test(the_reserve_of_the_c_library_is_zeroed_memory),
      cmocka_unit_test(what_cannot_be_had_is_refused),
      cmocka_unit_test(a_name_that_is_taken_gives_the_reserve_back),
      cmocka_unit_test(an_arena_of_that_size_never_runs_out),
      cmocka_unit_test(a_cap_costs_little_more_than_its_objects),
      cmocka_unit_test(a_thread_costs_little_more_than_its_slot),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
