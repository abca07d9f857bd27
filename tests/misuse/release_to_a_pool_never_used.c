/* An object is released to an all-zero pool which never handed out anything.
 *
 * plain: panic objpool: pool 'thing_pool': object {pointer} given back to a pool that handed nothing out
 * asan: panic objpool: pool 'thing_pool': object {pointer} given back to a pool that handed nothing out
 */
#include "misuse.h"

static thing_pool things;
static thing_pool never_used;

int main(void) {
  open_things(&things);
  struct thing *thing = acquire_thing(&things);
  announce(thing);
  thing_pool_release(&never_used, NULL);
  MISTAKE(thing_pool_release(&never_used, thing));
  thing_pool_release(&things, thing);
  thing_pool_destroy(&things);
  return 0;
}
