/* A pool is destroyed while another thread uses it.
 *
 * tsan: report ThreadSanitizer
 */
#include "misuse.h"

#include <pthread.h>

static thing_pool things;
static int under_way, enough;

/* It makes no call after `under_way`, so that what the run shows does not hang on luck: nothing orders its calls before the
 * destruction, and that is the race, whether or not they overlap. */
static void *use(void *unused) {
  (void)unused;
  thing_pool_release(&things, acquire_thing(&things));
  __atomic_store_n(&under_way, 1, __ATOMIC_RELAXED);
  while (!__atomic_load_n(&enough, __ATOMIC_RELAXED)) continue;
  return NULL;
}

int main(void) {
  pthread_t thread;
  open_things(&things);
  REQUIRE(pthread_create(&thread, NULL, use, NULL) == 0);
  while (!__atomic_load_n(&under_way, __ATOMIC_RELAXED)) continue;
  MISTAKE(thing_pool_destroy(&things)); /* before the other thread has ended */
  __atomic_store_n(&enough, 1, __ATOMIC_RELAXED);
  REQUIRE(pthread_join(thread, NULL) == 0);
  thing_pool_destroy(&things);
  return 0;
}
