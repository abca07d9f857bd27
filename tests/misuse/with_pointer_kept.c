/* The object of OBJPOOL_WITH is used after its block.
 *
 * asan: report use-after-poison
 * valgrind: report Invalid write
 */
#include "misuse.h"

static thing_pool things;

int main(void) {
  struct thing *kept = NULL;
  open_things(&things);
  OBJPOOL_WITH(thing_pool, thing, &things) {
    kept = thing;
  }
  REQUIRE(kept);
  MISTAKE(kept->value = 1);
  thing_pool_destroy(&things);
  return 0;
}
