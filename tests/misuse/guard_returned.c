/* C only: a function ends with `return guard;` where it should `return thing_pool_guard_move(&guard);`. The end of its scope
 * releases the object, and what the caller gets is a guard of an object which is no longer its own.
 *
 * plain: panic objpool: pool 'things': object {pointer} released twice: it is idle already
 * asan: panic objpool: pool 'things': object {pointer} released twice: it is idle already
 */
#include "misuse.h"

static thing_pool things;

static thing_pool_guard open_thing(void) {
  OBJPOOL_SCOPED(thing_pool) guard = thing_pool_guard_acquire(&things);
  REQUIRE(guard.object);
  announce(guard.object);
#ifdef WITHOUT_MISTAKE
  return thing_pool_guard_move(&guard);
#else
  return guard; /* MISTAKE */
#endif
}

int main(void) {
  open_things(&things);
  {
    OBJPOOL_SCOPED(thing_pool) guard = open_thing();
    REQUIRE(guard.object);
  }
  thing_pool_destroy(&things);
  return 0;
}
