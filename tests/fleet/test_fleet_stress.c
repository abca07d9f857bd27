/* A thousand named pools of twenty types come and go in eight threads, while two threads read the registry in every way
   and a monitor polls. */
#include "support.h"

#include "pools.h"

/* Twenty types: sizes, hooks and options that differ. Each list calls X with the numbers of some of them. */
#define PLAIN_TYPES(X) X(0) X(1) X(2) X(3) X(4) X(5)
#define WIPED_TYPES(X) X(6) X(7)
#define LOCAL_TYPES(X) X(8) X(9)
#define HOOKED_TYPES(X) X(10) X(11) X(12) X(13) X(14) X(15) X(16) X(17) X(18) X(512)
#define ALL_TYPES(X) PLAIN_TYPES(X) WIPED_TYPES(X) LOCAL_TYPES(X) HOOKED_TYPES(X)

// clang-format off
#define TYPE(number) \
  typedef struct object_##number { \
    unsigned char bytes[8 * (number) + 1]; \
  } object_##number;
ALL_TYPES(TYPE)

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
HOOKED_TYPES(HOOKS)

#define PLAIN(number) OBJPOOL_DEFINE(pool_##number, object_##number);
#define WIPED(number) OBJPOOL_DEFINE(pool_##number, object_##number, opt.wipe = true);
#define LOCAL(number) OBJPOOL_DEFINE(pool_##number, object_##number, opt.local = true);
#define HOOKED(number) \
  OBJPOOL_DEFINE(pool_##number, object_##number, opt.create = create_##number, opt.reset = reset_##number, \
                 opt.on_event = see_##number);
PLAIN_TYPES(PLAIN) WIPED_TYPES(WIPED) LOCAL_TYPES(LOCAL) HOOKED_TYPES(HOOKED)
    // clang-format on

    /* A local pool belongs to one thread at a time, and its maker is that: others only read it. */
    enum {
      TYPES = 20,
      MAKERS = 8,
      POOLS_EACH = SCALED(134, 40, 20),
      ROUNDS = SCALED(5, 4, 3),
      FORMATS = 3
    };

/* init, use and destroy of each type, behind one face */
typedef struct type_face {
  size_t size;
  bool (*init)(void *pool, const objpool_config *config);
  void (*use)(void *pool, size_t objects);
  void (*destroy)(void *pool);
} type_face;

// clang-format off
#define FACE(number) \
  static bool init_##number(void *pool, const objpool_config *config) { \
    return pool_##number##_init((pool_##number *)pool, config); \
  } \
  static void use_##number(void *pool, size_t objects) { \
    object_##number *held[16]; \
    size_t got = pool_##number##_acquire_many((pool_##number *)pool, held, objects); \
    CHECK(got == objects); \
    pool_##number##_release_many((pool_##number *)pool, held, got); \
  } \
  static void destroy_##number(void *pool) { pool_##number##_destroy((pool_##number *)pool); }
ALL_TYPES(FACE)

#define ROW(number) {sizeof(pool_##number), init_##number, use_##number, destroy_##number},
static const type_face faces[TYPES] = {ALL_TYPES(ROW)};
// clang-format on

static pthread_barrier_t all_made;
static long makers_running, refused, texts, visited, largest;

/* Odd numbers are shared by two makers: whoever comes second is refused. */
static void pool_name(char *name, size_t size, size_t maker, size_t number) {
  if (number % 8 == 1)
    snprintf(name, size, "pair %zu \"%zu\"", maker / 2, number);
  else
    snprintf(name, size, "maker %zu\\%zu\n\xc3\xa4", maker, number);
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
    if (*text == ',')
      text += 1 + strspn(text + 1, " \n");
    else if (*text != closing)
      return NULL;
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
  printf("%ld texts, %ld visits, at most %ld pools at once, %ld names refused, %ld and %ld alerts, %ld events\n", texts,
         visited, largest, refused, alerts, keeper_alerts, events);
  assert_true(texts > 0 && visited > 0 && largest > 0 && events > 0 && alerts > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pools_come_and_go_while_the_registry_is_read_and_watched),
  };
  return cmocka_run_group_tests_name("fleet under load", tests, NULL, NULL);
}
