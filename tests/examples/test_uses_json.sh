#!/usr/bin/env bash
# examples/json_lines.c with cJSON: what comes out is what jq makes of the same lines, in their order; bad lines are
# reported with their numbers and nothing else is lost.
# needs: libcjson-dev jq
# test-all: cJSON
# shellcheck source=tests/examples/uses.sh
. "$(dirname "$0")/uses.sh"

build json_lines

compare() { # FILE WHAT: with jq, from the file and from standard input, on one thread and on many
  local threads
  # jq takes an empty line for nothing at all, and so should we
  jq -Rc 'try {line: input_line_number, document: fromjson} catch empty' "$1" >"$work/expected"
  for threads in 1 8; do
    "$work/examples/json_lines" "$1" $threads >"$work/output" 2>"$work/said" || [ $? = 1 ] || wrong "it failed"
    if cmp "$work/expected" "$work/output"; then
      ok "$2: $(wc -l <"$work/output") documents, the same as by jq, on $threads threads"
    else
      wrong "$2 on $threads threads"
    fi
  done
  "$work/examples/json_lines" <"$1" 2>/dev/null | cmp "$work/expected" - || wrong "$2 from standard input"
}

compare examples/json_lines.jsonl "the sample"
says 'json_lines.jsonl:5:48: this is not JSON' "the line that breaks off is reported"
says 'json_lines.jsonl:7:18: this is not JSON' "the line with something behind the document is reported"
says '^9 lines, 2 bad' "the lines are counted"

# 30000 lines of all sizes, every thousandth bad in one of three ways, some blank, one of 3 MB, no newline at the end
awk 'BEGIN {
  for (line = 1; line <= 30000; line++) {
    if (line % 1000 == 0) { print line % 3 == 0 ? "{\"id\":" line ",}" : line % 3 == 1 ? "[1, 2" : "{\"id\" 1}"; continue }
    if (line % 777 == 0) { print ""; continue }
    if (line == 15001) { printf "{\"long\":\""; for (i = 0; i < 300000; i++) printf "0123456789"; print "\"}"; continue }
    printf "{\"id\": %d, \"name\": \"n\\u00e4me %d\", \"values\": [", line, line
    for (i = 0; i < line % 40; i++) printf "%s%d.5", i ? ", " : "", i * line % 1000
    printf "], \"deep\": {\"a\": {\"b\": [true, false, null, {\"c\": -%d}]}}, \"text\": \"", line
    for (i = 0; i < line % 150; i++) printf "\\\"%c", 97 + i % 26
    printf "\"}%s", line < 30000 ? "\n" : ""
  }
}' >"$work/many.jsonl"
compare "$work/many.jsonl" "30000 lines"
equal "$(number '^30000 lines, ([0-9]+) bad')" 30 "the bad lines are counted"
equal "$(grep -o ':[0-9]*:[0-9]*: this is not JSON' "$work/said" | cut -d: -f2 | paste -sd ' ')" \
  "$(seq -s ' ' 1000 1000 30000)" "each is reported with its number, in order"

# nearly all of cJSON's memory comes from the pools and is used again
for size in 16 32 64 128 256; do
  at_least "$(number "^ *$size bytes: +[0-9]+ allocations, +([0-9.]+) % reused")" 95 "pieces of $size bytes are reused"
done
at_least "$(number '^ *64 bytes: +([0-9]+) allocations')" 500000 "every node of a document is such a piece"
at_least "$(number 'buffers: [0-9]+ times one of [0-9]+, ([0-9]+) grown too large')" 1 "a buffer that a huge line made grow is let go"

# a NUL within a line is not its end
printf '{"a": 1}\0{"b": 2}\n{"c": 3}\n' >"$work/nul.jsonl"
"$work/examples/json_lines" "$work/nul.jsonl" >"$work/output" 2>"$work/said" || true
equal "$(cat "$work/output")" '{"line":2,"document":{"c":3}}' "a NUL within a line does not end it"
says 'nul.jsonl:1:10: this is not JSON' "and is reported"

status=0
"$work/examples/json_lines" "$work/none.jsonl" >"$work/said" 2>&1 || status=$?
equal $status 2 "a file that is not there is an error"
says 'failed: .*none.jsonl: No such file' "and is named"
exit $failed
