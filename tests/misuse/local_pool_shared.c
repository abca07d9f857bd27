/* A pool for one thread at a time is used by two at once.
 *
 * tsan: report data race
 */
#include "misuse.h"

#include <pthread.h>

OBJPOOL_DEFINE(local_pool, struct thing, opt.local = true);

static local_pool things;

static void use(void) {
  for (int i = 0; i < 100; i++) {
    struct thing *thing = local_pool_acquire(&things);
    REQUIRE(thing);
    local_pool_release(&things, thing);
  }
}

static void *run(void *unused) {
  (void)unused;
  use();
  return NULL;
}

int main(void) {
  pthread_t thread;
  local_pool_release(&things, local_pool_acquire(&things));
  REQUIRE(pthread_create(&thread, NULL, run, NULL) == 0);
  MISTAKE(use()); /* before the other thread has ended */
  REQUIRE(pthread_join(thread, NULL) == 0);
  use();
  local_pool_destroy(&things);
  return 0;
}
