/* Counts the words of text files on worker threads, with everything it needs from pools: byte buffers, strings, hash
 * maps, and the tasks that carry them. `word_count --help` lists the options; --compare runs the same work by malloc.
 *
 * build: cc -std=c11 -O2 -pthread -I.. word_count.c -o word_count
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

/* >>settings: from the environment, then from the command line */

enum { FEWEST_BUFFERS = 2, MOST_THREADS = 256 };

static size_t threads, buffer_count = 16, buffer_size = 16 << 10, string_count = 4096, map_count = 0, top = 10;
static size_t rounds = 1, seconds;
static bool compare, quiet;

static const struct setting {
  const char *option, *variable, *meaning;
  size_t *value, least, most;
} settings[] = {
    {"--threads", "WORD_COUNT_THREADS", "worker threads [one per processor]", &threads, 1, MOST_THREADS},
    {"--buffers", "WORD_COUNT_BUFFERS", "byte buffers, and tasks, alive at once [16]", &buffer_count, FEWEST_BUFFERS,
     1 << 20},
    {"--buffer-size", "WORD_COUNT_BUFFER_SIZE", "bytes each of them starts with [16K]", &buffer_size, 16,
     (size_t)1 << 30},
    {"--strings", "WORD_COUNT_STRINGS", "strings to create before the start [4096]", &string_count, 0, 1 << 26},
    {"--maps", "WORD_COUNT_MAPS", "hash maps to create before the start [two per thread]", &map_count, 0, 1 << 20},
    {"--top", NULL, "most frequent words to print; 0: all of them [10]", &top, 0, SIZE_MAX},
    {"--rounds", NULL, "times to read the files [1]", &rounds, 1, SIZE_MAX},
    {"--seconds", NULL, "read them again until this much time has passed [0]", &seconds, 0, 3600},
};
enum { SETTINGS = sizeof settings / sizeof settings[0] };

static void help(FILE *out) {
  fputs("usage: word_count [OPTION]... FILE...\n"
        "Counts the words (letters, digits and bytes above 127; capitals count as small letters) of the FILEs; - is\n"
        "standard input. Sizes take K, M and G; an option goes before its environment variable.\n\n",
        out);
  for (size_t i = 0; i < SETTINGS; i++) {
    fprintf(out, "  %-13s N  %-54s %s\n", settings[i].option, settings[i].meaning,
            settings[i].variable ? settings[i].variable : "");
  }
  fputs(
      "  --compare        do the same work by malloc and free as well, and print both times\n"
      "  --quiet          print the words only, no reports and no progress\n"
      "  --help, -h       this text\n\n"
      "Exit status: 0; 1 if a file could not be read or memory ran out (the rest is counted); 2 for a wrong option.\n",
      out);
}

static bool parse_size(const char *text, size_t *value) {
  if (*text < '0' || *text > '9') return false; /* strtoull would take blanks and signs */
  char *end;
  errno = 0;
  unsigned long long number = strtoull(text, &end, 10);
  unsigned shift = *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
  if (shift) end++;
  if (errno || *end || number > SIZE_MAX >> shift) return false;
  *value = (size_t)number << shift;
  return true;
}

static bool set(const struct setting *setting, const char *origin, const char *text) {
  size_t value;
  if (text && parse_size(text, &value) && value >= setting->least && value <= setting->most) {
    *setting->value = value;
    return true;
  }
  fprintf(stderr, "word_count: %s: '%s' is not a number from %zu to %zu\n", origin, text ? text : "", setting->least,
          setting->most);
  return false;
}

/* Takes the options out of argv; leaves the files in argv[1] to argv[*argc - 1]. */
static bool read_settings(int *argc, char **argv) {
  for (size_t i = 0; i < SETTINGS; i++) {
    const char *text = settings[i].variable ? getenv(settings[i].variable) : NULL;
    if (text && !set(&settings[i], settings[i].variable, text)) return false;
  }
  int files = 1, i = 1;
  for (; i < *argc; i++) {
    const char *argument = argv[i];
    size_t known = 0;
    if (strcmp(argument, "--") == 0) break;
    if (strncmp(argument, "--", 2) != 0 && strcmp(argument, "-h") != 0) {
      argv[files++] = argv[i];
    } else if (strcmp(argument, "--compare") == 0) {
      compare = true;
    } else if (strcmp(argument, "--quiet") == 0) {
      quiet = true;
    } else if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
      help(stdout);
      exit(EXIT_SUCCESS);
    } else {
      while (known < SETTINGS && strcmp(argument, settings[known].option) != 0) known++;
      if (known == SETTINGS) {
        fprintf(stderr, "word_count: no such option: %s (see --help)\n", argument);
        return false;
      }
      i++;
      if (!set(&settings[known], argument, i < *argc ? argv[i] : NULL)) return false;
    }
  }
  for (i++; i < *argc; i++) argv[files++] = argv[i]; /* what follows -- is a file, whatever it looks like */
  *argc = files;
  return true;
}

/* >>objects: what the pools hold, and what happens to it between two uses */

struct buffer {
  size_t length, capacity;
  char *bytes;
};

static bool buffer_reserve(struct buffer *buffer, size_t capacity) {
  if (capacity <= buffer->capacity) return true;
  char *bytes = realloc(buffer->bytes, capacity);
  if (!bytes) return false;
  buffer->bytes = bytes;
  buffer->capacity = capacity;
  return true;
}

static bool buffer_create(struct buffer *buffer, void *context) {
  (void)context;
  return buffer_reserve(buffer, buffer_size); /* all else is zero: objects are built in zeroed memory */
}

static void buffer_empty(struct buffer *buffer, void *context) {
  (void)context;
  buffer->length = 0; /* it keeps its memory: that is what it is pooled for */
}

static bool buffer_is_modest(struct buffer *buffer, void *context) {
  (void)context;
  return buffer->capacity <= 4 * buffer_size; /* one that had to grow for a monstrous word is not kept */
}

static void buffer_destroy(struct buffer *buffer, void *context) {
  (void)context;
  free(buffer->bytes);
}

OBJPOOL_DEFINE(buffer_pool, struct buffer,
               opt.create = buffer_create,
               opt.reset = buffer_empty,
               opt.validate = buffer_is_modest,
               opt.validate_on = OBJPOOL_ON_RELEASE,
               opt.destroy = buffer_destroy);

/* A word. Objects do not move, so that it may point into itself. */
struct string {
  uint64_t hash;
  size_t length, capacity;
  char *bytes; /* inside, or on the heap once a longer word came along */
  char inside[24];
};

static bool string_create(struct string *string, void *context) {
  (void)context;
  string->length = 0;
  string->capacity = sizeof string->inside;
  string->bytes = string->inside;
  return true;
}

static void string_destroy(struct string *string, void *context) {
  (void)context;
  if (string->bytes != string->inside) free(string->bytes);
}

static bool string_assign(struct string *string, uint64_t hash, const char *bytes, size_t length) {
  if (length > string->capacity) {
    char *longer = malloc(length);
    if (!longer) return false;
    string_destroy(string, NULL);
    string->bytes = longer;
    string->capacity = length;
  }
  memcpy(string->bytes, bytes, length);
  string->length = length;
  string->hash = hash;
  return true;
}

OBJPOOL_DEFINE(string_pool, struct string, opt.create = string_create, opt.destroy = string_destroy);

static buffer_pool buffers;
static string_pool strings;

/* From words to counts: open addressing over a power of two of entries, at most three quarters of them used. */
struct entry {
  struct string *word; /* owned by the map; NULL: the entry is free */
  uint64_t count;
};

struct map {
  size_t used, capacity;
  struct entry *entries;
};

static bool map_allocate(struct map *map, size_t capacity) {
  *map = (struct map){.capacity = capacity, .entries = calloc(capacity, sizeof(struct entry))};
  return map->entries != NULL;
}

/* Where this word stands, or the free entry where it would. */
static struct entry *map_find(const struct map *map, uint64_t hash, const char *bytes, size_t length) {
  for (size_t i = (size_t)hash;; i++) {
    struct entry *entry = &map->entries[i & (map->capacity - 1)];
    const struct string *word = entry->word;
    if (!word) return entry;
    if (word->hash == hash && word->length == length && memcmp(word->bytes, bytes, length) == 0) return entry;
  }
}

static bool map_make_room(struct map *map) {
  if (map->used + 1 <= map->capacity / 4 * 3) return true;
  struct map larger;
  if (!map_allocate(&larger, 2 * map->capacity)) return false;
  for (size_t i = 0; i < map->capacity; i++) {
    const struct entry *old = &map->entries[i];
    if (old->word) *map_find(&larger, old->word->hash, old->word->bytes, old->word->length) = *old;
  }
  larger.used = map->used;
  free(map->entries);
  *map = larger;
  return true;
}

/* Adds the counts of one map to another, which becomes the owner of the words it did not have. */
static bool map_merge(struct map *total, struct map *part) {
  for (size_t i = 0; i < part->capacity; i++) {
    struct entry *from = &part->entries[i];
    if (!from->word) continue;
    if (!map_make_room(total)) return false;
    struct entry *to = map_find(total, from->word->hash, from->word->bytes, from->word->length);
    if (to->word) {
      to->count += from->count;
    } else {
      *to = *from;
      total->used++;
      from->word = NULL;
    }
  }
  return true;
}

static bool map_create(struct map *map, void *context) {
  (void)context;
  return map_allocate(map, 1024);
}

static void map_empty(struct map *map, void *context) {
  (void)context;
  for (size_t i = 0; i < map->capacity; i++) string_pool_release(&strings, map->entries[i].word); /* NULL is fine */
  memset(map->entries, 0, map->capacity * sizeof map->entries[0]);
  map->used = 0;
}

static void map_destroy(struct map *map, void *context) {
  (void)context;
  free(map->entries);
}

static bool map_is_modest(struct map *map, void *context) {
  (void)context;
  return map->capacity <= 8192; /* emptying a larger one would cost each later use more than it saves */
}

OBJPOOL_DEFINE(map_pool, struct map,
               opt.create = map_create,
               opt.reset = map_empty,
               opt.validate = map_is_modest,
               opt.validate_on = OBJPOOL_ON_RELEASE,
               opt.destroy = map_destroy);

static map_pool maps;

/* A piece of text on its way from the reader to a worker. */
struct task {
  struct task *next;
  buffer_pool_guard text; /* given back with the task, by its reset */
};

static void task_reset(struct task *task, void *context) {
  (void)context;
  buffer_pool_guard_release(&task->text);
}

OBJPOOL_DEFINE(task_pool, struct task, opt.reset = task_reset);

static task_pool tasks;

static bool pools_init(void) {
  return buffer_pool_init(&buffers,
                          &(objpool_config){.name = "buffers", .warmup = buffer_count, .max_objects = buffer_count}) &&
         string_pool_init(&strings, &(objpool_config){.name = "strings", .warmup = string_count}) &&
         map_pool_init(&maps, &(objpool_config){.name = "maps", .warmup = map_count}) &&
         task_pool_init(&tasks,
                        &(objpool_config){.name = "tasks", .warmup = buffer_count, .max_objects = buffer_count});
}

static void pools_destroy(void) { /* each before those it gives things back to */
  task_pool_destroy(&tasks);
  map_pool_destroy(&maps);
  string_pool_destroy(&strings);
  buffer_pool_destroy(&buffers);
}

/* >>counting: the same for both ways of getting memory, but for where a new word's string comes from */

static unsigned char letters[256]; /* each byte's small letter; 0: the byte is no part of a word */

static void letters_init(void) {
  for (int c = 0; c < 256; c++) {
    bool capital = c >= 'A' && c <= 'Z';
    bool other = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c >= 128;
    letters[c] = (unsigned char)(capital ? c - 'A' + 'a' : other ? c : 0);
  }
}

typedef struct string *new_string(uint64_t hash, const char *bytes, size_t length);

static bool count_words(struct buffer *text, struct map *map, new_string *new_word) {
  char *at = text->bytes, *end = at + text->length;
  for (;;) {
    while (at < end && !letters[(unsigned char)*at]) at++;
    if (at == end) return true;
    char *word = at;
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (unsigned char letter; at < end && (letter = letters[(unsigned char)*at]) != 0; at++) {
      *at = (char)letter;
      hash = (hash ^ letter) * 1099511628211u;
    }
    hash ^= hash >> 32;
    size_t length = (size_t)(at - word);
    if (!map_make_room(map)) return false;
    struct entry *entry = map_find(map, hash, word, length);
    if (!entry->word) {
      entry->word = new_word(hash, word, length);
      if (!entry->word) return false;
      map->used++;
    }
    entry->count++;
  }
}

/* >>ways: where objects come from, and where they go */

struct way {
  struct task *(*new_task)(void); /* waits while buffer_count of them are about */
  void (*end_task)(struct task *task);
  struct map *(*new_map)(void);
  void (*end_map)(struct map *map);
  bool (*count)(struct task *task, struct map *total); /* ends the task, too */
};

/* Pools: whatever a function took goes back when it returns, unless it says that it hands it on. */

static struct task *pooled_task(void) {
  OBJPOOL_SCOPED(task_pool) task = task_pool_guard_acquire_for(&tasks, -1);
  if (!task.object) return NULL;
  task.object->text = buffer_pool_guard_acquire_for(&buffers, -1);
  if (!task.object->text.object) return NULL;
  return task_pool_guard_take(&task);
}

static void pooled_task_end(struct task *task) { task_pool_release(&tasks, task); }

static struct map *pooled_map(void) { return map_pool_acquire(&maps); }

static void pooled_map_end(struct map *map) { map_pool_release(&maps, map); }

static struct string *pooled_string(uint64_t hash, const char *bytes, size_t length) {
  OBJPOOL_SCOPED(string_pool) string = string_pool_guard_acquire(&strings);
  if (!string.object) return NULL;
  if (!string_assign(string.object, hash, bytes, length)) return NULL;
  return string_pool_guard_take(&string);
}

static bool pooled_count(struct task *submitted, struct map *total) {
  OBJPOOL_SCOPED(task_pool) task = {.object = submitted, .pool = &tasks};
  OBJPOOL_SCOPED(map_pool) map = map_pool_guard_acquire(&maps);
  if (!map.object) return false;
  if (!count_words(task.object->text.object, map.object, pooled_string)) return false;
  return map_merge(total, map.object);
}

static const struct way by_pools = {pooled_task, pooled_task_end, pooled_map, pooled_map_end, pooled_count};

/* malloc and free: what one would write without pools. */

static pthread_mutex_t malloc_tasks_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t malloc_task_ended = PTHREAD_COND_INITIALIZER;
static size_t malloc_tasks;

static void malloc_task_end(struct task *task) {
  buffer_destroy(task->text.object, NULL);
  free(task->text.object);
  free(task);
  pthread_mutex_lock(&malloc_tasks_lock);
  malloc_tasks--;
  pthread_cond_signal(&malloc_task_ended);
  pthread_mutex_unlock(&malloc_tasks_lock);
}

static struct task *malloc_task(void) {
  struct task *task = calloc(1, sizeof *task);
  struct buffer *buffer = calloc(1, sizeof *buffer);
  if (!task || !buffer || !buffer_create(buffer, NULL)) {
    free(buffer);
    free(task);
    return NULL;
  }
  task->text.object = buffer;
  pthread_mutex_lock(&malloc_tasks_lock);
  while (malloc_tasks == buffer_count) pthread_cond_wait(&malloc_task_ended, &malloc_tasks_lock);
  malloc_tasks++;
  pthread_mutex_unlock(&malloc_tasks_lock);
  return task;
}

static void malloc_string_end(struct string *string) {
  if (string) string_destroy(string, NULL);
  free(string);
}

static struct string *malloc_string(uint64_t hash, const char *bytes, size_t length) {
  struct string *string = malloc(sizeof *string);
  if (string && string_create(string, NULL) && string_assign(string, hash, bytes, length)) return string;
  malloc_string_end(string);
  return NULL;
}

static struct map *malloc_map(void) {
  struct map *map = malloc(sizeof *map);
  if (map && map_create(map, NULL)) return map;
  free(map);
  return NULL;
}

static void malloc_map_end(struct map *map) {
  for (size_t i = 0; i < map->capacity; i++) malloc_string_end(map->entries[i].word);
  free(map->entries);
  free(map);
}

static bool malloc_count(struct task *task, struct map *total) {
  struct map *map = malloc_map();
  bool counted = map && count_words(task->text.object, map, malloc_string) && map_merge(total, map);
  if (map) malloc_map_end(map);
  malloc_task_end(task);
  return counted;
}

static const struct way by_malloc = {malloc_task, malloc_task_end, malloc_map, malloc_map_end, malloc_count};

/* >>run: one thread reads, the others count */

struct run {
  const struct way *way;
  bool show_progress, complain; /* on standard error */
  pthread_mutex_t lock;
  pthread_cond_t submitted;
  struct task *first, **last; /* first come, first served */
  bool no_more;               /* all is submitted */
  bool read_failed, memory_failed;
  uint64_t bytes, rounds; /* read */
  double began, shown;    /* when it began, and last showed its progress */
  double seconds, processor_seconds;
};

struct worker {
  struct run *run;
  pthread_t thread;
  struct map *total;
  bool failed;
};

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void *work(void *argument) {
  struct worker *worker = argument;
  struct run *run = worker->run;
  for (;;) {
    pthread_mutex_lock(&run->lock);
    while (!run->first && !run->no_more) pthread_cond_wait(&run->submitted, &run->lock);
    struct task *task = run->first;
    if (task && !(run->first = task->next)) run->last = &run->first;
    pthread_mutex_unlock(&run->lock);
    if (!task) return NULL;
    if (!run->way->count(task, worker->total)) worker->failed = true;
  }
}

static void show_progress(struct run *run) {
  double time = now();
  if (!run->show_progress || time < run->shown + 0.1) return;
  run->shown = time;
  objpool_stats buffer = buffer_pool_stats(&buffers), string = string_pool_stats(&strings);
  double megabytes = (double)run->bytes / 1e6;
  fprintf(stderr, "\r%.1f s  %.0f MB  %.0f MB/s  buffers in use %3llu of %zu  strings reused %.2f %%\033[K",
          time - run->began, megabytes, megabytes / (time - run->began), (unsigned long long)buffer.in_use,
          buffer_count, 100 * objpool_hit_rate(&string));
}

static void submit(struct run *run, struct task *task) {
  run->bytes += task->text.object->length;
  task->next = NULL;
  pthread_mutex_lock(&run->lock);
  *run->last = task;
  run->last = &task->next;
  pthread_cond_signal(&run->submitted);
  pthread_mutex_unlock(&run->lock);
  show_progress(run);
}

/* Moves what stands behind the cut to the next task, which ends and is NULL when there is no memory for it. */
static struct task *carry_over(struct run *run, struct buffer *text, size_t cut, struct task *next) {
  struct buffer *rest = next->text.object;
  size_t length = text->length - cut;
  text->length = cut;
  if (buffer_reserve(rest, length + 1)) { /* there is room for one more byte to read */
    memcpy(rest->bytes, text->bytes + cut, length);
    rest->length = length;
    return next;
  }
  run->way->end_task(next);
  return NULL;
}

/* Cuts a file into tasks of whole words. False when memory ran out. */
static bool read_file(struct run *run, const char *name) {
  int file = strcmp(name, "-") == 0 ? STDIN_FILENO : open(name, O_RDONLY);
  if (file < 0) {
    if (run->complain && run->rounds == 0) fprintf(stderr, "word_count: %s: %s\n", name, strerror(errno));
    run->read_failed = true;
    return true;
  }
  struct task *task = run->way->new_task();
  ssize_t got = 1;
  while (task && got != 0) {
    struct buffer *text = task->text.object;
    got = read(file, text->bytes + text->length, text->capacity - text->length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      if (run->complain && run->rounds == 0) fprintf(stderr, "word_count: %s: %s\n", name, strerror(errno));
      run->read_failed = true;
      break;
    }
    text->length += (size_t)got;
    if (text->length < text->capacity) continue;

    size_t cut = text->length; /* full: a word that may go on in the next read goes to the next task */
    while (cut > 0 && letters[(unsigned char)text->bytes[cut - 1]]) cut--;
    if (cut == 0) { /* nothing but one word so far */
      if (buffer_reserve(text, 2 * text->capacity)) continue;
      run->way->end_task(task);
      task = NULL;
    } else {
      struct task *next = run->way->new_task();
      if (next) next = carry_over(run, text, cut, next);
      submit(run, task);
      task = next;
    }
  }
  if (task) submit(run, task); /* the rest of the file, or what could be read of it */
  if (file != STDIN_FILENO) close(file);
  return task != NULL;
}

/* Counts the files, again until both least figures are reached. Returns a map which the caller ends, or NULL. */
static struct map *run_all(struct run *run, char **files, size_t file_count, uint64_t least_rounds,
                           double least_seconds) {
  struct worker workers[MOST_THREADS];
  size_t started = 0;
  pthread_mutex_init(&run->lock, NULL);
  pthread_cond_init(&run->submitted, NULL);
  run->last = &run->first;
  run->began = now();
  clock_t processor_began = clock();
  for (; started < threads; started++) {
    workers[started] = (struct worker){.run = run, .total = run->way->new_map()};
    int error =
        workers[started].total ? pthread_create(&workers[started].thread, NULL, work, &workers[started]) : ENOMEM;
    if (!error) continue;
    fprintf(stderr, "word_count: worker %zu of %zu: %s\n", started + 1, threads, strerror(error));
    if (workers[started].total) run->way->end_map(workers[started].total);
    break; /* the others do the work */
  }
  if (started == 0) return NULL;

  do {
    for (size_t i = 0; i < file_count && !run->memory_failed; i++) run->memory_failed = !read_file(run, files[i]);
    run->rounds++;
  } while (!run->memory_failed && (run->rounds < least_rounds || now() - run->began < least_seconds));

  pthread_mutex_lock(&run->lock);
  run->no_more = true;
  pthread_cond_broadcast(&run->submitted);
  pthread_mutex_unlock(&run->lock);
  struct map *total = workers[0].total;
  for (size_t i = 0; i < started; i++) {
    pthread_join(workers[i].thread, NULL);
    run->memory_failed |= workers[i].failed;
    if (i == 0) continue;
    run->memory_failed |= !map_merge(total, workers[i].total);
    run->way->end_map(workers[i].total);
  }
  run->seconds = now() - run->began;
  run->processor_seconds = (double)(clock() - processor_began) / CLOCKS_PER_SEC;
  pthread_cond_destroy(&run->submitted);
  pthread_mutex_destroy(&run->lock);
  if (run->show_progress) fputs("\r\033[K", stderr);
  if (run->memory_failed) fputs("word_count: out of memory: not everything was counted\n", stderr);
  return total;
}

/* >>output */

static int by_count_then_bytes(const void *left, const void *right) {
  const struct entry *a = left, *b = right;
  if (a->count != b->count) return a->count < b->count ? 1 : -1;
  size_t common = a->word->length < b->word->length ? a->word->length : b->word->length;
  int order = memcmp(a->word->bytes, b->word->bytes, common);
  return order ? order : (a->word->length > b->word->length) - (a->word->length < b->word->length);
}

static bool print_words(const struct map *map) {
  struct entry *sorted = malloc((map->used + 1) * sizeof *sorted);
  if (!sorted) {
    perror("word_count: sorting");
    return false;
  }
  size_t count = 0;
  for (size_t i = 0; i < map->capacity; i++) {
    if (map->entries[i].word) sorted[count++] = map->entries[i];
  }
  qsort(sorted, count, sizeof *sorted, by_count_then_bytes);
  for (size_t i = 0; i < count && (top == 0 || i < top); i++) {
    printf("%7llu ", (unsigned long long)sorted[i].count);
    fwrite(sorted[i].word->bytes, 1, sorted[i].word->length, stdout);
    putchar('\n');
  }
  free(sorted);
  return true;
}

static bool print_reports(void) {
  const objpool *const pools[] = {&buffers.base, &strings.base, &maps.base};
  objpool_stats sum = {0};
  uint64_t saved = 0;
  for (size_t i = 0; i < sizeof pools / sizeof pools[0]; i++) {
    int length = objpool_report(pools[i], NULL, 0);
    char *report = length < 0 ? NULL : malloc((size_t)length + 1);
    if (!report) {
      perror("word_count: report");
      return false;
    }
    objpool_report(pools[i], report, (size_t)length + 1);
    printf("\n%s", report);
    free(report);

    objpool_stats stats = objpool_snapshot(pools[i]);
    sum.acquires += stats.acquires;
    sum.hits += stats.hits;
    sum.created += stats.created;
    sum.in_use += stats.in_use;
    sum.idle += stats.idle;
    sum.waits += stats.waits;
    sum.memory_bytes += stats.memory_bytes;
    saved += objpool_bytes_saved(&stats);
  }
  printf("\nThe three pools together: %llu acquires, %.2f %% of them reused one of %llu objects; %llu waited.\n"
         "In use %llu, idle %llu; %.1f MB held, where %.1f MB were not allocated and freed again.\n",
         (unsigned long long)sum.acquires, 100 * objpool_hit_rate(&sum), (unsigned long long)sum.created,
         (unsigned long long)sum.waits, (unsigned long long)sum.in_use, (unsigned long long)sum.idle,
         (double)sum.memory_bytes / 1e6, (double)saved / 1e6);
  objpool_stats task = task_pool_stats(&tasks);
  printf("%llu tasks were done by %llu task objects; the thread that reads waited for a free one %llu times.\n",
         (unsigned long long)task.acquires, (unsigned long long)task.created, (unsigned long long)task.waits);
  return true;
}

static uint64_t words_in(const struct map *map) {
  uint64_t words = 0;
  for (size_t i = 0; i < map->capacity; i++) words += map->entries[i].count;
  return words;
}

static int by_time(const void *left, const void *right) {
  double a = *(const double *)left, b = *(const double *)right;
  return (a > b) - (a < b);
}

/* The same work by pools and by malloc, in turns; prints the medians. False when the two do not agree. */
static bool print_comparison(char **files, size_t file_count, uint64_t rounds_each) {
  enum { TURNS = 5 };
  static const struct way *const ways[2] = {&by_pools, &by_malloc};
  double elapsed[2][TURNS], processor[2][TURNS];
  uint64_t words[2] = {0};
  for (int turn = 0; turn < TURNS; turn++) {
    for (int i = 0; i < 2; i++) {
      struct run run = {.way = ways[i]};
      struct map *total = run_all(&run, files, file_count, rounds_each, 0);
      if (!total) return false;
      elapsed[i][turn] = run.seconds;
      processor[i][turn] = run.processor_seconds;
      words[i] += words_in(total);
      ways[i]->end_map(total);
      if (run.memory_failed) return false;
    }
  }
  for (int i = 0; i < 2; i++) {
    qsort(elapsed[i], TURNS, sizeof elapsed[i][0], by_time);
    qsort(processor[i], TURNS, sizeof processor[i][0], by_time);
  }
  const int median = TURNS / 2;
  printf("\nThe same work (%llu times over the files), medians of %d turns:\n"
         "                elapsed   processor time\n"
         "  pools         %.3f s   %.3f s\n"
         "  malloc, free  %.3f s   %.3f s\n"
         "  malloc/pools  %.2f      %.2f\n",
         (unsigned long long)rounds_each, TURNS, elapsed[0][median], processor[0][median], elapsed[1][median],
         processor[1][median], elapsed[1][median] / elapsed[0][median], processor[1][median] / processor[0][median]);
  if (words[0] != words[1]) fputs("word_count: the two ways counted differently\n", stderr);
  return words[0] == words[1];
}

int main(int argc, char **argv) {
  if (!read_settings(&argc, argv)) return 2;
  if (argc < 2) {
    help(stderr);
    return 2;
  }
  char **files = argv + 1;
  size_t file_count = (size_t)argc - 1;
  if (threads == 0) {
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    threads = processors < 1 ? 1 : processors > MOST_THREADS ? MOST_THREADS : (size_t)processors;
  }
  if (map_count == 0) map_count = 2 * threads; /* one per task under way, and one per thread for its total */
  letters_init();
  if (!pools_init()) {
    perror("word_count: pools");
    pools_destroy();
    return EXIT_FAILURE;
  }

  struct run run = {.way = &by_pools, .complain = true, .show_progress = !quiet && isatty(STDERR_FILENO)};
  struct map *total = run_all(&run, files, file_count, rounds, (double)seconds);
  bool succeeded = total && !run.read_failed && !run.memory_failed;
  if (total) {
    uint64_t words = words_in(total);
    succeeded &= print_words(total);
    if (!quiet) {
      printf("\n%llu words, %zu different, in %.1f MB read in %.2f s by %zu threads (%llu times over the files)\n",
             (unsigned long long)words, total->used, (double)run.bytes / 1e6, run.seconds, threads,
             (unsigned long long)run.rounds);
    }
    run.way->end_map(total);
    if (!quiet) succeeded &= print_reports();
    if (compare) succeeded &= print_comparison(files, file_count, run.rounds < 10 ? 1 : run.rounds / 10);
  }
  pools_destroy();
  if (fflush(stdout) != 0 || ferror(stdout)) {
    perror("word_count: standard output");
    succeeded = false;
  }
  return succeeded ? EXIT_SUCCESS : EXIT_FAILURE;
}
