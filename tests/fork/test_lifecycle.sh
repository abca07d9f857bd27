#!/bin/bash
# Pools and the lives around them: libraries loaded and unloaded, fork under load, pools destroyed while threads end, threads
# and scopes left at every point, C++'s static order. The programs are in tests/lifecycle.
#
# LIFECYCLE_DIVIDE=1 tests/fork/test_lifecycle.sh        all of it: 10^4 loads and unloads, 10^4 forks, 10^5 pools destroyed; a few minutes
# tests/fork/test_lifecycle.sh                           a twentieth of that, as with the other tests
# test-all: takes long
set -eu
cd "$(dirname "$0")/../.."
CC=${CC:-cc} CXX=${CXX:-c++} divide=${LIFECYCLE_DIVIDE:-20}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
strict="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Werror"
flags="-O2 -g -fexceptions -pthread -I. -Itests/lifecycle $strict"
bad=0

c() { # OUTPUT SOURCES... [-- FLAGS...]
  # shellcheck disable=SC2086
  "$CC" -std=gnu11 $flags -o "$@"
}

cxx() {
  # shellcheck disable=SC2086
  "$CXX" -std=c++17 $flags -o "$@"
}

expect() { # WHAT COMMAND...: one line for each
  local what=$1 status=0
  shift
  (ulimit -c 0; exec timeout 600 "$@") >"$work/out" 2>"$work/err" || status=$?
  if [ $status = 0 ]; then
    sed "s/^/ok $what: /" "$work/out"
  else
    echo "FAILED $what: status $status" >&2
    head -20 "$work/err" >&2
    bad=1
  fi
}

here=tests/lifecycle
for language in C C++; do
  case $language in C) build=c as="" ;; *) build=cxx as="-x c++" ;; esac
  # shellcheck disable=SC2086
  {
    $build "$work/plugin.so" -fPIC -shared $as $here/plugin.c
    $build "$work/load_and_unload" $as $here/load_and_unload.c -ldl
    $build "$work/fork_handlers" $as $here/fork_handlers.c -ldl
    $build "$work/leave_anywhere" $as $here/leave_anywhere.c
  }
  expect "dlopen, dlclose ($language)" "$work/load_and_unload" "$work/plugin.so" $((10000 / divide))
  expect "fork handlers before dlopen ($language)" "$work/fork_handlers" "$work/plugin.so" $((2000 / divide))
  expect "leaving a scope ($language)" "$work/leave_anywhere"
done
c "$work/fork_under_load" $here/fork_under_load.c
expect "fork" "$work/fork_under_load" $((10000 / divide))
c "$work/destroy_and_exit" $here/destroy_and_exit.c
expect "destroy and thread exit" "$work/destroy_and_exit" $((100000 / divide))
cxx "$work/static_order" $here/static_order_first.cpp $here/static_order_second.cpp
expect "static order, first file first" "$work/static_order"
cxx "$work/static_order" $here/static_order_second.cpp $here/static_order_first.cpp
expect "static order, second file first" "$work/static_order"
exit $bad
