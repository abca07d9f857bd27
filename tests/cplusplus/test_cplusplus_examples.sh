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
  build=$(sed -n 's|^// build: g++ \(.*[^ ]\) *$|\1|p' "$source")
  [ -n "$build" ] || continue # a part of another one
  compiler=$CXX
  case $build in *-fmodules-ts*) compiler=g++ ;; esac # a flag of g++ alone
  command -v "$compiler" >/dev/null || { echo "left out: $source, for want of $compiler"; continue; }
  program=${build##*-o }
  # shellcheck disable=SC2086
  if "$compiler" -Wall -Wextra -Wpedantic -Wshadow -Wconversion $build >log 2>&1 && ! [ -s log ] && timeout 60 "./$program" >log 2>&1; then
    echo "ok: $source says: $(tail -1 log)"
    grep -q '^int main(int' "$source" || continue # takes no arguments
    for option in --help -h; do
      "./$program" $option >log 2>&1 && [ "$(grep -c '' log)" = 1 ] && grep -q "^usage: ${source%.cpp}\b" log || {
        echo "FAILED: $source $option says: $(head -1 log)"
        failed=1
      }
    done
  else
    echo "FAILED: $source, $compiler $build:"
    cat log
    failed=1
  fi
done
exit $failed
