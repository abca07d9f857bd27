/* error: incompatible pointer|invalid conversion|cannot convert|cannot initialize|no matching function */
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"
OBJPOOL_DEFINE(int_pool, int);
static int_pool pool;
int main(void) {
  static double number;
  int_pool_release(&pool, &number);
  return 0;
}
