/* An object is written to through the reference that only reads.
 *
 * compile: rejects read-only|const-qualified
 */
#define OBJPOOL_IMPLEMENTATION
#include "misuse.h"

static thing_pool things;

int main(void) {
  {
    OBJPOOL_SCOPED(thing_pool) guard = thing_pool_guard_acquire(&things);
    REQUIRE(guard.object);
    MISTAKE(thing_pool_guard_ref(&guard)->value = 1);
    thing_pool_guard_mut(&guard)->value = 1;
  }
  thing_pool_destroy(&things);
  return 0;
}
