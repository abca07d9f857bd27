/* An object is discarded after its release.
 *
 * plain: panic objpool: pool 'things': object {pointer} released twice: it is idle already
 * asan: panic objpool: pool 'things': object {pointer} released twice: it is idle already
 */
#include "misuse.h"

static thing_pool things;

int main(void) {
  open_things(&things);
  struct thing *thing = acquire_thing(&things);
  announce(thing);
  thing_pool_release(&things, thing);
  MISTAKE(thing_pool_discard(&things, thing));
  thing_pool_destroy(&things);
  return 0;
}
