#!/usr/bin/env bash
# Builds and runs test_cplusplus.cpp by each C++ compiler in the oldest and the newest dialect, and under the address sanitizer.
# needs: libcmocka-dev g++
# test-all: C++ compilers
set -eu
cd "$(dirname "$0")/../.."
CXX=${CXX:-c++}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
warnings='-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wcast-align -Wcast-qual -Wundef -Wdouble-promotion -Werror'
failures=0

run() { # COMPILER FLAGS...
  # shellcheck disable=SC2086
  if "$@" -O2 -g -pthread $warnings -I. -Itests tests/cplusplus/test_cplusplus.cpp -lcmocka -o "$work/test" >"$work/log" 2>&1 &&
    CMOCKA_MESSAGE_OUTPUT=stdout tests/tools/steady "$work/test" >"$work/log" 2>&1; then
    echo "ok $*: $(grep -c ' OK ' "$work/log") tests"
  else
    echo "FAILED $*"
    sed 's/^/    /' "$work/log"
    failures=$((failures + 1))
  fi
}

compilers=$CXX
if [ "${CXX##*/}" != clang++ ] && command -v clang++ >/dev/null; then compilers="$CXX clang++"; fi
for compiler in $compilers; do
  run "$compiler" -std=c++11
  run "$compiler" -std=c++20
done
run "$CXX" -std=c++17 -fsanitize=address,undefined -fno-sanitize-recover=undefined
exit $((failures > 0))
