/* Hooks: each runs exactly once per occasion, outside every lock, with the pool's context; they may refuse, and may use the pool. */
#include "support.h"

#include "objpool.h"

typedef struct thing {
  int serial;
  bool broken;
  char secret[48];
} thing;

/* What happened, in order, as letters: c create, C create refused, r reset, v validate, V validate said no, d destroy. */
typedef struct diary {
  char letters[4000];
  size_t length;
  long creates, refuse_at; /* create number refuse_at is refused; 0: none */
  int serial;
} diary;

static void note(diary *kept, char letter) {
  CHECK(kept->length + 1 < sizeof kept->letters);
  kept->letters[kept->length++] = letter;
  kept->letters[kept->length] = 0;
}

static bool note_create(thing *object, void *context) {
  diary *kept = (diary *)context;
  const char *bytes = (const char *)object;
  for (size_t i = 0; i < sizeof *object; i++) CHECK(bytes[i] == 0); /* memory comes zeroed, whoever had it before */
  kept->creates++;
  object->serial = -1; /* a refused create may leave what it likes */
  if (kept->creates == kept->refuse_at) {
    memset(object->secret, 'x', sizeof object->secret);
    note(kept, 'C');
    return false;
  }
  object->serial = ++kept->serial;
  note(kept, 'c');
  return true;
}
static void note_reset(thing *object, void *context) {
  CHECK(object->serial > 0);
  note((diary *)context, 'r');
}
static bool note_validate(thing *object, void *context) {
  CHECK(object->serial > 0);
  note((diary *)context, object->broken ? 'V' : 'v');
  return !object->broken;
}
static void note_destroy(thing *object, void *context) {
  CHECK(object->serial > 0); /* only what create built */
  object->serial = 0;
  note((diary *)context, 'd');
}

OBJPOOL_DEFINE(noted_pool, thing, opt.create = note_create, opt.reset = note_reset, opt.validate = note_validate,
               opt.destroy = note_destroy);
OBJPOOL_DEFINE(on_acquire_pool, thing, opt.validate_on = OBJPOOL_ON_ACQUIRE, opt.create = note_create, opt.reset = note_reset,
               opt.validate = note_validate, opt.destroy = note_destroy);
OBJPOOL_DEFINE(on_release_pool, thing, opt.validate_on = OBJPOOL_ON_RELEASE, opt.create = note_create, opt.reset = note_reset,
               opt.validate = note_validate, opt.destroy = note_destroy);
OBJPOOL_DEFINE(on_maintain_pool, thing, opt.validate_on = OBJPOOL_ON_MAINTAIN, opt.create = note_create, opt.reset = note_reset,
               opt.validate = note_validate, opt.destroy = note_destroy);

static diary kept;
static noted_pool pool;

static objpool_config with_diary(void) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.context = &kept;
  return config;
}

static int begin(void **state) {
  objpool_config config = with_diary();
  (void)state;
  memset(&kept, 0, sizeof kept);
  return noted_pool_init(&pool, &config) ? 0 : -1;
}

/* No call is under way any more, whatever it met with: a drain would wait for it. */
static int end(void **state) {
  (void)state;
  noted_pool_close(&pool);
  bool drained = noted_pool_drain(&pool, 0);
  noted_pool_destroy(&pool);
  return drained ? 0 : -1;
}

/* What has been noted since the last look. */
static void assert_noted(const char *letters) {
  assert_string_equal(kept.letters, letters);
  kept.length = 0;
  kept.letters[0] = 0;
}

static thing *must_acquire(void) {
  thing *object = noted_pool_acquire(&pool);
  assert_non_null(object);
  return object;
}

static void each_hook_runs_once_per_occasion_and_in_order(void **state) {
  thing *object, value;
  (void)state;
  object = must_acquire();
  assert_noted("c"); /* a new object is not validated */
  noted_pool_release(&pool, object);
  assert_noted("rv");
  object = must_acquire();
  assert_noted("v");
  noted_pool_discard(&pool, object);
  assert_noted("d");
  object = must_acquire();
  value = noted_pool_extract(&pool, object);
  assert_int_equal(value.serial, 2);
  assert_noted("c");
  assert_int_equal(noted_pool_warmup(&pool, 3), 3);
  assert_noted("ccc");
  assert_int_equal(noted_pool_trim(&pool, 1), 2);
  assert_noted("dd");
  object = noted_pool_try_acquire(&pool);
  assert_non_null(object);
  assert_noted("v");
  noted_pool_release(&pool, object);
  assert_noted("rv");
  noted_pool_destroy(&pool);
  assert_noted("d");
}

static void hooks_of_many_run_once_for_each(void **state) {
  thing *objects[4];
  (void)state;
  assert_int_equal(noted_pool_acquire_many(&pool, objects, 4), 4);
  assert_noted("cccc");
  noted_pool_release_many(&pool, objects, 4);
  assert_int_equal(kept.length, 8);
  assert_int_equal(noted_pool_stats(&pool).idle, 4);
  kept.length = 0;
  assert_int_equal(noted_pool_acquire_many(&pool, objects, 4), 4);
  assert_noted("vvvv");
  noted_pool_release_many(&pool, objects, 4);
}

static void refused_release_destroys_after_reset(void **state) {
  thing *object;
  (void)state;
  object = must_acquire();
  object->broken = true;
  kept.length = 0;
  noted_pool_release(&pool, object);
  assert_noted("rVd");
  assert_int_equal(noted_pool_stats(&pool).invalid, 1);
  assert_int_equal(noted_pool_stats(&pool).idle, 0);
}

static void overflowing_release_resets_once_and_destroys(void **state) {
  static noted_pool small;
  objpool_config config = with_diary();
  thing *objects[2];
  (void)state;
  config.max_idle = 1;
  assert_true(noted_pool_init(&small, &config));
  assert_int_equal(noted_pool_acquire_many(&small, objects, 2), 2);
  noted_pool_release(&small, objects[0]);
  kept.length = 0;
  noted_pool_release(&small, objects[1]);
  assert_true(!strcmp(kept.letters, "rvd") || !strcmp(kept.letters, "rd") || !strcmp(kept.letters, "d"));
  noted_pool_destroy(&small);
}

#if !ADDRESS_SANITIZED
/* Idle objects break from outside, as connections do: the test writes to them, which a program must not. */
static void broken_idle_objects_are_destroyed_and_never_handed_out(void **state) {
  thing *objects[5], *object, *first = NULL;
  (void)state;
  assert_int_equal(noted_pool_acquire_many(&pool, objects, 5), 5);
  noted_pool_release_many(&pool, objects, 5);
  for (int i = 0; i < 5; i++)
    if (i != 2) objects[i]->broken = true;
  object = must_acquire(); /* whatever lies above the only whole one is destroyed on the way */
  assert_false(object->broken);
  noted_pool_release(&pool, object);
  for (int i = 0; i < 2; i++) {
    object = must_acquire();
    assert_false(object->broken);
    if (!first) first = object;
  }
  assert_int_equal(noted_pool_stats(&pool).invalid, 4);
  assert_int_equal(noted_pool_stats(&pool).destroyed, 4);
  assert_int_equal(noted_pool_stats(&pool).in_use, 2);
  noted_pool_release(&pool, object);
  noted_pool_release(&pool, first);
}

static void try_acquire_fails_when_all_idle_objects_are_broken(void **state) {
  thing *objects[3];
  (void)state;
  assert_int_equal(noted_pool_acquire_many(&pool, objects, 3), 3);
  noted_pool_release_many(&pool, objects, 3);
  for (int i = 0; i < 3; i++) objects[i]->broken = true;
  kept.length = 0;
  errno = 0;
  assert_null(noted_pool_try_acquire(&pool));
  assert_int_equal(errno, EAGAIN);
  assert_noted("VdVdVd");
  assert_int_equal(noted_pool_stats(&pool).invalid, 3);
  assert_int_equal(noted_pool_stats(&pool).idle, 0);
}

static void broken_object_at_the_cap_makes_room_for_a_new_one(void **state) {
  static noted_pool capped;
  objpool_config config = with_diary();
  thing *object;
  (void)state;
  config.max_objects = 1;
  assert_true(noted_pool_init(&capped, &config));
  object = noted_pool_acquire(&capped);
  assert_non_null(object);
  noted_pool_release(&capped, object);
  object->broken = true;
  kept.length = 0;
  object = noted_pool_acquire(&capped);
  assert_non_null(object);
  assert_noted("Vdc");
  noted_pool_release(&capped, object);
  noted_pool_destroy(&capped);
}
#endif

static void validate_on_chooses_the_occasions(void **state) {
  static on_acquire_pool acquiring;
  static on_release_pool releasing;
  static on_maintain_pool maintaining;
  objpool_config config = with_diary();
  thing *object;
  (void)state;
  assert_true(on_acquire_pool_init(&acquiring, &config));
  object = on_acquire_pool_acquire(&acquiring);
  assert_non_null(object);
  on_acquire_pool_release(&acquiring, object);
  assert_noted("cr");
  object = on_acquire_pool_acquire(&acquiring);
  assert_non_null(object);
  assert_noted("v");
  on_acquire_pool_release(&acquiring, object);
  on_acquire_pool_destroy(&acquiring);
  assert_noted("rd");

  assert_true(on_release_pool_init(&releasing, &config));
  object = on_release_pool_acquire(&releasing);
  assert_non_null(object);
  on_release_pool_release(&releasing, object);
  assert_noted("crv");
  object = on_release_pool_acquire(&releasing);
  assert_non_null(object);
  assert_noted("");
  on_release_pool_release(&releasing, object);
  on_release_pool_destroy(&releasing);
  assert_noted("rvd");

  assert_true(on_maintain_pool_init(&maintaining, &config));
  object = on_maintain_pool_acquire(&maintaining);
  assert_non_null(object);
  on_maintain_pool_release(&maintaining, object);
  object = on_maintain_pool_acquire(&maintaining);
  assert_non_null(object);
  on_maintain_pool_release(&maintaining, object);
  on_maintain_pool_destroy(&maintaining);
  assert_noted("crrd");
}

static void refused_create_is_ecanceled_and_nothing_was_built(void **state) {
  thing *object;
  (void)state;
  kept.refuse_at = 1;
  errno = 0;
  assert_null(noted_pool_acquire(&pool));
  assert_int_equal(errno, ECANCELED);
  assert_noted("C"); /* no destroy */
  assert_int_equal(noted_pool_stats(&pool).created, 0);
  assert_int_equal(noted_pool_stats(&pool).in_use, 0);
  assert_int_equal(noted_pool_stats(&pool).create_failures, 1);
  object = must_acquire(); /* in the same memory, zeroed again: create checks */
  assert_noted("c");
  noted_pool_release(&pool, object);
}

static void refused_create_gives_its_reservation_back(void **state) {
  static noted_pool capped;
  objpool_config config = with_diary();
  thing *object;
  (void)state;
  config.max_objects = 1;
  assert_true(noted_pool_init(&capped, &config));
  for (long i = 1; i <= 5; i++) {
    kept.refuse_at = i;
    errno = 0;
    assert_null(noted_pool_acquire(&capped));
    assert_int_equal(errno, ECANCELED); /* not EAGAIN: the cap is free */
  }
  object = noted_pool_acquire(&capped);
  assert_non_null(object);
  noted_pool_release(&capped, object);
  noted_pool_destroy(&capped);
}

static void create_may_fail_at_any_position_of_many(void **state) {
  enum { MANY = 12 };
  thing *objects[MANY];
  (void)state;
  for (long position = 1; position <= MANY; position++) {
    kept.creates = 0;
    kept.refuse_at = position;
    errno = 0;
    assert_int_equal(noted_pool_acquire_many(&pool, objects, MANY), position - 1);
    assert_int_equal(errno, ECANCELED);
    assert_int_equal(noted_pool_stats(&pool).in_use, position - 1);
    kept.refuse_at = 0;
    noted_pool_release_many(&pool, objects, (size_t)(position - 1));
    assert_int_equal(noted_pool_clear(&pool), position - 1);

    kept.creates = 0;
    kept.refuse_at = position;
    assert_int_equal(noted_pool_warmup(&pool, MANY), position - 1);
    assert_int_equal(noted_pool_stats(&pool).idle, position - 1);
    kept.refuse_at = 0;
    assert_int_equal(noted_pool_clear(&pool), position - 1);
    kept.length = 0;
  }
}

static void create_refused_during_init_undoes_the_warmup(void **state) {
  static noted_pool fresh;
  static noted_pool zero; /* all of it */
  objpool_config config = with_diary();
  (void)state;
  config.warmup = 6;
  for (long position = 1; position <= 6; position++) {
    long built = 0, destroyed = 0;
    kept.creates = 0;
    kept.refuse_at = position;
    kept.length = 0;
    errno = 0;
    assert_false(noted_pool_init(&fresh, &config));
    assert_int_equal(errno, ECANCELED);
    assert_memory_equal(&fresh, &zero, sizeof fresh);
    for (size_t i = 0; i < kept.length; i++) {
      built += kept.letters[i] == 'c';
      destroyed += kept.letters[i] == 'd';
    }
    assert_int_equal(built, position - 1);
    assert_int_equal(destroyed, built);
  }
  kept.length = 0;
}

/* A pool whose every hook takes an object from the pool and gives it back, one level deep. */
typedef struct nested {
  objpool *base;
  int depth;
  long uses[4];
} nested;

static void use_pool_inside(nested *inner, int hook) {
  void *object;
  if (inner->depth > 0 || inner->uses[hook] >= 40)
    return; /* a destroy that always leaves a new object would never end a clear */
  inner->depth++;
  object = objpool_acquire(inner->base);
  CHECK(object);
  objpool_release(inner->base, object);
  object = objpool_try_acquire(inner->base);
  objpool_release(inner->base, object);
  (void)objpool_snapshot(inner->base);
  (void)objpool_trim(inner->base, 2);
  inner->uses[hook]++;
  inner->depth--;
}
static bool nested_create(thing *object, void *context) {
  object->serial = 1;
  use_pool_inside((nested *)context, 0);
  return true;
}
static void nested_reset(thing *object, void *context) {
  CHECK(object->serial == 1);
  use_pool_inside((nested *)context, 1);
}
static bool nested_validate(thing *object, void *context) {
  use_pool_inside((nested *)context, 2);
  return !object->broken;
}
static void nested_destroy(thing *object, void *context) {
  CHECK(object->serial == 1);
  object->serial = 0;
  use_pool_inside((nested *)context, 3);
}
OBJPOOL_DEFINE(nested_pool, thing, opt.create = nested_create, opt.reset = nested_reset, opt.validate = nested_validate,
               opt.destroy = nested_destroy);
OBJPOOL_DEFINE(nested_local_pool, thing, opt.local = true, opt.create = nested_create, opt.reset = nested_reset,
               opt.validate = nested_validate, opt.destroy = nested_destroy);

static void hooks_may_use_the_same_pool(void **state) {
  static nested_pool shared;
  static nested_local_pool local;
  (void)state;
  for (int variant = 0; variant < 4; variant++) {
    objpool *base = variant < 3 ? &shared.base : &local.base;
    nested inner = {base, 0, {0, 0, 0, 0}};
    void *objects[8];
    objpool_config config;
    memset(&config, 0, sizeof config);
    config.context = &inner;
    if (variant == 1) config.cache_size = OBJPOOL_NO_CACHE;
    if (variant == 2) config.max_idle = 4, config.max_objects = 32;
    assert_true(variant < 3 ? nested_pool_init(&shared, &config) : nested_local_pool_init(&local, &config));
    for (int round = 0; round < 20; round++) {
      size_t count = objpool_acquire_many(base, objects, COUNT_OF(objects));
      assert_int_equal(count, COUNT_OF(objects));
      ((thing *)objects[1])->broken = true;
      objpool_discard(base, objects[0]);
      for (size_t i = 1; i < count; i++) objpool_release(base, objects[i]);
      (void)objpool_warmup(base, 3);
      (void)objpool_clear(base);
    }
    for (int hook = 0; hook < 4; hook++) assert_true(inner.uses[hook] > 0);
    assert_int_equal(objpool_snapshot(base).in_use, 0);
    inner.depth = 1; /* while the pool is destroyed, hooks may not acquire */
    if (variant < 3)
      nested_pool_destroy(&shared);
    else
      nested_local_pool_destroy(&local);
  }
}

/* An object that owns another of the same pool gives it back when it is destroyed, even when that is by the pool's own end. */
typedef struct node {
  struct node *owned;
  int serial;
} node;
static objpool *nodes_base;
static long nodes_destroyed;
static void destroy_node(node *object, void *context) {
  (void)context;
  nodes_destroyed++;
  if (object->owned) objpool_release(nodes_base, object->owned);
}
OBJPOOL_DEFINE(node_pool, node, opt.destroy = destroy_node);

static void destroy_hook_may_release_while_the_pool_is_destroyed(void **state) {
  static node_pool nodes;
  objpool_config config;
  char nothing[4];
  (void)state, (void)nothing;
  memset(&config, 0, sizeof config);
  config.on_leak = OBJPOOL_LEAK_ABORT;
  for (int round = 0; round < 3; round++) {
    node *chain[6];
    assert_true(node_pool_init(&nodes, &config));
    nodes_base = &nodes.base;
    nodes_destroyed = 0;
    assert_int_equal(node_pool_acquire_many(&nodes, chain, 6), 6);
    for (int i = 0; i < 5; i++) chain[i]->owned = chain[i + 1];
    node_pool_release(&nodes, chain[0]); /* the others are in use until their owner is destroyed */
    if (round == 1) assert_true(node_pool_clear(&nodes) >= 1);
    node_pool_destroy(&nodes);
    assert_int_equal(nodes_destroyed, 6);
  }
}

/* A secret in an object of a wiping pool must be nowhere in the pool's memory once the object was given back. The allocator
   keeps what the pool holds in sight. */
enum { BLOCKS = 64 };
static struct {
  unsigned char *memory;
  size_t size;
} blocks[BLOCKS];

static bool holds_secret(const unsigned char *memory, size_t size) {
  size_t run = 0;
  for (size_t i = 0; i < size; i++) {
    run = memory[i] == 0xa5 ? run + 1 : 0;
    if (run == 16) return true;
  }
  return false;
}
static void *watched_allocate(size_t size, size_t alignment, void *context) {
  void *memory = NULL;
  (void)context;
  if (alignment < sizeof(void *)) alignment = sizeof(void *);
  if (posix_memalign(&memory, alignment, size) != 0) return NULL;
  for (size_t i = 0; i < BLOCKS; i++) {
    if (blocks[i].memory) continue;
    blocks[i].memory = (unsigned char *)memory;
    blocks[i].size = size;
    return memory;
  }
  abort();
}
static void watched_deallocate(void *memory, size_t size, size_t alignment, void *context) {
  (void)alignment, (void)context;
  CHECK(!holds_secret((const unsigned char *)memory, size));
  for (size_t i = 0; i < BLOCKS; i++)
    if (blocks[i].memory == memory) blocks[i].memory = NULL;
  free(memory);
}
static bool secret_in_memory(void) {
#if !ADDRESS_SANITIZED /* where idle objects may not be read, what goes back to the allocator is still searched */
  for (size_t i = 0; i < BLOCKS; i++)
    if (blocks[i].memory && holds_secret(blocks[i].memory, blocks[i].size)) return true;
#endif
  return false;
}

static long wiped_creates, wiped_destroys;
static bool wiped_create(thing *object, void *context) {
  const char *bytes = (const char *)object;
  (void)context;
  for (size_t i = 0; i < sizeof *object; i++) CHECK(bytes[i] == 0);
  object->serial = 4;
  wiped_creates++;
  return true;
}
static void wiped_destroy(thing *object, void *context) {
  (void)context;
  CHECK(object->serial == 4);
  memset(object->secret, 0xa5, sizeof object->secret); /* even what destroy leaves behind goes */
  wiped_destroys++;
}
OBJPOOL_DEFINE(wiped_pool, thing, opt.wipe = true);
OBJPOOL_DEFINE(wiped_local_pool, thing, opt.wipe = true, opt.local = true);
OBJPOOL_DEFINE(wiped_destroyed_pool, thing, opt.wipe = true, opt.create = wiped_create, opt.destroy = wiped_destroy);
OBJPOOL_DEFINE(unwiped_pool, thing);

static void keep_secret(void *object) {
  CHECK(object);
  memset(((thing *)object)->secret, 0xa5, sizeof((thing *)object)->secret);
}

static void leave_secrets_everywhere(objpool *base) {
  void *objects[6];
  for (int round = 0; round < 3; round++) {
    assert_int_equal(objpool_acquire_many(base, objects, 6), 6);
    for (int i = 0; i < 6; i++) {
      const thing *fresh = (const thing *)objects[i];
      for (size_t k = 0; k < sizeof fresh->secret; k++) assert_int_equal(fresh->secret[k], 0);
      keep_secret(objects[i]);
    }
    objpool_release(base, objects[0]);
    objpool_release(base, objects[1]);
    objpool_discard(base, objects[2]);
    objpool_release_many(base, objects + 3, 3);
    assert_false(secret_in_memory());
    (void)objpool_trim(base, 1);
    assert_false(secret_in_memory());
  }
}

static void wiping_pool_leaves_no_byte_of_an_object(void **state) {
  static wiped_pool wiped;
  static wiped_local_pool wiped_local;
  static wiped_destroyed_pool wiped_destroyed;
  objpool_config config;
  thing value;
  (void)state;
  memset(&config, 0, sizeof config);
  config.allocator.allocate = watched_allocate;
  config.allocator.deallocate = watched_deallocate;
  for (int limited = 0; limited < 2; limited++) {
    if (limited) config.max_idle = 2;
    assert_true(wiped_pool_init(&wiped, &config));
    leave_secrets_everywhere(&wiped.base);
    thing *object = wiped_pool_acquire(&wiped);
    keep_secret(object);
    value = wiped_pool_extract(&wiped, object);
    assert_int_equal((unsigned char)value.secret[0], 0xa5);
    assert_false(secret_in_memory());
    wiped_pool_destroy(&wiped);

    assert_true(wiped_local_pool_init(&wiped_local, &config));
    leave_secrets_everywhere(&wiped_local.base);
    wiped_local_pool_destroy(&wiped_local);

    wiped_creates = wiped_destroys = 0;
    assert_true(wiped_destroyed_pool_init(&wiped_destroyed, &config));
    leave_secrets_everywhere(&wiped_destroyed.base);
    wiped_destroyed_pool_destroy(&wiped_destroyed);
    assert_int_equal(wiped_creates, wiped_destroys);
    assert_true(wiped_creates >= 18); /* built anew for each use */
  }
}

static void search_for_secrets_finds_them_where_nothing_wipes(void **state) {
#if !ADDRESS_SANITIZED
  static unwiped_pool unwiped; /* so that the test above can fail */
  objpool_config config;
  thing *object;
  (void)state;
  memset(&config, 0, sizeof config);
  config.allocator.allocate = watched_allocate;
  config.allocator.deallocate = watched_deallocate;
  assert_true(unwiped_pool_init(&unwiped, &config));
  object = unwiped_pool_acquire(&unwiped);
  keep_secret(object);
  unwiped_pool_release(&unwiped, object);
  assert_true(secret_in_memory());
  object = unwiped_pool_acquire(&unwiped);
  assert_non_null(object);
  memset(object, 0, sizeof *object);
  unwiped_pool_release(&unwiped, object);
  unwiped_pool_destroy(&unwiped);
#else
  (void)state;
  skip();
#endif
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(each_hook_runs_once_per_occasion_and_in_order, begin, end),
    cmocka_unit_test_setup_teardown(hooks_of_many_run_once_for_each, begin, end),
    cmocka_unit_test_setup_teardown(refused_release_destroys_after_reset, begin, end),
    cmocka_unit_test_setup_teardown(overflowing_release_resets_once_and_destroys, begin, end),
#if !ADDRESS_SANITIZED
    cmocka_unit_test_setup_teardown(broken_idle_objects_are_destroyed_and_never_handed_out, begin, end),
    cmocka_unit_test_setup_teardown(try_acquire_fails_when_all_idle_objects_are_broken, begin, end),
    cmocka_unit_test_setup_teardown(broken_object_at_the_cap_makes_room_for_a_new_one, begin, end),
#endif
    cmocka_unit_test_setup_teardown(validate_on_chooses_the_occasions, begin, end),
    cmocka_unit_test_setup_teardown(refused_create_is_ecanceled_and_nothing_was_built, begin, end),
    cmocka_unit_test_setup_teardown(refused_create_gives_its_reservation_back, begin, end),
    cmocka_unit_test_setup_teardown(create_may_fail_at_any_position_of_many, begin, end),
    cmocka_unit_test_setup_teardown(create_refused_during_init_undoes_the_warmup, begin, end),
    cmocka_unit_test_setup_teardown(hooks_may_use_the_same_pool, begin, end),
    cmocka_unit_test(destroy_hook_may_release_while_the_pool_is_destroyed),
    cmocka_unit_test(wiping_pool_leaves_no_byte_of_an_object),
    cmocka_unit_test(search_for_secrets_finds_them_where_nothing_wipes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
