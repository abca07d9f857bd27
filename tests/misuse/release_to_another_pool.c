/* An object is released to another pool of the same type.
 *
 * plain: panic objpool: pool 'things': object {pointer} belongs to another pool
 * asan: panic objpool: pool 'things': object {pointer} belongs to another pool
 */
#include "misuse.h"

static thing_pool things;
static thing_pool others;

int main(void) {
  open_things(&things);
  thing_pool_release(&things, acquire_thing(&things));
  struct thing *other = acquire_thing(&others);
  announce(other);
  MISTAKE(thing_pool_release(&things, other));
  thing_pool_release(&others, other);
  thing_pool_destroy(&others);
  thing_pool_destroy(&things);
  return 0;
}
