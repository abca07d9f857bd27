#!/usr/bin/env bash
# Building objects costs the same each, however many there are and whatever growth_factor is: callgrind counts the instructions of N
# and of 2 N objects, of pools of one thread and of shared ones, with blocks that do not grow (growth_factor 1.0).
# test-all: takes long
# needs: valgrind
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat >"$work/growth.c" <<'C'
#include <stdlib.h>
#include <string.h>
/* No system's allocator: where it takes its memory from, and in which order, is no concern of the pool's. */
static char *arena, *next;
static void *take(size_t size, size_t alignment, void *context) {
  (void)context;
  next += (alignment - (size_t)next % alignment) % alignment;
  next += size;
  return next - size;
}
static void *take_downwards(size_t size, size_t alignment, void *context) { /* each block below the one before, as mmap gives them */
  (void)context;
  next -= size;
  next -= (size_t)next % alignment;
  return next;
}
static void take_back(void *memory, size_t size, size_t alignment, void *context) { (void)memory, (void)size, (void)alignment, (void)context; }

#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"
typedef struct record { char text[16]; } record;
OBJPOOL_DEFINE(shared_pool, record);
OBJPOOL_DEFINE(local_pool, record, opt.local = true);

/* usage: growth local|shared|uncached up|down FACTOR COUNT */
int main(int argc, char **argv) {
  static shared_pool shared;
  static local_pool local;
  static record *held[400000];
  enum { ARENA = 1 << 28 };
  if (argc < 5) return 2;
  long count = atol(argv[4]);
  bool down = !strcmp(argv[2], "down");
  arena = (char *)malloc(ARENA);
  if (!arena) return 1;
  next = down ? arena + ARENA : arena;
  objpool_config config = {.growth_factor = atof(argv[3]), .allocator = {down ? take_downwards : take, take_back, NULL}};
  if (!strcmp(argv[1], "uncached")) config.cache_size = OBJPOOL_NO_CACHE;
  if (!strcmp(argv[1], "local")) {
    if (!local_pool_init(&local, &config)) return 1;
    for (long i = 0; i < count; i++)
      if (!(held[i] = local_pool_acquire(&local))) return 1;
  } else {
    if (!shared_pool_init(&shared, &config)) return 1;
    for (long i = 0; i < count; i++)
      if (!(held[i] = shared_pool_acquire(&shared))) return 1;
  }
  return 0;
}
C
${CC:-cc} -std=c11 -O2 -pthread -I. "$work/growth.c" -o "$work/growth"

instructions() { # PROGRAM ARGUMENTS...: executed in all; nothing if it had not memory enough
  valgrind --tool=callgrind --callgrind-out-file=/dev/null "$@" >"$work/log" 2>&1 || return 0
  sed -n 's/.*Collected : *\([0-9]*\).*/\1/p' "$work/log"
}

failures=0
while read -r kind direction factor; do
  none=$(instructions "$work/growth" "$kind" "$direction" "$factor" 1)
  some=$(instructions "$work/growth" "$kind" "$direction" "$factor" 100000)
  twice=$(instructions "$work/growth" "$kind" "$direction" "$factor" 200000)
  if [ -z "$none" ] || [ -z "$some" ] || [ -z "$twice" ]; then
    echo "NOT OK: $kind, blocks $direction, factor $factor: 256 MiB are not enough, or callgrind counted nothing"
    failures=$((failures + 1))
    continue
  fi
  percent=$(((twice - none) * 100 / (some - none)))
  line="$kind, blocks $direction, factor $factor: $(((some - none) / 100000)) and $(((twice - none) / 200000)) instructions each"
  if [ "$percent" -ge 175 ] && [ "$percent" -le 215 ]; then
    echo "ok $line"
  else
    echo "NOT OK: $line: twice as many cost $percent %"
    failures=$((failures + 1))
  fi
done <<'CASES'
local up 1.0
local down 1.0
shared up 1.0
shared down 1.0
uncached up 1.0
local up 1.1
shared up 2.0
CASES
exit $((failures > 0))
