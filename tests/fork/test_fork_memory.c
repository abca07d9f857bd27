/* Memory that a fork's handler asks for, while another thread is about to take some and is stopped there, or of an allocator that
   forks. No lock is unlocked that nobody holds. */
#include "support.h"

static void before_an_exchange(const volatile void *word);
static int seen_unlock(pthread_mutex_t *lock);
#define __atomic_compare_exchange_n(word, ...) \
  (before_an_exchange(word), __atomic_compare_exchange_n(word, __VA_ARGS__))
#define pthread_mutex_unlock(lock) seen_unlock(lock)
#define OBJPOOL_IMPLEMENTATION
#include "pools.h"
#undef __atomic_compare_exchange_n
#undef pthread_mutex_unlock

static int seen_unlock(pthread_mutex_t *lock) {
  CHECK(pthread_mutex_trylock(lock) == EBUSY);
  return pthread_mutex_unlock(lock);
}

typedef struct thing {
  long number;
} thing;

OBJPOOL_DEFINE(thing_pool, thing);

static thing_pool pool;
static __thread bool stops, forks;
static long stopped, forked, goes_on, took, may_end;

static void before_an_exchange(const volatile void *word) {
  if (!stops || word != &objpool__reserved_of(&pool.base.state->memory.allocator)->used) return;
  stops = false;
  count_set(&stopped, 1);
  WAIT_UNTIL(count_read(&goes_on));
}

static bool allocator_forks;
static pid_t child_of_the_allocator;

static void *allocate(size_t size, size_t alignment, void *context) {
  void *memory = NULL;
  (void)context;
  if (allocator_forks) {
    allocator_forks = false;
    child_of_the_allocator = fork();
    CHECK(child_of_the_allocator >= 0);
    if (child_of_the_allocator == 0) alarm(HANGS_AFTER);
  }
  return posix_memalign(&memory, alignment < sizeof(void *) ? sizeof(void *) : alignment, size) ? NULL : memory;
}
static void deallocate(void *memory, size_t size, size_t alignment, void *context) {
  (void)size, (void)alignment, (void)context;
  free(memory);
}

static void *take_a_slot(void *unused) {
  stops = true;
  thing_pool_release(&pool, thing_pool_acquire(&pool));
  CHECK(!stops);
  count_set(&took, 1);
  WAIT_UNTIL(count_read(&may_end));
  return unused;
}

static thing *first;
static bool grows;
static void grow_the_pool(void) {
  enum { MANY = 100 };
  thing *held[MANY];
  grows = false;
  allocator_forks = true;
  for (size_t i = 0; i < MANY; i++) CHECK((held[i] = thing_pool_acquire(&pool)) != NULL);
  CHECK(!allocator_forks);
  for (size_t i = 0; i < MANY; i++) thing_pool_release(&pool, held[i]);
  CHECK(thing_pool_clear(&pool) == MANY);
  if (child_of_the_allocator > 0) return;
  thing_pool_destroy(&pool);
  _exit(0);
}

static void use_the_pool(void) {
  if (grows) grow_the_pool();
  if (!forks) return;
  CHECK((first = thing_pool_acquire(&pool)) != NULL);
  thing_pool_release(&pool, first);
}

/* The first of all constructors: in prepare its handler runs when ours hold everything. */
static __attribute__((constructor(101))) void register_early(void) {
  CHECK(pthread_atfork(use_the_pool, NULL, NULL) == 0);
}

static void *fork_and_use_the_pool(void *unused) {
  int status;
  forks = true;
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) _exit(0);
  CHECK(waitpid(child, &status, 0) == child && EXITED_WELL(status));
  count_set(&forked, 1);
  WAIT_UNTIL(count_read(&may_end));
  uint64_t created = thing_pool_stats(&pool).created;
  thing *again = thing_pool_acquire(&pool);
  CHECK(again == first); /* its slot is as it was left */
  thing_pool_release(&pool, again);
  CHECK(thing_pool_stats(&pool).created == created);
  return unused;
}

static void reserve_hands_nothing_out_twice_in_a_forks_handler(void **state) {
  objpool_config config;
  (void)state;
  memset(&config, 0, sizeof config);
  config.reserve = 100;
  config.allocator.allocate = allocate;
  config.allocator.deallocate = deallocate;
  CHECK(thing_pool_init(&pool, &config));
  pthread_t taker = start_thread(take_a_slot, NULL);
  WAIT_UNTIL(count_read(&stopped));
  pthread_t forker = start_thread(fork_and_use_the_pool, NULL);
  WAIT_UNTIL(count_read(&forked));
  count_set(&goes_on, 1);
  WAIT_UNTIL(count_read(&took));
  count_set(&may_end, 1);
  join_thread(taker);
  join_thread(forker);
  thing_pool_destroy(&pool);
}

static void allocator_may_fork_in_a_forks_handler(void **state) {
  objpool_config config;
  int status;
  (void)state;
  memset(&config, 0, sizeof config);
  config.allocator.allocate = allocate;
  config.allocator.deallocate = deallocate;
  CHECK(thing_pool_init(&pool, &config));
  grows = true;
  alarm(HANGS_AFTER);
  pid_t child = fork();
  CHECK(child >= 0);
  thing_pool_release(&pool, thing_pool_acquire(&pool));
  thing_pool_destroy(&pool);
  if (child == 0) _exit(0);
  CHECK(waitpid(child, &status, 0) == child && EXITED_WELL(status));
  CHECK(waitpid(child_of_the_allocator, &status, 0) == child_of_the_allocator && EXITED_WELL(status));
  alarm(0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(allocator_may_fork_in_a_forks_handler),
      cmocka_unit_test(reserve_hands_nothing_out_twice_in_a_forks_handler),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
