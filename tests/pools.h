/* What the tests share that needs objpool.h: include it instead of that, after support.h. */
#ifndef TESTS_POOLS_H
#define TESTS_POOLS_H

#include "objpool.h"

/* All defaults, to be changed. */
static inline objpool_config defaults(void) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  return config;
}

static inline objpool_config named(const char *name) {
  objpool_config config = defaults();
  config.name = name;
  return config;
}

/* An allocator that counts what it is asked for and what it has given, and refuses a piece that is larger than `largest`. Its users
   take turns: only one thread at a time. */
typedef struct counted_memory {
  size_t bytes, asked, largest;
} counted_memory;

static inline void *counted_allocate(size_t size, size_t alignment, void *context) {
  counted_memory *counted = (counted_memory *)context;
  const size_t least = alignment < sizeof(void *) ? sizeof(void *) : alignment;
  counted->asked++;
  if (size > counted->largest) return NULL;
  char *whole = (char *)malloc(size + least + sizeof(void *)); /* where it begins stands before what is given */
  if (!whole) return NULL;
  void *memory = whole + sizeof(void *) + (least - ((uintptr_t)whole + sizeof(void *)) % least);
  ((void **)memory)[-1] = whole;
  counted->bytes += size;
  return memory;
}

static inline void counted_deallocate(void *memory, size_t size, size_t alignment, void *context) {
  (void)alignment;
  ((counted_memory *)context)->bytes -= size;
  free(((void **)memory)[-1]);
}

/* Nothing is counted yet, and nothing refused. */
static inline objpool_config from_counted(counted_memory *counted) {
  objpool_config config = defaults();
  memset(counted, 0, sizeof *counted);
  counted->largest = SIZE_MAX;
  config.allocator.allocate = counted_allocate;
  config.allocator.deallocate = counted_deallocate;
  config.allocator.context = counted;
  return config;
}

/* For objpool_set_pressure_source: maintenance that the machine does not disturb. */
static inline objpool_pressure no_pressure(void *user) {
  (void)user;
  return OBJPOOL_PRESSURE_NONE;
}

/* Alone in a process, or at rest: each object that was created is in use, idle or gone, and each acquire is known. */
static inline void counts_add_up(const objpool_stats *stats) {
#ifdef OBJPOOL_NO_STATS
  (void)stats;
#else
  CHECK(stats->created - stats->destroyed - stats->extracted == stats->in_use + stats->idle);
  CHECK(stats->acquires - stats->releases - stats->extracted == stats->in_use);
  CHECK(stats->acquires == stats->hits + stats->misses);
#endif
}

/* A hook for pools of few objects that are to lie in one word: where objects are made by one, no thread has a cache for so few. */
#define MAKES_BY_HOOK(type)                              \
  static bool make_##type(type *object, void *context) { \
    (void)object, (void)context;                         \
    return true;                                         \
  }

/* Nothing was left locked, and no slot is held closed: of a pool with caches of eight objects, and fifty idle ones at least, the slot
   opens again. It does so only after as many operations as a barrier has cost, and neither objects nor room may run short meanwhile. */
static inline void slots_open_again(objpool *pool) {
  void *objects[20];
  (void)objpool_trim(pool, 30);
  uint64_t refills = objpool_snapshot(pool).refills;
  for (long i = 0; objpool_snapshot(pool).refills == refills; i++) {
    CHECK(i < 100000);
    CHECK(objpool_acquire_many(pool, objects, COUNT_OF(objects)) == COUNT_OF(objects));
    objpool_release_many(pool, objects, COUNT_OF(objects));
  }
}

#endif
