/* A pool is given a function that allocates and none that deallocates.
 *
 * plain: silence
 * asan: silence
 */
#include "misuse.h"

static thing_pool things;

static void *allocate(size_t size, size_t alignment, void *context) {
  (void)context;
  return aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

static void deallocate(void *memory, size_t size, size_t alignment, void *context) {
  (void)size, (void)alignment, (void)context;
  free(memory);
}

int main(void) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.allocator.allocate = allocate;
  config.allocator.deallocate = deallocate;
  MISTAKE(config.allocator.deallocate = NULL);
  errno = 0;
  bool opened = thing_pool_init(&things, &config);
#ifdef WITHOUT_MISTAKE
  REQUIRE(opened);
#else
  REQUIRE(!opened && errno == EINVAL);
#endif
  thing_pool_destroy(&things);
  return 0;
}
