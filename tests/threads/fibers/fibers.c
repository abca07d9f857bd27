/* Fibers (ucontext) that go on in another thread than the one that they were stopped in. First one fiber and two threads, step by
   step: after a move it works with what its new thread has. Then many: threads take whichever fiber is ready; each object has one
   user at a time, and in the end everything is counted. Objects are built and reset by hooks that are moved themselves.
   build: cc -std=gnu11 -O2 -pthread -I../../.. fibers.c     usage: fibers [ROUNDS]
   Says "as promised", or what was not, and ends with status 1. Without ucontext.h (musl): 77. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <features.h>
#include <stdio.h>
#ifndef __GLIBC__
int main(void) { return puts("skipped: this C library has no ucontext"), 77; }
#else
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#ifdef FIBERS_LINKED
#include "objpool.h"
#else
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"
#endif

struct fiber {
  ucontext_t
      *at; /* not in here: on some processors it ends with an array of no length, which is no member in strict C++ */
  char *stack;
  int number;
  bool ended;
};

/* What belongs to a thread is asked for out of line: this program must not make the mistake that it looks for. */
static __thread ucontext_t thread_home;
static __thread struct fiber *thread_fiber;
static __thread int thread_number;
#define OF_THIS_THREAD(type, name, expression)       \
  static __attribute__((noinline)) type name(void) { \
    type value = expression;                         \
    __asm__ volatile("" : "+r"(value) : : "memory"); \
    return value;                                    \
  }
OF_THIS_THREAD(ucontext_t *, home, &thread_home)
OF_THIS_THREAD(struct fiber *, current, thread_fiber)
OF_THIS_THREAD(int, thread, thread_number)
OF_THIS_THREAD(int *, error_number, &errno)

static long moves;
static int mistakes;
static void mistake(const char *what) {
  if (__atomic_fetch_add(&mistakes, 1, __ATOMIC_RELAXED) == 0) printf("not so: %s\n", what);
}

static void yield(void) {
  struct fiber *self = current();
  int before = thread();
  if (!self) return;
  if (swapcontext(self->at, home()) != 0) abort();
  if (thread() != before) __atomic_fetch_add(&moves, 1, __ATOMIC_RELAXED);
}

static __attribute__((noinline)) void set_current(struct fiber *fiber) { thread_fiber = fiber; }
static void go_on(struct fiber *fiber) {
  set_current(fiber);
  if (swapcontext(home(), fiber->at) != 0) abort();
  set_current(NULL);
}

static void make(struct fiber *fiber, void (*body)(void)) {
  enum { STACK = 128 << 10 };
  fiber->at = (ucontext_t *)malloc(sizeof *fiber->at);
  fiber->stack = (char *)malloc(STACK);
  if (!fiber->at || !fiber->stack || getcontext(fiber->at) != 0) abort();
  fiber->at->uc_stack.ss_sp = fiber->stack;
  fiber->at->uc_stack.ss_size = STACK;
  fiber->at->uc_link = NULL;
  makecontext(fiber->at, body, 0);
}
static void unmake(struct fiber *fiber) {
  free(fiber->stack);
  free(fiber->at);
}
static void end(void) {
  __atomic_store_n(&current()->ended, true, __ATOMIC_RELEASE);
  for (;;) yield();
}

struct item {
  int user; /* 0: nobody */
};
static bool build(struct item *item, void *context) {
  (void)context;
  item->user = 0;
  yield();
  return true;
}
static void reset(struct item *item, void *context) {
  (void)context;
  if (item->user) mistake("an object that is being reset is in use");
  yield();
}
static bool check(struct item *item, void *context) {
  (void)context;
  if (item->user) mistake("an object that is being validated is in use");
  yield();
  return true;
}
static void take_down(struct item *item, void *context) {
  (void)item, (void)context;
  yield();
}

OBJPOOL_DEFINE(plain_pool, struct item);
OBJPOOL_DEFINE(moved_pool, struct item, opt.create = build, opt.reset = reset, opt.validate = check, opt.destroy = take_down);

/* One fiber, moved from the main thread to another. */
static plain_pool plain;
static moved_pool moved;
static struct item *of_first, *of_second, *after_move;

static void one_fiber(void) {
  struct item *item = plain_pool_acquire(&plain);
  of_first = item;
  plain_pool_release(&plain, item);
  yield();
  item = plain_pool_acquire(&plain); /* what the second thread left last, not the first */
  after_move = item;
  plain_pool_release(&plain, item);

  struct item *reset_elsewhere = moved_pool_acquire(&moved);
  *error_number() = 7;
  moved_pool_release(&moved, reset_elsewhere);
  if (*error_number() != 7) mistake("a release preserves errno, also where its hook was moved to another thread");
  end();
}
static void *second_thread(void *fiber) {
  thread_number = 2;
  of_second = plain_pool_acquire(&plain);
  plain_pool_release(&plain, of_second);
  while (!((struct fiber *)fiber)->ended) {
    *error_number() = 5;
    go_on((struct fiber *)fiber);
  }
  struct item *again = plain_pool_acquire(&plain);
  if (again != after_move) mistake("what a moved fiber gives back is its new thread's");
  plain_pool_release(&plain, again);
  return NULL;
}
static void *third_thread(void *fiber) {
  thread_number = 3;
  go_on((struct fiber *)fiber);
  return NULL;
}
static void step_by_step(void) {
  static struct fiber fiber;
  pthread_t other;
  thread_number = 1;
  make(&fiber, one_fiber);
  go_on(&fiber);
  *error_number() = 3;
  if (pthread_create(&other, NULL, second_thread, &fiber) != 0) abort();
  pthread_join(other, NULL);
  if (of_first == of_second) printf("threads have no caches here; ");
  if (after_move != of_second) mistake("a moved fiber acquires from the cache of its new thread");
  if (*error_number() != 3) mistake("a hook that was moved leaves the errno of the first thread alone");
  unmake(&fiber);
}

/* A hook that begins in a thread which has ended when it returns. */
static void fiber_of_an_ended_thread(void) {
  *error_number() = 9;
  struct item *item = moved_pool_acquire(&moved); /* by four threads, one after the other */
  if (!item) mistake("an object is built, wherever its hook goes");
  item->user = 1, item->user = 0;
  moved_pool_release(&moved, item);
  moved_pool_discard(&moved, moved_pool_acquire(&moved));
  end();
}
static void threads_that_end(void) {
  static struct fiber fiber;
  make(&fiber, fiber_of_an_ended_thread);
  for (int i = 0; !fiber.ended && i < 100; i++) {
    pthread_t other;
    if (pthread_create(&other, NULL, third_thread, &fiber) != 0) abort();
    pthread_join(other, NULL);
  }
  if (!fiber.ended) mistake("a fiber ends");
  unmake(&fiber);
}

/* Many fibers on four threads. */
enum { FIBERS = 64, THREADS = 4, MOST = 4 };
static struct fiber fibers[FIBERS], *ready[FIBERS];
static unsigned first_ready, ready_count, living = FIBERS;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int rounds = 300;

#define USE(pool, variable)                                                                    \
  for (int i = 0; i < count; i++) {                                                            \
    struct item *item = i % 2 ? pool##_acquire(&variable) : pool##_acquire_for(&variable, -1); \
    if (!item || item->user) mistake("an acquired object is nobody else's");                   \
    if (!item) abort();                                                                        \
    item->user = number;                                                                       \
    mine[i] = item;                                                                            \
  }                                                                                            \
  yield();                                                                                     \
  for (int i = 0; i < count; i++) {                                                            \
    if (mine[i]->user != number) mistake("an object in use is its user's");                    \
    mine[i]->user = 0;                                                                         \
    if (round % 16 || i)                                                                       \
      pool##_release(&variable, mine[i]);                                                      \
    else                                                                                       \
      pool##_discard(&variable, mine[i]);                                                      \
  }

static void user(void) {
  struct item *mine[MOST];
  int number = current()->number;
  for (int round = 0; round < rounds; round++) {
    int count = 1 + (number + round) % MOST;
    USE(plain_pool, plain)
    USE(moved_pool, moved)
  }
  end();
}

static void *work(void *number) {
  thread_number = (int)(intptr_t)number;
  while (__atomic_load_n(&living, __ATOMIC_RELAXED)) {
    struct fiber *fiber = NULL;
    pthread_mutex_lock(&lock);
    if (ready_count) {
      fiber = ready[first_ready];
      first_ready = (first_ready + 1) % FIBERS;
      ready_count--;
    }
    pthread_mutex_unlock(&lock);
    if (!fiber) {
      sched_yield();
      continue;
    }
    go_on(fiber);
    if (__atomic_load_n(&fiber->ended, __ATOMIC_ACQUIRE)) {
      __atomic_fetch_sub(&living, 1, __ATOMIC_RELAXED);
      continue;
    }
    pthread_mutex_lock(&lock);
    ready[(first_ready + ready_count++) % FIBERS] = fiber;
    pthread_mutex_unlock(&lock);
  }
  return NULL;
}

static void counts_add_up(objpool_stats stats) {
  if (stats.in_use) mistake("everything was given back");
#ifndef OBJPOOL_NO_STATS
  if (stats.acquires != stats.releases) mistake("as many releases as acquires");
  if (stats.created - stats.destroyed != stats.idle) mistake("what was created and not destroyed is idle");
#endif
}

int main(int argc, char **argv) {
  pthread_t threads[THREADS];
  if (argc > 1) rounds = atoi(argv[1]);
  step_by_step();
  threads_that_end();
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.max_objects = FIBERS * MOST; /* enough for all: who finds none looks into the caches of all threads */
  plain_pool_destroy(&plain);
  if (!plain_pool_init(&plain, &config)) abort();
  config.max_objects = 0;
  config.max_idle = 100;
  moved_pool_destroy(&moved);
  if (!moved_pool_init(&moved, &config)) abort();
  for (int i = 0; i < FIBERS; i++) {
    make(&fibers[i], user);
    fibers[i].number = i + 1;
    ready[ready_count++] = &fibers[i];
  }
  for (int i = 0; i < THREADS; i++)
    if (pthread_create(&threads[i], NULL, work, (void *)(intptr_t)(i + 1)) != 0) abort();
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  counts_add_up(plain_pool_stats(&plain));
  counts_add_up(moved_pool_stats(&moved));
  plain_pool_destroy(&plain);
  moved_pool_destroy(&moved);
  for (int i = 0; i < FIBERS; i++) unmake(&fibers[i]);
  if (mistakes) return printf("%d mistakes, %ld moves\n", mistakes, moves), 1;
  return printf("as promised: %ld moves\n", moves), 0;
}
#endif
