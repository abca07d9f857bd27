/* longjmp leaves the scope of a guard: no release runs, and the object is missed when the pool is destroyed.
 *
 * plain: prints objpool: pool 'things': destroyed with 1 object in use
 */
#include "misuse.h"

#include <setjmp.h>

static thing_pool things;
static jmp_buf back;

static void leave(void) {
  OBJPOOL_SCOPED(thing_pool) guard = thing_pool_guard_acquire(&things);
  REQUIRE(guard.object);
  MISTAKE(longjmp(back, 1));
}

int main(void) {
  open_things(&things);
  if (setjmp(back) == 0) leave();
  thing_pool_destroy(&things);
  return 0;
}
