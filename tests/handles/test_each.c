/* OBJPOOL_EACH and release_all: every object in use, once, in the order of their places, in every kind of pool. */
#include "support.h"

#define OBJPOOL_IMPLEMENTATION
#define OBJPOOL_PANIC(message) panic_seen(message)
#include "thing.h"

enum { MANY = 500 };

static long resets;

static void is_reset(thing *object, void *context) {
  (void)object, (void)context;
  count_add(&resets, 1);
}

OBJPOOL_DEFINE(shared_pool, thing);
OBJPOOL_DEFINE(local_pool, thing, opt.local = true);
OBJPOOL_DEFINE(handles_pool, thing, opt.handles = true);
OBJPOOL_DEFINE(local_handles_pool, thing, opt.handles = true, opt.local = true);
OBJPOOL_DEFINE(reset_pool, thing, opt.reset = is_reset);
OBJPOOL_DEFINE(reset_handles_pool, thing, opt.reset = is_reset, opt.handles = true);

static long allocations;
static void *allocate_dirty(size_t size, size_t alignment, void *context) {
  void *memory = NULL;
  (void)context;
  if (posix_memalign(&memory, alignment < sizeof(void *) ? sizeof(void *) : alignment, size)) return NULL;
  count_add(&allocations, 1);
  return memset(memory, 0xa5, size);
}

static void deallocate(void *memory, size_t size, size_t alignment, void *context) {
  (void)size, (void)alignment, (void)context;
  count_add(&allocations, -1);
  free(memory);
}

static objpool_config config_of(int variant) {
  objpool_config config = defaults();
  config.allocator.allocate = allocate_dirty;
  config.allocator.deallocate = deallocate;
  if (variant == 1) config.cache_size = OBJPOOL_NO_CACHE;
  if (variant == 2) config.max_objects = MANY;
  if (variant == 3) config.max_objects = MANY, config.cache_size = OBJPOOL_NO_CACHE;
  if (variant == 4) config.growth_factor = 1.0;
  if (variant == 5) config.max_objects = 60;
  if (variant == 6) config.max_objects = 20, config.cache_size = OBJPOOL_NO_CACHE;
  return config;
}
enum { VARIANTS = 7 };

static long many_of(const objpool_config *config) {
  return config->max_objects ? (long)config->max_objects : (long)MANY;
}

/* The same for a pool type P. */
#define EACH_TESTS(P)                                                                                      \
  static void P##_visits_in_the_order_of_places(void **state) {                                            \
    (void)state;                                                                                           \
    for (int variant = 0; variant < VARIANTS; variant++) {                                                 \
      static P pool;                                                                                       \
      static thing *objects[MANY];                                                                         \
      objpool_config config = config_of(variant);                                                          \
      const long many = many_of(&config);                                                                  \
      assert_true(P##_init(&pool, &config));                                                               \
      long n = 0;                                                                                          \
      OBJPOOL_EACH(P, object, &pool) n += object->owner;                                                   \
      assert_int_equal(n, 0);                                                                              \
      for (long i = 0; i < many; i++) {                                                                    \
        objects[i] = P##_acquire(&pool);                                                                   \
        assert_non_null(objects[i]);                                                                       \
        objects[i]->owner = i;                                                                             \
      }                                                                                                    \
      OBJPOOL_EACH(P, object, &pool) {                                                                     \
        assert_ptr_equal(object, objects[n]);                                                              \
        n++;                                                                                               \
      }                                                                                                    \
      assert_int_equal(n, many);                                                                           \
      for (long i = 0; i < many; i += 3) P##_release(&pool, objects[i]);                                   \
      long last = -1;                                                                                      \
      n = 0;                                                                                               \
      OBJPOOL_EACH(P, object, &pool) {                                                                     \
        assert_true(object->owner > last && object->owner % 3);                                            \
        last = object->owner;                                                                              \
        n++;                                                                                               \
      }                                                                                                    \
      assert_int_equal(n, many - (many + 2) / 3);                                                          \
      for (long i = 0; i < many; i += 3) assert_non_null(objects[i] = P##_acquire(&pool));                 \
      n = 0;                                                                                               \
      OBJPOOL_EACH(P, object, &pool) n++; /* and places used again keep theirs: all of before are there */ \
      assert_int_equal(n, many);                                                                           \
      assert_int_equal(P##_release_all(&pool), many);                                                      \
      P##_destroy(&pool);                                                                                  \
      assert_int_equal(count_read(&allocations), 0);                                                       \
    }                                                                                                      \
  }                                                                                                        \
  static void P##_body_may_do_what_it_likes(void **state) {                                                \
    (void)state;                                                                                           \
    for (int variant = 0; variant < VARIANTS; variant++) {                                                 \
      static P pool;                                                                                       \
      static thing *objects[MANY];                                                                         \
      objpool_config config = config_of(variant);                                                          \
      const long many = many_of(&config);                                                                  \
      size_t n = 0, began;                                                                                 \
      assert_true(P##_init(&pool, &config));                                                               \
      for (long i = 0; i < many / 2; i++) {                                                                \
        assert_non_null(objects[i] = P##_acquire(&pool));                                                  \
        objects[i]->owner = i;                                                                             \
      }                                                                                                    \
      OBJPOOL_EACH(P, object, &pool) { /* gives itself back, and the one after it */                       \
        long own = object->owner;                                                                          \
        assert_int_equal(own % 2, 0);                                                                      \
        P##_release(&pool, object);                                                                        \
        P##_release(&pool, objects[own + 1]);                                                              \
        n++;                                                                                               \
      }                                                                                                    \
      assert_int_equal(n, many / 4);                                                                       \
      assert_int_equal(P##_stats(&pool).in_use, 0);                                                        \
      for (long i = 0; i < many / 2; i++) assert_non_null(objects[i] = P##_acquire(&pool));                \
      began = n = 0;                                                                                       \
      OBJPOOL_EACH(P, object, &pool) { /* one more for each that it sees */                                \
        (void)object;                                                                                      \
        n++;                                                                                               \
        if ((long)began < many / 2 && P##_acquire(&pool)) began++;                                         \
      }                                                                                                    \
      assert_true((long)n >= many / 2 && (long)n <= many);                                                 \
      n = 0;                                                                                               \
      OBJPOOL_EACH(P, object, &pool) {                                                                     \
        (void)object;                                                                                      \
        if (n++ == 7) break;                                                                               \
      }                                                                                                    \
      assert_int_equal(n, 8);                                                                              \
      size_t inner = 0, outer = 0, seen = 0;                                                               \
      OBJPOOL_EACH(P, one, &pool) {                                                                        \
        if (outer++ == 3) break;                                                                           \
        OBJPOOL_EACH(P, two, &pool) {                                                                      \
          if (one == two) continue;                                                                        \
          inner++;                                                                                         \
        }                                                                                                  \
        seen++;                                                                                            \
      }                                                                                                    \
      assert_int_equal(seen, 3);                                                                           \
      assert_int_equal(inner, 3 * (P##_stats(&pool).in_use - 1));                                          \
      if (n)                                                                                               \
        OBJPOOL_EACH(P, object, &pool) P##_release(&pool, object);                                         \
      else                                                                                                 \
        assert_true(false); /* an else of its own */                                                       \
      assert_int_equal(P##_stats(&pool).in_use, 0);                                                        \
      P##_destroy(&pool);                                                                                  \
    }                                                                                                      \
  }                                                                                                        \
  static bool P##_finds(P *pool, long owner) {                                                             \
    OBJPOOL_EACH(P, object, pool) {                                                                        \
      if (object->owner == owner) return true;                                                             \
    }                                                                                                      \
    return false;                                                                                          \
  }                                                                                                        \
  static void P##_keeps_blocks_while_a_loop_runs(void **state) {                                           \
    (void)state;                                                                                           \
    static P pool;                                                                                         \
    objpool_config config = config_of(0);                                                                  \
    const long many = MANY;                                                                                \
    assert_true(P##_init(&pool, &config));                                                                 \
    for (long i = 0; i < many; i++) {                                                                      \
      thing *object = P##_acquire(&pool);                                                                  \
      assert_non_null(object);                                                                             \
      object->owner = i;                                                                                   \
    }                                                                                                      \
    assert_true(P##_finds(&pool, 77)); /* leaves the loop by return */                                     \
    assert_false(P##_finds(&pool, -1));                                                                    \
    long before = count_read(&allocations), n = 0;                                                         \
    OBJPOOL_EACH(P, object, &pool) {                                                                       \
      P##_release(&pool, object);                                                                          \
      P##_clear(&pool);                                                                                    \
      assert_int_equal(count_read(&allocations), before);                                                  \
      n++;                                                                                                 \
    }                                                                                                      \
    assert_int_equal(n, many);                                                                             \
    P##_clear(&pool);                                                                                      \
    assert_true(count_read(&allocations) < before);                                                        \
    P##_destroy(&pool);                                                                                    \
  }                                                                                                        \
  static void P##_releases_all(void **state) {                                                             \
    (void)state;                                                                                           \
    for (int variant = 0; variant < VARIANTS; variant++) {                                                 \
      static P pool, unused;                                                                               \
      objpool_config config = config_of(variant);                                                          \
      const long many = many_of(&config);                                                                  \
      errno = EDOM;                                                                                        \
      assert_int_equal(P##_release_all(&unused), 0);                                                       \
      OBJPOOL_EACH(P, object, &unused) assert_null(object);                                                \
      assert_true(all_zero(&unused, sizeof unused));                                                       \
      assert_int_equal(errno, EDOM);                                                                       \
      config.max_idle = (size_t)many / 5;                                                                  \
      assert_true(P##_init(&pool, &config));                                                               \
      for (long round = 0; round < 3; round++) {                                                           \
        for (long i = 0; i < many; i++) assert_non_null(P##_acquire(&pool));                               \
        assert_int_equal(P##_release_all(&pool), many);                                                    \
        assert_int_equal(P##_release_all(&pool), 0);                                                       \
        objpool_stats stats = P##_stats(&pool);                                                            \
        counts_add_up(&stats);                                                                             \
        assert_int_equal(stats.in_use, 0);                                                                 \
        assert_int_equal(stats.idle, many / 5);                                                            \
        assert_int_equal(stats.peak_in_use, many);                                                         \
        assert_int_equal(stats.overflowed, (round + 1) * (many - many / 5));                               \
        assert_int_equal(stats.releases, (round + 1) * many);                                              \
      }                                                                                                    \
      thing *object = P##_acquire(&pool);                                                                  \
      assert_non_null(object);                                                                             \
      OBJPOOL_EACH(P, one, &pool) { /* from within a loop, which then ends */                              \
        assert_ptr_equal(one, object);                                                                     \
        assert_int_equal(P##_release_all(&pool), 1);                                                       \
      }                                                                                                    \
      long before = count_read(&allocations); /* nothing of it stays: no block is kept, no slot closed */  \
      assert_int_equal(pool.base.state->blocks.walks, 0);                                                  \
      assert_int_equal(pool.base.state->gate.hold, 0);                                                     \
      P##_clear(&pool);                                                                                    \
      assert_true(count_read(&allocations) < before);                                                      \
      P##_destroy(&pool);                                                                                  \
    }                                                                                                      \
  }

EACH_TESTS(shared_pool)
EACH_TESTS(local_pool)
EACH_TESTS(handles_pool)
EACH_TESTS(local_handles_pool)
EACH_TESTS(reset_pool)
EACH_TESTS(reset_handles_pool)

static void hooks_run_for_each_that_is_released(void **state) {
  (void)state;
  static reset_pool pool;
  for (int i = 0; i < 40; i++) assert_non_null(reset_pool_acquire(&pool));
  count_set(&resets, 0);
  assert_int_equal(reset_pool_release_all(&pool), 40);
  assert_int_equal(count_read(&resets), 40);
  reset_pool_destroy(&pool);
}

static void take_as_one_is_released(thing *object, void *pool);
OBJPOOL_DEFINE(taking_pool, thing, opt.reset = take_as_one_is_released);
static thing *taken_meanwhile;

/* Beside the second, the first is idle already. */
static void take_as_one_is_released(thing *object, void *pool) {
  if (object->owner == 2) taken_meanwhile = taking_pool_acquire((taking_pool *)pool);
}

static void release_all_comes_by_each_place_once(void **state) {
  (void)state;
  static taking_pool pool;
  objpool_config config = defaults();
  config.context = &pool;
  assert_true(taking_pool_init(&pool, &config));
  thing *held[3];
  assert_int_equal(taking_pool_acquire_many(&pool, held, COUNT_OF(held)), COUNT_OF(held));
  for (size_t i = 0; i < COUNT_OF(held); i++) held[i]->owner = (long)i + 1;
  assert_int_equal(taking_pool_release_all(&pool), COUNT_OF(held));
  assert_ptr_equal(taken_meanwhile, held[0]);
  assert_int_equal(taking_pool_stats(&pool).in_use, 1);
  taken_meanwhile->owner = 0;
  taking_pool_release(&pool, taken_meanwhile);
  taking_pool_destroy(&pool);
}

/* Two of four have had as many uses as a handle can tell apart. */
static void release_all_retires_what_is_used_up(void **state) {
  (void)state;
  static handles_pool pool;
  thing *held[4], *again[2];
  assert_int_equal(handles_pool_acquire_many(&pool, held, COUNT_OF(held)), COUNT_OF(held));
  for (size_t i = 0; i < 2; i++) *objpool__generation_of(held[i], false) = UINT32_MAX;
  assert_int_equal(handles_pool_release_all(&pool), COUNT_OF(held));
  assert_int_equal(handles_pool_stats(&pool).retired, 2);
  assert_int_equal(handles_pool_stats(&pool).idle, 2);
  assert_int_equal(handles_pool_acquire_many(&pool, again, 2), 2);
  for (size_t i = 0; i < 2; i++) assert_true(again[i] == held[2] || again[i] == held[3]);
  assert_ptr_not_equal(again[0], again[1]);
  handles_pool_release_many(&pool, again, 2);
  handles_pool_destroy(&pool);
}

/* Memory behind which lies what would be read as a range of its own. */
static void *allocate_before_dirt(size_t size, size_t alignment, void *context) {
  char *memory = (char *)allocate_dirty(size + 64, alignment, context);
  return memory;
}

/* The one that is left stands in the last block, which has the first indices: a pool of one thread goes by ranges, too. */
#define TABLE_TEST(P)                                                                                 \
  static void P##_loop_ends_with_the_table_where_its_last_ranges_have_no_cells(void **state) {        \
    (void)state;                                                                                      \
    static P pool;                                                                                    \
    static thing *held[10000];                                                                        \
    objpool_config config = defaults();                                                               \
    config.growth_factor = 1.0;                                                                       \
    config.allocator.allocate = allocate_before_dirt;                                                 \
    config.allocator.deallocate = deallocate;                                                         \
    assert_true(P##_init(&pool, &config));                                                            \
    OBJPOOL_EACH(P, object, &pool) fail_msg("there is %p before anything was built", (void *)object); \
    size_t count = 0, seen = 0;                                                                       \
    do {                                                                                              \
      assert_true(count < COUNT_OF(held));                                                            \
      assert_non_null(held[count++] = P##_acquire(&pool));                                            \
    } while (pool.base.state->placing.given < pool.base.state->placing.capacity);                     \
    for (size_t i = 0; i + 1 < count; i++) P##_release(&pool, held[i]);                               \
    P##_clear(&pool);                                                                                 \
    assert_int_equal(pool.base.state->blocks.count, 1);                                               \
    do assert_non_null(held[0] = P##_acquire(&pool));                                                 \
    while (P##_handle_of(&pool, held[0]).index != 0);                                                 \
    OBJPOOL_EACH(P, object, &pool)                                                                    \
      if (object != held[0]) P##_release(&pool, object);                                              \
    P##_clear(&pool);                                                                                 \
    assert_int_equal(pool.base.state->blocks.count, 1);                                               \
    assert_true(pool.base.state->blocks.by_ranges);                                                   \
    OBJPOOL_EACH(P, object, &pool) {                                                                  \
      assert_ptr_equal(object, held[0]);                                                              \
      seen++;                                                                                         \
    }                                                                                                 \
    assert_int_equal(seen, 1);                                                                        \
    P##_release(&pool, held[0]);                                                                      \
    P##_destroy(&pool);                                                                               \
  }
TABLE_TEST(handles_pool)
TABLE_TEST(local_handles_pool)

static shared_pool crowded;

static void *wait_for_one(void *got) {
  *(thing **)got = shared_pool_acquire_for(&crowded, -1);
  return NULL;
}

static void release_them(void *pool, void *unused) {
  (void)unused;
  (void)shared_pool_release_all((shared_pool *)pool);
}

static void release_all_with_waiters_panics(void **state) {
  (void)state;
  objpool_config config = defaults();
  thing *got = NULL;
  config.max_objects = 1;
  assert_true(shared_pool_init(&crowded, &config));
  thing *object = shared_pool_acquire(&crowded);
  assert_non_null(object);
  pthread_t thread = start_thread(wait_for_one, &got);
  WAIT_UNTIL(shared_pool_stats(&crowded).waiting == 1);
  assert_true(panics(release_them, &crowded, NULL));
  assert_non_null(strstr(panic_message, "wait"));
  shared_pool_release(&crowded, object); /* nothing was done */
  join_thread(thread);
  assert_non_null(got);
  shared_pool_release(&crowded, got);
  shared_pool_destroy(&crowded);
}

static handles_pool busy;
static shared_pool busy_plain;
static long stop;

static void *come_and_go(void *unused) {
  thing *objects[40];
  (void)unused;
  while (!count_read(&stop)) {
    for (int i = 0; i < 40; i++)
      CHECK((objects[i] = i % 2 ? handles_pool_acquire(&busy) : shared_pool_acquire(&busy_plain)));
    for (int i = 0; i < 40; i++)
      if (i % 2)
        handles_pool_release(&busy, objects[i]);
      else
        shared_pool_release(&busy_plain, objects[i]);
    handles_pool_trim(&busy, 10);
    shared_pool_trim(&busy_plain, 10);
  }
  return NULL;
}

static void other_threads_may_use_the_pool_meanwhile(void **state) {
  (void)state;
  thing *mine[10], *plain[10];
  pthread_t threads[2];
  count_set(&stop, 0);
  for (int i = 0; i < 10; i++) {
    assert_non_null(mine[i] = handles_pool_acquire(&busy));
    assert_non_null(plain[i] = shared_pool_acquire(&busy_plain));
  }
  for (unsigned i = 0; i < 2; i++) threads[i] = start_thread(come_and_go, NULL);
  for (int round = 0; round < SCALED(2000, 300, 100); round++) {
    int seen = 0;
    OBJPOOL_EACH(handles_pool, object, &busy)
      for (int i = 0; i < 10; i++) seen += object == mine[i];
    CHECK(seen == 10); /* each of one's own exactly once */
    OBJPOOL_EACH(shared_pool, object, &busy_plain)
      for (int i = 0; i < 10; i++) seen += object == plain[i];
    CHECK(seen == 20);
  }
  count_set(&stop, 1);
  for (unsigned i = 0; i < 2; i++) join_thread(threads[i]);
  assert_int_equal(handles_pool_release_all(&busy), 10);
  assert_int_equal(shared_pool_release_all(&busy_plain), 10);
  handles_pool_destroy(&busy);
  shared_pool_destroy(&busy_plain);
}

#ifdef __cplusplus
static void range_is_the_same_loop(void **state) {
  (void)state;
  static handles_pool pool;
  static local_pool local, unused;
  long n = 0;
  for (long i = 0; i < MANY; i++) {
    handles_pool_acquire(&pool)->owner = i;
    local_pool_acquire(&local)->owner = i;
  }
  for (thing &object : objpool_each(pool)) {
    CHECK(object.owner == n);
    n++;
    if (object.owner % 2) handles_pool_release(&pool, &object);
    if (n == MANY - 2) break;
  }
  CHECK(n == MANY - 2);
  n = 0;
  for (thing &object : objpool_each(local)) CHECK(object.owner == n++);
  n = 0;
  for (thing &object : objpool_each(&local)) CHECK(object.owner == n++);
  CHECK(n == MANY);
  for (thing &object : objpool_each(unused)) n += object.owner + 1;
  CHECK(n == MANY);
  assert_int_equal(handles_pool_release_all(&pool), MANY / 2 + 1);
  assert_int_equal(handles_pool_clear(&pool), MANY);
  local_pool_release_all(&local);
  handles_pool_destroy(&pool);
  local_pool_destroy(&local);
}
#endif

/* Memory that looks as if all of it was in use: a loop asks only what was built. */
typedef struct line {
  __attribute__((__aligned__(64))) char bytes[64];
} line;
static long built_lines;
static void *as_in_use(size_t size, size_t alignment, void *context) {
  const objpool *pool = (const objpool *)context;
  char *memory = (char *)allocate_dirty(size, alignment, NULL);
  const uint32_t apart = pool->state ? pool->state->blocks.apart : 0;
  if (!memory || !pool->state || (apart && alignment < objpool__segment_bytes(apart))) return memory;
  for (size_t at = apart ? 0 : sizeof(uintptr_t); at < size; at += apart ? sizeof(line) : sizeof(uintptr_t))
    *objpool__tag(memory + at, apart) = objpool__tag_of(pool->state->key, memory + at);
  return memory;
}

#define STALE_TESTS(P, type)                                            \
  static P P##_stale;                                                   \
  static bool P##_build(type *object, void *context) {                  \
    long n = 0;                                                         \
    (void)context;                                                      \
    OBJPOOL_EACH(P, other, &P##_stale) {                                \
      CHECK(other != object);                                           \
      n++;                                                              \
    }                                                                   \
    CHECK(n == built_lines);                                            \
    return true;                                                        \
  }                                                                     \
  static void P##_finds_nothing_where_nothing_was_built(void **state) { \
    (void)state;                                                        \
    for (int variant = 0; variant < VARIANTS; variant++) {              \
      objpool_config config = config_of(variant);                       \
      config.allocator.allocate = as_in_use;                            \
      config.allocator.context = &P##_stale.base;                       \
      assert_true(P##_init(&P##_stale, &config));                       \
      for (built_lines = 0; built_lines < 20; built_lines++) {          \
        long n = 0;                                                     \
        OBJPOOL_EACH(P, object, &P##_stale) n++;                        \
        assert_int_equal(n, built_lines);                               \
        assert_non_null(P##_acquire(&P##_stale));                       \
      }                                                                 \
      assert_int_equal(P##_release_all(&P##_stale), 20);                \
      P##_destroy(&P##_stale);                                          \
      assert_int_equal(count_read(&allocations), 0);                    \
    }                                                                   \
  }

static bool stale_pool_build(thing *object, void *context);
static bool stale_line_pool_build(line *object, void *context);
OBJPOOL_DEFINE(stale_pool, thing, opt.create = stale_pool_build);
OBJPOOL_DEFINE(stale_line_pool, line, opt.create = stale_line_pool_build);
STALE_TESTS(stale_pool, thing)
STALE_TESTS(stale_line_pool, line)

/* What comes back at once lies where trims gather. */
static shared_pool trimmed;
static long no_more_trims;
static void *trim_often(void *unused) {
  while (!count_read(&no_more_trims)) (void)shared_pool_trim(&trimmed, 10);
  return unused;
}

static void release_all_goes_well_with_trims(void **state) {
  enum { ALL = 30 };
  (void)state;
  objpool_config config = config_of(0);
  assert_true(shared_pool_init(&trimmed, &config));
  pthread_t thread = start_thread(trim_often, NULL);
  for (int i = 0; i < SCALED(2000, 500, 300); i++) {
    thing *objects[ALL];
    assert_int_equal(shared_pool_acquire_many(&trimmed, objects, ALL), ALL);
    for (int k = 0; k < ALL; k++) assert_int_equal(__atomic_exchange_n(&objects[k]->owner, 1, __ATOMIC_SEQ_CST), 0);
    for (int k = 0; k < ALL; k++) objects[k]->owner = 0;
    assert_int_equal(shared_pool_release_all(&trimmed), ALL);
  }
  count_set(&no_more_trims, 1);
  join_thread(thread);
  assert_int_equal(shared_pool_stats(&trimmed).in_use, 0);
  shared_pool_destroy(&trimmed);
  assert_int_equal(count_read(&allocations), 0);
}

/* Also after blocks came and went: new ones get the indices that were free, and stand where those are. */
#define ORDER_TEST(P)                                                        \
  static void P##_goes_in_the_order_of_indices(void **state) {               \
    (void)state;                                                             \
    for (int variant = 0; variant < VARIANTS; variant++) {                   \
      static P pool;                                                         \
      static thing *objects[MANY];                                           \
      objpool_config config = config_of(variant);                            \
      const long many = many_of(&config);                                    \
      assert_true(P##_init(&pool, &config));                                 \
      for (long from = 0; from < 4; from++) {                                \
        for (long i = 0; i < many; i++)                                      \
          if (!objects[i]) assert_non_null(objects[i] = P##_acquire(&pool)); \
        for (long i = many * from / 8; i < many * (from + 5) / 8; i++)       \
          P##_release(&pool, objects[i]), objects[i] = NULL;                 \
        P##_clear(&pool);                                                    \
        for (long i = 0; i < many; i++)                                      \
          if (!objects[i]) assert_non_null(objects[i] = P##_acquire(&pool)); \
        long last = -1, n = 0;                                               \
        OBJPOOL_EACH(P, object, &pool) {                                     \
          long index = (long)P##_handle_of(&pool, object).index;             \
          assert_true(index > last);                                         \
          last = index;                                                      \
          n++;                                                               \
        }                                                                    \
        assert_int_equal(n, many);                                           \
      }                                                                      \
      memset((void *)objects, 0, sizeof objects);                            \
      assert_int_equal(P##_release_all(&pool), many);                        \
      P##_destroy(&pool);                                                    \
    }                                                                        \
  }
ORDER_TEST(handles_pool)
ORDER_TEST(local_handles_pool)
ORDER_TEST(reset_handles_pool)

/* Memory that lies ever higher, or ever lower. */
static __attribute__((aligned(4096))) char arena[1 << 20]; /* more than any pool asks for */
static struct ends {
  size_t low, high;
  bool down;
} ends;

static void *allocate_in_order(size_t size, size_t alignment, void *context) {
  struct ends *free_bytes = (struct ends *)context;
  if (free_bytes->down) return arena + (free_bytes->high = (free_bytes->high - size) & ~(alignment - 1));
  size_t at = (free_bytes->low + alignment - 1) & ~(alignment - 1);
  free_bytes->low = at + size;
  return arena + at;
}
static void keep(void *memory, size_t size, size_t alignment, void *context) {
  (void)memory, (void)size, (void)alignment, (void)context;
}

#define SAME_TEST(P)                                                                                               \
  static void P##_takes_the_same_places_wherever_its_blocks_lie(void **state) {                                    \
    static uint32_t places[2][MANY];                                                                               \
    (void)state;                                                                                                   \
    for (int down = 0; down < 2; down++) {                                                                         \
      static P pool;                                                                                               \
      static thing *objects[MANY];                                                                                 \
      objpool_config config = defaults();                                                                          \
      ends.low = 0, ends.high = sizeof arena, ends.down = down != 0;                                               \
      config.allocator.allocate = allocate_in_order;                                                               \
      config.allocator.deallocate = keep;                                                                          \
      config.allocator.context = &ends;                                                                            \
      config.ignore_pressure = true;                                                                               \
      assert_true(P##_init(&pool, &config));                                                                       \
      for (long i = 0; i < MANY; i++) assert_non_null(objects[i] = P##_acquire(&pool));                            \
      for (long i = 0; i < MANY; i += 2) P##_release(&pool, objects[i]); /* each block is as full as the others */ \
      assert_int_equal(P##_clear(&pool), MANY / 2);                                                                \
      for (long i = 0; i < MANY; i += 2) {                                                                         \
        assert_non_null(objects[i] = P##_acquire(&pool));                                                          \
        places[down][i] = P##_handle_of(&pool, objects[i]).index;                                                  \
      }                                                                                                            \
      assert_int_equal(P##_release_all(&pool), MANY);                                                              \
      P##_destroy(&pool);                                                                                          \
    }                                                                                                              \
    assert_memory_equal(places[0], places[1], sizeof places[0]);                                                   \
  }
SAME_TEST(handles_pool)
SAME_TEST(local_handles_pool)

#define TESTS_OF(P)                                                                                     \
  cmocka_unit_test(P##_visits_in_the_order_of_places), cmocka_unit_test(P##_body_may_do_what_it_likes), \
      cmocka_unit_test(P##_keeps_blocks_while_a_loop_runs), cmocka_unit_test(P##_releases_all)

int main(void) {
  const struct CMUnitTest tests[] = {
      TESTS_OF(shared_pool),
      TESTS_OF(local_pool),
      TESTS_OF(handles_pool),
      TESTS_OF(local_handles_pool),
      TESTS_OF(reset_pool),
      TESTS_OF(reset_handles_pool),
      cmocka_unit_test(handles_pool_goes_in_the_order_of_indices),
      cmocka_unit_test(local_handles_pool_goes_in_the_order_of_indices),
      cmocka_unit_test(reset_handles_pool_goes_in_the_order_of_indices),
      cmocka_unit_test(handles_pool_takes_the_same_places_wherever_its_blocks_lie),
      cmocka_unit_test(local_handles_pool_takes_the_same_places_wherever_its_blocks_lie),
      cmocka_unit_test(stale_pool_finds_nothing_where_nothing_was_built),
      cmocka_unit_test(stale_line_pool_finds_nothing_where_nothing_was_built),
      cmocka_unit_test(hooks_run_for_each_that_is_released),
      cmocka_unit_test(release_all_comes_by_each_place_once),
      cmocka_unit_test(release_all_retires_what_is_used_up),
      cmocka_unit_test(handles_pool_loop_ends_with_the_table_where_its_last_ranges_have_no_cells),
      cmocka_unit_test(local_handles_pool_loop_ends_with_the_table_where_its_last_ranges_have_no_cells),
      cmocka_unit_test(release_all_with_waiters_panics),
#ifdef __cplusplus
      cmocka_unit_test(range_is_the_same_loop),
#endif
      cmocka_unit_test(other_threads_may_use_the_pool_meanwhile),
      cmocka_unit_test(release_all_goes_well_with_trims),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
