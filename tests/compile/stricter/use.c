/* Compiles silently at the warnings that projects add to all others: pools defined, and everything generated for them used, as C
   and as C++. The implementation is in implementation.c, as a project would have it. */
#include "objpool.h"

struct thing {
  size_t n;
};

static bool thing_create(struct thing *thing, void *context) {
  thing->n = context ? 1 : 0;
  return true;
}
static void thing_touch(struct thing *thing, void *context) { thing->n += context ? 1 : 0; }
static void hear(const objpool_event *event, void *context) { (void)event, (void)context; }

OBJPOOL_DEFINE(thing_pool, struct thing);
OBJPOOL_DEFINE(hooked_pool, struct thing, opt.create = thing_create, opt.reset = thing_touch, opt.validate = thing_create,
               opt.destroy = thing_touch, opt.on_event = hear);
OBJPOOL_DEFINE(local_pool, struct thing, opt.local = true, opt.wipe = true);
OBJPOOL_DEFINE(pointer_pool, void *);
OBJPOOL_DEFINE(text_pool, const char *);

size_t use_plain(thing_pool *pool, const objpool_config *defaults);
size_t use_hooked(hooked_pool *pool, const objpool_config *defaults);
size_t use_local(local_pool *pool, const objpool_config *defaults);
int use_pointers(pointer_pool *pool, text_pool *texts);
int64_t use_times(int number, size_t large, int64_t exact, double share);

#define USE(name)                                                                                                     \
  static name##_guard name##_open(name *pool) {                                                                       \
    OBJPOOL_SCOPED(name) guard = name##_guard_acquire(pool);                                                          \
    if (guard.object) guard.object->n++;                                                                              \
    return name##_guard_move(&guard);                                                                                 \
  }                                                                                                                   \
  static size_t name##_guards(name *pool) {                                                                           \
    OBJPOOL_SCOPED(name) guard = name##_open(pool);                                                                   \
    OBJPOOL_SCOPED(name) second = name##_guard_acquire_for(pool, 1000);                                               \
    OBJPOOL_SCOPED(name) third = name##_guard_acquire(pool);                                                          \
    OBJPOOL_SCOPED(name) fourth = name##_guard_acquire(pool);                                                         \
    size_t sum = 0;                                                                                                   \
    if (!guard.object || !second.object || !third.object || !fourth.object) return 1;                                 \
    name##_guard_mut(&guard)->n = 5;                                                                                  \
    if (name##_guard_ref(&guard)->n != 5) return 2;                                                                   \
    name##_guard_release(&guard);                                                                                     \
    name##_guard_discard(&second);                                                                                    \
    name##_release(pool, name##_guard_take(&third));                                                                  \
    sum += name##_guard_extract(&fourth).n;                                                                           \
    OBJPOOL_WITH(name, one, pool)                                                                                     \
      sum += one->n;                                                                                                  \
    else                                                                                                              \
      sum++;                                                                                                          \
    OBJPOOL_WITH(name, another, pool) {                                                                               \
      sum += another->n;                                                                                              \
    }                                                                                                                 \
    return sum;                                                                                                       \
  }                                                                                                                   \
  static size_t name##_all(name *pool, const objpool_config *defaults) {                                              \
    struct thing *things[4];                                                                                          \
    objpool_stats stats;                                                                                              \
    size_t got;                                                                                                       \
    size_t sum = name##_guards(pool);                                                                                 \
    if (!name##_init(pool, defaults) || !name##_attach(pool) || !name##_resize(pool, OBJPOOL_UNCHANGED, 8)) return 1; \
    things[0] = name##_acquire(pool);                                                                                 \
    things[1] = name##_try_acquire(pool);                                                                             \
    things[2] = name##_acquire_for(pool, -1);                                                                         \
    name##_release(pool, things[0]);                                                                                  \
    name##_discard(pool, things[1]);                                                                                  \
    sum += name##_extract(pool, things[2]).n;                                                                         \
    got = name##_acquire_many(pool, things, 4);                                                                       \
    name##_release_many(pool, things, got);                                                                           \
    sum += name##_warmup(pool, 4) + name##_trim(pool, 2) + name##_clear(pool);                                        \
    stats = name##_stats(pool);                                                                                       \
    name##_reset_stats(pool);                                                                                         \
    name##_destroy(pool);                                                                                             \
    return sum + (stats.in_use > 0);                                                                                  \
  }

USE(thing_pool)
USE(hooked_pool)
USE(local_pool)

size_t use_plain(thing_pool *pool, const objpool_config *defaults) { return thing_pool_all(pool, defaults); }
size_t use_hooked(hooked_pool *pool, const objpool_config *defaults) { return hooked_pool_all(pool, defaults); }
size_t use_local(local_pool *pool, const objpool_config *defaults) { return local_pool_all(pool, defaults); }

int use_pointers(pointer_pool *pool, text_pool *texts) {
  void **pointers[2];
  const char **text[2];
  size_t got = pointer_pool_acquire_many(pool, pointers, 2), got_texts = text_pool_acquire_many(texts, text, 2);
  pointer_pool_release_many(pool, pointers, got);
  text_pool_release_many(texts, text, got_texts);
  OBJPOOL_WITH(pointer_pool, pointer, pool) return *pointer == pool;
  OBJPOOL_WITH(text_pool, one, texts) return **one;
  return -1;
}

int64_t use_times(int number, size_t large, int64_t exact, double share) {
  static const int64_t second = OBJPOOL_SECONDS(1);
  return second + OBJPOOL_MS(number) + OBJPOOL_MS(large) + OBJPOOL_SECONDS(exact) + OBJPOOL_SECONDS(share) +
         OBJPOOL_MS(number + 1);
}

/* Sizes as they are written: numbers, shifts, sums of both signs. */
OBJPOOL_SIZES(buffers, 64, sizeof(struct thing) + 120, 1 << 10, 4UL << 10, 65536);
OBJPOOL_SIZES(odd_buffers, 5);

size_t use_buffers(buffers *set, odd_buffers *odd, const objpool_config *defaults);
size_t use_buffers(buffers *set, odd_buffers *odd, const objpool_config *defaults) {
  size_t held = 0;
  objpool_buffer buffer = buffers_acquire(set, 100), small = odd_buffers_acquire(odd, held);
  objpool_buffer grown = buffers_grow(set, buffer, 5000);
  if (buffers_init(set, defaults)) held += buffers_trim(set, 1);
  if (buffers_class(set, 300) && !odd_buffers_class(odd, 6)) held += buffers_stats(set).in_use;
  buffers_release(set, grown);
  odd_buffers_release(odd, small);
  {
    OBJPOOL_SCOPED(buffers) guard = buffers_guard_acquire(set, 300);
    OBJPOOL_SCOPED(buffers) moved = buffers_guard_move(&guard);
    buffer = buffers_guard_take(&moved);
    buffers_guard_release(&moved);
  }
  buffers_release(set, buffer);
  buffers_destroy(set);
  return held;
}
