/* An object of a pool for one thread at a time is released twice.
 *
 * plain: panic objpool: pool 'things': object {pointer} released twice: it is idle already
 * asan: panic objpool: pool 'things': object {pointer} released twice: it is idle already
 */
#include "misuse.h"

OBJPOOL_DEFINE(local_pool, struct thing, opt.local = true);

static local_pool things;

int main(void) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.name = "things";
  REQUIRE(local_pool_init(&things, &config));
  struct thing *thing = local_pool_acquire(&things);
  REQUIRE(thing);
  announce(thing);
  local_pool_release(&things, thing);
  MISTAKE(local_pool_release(&things, thing));
  local_pool_destroy(&things);
  return 0;
}
