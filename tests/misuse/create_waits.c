/* A create hook waits for an object of its own pool, at the cap, which its own reservation filled: nobody can end that wait
 * but the timeout.
 *
 * plain: silence
 * asan: silence
 */
#include "misuse.h"

#ifndef WITHOUT_MISTAKE
static int waited;
#endif

static bool create(struct thing *thing, void *context);

OBJPOOL_DEFINE(waiting_pool, struct thing, opt.create = create);

static waiting_pool things;

static bool create(struct thing *thing, void *context) {
  (void)context;
  thing->value = 1;
#ifndef WITHOUT_MISTAKE
  struct thing *other = waiting_pool_acquire_for(&things, 1000000); /* MISTAKE */
  REQUIRE(!other && errno == ETIMEDOUT);
  waited++;
  return false;
#else
  return true;
#endif
}

int main(void) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.name = "things";
  config.max_objects = 1;
  REQUIRE(waiting_pool_init(&things, &config));
  struct thing *thing = waiting_pool_acquire(&things);
  MISTAKE(REQUIRE(!thing && errno == ECANCELED && waited == 1));
  if (thing) waiting_pool_release(&things, thing);
  waiting_pool_destroy(&things);
  return 0;
}
