/* An object is still in use when a pool is destroyed which was told to abort then.
 *
 * plain: panic objpool: pool 'things': destroyed with 1 object in use
 * asan: panic objpool: pool 'things': destroyed with 1 object in use
 */
#include "misuse.h"

static thing_pool things;

int main(void) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.name = "things";
  config.on_leak = OBJPOOL_LEAK_ABORT;
  REQUIRE(thing_pool_init(&things, &config));
  struct thing *thing = acquire_thing(&things);
#ifdef WITHOUT_MISTAKE
  thing_pool_release(&things, thing);
#else
  thing->value = 1; /* MISTAKE: and then it is forgotten */
#endif
  thing_pool_destroy(&things);
  return 0;
}
