/* What servers ask of a pool of connections, in times.
 * usage: servers async TURNS   -> ns of processor time a turn: waiters without a limit of time, and each with one
 *        servers pairs PAIRS   -> ns a pair: a plain pool, opt.timed with a lifetime, opt.tracked, both
 *        servers small PAIRS   -> ns a pair, in pools of 8: with create alone, with reset, with validate, timed with a lifetime; the same of a
 *                                 mutex and an array
 *        servers close THREADS -> ms from the call of close until the last of so many waiting threads is awake
 * async: 10,000 requests wait in the line of a pool of 8 objects, on one thread with epoll. A request is over as soon as it has its
 * object: what is left is the turn itself, from a release to the next who is told, and its coming back into the line; and the
 * epoll_wait for each 8 of them. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define OBJPOOL_IMPLEMENTATION
#include "../objpool.h"

typedef struct thing {
  long uses;
  char rest[56];
} thing;

OBJPOOL_DEFINE(plain_pool, thing);
OBJPOOL_DEFINE(timed_pool, thing, opt.timed = true);
OBJPOOL_DEFINE(tracked_pool, thing, opt.tracked = true);
OBJPOOL_DEFINE(both_pool, thing, opt.timed = true, opt.tracked = true);

static bool is_built(thing *object, void *context) {
  (void)context;
  object->uses = 0;
  return true;
}
static void forget(thing *object, void *context) {
  (void)context;
  object->rest[0] = 0;
}
static bool is_good(thing *object, void *context) {
  (void)context;
  return object->uses >= 0;
}
OBJPOOL_DEFINE(built_pool, thing, opt.create = is_built);
OBJPOOL_DEFINE(reset_pool, thing, opt.create = is_built, opt.reset = forget);
OBJPOOL_DEFINE(valid_pool, thing, opt.create = is_built, opt.validate = is_good);
OBJPOOL_DEFINE(aging_pool, thing, opt.create = is_built, opt.timed = true);

static void fail(const char *what) {
  fprintf(stderr, "servers: %s\n", what);
  exit(1);
}

static double now_ns(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* ---- turns of an event loop ---- */

enum { REQUESTS = 10000, OBJECTS = 8 };

static plain_pool_waiter request[REQUESTS];
static plain_pool pool;
static objpool_loop loop;
static int64_t limit_ns;
static long turns;

static struct {
  plain_pool_waiter *request;
  thing *object;
} running[OBJECTS];
static size_t running_count;

static void has_it(plain_pool_waiter *its, thing *object, int error) {
  if (!object || error) fail("a waiter got nothing");
  object->uses++;
  turns++;
  running[running_count].request = its;
  running[running_count++].object = object;
}

static void asks(plain_pool_waiter *its) {
  thing *object = plain_pool_acquire_async(&pool, its, &loop, limit_ns, has_it);
  if (object)
    has_it(its, object, 0);
  else if (errno != EINPROGRESS)
    fail("a waiter is not in line");
}

static void are_over(bool come_back) {
  size_t count = running_count;
  plain_pool_waiter *over[OBJECTS];
  for (size_t i = 0; i < count; i++) {
    over[i] = running[i].request;
    plain_pool_release(&pool, running[i].object);
  }
  running_count = 0;
  for (size_t i = 0; i < count && come_back; i++) asks(over[i]);
}

static double async(long wanted, int64_t timeout_ns) {
  const objpool_config config = {.max_objects = OBJECTS};
  struct epoll_event event = {.events = EPOLLIN};
  int epoll = epoll_create1(0);
  if (!plain_pool_init(&pool, &config) || !objpool_loop_init(&loop, NULL, NULL) || epoll < 0 ||
      epoll_ctl(epoll, EPOLL_CTL_ADD, objpool_loop_fd(&loop), &event) != 0)
    fail("no pool, or no event loop");
  limit_ns = timeout_ns;
  turns = 0;
  memset(request, 0, sizeof request);
  for (size_t i = 0; i < REQUESTS; i++) asks(&request[i]);
  if (objpool_snapshot(&pool.base).waiting != REQUESTS - OBJECTS) fail("not all are in line");
  double began = now_ns(CLOCK_PROCESS_CPUTIME_ID);
  while (turns < wanted) {
    are_over(true);
    if (epoll_wait(epoll, &event, 1, 10000) != 1) fail("nobody was woken");
    objpool_loop_run(&loop, OBJECTS);
  }
  double took = now_ns(CLOCK_PROCESS_CPUTIME_ID) - began;
  long made = turns;
  while (running_count) { /* the others get theirs, too */
    are_over(false);
    objpool_loop_run(&loop, OBJECTS);
  }
  if (turns != made + REQUESTS - OBJECTS) fail("not all were told");
  objpool_loop_destroy(&loop);
  plain_pool_destroy(&pool);
  close(epoll);
  return took / (double)made;
}

/* ---- pairs ---- */

#define PAIRS_OF(name)                                                                \
  static double name##_pairs(long pairs) {                                            \
    static name of;                                                                   \
    const objpool_config config = {.max_objects = most, .max_lifetime_ns = timed_ns}; \
    if (!name##_init(&of, &config)) fail("no pool");                                  \
    double began = 0;                                                                 \
    for (long i = -1000; i < pairs; i++) {                                            \
      if (i == 0) began = now_ns(CLOCK_PROCESS_CPUTIME_ID);                           \
      thing *object = name##_acquire(&of);                                            \
      if (!object) fail("no object");                                                 \
      object->uses++;                                                                 \
      name##_release(&of, object);                                                    \
    }                                                                                 \
    double took = now_ns(CLOCK_PROCESS_CPUTIME_ID) - began;                           \
    name##_destroy(&of);                                                              \
    return took / (double)pairs;                                                      \
  }

#define most 0
#define timed_ns 0
PAIRS_OF(plain_pool)
PAIRS_OF(tracked_pool)
#undef timed_ns
#define timed_ns UINT64_C(1800000000000)
PAIRS_OF(timed_pool)
PAIRS_OF(both_pool)
#undef most
#define most OBJECTS
PAIRS_OF(aging_pool)
#undef timed_ns
#define timed_ns 0
PAIRS_OF(built_pool)
PAIRS_OF(reset_pool)
PAIRS_OF(valid_pool)
#undef timed_ns
#undef most

static void *ends(void *nothing) { return nothing; }

/* The array that everybody writes by hand: no look whether an object is its own, no hook, no time. */
static double mutex_pairs(long pairs) {
  static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  static thing things[OBJECTS], *idle[OBJECTS];
  size_t count = 0;
  pthread_t thread;
  if (pthread_create(&thread, NULL, ends, NULL) != 0) fail("no thread"); /* or the mutex knows that there is but one */
  pthread_join(thread, NULL);
  while (count < OBJECTS) idle[count] = &things[count], count++;
  double began = now_ns(CLOCK_PROCESS_CPUTIME_ID);
  for (long i = 0; i < pairs; i++) {
    pthread_mutex_lock(&mutex);
    thing *object = idle[--count];
    pthread_mutex_unlock(&mutex);
    object->uses++;
    pthread_mutex_lock(&mutex);
    idle[count++] = object;
    pthread_mutex_unlock(&mutex);
  }
  return (now_ns(CLOCK_PROCESS_CPUTIME_ID) - began) / (double)pairs;
}

/* ---- close ---- */

static double *awake_ns;

static void *waits(void *at) {
  thing *object = plain_pool_acquire_for(&pool, -1);
  *(double *)at = now_ns(CLOCK_MONOTONIC);
  if (object || errno != OBJPOOL_ECLOSED) fail("a waiter was not sent away");
  return NULL;
}

static double closes(long threads) {
  const objpool_config config = {.max_objects = 1};
  pthread_t *thread = calloc((size_t)threads, sizeof *thread);
  pthread_attr_t small;
  double last = 0;
  awake_ns = calloc((size_t)threads, sizeof *awake_ns);
  if (!thread || !awake_ns || !plain_pool_init(&pool, &config)) fail("no memory");
  thing *object = plain_pool_acquire(&pool);
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 65536);
  for (long i = 0; i < threads; i++)
    if (pthread_create(&thread[i], &small, waits, &awake_ns[i]) != 0) fail("no thread");
  while (objpool_snapshot(&pool.base).waiting < (uint64_t)threads) usleep(10000);
  usleep(200000); /* the last of them sleeps by then, too */
  double began = now_ns(CLOCK_MONOTONIC);
  plain_pool_close(&pool);
  for (long i = 0; i < threads; i++) pthread_join(thread[i], NULL);
  for (long i = 0; i < threads; i++)
    if (awake_ns[i] > last) last = awake_ns[i];
  plain_pool_release(&pool, object);
  if (!plain_pool_drain(&pool, 0)) fail("something is left");
  plain_pool_destroy(&pool);
  free(thread);
  free(awake_ns);
  return (last - began) / 1e6;
}

int main(int count, char **argument) {
  if (count != 3 || atol(argument[2]) < 1) fail("usage: servers async|pairs|small|close NUMBER");
  long number = atol(argument[2]);
  if (!strcmp(argument[1], "async")) {
    double endless = async(number, -1);
    printf("%.1f %.1f\n", endless, async(number, INT64_C(60000000000)));
  } else if (!strcmp(argument[1], "pairs")) {
    double plain = plain_pool_pairs(number), timed = timed_pool_pairs(number), tracked = tracked_pool_pairs(number);
    printf("%.2f %.2f %.2f %.2f\n", plain, timed, tracked, both_pool_pairs(number));
  } else if (!strcmp(argument[1], "small")) {
    double mutex = mutex_pairs(number), built = built_pool_pairs(number), reset = reset_pool_pairs(number);
    printf("%.2f %.2f %.2f %.2f %.2f\n", built, reset, valid_pool_pairs(number), aging_pool_pairs(number), mutex);
  } else {
    printf("%.2f\n", closes(number));
  }
  return 0;
}
