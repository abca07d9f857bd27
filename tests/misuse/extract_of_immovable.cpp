/* C++: the value of an object which cannot be moved is to be moved out.
 *
 * compile: rejects (has no member named|not declared|no member named|undeclared|deleted|no matching function|not a member)
 */
#define OBJPOOL_IMPLEMENTATION
#include "misuse.h"

struct immovable {
  int value = 1;
  immovable() = default;
  immovable(const immovable &) = delete;
  immovable &operator=(const immovable &) = delete;
};

OBJPOOL_DEFINE(immovable_pool, immovable);

static immovable_pool things;

int main() {
  immovable *object = immovable_pool_acquire(&things);
  REQUIRE(object && object->value == 1);
  MISTAKE(immovable_pool_extract(&things, object));
  immovable_pool_release(&things, object);
  immovable_pool_destroy(&things);
  return 0;
}
