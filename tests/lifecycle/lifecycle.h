/* lifecycle.h: what the programs of this directory share. tests/fork/test_lifecycle.sh builds and runs them. */
#ifndef LIFECYCLE_H
#define LIFECYCLE_H

#include "../require.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first argument as a count, or what is usual. */
static inline long count_from(int argument_count, char **argument, long usual) {
  if (argument_count < 2) return usual;
  char *end = NULL;
  long count = strtol(argument[1], &end, 10);
  if (*end || count <= 0) {
    fprintf(stderr, "usage: %s [COUNT]\n", argument[0]);
    exit(2);
  }
  return count;
}

/* Resident memory of this process in KiB. */
static inline long resident_kib(void) {
  long total = 0, resident = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  REQUIRE(file);
  REQUIRE(fscanf(file, "%ld %ld", &total, &resident) == 2);
  REQUIRE(fclose(file) == 0);
  return resident * 4;
}

#endif
