/* Random operations from a seed, on three pools with failing hooks and a failing allocator, agree step by step with a plain model.
   usage: test_model [SEED]: the seed of a failure is printed with it. Each failure names the step and the operation. */
#include "support.h"

#include "objpool.h"

typedef struct thing {
  long stamp; /* the model's number for the object while it is in use, and kept while it is idle */
  char text[40];
} thing;

enum { MOST_OBJECTS = 400, MOST_HELD = 120, POOLS = 3 };

typedef enum { FREE_SLOT, IDLE, IN_USE, BEING_BUILT } place;

typedef struct record {
  thing *object;
  place where;
  bool bad; /* validate says no */
  long stamp;
} record;

/* What must be true of one pool. Counts are those since the last reset. */
typedef struct model {
  record records[MOST_OBJECTS];
  size_t records_end; /* no record in use from here on */
  size_t in_use, idle, max_idle, max_objects;
  uint64_t acquires, releases, hits, misses, created, destroyed, extracted, overflowed, invalid;
  uint64_t create_failures, exhausted, timeouts, waits, peak_in_use, peak_idle;
  bool validates_on_acquire, validates_on_release, resets, may_refuse, is_local;
  bool built_during, refused_during; /* what create did in this operation */
  size_t resets_during, destroyed_during, created_during;
  objpool *base;
} model;

static model models[POOLS];
static uint64_t seed;
static long step_number, last_stamp;
static const char *operation = "none";
static bool starved; /* the allocator fails during this operation */
static bool starvation_felt;
static bool refusing; /* create refuses with some chance during this operation */
static bool several_threads;
static uint64_t first_seed;

#define MUST(condition)                                                                                    \
  ((condition) ? (void)0                                                                                   \
               : (fprintf(stderr, "seed %" PRIu64 ", step %ld, %s: ", first_seed, step_number, operation), \
                  check_failed(#condition, __FILE__, __LINE__)))

static record *find(model *of, const thing *object) {
  for (size_t i = 0; i < of->records_end; i++)
    if (of->records[i].where != FREE_SLOT && of->records[i].object == object) return &of->records[i];
  return NULL;
}

static record *add(model *of, thing *object) {
  for (size_t i = 0; i < MOST_OBJECTS; i++) {
    record *one = &of->records[i];
    if (one->where != FREE_SLOT) continue;
    one->object = object;
    one->bad = false;
    if (i >= of->records_end) of->records_end = i + 1;
    return one;
  }
  MUST(of->records_end < MOST_OBJECTS); /* the model has room for more than it lets the pools build */
  return NULL;
}

static size_t alive(const model *of) { return of->in_use + of->idle; }

static size_t good_idle(const model *of) {
  size_t count = 0;
  for (size_t i = 0; i < of->records_end; i++) count += of->records[i].where == IDLE && !of->records[i].bad;
  return count;
}

static void note_peaks(model *of) {
  if (of->in_use > of->peak_in_use) of->peak_in_use = of->in_use;
  if (of->idle > of->peak_idle) of->peak_idle = of->idle;
}

/* The hooks tell the model what the pool does, and check that it may. */
static bool model_create(thing *object, void *context) {
  model *of = (model *)context;
  const char *bytes = (const char *)object;
  record *one;
  MUST(of->max_objects == 0 || alive(of) < of->max_objects);
  for (size_t i = 0; i < sizeof *object; i++) MUST(bytes[i] == 0);
  if (of->may_refuse && refusing && random_below(&seed, 6) == 0) {
    memset(object, 0x77, sizeof *object);
    of->refused_during = true;
    return false;
  }
  MUST(!find(of, object));
  one = add(of, object);
  one->where = BEING_BUILT;
  one->stamp = object->stamp = ++last_stamp;
  of->built_during = true;
  of->created++;
  of->created_during++;
  return true;
}

static void model_reset(thing *object, void *context) {
  model *of = (model *)context;
  record *one = find(of, object);
  MUST(one && one->where == IN_USE);
  of->resets_during++;
}

static bool model_validate(thing *object, void *context) {
  model *of = (model *)context;
  record *one = find(of, object);
  MUST(one && one->stamp == object->stamp);
  MUST(one->where == IN_USE ? of->validates_on_release : one->where == IDLE && of->validates_on_acquire);
  return !one->bad;
}

static void model_destroy(thing *object, void *context) {
  model *of = (model *)context;
  record *one = find(of, object);
  MUST(one && one->stamp == object->stamp);
  MUST(one->where != BEING_BUILT || !strcmp(operation, "init")); /* an init that fails undoes its warmup */
  if (one->where == IDLE) of->idle--;
  if (one->where == IN_USE) of->in_use--;
  one->where = FREE_SLOT;
  of->destroyed++;
  of->destroyed_during++;
}

OBJPOOL_DEFINE(full_pool, thing, opt.create = model_create, opt.reset = model_reset, opt.validate = model_validate,
               opt.destroy = model_destroy);
OBJPOOL_DEFINE(simple_pool, thing, opt.create = model_create, opt.destroy = model_destroy);
OBJPOOL_DEFINE(local_pool, thing, opt.local = true, opt.create = model_create, opt.reset = model_reset,
               opt.validate = model_validate, opt.validate_on = OBJPOOL_ON_RELEASE, opt.destroy = model_destroy);

static full_pool full;
static simple_pool simple;
static local_pool local;

static long bytes_out;
static void *allocate(size_t size, size_t alignment, void *context) {
  void *memory = NULL;
  (void)context;
  if (starved) {
    starvation_felt = true;
    return NULL;
  }
  if (posix_memalign(&memory, alignment < sizeof(void *) ? sizeof(void *) : alignment, size) != 0) return NULL;
  memset(memory, 0xdb, size);
  count_add(&bytes_out, (long)size);
  return memory;
}
static void deallocate(void *memory, size_t size, size_t alignment, void *context) {
  (void)alignment, (void)context;
  count_add(&bytes_out, -(long)size);
  free(memory);
}

/* Each operation is done by the typed function or by the one without the type, as chance will have it. */
static thing *call_acquire(int which) {
  if (random_below(&seed, 2)) return (thing *)objpool_acquire(models[which].base);
  return which == 0 ? full_pool_acquire(&full) : which == 1 ? simple_pool_acquire(&simple) : local_pool_acquire(&local);
}
static thing *call_try_acquire(int which) {
  if (random_below(&seed, 2)) return (thing *)objpool_try_acquire(models[which].base);
  return which == 0   ? full_pool_try_acquire(&full)
         : which == 1 ? simple_pool_try_acquire(&simple)
                      : local_pool_try_acquire(&local);
}
static thing *call_acquire_for(int which, int64_t timeout) {
  if (random_below(&seed, 2)) return (thing *)objpool_acquire_for(models[which].base, timeout);
  return which == 0   ? full_pool_acquire_for(&full, timeout)
         : which == 1 ? simple_pool_acquire_for(&simple, timeout)
                      : local_pool_acquire_for(&local, timeout);
}
static thing *call_guard_take(int which) {
  if (which == 0) {
    OBJPOOL_SCOPED(full_pool) guard = full_pool_guard_acquire(&full);
    return full_pool_guard_take(&guard);
  }
  if (which == 1) {
    OBJPOOL_SCOPED(simple_pool) guard = simple_pool_guard_acquire(&simple);
    return simple_pool_guard_take(&guard);
  }
  {
    OBJPOOL_SCOPED(local_pool) guard = local_pool_guard_acquire(&local);
    return local_pool_guard_take(&guard);
  }
}
static void call_release(int which, thing *object) {
  switch (random_below(&seed, 3)) {
  case 0: objpool_release(models[which].base, object); return;
  case 1: /* by a guard that adopts it */
    if (which == 0) {
      full_pool_guard adopted = {object, &full};
      OBJPOOL_SCOPED(full_pool) guard = adopted;
    } else if (which == 1) {
      simple_pool_guard adopted = {object, &simple};
      simple_pool_guard_release(&adopted);
    } else {
      local_pool_guard adopted = {object, &local};
      OBJPOOL_SCOPED(local_pool) guard = adopted;
      local_pool_guard_release(&guard);
    }
    return;
  default:
    if (which == 0)
      full_pool_release(&full, object);
    else if (which == 1)
      simple_pool_release(&simple, object);
    else
      local_pool_release(&local, object);
  }
}
static void call_discard(int which, thing *object) {
  if (random_below(&seed, 2))
    objpool_discard(models[which].base, object);
  else if (which == 0)
    full_pool_discard(&full, object);
  else if (which == 1)
    simple_pool_discard(&simple, object);
  else
    local_pool_discard(&local, object);
}
static thing call_extract(int which, thing *object) {
  return which == 0   ? full_pool_extract(&full, object)
         : which == 1 ? simple_pool_extract(&simple, object)
                      : local_pool_extract(&local, object);
}
static objpool_stats call_stats(int which) {
  if (random_below(&seed, 2)) return objpool_snapshot(models[which].base);
  return which == 0 ? full_pool_stats(&full) : which == 1 ? simple_pool_stats(&simple) : local_pool_stats(&local);
}
static bool call_init(int which, const objpool_config *config) {
  return which == 0   ? full_pool_init(&full, config)
         : which == 1 ? simple_pool_init(&simple, config)
                      : local_pool_init(&local, config);
}

static void begin_operation(model *of, const char *name) {
  operation = name;
  of->refused_during = of->built_during = false;
  of->resets_during = of->destroyed_during = of->created_during = 0;
  starvation_felt = false;
  errno = 0;
}

/* An object came out of an acquire: it must be one that could. good_before: how many whole ones were idle. */
static void accept(model *of, thing *object, size_t good_before) {
  record *one = find(of, object);
  MUST(one && one->stamp == object->stamp);
  if (one->where == IDLE) {
    MUST(!one->bad || !of->validates_on_acquire);
    of->idle--;
    of->hits++;
  } else {
    MUST(one->where == BEING_BUILT);
    MUST(several_threads || good_before == 0); /* an idle one would have been there */
    of->misses++;
  }
  one->where = IN_USE;
  of->in_use++;
  of->acquires++;
  note_peaks(of);
}

static bool at_cap(const model *of) { return of->max_objects != 0 && alive(of) >= of->max_objects; }

/* An acquire that may build returned NULL: for one of the documented reasons, and none else. */
static void accept_refusal(model *of, int error, size_t good_before, bool counted) {
  if (error == ETIMEDOUT && of->destroyed_during > 0) return; /* time was up between two that proved invalid */
  if (error == EAGAIN || error == ETIMEDOUT || error == EDEADLK) {
    MUST(at_cap(of));
    MUST(of->idle == 0);
    if (counted && error == EAGAIN) of->exhausted++;
    return;
  }
  MUST(several_threads || good_before == 0);
  if (error == ECANCELED)
    MUST(of->refused_during);
  else
    MUST(error == ENOMEM && starvation_felt);
  if (counted) of->create_failures++;
}

/* What validate found bad on the way is destroyed and counted as invalid; nothing else may be destroyed by an acquire. */
static void account_invalid(model *of) {
  if (of->destroyed_during) MUST(of->validates_on_acquire);
  of->invalid += of->destroyed_during;
}

static thing *held[POOLS][MOST_HELD];
static size_t held_count[POOLS];

static void hold(int which, thing *object) {
  MUST(held_count[which] < MOST_HELD);
  held[which][held_count[which]++] = object;
}
static thing *drop_any(int which) {
  size_t place_of = random_below(&seed, held_count[which]);
  thing *object = held[which][place_of];
  held[which][place_of] = held[which][--held_count[which]];
  return object;
}

static size_t plain_good_idle(const model *of) { return of->validates_on_acquire ? good_idle(of) : of->idle; }

static void do_acquire(int which) {
  model *of = &models[which];
  size_t good = plain_good_idle(of);
  thing *object;
  size_t way = random_below(&seed, 4);
  begin_operation(of, way == 0 ? "guard_acquire" : way == 1 ? "acquire_for 0" : "acquire");
  object = way == 0 ? call_guard_take(which) : way == 1 ? call_acquire_for(which, 0) : call_acquire(which);
  int error = errno;
  account_invalid(of);
  if (object) {
    accept(of, object, good);
    hold(which, object);
  } else {
    accept_refusal(of, error, good, true);
  }
}

static void do_try_acquire(int which) {
  model *of = &models[which];
  size_t good = plain_good_idle(of);
  thing *object;
  begin_operation(of, "try_acquire");
  object = call_try_acquire(which);
  int error = errno;
  account_invalid(of);
  MUST(!of->built_during && !of->refused_during);
  MUST((object != NULL) == (good > 0));
  if (object) {
    accept(of, object, good);
    hold(which, object);
  } else {
    MUST(error == EAGAIN);
    MUST(of->idle == 0);
  }
}

static void do_acquire_for(int which) {
  model *of = &models[which];
  size_t good = plain_good_idle(of);
  thing *object;
  begin_operation(of, "acquire_for 1 ns");
  object = call_acquire_for(which, 1);
  int error = errno;
  account_invalid(of);
  if (object) {
    accept(of, object, good);
    hold(which, object);
  } else {
    MUST(error != EAGAIN);
    MUST((error == EDEADLK) == (of->is_local && at_cap(of) && error != ECANCELED && error != ENOMEM));
    accept_refusal(of, error, good, true);
    if (error == ETIMEDOUT) {
      of->timeouts++;
      if (of->destroyed_during == 0) of->waits++; /* else it may have ended before */
    }
    if (error == EDEADLK) of->exhausted = objpool_snapshot(of->base).exhausted; /* how this is counted is left open */
  }
}

static void do_acquire_many(int which) {
  model *of = &models[which];
  thing *objects[30];
  size_t want = random_below(&seed, 30), got;
  uint64_t counted;
  if (want > MOST_HELD - held_count[which]) return;
  begin_operation(of, "acquire_many");
  {
    void *untyped[30];
    if (random_below(&seed, 2)) {
      got = objpool_acquire_many(of->base, untyped, want);
      for (size_t i = 0; i < got; i++) objects[i] = (thing *)untyped[i];
    } else {
      got = which == 0   ? full_pool_acquire_many(&full, objects, want)
            : which == 1 ? simple_pool_acquire_many(&simple, objects, want)
                         : local_pool_acquire_many(&local, objects, want);
    }
  }
  int error = errno;
  MUST(got <= want);
  account_invalid(of);
  for (size_t i = 0; i < got; i++) {
    /* hits come first: as long as whole ones are idle, nothing is built */
    size_t good = 0;
    for (size_t k = i; k < got; k++) good += find(of, objects[k]) && find(of, objects[k])->where == BEING_BUILT;
    accept(of, objects[i], good == got - i ? plain_good_idle(of) : 0);
    hold(which, objects[i]);
  }
  if (got < want) {
    accept_refusal(of, error, plain_good_idle(of), false);
    counted = objpool_snapshot(of->base).exhausted + objpool_snapshot(of->base).create_failures;
    MUST(counted - of->exhausted - of->create_failures <= 1); /* once or not at all */
    of->exhausted = objpool_snapshot(of->base).exhausted;
    of->create_failures = objpool_snapshot(of->base).create_failures;
  }
}

/* One object was given back: it is idle now or was destroyed, as the limits and validate demand. */
static void account_release(model *of, record *one, size_t in_use_before, size_t idle_before, uint64_t *unclear) {
  bool over_cap = of->max_objects != 0 && in_use_before + idle_before > of->max_objects;
  bool full_up = of->max_idle != 0 && idle_before >= of->max_idle;
  bool refused = of->validates_on_release && one->bad;
  of->releases++;
  if (one->where == FREE_SLOT) {
    MUST(over_cap || full_up || refused);
    if (refused && !over_cap && !full_up)
      of->invalid++;
    else if (full_up && !over_cap && !refused)
      of->overflowed++;
    else
      (*unclear)++; /* several reasons at once: either count is right */
  } else {
    MUST(!over_cap && !full_up && !refused);
    MUST(one->where == IN_USE);
    one->where = IDLE;
    of->in_use--;
    of->idle++;
    note_peaks(of);
  }
}

static void settle_unclear(model *of, uint64_t unclear) {
  objpool_stats stats = objpool_snapshot(of->base);
  if (!unclear) return;
  MUST(stats.invalid >= of->invalid && stats.overflowed >= of->overflowed);
  MUST(stats.invalid - of->invalid + stats.overflowed - of->overflowed <= unclear);
  of->invalid = stats.invalid;
  of->overflowed = stats.overflowed;
}

static void do_release(int which) {
  model *of = &models[which];
  record *one;
  thing *object;
  size_t in_use, idle;
  uint64_t unclear = 0;
  if (!held_count[which]) return;
  object = drop_any(which);
  one = find(of, object);
  MUST(one && one->where == IN_USE && one->stamp == object->stamp);
  if (random_below(&seed, 25) == 0) one->bad = true;
  in_use = of->in_use;
  idle = of->idle;
  begin_operation(of, "release");
  errno = ENOTTY;
  call_release(which, object);
  MUST(errno == ENOTTY);
  MUST(of->resets_during == (of->resets ? 1 : 0));
  MUST(of->destroyed_during == (one->where == FREE_SLOT ? 1 : 0));
  account_release(of, one, in_use, idle, &unclear);
  settle_unclear(of, unclear);
}

static void do_release_many(int which) {
  model *of = &models[which];
  thing *objects[30];
  void *untyped[30];
  record *ones[30];
  size_t count = random_below(&seed, 30), real = 0, in_use, idle;
  uint64_t unclear = 0;
  for (size_t i = 0; i < count; i++) {
    bool none = !held_count[which] || random_below(&seed, 8) == 0;
    objects[i] = none ? NULL : drop_any(which);
    untyped[i] = objects[i];
    ones[i] = none ? NULL : find(of, objects[i]);
    MUST(none || (ones[i] && ones[i]->where == IN_USE));
    real += !none;
  }
  in_use = of->in_use;
  idle = of->idle;
  begin_operation(of, "release_many");
  if (random_below(&seed, 2))
    objpool_release_many(of->base, untyped, count);
  else if (which == 0)
    full_pool_release_many(&full, objects, count);
  else if (which == 1)
    simple_pool_release_many(&simple, objects, count);
  else
    local_pool_release_many(&local, objects, count);
  MUST(of->resets_during == (of->resets ? real : 0));
  /* In whatever order they went, as many are idle now as may be. */
  {
    size_t kept = 0, bad = 0;
    for (size_t i = 0; i < count; i++) {
      if (!ones[i]) continue;
      kept += ones[i]->where == IN_USE;
      bad += ones[i]->bad;
    }
    MUST(of->max_idle == 0 || idle + kept <= of->max_idle || kept == 0);
    for (size_t i = 0; i < count; i++) {
      if (!ones[i]) continue;
      of->releases++;
      if (ones[i]->where == FREE_SLOT) {
        unclear++;
        continue;
      }
      MUST(!(of->validates_on_release && ones[i]->bad));
      ones[i]->where = IDLE;
      of->in_use--;
      of->idle++;
    }
    note_peaks(of);
    if (!bad && unclear > 0) /* nothing was destroyed while there was room for it */
      MUST((of->max_idle != 0 && of->idle == of->max_idle) ||
           (of->max_objects != 0 && in_use + idle > of->max_objects));
  }
  settle_unclear(of, unclear);
}

static void do_discard(int which) {
  model *of = &models[which];
  thing *object;
  if (!held_count[which]) return;
  object = drop_any(which);
  begin_operation(of, "discard");
  call_discard(which, object);
  MUST(of->destroyed_during == 1 && of->resets_during == 0);
  MUST(!find(of, object));
  of->releases++;
  of->invalid++;
}

static void do_extract(int which) {
  model *of = &models[which];
  thing *object, value;
  record *one;
  if (!held_count[which]) return;
  object = drop_any(which);
  one = find(of, object);
  MUST(one && one->where == IN_USE);
  begin_operation(of, "extract");
  value = call_extract(which, object);
  MUST(value.stamp == one->stamp);
  MUST(of->destroyed_during == 0 && of->resets_during == 0);
  one->where = FREE_SLOT;
  of->in_use--;
  of->extracted++;
}

static void do_warmup(int which) {
  model *of = &models[which];
  size_t target = random_below(&seed, 60), before = of->idle, room, got;
  begin_operation(of, "warmup");
  got = random_below(&seed, 2) ? objpool_warmup(of->base, target)
        : which == 0           ? full_pool_warmup(&full, target)
        : which == 1           ? simple_pool_warmup(&simple, target)
                               : local_pool_warmup(&local, target);
  if (of->max_idle != 0 && target > of->max_idle) target = of->max_idle;
  room = target > before ? target - before : 0;
  if (of->max_objects != 0) {
    size_t below_cap = of->max_objects > alive(of) ? of->max_objects - alive(of) : 0;
    if (room > below_cap) room = below_cap;
  }
  MUST(got == of->created_during);
  MUST(got <= room);
  if (!of->refused_during && !starvation_felt) MUST(got == room);
  for (size_t i = 0; i < of->records_end; i++) {
    if (of->records[i].where != BEING_BUILT) continue;
    of->records[i].where = IDLE;
    of->idle++;
  }
  note_peaks(of);
}

static void do_trim(int which) {
  model *of = &models[which];
  size_t keep = random_below(&seed, 3) ? random_below(&seed, 50) : 0, before = of->idle, got;
  bool clear = keep == 0 && random_below(&seed, 2);
  begin_operation(of, clear ? "clear" : "trim");
  errno = ENOTTY;
  if (clear)
    got = random_below(&seed, 2) ? objpool_clear(of->base)
          : which == 0           ? full_pool_clear(&full)
          : which == 1           ? simple_pool_clear(&simple)
                                 : local_pool_clear(&local);
  else
    got = random_below(&seed, 2) ? objpool_trim(of->base, keep)
          : which == 0           ? full_pool_trim(&full, keep)
          : which == 1           ? simple_pool_trim(&simple, keep)
                                 : local_pool_trim(&local, keep);
  MUST(errno == ENOTTY);
  MUST(got == (before > keep ? before - keep : 0));
  MUST(got == of->destroyed_during);
  MUST(of->idle == before - got);
}

static void do_resize(int which) {
  model *of = &models[which];
  size_t max_idle = random_below(&seed, 4) ? 1 + random_below(&seed, 80) : 0;
  size_t max_objects = random_below(&seed, 4) ? max_idle + random_below(&seed, 60) : 0;
  size_t before = of->idle, in_use = of->in_use, expected = before;
  objpool_stats stats;
  bool impossible = random_below(&seed, 5) == 0, done;
  if (impossible) max_idle = 20, max_objects = 1 + random_below(&seed, 19);
  begin_operation(of, "resize");
  done = random_below(&seed, 2) ? objpool_resize(of->base, max_idle, max_objects)
         : which == 0           ? full_pool_resize(&full, max_idle, max_objects)
         : which == 1           ? simple_pool_resize(&simple, max_idle, max_objects)
                                : local_pool_resize(&local, max_idle, max_objects);
  if (impossible) MUST(!done && errno == EINVAL);
  if (!done) {
    MUST(impossible || (errno == ENOMEM && starvation_felt));
    MUST(of->destroyed_during == 0);
    return;
  }
  of->max_idle = max_idle;
  of->max_objects = max_objects;
  if (max_idle != 0 && expected > max_idle) expected = max_idle;
  if (max_objects != 0 && in_use + expected > max_objects) expected = max_objects > in_use ? max_objects - in_use : 0;
  MUST(of->idle == expected);
  MUST(of->destroyed_during == before - expected);
  stats = objpool_snapshot(of->base); /* whether these count as overflowed is left open */
  MUST(stats.overflowed - of->overflowed <= of->destroyed_during);
  of->overflowed = stats.overflowed;
}

static void do_spoil(int which) {
  model *of = &models[which];
  size_t at = random_below(&seed, MOST_OBJECTS);
  operation = "spoil";
  if (of->records[at].where == IDLE) of->records[at].bad = of->validates_on_acquire;
}

static void forget_counts(model *of) {
  of->acquires = of->releases = of->hits = of->misses = of->created = of->destroyed = of->extracted = of->overflowed =
      of->invalid = 0;
  of->create_failures = of->exhausted = of->timeouts = of->waits = 0;
  of->peak_in_use = of->in_use;
  of->peak_idle = of->idle;
}

static void do_reset_stats(int which) {
  model *of = &models[which];
  begin_operation(of, "reset_stats");
  if (random_below(&seed, 2))
    objpool_reset_stats(of->base);
  else if (which == 0)
    full_pool_reset_stats(&full);
  else if (which == 1)
    simple_pool_reset_stats(&simple);
  else
    local_pool_reset_stats(&local);
  forget_counts(of);
}

static void do_attach(int which) {
  bool done;
  begin_operation(&models[which], "attach");
  done = which == 0 ? full_pool_attach(&full) : which == 1 ? simple_pool_attach(&simple) : local_pool_attach(&local);
  MUST(done || (errno == ENOMEM && starvation_felt));
}

static void compare_statistics(int which) {
  model *of = &models[which];
  objpool_stats stats;
  operation = "stats";
  stats = call_stats(which);
  MUST(stats.in_use == of->in_use);
  MUST(stats.idle == of->idle);
  MUST(stats.acquires == of->acquires);
  MUST(stats.releases == of->releases);
  MUST(stats.hits == of->hits);
  MUST(stats.misses == of->misses);
  MUST(stats.created == of->created);
  MUST(stats.destroyed == of->destroyed);
  MUST(stats.extracted == of->extracted);
  MUST(stats.overflowed == of->overflowed);
  MUST(stats.invalid == of->invalid);
  MUST(stats.create_failures == of->create_failures);
  MUST(stats.exhausted == of->exhausted);
  MUST(stats.timeouts == of->timeouts);
  MUST(stats.waits == of->waits);
  MUST(stats.waiting == 0);
  MUST(stats.max_idle == of->max_idle);
  MUST(stats.max_objects == of->max_objects);
  if (several_threads && !of->is_local) {
    MUST(stats.peak_in_use <= of->peak_in_use && stats.peak_in_use >= of->in_use);
    MUST(stats.peak_idle >= of->idle);
  } else {
    MUST(stats.peak_in_use == of->peak_in_use);
    MUST(stats.peak_idle >= of->idle && stats.peak_idle <= of->peak_idle);
  }
  MUST(stats.object_size == sizeof(thing));
}

static void begin_pool(int which) {
  const size_t cache_sizes[] = {0, 0, 1, 2, 5, 8, 64, 1000, OBJPOOL_NO_CACHE};
  model *of = &models[which];
  objpool_config config;
  objpool *base = which == 0 ? &full.base : which == 1 ? &simple.base : &local.base;
  memset(of, 0, sizeof *of);
  of->base = base;
  of->validates_on_acquire = which == 0;
  of->validates_on_release = which != 1;
  of->resets = which != 1;
  of->may_refuse = which != 1;
  of->is_local = which == 2;
  memset(&config, 0, sizeof config);
  config.context = of;
  config.on_leak = OBJPOOL_LEAK_IGNORE;
  config.allocator.allocate = allocate;
  config.allocator.deallocate = deallocate;
  config.growth_factor = random_below(&seed, 2) ? 0.0 : 1.0 + (double)random_below(&seed, 5) / 2.0;
  config.cache_size = cache_sizes[random_below(&seed, COUNT_OF(cache_sizes))];
  config.max_idle = of->max_idle = random_below(&seed, 3) ? 1 + random_below(&seed, 60) : 0;
  config.max_objects = of->max_objects = random_below(&seed, 3) ? of->max_idle + 1 + random_below(&seed, 60) : 0;
  config.warmup = random_below(&seed, 2) ? 0
                                         : random_below(&seed, of->max_idle      ? of->max_idle + 1
                                                               : of->max_objects ? of->max_objects + 1
                                                                                 : 20);
  for (;;) {
    begin_operation(of, "init");
    if (random_below(&seed, 10) == 0) { /* first an impossible one */
      objpool_config wrong = config;
      wrong.max_idle = 5;
      wrong.max_objects = 4;
      wrong.warmup = 0;
      MUST(!call_init(which, &wrong) && errno == EINVAL);
      errno = 0;
    }
    if (call_init(which, &config)) break;
    MUST((errno == ECANCELED && of->refused_during) || (errno == ENOMEM && starvation_felt));
    MUST(of->destroyed_during == of->created_during);
    for (size_t i = 0; i < of->records_end; i++) MUST(of->records[i].where == FREE_SLOT);
    starved = refusing = false;
  }
  for (size_t i = 0; i < of->records_end; i++) {
    if (of->records[i].where != BEING_BUILT) continue;
    of->records[i].where = IDLE;
    of->idle++;
  }
  MUST(of->idle == config.warmup);
  forget_counts(of);
  of->created = config.warmup;
  starved = false;
  do_attach(which);
}

static void end_pool(int which) {
  model *of = &models[which];
  size_t idle = of->idle;
  begin_operation(of, "destroy");
  if (random_below(&seed, 2))
    objpool_destroy(of->base);
  else if (which == 0)
    full_pool_destroy(&full);
  else if (which == 1)
    simple_pool_destroy(&simple);
  else
    local_pool_destroy(&local);
  MUST(of->destroyed_during == idle);
  MUST(of->idle == 0);
  held_count[which] = 0;
}

static void step(void) {
  int which = (int)random_below(&seed, POOLS);
  starved = random_below(&seed, 30) == 0;
  refusing = random_below(&seed, 4) == 0;
  switch (random_below(&seed, 40)) {
  case 0:
  case 1:
  case 2:
  case 3:
  case 4:
  case 5:
  case 6:
  case 7:
  case 8:
  case 9:
    if (held_count[which] < MOST_HELD) do_acquire(which);
    break;
  case 10:
  case 11:
  case 12:
  case 13:
    if (held_count[which] < MOST_HELD) do_try_acquire(which);
    break;
  case 14:
    if (held_count[which] < MOST_HELD) do_acquire_for(which);
    break;
  case 15:
  case 16: do_acquire_many(which); break;
  case 17:
  case 18:
  case 19:
  case 20:
  case 21:
  case 22:
  case 23:
  case 24:
  case 25:
  case 26:
  case 27: do_release(which); break;
  case 28:
  case 29: do_release_many(which); break;
  case 30: do_discard(which); break;
  case 31: do_extract(which); break;
  case 32: do_warmup(which); break;
  case 33: do_trim(which); break;
  case 34: do_resize(which); break;
  case 35: do_spoil(which); break;
  case 36: do_attach(which); break;
  case 37:
    if (random_below(&seed, 10) == 0) do_reset_stats(which);
    break;
  default:
    if (random_below(&seed, 100) == 0) {
      end_pool(which);
      begin_pool(which);
    }
  }
  starved = refusing = false;
  compare_statistics(which);
  step_number++;
}

static void begin_all(void) {
  starved = refusing = false;
  step_number = 0;
  for (int which = 0; which < POOLS; which++) {
    held_count[which] = 0;
    begin_pool(which);
  }
}

static void end_all(void) {
  for (int which = 0; which < POOLS; which++) {
    while (held_count[which]) do_release(which);
    compare_statistics(which);
    end_pool(which);
  }
  MUST(count_read(&bytes_out) == 0);
}

static void one_thread_agrees_with_the_model(void **state) {
  (void)state;
  several_threads = false;
  begin_all();
  for (long i = 0; i < SCALED(1000000L, 1000000L, 200000L); i++) step();
  end_all();
}

/* The same, step after step, but by several threads in turn, so that objects rest in the caches of all of them. */
enum { THREADS = 4 };
static pthread_mutex_t baton = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t passed = PTHREAD_COND_INITIALIZER;
static int whose_turn;
static long turns_left;

static void *take_turns(void *argument) {
  int me = (int)(intptr_t)argument;
  pthread_mutex_lock(&baton);
  while (turns_left > 0) {
    if (whose_turn != me) {
      pthread_cond_wait(&passed, &baton);
      continue;
    }
    for (int which = 0; which < POOLS; which++) do_attach(which);
    for (size_t count = 1 + random_below(&seed, 100); count > 0; count--) step();
    turns_left--;
    whose_turn = (int)random_below(&seed, THREADS);
    pthread_cond_broadcast(&passed);
  }
  pthread_mutex_unlock(&baton);
  return NULL;
}

static void threads_in_turn_agree_with_the_model(void **state) {
  pthread_t threads[THREADS];
  (void)state;
  several_threads = true;
  begin_all();
  turns_left = SCALED(6000L, 2000L, 1000L);
  whose_turn = 0;
  for (int i = 0; i < THREADS; i++) threads[i] = start_thread(take_turns, (void *)(intptr_t)i);
  for (int i = 0; i < THREADS; i++) join_thread(threads[i]);
  end_all();
}

int main(int argument_count, char **arguments) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_thread_agrees_with_the_model),
      cmocka_unit_test(threads_in_turn_agree_with_the_model),
  };
  seed = argument_count > 1 ? strtoull(arguments[1], NULL, 0) : 20260101;
  if (seed == 0) seed = 1;
  first_seed = seed;
  return cmocka_run_group_tests(tests, NULL, NULL);
}
