#!/usr/bin/env bash
# The examples in C++, each built as its first lines say, in silence, and run.
# test-all: a C++ compiler
set -eu
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
command -v "${CXX:=g++}" >/dev/null || { echo "skipped: no C++ compiler"; exit 77; }
mkdir "$work/examples"
cp objpool.h "$work/"
cp examples/*.cpp "$work/examples/"
cd "$work/examples"
failed=0
for source in *.cpp; do
  build=$(sed -n 's|^// build: g++ \(.*[^ ]\) *$|\1|p' "$source" | sed 's/   *usage:.*//')
  [ -n "$build" ] || continue # a part of another one
  compiler=$CXX
  case $build in *-fmodules-ts*) compiler=g++ ;; esac # a flag of g++ alone
  command -v "$compiler" >/dev/null || { echo "left out: $source, for want of $compiler"; continue; }
  program=${build##*-o }
  # shellcheck disable=SC2086
  if "$compiler" -Wall -Wextra -Wpedantic -Wshadow -Wconversion $build >log 2>&1 && ! [ -s log ] && timeout 60 "./$program" >log 2>&1; then
    echo "ok: $source says: $(tail -1 log)"
  else
    echo "FAILED: $source, $compiler $build:"
    cat log
    failed=1
  fi
done
exit $failed
