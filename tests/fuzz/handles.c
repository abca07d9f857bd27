/* handles.c: a fuzzer (libFuzzer) of handles: random ones, those of other pools, of uses that have ended, of retired places. A model
 * beside knows which uses last: a get or a release by any other handle finds nothing and changes nothing.
 *
 * Built and run by tests/fuzz/run, in C and in C++. */
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUIRE(condition) ((condition) ? (void)0 : disagree(#condition, __LINE__))

static __attribute__((noreturn)) void disagree(const char *condition, int line) {
  fprintf(stderr, "handles.c:%d: this should hold: %s\n", line, condition);
  abort();
}

typedef struct thing {
  uint64_t name; /* the handle of its use */
  char rest[24];
} thing;

OBJPOOL_DEFINE(shared_pool, thing, opt.handles = true);
OBJPOOL_DEFINE(local_pool, thing, opt.handles = true, opt.local = true);

enum { POOLS = 4, USES = 64, ENDED = 256 };

static shared_pool cached, uncached, bounded;
static local_pool alone;

/* What the model knows of a pool. */
static struct known {
  thing *object[USES]; /* those in use */
  size_t in_use;
  uint64_t ended[ENDED]; /* some handles of uses that have ended */
  size_t ends;
} known[POOLS];

static const uint8_t *input;
static size_t left;

static uint64_t number(unsigned bytes) {
  uint64_t value = 0;
  for (; bytes > 0 && left > 0; bytes--, left--) value = value << 8 | *input++;
  return value;
}

static uint64_t word_of(uint32_t index, uint32_t generation) { return (uint64_t)generation << 32 | index; }

/* The same for each pool. */
static objpool *base_of(int pool) {
  objpool *bases[POOLS] = {&cached.base, &uncached.base, &bounded.base, &alone.base};
  return bases[pool];
}

static shared_pool *shared_of(int pool) { return pool == 0 ? &cached : pool == 1 ? &uncached : &bounded; }

static thing *take(int pool) { return pool == 3 ? local_pool_acquire(&alone) : shared_pool_acquire(shared_of(pool)); }

static void give(int pool, thing *object) {
  if (pool == 3)
    local_pool_release(&alone, object);
  else
    shared_pool_release(shared_of(pool), object);
}

static uint64_t name_of(int pool, thing *object) {
  if (pool == 3) {
    local_pool_handle handle = local_pool_handle_of(&alone, object);
    return word_of(handle.index, handle.generation);
  }
  shared_pool_handle handle = shared_pool_handle_of(shared_of(pool), object);
  return word_of(handle.index, handle.generation);
}

static thing *find(int pool, uint64_t name) {
  local_pool_handle local = {(uint32_t)name, (uint32_t)(name >> 32)};
  shared_pool_handle shared = {(uint32_t)name, (uint32_t)(name >> 32)};
  return pool == 3 ? local_pool_get(&alone, local) : shared_pool_get(shared_of(pool), shared);
}

static bool end_by(int pool, uint64_t name) {
  local_pool_handle local = {(uint32_t)name, (uint32_t)(name >> 32)};
  shared_pool_handle shared = {(uint32_t)name, (uint32_t)(name >> 32)};
  return pool == 3 ? local_pool_release_handle(&alone, local) : shared_pool_release_handle(shared_of(pool), shared);
}

/* The use that a handle names, by the model: its number, or USES. */
static size_t named(int pool, uint64_t name) {
  const struct known *one = &known[pool];
  for (size_t i = 0; i < one->in_use; i++)
    if (one->object[i]->name == name) return i;
  return USES;
}

static void ended(int pool, size_t use, uint64_t name) {
  struct known *one = &known[pool];
  one->ended[one->ends++ % ENDED] = name;
  one->object[use] = one->object[--one->in_use];
  REQUIRE(!find(pool, name) && !end_by(pool, name));
}

/* Any handle: found, or released by, just as the model says. */
static void ask(int pool, uint64_t name, bool release) {
  struct known *one = &known[pool];
  size_t use = named(pool, name), in_use = one->in_use;
  REQUIRE(find(pool, name) == (use == USES ? NULL : one->object[use]));
  if (!release) return;
  REQUIRE(end_by(pool, name) == (use != USES));
  if (use != USES)
    ended(pool, use, name);
  else
    REQUIRE(objpool_snapshot(base_of(pool)).in_use == in_use);
}

static void begin_use(int pool) {
  struct known *one = &known[pool];
  if (one->in_use == USES) return;
  thing *object = take(pool);
  if (!object) return;
  object->name = name_of(pool, object);
  REQUIRE(object->name >> 63);
  for (size_t i = 0; i < ENDED && i < one->ends; i++) REQUIRE(one->ended[i] != object->name);
  REQUIRE(named(pool, object->name) == USES);
  one->object[one->in_use++] = object;
}

/* As if the place of a use had been used so often that this one is its last, or nearly. */
static void grow_old(int pool, size_t use, uint32_t before_the_last) {
  thing *object = known[pool].object[use];
  uint32_t generation = UINT32_MAX - before_the_last;
  if (object->name >> 32 >= generation) return;
  *objpool__generation_of(object, pool == 3) = generation;
  known[pool].ended[known[pool].ends++ % ENDED] = object->name;
  object->name = word_of((uint32_t)object->name, generation);
}

static void step(void) {
  unsigned what = (unsigned)number(1);
  int pool = (int)(what >> 6);
  struct known *one = &known[pool];
  size_t use = one->in_use ? (size_t)number(1) % one->in_use : 0;
  switch (what % 16) {
  case 0:
  case 1:
  case 2:
  case 3: begin_use(pool); break;
  case 4:
    if (one->in_use) {
      uint64_t name = one->object[use]->name;
      give(pool, one->object[use]);
      ended(pool, use, name);
    }
    break;
  case 5:
    if (one->in_use) ask(pool, one->object[use]->name, true);
    break;
  case 6: ask(pool, one->ended[number(1)], true); break;
  case 7: ask(pool, number(8), true); break;                                         /* any bits */
  case 8: ask(pool, word_of((uint32_t)number(1), (uint32_t)number(1)), true); break; /* near those that are there */
  case 9: { /* another pool's: it is whatever its bits say here */
    const struct known *others = &known[number(1) % POOLS];
    if (others->in_use) ask(pool, others->object[number(1) % others->in_use]->name, false);
    break;
  }
  case 10:
    if (one->in_use) ask(pool, one->object[use]->name ^ (uint64_t)1 << number(1) % 64, true); /* one bit is another */
    break;
  case 11: objpool_clear(base_of(pool)); break;
  case 12: (void)objpool_trim_some(base_of(pool), 0, (size_t)number(1)); break;
  case 13:
    if (one->in_use) grow_old(pool, use, (uint32_t)number(1) % 3);
    break;
  case 14: {
    size_t seen = 0;
    if (pool == 3)
      OBJPOOL_EACH(local_pool, object, &alone) seen += named(pool, object->name) != USES;
    else
      OBJPOOL_EACH(shared_pool, object, shared_of(pool)) seen += named(pool, object->name) != USES;
    REQUIRE(seen == one->in_use);
    break;
  }
  default: (void)objpool_maintain_some(base_of(pool), 4); break;
  }
}

#ifdef __cplusplus
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
#else
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  input = data;
  left = size;
  memset(known, 0, sizeof known);
  config.ignore_pressure = true;
  REQUIRE(shared_pool_init(&cached, &config) && local_pool_init(&alone, &config));
  config.cache_size = OBJPOOL_NO_CACHE;
  REQUIRE(shared_pool_init(&uncached, &config));
  config.max_objects = 20;
  REQUIRE(shared_pool_init(&bounded, &config));
  while (left > 0) step();
  for (int pool = 0; pool < POOLS; pool++) {
    while (known[pool].in_use) ask(pool, known[pool].object[0]->name, true);
    REQUIRE(objpool_snapshot(base_of(pool)).in_use == 0);
  }
  shared_pool_destroy(&cached);
  shared_pool_destroy(&uncached);
  shared_pool_destroy(&bounded);
  local_pool_destroy(&alone);
  return 0;
}
