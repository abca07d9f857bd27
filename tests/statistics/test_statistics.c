/* Every field of the statistics counts what it says, the peaks are exact for one thread, and the report can be read. */
#include "support.h"

#include "objpool.h"

typedef struct thing {
  int n;
  bool broken;
  char text[56];
} thing;

static bool create_refuses;
static bool create_thing(thing *object, void *context) {
  (void)object, (void)context;
  return !create_refuses;
}
static bool is_whole(thing *object, void *context) {
  (void)context;
  return !object->broken;
}

OBJPOOL_DEFINE(thing_pool, thing, opt.create = create_thing, opt.validate = is_whole);
OBJPOOL_DEFINE(local_pool, thing, opt.local = true);

static bool out_of_memory;
static long bytes_out; /* of the allocator, by its own count */
static void *allocate(size_t size, size_t alignment, void *context) {
  void *memory = NULL;
  (void)context;
  if (out_of_memory) return NULL;
  if (alignment < sizeof(void *)) alignment = sizeof(void *);
  if (posix_memalign(&memory, alignment, size) != 0) return NULL;
  count_add(&bytes_out, (long)size);
  return memory;
}
static void deallocate(void *memory, size_t size, size_t alignment, void *context) {
  (void)alignment, (void)context;
  if (memory) count_add(&bytes_out, -(long)size);
  free(memory);
}

static thing_pool pool;
static objpool_stats stats;

static int begin(void **state) {
  objpool_config config;
  (void)state;
  memset(&config, 0, sizeof config);
  config.name = "measured things";
  config.max_idle = 6;
  config.max_objects = 8;
  config.allocator.allocate = allocate;
  config.allocator.deallocate = deallocate;
  create_refuses = out_of_memory = false;
  count_set(&bytes_out, 0);
  return thing_pool_init(&pool, &config) ? 0 : -1;
}

static int end(void **state) {
  (void)state;
  out_of_memory = false;
  thing_pool_destroy(&pool);
  return count_read(&bytes_out) == 0 ? 0 : -1;
}

static void look(void) {
  stats = thing_pool_stats(&pool);
  assert_int_equal(stats.acquires, stats.hits + stats.misses);
  assert_true(stats.peak_in_use >= stats.in_use);
  assert_true(stats.peak_idle >= stats.idle);
}

static void assert_balanced(void) {
  look();
  assert_int_equal(stats.created - stats.destroyed - stats.extracted, stats.in_use + stats.idle);
  assert_int_equal(stats.acquires - stats.releases - stats.extracted, stats.in_use);
}

static thing *must_acquire(void) {
  thing *object = thing_pool_acquire(&pool);
  assert_non_null(object);
  return object;
}

static void fresh_pool_has_counted_nothing(void **state) {
  (void)state;
  look();
  assert_int_equal(stats.acquires, 0);
  assert_int_equal(stats.releases, 0);
  assert_int_equal(stats.created, 0);
  assert_int_equal(stats.destroyed, 0);
  assert_int_equal(stats.extracted, 0);
  assert_int_equal(stats.overflowed, 0);
  assert_int_equal(stats.invalid, 0);
  assert_int_equal(stats.create_failures, 0);
  assert_int_equal(stats.exhausted, 0);
  assert_int_equal(stats.timeouts, 0);
  assert_int_equal(stats.waits, 0);
  assert_int_equal(stats.wait_ns, 0);
  assert_int_equal(stats.waiting, 0);
  assert_int_equal(stats.in_use, 0);
  assert_int_equal(stats.idle, 0);
  assert_int_equal(stats.peak_in_use, 0);
  assert_int_equal(stats.peak_idle, 0);
  assert_int_equal(stats.object_size, sizeof(thing));
  assert_int_equal(stats.max_idle, 6);
  assert_int_equal(stats.max_objects, 8);
}

static void hits_and_misses_make_up_the_acquires(void **state) {
  thing *first, *second;
  (void)state;
  first = must_acquire();
  assert_balanced();
  assert_int_equal(stats.misses, 1);
  assert_int_equal(stats.hits, 0);
  assert_int_equal(stats.in_use, 1);
  thing_pool_release(&pool, first);
  assert_balanced();
  assert_int_equal(stats.releases, 1);
  assert_int_equal(stats.in_use, 0);
  assert_int_equal(stats.idle, 1);
  first = must_acquire();
  second = must_acquire();
  assert_balanced();
  assert_int_equal(stats.acquires, 3);
  assert_int_equal(stats.hits, 1);
  assert_int_equal(stats.misses, 2);
  assert_int_equal(stats.created, 2);
  thing_pool_release(&pool, first);
  thing_pool_release(&pool, second);
  for (int i = 0; i < 997; i++) thing_pool_release(&pool, must_acquire());
  assert_balanced();
  assert_int_equal(stats.acquires, 1000);
  assert_int_equal(stats.releases, 1000);
  assert_int_equal(stats.hits, 998);
  assert_int_equal(stats.misses, 2);
}

OBJPOOL_DEFINE(bare_pool, thing);

/* Without hooks and limits they come by the shortest way. */
static void each_first_object_of_a_bare_pool_is_a_miss(void **state) {
  static bare_pool bare;
  thing *held[20];
  (void)state;
  for (size_t i = 0; i < COUNT_OF(held); i++) assert_non_null(held[i] = bare_pool_acquire(&bare));
  stats = bare_pool_stats(&bare);
  assert_int_equal(stats.acquires, COUNT_OF(held));
  assert_int_equal(stats.misses, COUNT_OF(held));
  assert_int_equal(stats.created, COUNT_OF(held));
  for (size_t i = 0; i < COUNT_OF(held); i++) bare_pool_release(&bare, held[i]);
  bare_pool_destroy(&bare);
}

static void object_from_warmup_is_a_hit(void **state) {
  (void)state;
  assert_int_equal(thing_pool_warmup(&pool, 2), 2);
  thing_pool_release(&pool, must_acquire());
  assert_balanced();
  assert_int_equal(stats.hits, 1);
  assert_int_equal(stats.misses, 0);
  assert_int_equal(stats.created, 2);
}

static void many_at_once_count_each(void **state) {
  thing *objects[8];
  (void)state;
  assert_int_equal(thing_pool_warmup(&pool, 3), 3);
  assert_int_equal(thing_pool_acquire_many(&pool, objects, 5), 5);
  assert_balanced();
  assert_int_equal(stats.acquires, 5);
  assert_int_equal(stats.hits, 3);
  assert_int_equal(stats.misses, 2);
  thing_pool_release_many(&pool, objects, 5);
  assert_balanced();
  assert_int_equal(stats.releases, 5);
}

static void overflowed_counts_what_max_idle_destroyed(void **state) {
  thing *objects[8];
  (void)state;
  assert_int_equal(thing_pool_acquire_many(&pool, objects, 8), 8);
  thing_pool_release_many(&pool, objects, 8);
  assert_balanced();
  assert_int_equal(stats.overflowed, 2);
  assert_int_equal(stats.destroyed, 2);
  assert_int_equal(stats.invalid, 0);
  assert_int_equal(stats.peak_idle, 6);
}

static void invalid_counts_refusals_of_validate_and_discards(void **state) {
  thing *object, *other;
  (void)state;
  object = must_acquire();
  object->broken = true;
  thing_pool_release(&pool, object); /* refused on release */
  assert_balanced();
  assert_int_equal(stats.invalid, 1);
  assert_int_equal(stats.destroyed, 1);
  assert_int_equal(stats.releases, 1);
  assert_int_equal(stats.idle, 0);
  object = must_acquire();
  thing_pool_release(&pool, object);
  other = object;
#if !ADDRESS_SANITIZED
  other->broken = true; /* it breaks while it is idle, as connections do; writing here is for the test alone */
  object = must_acquire();
  assert_balanced();
  assert_int_equal(stats.invalid, 2);
  assert_int_equal(stats.destroyed, 2);
  assert_int_equal(stats.misses, 3); /* a new one came instead */
  thing_pool_discard(&pool, object);
  assert_balanced();
  assert_int_equal(stats.invalid, 3);
  assert_int_equal(stats.destroyed, 3);
  assert_int_equal(stats.releases, 3);
#else
  (void)other;
#endif
  assert_int_equal(stats.overflowed, 0);
}

static void trim_counts_as_destroyed_alone(void **state) {
  (void)state;
  assert_int_equal(thing_pool_warmup(&pool, 5), 5);
  assert_int_equal(thing_pool_trim(&pool, 2), 3);
  assert_balanced();
  assert_int_equal(stats.destroyed, 3);
  assert_int_equal(stats.overflowed, 0);
  assert_int_equal(stats.invalid, 0);
  assert_int_equal(stats.idle, 2);
}

static void extracted_is_neither_released_nor_destroyed(void **state) {
  thing value;
  (void)state;
  value = thing_pool_extract(&pool, must_acquire());
  assert_int_equal(value.n, 0);
  assert_balanced();
  assert_int_equal(stats.extracted, 1);
  assert_int_equal(stats.releases, 0);
  assert_int_equal(stats.destroyed, 0);
}

static void failures_are_counted_by_their_reason(void **state) {
  thing *objects[8];
  (void)state;
  create_refuses = true;
  errno = 0;
  assert_null(thing_pool_acquire(&pool));
  assert_int_equal(errno, ECANCELED);
  assert_balanced();
  assert_int_equal(stats.create_failures, 1);
  assert_int_equal(stats.misses, 0);
  assert_int_equal(stats.created, 0);
  create_refuses = false;
  assert_int_equal(thing_pool_acquire_many(&pool, objects, 8), 8);
  assert_null(thing_pool_acquire(&pool));
  assert_null(thing_pool_acquire_for(&pool, 0));
  assert_balanced();
  assert_int_equal(stats.exhausted, 2);
  assert_null(thing_pool_try_acquire(&pool)); /* counted nowhere */
  assert_balanced();
  assert_int_equal(stats.exhausted, 2);
  errno = 0;
  assert_null(thing_pool_acquire_for(&pool, 50000000));
  assert_int_equal(errno, ETIMEDOUT);
  assert_balanced();
  assert_int_equal(stats.timeouts, 1);
  assert_int_equal(stats.waits, 1);
  assert_int_equal(stats.exhausted, 2);
  assert_int_equal(stats.waiting, 0);
  assert_true(stats.wait_ns >= 10000000); /* it joins the line a little after its time began to run */
  assert_true(stats.wait_ns < UINT64_C(20000000000));
  assert_int_equal(stats.create_failures, 1);
  assert_int_equal(stats.acquires, 8);
  thing_pool_release_many(&pool, objects, 8);
}

static void out_of_memory_is_a_create_failure(void **state) {
  static thing_pool unlimited;
  objpool_config config;
  thing *objects[2000];
  size_t count = 0;
  (void)state;
  memset(&config, 0, sizeof config);
  config.allocator.allocate = allocate;
  config.allocator.deallocate = deallocate;
  assert_true(thing_pool_init(&unlimited, &config));
  objects[count++] = thing_pool_acquire(&unlimited);
  assert_non_null(objects[0]);
  out_of_memory = true;
  while (count < COUNT_OF(objects)) { /* what is allocated already may still serve */
    errno = 0;
    objects[count] = thing_pool_acquire(&unlimited);
    if (!objects[count]) break;
    count++;
  }
  assert_true(count < COUNT_OF(objects));
  assert_int_equal(errno, ENOMEM);
  stats = thing_pool_stats(&unlimited);
  assert_int_equal(stats.create_failures, 1);
  assert_int_equal(stats.in_use, count);
  assert_int_equal(stats.created, count);
  out_of_memory = false;
  thing_pool_release_many(&unlimited, objects, count);
  thing_pool_destroy(&unlimited);
}

static void peaks_are_exact_for_one_thread(void **state) {
  static thing_pool unlimited;
  static thing *objects[500];
  uint64_t seed = 7, peak_in_use = 0, peak_idle = 0, idle = 0;
  size_t have = 0;
  (void)state;
  for (int i = 0; i < 20000; i++) {
    if (random_below(&seed, 2) && have < COUNT_OF(objects)) {
      objects[have] = thing_pool_acquire(&unlimited);
      assert_non_null(objects[have]);
      have++;
      if (idle > 0) idle--;
    } else if (have > 0) {
      thing_pool_release(&unlimited, objects[--have]);
      idle++;
    }
    if (have > peak_in_use) peak_in_use = have;
    if (idle > peak_idle) peak_idle = idle;
    if (i % 7 == 0) { /* whenever it is read */
      stats = thing_pool_stats(&unlimited);
      assert_int_equal(stats.in_use, have);
      assert_int_equal(stats.idle, idle);
      assert_int_equal(stats.peak_in_use, peak_in_use);
      assert_true(idle <= stats.peak_idle && stats.peak_idle <= peak_idle);
    }
    if (i % 5000 == 4999) {
      thing_pool_reset_stats(&unlimited);
      peak_in_use = have;
      peak_idle = idle;
    }
  }
  thing_pool_release_many(&unlimited, objects, have);
  thing_pool_destroy(&unlimited);
}

static void local_pool_counts_the_same(void **state) {
  static local_pool local;
  thing *first, *second;
  (void)state;
  assert_int_equal(local_pool_warmup(&local, 1), 1);
  first = local_pool_acquire(&local);
  second = local_pool_acquire(&local);
  assert_true(first && second);
  local_pool_release(&local, first);
  stats = local_pool_stats(&local);
  assert_int_equal(stats.acquires, 2);
  assert_int_equal(stats.hits, 1);
  assert_int_equal(stats.misses, 1);
  assert_int_equal(stats.releases, 1);
  assert_int_equal(stats.created, 2);
  assert_int_equal(stats.in_use, 1);
  assert_int_equal(stats.idle, 1);
  assert_int_equal(stats.peak_in_use, 2);
  assert_int_equal(stats.peak_idle, 1);
  local_pool_discard(&local, second);
  stats = local_pool_stats(&local);
  assert_int_equal(stats.invalid, 1);
  assert_int_equal(stats.destroyed, 1);
  local_pool_reset_stats(&local);
  stats = local_pool_stats(&local);
  assert_int_equal(stats.acquires, 0);
  assert_int_equal(stats.idle, 1);
  assert_int_equal(stats.peak_idle, 1);
  assert_int_equal(stats.peak_in_use, 0);
  local_pool_destroy(&local);
}

static void reset_restarts_the_counts_and_keeps_what_is_now(void **state) {
  thing *objects[5];
  (void)state;
  assert_int_equal(thing_pool_acquire_many(&pool, objects, 5), 5);
  thing_pool_release_many(&pool, objects, 3);
  assert_null((create_refuses = true, thing_pool_trim(&pool, 0), thing_pool_acquire(&pool)));
  create_refuses = false;
  assert_int_equal(thing_pool_warmup(&pool, 3), 3);
  thing_pool_reset_stats(&pool);
  look();
  assert_int_equal(stats.acquires, 0);
  assert_int_equal(stats.releases, 0);
  assert_int_equal(stats.hits, 0);
  assert_int_equal(stats.misses, 0);
  assert_int_equal(stats.created, 0);
  assert_int_equal(stats.destroyed, 0);
  assert_int_equal(stats.create_failures, 0);
  assert_int_equal(stats.in_use, 2);
  assert_int_equal(stats.idle, 3);
  assert_int_equal(stats.peak_in_use, 2);
  assert_int_equal(stats.peak_idle, 3);
  assert_int_equal(stats.max_objects, 8);
  assert_true(stats.memory_bytes >= 5 * sizeof(thing));
  thing_pool_release_many(&pool, objects + 3, 2); /* more releases than acquires since: nothing goes negative */
  look();
  assert_int_equal(stats.acquires, 0);
  assert_int_equal(stats.releases, 2);
  assert_int_equal(stats.in_use, 0);
  assert_int_equal(stats.idle, 5);
  assert_int_equal(stats.peak_in_use, 2);
  assert_int_equal(stats.peak_idle, 5);
}

static void times_are_monotonic_nanoseconds(void **state) {
  static thing_pool timed;
  objpool_stats first, second;
  uint64_t before, after;
  (void)state;
  before = (uint64_t)now_ns();
  assert_true(thing_pool_init(&timed, NULL));
  sleep_ms(2);
  first = thing_pool_stats(&timed);
  after = (uint64_t)now_ns();
  assert_true(before <= first.since_ns && first.since_ns < first.now_ns && first.now_ns <= after);
  assert_true(first.now_ns - first.since_ns >= 2000000);
  thing_pool_reset_stats(&timed);
  second = thing_pool_stats(&timed);
  assert_true(second.since_ns >= first.now_ns);
  assert_true(second.now_ns >= second.since_ns);
  thing_pool_destroy(&timed);
}

static void memory_bytes_is_what_the_allocator_gave(void **state) {
  thing *objects[8];
  (void)state;
  assert_int_equal(thing_pool_acquire_many(&pool, objects, 8), 8);
  look();
  assert_true(stats.memory_bytes >= 8 * sizeof(thing));
  assert_int_equal(stats.memory_bytes, count_read(&bytes_out));
  thing_pool_release_many(&pool, objects, 8);
  assert_int_equal(thing_pool_clear(&pool), 6);
  look();
  assert_int_equal(stats.memory_bytes, count_read(&bytes_out));
}

static void traffic_between_caches_and_the_shared_part_is_counted(void **state) {
  static thing_pool cached;
  static thing *objects[500];
  objpool_config config;
  (void)state;
  memset(&config, 0, sizeof config);
  config.cache_size = 8;
  assert_true(thing_pool_init(&cached, &config));
  assert_int_equal(thing_pool_acquire_many(&cached, objects, 500), 500);
  thing_pool_release_many(&cached, objects, 500);
  stats = thing_pool_stats(&cached);
  assert_true(stats.flushes > 0); /* the cache holds eight */
  for (size_t i = 0; i < 500; i++) {
    objects[i] = thing_pool_try_acquire(&cached);
    assert_non_null(objects[i]);
  }
  stats = thing_pool_stats(&cached);
  assert_true(stats.refills > 0);
  thing_pool_release_many(&cached, objects, 500);
  assert_int_equal(thing_pool_clear(&cached), 500);
  thing_pool_reset_stats(&cached);
  stats = thing_pool_stats(&cached);
  assert_int_equal(stats.flushes, 0);
  assert_int_equal(stats.refills, 0);
  assert_int_equal(stats.revocations, 0);
  thing_pool_destroy(&cached);
}

static gate other_ready, other_leave;
static void *fill_own_cache_and_block(void *pool_used) {
  thing *objects[100];
  CHECK(thing_pool_acquire_many((thing_pool *)pool_used, objects, 100) == 100);
  thing_pool_release_many((thing_pool *)pool_used, objects, 100);
  gate_open(&other_ready);
  gate_wait(&other_leave);
  return NULL;
}

static void taking_back_another_threads_cache_is_a_revocation(void **state) {
  static thing_pool cached;
  static thing *objects[100];
  objpool_config config;
  pthread_t other;
  (void)state;
  memset(&config, 0, sizeof config);
  config.max_objects = 100;
  config.cache_size = 100;
  assert_true(thing_pool_init(&cached, &config));
  gate_make(&other_ready);
  gate_make(&other_leave);
  other = start_thread(fill_own_cache_and_block, &cached);
  gate_wait(&other_ready);
  assert_int_equal(thing_pool_acquire_many(&cached, objects, 100), 100);
  stats = thing_pool_stats(&cached);
  assert_true(stats.revocations > 0);
  thing_pool_release_many(&cached, objects, 100);
  gate_open(&other_leave);
  join_thread(other);
  gate_close(&other_ready);
  gate_close(&other_leave);
  thing_pool_destroy(&cached);
}

enum { THREADS = 4 };
static long pairs_each;
static void *acquire_release_often(void *argument) {
  thing_pool *shared = (thing_pool *)argument;
  for (long i = 0; i < pairs_each; i++) {
    thing *objects[3];
    size_t count = thing_pool_acquire_many(shared, objects, 1 + (size_t)(i % 3));
    CHECK(count == 1 + (size_t)(i % 3));
    thing_pool_release_many(shared, objects, count);
  }
  return NULL;
}

static void counts_of_several_threads_add_up_at_rest(void **state) {
  static thing_pool shared;
  pthread_t threads[THREADS];
  (void)state;
  pairs_each = SCALED(300000L, 50000L, 20000L);
  for (int i = 0; i < THREADS; i++) threads[i] = start_thread(acquire_release_often, &shared);
  for (int i = 0; i < 200; i++) { /* under load a snapshot is close, and never absurd */
    stats = thing_pool_stats(&shared);
    assert_true(stats.acquires <= (uint64_t)(2 * pairs_each * THREADS));
    assert_true(stats.in_use < 1000000);
    assert_true(stats.idle < 1000000);
    assert_true(stats.peak_in_use <= THREADS * 3);
  }
  for (int i = 0; i < THREADS; i++) join_thread(threads[i]);
  stats = thing_pool_stats(&shared);
  uint64_t expected = 0;
  for (long i = 0; i < pairs_each; i++) expected += 1 + (uint64_t)(i % 3);
  assert_int_equal(stats.acquires, expected * THREADS);
  assert_int_equal(stats.releases, expected * THREADS);
  assert_int_equal(stats.hits + stats.misses, stats.acquires);
  assert_int_equal(stats.misses, stats.created);
  assert_int_equal(stats.in_use, 0);
  assert_int_equal(stats.idle, stats.created - stats.destroyed);
  thing_pool_destroy(&shared);
}

static bool close_to(double a, double b) { return a - b < 1e-9 && b - a < 1e-9; }

static void rates_are_shares_of_the_acquires(void **state) {
  objpool_stats made_up;
  (void)state;
  memset(&made_up, 0, sizeof made_up);
  assert_true(close_to(objpool_hit_rate(&made_up), 0.0)); /* nothing acquired: no division by zero */
  assert_true(close_to(objpool_miss_rate(&made_up), 0.0));
  assert_int_equal(objpool_bytes_saved(&made_up), 0);
  made_up.acquires = 8;
  made_up.hits = 6;
  made_up.misses = 2;
  made_up.object_size = 100;
  assert_true(close_to(objpool_hit_rate(&made_up), 0.75));
  assert_true(close_to(objpool_miss_rate(&made_up), 0.25));
  assert_int_equal(objpool_bytes_saved(&made_up), 600);
}

static void report_reads_as_text_with_a_recommendation_last(void **state) {
  char text[8000];
  const char *last, *line;
  int length;
  (void)state;
  for (int i = 0; i < 4; i++) thing_pool_release(&pool, must_acquire()); /* one miss, three hits: 75 % */
  length = objpool_report(&pool.base, text, sizeof text);
  assert_true(length > 0 && length < (int)sizeof text);
  assert_int_equal(strlen(text), length);
  assert_non_null(strstr(text, "measured things"));
  assert_non_null(strstr(text, "75"));
  assert_non_null(strchr(text, '%'));
  assert_null(strstr(text, "nan"));
  last = strstr(text, "Recommendation: ");
  assert_non_null(last);
  line = strchr(last, '\n');
  assert_true(line == NULL || line[1] == 0); /* nothing comes after it */
  assert_true(strpbrk(last, "0123456789") != NULL);
}

static void report_is_cut_like_snprintf(void **state) {
  char whole[8000], part[64];
  int length, again;
  (void)state;
  thing_pool_release(&pool, must_acquire());
  length = objpool_report(&pool.base, NULL, 0);
  assert_true(length > 0);
  again = objpool_report(&pool.base, whole, sizeof whole);
  assert_true(again > 0 && again < (int)sizeof whole);
  memset(part, 'x', sizeof part);
  assert_true(objpool_report(&pool.base, part, 20) > 20);
  assert_int_equal(strlen(part), 19);
  assert_memory_equal(part, whole, 19);
  assert_int_equal(part[20], 'x'); /* nothing is written beyond the size */
}

static void report_of_an_unused_pool_divides_by_nothing(void **state) {
  static thing_pool unused;
  char text[8000];
  (void)state;
  assert_true(objpool_report(&unused.base, text, sizeof text) > 0);
  assert_null(strstr(text, "nan"));
  assert_null(strstr(text, "inf"));
  assert_true(thing_pool_init(&unused, NULL));
  assert_true(objpool_report(&unused.base, text, sizeof text) > 0);
  assert_null(strstr(text, "nan"));
  assert_non_null(strstr(text, "Recommendation: "));
  thing_pool_destroy(&unused);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(fresh_pool_has_counted_nothing, begin, end),
      cmocka_unit_test_setup_teardown(hits_and_misses_make_up_the_acquires, begin, end),
      cmocka_unit_test(each_first_object_of_a_bare_pool_is_a_miss),
      cmocka_unit_test_setup_teardown(object_from_warmup_is_a_hit, begin, end),
      cmocka_unit_test_setup_teardown(many_at_once_count_each, begin, end),
      cmocka_unit_test_setup_teardown(overflowed_counts_what_max_idle_destroyed, begin, end),
      cmocka_unit_test_setup_teardown(invalid_counts_refusals_of_validate_and_discards, begin, end),
      cmocka_unit_test_setup_teardown(trim_counts_as_destroyed_alone, begin, end),
      cmocka_unit_test_setup_teardown(extracted_is_neither_released_nor_destroyed, begin, end),
      cmocka_unit_test_setup_teardown(failures_are_counted_by_their_reason, begin, end),
      cmocka_unit_test_setup_teardown(out_of_memory_is_a_create_failure, begin, end),
      cmocka_unit_test_setup_teardown(peaks_are_exact_for_one_thread, begin, end),
      cmocka_unit_test_setup_teardown(local_pool_counts_the_same, begin, end),
      cmocka_unit_test_setup_teardown(reset_restarts_the_counts_and_keeps_what_is_now, begin, end),
      cmocka_unit_test_setup_teardown(times_are_monotonic_nanoseconds, begin, end),
      cmocka_unit_test_setup_teardown(memory_bytes_is_what_the_allocator_gave, begin, end),
      cmocka_unit_test_setup_teardown(traffic_between_caches_and_the_shared_part_is_counted, begin, end),
      cmocka_unit_test_setup_teardown(taking_back_another_threads_cache_is_a_revocation, begin, end),
      cmocka_unit_test_setup_teardown(counts_of_several_threads_add_up_at_rest, begin, end),
      cmocka_unit_test_setup_teardown(rates_are_shares_of_the_acquires, begin, end),
      cmocka_unit_test_setup_teardown(report_reads_as_text_with_a_recommendation_last, begin, end),
      cmocka_unit_test_setup_teardown(report_is_cut_like_snprintf, begin, end),
      cmocka_unit_test_setup_teardown(report_of_an_unused_pool_divides_by_nothing, begin, end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
