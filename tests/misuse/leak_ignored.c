/* An object is still in use when a pool is destroyed which was told not to mind: silence, and no memory is lost.
 *
 * plain: silence
 * asan: silence
 * valgrind: silence
 */
#include "misuse.h"

static thing_pool things;

int main(void) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.name = "things";
  config.on_leak = OBJPOOL_LEAK_IGNORE;
  REQUIRE(thing_pool_init(&things, &config));
  struct thing *thing = acquire_thing(&things);
  MISTAKE(thing->value = 1); /* and then it is forgotten */
#ifdef WITHOUT_MISTAKE
  thing_pool_release(&things, thing);
#endif
  thing_pool_destroy(&things);
  return 0;
}
