#!/usr/bin/env bash
# examples/jobs.c: fibers take objects on one thread and release them on another; each keeps its own, and none is lost.
# shellcheck source=tests/examples/uses.sh
. "$(dirname "$0")/uses.sh"

build jobs
run "$work/examples/jobs" 20000 4 64
# each job adds its number and 136, twice 63 words further and 5 steps
says '^20000 jobs on 4 workers: sum 202710000 \(right\), 0 words spoilt, 0 jobs starved$' "each job ran once, in memory of its own"
at_least "$(number 'another thread ([0-9]+) times')" 1 "fibers moved to other threads"
says '^fibers: ([1-9]|[1-5][0-9]|6[0-4]) made' "64 fibers at most"
says '^scratches: ([1-9]|[1-5][0-9]|6[0-4]) made for 40000 acquires, 0 still in use$' "one scratch a fiber at most, and all came back"

# more workers than fibers, and more jobs than both: the submitter waits for a fiber
run "$work/examples/jobs" 3000 8 2
says '^3000 jobs on 8 workers: sum 4906500 \(right\), 0 words spoilt, 0 jobs starved$' "each ran once with two fibers"
says '^fibers: [12] made' "two fibers at most"
exit $failed
