/* error: OBJPOOL_SIZES takes at most 16 sizes */
#include "objpool.h"
OBJPOOL_SIZES(buffers, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17);
