#!/usr/bin/env bash
# examples/worker_pool.c: each task runs once and its result reaches who submitted it, with few task objects, reused.
# shellcheck source=tests/examples/uses.sh
. "$(dirname "$0")/uses.sh"

build worker_pool
run "$work/examples/worker_pool" 100000 8 4 32
says 'ok +100000 tasks run once' "each task was run once"
# the number of steps of all Collatz sequences from 1 to 100000, an independent fact
says 'ok +10753840 steps in all, 0 results wrong' "each result is right"
says 'ok +([1-9]|[12][0-9]|3[0-2]) tasks made, reused 999[0-9]{2} times' "32 task objects at most, reused"
says 'ok +0 tasks never waited for' "all came back"

# fewer task objects than submitters: they wait for each other's and none is stuck
run "$work/examples/worker_pool" 20000 16 2 3
says 'ok +20000 tasks run once' "each task was run once with 3 task objects for 16 submitters"
at_least "$(number 'a second, ([0-9]+) submissions waited')" 1 "submitters waited for them"
exit $failed
