/* Compiles silently: names a user may well have, as pools and variables. (As types: hygiene_types.c.) */
struct thing {
  int n;
};
typedef void *anything;
typedef const char *text;
typedef int (*handler)(int, struct thing *);
typedef struct {
  int config, context, count, name, T, self, base, result, stats, size;
} unnamed;
enum colour { red, green };
union either {
  int n;
  double x;
};

static int opt = 1, options, type, index_, slot, tag, memory, items, error;

#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

OBJPOOL_DEFINE(pool, void *);
OBJPOOL_DEFINE(object, struct thing);
OBJPOOL_DEFINE(guard, struct thing *);
OBJPOOL_DEFINE(T, struct thing);
OBJPOOL_DEFINE(name, anything);
OBJPOOL_DEFINE(texts, text);
OBJPOOL_DEFINE(config, handler);
OBJPOOL_DEFINE(context, unnamed);
OBJPOOL_DEFINE(count, int);
OBJPOOL_DEFINE(base, double, opt.local = true);
OBJPOOL_DEFINE(self, enum colour, opt.wipe = true);
OBJPOOL_DEFINE(stats, union either, opt.validate_on = OBJPOOL_ON_ACQUIRE);
OBJPOOL_DEFINE(size, unsigned long long);
OBJPOOL_DEFINE(data, const void *);
OBJPOOL_DEFINE(value, struct thing *);

static bool create_int(int *opt_, void *pool_) {
  *opt_ = 1;
  return pool_ == NULL;
}
OBJPOOL_DEFINE(ints, int, opt.create = create_int);

int main(void) {
  static pool pools;
  static config configs;
  static value values;
  static data datas;
  static ints int_pool;
  void **slot_of = pool_acquire(&pools);
  handler *call = config_acquire(&configs);
  struct thing **held = value_acquire(&values);
  const void **datum = data_acquire(&datas);
  int sum = opt + options + type + index_ + slot + tag + memory + items + error;
  if (!slot_of || !call || !held || !datum) return 1;
  *slot_of = &sum;
  *call = NULL;
  *datum = NULL;
  *held = NULL;
  pool_release(&pools, slot_of);
  config_release(&configs, call);
  value_release(&values, held);
  data_release(&datas, datum);
  OBJPOOL_WITH(ints, result, &int_pool) sum += *result;
  OBJPOOL_WITH(ints, once, &int_pool) sum += *once;
  OBJPOOL_WITH(ints, item, &int_pool) sum += *item;
  {
    OBJPOOL_SCOPED(ints) scope = ints_guard_acquire(&int_pool);
    if (scope.object) sum += *scope.object;
  }
  pool_destroy(&pools);
  config_destroy(&configs);
  value_destroy(&values);
  data_destroy(&datas);
  ints_destroy(&int_pool);
  return sum == 5 ? 0 : 2;
}
