/* Counts what passes between thread caches and the shared part, for patterns whose traffic scaling.md derives.
 * usage: scaling PATTERN THREADS CACHE_SIZE PAIRS -> acquires misses refills flushes revocations, of the settled state
 * PATTERN: pair     one object taken and given back
 *          batch    4 cache sizes of objects taken, all given back
 *          walk     a coin decides: take one, or give one back
 *          ring     the even threads take, each passes all to the odd thread after it, which gives them back
 *          cap      the threads take turns; each takes every object there is, and gives them back */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OBJPOOL_IMPLEMENTATION
#include "../objpool.h"

typedef struct object {
  uint64_t word;
  char rest[56];
} object;

OBJPOOL_DEFINE(object_pool, object);

enum { MOST_THREADS = 64, RING = 4096, WALK_LIVE = 8192 };

static object_pool pool;
static pthread_barrier_t everyone;
static long cache_size, pairs_each, cap;
static unsigned threads;
static objpool_stats counted;

static struct ring {
  __attribute__((aligned(128))) long filled;
  __attribute__((aligned(128))) long emptied;
  __attribute__((aligned(128))) object *item[RING];
} rings[MOST_THREADS / 2];
static struct { __attribute__((aligned(128))) long number; } turn;

static object *take(void) {
  object *taken = object_pool_acquire(&pool);
  if (!taken) {
    perror("scaling: acquire");
    exit(1);
  }
  *(volatile uint64_t *)&taken->word = 1;
  return taken;
}

static object **room_for(long count) {
  object **held = (object **)calloc((size_t)count, sizeof *held);
  if (!held) {
    perror("scaling");
    exit(1);
  }
  return held;
}

/* Everyone's caches have settled: count from here. */
static void settle(unsigned number) {
  pthread_barrier_wait(&everyone);
  if (number == 0) object_pool_reset_stats(&pool);
  pthread_barrier_wait(&everyone);
}

/* Everyone is done, and nobody has yet given back what it still holds: count up to here. */
static void finish(unsigned number) {
  pthread_barrier_wait(&everyone);
  if (number == 0) counted = object_pool_stats(&pool);
  pthread_barrier_wait(&everyone);
}

static void *run_pair(void *argument) {
  unsigned number = (unsigned)(uintptr_t)argument;
  for (long i = -1000; i < pairs_each; i++) {
    if (i == 0) settle(number);
    object_pool_release(&pool, take());
  }
  finish(number);
  return NULL;
}

static void *run_batch(void *argument) {
  unsigned number = (unsigned)(uintptr_t)argument;
  long batch = 4 * cache_size;
  object **held = room_for(batch);
  for (long i = -batch; i < pairs_each; i += batch) {
    if (i == 0) settle(number);
    for (long k = 0; k < batch; k++) held[k] = take();
    for (long k = batch; k-- > 0;) object_pool_release(&pool, held[k]);
  }
  finish(number);
  free(held);
  return NULL;
}

static void *run_walk(void *argument) {
  unsigned number = (unsigned)(uintptr_t)argument;
  object **held = room_for(2 * WALK_LIVE);
  long live = 0;
  uint64_t random = 88172645463325252u + 0x9E3779B97F4A7C15u * number;
  while (live < WALK_LIVE) held[live++] = take();
  settle(number);
  for (long done = 0; done < 2 * pairs_each; done++) {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    bool up = (random >> 40) & 1;
    if (live == 0) up = true;
    if (live == 2 * WALK_LIVE) up = false;
    if (up)
      held[live++] = take();
    else
      object_pool_release(&pool, held[--live]);
  }
  finish(number);
  while (live > 0) object_pool_release(&pool, held[--live]);
  free(held);
  return NULL;
}

static void *run_ring(void *argument) {
  unsigned number = (unsigned)(uintptr_t)argument;
  struct ring *ring = &rings[number / 2];
  long warm = 8 * RING, batch = 64;
  for (long done = 0; done < warm + pairs_each; done += batch) {
    if (done == warm) settle(number);
    if (number % 2 == 0) {
      while (done + batch - __atomic_load_n(&ring->emptied, __ATOMIC_ACQUIRE) > RING) sched_yield();
      for (long i = done; i < done + batch; i++) ring->item[i % RING] = take();
      __atomic_store_n(&ring->filled, done + batch, __ATOMIC_RELEASE);
    } else {
      while (__atomic_load_n(&ring->filled, __ATOMIC_ACQUIRE) - done < batch) sched_yield();
      for (long i = done; i < done + batch; i++) object_pool_release(&pool, ring->item[i % RING]);
      __atomic_store_n(&ring->emptied, done + batch, __ATOMIC_RELEASE);
    }
  }
  finish(number);
  return NULL;
}

static void *run_cap(void *argument) {
  unsigned number = (unsigned)(uintptr_t)argument;
  object **held = room_for(cap);
  long warm = 2 * (long)threads, turns = pairs_each * (long)threads / cap;
  for (long i = number; i < warm + turns; i += threads) {
    while (__atomic_load_n(&turn.number, __ATOMIC_ACQUIRE) != i) sched_yield();
    if (i == warm) object_pool_reset_stats(&pool);
    for (long k = 0; k < cap; k++) held[k] = take();
    for (long k = cap; k-- > 0;) object_pool_release(&pool, held[k]);
    __atomic_store_n(&turn.number, i + 1, __ATOMIC_RELEASE);
  }
  finish(number);
  free(held);
  return NULL;
}

int main(int argc, char **argv) {
  static const struct {
    const char *name;
    void *(*body)(void *);
  } patterns[] = {{"pair", run_pair}, {"batch", run_batch}, {"walk", run_walk}, {"ring", run_ring}, {"cap", run_cap}};
  void *(*body)(void *) = NULL;
  for (size_t i = 0; argc == 5 && i < sizeof patterns / sizeof *patterns; i++)
    if (!strcmp(patterns[i].name, argv[1])) body = patterns[i].body;
  if (body) {
    threads = (unsigned)strtoul(argv[2], NULL, 10);
    cache_size = strtol(argv[3], NULL, 10);
    pairs_each = strtol(argv[4], NULL, 10) / (threads ? (long)threads : 1) / 1024 * 1024;
  }
  if (!body || threads == 0 || threads > MOST_THREADS || (body == run_ring && threads % 2) || cache_size <= 0 ||
      pairs_each <= 0) {
    fputs("usage: scaling pair|batch|walk|ring|cap THREADS CACHE_SIZE PAIRS\n", stderr);
    return 2;
  }
  cap = body == run_cap ? 16 * cache_size * (long)threads : 0;
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.cache_size = (size_t)cache_size;
  config.max_objects = (size_t)cap;
  config.warmup = (size_t)(cap ? cap : (long)threads * (4 * cache_size + 3 * WALK_LIVE + RING));
  if (!object_pool_init(&pool, &config)) {
    perror("scaling: the pool");
    return 1;
  }
  int error = pthread_barrier_init(&everyone, NULL, threads);
  pthread_t thread[MOST_THREADS];
  for (unsigned i = 0; i < threads && !error; i++) error = pthread_create(&thread[i], NULL, body, (void *)(uintptr_t)i);
  if (error) {
    fprintf(stderr, "scaling: starting threads: %s\n", strerror(error));
    return 1;
  }
  for (unsigned i = 0; i < threads; i++) pthread_join(thread[i], NULL);
  printf("%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", counted.acquires, counted.misses,
         counted.refills, counted.flushes, counted.revocations);
  object_pool_destroy(&pool);
  return 0;
}
