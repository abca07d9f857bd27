/* A validate hook discards the object itself instead of saying no.
 *
 * plain: panic objpool: pool 'things': object {pointer} released twice: it is idle already
 * asan: panic objpool: pool 'things': object {pointer} released twice: it is idle already
 */
#include "misuse.h"

static objpool *pool_of_things;

static bool validate(struct thing *thing, void *context) {
  (void)context;
  MISTAKE(objpool_discard(pool_of_things, thing));
  return thing->value == 0;
}

OBJPOOL_DEFINE(checking_pool, struct thing, opt.validate = validate, opt.validate_on = OBJPOOL_ON_RELEASE);

static checking_pool things;

int main(void) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.name = "things";
  REQUIRE(checking_pool_init(&things, &config));
  pool_of_things = &things.base;
  struct thing *thing = checking_pool_acquire(&things);
  REQUIRE(thing);
  announce(thing);
  checking_pool_release(&things, thing);
  checking_pool_destroy(&things);
  return 0;
}
