/* short_threads: very many threads, one after the other and some at once, each of which uses a pool and ends. Their indices and slots are
 * used again: resident memory stays flat.
 *
 * short_threads [THREADS] */
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

#include "../require.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AT_ONCE 8

struct record {
  long number;
  char text[248];
};

OBJPOOL_DEFINE(record_pool, struct record);

static record_pool records;

static void *use_and_end(void *unused) {
  struct record *held[20];
  REQUIRE(record_pool_acquire_many(&records, held, 20) == 20);
  for (int i = 0; i < 20; i++) held[i]->number++;
  record_pool_release_many(&records, held, 20);
  return unused;
}

static long resident_kib(void) {
  long total = 0, resident = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  REQUIRE(file && fscanf(file, "%ld %ld", &total, &resident) == 2);
  fclose(file);
  return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

int main(int argument_count, char **argument) {
  long threads = argument_count > 1 ? atol(argument[1]) : 100000, settled = 0;
  for (long done = 0; done < threads; done += AT_ONCE) {
    pthread_t thread[AT_ONCE];
    for (int i = 0; i < AT_ONCE; i++) REQUIRE(pthread_create(&thread[i], NULL, use_and_end, NULL) == 0);
    for (int i = 0; i < AT_ONCE; i++) REQUIRE(pthread_join(thread[i], NULL) == 0);
    if (!settled && done >= threads / 10) settled = resident_kib();
  }
  objpool_stats stats = record_pool_stats(&records);
  long grown = resident_kib() - settled;
  printf("%ld threads, %d at once: %llu objects were made, resident memory grew by %ld KiB after the first tenth\n",
         threads, AT_ONCE, (unsigned long long)stats.created, grown);
  REQUIRE(stats.in_use == 0 && stats.created == stats.idle && stats.created <= 20 * 64 * AT_ONCE);
  REQUIRE(grown < 256);
  record_pool_destroy(&records);
  return 0;
}
