/* An object of a pool that wipes is released twice: the bytes are gone, the mistake is seen all the same.
 *
 * plain: panic objpool: pool 'things': object {pointer} released twice: it is idle already
 * asan: panic objpool: pool 'things': object {pointer} released twice: it is idle already
 */
#include "misuse.h"

OBJPOOL_DEFINE(wiping_pool, struct thing, opt.wipe = true);

static wiping_pool things;

int main(void) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.name = "things";
  REQUIRE(wiping_pool_init(&things, &config));
  struct thing *thing = wiping_pool_acquire(&things);
  REQUIRE(thing);
  announce(thing);
  wiping_pool_release(&things, thing);
  MISTAKE(wiping_pool_release(&things, thing));
  wiping_pool_destroy(&things);
  return 0;
}
