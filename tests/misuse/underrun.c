/* A write before the start of an object hits the word the pool knows it by: its release finds no object there.
 *
 * plain: panic objpool: pool 'things': object {pointer} is not in use: it was released, destroyed or extracted before, or overwritten in front
 * asan: panic objpool: pool 'things': object {pointer} is not in use: it was released, destroyed or extracted before, or overwritten in front
 */
#include "misuse.h"

static thing_pool things;

int main(void) {
  volatile int before = -1;
  open_things(&things);
  struct thing *thing = acquire_thing(&things);
  announce(thing);
#ifdef WITHOUT_MISTAKE
  before = 0;
#endif
  ((int *)(void *)thing)[before] = 12345; /* MISTAKE: the index is -1 */
  thing_pool_release(&things, thing);
  thing_pool_destroy(&things);
  return 0;
}
