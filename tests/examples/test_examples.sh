#!/usr/bin/env bash
# Every example compiles without a warning, by the flags it states; those that need nothing print what they should.
# test-all: the libraries that examples use
set -eu
: "${CC:=cc}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
strict='-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wcast-align -Wcast-qual -Wundef
        -Wstrict-prototypes -Wmissing-prototypes -Wdouble-promotion -Werror'
failed=0

# test_build_lines.sh does the same by the compiler that was asked for
compiler=$CC
! command -v clang >/dev/null || compiler=clang

make --no-print-directory example-packages || echo "going on without: the examples that use it are skipped"
for source in examples/*.c; do
  name=$(basename "$source" .c)
  if ! "$CC" -std=c11 -I. -I/usr/include/postgresql -M "$source" >"$work/log" 2>&1; then
    header=$(sed -n 's|.*fatal error: \([^:]*\): No such file.*|\1|p' "$work/log" | head -n 1)
    if [ -n "$header" ]; then
      echo "skipped: $name, for want of $header"
      continue
    fi
  fi
  # shellcheck disable=SC2086,SC2116 # one line of flags
  if make --no-print-directory -B BUILD="$work" CC="$compiler" CFLAGS="-O0 $(echo $strict)" "$work/examples/$name" >"$work/log" 2>&1; then
    echo "ok: $name compiles without a warning by $compiler"
  else
    cat "$work/log"
    echo "FAILED: $name does not compile without a warning by $compiler"
    failed=1
  fi
done

prints() { # NAME: runs it, and compares what it prints with standard input
  cat >"$work/expected"
  if "$work/examples/$1" >"$work/shown" 2>&1 && diff "$work/expected" "$work/shown"; then
    echo "ok: $1 prints what it should"
  else
    echo "FAILED: $1"
    failed=1
  fi
}

prints scoped <<'END'
hello, world
after an early return                        in use 0, idle 1
after a refused message                      in use 0, idle 1
a guard as a member of a struct              in use 1, idle 0
for 7: to whom it may concern
released early                               in use 0, idle 1
taken out of its guard                       in use 1, idle 0
after break                                  in use 0, idle 1
discarded                                    in use 0, idle 0
END
prints hooks <<'END'
the buffer holds a password of 28 characters
the next one to get it finds 0 bytes of that
10 requests: 3 connections opened, 4 transactions rolled back, 2 dead connections replaced, 3 closed
END

# the figures follow from the load: demand goes from 0 to 59 and back, 40 may be idle
"$work/examples/statistics" >"$work/shown"
for line in 'handed out 59: 16 from idle ones, 43 new; 19 destroyed, 19 of them beyond max_idle' \
  'hit rate 27.1 %, at most 59 in use at once' 'Recommendation: ' 'after the reset: 0 acquires, 40 idle'; do
  grep -q "$line" "$work/shown" || { cat "$work/shown"; echo "FAILED: statistics does not print: $line"; failed=1; }
done
echo "checked: statistics and its figures"

for sanitizers in address,undefined thread; do
  for name in scoped hooks word_count; do
    make --no-print-directory -B BUILD="$work/$sanitizers" CC="$CC" CFLAGS="-O1 -g -fsanitize=$sanitizers -fno-sanitize-recover" \
      "$work/$sanitizers/examples/$name" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
    arguments=
    [ $name != word_count ] || arguments="--threads 4 --buffers 3 --buffer-size 1K --compare objpool.h"
    # shellcheck disable=SC2086 # words
    if tests/tools/steady "$work/$sanitizers/examples/$name" $arguments >"$work/log" 2>&1; then
      echo "ok: $name under -fsanitize=$sanitizers"
    else
      cat "$work/log"
      echo "FAILED: $name under -fsanitize=$sanitizers"
      failed=1
    fi
  done
done
exit "$failed"
