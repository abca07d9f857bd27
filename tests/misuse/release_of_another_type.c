/* An object of another type is released.
 *
 * compile: rejects incompatible.pointer|cannot convert|no matching function
 */
#define OBJPOOL_IMPLEMENTATION
#include "misuse.h"

struct other {
  int value;
};

static thing_pool things;

int main(void) {
  struct other *other = NULL;
  open_things(&things);
  MISTAKE(thing_pool_release(&things, other));
  thing_pool_destroy(&things);
  return other != NULL;
}
