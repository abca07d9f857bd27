// Compiled twice, as two files that mean different pools by one name: each uses its own, as by OBJPOOL_STATIC each has its own copy.
#ifdef COPIES
#define OBJPOOL_STATIC
#define OBJPOOL_IMPLEMENTATION
#endif
#include "objpool.h"

struct NAME {
  char bytes[SIZE];
};
static int made;
OBJPOOL_DEFINE(thing_pool, NAME, opt.create = [](NAME *, void *) { return made++, true; });
static thing_pool pool;

int USE();
int USE() {
  OBJPOOL_WITH(thing_pool, one, &pool) one->bytes[SIZE - 1] = 1;
  {
    OBJPOOL_SCOPED(thing_pool) guard = thing_pool_guard_acquire(&pool);
    if (!guard) return 1;
  }
  {
    OBJPOOL_SCOPED(thing_pool) guard(&pool);
    if (!guard) return 2;
  }
  thing_pool::release(&pool, thing_pool::acquire(&pool));
  thing_pool_release(&pool, thing_pool_acquire(&pool));
  objpool_stats stats = thing_pool_stats(&pool);
  if (made != 1 || stats.object_size != SIZE || stats.created != 1 || stats.idle != 1) return 3;
  thing_pool_destroy(&pool);
  return 0;
}
