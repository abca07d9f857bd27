/* Under AddressSanitizer idle objects and free cells are out of bounds, each byte of them, and what is handed out is not. */
#include "support.h"

#define OBJPOOL_PANIC(message) panic_seen(message)
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

#if ADDRESS_SANITIZED
#ifdef __cplusplus
extern "C" {
#endif
int __asan_address_is_poisoned(void const volatile *address);
#ifdef __cplusplus
}
#endif

typedef struct thing {
  char bytes[64];
} thing;

static bool is_well = true;
static bool make(thing *object, void *context) {
  (void)context;
  object->bytes[63] = 1;
  return true;
}
static void reset(thing *object, void *context) {
  (void)context;
  object->bytes[0] = 1;
}
static bool look(thing *object, void *context) {
  (void)context;
  return object->bytes[63] == 1 && is_well;
}
static void take_down(thing *object, void *context) {
  (void)context;
  object->bytes[0] = 0;
}
#define HOOKS opt.create = make, opt.reset = reset, opt.validate = look, opt.destroy = take_down
#define ALWAYS opt.validate_on = OBJPOOL_ON_ACQUIRE | OBJPOOL_ON_RELEASE | OBJPOOL_ON_MAINTAIN
OBJPOOL_DEFINE(plain_pool, thing);
OBJPOOL_DEFINE(plain_local_pool, thing, opt.local = true);
typedef struct wide {
  thing in;
} __attribute__((aligned(64))) wide; /* its tags lie apart */
OBJPOOL_DEFINE(wide_pool, wide);
OBJPOOL_DEFINE(wide_local_pool, wide, opt.local = true);
OBJPOOL_DEFINE(hooked_pool, thing, HOOKS, ALWAYS);
OBJPOOL_DEFINE(local_pool, thing, HOOKS, ALWAYS, opt.local = true);
OBJPOOL_DEFINE(wiped_pool, thing, HOOKS, ALWAYS, opt.wipe = true);

static bool hidden(const thing *object) {
  for (size_t i = 0; i < sizeof *object; i++)
    if (!__asan_address_is_poisoned(&object->bytes[i])) return false;
  return true;
}
static bool shown(const thing *object) {
  for (size_t i = 0; i < sizeof *object; i++)
    if (__asan_address_is_poisoned(&object->bytes[i])) return false;
  return true;
}

enum { MANY = 100 };

static void in_this_pool(objpool *pool) {
  static thing *objects[MANY];
  is_well = true;
  thing *keeper = (thing *)objpool_acquire(pool); /* the block stays */
  for (int round = 0; round < 3; round++) {
    for (size_t i = 0; i < MANY; i++) {
      assert_non_null(objects[i] = (thing *)objpool_acquire(pool));
      assert_true(shown(objects[i]));
    }
    for (size_t i = 0; i < MANY; i++) objpool_release(pool, objects[i]);
    for (size_t i = 0; i < MANY; i++) assert_true(hidden(objects[i]));
    objpool_maintain(pool);
    for (size_t i = 0; i < MANY; i++) assert_true(hidden(objects[i]));
    thing *one = (thing *)objpool_acquire(pool);
    objpool_discard(pool, one);
    assert_true(hidden(one));
    objpool_trim(pool, 0);
    assert_int_equal(objpool_warmup(pool, 1), 1); /* where it was, or where others were */
    thing *warm = (thing *)objpool_acquire(pool);
    objpool_release(pool, warm);
    objpool_trim(pool, 0);
    assert_int_equal(objpool_warmup(pool, 1), 1);
    assert_true(hidden(warm));
    one = (thing *)objpool_acquire(pool);
    assert_true(shown(one));
    is_well = false;
    objpool_release(pool, one);
    is_well = true;
    objpool_trim(pool, 0);
    assert_true(hidden(one));
  }
  assert_true(shown(keeper));
  objpool_release(pool, keeper);
}

/* What release_all gives back. */
static void all_at_once(objpool *pool, bool are_idle) {
  static thing *held[MANY];
  for (size_t i = 0; !are_idle && i < MANY; i++) assert_non_null(held[i] = (thing *)objpool_acquire(pool));
  for (size_t i = 0; are_idle && i < MANY; i++) assert_true(hidden(held[i]));
}

#define IN(P, size)                        \
  do {                                     \
    static P pool;                         \
    objpool_config config;                 \
    memset(&config, 0, sizeof config);     \
    config.cache_size = size;              \
    config.ignore_pressure = true;         \
    assert_true(P##_init(&pool, &config)); \
    in_this_pool(&pool.base);              \
    all_at_once(&pool.base, false);        \
    (void)P##_release_all(&pool);          \
    all_at_once(&pool.base, true);         \
    P##_destroy(&pool);                    \
  } while (0)

static void idle_objects_are_hidden(void **state) {
  (void)state;
  IN(plain_pool, 0);
  IN(plain_pool, OBJPOOL_NO_CACHE);
  IN(plain_pool, 4);
  IN(wide_pool, 0);
}
static void with_hooks_too(void **state) {
  (void)state;
  IN(hooked_pool, 0);
  IN(hooked_pool, OBJPOOL_NO_CACHE);
  IN(wiped_pool, 0);
  IN(wiped_pool, OBJPOOL_NO_CACHE);
}
static void in_pools_of_one_thread_too(void **state) {
  (void)state;
  IN(local_pool, 0);
  IN(plain_local_pool, 0);
  IN(wide_local_pool, 0);
}

/* The fast paths alone: nothing slow comes after them to hide or to show. */
static void by_each_release_and_acquire(void **state) {
  static plain_pool pool;
  static hooked_pool hooks;
  (void)state;
  for (int i = 0; i < 40; i++) {
    thing *one = plain_pool_acquire(&pool), *other = hooked_pool_acquire(&hooks);
    assert_true(shown(one) && shown(other));
    plain_pool_release(&pool, one);
    hooked_pool_release(&hooks, other);
    assert_true(hidden(one) && hidden(other));
  }
  plain_pool_destroy(&pool);
  hooked_pool_destroy(&hooks);
}

static void by_each_of_a_bounded_pool(void **state) {
  static const size_t cache_sizes[] = {0, OBJPOOL_NO_CACHE}; /* in one thread's slot, in the word */
  (void)state;
  for (size_t i = 0; i < COUNT_OF(cache_sizes); i++) {
    static plain_pool pool;
    objpool_config config;
    memset(&config, 0, sizeof config);
    config.max_objects = 8;
    config.cache_size = cache_sizes[i];
    assert_true(plain_pool_init(&pool, &config));
    for (int k = 0; k < 40; k++) {
      thing *one = plain_pool_acquire(&pool), *other = plain_pool_acquire(&pool);
      assert_true(shown(one) && shown(other));
      plain_pool_release(&pool, one);
      assert_true(hidden(one) && shown(other));
      plain_pool_release(&pool, other);
      assert_true(hidden(other));
    }
    plain_pool_destroy(&pool);
  }
}

OBJPOOL_SIZES(buffers, 16, sizeof(thing));
static void buffers_are_hidden_too(void **state) {
  static buffers set;
  (void)state;
  for (int i = 0; i < 40; i++) {
    objpool_buffer buffer = buffers_acquire(&set, 20);
    thing *bytes = (thing *)buffer.bytes;
    assert_int_equal(buffer.capacity, sizeof *bytes);
    assert_true(shown(bytes));
    buffers_release(&set, buffer);
    assert_true(hidden(bytes));
  }
  buffers_destroy(&set);
}

OBJPOOL_DEFINE(handles_pool, thing, opt.handles = true);
static void what_retires_is_hidden(void **state) {
  static handles_pool pool;
  (void)state;
  thing *keeper = handles_pool_acquire(&pool), *last = handles_pool_acquire(&pool);
  *objpool__generation_of(last, false) = UINT32_MAX; /* as after 2^31 uses */
  handles_pool_release(&pool, last);
  assert_int_equal(handles_pool_stats(&pool).retired, 1);
  assert_true(hidden(last) && shown(keeper));
  handles_pool_release(&pool, keeper);
  handles_pool_destroy(&pool);
}

/* What goes back to an allocator of the user's is the user's again: it may be written to. */
static void *take_memory(size_t size, size_t alignment, void *context) {
  void *memory = NULL;
  (void)context;
  return posix_memalign(&memory, alignment < sizeof(void *) ? sizeof(void *) : alignment, size) ? NULL : memory;
}
static void scribble_and_give(void *memory, size_t size, size_t alignment, void *context) {
  (void)alignment, (void)context;
  memset(memory, 0x5a, size);
  __asm__ volatile("" : : "r"(memory) : "memory"); /* or compilers would leave out what is freed next */
  free(memory);
}
static void memory_is_shown_before_it_goes_back(void **state) {
  static const size_t cache_sizes[] = {0, OBJPOOL_NO_CACHE};
  static plain_pool pool;
  static local_pool local;
  thing *objects[MANY];
  objpool_config config;
  (void)state;
  memset(&config, 0, sizeof config);
  config.allocator.allocate = take_memory;
  config.allocator.deallocate = scribble_and_give;
  for (size_t i = 0; i < COUNT_OF(cache_sizes); i++) {
    config.cache_size = cache_sizes[i];
    assert_true(plain_pool_init(&pool, &config));
    assert_int_equal(plain_pool_acquire_many(&pool, objects, MANY), MANY);
    plain_pool_release_many(&pool, objects, MANY);
    assert_int_equal(plain_pool_clear(&pool), MANY);
    plain_pool_warmup(&pool, MANY);
    plain_pool_destroy(&pool);
  }
  assert_true(local_pool_init(&local, &config));
  local_pool_warmup(&local, MANY);
  local_pool_clear(&local);
  local_pool_warmup(&local, MANY);
  local_pool_destroy(&local);
}

/* Where a panic returns, the call had no effect: what was in use is shown still, what was idle is hidden. */
OBJPOOL_DEFINE(other_pool, thing, opt.create = make, opt.validate = look, opt.validate_on = OBJPOOL_ON_ACQUIRE);
static void release_as_another(void *pool, void *object) { other_pool_release((other_pool *)pool, (thing *)object); }
static void extract_as_another(void *pool, void *object) {
  thing value = other_pool_extract((other_pool *)pool, (thing *)object);
  (void)value;
}
static void discard_as_another(void *pool, void *object) { other_pool_discard((other_pool *)pool, (thing *)object); }
static void acquire_as_another(void *pool, void *object) {
  thing **got = (thing **)object;
  *got = other_pool_acquire((other_pool *)pool);
}
static void mistakes_change_neither(void **state) {
  static plain_pool pool;
  (void)state;
  thing *one = plain_pool_acquire(&pool), *got = NULL, *another;
  panic_returns = true;
  assert_true(panics(release_as_another, &pool, one)); /* by the slow path: the first release asks */
  assert_true(shown(one));
  assert_true(panics(discard_as_another, &pool, one));
  assert_true(shown(one));
  assert_true(panics(extract_as_another, &pool, one));
  assert_true(shown(one));
  assert_int_equal(plain_pool_stats(&pool).in_use, 1);
  plain_pool_release(&pool, one);
  for (int i = 0; i < 3; i++) { /* from here on by the fast path */
    one = plain_pool_acquire(&pool);
    another = plain_pool_acquire(&pool);
    plain_pool_release(&pool, another);
    plain_pool_release(&pool, one);
  }
  assert_true(panics(acquire_as_another, &pool, &got)); /* what it finds proves invalid, and the pool to be another's */
  assert_int_equal(errno, EINVAL);
  panic_returns = false;
  assert_null(got);
  assert_true(hidden(one) && hidden(another));
  assert_int_equal(plain_pool_stats(&pool).idle, 2);
  assert_int_equal(plain_pool_stats(&pool).in_use, 0);
  assert_ptr_equal(plain_pool_acquire(&pool), one);
  plain_pool_release(&pool, one);
  plain_pool_destroy(&pool);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(idle_objects_are_hidden),    cmocka_unit_test(with_hooks_too),
      cmocka_unit_test(in_pools_of_one_thread_too), cmocka_unit_test(by_each_release_and_acquire),
      cmocka_unit_test(by_each_of_a_bounded_pool),
      cmocka_unit_test(buffers_are_hidden_too),
      cmocka_unit_test(what_retires_is_hidden),     cmocka_unit_test(memory_is_shown_before_it_goes_back),
      cmocka_unit_test(mistakes_change_neither),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
int main(void) {
  puts("skipped: for AddressSanitizer, tests/run --sanitize");
  return 77;
}
#endif
