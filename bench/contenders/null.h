/* name: no pool
 * The floor: objects of a per-thread array in turn, no pool work at all. What it costs is the workload's own: the loop,
 * and the pointer's and the object's trip through memory. */
#define CONTENDER_SHARED 1
#define CONTENDER_KEEPS 1
#define CONTENDER_CAPPED 0

typedef struct contender {
  size_t count; /* a power of two */
} contender;

static __thread struct {
  object *objects;
  size_t next, mask;
} own;

static contender *contender_open(size_t threads, size_t live, size_t cap) {
  static contender opened;
  (void)threads, (void)cap;
  for (opened.count = 1; opened.count < live;) opened.count *= 2;
  return &opened;
}

static void null_thread_start(contender *from) {
  own.objects = (object *)allocate(from->count, sizeof(object));
  own.mask = from->count - 1;
}
#define contender_thread_start(from) null_thread_start(from)

static inline object *take(contender *from) {
  (void)from;
  return &own.objects[own.next++ & own.mask];
}

static inline void give(contender *from, object *given) {
  (void)from;
  OPAQUE(given);
}
