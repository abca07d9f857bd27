#!/usr/bin/env bash
# examples/lua_allocator.c with Lua: scripts have the same results with its memory from a set of buffers, and all of it comes back.
# needs: liblua5.4-dev
# test-all: Lua
# shellcheck source=tests/examples/uses.sh
. "$(dirname "$0")/uses.sh"

need liblua5.4-dev
build lua_allocator
run "$work/examples/lua_allocator" 10
for script in 'binary trees' 'strings, closures and tables'; do
  says "ok +$script: the same result, [0-9]+" "$script: the set changes nothing"
  says "ok +$script: every piece came back" "$script: nothing is lost"
  says "ok +$script: a trim gives [0-9]+ bytes back" "$script: what is idle can go"
done
at_least "$(number ' ([0-9.]+) % of them of idle memory')" 80 "most memory is used again"
exit $failed
