/* Objects of every alignment up to 4096 and of every size lie where they must; sizes that overflow are out of memory. */
#include "support.h"

#include "objpool.h"

/* A type, a pool of it, and the test that its objects are aligned, whole and apart. */
#define DEFINE_ALIGNED(boundary)                                                                  \
  typedef struct aligned_##boundary {                                                             \
    __attribute__((aligned(boundary))) char first;                                                \
    char rest[2 * boundary - 1];                                                                  \
  } aligned_##boundary;                                                                           \
  OBJPOOL_DEFINE(pool_##boundary, aligned_##boundary);                                            \
  OBJPOOL_DEFINE(local_##boundary, aligned_##boundary, opt.local = true);                         \
  static void use_##boundary(void) {                                                              \
    static pool_##boundary pool;                                                                  \
    static local_##boundary local;                                                                \
    aligned_##boundary *objects[70];                                                              \
    for (size_t i = 0; i < COUNT_OF(objects); i++) {                                              \
      objects[i] = i % 2 ? pool_##boundary##_acquire(&pool) : local_##boundary##_acquire(&local); \
      assert_non_null(objects[i]);                                                                \
      assert_int_equal((uintptr_t)objects[i] % boundary, 0);                                      \
      memset((void *)objects[i], (int)i + 1, sizeof *objects[i]);                                 \
    }                                                                                             \
    for (size_t i = 0; i < COUNT_OF(objects); i++) {                                              \
      const unsigned char *bytes = (const unsigned char *)objects[i];                             \
      for (size_t k = 0; k < sizeof *objects[i]; k++) assert_int_equal(bytes[k], i + 1);          \
      if (i % 2)                                                                                  \
        pool_##boundary##_release(&pool, objects[i]);                                             \
      else                                                                                        \
        local_##boundary##_release(&local, objects[i]);                                           \
    }                                                                                             \
    assert_int_equal(pool_##boundary##_stats(&pool).object_size, sizeof(aligned_##boundary));     \
    pool_##boundary##_destroy(&pool);                                                             \
    local_##boundary##_destroy(&local);                                                           \
  }

DEFINE_ALIGNED(1)
DEFINE_ALIGNED(2)
DEFINE_ALIGNED(4)
DEFINE_ALIGNED(8)
DEFINE_ALIGNED(16)
DEFINE_ALIGNED(32)
DEFINE_ALIGNED(64)
DEFINE_ALIGNED(128)
DEFINE_ALIGNED(256)
DEFINE_ALIGNED(512)
DEFINE_ALIGNED(1024)
DEFINE_ALIGNED(2048)
DEFINE_ALIGNED(4096)

static void alignment_of_the_type_is_honoured(void **state) {
  (void)state;
  use_1(), use_2(), use_4(), use_8(), use_16(), use_32(), use_64(), use_128(), use_256(), use_512(), use_1024(),
      use_2048(), use_4096();
}

/* An allocator that aligns exactly as asked for and not a bit more, so that nobody can rely on more. */
static long live_blocks;
static void *allocate_exactly(size_t size, size_t alignment, void *context) {
  char *whole, *memory;
  (void)context;
  CHECK(alignment > 0 && (alignment & (alignment - 1)) == 0);
  if (size > SIZE_MAX >> 24) return NULL; /* more than there is: a sanitizer's malloc would end the program */
  whole = (char *)malloc(size + 2 * alignment + sizeof(void *) + alignment);
  if (!whole) return NULL;
  memory = whole + sizeof(void *);
  memory += (2 * alignment - (uintptr_t)memory % (2 * alignment)) + alignment; /* odd multiple of the alignment */
  CHECK((uintptr_t)memory % alignment == 0 && (uintptr_t)memory % (2 * alignment) != 0);
  memcpy(memory - sizeof(void *), &whole, sizeof whole);
  count_add(&live_blocks, 1);
  return memory;
}
static void deallocate_exactly(void *memory, size_t size, size_t alignment, void *context) {
  char *whole;
  (void)size, (void)alignment, (void)context;
  memcpy(&whole, (char *)memory - sizeof(void *), sizeof whole);
  count_add(&live_blocks, -1);
  free(whole);
}

static void every_size_and_alignment_fits_without_waste_or_overlap(void **state) {
  const size_t sizes[] = {1,  2,  3,  7,   8,   9,   15,   16,   17,   24,   31,
                          63, 64, 65, 100, 127, 128, 1000, 4095, 4096, 4097, 70000};
  objpool_config config;
  (void)state;
  memset(&config, 0, sizeof config);
  config.allocator.allocate = allocate_exactly;
  config.allocator.deallocate = deallocate_exactly;
  for (size_t s = 0; s < COUNT_OF(sizes); s++) {
    for (size_t alignment = 1; alignment <= 4096; alignment *= 2) {
      objpool pool;
      objpool_type type;
      unsigned char *objects[20];
      memset(&pool, 0, sizeof pool);
      memset(&type, 0, sizeof type);
      type.size = sizes[s];
      type.alignment = alignment;
      assert_true(objpool_init(&pool, &type, &config));
      for (size_t i = 0; i < COUNT_OF(objects); i++) {
        objects[i] = (unsigned char *)objpool_acquire(&pool);
        assert_non_null(objects[i]);
        assert_int_equal((uintptr_t)objects[i] % alignment, 0);
        memset(objects[i], (int)i + 1, type.size);
      }
      for (size_t i = 0; i < COUNT_OF(objects); i++) {
        assert_int_equal(objects[i][0], i + 1);
        assert_int_equal(objects[i][type.size / 2], i + 1);
        assert_int_equal(objects[i][type.size - 1], i + 1);
        objpool_release(&pool, objects[i]);
      }
      assert_int_equal(objpool_snapshot(&pool).object_size, sizes[s]);
      objpool_destroy(&pool);
      assert_int_equal(live_blocks, 0);
    }
  }
}

typedef struct huge {
  char bytes[48 << 20];
} huge;
OBJPOOL_DEFINE(huge_pool, huge);

static void huge_objects_are_pooled_like_any(void **state) {
  static huge_pool pool;
  huge *first, *second;
  (void)state;
  first = huge_pool_acquire(&pool);
  second = huge_pool_acquire(&pool);
  assert_true(first && second);
  first->bytes[0] = first->bytes[sizeof first->bytes - 1] = 1;
  second->bytes[0] = second->bytes[sizeof second->bytes - 1] = 2;
  assert_int_equal(first->bytes[0] + first->bytes[sizeof first->bytes - 1], 2);
  assert_true(huge_pool_stats(&pool).memory_bytes < 5 * sizeof(huge)); /* two objects do not take the memory of many */
  huge_pool_release(&pool, first);
  assert_ptr_equal(huge_pool_acquire(&pool), first);
  huge_pool_release(&pool, first);
  huge_pool_release(&pool, second);
  assert_int_equal(huge_pool_clear(&pool), 2);
  assert_true(huge_pool_stats(&pool).memory_bytes < sizeof(huge));
  huge_pool_destroy(&pool);
}

static void sizes_that_overflow_are_out_of_memory(void **state) {
  const size_t sizes[] = {SIZE_MAX,         SIZE_MAX - 1,      SIZE_MAX - 7,    SIZE_MAX - 8,
                          SIZE_MAX - 15,    SIZE_MAX - 64,     SIZE_MAX - 4096, SIZE_MAX / 2,
                          SIZE_MAX / 2 + 1, SIZE_MAX / 2 - 64, SIZE_MAX / 3,    SIZE_MAX / 16};
  objpool_config config;
  (void)state;
  memset(&config, 0, sizeof config);
  config.allocator.allocate = allocate_exactly; /* says no to what no memory can hold */
  config.allocator.deallocate = deallocate_exactly;
  for (size_t s = 0; s < COUNT_OF(sizes); s++) {
    for (size_t alignment = 1; alignment <= 4096; alignment *= 4096) {
      objpool pool;
      objpool_type type;
      memset(&pool, 0, sizeof pool);
      memset(&type, 0, sizeof type);
      type.size = sizes[s];
      type.alignment = alignment;
      errno = 0;
      if (objpool_init(&pool, &type, &config)) { /* noticed now or at the first object, but never missed */
        assert_null(objpool_acquire(&pool));
        assert_int_equal(errno, ENOMEM);
        assert_int_equal(objpool_warmup(&pool, 3), 0);
        objpool_destroy(&pool);
      } else {
        assert_int_equal(errno, ENOMEM);
      }
      assert_int_equal(live_blocks, 0);
    }
  }
}

static void counts_that_overflow_are_out_of_memory(void **state) {
  static pool_64 pool;
  aligned_64 *object;
  objpool_config config;
  (void)state;
  memset(&config, 0, sizeof config);
  config.growth_factor = 1e300; /* growth alone must not ask for a block that cannot be */
  config.cache_size = SIZE_MAX / 2;
  config.max_idle = config.max_objects = SIZE_MAX / 2;
  assert_true(pool_64_init(&pool, &config));
  for (int i = 0; i < 50; i++) {
    object = pool_64_acquire(&pool);
    assert_non_null(object);
    if (i % 2)
      pool_64_release(&pool, object);
    else
      pool_64_discard(&pool, object);
  }
  pool_64_destroy(&pool);
}

static void impossible_types_are_refused(void **state) {
  objpool pool;
  objpool_type type;
  (void)state;
  memset(&pool, 0, sizeof pool);
  memset(&type, 0, sizeof type);
  type.size = 24;
  type.alignment = 3; /* not a power of two */
  errno = 0;
  assert_false(objpool_init(&pool, &type, NULL));
  assert_int_equal(errno, EINVAL);
  type.alignment = 8;
  type.size = 0;
  errno = 0;
  assert_false(objpool_init(&pool, &type, NULL));
  assert_int_equal(errno, EINVAL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(alignment_of_the_type_is_honoured),
      cmocka_unit_test(every_size_and_alignment_fits_without_waste_or_overlap),
      cmocka_unit_test(huge_objects_are_pooled_like_any),
      cmocka_unit_test(sizes_that_overflow_are_out_of_memory),
      cmocka_unit_test(counts_that_overflow_are_out_of_memory),
      cmocka_unit_test(impossible_types_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
