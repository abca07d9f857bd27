#!/usr/bin/env bash
# What a pool does not use costs it nothing: callgrind counts the same instructions per acquire and release with the
# events, and with a copy of the header from which they were cut out; with and without a name; with and without a
# monitor that has watched. With events set it costs more.
# test-all: takes long
# needs: valgrind
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad() { echo "NOT OK: $1"; exit 1; }

cat >"$work/pairs.c" <<'C'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"
typedef struct record { char text[64]; } record;
static unsigned long events;
static void see(const objpool_event *event, void *context) { (void)context; events += event->count; }
#ifdef SEEN
OBJPOOL_DEFINE(record_pool, record, opt.on_event = see);
#else
OBJPOOL_DEFINE(record_pool, record);
#endif

/* usage: pairs COUNT [named] [watched] */
int main(int argc, char **argv) {
  static record_pool pool;
  objpool_config config = {.name = argc > 2 ? argv[2] : NULL};
  if (!record_pool_init(&pool, &config)) return 1;
#ifdef WATCHED
  objpool_monitor monitor;
  if (argc > 3) {
    if (!objpool_monitor_init(&monitor, NULL, NULL, NULL)) return 1;
    objpool_monitor_poll(&monitor);
  }
#endif
  for (long i = atol(argv[1]); i > 0; i--) {
    record *object = record_pool_acquire(&pool);
    if (!object) return 1;
    __asm__ volatile("" : : "r"(object) : "memory");
    record_pool_release(&pool, object);
  }
  if (argc > 4) printf("%lu %p\n", events, (void *)(size_t)see);
  record_pool_destroy(&pool);
  return 0;
}
C

instructions() { # PROGRAM ARGUMENTS...: executed in all
  valgrind --tool=callgrind --callgrind-out-file=/dev/null "$@" 2>&1 | sed -n 's/.*Collected : *\([0-9]*\).*/\1/p'
}
# Executed per pair, in thousandths: what ten thousand pairs more cost
per_pair() { # PROGRAM ARGUMENTS...
  local few many
  few=$(instructions "$1" 10000 "${@:2}")
  many=$(instructions "$1" 20000 "${@:2}")
  [ -n "$few" ] && [ -n "$many" ] || { echo "callgrind counted nothing" >&2; return 1; }
  echo $(((many - few) / 10))
}
build() { "${CC:-cc}" -std=c11 -O2 -pthread -w "$@"; }

mkdir "$work/cut"
sed '/if (as->on_event) objpool__emit(.*;$/d' objpool.h >"$work/cut/objpool.h"
cut_out=$(($(wc -l <objpool.h) - $(wc -l <"$work/cut/objpool.h")))
[ "$cut_out" -ge 3 ] || bad "cut out only $cut_out lines: the fast paths tell of events in another way now"
echo "ok: the copy lacks the $cut_out lines of the fast paths that tell of events"

build -I. -DWATCHED "$work/pairs.c" -o "$work/plain"
build -I"$work/cut" "$work/pairs.c" -o "$work/without"
build -I. -DSEEN "$work/pairs.c" -o "$work/seen"
plain=$(per_pair "$work/plain")
without=$(per_pair "$work/without")
named=$(per_pair "$work/plain" named)
watched=$(per_pair "$work/plain" named watched)
seen=$(per_pair "$work/seen")
show() { printf '%-28s %d.%03d instructions a pair, loop included\n' "$1" $(($2 / 1000)) $(($2 % 1000)); }
show 'events not set' "$plain"
show 'events cut out of the header' "$without"
show 'with a name' "$named"
show 'watched by a monitor' "$watched"
show 'events set' "$seen"
[ "$plain" = "$without" ] || bad "events that are not set cost something"
[ "$named" = "$plain" ] || bad "a name costs something"
[ "$watched" = "$plain" ] || bad "a monitor costs something"
[ "$seen" -gt $((plain + 2000)) ] || bad "events that are set cost nothing: then this counts the wrong thing"
echo "ok: what is not used costs no instruction"
