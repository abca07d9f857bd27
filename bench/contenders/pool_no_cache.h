/* name: objpool no cache
 * No thread caches: each operation goes to the shared part, without locks and without system calls. */
#define POOL_CACHE_SIZE OBJPOOL_NO_CACHE
#include "pool.h"
