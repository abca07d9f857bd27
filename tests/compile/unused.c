/* Compiles silently: pools nobody uses, the header included twice, the implementation asked for at the second time. */
#include "objpool.h"
#include "objpool.h"

typedef struct thing {
  int n;
} thing;

static bool thing_create(thing *object, void *context) {
  (void)context;
  return object->n == 0;
}
static void thing_touch(thing *object, void *context) {
  (void)object;
  (void)context;
}

OBJPOOL_DEFINE(plain_pool, thing);
OBJPOOL_DEFINE(hooked_pool, thing, opt.create = thing_create, opt.reset = thing_touch, opt.validate = thing_create,
               opt.destroy = thing_touch);
OBJPOOL_DEFINE(local_pool, thing, opt.local = true);
OBJPOOL_DEFINE(wiped_pool, thing, opt.wipe = true);

#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

int main(void) { return 0; }
