/* JSON lines, read on worker threads: cJSON gets all its memory from buffers by size, text and output buffers are
 * pooled and reset. Each document comes out in one line with its line number, in order; bad lines are reported. */
/* build: cc -std=c11 -O2 -pthread -I.. json_lines.c -o json_lines -lcjson */
/* run: ./json_lines [FILE [THREADS]], standard input without a FILE or for "-"; exit status 1 if a line was bad */
#include "common.h"
#include <cjson/cJSON.h> /* Debian: libcjson-dev */

#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

/* >>memory: cJSON's allocations, by size class ************************************************* */

/* 64 bytes is a cJSON node; a piece has its capacity in front. */
enum { PIECE_HEAD = sizeof(max_align_t) };
#define SIZES                                                                                              \
  PIECE_HEAD + 16, PIECE_HEAD + 32, PIECE_HEAD + 64, PIECE_HEAD + 128, PIECE_HEAD + 256, PIECE_HEAD + 512, \
      PIECE_HEAD + 1024
OBJPOOL_SIZES(pieces, SIZES);
static const size_t class_sizes[] = {SIZES};
enum { CLASSES = sizeof class_sizes / sizeof *class_sizes };
static pieces all_pieces; /* all-zero is ready to use */

static void *piece_allocate(size_t size) {
  objpool_buffer piece = pieces_acquire(&all_pieces, size > SIZE_MAX - PIECE_HEAD ? SIZE_MAX : size + PIECE_HEAD);
  if (!piece.bytes) return NULL;
  memcpy(piece.bytes, &piece.capacity, sizeof piece.capacity); /* free() is not told the size */
  return piece.bytes + PIECE_HEAD;
}

static void piece_free(void *bytes) {
  if (!bytes) return;
  objpool_buffer piece = {(char *)bytes - PIECE_HEAD, 0};
  memcpy(&piece.capacity, piece.bytes, sizeof piece.capacity);
  pieces_release(&all_pieces, piece);
}

/* >>text: pooled buffers *********************************************************************** */

enum { LARGEST_TEXT_KEPT = 1 << 20 };

static void text_reset(struct buffer *text, void *context) {
  (void)context;
  text->length = 0; /* and the room stays */
}

static bool text_is_handy(struct buffer *text, void *context) {
  (void)context;
  return text->capacity <= LARGEST_TEXT_KEPT; /* one huge line shall not be paid for ever after */
}

static void text_free(struct buffer *text, void *context) {
  (void)context;
  buffer_free(text);
}

OBJPOOL_DEFINE(text_pool, struct buffer,
               opt.reset = text_reset,
               opt.validate = text_is_handy,
               opt.validate_on = OBJPOOL_ON_RELEASE,
               opt.destroy = text_free);

static text_pool texts;

static void append(struct buffer *text, const void *bytes, size_t length) {
  if (!buffer_append(text, bytes, length)) fail("out of memory");
}

/* >>batches: a few lines at a time from the source to the sink ********************************* */

enum { BATCH_LINES = 64 };

struct batch {
  size_t number;     /* counts from 0 */
  size_t first_line; /* of the file, counts from 1 */
  size_t lines;
  size_t ends[BATCH_LINES]; /* where in the text each line ends */
};

static struct {
  pthread_mutex_t mutex;
  FILE *file;
  const char *name;
  char *line;
  size_t line_capacity;
  size_t lines, batches;
} source = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* Takes the next lines off the source; false at its end. */
static bool read_batch(struct batch *batch, struct buffer *text) {
  pthread_mutex_lock(&source.mutex);
  *batch = (struct batch){.first_line = source.lines + 1};
  while (batch->lines < BATCH_LINES) {
    ssize_t length = getline(&source.line, &source.line_capacity, source.file);
    if (length < 0) break;
    if (source.line[length - 1] == '\n') length--;
    append(text, source.line, (size_t)length);
    append(text, "", 1); /* cJSON looks for the end of the text */
    batch->ends[batch->lines++] = text->length;
  }
  if (ferror(source.file)) fail("%s: %s", source.name, strerror(errno));
  source.lines += batch->lines;
  if (batch->lines > 0) batch->number = source.batches++;
  pthread_mutex_unlock(&source.mutex);
  return batch->lines > 0;
}

static struct {
  pthread_mutex_t mutex;
  pthread_cond_t turn;
  size_t next, bad_lines;
} sink = {.mutex = PTHREAD_MUTEX_INITIALIZER, .turn = PTHREAD_COND_INITIALIZER};

static void write_text(const struct buffer *text, FILE *file) {
  if (text->length > 0 && fwrite(text->bytes, 1, text->length, file) != text->length) {
    fail("writing: %s", strerror(errno));
  }
}

/* Writes what became of a batch when all before it have been written. */
static void write_batch(const struct batch *batch, const struct buffer *output, const struct buffer *complaints,
                        size_t bad_lines) {
  pthread_mutex_lock(&sink.mutex);
  while (sink.next != batch->number) pthread_cond_wait(&sink.turn, &sink.mutex);
  write_text(output, stdout);
  write_text(complaints, stderr);
  sink.bad_lines += bad_lines;
  sink.next++;
  pthread_cond_broadcast(&sink.turn);
  pthread_mutex_unlock(&sink.mutex);
}

/* Appends {"line":…,"document":…} to the output, or says what is wrong with the line; false if anything is. */
static bool convert_line(size_t number, const char *line, size_t size, struct buffer *output,
                         struct buffer *complaints) {
  const char *end = line;
  char text[256];
  cJSON *document = cJSON_ParseWithLengthOpts(line, size, &end, true);
  /* true asks for a NUL behind the document, but one inside the line is not its end */
  if (!document || end != line + size - 1) {
    int length = snprintf(text, sizeof text, "%.200s:%zu:%zu: this is not JSON\n", source.name, number,
                          (size_t)(end - line) + 1);
    append(complaints, text, (size_t)length);
    cJSON_Delete(document);
    return false;
  }
  char *printed = cJSON_PrintUnformatted(document);
  if (!printed) fail("out of memory");
  int length = snprintf(text, sizeof text, "{\"line\":%zu,\"document\":", number);
  append(output, text, (size_t)length);
  append(output, printed, strlen(printed));
  append(output, "}\n", 2);
  cJSON_free(printed);
  cJSON_Delete(document);
  return true;
}

static bool is_blank(const char *line) { return line[strspn(line, " \t\r")] == '\0'; }

static void *convert(void *unused) {
  (void)unused;
  for (;;) {
    OBJPOOL_SCOPED(text_pool) text = text_pool_guard_acquire(&texts);
    OBJPOOL_SCOPED(text_pool) output = text_pool_guard_acquire(&texts);
    OBJPOOL_SCOPED(text_pool) complaints = text_pool_guard_acquire(&texts);
    if (!text.object || !output.object || !complaints.object) fail("no buffer: %s", strerror(errno));
    struct batch batch;
    if (!read_batch(&batch, text.object)) return NULL;
    size_t bad_lines = 0;
    for (size_t i = 0, start = 0; i < batch.lines; start = batch.ends[i++]) {
      const char *line = text.object->bytes + start;
      size_t size = batch.ends[i] - start; /* its NUL included */
      /* blank lines may set others apart */
      if (is_blank(line) && strlen(line) == size - 1) continue;
      if (!convert_line(batch.first_line + i, line, size, output.object, complaints.object)) bad_lines++;
    }
    write_batch(&batch, output.object, complaints.object, bad_lines);
  }
}

/* >>report ************************************************************************************* */

/* On stderr, where it does not mix with the output; ends the program if anything was not given back. */
static void report_and_destroy(size_t threads) {
  fprintf(stderr, "%zu lines, %zu bad, %zu threads\n", source.lines, sink.bad_lines, threads);
  uint64_t in_classes = 0;
  for (size_t i = 0; i < CLASSES; i++) {
    objpool_stats stats = objpool_snapshot(pieces_class(&all_pieces, class_sizes[i]));
    in_classes += stats.acquires;
    fprintf(stderr, "%5zu bytes: %9llu allocations, %6.2f %% reused, %llu pieces\n", class_sizes[i] - PIECE_HEAD,
            (unsigned long long)stats.acquires, 100 * objpool_hit_rate(&stats), (unsigned long long)stats.created);
  }
  objpool_stats all = pieces_stats(&all_pieces), stats = text_pool_stats(&texts);
  if (all.in_use) fail("%llu pieces were not freed", (unsigned long long)all.in_use);
  pieces_destroy(&all_pieces);
  fprintf(stderr, "larger: %llu plain allocations\nbuffers: %llu times one of %llu, %llu grown too large and let go\n",
          (unsigned long long)(all.acquires - in_classes), (unsigned long long)stats.acquires,
          (unsigned long long)stats.created, (unsigned long long)stats.invalid);
  text_pool_destroy(&texts);
}

int main(int argc, char **argv) {
  help_argument(argc, argv,
                "usage: json_lines [FILE [THREADS]]   standard input without a FILE or for -; 4 threads\n"
                "Exit status 1 if a line was bad.");
  source.name = argc > 1 && strcmp(argv[1], "-") != 0 ? argv[1] : "standard input";
  size_t threads = number_argument(argc, argv, 2, "threads", 4);
  source.file = argc > 1 && strcmp(argv[1], "-") != 0 ? fopen(argv[1], "r") : stdin;
  if (!source.file) fail("%s: %s", source.name, strerror(errno));
  cJSON_InitHooks(&(cJSON_Hooks){.malloc_fn = piece_allocate, .free_fn = piece_free});
  run_threads(threads, convert, NULL);
  if (fclose(source.file)) fail("%s: %s", source.name, strerror(errno));
  free(source.line);
  if (fflush(stdout)) fail("writing: %s", strerror(errno));
  report_and_destroy(threads);
  return sink.bad_lines ? EXIT_WRONG : EXIT_SUCCESS;
}
