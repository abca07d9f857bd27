/* An object is acquired and its address dropped.
 *
 * compile: rejects unused-result
 */
#define OBJPOOL_IMPLEMENTATION
#include "misuse.h"

static thing_pool things;

int main(void) {
  open_things(&things);
  MISTAKE(thing_pool_acquire(&things));
  thing_pool_destroy(&things);
  return 0;
}
