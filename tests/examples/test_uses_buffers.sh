#!/usr/bin/env bash
# examples/sized_buffers.c and examples/ring_buffers.c: right sizes, bounded memory, nothing overwritten while it is read.
# test-all: takes long
# shellcheck source=tests/examples/uses.sh
. "$(dirname "$0")/uses.sh"

build sized_buffers
run "$work/examples/sized_buffers" 100000 8
says 'ok +each request gets the smallest class that fits, beyond the largest a plain allocation' "the smallest that fits"
says 'ok +100000 answers intact, 0 spoilt' "no buffer was in two hands"
at_least "$(number 'ok +([0-9]+) answers grew to 1048576 bytes, beyond every class, and none was kept')" 500 "answers that grew moved on"
says 'ok +[0-9]+ bytes kept, at most' "what is kept is bounded"
says 'ok +a trim to [0-9]+ bytes leaves [0-9]+ and destroys [0-9]+' "a trim is exact"
at_least "$(number 'in all: ([0-9]+) of [0-9]+ requests reused')" 90000 "most requests reused a buffer"

build ring_buffers
run "$work/examples/ring_buffers" 100000 4
says 'ok +8 buffers come round in the same order' "the buffers are handed out in turn"
says 'ok +0 replaced while nobody reads' "and stay the same ones"
says 'ok +[0-9]+ read whole, 0 overwritten while being read' "no frame is overwritten while it is read"
at_least "$(number 'ok +([0-9]+) read whole')" 1000 "frames were read meanwhile"
at_least "$(number 'ok +([0-9]+) still being read when their turn came')" 1 "buffers still being read were replaced"
says 'ok +0 frames refused for want of a buffer' "a buffer for each reader beside the ring is enough"
says 'ok +12 buffers ever made, 8 in the ring' "and no more were made"
exit $failed
