/* What the tests share that needs objpool.h: include it instead of that, after support.h. */
#ifndef TESTS_POOLS_H
#define TESTS_POOLS_H

#include "objpool.h"

/* All defaults, to be changed. */
static inline objpool_config defaults(void) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  return config;
}

static inline objpool_config named(const char *name) {
  objpool_config config = defaults();
  config.name = name;
  return config;
}

/* For objpool_set_pressure_source: maintenance that the machine does not disturb. */
static inline objpool_pressure no_pressure(void *user) {
  (void)user;
  return OBJPOOL_PRESSURE_NONE;
}

/* Alone in a process, or at rest: each object that was created is in use, idle or gone, and each acquire is known. */
static inline void counts_add_up(const objpool_stats *stats) {
#ifdef OBJPOOL_NO_STATS
  (void)stats;
#else
  CHECK(stats->created - stats->destroyed - stats->extracted == stats->in_use + stats->idle);
  CHECK(stats->acquires - stats->releases - stats->extracted == stats->in_use);
  CHECK(stats->acquires == stats->hits + stats->misses);
#endif
}

#endif
