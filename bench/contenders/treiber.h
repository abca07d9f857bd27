/* name: Treiber stack
 * Objects of one slab on a lock-free list of numbers; a 32-bit tag beside the top's number keeps A-B-A out. */
#define CONTENDER_SHARED 1
#define CONTENDER_KEEPS 1
#define CONTENDER_CAPPED 1

typedef struct contender {
  __attribute__((aligned(CACHE_LINE)))
  uint64_t top; /* tag in the high half, number of the first object in the low one */
  __attribute__((aligned(CACHE_LINE))) uint32_t made;
  uint32_t limit;
  object *slab;   /* from number 1 on; pages are touched as objects are made */
  uint32_t *next; /* by number; 0 ends the list */
} contender;

static contender *contender_open(size_t threads, size_t live, size_t cap) {
  contender *opened = (contender *)aligned_alloc(CACHE_LINE, sizeof *opened);
  size_t limit = cap ? cap : threads * live + 1024;
  if (!opened || limit >= UINT32_MAX) fail("a pool", ENOMEM);
  memset(opened, 0, sizeof *opened);
  opened->limit = (uint32_t)limit;
  opened->slab = (object *)allocate(limit + 1, sizeof(object));
  opened->next = (uint32_t *)allocate(limit + 1, sizeof(uint32_t));
  return opened;
}

static __attribute__((noinline)) object *treiber_make(contender *from) {
  uint32_t made = __atomic_load_n(&from->made, __ATOMIC_RELAXED);
  do {
    if (made == from->limit) return NULL;
  } while (!__atomic_compare_exchange_n(&from->made, &made, made + 1, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
  return (object *)memset(&from->slab[made + 1], 0, sizeof(object));
}

static inline object *take(contender *from) {
  uint64_t top = __atomic_load_n(&from->top, __ATOMIC_ACQUIRE), after;
  do {
    if ((uint32_t)top == 0) return treiber_make(from);
    after = ((top >> 32) + 1) << 32 | __atomic_load_n(&from->next[(uint32_t)top], __ATOMIC_RELAXED);
  } while (!__atomic_compare_exchange_n(&from->top, &top, after, true, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE));
  return &from->slab[(uint32_t)top];
}

static inline void give(contender *from, object *given) {
  uint32_t number = (uint32_t)(given - from->slab);
  uint64_t top = __atomic_load_n(&from->top, __ATOMIC_RELAXED), after;
  do {
    __atomic_store_n(&from->next[number], (uint32_t)top, __ATOMIC_RELAXED);
    after = ((top >> 32) + 1) << 32 | number;
  } while (!__atomic_compare_exchange_n(&from->top, &top, after, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
}
