/* A pool without a name is called by the name given to OBJPOOL_DEFINE: in every panic, in reports and formats, by objpool_name. */
#include "support.h"

#define OBJPOOL_PANIC(message) panic_seen(message)
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

typedef struct thing {
  long n[4];
} thing;

OBJPOOL_DEFINE(thing_pool, thing);
OBJPOOL_DEFINE(lone_pool, thing, opt.local = true);
OBJPOOL_DEFINE(wiped_pool, thing, opt.wipe = true);
OBJPOOL_DEFINE(other_pool, thing, opt.wipe = true);

#define NAMES(text, name) assert_non_null(strstr(text, "pool '" name "': "))

static bool panic_says(const char *name, const char *mistake) {
  char begin[100];
  snprintf(begin, sizeof begin, "objpool: pool '%s': ", name);
  bool says = !strncmp(panic_message, begin, strlen(begin)) && strstr(panic_message, mistake);
  if (!says) print_error("expected '%s… %s…': %s\n", begin, mistake, panic_message);
  return says;
}

/* A type of pools, through the functions that were generated for it. */
#define KIND(P)                                                                                                   \
  static thing P##_value;                                                                                         \
  static void P##_call_release(void *pool, void *object) { P##_release((P *)pool, (thing *)object); }             \
  static void P##_call_discard(void *pool, void *object) { P##_discard((P *)pool, (thing *)object); }             \
  static void P##_call_extract(void *pool, void *object) { P##_value = P##_extract((P *)pool, (thing *)object); } \
  static void P##_call_release_many(void *pool, void *object) {                                                   \
    thing *one = (thing *)object;                                                                                 \
    P##_release_many((P *)pool, &one, 1);                                                                         \
  }                                                                                                               \
  static void P##_call_ref(void *guard, void *unused) { (void)unused, (void)P##_guard_ref((P##_guard *)guard); }  \
  static void P##_call_mut(void *guard, void *unused) { (void)unused, (void)P##_guard_mut((P##_guard *)guard); }  \
  static void P##_call_guard_extract(void *guard, void *unused) {                                                 \
    (void)unused, P##_value = P##_guard_extract((P##_guard *)guard);                                              \
  }                                                                                                               \
  static objpool *P##_used(void) { /* with an idle object */                                                      \
    static P pool;                                                                                                \
    P##_release(&pool, P##_acquire(&pool));                                                                       \
    return &pool.base;                                                                                            \
  }                                                                                                               \
  static objpool *P##_unused(void) {                                                                              \
    static P pool;                                                                                                \
    return &pool.base;                                                                                            \
  }                                                                                                               \
  static void P##_make_guard(void *guard, objpool *pool) {                                                        \
    P##_guard empty = {NULL, (P *)(void *)pool};                                                                  \
    memcpy(guard, &empty, sizeof empty);                                                                          \
  }
KIND(thing_pool)
KIND(lone_pool)
KIND(wiped_pool)

#define KIND_OF(P)                                                                                   \
  {                                                                                                  \
#P, {P##_call_release, P##_call_discard, P##_call_extract, P##_call_release_many },              \
         {P##_call_ref, P##_call_mut, P##_call_guard_extract }, P##_used, P##_unused, P##_make_guard \
  }
static const struct kind {
  const char *name;
  void (*give_back[4])(void *, void *), (*look[3])(void *, void *);
  objpool *(*used)(void), *(*unused)(void);
  void (*make_guard)(void *guard, objpool *pool);
} kinds[] = {KIND_OF(thing_pool), KIND_OF(lone_pool), KIND_OF(wiped_pool)};

static int begin(void **state) {
  (void)state;
  panic_returns = false;
  return 0;
}

static void what_is_given_back_twice(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT_OF(kinds); i++) {
    objpool *pool = kinds[i].used();
    void *object = objpool_acquire(pool);
    objpool_release(pool, object);
    for (size_t k = 0; k < COUNT_OF(kinds[i].give_back); k++) {
      assert_true(panics(kinds[i].give_back[k], pool, object));
      assert_true(panic_says(kinds[i].name, "released twice"));
    }
    objpool_destroy(pool);
  }
}

static void what_is_no_object_of_it(void **state) {
  static uint64_t elsewhere[8];
  (void)state;
  for (size_t i = 0; i < COUNT_OF(kinds); i++) {
    objpool *pool = kinds[i].used();
    char *object = (char *)objpool_acquire(pool);
    for (size_t k = 0; k < COUNT_OF(kinds[i].give_back); k++) {
      assert_true(panics(kinds[i].give_back[k], pool, object + sizeof(long)));
      assert_true(panic_says(kinds[i].name, "into the middle"));
      assert_true(panics(kinds[i].give_back[k], pool, elsewhere + 4));
      assert_true(panic_says(kinds[i].name, "not an object of this pool"));
    }
    objpool_release(pool, object);
    objpool_destroy(pool);
  }
}

static void what_belongs_to_another_pool(void **state) {
  static thing_pool another;
  (void)state;
  for (size_t i = 0; i < COUNT_OF(kinds); i++) {
    objpool *pool = kinds[i].used();
    thing *object = thing_pool_acquire(&another);
    for (size_t k = 0; k < COUNT_OF(kinds[i].give_back); k++) {
      assert_true(panics(kinds[i].give_back[k], pool, object));
      assert_true(panic_says(kinds[i].name, "belongs to another pool"));
    }
    thing_pool_release(&another, object);
    objpool_destroy(pool);
  }
  thing_pool_destroy(&another);
}

static void what_is_given_to_a_pool_that_handed_nothing_out(void **state) {
  static thing_pool another;
  thing *object = thing_pool_acquire(&another);
  (void)state;
  for (size_t i = 0; i < COUNT_OF(kinds); i++)
    for (size_t k = 0; k < COUNT_OF(kinds[i].give_back); k++) {
      assert_true(panics(kinds[i].give_back[k], kinds[i].unused(), object));
      assert_true(panic_says(kinds[i].name, "handed nothing out"));
    }
  thing_pool_release(&another, object);
  thing_pool_destroy(&another);
}

static void extract_of_null(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT_OF(kinds); i++) {
    objpool *pool = kinds[i].used();
    assert_true(panics(kinds[i].give_back[2], pool, NULL));
    assert_true(panic_says(kinds[i].name, "extract of NULL"));
    assert_true(panics(kinds[i].give_back[2], kinds[i].unused(), NULL));
    assert_true(panic_says(kinds[i].name, "extract of NULL"));
    objpool_destroy(pool);
  }
}

/* A guard knows its type whether its pool was used, was never used, or is not even there. */
static void empty_guards(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT_OF(kinds); i++) {
    objpool *pools[] = {kinds[i].used(), kinds[i].unused(), NULL};
    for (size_t k = 0; k < COUNT_OF(pools); k++)
      for (size_t n = 0; n < COUNT_OF(kinds[i].look); n++) {
        thing_pool_guard guard;
        kinds[i].make_guard(&guard, pools[k]);
        assert_true(panics(kinds[i].look[n], &guard, NULL));
        assert_true(panic_says(kinds[i].name, "empty guard"));
      }
    objpool_destroy(pools[0]);
  }
}

static void call_release(void *pool, void *object) { objpool_release((objpool *)pool, object); }
static void call_discard(void *pool, void *object) { objpool_discard((objpool *)pool, object); }

static void calls_without_the_type_know_it_too(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT_OF(kinds); i++) {
    objpool *pool = kinds[i].used();
    void *object = objpool_acquire(pool);
    objpool_release(pool, object);
    assert_true(panics(call_release, pool, object));
    assert_true(panic_says(kinds[i].name, "released twice"));
    assert_true(panics(call_discard, pool, object));
    assert_true(panic_says(kinds[i].name, "released twice"));
    objpool_destroy(pool);
  }
}

/* Where there is no type, or none is known yet, there is no name. */
static void pools_of_no_type_are_unnamed(void **state) {
  static objpool pool, all_zero;
  objpool_type type;
  (void)state;
  memset(&type, 0, sizeof type);
  type.size = sizeof(thing);
  type.alignment = sizeof(long);
  assert_true(objpool_init(&pool, &type, NULL));
  void *object = objpool_acquire(&pool);
  assert_true(panics(call_release, &all_zero, object));
  assert_true(panic_says("unnamed", "handed nothing out"));
  objpool_release(&pool, object);
  assert_true(panics(call_release, &pool, object));
  assert_true(panic_says("unnamed", "released twice"));
  assert_string_equal(objpool_name(&pool), "unnamed");
  assert_string_equal(objpool_name(&all_zero), "unnamed");
  assert_string_equal(objpool_name(NULL), "unnamed");
  objpool_destroy(&pool);
}

static void a_name_of_its_own_comes_first(void **state) {
  static thing_pool pool;
  objpool_config config;
  thing_pool_guard guard;
  (void)state;
  memset(&config, 0, sizeof config);
  config.name = "its own";
  assert_true(thing_pool_init(&pool, &config));
  thing *object = thing_pool_acquire(&pool);
  thing_pool_release(&pool, object);
  assert_true(panics(thing_pool_call_release, &pool, object));
  assert_true(panic_says("its own", "released twice"));
  thing_pool_make_guard(&guard, &pool.base);
  assert_true(panics(thing_pool_call_ref, &guard, NULL));
  assert_true(panic_says("its own", "empty guard"));
  assert_string_equal(objpool_name(&pool.base), "its own");
  thing_pool_destroy(&pool);
}

/* A long name of a type is cut as any long name is; the mistake is still told. */
#define LONG \
  an_extremely_long_name_of_a_pool_by_somebody_who_had_much_time_to_write_and_never_read_again_what_stood_there_in_the_header_files
#define JOIN(a, b) a##b
#define OF(P, function) JOIN(P, function)
OBJPOOL_DEFINE(LONG, thing);
static void long_names_of_types_are_cut(void **state) {
  static LONG pool;
  (void)state;
  thing *object = OF(LONG, _acquire)(&pool);
  OF(LONG, _release)(&pool, object);
  assert_true(panics(call_release, &pool, object));
  assert_non_null(strstr(panic_message, "'an_extremely_long_name_of_a_pool"));
  assert_non_null(strstr(panic_message, "released twice"));
  OF(LONG, _destroy)(&pool);
}

/* Nothing of an earlier message stands in a later one, nor of what lay on the stack. */
static __attribute__((noinline)) void leave_dirt_on_the_stack(void) {
  volatile char dirt[8192];
  for (size_t i = 0; i < sizeof dirt; i++) dirt[i] = (char)(i % 64 + 64);
}
static void call_release_over_dirt(void *pool, void *object) {
  leave_dirt_on_the_stack();
  objpool_release((objpool *)pool, object);
}
static void messages_are_whole_and_no_longer(void **state) {
  static thing_pool pool;
  static objpool all_zero;
  static LONG another;
  char expected[300];
  (void)state;
  thing *one = thing_pool_acquire(&pool), *other = OF(LONG, _acquire)(&another);
  OF(LONG, _release)(&another, other);
  for (int i = 0; i < 2; i++) {
    assert_true(panics(call_release_over_dirt, &another, other));
    if (i == 0) thing_pool_release(&pool, one);
    assert_true(panics(call_release_over_dirt, &pool, one));
    snprintf(expected, sizeof expected,
             "objpool: pool 'thing_pool': object 0x%" PRIxPTR " released twice: it is idle already", (uintptr_t)one);
    assert_string_equal(panic_message, expected);
    assert_true(panics(call_release_over_dirt, &all_zero, one));
    snprintf(expected, sizeof expected,
             "objpool: pool 'unnamed': object 0x%" PRIxPTR " given back to a pool that handed nothing out",
             (uintptr_t)one);
    assert_string_equal(panic_message, expected);
  }
  thing_pool_destroy(&pool);
  OF(LONG, _destroy)(&another);
}

static void *wait_for_one(void *pool) {
  thing *object = thing_pool_acquire_for((thing_pool *)pool, -1);
  CHECK(object);
  thing_pool_release((thing_pool *)pool, object);
  return NULL;
}
static void call_destroy(void *pool, void *unused) {
  (void)unused;
  objpool_destroy((objpool *)pool);
}
static void destroy_while_a_thread_waits(void **state) {
  static thing_pool pool;
  objpool_config config;
  (void)state;
  memset(&config, 0, sizeof config);
  config.max_objects = 1;
  assert_true(thing_pool_init(&pool, &config));
  thing *object = thing_pool_acquire(&pool);
  pthread_t thread = start_thread(wait_for_one, &pool);
  WAIT_UNTIL(thing_pool_stats(&pool).waiting == 1);
  bool panicked = panics(call_destroy, &pool, NULL);
  char message[sizeof panic_message];
  memcpy(message, panic_message, sizeof message);
  thing_pool_release(&pool, object);
  join_thread(thread);
  thing_pool_destroy(&pool);
  assert_true(panicked);
  NAMES(message, "thing_pool");
}

/* Two definitions of one pool: it is called by the one that it was first used with. */
static void call_attach_as_another(void *pool, void *unused) {
  (void)unused;
  bool ready = other_pool_attach((other_pool *)pool);
  (void)ready;
}
static void a_pool_that_is_used_as_another(void **state) {
  static thing_pool pool;
  (void)state;
  thing_pool_release(&pool, thing_pool_acquire(&pool));
  assert_true(panics(call_attach_as_another, &pool, NULL));
  assert_true(panic_says("thing_pool", "different options"));
  thing_pool_destroy(&pool);
}

static void leave_one(void *unused) {
  static lone_pool pool;
  (void)unused;
  if (!lone_pool_acquire(&pool)) return;
  lone_pool_destroy(&pool);
}
static void the_report_of_leaks(void **state) {
  char said[300];
  (void)state;
  assert_true(EXITED_WELL(in_child(leave_one, NULL, said, sizeof said)));
  NAMES(said, "lone_pool");
}

static void reports_and_formats(void **state) {
  static const objpool_format_kind formats[] = {OBJPOOL_TEXT, OBJPOOL_JSON, OBJPOOL_PROMETHEUS};
  static char text[16384];
  (void)state;
  for (size_t i = 0; i < COUNT_OF(kinds); i++) {
    objpool *pool = kinds[i].used();
    assert_string_equal(objpool_name(pool), kinds[i].name);
    for (size_t k = 0; k < COUNT_OF(formats); k++) {
      assert_true(objpool_format(pool, formats[k], text, sizeof text) > 0);
      assert_non_null(strstr(text, kinds[i].name));
      assert_null(strstr(text, "unnamed"));
    }
    assert_true(objpool_report(pool, text, sizeof text) > 0);
    assert_non_null(strstr(text, kinds[i].name));
    objpool_destroy(pool);
  }
}

/* It is a name to call the pool by, and registers nothing. */
static void the_registry_does_not_know_names_of_types(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT_OF(kinds); i++) {
    objpool *pool = kinds[i].used();
    assert_null(objpool_registry_find(kinds[i].name));
    assert_int_equal(objpool_registry_each(NULL, NULL), 0);
    objpool_destroy(pool);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(what_is_given_back_twice, begin),
      cmocka_unit_test_setup(what_is_no_object_of_it, begin),
      cmocka_unit_test_setup(what_belongs_to_another_pool, begin),
      cmocka_unit_test_setup(what_is_given_to_a_pool_that_handed_nothing_out, begin),
      cmocka_unit_test_setup(extract_of_null, begin),
      cmocka_unit_test_setup(empty_guards, begin),
      cmocka_unit_test_setup(calls_without_the_type_know_it_too, begin),
      cmocka_unit_test_setup(pools_of_no_type_are_unnamed, begin),
      cmocka_unit_test_setup(a_name_of_its_own_comes_first, begin),
      cmocka_unit_test_setup(long_names_of_types_are_cut, begin),
      cmocka_unit_test_setup(messages_are_whole_and_no_longer, begin),
      cmocka_unit_test_setup(destroy_while_a_thread_waits, begin),
      cmocka_unit_test_setup(a_pool_that_is_used_as_another, begin),
      cmocka_unit_test_setup(the_report_of_leaks, begin),
      cmocka_unit_test_setup(reports_and_formats, begin),
      cmocka_unit_test_setup(the_registry_does_not_know_names_of_types, begin),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
