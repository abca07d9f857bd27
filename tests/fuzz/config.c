/* config.c: a fuzzer (libFuzzer) of what pools are told: any objpool_config and objpool_type, new limits for a pool in
 * use, thresholds of a monitor, and the kernel's pressure and control group files. Each ends in the errno that is
 * documented for it, with nothing left behind, or in a pool that works and keeps to its limits.
 *
 * Built and run by tests/fuzz/run, in C and in C++. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The files of the system are in memory, are read in pieces, and may be missing. */
#define open(path, flags) file_open(path, flags)
#define read(file, text, size) file_read(file, text, size)
#define close(file) file_close(file)
static int file_open(const char *path, int flags);
static ssize_t file_read(int file, void *text, size_t size);
static int file_close(int file);

#define OBJPOOL_MAX_THREADS 4
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

#include "input.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>

#define REQUIRE(condition) ((condition) ? (void)0 : disagree(#condition, __LINE__))
#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static __attribute__((noreturn)) void disagree(const char *condition, int line) {
  fprintf(stderr, "config.c:%d: this should hold: %s (errno: %s)\n", line, condition, strerror(errno));
  abort();
}

/* >>input */


static uint64_t bits(void) {
  uint64_t value = 0;
  for (int i = 0; i < 8; i++) value = value << 8 | byte();
  return value;
}

/* Sizes as people write them, and as they come about by accident. */
static size_t any_size(void) {
  static const size_t sizes[] = {
      0, 0, 0, 1, 2, 3, 7, 8, 24, 64, 100, 4096, 4097, 70000, SIZE_MAX, SIZE_MAX - 1, SIZE_MAX / 2, PTRDIFF_MAX - 7};
  unsigned choice = byte();
  if (choice < 160) return choice < 100 ? choice % 24 : sizes[choice % COUNT_OF(sizes)];
  return choice < 250 ? byte() : (size_t)bits();
}

static double any_double(void) {
  static const double doubles[] = {0.0,      0.5,      1.0,   1.5,   2.0,   -1.0,
                                   -0.0,     1e-300,   0.999, 1.001, 1e300, 1.7976931348623157e308,
                                   HUGE_VAL, -HUGE_VAL};
  unsigned choice = byte();
  double value;
  if (choice < 220) return doubles[choice % COUNT_OF(doubles)];
  uint64_t pattern = bits();
  memcpy(&value, &pattern, sizeof value);
  return value;
}

/* >>memory: there is so much, and no more */

static size_t budget, held;
static unsigned refused;

static void *allocate(size_t size, size_t alignment, void *context) {
  void *memory = NULL;
  REQUIRE(context == &budget && size > 0 && alignment > 0 && (alignment & (alignment - 1)) == 0);
  if (size > budget - held) {
    refused++;
    return NULL;
  }
  if (posix_memalign(&memory, alignment < sizeof(void *) ? sizeof(void *) : alignment, size) != 0) abort();
  memset(memory, 0xa5, size);
  held += size;
  return memory;
}

static void deallocate(void *memory, size_t size, size_t alignment, void *context) {
  REQUIRE(memory && alignment > 0 && context == &budget && size <= held);
  held -= size;
  free(memory);
}

/* >>hooks */

static size_t alive, most_alive, declined;
static unsigned declines_at; /* the so-manieth create says no; 0: none */

static bool create(void *object, void *context) {
  (void)object;
  REQUIRE(context == &alive);
  if (declines_at && --declines_at == 0) {
    declined++;
    return false;
  }
  if (++alive > most_alive) most_alive = alive;
  return true;
}

static void destroy(void *object, void *context) {
  (void)object, (void)context;
  REQUIRE(alive-- > 0);
}

/* >>configurations */

static bool rate(double value) { return value >= 0 && value <= 1; }

/* As it is documented. */
static bool limits_are_possible(size_t warmup, size_t min_idle, size_t max_idle, size_t max_objects) {
  if (min_idle == OBJPOOL_NONE) min_idle = 0;
  size_t least = warmup > min_idle ? warmup : min_idle;
  return !(max_idle && least > max_idle) && !(max_objects && least > max_objects) &&
         !(max_idle && max_objects && max_idle > max_objects);
}

static objpool all_zero; /* never written */

enum { MOST_HELD = 20 };

/* Acquires, writes, gives back: objects lie apart, aligned, and within the limits. */
static void use(objpool *pool, const objpool_type *type, const objpool_config *config) {
  unsigned char *objects[MOST_HELD];
  size_t have = 0, written = type->size < 5000 ? type->size : 5000;
  while (have < MOST_HELD) {
    errno = 0;
    unsigned before = refused;
    size_t declined_before = declined;
    objects[have] = (unsigned char *)objpool_acquire(pool);
    if (!objects[have]) {
      REQUIRE(errno == EAGAIN      ? config->max_objects == have
              : errno == ECANCELED ? declined > declined_before
                                   : errno == ENOMEM && refused > before);
      break;
    }
    REQUIRE((uintptr_t)objects[have] % type->alignment == 0);
    memset(objects[have], (int)have + 1, written);
    objects[have][type->size - 1] = (unsigned char)(have + 1);
    have++;
  }
  REQUIRE(!config->max_objects || have <= config->max_objects);
  objpool_stats stats = objpool_snapshot(pool);
  REQUIRE(stats.in_use == have && stats.object_size == type->size);
  for (size_t i = 0; i < have; i++) {
    for (size_t at = 0; at < written; at++) REQUIRE(objects[i][at] == i + 1);
    REQUIRE(objects[i][type->size - 1] == i + 1);
    objpool_release(pool, objects[i]);
  }
  stats = objpool_snapshot(pool);
  REQUIRE(stats.in_use == 0 && (!config->max_idle || stats.idle <= config->max_idle));
  REQUIRE(!config->max_objects || !type->create || most_alive <= config->max_objects);
}

static void resize_somehow(objpool *pool, const objpool_config *config) {
  size_t max_idle = any_size(), max_objects = any_size();
  objpool_stats before = objpool_snapshot(pool);
  size_t new_idle = max_idle == OBJPOOL_UNCHANGED ? (size_t)before.max_idle : max_idle;
  size_t new_objects = max_objects == OBJPOOL_UNCHANGED ? (size_t)before.max_objects : max_objects;
  bool possible = limits_are_possible(0, config->min_idle, new_idle, new_objects);
  errno = 0;
  REQUIRE(objpool_resize(pool, max_idle, max_objects) == possible);
  objpool_stats after = objpool_snapshot(pool);
  if (!possible) {
    REQUIRE(errno == EINVAL && after.max_idle == before.max_idle && after.max_objects == before.max_objects &&
            after.idle == before.idle);
  } else {
    REQUIRE(after.max_idle == new_idle && after.max_objects == new_objects);
    REQUIRE((!new_idle || after.idle <= new_idle) && (!new_objects || after.idle <= new_objects));
    REQUIRE(after.idle + (after.destroyed - before.destroyed) == before.idle);
  }
}

static void try_config(void) {
  objpool_config config;
  objpool_type type;
  objpool pool;
  memset(&config, 0, sizeof config);
  memset(&type, 0, sizeof type);
  memset(&pool, 0x77, sizeof pool); /* init asks nothing of it */
  unsigned how = byte(), allocator = byte(), hooks = byte();
  config.context = &alive;
  config.name = how & 1 ? "a name" : NULL;
  config.warmup = any_size();
  config.min_idle = any_size();
  config.max_idle = any_size();
  config.max_objects = any_size();
  config.cache_size = any_size();
  config.growth_factor = how & 2 ? any_double() : 0;
  config.shrink_threshold = how & 4 ? any_double() : 0;
  config.on_leak = (objpool_leak_policy)((how >> 3) & 3);
  config.allocator.context = &budget;
  if (allocator != 1) config.allocator.allocate = allocate;
  if (allocator != 2) config.allocator.deallocate = deallocate;
  if (how & 32) {
    type.size = any_size();
    type.alignment = any_size();
  } else {
    type.size = 1 + byte();
    type.alignment = (size_t)1 << byte() % 13;
  }
  if (hooks & 1) type.create = create;
  if (hooks & 1) type.destroy = destroy;
  type.local = hooks & 2;
  type.wipe = hooks & 4;
  type.validate_on = hooks >> 3;
  declines_at = hooks & 128 ? 1 + (hooks >> 3 & 15) : 0;
  budget = (size_t)8192 << (how >> 6); /* 8 KiB to 64 KiB */
  held = alive = most_alive = declined = 0;
  refused = 0;
  bool known_type =
      type.size > 0 && type.alignment > 0 && !(type.alignment & (type.alignment - 1)) && type.alignment <= 4096;
  bool growth = !(config.growth_factor < 0) && !(config.growth_factor > 0 && config.growth_factor < 1) &&
                isfinite(config.growth_factor);
  bool possible = known_type && growth && rate(config.shrink_threshold) && allocator != 1 && allocator != 2 &&
                  config.on_leak < 3 &&
                  limits_are_possible(config.warmup, config.min_idle, config.max_idle, config.max_objects);
  errno = 0;
  if (!objpool_init(&pool, &type, &config)) {
    REQUIRE(memcmp(&pool, &all_zero, sizeof pool) == 0 && held == 0 && alive == 0);
    /* what does not fit into memory is refused by the allocator, or by the arithmetic before it */
    bool too_large =
        refused || type.size > (size_t)PTRDIFF_MAX / 2 || config.warmup > budget / (type.size < 8 ? 8 : type.size);
    REQUIRE(possible ? (errno == ENOMEM && too_large) || (errno == ECANCELED && declined) : errno == EINVAL);
    return;
  }
  REQUIRE(possible);
  objpool_stats stats = objpool_snapshot(&pool);
  REQUIRE(stats.idle == config.warmup && stats.created == config.warmup && stats.memory_bytes == held);
  REQUIRE(stats.max_idle == config.max_idle && stats.max_objects == config.max_objects &&
          objpool_context(&pool) == &alive);
  REQUIRE((objpool_registry_find("a name") == &pool) == (config.name != NULL));
  declines_at = 0;
  use(&pool, &type, &config);
  if (input_left) {
    resize_somehow(&pool, &config);
    stats = objpool_snapshot(&pool);
    config.max_idle = (size_t)stats.max_idle;
    config.max_objects = (size_t)stats.max_objects;
    most_alive = alive;
    use(&pool, &type, &config);
  }
  objpool_destroy(&pool);
  REQUIRE(memcmp(&pool, &all_zero, sizeof pool) == 0 && held == 0 && alive == 0);
}

static void try_thresholds(void) {
  objpool_thresholds limits = {any_double(), any_double(), any_double(), any_size(), any_size(), any_size()};
  objpool_monitor monitor;
  memset(&monitor, 0x77, sizeof monitor);
  bool possible = rate(limits.min_hit_rate) && rate(limits.max_miss_rate) && rate(limits.max_utilization);
  errno = 0;
  if (objpool_monitor_init(&monitor, &limits, NULL, NULL)) {
    REQUIRE(possible && objpool_monitor_poll(&monitor) == 0);
    objpool_monitor_destroy(&monitor);
  } else {
    REQUIRE(!possible && errno == EINVAL);
  }
  REQUIRE(monitor.state == NULL);
}

/* >>pressure */

enum { MACHINE, GROUP, GROUP_PRESSURE, GROUP_MAX, GROUP_CURRENT, FILES };
static struct file {
  const char *path; /* NULL: not there */
  char text[2000];
  size_t length, at;
} files[FILES];
static int files_open;
static unsigned piece; /* bytes that a read brings at most */

static int file_open(const char *path, int flags) {
  REQUIRE(!(flags & (O_WRONLY | O_RDWR)));
  for (int i = 0; i < FILES; i++) {
    if (!files[i].path || strcmp(files[i].path, path)) continue;
    files[i].at = 0;
    files_open++;
    return 100 + i;
  }
  errno = ENOENT;
  return -1;
}

static ssize_t file_read(int file, void *text, size_t size) {
  REQUIRE(file >= 100 && file < 100 + FILES);
  struct file *from = &files[file - 100];
  size_t left = from->length - from->at;
  if (size > left) size = left;
  if (size > piece) size = piece;
  if (size) memcpy(text, from->text + from->at, size); /* the sanitizer watches that there is room for it */
  from->at += size;
  return (ssize_t)size;
}

static int file_close(int file) {
  REQUIRE(file >= 100 && file < 100 + FILES);
  files_open--;
  return 0;
}

/* What the kernel writes: hundredths of percent of the last ten seconds. */
static objpool_pressure write_stalls(struct file *file) {
  unsigned some = byte() % 40 + 100 * (byte() % 30), full = byte() % 40 + 100 * (byte() % 30);
  int length = snprintf(file->text, sizeof file->text,
                        "some avg10=%u.%02u avg60=99.00 avg300=99.00 total=1234567\nfull avg10=%u.%02u avg60=99.00 "
                        "avg300=99.00 total=1234\n",
                        some / 100, some % 100, full / 100, full % 100);
  file->length = (size_t)length;
  return full >= 1000 ? OBJPOOL_PRESSURE_FULL : some >= 1000 ? OBJPOOL_PRESSURE_SOME : OBJPOOL_PRESSURE_NONE;
}

static void try_pressure(void) {
  static const char *const paths[FILES] = {"/proc/pressure/memory", "/proc/self/cgroup",
                                           "/sys/fs/cgroup/a.slice/b.service/memory.pressure",
                                           "/sys/fs/cgroup/a.slice/b.service/memory.max",
                                           "/sys/fs/cgroup/a.slice/b.service/memory.current"};
  unsigned there = byte(), how = byte();
  piece = 1 + byte();
  for (int i = 0; i < FILES; i++) {
    files[i].path = there >> i & 1 ? paths[i] : NULL;
    files[i].length = 0;
  }
  if (how % 3 == 0) { /* anything at all: no more than an answer is asked for */
    for (int i = 0; i < FILES; i++) {
      size_t length = byte();
      while (length-- > 0 && input_left) files[i].text[files[i].length++] = (char)byte();
    }
    if (there & 32)
      files[GROUP].length = (size_t)snprintf(files[GROUP].text, sizeof files[GROUP].text, "0::/a.slice/b.service\n");
    REQUIRE((unsigned)objpool_memory_pressure() <= OBJPOOL_PRESSURE_FULL);
  } else { /* what the kernel writes: the worst of it counts */
    static const char *const groups[] = {"0::/a.slice/b.service\n",
                                         "12:memory:/x\n1:name=systemd:/y\n0::/a.slice/b.service\n",
                                         "0::/a.slice/b.service"};
    objpool_pressure machine = write_stalls(&files[MACHINE]), group = write_stalls(&files[GROUP_PRESSURE]),
                     worst = OBJPOOL_PRESSURE_NONE;
    files[GROUP].length =
        (size_t)snprintf(files[GROUP].text, sizeof files[GROUP].text, "%s", groups[how % COUNT_OF(groups)]);
    uint64_t most = bits() >> (16 + byte() % 40), current = most - most * (byte() % 64) / 256;
    bool limited = how & 64;
    files[GROUP_MAX].length = (size_t)(limited ? snprintf(files[GROUP_MAX].text, 40, "%llu\n", (unsigned long long)most)
                                               : snprintf(files[GROUP_MAX].text, 40, "max\n"));
    files[GROUP_CURRENT].length =
        (size_t)snprintf(files[GROUP_CURRENT].text, 40, "%llu\n", (unsigned long long)current);
    if (files[MACHINE].path) worst = machine;
    if (files[GROUP].path && files[GROUP_PRESSURE].path && group > worst) worst = group;
    bool near = limited && files[GROUP].path && files[GROUP_MAX].path && files[GROUP_CURRENT].path &&
                most - current <= most / 20;
    if (near && worst == OBJPOOL_PRESSURE_NONE) worst = OBJPOOL_PRESSURE_SOME;
    REQUIRE(objpool_memory_pressure() == worst);
  }
  REQUIRE(files_open == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  input = data;
  input_left = size;
  switch (byte() % 5) {
  case 0: try_thresholds(); break;
  case 1: try_pressure(); break;
  default: try_config(); break;
  }
  return 0;
}
