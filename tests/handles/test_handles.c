/* Handles: a use is named once and for all. Neither what was given back, nor what never was, nor what another pool handed out is
   found, whatever is trimmed, and of two who end a use one wins. */
#include "support.h"

#include <sched.h>
#include <sys/mman.h>

#define OBJPOOL_IMPLEMENTATION
#define OBJPOOL_PANIC(message) panic_seen(message)
#include "thing.h"

enum { MANY = 400 };

OBJPOOL_DEFINE(shared_pool, thing, opt.handles = true);
OBJPOOL_DEFINE(local_pool, thing, opt.handles = true, opt.local = true);
OBJPOOL_DEFINE(plain_pool, thing);

static bool is_valid = true;
static bool validate(thing *object, void *context) {
  (void)object, (void)context;
  return is_valid;
}
static void reset(thing *object, void *context) {
  (void)context;
  object->owner = 0;
  errno = EDOM;
}
OBJPOOL_DEFINE(hooked_pool, thing, opt.handles = true, opt.validate = validate, opt.reset = reset);
OBJPOOL_DEFINE(hooked_local_pool, thing, opt.handles = true, opt.local = true, opt.validate = validate, opt.reset = reset);
OBJPOOL_DEFINE(wiping_pool, thing, opt.handles = true, opt.wipe = true);

/* The generation of an object in use. */
static uint32_t *generation_of(const objpool *pool, const void *object) {
  return objpool__generation_of(object, pool->state->alone);
}

static objpool_config config_of(int variant) {
  objpool_config config = defaults();
  if (variant == 1) config.cache_size = OBJPOOL_NO_CACHE;
  if (variant == 2) config.max_objects = 40;
  if (variant == 3) config.growth_factor = 1.0;
  return config;
}
enum { VARIANTS = 4 };

#define HANDLE_TESTS(P)                                                                             \
  static void P##_finds_a_use_while_it_lasts(void **state) {                                        \
    (void)state;                                                                                    \
    for (int variant = 0; variant < VARIANTS; variant++) {                                          \
      static P pool;                                                                                \
      static P##_handle handles[MANY];                                                              \
      static thing *objects[MANY];                                                                  \
      const P##_handle zero = {0, 0};                                                               \
      objpool_config config = config_of(variant);                                                   \
      size_t many = config.max_objects ? config.max_objects : (size_t)MANY;                         \
      assert_null(P##_get(&pool, zero));                                                            \
      assert_false(P##_release_handle(&pool, zero));                                                \
      assert_true(P##_init(&pool, &config));                                                        \
      assert_null(P##_get(&pool, zero));                                                            \
      for (unsigned round = 0; round < 5; round++) {                                                \
        for (size_t i = 0; i < many; i++) {                                                         \
          assert_non_null(objects[i] = P##_acquire(&pool));                                         \
          P##_handle handle = P##_handle_of(&pool, objects[i]);                                     \
          assert_null(P##_get(&pool, handles[i])); /* of the round before */                        \
          assert_true(handle.generation != 0);                                                      \
          assert_true(handle.index < 2 * many + 64);                                                \
          handles[i] = handle;                                                                      \
        }                                                                                           \
        assert_null(P##_get(&pool, zero));                                                          \
        for (size_t i = 0; i < many; i++) {                                                         \
          assert_ptr_equal(P##_get(&pool, handles[i]), objects[i]);                                 \
          for (uint32_t near = 1; near < 5; near++) {                                               \
            P##_handle other = handles[i];                                                          \
            other.generation += near;                                                               \
            assert_null(P##_get(&pool, other));                                                     \
            other.generation -= 2 * near;                                                           \
            assert_null(P##_get(&pool, other));                                                     \
            assert_false(P##_release_handle(&pool, other));                                         \
          }                                                                                         \
        }                                                                                           \
        for (size_t i = 0; i < many; i++) {                                                         \
          if (i % 3 == 0)                                                                           \
            P##_release(&pool, objects[i]);                                                         \
          else if (i % 3 == 1)                                                                      \
            assert_true(P##_release_handle(&pool, handles[i]));                                     \
          else                                                                                      \
            P##_discard(&pool, objects[i]);                                                         \
          for (uint32_t near = 0; near < 5; near++) {                                               \
            P##_handle other = handles[i];                                                          \
            other.generation += near;                                                               \
            assert_null(P##_get(&pool, other)); /* what will be is not yet */                       \
            assert_false(P##_release_handle(&pool, other));                                         \
          }                                                                                         \
        }                                                                                           \
        objpool_stats stats = P##_stats(&pool);                                                     \
        counts_add_up(&stats);                                                                      \
        assert_int_equal(stats.in_use, 0);                                                          \
        if (round % 2) P##_clear(&pool);                                                            \
        for (size_t i = 0; i < many; i++) assert_null(P##_get(&pool, handles[i]));                  \
      }                                                                                             \
      P##_destroy(&pool);                                                                           \
      assert_null(P##_get(&pool, handles[0]));                                                      \
    }                                                                                               \
  }                                                                                                 \
  static void P##_random_handles_name_nothing(void **state) {                                       \
    (void)state;                                                                                    \
    static P pool, other;                                                                           \
    static thing *objects[MANY];                                                                    \
    uint64_t seed = 7;                                                                              \
    for (size_t i = 0; i < MANY; i++) {                                                             \
      assert_non_null(objects[i] = P##_acquire(&pool));                                             \
      if (i % 4) assert_non_null(P##_acquire(&other));                                              \
    }                                                                                               \
    for (size_t i = 0; i < MANY; i += 2) P##_release(&pool, objects[i]);                            \
    for (long i = 0; i < SCALED(2000000, 300000, 100000); i++) {                                    \
      uint64_t bits = random_next(&seed);                                                           \
      P##_handle handle = {(uint32_t)bits, (uint32_t)(bits >> 32)};                                 \
      if (i % 2) handle.index %= 1024;                                                              \
      if (i % 4 == 3) handle.generation = handle.generation % 4 | handle.generation >> 31 << 31;    \
      thing *object = P##_get(&pool, handle);                                                       \
      if (object) { /* then it is just that one's */                                                \
        P##_handle own = P##_handle_of(&pool, object);                                              \
        assert_true(own.index == handle.index && own.generation == handle.generation);              \
      }                                                                                             \
    }                                                                                               \
    assert_int_equal(P##_stats(&pool).in_use, MANY / 2);                                            \
    P##_release_all(&pool);                                                                         \
    P##_release_all(&other);                                                                        \
    P##_destroy(&pool);                                                                             \
    P##_destroy(&other);                                                                            \
  }                                                                                                 \
  static void P##_places_retire_when_they_are_used_up(void **state) {                               \
    (void)state;                                                                                    \
    static P pool;                                                                                  \
    thing *object = P##_acquire(&pool);                                                             \
    assert_non_null(object);                                                                        \
    P##_handle first = P##_handle_of(&pool, object);                                                \
    *generation_of(&pool.base, object) = UINT32_MAX - 1; /* as after almost 2^31 uses */               \
    P##_handle late = P##_handle_of(&pool, object);                                                 \
    assert_ptr_equal(P##_get(&pool, late), object);                                                 \
    P##_release(&pool, object);                                                                     \
    assert_int_equal(P##_stats(&pool).retired, 0);                                                  \
    assert_ptr_equal(P##_acquire(&pool), object); /* the last use */                                \
    P##_handle last = P##_handle_of(&pool, object);                                                 \
    assert_int_equal(last.index, first.index);                                                      \
    errno = E2BIG;                                                                                  \
    assert_true(P##_release_handle(&pool, last));                                                   \
    assert_int_equal(errno, E2BIG); /* whatever its hooks make of it */                             \
    assert_int_equal(P##_stats(&pool).retired, 1);                                                  \
    thing *gone = object; /* with its index: neither comes again */                                 \
    assert_int_equal(P##_stats(&pool).destroyed, 1);                                                \
    object = P##_acquire(&pool);                                                                    \
    assert_non_null(object);                                                                        \
    assert_ptr_not_equal(object, gone);                                                             \
    P##_handle next = P##_handle_of(&pool, object);                                                 \
    assert_int_not_equal(next.index, first.index);                                                  \
    assert_null(P##_get(&pool, first));                                                             \
    assert_null(P##_get(&pool, late));                                                              \
    assert_null(P##_get(&pool, last));                                                              \
    assert_ptr_equal(P##_get(&pool, next), object);                                                 \
    *generation_of(&pool.base, object) = UINT32_MAX; /* the last use again, ended by a discard */      \
    P##_discard(&pool, object);                                                                     \
    object = P##_acquire(&pool);                                                                    \
    assert_non_null(object);                                                                        \
    assert_int_equal(P##_stats(&pool).retired, 2);                                                  \
    assert_true(P##_handle_of(&pool, object).index != next.index);                                  \
    assert_non_null(P##_acquire(&pool)); /* so that the block stays */                              \
    *generation_of(&pool.base, object) = UINT32_MAX - 1;                                               \
    next = P##_handle_of(&pool, object);                                                            \
    P##_release(&pool, object);                                                                     \
    assert_int_equal(P##_clear(&pool), 1);                                                          \
    assert_int_equal(P##_warmup(&pool, 99), 100); /* one in that cell: its last use, if nobody's */ \
    assert_int_equal(P##_stats(&pool).retired, 3);                                                  \
    assert_int_equal(P##_stats(&pool).idle, 99);                                                    \
    for (int i = 0; i < 99; i++) {                                                                  \
      object = P##_acquire(&pool);                                                                  \
      assert_non_null(object);                                                                      \
      assert_ptr_not_equal(object, gone);                                                           \
      assert_true(P##_handle_of(&pool, object).index != next.index);                                \
      assert_true(P##_handle_of(&pool, object).index != first.index);                               \
    }                                                                                               \
    assert_int_equal(P##_release_all(&pool), 100);                                                  \
    size_t most = P##_stats(&pool).memory_bytes;                                                    \
    assert_int_equal(P##_clear(&pool), 100); /* blocks with retired cells go, too */                \
    assert_true(P##_stats(&pool).memory_bytes < most);                                              \
    assert_int_equal(P##_warmup(&pool, 99), 99);                                                    \
    for (int i = 0; i < 99; i++) {                                                                  \
      object = P##_acquire(&pool);                                                                  \
      assert_non_null(object);                                                                      \
      uint32_t index = P##_handle_of(&pool, object).index;                                          \
      assert_true(index != next.index && index != first.index);                                     \
      assert_null(P##_get(&pool, first));                                                           \
      assert_null(P##_get(&pool, last));                                                            \
    }                                                                                               \
    assert_int_equal(P##_stats(&pool).retired, 3);                                                  \
    assert_int_equal(P##_release_all(&pool), 99);                                                   \
    P##_destroy(&pool);                                                                             \
  }

HANDLE_TESTS(shared_pool)
HANDLE_TESTS(local_pool)
HANDLE_TESTS(hooked_pool)
HANDLE_TESTS(wiping_pool)

typedef struct page_thing {
  char bytes[4000];
} page_thing;
OBJPOOL_DEFINE(page_pool, page_thing, opt.handles = true);

#define REFUSAL_TESTS(P)                                                                      \
  static void P##_asks_for_memory_again_after_a_refusal(void **state) {                       \
    (void)state;                                                                              \
    static P pool;                                                                            \
    static thing *objects[4 * MANY];                                                          \
    counted_memory memory;                                                                    \
    objpool_config config = from_counted(&memory);                                            \
    size_t count = 0;                                                                         \
    assert_true(P##_init(&pool, &config));                                                    \
    while (count < MANY) assert_non_null(objects[count++] = P##_acquire(&pool));              \
    memory.largest = 0;                                                                       \
    while ((objects[count] = P##_acquire(&pool)) != NULL) assert_true(++count < 3 * MANY);    \
    memory.largest = SIZE_MAX;                                                                \
    memory.asked = 0;                                                                         \
    for (size_t i = 0; i < MANY; i++) assert_non_null(objects[count++] = P##_acquire(&pool)); \
    assert_true(memory.asked > 0);                                                            \
    for (size_t i = 0; i < count; i++) P##_release(&pool, objects[i]);                        \
    P##_destroy(&pool);                                                                       \
    assert_int_equal(memory.bytes, 0);                                                        \
  }                                                                                           \
                                                                                              \
  /* one object at a time, whose use is its place's last, and whose block goes then */        \
  static void P##_indices_stay_small_when_places_retire(void **state) {                       \
    (void)state;                                                                              \
    static P pool;                                                                            \
    enum { TIMES = 1200 }; /* more than there are places for at first */                      \
    static uint32_t seen[TIMES];                                                              \
    for (uint32_t i = 0; i < TIMES; i++) {                                                    \
      thing *object = P##_acquire(&pool);                                                     \
      assert_non_null(object);                                                                \
      seen[i] = P##_handle_of(&pool, object).index;                                           \
      for (uint32_t before = 0; before < i; before++) assert_true(seen[before] != seen[i]);   \
      assert_true(seen[i] < 2 + 64 + i); /* what retired is gone, and no more */              \
      *generation_of(&pool.base, object) = UINT32_MAX;                                           \
      (void)P##_clear(&pool);                                                                 \
      assert_int_equal(pool.base.state->blocks.count, 1);                                     \
      P##_release(&pool, object);                                                             \
      assert_int_equal(P##_stats(&pool).retired, i + 1);                                      \
      (void)P##_clear(&pool);                                                                 \
      assert_int_equal(pool.base.state->blocks.count, 0); /* it keeps no block */             \
    }                                                                                         \
    P##_destroy(&pool);                                                                       \
  }

/* What retires is the second half of each block, so that its last cells are those that are gone in the next one there. */
#define RETIRING_TESTS(P)                                                                    \
  static void P##_places_that_are_gone_are_left_out_of_a_block(void **state) {               \
    (void)state;                                                                             \
    static P pool;                                                                           \
    enum { HALF = 16, OBJECTS = 8 * HALF };                                                  \
    thing *objects[OBJECTS];                                                                 \
    bool is_gone[4 * OBJECTS] = {false};                                                     \
    for (int round = 0; round < 2; round++) {                                                \
      for (size_t i = 0; i < OBJECTS; i++) assert_non_null(objects[i] = P##_acquire(&pool)); \
      for (size_t i = 0; i < OBJECTS; i++) {                                                 \
        uint32_t index = P##_handle_of(&pool, objects[i]).index;                             \
        assert_true(index < COUNT_OF(is_gone) && !is_gone[index]);                           \
        is_gone[index] = index / HALF % 2 == 1;                                              \
        if (is_gone[index]) *generation_of(&pool.base, objects[i]) = UINT32_MAX;                \
      }                                                                                      \
      P##_release_many(&pool, objects, OBJECTS);                                             \
      (void)P##_clear(&pool);                                                                \
    }                                                                                        \
    P##_destroy(&pool);                                                                      \
  }

/* The first block goes; the second, whose first range came after all of those, then gets them, too. */
static void local_pool_finds_a_use_wherever_its_cell_lies(void **state) {
  (void)state;
  static local_pool pool;
  static thing *objects[16 * MANY];
  static local_pool_handle handles[16 * MANY];
  size_t first = 0, count = 0;
  objpool_config config = defaults();
  config.growth_factor = 4;
  assert_true(local_pool_init(&pool, &config));
  do assert_non_null(objects[first++] = local_pool_acquire(&pool));
  while (pool.base.state->blocks.count < 2);
  const objpool__block *second = pool.base.state->blocks.newest;
  thing *stays = objects[--first];
  const local_pool_handle its = local_pool_handle_of(&pool, stays);
  for (size_t i = 0; i < first; i++) handles[i] = local_pool_handle_of(&pool, objects[i]);
  for (size_t i = 0; i < first; i++) assert_ptr_equal(local_pool_get(&pool, handles[i]), objects[i]);
  local_pool_release_many(&pool, objects, first);
  (void)local_pool_clear(&pool);
  assert_int_equal(pool.base.state->blocks.count, 1);
  for (size_t i = 0; i < first; i++) assert_null(local_pool_get(&pool, handles[i]));
  while (pool.base.state->blocks.newest == second) {
    assert_true(count < COUNT_OF(objects));
    assert_non_null(objects[count] = local_pool_acquire(&pool));
    handles[count] = local_pool_handle_of(&pool, objects[count]);
    count++;
    for (size_t i = 0; i < count; i++) assert_ptr_equal(local_pool_get(&pool, handles[i]), objects[i]);
    assert_ptr_equal(local_pool_get(&pool, its), stays);
  }
  assert_true(count > 2 * first); /* there were more cells than it got indices from the first */
  assert_int_equal(local_pool_release_all(&pool), count + 1);
  local_pool_destroy(&pool);
}

/* What went back cannot be read any more. */
static void *map_memory(size_t size, size_t alignment, void *context) {
  (void)alignment, (void)context;
  void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? NULL : memory;
}
static void unmap_memory(void *memory, size_t size, size_t alignment, void *context) {
  (void)alignment, (void)context;
  munmap(memory, size);
}

OBJPOOL_DEFINE(local_page_pool, page_thing, opt.handles = true, opt.local = true);

#define MAPPED_TESTS(P, T)                                                                  \
  static void P##_get_reads_nothing_that_went_back(void **state) {                          \
    (void)state;                                                                            \
    static P pool;                                                                          \
    T *objects[MANY];                                                                       \
    P##_handle handles[MANY], used_up;                                                      \
    objpool_config config = defaults();                                                     \
    config.allocator.allocate = map_memory;                                                 \
    config.allocator.deallocate = unmap_memory;                                             \
    assert_true(P##_init(&pool, &config));                                                  \
    for (size_t many = 1; many <= MANY; many *= 20) { /* of one block, and of several */    \
      for (size_t i = 0; i < many; i++) {                                                   \
        assert_non_null(objects[i] = P##_acquire(&pool));                                   \
        handles[i] = P##_handle_of(&pool, objects[i]);                                      \
        assert_ptr_equal(P##_get(&pool, handles[i]), objects[i]);                           \
      }                                                                                     \
      *generation_of(&pool.base, objects[0]) = UINT32_MAX;                                  \
      used_up = P##_handle_of(&pool, objects[0]);                                           \
      assert_ptr_equal(P##_get(&pool, used_up), objects[0]);                                \
      P##_release_many(&pool, objects, many);                                               \
      for (size_t i = 0; i < many; i++) assert_null(P##_get(&pool, handles[i]));            \
      assert_int_equal(P##_clear(&pool), many - 1);                                         \
      assert_int_equal(pool.base.state->blocks.count, 0);                                   \
      for (size_t i = 0; i < many; i++) assert_null(P##_get(&pool, handles[i]));            \
      assert_null(P##_get(&pool, used_up));                                                 \
      assert_false(P##_release_handle(&pool, used_up));                                     \
    }                                                                                       \
    P##_destroy(&pool);                                                                     \
  }
MAPPED_TESTS(shared_pool, thing)
MAPPED_TESTS(local_pool, thing)
MAPPED_TESTS(local_page_pool, page_thing) /* a range of which is one cell: it is lost with that */

RETIRING_TESTS(shared_pool)
RETIRING_TESTS(local_pool)
REFUSAL_TESTS(shared_pool)
REFUSAL_TESTS(local_pool)

static void acquires_that_fail_keep_nothing(void **state) {
  (void)state;
  static page_pool pool;
  static page_thing *objects[10000];
  counted_memory memory;
  objpool_config config = from_counted(&memory);
  size_t count = 0;
  memory.largest = 32768; /* too little for a table of ranges, some time */
  assert_true(page_pool_init(&pool, &config));
  while ((objects[count] = page_pool_acquire(&pool)) != NULL) assert_true(++count < 10000);
  const size_t before = memory.bytes;
  for (int i = 0; i < 100; i++) assert_null(page_pool_acquire(&pool));
  assert_int_equal(memory.bytes, before);
  for (size_t i = 0; i < count; i++) page_pool_release(&pool, objects[i]);
  page_pool_destroy(&pool);
  assert_int_equal(memory.bytes, 0);
}

static void ask_for_a_handle(void *pool, void *object) {
  (void)shared_pool_handle_of((const shared_pool *)pool, (const thing *)object);
}

static void give_back(void *pool, void *object) { shared_pool_release((shared_pool *)pool, (thing *)object); }

static void handle_of_an_idle_object_panics(void **state) {
  (void)state;
  static shared_pool pool;
  thing *object = shared_pool_acquire(&pool);
  assert_non_null(object);
  shared_pool_release(&pool, object);
  assert_true(panics(ask_for_a_handle, &pool, object));
  assert_non_null(strstr(panic_message, "idle"));
  assert_true(panics(give_back, &pool, object)); /* a second release, too */
  assert_int_equal(shared_pool_stats(&pool).idle, 1);
  object = shared_pool_acquire(&pool);
  shared_pool_handle handle = shared_pool_handle_of(&pool, object);
  assert_ptr_equal(shared_pool_get(&pool, handle), object);
  shared_pool_release(&pool, object);
  shared_pool_destroy(&pool);
  plain_pool none; /* without opt.handles nothing has a handle */
  memset(&none, 0, sizeof none);
  object = plain_pool_acquire(&none);
  assert_int_equal(plain_pool_handle_of(&none, object).generation, 0);
  plain_pool_release(&none, object);
  plain_pool_destroy(&none);
}

#ifndef OBJPOOL_UNCHECKED
static void give_local(void *pool, void *object) { local_pool_release((local_pool *)pool, (thing *)object); }

static void what_is_not_in_use_here_is_told(void **state) {
  (void)state;
  static shared_pool pool, other;
  static local_pool local, other_local;
  thing *object = shared_pool_acquire(&pool), *others = shared_pool_acquire(&other);
  thing *own = local_pool_acquire(&local), *elsewhere = local_pool_acquire(&other_local);
  assert_true(object && others && own && elsewhere);
  assert_true(panics(give_back, &pool, others) && strstr(panic_message, "belongs to another pool"));
  assert_true(panics(give_local, &local, elsewhere) && strstr(panic_message, "belongs to another pool"));
  local_pool_release(&local, own);
  assert_true(panics(give_local, &local, own) && strstr(panic_message, "released twice"));
  assert_int_equal(shared_pool_stats(&pool).in_use + shared_pool_stats(&other).in_use, 2);
  assert_int_equal(local_pool_stats(&local).in_use, 0);
  assert_int_equal(local_pool_stats(&other_local).in_use, 1);
  shared_pool_release(&pool, object);
  shared_pool_release(&other, others);
  local_pool_release(&other_local, elsewhere);
  shared_pool_destroy(&pool);
  shared_pool_destroy(&other);
  local_pool_destroy(&local);
  local_pool_destroy(&other_local);
}
#endif

#define MISTAKE_TESTS(P, other)                                                                                     \
  static void P##_is_released_as_another(void *pool, void *object) { other##_release((other *)pool, (thing *)object); } \
  static void P##_is_acquired_as_another(void *pool, void *got) { *(thing **)got = other##_acquire((other *)pool); } \
  static void P##_mistake_ends_no_use_and_begins_none(void **state) {                                               \
    (void)state;                                                                                                    \
    static P pool;                                                                                                  \
    thing *object = P##_acquire(&pool), *got = NULL;                                                                \
    P##_handle handle = P##_handle_of(&pool, object);                                                               \
    panic_returns = true;                                                                                           \
    assert_true(panics(P##_is_released_as_another, &pool, object)); /* the first release asks */                    \
    assert_ptr_equal(P##_get(&pool, handle), object);                                                               \
    for (int i = 0; i < 3; i++) { /* from here on by the fast path */                                               \
      P##_release(&pool, object);                                                                                   \
      assert_ptr_equal(P##_acquire(&pool), object);                                                                 \
    }                                                                                                               \
    handle = P##_handle_of(&pool, object);                                                                          \
    P##_release(&pool, object);                                                                                     \
    is_valid = false;                                                                                               \
    assert_true(panics(P##_is_acquired_as_another, &pool, &got)); /* it is found invalid, the pool to be another's */ \
    is_valid = true;                                                                                                \
    assert_null(got);                                                                                               \
    assert_ptr_equal(P##_acquire(&pool), object);                                                                   \
    assert_int_equal(P##_handle_of(&pool, object).generation, handle.generation + 1); /* one use more */            \
    *generation_of(&pool.base, object) = UINT32_MAX; /* the last one */                                             \
    handle = P##_handle_of(&pool, object);                                                                          \
    assert_true(panics(P##_is_released_as_another, &pool, object));                                                 \
    panic_returns = false;                                                                                          \
    assert_ptr_equal(P##_get(&pool, handle), object);                                                               \
    P##_release(&pool, object);                                                                                     \
    assert_int_equal(P##_stats(&pool).retired, 1);                                                                  \
    P##_destroy(&pool);                                                                                             \
  }
MISTAKE_TESTS(shared_pool, hooked_pool)
MISTAKE_TESTS(local_pool, hooked_local_pool)

static void object_found_invalid_has_no_use(void **state) {
  (void)state;
  static hooked_pool pool;
  thing *object = hooked_pool_acquire(&pool);
  hooked_pool_handle handle = hooked_pool_handle_of(&pool, object);
  hooked_pool_release(&pool, object);
  handle.generation++;
  is_valid = false;
  thing *next = hooked_pool_acquire(&pool); /* the idle one is destroyed, and built anew in its place */
  is_valid = true;
  assert_non_null(next);
  assert_int_equal(hooked_pool_stats(&pool).invalid, 1);
  assert_null(hooked_pool_get(&pool, handle));
  assert_ptr_equal(hooked_pool_get(&pool, hooked_pool_handle_of(&pool, next)), next);
  hooked_pool_release(&pool, next);
  hooked_pool_destroy(&pool);
}

/* Two threads end the same uses, by handle or by object: each use ends once. */
enum { USES = 2000 };
static shared_pool contested;
static shared_pool_handle uses[USES];
static long won, ready;

static void *end_them(void *unused) {
  long mine = 0;
  (void)unused;
  count_add(&ready, 1);
  while (count_read(&ready) < 2) sched_yield();
  for (int i = 0; i < USES; i++) mine += shared_pool_release_handle(&contested, uses[i]);
  count_add(&won, mine);
  return NULL;
}

static void of_two_who_end_a_use_one_wins(void **state) {
  (void)state;
  for (int round = 0; round < SCALED(50, 10, 5); round++) {
    pthread_t threads[2];
    count_set(&won, 0);
    count_set(&ready, 0);
    for (int i = 0; i < USES; i++) {
      thing *object = shared_pool_acquire(&contested);
      CHECK(object);
      uses[i] = shared_pool_handle_of(&contested, object);
    }
    for (unsigned i = 0; i < 2; i++) threads[i] = start_thread(end_them, NULL);
    for (unsigned i = 0; i < 2; i++) join_thread(threads[i]);
    assert_int_equal(count_read(&won), USES);
    objpool_stats stats = shared_pool_stats(&contested);
    counts_add_up(&stats);
    assert_int_equal(stats.in_use, 0);
  }
  shared_pool_destroy(&contested);
}

static void *retire_them(void *unused) {
  (void)unused;
  for (int i = 0; i < USES; i++) {
    thing *object = shared_pool_acquire(&contested);
    CHECK(object);
    *generation_of(&contested.base, object) = UINT32_MAX;
    shared_pool_release(&contested, object);
  }
  return NULL;
}

static void places_retire_in_two_threads_at_once(void **state) {
  pthread_t threads[2];
  (void)state;
  for (unsigned i = 0; i < 2; i++) threads[i] = start_thread(retire_them, NULL);
  for (unsigned i = 0; i < 2; i++) join_thread(threads[i]);
  assert_int_equal(shared_pool_stats(&contested).retired, 2 * USES);
  shared_pool_destroy(&contested);
}

/* Handles that are remembered while others trim: none is ever valid again. */
enum { REMEMBERED = 256 };
static shared_pool lively;
static shared_pool_handle remembered[REMEMBERED]; /* of uses that have ended; both halves in one word for the readers */
static uint64_t published[REMEMBERED];
static long stop, looks;

static void *look_them_up(void *unused) {
  (void)unused;
  while (!count_read(&stop)) {
    for (int i = 0; i < REMEMBERED; i++) {
      uint64_t bits = __atomic_load_n(&published[i], __ATOMIC_ACQUIRE);
      shared_pool_handle handle = {(uint32_t)bits, (uint32_t)(bits >> 32)};
      CHECK(!shared_pool_get(&lively, handle));
      CHECK(!shared_pool_release_handle(&lively, handle));
    }
    count_add(&looks, REMEMBERED);
  }
  return NULL;
}

static void stale_handle_is_never_valid_beside_any_trim(void **state) {
  (void)state;
  pthread_t reader = start_thread(look_them_up, NULL);
  uint64_t seed = 99;
  for (int round = 0; round < SCALED(3000, 600, 300) || !count_read(&looks);
       round++) { /* until the reader had its turn */
    thing *objects[64];
    size_t count = 1 + random_below(&seed, 64);
    for (size_t i = 0; i < count; i++) CHECK((objects[i] = shared_pool_acquire(&lively)));
    for (size_t i = 0; i < count; i++) {
      shared_pool_handle handle = shared_pool_handle_of(&lively, objects[i]);
      CHECK(shared_pool_get(&lively, handle) == objects[i]);
      shared_pool_release(&lively, objects[i]);
      remembered[i] = handle;
      __atomic_store_n(&published[random_below(&seed, REMEMBERED)], (uint64_t)handle.generation << 32 | handle.index,
                       __ATOMIC_RELEASE);
    }
    if (round % 3 == 0) shared_pool_clear(&lively);
    if (round % 3 == 1) shared_pool_trim(&lively, 20);
  }
  count_set(&stop, 1);
  join_thread(reader);
  shared_pool_destroy(&lively);
}

#define TESTS_OF(P)                                                                                    \
  cmocka_unit_test(P##_finds_a_use_while_it_lasts), cmocka_unit_test(P##_random_handles_name_nothing), \
      cmocka_unit_test(P##_places_retire_when_they_are_used_up)

int main(void) {
  const struct CMUnitTest tests[] = {
      TESTS_OF(shared_pool),
      TESTS_OF(local_pool),
      TESTS_OF(hooked_pool),
      TESTS_OF(wiping_pool),
      cmocka_unit_test(shared_pool_asks_for_memory_again_after_a_refusal),
      cmocka_unit_test(local_pool_asks_for_memory_again_after_a_refusal),
      cmocka_unit_test(shared_pool_indices_stay_small_when_places_retire),
      cmocka_unit_test(local_pool_indices_stay_small_when_places_retire),
      cmocka_unit_test(shared_pool_places_that_are_gone_are_left_out_of_a_block),
      cmocka_unit_test(local_pool_places_that_are_gone_are_left_out_of_a_block),
      cmocka_unit_test(local_pool_finds_a_use_wherever_its_cell_lies),
      cmocka_unit_test(shared_pool_get_reads_nothing_that_went_back),
      cmocka_unit_test(local_pool_get_reads_nothing_that_went_back),
      cmocka_unit_test(local_page_pool_get_reads_nothing_that_went_back),
      cmocka_unit_test(acquires_that_fail_keep_nothing),
      cmocka_unit_test(handle_of_an_idle_object_panics),
#ifndef OBJPOOL_UNCHECKED
      cmocka_unit_test(what_is_not_in_use_here_is_told),
#endif
      cmocka_unit_test(shared_pool_mistake_ends_no_use_and_begins_none),
      cmocka_unit_test(local_pool_mistake_ends_no_use_and_begins_none),
      cmocka_unit_test(object_found_invalid_has_no_use),
      cmocka_unit_test(of_two_who_end_a_use_one_wins),
      cmocka_unit_test(places_retire_in_two_threads_at_once),
      cmocka_unit_test(stale_handle_is_never_valid_beside_any_trim),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
