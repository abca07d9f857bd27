/* Hooks: what a pool does to its objects is fixed when it is compiled, so each call below is inlined.
 * A buffer that held a password and must not when it comes back; a connection that is rolled back, checked, replaced.
 *
 * build: cc -std=c11 -O2 -pthread -I.. hooks.c -o hooks
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

/* --- A buffer for secrets: no byte of it outlives its release, and no optimiser drops that. --- */

struct secret {
  size_t length;
  char bytes[256];
};

OBJPOOL_DEFINE(secret_pool, struct secret, opt.wipe = true);

static size_t nonzero_bytes(const void *memory, size_t size) {
  const unsigned char *bytes = memory;
  size_t count = 0;
  for (size_t i = 0; i < size; i++) count += bytes[i] != 0;
  return count;
}

static int secrets(void) {
  secret_pool pool;
  if (!secret_pool_init(&pool, &(objpool_config){.name = "secrets", .max_objects = 1})) return -1;

  OBJPOOL_WITH(secret_pool, secret, &pool) {
    secret->length = strlen(strcpy(secret->bytes, "correct horse battery staple"));
    printf("the buffer holds a password of %zu characters\n", secret->length);
  } else {
    return -1;
  }
  size_t left = 1;
  OBJPOOL_WITH(secret_pool, secret, &pool) { /* there is but one buffer: it is the same */
    left = nonzero_bytes(secret, sizeof *secret);
    printf("the next one to get it finds %zu bytes of that\n", left);
  }
  secret_pool_destroy(&pool);
  return left == 0 ? 0 : -1;
}

/* --- A connection: opened once, rolled back after each use, checked before the next, closed when it is dead. --- */

struct server { /* stands for whatever is at the other end */
  int opened, closed, rolled_back;
  int down_after; /* a connection dies when it has served this many requests */
};

struct conn {
  int number, served;
  bool in_transaction;
};

static bool conn_open(struct conn *conn, void *context) {
  struct server *server = context;
  conn->number = ++server->opened; /* all else is zero: objects are built in zeroed memory */
  return true;
}

static void conn_rollback(struct conn *conn, void *context) {
  struct server *server = context;
  if (!conn->in_transaction) return;
  conn->in_transaction = false;
  server->rolled_back++;
}

static bool conn_is_alive(struct conn *conn, void *context) {
  const struct server *server = context;
  return conn->served < server->down_after;
}

static void conn_close(struct conn *conn, void *context) {
  struct server *server = context;
  (void)conn;
  server->closed++;
}

OBJPOOL_DEFINE(conn_pool, struct conn,
               opt.create = conn_open,
               opt.reset = conn_rollback,
               opt.validate = conn_is_alive,
               opt.validate_on = OBJPOOL_ON_ACQUIRE, /* what is dead is noticed before it is handed out */
               opt.destroy = conn_close);

static int request(conn_pool *pool, bool fails) {
  OBJPOOL_SCOPED(conn_pool) guard = conn_pool_guard_acquire(pool);
  if (!guard.object) return -1;
  struct conn *conn = guard.object;
  if (conn->in_transaction) return -1; /* cannot be: reset ran when it was given back */
  conn->in_transaction = true;
  conn->served++;
  if (fails) return 1; /* the early return leaves the transaction open; reset rolls it back */
  conn->in_transaction = false;
  return 0;
}

static int connections(void) {
  struct server server = {.down_after = 4};
  conn_pool pool;
  if (!conn_pool_init(&pool, &(objpool_config){.name = "connections", .context = &server, .max_objects = 1})) return -1;

  for (int i = 0; i < 10; i++) {
    if (request(&pool, i % 3 == 0) < 0) {
      perror("request");
      return -1;
    }
  }
  objpool_stats stats = conn_pool_stats(&pool);
  conn_pool_destroy(&pool);
  printf("10 requests: %d connections opened, %d transactions rolled back, %llu dead connections replaced, %d closed\n",
         server.opened, server.rolled_back, (unsigned long long)stats.invalid, server.closed);
  return server.opened == server.closed ? 0 : -1;
}

int main(void) { return secrets() == 0 && connections() == 0 ? EXIT_SUCCESS : EXIT_FAILURE; }
