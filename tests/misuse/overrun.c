/* A write past the end of an object reaches the word in front of its neighbour, by which the pool knows that one: its release
 * finds out. (A write that stays inside the padding behind the object goes unseen.)
 *
 * plain: panic objpool: pool 'things': object {pointer} is not in use: it was released, destroyed or extracted before, or overwritten in front
 * asan: panic objpool: pool 'things': object {pointer} is not in use: it was released, destroyed or extracted before, or overwritten in front
 */
#include "misuse.h"

static thing_pool things;

int main(void) {
  struct thing *first, *second;
  volatile size_t length = 0;
  open_things(&things);
  first = acquire_thing(&things);
  second = acquire_thing(&things);
  if (second < first) { /* in whichever order they lie */
    struct thing *lower = second;
    second = first;
    first = lower;
  }
  announce(second);
  MISTAKE(length = (size_t)((char *)second - (char *)first));
  for (size_t i = 0; i < length; i++) ((char *)first)[i] = 'x';
  thing_pool_release(&things, second);
  thing_pool_release(&things, first);
  thing_pool_destroy(&things);
  return 0;
}
