/* Events: whichever way an object goes back, on_event hears of it once, with the object, and in its order. */
#include "support.h"

#include "objpool.h"

typedef struct thing {
  bool broken;
} thing;

static objpool_event_kind heard[64];
static const void *heard_object[64];
static size_t heard_count;

static void hear(const objpool_event *event, void *context) {
  (void)context;
  CHECK(heard_count < COUNT_OF(heard));
  heard[heard_count] = event->kind;
  heard_object[heard_count++] = event->object;
}

static bool is_whole(thing *object, void *context) {
  (void)context;
  return !object->broken;
}

OBJPOOL_DEFINE(heard_pool, thing, opt.on_event = hear, opt.validate = is_whole);
OBJPOOL_DEFINE(heard_wiping_pool, thing, opt.on_event = hear, opt.validate = is_whole, opt.wipe = true);
OBJPOOL_DEFINE(heard_local_pool, thing, opt.on_event = hear, opt.validate = is_whole, opt.local = true);

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
    thing *object = pool_type##_acquire(&pool); /* grows, creates */       \
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
    thing moved = pool_type##_extract(&pool, object);                      \
    assert_false(moved.broken);                                            \
    assert_heard(NULL, 0, OBJPOOL_EVENT_RELEASE, OBJPOOL_EVENT_RELEASE);   \
    pool_type##_destroy(&pool);                                            \
    heard_count = 0;                                                       \
  } while (0)

static void every_way_back_is_told_of_once(void **state) {
  (void)state;
  EVERY_WAY(heard_pool);
  EVERY_WAY(heard_wiping_pool);
  EVERY_WAY(heard_local_pool);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_way_back_is_told_of_once)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
