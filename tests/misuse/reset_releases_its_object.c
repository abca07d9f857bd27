/* A reset hook releases the very object it is asked to reset.
 *
 * plain: panic objpool: pool 'things': object {pointer} released twice: it is idle already
 * asan: panic objpool: pool 'things': object {pointer} released twice: it is idle already
 */
#include "misuse.h"

static objpool *pool_of_things;

static void reset(struct thing *thing, void *context) {
  (void)context;
  thing->value = 0;
  MISTAKE(objpool_release(pool_of_things, thing));
}

OBJPOOL_DEFINE(resetting_pool, struct thing, opt.reset = reset);

static resetting_pool things;

int main(void) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.name = "things";
  REQUIRE(resetting_pool_init(&things, &config));
  pool_of_things = &things.base;
  struct thing *thing = resetting_pool_acquire(&things);
  REQUIRE(thing);
  announce(thing);
  resetting_pool_release(&things, thing);
  resetting_pool_destroy(&things);
  return 0;
}
