/* C++: a guard is used after it was moved from.
 *
 * plain: panic objpool: pool 'things': used an empty guard (its object was released, taken or moved)
 * asan: panic objpool: pool 'things': used an empty guard (its object was released, taken or moved)
 */
#include "misuse.h"

#include <utility>

static thing_pool things;

int main() {
  open_things(&things);
  {
    OBJPOOL_SCOPED(thing_pool) first = thing_pool_guard_acquire(&things);
    REQUIRE(first);
    OBJPOOL_SCOPED(thing_pool) second = std::move(first);
    REQUIRE(second);
    MISTAKE(thing_pool_guard_mut(&first)->value = 1);
  }
  thing_pool_destroy(&things);
  return 0;
}
