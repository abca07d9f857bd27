/* The object of a guard is written to through the guard after it was taken out.
 *
 * plain: panic objpool: pool 'things': used an empty guard (its object was released, taken or moved)
 * asan: panic objpool: pool 'things': used an empty guard (its object was released, taken or moved)
 */
#include "misuse.h"

static thing_pool things;

int main(void) {
  open_things(&things);
  {
    OBJPOOL_SCOPED(thing_pool) guard = thing_pool_guard_acquire(&things);
    REQUIRE(guard.object);
    struct thing *mine = thing_pool_guard_take(&guard);
    REQUIRE(mine);
    MISTAKE(thing_pool_guard_mut(&guard)->value = 1);
    thing_pool_release(&things, mine);
  }
  thing_pool_destroy(&things);
  return 0;
}
