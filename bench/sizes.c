/* Buffers by size: what a buffer takes, in time and in memory.
 * usage: sizes pair|clear SIZE THREADS COUNT  -> ns for a buffer taken, its first word written, and given back; each of the threads
 *                                                does so COUNT times. clear: the buffer is cleared where it may hold what somebody
 *                                                else left there; a set's own buffers hold what the program itself left
 *        sizes known 300 THREADS COUNT        -> the same as pair, where the compiler knows the size
 *        sizes web BUFFERS                    -> bytes held, bytes asked for: buffers of sizes as a web server has them, from
 *                                                50 bytes to 16 KiB, log-normal, all in use at once
 * Built as it stands the buffers come from a set; with -DMALLOC from malloc and free; with -DMIMALLOC (and -lmimalloc) from
 * mi_malloc and mi_free. Sizes are known at run time alone, but for `known`. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <malloc.h>
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ALWAYS static inline __attribute__((__always_inline__))

/* ---- the contenders: take, give, held ---- */

#if defined(MALLOC) || defined(MIMALLOC)

#ifdef MIMALLOC
#include <mimalloc.h>
#define FROM(what) mi_##what
#else
#define FROM(what) what
#endif

enum { MUST_CLEAR = 1 };

typedef struct buffer {
  char *bytes;
} buffer;

ALWAYS buffer take(size_t size) { return (buffer){FROM(malloc)(size)}; }
ALWAYS void give(buffer buffer) { FROM(free)(buffer.bytes); }

static size_t held(void) { /* from the system */
#ifdef MIMALLOC
  size_t resident;
  mi_process_info(NULL, NULL, NULL, &resident, NULL, NULL, NULL, NULL);
  return resident;
#else
  struct mallinfo2 now = mallinfo2();
  return now.arena + now.hblkhd;
#endif
}

#else

#define OBJPOOL_IMPLEMENTATION
#include "../objpool.h"

OBJPOOL_SIZES(buffers, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 16384);
OBJPOOL_SIZES(pages, 4096, 65536);

enum { MUST_CLEAR = 0 };
typedef objpool_buffer buffer;
static buffers web;
static pages large;

ALWAYS buffer take(size_t size) { return buffers_acquire(&web, size); }
ALWAYS void give(buffer buffer) { buffers_release(&web, buffer); }
static size_t held(void) { return (size_t)buffers_stats(&web).memory_bytes; }

#endif

static void fail(const char *what) {
  fprintf(stderr, "sizes: %s\n", what);
  exit(1);
}

/* ---- a buffer taken and given back ---- */

enum { KNOWN = 300 };

static struct {
  size_t size;
  long count;
  int clears, known;
} work;

static double now_ns(void) {
  struct timespec now;
  if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now)) fail("clock_gettime");
  return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

#define HIDDEN(size) __asm__ volatile("" : "+r"(size))
#define SEEN(size) (void)(size)
#define PAIRS(take, give, wanted, seen)                    \
  for (long i = 0; i < work.count; i++) {                  \
    size_t size = wanted;                                  \
    seen(size);                                            \
    buffer one = take(size);                               \
    if (!one.bytes) fail("no memory");                     \
    if (clears) memset(one.bytes, 0, size);                \
    *(volatile uint64_t *)(void *)one.bytes = (uint64_t)i; \
    give(one);                                             \
  }

static void *pairs(void *unused) {
  (void)unused;
  const int clears = work.clears && MUST_CLEAR;
#if !defined(MALLOC) && !defined(MIMALLOC)
  if (work.size > 16384) { /* another set, as one has for them: its largest class is as large */
#define take_large(size) pages_acquire(&large, size)
#define give_large(buffer) pages_release(&large, buffer)
    PAIRS(take_large, give_large, work.size, HIDDEN)
    return NULL;
  }
#endif
  if (work.known) {
    PAIRS(take, give, KNOWN, SEEN)
    return NULL;
  }
  PAIRS(take, give, work.size, HIDDEN)
  return NULL;
}

/* Processor time: they wait for nobody, but for each other's memory, and that is in it. */
static double time_pairs(int threads) {
  pthread_t thread[64];
  if (threads < 1 || threads > 64) fail("1 to 64 threads");
  long count = work.count;
  work.count = count / 20 + 1; /* caches are warm, memory was touched */
  pairs(NULL);
  work.count = count;
  double began = now_ns();
  for (int i = 1; i < threads; i++)
    if (pthread_create(&thread[i], NULL, pairs, NULL)) fail("pthread_create");
  pairs(NULL);
  for (int i = 1; i < threads; i++) pthread_join(thread[i], NULL);
  return (now_ns() - began) / (double)count / threads;
}

/* ---- what is held ---- */

static double uniform(void) { /* between 0 and 1, neither of them; the same in each program */
  static uint64_t state = 20;
  state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return ((double)(state >> 11) + 0.5) / 9007199254740992.0;
}

static void print_web(long count) {
  buffer *all = calloc((size_t)count, sizeof *all);
  if (!all) fail("no memory");
  memset(all, 0, (size_t)count * sizeof *all);
  printf("%s", ""); /* its buffer is nobody's here */
  size_t asked = 0, before = held();
  for (long i = 0; i < count; i++) {
    /* median 900, a sixth of them above 2.4 KiB: Box and Muller */
    double normal = sqrt(-2 * log(uniform())) * cos(6.283185307179586 * uniform()), size = 900 * exp(normal);
    size_t bytes = size < 50 ? 50 : size > 16384 ? 16384 : (size_t)size;
    all[i] = take(bytes);
    if (!all[i].bytes) fail("no memory");
    memset(all[i].bytes, 1, bytes);
    asked += bytes;
  }
  printf("%zu %zu\n", held() - before, asked);
  for (long i = 0; i < count; i++) give(all[i]);
  free(all);
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "";
  if (!strcmp(mode, "web") && argc == 3) {
    print_web(atol(argv[2]));
  } else if ((!strcmp(mode, "pair") || !strcmp(mode, "clear") || !strcmp(mode, "known")) && argc == 5) {
    work.size = (size_t)atol(argv[2]);
    work.known = *mode == 'k';
    if (work.known && work.size != KNOWN) fail("known is for 300 bytes");
    work.count = atol(argv[4]);
    work.clears = *mode == 'c';
    printf("%.3f\n", time_pairs(atoi(argv[3])));
  } else {
    fail("usage: sizes pair|clear|known SIZE THREADS COUNT, or sizes web BUFFERS");
  }
  return 0;
}
