/* name: objpool local
 * For one thread at a time: no locked instruction, no thread-local storage. */
#define POOL_LOCAL true
#define POOL_SHARED 0
#include "pool.h"
