#!/usr/bin/env bash
# C++20 modules, by g++ -fmodules-ts and by clang: a pool defined in the purview of a module, exported inline functions and a
# template that use it, imported. And that nothing is merged outside of modules: two files that mean different pools by one name.
# needs: g++
# test-all: C++ compilers
set -eu
cd "$(dirname "$0")/../.."
root=$PWD
CXX=${CXX:-c++}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cp "$root"/tests/cplusplus/modules/*.cpp .
cp apart.cpp apart_two.cpp
printf '#define OBJPOOL_IMPLEMENTATION\n#include "objpool.h"\n' >implementation.cpp
printf 'int one(); int two();\nint main() { return one() * 10 + two(); }\n' >apart_main.cpp
strict='-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wcast-align -Wcast-qual -Wundef -Wdouble-promotion -Werror'
failures=0
step() { # COMMAND...
  timeout 120 "$@" >log 2>&1 && [ ! -s log ]
}
outcome() { # STATUS LABEL
  if [ "$1" = 0 ]; then echo "ok: $2"; return; fi
  echo "FAILED $2"
  head -n 20 log | cut -c 1-300 | sed 's/^/    /'
  failures=$((failures + 1))
}

by_gcc() { # LEVEL FLAG
  rm -rf gcm.cache ./*.o program
  local source
  for source in items main implementation; do
    # shellcheck disable=SC2086
    step "$CXX" -std=c++20 -fmodules-ts "$1" $strict "$2" -pthread "-I$root" -c $source.cpp || return 1
  done
  step "$CXX" -pthread items.o main.o implementation.o -o program && step ./program
}
by_clang() { # COMPILER LEVEL
  rm -rf ./*.pcm ./*.o program
  local by=("$1" -std=c++20 "$2" -pthread) file=items=items.pcm
  case $("$1" -dumpversion) in 14.* | 15.*) file=items.pcm ;; esac
  # shellcheck disable=SC2086
  step "${by[@]}" $strict "-I$root" -x c++-module items.cpp --precompile -o items.pcm &&
    step "${by[@]}" -c items.pcm -o items.o &&
    step "${by[@]}" -fmodule-file=$file -c main.cpp &&
    step "${by[@]}" "-I$root" -c implementation.cpp &&
    step "$1" -pthread items.o main.o implementation.o -o program && step ./program
}
apart() { # COMPILER FLAGS...
  rm -f ./*.o program
  step "$@" -pthread "-I$root" -DNAME=one_thing -DUSE=one -DSIZE=8 -c apart.cpp &&
    step "$@" -pthread "-I$root" -DNAME=two_thing -DUSE=two -DSIZE=200 -c apart_two.cpp &&
    step "$@" -pthread "-I$root" -c implementation.cpp &&
    step "$@" -c apart_main.cpp || return 1
  case " $* " in *COPIES*) rm implementation.o ;; esac
  step "$1" -pthread ./*.o -o program && step ./program
}

modules=
case $("$CXX" --version) in
  *clang*) ;;
  *) if step "$CXX" -std=c++20 -fmodules-ts -c implementation.cpp "-I$root"; then modules=-fmodules-ts; else echo "no modules: $CXX"; fi ;;
esac
if [ -n "$modules" ]; then
  for level in -O0 -O2; do
    by_gcc $level -DINLINE && status=0 || status=$?
    outcome $status "$CXX -fmodules-ts $level"
  done
  by_gcc -O2 -DEXPORTED && status=0 || status=$?
  outcome $status "$CXX -fmodules-ts, the whole definition exported"
fi
clangs=()
for compiler in clang++ clang++-16 clang++-19; do ! command -v $compiler >/dev/null || clangs+=($compiler); done
for compiler in ${clangs[@]+"${clangs[@]}"}; do
  for level in -O0 -O2; do
    by_clang "$compiler" $level && status=0 || status=$?
    outcome $status "$compiler $level, a module"
  done
done

compilers=("$CXX")
[ ${#clangs[@]} = 0 ] || [ "${clangs[0]}" = "$CXX" ] || compilers+=("${clangs[0]}")
for compiler in "${compilers[@]}"; do
  for flags in '-std=c++17 -O0' '-std=c++17 -O2' '-std=c++17 -O0 -DCOPIES' '-std=c++17 -O2 -DCOPIES'; do
    # shellcheck disable=SC2086
    apart "$compiler" $flags && status=0 || status=$?
    outcome $status "$compiler $flags: two files, one name"
  done
done
if [ -n "$modules" ]; then
  for level in -O0 -O2; do
    apart "$CXX" -std=c++20 $modules $level && status=0 || status=$?
    outcome $status "$CXX $modules $level: two files, one name, no module"
  done
fi
[ $failures = 0 ] || { echo "$failures failed"; exit 1; }
