/* error: incompatible pointer|incompatible function pointer|invalid conversion|cannot convert|incompatible type */
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"
static void reset_double(double *object, void *context) {
  (void)context;
  *object = 0;
}
OBJPOOL_DEFINE(int_pool, int, opt.reset = reset_double);
int main(void) { return 0; }
