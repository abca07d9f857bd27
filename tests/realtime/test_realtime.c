/* The real-time promise: without caches, attached and warmed up, try_acquire and release make no system call, allocate nothing
   and take no lock. A seccomp filter ends the program at a system call, malloc is counted, and a thread stopped in the middle
   of either stops nobody else. */
#include "support.h"

#include "sandbox.h"
#include <semaphore.h>

#include "thing.h"

#define SANITIZED (ADDRESS_SANITIZED || THREAD_SANITIZED)

OBJPOOL_DEFINE(thing_pool, thing);

static thing_pool pool;

static void begin(size_t objects, bool limited) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.cache_size = OBJPOOL_NO_CACHE;
  config.warmup = objects;
  if (limited) config.max_idle = config.max_objects = objects;
  assert_true(thing_pool_init(&pool, &config));
  assert_true(thing_pool_attach(&pool));
}

#if !SANITIZED /* whose own work would be counted */

/* malloc and its kin, counted: glibc lets a program bring its own. */
static long allocations;
#ifdef __cplusplus
extern "C" {
#endif
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *malloc(size_t size) {
  count_add(&allocations, 1);
  return __libc_malloc(size);
}
void *calloc(size_t count, size_t size) {
  count_add(&allocations, 1);
  return __libc_calloc(count, size);
}
void *realloc(void *memory, size_t size) {
  count_add(&allocations, 1);
  return __libc_realloc(memory, size);
}
#ifdef __cplusplus
}
#endif

/* From here on every system call ends the whole process by SIGSYS, but write and the exits. */
static void forbid_what_is_no_exit(void) {
  const long allowed[] = {SYS_exit_group, SYS_exit, SYS_write};
  CHECK(filter_system_calls(allowed, COUNT_OF(allowed), SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS, 0));
}

enum { OBJECTS = 50 };

static void acquire_and_release_in_many_ways(size_t share) {
  thing *objects[OBJECTS];
  uint64_t seed = 11;
  size_t have = 0;
  for (long i = 0; i < 300000; i++) {
    if (have < share && random_below(&seed, 2)) {
      objects[have] = thing_pool_try_acquire(&pool);
      CHECK(objects[have]);
      have++;
    } else if (have > 0) {
      thing_pool_release(&pool, objects[--have]);
    }
  }
  while (have > 0) thing_pool_release(&pool, objects[--have]);
}

static void without_system_calls(void *unused) {
  long before;
  (void)unused;
  CHECK(thing_pool_attach(&pool)); /* the thread of the child is attached as that of the parent was */
  forbid_what_is_no_exit();
  before = allocations;
  acquire_and_release_in_many_ways(OBJECTS);
  CHECK(thing_pool_try_acquire(&pool));
  CHECK(allocations == before);
}

static void call_the_system(void *unused) {
  (void)unused;
  forbid_what_is_no_exit();
  (void)getppid();
}

static char output[1000];

static void one_thread_makes_no_system_call_and_allocates_nothing(void **state) {
  int status;
  (void)state;
  assert_true(ENDED_BY(in_child(call_the_system, NULL, output, sizeof output), SIGSYS)); /* the filter works */
  for (int limited = 0; limited < 2; limited++) {
    begin(OBJECTS, limited);
    status = in_child(without_system_calls, NULL, output, sizeof output);
    if (!EXITED_WELL(status)) fail_msg("status %#x: %s", (unsigned)status, output);
    thing_pool_destroy(&pool);
  }
}

static long threads_ready;
static void *share_without_system_calls(void *unused) {
  long before;
  (void)unused;
  CHECK(thing_pool_attach(&pool));
  count_add(&threads_ready, 1);
  while (count_read(&threads_ready) < 2) {}
  forbid_what_is_no_exit();
  before = count_read(&allocations);
  acquire_and_release_in_many_ways(OBJECTS / 2); /* half for each: neither is ever refused */
  CHECK(count_read(&allocations) == before);
  count_add(&threads_ready, 1);
  /* not even the end of a thread goes without system calls: the main thread ends the process */
  while (count_read(&threads_ready)) {}
  return NULL;
}

static void two_threads_without_system_calls(void *unused) {
  (void)unused;
  count_set(&threads_ready, 0);
  (void)start_thread(share_without_system_calls, NULL);
  (void)start_thread(share_without_system_calls, NULL);
  while (count_read(&threads_ready) < 4) sleep_ms(1); /* this thread has no filter */
  _exit(0);
}

static void two_threads_make_no_system_call_though_they_contend(void **state) {
  int status;
  (void)state;
  for (int limited = 0; limited < 2; limited++) {
    begin(OBJECTS, limited);
    status = in_child(two_threads_without_system_calls, NULL, output, sizeof output);
    if (!EXITED_WELL(status)) fail_msg("status %#x: %s", (unsigned)status, output);
    thing_pool_destroy(&pool);
  }
}
#endif

/* A signal stops a thread wherever it is, until told to go on. Whatever it was in the middle of, others go on. */
static sem_t stopped, go_on;
static long stop_now, stopped_inside;

static void stop_here(int number) {
  int kept = errno;
  (void)number;
  sem_post(&stopped);
  while (sem_wait(&go_on) != 0) {}
  errno = kept;
}

static void *acquire_and_release_until_told(void *unused) {
  (void)unused;
  CHECK(thing_pool_attach(&pool));
  count_set(&stopped_inside, 1);
  while (!count_read(&stop_now)) {
    thing *object = thing_pool_try_acquire(&pool);
    CHECK(object);
    thing_pool_release(&pool, object);
  }
  return NULL;
}

static void thread_stopped_anywhere_stops_nobody(void **state) {
  struct sigaction action, old;
  pthread_t victim;
  (void)state;
  begin(3, true);
  memset(&action, 0, sizeof action);
  action.sa_handler = stop_here;
  assert_int_equal(sigaction(SIGUSR2, &action, &old), 0);
  assert_int_equal(sem_init(&stopped, 0, 0), 0);
  assert_int_equal(sem_init(&go_on, 0, 0), 0);
  count_set(&stop_now, 0);
  count_set(&stopped_inside, 0);
  victim = start_thread(acquire_and_release_until_told, NULL);
  WAIT_UNTIL(count_read(&stopped_inside) == 1);
  alarm(120); /* a lock would make this wait for good */
  for (int i = 0; i < SCALED(10000, 3000, 1500); i++) {
    thing *first, *second;
    assert_int_equal(pthread_kill(victim, SIGUSR2), 0);
    while (sem_wait(&stopped) != 0) {}
    for (int k = 0; k < 5; k++) { /* the stopped one has at most one of the three */
      first = thing_pool_try_acquire(&pool);
      second = thing_pool_try_acquire(&pool);
      assert_true(first && second);
      thing_pool_release(&pool, first);
      thing_pool_release(&pool, second);
    }
    sem_post(&go_on);
  }
  alarm(0);
  count_set(&stop_now, 1);
  join_thread(victim);
  assert_int_equal(sigaction(SIGUSR2, &old, NULL), 0);
  assert_int_equal(thing_pool_stats(&pool).idle, 3);
  thing_pool_destroy(&pool);
}

int main(void) {
  const struct CMUnitTest tests[] = {
#if !SANITIZED
    cmocka_unit_test(one_thread_makes_no_system_call_and_allocates_nothing),
    cmocka_unit_test(two_threads_make_no_system_call_though_they_contend),
#endif
    cmocka_unit_test(thread_stopped_anywhere_stops_nobody),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
