/* A guard is copied: both copies release the object at the end of their scopes.
 *
 * plain: panic objpool: pool 'things': object {pointer} released twice: it is idle already
 * asan: panic objpool: pool 'things': object {pointer} released twice: it is idle already
 */
#include "misuse.h"

static thing_pool things;

int main(void) {
  open_things(&things);
  {
    thing_pool_guard guard = thing_pool_guard_acquire(&things);
    REQUIRE(guard.object);
    announce(guard.object);
    MISTAKE(thing_pool_guard copy = guard; thing_pool_guard_release(&copy));
    thing_pool_guard_release(&guard);
  }
  thing_pool_destroy(&things);
  return 0;
}
