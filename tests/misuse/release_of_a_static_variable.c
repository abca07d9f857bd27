/* A static variable is released.
 *
 * plain: panic objpool: pool 'things': object {pointer} is not an object of this pool
 */
#include "misuse.h"

static thing_pool things;
static struct thing table[2];

int main(void) {
  open_things(&things);
  thing_pool_release(&things, acquire_thing(&things));
  announce(&table[1]);
  MISTAKE(thing_pool_release(&things, &table[1]));
  thing_pool_destroy(&things);
  return table[0].value;
}
