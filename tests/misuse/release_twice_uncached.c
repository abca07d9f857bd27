/* An object of a pool without thread caches is released twice.
 *
 * plain: panic objpool: pool 'things': object {pointer} released twice: it is idle already
 * asan: panic objpool: pool 'things': object {pointer} released twice: it is idle already
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
  announce(thing);
  thing_pool_release(&things, thing);
  MISTAKE(thing_pool_release(&things, thing));
  thing_pool_destroy(&things);
  return 0;
}
