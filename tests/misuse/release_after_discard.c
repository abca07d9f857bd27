/* A discarded object is released as well.
 *
 * plain: panic objpool: pool 'things': object {pointer} is not in use: it was released, destroyed or extracted before, or overwritten in front
 */
#include "misuse.h"

static thing_pool things;

int main(void) {
  open_things(&things);
  struct thing *kept = acquire_thing(&things); /* keeps the block of memory, and so the object's tag, in place */
  struct thing *thing = acquire_thing(&things);
  announce(thing);
  thing_pool_discard(&things, thing);
  MISTAKE(thing_pool_release(&things, thing));
  thing_pool_release(&things, kept);
  thing_pool_destroy(&things);
  return 0;
}
