/* An object is written to after its pool was destroyed.
 *
 * asan: report heap-use-after-free
 * valgrind: report Invalid write
 */
#include "misuse.h"

static thing_pool things;

int main(void) {
  open_things(&things);
  struct thing *thing = acquire_thing(&things);
  thing_pool_release(&things, thing);
  thing_pool_destroy(&things);
  MISTAKE(thing->value = 1);
  return 0;
}
