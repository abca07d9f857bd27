/* A fork while another thread is at a certain place: in its first use of a pool, the first of the program, or of that
   pool, or of that thread; or before one of the locks that some call takes. The child goes on using pools.
   What happens at the same time is arranged: system calls and locks of the implementation come by here.
   no sanitizer: a thread that is anywhere when another forks may be in one of theirs, and they miss it in the child */
#include "support.h"

#include <sched.h>
#include <sys/syscall.h>

/* The thread that asks for membarrier, or allocates, stays there until the fork has begun. */
static long seen_syscall(long number, ...);
static int seen_lock(pthread_mutex_t *lock);
static int seen_unlock(pthread_mutex_t *lock);
static int seen_end(pthread_mutex_t *lock);
static bool noted_set(void *lock);
static void noted_clear(void *lock);
#define syscall seen_syscall
#define pthread_mutex_lock(lock) seen_lock(lock)
#define pthread_mutex_unlock(lock) seen_unlock(lock)
#define pthread_mutex_destroy(lock) seen_end(lock)
#define __atomic_test_and_set(lock, order) noted_set(lock)
#define __atomic_clear(lock, order) noted_clear(lock)
#define OBJPOOL_MAX_THREADS 16
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"
#undef syscall
#undef pthread_mutex_lock
#undef pthread_mutex_unlock
#undef pthread_mutex_destroy
#undef __atomic_test_and_set
#undef __atomic_clear

typedef struct thing {
  long taken;
} thing;

OBJPOOL_DEFINE(thing_pool, thing);

static thing_pool pool, second;
static char output[2000];

/* ---- where a thread stays until a fork has begun */

enum { NOWHERE, MEMBARRIER, ALLOCATION, LOCKS };
static int stays_at, inside, stayed, fork_began;
static __thread bool stays;            /* this is the thread that does */
static long lock_number, locks_before; /* LOCKS: at this one */

static void begin_to_fork(void) { __atomic_store_n(&fork_began, 1, __ATOMIC_SEQ_CST); }

static void stay(int where) {
  if (!stays || stays_at != where) return;
  stays = false;
  stayed = 1;
  __atomic_store_n(&inside, 1, __ATOMIC_SEQ_CST);
  WAIT_UNTIL(__atomic_load_n(&fork_began, __ATOMIC_SEQ_CST));
  sleep_ms(20); /* the fork goes on, or waits for what this thread holds: either is well */
}

static long seen_syscall(long number, ...) {
  long result, words[6];
  va_list list;
  va_start(list, number);
  for (int i = 0; i < 6; i++) words[i] = va_arg(list, long);
  va_end(list);
  result = syscall(number, words[0], words[1], words[2], words[3], words[4], words[5]);
  if (number == SYS_membarrier) stay(MEMBARRIER);
  return result;
}

/* The thread that forks stops before one of the locks that it takes, or after one that it gives back, until the other has come as far as it can. */
static __thread bool forks;
static long fork_stop, fork_locks;
static int has_index, wants_slot, has_slot, may_end;

static void stop_in_the_fork(void) {
  int64_t until;
  if (!forks || fork_locks++ != fork_stop) return;
  until = now_ns() + 20000000;
  __atomic_store_n(&wants_slot, 1, __ATOMIC_RELEASE);
  while (now_ns() < until)
    sched_yield(); /* it gets its slot, and moves magazines; or it waits for a lock of this thread */
}

/* Who holds each lock, of a mutex or a slot: nobody takes his own again, and whoever gives one back has it. */
static struct {
  void *lock;
  pthread_t holder;
  int held;
} noted[1024];

static size_t note_of(void *lock) {
  size_t i = (uintptr_t)lock / 64 % COUNT_OF(noted);
  for (;; i = (i + 1) % COUNT_OF(noted)) {
    void *free_place = NULL;
    if (__atomic_load_n(&noted[i].lock, __ATOMIC_SEQ_CST) == lock) return i;
    if (__atomic_compare_exchange_n(&noted[i].lock, &free_place, lock, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST) ||
        free_place == lock)
      return i;
  }
}

static void note_taken(void *lock) {
  size_t i = note_of(lock);
  noted[i].holder = pthread_self();
  __atomic_store_n(&noted[i].held, 1, __ATOMIC_RELAXED);
}

static bool is_mine(void *lock) {
  size_t i = note_of(lock);
  return __atomic_load_n(&noted[i].held, __ATOMIC_RELAXED) && pthread_equal(noted[i].holder, pthread_self());
}

static void note_given_back(void *lock) {
  CHECK(is_mine(lock));
  __atomic_store_n(&noted[note_of(lock)].held, 0, __ATOMIC_RELAXED);
}

static int seen_unlock(pthread_mutex_t *lock) {
  int result;
  note_given_back(lock);
  result = pthread_mutex_unlock(lock);
  stop_in_the_fork();
  return result;
}

static int seen_end(pthread_mutex_t *lock) {
  CHECK(!__atomic_load_n(&noted[note_of(lock)].held, __ATOMIC_RELAXED)); /* nobody destroys what is locked */
  return pthread_mutex_destroy(lock);
}

static bool noted_set(void *lock) {
  if (__atomic_test_and_set((char *)lock, __ATOMIC_ACQUIRE)) return true;
  note_taken(lock);
  return false;
}

static void noted_clear(void *lock) {
  note_given_back(lock);
  __atomic_clear((char *)lock, __ATOMIC_RELEASE);
}

static pthread_t main_thread;
static bool monitor_stays; /* the thread of a monitor is another one */

static int seen_lock(pthread_mutex_t *lock) {
  int result;
  if (monitor_stays && !pthread_equal(pthread_self(), main_thread)) {
    monitor_stays = false;
    stays = true;
  }
  if (stays && stays_at == LOCKS && locks_before++ == lock_number) stay(LOCKS);
  stop_in_the_fork();
  CHECK(!is_mine(lock));
  result = pthread_mutex_lock(lock);
  note_taken(lock);
  return result;
}

static void *allocate_and_stay(size_t size, size_t alignment, void *context) {
  void *memory = NULL;
  (void)context;
  stay(ALLOCATION);
  if (posix_memalign(&memory, alignment < sizeof(void *) ? sizeof(void *) : alignment, size)) return NULL;
  return memory;
}
static void deallocate(void *memory, size_t size, size_t alignment, void *context) {
  (void)size, (void)alignment, (void)context;
  free(memory);
}

static void init_with_the_allocator(thing_pool *made) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.allocator.allocate = allocate_and_stay;
  config.allocator.deallocate = deallocate;
  CHECK(thing_pool_init(made, &config));
}

static void *use_for_the_first_time(void *unused) {
  thing *object;
  stays = true;
  if (stays_at == ALLOCATION) init_with_the_allocator(&pool);
  object = thing_pool_acquire(&pool);
  CHECK(object);
  thing_pool_release(&pool, object);
  stays = false;
  __atomic_store_n(&inside, 1, __ATOMIC_SEQ_CST); /* it may not have passed there */
  return unused;
}

static void use(thing_pool *used) {
  thing *objects[50];
  for (int i = 0; i < 50; i++) {
    CHECK((objects[i] = thing_pool_acquire(used)) != NULL);
    CHECK(!objects[i]->taken);
    objects[i]->taken = 1;
  }
  for (int i = 0; i < 50; i++) {
    objects[i]->taken = 0;
    thing_pool_release(used, objects[i]);
  }
  CHECK(thing_pool_stats(used).idle >= 50);
}

#if !THREAD_SANITIZED
static void *use_both(void *unused) {
  use(&pool);
  use(&second);
  return unused;
}
#endif

static void fork_amid_the_first_use(void *where) {
  pthread_t thread;
  pid_t child;
  int status;
  CHECK(pthread_atfork(begin_to_fork, NULL, NULL) == 0); /* the last one registered comes first */
  alarm(2 * HANGS_AFTER);
  stays_at = (int)(intptr_t)where;
  thread = start_thread(use_for_the_first_time, NULL);
  WAIT_UNTIL(__atomic_load_n(&inside, __ATOMIC_SEQ_CST));
  child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    alarm(HANGS_AFTER);
    use(&second);
    if (stays_at != ALLOCATION) use(&pool); /* init was under way: that pool was nobody's yet */
#if !THREAD_SANITIZED                       /* which allows no new threads there */
    if (stays_at != ALLOCATION) in_another_thread(use_both, NULL);
#endif
    CHECK(thing_pool_clear(&second) >= 50);
    thing_pool_destroy(&second);
    _exit(0);
  }
  join_thread(thread);
  use(&pool);
  use(&second);
  while (waitpid(child, &status, 0) < 0) CHECK(errno == EINTR);
  if (ENDED_BY(status, SIGALRM)) fprintf(stderr, "the child hangs\n");
  CHECK(EXITED_WELL(status));
  thing_pool_destroy(&pool);
  thing_pool_destroy(&second);
}

static void in_a_fresh_process(void *where) {
  int status = in_child(fork_amid_the_first_use, where, output, sizeof output);
  if (!EXITED_WELL(status)) fail_msg("lock %ld: status %#x: %s", lock_number, (unsigned)status, output);
}

/* These come first: no pool was used in this process. */

static void child_uses_pools_when_another_thread_was_preparing_the_process(void **state) {
  (void)state;
  in_a_fresh_process((void *)(intptr_t)MEMBARRIER);
}

static void child_uses_pools_when_another_thread_was_making_the_first_one(void **state) {
  (void)state;
  in_a_fresh_process((void *)(intptr_t)ALLOCATION);
}

static void child_uses_pools_when_another_thread_was_about_to_take_a_lock_in_its_first_use(void **state) {
  (void)state;
  for (lock_number = 0; lock_number < 12; lock_number++) in_a_fresh_process((void *)(intptr_t)LOCKS);
}

/* ---- a slot that appears while the fork takes the locks: that thread uses the pool for the first time */

static void *get_a_slot_during_the_fork(void *unused) {
  thing *objects[200];
  size_t count;
  use(&second); /* it has an index already, and needs not wait for the process's lock */
  __atomic_store_n(&has_index, 1, __ATOMIC_RELEASE);
  while (!__atomic_load_n(&wants_slot, __ATOMIC_ACQUIRE)) sched_yield();
  count = thing_pool_acquire_many(&pool, objects, 1);
  __atomic_store_n(&has_slot, 1, __ATOMIC_RELEASE);
  count += thing_pool_acquire_many(&pool, objects + 1, 199);
  thing_pool_release_many(&pool, objects, count);
  while (!__atomic_load_n(&may_end, __ATOMIC_ACQUIRE)) { /* magazines to and fro */
    count = thing_pool_acquire_many(&pool, objects, 130);
    thing_pool_release_many(&pool, objects, count);
  }
  return unused;
}

static void fork_while_slots_appear(void *unused) {
  objpool_config config;
  pthread_t thread;
  pid_t child;
  int status;
  (void)unused;
  memset(&config, 0, sizeof config);
  config.warmup = 1000;
  alarm(2 * HANGS_AFTER);
  CHECK(thing_pool_init(&pool, &config));
  thing_pool_release(&pool, thing_pool_acquire(&pool));
  thread = start_thread(get_a_slot_during_the_fork, NULL);
  WAIT_UNTIL(__atomic_load_n(&has_index, __ATOMIC_ACQUIRE));
  forks = true;
  child = fork();
  forks = false;
  CHECK(child >= 0);
  if (child == 0) {
    thing *object;
    size_t got = 0;
    objpool_stats stats = thing_pool_stats(&pool);
    alarm(HANGS_AFTER);
    CHECK(stats.created - stats.destroyed - stats.extracted == stats.in_use + stats.idle);
    while ((object = thing_pool_try_acquire(&pool)) != NULL) {
      CHECK(!object->taken); /* nothing twice */
      object->taken = 1;
      CHECK(++got <= 1000);
    }
    CHECK(got == stats.idle);
    _exit(0);
  }
  __atomic_store_n(&wants_slot, 1, __ATOMIC_RELEASE);
  __atomic_store_n(&may_end, 1, __ATOMIC_RELEASE);
  join_thread(thread);
  while (waitpid(child, &status, 0) < 0) CHECK(errno == EINTR);
  CHECK(EXITED_WELL(status));
  CHECK(thing_pool_stats(&pool).idle >= 1000);
  thing_pool_destroy(&pool);
}

static void slot_that_appears_during_a_fork_is_locked_by_its_owner_alone_and_gives_nothing_twice(void **state) {
  (void)state;
  for (int times = 0; times < SCALED(3, 2, 1); times++)
    for (fork_stop = 0; fork_stop < 20; fork_stop++) {
      int status = in_child(fork_while_slots_appear, NULL, output, sizeof output);
      if (!EXITED_WELL(status))
        fail_msg("stopped at lock or unlock %ld: status %#x: %s", fork_stop, (unsigned)status, output);
    }
}

/* ---- another thread is before one of the locks that it takes in some call; what it had in its hands is in use in the
   child for good, all else is there */

OBJPOOL_DEFINE(local_pool, thing, opt.local = true);

static local_pool local;
static objpool_monitor monitor;

enum { CAP = 100 };

static void make_the_pools(size_t cache_size) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.name = "local";
  CHECK(local_pool_init(&local, &config));
  CHECK(local_pool_warmup(&local, 5) == 5);
  config.name = "shared";
  config.cache_size = cache_size;
  config.max_objects = CAP;
  config.on_leak = OBJPOOL_LEAK_IGNORE;
  CHECK(thing_pool_init(&pool, &config));
  CHECK(thing_pool_warmup(&pool, 60) == 60);
}

static thing *out[CAP];
static size_t out_count;

static void take(size_t count) { out_count += thing_pool_acquire_many(&pool, out + out_count, count); }
static void give(size_t keep) {
  while (out_count > keep) thing_pool_release(&pool, out[--out_count]);
}

static void acquires_and_releases(void) {
  take(50);
  give(5);
}
static void trims(void) { (void)thing_pool_trim(&pool, 10); }
static void resizes(void) {
  CHECK(thing_pool_resize(&pool, 20, 50));
  CHECK(thing_pool_resize(&pool, 0, CAP));
}
static void maintains(void) {
  (void)objpool_maintain(&pool.base);
  (void)objpool_maintain(&pool.base);
}
static void warms_up(void) { (void)thing_pool_warmup(&pool, 90); }
static void waits(void) {
  thing *others[CAP];
  size_t count = thing_pool_acquire_many(&pool, others, CAP);
  CHECK(thing_pool_acquire_for(&pool, 1000000) == NULL);
  thing_pool_release_many(&pool, others, count);
}
static const char *brief_name = "brief";
static void makes_and_destroys_another(void) {
  thing_pool brief;
  objpool_config config;
  memset(&brief, 0, sizeof brief);
  memset(&config, 0, sizeof config);
  config.name = brief_name;
  CHECK(thing_pool_init(&brief, &config));
  thing_pool_release(&brief, thing_pool_acquire(&brief));
  thing_pool_destroy(&brief);
}
static void looks_at_the_registry(void) {
  char text[3000];
  (void)objpool_registry_snapshot();
  CHECK(objpool_registry_find("shared") == &pool.base);
  CHECK(objpool_format(NULL, OBJPOOL_JSON, text, sizeof text) > 0);
}

static void (*const busy_calls[])(void) = {
    acquires_and_releases, trims, resizes, maintains, warms_up, waits, makes_and_destroys_another,
    looks_at_the_registry};
static void (*busy_call)(void);

static void *call_and_stay(void *unused) {
  busy_call();
  give(0);
  stays = true;
  busy_call();
  give(0);
  return unused; /* ending takes locks, too; then it may not have passed there */
}

static void *note_its_end(void *thread) {
  join_thread(*(pthread_t *)thread);
  __atomic_store_n(&inside, 1, __ATOMIC_SEQ_CST);
  return NULL;
}

static void child_has_all_but_what_is_in_hands(void) {
  thing *objects[CAP + 1];
  size_t count = 0, cap, idle;
  objpool_stats stats = thing_pool_stats(&pool);
  alarm(HANGS_AFTER);
  cap = (size_t)stats.max_objects;
  idle = (size_t)stats.idle;
  CHECK(stats.created - stats.destroyed - stats.extracted == stats.in_use + stats.idle);
  CHECK(stats.acquires - stats.releases - stats.extracted <= stats.in_use);
  CHECK(stats.waiting == 0);
  while (count <= CAP && (objects[count] = thing_pool_acquire(&pool)) != NULL) {
    CHECK(!objects[count]->taken);
    objects[count++]->taken = 1;
  }
  CHECK(count >= idle && stats.in_use + count <= cap);
  CHECK(stats.in_use + count + 1 >= cap); /* what is not created yet keeps its place, or does not */
  while (count > 0) {
    objects[--count]->taken = 0;
    thing_pool_release(&pool, objects[count]);
  }
  CHECK(thing_pool_resize(&pool, 0, CAP));
  idle = (size_t)thing_pool_stats(&pool).idle;
  CHECK(thing_pool_trim(&pool, 3) == (idle > 3 ? idle - 3 : 0));
  use(&second);
  local_pool_release(&local, local_pool_acquire(&local));
  looks_at_the_registry();
  brief_name = "brief, of the child"; /* the other's may still be there, as it was */
  makes_and_destroys_another();
  local_pool_destroy(&local);
  thing_pool_destroy(&pool);
  thing_pool_destroy(&second);
  objpool_monitor_destroy(&monitor);
}

/* Exits with 7 when the call takes fewer locks. */
static void fork_beside_a_busy_thread(void *cache_size) {
  pthread_t thread, watcher;
  pid_t child;
  int status;
  alarm(2 * HANGS_AFTER);
  CHECK(pthread_atfork(begin_to_fork, NULL, NULL) == 0);
  make_the_pools((size_t)(uintptr_t)cache_size);
  stays_at = LOCKS;
  thread = start_thread(call_and_stay, NULL);
  watcher = start_thread(note_its_end, &thread);
  WAIT_UNTIL(__atomic_load_n(&inside, __ATOMIC_SEQ_CST));
  if (!stayed) _exit(7);
  child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    child_has_all_but_what_is_in_hands();
    _exit(0);
  }
  join_thread(watcher);
  while (waitpid(child, &status, 0) < 0) CHECK(errno == EINTR);
  if (ENDED_BY(status, SIGALRM)) fprintf(stderr, "the child hangs\n");
  CHECK(EXITED_WELL(status));
  CHECK(thing_pool_stats(&pool).in_use == 0);
  use(&pool);
  thing_pool_destroy(&pool);
  local_pool_destroy(&local);
}

static void child_has_all_but_what_another_thread_was_moving(void **state) {
  const size_t cache_sizes[] = {8, OBJPOOL_NO_CACHE};
  (void)state;
  for (size_t c = 0; c < COUNT_OF(cache_sizes); c++)
    for (size_t i = 0; i < COUNT_OF(busy_calls); i++)
      for (lock_number = 0; lock_number < SCALED(60, 20, 10); lock_number++) {
        int status;
        busy_call = busy_calls[i];
        status = in_child(fork_beside_a_busy_thread, (void *)(uintptr_t)cache_sizes[c], output, sizeof output);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 7) break;
        if (!EXITED_WELL(status))
          fail_msg("call %zu, cache_size %zd, lock %ld: status %#x: %s", i, (ssize_t)cache_sizes[c], lock_number,
                   (unsigned)status, output);
      }
}

/* ---- a monitor's thread is before one of its locks */

static void fork_beside_a_monitor(void *unused) {
  pid_t child;
  int status;
  (void)unused;
  alarm(2 * HANGS_AFTER);
  CHECK(pthread_atfork(begin_to_fork, NULL, NULL) == 0);
  make_the_pools(8);
  main_thread = pthread_self();
  stays_at = LOCKS;
  monitor_stays = true;
  CHECK(objpool_monitor_init(&monitor, NULL, NULL, NULL));
  CHECK(objpool_monitor_start(&monitor, 1));
  WAIT_UNTIL(__atomic_load_n(&inside, __ATOMIC_SEQ_CST));
  child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    child_has_all_but_what_is_in_hands();
    _exit(0);
  }
  while (waitpid(child, &status, 0) < 0) CHECK(errno == EINTR);
  if (ENDED_BY(status, SIGALRM)) fprintf(stderr, "the child hangs\n");
  CHECK(EXITED_WELL(status));
  objpool_monitor_destroy(&monitor);
  thing_pool_destroy(&pool);
  local_pool_destroy(&local);
}

static void child_does_not_wait_for_a_monitor_that_stayed_behind(void **state) {
  (void)state;
  for (lock_number = 0; lock_number < SCALED(40, 20, 10); lock_number++) {
    int status = in_child(fork_beside_a_monitor, NULL, output, sizeof output);
    if (!EXITED_WELL(status)) fail_msg("lock %ld: status %#x: %s", lock_number, (unsigned)status, output);
  }
}

/* ---- pools that a handler makes while the fork holds every lock */

static bool handlers_make_pools;
static thing_pool made_before, made_after;

static void make_use_and_destroy(void) {
  for (int i = 0; i < 3; i++) {
    thing_pool brief;
    memset(&brief, 0, sizeof brief);
    init_with_the_allocator(&brief);
    use(&brief);
    thing_pool_destroy(&brief);
  }
}

static void make_in_prepare(void) {
  if (!handlers_make_pools) return;
  make_use_and_destroy();
  use(&made_before); /* this one stays */
}
static void make_afterwards(void) {
  if (!handlers_make_pools) return;
  make_use_and_destroy();
  use(&made_before);
  use(&made_after);
}

static __attribute__((constructor(101))) void register_early(void) { /* they run within the pools' handlers */
  CHECK(pthread_atfork(make_in_prepare, make_afterwards, make_afterwards) == 0);
}

static void fork_with_handlers_that_make_pools(void *unused) {
  pid_t child;
  int status;
  (void)unused;
  alarm(2 * HANGS_AFTER);
  use(&pool);
  handlers_make_pools = true;
  child = fork();
  CHECK(child >= 0);
  if (child == 0) alarm(HANGS_AFTER);
  handlers_make_pools = false;
  use(&made_before);
  use(&made_after);
  use(&pool);
  make_use_and_destroy();
  thing_pool_destroy(&made_before);
  thing_pool_destroy(&made_after);
  thing_pool_destroy(&pool);
  if (child == 0) _exit(0);
  while (waitpid(child, &status, 0) < 0) CHECK(errno == EINTR);
  CHECK(EXITED_WELL(status));
}

static void locks_of_pools_that_a_handler_makes_are_taken_and_given_back_once(void **state) {
  int status = in_child(fork_with_handlers_that_make_pools, NULL, output, sizeof output);
  (void)state;
  if (!EXITED_WELL(status)) fail_msg("status %#x: %s", (unsigned)status, output);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(child_uses_pools_when_another_thread_was_preparing_the_process),
      cmocka_unit_test(child_uses_pools_when_another_thread_was_making_the_first_one),
      cmocka_unit_test(child_uses_pools_when_another_thread_was_about_to_take_a_lock_in_its_first_use),
      cmocka_unit_test(slot_that_appears_during_a_fork_is_locked_by_its_owner_alone_and_gives_nothing_twice),
      cmocka_unit_test(child_has_all_but_what_another_thread_was_moving),
      cmocka_unit_test(locks_of_pools_that_a_handler_makes_are_taken_and_given_back_once),
      cmocka_unit_test(child_does_not_wait_for_a_monitor_that_stayed_behind),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
