/* The second file of the test of C++'s static order: it is linked before the first, and after it. */
#include "static_order.h"

static user second_user;
