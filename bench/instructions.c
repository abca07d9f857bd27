/* Loops for callgrind, which counts their instructions exactly: bench/instructions runs each with two counts and divides
 * the difference, so that start-up, warming and destruction drop out.
 * usage: instructions OPERATION PAIRS */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef LOCAL
#define LOCAL false
#endif
#ifndef CACHE_SIZE
#define CACHE_SIZE 0
#endif

#define OBJPOOL_IMPLEMENTATION
#include "../objpool.h"

typedef struct object {
  uint64_t word;
  char rest[56];
} object;

static void forget(object *given, void *context) {
  (void)context;
  given->word = 0;
}

OBJPOOL_DEFINE(object_pool, object, opt.local = LOCAL);
OBJPOOL_DEFINE(reset_pool, object, opt.local = LOCAL, opt.reset = forget);
OBJPOOL_DEFINE(handles_pool, object, opt.local = LOCAL, opt.handles = true);
OBJPOOL_DEFINE(timed_pool, object, opt.local = LOCAL, opt.timed = true);
OBJPOOL_SIZES(buffers, 16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048, 4096, 8192, 16384);

static object_pool plain;
static reset_pool resetting;
static handles_pool handled;
static timed_pool timed;
static buffers sized;

/* The compiler must not see through an object, nor keep anything in registers over this point. */
#define OPAQUE(pointer) __asm__ volatile("" : "+r"(pointer) : : "memory")

static void use(object *taken) {
  OPAQUE(taken);
  *(volatile uint64_t *)&taken->word = 1;
  OPAQUE(taken);
}

#define RUN_PAIRS(name, kind)                                                 \
  static __attribute__((noinline)) void name(kind##_pool *pool, long count) { \
    for (long i = 0; i < count; i++) {                                        \
      object *taken = kind##_pool_acquire(pool);                              \
      use(taken);                                                             \
      kind##_pool_release(pool, taken);                                       \
      __asm__ volatile("" : : : "memory");                                    \
    }                                                                         \
  }
RUN_PAIRS(run_pair, object)
RUN_PAIRS(run_reset, reset)
RUN_PAIRS(run_handles, handles)
RUN_PAIRS(run_timed, timed)

static __attribute__((noinline)) void run_tested(object_pool *pool, long count) {
  for (long i = 0; i < count; i++) {
    object *taken = object_pool_acquire(pool);
    if (!taken) exit(1);
    use(taken);
    object_pool_release(pool, taken);
    __asm__ volatile("" : : : "memory");
  }
}

static __attribute__((noinline)) void run_guard(object_pool *pool, long count) {
  for (long i = 0; i < count; i++) {
    OBJPOOL_SCOPED(object_pool) guard = object_pool_guard_acquire(pool);
    if (!guard.object) exit(1);
    use(guard.object);
  }
}

static __attribute__((noinline)) void run_with(object_pool *pool, long count) {
  for (long i = 0; i < count; i++) {
    OBJPOOL_WITH(object_pool, taken, pool) {
      use(taken);
    } else {
      exit(1);
    }
  }
}

static __attribute__((noinline)) void run_try(object_pool *pool, long count) {
  for (long i = 0; i < count; i++) {
    object *taken = object_pool_try_acquire(pool);
    use(taken);
    object_pool_release(pool, taken);
    __asm__ volatile("" : : : "memory");
  }
}

static __attribute__((noinline)) void run_typeless(objpool *pool, long count) {
  for (long i = 0; i < count; i++) {
    object *taken = (object *)objpool_acquire(pool);
    use(taken);
    objpool_release(pool, taken);
    __asm__ volatile("" : : : "memory");
  }
}

enum { MOST = 1024 };
static object *held[MOST];

static __attribute__((noinline)) void run_batch(object_pool *pool, long count, int batch) {
  for (; count > 0; count -= batch) {
    for (int i = 0; i < batch; i++) use(held[i] = object_pool_acquire(pool));
    for (int i = batch; i-- > 0;) object_pool_release(pool, held[i]);
    __asm__ volatile("" : : : "memory");
  }
}

static __attribute__((noinline)) void run_many(object_pool *pool, long count) {
  for (; count > 0; count -= 64) {
    if (object_pool_acquire_many(pool, held, 64) != 64) exit(1);
    for (int i = 0; i < 64; i++) use(held[i]);
    object_pool_release_many(pool, held, 64);
  }
}

static __attribute__((noinline)) void run_get(handles_pool *pool, long count) {
  static handles_pool_handle handles[MOST];
  for (int i = 0; i < MOST; i++) handles[i] = handles_pool_handle_of(pool, held[i] = handles_pool_acquire(pool));
  for (long i = 0; i < count; i++) {
    object *found = handles_pool_get(pool, handles[i % MOST]);
    if (!found) exit(1);
    use(found);
  }
  handles_pool_release_many(pool, held, MOST);
}

static __attribute__((noinline)) void run_each(handles_pool *pool, long count) {
  if (handles_pool_acquire_many(pool, held, MOST) != MOST) exit(1);
  for (; count > 0; count -= MOST) {
    OBJPOOL_EACH(handles_pool, one, pool) use(one);
  }
  handles_pool_release_many(pool, held, MOST);
}

static __attribute__((noinline)) void run_buffer(buffers *set, long count) {
  for (long i = 0; i < count; i++) {
    size_t size = 300;
    __asm__ volatile("" : "+r"(size)); /* known at run time alone */
    objpool_buffer taken = buffers_acquire(set, size);
    *(volatile char *)taken.bytes = 1;
    OPAQUE(taken.capacity);
    buffers_release(set, taken);
    __asm__ volatile("" : : : "memory");
  }
}

int main(int argc, char **argv) {
  long count = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
  if (count <= 0) return fputs("usage: instructions OPERATION PAIRS\n", stderr), 2;
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.warmup = 2 * MOST;
  config.cache_size = CACHE_SIZE;
  if (!object_pool_init(&plain, &config) || !reset_pool_init(&resetting, &config)) return perror("a pool"), 1;
  config.reserve = 2 * MOST; /* in one block, as where a game knows how many there are */
  if (!handles_pool_init(&handled, &config)) return perror("a pool"), 1;
  config.reserve = 0;
  config.max_lifetime_ns = (uint64_t)OBJPOOL_SECONDS(3600);
  config.idle_timeout_ns = (uint64_t)OBJPOOL_SECONDS(600);
  if (!timed_pool_init(&timed, &config)) return perror("a timed pool"), 1;
  config.warmup = 0;
  config.max_lifetime_ns = config.idle_timeout_ns = 0;
  if (!buffers_init(&sized, &config)) return perror("a set"), 1;
  /* a pool of which the compiler knows no address, as one that a function is given */
  object_pool *pool = &plain;
  reset_pool *reset = &resetting;
  handles_pool *handles = &handled;
  timed_pool *aging = &timed;
  buffers *set = &sized;
  OPAQUE(pool);
  OPAQUE(reset);
  OPAQUE(handles);
  OPAQUE(aging);
  OPAQUE(set);
  const char *operation = argv[1];
  if (!strcmp(operation, "pair"))
    run_pair(pool, count);
  else if (!strcmp(operation, "tested"))
    run_tested(pool, count);
  else if (!strcmp(operation, "guard"))
    run_guard(pool, count);
  else if (!strcmp(operation, "with"))
    run_with(pool, count);
  else if (!strcmp(operation, "try"))
    run_try(pool, count);
  else if (!strcmp(operation, "reset"))
    run_reset(reset, count);
  else if (!strcmp(operation, "typeless"))
    run_typeless(&pool->base, count);
  else if (!strcmp(operation, "batch-64"))
    run_batch(pool, count, 64);
  else if (!strcmp(operation, "batch-1024"))
    run_batch(pool, count, MOST);
  else if (!strcmp(operation, "many-64"))
    run_many(pool, count);
  else if (!strcmp(operation, "handles"))
    run_handles(handles, count);
  else if (!strcmp(operation, "timed"))
    run_timed(aging, count);
  else if (!strcmp(operation, "get"))
    run_get(handles, count);
  else if (!strcmp(operation, "each"))
    run_each(handles, count);
  else if (!strcmp(operation, "buffer"))
    run_buffer(set, count);
  else
    return fprintf(stderr, "instructions: no such operation: %s\n", operation), 2;
  object_pool_destroy(&plain);
  reset_pool_destroy(&resetting);
  handles_pool_destroy(&handled);
  timed_pool_destroy(&timed);
  buffers_destroy(&sized);
  return 0;
}
