/* A call that is under way in one thread while another uses the pool, between any two of its instructions: the
   processor stops the thread after each (the trap flag of x86), once per run at a later one. Whatever the instruction:
   no object is in two hands, none is lost, limits stay exact, whoever waits, for an event loop too, is woken, and told when
   the pool closes. AGED: the pool is timed and tracked, and the other thread also retires objects and looks who holds them.
   By chance some of these meetings come less than once in 10^8 operations. No clock decides here: that a thread waits, or a
   child of a fork hangs, the system says, which has put it to sleep. test_every_access goes through the slow paths, by
   plan. Weak memory orders do not show here: they
   are for the models and ThreadSanitizer. On other processors, under ThreadSanitizer, and where the trap flag does
   nothing it is skipped. C only: C++ is the same code, and it takes its time. */
#include "support.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <ucontext.h>

#define OBJPOOL_PANIC(message) panic_seen(message)
#include "pools.h"

#if defined(__linux__) && (defined(__x86_64__) || defined(__i386__)) && !THREAD_SANITIZED

typedef struct thing {
  long held; /* by whoever acquired it */
} thing;

static bool look_at_it(thing *object, void *context);
static void take_down(thing *object, void *context) {
  (void)object, (void)context;
  errno = EDOM; /* which no release shows */
}

MAKES_BY_HOOK(thing) /* so those of few objects have a word for all, and a slot for a thread that is alone */

#ifdef AGED
#define WHERE_AGED(...) , __VA_ARGS__
enum { LONGER = 3 }; /* its paths, than those of others */
#else
#define WHERE_AGED(...)
enum { LONGER = 1 };
#endif

OBJPOOL_DEFINE(thing_pool, thing, opt.create = make_thing, opt.validate = look_at_it,
               opt.validate_on = OBJPOOL_ON_MAINTAIN,
               opt.destroy = take_down WHERE_AGED(opt.timed = true, opt.tracked = true));

#ifndef SPACING /* -DSPACING=1000000: after each instruction of the slow paths, too: it takes long */
#define SPACING SCALED(12 / LONGER, 1, 1)
#endif

/* DENSE: as many instructions as a fast path has, with what tests/tools/mutate adds to it */
enum { DENSE = SCALED(100, 4, 1), MOST = 128, TRAP_FLAG = 0x100, TURNS = 5000 };

enum { ALONE = 8 }; /* as few as that */

/* ---- one thread stopped by another */

enum phase { PREPARING, READY, GOING, STOPPED, INTRUDED, ENDED, DISMISSED };

static int phase; /* whose turn it is; within a run it only goes forward */
static volatile sig_atomic_t stepping;
static volatile long steps, stop_after;
static bool came_to_its_end; /* before it was stopped */

static void go_to(int next) { __atomic_store_n(&phase, next, __ATOMIC_SEQ_CST); }

typedef char status_path[64];

static status_path stopped_status, intruder_status; /* files of the system about the two threads */

static void name_status(status_path path) {
  snprintf(path, sizeof(status_path), "/proc/self/task/%ld/stat", syscall(SYS_gettid));
}

/* Whether a thread sleeps until something happens. */
static bool sleeps(const char *path) {
  char text[200];
  int file = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t length = file < 0 ? 0 : read(file, text, sizeof text - 1);
  if (file >= 0) close(file);
  text[length > 0 ? length : 0] = 0;
  const char *end = strrchr(text, ')');
  return end && end[1] && end[2] == 'S';
}

/* Whoever looks for so long, by the time it had a processor, waits in vain. */
static void give_up_some_time(time_t *since) {
  struct timespec used;
  CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used) == 0);
  if (!*since) *since = used.tv_sec + 1;
  CHECK(used.tv_sec < *since + 60);
}

static bool has_come(int wanted) { return __atomic_load_n(&phase, __ATOMIC_SEQ_CST) >= wanted; }

static void wait_for_phase(int wanted) {
  time_t since = 0;
  for (unsigned turns = 0; !has_come(wanted); turns++) {
    if (turns % 16 == 15) sched_yield();
    if (turns % 65536 == 65535) give_up_some_time(&since);
  }
}

/* False: it sleeps somewhere, and does not come to it. */
static bool wait_for_phase_or_sleep(int wanted, const char *path) {
  time_t since = 0;
  for (unsigned turns = 0; !has_come(wanted); turns++) {
    sched_yield();
    if (turns % 64 == 63 && sleeps(path) && !has_come(wanted)) return false;
    if (turns % 65536 == 65535) give_up_some_time(&since);
  }
  return true;
}

/* The intruder may have to wait for a lock that this thread holds, asleep or turn by turn: then they go on together. */
static void wait_for_the_intruder(void) {
  for (int turns = 0; turns < TURNS && !has_come(INTRUDED); turns++) {
    sched_yield();
    if (turns % 16 == 15 && sleeps(intruder_status)) return;
  }
}

/* After each instruction. */
static void after_a_step(int signal_number, siginfo_t *info, void *context) {
  int saved = errno, expected = GOING;
  greg_t *flags = &((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL];
  (void)signal_number, (void)info;
  *flags |= TRAP_FLAG;
  steps = steps + 1;
  if (!stepping || steps > stop_after) {
    *flags &= ~(greg_t)TRAP_FLAG;
    if (stepping && __atomic_compare_exchange_n(&phase, &expected, STOPPED, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
      wait_for_the_intruder();
    stepping = 0;
  }
  errno = saved;
}

static void begin_stepping(void) {
  steps = 0;
  stepping = 1;
  __asm__ volatile("int3" ::: "memory");
}

/* ---- the scene: a pool, a thread that is stopped, and the main thread, the intruder */

typedef struct scene {
  size_t max_objects, cache_size;
  size_t mine;   /* idle, and last released by the thread that is stopped */
  size_t theirs; /* the same of the other */
  size_t held;   /* by the other */
  void (*stopped_call)(void);
  void (*intrusion)(void);
} scene;

static scene now_playing;
static bool in_play; /* still, when a test has ended: it failed */
static long runs_of_scene;
static thing_pool pool;
static thing *mine;             /* what the stopped thread holds */
static thing *theirs[2 * MOST]; /* what the other holds */
static size_t their_count;

static thing *hold(thing *object) {
  if (object) CHECK(!__atomic_exchange_n(&object->held, 1, __ATOMIC_SEQ_CST));
  return object;
}

static void give(thing *object) {
  CHECK(__atomic_exchange_n(&object->held, 0, __ATOMIC_SEQ_CST));
  errno = E2BIG;
  thing_pool_release(&pool, object);
  CHECK(errno == E2BIG);
}

static bool take_another(void) {
  thing *object = hold(thing_pool_acquire(&pool));
  if (object) theirs[their_count++] = object;
  return object != NULL;
}

static void leave_idle(size_t count) {
  thing *objects[MOST];
  for (size_t i = 0; i < count; i++) CHECK(objects[i] = thing_pool_acquire(&pool));
  for (size_t i = 0; i < count; i++) thing_pool_release(&pool, objects[i]);
}

static void acquires(void) { mine = hold(thing_pool_acquire(&pool)); }
static void tries(void) { mine = hold(thing_pool_try_acquire(&pool)); }
static void closes(void) { thing_pool_close(&pool); }
static void waits(void) {
  mine = hold(thing_pool_acquire_for(&pool, -1));
  CHECK(mine || (now_playing.intrusion == closes && errno == OBJPOOL_ECLOSED));
}
static void releases(void) {
  thing *object = mine;
  mine = NULL;
  give(object);
}
static void discards(void) {
  thing *object = mine;
  mine = NULL;
  CHECK(__atomic_exchange_n(&object->held, 0, __ATOMIC_SEQ_CST));
  thing_pool_discard(&pool, object);
}

/* An event loop of each of the two, with a request that stands in line, is told, or cancelled. */
typedef struct request {
  thing_pool_waiter waiter; /* first: what `told` gets */
  objpool_loop loop;
  bool in_line, woken;
  thing *object;
} request;

static request my_request, their_request;

static void wakes(void *woken) { __atomic_store_n((bool *)woken, true, __ATOMIC_SEQ_CST); }
static void told(thing_pool_waiter *waiter, thing *object, int error) {
  request *of = (request *)(void *)waiter;
  CHECK(of->in_line && (object ? !error : now_playing.intrusion == closes && error == OBJPOOL_ECLOSED));
  of->in_line = false;
  of->object = hold(object);
}
static void stand_in_line(request *of) {
  of->object = hold(thing_pool_acquire_async(&pool, &of->waiter, &of->loop, -1, told));
  of->in_line = !of->object && errno == EINPROGRESS;
  CHECK(of->object || of->in_line || (now_playing.intrusion == closes && errno == OBJPOOL_ECLOSED));
}
static void begin_request(request *of) {
  memset(of, 0, sizeof *of);
  CHECK(objpool_loop_init(&of->loop, wakes, &of->woken));
}
/* As its loop would, if it was woken: without that nothing is looked at. */
static void hear(request *of) {
  if (__atomic_exchange_n(&of->woken, false, __ATOMIC_SEQ_CST))
    while (objpool_loop_run(&of->loop, 1)) {}
}
static void end_request(request *of) { /* that nobody heard of */
  if (of->in_line) CHECK(thing_pool_cancel(&pool, &of->waiter));
  CHECK(objpool_loop_run(&of->loop, 1) == 0);
  objpool_loop_destroy(&of->loop);
}

static void stands(void) { stand_in_line(&my_request); }
static void leaves_the_line(void) { /* in which it stands since before it is stopped */
  if (thing_pool_cancel(&pool, &my_request.waiter)) my_request.in_line = false;
}
static void stands_in_line(void) { stand_in_line(&their_request); }
static void stands_in_line_and_leaves(void) {
  stand_in_line(&their_request);
  if (their_request.in_line && thing_pool_cancel(&pool, &their_request.waiter)) their_request.in_line = false;
}

static bool needs_an_object(const scene *play) {
  return play->stopped_call == releases || play->stopped_call == discards;
}

static void takes(void) { take_another(); }
static void takes_while_waiting(void) {
  CHECK(theirs[their_count] = hold(thing_pool_acquire_for(&pool, -1)));
  their_count++;
}
static void gives(void) { give(theirs[--their_count]); }
static void takes_two_and_gives_the_first(void) { /* the same head comes back over another stack */
  size_t before = their_count;
  take_another();
  take_another();
  if (their_count == before) return;
  thing *first = theirs[before];
  theirs[before] = theirs[--their_count];
  give(first);
}
static void takes_and_gives_many(void) { /* whole magazines come and go */
  size_t before = their_count;
  while (their_count < before + 40 && take_another()) {}
  while (their_count > before) give(theirs[--their_count]);
}
static void trims(void) { thing_pool_trim(&pool, 0); }
static void warms_up(void) { (void)thing_pool_warmup(&pool, 20); }
static void resets_the_statistics(void) { thing_pool_reset_stats(&pool); }
static void looks_at_the_statistics(void) {
  objpool_stats stats = thing_pool_stats(&pool);
  CHECK(stats.in_use == their_count || stats.in_use == their_count + 1);
}
static void lowers_the_limit(void) {
  CHECK(thing_pool_resize(&pool, 0, 1));
  CHECK(!take_another());
}
static void lowers_the_limit_of_idle(void) { CHECK(thing_pool_resize(&pool, 1, OBJPOOL_UNCHANGED)); }
static void lowers_the_limit_and_puts_it_back(void) {
  lowers_the_limit();
  CHECK(thing_pool_resize(&pool, 0, now_playing.max_objects));
}

static void gives_and_opens_its_cache(void) { /* where the object then lies */
  gives();
  for (int i = 0; i < 600 && take_another(); i++) gives();
}
static bool waits_in_validation;
static void gives_two_and_maintains(void) {
  gives();
  gives();
  waits_in_validation = true;
  (void)objpool_maintain(&pool.base);
  waits_in_validation = false;
}
static void maintains(void) { (void)objpool_maintain(&pool.base); }
#ifdef AGED
static void retires_all(void) { (void)thing_pool_refresh(&pool); }
static void see(const objpool_hold *seen, void *count) {
  CHECK(seen->object && seen->uses > 0);
  ++*(size_t *)count;
}
static void looks_who_holds_what(void) {
  size_t seen = 0;
  CHECK(objpool_each_held(&pool.base, 0, see, &seen) == seen);
  CHECK(seen == their_count || seen == their_count + 1);
}
#endif
static bool look_at_it(thing *object, void *context) { /* until the other has one of those that wait to be looked at */
  (void)context;
  CHECK(!object->held);
  if (!waits_in_validation) return true;
  if (__atomic_load_n(&phase, __ATOMIC_SEQ_CST) < INTRUDED) go_to(INTRUDED);
  wait_for_phase(ENDED);
  return true;
}

/* The child is alone, and takes all that is idle, and as much more as there may be. */
static void use_alone(void) {
  thing *got[2 * MOST];
  objpool_stats stats = thing_pool_stats(&pool);
  size_t count = 0, most = now_playing.max_objects;
  while ((got[count] = hold(thing_pool_try_acquire(&pool)))) count++;
  CHECK(count == stats.idle && stats.waiting == 0);
  while (count < MOST && (got[count] = hold(thing_pool_acquire(&pool)))) count++;
  if (most) CHECK(count + their_count <= most && count + their_count + 1 >= most); /* one may be on its way */
  for (size_t i = count; i-- > 0;) give(got[i]);
  CHECK(thing_pool_stats(&pool).idle == count);
  CHECK(thing_pool_trim(&pool, 1) == (count > 1 ? count - 1 : 0));
  (void)objpool_maintain(&pool.base);
  CHECK(thing_pool_resize(&pool, 1, 0));
  for (int i = 0; i < 3; i++) CHECK(got[i] = hold(thing_pool_acquire(&pool)));
  for (int i = 0; i < 3; i++) give(got[i]);
  CHECK(thing_pool_stats(&pool).idle == 1);
  CHECK(thing_pool_clear(&pool) == 1);
  thing_pool_destroy(&pool);
}

static void forks(void) {
  status_path path;
  struct rlimit processor = {60, 60}; /* seconds */
  int status = 0;
  fflush(NULL);
  pid_t child = fork(), ended;
  CHECK(child >= 0);
  if (child == 0) {
    setrlimit(RLIMIT_CPU, &processor);
    use_alone();
    _exit(0);
  }
  snprintf(path, sizeof path, "/proc/%ld/stat", (long)child);
  for (unsigned turns = 0; (ended = waitpid(child, &status, WNOHANG)) == 0; turns++) {
    sched_yield();
    if (turns % 64 == 63 && sleeps(path)) { /* for ever: nobody is there to wake it */
      kill(child, SIGKILL);
      bool the_child_hangs = true;
      CHECK(!the_child_hangs);
    }
  }
  CHECK(ended == child && EXITED_WELL(status));
}

static void *play_the_stopped(void *unused) {
  int going = GOING;
  (void)unused;
  name_status(stopped_status);
  leave_idle(now_playing.mine + needs_an_object(&now_playing));
  if (now_playing.max_objects == ALONE) leave_idle(now_playing.mine); /* in its slot, which is open from here on */
  if (needs_an_object(&now_playing)) mine = hold(thing_pool_acquire(&pool));
  begin_request(&my_request);
  if (now_playing.stopped_call == leaves_the_line) stand_in_line(&my_request);
  go_to(READY);
  wait_for_phase(GOING);
  begin_stepping();
  now_playing.stopped_call();
  came_to_its_end = stepping;
  stepping = 0;
  if (came_to_its_end) __atomic_compare_exchange_n(&phase, &going, STOPPED, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
  wait_for_phase(INTRUDED);
  hear(&my_request);
  bool served = now_playing.intrusion == gives || now_playing.intrusion == gives_and_opens_its_cache ||
                now_playing.intrusion == closes;
  CHECK(!my_request.in_line || !served);
  end_request(&my_request);
  if (my_request.object) mine = my_request.object;
  go_to(ENDED);
  wait_for_phase(DISMISSED); /* at the end of a thread its cache goes back: until then others must get by */
  return NULL;
}

static size_t idle_now(void) {
  objpool_stats stats = thing_pool_stats(&pool);
  assert_int_equal(stats.in_use, their_count + (mine != NULL));
  if (now_playing.intrusion != resets_the_statistics)
    assert_int_equal(stats.created, stats.destroyed + stats.idle + stats.in_use);
  return stats.idle;
}

/* One run, stopped after so many instructions. False: the call had no more than these. */
static bool play(const scene *playing, long instructions) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.max_objects = playing->max_objects;
  config.cache_size = playing->cache_size;
  config.on_leak = OBJPOOL_LEAK_IGNORE; /* in a child */
#ifdef AGED
  config.max_lifetime_ns = OBJPOOL_SECONDS(100000);
#endif
  assert_true(thing_pool_init(&pool, &config));
  now_playing = *playing;
  in_play = true;
  stop_after = instructions;
  their_count = 0;
  begin_request(&their_request);
  go_to(PREPARING);
  while (their_count < playing->held) assert_true(take_another());
  leave_idle(playing->theirs);
  pthread_t thread = start_thread(play_the_stopped, NULL);
  wait_for_phase(READY);
  go_to(GOING);
  /* a call that waits may wait for the intruder before it comes so far */
  bool stopped = true;
  if (playing->stopped_call == waits)
    stopped = wait_for_phase_or_sleep(STOPPED, stopped_status);
  else
    wait_for_phase(STOPPED);
  playing->intrusion();
  if (__atomic_load_n(&phase, __ATOMIC_SEQ_CST) < INTRUDED) go_to(INTRUDED);
  wait_for_phase(ENDED);
  hear(&their_request);
  if (their_request.in_line)
    assert_int_equal(their_count + (mine != NULL), playing->max_objects); /* else it was forgotten */
  end_request(&their_request);
  if (their_request.object) theirs[their_count++] = their_request.object;
  if (playing->intrusion == lowers_the_limit || playing->intrusion == lowers_the_limit_of_idle) {
    assert_true(idle_now() <= (playing->intrusion == lowers_the_limit_of_idle)); /* and what was released meanwhile */
    assert_true(thing_pool_resize(&pool, 0, playing->max_objects));
  }

  size_t idle = idle_now(), most = playing->held + playing->mine + playing->theirs;
  if (playing->stopped_call == acquires && playing->intrusion == takes) /* whoever got none left none idle */
    assert_true(their_count + (mine != NULL) >= (most < playing->held + 2 ? most : playing->held + 2));
  if (playing->intrusion == closes) {
    assert_int_equal(idle, 0);
    assert_false(take_another());
    assert_int_equal(errno, OBJPOOL_ECLOSED);
  } else if (playing->max_objects) { /* all that are left, and not one more */
    while (take_another()) assert_true(their_count <= playing->max_objects);
    assert_int_equal(their_count + (mine != NULL), playing->max_objects);
  } else {
    assert_int_equal(thing_pool_clear(&pool), idle);
    assert_int_equal(idle_now(), 0);
    assert_true(take_another());
  }
  go_to(DISMISSED);
  join_thread(thread);
  while (their_count > 0) give(theirs[--their_count]);
  if (mine) releases();
  idle = idle_now();
  assert_int_equal(thing_pool_clear(&pool), idle);
  thing_pool_close(&pool);
  assert_true(thing_pool_drain(&pool, 0)); /* no call is said to be under way still */
  thing_pool_destroy(&pool);
  in_play = false;
  return stopped && !came_to_its_end;
}

/* Runs of the scene, each stopped a little later: after each instruction of the fast paths, then at growing distances. */
static void play_whole(const scene *playing) {
  runs_of_scene = 0;
  /* one way is longer; and what another must not miss of a discard takes three instructions, far down */
  long dense = playing->max_objects != ALONE ? DENSE : playing->stopped_call == discards ? 20 * DENSE : 2 * DENSE;
  for (long at = 0; play(playing, at); at += at < dense ? 1 : 1 + at / SPACING) runs_of_scene++;
  assert_true(runs_of_scene > 5);
}

static void play_with(scene playing, void (*const *intrusions)(void), size_t count) {
  for (size_t i = 0; i < count; i++) {
    playing.intrusion = intrusions[i];
    play_whole(&playing);
  }
}

static int tell_where(void **state) {
  (void)state;
  if (in_play)
    print_message("scene %zu %zu %zu %zu %zu, run %ld: stopped after %ld instructions\n", now_playing.max_objects,
                  now_playing.cache_size, now_playing.mine, now_playing.theirs, now_playing.held, runs_of_scene,
                  stop_after);
  return 0;
}

static void (*const all_intrusions[])(void) = {takes,
                                               takes_two_and_gives_the_first,
                                               takes_and_gives_many,
                                               trims,
                                               warms_up,
                                               resets_the_statistics,
                                               looks_at_the_statistics,
                                               lowers_the_limit_of_idle,
                                               forks,
                                               maintains,
                                               closes WHERE_AGED(retires_all, looks_who_holds_what)};
static void (*const at_the_limit[])(void) = {takes,
                                             gives,
                                             trims,
                                             resets_the_statistics,
                                             lowers_the_limit,
                                             lowers_the_limit_and_puts_it_back,
                                             forks,
                                             maintains,
                                             closes,
                                             stands_in_line,
                                             stands_in_line_and_leaves WHERE_AGED(retires_all, looks_who_holds_what)};

/* ---- all scenes */

static void acquire_of_an_object_in_the_cache(void **state) {
  static const scene scenes[] = {
      {64, 0, 1, 0, 63, acquires, NULL},
      {64, 0, 2, 0, 62, tries, NULL},
  };
  (void)state;
  for (size_t i = 0; i < COUNT_OF(scenes); i++) play_with(scenes[i], at_the_limit, COUNT_OF(at_the_limit));
}

static void acquire_of_the_last_object_in_another_cache(void **state) {
  static const scene playing = {64, 0, 0, 1, 63, acquires, NULL};
  (void)state;
  play_with(playing, at_the_limit, COUNT_OF(at_the_limit));
}

static void acquire_with_nothing_left(void **state) {
  static const scene playing = {64, 0, 0, 0, 64, acquires, NULL};
  (void)state;
  play_with(playing, at_the_limit, COUNT_OF(at_the_limit));
}

static void release_at_the_limit(void **state) {
  scene playing = {64, 0, 0, 0, 63, releases, NULL};
  (void)state;
  for (playing.mine = 0; playing.mine < 3; playing.mine++, playing.held--)
    play_with(playing, at_the_limit, COUNT_OF(at_the_limit));
}

static void discard_at_the_limit(void **state) {
  static const scene playing = {64, 0, 0, 0, 63, discards, NULL};
  (void)state;
  play_with(playing, at_the_limit, COUNT_OF(at_the_limit));
}

/* At the ends of the magazines: refills and flushes. */
static void acquire_and_release_with_magazines(void **state) {
  static const size_t idle[] = {0, 8, 16};
  (void)state;
  for (size_t i = 0; i < COUNT_OF(idle); i++) {
    scene playing = {0, 8, 0, 24, 1, acquires, NULL};
    playing.mine = idle[i];
    play_with(playing, all_intrusions, COUNT_OF(all_intrusions));
    playing.stopped_call = releases;
    play_with(playing, all_intrusions, COUNT_OF(all_intrusions));
  }
}

static void acquire_and_release_without_caches(void **state) {
  scene playing = {0, OBJPOOL_NO_CACHE, 2, 2, 1, acquires, NULL};
  (void)state;
  play_with(playing, all_intrusions, COUNT_OF(all_intrusions));
  playing.stopped_call = releases;
  play_with(playing, all_intrusions, COUNT_OF(all_intrusions));
  playing.max_objects = 4;
  playing.held = 2;
  playing.mine = 1;
  play_with(playing, at_the_limit, COUNT_OF(at_the_limit));
  playing.stopped_call = acquires;
  playing.theirs = 0;
  for (playing.mine = 0; playing.mine < 3; playing.mine++) play_with(playing, at_the_limit, COUNT_OF(at_the_limit));
}

/* In the slot of a thread that is alone until the other comes. */
static void acquire_and_release_alone(void **state) {
  static void (*const intrusions[])(void) = {takes, trims, lowers_the_limit, lowers_the_limit_of_idle, closes, forks};
  scene playing = {ALONE, 0, 1, 0, ALONE - 1, acquires, NULL};
  (void)state;
  play_with(playing, intrusions, COUNT_OF(intrusions));
  playing.held--;
  playing.mine++;
  play_with(playing, intrusions, COUNT_OF(intrusions));
  playing.stopped_call = releases;
  playing.mine--;
  play_with(playing, intrusions, COUNT_OF(intrusions));
  playing.stopped_call = discards;
  play_with(playing, intrusions, COUNT_OF(intrusions));
}

static void wait_that_another_ends(void **state) {
  static void (*const intrusions[])(void) = {gives, gives_and_opens_its_cache, gives_two_and_maintains, closes};
  static void (*const calls[])(void) = {waits, stands, leaves_the_line};
  (void)state;
  for (size_t i = 0; i < COUNT_OF(calls); i++) {
    scene playing = {64, 0, 0, 0, 64, NULL, NULL};
    playing.stopped_call = calls[i];
    play_with(playing, intrusions, COUNT_OF(intrusions));
    playing.max_objects = playing.held = 4;
    playing.cache_size = OBJPOOL_NO_CACHE;
    play_with(playing, intrusions, COUNT_OF(intrusions));
  }
}

static void release_while_another_begins_to_wait(void **state) {
  static void (*const intrusions[])(void) = {takes_while_waiting, stands_in_line, stands_in_line_and_leaves};
  scene playing = {64, 0, 0, 0, 63, releases, NULL};
  (void)state;
  play_with(playing, intrusions, COUNT_OF(intrusions));
  playing.stopped_call = discards;
  play_with(playing, intrusions, COUNT_OF(intrusions));
  playing.max_objects = 4;
  playing.held = 3;
  play_with(playing, intrusions, COUNT_OF(intrusions));
  playing.stopped_call = releases;
  play_with(playing, intrusions, COUNT_OF(intrusions));
}

#define SCENE(name) cmocka_unit_test_teardown(name, tell_where)

int main(void) {
  const struct CMUnitTest tests[] = {
      SCENE(acquire_of_an_object_in_the_cache),
      SCENE(acquire_of_the_last_object_in_another_cache),
      SCENE(acquire_with_nothing_left),
      SCENE(release_at_the_limit),
      SCENE(discard_at_the_limit),
      SCENE(acquire_and_release_with_magazines),
      SCENE(acquire_and_release_without_caches),
      SCENE(acquire_and_release_alone),
      SCENE(wait_that_another_ends),
      SCENE(release_while_another_begins_to_wait),
  };
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = after_a_step;
  action.sa_flags = SA_SIGINFO;
  if (sigaction(SIGTRAP, &action, NULL) != 0) abort();
  cpu_set_t one;
  CPU_ZERO(&one); /* threads that take turns do it faster on one processor */
  CPU_SET((size_t)sched_getcpu(), &one);
  (void)sched_setaffinity(0, sizeof one, &one);
  name_status(intruder_status);
  objpool_set_pressure_source(no_pressure, NULL); /* else maintenance reads files of the system */
  stop_after = LONG_MAX;
  begin_stepping();
  for (int i = 0; i < 10; i++) stop_after = stop_after - 1;
  stepping = 0;
  if (steps < 10) {
    puts("skipped: the trap flag does nothing here");
    return 77;
  }
  return cmocka_run_group_tests(tests, NULL, NULL);
}

#else
int main(void) {
  puts("skipped: no single steps on this processor, or under this sanitizer");
  return 77;
}
#endif
