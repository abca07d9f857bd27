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

static inline long number(const char *usage, const char *text) {
  char *end = NULL;
  double value = strtod(text, &end); /* 1e9 is easier to read */
  if (*end || value < 1 || value > 1e15) {
    fprintf(stderr, "usage: %s\n", usage);
    exit(2);
  }
  return (long)value;
}

#endif
