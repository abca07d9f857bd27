/* An object is released, without its type, to a pool of larger objects.
 *
 * plain: panic objpool: pool 'things': object {pointer} belongs to another pool
 * asan: panic objpool: pool 'things': object {pointer} belongs to another pool
 */
#include "misuse.h"

struct large {
  double numbers[32];
};

OBJPOOL_DEFINE(large_pool, struct large);

static large_pool things;
static thing_pool others;

int main(void) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.name = "things";
  REQUIRE(large_pool_init(&things, &config));
  struct thing *other = acquire_thing(&others);
  announce(other);
  MISTAKE(objpool_release(&things.base, other));
  thing_pool_release(&others, other);
  thing_pool_destroy(&others);
  large_pool_destroy(&things);
  return 0;
}
