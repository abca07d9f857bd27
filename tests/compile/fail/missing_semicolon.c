/* error: expected */
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"
OBJPOOL_DEFINE(int_pool, int)
int main(void) { return 0; }
