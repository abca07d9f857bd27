/* stress.h: what the programs of this directory share. */
#ifndef STRESS_H
#define STRESS_H

#include "../require.h"
#include <stdint.h>

static inline uint64_t next_random(uint64_t *state) {
  uint64_t x = *state;
  x ^= x << 13;
  x ^= x >> 7;
  x ^= x << 17;
  return *state = x;
}

#endif
