/* test_every_step with a pool that is timed and tracked, whose objects are retired and looked at under way. C only, as there.
   test-all: the same steps once more, two minutes where system calls are slow. */
#define AGED
#include "../caches/test_every_step.c"
