/* Memory that a fork's handler asks for, while another thread is about to take some and is stopped there, or of an allocator that
   forks. No lock is unlocked that nobody holds, and none ends that somebody holds. */
#include "support.h"

static void before_an_exchange(const volatile void *word);
static int seen_unlock(pthread_mutex_t *lock);
static int seen_destroy(pthread_mutex_t *lock);
#define __atomic_compare_exchange_n(word, ...) \
  (before_an_exchange(word), __atomic_compare_exchange_n(word, __VA_ARGS__))
#define pthread_mutex_unlock(lock) seen_unlock(lock)
#define pthread_mutex_destroy(lock) seen_destroy(lock)
#define OBJPOOL_IMPLEMENTATION
#include "pools.h"
#undef __atomic_compare_exchange_n
#undef pthread_mutex_unlock
#undef pthread_mutex_destroy

static int seen_unlock(pthread_mutex_t *lock) {
  CHECK(pthread_mutex_trylock(lock) == EBUSY);
  return pthread_mutex_unlock(lock);
}
static int seen_destroy(pthread_mutex_t *lock) {
  CHECK(pthread_mutex_trylock(lock) == 0 && pthread_mutex_unlock(lock) == 0);
  return pthread_mutex_destroy(lock);
}

typedef struct thing {
  long number;
} thing;

OBJPOOL_DEFINE(thing_pool, thing);
OBJPOOL_DEFINE(handle_pool, thing, opt.handles = true);
OBJPOOL_DEFINE(local_pool, thing, opt.local = true);

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
static long asked, forks_at = -1, pieces; /* it forks at this one of so many; so many are there */
static pid_t child_of_the_allocator;

static void *allocate(size_t size, size_t alignment, void *context) {
  void *memory = NULL;
  (void)context;
  count_add(&pieces, 1);
  if (allocator_forks || (forks_at >= 0 && asked++ == forks_at)) {
    allocator_forks = false;
    child_of_the_allocator = fork();
    CHECK(child_of_the_allocator >= 0);
    if (child_of_the_allocator == 0) alarm(HANGS_AFTER);
  }
  return posix_memalign(&memory, alignment < sizeof(void *) ? sizeof(void *) : alignment, size) ? NULL : memory;
}
static void deallocate(void *memory, size_t size, size_t alignment, void *context) {
  (void)size, (void)alignment, (void)context;
  count_add(&pieces, -1);
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

/* A handler that uses the pool, for which memory is being asked, and another one from its beginning to its end. */
static objpool *in_the_handler;
enum { TAKEN = 600 };
static void *taken[TAKEN];
static void use_pools(void) {
  thing_pool brief;
  memset(&brief, 0, sizeof brief);
  for (int i = 0; i < TAKEN; i++) CHECK((taken[i] = objpool_acquire(in_the_handler)) != NULL);
  in_the_handler = NULL;
  thing_pool_release(&brief, thing_pool_acquire(&brief));
  thing_pool_destroy(&brief);
}

static void use_the_pool(void) {
  if (grows) grow_the_pool();
  if (in_the_handler) use_pools();
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

/* Takes so many that memory is asked for, which forks; what it and the handler took is the pool's, each once. */
static void take_some(objpool *used, bool (*is_there)(const thing *object)) {
  thing *objects[2 * TAKEN];
  size_t count = TAKEN;
  in_the_handler = used;
  for (size_t i = 0; i < TAKEN; i++) CHECK((objects[i] = (thing *)objpool_acquire(used)) != NULL);
  if (!in_the_handler) memcpy(objects + TAKEN, taken, sizeof taken), count += TAKEN;
  for (size_t i = 0; i < count; i++) objects[i]->number = (long)i;
  for (size_t i = 0; i < count; i++) CHECK(objects[i]->number == (long)i && is_there(objects[i]));
  for (size_t i = 0; i < count; i++) objpool_release(used, objects[i]);
  CHECK(objpool_clear(used) == count);
  in_the_handler = NULL;
}

static handle_pool named_pool;
static local_pool own_pool;
static bool has_a_handle(const thing *object) {
  return handle_pool_get(&named_pool, handle_pool_handle_of(&named_pool, object)) == object;
}
static bool is_any(const thing *object) { return object != NULL; }

/* With many magazines, which need a longer list, too; with handles; with an array. */
enum { CACHED, STACKED, NAMED, OWN, KINDS };
static objpool *begin(int kind) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.allocator.allocate = allocate;
  config.allocator.deallocate = deallocate;
  if (kind == STACKED) config.cache_size = OBJPOOL_NO_CACHE;
  CHECK(kind == NAMED ? handle_pool_init(&named_pool, &config)
        : kind == OWN ? local_pool_init(&own_pool, &config)
                      : thing_pool_init(&pool, &config));
  return kind == NAMED ? &named_pool.base : kind == OWN ? &own_pool.base : &pool.base;
}

/* Once for each time that memory is asked for. A thread of its own: the allocator is asked for its slot, too. */
static void *take_some_and_fork(void *as_kind) {
  int status, kind = *(int *)as_kind;
  for (long at = 0, more = 1; more; at++) {
    alarm(HANGS_AFTER);
    child_of_the_allocator = -1;
    pieces = asked = 0;
    objpool *used = begin(kind);
    forks_at = at;
    take_some(used, kind == NAMED ? has_a_handle : is_any);
    more = asked > forks_at;
    forks_at = -1;
    objpool_destroy(used);
    CHECK(pieces == 0);
    if (child_of_the_allocator == 0) _exit(0);
    if (more) CHECK(waitpid(child_of_the_allocator, &status, 0) == child_of_the_allocator && EXITED_WELL(status));
  }
  alarm(0);
  return NULL;
}

static void allocator_may_fork_and_a_handler_use_the_pool(void **state) {
  (void)state;
  for (int kind = 0; kind < KINDS; kind++) in_another_thread(take_some_and_fork, &kind);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(allocator_may_fork_in_a_forks_handler),
      cmocka_unit_test(allocator_may_fork_and_a_handler_use_the_pool),
      cmocka_unit_test(reserve_hands_nothing_out_twice_in_a_forks_handler),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
