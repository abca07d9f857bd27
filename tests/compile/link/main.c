/* The file with the implementation; linked to other.c, which has the same pool. */
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"
#include "pool.h"

int main(void) {
  static int_pool pool;
  int result = use_pool(&pool);
  int_pool_destroy(&pool);
  return result;
}
