/* An object is released again after the pool has destroyed it as an idle one.
 *
 * plain: panic objpool: pool 'things': object {pointer} is not in use: it was released, destroyed or extracted before, or overwritten in front
 */
#include "misuse.h"

static thing_pool things;

int main(void) {
  open_things(&things);
  struct thing *kept = acquire_thing(&things); /* keeps the block of memory in place */
  struct thing *thing = acquire_thing(&things);
  announce(thing);
  thing_pool_release(&things, thing);
  REQUIRE(thing_pool_clear(&things) == 1);
  MISTAKE(thing_pool_release(&things, thing));
  thing_pool_release(&things, kept);
  thing_pool_destroy(&things);
  return 0;
}
