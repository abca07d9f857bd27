/* The pools that test_two_files.c and test_two_files_second.c share. */
#ifndef TESTS_TWO_FILES_H
#define TESTS_TWO_FILES_H

#ifdef __cplusplus
extern "C"
#endif
    void
    second_seen_panic(const char *message);

#include "objpool.h"

typedef struct thing {
  long n;
  char text[24];
} thing;

static inline void clear_thing(thing *object, void *context) {
  (void)context;
  object->n = 0;
}

OBJPOOL_DEFINE(shared_pool, thing, opt.reset = clear_thing);

/* The two files disagree about what the pool called disputed_pool does. */
static inline bool thing_is_small(thing *object, void *context) {
  (void)context;
  return object->n < 100;
}
#ifdef SECOND_FILE
OBJPOOL_DEFINE(disputed_pool, thing, opt.reset = clear_thing, opt.validate = thing_is_small);
#else
OBJPOOL_DEFINE(disputed_pool, thing, opt.reset = clear_thing);
#endif

#ifdef __cplusplus
extern "C" {
#endif
extern shared_pool second_owns;
thing *second_acquire(shared_pool *pool);
void second_release(shared_pool *pool, thing *object);
size_t second_guarded(shared_pool *pool);
void second_uses_disputed(void *pool, void *unused);
#ifdef __cplusplus
}
#endif

#endif
