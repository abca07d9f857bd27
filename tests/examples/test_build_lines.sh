#!/usr/bin/env bash
# The line "build:" at the head of each example works as it stands, typed in the example's own folder, in silence; and each program
# that takes arguments answers --help and -h, says how it is used, and does nothing else.
# test-all: the libraries that examples use
set -eu
: "${CC:=cc}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
strict='-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wcast-align -Wcast-qual -Wundef
        -Wstrict-prototypes -Wmissing-prototypes -Wdouble-promotion -Werror'
failed=0
wrong() {
  echo "FAILED: $*"
  failed=1
}

make --no-print-directory example-packages || echo "going on without: the examples that use it are skipped"
mkdir "$work/copy" "$work/bin" "$work/empty"
cp -r objpool.h examples "$work/copy"
# what the lines call cc; our flags stand behind theirs
printf '#!/bin/sh\nexec %s "$@" %s\n' "$(command -v "$CC")" "$(echo $strict)" >"$work/bin/cc" # one line of flags
chmod +x "$work/bin/cc"

says_usage() { # NAME PROGRAM OPTION
  local status=0
  (cd "$work/empty" && timeout 20 "$2" "$3" >"$work/said" 2>"$work/errors" </dev/null) || status=$?
  [ $status = 0 ] || wrong "$1 $3 ends with $status"
  head -n 1 "$work/said" | grep -q "^usage: $1\b" || wrong "$1 $3 does not begin with its usage, but: $(head -n 1 "$work/said")"
  [ ! -s "$work/errors" ] || wrong "$1 $3 complains: $(head -n 1 "$work/errors")"
  [ "$(wc -l <"$work/said")" -le 40 ] || wrong "$1 $3 goes on and on"
  [ -z "$(ls -A "$work/empty")" ] || wrong "$1 $3 leaves behind: $(ls -A "$work/empty")"
  rm -rf "$work/empty" && mkdir "$work/empty"
}

for source in examples/*.c examples/reload/*.c; do
  name=$(basename "$source" .c)
  folder=$work/copy/$(dirname "$source")
  line=$(sed -n '1,15s|.*build: \(cc .*\)|\1|p' "$source" | sed 's| *\*/.*||')
  output=${line##* -o }
  output=${output%% *}
  if [ -z "$line" ] || [ "${output%.so}" != "$name" ]; then
    wrong "$source does not say how it is built into $name: $line"
    continue
  fi
  if ! (cd "$folder" && PATH=$work/bin:$PATH sh -c "$line") >"$work/log" 2>&1; then
    header=$(sed -n 's|.*fatal error: \([^:]*\): No such file.*|\1|p' "$work/log" | head -n 1)
    if [ -n "$header" ] && [ ! -e "$folder/$header" ] && [ "$header" != objpool.h ]; then
      echo "skipped: $name, for want of $header"
    else
      cat "$work/log"
      wrong "in examples/: $line"
    fi
    continue
  fi
  echo "ok: $line"
  grep -q '^int main(int' "$source" || continue # takes no arguments
  says_usage "$name" "$folder/$output" --help
  says_usage "$name" "$folder/$output" -h
done
[ $failed = 0 ] && echo "ok: --help and -h say how each program is used, and do nothing else"
exit $failed
