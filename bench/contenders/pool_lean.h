/* name: objpool lean
 * Without the release checks and without statistics. */
#define OBJPOOL_UNCHECKED
#define OBJPOOL_NO_STATS
#include "pool.h"
