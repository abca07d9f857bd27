/* Buffers by size class, a pool for each: a request gets the smallest that fits, beyond the largest a plain allocation.
 * A buffer that comes back grown far beyond its class is not kept, or a few large requests would swell a small class. */
/* build: cc -std=c11 -O2 -pthread -I.. sized_buffers.c -o sized_buffers */
/* run: ./sized_buffers [requests [threads]] */
#include "common.h"
#include <stdatomic.h>

#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

/* >>classes: the set of pools ****************************************************************** */

struct sized_buffer {
  struct buffer buffer;     /* grows like any other while it is out */
  struct size_class *class; /* where it goes back to; NULL: a plain allocation */
  size_t counted;           /* bytes of it in the class's total */
};

struct size_class {
  size_t size;     /* a new buffer has room for this much, one that is kept for twice as much at most */
  size_t max_idle; /* buffers kept */
  atomic_size_t bytes, bytes_let_go;
};

enum { CLASSES = 5, KEPT_GROWTH = 2 };

/* Together they keep 32 MiB at most, twice that when all have grown. */
static struct size_class classes[CLASSES] = {{.size = 256, .max_idle = 8192},
                                             {.size = 1 << 10, .max_idle = 4096},
                                             {.size = 4 << 10, .max_idle = 1024},
                                             {.size = 16 << 10, .max_idle = 512},
                                             {.size = 64 << 10, .max_idle = 224}};
static atomic_size_t plain; /* allocations beyond the largest class */

static bool sized_create(struct sized_buffer *sized, void *context) {
  struct size_class *class = context;
  if (!buffer_reserve(&sized->buffer, class->size)) return false;
  sized->class = class;
  sized->counted = sized->buffer.capacity;
  atomic_fetch_add(&class->bytes, sized->counted);
  return true;
}

static void sized_reset(struct sized_buffer *sized, void *context) {
  struct size_class *class = context;
  sized->buffer.length = 0;
  atomic_fetch_add(&class->bytes, sized->buffer.capacity - sized->counted);
  sized->counted = sized->buffer.capacity;
}

static bool sized_is_fit(struct sized_buffer *sized, void *context) {
  const struct size_class *class = context;
  return sized->buffer.capacity <= KEPT_GROWTH * class->size;
}

static void sized_destroy(struct sized_buffer *sized, void *context) {
  struct size_class *class = context;
  atomic_fetch_sub(&class->bytes, sized->counted);
  if (sized->counted > KEPT_GROWTH * class->size) atomic_fetch_add(&class->bytes_let_go, sized->counted);
  buffer_free(&sized->buffer);
}

OBJPOOL_DEFINE(sized_pool, struct sized_buffer,
               opt.create = sized_create,
               opt.reset = sized_reset,
               opt.validate = sized_is_fit,
               opt.validate_on = OBJPOOL_ON_RELEASE,
               opt.destroy = sized_destroy);

static sized_pool pools[CLASSES];

/* An empty buffer with room for `capacity` bytes, to be given back by sized_release; NULL when out of memory. */
static struct sized_buffer *sized_acquire(size_t capacity) {
  for (size_t i = 0; i < CLASSES; i++) {
    if (capacity <= classes[i].size) return sized_pool_acquire(&pools[i]);
  }
  struct sized_buffer *sized = calloc(1, sizeof *sized);
  if (sized && !buffer_reserve(&sized->buffer, capacity)) {
    free(sized);
    return NULL;
  }
  if (sized) atomic_fetch_add(&plain, 1);
  return sized;
}

static void sized_release(struct sized_buffer *sized) {
  if (!sized) return;
  if (sized->class) {
    sized_pool_release(&pools[sized->class - classes], sized);
  } else {
    buffer_free(&sized->buffer);
    free(sized);
  }
}

static void sizes_init(void) {
  for (size_t i = 0; i < CLASSES; i++) {
    objpool_config config = {.context = &classes[i], .max_idle = classes[i].max_idle};
    if (!sized_pool_init(&pools[i], &config)) fail("pool of %zu bytes: %s", classes[i].size, strerror(errno));
  }
}

/* >>requests: a server's answers, most of them small ******************************************* */

enum { HELD = 16, SURPRISE = 1 << 20 };

struct work {
  atomic_size_t next, wrong, surprises;
  size_t requests;
};

static size_t answer_size(size_t id) {
  uint64_t random = (id + 1) * UINT64_C(0x9E3779B97F4A7C15);
  random ^= random >> 29;
  /* a power of two, the middle ones oftenest */
  unsigned magnitude = (unsigned)(random % 10) + (unsigned)(random / 10 % 9);
  return (size_t)(random >> 40) % ((size_t)1 << magnitude) + 1;
}

static bool fill(struct sized_buffer *sized, size_t id, size_t size) {
  unsigned char line[64];
  memset(line, (int)(id % 251), sizeof line);
  while (sized->buffer.length < size) {
    size_t left = size - sized->buffer.length;
    if (!buffer_append(&sized->buffer, line, left < sizeof line ? left : sizeof line)) return false;
  }
  return true;
}

static bool is_filled(const struct sized_buffer *sized, size_t id, size_t size) {
  if (sized->buffer.length != size) return false;
  for (size_t i = 0; i < size; i++) {
    if ((unsigned char)sized->buffer.bytes[i] != id % 251) return false;
  }
  return true;
}

/* Each thread has some answers under way, and looks at each again before it gives it back. */
static void *answer(void *argument) {
  struct work *work = argument;
  struct {
    struct sized_buffer *sized;
    size_t id, size;
  } held[HELD] = {0};
  bool more = true;
  for (size_t place = 0; more; place = (place + 1) % HELD) {
    size_t id = atomic_fetch_add(&work->next, 1);
    more = id < work->requests;
    for (size_t i = more ? place : 0; i < (more ? place + 1 : HELD); i++) { /* one, in the end all */
      if (held[i].sized && !is_filled(held[i].sized, held[i].id, held[i].size)) atomic_fetch_add(&work->wrong, 1);
      sized_release(held[i].sized);
      held[i].sized = NULL;
    }
    if (!more) break;
    held[place].id = id;
    held[place].size = answer_size(id);
    held[place].sized = sized_acquire(held[place].size);
    if (!held[place].sized) fail("no buffer: %s", strerror(errno));
    if (id % 200 == 199) { /* and now and then one turns out much larger than anybody thought */
      held[place].size = SURPRISE;
      atomic_fetch_add(&work->surprises, 1);
    }
    if (!fill(held[place].sized, id, held[place].size)) fail("out of memory");
  }
  return NULL;
}

int main(int argc, char **argv) {
  struct work work = {.requests = number_argument(argc, argv, 1, "requests", 100000)};
  size_t threads = number_argument(argc, argv, 2, "threads", 8);
  sizes_init();

  /* the smallest that fits, at every border */
  bool fits = true;
  for (size_t i = 0; i < CLASSES; i++) {
    struct sized_buffer *at = sized_acquire(classes[i].size), *above = sized_acquire(classes[i].size + 1);
    if (!at || !above) fail("no buffer: %s", strerror(errno));
    fits = fits && at->class == &classes[i] && above->class == (i + 1 < CLASSES ? &classes[i + 1] : NULL) &&
           at->buffer.capacity >= classes[i].size && above->buffer.capacity > classes[i].size;
    sized_release(at);
    sized_release(above);
  }
  check(fits, "each request gets the smallest class that fits, beyond the largest a plain allocation");

  run_threads(threads, answer, &work);

  printf("%8s %10s %9s %6s %14s %12s %16s\n", "class", "requests", "reused", "idle", "let go grown", "bytes kept",
         "bytes not kept");
  size_t requests = 0, reused = 0, kept = 0, let_go = 0, grown = 0;
  bool bounded = true;
  for (size_t i = 0; i < CLASSES; i++) {
    objpool_stats stats = sized_pool_stats(&pools[i]);
    printf("%8zu %10llu %7.2f %% %6llu %14llu %12zu %16zu\n", classes[i].size, (unsigned long long)stats.acquires,
           100 * objpool_hit_rate(&stats), (unsigned long long)stats.idle, (unsigned long long)stats.invalid,
           classes[i].bytes, classes[i].bytes_let_go);
    requests += stats.acquires;
    reused += stats.hits;
    grown += stats.invalid;
    kept += classes[i].bytes;
    let_go += classes[i].bytes_let_go;
    bounded = bounded && stats.in_use == 0 && stats.idle <= classes[i].max_idle &&
              classes[i].bytes <= stats.idle * KEPT_GROWTH * classes[i].size;
  }
  printf("in all: %zu of %zu requests reused a buffer, %zu plain allocations beyond the largest class\n", reused,
         requests, plain);
  check(work.wrong == 0, "%zu answers intact, %zu spoilt", work.requests, work.wrong);
  check(bounded, "%zu bytes kept, no buffer larger than %d times its class", kept, KEPT_GROWTH);
  check(grown > 0 && let_go >= grown * SURPRISE && grown + plain >= work.surprises,
        "%zu of %zu requests grew beyond their class: %zu bytes not kept", grown, work.surprises, let_go);

  size_t left = 0;
  for (size_t i = 0; i < CLASSES; i++) {
    sized_pool_destroy(&pools[i]);
    left += classes[i].bytes;
  }
  check(left == 0, "%zu bytes left after the end", left);
  return checks_result();
}
