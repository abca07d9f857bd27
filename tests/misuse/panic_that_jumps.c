/* The panic of a release to the wrong pool is made to jump away: no lock is held, both pools go on.
 *
 * plain: silence
 * asan: silence
 */
#include <setjmp.h>
static jmp_buf back;
#define OBJPOOL_PANIC(message) ((void)(message), longjmp(back, 1))
#define OBJPOOL_IMPLEMENTATION
#include "misuse.h"

static thing_pool things;
static thing_pool others;

int main(void) {
  open_things(&things);
  struct thing *other = acquire_thing(&others);
  if (setjmp(back) == 0) {
    MISTAKE(thing_pool_release(&things, other); REQUIRE(!"reached"));
  }
  REQUIRE(thing_pool_stats(&things).releases == 0);
  thing_pool_release(&things, acquire_thing(&things));
  thing_pool_release(&others, other);
  REQUIRE(thing_pool_trim(&others, 0) == 1 && thing_pool_clear(&things) == 1);
  thing_pool_destroy(&others);
  thing_pool_destroy(&things);
  return 0;
}
