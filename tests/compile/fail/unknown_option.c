/* error: no member named .*recycle */
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"
OBJPOOL_DEFINE(int_pool, int, opt.recycle = true);
int main(void) { return 0; }
