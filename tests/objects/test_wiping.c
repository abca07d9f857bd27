/* opt.wipe meets every other option: what is refused on the way back, what cannot be built anew, what has only a
   create. */
#include "support.h"

#include "objpool.h"

typedef struct secret {
  long number; /* 7 while it is built */
  char text[56];
} secret;

static bool refuse_create, refuse_validate;
static int created, destroyed, resets, validated;
static const volatile secret *half_built; /* the last that create gave up */

static bool build(secret *object, void *context) {
  (void)context;
  for (size_t i = 0; i < sizeof object->text; i++) assert_int_equal(object->text[i], 0);
  assert_int_equal(object->number, 0);
  object->number = 7;
  if (refuse_create) { /* half built */
    strcpy(object->text, "the code is 4711");
    half_built = object;
    return false;
  }
  created++;
  return true;
}
static void take_down(secret *object, void *context) {
  (void)context;
  assert_int_equal(object->number, 7);
  destroyed++;
}
static void note_destroy(secret *object, void *context) {
  (void)object, (void)context;
  destroyed++;
}
static void tidy(secret *object, void *context) {
  (void)object, (void)context;
  resets++;
}
static bool check(secret *object, void *context) {
  (void)object, (void)context;
  validated++;
  return !refuse_validate;
}

OBJPOOL_DEFINE(plain_pool, secret, opt.wipe = true);
OBJPOOL_DEFINE(creating_pool, secret, opt.wipe = true, opt.create = build);
OBJPOOL_DEFINE(full_pool, secret, opt.wipe = true, opt.create = build, opt.destroy = take_down, opt.reset = tidy,
               opt.validate = check, opt.validate_on = OBJPOOL_ON_RELEASE);
OBJPOOL_DEFINE(destroying_pool, secret, opt.wipe = true, opt.destroy = note_destroy);
OBJPOOL_DEFINE(late_pool, secret, opt.wipe = true, opt.validate = check, opt.validate_on = OBJPOOL_ON_MAINTAIN);
OBJPOOL_DEFINE(local_pool, secret, opt.wipe = true, opt.local = true, opt.create = build, opt.destroy = take_down);

static int begin(void **state) {
  (void)state;
  refuse_create = refuse_validate = false;
  created = destroyed = resets = validated = 0;
  return 0;
}

/* Writes a secret, gives the object back by `release`, and says whether the secret is still in the memory, which the
   pool keeps. */
static bool secret_stays(secret *object, void (*release)(secret *object)) {
  const char *text = object->text;
  memcpy(object->text, "the code is 4711", 17);
  release(object);
#if ADDRESS_SANITIZED /* what is idle must not be read: the next who gets it will look */
  (void)text;
  return false;
#else
  const volatile char *bytes = text;
  for (size_t i = 0; i < sizeof object->text; i++)
    if (bytes[i]) return true;
  return false;
#endif
}

static creating_pool creating;
static destroying_pool destroying;
static full_pool full;
static late_pool late;
static local_pool local;
static plain_pool plain;
static void release_creating(secret *object) { creating_pool_release(&creating, object); }
static void release_destroying(secret *object) { destroying_pool_release(&destroying, object); }
static void release_full(secret *object) { full_pool_release(&full, object); }
static void release_late(secret *object) { late_pool_release(&late, object); }
static void release_local(secret *object) { local_pool_release(&local, object); }
static void release_plain(secret *object) { plain_pool_release(&plain, object); }

static void without_hooks_the_object_is_only_cleared(void **state) {
  (void)state;
  assert_false(secret_stays(plain_pool_acquire(&plain), release_plain));
  objpool_stats stats = plain_pool_stats(&plain);
  assert_int_equal(stats.idle, 1);
  assert_int_equal(stats.created, 1);
  assert_int_equal(stats.destroyed, 0);
  secret *again = plain_pool_acquire(&plain);
  assert_int_equal(again->text[0], 0);
  plain_pool_release(&plain, again);
  plain_pool_destroy(&plain);
}

static void with_create_alone_it_is_built_anew(void **state) {
  (void)state;
  assert_false(secret_stays(creating_pool_acquire(&creating), release_creating));
  assert_int_equal(created, 2);
  objpool_stats stats = creating_pool_stats(&creating);
  assert_int_equal(stats.created, 2);
  assert_int_equal(stats.destroyed, 1);
  assert_int_equal(stats.idle, 1);
  creating_pool_destroy(&creating);
}

static void with_destroy_alone_it_is_destroyed_and_cleared(void **state) {
  (void)state;
  assert_false(secret_stays(destroying_pool_acquire(&destroying), release_destroying));
  assert_int_equal(destroyed, 1);
  objpool_stats stats = destroying_pool_stats(&destroying);
  assert_int_equal(stats.destroyed, 1);
  assert_int_equal(stats.created, 2);
  assert_int_equal(stats.idle, 1);
  destroying_pool_destroy(&destroying);
  assert_int_equal(destroyed, 2);
}

static void all_hooks_run_once_each_on_the_way_back(void **state) {
  (void)state;
  assert_false(secret_stays(full_pool_acquire(&full), release_full));
  assert_int_equal(resets, 1);
  assert_int_equal(validated, 1);
  assert_int_equal(destroyed, 1);
  assert_int_equal(created, 2);
  full_pool_destroy(&full);
  assert_int_equal(destroyed, 2);
}

static void a_release_that_validate_refuses_destroys(void **state) {
  (void)state;
  secret *object = full_pool_acquire(&full);
  refuse_validate = true;
  errno = EXDEV;
  assert_false(secret_stays(object, release_full));
  assert_int_equal(errno, EXDEV);
  assert_int_equal(destroyed, 1);
  assert_int_equal(created, 1);
  objpool_stats stats = full_pool_stats(&full);
  assert_int_equal(stats.invalid, 1);
  assert_int_equal(stats.releases, 1);
  assert_int_equal(stats.idle + stats.in_use, 0);
  full_pool_destroy(&full);
}

static void validate_on_maintain_is_not_asked_on_release(void **state) {
  (void)state;
  refuse_validate = true;
  assert_false(secret_stays(late_pool_acquire(&late), release_late));
  assert_int_equal(validated, 0);
  assert_int_equal(late_pool_stats(&late).idle, 1);
  assert_true(objpool_maintain(&late.base) > 0);
  assert_int_equal(validated, 1);
  assert_int_equal(late_pool_stats(&late).invalid, 1);
  late_pool_destroy(&late);
}

static void what_cannot_be_built_anew_leaves_the_pool(void **state) {
  (void)state;
  secret *object = full_pool_acquire(&full), *other = local_pool_acquire(&local);
  refuse_create = true;
  errno = EXDEV;
  assert_false(secret_stays(object, release_full));
  assert_false(secret_stays(other, release_local));
  assert_int_equal(errno, EXDEV); /* a release cannot fail */
  objpool_stats stats = full_pool_stats(&full);
  assert_int_equal(stats.idle + stats.in_use, 0);
  assert_int_equal(stats.releases, 1);
  assert_int_equal(stats.created - stats.destroyed, 0);
  stats = local_pool_stats(&local);
  assert_int_equal(stats.idle + stats.in_use, 0);
  assert_int_equal(stats.releases, 1);
  assert_null(full_pool_acquire(&full)); /* and what create left half built is wiped, too: build() looks */
  assert_int_equal(errno, ECANCELED);
  refuse_create = false;
  object = full_pool_acquire(&full);
  other = local_pool_acquire(&local);
  assert_true(object && other);
  full_pool_release(&full, object);
  local_pool_release(&local, other);
  full_pool_destroy(&full);
  local_pool_destroy(&local);
  assert_int_equal(created, destroyed);
}

/* Whether the memory of what create gave up is clear; the pool keeps it. */
static bool half_built_is_gone(void) {
#if !ADDRESS_SANITIZED /* what is free must not be read */
  for (size_t i = 0; i < sizeof half_built->text; i++)
    if (half_built->text[i]) return false;
  return half_built->number == 0;
#else
  return true;
#endif
}

static void what_create_wrote_before_it_failed_is_cleared(void **state) {
  (void)state;
  secret *object = full_pool_acquire(&full); /* keeps the block */
  secret *other = full_pool_acquire(&full);
  refuse_create = true;
  assert_null(full_pool_acquire(&full));
  assert_true(half_built_is_gone());
  full_pool_release(&full, other);
  assert_ptr_equal(half_built, other);
  assert_true(half_built_is_gone());
  refuse_create = false;
  full_pool_release(&full, object);
  full_pool_destroy(&full);
}

static void a_local_pool_wipes_and_builds_anew(void **state) {
  (void)state;
  assert_false(secret_stays(local_pool_acquire(&local), release_local));
  assert_int_equal(created, 2);
  assert_int_equal(destroyed, 1);
  assert_int_equal(local_pool_stats(&local).idle, 1);
  local_pool_destroy(&local);
  assert_int_equal(destroyed, 2);
}

static size_t secrets_given_back;
static void *take_memory(size_t size, size_t alignment, void *context) {
  (void)context;
  void *memory = NULL; /* uninitialised to a sanitizer, were it not cleared */
  return posix_memalign(&memory, alignment < sizeof(void *) ? sizeof(void *) : alignment, size) ? NULL : memset(memory, 0, size);
}
static void look_through(void *memory, size_t size, size_t alignment, void *context) {
  (void)alignment, (void)context;
  for (size_t i = 0; i + 17 <= size; i++) secrets_given_back += memcmp((char *)memory + i, "the code is 4711", 17) == 0;
  free(memory);
}

static void what_is_in_use_at_destroy_goes_without_its_secret(void **state) {
  (void)state;
  const size_t caps[] = {0, 4, 100};
  for (size_t i = 0; i < 2 * COUNT_OF(caps); i++) {
    objpool_config config;
    memset(&config, 0, sizeof config);
    config.allocator.allocate = take_memory, config.allocator.deallocate = look_through;
    config.on_leak = OBJPOOL_LEAK_IGNORE;
    config.max_objects = caps[i / 2];
    config.reserve = i % 2 ? 10 : 0;
    plain_pool shared;
    local_pool alone;
    memset(&shared, 0, sizeof shared), memset(&alone, 0, sizeof alone);
    assert_true(plain_pool_init(&shared, &config) && local_pool_init(&alone, &config));
    memcpy(plain_pool_acquire(&shared)->text, "the code is 4711", 17);
    memcpy(local_pool_acquire(&alone)->text, "the code is 4711", 17);
    plain_pool_release(&shared, plain_pool_acquire(&shared)); /* beside one that is idle, which sanitizers know */
    local_pool_release(&alone, local_pool_acquire(&alone));
    plain_pool_destroy(&shared), local_pool_destroy(&alone);
    assert_int_equal(secrets_given_back, 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(without_hooks_the_object_is_only_cleared, begin),
      cmocka_unit_test_setup(with_create_alone_it_is_built_anew, begin),
      cmocka_unit_test_setup(with_destroy_alone_it_is_destroyed_and_cleared, begin),
      cmocka_unit_test_setup(all_hooks_run_once_each_on_the_way_back, begin),
      cmocka_unit_test_setup(a_release_that_validate_refuses_destroys, begin),
      cmocka_unit_test_setup(validate_on_maintain_is_not_asked_on_release, begin),
      cmocka_unit_test_setup(what_cannot_be_built_anew_leaves_the_pool, begin),
      cmocka_unit_test_setup(what_create_wrote_before_it_failed_is_cleared, begin),
      cmocka_unit_test_setup(a_local_pool_wipes_and_builds_anew, begin),
      cmocka_unit_test_setup(what_is_in_use_at_destroy_goes_without_its_secret, begin),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
