/* cap_closed.c: threads reserve and give back at once, under a cap of two. Never are more than two reservations out, and after all are
 * back none is missing. LEAN: only what the count itself says, which leaves fewer executions. RESIZE: they keep what they reserved, and
 * one thread lowers the cap to one: no more are out at the end than it then saw, or one. */
#include "closed.h"

#define CAP 2
#ifndef THREADS
#define THREADS 3
#endif
#ifndef STEPS
#define STEPS 1
#endif

static int out;

static void *body(void *argument) {
  (void)argument;
  for (int i = 0; i < STEPS * ROUNDS; i++) {
    if (!objpool__reserve(state)) continue;
#if defined(RESIZE)
    break;
#elif defined(LEAN)
    size_t before = __atomic_fetch_sub(&state->limits.alive, 1, __ATOMIC_SEQ_CST);
    assert(before >= 1 && before <= CAP);
#else
    int now = __atomic_add_fetch(&out, 1, __ATOMIC_RELAXED);
    assert(now <= CAP);
    __atomic_sub_fetch(&out, 1, __ATOMIC_RELAXED);
    objpool__unreserve(state);
#endif
  }
  return NULL;
}

#ifdef RESIZE
static size_t seen;

static void *resize(void *argument) { /* as objpool_resize */
  (void)argument;
  __atomic_store_n(&state->limits.max_objects, 1, __ATOMIC_SEQ_CST);
  seen = __atomic_load_n(&state->limits.alive, __ATOMIC_SEQ_CST);
  return NULL;
}
#endif

int main(void) {
  for (int i = 0; i < REPEAT; i++) {
    begin(CAP, 0);
    start(body, THREADS);
#ifdef RESIZE
    start(resize, 1);
    all_others_end();
    assert(state->limits.alive <= (seen > 1 ? seen : 1));
    state->limits.alive = 0;
#endif
    all_others_end();
    assert(state->limits.alive == 0);
    end();
  }
  (void)out;
  printf("%d threads under a cap of %d, %d times: never more, none missing\n", THREADS, CAP, REPEAT);
  return 0;
}
