/* An object is still in use when its pool is destroyed: the default is a report on stderr.
 *
 * plain: prints objpool: pool 'things': destroyed with 1 object in use
 * asan: prints objpool: pool 'things': destroyed with 1 object in use
 */
#include "misuse.h"

static thing_pool things;

int main(void) {
  open_things(&things);
  struct thing *thing = acquire_thing(&things);
#ifdef WITHOUT_MISTAKE
  thing_pool_release(&things, thing);
#else
  thing->value = 1; /* MISTAKE: and then it is forgotten */
#endif
  thing_pool_destroy(&things);
  return 0;
}
