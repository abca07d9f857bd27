/* misuse.h: what the programs of this directory share.
 *
 * Each program makes one mistake, in a line that says MISTAKE, and its first comment tells what comes of it. Built with
 * -DWITHOUT_MISTAKE the same program is correct, and ends with status 0 and in silence.
 * tests/mistakes/test_misuse_suite.sh builds and runs them all, both ways. */
#ifndef MISUSE_H
#define MISUSE_H

#include "objpool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef WITHOUT_MISTAKE
#define MISTAKE(...) ((void)0)
#else
#define MISTAKE(...) __VA_ARGS__
#endif

struct thing {
  int value;
  char text[60];
};

OBJPOOL_DEFINE(thing_pool, struct thing);

/* Ends the program with status 2 when what should hold before or after the mistake does not. */
#define REQUIRE(condition)                                                              \
  do {                                                                                  \
    if (!(condition)) {                                                                 \
      fprintf(stderr, "%s:%d: this should hold: %s\n", __FILE__, __LINE__, #condition); \
      exit(2);                                                                          \
    }                                                                                   \
  } while (0)

/* Writes the pointer the panic must name to stdout, where the suite reads it. */
static inline void announce(const void *pointer) {
  printf("pointer %p\n", pointer);
  fflush(stdout);
}

/* Opens a pool called "things", so that the panic can say whose object it is. */
static inline void open_things(thing_pool *things) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.name = "things";
  REQUIRE(thing_pool_init(things, &config));
}

static inline struct thing *acquire_thing(thing_pool *things) {
  struct thing *thing = thing_pool_acquire(things);
  REQUIRE(thing);
  return thing;
}

#endif
