/* sequence.c: a fuzzer (libFuzzer) of sequences of all calls on eleven pools of different kinds, by their typed and
 * their typeless functions, by handles and in loops. Hooks refuse and call the pools again, allocations fail, limits
 * change, time passes, objects are given back wrongly. A reference model is kept beside; any disagreement aborts.
 *
 * The model knows nothing of how a pool works. It follows objects: the hooks and the results of calls say what state
 * each is in, and every count is a count of such facts (`invalid`: how often validate said no, and discards). What a
 * call may answer depends on what was so at some moment while it ran, so a call under way notes, each time anything
 * moves, what it has seen: no object idle, all places taken, max_idle idle. Where a hook calls a pool again, this stays
 * as exact as it is without.
 *
 * Built and run by tests/fuzz/run, in C and in C++. `OBJPOOL_FUZZ_TRACE=1 build/fuzz/sequence-c FILE` tells each step
 * of an input. */
#define OBJPOOL_PANIC(message) panicked(message)
#define OBJPOOL_MAX_THREADS 4 /* a small table: opening a pool is what takes the time here */
static void panicked(const char *message);

#include <time.h>
/* How old objects are says the coarse clock, which stands still unless a step moves it. */
static long passed_s;
static int clock_that_is_moved(clockid_t clock, struct timespec *now) {
  if (clock != CLOCK_MONOTONIC_COARSE) return clock_gettime(clock, now);
  now->tv_sec = 1000 + passed_s;
  now->tv_nsec = 0;
  return 0;
}
#define clock_gettime(clock, now) clock_that_is_moved(clock, now)
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"
#undef clock_gettime

#include "input.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUIRE(condition) ((condition) ? (void)0 : disagree(#condition, __LINE__))

enum { POOLS = 11, KNOWN = 256, MOST_ALIVE = 40, ENDED = 32, MANY = 6, DEPTH = 3, STEPS = 250 };

/* >>input: the bytes of the sequence */

static long steps;
static unsigned favourite; /* the pool of about half of the steps of a sequence */
static unsigned long long all_sequences, all_steps;
static int depth;                             /* how many hooks we are in that call back */
static int quiet, creating;                   /* hooks shall not call back now; a create is under way */
static unsigned armed;                        /* so many of the next hooks call back */
static unsigned fail_allocation, fail_create; /* the so-manieth from now fails; 0: none */
static const char *doing = "nothing";
static bool tracing;

static __attribute__((noreturn)) void disagree(const char *condition, int line) {
  fprintf(stderr, "sequence.c:%d: step %ld, %s, %d deep: this should hold: %s (errno: %s)\n", line, steps, doing, depth,
          condition, strerror(errno));
  abort();
}

/* >>model */

struct thing {
  uint64_t check; /* a function of its address while it is built */
  uint32_t stamp; /* written by its last user, and kept while it is idle */
  char rest[12];
};

enum state {
  GONE,
  IDLE,
  IN_USE,
  IN_HANDS, /* of a call: on its way out or back */
  NEW,      /* in the hands of the acquire that built it */
  GOING,    /* destroy is running */
  CLEARED,  /* destroyed by a wiping release, about to be built anew in its place */
  STATES
};

struct known {
  struct thing *object; /* NULL: idle in a pool without hooks, which does not tell what it destroys */
  enum state state;
  uint32_t stamp;
  bool invalid;    /* what validate says */
  bool denied;     /* it has said so */
  bool rebuilt;    /* by the release under way, which wipes */
  uint64_t handle; /* of its use, while it is in use */
  bool refreshed;  /* it was alive at a refresh */
  long built_s, idle_since_s;
};

struct traits {
  const char *title;
  objpool *base;
  const struct face *face;
  bool hooked, resets, wipes, local, zero, reports, handled, timed;
  unsigned validates_on;
};

struct model {
  const struct traits *is;
  bool open, closing, dirty;
  bool touched; /* a typed call has bound the all-zero pool to its type */
  const char *name;
  size_t size, alignment, min_idle, asked_idle, max_idle, max_objects; /* 0: no limit */
  struct known known[KNOWN];
  size_t known_end, amount[STATES];
  size_t alive;  /* places taken: objects not gone, and those that create is building */
  size_t kept;   /* places of destroyed objects that acquires under way may keep for what they build next */
  size_t doomed; /* still IDLE above, but a trim under way has taken them */
  unsigned maintaining;
  objpool_stats count;                                     /* what the pool must have counted */
  uint64_t maybe_overflowed, maybe_exhausted, maybe_waits; /* so many more are right too */
  uint64_t peak_high;                                      /* peak_in_use is at least count.peak_in_use, at most this */
  uint64_t events[OBJPOOL_EVENT_TIMEOUT + 1];
  long blocks; /* memory the pool holds */
  size_t bytes;
  uint64_t pledge; /* of the sizes and alignments of its memory: what is given back was taken so */
  bool alerts[OBJPOOL_ALERT_WAIT + 1];
  uint64_t ended[ENDED]; /* some handles of uses that have ended */
  size_t ends, most_alive;
  int64_t lifetime_ns, idle_timeout_ns, validate_after_ns; /* 0: none */
};

enum kind { INIT, ACQUIRE, RELEASE, EXTRACT, WARMUP, SHRINK, MAINTAIN, ATTACH, DESTROY };

/* A call under way. */
struct call {
  struct call *outer;
  struct model *m;
  enum kind kind;
  bool tries, discards;
  bool disturbed; /* a hook called back meanwhile */
  bool saw_none_idle, saw_exhausted, saw_full, saw_surplus;
  bool doubted;  /* validate said no: what it saw must be destroyed next */
  bool gone;     /* the object that is given back was destroyed */
  bool outdated; /* what it gives back */
  size_t created, destroyed, refused, denied, expired, out_of_memory, doomed, kept;
  unsigned resets, validations;
  struct thing *object;      /* the one in its hands; NULL: several */
  uint64_t handle;           /* of the use that it ends */
  struct thing *refused_one; /* by create, when a wiping release asked it to build anew */
};

static struct model models[POOLS];
static struct call *innermost;

/* A loop over what is in use, under way. */
struct walk {
  struct walk *outer;
  struct model *m;
  bool due[KNOWN]; /* in use since it began, and not visited yet */
  struct thing *visited[KNOWN];
  size_t visits;
  uint64_t index; /* of the last one; one more */
  unsigned argument;
  bool alone; /* no call on the pool is under way */
};
static struct walk *innermost_walk;

static uint32_t last_stamp;
static unsigned panics;
static char panic_message[256];
static objpool_pressure pressure;

static void panicked(const char *message) {
  panics++;
  snprintf(panic_message, sizeof panic_message, "%s", message);
}

static uint64_t check_of(const struct thing *thing) {
  return (uint64_t)(uintptr_t)thing * 0x9e3779b97f4a7c15u ^ 0x5bd1e995u;
}

/* >>age: no limit is a whole number of seconds, and a life ends less than a second earlier than said, so each is clear */

static bool is_over(long since_s, int64_t limit_ns) {
  return limit_ns && (passed_s - since_s) * INT64_C(1000000000) > limit_ns;
}

static bool is_outdated(const struct model *m, const struct known *known) {
  return known->refreshed || is_over(known->built_s, m->lifetime_ns);
}

static bool is_recent(const struct model *m, const struct known *known) {
  return m->validate_after_ns && !is_over(known->idle_since_s, m->validate_after_ns);
}

static size_t idle_of(const struct model *m) { return m->amount[IDLE] - m->doomed; }

static struct known *find(struct model *m, const struct thing *object) {
  for (size_t i = 0; i < m->known_end; i++) {
    if (m->known[i].object == object && m->known[i].state != GONE) return &m->known[i];
  }
  return NULL;
}

/* The choice-th object of that state, or NULL. */
static struct known *pick(struct model *m, enum state state, unsigned choice) {
  if (!m->amount[state]) return NULL;
  size_t skip = choice % m->amount[state];
  for (size_t i = 0; i < m->known_end; i++) {
    if (m->known[i].state == state && skip-- == 0) return &m->known[i];
  }
  REQUIRE(false && "as many in that state as counted");
  return NULL;
}

/* Something moved: what do the calls under way see now? */
static void look(struct model *m) {
  uint64_t out = m->amount[IN_USE] + m->amount[IN_HANDS] + m->amount[NEW] + m->amount[GOING] + m->amount[CLEARED];
  if (m->peak_high < out) m->peak_high = out;
  if (m->most_alive < m->alive) m->most_alive = m->alive;
  if (m->count.peak_in_use < m->amount[IN_USE]) m->count.peak_in_use = m->amount[IN_USE];
  for (struct call *call = innermost; call; call = call->outer) {
    if (call->m != m) continue;
    size_t idle = idle_of(m), places = m->alive + m->kept - call->kept;
    call->saw_none_idle |= !idle;
    call->saw_exhausted |= !idle && m->max_objects && places >= m->max_objects;
    call->saw_full |= m->max_idle && idle >= m->max_idle;
    call->saw_surplus |= m->max_objects && places > m->max_objects;
  }
}

static void move(struct model *m, struct known *known, enum state to) {
  for (struct walk *walk = innermost_walk; walk; walk = walk->outer) {
    if (walk->m == m) walk->due[known - m->known] = false;
  }
  m->amount[known->state]--;
  m->amount[to]++;
  known->state = to;
  if (to == GONE) m->alive--;
  look(m);
}

static struct known *meet(struct model *m, struct thing *object, enum state state) {
  size_t i = 0;
  while (i < m->known_end && m->known[i].state != GONE) i++;
  REQUIRE(i < KNOWN); /* the model has room for more than it lets the pools build */
  if (i == m->known_end) {
    m->known_end++;
    m->known[i].state = GONE;
    m->amount[GONE]++;
  }
  m->known[i].object = object;
  m->known[i].stamp = 0;
  m->known[i].invalid = m->known[i].denied = m->known[i].rebuilt = m->known[i].refreshed = false;
  m->known[i].built_s = m->known[i].idle_since_s = passed_s;
  move(m, &m->known[i], state);
  return &m->known[i];
}

static void begin(struct call *call, struct model *m, enum kind kind) {
  memset(call, 0, sizeof *call);
  call->outer = innermost;
  call->m = m;
  call->kind = kind;
  innermost = call;
  m->dirty = true;
  look(m);
  errno = 4711;
}

static void end(struct call *call) {
  REQUIRE(innermost == call && !call->doubted && !call->doomed);
  call->m->kept -= call->kept;
  innermost = call->outer;
}

/* >>memory: nothing in it is zero, and what a release must not do is noticed */

static void *allocate(size_t size, size_t alignment, void *context) {
  struct model *m = (struct model *)context;
  void *memory = NULL;
  REQUIRE(size > 0 && alignment > 0 && (alignment & (alignment - 1)) == 0);
  REQUIRE(innermost && innermost->m == m);
  REQUIRE(innermost->kind != RELEASE && innermost->kind != EXTRACT && innermost->kind != SHRINK &&
          innermost->kind != DESTROY);
  if (fail_allocation > 0 && --fail_allocation == 0) {
    innermost->out_of_memory++;
    return NULL;
  }
  if (posix_memalign(&memory, alignment < sizeof(void *) ? sizeof(void *) : alignment, size) != 0) abort();
  memset(memory, 0xa5, size);
  m->blocks++;
  m->bytes += size;
  m->pledge += size * 4099 + alignment;
  return memory;
}

static void deallocate(void *memory, size_t size, size_t alignment, void *context) {
  struct model *m = (struct model *)context;
  REQUIRE(memory != NULL);
  m->blocks--;
  m->bytes -= size;
  m->pledge -= size * 4099 + alignment;
  free(memory);
}

/* >>hooks: the context is the model of the pool; the all-zero pool has none */

static void step(void);

static void call_back(void) {
  if (!armed || quiet || depth >= DEPTH || !input_left) return;
  armed--;
  for (struct call *call = innermost; call; call = call->outer) call->disturbed = true;
  depth++;
  step();
  depth--;
}

static struct model *of(void *context) { return context ? (struct model *)context : &models[POOLS - 1]; }

static struct call *call_of(const struct model *m) {
  REQUIRE(innermost && innermost->m == m); /* hooks run within a call on their pool */
  return innermost;
}

static unsigned char *last_byte(const struct model *m, struct thing *thing) {
  return (unsigned char *)thing + m->size - 1;
}

static bool create(struct thing *thing, void *context) {
  struct model *m = of(context);
  struct call *call = call_of(m);
  struct known *known = find(m, thing);
  bool anew = known && known->state == CLEARED && call->kind == RELEASE;
  REQUIRE(anew || (!known && (call->kind == INIT || call->kind == WARMUP || call->kind == MAINTAIN ||
                              (call->kind == ACQUIRE && !call->tries))));
  REQUIRE((uintptr_t)thing % m->alignment == 0);
  for (size_t i = 0; i < m->size; i++) REQUIRE(((const char *)thing)[i] == 0);
  if (!anew) {
    m->alive++;
    REQUIRE(call->kept || !m->max_objects || m->alive <= m->max_objects);
    m->kept -= call->kept;
    call->kept = 0;
    look(m);
  }
  creating++;
  call_back();
  creating--;
  errno = EDOM;
  if (fail_create > 0 && --fail_create == 0) {
    memset(thing, 0x77, m->size); /* nothing was built, whatever was written */
    call->refused++;
    if (anew) {
      call->gone = true;
      call->refused_one = thing;
      move(m, find(m, thing), GONE);
    } else {
      m->alive--;
      look(m);
    }
    return false;
  }
  call->created++;
  m->count.created++;
  thing->check = check_of(thing);
  *last_byte(m, thing) = 0x5a;
  if (anew) {
    known = find(m, thing);
    known->stamp = 0;
    known->invalid = false;
    known->rebuilt = true;
    call->gone = false;
    move(m, known, IN_HANDS);
  } else {
    meet(m, thing, call->kind == ACQUIRE ? NEW : IDLE);
    if (call->kind == ACQUIRE) call->object = thing;
  }
  return true;
}

/* What holds whenever a hook sees an object: it is built, and as its last user left it. */
static struct known *seen(struct model *m, struct thing *thing) {
  struct known *known = find(m, thing);
  REQUIRE(known && thing->check == check_of(thing) && thing->stamp == known->stamp && *last_byte(m, thing) == 0x5a);
  return known;
}

static void reset(struct thing *thing, void *context) {
  struct model *m = of(context);
  struct call *call = call_of(m);
  REQUIRE(call->kind == RELEASE && !call->discards && seen(m, thing)->state == IN_HANDS);
  REQUIRE(!call->object || (call->object == thing && ++call->resets == 1 && !call->validations));
  call_back();
  errno = EDOM;
}

static bool validate(struct thing *thing, void *context) {
  struct model *m = of(context);
  struct call *call = call_of(m);
  struct known *known = seen(m, thing);
  switch (call->kind) {
  case ACQUIRE:
  case MAINTAIN:
    REQUIRE(m->is->validates_on & (call->kind == ACQUIRE ? OBJPOOL_ON_ACQUIRE : OBJPOOL_ON_MAINTAIN));
    REQUIRE(known->state == IDLE && !call->doubted && idle_of(m) > 0);
    if (call->kind == ACQUIRE) REQUIRE(!is_outdated(m, known) && !is_recent(m, known));
    call->object = thing;
    move(m, known, IN_HANDS);
    break;
  case RELEASE:
    REQUIRE(m->is->validates_on & OBJPOOL_ON_RELEASE);
    REQUIRE(known->state == IN_HANDS && !call->discards);
    REQUIRE(!call->object || (call->object == thing && ++call->validations == 1 && call->resets == m->is->resets));
    break;
  default: REQUIRE(false && "validated when it should be");
  }
  call_back();
  errno = EDOM;
  known = find(m, thing);
  REQUIRE(known && known->state == IN_HANDS);
  if (known->invalid) {
    call->denied++;
    call->doubted = known->denied = true;
    m->count.invalid++;
    return false;
  }
  if (call->kind == MAINTAIN) move(m, known, IDLE);
  return true;
}

/* What was idle for too long goes in that order, and min_idle stay. */
static void require_longest_idle(const struct model *m, const struct known *known) {
  size_t stay = 0;
  for (size_t i = 0; i < m->known_end; i++) {
    const struct known *other = &m->known[i];
    if (other->state != IDLE || is_outdated(m, other)) continue;
    REQUIRE(other->idle_since_s >= known->idle_since_s);
    stay += other != known;
  }
  REQUIRE(innermost->outer || stay >= m->min_idle);
}

static void destroy(struct thing *thing, void *context) {
  struct model *m = of(context);
  struct call *call = call_of(m);
  struct known *known = seen(m, thing);
  bool was_idle = known->state == IDLE;
  if (was_idle) {
    REQUIRE(call->kind != RELEASE && call->kind != EXTRACT && call->kind != ATTACH);
    REQUIRE(call->kind != ACQUIRE || is_outdated(m, known));
    if (call->kind == MAINTAIN && is_over(known->idle_since_s, m->idle_timeout_ns) && !is_outdated(m, known))
      require_longest_idle(m, known);
    if (call->kind == SHRINK) {
      REQUIRE(call->doomed > 0);
      call->doomed--;
      m->doomed--;
    }
  } else {
    REQUIRE(known->state == IN_HANDS && (known->denied || call->kind == RELEASE) &&
            (!call->object || call->object == thing));
  }
  /* a wiping release destroys a good object to build it anew */
  bool expired = (call->kind == RELEASE && !known->denied && !call->discards && is_outdated(m, known)) ||
                 (was_idle && call->kind == ACQUIRE) ||
                 (was_idle && call->kind == MAINTAIN &&
                  (is_outdated(m, known) || is_over(known->idle_since_s, m->idle_timeout_ns)));
  call->expired += expired;
  m->count.expired += expired;
  bool anew = call->kind == RELEASE && m->is->wipes && !known->denied && !call->discards && !known->rebuilt;
  call->doubted = false;
  move(m, known, GOING);
  /* how many a maintenance gives back is its own affair: while it does, the model cannot tell who is idle */
  quiet += call->kind == MAINTAIN && was_idle;
  call_back();
  quiet -= call->kind == MAINTAIN && was_idle;
  errno = EDOM;
  known = find(m, thing);
  REQUIRE(known && known->state == GOING);
  thing->check = 0xdead;
  call->destroyed++;
  m->count.destroyed++;
  call->gone = call->kind == RELEASE;
  if (call->kind == ACQUIRE && !call->tries && !call->kept) m->kept += call->kept = 1;
  move(m, known, anew ? CLEARED : GONE);
}

static void on_event(const objpool_event *event, void *context) {
  struct model *m = of(context);
  REQUIRE(event->pool == m->is->base && event->kind <= OBJPOOL_EVENT_TIMEOUT && event->time_ns > 0);
  m->events[event->kind]++;
}

static bool any_create(void *object, void *context) { return create((struct thing *)object, context); }
static void any_reset(void *object, void *context) { reset((struct thing *)object, context); }
static bool any_validate(void *object, void *context) { return validate((struct thing *)object, context); }
static void any_destroy(void *object, void *context) { destroy((struct thing *)object, context); }

/* >>pools */

OBJPOOL_DEFINE(hooked_pool, struct thing, opt.create = create, opt.reset = reset, opt.validate = validate,
               opt.destroy = destroy);
OBJPOOL_DEFINE(lazy_pool, struct thing, opt.create = create, opt.validate = validate, opt.destroy = destroy,
               opt.validate_on = OBJPOOL_ON_ACQUIRE | OBJPOOL_ON_MAINTAIN, opt.on_event = on_event);
OBJPOOL_DEFINE(local_pool, struct thing, opt.create = create, opt.reset = reset, opt.validate = validate,
               opt.destroy = destroy, opt.validate_on = OBJPOOL_ON_RELEASE | OBJPOOL_ON_MAINTAIN, opt.local = true);
OBJPOOL_DEFINE(wiping_pool, struct thing, opt.create = create, opt.reset = reset, opt.validate = validate,
               opt.destroy = destroy, opt.wipe = true);
OBJPOOL_DEFINE(plain_pool, struct thing);
OBJPOOL_DEFINE(handled_pool, struct thing, opt.create = create, opt.reset = reset, opt.validate = validate,
               opt.destroy = destroy, opt.handles = true);
OBJPOOL_DEFINE(handled_local_pool, struct thing, opt.create = create, opt.validate = validate, opt.destroy = destroy,
               opt.local = true, opt.handles = true);
OBJPOOL_DEFINE(timed_pool, struct thing, opt.create = create, opt.reset = reset, opt.validate = validate,
               opt.destroy = destroy, opt.timed = true);
OBJPOOL_DEFINE(timed_local_pool, struct thing, opt.create = create, opt.validate = validate, opt.destroy = destroy,
               opt.validate_on = OBJPOOL_ON_ACQUIRE | OBJPOOL_ON_MAINTAIN, opt.local = true, opt.timed = true);

/* Ways to the same thing. */
enum way { PLAIN, TRY, FOR_NOTHING, FOR_A_MOMENT, FOR_EVER, GUARDED, GUARDED_FOR_NOTHING, ACQUIRE_WAYS };
enum back { RETURN, RETURN_GUARD, LEAVE_SCOPE, DISCARD, DISCARD_GUARD, BY_HANDLE, RELEASE_WAYS };

/* The functions of a pool, whatever its type. */
struct face {
  bool (*init)(objpool *pool, const objpool_config *config);
  void (*destroy)(objpool *pool);
  void *(*acquire)(objpool *pool, enum way way);
  void (*release)(objpool *pool, void *object, enum back how);
  struct thing (*extract)(objpool *pool, void *object, bool guarded);
  size_t (*acquire_many)(objpool *pool, void **objects, size_t count);
  void (*release_many)(objpool *pool, void *const *objects, size_t count);
  size_t (*warmup)(objpool *pool, size_t idle);
  size_t (*trim)(objpool *pool, size_t keep);
  size_t (*clear)(objpool *pool);
  bool (*resize)(objpool *pool, size_t max_idle, size_t max_objects);
  bool (*attach)(objpool *pool);
  objpool_stats (*stats)(const objpool *pool);
  void (*reset_stats)(objpool *pool);
  void (*scope)(objpool *pool, void (*entered)(void *object, int error), void (*leaves)(void *object));
  bool (*each)(objpool *pool, bool (*visit)(void *object, struct walk *walk),
               struct walk *walk); /* false: it broke off */
  size_t (*release_all)(objpool *pool);
  uint64_t (*handle_of)(const objpool *pool, const void *object); /* these as words, and only of pools with handles */
  void *(*get)(const objpool *pool, uint64_t handle);
  bool (*release_handle)(objpool *pool, uint64_t handle);
};

static uint64_t word_of(uint32_t index, uint32_t generation) { return (uint64_t)generation << 32 | index; }

#define HANDLES(P)                                                                    \
  static uint64_t P##_face_handle_of(const objpool *pool, const void *object) {       \
    P##_handle handle = P##_handle_of((const P *)pool, (const struct thing *)object); \
    return word_of(handle.index, handle.generation);                                  \
  }                                                                                   \
  static void *P##_face_get(const objpool *pool, uint64_t word) {                     \
    P##_handle handle = {(uint32_t)word, (uint32_t)(word >> 32)};                     \
    return P##_get((const P *)pool, handle);                                          \
  }                                                                                   \
  static bool P##_face_release_handle(objpool *pool, uint64_t word) {                 \
    P##_handle handle = {(uint32_t)word, (uint32_t)(word >> 32)};                     \
    return P##_release_handle((P *)pool, handle);                                     \
  }
#define OF_HANDLES(P) P##_face_handle_of, P##_face_get, P##_face_release_handle
#define NO_HANDLES NULL, NULL, NULL

#define FACE(P, ...)                                                                                                  \
  static bool P##_face_init(objpool *pool, const objpool_config *config) { return P##_init((P *)pool, config); }      \
  static void P##_face_destroy(objpool *pool) { P##_destroy((P *)pool); }                                             \
  static void *P##_face_acquire(objpool *pool, enum way way) {                                                        \
    switch (way) {                                                                                                    \
    case TRY: return P##_try_acquire((P *)pool);                                                                      \
    case FOR_NOTHING: return P##_acquire_for((P *)pool, 0);                                                           \
    case FOR_A_MOMENT: return P##_acquire_for((P *)pool, 1);                                                          \
    case FOR_EVER: return P##_acquire_for((P *)pool, -1);                                                             \
    case GUARDED:                                                                                                     \
    case GUARDED_FOR_NOTHING: {                                                                                       \
      P##_guard guard = way == GUARDED ? P##_guard_acquire((P *)pool) : P##_guard_acquire_for((P *)pool, 0);          \
      P##_guard moved = P##_guard_move(&guard);                                                                       \
      REQUIRE(!guard.object && (!moved.object || P##_guard_mut(&moved) == P##_guard_ref(&moved)));                    \
      void *object = P##_guard_take(&moved);                                                                          \
      P##_guard_release(&moved); /* empty: does nothing */                                                            \
      return object;                                                                                                  \
    }                                                                                                                 \
    default: return P##_acquire((P *)pool);                                                                           \
    }                                                                                                                 \
  }                                                                                                                   \
  static void P##_face_release(objpool *pool, void *object, enum back how) {                                          \
    P##_guard guard;                                                                                                  \
    guard.object = (struct thing *)object;                                                                            \
    guard.pool = (P *)pool;                                                                                           \
    switch (how) {                                                                                                    \
    case RETURN_GUARD: P##_guard_release(&guard); break;                                                              \
    case DISCARD_GUARD: P##_guard_discard(&guard); break;                                                             \
    case LEAVE_SCOPE: {                                                                                               \
      OBJPOOL_SCOPED(P) scoped = P##_guard_move(&guard);                                                              \
      break;                                                                                                          \
    }                                                                                                                 \
    case DISCARD: P##_discard((P *)pool, P##_guard_take(&guard)); break;                                              \
    default: P##_release((P *)pool, P##_guard_take(&guard)); break;                                                   \
    }                                                                                                                 \
    REQUIRE(!guard.object);                                                                                           \
    P##_guard_discard(&guard);                                                                                        \
  }                                                                                                                   \
  static struct thing P##_face_extract(objpool *pool, void *object, bool guarded) {                                   \
    P##_guard guard;                                                                                                  \
    guard.object = (struct thing *)object;                                                                            \
    guard.pool = (P *)pool;                                                                                           \
    return guarded ? P##_guard_extract(&guard) : P##_extract((P *)pool, (struct thing *)object);                      \
  }                                                                                                                   \
  static size_t P##_face_acquire_many(objpool *pool, void **objects, size_t count) {                                  \
    struct thing *things[MANY];                                                                                       \
    size_t got = P##_acquire_many((P *)pool, things, count);                                                          \
    for (size_t i = 0; i < got; i++) objects[i] = things[i];                                                          \
    return got;                                                                                                       \
  }                                                                                                                   \
  static void P##_face_release_many(objpool *pool, void *const *objects, size_t count) {                              \
    struct thing *things[MANY];                                                                                       \
    for (size_t i = 0; i < count; i++) things[i] = (struct thing *)objects[i];                                        \
    P##_release_many((P *)pool, things, count);                                                                       \
  }                                                                                                                   \
  static size_t P##_face_warmup(objpool *pool, size_t idle) { return P##_warmup((P *)pool, idle); }                   \
  static size_t P##_face_trim(objpool *pool, size_t keep) { return P##_trim((P *)pool, keep); }                       \
  static size_t P##_face_clear(objpool *pool) { return P##_clear((P *)pool); }                                        \
  static bool P##_face_resize(objpool *pool, size_t idle, size_t objects) {                                           \
    return P##_resize((P *)pool, idle, objects);                                                                      \
  }                                                                                                                   \
  static bool P##_face_attach(objpool *pool) { return P##_attach((P *)pool); }                                        \
  static objpool_stats P##_face_stats(const objpool *pool) { return P##_stats((const P *)pool); }                     \
  static void P##_face_reset_stats(objpool *pool) { P##_reset_stats((P *)pool); }                                     \
  static void P##_face_scope(objpool *pool, void (*entered)(void *object, int error), void (*leaves)(void *object)) { \
    OBJPOOL_WITH(P, thing, (P *)pool) {                                                                               \
      entered(thing, 0);                                                                                              \
      leaves(thing);                                                                                                  \
    } else                                                                                                            \
      entered(NULL, errno);                                                                                           \
  }                                                                                                                   \
  static bool P##_face_each(objpool *pool, bool (*visit)(void *object, struct walk *walk), struct walk *walk) {       \
    OBJPOOL_EACH(P, thing, (P *)pool) {                                                                               \
      if (!visit(thing, walk)) return false;                                                                          \
    }                                                                                                                 \
    return true;                                                                                                      \
  }                                                                                                                   \
  static size_t P##_face_release_all(objpool *pool) { return P##_release_all((P *)pool); }                            \
  static const struct face P##_face = {P##_face_init,         P##_face_destroy,     P##_face_acquire,                 \
                                       P##_face_release,      P##_face_extract,     P##_face_acquire_many,            \
                                       P##_face_release_many, P##_face_warmup,      P##_face_trim,                    \
                                       P##_face_clear,        P##_face_resize,      P##_face_attach,                  \
                                       P##_face_stats,        P##_face_reset_stats, P##_face_scope,                   \
                                       P##_face_each,         P##_face_release_all, __VA_ARGS__}

HANDLES(handled_pool)
HANDLES(handled_local_pool)

FACE(hooked_pool, NO_HANDLES);
FACE(lazy_pool, NO_HANDLES);
FACE(local_pool, NO_HANDLES);
FACE(wiping_pool, NO_HANDLES);
FACE(plain_pool, NO_HANDLES);
FACE(handled_pool, OF_HANDLES(handled_pool));
FACE(handled_local_pool, OF_HANDLES(handled_local_pool));
FACE(timed_pool, NO_HANDLES);
FACE(timed_local_pool, NO_HANDLES);

/* The same without the type. */

static bool typeless_init(objpool *pool, const objpool_config *config);

static void *typeless_acquire(objpool *pool, enum way way) {
  switch (way) {
  case TRY: return objpool_try_acquire(pool);
  case FOR_NOTHING:
  case GUARDED_FOR_NOTHING: return objpool_acquire_for(pool, 0);
  case FOR_A_MOMENT: return objpool_acquire_for(pool, 1);
  case FOR_EVER: return objpool_acquire_for(pool, -1);
  default: return objpool_acquire(pool);
  }
}

static void typeless_release(objpool *pool, void *object, enum back how) {
  if (how == DISCARD || how == DISCARD_GUARD)
    objpool_discard(pool, object);
  else
    objpool_release(pool, object);
}

static const struct face typeless_face = {typeless_init,
                                          objpool_destroy,
                                          typeless_acquire,
                                          typeless_release,
                                          NULL,
                                          objpool_acquire_many,
                                          objpool_release_many,
                                          objpool_warmup,
                                          objpool_trim,
                                          objpool_clear,
                                          objpool_resize,
                                          NULL,
                                          objpool_snapshot,
                                          objpool_reset_stats,
                                          NULL,
                                          NULL,
                                          NULL,
                                          NO_HANDLES};

static struct {
  hooked_pool hooked, zero;
  lazy_pool lazy;
  local_pool local;
  wiping_pool wiping;
  plain_pool plain;
  handled_pool handled;
  handled_local_pool handled_local;
  timed_pool timed;
  timed_local_pool timed_local;
  objpool typeless;
} all;

#define ON_BOTH ((unsigned)OBJPOOL_ON_ACQUIRE | OBJPOOL_ON_RELEASE)
static const struct traits traits[POOLS] = {
    /* title, pool, face, hooked, resets, wipes, local, zero, reports, handled, timed, validates_on */
    {"hooked", &all.hooked.base, &hooked_pool_face, true, true, false, false, false, false, false, false, ON_BOTH},
    {"lazy", &all.lazy.base, &lazy_pool_face, true, false, false, false, false, true, false, false,
     (unsigned)OBJPOOL_ON_ACQUIRE | OBJPOOL_ON_MAINTAIN},
    {"local", &all.local.base, &local_pool_face, true, true, false, true, false, false, false, false,
     (unsigned)OBJPOOL_ON_RELEASE | OBJPOOL_ON_MAINTAIN},
    {"wiping", &all.wiping.base, &wiping_pool_face, true, true, true, false, false, false, false, false, ON_BOTH},
    {"plain", &all.plain.base, &plain_pool_face, false, false, false, false, false, false, false, false, 0},
    {"handled", &all.handled.base, &handled_pool_face, true, true, false, false, false, false, true, false, ON_BOTH},
    {"handled, local", &all.handled_local.base, &handled_local_pool_face, true, false, false, true, false, false, true,
     false, ON_BOTH},
    {"timed", &all.timed.base, &timed_pool_face, true, true, false, false, false, false, false, true, ON_BOTH},
    {"timed, local", &all.timed_local.base, &timed_local_pool_face, true, false, false, true, false, false, false, true,
     (unsigned)OBJPOOL_ON_ACQUIRE | OBJPOOL_ON_MAINTAIN},
    {"typeless", &all.typeless, &typeless_face, true, true, false, false, false, false, false, false,
     (unsigned)OBJPOOL_ON_ACQUIRE | OBJPOOL_ON_RELEASE | OBJPOOL_ON_MAINTAIN},
    {"zero", &all.zero.base, &hooked_pool_face, true, true, false, false, true, false, false, false,
     ON_BOTH}, /* the last: see of() */
};

static bool typeless_init(objpool *pool, const objpool_config *config) {
  const struct model *m = (const struct model *)config->context;
  objpool_type type;
  memset(&type, 0, sizeof type);
  type.size = m->size;
  type.alignment = m->alignment;
  type.create = any_create;
  type.reset = any_reset;
  type.validate = any_validate;
  type.destroy = any_destroy;
  type.validate_on = m->is->validates_on;
  return objpool_init(pool, &type, config);
}

/* >>calls, each with what the model says of it */

/* A new use: its handle finds it, and never came before. */
static void begin_use(struct model *m, struct known *known) {
  if (!m->is->handled) return;
  uint64_t handle = m->is->face->handle_of(m->is->base, known->object);
  REQUIRE(handle >> 63 && (uint32_t)handle < 2 * m->most_alive + 64); /* the generation's highest bit: there is a use */
  for (size_t i = 0; i < ENDED; i++) REQUIRE(m->ended[i] != handle);
  for (size_t i = 0; i < m->known_end; i++)
    REQUIRE(m->known[i].state != IN_USE || m->known[i].handle != handle || &m->known[i] == known);
  REQUIRE(m->is->face->get(m->is->base, handle) == known->object);
  known->handle = handle;
}

static void end_use(struct model *m, uint64_t handle) {
  if (!m->is->handled) return;
  REQUIRE(handle && !m->is->face->get(m->is->base, handle));
  m->ended[m->ends++ % ENDED] = handle;
}

/* What an acquire brought. */
static void got(struct call *call, struct thing *thing, int error) {
  struct model *m = call->m;
  if (thing) {
    bool hit;
    struct known *known = find(m, thing);
    if (m->is->hooked) {
      REQUIRE(known);
      hit = known->state != NEW;
      if (known->state == IDLE)
        REQUIRE((!(m->is->validates_on & OBJPOOL_ON_ACQUIRE) || is_recent(m, known)) && idle_of(m) > 0);
      else
        REQUIRE((known->state == NEW || known->state == IN_HANDS) && call->object == thing);
    } else {
      REQUIRE(!known);
      hit = m->amount[IDLE] > 0; /* idle objects come first */
      if (hit) {
        known = pick(m, IDLE, 0);
        known->object = thing;
      } else {
        m->alive++;
        REQUIRE(!m->max_objects || m->alive <= m->max_objects);
        m->count.created++;
        known = meet(m, thing, NEW);
      }
      if (!hit || !thing->check) { /* or it was built by a warmup, and nobody had it since */
        for (size_t i = 0; i < m->size; i++) REQUIRE(((const char *)thing)[i] == 0);
        thing->check = check_of(thing);
        *last_byte(m, thing) = 0x5a;
      }
      known->stamp = thing->stamp;
    }
    REQUIRE(hit || (!call->tries && (call->saw_none_idle || m->maintaining)));
    REQUIRE(seen(m, thing) == known && !is_outdated(m, known));
    REQUIRE(!(known->invalid && (m->is->validates_on & OBJPOOL_ON_ACQUIRE)) || is_recent(m, known));
    m->count.acquires++;
    if (hit)
      m->count.hits++;
    else
      m->count.misses++;
    if (known->state == IN_HANDS || known->state == NEW) call->object = NULL;
    move(m, known, IN_USE);
    known->stamp = thing->stamp = ++last_stamp;
    begin_use(m, known);
    return;
  }
  if (call->tries) {
    REQUIRE(error == EAGAIN && call->saw_none_idle);
    return;
  }
  if (error == ETIMEDOUT &&
      (call->denied || call->expired)) { /* between two that were none, perhaps before it waited */
    m->count.timeouts++;
    m->maybe_waits++;
    return;
  }
  REQUIRE(call->saw_none_idle || m->maintaining);
  switch (error) {
  case EAGAIN:
    REQUIRE(call->saw_exhausted);
    m->count.exhausted++;
    break;
  case ETIMEDOUT:
    REQUIRE(call->saw_exhausted && !m->is->local);
    m->count.timeouts++;
    m->count.waits++;
    break;
  case EDEADLK:
    REQUIRE(call->saw_exhausted && m->is->local);
    m->maybe_exhausted++; /* which count it belongs to is not said */
    break;
  case ENOMEM:
    REQUIRE(call->out_of_memory);
    m->count.create_failures++;
    break;
  case ECANCELED:
    REQUIRE(call->refused == 1);
    m->count.create_failures++;
    break;
  default: REQUIRE(false && "an errno that is documented");
  }
}

/* Neither more than the model can follow, nor a wait that nobody ends. */
static bool may_acquire(const struct model *m) { return m->alive < MOST_ALIVE; }

static enum way way_of(const struct model *m, unsigned choice) {
  enum way way = (enum way)(choice % ACQUIRE_WAYS);
  if (way == FOR_A_MOMENT && creating) return FOR_NOTHING;
  if (way == FOR_EVER && (m->max_objects || armed)) return FOR_NOTHING;
  return way;
}

static void acquire(struct model *m, const struct face *face, unsigned choice) {
  struct call call;
  enum way way = way_of(m, choice);
  if (!may_acquire(m)) return;
  begin(&call, m, ACQUIRE);
  call.tries = way == TRY;
  m->touched = true;
  void *object = face->acquire(m->is->base, way);
  got(&call, (struct thing *)object, errno);
  end(&call);
}

static void acquire_many(struct model *m, const struct face *face, size_t count) {
  struct call call;
  void *objects[MANY];
  if (!may_acquire(m)) return;
  m->touched |= count > 0;
  quiet++; /* it is a loop over acquire: what came out so far is known only at its end */
  begin(&call, m, ACQUIRE);
  size_t have = face->acquire_many(m->is->base, objects, count);
  int error = errno;
  REQUIRE(have <= count);
  for (size_t i = 0; i < have; i++) {
    struct known *known = find(m, (struct thing *)objects[i]);
    if (known && (known->state == NEW || known->state == IN_HANDS)) call.object = (struct thing *)objects[i];
    got(&call, (struct thing *)objects[i], 0);
  }
  if (have < count) got(&call, NULL, error);
  end(&call);
  quiet--;
}

/* Before a release: the object is in the hands of the call from here on. */
static void leave(struct call *call, struct known *known, bool discards) {
  struct model *m = call->m;
  begin(call, m, RELEASE);
  call->object = known->object;
  call->handle = known->handle;
  call->outdated = is_outdated(m, known);
  call->discards = discards;
  m->count.releases++;
  if (discards) m->count.invalid++;
  move(m, known, IN_HANDS);
}

/* After a release: what became of the object? */
static void left(struct call *call) {
  struct model *m = call->m;
  bool invalid = call->discards || call->denied || call->expired;
  REQUIRE(errno == 4711 && (invalid || !call->outdated));
  if (!m->is->hooked) {
    call->gone = invalid || call->saw_full || call->saw_surplus; /* nothing else can have happened */
    if (call->gone) {
      m->count.destroyed++;
      move(m, find(m, call->object), GONE);
    }
  } else if (!call->discards && !m->is->wipes) {
    REQUIRE(call->resets == m->is->resets && call->validations == !!(m->is->validates_on & OBJPOOL_ON_RELEASE));
  }
  REQUIRE(call->gone || !invalid);
  if (call->gone && !invalid && !call->refused) {
    REQUIRE(call->saw_full || call->saw_surplus);
    if (!call->saw_surplus)
      m->count.overflowed++;
    else if (call->saw_full)
      m->maybe_overflowed++; /* which of its two reasons is counted is not said */
  }
  if (!call->gone) {
    struct known *known = find(m, call->object);
    REQUIRE(known && known->state == IN_HANDS);
    if (!call->disturbed && !m->kept) REQUIRE(!call->saw_full && !call->saw_surplus);
    if (!m->is->hooked) known->object = NULL;
    known->rebuilt = false;
    known->idle_since_s = passed_s;
    move(m, known, IDLE);
    REQUIRE(!m->max_idle || idle_of(m) <= m->max_idle);
  }
  end_use(m, call->handle);
  end(call);
}

static void release_known(struct model *m, const struct face *face, struct known *known, enum back how) {
  struct call call;
  call.m = m;
  leave(&call, known, how == DISCARD || how == DISCARD_GUARD);
  if (how == BY_HANDLE && m->is->handled)
    REQUIRE(m->is->face->release_handle(m->is->base, call.handle));
  else
    face->release(m->is->base, call.object, how);
  left(&call);
}

static void release(struct model *m, const struct face *face, unsigned choice, enum back how) {
  struct known *known = pick(m, IN_USE, choice);
  if (known) {
    release_known(m, face, known, how);
    return;
  }
  errno = 4711; /* nothing to give back, which is no mistake */
  face->release(m->is->base, NULL, how);
  REQUIRE(errno == 4711);
}

/* By one call, in that order: each is judged by what those before it left. all: it is everything in use. */
static void release_several(struct model *m, const struct face *face, void *const *objects, size_t count, bool all) {
  struct call call;
  bool invalid[KNOWN];
  uint64_t handles[KNOWN];
  size_t idle = idle_of(m), alive = m->alive;
  quiet++;
  begin(&call, m, RELEASE);
  for (size_t i = 0; i < count; i++) {
    if (!objects[i]) continue;
    struct known *known = find(m, (struct thing *)objects[i]);
    invalid[i] = (known->invalid && (m->is->validates_on & OBJPOOL_ON_RELEASE)) || is_outdated(m, known);
    handles[i] = known->handle;
    m->count.releases++;
    move(m, known, IN_HANDS);
  }
  if (all)
    REQUIRE(face->release_all(m->is->base) == count);
  else
    face->release_many(m->is->base, objects, count);
  REQUIRE(errno == 4711);
  for (size_t i = 0; i < count; i++) {
    if (!objects[i]) continue;
    bool surplus = m->max_objects && alive > m->max_objects, full = m->max_idle && idle >= m->max_idle;
    struct known *known = find(m, (struct thing *)objects[i]);
    bool refused = call.refused_one == objects[i], stays = !invalid[i] && !refused && !surplus && !full;
    if (!m->is->hooked && !stays) {
      m->count.destroyed++;
      move(m, known, GONE);
      known = NULL;
    }
    if (stays) {
      REQUIRE(known && known->state == IN_HANDS);
      if (!m->is->hooked) known->object = NULL;
      known->rebuilt = false;
      known->idle_since_s = passed_s;
      move(m, known, IDLE);
      idle++;
    } else {
      REQUIRE(!known);
      alive--;
      if (!invalid[i] && !refused && full && !surplus) m->count.overflowed++;
      if (!invalid[i] && !refused && full && surplus) m->maybe_overflowed++;
    }
    end_use(m, handles[i]);
  }
  end(&call);
  quiet--;
}

static void release_many(struct model *m, const struct face *face, size_t count, bool with_null) {
  void *objects[MANY + 1];
  size_t n = 0;
  for (size_t i = 0; i < m->known_end && n < count; i++) {
    if (m->known[i].state == IN_USE) objects[n++] = m->known[i].object;
  }
  if (n < MANY && with_null) objects[n++] = NULL;
  release_several(m, face, objects, n, false);
}

static void extract(struct model *m, unsigned choice, bool guarded) {
  struct call call;
  struct known *known = pick(m, IN_USE, choice);
  if (!known || !m->is->face->extract) return;
  begin(&call, m, EXTRACT);
  struct thing *object = known->object;
  struct thing value = m->is->face->extract(m->is->base, object, guarded);
  REQUIRE(value.check == check_of(object) && value.stamp == known->stamp);
  m->count.extracted++;
  end_use(m, known->handle);
  move(m, known, GONE);
  end(&call);
}

/* A block that acquires and gives back at its end. */
static struct call scope_call;

static void scope_entered(void *object, int error) {
  got(&scope_call, (struct thing *)object, error);
  end(&scope_call);
}

static void scope_leaves(void *object) { leave(&scope_call, find(scope_call.m, (struct thing *)object), false); }

static void scope(struct model *m) {
  if (!m->is->face->scope || !may_acquire(m)) return;
  quiet++; /* there is one scope_call */
  m->touched = true;
  begin(&scope_call, m, ACQUIRE);
  m->is->face->scope(m->is->base, scope_entered, scope_leaves);
  if (innermost == &scope_call) left(&scope_call);
  quiet--;
}

/* >>handles and loops */

/* Any handle finds what is in use by it, and nothing else. */
static void ask(struct model *m, uint64_t handle, bool release) {
  struct known *named = NULL;
  for (size_t i = 0; i < m->known_end; i++) {
    if (m->known[i].state == IN_USE && m->known[i].handle == handle) named = &m->known[i];
  }
  REQUIRE(m->is->face->get(m->is->base, handle) == (named ? named->object : NULL));
  if (!release) return;
  if (named)
    release_known(m, m->is->face, named, BY_HANDLE);
  else
    REQUIRE(!m->is->face->release_handle(m->is->base, handle));
}

static void by_handle(struct model *m, unsigned argument) {
  struct known *known = pick(m, IN_USE, argument >> 3);
  if (!m->is->handled) return;
  if (argument & 1) {
    ask(m, m->ended[argument >> 3], argument & 4);
  } else if (argument & 2 && depth == 0) { /* while a call is under way it may be one that nobody knows yet */
    ask(m, known ? known->handle ^ (uint64_t)1 << byte() % 64 : word_of(argument >> 6, byte()), argument & 4);
  } else if (known) {
    REQUIRE(m->is->face->handle_of(m->is->base, known->object) == known->handle);
    ask(m, known->handle, argument & 4);
  }
}

static void begin_walk(struct walk *walk, struct model *m, unsigned argument) {
  memset(walk, 0, sizeof *walk);
  walk->outer = innermost_walk;
  walk->m = m;
  walk->argument = argument;
  walk->alone = !innermost;
  for (size_t i = 0; i < m->known_end; i++) walk->due[i] = m->known[i].state == IN_USE;
  innermost_walk = walk;
}

/* One in use, in the order of places, and never a second time. */
static struct known *visited(struct walk *walk, struct thing *thing) {
  struct model *m = walk->m;
  struct known *known = find(m, thing);
  REQUIRE(known && (known->state == IN_USE || (known->state != IDLE && !walk->alone)));
  for (size_t i = 0; i < walk->visits; i++) REQUIRE(walk->visited[i] != thing);
  walk->visited[walk->visits++] = thing;
  walk->due[known - m->known] = false;
  if (known->state != IN_USE) return NULL;
  if (m->is->handled) {
    REQUIRE((uint32_t)known->handle >= walk->index);
    walk->index = (uint64_t)(uint32_t)known->handle + 1;
  }
  return seen(m, thing);
}

static void acquire(struct model *m, const struct face *face, unsigned choice);

/* What the body of such a loop may do: end this use or another one, begin one, break off. */
static bool visit_each(void *object, struct walk *walk) {
  struct model *m = walk->m;
  struct known *known = visited(walk, (struct thing *)object);
  unsigned what = walk->argument + (unsigned)walk->visits * 5;
  if (walk->visits == KNOWN / 2) return false;
  switch (what % 16) {
  case 0:
  case 1:
  case 2:
    if (known) release_known(m, m->is->face, known, (enum back)(what / 16 % RELEASE_WAYS));
    break;
  case 3:
  case 4: release(m, m->is->face, what / 16, RETURN); break;
  case 5:
  case 6: acquire(m, m->is->face, PLAIN); break;
  case 7: return false;
  default: break;
  }
  return true;
}

static void each(struct model *m, unsigned argument) {
  struct walk walk;
  if (!m->is->face->each) return;
  begin_walk(&walk, m, argument);
  if (m->is->face->each(m->is->base, visit_each, &walk))
    for (size_t i = 0; i < m->known_end; i++) REQUIRE(!walk.due[i]);
  innermost_walk = walk.outer;
}

static bool visit_only(void *object, struct walk *walk) { return visited(walk, (struct thing *)object) != NULL; }

static void release_all(struct model *m) {
  struct walk walk;
  if (!m->is->face->each) return;
  begin_walk(&walk, m, 0);
  REQUIRE(m->is->face->each(m->is->base, visit_only, &walk) && walk.visits == m->amount[IN_USE]);
  innermost_walk = walk.outer;
  release_several(m, m->is->face, (void *const *)walk.visited, walk.visits, true);
}

static void warm_up(struct model *m, const struct face *face, size_t idle) {
  struct call call;
  if (!may_acquire(m)) return;
  size_t goal = m->max_idle && idle > m->max_idle ? m->max_idle : idle;
  size_t want = goal > idle_of(m) ? goal - idle_of(m) : 0;
  size_t room = !m->max_objects ? SIZE_MAX : m->max_objects > m->alive ? m->max_objects - m->alive : 0;
  bool certain = !m->kept;
  m->touched = true;
  begin(&call, m, WARMUP);
  size_t created = face->warmup(m->is->base, idle);
  int error = errno;
  if (!m->is->hooked) {
    call.created = created;
    for (size_t i = 0; i < created; i++) {
      m->alive++;
      m->count.created++;
      meet(m, NULL, IDLE);
    }
  }
  REQUIRE(created == call.created);
  if (!call.disturbed && certain) {
    if (want > room) want = room;
    if (created < want)
      REQUIRE((call.out_of_memory && error == ENOMEM) || (call.refused && error == ECANCELED));
    else
      REQUIRE(created == want);
  }
  end(&call);
}

/* So many idle objects are taken from where they are, and then destroyed one by one. */
static void doom(struct call *call, size_t count) {
  call->doomed = count;
  call->m->doomed += count;
  look(call->m);
}

static void shrunk(struct call *call, size_t count) {
  struct model *m = call->m;
  if (!m->is->hooked) {
    for (size_t i = 0; i < count; i++) {
      m->doomed--;
      call->doomed--;
      m->count.destroyed++;
      call->destroyed++;
      move(m, pick(m, IDLE, 0), GONE);
    }
  }
  REQUIRE(call->destroyed == count);
  end(call);
}

static void shrink(struct model *m, const struct face *face, size_t keep, bool clears) {
  struct call call;
  size_t excess;
  if (clears) keep = 0;
  excess = idle_of(m) > keep ? idle_of(m) - keep : 0;
  begin(&call, m, SHRINK);
  doom(&call, excess);
  size_t destroyed = clears ? face->clear(m->is->base) : face->trim(m->is->base, keep);
  REQUIRE(errno == 4711 && destroyed == excess);
  shrunk(&call, excess);
}

/* All that is alive is outdated: what is idle goes at once. */
static void refresh(struct model *m) {
  struct call call;
  if (!m->is->timed || !m->touched) return;
  size_t idle = idle_of(m);
  begin(&call, m, SHRINK);
  for (size_t i = 0; i < m->known_end; i++) m->known[i].refreshed = m->known[i].state != GONE;
  m->count.expired += idle;
  doom(&call, idle);
  REQUIRE(objpool_refresh(m->is->base) == idle && errno == 4711);
  shrunk(&call, idle);
}

static void resize(struct model *m, const struct face *face, size_t max_idle, size_t max_objects) {
  struct call call;
  size_t idle = idle_of(m), new_idle = max_idle == OBJPOOL_UNCHANGED ? m->max_idle : max_idle, excess = 0;
  size_t new_objects = max_objects == OBJPOOL_UNCHANGED ? m->max_objects : max_objects;
  bool possible = !(new_idle && m->asked_idle > new_idle) && !(new_objects && m->asked_idle > new_objects) &&
                  !(new_idle && new_objects && new_idle > new_objects);
  if (m->kept || m->maintaining) return; /* whether the cap is passed, and who is idle, is then the pool's secret */
  begin(&call, m, SHRINK);
  m->touched = true;
  if (possible) {
    m->max_idle = new_idle;
    m->max_objects = new_objects;
    if (new_objects && m->alive > new_objects) excess = m->alive - new_objects < idle ? m->alive - new_objects : idle;
    if (new_idle && idle - excess > new_idle) excess = idle - new_idle;
    m->maybe_overflowed += excess;
    doom(&call, excess);
  }
  bool done = face->resize(m->is->base, max_idle, max_objects);
  REQUIRE(done == possible && errno == (possible ? 4711 : EINVAL));
  shrunk(&call, excess);
}

static void maintain(struct model *m) {
  struct call call;
  if (m->alive > MOST_ALIVE / 2) return;
  bool again = m->maintaining > 0;
  size_t idle = idle_of(m), held = m->amount[IN_USE];
  begin(&call, m, MAINTAIN);
  m->maintaining++;
  size_t changed = objpool_maintain(m->is->base);
  m->maintaining--;
  if (!m->is->hooked) { /* either of the two: it gives back or builds ahead */
    objpool_stats stats = objpool_snapshot(m->is->base);
    call.created = (size_t)(stats.created - m->count.created);
    call.destroyed = (size_t)(stats.destroyed - m->count.destroyed);
    m->count.created += call.created;
    m->count.destroyed += call.destroyed;
    for (size_t i = 0; i < call.created; i++) {
      m->alive++;
      meet(m, NULL, IDLE);
    }
    for (size_t i = 0; i < call.destroyed; i++) move(m, pick(m, IDLE, 0), GONE);
  }
  /* an object built ahead that finds its place taken by a hook goes again, and is counted once */
  REQUIRE(changed <= call.created + call.destroyed && (call.disturbed || changed == call.created + call.destroyed));
  REQUIRE(!again || !changed);
  if (!call.disturbed &&
      !call.outer) { /* within another call on the pool, what that has in hands may count as idle or as alive */
    size_t good = idle - call.denied - call.expired,
           least = m->max_idle && m->max_idle < m->min_idle ? m->max_idle : m->min_idle;
    REQUIRE(m->amount[IN_USE] == held);
    if (call.destroyed > call.denied + call.expired)
      REQUIRE(idle_of(m) >= least); /* it gives back, but not below that */
    else if (!call.out_of_memory && !call.refused && (!m->max_objects || m->alive < m->max_objects) &&
             pressure == OBJPOOL_PRESSURE_NONE)
      REQUIRE(idle_of(m) >= least);
    if (pressure != OBJPOOL_PRESSURE_NONE)
      REQUIRE(!call.created && idle_of(m) == (good < m->min_idle ? good : m->min_idle));
    for (size_t i = 0; i < m->known_end; i++) { /* none is too old, nor, beyond min_idle, idle for too long */
      struct known *known = &m->known[i];
      if (known->state != IDLE) continue;
      REQUIRE(!is_outdated(m, known));
      REQUIRE(idle_of(m) - call.created <= m->min_idle || !is_over(known->idle_since_s, m->idle_timeout_ns));
    }
  }
  end(&call);
}

static void attach(struct model *m) {
  struct call call;
  if (!m->is->face->attach) return;
  begin(&call, m, ATTACH);
  m->touched = true;
  if (!m->is->face->attach(m->is->base)) REQUIRE(errno == ENOMEM && call.out_of_memory);
  end(&call);
}

/* Gives back what must not be: the mistake is found, and nothing happens. */
static void misuse(struct model *m, const struct face *face, unsigned choice, unsigned how) {
  struct model *other = &models[(choice >> 4) % POOLS];
  struct known *known = pick(m, how % 3 == 0 ? IDLE : IN_USE, choice);
  static const char *const mistakes[] = {"released twice", "belongs to another pool", "points into the middle"};
  unsigned before = panics;
  if (!known || !known->object || (how % 3 == 1 && (other == m || !other->open))) return;
  struct thing *object = known->object;
  objpool *pool = m->is->base;
  if (how % 3 == 0 && m->doomed) return; /* some of the idle are on their way out */
  if (how % 3 == 0 && m->maintaining) return;
  if (how % 3 == 1) {
    if (!other->touched) return;
    /* tags may lie apart: what stands in their place is then another object's, which AddressSanitizer lets nobody read */
    if (m->alignment >= 32 || other->alignment >= 32) return;
    pool = other->is->base;
    face = other->is->face;
  }
  errno = 4711;
  if (how % 3 == 2) object = (struct thing *)(void *)((char *)object + 8);
#ifndef __cplusplus /* there an extract must return a value even after a panic that returns, and takes it from there */
  if (how & 4 && face->extract)
    (void)face->extract(pool, object, how & 8);
  else
#endif
    face->release(pool, object, (enum back)((how >> 4) % RELEASE_WAYS));
  REQUIRE(panics == before + 1 && strstr(panic_message, mistakes[how % 3]));
}

static objpool all_zero; /* never written */

static bool name_is_taken(const char *name) {
  for (int i = 0; i < POOLS; i++) {
    if (models[i].open && models[i].name && !strcmp(models[i].name, name)) return true;
  }
  return false;
}

static void open_pool(struct model *m) {
  static const char *const names[] = {NULL, NULL, "bees", "ants", "", "wasps \"\\\xff"};
  objpool_config config;
  unsigned a = byte(), b = byte(), c = byte();
  struct call call;
  const struct traits *is = &traits[m - models];
  memset(&config, 0, sizeof config);
  memset(m, 0, offsetof(struct model, known));
  memset(m->amount, 0, sizeof *m - offsetof(struct model, amount));
  m->known_end = 0;
  m->is = is;
  m->size = sizeof(struct thing);
  m->alignment = __alignof__(struct thing);
  m->peak_high = 0;
  if (is->zero) { /* default settings, the C library's memory, no context */
    m->open = true;
    return;
  }
  if (is->face == &typeless_face) {
    static const size_t alignments[] = {8, 16, 64, 1, 4, 256, 32, 4096};
    m->size += c;
    m->alignment = alignments[b >> 5] < 8 ? 8 : alignments[b >> 5]; /* its hooks put a uint64_t there */
  }
  config.context = m;
  config.on_leak = OBJPOOL_LEAK_IGNORE;
  config.allocator.allocate = allocate;
  config.allocator.deallocate = deallocate;
  config.allocator.context = m;
  config.name = names[(c & 63) < 24 ? c % 6 : 0];
  if (a & 1) config.max_objects = 1 + (b & 15);
  if (a & 2) config.max_idle = 1 + (b >> 4);
  if (a & 4)
    config.cache_size = OBJPOOL_NO_CACHE;
  else if (a & 8)
    config.cache_size = 1 + (b & 7);
  if (a & 16) config.warmup = b & 3;
  if (a & 32) config.growth_factor = 1.0 + (double)(b & 7) / 4;
  if (a & 64) config.min_idle = c & 3;
  if (a & 128) config.shrink_threshold = (double)(c >> 4) / 15;
  if (is->timed) {
    unsigned d = byte();
    if (d & 1) config.max_lifetime_ns = (3 + (d >> 1 & 7)) * UINT64_C(1000000000) - 100000000;
    if (d & 16) config.idle_timeout_ns = (1 + (d >> 5 & 3)) * UINT64_C(1000000000) - 500000000;
    if (d & 128) config.validate_after_ns = 1500000000;
    m->lifetime_ns = (int64_t)config.max_lifetime_ns;
    m->idle_timeout_ns = (int64_t)config.idle_timeout_ns;
    m->validate_after_ns = (int64_t)config.validate_after_ns;
  }
  bool impossible =
      (config.max_objects && (config.warmup > config.max_objects || config.min_idle > config.max_objects)) ||
      (config.max_idle && (config.warmup > config.max_idle || config.min_idle > config.max_idle)) ||
      (config.max_idle && config.max_objects && config.max_idle > config.max_objects);
  bool taken = config.name && name_is_taken(config.name);
  m->max_idle = config.max_idle;
  m->max_objects = config.max_objects;
  m->asked_idle = config.min_idle;
  m->min_idle = config.min_idle ? config.min_idle : config.warmup;
  begin(&call, m, INIT);
  bool opened = is->face->init(is->base, &config);
  int error = errno;
  if (!is->hooked && opened) {
    for (call.created = 0; call.created < config.warmup; call.created++) {
      m->alive++;
      m->count.created++;
      meet(m, NULL, IDLE);
    }
  }
  if (opened) {
    REQUIRE(!impossible && !taken && call.created == config.warmup && !call.destroyed);
    m->open = m->touched = true;
    m->name = config.name;
  } else {
    REQUIRE(impossible           ? error == EINVAL
            : error == EEXIST    ? taken
            : error == ENOMEM    ? call.out_of_memory > 0
            : error == ECANCELED ? call.refused > 0
                                 : false);
    REQUIRE(m->alive == 0 && m->blocks == 0 && m->bytes == 0 && m->pledge == 0);
    REQUIRE(memcmp(is->base, &all_zero, sizeof all_zero) == 0);
    m->dirty = false;
  }
  end(&call);
}

static void close_pool(struct model *m) {
  struct call call;
  if (!m->open) return;
  if (m->is->zero) { /* its policy is to tell of leaks */
    quiet++;
    while (m->amount[IN_USE]) release(m, m->is->face, 0, RETURN);
    quiet--;
  }
  m->closing = true;
  m->name = NULL; /* it is no longer registered */
  begin(&call, m, DESTROY);
  m->is->face->destroy(m->is->base);
  REQUIRE(errno == 4711);
  if (m->is->hooked) REQUIRE(m->amount[IDLE] == 0 && m->alive == m->amount[IN_USE]);
  REQUIRE(memcmp(m->is->base, &all_zero, sizeof all_zero) == 0);
  REQUIRE(m->blocks == 0 && m->bytes == 0 && m->pledge == 0);
  m->is->face->destroy(m->is->base); /* twice is harmless */
  end(&call);
  m->open = m->dirty = false;
}

/* >>comparison, at rest */

static void compare(struct model *m) {
  objpool_stats stats = m->is->face->stats(m->is->base);
  objpool_stats *count = &m->count;
#define SAME(field) REQUIRE(stats.field == count->field)
  m->dirty = false;
  REQUIRE(stats.in_use == m->amount[IN_USE] && stats.idle == m->amount[IDLE]);
  REQUIRE(m->alive == stats.in_use + stats.idle && !m->doomed && !m->kept);
  REQUIRE(!m->max_idle || stats.idle <= m->max_idle);
  SAME(acquires);
  SAME(releases);
  SAME(hits);
  SAME(misses);
  SAME(created);
  SAME(destroyed);
  SAME(extracted);
  SAME(invalid);
  SAME(create_failures);
  SAME(timeouts);
  SAME(expired);
  REQUIRE(stats.waits - count->waits <= m->maybe_waits);
  REQUIRE(stats.exhausted - count->exhausted <= m->maybe_exhausted);
  REQUIRE(stats.overflowed - count->overflowed <= m->maybe_overflowed);
  count->exhausted = stats.exhausted;
  count->overflowed = stats.overflowed;
  count->waits = stats.waits;
  m->maybe_exhausted = m->maybe_overflowed = m->maybe_waits = 0;
  REQUIRE(stats.waiting == 0);
  REQUIRE(stats.peak_in_use >= count->peak_in_use && stats.peak_in_use <= m->peak_high);
  REQUIRE(stats.peak_idle >= stats.idle);
  REQUIRE(stats.max_idle == m->max_idle && stats.max_objects == m->max_objects);
  if (m->touched) REQUIRE(stats.object_size == m->size);
  if (!m->is->zero) REQUIRE(stats.memory_bytes == m->bytes);
  REQUIRE(stats.retired == 0);
  for (size_t i = 0; m->is->handled && i < m->known_end; i++) {
    struct known *known = &m->known[i];
    if (known->state == IN_USE) REQUIRE(m->is->face->get(m->is->base, known->handle) == known->object);
  }
  if (m->is->reports) {
    REQUIRE(m->events[OBJPOOL_EVENT_ACQUIRE] == stats.acquires && m->events[OBJPOOL_EVENT_RELEASE] == stats.releases);
    REQUIRE(m->events[OBJPOOL_EVENT_CREATE] == stats.created && m->events[OBJPOOL_EVENT_DESTROY] == stats.destroyed);
    REQUIRE(m->events[OBJPOOL_EVENT_EXHAUSTED] == stats.exhausted && m->events[OBJPOOL_EVENT_WAIT] == stats.waits);
  }
#undef SAME
}

static void reset_stats(struct model *m, const struct face *face) {
  face->reset_stats(m->is->base);
  memset(&m->count, 0, sizeof m->count);
  memset(m->events, 0, sizeof m->events);
  m->peak_high = m->count.peak_in_use = m->amount[IN_USE];
  m->dirty = true;
}

/* >>fleet */

static struct model *model_of_pool(const objpool *pool) {
  for (int i = 0; i < POOLS; i++) {
    if (models[i].open && traits[i].base == pool) return &models[i];
  }
  REQUIRE(false && "a pool that is registered is open");
  return NULL;
}

static void visit(objpool *pool, void *user) {
  struct model *m = model_of_pool(pool);
  unsigned *argument = (unsigned *)user;
  REQUIRE(m->name && !strcmp(objpool_name(pool), m->name) && objpool_context(pool) == m);
  if (*argument & 1) shrink(m, &typeless_face, *argument >> 4, false);
}

static objpool_monitor monitor;
static size_t alerts;

static void on_alert(const objpool_alert *alert, void *user) {
  struct model *m = model_of_pool(objpool_registry_find(alert->pool_name));
  REQUIRE(user == &monitor && alert->kind <= OBJPOOL_ALERT_WAIT && m->alerts[alert->kind] == alert->recovered);
  REQUIRE(memchr(alert->message, 0, sizeof alert->message) && (alert->severity == OBJPOOL_INFO) == alert->recovered);
  m->alerts[alert->kind] = !alert->recovered;
  alerts++;
}

static objpool_pressure pressure_now(void *user) {
  (void)user;
  return pressure;
}

static void fleet(unsigned argument) {
  size_t named = 0;
  uint64_t in_use = 0, acquires = 0;
  for (int i = 0; i < POOLS; i++) {
    if (!models[i].open || !models[i].name) continue;
    named++;
    REQUIRE(objpool_registry_find(models[i].name) == traits[i].base);
  }
  REQUIRE(objpool_registry_each(visit, &argument) == named);
  REQUIRE(!objpool_registry_find("nobody") && !objpool_registry_find(NULL));
  if (depth) return; /* the sums are those of pools at rest */
  for (int i = 0; i < POOLS; i++) {
    if (!models[i].open || !models[i].name) continue;
    in_use += models[i].amount[IN_USE];
    acquires += models[i].count.acquires;
  }
  objpool_stats sum = objpool_registry_snapshot();
  REQUIRE(sum.in_use == in_use && sum.acquires == acquires);
  if (argument & 2) {
    objpool_thresholds limits = {0, 0, 0, 3, 20000, 1};
    if (!monitor.state) REQUIRE(objpool_monitor_init(&monitor, &limits, on_alert, &monitor));
    alerts = 0;
    REQUIRE(objpool_monitor_poll(&monitor) == alerts);
  }
}

static void output(struct model *m, unsigned argument) {
  char text[1024];
  size_t size = argument * 4;
  memset(text, 'x', sizeof text);
  int length = argument & 1 ? objpool_report(m->is->base, size ? text : NULL, size)
                            : objpool_format(argument & 2 ? m->is->base : NULL,
                                             (objpool_format_kind)((argument >> 2) % 3), text, size);
  REQUIRE(length >= 0);
  if (size) REQUIRE(strlen(text) == ((size_t)length < size ? (size_t)length : size - 1));
  for (size_t i = size; i < sizeof text; i++) REQUIRE(text[i] == 'x');
}

/* >>sequence */

static void untouched(struct model *m, unsigned what) {
  objpool *pool = m->is->base; /* no typed call has told it what its objects are */
  void *objects[1];
  errno = 4711;
  switch (what % 6) {
  case 0: REQUIRE(!objpool_acquire(pool)); break;
  case 1: REQUIRE(!objpool_try_acquire(pool)); break;
  case 2: REQUIRE(!objpool_acquire_for(pool, -1)); break;
  case 3: REQUIRE(!objpool_acquire_many(pool, objects, 1)); break;
  case 4: REQUIRE(!objpool_resize(pool, 1, 1)); break;
  case 5: REQUIRE(!objpool_warmup(pool, 3)); break;
  }
  REQUIRE(errno == EINVAL);
}

static void step(void) {
  unsigned what = byte(), where = byte(), argument = byte();
  struct model *m = &models[where & 64 ? favourite : where % POOLS];
  if (!m->open) {
    doing = "open";
    if (tracing) fprintf(stderr, "%*s%ld: open %s\n", 2 * depth, "", steps, traits[m - models].title);
    if (depth == 0) open_pool(m);
    if (!m->open) return;
  }
  const struct face *face = where & 128 ? &typeless_face : m->is->face;
  steps++;
  what %= 56;
  if (tracing)
    fprintf(stderr, "%*s%ld: %s, what %u, where %u, argument %u\n", 2 * depth, "", steps, m->is->title, what, where,
            argument);
  if (m->closing && (what < 12 || what > 21)) return; /* while a pool is being destroyed its hooks may release */
  if (face == &typeless_face && !m->touched) {
    doing = "a typeless call before any typed one";
    untouched(m, what);
    return;
  }
  switch (what) {
  case 0:
  case 1:
  case 2:
  case 3:
  case 4:
  case 5:
  case 6:
  case 7:
  case 8:
    doing = "acquire";
    acquire(m, face, argument);
    break;
  case 9:
  case 10:
    doing = "acquire_many";
    acquire_many(m, face, argument % (MANY + 1));
    break;
  case 11:
    doing = "a scope";
    scope(m);
    break;
  case 12:
  case 13:
  case 14:
  case 15:
  case 16:
  case 17:
  case 18:
  case 19:
    doing = "release";
    release(m, face, argument & 31, (enum back)((argument >> 5) % RELEASE_WAYS));
    break;
  case 20:
  case 21:
    doing = "release_many";
    release_many(m, face, argument % (MANY + 1), argument & 64);
    break;
  case 22:
    doing = "extract";
    extract(m, argument & 31, argument & 128);
    break;
  case 23:
  case 24:
    doing = "warmup";
    warm_up(m, face, argument & 15);
    break;
  case 25:
    doing = "trim";
    shrink(m, face, argument & 7, false);
    break;
  case 26:
    doing = "clear";
    shrink(m, face, 0, true);
    break;
  case 27:
  case 28:
    doing = "resize";
    resize(m, face, argument & 1 ? OBJPOOL_UNCHANGED : (argument >> 1) & 7,
           argument & 128 ? OBJPOOL_UNCHANGED : (argument >> 4) & 7);
    break;
  case 29:
  case 30:
  case 31: { /* from now on validate says no to it */
    struct known *known = pick(m, argument & 1 ? IN_USE : IDLE, argument >> 1);
    if (known) known->invalid = m->is->hooked;
    break;
  }
  case 32: fail_allocation = argument & 3; break;
  case 33:
  case 34: fail_create = argument & 3; break;
  case 35:
  case 36:
  case 37: armed = 1 + (argument & 3); break;
  case 38:
    doing = "destroy";
    if (depth == 0) close_pool(m);
    break;
  case 39:
    doing = "output";
    output(m, argument);
    break;
  case 40:
    doing = "attach";
    attach(m);
    break;
  case 41:
    doing = "reset_stats";
    if (depth == 0) reset_stats(m, face);
    break;
  case 42:
  case 43:
  case 44:
    doing = "maintain";
    if (m->touched) maintain(m);
    break;
  case 45:
    doing = "the registry";
    fleet(argument);
    break;
  case 46:
    doing = "misuse";
    misuse(m, face, argument, argument ^ what);
    break;
  case 47: pressure = (objpool_pressure)(argument % 5 > 2 ? 0 : argument % 5); break;
  case 48:
  case 49:
    doing = "handles";
    by_handle(m, argument);
    break;
  case 50:
    doing = "a loop";
    each(m, argument);
    break;
  case 51:
    doing = "release_all";
    if (depth == 0) release_all(m);
    break;
  case 52:
  case 53:
    if (depth == 0) passed_s += 1 + (argument & 7);
    break;
  case 54:
    doing = "refresh";
    if (depth == 0) refresh(m);
    break;
  case 55:
    doing = "maintain";
    if (m->is->timed && m->touched) maintain(m);
    break;
  }
  if (depth > 0) return;
  for (int i = 0; i < POOLS; i++) {
    if (models[i].open && models[i].dirty) compare(&models[i]);
  }
}

static void say_how_many(void) { printf("%llu sequences of %llu calls\n", all_sequences, all_steps); }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (!all_sequences++) {
    tracing = getenv("OBJPOOL_FUZZ_TRACE") != NULL;
    objpool_set_pressure_source(pressure_now, NULL);
    atexit(say_how_many);
  }
  input = data;
  input_left = size;
  steps = 0;
  favourite = byte() % POOLS;
  last_stamp = 0;
  passed_s = 0;
  armed = fail_allocation = fail_create = 0;
  depth = quiet = creating = 0;
  pressure = OBJPOOL_PRESSURE_NONE;
  while (input_left && steps < STEPS) step();
  all_steps += (unsigned long long)steps;
  doing = "the end";
  armed = 0;
  objpool_monitor_destroy(&monitor);
  for (int i = 0; i < POOLS; i++) close_pool(&models[i]);
  return 0;
}
