#!/usr/bin/env bash
# The trace that examples/trace.c writes: valid JSON, a span for every acquire, on each object's row one at a time,
# counters that agree.
# needs: jq binutils
# test-all: jq
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"${CC:-cc}" -std=c11 -O2 -pthread -I. examples/trace.c -o "$work/trace"
said=$("$work/trace" "$work/trace.json")
echo "$said"

holds() { # WHAT JQ-EXPRESSION
  jq -ne "input | $2" "$work/trace.json" >"$work/answer" || { echo "NOT OK: $1"; cat "$work/answer"; exit 1; }
  echo "ok: $1"
}
holds "the file is JSON with a list of events" '.traceEvents | type == "array" and length > 100'
holds "hundreds of spans, each with an end" '[.traceEvents[] | select(.ph == "X")] | length > 300 and all(.[]; .dur >= 0)'
holds "on the row of each object, spans follow one another" \
  '[.traceEvents[] | select(.ph == "X")] | group_by(.tid)
   | all(.[]; . as $row | all(range(1; length); $row[.].ts - ($row[. - 1].ts + $row[. - 1].dur) > -0.0015))'
holds "time never runs backwards" '[.traceEvents[] | select(.ph != "X") | .ts | select(. != null)] | . == sort'
holds "at most six objects were out at once, and all came back" \
  '[.traceEvents[] | select(.ph == "C") | .args["in use"]] | max <= 6 and max >= 5 and .[-1] == 0 and min >= 0'
holds "idle objects are counted too" '[.traceEvents[] | select(.ph == "C") | .args.idle] | max >= 1 and min == 0'
holds "creations, destructions, a resize and a clear are marked, and threads that waited" \
  '[.traceEvents[] | select(.ph == "i") | .name] | contains(["create", "destroy", "resize", "clear", "wait", "grow", "shrink"])'
holds "every row has a name" \
  '([.traceEvents[] | select(.ph == "X") | .tid] | unique) - [.traceEvents[] | select(.name == "thread_name") | .tid] == []'

counted=$(echo "$said" | sed -n 's/.*: \([0-9]*\) acquire, .*/\1/p')
spans=$(jq '[.traceEvents[] | select(.ph == "X")] | length' "$work/trace.json")
[ "$counted" = "$spans" ] || { echo "NOT OK: $spans spans, but $counted acquires were told"; exit 1; }
echo "ok: $spans spans, as many as acquires"

status=0
"$work/trace" "$work/no/such/folder.json" >/dev/null 2>"$work/error" || status=$?
[ "$status" = 2 ] && grep -q 'no/such/folder.json: No such file' "$work/error" ||
  { echo "NOT OK: an unwritable file: status $status"; exit 1; }
echo "ok: a file that cannot be written is named"

# the same events as probes
tests/tools/need systemtap-sdt-dev >&2 || true
"${CC:-cc}" -std=c11 -O2 -pthread -I. examples/probes.c -o "$work/probes"
status=0
"$work/probes" >"$work/said" 2>&1 || status=$?
if [ "$status" = 77 ]; then echo "left out: probes, without sys/sdt.h"; exit 0; fi
[ "$status" = 0 ] || { echo "NOT OK: probes ended with $status"; cat "$work/said"; exit 1; }
for probe in acquire release create destroy grow shrink clear resize exhausted wait; do
  readelf -n "$work/probes" | grep -A1 'Provider: objpool' | grep -q "Name: $probe\$" ||
    { echo "NOT OK: no probe $probe"; exit 1; }
done
echo "ok: ten probes of the provider objpool are in the program"
