/* fault.c: a script that uses everything, run again and again, each time with another thing failing: the n-th allocation, the n-th
 * `create`, the n-th system call or thread function, the n-th look at the clock, for n = 1, 2, … until a run needs no more than
 * n - 1 of them (of the many looks at the clock each seventh); once, and from the n-th on. Whatever fails: no crash, no leak, no
 * lost reservation, counters that agree, and afterwards the same pools work.
 *
 * Each run is a process of its own, forked before anything of the library was used, as some of what can fail is done once for a
 * process. The linker sends the calls of the library through the functions below (-Wl,--wrap=…; tests/memory/test_faults.sh).
 *
 * fault [verbose] */
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* >>faults: which kind of call fails, and when */

enum kind { ALLOCATION, CREATE, SYSTEM, CLOCK, KINDS };
static const char *const kind_name[KINDS] = {"allocation", "create", "system call or thread function",
                                             "look at the clock"};

static struct {
  enum kind kind;
  bool from_then_on;
  bool armed;
  long turn;        /* the call that fails, from 1 */
  long count;       /* calls of this kind so far */
  long failed;      /* of them, how many did */
  long outstanding; /* blocks of memory the library has and has not given back */
} fault;

static bool fails(enum kind kind) {
  if (!__atomic_load_n(&fault.armed, __ATOMIC_RELAXED) || kind != fault.kind) return false;
  long count = __atomic_add_fetch(&fault.count, 1, __ATOMIC_RELAXED);
  if (count != fault.turn && !(fault.from_then_on && count > fault.turn)) return false;
  __atomic_add_fetch(&fault.failed, 1, __ATOMIC_RELAXED);
  return true;
}

static void *counted(void *memory) {
  if (memory) __atomic_add_fetch(&fault.outstanding, 1, __ATOMIC_RELAXED);
  return memory;
}

static void *refused(void) {
  errno = ENOMEM;
  return NULL;
}

/* >>wrap: the linker's names for the replaced functions and for the replacements */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
int __real_posix_memalign(void **memory, size_t alignment, size_t size);
void __real_free(void *memory);
int __real_pthread_key_create(pthread_key_t *key, void (*destructor)(void *));
int __real_pthread_setspecific(pthread_key_t key, const void *value);
int __real_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void));
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument);
int __real_pthread_cond_init(pthread_cond_t *condition, const pthread_condattr_t *attributes);
int __real_pthread_condattr_init(pthread_condattr_t *attributes);
int __real_pthread_condattr_setclock(pthread_condattr_t *attributes, clockid_t clock);
int __real_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes);
int __real_clock_gettime(clockid_t clock, struct timespec *now);
long __real_syscall(long number, long a, long b, long c, long d, long e, long f);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
int __wrap_posix_memalign(void **memory, size_t alignment, size_t size);
void __wrap_free(void *memory);
int __wrap_pthread_key_create(pthread_key_t *key, void (*destructor)(void *));
int __wrap_pthread_setspecific(pthread_key_t key, const void *value);
int __wrap_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void));
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument);
int __wrap_pthread_cond_init(pthread_cond_t *condition, const pthread_condattr_t *attributes);
int __wrap_pthread_condattr_init(pthread_condattr_t *attributes);
int __wrap_pthread_condattr_setclock(pthread_condattr_t *attributes, clockid_t clock);
int __wrap_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);

void *__wrap_malloc(size_t size) { return fails(ALLOCATION) ? refused() : counted(__real_malloc(size)); }
void *__wrap_calloc(size_t count, size_t size) {
  return fails(ALLOCATION) ? refused() : counted(__real_calloc(count, size));
}

void *__wrap_realloc(void *memory, size_t size) {
  if (fails(ALLOCATION)) return refused();
  void *moved = __real_realloc(memory, size);
  return memory ? moved : counted(moved);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size) {
  return fails(ALLOCATION) ? refused() : counted(__real_aligned_alloc(alignment, size));
}

int __wrap_posix_memalign(void **memory, size_t alignment, size_t size) {
  if (fails(ALLOCATION)) return ENOMEM;
  int error = __real_posix_memalign(memory, alignment, size);
  if (!error) counted(*memory);
  return error;
}

void __wrap_free(void *memory) {
  if (memory) __atomic_sub_fetch(&fault.outstanding, 1, __ATOMIC_RELAXED);
  __real_free(memory);
}

int __wrap_pthread_key_create(pthread_key_t *key, void (*destructor)(void *)) {
  return fails(SYSTEM) ? EAGAIN : __real_pthread_key_create(key, destructor);
}

int __wrap_pthread_setspecific(pthread_key_t key, const void *value) {
  return fails(SYSTEM) ? ENOMEM : __real_pthread_setspecific(key, value);
}

int __wrap_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void)) {
  return fails(SYSTEM) ? ENOMEM : __real_pthread_atfork(prepare, parent, child);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument) {
  return fails(SYSTEM) ? EAGAIN : __real_pthread_create(thread, attributes, start, argument);
}

int __wrap_pthread_cond_init(pthread_cond_t *condition, const pthread_condattr_t *attributes) {
  return fails(SYSTEM) ? ENOMEM : __real_pthread_cond_init(condition, attributes);
}

int __wrap_pthread_condattr_init(pthread_condattr_t *attributes) {
  return fails(SYSTEM) ? ENOMEM : __real_pthread_condattr_init(attributes);
}

int __wrap_pthread_condattr_setclock(pthread_condattr_t *attributes, clockid_t clock) {
  return fails(SYSTEM) ? EINVAL : __real_pthread_condattr_setclock(attributes, clock);
}

int __wrap_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes) {
  return fails(SYSTEM) ? ENOMEM : __real_pthread_mutex_init(mutex, attributes);
}

/* As where a filter of system calls forbids it, and the system has no other way. */
int __wrap_clock_gettime(clockid_t clock, struct timespec *now) {
  if (!fails(CLOCK)) return __real_clock_gettime(clock, now);
  errno = EPERM;
  return -1;
}

/* membarrier, futex: as on a kernel that does not have them, or whose filter forbids them */
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f) {
  if (!fails(SYSTEM)) return __real_syscall(number, a, b, c, d, e, f);
  errno = ENOSYS;
  return -1;
}

/* >>pools */

#define CAP 8

static void give_up(const char *file, int line, const char *what) {
  fprintf(stderr, "%s:%d: this should hold: %s (the %s %ld fails%s, %ld failed; errno: %s)\n", file, line, what,
          kind_name[fault.kind], fault.turn, fault.from_then_on ? " and all after it" : "", fault.failed,
          strerror(errno));
  abort();
}

#define REQUIRE(condition)                                     \
  do {                                                         \
    if (!(condition)) give_up(__FILE__, __LINE__, #condition); \
  } while (0)

struct record {
  long number; /* 1 while the object is built */
  char text[56];
};

static long built; /* objects between a create that said yes and their destroy or extract */

static bool build(struct record *record, void *context) {
  (void)context;
  REQUIRE(record->number == 0); /* zeroed memory */
  if (fails(CREATE)) return false;
  record->number = 1;
  __atomic_add_fetch(&built, 1, __ATOMIC_RELAXED);
  return true;
}

static void tidy(struct record *record, void *context) {
  (void)context;
  REQUIRE(record->number == 1);
}

static bool is_sound(struct record *record, void *context) {
  (void)context;
  return record->number == 1;
}

static void take_down(struct record *record, void *context) {
  (void)context;
  REQUIRE(record->number == 1);
  record->number = 2;
  __atomic_sub_fetch(&built, 1, __ATOMIC_RELAXED);
}

OBJPOOL_DEFINE(record_pool, struct record, opt.create = build, opt.reset = tidy, opt.validate = is_sound, opt.destroy = take_down);
OBJPOOL_DEFINE(local_pool, struct record, opt.create = build, opt.destroy = take_down, opt.local = true);
OBJPOOL_DEFINE(plain_pool, struct record, opt.local = true);
OBJPOOL_DEFINE(wiping_pool, struct record, opt.create = build, opt.destroy = take_down, opt.wipe = true);
OBJPOOL_DEFINE(handle_pool, struct record, opt.create = build, opt.destroy = take_down, opt.handles = true, opt.tracked = true);
OBJPOOL_DEFINE(timed_pool, struct record, opt.create = build, opt.destroy = take_down, opt.timed = true);
OBJPOOL_SIZES(buffers, 64, 1024);

struct page {
  _Alignas(4096) char bytes[4096];
};

OBJPOOL_DEFINE(page_pool, struct page);

static void *allocate(size_t size, size_t alignment, void *context) {
  void *memory = aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment); /* wrapped, too */
  if (memory) ++*(long *)context;
  return memory;
}

static void deallocate(void *memory, size_t size, size_t alignment, void *context) {
  (void)size, (void)alignment;
  --*(long *)context;
  free(memory);
}

static struct {
  record_pool zero, capped, uncached;
  record_pool warmed, resized, tried, attached; /* each begins with another call */
  local_pool local;
  plain_pool plain;
  wiping_pool wiping;
  page_pool pages;
  handle_pool handles;
  timed_pool timed;
  buffers buffers;
  objpool untyped;
  long blocks; /* what the capped pool has of its own allocator */
} all;

/* A failure is one of those documented. */
static bool failed_as_documented(void) {
  return errno == ENOMEM || errno == ECANCELED || errno == EAGAIN || errno == ETIMEDOUT;
}

static void counters_agree(const objpool *pool, uint64_t in_use) {
  objpool_stats stats = objpool_snapshot(pool);
  REQUIRE(stats.created - stats.destroyed - stats.extracted == stats.in_use + stats.idle);
  REQUIRE(stats.acquires - stats.releases - stats.extracted == stats.in_use);
  REQUIRE(stats.hits + stats.misses == stats.acquires);
  REQUIRE(stats.in_use == in_use);
  REQUIRE(stats.waiting == 0);
  REQUIRE(stats.wait_ns < (uint64_t)OBJPOOL_SECONDS(60));
  if (stats.max_objects) REQUIRE(stats.in_use + stats.idle <= stats.max_objects);
  if (stats.max_idle) REQUIRE(stats.idle <= stats.max_idle);
}

static uint64_t held_count(struct record **held, size_t count) {
  uint64_t sum = 0;
  for (size_t i = 0; i < count; i++) sum += held[i] != NULL;
  return sum;
}

static void use_records(record_pool *pool) {
  struct record *held[CAP + 2];
  errno = 0;
  size_t count = record_pool_acquire_many(pool, held, CAP);
  REQUIRE(count == CAP || failed_as_documented());
  for (size_t i = 0; i < count; i++) REQUIRE(held[i] && held[i]->number == 1);
  counters_agree(&pool->base, count);
  held[count] = record_pool_try_acquire(pool);
  REQUIRE(held[count] || errno == EAGAIN);
  held[count + 1] = record_pool_acquire_for(pool, 1000000);
  REQUIRE(held[count + 1] || failed_as_documented());
  count += 2;
  counters_agree(&pool->base, held_count(held, count));
  for (size_t i = 0; i < count; i++) {
    errno = EXDEV; /* none of ours */
    if (i % 4 == 0 && held[i])
      record_pool_discard(pool, held[i]);
    else if (i % 4 == 1)
      record_pool_release(pool, held[i]);
    else if (i % 4 == 2)
      record_pool_release_many(pool, &held[i], 1);
    else if (held[i]) {
      struct record value = record_pool_extract(pool, held[i]);
      REQUIRE(value.number == 1);
      __atomic_sub_fetch(&built, 1, __ATOMIC_RELAXED);
    }
    REQUIRE(errno == EXDEV); /* giving back preserves errno, also where it meets a fault */
    held[i] = NULL;
    counters_agree(&pool->base, held_count(held, count));
  }
  record_pool_warmup(pool, 4);
  counters_agree(&pool->base, 0);
  {
    OBJPOOL_SCOPED(record_pool) guard = record_pool_guard_acquire(pool);
    REQUIRE(guard.object || failed_as_documented());
    OBJPOOL_WITH(record_pool, record, pool) {
      REQUIRE(record->number == 1);
    } else {
      REQUIRE(failed_as_documented());
    }
  }
  record_pool_trim(pool, 1);
  REQUIRE(record_pool_stats(pool).idle <= 1);
  uint64_t before = record_pool_stats(pool).max_idle;
  if (!record_pool_resize(pool, 2, OBJPOOL_UNCHANGED)) {
    REQUIRE(errno == ENOMEM);
    REQUIRE(record_pool_stats(pool).max_idle == before); /* changes nothing */
  }
  record_pool_clear(pool);
  REQUIRE(record_pool_stats(pool).idle == 0);
  counters_agree(&pool->base, 0);
}

struct hand_over {
  record_pool *pool;
  struct record *first; /* what the main thread holds and the other waits for */
};

/* The other thread: it attaches, uses the pool, waits for an object, and ends with idle objects in its cache. */
static void *other_thread(void *argument) {
  struct hand_over *hand_over = (struct hand_over *)argument;
  record_pool *pool = hand_over->pool;
  if (!record_pool_attach(pool)) REQUIRE(errno == ENOMEM);
  struct record *waited = record_pool_acquire_for(pool, 2000000000);
  REQUIRE(waited || failed_as_documented());
  record_pool_release(pool, waited);
  return NULL;
}

static void use_two_threads(record_pool *pool) {
  struct record *held[CAP];
  pthread_t thread;
  size_t count = record_pool_acquire_many(pool, held, CAP);
  struct hand_over hand_over = {pool, count ? held[0] : NULL};
  REQUIRE(__real_pthread_create(&thread, NULL, other_thread, &hand_over) == 0);
  struct timespec while_it_waits = {0, 300000};
  nanosleep(&while_it_waits, NULL);
  record_pool_release_many(pool, held, count);
  REQUIRE(pthread_join(thread, NULL) == 0);
  counters_agree(&pool->base, 0);
}

static void use_local(local_pool *pool) {
  struct record *held[3];
  for (int i = 0; i < 3; i++) {
    held[i] = local_pool_acquire(pool);
    REQUIRE(held[i] || failed_as_documented());
  }
  counters_agree(&pool->base, held_count(held, 3));
  local_pool_release_many(pool, held, 3);
  local_pool_trim(pool, 1);
  counters_agree(&pool->base, 0);
}

/* The first call makes the pool: if that fails, the call fails, and the next one tries again. */
static void use_first(void) {
  errno = 0;
  size_t created = record_pool_warmup(&all.warmed, 3);
  REQUIRE(created == 3 || failed_as_documented());
  REQUIRE(record_pool_stats(&all.warmed).idle == created);
  REQUIRE(record_pool_resize(&all.resized, 2, 4) || errno == ENOMEM);
  errno = 0;
  REQUIRE(!record_pool_try_acquire(&all.tried)); /* nothing is idle where nothing could be made */
  REQUIRE(errno == EAGAIN);
  REQUIRE(record_pool_attach(&all.attached) || errno == ENOMEM);
  record_pool *const pools[4] = {&all.warmed, &all.resized, &all.tried, &all.attached};
  for (int i = 0; i < 4; i++) {
    struct record *record = record_pool_acquire(pools[i]);
    REQUIRE(record || failed_as_documented());
    counters_agree(&pools[i]->base, record != NULL);
    record_pool_release(pools[i], record);
  }
}

/* More blocks than their list has room for at first, and a local pool whose array must grow. */
static void use_many(plain_pool *plain, page_pool *pages) {
  enum { LOCAL = 200, PAGES = 12 };
  static struct record *held[LOCAL];
  struct page *page[PAGES];
  size_t count = plain_pool_acquire_many(plain, held, LOCAL);
  REQUIRE(count == LOCAL || failed_as_documented());
  for (size_t i = 0; i < count; i++) held[i]->text[0] = (char)i;
  for (size_t i = 0; i < count; i++) REQUIRE(held[i]->text[0] == (char)i);
  counters_agree(&plain->base, count);
  plain_pool_release_many(plain, held, count);
  counters_agree(&plain->base, 0);
  plain_pool_clear(plain);
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.growth_factor = 1.0;
  page_pool_destroy(pages);
  if (!page_pool_init(pages, &config)) {
    REQUIRE(errno == ENOMEM);
    return;
  }
  pages->base.state->blocks.next_cells = 1; /* twelve blocks of one page each */
  count = page_pool_acquire_many(pages, page, PAGES);
  REQUIRE(count == PAGES || failed_as_documented());
  page_pool_release_many(pages, page, count);
  counters_agree(&pages->base, 0);
}

static void count_alert(const objpool_alert *alert, void *user) {
  (void)alert;
  __atomic_add_fetch((long *)user, 1, __ATOMIC_RELAXED);
}

static void use_fleet(void) {
  enum { NAMED = 18 }; /* more than a monitor has room for at first */
  static record_pool named[NAMED];
  objpool_monitor monitor;
  objpool_thresholds thresholds;
  objpool_config config;
  char name[24];
  long alerts = 0;
  size_t registered = objpool_registry_each(NULL, NULL);
  memset(&config, 0, sizeof config);
  memset(&thresholds, 0, sizeof thresholds);
  config.name = name;
  for (int i = 0; i < NAMED; i++) {
    snprintf(name, sizeof name, "named %d", i);
    if (record_pool_init(&named[i], &config))
      registered++;
    else
      REQUIRE(errno == ENOMEM);
  }
  REQUIRE(objpool_registry_each(NULL, NULL) == registered);
  errno = 0;
  int length = objpool_format(NULL, OBJPOOL_TEXT, NULL, 0);
  REQUIRE(length > 0 || errno == ENOMEM || registered == 0);
  thresholds.max_memory_bytes = 1; /* every pool is above it */
  if (objpool_monitor_init(&monitor, &thresholds, count_alert, &alerts)) {
    size_t reported =
        objpool_monitor_poll(&monitor); /* a pool that it had no memory for it looks at in the next poll */
    reported += objpool_monitor_poll(&monitor);
    REQUIRE(reported == (size_t)alerts && reported <= registered);
    if (!fault.from_then_on || fault.kind != ALLOCATION) REQUIRE(reported == registered);
    if (!objpool_monitor_start(&monitor, 1000000000)) REQUIRE(errno == EAGAIN);
    objpool_monitor_stop(&monitor);
    objpool_monitor_destroy(&monitor);
  } else {
    REQUIRE(errno == ENOMEM && !monitor.state);
  }
  for (int i = 0; i < NAMED; i++) record_pool_destroy(&named[i]);
}

static void use_wiping(wiping_pool *pool) {
  for (int i = 0; i < 3; i++) {
    struct record *record = wiping_pool_acquire(pool);
    REQUIRE(record || failed_as_documented());
    if (record) REQUIRE(record->number == 1);
    wiping_pool_release(pool, record);
    counters_agree(&pool->base, 0);
  }
}

static void use_pages(page_pool *pool) {
  struct page *page[3];
  for (int i = 0; i < 3; i++) {
    page[i] = page_pool_acquire(pool);
    REQUIRE(page[i] || failed_as_documented());
    if (page[i]) REQUIRE((uintptr_t)page[i] % 4096 == 0);
  }
  for (int i = 0; i < 3; i++) page_pool_release(pool, page[i]);
  page_pool_clear(pool);
  counters_agree(&pool->base, 0);
}

static void use_untyped(objpool *pool) {
  objpool_type type;
  memset(&type, 0, sizeof type);
  type.size = 24;
  type.alignment = 8;
  if (!objpool_init(pool, &type, NULL)) {
    REQUIRE(failed_as_documented());
    return;
  }
  void *object = objpool_acquire(pool);
  REQUIRE(object || failed_as_documented());
  objpool_release(pool, object);
  counters_agree(pool, 0);
  objpool_destroy(pool);
}

/* An init that fails leaves an all-zero pool, which is then one with default settings. */
static bool open_pool(record_pool *pool, const objpool_config *config) {
  static const record_pool zero;
  if (record_pool_init(pool, config)) return true;
  REQUIRE(errno == ENOMEM || errno == ECANCELED);
  REQUIRE(memcmp(pool, &zero, sizeof zero) == 0);
  return false;
}

/* What is held is told, each once, however little memory there is for that, and each of its handles names it. */
static void count_hold(const objpool_hold *hold, void *user) {
  REQUIRE(((const struct record *)hold->object)->number == 1);
  ++*(long *)user;
}

static void use_handles(handle_pool *pool) {
  enum { HELD = 80 }; /* more than a look at holds has room for without memory */
  struct record *held[HELD];
  handle_pool_handle handles[HELD];
  long holds = 0;
  errno = 0;
  size_t count = handle_pool_acquire_many(pool, held, HELD);
  REQUIRE(count == HELD || failed_as_documented());
  for (size_t i = 0; i < count; i++) handles[i] = handle_pool_handle_of(pool, held[i]);
  if (pool->base.state) REQUIRE(objpool_each_held(&pool->base, 0, count_hold, &holds) == count && holds == (long)count);
  for (size_t i = 0; i < count; i++) REQUIRE(handle_pool_get(pool, handles[i]) == held[i]);
  for (size_t i = 0; i < count; i += 2) REQUIRE(handle_pool_release_handle(pool, handles[i]));
  for (size_t i = 0; i < count; i++) REQUIRE(handle_pool_get(pool, handles[i]) == (i % 2 ? held[i] : NULL));
  REQUIRE(handle_pool_release_all(pool) == count / 2);
  counters_agree(&pool->base, 0);
  handle_pool_clear(pool);
  for (size_t i = 0; i < count; i++) REQUIRE(handle_pool_get(pool, handles[i]) == NULL);
}

/* What a refresh outdates is built anew, or leaves its place. A reserve is had in one piece or not at all. */
static void use_timed(timed_pool *pool) {
  enum { RESERVED = 6 };
  struct record *held[RESERVED];
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.reserve = RESERVED;
  config.max_objects = RESERVED;
  config.cache_size = OBJPOOL_NO_CACHE;
  config.max_lifetime_ns = (uint64_t)OBJPOOL_SECONDS(3600);
  config.idle_timeout_ns = (uint64_t)OBJPOOL_SECONDS(3600);
  if (!timed_pool_init(pool, &config)) {
    REQUIRE(errno == ENOMEM && !pool->base.state);
    return;
  }
  errno = 0;
  size_t count = timed_pool_acquire_many(pool, held, RESERVED);
  REQUIRE(count == RESERVED || failed_as_documented());
  counters_agree(&pool->base, count);
  timed_pool_release_many(pool, held, count / 2);
  size_t idle = (size_t)timed_pool_stats(pool).idle;
  REQUIRE(timed_pool_refresh(pool) == idle);
  timed_pool_release_many(pool, held + count / 2, count - count / 2);
  REQUIRE(timed_pool_stats(pool).idle == 0 && timed_pool_stats(pool).expired == count);
  struct record *renewed = timed_pool_acquire(pool);
  REQUIRE(renewed || failed_as_documented());
  timed_pool_release(pool, renewed);
  size_t kept = (size_t)timed_pool_stats(pool).idle;
  (void)objpool_maintain(&pool->base); /* at a moment that the clock does not tell, nothing is old */
  REQUIRE(timed_pool_stats(pool).idle == kept);
  counters_agree(&pool->base, 0);
  timed_pool_destroy(pool);
}

/* Buffers that no class holds, too; and one that cannot grow is as it was. */
static void use_buffers(buffers *set) {
  objpool_config config;
  objpool_buffer held[4];
  memset(&config, 0, sizeof config);
  config.name = "buffers";
  if (!buffers_init(set, &config))
    REQUIRE(failed_as_documented()); /* then it is all-zero, and made by the first acquire */
  uint64_t in_use = 0;
  for (int i = 0; i < 4; i++) {
    size_t size = (size_t)50 << 3 * i;
    held[i] = buffers_acquire(set, size);
    REQUIRE(held[i].bytes ? held[i].capacity >= size : failed_as_documented());
    if (held[i].bytes) memset(held[i].bytes, 'x', held[i].capacity);
    in_use += held[i].bytes != NULL;
  }
  for (int i = 0; i < 4; i++) {
    if (!held[i].bytes) continue;
    size_t before = held[i].capacity;
    objpool_buffer more = buffers_grow(set, held[i], 2 * before);
    REQUIRE(more.bytes || failed_as_documented());
    if (more.bytes) held[i] = more;
    for (size_t at = 0; at < before; at++) REQUIRE(held[i].bytes[at] == 'x');
    REQUIRE(buffers_stats(set).in_use == in_use);
  }
  for (int i = 0; i < 4; i++) buffers_release(set, held[i]);
  REQUIRE(buffers_stats(set).in_use == 0);
  buffers_destroy(set);
}

struct told {
  record_pool_waiter waiter;
  struct record *record;
  int error;
};

static void is_told(record_pool_waiter *waiter, struct record *record, int error) {
  struct told *told = (struct told *)waiter;
  told->record = record;
  told->error = error;
}

static void wake_nobody(void *user) { (void)user; } /* the loop is run anyway */

/* Waiters of an event loop, one of them with a deadline: who stands in line is told, whatever fails; at the end the pool is closed.
 * retry_ns: create that refused is tried again meanwhile. */
static void use_loop(void (*wake)(void *user), uint64_t retry_ns) {
  enum { WAITERS = 4 };
  objpool_loop loop;
  record_pool pool;
  objpool_config config;
  struct told told[WAITERS];
  memset(&config, 0, sizeof config);
  memset(&pool, 0, sizeof pool);
  memset(told, 0, sizeof told);
  config.max_objects = 1;
  config.retry_create_ns = retry_ns;
  if (!objpool_loop_init(&loop, wake, NULL)) {
    REQUIRE((errno == ENOMEM || errno == ENOSYS) && !loop.state);
    return;
  }
  open_pool(&pool, &config);
  struct record *held = record_pool_acquire(&pool);
  REQUIRE(held || failed_as_documented());
  bool waits = record_pool_resize(&pool, OBJPOOL_UNCHANGED, 1) && held;
  for (int i = 0; waits && i < WAITERS; i++) {
    told[i].error = EINPROGRESS;
    if (record_pool_acquire_async(&pool, &told[i].waiter, &loop, i == 2 ? 1 : -1, is_told))
      abort(); /* the only one is held */
    REQUIRE(errno == EINPROGRESS || errno == ENOMEM);
    if (errno != EINPROGRESS) told[i].error = errno;
  }
  if (held) record_pool_discard(&pool, held); /* so the first builds another one */
  objpool_loop_run(&loop, SIZE_MAX);
  record_pool_release(&pool, told[0].record);
  bool cancelled = told[1].error == EINPROGRESS && record_pool_cancel(&pool, &told[1].waiter);
  objpool_loop_run(&loop, SIZE_MAX);
  record_pool_close(&pool);
  objpool_loop_run(&loop, SIZE_MAX);
  for (int i = 0; waits && i < WAITERS; i++) {
    REQUIRE(told[i].error != EINPROGRESS || (i == 1 && cancelled));
    if (i) record_pool_release(&pool, told[i].record);
  }
  REQUIRE(record_pool_drain(&pool, OBJPOOL_SECONDS(10)));
  counters_agree(&pool.base, 0);
  objpool_loop_destroy(&loop);
  record_pool_destroy(&pool);
}

static void play(void) {
  objpool_config config;
  char text[4096];
  memset(&config, 0, sizeof config);
  config.name = "capped";
  config.warmup = 2;
  config.min_idle = 1;
  config.max_idle = 6;
  config.max_objects = CAP;
  config.growth_factor = 1.5;
  config.allocator.allocate = allocate;
  config.allocator.deallocate = deallocate;
  config.allocator.context = &all.blocks;
  open_pool(&all.capped, &config);
  memset(&config, 0, sizeof config);
  config.name = "uncached";
  config.cache_size = OBJPOOL_NO_CACHE;
  config.max_objects = CAP;
  open_pool(&all.uncached, &config);
  use_first();
  record_pool *const pools[3] = {&all.zero, &all.capped, &all.uncached};
  for (int i = 0; i < 3; i++) {
    use_records(pools[i]);
    use_two_threads(pools[i]);
    int length = objpool_report(&pools[i]->base, text, sizeof text);
    REQUIRE(length < 0 || (size_t)length == strlen(text) || (size_t)length >= sizeof text);
  }
  use_local(&all.local);
  use_wiping(&all.wiping);
  use_pages(&all.pages);
  use_untyped(&all.untyped);
  use_many(&all.plain, &all.pages);
  use_handles(&all.handles);
  use_timed(&all.timed);
  use_buffers(&all.buffers);
  use_loop(NULL, 0);
  use_loop(wake_nobody, 1000);
  use_fleet();
}

static void close_all(void) {
  record_pool_destroy(&all.zero);
  record_pool_destroy(&all.capped);
  record_pool_destroy(&all.uncached);
  record_pool_destroy(&all.warmed);
  record_pool_destroy(&all.resized);
  record_pool_destroy(&all.tried);
  record_pool_destroy(&all.attached);
  local_pool_destroy(&all.local);
  plain_pool_destroy(&all.plain);
  wiping_pool_destroy(&all.wiping);
  page_pool_destroy(&all.pages);
  handle_pool_destroy(&all.handles);
  objpool_destroy(&all.untyped);
  REQUIRE(built == 0);
  REQUIRE(all.blocks == 0);
}

/* >>runs */

struct result {
  long count, failed;
};

/* In a process of its own: the script with one fault, the same pools without, then everything closed and the whole once more. What is
 * left of memory after each of the two must be the same: what a process keeps for good it has after the first. */
static void run(int result_pipe) {
  long kept;
  alarm(60);
  fault.armed = true;
  play();
  fault.armed = false;
  struct record *held[CAP];
  /* no lost reservation: the pools that were met by the fault still give all they may */
  if (record_pool_stats(&all.uncached).max_objects) {
    size_t count = record_pool_acquire_many(&all.uncached, held, CAP);
    REQUIRE(count == CAP);
    record_pool_release_many(&all.uncached, held, count);
  }
  if (record_pool_stats(&all.capped).max_objects) {
    size_t count = record_pool_acquire_many(&all.capped, held, CAP);
    REQUIRE(count == CAP);
    record_pool_release_many(&all.capped, held, count);
  }
  close_all();
  play();
  close_all();
  kept = fault.outstanding;
  play();
  close_all();
  REQUIRE(fault.outstanding == kept);
  struct result result = {fault.count, fault.failed};
  REQUIRE(write(result_pipe, &result, sizeof result) == sizeof result);
  _exit(0);
}

int main(int argument_count, char **argument) {
  bool verbose = argument_count > 1 && strcmp(argument[1], "verbose") == 0;
  int bad = 0;
  for (int kind = 0; kind < KINDS; kind++) {
    for (int from_then_on = 0; from_then_on < 2; from_then_on++) {
      const long stride = kind == CLOCK ? 7 : 1;
      long turn = 1 - stride, runs = 0;
      struct result result = {0, 0};
      do {
        int ends[2], status = 0;
        turn += stride;
        fault.kind = (enum kind)kind;
        fault.from_then_on = from_then_on != 0;
        fault.turn = turn;
        if (pipe(ends) != 0) return perror("pipe"), 2;
        fflush(stdout);
        pid_t child = fork();
        if (child < 0) return perror("fork"), 2;
        if (child == 0) run(ends[1]);
        close(ends[1]);
        result.count = -1;
        ssize_t got = read(ends[0], &result, sizeof result);
        close(ends[0]);
        if (waitpid(child, &status, 0) != child) return perror("waitpid"), 2;
        runs++;
        if (got != sizeof result || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
          fprintf(stderr, "the %s %ld fails%s: the run ended with %s %d\n", kind_name[kind], turn,
                  from_then_on ? " and all after it" : "", WIFSIGNALED(status) ? "signal" : "status",
                  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
          bad++;
          result.failed = 1; /* and on to the next */
        }
        if (verbose)
          printf("%s %ld%s: %ld of %ld failed\n", kind_name[kind], turn, from_then_on ? "+" : "", result.failed,
                 result.count);
      } while (result.failed > 0 && turn < 100000 && bad < 10);
      printf("%s: N = %ld, each failing %s\n", kind_name[kind], turn - 1, from_then_on ? "with all after it" : "once");
      if (turn < 2)
        return fprintf(stderr, "no %s was ever made: the faults do not reach the library\n", kind_name[kind]), 1;
    }
  }
  return bad != 0;
}
