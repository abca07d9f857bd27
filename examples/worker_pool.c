/* Tasks, pooled and reused: each has a completion signal of its own, is submitted from any thread, run by one of a
 * fixed set of workers, waited for, given back. The pool's cap is the limit on tasks under way: submitters wait at it. */
/* build: cc -std=c11 -O2 -pthread -I.. worker_pool.c -o worker_pool */
/* run: ./worker_pool [tasks [submitters [workers [tasks under way at most]]]] */
#include "common.h"
#include <stdatomic.h>

/* >>task: what the pool holds ****************************************************************** */

struct task {
  pthread_mutex_t mutex; /* of `finished`; made once, used for every job this task is ever given */
  pthread_cond_t completed;
  bool finished;
  uint64_t (*run)(uint64_t argument);
  uint64_t argument, result;
  struct task *next; /* in the queue */
};

static bool task_create(struct task *task, void *context) {
  (void)context;
  if (pthread_mutex_init(&task->mutex, NULL)) return false;
  if (!pthread_cond_init(&task->completed, NULL)) return true;
  pthread_mutex_destroy(&task->mutex);
  return false;
}

static void task_reset(struct task *task, void *context) {
  (void)context;
  task->finished = false;
  task->run = NULL;
  task->next = NULL;
}

static void task_destroy(struct task *task, void *context) {
  (void)context;
  pthread_cond_destroy(&task->completed);
  pthread_mutex_destroy(&task->mutex);
}

#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

OBJPOOL_DEFINE(task_pool, struct task,
               opt.create = task_create,
               opt.reset = task_reset,
               opt.destroy = task_destroy);

/* >>workers ************************************************************************************ */

struct workers {
  task_pool tasks;
  pthread_mutex_t mutex; /* of the queue */
  pthread_cond_t arrived;
  struct task *first, **last;
  bool closing;
  size_t count;
  pthread_t threads[MAX_EXAMPLE_THREADS];
};

static void *work(void *argument) {
  struct workers *workers = argument;
  for (;;) {
    pthread_mutex_lock(&workers->mutex);
    while (!workers->first && !workers->closing) pthread_cond_wait(&workers->arrived, &workers->mutex);
    struct task *task = workers->first;
    if (task) {
      workers->first = task->next;
      if (!workers->first) workers->last = &workers->first;
    }
    pthread_mutex_unlock(&workers->mutex);
    if (!task) return NULL;

    task->result = task->run(task->argument);
    /* signalled with the mutex held: the moment it is free the task may already be somebody else's */
    pthread_mutex_lock(&task->mutex);
    task->finished = true;
    pthread_cond_signal(&task->completed);
    pthread_mutex_unlock(&task->mutex);
  }
}

static void workers_start(struct workers *workers, size_t count, size_t under_way) {
  *workers = (struct workers){.count = count, .last = &workers->first};
  if (count > MAX_EXAMPLE_THREADS) fail("at most %d workers, not %zu", MAX_EXAMPLE_THREADS, count);
  if (!task_pool_init(&workers->tasks, &(objpool_config){.max_objects = under_way})) fail("pool: %s", strerror(errno));
  int error = pthread_mutex_init(&workers->mutex, NULL);
  if (!error) error = pthread_cond_init(&workers->arrived, NULL);
  for (size_t i = 0; i < count && !error; i++) error = pthread_create(&workers->threads[i], NULL, work, workers);
  if (error) fail("workers: %s", strerror(error));
}

/* Runs what is in the queue to the end, then ends the workers. Every task must have been waited for. */
static void workers_stop(struct workers *workers) {
  pthread_mutex_lock(&workers->mutex);
  workers->closing = true;
  pthread_cond_broadcast(&workers->arrived);
  pthread_mutex_unlock(&workers->mutex);
  for (size_t i = 0; i < workers->count; i++) pthread_join(workers->threads[i], NULL);
  pthread_cond_destroy(&workers->arrived);
  pthread_mutex_destroy(&workers->mutex);
  task_pool_destroy(&workers->tasks);
}

/* Has run(argument) called by a worker. Returns the task, to be waited for by task_wait, or NULL with errno EAGAIN if
 * there are as many under way as may be, or ETIMEDOUT after waiting for `timeout_ns` for one of them. */
static struct task *workers_submit(struct workers *workers, uint64_t (*run)(uint64_t), uint64_t argument,
                                   int64_t timeout_ns) {
  struct task *task = task_pool_acquire_for(&workers->tasks, timeout_ns);
  if (!task) return NULL;
  task->run = run;
  task->argument = argument;
  pthread_mutex_lock(&workers->mutex);
  *workers->last = task;
  workers->last = &task->next;
  pthread_cond_signal(&workers->arrived);
  pthread_mutex_unlock(&workers->mutex);
  return task;
}

/* Waits for the task to be completed, gives it back, and returns its result. */
static uint64_t task_wait(struct workers *workers, struct task *task) {
  pthread_mutex_lock(&task->mutex);
  while (!task->finished) pthread_cond_wait(&task->completed, &task->mutex);
  uint64_t result = task->result;
  pthread_mutex_unlock(&task->mutex);
  task_pool_release(&workers->tasks, task);
  return result;
}

/* >>load *************************************************************************************** */

static atomic_uchar *runs; /* by argument: how often a worker ran it */

/* The number of steps the Collatz sequence takes from `start` to 1. */
static uint64_t collatz_steps(uint64_t start) {
  uint64_t steps = 0;
  for (uint64_t number = start; number != 1; steps++) number = number % 2 ? 3 * number + 1 : number / 2;
  return steps;
}

/* What the workers run. */
static uint64_t count_steps(uint64_t start) {
  atomic_fetch_add(&runs[start - 1], 1);
  return collatz_steps(start);
}

enum { WINDOW = 8 }; /* tasks a submitter has under way, if it can get them */

static struct load {
  struct workers workers;
  size_t tasks;
  atomic_size_t next, sum, wrong, waits;
} load;

static void take_result(uint64_t start, struct task *task) {
  uint64_t steps = task_wait(&load.workers, task);
  if (steps != collatz_steps(start)) atomic_fetch_add(&load.wrong, 1);
  atomic_fetch_add(&load.sum, steps);
}

/* Whoever has tasks under way finishes one of them when there are no more to be had; only who has none waits. If all
 * waited with some in hand, nobody would ever give one back. */
static void *submit(void *unused) {
  (void)unused;
  struct {
    struct task *task;
    uint64_t start;
  } under_way[WINDOW];
  size_t oldest = 0, count = 0;
  for (;;) {
    size_t i = atomic_fetch_add(&load.next, 1);
    bool more = i < load.tasks;
    struct task *task = NULL;
    while (more && !task) {
      if (count < WINDOW) task = workers_submit(&load.workers, count_steps, i + 1, count ? 0 : 60 * SECONDS);
      if (task) break;
      if (count == 0) fail("no task: %s", strerror(errno));
      take_result(under_way[oldest].start, under_way[oldest].task);
      oldest = (oldest + 1) % WINDOW;
      count--;
      atomic_fetch_add(&load.waits, 1);
    }
    if (!more) break;
    under_way[(oldest + count) % WINDOW].task = task;
    under_way[(oldest + count) % WINDOW].start = i + 1;
    count++;
  }
  for (; count > 0; count--, oldest = (oldest + 1) % WINDOW)
    take_result(under_way[oldest].start, under_way[oldest].task);
  return NULL;
}

int main(int argc, char **argv) {
  help_argument(argc, argv, "usage: worker_pool [TASKS [SUBMITTERS [WORKERS [UNDER_WAY_AT_MOST]]]]   [100000 8 4 32]");
  load.tasks = number_argument(argc, argv, 1, "tasks", 100000);
  size_t submitters = number_argument(argc, argv, 2, "submitters", 8);
  size_t workers = number_argument(argc, argv, 3, "workers", 4);
  size_t under_way = number_argument(argc, argv, 4, "tasks under way at most", 32);

  runs = calloc(load.tasks, sizeof *runs);
  if (!runs) fail("out of memory");
  workers_start(&load.workers, workers, under_way);
  int64_t duration_ns = run_threads(submitters, submit, NULL);
  objpool_stats stats = task_pool_stats(&load.workers.tasks);
  workers_stop(&load.workers);

  size_t expected = 0, once = 0;
  for (uint64_t start = 1; start <= load.tasks; start++) {
    expected += collatz_steps(start);
    once += runs[start - 1] == 1;
  }
  printf("%zu tasks from %zu submitters on %zu workers: %.0f a second, %llu submissions waited\n", load.tasks,
         submitters, workers, per_second(load.tasks, duration_ns), (unsigned long long)stats.waits);
  check(once == load.tasks, "%zu tasks run once", once);
  check(load.wrong == 0 && load.sum == expected, "%zu steps in all, %zu results wrong", load.sum, load.wrong);
  check(stats.created <= under_way && stats.peak_in_use <= under_way, "%llu tasks made, reused %llu times",
        (unsigned long long)stats.created, (unsigned long long)stats.hits);
  check(stats.in_use == 0, "%llu tasks never waited for", (unsigned long long)stats.in_use);
  free(runs);
  return checks_result();
}
