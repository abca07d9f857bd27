#!/usr/bin/env bash
# A fiber may go on in another thread between any two calls, and in hooks. tests/threads/fibers/fibers.c, built by each compiler that is
# here, for this processor and, with qemu-user, for others, in the ways that compilers find thread-local words; a C++20 coroutine;
# and the code itself: a function that uses a pool on both sides of a call reads the thread pointer on both sides.
# test-all: C++ compilers; takes long
set -eu
cd "$(dirname "$0")/../.."
CC=${CC:-cc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0
bad() {
  echo "FAILED $1"
  sed 's/^/    /' "$work/log"
  failures=$((failures + 1))
}

cat >"$work/around.c" <<'C'
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"
typedef struct { int n; } item;
OBJPOOL_DEFINE(item_pool, item);
void elsewhere(void); /* comes back in another thread */
void around(item_pool *pool, item **items);
void around(item_pool *pool, item **items) {
  items[0] = item_pool_acquire(pool);
  item_pool_release(pool, items[1]);
  elsewhere();
  items[2] = item_pool_acquire(pool);
  item_pool_release(pool, items[3]);
}
C
cat >"$work/main.c" <<'C'
int fibers_main(int argc, char **argv);
int main(int argc, char **argv) { return fibers_main(argc, argv); }
C

# reads_afresh LABEL OBJDUMP COMPILER...: the thread pointer, or a call of what reads it, before and after the call of elsewhere
reads_afresh() {
  local label=$1 objdump=$2
  shift 2
  "$@" -pthread -I. -c "$work/around.c" -o "$work/around.o" >"$work/log" 2>&1 || { bad "$label: does not compile"; return; }
  "$objdump" -dr --no-show-raw-insn "$work/around.o" >"$work/log" 2>&1
  awk '/^[0-9a-f]+ <[^.]/ { inside = /<around>:/ } inside' "$work/log" >"$work/around.s"
  if awk '/elsewhere/ { after = 1 } /own_row|[%]?[fg]s:|tpidr_el0/ { seen[after + 0] = 1 } END { exit !(after && seen[0] && seen[1]) }' "$work/around.s"
  then echo "ok: $label: reads the thread pointer on both sides of a call"
  else
    cp "$work/around.s" "$work/log"
    bad "$label: reads the thread pointer once"
  fi
}

# runs LABEL LAUNCHER SOURCE COMPILER...
runs() {
  local label=$1 launcher=$2 source=$3 status=0
  shift 3
  "$@" -pthread -I. "$source" -o "$work/fibers" >"$work/log" 2>&1 || { bad "$label: does not compile"; return; }
  # shellcheck disable=SC2086
  timeout 300 $launcher "$work/fibers" >"$work/log" 2>&1 || status=$?
  case $status in
    0) echo "ok: $label: $(cat "$work/log")" ;;
    77) echo "$label: $(cat "$work/log")" ;;
    *) bad "$label (exit status $status)" ;;
  esac
}

native=$CC
if [ "${CC##*/}" = "${CC##*/clang}" ] && command -v clang >/dev/null; then native="$CC clang"; fi
program=tests/threads/fibers/fibers.c
for compiler in $native; do
  for level in -O0 -O2; do runs "$compiler $level" '' $program "$compiler" -std=gnu11 $level; done
  runs "$compiler, a private copy" '' $program "$compiler" -std=gnu11 -O2 -DOBJPOOL_STATIC
  runs "$compiler, no statistics, no checks" '' $program "$compiler" -std=gnu11 -O2 -DOBJPOOL_NO_STATS -DOBJPOOL_UNCHECKED
  # by a call of the C library, from a shared library
  "$compiler" -std=gnu11 -O2 -fPIC -shared -pthread '-DOBJPOOL_TLS_MODEL="global-dynamic"' -Dmain=fibers_main -I. $program \
    -o "$work/libfibers.so"
  runs "$compiler, \"global-dynamic\" in a library" '' "$work/main.c" "$compiler" -L"$work" -Wl,-rpath,"$work" -lfibers \
    -Wl,--no-as-needed -lfibers
  reads_afresh "$compiler" objdump "$compiler" -std=c11 -O2
  reads_afresh "$compiler, position-independent" objdump "$compiler" -std=c11 -O2 -fPIC
done

# With link-time optimisation, the implementation in a file of its own.
"$CC" -std=gnu11 -O2 -flto -pthread -I. -c tests/implementation.c -o "$work/implementation.o"
runs "$CC, link-time optimisation" '' $program "$CC" -std=gnu11 -O2 -flto -DFIBERS_LINKED "$work/implementation.o"

while read -r triplet qemu target; do
  if ! command -v "$triplet-gcc" >/dev/null; then
    echo "not for $triplet: there is no $triplet-gcc"
    continue
  fi
  compilers=("$triplet-gcc")
  [ "$target" = - ] || ! command -v clang >/dev/null || compilers+=("clang --target=$target -fuse-ld=bfd")
  for compiler in "${compilers[@]}"; do
    # shellcheck disable=SC2206
    words=($compiler)
    reads_afresh "$compiler" "$triplet-objdump" "${words[@]}" -std=c11 -O2
    reads_afresh "$compiler, a private copy" "$triplet-objdump" "${words[@]}" -std=c11 -O2 -DOBJPOOL_STATIC
    if command -v "qemu-$qemu" >/dev/null; then
      runs "$compiler" "qemu-$qemu" $program "${words[@]}" -std=gnu11 -O2 -static
    fi
  done
done <<'MACHINES'
aarch64-linux-gnu aarch64 aarch64-linux-gnu
riscv64-linux-gnu riscv64 riscv64-linux-gnu
powerpc64le-linux-gnu ppc64le powerpc64le-linux-gnu
s390x-linux-gnu s390x s390x-linux-gnu
arm-linux-gnueabihf arm arm-linux-gnueabihf
MACHINES

coroutine=${CXX:-c++}
if "$coroutine" -std=c++20 -fcoroutines -x c++ -fsyntax-only - <<<'#include <coroutine>' 2>/dev/null; then
  for level in -O0 -O2; do
    runs "$coroutine $level, a coroutine" '' tests/threads/fibers/coroutine.cpp "$coroutine" -std=c++20 -fcoroutines $level
  done
else echo "no coroutine: $coroutine does not know them"
fi
[ $failures = 0 ] || { echo "$failures failed"; exit 1; }
