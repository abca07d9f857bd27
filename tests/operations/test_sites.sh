#!/bin/bash
# Where an object of a tracked pool was acquired: addr2line names the function and the line of the user's call, however it was made,
# optimised or not, by gcc and clang, in C and C++; and so does the leak report of destroy, in a program and in a library.
# test-all: several compilers; takes long
# needs: binutils
set -eu
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0 sites=0 builds=0
export LC_ALL=C

fail() { echo "FAILED $*" >&2; bad=1; }

# The outermost frame is that of the call, where functions were inlined into it.
outermost() { addr2line -fie "$1" "$2" | sed 's/ (discriminator .*//' | tail -2 | tr '\n' ' '; }

# Each line "NAME OFFSET" of the program's output must lie where the source says /* AT NAME */.
compare() { # WHAT PROGRAM
  local name offset line found
  while read -r name offset; do
    line=$(grep -n "AT $name \*/" tests/operations/sites.c | cut -d: -f1)
    found=$(outermost "$2" "$offset")
    case $found in
    *"call_$name"*"sites.c:$line ") sites=$((sites + 1)) ;;
    *) fail "$1: $name at $offset is $found, not call_$name in line $line" ;;
    esac
  done
}

# Each line of the report says how many, and where addr2line finds them.
compare_leaks() { # WHAT; the report on stdin
  local what=$1 count=0 number place found
  read -r found
  case $found in "objpool: pool 'sites': destroyed with 3 objects in use, see addr2line -ipfe:") ;; *) fail "$what: the report begins: $found" ;; esac
  while read -r number _ _ place; do
    count=$((count + 1))
    found=$(outermost "${place%+*}" "${place##*+}")
    case $number-$found in
    2-*call_leaked_twice*) [ $count = 1 ] || fail "$what: the place with most objects is not the first" ;;
    1-*call_leaked_once*) ;;
    *) fail "$what: $number at $place, which is $found" ;;
    esac
  done
  [ $count = 2 ] || fail "$what: $count places in the report"
}

for compiler in gcc clang; do
  command -v $compiler >/dev/null || { echo "skipped: no $compiler here"; continue; }
  for language in c c++; do
    case $compiler$language in
    *c++) compile="${compiler/gcc/g}++ -x c++ -std=c++17" ;;
    *) compile="$compiler -std=c11" ;;
    esac
    # binutils' addr2line does not find what clang inlined in DWARF 5; llvm's does
    case $compiler in clang) compile="$compile -gdwarf-4" ;; *) compile="$compile -g" ;; esac
    for level in -O0 -O1 -O2 -O3 -Os "-O2 -fno-pie -no-pie" "-O0 -fomit-frame-pointer" "-O2 -DOBJPOOL_STATIC"; do
      what="$compiler $language $level"
      # shellcheck disable=SC2086
      $compile $level -pthread -I. tests/operations/sites.c -o "$work/sites" || { fail "$what: does not build"; continue; }
      builds=$((builds + 1))
      "$work/sites" >"$work/out" 2>"$work/leaks" || { fail "$what: ends with status $?"; continue; }
      [ "$(wc -l <"$work/out")" -ge 14 ] || fail "$what: only $(wc -l <"$work/out") sites were told"
      compare "$what" "$work/sites" <"$work/out"
      compare_leaks "$what" <"$work/leaks"
    done
  done
done
# a library, whose addresses are its own
gcc -g -O2 -pthread -I. -fPIC -shared -Dmain=run_sites tests/operations/sites.c -o "$work/libsites.so"
echo 'int run_sites(void); int main(void) { return run_sites(); }' >"$work/main.c"
gcc "$work/main.c" -o "$work/main" -L"$work" -lsites -Wl,-rpath,"$work"
"$work/main" 2>"$work/leaks" >/dev/null
grep -q "acquired at .*libsites.so+0x" "$work/leaks" || fail "the report of a library's pool names no library"
compare_leaks "a library" <"$work/leaks"
[ $bad = 0 ] && echo "$sites sites in $builds builds, and the leaks of each, are where the source says"
exit $bad
