/* Memory from malloc is released to a pool.
 *
 * plain: panic objpool: pool 'things': object {pointer} is not an object of this pool
 */
#include "misuse.h"

static thing_pool things;

int main(void) {
  open_things(&things);
  thing_pool_release(&things, acquire_thing(&things));
  struct thing *memory = (struct thing *)calloc(2, sizeof *memory);
  REQUIRE(memory);
  announce(memory + 1);
  MISTAKE(thing_pool_release(&things, memory + 1));
  free(memory);
  thing_pool_destroy(&things);
  return 0;
}
