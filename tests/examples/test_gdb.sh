#!/usr/bin/env bash
# What gdb shows with examples/objpool-gdb.py: pools of each engine as their users think of them, also of a core file's kind (nothing is
# called), and steps that go over what OBJPOOL_DEFINE generated, in C and in C++ by each compiler that is here.
# test-all: gdb
# needs: gdb
# shellcheck disable=SC2016 # gdb's own $
set -eu
: "${CC:=cc}"
command -v gdb >/dev/null || { echo "no gdb here (Debian: gdb)"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/desk.c" <<'C'
#include <pthread.h>
#include <stdio.h>
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

struct conn {
  int queries;
};
OBJPOOL_DEFINE(conn_pool, struct conn);
OBJPOOL_DEFINE(local_pool, struct conn, opt.local = true);
OBJPOOL_SIZES(buffers, 64, 256);
#ifdef __cplusplus
namespace inner {
  OBJPOOL_DEFINE(inner_pool, struct conn);
}
using namespace inner;
#else
OBJPOOL_DEFINE(inner_pool, struct conn);
#endif

static conn_pool cached, limited, bare, unused;
static local_pool own;
static inner_pool apart;
static buffers set;

static void *other(void *user) {
  struct conn *conns[5];
  (void)user;
  if (conn_pool_acquire_many(&cached, conns, 5) != 5) return NULL;
  conn_pool_release_many(&cached, (struct conn *const *)conns, 4);
  return conns[4];
}

static void here(void) { puts("here"); }

int main(void) {
  pthread_t thread;
  static objpool_config single, no_cache, plain;
  single.name = "single", single.max_objects = 1;
  no_cache.name = "bare", no_cache.cache_size = OBJPOOL_NO_CACHE, no_cache.warmup = 3;
  if (!conn_pool_init(&limited, &single) || !conn_pool_init(&bare, &no_cache)) return 1;
  pthread_create(&thread, NULL, other, NULL);
  pthread_join(thread, NULL);
  struct conn *conn = conn_pool_acquire(&cached);
  struct conn *second = conn_pool_acquire(&limited);
  struct conn *third = local_pool_acquire(&own);
  struct conn *fourth = conn_pool_acquire(&bare);
  objpool_buffer fifth = buffers_acquire(&set, 200);
  here();
  conn_pool_release(&cached, conn); /* step from here */
  conn = conn_pool_acquire(&cached);
  conn_pool_release(&limited, second);
  local_pool_release(&own, third);
  conn_pool_release(&bare, fourth);
  fifth = buffers_grow(&set, fifth, 250);
  buffers_release(&set, fifth);
  if (!conn_pool_init(&unused, &plain)) return 1;
  conn_pool_destroy(&unused);
  if (!inner_pool_init(&apart, &plain)) return 1;
  second = inner_pool_try_acquire(&apart);
  inner_pool_destroy(&apart);
  if (!conn_pool_resize(&cached, 8, 0)) return 1;
  {
    OBJPOOL_SCOPED(conn_pool) guard = conn_pool_guard_acquire(&cached);
    second = guard.object;
  }
  buffers_destroy(&set);
  return conn == NULL || second == NULL;
}
C
"$CC" -std=c11 -g -O0 -pthread -I. "$work/desk.c" -o "$work/desk"

at() { grep -n "$1" "$work/desk.c" | head -n 1 | cut -d: -f1; }
timeout 300 gdb -q -nx -batch -iex 'set debuginfod enabled off' -ex "source examples/objpool-gdb.py" -ex "break here" -ex run -ex up \
  -ex "print cached" -ex "print limited" -ex "print bare" -ex "print own" -ex "print unused" -ex "objpool &cached" -ex "objpool cached" \
  -ex "objpool &set" -ex objpool -ex "objpool &nobody" \
  "$work/desk" >"$work/shown" 2>&1 </dev/null || true
grep -q 'Breakpoint 1, here' "$work/shown" || { cat "$work/shown"; echo "skipped: gdb runs no program here"; exit 77; }
says() { grep -qF -- "$1" "$work/shown" || { cat "$work/shown"; echo "FAILED: gdb does not show: $1"; exit 1; }; }
says '$1 = objpool "conn_pool", cached: 2 in use, 3 idle, max_objects no limit, max_idle no limit, 0 waiting, objects of 4 bytes'
says '$2 = objpool "single", bounded: 1 in use, 0 idle, max_objects 1,'
says '$3 = objpool "bare", uncached: 1 in use, 2 idle,'
says '$4 = objpool "local_pool", local: 1 in use, 0 idle,'
says '$5 = objpool, not used yet'
says '0 idle in its cache, 1 acquires, 0 releases'
says '0 idle in its cache, 5 acquires, 4 releases'
says '3 idle in a magazine under the lock;'
says 'objpool wants the address of a pool: objpool &pool'
says 'objpool "buffers/256", cached: 1 in use, 0 idle,' # each class of a set
says 'Argument required (expression to compute).: objpool &pool'
says 'No symbol "nobody" in current context.: objpool &pool'
if grep -q 'Python Exception' "$work/shown"; then cat "$work/shown"; echo "FAILED: an exception of Python"; exit 1; fi
echo "ok: pools of every engine and sets, by thread too"

cp "$work/desk.c" "$work/desk.cpp"
first=$(at 'step from here')
steps=$(sed -n "$first,\$p" "$work/desk.c" | grep -c '^  .*(&\|second = guard')
for compiler in "$CC" g++ clang++; do
  command -v "$compiler" >/dev/null || { echo "left out: $compiler"; continue; }
  case $compiler in *++) source=desk.cpp standard=c++17 ;; *) source=desk.c standard=c11 ;; esac
  "$compiler" -std=$standard -g -O0 -pthread -I. "$work/$source" -o "$work/stepped"
  commands=()
  for _ in $(seq $((steps + 1))); do commands+=(-ex step); done # one more, for the end of the guard's block
  timeout 300 gdb -q -nx -batch -iex 'set debuginfod enabled off' -ex "source examples/objpool-gdb.py" -ex "break $source:$first" -ex run \
    "${commands[@]}" "$work/stepped" >"$work/shown" 2>&1 </dev/null || true
  sed -n "$((first + 1)),\$p" "$work/desk.c" | grep '^  .*(&\|second = guard' >"$work/lines"
  while IFS= read -r line; do says "  $line"; done < <(sed 's/^ *//' "$work/lines")
  # each stop is in main, at a line of its own, and none where a pool is defined
  if grep -q 'objpool.h\|OBJPOOL_DEFINE\|OBJPOOL_SIZES' "$work/shown" || grep -E '^[a-z_:]+ \(' "$work/shown" | grep -qv '^main ('; then
    cat "$work/shown"
    echo "FAILED: a step went into what was generated, by $compiler"
    exit 1
  fi
  echo "ok: steps go from line to line, by $compiler"
done
