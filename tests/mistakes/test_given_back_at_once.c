/* Two threads give one object back at the same moment, by release, discard or extract: exactly one of them wins, the other
   panics, and the object is handed out once. So it is in pools without caches and wherever a hook runs on the way back
   (reset, validate, wipe) or the object leaves the pool; the plain release of a pool with caches and without hooks has an
   honest limit, which the README tells. */
#include "support.h"

#include <sched.h>
#include <ucontext.h>

static void panic_here(const char *message);
#define OBJPOOL_PANIC(message) panic_here(message)
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

static __thread jmp_buf *back; /* of this thread */
static __thread char said[300];

static void panic_here(const char *message) {
  snprintf(said, sizeof said, "%s", message);
  if (back) longjmp(*back, 1);
  fprintf(stderr, "unexpected panic: %s\n", message);
  abort();
}

typedef struct thing {
  long owner, resets, built;
} thing;

static long taken_down;
static void clean(thing *object, void *context) {
  (void)context;
  __atomic_fetch_add(&object->resets, 1, __ATOMIC_SEQ_CST); /* by one thread alone, or this counts it */
}
static bool look(thing *object, void *context) {
  (void)context;
  __atomic_fetch_add(&object->resets, 1, __ATOMIC_SEQ_CST);
  return true;
}
static bool build(thing *object, void *context) {
  (void)context;
  object->built = 1;
  return true;
}
static void take_down(thing *object, void *context) {
  (void)context;
  __atomic_fetch_add(&object->built, -1, __ATOMIC_SEQ_CST);
  count_add(&taken_down, 1);
}

OBJPOOL_DEFINE(plain_pool, thing);
OBJPOOL_DEFINE(reset_pool, thing, opt.reset = clean);
OBJPOOL_DEFINE(valid_pool, thing, opt.validate = look, opt.validate_on = OBJPOOL_ON_RELEASE);
OBJPOOL_DEFINE(taken_pool, thing, opt.create = build, opt.destroy = take_down);
OBJPOOL_DEFINE(wiped_pool, thing, opt.wipe = true);

/* ---- a pool, and how an object goes back to it: one way for each of two threads */

typedef struct pools {
  plain_pool plain;
  reset_pool reset;
  valid_pool valid;
  taken_pool taken;
  wiped_pool wiped;
} pools;

static pools all;
static thing *shared;

static void release_plain(void) { plain_pool_release(&all.plain, shared); }
static void discard_plain(void) { plain_pool_discard(&all.plain, shared); }
static void extract_plain(void) { CHECK(plain_pool_extract(&all.plain, shared).owner >= 0); }
static void release_untyped(void) { objpool_release(&all.plain.base, shared); }
static void discard_untyped(void) { objpool_discard(&all.plain.base, shared); }
static void release_reset(void) { reset_pool_release(&all.reset, shared); }
static void discard_reset(void) { reset_pool_discard(&all.reset, shared); }
static void release_valid(void) { valid_pool_release(&all.valid, shared); }
static void release_many_valid(void) { valid_pool_release_many(&all.valid, &shared, 1); }
static void discard_taken(void) { taken_pool_discard(&all.taken, shared); }
static void extract_taken(void) { CHECK(taken_pool_extract(&all.taken, shared).owner >= 0); }
static void release_wiped(void) { wiped_pool_release(&all.wiped, shared); }

typedef struct way {
  const char *name;
  objpool *pool;
  bool cached;
  void (*ours)(void), (*theirs)(void);
} way;

static const way ways[] = {
    {"release and release, without caches", &all.plain.base, false, release_plain, release_plain},
    {"release and discard, without caches", &all.plain.base, false, release_plain, discard_plain},
    {"release and extract, without caches", &all.plain.base, false, extract_plain, release_plain},
    {"release and release, without caches and type", &all.plain.base, false, release_untyped, release_plain},
    {"discard and discard", &all.plain.base, true, discard_plain, discard_plain},
    {"extract and extract", &all.plain.base, true, extract_plain, extract_plain},
    {"extract and discard", &all.plain.base, true, extract_plain, discard_plain},
    {"discard and discard, without the type", &all.plain.base, true, discard_untyped, discard_untyped},
    {"discard and discard, with hooks", &all.taken.base, true, discard_taken, discard_taken},
    {"extract and discard, with hooks", &all.taken.base, true, discard_taken, extract_taken},
    {"release and release, with reset", &all.reset.base, true, release_reset, release_reset},
    {"release and discard, with reset", &all.reset.base, true, release_reset, discard_reset},
    {"release and release, with validate", &all.valid.base, true, release_valid, release_valid},
    {"release and release_many, with validate", &all.valid.base, true, release_valid, release_many_valid},
    {"release and release, wiped", &all.wiped.base, true, release_wiped, release_wiped},
    {"release and release, with reset, without caches", &all.reset.base, false, release_reset, release_reset},
};

static void init(const way *tried) {
  objpool_config config;
  memset(&all, 0, sizeof all);
  memset(&config, 0, sizeof config);
  if (!tried->cached) config.cache_size = OBJPOOL_NO_CACHE;
  if (tried->pool == &all.plain.base)
    CHECK(plain_pool_init(&all.plain, &config));
  else if (tried->pool == &all.reset.base)
    CHECK(reset_pool_init(&all.reset, &config));
  else if (tried->pool == &all.valid.base)
    CHECK(valid_pool_init(&all.valid, &config));
  else if (tried->pool == &all.taken.base)
    CHECK(taken_pool_init(&all.taken, &config));
  else
    CHECK(wiped_pool_init(&all.wiped, &config));
}

/* True: the object went back; false: it panicked. */
static __attribute__((noinline)) bool gives_back(void (*how)(void)) {
  jmp_buf target;
  said[0] = 0;
  back = &target;
  if (setjmp(target) == 0) {
    how();
    back = NULL;
    return true;
  }
  back = NULL;
  return false;
}

/* ---- two threads that do it at the same moment, again and again */

static const way *now_tried;
static long go, done;
static bool they_won;
static int failures;

/* False: it went back instead. */
static bool spin_until(const long *counter, long value) {
  for (unsigned spins = 0;; spins++) {
    long now = __atomic_load_n(counter, __ATOMIC_ACQUIRE);
    if (now != value - 1) return now == value;
    if (spins > 2000) sched_yield();
  }
}

enum { ROUNDS = SCALED(20000, 3000, 1500) };

static void *give_back_too(void *unused) {
  for (long i = 1; i <= ROUNDS; i++) {
    if (!spin_until(&go, i)) break;
    for (long k = i / 97 % 89; k > 0; k--) __asm__ volatile("");
    they_won = gives_back(now_tried->theirs);
    if (!they_won) CHECK(said[0]);
    __atomic_store_n(&done, i, __ATOMIC_RELEASE);
  }
  return unused;
}

static void of_two_that_give_back_at_once_one_wins(const way *tried) {
  pthread_t other;
  objpool_stats stats;
  thing *keeps[3];
  init(tried);
  now_tried = tried;
  go = done = 0;
  for (int i = 0; i < 3; i++) keeps[i] = (thing *)objpool_acquire(tried->pool);
  other = start_thread(give_back_too, NULL);
  for (long i = 1; i <= ROUNDS; i++) {
    bool won;
    shared = (thing *)objpool_acquire(tried->pool);
    CHECK(shared);
    shared->resets = 0;
    __atomic_store_n(&go, i, __ATOMIC_RELEASE);
    for (long k = i % 97; k > 0; k--) __asm__ volatile("");
    won = gives_back(tried->ours);
    spin_until(&done, i);
    if (won + they_won != 1) {
      print_error("%s: round %ld: %d of 2 won: %s\n", tried->name, i, won + they_won, said);
      __atomic_store_n(&go, 0, __ATOMIC_RELEASE);
      join_thread(other);
      failures++;
      return; /* the pool is left as it is */
    }
    if (i % 256 == 0) { /* nothing is there twice */
      thing *first = (thing *)objpool_acquire(tried->pool), *second = (thing *)objpool_acquire(tried->pool);
      assert_true(first && second && first != second);
      for (int k = 0; k < 3; k++) assert_true(keeps[k] != first && keeps[k] != second);
      objpool_release(tried->pool, first);
      objpool_release(tried->pool, second);
    }
  }
  join_thread(other);
  for (int i = 0; i < 3; i++) objpool_release(tried->pool, keeps[i]);
  stats = objpool_snapshot(tried->pool);
  assert_int_equal(stats.in_use, 0);
  assert_int_equal(stats.acquires, stats.releases + stats.extracted);
  assert_int_equal(stats.created, stats.destroyed + stats.extracted + stats.idle);
  objpool_destroy(tried->pool);
}

static void exactly_one_wins_and_the_other_panics(void **state) {
  (void)state;
  failures = 0;
  for (size_t i = 0; i < COUNT_OF(ways); i++) of_two_that_give_back_at_once_one_wins(&ways[i]);
  assert_int_equal(failures, 0);
}

/* ---- the second comes between any two instructions of the first: the trap flag of x86 stops it after each */

#if defined(__linux__) && (defined(__x86_64__) || defined(__i386__)) && !THREAD_SANITIZED && !ADDRESS_SANITIZED

enum { TRAP_FLAG = 0x100, GUARD_NS = 300000 };

static volatile sig_atomic_t stepping;
static volatile long steps_done, stop_after;
static long their_turn, their_end; /* counted up, one for each run */

/* The other may have to wait for a lock that this thread holds: then they go on together. */
static void after_a_step(int signal_number, siginfo_t *info, void *context) {
  int saved = errno;
  greg_t *flags = &((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL];
  (void)signal_number, (void)info;
  *flags |= TRAP_FLAG;
  steps_done = steps_done + 1;
  if (!stepping || steps_done > stop_after) {
    *flags &= ~(greg_t)TRAP_FLAG;
    if (stepping) {
      int64_t until = now_ns() + GUARD_NS;
      stepping = 0;
      long turn = __atomic_add_fetch(&their_turn, 1, __ATOMIC_SEQ_CST);
      while (__atomic_load_n(&their_end, __ATOMIC_SEQ_CST) < turn && now_ns() < until) sched_yield();
    }
  }
  errno = saved;
}

static void begin_stepping(void) {
  steps_done = 0;
  stepping = 1;
  __asm__ volatile("int3" ::: "memory");
}

static void give_step_by_step_ours(void) {
  begin_stepping();
  now_tried->ours();
}

static void *give_back_when_the_first_is_stopped(void *unused) {
  for (long turn = 1;; turn++) {
    while (__atomic_load_n(&their_turn, __ATOMIC_SEQ_CST) < turn) sched_yield();
    if (!shared) return unused;
    they_won = gives_back(now_tried->theirs);
    __atomic_store_n(&their_end, turn, __ATOMIC_SEQ_CST);
  }
}

static void between_any_two_instructions_one_wins(const way *tried) {
  pthread_t other;
  bool came_to_its_end = false;
  init(tried);
  now_tried = tried;
  their_turn = their_end = 0;
  thing *keep = (thing *)objpool_acquire(tried->pool);
  other = start_thread(give_back_when_the_first_is_stopped, NULL);
  for (long turn = 0; !came_to_its_end; turn += turn < 150 ? 1 : 31) {
    stop_after = turn;
    bool won;
    shared = (thing *)objpool_acquire(tried->pool);
    CHECK(shared);
    won = gives_back(give_step_by_step_ours);
    if (stepping) { /* it was not stopped: there are no more instructions */
      stepping = 0;
      came_to_its_end = true;
      __atomic_add_fetch(&their_turn, 1, __ATOMIC_SEQ_CST); /* too late, and refused */
    }
    spin_until(&their_end, their_turn);
    if (won + they_won != 1) {
      print_error("%s: stopped after %ld instructions: %d of 2 won\n", tried->name, stop_after, won + they_won);
      failures++;
      shared = NULL;
      __atomic_add_fetch(&their_turn, 1, __ATOMIC_SEQ_CST);
      join_thread(other);
      return; /* the pool is left as it is */
    }
  }
  CHECK(stop_after > 5); /* it did stop */
  shared = NULL;
  __atomic_add_fetch(&their_turn, 1, __ATOMIC_SEQ_CST);
  join_thread(other);
  objpool_release(tried->pool, keep);
  assert_int_equal(objpool_snapshot(tried->pool).in_use, 0);
  objpool_destroy(tried->pool);
}

static void traps_work(void *unused) {
  (void)unused;
  stop_after = 3;
  begin_stepping();
  for (int i = 0; i < 3; i++) __asm__ volatile("");
  _exit(stepping ? 7 : 0);
}

static void second_may_come_between_any_two_instructions(void **state) {
  static char output[300];
  struct sigaction action, before;
  (void)state;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = after_a_step;
  action.sa_flags = SA_SIGINFO;
  CHECK(sigaction(SIGTRAP, &action, &before) == 0);
  if (!EXITED_WELL(in_child(traps_work, NULL, output, sizeof output))) skip(); /* emulators and valgrind */
  failures = 0;
  for (size_t i = 0; i < COUNT_OF(ways); i++) between_any_two_instructions_one_wins(&ways[i]);
  CHECK(sigaction(SIGTRAP, &before, NULL) == 0);
  assert_int_equal(failures, 0);
}
#endif

/* ---- the second comes while the first is in its hook: nothing is left to chance */

static thing *given_in_a_hook;
static void (*second_way)(void);
static long seconds_that_won, seconds_that_panicked;

static void *give_back_second(void *unused) {
  count_add(gives_back(second_way) ? &seconds_that_won : &seconds_that_panicked, 1);
  return unused;
}

static void meet_in_the_hook(thing *object) {
  if (object != given_in_a_hook) return;
  given_in_a_hook = NULL;
  in_another_thread(give_back_second, NULL);
}

static void clean_slowly(thing *object, void *context) {
  (void)context;
  meet_in_the_hook(object);
}
static bool look_slowly(thing *object, void *context) {
  (void)context;
  meet_in_the_hook(object);
  return true;
}
static void take_down_slowly(thing *object, void *context) {
  (void)context;
  meet_in_the_hook(object);
}

OBJPOOL_DEFINE(slow_reset_pool, thing, opt.reset = clean_slowly);
OBJPOOL_DEFINE(slow_validate_pool, thing, opt.validate = look_slowly, opt.validate_on = OBJPOOL_ON_RELEASE);
OBJPOOL_DEFINE(slow_destroy_pool, thing, opt.destroy = take_down_slowly);

static slow_reset_pool slow_reset;
static slow_validate_pool slow_validate;
static slow_destroy_pool slow_destroy;

static void release_slow_reset(void) { slow_reset_pool_release(&slow_reset, shared); }
static void discard_slow_reset(void) { slow_reset_pool_discard(&slow_reset, shared); }
static void extract_slow_reset(void) { CHECK(slow_reset_pool_extract(&slow_reset, shared).owner >= 0); }
static void release_slow_validate(void) { slow_validate_pool_release(&slow_validate, shared); }
static void discard_slow_validate(void) { slow_validate_pool_discard(&slow_validate, shared); }
static void discard_slow_destroy(void) { slow_destroy_pool_discard(&slow_destroy, shared); }
static void release_slow_destroy(void) { slow_destroy_pool_release(&slow_destroy, shared); }

static void second_loses(objpool *pool, void (*first)(void), void (*second)(void)) {
  objpool_stats stats;
  second_way = second;
  seconds_that_won = seconds_that_panicked = 0;
  shared = (thing *)objpool_acquire(pool);
  assert_non_null(shared);
  given_in_a_hook = shared;
  assert_true(gives_back(first));
  assert_int_equal(count_read(&seconds_that_panicked), 1);
  assert_int_equal(count_read(&seconds_that_won), 0);
  stats = objpool_snapshot(pool);
  assert_int_equal(stats.in_use, 0);
  assert_int_equal(stats.created, stats.destroyed + stats.extracted + stats.idle);
}

static void who_comes_while_the_first_is_in_its_hook_panics(void **state) {
  (void)state;
  for (int cached = 0; cached < 2; cached++) {
    objpool_config config;
    memset(&config, 0, sizeof config);
    config.cache_size = cached ? 8 : OBJPOOL_NO_CACHE;
    assert_true(slow_reset_pool_init(&slow_reset, &config));
    assert_true(slow_validate_pool_init(&slow_validate, &config));
    assert_true(slow_destroy_pool_init(&slow_destroy, &config));
    second_loses(&slow_reset.base, release_slow_reset, release_slow_reset);
    second_loses(&slow_reset.base, release_slow_reset, discard_slow_reset);
    second_loses(&slow_reset.base, release_slow_reset, extract_slow_reset);
    second_loses(&slow_validate.base, release_slow_validate, release_slow_validate);
    second_loses(&slow_validate.base, release_slow_validate, discard_slow_validate);
    second_loses(&slow_destroy.base, discard_slow_destroy, discard_slow_destroy);
    second_loses(&slow_destroy.base, discard_slow_destroy, release_slow_destroy);
    slow_reset_pool_destroy(&slow_reset);
    slow_validate_pool_destroy(&slow_validate);
    slow_destroy_pool_destroy(&slow_destroy);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(who_comes_while_the_first_is_in_its_hook_panics),
#if defined(__linux__) && (defined(__x86_64__) || defined(__i386__)) && !THREAD_SANITIZED && !ADDRESS_SANITIZED
    cmocka_unit_test(second_may_come_between_any_two_instructions),
#endif
    cmocka_unit_test(exactly_one_wins_and_the_other_panics),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
