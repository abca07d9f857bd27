/* error: immovable|deleted|not declared|no member|no matching|undeclared */
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"
struct still {
  still() = default;
  still(const still &) = delete;
};
OBJPOOL_DEFINE(still_pool, still);
static still_pool pool;
int main() {
  still_pool_extract(&pool, still_pool_acquire(&pool));
  return 0;
}
