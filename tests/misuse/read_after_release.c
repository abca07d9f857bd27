/* A decision is made on an object after its release.
 *
 * asan: report use-after-poison
 * msan: report use-of-uninitialized-value
 * valgrind: report Invalid read
 */
#include "misuse.h"

static thing_pool things;

int main(void) {
  open_things(&things);
  struct thing *thing = acquire_thing(&things);
  thing->value = 1;
  thing_pool_release(&things, thing);
  MISTAKE(if (thing->value == 2) puts("two"));
  thing_pool_destroy(&things);
  return 0;
}
