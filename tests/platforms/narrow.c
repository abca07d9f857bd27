/* narrow: what is different where a word has 32 bits. Counts, which have 64, are carried from one half into the
   other; a wait without limit, whose time the system's old calls cannot express, has none; memory that cannot be
   addressed is refused; tags that lie apart from their objects are found. */
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REQUIRE(condition)                                                                                \
  do {                                                                                                    \
    if (!(condition)) {                                                                                   \
      fprintf(stderr, "%s:%d: this should hold: %s (errno %d)\n", __FILE__, __LINE__, #condition, errno); \
      return 1;                                                                                           \
    }                                                                                                     \
  } while (0)

OBJPOOL_DEFINE(int_pool, int);
OBJPOOL_DEFINE(local_pool, int, opt.local = true);

static int_pool pool;

static int counts_are_carried(void) {
  static local_pool local;
  const uint64_t begin = UINT32_MAX - (uint64_t)1;
  local_pool_release(&local, local_pool_acquire(&local));
  OBJPOOL__STORE(local.base.own.acquires, begin); /* as after so many */
  OBJPOOL__STORE(local.base.own.releases, begin);
  for (uint64_t i = 1; i <= 4; i++) {
    int *object = local_pool_acquire(&local);
    REQUIRE(object);
    REQUIRE(local_pool_stats(&local).acquires == begin + i);
    REQUIRE(local_pool_stats(&local).in_use == 1);
    local_pool_release(&local, object);
    REQUIRE(local_pool_stats(&local).releases == begin + i);
  }
  local_pool_destroy(&local);
  return 0;
}

static void *wait_without_limit(void *unused) {
  (void)unused;
  int *object = int_pool_acquire_for(&pool, -1);
  int_pool_release(&pool, object);
  return object ? &pool : NULL;
}

static int waits_have_no_end(void) {
  objpool_config config;
  pthread_t thread;
  void *served = NULL;
  memset(&config, 0, sizeof config);
  config.max_objects = 1;
  REQUIRE(int_pool_init(&pool, &config));
  int *object = int_pool_acquire(&pool);
  REQUIRE(object);
  REQUIRE(pthread_create(&thread, NULL, wait_without_limit, NULL) == 0);
  struct timespec moment = {0, 30000000};
  while (!int_pool_stats(&pool).waiting) nanosleep(&moment, NULL);
  nanosleep(&moment, NULL); /* it sleeps by now */
  int_pool_release(&pool, object);
  REQUIRE(pthread_join(thread, &served) == 0);
  REQUIRE(served);
  int_pool_destroy(&pool);
  return 0;
}

static int what_cannot_be_addressed_is_refused(void) {
  objpool huge;
  objpool_type type;
  memset(&type, 0, sizeof type);
  type.alignment = 8;
  type.size = SIZE_MAX / 2; /* more than any object may have */
  REQUIRE(!objpool_init(&huge, &type, NULL) && errno == ENOMEM);
  type.size = SIZE_MAX / 2 - 10000;
  REQUIRE(objpool_init(&huge, &type, NULL));
  errno = 0;
  void *objects[3];
  REQUIRE(objpool_acquire_many(&huge, objects, 3) < 3 && errno == ENOMEM);
  objpool_clear(&huge);
  return 0; /* its objects, if it had any, go with the process */
}

typedef struct line {
  _Alignas(64) char text[64];
} line;
OBJPOOL_DEFINE(line_pool, line);

static int tags_apart_are_found(void) {
  enum { MANY = 300 };
  static line_pool lines;
  line *held[MANY];
  size_t count = 0;
  for (int i = 0; i < MANY; i++) {
    REQUIRE((held[i] = line_pool_acquire(&lines)) != NULL && (uintptr_t)held[i] % 64 == 0);
    memset(held[i], i & 0xff, sizeof *held[i]);
  }
  OBJPOOL_EACH(line_pool, object, &lines) REQUIRE(object == held[count++]);
  REQUIRE(count == MANY);
  for (int i = 0; i < MANY; i++) {
    for (size_t at = 0; at < sizeof held[i]->text; at++) REQUIRE((held[i]->text[at] & 0xff) == (i & 0xff));
    if (i % 2)
      line_pool_release(&lines, held[i]);
    else
      objpool_release(&lines.base, held[i]);
  }
  REQUIRE(line_pool_stats(&lines).in_use == 0);
  REQUIRE(line_pool_clear(&lines) == MANY);
  line_pool_destroy(&lines);
  return 0;
}

int main(void) {
  return counts_are_carried() || waits_have_no_end() || tags_apart_are_found() || what_cannot_be_addressed_is_refused();
}
