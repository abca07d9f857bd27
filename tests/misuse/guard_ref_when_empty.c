/* The object of a guard is asked for after the guard was released.
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
    REQUIRE(thing_pool_guard_ref(&guard)->value == 0);
    thing_pool_guard_release(&guard);
    MISTAKE(REQUIRE(thing_pool_guard_ref(&guard)->value == 0));
  }
  thing_pool_destroy(&things);
  return 0;
}
