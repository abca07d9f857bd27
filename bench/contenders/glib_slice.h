/* name: GLib slices
 * package: libglib2.0-dev
 * flags: $(pkg-config --cflags glib-2.0)
 * link: -lglib-2.0 */
#include <glib.h>
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
  return g_slice_new(object);
}

static inline void give(contender *from, object *given) {
  (void)from;
  g_slice_free(object, given);
}
