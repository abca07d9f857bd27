/* What the tests share: cmocka, checks for any thread, panics one can look at, time, threads, random numbers. Include it first. */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __cplusplus
extern "C" {
#endif
#include <cmocka.h>
#ifdef __cplusplus
}
#endif
/* cmocka's fail() is a macro that would meet std::ios::fail; what it serves is said without it. */
#undef fail
#undef fail_msg
#define fail_msg(...) (print_error(__VA_ARGS__), print_error("\n"), _fail(__FILE__, __LINE__))

#if defined(__has_feature)
#if __has_feature(thread_sanitizer) && !defined(__SANITIZE_THREAD__)
#define __SANITIZE_THREAD__ 1
#endif
#if __has_feature(address_sanitizer) && !defined(__SANITIZE_ADDRESS__)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

/* How much work a stress test does: sanitizers make each step five to fifty times slower. */
#if defined(__SANITIZE_THREAD__)
#define THREAD_SANITIZED 1
#define ADDRESS_SANITIZED 0
#define SCALED(natively, address_sanitized, thread_sanitized) (thread_sanitized)
#elif defined(__SANITIZE_ADDRESS__)
#define THREAD_SANITIZED 0
#define ADDRESS_SANITIZED 1
#define SCALED(natively, address_sanitized, thread_sanitized) (address_sanitized)
#else
#define THREAD_SANITIZED 0
#define ADDRESS_SANITIZED 0
#ifdef TESTS_BRIEF /* a variant of what runs in full elsewhere */
#define SCALED(natively, address_sanitized, thread_sanitized) (address_sanitized)
#else
#define SCALED(natively, address_sanitized, thread_sanitized) (natively)
#endif
#endif

#ifndef HANGS_AFTER
#define HANGS_AFTER 60 /* seconds until a test ends by alarm that would wait for ever */
#endif

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static inline bool all_zero(const void *memory, size_t size) {
  const unsigned char *bytes = (const unsigned char *)memory;
  while (size > 0)
    if (bytes[--size] != 0) return false;
  return true;
}

/* cmocka's assertions jump and so belong to the main thread; this one may stand in any thread, hook or child. */
#define CHECK(condition) ((condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__))

static inline void check_failed(const char *condition, const char *file, int line) {
  fprintf(stderr, "%s:%d: not true: %s\n", file, line, condition);
  fflush(stderr);
  abort();
}

/* Waits for another thread to make the condition true, and fails after 30 seconds. */
#define WAIT_UNTIL(condition)                             \
  do {                                                    \
    int64_t give_up_at = now_ns() + INT64_C(30000000000); \
    while (!(condition)) {                                \
      CHECK(now_ns() < give_up_at && #condition);         \
      sleep_ms(1);                                        \
    }                                                     \
  } while (0)

static inline int64_t now_ns(void) {
  struct timespec now;
  if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) abort();
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline void sleep_ms(int milliseconds) {
  struct timespec rest;
  rest.tv_sec = milliseconds / 1000;
  rest.tv_nsec = milliseconds % 1000 * 1000000L;
  while (nanosleep(&rest, &rest) != 0 && errno == EINTR) {}
}

static inline pthread_t start_thread(void *(*body)(void *), void *argument) {
  pthread_t thread;
  int error = pthread_create(&thread, NULL, body, argument);
  if (error != 0) {
    fprintf(stderr, "pthread_create: %s\n", strerror(error));
    abort();
  }
  return thread;
}

static inline void join_thread(pthread_t thread) {
  int error = pthread_join(thread, NULL);
  if (error != 0) {
    fprintf(stderr, "pthread_join: %s\n", strerror(error));
    abort();
  }
}

/* Runs the body in a thread of its own, to the end. */
static inline void in_another_thread(void *(*body)(void *), void *argument) {
  join_thread(start_thread(body, argument));
}

/* A gate that a thread waits at, in read(), until another opens it: how a thread "blocks elsewhere". */
typedef struct gate {
  int ends[2];
} gate;

static inline void gate_make(gate *made) { CHECK(pipe(made->ends) == 0); }

static inline void gate_open(const gate *opened) {
  char token = 'x';
  CHECK(write(opened->ends[1], &token, 1) == 1);
}

static inline void gate_wait(const gate *waited) {
  char token = 0;
  ssize_t got;
  do got = read(waited->ends[0], &token, 1);
  while (got < 0 && errno == EINTR);
  CHECK(got == 1);
}

static inline void gate_close(const gate *closed) {
  close(closed->ends[0]);
  close(closed->ends[1]);
}

/* xorshift64*: the same numbers from the same seed on every machine. The seed must not be 0. */
static inline uint64_t random_next(uint64_t *seed) {
  uint64_t x = *seed;
  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  *seed = x;
  return x * UINT64_C(2685821657736338717);
}

static inline size_t random_below(uint64_t *seed, size_t bound) { return (size_t)((random_next(seed) >> 32) % bound); }

/* Counts that hooks and threads share. */
static inline long count_add(long *count, long more) { return __atomic_add_fetch(count, more, __ATOMIC_SEQ_CST); }
static inline long count_read(const long *count) { return __atomic_load_n(count, __ATOMIC_SEQ_CST); }
static inline void count_set(long *count, long value) { __atomic_store_n(count, value, __ATOMIC_SEQ_CST); }

/* Panics. A program that wants to see them says `#define OBJPOOL_PANIC(message) panic_seen(message)` before objpool.h.
   Inside panics() the panic jumps back, or, when panic_returns is set, is noted and returns; elsewhere it ends the program. */
static char panic_message[1024];
static int panic_count;
static bool panic_returns;
static jmp_buf *panic_target;

static inline void panic_seen(const char *message) {
  snprintf(panic_message, sizeof panic_message, "%s", message);
  panic_count++;
  if (panic_target && panic_returns) return;
  if (panic_target) longjmp(*panic_target, 1);
  fprintf(stderr, "unexpected panic: %s\n", message);
  abort();
}

/* True if call(a, b) panicked; panic_message then says how. */
static __attribute__((noinline, unused)) bool panics(void (*call)(void *, void *), void *a, void *b) {
  jmp_buf target;
  panic_message[0] = 0;
  panic_count = 0;
  panic_target = &target;
  if (setjmp(target) == 0) call(a, b);
  panic_target = NULL;
  return panic_count > 0;
}

/* Runs body(argument) in a child process with stderr in the buffer; returns the status as waitpid gives it. */
static inline int in_child(void (*body)(void *), void *argument, char *output, size_t size) {
  int ends[2];
  int status = -1;
  size_t used = 0;
  pid_t child;
  CHECK(pipe(ends) == 0);
  fflush(NULL);
  child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    alarm(60); /* a child that hangs ends by SIGALRM, and its parent says so */
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    body(argument);
    fflush(stderr);
    _exit(0);
  }
  close(ends[1]);
  for (;;) {
    char spill[256];
    ssize_t got;
    if (size > used + 1)
      got = read(ends[0], output + used, size - used - 1);
    else
      got = read(ends[0], spill, sizeof spill);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    if (size > used + 1) used += (size_t)got;
  }
  if (size) output[used] = 0;
  close(ends[0]);
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  return status;
}

#define EXITED_WELL(status) (WIFEXITED(status) && WEXITSTATUS(status) == 0)
#define ENDED_BY(status, signal_number) (WIFSIGNALED(status) && WTERMSIG(status) == (signal_number))

#endif
