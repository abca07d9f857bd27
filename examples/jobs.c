/* A job system: each job is a fiber, which any worker thread may take up where another left it. Fibers with their stacks come from
   one pool, and what jobs work in from another, acquired on one thread and released on whichever the fiber is then on.

   build: cc -std=c11 -O2 -pthread -I.. jobs.c -o jobs
   usage: jobs [JOBS [WORKERS [FIBERS]]]   [20000 4 64]

   Between two calls of a pool a fiber may go on in another thread. Of a thread's own variables a fiber must keep no address over a
   yield: this one asks its fiber which worker it is on. */
#define _GNU_SOURCE
#include "common.h"
#include <inttypes.h>
#include <ucontext.h>

#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

enum { STACK = 64 * 1024, STEPS = 5, WORDS = 64 };

typedef struct worker {
  ucontext_t context; /* where it goes on when a fiber yields */
  pthread_t thread;
} worker;

typedef struct fiber {
  struct fiber *next; /* in the queue */
  ucontext_t context;
  char *stack;
  worker *on; /* whose it is just now */
  uint64_t job;
  bool ended;
} fiber;

static bool fiber_made(fiber *object, void *context) {
  (void)context;
  object->stack = malloc(STACK);
  return object->stack != NULL;
}

static void fiber_gone(fiber *object, void *context) {
  (void)context;
  free(object->stack);
}

typedef struct scratch {
  uint64_t words[WORDS];
} scratch;

OBJPOOL_DEFINE(fiber_pool, fiber, opt.create = fiber_made, opt.destroy = fiber_gone);
OBJPOOL_DEFINE(scratch_pool, scratch);

static fiber_pool fibers;
static scratch_pool scratches;

static struct {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  fiber *first, **last;
  bool closed;
} queue = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, NULL, &queue.first, false};

static uint64_t sum, moved, spoilt, starved; /* by atomic add */

static void put(fiber *one) {
  pthread_mutex_lock(&queue.lock);
  one->next = NULL;
  *queue.last = one;
  queue.last = &one->next;
  pthread_cond_signal(&queue.changed);
  pthread_mutex_unlock(&queue.lock);
}

/* The fiber whose turn it is; NULL: there will be none. */
static fiber *get(void) {
  pthread_mutex_lock(&queue.lock);
  while (!queue.first && !queue.closed) pthread_cond_wait(&queue.changed, &queue.lock);
  fiber *one = queue.first;
  if (one && !(queue.first = one->next)) queue.last = &queue.first;
  pthread_mutex_unlock(&queue.lock);
  return one;
}

/* Whoever is next in line gets the worker; this fiber goes on when its turn comes, perhaps on another. */
static void yield(fiber *self) {
  worker *before = self->on;
  swapcontext(&self->context, &before->context);
  if (self->on != before) __atomic_fetch_add(&moved, 1, __ATOMIC_RELAXED);
}

/* Fills a scratch, and mixes it step by step; in between others do the same in theirs. */
static void run(fiber *self) {
  uint64_t result = self->job;
  for (int round = 0; round < 2; round++) {
    scratch *mine = scratch_pool_acquire(&scratches);
    if (!mine) {
      __atomic_fetch_add(&starved, 1, __ATOMIC_RELAXED);
      continue;
    }
    for (unsigned i = 0; i < WORDS; i++) mine->words[i] = result + i;
    for (unsigned step = 0; step < STEPS; step++) {
      yield(self);
      for (unsigned i = 0; i < WORDS; i++) {
        if (mine->words[i] != result + i + step) __atomic_fetch_add(&spoilt, 1, __ATOMIC_RELAXED);
        mine->words[i]++;
      }
    }
    result = mine->words[WORDS - 1];
    scratch_pool_release(&scratches, mine);
  }
  __atomic_fetch_add(&sum, result, __ATOMIC_RELAXED);
}

/* makecontext hands on ints: the address in two halves. */
static void enter(unsigned high, unsigned low) {
  fiber *self = (fiber *)((uintptr_t)high << 16 << 16 | low);
  run(self);
  self->ended = true;
  setcontext(&self->on->context);
}

static void *work(void *argument) {
  worker *self = argument;
  for (fiber *one; (one = get()) != NULL;) {
    one->on = self;
    swapcontext(&self->context, &one->context);
    if (one->ended) /* only now: it no longer stands on its stack */
      fiber_pool_release(&fibers, one);
    else
      put(one);
  }
  return NULL;
}

static void submit(fiber *one, uint64_t job) {
  uintptr_t address = (uintptr_t)one;
  one->job = job;
  one->ended = false;
  getcontext(&one->context);
  one->context.uc_stack.ss_sp = one->stack;
  one->context.uc_stack.ss_size = STACK;
  one->context.uc_link = NULL;
  makecontext(&one->context, (void (*)(void))enter, 2, (unsigned)((uint64_t)address >> 32), (unsigned)address);
  put(one);
}

int main(int argc, char **argv) {
  help_argument(argc, argv, "usage: jobs [JOBS [WORKERS [FIBERS]]]   [20000 4 64]");
  uint64_t jobs = number_argument(argc, argv, 1, "JOBS", 20000), expected = 0;
  size_t workers = number_argument(argc, argv, 2, "WORKERS", 4), most = number_argument(argc, argv, 3, "FIBERS", 64);
  objpool_config config = {.name = "fibers", .max_objects = most}, others = {.name = "scratches", .max_objects = most};
  worker *crew = calloc(workers, sizeof *crew);
  if (!crew || !fiber_pool_init(&fibers, &config) || !scratch_pool_init(&scratches, &others))
    fail("%s", strerror(errno));
  for (size_t i = 0; i < workers; i++)
    if (pthread_create(&crew[i].thread, NULL, work, &crew[i]) != 0) {
      fprintf(stderr, "no thread\n");
      return 1;
    }
  for (uint64_t job = 0; job < jobs; job++) {
    fiber *one = fiber_pool_acquire_for(&fibers, -1); /* with all in use, until one ends */
    if (!one) {
      perror("no fiber");
      return 1;
    }
    submit(one, job);
    expected += job + 2 * (WORDS - 1 + STEPS);
  }
  fiber **all = calloc(most, sizeof(fiber *)); /* who has every fiber knows that no job is under way */
  if (!all) return 1;
  for (size_t i = 0; i < most; i++)
    if (!(all[i] = fiber_pool_acquire_for(&fibers, -1))) return 1;
  fiber_pool_release_many(&fibers, all, most);
  free(all);
  pthread_mutex_lock(&queue.lock);
  queue.closed = true;
  pthread_cond_broadcast(&queue.changed);
  pthread_mutex_unlock(&queue.lock);
  for (size_t i = 0; i < workers; i++) pthread_join(crew[i].thread, NULL);
  objpool_stats of_fibers = fiber_pool_stats(&fibers), of_scratches = scratch_pool_stats(&scratches);
  printf("%" PRIu64 " jobs on %zu workers: sum %" PRIu64 " (%s), %" PRIu64 " words spoilt, %" PRIu64 " jobs starved\n",
         jobs, workers, sum, sum == expected ? "right" : "wrong", spoilt, starved);
  printf("fibers: %" PRIu64 " made, taken up by another thread %" PRIu64 " times\n", of_fibers.created, moved);
  printf("scratches: %" PRIu64 " made for %" PRIu64 " acquires, %" PRIu64 " still in use\n", of_scratches.created,
         of_scratches.acquires, of_scratches.in_use);
  bool well = sum == expected && !spoilt && !starved && !of_scratches.in_use;
  scratch_pool_destroy(&scratches);
  fiber_pool_destroy(&fibers);
  free(crew);
  return well ? 0 : 1;
}
