/* An object of a pool for one thread at a time is written to after its release.
 *
 * asan: report use-after-poison
 * valgrind: report Invalid write
 */
#include "misuse.h"

OBJPOOL_DEFINE(local_pool, struct thing, opt.local = true);

static local_pool things;

int main(void) {
  struct thing *thing = local_pool_acquire(&things);
  REQUIRE(thing);
  local_pool_release(&things, thing);
  MISTAKE(thing->value = 1);
  local_pool_destroy(&things);
  return 0;
}
