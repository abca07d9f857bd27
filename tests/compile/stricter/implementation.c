/* Compiles silently, the implementation too, at the warnings of use.c. */
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

struct thing {
  int n;
};
OBJPOOL_DEFINE(thing_pool, struct thing);
