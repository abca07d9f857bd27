#!/usr/bin/env bash
# examples/reload: a library with hooks is replaced while its objects live; they go on, and the new library's hooks serve them.
# Without rebind the pool would call where the old library was.
set -eu
cd "$(dirname "$0")/../.."
CC=${CC:-cc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
warnings='-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Werror'

game() { # VERSION: built, and put in place of the one before
  # shellcheck disable=SC2086
  $CC -std=c11 -O2 $warnings -fPIC -shared -DGAME_VERSION="$1" examples/reload/game.c -o "$work/new.so"
  mv "$work/new.so" "$work/game.so"
}

# shellcheck disable=SC2086
$CC -std=c11 -O2 $warnings -pthread -rdynamic examples/reload/host.c -o "$work/host" -ldl
game 1
mkfifo "$work/frames" "$work/says"
timeout 100 "$work/host" "$work/game.so" <"$work/frames" >"$work/says" &
host=$!
exec 3>"$work/frames" 4<"$work/says"

failures=0
frame() { # WHAT MUST BE SAID...
  local said expected
  echo >&3
  for expected; do
    read -r said <&4 || said='(nothing)'
    case $said in
      *"$expected"*) echo "ok: $said" ;;
      *)
        echo "FAILED: says \"$said\", not \"$expected\""
        failures=1 ;;
    esac
  done
}

frame 'version 1, frame 1: 30 flew (30 of version 1, 0 of version 2), 10 landed; one that landed was reset by version 1'
frame 'version 1, frame 2: 50 flew (50 of version 1, 0 of version 2), 16 landed'
game 2
frame reloaded 'version 2, frame 3: 64 flew (34 of version 1, 30 of version 2), 21 landed; one that landed was reset by version 2'
frame 'version 2, frame 4: 73 flew'
exec 3>&-
read -r said <&4
[[ $said == 'version 2: 49 landed at the end' ]] || { echo "FAILED: $said"; failures=1; }
read -r said <&4
[[ $said =~ ^destroyed:\ 0\ by\ version\ 1,\ [1-9][0-9]*\ by\ version\ 2$ ]] || { echo "FAILED: $said"; failures=1; }
wait "$host" || { echo "FAILED: host ends with $?"; failures=1; }
exit "$failures"
