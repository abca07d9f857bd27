/* error: deleted|call to implicitly-deleted */
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"
OBJPOOL_DEFINE(int_pool, int);
static int_pool pool;
int main() {
  OBJPOOL_SCOPED(int_pool) guard = int_pool_guard_acquire(&pool);
  OBJPOOL_SCOPED(int_pool) copy = guard;
  return copy ? 0 : 1;
}
