/* One thread releases an object, another releases it again.
 *
 * plain: panic objpool: pool 'things': object {pointer} released twice: it is idle already
 * asan: panic objpool: pool 'things': object {pointer} released twice: it is idle already
 */
#include "misuse.h"

#include <pthread.h>

static thing_pool things;

static void *release_it(void *thing) {
  thing_pool_release(&things, (struct thing *)thing);
  return NULL;
}

int main(void) {
  pthread_t thread;
  open_things(&things);
  struct thing *thing = acquire_thing(&things);
  announce(thing);
  REQUIRE(pthread_create(&thread, NULL, release_it, thing) == 0);
  REQUIRE(pthread_join(thread, NULL) == 0);
  MISTAKE(thing_pool_release(&things, thing));
  thing_pool_destroy(&things);
  return 0;
}
