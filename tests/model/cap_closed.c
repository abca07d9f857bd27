/* cap_closed.c: four threads reserve and give back at once, under a cap of two. Never are more than two reservations out, and after all are
 * back none is missing. */
#include "closed.h"

#define CAP 2

static objpool__state state;
static int out;

static void *body(void *argument) {
  (void)argument;
  for (int i = 0; i < 2; i++) {
    if (!objpool__reserve(&state)) continue;
    int now = __atomic_add_fetch(&out, 1, __ATOMIC_SEQ_CST);
    assert(now <= CAP);
    __atomic_sub_fetch(&out, 1, __ATOMIC_SEQ_CST);
    objpool__unreserve(&state);
  }
  return NULL;
}

int main(void) {
  state.engine = OBJPOOL__UNCACHED;
  state.max_objects = CAP;
  for (int i = 0; i < REPEAT; i++) {
    at_once(body, 4);
    assert(state.alive == 0);
  }
  printf("4 threads under a cap of %d, %d times: never more, none missing\n", CAP, REPEAT);
  return 0;
}
