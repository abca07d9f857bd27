/* sequence.c: a fuzzer (libFuzzer) of sequences of all calls on three pools: one with every hook, one without hooks, one that is local.
 * Hooks refuse and call back into the pools, allocations fail, limits change. A reference model is kept beside: which objects exist, whose
 * each is, what must be counted, and when a call may fail and how. Any disagreement aborts.
 *
 * Built and run by tests/fuzz/run, in C and in C++. */
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUIRE(condition)                                                                                                     \
  do {                                                                                                                         \
    if (!(condition)) {                                                                                                        \
      fprintf(stderr, "%s:%d: step %ld, %s: this should hold: %s (errno: %s)\n", __FILE__, __LINE__, steps, doing, #condition, \
              strerror(errno));                                                                                                \
      abort();                                                                                                                 \
    }                                                                                                                          \
  } while (0)

#define POOLS 3
#define KNOWN 96 /* objects of a pool that the model can follow */
#define MANY 6

struct thing {
  uint64_t check; /* a function of its address while it is built */
  bool valid;
  char text[31];
};

/* >>input */

static const uint8_t *input;
static size_t input_left;
static long steps;
static const char *doing = "nothing";

static unsigned byte(void) {
  if (!input_left) return 0;
  input_left--;
  return *input++;
}

/* >>model */

enum state { GONE, BUILT, IN_USE, IDLE, IN_TRANSIT }; /* IN_TRANSIT: in the hands of a call */

struct model {
  struct {
    struct thing *object;
    enum state state;
  } known[KNOWN];
  size_t alive, idle, in_use;       /* by the hooks and the calls */
  size_t max_idle, max_objects;     /* 0: none */
  objpool_stats count;              /* what the pool must have counted */
  bool open, closing;
  /* in the current call */
  int created, destroyed, said_invalid, refused;
};

static struct model model[POOLS];
static int allocation_failures;          /* in the current call */
static int fail_allocation, fail_create; /* the so-manieth from now fails; 0: none */
static int nested, nesting, calls;       /* a hook called back, and how deep we are in it; changes to any pool */
static unsigned reenter;                 /* what the next hook shall do */
static long blocks, bytes_out;

static uint64_t check_of(const struct thing *thing) { return (uint64_t)(uintptr_t)thing * 0x9e3779b97f4a7c15u ^ 0x5bd1e995u; }

static size_t find(struct model *m, const struct thing *object) {
  for (size_t i = 0; i < KNOWN; i++) {
    if (m->known[i].object == object && m->known[i].state != GONE) return i;
  }
  return KNOWN;
}

static void move(struct model *m, struct thing *object, enum state from, enum state to) {
  size_t i = find(m, object);
  REQUIRE(i < KNOWN && m->known[i].state == from);
  m->known[i].state = to;
}

static void *allocate(size_t size, size_t alignment, void *context) {
  (void)context;
  REQUIRE(size > 0 && alignment > 0 && (alignment & (alignment - 1)) == 0);
  if (fail_allocation > 0 && --fail_allocation == 0) {
    allocation_failures++;
    return NULL;
  }
  void *memory = NULL;
  if (posix_memalign(&memory, alignment < sizeof(void *) ? sizeof(void *) : alignment, size) != 0) abort();
  memset(memory, 0xa5, size); /* whoever needs zeros must write them */
  blocks++;
  bytes_out += (long)size;
  return memory;
}

static void deallocate(void *memory, size_t size, size_t alignment, void *context) {
  (void)alignment, (void)context;
  REQUIRE(memory != NULL);
  blocks--;
  bytes_out -= (long)size;
  free(memory);
}

static void call_back(int self);

/* >>hooks: the context is the model of the pool */

static bool create(struct thing *thing, void *context) {
  struct model *m = (struct model *)context;
  REQUIRE(thing->check == 0 && !thing->valid && thing->text[30] == 0); /* zeroed memory */
  call_back((int)(m - model));
  if (fail_create > 0 && --fail_create == 0) {
    m->refused++;
    return false;
  }
  size_t i = 0;
  while (i < KNOWN && m->known[i].state != GONE) i++;
  REQUIRE(i < KNOWN);
  m->known[i].object = thing;
  m->known[i].state = BUILT;
  m->alive++;
  if (m->max_objects) REQUIRE(m->alive <= m->max_objects || m->count.max_objects != m->max_objects);
  m->created++;
  m->count.created++;
  thing->check = check_of(thing);
  thing->valid = true;
  return true;
}

static void reset(struct thing *thing, void *context) {
  struct model *m = (struct model *)context;
  REQUIRE(thing->check == check_of(thing));
  size_t i = find(m, thing);
  REQUIRE(i < KNOWN && m->known[i].state == IN_TRANSIT); /* once, on a release, and nobody has it */
  call_back((int)(m - model));
  memset(thing->text, 0, sizeof thing->text);
}

static bool validate(struct thing *thing, void *context) {
  struct model *m = (struct model *)context;
  size_t i = find(m, thing);
  REQUIRE(i < KNOWN && m->known[i].state != IN_USE && m->known[i].state != GONE);
  REQUIRE(thing->check == check_of(thing));
  call_back((int)(m - model));
  if (!thing->valid) m->said_invalid++;
  return thing->valid;
}

static void destroy(struct thing *thing, void *context) {
  struct model *m = (struct model *)context;
  size_t i = find(m, thing);
  REQUIRE(i < KNOWN && (m->known[i].state == IDLE || m->known[i].state == IN_TRANSIT || m->known[i].state == BUILT));
  REQUIRE(thing->check == check_of(thing));
  enum state was = m->known[i].state;
  m->known[i].state = IN_TRANSIT;
  if (was == IDLE || was == BUILT) m->idle -= was == IDLE;
  call_back((int)(m - model));
  i = find(m, thing);
  m->known[i].state = GONE;
  m->alive--;
  m->destroyed++;
  m->count.destroyed++;
  thing->check = 0xdead;
}

OBJPOOL_DEFINE(hooked_pool, struct thing, opt.create = create, opt.reset = reset, opt.validate = validate, opt.destroy = destroy);
OBJPOOL_DEFINE(lazy_pool, struct thing, opt.create = create, opt.validate = validate, opt.destroy = destroy,
               opt.validate_on = OBJPOOL_ON_ACQUIRE);
OBJPOOL_DEFINE(local_pool, struct thing, opt.create = create, opt.reset = reset, opt.validate = validate, opt.destroy = destroy,
               opt.validate_on = OBJPOOL_ON_RELEASE, opt.local = true);

static struct {
  hooked_pool hooked;
  lazy_pool lazy;
  local_pool local;
} all;

/* One name for the same call of each: the typed functions, which is where the hooks are inlined. */
#define ON_EACH(CALL, ...)                                       \
  (which == 0   ? hooked_pool_##CALL(&all.hooked, ##__VA_ARGS__) \
   : which == 1 ? lazy_pool_##CALL(&all.lazy, ##__VA_ARGS__)     \
                : local_pool_##CALL(&all.local, ##__VA_ARGS__))

static objpool *base(int which) { return which == 0 ? &all.hooked.base : which == 1 ? &all.lazy.base : &all.local.base; }

/* >>calls, each with what the model says of it */

static struct thing *in_use(int which, unsigned choice) {
  struct model *m = &model[which];
  if (!m->in_use) return NULL;
  size_t skip = choice % m->in_use;
  for (size_t i = 0; i < KNOWN; i++) {
    if (m->known[i].state == IN_USE && skip-- == 0) return m->known[i].object;
  }
  REQUIRE(!"as many in use as counted");
  return NULL;
}

/* The state before a call; with it the outcome can be judged exactly as long as no hook called back. */
struct before {
  size_t idle, alive;
  int calls;
};

static struct before begin(int which) {
  struct model *m = &model[which];
  struct before before = {m->idle, m->alive, ++calls};
  if (nesting) before.calls = -1; /* objects may be in the hands of the call around this one */
  m->created = m->destroyed = m->said_invalid = m->refused = 0;
  allocation_failures = 0;
  return before;
}

static bool undisturbed(struct before before) { return calls == before.calls; }

static void got(int which, struct before before, struct thing *thing, int error, bool may_create) {
  struct model *m = &model[which];
  if (thing) {
    size_t i = find(m, thing);
    REQUIRE(i < KNOWN && (m->known[i].state == IDLE || m->known[i].state == BUILT));
    REQUIRE(thing->check == check_of(thing));
    bool hit = m->known[i].state == IDLE;
    if (hit) m->idle--;
    m->known[i].state = IN_USE;
    m->in_use++;
    m->count.acquires++;
    if (hit) m->count.hits++;
    else m->count.misses++;
    if (undisturbed(before)) {
      REQUIRE(hit == (before.idle > (size_t)m->said_invalid)); /* what is idle comes first */
      REQUIRE(may_create || hit);
    }
  } else if (!may_create) {
    REQUIRE(error == EAGAIN);
    if (undisturbed(before)) REQUIRE(m->idle == 0);
  } else {
    switch (error) {
    case EAGAIN:
    case ETIMEDOUT:
      REQUIRE(m->max_objects || nesting); /* within a resize the pool knows the new cap already */
      if (undisturbed(before)) REQUIRE(m->idle == 0 && m->alive >= m->max_objects);
      if (error == EAGAIN) m->count.exhausted++;
      else m->count.timeouts++;
      break;
    case ENOMEM:
      REQUIRE(allocation_failures || nested);
      m->count.create_failures++;
      break;
    case ECANCELED:
      REQUIRE(m->refused || nested);
      m->count.create_failures++;
      break;
    default: REQUIRE(!"an errno that is documented");
    }
  }
}

static void acquire(int which, unsigned how) {
  struct model *m = &model[which];
  if (m->alive + 2 * MANY >= KNOWN - 8 && !m->max_objects) return; /* more than the model can follow */
  if (m->alive >= KNOWN - 12) return;
  struct before before = begin(which);
  struct thing *thing = NULL;
  errno = 4711;
  switch (how % 7) {
  case 0:
  case 1: thing = ON_EACH(acquire); break;
  case 2: thing = (struct thing *)objpool_acquire(base(which)); break;
  case 3:
    thing = ON_EACH(try_acquire);
    got(which, before, thing, errno, false);
    return;
  case 4: thing = ON_EACH(acquire_for, 0); break;
  case 5:
    thing = ON_EACH(acquire_for, 1000);
    if (!thing && which == 2 && errno == EDEADLK) { /* a local pool cannot wait */
      if (undisturbed(before)) REQUIRE(m->idle == 0 && m->max_objects && m->alive >= m->max_objects);
      m->count.exhausted = objpool_snapshot(base(which)).exhausted; /* whether it counts as exhausted is not said */
      return;
    }
    if (!thing && errno == ETIMEDOUT) m->count.waits++;
    break;
  case 6:
    if (which == 0) {
      hooked_pool_guard guard = hooked_pool_guard_acquire(&all.hooked);
      hooked_pool_guard moved = hooked_pool_guard_move(&guard);
      REQUIRE(!guard.object);
      if (moved.object) REQUIRE(hooked_pool_guard_mut(&moved) == hooked_pool_guard_ref(&moved));
      thing = hooked_pool_guard_take(&moved);
      REQUIRE(!moved.object);
      hooked_pool_guard_release(&moved);
    } else {
      thing = ON_EACH(acquire);
    }
    break;
  }
  got(which, before, thing, errno, true);
}

static void give(int which, struct thing *thing, unsigned how) {
  struct model *m = &model[which];
  if (!thing) {
    errno = 4711;
    objpool_release(base(which), NULL);
    REQUIRE(errno == 4711);
    return;
  }
  struct before before = begin(which);
  bool was_valid = thing->valid, discards = how % 5 == 3;
  REQUIRE(thing->check == check_of(thing));
  move(m, thing, IN_USE, IN_TRANSIT);
  m->in_use--;
  m->count.releases++;
  uint64_t destroyed_before = m->count.destroyed;
  errno = 4711;
  switch (how % 5) {
  case 0:
  case 1: ON_EACH(release, thing); break;
  case 2: objpool_release(base(which), thing); break;
  case 3: ON_EACH(discard, thing); break;
  case 4:
    if (which == 1) {
      lazy_pool_guard guard;
      guard.object = thing;
      guard.pool = &all.lazy;
      lazy_pool_guard_release(&guard);
      REQUIRE(!guard.object);
      lazy_pool_guard_release(&guard); /* twice is harmless */
    } else {
      ON_EACH(release, thing);
    }
    break;
  }
  REQUIRE(errno == 4711);
  size_t i = find(m, thing);
  bool lives = i < KNOWN && m->known[i].state == IN_TRANSIT;
  if (lives) {
    m->known[i].state = IDLE;
    m->idle++;
    if (m->max_idle && !nesting) REQUIRE(m->idle <= m->max_idle); /* nested, one may be in the hands of the call around */
  }
  if (undisturbed(before)) {
    bool invalid = discards || (which != 1 && !was_valid);
    bool above_the_cap = m->max_objects && before.alive > m->max_objects;
    bool overflows = !invalid && m->max_idle && before.idle >= m->max_idle;
    REQUIRE(lives == !(invalid || overflows || above_the_cap));
    REQUIRE(m->count.destroyed - destroyed_before == (lives ? 0u : 1u));
    if (invalid) m->count.invalid++;
    else if (overflows) m->count.overflowed++;
    else if (!lives) m->count.overflowed = objpool_snapshot(base(which)).overflowed; /* which of its reasons is counted is not said */
  } else {
    objpool_stats stats = objpool_snapshot(base(which));
    m->count.invalid = stats.invalid;
    m->count.overflowed = stats.overflowed;
  }
}

static void extract(int which, struct thing *thing) {
  struct model *m = &model[which];
  if (!thing) return;
  begin(which);
  size_t i = find(m, thing);
  bool valid = thing->valid;
  m->known[i].state = GONE;
  m->in_use--;
  m->alive--;
  m->count.extracted++;
  struct thing value = ON_EACH(extract, thing);
  REQUIRE(value.check == check_of(thing) && value.valid == valid);
  REQUIRE(m->destroyed == 0 && m->created == 0);
}

static void became_idle(int which) {
  struct model *m = &model[which];
  for (size_t i = 0; i < KNOWN; i++) {
    if (m->known[i].state == BUILT) {
      m->known[i].state = IDLE;
      m->idle++;
    }
  }
}

static void warm_up(int which, size_t idle) {
  struct model *m = &model[which];
  struct before before = begin(which);
  size_t created = which == 1 ? objpool_warmup(base(which), idle) : ON_EACH(warmup, idle);
  became_idle(which);
  if (undisturbed(before)) {
    size_t goal = m->max_idle && idle > m->max_idle ? m->max_idle : idle;
    size_t want = goal > before.idle ? goal - before.idle : 0;
    if (m->max_objects) {
      size_t room = m->max_objects > before.alive ? m->max_objects - before.alive : 0;
      if (want > room) want = room;
    }
    REQUIRE((size_t)m->created == created);
    REQUIRE(created == want || ((allocation_failures || m->refused) && created < want));
  }
}

static void shrink(int which, size_t keep, bool all_of_it) {
  struct model *m = &model[which];
  struct before before = begin(which);
  errno = 4711;
  size_t destroyed = all_of_it ? ON_EACH(clear) : ON_EACH(trim, keep);
  REQUIRE(errno == 4711);
  if (all_of_it) keep = 0;
  if (undisturbed(before)) {
    REQUIRE(destroyed == (before.idle > keep ? before.idle - keep : 0));
    REQUIRE(destroyed == (size_t)m->destroyed);
  }
}

static void change_limits(int which, size_t max_idle, size_t max_objects) {
  struct model *m = &model[which];
  struct before before = begin(which);
  errno = 0;
  bool changed = ON_EACH(resize, max_idle, max_objects);
  size_t new_idle = max_idle == OBJPOOL_UNCHANGED ? m->max_idle : max_idle;
  size_t new_objects = max_objects == OBJPOOL_UNCHANGED ? m->max_objects : max_objects;
  if (changed) {
    REQUIRE(!new_objects || new_idle <= new_objects);
    m->max_idle = new_idle;
    m->max_objects = new_objects;
    if (undisturbed(before) && new_idle) REQUIRE(m->idle <= new_idle);
  } else {
    REQUIRE(errno == EINVAL || (errno == ENOMEM && allocation_failures));
    if (errno == EINVAL) REQUIRE((new_objects && new_idle > new_objects) || new_idle < 2); /* below min_idle, too */
    if (undisturbed(before)) REQUIRE(m->destroyed == 0);
  }
  m->count.overflowed = objpool_snapshot(base(which)).overflowed;
}

static void compare(int which) {
  struct model *m = &model[which];
  objpool_stats stats = which == 0   ? hooked_pool_stats(&all.hooked)
                        : which == 1 ? lazy_pool_stats(&all.lazy)
                                     : local_pool_stats(&all.local);
#define SAME(field) REQUIRE(stats.field == m->count.field)
  REQUIRE(stats.in_use == m->in_use && stats.idle == m->idle);
  SAME(acquires);
  SAME(releases);
  SAME(hits);
  SAME(misses);
  SAME(created);
  SAME(destroyed);
  SAME(extracted);
  SAME(invalid);
  SAME(create_failures);
  SAME(exhausted);
  SAME(timeouts);
  SAME(overflowed);
#undef SAME
  REQUIRE(stats.waiting == 0);
  REQUIRE(stats.max_idle == m->max_idle && stats.max_objects == m->max_objects);
  REQUIRE(stats.peak_in_use >= stats.in_use && stats.peak_idle >= stats.idle);
}

static void settle_invalid(int which, uint64_t invalid_before) {
  /* on acquire, idle objects found invalid are counted as such; the hook said how many */
  struct model *m = &model[which];
  if (m->said_invalid) m->count.invalid = invalid_before + (uint64_t)m->said_invalid;
}

static void open_pool(int which) {
  struct model *m = &model[which];
  objpool_config config;
  memset(&config, 0, sizeof config);
  unsigned a = byte(), b = byte();
  memset(m, 0, sizeof *m);
  config.context = m;
  if (a & 1) config.max_objects = 1 + (b & 15);
  if (a & 2) config.max_idle = 1 + (b >> 4);
  if (a & 4) config.cache_size = OBJPOOL_NO_CACHE;
  else if (a & 8) config.cache_size = 1 + (b & 7);
  if (a & 16) config.warmup = b & 3;
  if (a & 32) config.growth_factor = 1.0 + (double)(b & 7) / 4;
  config.on_leak = OBJPOOL_LEAK_IGNORE;
  config.allocator.allocate = allocate;
  config.allocator.deallocate = deallocate;
  begin(which);
  bool impossible = (config.max_objects && (config.warmup > config.max_objects || config.max_idle > config.max_objects)) ||
                    (config.max_idle && config.warmup > config.max_idle);
  m->max_idle = config.max_idle;
  m->max_objects = config.max_objects;
  m->count.max_objects = config.max_objects;
  if (impossible) m->max_objects = 0;
  int fails_before = fail_create;
  errno = 0;
  bool opened = ON_EACH(init, &config);
  if (!opened) {
    REQUIRE(impossible ? errno == EINVAL : (errno == ENOMEM && allocation_failures) || (errno == ECANCELED && m->refused));
    REQUIRE(m->alive == 0); /* what warmup built was taken down again */
    (void)fails_before;
    /* once more, as plainly as can be */
    fail_allocation = fail_create = 0;
    memset(&config, 0, sizeof config);
    memset(m, 0, sizeof *m);
    config.context = m;
    config.on_leak = OBJPOOL_LEAK_IGNORE;
    config.allocator.allocate = allocate;
    config.allocator.deallocate = deallocate;
    REQUIRE(ON_EACH(init, &config));
  } else {
    REQUIRE(!impossible);
  }
  became_idle(which);
  m->open = true;
}

static void close_pool(int which) {
  struct model *m = &model[which];
  size_t leaked = m->in_use, idle = m->idle;
  m->closing = true;
  struct before before = begin(which);
  ON_EACH(destroy);
  if (undisturbed(before)) REQUIRE((size_t)m->destroyed == idle && m->alive == leaked);
  static char zero[sizeof(objpool)]; /* never written */
  REQUIRE(memcmp(base(which), zero, sizeof zero) == 0);
  ON_EACH(destroy); /* twice is harmless */
  m->open = false;
}

/* What a hook does to the pools while a call is under way. */
static void call_back(int self) {
  if (!reenter || nesting) return;
  unsigned what = reenter;
  reenter = 0;
  int which = (int)(what % POOLS);
  if (model[self].closing || model[which].closing || !model[which].open) return;
  /* the model of a call in progress is not judged exactly, so what it has noted is kept for it */
  struct model *m = &model[which];
  int created = m->created, destroyed = m->destroyed, invalid = m->said_invalid, refused = m->refused, failures = allocation_failures;
  nesting++;
  nested++;
  uint64_t invalid_before = m->count.invalid;
  switch ((what >> 2) % 4) {
  case 0: acquire(which, 0); settle_invalid(which, invalid_before); break;
  case 1: give(which, in_use(which, what >> 4), 0); break;
  case 2: acquire(which, 3); settle_invalid(which, invalid_before); break;
  case 3: (void)objpool_snapshot(base(which)); break;
  }
  nesting--;
  m->created += created;
  m->destroyed += destroyed;
  m->said_invalid += invalid;
  m->refused += refused;
  allocation_failures += failures;
}

static void step(void) {
  unsigned code = byte(), argument = byte();
  int which = (int)(code % POOLS);
  struct model *m = &model[which];
  uint64_t invalid_before = m->count.invalid;
  nested = 0;
  steps++;
  switch ((code / POOLS) % 24) {
  case 0: case 1: case 2: case 3: case 4: doing = "acquire"; acquire(which, argument); settle_invalid(which, invalid_before); break;
  case 5: case 6: case 7: case 8: doing = "release"; give(which, in_use(which, argument), argument >> 4); break;
  case 9: doing = "release of nothing"; give(which, NULL, 0); break;
  case 10: doing = "extract"; extract(which, in_use(which, argument)); break;
  case 11: doing = "warmup"; warm_up(which, argument & 15); break;
  case 12: doing = "trim"; shrink(which, argument & 15, false); break;
  case 13: doing = "clear"; shrink(which, 0, true); break;
  case 14:
    doing = "resize";
    change_limits(which, argument & 1 ? OBJPOOL_UNCHANGED : (argument >> 1) & 7, argument & 128 ? OBJPOOL_UNCHANGED : (argument >> 4) & 15);
    break;
  case 15: {
    struct thing *thing = in_use(which, argument);
    if (thing) thing->valid = false;
    break;
  }
  case 16: fail_allocation = (int)(argument & 3); break;
  case 17: fail_create = (int)(argument & 3); break;
  case 18: reenter = argument; break;
  case 19:
    doing = "destroy and init";
    if (argument & 1) {
      close_pool(which);
      open_pool(which);
    }
    break;
  case 20: {
    char text[1500];
    size_t size = argument * 6;
    doing = "report";
    memset(text, 'x', sizeof text);
    int length = objpool_report(base(which), size ? text : NULL, size);
    REQUIRE(length > 0);
    if (size) REQUIRE(strlen(text) == ((size_t)length < size ? (size_t)length : size - 1));
    for (size_t i = size; i < sizeof text; i++) REQUIRE(text[i] == 'x');
    break;
  }
  case 21:
    doing = "attach";
    allocation_failures = 0;
    if (!ON_EACH(attach)) REQUIRE(errno == ENOMEM);
    break;
  case 22: {
    doing = "acquire_many";
    struct thing *things[MANY];
    size_t count = argument % (MANY + 1);
    for (size_t i = 0; i < KNOWN; i++) REQUIRE(m->known[i].state != BUILT);
    if (m->alive + 2 * MANY >= KNOWN - 8) break;
    struct before before = begin(which);
    errno = 4711;
    size_t have = ON_EACH(acquire_many, things, count);
    int error = errno;
    REQUIRE(have <= count);
    settle_invalid(which, invalid_before);
    int said_invalid = m->said_invalid;
    before.calls = -1; /* one by one they are not judged exactly */
    for (size_t i = 0; i < have; i++) {
      for (size_t j = 0; j < i; j++) REQUIRE(things[i] != things[j]);
      got(which, before, things[i], 0, true);
    }
    if (have < count) got(which, before, NULL, error, true);
    m->said_invalid = said_invalid;
    break;
  }
  case 23: {
    doing = "release_many";
    struct thing *things[MANY];
    size_t count = argument % (MANY + 1);
    bool any_disturbed = reenter != 0;
    if (any_disturbed) break;
    begin(which);
    uint64_t overflowed = m->count.overflowed, invalid = m->count.invalid, destroyed = m->count.destroyed;
    for (size_t i = 0; i < count; i++) {
      things[i] = argument & 64 && i == 1 ? NULL : in_use(which, argument >> 3);
      if (!things[i]) continue;
      move(m, things[i], IN_USE, IN_TRANSIT);
      m->in_use--;
      m->count.releases++;
    }
    errno = 4711;
    ON_EACH(release_many, things, count);
    REQUIRE(errno == 4711);
    for (size_t i = 0; i < KNOWN; i++) {
      if (m->known[i].state == IN_TRANSIT) {
        m->known[i].state = IDLE;
        m->idle++;
      }
    }
    if (m->max_idle) REQUIRE(m->idle <= m->max_idle);
    objpool_stats stats = objpool_snapshot(base(which));
    REQUIRE(stats.overflowed + stats.invalid - overflowed - invalid <= m->count.destroyed - destroyed);
    m->count.overflowed = stats.overflowed;
    m->count.invalid = stats.invalid;
    break;
  }
  }
  for (int i = 0; i < POOLS; i++) compare(i);
}

#ifdef __cplusplus
extern "C"
#endif
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  input = data;
  input_left = size;
  steps = 0;
  fail_allocation = fail_create = nesting = nested = calls = 0;
  reenter = 0;
  for (int which = 0; which < POOLS; which++) {
    doing = "init";
    open_pool(which);
  }
  while (input_left && steps < 400) step();
  doing = "destroy";
  reenter = 0;
  for (int which = 0; which < POOLS; which++) close_pool(which);
  REQUIRE(blocks == 0 && bytes_out == 0);
  return 0;
}
