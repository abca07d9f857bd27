/* A handle is asked for in a pool without them.
 *
 * plain: panic objpool: pool 'things': object {pointer} has no handle: opt.handles of its pool is not set
 */
#include "misuse.h"

static thing_pool things;

int main(void) {
  open_things(&things);
  struct thing *thing = acquire_thing(&things);
  announce(thing);
  thing_pool_handle handle = {0, 0};
  MISTAKE(handle = thing_pool_handle_of(&things, thing));
  REQUIRE(!handle.index && !handle.generation);
  thing_pool_release(&things, thing);
  thing_pool_destroy(&things);
  return 0;
}
