/* static_order.h: what the two files of the test of C++'s static order share. */
#ifndef STATIC_ORDER_H
#define STATIC_ORDER_H

#include "lifecycle.h"
#include "objpool.h"

struct thing {
  int value;
};

OBJPOOL_DEFINE(thing_pool, thing);

extern thing_pool things;
extern int users_alive;

/* Holds an object of the pool from its constructor to its destructor, whenever these may run. */
struct user {
  OBJPOOL_SCOPED(thing_pool) guard;
  user();
  ~user();
};

#endif
