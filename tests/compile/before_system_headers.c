/* Compiles silently as the first header of all, and leaves those after it as they are. */
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

OBJPOOL_DEFINE(int_pool, int);

int main(void) {
  static int_pool pool;
  int *number = int_pool_acquire(&pool);
  if (!number) return 1;
  int_pool_release(&pool, number);
  int_pool_destroy(&pool);
  return puts("ok") < 0;
}
