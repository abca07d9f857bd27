/* A program's own fork handlers may use pools, in prepare, parent and child, whenever they were registered: before the
   pool's (from a constructor, here; from main, before a library with the implementation is loaded, in
   tests/lifecycle/fork_handlers.c), so that they run while the fork holds every lock, and after them.
   Each test forks in a child, so that a handler that hangs ends by SIGALRM. */
#include "support.h"

#include <sched.h>

#include "fork/kinds.h"
#include "thing.h"

static bool build(thing *object, void *context) {
  (void)context;
  strcpy(object->text, "built");
  return true;
}
static void clean(thing *object, void *context) {
  (void)context;
  object->owner = 0;
}
static bool look(thing *object, void *context) {
  (void)context;
  return strcmp(object->text, "built") == 0;
}
static void take_down(thing *object, void *context) {
  (void)context;
  object->text[0] = 0;
}

OBJPOOL_DEFINE(thing_pool, thing, opt.create = build, opt.reset = clean, opt.validate = look,
               opt.validate_on = OBJPOOL_ON_ACQUIRE | OBJPOOL_ON_MAINTAIN, opt.destroy = take_down);
OBJPOOL_DEFINE(own_pool, thing, opt.local = true);

/* ---- the handlers: EARLY ones stand before the pool's, LATE ones after them */

enum { EARLY, LATE, TIMES };
enum { PREPARE, PARENT, CHILD, PLACES };

static void (*jobs[TIMES][PLACES])(void);
static long done[TIMES][PLACES];

static void handle(int when, int where) {
  if (where == CHILD) alarm(HANGS_AFTER); /* a child inherits none */
  if (!jobs[when][where]) return;
  jobs[when][where]();
  done[when][where]++;
}

static void early_prepare(void) { handle(EARLY, PREPARE); }
static void early_parent(void) { handle(EARLY, PARENT); }
static void early_child(void) { handle(EARLY, CHILD); }
static void late_prepare(void) { handle(LATE, PREPARE); }
static void late_parent(void) { handle(LATE, PARENT); }
static void late_child(void) { handle(LATE, CHILD); }

/* The first of all constructors that a program may have. */
static __attribute__((constructor(101))) void register_early(void) {
  CHECK(pthread_atfork(early_prepare, early_parent, early_child) == 0);
}

/* ---- pools of each kind */

static const kind kinds[] = {
    {"cached", 0, 0, 8},
    {"cached, with a cap", 64, 0, 8},
    {"cached, with a cap on idle objects", 0, 48, 8},
    {"without caches", 0, 0, OBJPOOL_NO_CACHE},
    {"without caches, with a cap", 64, 40, OBJPOOL_NO_CACHE},
};

static const kind *used;
static thing_pool pool, fresh;
static own_pool own;

static void make_the_pool(void) {
  objpool_config config = config_of(used, "used in handlers");
  thing_pool_destroy(&pool); /* of a test that failed */
  CHECK(thing_pool_init(&pool, &config));
}

static void counts_hold(const objpool_stats *stats) {
  counts_add_up(stats);
  CHECK(!stats->max_objects || stats->in_use + stats->idle <= stats->max_objects);
  CHECK(!stats->max_idle || stats->idle <= stats->max_idle);
}

/* Takes what there is, up to 100; nothing comes twice. */
static size_t take_all(thing_pool *from, thing **objects) {
  size_t count = 0;
  while (count < 100 && (objects[count] = thing_pool_acquire(from)) != NULL) {
    CHECK(objects[count]->owner == 0);
    objects[count]->owner = 1;
    count++;
  }
  return count;
}

/* ---- what handlers do */

static void use_the_pool(void) {
  thing *objects[100];
  size_t cap = used->max_objects, count = take_all(&pool, objects);
  objpool_stats stats = thing_pool_stats(&pool);
  CHECK(count == (cap ? cap : 100));
  CHECK(stats.in_use == count);
  counts_hold(&stats);
  if (count < 100) CHECK(errno == EAGAIN);
  while (count > 30) thing_pool_release(&pool, objects[--count]);
  thing_pool_release_many(&pool, objects, count);
  stats = thing_pool_stats(&pool);
  counts_hold(&stats);
  CHECK(stats.in_use == 0 && stats.idle >= 40);
  for (int i = 0; i < 100; i++) { /* fast ones, perhaps */
    CHECK((objects[0] = thing_pool_acquire(&pool)) != NULL);
    thing_pool_release(&pool, objects[0]);
  }
  CHECK((objects[0] = thing_pool_try_acquire(&pool)) != NULL);
  CHECK((objects[1] = thing_pool_acquire_for(&pool, -1)) != NULL);
  thing_pool_discard(&pool, objects[0]);
  CHECK(thing_pool_extract(&pool, objects[1]).owner == 0);
  CHECK(thing_pool_trim(&pool, 20) == stats.idle - 22);
  CHECK(thing_pool_stats(&pool).idle == 20);
  CHECK(thing_pool_clear(&pool) == 20);
  CHECK(thing_pool_warmup(&pool, 10) == 10);
  CHECK(thing_pool_resize(&pool, 4, OBJPOOL_UNCHANGED));
  CHECK(thing_pool_stats(&pool).idle == 4);
  CHECK(thing_pool_resize(&pool, used->max_idle, OBJPOOL_UNCHANGED));
  CHECK(thing_pool_attach(&pool));
  stats = thing_pool_stats(&pool);
  counts_hold(&stats);
  (void)objpool_maintain(&pool.base);
}

static size_t visited;
static void visit(objpool *found, void *user) {
  (void)user;
  if (found == &pool.base) visited++;
}

static void use_the_registry(void) {
  char text[4000];
  objpool_stats sum = objpool_registry_snapshot();
  CHECK(sum.in_use == 0);
  CHECK(objpool_registry_find("used in handlers") == &pool.base);
  CHECK(strcmp(objpool_name(&pool.base), "used in handlers") == 0);
  visited = 0;
  CHECK(objpool_registry_each(visit, NULL) >= 1 && visited == 1);
  CHECK(objpool_format(NULL, OBJPOOL_JSON, text, sizeof text) > 0);
  CHECK(objpool_format(&pool.base, OBJPOOL_TEXT, text, sizeof text) > 0);
}

/* A pool that lives within the handler, and one that was never used before and stays. */
static void make_pools(void) {
  thing_pool brief;
  own_pool alone;
  thing *object, *another;
  objpool_config config;
  memset(&brief, 0, sizeof brief);
  memset(&alone, 0, sizeof alone);
  memset(&config, 0, sizeof config);
  config.name = "lives within a handler";
  config.warmup = 30;
  CHECK(thing_pool_init(&brief, &config));
  CHECK(objpool_registry_find(config.name) == &brief.base);
  CHECK((object = thing_pool_acquire(&brief)) != NULL);
  thing_pool_release(&brief, object);
  thing_pool_reset_stats(&brief);
  CHECK(thing_pool_stats(&brief).idle == 30);
  thing_pool_destroy(&brief);
  CHECK(!objpool_registry_find(config.name));
  CHECK(own_pool_warmup(&alone, 3) == 3);
  own_pool_destroy(&alone);
  CHECK((object = thing_pool_acquire(&fresh)) != NULL);
  CHECK((another = thing_pool_acquire(&fresh)) != NULL && another != object);
  thing_pool_release(&fresh, object);
  thing_pool_release(&fresh, another);
  CHECK((object = own_pool_acquire(&own)) != NULL);
  own_pool_release(&own, object);
}

static void use_everything(void) {
  use_the_pool();
  use_the_registry();
  make_pools();
}

/* ---- and what parent and child find after it */

static void pool_is_whole(thing_pool *tried, size_t in_use, size_t cap) {
  thing *objects[100];
  size_t count = take_all(tried, objects);
  objpool_stats stats = thing_pool_stats(tried);
  CHECK(stats.in_use == in_use + count);
  CHECK(count == (cap && cap - in_use < 100 ? cap - in_use : 100));
  for (size_t i = 0; i < count; i++) objects[i]->owner = 0;
  thing_pool_release_many(tried, objects, count);
  stats = thing_pool_stats(tried);
  counts_hold(&stats);
  CHECK(stats.in_use == in_use && stats.idle > 0);
  if (tried == &pool && used->cache_size == 8) slots_open_again(&tried->base);
  stats = thing_pool_stats(tried);
  CHECK(thing_pool_clear(tried) == stats.idle);
  stats = thing_pool_stats(tried);
  counts_hold(&stats);
}

#if !THREAD_SANITIZED
static void *use_it_there(void *unused) {
  thing *object = thing_pool_acquire(&pool);
  (void)unused;
  CHECK(object);
  thing_pool_release(&pool, object);
  thing_pool_release(&fresh, thing_pool_acquire(&fresh));
  CHECK(objpool_registry_find("used in handlers") == &pool.base);
  return NULL;
}
#endif

static void everything_is_whole(void) {
  thing *object;
  pool_is_whole(&pool, 0, used->max_objects);
  pool_is_whole(&fresh, 0, 0);
  CHECK((object = own_pool_acquire(&own)) != NULL);
  own_pool_release(&own, object);
#if !THREAD_SANITIZED
  in_another_thread(use_it_there, NULL); /* a new thread finds no lock held */
#endif
  CHECK(objpool_registry_find("used in handlers") == &pool.base);
  thing_pool_destroy(&pool);
  thing_pool_destroy(&fresh);
  own_pool_destroy(&own);
}

/* Forks, and lets parent and child check. */
static void fork_and(void (*check)(void)) {
  int status;
  pid_t child;
  alarm(HANGS_AFTER);
  child = fork();
  CHECK(child >= 0);
  check();
  if (child == 0) _exit(0);
  while (waitpid(child, &status, 0) < 0) CHECK(errno == EINTR);
  CHECK(EXITED_WELL(status));
}

static char output[4000];

static void holds_in_a_child(const char *what, void (*body)(void *), void *argument) {
  int status = in_child(body, argument, output, sizeof output);
  if (!EXITED_WELL(status)) fail_msg("%s: status %#x: %s", what, (unsigned)status, output);
}

/* ---- each handler alone, and all together */

typedef struct plan {
  int when, where; /* TIMES, PLACES: all of them */
  bool used_before;
} plan;

static void fork_with_handlers(void *argument) {
  const plan *chosen = (const plan *)argument;
  long expected = 0, ran = 0;
  if (chosen->used_before) {
    thing *objects[50];
    CHECK(thing_pool_acquire_many(&pool, objects, 50) == 50);
    thing_pool_release_many(&pool, objects, 50);
  }
  for (int when = 0; when < TIMES; when++)
    for (int where = 0; where < PLACES; where++)
      if ((chosen->when == TIMES || chosen->when == when) && (chosen->where == PLACES || chosen->where == where)) {
        jobs[when][where] = use_everything;
        expected += where != CHILD;
      }
  fork_and(everything_is_whole);
  for (int when = 0; when < TIMES; when++) ran += done[when][PREPARE] + done[when][PARENT];
  CHECK(ran == expected);
}

static void in_every_kind_of_pool(int when) {
  plan chosen;
  for (size_t k = 0; k < COUNT_OF(kinds); k++)
    for (int where = 0; where <= PLACES; where++) {
      used = &kinds[k];
      make_the_pool();
      chosen.when = when;
      chosen.where = where;
      chosen.used_before = (k + (size_t)where) % 2 == 0;
      holds_in_a_child(used->name, fork_with_handlers, &chosen);
      thing_pool_destroy(&pool);
    }
}

static void handlers_registered_before_the_pools_may_use_pools(void **state) {
  (void)state;
  in_every_kind_of_pool(EARLY);
}

static void handlers_registered_after_the_pools_may_use_pools(void **state) {
  (void)state;
  in_every_kind_of_pool(LATE);
}

static void all_handlers_may_use_pools_in_one_fork(void **state) {
  plan chosen;
  (void)state;
  chosen.when = TIMES;
  chosen.where = PLACES;
  chosen.used_before = true;
  for (size_t k = 0; k < COUNT_OF(kinds); k++) {
    used = &kinds[k];
    make_the_pool();
    holds_in_a_child(used->name, fork_with_handlers, &chosen);
    thing_pool_destroy(&pool);
  }
}

/* ---- what a handler took or gave back stays so */

enum { OUT = 15 };
static thing *held[OUT];

static void give_back(void) { thing_pool_release_many(&pool, held, OUT); }
static void take(void) { CHECK(thing_pool_acquire_many(&pool, held, OUT) == OUT); }

static void all_came_back(void) {
  CHECK(thing_pool_stats(&pool).idle >= OUT);
  pool_is_whole(&pool, 0, used->max_objects);
}

static void all_are_out(void) {
  pool_is_whole(&pool, OUT, used->max_objects);
  give_back();
  CHECK(thing_pool_stats(&pool).in_use == 0);
}

static void give_back_in_a_handler(void *when) {
  jobs[(intptr_t)when][PREPARE] = give_back;
  fork_and(all_came_back);
}

static void take_in_a_handler(void *when) {
  jobs[(intptr_t)when][PREPARE] = take;
  fork_and(all_are_out);
}

static void what_a_prepare_handler_released_is_idle_in_parent_and_child(void **state) {
  (void)state;
  for (size_t k = 0; k < COUNT_OF(kinds); k++)
    for (intptr_t when = 0; when < TIMES; when++) {
      used = &kinds[k];
      make_the_pool();
      take();
      holds_in_a_child(used->name, give_back_in_a_handler, (void *)when);
      give_back();
      thing_pool_destroy(&pool);
    }
}

static void what_a_prepare_handler_acquired_is_in_use_in_parent_and_child(void **state) {
  (void)state;
  for (size_t k = 0; k < COUNT_OF(kinds); k++)
    for (intptr_t when = 0; when < TIMES; when++) {
      used = &kinds[k];
      make_the_pool();
      holds_in_a_child(used->name, take_in_a_handler, (void *)when);
      thing_pool_destroy(&pool);
    }
}

/* ---- waiting in a handler: nobody can be served while the fork holds everything */

enum { BRIEF = 1000000 }; /* ns */
static int64_t patience;
static int seen_errno[TIMES][PLACES];

static void wait_for_one(int when, int where) {
  errno = 0;
  CHECK(thing_pool_acquire_for(&pool, patience) == NULL);
  seen_errno[when][where] = errno;
}
static void wait_early_prepare(void) { wait_for_one(EARLY, PREPARE); }
static void wait_early_parent(void) { wait_for_one(EARLY, PARENT); }
static void wait_early_child(void) { wait_for_one(EARLY, CHILD); }
static void wait_late_prepare(void) { wait_for_one(LATE, PREPARE); }
static void wait_late_parent(void) { wait_for_one(LATE, PARENT); }
static void wait_late_child(void) { wait_for_one(LATE, CHILD); }

static void nobody_waits(void) {
  CHECK(thing_pool_stats(&pool).waiting == 0);
  CHECK(thing_pool_acquire(&pool) == NULL && errno == EAGAIN);
  thing_pool_release(&pool, held[0]);
  CHECK((held[0] = thing_pool_acquire_for(&pool, -1)) != NULL);
}

static void wait_in_handlers(void *unused) {
  int status;
  pid_t child;
  (void)unused;
  CHECK(thing_pool_resize(&pool, used->max_idle ? 1 : OBJPOOL_UNCHANGED, 1));
  CHECK((held[0] = thing_pool_acquire(&pool)) != NULL);
  jobs[EARLY][PREPARE] = wait_early_prepare;
  jobs[EARLY][PARENT] = wait_early_parent;
  if (patience == BRIEF) { /* where it may be a wait like any other */
    jobs[EARLY][CHILD] = wait_early_child;
    jobs[LATE][PREPARE] = wait_late_prepare;
    jobs[LATE][PARENT] = wait_late_parent;
    jobs[LATE][CHILD] = wait_late_child;
  }
  alarm(HANGS_AFTER);
  child = fork();
  CHECK(child >= 0);
  CHECK(seen_errno[EARLY][PREPARE] == EDEADLK);
  if (child) CHECK(seen_errno[EARLY][PARENT] == EDEADLK);
  if (patience == BRIEF) {
    if (!child) CHECK(seen_errno[EARLY][CHILD] == EDEADLK || seen_errno[EARLY][CHILD] == ETIMEDOUT);
    CHECK(seen_errno[LATE][PREPARE] == ETIMEDOUT);
    CHECK(seen_errno[LATE][child ? PARENT : CHILD] == ETIMEDOUT);
  }
  nobody_waits();
  if (child == 0) _exit(0);
  while (waitpid(child, &status, 0) < 0) CHECK(errno == EINTR);
  CHECK(EXITED_WELL(status));
}

static void waiting_in_a_handler_is_a_deadlock_that_is_told(void **state) {
  const int64_t patiences[] = {-1, BRIEF, INT64_C(3600000000000)}; /* told at once, not after an hour */
  (void)state;
  for (size_t k = 0; k < COUNT_OF(kinds); k++)
    for (size_t i = 0; i < COUNT_OF(patiences); i++) {
      used = &kinds[k];
      patience = patiences[i];
      make_the_pool();
      holds_in_a_child(used->name, wait_in_handlers, NULL);
      thing_pool_destroy(&pool);
    }
}

/* ---- a waiter that another thread is stays one, and is served by what a handler gives back */

static long served, may_end;
static void *wait_until_served(void *unused) {
  thing *object = thing_pool_acquire_for(&pool, -1);
  (void)unused;
  CHECK(object);
  count_add(&served, 1);
  thing_pool_release(&pool, object);
  WAIT_UNTIL(count_read(&may_end)); /* ThreadSanitizer takes one that ended before the fork for a leak of the child */
  return NULL;
}

static void serve_in_a_handler(void *when) {
  int status;
  pid_t child;
  pthread_t waiter;
  CHECK(thing_pool_resize(&pool, used->max_idle ? (size_t)OUT : OBJPOOL_UNCHANGED, OUT));
  take();
  waiter = start_thread(wait_until_served, NULL);
  WAIT_UNTIL(thing_pool_stats(&pool).waiting == 1);
  jobs[(intptr_t)when][PREPARE] = give_back;
  alarm(HANGS_AFTER);
  child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    objpool_stats stats = thing_pool_stats(&pool);
    CHECK(stats.waiting == 0 && stats.in_use <= 1); /* one may have been handed to the waiter, who is not here */
    CHECK(stats.in_use + stats.idle == OUT);
    thing *objects[100];
    CHECK(take_all(&pool, objects) == stats.idle);
    _exit(0);
  }
  while (waitpid(child, &status, 0) < 0) CHECK(errno == EINTR);
  CHECK(EXITED_WELL(status));
  count_set(&may_end, 1);
  join_thread(waiter);
  CHECK(count_read(&served) == 1 && thing_pool_stats(&pool).in_use == 0);
}

static void waiter_in_another_thread_gets_what_a_handler_released(void **state) {
  (void)state;
  for (size_t k = 0; k < COUNT_OF(kinds); k++)
    for (intptr_t when = 0; when < TIMES; when++) {
      used = &kinds[k];
      make_the_pool();
      holds_in_a_child(used->name, serve_in_a_handler, (void *)when);
      thing_pool_destroy(&pool);
    }
}

/* One more fork, which leaves nothing held. */
static void fork_once_more(void) {
  int status;
  objpool_monitor monitor;
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) _exit(0);
  while (waitpid(child, &status, 0) < 0) CHECK(errno == EINTR);
  CHECK(EXITED_WELL(status));
  CHECK(objpool_monitor_init(&monitor, NULL, NULL, NULL));
  objpool_monitor_destroy(&monitor); /* which panics amid a fork */
}

/* ---- event loops */

static objpool_loop loop;
static thing_pool_waiter waiter;
static long wakes, told;
static pthread_mutex_t of_the_program = PTHREAD_MUTEX_INITIALIZER;

static void wake(void *unused) {
  (void)unused;
  CHECK(pthread_mutex_lock(&of_the_program) == 0);
  wakes++;
  CHECK(pthread_mutex_unlock(&of_the_program) == 0);
}

static void ready(thing_pool_waiter *who, thing *object, int error) {
  CHECK(who == &waiter && object && error == 0);
  told++;
  thing_pool_release(&pool, object);
}

static void make_the_loop(void) { CHECK(objpool_loop_init(&loop, wake, NULL)); }

static void wait_in_the_loop(void) {
  CHECK(thing_pool_resize(&pool, used->max_idle ? (size_t)OUT : OBJPOOL_UNCHANGED, OUT));
  take();
  CHECK(!thing_pool_acquire_async(&pool, &waiter, &loop, -1, ready) && errno == EINPROGRESS);
}

static void end_the_loop(void) {
  CHECK(objpool_loop_run(&loop, 10) == 1 && told == 1);
  objpool_loop_destroy(&loop);
}

static void the_loop_serves(void) {
  wait_in_the_loop();
  give_back();
  CHECK(wakes == 1);
  end_the_loop();
}

static void make_a_loop_in_handlers(void *when) {
  jobs[(intptr_t)when][PARENT] = jobs[(intptr_t)when][CHILD] = make_the_loop;
  fork_and(the_loop_serves);
}

/* Waits for the fork with a lock of the program's. */
static long has_it, forking;
static void *look_around(void *unused) {
  CHECK(pthread_mutex_lock(&of_the_program) == 0);
  count_set(&has_it, 1);
  WAIT_UNTIL(count_read(&forking));
  CHECK(objpool_registry_find("used in handlers") == &pool.base);
  CHECK(pthread_mutex_unlock(&of_the_program) == 0);
  WAIT_UNTIL(count_read(&may_end)); /* as above */
  return unused;
}

static void give_back_beside_others(void) {
  count_set(&forking, 1);
  give_back();
}

static void give_back_and_end_the_loop(void) {
  give_back_beside_others();
  end_the_loop();
}

static void loop_is_not_the_childs(void) { CHECK(objpool_loop_run(&loop, 10) == 0); }

static bool ends;
static void wake_in_a_handler(void *when) {
  int status;
  pid_t child;
  pthread_t other;
  make_the_loop();
  wait_in_the_loop();
  other = start_thread(look_around, NULL);
  WAIT_UNTIL(count_read(&has_it));
  jobs[(intptr_t)when][PREPARE] = ends ? give_back_and_end_the_loop : give_back_beside_others;
  jobs[(intptr_t)when][CHILD] = loop_is_not_the_childs;
  alarm(HANGS_AFTER);
  child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    jobs[(intptr_t)when][PREPARE] = NULL;
    fork_once_more(); /* which pays what is owed */
    CHECK(objpool_loop_run(&loop, 10) == 0 && wakes == (when ? 1 : 0));
    objpool_loop_destroy(&loop);
    _exit(0);
  }
  while (waitpid(child, &status, 0) < 0) CHECK(errno == EINTR);
  CHECK(EXITED_WELL(status));
  CHECK(wakes == (ends && !when ? 0 : 1));
  if (!ends) end_the_loop();
  count_set(&may_end, 1);
  join_thread(other);
  CHECK(thing_pool_stats(&pool).in_use == 0);
}

/* A pool of one thread, which takes no lock. */
static own_pool_waiter own_waiter;
static thing *own_held;
static void own_ready(own_pool_waiter *who, thing *object, int error) {
  CHECK(who == &own_waiter && object && error == 0);
  told++;
  own_pool_release(&own, object);
}

static void give_back_own(void) { own_pool_release(&own, own_held); }

static void own_object_is_idle_in_the_child(void) {
  objpool_stats stats = own_pool_stats(&own);
  CHECK(own_held && stats.waiting == (stats.in_use ? 1 : 0));
  CHECK(wakes == 0);
  if (stats.in_use) give_back_own(); /* the parent: nothing was handed over by a handler */
  if (stats.in_use) CHECK(wakes == 1 && objpool_loop_run(&loop, 10) == 1 && told == 1);
  CHECK(own_pool_stats(&own).idle == 1);
  objpool_loop_destroy(&loop);
  own_pool_destroy(&own);
}

static void hold_own_and_wait_for_it(void) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.max_objects = 1;
  make_the_loop();
  CHECK(own_pool_init(&own, &config) && (own_held = own_pool_acquire(&own)) != NULL);
  CHECK(!own_pool_acquire_async(&own, &own_waiter, &loop, -1, own_ready) && errno == EINPROGRESS);
}

static void give_back_own_in_a_handler(void *when) {
  hold_own_and_wait_for_it();
  jobs[(intptr_t)when][CHILD] = give_back_own;
  fork_and(own_object_is_idle_in_the_child);
}

/* A thread's first use of a pool that threads share pays what it owes, but not amid a fork. */
static void give_back_own_and_use_another(void) {
  give_back_own();
  thing_pool_release(&fresh, thing_pool_acquire(&fresh));
  CHECK(wakes == 0);
}

static void wakes_are_paid(void) {
  CHECK(wakes == (own_pool_stats(&own).waiting || objpool_loop_next_ns(&loop) < 0 ? 0 : 1));
  CHECK(objpool_loop_run(&loop, 10) == (size_t)wakes && told == wakes);
}

static void *fork_in_a_thread_that_shares_no_pool(void *unused) {
  hold_own_and_wait_for_it();
  jobs[EARLY][PREPARE] = give_back_own_and_use_another;
  fork_and(wakes_are_paid);
  CHECK(wakes == 1);
  return unused;
}

static void fork_in_another_thread(void *unused) {
  in_another_thread(fork_in_a_thread_that_shares_no_pool, unused);
}

/* ---- forks in handlers, where the child goes on with the fork around them */

static pid_t of_the_handler, with_the_loop;
static void fork_in_the_handler(void) {
  jobs[EARLY][PREPARE] = jobs[LATE][PREPARE] = NULL;
  of_the_handler = fork();
  CHECK(of_the_handler >= 0);
  if (of_the_handler == 0) alarm(HANGS_AFTER);
}

static void everything_is_whole_and_the_loop_its_makers(void) {
  CHECK((objpool_loop_next_ns(&loop) >= 0) == (getpid() == with_the_loop)); /* each child is one more fork away */
  fork_once_more();
  everything_is_whole();
}

static own_pool waited_for;
static void fork_in_a_handler(void *when) {
  int status;
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.max_objects = 1;
  make_the_loop();
  CHECK(own_pool_init(&waited_for, &config) && own_pool_acquire(&waited_for));
  CHECK(!own_pool_acquire_async(&waited_for, &own_waiter, &loop, INT64_C(3600000000000), own_ready) && errno == EINPROGRESS);
  with_the_loop = getpid();
  jobs[(intptr_t)when][PREPARE] = fork_in_the_handler;
  use_everything();
  fork_and(everything_is_whole_and_the_loop_its_makers);
  if (of_the_handler == 0) _exit(0);
  while (waitpid(of_the_handler, &status, 0) < 0) CHECK(errno == EINTR);
  CHECK(EXITED_WELL(status));
}

static void with_each_kind(void (*body)(void *)) {
  for (size_t k = 0; k < COUNT_OF(kinds); k++)
    for (intptr_t when = 0; when < TIMES; when++) {
      used = &kinds[k];
      make_the_pool();
      holds_in_a_child(used->name, body, (void *)when);
      thing_pool_destroy(&pool);
    }
}

static void child_of_a_handler_may_go_on_with_the_fork(void **state) {
  (void)state;
  with_each_kind(fork_in_a_handler);
}

static void event_loop_made_in_a_handler_is_of_that_process(void **state) {
  (void)state;
  with_each_kind(make_a_loop_in_handlers);
}

static void event_loop_is_woken_when_the_fork_holds_no_lock(void **state) {
  (void)state;
  with_each_kind(wake_in_a_handler);
}

static void event_loop_that_a_handler_ends_is_not_woken_afterwards(void **state) {
  (void)state;
  ends = true;
  with_each_kind(wake_in_a_handler);
}

static void local_pool_serves_no_event_loop_of_the_parent(void **state) {
  (void)state;
  with_each_kind(give_back_own_in_a_handler);
}

static void event_loop_is_not_woken_by_a_handlers_first_use_of_a_pool(void **state) {
  (void)state;
  used = &kinds[0];
  holds_in_a_child("first use", fork_in_another_thread, NULL);
}

/* ---- the first that a child does with the library, in a handler that comes before ours */

static objpool_monitor monitor;

static void end_a_monitor(void) { objpool_monitor_destroy(&monitor); }
static void stop_a_monitor(void) { objpool_monitor_stop(&monitor); }
#if !THREAD_SANITIZED
static void start_a_monitor(void) { CHECK(objpool_monitor_start(&monitor, UINT64_C(3600000000000))); }
#endif
static void destroy_a_pool(void) { own_pool_destroy(&waited_for); }

static void first_call_in_a_child(void *call) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.max_objects = 1;
  config.on_leak = OBJPOOL_LEAK_IGNORE;
  make_the_loop();
  CHECK(own_pool_init(&waited_for, &config) && own_pool_acquire(&waited_for));
  CHECK(!own_pool_acquire_async(&waited_for, &own_waiter, &loop, -1, own_ready) && errno == EINPROGRESS);
  CHECK(objpool_monitor_init(&monitor, NULL, NULL, NULL));
  CHECK(objpool_monitor_start(&monitor, UINT64_C(3600000000000)));
  jobs[EARLY][CHILD] = *(void (*const *)(void))call;
  fork_and(fork_once_more);
}

static void first_call_in_a_child_finds_the_fork_over(void **state) {
  static void (*const calls[])(void) = {
      end_a_monitor,
      stop_a_monitor,
#if !THREAD_SANITIZED
      start_a_monitor,
#endif
      destroy_a_pool,
  };
  (void)state;
  used = &kinds[0];
  for (size_t i = 0; i < COUNT_OF(calls); i++)
    holds_in_a_child("first call", first_call_in_a_child, (void *)(uintptr_t)&calls[i]);
}

/* Nor does it hold slots that it held before: they open again. */
static thing_pool trimmed;
static void trim_a_pool(void) { (void)thing_pool_trim(&trimmed, 0); }

static bool its_slot_opens(void) {
  thing *objects[40];
  uint64_t before = thing_pool_stats(&trimmed).flushes;
  for (size_t i = 0; i < COUNT_OF(objects); i++) CHECK((objects[i] = thing_pool_acquire(&trimmed)) != NULL);
  for (size_t i = 0; i < COUNT_OF(objects); i++) thing_pool_release(&trimmed, objects[i]);
  return thing_pool_stats(&trimmed).flushes > before;
}
static void its_slot_opens_here(void) {
  for (int tries = 0; !its_slot_opens(); tries++) CHECK(tries < 1000);
}

static void trim_first_of_all_in_a_child(void *unused) {
  objpool_config config;
  (void)unused;
  memset(&config, 0, sizeof config);
  config.cache_size = 8;
  CHECK(thing_pool_init(&trimmed, &config));
  if (!its_slot_opens()) return; /* without membarrier none does */
  jobs[EARLY][CHILD] = trim_a_pool;
  fork_and(its_slot_opens_here);
}

static void slots_that_the_first_call_in_a_child_held_open_again(void **state) {
  (void)state;
  used = &kinds[0];
  holds_in_a_child("first trim", trim_first_of_all_in_a_child, NULL);
}

/* ---- while other threads are busy */

static long stop_now;
static void *keep_busy(void *argument) {
  uint64_t seed = (uint64_t)(uintptr_t)argument;
  thing *objects[12];
  while (!count_read(&stop_now)) {
    size_t count = thing_pool_acquire_many(&pool, objects, 1 + random_below(&seed, 12));
    for (size_t i = 0; i < count; i++) CHECK(__atomic_exchange_n(&objects[i]->owner, 1, __ATOMIC_SEQ_CST) == 0);
    for (size_t i = 0; i < count; i++) CHECK(__atomic_exchange_n(&objects[i]->owner, 0, __ATOMIC_SEQ_CST) == 1);
    thing_pool_release_many(&pool, objects, count);
    if (random_below(&seed, 20) == 0) (void)thing_pool_trim(&pool, random_below(&seed, 30));
    if (random_below(&seed, 50) == 0) {
      thing_pool brief;
      memset(&brief, 0, sizeof brief);
      thing_pool_release(&brief, thing_pool_acquire(&brief));
      thing_pool_destroy(&brief);
    }
  }
  return NULL;
}

static void use_beside_others(void) {
  thing *objects[30];
  size_t count = 0;
  while (count < 30 && (objects[count] = thing_pool_acquire(&pool))) {
    CHECK(__atomic_exchange_n(&objects[count]->owner, 1, __ATOMIC_SEQ_CST) == 0);
    count++;
  }
  for (size_t i = 0; i < count; i++) CHECK(__atomic_exchange_n(&objects[i]->owner, 0, __ATOMIC_SEQ_CST) == 1);
  thing_pool_release_many(&pool, objects, count);
  (void)thing_pool_trim(&pool, 5);
  (void)thing_pool_stats(&pool);
  CHECK(objpool_registry_find("used in handlers") == &pool.base);
}

static void fork_beside_busy_threads(void *unused) {
  enum { THREADS = 2 };
  pthread_t threads[THREADS];
  (void)unused;
  for (uintptr_t i = 0; i < THREADS; i++) threads[i] = start_thread(keep_busy, (void *)(i + 1));
  for (int when = 0; when < TIMES; when++)
    for (int where = 0; where < PLACES; where++) jobs[when][where] = use_beside_others;
  for (int i = 0; i < SCALED(60, 30, 20); i++) {
    int status;
    pid_t child;
    alarm(HANGS_AFTER);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      objpool_stats stats = thing_pool_stats(&pool);
      thing *objects[200];
      size_t count = 0;
      counts_hold(&stats);
      if (used->max_objects) {
        while ((objects[count] = thing_pool_acquire(&pool))) count++;
        CHECK(count == used->max_objects - stats.in_use);
        for (size_t k = 0; k < count; k++)
          for (size_t j = 0; j < k; j++) CHECK(objects[k] != objects[j]);
      }
      _exit(0);
    }
    while (waitpid(child, &status, 0) < 0) CHECK(errno == EINTR);
    CHECK(EXITED_WELL(status));
  }
  count_set(&stop_now, 1);
  for (int i = 0; i < THREADS; i++) join_thread(threads[i]);
  CHECK(thing_pool_stats(&pool).in_use == 0);
  objpool_stats stats = thing_pool_stats(&pool);
  counts_hold(&stats);
}

static void handlers_may_use_pools_that_other_threads_are_using(void **state) {
  (void)state;
  for (size_t k = 0; k < COUNT_OF(kinds); k++) {
    used = &kinds[k];
    make_the_pool();
    holds_in_a_child(used->name, fork_beside_busy_threads, NULL);
    thing_pool_destroy(&pool);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(handlers_registered_after_the_pools_may_use_pools),
      cmocka_unit_test(handlers_registered_before_the_pools_may_use_pools),
      cmocka_unit_test(all_handlers_may_use_pools_in_one_fork),
      cmocka_unit_test(what_a_prepare_handler_released_is_idle_in_parent_and_child),
      cmocka_unit_test(what_a_prepare_handler_acquired_is_in_use_in_parent_and_child),
      cmocka_unit_test(waiting_in_a_handler_is_a_deadlock_that_is_told),
      cmocka_unit_test(waiter_in_another_thread_gets_what_a_handler_released),
      cmocka_unit_test(child_of_a_handler_may_go_on_with_the_fork),
      cmocka_unit_test(event_loop_made_in_a_handler_is_of_that_process),
      cmocka_unit_test(event_loop_is_woken_when_the_fork_holds_no_lock),
      cmocka_unit_test(event_loop_that_a_handler_ends_is_not_woken_afterwards),
      cmocka_unit_test(local_pool_serves_no_event_loop_of_the_parent),
      cmocka_unit_test(event_loop_is_not_woken_by_a_handlers_first_use_of_a_pool),
      cmocka_unit_test(first_call_in_a_child_finds_the_fork_over),
      cmocka_unit_test(slots_that_the_first_call_in_a_child_held_open_again),
      cmocka_unit_test(handlers_may_use_pools_that_other_threads_are_using),
  };
  CHECK(pthread_atfork(late_prepare, late_parent, late_child) == 0); /* the implementation's constructor has run */
  return cmocka_run_group_tests(tests, NULL, NULL);
}
