/* The acquire behind a guard failed, at the cap, and nobody looked.
 *
 * plain: panic objpool: pool 'things': used an empty guard (its object was released, taken or moved)
 * asan: panic objpool: pool 'things': used an empty guard (its object was released, taken or moved)
 */
#include "misuse.h"

static thing_pool things;

int main(void) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.name = "things";
  config.max_objects = 1;
  REQUIRE(thing_pool_init(&things, &config));
  {
    OBJPOOL_SCOPED(thing_pool) first = thing_pool_guard_acquire(&things);
    REQUIRE(first.object);
    OBJPOOL_SCOPED(thing_pool) second = thing_pool_guard_acquire(&things);
    MISTAKE(REQUIRE(thing_pool_guard_ref(&second)->value == 0));
    REQUIRE(!second.object);
  }
  thing_pool_destroy(&things);
  return 0;
}
