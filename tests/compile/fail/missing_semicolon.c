/* error: expected|two or more data types|cannot combine */
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"
OBJPOOL_DEFINE(int_pool, int)
int main(void) { return 0; }
