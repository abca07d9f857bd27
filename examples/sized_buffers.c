/* Buffers by size, a class for each, with a cache for every thread: a request gets the smallest that fits, beyond the largest a
 * plain allocation that is not kept. An answer that turns out larger moves on into a larger one. */
/* build: cc -std=c11 -O2 -pthread -I.. sized_buffers.c -o sized_buffers */
/* run: ./sized_buffers [requests [threads]] */
#include "common.h"
#include <stdatomic.h>

#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

/* >>buffers: the set ************************************************************************** */

#define SIZES 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10
OBJPOOL_SIZES(buffers, SIZES);

static const size_t sizes[] = {SIZES};
enum { CLASSES = sizeof sizes / sizeof *sizes, KEPT = 256 };

static buffers set;

/* >>requests: a server's answers, most of them small ******************************************* */

enum { HELD = 16, SURPRISE = 1 << 20 };

struct work {
  atomic_size_t next, wrong, surprises;
  size_t requests;
};

/* What is said in a buffer, from the pool's point of view: its owner counts how much of it is used. */
struct answer {
  objpool_buffer buffer;
  size_t id, length;
};

static size_t answer_size(size_t id) {
  uint64_t random = (id + 1) * UINT64_C(0x9E3779B97F4A7C15);
  random ^= random >> 29;
  /* a power of two, the middle ones oftenest */
  unsigned magnitude = (unsigned)(random % 10) + (unsigned)(random / 10 % 9);
  return (size_t)(random >> 40) % ((size_t)1 << magnitude) + 1;
}

/* Appends to an answer; it moves when it does not fit any more, and what was written moves with it. */
static bool append(struct answer *answer, const void *bytes, size_t length) {
  if (length > answer->buffer.capacity - answer->length) {
    size_t wanted = answer->buffer.capacity + answer->buffer.capacity / 2;
    objpool_buffer grown =
        buffers_grow(&set, answer->buffer, wanted > answer->length + length ? wanted : answer->length + length);
    if (!grown.bytes) return false; /* and the answer is as it was */
    answer->buffer = grown;
  }
  memcpy(answer->buffer.bytes + answer->length, bytes, length);
  answer->length += length;
  return true;
}

static bool fill(struct answer *answer, size_t size) {
  unsigned char line[64];
  memset(line, (int)(answer->id % 251), sizeof line);
  while (answer->length < size) {
    size_t left = size - answer->length;
    if (!append(answer, line, left < sizeof line ? left : sizeof line)) return false;
  }
  return true;
}

static bool is_filled(const struct answer *answer) {
  for (size_t i = 0; i < answer->length; i++) {
    if ((unsigned char)answer->buffer.bytes[i] != answer->id % 251) return false;
  }
  return true;
}

/* Each thread has some answers under way, and looks at each again before it gives it back. */
static void *answer_all(void *argument) {
  struct work *work = argument;
  struct answer held[HELD] = {{{0}, 0, 0}};
  bool more = true;
  for (size_t place = 0; more; place = (place + 1) % HELD) {
    size_t id = atomic_fetch_add(&work->next, 1);
    more = id < work->requests;
    for (size_t i = more ? place : 0; i < (more ? place + 1 : HELD); i++) { /* one, in the end all */
      if (!is_filled(&held[i])) atomic_fetch_add(&work->wrong, 1);
      buffers_release(&set, held[i].buffer); /* an empty one is fine */
      held[i] = (struct answer){{0}, 0, 0};
    }
    if (!more) break;
    size_t size = answer_size(id);
    held[place].id = id;
    held[place].buffer = buffers_acquire(&set, size);
    if (!held[place].buffer.bytes) fail("no buffer: %s", strerror(errno));
    if (id % 200 == 199) { /* and now and then one turns out much larger than anybody thought */
      size = SURPRISE;
      atomic_fetch_add(&work->surprises, 1);
    }
    if (!fill(&held[place], size)) fail("no buffer to grow into: %s", strerror(errno));
  }
  return NULL;
}

/* Every border: the class that fits exactly, and one byte more. */
static void check_borders(void) {
  bool fits = true;
  for (size_t i = 0; i < CLASSES; i++) {
    objpool_buffer at = buffers_acquire(&set, sizes[i]), above = buffers_acquire(&set, sizes[i] + 1);
    if (!at.bytes || !above.bytes) fail("no buffer: %s", strerror(errno));
    fits = fits && at.capacity == sizes[i] && above.capacity == (i + 1 < CLASSES ? sizes[i + 1] : sizes[i] + 1);
    buffers_release(&set, at);
    buffers_release(&set, above);
  }
  check(fits, "each request gets the smallest class that fits, beyond the largest a plain allocation");
}

int main(int argc, char **argv) {
  help_argument(argc, argv, "usage: sized_buffers [REQUESTS [THREADS]]   [100000 8]");
  struct work work = {.requests = number_argument(argc, argv, 1, "requests", 100000)};
  size_t threads = number_argument(argc, argv, 2, "threads", 8);
  const objpool_config config = {.name = "answers",
                                 .max_idle = KEPT}; /* of each class; an all-zero set has no limits */
  if (!buffers_init(&set, &config)) fail("buffers: %s", strerror(errno));
  check_borders();
  run_threads(threads, answer_all, &work);

  printf("%8s %10s %9s %6s %14s\n", "class", "requests", "reused", "idle", "bytes held");
  size_t idle_bytes = 0, most = 0, idle[CLASSES];
  for (size_t i = 0; i < CLASSES; i++) {
    objpool_stats stats = objpool_snapshot(buffers_class(&set, sizes[i]));
    printf("%8zu %10llu %7.2f %% %6llu %14llu\n", sizes[i], (unsigned long long)stats.acquires,
           100 * objpool_hit_rate(&stats), (unsigned long long)stats.idle, (unsigned long long)stats.memory_bytes);
    idle[i] = (size_t)stats.idle;
    idle_bytes += idle[i] * sizes[i];
    most += KEPT * sizes[i];
  }
  objpool_stats stats = buffers_stats(&set);
  printf("in all: %llu of %llu requests reused a buffer\n", (unsigned long long)stats.hits,
         (unsigned long long)stats.acquires);
  check(work.wrong == 0, "%zu answers intact, %zu spoilt", work.requests, work.wrong);
  check(work.surprises > 0 && stats.in_use == 0, "%zu answers grew to %d bytes, beyond every class, and none was kept",
        work.surprises, SURPRISE);
  check(idle_bytes <= most, "%zu bytes kept, at most %zu", idle_bytes, most);

  /* what is idle goes back, the largest first, until so much is left */
  size_t keep = idle_bytes / 8, gone = buffers_trim(&set, keep), left = 0, last = 0;
  for (size_t i = CLASSES; i-- > 0;) {
    size_t still = (size_t)objpool_snapshot(buffers_class(&set, sizes[i])).idle;
    left += still * sizes[i];
    if (still < idle[i]) last = sizes[i]; /* one more of these would have been one too many */
  }
  check(left <= keep && left + last > keep && gone + left == idle_bytes,
        "a trim to %zu bytes leaves %zu and destroys %zu", keep, left, gone);
  buffers_destroy(&set);
  return checks_result();
}
