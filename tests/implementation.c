/* The implementation, linked to the tests that do not bring their own; strictly ISO C and C++, as they are compiled. */
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"
