/* error: const|read-only */
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"
OBJPOOL_DEFINE(int_pool, int);
static int_pool pool;
int main(void) {
  OBJPOOL_SCOPED(int_pool) guard = int_pool_guard_acquire(&pool);
  *int_pool_guard_ref(&guard) = 1;
  return 0;
}
