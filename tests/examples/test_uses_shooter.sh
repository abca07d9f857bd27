#!/usr/bin/env bash
# examples/shooter.c with SDL2, without a window: the same state on each run, by gcc and clang, and with malloc in place of the pools; a picture.
# needs: libsdl2-dev
# test-all: SDL2
# shellcheck source=tests/examples/uses.sh
. "$(dirname "$0")/uses.sh"

need libsdl2-dev
build shooter -Wall -Wextra -Werror
hash() { number '^hash ([0-9a-f]{16})$'; }
run "$work/examples/shooter" --frames 600 --picture "$work/picture.bmp"
first=$(hash)
at_least "$(number '^enemies +([0-9]+) in use')" 500 "enemies"
at_least "$(number '^particles +([0-9]+) in use')" 1000 "particles"
at_least "$(number '^level ([0-9]+)')" 2 "a level has ended"
[ "$(head -c 2 "$work/picture.bmp")" = BM ] && ok "a picture was written" || wrong "no picture was written"
at_least "$(tail -c +139 "$work/picture.bmp" | od -An -v -tx4 | tr -s ' ' '\n' | sort -u | wc -l)" 100 "colours in the picture"
run "$work/examples/shooter" --frames 600
equal "$(hash)" "$first" "the same state on each run"
run "$work/examples/shooter" --frames 600 --malloc
equal "$(hash)" "$first" "the same state with malloc"
for other in gcc clang; do
  command -v $other >/dev/null || continue
  (CC=$other && build shooter) || exit 1
  run "$work/examples/shooter" --frames 600
  equal "$(hash)" "$first" "the same state by $other"
done
run "$work/examples/shooter" --frames 601
[ "$(hash)" != "$first" ] && ok "the hash tells states apart" || wrong "another state has the same hash"
exit $failed
