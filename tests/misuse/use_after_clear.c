/* An object is read after the pool has given its memory back.
 *
 * asan: report heap-use-after-free
 * valgrind: report Invalid read
 */
#include "misuse.h"

static thing_pool things;

int main(void) {
  volatile int seen = 0;
  open_things(&things);
  struct thing *thing = acquire_thing(&things);
  thing_pool_release(&things, thing);
  REQUIRE(thing_pool_clear(&things) == 1);
  MISTAKE(seen = thing->value);
  thing_pool_destroy(&things);
  return seen;
}
