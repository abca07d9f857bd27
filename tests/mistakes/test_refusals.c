/* What is refused, is refused with the documented errno and changes nothing; what would overflow is out of memory,
   not a short block. */
#include "support.h"
#include <sys/mman.h>

#define OBJPOOL_PANIC(message) panic_seen(message)
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

typedef struct thing {
  long n;
} thing;

OBJPOOL_DEFINE(thing_pool, thing);
OBJPOOL_DEFINE(local_pool, thing, opt.local = true);

static void refused_with(int expected, const objpool_type *type, const objpool_config *config) {
  objpool pool;
  memset(&pool, 'x', sizeof pool);
  errno = 0;
  assert_false(objpool_init(&pool, type, config));
  assert_int_equal(errno, expected);
  assert_true(all_zero(&pool, sizeof pool));
}

static void types_that_cannot_be_are_refused(void **state) {
  objpool_type type;
  objpool pool;
  (void)state;
  memset(&type, 0, sizeof type);
  refused_with(EINVAL, NULL, NULL);
  type.alignment = 8;
  refused_with(EINVAL, &type, NULL); /* no size */
  type.size = 24;
  static const size_t alignments[] = {0, 3, 24, 8192, SIZE_MAX / 2 + 1};
  for (size_t i = 0; i < COUNT_OF(alignments); i++) {
    type.alignment = alignments[i];
    refused_with(EINVAL, &type, NULL);
  }
  type.alignment = 4096;
  assert_true(objpool_init(&pool, &type, NULL));
  objpool_destroy(&pool);
  static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 6, PTRDIFF_MAX, (size_t)PTRDIFF_MAX - 8191};
  for (size_t i = 0; i < COUNT_OF(sizes); i++) {
    type.size = sizes[i];
    refused_with(ENOMEM, &type, NULL);
  }
}

static void a_leak_policy_that_is_none_is_refused(void **state) {
  thing_pool pool;
  objpool_config config;
  const int none = 3;
  (void)state;
  memset(&config, 0, sizeof config);
  memcpy(&config.on_leak, &none, sizeof config.on_leak);
  errno = 0;
  assert_false(thing_pool_init(&pool, &config));
  assert_int_equal(errno, EINVAL);
}

/* An allocator that hands out at most a mebibyte at a time, and, once, address space that nobody will fill. */
static size_t lend_above; /* sizes above this come, once, from mmap: 0: none */
static size_t largest_asked;

static void *allocate(size_t size, size_t alignment, void *context) {
  void *memory = NULL;
  (void)context;
  if (size > largest_asked) largest_asked = size;
  if (lend_above && size > lend_above) {
    lend_above = 0;
    memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
  }
  return size <= 1 << 20 && posix_memalign(&memory, alignment, size) == 0 ? memory : NULL;
}

static void deallocate(void *memory, size_t size, size_t alignment, void *context) {
  (void)alignment, (void)context;
  if (size > 1 << 20)
    assert_int_equal(munmap(memory, size), 0);
  else
    free(memory);
}

static objpool_config growing_by(double factor) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.growth_factor = factor;
  config.allocator.allocate = allocate;
  config.allocator.deallocate = deallocate;
  largest_asked = 0;
  return config;
}

static void growth_beyond_all_memory_grows_by_what_fits(void **state) {
  static thing_pool pool;
  thing *objects[1000];
  (void)state;
  static const double factors[] = {1e3, 1e9, 1e17, 1e300};
  for (size_t i = 0; i < COUNT_OF(factors); i++) {
    objpool_config config = growing_by(factors[i]);
    assert_true(thing_pool_init(&pool, &config));
    assert_int_equal(thing_pool_acquire_many(&pool, objects, 1000), 1000);
    assert_true(largest_asked <= PTRDIFF_MAX); /* nobody is asked for what cannot be */
    for (size_t j = 0; j < 1000; j++) objects[j]->n = (long)j;
    for (size_t j = 0; j < 1000; j++) assert_int_equal(objects[j]->n, j);
    thing_pool_release_many(&pool, &objects[1], 999);
    thing_pool_clear(&pool); /* the first block stays, and the next grows from there */
    assert_int_equal(thing_pool_acquire_many(&pool, &objects[1], 999), 999);
    assert_true(largest_asked <= PTRDIFF_MAX);
    thing_pool_release_many(&pool, objects, 1000);
    thing_pool_destroy(&pool);
  }
}

static void a_block_whose_head_does_not_fit_is_no_block(void **state) {
  objpool pool;
  objpool_type type;
  void *objects[20];
  (void)state;
  memset(&type, 0, sizeof type);
  type.size = 64;
  type.alignment = 4096;
  /* the second block: as many cells of 4096 bytes as bytes can be counted, but no room for the page in front of them */
  objpool_config config = growing_by(((double)(SIZE_MAX / 4096) - 1) / 8);
  assert_true(objpool_init(&pool, &type, &config));
  assert_int_equal(objpool_acquire_many(&pool, objects, 20), 20);
  assert_true(largest_asked <= PTRDIFF_MAX);
  for (size_t i = 0; i < 20; i++) {
    assert_int_equal((uintptr_t)objects[i] % 4096, 0);
    memset(objects[i], (int)i, 64);
  }
  objpool_release_many(&pool, objects, 20);
  objpool_destroy(&pool);
}

static long created;
static bool create_a_few(thing *object, void *context) {
  (void)context;
  memset(object, 0, sizeof *object);
  return ++created <= 100; /* else a pool that tries it takes all the memory of the machine */
}
OBJPOOL_DEFINE(reluctant_pool, thing, opt.create = create_a_few);

static void a_warmup_beyond_all_memory_creates_none(void **state) {
  static const size_t impossible[] = {SIZE_MAX, PTRDIFF_MAX, PTRDIFF_MAX / sizeof(thing) + 1};
  reluctant_pool pool;
  (void)state;
  memset(&pool, 0, sizeof pool);
  created = 0;
  for (size_t i = 0; i < COUNT_OF(impossible); i++) {
    errno = 0;
    assert_int_equal(reluctant_pool_warmup(&pool, impossible[i]), 0);
    assert_int_equal(errno, ENOMEM);
  }
  assert_int_equal(created, 0);
  assert_int_equal(reluctant_pool_warmup(&pool, 5), 5); /* nor did it do harm */
  assert_true(reluctant_pool_resize(&pool, OBJPOOL_UNCHANGED, 7));
  assert_int_equal(reluctant_pool_warmup(&pool, SIZE_MAX), 2); /* to the cap */
  reluctant_pool_destroy(&pool);
}

static void more_objects_than_the_depot_counts_are_out_of_memory(void **state) {
  static thing_pool pool;
  thing *objects[100];
  (void)state;
  objpool_config config =
      growing_by((double)(20u << 20) / 16); /* a dozen first, then some twenty million: more than 24 bits count */
  config.cache_size = OBJPOOL_NO_CACHE;
  lend_above = (size_t)100 << 20;
  assert_true(thing_pool_init(&pool, &config));
  assert_int_equal(thing_pool_acquire_many(&pool, objects, 100), 100);
  assert_int_equal(lend_above, 0);                             /* the memory was there, … */
  assert_true(thing_pool_stats(&pool).memory_bytes < 8 << 20); /* … and was given back */
  thing_pool_release_many(&pool, objects, 100);
  assert_int_equal(thing_pool_stats(&pool).idle, 100);
  thing_pool_destroy(&pool);
}

static void a_block_beyond_the_cap_has_one_cell(void **state) {
  static thing_pool pool;
  thing *objects[64];
  (void)state;
  assert_int_equal(thing_pool_acquire_many(&pool, objects, 64), 64);
  assert_true(thing_pool_resize(&pool, 0, 10));
  /* as when threads hold cells, for a moment, that they took before the cap came down */
  size_t grown = 0, used = pool.base.state->blocks.used;
  pool.base.state->blocks.used = pool.base.state->blocks.cells;
  assert_true(objpool__grow(pool.base.state, &grown));
  pool.base.state->blocks.used = used;
  assert_int_equal(grown, 1);
  thing_pool_release_many(&pool, objects, 64);
  assert_int_equal(thing_pool_stats(&pool).idle, 10);
  thing_pool_destroy(&pool);
}

static void extract_from(void *pool, void *object) {
  thing value = thing_pool_extract((thing_pool *)pool, (thing *)object);
  (void)value;
}

static void extract_of_what_is_not_the_pools_panics_and_extracts_nothing(void **state) {
  static thing_pool pool, other;
  static jmp_buf unused;
  (void)state;
  thing_pool_release(&pool, thing_pool_acquire(&pool));
  assert_true(panics(extract_from, &pool, NULL));
  assert_non_null(strstr(panic_message, "pool 'thing_pool': extract of NULL"));
  thing *object = thing_pool_acquire(&other);
  assert_non_null(object);
  object->n = 3;
  panic_target = &unused;
  panic_returns = true;
  panic_count = 0;
  extract_from(&pool, object);
  panic_target = NULL;
  panic_returns = false;
  assert_int_equal(panic_count, 1);
  assert_non_null(strstr(panic_message, "belongs to another pool"));
  assert_int_equal(object->n, 3);
  assert_int_equal(thing_pool_stats(&pool).extracted, 0);
  assert_int_equal(thing_pool_stats(&pool).idle, 1);
  assert_int_equal(thing_pool_stats(&other).in_use, 1);
  thing_pool_release(&other, object);
  thing_pool_destroy(&other);
  thing_pool_destroy(&pool);
}

static void use_of(void *guard, void *by_ref) {
  if (by_ref)
    (void)thing_pool_guard_ref((const thing_pool_guard *)guard);
  else
    (void)thing_pool_guard_mut((thing_pool_guard *)guard);
}

static void a_guard_that_never_had_a_pool_panics_when_used(void **state) {
  thing_pool_guard guard;
  (void)state;
  memset(&guard, 0, sizeof guard);
  assert_true(panics(use_of, &guard, NULL));
  assert_non_null(strstr(panic_message, "pool 'thing_pool': used an empty guard"));
  assert_true(panics(use_of, &guard, &guard));
  assert_non_null(strstr(panic_message, "pool 'thing_pool': used an empty guard"));
}

static void with_runs_its_else_when_there_is_nothing(void **state) {
  static thing_pool pool;
  static local_pool local;
  objpool_config config;
  int without = 0;
  (void)state;
  memset(&config, 0, sizeof config);
  config.max_objects = 1;
  assert_true(thing_pool_init(&pool, &config));
  assert_true(local_pool_init(&local, &config));
  OBJPOOL_WITH(thing_pool, one, &pool) {
    one->n = 1;
    errno = 0;
    OBJPOOL_WITH(thing_pool, another, &pool) {
      assert_null(another);
    } else {
      assert_int_equal(errno, EAGAIN);
      without++;
    }
  } else {
    assert_true(false);
  }
  assert_int_equal(without, 1);
  assert_int_equal(thing_pool_stats(&pool).in_use, 0);
  thing_pool_destroy(&pool);
  local_pool_destroy(&local);
}

static void give_to(void *pool, void *object) { objpool_release((objpool *)pool, object); }
static void discard_to(void *pool, void *object) { objpool_discard((objpool *)pool, object); }

static void an_untouched_pool_takes_nothing_back(void **state) {
  static thing_pool pool, untouched;
  (void)state;
  thing *object = thing_pool_acquire(&pool);
  assert_non_null(object);
  assert_true(panics(give_to, &untouched, object));
  assert_non_null(strstr(panic_message, "given back to a pool that handed nothing out"));
  assert_true(panics(discard_to, &untouched, object));
  assert_non_null(strstr(panic_message, "given back to a pool that handed nothing out"));
  thing_pool_release(&pool, object);
  thing_pool_destroy(&pool);
}

static void what_lies_in_front_of_the_first_object_is_none(void **state) {
  static thing_pool pool;
  (void)state;
  thing *object = thing_pool_acquire(&pool);
  assert_non_null(object);
  objpool__block *block = pool.base.state->blocks.sorted[0];
  assert_true(panics(give_to, &pool, (void **)(void *)block + 1)); /* in the block, but not in a cell of it */
  assert_non_null(strstr(panic_message, "is not an object of this pool"));
  thing_pool_release(&pool, object);
  thing_pool_destroy(&pool);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(types_that_cannot_be_are_refused),
      cmocka_unit_test(a_leak_policy_that_is_none_is_refused),
      cmocka_unit_test(growth_beyond_all_memory_grows_by_what_fits),
      cmocka_unit_test(a_block_whose_head_does_not_fit_is_no_block),
      cmocka_unit_test(a_warmup_beyond_all_memory_creates_none),
      cmocka_unit_test(more_objects_than_the_depot_counts_are_out_of_memory),
      cmocka_unit_test(a_block_beyond_the_cap_has_one_cell),
      cmocka_unit_test(extract_of_what_is_not_the_pools_panics_and_extracts_nothing),
      cmocka_unit_test(a_guard_that_never_had_a_pool_panics_when_used),
      cmocka_unit_test(with_runs_its_else_when_there_is_nothing),
      cmocka_unit_test(an_untouched_pool_takes_nothing_back),
      cmocka_unit_test(what_lies_in_front_of_the_first_object_is_none),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
