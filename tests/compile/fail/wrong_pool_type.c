/* error: incompatible pointer|invalid conversion|cannot convert|cannot initialize|no matching function */
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"
OBJPOOL_DEFINE(int_pool, int);
OBJPOOL_DEFINE(long_pool, long);
static int_pool ints;
int main(void) {
  long *number = long_pool_acquire(&ints);
  return number != 0;
}
