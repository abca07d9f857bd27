/* error: OBJPOOL_SIZES: sizes are ascending */
#include "objpool.h"
OBJPOOL_SIZES(buffers, 64, 128, 128);
