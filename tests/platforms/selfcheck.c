/* selfcheck: what objpool.h promises, in one program that needs nothing but the header and the C library: for systems and processors
   without a test library. It says what it looked at and whether thread caches are open here, or aborts at the first promise broken.

   build: cc -std=c11 -O2 -pthread -I../.. selfcheck.c -o selfcheck      C++ as well; with -DOBJPOOL_NO_THREADS what one thread can see
   selfcheck [ROUNDS]                                                 of the parts with threads [1] */
static void panic_seen(const char *message);
#define OBJPOOL_PANIC(message) panic_seen(message)
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifndef OBJPOOL_NO_THREADS
#include <pthread.h>
#include <sched.h>
#endif

#define CHECK(condition) ((condition) ? (void)0 : failed(#condition, __LINE__))

static __attribute__((noreturn)) void failed(const char *condition, int line) {
  fprintf(stderr, "selfcheck.c:%d: this should hold: %s (errno: %s)\n", line, condition, strerror(errno));
  abort();
}

static objpool_config defaults(void) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  return config;
}

/* Panics are noted and return: the call then had no effect. */
static char panic_message[300];
static int panics;

static void panic_seen(const char *message) {
  snprintf(panic_message, sizeof panic_message, "%s", message);
  panics++;
}

/* ---- objects, plain and with hooks */

struct thing {
  uint32_t owner;    /* 0: nobody's */
  uint32_t words[7]; /* plain memory: only the pool orders what different threads write here */
};

struct seen { /* by the hooks of a pool; threads share it */
  long created, reset, validated, destroyed;
  bool refuse, invalid;
};

static void count(long *counter) { __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED); }

static bool thing_create(struct thing *thing, void *context) {
  struct seen *seen = (struct seen *)context;
  for (size_t i = 0; i < 7; i++) CHECK(thing->words[i] == 0);
  CHECK(thing->owner == 0);
  if (seen->refuse) return false;
  count(&seen->created);
  return true;
}

static void thing_reset(struct thing *thing, void *context) {
  (void)thing;
  count(&((struct seen *)context)->reset);
}

static bool thing_validate(struct thing *thing, void *context) {
  (void)thing;
  count(&((struct seen *)context)->validated);
  return !((struct seen *)context)->invalid;
}

static void thing_destroy(struct thing *thing, void *context) {
  CHECK(thing->owner == 0);
  count(&((struct seen *)context)->destroyed);
}

OBJPOOL_DEFINE(plain_pool, struct thing);
OBJPOOL_DEFINE(hooked_pool, struct thing, opt.create = thing_create, opt.reset = thing_reset, opt.validate = thing_validate,
               opt.destroy = thing_destroy);
OBJPOOL_DEFINE(shared_pool, struct thing, opt.create = thing_create, opt.destroy = thing_destroy);
OBJPOOL_DEFINE(local_pool, struct thing, opt.local = true);
OBJPOOL_DEFINE(wiped_pool, struct thing, opt.wipe = true);

static bool is_all_zero(const void *memory, size_t size) {
  const unsigned char *bytes = (const unsigned char *)memory;
  while (size > 0 && bytes[size - 1] == 0) size--;
  return size == 0;
}

static void a_zero_pool_is_ready(void) {
  static plain_pool pool;
  struct thing *one, *two;
  CHECK(plain_pool_try_acquire(&pool) == NULL && errno == EAGAIN);
  CHECK((one = plain_pool_acquire(&pool)) != NULL);
  CHECK((two = plain_pool_acquire(&pool)) != NULL && two != one);
  CHECK(is_all_zero(one, sizeof *one) && is_all_zero(two, sizeof *two));
  plain_pool_release(&pool, NULL);
  plain_pool_release(&pool, two);
  errno = EDOM;
  plain_pool_release(&pool, one);
  CHECK(errno == EDOM);
  CHECK(plain_pool_try_acquire(&pool) == one); /* the newest first: it is warm */
  CHECK(plain_pool_try_acquire(&pool) == two);
  CHECK(plain_pool_try_acquire(&pool) == NULL && errno == EAGAIN);
  plain_pool_release(&pool, one);
  plain_pool_release(&pool, two);
  plain_pool_destroy(&pool);
  CHECK(is_all_zero(&pool, sizeof pool));
  plain_pool_destroy(&pool);
}

static void objects_keep_their_state(void) {
  enum { COUNT = 300 };
  static struct thing *things[COUNT];
  static plain_pool pool;
  for (uint32_t i = 0; i < COUNT; i++) {
    CHECK((things[i] = plain_pool_acquire(&pool)) != NULL);
    memset(things[i], (int)(i & 255), sizeof *things[i]);
    things[i]->owner = i;
  }
  for (size_t i = 0; i < COUNT; i++) plain_pool_release(&pool, things[i]);
  for (size_t i = 0; i < COUNT; i++) {
    struct thing *thing = plain_pool_try_acquire(&pool), expected;
    CHECK(thing && thing->owner < COUNT && thing == things[thing->owner]);
    memset(&expected, (int)(thing->owner & 255), sizeof expected);
    CHECK(memcmp(thing->words, expected.words, sizeof expected.words) == 0);
  }
  for (size_t i = 0; i < COUNT; i++) plain_pool_release(&pool, things[i]);
  plain_pool_destroy(&pool);
}

static void hooks_run_once_per_occasion(void) {
  struct seen seen;
  struct thing *thing, value;
  hooked_pool pool;
  objpool_config config = defaults();
  objpool_stats stats;
  memset(&seen, 0, sizeof seen);
  config.context = &seen;
  config.warmup = 2;
  CHECK(hooked_pool_init(&pool, &config) && seen.created == 2);
  CHECK((thing = hooked_pool_acquire(&pool)) != NULL && seen.created == 2 && seen.validated == 1);
  hooked_pool_release(&pool, thing);
  CHECK(seen.reset == 1 && seen.validated == 2 && seen.destroyed == 0);
  CHECK((thing = hooked_pool_acquire(&pool)) != NULL);
  hooked_pool_discard(&pool, thing);
  CHECK(seen.reset == 1 && seen.destroyed == 1);
  CHECK((thing = hooked_pool_acquire(&pool)) != NULL);
  thing->words[3] = 77;
  value = hooked_pool_extract(&pool, thing);
  CHECK(value.words[3] == 77 && seen.reset == 1 && seen.destroyed == 1);
  seen.refuse = true;
  CHECK(hooked_pool_acquire(&pool) == NULL && errno == ECANCELED);
  seen.refuse = false;
  CHECK((thing = hooked_pool_acquire(&pool)) != NULL && seen.created == 3);
  seen.invalid = true;
  hooked_pool_release(&pool, thing);
  CHECK(seen.reset == 2 && seen.destroyed == 2);
  seen.invalid = false;
  stats = hooked_pool_stats(&pool);
  CHECK(stats.created == 3 && stats.destroyed == 2 && stats.extracted == 1 && stats.invalid == 2 &&
        stats.create_failures == 1);
  CHECK(stats.in_use == 0 && stats.idle == 0);
  hooked_pool_destroy(&pool);
  CHECK(seen.created == 3 && seen.destroyed == 2);
}

/* ---- limits */

static bool refused(objpool_config config) {
  static plain_pool pool;
  bool made = plain_pool_init(&pool, &config);
  int error = errno;
  CHECK(made || is_all_zero(&pool, sizeof pool));
  plain_pool_destroy(&pool);
  errno = error;
  return !made;
}

static void limits_are_exact(void) {
  enum { MOST = 9 };
  struct thing *things[MOST + 1];
  plain_pool pool;
  objpool_config config = defaults();
  objpool_stats stats;
  config.max_objects = MOST;
  config.max_idle = 4;
  CHECK(plain_pool_init(&pool, &config));
  CHECK(plain_pool_acquire_many(&pool, things, MOST + 1) == MOST && errno == EAGAIN);
  CHECK(plain_pool_acquire(&pool) == NULL && errno == EAGAIN);
  plain_pool_release_many(&pool, things, MOST);
  stats = plain_pool_stats(&pool);
  CHECK(stats.idle == 4 && stats.overflowed == MOST - 4 && stats.exhausted >= 1 && stats.peak_in_use == MOST);
  CHECK(!plain_pool_resize(&pool, 5, 4) && errno == EINVAL);
  CHECK(plain_pool_resize(&pool, 2, 3));
  CHECK(plain_pool_stats(&pool).idle == 2);
  CHECK(plain_pool_acquire_many(&pool, things, 4) == 3);
  CHECK(plain_pool_resize(&pool, 0, 1)); /* two more are alive than that: they go as they come back */
  plain_pool_release(&pool, things[0]);
  plain_pool_release(&pool, things[1]);
  CHECK(plain_pool_stats(&pool).in_use == 1 && plain_pool_stats(&pool).idle == 0);
  CHECK(plain_pool_acquire(&pool) == NULL && errno == EAGAIN);
  plain_pool_release(&pool, things[2]);
  CHECK(plain_pool_stats(&pool).idle == 1);
  plain_pool_destroy(&pool);

  config = defaults(), config.warmup = 5, config.max_idle = 4;
  CHECK(refused(config) && errno == EINVAL);
  config = defaults(), config.min_idle = 5, config.max_objects = 4;
  CHECK(refused(config) && errno == EINVAL);
  config = defaults(), config.max_idle = 5, config.max_objects = 4;
  CHECK(refused(config) && errno == EINVAL);
  config = defaults(), config.growth_factor = 0.5;
  CHECK(refused(config) && errno == EINVAL);
  config = defaults(), config.shrink_threshold = 1.5;
  CHECK(refused(config) && errno == EINVAL);
}

static void warmup_trim_and_clear(void) {
  struct thing *things[100];
  plain_pool pool;
  uint64_t full;
  CHECK(plain_pool_init(&pool, NULL));
  CHECK(plain_pool_warmup(&pool, 5000) == 5000 && plain_pool_warmup(&pool, 5000) == 0);
  full = plain_pool_stats(&pool).memory_bytes;
  CHECK(full >= 5000 * sizeof(struct thing));
  CHECK(plain_pool_acquire_many(&pool, things, 100) == 100);
  CHECK(plain_pool_trim(&pool, 200) == 4700 && plain_pool_stats(&pool).idle == 200);
  plain_pool_release_many(&pool, things, 100);
  CHECK(plain_pool_clear(&pool) == 300);
  CHECK(plain_pool_stats(&pool).memory_bytes < full / 2);
  plain_pool_destroy(&pool);
}

/* ---- memory */

typedef struct line {
  char bytes[100];
} __attribute__((aligned(64))) line;
typedef struct page {
  char bytes[4096];
} __attribute__((aligned(4096))) page;

OBJPOOL_DEFINE(byte_pool, char);
OBJPOOL_DEFINE(wide_pool, long double);
OBJPOOL_DEFINE(line_pool, line);
OBJPOOL_DEFINE(page_pool, page);

#define CHECK_ALIGNED(name, T, bytes)                       \
  do {                                                      \
    static name pool;                                       \
    T *objects[20];                                         \
    CHECK(name##_acquire_many(&pool, objects, 20) == 20);   \
    for (int i = 0; i < 20; i++) {                          \
      CHECK((uintptr_t)objects[i] % (bytes) == 0);          \
      memset((void *)objects[i], 0x5a, sizeof *objects[i]); \
    }                                                       \
    name##_release_many(&pool, objects, 20);                \
    name##_destroy(&pool);                                  \
  } while (0)

struct budget {
  size_t allocations, bytes;
};

static void *allocate_within(size_t size, size_t alignment, void *context) {
  struct budget *budget = (struct budget *)context;
  char *raw;
  if (budget->allocations == 0) return NULL;
  raw = (char *)malloc(size + alignment + sizeof(void *));
  if (!raw) return NULL;
  budget->allocations--;
  budget->bytes += size;
  uintptr_t start = ((uintptr_t)raw + sizeof(void *) + alignment - 1) / alignment * alignment;
  memset((void *)start, 0xee, size); /* nobody promised zeros */
  memcpy((char *)start - sizeof raw, &raw, sizeof raw);
  return (void *)start;
}

static void deallocate_again(void *memory, size_t size, size_t alignment, void *context) {
  char *raw;
  memcpy(&raw, (char *)memory - sizeof raw, sizeof raw);
  CHECK((uintptr_t)memory % alignment == 0);
  ((struct budget *)context)->bytes -= size;
  free(raw);
}

static void memory_is_aligned_accounted_and_may_run_out(void) {
  struct budget budget = {0, 0};
  objpool_config config = defaults();
  objpool_type type;
  size_t allowed = 0;
  CHECK_ALIGNED(byte_pool, char, 1);
  CHECK_ALIGNED(wide_pool, long double, __alignof__(long double));
  CHECK_ALIGNED(line_pool, line, 64);
  CHECK_ALIGNED(page_pool, page, 4096);

  config.allocator.allocate = allocate_within;
  config.allocator.deallocate = deallocate_again;
  config.allocator.context = &budget;
  for (bool whole = false; !whole; allowed++) { /* one allocation more each time, until it need no more */
    plain_pool pool;
    struct thing *things[50];
    size_t got = 0;
    CHECK(allowed < 1000);
    budget.allocations = allowed;
    if (!plain_pool_init(&pool, &config)) {
      CHECK(errno == ENOMEM && budget.bytes == 0);
      continue;
    }
    got = plain_pool_acquire_many(&pool, things, 50);
    CHECK(got == 50 || errno == ENOMEM);
    whole = got == 50 && budget.allocations > 0;
    for (size_t i = 0; i < got; i++) CHECK(is_all_zero(things[i], sizeof *things[i]));
    plain_pool_release_many(&pool, things, got);
    CHECK(plain_pool_stats(&pool).in_use == 0 && plain_pool_stats(&pool).idle == got);
    CHECK(plain_pool_stats(&pool).memory_bytes == budget.bytes);
    plain_pool_destroy(&pool);
    CHECK(budget.bytes == 0);
  }

  memset(&type, 0, sizeof type);
  type.alignment = 8;
  for (size_t below = 0; below < 100; below += 7) { /* sizes that overflow when a header is added, or rounded */
    objpool pool;
    memset(&pool, 0, sizeof pool);
    type.size = SIZE_MAX - below;
    if (objpool_init(&pool, &type, NULL)) CHECK(objpool_acquire(&pool) == NULL);
    CHECK(errno == ENOMEM);
    objpool_destroy(&pool);
  }
}

static void wiped_objects_leave_nothing(void) {
  wiped_pool pool;
  struct thing *thing;
  const volatile unsigned char *bytes;
  size_t left = 0;
  CHECK(wiped_pool_init(&pool, NULL));
  CHECK((thing = wiped_pool_acquire(&pool)) != NULL);
  memset(thing, 0xa5, sizeof *thing);
  bytes = (const volatile unsigned char *)thing;
  wiped_pool_release(&pool, thing);
  for (size_t i = 0; i < sizeof *thing; i++) left += bytes[i] != 0;
  CHECK(left == 0);
  wiped_pool_destroy(&pool);
}

/* ---- numbers and texts */

static const char *decimal(uint64_t number) { /* without printf: its formats for 64 bits are among what is checked */
  static char text[24];
  char *digit = text + sizeof text - 1;
  do *--digit = (char)('0' + number % 10);
  while (number /= 10);
  return digit;
}

static bool contains(const char *text, const char *before, uint64_t number, const char *after) {
  char expected[200];
  snprintf(expected, sizeof expected, "%s%s%s", before, decimal(number), after);
  return strstr(text, expected) != NULL;
}

static void statistics_and_texts(void) {
  static char text[20000], shorter[20000];
  static const objpool_format_kind kinds[3] = {OBJPOOL_TEXT, OBJPOOL_JSON, OBJPOOL_PROMETHEUS};
  plain_pool pool;
  struct thing *things[8];
  objpool_stats stats;
  objpool_config config = defaults();
  config.name = "self\"check";
  config.max_objects = SIZE_MAX / 3;
  CHECK(plain_pool_init(&pool, &config));
  CHECK(plain_pool_acquire_many(&pool, things, 8) == 8);
  plain_pool_release_many(&pool, things, 6);
  CHECK((things[0] = plain_pool_acquire(&pool)) != NULL);
  stats = plain_pool_stats(&pool);
  CHECK(stats.acquires == 9 && stats.releases == 6 && stats.hits == 1 && stats.misses == 8);
  CHECK(stats.created == 8 && stats.in_use == 3 && stats.idle == 5 && stats.peak_in_use == 8 &&
        stats.max_objects == SIZE_MAX / 3);
  CHECK(stats.object_size == sizeof(struct thing) && stats.now_ns >= stats.since_ns && stats.since_ns > 0);
  CHECK(objpool_bytes_saved(&stats) == sizeof(struct thing));
  CHECK(objpool_hit_rate(&stats) > 0.111 && objpool_hit_rate(&stats) < 0.112);
  for (size_t kind = 0; kind < 3; kind++) {
    int length = objpool_format(&pool.base, kinds[kind], text, sizeof text);
    CHECK(length > 0 && strlen(text) == (size_t)length);
    CHECK(objpool_format(&pool.base, kinds[kind], shorter, 10) > 9 && strlen(shorter) == 9 &&
          memcmp(text, shorter, 9) == 0);
  }
  CHECK(objpool_format(&pool.base, OBJPOOL_JSON, text, sizeof text) > 0);
  CHECK(contains(text, "\"name\":\"self\\\"check\",\"acquires\":", 9, ","));
  CHECK(contains(text, "\"max_objects\":", SIZE_MAX / 3, ","));
  CHECK(contains(text, "\"object_size\":", sizeof(struct thing), ","));
  CHECK(contains(text, "\"since_ns\":", stats.since_ns, ","));
  CHECK(strstr(text, "\"hit_rate\":0.111111,") != NULL);
  CHECK(objpool_format(NULL, OBJPOOL_PROMETHEUS, text, sizeof text) > 0);
  CHECK(contains(text, "objpool_objects_max{pool=\"self\\\"check\"} ", SIZE_MAX / 3, "\n"));
  CHECK(objpool_report(&pool.base, text, sizeof text) == (int)strlen(text));
  CHECK(strstr(text, "Recommendation: ") != NULL);
  plain_pool_reset_stats(&pool);
  stats = plain_pool_stats(&pool);
  CHECK(stats.acquires == 0 && stats.created == 0 && stats.in_use == 3 && stats.peak_in_use == 3);
  plain_pool_release(&pool, things[0]);
  plain_pool_release(&pool, things[6]);
  plain_pool_release(&pool, things[7]);
  plain_pool_destroy(&pool);
}

/* ---- guards */

static plain_pool guarded;

static bool return_from_a_scope(void) {
  OBJPOOL_SCOPED(plain_pool) guard = plain_pool_guard_acquire(&guarded);
  guard.object->owner = 1;
  CHECK(plain_pool_stats(&guarded).in_use == 1);
  return true;
}

static void guards_release_at_the_end_of_their_scope(void) {
  int runs = 0;
  CHECK(return_from_a_scope() && plain_pool_stats(&guarded).in_use == 0);
  for (int i = 0; i < 3; i++) {
    OBJPOOL_SCOPED(plain_pool) guard = plain_pool_guard_acquire(&guarded);
    CHECK(plain_pool_guard_ref(&guard) == guard.object && plain_pool_guard_mut(&guard) == guard.object);
    runs++;
    if (i == 0) continue;
    break;
  }
  OBJPOOL_WITH(plain_pool, thing, &guarded) {
    thing->owner = 2;
    runs++;
    break;
  }
  CHECK(runs == 3 && plain_pool_stats(&guarded).in_use == 0 && plain_pool_stats(&guarded).created == 1);
  {
    plain_pool_guard guard = plain_pool_guard_acquire(&guarded), moved = plain_pool_guard_move(&guard);
    CHECK(!guard.object && moved.object);
    struct thing *taken = plain_pool_guard_take(&moved);
    CHECK(taken && !moved.object && plain_pool_stats(&guarded).in_use == 1);
    plain_pool_guard_release(&moved);
    plain_pool_release(&guarded, taken);
  }
  CHECK(plain_pool_stats(&guarded).in_use == 0);
  CHECK(plain_pool_resize(&guarded, OBJPOOL_UNCHANGED, 1));
  OBJPOOL_WITH(plain_pool, thing, &guarded) {
    (void)thing;
    OBJPOOL_WITH(plain_pool, none, &guarded)
      CHECK(!none);
    else {
      CHECK(errno == EAGAIN);
      runs++;
    }
  }
  CHECK(runs == 4);
  plain_pool_destroy(&guarded);
}

/* ---- misuse: noticed, named, without effect */

static void mistakes_are_noticed(void) {
#ifndef OBJPOOL_UNCHECKED
  plain_pool pool, other;
  objpool_config config = defaults();
  struct thing *thing, *another, *elsewhere;
  plain_pool_guard empty;
  struct {
    uintptr_t before;
    struct thing thing;
  } own;
  memset(&own, 0, sizeof own);
  memset(&empty, 0, sizeof empty);
  config.name = "mistaken";
  CHECK(plain_pool_init(&pool, &config) && plain_pool_init(&other, NULL));
  CHECK((thing = plain_pool_acquire(&pool)) != NULL && (another = plain_pool_acquire(&pool)) != NULL);
  CHECK((elsewhere = plain_pool_acquire(&other)) != NULL);
  empty.pool = &pool;
  panics = 0;
  plain_pool_release(&pool, elsewhere);
  CHECK(panics == 1 && strstr(panic_message, "'mistaken'") != NULL);
  plain_pool_release(&other, thing);
  CHECK(panics == 2 && strstr(panic_message, "'plain_pool'") != NULL);
  plain_pool_release(&pool, (struct thing *)(void *)&thing->words[1]);
  CHECK(panics == 3);
  plain_pool_release(&pool, &own.thing);
  CHECK(panics == 4);
  CHECK(plain_pool_guard_ref(&empty) == NULL && panics == 5);
  plain_pool_release(&pool, thing);
  CHECK(panics == 5);
  plain_pool_release(&pool, thing);
  CHECK(panics == 6);
  plain_pool_discard(&pool, thing);
  CHECK(panics == 7);
  CHECK(plain_pool_stats(&pool).in_use == 1 && plain_pool_stats(&pool).idle == 1 &&
        plain_pool_stats(&other).in_use == 1);
  CHECK(plain_pool_try_acquire(&pool) == thing);
  plain_pool_release(&pool, another);
  plain_pool_release(&pool, thing);
  plain_pool_release(&other, elsewhere);
  CHECK(panics == 7);
  plain_pool_destroy(&pool);
  plain_pool_destroy(&other);
#endif
}

static void pools_of_one_thread_and_without_a_type(void) {
  local_pool local;
  objpool untyped;
  objpool_type type;
  objpool_config config = defaults();
  struct thing *things[20];
  void *object;
  config.max_objects = 20;
  CHECK(local_pool_init(&local, &config));
  CHECK(local_pool_acquire_many(&local, things, 20) == 20);
  CHECK(local_pool_acquire(&local) == NULL && errno == EAGAIN);
  CHECK(local_pool_acquire_for(&local, 1000) == NULL && errno == EDEADLK);
  local_pool_release_many(&local, things, 20);
  CHECK(local_pool_trim(&local, 3) == 17 && local_pool_stats(&local).idle == 3);
  CHECK((things[0] = local_pool_acquire(&local)) != NULL);
  local_pool_release(&local, things[0]);
  local_pool_destroy(&local);

  memset(&type, 0, sizeof type);
  memset(&untyped, 0, sizeof untyped);
  CHECK(objpool_acquire(&untyped) == NULL && errno == EINVAL);
  type.size = 100;
  type.alignment = 32;
  CHECK(objpool_init(&untyped, &type, &config));
  CHECK((object = objpool_acquire(&untyped)) != NULL && (uintptr_t)object % 32 == 0);
  objpool_release(&untyped, object);
  CHECK(objpool_snapshot(&untyped).idle == 1 && objpool_clear(&untyped) == 1);
  objpool_destroy(&untyped);
}

/* ---- the fleet */

static long alerts, visits;

static void alerted(const objpool_alert *alert, void *user) {
  CHECK(user == &alerts && strcmp(alert->pool_name, "watched") == 0 && alert->message[0]);
  if (alert->kind == OBJPOOL_ALERT_UTILIZATION) count(&alerts);
}

static void visited(objpool *pool, void *user) {
  CHECK(user == &visits && strcmp(objpool_name(pool), "watched") == 0);
  count(&visits);
}

static void registry_monitor_and_maintenance(void) {
  plain_pool pool, twin;
  objpool_monitor monitor;
  objpool_config config = defaults();
  struct thing *things[10];
  config.name = "watched";
  config.max_objects = 10;
  config.min_idle = 2;
  CHECK(plain_pool_init(&pool, &config));
  CHECK(!plain_pool_init(&twin, &config) && errno == EEXIST);
  CHECK(objpool_registry_find("watched") == &pool.base && objpool_registry_find("unknown") == NULL);
  CHECK(objpool_registry_each(visited, &visits) == 1 && visits == 1);
  CHECK(objpool_registry_snapshot().max_objects == 10);
  CHECK(objpool_maintain(&pool.base) >= 2 && plain_pool_stats(&pool).idle >= 2);
  CHECK(objpool_monitor_init(&monitor, NULL, alerted, &alerts));
  CHECK(plain_pool_acquire_many(&pool, things, 10) == 10);
  CHECK(objpool_monitor_poll(&monitor) >= 1 && alerts == 1);
  CHECK(objpool_monitor_poll(&monitor) == 0);
  plain_pool_release_many(&pool, things, 10);
  CHECK(objpool_monitor_poll(&monitor) >= 1 && alerts == 2); /* that it ended */
  objpool_monitor_destroy(&monitor);
  (void)objpool_memory_pressure(); /* whatever it is, asking for it works */
  plain_pool_destroy(&pool);
  CHECK(objpool_registry_find("watched") == NULL);
}

/* ---- C++: objects with constructors, guards that move */

#ifdef __cplusplus
static int built, taken_down;

struct built_thing {
  int value;
  built_thing() : value(7) { built++; }
  built_thing(built_thing &&other) noexcept : value(other.value) { other.value = 0, built++; }
  ~built_thing() { taken_down++; }
  built_thing(const built_thing &) = delete;
  built_thing &operator=(const built_thing &) = delete;
};

OBJPOOL_DEFINE(built_pool, built_thing);

static objpool_scoped<built_pool> hand_out(built_pool *pool) { return objpool_scoped<built_pool>(pool); }

static void constructors_destructors_and_moving_guards(void) {
  built_pool pool;
  CHECK(built_pool_init(&pool, NULL));
  {
    objpool_scoped<built_pool> guard = hand_out(&pool);
    CHECK(guard && guard->value == 7 && built == 1 && built_pool_stats(&pool).in_use == 1);
  }
  CHECK(built_pool_stats(&pool).in_use == 0 && taken_down == 0);
#if defined(__cpp_exceptions) || defined(__EXCEPTIONS)
  try {
    OBJPOOL_SCOPED(built_pool) guard(&pool);
    throw 1;
  } catch (int) {
    CHECK(built_pool_stats(&pool).in_use == 0);
  }
#endif
  CHECK(built_pool_extract(&pool, built_pool_acquire(&pool)).value == 7);
  CHECK(built_pool_stats(&pool).extracted == 1);
  built_pool_destroy(&pool);
  CHECK(built == taken_down);
}
#endif

/* ---- threads */

#ifndef OBJPOOL_NO_THREADS

enum { MAX_THREADS = 16, CAP = 128, HELD = 96 };

static uint32_t random_below(uint64_t *seed, uint32_t bound) { /* xorshift64* */
  *seed ^= *seed >> 12;
  *seed ^= *seed << 25;
  *seed ^= *seed >> 27;
  return (uint32_t)((*seed * UINT64_C(2685821657736338717)) >> 33) % bound;
}

struct worker {
  pthread_t thread;
  void *pool;
  long *shared; /* a permit count, or a place in a queue */
  uint32_t number;
  int together; /* how many begin at a time */
  long rounds;
};

static int arrived; /* threads that are about to begin, so that short ones overlap */

static void begin_together(int threads) {
  __atomic_fetch_add(&arrived, 1, __ATOMIC_RELAXED);
  while (__atomic_load_n(&arrived, __ATOMIC_RELAXED) < threads) sched_yield();
}

static void start(struct worker *worker, void *(*body)(void *)) {
  CHECK(pthread_create(&worker->thread, NULL, body, worker) == 0);
}

static void join(struct worker *worker) { CHECK(pthread_join(worker->thread, NULL) == 0); }

/* An object in the hands of one thread: the stamp is atomic, the words are not, so that a missing barrier shows. */
static void take(struct thing *thing, uint32_t owner) {
  CHECK(__atomic_exchange_n(&thing->owner, owner, __ATOMIC_RELAXED) == 0);
  for (size_t i = 1; i < 7; i++) CHECK(thing->words[i] == thing->words[0]);
  for (size_t i = 0; i < 7; i++) thing->words[i] += owner;
}

static void leave(struct thing *thing, uint32_t owner) {
  for (size_t i = 1; i < 7; i++) CHECK(thing->words[i] == thing->words[0]);
  CHECK(__atomic_exchange_n(&thing->owner, 0, __ATOMIC_RELAXED) == owner);
}

/* As many permits as objects, and an object only with a permit: so one is idle at every moment, and nobody may be refused,
   however the objects are spread over the caches. */
static void *acquire_with_permit(void *argument) {
  struct worker *worker = (struct worker *)argument;
  shared_pool *pool = (shared_pool *)worker->pool;
  struct thing *held[HELD];
  uint32_t holds = 0, wants = 0;
  uint64_t seed = worker->number * UINT64_C(0x9e3779b97f4a7c15);
  begin_together(worker->together);
  for (long round = 0; round < worker->rounds; round++) {
    if (holds == wants) wants = random_below(&seed, HELD + 1);
    if (random_below(&seed, 128) == 0) sched_yield(); /* with objects in hand, so that they run short */
    if (holds < wants) {
      long permits = __atomic_load_n(worker->shared, __ATOMIC_RELAXED);
      while (permits > 0 && !__atomic_compare_exchange_n(worker->shared, &permits, permits - 1, true, __ATOMIC_ACQ_REL,
                                                         __ATOMIC_RELAXED)) {}
      if (permits == 0) {
        wants = 0;
        continue;
      }
      held[holds] = round % 2 ? shared_pool_acquire(pool) : shared_pool_try_acquire(pool);
      CHECK(held[holds] && "one was idle");
      take(held[holds++], worker->number);
    } else if (holds > 0) {
      struct thing *thing = held[--holds];
      leave(thing, worker->number);
      shared_pool_release(pool, thing);
      __atomic_fetch_add(worker->shared, 1, __ATOMIC_ACQ_REL);
    }
  }
  while (holds > 0) {
    leave(held[--holds], worker->number);
    shared_pool_release(pool, held[holds]);
    __atomic_fetch_add(worker->shared, 1, __ATOMIC_ACQ_REL);
  }
  return NULL;
}

static uint64_t nobody_is_refused_while_one_is_idle(int threads, long rounds) {
  static struct worker workers[MAX_THREADS];
  static struct thing *all[CAP];
  struct seen seen;
  shared_pool pool;
  objpool_config config = defaults();
  objpool_stats stats;
  long permits = CAP;
  memset(&seen, 0, sizeof seen);
  config.context = &seen;
  config.max_objects = config.warmup = CAP;
  CHECK(shared_pool_init(&pool, &config));
  arrived = 0;
  for (int i = 0; i < threads; i++) {
    workers[i].pool = &pool;
    workers[i].shared = &permits;
    workers[i].number = (uint32_t)i + 1;
    workers[i].together = threads;
    workers[i].rounds = rounds;
    start(&workers[i], acquire_with_permit);
  }
  for (int i = 0; i < threads; i++) join(&workers[i]);
  stats = shared_pool_stats(&pool);
  CHECK(permits == CAP && seen.created == CAP && seen.destroyed == 0);
  CHECK(stats.in_use == 0 && stats.idle == CAP && stats.exhausted == 0 && stats.acquires == stats.releases);
  CHECK(shared_pool_acquire_many(&pool, all, CAP) == CAP); /* nothing is stranded in the caches of threads that ended */
  shared_pool_release_many(&pool, all, CAP);
  shared_pool_destroy(&pool);
  CHECK(seen.destroyed == CAP);
  return stats.revocations;
}

static int stop;

/* Acquires in every way, releases, discards, extracts, and hands objects to other threads. */
static struct thing *handed_on[32];

static void *do_everything(void *argument) {
  struct worker *worker = (struct worker *)argument;
  shared_pool *pool = (shared_pool *)worker->pool;
  struct thing *held[HELD];
  uint32_t holds = 0;
  uint64_t seed = worker->number * UINT64_C(0xbf58476d1ce4e5b9);
  begin_together(worker->together);
  for (long round = 0; round < worker->rounds; round++) {
    uint32_t choice = random_below(&seed, 64);
    if (random_below(&seed, 128) == 0) sched_yield();
    if (holds < HELD && (choice < 32 || holds == 0)) {
      struct thing *thing = choice < 2   ? shared_pool_acquire_for(pool, 50000)
                            : choice < 6 ? shared_pool_try_acquire(pool)
                                         : shared_pool_acquire(pool);
      if (!thing) {
        CHECK(errno == EAGAIN || errno == ETIMEDOUT);
        if (holds == 0) sched_yield();
        continue;
      }
      take(thing, worker->number);
      held[holds++] = thing;
    } else if (holds > 0) {
      struct thing *thing = held[--holds];
      leave(thing, worker->number);
      if (choice == 63) {
        shared_pool_discard(pool, thing);
      } else if (choice == 62) {
        struct thing value = shared_pool_extract(pool, thing);
        CHECK(value.owner == 0);
        count(worker->shared);
      } else if (choice > 55) { /* not into `thing`: gcc 12 -O3 for s390x and ppc64 then puts back what it took out */
        struct thing *before = __atomic_exchange_n(&handed_on[random_below(&seed, 32)], thing, __ATOMIC_ACQ_REL);
        shared_pool_release(pool, before);
      } else {
        shared_pool_release(pool, thing);
      }
    }
  }
  while (holds > 0) {
    leave(held[--holds], worker->number);
    shared_pool_release(pool, held[holds]);
  }
  return NULL;
}

static void *disturb(void *argument) {
  struct worker *worker = (struct worker *)argument;
  shared_pool *pool = (shared_pool *)worker->pool;
  uint64_t seed = 4711;
  while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
    switch (random_below(&seed, 4)) {
    case 0: shared_pool_trim(pool, random_below(&seed, 40)); break;
    case 1: CHECK(shared_pool_resize(pool, 8 + random_below(&seed, 32), OBJPOOL_UNCHANGED)); break;
    case 2: objpool_maintain(&pool->base); break;
    default: (void)shared_pool_stats(pool); break;
    }
    for (int i = 0; i < 20; i++) sched_yield();
  }
  return NULL;
}

static void everything_is_accounted_for(int threads, long rounds, size_t most, size_t cache_size) {
  static struct worker workers[MAX_THREADS + 1];
  struct seen seen;
  shared_pool pool;
  objpool_config config = defaults();
  objpool_stats stats;
  long extracted = 0;
  memset(&seen, 0, sizeof seen);
  config.context = &seen;
  config.max_objects = most;
  config.cache_size = cache_size;
  CHECK(shared_pool_init(&pool, &config));
  stop = arrived = 0;
  for (int i = 0; i <= threads; i++) {
    workers[i].pool = &pool;
    workers[i].shared = &extracted;
    workers[i].number = (uint32_t)i + 1;
    workers[i].together = threads;
    workers[i].rounds = rounds;
    start(&workers[i], i == threads ? disturb : do_everything);
  }
  for (int i = 0; i < threads; i++) join(&workers[i]);
  __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
  join(&workers[threads]);
  for (int i = 0; i < 32; i++) {
    shared_pool_release(&pool, handed_on[i]);
    handed_on[i] = NULL;
  }
  stats = shared_pool_stats(&pool);
  CHECK(stats.in_use == 0 && stats.waiting == 0 && stats.extracted == (uint64_t)extracted);
  CHECK(stats.created == stats.idle + stats.destroyed + stats.extracted);
  CHECK(stats.acquires == stats.releases + stats.extracted && stats.acquires == stats.hits + stats.misses);
  CHECK(stats.created == (uint64_t)seen.created && stats.destroyed == (uint64_t)seen.destroyed);
  CHECK(!most || stats.peak_in_use <= most);
  CHECK(shared_pool_clear(&pool) == stats.idle);
  shared_pool_destroy(&pool);
  CHECK(seen.created == seen.destroyed + extracted);
}

/* Threads that wait for the only object, one after the other. */
static void *wait_in_line(void *argument) {
  struct worker *worker = (struct worker *)argument;
  shared_pool *pool = (shared_pool *)worker->pool;
  struct thing *thing = shared_pool_acquire_for(pool, -1);
  CHECK(thing && __atomic_fetch_add(worker->shared, 1, __ATOMIC_ACQ_REL) == (long)worker->number);
  shared_pool_release(pool, thing);
  return NULL;
}

static void waiters_are_served_in_their_order(void) {
  enum { WAITERS = 5, TIMEOUT_NS = 30000000 };
  static struct worker workers[WAITERS];
  struct seen seen;
  shared_pool pool;
  objpool_config config = defaults();
  struct thing *thing;
  long served = 0;
  uint64_t begin;
  memset(&seen, 0, sizeof seen);
  config.context = &seen;
  config.max_objects = 1;
  CHECK(shared_pool_init(&pool, &config));
  CHECK((thing = shared_pool_acquire(&pool)) != NULL);
  begin = shared_pool_stats(&pool).now_ns;
  CHECK(shared_pool_acquire_for(&pool, 0) == NULL && errno == EAGAIN);
  CHECK(shared_pool_acquire_for(&pool, TIMEOUT_NS) == NULL && errno == ETIMEDOUT);
  CHECK(shared_pool_stats(&pool).now_ns - begin >= TIMEOUT_NS);
  for (uint32_t i = 0; i < WAITERS; i++) {
    workers[i].pool = &pool;
    workers[i].shared = &served;
    workers[i].number = i;
    start(&workers[i], wait_in_line);
    while (shared_pool_stats(&pool).waiting != i + 1) {
      CHECK(shared_pool_stats(&pool).now_ns - begin < UINT64_C(60000000000));
      sched_yield();
    }
  }
  CHECK(shared_pool_acquire(&pool) == NULL && errno == EAGAIN);
  shared_pool_release(&pool, thing);
  for (int i = 0; i < WAITERS; i++) join(&workers[i]);
  CHECK(served == WAITERS && shared_pool_stats(&pool).timeouts == 1 && shared_pool_stats(&pool).waiting == 0);
  shared_pool_destroy(&pool);
}

/* Threads that end: with objects in their caches, and with one that only a destructor of theirs gives back. */
static plain_pool visited_pool;
static pthread_key_t last_object;

static void release_last(void *object) { plain_pool_release(&visited_pool, (struct thing *)object); }

static void *use_and_end(void *argument) {
  struct thing *things[12];
  CHECK(plain_pool_attach(&visited_pool));
  CHECK(plain_pool_acquire_many(&visited_pool, things, 12) == 12);
  CHECK(pthread_setspecific(last_object, things[11]) == 0);
  plain_pool_release_many(&visited_pool, things, 11);
  return argument;
}

static void threads_that_end_strand_nothing(int threads) {
  enum { AT_ONCE = 8, MOST = 12 * AT_ONCE };
  static struct thing *all[MOST];
  objpool_config config = defaults();
  uint64_t memory = 0;
  config.max_objects = MOST;
  CHECK(plain_pool_init(&visited_pool, &config));
  CHECK(pthread_key_create(&last_object, release_last) == 0);
  for (int done = 0; done < threads; done += AT_ONCE) {
    struct worker workers[AT_ONCE];
    for (int i = 0; i < AT_ONCE; i++) start(&workers[i], use_and_end);
    for (int i = 0; i < AT_ONCE; i++) join(&workers[i]);
    CHECK(plain_pool_stats(&visited_pool).in_use == 0);
    CHECK(plain_pool_acquire_many(&visited_pool, all, MOST) == MOST);
    plain_pool_release_many(&visited_pool, all, MOST);
    if (done == threads / 2) memory = plain_pool_stats(&visited_pool).memory_bytes;
  }
  CHECK(memory == 0 || plain_pool_stats(&visited_pool).memory_bytes <= memory + 65536);
  CHECK(pthread_key_delete(last_object) == 0);
  plain_pool_destroy(&visited_pool);
}

static void the_monitor_has_a_thread(void) {
  plain_pool pool;
  objpool_monitor monitor;
  objpool_config config = defaults();
  uint64_t begin;
  config.name = "maintained";
  config.min_idle = 3;
  CHECK(plain_pool_init(&pool, &config));
  CHECK(objpool_monitor_init(&monitor, NULL, NULL, NULL));
  CHECK(objpool_monitor_start(&monitor, 1000000));
  begin = plain_pool_stats(&pool).now_ns;
  while (plain_pool_stats(&pool).idle < 3) {
    CHECK(plain_pool_stats(&pool).now_ns - begin < UINT64_C(60000000000));
    sched_yield();
  }
  objpool_monitor_stop(&monitor);
  objpool_monitor_destroy(&monitor);
  plain_pool_destroy(&pool);
}
#endif

int main(int argument_count, char **arguments) {
  int rounds = argument_count > 1 ? atoi(arguments[1]) : 1;
  CHECK(rounds > 0);
  a_zero_pool_is_ready();
  objects_keep_their_state();
  hooks_run_once_per_occasion();
  limits_are_exact();
  warmup_trim_and_clear();
  memory_is_aligned_accounted_and_may_run_out();
  wiped_objects_leave_nothing();
  statistics_and_texts();
  guards_release_at_the_end_of_their_scope();
  mistakes_are_noticed();
  pools_of_one_thread_and_without_a_type();
  registry_monitor_and_maintenance();
#ifdef __cplusplus
  constructors_destructors_and_moving_guards();
#endif
#ifdef OBJPOOL_NO_THREADS
  printf("one thread: as promised\n");
#else
  uint64_t revocations = 0;
  for (int round = 0; round < rounds; round++) {
    for (int threads = 2; threads <= MAX_THREADS; threads *= 2) {
      for (int pool = 0; pool < 4; pool++)
        revocations += nobody_is_refused_while_one_is_idle(threads, 100000 / threads);
      everything_is_accounted_for(threads, 200000 / threads, threads < 8 ? 0 : CAP, 0);
      everything_is_accounted_for(threads, 60000 / threads, 40, OBJPOOL_NO_CACHE);
    }
    waiters_are_served_in_their_order();
    threads_that_end_strand_nothing(160);
    the_monitor_has_a_thread();
  }
  /* private, but the one thing a program cannot see from outside: did this system's barrier work to the end? */
  printf("threads: as promised; caches %s, revoked %s times\n", objpool__process.membarrier ? "open" : "closed",
         decimal(revocations));
#endif
  return 0;
}
