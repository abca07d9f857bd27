/* Limits, peaks and what is given back are exact to the one: for local pools, pools without caches, and pools with
   them. */
#include "support.h"

#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

enum { MOST = 32 };

typedef struct thing {
  bool broken;
  long n;
} thing;

static bool is_whole(thing *object, void *context) {
  (void)context;
  return !object->broken;
}

static void acquire_too(thing *object, void *context);
static bool wait_at_the_gate(thing *object, void *context);

OBJPOOL_DEFINE(thing_pool, thing);
OBJPOOL_DEFINE(local_pool, thing, opt.local = true);
OBJPOOL_DEFINE(checked_pool, thing, opt.validate = is_whole);
OBJPOOL_DEFINE(greedy_pool, thing, opt.destroy = acquire_too);
OBJPOOL_DEFINE(gated_pool, thing, opt.validate = wait_at_the_gate, opt.validate_on = OBJPOOL_ON_MAINTAIN);

/* Each kind of pool by the functions without the type, which run the same code. */
enum { LOCAL, UNCACHED, CACHED, KINDS };
static thing_pool shared;
static local_pool local;

static objpool *begin(int kind, size_t max_idle, size_t max_objects) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.max_idle = max_idle;
  config.max_objects = max_objects;
  config.cache_size = kind == UNCACHED ? OBJPOOL_NO_CACHE : 4;
  if (kind == LOCAL) {
    assert_true(local_pool_init(&local, &config));
    return &local.base;
  }
  assert_true(thing_pool_init(&shared, &config));
  return &shared.base;
}

static void take(objpool *pool, void **objects, size_t count) {
  assert_int_equal(objpool_acquire_many(pool, objects, count), count);
}

static void *come_and_go(void *pool) {
  void *object = objpool_acquire((objpool *)pool);
  CHECK(object);
  objpool_release((objpool *)pool, object);
  return NULL;
}

static void *stay_a_guest(void *pool) {
  objpool__set_thread_index(OBJPOOL__GUEST); /* as all threads beyond OBJPOOL_MAX_THREADS */
  return come_and_go(pool);
}

static void *take_as_a_guest(void *taken) {
  objpool__set_thread_index(OBJPOOL__GUEST);
  *(void **)taken = objpool_acquire(&shared.base);
  return NULL;
}

static void peak_that_a_thread_without_a_cache_reaches_is_noted_at_once(void **state) {
  (void)state;
  objpool *pool = begin(CACHED, 0, 0);
  void *mine[2], *other;
  for (int round = 0; round < 2; round++) { /* a peak of two idle: releases below it are not looked at one by one */
    take(pool, mine, 2);
    if (round == 0) objpool_release_many(pool, mine, 2);
  }
  in_another_thread(take_as_a_guest, &other);
  objpool_release(pool, mine[1]);
  objpool_release(pool, other);
  assert_int_equal(objpool_snapshot(pool).peak_in_use, 3);
  objpool_release(pool, mine[0]);
  objpool_destroy(pool);
}

static void *come_and_go_in_a_destructor(void *pool) {
  objpool__set_thread_index(OBJPOOL__LEAVING); /* as those beyond OBJPOOL_MAX_THREADS, it gets no slot */
  return come_and_go(pool);
}

/* They have nothing in common but the pool; also where one thread's slot holds what is idle. */
static void threads_without_a_cache_share_none(void **state) {
  (void)state;
  for (size_t cap = 0; cap < 2 * MOST; cap += MOST) {
    objpool_config config;
    memset(&config, 0, sizeof config);
    config.max_objects = cap;
    assert_true(thing_pool_init(&shared, &config));
    for (int round = 0; round < 4; round++) {
      come_and_go(&shared.base);
      in_another_thread(come_and_go_in_a_destructor, &shared.base);
      assert_int_equal(shared.base.state->slots.count, 1);
    }
    assert_int_equal(thing_pool_stats(&shared).acquires, 8);
    assert_int_equal(thing_pool_stats(&shared).idle, thing_pool_stats(&shared).created);
    thing_pool_destroy(&shared);
  }
}

/* Nobody is refused what lies in a slot that was opened, or came back in a heap, after the pool was dry: without a lock, as refusals are. */
static void *taken_before;
static void *take_all_in_a_destructor(void *pool) {
  void *objects[2 * MOST];
  objpool__set_thread_index(OBJPOOL__LEAVING);
  CHECK(objpool_acquire_many((objpool *)pool, objects, 2 * MOST) == MOST);
  CHECK(!objpool_try_acquire((objpool *)pool));
  taken_before = objects[0];
  return NULL;
}

static void *release_what_was_taken(void *pool) {
  objpool_release((objpool *)pool, taken_before);
  return NULL;
}

static void what_ends_a_dry_time_is_found(void **state) {
  (void)state;
  objpool *pool = begin(CACHED, 0, MOST);
  void *object, *objects[MOST];
  assert_true(thing_pool_attach(&shared)); /* with a slot that has never been open */
  in_another_thread(take_all_in_a_destructor, pool);
  assert_null(objpool_try_acquire(pool));
  assert_true(pool->state->limits.dry & 1);
  in_another_thread(release_what_was_taken, pool); /* into its slot */
  object = objpool_try_acquire(pool);
  assert_ptr_equal(object, taken_before);
  objpool_destroy(pool);
  pool = begin(CACHED, 0, MOST);
  take(pool, objects, MOST);
  for (int i = 0; i < 2; i++) assert_null(objpool_try_acquire(pool));
  assert_true(pool->state->limits.dry & 1);
  assert_int_equal(thing_pool_release_all(&shared), MOST);
  assert_non_null(object = objpool_try_acquire(pool));
  objpool_release(pool, object);
  objpool_destroy(pool);
}

/* Also what maintenance has set aside, where a hook of its own asks: nobody else could give it back. */
static bool takes_another(thing *object, void *context);
OBJPOOL_DEFINE(hungry_pool, thing, opt.validate = takes_another, opt.validate_on = OBJPOOL_ON_MAINTAIN);
static hungry_pool hungry;
static int got;

static bool takes_another(thing *object, void *context) {
  thing *other = hungry_pool_acquire(&hungry);
  (void)context;
  CHECK(other != object);
  if (!other) return true;
  got++;
  hungry_pool_release(&hungry, other);
  return true;
}

static void hook_of_maintenance_finds_what_is_set_aside(void **state) {
  static const size_t cache_sizes[] = {0, OBJPOOL_NO_CACHE, 4};
  (void)state;
  for (size_t i = 0; i < COUNT_OF(cache_sizes); i++) {
    objpool_config config;
    memset(&config, 0, sizeof config);
    config.max_objects = config.warmup = MOST;
    config.cache_size = cache_sizes[i];
    config.ignore_pressure = true;
    assert_true(hungry_pool_init(&hungry, &config));
    got = 0;
    (void)objpool_maintain(&hungry.base);
    assert_true(got > 0);
    assert_int_equal(hungry_pool_stats(&hungry).in_use, 0);
    hungry_pool_destroy(&hungry);
  }
}

/* Last, in turn: nobody but this thread was ever there; another was; another was, without a cache of its own. */
static void peak_of_what_is_in_use_is_exact_for_one_thread(void **state) {
  (void)state;
  for (int kind = 0; kind < KINDS + 2; kind++) {
    objpool *pool = begin(kind < KINDS ? kind : CACHED, 0, 0);
    if (kind == KINDS) in_another_thread(come_and_go, pool);
    if (kind == KINDS + 1) in_another_thread(stay_a_guest, pool);
    uint64_t seed = 3, in_use = 0, peak = 0;
    void *held[MOST];
    for (int i = 0; i < 6000; i++) {
      size_t bound = 1 + (size_t)(i / 300) % MOST; /* the peak grows slowly, and is approached again and again */
      if (random_next(&seed) >> 63 && in_use < bound) {
        take(pool, &held[in_use++], 1);
        if (peak < in_use) peak = in_use;
      } else if (in_use > 0) {
        in_use--;
        if (random_below(&seed, 8) == 0)
          objpool_discard(pool, held[in_use]);
        else
          objpool_release(pool, held[in_use]);
      }
      if (random_below(&seed, 300) == 0) (void)objpool_trim(pool, random_below(&seed, 4));
      if (random_below(&seed, 40) == 0) assert_int_equal(objpool_snapshot(pool).peak_in_use, peak);
      if (random_below(&seed, 400) == 0) {
        objpool_reset_stats(pool);
        peak = in_use;
      }
    }
    objpool_release_many(pool, held, in_use);
    assert_int_equal(objpool_snapshot(pool).peak_in_use, peak);
    objpool_destroy(pool);
  }
}

static void peak_that_ends_in_a_discard_or_after_a_trim_is_noted(void **state) {
  (void)state;
  for (int kind = 0; kind < KINDS; kind++)
    for (int discarded = 0; discarded < 2; discarded++) {
      void *held[6];
      objpool *pool = begin(kind, 0, 0);
      take(pool, held, 6);
      objpool_release_many(pool, held, 6);
      objpool_reset_stats(pool);
      take(pool, held, 3);
      if (discarded) {
        for (size_t i = 0; i < 3; i++) objpool_discard(pool, held[i]);
      } else {
        assert_int_equal(objpool_trim(pool, 0), 3);
        objpool_release_many(pool, held, 3);
      }
      assert_int_equal(objpool_snapshot(pool).peak_in_use, 3);
      objpool_destroy(pool);
    }
}

static void peak_of_what_is_idle_is_exact_for_local_pools(void **state) {
  objpool *pool = begin(LOCAL, 0, 0);
  uint64_t seed = 5, in_use = 0, alive = 0, peak = 0;
  void *held[MOST];
  (void)state;
  for (int i = 0; i < 6000; i++) {
    if (random_next(&seed) >> 63 && in_use < MOST) {
      take(pool, &held[in_use++], 1);
      if (alive < in_use) alive = in_use;
    } else if (in_use > 0) {
      objpool_release(pool, held[--in_use]);
    }
    if (peak < alive - in_use) peak = alive - in_use;
    if (random_below(&seed, 40) == 0) assert_int_equal(objpool_snapshot(pool).peak_idle, peak);
    if (random_below(&seed, 400) == 0) {
      objpool_reset_stats(pool);
      peak = alive - in_use;
    }
  }
  objpool_release_many(pool, held, in_use);
  objpool_destroy(pool);
}

static void peak_of_what_is_idle_stays_after_a_look_or_a_warmup(void **state) {
  (void)state;
  for (int kind = 0; kind < KINDS; kind++)
    for (int looked = 0; looked < 2; looked++) {
      void *held[5];
      objpool *pool = begin(kind, 0, 0);
      if (looked) {
        take(pool, held, 5);
        objpool_release_many(pool, held, 5);
        assert_int_equal(objpool_snapshot(pool).peak_idle, 5);
      } else {
        assert_int_equal(objpool_warmup(pool, 5), 5);
      }
      take(pool, held, 5);
      assert_int_equal(objpool_snapshot(pool).idle, 0);
      assert_int_equal(objpool_snapshot(pool).peak_idle, 5);
      objpool_release_many(pool, held, 5);
      objpool_destroy(pool);
    }
}

static void warmup_stops_at_max_idle(void **state) {
  (void)state;
  for (int kind = 0; kind < KINDS; kind++) {
    objpool *pool = begin(kind, 4, 0);
    assert_int_equal(objpool_warmup(pool, 5), 4);
    assert_int_equal(objpool_snapshot(pool).created, 4);
    assert_int_equal(objpool_snapshot(pool).idle, 4);
    objpool_destroy(pool);
  }
}

static void one_object_above_a_lower_cap_goes_and_is_no_overflow(void **state) {
  (void)state;
  for (int kind = 0; kind < KINDS; kind++) {
    void *held[5];
    objpool *pool = begin(kind, 0, 8);
    take(pool, held, 5);
    objpool_release_many(pool, held, 5); /* a local pool now knows that as many may be idle */
    take(pool, held, 5);
    assert_true(objpool_resize(pool, OBJPOOL_UNCHANGED, 4));
    objpool_release(pool, held[0]);
    objpool_stats stats = objpool_snapshot(pool);
    assert_int_equal(stats.destroyed, 1);
    assert_int_equal(stats.overflowed, 0);
    assert_int_equal(stats.idle, 0);
    objpool_release_many(pool, held + 1, 4);
    stats = objpool_snapshot(pool);
    assert_int_equal(stats.destroyed, 1);
    assert_int_equal(stats.idle, 4);
    objpool_destroy(pool);
  }
}

static void idle_object_goes_first_when_the_cap_is_lowered(void **state) {
  (void)state;
  for (int kind = 0; kind < KINDS; kind++) {
    void *held[6];
    objpool *pool = begin(kind, 0, 8);
    take(pool, held, 6);
    objpool_release_many(pool, held + 4, 2);
    assert_true(objpool_resize(pool, OBJPOOL_UNCHANGED, 5));
    objpool_stats stats = objpool_snapshot(pool);
    assert_int_equal(stats.idle, 1);
    assert_int_equal(stats.destroyed, 1);
    objpool_release_many(pool, held, 4);
    assert_int_equal(objpool_snapshot(pool).idle, 5);
    objpool_destroy(pool);
  }
}

static void release_after_a_lower_max_idle_asks(void **state) {
  (void)state;
  for (int kind = 0; kind < KINDS; kind++) {
    void *held[6];
    objpool *pool = begin(kind, 6, 0);
    for (int i = 0; i < 3; i++) { /* a local pool now knows that six may be idle */
      take(pool, held, 6);
      objpool_release_many(pool, held, 6);
    }
    take(pool, held, 6);
    assert_true(objpool_resize(pool, 2, OBJPOOL_UNCHANGED));
    objpool_release_many(pool, held, 6);
    assert_int_equal(objpool_snapshot(pool).idle, 2);
    assert_int_equal(objpool_snapshot(pool).overflowed, 4);
    objpool_destroy(pool);
  }
}

static void limit_on_idle_beyond_any_count_is_none(void **state) {
  (void)state;
  for (int kind = 0; kind < KINDS; kind++) {
    void *held[20];
    objpool *pool = begin(kind, SIZE_MAX - 1, 0);
    take(pool, held, 20);
    objpool_release_many(pool, held, 20);
    assert_int_equal(objpool_snapshot(pool).idle, 20);
    take(pool, held, 20);
    assert_true(objpool_resize(pool, (size_t)PTRDIFF_MAX + 1, OBJPOOL_UNCHANGED));
    objpool_release_many(pool, held, 20);
    assert_int_equal(objpool_snapshot(pool).idle, 20);
    assert_int_equal(objpool_snapshot(pool).created, 20);
    objpool_destroy(pool);
  }
}

static void place_of_an_invalid_object_is_free_when_another_was_found(void **state) {
  (void)state;
  for (int cached = 0; cached < 2; cached++) {
    objpool_config config;
    checked_pool pool;
    thing *held[3];
    memset(&config, 0, sizeof config);
    config.max_objects = 3;
    config.cache_size = cached ? 2 : OBJPOOL_NO_CACHE;
    assert_true(checked_pool_init(&pool, &config));
    for (size_t i = 0; i < 2; i++) held[i] = checked_pool_acquire(&pool);
    held[1]->broken = true; /* released last, and so the next to be handed out */
    for (size_t i = 0; i < 2; i++) checked_pool_release(&pool, held[i]);
    if (cached) { /* out of this thread's cache */
      objpool__hold(pool.base.state);
      objpool__unhold(&pool.base.state->gate);
      objpool__keep_closed(&pool.base.state->gate);
    }
    thing *good = checked_pool_acquire(&pool);
    assert_ptr_equal(good, held[0]);
    assert_int_equal(checked_pool_stats(&pool).invalid, 1);
    for (size_t i = 0; i < 2; i++) assert_non_null(held[i] = checked_pool_acquire(&pool));
    assert_null(checked_pool_acquire(&pool));
    for (size_t i = 0; i < 2; i++) checked_pool_release(&pool, held[i]);
    checked_pool_release(&pool, good);
    assert_int_equal(pool.base.state->limits.alive, 3);
    checked_pool_destroy(&pool);
  }
}

static void *leave_one_in_the_commons(void *pool) {
  thing *object = thing_pool_acquire((thing_pool *)pool);
  CHECK(object);
  thing_pool_release((thing_pool *)pool, object);
  return NULL;
}

static void cell_that_was_not_needed_goes_back(void **state) {
  thing_pool pool;
  thing *held[2];
  (void)state;
  memset(&pool, 0, sizeof pool);
  held[0] = thing_pool_acquire(&pool); /* the slot now has fresh cells of its own */
  in_another_thread(leave_one_in_the_commons, &pool);
  held[1] = thing_pool_acquire(&pool);
  assert_int_equal(thing_pool_stats(&pool).created, 2);
  for (size_t i = 0; i < 2; i++) thing_pool_release(&pool, held[i]);
  assert_int_equal(thing_pool_clear(&pool), 2);
  assert_int_equal(pool.base.state->blocks.count, 0);
  thing_pool_destroy(&pool);
}

/* One object of a block stays in use, the other block is idle wholly: a trim takes that one's. */
static void trim_takes_from_the_emptiest_block_first(void **state) {
  (void)state;
  for (int older = 0; older < 2; older++) {
    objpool_config config;
    thing_pool pool;
    memset(&config, 0, sizeof config);
    config.growth_factor = 1;
    config.cache_size = OBJPOOL_NO_CACHE;
    assert_true(thing_pool_init(&pool, &config));
    thing *first = thing_pool_acquire(&pool);
    size_t cells = pool.base.state->blocks.cells;
    thing **held = (thing **)calloc(2 * cells, sizeof *held);
    assert_non_null(held);
    held[0] = first;
    for (size_t i = 1; i < 2 * cells; i++) held[i] = thing_pool_acquire(&pool);
    assert_int_equal(pool.base.state->blocks.count, 2);
    size_t kept = older ? 0 : 2 * cells - 1; /* in the first or in the last block */
    for (size_t i = 0; i < 2 * cells; i++)
      if (i != kept) thing_pool_release(&pool, held[i]);
    assert_int_equal(thing_pool_trim(&pool, cells - 1), cells);
    assert_int_equal(pool.base.state->blocks.count, 1);
    thing_pool_release(&pool, held[kept]);
    free(held);
    thing_pool_destroy(&pool);
  }
}

/* ---- a pool that is being destroyed hands nothing out */

static greedy_pool greedy;
static int refused;

static void acquire_too(thing *object, void *context) {
  (void)object, (void)context;
  errno = 0;
  if (!greedy_pool_acquire(&greedy) && errno == ECANCELED) refused++;
}

static void nothing_is_handed_out_while_the_pool_is_destroyed(void **state) {
  thing *held[2];
  (void)state;
  for (int variant = 0; variant < 3; variant++) { /* the others have no caches, and a word */
    objpool_config config;
    memset(&config, 0, sizeof config);
    if (variant) config.max_objects = 8;
    if (variant == 2) config.cache_size = OBJPOOL_NO_CACHE;
    assert_true(greedy_pool_init(&greedy, &config));
    for (size_t i = 0; i < 2; i++) held[i] = greedy_pool_acquire(&greedy);
    for (size_t i = 0; i < 2; i++) greedy_pool_release(&greedy, held[i]);
    refused = 0;
    greedy_pool_destroy(&greedy);
    assert_int_equal(refused, 2);
  }
}

/* ---- the registry */

static void look_again(objpool *pool, void *seen) {
  assert_ptr_equal(objpool_registry_find(objpool_name(pool)), pool); /* enters and leaves once more */
  assert_int_equal(objpool__registry.depth, 1);
  assert_true(objpool__registry.owner == objpool__self());
  ++*(int *)seen;
}

static void registry_is_held_until_the_outermost_visit_ends(void **state) {
  objpool_config config;
  thing_pool pools[2];
  int seen = 0;
  (void)state;
  memset(&config, 0, sizeof config);
  config.name = "older";
  config.max_objects = 8;
  config.max_idle = 4;
  assert_true(thing_pool_init(&pools[0], &config));
  sleep_ms(2);
  config.name = "younger";
  assert_true(thing_pool_init(&pools[1], &config));
  assert_null(objpool_registry_find(NULL));
  assert_int_equal(objpool_registry_each(look_again, &seen), 2);
  assert_int_equal(seen, 2);
  assert_int_equal(objpool__registry.depth, 0);
  assert_true(objpool__registry.owner == 0);
  objpool_stats older = thing_pool_stats(&pools[0]), younger = thing_pool_stats(&pools[1]),
                both = objpool_registry_snapshot();
  assert_true(older.since_ns < younger.since_ns);
  assert_true(both.since_ns == older.since_ns);
  assert_true(both.now_ns >= younger.now_ns);
  assert_int_equal(both.max_objects, 16);
  assert_int_equal(both.max_idle, 8);
  thing_pool_destroy(&pools[0]);
  thing_pool_destroy(&pools[1]);
}

/* ---- monitors */

static gated_pool gated;
static gate entrance;
static long waiting_there, destroyed;

static bool wait_at_the_gate(thing *object, void *context) {
  (void)object, (void)context;
  if (count_add(&waiting_there, 1) == 1) gate_wait(&entrance);
  return true;
}

static void *destroy_gated(void *unused) {
  (void)unused;
  gated_pool_destroy(&gated);
  count_add(&destroyed, 1);
  return NULL;
}

static void pool_is_not_destroyed_while_a_monitor_maintains_it(void **state) {
  objpool_config config;
  objpool_monitor monitor;
  (void)state;
  memset(&config, 0, sizeof config);
  config.name = "gated";
  config.warmup = 1;
  gate_make(&entrance);
  assert_true(gated_pool_init(&gated, &config));
  assert_true(objpool_monitor_init(&monitor, NULL, NULL, NULL));
  assert_true(objpool_monitor_start(&monitor, 1000000));
  WAIT_UNTIL(count_read(&waiting_there) == 1);
  pthread_t thread = start_thread(destroy_gated, NULL);
  sleep_ms(50);
  assert_int_equal(count_read(&destroyed), 0);
  gate_open(&entrance);
  join_thread(thread);
  objpool_monitor_destroy(&monitor);
  gate_close(&entrance);
}

static void destroy_in_child(void *unused) {
  (void)unused;
  gated_pool_destroy(&gated);
  CHECK(!objpool_registry_find("gated"));
}

static void a_child_destroys_a_pool_that_a_monitor_of_its_parent_was_maintaining(void **state) {
  objpool_config config;
  objpool_monitor monitor;
  char output[512] = "";
  (void)state;
  memset(&config, 0, sizeof config);
  config.name = "gated";
  config.warmup = 1;
  count_set(&waiting_there, 0);
  gate_make(&entrance);
  assert_true(gated_pool_init(&gated, &config));
  assert_true(objpool_monitor_init(&monitor, NULL, NULL, NULL));
  assert_true(objpool_monitor_start(&monitor, 1000000));
  WAIT_UNTIL(count_read(&waiting_there) == 1);
  int status = in_child(destroy_in_child, NULL, output, sizeof output);
  gate_open(&entrance);
  objpool_monitor_destroy(&monitor);
  gated_pool_destroy(&gated);
  gate_close(&entrance);
  if (!EXITED_WELL(status)) fail_msg("the child: %s", output);
}

static void start_again(void *monitor) {
  CHECK(objpool_monitor_start((objpool_monitor *)monitor, 1000000)); /* the parent's thread stayed behind */
  objpool_monitor_stop((objpool_monitor *)monitor);
}

static void monitor_may_be_started_again_in_a_child(void **state) {
  objpool_monitor monitor;
  char output[512];
  (void)state;
  assert_true(objpool_monitor_init(&monitor, NULL, NULL, NULL));
  assert_true(objpool_monitor_start(&monitor, 1000000));
  if (!THREAD_SANITIZED) /* which starts no threads in such a child */
    assert_true(EXITED_WELL(in_child(start_again, &monitor, output, sizeof output)));
  objpool_monitor_destroy(&monitor);
}

static void the_shortest_timeout_ends(void **state) {
  (void)state;
  objpool *pool = begin(UNCACHED, 0, 1);
  void *held = objpool_acquire(pool);
  assert_null(objpool_acquire_for(pool, 1));
  assert_int_equal(errno, ETIMEDOUT);
  objpool_release(pool, held);
  objpool_destroy(pool);
}

static long asked;
static void *ask(size_t size, size_t alignment, void *context) {
  void *memory = NULL;
  (void)context;
  asked++;
  return posix_memalign(&memory, alignment < sizeof(void *) ? sizeof(void *) : alignment, size) ? NULL : memory;
}
static void give(void *memory, size_t size, size_t alignment, void *context) {
  (void)size, (void)alignment, (void)context;
  free(memory);
}
static void reserve_of_one_is_had_by_init(void **state) {
  (void)state;
  objpool_config config;
  memset(&config, 0, sizeof config);
  static char name[8000];
  memset(name, 'n', sizeof name);
  name[sizeof name - 1] = '\0';
  config.name = name; /* it lies there, too: too long for what is left over */
  config.reserve = config.max_objects = 1;
  config.cache_size = OBJPOOL_NO_CACHE;
  config.allocator.allocate = ask;
  config.allocator.deallocate = give;
  assert_true(thing_pool_init(&shared, &config));
  assert_int_equal(asked, 1);
  assert_int_equal(asked, 1);
  thing_pool_destroy(&shared);
}

static void rebind_begins_a_pool_that_was_never_used(void **state) {
  (void)state;
  assert_true(thing_pool_rebind(&shared));
  come_and_go(&shared.base);
  thing_pool_destroy(&shared);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(peak_of_what_is_in_use_is_exact_for_one_thread),
      cmocka_unit_test(threads_without_a_cache_share_none),
      cmocka_unit_test(what_ends_a_dry_time_is_found),
      cmocka_unit_test(hook_of_maintenance_finds_what_is_set_aside),
      cmocka_unit_test(peak_that_a_thread_without_a_cache_reaches_is_noted_at_once),
      cmocka_unit_test(peak_that_ends_in_a_discard_or_after_a_trim_is_noted),
      cmocka_unit_test(peak_of_what_is_idle_is_exact_for_local_pools),
      cmocka_unit_test(peak_of_what_is_idle_stays_after_a_look_or_a_warmup),
      cmocka_unit_test(warmup_stops_at_max_idle),
      cmocka_unit_test(one_object_above_a_lower_cap_goes_and_is_no_overflow),
      cmocka_unit_test(idle_object_goes_first_when_the_cap_is_lowered),
      cmocka_unit_test(release_after_a_lower_max_idle_asks),
      cmocka_unit_test(limit_on_idle_beyond_any_count_is_none),
      cmocka_unit_test(place_of_an_invalid_object_is_free_when_another_was_found),
      cmocka_unit_test(cell_that_was_not_needed_goes_back),
      cmocka_unit_test(trim_takes_from_the_emptiest_block_first),
      cmocka_unit_test(nothing_is_handed_out_while_the_pool_is_destroyed),
      cmocka_unit_test(pool_is_not_destroyed_while_a_monitor_maintains_it),
      cmocka_unit_test(a_child_destroys_a_pool_that_a_monitor_of_its_parent_was_maintaining),
      cmocka_unit_test(monitor_may_be_started_again_in_a_child),
      cmocka_unit_test(registry_is_held_until_the_outermost_visit_ends),
      cmocka_unit_test(the_shortest_timeout_ends),
      cmocka_unit_test(reserve_of_one_is_had_by_init),
      cmocka_unit_test(rebind_begins_a_pool_that_was_never_used),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
