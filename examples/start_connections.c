/* Start here: connections. Four of them for sixteen threads: who finds none free waits, for a second at most. A hook opens, one
 * cleans up after each use, one closes; a broken one is discarded, and the next request gets a new one in its place.
 *
 * build: cc -std=c11 -O2 -pthread -I.. start_connections.c -o start_connections
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

struct conn {
  int socket, queries;
};

static bool conn_open(struct conn *conn, void *server) { /* in zeroed memory; false: refused, acquire returns NULL */
  conn->socket = __atomic_add_fetch((int *)server, 1, __ATOMIC_RELAXED); /* here it would connect; hooks may meet */
  return true;
}
static void conn_rollback(struct conn *conn, void *server) { (void)server, conn->queries = 0; }
static void conn_close(struct conn *conn, void *server) { (void)server, conn->socket = -1; }

/** Connections to the database: whoever gets one finds it open, and rolled back. */
OBJPOOL_DEFINE(conn_pool, struct conn, opt.create = conn_open, opt.reset = conn_rollback, opt.destroy = conn_close);
static conn_pool pool;

static bool query(struct conn *conn, int number) {
  conn->queries++, poll(NULL, 0, 1); /* the server takes a millisecond to answer */
  return number % 50 != 49;          /* now and then a connection breaks */
}

static void *serve(void *unused) {
  for (int i = 0; i < 100; i++) {
    OBJPOOL_SCOPED(conn_pool) guard = conn_pool_guard_acquire_for(&pool, OBJPOOL_SECONDS(1));
    if (!guard.object) {
      perror(errno == ETIMEDOUT ? "busy" : "no connection");
      continue;
    }
    if (!query(guard.object, i)) conn_pool_guard_discard(&guard); /* all others go back into the pool here */
  }
  return unused;
}

int main(void) {
  int opened = 0;
  if (!conn_pool_init(&pool, &(objpool_config){.name = "db", .context = &opened, .warmup = 4, .max_objects = 4}))
    return perror("connections"), 1;
  pthread_t threads[16];
  int count = 0;
  while (count < 16 && pthread_create(&threads[count], NULL, serve, NULL) == 0) count++;
  while (count > 0) pthread_join(threads[--count], NULL);
  objpool_stats stats = conn_pool_stats(&pool);
  printf("%llu queries, %llu of them waited; %llu connections opened, at most %llu at once\n",
         (unsigned long long)stats.acquires, (unsigned long long)stats.waits, (unsigned long long)stats.created,
         (unsigned long long)stats.peak_in_use);
  conn_pool_destroy(&pool);
  return 0;
}
