/* Two threads use one object at the same time: one of them had given it away.
 *
 * tsan: report data race
 */
#include "misuse.h"

#include <pthread.h>

static thing_pool things;

static void *use(void *thing) {
  MISTAKE(((struct thing *)thing)->value++);
  return thing;
}

int main(void) {
  pthread_t thread;
  open_things(&things);
  struct thing *thing = acquire_thing(&things);
  REQUIRE(pthread_create(&thread, NULL, use, thing) == 0);
  thing->value++;
  REQUIRE(pthread_join(thread, NULL) == 0);
  thing_pool_release(&things, thing);
  thing_pool_destroy(&things);
  return 0;
}
