/* A file without the implementation. */
#include "objpool.h"
#include "pool.h"

int use_pool(int_pool *pool) {
  int *number = int_pool_acquire(pool);
  if (!number) return 1;
  int_pool_release(pool, number);
  return 0;
}
