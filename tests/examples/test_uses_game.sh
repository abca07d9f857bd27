#!/usr/bin/env bash
# examples/game_pools.c: pools as the configuration file says, warmed up and reported together; mistakes in the file are
# refused by line number.
# shellcheck source=tests/examples/uses.sh
. "$(dirname "$0")/uses.sh"

build game_pools
# without an argument it finds its file from any folder: beside it, and where make puts it
cp examples/game_pools.conf "$work/examples/"
(cd / && "$work/examples/game_pools" >/dev/null) && ok "it finds its own file from another folder" || wrong "it does not find its own file"
rm "$work/examples/game_pools.conf"
run "$work/examples/game_pools" examples/game_pools.conf 200000 8
says 'ok +85 objects ready before play' "all three pools were warmed up"
says '^message_buffers +0 .* 50 +0 +50 +[0-9]+$' "message buffers as the file says"
says '^strings +0 .* 25 +0 +25 +[0-9]+$' "strings as the file says"
says '^maps +0 .* 10 +0 +10 +[0-9]+$' "maps as the file says"
says 'ok +200000 messages understood, 0 not' "every message was understood"
says 'ok +the totals add up: 600000 acquired, 0 still in use' "the totals add up"
says 'ok +0 bytes left after the end' "nothing is left at the end"
# the totals again, from the lines above them
equal "$(awk '$1 == "message_buffers" || $1 == "strings" || $1 == "maps" { acquired += $2; bytes += $NF }
              $1 == "total" { result = acquired == $2 && bytes == $NF ? result "right " : "wrong " acquired; acquired = bytes = 0 }
              END { print result }' "$work/said")" "right right " "and so do the printed lines"

# other sizes are obeyed, capacities too
sed 's/^\(maps.capacity *=\).*/\1 4/; s/^\(strings.warmup *=\).*/\1 40/' examples/game_pools.conf >"$work/other.conf"
run "$work/examples/game_pools" "$work/other.conf" 1000 2
says 'ok +100 objects ready before play' "another file, other sizes"
sed 's/^\(maps.capacity *=\).*/\1 3/' examples/game_pools.conf >"$work/small.conf"
status=0
"$work/examples/game_pools" "$work/small.conf" 1000 2 >"$work/said" 2>&1 || status=$?
equal $status 1 "maps too small for a message of four entries"
says 'NOT OK +0 messages understood, 1000 not' "understand none"

refuses() { # FILE CONTENT, EXPECTED MESSAGE…
  local status=0 message
  printf '%b' "$1" | cat examples/game_pools.conf - >"$work/bad.conf"
  "$work/examples/game_pools" "$work/bad.conf" 1000 2 >"$work/said" 2>&1 || status=$?
  equal $status 2 "refused: $(printf '%b' "$1" | head -n 1)"
  shift
  for message; do says "$message" "it says: $message"; done
}
line=$(($(wc -l <examples/game_pools.conf) + 1))
refuses 'maps.capasity = 16\n' "bad.conf:$line: unknown key 'maps.capasity'"
refuses '\n# twice\nmaps.capacity = 16\n' "bad.conf:$((line + 2)): maps.capacity is already set in line"
refuses 'maps\n' "bad.conf:$line: expected \"key = number\", not 'maps'"
for number in 12x -4 '' 0x10 1.5 99999999999999999999 0 '1 2' ' '; do
  sed "s/^strings.objects .*/strings.objects = $number/" examples/game_pools.conf >"$work/bad.conf"
  status=0
  "$work/examples/game_pools" "$work/bad.conf" 1000 2 >"$work/said" 2>&1 || status=$?
  equal $status 2 "refused: strings.objects = $number"
  line=$(grep -n '^strings.objects' "$work/bad.conf" | cut -d: -f1)
  says "bad.conf:$line: strings.objects must be a number from 1 to 1000000, not '${number/# /}'" "in line $line"
done
sed '/^maps.warmup/d; s/^strings.warmup .*/strings.warmup = many/' examples/game_pools.conf >"$work/bad.conf"
status=0
"$work/examples/game_pools" "$work/bad.conf" >"$work/said" 2>&1 || status=$?
equal $status 2 "refused: two mistakes"
says 'strings.warmup must be a number' "the first is reported"
says 'maps.warmup is not set' "and the second"
sed 's/^strings.warmup .*/strings.warmup = 51/' examples/game_pools.conf >"$work/bad.conf"
"$work/examples/game_pools" "$work/bad.conf" >"$work/said" 2>&1 || true
says "bad.conf:[0-9]+: strings.warmup is more than strings.objects" "more at the start than are kept"
exit $failed
