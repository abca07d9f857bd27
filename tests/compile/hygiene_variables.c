/* Compiles silently: variables of the file that are called like parameters of the generated functions. */
static int pool, object, objects, timeout_ns, guard, waiter, loop, ready, handle, config, opt;
static int count, keep, most, idle, max_idle, max_objects, threads, set, buffer, size, keep_bytes;

#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

struct thing {
  int n;
};

OBJPOOL_DEFINE(things, struct thing);
OBJPOOL_DEFINE(named, struct thing, opt.handles = true, opt.timed = true, opt.tracked = true);
OBJPOOL_SIZES(buffers, 64, 256);

int main(void) {
  static things plain;
  static named others;
  static buffers bytes;
  struct thing *thing = things_acquire_for(&plain, 1);
  things_release(&plain, thing);
  OBJPOOL_WITH(named, one, &others) one->n = 1;
  buffers_release(&bytes, buffers_grow(&bytes, buffers_acquire(&bytes, 10), 100));
  buffers_destroy(&bytes);
  things_destroy(&plain);
  named_destroy(&others);
  return pool + object + objects + timeout_ns + guard + waiter + loop + ready + handle + config + opt + count + keep +
         most + idle + max_idle + max_objects + threads + set + buffer + size + keep_bytes;
}
