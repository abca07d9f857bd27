/* destroy_and_exit: threads use a pool and end; the pool is destroyed as soon as they have used it for the last time, while
 * they are still on their way out.
 *
 * destroy_and_exit [ROUNDS] */
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

#include "lifecycle.h"

#include <pthread.h>
#include <sched.h>

#define THREADS 2

struct record {
  long number;
  char text[56];
};

OBJPOOL_DEFINE(record_pool, struct record);

static record_pool records;
static int finished;

static void *use_and_leave(void *unused) {
  (void)unused;
  for (int i = 0; i < 3; i++) {
    struct record *record = record_pool_acquire(&records);
    REQUIRE(record);
    record->number++;
    record_pool_release(&records, record);
  }
  __atomic_add_fetch(&finished, 1, __ATOMIC_RELEASE); /* the last word about the pool; now the thread ends */
  return NULL;
}

int main(int argument_count, char **argument) {
  long rounds = count_from(argument_count, argument, 100000), settled = 0;
  for (long round = 0; round < rounds; round++) {
    pthread_t thread[THREADS];
    finished = 0;
    if (round % 2) { /* every other pool is one that was never initialised */
      objpool_config config;
      memset(&config, 0, sizeof config);
      config.max_objects = THREADS;
      REQUIRE(record_pool_init(&records, &config));
    }
    for (int i = 0; i < THREADS; i++) REQUIRE(pthread_create(&thread[i], NULL, use_and_leave, NULL) == 0);
    while (__atomic_load_n(&finished, __ATOMIC_ACQUIRE) < THREADS) sched_yield();
    objpool_stats stats = record_pool_stats(&records);
    REQUIRE(stats.in_use == 0 && stats.acquires == 3 * THREADS && stats.releases == 3 * THREADS);
    REQUIRE(stats.created >= 1 && stats.created <= THREADS && stats.destroyed == 0);
    /* objects that an ending thread is just handing to the pool may be between two looks at it: until they have arrived */
    for (int looks = 0; stats.idle != stats.created; looks++) {
      REQUIRE(looks < 1000000);
      sched_yield();
      stats = record_pool_stats(&records);
    }
    record_pool_destroy(&records);
    for (int i = 0; i < THREADS; i++) REQUIRE(pthread_join(thread[i], NULL) == 0);
    if (round == rounds / 10) settled = resident_kib();
  }
  long grown = resident_kib() - settled;
  printf("%ld pools destroyed while %d threads that had used them ended; resident memory grew by %ld KiB after the "
         "first tenth\n",
         rounds, THREADS, grown);
  REQUIRE(grown < 512);
  return 0;
}
