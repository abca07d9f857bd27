/* sizes.c: a fuzzer (libFuzzer) of sets of buffers (OBJPOOL_SIZES): six sets, looked up and compared, with and without limits, named
 * alike, never initialised. Any sizes are acquired, grown, released, trimmed, by calls and by guards; allocations fail, classes get
 * limits of their own, buffers are given back wrongly. A plain model beside counts what lies in each class; what is written into a
 * buffer is there when it is grown or given back.
 *
 * Built and run by tests/fuzz/run, in C and in C++. `OBJPOOL_FUZZ_TRACE=1 build/fuzz/sizes-c FILE` tells each step. */
#define OBJPOOL_PANIC(message) panicked(message)
#define OBJPOOL_MAX_THREADS 4 /* a small table: opening a set is what takes the time here */
static void panicked(const char *message);

#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

#include "input.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUIRE(condition) ((condition) ? (void)0 : disagree(#condition, __LINE__))
#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

enum { SETS = 6, MOST_CLASSES = 16, MOST_HELD = 24, MOST_IDLE = 12, STEPS = 200, LARGE_HEAD = 32 };

/* >>input */

static long steps;
static unsigned long long all_sequences, all_steps;
static const char *doing = "nothing";
static bool tracing;

static __attribute__((noreturn)) void disagree(const char *condition, int line) {
  fprintf(stderr, "sizes.c:%d: step %ld, %s: this should hold: %s (errno: %s)\n", line, steps, doing, condition,
          strerror(errno));
  abort();
}

/* >>sets: their functions, whatever their sizes */

struct face {
  const char *title;
  const size_t *sizes;
  size_t count, bytes; /* classes; of the set itself */
  bool (*init)(void *set, const objpool_config *config);
  void (*destroy)(void *set);
  objpool_buffer (*acquire)(void *set, size_t size);
  objpool_buffer (*grow)(void *set, objpool_buffer buffer, size_t size);
  void (*release)(void *set, objpool_buffer buffer);
  size_t (*trim)(void *set, size_t keep_bytes);
  objpool_stats (*stats)(const void *set);
  objpool *(*class_of)(void *set, size_t size);
  objpool_buffer (*guard)(void *set, size_t size, unsigned way, objpool_buffer *taken, int *error);
};

enum { TAKEN, MOVED, LEFT, GUARD_WAYS }; /* how a guard ends: the buffer stays in use, or is given back */

static void write_bytes(objpool_buffer buffer, unsigned stamp);

/* One for each list of sizes. `taken`: what the guard had, `error`: the errno that it came with. */
#define SET(P, ...)                                                                                               \
  OBJPOOL_SIZES(P, __VA_ARGS__);                                                                                  \
  static const size_t P##_sizes[] = {__VA_ARGS__};                                                                \
  static bool P##_face_init(void *set, const objpool_config *config) { return P##_init((P *)set, config); }       \
  static void P##_face_destroy(void *set) { P##_destroy((P *)set); }                                              \
  static objpool_buffer P##_face_acquire(void *set, size_t size) { return P##_acquire((P *)set, size); }          \
  static objpool_buffer P##_face_grow(void *set, objpool_buffer buffer, size_t size) {                            \
    return P##_grow((P *)set, buffer, size);                                                                      \
  }                                                                                                               \
  static void P##_face_release(void *set, objpool_buffer buffer) { P##_release((P *)set, buffer); }               \
  static size_t P##_face_trim(void *set, size_t keep_bytes) { return P##_trim((P *)set, keep_bytes); }            \
  static objpool_stats P##_face_stats(const void *set) { return P##_stats((const P *)set); }                      \
  static objpool *P##_face_class(void *set, size_t size) { return P##_class((P *)set, size); }                    \
  static objpool_buffer P##_face_guard(void *set, size_t size, unsigned way, objpool_buffer *taken, int *error) { \
    OBJPOOL_SCOPED(P) guard = P##_guard_acquire((P *)set, size);                                                  \
    *error = errno;                                                                                               \
    *taken = guard.buffer;                                                                                        \
    if (guard.buffer.bytes) write_bytes(guard.buffer, 0);                                                         \
    errno = 4711;                                                                                                 \
    if (way == MOVED) {                                                                                           \
      P##_guard moved = P##_guard_move(&guard);                                                                   \
      REQUIRE(!guard.buffer.bytes && moved.buffer.bytes == taken->bytes);                                         \
      P##_guard_release(&moved);                                                                                  \
      P##_guard_release(&moved); /* twice is harmless */                                                          \
    } else if (way == TAKEN) {                                                                                    \
      return P##_guard_take(&guard);                                                                              \
    }                                                                                                             \
    return guard.buffer; /* which is given back now, or was */                                                    \
  }                                                                                                               \
  static const struct face P##_face = {#P,                                                                        \
                                       P##_sizes,                                                                 \
                                       COUNT_OF(P##_sizes),                                                       \
                                       sizeof(P),                                                                 \
                                       P##_face_init,                                                             \
                                       P##_face_destroy,                                                          \
                                       P##_face_acquire,                                                          \
                                       P##_face_grow,                                                             \
                                       P##_face_release,                                                          \
                                       P##_face_trim,                                                             \
                                       P##_face_stats,                                                            \
                                       P##_face_class,                                                            \
                                       P##_face_guard}

SET(stepped, 8, 24, 40, 1024, 3000);  /* looked up in a table up to 1024 */
SET(compared, 1, 7, 100, 1025, 4097); /* compared */
SET(single, 48);
SET(sixteen, 16, 32, 48, 64, 80, 96, 128, 160, 192, 256, 384, 512, 768, 1024, 1025, 2000);

static struct {
  stepped first, second;
  compared odd, zero;
  single one;
  sixteen all;
} sets;

static const struct traits {
  void *set;
  const struct face *face;
} traits[SETS] = {{&sets.first, &stepped_face}, {&sets.second, &stepped_face}, {&sets.odd, &compared_face},
                  {&sets.one, &single_face},    {&sets.all, &sixteen_face},    {&sets.zero, &compared_face}};

/* >>model */

struct counts { /* of a class, or of what is larger than all */
  uint64_t acquires, releases, hits, misses, created, destroyed, overflowed, create_failures, exhausted, peak_in_use;
};

struct kind {
  size_t size, in_use, idle, min_idle, max_idle, max_objects; /* 0: no limit */
  bool used;                                                  /* its pool is there */
  uint64_t maybe_overflowed;                                  /* so many more are right too */
  struct counts count;
};

struct held {
  objpool_buffer buffer;
  unsigned stamp; /* what was written into it */
};

static struct model {
  const struct face *face;
  void *set;
  bool open, zero;
  const char *called;
  bool named;
  struct kind kinds[MOST_CLASSES];
  struct held held[MOST_HELD];
  size_t held_count;
  size_t large_in_use, large_bytes;
  struct counts large;
  size_t bytes;    /* that it has of the allocator */
  uint64_t pledge; /* of their sizes and alignments: what is given back was taken so */
} models[SETS];

static unsigned last_stamp, panics, fail_allocation;
static unsigned refusals;     /* of the allocator, during this call */
static bool may_not_allocate; /* during this call */
static char panic_message[256];

static void panicked(const char *message) {
  panics++;
  snprintf(panic_message, sizeof panic_message, "%s", message);
}

/* >>memory */

static void *allocate(size_t size, size_t alignment, void *context) {
  struct model *m = (struct model *)context;
  void *memory = NULL;
  REQUIRE(size > 0 && alignment > 0 && (alignment & (alignment - 1)) == 0 && !may_not_allocate);
  if (size > (size_t)1 << 24 || (fail_allocation > 0 && --fail_allocation == 0)) {
    refusals++;
    return NULL;
  }
  if (posix_memalign(&memory, alignment < sizeof(void *) ? sizeof(void *) : alignment, size) != 0) abort();
  memset(memory, 0xa5, size);
  m->bytes += size;
  m->pledge += size * 4099 + alignment;
  return memory;
}

static void deallocate(void *memory, size_t size, size_t alignment, void *context) {
  struct model *m = (struct model *)context;
  REQUIRE(memory && size <= m->bytes);
  m->bytes -= size;
  m->pledge -= size * 4099 + alignment;
  free(memory);
}

/* >>contents: each byte is a function of its place and of who wrote it */

static char byte_at(unsigned stamp, size_t place) { return (char)(stamp * 37 + place * 11 + (place >> 8)); }

static void write_bytes(objpool_buffer buffer, unsigned stamp) {
  for (size_t i = 0; i < buffer.capacity; i++) buffer.bytes[i] = byte_at(stamp, i);
}

static void require_bytes(objpool_buffer buffer, unsigned stamp, size_t size) {
  for (size_t i = 0; i < size; i++) REQUIRE(buffer.bytes[i] == byte_at(stamp, i));
}

/* >>what the model says of each call */

/* The class that holds so many bytes, NULL above the largest. */
static struct kind *kind_of(struct model *m, size_t size) {
  size_t place = 0;
  while (place < m->face->count && m->kinds[place].size < size) place++;
  return place < m->face->count ? &m->kinds[place] : NULL;
}

static void begin(void) {
  refusals = 0;
  errno = 4711;
}

static void acquired_large(struct model *m, size_t size, objpool_buffer got, int error) {
  m->kinds[0].used = true;
  if (!got.bytes) {
    REQUIRE(error == ENOMEM && (refusals || size > PTRDIFF_MAX - LARGE_HEAD));
    m->large.create_failures++;
    return;
  }
  REQUIRE(got.capacity == size && size <= PTRDIFF_MAX - LARGE_HEAD);
  m->large.acquires++;
  m->large_bytes += size;
  if (++m->large_in_use > m->large.peak_in_use) m->large.peak_in_use = m->large_in_use;
}

/* What an acquire brought. */
static void acquired(struct model *m, size_t size, objpool_buffer got, int error) {
  struct kind *kind = kind_of(m, size);
  REQUIRE(got.bytes || got.capacity == 0);
  REQUIRE((uintptr_t)got.bytes % __alignof__(long double) == 0);
  if (!kind) {
    acquired_large(m, size, got, error);
    return;
  }
  kind->used = true;
  if (got.bytes) {
    bool hit = kind->idle > 0; /* idle ones come first */
    REQUIRE(got.capacity == kind->size && (hit || !kind->max_objects || kind->in_use < kind->max_objects));
    kind->count.acquires++;
    kind->count.hits += hit;
    kind->count.misses += !hit;
    kind->count.created += !hit;
    kind->idle -= hit;
    if (++kind->in_use > kind->count.peak_in_use) kind->count.peak_in_use = kind->in_use;
    return;
  }
  REQUIRE(!kind->idle);
  if (error == EAGAIN) {
    REQUIRE(kind->max_objects && kind->in_use >= kind->max_objects);
    kind->count.exhausted++;
  } else {
    REQUIRE(error == ENOMEM && refusals && !m->zero);
    kind->count.create_failures++;
  }
}

/* After a buffer was given back. True: it is idle now. */
static bool released(struct model *m, size_t capacity) {
  struct kind *kind = kind_of(m, capacity);
  if (!kind) {
    m->large.releases++;
    m->large_in_use--;
    m->large_bytes -= capacity;
    return false;
  }
  bool surplus = kind->max_objects && kind->in_use + kind->idle > kind->max_objects;
  bool full = kind->max_idle && kind->idle >= kind->max_idle;
  kind->in_use--;
  kind->count.releases++;
  kind->count.destroyed += surplus || full;
  kind->count.overflowed += full && !surplus;
  kind->maybe_overflowed += full && surplus; /* which of its two reasons is counted is not said */
  kind->idle += !(surplus || full);
  return !(surplus || full);
}

static void gone(struct kind *kind, size_t count) {
  kind->idle -= count;
  kind->count.destroyed += count;
}

/* >>calls */

static void keep(struct model *m, objpool_buffer buffer) {
  struct held *held = &m->held[m->held_count++];
  held->buffer = buffer;
  held->stamp = ++last_stamp;
  write_bytes(buffer, held->stamp);
}

/* Sizes at the bounds of the classes, within and above them, and impossible ones. */
static size_t any_size(const struct model *m) {
  static const size_t special[] = {0,
                                   1,
                                   SIZE_MAX,
                                   SIZE_MAX - 7,
                                   SIZE_MAX - LARGE_HEAD + 1,
                                   SIZE_MAX / 2 + 1,
                                   PTRDIFF_MAX,
                                   PTRDIFF_MAX - LARGE_HEAD + 1,
                                   PTRDIFF_MAX - LARGE_HEAD, /* from here on the allocator refuses */
                                   (size_t)1 << 30};
  unsigned choice = byte(), more = byte();
  size_t bound = m->face->sizes[more % m->face->count], largest = m->face->sizes[m->face->count - 1];
  if (choice < 150) return bound + choice % 3 - 1;
  if (choice < 200) return (size_t)more * 17;
  if (choice < 245) return largest + 1 + (size_t)more * (choice % 4 == 0 ? 100 : 3);
  return special[choice % (m->zero ? COUNT_OF(special) - 2 : COUNT_OF(special))];
}

static void acquire(struct model *m) {
  if (m->held_count == MOST_HELD) return;
  size_t size = any_size(m);
  begin();
  objpool_buffer got = m->face->acquire(m->set, size);
  acquired(m, size, got, errno);
  if (got.bytes) keep(m, got);
}

static struct held *pick(struct model *m) { return m->held_count ? &m->held[byte() % m->held_count] : NULL; }

static void forget(struct model *m, struct held *held) { *held = m->held[--m->held_count]; }

static bool release(struct model *m, struct held *held) {
  objpool_buffer buffer = held->buffer;
  require_bytes(buffer, held->stamp, buffer.capacity);
  forget(m, held);
  begin();
  may_not_allocate = true;
  m->face->release(m->set, buffer);
  may_not_allocate = false;
  REQUIRE(errno == 4711);
  return released(m, buffer.capacity);
}

static void grow(struct model *m, struct held *held) {
  objpool_buffer old = held->buffer;
  size_t size = any_size(m);
  begin();
  objpool_buffer got = m->face->grow(m->set, old, size);
  int error = errno;
  if (size <= old.capacity) {
    REQUIRE(got.bytes == old.bytes && got.capacity == old.capacity && error == 4711);
    return;
  }
  REQUIRE(got.bytes != old.bytes);
  acquired(m, size, got, error);
  if (!got.bytes) { /* it is still the caller's */
    require_bytes(old, held->stamp, old.capacity);
    return;
  }
  require_bytes(got, held->stamp, old.capacity);
  (void)released(m, old.capacity);
  forget(m, held);
  keep(m, got);
}

static void guard(struct model *m) {
  if (m->held_count == MOST_HELD) return;
  unsigned way = byte() % GUARD_WAYS;
  size_t size = any_size(m);
  objpool_buffer taken;
  int error;
  begin();
  objpool_buffer left = m->face->guard(m->set, size, way, &taken, &error);
  REQUIRE(errno == 4711);
  acquired(m, size, taken, error);
  if (!taken.bytes) return;
  REQUIRE(left.bytes == (way == MOVED ? NULL : taken.bytes));
  if (way == TAKEN)
    keep(m, left);
  else
    (void)released(m, taken.capacity);
}

/* Empty buffers are no mistake, and an empty one that grows is an acquire. */
static void nothing(struct model *m) {
  objpool_buffer none = {NULL, 0};
  none.capacity = byte() % 2 ? any_size(m) : 0;
  begin();
  m->face->release(m->set, none);
  REQUIRE(errno == 4711);
  if (m->held_count == MOST_HELD) return;
  size_t size = any_size(m);
  objpool_buffer got = m->face->grow(m->set, none, size);
  acquired(m, size, got, errno);
  if (got.bytes) keep(m, got);
}

/* As it is documented: the largest idle classes first, until no more than that is idle. */
static void trim(struct model *m) {
  size_t keep_bytes = byte() * (size_t)(byte() % 4 * 20), idle_bytes = 0, expected = 0;
  for (size_t i = 0; i < m->face->count; i++) idle_bytes += m->kinds[i].idle * m->kinds[i].size;
  for (size_t i = m->face->count; i-- > 0;) {
    size_t count = 0;
    while (count < m->kinds[i].idle && idle_bytes > keep_bytes) {
      idle_bytes -= m->kinds[i].size;
      count++;
    }
    gone(&m->kinds[i], count);
    expected += count * m->kinds[i].size;
  }
  begin();
  may_not_allocate = true;
  REQUIRE(m->face->trim(m->set, keep_bytes) == expected && errno == 4711);
  may_not_allocate = false;
}

/* >>classes, as pools of their own */

static objpool *pool_of(struct model *m, struct kind *kind) {
  objpool *pool = m->face->class_of(m->set, kind->size);
  REQUIRE(pool);
  kind->used = true;
  return pool;
}

static void class_resize(struct kind *kind, objpool *pool) {
  unsigned choice = byte(), more = byte();
  size_t max_idle = choice & 1 ? OBJPOOL_UNCHANGED : choice >> 1 & 7;
  size_t max_objects = more & 1 ? OBJPOOL_UNCHANGED : more >> 1 & 7, alive = kind->in_use + kind->idle, excess = 0;
  size_t new_idle = max_idle == OBJPOOL_UNCHANGED ? kind->max_idle : max_idle;
  size_t new_objects = max_objects == OBJPOOL_UNCHANGED ? kind->max_objects : max_objects;
  bool possible = !(new_idle && kind->min_idle > new_idle) && !(new_objects && kind->min_idle > new_objects) &&
                  !(new_idle && new_objects && new_idle > new_objects);
  begin();
  REQUIRE(objpool_resize(pool, max_idle, max_objects) == possible && errno == (possible ? 4711 : EINVAL));
  if (!possible) return;
  if (new_objects && alive > new_objects) excess = alive - new_objects < kind->idle ? alive - new_objects : kind->idle;
  if (new_idle && kind->idle - excess > new_idle) excess = kind->idle - new_idle;
  kind->max_idle = new_idle;
  kind->max_objects = new_objects;
  kind->maybe_overflowed += excess;
  gone(kind, excess);
}

static void class_warmup(struct kind *kind, objpool *pool) {
  size_t idle = byte() % MOST_IDLE, goal = kind->max_idle && idle > kind->max_idle ? kind->max_idle : idle;
  size_t want = goal > kind->idle ? goal - kind->idle : 0, alive = kind->in_use + kind->idle;
  size_t room = !kind->max_objects ? SIZE_MAX : kind->max_objects > alive ? kind->max_objects - alive : 0;
  if (want > room) want = room;
  begin();
  size_t created = objpool_warmup(pool, idle);
  REQUIRE(created == want || (created < want && refusals && errno == ENOMEM));
  kind->idle += created;
  kind->count.created += created;
}

static void class_trim(struct kind *kind, objpool *pool) {
  size_t keep_idle = byte() % 8, most = byte() % 8;
  size_t excess = kind->idle > keep_idle ? kind->idle - keep_idle : 0;
  begin();
  may_not_allocate = true;
  if (most < 4) {
    if (excess > most) excess = most;
    REQUIRE(objpool_trim_some(pool, keep_idle, most) == excess);
  } else {
    REQUIRE(objpool_trim(pool, keep_idle) == excess);
  }
  may_not_allocate = false;
  REQUIRE(errno == 4711);
  gone(kind, excess);
}

/* What it gives back or builds ahead is its own affair: it tells. */
static void class_maintain(const struct model *m, struct kind *kind, objpool *pool) {
  if (m->zero || kind->idle >= MOST_IDLE) return; /* that one looks at the machine's memory */
  begin();
  size_t changed = objpool_maintain_some(pool, byte() % 8);
  objpool_stats stats = objpool_snapshot(pool);
  size_t created = (size_t)(stats.created - kind->count.created);
  size_t destroyed = (size_t)(stats.destroyed - kind->count.destroyed);
  REQUIRE(changed == created + destroyed && destroyed <= kind->idle + created);
  kind->count.created += created;
  kind->idle += created;
  gone(kind, destroyed);
}

static void of_a_class(struct model *m) {
  struct kind *kind = &m->kinds[byte() % m->face->count];
  objpool *pool = pool_of(m, kind);
  switch (byte() % 12) {
  case 0:
  case 1:
  case 2: class_resize(kind, pool); break;
  case 3:
  case 4: class_warmup(kind, pool); break;
  case 5:
  case 6: class_trim(kind, pool); break;
  case 7:
  case 8: class_maintain(m, kind, pool); break;
  case 9:
    objpool_reset_stats(pool);
    memset(&kind->count, 0, sizeof kind->count);
    kind->count.peak_in_use = kind->in_use;
    kind->maybe_overflowed = 0;
    break;
  default: { /* any size finds the class that an acquire takes from */
    size_t size = any_size(m);
    struct kind *other = kind_of(m, size);
    objpool *found = m->face->class_of(m->set, size);
    REQUIRE(other ? found && found == m->face->class_of(m->set, other->size) : !found);
    if (other) other->used = true;
  }
  }
}

/* >>mistakes: each is found, and nothing happens */

static void require_panic(struct model *m, unsigned before) {
  REQUIRE(panics == before + 1 && strstr(panic_message, m->called));
}

static void wrong_capacity(struct model *m, const struct held *held, bool grows) {
  unsigned before = panics;
  objpool_buffer changed = held->buffer;
  changed.capacity = any_size(m);
  if (changed.capacity == held->buffer.capacity) return;
  if (!grows) {
    m->face->release(m->set, changed);
  } else {
    size_t size = any_size(m);
    if (size <= changed.capacity) return; /* it is large enough, by what it says */
    objpool_buffer got = m->face->grow(m->set, changed, size);
    REQUIRE(!got.bytes && !got.capacity);
  }
  require_panic(m, before);
}

static void wrong_set(struct model *m, bool grows) {
  struct model *other = &models[byte() % SETS];
  unsigned before = panics;
  if (other == m || !other->open || !other->held_count) return;
  objpool_buffer foreign = other->held[byte() % other->held_count].buffer;
  if (grows)
    REQUIRE(!m->face->grow(m->set, foreign, foreign.capacity + 1).bytes);
  else
    m->face->release(m->set, foreign);
  require_panic(m, before);
}

static void misuse(struct model *m) {
  unsigned how = byte(), before = panics;
  struct held *held = pick(m);
  begin();
  if (how % 4 == 0) {
    wrong_set(m, how & 4);
  } else if (!held) {
    return;
  } else if (how % 4 == 1) {
    wrong_capacity(m, held, how & 4);
  } else if (how % 4 == 2) {
    objpool_buffer inside = held->buffer;
    if (inside.capacity < 48) return; /* the word before it is within the buffer */
    inside.bytes += how & 4 ? 8 : 32;
    m->face->release(m->set, inside);
    require_panic(m, before);
  } else { /* twice, while it is idle */
    objpool_buffer buffer = held->buffer;
    if (!release(m, held)) return;
    m->face->release(m->set, buffer);
    require_panic(m, before);
  }
}

/* >>life of a set */

static bool all_zero(const struct model *m) {
  static char zeros[sizeof sets]; /* never written */
  return memcmp(m->set, zeros, m->face->bytes) == 0;
}

/* Two sets of one name may be there together if no class of theirs has the same size. */
static bool name_is_taken(const struct model *m, const char *name) {
  for (int i = 0; i < SETS; i++) {
    const struct model *other = &models[i];
    if (!other->open || !other->named || strcmp(other->called, name)) continue;
    for (size_t j = 0; j < other->face->count; j++)
      for (size_t k = 0; k < m->face->count; k++)
        if (other->face->sizes[j] == m->face->sizes[k]) return true;
  }
  return false;
}

static void require_names(struct model *m) {
  for (size_t i = 0; i < m->face->count; i++) {
    char name[64];
    objpool *pool = pool_of(m, &m->kinds[i]);
    snprintf(name, sizeof name, "%s/%lu", m->called, (unsigned long)m->face->sizes[i]);
    REQUIRE(!strcmp(objpool_name(pool), name) && objpool_registry_find(name) == (m->named ? pool : NULL));
  }
}

/* What the classes of a set have after its init. */
static void opened(struct model *m, const objpool_config *config) {
  m->open = true;
  for (size_t i = 0; i < m->face->count; i++) {
    struct kind *kind = &m->kinds[i];
    kind->used = true;
    kind->min_idle = config->min_idle;
    kind->max_idle = config->max_idle;
    kind->max_objects = config->max_objects;
    kind->idle = config->warmup;
    kind->count.created = config->warmup;
  }
  require_names(m);
}

static void open_set(struct model *m) {
  static const char *const names[] = {NULL, "bees", "ants", "wasps/nest"};
  objpool_config config;
  unsigned a = byte(), b = byte(), c = byte();
  const struct traits *is = &traits[m - models];
  memset(m, 0, sizeof *m);
  memset(&config, 0, sizeof config);
  m->face = is->face;
  m->set = is->set;
  m->called = is->face->title;
  for (size_t i = 0; i < m->face->count; i++) m->kinds[i].size = m->face->sizes[i];
  if (is->set == &sets.zero) { /* default settings, the C library's memory */
    m->open = m->zero = true;
    return;
  }
  config.on_leak = OBJPOOL_LEAK_IGNORE;
  config.ignore_pressure = true;
  config.allocator.allocate = allocate;
  config.allocator.deallocate = deallocate;
  config.allocator.context = m;
  config.name = names[c & 8 ? c % 4 : 0];
  if (a & 1) config.max_objects = 1 + (b & 7);
  if (a & 2) config.max_idle = 1 + (b >> 4 & 7);
  if (a & 4)
    config.cache_size = OBJPOOL_NO_CACHE;
  else if (a & 8)
    config.cache_size = 1 + (b & 7);
  if (a & 16) config.warmup = b & 3;
  if (a & 32) config.min_idle = c & 3;
  if (a & 64) config.reserve = c >> 4;
  bool possible =
      !(config.max_objects && (config.warmup > config.max_objects || config.min_idle > config.max_objects)) &&
      !(config.max_idle && (config.warmup > config.max_idle || config.min_idle > config.max_idle)) &&
      !(config.max_idle && config.max_objects && config.max_idle > config.max_objects);
  bool taken = config.name && name_is_taken(m, config.name);
  if (config.name) m->called = config.name;
  m->named = config.name != NULL;
  begin();
  if (m->face->init(m->set, &config)) {
    REQUIRE(possible && !taken);
    opened(m, &config);
    return;
  }
  REQUIRE(!possible ? errno == EINVAL : errno == EEXIST ? taken : errno == ENOMEM && refusals);
  REQUIRE(m->bytes == 0 && m->pledge == 0 && all_zero(m));
}

static void close_set(struct model *m) {
  if (!m->open) return;
  if (m->zero) /* its policy is to tell of leaks */
    while (m->held_count) (void)release(m, &m->held[0]);
  for (size_t i = 0; i < m->held_count; i++)
    require_bytes(m->held[i].buffer, m->held[i].stamp, m->held[i].buffer.capacity);
  begin();
  m->face->destroy(m->set);
  REQUIRE(errno == 4711 && m->bytes == 0 && m->pledge == 0 && all_zero(m));
  m->face->destroy(m->set); /* twice is harmless */
  m->open = false;
}

/* >>comparison */

static void add(struct counts *sum, const struct counts *one) {
  uint64_t *into = (uint64_t *)(void *)sum;
  const uint64_t *from = (const uint64_t *)(const void *)one;
  for (size_t i = 0; i < sizeof *sum / sizeof *into; i++) into[i] += from[i];
}

static void require_counts(const objpool_stats *stats, const struct counts *count) {
#define SAME(field) REQUIRE(stats->field == count->field)
  SAME(acquires);
  SAME(releases);
  SAME(hits);
  SAME(misses);
  SAME(created);
  SAME(destroyed);
  SAME(overflowed);
  SAME(create_failures);
  SAME(exhausted);
  SAME(peak_in_use);
#undef SAME
  REQUIRE(!stats->extracted && !stats->invalid && !stats->timeouts && !stats->waiting && !stats->expired);
}

static void compare(struct model *m) {
  struct counts sum = m->large;
  uint64_t in_use = m->large_in_use, idle = 0, memory = m->large_bytes + m->large_in_use * LARGE_HEAD, max_objects = 0,
           max_idle = 0;
  bool idle_limited = true, objects_limited = true;
  sum.misses = sum.created = sum.acquires;
  sum.destroyed = sum.releases;
  for (size_t i = 0; i < m->face->count; i++) {
    struct kind *kind = &m->kinds[i];
    if (!kind->used) continue;
    objpool_stats stats = objpool_snapshot(m->face->class_of(m->set, kind->size));
    REQUIRE(stats.overflowed >= kind->count.overflowed &&
            stats.overflowed - kind->count.overflowed <= kind->maybe_overflowed);
    kind->count.overflowed = stats.overflowed;
    kind->maybe_overflowed = 0;
    REQUIRE(stats.in_use == kind->in_use && stats.idle == kind->idle && stats.object_size == kind->size);
    REQUIRE(stats.max_idle == kind->max_idle && stats.max_objects == kind->max_objects);
    require_counts(&stats, &kind->count);
    add(&sum, &kind->count);
    in_use += kind->in_use;
    idle += kind->idle;
    memory += stats.memory_bytes;
    max_idle += kind->max_idle;
    max_objects += kind->max_objects;
    idle_limited &= kind->max_idle > 0;
    objects_limited &= kind->max_objects > 0;
  }
  objpool_stats stats = m->face->stats(m->set);
  require_counts(&stats, &sum);
  REQUIRE(stats.in_use == in_use && stats.idle == idle && stats.memory_bytes == memory);
  REQUIRE(stats.max_idle == (idle_limited ? max_idle : 0) && stats.max_objects == (objects_limited ? max_objects : 0));
  if (!m->zero) REQUIRE(stats.memory_bytes == m->bytes);
}

/* >>sequence */

static void step(void) {
  unsigned what = byte() % 32;
  struct model *m = &models[byte() % SETS];
  steps++;
  if (!m->open) {
    doing = "open";
    open_set(m);
    if (!m->open) return;
  }
  if (tracing) fprintf(stderr, "%ld: %s %d, what %u\n", steps, m->face->title, (int)(m - models), what);
  struct held *held;
  if (what < 8) {
    doing = "acquire";
    acquire(m);
  } else if (what < 14) {
    doing = "release";
    if ((held = pick(m))) (void)release(m, held);
  } else if (what < 19) {
    doing = "grow";
    if ((held = pick(m))) grow(m, held);
  } else if (what < 21) {
    doing = "guard";
    guard(m);
  } else if (what < 22) {
    doing = "nothing";
    nothing(m);
  } else if (what < 24) {
    doing = "trim";
    trim(m);
  } else if (what < 27) {
    doing = "a class";
    of_a_class(m);
  } else if (what < 28) {
    fail_allocation = byte() & 3;
  } else if (what < 31) {
    doing = "misuse";
    misuse(m);
  } else {
    doing = "destroy";
    close_set(m);
  }
  if (m->open) compare(m);
}

static void say_how_many(void) { printf("%llu sequences of %llu calls\n", all_sequences, all_steps); }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (!all_sequences++) {
    tracing = getenv("OBJPOOL_FUZZ_TRACE") != NULL;
    atexit(say_how_many);
  }
  input = data;
  input_left = size;
  steps = 0;
  last_stamp = fail_allocation = 0;
  while (input_left && steps < STEPS) step();
  all_steps += (unsigned long long)steps;
  doing = "the end";
  for (int i = 0; i < SETS; i++) close_set(&models[i]);
  return 0;
}
