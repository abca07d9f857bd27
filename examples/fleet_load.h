/* The load that metrics_server.c and top.c look at: three named pools of different types, and any more that the user
 * names, kept busy by worker threads. Every twelve seconds a burst of four: twelve talk over eight connections, one of
 * them holds on to its own, and twice the pages are read that may stay idle. Include after objpool.h. */
#ifndef EXAMPLES_FLEET_LOAD_H
#define EXAMPLES_FLEET_LOAD_H

#include "common.h"

struct connection {
  unsigned talks; /* it wears out */
  char peer[256];
};

struct page {
  unsigned char bytes[16 * 1024];
};

struct request {
  unsigned number;
  char line[240];
};

/* As if it were opened on another machine. */
static inline bool connection_open(struct connection *connection, void *unused) {
  (void)unused;
  sleep_ns(2 * MILLISECONDS);
  snprintf(connection->peer, sizeof connection->peer, "peer");
  return true;
}

static inline bool connection_is_alive(struct connection *connection, void *unused) {
  (void)unused;
  return connection->talks < 500;
}

OBJPOOL_DEFINE(connection_pool, struct connection, opt.create = connection_open, opt.validate = connection_is_alive,
               opt.validate_on = OBJPOOL_ON_RELEASE, opt.tracked = true);
OBJPOOL_DEFINE(page_pool, struct page);
OBJPOOL_DEFINE(request_pool, struct request);

enum {
  FLEET_CONNECTIONS = 8,
  FLEET_TALKERS = 12,
  FLEET_TALKERS_CALM = 4, /* those that talk between bursts */
  FLEET_PAGES_IDLE = 32,
  FLEET_EXTRA_MAX = 64,
  FLEET_WORKERS = FLEET_TALKERS + 2
};

static struct fleet {
  connection_pool connections;
  page_pool pages;
  request_pool requests;
  request_pool extra[FLEET_EXTRA_MAX];
  size_t extra_count;
  pthread_t workers[FLEET_WORKERS];
  int64_t started_ns;
  bool stopping; /* atomic: relaxed, it orders nothing */
} fleet;

static inline bool fleet_stopping(void) { return __atomic_load_n(&fleet.stopping, __ATOMIC_RELAXED); }

static inline bool fleet_burst(void) { return (now_ns() - fleet.started_ns) / SECONDS % 12 >= 8; }

/* A worker that talks to peers, over one connection at a time. The first one dawdles in each burst for two seconds before it gives
 * its connection back. */
static inline void *fleet_talk(void *which) {
  const uintptr_t number = (uintptr_t)which;
  bool dawdled = false;
  while (!fleet_stopping()) {
    bool burst = fleet_burst();
    sleep_ns((burst ? 1 : 5) * MILLISECONDS);
    if (!burst && number >= FLEET_TALKERS_CALM) continue;
    struct connection *connection = connection_pool_acquire_for(&fleet.connections, OBJPOOL_MS(20));
    if (!connection && errno != ETIMEDOUT) fail("connections: %s", strerror(errno));
    if (!connection) continue;
    connection->talks++;
    sleep_ns(4 * MILLISECONDS);
    for (int i = 0; number == 0 && burst && !dawdled && i < 400 && !fleet_stopping(); i++) sleep_ns(5 * MILLISECONDS);
    dawdled = burst;
    connection_pool_release(&fleet.connections, connection);
  }
  return NULL;
}

static inline void *fleet_read_pages(void *unused) {
  struct page *held[2 * FLEET_PAGES_IDLE];
  (void)unused;
  while (!fleet_stopping()) {
    size_t want = fleet_burst() ? 2 * FLEET_PAGES_IDLE : FLEET_PAGES_IDLE / 2;
    size_t got = page_pool_acquire_many(&fleet.pages, held, want);
    if (got < want) fail("pages: %s", strerror(errno));
    page_pool_release_many(&fleet.pages, held, got);
    sleep_ns(5 * MILLISECONDS);
  }
  return NULL;
}

static inline void *fleet_answer(void *unused) {
  (void)unused;
  for (unsigned number = 0; !fleet_stopping(); number++) {
    size_t which = number % (fleet.extra_count + 1);
    request_pool *pool = which < fleet.extra_count ? &fleet.extra[which] : &fleet.requests;
    struct request *held[3];
    size_t got = request_pool_acquire_many(pool, held, 3);
    if (got < 3) fail("requests: %s", strerror(errno));
    for (size_t i = 0; i < got; i++) held[i]->number = number;
    if (number % 64 == 0) sleep_ns(2 * MILLISECONDS);
    request_pool_release_many(pool, held, got);
  }
  return NULL;
}

/* Ends the program when it cannot; `names` are those of the pools to have besides. */
static inline void fleet_start(size_t extra_count, char *const *names) {
  if (extra_count > FLEET_EXTRA_MAX) fail("at most %d pools more", FLEET_EXTRA_MAX);
  if (!connection_pool_init(&fleet.connections, &(objpool_config){.name = "connections",
                                                                  .min_idle = 1,
                                                                  .max_objects = FLEET_CONNECTIONS}) ||
      !page_pool_init(&fleet.pages, &(objpool_config){.name = "pages", .max_idle = FLEET_PAGES_IDLE}) ||
      !request_pool_init(&fleet.requests, &(objpool_config){.name = "requests", .warmup = 16})) {
    fail("the pools: %s", strerror(errno));
  }
  for (fleet.extra_count = 0; fleet.extra_count < extra_count; fleet.extra_count++) {
    const char *name = names[fleet.extra_count];
    if (!request_pool_init(&fleet.extra[fleet.extra_count], &(objpool_config){.name = name})) {
      fail("the pool '%s': %s", name, strerror(errno));
    }
  }
  fleet.started_ns = now_ns();
  for (uintptr_t i = 0; i < FLEET_WORKERS; i++) {
    void *(*work)(void *) = i < FLEET_TALKERS ? fleet_talk : i == FLEET_TALKERS ? fleet_read_pages : fleet_answer;
    int error = pthread_create(&fleet.workers[i], NULL, work, (void *)i);
    if (error) fail("pthread_create: %s", strerror(error));
  }
}

static inline void fleet_stop(void) {
  __atomic_store_n(&fleet.stopping, true, __ATOMIC_RELAXED);
  for (size_t i = 0; i < FLEET_WORKERS; i++) pthread_join(fleet.workers[i], NULL);
  while (fleet.extra_count > 0) request_pool_destroy(&fleet.extra[--fleet.extra_count]);
  request_pool_destroy(&fleet.requests);
  page_pool_destroy(&fleet.pages);
  connection_pool_destroy(&fleet.connections);
}

/* The whole registry in one of the formats; the caller frees it. NULL when out of memory. */
static inline char *fleet_format(objpool_format_kind kind) {
  char *text = NULL;
  int length = objpool_format(NULL, kind, NULL, 0);
  for (size_t size = 0; length >= 0 && (size_t)length >= size;) { /* it may have grown since its length was asked */
    size = (size_t)length + 256;
    char *grown = (char *)realloc(text, size);
    if (!grown) break;
    text = grown;
    length = objpool_format(NULL, kind, text, size);
    if (length >= 0 && (size_t)length < size) return text;
  }
  free(text);
  return NULL;
}

#endif
