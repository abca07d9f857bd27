/* The other file of test_two_files.c: it has no implementation, and uses the same pools. */
#include "support.h"

#define OBJPOOL_PANIC(message) second_seen_panic(message)
#define SECOND_FILE
#include "test_two_files.h"

shared_pool second_owns;

thing *second_acquire(shared_pool *pool) { return shared_pool_acquire(pool); }

void second_release(shared_pool *pool, thing *object) { shared_pool_release(pool, object); }

size_t second_guarded(shared_pool *pool) {
  OBJPOOL_SCOPED(shared_pool) guard = shared_pool_guard_acquire(pool);
  if (!guard.object) return 0;
  guard.object->n = 1;
  return (size_t)shared_pool_stats(pool).in_use;
}

void second_uses_disputed(void *pool, void *unused) {
  disputed_pool *disputed = (disputed_pool *)pool;
  (void)unused;
  if (!disputed_pool_attach(disputed)) return; /* slow paths notice */
  (void)disputed_pool_warmup(disputed, 200);
  (void)disputed_pool_clear(disputed);
}
