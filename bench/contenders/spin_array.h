/* name: spin lock + array
 * A test-and-test-and-set lock that yields when it has to wait long. */
typedef struct contender {
  __attribute__((aligned(CACHE_LINE))) int locked;
  size_t idle, room, made, cap;
  object **item;
} contender;

static void array_lock_init(contender *from) { from->locked = 0; }
static inline void array_lock(contender *from) {
  int rounds = 0;
  while (__atomic_exchange_n(&from->locked, 1, __ATOMIC_ACQUIRE))
    while (__atomic_load_n(&from->locked, __ATOMIC_RELAXED)) pause_a_little(&rounds);
}
static inline void array_unlock(contender *from) { __atomic_store_n(&from->locked, 0, __ATOMIC_RELEASE); }

#include "array.h"
