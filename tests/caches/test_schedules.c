/* Threads as fibers of one thread, which take turns at any atomic access and any lock of the implementation, in an order
   that random numbers choose: meetings that come once in 10^8 operations by chance come here in each second run or so, and
   a seed brings them back. Every order is sequentially consistent: weak ones are for the models and ThreadSanitizer.
   C only, and glibc only: it needs ucontext. no sanitizer: they do not follow fibers. */
#include "support.h"

#include <sched.h>
#include <sys/syscall.h>
#include <ucontext.h>

#if defined(__linux__) && defined(__GLIBC__) && !THREAD_SANITIZED && !ADDRESS_SANITIZED

static void step(void);
static int taken_in_turn(pthread_mutex_t *lock);
static long turned_into_turns(long number, ...);
static void panic_here(const char *message);

#define __atomic_load_n(...) (step(), __atomic_load_n(__VA_ARGS__))
#define __atomic_store_n(...) (step(), __atomic_store_n(__VA_ARGS__))
#define __atomic_exchange_n(...) (step(), __atomic_exchange_n(__VA_ARGS__))
#define __atomic_compare_exchange_n(...) (step(), __atomic_compare_exchange_n(__VA_ARGS__))
#define __atomic_fetch_add(...) (step(), __atomic_fetch_add(__VA_ARGS__))
#define __atomic_fetch_sub(...) (step(), __atomic_fetch_sub(__VA_ARGS__))
#define __atomic_add_fetch(...) (step(), __atomic_add_fetch(__VA_ARGS__))
#define __atomic_sub_fetch(...) (step(), __atomic_sub_fetch(__VA_ARGS__))
#define __atomic_test_and_set(...) (step(), __atomic_test_and_set(__VA_ARGS__))
#define __atomic_clear(...) (step(), __atomic_clear(__VA_ARGS__))
#define pthread_mutex_lock(lock) taken_in_turn(lock)
#define syscall turned_into_turns
#define sched_yield() must_wait()
static void must_wait(void);
#define OBJPOOL_PANIC(message) panic_here(message)
#define OBJPOOL_MAX_THREADS 8
#define OBJPOOL_IMPLEMENTATION
#include "pools.h"
#undef __atomic_load_n
#undef __atomic_store_n
#undef __atomic_exchange_n
#undef __atomic_compare_exchange_n
#undef __atomic_fetch_add
#undef __atomic_fetch_sub
#undef __atomic_add_fetch
#undef __atomic_sub_fetch
#undef __atomic_test_and_set
#undef __atomic_clear
#undef pthread_mutex_lock
#undef syscall
#undef sched_yield

#ifndef MORE /* -DMORE=100: so many times as many runs */
#define MORE 1
#endif

/* ---- fibers, and whose turn it is */

enum { MOST_FIBERS = 4, STACK_BYTES = 256 * 1024, MOST_STEPS = 400000 };

typedef struct fiber {
  ucontext_t context;
  char *stack;
  void (*body)(void);
  bool ended;
  uintptr_t row; /* what a thread has for itself */
  int error;
  jmp_buf *back;
} fiber;

static fiber fibers[MOST_FIBERS];
static ucontext_t stage;
static int fiber_count, fibers_left, now_on = -1; /* -1: no fiber, no turns */
static uint64_t seed, first_seed;
static size_t one_in; /* so many steps, on average, to a turn; 0: … */
static long turns[6]; /* … turns at these steps alone, as few as a meeting needs */
static size_t turn_count;
static long steps;
static const char *mistake;
static const char *now_playing;
static bool hung;

static void go_on_with(int next) {
  int from = now_on;
  if (next == from) return;
  fibers[from].row = objpool__thread_row;
  fibers[from].error = errno;
  now_on = next;
  objpool__thread_row = fibers[next].row;
  swapcontext(&fibers[from].context, &fibers[next].context);
  errno = fibers[now_on].error;
}

static int another(void) {
  int next = now_on;
  for (size_t skip = random_below(&seed, (size_t)fiber_count) + 1; skip > 0;) {
    next = (next + 1) % fiber_count;
    if (!fibers[next].ended) skip--;
  }
  return next;
}

/* Ends the play, out of any fiber. */
static void leave_the_stage(void) {
  now_on = -1;
  setcontext(&stage);
}

static void expect(bool holds, const char *promise) {
  if (holds) return;
  mistake = promise;
  if (now_on >= 0) leave_the_stage();
}

static void note_the_moment(void);

static void step(void) {
  if (now_on < 0) return;
  note_the_moment();
  if (++steps > MOST_STEPS) {
    hung = true;
    leave_the_stage();
  }
  if (one_in) {
    if (random_below(&seed, one_in) == 0) go_on_with(another());
    return;
  }
  for (size_t i = 0; i < turn_count; i++)
    if (turns[i] == steps) go_on_with(another());
}

/* It cannot go on before another did something. */
static void must_wait(void) {
  if (now_on < 0) return;
  steps++;
  step();
  go_on_with(another());
}

static int taken_in_turn(pthread_mutex_t *lock) {
  step();
  while (pthread_mutex_trylock(lock) != 0) {
    CHECK(now_on >= 0);
    must_wait();
  }
  return 0;
}

static long turned_into_turns(long number, ...) {
  long words[6];
  va_list list;
  va_start(list, number);
  for (int i = 0; i < 6; i++) words[i] = va_arg(list, long);
  va_end(list);
  if (number == SYS_membarrier) return 0; /* there is one processor, and every access is in order */
  if (number == SYS_futex) {
    if (words[1] != 129) must_wait(); /* a wait: it looks again when its turn comes */
    return 0;
  }
  return syscall(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}

static void panic_here(const char *message) {
  (void)message;
  if (now_on >= 0 && fibers[now_on].back) longjmp(*fibers[now_on].back, 1);
  expect(false, message);
  abort();
}

static void enter(void) {
  fibers[now_on].body();
  objpool__thread_exit(NULL);
  fibers[now_on].ended = true;
  if (--fibers_left == 0) leave_the_stage();
  go_on_with(another());
  abort(); /* nobody comes back to it */
}

/* ---- a play: what there is at the beginning, one part for each fiber, and what must be at the end */

typedef struct play {
  const char *name;
  void (*begin)(void);
  void (*parts[MOST_FIBERS])(void);
  void (*end)(void);
} play;

static void fail_with_the_seed(const char *what) {
  fprintf(stderr, "%s: %s (seed %" PRIu64 ", %ld steps)\n", now_playing, what, first_seed, steps);
  exit(1);
}

static void perform(const play *played, uint64_t chosen) {
  static const size_t paces[] = {1, 2, 3, 5, 8, 15, 30, 60, 120};
  volatile bool over = false;
  seed = first_seed = chosen;
  mistake = NULL;
  hung = false;
  steps = 0;
  fiber_count = 0;
  one_in = random_below(&seed, 4) > 0 ? paces[random_below(&seed, COUNT_OF(paces))] : 0;
  size_t span = (size_t)60 << random_below(&seed, 5);
  turn_count = 1 + random_below(&seed, COUNT_OF(turns));
  for (size_t i = 0; i < turn_count; i++) turns[i] = 1 + (long)random_below(&seed, span);
  played->begin();
  while (fiber_count < MOST_FIBERS && played->parts[fiber_count]) {
    fiber *made = &fibers[fiber_count];
    if (!made->stack) CHECK((made->stack = (char *)malloc(STACK_BYTES)) != NULL);
    CHECK(getcontext(&made->context) == 0);
    made->context.uc_stack.ss_sp = made->stack;
    made->context.uc_stack.ss_size = STACK_BYTES;
    made->context.uc_link = NULL;
    made->body = played->parts[fiber_count];
    made->ended = false;
    made->row = 0;
    made->error = 0;
    made->back = NULL;
    makecontext(&made->context, enter, 0);
    fiber_count++;
  }
  fibers_left = fiber_count;
  uintptr_t row = objpool__thread_row;
  CHECK(getcontext(&stage) == 0);
  if (!over) {
    over = true;
    now_on = (int)random_below(&seed, (size_t)fiber_count);
    objpool__thread_row = 0;
    setcontext(&fibers[now_on].context);
  }
  objpool__thread_row = row;
  if (hung) fail_with_the_seed("somebody waits for ever");
  if (mistake) fail_with_the_seed(mistake);
  played->end();
  if (mistake) fail_with_the_seed(mistake);
}

static uint64_t runs; /* of each play */

static void perform_again_and_again(void *argument) {
  const play *played = (const play *)argument;
  const char *chosen = getenv("SEED"); /* of a run that is to be looked at */
  now_playing = played->name;
  alarm(600);
  signal(SIGSEGV, SIG_DFL); /* cmocka's handlers belong to its own process */
  signal(SIGABRT, SIG_DFL);
  if (chosen) {
    perform(played, strtoull(chosen, NULL, 10));
    return;
  }
  for (uint64_t run = 1; run <= runs; run++) perform(played, run * UINT64_C(0x9e3779b97f4a7c15));
}

static char output[2000];

static int perform_all(const play *plays, size_t count, uint64_t how_often) {
  int failures = 0;
  runs = how_often * MORE;
  for (size_t i = 0; i < count; i++) {
    const char *chosen = getenv("PLAY"); /* as SEED */
    if (chosen && strcmp(chosen, plays[i].name) != 0) continue;
    int status = in_child(perform_again_and_again, (void *)(uintptr_t)&plays[i], output, sizeof output);
    if (EXITED_WELL(status)) continue;
    failures++;
    print_error("%s%s", output, WIFEXITED(status) ? "" : "it was ended by a signal\n");
  }
  return failures;
}

/* ---- the pool of the plays */

typedef struct thing {
  long held, number;
} thing;

static bool look(thing *object, void *context) {
  (void)object, (void)context;
  step(); /* a hook runs without any lock: others may do all they like */
  step();
  return true;
}
static void clean(thing *object, void *context) {
  (void)context;
  step();
  object->number++;
  step();
}

OBJPOOL_DEFINE(plain_pool, thing);
OBJPOOL_DEFINE(looked_pool, thing, opt.validate = look, opt.validate_on = OBJPOOL_ON_MAINTAIN);
OBJPOOL_DEFINE(reset_pool, thing, opt.reset = clean, opt.validate = look, opt.validate_on = OBJPOOL_ON_RELEASE);

static union {
  objpool base;
  plain_pool plain;
  looked_pool looked;
  reset_pool reset;
} pool;

static thing *held[64];
static size_t held_count, cap, most_idle;
static long ended[MOST_FIBERS];

enum { PLAIN, LOOKED, RESET };

static void make(int kind, size_t cache_size, size_t max_idle, size_t max_objects, size_t objects, size_t out) {
  objpool_config config;
  if (pool.base.state) objpool_destroy(&pool.base);
  memset(&pool, 0, sizeof pool);
  memset(&config, 0, sizeof config);
  config.cache_size = cache_size;
  config.max_idle = most_idle = max_idle;
  config.max_objects = cap = max_objects;
  config.on_leak = OBJPOOL_LEAK_IGNORE;
  objpool_set_pressure_source(no_pressure, NULL);
  CHECK(kind == PLAIN    ? plain_pool_init(&pool.plain, &config)
        : kind == LOOKED ? looked_pool_init(&pool.looked, &config)
                         : reset_pool_init(&pool.reset, &config));
  CHECK(objpool_warmup(&pool.base, objects) == objects);
  memset(ended, 0, sizeof ended);
  held_count = 0;
  for (size_t i = 0; i < out; i++) CHECK((held[held_count++] = (thing *)objpool_acquire(&pool.base)) != NULL);
  for (size_t i = 0; i < out; i++) held[i]->held = 1;
}

static thing *hold(void *object) {
  thing *mine = (thing *)object;
  if (!mine) return NULL;
  expect(mine->held == 0, "nobody has what another one has");
  mine->held = 1;
  return mine;
}

static void give(thing *object) {
  if (!object) return;
  expect(object->held == 1, "what is held stays held");
  object->held = 0;
  objpool_release(&pool.base, object);
}

/* ---- moments: was there one within a call when nothing was idle? (in pools without caches, where idle objects lie in one
   place; one that is handed to a waiter is taken) */

static struct { bool noted, nothing_idle; } moments[MOST_FIBERS];

static bool nothing_is_idle(void) {
  const objpool__state *seen = pool.base.state;
  return !objpool__number(seen->depot.full) && !seen->commons.count && !seen->commons.aside_count;
}

static void note_the_moment(void) {
  if (pool.base.state && pool.base.state->engine != &objpool__cached_engine && nothing_is_idle())
    for (int i = 0; i < fiber_count; i++) moments[i].nothing_idle = true;
}

static void look_from_here(void) { moments[now_on].nothing_idle = nothing_is_idle(); }
static bool had_a_reason(void) { return moments[now_on].nothing_idle; }

/* ---- at the end all is there */

static void all_is_there(void) {
  thing *objects[128];
  size_t count = 0, wanted = cap ? cap : 60;
  objpool_stats stats;
  while (held_count > 0) give(held[--held_count]);
  stats = objpool_snapshot(&pool.base);
  expect(stats.in_use == 0 && stats.waiting == 0, "nothing is in use, nobody waits");
  expect(stats.created - stats.destroyed - stats.extracted == stats.idle, "what was built and not destroyed is idle");
  expect(stats.acquires - stats.releases - stats.extracted == 0, "what was acquired came back");
  expect(!most_idle || stats.idle <= most_idle, "no more are idle than may be");
  expect(!cap || stats.idle <= cap, "no more are alive than may be");
  while (count < wanted && (objects[count] = hold(objpool_acquire(&pool.base))) != NULL) count++;
  expect(count == wanted, "all that may be alive can be had");
  if (cap) expect(objpool_acquire(&pool.base) == NULL && errno == EAGAIN, "and no more");
  while (count > 0) give(objects[--count]);
  stats = objpool_snapshot(&pool.base);
  if (most_idle && wanted >= most_idle) expect(stats.idle == most_idle, "as many are idle as may be");
  expect(objpool_clear(&pool.base) == stats.idle && objpool_snapshot(&pool.base).idle == 0, "clear reaches all");
}

/* ---- try_acquire fails only with a reason */

static void one_out_uncached(void) { make(PLAIN, OBJPOOL_NO_CACHE, 0, 1, 1, 1); }
static void one_out_cached(void) { make(PLAIN, 2, 0, 1, 1, 1); }

static void release_all_held(void) {
  for (size_t i = held_count; i > 0; i--) give(held[i - 1]);
  held_count = 0;
  ended[0] = 1;
}
static void wait_for_one(void) {
  thing *object = hold(objpool_acquire_for(&pool.base, -1));
  expect(object != NULL, "a wait without limit ends with an object");
  give(object);
  ended[1] = 1;
}
static void try_when_it_is_idle(void) {
  thing *object;
  while (!ended[0]) must_wait();
  look_from_here();
  object = hold(objpool_try_acquire(&pool.base));
  expect(object || pool.base.state->engine == &objpool__cached_engine || had_a_reason(),
         "try_acquire fails only if at some moment nothing was idle");
  give(object);
}
static void acquire_when_it_is_idle(void) {
  thing *object;
  while (!ended[0]) must_wait();
  look_from_here();
  object = hold(objpool_acquire(&pool.base));
  expect(object || pool.base.state->engine == &objpool__cached_engine || had_a_reason(),
         "acquire fails at the cap only if at some moment nothing was idle");
  give(object);
}

static const play tries[] = {
    {"try_acquire beside a waiter",
     one_out_uncached,
     {release_all_held, wait_for_one, try_when_it_is_idle},
     all_is_there},
    {"acquire beside a waiter",
     one_out_uncached,
     {release_all_held, wait_for_one, acquire_when_it_is_idle},
     all_is_there},
    {"try_acquire beside two waiters",
     one_out_uncached,
     {release_all_held, wait_for_one, try_when_it_is_idle, wait_for_one},
     all_is_there},
    {"try_acquire beside a waiter, cached",
     one_out_cached,
     {release_all_held, wait_for_one, try_when_it_is_idle},
     all_is_there},
};

static void try_and_acquire_fail_only_with_a_reason(void **state) {
  (void)state;
  assert_int_equal(perform_all(tries, COUNT_OF(tries), 10000), 0);
}

/* ---- a waiter is woken, whatever else goes on */

static void two_out_uncached(void) { make(PLAIN, OBJPOOL_NO_CACHE, 0, 2, 2, 2); }
static void two_out_cached(void) { make(PLAIN, 2, 0, 2, 2, 2); }
static void two_out_looked_uncached(void) { make(LOOKED, OBJPOOL_NO_CACHE, 0, 2, 2, 2); }
static void two_out_looked_cached(void) { make(LOOKED, 2, 0, 2, 2, 2); }

static void keep_one_until_the_waiter_is_served(void) {
  thing *object = hold(objpool_try_acquire(&pool.base));
  while (!ended[1]) must_wait();
  give(object);
}
static void trim_to_one(void) { (void)objpool_trim(&pool.base, 1); }
static void clear_all(void) { (void)objpool_clear(&pool.base); }
static void maintain(void) {
  (void)objpool_maintain(&pool.base);
  (void)objpool_maintain(&pool.base);
}
static void resize_to_one_and_back(void) {
  expect(objpool_resize(&pool.base, OBJPOOL_UNCHANGED, 1), "resize");
  expect(objpool_resize(&pool.base, OBJPOOL_UNCHANGED, 2), "resize");
}
static void resize_up(void) {
  expect(objpool_resize(&pool.base, OBJPOOL_UNCHANGED, 3), "resize");
  cap = 3;
}
static void discard_all_held(void) {
  for (size_t i = held_count; i > 0; i--) {
    held[i - 1]->held = 0;
    objpool_discard(&pool.base, held[i - 1]);
  }
  held_count = 0;
  ended[0] = 1;
}
static void keep_all(void) {
  while (!ended[1]) must_wait();
  release_all_held();
}
static void release_all_and_keep_one(void) {
  release_all_held();
  keep_one_until_the_waiter_is_served();
}
static void trim_beside_the_waiter(void) {
  while (!pool.base.state->queue.waiting && !ended[1]) must_wait();
  (void)objpool_trim(&pool.base, 1);
}
static void time_out(void) {
  thing *object = hold(objpool_acquire_for(&pool.base, 1));
  give(object);
}

static const play waits[] = {
    {"a waiter and trim",
     two_out_uncached,
     {release_all_held, wait_for_one, keep_one_until_the_waiter_is_served, trim_to_one},
     all_is_there},
    {"a waiter and a late trim",
     two_out_uncached,
     {release_all_and_keep_one, wait_for_one, trim_beside_the_waiter},
     all_is_there},
    {"a waiter and clear",
     two_out_uncached,
     {release_all_held, wait_for_one, keep_one_until_the_waiter_is_served, clear_all},
     all_is_there},
    {"a waiter and maintenance",
     two_out_looked_uncached,
     {release_all_held, wait_for_one, keep_one_until_the_waiter_is_served, maintain},
     all_is_there},
    {"a waiter and resize",
     two_out_uncached,
     {release_all_held, wait_for_one, keep_one_until_the_waiter_is_served, resize_to_one_and_back},
     all_is_there},
    {"a waiter and a higher cap", two_out_uncached, {keep_all, wait_for_one, resize_up}, all_is_there},
    {"a waiter and discard",
     two_out_uncached,
     {discard_all_held, wait_for_one, keep_one_until_the_waiter_is_served, trim_to_one},
     all_is_there},
    {"a waiter and one whose time is up",
     two_out_uncached,
     {release_all_held, wait_for_one, time_out, keep_one_until_the_waiter_is_served},
     all_is_there},
    {"a waiter and trim, cached",
     two_out_cached,
     {release_all_held, wait_for_one, keep_one_until_the_waiter_is_served, trim_to_one},
     all_is_there},
    {"a waiter and clear, cached",
     two_out_cached,
     {release_all_held, wait_for_one, keep_one_until_the_waiter_is_served, clear_all},
     all_is_there},
    {"a waiter and maintenance, cached",
     two_out_looked_cached,
     {release_all_held, wait_for_one, keep_one_until_the_waiter_is_served, maintain},
     all_is_there},
    {"a waiter and resize, cached",
     two_out_cached,
     {release_all_held, wait_for_one, keep_one_until_the_waiter_is_served, resize_to_one_and_back},
     all_is_there},
    {"a waiter and a higher cap, cached", two_out_cached, {keep_all, wait_for_one, resize_up}, all_is_there},
    {"a waiter and discard, cached",
     two_out_cached,
     {discard_all_held, wait_for_one, keep_one_until_the_waiter_is_served, trim_to_one},
     all_is_there},
    {"a waiter and one whose time is up, cached",
     two_out_cached,
     {release_all_held, wait_for_one, time_out, keep_one_until_the_waiter_is_served},
     all_is_there},
};

static void waiter_is_woken_whatever_goes_on(void **state) {
  (void)state;
  assert_int_equal(perform_all(waits, COUNT_OF(waits), 3000), 0);
}

/* ---- maintenance, resize, trim and use of one pool */

static void idle_ones_looked_cached(void) { make(LOOKED, 2, 40, 100, 30, 0); }
static void idle_ones_looked_uncached(void) { make(LOOKED, OBJPOOL_NO_CACHE, 40, 100, 30, 0); }
static void idle_ones_plain_cached(void) { make(PLAIN, 2, 40, 100, 30, 0); }
static void full_looked_cached(void) { make(LOOKED, 2, 12, 100, 12, 0); }
static void some_idle_capped(void) { make(LOOKED, 2, 0, 12, 8, 0); }

static void resize_down_up_down(void) {
  expect(objpool_resize(&pool.base, 12, OBJPOOL_UNCHANGED), "resize");
  expect(objpool_resize(&pool.base, 40, OBJPOOL_UNCHANGED), "resize");
  expect(objpool_resize(&pool.base, 12, OBJPOOL_UNCHANGED), "resize");
  most_idle = 12;
}
static void resize_down_and_up(void) {
  expect(objpool_resize(&pool.base, 4, OBJPOOL_UNCHANGED), "resize");
  expect(objpool_resize(&pool.base, 12, OBJPOOL_UNCHANGED), "resize");
}
static void maintain_once(void) { (void)objpool_maintain(&pool.base); }
static void resize_the_cap(void) {
  expect(objpool_resize(&pool.base, OBJPOOL_UNCHANGED, 5), "resize");
  expect(objpool_resize(&pool.base, OBJPOOL_UNCHANGED, 12), "resize");
}
static void use_some(void) {
  thing *objects[10];
  for (int round = 0; round < 3; round++) {
    size_t count = 0;
    while (count < 10 && (objects[count] = hold(objpool_acquire(&pool.base)))) count++;
    while (count > 0) give(objects[--count]);
  }
}
static void trim_some(void) {
  (void)objpool_trim(&pool.base, 3);
  (void)objpool_warmup(&pool.base, 8);
}

static const play limits[] = {
    {"maintenance and resize", idle_ones_looked_cached, {maintain, resize_down_up_down}, all_is_there},
    {"maintenance and resize of a full one", full_looked_cached, {maintain_once, resize_down_and_up}, all_is_there},
    {"maintenance, resize and use of a full one",
     full_looked_cached,
     {maintain_once, resize_down_and_up, use_some},
     all_is_there},
    {"maintenance, resize and use", idle_ones_looked_cached, {maintain, resize_down_up_down, use_some}, all_is_there},
    {"maintenance, resize and use, without caches",
     idle_ones_looked_uncached,
     {maintain, resize_down_up_down, use_some},
     all_is_there},
    {"trim, resize and use", idle_ones_plain_cached, {trim_some, resize_down_up_down, use_some}, all_is_there},
    {"two resizes and use", some_idle_capped, {resize_the_cap, resize_the_cap, use_some}, all_is_there},
    {"trim, maintenance and use at the cap", some_idle_capped, {trim_some, maintain, use_some, use_some}, all_is_there},
    {"use by three at the cap", some_idle_capped, {use_some, use_some, use_some}, all_is_there},
};

static void limits_are_exact_when_what_changes_them_meets(void **state) {
  (void)state;
  assert_int_equal(perform_all(limits, COUNT_OF(limits), 1500), 0);
}

/* ---- of two that give one object back, one wins */

static long winners;

static __attribute__((noinline)) void give_the_shared_one(void (*how)(void)) {
  jmp_buf target;
  volatile int me = now_on;
  fibers[me].back = &target;
  if (setjmp(target) == 0) {
    how();
    winners++;
  }
  fibers[me].back = NULL;
}

static void release_it(void) { objpool_release(&pool.base, held[0]); }
static void release_it_as_plain(void) { plain_pool_release(&pool.plain, held[0]); }
static void release_it_reset(void) { reset_pool_release(&pool.reset, held[0]); }
static void discard_it(void) { objpool_discard(&pool.base, held[0]); }
static void extract_it(void) {
  thing value = plain_pool_extract(&pool.plain, held[0]);
  (void)value;
}
static void release_shared(void) { give_the_shared_one(release_it); }
static void release_shared_plain(void) { give_the_shared_one(release_it_as_plain); }
static void release_shared_reset(void) { give_the_shared_one(release_it_reset); }
static void discard_shared(void) { give_the_shared_one(discard_it); }
static void extract_shared(void) { give_the_shared_one(extract_it); }

static void shared_uncached(void) {
  make(PLAIN, OBJPOOL_NO_CACHE, 0, 4, 4, 1);
  winners = held[0]->held = 0;
}
static void shared_cached(void) {
  make(PLAIN, 2, 0, 4, 4, 1);
  winners = held[0]->held = 0;
}
static void shared_reset(void) {
  make(RESET, 2, 0, 4, 4, 1);
  winners = held[0]->held = 0;
}
static void shared_reset_uncached(void) {
  make(RESET, OBJPOOL_NO_CACHE, 0, 4, 4, 1);
  winners = held[0]->held = 0;
}
static void one_won(void) {
  expect(winners == 1, "of two that give one object back, one wins");
  held_count = 0;
  if (!mistake) all_is_there();
}

static const play gifts[] = {
    {"release and release, without caches", shared_uncached, {release_shared_plain, release_shared_plain}, one_won},
    {"release and release, without caches and type", shared_uncached, {release_shared, release_shared}, one_won},
    {"release and discard, without caches", shared_uncached, {release_shared_plain, discard_shared}, one_won},
    {"release and extract, without caches", shared_uncached, {release_shared_plain, extract_shared}, one_won},
    {"discard and discard, without caches", shared_uncached, {discard_shared, discard_shared}, one_won},
    {"discard and discard", shared_cached, {discard_shared, discard_shared}, one_won},
    {"extract and extract", shared_cached, {extract_shared, extract_shared}, one_won},
    {"extract and discard", shared_cached, {extract_shared, discard_shared}, one_won},
    {"release and release, with hooks", shared_reset, {release_shared_reset, release_shared_reset}, one_won},
    {"release and discard, with hooks", shared_reset, {release_shared_reset, discard_shared}, one_won},
    {"release and release, with hooks, without caches",
     shared_reset_uncached,
     {release_shared_reset, release_shared_reset},
     one_won},
    {"three releases, with hooks", shared_reset, {release_shared_reset, release_shared, release_shared_reset}, one_won},
};

static void of_two_that_give_one_object_back_one_wins(void **state) {
  (void)state;
  assert_int_equal(perform_all(gifts, COUNT_OF(gifts), 2000), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(try_and_acquire_fail_only_with_a_reason),
      cmocka_unit_test(waiter_is_woken_whatever_goes_on),
      cmocka_unit_test(limits_are_exact_when_what_changes_them_meets),
      cmocka_unit_test(of_two_that_give_one_object_back_one_wins),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

#else
#define OBJPOOL_IMPLEMENTATION
#include "pools.h"
int main(void) {
  printf("[ RUN      ] fibers\nskipped: no ucontext here, or a sanitizer\n");
  return 77;
}
#endif
