/* The formats: Prometheus text and JSON say what a snapshot says, whatever the names. */
#include "support.h"

#include "fleet/fleet.h"

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
  config.min_idle = 2;
  config.max_objects = 5;
  assert_true(choosy_pool_init(&pool, &config));
  assert_int_equal(choosy_pool_acquire_many(&pool, objects, 5), 5); /* 5 misses */
  for (i = 0; i < 2; i++) assert_null(choosy_pool_acquire(&pool));  /* 2 exhausted */
  for (i = 0; i < 3; i++)
    assert_null(choosy_pool_acquire_for(&pool, 1000000)); /* 3 timeouts, 3 waits of a millisecond */
  assert_int_equal(errno, ETIMEDOUT);
  choosy_pool_discard(&pool, objects[4]); /* 1 discarded */
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
  assert_line(text, "objpool_destroyed_objects_total{pool=\"all metrics\",reason=\"invalid\"} 0");
  assert_line(text, "objpool_destroyed_objects_total{pool=\"all metrics\",reason=\"discarded\"} 1");
  assert_line(text, "objpool_destroyed_objects_total{pool=\"all metrics\",reason=\"overflow\"} 1");
  assert_line(text, "objpool_destroyed_objects_total{pool=\"all metrics\",reason=\"cleared\"} 2");
  assert_line(text, "# TYPE objpool_extracted_objects_total counter");
  assert_line(text, "objpool_extracted_objects_total{pool=\"all metrics\"} 1");
  assert_line(text, "# TYPE objpool_idle_min gauge");
  assert_line(text, "objpool_idle_min{pool=\"all metrics\"} 2");
  assert_line(text, "objpool_waiting{pool=\"all metrics\"} 0");
  assert_null(strstr(text, "objpool_waits_total"));
  assert_line(text, "# TYPE objpool_wait_seconds histogram");
  assert_line(text, "objpool_wait_seconds_bucket{pool=\"all metrics\",le=\"0.000256\"} 0");
  assert_line(text, "objpool_wait_seconds_bucket{pool=\"all metrics\",le=\"+Inf\"} 3");
  assert_line(text, "objpool_wait_seconds_count{pool=\"all metrics\"} 3");
  assert_line(text, "# TYPE objpool_create_seconds histogram"); /* 7 built, 4 refused */
  assert_line(text, "objpool_create_seconds_bucket{pool=\"all metrics\",le=\"+Inf\"} 11");
  assert_line(text, "objpool_create_seconds_count{pool=\"all metrics\"} 11");
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
    static const char metric[] = "objpool_wait_seconds_sum{pool=\"all metrics\"} ";
    const char *at = strstr(text, metric);
    double seconds;
    assert_non_null(at);
    seconds = strtod(at + sizeof metric - 1, NULL);
    assert_true(seconds >= 0.003 && seconds < 60);
    assert_true(seconds * 1e9 > (double)stats.wait_ns - 1e3 && seconds * 1e9 < (double)stats.wait_ns + 1e3);
  }
  free(text);
  text = formatted(&pool.base, OBJPOOL_JSON); /* the same numbers */
  assert_non_null(strstr(text, ",\"idle_min\":2,\"discarded\":1,\"cleared\":2,"));
  snprintf(line, sizeof line, ",\"wait_times\":{\"count\":3,\"sum_ns\":%" PRIu64 ",\"buckets\":[", stats.wait_ns);
  assert_non_null(strstr(text, line));
  assert_non_null(strstr(text, ",\"create_times\":{\"count\":11,\"sum_ns\":"));
  assert_null(strstr(text, "use_times")); /* it is not tracked */
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
    if (!is_help && !is_type && *current && !strncmp(family, current, strlen(current)) &&
        family[strlen(current)] == '_')
      length = strlen(current); /* _bucket, _sum, _count */
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
  assert_int_equal(finished_count + 1,
                   12); /* limits that are none, and the times of hooks that are none, have no family */
  free(text);
  for (i = 0; i < 3; i++) thing_pool_destroy(&pools[i]);
}

static void names_come_through_escaped_and_whole(void **state) {
  static thing_pool pool;
  char *text;
  (void)state;
  init_named(&pool, "a \"quoted\" back\\slash\nand \xc3\xb6\xe6\xb1\xa0\xf0\x9f\x90\x9f");
  text = formatted(&pool.base, OBJPOOL_PROMETHEUS);
  assert_line(
      text,
      "objpool_objects_peak{pool=\"a \\\"quoted\\\" back\\\\slash\\nand \xc3\xb6\xe6\xb1\xa0\xf0\x9f\x90\x9f\"} 0");
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

static void limits_that_are_none_have_no_series(void **state) {
  static thing_pool pool;
  objpool_config config = named("without limits");
  char *text;
  (void)state;
  assert_true(thing_pool_init(&pool, &config));
  text = formatted(&pool.base, OBJPOOL_PROMETHEUS);
  assert_null(strstr(text, "objpool_objects_max"));
  assert_null(strstr(text, "objpool_idle_max"));
  assert_null(strstr(text, "objpool_idle_min"));
  assert_null(strstr(text, "objpool_create_seconds")); /* nor has a hook that there is not */
  free(text);
  thing_pool_destroy(&pool);
  config.warmup = 3; /* what min_idle defaults to */
  assert_true(thing_pool_init(&pool, &config));
  text = formatted(&pool.base, OBJPOOL_PROMETHEUS);
  assert_line(text, "objpool_idle_min{pool=\"without limits\"} 3");
  free(text);
  thing_pool_destroy(&pool);
  config.min_idle = OBJPOOL_NONE;
  assert_true(thing_pool_init(&pool, &config));
  text = formatted(&pool.base, OBJPOOL_PROMETHEUS);
  assert_null(strstr(text, "objpool_idle_min"));
  free(text);
  thing_pool_destroy(&pool);
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

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(output_follows_the_rules_of_snprintf),
      TEST(prometheus_text_has_every_metric_with_its_value),
      TEST(prometheus_families_are_grouped_over_pools),
      TEST(names_come_through_escaped_and_whole),
      TEST(invalid_utf8_becomes_the_replacement_character),
      TEST(unnamed_pools_are_formatted_too),
      TEST(limits_that_are_none_have_no_series),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
