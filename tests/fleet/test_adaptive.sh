#!/usr/bin/env bash
# Maintenance on the day of bursts: at most half the misses, at most 1.5 times the demand held after each burst, and the
# plot.
# needs: gnuplot-nox
# test-all: gnuplot
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"${CC:-cc}" -std=c11 -O2 -pthread -I. examples/adaptive.c -o "$work/adaptive"
status=0
"$work/adaptive" examples/adaptive.trace "$work/day.svg" >"$work/said" 2>"$work/errors" || status=$?
cat "$work/said" "$work/errors"
[ "$status" = 0 ] || { echo "NOT OK: exit status $status"; exit 1; }
[ ! -s "$work/errors" ] || { echo "NOT OK: something on stderr, and it is no terminal"; exit 1; }

# the same judgement from the printed table, so that the program's own is not believed unseen
awk '
  /^without maintenance/ { alone = $3 }
  /^with maintenance/ { kept = $3 }
  /^  [0-9][0-9]:[0-9][0-9]-/ { bursts++; if ($3 > worst) worst = $3; if ($2 > worst_alone) worst_alone = $2 }
  END {
    printf "misses %d and %d, %d bursts, at most %.2f times the demand held (alone %.2f)\n", alone, kept, bursts, worst, worst_alone
    exit !(alone >= 500 && kept * 2 <= alone && bursts >= 10 && worst >= 1 && worst <= 1.5 && worst_alone > 3)
  }' "$work/said" || { echo "NOT OK: outside the promise"; exit 1; }
echo "ok: at most half the misses, at most 1.5 times the demand held"

grep -q '<svg' "$work/day.svg" && grep -q 'in use' "$work/day.svg" || { echo "NOT OK: no plot"; exit 1; }
echo "ok: the plot is drawn"

"$work/adaptive" --make-trace | cmp - examples/adaptive.trace ||
  { echo "NOT OK: --make-trace writes another trace than the one beside it"; exit 1; }
echo "ok: the trace is the one that --make-trace writes"

printf '0 10\n1 ten\n' >"$work/bad.trace"
status=0
"$work/adaptive" "$work/bad.trace" >/dev/null 2>"$work/errors" || status=$?
[ "$status" = 2 ] && grep -q 'bad.trace:2:' "$work/errors" ||
  { echo "NOT OK: a bad trace: status $status"; cat "$work/errors"; exit 1; }
echo "ok: a bad trace is refused by line"
