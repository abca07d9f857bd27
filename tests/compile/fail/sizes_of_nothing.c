/* error: OBJPOOL_SIZES: a size is at least 1 */
#include "objpool.h"
OBJPOOL_SIZES(buffers, 0, 64);
