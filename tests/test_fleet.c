/* Pools in production: the registry, the output formats, the monitor and its alerts, events, maintenance, memory
   pressure. */
#include "support.h"
#include <sys/stat.h>

/* The kernel's files are read from here while this is set: a folder of the test's own. */
static char kernel_files[256];
#define OBJPOOL__PRESSURE_ROOT kernel_files
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

typedef struct thing {
  uint64_t number;
  char text[56];
} thing;

typedef struct huge_thing {
  char bytes[64 * 1024];
} huge_thing;

OBJPOOL_DEFINE(thing_pool, thing);
OBJPOOL_DEFINE(int_pool, int);
OBJPOOL_DEFINE(huge_pool, huge_thing);
OBJPOOL_DEFINE(local_pool, thing, opt.local = true);

static objpool_config named(const char *name) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.name = name;
  return config;
}

static void init_named(thing_pool *pool, const char *name) {
  objpool_config config = named(name);
  assert_true(thing_pool_init(pool, &config));
}

static bool all_zero(const void *memory, size_t size) {
  const unsigned char *bytes = (const unsigned char *)memory;
  while (size > 0)
    if (bytes[--size] != 0) return false;
  return true;
}

/* Takes and gives back one object so many times. */
static void cycle(thing_pool *pool, int times) {
  int i;
  for (i = 0; i < times; i++) {
    thing *object = thing_pool_acquire(pool);
    assert_non_null(object);
    thing_pool_release(pool, object);
  }
}

/* So many acquires that find nothing idle. */
static void miss(thing_pool *pool, int times) {
  int i;
  thing_pool_clear(pool);
  for (i = 0; i < times; i++) {
    thing *object = thing_pool_acquire(pool);
    assert_non_null(object);
    thing_pool_discard(pool, object);
  }
}

/* >>registry ******************************************************************************************************* */

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

typedef struct visits {
  objpool *seen[8];
  size_t count;
} visits;

/* Visitors and handlers run inside the registry: an assertion must not jump out of them. */
static void note_visit(objpool *pool, void *user) {
  visits *noted = (visits *)user;
  CHECK(noted->count < COUNT_OF(noted->seen));
  noted->seen[noted->count++] = pool;
}

static void each_pool_is_visited_once_whatever_its_type(void **state) {
  static thing_pool things;
  static int_pool ints;
  static huge_pool huges;
  objpool_config config;
  objpool *expected[3];
  visits noted;
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

/* >>output ********************************************************************************************************* */

/* The text of one pool, or of all; the caller frees it. */
static char *formatted(const objpool *pool, objpool_format_kind kind) {
  int length = objpool_format(pool, kind, NULL, 0);
  size_t size;
  char *text;
  assert_true(length >= 0);
  size = (size_t)length + 64; /* a time may have got a digit more since */
  text = (char *)malloc(size);
  assert_non_null(text);
  length = objpool_format(pool, kind, text, size);
  assert_true(length >= 0 && (size_t)length < size);
  assert_int_equal(strlen(text), length);
  return text;
}

static bool has_line(const char *text, const char *line) {
  size_t length = strlen(line);
  const char *at = text;
  while ((at = strstr(at, line)) != NULL) {
    if ((at == text || at[-1] == '\n') && at[length] == '\n') return true;
    at++;
  }
  return false;
}

#define assert_line(text, line)                                                 \
  do {                                                                          \
    if (!has_line(text, line)) print_error("no line '%s' in:\n%s", line, text); \
    assert_true(has_line(text, line));                                          \
  } while (0)

static void output_follows_the_rules_of_snprintf(void **state) {
  static const objpool_format_kind kinds[] = {OBJPOOL_TEXT, OBJPOOL_JSON, OBJPOOL_PROMETHEUS};
  static thing_pool pool;
  size_t i;
  (void)state;
  init_named(&pool, "cut");
  cycle(&pool, 3);
  for (i = 0; i < COUNT_OF(kinds); i++) {
    int length = objpool_format(&pool.base, kinds[i], NULL, 0), size;
    char *whole = formatted(&pool.base, kinds[i]), *part = (char *)malloc((size_t)length + 2);
    assert_true(length > 0);
    assert_non_null(part);
    for (size = 0; size <= length + 1; size++) {
      int again;
      memset(part, '~', (size_t)length + 2);
      again = objpool_format(&pool.base, kinds[i], part, (size_t)size);
      assert_in_range(again, length - 8, length + 8); /* texts with the time in them may change a little */
      assert_int_equal(part[size], '~');              /* nothing beyond the buffer */
      if (size == 0) continue;
      assert_int_equal(strlen(part), again < size ? again : size - 1);
      if (kinds[i] == OBJPOOL_PROMETHEUS) { /* this one has no time in it */
        assert_int_equal(again, length);
        assert_memory_equal(part, whole, strlen(part));
      }
    }
    free(whole);
    free(part);
  }
  thing_pool_destroy(&pool);
}

static bool create_if_allowed(thing *object, void *context) {
  object->number = 1;
  return !*(bool *)context;
}
OBJPOOL_DEFINE(choosy_pool, thing, opt.create = create_if_allowed);

/* One of each: so that no two counts can be mistaken for each other. */
static void prometheus_text_has_every_metric_with_its_value(void **state) {
  static choosy_pool pool;
  bool refusing = false;
  objpool_config config = named("all metrics");
  objpool_stats stats;
  thing *objects[5];
  thing moved;
  char *text, line[256];
  size_t i;
  (void)state;
  config.context = &refusing;
  config.max_idle = 4;
  config.max_objects = 5;
  assert_true(choosy_pool_init(&pool, &config));
  assert_int_equal(choosy_pool_acquire_many(&pool, objects, 5), 5); /* 5 misses */
  for (i = 0; i < 2; i++) assert_null(choosy_pool_acquire(&pool));  /* 2 exhausted */
  for (i = 0; i < 3; i++)
    assert_null(choosy_pool_acquire_for(&pool, 1000000)); /* 3 timeouts, 3 waits of a millisecond */
  assert_int_equal(errno, ETIMEDOUT);
  choosy_pool_discard(&pool, objects[4]); /* 1 invalid */
  refusing = true;
  for (i = 0; i < 4; i++) assert_null(choosy_pool_acquire(&pool)); /* 4 failed */
  refusing = false;
  objects[4] = choosy_pool_acquire(&pool); /* 6th miss */
  assert_non_null(objects[4]);
  moved = choosy_pool_extract(&pool, objects[4]); /* 1 extracted */
  assert_int_equal(moved.number, 1);
  objects[4] = choosy_pool_acquire(&pool);                        /* 7th miss */
  for (i = 0; i < 5; i++) choosy_pool_release(&pool, objects[i]); /* 4 idle, 1 overflow */
  for (i = 0; i < 8; i++) {                                       /* 8 hits */
    objects[0] = choosy_pool_acquire(&pool);
    choosy_pool_release(&pool, objects[0]);
  }
  assert_int_equal(choosy_pool_trim(&pool, 2), 2); /* 2 cleared */
  objects[0] = choosy_pool_acquire(&pool);         /* 9th hit: 1 in use, 1 idle */
  stats = choosy_pool_stats(&pool);
  text = formatted(&pool.base, OBJPOOL_PROMETHEUS);
  assert_line(text, "# TYPE objpool_objects gauge");
  assert_line(text, "objpool_objects{pool=\"all metrics\",state=\"idle\"} 1");
  assert_line(text, "objpool_objects{pool=\"all metrics\",state=\"used\"} 1");
  assert_line(text, "# TYPE objpool_objects_max gauge");
  assert_line(text, "objpool_objects_max{pool=\"all metrics\"} 5");
  assert_line(text, "# TYPE objpool_idle_max gauge");
  assert_line(text, "objpool_idle_max{pool=\"all metrics\"} 4");
  assert_line(text, "# TYPE objpool_objects_peak gauge");
  assert_line(text, "objpool_objects_peak{pool=\"all metrics\"} 5");
  assert_line(text, "# TYPE objpool_acquires_total counter");
  assert_line(text, "objpool_acquires_total{pool=\"all metrics\",result=\"hit\"} 9");
  assert_line(text, "objpool_acquires_total{pool=\"all metrics\",result=\"miss\"} 7");
  assert_line(text, "objpool_acquires_total{pool=\"all metrics\",result=\"exhausted\"} 2");
  assert_line(text, "objpool_acquires_total{pool=\"all metrics\",result=\"timeout\"} 3");
  assert_line(text, "objpool_acquires_total{pool=\"all metrics\",result=\"failed\"} 4");
  assert_line(text, "# TYPE objpool_releases_total counter");
  snprintf(line, sizeof line, "objpool_releases_total{pool=\"all metrics\"} %" PRIu64, stats.releases);
  assert_line(text, line);
  assert_line(text, "# TYPE objpool_created_objects_total counter");
  assert_line(text, "objpool_created_objects_total{pool=\"all metrics\"} 7");
  assert_line(text, "# TYPE objpool_destroyed_objects_total counter");
  assert_line(text, "objpool_destroyed_objects_total{pool=\"all metrics\",reason=\"invalid\"} 1");
  assert_line(text, "objpool_destroyed_objects_total{pool=\"all metrics\",reason=\"overflow\"} 1");
  assert_line(text, "objpool_destroyed_objects_total{pool=\"all metrics\",reason=\"cleared\"} 2");
  assert_line(text, "# TYPE objpool_extracted_objects_total counter");
  assert_line(text, "objpool_extracted_objects_total{pool=\"all metrics\"} 1");
  assert_line(text, "# TYPE objpool_wait_seconds_total counter");
  assert_line(text, "# TYPE objpool_waits_total counter");
  assert_line(text, "objpool_waits_total{pool=\"all metrics\"} 3");
  assert_line(text, "# TYPE objpool_memory_bytes gauge");
  snprintf(line, sizeof line, "objpool_memory_bytes{pool=\"all metrics\"} %" PRIu64, stats.memory_bytes);
  assert_line(text, line);
  assert_line(text, "# TYPE objpool_cache_operations_total counter");
  snprintf(line, sizeof line, "objpool_cache_operations_total{pool=\"all metrics\",kind=\"refill\"} %" PRIu64,
           stats.refills);
  assert_line(text, line);
  snprintf(line, sizeof line, "objpool_cache_operations_total{pool=\"all metrics\",kind=\"flush\"} %" PRIu64,
           stats.flushes);
  assert_line(text, line);
  snprintf(line, sizeof line, "objpool_cache_operations_total{pool=\"all metrics\",kind=\"revocation\"} %" PRIu64,
           stats.revocations);
  assert_line(text, line);
  { /* seconds, not nanoseconds */
    static const char metric[] = "objpool_wait_seconds_total{pool=\"all metrics\"} ";
    const char *at = strstr(text, metric);
    double seconds;
    assert_non_null(at);
    seconds = strtod(at + sizeof metric - 1, NULL);
    assert_true(seconds >= 0.003 && seconds < 60);
    assert_true(seconds * 1e9 > (double)stats.wait_ns - 1e3 && seconds * 1e9 < (double)stats.wait_ns + 1e3);
  }
  free(text);
  choosy_pool_release(&pool, objects[0]);
  choosy_pool_destroy(&pool);
}

/* The name of the family that a line belongs to. */
static size_t family_length(const char *line) { return strcspn(line, "{ \n"); }

static void prometheus_families_are_grouped_over_pools(void **state) {
  static thing_pool pools[3];
  static const char *const names[] = {"first", "second", "third"};
  char finished[32][64], current[64] = "";
  size_t finished_count = 0, help = 0, type = 0, samples = 0, i;
  char *text;
  const char *line;
  (void)state;
  for (i = 0; i < 3; i++) init_named(&pools[i], names[i]);
  text = formatted(NULL, OBJPOOL_PROMETHEUS);
  for (line = text; *line; line += strcspn(line, "\n") + 1) {
    bool is_help = !strncmp(line, "# HELP ", 7), is_type = !strncmp(line, "# TYPE ", 7);
    const char *family = is_help || is_type ? line + 7 : line;
    size_t length = family_length(family);
    assert_true(length > 0 && length < sizeof current);
    if (strlen(current) != length ||
        strncmp(current, family, length)) { /* a new family begins: with its help, and never again */
      assert_true(is_help);
      if (*current) {
        assert_int_equal(help, 1);
        assert_int_equal(type, 1);
        assert_true(samples >= 3 && samples % 3 == 0);
        assert_true(finished_count < COUNT_OF(finished));
        memcpy(finished[finished_count++], current, sizeof current);
      }
      memset(current, 0, sizeof current);
      memcpy(current, family, length);
      for (i = 0; i < finished_count; i++) assert_string_not_equal(finished[i], current);
      help = type = samples = 0;
    }
    if (is_help)
      help++;
    else if (is_type)
      assert_int_equal(samples, 0), type++;
    else
      samples++;
  }
  assert_int_equal(finished_count + 1, 14);
  free(text);
  for (i = 0; i < 3; i++) thing_pool_destroy(&pools[i]);
}

static void names_come_through_escaped_and_whole(void **state) {
  static thing_pool pool;
  char *text;
  (void)state;
  init_named(&pool, "a \"quoted\" back\\slash\nand \xc3\xb6\xe6\xb1\xa0\xf0\x9f\x90\x9f");
  text = formatted(&pool.base, OBJPOOL_PROMETHEUS);
  assert_line(text,
              "objpool_idle_max{pool=\"a \\\"quoted\\\" back\\\\slash\\nand \xc3\xb6\xe6\xb1\xa0\xf0\x9f\x90\x9f\"} 0");
  free(text);
  text = formatted(&pool.base, OBJPOOL_JSON);
  assert_non_null(strstr(text, "\"a \\\"quoted\\\" back\\\\slash\\nand \xc3\xb6\xe6\xb1\xa0\xf0\x9f\x90\x9f\""));
  free(text);
  thing_pool_destroy(&pool);
  init_named(&pool, "tab\tbell\a");
  text = formatted(&pool.base, OBJPOOL_JSON);
  assert_true(strstr(text, "\"tab\\tbell\\u0007\"") || strstr(text, "\"tab\\u0009bell\\u0007\""));
  free(text);
  thing_pool_destroy(&pool);
}

static void invalid_utf8_becomes_the_replacement_character(void **state) {
  static const char *const names[] = {
      "x\xff"
      "y", /* never in UTF-8 */
      "x\xc0\xaf"
      "y", /* overlong */
      "x\xed\xa0\x80"
      "y", /* a surrogate */
      "x\xf4\x90\x80\x80"
      "y", /* beyond U+10FFFF */
      "x\xe6\xb1"
      "y",      /* cut short */
      "x\x80y", /* a continuation alone */
  };
  static const char replacement[] = "\xef\xbf\xbd";
  static const objpool_format_kind kinds[] = {OBJPOOL_JSON, OBJPOOL_PROMETHEUS};
  size_t i, k;
  (void)state;
  for (i = 0; i < COUNT_OF(names); i++) {
    static thing_pool pool;
    init_named(&pool, names[i]);
    assert_ptr_equal(objpool_registry_find(names[i]), &pool.base);
    for (k = 0; k < COUNT_OF(kinds); k++) {
      char *text = formatted(&pool.base, kinds[k]), *at = strstr(text, "\"x");
      size_t replaced = 0;
      assert_non_null(at);
      for (at += 2; !strncmp(at, replacement, 3); at += 3) replaced++;
      assert_true(replaced >= 1);
      assert_memory_equal(at, "y\"", 2); /* nothing else is lost */
      free(text);
    }
    thing_pool_destroy(&pool);
  }
  { /* cut short by the end of the name: not read beyond it */
    static thing_pool pool;
    char *text;
    init_named(&pool, "end\xe6\xb1");
    text = formatted(&pool.base, OBJPOOL_JSON);
    assert_non_null(strstr(text, "\"end\xef\xbf\xbd"));
    free(text);
    thing_pool_destroy(&pool);
  }
}

static void unnamed_pools_are_formatted_too(void **state) {
  static const objpool_format_kind kinds[] = {OBJPOOL_TEXT, OBJPOOL_JSON, OBJPOOL_PROMETHEUS};
  static thing_pool pool;
  size_t i;
  (void)state;
  thing_pool_release(&pool, thing_pool_acquire(&pool));
  for (i = 0; i < COUNT_OF(kinds); i++) {
    char *text = formatted(&pool.base, kinds[i]);
    assert_non_null(strstr(text, "thing_pool"));
    free(text);
  }
  thing_pool_destroy(&pool);
}

/* >>monitor ******************************************************************************************************** */

typedef struct alert_list {
  struct {
    objpool_alert_kind kind;
    bool recovered;
    char pool[32];
    double value, threshold;
  } alerts[64];
  size_t count;
} alert_list;

static void note_alert(const objpool_alert *alert, void *user) {
  alert_list *list = (alert_list *)user;
  CHECK(list->count < COUNT_OF(list->alerts));
  CHECK(alert->severity >= OBJPOOL_INFO && alert->severity <= OBJPOOL_CRITICAL);
  CHECK(alert->recovered == (alert->severity == OBJPOOL_INFO));
  CHECK(strlen(alert->message) > 0 && strlen(alert->message) < sizeof alert->message);
  CHECK(strstr(alert->message, alert->pool_name) != NULL);
  CHECK(alert->time_ns > 0 && alert->time_ns <= (uint64_t)now_ns());
  list->alerts[list->count].kind = alert->kind;
  list->alerts[list->count].recovered = alert->recovered;
  snprintf(list->alerts[list->count].pool, sizeof list->alerts[list->count].pool, "%s", alert->pool_name);
  list->alerts[list->count].value = alert->value;
  list->alerts[list->count].threshold = alert->threshold;
  list->count++;
}

static objpool_thresholds script_thresholds(void) {
  objpool_thresholds thresholds;
  memset(&thresholds, 0, sizeof thresholds);
  thresholds.min_hit_rate = 0.75;
  thresholds.max_miss_rate = 0.25;
  thresholds.max_utilization = 0.5;
  thresholds.max_objects = 150;
  thresholds.max_memory_bytes = 4 << 20;
  thresholds.min_samples = 100;
  return thresholds;
}

/* A monitor with the thresholds above, whose alerts go to the list. */
static void watch(objpool_monitor *monitor, alert_list *list) {
  objpool_thresholds thresholds = script_thresholds();
  memset(list, 0, sizeof *list);
  assert_true(objpool_monitor_init(monitor, &thresholds, note_alert, list));
}

#define assert_alert(list, position, expected_kind, has_recovered, pool_named, expected_value, expected_threshold) \
  do {                                                                                                             \
    assert_true((position) < (list)->count);                                                                       \
    assert_int_equal((list)->alerts[position].kind, expected_kind);                                                \
    assert_int_equal((list)->alerts[position].recovered, has_recovered);                                           \
    assert_string_equal((list)->alerts[position].pool, pool_named);                                                \
    assert_true((list)->alerts[position].value > (expected_value)-1e-9 &&                                          \
                (list)->alerts[position].value < (expected_value) + 1e-9);                                         \
    assert_true((list)->alerts[position].threshold > (expected_threshold)-1e-9 &&                                  \
                (list)->alerts[position].threshold < (expected_threshold) + 1e-9);                                 \
  } while (0)

static void a_scripted_load_raises_exactly_these_alerts(void **state) {
  static thing_pool alpha, beta;
  static huge_pool gamma;
  objpool_config config;
  objpool_monitor monitor;
  alert_list list;
  thing *held[10];
  double memory;
  (void)state;
  init_named(&alpha, "alpha");
  config = named("beta");
  config.max_objects = 10;
  assert_true(thing_pool_init(&beta, &config));
  config = named("gamma");
  assert_true(huge_pool_init(&gamma, &config));
  watch(&monitor, &list);

  assert_int_equal(objpool_monitor_poll(&monitor), 0); /* nothing happened yet */
  cycle(&alpha, 200);
  assert_int_equal(objpool_monitor_poll(&monitor), 0); /* 199 hits, 1 miss: fine */
  miss(&alpha, 100);
  assert_int_equal(objpool_monitor_poll(&monitor), 2); /* begins, over this window alone */
  miss(&alpha, 100);
  assert_int_equal(objpool_monitor_poll(&monitor), 0); /* goes on: not again */
  assert_int_equal(objpool_monitor_poll(&monitor), 0); /* no samples tell nothing */
  cycle(&alpha, 40);
  assert_int_equal(objpool_monitor_poll(&monitor), 0); /* nor do a few */
  cycle(&alpha, 200);
  assert_int_equal(objpool_monitor_poll(&monitor), 2); /* ends */
  cycle(&alpha, 200);
  assert_int_equal(objpool_monitor_poll(&monitor), 0);

  assert_int_equal(thing_pool_acquire_many(&beta, held, 10), 10);
  assert_int_equal(objpool_monitor_poll(&monitor), 1); /* 10 of 10 in use */
  thing_pool_release_many(&beta, held, 2);
  assert_int_equal(objpool_monitor_poll(&monitor), 0); /* 8 of 10 */
  thing_pool_release_many(&beta, held + 2, 3);
  assert_int_equal(objpool_monitor_poll(&monitor), 1); /* 5 of 10: at the limit is within it */
  thing_pool_release_many(&beta, held + 5, 5);

  thing_pool_warmup(&alpha, 151);
  assert_int_equal(objpool_monitor_poll(&monitor), 1); /* 151 objects */
  thing_pool_trim(&alpha, 150);
  assert_int_equal(objpool_monitor_poll(&monitor), 1); /* 150 are allowed */

  huge_pool_warmup(&gamma, 100);
  memory = (double)huge_pool_stats(&gamma).memory_bytes;
  assert_true(memory >= 100.0 * sizeof(huge_thing));
  assert_int_equal(objpool_monitor_poll(&monitor), 1);
  huge_pool_clear(&gamma);
  assert_int_equal(objpool_monitor_poll(&monitor), 1);
  assert_int_equal(objpool_monitor_poll(&monitor), 0);

  assert_int_equal(list.count, 10);
  assert_alert(&list, 0, OBJPOOL_ALERT_HIT_RATE, false, "alpha", 0.0, 0.75);
  assert_alert(&list, 1, OBJPOOL_ALERT_MISS_RATE, false, "alpha", 1.0, 0.25);
  assert_alert(&list, 2, OBJPOOL_ALERT_HIT_RATE, true, "alpha", 1.0, 0.75);
  assert_alert(&list, 3, OBJPOOL_ALERT_MISS_RATE, true, "alpha", 0.0, 0.25);
  assert_alert(&list, 4, OBJPOOL_ALERT_UTILIZATION, false, "beta", 1.0, 0.5);
  assert_alert(&list, 5, OBJPOOL_ALERT_UTILIZATION, true, "beta", 0.5, 0.5);
  assert_alert(&list, 6, OBJPOOL_ALERT_SIZE, false, "alpha", 151.0, 150.0);
  assert_alert(&list, 7, OBJPOOL_ALERT_SIZE, true, "alpha", 150.0, 150.0);
  assert_alert(&list, 8, OBJPOOL_ALERT_MEMORY, false, "gamma", memory, 4194304.0);
  assert_alert(&list, 9, OBJPOOL_ALERT_MEMORY, true, "gamma", list.alerts[9].value, 4194304.0);
  assert_true(list.alerts[9].value < 4194304.0);

  objpool_monitor_destroy(&monitor);
  objpool_monitor_destroy(&monitor); /* twice is harmless */
  thing_pool_destroy(&alpha);
  thing_pool_destroy(&beta);
  huge_pool_destroy(&gamma);
}

static void thresholds_left_at_zero_have_the_documented_defaults(void **state) {
  static thing_pool pool;
  static huge_pool big;
  objpool_config config = named("capped");
  objpool_monitor monitor;
  alert_list list;
  thing *held[20];
  (void)state;
  memset(&list, 0, sizeof list);
  config.max_objects = 10001;
  assert_true(thing_pool_init(&pool, &config));
  config = named("big");
  assert_true(huge_pool_init(&big, &config));
  assert_true(objpool_monitor_init(&monitor, NULL, note_alert, &list));
  cycle(&pool, 1); /* a miss, the object stays idle: min_samples is 100, so that 99 tell nothing */
  miss(&pool, 98);
  assert_int_equal(objpool_monitor_poll(&monitor), 0);
  miss(&pool, 100);
  assert_int_equal(objpool_monitor_poll(&monitor), 2);
  assert_alert(&list, 0, OBJPOOL_ALERT_HIT_RATE, false, "capped", 0.0, 0.7);
  assert_alert(&list, 1, OBJPOOL_ALERT_MISS_RATE, false, "capped", 1.0, 0.3);
  thing_pool_warmup(&pool, 10001);
  assert_int_equal(objpool_monitor_poll(&monitor), 1);
  assert_alert(&list, 2, OBJPOOL_ALERT_SIZE, false, "capped", 10001.0, 10000.0);
  thing_pool_clear(&pool);
  assert_true(thing_pool_resize(&pool, OBJPOOL_UNCHANGED, 20));
  assert_int_equal(thing_pool_acquire_many(&pool, held, 18),
                   18); /* 0.9 of 20: within the limit; too few samples for rates */
  assert_int_equal(objpool_monitor_poll(&monitor), 1);
  assert_alert(&list, 3, OBJPOOL_ALERT_SIZE, true, "capped", 18.0, 10000.0);
  assert_int_equal(thing_pool_acquire_many(&pool, held + 18, 1), 1);
  assert_int_equal(objpool_monitor_poll(&monitor), 1);
  assert_alert(&list, 4, OBJPOOL_ALERT_UTILIZATION, false, "capped", 0.95, 0.9);
  thing_pool_release_many(&pool, held, 19);
  assert_int_equal(objpool_monitor_poll(&monitor), 1);
  huge_pool_warmup(&big, 1650); /* over 100 MiB */
  assert_int_equal(objpool_monitor_poll(&monitor), 1);
  assert_int_equal(list.alerts[6].kind, OBJPOOL_ALERT_MEMORY);
  assert_true(list.alerts[6].threshold > 104857599 && list.alerts[6].threshold < 104857601);
  objpool_monitor_destroy(&monitor);
  thing_pool_destroy(&pool);
  huge_pool_destroy(&big);
}

static void the_first_poll_looks_back_to_the_pools_init(void **state) {
  static thing_pool pool;
  objpool_monitor monitor;
  alert_list list;
  (void)state;
  init_named(&pool, "old");
  miss(&pool, 100);
  watch(&monitor, &list);
  assert_int_equal(objpool_monitor_poll(&monitor), 2);
  objpool_monitor_destroy(&monitor);
  thing_pool_destroy(&pool);
}

static void a_reset_between_polls_raises_nothing_false(void **state) {
  static thing_pool pool;
  objpool_monitor monitor;
  alert_list list;
  (void)state;
  init_named(&pool, "reset");
  watch(&monitor, &list);
  cycle(&pool, 1000);
  assert_int_equal(objpool_monitor_poll(&monitor), 0);
  thing_pool_reset_stats(&pool);
  cycle(&pool, 200); /* fewer than before: differences would be negative */
  assert_int_equal(objpool_monitor_poll(&monitor), 0);
  thing_pool_reset_stats(&pool);
  miss(&pool, 100);
  assert_int_equal(objpool_monitor_poll(&monitor), 2);
  objpool_monitor_destroy(&monitor);
  thing_pool_destroy(&pool);
}

static void several_monitors_each_report_what_they_see(void **state) {
  static thing_pool pool;
  objpool_thresholds thresholds = script_thresholds();
  objpool_monitor strict, lenient;
  alert_list strict_list, lenient_list;
  (void)state;
  memset(&strict_list, 0, sizeof strict_list);
  memset(&lenient_list, 0, sizeof lenient_list);
  init_named(&pool, "watched twice");
  assert_true(objpool_monitor_init(&strict, &thresholds, note_alert, &strict_list));
  thresholds.min_hit_rate = 0.1;
  thresholds.max_miss_rate = 0.9;
  assert_true(objpool_monitor_init(&lenient, &thresholds, note_alert, &lenient_list));
  miss(&pool, 100);
  cycle(&pool, 100); /* a miss, 99 hits */
  assert_int_equal(objpool_monitor_poll(&strict), 2);
  assert_int_equal(objpool_monitor_poll(&lenient), 0);
  assert_int_equal(strict_list.count, 2);
  assert_int_equal(lenient_list.count, 0);
  objpool_monitor_destroy(&strict);
  objpool_monitor_destroy(&lenient);
  thing_pool_destroy(&pool);
}

static void destroying_a_pool_ends_its_alerts_silently(void **state) {
  static thing_pool pool;
  objpool_monitor monitor;
  alert_list list;
  (void)state;
  watch(&monitor, &list);
  init_named(&pool, "phoenix");
  miss(&pool, 100);
  assert_int_equal(objpool_monitor_poll(&monitor), 2);
  thing_pool_destroy(&pool);
  assert_int_equal(objpool_monitor_poll(&monitor), 0);
  init_named(&pool, "phoenix"); /* the same name at the same place is another pool, between polls too */
  miss(&pool, 100);
  assert_int_equal(objpool_monitor_poll(&monitor), 2);
  thing_pool_destroy(&pool);
  init_named(&pool, "phoenix");
  miss(&pool, 100);
  assert_int_equal(objpool_monitor_poll(&monitor), 2);
  thing_pool_destroy(&pool);
  assert_int_equal(list.count, 6);
  objpool_monitor_destroy(&monitor);
}

static void trim_on_alert(const objpool_alert *alert, void *user) {
  objpool *pool = objpool_registry_find(alert->pool_name);
  char text[4096];
  CHECK(pool != NULL);
  CHECK(objpool_format(NULL, OBJPOOL_PROMETHEUS, text, sizeof text) > 0);
  if (!alert->recovered) *(size_t *)user += objpool_trim(pool, 100);
}

static bool reading_goes_on;
static long reads;

static void *read_in_a_loop(void *unused) {
  static char text[1 << 20];
  (void)unused;
  while (__atomic_load_n(&reading_goes_on, __ATOMIC_RELAXED)) {
    CHECK(objpool_format(NULL, OBJPOOL_JSON, text, sizeof text) < (int)sizeof text);
    count_add(&reads, 1);
  }
  return NULL;
}

/* A new pool waits for the reading that goes on, and not for all those that may follow at once. */
static void a_reader_in_a_loop_lets_pools_come_and_go(void **state) {
  enum { POOLS = 200, CHANGES = SCALED(2000, 500, 200) };
  static thing_pool pools[POOLS];
  char name[32];
  pthread_t reader;
  long before;
  int i;
  (void)state;
  for (i = 0; i < POOLS; i++) {
    snprintf(name, sizeof name, "pool %d", i);
    init_named(&pools[i], name);
  }
  __atomic_store_n(&reading_goes_on, true, __ATOMIC_RELAXED);
  reader = start_thread(read_in_a_loop, NULL);
  while (count_read(&reads) < 10) sleep_ms(1);
  before = count_read(&reads);
  for (i = 0; i < CHANGES; i++) {
    thing_pool pool;
    memset(&pool, 0, sizeof pool);
    init_named(&pool, "one more");
    thing_pool_destroy(&pool);
    assert_true(count_read(&reads) - before < 20 * CHANGES);
  }
  __atomic_store_n(&reading_goes_on, false, __ATOMIC_RELAXED);
  join_thread(reader);
  for (i = 0; i < POOLS; i++) thing_pool_destroy(&pools[i]);
}

static void an_alert_handler_may_read_and_trim_pools(void **state) {
  static thing_pool pool;
  objpool_thresholds thresholds = script_thresholds();
  objpool_monitor monitor;
  size_t trimmed = 0;
  (void)state;
  init_named(&pool, "fat");
  assert_true(objpool_monitor_init(&monitor, &thresholds, trim_on_alert, &trimmed));
  thing_pool_warmup(&pool, 200);
  assert_int_equal(objpool_monitor_poll(&monitor), 1);
  assert_int_equal(trimmed, 100);
  assert_int_equal(objpool_monitor_poll(&monitor), 1); /* recovered */
  objpool_monitor_destroy(&monitor);
  thing_pool_destroy(&pool);
}

/* A create that cannot end before another thread has asked the registry. */
typedef struct asked_registry {
  long creating, answered, gave_up;
} asked_registry;

static bool create_when_answered(thing *object, void *context) {
  asked_registry *shared = (asked_registry *)context;
  int tries;
  object->number = 1;
  count_set(&shared->creating, 1);
  for (tries = 0; tries < 20000 && !count_read(&shared->answered); tries++) sleep_ms(1);
  count_add(&shared->gave_up, !count_read(&shared->answered));
  return true;
}
OBJPOOL_DEFINE(slow_pool, thing, opt.create = create_when_answered);

static void *ask_registry(void *argument) {
  asked_registry *shared = (asked_registry *)argument;
  WAIT_UNTIL(count_read(&shared->creating));
  CHECK(objpool_registry_find("slow to create") != NULL);
  count_set(&shared->answered, 1);
  return NULL;
}

static void the_monitors_thread_runs_hooks_outside_the_registry(void **state) {
  static slow_pool pool;
  objpool_config config = named("slow to create");
  objpool_monitor monitor;
  asked_registry shared;
  pthread_t asker;
  (void)state;
  memset(&shared, 0, sizeof shared);
  config.min_idle = 1;
  config.context = &shared;
  assert_true(slow_pool_init(&pool, &config));
  assert_true(objpool_monitor_init(&monitor, NULL, NULL, NULL));
  asker = start_thread(ask_registry, &shared);
  assert_true(objpool_monitor_start(&monitor, 1000000));
  join_thread(asker);
  objpool_monitor_destroy(&monitor);
  slow_pool_destroy(&pool);
  assert_int_equal(shared.gave_up, 0); /* the answer came while create ran, not only when it gave up */
}

static void count_alert(const objpool_alert *alert, void *user) {
  (void)alert;
  count_add((long *)user, 1);
}

static void the_monitors_thread_polls_and_maintains(void **state) {
  static thing_pool pool;
  static local_pool local;
  objpool_config config = named("kept");
  objpool_thresholds thresholds = script_thresholds();
  objpool_monitor monitor;
  long alerts = 0;
  (void)state;
  config.min_idle = 12;
  assert_true(thing_pool_init(&pool, &config));
  config.name = "local";
  assert_true(local_pool_init(&local, &config));
  assert_true(objpool_monitor_init(&monitor, &thresholds, count_alert, &alerts));
  miss(&pool, 100);
  assert_true(objpool_monitor_start(&monitor, 2000000));
  WAIT_UNTIL(count_read(&alerts) == 2);
  WAIT_UNTIL(thing_pool_stats(&pool).idle >= 12);
  objpool_monitor_stop(&monitor);
  assert_int_equal(local_pool_stats(&local).idle, 0); /* a local pool belongs to its own thread */
  thing_pool_clear(&pool);
  sleep_ms(20);
  assert_int_equal(thing_pool_stats(&pool).idle, 0);     /* stopped is stopped */
  assert_true(objpool_monitor_start(&monitor, 2000000)); /* and may begin again */
  WAIT_UNTIL(thing_pool_stats(&pool).idle >= 12);
  objpool_monitor_destroy(&monitor); /* stops it too */
  thing_pool_destroy(&pool);
  local_pool_destroy(&local);
}

static void the_monitors_thread_stops_at_once_when_asked(void **state) {
  objpool_monitor monitor;
  int64_t begin;
  (void)state;
  assert_true(objpool_monitor_init(&monitor, NULL, NULL, NULL));
  assert_true(objpool_monitor_start(&monitor, UINT64_C(3600000000000)));
  sleep_ms(20); /* it sleeps for an hour now */
  begin = now_ns();
  objpool_monitor_stop(&monitor);
  assert_true(now_ns() - begin < INT64_C(60000000000)); /* far from an hour, however busy the machine */
  objpool_monitor_stop(&monitor);                       /* harmless */
  objpool_monitor_destroy(&monitor);
}

typedef struct churn {
  long stop;
  long made;
} churn;

static void *make_and_destroy(void *argument) {
  churn *shared = (churn *)argument;
  int turn;
  for (turn = 0; !count_read(&shared->stop); turn++) {
    thing_pool pool;
    char name[32];
    snprintf(name, sizeof name, "short-lived %d", turn % 3);
    init_named(&pool, name);
    miss(&pool, 20);
    thing_pool_destroy(&pool);
    count_add(&shared->made, 1);
  }
  return NULL;
}

static void a_pool_destroyed_during_polls_harms_nobody(void **state) {
  objpool_thresholds thresholds = script_thresholds();
  objpool_monitor monitor;
  churn shared;
  long alerts = 0;
  pthread_t maker;
  (void)state;
  memset(&shared, 0, sizeof shared);
  thresholds.min_samples = 1;
  assert_true(objpool_monitor_init(&monitor, &thresholds, count_alert, &alerts));
  maker = start_thread(make_and_destroy, &shared);
  while (count_read(&shared.made) < SCALED(500, 200, 100)) objpool_monitor_poll(&monitor);
  WAIT_UNTIL((objpool_monitor_poll(&monitor), count_read(&alerts) > 0));
  count_set(&shared.stop, 1);
  join_thread(maker);
  objpool_monitor_destroy(&monitor);
}

static void poll_in_child(void *argument) {
  objpool_monitor *monitor = (objpool_monitor *)argument;
  static thing_pool pool;
  objpool_config config = named("of the child");
  config.min_idle = 3;
  CHECK(thing_pool_init(&pool, &config));
  sleep_ms(50); /* the monitor's thread, were it here, would have created */
  CHECK(thing_pool_stats(&pool).idle == 0);
  objpool_monitor_stop(monitor);
  objpool_monitor_destroy(monitor);
  thing_pool_destroy(&pool);
}

static void a_running_monitor_is_stopped_in_a_forked_child(void **state) {
  objpool_monitor monitor;
  char said[1024];
  (void)state;
  if (THREAD_SANITIZED) skip(); /* it does not follow threads into a child */
  assert_true(objpool_monitor_init(&monitor, NULL, NULL, NULL));
  assert_true(objpool_monitor_start(&monitor, 1000000));
  sleep_ms(10);
  assert_true(EXITED_WELL(in_child(poll_in_child, &monitor, said, sizeof said)));
  objpool_monitor_destroy(&monitor);
}

/* >>events ********************************************************************************************************* */

enum { EVENT_KINDS = OBJPOOL_EVENT_WAIT + 1, EVENTS_KEPT = 256 };

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

/* >>maintenance **************************************************************************************************** */

static objpool_pressure pressure_now;

static objpool_pressure told_pressure(void *user) {
  ++*(int *)user;
  return pressure_now;
}

static int pressure_asked;

static int with_pressure_told(void **state) {
  (void)state;
  pressure_now = OBJPOOL_PRESSURE_NONE;
  pressure_asked = 0;
  objpool_set_pressure_source(told_pressure, &pressure_asked);
  return 0;
}

static int leave_no_pools(void **state);

static int with_kernel_pressure(void **state) {
  objpool_set_pressure_source(NULL, NULL);
  return leave_no_pools(state);
}

static void maintenance_keeps_min_idle(void **state) {
  static thing_pool pool;
  objpool_config config = named(NULL);
  thing *held[6];
  int tick;
  (void)state;
  config.min_idle = 5;
  assert_true(thing_pool_init(&pool, &config));
  assert_int_equal(thing_pool_stats(&pool).idle, 0);
  assert_int_equal(objpool_maintain(&pool.base), 5);
  assert_int_equal(thing_pool_stats(&pool).idle, 5);
  assert_int_equal(thing_pool_acquire_many(&pool, held, 5), 5);
  objpool_maintain(&pool.base);
  assert_true(thing_pool_stats(&pool).idle >= 5);
  thing_pool_release_many(&pool, held, 5);
  thing_pool_warmup(&pool, 400);
  for (tick = 0; tick < 500; tick++) {
    objpool_maintain(&pool.base);
    assert_true(thing_pool_stats(&pool).idle >= 5);
  }
  thing_pool_destroy(&pool);
}

static void maintenance_creates_ahead_of_a_rising_demand(void **state) {
  static thing_pool pool;
  thing *held[400];
  size_t out = 0;
  objpool_stats stats;
  int tick;
  (void)state;
  assert_true(thing_pool_init(&pool, NULL));
  for (tick = 0; tick < 40; tick++) { /* ten more every tick */
    assert_int_equal(thing_pool_acquire_many(&pool, held + out, 10), 10);
    out += 10;
    objpool_maintain(&pool.base);
  }
  stats = thing_pool_stats(&pool);
  assert_int_equal(stats.acquires, 400);
  assert_true(stats.misses <=
              40); /* the first steps teach it, then all are there in time; alone it would miss 400 times */
  thing_pool_release_many(&pool, held, out);
  thing_pool_destroy(&pool);
}

static void maintenance_gives_back_after_the_demand(void **state) {
  static huge_pool pool;
  huge_thing *held[200];
  objpool_stats peak, after;
  objpool_config config = named(NULL);
  int tick;
  (void)state;
  config.growth_factor = 1.0; /* blocks all alike: one object left holds little */
  assert_true(huge_pool_init(&pool, &config));
  for (tick = 0; tick < 20; tick++) {
    assert_int_equal(huge_pool_acquire_many(&pool, held + 10 * tick, 10), 10);
    objpool_maintain(&pool.base);
  }
  peak = huge_pool_stats(&pool);
  huge_pool_release_many(&pool, held, 200);
  for (tick = 0; tick < 500; tick++) objpool_maintain(&pool.base);
  after = huge_pool_stats(&pool);
  assert_true(after.idle * 5 < 200);
  assert_true(after.memory_bytes * 2 < peak.memory_bytes);
  assert_int_equal(after.created - after.destroyed, after.idle);
  huge_pool_destroy(&pool);
}

static void a_steady_demand_is_left_alone(void **state) {
  static thing_pool pool;
  thing *held[50];
  uint64_t created;
  int tick;
  (void)state;
  assert_true(thing_pool_init(&pool, NULL));
  assert_int_equal(thing_pool_acquire_many(&pool, held, 50), 50);
  for (tick = 0; tick < 200; tick++) objpool_maintain(&pool.base);
  created = thing_pool_stats(&pool).created;
  for (tick = 0; tick < 200; tick++) assert_int_equal(objpool_maintain(&pool.base), 0);
  assert_int_equal(thing_pool_stats(&pool).created, created);
  assert_true(thing_pool_stats(&pool).idle <= 25); /* and little is kept in reserve */
  thing_pool_release_many(&pool, held, 50);
  thing_pool_destroy(&pool);
}

static void maintenance_returns_what_it_created_and_destroyed(void **state) {
  static thing_pool pool;
  thing *held[128];
  uint64_t seed = 42;
  size_t out = 0;
  int tick;
  (void)state;
  assert_true(thing_pool_init(&pool, NULL));
  for (tick = 0; tick < 300; tick++) {
    size_t want = tick % 60 < 30 ? random_below(&seed, 128) : random_below(&seed, 10), done;
    objpool_stats before, after;
    if (want > out) out += thing_pool_acquire_many(&pool, held + out, want - out);
    while (out > want) thing_pool_release(&pool, held[--out]);
    before = thing_pool_stats(&pool);
    done = objpool_maintain(&pool.base);
    after = thing_pool_stats(&pool);
    assert_int_equal(done, after.created - before.created + after.destroyed - before.destroyed);
    assert_int_equal(after.misses, before.misses); /* creating ahead is no miss */
    assert_int_equal(after.in_use, out);
  }
  thing_pool_release_many(&pool, held, out);
  thing_pool_destroy(&pool);
}

static void maintenance_stays_within_the_limits(void **state) {
  static thing_pool pool;
  objpool_config config = named(NULL);
  thing *held[60];
  int tick;
  (void)state;
  config.max_idle = 7;
  config.max_objects = 50;
  assert_true(thing_pool_init(&pool, &config));
  for (tick = 0; tick < 5; tick++) {
    objpool_stats stats;
    assert_int_equal(thing_pool_acquire_many(&pool, held + 10 * tick, 10), 10);
    objpool_maintain(&pool.base);
    stats = thing_pool_stats(&pool);
    assert_true(stats.idle <= 7);
    assert_true(stats.idle + stats.in_use <= 50);
  }
  assert_int_equal(thing_pool_stats(&pool).idle, 0); /* 50 of 50 are out */
  thing_pool_release_many(&pool, held, 50);
  thing_pool_destroy(&pool);
}

static void under_pressure_all_that_may_go_goes(void **state) {
  static const objpool_pressure pressures[] = {OBJPOOL_PRESSURE_SOME, OBJPOOL_PRESSURE_FULL};
  size_t i;
  (void)state;
  for (i = 0; i < COUNT_OF(pressures); i++) {
    static thing_pool pool;
    objpool_config config = named(NULL);
    thing *held[40];
    config.min_idle = 3;
    pressure_now = OBJPOOL_PRESSURE_NONE;
    assert_true(thing_pool_init(&pool, &config));
    assert_int_equal(thing_pool_acquire_many(&pool, held, 40), 40);
    objpool_maintain(&pool.base);
    thing_pool_release_many(&pool, held, 40);
    pressure_now = pressures[i];
    assert_true(objpool_maintain(&pool.base) >= 37);
    assert_int_equal(thing_pool_stats(&pool).idle, 3);
    thing_pool_clear(&pool);
    assert_int_equal(thing_pool_acquire_many(&pool, held, 20), 20); /* demand rises */
    assert_int_equal(objpool_maintain(&pool.base), 0);              /* and nothing is created ahead */
    assert_int_equal(thing_pool_stats(&pool).idle, 0);
    assert_true(pressure_asked > 0);
    thing_pool_release_many(&pool, held, 20);
    thing_pool_destroy(&pool);
  }
}

static bool is_good(thing *object, void *context) {
  (void)context;
  return object->number != 13;
}
OBJPOOL_DEFINE(checked_pool, thing, opt.validate = is_good, opt.validate_on = OBJPOOL_ON_MAINTAIN);

static void maintenance_validates_idle_objects_if_asked_to(void **state) {
  static checked_pool pool;
  thing *held[4];
  objpool_config config = named(NULL);
  size_t i;
  (void)state;
  config.min_idle = 4;
  assert_true(checked_pool_init(&pool, &config));
  assert_int_equal(checked_pool_acquire_many(&pool, held, 4), 4);
  for (i = 0; i < 4; i++) held[i]->number = i == 2 ? 13 : i;
  checked_pool_release_many(&pool, held, 4);
  assert_int_equal(checked_pool_stats(&pool).invalid, 0);
  objpool_maintain(&pool.base);
  assert_int_equal(checked_pool_stats(&pool).invalid, 1);
  assert_true(checked_pool_stats(&pool).idle >= 4); /* replaced */
  assert_int_equal(checked_pool_acquire_many(&pool, held, 4), 4);
  for (i = 0; i < 4; i++) assert_int_not_equal(held[i]->number, 13);
  checked_pool_release_many(&pool, held, 4);
  checked_pool_destroy(&pool);
}

static void a_create_that_fails_ends_the_creating_ahead(void **state) {
  static choosy_pool pool;
  bool refusing = false;
  objpool_config config = named(NULL);
  (void)state;
  config.context = &refusing;
  config.min_idle = 4;
  assert_true(choosy_pool_init(&pool, &config));
  refusing = true;
  assert_int_equal(objpool_maintain(&pool.base), 0);
  assert_int_equal(choosy_pool_stats(&pool).idle, 0);
  assert_int_equal(choosy_pool_stats(&pool).created, 0);
  refusing = false;
  assert_int_equal(objpool_maintain(&pool.base), 4);
  choosy_pool_destroy(&pool);
}

static void a_local_pool_is_maintained_by_its_own_thread(void **state) {
  static local_pool pool;
  objpool_config config = named(NULL);
  (void)state;
  config.min_idle = 4;
  assert_true(local_pool_init(&pool, &config));
  assert_int_equal(objpool_maintain(&pool.base), 4);
  assert_int_equal(local_pool_stats(&pool).idle, 4);
  local_pool_destroy(&pool);
}

static void an_untouched_pool_is_maintained_harmlessly(void **state) {
  static thing_pool pool;
  (void)state;
  assert_int_equal(objpool_maintain(&pool.base), 0);
  thing_pool_destroy(&pool);
}

/* >>pressure ******************************************************************************************************* */

static void put_file(const char *path, const char *text) {
  char whole[512];
  FILE *file;
  size_t i;
  snprintf(whole, sizeof whole, "%s%s", kernel_files, path);
  for (i = strlen(kernel_files) + 1; whole[i]; i++) {
    if (whole[i] != '/') continue;
    whole[i] = 0;
    if (mkdir(whole, 0700) != 0) assert_int_equal(errno, EEXIST);
    whole[i] = '/';
  }
  file = fopen(whole, "w");
  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

static int make_kernel_files(void **state) {
  (void)state;
  objpool_set_pressure_source(NULL, NULL);
  const char *folder = getenv("TMPDIR");
  if (!folder || !*folder) folder = "/tmp";
  int length = snprintf(kernel_files, sizeof kernel_files, "%s/objpool_pressure_XXXXXX", folder);
  return length > 0 && (size_t)length < sizeof kernel_files && mkdtemp(kernel_files) ? 0 : -1;
}

static int remove_kernel_files(void **state) {
  char command[512];
  (void)state;
  snprintf(command, sizeof command, "rm -rf '%s'", kernel_files);
  kernel_files[0] = 0;
  return system(command);
}

static const char calm[] =
    "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";
static const char some_stall[] =
    "some avg10=42.10 avg60=0.00 avg300=0.00 total=9\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";
static const char all_stall[] =
    "some avg10=80.00 avg60=0.00 avg300=0.00 total=9\nfull avg10=61.50 avg60=0.00 avg300=0.00 total=9\n";

static void a_machine_without_the_files_reads_none(void **state) {
  (void)state;
  assert_int_equal(objpool_memory_pressure(), OBJPOOL_PRESSURE_NONE);
  put_file("/proc/pressure/memory", "");
  assert_int_equal(objpool_memory_pressure(), OBJPOOL_PRESSURE_NONE);
  put_file("/proc/pressure/memory", "what is this? some avg10=99\n\n\nfull\nsome avg10=\n");
  assert_int_equal(objpool_memory_pressure(), OBJPOOL_PRESSURE_NONE);
  put_file("/proc/self/cgroup", "0::/nowhere\n");
  assert_int_equal(objpool_memory_pressure(), OBJPOOL_PRESSURE_NONE);
}

static void pressure_is_read_from_the_machines_file(void **state) {
  (void)state;
  put_file("/proc/pressure/memory", calm);
  assert_int_equal(objpool_memory_pressure(), OBJPOOL_PRESSURE_NONE);
  put_file("/proc/pressure/memory", some_stall);
  assert_int_equal(objpool_memory_pressure(), OBJPOOL_PRESSURE_SOME);
  put_file("/proc/pressure/memory", all_stall);
  assert_int_equal(objpool_memory_pressure(), OBJPOOL_PRESSURE_FULL);
  put_file("/proc/pressure/memory", calm);
  assert_int_equal(objpool_memory_pressure(), OBJPOOL_PRESSURE_NONE);
}

static void pressure_is_read_from_the_control_groups_files(void **state) {
  (void)state;
  put_file("/proc/pressure/memory", calm);
  put_file("/proc/self/cgroup", "9:pids:/elsewhere\n0::/service/worker\n");
  put_file("/sys/fs/cgroup/service/worker/memory.pressure", calm);
  put_file("/sys/fs/cgroup/service/worker/memory.max", "max\n");
  put_file("/sys/fs/cgroup/service/worker/memory.current", "999999999999\n");
  assert_int_equal(objpool_memory_pressure(), OBJPOOL_PRESSURE_NONE);
  put_file("/sys/fs/cgroup/service/worker/memory.pressure", some_stall);
  assert_int_equal(objpool_memory_pressure(), OBJPOOL_PRESSURE_SOME);
  put_file("/sys/fs/cgroup/service/worker/memory.pressure", all_stall);
  assert_int_equal(objpool_memory_pressure(), OBJPOOL_PRESSURE_FULL);
  put_file("/sys/fs/cgroup/service/worker/memory.pressure", calm);
  put_file("/sys/fs/cgroup/service/worker/memory.max", "1000000000\n");
  put_file("/sys/fs/cgroup/service/worker/memory.current", "300000000\n");
  assert_int_equal(objpool_memory_pressure(), OBJPOOL_PRESSURE_NONE);
  put_file("/sys/fs/cgroup/service/worker/memory.current", "999000000\n"); /* about to reach its limit */
  assert_int_not_equal(objpool_memory_pressure(), OBJPOOL_PRESSURE_NONE);
}

static void maintenance_heeds_the_kernels_files(void **state) {
  static thing_pool pool;
  int tick;
  (void)state;
  assert_true(thing_pool_init(&pool, NULL));
  thing_pool_warmup(&pool, 40);
  put_file("/proc/pressure/memory", all_stall);
  for (tick = 0; tick < 10000 && thing_pool_stats(&pool).idle > 0; tick++) { /* files are read once a second */
    objpool_maintain(&pool.base);
    sleep_ms(2);
  }
  assert_int_equal(thing_pool_stats(&pool).idle, 0);
  assert_true(tick < 10000);
  thing_pool_destroy(&pool);
}

static void the_pressure_source_is_replaced_and_restored(void **state) {
  int asked = 0;
  (void)state;
  put_file("/proc/pressure/memory", some_stall);
  pressure_now = OBJPOOL_PRESSURE_FULL;
  objpool_set_pressure_source(told_pressure, &asked);
  assert_int_equal(objpool_memory_pressure(), OBJPOOL_PRESSURE_FULL);
  assert_int_equal(asked, 1);
  objpool_set_pressure_source(NULL, NULL);
  assert_int_equal(objpool_memory_pressure(), OBJPOOL_PRESSURE_SOME);
  assert_int_equal(asked, 1);
}

static void collect(objpool *pool, void *user) {
  visits *left = (visits *)user;
  if (left->count < COUNT_OF(left->seen)) left->seen[left->count++] = pool;
}

/* A test that failed half-way leaves its pools behind: they must not spoil the next one. */
static int leave_no_pools(void **state) {
  visits left;
  (void)state;
  memset(&left, 0, sizeof left);
  objpool_registry_each(collect, &left);
  while (left.count > 0) objpool_destroy(left.seen[--left.count]);
  return 0;
}

#define TEST(test) cmocka_unit_test_teardown(test, leave_no_pools)
#define TOLD(test) cmocka_unit_test_setup_teardown(test, with_pressure_told, with_kernel_pressure)
#define FILES(test) cmocka_unit_test_setup_teardown(test, make_kernel_files, remove_kernel_files)

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
      TEST(output_follows_the_rules_of_snprintf),
      TEST(prometheus_text_has_every_metric_with_its_value),
      TEST(prometheus_families_are_grouped_over_pools),
      TEST(names_come_through_escaped_and_whole),
      TEST(invalid_utf8_becomes_the_replacement_character),
      TEST(unnamed_pools_are_formatted_too),
      TEST(a_scripted_load_raises_exactly_these_alerts),
      TEST(thresholds_left_at_zero_have_the_documented_defaults),
      TEST(the_first_poll_looks_back_to_the_pools_init),
      TEST(a_reset_between_polls_raises_nothing_false),
      TEST(several_monitors_each_report_what_they_see),
      TEST(destroying_a_pool_ends_its_alerts_silently),
      TEST(a_reader_in_a_loop_lets_pools_come_and_go),
      TEST(an_alert_handler_may_read_and_trim_pools),
      TOLD(the_monitors_thread_polls_and_maintains),
      TOLD(the_monitors_thread_runs_hooks_outside_the_registry),
      TEST(the_monitors_thread_stops_at_once_when_asked),
      TEST(a_pool_destroyed_during_polls_harms_nobody),
      TOLD(a_running_monitor_is_stopped_in_a_forked_child),
      TEST(events_follow_an_object_through_its_life),
      TEST(events_tell_what_happens_to_the_pool),
      TEST(discard_and_extract_are_told_too),
      TEST(an_event_handler_may_change_errno),
      TEST(a_release_is_told_before_anyone_else_can_get_the_object),
      TOLD(maintenance_keeps_min_idle),
      TOLD(maintenance_creates_ahead_of_a_rising_demand),
      TOLD(maintenance_gives_back_after_the_demand),
      TOLD(a_steady_demand_is_left_alone),
      TOLD(maintenance_returns_what_it_created_and_destroyed),
      TOLD(maintenance_stays_within_the_limits),
      TOLD(under_pressure_all_that_may_go_goes),
      TOLD(maintenance_validates_idle_objects_if_asked_to),
      TOLD(a_create_that_fails_ends_the_creating_ahead),
      TOLD(a_local_pool_is_maintained_by_its_own_thread),
      TOLD(an_untouched_pool_is_maintained_harmlessly),
      FILES(a_machine_without_the_files_reads_none),
      FILES(pressure_is_read_from_the_machines_file),
      FILES(pressure_is_read_from_the_control_groups_files),
      FILES(maintenance_heeds_the_kernels_files),
      FILES(the_pressure_source_is_replaced_and_restored),
  };
  return cmocka_run_group_tests_name("fleet", tests, NULL, NULL);
}
