/* The panic of a double release is made to return: the call had no effect, and every object still has one owner.
 *
 * plain: silence
 * asan: silence
 */
static int panics;
#define OBJPOOL_PANIC(message) ((void)(message), panics++)
#define OBJPOOL_IMPLEMENTATION
#include "misuse.h"

static thing_pool things;

int main(void) {
  open_things(&things);
  struct thing *thing = acquire_thing(&things);
  thing_pool_release(&things, thing);
#ifndef WITHOUT_MISTAKE
  thing_pool_release(&things, thing); /* MISTAKE */
  thing_pool_discard(&things, thing);
  REQUIRE(panics == 2);
#endif
  struct thing *first = acquire_thing(&things);
  struct thing *second = acquire_thing(&things);
  REQUIRE(first != second);
  objpool_stats stats = thing_pool_stats(&things);
  REQUIRE(stats.acquires == 3 && stats.releases == 1 && stats.in_use == 2 && stats.idle == 0);
  thing_pool_release(&things, first);
  thing_pool_release(&things, second);
  thing_pool_destroy(&things);
  return 0;
}
