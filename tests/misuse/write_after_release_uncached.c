/* An object of a pool without thread caches is written to after its release.
 *
 * asan: report use-after-poison
 * valgrind: report Invalid write
 */
#include "misuse.h"

static thing_pool things;

int main(void) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.name = "things";
  config.cache_size = OBJPOOL_NO_CACHE;
  REQUIRE(thing_pool_init(&things, &config));
  struct thing *thing = acquire_thing(&things);
  thing_pool_release(&things, thing);
  MISTAKE(thing->text[40] = 'x');
  thing_pool_destroy(&things);
  return 0;
}
