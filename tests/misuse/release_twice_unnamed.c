/* An object of a pool that was never given a name, nor even initialised, is released twice.
 *
 * plain: panic objpool: pool 'thing_pool': object {pointer} released twice: it is idle already
 * asan: panic objpool: pool 'thing_pool': object {pointer} released twice: it is idle already
 */
#include "misuse.h"

static thing_pool things;

int main(void) {
  struct thing *thing = acquire_thing(&things);
  announce(thing);
  thing_pool_release(&things, thing);
  MISTAKE(thing_pool_release(&things, thing));
  thing_pool_destroy(&things);
  return 0;
}
