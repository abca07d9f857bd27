/* A destroy hook releases the very object it is asked to take down.
 *
 * plain: panic objpool: pool 'things': object {pointer} released twice: it is idle already
 * asan: panic objpool: pool 'things': object {pointer} released twice: it is idle already
 */
#include "misuse.h"

static objpool *pool_of_things;

static void take_down(struct thing *thing, void *context) {
  (void)context;
  thing->value = 0;
  MISTAKE(objpool_release(pool_of_things, thing));
}

OBJPOOL_DEFINE(closing_pool, struct thing, opt.destroy = take_down);

static closing_pool things;

int main(void) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.name = "things";
  REQUIRE(closing_pool_init(&things, &config));
  pool_of_things = &things.base;
  struct thing *thing = closing_pool_acquire(&things);
  REQUIRE(thing);
  announce(thing);
  closing_pool_discard(&things, thing);
  closing_pool_destroy(&things);
  return 0;
}
