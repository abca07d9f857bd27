/* An object is released again long after its release: hundreds of others came and went, it lies deep in the pool.
 *
 * plain: panic objpool: pool 'things': object {pointer} released twice: it is idle already
 * asan: panic objpool: pool 'things': object {pointer} released twice: it is idle already
 */
#include "misuse.h"

#define OTHERS 1000

static thing_pool things;

int main(void) {
  static struct thing *other[OTHERS];
  open_things(&things);
  struct thing *thing = acquire_thing(&things);
  REQUIRE(thing_pool_acquire_many(&things, other, OTHERS) == OTHERS);
  announce(thing);
  thing_pool_release(&things, thing);
  thing_pool_release_many(&things, other, OTHERS);
  for (int i = 0; i < 10; i++) thing_pool_release(&things, acquire_thing(&things));
  MISTAKE(thing_pool_release(&things, thing));
  thing_pool_destroy(&things);
  return 0;
}
