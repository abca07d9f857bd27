/* name: mutex + array
 * What one writes by hand first. */
typedef struct contender {
  pthread_mutex_t mutex;
  size_t idle, room, made, cap;
  object **item;
} contender;

static void array_lock_init(contender *from) {
  int error = pthread_mutex_init(&from->mutex, NULL);
  if (error) fail("a mutex", error);
}
static inline void array_lock(contender *from) { pthread_mutex_lock(&from->mutex); }
static inline void array_unlock(contender *from) { pthread_mutex_unlock(&from->mutex); }

#include "array.h"
