/* Compiles silently: object types that are called like what the header speaks of. */
struct pool {
  int pool;
};
struct object {
  int object;
};
struct guard {
  int guard;
};
typedef struct T {
  int opt;
} T;
typedef int context;
typedef enum { one, two } config;
struct base {
  struct pool pool;
  struct object *object;
};
struct slot {
  int name, size, self, value;
};

#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

static bool create(struct pool *object, void *pool) {
  object->pool = 1;
  return pool == NULL;
}
static void reset(T *pool, void *object) {
  pool->opt = 0;
  (void)object;
}

OBJPOOL_DEFINE(pools, struct pool, opt.create = create);
OBJPOOL_DEFINE(objects, struct object);
OBJPOOL_DEFINE(guards, struct guard);
OBJPOOL_DEFINE(ts, T, opt.reset = reset);
OBJPOOL_DEFINE(contexts, context);
OBJPOOL_DEFINE(configs, config);
OBJPOOL_DEFINE(bases, struct base);
OBJPOOL_DEFINE(slots, struct slot);

int main(void) {
  static pools pool;
  static guards guard;
  static objects object;
  int sum = 0;
  OBJPOOL_WITH(pools, opt, &pool) sum += opt->pool;
  OBJPOOL_WITH(guards, pool_, &guard) sum += pool_->guard;
  OBJPOOL_WITH(objects, guard_, &object) sum += guard_->object;
  pools_destroy(&pool);
  guards_destroy(&guard);
  objects_destroy(&object);
  return sum == 1 ? 0 : 1;
}
