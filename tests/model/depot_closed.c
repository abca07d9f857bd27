/* depot_closed.c: threads pop and push magazines of the depot at once. None is in two hands, what its holder wrote is seen by the next
 * one, none is lost, and the depth kept in each is how many lie from it down. LIMIT: pushes to no more than all there are, which counts
 * the depth. GROW: meanwhile one thread brings memory for more magazines, so that the directory grows, and another
 * pushes a new one. ABA: the first thread holds two, and pushes them in the order it popped them. */
#include "closed.h"

#ifndef MAGAZINES
#define MAGAZINES 2
#endif
#ifndef THREADS
#define THREADS 3
#endif
#ifndef STEPS
#define STEPS 1 /* of each thread: a pop and a push */
#endif
#ifdef LIMIT
#define MOST MAGAZINES
#else
#define MOST 0
#endif

static int owner[1 << 8]; /* of the magazine with that number: plain, so that two holders race */
#ifndef CHECKED
static uintptr_t pops;
#endif

static objpool__magazine *pop(int self) {
  objpool__magazine *magazine = objpool__depot_pop(&state->depot, &state->depot.full, false);
  if (!magazine) return NULL;
  assert(owner[magazine->number] == 0);
  owner[magazine->number] = self + 1;
  magazine->objects[0] = (void *)((uintptr_t)magazine->objects[0] + 1);
#ifndef CHECKED
  __atomic_fetch_add(&pops, 1, __ATOMIC_RELAXED);
#endif
  return magazine;
}

static void push(objpool__magazine *magazine, int self) {
  assert(owner[magazine->number] == self + 1);
  owner[magazine->number] = 0;
  uint64_t depth = objpool__depot_push(&state->depot, &state->depot.full, magazine, MOST, false);
  assert(depth); /* it is never deeper than there are magazines */
}

static void *body(void *argument) {
  int self = argument ? *(const int *)argument : 0; /* alike to GenMC */
#ifdef ABA
  if (self == 0) {
    objpool__magazine *first = pop(self), *second = pop(self);
    if (first) push(first, self);
    if (second) push(second, self);
    return NULL;
  }
#endif
  for (int i = 0; i < STEPS * ROUNDS; i++) {
    objpool__magazine *magazine = pop(self);
    if (magazine) push(magazine, self);
  }
  return NULL;
}

#ifdef GROW
static size_t before; /* magazines there was memory for, all given out */

static void *grows(void *argument) {
  (void)argument;
#ifdef CHECKED
  provide(before);
#else
  provide(9 * before);
#endif
  return NULL;
}

static void *brings(void *argument) { /* as objpool__magazine_take, which waits for one where this gives up */
  (void)argument;
  if (__atomic_load_n(&state->depot.count, __ATOMIC_RELAXED) == before) return NULL;
  objpool__magazine *magazine = objpool__magazine_take(&state->depot);
  magazine->objects[0] = NULL;
  owner[magazine->number] = 0;
  objpool__depot_push(&state->depot, &state->depot.full, magazine, 0, false);
  return magazine;
}
#endif

int main(void) {
  for (int i = 0; i < REPEAT; i++) {
    int magazines = MAGAZINES;
    begin(MAGAZINES, 0);
    provide(MAGAZINES);
    for (int k = 0; k < MAGAZINES; k++) {
      objpool__magazine *magazine = objpool__magazine_take(&state->depot);
      magazine->objects[0] = NULL;
      objpool__depot_push(&state->depot, &state->depot.full, magazine, 0, false);
    }
#ifdef GROW
    before = state->depot.count;
    state->depot.begun = (uint32_t)before;
#endif
    start(body, THREADS);
#ifdef GROW
    start(grows, 1);
    start(brings, 1);
#endif
    all_others_end();
#ifdef GROW
    magazines += result[THREADS + 1] != NULL;
#endif
    assert(objpool__depot_depth(&state->depot, &state->depot.full) == (uint64_t)magazines);
    uint32_t number = objpool__number(state->depot.full);
    for (int left = magazines; left > 0; left--) {
      assert(number);
      objpool__magazine *magazine = objpool__magazine_at(&state->depot, number);
      assert(magazine->depth == (uint64_t)left && owner[number] == 0);
#ifndef CHECKED /* where two that count at once are a race */
      pops -= (uintptr_t)magazine->objects[0];
#endif
      number = magazine->next;
    }
    assert(number == 0);
#ifndef CHECKED
    assert(pops == 0);
#endif
    state->depot.full = 0; /* they hold no objects */
    end();
  }
  printf("%d threads on %d magazines, %d times: none in two hands, none lost\n", THREADS, MAGAZINES, REPEAT);
  return 0;
}
