/* Threads of different real-time priority share a pool with caches on one processor: who must wait for a thread that it
   preempted sleeps, so that the other can go on. Spinning, neither would: until the kernel's throttling of real-time
   threads, a second later, or, where that is off, for ever.
   Needs the right to SCHED_FIFO (root, or RLIMIT_RTPRIO). no sanitizer: their threads and locks are not ours */
#include "support.h"

#include <sched.h>
#include <sys/resource.h>

#include "objpool.h"

typedef struct thing {
  long owner;
} thing;

OBJPOOL_DEFINE(thing_pool, thing);

enum { CAP = 256, ROUNDS = SCALED(2000, 400, 400) };

static thing_pool pool;
static char output[2000];

static bool become_real_time(int priority) {
  struct sched_param parameter;
  memset(&parameter, 0, sizeof parameter);
  parameter.sched_priority = priority;
  return pthread_setschedparam(pthread_self(), SCHED_FIFO, &parameter) == 0;
}

/* This process and its threads, from now on. */
static void stay_on_one_processor(void) {
  cpu_set_t all, one;
  CHECK(sched_getaffinity(0, sizeof all, &all) == 0);
  CPU_ZERO(&one);
  for (size_t i = 0; i < CPU_SETSIZE; i++)
    if (CPU_ISSET(i, &all)) {
      CPU_SET(i, &one);
      break;
    }
  CHECK(sched_setaffinity(0, sizeof one, &one) == 0);
}

static void may_be_real_time(void *unused) {
  (void)unused;
  if (!become_real_time(1)) _exit(77);
}

/* ---- an ordinary thread at work, and one that preempts it wherever it is */

static void (*work)(uint64_t *seed);
static void (*interruption)(void);
static long stop_now;

static void *work_on(void *unused) {
  uint64_t seed = 12345;
  (void)unused;
  while (!count_read(&stop_now)) work(&seed);
  return NULL;
}

static void refill_and_flush(uint64_t *seed) {
  thing *held[CAP];
  size_t count = 0, most = CAP - 6 - random_below(seed, 8);
  while (count < most && (held[count] = thing_pool_acquire(&pool))) count++;
  while (count > 0) thing_pool_release(&pool, held[--count]);
}
static void trim_and_warm_up(uint64_t *seed) {
  (void)thing_pool_trim(&pool, 20 + random_below(seed, 100));
  (void)thing_pool_warmup(&pool, 150);
}
static void resize_and_back(uint64_t *seed) {
  CHECK(thing_pool_resize(&pool, OBJPOOL_UNCHANGED, CAP - random_below(seed, 100)));
  CHECK(thing_pool_resize(&pool, OBJPOOL_UNCHANGED, CAP));
  refill_and_flush(seed);
}
static void come_and_go(uint64_t *seed) { /* other pools: the process's own lock */
  thing_pool brief;
  memset(&brief, 0, sizeof brief);
  thing_pool_release(&brief, thing_pool_acquire(&brief));
  thing_pool_destroy(&brief);
  (void)seed;
}

static void take_a_few(void) {
  thing *held[8];
  size_t count = 0;
  while (count < COUNT_OF(held) && (held[count] = thing_pool_acquire(&pool))) count++;
  while (count > 0) thing_pool_release(&pool, held[--count]);
}
static void take_a_few_and_trim(void) {
  take_a_few();
  (void)thing_pool_trim(&pool, 100);
}
static void look_and_wait(void) {
  thing *object;
  (void)thing_pool_stats(&pool);
  object = thing_pool_acquire_for(&pool, 1000);
  if (object) thing_pool_release(&pool, object);
}
static void come_and_go_too(void) { come_and_go(NULL); }

/* How long one round took at worst, in the child's exit status: the kernel's throttling lets a spinning thread go on only
   after 950 ms of it. Nothing else takes the real-time thread's time on this processor: other real-time threads apart,
   whoever spins waits that long, and who sleeps does not. Its own time on the processor is what is looked at. */
static int64_t own_time_ns(void) {
  struct timespec used;
  CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used) == 0);
  return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

static void preempt_again_and_again(void *cache_size) {
  objpool_config config;
  pthread_t thread;
  int64_t worst = 0;
  uint64_t seed = 4711;
  memset(&config, 0, sizeof config);
  config.max_objects = CAP;
  config.cache_size = (size_t)(uintptr_t)cache_size;
  alarm(300);
  stay_on_one_processor();
  CHECK(thing_pool_init(&pool, &config));
  thread = start_thread(work_on, NULL);
  if (!become_real_time(50)) _exit(77);
  for (int i = 0; i < ROUNDS; i++) {
    struct timespec rest = {0, 20000 + (long)random_below(&seed, 200000)};
    int64_t begin, took;
    nanosleep(&rest, NULL); /* the other goes on, and is preempted when this is over */
    begin = own_time_ns();
    interruption();
    took = own_time_ns() - begin;
    if (took > worst) worst = took;
  }
  count_set(&stop_now, 1);
  join_thread(thread);
  if (worst > INT64_C(300000000)) fprintf(stderr, "one round spun for %d ms\n", (int)(worst / 1000000));
  CHECK(worst <= INT64_C(300000000)); /* of its own time: no load of the machine adds to it */
  CHECK(thing_pool_stats(&pool).in_use == 0);
  thing_pool_destroy(&pool);
}

typedef struct meeting {
  const char *name;
  void (*work)(uint64_t *seed);
  void (*interruption)(void);
} meeting;

static const meeting meetings[] = {
    {"refills and flushes, and a few more", refill_and_flush, take_a_few},
    {"refills and flushes, and a trim", refill_and_flush, take_a_few_and_trim},
    {"a trim, and a few", trim_and_warm_up, take_a_few},
    {"a resize, and a trim", resize_and_back, take_a_few_and_trim},
    {"refills and flushes, and a look", refill_and_flush, look_and_wait},
    {"pools that come and go, in both", come_and_go, come_and_go_too},
};

static void real_time_thread_lets_the_one_it_preempted_go_on(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT_OF(meetings); i++)
    for (int cached = 1; cached >= 0; cached--) {
      int status;
      work = meetings[i].work;
      interruption = meetings[i].interruption;
      status =
          in_child(preempt_again_and_again, (void *)(uintptr_t)(cached ? 16 : OBJPOOL_NO_CACHE), output, sizeof output);
      if (!EXITED_WELL(status))
        fail_msg("%s, %s: status %#x: %s", meetings[i].name, cached ? "cached" : "without caches", (unsigned)status,
                 output);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(real_time_thread_lets_the_one_it_preempted_go_on)};
  int status = in_child(may_be_real_time, NULL, output, sizeof output);
  if (!EXITED_WELL(status)) {
    printf("[ RUN      ] real_time_thread_lets_the_one_it_preempted_go_on\nSCHED_FIFO is not permitted here\n");
    return 77;
  }
  return cmocka_run_group_tests(tests, NULL, NULL);
}
