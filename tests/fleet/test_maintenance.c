/* What maintenance costs and where it ends: down to min_idle however few are alive, the machine's pressure looked at once a second
   by the whole process, no system call with nothing to do. The clock and the system's files are the test's own. */
#include "support.h"
#include <fcntl.h>
#if defined(__linux__)
#include "sandbox.h"
#endif

#include "kernel_files.h"

static long looks,
    clock_s = 1000; /* how often the machine's pressure was looked at, and what time it is: it stands still */

static int counted_open(const char *path, int flags) {
  const char *file = strstr(path, "/proc/pressure/memory");
  if (file) count_add(&looks, 1);
  return open(path, flags);
}
static int still_clock(clockid_t clock, struct timespec *now) {
  (void)clock;
  now->tv_sec = count_read(&clock_s);
  now->tv_nsec = 0;
  return 0;
}
#define open(path, flags) counted_open(path, flags)
#define clock_gettime(clock, now) still_clock(clock, now)
#define OBJPOOL_IMPLEMENTATION
#include "pools.h"
#undef open
#undef clock_gettime

typedef struct thing {
  long n[8];
} thing;

OBJPOOL_DEFINE(thing_pool, thing);
OBJPOOL_DEFINE(lone_pool, thing, opt.local = true);

static thing_pool shared;
static lone_pool lone;

/* Each promise holds for each of these. */
static const struct kind {
  const char *name;
  bool local;
  size_t cache_size;
} kinds[] = {{"cached", false, 0},
             {"small caches", false, 4},
             {"uncached", false, OBJPOOL_NO_CACHE},
             {"local", true, 0}};

static objpool *begin(const struct kind *kind, objpool_config config) {
  config.cache_size = kind->cache_size;
  assert_true(kind->local ? lone_pool_init(&lone, &config) : thing_pool_init(&shared, &config));
  return kind->local ? &lone.base : &shared.base;
}

static void calm(void) { put_file("/proc/pressure/memory", "some avg10=0.00\nfull avg10=0.00\n"); }
static void stalled(void) { put_file("/proc/pressure/memory", "some avg10=90.00\nfull avg10=90.00\n"); }

static int a_new_second(void **state) {
  (void)state;
  objpool_set_pressure_source(NULL, NULL);
  calm();
  count_add(&clock_s, 100);
  count_set(&looks, 0);
  return 0;
}

/* ---- how far down */

static size_t use_once(objpool *pool, size_t count) {
  void *held[256];
  CHECK(count <= COUNT_OF(held));
  size_t got = objpool_acquire_many(pool, held, count);
  objpool_release_many(pool, held, got);
  return got;
}

/* Ticks until nothing has changed for a hundred of them. */
static void let_it_rest(objpool *pool) {
  for (int quiet = 0, tick = 0; quiet < 100; tick++) {
    CHECK(tick < 10000);
    quiet = objpool_maintain(pool) ? 0 : quiet + 1;
  }
}

static void maintenance_goes_down_to_min_idle_however_few_are_alive(void **state) {
  static const size_t least[] = {OBJPOOL_NONE, 0, 1, 2, 3, 7};
  (void)state;
  for (size_t k = 0; k < COUNT_OF(kinds); k++)
    for (size_t l = 0; l < COUNT_OF(least); l++)
      for (size_t count = 1; count <= 200; count = count < 12 ? count + 1 : count * 2) {
        objpool_config config = defaults();
        config.min_idle = least[l];
        objpool *pool = begin(&kinds[k], config);
        assert_int_equal(use_once(pool, count), count);
        let_it_rest(pool);
        uint64_t expected = least[l] == OBJPOOL_NONE ? 0 : least[l], idle = objpool_snapshot(pool).idle;
        if (idle != expected)
          fail_msg("%s: %zu objects once, min_idle %zd: %" PRIu64 " stay idle", kinds[k].name, count, (ssize_t)least[l],
                   idle);
        objpool_destroy(pool);
      }
}

static void the_memory_goes_back_with_the_last_of_them(void **state) {
  (void)state;
  for (size_t k = 0; k < COUNT_OF(kinds); k++) {
    objpool *pool = begin(&kinds[k], defaults());
    use_once(pool, 9); /* what a pool in use holds in any case: caches, magazines, its array, what maintenance has learned */
    objpool_maintain(pool);
    objpool_trim(pool, 0);
    uint64_t least = objpool_snapshot(pool).memory_bytes;
    use_once(pool, 3);
    assert_true(objpool_snapshot(pool).memory_bytes > least);
    let_it_rest(pool);
    assert_true(objpool_snapshot(pool).memory_bytes <= least);
    objpool_destroy(pool);
  }
}

static void min_idle_is_what_init_created_unless_said_otherwise(void **state) {
  (void)state;
  assert_true(OBJPOOL_NONE == SIZE_MAX);
  for (size_t k = 0; k < COUNT_OF(kinds); k++) {
    objpool_config config = defaults();
    config.warmup = 9;
    objpool *pool = begin(&kinds[k], config);
    use_once(pool, 40);
    let_it_rest(pool);
    assert_int_equal(objpool_snapshot(pool).idle, 9);
    objpool_trim(pool, 0);
    assert_int_equal(objpool_maintain(pool), 9); /* and refills up to it */
    assert_int_equal(objpool_snapshot(pool).idle, 9);
    objpool_destroy(pool);

    config.min_idle = 4; /* less is meant as it is said */
    pool = begin(&kinds[k], config);
    let_it_rest(pool);
    assert_int_equal(objpool_snapshot(pool).idle, 4);
    objpool_destroy(pool);

    config.min_idle = OBJPOOL_NONE;
    pool = begin(&kinds[k], config);
    assert_int_equal(objpool_snapshot(pool).idle, 9);
    let_it_rest(pool);
    assert_int_equal(objpool_snapshot(pool).idle, 0);
    assert_int_equal(objpool_maintain(pool), 0);
    objpool_destroy(pool);
  }
}

static void no_min_idle_fits_any_limit(void **state) {
  (void)state;
  for (size_t k = 0; k < COUNT_OF(kinds); k++) {
    objpool_config config = defaults();
    config.min_idle = OBJPOOL_NONE;
    config.max_idle = 2;
    config.max_objects = 4;
    objpool *pool = begin(&kinds[k], config);
    assert_true(objpool_resize(pool, 1, 2));
    assert_true(objpool_resize(pool, OBJPOOL_UNCHANGED, 1));
    objpool_maintain(pool);
    assert_int_equal(objpool_snapshot(pool).idle, 0);
    objpool_destroy(pool);
  }
}

static void pressure_takes_all_but_what_init_created(void **state) {
  (void)state;
  for (size_t k = 0; k < COUNT_OF(kinds); k++) {
    objpool_config config = defaults();
    config.warmup = 5;
    count_add(&clock_s, 100);
    stalled();
    objpool *pool = begin(&kinds[k], config);
    objpool_warmup(pool, 30);
    assert_int_equal(objpool_maintain(pool), 25);
    assert_int_equal(objpool_snapshot(pool).idle, 5);
    objpool_destroy(pool);
  }
}

/* ---- the machine's pressure */

static void maintenance_looks_at_the_machine_once_a_second(void **state) {
  static thing_pool others[5];
  (void)state;
  for (size_t k = 0; k < COUNT_OF(kinds); k++) {
    objpool *pool = begin(&kinds[k], defaults());
    for (int frame = 0; frame < 1000; frame++) { /* all within one second */
      use_once(pool, 10);
      objpool_maintain(pool);
      for (size_t i = 0; i < COUNT_OF(others); i++) { /* one look for all pools */
        use_once(&shared.base, 0);
        thing_pool_release(&others[i], thing_pool_acquire(&others[i]));
        objpool_maintain(&others[i].base);
      }
    }
    if (looks > 1) fail_msg("%s: %ld looks at the machine's pressure in one second", kinds[k].name, looks);
    objpool_destroy(pool);
  }
  assert_int_equal(looks, 1);
  for (int second = 0; second < 10; second++) {
    count_add(&clock_s, 1);
    for (int frame = 0; frame < 100; frame++) objpool_maintain(&others[frame % 5].base);
  }
  assert_in_range(looks, 6, 11); /* at most one more for each second, and it is looked at every other second at least */
  for (size_t i = 0; i < COUNT_OF(others); i++) thing_pool_destroy(&others[i]);
}

static void what_was_seen_holds_for_all_pools_until_the_next_look(void **state) {
  static thing_pool first, second;
  (void)state;
  thing_pool_warmup(&first, 20);
  thing_pool_warmup(&second, 20);
  stalled();
  objpool_maintain(&first.base);
  assert_int_equal(thing_pool_stats(&first).idle, 0);
  calm(); /* not seen yet */
  objpool_maintain(&second.base);
  assert_int_equal(thing_pool_stats(&second).idle, 0);
  assert_int_equal(looks, 1);
  count_add(&clock_s, 2);
  thing_pool_warmup(&first, 20);
  objpool_maintain(&first.base);
  assert_true(thing_pool_stats(&first).idle > 0);
  count_add(&clock_s, 2);
  stalled();
  objpool_maintain(&second.base);
  objpool_maintain(&first.base);
  assert_int_equal(thing_pool_stats(&first).idle, 0);
  thing_pool_destroy(&first);
  thing_pool_destroy(&second);
}

static void who_asks_is_told_what_is_now(void **state) {
  (void)state;
  for (int i = 0; i < 3; i++) {
    stalled();
    assert_int_equal(objpool_memory_pressure(), OBJPOOL_PRESSURE_FULL);
    calm();
    assert_int_equal(objpool_memory_pressure(), OBJPOOL_PRESSURE_NONE);
  }
}

static void *maintain_often(void *unused) {
  thing_pool own;
  memset(&own, 0, sizeof own);
  (void)unused;
  for (int frame = 0; frame < 500; frame++) {
    thing_pool_release(&own, thing_pool_acquire(&own));
    objpool_maintain(&own.base);
  }
  thing_pool_destroy(&own);
  return NULL;
}
static void all_threads_share_the_look(void **state) {
  pthread_t threads[4];
  (void)state;
  for (size_t i = 0; i < COUNT_OF(threads); i++) threads[i] = start_thread(maintain_often, NULL);
  for (size_t i = 0; i < COUNT_OF(threads); i++) join_thread(threads[i]);
  assert_int_equal(looks, 1);
}

static long asked;
static objpool_pressure always_full(void *unused) {
  (void)unused;
  count_add(&asked, 1);
  return OBJPOOL_PRESSURE_FULL;
}

static void a_pool_may_ignore_the_pressure(void **state) {
  (void)state;
  for (size_t k = 0; k < COUNT_OF(kinds); k++)
    for (int replaced = 0; replaced < 2; replaced++) {
      objpool_config config = defaults();
      count_add(&clock_s, 100);
      stalled();
      if (replaced) objpool_set_pressure_source(always_full, NULL);
      count_set(&looks, 0);
      count_set(&asked, 0);
      config.ignore_pressure = true;
      config.min_idle = 3;
      objpool *pool = begin(&kinds[k], config);
      assert_int_equal(objpool_maintain(pool), 3); /* under pressure it would create nothing */
      void *held[20];
      assert_int_equal(objpool_acquire_many(pool, held, 20), 20);
      objpool_maintain(pool);
      objpool_release_many(pool, held, 20);
      objpool_maintain(pool);
      assert_true(objpool_snapshot(pool).idle > 3); /* what was in use just now is kept for a while */
      assert_int_equal(looks, 0);
      assert_int_equal(asked, 0);
      objpool_destroy(pool);
      config.ignore_pressure = false;
      pool = begin(&kinds[k], config);
      objpool_warmup(pool, 20);
      objpool_maintain(pool);
      assert_int_equal(objpool_snapshot(pool).idle, 3);
      assert_int_equal(looks + asked > 0, 1);
      objpool_destroy(pool);
      objpool_set_pressure_source(NULL, NULL);
    }
}

/* ---- the rule, as the header tells it, told once more */

typedef struct rule {
  size_t min_idle, max_idle, max_objects;
  double threshold;
  bool begun;
  double smoothed, surge, last, peaks[32], owed;
  unsigned tick;
  uint64_t misses, overflowed;
} rule;

static size_t whole(double number) { return (size_t)number + (number > (double)(size_t)number); }

/* How many are to be idle after this tick. */
static size_t rule_says(rule *learned, const objpool_stats *now, size_t cells) {
  double in_use = (double)now->in_use, idle = (double)now->idle, alive = in_use + idle, peak = 0;
  if (!learned->begun) {
    learned->begun = true;
    learned->smoothed = learned->last = in_use;
    learned->misses = now->misses;
    learned->overflowed = now->overflowed;
  }
  bool missed =
      now->misses > learned->misses; /* then all were in use, those too that had no room when they came back */
  double demand = missed ? alive + (double)(now->overflowed - learned->overflowed) : in_use;
  learned->misses = now->misses;
  learned->overflowed = now->overflowed;
  learned->surge = learned->surge * 7 / 8;
  if (learned->surge < demand - learned->last) learned->surge = demand - learned->last;
  if (learned->surge < 0.0625) learned->surge = 0;
  learned->last = demand;
  learned->smoothed += (demand - learned->smoothed) / 8;
  if (learned->smoothed < 0.0625 && demand <= 0) learned->smoothed = 0;
  learned->peaks[learned->tick++ % 32] = demand;
  for (unsigned i = 0; i < 32; i++)
    if (peak < learned->peaks[i]) peak = learned->peaks[i];
  double ahead = learned->smoothed / 8, want;
  if (ahead < 2 * learned->surge) ahead = 2 * learned->surge;
  want = (demand < learned->smoothed ? learned->smoothed : demand) + ahead - in_use;
  if (want < (double)learned->min_idle) want = (double)learned->min_idle;
  if (learned->max_idle && want > (double)learned->max_idle) want = (double)learned->max_idle;
  if (learned->max_objects && want > (double)learned->max_objects - in_use)
    want = (double)learned->max_objects - in_use;
  if (want < 0) want = 0;
  if (now->idle < whole(want)) return whole(want);
  double keep = want > peak - in_use ? want : peak - in_use, most = alive / 5;
  if ((double)cells - in_use <= learned->threshold * (double)cells || idle <= keep) return now->idle;
  if (most < 1) {
    learned->owed += most;
    if (learned->owed < 1) return now->idle;
    most = 1;
  }
  learned->owed = 0;
  return whole(idle - most > keep ? idle - most : keep);
}

static void maintenance_follows_its_rule(void **state) {
  static const struct {
    size_t min_idle, max_idle, max_objects;
    double threshold;
  } limits[] = {{OBJPOOL_NONE, 0, 0, 0}, {3, 0, 0, 0},     {0, 40, 0, 0},
                {2, 0, 120, 0.5},        {5, 30, 90, 0.2}, {0, 0, 0, 1.0}};
  static void *held[400];
  (void)state;
  for (size_t k = 0; k < COUNT_OF(kinds); k++)
    for (size_t l = 0; l < COUNT_OF(limits); l++)
      for (uint64_t seed = 1; seed < SCALED(5, 3, 2); seed++) {
        objpool_config config = defaults();
        uint64_t chance = seed;
        rule learned;
        size_t in_use = 0;
        memset(&learned, 0, sizeof learned);
        config.min_idle = limits[l].min_idle;
        config.max_idle = learned.max_idle = limits[l].max_idle;
        config.max_objects = learned.max_objects = limits[l].max_objects;
        config.shrink_threshold = limits[l].threshold;
        config.growth_factor = 1.0;
        learned.min_idle = limits[l].min_idle == OBJPOOL_NONE ? 0 : limits[l].min_idle;
        learned.threshold = limits[l].threshold > 0 ? limits[l].threshold : 0.7;
        objpool *pool = begin(&kinds[k], config);
        for (int tick = 0; tick < 800; tick++) {
          /* demand that rises and falls, stands still, is small, comes in bursts between two ticks, and then rests for long */
          int phase = tick / 100 % 4;
          size_t wanted = phase == 0   ? random_below(&chance, 100)
                          : phase == 1 ? in_use
                          : phase == 2 ? random_below(&chance, 4)
                                       : 0;
          size_t burst = phase < 3 && tick % 7 == 0 ? random_below(&chance, 150) : 0;
          if (wanted + burst > in_use) in_use += objpool_acquire_many(pool, held + in_use, wanted + burst - in_use);
          while (in_use > wanted) objpool_release(pool, held[--in_use]);
          objpool_stats now = objpool_snapshot(pool);
          size_t expected = rule_says(&learned, &now, pool->state->blocks.cells);
          size_t changed = objpool_maintain(pool);
          size_t idle = (size_t)objpool_snapshot(pool).idle;
          if (idle != expected || changed != (idle > now.idle ? idle - now.idle : now.idle - idle))
            fail_msg("%s, limits %zu, seed %" PRIu64 ", tick %d: %" PRIu64 " in use, %" PRIu64
                     " idle; then %zu idle, not %zu; %zu changed",
                     kinds[k].name, l, seed, tick, now.in_use, now.idle, idle, expected, changed);
        }
        while (in_use > 0) objpool_release(pool, held[--in_use]);
        objpool_destroy(pool);
      }
}

/* ---- nothing to do */

#if defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__) || defined(__riscv)) && !THREAD_SANITIZED && \
    !ADDRESS_SANITIZED
static void maintain_without_system_calls(void *argument) {
  objpool *pool = (objpool *)argument;
  size_t changed = 0;
  forbid_system_calls();
  for (int frame = 0; frame < 500; frame++) changed += objpool_maintain(pool);
  _exit(changed ? 3 : 0);
}

static void *use_and_stay(void *argument) { /* a thread whose cache stays open, with objects in it */
  gate *gates = (gate *)argument;
  use_once(&shared.base, 30);
  gate_open(&gates[0]);
  gate_wait(&gates[1]);
  return NULL;
}

static void with_nothing_to_do_maintenance_makes_no_system_call(void **state) {
  (void)state;
  for (size_t k = 0; k < COUNT_OF(kinds); k++)
    for (int with = 0; with < 4; with++) { /* with objects in use, with idle ones in another thread's cache */
      objpool_config config = defaults();
      char said[300];
      config.min_idle = 6;
      config.ignore_pressure = with == 3;
      objpool *pool = begin(&kinds[k], config);
      void *held[20];
      gate gates[2];
      pthread_t thread = pthread_self();
      size_t in_use = with == 1 ? 20 : 0;
      bool another = with == 2 && !kinds[k].local;
      assert_int_equal(objpool_acquire_many(pool, held, in_use), in_use);
      if (another) {
        gate_make(&gates[0]);
        gate_make(&gates[1]);
        thread = start_thread(use_and_stay, gates);
        gate_wait(&gates[0]);
      }
      let_it_rest(pool);
      if (another) { /* idle objects, and an open cache */
        use_once(pool, 6);
        let_it_rest(pool);
      }
      int status = in_child(maintain_without_system_calls, pool, said, sizeof said);
      if (another) {
        gate_open(&gates[1]);
        join_thread(thread);
        gate_close(&gates[0]);
        gate_close(&gates[1]);
      }
      objpool_release_many(pool, held, in_use);
      objpool_destroy(pool);
      if (WIFEXITED(status) && WEXITSTATUS(status) == 77) skip(); /* no filters here */
      if (!EXITED_WELL(status))
        fail_msg("%s, %d: a system call, or something was done: status %x %s", kinds[k].name, with, status, said);
    }
}
#else
static void with_nothing_to_do_maintenance_makes_no_system_call(void **state) {
  (void)state;
  skip();
}
#endif

int main(void) {
#define TEST(name) cmocka_unit_test_setup(name, a_new_second)
  const struct CMUnitTest tests[] = {
      TEST(maintenance_goes_down_to_min_idle_however_few_are_alive),
      TEST(the_memory_goes_back_with_the_last_of_them),
      TEST(min_idle_is_what_init_created_unless_said_otherwise),
      TEST(no_min_idle_fits_any_limit),
      TEST(pressure_takes_all_but_what_init_created),
      TEST(maintenance_looks_at_the_machine_once_a_second),
      TEST(what_was_seen_holds_for_all_pools_until_the_next_look),
      TEST(who_asks_is_told_what_is_now),
      TEST(all_threads_share_the_look),
      TEST(a_pool_may_ignore_the_pressure),
      TEST(maintenance_follows_its_rule),
      TEST(with_nothing_to_do_maintenance_makes_no_system_call),
  };
  return cmocka_run_group_tests(tests, make_kernel_files, remove_kernel_files);
}
