/* An object is released after its pool was destroyed: its memory is gone.
 *
 * asan: report heap-use-after-free
 */
#include "misuse.h"

static thing_pool things;

int main(void) {
  open_things(&things);
  struct thing *thing = acquire_thing(&things);
#ifdef WITHOUT_MISTAKE
  thing_pool_release(&things, thing);
#endif
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.on_leak = OBJPOOL_LEAK_IGNORE;
  thing_pool_destroy(&things);
  MISTAKE(thing_pool_release(&things, thing));
  thing_pool_destroy(&things);
  return 0;
}
