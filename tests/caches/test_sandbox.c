/* A running program puts itself into a sandbox that refuses membarrier from now on. Where the system leaves a way to stop
   other threads (on x86 mprotect is one) everything stays exact; where it leaves none, all but what lies in the cache of a
   thread that sleeps through the call, until that thread comes by. A filter cannot be taken off: each test has a child.
   no sanitizer: theirs is a runtime that makes system calls of its own */
#include "support.h"

#include "pools.h"

#include "sandbox.h"
#include <sched.h>

typedef struct thing {
  long owner, built;
} thing;

static long built, taken_down;
static bool build(thing *object, void *context) {
  (void)context;
  object->built = 1;
  count_add(&built, 1);
  return true;
}
static void take_down(thing *object, void *context) {
  (void)context;
  CHECK(object->built == 1);
  object->built = 0;
  count_add(&taken_down, 1);
}

OBJPOOL_DEFINE(thing_pool, thing, opt.create = build, opt.destroy = take_down);

enum { CAP = 64, FEW = 20, LEFT = 20, ENOUGH = 500 };
static size_t cap =
    CAP; /* FEW: a pool without caches, whose idle objects lie in the slot of the one thread that uses it */

static thing_pool pool;
static thing *held[ENOUGH];
static char output[2000];

/* ---- the sandbox */

static bool refuses_mprotect;
static int refusal; /* errno */

#if defined(__x86_64__) || defined(__i386__)
#define WAYS_LEFT (!refuses_mprotect) /* to stop other threads */
#else
#define WAYS_LEFT false
#endif

static void enter_sandbox(void) {
  const long refused[] = {SYS_membarrier, SYS_mprotect};
  if (!filter_system_calls(refused, refuses_mprotect ? 2 : 1, SECCOMP_RET_ERRNO | (unsigned)refusal, SECCOMP_RET_ALLOW,
                           SECCOMP_FILTER_FLAG_TSYNC))
    _exit(77);
}

/* ---- another thread with idle objects in its cache: it sleeps, comes by once, and sleeps again */

static long step;
static size_t leaves;
static bool ends_at_once, keeps; /* it comes by to acquire one, and has it until the end */

static void come_to(long next) { count_set(&step, next); }
static void wait_for_step(long wanted) { WAIT_UNTIL(count_read(&step) >= wanted); }

static void *leave_some_and_come_by_later(void *unused) {
  thing *objects[CAP], *object;
  size_t count = thing_pool_acquire_many(&pool, objects, leaves);
  (void)unused;
  CHECK(count == leaves);
  thing_pool_release_many(&pool, objects, count);
  for (long i = 0; i < 100000 && thing_pool_stats(&pool).refills == 0 && (cap > FEW || i < 2);
       i++) { /* until the slot is open */
    count = thing_pool_acquire_many(&pool, objects, leaves);
    thing_pool_release_many(&pool, objects, count);
  }
  come_to(1);
  wait_for_step(2);
  if (__atomic_load_n(&ends_at_once, __ATOMIC_SEQ_CST)) return NULL;
  object = thing_pool_acquire(&pool); /* it comes by */
  if (object && !keeps) thing_pool_release(&pool, object);
  come_to(3);
  wait_for_step(4);
  if (object && keeps) thing_pool_release(&pool, object);
  return NULL;
}

static pthread_t sleeper;
static size_t in_its_cache; /* at most */

static void begin(size_t max_idle, size_t max_objects, size_t left) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.max_idle = max_idle;
  config.max_objects = max_objects;
  config.cache_size = cap > FEW ? 16 : 0;
  alarm(HANGS_AFTER);
  in_its_cache = 4 * 16; /* two magazines of at most so many */
  leaves = left;
  CHECK(thing_pool_init(&pool, &config));
  thing_pool_release(&pool, thing_pool_acquire(&pool)); /* this thread's slot */
  sleeper = start_thread(leave_some_and_come_by_later, NULL);
  wait_for_step(1);
  enter_sandbox();
}

static void let_it_come_by(void) {
  come_to(2);
  wait_for_step(3);
}

static void hooks_add_up(void) {
  objpool_stats stats = thing_pool_stats(&pool);
  counts_add_up(&stats);
  CHECK((uint64_t)count_read(&built) == stats.created && (uint64_t)count_read(&taken_down) == stats.destroyed);
}

static void end(void) {
  come_to(4);
  join_thread(sleeper);
  CHECK(thing_pool_stats(&pool).in_use == 0);
  hooks_add_up();
  thing_pool_destroy(&pool);
  CHECK(count_read(&built) == count_read(&taken_down));
}

static size_t take_all(void) {
  size_t count = 0;
  while (count < ENOUGH && (held[count] = thing_pool_acquire(&pool)) != NULL) {
    CHECK(held[count]->owner == 0);
    held[count++]->owner = 1;
  }
  return count;
}

static void give_all(size_t count) {
  while (count > 0) {
    held[--count]->owner = 0;
    thing_pool_release(&pool, held[count]);
  }
}

/* ---- what stays exact */

static void acquire_all_there_is(void *unused) {
  size_t count;
  (void)unused;
  begin(0, cap, cap);
  for (int round = 0; round < 3; round++) {
    count = take_all();
    CHECK(errno == EAGAIN);
    CHECK(WAYS_LEFT ? count == cap : count + in_its_cache >= cap);
    give_all(count);
  }
  let_it_come_by();
  count = take_all();
  CHECK(count == cap);
  CHECK(thing_pool_stats(&pool).idle == 0);
  give_all(count);
  end();
}

static void try_to_acquire_all_there_is(void *unused) {
  size_t count = 0;
  (void)unused;
  begin(0, 0, LEFT);
  while (count < LEFT + 1 && (held[count] = thing_pool_try_acquire(&pool)) != NULL) count++;
  if (WAYS_LEFT) CHECK(count >= LEFT && thing_pool_stats(&pool).idle == 0);
  thing_pool_release_many(&pool, held, count);
  let_it_come_by();
  count = 0;
  while (count < ENOUGH && (held[count] = thing_pool_try_acquire(&pool)) != NULL) count++;
  CHECK(thing_pool_stats(&pool).idle == 0);
  thing_pool_release_many(&pool, held, count);
  end();
}

static void resize_to_less(void *unused) {
  size_t count;
  (void)unused;
  begin(400, 4000, LEFT);
  CHECK(thing_pool_resize(&pool, 10, 4000));
  if (WAYS_LEFT) CHECK(thing_pool_stats(&pool).idle <= 10);
  let_it_come_by();
  CHECK(thing_pool_stats(&pool).idle <= 10);
  for (int i = 0; i < 5; i++) {
    count = take_all();
    CHECK(count == ENOUGH);
    give_all(count);
    CHECK(thing_pool_stats(&pool).idle == 10); /* neither more nor less */
    hooks_add_up();
  }
  CHECK(thing_pool_resize(&pool, 200, 4000));
  give_all(take_all());
  CHECK(thing_pool_stats(&pool).idle == 200);
  CHECK(thing_pool_resize(&pool, 0, 30));
  CHECK(take_all() == 30);
  give_all(30);
  end();
}

static void trim_to_none(void *unused) {
  (void)unused;
  begin(0, cap > FEW ? 0 : cap, LEFT);
  CHECK(thing_pool_trim(&pool, 0) >= (WAYS_LEFT ? LEFT : 0));
  if (WAYS_LEFT) CHECK(thing_pool_stats(&pool).idle == 0);
  let_it_come_by();
  (void)thing_pool_clear(&pool);
  CHECK(thing_pool_stats(&pool).idle == 0);
  CHECK(thing_pool_warmup(&pool, 12) == 12);
  CHECK(thing_pool_trim(&pool, 5) == 7);
  end();
}

static void wait_for_what_a_sleeper_has(void *unused) {
  size_t count = 0;
  thing *object;
  (void)unused;
  begin(0, cap, cap);
  count = take_all();
  if (count < cap) { /* the rest lies in its cache */
    CHECK(!WAYS_LEFT);
    object = thing_pool_acquire_for(&pool, 1000000);
    CHECK(!object && errno == ETIMEDOUT);
    CHECK(thing_pool_stats(&pool).waiting == 0);
    let_it_come_by();
    object = thing_pool_acquire_for(&pool, -1);
  } else {
    give_all(1);
    let_it_come_by();
    held[0] = thing_pool_acquire_for(&pool, -1);
    CHECK(held[0]);
    object = NULL;
  }
  thing_pool_release(&pool, object);
  give_all(count);
  end();
}

static long served;
static void *wait_for_one(void *unused) {
  thing *object = thing_pool_acquire_for(&pool, -1);
  (void)unused;
  CHECK(object);
  count_add(&served, 1);
  thing_pool_release(&pool, object);
  return NULL;
}

/* Threads that were started before, as the sandbox may allow no new ones. */
static long may_wait;
static void *wait_for_one_later(void *unused) {
  WAIT_UNTIL(count_read(&may_wait));
  return wait_for_one(unused);
}

static void serve_waiters(void *unused) {
  enum { WAITERS = 3 };
  pthread_t waiters[WAITERS];
  size_t count;
  (void)unused;
  for (int i = 0; i < WAITERS; i++) waiters[i] = start_thread(wait_for_one_later, NULL);
  begin(0, cap, cap);
  give_all(take_all()); /* which asks it to come by */
  let_it_come_by();
  count = take_all();
  CHECK(count == cap);
  count_set(&may_wait, 1);
  WAIT_UNTIL(thing_pool_stats(&pool).waiting == WAITERS);
  held[0]->owner = 0;
  thing_pool_release(&pool, held[0]); /* one goes through all hands */
  for (int i = 0; i < WAITERS; i++) join_thread(waiters[i]);
  CHECK(count_read(&served) == WAITERS);
  held[0] = thing_pool_acquire_for(&pool, -1);
  CHECK(held[0]);
  give_all(count);
  end();
}

static void serve_while_it_keeps_one(void *unused) {
  (void)unused;
  pthread_t waiter = start_thread(wait_for_one_later, NULL);
  begin(0, cap, cap);
  size_t count = take_all();
  bool waits = count < cap;
  CHECK(waits || WAYS_LEFT);
  if (!waits) give_all(count);
  count_set(&may_wait, 1);
  if (waits) WAIT_UNTIL(thing_pool_stats(&pool).waiting == 1);
  keeps = true;
  let_it_come_by();
  join_thread(waiter); /* its acquire has let go of all others */
  CHECK(thing_pool_stats(&pool).in_use == (waits ? count : 0) + 1);
  if (waits) give_all(count);
  end();
}

static void shed_while_it_keeps_one(void *unused) {
  (void)unused;
  begin(0, cap, cap);
  CHECK(thing_pool_resize(&pool, OBJPOOL_UNCHANGED, 2));
  keeps = true;
  let_it_come_by();
  CHECK(thing_pool_stats(&pool).idle + thing_pool_stats(&pool).in_use <= 2);
  end();
}

static void destroy_beside_a_sleeper(void *unused) {
  (void)unused;
  begin(0, cap > FEW ? 0 : cap, LEFT);
  CHECK(thing_pool_stats(&pool).in_use == 0);
  come_to(2); /* the pool's users are done with it before it is destroyed */
  wait_for_step(3);
  thing_pool_destroy(&pool);
  CHECK(count_read(&built) == count_read(&taken_down) && count_read(&built) > 0);
  come_to(4);
  join_thread(sleeper);
}

static void destroy_without_its_coming_by(void *unused) {
  (void)unused;
  begin(0, cap > FEW ? 0 : cap, LEFT);
  thing_pool_destroy(&pool); /* nobody uses it: what lies in its cache goes, too */
  CHECK(count_read(&built) == count_read(&taken_down) && count_read(&built) > 0);
  come_to(2);
  wait_for_step(3);
  thing_pool_destroy(&pool);
  come_to(4);
  join_thread(sleeper);
}

/* It does not come by: it ends, and leaves what its slot had. */
static void wait_for_what_one_that_ends_leaves(void *unused) {
  size_t count = 0;
  (void)unused;
  pthread_t waiter = start_thread(wait_for_one_later, NULL);
  begin(0, cap, cap);
  count = take_all();
  if (count == cap) { /* nothing was out of reach */
    give_all(count);
    count_set(&may_wait, 1);
    join_thread(waiter);
    let_it_come_by();
    end();
    return;
  }
  CHECK(!WAYS_LEFT);
  __atomic_store_n(&ends_at_once, true, __ATOMIC_SEQ_CST);
  count_set(&may_wait, 1);
  WAIT_UNTIL(thing_pool_stats(&pool).waiting == 1);
  come_to(2);
  join_thread(waiter);
  CHECK(count_read(&served) == 1);
  join_thread(sleeper);
  give_all(count);
  hooks_add_up();
  thing_pool_destroy(&pool);
}

/* The same for those who wait in event loops, whose wakes wait until another thread has made a pool: no lock may be held, and it
   may not be that other thread which wakes. */
OBJPOOL_DEFINE(brief_pool, thing);
static long wakes, pools_made, told;

static void *make_a_pool_when_woken(void *unused) {
  brief_pool brief;
  memset(&brief, 0, sizeof brief);
  WAIT_UNTIL(count_read(&wakes));
  brief_pool_release(&brief, brief_pool_acquire(&brief));
  brief_pool_destroy(&brief);
  count_set(&pools_made, 1);
  return unused;
}

static void wake_beside_another_thread(void *unused) {
  (void)unused;
  count_add(&wakes, 1);
  WAIT_UNTIL(count_read(&pools_made));
}

static void take_what_is_told(thing_pool_waiter *waiter, thing *object, int error) {
  (void)waiter;
  CHECK(object && !error);
  thing_pool_release(&pool, object);
  count_add(&told, 1);
}

static void wake_for_what_one_that_ends_leaves(void *unused) {
  objpool_loop loops[2];
  thing_pool_waiter waiters[3];
  (void)unused;
  memset(waiters, 0, sizeof waiters);
  pthread_t maker = start_thread(make_a_pool_when_woken, NULL);
  for (size_t i = 0; i < COUNT_OF(loops); i++)
    CHECK(objpool_loop_init(&loops[i], wake_beside_another_thread, NULL));
  begin(0, cap, cap);
  size_t count = take_all();
  if (count + COUNT_OF(waiters) > cap) { /* nothing was out of reach */
    count_set(&wakes, 1);
    join_thread(maker);
    give_all(count);
    let_it_come_by();
    end();
    for (size_t i = 0; i < COUNT_OF(loops); i++) objpool_loop_destroy(&loops[i]);
    return;
  }
  CHECK(!WAYS_LEFT);
  for (size_t i = 0; i < COUNT_OF(waiters); i++)
    CHECK(!thing_pool_acquire_async(&pool, &waiters[i], &loops[i % COUNT_OF(loops)], -1, take_what_is_told) &&
          errno == EINPROGRESS);
  __atomic_store_n(&ends_at_once, true, __ATOMIC_SEQ_CST);
  come_to(2);
  join_thread(sleeper);
  join_thread(maker);
  CHECK(count_read(&wakes) == (long)COUNT_OF(waiters));
  CHECK(objpool_loop_run(&loops[0], 10) == 2 && objpool_loop_run(&loops[1], 10) == 1);
  CHECK(count_read(&told) == (long)COUNT_OF(waiters));
  for (size_t i = 0; i < COUNT_OF(loops); i++) objpool_loop_destroy(&loops[i]);
  give_all(count);
  hooks_add_up();
  thing_pool_destroy(&pool);
}

/* Many pools whose slots are open when the system begins to refuse, and two threads that close them at the same time. */
enum { OPEN_POOLS = 400 };
static thing_pool many[OPEN_POOLS];
static long trimmed;

static void *trim_every_other(void *first) {
  WAIT_UNTIL(count_read(&may_wait));
  count_add(&trimmed, 1);
  while (count_read(&trimmed) < 2) {} /* at the same time */
  for (size_t i = *(size_t *)first; i < OPEN_POOLS; i += 2) (void)thing_pool_trim(&many[i], 0);
  return NULL;
}

static void stop_others_in_two_threads(void *unused) {
  static size_t firsts[] = {0, 1};
  pthread_t threads[2];
  (void)unused;
  alarm(HANGS_AFTER);
  for (size_t i = 0; i < OPEN_POOLS; i++) thing_pool_release(&many[i], thing_pool_acquire(&many[i]));
  for (size_t i = 0; i < 2; i++) threads[i] = start_thread(trim_every_other, &firsts[i]);
  enter_sandbox();
  count_set(&may_wait, 1);
  for (size_t i = 0; i < 2; i++) join_thread(threads[i]);
  for (size_t i = 0; i < OPEN_POOLS; i++) {
    CHECK(!WAYS_LEFT || thing_pool_stats(&many[i]).idle == 0);
    thing_pool_destroy(&many[i]);
  }
}

/* Room that a slot was granted before a resize is none after it, though the slot could not be closed by then. */
static void resize_beside_a_sleeper_that_holds(void *unused) {
  enum { MOST = 20 };
  (void)unused;
  begin(100, 0, LEFT);
  CHECK(thing_pool_resize(&pool, MOST, OBJPOOL_UNCHANGED));
  let_it_come_by();
  size_t count = thing_pool_acquire_many(&pool, held, 60);
  CHECK(count == 60);
  for (size_t i = 0; i < count; i++) held[i]->owner = 1;
  give_all(count);
  CHECK(thing_pool_stats(&pool).idle <= MOST);
  end();
}

static void in_sandboxes(void (*body)(void *)) {
  const int refusals[] = {EPERM, ENOSYS};
  for (size_t i = 0; i < COUNT_OF(refusals); i++)
    for (int mprotect_too = 0; mprotect_too < 2; mprotect_too++) {
      int status;
      refusal = refusals[i];
      refuses_mprotect = mprotect_too != 0;
      status = in_child(body, NULL, output, sizeof output);
      if (WIFEXITED(status) && WEXITSTATUS(status) == 77) skip();
      if (!EXITED_WELL(status))
        fail_msg("membarrier%s gives %s: status %#x: %s", mprotect_too ? " and mprotect" : "", strerror(refusal),
                 (unsigned)status, output);
    }
}

static void all_of_a_cap_can_be_acquired(void **state) {
  (void)state;
  in_sandboxes(acquire_all_there_is);
}
static void try_acquire_finds_what_other_threads_left(void **state) {
  (void)state;
  in_sandboxes(try_to_acquire_all_there_is);
}
static void max_idle_is_exact_after_a_resize(void **state) {
  (void)state;
  in_sandboxes(resize_to_less);
}
static void trim_reaches_all(void **state) {
  (void)state;
  in_sandboxes(trim_to_none);
}
static void waiter_gets_what_a_sleeper_had_when_it_comes_by(void **state) {
  (void)state;
  in_sandboxes(wait_for_what_a_sleeper_has);
}
static void waiter_gets_what_a_sleeper_had_though_that_keeps_one(void **state) {
  (void)state;
  in_sandboxes(serve_while_it_keeps_one);
}
static void limit_is_kept_once_a_sleeper_came_by_to_keep_one(void **state) {
  (void)state;
  in_sandboxes(shed_while_it_keeps_one);
}
static void waiters_are_served(void **state) {
  (void)state;
  in_sandboxes(serve_waiters);
}
static void waiter_gets_what_a_sleeper_had_when_it_ends(void **state) {
  (void)state;
  in_sandboxes(wait_for_what_one_that_ends_leaves);
}
static void event_loop_is_woken_with_no_lock_held_when_a_sleeper_ends(void **state) {
  (void)state;
  in_sandboxes(wake_for_what_one_that_ends_leaves);
}
static void many_pools_may_be_trimmed_at_once(void **state) {
  (void)state;
  in_sandboxes(stop_others_in_two_threads);
}
static void max_idle_is_exact_once_the_sleeper_came_by(void **state) {
  (void)state;
  in_sandboxes(resize_beside_a_sleeper_that_holds);
}
static void destroy_takes_down_every_object(void **state) {
  (void)state;
  in_sandboxes(destroy_beside_a_sleeper);
  in_sandboxes(destroy_without_its_coming_by);
}

static void the_slot_of_one_who_used_a_small_pool_alone_is_no_exception(void **state) {
  (void)state;
  cap = FEW;
  in_sandboxes(acquire_all_there_is);
  in_sandboxes(trim_to_none);
  in_sandboxes(wait_for_what_a_sleeper_has);
  in_sandboxes(serve_while_it_keeps_one);
  in_sandboxes(shed_while_it_keeps_one);
  in_sandboxes(serve_waiters);
  in_sandboxes(wait_for_what_one_that_ends_leaves);
  in_sandboxes(wake_for_what_one_that_ends_leaves);
  in_sandboxes(destroy_beside_a_sleeper);
  in_sandboxes(destroy_without_its_coming_by);
  cap = CAP;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_of_a_cap_can_be_acquired),
      cmocka_unit_test(try_acquire_finds_what_other_threads_left),
      cmocka_unit_test(max_idle_is_exact_after_a_resize),
      cmocka_unit_test(trim_reaches_all),
      cmocka_unit_test(waiter_gets_what_a_sleeper_had_when_it_comes_by),
      cmocka_unit_test(waiter_gets_what_a_sleeper_had_though_that_keeps_one),
      cmocka_unit_test(limit_is_kept_once_a_sleeper_came_by_to_keep_one),
      cmocka_unit_test(waiters_are_served),
      cmocka_unit_test(waiter_gets_what_a_sleeper_had_when_it_ends),
      cmocka_unit_test(event_loop_is_woken_with_no_lock_held_when_a_sleeper_ends),
      cmocka_unit_test(many_pools_may_be_trimmed_at_once),
      cmocka_unit_test(max_idle_is_exact_once_the_sleeper_came_by),
      cmocka_unit_test(destroy_takes_down_every_object),
      cmocka_unit_test(the_slot_of_one_who_used_a_small_pool_alone_is_no_exception),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
