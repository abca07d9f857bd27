/* The first program of README.md. build: cc -std=c11 -O2 -pthread -I.. hello.c -o hello */
#include <stdio.h>
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

struct conn {
  int queries;
};

static bool conn_open(struct conn *conn, void *context) {
  (void)conn, (void)context;
  puts("connecting ..."); /* the slow part, which reuse skips */
  return true;
}

OBJPOOL_DEFINE(conn_pool, struct conn, opt.create = conn_open);

static conn_pool pool; /* all-zero: default settings, ready for any thread */

int main(void) {
  for (int i = 0; i < 3; i++) {
    OBJPOOL_WITH(conn_pool, conn, &pool) { /* goes back at the end of the block, whichever way it is left */
      printf("query %d\n", ++conn->queries);
    } else {
      perror("no connection");
    }
  }
  objpool_stats stats = conn_pool_stats(&pool);
  printf("%.0f %% of the requests reused a connection\n", 100 * objpool_hit_rate(&stats));
  conn_pool_destroy(&pool);
  return 0;
}
