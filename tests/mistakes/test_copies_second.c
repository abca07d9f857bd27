/* The other copy of the implementation, which is given a pool that is not its own. */
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
uintptr_t call_in_the_other_copy(int which, void *pool, void *in_use, void *idle);
void panic_of_the_other_copy(const char *message);
#ifdef __cplusplus
}
#endif

#define OBJPOOL_PANIC(message) panic_of_the_other_copy(message)
#define OBJPOOL_STATIC
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

typedef struct thing {
  long n[4];
} thing;

OBJPOOL_DEFINE(thing_pool, thing);

uintptr_t call_in_the_other_copy(int which, void *pool, void *in_use, void *idle) {
  thing_pool *typed = (thing_pool *)pool;
  objpool *base = &typed->base;
  void *objects[3];
  switch (which) {
  case 0: return (uintptr_t)objpool_acquire(base);
  case 1: return (uintptr_t)objpool_try_acquire(base);
  case 2: return (uintptr_t)objpool_acquire_for(base, 1000);
  case 3: return objpool_acquire_many(base, objects, 3);
  case 4: return objpool_release(base, in_use), 0;
  case 5: return objpool_discard(base, in_use), 0;
  case 6: return thing_pool_warmup(typed, 9);
  case 7: return thing_pool_trim(typed, 0);
  case 8: return thing_pool_clear(typed);
  case 9: return thing_pool_resize(typed, 0, 7);
  case 10: return thing_pool_attach(typed);
  case 11: return thing_pool_stats(typed).acquires != 0;
  case 12: return thing_pool_reset_stats(typed), 0;
  case 13: return thing_pool_destroy(typed), 0;
  case 14:
    return thing_pool_release(typed, (thing *)idle), 0; /* twice, and here */
  /* what the inlined acquire does when it has nothing; it would look at a table that is not there */
  default: return (uintptr_t)objpool__acquire_slow(base, thing_pool_objpool_describe, OBJPOOL__ACQUIRE, 0);
  }
}
