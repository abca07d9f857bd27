/* Compiles silently without the implementation, which another file has. (It is compiled, not linked.) */
#include "objpool.h"

typedef struct thing {
  int n;
} thing;

OBJPOOL_DEFINE(thing_pool, thing);
extern thing_pool shared_things;

int use_shared_things(void);
int use_shared_things(void) {
  OBJPOOL_WITH(thing_pool, object, &shared_things) return object->n;
  return -1;
}
