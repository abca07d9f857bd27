/* Two files have a private copy of the implementation each, and share a pool: it belongs to the copy that used it first.
 *
 * second:
 * plain: panic objpool: pool 'things': is shared between two copies of the implementation
 */
#define OBJPOOL_STATIC
#define OBJPOOL_IMPLEMENTATION
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
  static thing_pool own;
  thing_pool *things = &own;
  (void)pool;
  MISTAKE(things = (thing_pool *)pool);
  struct thing *batch[1000]; /* enough to need the slow paths, which look */
  size_t count = thing_pool_acquire_many(things, batch, 1000);
  thing_pool_release_many(things, batch, count);
  REQUIRE(thing_pool_clear(things) == 1000);
  if (things == &own) thing_pool_destroy(&own);
}

#else

static thing_pool things;

int main(void) {
  open_things(&things);
  announce(&things);
  struct thing *thing = acquire_thing(&things);
  use_elsewhere(&things);
  thing_pool_release(&things, thing);
  thing_pool_destroy(&things);
  return 0;
}

#endif
