/* conservation: threads acquire, stamp, hand on and release objects of three pools (free, capped, without caches), while another trims,
 * clears, resizes and forks. Every object bears its owner's stamp, so that one in two hands is seen at once; after each round, with
 * the threads ended, everything is counted: created = idle + in use + destroyed + extracted, and no object is missing. AGED: the
 * pools are timed, with lifetimes and timeouts of milliseconds, and tracked; the other thread also refreshes, maintains, and asks who holds
 * what, of which each quiet point finds just as much as is in use.
 *
 * conservation [OPERATIONS [THREADS [SEED]]]      an operation is one acquire or one release; on a terminal it shows how far it is */
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

#include "stress.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define POOLS 3
#define MAX_THREADS 256
#define HELD 24      /* objects a thread holds at most of each pool */
#define MAILBOXES 64 /* objects on their way from one thread to another */
#define CAP 96

struct record {
  int owner; /* 0: nobody's; otherwise the number of the thread */
  int alive; /* 1 between create and destroy */
  long used;
  char rest[48];
};

static long alive[POOLS], most_alive[POOLS]; /* counted by the hooks */
static long extracted[POOLS], duplicates, refused;

static bool build(struct record *record, void *context) {
  long *count = (long *)context;
  long now = __atomic_add_fetch(count, 1, __ATOMIC_RELAXED);
  long *most = &most_alive[count - alive], old = __atomic_load_n(most, __ATOMIC_RELAXED);
  while (now > old && !__atomic_compare_exchange_n(most, &old, now, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) continue;
  REQUIRE(record->alive == 0 && record->owner == 0);
  record->alive = 1;
  return true;
}

static void take_down(struct record *record, void *context) {
  REQUIRE(record->alive == 1 && record->owner == 0);
  record->alive = 2;
  __atomic_sub_fetch((long *)context, 1, __ATOMIC_RELAXED);
}

#ifdef AGED
OBJPOOL_DEFINE(record_pool, struct record, opt.create = build, opt.destroy = take_down, opt.timed = true,
               opt.tracked = true);
#else
OBJPOOL_DEFINE(record_pool, struct record, opt.create = build, opt.destroy = take_down);
#endif

static record_pool pools[POOLS];
static struct record *mailbox[POOLS][MAILBOXES];
static int stop;

struct worker {
  pthread_t thread;
  int number;
  long operations; /* to do in this round */
  uint64_t random;
};

static void stamp(struct record *record, int from, int to) {
  if (__atomic_exchange_n(&record->owner, to, __ATOMIC_RELAXED) != from || record->alive != 1) {
    __atomic_add_fetch(&duplicates, 1, __ATOMIC_RELAXED);
  }
}

static void *work(void *argument) {
  struct worker *worker = (struct worker *)argument;
  struct record *held[POOLS][HELD];
  int count[POOLS] = {0, 0, 0}, want[POOLS] = {0, 0, 0};
  long done = 0;
  while (done < worker->operations) {
    uint64_t random = next_random(&worker->random);
    /* mostly the pool with free caches: it is the fastest; the others each have an eighth */
    int which = (random & 7) == 0 ? 1 : (random & 7) == 1 ? 2 : 0;
    record_pool *pool = &pools[which];
    int *n = &count[which];
    for (int burst = 0; burst < 16; burst++, done++) {
      if (*n == want[which]) want[which] = (int)((random >> 8) % HELD);
      if (*n < want[which]) {
        struct record *record;
        unsigned choice = (unsigned)(random >> (16 + burst)) & 31;
        if (choice == 0)
          record = record_pool_try_acquire(pool);
        else if (choice == 1)
          record = record_pool_acquire_for(pool, 20000);
        else
          record = record_pool_acquire(pool);
        if (!record) {
          REQUIRE(errno == EAGAIN || errno == ETIMEDOUT);
          __atomic_add_fetch(&refused, 1, __ATOMIC_RELAXED);
          want[which] = *n / 2;
          continue;
        }
        stamp(record, 0, worker->number);
        record->used++;
        held[which][(*n)++] = record;
      } else if (*n > 0) {
        struct record *record = held[which][--*n];
        unsigned choice = (unsigned)(random >> (20 + burst)) & 127;
        stamp(record, worker->number, 0);
        if (choice == 0) {
          /* hand it on, and release what another handed on before */
          record = __atomic_exchange_n(&mailbox[which][(random >> 40) % MAILBOXES], record, __ATOMIC_ACQ_REL);
          record_pool_release(pool, record);
        } else if (choice == 1) {
          record_pool_discard(pool, record);
        } else if (choice == 2) {
          __atomic_sub_fetch(&alive[which], 1,
                             __ATOMIC_RELAXED); /* before: its place is another's as soon as it is out */
          struct record value = record_pool_extract(pool, record);
          REQUIRE(value.alive == 1);
          __atomic_add_fetch(&extracted[which], 1, __ATOMIC_RELAXED);
        } else {
          record_pool_release(pool, record);
        }
      }
    }
  }
  for (int which = 0; which < POOLS; which++) {
    while (count[which] > 0) {
      struct record *record = held[which][--count[which]];
      stamp(record, worker->number, 0);
      record_pool_release(&pools[which], record);
    }
  }
  return NULL;
}

/* A child uses the pools it inherited and leaves. */
static void fork_once(void) {
  pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    alarm(30);
    for (int which = 0; which < POOLS; which++) {
      for (int i = 0; i < 100; i++) {
        struct record *record = record_pool_acquire(&pools[which]);
        if (!record) break;
        if (record->owner != 0 || record->alive != 1) _exit(1);
        record_pool_release(&pools[which], record);
      }
      record_pool_clear(&pools[which]);
    }
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static long disturbances[4]; /* trims, clears, resizes, forks */

#ifdef AGED
static void see(const objpool_hold *hold, void *user) {
  REQUIRE(hold->object && hold->uses > 0 && hold->site && hold->thread);
  ++*(long *)user;
}

static long held_by_anybody(record_pool *pool) {
  long seen = 0;
  REQUIRE((long)objpool_each_held(&pool->base, 0, see, &seen) == seen);
  return seen;
}

static long refreshes, looks;

static void let_age(record_pool *pool, unsigned how) {
  if (how == 0) (void)record_pool_refresh(pool);
  if (how <= 3) (void)objpool_maintain(&pool->base);
  if (how > 3) (void)held_by_anybody(pool);
  refreshes += how == 0;
  looks += how > 3;
}
#endif

static void *disturb(void *argument) {
  uint64_t random = *(uint64_t *)argument;
  const struct timespec pause = {0, 200000};
  while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
    next_random(&random);
    record_pool *pool = &pools[(random >> 32) % POOLS];
    switch ((random >> 16) % 16) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
      record_pool_trim(pool, (size_t)(random >> 40) % 32);
      disturbances[0]++;
      break;
    case 5:
    case 6:
      record_pool_clear(pool);
      disturbances[1]++;
      break;
    case 7:
    case 8:
    case 9:
    case 10:
      REQUIRE(record_pool_resize(pool, 16 + (size_t)(random >> 40) % 80, OBJPOOL_UNCHANGED));
      disturbances[2]++;
      break;
    case 11:
      REQUIRE(record_pool_resize(pool, 0, OBJPOOL_UNCHANGED));
      disturbances[2]++;
      break;
    case 12:
      if ((random >> 50) % 4 == 0) {
        fork_once();
        disturbances[3]++;
      }
      break;
#ifdef AGED
    case 13:
    case 14: let_age(pool, (unsigned)(random >> 40) % 8); break;
#endif
    default: (void)record_pool_stats(pool); break;
    }
    nanosleep(&pause, NULL);
  }
  return NULL;
}

#define USAGE "conservation [OPERATIONS [THREADS [SEED]]]"

int main(int argument_count, char **argument) {
  long operations = argument_count > 1 ? number(USAGE, argument[1]) : 10000000;
  long threads = argument_count > 2 ? number(USAGE, argument[2]) : 8 * sysconf(_SC_NPROCESSORS_ONLN);
  uint64_t seed = argument_count > 3 ? (uint64_t)number(USAGE, argument[3]) : 1;
  bool terminal = isatty(1) != 0;
  static struct worker worker[MAX_THREADS];
  pthread_t disturber;
  if (threads > MAX_THREADS) threads = MAX_THREADS;
  for (int which = 0; which < POOLS; which++) {
    objpool_config config;
    memset(&config, 0, sizeof config);
    config.context = &alive[which];
    config.max_objects = which == 0 ? 0 : CAP + MAILBOXES;
    if (which == 2) config.cache_size = OBJPOOL_NO_CACHE;
#ifdef AGED
    config.max_lifetime_ns = 20000000;
    config.idle_timeout_ns = 5000000;
    config.ignore_pressure = true;
#endif
    REQUIRE(record_pool_init(&pools[which], &config));
  }
  uint64_t disturbing_seed = seed * 0x9e3779b97f4a7c15u + 1;
  REQUIRE(pthread_create(&disturber, NULL, disturb, &disturbing_seed) == 0);
  long done = 0, rounds = 0, expired = 0;
  const long in_a_round = operations / 20 > 1000 * threads ? operations / 20 : 1000 * threads;
  for (long i = 0; i < threads; i++) worker[i].random = (seed + (uint64_t)i) * 0xbf58476d1ce4e5b9u | 1;
  while (done < operations) {
    for (long i = 0; i < threads; i++) {
      worker[i].number = (int)i + 1;
      worker[i].operations = in_a_round / threads;
      REQUIRE(pthread_create(&worker[i].thread, NULL, work, &worker[i]) == 0);
    }
    for (long i = 0; i < threads; i++) {
      REQUIRE(pthread_join(worker[i].thread, NULL) == 0);
      done += worker[i].operations;
    }
    rounds++;
    if (duplicates) break;
    if (terminal) {
      printf("\r%3.0f %%", 100.0 * (double)done / (double)operations);
      fflush(stdout);
    }
    /* a quiet point: only the disturber lives, and all it does is move idle objects or destroy them: stop it to count */
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    REQUIRE(pthread_join(disturber, NULL) == 0);
    for (int which = 0; which < POOLS; which++) {
      long in_mail = 0;
      for (int i = 0; i < MAILBOXES; i++) in_mail += mailbox[which][i] != NULL;
      objpool_stats stats = record_pool_stats(&pools[which]);
      REQUIRE((long)stats.in_use == in_mail);
      REQUIRE((long)(stats.idle + stats.in_use) == alive[which]);
#ifndef OBJPOOL_NO_STATS
      REQUIRE(stats.created == stats.idle + stats.in_use + stats.destroyed + stats.extracted);
      REQUIRE(stats.acquires == stats.releases + stats.extracted + stats.in_use);
      REQUIRE((long)stats.extracted == extracted[which]);
#endif
#ifdef AGED
      REQUIRE(held_by_anybody(&pools[which]) == (long)stats.in_use);
      expired += (long)stats.expired;
#endif
      if (stats.max_objects) REQUIRE(most_alive[which] <= (long)stats.max_objects);
      if (stats.max_idle) REQUIRE(stats.idle <= stats.max_idle);
    }
    stop = 0;
    disturbing_seed += 2;
    REQUIRE(pthread_create(&disturber, NULL, disturb, &disturbing_seed) == 0);
  }
  __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
  REQUIRE(pthread_join(disturber, NULL) == 0);
  if (terminal) printf("\r");
  printf("%ld operations by %ld threads in %ld rounds, with %ld trims, %ld clears, %ld resizes, %ld forks, %ld "
         "acquires refused at the "
         "cap: duplicates %ld, everything accounted for %ld times\n",
         done, threads, rounds, disturbances[0], disturbances[1], disturbances[2], disturbances[3], refused, duplicates,
         rounds);
#ifdef AGED
  REQUIRE(expired > 0 || operations < 1000000);
  printf("among %ld refreshes and %ld looks at who holds what\n", refreshes, looks);
#else
  (void)expired;
#endif
  for (int which = 0; which < POOLS; which++) {
    for (int i = 0; i < MAILBOXES; i++) record_pool_release(&pools[which], mailbox[which][i]);
    record_pool_destroy(&pools[which]);
    REQUIRE(alive[which] == 0);
  }
  return duplicates != 0;
}
