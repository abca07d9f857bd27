#!/usr/bin/env bash
# examples/top.c in a real terminal (tmux): the table, a new window size, and a clean terminal after q, Ctrl-C and
# SIGTERM; one plain table in a pipe.
# needs: tmux
# test-all: a terminal by tmux
set -eu
work=$(mktemp -d)
socket=objpool-top-$$
t() { tmux -f /dev/null -L "$socket" "$@"; }
trap 't kill-server 2>/dev/null || true; rm -rf "$work"' EXIT
bad() { echo "NOT OK: $1"; t capture-pane -p 2>/dev/null || true; exit 1; }

"${CC:-cc}" -std=c11 -O2 -pthread -I. examples/top.c -o "$work/top"

# in a pipe
LC_ALL=C.UTF-8 "$work/top" 'Größe 池' $'e\033[31mscape\nline' >"$work/plain" </dev/null
cat "$work/plain"
[ "$(wc -l <"$work/plain")" = 7 ] || bad "a pipe gets one table of 7 lines"
! grep -q $'\033' "$work/plain" || bad "no escape sequence goes into a pipe"
for name in connections pages requests 'Größe 池' 'e?\[31mscape?line' all; do
  grep -q "^$name " "$work/plain" || bad "no line for $name"
done
awk 'NR > 1 && !/%/ { exit 1 }' "$work/plain" || bad "every pool has a hit rate"
head -1 "$work/plain" | grep -q ' WAIT   P50   P99  CRE50 CRE99  USE50 USE99$' || bad "a pipe gets all times"
grep -Eq '^connections .*[KM]iB +[0-9]+( +(-|[0-9.]+(us|ms|s))){2}( +[0-9.]+(us|ms|s)){4}$' "$work/plain" || bad "connections have all times; perhaps none waited"
grep -Eq '^requests .*[KM]iB +0( +-){6}$' "$work/plain" || bad "a pool that takes no times tells of none"
echo "ok: one plain table in a pipe"

until_shown() { # PATTERN WHAT: within a minute
  local tries
  for tries in $(seq 600); do
    if t capture-pane -p | grep -q -- "$1"; then return; fi
    sleep 0.1
  done
  bad "$2"
}
until_gone() { # PATTERN WHAT: the same, for what must go
  local tries
  for tries in $(seq 600); do
    if ! t capture-pane -p | grep -q -- "$1"; then return; fi
    sleep 0.1
  done
  bad "$2"
}
t new-session -d -x 110 -y 16 'env LC_ALL=C.UTF-8 PS1="ready> " sh'
until_shown 'ready>' "the shell starts"
t send-keys "echo before; stty -g >'$work/stty-before'" Enter
until_shown '^before' "the shell answers"

start() { # the shell that becomes the program leaves its number behind, for the signal below
  t send-keys "clear; sh -c 'echo \$\$ >\"$work/pid\"; exec \"$work/top\" \"Größe 池\"'; echo left \$?" Enter
  until_shown '^Größe 池' "the table shows"
}
left_clean() { # HOW
  until_shown '^left 0' "$1 ends it with status 0"
  t send-keys "stty -g >'$work/stty-after'; echo visible" Enter
  until_shown '^visible' "after $1 the shell echoes as before"
  cmp -s "$work/stty-before" "$work/stty-after" || bad "after $1 the terminal's settings are as before"
  [ "$(t display-message -p '#{alternate_on}#{cursor_flag}')" = 01 ] ||
    bad "after $1 the screen and the cursor are back"
  ! t capture-pane -p | grep -q '^connections' || bad "after $1 nothing of the table stays"
  echo "ok: clean after $1"
}

start
until_shown '^connections .*[█▒]' "bars are drawn"
until_shown '^connections .*[▁▂▃▄▅▆▇█]$' "sparklines are drawn"
took='[0-9.]*\(us\|ms\|s\)'
until_shown "^connections .* \(KiB\|MiB\) *[0-9]* *$took *$took *$took " "it shows who waits, and how long waits and creates took"
until_shown '^connections .*[KM]iB *[1-9][0-9]* ' "in a burst somebody waits"
until_shown '^held for [0-9.]*s, acquired at top+0x[0-9a-f]*: connections' "it tells who has held a connection for long"
t capture-pane -p | grep -q "^requests .*[KM]iB *0 *- *- *- " || bad "a pool where nobody waited tells of no times"
[ "$(t display-message -p '#{alternate_on}#{cursor_flag}')" = 10 ] ||
  bad "it draws on a screen of its own, without a cursor"
echo "ok: a live table with bars and sparklines"
t resize-window -x 117 -y 16
until_shown "^connections .*[KM]iB *[0-9]*\( *$took\)\{6\} [█▒·]* *[▁▂▃▄▅▆▇█]*\$" "117 columns hold all times, bars and sparklines"
t resize-window -x 116 -y 16
until_gone CRE50 "116 do not"
t resize-window -x 80 -y 24
until_gone '[█▒]' "80 columns hold numbers and times, and no bars"
until_shown "^connections .*[KM]iB *[0-9]* *$took *$took *$took\$" "80 columns hold the times"
t resize-window -x 60 -y 8
until_shown '^connections .*[KM]iB *[0-9]*$' "60 columns hold the numbers, and who waits"
until_shown '^(1 more)' "a lower window shows fewer pools"
until_gone '[█▒]' "a narrow window has no room for bars"
t capture-pane -p | grep -q '^all ' || bad "the sum stays"
t resize-window -x 110 -y 16
until_shown '^connections .*[█▒]' "it grows with the window"
until_gone 'more)' "all pools are back"
echo "ok: it follows the window"
t send-keys q
left_clean q
start
t send-keys C-c
left_clean Ctrl-C
start
kill -TERM "$(cat "$work/pid")"
left_clean SIGTERM
