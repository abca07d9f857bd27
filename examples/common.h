/* What the examples need alike: a clock, numbers from the command line, threads, checks, a growable buffer.
 * Included first, because it asks the system for its POSIX functions, which strict -std=c11 hides. */
#ifndef EXAMPLES_COMMON_H
#define EXAMPLES_COMMON_H

#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* How every example ends: 0, or one of these. */
enum { EXIT_WRONG = 1, EXIT_TROUBLE = 2, EXIT_SKIPPED = 77 };

/* >>endings ************************************************************************************ */

/* Ends the program: something it needs did not work. */
__attribute__((format(printf, 1, 2), noreturn)) static inline void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fflush(stdout);
  fputs("failed: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  exit(EXIT_TROUBLE);
}

/* Ends the program: what it runs against is not there. */
__attribute__((format(printf, 1, 2), noreturn)) static inline void skip(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fflush(stdout);
  fputs("skipped: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  exit(EXIT_SKIPPED);
}

/* Opens a file that comes with the example, from whatever folder it was started: here, beside the program, or where the sources
 * are, two folders above build/examples. NULL: nowhere. */
static inline FILE *open_own(const char *program, const char *name) {
  static const char *const places[] = {"", "../../examples/"};
  FILE *file = fopen(name, "r");
  const char *slash = strrchr(program, '/');
  int folder = slash ? (int)(slash - program) + 1 : 0;
  for (size_t i = 0; !file && i < sizeof places / sizeof *places; i++) {
    char path[1024];
    int length = snprintf(path, sizeof path, "%.*s%s%s", folder, program, places[i], name);
    if (length > 0 && (size_t)length < sizeof path) file = fopen(path, "r");
  }
  return file;
}

static unsigned checks_failed; /* by the main thread only */

/* Prints one promise and whether it holds; main returns EXIT_WRONG if any did not. */
__attribute__((format(printf, 2, 3))) static inline void check(bool holds, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs(holds ? "  ok      " : "  NOT OK  ", stdout);
  vprintf(format, arguments);
  putchar('\n');
  va_end(arguments);
  if (!holds) checks_failed++;
}

static inline int checks_result(void) { return checks_failed ? EXIT_WRONG : EXIT_SUCCESS; }

/* With --help, or -h, anywhere: says how the program is used, and ends it. Comes first in main, before anything is done. */
static inline void help_argument(int argc, char **argv, const char *usage) {
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--help") && strcmp(argv[i], "-h")) continue;
    puts(usage);
    exit(EXIT_SUCCESS);
  }
}

/* The number at `position` of the command line, or `fallback` where that is shorter; ends the program on nonsense. */
static inline size_t number_argument(int argc, char **argv, int position, const char *what, size_t fallback) {
  if (position >= argc) return fallback;
  const char *text = argv[position];
  char *end;
  errno = 0;
  unsigned long number = strtoul(text, &end, 10);
  if (errno || end == text || *end || *text == '-' || number == 0 || number > 1000000000) {
    fail("%s must be a number from 1 to 1000000000, not '%s'", what, text);
  }
  return (size_t)number;
}

/* >>time *************************************************************************************** */

#define MILLISECONDS INT64_C(1000000)
#define SECONDS INT64_C(1000000000)

static inline int64_t now_ns(void) {
  struct timespec now;
  if (clock_gettime(CLOCK_MONOTONIC, &now)) fail("clock_gettime: %s", strerror(errno));
  return (int64_t)now.tv_sec * SECONDS + now.tv_nsec;
}

static inline void sleep_ns(int64_t duration_ns) {
  struct timespec left = {.tv_sec = (time_t)(duration_ns / SECONDS), .tv_nsec = (long)(duration_ns % SECONDS)};
  while (nanosleep(&left, &left) && errno == EINTR) {}
}

static inline double per_second(size_t count, int64_t duration_ns) { return (double)count * 1e9 / (double)duration_ns; }

static inline int compare_durations(const void *left, const void *right) {
  int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
  return (a > b) - (a < b);
}

/* Prints how long the `count` durations were, in milliseconds; sorts them. */
static inline void print_durations(const char *what, int64_t *durations_ns, size_t count) {
  qsort(durations_ns, count, sizeof *durations_ns, compare_durations);
  printf("%s: median %.3f ms, 99 of 100 within %.3f ms, longest %.3f ms\n", what, (double)durations_ns[count / 2] / 1e6,
         (double)durations_ns[count - 1 - count / 100] / 1e6, (double)durations_ns[count - 1] / 1e6);
}

/* >>threads ************************************************************************************ */

enum { MAX_EXAMPLE_THREADS = 256 };

/* Runs `count` threads to their end, each on the same argument, and returns how long that took. */
static inline int64_t run_threads(size_t count, void *(*run)(void *), void *argument) {
  pthread_t threads[MAX_EXAMPLE_THREADS];
  if (count > MAX_EXAMPLE_THREADS) fail("at most %d threads, not %zu", MAX_EXAMPLE_THREADS, count);
  int64_t start_ns = now_ns();
  for (size_t i = 0; i < count; i++) {
    int error = pthread_create(&threads[i], NULL, run, argument);
    if (error) fail("pthread_create: %s", strerror(error));
  }
  for (size_t i = 0; i < count; i++) pthread_join(threads[i], NULL);
  return now_ns() - start_ns;
}

/* >>buffer ************************************************************************************* */

/* Bytes that grow as they are appended. All-zero is an empty one; buffer_free takes what it holds. */
struct buffer {
  char *bytes;
  size_t length, capacity;
};

/* Makes room for `capacity` bytes in all; false when out of memory, the buffer is then as it was. */
static inline bool buffer_reserve(struct buffer *buffer, size_t capacity) {
  if (capacity <= buffer->capacity) return true;
  size_t grown = buffer->capacity + buffer->capacity / 2;
  if (grown < capacity) grown = capacity;
  char *bytes = (char *)realloc(buffer->bytes, grown);
  if (!bytes) return false;
  buffer->bytes = bytes;
  buffer->capacity = grown;
  return true;
}

static inline bool buffer_append(struct buffer *buffer, const void *bytes, size_t length) {
  if (length > SIZE_MAX - buffer->length || !buffer_reserve(buffer, buffer->length + length)) return false;
  if (length) memcpy(buffer->bytes + buffer->length, bytes, length);
  buffer->length += length;
  return true;
}

static inline void buffer_free(struct buffer *buffer) {
  free(buffer->bytes);
  *buffer = (struct buffer){0};
}

#endif
