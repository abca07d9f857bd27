/* C++: a scoped guard, which can be moved but not copied, is copied.
 *
 * compile: rejects deleted|use of deleted function
 */
#define OBJPOOL_IMPLEMENTATION
#include "misuse.h"

#include <utility>

static thing_pool things;

int main() {
  {
    OBJPOOL_SCOPED(thing_pool) guard = thing_pool_guard_acquire(&things);
    REQUIRE(guard);
#ifdef WITHOUT_MISTAKE
    OBJPOOL_SCOPED(thing_pool) second = std::move(guard);
#else
    OBJPOOL_SCOPED(thing_pool) second = guard; /* MISTAKE */
#endif
    REQUIRE(second);
  }
  thing_pool_destroy(&things);
  return 0;
}
