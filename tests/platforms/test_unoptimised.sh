#!/usr/bin/env bash
# Without optimisation the typed functions call the implementation's own fast paths. What they do is the same, by tests of hooks, errno,
# wiping, guards, ages, holders and handles; and it stays cheap to compile: of a plain pool's functions those that are called are compiled,
# and one more; of a pool with options also its hooks.
# test-all: several compilers
# needs: libcmocka-dev pkg-config binutils
set -eu
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0
fail() { echo "FAILED $*" >&2; bad=1; }
cmocka=$(pkg-config --cflags --libs cmocka)

cat >"$work/plain.c" <<'C'
#include "objpool.h"
struct conn { int queries; };
static void count(struct conn *conn, void *context) { (void)context, conn->queries++; }
OBJPOOL_DEFINE(pool, struct conn OPTIONS);
uint64_t use(pool *conns);
uint64_t use(pool *conns) {
  OBJPOOL_SCOPED(pool) guard = pool_guard_acquire(conns);
  struct conn *conn = pool_acquire(conns);
  if (conn && guard.object) count(conn, NULL);
  pool_release(conns, conn);
  return pool_stats(conns).in_use;
}
C
of_pool='pool_acquire pool_guard_acquire pool_guard_release pool_objpool_describe pool_release pool_stats'
of_hooks='pool_objpool_chosen pool_objpool_create pool_objpool_destroy pool_objpool_restore pool_objpool_validate'
for cc in ${COMPILERS:-gcc clang}; do
  command -v "$cc" >/dev/null || continue
  for options in '' ',opt.reset=count'; do
    "$cc" -std=c11 -O0 -I. "-DOPTIONS=$options" -c "$work/plain.c" -o "$work/plain.o"
    compiled=$(nm "$work/plain.o" | awk '$2 == "t" && $3 != "count" { print $3 }' | sort | tr '\n' ' ')
    want=$of_pool
    [ -z "$options" ] || want="$want $of_hooks"
    # shellcheck disable=SC2086 # a list of names
    want=$(printf '%s\n' $want | sort | tr '\n' ' ')
    [ "$compiled" = "$want" ] || fail "$cc, options '$options': compiles $compiled, not $want"
  done

  "$cc" -std=c11 -O1 -pthread -I. -Itests -c tests/implementation.c -o "$work/implementation.o"
  for source in objects/test_hooks objects/test_errno objects/test_wiping guards/test_guards operations/test_timed \
    operations/test_tracked handles/test_handles; do
    linked=$work/implementation.o
    ! grep -q '^#define OBJPOOL_IMPLEMENTATION' "tests/$source.c" || linked=
    note=$(sed -n '1,15s|.*[ *]build: \(.*\)|\1|p' "tests/$source.c" | sed 's|\*/.*||')
    # shellcheck disable=SC2086 # lists of flags
    if ! "$cc" -std=c11 -O0 -pthread -I. -Itests "tests/$source.c" -x none $linked $note $cmocka -o "$work/test" 2>"$work/log" ||
      ! timeout 600 "$work/test" >"$work/log" 2>&1; then
      cat "$work/log"
      fail "$cc -O0: $source"
    fi
  done
done
[ "$bad" = 0 ] && echo "ok: what is unoptimised does the same, and compiles no more than it calls"
exit "$bad"
