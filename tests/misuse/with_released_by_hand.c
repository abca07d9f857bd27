/* The object of OBJPOOL_WITH is released inside its block, which releases it at its end.
 *
 * plain: panic objpool: pool 'things': object {pointer} released twice: it is idle already
 * asan: panic objpool: pool 'things': object {pointer} released twice: it is idle already
 */
#include "misuse.h"

static thing_pool things;

int main(void) {
  open_things(&things);
  OBJPOOL_WITH(thing_pool, thing, &things) {
    announce(thing);
    MISTAKE(thing_pool_release(&things, thing));
  }
  thing_pool_destroy(&things);
  return 0;
}
