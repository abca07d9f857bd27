/* Bounded pools at their limit: threads that share few objects, each taking one and giving it back.
 * usage: grid CAP THREADS MODE WORK_NS SECONDS
 *          -> pairs, refusals (both in millions a second), the longest of every 16th wait (microseconds)
 * CAP:     objects there may be at once; 0: any number, one for each thread is made before
 * MODE:    waits    who finds none idle waits for one
 *          tries    who finds none idle is refused, and tries again
 *          refused  all are in use all the time: each try is refused
 * WORK_NS: how long each object is worked with, on the processor, before it goes back
 *
 * Built as it stands it measures this library; with -DNO_CACHE a pool without thread caches; with -DMUTEX what one writes
 * by hand: an array, a mutex, a condition variable. Each object counts its uses, without any lock of its own: if two
 * threads ever held one at once, or one got lost, the sum at the end is wrong, and the run fails. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CACHE_LINE 128 /* two lines of 64: processors fetch them in pairs */

typedef struct object {
  uint64_t uses;
  unsigned char rest[56];
} object;

static void fail(const char *what, int error) {
  fprintf(stderr, "grid: %s: %s\n", what, strerror(error));
  exit(1);
}

/* ---- the contenders: open, take (waits), try_to_take (NULL when there is none), give ---- */

#ifdef MUTEX

static void *zeroed(size_t count, size_t size) {
  void *memory = calloc(count, size);
  if (!memory) fail("memory", ENOMEM);
  return memory;
}

static struct {
  __attribute__((aligned(CACHE_LINE))) pthread_mutex_t lock;
  pthread_cond_t given;
  object **item;
  size_t idle, waiting;
} store = {.lock = PTHREAD_MUTEX_INITIALIZER, .given = PTHREAD_COND_INITIALIZER};

static void open_store(size_t objects, bool capped) {
  (void)capped;
  store.item = (object **)zeroed(objects, sizeof *store.item);
  while (store.idle < objects) store.item[store.idle++] = (object *)zeroed(1, sizeof(object));
}

static inline object *take(void) {
  pthread_mutex_lock(&store.lock);
  while (store.idle == 0) {
    store.waiting++;
    pthread_cond_wait(&store.given, &store.lock);
    store.waiting--;
  }
  object *taken = store.item[--store.idle];
  pthread_mutex_unlock(&store.lock);
  return taken;
}

static inline object *try_to_take(void) {
  pthread_mutex_lock(&store.lock);
  object *taken = store.idle ? store.item[--store.idle] : NULL;
  pthread_mutex_unlock(&store.lock);
  return taken;
}

static inline void give(object *taken) {
  pthread_mutex_lock(&store.lock);
  store.item[store.idle++] = taken;
  bool someone_waits = store.waiting > 0;
  pthread_mutex_unlock(&store.lock);
  if (someone_waits) pthread_cond_signal(&store.given);
}

#else

#define OBJPOOL_IMPLEMENTATION
#include "../objpool.h"

OBJPOOL_DEFINE(object_pool, object);

static object_pool pool;

static void open_store(size_t objects, bool capped) {
  objpool_config config = {.max_objects = capped ? objects : 0, .warmup = objects};
#ifdef NO_CACHE
  config.cache_size = OBJPOOL_NO_CACHE;
#endif
  if (!object_pool_init(&pool, &config)) fail("a pool", errno);
}

static inline object *take(void) { return object_pool_acquire_for(&pool, -1); }
static inline object *try_to_take(void) { return object_pool_acquire(&pool); }
static inline void give(object *taken) { object_pool_release(&pool, taken); }

#endif

/* ---- threads: each on a processor of its own, in turn over those the process was given ---- */

static cpu_set_t allowed;

static void pin(size_t which) {
  size_t wanted = which % (size_t)CPU_COUNT(&allowed);
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

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- what the threads do ---- */

static enum { WAITS, TRIES, REFUSED } mode;
static uint64_t work_ns;
static bool enough; /* relaxed: a hint to end, the joins order what is read afterwards */
static pthread_barrier_t everyone;

struct done {
  __attribute__((aligned(CACHE_LINE))) pthread_t thread;
  uint64_t pairs, refusals, longest_wait_ns;
};
static struct done *each;

static object *take_and_time(uint64_t *longest) {
  uint64_t began = now_ns();
  object *taken = take();
  uint64_t waited = now_ns() - began;
  if (waited > *longest) *longest = waited;
  return taken;
}

static void *run(void *argument) {
  struct done *mine = (struct done *)argument;
  uint64_t pairs = 0, refusals = 0, longest = 0;
  pin((size_t)(mine - each));
  pthread_barrier_wait(&everyone);
  while (!__atomic_load_n(&enough, __ATOMIC_RELAXED)) {
    object *taken = mode != WAITS ? try_to_take() : pairs % 16 == 0 ? take_and_time(&longest) : take();
    if (!taken) {
      refusals++;
      continue;
    }
    taken->uses++;
    __asm__ volatile("" : : : "memory"); /* the object is written, whatever the compiler sees of its way back */
    if (work_ns)
      for (uint64_t began = now_ns(); now_ns() - began < work_ns;) {}
    give(taken);
    pairs++;
  }
  mine->pairs = pairs;
  mine->refusals = refusals;
  mine->longest_wait_ns = longest;
  return NULL;
}

/* Takes every object there may be; gives the sum of their uses. */
static uint64_t take_all(size_t objects) {
  uint64_t uses = 0;
  for (size_t i = 0; i < objects; i++) {
    object *taken = try_to_take();
    if (!taken) fail("an object is lost", EAGAIN);
    uses += taken->uses;
  }
  if (try_to_take()) fail("there is one object too many", ERANGE);
  return uses;
}

int main(int count, char **word) {
  static const char *const modes[] = {"waits", "tries", "refused"};
  if (count != 6) fail("usage: grid CAP THREADS waits|tries|refused WORK_NS SECONDS", EINVAL);
  size_t cap = strtoul(word[1], NULL, 10), threads = strtoul(word[2], NULL, 10);
  while (strcmp(word[3], modes[mode]) != 0)
    if (++mode > REFUSED) fail(word[3], EINVAL);
  work_ns = strtoul(word[4], NULL, 10);
  uint64_t length_ns = (uint64_t)(strtod(word[5], NULL) * 1e9);
  if (threads == 0 || (mode == REFUSED && cap == 0)) fail("THREADS, CAP", EINVAL);

  sched_getaffinity(0, sizeof allowed, &allowed);
  open_store(cap ? cap : threads, cap > 0);
  if (mode == REFUSED) take_all(cap);
  each = (struct done *)aligned_alloc(CACHE_LINE, threads * sizeof *each);
  if (!each) fail("memory", ENOMEM);
  pthread_barrier_init(&everyone, NULL, (unsigned)threads + 1);
  for (size_t i = 0; i < threads; i++) {
    int error = pthread_create(&each[i].thread, NULL, run, &each[i]);
    if (error) fail("starting a thread", error);
  }
  uint64_t began = now_ns();
  pthread_barrier_wait(&everyone);
  nanosleep(&(struct timespec){(time_t)(length_ns / 1000000000u), (long)(length_ns % 1000000000u)}, NULL);
  __atomic_store_n(&enough, true, __ATOMIC_RELAXED);
  double microseconds = (double)(now_ns() - began) / 1e3;

  uint64_t pairs = 0, refusals = 0, longest = 0;
  for (size_t i = 0; i < threads; i++) {
    pthread_join(each[i].thread, NULL);
    pairs += each[i].pairs;
    refusals += each[i].refusals;
    if (each[i].longest_wait_ns > longest) longest = each[i].longest_wait_ns;
  }
  if (mode == REFUSED && pairs > 0) fail("a try was not refused", ERANGE);
  if (mode != REFUSED && cap > 0 && take_all(cap) != pairs) fail("two threads had one object at once", EILSEQ);
  printf("%.4f %.4f %.0f\n", (double)pairs / microseconds, (double)refusals / microseconds, (double)longest / 1e3);
  return 0;
}
