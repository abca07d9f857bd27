/* After fork the child goes on using its pools, whatever the other threads were doing; what they held stays in use there. */
#include "support.h"

#include "thing.h"

OBJPOOL_DEFINE(thing_pool, thing);

static thing_pool pool, capped;
static char output[2000];

static void use_and_check(thing_pool *used, size_t cap, size_t in_use) {
  thing *objects[200];
  size_t count = 0;
  objpool_stats stats;
  while (count < COUNT_OF(objects) && (objects[count] = thing_pool_acquire(used))) {
    CHECK(objects[count]->owner == 0);
    objects[count]->owner = 1;
    count++;
  }
  CHECK(cap == 0 ? count == COUNT_OF(objects) : count == cap - in_use);
  for (size_t i = 0; i < count; i++) objects[i]->owner = 0;
  thing_pool_release_many(used, objects, count);
  stats = thing_pool_stats(used);
  CHECK(stats.in_use == in_use);
  CHECK(stats.idle >= count);
  CHECK(thing_pool_clear(used) == stats.idle);
  CHECK(thing_pool_stats(used).idle == 0);
  CHECK(thing_pool_warmup(used, 3) == (cap && cap - in_use < 3 ? cap - in_use : 3));
}

static void child_of_one_thread(void *object) {
  CHECK(thing_pool_stats(&pool).in_use == 1);
  use_and_check(&pool, 0, 1);
  thing_pool_release(&pool, (thing *)object); /* what this thread held, it still holds */
  CHECK(thing_pool_stats(&pool).in_use == 0);
  thing_pool_destroy(&pool);
  CHECK(thing_pool_acquire(&pool));
}

static void child_uses_its_copy_of_the_pool(void **state) {
  thing *object;
  (void)state;
  assert_int_equal(thing_pool_warmup(&pool, 10), 10);
  object = thing_pool_acquire(&pool);
  assert_non_null(object);
  strcpy(object->text, "parent");
  assert_true(EXITED_WELL(in_child(child_of_one_thread, object, output, sizeof output)));
  assert_string_equal(object->text, "parent");
  assert_int_equal(thing_pool_stats(&pool).in_use, 1); /* the parent's pool knows nothing of it */
  assert_int_equal(thing_pool_stats(&pool).idle, 9);
  thing_pool_release(&pool, object);
  thing_pool_destroy(&pool);
}

enum { CAP = 20, HELD = 7 };
static gate held_ready, held_leave;

static void *hold_some_and_leave_the_rest_in_the_cache(void *unused) {
  thing *objects[CAP];
  (void)unused;
  CHECK(thing_pool_acquire_many(&capped, objects, CAP) == CAP);
  thing_pool_release_many(&capped, objects + HELD, CAP - HELD);
  gate_open(&held_ready);
  gate_wait(&held_leave);
  thing_pool_release_many(&capped, objects, HELD);
  return NULL;
}

static void child_beside_a_holder(void *unused) {
  (void)unused;
  use_and_check(&capped, CAP, HELD);
}

static void idle_objects_of_other_threads_can_be_had_and_held_ones_stay_in_use(void **state) {
  objpool_config config;
  pthread_t holder;
  (void)state;
  memset(&config, 0, sizeof config);
  config.max_objects = CAP;
  assert_true(thing_pool_init(&capped, &config));
  gate_make(&held_ready);
  gate_make(&held_leave);
  holder = start_thread(hold_some_and_leave_the_rest_in_the_cache, NULL);
  gate_wait(&held_ready);
  assert_true(EXITED_WELL(in_child(child_beside_a_holder, NULL, output, sizeof output)));
  assert_int_equal(thing_pool_stats(&capped).in_use, HELD);
  gate_open(&held_leave);
  join_thread(holder);
  assert_int_equal(thing_pool_stats(&capped).idle, CAP);
  thing_pool_destroy(&capped);
  gate_close(&held_ready);
  gate_close(&held_leave);
}

/* AddressSanitizer's malloc (gcc 12, clang 14) leaves a child the locks that other threads held in it, and the child waits for ever. So
   nobody is in there while a thread forks: these handlers are registered before the implementation's, and so lock last, when no
   pool's growth is under way. */
#if ADDRESS_SANITIZED
static pthread_mutex_t memory_lock = PTHREAD_MUTEX_INITIALIZER;

static void lock_memory(void) { pthread_mutex_lock(&memory_lock); }
static void unlock_memory(void) { pthread_mutex_unlock(&memory_lock); }

static __attribute__((constructor(101))) void register_memory_lock(void) {
  pthread_atfork(lock_memory, unlock_memory, unlock_memory);
}

static void *allocate_alone(size_t size, size_t alignment, void *context) {
  void *memory = NULL;
  (void)context;
  lock_memory();
  if (posix_memalign(&memory, alignment < sizeof(void *) ? sizeof(void *) : alignment, size) != 0) memory = NULL;
  unlock_memory();
  return memory;
}

static void deallocate_alone(void *memory, size_t size, size_t alignment, void *context) {
  (void)size, (void)alignment, (void)context;
  lock_memory();
  free(memory);
  unlock_memory();
}
#endif

static objpool_config for_forks(void) {
  objpool_config config;
  memset(&config, 0, sizeof config);
#if ADDRESS_SANITIZED
  config.allocator.allocate = allocate_alone;
  config.allocator.deallocate = deallocate_alone;
#endif
  return config;
}

static long stop_now;
static void *keep_the_pools_busy(void *argument) {
  const objpool_config config = for_forks();
  uint64_t seed = (uint64_t)(intptr_t)argument;
  while (!count_read(&stop_now)) {
    thing *objects[30];
    size_t count = thing_pool_acquire_many(&pool, objects, 1 + random_below(&seed, 30));
    thing *one = thing_pool_acquire(&capped);
    thing *waited = thing_pool_acquire_for(&capped, 20000);
    thing_pool_release_many(&pool, objects, count);
    thing_pool_release(&capped, waited);
    thing_pool_release(&capped, one);
    if (random_below(&seed, 100) == 0) (void)thing_pool_trim(&pool, random_below(&seed, 30));
    if (random_below(&seed, 300) == 0) { /* blocks of memory come and go */
      thing_pool brief;
      memset(&brief, 0, sizeof brief);
      CHECK(thing_pool_init(&brief, &config));
      thing_pool_release(&brief, thing_pool_acquire(&brief));
      thing_pool_destroy(&brief);
    }
  }
  return NULL;
}

/* What other threads had in their hands is in use here for good, and counted so. */
static void pool_adds_up(thing_pool *counted) {
  objpool_stats stats = thing_pool_stats(counted);
  counts_add_up(&stats);
}

static void child_amid_activity(void *unused) {
  thing *objects[100];
  objpool_stats stats = thing_pool_stats(&capped);
  size_t count, cap = stats.max_objects;
  (void)unused;
  pool_adds_up(&pool);
  pool_adds_up(&capped);
  CHECK(stats.waiting == 0); /* the waiters are not here */
  CHECK(stats.in_use <= cap);
  count = 0;
  while (count < COUNT_OF(objects) && (objects[count] = thing_pool_acquire(&capped))) count++;
  stats = thing_pool_stats(&capped);
  CHECK(stats.in_use == cap); /* exactly: nothing is lost between */
  CHECK(stats.idle == 0);
  pool_adds_up(&capped);
  for (size_t i = 0; i < count; i++)
    for (size_t k = 0; k < i; k++) CHECK(objects[i] != objects[k]);
  thing_pool_release_many(&capped, objects, count);
  CHECK(thing_pool_stats(&capped).idle == count);
  CHECK(thing_pool_acquire_many(&pool, objects, 100) == 100);
  thing_pool_release_many(&pool, objects, 100);
  CHECK(thing_pool_stats(&pool).idle >= 100);
  stats = thing_pool_stats(&pool);
  CHECK(thing_pool_clear(&pool) == stats.idle);
  pool_adds_up(&pool);
  CHECK(thing_pool_resize(&capped, 10, 10));
  thing_pool_reset_stats(&pool);
  if (count > 0 && cap > 0) { /* waiting works, and nobody else is there to serve */
    CHECK(thing_pool_resize(&capped, 1, 1));
    objects[0] = thing_pool_acquire(&capped);
    CHECK(thing_pool_acquire_for(&capped, 1000000) == NULL);
    thing_pool_release(&capped, objects[0]);
  }
}

static void fork_amid_the_activity_of_other_threads_leaves_a_usable_child(void **state) {
  enum { THREADS = 3 };
  pthread_t threads[THREADS];
  objpool_config config = for_forks();
  (void)state;
  assert_true(thing_pool_init(&pool, &config));
  config.max_objects = 4;
  assert_true(thing_pool_init(&capped, &config));
  count_set(&stop_now, 0);
  for (int i = 0; i < THREADS; i++) threads[i] = start_thread(keep_the_pools_busy, (void *)(intptr_t)(i + 1));
  for (int i = 0; i < SCALED(300, 100, 40); i++) {
    int status = in_child(child_amid_activity, NULL, output, sizeof output);
    if (!EXITED_WELL(status)) fail_msg("child %d: status %#x: %s", i, (unsigned)status, output);
  }
  count_set(&stop_now, 1);
  for (int i = 0; i < THREADS; i++) join_thread(threads[i]);
  assert_int_equal(thing_pool_stats(&capped).in_use, 0);
  assert_int_equal(thing_pool_stats(&pool).in_use, 0);
  thing_pool_destroy(&capped);
  thing_pool_destroy(&pool);
}

static void *fork_here(void *unused) {
  thing *object = thing_pool_acquire(&pool);
  (void)unused;
  CHECK(object);
  CHECK(EXITED_WELL(in_child(child_of_one_thread, object, output, sizeof output)));
  thing_pool_release(&pool, object);
  return NULL;
}

static void any_thread_may_fork(void **state) {
  (void)state;
  thing_pool_release(&pool, thing_pool_acquire(&pool));
  in_another_thread(fork_here, NULL);
  assert_int_equal(thing_pool_stats(&pool).in_use, 0);
  thing_pool_destroy(&pool);
}

#if !THREAD_SANITIZED /* which allows no new threads in the child of a program with several */
static void *acquire_and_release(void *unused) {
  thing *object = thing_pool_acquire(&pool);
  (void)unused;
  CHECK(object);
  thing_pool_release(&pool, object);
  return NULL;
}

static void child_with_threads(void *unused) {
  pthread_t threads[4];
  (void)unused;
  for (int i = 0; i < 4; i++) threads[i] = start_thread(acquire_and_release, NULL);
  for (int i = 0; i < 4; i++) join_thread(threads[i]);
  CHECK(thing_pool_stats(&pool).in_use == 0);
}

static void child_may_start_threads_and_fork_again(void **state) {
  (void)state;
  thing_pool_release(&pool, thing_pool_acquire(&pool));
  for (int i = 0; i < 5; i++) {
    int status = in_child(child_with_threads, NULL, output, sizeof output);
    if (!EXITED_WELL(status)) fail_msg("status %#x: %s", (unsigned)status, output);
  }
  thing_pool_destroy(&pool);
}
#endif

static pthread_t registering;
static pid_t child_of_a_visitor;
static char beside[] = "beside the visitor", within[] = "in the child";

static void *register_a_pool(void *name) {
  thing_pool mine;
  objpool_config config;
  memset(&mine, 0, sizeof mine);
  memset(&config, 0, sizeof config);
  config.name = (const char *)name;
  CHECK(thing_pool_init(&mine, &config));
  thing_pool_destroy(&mine);
  return NULL;
}

static void fork_while_another_waits_for_the_registry(objpool *unused, void *unused_too) {
  (void)unused, (void)unused_too;
  registering = start_thread(register_a_pool, beside);
  sleep_ms(50);
  child_of_a_visitor = fork();
}

static void child_of_a_visitor_does_not_wait_for_those_who_waited(void **state) {
  objpool_config config;
  int status;
  (void)state;
  memset(&config, 0, sizeof config);
  config.name = "visited";
  assert_true(thing_pool_init(&pool, &config));
  assert_int_equal(objpool_registry_each(fork_while_another_waits_for_the_registry, NULL), 1);
  if (child_of_a_visitor == 0) {
    alarm(20);
    register_a_pool(within);
    _exit(0);
  }
  assert_true(child_of_a_visitor > 0);
  join_thread(registering);
  assert_int_equal(waitpid(child_of_a_visitor, &status, 0), child_of_a_visitor);
  assert_true(EXITED_WELL(status));
  thing_pool_destroy(&pool);
}

OBJPOOL_DEFINE(local_pool, thing, opt.local = true);
OBJPOOL_DEFINE(handle_pool, thing, opt.local = true, opt.handles = true);

static size_t allocations, forks_at;
static void (*widen)(void); /* in the next fork's first handler, once */

static void widen_in_prepare(void) {
  void (*now)(void) = widen;
  widen = NULL;
  if (now) now();
}

/* Before the pools' own handlers, so that it runs when these hold every lock. */
__attribute__((__constructor__(101))) static void register_first(void) {
  if (pthread_atfork(widen_in_prepare, NULL, NULL)) abort();
}

static void *allocate_and_fork(size_t size, size_t alignment, void *context) {
  void *memory = NULL;
  if (++allocations == forks_at) {
    int status;
    widen = *(void (**)(void))context;
    pid_t child = fork();
    if (child == 0) _exit(0);
    CHECK(waitpid(child, &status, 0) == child);
  }
  return posix_memalign(&memory, alignment < sizeof(void *) ? sizeof(void *) : alignment, size) ? NULL : memory;
}

static void deallocate(void *memory, size_t size, size_t alignment, void *context) {
  (void)size, (void)alignment, (void)context;
  free(memory);
}

/* Its allocator forks, and a handler lets the pool grow before that allocation is over: what the handler made is kept. */
#define GROWS(P)                                                                       \
  static P P##_growing;                                                                \
  static void P##_widens(void) {                                                       \
    static thing *held[1000];                                                          \
    CHECK(P##_acquire_many(&P##_growing, held, COUNT_OF(held)) == COUNT_OF(held));     \
    P##_release_many(&P##_growing, held, COUNT_OF(held));                              \
  }                                                                                    \
  static void P##_may_grow_in_a_handler_while_it_grows(void **state) {                 \
    void (*handler)(void) = P##_widens;                                                \
    (void)state;                                                                       \
    for (forks_at = 1; forks_at < 24; forks_at++) {                                    \
      objpool_config config;                                                           \
      thing *held[400];                                                                \
      memset(&config, 0, sizeof config);                                               \
      config.allocator.allocate = allocate_and_fork;                                   \
      config.allocator.deallocate = deallocate;                                        \
      config.allocator.context = &handler;                                             \
      config.cache_size = 2; /* many magazines */                                      \
      allocations = forks_at;                                                          \
      assert_true(P##_init(&P##_growing, &config));                                    \
      allocations = 0;                                                                 \
      for (size_t i = 0; i < COUNT_OF(held); i++) held[i] = P##_acquire(&P##_growing); \
      for (size_t i = 0; i < COUNT_OF(held); i++) {                                    \
        assert_non_null(held[i]);                                                      \
        P##_release(&P##_growing, held[i]);                                            \
      }                                                                                \
      objpool_stats stats = P##_stats(&P##_growing);                                   \
      assert_true(stats.idle >= (allocations >= forks_at ? 1000 : COUNT_OF(held)));    \
      assert_int_equal(P##_clear(&P##_growing), stats.idle);                           \
      P##_destroy(&P##_growing);                                                       \
    }                                                                                  \
  }

GROWS(thing_pool)
GROWS(local_pool)
GROWS(handle_pool)

/* The same in a handler that was registered after the pools' own: that runs when these hold nothing, but the thread itself is
   growing the pool. Both processes go on with it, and so may another thread. */
OBJPOOL_DEFINE(numbered_pool, thing, opt.handles = true);

enum handler { PREPARE, PARENT, CHILD, HANDLERS };
static void (*widen_late)(void); /* in this handler, once */
static int widens_in;
static pid_t forked;

static void widen_late_in(int handler) {
  void (*now)(void) = widen_late;
  if (!now || handler != widens_in) return;
  widen_late = NULL;
  now();
}
static void prepare_late(void) { widen_late_in(PREPARE); }
static void parent_late(void) { widen_late_in(PARENT); }
static void child_late(void) { widen_late_in(CHILD); }

static void *allocate_and_fork_late(size_t size, size_t alignment, void *context) {
  void *memory = NULL;
  if (++allocations == forks_at) {
    widen_late = *(void (**)(void))context;
    forked = fork();
    CHECK(forked >= 0);
    if (forked == 0) alarm(60);
  }
  return posix_memalign(&memory, alignment < sizeof(void *) ? sizeof(void *) : alignment, size) ? NULL : memory;
}

#if THREAD_SANITIZED /* which starts no threads in a child */
#define IN_ANOTHER_THREAD(body) (body)(NULL)
#else
#define IN_ANOTHER_THREAD(body) in_another_thread(body, NULL)
#endif

#define GROWS_LATE(P)                                                                     \
  static P P##_late;                                                                      \
  static void P##_take(size_t count) {                                                    \
    thing *held[2000];                                                                    \
    for (size_t i = 0; i < count; i++) CHECK((held[i] = P##_acquire(&P##_late)));         \
    P##_release_many(&P##_late, held, count);                                             \
  }                                                                                       \
  static void P##_widens_late(void) { P##_take(1000); }                                   \
  static void *P##_goes_on(void *unused) {                                                \
    bool forked_before = forked == 0;                                                     \
    P##_take(2000);                                                                       \
    if (forked == 0 && !forked_before) _exit(0); /* in a child of this thread */          \
    return unused;                                                                        \
  }                                                                                       \
  static void P##_grows_late(void *unused) {                                              \
    static thing *held[400];                                                              \
    void (*handler)(void) = P##_widens_late;                                              \
    objpool_config config;                                                                \
    (void)unused;                                                                         \
    memset(&config, 0, sizeof config);                                                    \
    config.allocator.allocate = allocate_and_fork_late;                                   \
    config.allocator.deallocate = deallocate;                                             \
    config.allocator.context = &handler;                                                  \
    config.cache_size = 2;                                                                \
    forked = -1;                                                                          \
    allocations = forks_at;                                                               \
    CHECK(P##_init(&P##_late, &config));                                                  \
    allocations = 0;                                                                      \
    for (size_t i = 0; i < COUNT_OF(held); i++) {                                         \
      CHECK((held[i] = P##_acquire(&P##_late)) && held[i]->owner == 0);                   \
      held[i]->owner = 1;                                                                 \
    }                                                                                     \
    for (size_t i = 0; i < COUNT_OF(held); i++) held[i]->owner = 0;                       \
    P##_release_many(&P##_late, held, COUNT_OF(held));                                    \
    bool here = widens_in == PREPARE || (widens_in == CHILD) == (forked == 0);            \
    bool widened = forked >= 0 && here;                                                   \
    CHECK(P##_stats(&P##_late).idle >= (widened ? 1000 : COUNT_OF(held)));                \
    IN_ANOTHER_THREAD(P##_goes_on);                                                       \
    objpool_stats stats = P##_stats(&P##_late);                                           \
    CHECK(stats.in_use == 0 && stats.idle >= 2000 && P##_clear(&P##_late) == stats.idle); \
    P##_destroy(&P##_late);                                                               \
    if (forked == 0) _exit(0);                                                            \
    int status = 0;                                                                       \
    if (forked > 0) CHECK(waitpid(forked, &status, 0) == forked);                         \
    CHECK(EXITED_WELL(status));                                                           \
  }                                                                                       \
  static void P##_may_grow_in_a_later_handler_while_it_grows(void **state) {              \
    (void)state;                                                                          \
    for (widens_in = 0; widens_in < HANDLERS; widens_in++)                                \
      for (forks_at = 1; forks_at < 24; forks_at++)                                       \
        if (!EXITED_WELL(in_child(P##_grows_late, NULL, output, sizeof output)))          \
          fail_msg("handler %d, allocation %d: %s", widens_in, (int)forks_at, output);    \
  }

GROWS_LATE(thing_pool)
GROWS_LATE(numbered_pool)

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(thing_pool_may_grow_in_a_handler_while_it_grows),
    cmocka_unit_test(local_pool_may_grow_in_a_handler_while_it_grows),
    cmocka_unit_test(handle_pool_may_grow_in_a_handler_while_it_grows),
    cmocka_unit_test(thing_pool_may_grow_in_a_later_handler_while_it_grows),
    cmocka_unit_test(numbered_pool_may_grow_in_a_later_handler_while_it_grows),
    cmocka_unit_test(child_uses_its_copy_of_the_pool),
    cmocka_unit_test(idle_objects_of_other_threads_can_be_had_and_held_ones_stay_in_use),
    cmocka_unit_test(fork_amid_the_activity_of_other_threads_leaves_a_usable_child),
    cmocka_unit_test(any_thread_may_fork),
    cmocka_unit_test(child_of_a_visitor_does_not_wait_for_those_who_waited),
#if !THREAD_SANITIZED
    cmocka_unit_test(child_may_start_threads_and_fork_again),
#endif
  };
  CHECK(pthread_atfork(prepare_late, parent_late, child_late) == 0); /* the implementation's constructor has run */
  return cmocka_run_group_tests(tests, NULL, NULL);
}
