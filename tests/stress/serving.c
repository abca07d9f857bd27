/* serving: threads and event loops stand in the lines of pools with few objects, with deadlines, cancels by another thread, a create that
 * refuses (and, in half of the rounds, is tried again) and objects that prove invalid, while yet another thread trims, resizes, maintains,
 * refreshes and looks who holds what. Each round has a pool of its own, which is closed under way by two threads at once, or used up to
 * the end, and drained. Nobody is forgotten in a line: each waiter of a loop is told or cancelled, once, and who waits without a limit
 * gets an object or hears of the close; each object has one owner; and after the drain what was created is destroyed.
 *
 * serving [OPERATIONS [THREADS [SEED]]]      an operation is one acquire; half of the threads are event loops; SEED decides the rounds'
 *                                            pools and when they are closed; on a terminal it shows how far it is */
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

#include "stress.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

enum { MOST_THREADS = 256, FIBERS = 6, KINDS = 16, IN_A_ROUND = 20000, A_MINUTE = 60000 };

typedef struct thing {
  long owner; /* 0: nobody's */
  long uses;
} thing;

static long created, destroyed;

static uint64_t any(void) {
  static __thread uint64_t random;
  if (!random) random = (uint64_t)(uintptr_t)&random * 0x9e3779b97f4a7c15u | 1;
  return next_random(&random) >> 16;
}

static long add(long *count, long by) { return __atomic_add_fetch(count, by, __ATOMIC_RELAXED); }

static bool build(thing *new_one, void *context) {
  uint64_t random = any();
  (void)context;
  if (random % 8 == 0) return false;
  if (random % 8 == 1) sched_yield(); /* some take long */
  new_one->owner = new_one->uses = 0;
  add(&created, 1);
  return true;
}
static void take_down(thing *old, void *context) {
  (void)context;
  REQUIRE(__atomic_exchange_n(&old->owner, -1, __ATOMIC_RELAXED) == 0);
  add(&destroyed, 1);
}
static bool is_good(thing *object, void *context) {
  (void)context;
  return object->uses % 50 != 49;
}

OBJPOOL_DEFINE(plain_pool, thing, opt.create = build, opt.destroy = take_down, opt.validate = is_good);
OBJPOOL_DEFINE(aged_pool, thing, opt.create = build, opt.destroy = take_down, opt.validate = is_good, opt.timed = true,
               opt.tracked = true);

static plain_pool plain;
static aged_pool aged;
static objpool *pool; /* one of them */
static bool is_aged;
static long left;    /* acquires of this round that have not begun */
static bool patient; /* nobody has a deadline or is cancelled, so nothing stands in for a wake-up that is lost */
static bool over;    /* of this round: for those who disturb it */
static long waited, told, cancelled, refused, closed, retried_rounds, closed_rounds, disturbances;

static void hold(thing *object) {
  REQUIRE(__atomic_exchange_n(&object->owner, 1, __ATOMIC_RELAXED) == 0);
  object->uses++;
}

static void give_back(thing *object) {
  REQUIRE(__atomic_exchange_n(&object->owner, 0, __ATOMIC_RELAXED) == 1);
  if (any() % 64 == 0)
    objpool_discard(pool, object);
  else
    objpool_release(pool, object);
}

/* Why there is none: true if there never will be. */
static bool is_closed(int error) {
  add(error == OBJPOOL_ECLOSED ? &closed : &refused, 1);
  REQUIRE(error == EAGAIN || error == ETIMEDOUT || error == ECANCELED || error == OBJPOOL_ECLOSED);
  return error == OBJPOOL_ECLOSED;
}

static int64_t any_timeout(uint64_t random) { return patient || random % 4 ? -1 : (int64_t)(random >> 8) % 200000 + 1; }

static void *waits(void *unused) {
  while (add(&left, -1) >= 0) {
    uint64_t random = any();
    unsigned how = random % 8;
    thing *object = (thing *)(how == 0   ? objpool_try_acquire(pool)
                              : how == 1 ? objpool_acquire(pool)
                                         : objpool_acquire_for(pool, any_timeout(random >> 8)));
    if (!object) {
      REQUIRE(how > 1 || errno != ETIMEDOUT);
      if (is_closed(errno)) break;
      continue;
    }
    hold(object);
    if (how == 2) sched_yield();
    give_back(object);
  }
  return unused;
}

/* >>loops: a thread each, with requests that wait one by one ********************************************************** */

/* FREE: its loop may use it. STANDING: anybody may begin to cancel it, one at a time. TOLD: was told meanwhile; who cancels it frees it. */
enum { FREE, STANDING, BEING_CANCELLED, TOLD };

typedef struct fiber {
  objpool_waiter waiter; /* first: what `ready` gets */
  struct looping *of;
  thing *object;
  int state;
} fiber;

typedef struct looping {
  pthread_t thread, runs_on;
  objpool_loop loop;
  int nudge[2]; /* a pipe: something was cancelled */
  long standing, holding;
  bool closed;
  fiber fibers[FIBERS];
  fiber *held[FIBERS];
} looping;

static looping loops[MOST_THREADS];
static long loop_count;

static void got(fiber *mine, thing *object) {
  hold(object);
  mine->object = object;
  mine->of->held[mine->of->holding++] = mine;
}

static bool step(fiber *mine, int from, int to) {
  return __atomic_compare_exchange_n(&mine->state, &from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static void ready(objpool_waiter *waiter, void *object, int error) {
  fiber *mine = (fiber *)(void *)waiter;
  REQUIRE(!object == (error != 0) && pthread_equal(pthread_self(), mine->of->runs_on));
  add(&told, 1);
  add(&mine->of->standing, -1);
  while (!step(mine, STANDING, FREE) && !step(mine, BEING_CANCELLED, TOLD)) {
  } /* it may go back from the second to the first */
  if (object)
    got(mine, (thing *)object);
  else
    mine->of->closed |= is_closed(error);
}

/* Each that is free stands in line, or holds an object that was there at once. */
static void stand(looping *self) {
  for (int i = 0; i < FIBERS; i++) {
    fiber *mine = &self->fibers[i];
    if (mine->object || __atomic_load_n(&mine->state, __ATOMIC_ACQUIRE) != FREE) continue;
    if (self->closed || add(&left, -1) < 0) return;
    thing *object = (thing *)objpool_acquire_async(pool, &mine->waiter, &self->loop, any_timeout(any()), ready);
    if (!object && errno == EINPROGRESS) {
      add(&waited, 1);
      add(&self->standing, 1); /* before it may be cancelled */
      __atomic_store_n(&mine->state, STANDING, __ATOMIC_RELEASE);
      continue;
    }
    if (object)
      got(mine, object);
    else
      self->closed |= is_closed(errno);
  }
}

/* Until something is due; a wake-up that is lost ends the program, but for those of deadlines. */
static void sleep_until_due(looping *self) {
  int64_t next_ns = objpool_loop_next_ns(&self->loop);
  struct pollfd polled[2] = {{objpool_loop_fd(&self->loop), POLLIN, 0}, {self->nudge[0], POLLIN, 0}};
  int count = poll(polled, 2, next_ns < 0 ? A_MINUTE : (int)(next_ns / 1000000) + 1);
  char nudges[64];
  REQUIRE(count > 0 || (count == 0 && next_ns >= 0));
  if (polled[1].revents) REQUIRE(read(self->nudge[0], nudges, sizeof nudges) > 0);
}

static void *turns(void *argument) {
  looping *self = (looping *)argument;
  self->runs_on = pthread_self();
  for (;;) {
    stand(self);
    if (!self->holding && !__atomic_load_n(&self->standing, __ATOMIC_ACQUIRE)) return NULL;
    if (!self->holding) sleep_until_due(self);
    (void)objpool_loop_run(&self->loop, 4);
    while (self->holding > 0) {
      fiber *mine = self->held[--self->holding];
      thing *object = mine->object;
      mine->object = NULL;
      give_back(object);
      if (any() % 4 == 0) break; /* the others are held for longer */
    }
  }
}

static void *cancels(void *unused) {
  while (!patient && !__atomic_load_n(&over, __ATOMIC_ACQUIRE)) {
    uint64_t random = any();
    looping *of = &loops[random % (uint64_t)loop_count];
    fiber *other = &of->fibers[(random >> 16) % FIBERS];
    if (!step(other, STANDING, BEING_CANCELLED)) {
      sched_yield();
      continue;
    }
    if (objpool_cancel(pool, &other->waiter)) {
      add(&cancelled, 1);
      add(&of->standing, -1);
      __atomic_store_n(&other->state, FREE, __ATOMIC_RELEASE);
    } else if (!step(other, BEING_CANCELLED, STANDING)) /* else it will be told, or is just being told */
      REQUIRE(step(other, TOLD, FREE));
    REQUIRE(write(of->nudge[1], "", 1) == 1 || errno == EAGAIN);
    const struct timespec pause = {0, 50000};
    nanosleep(&pause, NULL);
  }
  return unused;
}

/* >>rounds ************************************************************************************************************ */

static void see(const objpool_hold *seen, void *user) {
  REQUIRE(seen->object && seen->uses > 0);
  ++*(long *)user;
}

static void *disturbs(void *unused) {
  while (!__atomic_load_n(&over, __ATOMIC_ACQUIRE)) {
    uint64_t random = any();
    long seen = 0;
    switch (random % 8) {
    case 0: (void)objpool_trim(pool, (random >> 8) % 4); break;
    case 1: (void)objpool_clear(pool); break;
    case 2:
    case 3: REQUIRE(objpool_resize(pool, OBJPOOL_UNCHANGED, (random >> 8) % 6 + 1)); break;
    case 4: (void)objpool_maintain(pool); break;
    case 5: (void)(is_aged ? aged_pool_refresh(&aged) : 0); break;
    case 6: REQUIRE(objpool_each_held(pool, 0, see, &seen) == (size_t)seen); break;
    default: (void)objpool_snapshot(pool); break;
    }
    add(&disturbances, 1);
    const struct timespec pause = {0, 100000};
    nanosleep(&pause, NULL);
  }
  return unused;
}

/* When so many acquires are left. */
static void *closes(void *at) {
  const struct timespec pause = {0, 20000};
  while (__atomic_load_n(&left, __ATOMIC_RELAXED) > *(long *)at) nanosleep(&pause, NULL);
  objpool_close(pool);
  return at;
}

static pthread_t begin(void *(*run)(void *), void *argument) {
  pthread_t thread;
  REQUIRE(pthread_create(&thread, NULL, run, argument) == 0);
  return thread;
}
static void end(pthread_t thread) { REQUIRE(pthread_join(thread, NULL) == 0); }

static void begin_pool(unsigned kind, uint64_t random) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  is_aged = kind & 1;
  config.max_objects = random % 5 + 1;
  config.cache_size = kind & 2 ? OBJPOOL_NO_CACHE : 0;
  if (random >> 16 & 1) config.max_objects += 64; /* with thread caches, until it is resized */
  config.retry_create_ns = kind & 4 ? 20000 : 0;
  config.fair_after_ns = kind & 8 ? 1 : 0;
  config.ignore_pressure = true;
  if (is_aged) {
    config.max_lifetime_ns = 5000000;
    config.idle_timeout_ns = 1000000;
  }
  retried_rounds += config.retry_create_ns != 0;
  REQUIRE(is_aged ? aged_pool_init(&aged, &config) : plain_pool_init(&plain, &config));
  pool = is_aged ? &aged.base : &plain.base;
}

static void one_round(unsigned kind, uint64_t random, long operations, long threads) {
  pthread_t waiting[MOST_THREADS], others[4];
  long close_at = random >> 32 & 3 ? (long)((random >> 34) % (uint64_t)operations) : -1;
  begin_pool(kind, random);
  patient = random >> 24 & 1;
  left = operations;
  over = false;
  created = destroyed = 0;
  for (long i = 0; i < loop_count; i++) {
    memset(&loops[i], 0, sizeof loops[i]);
    REQUIRE(objpool_loop_init(&loops[i].loop, NULL, NULL) && pipe(loops[i].nudge) == 0);
    REQUIRE(fcntl(loops[i].nudge[1], F_SETFL, O_NONBLOCK) == 0);
    for (int k = 0; k < FIBERS; k++) loops[i].fibers[k].of = &loops[i];
  }
  others[0] = begin(cancels, NULL);
  others[1] = begin(disturbs, NULL);
  for (int i = 2; close_at >= 0 && i < 4; i++) others[i] = begin(closes, &close_at);
  for (long i = 0; i < loop_count; i++) loops[i].thread = begin(turns, &loops[i]);
  for (long i = loop_count; i < threads; i++) waiting[i] = begin(waits, NULL);
  if (close_at >= 0) {
    end(others[2]), end(others[3]);
    closed_rounds++;
    REQUIRE(objpool_drain(pool, -1)); /* while they still give back, and hear of it */
  }
  for (long i = loop_count; i < threads; i++) end(waiting[i]);
  for (long i = 0; i < loop_count; i++) end(loops[i].thread);
  __atomic_store_n(&over, true, __ATOMIC_RELEASE);
  end(others[0]), end(others[1]);
  for (long i = 0; i < loop_count; i++) {
    objpool_loop_destroy(&loops[i].loop); /* panics if anybody stands in line for it */
    close(loops[i].nudge[0]), close(loops[i].nudge[1]);
  }
  objpool_stats stats = objpool_snapshot(pool);
  REQUIRE(stats.waiting == 0 && stats.in_use == 0 && (close_at < 0 || stats.idle == 0));
  REQUIRE((long)stats.idle == created - destroyed);
#ifndef OBJPOOL_NO_STATS
  REQUIRE(stats.created == (uint64_t)created && stats.acquires == stats.releases);
#endif
  REQUIRE(objpool_drain(pool, 0));
  objpool_destroy(pool);
  REQUIRE(created == destroyed && told + cancelled == waited);
}

#define USAGE "serving [OPERATIONS [THREADS [SEED]]]"

int main(int argument_count, char **argument) {
  long operations = argument_count > 1 ? number(USAGE, argument[1]) : 1000000, done = 0, rounds = 0;
  long threads = argument_count > 2 ? number(USAGE, argument[2]) : 4 * sysconf(_SC_NPROCESSORS_ONLN);
  uint64_t random = (argument_count > 3 ? (uint64_t)number(USAGE, argument[3]) : 1) * 0x9e3779b97f4a7c15u | 1;
  bool terminal = isatty(1) != 0;
  if (threads > MOST_THREADS) threads = MOST_THREADS;
  loop_count = threads > 1 ? threads / 2 : 1;
  if (threads < 2) threads = 2;
  for (; done < operations; rounds++) {
    long part = operations - done < IN_A_ROUND ? operations - done : IN_A_ROUND;
    alarm(600); /* who is forgotten in a line waits for ever */
    one_round((unsigned)rounds % KINDS, next_random(&random) >> 8, part, threads);
    done += part;
    if (terminal) {
      printf("\r%3.0f %%", 100.0 * (double)done / (double)operations);
      fflush(stdout);
    }
  }
  if (terminal) printf("\r");
  printf("%ld acquires by %ld threads, %ld of them loops, in %ld rounds, of which %ld were closed and %ld tried create "
         "again, among %ld "
         "disturbances: %ld waiters of loops, %ld told, %ld cancelled, nobody forgotten; %ld refused, %ld sent away\n",
         done, threads, loop_count, rounds, closed_rounds, retried_rounds, disturbances, waited, told, cancelled,
         refused, closed);
  REQUIRE(operations < 1000000 || (cancelled > 0 && told > 0 && closed_rounds > 0 && retried_rounds > 0 && closed > 0));
  return 0;
}
