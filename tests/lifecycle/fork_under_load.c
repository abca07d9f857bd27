/* fork_under_load: forks while threads acquire, release, trim and wait at the cap. Each child uses the pools it inherited,
 * finds its own objects where they were, and leaves.
 *
 * fork_under_load [FORKS] */
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

#include "lifecycle.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 3
#define CAP 64

struct record {
  long number;
  char text[56];
};

OBJPOOL_DEFINE(record_pool, struct record);

static record_pool free_records;  /* no limits, thread caches */
static record_pool few_records;   /* a cap: caches are revoked */
static record_pool plain_records; /* no caches */
static int stop;
static long operations[THREADS];

static void use(record_pool *pool, int burst, unsigned long *turn) {
  struct record *held[16];
  int count = 0;
  while (count < burst && (held[count] = record_pool_acquire(pool)) != NULL) held[count++]->number++;
  *turn += (unsigned long)count;
  while (count > 0) record_pool_release(pool, held[--count]);
}

static void *load(void *argument) {
  long *done = (long *)argument;
  unsigned long turn = 0;
  while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
    use(&free_records, 16, &turn);
    use(&few_records, 16, &turn);
    use(&plain_records, 3, &turn);
    if (turn % 64 == 0) record_pool_trim(&free_records, 8);
    if (turn % 128 == 0) record_pool_clear(&few_records);
    struct record *waited = record_pool_acquire_for(&few_records, 100000);
    if (waited) record_pool_release(&few_records, waited);
    turn++;
    __atomic_add_fetch(done, 1, __ATOMIC_RELAXED);
  }
  return NULL;
}

/* What a child does: everything, on its own; what other threads held stays in use, and the caps still hold. */
static void live_on(record_pool *pool, struct record *mine) {
  struct record *got[CAP];
  REQUIRE(mine->number == 4711);
  objpool_stats stats = record_pool_stats(pool);
  REQUIRE(stats.in_use >= 1);
  record_pool_release(pool, mine);
  size_t count = record_pool_acquire_many(pool, got, CAP);
  REQUIRE(count >= 1 && count <= CAP);
  for (size_t i = 0; i < count; i++) {
    got[i]->number = (long)i;
    for (size_t j = 0; j < i; j++) REQUIRE(got[i] != got[j]);
  }
  record_pool_release_many(pool, got, count);
  record_pool_trim(pool, 1);
  REQUIRE(record_pool_stats(pool).idle <= 1);
  struct record *again = record_pool_acquire(pool);
  REQUIRE(again);
  record_pool_release(pool, again);
}

int main(int argument_count, char **argument) {
  long forks = count_from(argument_count, argument, 10000);
  pthread_t thread[THREADS];
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.max_objects = CAP;
  REQUIRE(record_pool_init(&few_records, &config));
  memset(&config, 0, sizeof config);
  config.cache_size = OBJPOOL_NO_CACHE;
  REQUIRE(record_pool_init(&plain_records, &config));
  for (int i = 0; i < THREADS; i++) REQUIRE(pthread_create(&thread[i], NULL, load, &operations[i]) == 0);
  for (long round = 0; round < forks; round++) {
    struct record *mine[3] = {record_pool_acquire(&free_records), record_pool_acquire_for(&few_records, -1),
                              record_pool_acquire(&plain_records)};
    for (int i = 0; i < 3; i++) {
      REQUIRE(mine[i]);
      mine[i]->number = 4711;
    }
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      alarm(20); /* a child that finds a lock held for ever says so by dying */
      live_on(&free_records, mine[0]);
      live_on(&few_records, mine[1]);
      live_on(&plain_records, mine[2]);
      _exit(0);
    }
    record_pool_release(&free_records, mine[0]);
    record_pool_release(&few_records, mine[1]);
    record_pool_release(&plain_records, mine[2]);
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
      fprintf(stderr, "fork %ld: the child ended with %s %d\n", round, WIFSIGNALED(status) ? "signal" : "status",
              WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
      return 1;
    }
  }
  __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
  long sum = 0;
  for (int i = 0; i < THREADS; i++) {
    REQUIRE(pthread_join(thread[i], NULL) == 0);
    sum += operations[i];
  }
  record_pool *pools[3] = {&free_records, &few_records, &plain_records};
  for (int i = 0; i < 3; i++) {
    objpool_stats stats = record_pool_stats(pools[i]);
    REQUIRE(stats.in_use == 0 && stats.acquires == stats.releases);
    REQUIRE(stats.created - stats.destroyed == stats.idle);
    record_pool_destroy(pools[i]);
  }
  printf("%ld forks under load of %d threads (%ld rounds of theirs), each child lived on\n", forks, THREADS, sum);
  return 0;
}
