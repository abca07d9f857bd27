/* Compiles silently where the user makes everything visible that strict modes hide. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

OBJPOOL_DEFINE(int_pool, int);

int main(void) {
  static int_pool pool;
  int *number = int_pool_acquire_for(&pool, 1);
  if (!number) return 1;
  int_pool_release(&pool, number);
  int_pool_destroy(&pool);
  return 0;
}
