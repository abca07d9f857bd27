/* Events: whatever happens to an object or its pool, on_event hears of it once, with the object, and in its order. */
#include "support.h"

#include "fleet/fleet.h"

typedef struct fragile {
  bool broken;
} fragile;

static objpool_event_kind heard[64];
static const void *heard_object[64];
static size_t heard_count;

static void hear(const objpool_event *event, void *context) {
  (void)context;
  CHECK(heard_count < COUNT_OF(heard));
  heard[heard_count] = event->kind;
  heard_object[heard_count++] = event->object;
}

static bool is_whole(fragile *object, void *context) {
  (void)context;
  return !object->broken;
}

OBJPOOL_DEFINE(heard_pool, fragile, opt.on_event = hear, opt.validate = is_whole);
OBJPOOL_DEFINE(heard_wiping_pool, fragile, opt.on_event = hear, opt.validate = is_whole, opt.wipe = true);
OBJPOOL_DEFINE(heard_local_pool, fragile, opt.on_event = hear, opt.validate = is_whole, opt.local = true);

static void assert_heard(const void *object, size_t count, objpool_event_kind first, objpool_event_kind second) {
  assert_int_equal(heard_count, count);
  if (count > 0) assert_true(heard[0] == first && heard_object[0] == object);
  if (count > 1) assert_true(heard[1] == second && heard_object[1] == object);
  heard_count = 0;
}

/* The same for each kind of pool. */
#define EVERY_WAY(pool_type)                                               \
  do {                                                                     \
    pool_type pool;                                                        \
    memset(&pool, 0, sizeof pool);                                         \
    fragile *object = pool_type##_acquire(&pool); /* grows, creates */     \
    assert_non_null(object);                                               \
    assert_int_equal(heard_count, 3);                                      \
    assert_int_equal(heard[0], OBJPOOL_EVENT_GROW);                        \
    assert_int_equal(heard[1], OBJPOOL_EVENT_CREATE);                      \
    assert_int_equal(heard[2], OBJPOOL_EVENT_ACQUIRE);                     \
    heard_count = 0;                                                       \
    pool_type##_release(&pool, object);                                    \
    assert_heard(object, 1, OBJPOOL_EVENT_RELEASE, OBJPOOL_EVENT_RELEASE); \
    assert_ptr_equal(pool_type##_acquire(&pool), object);                  \
    assert_heard(object, 1, OBJPOOL_EVENT_ACQUIRE, OBJPOOL_EVENT_ACQUIRE); \
    object->broken = true;                                                 \
    pool_type##_release(&pool, object); /* does not pass */                \
    assert_int_equal(heard[0], OBJPOOL_EVENT_RELEASE);                     \
    assert_heard(object, 2, OBJPOOL_EVENT_RELEASE, OBJPOOL_EVENT_DESTROY); \
    object = pool_type##_acquire(&pool);                                   \
    assert_non_null(object);                                               \
    assert_heard(object, 2, OBJPOOL_EVENT_CREATE, OBJPOOL_EVENT_ACQUIRE);  \
    pool_type##_discard(&pool, object);                                    \
    assert_heard(object, 2, OBJPOOL_EVENT_RELEASE, OBJPOOL_EVENT_DESTROY); \
    object = pool_type##_acquire(&pool);                                   \
    heard_count = 0;                                                       \
    objpool_discard(&pool.base, object);                                   \
    assert_heard(object, 2, OBJPOOL_EVENT_RELEASE, OBJPOOL_EVENT_DESTROY); \
    object = pool_type##_acquire(&pool);                                   \
    heard_count = 0;                                                       \
    fragile moved = pool_type##_extract(&pool, object);                    \
    assert_false(moved.broken);                                            \
    assert_heard(object, 1, OBJPOOL_EVENT_EXTRACT, OBJPOOL_EVENT_EXTRACT); \
    pool_type##_destroy(&pool);                                            \
    heard_count = 0;                                                       \
  } while (0)

static void every_way_back_is_told_of_once(void **state) {
  (void)state;
  EVERY_WAY(heard_pool);
  EVERY_WAY(heard_wiping_pool);
  EVERY_WAY(heard_local_pool);
}

enum { EVENT_KINDS = OBJPOOL_EVENT_TIMEOUT + 1, EVENTS_KEPT = 256 };

typedef struct event_log {
  objpool_event events[EVENTS_KEPT];
  size_t count;
} event_log;

static void log_event(const objpool_event *event, void *context) {
  event_log *log = (event_log *)context;
  if (log->count < EVENTS_KEPT) log->events[log->count] = *event;
  log->count++;
}
OBJPOOL_DEFINE(told_pool, thing, opt.on_event = log_event);

static size_t events_of(const event_log *log, objpool_event_kind kind) {
  size_t count = 0, i;
  assert_true(log->count <= EVENTS_KEPT);
  for (i = 0; i < log->count; i++) count += log->events[i].kind == kind;
  return count;
}

static const objpool_event *last_of(const event_log *log, objpool_event_kind kind) {
  size_t i = log->count;
  while (i > 0 && log->events[i - 1].kind != kind) i--;
  if (i == 0) print_error("no event of kind %d\n", (int)kind);
  assert_true(i > 0);
  return &log->events[i - 1];
}

static void init_told(told_pool *pool, event_log *log, size_t max_objects) {
  objpool_config config = named(NULL);
  memset(log, 0, sizeof *log);
  config.context = log;
  config.max_objects = max_objects;
  assert_true(told_pool_init(pool, &config));
}

static void events_follow_an_object_through_its_life(void **state) {
  static const objpool_event_kind life[] = {OBJPOOL_EVENT_CREATE,  OBJPOOL_EVENT_ACQUIRE, OBJPOOL_EVENT_RELEASE,
                                            OBJPOOL_EVENT_ACQUIRE, OBJPOOL_EVENT_RELEASE, OBJPOOL_EVENT_DESTROY};
  static told_pool pool;
  static event_log log;
  thing *object;
  size_t i, at = 0;
  uint64_t time_ns = 0;
  (void)state;
  init_told(&pool, &log, 0);
  object = told_pool_acquire(&pool);
  assert_non_null(object);
  told_pool_release(&pool, object);
  assert_ptr_equal(told_pool_acquire(&pool), object);
  told_pool_release(&pool, object);
  told_pool_destroy(&pool);
  for (i = 0; i < log.count; i++) {
    assert_ptr_equal(log.events[i].pool, &pool.base);
    assert_true(log.events[i].time_ns >= time_ns && log.events[i].time_ns <= (uint64_t)now_ns());
    time_ns = log.events[i].time_ns;
    if (log.events[i].object != object) continue;
    assert_true(at < COUNT_OF(life));
    assert_int_equal(log.events[i].kind, life[at++]);
    assert_int_equal(log.events[i].count, 1);
  }
  assert_int_equal(at, COUNT_OF(life));
}

static void events_tell_what_happens_to_the_pool(void **state) {
  static told_pool pool;
  static event_log log;
  thing *objects[3];
  (void)state;
  init_told(&pool, &log, 3);
  assert_null(told_pool_try_acquire(&pool));
  assert_int_equal(log.count, 0); /* tried and failed: counted nowhere, told nobody */
  assert_int_equal(told_pool_acquire_many(&pool, objects, 3), 3);
  assert_true(events_of(&log, OBJPOOL_EVENT_GROW) >= 1); /* memory for objects was taken */
  assert_true(last_of(&log, OBJPOOL_EVENT_GROW)->count >= 1);
  assert_int_equal(events_of(&log, OBJPOOL_EVENT_ACQUIRE), 3);
  assert_null(told_pool_acquire(&pool));
  assert_int_equal(errno, EAGAIN);
  assert_int_equal(events_of(&log, OBJPOOL_EVENT_EXHAUSTED), 1);
  assert_int_equal(events_of(&log, OBJPOOL_EVENT_WAIT), 0);
  assert_null(told_pool_acquire_for(&pool, 1000000));
  assert_int_equal(errno, ETIMEDOUT);
  assert_int_equal(events_of(&log, OBJPOOL_EVENT_WAIT), 1);
  assert_int_equal(events_of(&log, OBJPOOL_EVENT_TIMEOUT), 1);
  assert_null(told_pool_acquire_for(&pool, 0)); /* which does not wait */
  assert_int_equal(events_of(&log, OBJPOOL_EVENT_TIMEOUT), 1);
  told_pool_release_many(&pool, objects, 3);
  assert_int_equal(events_of(&log, OBJPOOL_EVENT_RELEASE), 3);
  assert_int_equal(told_pool_trim(&pool, 2), 1);
  assert_int_equal(events_of(&log, OBJPOOL_EVENT_SHRINK), 1);
  assert_int_equal(last_of(&log, OBJPOOL_EVENT_SHRINK)->count, 1);
  assert_int_equal(events_of(&log, OBJPOOL_EVENT_DESTROY), 1);
  assert_true(told_pool_resize(&pool, 1, 3));
  assert_int_equal(events_of(&log, OBJPOOL_EVENT_RESIZE), 1);
  assert_int_equal(last_of(&log, OBJPOOL_EVENT_RESIZE)->count, 3);
  assert_int_equal(events_of(&log, OBJPOOL_EVENT_DESTROY), 2);
  assert_int_equal(told_pool_clear(&pool), 1);
  assert_int_equal(events_of(&log, OBJPOOL_EVENT_CLEAR), 1);
  assert_int_equal(last_of(&log, OBJPOOL_EVENT_CLEAR)->count, 1);
  assert_int_equal(events_of(&log, OBJPOOL_EVENT_DESTROY), 3);
  assert_int_equal(events_of(&log, OBJPOOL_EVENT_CREATE), 3);
  told_pool_destroy(&pool);
  assert_int_equal(events_of(&log, OBJPOOL_EVENT_CREATE), events_of(&log, OBJPOOL_EVENT_DESTROY));
}

static void discard_and_extract_are_told_too(void **state) {
  static told_pool pool;
  static event_log log;
  thing moved;
  (void)state;
  init_told(&pool, &log, 0);
  told_pool_discard(&pool, told_pool_acquire(&pool));
  assert_int_equal(events_of(&log, OBJPOOL_EVENT_DESTROY), 1);
  moved = told_pool_extract(&pool, told_pool_acquire(&pool));
  assert_int_equal(moved.number, 0);
  assert_int_equal(events_of(&log, OBJPOOL_EVENT_ACQUIRE), 2);
  told_pool_destroy(&pool);
}

static bool refuses;
static bool build(thing *object, void *context) {
  (void)object;
  (void)context;
  return !refuses;
}
static void take_down(thing *object, void *context) {
  (void)object;
  (void)context;
}
OBJPOOL_DEFINE(told_wiping_pool, thing, opt.create = build, opt.destroy = take_down, opt.wipe = true,
               opt.on_event = log_event);

static void a_wiping_release_tells_what_it_takes_down_and_builds(void **state) {
  static const objpool_event_kind life[] = {OBJPOOL_EVENT_CREATE,  OBJPOOL_EVENT_ACQUIRE, OBJPOOL_EVENT_RELEASE,
                                            OBJPOOL_EVENT_DESTROY, OBJPOOL_EVENT_CREATE,  OBJPOOL_EVENT_ACQUIRE,
                                            OBJPOOL_EVENT_RELEASE, OBJPOOL_EVENT_DESTROY};
  static told_wiping_pool pool;
  static event_log log;
  objpool_config config = named(NULL);
  thing *object;
  size_t i, at = 0;
  (void)state;
  memset(&log, 0, sizeof log);
  config.context = &log;
  assert_true(told_wiping_pool_init(&pool, &config));
  object = told_wiping_pool_acquire(&pool);
  told_wiping_pool_release(&pool, object);
  assert_ptr_equal(told_wiping_pool_acquire(&pool), object);
  refuses = true; /* it cannot be built anew: it was taken down, and nothing takes its place */
  told_wiping_pool_release(&pool, object);
  refuses = false;
  for (i = 0; i < log.count; i++) {
    if (log.events[i].object != object) continue;
    assert_true(at < COUNT_OF(life));
    assert_int_equal(log.events[i].kind, life[at++]);
  }
  assert_int_equal(at, COUNT_OF(life));
  assert_int_equal(events_of(&log, OBJPOOL_EVENT_CREATE), told_wiping_pool_stats(&pool).created);
  assert_int_equal(events_of(&log, OBJPOOL_EVENT_DESTROY), told_wiping_pool_stats(&pool).destroyed);
  told_wiping_pool_destroy(&pool);
}

static void forget_errno(const objpool_event *event, void *context) {
  (void)event;
  (void)context;
  errno = EDOM;
}
OBJPOOL_DEFINE(careless_pool, thing, opt.on_event = forget_errno);

static void an_event_handler_may_change_errno(void **state) {
  static careless_pool pool;
  objpool_config config = named(NULL);
  thing *objects[2];
  (void)state;
  config.max_objects = 2;
  assert_true(careless_pool_init(&pool, &config));
  assert_int_equal(careless_pool_acquire_many(&pool, objects, 2), 2);
  assert_null(careless_pool_acquire(&pool));
  assert_int_equal(errno, EAGAIN);
  assert_null(careless_pool_acquire_for(&pool, 1000));
  assert_int_equal(errno, ETIMEDOUT);
  errno = 7;
  careless_pool_release(&pool, objects[0]);
  assert_int_equal(errno, 7);
  careless_pool_discard(&pool, objects[1]);
  assert_int_equal(errno, 7);
  careless_pool_trim(&pool, 0);
  assert_int_equal(errno, 7);
  careless_pool_clear(&pool);
  assert_int_equal(errno, 7);
  careless_pool_destroy(&pool);
}

/* Each object knows whether it is out: events out of order would take it out twice, or give it back twice. */
static void follow(const objpool_event *event, void *context) {
  thing *object = (thing *)(uintptr_t)event->object;
  if (event->kind == OBJPOOL_EVENT_ACQUIRE) {
    CHECK(__atomic_exchange_n(&object->number, 1, __ATOMIC_SEQ_CST) == 0);
    count_add((long *)context, 1);
  } else if (event->kind == OBJPOOL_EVENT_RELEASE) {
    CHECK(__atomic_exchange_n(&object->number, 0, __ATOMIC_SEQ_CST) == 1);
    count_add((long *)context, -1);
  }
}
OBJPOOL_DEFINE(followed_pool, thing, opt.on_event = follow);

static followed_pool followed;

static void *pass_objects(void *unused) {
  uint64_t seed = (uint64_t)now_ns() | 1;
  int round;
  (void)unused;
  for (round = 0; round < SCALED(20000, 5000, 2000); round++) {
    thing *objects[8];
    size_t want = 1 + random_below(&seed, 8), got = followed_pool_acquire_many(&followed, objects, want);
    if (round % 3 == 0 && got == 0) objects[0] = followed_pool_acquire_for(&followed, 100000), got = objects[0] != NULL;
    followed_pool_release_many(&followed, objects, got);
  }
  return NULL;
}

static void a_release_is_told_before_anyone_else_can_get_the_object(void **state) {
  objpool_config config = named(NULL);
  pthread_t threads[4];
  long out = 0;
  size_t i;
  (void)state;
  config.context = &out;
  config.max_objects = 12;
  assert_true(followed_pool_init(&followed, &config));
  for (i = 0; i < COUNT_OF(threads); i++) threads[i] = start_thread(pass_objects, NULL);
  for (i = 0; i < COUNT_OF(threads); i++) join_thread(threads[i]);
  assert_int_equal(count_read(&out), 0);
  followed_pool_destroy(&followed);
}

static void so_it_is_without_caches(void **state) {
  heard_pool pool;
  objpool_config config;
  (void)state;
  memset(&config, 0, sizeof config);
  config.cache_size = OBJPOOL_NO_CACHE;
  assert_true(heard_pool_init(&pool, &config));
  fragile *object = heard_pool_acquire(&pool);
  heard_count = 0;
  heard_pool_release(&pool, object);
  assert_heard(object, 1, OBJPOOL_EVENT_RELEASE, OBJPOOL_EVENT_RELEASE);
  assert_ptr_equal(heard_pool_acquire(&pool), object);
  assert_heard(object, 1, OBJPOOL_EVENT_ACQUIRE, OBJPOOL_EVENT_ACQUIRE);
  object->broken = true;
  heard_pool_release(&pool, object);
  assert_heard(object, 2, OBJPOOL_EVENT_RELEASE, OBJPOOL_EVENT_DESTROY);
  heard_pool_destroy(&pool);
  heard_count = 0;
}

static void a_reserve_is_told_as_the_block_that_it_is(void **state) {
  heard_pool pool;
  objpool_config config = defaults();
  (void)state;
  heard_count = 0;
  config.reserve = 10;
  assert_true(heard_pool_init(&pool, &config));
  assert_heard(NULL, 1, OBJPOOL_EVENT_GROW, OBJPOOL_EVENT_GROW);
  heard_pool_destroy(&pool);
  heard_count = 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(so_it_is_without_caches),
      TEST(every_way_back_is_told_of_once),
      TEST(events_follow_an_object_through_its_life),
      TEST(events_tell_what_happens_to_the_pool),
      TEST(a_reserve_is_told_as_the_block_that_it_is),
      TEST(discard_and_extract_are_told_too),
      TEST(a_wiping_release_tells_what_it_takes_down_and_builds),
      TEST(an_event_handler_may_change_errno),
      TEST(a_release_is_told_before_anyone_else_can_get_the_object),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
