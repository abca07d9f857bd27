/* A guard is used after its object moved on to another.
 *
 * plain: panic objpool: pool 'things': used an empty guard (its object was released, taken or moved)
 * asan: panic objpool: pool 'things': used an empty guard (its object was released, taken or moved)
 */
#include "misuse.h"

static thing_pool things;

int main(void) {
  open_things(&things);
  {
    OBJPOOL_SCOPED(thing_pool) first = thing_pool_guard_acquire(&things);
    REQUIRE(first.object);
    OBJPOOL_SCOPED(thing_pool) second = thing_pool_guard_move(&first);
    REQUIRE(second.object);
    MISTAKE(thing_pool_guard_mut(&first)->value = 1);
  }
  thing_pool_destroy(&things);
  return 0;
}
