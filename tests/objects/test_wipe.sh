#!/bin/bash
# opt.wipe: no byte of an object survives its release, destruction or extraction, and no optimiser drops that.
# tests/objects/wipe_scan.c is built at every level of optimisation, in C and C++, by gcc and clang, and looks for a secret in its own
# memory; built without opt.wipe it must find it (or the search would prove nothing); the machine code must hold the writes.
# test-all: several compilers; takes long
set -eu
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0 done=0
export LC_ALL=C

fail() { echo "FAILED $*" >&2; bad=1; }

# Does the machine code of these functions write zeros: a call of memset or of the pool's own functions that wipe, or a string
# store? On x86-64; elsewhere the search of memory has to do.
writes_zeros() { # PROGRAM FUNCTION...
  local program=$1 function code
  shift
  for function; do
    code=$(awk -v "name=$function" '$2 ~ "^<(_ZL[0-9]+)?" name "[_.A-Za-z0-9]*>:$" { inside = 1 } /^$/ { inside = 0 } inside' "$work/code")
    [ -n "$code" ] || { echo "no function $function"; return 1; }
    case $code in
    *memset* | *"rep stos"*) ;;
    *objpool__wipe*) writes_zeros "$program" objpool__wipe || return 1 ;;
    *objpool__renew*) writes_zeros "$program" objpool__renew || return 1 ;;
    *) echo "$function does not write zeros"; return 1 ;;
    esac
  done
}

for compiler in gcc clang; do
  command -v $compiler >/dev/null || { echo "skipped: no $compiler here"; continue; }
  for language in c c++; do
    case $language in
    c) compile="$compiler -std=gnu11" ;;
    c++) case $compiler in gcc) compile="g++ -x c++ -std=c++17" ;; *) compile="clang++ -x c++ -std=c++17" ;; esac ;;
    esac
    for level in -O0 -O1 -O2 -O3 "-O2 -flto"; do
      # shellcheck disable=SC2086
      { $compile $level -fexceptions -pthread -I. tests/objects/wipe_scan.c -o "$work/scan" 2>"$work/err" || rm -f "$work/scan"; } &
      # shellcheck disable=SC2086 # what a control finds depends little on the level: two are enough
      case $level in -O0 | -O2) $compile $level -DWITHOUT_WIPE -fexceptions -pthread -I. tests/objects/wipe_scan.c -o "$work/control" 2>/dev/null || rm -f "$work/control" ;; esac
      wait
      if ! [ -x "$work/scan" ] || ! [ -x "$work/control" ]; then
        # clang's LTO needs a linker that takes its bitcode
        case "$compiler $level" in
        "clang "*flto) if ! grep -q 'scan\.c' "$work/err"; then echo "skipped: $compiler $language $level does not link here"; continue; fi ;;
        esac
        fail "$compiler $language $level: does not build: $(head -3 "$work/err")"
        continue
      fi
      "$work/scan" >"$work/wiped" || { fail "$compiler $language $level: status $?"; continue; }
      "$work/control" >"$work/kept" || { fail "$compiler $language $level: the control ends with status $?"; continue; }
      if [ "$(uname -m)" = x86_64 ]; then
        objdump -d --no-show-raw-insn "$work/scan" >"$work/code"
        missing=$(writes_zeros "$work/scan" objpool__release_wiping) || fail "$compiler $language $level: $missing"
      fi
      left=$(awk '$2 > 0 { print $1 }' "$work/wiped" | xargs)
      # freed memory may be overwritten by others in the control; an idle object is not
      unseen=$(awk '$2 < 16 && $1 ~ /^release|guard/ { print $1 }' "$work/kept" | xargs)
      [ "$(wc -l <"$work/wiped")" = 10 ] || fail "$compiler $language $level: not every way was looked at"
      if [ -n "$left" ]; then fail "$compiler $language $level: the secret survives: $left"
      elif [ -n "$unseen" ]; then fail "$compiler $language $level: the search does not find what was not wiped: $unseen"
      else echo "ok $compiler $language $level: 10 ways to give an object back, nothing left of it"; fi
      done=$((done + 1))
    done
  done
done
[ $done -gt 0 ] || exit 77
exit $bad
