/* Pools of several kinds, to do the same with each. */
#ifndef TESTS_KINDS_H
#define TESTS_KINDS_H

#include "pools.h"

typedef struct kind {
  const char *name;
  size_t max_objects, max_idle, cache_size;
} kind;

static inline objpool_config config_of(const kind *like, const char *name) {
  objpool_config config = named(name);
  config.max_objects = like->max_objects;
  config.max_idle = like->max_idle;
  config.cache_size = like->cache_size;
  return config;
}

#endif
