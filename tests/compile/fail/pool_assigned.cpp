/* error: deleted|call to deleted|use of deleted */
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"
OBJPOOL_DEFINE(int_pool, int);
static int_pool pool;
int main() {
  int_pool other = {};
  other = pool;
  int_pool_destroy(&other);
}
