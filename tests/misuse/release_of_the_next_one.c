/* The pointer was moved on by one, as in an array, before its release.
 *
 * plain: panic objpool: pool 'things': object {pointer} points into the middle of an object
 * asan: panic objpool: pool 'things': object {pointer} points into the middle of an object
 */
#include "misuse.h"

static thing_pool things;

int main(void) {
  open_things(&things);
  struct thing *thing = acquire_thing(&things);
  announce(thing + 1);
  MISTAKE(thing_pool_release(&things, thing + 1));
  thing_pool_release(&things, thing);
  thing_pool_destroy(&things);
  return 0;
}
