/* The workloads: one process runs one of them through one contender, and is timed from outside as a whole.
 *
 *   cc -std=c11 -O2 -pthread -DCONTENDER='"contenders/pool.h"' -DOBJECT_SIZE=64 workload.c -o pool-64
 *   ./pool-64 pair 50000000
 *
 * A contender is one small file which defines
 *   CONTENDER_SHARED    1: threads may share it
 *   CONTENDER_KEEPS     1: an object keeps its contents while it is idle, so that a reused buffer need not be cleared
 *   CONTENDER_CAPPED    1: it can refuse more than `cap` objects (take gives NULL then)
 *   contender, contender_open(threads, live, cap), take(contender), give(contender, object)
 * and, where it has something to say, contender_thread_start(contender) and contender_trim(contender).
 * `live` is the largest number of objects each of `threads` threads holds at once; `cap` is 0 where there is no limit.
 *
 * Exit status: 0 done, 77 this contender has no such workload, 2 wrong usage, anything else a failure. An object's first
 * word is written after every take, so a contender that runs out crashes, and the timing with it. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef OBJECT_SIZE
#define OBJECT_SIZE 64
#endif

typedef struct object {
  uint64_t word;
  unsigned char rest[OBJECT_SIZE - sizeof(uint64_t)];
} object;

#define CACHE_LINE 128 /* two lines of 64: processors fetch them in pairs */

/* The compiler must neither see through an object nor keep anything in registers over this point. */
#define OPAQUE(pointer) __asm__ volatile("" : "+r"(pointer) : : "memory")
#define BARRIER() __asm__ volatile("" : : : "memory")

static void fail(const char *what, int error) {
  fprintf(stderr, "workload: %s: %s\n", what, strerror(error));
  exit(1);
}

static void *allocate(size_t count, size_t size) {
  void *memory = count > SIZE_MAX / size ? NULL : malloc(count * size);
  if (!memory) fail("memory for the workload", ENOMEM);
  return memory;
}

static inline void pause_a_little(int *rounds) {
#if defined(__x86_64__) || defined(__i386__)
  __asm__ volatile("pause" : : : "memory");
#endif
  if (++*rounds > 2000) {
    sched_yield();
    *rounds = 0;
  }
}

#include CONTENDER

#ifndef contender_thread_start
#define contender_thread_start(contender) ((void)(contender))
#endif

/* ---- threads: each on a processor of its own, in turn over those the process was given ---- */

static cpu_set_t allowed;

static void pin(unsigned which) {
  unsigned wanted = which % (unsigned)CPU_COUNT(&allowed);
  for (int processor = 0; processor < CPU_SETSIZE; processor++) {
    if (!CPU_ISSET((size_t)processor, &allowed) || wanted-- > 0) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET((size_t)processor, &one);
    int error = pthread_setaffinity_np(pthread_self(), sizeof one, &one);
    if (error) fail("pinning a thread", error);
    return;
  }
}

static void start(pthread_t *thread, void *(*body)(void *), void *argument) {
  int error = pthread_create(thread, NULL, body, argument);
  if (error) fail("starting a thread", error);
}

static void join(pthread_t thread) {
  int error = pthread_join(thread, NULL);
  if (error) fail("joining a thread", error);
}

static void *sleep_forever(void *unused) {
  for (;;) pause();
  return unused;
}

/* ---- the loops ---- */

static inline object *take_and_touch(contender *from) {
  object *taken = take(from);
  OPAQUE(taken);
  *(volatile uint64_t *)&taken->word = 1;
  return taken;
}

static __attribute__((noinline)) void pairs(contender *from, long count) {
  for (long i = 0; i < count; i++) {
    object *taken = take_and_touch(from);
    OPAQUE(taken);
    give(from, taken);
    BARRIER();
  }
}

enum { BATCH = 64 };

static __attribute__((noinline)) void batches_last_in_first_out(contender *from, long count) {
  object *held[BATCH];
  for (; count > 0; count -= BATCH) {
    for (int i = 0; i < BATCH; i++) held[i] = take_and_touch(from);
    BARRIER();
    for (int i = BATCH; i-- > 0;) give(from, held[i]);
    BARRIER();
  }
}

static __attribute__((noinline)) void batches_first_in_first_out(contender *from, long count) {
  object *held[BATCH];
  for (; count > 0; count -= BATCH) {
    for (int i = 0; i < BATCH; i++) held[i] = take_and_touch(from);
    BARRIER();
    for (int i = 0; i < BATCH; i++) give(from, held[i]);
    BARRIER();
  }
}

static inline uint64_t next_random(uint64_t *state) {
  uint64_t x = *state;
  x ^= x << 13;
  x ^= x >> 7;
  x ^= x << 17;
  return *state = x;
}

static __attribute__((noinline)) void replace(contender *from, object **live, uint32_t live_count, long count,
                                              uint64_t *seed) {
  for (long i = 0; i < count; i++) {
    size_t victim = (size_t)(((next_random(seed) >> 32) * live_count) >> 32);
    object *taken = take_and_touch(from);
    object *old = live[victim];
    live[victim] = taken;
    give(from, old);
    BARRIER();
  }
}

enum { RANDOM_LIVE = 10000 };
static const uint64_t first_seed = 88172645463325252u;

static object **take_live(contender *from, size_t count) {
  object **live = (object **)allocate(count, sizeof *live);
  for (size_t i = 0; i < count; i++) live[i] = take_and_touch(from);
  return live;
}

static void give_live(contender *from, object **live, size_t count) {
  for (size_t i = 0; i < count; i++) give(from, live[i]);
  free(live);
}

/* A buffer as a user reuses it: with `clear` it is zeroed whole before each use, as one from malloc has to be. */
static __attribute__((noinline)) void buffers(contender *from, long count, bool clear) {
  for (long i = 0; i < count; i++) {
    object *taken = take(from);
    OPAQUE(taken);
    if (clear) memset(taken, 0, sizeof *taken);
    *(volatile uint64_t *)&taken->word = 1;
    OPAQUE(taken);
    give(from, taken);
    BARRIER();
  }
}

/* ---- several threads ---- */

typedef struct worker {
  pthread_t thread;
  contender *from;
  long count;
  unsigned number;
} worker;

enum { MIXED_LIVE = 256, MOST_WORKERS = 16 };

static void *work_pairs(void *argument) {
  worker *self = (worker *)argument;
  pin(self->number);
  contender_thread_start(self->from);
  pairs(self->from, self->count);
  return NULL;
}

/* Half the objects live for one step, half are exchanged at random among 256 that the thread holds. */
static void *work_mixed(void *argument) {
  worker *self = (worker *)argument;
  pin(self->number);
  contender_thread_start(self->from);
  uint64_t seed = first_seed + 0x9E3779B97F4A7C15u * self->number;
  object **live = take_live(self->from, MIXED_LIVE);
  for (long i = 0; i < self->count; i += 2) {
    pairs(self->from, 1);
    replace(self->from, live, MIXED_LIVE, 1, &seed);
  }
  give_live(self->from, live, MIXED_LIVE);
  return NULL;
}

static void run_workers(contender *from, unsigned number_of_workers, long count, void *(*body)(void *)) {
  worker workers[MOST_WORKERS];
  for (unsigned i = 0; i < number_of_workers; i++) {
    workers[i].from = from;
    workers[i].number = i;
    workers[i].count = count / (long)number_of_workers;
    start(&workers[i].thread, body, &workers[i]);
  }
  for (unsigned i = 0; i < number_of_workers; i++) join(workers[i].thread);
}

/* ---- producer to consumer: a ring of pointers, filled and emptied 64 at a time, so that the ring itself costs little ---- */

enum { RING = 1024 };

static struct {
  __attribute__((aligned(CACHE_LINE))) long filled;  /* written by the producer */
  __attribute__((aligned(CACHE_LINE))) long emptied; /* written by the consumer */
  __attribute__((aligned(CACHE_LINE))) object *item[RING];
} ring;

static void *consume(void *argument) {
  worker *self = (worker *)argument;
  pin(1);
  contender_thread_start(self->from);
  for (long done = 0; done < self->count; done += BATCH) {
    int rounds = 0;
    while (__atomic_load_n(&ring.filled, __ATOMIC_ACQUIRE) - done < BATCH) pause_a_little(&rounds);
    for (long i = done; i < done + BATCH; i++) {
      object *received = ring.item[i % RING];
      (void)*(volatile uint64_t *)&received->word;
      give(self->from, received);
    }
    __atomic_store_n(&ring.emptied, done + BATCH, __ATOMIC_RELEASE);
  }
  return NULL;
}

static void run_ring(contender *from, long count) {
  worker consumer;
  consumer.from = from;
  consumer.count = count;
  start(&consumer.thread, consume, &consumer);
  for (long done = 0; done < count; done += BATCH) {
    int rounds = 0;
    while (done + BATCH - __atomic_load_n(&ring.emptied, __ATOMIC_ACQUIRE) > RING) pause_a_little(&rounds);
    for (long i = done; i < done + BATCH; i++) ring.item[i % RING] = take_and_touch(from);
    __atomic_store_n(&ring.filled, done + BATCH, __ATOMIC_RELEASE);
  }
  join(consumer.thread);
}

/* ---- at the cap: two threads take turns; each takes every object there is, while they rest in the other's cache ---- */

enum { CAP = 64 };
static struct { __attribute__((aligned(CACHE_LINE))) long number; } turn;

static void *take_turns(void *argument) {
  worker *self = (worker *)argument;
  pin(self->number);
  contender_thread_start(self->from);
  object *held[CAP];
  for (long i = self->number; i < self->count; i += 2) {
    int rounds = 0;
    while (__atomic_load_n(&turn.number, __ATOMIC_ACQUIRE) != i) pause_a_little(&rounds);
    for (int k = 0; k < CAP; k++) held[k] = take_and_touch(self->from); /* NULL would be a false refusal: it crashes */
    for (int k = CAP; k-- > 0;) give(self->from, held[k]);
    __atomic_store_n(&turn.number, i + 1, __ATOMIC_RELEASE);
  }
  return NULL;
}

static void run_at_cap(contender *from, long count) {
  worker workers[2];
  for (unsigned i = 0; i < 2; i++) {
    workers[i].from = from;
    workers[i].number = i;
    workers[i].count = count / CAP;
    start(&workers[i].thread, take_turns, &workers[i]);
  }
  for (unsigned i = 0; i < 2; i++) join(workers[i].thread);
}

/* ---- a server's threads: each exchanges objects it inherited, then ends and leaves them to a successor.
 *      After P.-Å. Larson and M. Krishnan, "Memory Allocation for Long-Running Server Applications", ISMM 1998. ---- */

enum { CHAINS = 4, CHAIN_LIVE = 1000 };
static const long chain_steps = 20000;

typedef struct chain {
  contender *from;
  object **live;
  long left;
  uint64_t seed;
  unsigned number;
} chain;

static pthread_mutex_t chains_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t chains_ended = PTHREAD_COND_INITIALIZER;
static int chains_running;

static void *run_chain(void *argument) {
  chain *self = (chain *)argument;
  pin(self->number);
  contender_thread_start(self->from);
  long steps = self->left < chain_steps ? self->left : chain_steps;
  replace(self->from, self->live, CHAIN_LIVE, steps, &self->seed);
  self->left -= steps;
  if (self->left > 0) {
    pthread_t successor;
    start(&successor, run_chain, self);
    pthread_detach(successor);
  } else {
    pthread_mutex_lock(&chains_lock);
    chains_running--;
    pthread_cond_signal(&chains_ended);
    pthread_mutex_unlock(&chains_lock);
  }
  return NULL;
}

static void run_chains(contender *from, long count) {
  static chain chains[CHAINS];
  chains_running = CHAINS;
  for (unsigned i = 0; i < CHAINS; i++) {
    chains[i].from = from;
    chains[i].live = take_live(from, CHAIN_LIVE);
    chains[i].left = count / CHAINS;
    chains[i].seed = first_seed + i;
    chains[i].number = i;
    pthread_t thread;
    start(&thread, run_chain, &chains[i]);
    pthread_detach(thread);
  }
  pthread_mutex_lock(&chains_lock);
  while (chains_running > 0) pthread_cond_wait(&chains_ended, &chains_lock);
  pthread_mutex_unlock(&chains_lock);
  for (unsigned i = 0; i < CHAINS; i++) give_live(from, chains[i].live, CHAIN_LIVE);
}

/* ---- memory: what `count` objects cost, in use, idle, and after the contender was asked to give memory back ---- */

static long resident_bytes(void) {
  long resident = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (!file || fscanf(file, "%*d %ld", &resident) != 1) fail("/proc/self/statm", file ? EIO : errno);
  fclose(file);
  return resident * sysconf(_SC_PAGESIZE);
}

static void measure_memory(contender *from, long count) {
  object **live = (object **)allocate((size_t)count, sizeof *live);
  memset(live, 0, (size_t)count * sizeof *live);
  long before = resident_bytes();
  for (long i = 0; i < count; i++) memset(live[i] = take_and_touch(from), 1, sizeof(object));
  long in_use = resident_bytes();
  for (long i = 0; i < count; i++) give(from, live[i]);
  long idle = resident_bytes();
#ifdef contender_trim
  contender_trim(from);
#endif
  printf("%ld %ld %ld\n", in_use - before, idle - before, resident_bytes() - before);
}

/* ---- */

static void run_batches_lifo(contender *from, long count) { batches_last_in_first_out(from, count); }
static void run_batches_fifo(contender *from, long count) { batches_first_in_first_out(from, count); }
static void run_buffers_reused(contender *from, long count) { buffers(from, count, !CONTENDER_KEEPS); }
static void run_buffers_cleared(contender *from, long count) { buffers(from, count, true); }
static void run_shared(contender *from, long count) { run_workers(from, 2, count, work_pairs); }
static void run_4_threads(contender *from, long count) { run_workers(from, 4, count, work_mixed); }
static void run_16_threads(contender *from, long count) { run_workers(from, 16, count, work_mixed); }

static void run_random(contender *from, long count) {
  uint64_t seed = first_seed;
  object **live = take_live(from, RANDOM_LIVE);
  replace(from, live, RANDOM_LIVE, count, &seed);
  give_live(from, live, RANDOM_LIVE);
}

static void run_ramp(contender *from, long count) {
  if (count > 0) free(take_live(from, (size_t)count)); /* the objects go with the process */
}

static const struct workload {
  const char *name;
  void (*run)(contender *from, long count);
  size_t live, threads; /* objects each thread holds at once (0: as many as are asked for), and threads */
} workloads[] = {
    {"pair", pairs, 1, 1},
    {"batch-lifo", run_batches_lifo, BATCH, 1},
    {"batch-fifo", run_batches_fifo, BATCH, 1},
    {"random", run_random, RANDOM_LIVE + 1, 1},
    {"ramp", run_ramp, 0, 1},
    {"buffer-reused", run_buffers_reused, 1, 1},
    {"buffer-cleared", run_buffers_cleared, 1, 1},
    {"memory", measure_memory, 0, 1},
    {"shared", run_shared, 1, 2},
    {"ring", run_ring, RING + BATCH, 2},
    {"threads-4", run_4_threads, MIXED_LIVE + 1, 4},
    {"threads-16", run_16_threads, MIXED_LIVE + 1, 16},
    {"cap", run_at_cap, CAP, 2},
    {"successors", run_chains, CHAIN_LIVE + 1, CHAINS},
};

static int usage(void) {
  fputs("usage: workload NAME PAIRS, where NAME is one of:", stderr);
  for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++) fprintf(stderr, " %s", workloads[i].name);
  fputc('\n', stderr);
  return 2;
}

int main(int argc, char **argv) {
  char *end = NULL;
  long count = argc == 3 ? strtol(argv[2], &end, 10) : -1;
  if (count < 0 || *end != '\0') return usage();
  const struct workload *chosen = NULL;
  for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++)
    if (!strcmp(workloads[i].name, argv[1])) chosen = &workloads[i];
  if (!chosen) return usage();
  bool at_cap = chosen->run == run_at_cap;
  if ((chosen->threads > 1 && !CONTENDER_SHARED) || (at_cap && !CONTENDER_CAPPED)) return 77;

  if (sched_getaffinity(0, sizeof allowed, &allowed)) fail("sched_getaffinity", errno);
  pin(0);
  contender *from = contender_open(chosen->threads, chosen->live ? chosen->live : (size_t)count, at_cap ? CAP : 0);
  contender_thread_start(from);
  /* glibc takes shortcuts while a process has had one thread only; a pool for threads is not used in such a process */
  pthread_t sleeper;
  start(&sleeper, sleep_forever, NULL);
  chosen->run(from, count);
  return 0;
}
