/* Two pools are given the same name: the second is not opened.
 *
 * plain: silence
 * asan: silence
 */
#include "misuse.h"

static thing_pool things;
static thing_pool others;

int main(void) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.name = "others";
  MISTAKE(config.name = "things");
  open_things(&things);
  errno = 0;
  bool opened = thing_pool_init(&others, &config);
#ifdef WITHOUT_MISTAKE
  REQUIRE(opened);
#else
  REQUIRE(!opened && errno == EEXIST);
#endif
  thing_pool_destroy(&others);
  thing_pool_destroy(&things);
  return 0;
}
