/* A fixed ring of buffers handed out in turn: a writer's newest frames take the place of the oldest. A frame that
 * someone still reads when its turn comes is not overwritten: the ring gets another from the pool in its place. */
/* build: cc -std=c11 -O2 -pthread -I.. ring_buffers.c -o ring_buffers */
/* run: ./ring_buffers [frames [readers]] */
#include "common.h"
#include <stdatomic.h>

#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

/* >>frame: what the pool holds ***************************************************************** */

enum { FRAME_BYTES = 16384 };

struct frame {
  atomic_uint users; /* the ring, and each reader; the last one gives the frame back */
  size_t number;
  unsigned char bytes[FRAME_BYTES];
};

OBJPOOL_DEFINE(frame_pool, struct frame);

static frame_pool pool;

static void frame_drop(struct frame *frame) {
  if (atomic_fetch_sub(&frame->users, 1) == 1) frame_pool_release(&pool, frame);
}

/* >>ring *************************************************************************************** */

enum { RING = 8 };

/* One writer, any number of readers. */
static struct ring {
  struct place {
    pthread_mutex_t mutex; /* held while the frame is exchanged or taken, never while one is written or read */
    struct frame *frame;
  } places[RING];
  atomic_size_t written; /* frames so far; the newest is at (written - 1) % RING */
  size_t replaced;       /* frames that were still being read when their turn came; the writer's */
} ring;

/* The frame whose turn it is, for the writer alone, or one from the pool if that is still being read.
 * NULL with errno EAGAIN if there is none: the readers hold more frames than the pool was made for. */
static struct frame *ring_next(void) {
  struct place *place = &ring.places[atomic_load(&ring.written) % RING];
  pthread_mutex_lock(&place->mutex);
  struct frame *frame = place->frame;
  place->frame = NULL; /* from here on no reader finds it */
  pthread_mutex_unlock(&place->mutex);
  if (frame && atomic_load(&frame->users) == 1) return frame; /* nobody but the ring has it: its turn again */
  if (frame) {
    ring.replaced++;
    frame_drop(frame);
  }
  frame = frame_pool_acquire(&pool);
  if (frame) atomic_store(&frame->users, 1);
  return frame;
}

/* Puts the frame that ring_next returned where readers find it. */
static void ring_publish(struct frame *frame) {
  struct place *place = &ring.places[atomic_load(&ring.written) % RING];
  pthread_mutex_lock(&place->mutex);
  place->frame = frame;
  pthread_mutex_unlock(&place->mutex);
  atomic_fetch_add(&ring.written, 1);
}

/* One of the last RING frames, `age` before the newest, to be given back by frame_drop; NULL if there is none. */
static struct frame *ring_read(size_t age) {
  size_t written = atomic_load(&ring.written);
  if (age >= RING || age >= written) return NULL;
  struct place *place = &ring.places[(written - 1 - age) % RING];
  pthread_mutex_lock(&place->mutex);
  struct frame *frame = place->frame; /* NULL: it is being written just now */
  if (frame) atomic_fetch_add(&frame->users, 1);
  pthread_mutex_unlock(&place->mutex);
  return frame;
}

/* >>camera and its readers ********************************************************************* */

static struct work {
  size_t frames;
  atomic_size_t read, torn, refused;
  atomic_bool done;
} work;

static void paint(struct frame *frame, size_t number) {
  frame->number = number;
  memset(frame->bytes, (int)(number % 251), sizeof frame->bytes);
}

/* Is every byte of the frame the one that was painted for its number? */
static bool is_whole(const struct frame *frame, size_t number) {
  if (frame->number != number) return false;
  for (size_t i = 0; i < sizeof frame->bytes; i++) {
    if (frame->bytes[i] != number % 251) return false;
  }
  return true;
}

static void *read_frames(void *unused) {
  (void)unused;
  for (size_t i = 0; !atomic_load(&work.done); i++) {
    struct frame *frame = ring_read(i % RING);
    if (!frame) continue;
    size_t number = frame->number;
    bool whole = is_whole(frame, number);
    if (i % 16 == 0) { /* now and then one takes its time: longer than a whole turn of the ring */
      size_t start = atomic_load(&ring.written);
      while (!atomic_load(&work.done) && atomic_load(&ring.written) < start + 2 * RING) sleep_ns(10000);
      whole = whole && is_whole(frame, number);
    }
    atomic_fetch_add(whole ? &work.read : &work.torn, 1);
    frame_drop(frame);
  }
  return NULL;
}

static void *write_frames(void *unused) {
  (void)unused;
  /* as many frames as asked for, and on until the readers have had their share */
  for (size_t number = 0; number < work.frames || work.read + work.torn < work.frames / 100; number++) {
    struct frame *frame = ring_next();
    if (!frame) { /* a real camera would drop the frame and go on */
      atomic_fetch_add(&work.refused, 1);
      break;
    }
    paint(frame, number);
    ring_publish(frame);
  }
  atomic_store(&work.done, true);
  return NULL;
}

/* Without readers the same RING buffers come round and round, in the same order. */
static bool comes_round_in_order(void) {
  struct frame *turn[RING];
  for (size_t i = 0; i < 4 * RING; i++) {
    struct frame *frame = ring_next();
    if (!frame) return false;
    if (i < RING) turn[i] = frame;
    if (frame != turn[i % RING]) return false;
    for (size_t j = 0; j < i && j < RING; j++) {
      if (i < RING && turn[j] == frame) return false;
    }
    paint(frame, i);
    ring_publish(frame);
  }
  return true;
}

static void *run_one(void *argument) {
  atomic_size_t *next = argument;
  return atomic_fetch_add(next, 1) == 0 ? write_frames(NULL) : read_frames(NULL);
}

int main(int argc, char **argv) {
  help_argument(argc, argv, "usage: ring_buffers [FRAMES [READERS]]   [100000 4]");
  work.frames = number_argument(argc, argv, 1, "frames", 100000);
  size_t readers = number_argument(argc, argv, 2, "readers", 4);
  for (size_t i = 0; i < RING; i++) {
    int error = pthread_mutex_init(&ring.places[i].mutex, NULL);
    if (error) fail("pthread_mutex_init: %s", strerror(error));
  }

  /* the ring's and one for each reader, all of them made before the first is needed: no frame waits for memory */
  size_t frames = RING + readers;
  objpool_config config = {.max_objects = frames, .warmup = frames, .cache_size = OBJPOOL_NO_CACHE};
  if (!frame_pool_init(&pool, &config)) fail("pool: %s", strerror(errno));

  check(comes_round_in_order(), "%d buffers come round in the same order", RING);
  check(ring.replaced == 0, "%zu replaced while nobody reads", ring.replaced);

  atomic_size_t next = 0;
  int64_t duration_ns = run_threads(1 + readers, run_one, &next);
  objpool_stats stats = frame_pool_stats(&pool);
  printf("%zu frames written, %.0f a second; %zu readers\n", ring.written, per_second(ring.written, duration_ns),
         readers);
  check(work.read > 0 && work.torn == 0, "%zu read whole, %zu overwritten while being read", work.read, work.torn);
  check(ring.replaced > 0, "%zu still being read when their turn came, replaced from the pool", ring.replaced);
  check(work.refused == 0, "%zu frames refused for want of a buffer", work.refused);
  check(stats.created == frames && stats.in_use == RING, "%llu buffers ever made, %llu in the ring",
        (unsigned long long)stats.created, (unsigned long long)stats.in_use);

  for (size_t i = 0; i < RING; i++) {
    if (ring.places[i].frame) frame_drop(ring.places[i].frame);
    pthread_mutex_destroy(&ring.places[i].mutex);
  }
  stats = frame_pool_stats(&pool);
  check(stats.idle == frames, "%llu buffers back in the pool", (unsigned long long)stats.idle);
  frame_pool_destroy(&pool);
  return checks_result();
}
