/* A thread writes to an object that another thread has released: the pointer outlived the ownership.
 *
 * asan: report use-after-poison
 * valgrind: report Invalid write
 */
#include "misuse.h"

#include <pthread.h>

static thing_pool things;
static struct thing *shared;

static void *own_and_release(void *unused) {
  (void)unused;
  shared = acquire_thing(&things);
  thing_pool_release(&things, shared);
  return NULL;
}

int main(void) {
  pthread_t thread;
  open_things(&things);
  REQUIRE(pthread_create(&thread, NULL, own_and_release, NULL) == 0);
  REQUIRE(pthread_join(thread, NULL) == 0);
  MISTAKE(shared->value = 1);
  thing_pool_destroy(&things);
  return 0;
}
