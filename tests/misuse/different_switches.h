/* different_switches.h: two files that share a pool. The second is compiled with -DSECOND, and with a switch of objpool.h that
 * the first was not given, unless the program that includes this takes it back. */
#include "misuse.h"

#ifdef __cplusplus
extern "C" {
#endif
void use_elsewhere(void *pool);
#ifdef __cplusplus
}
#endif

#ifdef SECOND

void use_elsewhere(void *pool) {
  thing_pool *things = (thing_pool *)pool;
  thing_pool_release(things, acquire_thing(things));
}

#else

static thing_pool things;

int main(void) {
  use_elsewhere(&things);
  thing_pool_destroy(&things);
  return 0;
}

#endif
