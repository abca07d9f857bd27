/* release_many is given the same object twice.
 *
 * plain: panic objpool: pool 'things': object {pointer} released twice: it is idle already
 * asan: panic objpool: pool 'things': object {pointer} released twice: it is idle already
 */
#include "misuse.h"

static thing_pool things;

int main(void) {
  struct thing *batch[3];
  open_things(&things);
  REQUIRE(thing_pool_acquire_many(&things, batch, 3) == 3);
  announce(batch[0]);
  MISTAKE(thing_pool_release(&things, batch[2]); batch[2] = batch[0]);
  thing_pool_release_many(&things, batch, 3);
  thing_pool_destroy(&things);
  return 0;
}
