/* An object is given to free.
 *
 * asan: report AddressSanitizer
 * valgrind: report Invalid free
 */
#include "misuse.h"

static thing_pool things;

int main(void) {
  open_things(&things);
  struct thing *thing = acquire_thing(&things);
  void *volatile address = thing; /* or the compiler sees the mistake, too */
  REQUIRE(address);
  MISTAKE(free(address));
  thing_pool_release(&things, thing);
  thing_pool_destroy(&things);
  return 0;
}
