/* Types that fill multiples of a large alignment cost little more than their bytes: the word that tells an object by lies with
   those of its neighbours. Such pools are like any other: objects aligned, whole and apart, in order, each mistake told. */
#include "support.h"

#define OBJPOOL_IMPLEMENTATION
#define OBJPOOL_PANIC(message) panic_seen(message)
#include "pools.h"

#include <sys/mman.h>

enum { MANY = 10000, SOME = 300 };

/* Memory as it comes: not clear, and aligned as asked for and no more. `less` never aligns to more than 128. */
typedef struct source {
  long out;
  bool less;
} source;

static void *source_allocate(size_t size, size_t alignment, void *context) {
  source *from = (source *)context;
  size_t boundary = from->less && alignment > 128 ? 128 : alignment < 16 ? 16 : alignment;
  char *whole = (char *)malloc(size + 3 * boundary + sizeof(void *)), *memory;
  if (!whole) return NULL;
  memory = whole + sizeof(void *);
  memory += 2 * boundary - (uintptr_t)memory % (2 * boundary) + boundary; /* an odd multiple */
  memcpy(memory - sizeof(void *), &whole, sizeof whole);
  from->out++;
  return memset(memory, 0xa5, size);
}
static void source_deallocate(void *memory, size_t size, size_t alignment, void *context) {
  char *whole;
  (void)size, (void)alignment;
  memcpy(&whole, (char *)memory - sizeof(void *), sizeof whole);
  ((source *)context)->out--;
  free(whole);
}

#ifdef OBJPOOL_UNCHECKED
enum { LOOPS = 0 }; /* nothing tells what is in use */
#else
enum { LOOPS = 1 };
#endif

enum { KINDS = 9 };
static objpool_config config_of(int kind, source *from) {
  objpool_config config = defaults();
  config.allocator.allocate = source_allocate;
  config.allocator.deallocate = source_deallocate;
  config.allocator.context = from;
  if (kind == 1 || kind == 2 || kind == 3 || kind == 4) config.cache_size = OBJPOOL_NO_CACHE;
  if (kind == 2) config.max_objects = 60;
  if (kind == 3) config.max_objects = 20;
  if (kind == 4) config.max_objects = SOME;
  if (kind == 5) config.max_objects = SOME, config.max_idle = 100;
  if (kind == 6) config.growth_factor = 1.0;
  if (kind == 7) config.reserve = SOME;
  if (kind == 8) config.max_objects = 60;
  return config;
}

/* What was handed out, in the order of its making where nothing was given back. */
static void *held[MANY];
static size_t held_count;

static void fill(void *object, size_t size) { memset(object, (int)((uintptr_t)object >> 5 & 0xff), size); }
static bool is_whole(const void *object, size_t size) {
  const unsigned char *bytes = (const unsigned char *)object;
  for (size_t i = 0; i < size; i++)
    if (bytes[i] != ((uintptr_t)object >> 5 & 0xff)) return false;
  return true;
}

#define FILLS(name, size_, boundary, ...)                                                                       \
  typedef struct name {                                                                                         \
    __attribute__((__aligned__(boundary))) char first;                                                          \
    char rest[(size_)-1];                                                                                       \
  } name;                                                                                                       \
  OBJPOOL_DEFINE(name##_pool, name, __VA_ARGS__);                                                               \
  static void take_##name(name##_pool *pool) {                                                                  \
    name *object = name##_pool_acquire(pool);                                                                   \
    if (!object) return;                                                                                        \
    assert_int_equal((uintptr_t)object % (boundary), 0);                                                        \
    for (size_t i = 0; i < held_count; i++) assert_ptr_not_equal(held[i], object);                              \
    fill(object, sizeof *object);                                                                               \
    held[held_count++] = object;                                                                                \
  }                                                                                                             \
  static void give_##name(name##_pool *pool, size_t which, size_t how) {                                        \
    name *object = (name *)held[which];                                                                         \
    assert_true(is_whole(object, sizeof *object));                                                              \
    held[which] = held[--held_count];                                                                           \
    if (how == 0)                                                                                               \
      name##_pool_discard(pool, object);                                                                        \
    else if (how == 1) {                                                                                        \
      name value = name##_pool_extract(pool, object);                                                           \
      assert_true((uintptr_t)&value % (boundary) == 0);                                                         \
    } else if (how < 20)                                                                                        \
      objpool_release(&pool->base, object);                                                                     \
    else                                                                                                        \
      name##_pool_release(pool, object);                                                                        \
  }                                                                                                             \
  static void in_order_##name(name##_pool *pool) {                                                              \
    size_t count = 0;                                                                                           \
    OBJPOOL_EACH(name##_pool, object, pool) assert_ptr_equal(object, held[count++]);                            \
    assert_int_equal(count, held_count);                                                                        \
  }                                                                                                             \
  static void use_##name(void) {                                                                                \
    for (int kind = 0; kind < KINDS; kind++) {                                                                  \
      static name##_pool pool;                                                                                  \
      source from = {0, false};                                                                                 \
      objpool_config config = config_of(kind, &from);                                                           \
      uint64_t seed = (uint64_t)kind + 1;                                                                       \
      assert_true(name##_pool_init(&pool, &config));                                                            \
      held_count = 0;                                                                                           \
      while (held_count < SOME && (!config.max_objects || held_count < config.max_objects)) take_##name(&pool); \
      if (LOOPS) in_order_##name(&pool);                                                                        \
      for (int step = 0; step < SCALED(1500, 500, 300); step++) {                                               \
        size_t dice = random_below(&seed, 1000);                                                                \
        if (dice < 450 && held_count < SOME)                                                                    \
          take_##name(&pool);                                                                                   \
        else if (dice < 990 && held_count > 0)                                                                  \
          give_##name(&pool, random_below(&seed, held_count), random_below(&seed, 40));                         \
        else if (dice < 994)                                                                                    \
          name##_pool_trim(&pool, random_below(&seed, 50));                                                     \
        else if (dice < 996)                                                                                    \
          name##_pool_trim_some(&pool, 0, random_below(&seed, 20));                                             \
        else if (dice < 998)                                                                                    \
          objpool_maintain(&pool.base);                                                                         \
        else                                                                                                    \
          name##_pool_warmup(&pool, random_below(&seed, 100));                                                  \
        assert_int_equal(name##_pool_stats(&pool).in_use, held_count);                                          \
      }                                                                                                         \
      size_t seen = 0;                                                                                          \
      if (LOOPS)                                                                                                \
        OBJPOOL_EACH(name##_pool, object, &pool) {                                                              \
          assert_true(is_whole(object, sizeof *object));                                                        \
          seen++;                                                                                               \
        }                                                                                                       \
      if (LOOPS) assert_int_equal(seen, held_count);                                                            \
      if (LOOPS) assert_int_equal(name##_pool_release_all(&pool), held_count);                                  \
      while (!LOOPS && held_count) give_##name(&pool, 0, 20);                                                   \
      name##_pool_clear(&pool);                                                                                 \
      assert_int_equal(name##_pool_stats(&pool).idle, 0);                                                       \
      objpool_stats stats = name##_pool_stats(&pool);                                                           \
      counts_add_up(&stats);                                                                                    \
      name##_pool_destroy(&pool);                                                                               \
      assert_int_equal(from.out, 0);                                                                            \
    }                                                                                                           \
  }

FILLS(half, 32, 32, opt.wipe = false)
FILLS(two_halves, 64, 32, opt.wipe = false)
FILLS(three_halves, 96, 32, opt.wipe = true)
FILLS(line, 64, 64, opt.local = false)
FILLS(local_line, 64, 64, opt.local = true)
FILLS(three_lines, 192, 64, opt.wipe = false)
FILLS(pair, 128, 128, opt.wipe = false)
FILLS(quarter, 1024, 1024, opt.wipe = false)
/* with other words beside the tag all stand before the object, whatever it fills */
FILLS(named_line, 64, 64, opt.handles = true)
FILLS(timed_line, 64, 64, opt.timed = true)
FILLS(tracked_line, 64, 64, opt.tracked = true)

/* 64, an eighth part of a segment's 64 for its word and what is left over, and a pointer to it while it is idle, for which there is
   room from the beginning; the pool itself and its blocks' heads take the rest. */
static void a_line_costs_at_most_84_bytes_in_all(void **state) {
  static line_pool pool;
  static local_line_pool local;
  objpool_config config = defaults();
  (void)state;
  config.max_objects = MANY;
  assert_true(line_pool_init(&pool, &config));
  assert_true(local_line_pool_init(&local, &config));
  assert_int_equal(line_pool_acquire_many(&pool, (line **)held, MANY), MANY);
  size_t shared_bytes = (size_t)line_pool_stats(&pool).memory_bytes;
  line_pool_release_many(&pool, (line *const *)held, MANY);
  assert_int_equal(local_line_pool_acquire_many(&local, (local_line **)held, MANY), MANY);
  size_t local_bytes = (size_t)local_line_pool_stats(&local).memory_bytes;
  local_line_pool_release_many(&local, (local_line *const *)held, MANY);
  print_message("bytes each: %.1f, local %.1f\n", (double)shared_bytes / (double)MANY, (double)local_bytes / (double)MANY);
  assert_true(shared_bytes <= MANY * 84);
  assert_true(local_bytes <= MANY * 84);
  line_pool_destroy(&pool);
  local_line_pool_destroy(&local);
}

/* Where the smallest such alignment begins: 24 bytes less each than with a tag before it. */
static void half_a_line_costs_at_most_56_bytes_in_all(void **state) {
  static half_pool pool;
  objpool_config config = defaults();
  (void)state;
  config.max_objects = MANY;
  assert_true(half_pool_init(&pool, &config));
  assert_int_equal(half_pool_acquire_many(&pool, (half **)held, MANY), MANY);
  size_t bytes = (size_t)half_pool_stats(&pool).memory_bytes;
  print_message("bytes each: %.1f\n", (double)bytes / (double)MANY);
  assert_true(bytes <= MANY * 56);
  half_pool_release_many(&pool, (half *const *)held, MANY);
  half_pool_destroy(&pool);
}

static void they_are_aligned_whole_and_in_order(void **state) {
  (void)state;
  use_half(), use_two_halves(), use_three_halves(), use_line(), use_local_line(), use_three_lines(), use_pair(),
      use_quarter(), use_named_line(), use_timed_line(), use_tracked_line();
}

/* ---- threads: each object has one owner */

typedef struct counted {
  __attribute__((__aligned__(64))) long owner;
  char rest[56];
} counted;
OBJPOOL_DEFINE(counted_pool, counted);
static counted_pool shared;

static void *take_and_give(void *argument) {
  uint64_t seed = (uint64_t)(uintptr_t)argument;
  counted *mine[20];
  size_t count = 0;
  for (int step = 0; step < SCALED(100000, 20000, 5000); step++) {
    if (count < 20 && (random_below(&seed, 2) || !count)) {
      counted *object = counted_pool_acquire(&shared);
      if (!object) continue;
      CHECK(object->owner == 0);
      object->owner = (long)(uintptr_t)argument;
      mine[count++] = object;
    } else if (count) {
      counted *object = mine[--count];
      CHECK(object->owner == (long)(uintptr_t)argument);
      object->owner = 0;
      if (step % 3)
        counted_pool_release(&shared, object);
      else
        objpool_release(&shared.base, object);
    }
    if (step % 5000 == 0) counted_pool_trim(&shared, 10);
  }
  while (count) mine[--count]->owner = 0, counted_pool_release(&shared, mine[count]);
  return NULL;
}

static void threads_share_them(void **state) {
#ifdef OBJPOOL_NO_THREADS
  skip();
#endif
  const size_t caps[] = {0, 30, 30, 50, 1000}, caches[] = {0, 0, OBJPOOL_NO_CACHE, OBJPOOL_NO_CACHE, OBJPOOL_NO_CACHE};
  (void)state;
  for (size_t i = 0; i < COUNT_OF(caps); i++) {
    pthread_t threads[4];
    objpool_config config = defaults();
    config.max_objects = caps[i];
    config.cache_size = caches[i];
    assert_true(counted_pool_init(&shared, &config));
    for (size_t t = 0; t < COUNT_OF(threads); t++) threads[t] = start_thread(take_and_give, (void *)(uintptr_t)(t + 1));
    for (size_t t = 0; t < COUNT_OF(threads); t++) join_thread(threads[t]);
    objpool_stats stats = counted_pool_stats(&shared);
    assert_int_equal(stats.in_use, 0);
    counts_add_up(&stats);
    counted_pool_destroy(&shared);
  }
}

/* ---- mistakes */

static void release_line(void *pool, void *object) { line_pool_release((line_pool *)pool, (line *)object); }
static void release_local(void *pool, void *object) {
  local_line_pool_release((local_line_pool *)pool, (local_line *)object);
}
static void release_quarter(void *pool, void *object) { quarter_pool_release((quarter_pool *)pool, (quarter *)object); }
static void release_untyped(void *pool, void *object) { objpool_release((objpool *)pool, object); }
static void discard_untyped(void *pool, void *object) { objpool_discard((objpool *)pool, object); }

static void told(void (*call)(void *, void *), void *pool, void *object, const char *mistake) {
  objpool_stats before = objpool_snapshot((objpool *)pool), after;
  if (!panics(call, pool, object)) fail_msg("no panic, but %p %s", object, mistake);
  if (!strstr(panic_message, mistake)) fail_msg("%p %s: it says \"%s\"", object, mistake, panic_message);
  after = objpool_snapshot((objpool *)pool);
  assert_int_equal(before.in_use, after.in_use);
  assert_int_equal(before.idle, after.idle);
}

/* In a pool of such a type, with an object in use and another one idle. */
static const bool looks_anywhere =
    SCALED(true, false, false); /* a sanitizer reports the look at what is not the pool's */

static void tell_all(objpool *pool, void (*release)(void *, void *), size_t size, objpool *other) {
  char *in_use = (char *)objpool_acquire(pool), *idle = (char *)objpool_acquire(pool);
  void *of_other = objpool_acquire(other);
  assert_true(in_use && idle && of_other);
  memset(in_use, 0xff, size); /* what an object holds is no tag */
  memset(idle, 0xff, size);
  objpool_release(pool, idle);
  void (*const ways[])(void *, void *) = {release, release_untyped, discard_untyped};
  for (size_t way = 0; way < COUNT_OF(ways); way++) {
    told(ways[way], pool, idle, "released twice");
    if (looks_anywhere) told(ways[way], pool, of_other, "belongs to another pool");
    for (size_t into = 1; into < size; into += into) {
      told(ways[way], pool, in_use + into, "middle of an object");
      told(ways[way], pool, idle + into, "middle of an object"); /* it leads to the same word */
    }
    size_t segment = pool->state->blocks.alignment;
    char *begin = (char *)((uintptr_t)in_use & ~(uintptr_t)(segment - 1));
    told(ways[way], pool, begin + segment - 8, "is not an object of this pool");
    char *nobodys = (char *)pool->state->blocks.oldest;
    told(ways[way], pool, nobodys, "is not an object of this pool");
  }
  uintptr_t *tag = objpool__tag(in_use, pool->state->blocks.apart), kept = *tag;
  *tag ^= (uintptr_t)1 << 16; /* something wrote beyond its segment's last object */
  for (size_t way = 0; way < COUNT_OF(ways); way++) told(ways[way], pool, in_use, "is not in use");
  *tag = kept;
  if (looks_anywhere) told(release_untyped, other, in_use, "belongs to another pool");
  objpool_release(other, of_other);
  objpool_release(pool, in_use);
}

static void each_mistake_is_told(void **state) {
  static line_pool lines, more_lines;
  static local_line_pool local;
  static quarter_pool quarters;
  (void)state;
#ifdef OBJPOOL_UNCHECKED
  (void)lines, (void)more_lines, (void)local, (void)quarters, (void)tell_all, skip();
#else
  for (int kind = 0; kind < KINDS; kind++) {
    source from = {0, false};
    objpool_config config = config_of(kind, &from);
    assert_true(line_pool_init(&lines, &config) && line_pool_init(&more_lines, &config) &&
                local_line_pool_init(&local, &config) && quarter_pool_init(&quarters, &config));
    tell_all(&lines.base, release_line, sizeof(line), &quarters.base);
    tell_all(&lines.base, release_line, sizeof(line), &more_lines.base);
    tell_all(&local.base, release_local, sizeof(local_line), &lines.base);
    tell_all(&quarters.base, release_quarter, sizeof(quarter), &lines.base);
    line_pool_destroy(&lines);
    line_pool_destroy(&more_lines);
    local_line_pool_destroy(&local);
    quarter_pool_destroy(&quarters);
    assert_int_equal(from.out, 0);
  }
#endif
}

/* A page between two that must not be touched: whatever is given back there, nothing outside of it is read. */
static void a_pointer_from_elsewhere_is_told_and_nothing_beside_it_is_read(void **state) {
  static line_pool lines;
  static quarter_pool quarters;
  const size_t page = 4096;
  (void)state;
#ifdef OBJPOOL_UNCHECKED
  (void)lines, (void)quarters, (void)page, skip();
#else
  char *all = (char *)mmap(NULL, 8 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *pages = all;
  assert_true(all != MAP_FAILED);
  while ((uintptr_t)pages % (4 * page)) pages += page; /* the second of four that a larger segment would hold */
  assert_int_equal(mprotect(pages + page, page, PROT_READ), 0);
  line *line_in_use = line_pool_acquire(&lines);
  quarter *quarter_in_use = quarter_pool_acquire(&quarters);
  for (size_t at = 0; at < page; at += 64) {
    told(release_line, &lines, pages + page + at, "is not an object of this pool");
    told(release_quarter, &quarters, pages + page + at, "is not an object of this pool");
  }
  line_pool_release(&lines, line_in_use);
  quarter_pool_release(&quarters, quarter_in_use);
  line_pool_destroy(&lines);
  quarter_pool_destroy(&quarters);
  munmap(all, 8 * page);
#endif
}

/* ---- memory from an arena */

typedef struct arena {
  char *bytes;
  size_t size, used;
} arena;

static void *arena_allocate(size_t size, size_t alignment, void *context) {
  arena *from = (arena *)context;
  size_t begin = from->used + (alignment - ((uintptr_t)from->bytes + from->used) % alignment) % alignment;
  if (begin > from->size || size > from->size - begin) return NULL;
  from->used = begin + size;
  return from->bytes + begin;
}
static void arena_deallocate(void *memory, size_t size, size_t alignment, void *context) {
  (void)memory, (void)size, (void)alignment, (void)context;
}

#define ARENA(name)                                                                             \
  for (size_t objects = 1; objects <= SOME; objects = objects < 20 ? objects + 1 : 3 * objects) \
    for (int kind = 0; kind < 2; kind++) {                                                      \
      static name##_pool pool;                                                                  \
      objpool_config config = defaults();                                                       \
      arena from = {NULL, name##_pool_memory_for(objects, 1), 0};                               \
      assert_non_null(from.bytes = (char *)malloc(from.size + 16));                             \
      config.allocator.allocate = arena_allocate;                                               \
      config.allocator.deallocate = arena_deallocate;                                           \
      config.allocator.context = &from;                                                         \
      config.reserve = config.max_objects = objects;                                            \
      config.cache_size = kind ? OBJPOOL_NO_CACHE : 0;                                          \
      assert_true(name##_pool_init(&pool, &config));                                            \
      for (int round = 0; round < 3; round++) {                                                 \
        assert_int_equal(name##_pool_acquire_many(&pool, (name **)held, objects), objects);     \
        name##_pool_release_many(&pool, (name *const *)held, objects);                          \
        name##_pool_trim(&pool, objects / 2);                                                   \
      }                                                                                         \
      name##_pool_destroy(&pool);                                                               \
      free(from.bytes);                                                                         \
    }

static void memory_for_is_enough(void **state) {
  (void)state;
  ARENA(half) ARENA(line) ARENA(local_line) ARENA(three_lines) ARENA(pair) ARENA(quarter)
}

/* A look at a pointer of the program's, for a pool whose tags stand before the objects, stays where it was without such pools. */
typedef struct small {
  long number;
} small;
OBJPOOL_DEFINE(small_pool, small);
static void release_small(void *pool, void *object) { small_pool_release((small_pool *)pool, (small *)object); }

static void other_pools_do_not_look_elsewhere(void **state) {
  static small_pool smalls;
  static line_pool lines;
  (void)state;
#ifdef OBJPOOL_UNCHECKED
  (void)smalls, (void)lines, (void)release_small, skip();
#else
  small *mine = small_pool_acquire(&smalls);
  line *line_in_use = line_pool_acquire(&lines);
  long *program[8]; /* AddressSanitizer knows where each ends */
  for (size_t i = 0; i < COUNT_OF(program); i++) {
    assert_non_null(program[i] = (long *)calloc(2, sizeof **program));
    told(release_small, &smalls, program[i] + 1, "is not an object of this pool");
  }
  for (size_t i = 0; i < COUNT_OF(program); i++) free(program[i]);
  line_pool_release(&lines, line_in_use);
  small_pool_release(&smalls, mine);
  line_pool_destroy(&lines);
  small_pool_destroy(&smalls);
#endif
}

static void an_allocator_that_aligns_less_has_no_memory(void **state) {
  static line_pool pool;
  source from = {0, true};
  objpool_config config = config_of(0, &from);
  (void)state;
  assert_true(line_pool_init(&pool, &config));
  errno = 0;
  assert_null(line_pool_acquire(&pool));
  assert_int_equal(errno, ENOMEM);
  assert_int_equal(line_pool_stats(&pool).in_use, 0);
  from.less = false;
  line *object = line_pool_acquire(&pool);
  assert_non_null(object);
  line_pool_release(&pool, object);
  line_pool_destroy(&pool);
  assert_int_equal(from.out, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_line_costs_at_most_84_bytes_in_all),
      cmocka_unit_test(half_a_line_costs_at_most_56_bytes_in_all),
      cmocka_unit_test(they_are_aligned_whole_and_in_order),
      cmocka_unit_test(threads_share_them),
      cmocka_unit_test(each_mistake_is_told),
      cmocka_unit_test(a_pointer_from_elsewhere_is_told_and_nothing_beside_it_is_read),
      cmocka_unit_test(other_pools_do_not_look_elsewhere),
      cmocka_unit_test(memory_for_is_enough),
      cmocka_unit_test(an_allocator_that_aligns_less_has_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
