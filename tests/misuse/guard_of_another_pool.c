/* A guard is made to adopt an object of one pool with the address of another.
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
  {
    thing_pool_guard guard;
    guard.object = acquire_thing(&others);
    guard.pool = &others;
    announce(guard.object);
    MISTAKE(guard.pool = &things);
    thing_pool_guard_release(&guard);
  }
  thing_pool_destroy(&others);
  thing_pool_destroy(&things);
  return 0;
}
