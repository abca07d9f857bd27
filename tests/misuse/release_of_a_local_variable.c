/* A variable on the stack is released.
 *
 * plain: panic objpool: pool 'things': object {pointer} is not an object of this pool
 */
#include "misuse.h"

static thing_pool things;

int main(void) {
  struct thing variable[2]; /* two, so that the word before the second is one that can be read */
  memset(variable, 0, sizeof variable);
  open_things(&things);
  thing_pool_release(&things, acquire_thing(&things));
  announce(&variable[1]);
  MISTAKE(thing_pool_release(&things, &variable[1]));
  thing_pool_destroy(&things);
  return variable[0].value;
}
