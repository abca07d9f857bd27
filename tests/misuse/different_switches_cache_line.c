/* Two files are compiled with different switches, the second for lines of another size: they do not link.
 *
 * second: -DOBJPOOL_CACHE_LINE=64
 * link: rejects undefined (reference|symbol)
 */
#if defined SECOND && defined WITHOUT_MISTAKE
#undef OBJPOOL_CACHE_LINE /* MISTAKE: to have said so in one file only */
#endif
#ifndef SECOND
#define OBJPOOL_IMPLEMENTATION
#endif
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
