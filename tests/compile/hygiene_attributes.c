/* Compiles silently: a file whose macros are called as attributes are, or by one letter, as parameters of templates often are.
   Each stands for something that is neither, so that one of ours would show. The C library's own headers come first: what they do with such macros is theirs. */
#if !defined(__cplusplus) && !defined(_DEFAULT_SOURCE)
#define _DEFAULT_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define aligned "aligned" +
#define always_inline "always_inline" +
#define artificial "artificial" +
#define cleanup "cleanup" +
#define cold "cold" +
#define constructor "constructor" +
#define deprecated "deprecated" +
#define destructor "destructor" +
#define flatten "flatten" +
#define hot "hot" +
#define likely "likely" +
#define may_alias "may_alias" +
#define noinline "noinline" +
#define nonnull "nonnull" +
#define noreturn "noreturn" +
#define packed "packed" +
#define pure "pure" +
#define returns_nonnull "returns_nonnull" +
#define section "section" +
#define tls_model "tls_model" +
#define unlikely "unlikely" +
#define unused "unused" +
#define visibility "visibility" +
#define warn_unused_result "warn_unused_result" +
#define weak "weak" +

#define A "A" +
#define B "B" +
#define C "C" +
#define D "D" +
#define E "E" +
#define F "F" +
#define G "G" +
#define H "H" +
#define I "I" +
#define J "J" +
#define K "K" +
#define L "L" +
#define M "M" +
#define N "N" +
#define O "O" +
#define P "P" +
#define Q "Q" +
#define R "R" +
#define S "S" +
#define T "T" +
#define U "U" +
#define V "V" +
#define W "W" +
#define X "X" +
#define Y "Y" +
#define Z "Z" +

#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

struct thing {
  int n;
};
static void touch(struct thing *thing, void *context) {
  (void)context;
  thing->n++;
}
OBJPOOL_DEFINE(thing_pool, struct thing, opt.reset = touch);
OBJPOOL_DEFINE(local_pool, struct thing, opt.local = true, opt.wipe = true);

int main(void) {
  static thing_pool pool;
  {
    OBJPOOL_SCOPED(thing_pool) guard = thing_pool_guard_acquire(&pool);
    if (!guard.object) return 1;
    guard.object->n = 6;
  }
  OBJPOOL_WITH(thing_pool, thing, &pool) {
    if (thing->n != 7) return 2;
  } else {
    return 3;
  }
#ifdef __cplusplus
  if (thing_pool_clear(&pool) == 1) {
    thing *made = thing_pool::make(&pool, 1);
    for (thing &each : objpool_each(pool))
      if (&each != made || made->n != 1) return 4;
    thing_pool_release(&pool, made);
  }
#endif
  thing_pool_destroy(&pool);
  return 0;
}
