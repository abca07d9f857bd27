/* Two files define a pool of the same name, one with a reset hook and one without, and share it.
 *
 * second:
 * plain: panic objpool: pool 'things': is defined with different options in two files
 */
#include "misuse.h"

static inline void reset(struct thing *thing, void *context) {
  (void)context;
  thing->value = 0;
}

#if defined SECOND && !defined WITHOUT_MISTAKE
OBJPOOL_DEFINE(shared_pool, struct thing); /* MISTAKE */
#else
OBJPOOL_DEFINE(shared_pool, struct thing, opt.reset = reset);
#endif

#ifdef __cplusplus
extern "C" {
#endif
void use_elsewhere(void *pool);
#ifdef __cplusplus
}
#endif

#ifdef SECOND

void use_elsewhere(void *pool) {
  shared_pool *things = (shared_pool *)pool;
  struct thing *batch[1000]; /* enough to need the slow paths, which look */
  size_t count = shared_pool_acquire_many(things, batch, 1000);
  shared_pool_release_many(things, batch, count);
  REQUIRE(shared_pool_clear(things) == 1000);
}

#else

static shared_pool things;

int main(void) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.name = "things";
  REQUIRE(shared_pool_init(&things, &config));
  struct thing *thing = shared_pool_acquire(&things);
  REQUIRE(thing);
  announce(&things);
  use_elsewhere(&things);
  shared_pool_release(&things, thing);
  shared_pool_destroy(&things);
  return 0;
}

#endif
