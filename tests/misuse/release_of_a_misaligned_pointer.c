/* A pointer three bytes into the object is released.
 *
 * plain: panic objpool: pool 'things': object {pointer} points into the middle of an object
 * asan: panic objpool: pool 'things': object {pointer} points into the middle of an object
 */
#include "misuse.h"

static thing_pool things;

int main(void) {
  open_things(&things);
  struct thing *thing = acquire_thing(&things);
  char *inside = (char *)thing + 3;
  announce(inside);
  MISTAKE(objpool_release(&things.base, inside));
  thing_pool_release(&things, thing);
  thing_pool_destroy(&things);
  return 0;
}
