#!/usr/bin/env bash
# The clock is read without a system call in every dialect: builds clock.c with an implementation in strict C11 and C17 (without -pthread,
# which would show what they hide), and in GNU C and C++.
# needs: libcmocka-dev
# test-all: several dialects; takes long
set -eu
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0 skipped=0 ran=0
CC=${CC:-cc}

run() { # COMPILER FLAGS...: how the implementation is compiled
  if "$@" -Wall -Wextra -Wpedantic -Werror -O2 -g -I. -c tests/implementation.c -o "$work/implementation.o" >"$work/log" 2>&1 &&
    "$CC" -std=c11 -O1 -g -pthread -I. -Itests tests/platforms/clock.c "$work/implementation.o" -lcmocka -o "$work/clock" >"$work/log" 2>&1 &&
    CMOCKA_MESSAGE_OUTPUT=stdout timeout 100 "$work/clock" >"$work/log" 2>&1; then
    ran=$((ran + 1))
    ! grep -q 'SKIPPED' "$work/log" || skipped=$((skipped + 1))
    echo "ok $*: $(grep -c ' OK ' "$work/log") tests$(! grep -q SKIPPED "$work/log" || echo ', others skipped: no filters of system calls here, or no clock without one')"
  else
    echo "FAILED $*"
    sed 's/^/    /' "$work/log"
    failures=$((failures + 1))
  fi
}

compilers=$CC
if [ "${CC##*/}" != clang ] && command -v clang >/dev/null; then compilers="$compilers clang"; fi
for compiler in $compilers; do
  run "$compiler" -std=c11
  run "$compiler" -std=c17
  run "$compiler" -std=gnu11 -pthread
  run "$compiler" -x c++ -std=c++11
done
[ "$failures" = 0 ] || exit 1
[ "$skipped" -lt "$ran" ] || exit 77
