/* name: glibc malloc
 * Also the body of every other malloc: linking the library replaces malloc and free. */
#define CONTENDER_SHARED 1
#define CONTENDER_KEEPS 0
#define CONTENDER_CAPPED 0

typedef char contender;

static contender *contender_open(size_t threads, size_t live, size_t cap) {
  static contender unused;
  (void)threads, (void)live, (void)cap;
  return &unused;
}

static inline object *take(contender *from) {
  (void)from;
  return (object *)malloc(sizeof(object));
}

static inline void give(contender *from, object *given) {
  (void)from;
  free(given);
}

#ifndef contender_trim
#include <malloc.h>
#define contender_trim(from) ((void)(from), malloc_trim(0))
#endif
