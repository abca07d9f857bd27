/* closed.h: what the closed programs of this directory share. Each drives functions of the implementation, as they stand in objpool.h, by two
 * to four threads and a bounded number of steps, and asserts what must hold: no pthread keys, conditions, files or clocks, so that a model
 * checker for C11 can explore every execution (genmc -- -I. -DREPEAT=1 tests/model/NAME.c). As ordinary programs they run
 * REPEAT times and hope to meet many. */
#ifndef CLOSED_H
#define CLOSED_H

#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

#undef NDEBUG
#include <assert.h>
#include <pthread.h>
#include <stdio.h>

#ifndef REPEAT
#define REPEAT 3000
#endif

static void at_once(void *(*body)(void *), int threads) {
  static int numbers[4] = {0, 1, 2, 3};
  pthread_t thread[4];
  for (int i = 0; i < threads; i++) {
    int error = pthread_create(&thread[i], NULL, body, &numbers[i]);
    assert(!error);
  }
  for (int i = 0; i < threads; i++) {
    int error = pthread_join(thread[i], NULL);
    assert(!error);
  }
}

#endif
