/* format.c: a fuzzer (libFuzzer) of what pools print: objpool_format in its three forms, of one pool and of the
 * registry, objpool_report and the messages of alerts, with any names, any counts and any size of buffer. The length is
 * that of snprintf, the text ends where the buffer does, JSON is what cJSON reads, and says what the snapshot says,
 * Prometheus text follows the grammar of its exposition format 0.0.4.
 *
 * Built and run by tests/fuzz/run, in C and in C++. link: -lcjson */
#include <time.h>
#define clock_gettime(clock, now) stopped_clock(now)
static int stopped_clock(struct timespec *now);

#define OBJPOOL_MAX_THREADS 4
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

#include "input.h"
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUIRE(condition) ((condition) ? (void)0 : disagree(#condition, __LINE__))
#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

enum { POOLS = 3, NAME = 80 };

struct thing {
  char bytes[24];
};
OBJPOOL_DEFINE(thing_pool, struct thing);

static struct timespec now;
static thing_pool pools[POOLS];
static char names[POOLS][NAME];     /* as given */
static char shown[POOLS][3 * NAME]; /* what must be read back: well-formed, a run of mistakes one U+FFFD */
static objpool_stats stats[POOLS];
static size_t count;
static const char *text = ""; /* under examination */

static __attribute__((noreturn)) void disagree(const char *condition, int line) {
  fprintf(stderr, "format.c:%d: this should hold: %s, of:\n%s\n", line, condition, text);
  abort();
}

static int stopped_clock(struct timespec *out) { /* so that two texts are the same */
  *out = now;
  return 0;
}

/* A number of any magnitude. */
static uint64_t number(void) {
  uint64_t value = 0;
  for (unsigned bytes = byte() % 9; bytes > 0; bytes--) value = value << 8 | byte();
  return value;
}

static uint64_t at_most(uint64_t value, uint64_t most) { return value < most ? value : most; }

/* Reads a character as RFC 3629 has it: the code point, how many bytes; -1: a byte that belongs to none. */
static long character(const unsigned char *at, size_t *bytes) {
  static const long least[] = {0, 0, 0x80, 0x800, 0x10000};
  *bytes = 1;
  if (*at < 0x80) return *at;
  size_t length = (*at & 0xe0) == 0xc0 ? 2 : (*at & 0xf0) == 0xe0 ? 3 : (*at & 0xf8) == 0xf0 ? 4 : 0;
  if (!length) return -1;
  long point = *at & (0x7f >> length);
  for (size_t i = 1; i < length; i++) {
    if ((at[i] & 0xc0) != 0x80) return -1;
    point = point << 6 | (at[i] & 0x3f);
  }
  if (point < least[length] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return -1;
  *bytes = length;
  return point;
}

/* Copies a name with each run of mistakes and U+FFFD as one U+FFFD; false if there was a mistake. */
static bool collapse(const char *name, char *into) {
  const unsigned char *at = (const unsigned char *)name;
  bool well = true, before = false;
  while (*at) {
    size_t bytes;
    long point = character(at, &bytes);
    well &= point >= 0;
    bool replaced = point < 0 || point == 0xfffd;
    if (!replaced)
      memcpy(into, at, bytes), into += bytes;
    else if (!before)
      memcpy(into, "\xef\xbf\xbd", 3), into += 3;
    before = replaced;
    at += bytes;
  }
  *into = 0;
  return well;
}

static bool is_name(const char *name, size_t i) {
  char collapsed[4 * NAME * 3];
  REQUIRE(strlen(name) < NAME * 4);
  return collapse(name, collapsed) && strcmp(collapsed, shown[i]) == 0;
}

/* >>json */

static void check_json_pool(const cJSON *object, size_t i) {
  const objpool_stats *s = &stats[i];
  const struct {
    const char *key;
    uint64_t value;
  } fields[] = {{"acquires", s->acquires},
                {"releases", s->releases},
                {"hits", s->hits},
                {"misses", s->misses},
                {"created", s->created},
                {"destroyed", s->destroyed},
                {"extracted", s->extracted},
                {"overflowed", s->overflowed},
                {"invalid", s->invalid},
                {"create_failures", s->create_failures},
                {"exhausted", s->exhausted},
                {"timeouts", s->timeouts},
                {"waits", s->waits},
                {"wait_ns", s->wait_ns},
                {"waiting", s->waiting},
                {"in_use", s->in_use},
                {"idle", s->idle},
                {"peak_in_use", s->peak_in_use},
                {"peak_idle", s->peak_idle},
                {"refills", s->refills},
                {"flushes", s->flushes},
                {"revocations", s->revocations},
                {"object_size", s->object_size},
                {"memory_bytes", s->memory_bytes},
                {"max_idle", s->max_idle},
                {"max_objects", s->max_objects},
                {"since_ns", s->since_ns},
                {"now_ns", s->now_ns}};
  const cJSON *name = cJSON_GetObjectItemCaseSensitive(object, "name");
  REQUIRE(cJSON_IsString(name) && is_name(name->valuestring, i));
  for (size_t field = 0; field < COUNT_OF(fields); field++) {
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, fields[field].key);
    double expected = (double)fields[field].value;
    REQUIRE(cJSON_IsNumber(value) && !(value->valuedouble < expected) && !(value->valuedouble > expected));
  }
  const cJSON *rate = cJSON_GetObjectItemCaseSensitive(object, "hit_rate");
  double error = cJSON_IsNumber(rate) ? rate->valuedouble - objpool_hit_rate(s) : 1;
  REQUIRE(error < 1e-6 && error > -1e-6);
}

static void check_json(const char *json, bool whole, size_t i) {
  for (const char *at = json; *at; at++) REQUIRE((unsigned char)*at >= 0x20); /* cJSON would let them pass */
  cJSON *root = cJSON_ParseWithOpts(json, NULL, true);
  REQUIRE(root != NULL);
  if (whole) {
    cJSON *list = cJSON_GetObjectItemCaseSensitive(root, "pools");
    REQUIRE(cJSON_IsArray(list) && (size_t)cJSON_GetArraySize(list) == count);
    for (size_t each = 0; each < count; each++) check_json_pool(cJSON_GetArrayItem(list, (int)each), each);
  } else {
    check_json_pool(root, i);
  }
  cJSON_Delete(root);
}

/* >>prometheus: HELP, TYPE and samples of each family in one piece, each series once */

static bool in_metric_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == ':';
}

static const char *skip_metric_name(const char *at) {
  REQUIRE(in_metric_name(*at) && (*at < '0' || *at > '9'));
  while (in_metric_name(*at)) at++;
  return at;
}

/* A label's value from its first character to the quote behind it, decoded. */
static const char *label_value(const char *at, char *value, size_t size) {
  size_t length = 0;
  for (; *at != '"'; at++) {
    char c = *at;
    REQUIRE(c && c != '\n' && length + 1 < size);
    if (c == '\\') {
      c = *++at;
      REQUIRE(c == '\\' || c == '"' || c == 'n');
      if (c == 'n') c = '\n';
    }
    value[length++] = c;
  }
  value[length] = 0;
  return at;
}

static void check_prometheus(const char *metrics, size_t first, size_t end) {
  static const char *seen[600]; /* each series, its family too */
  size_t series = 0, families = 0;
  bool histogram = false;
  double below = 0; /* a histogram's last bucket: each counts those before it, too */
  const char *family = NULL, *line = metrics;
  size_t family_length = 0;
  while (*line) {
    const char *next = strchr(line, '\n'), *at;
    REQUIRE(next != NULL);
    if (!strncmp(line, "# HELP ", 7)) {
      const char *name_end = skip_metric_name(line + 7);
      family = line + 7;
      family_length = (size_t)(name_end - family);
      REQUIRE(*name_end == ' ' && series < COUNT_OF(seen));
      for (size_t i = 0; i < series; i++)
        REQUIRE(strncmp(seen[i], family, family_length) || in_metric_name(seen[i][family_length]));
      seen[series++] = family;
      families++;
      line = next + 1; /* its TYPE comes next */
      next = strchr(line, '\n');
      REQUIRE(next && !strncmp(line, "# TYPE ", 7) && !strncmp(line + 7, family, family_length));
      at = line + 7 + family_length;
      histogram = !strncmp(at, " histogram\n", 11);
      REQUIRE(histogram || !strncmp(at, " counter\n", 9) || !strncmp(at, " gauge\n", 7));
      size_t total = 6;
      if (!strncmp(at, " counter", 8))
        REQUIRE(family_length > total && !strncmp(family + family_length - total, "_total", total));
      line = next + 1;
      continue;
    }
    REQUIRE(family && !strncmp(line, family, family_length) && series < COUNT_OF(seen));
    const char *suffix = line + family_length, *name_end = skip_metric_name(line);
    size_t suffix_length = (size_t)(name_end - suffix);
    bool bucket = suffix_length == 7 && !strncmp(suffix, "_bucket", 7);
    bool total_count = suffix_length == 6 && !strncmp(suffix, "_count", 6);
    bool sum = suffix_length == 4 && !strncmp(suffix, "_sum", 4);
    REQUIRE(*name_end == '{' && (histogram ? bucket || sum || total_count : suffix_length == 0));
    bool bounded = false;
    char value[NAME * 4];
    size_t owner = end;
    at = name_end + 1;
    for (bool label = false;; label = true) {
      const char *name = at;
      at = skip_metric_name(at);
      size_t length = (size_t)(at - name);
      REQUIRE(at[0] == '=' && at[1] == '"');
      at = label_value(at + 2, value, sizeof value) + 1;
      if (!label) {
        REQUIRE(length == 4 && !strncmp(name, "pool", 4));
        for (size_t i = first; i < end && owner == end; i++) {
          if (is_name(value, i)) owner = i;
        }
        REQUIRE(owner < end);
      } else if (length == 2 && !strncmp(name, "le", 2)) {
        REQUIRE(bucket && !bounded);
        bounded = true;
        if (!strcmp(value, "0.000001")) below = 0;
      }
      if (*at != ',') break;
      at++;
    }
    REQUIRE(at[0] == '}' && at[1] == ' ' && bucket == bounded);
    size_t key = (size_t)(at - line);
    for (size_t i = 0; i < series; i++) { /* pools whose names differ in mistakes only look alike */
      bool twice = !strncmp(seen[i], line, key + 1);
      for (size_t a = first; a < end && twice; a++) {
        for (size_t b = first; b < a; b++) twice = twice && strcmp(shown[a], shown[b]) != 0;
      }
      REQUIRE(!twice);
    }
    seen[series++] = line;
    at += 2;
    REQUIRE(*at >= '0' && *at <= '9');
    char *behind;
    double sample = strtod(at, &behind), expected = -1;
    REQUIRE(behind == next);
    if (bucket || total_count) {
      REQUIRE(bucket ? sample >= below : !(sample < below) && !(sample > below)); /* the last bucket has all */
      below = sample;
    }
    if (!strncmp(line, "objpool_releases_total{", 23)) expected = (double)stats[owner].releases;
    if (!strncmp(line, "objpool_objects_max{", 20)) expected = (double)stats[owner].max_objects;
    if (!strncmp(line, "objpool_memory_bytes{", 21)) expected = (double)stats[owner].memory_bytes;
    if (strstr(line, "result=\"miss\"") && strstr(line, "result=\"miss\"") < next)
      expected = (double)stats[owner].misses;
    if (expected >= 0 && end - first == 1) REQUIRE(!(sample < expected) && !(sample > expected));
    line = next + 1;
  }
  REQUIRE(first == end ? families == 0 : families > 5 && series > 2 * families);
}

/* >>any output */

struct request {
  size_t pool; /* `count`: the registry */
  int kind;    /* of objpool_format_kind, or -1: the report */
};

static int print(struct request request, char *buffer, size_t size) {
  const objpool *pool = request.pool < count ? &pools[request.pool].base : NULL;
  if (request.kind < 0) return objpool_report(pool, buffer, size);
  return objpool_format(pool, (objpool_format_kind)request.kind, buffer, size);
}

static void check_output(struct request request, size_t size) {
  bool whole = request.pool == count;
  text = "";
  int length = print(request, NULL, 0);
  REQUIRE(length >= 0);
  char *full = (char *)malloc((size_t)length + 1),
       *part = (char *)malloc(size); /* exactly: the sanitizer watches what is beyond */
  if (!full || (size && !part)) abort();
  REQUIRE(print(request, full, (size_t)length + 1) == length);
  text = full;
  REQUIRE(strlen(full) == (size_t)length);
  if (part) {
    REQUIRE(print(request, part, size) == length);
    if (size) {
      size_t fits = (size_t)length < size ? (size_t)length : size - 1;
      REQUIRE(part[fits] == 0 && memcmp(part, full, fits) == 0);
    }
  }
  char *collapsed = (char *)malloc(3 * (size_t)length + 1);
  if (!collapsed) abort();
  REQUIRE(collapse(full, collapsed)); /* well-formed UTF-8 */
  free(collapsed);
  switch (request.kind) {
  case OBJPOOL_JSON: check_json(full, whole, request.pool); break;
  case OBJPOOL_PROMETHEUS: check_prometheus(full, whole ? 0 : request.pool, whole ? count : request.pool + 1); break;
  case OBJPOOL_TEXT: REQUIRE(length == 0 ? count == 0 : full[length - 1] == '\n'); break;
  default: {
    const char *advice = strstr(full, "\nRecommendation: ");
    for (const char *later; advice && (later = strstr(advice + 1, "\nRecommendation: ")) != NULL;)
      advice = later; /* a name may say so */
    REQUIRE(advice && strchr(advice + 1, '\n') == full + length - 1);
  }
  }
  text = "";
  free(part);
  free(full);
}

static void on_alert(const objpool_alert *alert, void *user) {
  const char *end = (const char *)memchr(alert->message, 0, sizeof alert->message);
  (void)user;
  text = alert->message;
  REQUIRE(end && end - alert->message > 20 && strstr(alert->message, " limit of "));
  char collapsed[3 * sizeof alert->message];
  REQUIRE(collapse(alert->message, collapsed)); /* well-formed, wherever it is cut */
  text = "";
}

/* Any counts that can be: their sums are, too. */
static void invent_counts(objpool__state *state) {
  uint64_t *counts = state->counts.shared;
  for (int i = 0; i < OBJPOOL__COUNTERS; i++) counts[i] = number();
  counts[OBJPOOL__MISSES] = at_most(counts[OBJPOOL__MISSES], counts[OBJPOOL__ACQUIRES]);
  counts[OBJPOOL__RELEASES] =
      counts[OBJPOOL__ACQUIRES] - at_most(counts[OBJPOOL__RELEASES] & 0xffff, counts[OBJPOOL__ACQUIRES]);
  counts[OBJPOOL__WAITS] = at_most(counts[OBJPOOL__WAITS], counts[OBJPOOL__ACQUIRES]);
  counts[OBJPOOL__EXTRACTED] = 0;
  for (unsigned waits = byte() % 8; waits > 0; waits--) objpool__took(state, OBJPOOL_TIME_WAIT, number() >> 16);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  objpool_thresholds limits;
  objpool_monitor monitor;
  input = data;
  input_left = size;
  now.tv_sec = 1000;
  now.tv_nsec = 5;
  memset(&limits, 0, sizeof limits);
  limits.max_objects = limits.max_memory_bytes = limits.min_samples = 1;
  REQUIRE(objpool_monitor_init(&monitor, &limits, on_alert, NULL));
  count = 0;
  for (size_t wanted = byte() % (POOLS + 1); count < wanted;) {
    objpool_config config;
    memset(&config, 0, sizeof config);
    size_t length = byte() % NAME, i = 0;
    while (i < length && (names[count][i] = (char)byte()) != 0) i++;
    names[count][i] = 0;
    config.name = names[count];
    config.cache_size = OBJPOOL_NO_CACHE;
    config.max_objects = byte() & 1 ? (size_t)number() : 0;
    if (!thing_pool_init(&pools[count], &config)) {
      REQUIRE(errno == EEXIST);
      break;
    }
    collapse(names[count], shown[count]);
    invent_counts(pools[count].base.state);
    count++;
  }
  now.tv_sec = (time_t)(number() & 0x1ffffffff);
  now.tv_nsec = (long)(number() % 1000000000);
  for (size_t i = 0; i < count; i++) stats[i] = thing_pool_stats(&pools[i]);
  errno = 0;
  REQUIRE(objpool_format(NULL, (objpool_format_kind)3, NULL, 0) < 0 && errno == EINVAL);
  for (int kind = 0; kind <= OBJPOOL_PROMETHEUS; kind++) {
    for (size_t pool = 0; pool <= count; pool++) {
      struct request request = {pool, kind};
      check_output(request, (size_t)byte() << (byte() % 5));
    }
  }
  for (size_t pool = 0; pool < count; pool++) {
    struct request request = {pool, -1};
    check_output(request, (size_t)byte() << (byte() % 3));
  }
  objpool_monitor_poll(&monitor);
  objpool_monitor_destroy(&monitor);
  for (size_t i = 0; i < count; i++) {
    memset(pools[i].base.state->counts.shared, 0, sizeof pools[i].base.state->counts.shared);
    thing_pool_destroy(&pools[i]);
  }
  return 0;
}
