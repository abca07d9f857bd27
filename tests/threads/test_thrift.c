/* What a pool should not spend: a thread's time while it waits, memory for caches it does not have, room that came
   back, thread indexes of threads that ended. Little of it shows outside, so this test reads the state.
   build: -Wl,--wrap=calloc */
#include "support.h"
#include <sys/resource.h>

#define OBJPOOL_IMPLEMENTATION
#include "pools.h"

typedef struct thing {
  long n;
} thing;

typedef struct large_thing {
  char bytes[20000];
} large_thing;

static void forget_pool_in_a_child(thing *object, void *context);
static bool take_another(thing *object, void *context);

OBJPOOL_DEFINE(thing_pool, thing);
OBJPOOL_DEFINE(large_pool, large_thing);
MAKES_BY_HOOK(thing)
OBJPOOL_DEFINE(made_pool, thing, opt.create = make_thing);
OBJPOOL_DEFINE(timed_pool, thing, opt.timed = true);
OBJPOOL_DEFINE(local_pool, thing, opt.local = true);
OBJPOOL_DEFINE(forking_pool, thing, opt.destroy = forget_pool_in_a_child);
OBJPOOL_DEFINE(checked_pool, thing, opt.validate = take_another, opt.validate_on = OBJPOOL_ON_MAINTAIN);
OBJPOOL_DEFINE(checked_local_pool, thing, opt.validate = take_another, opt.validate_on = OBJPOOL_ON_MAINTAIN,
               opt.local = true);

/* The C library's allocator, refusing. */
static bool refuse_calloc;
#ifdef __cplusplus
extern "C" {
#endif
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size) { return refuse_calloc ? NULL : __real_calloc(count, size); }
#ifdef __cplusplus
}
#endif

/* First: the thread below is the first in this process to use a pool. */
static void *use_once(void *used) {
  thing *object = thing_pool_acquire((thing_pool *)used);
  CHECK(object);
  thing_pool_release((thing_pool *)used, object);
  CHECK(objpool__process.taken[0] == 1);
  return NULL;
}

static void index_of_a_thread_that_ended_is_given_back(void **state) {
  thing_pool pool;
  (void)state;
  memset(&pool, 0, sizeof pool);
  for (int i = 0; i < 3; i++) {
    in_another_thread(use_once, &pool);
    assert_int_equal(objpool__process.taken[0], 0);
  }
  thing_pool_destroy(&pool);
}

static void pools_have_the_caches_that_fit_their_limits(void **state) {
  static const struct {
    size_t cache_size, max_idle, max_objects, rounds, rounds_of_large_ones;
  } fits[] = {/* rounds 0: no caches */
              {0, 0, 0, 64, 2},   {0, 0, 1024, 64, 2},   {0, 0, 256, 16, 2},   {0, 0, 64, 4, 2},
              {0, 0, 63, 3, 2},   {0, 0, 2, 1, 1},       {0, 0, 1, 0, 0},      {0, 15, 63, 0, 0},
              {0, 160, 0, 10, 2}, {0, 160, 1600, 10, 2}, {0, 160, 160, 10, 2}, {OBJPOOL_NO_CACHE, 0, 0, 0, 0},
              {10, 0, 0, 5, 5},   {1, 0, 0, 0, 0},       {100, 20, 0, 10, 10}, {1000000, 0, 0, 4096, 4096}};
  (void)state;
  for (size_t i = 0; i < COUNT_OF(fits); i++) {
    objpool_config config = defaults();
    thing_pool pool;
    large_pool large;
    config.cache_size = fits[i].cache_size;
    config.max_idle = fits[i].max_idle;
    config.max_objects = fits[i].max_objects;
    assert_true(thing_pool_init(&pool, &config));
    assert_true(large_pool_init(&large, &config));
    bool fits_a_word = config.max_objects && config.max_objects <= 64;
    assert_ptr_equal(pool.base.state->engine, fits[i].rounds ? &objpool__cached_engine
                                              : fits_a_word  ? &objpool__bounded_engine
                                                             : &objpool__uncached_engine);
    assert_int_equal(pool.base.state->depot.rounds, fits[i].rounds ? fits[i].rounds : 1);
    assert_int_equal(large.base.state->depot.rounds, fits[i].rounds_of_large_ones ? fits[i].rounds_of_large_ones : 1);
    thing_pool_destroy(&pool);
    large_pool_destroy(&large);
  }
}

static void few_objects_have_caches_unless_each_is_worth_a_look(void **state) {
  made_pool made;
  timed_pool timed;
  (void)state;
  for (size_t cap = 1; cap <= 64; cap++) {
    objpool_config config = defaults();
    config.max_objects = cap;
    assert_true(made_pool_init(&made, &config));
    assert_true(timed_pool_init(&timed, &config));
    assert_ptr_equal(made.base.state->engine, cap < 64 ? &objpool__bounded_engine : &objpool__cached_engine);
    assert_ptr_equal(timed.base.state->engine, cap < 64 ? &objpool__uncached_engine : &objpool__cached_engine);
    made_pool_destroy(&made);
    timed_pool_destroy(&timed);
  }
}

static void only_shared_pools_have_magazines_and_only_local_ones_an_array(void **state) {
  thing_pool shared;
  local_pool local;
  (void)state;
  memset(&shared, 0, sizeof shared);
  memset(&local, 0, sizeof local);
  thing *object = thing_pool_acquire(&shared), *other = local_pool_acquire(&local);
  assert_non_null(object);
  assert_non_null(other);
  assert_true(shared.base.state->depot.count > 0);
  assert_null(shared.base.state->array.memory);
  assert_true(local.base.state->bytes <= offsetof(objpool__state, depot)); /* not even memory for a depot */
  assert_non_null(local.base.state->array.memory);
  thing_pool_release(&shared, object);
  local_pool_release(&local, other);
  thing_pool_destroy(&shared);
  local_pool_destroy(&local);
}

static long times_asleep(void) { /* this thread gave the processor up of itself */
  struct rusage usage;
  assert_int_equal(getrusage(RUSAGE_THREAD, &usage), 0);
  return usage.ru_nvcsw;
}

static void thread_that_waits_sleeps(void **state) {
  objpool_config config = defaults();
  thing_pool pool;
  (void)state;
  config.max_objects = 1;
  assert_true(thing_pool_init(&pool, &config));
  thing *held = thing_pool_acquire(&pool);
  assert_non_null(held);
  long before = times_asleep();
  assert_null(thing_pool_acquire_for(&pool, 100000000));
  assert_true(times_asleep() > before);
  thing_pool_release(&pool, held);
  thing_pool_destroy(&pool);
}

/* A fork out of a hook: the child's trim ends with a hold that is no longer there. */
static pid_t parent;
static int children;

static void forget_pool_in_a_child(thing *object, void *context) {
  (void)object, (void)context;
  if (children++ > 0) return;
  fflush(NULL);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) return; /* goes on with the trim */
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child && EXITED_WELL(status));
}

static void child_forked_in_a_trim_holds_nothing(void **state) {
  forking_pool pool;
  (void)state;
  memset(&pool, 0, sizeof pool);
  parent = getpid();
  thing *object = forking_pool_acquire(&pool);
  assert_non_null(object);
  forking_pool_release(&pool, object);
  (void)forking_pool_trim(&pool, 0);
  if (getpid() != parent) _exit(pool.base.state->gate.hold == 0 ? 0 : 1);
  assert_int_equal(children, 1);
  assert_int_equal(pool.base.state->gate.hold, 0);
  forking_pool_destroy(&pool);
}

/* While maintenance looks at idle objects one by one, the hook takes one of the others. */
static checked_pool checked;
static checked_local_pool checked_local;
static objpool *looked_at;
static thing *taken;
static bool asked;

static bool take_another(thing *object, void *context) {
  (void)context;
  if (!asked) taken = (thing *)objpool_try_acquire(looked_at); /* the others are set aside, all of them */
  asked = true;
  CHECK(taken != object);
  return true;
}

static void room_of_an_object_taken_during_maintenance_comes_back(void **state) {
  (void)state;
  for (int kind = 0; kind < 3; kind++) {
    objpool_config config = defaults();
    void *held[5];
    asked = false;
    config.max_idle = 4;
    config.cache_size = kind ? 2 : OBJPOOL_NO_CACHE;
    config.warmup = 3;
    config.min_idle = 3;
    looked_at = kind == 2 ? &checked_local.base : &checked.base;
    assert_true(kind == 2 ? checked_local_pool_init(&checked_local, &config) : checked_pool_init(&checked, &config));
    for (int i = 0; i < 5; i++) {
      (void)objpool_maintain(looked_at);
      assert_non_null(taken);
      objpool_release(looked_at, taken);
      asked = false;
    }
    asked = true; /* no more */
    assert_int_equal(objpool_acquire_many(looked_at, held, 4), 4);
    assert_int_equal(objpool_snapshot(looked_at).idle, 0);
    objpool_release_many(looked_at, held, 4);
    objpool_stats stats = objpool_snapshot(looked_at);
    assert_int_equal(stats.idle, 4);
    assert_int_equal(stats.overflowed, 0);
    assert_int_equal(objpool_acquire_many(looked_at, held, 5), 5);
    objpool_release_many(looked_at, held, 5);
    stats = objpool_snapshot(looked_at);
    assert_int_equal(stats.idle, 4);
    assert_int_equal(stats.overflowed, 1);
    objpool_destroy(looked_at);
  }
}

/* What the dynamic linker calls when the library that holds this copy is unloaded. */
static void unload(void *unused) {
  (void)unused;
  CHECK(pthread_getspecific(objpool__process.key) != NULL);
  pthread_key_t key = objpool__process.key;
  objpool__unload();
  CHECK(pthread_setspecific(key, &key) == EINVAL);
  objpool__unload();
}

static void thread_exit_key_goes_with_the_library(void **state) {
  char output[512];
  thing_pool pool;
  (void)state;
  memset(&pool, 0, sizeof pool);
  assert_true(thing_pool_attach(&pool));
  assert_true(EXITED_WELL(in_child(unload, NULL, output, sizeof output)));
  thing_pool_destroy(&pool);
}

/* The C library's allocator, over-aligned: refused, not written to. */
static void over_aligned_object_that_memory_cannot_hold_is_refused(void **state) {
  objpool pool;
  objpool_type type;
  (void)state;
  if (THREAD_SANITIZED || ADDRESS_SANITIZED) return; /* they end the program where malloc would refuse */
  memset(&type, 0, sizeof type);
  type.size = PTRDIFF_MAX - 20000;
  type.alignment = 64;
  assert_true(objpool_init(&pool, &type, NULL));
  errno = 0;
  assert_null(objpool_acquire(&pool));
  assert_int_equal(errno, ENOMEM);
  objpool_destroy(&pool);
}

/* A local pool's array is widened with its memory, and refused with it. */
static size_t refuse_exactly; /* bytes */
static int refused;

static void *allocate(size_t size, size_t alignment, void *context) {
  (void)alignment, (void)context;
  if (size != refuse_exactly) return malloc(size);
  refused++;
  return NULL;
}

static void deallocate(void *memory, size_t size, size_t alignment, void *context) {
  (void)size, (void)alignment, (void)context;
  free(memory);
}

static void local_pool_whose_array_is_refused_stays_as_it_was(void **state) {
  objpool_config config = defaults();
  local_pool pool;
  (void)state;
  config.allocator.allocate = allocate;
  config.allocator.deallocate = deallocate;
  config.growth_factor = 1;
  assert_true(local_pool_init(&pool, &config));
  const objpool__blocks *blocks = &pool.base.state->blocks;
  size_t cells = blocks->next_cells, second = blocks->least_cells, count = cells + second;
  assert_true(second >= cells);
  thing **held = (thing **)malloc(count * sizeof *held);
  assert_non_null(held);
  refuse_exactly = count * sizeof(void *); /* with the second block at its full size: a smaller one will do */
  for (size_t i = 0; i < count; i++) {
    held[i] = local_pool_acquire(&pool);
    assert_non_null(held[i]);
    if (i == cells) refuse_exactly = 0;
  }
  assert_int_equal(refused, 1);
  for (size_t i = 0; i < count; i++) local_pool_release(&pool, held[i]);
  assert_int_equal(local_pool_stats(&pool).idle, count);
  assert_int_equal(local_pool_clear(&pool), count);
  local_pool_destroy(&pool);
  free(held);
}

static void try_acquire_on_a_pool_that_cannot_even_begin_finds_nothing_idle(void **state) {
  thing_pool pool;
  (void)state;
  memset(&pool, 0, sizeof pool);
  refuse_calloc = true;
  thing *tried = thing_pool_try_acquire(&pool);
  int tried_error = errno;
  thing *acquired = thing_pool_acquire(&pool);
  int acquired_error = errno;
  refuse_calloc = false;
  assert_null(tried);
  assert_int_equal(tried_error, EAGAIN);
  assert_null(acquired);
  assert_int_equal(acquired_error, ENOMEM);
}

/* Cells that were set aside for a cache are free again when it closes: a pool of few objects needs no second block. */
static void cells_of_a_closed_cache_are_used_again(void **state) {
  (void)state;
  for (int between = 0; between < 3;
       between++) { /* cells behind those set aside are taken: then they go back one by one */
    static thing_pool pool;
    thing *objects[64], *anchor = thing_pool_acquire(&pool); /* its block stays */
    size_t cells = pool.base.state->blocks.cells;
    assert_int_equal(cells, COUNT_OF(objects));
    assert_true(pool.base.state->blocks.used > 1);
    if (between) thing_pool_warmup(&pool, (size_t)between);
    thing_pool_trim(&pool, 0);
    assert_int_equal(pool.base.state->blocks.used, 1);
    objects[0] = anchor;
    for (size_t i = 1; i < COUNT_OF(objects); i++) { /* each cell once */
      assert_non_null(objects[i] = thing_pool_acquire(&pool));
      for (size_t k = 0; k < i; k++) assert_ptr_not_equal(objects[i], objects[k]);
    }
    assert_int_equal(pool.base.state->blocks.cells, cells);
    thing_pool_release_many(&pool, objects, COUNT_OF(objects));
    assert_int_equal(thing_pool_clear(&pool), COUNT_OF(objects));
    assert_int_equal(pool.base.state->blocks.used, 0);
    assert_int_equal(pool.base.state->blocks.cells, 0);
    thing_pool_destroy(&pool);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(index_of_a_thread_that_ended_is_given_back),
      cmocka_unit_test(pools_have_the_caches_that_fit_their_limits),
      cmocka_unit_test(few_objects_have_caches_unless_each_is_worth_a_look),
      cmocka_unit_test(only_shared_pools_have_magazines_and_only_local_ones_an_array),
      cmocka_unit_test(thread_that_waits_sleeps),
      cmocka_unit_test(cells_of_a_closed_cache_are_used_again),
      cmocka_unit_test(child_forked_in_a_trim_holds_nothing),
      cmocka_unit_test(room_of_an_object_taken_during_maintenance_comes_back),
      cmocka_unit_test(local_pool_whose_array_is_refused_stays_as_it_was),
      cmocka_unit_test(try_acquire_on_a_pool_that_cannot_even_begin_finds_nothing_idle),
      cmocka_unit_test(thread_exit_key_goes_with_the_library),
      cmocka_unit_test(over_aligned_object_that_memory_cannot_hold_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
