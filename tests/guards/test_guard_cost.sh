#!/usr/bin/env bash
# A guard costs nothing: callgrind counts the instructions of the same loop written with guards and with the two calls, and they
# are the same. A pair, its loop included, stays within 36 instructions; a local pool's fast path locks nothing and asks for no
# thread-local storage. Instructions are counted exactly, so no noise can hide or make a difference.
# needs: valgrind binutils
set -eu
cd "$(dirname "$0")/../.."
CC=${CC:-cc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

cat >"$work/loops.c" <<'SOURCE'
#include <stdlib.h>
#include <string.h>
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

typedef struct thing { long n; char text[56]; } thing;
OBJPOOL_DEFINE(thing_pool, thing);
OBJPOOL_DEFINE(local_pool, thing, opt.local = true);
static thing_pool pool;
static local_pool local;

#define LOOP __attribute__((noinline)) void
LOOP by_hand(long pairs);
LOOP by_hand(long pairs) {
  for (long i = 0; i < pairs; i++) {
    thing *object = thing_pool_acquire(&pool);
    if (!object) return;
    *(volatile long *)&object->n = i;
    thing_pool_release(&pool, object);
  }
}
LOOP by_guard(long pairs);
LOOP by_guard(long pairs) {
  for (long i = 0; i < pairs; i++) {
    OBJPOOL_SCOPED(thing_pool) guard = thing_pool_guard_acquire(&pool);
    if (!guard.object) return;
    *(volatile long *)&guard.object->n = i;
  }
}
LOOP by_with(long pairs);
LOOP by_with(long pairs) {
  for (long i = 0; i < pairs; i++) {
    OBJPOOL_WITH(thing_pool, object, &pool) *(volatile long *)&object->n = i;
    else return;
  }
}
LOOP local_by_hand(long pairs);
LOOP local_by_hand(long pairs) {
  for (long i = 0; i < pairs; i++) {
    thing *object = local_pool_acquire(&local);
    if (!object) return;
    *(volatile long *)&object->n = i;
    local_pool_release(&local, object);
  }
}
LOOP local_by_guard(long pairs);
LOOP local_by_guard(long pairs) {
  for (long i = 0; i < pairs; i++) {
    OBJPOOL_SCOPED(local_pool) guard = local_pool_guard_acquire(&local);
    if (!guard.object) return;
    *(volatile long *)&guard.object->n = i;
  }
}

int main(int count, char **arguments) {
  long pairs = atol(arguments[2]);
  (void)count;
  if (!strcmp(arguments[1], "by_hand")) by_hand(10), by_hand(pairs);
  else if (!strcmp(arguments[1], "by_guard")) by_guard(10), by_guard(pairs);
  else if (!strcmp(arguments[1], "by_with")) by_with(10), by_with(pairs);
  else if (!strcmp(arguments[1], "local_by_hand")) local_by_hand(10), local_by_hand(pairs);
  else if (!strcmp(arguments[1], "local_by_guard")) local_by_guard(10), local_by_guard(pairs);
  else return 2;
  if (thing_pool_stats(&pool).created > 1 || local_pool_stats(&local).created > 1) return 3;
  return 0;
}
SOURCE
$CC -std=c11 -O2 -g -pthread -I. "$work/loops.c" -o "$work/loops"

instructions() { # LOOP PAIRS: all the instructions the program executes
  valgrind --tool=callgrind --callgrind-out-file="$work/out" "$work/loops" "$1" "$2" 2>"$work/log" ||
    { cat "$work/log" >&2; exit 1; }
  sed -n 's/^summary: //p' "$work/out"
}

per_hundred_pairs() { # LOOP: the difference of two runs is that of their pairs alone, but for some hundred instructions of the loader's
  local few many
  few=$(instructions "$1" 1000)
  many=$(instructions "$1" 1001000)
  echo $(((many - few + 5000) / 10000))
}

check() { # WHAT CONDITION: an arithmetic one
  if (($2)); then echo "ok $1"; else echo "FAILED $1"; failures=$((failures + 1)); fi
}
hundredths() { printf '%d.%02d' $(($1 / 100)) $(($1 % 100)); }

declare -A cost
for loop in by_hand by_guard by_with local_by_hand local_by_guard; do
  cost[$loop]=$(per_hundred_pairs $loop)
  [ "${cost[$loop]}" -gt 500 ] || { echo "FAILED $loop: counts nothing"; exit 1; }
done
check "a pair takes at most 36 instructions: $(hundredths "${cost[by_hand]}")" "${cost[by_hand]} <= 3600"
check "a guarded pair takes as many: $(hundredths "${cost[by_guard]}")" "${cost[by_guard]} == ${cost[by_hand]}"
check "a pair of OBJPOOL_WITH takes as many: $(hundredths "${cost[by_with]}")" "${cost[by_with]} == ${cost[by_hand]}"
check "a local pair takes at most 26: $(hundredths "${cost[local_by_hand]}")" "${cost[local_by_hand]} <= 2600"
check "a guarded local pair takes as many: $(hundredths "${cost[local_by_guard]}")" "${cost[local_by_guard]} == ${cost[local_by_hand]}"

if [ "$(uname -m)" = x86_64 ]; then
  objdump -d --no-show-raw-insn "$work/loops" | sed -n '/<local_by_hand>:/,/^$/p' >"$work/assembly"
  check "the local loop was found in the program" "$(grep -c . "$work/assembly") > 10"
  # a local pool's own slow paths are called, not inlined; what is inlined must not lock, nor touch %fs (thread-local storage)
  check "the local loop locks nothing" "$(grep -cE 'lock |xchg.*\(' "$work/assembly" || true) == 0"
  check "the local loop asks for no thread-local storage" "$(grep -c '%fs:' "$work/assembly" || true) == 0"
  objdump -d --no-show-raw-insn "$work/loops" | sed -n '/<by_hand>:/,/^$/p' >"$work/assembly"
  check "the shared loop locks nothing either" "$(grep -cE 'lock |xchg.*\(' "$work/assembly" || true) == 0"
fi
exit $((failures > 0))
