/* Calls that meet: hooks that use the pool they serve, forks in the middle of things, revocations between two steps
   of an owner. Where two threads would have to meet within a few instructions, the test does by hand what the other
   thread would have done. */
#include "support.h"

#define OBJPOOL_PANIC(message) panic_seen(message)
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

typedef struct thing {
  long n;
  char text[56];
} thing;

/* What a pool's hooks shall do the next time they run; each is used once. */
static void (*on_create)(void *pool), (*on_validate)(void *pool), (*on_destroy)(void *pool);
static void *hooked; /* the pool, which is also the hooks' context */
static bool valid;
static long validated, told[10];

static void run_once(void (**hook)(void *), void *pool) {
  void (*body)(void *) = *hook;
  *hook = NULL;
  if (body) body(pool);
}
static bool create_hook(thing *object, void *context) {
  (void)object, (void)context;
  run_once(&on_create, hooked);
  return true;
}
static bool validate_hook(thing *object, void *context) {
  (void)object, (void)context;
  validated++;
  run_once(&on_validate, hooked);
  return valid;
}
static void destroy_hook(thing *object, void *context) {
  (void)object, (void)context;
  run_once(&on_destroy, hooked);
}
static void event_hook(const objpool_event *event, void *context) {
  (void)context;
  told[event->kind]++;
}

OBJPOOL_DEFINE(thing_pool, thing);
OBJPOOL_DEFINE(creating_pool, thing, opt.create = create_hook);
OBJPOOL_DEFINE(destroying_pool, thing, opt.destroy = destroy_hook);
OBJPOOL_DEFINE(checked_pool, thing, opt.validate = validate_hook, opt.validate_on = OBJPOOL_ON_ACQUIRE);
OBJPOOL_DEFINE(maintained_pool, thing, opt.validate = validate_hook, opt.validate_on = OBJPOOL_ON_MAINTAIN);
OBJPOOL_DEFINE(told_pool, thing, opt.validate = validate_hook, opt.validate_on = OBJPOOL_ON_RELEASE,
               opt.on_event = event_hook);
OBJPOOL_DEFINE(local_pool, thing, opt.local = true);
OBJPOOL_DEFINE(local_checked_pool, thing, opt.local = true, opt.validate = validate_hook,
               opt.validate_on = OBJPOOL_ON_ACQUIRE);
OBJPOOL_DEFINE(local_maintained_pool, thing, opt.local = true, opt.validate = validate_hook,
               opt.validate_on = OBJPOOL_ON_MAINTAIN, opt.destroy = destroy_hook);

static int begin(void **state) {
  (void)state;
  on_create = on_validate = on_destroy = NULL;
  valid = true;
  validated = 0;
  memset(told, 0, sizeof told);
  return 0;
}

static objpool_config with_cache(size_t cache_size) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.cache_size = cache_size;
  return config;
}

static void balanced(const objpool *pool, uint64_t in_use, uint64_t idle) {
  objpool_stats stats = objpool_snapshot(pool);
  assert_int_equal(stats.in_use, in_use);
  assert_int_equal(stats.idle, idle);
  assert_int_equal(stats.created - stats.destroyed - stats.extracted, in_use + idle);
  assert_int_equal(stats.acquires - stats.releases - stats.extracted, in_use);
}

/* >>hooks that use their pool */

static void release_kept(void *pool);
static thing *kept;
static void release_kept(void *pool) {
  objpool_release((objpool *)pool, kept);
  kept = NULL;
}

static void create_may_release_what_is_then_idle(void **state) {
  static creating_pool pool;
  (void)state;
  hooked = &pool;
  kept = creating_pool_acquire(&pool);
  creating_pool_release(&pool, kept); /* the thread's cache is open now */
  kept = creating_pool_acquire(&pool);
  on_create = release_kept;
  thing *other = creating_pool_acquire(&pool);
  assert_non_null(other);
  balanced(&pool.base, 1, 1);
  assert_int_equal(creating_pool_stats(&pool).peak_in_use, 1);
  creating_pool_release(&pool, other);
  creating_pool_destroy(&pool);
}

static void a_warmup_whose_create_fills_the_pool_keeps_max_idle(void **state) {
  static creating_pool pool;
  static const size_t caches[] = {0, OBJPOOL_NO_CACHE};
  (void)state;
  for (size_t i = 0; i < COUNT_OF(caches); i++) {
    objpool_config config = with_cache(caches[i]);
    config.max_idle = 1;
    assert_true(creating_pool_init(&pool, &config));
    hooked = &pool;
    kept = creating_pool_acquire(&pool);
    assert_non_null(kept);
    on_create = release_kept;
    creating_pool_warmup(&pool, 1);
    assert_null(kept);
    balanced(&pool.base, 0, 1);
    creating_pool_destroy(&pool);
  }
}

static void use_while_destroyed(void *pool) {
  errno = 0;
  assert_null(objpool_acquire((objpool *)pool));
  assert_int_equal(errno, ECANCELED);
  assert_int_equal(objpool_warmup((objpool *)pool, 10), 0);
}

static void nothing_is_acquired_from_a_pool_that_is_being_destroyed(void **state) {
  static const size_t caches[] = {0, OBJPOOL_NO_CACHE};
  (void)state;
  for (size_t i = 0; i < COUNT_OF(caches); i++) {
    static destroying_pool pool;
    objpool_config config = with_cache(caches[i]);
    assert_true(destroying_pool_init(&pool, &config));
    hooked = &pool;
    assert_int_equal(destroying_pool_warmup(&pool, 2), 2);
    on_destroy = use_while_destroyed;
    destroying_pool_destroy(&pool);
    assert_null(on_destroy); /* it ran */
  }
}

static void every_invalid_object_goes_before_a_new_one_is_made(void **state) {
  static const size_t caches[] = {0, OBJPOOL_NO_CACHE};
  (void)state;
  for (size_t i = 0; i < COUNT_OF(caches); i++) {
    static checked_pool pool;
    objpool_config config = with_cache(caches[i]);
    config.max_objects = 3;
    config.warmup = 3;
    begin(NULL);
    assert_true(checked_pool_init(&pool, &config));
    valid = false;
    thing *object = checked_pool_acquire(&pool);
    assert_non_null(object);
    assert_int_equal(validated, 3);
    assert_int_equal(checked_pool_stats(&pool).invalid, 3);
    balanced(&pool.base, 1, 0);
    checked_pool_release(&pool, object);
    objpool_maintain(&pool.base); /* does not ask: this pool validates on acquire */
    assert_int_equal(validated, 3);
    assert_null(checked_pool_try_acquire(&pool)); /* creates nothing in its place */
    balanced(&pool.base, 0, 0);
    checked_pool_destroy(&pool);
  }
}

static void a_local_pool_replaces_what_is_invalid(void **state) {
  static local_checked_pool pool;
  (void)state;
  thing *objects[3];
  assert_int_equal(local_checked_pool_acquire_many(&pool, objects, 3), 3);
  local_checked_pool_release_many(&pool, objects, 3);
  local_checked_pool_reset_stats(&pool);
  valid = false;
  for (int i = 0; i < 2; i++) { /* the first of a new peak is a slow one, the second not */
    thing *object = local_checked_pool_acquire(&pool);
    assert_non_null(object);
    local_checked_pool_release(&pool, object);
  }
  assert_true(local_checked_pool_stats(&pool).invalid >= 2);
  assert_int_equal(local_checked_pool_stats(&pool).in_use, 0);
  local_checked_pool_destroy(&pool);
}

static void a_refused_release_is_told_as_release_and_destruction(void **state) {
  static told_pool pool;
  (void)state;
  thing *object = told_pool_acquire(&pool);
  assert_non_null(object);
  valid = false;
  told_pool_release(&pool, object);
  assert_int_equal(told[OBJPOOL_EVENT_RELEASE], 1);
  assert_int_equal(told[OBJPOOL_EVENT_DESTROY], 1);
  balanced(&pool.base, 0, 0);
  told_pool_destroy(&pool);
}

/* >>maintenance, which sets idle objects aside while it validates them */

static thing *found;
static void acquire_one(void *pool) { found = (thing *)objpool_acquire((objpool *)pool); }

static void what_maintenance_set_aside_can_be_acquired(objpool *pool) {
  hooked = pool;
  assert_int_equal(objpool_warmup(pool, 4), 4);
  assert_true(objpool_resize(pool, 0, 4));
  found = NULL;
  on_validate = acquire_one; /* runs when one is being validated and three are set aside */
  objpool_maintain(pool);
  assert_non_null(found);
  balanced(pool, 1, 3);
  assert_int_equal(objpool_snapshot(pool).created, 4);
  objpool_release(pool, found);
  assert_true(objpool_resize(pool, 0, 0));
  balanced(pool, 0, 4);
  objpool_destroy(pool);
}

static void no_acquire_fails_because_maintenance_has_the_objects(void **state) {
  static maintained_pool pool;
  static local_maintained_pool local;
  static const size_t caches[] = {0, OBJPOOL_NO_CACHE};
  (void)state;
  for (size_t i = 0; i < COUNT_OF(caches); i++) {
    objpool_config config = with_cache(caches[i]);
    assert_true(maintained_pool_init(&pool, &config));
    what_maintenance_set_aside_can_be_acquired(&pool.base);
  }
  assert_true(local_maintained_pool_init(&local, NULL));
  what_maintenance_set_aside_can_be_acquired(&local.base);
}

static void lower_max_idle_and_release_kept(void *pool) {
  assert_true(objpool_resize((objpool *)pool, 1, 0));
  release_kept(pool);
}

/* One of the idle objects is being validated when the hook fills the pool. */
static void what_no_longer_fits_goes_though_it_is_valid(objpool *pool, size_t idle, void (*hook)(void *pool)) {
  void *others[2] = {NULL, NULL};
  hooked = pool;
  assert_int_equal(objpool_acquire_many(pool, others, idle), idle);
  kept = (thing *)objpool_acquire(pool);
  assert_non_null(kept);
  objpool_release_many(pool, others, idle);
  balanced(pool, 1, idle);
  on_validate = hook;
  objpool_maintain(pool);
  assert_null(kept);
  balanced(pool, 0, 1);
  assert_int_equal(objpool_snapshot(pool).invalid, 0);
  objpool_destroy(pool);
}

static void objects_that_no_longer_fit_go_though_they_are_valid(void **state) {
  static maintained_pool pool;
  static local_maintained_pool local;
  static const size_t caches[] = {0, OBJPOOL_NO_CACHE};
  (void)state;
  for (size_t i = 0; i < COUNT_OF(caches); i++) {
    objpool_config config = with_cache(caches[i]);
    config.max_idle = 1;
    assert_true(maintained_pool_init(&pool, &config));
    what_no_longer_fits_goes_though_it_is_valid(&pool.base, 1, release_kept);
    config.max_idle = 2;
    assert_true(maintained_pool_init(&pool, &config));
    what_no_longer_fits_goes_though_it_is_valid(&pool.base, 2, lower_max_idle_and_release_kept);
    config.max_idle = 1;
    assert_true(local_maintained_pool_init(&local, &config));
    what_no_longer_fits_goes_though_it_is_valid(&local.base, 1, release_kept);
  }
}

/* Found by the fast paths and by others. */
#define GOOD_AS_BEFORE(P, config)                                                                      \
  do {                                                                                                 \
    static P pool;                                                                                     \
    thing *objects[40];                                                                                \
    assert_true(P##_init(&pool, (config)));                                                            \
    for (int turn = 0; turn < 3; turn++) {                                                             \
      for (size_t i = 0; i < COUNT_OF(objects); i++) assert_non_null(objects[i] = P##_acquire(&pool)); \
      for (size_t i = 0; i < COUNT_OF(objects); i++) P##_release(&pool, objects[i]);                   \
      objpool_maintain(&pool.base);                                                                    \
      balanced(&pool.base, 0, P##_stats(&pool).idle); /* a few may go */                               \
    }                                                                                                  \
    P##_destroy(&pool);                                                                                \
  } while (0)

static void objects_that_were_validated_are_as_good_as_before(void **state) {
  static const size_t caches[] = {0, OBJPOOL_NO_CACHE, 8};
  (void)state;
  for (size_t kind = 0; kind < COUNT_OF(caches); kind++) {
    objpool_config config = with_cache(caches[kind]);
    GOOD_AS_BEFORE(maintained_pool, &config);
  }
  GOOD_AS_BEFORE(local_maintained_pool, NULL);
}

static void use_one(void *pool) {
  void *object = objpool_acquire((objpool *)pool);
  assert_non_null(object);
  objpool_release((objpool *)pool, object);
}

static void trim_to_one(void *pool) { assert_int_equal(objpool_trim((objpool *)pool, 1), 1); }

static void a_peak_is_seen_while_a_trim_destroys_what_maintenance_set_aside(void **state) {
  static local_maintained_pool pool;
  (void)state;
  hooked = &pool.base;
  assert_int_equal(local_maintained_pool_warmup(&pool, 3), 3);
  on_validate = trim_to_one; /* of the two set aside one becomes reachable, and one goes */
  on_destroy = use_one;
  objpool_maintain(&pool.base);
  assert_int_equal(local_maintained_pool_stats(&pool).peak_in_use, 1);
  balanced(&pool.base, 0, 2);
  local_maintained_pool_destroy(&pool);
}

static bool no_memory; /* for the next that asks */

static void *allocate_unless_told(size_t size, size_t alignment, void *context) {
  void *memory = NULL;
  (void)context;
  if (no_memory)
    no_memory = false;
  else if (posix_memalign(&memory, alignment < sizeof(void *) ? sizeof(void *) : alignment, size) != 0)
    memory = NULL;
  return memory;
}
static void deallocate(void *memory, size_t size, size_t alignment, void *context) {
  (void)size, (void)alignment, (void)context;
  free(memory);
}

static void a_peak_is_seen_by_a_cache_that_only_a_hook_could_get(void **state) {
  static checked_pool pool;
  objpool_config config = with_cache(0);
  (void)state;
  config.warmup = 2;
  config.allocator.allocate = allocate_unless_told;
  config.allocator.deallocate = deallocate;
  assert_true(checked_pool_init(&pool, &config));
  hooked = &pool.base;
  on_validate = use_one;
  no_memory = true; /* when the thread wants its cache; there is some when the hook does */
  thing *first = checked_pool_acquire(&pool);
  assert_non_null(first);
  assert_false(no_memory);
  assert_null(on_validate);
  checked_pool_release(&pool, checked_pool_acquire(&pool));
  assert_int_equal(checked_pool_stats(&pool).peak_in_use, 2);
  checked_pool_release(&pool, first);
  balanced(&pool.base, 0, 2);
  checked_pool_destroy(&pool);
}

/* >>forks in the middle of things */

static int child_status;
static bool in_the_child;

static void fork_here(void *pool) {
  (void)pool;
  fflush(NULL);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    alarm(30);
    in_the_child = true; /* and on with what the hook interrupted */
  } else {
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    __atomic_store_n(&child_status, status, __ATOMIC_RELEASE);
  }
}

static void a_child_that_is_forked_by_a_hook_of_maintenance_goes_on(void **state) {
  static maintained_pool pool;
  static const size_t caches[] = {0, OBJPOOL_NO_CACHE};
  (void)state;
  for (size_t i = 0; i < COUNT_OF(caches); i++) {
    objpool_config config = with_cache(caches[i]);
    config.min_idle = 5;
    assert_true(maintained_pool_init(&pool, &config));
    hooked = &pool;
    assert_int_equal(maintained_pool_warmup(&pool, 5), 5);
    in_the_child = false;
    on_validate = fork_here;
    objpool_maintain(&pool.base);
    if (in_the_child) {
      thing *objects[70];
      CHECK(maintained_pool_acquire_many(&pool, objects, 70) == 70);
      maintained_pool_release_many(&pool, objects, 70);
      CHECK(maintained_pool_stats(&pool).in_use == 0);
      CHECK(maintained_pool_trim(&pool, 3) >= 60); /* holds the caches closed, and lets go */
      CHECK(pool.base.state->gate.hold == 0);
      _exit(0);
    }
    assert_true(EXITED_WELL(child_status));
    balanced(&pool.base, 0, 5);
    maintained_pool_destroy(&pool);
  }
}

static void fork_once_then_end(void *pool) {
  fork_here(pool);
  if (in_the_child) on_validate = NULL;
}

static objpool_pressure count_looks(void *user) {
  if (in_the_child && count_add((long *)user, 1) >= 4) _exit(0); /* the child's copy of the thread goes its rounds */
  return OBJPOOL_PRESSURE_NONE;
}

static void a_child_forked_by_the_monitors_thread_goes_on_in_it(void **state) {
  static maintained_pool pool;
  static long looks;
  objpool_monitor monitor;
  objpool_config config = with_cache(0);
  (void)state;
  config.name = "monitored";
  assert_true(maintained_pool_init(&pool, &config));
  hooked = &pool;
  assert_int_equal(maintained_pool_warmup(&pool, 5), 5);
  in_the_child = false;
  child_status = -1;
  count_set(&looks, 0);
  objpool_set_pressure_source(count_looks, &looks);
  on_validate = fork_once_then_end;
  assert_true(objpool_monitor_init(&monitor, NULL, NULL, NULL));
  assert_true(objpool_monitor_start(&monitor, 1000000));
  WAIT_UNTIL(__atomic_load_n(&child_status, __ATOMIC_ACQUIRE) != -1);
  objpool_monitor_destroy(&monitor);
  objpool_set_pressure_source(NULL, NULL);
  assert_true(EXITED_WELL(child_status));
  maintained_pool_destroy(&pool);
}

static thing_pool forked, forked_uncached;
static local_pool forked_local;
static thing *held[8], *held_uncached[8], *held_local;

static void use_in_child(void *unused) {
  (void)unused;
  /* the local pool is as it was */
  local_pool_release(&forked_local, held_local);
  CHECK(local_pool_stats(&forked_local).idle == 1);
  CHECK(local_pool_acquire(&forked_local) == held_local);
  /* more are alive than the lower cap allows: they go as they come back, in the child too */
  for (int i = 0; i < 8; i++) {
    CHECK(thing_pool_stats(&forked).in_use == (uint64_t)(8 - i));
    thing_pool_release(&forked, held[i]);
    thing_pool_release(&forked_uncached, held_uncached[i]);
  }
  CHECK(thing_pool_stats(&forked).idle == 3);
  CHECK(thing_pool_stats(&forked_uncached).idle == 3);
  thing *objects[4];
  CHECK(thing_pool_acquire_many(&forked, objects, 4) == 3);
  thing_pool_release_many(&forked, objects, 3);
}

static void *fork_and_use(void *status) {
  char output[2000];
  *(int *)status = in_child(use_in_child, NULL, output, sizeof output);
  if (!EXITED_WELL(*(int *)status)) print_error("%s", output);
  return NULL;
}

static void a_lower_cap_and_local_pools_survive_a_fork_by_any_thread(void **state) {
  objpool_config config = with_cache(OBJPOOL_NO_CACHE);
  int status = -1;
  (void)state;
  assert_true(thing_pool_init(&forked, NULL));
  assert_true(thing_pool_init(&forked_uncached, &config));
  assert_int_equal(thing_pool_acquire_many(&forked, held, 8), 8);
  assert_int_equal(thing_pool_acquire_many(&forked_uncached, held_uncached, 8), 8);
  held_local = local_pool_acquire(&forked_local);
  assert_non_null(held_local);
  assert_true(thing_pool_resize(&forked, 0, 3));
  assert_true(thing_pool_resize(&forked_uncached, 0, 3));
  fork_and_use(&status);
  assert_true(EXITED_WELL(status));
  in_another_thread(fork_and_use, &status); /* one that never used a pool */
  assert_true(EXITED_WELL(status));
  use_in_child(NULL); /* and the parent has all of it still */
  local_pool_release(&forked_local, held_local);
  local_pool_destroy(&forked_local);
  thing_pool_destroy(&forked);
  thing_pool_destroy(&forked_uncached);
}

/* >>revocations between two steps of an owner */

static objpool__cache *my_cache(objpool *pool) {
  return (objpool__cache *)(void *)pool->state->slots.table[objpool__thread_index()];
}

/* What a revoker does first; where it is then interrupted, the owner finds its slot so. */
static void revoke_mine(void *pool) {
  objpool__cache *cache = my_cache((objpool *)pool);
  objpool__spin_lock(cache);
  assert_int_equal(cache->openness, OBJPOOL__OPEN);
  objpool__revoke(cache);
  objpool__spin_unlock(cache);
}

static bool opens_a_slot(objpool *pool) {
  objpool_release(pool, objpool_acquire(pool));
  objpool__cache *cache = my_cache(pool);
  return (void *)cache != (void *)&objpool__no_slot && cache->openness == OBJPOOL__OPEN;
}

static void an_owner_closes_its_slot_in_the_place_of_an_interrupted_revoker(void **state) {
  static checked_pool pool;
  thing *objects[10];
  (void)state;
  assert_true(checked_pool_init(&pool, NULL));
  if (!opens_a_slot(&pool.base)) skip(); /* membarrier is not to be had here: slots never open */
  hooked = &pool;
  assert_int_equal(checked_pool_acquire_many(&pool, objects, 10), 10);
  checked_pool_release_many(&pool, objects, 10);
  valid = false; /* a fast acquire takes one, which proves invalid: meanwhile the slot is revoked */
  on_validate = revoke_mine;
  thing *object = checked_pool_acquire(&pool);
  assert_non_null(object);
  assert_int_equal(on_validate == NULL, true);
  objpool_stats stats = checked_pool_stats(&pool);
  assert_int_equal(stats.in_use, 1);
  assert_int_equal(stats.created - stats.destroyed, stats.in_use + stats.idle);
  valid = true;
  checked_pool_release(&pool, object);
  assert_int_equal(checked_pool_acquire_many(&pool, objects, 10), 10);
  for (int i = 0; i < 10; i++)
    for (int j = 0; j < i; j++) assert_ptr_not_equal(objects[i], objects[j]);
  checked_pool_release_many(&pool, objects, 10);
  balanced(&pool.base, 0, 10);
  checked_pool_destroy(&pool);
}

static void a_release_that_meets_a_reset_of_the_statistics_is_done_once(void **state) {
  static thing_pool pool;
  thing *objects[10];
  (void)state;
  assert_true(thing_pool_init(&pool, NULL));
  if (!opens_a_slot(&pool.base)) skip();
  assert_int_equal(thing_pool_acquire_many(&pool, objects, 10), 10);
  thing_pool_release_many(&pool, objects, 10);
  assert_int_equal(thing_pool_acquire_many(&pool, objects, 3), 3);
  objpool__cache *cache = my_cache(&pool.base);
  assert_int_equal(cache->openness, OBJPOOL__OPEN);
  /* the reset read top before the three were taken, and stores it as base only now */
  OBJPOOL__STORE(cache->slot.base, OBJPOOL__LOAD(cache->slot.top) + 3 * sizeof(void *));
  OBJPOOL__STORE(cache->slot.limit, (uintptr_t)(cache->current->objects + pool.base.state->depot.rounds));
  cache->peak_pending = false;
  thing_pool_release(&pool, objects[0]);
  balanced(&pool.base, 2, 8);
  thing_pool_release(&pool, objects[1]);
  thing_pool_release(&pool, objects[2]);
  balanced(&pool.base, 0, 10);
  assert_int_equal(thing_pool_acquire_many(&pool, objects, 10), 10);
  for (int i = 0; i < 10; i++)
    for (int j = 0; j < i; j++) assert_ptr_not_equal(objects[i], objects[j]);
  assert_int_equal(thing_pool_stats(&pool).created, 10);
  thing_pool_release_many(&pool, objects, 10);
  thing_pool_destroy(&pool);
}

static void a_full_previous_magazine_comes_before_anything_new(void **state) {
  static thing_pool pool;
  thing *objects[100];
  (void)state;
  assert_int_equal(thing_pool_acquire_many(&pool, objects, 100), 100);
  thing_pool_release_many(&pool, objects, 100);
  assert_int_equal(thing_pool_acquire_many(&pool, objects, 100), 100);
  assert_int_equal(thing_pool_stats(&pool).created, 100);
  thing_pool_release_many(&pool, objects, 100);
  thing_pool_destroy(&pool);
}

static void a_peak_that_has_just_begun_goes_on_with_new_objects(void **state) {
  static thing_pool pool;
  thing *objects[5];
  (void)state;
  assert_int_equal(thing_pool_acquire_many(&pool, objects, 2), 2);
  thing_pool_release_many(&pool, objects, 2);
  thing_pool_reset_stats(&pool);
  for (size_t i = 0; i < 5; i++) objects[i] = thing_pool_acquire(&pool); /* two that were idle, then new ones */
  assert_int_equal(thing_pool_stats(&pool).peak_in_use, 5);
  assert_int_equal(thing_pool_stats(&pool).misses, 3);
  thing_pool_release_many(&pool, objects, 5);
  assert_int_equal(thing_pool_stats(&pool).peak_in_use, 5);
  thing_pool_destroy(&pool);
}

/* >>threads at their end, and limits that change beside reservations */

static pthread_key_t late_key;
static thing_pool late_pool;
static long attached_late;

static void use_late(void *unused) { /* after the library's own destructor: the thread has no cache any more */
  (void)unused;
  CHECK(thing_pool_attach(&late_pool));
  thing *object = thing_pool_acquire(&late_pool);
  CHECK(object != NULL);
  thing_pool_release(&late_pool, object);
  count_add(&attached_late, 1);
}

static void *end_late(void *unused) {
  (void)unused;
  thing_pool_release(&late_pool, thing_pool_acquire(&late_pool));
  CHECK(pthread_setspecific(late_key, &late_pool) == 0);
  return NULL;
}

static void a_thread_at_its_end_attaches_without_an_index(void **state) {
  (void)state;
  thing_pool_release(&late_pool, thing_pool_acquire(&late_pool)); /* the library's key is made before this one */
  assert_int_equal(pthread_key_create(&late_key, use_late), 0);
  in_another_thread(end_late, NULL);
  assert_int_equal(count_read(&attached_late), 1);
  balanced(&late_pool.base, 0, thing_pool_stats(&late_pool).idle);
  assert_int_equal(pthread_key_delete(late_key), 0);
  thing_pool_destroy(&late_pool);
}

static thing_pool moving;
static long moving_stop;

static void *move_limits(void *unused) {
  (void)unused;
  static const size_t limits[] = {2, 9, 0};
  for (size_t i = 0; !count_read(&moving_stop); i++) CHECK(thing_pool_resize(&moving, 0, limits[i % 3]));
  return NULL;
}

static void *use_moving(void *unused) {
  thing *objects[4];
  (void)unused;
  while (!count_read(&moving_stop)) {
    size_t count = thing_pool_acquire_many(&moving, objects, 4);
    thing_pool_release_many(&moving, objects, count);
  }
  return NULL;
}

static void a_cap_that_moves_is_kept_at_rest(void **state) {
  static const size_t caches[] = {0, OBJPOOL_NO_CACHE};
  (void)state;
  for (size_t i = 0; i < COUNT_OF(caches); i++) {
    objpool_config config = with_cache(caches[i]);
    assert_true(thing_pool_init(&moving, &config));
    count_set(&moving_stop, 0);
    pthread_t threads[3] = {start_thread(move_limits, NULL), start_thread(use_moving, NULL),
                            start_thread(use_moving, NULL)};
    sleep_ms(60);
    count_set(&moving_stop, 1);
    for (int j = 0; j < 3; j++) join_thread(threads[j]);
    assert_true(thing_pool_resize(&moving, 0, 2));
    balanced(&moving.base, 0, thing_pool_stats(&moving).idle);
    assert_true(thing_pool_stats(&moving).idle <= 2);
    thing *objects[4];
    assert_int_equal(thing_pool_acquire_many(&moving, objects, 4), 2); /* no reservation was lost, none is too many */
    thing_pool_release_many(&moving, objects, 2);
    thing_pool_destroy(&moving);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(create_may_release_what_is_then_idle, begin),
      cmocka_unit_test_setup(a_warmup_whose_create_fills_the_pool_keeps_max_idle, begin),
      cmocka_unit_test_setup(nothing_is_acquired_from_a_pool_that_is_being_destroyed, begin),
      cmocka_unit_test_setup(every_invalid_object_goes_before_a_new_one_is_made, begin),
      cmocka_unit_test_setup(a_local_pool_replaces_what_is_invalid, begin),
      cmocka_unit_test_setup(a_refused_release_is_told_as_release_and_destruction, begin),
      cmocka_unit_test_setup(no_acquire_fails_because_maintenance_has_the_objects, begin),
      cmocka_unit_test_setup(a_peak_is_seen_while_a_trim_destroys_what_maintenance_set_aside, begin),
      cmocka_unit_test_setup(a_peak_is_seen_by_a_cache_that_only_a_hook_could_get, begin),
      cmocka_unit_test_setup(objects_that_no_longer_fit_go_though_they_are_valid, begin),
      cmocka_unit_test_setup(objects_that_were_validated_are_as_good_as_before, begin),
      cmocka_unit_test_setup(a_child_that_is_forked_by_a_hook_of_maintenance_goes_on, begin),
      cmocka_unit_test_setup(a_child_forked_by_the_monitors_thread_goes_on_in_it, begin),
      cmocka_unit_test_setup(a_lower_cap_and_local_pools_survive_a_fork_by_any_thread, begin),
      cmocka_unit_test_setup(an_owner_closes_its_slot_in_the_place_of_an_interrupted_revoker, begin),
      cmocka_unit_test_setup(a_release_that_meets_a_reset_of_the_statistics_is_done_once, begin),
      cmocka_unit_test_setup(a_full_previous_magazine_comes_before_anything_new, begin),
      cmocka_unit_test_setup(a_peak_that_has_just_begun_goes_on_with_new_objects, begin),
      cmocka_unit_test_setup(a_thread_at_its_end_attaches_without_an_index, begin),
      cmocka_unit_test_setup(a_cap_that_moves_is_kept_at_rest, begin),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
