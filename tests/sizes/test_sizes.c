/* Buffers by size: each of the smallest class that holds it, larger ones by themselves; nothing lost, whatever fails. */
#include "support.h"

#define OBJPOOL_IMPLEMENTATION
#define OBJPOOL_PANIC(message) panic_seen(message)
#include "pools.h"

OBJPOOL_SIZES(buffers, 64, 256, 1024, 4096, 65536);
OBJPOOL_SIZES(one_size, 100);
OBJPOOL_SIZES(most_sizes, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16);

OBJPOOL_SIZES(whole_steps, 8, 24, 40, 1016, 1024, 1032, 5000); /* those up to 1024 are looked up in a table */
OBJPOOL_SIZES(broken_steps, 8, 24, 41, 1016, 1024, 1032);      /* all are compared */
OBJPOOL_SIZES(small_steps, 16, 64);                            /* what is in the table, and none of the set */
OBJPOOL_SIZES(large_steps, 1025, 3000);                        /* none is in the table */

/* The last class is the first that no table has, at each place that it can have. */
OBJPOOL_SIZES(last_of_2, 8, 1025);
OBJPOOL_SIZES(last_of_3, 8, 16, 1025);
OBJPOOL_SIZES(last_of_4, 8, 16, 24, 1025);
OBJPOOL_SIZES(last_of_5, 8, 16, 24, 32, 1025);
OBJPOOL_SIZES(last_of_6, 8, 16, 24, 32, 40, 1025);
OBJPOOL_SIZES(last_of_7, 8, 16, 24, 32, 40, 48, 1025);
OBJPOOL_SIZES(last_of_8, 8, 16, 24, 32, 40, 48, 56, 1025);
OBJPOOL_SIZES(last_of_9, 8, 16, 24, 32, 40, 48, 56, 64, 1025);
OBJPOOL_SIZES(last_of_10, 8, 16, 24, 32, 40, 48, 56, 64, 72, 1025);
OBJPOOL_SIZES(last_of_11, 8, 16, 24, 32, 40, 48, 56, 64, 72, 80, 1025);
OBJPOOL_SIZES(last_of_12, 8, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 1025);
OBJPOOL_SIZES(last_of_13, 8, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 1025);
OBJPOOL_SIZES(last_of_14, 8, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 104, 1025);
OBJPOOL_SIZES(last_of_15, 8, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 104, 112, 1025);
OBJPOOL_SIZES(last_of_16, 8, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 104, 112, 120, 1025);

OBJPOOL_SIZES(web_buffers, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 16384);

static const size_t classes[] = {64, 256, 1024, 4096, 65536};
static buffers set;

static void buffer_is_of_the_smallest_class_that_holds_it(void **state) {
  (void)state;
  const size_t asked[] = {0, 1, 63, 64, 65, 256, 257, 1024, 1025, 4096, 4097, 65535, 65536};
  const size_t got[] = {64, 64, 64, 64, 256, 256, 1024, 1024, 4096, 4096, 65536, 65536, 65536};
  for (size_t i = 0; i < COUNT_OF(asked); i++) {
    objpool_buffer buffer = buffers_acquire(&set, asked[i]);
    assert_non_null(buffer.bytes);
    assert_int_equal(buffer.capacity, got[i]);
    assert_int_equal((uintptr_t)buffer.bytes % 16, 0);
    memset(buffer.bytes, 0x5a, buffer.capacity);
    buffers_release(&set, buffer);
  }
  static one_size one;
  static most_sizes most;
  objpool_buffer buffer = one_size_acquire(&one, 100), small = most_sizes_acquire(&most, 11);
  assert_int_equal(buffer.capacity, 100);
  assert_int_equal(small.capacity, 11);
  one_size_release(&one, buffer);
  most_sizes_release(&most, small);
  one_size_destroy(&one);
  most_sizes_destroy(&most);
  objpool_stats stats = buffers_stats(&set);
  counts_add_up(&stats);
  assert_int_equal(stats.in_use, 0);
  assert_int_equal(stats.idle, 5);
  buffers_destroy(&set);
  assert_true(all_zero(&set, sizeof set));
}

/* Each size up to `most`: the smallest of `sizes` that holds it. */
#define FINDS(name, most, ...)                                                                                         \
  do {                                                                                                                 \
    const size_t sizes[] = {__VA_ARGS__};                                                                              \
    static name any;                                                                                                   \
    for (size_t size = 0; size <= (most); size++) {                                                                    \
      size_t place = 0;                                                                                                \
      while (place < COUNT_OF(sizes) && sizes[place] < size) place++;                                                  \
      objpool_buffer buffer = name##_acquire(&any, size);                                                              \
      assert_int_equal(buffer.capacity, place < COUNT_OF(sizes) ? sizes[place] : size);                                \
      objpool *class_ = name##_class(&any, size);                                                                      \
      assert_int_equal(class_ ? objpool_snapshot(class_).object_size : 0, place < COUNT_OF(sizes) ? sizes[place] : 0); \
      if (class_) assert_int_equal(objpool_snapshot(class_).in_use, 1);                                                \
      name##_release(&any, buffer);                                                                                    \
    }                                                                                                                  \
    assert_int_equal(name##_stats(&any).in_use, 0);                                                                    \
    name##_destroy(&any);                                                                                              \
  } while (0)

static void any_size_finds_its_class(void **state) {
  (void)state;
  FINDS(whole_steps, 5100, 8, 24, 40, 1016, 1024, 1032, 5000);
  FINDS(broken_steps, 1100, 8, 24, 41, 1016, 1024, 1032);
  FINDS(small_steps, 1100, 16, 64);
  FINDS(large_steps, 3100, 1025, 3000);
  FINDS(most_sizes, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16);
}

#define ENDS(name)                                                                    \
  do {                                                                                \
    static name any;                                                                  \
    objpool *below = name##_class(&any, 1024), *last = name##_class(&any, 1025);      \
    assert_true(below == last && last && objpool_snapshot(last).object_size == 1025); \
    assert_null(name##_class(&any, 1026));                                            \
    name##_destroy(&any);                                                             \
  } while (0)

static void last_class_is_found_and_nothing_beyond_it(void **state) {
  (void)state;
  ENDS(last_of_2);
  ENDS(last_of_3);
  ENDS(last_of_4);
  ENDS(last_of_5);
  ENDS(last_of_6);
  ENDS(last_of_7);
  ENDS(last_of_8);
  ENDS(last_of_9);
  ENDS(last_of_10);
  ENDS(last_of_11);
  ENDS(last_of_12);
  ENDS(last_of_13);
  ENDS(last_of_14);
  ENDS(last_of_15);
  ENDS(last_of_16);
}

static void larger_than_all_is_just_that_size_and_not_kept(void **state) {
  (void)state;
  objpool_buffer a = buffers_acquire(&set, 65537), b = buffers_acquire(&set, 1000000),
                 empty = buffers_acquire(&set, 64);
  assert_int_equal(a.capacity, 65537);
  assert_int_equal(b.capacity, 1000000);
  assert_int_equal((uintptr_t)a.bytes % 16, 0);
  memset(a.bytes, 1, a.capacity);
  memset(b.bytes, 2, b.capacity);
  buffers_release(&set, empty);
  objpool_stats stats = buffers_stats(&set);
  assert_int_equal(stats.in_use, 2);
  assert_int_equal(stats.misses, 3);
  assert_int_equal(stats.acquires, 3);
  uint64_t held = stats.memory_bytes;
  assert_true(held >= 1065537);
  buffers_release(&set, a);
  buffers_release(&set, b);
  stats = buffers_stats(&set);
  assert_int_equal(stats.in_use, 0);
  assert_int_equal(stats.releases, 3);
  assert_true(held - stats.memory_bytes >= 1065537);
  assert_int_equal(stats.peak_in_use, 3);
  counts_add_up(&stats);
  errno = 0;
  objpool_buffer none = buffers_acquire(&set, SIZE_MAX);
  assert_null(none.bytes);
  assert_int_equal(none.capacity, 0);
  assert_int_equal(errno, ENOMEM);
  errno = 0;
  none = buffers_acquire(&set, (size_t)PTRDIFF_MAX - 8);
  assert_null(none.bytes);
  assert_int_equal(errno, ENOMEM);
  assert_int_equal(buffers_stats(&set).create_failures, 2);
  buffers_release(&set, none); /* empty is fine */
  buffers_destroy(&set);
}

static void grow_keeps_the_bytes_or_the_buffer(void **state) {
  (void)state;
  assert_true(buffers_init(&set, NULL)); /* as all-zero */
  objpool_buffer buffer;
  memset(&buffer, 0, sizeof buffer);
  buffer = buffers_grow(&set, buffer, 10); /* an empty one: an acquire */
  assert_int_equal(buffer.capacity, 64);
  memset(buffer.bytes, 'x', 64);
  char *same = buffer.bytes;
  buffer = buffers_grow(&set, buffer, 64);
  assert_ptr_equal(buffer.bytes, same);
  for (size_t size = 65; size < 300000; size = size * 3 / 2) {
    size_t before = buffer.capacity;
    buffer = buffers_grow(&set, buffer, size);
    assert_true(buffer.capacity >= size);
    for (size_t i = 0; i < before; i++) assert_int_equal(buffer.bytes[i], 'x');
    memset(buffer.bytes, 'x', buffer.capacity);
    assert_int_equal(buffers_stats(&set).in_use, 1);
  }
  errno = 0;
  objpool_buffer none = buffers_grow(&set, buffer, SIZE_MAX);
  assert_null(none.bytes);
  assert_int_equal(errno, ENOMEM);
  assert_int_equal(buffer.bytes[buffer.capacity - 1], 'x');
  assert_int_equal(buffers_stats(&set).in_use, 1);
  buffers_release(&set, buffer);
  buffers_destroy(&set);
}

static void class_has_limits_of_its_own(void **state) {
  (void)state;
  static buffers limited;
  objpool_config config = defaults();
  config.max_objects = 2;
  config.name = "limited";
  assert_true(buffers_init(&limited, &config));
  objpool_buffer a = buffers_acquire(&limited, 1), b = buffers_acquire(&limited, 1);
  assert_non_null(b.bytes);
  errno = 0;
  objpool_buffer none = buffers_acquire(&limited, 1);
  assert_null(none.bytes);
  assert_int_equal(errno, EAGAIN);
  memset(a.bytes, 7, a.capacity);
  objpool_buffer c = buffers_acquire(&limited, 100), d = buffers_acquire(&limited, 100);
  errno = 0;
  none = buffers_grow(&limited, a, 100);
  assert_null(none.bytes);
  assert_int_equal(errno, EAGAIN);
  assert_int_equal(a.bytes[63], 7);
  assert_ptr_equal(objpool_registry_find("limited/256"), buffers_class(&limited, 65));
  assert_null(objpool_registry_find("limited"));
  assert_true(objpool_resize(buffers_class(&limited, 200), OBJPOOL_UNCHANGED, 3));
  objpool_buffer e = buffers_acquire(&limited, 100);
  assert_non_null(e.bytes);
  assert_null(buffers_class(&limited, 65537));
  assert_int_equal(objpool_snapshot(buffers_class(&limited, 256)).in_use, 3);
  buffers_release(&limited, a);
  buffers_release(&limited, b);
  buffers_release(&limited, c);
  buffers_release(&limited, d);
  buffers_release(&limited, e);
  static buffers second; /* a name that is taken: nothing is left of it */
  errno = 0;
  assert_false(buffers_init(&second, &config));
  assert_int_equal(errno, EEXIST);
  assert_true(all_zero(&second, sizeof second));
  config.warmup = 3;
  errno = 0;
  assert_false(buffers_init(&second, &config));
  assert_int_equal(errno, EINVAL);
  assert_true(all_zero(&second, sizeof second));
  buffers_destroy(&limited);
}

static void trim_takes_the_largest_first_and_is_exact(void **state) {
  (void)state;
  objpool_buffer held[30];
  for (size_t i = 0; i < 30; i++) held[i] = buffers_acquire(&set, classes[i % 3]); /* ten of 64, 256 and 1024 each */
  for (size_t i = 0; i < 30; i++) buffers_release(&set, held[i]);
  const size_t all = 10 * (64 + 256 + 1024);
  assert_int_equal(buffers_trim(&set, all), 0);
  assert_int_equal(buffers_trim(&set, all - 1), 1024);
  assert_int_equal(buffers_trim(&set, all - 1024), 0);
  assert_int_equal(buffers_trim(&set, 10 * (64 + 256)), 9 * 1024);
  assert_int_equal(buffers_trim(&set, 10 * 64 + 3 * 256), 7 * 256);
  assert_int_equal(objpool_snapshot(buffers_class(&set, 256)).idle, 3);
  assert_int_equal(buffers_trim(&set, 0), 10 * 64 + 3 * 256);
  assert_int_equal(buffers_stats(&set).idle, 0);
  buffers_destroy(&set);
  static buffers unused;
  errno = EDOM;
  assert_int_equal(buffers_trim(&unused, 0), 0);
  assert_int_equal(errno, EDOM);
  assert_int_equal(buffers_stats(&unused).in_use, 0);
  assert_true(all_zero(&unused, sizeof unused));
}

enum { PARKED = 6 };
static pthread_barrier_t all_have_given, may_leave;

static void *give_and_stay(void *unused) {
  objpool_buffer held[3 * 20];
  (void)unused;
  for (size_t i = 0; i < COUNT_OF(held); i++) held[i] = buffers_acquire(&set, classes[i % 3]);
  for (size_t i = 0; i < COUNT_OF(held); i++) CHECK(held[i].bytes);
  for (size_t i = 0; i < COUNT_OF(held); i++) buffers_release(&set, held[i]);
  pthread_barrier_wait(&all_have_given);
  pthread_barrier_wait(&may_leave);
  objpool_buffer again = buffers_acquire(&set, 1000); /* its cache opens again */
  CHECK(again.bytes);
  buffers_release(&set, again);
  return NULL;
}

static size_t idle_bytes(void) {
  size_t bytes = 0;
  for (size_t i = 0; i < COUNT_OF(classes); i++)
    bytes += (size_t)objpool_snapshot(buffers_class(&set, classes[i])).idle * classes[i];
  return bytes;
}

/* Threads that still run have idle buffers of each class in their caches. */
static void trim_is_exact_whichever_threads_have_them(void **state) {
  (void)state;
  pthread_t threads[PARKED];
  assert_int_equal(pthread_barrier_init(&all_have_given, NULL, PARKED + 1), 0);
  assert_int_equal(pthread_barrier_init(&may_leave, NULL, PARKED + 1), 0);
  for (uintptr_t i = 0; i < PARKED; i++) threads[i] = start_thread(give_and_stay, NULL);
  pthread_barrier_wait(&all_have_given);
  size_t before = idle_bytes(), smaller = 0;
  for (size_t i = 0; i < 2; i++) smaller += (size_t)objpool_snapshot(buffers_class(&set, classes[i])).idle * classes[i];
  assert_true(objpool_snapshot(buffers_class(&set, 1024)).idle >= 20);
  size_t keep = smaller + 7 * 1024 + 1000, gone = buffers_trim(&set, keep);
  assert_int_equal(idle_bytes(), smaller + 7 * 1024); /* an eighth would be above what was to be kept */
  assert_int_equal(gone, before - idle_bytes());
  assert_int_equal(buffers_trim(&set, keep), 0);
  assert_int_equal(buffers_trim(&set, 64), smaller + 7 * 1024 - 64);
  assert_int_equal(idle_bytes(), 64); /* the smallest classes are what stays */
  assert_int_equal(buffers_trim(&set, 0), 64);
  assert_int_equal(idle_bytes(), 0);
  pthread_barrier_wait(&may_leave);
  for (uintptr_t i = 0; i < PARKED; i++) join_thread(threads[i]);
  buffers_destroy(&set);
}

static void give_back(void *to, void *buffer) { buffers_release((buffers *)to, *(objpool_buffer *)buffer); }

static void changed_capacity_or_foreign_buffer_panics(void **state) {
  (void)state;
  static buffers other;
  const size_t wrong[] = {0, 1, 65, 256, 65536, 65537, 1000000};
  objpool_buffer buffer = buffers_acquire(&set, 64), large = buffers_acquire(&set, 70000), foreign;
  for (size_t i = 0; i < COUNT_OF(wrong); i++) {
    objpool_buffer changed = buffer;
    changed.capacity = wrong[i];
    assert_true(panics(give_back, &set, &changed));
    changed = large;
    changed.capacity = wrong[i];
    assert_true(panics(give_back, &set, &changed));
  }
  assert_non_null(strstr(panic_message, "buffers"));
  foreign = buffers_acquire(&other, 64);
  assert_true(panics(give_back, &set, &foreign));
  buffers_release(&other, foreign);
  foreign = buffers_acquire(&other, 70000);
  assert_true(panics(give_back, &set, &foreign));
  static buffers never_used;
  assert_true(panics(give_back, &never_used, &foreign));
  assert_true(all_zero(&never_used, sizeof never_used));
  buffers_release(&other, foreign);
  buffers_release(&set, buffer);
  assert_true(panics(give_back, &set, &buffer)); /* a second time */
  buffers_release(&set, large);
  assert_int_equal(buffers_stats(&set).in_use, 0);
  buffers_destroy(&set);
  buffers_destroy(&other);
}

static void give_many_back(void *to, void *buffer) { most_sizes_release((most_sizes *)to, *(objpool_buffer *)buffer); }

/* A set and its classes are called by what was given to OBJPOOL_SIZES, where they have no name. */
static void grow_into_more(void *from, void *buffer) {
  (void)!buffers_grow((buffers *)from, *(objpool_buffer *)buffer, 5000).bytes;
}

static void grow_into_most(void *from, void *buffer) {
  (void)!buffers_grow((buffers *)from, *(objpool_buffer *)buffer, 80000).bytes;
}

static void grow_within(void *from, void *buffer) { (void)!buffers_grow((buffers *)from, *(objpool_buffer *)buffer, 65).bytes; }

static void grow_of_a_changed_buffer_panics_before_it_takes_another(void **state) {
  (void)state;
  static buffers used;
  objpool_buffer of_a_class = buffers_acquire(&used, 64), large = buffers_acquire(&used, 70000), changed;
  const size_t wrong[] = {65, 256, 1024};
  objpool_stats before = buffers_stats(&used);
  for (size_t i = 0; i < COUNT_OF(wrong); i++) {
    changed = of_a_class;
    changed.capacity = wrong[i];
    assert_true(panics(grow_into_more, &used, &changed));
    assert_true(panics(grow_within, &used, &changed)); /* it holds less than it says */
    changed = large;
    changed.capacity = wrong[i];
    assert_true(panics(grow_into_more, &used, &changed));
    assert_true(panics(grow_within, &used, &changed));
  }
  changed.capacity = 70001;
  assert_true(panics(grow_into_most, &used, &changed));
  objpool_stats after = buffers_stats(&used);
  assert_int_equal(after.acquires, before.acquires);
  assert_int_equal(after.in_use, 2);
  buffers_release(&used, of_a_class);
  buffers_release(&used, large);
  buffers_destroy(&used);
}

static void large_buffer_is_none_of_a_class_of_few(void **state) {
  (void)state;
  static buffers few;
  objpool_config config = defaults();
  config.max_objects = 1; /* tags bear a place, which a look at any address leaves out */
  config.cache_size = OBJPOOL_NO_CACHE;
  assert_true(buffers_init(&few, &config));
  objpool_buffer large = buffers_acquire(&few, 70000), last = buffers_acquire(&few, 65536), changed = large;
  changed.capacity = 64;
  assert_true(panics(grow_into_more, &few, &changed)); /* first: nothing comes back when it finds no other */
  assert_true(panics(give_back, &few, &changed));
  assert_int_equal(buffers_stats(&few).in_use, 2);
  buffers_release(&few, large);
  buffers_release(&few, last);
  buffers_destroy(&few);
}

static void names_tell_the_set_and_the_class(void **state) {
  (void)state;
  static most_sizes named;
  static buffers untouched;
  char text[2048];
  assert_string_equal(objpool_name(buffers_class(&set, 1)), "buffers/64");
  assert_string_equal(objpool_name(buffers_class(&set, 65536)), "buffers/65536");
  assert_null(objpool_registry_find("buffers/64")); /* which is no name */
  assert_true(objpool_format(buffers_class(&set, 5000), OBJPOOL_TEXT, text, sizeof text) > 0);
  assert_non_null(strstr(text, "buffers/65536: "));
  assert_true(objpool_report(buffers_class(&set, 5000), text, sizeof text) > 0);
  assert_non_null(strstr(text, "pool buffers/65536\n"));
  objpool_buffer buffer = buffers_acquire(&set, 64), changed = buffer;
  changed.capacity = 65;
  assert_true(panics(give_back, &set, &changed));
  assert_non_null(strstr(panic_message, "pool 'buffers': "));
  buffers_release(&set, buffer);
  assert_true(panics(give_back, &set, &buffer));
  assert_non_null(strstr(panic_message, "pool 'buffers/64': "));
  changed.capacity = 1000000; /* to a set that nobody has used */
  char bytes[2 * 64] = {0};
  changed.bytes = bytes + 64;
  assert_true(panics(give_back, &untouched, &changed));
  assert_non_null(strstr(panic_message, "pool 'buffers': "));
  objpool_config config = defaults();
  config.name = "a/name";
  assert_true(most_sizes_init(&named, &config));
  assert_string_equal(objpool_name(most_sizes_class(&named, 3)), "a/name/3");
  assert_true(panics(give_many_back, &named, &changed));
  assert_non_null(strstr(panic_message, "pool 'a/name': "));
  most_sizes_destroy(&named);
  buffers_destroy(&set);
}

static void report_and_formats_name_the_slack(void **state) {
  (void)state;
  char text[8192], line[200];
  objpool_buffer a = buffers_acquire(&set, 1000), b = buffers_acquire(&set, 1000), c = buffers_acquire(&set, 1000);
  buffers_release(&set, c);
  objpool *class_ = buffers_class(&set, 1000);
  unsigned long long held = objpool_snapshot(class_).memory_bytes, slack = held - 2 * 1024;
  assert_true(slack > 1024 && slack < held);
  assert_true(objpool_report(class_, text, sizeof text) > 0);
  snprintf(line, sizeof line, "%llu bytes held, %llu of them slack (idle objects 1024; ", held, slack);
  assert_non_null(strstr(text, line));
  assert_true(objpool_format(class_, OBJPOOL_JSON, text, sizeof text) > 0);
  snprintf(line, sizeof line, ",\"slack_bytes\":%llu,", slack);
  assert_non_null(strstr(text, line));
  assert_true(objpool_format(class_, OBJPOOL_PROMETHEUS, text, sizeof text) > 0);
  snprintf(line, sizeof line, "\nobjpool_slack_bytes{pool=\"buffers/1024\"} %llu\n", slack);
  assert_non_null(strstr(text, line));
  buffers_release(&set, a);
  buffers_release(&set, b);
  buffers_destroy(&set);
}

/* The process lock is held meanwhile: a call that asked for it would not come back. */
static void no_buffer_takes_the_process_lock(void **state) {
  (void)state;
  buffers_release(&set, buffers_acquire(&set, 64)); /* the first use of a class does */
  objpool__lock(&objpool__process.lock);
  objpool_buffer large = buffers_acquire(&set, 100000), larger = buffers_grow(&set, large, 200000);
  objpool_buffer small = buffers_acquire(&set, 64);
  assert_int_equal(buffers_stats(&set).in_use, 2);
  buffers_release(&set, larger);
  buffers_release(&set, small);
  assert_int_equal(buffers_stats(&set).in_use, 0);
  objpool__unlock(&objpool__process.lock);
  buffers_destroy(&set);
}

static void guard_gives_back_at_the_end_of_its_scope(void **state) {
  (void)state;
  objpool_buffer kept;
  {
    OBJPOOL_SCOPED(buffers) guard = buffers_guard_acquire(&set, 300);
    assert_int_equal(guard.buffer.capacity, 1024);
    OBJPOOL_SCOPED(buffers) second = buffers_guard_acquire(&set, 80000);
    assert_int_equal(buffers_stats(&set).in_use, 2);
    OBJPOOL_SCOPED(buffers) third = buffers_guard_move(&second);
    assert_null(second.buffer.bytes);
    kept = buffers_guard_take(&guard);
    assert_null(guard.buffer.bytes);
    buffers_guard_release(&guard); /* twice is harmless */
    assert_non_null(third.buffer.bytes);
  }
  assert_int_equal(buffers_stats(&set).in_use, 1);
  buffers_release(&set, kept);
  buffers_destroy(&set);
}

enum { THREADS = 4, HELD = 64 };

static void *use_the_set(void *number) {
  uint64_t seed = 1 + (uint64_t)(uintptr_t)number;
  objpool_buffer held[HELD];
  memset(held, 0, sizeof held);
  for (long i = 0; i < SCALED(200000, 30000, 10000); i++) {
    size_t at = random_below(&seed, HELD), size = (size_t)1 << random_below(&seed, 15);
    if (i % 1000 == 0) buffers_trim(&set, 100000);
    if (i % 4 == 0) CHECK(buffers_stats(&set).now_ns > 0);
    if (held[at].bytes) {
      CHECK(held[at].bytes[0] == (char)at && held[at].bytes[held[at].capacity - 1] == (char)at);
      if (i % 5 == 0) {
        objpool_buffer grown = buffers_grow(&set, held[at], size);
        CHECK(grown.bytes && grown.bytes[0] == (char)at);
        grown.bytes[grown.capacity - 1] = (char)at;
        held[at] = grown;
        continue;
      }
      buffers_release(&set, held[at]);
      held[at].bytes = NULL;
    } else {
      held[at] = buffers_acquire(&set, i % 7 == 0 ? 70000 : size);
      CHECK(held[at].bytes);
      held[at].bytes[0] = held[at].bytes[held[at].capacity - 1] = (char)at;
    }
  }
  for (size_t i = 0; i < HELD; i++) buffers_release(&set, held[i]);
  return NULL;
}

static void threads_may_share_a_set_that_was_never_used(void **state) {
  (void)state;
  pthread_t threads[THREADS];
  for (uintptr_t i = 0; i < THREADS; i++) threads[i] = start_thread(use_the_set, (void *)i);
  for (size_t i = 0; i < THREADS; i++) join_thread(threads[i]);
  objpool_stats stats = buffers_stats(&set);
  assert_int_equal(stats.in_use, 0);
  counts_add_up(&stats);
  buffers_destroy(&set);
}

static long allocations;
static long fail_at;
static void *allocate(size_t size, size_t alignment, void *context) {
  void *memory = NULL;
  (void)context;
  if (fail_at && --fail_at == 0) return NULL;
  if (posix_memalign(&memory, alignment < sizeof(void *) ? sizeof(void *) : alignment, size)) return NULL;
  allocations++;
  return memset(memory, 0xa5, size);
}

static void deallocate(void *memory, size_t size, size_t alignment, void *context) {
  (void)size, (void)alignment, (void)context;
  allocations--;
  free(memory);
  errno = EDOM;
}

static void what_the_allocator_refuses_changes_nothing(void **state) {
  (void)state;
  objpool_config config = defaults();
  config.allocator.allocate = allocate;
  config.allocator.deallocate = deallocate;
  config.on_leak = OBJPOOL_LEAK_IGNORE;
  config.warmup = 1;
  for (long n = 1, went_well = 0; !went_well; n++) {
    fail_at = n;
    bool made = buffers_init(&set, &config);
    went_well = made && fail_at > 0; /* nothing was refused */
    if (!made) {
      assert_int_equal(errno, ENOMEM);
      assert_true(all_zero(&set, sizeof set));
    }
    fail_at = 0;
    if (made) {
      fail_at = 1;
      objpool_buffer none = buffers_acquire(&set, 100000);
      assert_null(none.bytes);
      fail_at = 0;
      assert_non_null(buffers_acquire(&set, 100000).bytes); /* held at the end: its memory goes, too */
      assert_non_null(buffers_acquire(&set, 10).bytes);
      buffers_destroy(&set);
      assert_true(all_zero(&set, sizeof set));
    }
    assert_int_equal(allocations, 0);
  }
}

/* A reserve is for the buffers of its class: what is larger than all comes from the allocator itself. */
static void large_buffers_leave_the_reserve_alone(void **state) {
  (void)state;
  static one_size one;
  objpool_config config = defaults();
  config.allocator.allocate = allocate;
  config.allocator.deallocate = deallocate;
  config.reserve = config.max_objects = 10000; /* a megabyte, taken by init */
  fail_at = 0;
  assert_true(one_size_init(&one, &config));
  long before = allocations;
  objpool_buffer buffer = one_size_acquire(&one, 101);
  assert_int_equal(allocations, before + 1);
  for (size_t i = 0; i < buffer.capacity; i++) assert_int_equal((unsigned char)buffer.bytes[i], 0xa5); /* not cleared */
  errno = 4711;
  one_size_release(&one, buffer);
  assert_int_equal(errno, 4711); /* whatever the allocator makes of it */
  assert_int_equal(allocations, before);
  one_size_destroy(&one);
  assert_int_equal(allocations, 0);
}

/* What lies there before does not matter, and what is refused leaves all zero. */
static void memory_of_any_bytes_becomes_a_set(void **state) {
  (void)state;
  objpool_config config = defaults();
  memset((void *)&set, 0xff, sizeof set);
  assert_true(buffers_init(&set, &config));
  assert_int_equal(buffers_stats(&set).in_use, 0);
  buffers_destroy(&set);
  memset((void *)&set, 0xff, sizeof set);
  config.growth_factor = 0.5;
  assert_false(buffers_init(&set, &config));
  assert_int_equal(errno, EINVAL);
  assert_true(all_zero(&set, sizeof set));
}

static void grow_there(void *where, void *buffer) { (void)!buffers_grow((buffers *)where, *(objpool_buffer *)buffer, 200000).bytes; }
static void set_that_was_never_used_panics_for_a_foreign_buffer(void **state) {
  (void)state;
  static buffers fresh;
  static char memory[70000 + 64];
  objpool_buffer foreign = {memory + 64, 70000};
  assert_true(panics(grow_there, &fresh, &foreign));
  assert_true(panics(give_back, &fresh, &foreign));
  buffers_destroy(&fresh);
}

static void acquire_large_there(void *where, void *got) { *(objpool_buffer *)got = one_size_acquire((one_size *)where, 200000); }
static void set_of_another_definition_gives_no_large_buffer(void **state) {
  (void)state;
  objpool_buffer got = {NULL, 1};
  buffers_release(&set, buffers_acquire(&set, 64));
  panic_returns = true;
  assert_true(panics(acquire_large_there, &set, &got));
  panic_returns = false;
  assert_null(got.bytes);
  assert_int_equal(buffers_stats(&set).in_use, 0);
  buffers_destroy(&set);
}

static void statistics_of_a_set_are_since_its_first_class_was_used_until_now(void **state) {
  (void)state;
  buffers_release(&set, buffers_acquire(&set, 64));
  while (now_ns() < (int64_t)objpool_snapshot(buffers_class(&set, 64)).since_ns + 1000) {}
  buffers_release(&set, buffers_acquire(&set, 256));
  errno = 4711;
  objpool_stats stats = buffers_stats(&set);
  assert_int_equal(errno, 4711); /* the other classes were never used */
  assert_int_equal(stats.since_ns, objpool_snapshot(buffers_class(&set, 64)).since_ns);
  assert_true(stats.now_ns >= stats.since_ns && stats.now_ns <= objpool_snapshot(buffers_class(&set, 64)).now_ns);
  buffers_destroy(&set);
}

static void leak_a_large_one(void *unused) {
  (void)unused;
  CHECK(buffers_acquire(&set, 100000).bytes);
  buffers_destroy(&set);
}
static void large_buffers_in_use_at_destroy_are_reported(void **state) {
  (void)state;
  char said[300];
  assert_true(EXITED_WELL(in_child(leak_a_large_one, NULL, said, sizeof said)));
  if (!strstr(said, "destroyed with 1 object in use")) fail_msg("it says: %s", said);
}

static void *kept;
static void keep_large(void *memory, size_t size, size_t alignment, void *context) {
  if (size < 70000 || size > 80000)
    deallocate(memory, size, alignment, context);
  else
    kept = memory;
}

/* As long as nobody else has its memory a large buffer that is released twice is told. */
static void large_buffer_released_twice_panics(void **state) {
  (void)state;
  objpool_config config = defaults();
  config.allocator.allocate = allocate;
  config.allocator.deallocate = keep_large;
  kept = NULL;
  assert_true(buffers_init(&set, &config));
  objpool_buffer buffer = buffers_acquire(&set, 70000);
  buffers_release(&set, buffer);
  assert_non_null(kept);
  assert_true(panics(give_back, &set, &buffer));
  assert_int_equal(buffers_stats(&set).in_use, 0);
  deallocate(kept, 0, 0, NULL);
  buffers_destroy(&set);
  assert_int_equal(allocations, 0);
}

/* Sizes as a web server has them, from 50 bytes to 16 KiB: what is held over what was asked for. */
static void little_is_held_beyond_what_is_asked_for(void **state) {
  (void)state;
  enum { BUFFERS = 10000 };
  static web_buffers web;
  static objpool_buffer held[BUFFERS];
  uint64_t seed = 20, asked = 0;
  for (size_t i = 0; i < BUFFERS; i++) {
    double normal = -6; /* twelve uniform numbers add up to about a normal one; 50 B to 16 KiB, most around 900 */
    for (int k = 0; k < 12; k++) normal += (double)random_below(&seed, 1000000) / 1e6;
    double size = 900;
    for (double left = normal < 0 ? -normal : normal; left > 0; left -= 0.01) size *= normal < 0 ? 0.99005 : 1.01005;
    size_t bytes = size < 50 ? 50 : size > 16384 ? 16384 : (size_t)size;
    held[i] = web_buffers_acquire(&web, bytes);
    assert_non_null(held[i].bytes);
    asked += bytes;
  }
  double ratio = (double)web_buffers_stats(&web).memory_bytes / (double)asked;
  print_message("%d buffers: %.0f bytes asked for, %.2f times as many held\n", BUFFERS, (double)asked, ratio);
  assert_true(ratio > 1 && ratio <= 1.5);
  for (size_t i = 0; i < BUFFERS; i++) web_buffers_release(&web, held[i]);
  web_buffers_destroy(&web);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(buffer_is_of_the_smallest_class_that_holds_it),
      cmocka_unit_test(any_size_finds_its_class),
      cmocka_unit_test(last_class_is_found_and_nothing_beyond_it),
      cmocka_unit_test(larger_than_all_is_just_that_size_and_not_kept),
      cmocka_unit_test(grow_keeps_the_bytes_or_the_buffer),
      cmocka_unit_test(class_has_limits_of_its_own),
      cmocka_unit_test(trim_takes_the_largest_first_and_is_exact),
      cmocka_unit_test(trim_is_exact_whichever_threads_have_them),
      cmocka_unit_test(changed_capacity_or_foreign_buffer_panics),
      cmocka_unit_test(grow_of_a_changed_buffer_panics_before_it_takes_another),
      cmocka_unit_test(large_buffer_is_none_of_a_class_of_few),
      cmocka_unit_test(names_tell_the_set_and_the_class),
      cmocka_unit_test(report_and_formats_name_the_slack),
      cmocka_unit_test(no_buffer_takes_the_process_lock),
      cmocka_unit_test(guard_gives_back_at_the_end_of_its_scope),
      cmocka_unit_test(threads_may_share_a_set_that_was_never_used),
      cmocka_unit_test(what_the_allocator_refuses_changes_nothing),
      cmocka_unit_test(large_buffers_leave_the_reserve_alone),
      cmocka_unit_test(memory_of_any_bytes_becomes_a_set),
      cmocka_unit_test(set_that_was_never_used_panics_for_a_foreign_buffer),
      cmocka_unit_test(set_of_another_definition_gives_no_large_buffer),
      cmocka_unit_test(statistics_of_a_set_are_since_its_first_class_was_used_until_now),
      cmocka_unit_test(large_buffers_in_use_at_destroy_are_reported),
      cmocka_unit_test(large_buffer_released_twice_panics),
      cmocka_unit_test(little_is_held_beyond_what_is_asked_for),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
