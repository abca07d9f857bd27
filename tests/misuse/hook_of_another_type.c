/* A hook takes another type than the pool's.
 *
 * compile: rejects incompatible.(function.)?pointer|invalid conversion|incompatible type
 */
#define OBJPOOL_IMPLEMENTATION
#include "misuse.h"

struct other {
  int value;
};

#ifdef WITHOUT_MISTAKE
static void reset(struct thing *thing, void *context) {
#else
static void reset(struct other *thing, void *context) { /* MISTAKE */
#endif
  (void)context;
  thing->value = 0;
}

OBJPOOL_DEFINE(resetting_pool, struct thing, opt.reset = reset);

static resetting_pool things;

int main(void) {
  resetting_pool_release(&things, resetting_pool_acquire(&things));
  resetting_pool_destroy(&things);
  return 0;
}
