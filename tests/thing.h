/* What tests keep in their pools where it does not matter what: as large as a cache line, with a mark for whoever holds it. */
#ifndef TESTS_THING_H
#define TESTS_THING_H

#include "pools.h"

typedef struct thing {
  long owner; /* 0: nobody */
  char text[56];
} thing;

#endif
