/* The registry: pools are found by their names, visited and added up, from init to destroy. */
#include "support.h"

#include "fleet/fleet.h"

OBJPOOL_DEFINE(int_pool, int);

static void pools_are_found_by_name_from_init_to_destroy(void **state) {
  static thing_pool things;
  static int_pool ints;
  objpool_config config = named("ints");
  (void)state;
  assert_null(objpool_registry_find("things"));
  init_named(&things, "things");
  assert_true(int_pool_init(&ints, &config));
  assert_ptr_equal(objpool_registry_find("things"), &things.base);
  assert_ptr_equal(objpool_registry_find("ints"), &ints.base);
  assert_null(objpool_registry_find("thing"));
  assert_null(objpool_registry_find("things "));
  assert_null(objpool_registry_find(""));
  assert_string_equal(objpool_name(&things.base), "things");
  thing_pool_destroy(&things);
  assert_null(objpool_registry_find("things"));
  assert_ptr_equal(objpool_registry_find("ints"), &ints.base);
  int_pool_destroy(&ints);
  assert_int_equal(objpool_registry_each(NULL, NULL), 0);
}

static void count_visit(objpool *pool, void *user) {
  (void)pool;
  ++*(int *)user;
}

static void pools_without_a_name_are_not_registered(void **state) {
  static thing_pool unnamed, all_zero_pool;
  int visits = 0;
  (void)state;
  assert_true(thing_pool_init(&unnamed, NULL));
  thing_pool_release(&all_zero_pool, thing_pool_acquire(&all_zero_pool));
  assert_int_equal(objpool_registry_each(count_visit, &visits), 0);
  assert_int_equal(visits, 0);
  thing_pool_destroy(&unnamed);
  thing_pool_destroy(&all_zero_pool);
}

static void a_second_pool_of_a_name_is_refused_with_EEXIST(void **state) {
  static thing_pool first;
  static int_pool second;
  objpool_config config = named("same");
  (void)state;
  init_named(&first, "same");
  errno = 0;
  assert_false(int_pool_init(&second, &config));
  assert_int_equal(errno, EEXIST);
  assert_true(all_zero(&second, sizeof second));
  assert_ptr_equal(objpool_registry_find("same"), &first.base);
  thing_pool_destroy(&first);
  assert_true(int_pool_init(&second, &config)); /* the name is free again */
  assert_ptr_equal(objpool_registry_find("same"), &second.base);
  int_pool_destroy(&second);
}

static void the_name_is_copied(void **state) {
  static thing_pool pool;
  char name[] = "volatile";
  (void)state;
  init_named(&pool, name);
  memset(name, 'x', sizeof name - 1);
  assert_string_equal(objpool_name(&pool.base), "volatile");
  assert_ptr_equal(objpool_registry_find("volatile"), &pool.base);
  thing_pool_destroy(&pool);
}

static bool refuse(thing *object, void *context) {
  (void)object;
  (void)context;
  return false;
}
OBJPOOL_DEFINE(refusing_pool, thing, opt.create = refuse);

static void an_init_that_fails_registers_nothing(void **state) {
  static refusing_pool refusing;
  static thing_pool pool;
  objpool_config config = named("failed");
  (void)state;
  config.warmup = 1;
  assert_false(refusing_pool_init(&refusing, &config));
  assert_int_equal(errno, ECANCELED);
  assert_null(objpool_registry_find("failed"));
  config.max_idle = 1;
  config.warmup = 2;
  assert_false(thing_pool_init(&pool, &config));
  assert_int_equal(errno, EINVAL);
  assert_null(objpool_registry_find("failed"));
  init_named(&pool, "failed"); /* the name was not kept */
  thing_pool_destroy(&pool);
}

/* Visitors and handlers run inside the registry: an assertion must not jump out of them. */
static void note_visit(objpool *pool, void *user) {
  visit_list *noted = (visit_list *)user;
  CHECK(noted->count < COUNT_OF(noted->seen));
  noted->seen[noted->count++] = pool;
}

static void each_pool_is_visited_once_whatever_its_type(void **state) {
  static thing_pool things;
  static int_pool ints;
  static huge_pool huges;
  objpool_config config;
  objpool *expected[3];
  visit_list noted;
  size_t i, j;
  (void)state;
  memset(&noted, 0, sizeof noted);
  init_named(&things, "things");
  config = named("ints");
  assert_true(int_pool_init(&ints, &config));
  config = named("huges");
  assert_true(huge_pool_init(&huges, &config));
  expected[0] = &things.base;
  expected[1] = &ints.base;
  expected[2] = &huges.base;
  assert_int_equal(objpool_registry_each(note_visit, &noted), 3);
  assert_int_equal(noted.count, 3);
  for (i = 0; i < 3; i++) {
    size_t found = 0;
    for (j = 0; j < 3; j++) found += noted.seen[j] == expected[i];
    assert_int_equal(found, 1);
  }
  thing_pool_destroy(&things);
  int_pool_destroy(&ints);
  huge_pool_destroy(&huges);
}

static void read_and_trim(objpool *pool, void *user) {
  char text[8192];
  objpool_stats stats = objpool_snapshot(pool);
  CHECK(stats.idle == 5);
  CHECK(objpool_trim(pool, 2) == 3);
  CHECK(objpool_registry_find(objpool_name(pool)) == pool);
  CHECK(objpool_format(pool, OBJPOOL_TEXT, text, sizeof text) > 0);
  CHECK(objpool_format(NULL, OBJPOOL_JSON, text, sizeof text) > 0);
  CHECK(objpool_report(pool, text, sizeof text) > 0);
  ++*(int *)user;
}

static void visitors_may_read_and_trim_pools(void **state) {
  static thing_pool pool;
  int visited = 0;
  (void)state;
  init_named(&pool, "trimmed");
  assert_int_equal(thing_pool_warmup(&pool, 5), 5);
  assert_int_equal(objpool_registry_each(read_and_trim, &visited), 1);
  assert_int_equal(visited, 1);
  assert_int_equal(thing_pool_stats(&pool).idle, 2);
  thing_pool_destroy(&pool);
}

static void the_registry_snapshot_adds_all_pools_up(void **state) {
  static thing_pool things;
  static int_pool ints;
  objpool_config config = named("things");
  objpool_stats all;
  thing *object;
  int *number;
  (void)state;
  config.max_idle = 10;
  config.max_objects = 20;
  assert_true(thing_pool_init(&things, &config));
  config.name = "ints";
  config.max_idle = 5;
  config.max_objects = 0;
  assert_true(int_pool_init(&ints, &config));
  object = thing_pool_acquire(&things);
  cycle(&things, 4);
  number = int_pool_acquire(&ints);
  all = objpool_registry_snapshot();
  assert_int_equal(all.acquires, 6);
  assert_int_equal(all.releases, 4);
  assert_int_equal(all.created, 3);
  assert_int_equal(all.hits, 3);
  assert_int_equal(all.misses, 3);
  assert_int_equal(all.in_use, 2);
  assert_int_equal(all.idle, 1);
  assert_int_equal(all.max_idle, 15);
  assert_int_equal(all.max_objects, 0); /* one of them has no limit: neither have all */
  assert_int_equal(all.memory_bytes, thing_pool_stats(&things).memory_bytes + int_pool_stats(&ints).memory_bytes);
  assert_true(int_pool_resize(&ints, OBJPOOL_UNCHANGED, 7));
  assert_int_equal(objpool_registry_snapshot().max_objects, 27);
  thing_pool_release(&things, object);
  int_pool_release(&ints, number);
  thing_pool_destroy(&things);
  int_pool_destroy(&ints);
  all = objpool_registry_snapshot();
  assert_int_equal(all.acquires, 0);
  assert_int_equal(all.memory_bytes, 0);
}

static void a_pool_found_by_name_is_used_without_its_type(void **state) {
  static thing_pool pool;
  objpool *found;
  thing *object;
  objpool_config config = named("found");
  (void)state;
  config.context = &config;
  assert_true(thing_pool_init(&pool, &config));
  found = objpool_registry_find("found");
  assert_non_null(found);
  object = (thing *)objpool_acquire(found);
  assert_non_null(object);
  object->number = 7;
  objpool_release(found, object);
  object = thing_pool_try_acquire(&pool);
  assert_non_null(object);
  assert_int_equal(object->number, 7);
  thing_pool_release(&pool, object);
  assert_ptr_equal(objpool_context(found), &config);
  assert_int_equal(objpool_warmup(found, 6), 5);
  assert_int_equal(objpool_trim(found, 4), 2);
  assert_true(objpool_resize(found, 3, 9));
  assert_int_equal(objpool_snapshot(found).idle, 3);
  assert_int_equal(objpool_snapshot(found).max_objects, 9);
  thing_pool_destroy(&pool);
}

typedef struct held_visit {
  gate entered, leave;
  long destroyed;
  thing_pool *pool;
} held_visit;

static void stay_in_visit(objpool *pool, void *user) {
  held_visit *held = (held_visit *)user;
  if (pool != &held->pool->base) return;
  gate_open(&held->entered);
  gate_wait(&held->leave);
  CHECK(objpool_snapshot(pool).idle == 1); /* still whole */
}

static void *visit_all(void *argument) {
  objpool_registry_each(stay_in_visit, argument);
  return NULL;
}

static void *destroy_it(void *argument) {
  held_visit *held = (held_visit *)argument;
  thing_pool_destroy(held->pool);
  count_set(&held->destroyed, 1);
  return NULL;
}

static void destroy_waits_for_visits_in_progress(void **state) {
  static thing_pool pool;
  held_visit held;
  pthread_t visitor, destroyer;
  (void)state;
  init_named(&pool, "visited");
  thing_pool_warmup(&pool, 1);
  gate_make(&held.entered);
  gate_make(&held.leave);
  held.destroyed = 0;
  held.pool = &pool;
  visitor = start_thread(visit_all, &held);
  gate_wait(&held.entered);
  destroyer = start_thread(destroy_it, &held);
  sleep_ms(50); /* time enough to go wrong */
  assert_int_equal(count_read(&held.destroyed), 0);
  gate_open(&held.leave);
  join_thread(visitor);
  join_thread(destroyer);
  assert_int_equal(held.destroyed, 1);
  gate_close(&held.entered);
  gate_close(&held.leave);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(pools_are_found_by_name_from_init_to_destroy),
      TEST(pools_without_a_name_are_not_registered),
      TEST(a_second_pool_of_a_name_is_refused_with_EEXIST),
      TEST(the_name_is_copied),
      TEST(an_init_that_fails_registers_nothing),
      TEST(each_pool_is_visited_once_whatever_its_type),
      TEST(visitors_may_read_and_trim_pools),
      TEST(the_registry_snapshot_adds_all_pools_up),
      TEST(a_pool_found_by_name_is_used_without_its_type),
      TEST(destroy_waits_for_visits_in_progress),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
