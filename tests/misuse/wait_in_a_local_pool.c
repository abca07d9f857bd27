/* A pool for one thread at a time is asked to wait for an object that only the caller could release.
 *
 * plain: silence
 * asan: silence
 */
#include "misuse.h"

OBJPOOL_DEFINE(local_pool, struct thing, opt.local = true);

static local_pool things;

int main(void) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.name = "things";
  config.max_objects = 1;
  REQUIRE(local_pool_init(&things, &config));
  struct thing *thing = local_pool_acquire(&things);
  REQUIRE(thing);
  MISTAKE(REQUIRE(!local_pool_acquire_for(&things, -1) && errno == EDEADLK));
  local_pool_release(&things, thing);
  local_pool_destroy(&things);
  return 0;
}
