#!/usr/bin/env bash
# The same tests, with the header built by each of its switches, and where membarrier fails at run time.
# usage: tests/platforms/test_switches.sh [SWITCH-PATTERN]
# needs: libcmocka-dev
# test-all: the same tests once more for each switch
set -eu
cd "$(dirname "$0")/../.."
CC=${CC:-cc}
pattern=${1-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

# build FLAGS NAME: the program in $work/NAME, with the implementation that was built by the same flags, or its own
build() {
  local source second note compile="$CC -std=c11 -O1 -g1 -DTESTS_BRIEF -pthread -I. -Itests $1"
  source=$(echo tests/*/"$2.c") second=${source%.c}_second.c
  [ -f "$second" ] || second=
  if ! grep -q '^#define OBJPOOL_IMPLEMENTATION' "$source"; then
    second=$work/implementation$(echo "$1" | tr -d ' ').o
    [ -e "$second" ] || $compile -c tests/implementation.c -o "$second" 2>"$work/log" || return 1
  fi
  note=$(sed -n '1,15s|.*[ *]build: *\(.*\)|\1|p' "$source" | sed 's|\*/.*||')
  # shellcheck disable=SC2086
  $compile "$source" $second $note -lcmocka -o "$work/$2" 2>"$work/log"
}

# run LABEL FLAGS LAUNCHER NAME...: builds and runs these programs
run() {
  local label=$1 flags=$2 launcher=$3 name
  shift 3
  case $label in *"$pattern"*) ;; *) return 0 ;; esac
  for name; do
    # shellcheck disable=SC2086
    if ! build "$flags" "$name"; then
      echo "FAILED $label: $name does not compile"
      sed 's/^/    /' "$work/log"
      failures=$((failures + 1))
    elif ! CMOCKA_MESSAGE_OUTPUT=stdout timeout 120 $launcher "$work/$name" >"$work/log" 2>&1; then
      echo "FAILED $label: $name"
      grep -v -e ' RUN ' -e ' OK ' "$work/log" | sed 's/^/    /'
      failures=$((failures + 1))
    else
      echo "ok $label: $name"
    fi
  done
}

$CC -std=gnu11 -O1 tests/platforms/deny_membarrier.c -o "$work/deny_membarrier"

run 'membarrier denied at run time' '' "$work/deny_membarrier" test_limits test_threads test_wait test_fork test_model
run OBJPOOL_NO_MEMBARRIER -DOBJPOOL_NO_MEMBARRIER '' test_limits test_threads test_model test_two_files
run OBJPOOL_MAX_THREADS=2 -DOBJPOOL_MAX_THREADS=2 '' test_limits test_threads test_wait test_fork test_model
run OBJPOOL_CACHE_LINE=64 -DOBJPOOL_CACHE_LINE=64 '' test_limits test_threads test_alignment test_two_files
run OBJPOOL_UNCHECKED -DOBJPOOL_UNCHECKED '' test_lifetime test_hooks test_limits test_model
run OBJPOOL_NO_STATS -DOBJPOOL_NO_STATS '' test_allocator test_alignment test_fork test_realtime test_looks
run 'OBJPOOL_NO_STATS, ThreadSanitizer' '-DOBJPOOL_NO_STATS -fsanitize=thread' tests/tools/steady test_looks
run OBJPOOL_STATIC -DOBJPOOL_STATIC '' test_guards test_misuse test_refusals
run OBJPOOL_NO_STDIO -DOBJPOOL_NO_STDIO '' test_misuse test_guards
run OBJPOOL_NO_THREADS -DOBJPOOL_NO_THREADS '' test_lifetime test_hooks test_alignment

[ $failures = 0 ] || { echo "$failures failed"; exit 1; }
