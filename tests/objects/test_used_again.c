/* Whatever way an object ends, its memory and its place in the lists are used again: nothing is lost by doing it for long. */
#include "support.h"

#include "objpool.h"

typedef struct thing {
  char text[48];
} thing;

static bool refuse_create;
static bool build(thing *object, void *context) {
  (void)object, (void)context;
  return !refuse_create;
}
static bool is_good(thing *object, void *context) {
  (void)object, (void)context;
  return true;
}

OBJPOOL_DEFINE(thing_pool, thing, opt.create = build);
OBJPOOL_DEFINE(local_pool, thing, opt.create = build, opt.local = true);
OBJPOOL_DEFINE(wiping_pool, thing, opt.create = build, opt.wipe = true);
OBJPOOL_DEFINE(plain_pool, thing, opt.validate = is_good);

enum { FEW = 100, MANY = SCALED(20000, 2000, 2000) };

OBJPOOL_DEFINE(kept_pool, thing, opt.validate = is_good, opt.validate_on = OBJPOOL_ON_MAINTAIN);

static objpool_pressure no_pressure(void *unused) {
  (void)unused;
  return OBJPOOL_PRESSURE_NONE;
}

static objpool_config without_caches(size_t max_idle) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.cache_size = OBJPOOL_NO_CACHE;
  config.max_idle = max_idle;
  return config;
}

/* Does it a few times, and then many times: that takes no more memory. */
#define TAKES_NO_MORE(memory_bytes, statement) \
  do {                                         \
    for (int i = 0; i < FEW; i++) statement;   \
    uint64_t before = (memory_bytes);          \
    for (int i = 0; i < MANY; i++) statement;  \
    assert_int_equal((memory_bytes), before);  \
  } while (0)

static void extract(thing_pool *pool) {
  thing moved = thing_pool_extract(pool, thing_pool_acquire(pool));
  assert_int_equal(moved.text[0], 0);
}

static void extract_from_local(local_pool *pool) {
  thing moved = local_pool_extract(pool, local_pool_acquire(pool));
  assert_int_equal(moved.text[0], 0);
}

static thing_pool cached, uncached;
static local_pool local;
static wiping_pool wiping;
static plain_pool plain;
static kept_pool kept;

static int begin(void **state) {
  (void)state;
  refuse_create = false;
  return 0;
}

static void cells_of_extracted_objects_are(void **state) {
  objpool_config config = without_caches(0);
  (void)state;
  assert_true(thing_pool_init(&uncached, &config));
  TAKES_NO_MORE(thing_pool_stats(&cached).memory_bytes, extract(&cached));
  TAKES_NO_MORE(thing_pool_stats(&uncached).memory_bytes, extract(&uncached));
  TAKES_NO_MORE(local_pool_stats(&local).memory_bytes, extract_from_local(&local));
  thing_pool_destroy(&cached);
  thing_pool_destroy(&uncached);
  local_pool_destroy(&local);
}

static void cells_of_objects_that_could_not_be_built_are(void **state) {
  objpool_config config = without_caches(0);
  (void)state;
  assert_true(thing_pool_init(&uncached, &config));
  refuse_create = true;
  TAKES_NO_MORE(thing_pool_stats(&cached).memory_bytes, assert_null(thing_pool_acquire(&cached)));
  TAKES_NO_MORE(thing_pool_stats(&uncached).memory_bytes, assert_null(thing_pool_acquire(&uncached)));
  TAKES_NO_MORE(local_pool_stats(&local).memory_bytes, assert_null(local_pool_acquire(&local)));
  thing_pool_destroy(&cached);
  thing_pool_destroy(&uncached);
  local_pool_destroy(&local);
}

static void build_and_lose(void) {
  thing *object = wiping_pool_acquire(&wiping);
  assert_non_null(object);
  refuse_create = true;
  wiping_pool_release(&wiping, object); /* wiped, and not built anew */
  refuse_create = false;
}

static void cells_of_objects_that_could_not_be_built_anew_are(void **state) {
  (void)state;
  TAKES_NO_MORE(wiping_pool_stats(&wiping).memory_bytes, build_and_lose());
  wiping_pool_destroy(&wiping);
}

static void overflow(void) {
  thing *objects[4];
  assert_int_equal(plain_pool_acquire_many(&plain, objects, COUNT_OF(objects)), COUNT_OF(objects));
  plain_pool_release_many(&plain, objects, COUNT_OF(objects));
}

static void nodes_for_objects_beyond_max_idle_are(void **state) {
  objpool_config config = without_caches(1);
  (void)state;
  assert_true(plain_pool_init(&plain, &config));
  alarm(HANGS_AFTER); /* who has no node waits for one */
  TAKES_NO_MORE(plain_pool_stats(&plain).memory_bytes, overflow());
  alarm(0);
  assert_int_equal(plain_pool_stats(&plain).overflowed, 3 * (FEW + MANY));
  plain_pool_destroy(&plain);
}

/* ---- an allocator that keeps a ledger of two numbers, refuses, and forks */

static size_t pieces_out, refuse_from; /* what is as large is refused; 0: nothing */
static long calls, fork_at;

static void *allocate(size_t size, size_t alignment, void *context) {
  void *memory = NULL;
  (void)context;
  if (++calls == fork_at) {
    pid_t child = fork();
    if (child == 0) _exit(0);
    CHECK(child > 0 && waitpid(child, NULL, 0) == child);
  }
  if (refuse_from && size >= refuse_from) return NULL;
  if (posix_memalign(&memory, alignment < sizeof(void *) ? sizeof(void *) : alignment, size) != 0) return NULL;
  pieces_out++;
  return memory;
}

static void deallocate(void *memory, size_t size, size_t alignment, void *context) {
  (void)size, (void)alignment, (void)context;
  pieces_out--;
  free(memory);
}

static objpool_config from_the_allocator(void) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.allocator.allocate = allocate;
  config.allocator.deallocate = deallocate;
  pieces_out = refuse_from = 0;
  calls = fork_at = 0;
  return config;
}

static thing *held[5000];

static void take_and_give_back(size_t count) {
  assert_int_equal(plain_pool_acquire_many(&plain, held, count), count);
  plain_pool_release_many(&plain, held, count);
}

static void what_was_refused_may_be_had_later(void **state) {
  objpool_config config = from_the_allocator();
  (void)state;
  assert_true(plain_pool_init(&plain, &config));
  refuse_from = 1;
  errno = 0;
  assert_null(plain_pool_acquire(&plain)); /* not even one */
  assert_int_equal(errno, ENOMEM);
  refuse_from = 0;
  take_and_give_back(COUNT_OF(held));
  assert_in_range(pieces_out, 1, 100); /* not one by one from then on */
  assert_int_equal(plain_pool_trim(&plain, 0), COUNT_OF(held));
  refuse_from = 1024; /* room for some */
  take_and_give_back(64);
  refuse_from = 0;
  assert_int_equal(plain_pool_trim(&plain, 0), 64); /* there may be more, now that these went back */
  take_and_give_back(COUNT_OF(held));
  assert_in_range(pieces_out, 1, 100);
  plain_pool_destroy(&plain);
  assert_int_equal(pieces_out, 0);
}

static bool handler_acquires;

static void acquire_in_the_handler(void) {
  static thing *mine[300];
  if (!handler_acquires) return;
  handler_acquires = false; /* its own growing calls the allocator, too */
  size_t count = 0;
  while (count < COUNT_OF(mine) && (mine[count] = plain_pool_acquire(&plain)) != NULL) count++;
  plain_pool_release_many(&plain, mine, count);
}

/* Registered before the pool's handlers, this one runs after them, while the fork holds every lock. */
static __attribute__((constructor(101))) void register_early(void) {
  CHECK(pthread_atfork(acquire_in_the_handler, NULL, NULL) == 0);
}

static void what_a_forks_handler_made_first_is_not_needed_twice(void **state) {
  (void)state;
  for (long at = 1, last = 1; at <= last; at++) {
    objpool_config config = from_the_allocator();
    fork_at = at;
    assert_true(plain_pool_init(&plain, &config));
    handler_acquires = calls < at; /* a pool that is just being made is not there for a handler */
    take_and_give_back(600);
    handler_acquires = false;
    if (calls > last) last = calls;
    plain_pool_destroy(&plain);
    assert_int_equal(pieces_out, 0);
  }
}

static void objects_that_maintenance_looked_at_are(void **state) {
  objpool_config config;
  (void)state;
  memset(&config, 0, sizeof config);
  config.min_idle = 400;
  for (int caches = 0; caches < 2; caches++) {
    config.cache_size = caches ? 0 : (size_t)OBJPOOL_NO_CACHE;
    assert_true(kept_pool_init(&kept, &config));
    assert_int_equal(kept_pool_warmup(&kept, 400), 400);
    objpool_set_pressure_source(no_pressure, NULL);
    for (int round = 0; round < 3; round++) {
      assert_int_equal(objpool_maintain(&kept.base), 0);
      assert_int_equal(kept_pool_acquire_many(&kept, held, 400), 400);
      assert_int_equal(kept_pool_stats(&kept).created, 400);
      kept_pool_release_many(&kept, held, 400);
    }
    objpool_set_pressure_source(NULL, NULL);
    kept_pool_destroy(&kept);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(cells_of_extracted_objects_are, begin),
      cmocka_unit_test_setup(cells_of_objects_that_could_not_be_built_are, begin),
      cmocka_unit_test_setup(cells_of_objects_that_could_not_be_built_anew_are, begin),
      cmocka_unit_test_setup(nodes_for_objects_beyond_max_idle_are, begin),
      cmocka_unit_test_setup(what_was_refused_may_be_had_later, begin),
      cmocka_unit_test_setup(what_a_forks_handler_made_first_is_not_needed_twice, begin),
      cmocka_unit_test_setup(objects_that_maintenance_looked_at_are, begin),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
