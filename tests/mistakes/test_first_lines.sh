#!/usr/bin/env bash
# What is said first of a mistake, by compilers, by the linker and by the program, holds a word that tells: tests/mistakes/first_lines
# has the mistakes and the words.   tests/mistakes/test_first_lines.sh [NAME]: mistakes whose names match, with all that was said
# needs: g++
# test-all: several compilers
set -eu
cd "$(dirname "$0")/../.."
: "${CC:=cc}" "${CXX:=c++}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pattern=${1-}
compilers="$CC:$CXX"
case $CC in *clang*) ;; *) ! command -v clang++ >/dev/null || compilers="$compilers clang:clang++" ;; esac

cat >"$work/head.h" <<'C'
#ifdef HOLDS
#define OBJPOOL_IMPLEMENTATION
#endif
#include "objpool.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
struct conn { int n; };
struct other { int m; };
C
printf '#define OBJPOOL_IMPLEMENTATION\n#include "objpool.h"\n' >"$work/implementation.c"

# each mistake into a file of its own, and what is said of it beside
awk -v folder="$work" '
  /^## / { name = substr($0, 4); file = sprintf("%s/%02d", folder, ++number); printf "" >file ".c"; print name >file ".name"; next }
  !number { next }
  /^@ / { print substr($0, 3) >file ".said"; next }
  /^\+ / { print substr($0, 3) >file ".flags"; next }
  { print >file ".c" }' tests/mistakes/first_lines

checked=0 failed=0
hold() { # WHAT REGEX LINES: is the first of them as it should be?
  checked=$((checked + 1))
  local first
  first=$(printf '%s\n' "$3" | head -n 1)
  if [ -n "$pattern" ]; then printf '%s\n    %s\n' "$1" "$3"; fi
  if printf '%s\n' "$first" | grep -qE "$2"; then return; fi
  printf 'FAILED: %s\n    wanted: %s\n    said:   %s\n' "$1" "$2" "$first"
  failed=1
}

for pair in $compilers; do
  for compiler in "${pair%:*}" "${pair#*:}"; do # each compiler's own copy of the implementation
    case $compiler in *++*) language='c++ -std=c++17' ;; *) language='c -std=c11' ;; esac
    # shellcheck disable=SC2086 # words
    "$compiler" -x $language -pthread -I. -c "$work/implementation.c" -o "$work/implementation.o"
    cp "$work/implementation.o" "$work/${compiler##*/}.o"
  done
  cc=${pair%:*} cxx=${pair#*:}
  for source in "$work"/[0-9][0-9].c; do
    file=${source%.c}
    name=$(cat "$file.name")
    case $name in *"$pattern"*) ;; *) continue ;; esac
    [ -f "$file.said" ] || { echo "FAILED: nothing is said of: $name"; failed=1; continue; }
    {
      echo '#include "head.h"'
      grep -q OBJPOOL_DEFINE "$source" || printf 'OBJPOOL_DEFINE(conn_pool, struct conn);\nstatic __attribute__((unused)) conn_pool pool;\n'
      echo '#line 1 "mistake"'
      cat "$source"
    } >"$work/mistake.c"
    flags=$(cat "$file.flags" 2>/dev/null || true)
    while IFS= read -r said; do
      where=${said%%: *} regex=${said#*: }
      # shellcheck disable=SC2086 # words
      case $where in
        c | c++)
          compiler=$cc language='c -std=c11'
          [ "$where" = c ] || { compiler=$cxx language='c++ -std=c++17'; }
          lines=$("$compiler" -x $language -Wall -Wextra -pthread -I. -I"$work" $flags -c "$work/mistake.c" -o "$work/mistake.o" 2>&1 |
            grep -E '(error|warning): ') || true
          hold "$name, $compiler" "$regex" "$lines" ;;
        link*)
          other=$work/nothing.c
          echo 'extern int nothing;' >"$other"
          case $where in *twice | *other) other=$work/${cc##*/}.o ;; esac
          if [ "$where" = 'link twice' ]; then
            flags=-DHOLDS
            echo 'int main(void) { return 0; }' >>"$work/mistake.c"
          fi
          for level in -O0 -O2; do
            lines=$(LC_ALL=C "$cc" -std=c11 $level -pthread -I. -I"$work" $flags "$work/mistake.c" "$other" -o "$work/mistake" 2>&1 |
              grep -E 'undefined reference|multiple definition') || true
            hold "$name, $cc $level" "$regex" "$lines"
          done ;;
        run)
          "$cc" -std=c11 -DHOLDS -Wno-unused-result -pthread -I. -I"$work" $flags "$work/mistake.c" -o "$work/mistake" ||
            { failed=1; continue; }
          lines=$( (timeout 60 "$work/mistake" 2>&1 || true) 2>/dev/null)
          hold "$name, $cc" "$regex" "$lines" ;;
        *) echo "FAILED: $name: where is '$where'?"; failed=1 ;;
      esac
    done <"$file.said"
  done
done
echo "$checked first lines of $(grep -c '^## ' tests/mistakes/first_lines) mistakes"
[ "$checked" -gt 0 ] && [ $failed = 0 ]
