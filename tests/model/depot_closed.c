/* depot_closed.c: three threads pop and push magazines of the depot at once. None is in two hands, none is lost, and the depth kept in
 * each is how many lie from it down. */
#include "closed.h"

#define MAGAZINES 3

static objpool__state state;
static uint64_t stack;
static int owner[MAGAZINES]; /* of the magazine with the number one higher: 0, or the thread's number and one */

static objpool__magazine *pop(int self) {
  objpool__magazine *magazine = objpool__depot_pop(&state, &stack);
  if (!magazine) return NULL;
  int before = __atomic_exchange_n(&owner[magazine->number - 1], self + 1, __ATOMIC_RELAXED);
  assert(before == 0);
  return magazine;
}

static void push(objpool__magazine *magazine, int self) {
  int before = __atomic_exchange_n(&owner[magazine->number - 1], 0, __ATOMIC_RELAXED);
  assert(before == self + 1);
  bool pushed = objpool__depot_push(&state, &stack, magazine, MAGAZINES);
  assert(pushed); /* it is never deeper than there are magazines */
}

static void *body(void *argument) {
  int self = *(const int *)argument;
  objpool__magazine *first = pop(self),
                    *second = self == 0 ? NULL : pop(self); /* the first thread pops once: who sleeps in it meets ABA */
  if (first) push(first, self);
  if (second) push(second, self);
  return NULL;
}

int main(void) {
  _Alignas(16) static char memory[32 * 64];
  state.rounds = 1;
  state.magazines[0] = memory;
  for (uint32_t number = 1; number <= MAGAZINES; number++) {
    objpool__magazine *magazine = objpool__magazine_at(&state, number);
    magazine->number = number;
    objpool__depot_push(&state, &stack, magazine, 0);
  }
  for (int i = 0; i < REPEAT; i++) {
    at_once(body, 3);
    assert(objpool__depot_depth(&state, &stack) == MAGAZINES);
    uint32_t number = objpool__number(stack);
    for (int left = MAGAZINES; left > 0; left--) {
      objpool__magazine *magazine = objpool__magazine_at(&state, number);
      assert(number && magazine->depth == (uint64_t)left && owner[number - 1] == 0);
      number = (uint32_t)magazine->next;
    }
    assert(number == 0);
  }
  printf("3 threads on %d magazines, %d times: none in two hands, none lost\n", MAGAZINES, REPEAT);
  return 0;
}
