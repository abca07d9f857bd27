#!/usr/bin/env bash
# Builds and runs test_throwing_hooks.cpp by each C++ compiler: with the implementation in it, and linked to one that is C; under the
# sanitizers, too.
# needs: libcmocka-dev g++
# test-all: C++ compilers
set -eu
cd "$(dirname "$0")/../.."
CXX=${CXX:-c++}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
warnings='-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wcast-align -Wcast-qual -Wundef -Wdouble-promotion -Werror'
failures=0

try() { # LABEL COMMAND...: what is to be built
  local label=$1
  shift
  if ! "$@" >"$work/log" 2>&1; then
    echo "FAILED $label: does not compile"
  elif timeout 300 env CMOCKA_MESSAGE_OUTPUT=stdout TSAN_OPTIONS=halt_on_error=1 tests/tools/steady "$work/test" >"$work/log" 2>&1; then
    echo "ok $label: $(grep -c ' OK ' "$work/log") tests"
    return
  else
    echo "FAILED $label: exit status $?"
  fi
  sed 's/^/    /' "$work/log"
  failures=$((failures + 1))
}

run() { # C COMPILER, C++ COMPILER, FLAGS...
  local c=$1 cxx=$2
  shift 2
  # shellcheck disable=SC2086
  try "$cxx $*, the implementation in the program" "$cxx" "$@" -g -pthread $warnings -I. -Itests -DIMPLEMENTATION_HERE \
    tests/cplusplus/test_throwing_hooks.cpp -lcmocka -o "$work/test"
  local flags=()
  for flag; do case $flag in -std=*) ;; *) flags+=("$flag") ;; esac; done
  "$c" -std=c11 "${flags[@]}" -g -pthread -I. -c tests/implementation.c -o "$work/implementation.o"
  # shellcheck disable=SC2086
  try "$cxx $*, the implementation in C by $c" "$cxx" "$@" -g -pthread $warnings -I. -Itests tests/cplusplus/test_throwing_hooks.cpp \
    "$work/implementation.o" -lcmocka -o "$work/test"
}

c_of() { case ${1##*/} in clang++*) echo "${1/clang++/clang}" ;; g++*) echo "${1/g++/gcc}" ;; *) echo cc ;; esac; }
compilers=$CXX
if [ "${CXX##*/}" != clang++ ] && command -v clang++ >/dev/null; then compilers="$CXX clang++"; fi
for compiler in $compilers; do
  run "$(c_of "$compiler")" "$compiler" -std=c++11 -O2
done
run "$(c_of "$CXX")" "$CXX" -std=c++20 -O0
run "$(c_of "$CXX")" "$CXX" -std=c++17 -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined
run "$(c_of "$CXX")" "$CXX" -std=c++17 -O1 -fsanitize=thread
exit $((failures > 0))
