/* Calls of several threads in every order that matters, one after the other and by plan: the implementation is compiled
   here with a call before each atomic access and each lock, where a thread stops until it is told to go on. What else it
   touches lies between a lock and its unlock, or ThreadSanitizer sees it. So each slow path is stopped before every access
   that others can see, while another thread does something whole, and some meetings of more threads are gone through in
   all their orders. After each: no object in two hands, none lost, limits exact, whoever waits is woken.
   That a thread waits is known, not guessed from the time it takes: a lock that is held, a slot that is looked at again
   and again, a sleep. The clock is ours. A machine may be as busy as it likes, and what fails fails each time.
   test_every_step does the same to code as it is compiled, between instructions. C only: C++ is the same code.
   test-all: threads take turns millions of times, which takes minutes where system calls are slow. */
#include "support.h"

#include <limits.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define OBJPOOL_PANIC(message) panic_seen(message)

#if defined(__linux__) && defined(SYS_futex) && __SIZEOF_POINTER__ == 8 && !THREAD_SANITIZED

/* ---- actors: threads of which one goes at a time. The main thread directs: it lets one go on for so many accesses. */

typedef struct thing {
  long held; /* by whoever acquired it */
  long filler;
} thing;

enum { MOST = 128, ACTORS = 4 };
enum {
  MANY = 40000,
  OFTEN = 50
}; /* accesses, and in a row to one word: more than a call makes that waits for nobody */

typedef enum manner { READS, WRITES } manner;
typedef enum condition { GOING, STOPPED, BLOCKED, LOOKING, ASLEEP, ENDED } condition;

typedef struct actor {
  pthread_t thread;
  sem_t go;
  condition is;
  long budget, used; /* accesses until it stops; made so far */
  const uint32_t *asleep_on;
  int64_t wakes_at;          /* INT64_MAX: when it is woken */
  const volatile void *word; /* the last access */
  const char *where;
  manner how;
  int looks; /* how often in a row it has read just that */
  thing *held[MOST];
  size_t count;
  bool got_none, dismissed;
  int64_t pause_ns, tries_ns; /* after the last refusal of create, 0: it did not refuse; and when it is tried again */
} actor;

static actor actors[ACTORS], director;
static sem_t back;                      /* to the director */
static __thread actor *self, *stepping; /* stepping: NULL while it goes on without stops */
static int64_t clock_ns = 1000000000;
static bool (*is_stop)(const volatile void *word); /* NULL: each access is one, but for statistics */
static bool alone;                                 /* in the child of a fork: what waits there waits for ever */
static long used_alone;

static void wait_for(sem_t *semaphore) {
  while (sem_wait(semaphore) != 0) CHECK(errno == EINTR);
}

static void yield_as(condition is) {
  int saved = errno;
  actor *mine = stepping;
  mine->is = is;
  sem_post(&back);
  wait_for(&mine->go);
  errno = saved;
}

static void hangs_alone(const char *what) {
  fprintf(stderr, "the child of a fork waits for what nobody will give: %s\n", what);
  _exit(3);
}

/* Counts for statistics alone order nothing, and are most of what is accessed. */
static bool is_statistics(const char *where) {
  static const char *const functions[] = {"objpool__add", "objpool__sum", "objpool__raise", "objpool__usage_now",
                                          "objpool__others"};
  for (size_t i = 0; i < COUNT_OF(functions); i++)
    if (!strcmp(where, functions[i])) return true;
  return false;
}

static __attribute__((noinline)) void stop_before(const volatile void *word, manner how, const char *where) {
  actor *mine = stepping;
  if (alone && ++used_alone > 100 * MANY) hangs_alone("it goes round and round");
  if (!mine) return;
  bool again = how == READS && mine->how == READS && mine->word == word && mine->where == where;
  mine->word = word;
  mine->how = how;
  mine->where = where;
  mine->looks = again ? mine->looks + 1 : 0;
  if (mine->looks == OFTEN || ++mine->used % MANY == 0) {
    mine->looks = 0;
    yield_as(LOOKING);
  }
  if (again) return;
  if (is_stop ? !is_stop(word) : is_statistics(where)) return;
  while (mine->budget <= 0) yield_as(STOPPED);
  mine->budget--;
}

static int step_lock(pthread_mutex_t *mutex, const char *where) {
  stop_before(mutex, WRITES, where);
  for (int error; (error = pthread_mutex_trylock(mutex)) != 0;) {
    CHECK(error == EBUSY);
    if (alone) hangs_alone(where);
    CHECK(stepping && "nobody unlocked it");
    yield_as(BLOCKED);
  }
  return 0;
}

/* What the implementation waits in, when it does not wait for a lock. */
static int step_sched_yield(void) {
  if (alone) hangs_alone("another thread's turn");
  if (stepping) yield_as(LOOKING);
  return 0;
}

static int step_clock_gettime(clockid_t unused, struct timespec *now) {
  (void)unused;
  clock_ns += 10;
  now->tv_sec = (time_t)(clock_ns / 1000000000);
  now->tv_nsec = (long)(clock_ns % 1000000000);
  return 0;
}

static long futex_wake(const uint32_t *word) {
  for (int i = 0; i < ACTORS; i++)
    if (actors[i].asleep_on == word) actors[i].asleep_on = NULL;
  return 0;
}

static long futex_wait(const uint32_t *word, uint32_t value, const struct timespec *until) {
  bool in_time = until && until->tv_sec < 1000000000; /* later than that: without an end */
  int64_t wakes_at = in_time ? (int64_t)until->tv_sec * 1000000000 + until->tv_nsec : INT64_MAX;
  if (*(const volatile uint32_t *)word != value) return -1;
  if (stepping) {
    stepping->asleep_on = word;
    stepping->wakes_at = wakes_at;
    yield_as(ASLEEP);
    stepping->asleep_on = NULL;
  } else { /* nobody is there to wake it */
    if (alone && !in_time) hangs_alone("a wake-up");
    CHECK(in_time && "the director waits");
    if (clock_ns < wakes_at) clock_ns = wakes_at;
  }
  return 0;
}

long step_syscall(long number, ...); /* the header declares it, where it thinks that syscall is hidden */
long step_syscall(long number, ...) {
  long given[6];
  va_list list;
  va_start(list, number);
  for (int i = 0; i < 6; i++) given[i] = va_arg(list, long);
  va_end(list);
  if (number == SYS_futex && (given[1] & 127) == 1) return futex_wake((const uint32_t *)given[0]);
  if (number == SYS_futex)
    return futex_wait((const uint32_t *)given[0], (uint32_t)given[2], (const struct timespec *)given[3]);
  if (number == SYS_sched_yield) return step_sched_yield();
  if (number == SYS_membarrier) stop_before(NULL, WRITES, "membarrier");
  return syscall(number, given[0], given[1], given[2], given[3], given[4], given[5]);
}

#define STOP(word) stop_before(word, WRITES, __func__)
#define __atomic_load_n(word, ...) (stop_before(word, READS, __func__), __atomic_load_n(word, __VA_ARGS__))
#define __atomic_store_n(word, ...) (STOP(word), __atomic_store_n(word, __VA_ARGS__))
#define __atomic_exchange_n(word, ...) (STOP(word), __atomic_exchange_n(word, __VA_ARGS__))
#define __atomic_compare_exchange_n(word, ...) (STOP(word), __atomic_compare_exchange_n(word, __VA_ARGS__))
#define __atomic_add_fetch(word, ...) (STOP(word), __atomic_add_fetch(word, __VA_ARGS__))
#define __atomic_sub_fetch(word, ...) (STOP(word), __atomic_sub_fetch(word, __VA_ARGS__))
#define __atomic_and_fetch(word, ...) (STOP(word), __atomic_and_fetch(word, __VA_ARGS__))
#define __atomic_or_fetch(word, ...) (STOP(word), __atomic_or_fetch(word, __VA_ARGS__))
#define __atomic_fetch_add(word, ...) (STOP(word), __atomic_fetch_add(word, __VA_ARGS__))
#define __atomic_fetch_sub(word, ...) (STOP(word), __atomic_fetch_sub(word, __VA_ARGS__))
#define __atomic_fetch_and(word, ...) (STOP(word), __atomic_fetch_and(word, __VA_ARGS__))
#define __atomic_fetch_or(word, ...) (STOP(word), __atomic_fetch_or(word, __VA_ARGS__))
#define __atomic_test_and_set(word, ...) (STOP(word), __atomic_test_and_set(word, __VA_ARGS__))
#define __atomic_clear(word, ...) (STOP(word), __atomic_clear(word, __VA_ARGS__))
#define pthread_mutex_lock(mutex) step_lock(mutex, __func__)
#define sched_yield step_sched_yield
#define clock_gettime step_clock_gettime
#define syscall step_syscall

#define OBJPOOL_IMPLEMENTATION
#include "pools.h"

#undef syscall
#undef clock_gettime

/* ---- the pool: plain, or with all hooks; these also timed and tracked */

static bool builds(thing *object, void *context);
static void comes_back(thing *object, void *context);
static bool is_well(thing *object, void *context);
static void goes(thing *object, void *context);

OBJPOOL_DEFINE(plain_pool, thing);
OBJPOOL_DEFINE(made_pool, thing, opt.create = builds, opt.reset = comes_back, opt.validate = is_well,
               opt.destroy = goes, opt.validate_on = OBJPOOL_ON_MAINTAIN);
OBJPOOL_DEFINE(aged_pool, thing, opt.create = builds, opt.reset = comes_back, opt.validate = is_well,
               opt.destroy = goes, opt.validate_on = OBJPOOL_ON_MAINTAIN, opt.timed = true, opt.tracked = true);

typedef struct kind {
  size_t max_objects, max_idle, cache_size;
  bool made, aged; /* with hooks; then also with times and holders */
} kind;

enum {
  A_WHILE = 1000,
  RETRY = 400
}; /* ns: a limit of time; how long after a refusal create is tried again, at first */

static plain_pool plain;
static made_pool made;
static aged_pool aged;
static kind pool_is;
static objpool *pool;
static size_t alive;                                   /* objects with hooks */
static size_t most_alive, most_idle;                   /* the limits at the end; 0: none */
static bool limits_moved, forgotten, closed, outdated; /* by the script: then less is known */
static long refusals; /* of create, in the first actor's call, that are still to come */

static bool builds(thing *object, void *unused) {
  (void)unused;
  CHECK(!object->held);
  if (stepping) CHECK(!self->pause_ns || clock_ns >= self->tries_ns);
  if (stepping == &actors[0] && refusals > 0) {
    refusals--;
    self->pause_ns = self->pause_ns ? 2 * self->pause_ns : RETRY;
    self->tries_ns = clock_ns + self->pause_ns;
    return false;
  }
  alive++;
  CHECK(!most_alive || limits_moved || alive <= most_alive);
  return true;
}
static void comes_back(thing *object, void *unused) {
  (void)unused;
  CHECK(!object->held);
}
static bool is_well(thing *object, void *unused) {
  (void)unused;
  CHECK(!object->held);
  return true;
}
static void goes(thing *object, void *unused) {
  (void)unused;
  CHECK(!object->held);
  alive--;
}

static thing *mark(thing *object) {
  if (!object) return NULL;
  CHECK(!object->held);
  object->held = 1;
  return object;
}

/* A call on the pool that is played with. */
#define DO(call, ...)                                    \
  (pool_is.aged   ? aged_pool_##call(&aged, __VA_ARGS__) \
   : pool_is.made ? made_pool_##call(&made, __VA_ARGS__) \
                  : plain_pool_##call(&plain, __VA_ARGS__))
#define DO_IT(call) \
  (pool_is.aged ? aged_pool_##call(&aged) : pool_is.made ? made_pool_##call(&made) : plain_pool_##call(&plain))

static thing *acquire(void) { return mark(DO_IT(acquire)); }
static thing *try_acquire(void) { return mark(DO_IT(try_acquire)); }
static thing *acquire_for(int64_t timeout_ns) { return mark(DO(acquire_for, timeout_ns)); }
static thing *unmark(thing *object) {
  CHECK(object->held);
  object->held = 0;
  return object;
}
static void release(thing *object) { DO(release, unmark(object)); }

/* ---- what an actor does, once */

static bool keep(thing *object) {
  if (object)
    self->held[self->count++] = object;
  else
    self->got_none = true;
  return object != NULL;
}
static thing *last(void) { return self->held[--self->count]; }

static void takes(void) { keep(acquire()); }
static void tries(void) { keep(try_acquire()); }
static void waits(void) { CHECK(keep(acquire_for(-1)) || (closed && errno == OBJPOOL_ECLOSED)); }
static void waits_briefly(void) { keep(acquire_for(1000)); }
static void waits_for_a_while(void) {
  int64_t began_ns = clock_ns;
  if (keep(acquire_for(A_WHILE))) return;
  if (closed && errno == OBJPOOL_ECLOSED) return;
  CHECK(errno == (self->pause_ns ? ECANCELED : ETIMEDOUT) && clock_ns >= began_ns + A_WHILE);
}
static void lets_time_pass(void) { clock_ns += A_WHILE; }
static void gives(void) { release(last()); }
static void gives_all(void) {
  while (self->count > 0) gives();
}
static void discards(void) { DO(discard, unmark(last())); }
static void extracts(void) {
  thing *object = unmark(last());
  alive -= pool_is.made;
  thing value = DO(extract, object);
  CHECK(!value.held);
}
static void takes_two_and_gives_the_first(void) { /* the same head comes back over another stack */
  size_t before = self->count;
  if (!keep(acquire()) || !keep(acquire())) return;
  thing *first = self->held[before];
  self->held[before] = last();
  release(first);
}
static void takes_and_gives_many(void) { /* whole magazines come and go */
  size_t before = self->count;
  while (self->count < before + 20 && keep(acquire())) {}
  while (self->count > before) gives();
}
static void trims(void) { (void)objpool_trim(pool, 0); }
static void trims_to_one(void) { (void)objpool_trim(pool, 1); }
static void warms_up(void) { (void)objpool_warmup(pool, pool_is.max_objects ? pool_is.max_objects : 12); }
static void warms_up_a_little(void) { (void)objpool_warmup(pool, 3); }
static void maintains(void) { (void)objpool_maintain(pool); }
static void attaches(void) { CHECK(DO_IT(attach)); }
static void looks(void) {
  objpool_stats stats = objpool_snapshot(pool);
  CHECK(stats.in_use <= MOST && stats.idle <= MOST && (!most_alive || limits_moved || stats.in_use <= most_alive));
}
static void resets(void) {
  objpool_reset_stats(pool);
  forgotten = true;
}
static void resizes_to(size_t max_idle, size_t max_objects) {
  limits_moved = true;
  CHECK(objpool_resize(pool, max_idle, max_objects));
}
static void lowers(void) { /* to what no scene stays within, and less may be idle than alive */
  if (pool_is.max_objects)
    resizes_to(1, 2);
  else
    resizes_to(3, 0);
}
static void lowers_and_raises(void) {
  lowers();
  resizes_to(pool_is.max_idle, pool_is.max_objects);
}
static void raises(void) { resizes_to(0, pool_is.max_objects ? pool_is.max_objects + 2 : 0); }

static void closes(void) {
  closed = true;
  objpool_close(pool);
}
static void drains(void) { (void)objpool_drain(pool, 1000); }
static void refreshes(void) {
  outdated = true;
  (void)aged_pool_refresh(&aged);
}
static void grows_old(void) { /* all that is idle; and what is in use, when it comes back */
  outdated = true;
  clock_ns += 100000000000;
  (void)objpool_maintain(pool);
}
static void sees_hold(const objpool_hold *hold, void *count) {
  CHECK(hold->object && hold->uses && hold->site && hold->thread);
  ++*(size_t *)count;
}
static void asks_who_holds(void) {
  size_t seen = 0;
  CHECK(objpool_each_held(pool, 0, sees_hold, &seen) == seen && seen <= MOST);
}

/* One event loop with one waiter; its thread sleeps as in epoll_wait. */
static objpool_loop loop;
static objpool_waiter waiter;
static uint32_t loop_woken;
static bool loop_told, loop_cancelled;
static void wake_loop(void *unused) {
  (void)unused;
  loop_woken = 1;
  futex_wake(&loop_woken);
}
static void loop_got(objpool_waiter *its, void *object, int error) {
  CHECK(its == &waiter && !loop_told && !loop_cancelled);
  CHECK(object ? error == 0 : (closed && error == OBJPOOL_ECLOSED) || error == ETIMEDOUT);
  loop_told = true;
  keep(mark((thing *)object));
}
static void loops(void) {
  CHECK(objpool_loop_init(&loop, wake_loop, NULL));
  loop_woken = 0;
  loop_told = loop_cancelled = false;
  memset(&waiter, 0, sizeof waiter);
  thing *object = (thing *)objpool_acquire_async(pool, &waiter, &loop, -1, loop_got);
  bool in_line = !object && errno == EINPROGRESS;
  if (!in_line) {
    CHECK(object || (closed && errno == OBJPOOL_ECLOSED));
    keep(mark(object));
  }
  while (in_line && !loop_told && !loop_cancelled) {
    while (!loop_woken) futex_wait(&loop_woken, 0, NULL);
    loop_woken = 0;
    objpool_loop_run(&loop, 1);
  }
  self->got_none &= !loop_cancelled;
  objpool_loop_destroy(&loop);
}
static void cancels(void) {
  if (!objpool_cancel(pool, &waiter)) return;
  CHECK(!loop_told && !loop_cancelled);
  loop_cancelled = true;
  wake_loop(NULL);
}

static void set_times(objpool_config *config); /* as the scene has it */
static void begin_pool(size_t warmup, const char *name) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.warmup = warmup;
  config.name = name;
  config.max_objects = pool_is.max_objects;
  config.max_idle = pool_is.max_idle;
  config.cache_size = pool_is.cache_size;
  config.on_leak = OBJPOOL_LEAK_IGNORE;
  set_times(&config);
  if (pool_is.aged) config.max_lifetime_ns = config.idle_timeout_ns = 50000000000;
  CHECK(DO(init, &config));
}

static void begins(void) { begin_pool(2, "named"); }
static void destroys(void) { objpool_destroy(pool); }

/* ---- forks. The child is alone: it takes all that is idle, fills the pool, shrinks and ends it. */

static bool not_the_childs; /* the pool, for its beginning or end is under way */
static size_t in_flight;    /* at most so many were in hands that the child does not have */

static size_t all_held(void) {
  size_t count = director.count;
  for (int i = 0; i < ACTORS; i++) count += actors[i].count;
  return count;
}

/* Nothing else would show: without its caches a pool is slower, no more. */
static bool no_slot_is_held_closed(void) { return pool->state->gate.hold == 0; }

static void use_alone(void) {
  thing *got[2 * MOST];
  size_t count = 0, held = all_held(), limit = objpool_snapshot(pool).max_objects, idle_limit;
  idle_limit = objpool_snapshot(pool).max_idle;
  if (limits_moved && limit) objpool_trim(pool, 0); /* more may have been alive than the lower limit allows */
  size_t idle = objpool_snapshot(pool).idle;
  CHECK(objpool_snapshot(pool).waiting == 0);
  while (count < MOST && (got[count] = try_acquire())) count++;
  CHECK(count == idle);
  CHECK(objpool_snapshot(pool).idle == 0);
  if (limit) {
    while (count < MOST && (got[count] = acquire())) count++;
    CHECK(limits_moved || count + held <= limit);
    CHECK(count + held + in_flight >= limit);
    if (count + held >= limit) {
      CHECK(!acquire_for(1000000));
      CHECK(errno == ETIMEDOUT);
    }
  } else {
    for (size_t more = 0; more < 30; more++) CHECK(got[count++] = acquire());
  }
  size_t all = count;
  while (count > 0) release(got[--count]);
  idle = objpool_snapshot(pool).idle;
  if (!limits_moved || !limit) CHECK(idle == (idle_limit && all > idle_limit ? idle_limit : all));
  CHECK(objpool_trim(pool, 1) == (idle > 1 ? idle - 1 : 0));
  (void)objpool_maintain(pool);
  bool known = !limit || !limits_moved;
  limits_moved = true;
  CHECK(objpool_resize(pool, 2, limit > 0 ? limit + 3 : 0));
  if (known) {
    for (size_t i = 0; i < 3; i++) CHECK(got[i] = acquire());
    for (size_t i = 0; i < 3; i++) release(got[i]);
    CHECK(objpool_snapshot(pool).idle == 2);
  }
  idle = objpool_snapshot(pool).idle;
  CHECK(objpool_clear(pool) == idle);
  CHECK(!known || no_slot_is_held_closed());
  objpool_destroy(pool);
}

static void use_another_pool(void) {
  plain_pool another;
  thing *object;
  memset(&another, 0, sizeof another);
  CHECK(object = plain_pool_acquire(&another));
  plain_pool_release(&another, object);
  plain_pool_destroy(&another);
}

static void forks(void) {
  int status = 0;
  fflush(NULL);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    alarm(600); /* for what hangs without an atomic access */
    if (!not_the_childs) use_alone();
    use_another_pool();
    _exit(0);
  }
  while (waitpid(child, &status, 0) < 0) CHECK(errno == EINTR);
  CHECK(EXITED_WELL(status));
}

/* Before the pool's own handler in the child: there nobody stops any more. */
static void child_is_alone(void) {
  alone = true;
  stepping = NULL;
}
static __attribute__((constructor(101))) void handle_forks_first(void) {
  if (pthread_atfork(NULL, NULL, child_is_alone)) abort();
}

/* ---- the director */

typedef struct part {
  void (*call)(void);
  size_t idle, holds; /* objects, before it */
} part;

typedef struct scene {
  const char *name;
  kind pool;
  part parts[ACTORS];
  /* The order: an actor, a to d, goes on to a stop, which in the end has been at each access; A to D: until it has ended, or
     sleeps. Then all go on. */
  const char *order;
  int must_get;      /* actors, by bits, whose call must get an object */
  bool afresh;       /* its threads have not used a pool before */
  bool pool_is_zero; /* nobody has used it before */
  bool time_stands;  /* until a part lets it pass, and at the end: who sleeps with a deadline sleeps on */
  bool due_at_once;  /* who waits is handed what comes back; else it is called, and looks for itself */
  long refusals;     /* of create, to the first actor; it is tried again */
  bool (*is_stop)(const volatile void *word);
  void (*around)(char piece, bool begins);
} scene;

enum { PIECES = 16 };

static struct shared { /* with the process that plays it */
  long stops[PIECES];
  bool stopped[PIECES];
  long runs;
} * shared;

static const scene *playing;
static pthread_key_t at_exit;

static void set_times(objpool_config *config) {
  if (playing->due_at_once) config->fair_after_ns = 1;
  if (playing->refusals) config->retry_create_ns = RETRY;
}

static void tell_where(int number) {
  (void)number;
  fprintf(stderr, "  %s, order %s, stops", playing->name, playing->order);
  for (int i = 0; playing->order[i]; i++) fprintf(stderr, " %ld", shared->stops[i]);
  for (int i = 0; i < ACTORS; i++)
    if (actors[i].thread)
      fprintf(stderr, "; %c: %s after %ld in %s", 'a' + i,
              (const char *const[]){"going", "stopped", "blocked", "looking", "asleep", "ended"}[actors[i].is],
              actors[i].used, actors[i].where);
  fprintf(stderr, "\n");
}

#define MUST(condition) ((condition) ? (void)0 : failed(#condition, __LINE__))

static void failed(const char *what, int line) {
  fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, line, what);
  tell_where(0);
  fflush(NULL);
  _exit(1);
}

static void comes_to_its_end(void) {
  stepping = NULL;
  self->is = ENDED;
  sem_post(&back);
  wait_for(&self->go); /* its cache stays as it is until then, or in the next run */
}

static void ends(void) {} /* the thread */

static void at_thread_exit(void *round) { /* after the pool's own was called, in the round before */
  if ((intptr_t)round < 3)
    CHECK(pthread_setspecific(at_exit, (void *)((intptr_t)round + 1)) == 0);
  else
    comes_to_its_end();
}

static void is_ready(void) {
  self->is = STOPPED;
  sem_post(&back);
  wait_for(&self->go);
}

static void *act(void *argument) {
  self = (actor *)argument;
  const part *mine = &playing->parts[self - actors];
  wait_for(&self->go);
  do { /* a run */
    thing *idle[MOST];
    if (mine->call == ends) CHECK(pthread_setspecific(at_exit, (void *)1) == 0);
    for (size_t i = 0; i < mine->holds; i++) CHECK(keep(acquire()));
    for (size_t i = 0; i < mine->idle; i++) CHECK(idle[i] = acquire());
    is_ready(); /* first all of them acquire, so that each has the idle objects that it left */
    for (size_t i = 0; i < mine->idle; i++) release(idle[i]);
    is_ready();
    stepping = self;
    mine->call();
    if (mine->call != ends) comes_to_its_end();
  } while (mine->call != ends && !self->dismissed);
  return NULL;
}

/* And not for a nap, while another has a lock. */
static bool stands_in_line(const uint32_t *word) {
  const objpool__turn *turn = pool->state ? pool->state->queue.first : NULL;
  while (turn && word != &((const objpool__waiter *)(const void *)turn)->signal.progress) turn = turn->next;
  return turn != NULL;
}
static bool is_woken_by_others(const actor *one) {
  if (one->is != ASLEEP || !one->asleep_on) return false;
  return one->wakes_at == INT64_MAX ||
         (playing->time_stands && one->wakes_at > clock_ns && stands_in_line(one->asleep_on));
}
static bool can_go(const actor *one) { return one->thread && one->is != ENDED && !is_woken_by_others(one); }

static void go_on(actor *one, long budget) {
  one->budget = budget;
  sem_post(&one->go);
  wait_for(&back);
}

/* One of them holds what somebody waits for. */
static bool let_others_go_on(const actor *but) {
  bool any = false;
  for (int i = 0; i < ACTORS; i++) {
    actor *other = &actors[i];
    if (other == but || !can_go(other)) continue;
    go_on(other, 1);
    any |= other->is == STOPPED || other->is == ENDED;
  }
  return any;
}

/* For whom it is time to look again. */
static void let_time_pass(void) {
  int64_t next = INT64_MAX;
  for (int i = 0; i < ACTORS; i++)
    if (actors[i].asleep_on && !is_woken_by_others(&actors[i]) && actors[i].wakes_at < next) next = actors[i].wakes_at;
  if (next < INT64_MAX && clock_ns < next) clock_ns = next;
}

/* Until it has ended, or sleeps till it is woken. What it waits for otherwise comes as early as it can: the others go on by
   one access each. */
static void go_on_to_the_end(actor *one) {
  for (int futile = 0; can_go(one);) {
    if (one->is == BLOCKED || one->is == LOOKING || one->asleep_on) {
      bool any = let_others_go_on(one);
      futile = any ? 0 : futile + 1;
      if (!any) let_time_pass();
      MUST(futile < 1000 && "somebody can go on");
    }
    go_on(one, LONG_MAX);
  }
}

static void let_all_end(void) {
  for (int i = 0; i < ACTORS; i++)
    if (can_go(&actors[i])) {
      go_on_to_the_end(&actors[i]);
      i = -1; /* it may have woken another */
    }
}

static bool anyone_sleeps(void) {
  for (int i = 0; i < ACTORS; i++)
    if (actors[i].thread && actors[i].is == ASLEEP) return true;
  return false;
}

static size_t idle_now(void) {
  objpool_stats stats = objpool_snapshot(pool);
  MUST(stats.in_use == all_held());
  if (!forgotten) MUST(stats.created == stats.destroyed + stats.extracted + stats.idle + stats.in_use);
  if (pool_is.made) MUST(alive == stats.idle + stats.in_use);
  return stats.idle;
}

static actor *someone_who_holds(void) {
  for (int i = 0; i < ACTORS; i++)
    if (actors[i].count) return &actors[i];
  return &director;
}

/* Nobody waits, nothing is handed out or idle, and what comes back goes. */
static void check_what_is_closed(void) {
  MUST(!anyone_sleeps() && objpool_snapshot(pool).waiting == 0 && idle_now() == 0);
  MUST(!acquire() && errno == OBJPOOL_ECLOSED);
  MUST(!acquire_for(-1) && errno == OBJPOOL_ECLOSED);
  for (actor *giver; (giver = someone_who_holds())->count > 0;) {
    MUST(!objpool_drain(pool, 0));
    release(giver->held[--giver->count]);
  }
  MUST(objpool_drain(pool, 0) && idle_now() == 0 && pool->state->limits.alive == 0 && alive == 0);
}

static void check_what_is_left(void) {
  while (anyone_sleeps()) { /* rightly? */
    MUST(idle_now() == 0);
    MUST(all_held() >= objpool_snapshot(pool).max_objects);
    actor *giver = someone_who_holds();
    MUST(giver->count > 0);
    release(giver->held[--giver->count]);
    let_all_end();
  }
  MUST(objpool_snapshot(pool).waiting == 0);
  if (limits_moved) { /* perhaps by two */
    most_alive = (size_t)objpool_snapshot(pool).max_objects;
    most_idle = (size_t)objpool_snapshot(pool).max_idle;
  }
  size_t idle = idle_now();
  MUST(!most_idle || idle <= most_idle);
  if (most_alive) { /* all that are left, and not one more */
    while (keep(acquire())) MUST(director.count <= most_alive);
    MUST(all_held() == most_alive || (limits_moved && all_held() > most_alive));
    MUST(idle_now() == 0);
  } else { /* those that are idle, and as many more as make it overflow */
    while (director.count < idle + most_idle + 3) MUST(keep(acquire()));
  }
  size_t all = all_held() + idle_now(); /* some may still be in the caches of the actors */
  for (actor *giver; (giver = someone_who_holds())->count > 0;) release(giver->held[--giver->count]);
  if (most_alive && all > most_alive) all = most_alive;
  if (outdated) /* what had been in use went */
    MUST(idle_now() <= all);
  else
    MUST(idle_now() == (most_idle && all > most_idle ? most_idle : all));
}

/* One run, with these stops. */
static void play(void) {
  bool destroyed;
  pool_is = playing->pool;
  pool = pool_is.aged ? &aged.base : pool_is.made ? &made.base : &plain.base;
  most_alive = pool_is.max_objects;
  most_idle = pool_is.max_idle;
  limits_moved = forgotten = closed = outdated = not_the_childs = destroyed = false;
  alive = in_flight = 0;
  refusals = playing->refusals;
  is_stop = playing->is_stop;
  self = &director;
  director.count = 0;
  if (!playing->pool_is_zero) begin_pool(0, NULL);
  for (int i = 0; i < ACTORS; i++) {
    void (*call)(void) = playing->parts[i].call;
    actor *one = &actors[i];
    one->count = 0;
    one->used = 0;
    one->asleep_on = NULL;
    one->where = "no access";
    one->got_none = false;
    one->pause_ns = 0;
    one->is = ENDED;
    if (!call) continue;
    in_flight += call == forks ? 0 : call == takes || call == tries || call == gives || call == waits ? 1 : MOST;
    destroyed |= call == destroys;
    not_the_childs |= call == begins || call == destroys;
    one->dismissed = false;
    if (!one->thread) one->thread = start_thread(act, one);
    go_on(one, 0);
  }
  for (int i = 0; i < ACTORS; i++)
    if (actors[i].thread) go_on(&actors[i], 0);
  for (int piece = 0; playing->order[piece]; piece++) {
    char who = playing->order[piece];
    actor *one = &actors[who >= 'a' ? who - 'a' : who - 'A'];
    if (playing->around) playing->around(who, true);
    if (who < 'a')
      go_on_to_the_end(one);
    else if (can_go(one))
      go_on(one, shared->stops[piece]);
    shared->stopped[piece] = one->is == STOPPED;
    if (playing->around) playing->around(who, false);
  }
  let_all_end();
  for (int i = 0; i < 4 && playing->time_stands; i++) { /* nobody has slept through something; and now it is time */
    MUST(!anyone_sleeps() || (idle_now() == 0 && !closed));
    clock_ns += A_WHILE;
    let_all_end();
  }
  for (int i = 0; i < ACTORS; i++) MUST(!(playing->must_get >> i & 1) || !actors[i].got_none);
  if (closed)
    check_what_is_closed();
  else if (!destroyed)
    check_what_is_left();
  for (int i = 0; i < ACTORS; i++)
    if (actors[i].thread && (playing->afresh || playing->parts[i].call == ends)) { /* else the next run is its, too */
      actors[i].dismissed = true;
      sem_post(&actors[i].go);
      join_thread(actors[i].thread);
      actors[i].thread = 0;
    }
  if (destroyed) return;
  size_t idle = idle_now();
  MUST(objpool_clear(pool) == idle);
  MUST(idle_now() == 0);
  MUST(limits_moved || closed || no_slot_is_held_closed());
  objpool_destroy(pool);
}

/* The stops of the next run; false: all have been. `spacing`: 0, or they lie ever further apart. */
static bool find_next(long spacing) {
  for (int piece = (int)strlen(playing->order) - 1; piece >= 0; piece--) {
    long *stop = &shared->stops[piece];
    if (playing->order[piece] < 'a') continue;
    if (shared->stopped[piece]) {
      *stop += spacing && *stop >= spacing ? 1 + *stop / spacing : 1;
      return true;
    }
    *stop = 0;
  }
  return false;
}

static bool verbose;
static int failures;
static long all_runs;

/* A scene, in a process of its own; `first`: each run in one, which has not used a pool before. */
static void play_all(const scene *chosen, long spacing, bool first) {
  int status = 0;
  playing = chosen;
  memset(shared, 0, sizeof *shared);
  do {
    fflush(NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      alone = false;
      CHECK(pthread_key_create(&at_exit, at_thread_exit) == 0);
      CHECK(sem_init(&back, 0, 0) == 0);
      for (int i = 0; i < ACTORS; i++) CHECK(sem_init(&actors[i].go, 0, 0) == 0);
      signal(SIGABRT, tell_where);
      if (!first) objpool_set_pressure_source(no_pressure, NULL); /* else maintenance reads files of the system */
      do {
        play();
        shared->runs++;
      } while (!first && find_next(spacing));
      _exit(0);
    }
    while (waitpid(child, &status, 0) < 0) CHECK(errno == EINTR);
  } while (EXITED_WELL(status) && first && find_next(spacing));
  all_runs += shared->runs;
  if (!EXITED_WELL(status)) {
    failures++;
    print_message("FAILED: %s, order %s, after %ld runs, status %#x\n", playing->name, playing->order, shared->runs,
                  (unsigned)status);
  } else if (verbose) {
    print_message("%s, order %s: %ld runs\n", playing->name, playing->order, shared->runs);
  }
}

/* ---- one call stopped, a whole one of another thread, and on */

#define NO_CACHE OBJPOOL_NO_CACHE

typedef struct stage { /* a kind of pool, and what it takes to fill a cache, and more */
  const char *name;
  kind pool;
  size_t cache, many;
} stage;

static const stage cached = {"cached", {0, 0, 8, false, false}, 8, 12};
static const stage with_hooks = {"cached with hooks", {0, 0, 8, true, false}, 8, 12};
static const stage capped = {"capped", {12, 0, 4, true, false}, 4, 5};
static const stage bounded = {"bounded", {0, 10, 4, true, false}, 4, 6};
static const stage both = {"bounded and capped", {15, 10, 4, false, false}, 4, 6};
static const stage uncached = {"uncached", {0, 0, NO_CACHE, false, false}, 2, 3};
static const stage uncached_capped = {"uncached and capped", {5, 0, NO_CACHE, true, false}, 2, 2};
static const stage uncached_bounded = {"uncached and bounded", {0, 4, NO_CACHE, true, false}, 2, 2};
static const stage aged_cached = {"aged, cached", {0, 0, 8, true, true}, 8, 12};
static const stage aged_capped = {"aged and capped", {5, 0, 4, true, true}, 2, 2};
static const stage aged_uncached = {"aged, uncached and capped", {5, 0, NO_CACHE, true, true}, 2, 2};
static const stage lone = {"one thread's", {12, 0, 0, false, false}, 4, 5};
static const stage *const stages[] = {&cached,   &with_hooks,      &capped,           &bounded, &both,
                                      &uncached, &uncached_capped, &uncached_bounded, &lone};

typedef struct intrusion {
  const char *name;
  void (*call)(void);
  bool takes; /* idle objects may be gone for a moment */
} intrusion;

static const intrusion intrusions[] = {
    {"takes", takes, true},
    {"takes two and gives the first", takes_two_and_gives_the_first, true},
    {"takes and gives many", takes_and_gives_many, true},
    {"gives", gives, false},
    {"discards", discards, false},
    {"waits", waits, true},
    {"trims", trims, true},
    {"trims to one", trims_to_one, true},
    {"lowers the limits", lowers, true},
    {"lowers the limits and raises them", lowers_and_raises, true},
    {"warms up", warms_up, false},
    {"maintains", maintains, false},
    {"resets the statistics", resets, false},
    {"looks at the statistics", looks, false},
    {"ends", ends, false},
    {"forks", forks, false},
};

/* `beside`: idle objects of the other; `places`: how many more there may be under a cap. */
static void play_stopped(const stage *on, const char *name, void (*call)(void), size_t idle, size_t holds,
                         size_t beside, size_t places) {
  char whole[200];
  size_t cap = on->pool.max_objects, taken = idle + holds + beside + places;
  for (size_t i = 0; i < COUNT_OF(intrusions); i++) {
    const intrusion *one = &intrusions[i];
    scene made_up;
    memset(&made_up, 0, sizeof made_up);
    snprintf(whole, sizeof whole, "%s: %s (%zu idle, %zu beside, %zu places) while another %s", on->name, name, idle,
             beside, places, one->name);
    made_up.name = whole;
    made_up.pool = on->pool;
    made_up.parts[0].call = call;
    made_up.parts[0].idle = idle;
    made_up.parts[0].holds = holds;
    made_up.parts[1].call = one->call;
    made_up.parts[1].idle = beside;
    made_up.parts[1].holds = cap ? cap - taken : 2;
    made_up.order = "aBA";
    made_up.afresh = call == attaches;
    if ((call == takes || call == tries) && !one->takes && idle + beside > (one->call == maintains))
      made_up.must_get = 1;
    play_all(&made_up, SCALED(0, 4, 1), false);
  }
}

#define EACH_STAGE(on) \
  failures = 0;        \
  for (const stage *const *each = stages, *on; each < stages + COUNT_OF(stages) && ((on = *each) != NULL); each++)

#define END_OF_TEST() assert_int_equal(failures, 0)

static void an_acquire(void **state) {
  (void)state;
  EACH_STAGE(on) {
    play_stopped(on, "takes", takes, 2, 0, 0, 0);
    play_stopped(on, "takes", takes, 0, 0, on->many, 0);
    play_stopped(on, "takes", takes, 0, 0, 0, 2);
    if (on->pool.max_objects) play_stopped(on, "takes", takes, 0, 0, 1, 0);
    if (on->pool.max_objects) play_stopped(on, "takes", takes, 0, 0, 0, 0);
  }
  END_OF_TEST();
}

static void a_try_acquire(void **state) {
  (void)state;
  EACH_STAGE(on) {
    play_stopped(on, "tries", tries, 1, 0, 0, 1);
    play_stopped(on, "tries", tries, 0, 0, on->many, 0);
    play_stopped(on, "tries", tries, 0, 0, 1, 0);
    play_stopped(on, "tries", tries, 0, 0, 0, 0);
  }
  END_OF_TEST();
}

static void a_wait(void **state) {
  (void)state;
  EACH_STAGE(on) {
    if (!on->pool.max_objects) continue;
    play_stopped(on, "waits", waits, 0, 0, 0, 0);
    play_stopped(on, "waits", waits, 0, 0, 1, 0);
    play_stopped(on, "waits briefly", waits_briefly, 0, 0, 0, 0);
  }
  END_OF_TEST();
}

static void a_release(void **state) {
  (void)state;
  EACH_STAGE(on) {
    play_stopped(on, "gives", gives, 0, 1, 0, 0);
    play_stopped(on, "gives", gives, on->cache, 1, 0, 0);
    if (on->pool.max_idle) play_stopped(on, "gives", gives, 0, 1, on->pool.max_idle, 0);
    play_stopped(on, "discards", discards, 0, 1, 1, 0);
    play_stopped(on, "extracts", extracts, 0, 1, 1, 0);
  }
  END_OF_TEST();
}

static void an_operation_on_the_whole_pool(void **state) {
  (void)state;
  EACH_STAGE(on) {
    if (!on->pool.made) continue; /* these have limits and caches, too, and are validated */
    play_stopped(on, "trims", trims, 1, 0, on->many, 0);
    play_stopped(on, "trims to one", trims_to_one, 2, 0, 1, 0);
    play_stopped(on, "lowers the limits", lowers, 1, 0, on->many, 0);
    if (on->pool.max_objects) play_stopped(on, "raises the limits", raises, 1, 0, 1, 0);
    play_stopped(on, "warms up", warms_up_a_little, 1, 0, 0, 2);
    play_stopped(on, "maintains", maintains, 1, 0, on->many, 0);
    if (on == &capped) play_stopped(on, "looks", looks, 1, 0, 1, 0);
    if (on == &capped) play_stopped(on, "resets", resets, 1, 0, 1, 0);
  }
  END_OF_TEST();
}

static void a_thread_begins_or_ends(void **state) {
  (void)state;
  EACH_STAGE(on) {
    play_stopped(on, "attaches", attaches, 0, 0, on->many, 0);
    play_stopped(on, "ends", ends, on->cache, 0, 1, 0);
  }
  END_OF_TEST();
}

/* ---- what needs a scene of its own */

static const part nobody;
#define PART(...) ((part){__VA_ARGS__})

static scene scene_of(const char *name, const char *order, kind in, part a, part b, part c, part d) {
  scene made_up;
  memset(&made_up, 0, sizeof made_up);
  made_up.name = name;
  made_up.pool = in;
  made_up.order = order;
  made_up.parts[0] = a;
  made_up.parts[1] = b;
  made_up.parts[2] = c;
  made_up.parts[3] = d;
  return made_up;
}

static void play_one(const char *name, const char *order, kind in, part a, part b, part c, part d) {
  scene made_up = scene_of(name, order, in, a, b, c, d);
  play_all(&made_up, SCALED(0, 4, 1), false);
}

/* What servers do: while each of these is stopped before each access, each other one is made whole, and the reverse. */
static const struct {
  const char *name;
  void (*call)(void);
  size_t idle, holds;
  bool when_aged; /* only there */
} services[] = {
    {"closes", closes, 1, 0, false},       {"takes", takes, 0, 0, false},
    {"gives", gives, 0, 1, false},         {"discards", discards, 0, 1, false},
    {"waits", waits, 0, 0, false},         {"loops", loops, 0, 0, false},
    {"ends", ends, 1, 0, false},           {"trims", trims, 1, 0, false},
    {"maintains", maintains, 1, 0, false}, {"lowers the limits", lowers, 1, 0, false},
    {"drains", drains, 0, 0, false},       {"refreshes", refreshes, 1, 0, true},
    {"grows old", grows_old, 1, 0, true},  {"asks who holds what", asks_who_holds, 0, 1, true},
};

static void play_services(const stage *on, void (*only)(void)) {
  char whole[200];
  for (size_t i = 0; i < COUNT_OF(services); i++)
    for (size_t k = 0; k < COUNT_OF(services); k++) {
      if (services[i].call != only && services[k].call != only) continue;
      if ((services[i].when_aged || services[k].when_aged) && !on->pool.aged) continue;
      if (services[i].call == loops && services[k].call == loops) continue; /* there is one */
      for (int full = 0; full < 2; full++) { /* then nothing is idle, and no place is left */
        size_t cap = on->pool.max_objects;
        if (full && !cap) continue;
        if (!cap && (services[i].call == waits || services[k].call == waits)) continue;
        snprintf(whole, sizeof whole, "%s%s: %s while another %s", on->name, full ? ", full" : "", services[i].name,
                 services[k].name);
        scene made_up =
            scene_of(whole, "aBA", on->pool, PART(services[i].call, full ? 0 : services[i].idle, services[i].holds),
                     PART(services[k].call, full ? 0 : services[k].idle, services[k].holds),
                     PART(looks, 0, full ? cap - services[i].holds - services[k].holds : 0), nobody);
        play_all(&made_up, SCALED(0, 4, 1), false);
      }
    }
}

static const stage *const served[] = {&capped, &uncached_capped, &aged_cached, &aged_capped, &aged_uncached};
#define EACH_SERVED(on) \
  failures = 0;         \
  for (const stage *const *each = served, *on; each < served + COUNT_OF(served) && ((on = *each) != NULL); each++)

static void a_close(void **state) {
  (void)state;
  EACH_SERVED(on) play_services(on, closes);
  END_OF_TEST();
}

static void a_refresh_and_what_grows_old(void **state) {
  (void)state;
  EACH_SERVED(on) {
    if (!on->pool.aged) continue;
    play_services(on, refreshes);
    play_services(on, grows_old);
  }
  END_OF_TEST();
}

static void a_look_at_who_holds_what(void **state) {
  (void)state;
  EACH_SERVED(on) if (on->pool.aged) play_services(on, asks_who_holds);
  END_OF_TEST();
}

/* The waiter of a loop in a full pool, while another releases, and while it is cancelled; stopped are all three in turn. */
static void a_waiter_of_an_event_loop(void **state) {
  static const part givers[] = {{gives, 0, 1}, {discards, 0, 1}, {closes, 0, 0}};
  char whole[100];
  (void)state;
  EACH_SERVED(on) {
    size_t cap = on->pool.max_objects;
    if (cap) play_services(on, loops);
    for (size_t i = 0; cap && i < COUNT_OF(givers); i++) {
      part rest = PART(looks, 0, cap - givers[i].holds), loop_part = PART(loops, 0, 0), cancel = PART(cancels, 0, 0);
      snprintf(whole, sizeof whole, "%s: a cancel beside giver %zu", on->name, i);
      play_one(whole, "CaBA", on->pool, cancel, givers[i], loop_part,
               rest); /* in line, then a cancel that is stopped */
      play_one(whole, "CaBA", on->pool, givers[i], cancel, loop_part, rest);
      play_one(whole, "aBCA", on->pool, loop_part, givers[i], cancel, rest);
      play_one(whole, "aBCA", on->pool, loop_part, cancel, givers[i], rest);
    }
  }
  END_OF_TEST();
}

/* A waiter, asleep, for whom the first gives what he holds; another comes between. */
static void a_release_while_somebody_waits(void **state) {
  static const part givers[] = {{gives, 0, 1}, {discards, 0, 1}, {extracts, 0, 1}, {raises, 0, 1}, {ends, 0, 1}};
  char whole[100];
  (void)state;
  EACH_STAGE(on) {
    size_t cap = on->pool.max_objects;
    for (size_t giver = 0; cap && giver < COUNT_OF(givers); giver++)
      for (size_t i = 0; i < COUNT_OF(intrusions); i++) {
        snprintf(whole, sizeof whole, "%s: giver %zu while another %s", on->name, giver, intrusions[i].name);
        play_one(whole, "CaBA", on->pool, givers[giver], PART(intrusions[i].call, 0, cap - 1), PART(waits, 0, 0),
                 nobody);
      }
  }
  END_OF_TEST();
}

/* Both are stopped, the second at each access for each of the first. */
static void a_wait_beside_a_release(void **state) {
  static const part givers[] = {{gives, 0, 1}, {discards, 0, 1}};
  (void)state;
  EACH_STAGE(on) {
    size_t cap = on->pool.max_objects;
    for (size_t giver = 0; cap && giver < COUNT_OF(givers); giver++)
      play_one(on->name, "abAB", on->pool, PART(waits, 0, 0), givers[giver], PART(looks, 0, cap - 1), nobody);
  }
  END_OF_TEST();
}

/* Time is up before each access of who waits, also of its giving up, while an object comes back, a place, or a close. */
static const part comings[] = {{gives, 0, 1}, {discards, 0, 1}, {closes, 0, 0}};

static void play_in_time(scene *made_up, const char *order, int must_get) {
  made_up->order = order;
  made_up->must_get = must_get;
  for (int due = 0; due < 2; due++) {
    made_up->due_at_once = due > 0;
    play_all(made_up, SCALED(0, 4, 1), false);
  }
}

static void a_deadline(void **state) {
  (void)state;
  EACH_SERVED(on)
  for (size_t i = 0; on->pool.max_objects && i < COUNT_OF(comings); i++) {
    char whole[100];
    bool gets = comings[i].call != closes;
    scene made_up = scene_of(whole, "", on->pool, PART(waits_for_a_while, 0, 0), comings[i], PART(lets_time_pass, 0, 0),
                             PART(looks, 0, on->pool.max_objects - comings[i].holds));
    snprintf(whole, sizeof whole, "%s: a deadline beside %zu", on->name, i);
    made_up.time_stands = true;
    play_in_time(&made_up, "aBCA", gets); /* what came in time is got */
    play_in_time(&made_up, "aCBA", 0);
    play_in_time(&made_up, "ACabAB", 0); /* it sleeps, wakes late, and is stopped; the other, too */
    play_in_time(&made_up, "AbCaBA", 0);
  }
  END_OF_TEST();
}

/* Create refuses who waits, once: it stands in line for objects, and tries again, in time or not. Another comes meanwhile; it is
   stopped, and so is the try. One place is free, and one more for who takes. */
static void a_retry(void **state) {
  static const part waiters[] = {{waits, 0, 0}, {waits_for_a_while, 0, 0}};
  static const part others[] = {{gives, 0, 1}, {discards, 0, 1}, {closes, 0, 1},
                                {takes, 0, 0}, {waits, 0, 0},    {lowers, 0, 1}};
  (void)state;
  EACH_SERVED(on)
  for (size_t i = 0; on->pool.max_objects && i < COUNT_OF(others) * COUNT_OF(waiters); i++) {
    char whole[100];
    part waiter_part = waiters[i % COUNT_OF(waiters)], other = others[i / COUNT_OF(waiters)];
    scene made_up = scene_of(whole, "", on->pool, waiter_part, other, PART(lets_time_pass, 0, 0),
                             PART(looks, 0, on->pool.max_objects - other.holds - (other.holds ? 1 : 2)));
    int get = waiter_part.call == waits && other.call != closes;
    if (other.call == waits || other.call == takes) get |= 2;
    snprintf(whole, sizeof whole, "%s: retry %zu", on->name, i);
    made_up.time_stands = true;
    made_up.refusals = waiter_part.call == waits ? 1 : MANY; /* it may be refused all the while */
    play_in_time(&made_up, "aBCA", get);
    play_in_time(&made_up, "ACabAB", get);
    play_in_time(&made_up, "AbCaBA", get);
  }
  END_OF_TEST();
}

/* The fork is stopped, too, and another comes between its handlers' locks, who may use the pool for the first time then. */
static void a_fork_beside_another_call(void **state) {
  static const part others[] = {
      {takes, 0, 0}, {gives, 0, 1}, {takes_two_and_gives_the_first, 0, 0}, {attaches, 0, 0}, {ends, 2, 0}};
  (void)state;
  failures = 0;
  for (size_t i = 0; i < COUNT_OF(others); i++) {
    play_one("cached, fork", "abA", cached.pool, PART(forks, 0, 0), others[i], PART(looks, 16, 0), nobody);
    play_one("capped, fork", "abA", capped.pool, PART(forks, 0, 0), others[i], PART(looks, 8, 0), nobody);
    play_one("uncached, fork", "abA", uncached.pool, PART(forks, 0, 0), others[i], PART(looks, 3, 0), nobody);
  }
  END_OF_TEST();
}

/* Two calls are stopped anywhere, and a third thread forks. */
static void a_fork_beside_two_calls(void **state) {
  static const part pairs[][2] = {{{takes, 0, 0}, {gives, 4, 1}},
                                  {{trims, 1, 0}, {takes, 0, 0}},
                                  {{maintains, 1, 0}, {gives, 0, 1}},
                                  {{lowers, 1, 0}, {gives, 4, 1}}};
  (void)state;
  EACH_STAGE(on)
  for (size_t i = 0; on->pool.made && i < COUNT_OF(pairs); i++) {
    scene playing_it =
        scene_of(on->name, "abCAB", on->pool, pairs[i][0], pairs[i][1], PART(forks, on->many, 0), nobody);
    if (on == &uncached_capped) playing_it.parts[1].idle = playing_it.parts[2].idle = 1; /* as many as there may be */
    play_all(&playing_it, SCALED(5, 2, 1), false);
  }
  END_OF_TEST();
}

static void the_first_use_of_a_pool(void **state) {
  static const part others[] = {{takes, 0, 0}, {attaches, 0, 0}, {forks, 0, 0}};
  kind defaults;
  (void)state;
  failures = 0;
  memset(&defaults, 0, sizeof defaults);
  for (int hooks = 0; hooks < 2; hooks++)
    for (size_t i = 0; i < COUNT_OF(others); i++) {
      defaults.made = hooks > 0;
      scene playing_it = scene_of("first use of a pool", "aBA", defaults, PART(takes, 0, 0), others[i], nobody, nobody);
      playing_it.pool_is_zero = true;
      playing_it.afresh = true;
      play_all(&playing_it, 0, false);
      playing_it.name = "first use of any pool";
      play_all(&playing_it, 0, true);
    }
  END_OF_TEST();
}

static void a_fork_while_a_pool_begins_or_ends(void **state) {
  (void)state;
  EACH_STAGE(on) {
    scene playing_it = scene_of(on->name, "aBA", on->pool, PART(begins, 0, 0), PART(forks, 0, 0), nobody, nobody);
    playing_it.pool_is_zero = true;
    play_all(&playing_it, 0, false);
    play_one(on->name, "aBA", on->pool, PART(destroys, on->cache, 0), PART(forks, 1, 0), nobody, nobody);
  }
  END_OF_TEST();
}

/* ---- meetings of more, where stops are only at words that all of them use */

static bool is_shared(const volatile void *word) { /* by calls on an uncached pool */
  const objpool__state *state = pool->state;
  return word == &state->depot.full || word == &state->commons.gathering || word == &state->commons.lock;
}

static size_t on_the_stack(void) {
  objpool__state *state = pool->state;
  return state->engine == &objpool__uncached_engine ? (size_t)objpool__depot_depth(&state->depot, &state->depot.full)
                                                    : 0;
}

static size_t on_the_stack_before;
static void watch_the_third(char piece, bool begins) {
  if (piece == 'c' && begins) on_the_stack_before = on_the_stack();
  if (piece == 'C' && !begins) MUST(!actors[2].got_none || !on_the_stack_before || !on_the_stack());
}

static void a_try_acquire_gets_what_is_idle_though_another_begins_to_wait(void **state) {
  kind one = uncached.pool;
  (void)state;
  failures = 0;
  one.max_objects = 1;
  scene playing_it =
      scene_of("try beside a waiter", "aBcaCA", one, PART(waits, 0, 0), PART(gives, 0, 1), PART(tries, 0, 0), nobody);
  playing_it.around = watch_the_third;
  play_all(&playing_it, 0, false);
  END_OF_TEST();
}

static void a_trim_wakes_those_who_looked_while_it_had_the_objects(void **state) {
  kind two = uncached.pool;
  (void)state;
  failures = 0;
  two.max_objects = 2;
  scene playing_it = scene_of("waiter, trim and try", "aBcadCdaDA", two, PART(waits, 0, 0), PART(gives_all, 0, 2),
                              PART(tries, 0, 0), PART(trims_to_one, 0, 0));
  playing_it.is_stop = is_shared;
  play_all(&playing_it, 0, false);
  END_OF_TEST();
}

/* A resize that finds no more alive than it allows: from then on no more are. The one that it found is given back, and idle. */
static void lowers_to_what_is_alive_and_gives(void) {
  resizes_to(0, 1);
  gives();
}
static void watch_the_limit(char piece, bool begins) {
  if (piece != 'A' || begins) return;
  objpool_stats stats = objpool_snapshot(pool);
  MUST(stats.in_use + stats.idle <= 1);
}
static void no_more_are_built_than_a_resize_has_allowed_meanwhile(void **state) {
  static const part builders[] = {{takes, 0, 0}, {waits_briefly, 0, 0}, {warms_up, 0, 0}};
  (void)state;
  EACH_STAGE(on)
  for (size_t i = 0; on->pool.max_objects && i < COUNT_OF(builders); i++) {
    scene playing_it =
        scene_of(on->name, "aBA", on->pool, builders[i], PART(lowers_to_what_is_alive_and_gives, 0, 1), nobody, nobody);
    playing_it.around = watch_the_limit;
    play_all(&playing_it, 0, false);
  }
  END_OF_TEST();
}

/* What lies in a cache that its owner closes, at the end of its thread or for want of room, is within reach of others all the
   while. There is room for one cache alone: the other thread has none, and no other is open. */
static void nothing_is_out_of_reach_while_its_owner_closes_a_cache(void **state) {
  static const part closers[] = {{ends, 3, 0}, {ends, 4, 0}, {gives, 6, 1}, {gives, 5, 1}, {gives, 4, 1}};
  kind narrow = bounded.pool;
  (void)state;
  failures = 0;
  narrow.max_idle = 6;
  for (size_t i = 0; i < COUNT_OF(closers); i++)
    for (int hooks = 0; hooks < 2; hooks++) {
      narrow.made = hooks > 0;
      scene playing_it = scene_of("room for one cache", "aBA", narrow, closers[i], PART(tries, 0, 0), nobody, nobody);
      playing_it.must_get = 2;
      play_all(&playing_it, 0, false);
    }
  END_OF_TEST();
}

#define SCENE(name) cmocka_unit_test(name)

int main(int count, char **arguments) {
  const struct CMUnitTest tests[] = {
      SCENE(an_acquire),
      SCENE(a_try_acquire),
      SCENE(a_wait),
      SCENE(a_release),
      SCENE(an_operation_on_the_whole_pool),
      SCENE(a_thread_begins_or_ends),
      SCENE(a_close),
      SCENE(a_refresh_and_what_grows_old),
      SCENE(a_look_at_who_holds_what),
      SCENE(a_waiter_of_an_event_loop),
      SCENE(a_release_while_somebody_waits),
      SCENE(a_wait_beside_a_release),
      SCENE(a_deadline),
      SCENE(a_retry),
      SCENE(a_fork_beside_another_call),
      SCENE(a_fork_beside_two_calls),
      SCENE(the_first_use_of_a_pool),
      SCENE(a_fork_while_a_pool_begins_or_ends),
      SCENE(a_try_acquire_gets_what_is_idle_though_another_begins_to_wait),
      SCENE(a_trim_wakes_those_who_looked_while_it_had_the_objects),
      SCENE(no_more_are_built_than_a_resize_has_allowed_meanwhile),
      SCENE(nothing_is_out_of_reach_while_its_owner_closes_a_cache),
  };
  cpu_set_t one;
  verbose = getenv("VERBOSE") != NULL;
  if (count > 1) cmocka_set_test_filter(arguments[1]);
  shared = (struct shared *)mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) abort();
  CPU_ZERO(&one); /* threads that take turns do it faster on one processor */
  CPU_SET((size_t)sched_getcpu(), &one);
  (void)sched_setaffinity(0, sizeof one, &one);
  int status = cmocka_run_group_tests(tests, NULL, NULL);
  print_message("%ld runs\n", all_runs);
  return status;
}

#else
int main(void) {
  puts("skipped: not on this system, or under this sanitizer");
  return 77;
}
#endif
