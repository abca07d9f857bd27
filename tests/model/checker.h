/* checker.h: objpool.h under GenMC, a model checker for C11 that brings some system headers of its own and runs LLVM code without a
 * system. closed.h includes this there. It supplies what those headers lack and stands in for the system: memory that is zero and never
 * comes back, a clock that stands still, membarrier, and futexes whose sleepers see the end of all other threads.
 *
 * membarrier is a seq_cst fence, and what keeps the compiler from mixing an owner's store with its look at base is one, too. That is
 * what the pair amounts to between an owner and a revoker. It is more than two owners have of each other, so no program has two open
 * slots; and more than an owner has of what others do without a membarrier, so an order missing there may go unnoticed. */
#ifndef CHECKER_H
#define CHECKER_H

#pragma clang diagnostic ignored "-Weverything"

#include <errno.h>
#include <fcntl.h>
#include <genmc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A spin lock: executions that spin are those that do not, and end here. */
static int checker__set(char *flag) {
  char clear = 0;
  __VERIFIER_assume(__atomic_compare_exchange_n(flag, &clear, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE));
  return 0;
}
#define __atomic_test_and_set(flag, order) checker__set(flag)

/* Bits, counted one by one: it knows no instruction for them. */
static int checker__ctz(uint64_t word) {
  int place = 0;
  while (!(word >> place & 1)) place++;
  return place;
}
static int checker__bits(uint64_t word) {
  int bits = 0;
  for (; word; word &= word - 1) bits++;
  return bits;
}
#define __builtin_ctzll(word) checker__ctz(word)
#define __builtin_popcountll(word) checker__bits(word)
#define __builtin_unreachable() __VERIFIER_assert_fail("this is never reached", __FILE__, __LINE__)
#define __builtin_ia32_pause() ((void)0)

static __thread int checker__errno; /* theirs is one for all threads: a race */
#undef errno
#define errno checker__errno

#ifndef ECANCELED
#define ECANCELED 125
#endif

#define _SCHED_H 1 /* the C library's would bring in its threads */
#define sched_yield() ((void)0)
#undef open /* no files */
#undef read
#undef write
#undef close
#define open(...) (-1)
#define read(...) (-1)
#define close(...) (-1)
#define write(...) (-1)

/* A mutex as a number: GenMC cannot follow how a structure is copied that begins another one. */
typedef int checker__mutex;
#define pthread_mutex_t checker__mutex
#undef PTHREAD_MUTEX_INITIALIZER
#define PTHREAD_MUTEX_INITIALIZER 0
#define pthread_mutex_init(mutex, attributes) __VERIFIER_mutex_init((__VERIFIER_mutex_t *)(mutex), (attributes))
#define pthread_mutex_destroy(mutex) __VERIFIER_mutex_destroy((__VERIFIER_mutex_t *)(mutex))
#define pthread_mutex_lock(mutex) __VERIFIER_mutex_lock((__VERIFIER_mutex_t *)(mutex))
#define pthread_mutex_unlock(mutex) __VERIFIER_mutex_unlock((__VERIFIER_mutex_t *)(mutex))

/* A thread's index is not given back at its end; a program that wants it calls objpool__thread_exit itself. */
typedef unsigned pthread_key_t;
#define pthread_key_create(key, destructor) ((void)(destructor), *(key) = 1, 0)
#define pthread_key_delete(key) ((void)(key), 0)
#define pthread_setspecific(key, value) ((void)(key), (void)(value), 0)
#define pthread_atfork(prepare, parent, child) 0
typedef int pthread_once_t;
#define PTHREAD_ONCE_INIT 0
#define pthread_once(once, function) 0
#define pthread_setcancelstate(state, before) 0

typedef struct { int unused; } pthread_cond_t; /* for monitors, which no program starts */
typedef struct { int unused; } pthread_condattr_t;
extern int pthread_cond_init(pthread_cond_t *, const pthread_condattr_t *);
extern int pthread_cond_destroy(pthread_cond_t *);
extern int pthread_cond_wait(pthread_cond_t *, pthread_mutex_t *);
extern int pthread_cond_timedwait(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
extern int pthread_cond_signal(pthread_cond_t *);
extern int pthread_cond_broadcast(pthread_cond_t *);
extern int pthread_condattr_init(pthread_condattr_t *);
extern int pthread_condattr_destroy(pthread_condattr_t *);
extern int pthread_condattr_setclock(pthread_condattr_t *, int);
extern pthread_t pthread_self(void);
extern int pthread_equal(pthread_t, pthread_t);
#define PTHREAD_CANCEL_DISABLE 1

/* Memory: each piece once, from an array that is zero. Clearing what a thread has just got would be hundreds of writes for nothing. */
static _Alignas(128) uint64_t checker__memory[1 << 9]; /* GenMC takes long over large ones */
static uintptr_t checker__taken;
static __thread uintptr_t checker__fresh, checker__fresh_end;

static void *checker__calloc(size_t count, size_t size) {
  size_t bytes = (count * size + 127) / 128 * 128;
  uintptr_t at = __atomic_fetch_add(&checker__taken, bytes, __ATOMIC_RELAXED);
  if (at + bytes > sizeof checker__memory) __VERIFIER_assert_fail("memory enough", __FILE__, __LINE__);
  checker__fresh = (uintptr_t)checker__memory + at;
  checker__fresh_end = checker__fresh + bytes;
  return (void *)checker__fresh;
}

static void *checker__memset(void *memory, int value, size_t size) {
  uintptr_t at = (uintptr_t)memory;
  if (value == 0 && at >= checker__fresh && at + size <= checker__fresh_end) return memory;
  if (value == 0 && size % sizeof(uint64_t) == 0)
    for (size_t i = 0; i < size / sizeof(uint64_t); i++) ((uint64_t *)memory)[i] = 0;
  else
    for (size_t i = 0; i < size; i++) ((char *)memory)[i] = (char)value;
  return memory;
}

static void *checker__memcpy(void *to, const void *from, size_t size) {
  if (size == sizeof(uint32_t)) /* one number, as it is read elsewhere */
    *(uint32_t *)to = *(const uint32_t *)from;
  else if (size % sizeof(uint64_t) == 0)
    for (size_t i = 0; i < size / sizeof(uint64_t); i++) ((uint64_t *)to)[i] = ((const uint64_t *)from)[i];
  else
    for (size_t i = 0; i < size; i++) ((char *)to)[i] = ((const char *)from)[i];
  return to;
}

static void *checker__memmove(void *to, const void *from, size_t size) { /* of words, upwards */
  for (size_t i = size / sizeof(uint64_t); i-- > 0;) ((uint64_t *)to)[i] = ((const uint64_t *)from)[i];
  return to;
}

extern void *realloc(void *, size_t);
#define calloc checker__calloc
#define free(memory) ((void)(memory))
struct objpool__waiter;
#define memset(memory, value, size) checker__memset((memory), (value), (size))
#define memcpy checker__memcpy
#define __builtin_memcpy checker__memcpy
#define memmove checker__memmove

/* What its interpreter does not know; of unsigned numbers. */
#define __builtin_add_overflow(a, b, sum) (*(sum) = (a) + (b), *(sum) < (a))
#define __builtin_mul_overflow(a, b, product) (*(product) = (a) * (b), (a) && *(product) / (a) != (b))

/* The system. */
#ifndef CLOCK_MONOTONIC
#define CLOCK_MONOTONIC 1
#endif
static int checker__clock(int clock, struct timespec *now) {
  now->tv_sec = 1;
  now->tv_nsec = 0;
  return 0;
}
#define clock_gettime checker__clock

#include <sys/syscall.h>

static void all_others_end(void); /* by the program: joins all threads but the one that may sleep */
static uint32_t *checker__woken;  /* the word whose sleeper somebody woke last */

/* An asm statement keeps the compiler from mixing an owner's store with its look at base: that one is a fence. */
static int checker__fence(bool fence) {
#ifndef NO_OWNER_FENCE
  if (fence) __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
  return 0;
}
#define checker__asm(...) ((void)0)
enum { checker__asm };

static long checker__syscall(long number, long first, long second, long third) {
  if (number == SYS_membarrier) {
#ifndef NO_MEMBARRIER
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
    return 0;
  }
  if (number != SYS_futex) return -1;
  uint32_t *word = (uint32_t *)first;
  if (second == 129) { /* FUTEX_WAKE_PRIVATE */
    __atomic_store_n(&checker__woken, word, __ATOMIC_RELEASE);
    return 1;
  }
  if (__atomic_load_n(word, __ATOMIC_RELAXED) != (uint32_t)third) return -1;
  all_others_end(); /* who sleeps now sleeps for ever, unless it was served and woken by then */
  if (__atomic_load_n(word, __ATOMIC_ACQUIRE) == (uint32_t)third)
    __VERIFIER_assert_fail("a waiter is served", __FILE__, __LINE__);
  if (__atomic_load_n(&checker__woken, __ATOMIC_ACQUIRE) != word)
    __VERIFIER_assert_fail("a sleeper is woken", __FILE__, __LINE__);
  return 0;
}

/* Their interpreter reads no variable arguments: a call has three of them, a declaration two dots. */
#define checker__call(number, first, second, ...) checker__syscall((number), (long)(first), (long)(second), (long)(checker__or_0(__VA_ARGS__ + 0, 0)))
#define checker__call_1(number) checker__syscall((number), 0, 0, 0)
#define checker__or_0(value, ...) value
#define checker__declare(...) checker__declared(__VA_ARGS__)
#define checker__pick(a, b, c, d, e, f, g, h, name, ...) name
#define syscall(...)                                                                                                                    \
  checker__pick(__VA_ARGS__, checker__call, checker__call, checker__call, checker__call, checker__call, checker__call, checker__declare, \
                checker__call_1, )(__VA_ARGS__)

/* From here on the header's own text: no x86 assembly, no functions that run before or after main (GenMC blocks in them). */
#undef __GCC_ASM_FLAG_OUTPUTS__
#undef __ELF__ /* nor is there a module to name, by an assembler's name */
#define __builtin_ia32_rdtsc() 0ULL /* its interpreter has neither a counter nor a stack */
#define __builtin_return_address(level) NULL
#define __asm__ checker__asm
#define volatile(...) +checker__fence(__builtin_strcmp(#__VA_ARGS__, "\"\" ::: \"memory\"") == 0)
#define destructor unused
#define __destructor__ __unused__
#define constructor unused
#define __constructor__ __unused__

#endif
