/* require.h: the check of programs that are no tests of cmocka's: of any thread, in any build. */
#ifndef REQUIRE_H
#define REQUIRE_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUIRE(condition)                                                                                           \
  do {                                                                                                               \
    if (!(condition)) {                                                                                              \
      fprintf(stderr, "%s:%d: this should hold: %s (errno: %s)\n", __FILE__, __LINE__, #condition, strerror(errno)); \
      abort();                                                                                                       \
    }                                                                                                                \
  } while (0)

#endif
