/* not a contender: what the hand-written pools share: an array of idle objects that grows, and new ones when it is empty.
 * Whoever includes it defines array_lock and array_unlock. */
#define CONTENDER_SHARED 1
#define CONTENDER_KEEPS 1
#define CONTENDER_CAPPED 1

static contender *contender_open(size_t threads, size_t live, size_t cap) {
  contender *opened =
      (contender *)aligned_alloc(CACHE_LINE, (sizeof *opened + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
  if (!opened) fail("a pool", ENOMEM);
  (void)threads, (void)live;
  memset(opened, 0, sizeof *opened);
  array_lock_init(opened);
  opened->cap = cap ? cap : SIZE_MAX;
  return opened;
}

static inline object *take(contender *from) {
  object *taken = NULL;
  bool build = false;
  array_lock(from);
  if (from->idle)
    taken = from->item[--from->idle];
  else if ((build = from->made < from->cap))
    from->made++;
  array_unlock(from);
  return build ? (object *)calloc(1, sizeof(object)) : taken;
}

static __attribute__((noinline)) void array_grow(contender *from) {
  size_t room = from->room ? from->room * 2 : 1024;
  object **grown = (object **)realloc(from->item, room * sizeof *grown);
  if (!grown) fail("a pool's array", ENOMEM);
  from->item = grown;
  from->room = room;
}

static inline void give(contender *from, object *given) {
  array_lock(from);
  if (from->idle == from->room) array_grow(from);
  from->item[from->idle++] = given;
  array_unlock(from);
}
