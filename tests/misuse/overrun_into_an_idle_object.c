/* A write far past the end of an object lands in an idle neighbour.
 *
 * asan: report use-after-poison
 * valgrind: report Invalid write
 */
#include "misuse.h"

static thing_pool things;

int main(void) {
  volatile ptrdiff_t distance;
  open_things(&things);
  struct thing *mine = acquire_thing(&things);
  struct thing *neighbour = acquire_thing(&things);
  distance = (char *)neighbour - (char *)mine;
  thing_pool_release(&things, neighbour);
  REQUIRE(distance != 0);
  MISTAKE(((char *)mine)[distance] = 'x');
  thing_pool_release(&things, mine);
  thing_pool_destroy(&things);
  return 0;
}
