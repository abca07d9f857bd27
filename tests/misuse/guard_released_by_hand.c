/* The object of a guard is released by hand; the end of the scope releases it again.
 *
 * plain: panic objpool: pool 'things': object {pointer} released twice: it is idle already
 * asan: panic objpool: pool 'things': object {pointer} released twice: it is idle already
 */
#include "misuse.h"

static thing_pool things;

int main(void) {
  open_things(&things);
  {
    OBJPOOL_SCOPED(thing_pool) guard = thing_pool_guard_acquire(&things);
    REQUIRE(guard.object);
    announce(guard.object);
    MISTAKE(thing_pool_release(&things, guard.object));
  }
  thing_pool_destroy(&things);
  return 0;
}
