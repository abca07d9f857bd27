/* A pool is asked to keep more idle objects than may ever be alive. init says so; the pool stays all-zero, which is a pool
 * with default settings, and works.
 *
 * plain: silence
 * asan: silence
 */
#include "misuse.h"

static thing_pool things;

int main(void) {
  static thing_pool zero;
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.max_objects = 10;
  config.max_idle = 10;
  MISTAKE(config.max_idle = 11);
  errno = 0;
  bool opened = thing_pool_init(&things, &config);
#ifdef WITHOUT_MISTAKE
  REQUIRE(opened);
#else
  REQUIRE(!opened && errno == EINVAL && memcmp(&things, &zero, sizeof zero) == 0);
#endif
  thing_pool_release(&things, acquire_thing(&things));
  thing_pool_destroy(&things);
  REQUIRE(memcmp(&things, &zero, sizeof zero) == 0);
  return 0;
}
