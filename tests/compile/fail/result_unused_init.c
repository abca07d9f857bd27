/* error: unused.result */
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"
OBJPOOL_DEFINE(int_pool, int);
static int_pool pool;
int main(void) {
  int_pool_init(&pool, NULL);
  return 0;
}
