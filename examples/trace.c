/* Events: every acquire, release, creation and wait of a pool as a trace file that Perfetto (ui.perfetto.dev) and
 * chrome://tracing open: a row per object with a span from acquire to release, and curves of what is in use and idle.
 *
 * usage: trace [FILE.json]    without FILE only the counts are printed
 *
 * build: cc -std=c11 -O2 -pthread -I.. trace.c -o trace
 */
#include "common.h"
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

struct canvas {
  unsigned char pixels[64 * 64 * 4];
};

/* >>recorder: events in the order they happened, kept in memory until all is over ********************************** */

enum { EVENTS_MAX = 1 << 16, EVENT_KINDS = OBJPOOL_EVENT_TIMEOUT + 1, ROWS_MAX = 1024 };

struct recorded {
  objpool_event event;
  unsigned thread;
};

struct recorder {
  size_t count; /* may pass EVENTS_MAX: the rest was lost */
  struct recorded events[EVENTS_MAX];
};

static _Thread_local unsigned this_thread; /* 0 is the main thread */

/* Called by any thread, in the middle of an acquire or release: no lock, no output, no use of the pool. */
static void record(const objpool_event *event, void *context) {
  struct recorder *recorder = context;
  size_t position =
      __atomic_fetch_add(&recorder->count, 1, __ATOMIC_RELAXED); /* relaxed: threads are joined before it is read */
  if (position < EVENTS_MAX) recorder->events[position] = (struct recorded){.event = *event, .thread = this_thread};
}

OBJPOOL_DEFINE(canvas_pool, struct canvas, opt.on_event = record);

/* >>load: threads that draw on canvases, more of them than the pool may have *************************************** */

enum { THREADS = 4, ROUNDS = 60, HELD_MAX = 3, CANVASES_MAX = 6 };

static canvas_pool canvases;
static unsigned threads_started;

static void *draw(void *unused) {
  (void)unused;
  this_thread = __atomic_add_fetch(&threads_started, 1, __ATOMIC_RELAXED); /* relaxed: only a number each */
  unsigned random = this_thread * 2654435761u;
  for (int round = 0; round < ROUNDS; round++) {
    struct canvas *held[HELD_MAX];
    size_t want = 1 + (random >> 16) % HELD_MAX, got = 0;
    while (got < want) { /* whoever holds some already must not wait: two such would wait for each other */
      struct canvas *canvas = got ? canvas_pool_acquire(&canvases) : canvas_pool_acquire_for(&canvases, 5 * SECONDS);
      if (!canvas && got && errno == EAGAIN) break;
      if (!canvas) fail("no canvas: %s", strerror(errno));
      held[got++] = canvas;
    }
    for (size_t i = 0; i < got; i++) memset(held[i], round, sizeof *held[i]);
    random = random * 1664525u + 1013904223u;
    sleep_ns((int64_t)(random >> 16) % 400 * 1000);
    while (got > 0) canvas_pool_release(&canvases, held[--got]);
    random = random * 1664525u + 1013904223u;
    sleep_ns((int64_t)(random >> 16) % 200 * 1000);
  }
  return NULL;
}

/* >>trace file: the "Trace Event Format" of Chrome and Perfetto ***************************************************** */

/* Each object has a row of its own, numbered in the order they first appear. */
static size_t row_of(const void *object) {
  static const void *objects[ROWS_MAX];
  static size_t count;
  size_t row = 0;
  while (row < count && objects[row] != object) row++;
  if (row == count) {
    if (count == ROWS_MAX) fail("more than %d objects", ROWS_MAX);
    objects[count++] = object;
  }
  return row + 1; /* row 0 is the pool's own */
}

static const char *const kind_names[EVENT_KINDS] = {"acquire", "release", "create",    "destroy", "grow",    "shrink",
                                                    "clear",   "resize",  "exhausted", "wait",    "extract", "timeout"};

static struct recorded acquired[ROWS_MAX + 1]; /* by row: the acquire whose release is still to come */

static void write_trace(const char *path, const struct recorder *recorder, size_t count) {
  FILE *file = fopen(path, "w");
  if (!file) fail("%s: %s", path, strerror(errno));
  uint64_t begin_ns = count ? recorder->events[0].event.time_ns : 0, now_ns_since = 0;
  for (size_t i = 0; i < count; i++) {
    if (recorder->events[i].event.time_ns < begin_ns) begin_ns = recorder->events[i].event.time_ns;
  }
  size_t in_use = 0, alive = 0, rows = 0;
  fputs("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n"
        "{\"ph\":\"M\",\"pid\":1,\"name\":\"process_name\",\"args\":{\"name\":\"pool canvases\"}},\n"
        "{\"ph\":\"M\",\"pid\":1,\"tid\":0,\"name\":\"thread_name\",\"args\":{\"name\":\"pool\"}}",
        file);
  for (size_t i = 0; i < count; i++) {
    const objpool_event *event = &recorder->events[i].event;
    /* threads note the time a moment before they take their place in the order: never let it run backwards */
    if (event->time_ns - begin_ns > now_ns_since) now_ns_since = event->time_ns - begin_ns;
    double at = (double)now_ns_since / 1000; /* microseconds, as the format wants them */
    size_t row = event->object ? row_of(event->object) : 0;
    if (row > rows) {
      rows = row;
      fprintf(file,
              ",\n{\"ph\":\"M\",\"pid\":1,\"tid\":%zu,\"name\":\"thread_name\",\"args\":{\"name\":\"canvas %zu\"}}",
              row, row);
    }
    switch (event->kind) {
    case OBJPOOL_EVENT_ACQUIRE:
      in_use++;
      acquired[row] = (struct recorded){.event = *event, .thread = recorder->events[i].thread};
      acquired[row].event.time_ns = now_ns_since;
      break;
    case OBJPOOL_EVENT_RELEASE: /* one complete span; an object that never came back has none */
      in_use--;
      fprintf(file,
              ",\n{\"ph\":\"X\",\"pid\":1,\"tid\":%zu,\"ts\":%.3f,\"dur\":%.3f,\"name\":\"thread "
              "%u\",\"args\":{\"released by\":%u}}",
              row, (double)acquired[row].event.time_ns / 1000,
              (double)(now_ns_since - acquired[row].event.time_ns) / 1000, acquired[row].thread,
              recorder->events[i].thread);
      break;
    case OBJPOOL_EVENT_CREATE: alive++; break;
    case OBJPOOL_EVENT_DESTROY: alive--; break;
    case OBJPOOL_EVENT_GROW:
    case OBJPOOL_EVENT_SHRINK:
    case OBJPOOL_EVENT_CLEAR:
    case OBJPOOL_EVENT_RESIZE:
    case OBJPOOL_EVENT_EXHAUSTED:
    case OBJPOOL_EVENT_WAIT:
    case OBJPOOL_EVENT_TIMEOUT: break;
    case OBJPOOL_EVENT_EXTRACT: alive--, in_use--; break;
    }
    if (event->kind > OBJPOOL_EVENT_RELEASE) {
      fprintf(file,
              ",\n{\"ph\":\"i\",\"s\":\"t\",\"pid\":1,\"tid\":%zu,\"ts\":%.3f,\"name\":\"%s\",\"args\":{\"count\":%zu,"
              "\"thread\":%u}}",
              row, at, kind_names[event->kind], event->count, recorder->events[i].thread);
    }
    fprintf(file,
            ",\n{\"ph\":\"C\",\"pid\":1,\"ts\":%.3f,\"name\":\"canvases\",\"args\":{\"in use\":%zu,\"idle\":%zu}}", at,
            in_use, alive > in_use ? alive - in_use : 0);
  }
  fputs("\n]}\n", file);
  bool written = !ferror(file);
  if (fclose(file) || !written) fail("%s: %s", path, strerror(errno));
}

int main(int argc, char **argv) {
  help_argument(argc, argv, "usage: trace [FILE.json]   without FILE only the counts are printed");
  static struct recorder recorder;
  if (argc > 2 || (argc > 1 && *argv[1] == '-')) fail("usage: trace [FILE.json]");
  objpool_config config = {.name = "canvases", .context = &recorder, .warmup = 2, .max_objects = CANVASES_MAX};
  if (!canvas_pool_init(&canvases, &config)) fail("canvas_pool_init: %s", strerror(errno));
  int64_t took_ns = run_threads(THREADS, draw, NULL);
  canvas_pool_trim(&canvases, 2);
  if (!canvas_pool_resize(&canvases, 4, OBJPOOL_UNCHANGED)) fail("canvas_pool_resize: %s", strerror(errno));
  canvas_pool_clear(&canvases);
  canvas_pool_destroy(&canvases);

  size_t count = recorder.count < EVENTS_MAX ? recorder.count : EVENTS_MAX, of_kind[EVENT_KINDS] = {0};
  for (size_t i = 0; i < count; i++) of_kind[recorder.events[i].event.kind]++;
  printf("%zu events in %.1f ms:", recorder.count, (double)took_ns / 1e6);
  for (size_t kind = 0; kind < EVENT_KINDS; kind++)
    printf(" %zu %s%s", of_kind[kind], kind_names[kind], kind + 1 < EVENT_KINDS ? "," : "\n");
  if (count < recorder.count) fail("%zu events did not fit", recorder.count - count);
  if (argc > 1) {
    write_trace(argv[1], &recorder, count);
    printf("written: %s; open it at ui.perfetto.dev or chrome://tracing\n", argv[1]);
  }
  return EXIT_SUCCESS;
}
