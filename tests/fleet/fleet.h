/* What the tests of a fleet share, after objpool.h: pools with names, a load to put on them, and a machine whose pressure is told. */
#ifndef TESTS_FLEET_H
#define TESTS_FLEET_H

#include "pools.h"

typedef struct thing {
  uint64_t number;
  char text[56];
} thing;

typedef struct huge_thing {
  char bytes[64 * 1024];
} huge_thing;

OBJPOOL_DEFINE(thing_pool, thing);
OBJPOOL_DEFINE(huge_pool, huge_thing);

static inline bool create_if_allowed(thing *object, void *context) {
  object->number = 1;
  return !*(bool *)context;
}
OBJPOOL_DEFINE(choosy_pool, thing, opt.create = create_if_allowed);

static inline void init_named(thing_pool *pool, const char *name) {
  objpool_config config = named(name);
  assert_true(thing_pool_init(pool, &config));
}

/* Takes and gives back one object so many times. */
static inline void cycle(thing_pool *pool, int times) {
  int i;
  for (i = 0; i < times; i++) {
    thing *object = thing_pool_acquire(pool);
    assert_non_null(object);
    thing_pool_release(pool, object);
  }
}

/* So many acquires that find nothing idle. */
static inline void miss(thing_pool *pool, int times) {
  int i;
  thing_pool_clear(pool);
  for (i = 0; i < times; i++) {
    thing *object = thing_pool_acquire(pool);
    assert_non_null(object);
    thing_pool_discard(pool, object);
  }
}

typedef struct visit_list {
  objpool *seen[8];
  size_t count;
} visit_list;

static inline void collect(objpool *pool, void *user) {
  visit_list *left = (visit_list *)user;
  if (left->count < COUNT_OF(left->seen)) left->seen[left->count++] = pool;
}

/* A test that failed half-way leaves its pools behind: they must not spoil the next one. */
static inline int leave_no_pools(void **state) {
  visit_list left;
  (void)state;
  memset(&left, 0, sizeof left);
  objpool_registry_each(collect, &left);
  while (left.count > 0) objpool_destroy(left.seen[--left.count]);
  return 0;
}
#define TEST(test) cmocka_unit_test_teardown(test, leave_no_pools)

/* ---- maintenance under a pressure that the test says */

static objpool_pressure pressure_now;

static inline objpool_pressure told_pressure(void *user) {
  ++*(int *)user;
  return pressure_now;
}

static int pressure_asked;

static inline int with_pressure_told(void **state) {
  (void)state;
  pressure_now = OBJPOOL_PRESSURE_NONE;
  pressure_asked = 0;
  objpool_set_pressure_source(told_pressure, &pressure_asked);
  return 0;
}

static inline int with_kernel_pressure(void **state) {
  objpool_set_pressure_source(NULL, NULL);
  return leave_no_pools(state);
}
#define TOLD(test) cmocka_unit_test_setup_teardown(test, with_pressure_told, with_kernel_pressure)

#endif
