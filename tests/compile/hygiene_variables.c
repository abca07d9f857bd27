/* Compiles silently: variables of the file that are called like parameters of the generated functions. */
static int pool, object, objects, timeout_ns, guard, waiter, loop, ready, handle, config, opt;
static int count, keep, most, idle, max_idle, max_objects, threads;

#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

struct thing {
  int n;
};

OBJPOOL_DEFINE(things, struct thing);
OBJPOOL_DEFINE(named, struct thing, opt.handles = true, opt.timed = true, opt.tracked = true);

int main(void) {
  static things plain;
  static named others;
  struct thing *thing = things_acquire_for(&plain, 1);
  things_release(&plain, thing);
  OBJPOOL_WITH(named, one, &others) one->n = 1;
  things_destroy(&plain);
  named_destroy(&others);
  return pool + object + objects + timeout_ns + guard + waiter + loop + ready + handle + config + opt + count + keep +
         most + idle + max_idle + max_objects + threads;
}
