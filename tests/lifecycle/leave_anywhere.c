/* leave_anywhere: a thread with guards of three kinds is cancelled, or ends itself, or (in C++) throws, at each of the points of
 * their scopes in turn. Each time every object is back, and was given back once.
 * Built with -fexceptions. */
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

#include "lifecycle.h"

#include <pthread.h>

struct record {
  long number;
  char text[56];
};

static int resets;

static void count_reset(struct record *record, void *context) {
  (void)context;
  record->number = 0;
  resets++;
}

OBJPOOL_DEFINE(record_pool, struct record, opt.reset = count_reset);

static record_pool records;

enum way { BY_CANCEL, BY_EXIT, BY_THROW, WAYS };
static const char *const way_name[WAYS] = {"pthread_cancel", "pthread_exit", "throw"};

static enum way way;
static int leave_at, point, handed_out;

/* One of the points: where the turn has come, the thread leaves here and does not return. */
static void may_leave(void) {
  if (point++ != leave_at) return;
  if (way == BY_CANCEL) {
    REQUIRE(pthread_cancel(pthread_self()) == 0);
    pthread_testcancel();
  } else if (way == BY_EXIT) {
    pthread_exit(NULL);
  }
#ifdef __cplusplus
  if (way == BY_THROW) throw 1;
#endif
  REQUIRE(!"reached: the thread did not leave");
}

static record_pool_guard open_record(void) {
  OBJPOOL_SCOPED(record_pool) guard = record_pool_guard_acquire(&records);
  handed_out++;
  may_leave();
  return record_pool_guard_move(&guard);
}

static void walk(void) {
  may_leave();
  OBJPOOL_SCOPED(record_pool) first = record_pool_guard_acquire(&records);
  handed_out++;
  may_leave();
  record_pool_guard_mut(&first)->number = 1;
  OBJPOOL_WITH(record_pool, record, &records) {
    handed_out++;
    may_leave();
    record->number = 2;
    for (int i = 0; i < 2; i++) {
      OBJPOOL_SCOPED(record_pool) inner = open_record();
      may_leave();
      if (i == 0) continue;
      record_pool_guard_release(&inner);
      may_leave();
    }
    may_leave();
  }
  may_leave();
  OBJPOOL_SCOPED(record_pool) last = record_pool_guard_move(&first);
  may_leave();
  struct record *taken = record_pool_guard_take(&last); /* by hand from here on: no point until it is back */
  record_pool_release(&records, taken);
  may_leave();
}

static void *run(void *unused) {
#ifdef __cplusplus
  if (way == BY_THROW) {
    try {
      walk();
    } catch (int) {}
    return unused;
  }
#endif
  walk();
  return unused;
}

int main(void) {
#ifdef __cplusplus
  const int ways = WAYS;
#else
  const int ways = BY_THROW;
#endif
  for (int number = 0; number < ways; number++) {
    way = (enum way)number;
    for (leave_at = 0;; leave_at++) {
      pthread_t thread;
      void *result = NULL;
      point = handed_out = resets = 0;
      REQUIRE(pthread_create(&thread, NULL, run, NULL) == 0);
      REQUIRE(pthread_join(thread, &result) == 0);
      objpool_stats stats = record_pool_stats(&records);
      REQUIRE(stats.in_use == 0 && stats.acquires == stats.releases);
      REQUIRE(resets == handed_out);
      if (way == BY_CANCEL && point == leave_at + 1) REQUIRE(result == PTHREAD_CANCELED);
      if (point <= leave_at) break; /* it walked through: every point has had its turn */
    }
    printf("%s at each of %d points of guarded scopes: every object came back, once\n", way_name[number], leave_at);
    REQUIRE(leave_at > 10);
  }
  record_pool_destroy(&records);
  return 0;
}
