/* An object is written to after its release.
 *
 * asan: report use-after-poison
 * valgrind: report Invalid write
 */
#include "misuse.h"

static thing_pool things;

int main(void) {
  open_things(&things);
  struct thing *thing = acquire_thing(&things);
  thing_pool_release(&things, thing);
  MISTAKE(thing->value = 1);
  thing_pool_destroy(&things);
  return 0;
}
