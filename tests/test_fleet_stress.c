/* A thousand named pools of twenty types come and go in eight threads, while two read the registry in every way and a monitor polls. */
#include "support.h"

#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

/* Twenty types: sizes, alignments, hooks and options that differ. */
#define SIZED(number) \
  typedef struct object_##number { \
    unsigned char bytes[8 * (number) + 1]; \
  } object_##number;
SIZED(0) SIZED(1) SIZED(2) SIZED(3) SIZED(4) SIZED(5) SIZED(6) SIZED(7) SIZED(8) SIZED(9)
SIZED(10) SIZED(11) SIZED(12) SIZED(13) SIZED(14) SIZED(15) SIZED(16) SIZED(17) SIZED(18) SIZED(512)

static long events;

#define HOOKS(number) \
  static bool create_##number(object_##number *object, void *context) { \
    object->bytes[0] = (unsigned char)(number); \
    return context == NULL; \
  } \
  static void reset_##number(object_##number *object, void *context) { \
    CHECK(context == NULL && object->bytes[0] == (unsigned char)(number)); \
  } \
  static void see_##number(const objpool_event *event, void *context) { \
    CHECK(context == NULL && event->pool != NULL); \
    count_add(&events, 1); \
  }
HOOKS(10) HOOKS(11) HOOKS(12) HOOKS(13) HOOKS(14) HOOKS(15) HOOKS(16) HOOKS(17) HOOKS(18) HOOKS(512)

OBJPOOL_DEFINE(pool_0, object_0);
OBJPOOL_DEFINE(pool_1, object_1);
OBJPOOL_DEFINE(pool_2, object_2);
OBJPOOL_DEFINE(pool_3, object_3);
OBJPOOL_DEFINE(pool_4, object_4);
OBJPOOL_DEFINE(pool_5, object_5);
OBJPOOL_DEFINE(pool_6, object_6, opt.wipe = true);
OBJPOOL_DEFINE(pool_7, object_7, opt.wipe = true);
OBJPOOL_DEFINE(pool_8, object_8, opt.local = true);
OBJPOOL_DEFINE(pool_9, object_9, opt.local = true);
#define HOOKED(number) opt.create = create_##number, opt.reset = reset_##number, opt.on_event = see_##number
OBJPOOL_DEFINE(pool_10, object_10, HOOKED(10));
OBJPOOL_DEFINE(pool_11, object_11, HOOKED(11));
OBJPOOL_DEFINE(pool_12, object_12, HOOKED(12));
OBJPOOL_DEFINE(pool_13, object_13, HOOKED(13));
OBJPOOL_DEFINE(pool_14, object_14, HOOKED(14));
OBJPOOL_DEFINE(pool_15, object_15, HOOKED(15));
OBJPOOL_DEFINE(pool_16, object_16, HOOKED(16));
OBJPOOL_DEFINE(pool_17, object_17, HOOKED(17));
OBJPOOL_DEFINE(pool_18, object_18, HOOKED(18));
OBJPOOL_DEFINE(pool_512, object_512, HOOKED(512));

/* A local pool belongs to one thread at a time, and its maker is that: others only read it. */
enum { TYPES = 20, MAKERS = 8, POOLS_EACH = SCALED(134, 40, 20), ROUNDS = SCALED(5, 4, 3), FORMATS = 3 };

/* init, use and destroy of each type, behind one face */
typedef struct type_face {
  size_t size;
  bool (*init)(void *pool, const objpool_config *config);
  void (*use)(void *pool, size_t objects);
  void (*destroy)(void *pool);
} type_face;

#define FACE(number) \
  static bool init_##number(void *pool, const objpool_config *config) { return pool_##number##_init((pool_##number *)pool, config); } \
  static void use_##number(void *pool, size_t objects) { \
    object_##number *held[16]; \
    size_t got = pool_##number##_acquire_many((pool_##number *)pool, held, objects); \
    CHECK(got == objects); \
    pool_##number##_release_many((pool_##number *)pool, held, got); \
  } \
  static void destroy_##number(void *pool) { pool_##number##_destroy((pool_##number *)pool); }
FACE(0) FACE(1) FACE(2) FACE(3) FACE(4) FACE(5) FACE(6) FACE(7) FACE(8) FACE(9)
FACE(10) FACE(11) FACE(12) FACE(13) FACE(14) FACE(15) FACE(16) FACE(17) FACE(18) FACE(512)

#define ROW(number) {sizeof(pool_##number), init_##number, use_##number, destroy_##number}
static const type_face faces[TYPES] = {ROW(0),  ROW(1),  ROW(2),  ROW(3),  ROW(4),  ROW(5),  ROW(6),  ROW(7),  ROW(8),  ROW(9),
                                       ROW(10), ROW(11), ROW(12), ROW(13), ROW(14), ROW(15), ROW(16), ROW(17), ROW(18), ROW(512)};

static pthread_barrier_t all_made;
static long makers_running, refused, texts, visited, largest;

/* Odd numbers are shared by two makers: whoever comes second is refused. */
static void pool_name(char *name, size_t size, size_t maker, size_t number) {
  if (number % 8 == 1) snprintf(name, size, "pair %zu \"%zu\"", maker / 2, number);
  else snprintf(name, size, "maker %zu\\%zu\n\xc3\xa4", maker, number);
}

static void *make_pools(void *argument) {
  size_t maker = (size_t)(uintptr_t)argument, number;
  uint64_t seed = maker + 1;
  int round;
  for (round = 0; round < ROUNDS; round++) {
    void *pools[POOLS_EACH];
    for (number = 0; number < POOLS_EACH; number++) {
      const type_face *face = &faces[(maker + number) % TYPES];
      objpool_config config;
      char name[64];
      memset(&config, 0, sizeof config);
      pool_name(name, sizeof name, maker, number);
      config.name = name;
      config.max_idle = 32;
      config.min_idle = random_below(&seed, 4);
      pools[number] = calloc(1, face->size);
      CHECK(pools[number] != NULL);
      if (!face->init(pools[number], &config)) {
        CHECK(errno == EEXIST && number % 8 == 1);
        count_add(&refused, 1);
        free(pools[number]);
        pools[number] = NULL;
        continue;
      }
      CHECK(objpool_registry_find(name) == (objpool *)pools[number]);
      face->use(pools[number], 1 + random_below(&seed, 16));
    }
    pthread_barrier_wait(&all_made); /* now all of them are there at once */
    for (number = 0; number < POOLS_EACH; number++) {
      size_t other = (number * 7 + 3) % POOLS_EACH; /* not in the order they came */
      if (!pools[other]) continue;
      faces[(maker + other) % TYPES].use(pools[other], 1 + random_below(&seed, 16));
    }
    for (number = 0; number < POOLS_EACH; number++) {
      if (!pools[number]) continue;
      faces[(maker + number) % TYPES].destroy(pools[number]);
      free(pools[number]);
    }
  }
  count_add(&makers_running, -1);
  return NULL;
}

/* >>valid: what a parser would ask of the texts ******************************************************************** */

/* The end of the JSON value at `text`, or NULL. */
static const char *json_end(const char *text) {
  char closing = *text == '{' ? '}' : ']';
  if (*text == '"') {
    for (text++; *text != '"'; text++) {
      if ((unsigned char)*text < 0x20) return NULL;
      if (*text == '\\' && !*++text) return NULL;
    }
    return text + 1;
  }
  if (*text != '{' && *text != '[') {
    char *end;
    strtod(text, &end);
    return end == text ? NULL : end;
  }
  text += 1 + strspn(text + 1, " \n");
  while (*text != closing) {
    if (closing == '}') {
      text = *text == '"' ? json_end(text) : NULL;
      if (!text) return NULL;
      text += strspn(text, " \n");
      if (*text++ != ':') return NULL;
      text += strspn(text, " \n");
    }
    text = json_end(text);
    if (!text) return NULL;
    text += strspn(text, " \n");
    if (*text == ',') text += 1 + strspn(text + 1, " \n");
    else if (*text != closing) return NULL;
  }
  return text + 1;
}

/* Each line a comment, or a name, labels with closed quotes, and one number. */
static bool prometheus_valid(const char *text) {
  while (*text) {
    if (*text == '#') {
      text += strcspn(text, "\n");
    } else {
      char *end;
      if (strncmp(text, "objpool_", 8)) return false;
      text += strspn(text, "abcdefghijklmnopqrstuvwxyz_");
      if (*text++ != '{') return false;
      while (*text != '}') {
        text += strspn(text, "abcdefghijklmnopqrstuvwxyz_");
        if (strncmp(text, "=\"", 2)) return false;
        for (text += 2; *text != '"'; text++) {
          if (!*text || *text == '\n' || (*text == '\\' && !strchr("\\\"n", *++text))) return false;
        }
        text++;
        if (*text == ',') text++;
      }
      if (*++text != ' ') return false;
      strtod(text, &end);
      if (end == text) return false;
      text = end;
    }
    if (*text++ != '\n') return false;
  }
  return true;
}

static void visit_one(objpool *pool, void *user) {
  objpool_stats stats = objpool_snapshot(pool);
  CHECK(stats.object_size >= 1 && stats.max_idle == 32);
  CHECK(strlen(objpool_name(pool)) > 0);
  ++*(long *)user;
}

static void *read_registry(void *unused) {
  (void)unused;
  while (count_read(&makers_running) > 0) {
    static const objpool_format_kind kinds[FORMATS] = {OBJPOOL_TEXT, OBJPOOL_JSON, OBJPOOL_PROMETHEUS};
    size_t i;
    objpool_stats all;
    long seen = 0;
    objpool_registry_each(visit_one, &seen);
    count_add(&visited, seen);
    if (seen > count_read(&largest)) count_set(&largest, seen);
    all = objpool_registry_snapshot();
    CHECK(all.now_ns >= all.since_ns && all.max_objects == 0);
    for (i = 0; i < FORMATS; i++) {
      int length = objpool_format(NULL, kinds[i], NULL, 0);
      size_t size = (size_t)length + 65536; /* pools come in between: mostly this is enough */
      char *text = (char *)malloc(size);
      CHECK(length >= 0 && text != NULL);
      length = objpool_format(NULL, kinds[i], text, size);
      CHECK(length >= 0 && strlen(text) == ((size_t)length < size ? (size_t)length : size - 1));
      if ((size_t)length < size) {
        if (kinds[i] == OBJPOOL_JSON) {
          const char *end = json_end(text);
          CHECK(end != NULL && strspn(end, "\n") == strlen(end));
        }
        CHECK(kinds[i] != OBJPOOL_PROMETHEUS || prometheus_valid(text));
        count_add(&texts, 1);
      }
      free(text);
    }
  }
  return NULL;
}

static void see_alert(const objpool_alert *alert, void *user) {
  CHECK(strlen(alert->message) > 0 && strlen(alert->pool_name) > 0);
  CHECK(objpool_registry_find(alert->pool_name) != NULL);
  count_add((long *)user, 1);
}

/* Looks as fast as it can. */
static void *poll_registry(void *monitor) {
  while (count_read(&makers_running) > 0) objpool_monitor_poll((objpool_monitor *)monitor);
  return NULL;
}

static objpool_pressure no_pressure(void *user) {
  (void)user;
  return OBJPOOL_PRESSURE_NONE;
}

static void pools_come_and_go_while_the_registry_is_read_and_watched(void **state) {
  pthread_t makers[MAKERS], readers[2], poller;
  objpool_thresholds thresholds;
  objpool_monitor monitor, keeper;
  long alerts = 0, keeper_alerts = 0;
  size_t i;
  (void)state;
  objpool_set_pressure_source(no_pressure, NULL);
  memset(&thresholds, 0, sizeof thresholds);
  thresholds.min_samples = 1;
  thresholds.min_hit_rate = 0.99;
  assert_true(objpool_monitor_init(&monitor, &thresholds, see_alert, &alerts));
  assert_true(objpool_monitor_init(&keeper, &thresholds, see_alert, &keeper_alerts)); /* this one maintains, too */
  assert_true(objpool_monitor_start(&keeper, 1000000));
  assert_int_equal(pthread_barrier_init(&all_made, NULL, MAKERS), 0);
  count_set(&makers_running, MAKERS);
  for (i = 0; i < MAKERS; i++) makers[i] = start_thread(make_pools, (void *)(uintptr_t)i);
  for (i = 0; i < COUNT_OF(readers); i++) readers[i] = start_thread(read_registry, NULL);
  poller = start_thread(poll_registry, &monitor);
  for (i = 0; i < MAKERS; i++) join_thread(makers[i]);
  join_thread(poller);
  for (i = 0; i < COUNT_OF(readers); i++) join_thread(readers[i]);
  objpool_monitor_destroy(&monitor);
  objpool_monitor_destroy(&keeper);
  pthread_barrier_destroy(&all_made);
  objpool_set_pressure_source(NULL, NULL);
  assert_int_equal(objpool_registry_each(NULL, NULL), 0); /* nothing is left behind */
  printf("%ld texts, %ld visits, at most %ld pools at once, %ld names refused, %ld and %ld alerts, %ld events\n", texts, visited, largest,
         refused, alerts, keeper_alerts, events);
  assert_true(texts > 0 && visited > 0 && largest > 0 && events > 0 && alerts > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pools_come_and_go_while_the_registry_is_read_and_watched),
  };
  return cmocka_run_group_tests_name("fleet under load", tests, NULL, NULL);
}
