/* One pool, two definitions that differ in a single option: whichever call notices it panics, and, where a panic
   returns, has done nothing. As two files might have it, but here in one: the types are others, the pool is the
   same. */
#include "support.h"

#define OBJPOOL_PANIC(message) panic_seen(message)
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

typedef struct thing {
  long n[2];
} thing;

typedef struct larger_thing {
  long n[3];
} larger_thing;

typedef struct aligned_thing {
  __attribute__((aligned(64))) long n[8];
} aligned_thing;

typedef struct loose_thing { /* as large, less aligned */
  char n[64];
} loose_thing;

static bool agree(thing *object, void *context) {
  (void)object, (void)context;
  return true;
}
static int refused;
static bool refuse(thing *object, void *context) {
  (void)object, (void)context;
  refused++;
  return false;
}
static void touch(thing *object, void *context) {
  (void)context;
  object->n[1]++;
}
static void hear(const objpool_event *event, void *context) { (void)event, (void)context; }

OBJPOOL_DEFINE(thing_pool, thing);
OBJPOOL_DEFINE(twin_pool, thing);
OBJPOOL_DEFINE(larger_pool, larger_thing);
OBJPOOL_DEFINE(aligned_pool, aligned_thing);
OBJPOOL_DEFINE(loose_pool, loose_thing);
OBJPOOL_DEFINE(local_pool, thing, opt.local = true);
OBJPOOL_DEFINE(wiping_pool, thing, opt.wipe = true);
OBJPOOL_DEFINE(creating_pool, thing, opt.create = agree);
OBJPOOL_DEFINE(resetting_pool, thing, opt.reset = touch);
OBJPOOL_DEFINE(destroying_pool, thing, opt.destroy = touch);
OBJPOOL_DEFINE(heard_pool, thing, opt.on_event = hear);
OBJPOOL_DEFINE(checked_pool, thing, opt.validate = agree);
OBJPOOL_DEFINE(late_checked_pool, thing, opt.validate = agree, opt.validate_on = OBJPOOL_ON_RELEASE);
OBJPOOL_DEFINE(refusing_pool, thing, opt.validate = refuse);
OBJPOOL_DEFINE(late_refusing_pool, thing, opt.validate = refuse, opt.validate_on = OBJPOOL_ON_RELEASE);

/* Panics inside this return. */
static jmp_buf unused;
static void begin_misuse(void) {
  panic_target = &unused;
  panic_returns = true;
  panic_count = 0;
}
static void end_misuse(void) {
  panic_target = NULL;
  panic_returns = false;
}

static void panicked_once(void) {
  end_misuse();
  assert_int_equal(panic_count, 1);
  assert_non_null(strstr(panic_message, "pool 'disputed': is defined with different options in two files"));
}

static objpool_config named(size_t cache_size) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.name = "disputed";
  config.cache_size = cache_size;
  return config;
}

static void every_option_that_differs_is_noticed(void **state) {
  objpool_config config = named(0);
  (void)state;
#define DIFFERS(one, other)                                 \
  do {                                                      \
    static one pool;                                        \
    assert_true(one##_init(&pool, &config));                \
    errno = 0;                                              \
    begin_misuse();                                         \
    bool attached = other##_attach((other *)(void *)&pool); \
    int error = errno;                                      \
    panicked_once();                                        \
    assert_false(attached);                                 \
    assert_int_equal(error, EINVAL);                        \
    assert_true(one##_attach(&pool));                       \
    one##_destroy(&pool);                                   \
  } while (0)
  DIFFERS(thing_pool, larger_pool);
  DIFFERS(aligned_pool, loose_pool);
  DIFFERS(thing_pool, local_pool);
  DIFFERS(thing_pool, wiping_pool);
  DIFFERS(thing_pool, creating_pool);
  DIFFERS(thing_pool, resetting_pool);
  DIFFERS(thing_pool, destroying_pool);
  DIFFERS(thing_pool, heard_pool);
  DIFFERS(thing_pool, checked_pool);
  DIFFERS(checked_pool, late_checked_pool);
}

static void a_release_by_another_definition_did_not_happen(void **state) {
  static thing_pool pool;
  objpool_config config = named(0);
  (void)state;
  assert_true(thing_pool_init(&pool, &config));
  thing *object = thing_pool_acquire(&pool);
  assert_non_null(object);
  begin_misuse();
  wiping_pool_release((wiping_pool *)(void *)&pool, object);
  panicked_once();
  assert_int_equal(thing_pool_stats(&pool).in_use, 1);
  thing_pool_release(&pool, object); /* it was in use still */
  assert_int_equal(thing_pool_stats(&pool).in_use, 0);
  thing_pool_destroy(&pool);
}

static void definitions_that_agree_share_a_pool(void **state) {
  static thing_pool pool;
  objpool_config config = named(0);
  thing *object;
  (void)state;
  assert_true(thing_pool_init(&pool, &config));
  object = twin_pool_acquire((twin_pool *)(void *)&pool);
  assert_non_null(object);
  thing_pool_release(&pool, object);
  assert_true(twin_pool_resize((twin_pool *)(void *)&pool, 0, 5));
  assert_int_equal(thing_pool_stats(&pool).max_objects, 5);
  thing_pool_destroy(&pool);
}

/* Also where it is one of few, in the slot of a thread that is alone. */
static void peaks_count_what_comes_back_by_one_that_agrees(void **state) {
  static thing_pool pool;
  objpool_config config = named(0);
  (void)state;
  config.max_objects = 3;
  assert_true(thing_pool_init(&pool, &config));
  thing *one = thing_pool_acquire(&pool), *other = thing_pool_acquire(&pool);
  thing_pool_release(&pool, one);
  assert_ptr_equal(thing_pool_acquire(&pool), one);
  twin_pool_release((twin_pool *)(void *)&pool, one);
  twin_pool_release((twin_pool *)(void *)&pool, other);
  one = thing_pool_acquire(&pool);
  assert_int_equal(thing_pool_stats(&pool).peak_idle, 2);
  thing_pool_release(&pool, one);
  thing_pool_destroy(&pool);
}

static void typed_calls_may_use_a_pool_that_was_made_without_type(void **state) {
  static thing_pool pool;
  objpool_type type;
  (void)state;
  memset(&type, 0, sizeof type);
  type.size = sizeof(thing);
  type.alignment = __alignof__(thing);
  assert_true(objpool_init(&pool.base, &type, NULL));
  thing *object = thing_pool_acquire(&pool);
  assert_non_null(object);
  thing_pool_discard(&pool, object);
  assert_true(thing_pool_attach(&pool));
  assert_int_equal(thing_pool_stats(&pool).invalid, 1);
  thing_pool_destroy(&pool);
}

static thing_pool pool;

/* The pool has this many in use, and all calls with the right definition work. */
static void is_as_before(uint64_t in_use) {
  thing *objects[40];
  objpool_stats stats = thing_pool_stats(&pool);
  assert_int_equal(stats.in_use, in_use);
  assert_int_equal(stats.created - stats.destroyed - stats.extracted, stats.in_use + stats.idle);
  assert_int_equal(stats.acquires - stats.releases - stats.extracted, stats.in_use);
  assert_int_equal(thing_pool_acquire_many(&pool, objects, 40), 40);
  for (size_t i = 0; i < 40; i++)
    for (size_t j = 0; j < i; j++) assert_ptr_not_equal(objects[i], objects[j]);
  thing_pool_release_many(&pool, objects, 40);
  assert_int_equal(thing_pool_stats(&pool).in_use, in_use);
}

static void acquire_that_panicked_took_nothing_in(size_t cache_size) {
  objpool_config config = named(cache_size);
  thing *held[3];
  assert_true(thing_pool_init(&pool, &config));
  assert_int_equal(thing_pool_acquire_many(&pool, held, 3), 3); /* nothing is idle: the next acquire is a slow one */
  uint64_t created = thing_pool_stats(&pool).created;
  begin_misuse();
  errno = 0;
  thing *object = resetting_pool_acquire((resetting_pool *)(void *)&pool);
  int error = errno;
  panicked_once();
  assert_null(object);
  assert_int_equal(error, EINVAL);
  begin_misuse();
  object = resetting_pool_try_acquire((resetting_pool *)(void *)&pool);
  panicked_once();
  assert_null(object);
  assert_int_equal(thing_pool_stats(&pool).created, created);
  is_as_before(3);
  thing_pool_release_many(&pool, held, 3);
  is_as_before(0);
  thing_pool_destroy(&pool);
}

static void acquire_that_panicked_took_nothing(void **state) {
  (void)state;
  acquire_that_panicked_took_nothing_in(0);
  acquire_that_panicked_took_nothing_in(OBJPOOL_NO_CACHE);
}

static bool
my_slot_is_open(void) { /* else, without membarrier, every acquire is a slow one, and looks before it takes */
  const objpool__slot *slot = pool.base.state->slots.table[objpool__thread_index()];
  return slot != &objpool__no_slot && ((const objpool__cache *)(const void *)slot)->openness == OBJPOOL__OPEN;
}

/* The fast path has taken an idle object, and asks the pool only when validate, which the pool does not have, says
   no. */
static void acquire_that_panicked_later_put_back_what_it_had_taken(void **state) {
  (void)state;
  assert_true(thing_pool_init(&pool, NULL));
  is_as_before(0);
  for (int i = 0; i < 100; i++) thing_pool_release(&pool, thing_pool_acquire(&pool));
  uint64_t idle = thing_pool_stats(&pool).idle;
  refused = 0;
  begin_misuse();
  errno = 0;
  thing *object = refusing_pool_acquire((refusing_pool *)(void *)&pool);
  int error = errno;
  end_misuse();
  assert_int_equal(panic_count, 1);
  assert_null(object);
  assert_int_equal(error, EINVAL);
  if (my_slot_is_open()) assert_int_equal(refused, 1);
  assert_int_equal(thing_pool_stats(&pool).idle, idle);
  is_as_before(0);
  thing_pool_destroy(&pool);
}

/* The fast path has asked for an idle object, and was sent to ask: a peak of in_use may begin with it. */
static void acquire_that_panicked_lost_no_idle_object(void **state) {
  objpool_config config = named(0);
  (void)state;
  assert_true(thing_pool_init(&pool, &config));
  thing *one = thing_pool_acquire(&pool), *other = thing_pool_acquire(&pool);
  thing_pool_release(&pool, other);
  thing_pool_release(&pool, one);
  thing_pool_reset_stats(&pool);
  begin_misuse();
  thing *object = resetting_pool_acquire((resetting_pool *)(void *)&pool);
  panicked_once();
  assert_null(object);
  assert_ptr_equal(thing_pool_acquire(&pool), one);
  assert_ptr_equal(thing_pool_acquire(&pool), other);
  thing_pool_release(&pool, one);
  thing_pool_release(&pool, other);
  thing_pool_destroy(&pool);
}

typedef void give_back(thing *object);
static void give_resetting(thing *object) { resetting_pool_release((resetting_pool *)(void *)&pool, object); }
static void give_wiping(thing *object) { wiping_pool_release((wiping_pool *)(void *)&pool, object); }
static void give_refusing(thing *object) { refusing_pool_release((refusing_pool *)(void *)&pool, object); }
static void give_late_refusing(thing *object) { late_refusing_pool_release((late_refusing_pool *)(void *)&pool, object); }
static void discard_resetting(thing *object) { resetting_pool_discard((resetting_pool *)(void *)&pool, object); }
static void extract_resetting(thing *object) {
  thing value = resetting_pool_extract((resetting_pool *)(void *)&pool, object);
  (void)value;
}

/* Whatever gives an object back by the wrong definition: the object is still the caller's, who may give it back by
   the right one. */
static void gave_nothing(give_back *const *ways, size_t count, size_t cache_size) {
  objpool_config config = named(cache_size);
  assert_true(thing_pool_init(&pool, &config));
  for (size_t i = 0; i < count; i++) {
    thing *object = thing_pool_acquire(&pool);
    assert_non_null(object);
    objpool_stats before = thing_pool_stats(&pool), after;
    begin_misuse();
    ways[i](object);
    panicked_once();
    after = thing_pool_stats(&pool);
    assert_int_equal(after.releases, before.releases);
    assert_int_equal(after.destroyed, before.destroyed);
    assert_int_equal(after.extracted, before.extracted);
    is_as_before(1);
    object->n[0] = 7; /* it may be written: nothing hides it */
    thing_pool_release(&pool, object);
    is_as_before(0);
  }
  thing_pool_destroy(&pool);
}

static void giving_back_that_panicked_gave_nothing(void **state) {
  give_back *const ways[] = {give_wiping,       give_late_refusing, discard_resetting,
                             extract_resetting, give_resetting,     give_refusing};
  (void)state;
  gave_nothing(ways, COUNT_OF(ways), OBJPOOL_NO_CACHE); /* where every release is a slow one, and looks */
  gave_nothing(ways, 4, 0);                             /* the others leave it in the thread's own cache, and do not look */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_option_that_differs_is_noticed),
      cmocka_unit_test(a_release_by_another_definition_did_not_happen),
      cmocka_unit_test(definitions_that_agree_share_a_pool),
      cmocka_unit_test(peaks_count_what_comes_back_by_one_that_agrees),
      cmocka_unit_test(typed_calls_may_use_a_pool_that_was_made_without_type),
      cmocka_unit_test(acquire_that_panicked_took_nothing),
      cmocka_unit_test(acquire_that_panicked_later_put_back_what_it_had_taken),
      cmocka_unit_test(acquire_that_panicked_lost_no_idle_object),
      cmocka_unit_test(giving_back_that_panicked_gave_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
