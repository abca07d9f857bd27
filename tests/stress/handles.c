/* handles: threads acquire and end uses of four pools with handles, remember the handles of uses that have ended, and ask for
 * them again, while another thread trims, clears, resizes and maintains. No handle that has ended may ever name anything, no handle may
 * come twice, and of the threads that end one use by its handle at the same moment one must win.
 *
 * handles [USES [THREADS [SEED]]]      a use is one acquire and its end; on a terminal it shows how far it is */
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

#include "stress.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
  POOLS = 4,
  MOST_THREADS = 256,
  CAP = 600,         /* of the second and third pool */
  FEW = 48,          /* of the fourth: its objects have a place each in one word */
  HELD = 8,          /* objects that a thread holds at most */
  REMEMBERED = 4096, /* handles that a thread remembers */
  POSTED = 4,        /* uses of each pool that every thread may end */
  INDICES =
      1 << 22 /* maintenance builds ahead what was missed since it came last: on a busy machine that is long ago */
};

typedef struct thing {
  uint64_t name; /* the handle of its use, while somebody has it */
  char rest[40];
} thing;

OBJPOOL_DEFINE(thing_pool, thing, opt.handles = true);

static thing_pool pools[POOLS];
static uint32_t latest[POOLS][INDICES]; /* generation of the last use that was seen of each index */
static uint64_t posted[POOLS][POSTED];  /* handles of uses that whoever comes by ends; 0: none yet */
static long posts, wins, losses, stale, refused, disturbances[4];
static bool stop;

typedef struct worker {
  pthread_t thread;
  long uses;
  uint64_t random;
  uint64_t remembered[POOLS][REMEMBERED];
} worker;

static uint64_t name_of(thing_pool_handle handle) { return (uint64_t)handle.generation << 32 | handle.index; }
static thing_pool_handle handle_by(uint64_t name) {
  thing_pool_handle handle = {(uint32_t)name, (uint32_t)(name >> 32)};
  return handle;
}

/* A new use: its handle came never before, and finds it. */
static uint64_t begin_use(int which, thing *object) {
  thing_pool_handle handle = thing_pool_handle_of(&pools[which], object);
  REQUIRE(objpool__use_lasts(handle.generation) && handle.index < INDICES);
  if (which > 0) REQUIRE(handle.index < 2 * (which == 3 ? FEW : CAP) + 64);
  uint32_t before = __atomic_exchange_n(&latest[which][handle.index], handle.generation, __ATOMIC_RELAXED);
  REQUIRE(before < handle.generation);
  REQUIRE(thing_pool_get(&pools[which], handle) == object);
  return object->name = name_of(handle);
}

/* A use that has ended, for good. */
static void stays_ended(int which, uint64_t name, bool release) {
  thing_pool_handle handle = handle_by(name);
  REQUIRE(thing_pool_get(&pools[which], handle) == NULL);
  if (release) REQUIRE(!thing_pool_release_handle(&pools[which], handle));
}

/* Ends a use that anybody may end, and puts one of its own in its place if that is over. */
static bool post(worker *self, int which, uint64_t name) {
  uint64_t *slot = &posted[which][next_random(&self->random) % POSTED];
  uint64_t old = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
  if (old) {
    bool won = thing_pool_release_handle(&pools[which], handle_by(old));
    __atomic_add_fetch(won ? &wins : &losses, 1, __ATOMIC_RELAXED);
    stays_ended(which, old, false);
  }
  if (!__atomic_compare_exchange_n(slot, &old, name, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) return false;
  __atomic_add_fetch(&posts, 1, __ATOMIC_RELAXED);
  return true;
}

static void end_use(worker *self, int which, thing *object) {
  uint64_t random = next_random(&self->random), name = object->name;
  switch (random % 16) {
  case 0:
    if (!post(self, which, name)) thing_pool_release(&pools[which], object);
    return; /* it may be in use still */
  case 1: thing_pool_discard(&pools[which], object); break;
  case 2: {
    thing value = thing_pool_extract(&pools[which], object);
    REQUIRE(value.name == name);
    break;
  }
  case 3:
  case 4:
  case 5:
  case 6:
  case 7: REQUIRE(thing_pool_release_handle(&pools[which], handle_by(name))); break;
  default: thing_pool_release(&pools[which], object); break;
  }
  stays_ended(which, name, random >> 32 & 1);
  uint64_t *remembered = &self->remembered[which][(random >> 8) % REMEMBERED];
  *remembered = name;
}

static void *work(void *argument) {
  worker *self = (worker *)argument;
  thing *held[POOLS][HELD];
  int count[POOLS] = {0};
  long checked = 0, turned_down = 0;
  for (long done = 0; done < self->uses;) {
    uint64_t random = next_random(&self->random);
    int which = (int)(random % POOLS);
    if (count[which] == HELD || (count[which] > 0 && (random >> 8 & 1))) {
      end_use(self, which, held[which][--count[which]]);
      done++;
    } else {
      thing *object = thing_pool_acquire(&pools[which]);
      if (object) {
        begin_use(which, object);
        held[which][count[which]++] = object;
      } else {
        REQUIRE(errno == EAGAIN);
        turned_down++;
        if (count[which] > 0) end_use(self, which, held[which][--count[which]]);
      }
    }
    uint64_t old = self->remembered[which][(random >> 16) % REMEMBERED];
    if (old) stays_ended(which, old, random >> 60 == 0), checked++;
  }
  for (int which = 0; which < POOLS; which++)
    while (count[which] > 0) thing_pool_release(&pools[which], held[which][--count[which]]);
  __atomic_add_fetch(&stale, checked, __ATOMIC_RELAXED);
  __atomic_add_fetch(&refused, turned_down, __ATOMIC_RELAXED);
  return NULL;
}

static void *disturb(void *argument) {
  uint64_t random = *(uint64_t *)argument;
  const struct timespec pause = {0, 200000};
  while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
    next_random(&random);
    thing_pool *pool = &pools[(random >> 32) % POOLS];
    switch ((random >> 16) % 8) {
    case 0:
    case 1: thing_pool_clear(pool), disturbances[0]++; break;
    case 2: thing_pool_trim_some(pool, 4, 16), disturbances[1]++; break;
    case 3: thing_pool_trim(pool, (size_t)(random >> 40) % 32), disturbances[1]++; break;
    case 4:
      REQUIRE(thing_pool_resize(pool, 1 + (size_t)(random >> 40) % FEW, OBJPOOL_UNCHANGED));
      disturbances[2]++;
      break;
    case 5:
      REQUIRE(thing_pool_resize(pool, 0, OBJPOOL_UNCHANGED));
      disturbances[2]++;
      break;
    default: objpool_maintain(&pool->base), disturbances[3]++; break;
    }
    nanosleep(&pause, NULL);
  }
  return NULL;
}

#define USAGE "handles [USES [THREADS [SEED]]]"

int main(int argument_count, char **argument) {
  long uses = argument_count > 1 ? number(USAGE, argument[1]) : 10000000;
  long threads = argument_count > 2 ? number(USAGE, argument[2]) : 4 * sysconf(_SC_NPROCESSORS_ONLN);
  uint64_t seed = argument_count > 3 ? (uint64_t)number(USAGE, argument[3]) : 1,
           disturbing_seed = seed * 0x9e3779b97f4a7c15u + 1;
  static worker workers[MOST_THREADS];
  pthread_t disturber;
  if (threads > MOST_THREADS) threads = MOST_THREADS;
  for (int which = 0; which < POOLS; which++) {
    objpool_config config;
    memset(&config, 0, sizeof config);
    config.max_objects = which == 0 ? 0 : which == 3 ? FEW : CAP;
    if (which == 2) config.cache_size = OBJPOOL_NO_CACHE;
    REQUIRE(thing_pool_init(&pools[which], &config));
  }
  REQUIRE(pthread_create(&disturber, NULL, disturb, &disturbing_seed) == 0);
  const int rounds = 20;
  long done = 0;
  for (int round = 0; round < rounds; round++) {
    for (long i = 0; i < threads; i++) {
      if (round == 0) workers[i].random = (seed + (uint64_t)i) * 0xbf58476d1ce4e5b9u | 1;
      workers[i].uses = uses / rounds / threads + 1;
      REQUIRE(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0);
    }
    for (long i = 0; i < threads; i++) {
      REQUIRE(pthread_join(workers[i].thread, NULL) == 0);
      done += workers[i].uses;
    }
    if (isatty(1)) {
      printf("\r%3d %%", 100 * (round + 1) / rounds);
      fflush(stdout);
    }
  }
  __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
  REQUIRE(pthread_join(disturber, NULL) == 0);
  for (int which = 0; which < POOLS; which++) {
    for (int i = 0; i < POSTED; i++)
      if (posted[which][i]) wins += thing_pool_release_handle(&pools[which], handle_by(posted[which][i]));
    REQUIRE(thing_pool_stats(&pools[which]).in_use == 0);
    for (long i = 0; i < threads; i++) /* whatever was remembered of all threads */
      for (int k = 0; k < REMEMBERED; k++)
        if (workers[i].remembered[which][k]) stays_ended(which, workers[i].remembered[which][k], true);
  }
  REQUIRE(wins == posts); /* each use that anybody could end was ended by one */
  if (isatty(1)) printf("\r");
  printf(
      "%ld uses by %ld threads, %ld acquires refused at a cap, among %ld clears, %ld trims, %ld resizes, %ld "
      "maintenances: %ld looks "
      "by handles that had ended, none valid; of %ld uses that all could end each was ended once, %ld came too late\n",
      done, threads, refused, disturbances[0], disturbances[1], disturbances[2], disturbances[3], stale, posts, losses);
  for (int which = 0; which < POOLS; which++) thing_pool_destroy(&pools[which]);
  return 0;
}
