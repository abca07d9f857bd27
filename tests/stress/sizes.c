/* sizes: threads acquire, grow, hand on and release buffers of three sets (never initialised, capped, capped without caches), while another
 * trims them, gives their classes new limits, maintains them and reads their statistics. What is written into a buffer says whose it is, and
 * is there when it is grown, handed on or given back; after each round, with the threads ended, every count is exact.
 *
 * sizes [OPERATIONS [THREADS [SEED]]]      an operation is one acquire, growth or release; on a terminal it shows how far it is */
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

#include "stress.h"
#include <pthread.h>
#include <time.h>
#include <unistd.h>

enum {
  SETS = 3,
  MOST_THREADS = 256,
  ROUNDS = 20,
  HELD = 12,      /* buffers of each set that a thread holds at most */
  MAILBOXES = 32, /* buffers on their way from one thread to another */
  CAP = 40,       /* of each class of the second and third set */
  LARGEST = 4096,
  STRIDE = 61 /* so far apart are the bytes that are written, but for the last */
};

OBJPOOL_SIZES(buffers, 64, 256, 1024, LARGEST);

typedef struct held {
  objpool_buffer buffer;
  uint64_t stamp; /* no two alike */
} held;

typedef struct mailbox {
  bool busy;
  held of[SETS];
} mailbox;

typedef struct worker {
  pthread_t thread;
  long number, operations;
  uint64_t random, stamps;
  long acquired[SETS], refused, grown, large;
} worker;

static buffers sets[SETS];
static mailbox mail[MAILBOXES];
static size_t bytes_held[SETS]; /* of the allocators of the second and the third */
static bool stop;
static long disturbances[5]; /* trims, clears of a class, new limits, maintenances, looks */

static void *allocate(size_t size, size_t alignment, void *context) {
  void *memory = NULL;
  REQUIRE(posix_memalign(&memory, alignment < sizeof(void *) ? sizeof(void *) : alignment, size) == 0);
  memset(memory, 0xa5, size);
  __atomic_add_fetch((size_t *)context, size, __ATOMIC_RELAXED);
  return memory;
}

static void deallocate(void *memory, size_t size, size_t alignment, void *context) {
  (void)alignment;
  __atomic_sub_fetch((size_t *)context, size, __ATOMIC_RELAXED);
  free(memory);
}

static char byte_at(uint64_t stamp, size_t place) { return (char)(stamp * 37 + place * 11 + (stamp >> 9)); }

static void write_bytes(const held *mine) {
  for (size_t i = 0; i < mine->buffer.capacity; i += STRIDE) mine->buffer.bytes[i] = byte_at(mine->stamp, i);
  mine->buffer.bytes[mine->buffer.capacity - 1] = byte_at(mine->stamp, mine->buffer.capacity - 1);
}

/* As they were written into so large a buffer, perhaps another one that has grown since. */
static void require_bytes(const held *mine, size_t capacity) {
  for (size_t i = 0; i < capacity; i += STRIDE) REQUIRE(mine->buffer.bytes[i] == byte_at(mine->stamp, i));
  REQUIRE(mine->buffer.bytes[capacity - 1] == byte_at(mine->stamp, capacity - 1));
}

static void begin_use(worker *self, held *mine, objpool_buffer buffer) {
  mine->buffer = buffer;
  mine->stamp = ++self->stamps << 8 | (uint64_t)self->number;
  self->large += buffer.capacity > LARGEST;
  write_bytes(mine);
}

static size_t any_size(uint64_t random) {
  unsigned choice = random & 31;
  if (choice == 0) return LARGEST + 1 + (random >> 8) % 3000;
  return (random >> 8) % ((size_t)64 << choice % 7) + 1;
}

static void end_use(int which, held *mine) {
  if (mine->buffer.bytes) require_bytes(mine, mine->buffer.capacity);
  buffers_release(&sets[which], mine->buffer);
  memset(mine, 0, sizeof *mine);
}

static bool begin_another(worker *self, int which, held *mine, uint64_t random) {
  size_t size = any_size(random);
  objpool_buffer buffer = buffers_acquire(&sets[which], size);
  if (!buffer.bytes) {
    REQUIRE(errno == EAGAIN && which > 0 && size <= LARGEST);
    self->refused++;
    return false;
  }
  REQUIRE(buffer.capacity >= size);
  self->acquired[which]++;
  begin_use(self, mine, buffer);
  return true;
}

static void grow(worker *self, int which, held *mine, uint64_t random) {
  size_t old = mine->buffer.capacity, size = any_size(random);
  objpool_buffer grown = buffers_grow(&sets[which], mine->buffer, size);
  if (!grown.bytes) {
    REQUIRE(errno == EAGAIN && which > 0 && size <= LARGEST);
    self->refused++;
    require_bytes(mine, old); /* it is still ours */
    return;
  }
  mine->buffer = grown;
  require_bytes(mine, old);
  if (grown.capacity == old) return;
  REQUIRE(grown.capacity >= size && old < size);
  self->acquired[which]++;
  self->grown++;
  begin_use(self, mine, grown);
}

/* Puts it where another thread finds it, and takes what lay there. */
static void hand_on(int which, held *mine, uint64_t random) {
  mailbox *box = &mail[random % MAILBOXES];
  if (__atomic_exchange_n(&box->busy, true, __ATOMIC_ACQUIRE)) return;
  held other = box->of[which];
  box->of[which] = *mine;
  __atomic_store_n(&box->busy, false, __ATOMIC_RELEASE);
  *mine = other;
}

static void *work(void *argument) {
  worker *self = (worker *)argument;
  held mine[SETS][HELD];
  int count[SETS] = {0};
  for (long done = 0; done < self->operations; done++) {
    uint64_t random = next_random(&self->random);
    int which = (int)(random % SETS);
    unsigned what = random >> 8 & 15;
    held *last = &mine[which][count[which] - (count[which] > 0)];
    if (count[which] == 0 || (count[which] < HELD && what < 7)) {
      count[which] += begin_another(self, which, &mine[which][count[which]], random >> 16);
    } else if (what < 10) {
      grow(self, which, last, random >> 16);
    } else if (what == 10) {
      hand_on(which, last, random >> 16);
      if (!last->buffer.bytes) count[which]--;
    } else {
      end_use(which, last);
      count[which]--;
    }
  }
  for (int which = 0; which < SETS; which++)
    while (count[which] > 0) end_use(which, &mine[which][--count[which]]);
  return NULL;
}

/* What can be said of numbers that others change meanwhile. */
static void look(int which, objpool *class_) {
  objpool_stats stats = buffers_stats(&sets[which]), one = objpool_snapshot(class_);
  REQUIRE(which == 0 || (one.max_objects == CAP && one.max_idle <= CAP));
  REQUIRE(which == 0 || one.in_use <= CAP);
  REQUIRE(stats.memory_bytes >= one.object_size * one.in_use / 2 && one.hits <= one.acquires);
}

static void *disturb(void *argument) {
  uint64_t random = *(uint64_t *)argument;
  const struct timespec pause = {0, 200000};
  while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
    next_random(&random);
    int which = (int)((random >> 32) % SETS);
    objpool *class_ = buffers_class(&sets[which], (random >> 24) % LARGEST);
    size_t number = (size_t)(random >> 40) % 100;
    switch ((random >> 16) % 8) {
    case 0:
    case 1: (void)buffers_trim(&sets[which], number * 500), disturbances[0]++; break;
    case 2: (void)objpool_clear(class_), disturbances[1]++; break;
    case 3:
    case 4:
      REQUIRE(objpool_resize(class_, random >> 60 & 1 ? 0 : 1 + number % CAP, OBJPOOL_UNCHANGED));
      disturbances[2]++;
      break;
    case 5: (void)objpool_maintain_some(class_, number), disturbances[3]++; break;
    default: look(which, class_), disturbances[4]++; break;
    }
    nanosleep(&pause, NULL);
  }
  return NULL;
}

#define USAGE "sizes [OPERATIONS [THREADS [SEED]]]"

/* With no thread but this one: what is out lies in the mailboxes. */
static void require_counts(int which, const worker *workers, long threads) {
  size_t in_mail = 0;
  long acquired = 0;
  for (int i = 0; i < MAILBOXES; i++) {
    const held *one = &mail[i].of[which];
    if (one->buffer.bytes) require_bytes(one, one->buffer.capacity), in_mail++;
  }
  for (long i = 0; i < threads; i++) acquired += workers[i].acquired[which];
  objpool_stats stats = buffers_stats(&sets[which]);
  REQUIRE(stats.in_use == in_mail);
  if (which > 0) REQUIRE(stats.memory_bytes == __atomic_load_n(&bytes_held[which], __ATOMIC_RELAXED));
#ifndef OBJPOOL_NO_STATS
  REQUIRE((long)stats.acquires == acquired && stats.acquires == stats.releases + stats.in_use);
  REQUIRE(stats.acquires == stats.hits + stats.misses);
  REQUIRE(stats.created == stats.idle + stats.in_use + stats.destroyed);
#else
  (void)acquired;
#endif
}

static void begin_sets(void) {
  for (int which = 1; which < SETS; which++) {
    objpool_config config;
    memset(&config, 0, sizeof config);
    config.max_objects = CAP;
    config.ignore_pressure = true;
    config.cache_size = which == 2 ? OBJPOOL_NO_CACHE : 0;
    config.allocator.allocate = allocate;
    config.allocator.deallocate = deallocate;
    config.allocator.context = &bytes_held[which];
    REQUIRE(buffers_init(&sets[which], &config));
  }
}

static void end_sets(void) {
  for (int which = 0; which < SETS; which++) {
    for (int i = 0; i < MAILBOXES; i++) end_use(which, &mail[i].of[which]);
    size_t idle_bytes = 0;
    for (size_t size = 64; size <= LARGEST; size *= 4)
      idle_bytes += objpool_snapshot(buffers_class(&sets[which], size)).idle * size;
    REQUIRE(buffers_trim(&sets[which], 0) == idle_bytes);
    objpool_stats stats = buffers_stats(&sets[which]);
    REQUIRE(stats.in_use == 0 && stats.idle == 0);
    buffers_destroy(&sets[which]);
    REQUIRE(bytes_held[which] == 0);
  }
}

int main(int argument_count, char **argument) {
  long operations = argument_count > 1 ? number(USAGE, argument[1]) : 10000000;
  long threads = argument_count > 2 ? number(USAGE, argument[2]) : 4 * sysconf(_SC_NPROCESSORS_ONLN);
  uint64_t seed = argument_count > 3 ? (uint64_t)number(USAGE, argument[3]) : 1,
           disturbing_seed = seed * 0x9e3779b97f4a7c15u + 1;
  static worker workers[MOST_THREADS];
  pthread_t disturber;
  long done = 0, refused = 0, grown = 0, large = 0;
  if (threads > MOST_THREADS) threads = MOST_THREADS;
  begin_sets();
  for (int round = 0; round < ROUNDS; round++) {
    for (long i = 0; i < threads; i++) {
      if (round == 0) workers[i].random = (seed + (uint64_t)i) * 0xbf58476d1ce4e5b9u | 1;
      workers[i].number = i;
      workers[i].operations = operations / ROUNDS / threads + 1;
      REQUIRE(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0);
      done += workers[i].operations;
    }
    REQUIRE(pthread_create(&disturber, NULL, disturb, &disturbing_seed) == 0);
    for (long i = 0; i < threads; i++) REQUIRE(pthread_join(workers[i].thread, NULL) == 0);
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    REQUIRE(pthread_join(disturber, NULL) == 0);
    stop = false;
    disturbing_seed += 2;
    for (int which = 0; which < SETS; which++) require_counts(which, workers, threads);
    if (isatty(1)) {
      printf("\r%3d %%", 100 * (round + 1) / ROUNDS);
      fflush(stdout);
    }
  }
  end_sets();
  for (long i = 0; i < threads; i++) {
    refused += workers[i].refused;
    grown += workers[i].grown;
    large += workers[i].large;
  }
  if (isatty(1)) printf("\r");
  printf("%ld operations on buffers by %ld threads, %ld grown, %ld larger than all classes, %ld refused at a cap, "
         "among %ld trims, "
         "%ld clears, %ld new limits, %ld maintenances, %ld looks: every byte in its place, everything accounted for "
         "%d times\n",
         done, threads, grown, large, refused, disturbances[0], disturbances[1], disturbances[2], disturbances[3],
         disturbances[4], ROUNDS);
  return 0;
}
