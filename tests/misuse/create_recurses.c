/* A create hook builds each object out of another one of the same pool, without end: the cap ends it. Every level
 * gives back its reservation, the caller is told that create refused, and the pool is as good as before.
 *
 * plain: silence
 * asan: silence
 */
#include "misuse.h"

static objpool *pool_of_things;
static int depth;
static int deepest;

static bool create(struct thing *thing, void *context) {
  (void)context;
  thing->value = ++depth;
  if (depth > deepest) deepest = depth;
  void *inner = NULL;
  bool built = true;
  MISTAKE(inner = objpool_acquire(pool_of_things); built = inner != NULL);
  if (inner) objpool_release(pool_of_things, inner);
  depth--;
  return built;
}

OBJPOOL_DEFINE(nesting_pool, struct thing, opt.create = create);

static nesting_pool things;

int main(void) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.name = "things";
  config.max_objects = 10;
  REQUIRE(nesting_pool_init(&things, &config));
  pool_of_things = &things.base;
  struct thing *thing = nesting_pool_acquire(&things);
#ifdef WITHOUT_MISTAKE
  REQUIRE(thing);
  nesting_pool_release(&things, thing);
#else
  REQUIRE(!thing && errno == ECANCELED && deepest == 10); /* MISTAKE: in the hook above */
  objpool_stats stats = nesting_pool_stats(&things);
  REQUIRE(stats.in_use == 0 && stats.idle == 0 && stats.created == 0);
#endif
  nesting_pool_destroy(&things);
  return 0;
}
