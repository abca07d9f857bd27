/* error: inaccessible base|private base */
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"
OBJPOOL_DEFINE(int_pool, int);
static int_pool pool;
static int_pool_guard hold() {
  OBJPOOL_SCOPED(int_pool) guard = int_pool_guard_acquire(&pool);
  return guard;
}
int main() { return hold().object ? 0 : 1; }
