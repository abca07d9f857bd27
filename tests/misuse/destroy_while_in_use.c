/* A pool is destroyed while another thread is in the middle of a call to it.
 *
 * tsan: report ThreadSanitizer
 */
#include "misuse.h"

#include <pthread.h>

static int under_way, enough;

/* Keeps its thread in acquire until the mistake was made, so that what the run shows does not hang on luck. */
static bool create_slowly(struct thing *thing, void *unused) {
  (void)unused;
  memset(thing, 0, sizeof *thing);
  __atomic_store_n(&under_way, 1, __ATOMIC_RELAXED);
  while (!__atomic_load_n(&enough, __ATOMIC_RELAXED)) continue;
  return true;
}

OBJPOOL_DEFINE(slow_pool, struct thing, opt.create = create_slowly);
static slow_pool things;

static void *use(void *unused) {
  (void)unused;
  slow_pool_release(&things, slow_pool_acquire(&things));
  return NULL;
}

int main(void) {
  pthread_t thread;
  REQUIRE(pthread_create(&thread, NULL, use, NULL) == 0);
  while (!__atomic_load_n(&under_way, __ATOMIC_RELAXED)) continue;
  MISTAKE(slow_pool_destroy(&things)); /* before the other thread's call has returned */
  __atomic_store_n(&enough, 1, __ATOMIC_RELAXED);
  REQUIRE(pthread_join(thread, NULL) == 0);
  slow_pool_destroy(&things);
  return 0;
}
