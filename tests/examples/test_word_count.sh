#!/usr/bin/env bash
# The demo counts as tr, sort and uniq do, whatever the sizes of its pools; it says what it could not read or understand.
set -eu
: "${CC:=cc}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
program=$work/word_count
make --no-print-directory build/examples/word_count >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
cp build/examples/word_count "$program"
export LC_ALL=C

fail() { echo "FAILED: $*"; exit 1; }

# what the demo should print with --top 0 --quiet: all words, the most frequent first, those as frequent in order
expected() {
  cat "$@" | tr -cs 'A-Za-z0-9\200-\377' '\n' | tr A-Z a-z | sed '/^$/d' | sort | uniq -c |
    sort -k1,1nr -k2,2 | awk '{ printf "%7d %s\n", $1, $2 }'
}

same() { # NAME FILE... -- OPTION...: the demo's words are those of tr, sort and uniq
  local name=$1 files=()
  shift
  while [ $# -gt 0 ] && [ "$1" != -- ]; do files+=("$1"); shift; done
  [ $# = 0 ] || shift
  expected "${files[@]}" >"$work/expected"
  timeout 60 "$program" --top 0 --quiet "$@" "${files[@]}" >"$work/got" 2>"$work/errors" || fail "$name: exit status $?"
  [ ! -s "$work/errors" ] || { cat "$work/errors"; fail "$name: errors"; }
  cmp -s "$work/expected" "$work/got" || { diff "$work/expected" "$work/got" | head; fail "$name"; }
  echo "ok: $name ($(wc -l <"$work/got") different words)"
}

text=(objpool.h README.md Makefile examples/*.c)
same "the text of this repository" "${text[@]}"
same "one thread" "${text[@]}" -- --threads 1
same "eight threads and two tiny buffers, each full many times" "${text[@]}" -- --threads 8 --buffers 2 --buffer-size 64
same "no warm-up, one map" "${text[@]}" -- --strings 0 --maps 1
same "buffers larger than the files" "${text[@]}" -- --buffer-size 8M

: >"$work/empty"
printf 'a' >"$work/letter"
printf '\n\n  \t ' >"$work/blanks"
printf 'one\0two\0one ONE One na\xc3\xafve \xff\xfe end' >"$work/bytes"
head -c 300000 /dev/zero | tr '\0' 'x' >"$work/long"
printf 'y%s y' "$(head -c 70000 /dev/zero | tr '\0' 'z')" >>"$work/long"
{ seq 1 60000; seq 1 3 60000; } >"$work/numbers"
head -c 2000000 /dev/urandom >"$work/random"
same "an empty file, one letter, blanks only, odd bytes" "$work/empty" "$work/letter" "$work/blanks" "$work/bytes"
same "words longer than a buffer" "$work/long" -- --buffer-size 16 --buffers 2
same "sixty thousand different words" "$work/numbers"
same "random bytes" "$work/random" -- --buffer-size 100

expected "$work/numbers" >"$work/expected"
"$program" --top 0 --quiet - <"$work/numbers" | cmp - "$work/expected" || fail "standard input"
# a pipe that gives a little at a time
(head -c 50000 "$work/numbers"; sleep 0.1; tail -c +50001 "$work/numbers") | "$program" --top 0 --quiet - |
  cmp - "$work/expected" || fail "a slow pipe"
echo "ok: standard input, also piece by piece"

expected "$work/numbers" "$work/numbers" "$work/numbers" | head -n 3 >"$work/expected"
"$program" --rounds 3 --top 3 --quiet "$work/numbers" | cmp - "$work/expected" || fail "--rounds and --top"
echo "ok: --rounds and --top"

# unreadable files: named, the rest is counted, exit status 1
status=0
"$program" --top 0 --quiet "$work/letter" "$work/not there" "$work" "$work/bytes" >"$work/got" 2>"$work/errors" || status=$?
[ "$status" = 1 ] || fail "exit status $status for unreadable files"
expected "$work/letter" >"$work/expected"
cat "$work/letter" <(echo) "$work/bytes" >"$work/both"
expected "$work/both" | cmp - "$work/got" || fail "the readable files were not counted"
grep -q "not there: No such file" "$work/errors" || fail "no word of the missing file"
grep -q "$work: Is a directory" "$work/errors" || fail "no word of the directory"
[ "$(wc -l <"$work/errors")" = 2 ] || { cat "$work/errors"; fail "more than one line per unreadable file"; }
echo "ok: unreadable files are named, the rest is counted, exit status 1"

for wrong in '--threads 0' '--threads 1x' '--threads -1' '--threads' '--threads 99999999999999999999' '--buffers 1' \
  '--buffer-size 9999999999G' '--nonsense' ''; do
  status=0
  # shellcheck disable=SC2086 # an option and its value
  "$program" $wrong >"$work/got" 2>"$work/errors" || status=$?
  [ "$status" = 2 ] && [ -s "$work/errors" ] && [ ! -s "$work/got" ] || fail "'$wrong' was not refused"
done
status=0
WORD_COUNT_BUFFERS=none "$program" "$work/letter" >"$work/got" 2>"$work/errors" || status=$?
[ "$status" = 2 ] && grep -q WORD_COUNT_BUFFERS "$work/errors" || fail "a wrong environment variable was not refused"
echo "ok: wrong options and environment variables are refused by name, exit status 2"

WORD_COUNT_STRINGS=123 WORD_COUNT_MAPS=5 WORD_COUNT_THREADS=3 "$program" "$work/empty" >"$work/got" 2>&1
grep -q 'by 3 threads' "$work/got" || fail "WORD_COUNT_THREADS"
WORD_COUNT_THREADS=3 "$program" --threads 2 "$work/empty" | grep -q 'by 2 threads' || fail "an option goes before its variable"
grep -q 'reused one of 144 objects' "$work/got" || { cat "$work/got"; fail "16 buffers + 123 strings + 5 maps were wanted"; }
echo "ok: the environment sets sizes, options go before it"

"$program" "${text[@]}" >"$work/got" 2>"$work/errors"
[ ! -s "$work/errors" ] || fail "something on standard error without a terminal"
[ "$(grep -c $'\r' "$work/got")" = 0 ] || fail "progress in a pipe"
for pool in buffers strings maps; do grep -q "$pool" "$work/got" || fail "no report of $pool"; done
[ "$(grep -c 'Recommendation: ' "$work/got")" = 3 ] || fail "three reports, each with its recommendation"
grep -q 'In use 0,' "$work/got" || fail "something was not given back"
echo "ok: three reports and their sum, nothing left in use, no progress without a terminal"

command -v script >/dev/null || { echo "left out: progress on a terminal (Debian: bsdutils)"; exit 0; }
script -qec "$program --seconds 1 README.md" "$work/typescript" >"$work/shown" </dev/null
grep -q $'\r.*MB/s' "$work/shown" || fail "no progress on a terminal"
echo "ok: progress on a terminal"

"$program" --compare --rounds 8 "${text[@]}" >"$work/got"
grep -qE 'malloc, free +[0-9.]+ s +[0-9.]+ s' "$work/got" || fail "--compare prints no times"
times=$(sed -nE 's|^ *malloc/pools +([0-9.]+) +([0-9.]+)$|\1 and \2|p' "$work/got")
[ -n "$times" ] || { cat "$work/got"; echo "FAILED: --compare does not say how malloc/pools are"; exit 1; }
echo "ok: --compare: malloc takes $times times as long as pools (elapsed, processor)"

# whatever memory there is: the right words, or a message and exit status 1, never a crash
refused=0
for kilobytes in 8000 16000 24000 32000 48000 64000 96000; do
  status=0
  (ulimit -v $kilobytes; ulimit -s 512; exec "$program" --threads 2 --top 0 --quiet "$work/numbers") \
    >"$work/got" 2>"$work/errors" || status=$?
  case $status in
    0) expected "$work/numbers" | cmp - "$work/got" || fail "wrong words in $kilobytes KiB" ;;
    1) [ -s "$work/errors" ] || fail "no message in $kilobytes KiB"; refused=$((refused + 1)) ;;
    *) cat "$work/errors"; fail "exit status $status in $kilobytes KiB" ;;
  esac
done
[ "$refused" -gt 0 ] || fail "memory was never short: this check checked nothing"
echo "ok: short of memory ($refused of 7 limits) it says so"
