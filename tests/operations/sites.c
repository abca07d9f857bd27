/* Acquires in each way there is, and tells where the pool says that it was: "NAME OFFSET", as addr2line counts. Each call stands in
   a line marked AT NAME, in a function call_NAME: for tests/operations/test_sites.sh. Some objects leak in the end. */
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

#include <stdio.h>

struct thing {
  int number;
};
OBJPOOL_DEFINE(sites, struct thing, opt.tracked = true);
static sites pool;

#define APART static __attribute__((__noinline__))

static void tell(const objpool_hold *hold, void *name) {
  const char *file;
  uintptr_t offset = (uintptr_t)hold->site;
  (void)objpool__module_of(hold->site, &file, &offset);
  printf("%s %#llx\n", (const char *)name, (unsigned long long)offset);
}

APART void call_acquire(void) {
  struct thing *object = sites_acquire(&pool); /* AT acquire */
  objpool_each_held(&pool.base, 0, tell, (void *)"acquire");
  sites_release(&pool, object);
}

/* what is acquired is returned: the call is the last that is done */
APART struct thing *call_last(void) { return sites_acquire(&pool); /* AT last */ }

APART void call_again(void) {
  struct thing *object = sites_try_acquire(&pool); /* AT again */
  objpool_each_held(&pool.base, 0, tell, (void *)"again");
  sites_release(&pool, object);
}

APART void call_waiting(void) {
  struct thing *object = sites_acquire_for(&pool, OBJPOOL_MS(10)); /* AT waiting */
  objpool_each_held(&pool.base, 0, tell, (void *)"waiting");
  sites_release(&pool, object);
}

APART void call_many(void) {
  struct thing *objects[2];
  size_t count = sites_acquire_many(&pool, objects, 2); /* AT many */
  objpool_each_held(&pool.base, 0, tell, (void *)"many");
  sites_release_many(&pool, objects, count);
}

APART void call_guard(void) {
  OBJPOOL_SCOPED(sites) guard = sites_guard_acquire(&pool); /* AT guard */
  objpool_each_held(&pool.base, 0, tell, (void *)"guard");
}

APART void call_guard_for(void) {
  OBJPOOL_SCOPED(sites) guard = sites_guard_acquire_for(&pool, OBJPOOL_MS(10)); /* AT guard_for */
  objpool_each_held(&pool.base, 0, tell, (void *)"guard_for");
}

APART void call_with(void) {
  OBJPOOL_WITH(sites, object, &pool) { /* AT with */
    object->number++;
    objpool_each_held(&pool.base, 0, tell, (void *)"with");
  }
}

APART void call_typeless(void) {
  void *object = objpool_acquire(&pool.base); /* AT typeless */
  objpool_each_held(&pool.base, 0, tell, (void *)"typeless");
  objpool_release(&pool.base, object);
}

APART void call_typeless_try(void) {
  void *object = objpool_try_acquire(&pool.base); /* AT typeless_try */
  objpool_each_held(&pool.base, 0, tell, (void *)"typeless_try");
  objpool_release(&pool.base, object);
}

APART void call_typeless_for(void) {
  void *object = objpool_acquire_for(&pool.base, 1); /* AT typeless_for */
  objpool_each_held(&pool.base, 0, tell, (void *)"typeless_for");
  objpool_release(&pool.base, object);
}

APART void call_typeless_many(void) {
  void *objects[2];
  size_t count = objpool_acquire_many(&pool.base, objects, 2); /* AT typeless_many */
  objpool_each_held(&pool.base, 0, tell, (void *)"typeless_many");
  objpool_release_many(&pool.base, objects, count);
}

APART void call_async(void) {
  sites_waiter waiter = {};
  objpool_loop loop;
  if (!objpool_loop_init(&loop, OBJPOOL__NULL, OBJPOOL__NULL)) return;
  struct thing *object = sites_acquire_async(&pool, &waiter, &loop, 0, OBJPOOL__NULL); /* AT async */
  objpool_each_held(&pool.base, 0, tell, (void *)"async");
  sites_release(&pool, object);
  objpool_loop_destroy(&loop);
}

APART void call_typeless_async(void) {
  objpool_waiter waiter = {};
  objpool_loop loop;
  if (!objpool_loop_init(&loop, OBJPOOL__NULL, OBJPOOL__NULL)) return;
  void *object = objpool_acquire_async(&pool.base, &waiter, &loop, 0, OBJPOOL__NULL); /* AT typeless_async */
  objpool_each_held(&pool.base, 0, tell, (void *)"typeless_async");
  objpool_release(&pool.base, object);
  objpool_loop_destroy(&loop);
}

#ifdef __cplusplus
APART void call_member(void) {
  struct thing *object = sites::acquire(&pool); /* AT member */
  objpool_each_held(&pool.base, 0, tell, (void *)"member");
  sites::release(&pool, object);
}

APART void call_make(void) {
  struct thing *object = sites::make(&pool, 7); /* AT make */
  objpool_each_held(&pool.base, 0, tell, (void *)"make");
  sites::release(&pool, object);
}

APART void call_scoped(void) {
  objpool_scoped<sites> guard(&pool); /* AT scoped */
  objpool_each_held(&pool.base, 0, tell, (void *)"scoped");
}
#endif

/* different ones, or the compiler would make one function of both */
APART int call_leaked_once(void) { return sites_acquire(&pool) ? 1 : -10; }
APART int call_leaked_twice(void) { return sites_acquire(&pool) ? 2 : -20; }

int main(void) {
  struct thing *object;
  call_acquire();
  object = call_last();
  objpool_each_held(&pool.base, 0, tell, (void *)"last");
  sites_release(&pool, object);
  call_again();
  call_waiting();
  call_many();
  call_guard();
  call_guard_for();
  call_with();
  call_typeless();
  call_typeless_try();
  call_typeless_for();
  call_typeless_many();
  call_async();
  call_typeless_async();
#ifdef __cplusplus
  call_member();
  call_make();
  call_scoped();
#endif
  if (call_leaked_once() + call_leaked_twice() + call_leaked_twice() != 5) return 1;
  sites_destroy(&pool);
  return 0;
}
