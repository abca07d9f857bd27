/* name: objpool
 * As it comes: release checks and statistics on. The other builds set their switches and include this file. */
#define CONTENDER_SHARED POOL_SHARED
#define CONTENDER_KEEPS 1
#define CONTENDER_CAPPED POOL_SHARED
#ifndef POOL_LOCAL
#define POOL_LOCAL false
#define POOL_SHARED 1
#endif
#ifndef POOL_CACHE_SIZE
#define POOL_CACHE_SIZE 0
#endif

#define OBJPOOL_IMPLEMENTATION
#include "../../objpool.h"

OBJPOOL_DEFINE(contender, object, opt.local = POOL_LOCAL);

static contender *contender_open(size_t threads, size_t live, size_t cap) {
  contender *opened = (contender *)allocate(1, sizeof *opened);
  objpool_config config;
  (void)threads, (void)live;
  memset(&config, 0, sizeof config);
  config.max_objects = cap;
  config.cache_size = POOL_CACHE_SIZE;
  if (!contender_init(opened, &config)) fail("a pool", errno);
  return opened;
}

static inline object *take(contender *from) { return contender_acquire(from); }
static inline void give(contender *from, object *given) { contender_release(from, given); }
#define contender_trim(from) contender_trim(from, 0)
