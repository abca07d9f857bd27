// A module that defines pools and exports functions that use them, inline ones too.
module;
#include <string>
#include "objpool.h"
export module items;

export struct item {
  int n;
  std::string text;
};
OBJPOOL_DEFINE(item_pool, item, opt.reset = [](item *one, void *) { one->text.clear(); });
OBJPOOL_DEFINE(local_pool, int, opt.local = true);
#ifdef EXPORTED // g++ alone exports a whole definition
export OBJPOOL_DEFINE(open_pool, item);
#else
OBJPOOL_DEFINE(item_pool_of_others, item);
export using open_pool = item_pool_of_others;
export inline item *open_pool_acquire(open_pool *pool) { return item_pool_of_others_acquire(pool); }
export inline void open_pool_release(open_pool *pool, item *one) { item_pool_of_others_release(pool, one); }
#endif

item_pool pool;
export open_pool open_items;

export inline item *take() { return item_pool_acquire(&pool); }
export inline void give(item *one) { item_pool_release(&pool, one); }
export inline int guarded() {
  OBJPOOL_SCOPED(item_pool) guard = item_pool_guard_acquire(&pool);
  return guard ? ++guard->n : -1;
}
export inline int with() {
  OBJPOOL_WITH(item_pool, one, &pool) return ++one->n;
  return -1;
}
export inline item extracted() { return item_pool_extract(&pool, item_pool_acquire(&pool)); }
export template <class T> int by_template(T more) {
  item *one = item_pool_acquire(&pool);
  int sum = one ? one->n + more : -1;
  item_pool_release(&pool, one);
  return sum;
}
export int out_of_line();
int out_of_line() {
  static local_pool locals;
  int *one = local_pool_acquire(&locals);
  local_pool_release(&locals, one);
  local_pool_destroy(&locals);
  return one ? static_cast<int>(item_pool_stats(&pool).in_use) : -1;
}
