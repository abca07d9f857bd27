/* A fork in every hook: of each call that runs one, in pools with caches and without, capped and not, local ones, and in
   visitors and alert handlers. The call under way ends in the child as it does in the parent; limits are exact, counts
   add up, nothing is handed out twice, and slots open again. Each test forks in a child that may hang or crash. */
#include "support.h"

#include <sched.h>

#include "pools.h"

/* ---- hooks that fork, once, when their time has come */

typedef struct thing {
  long owner, built, odd;
  char text[40];
} thing;

enum hook { NONE, CREATE, RESET, VALIDATE, DESTROY, EVENT, VISIT, ALERT };

static int armed;      /* of the next hook of this kind … */
static long countdown; /* … so many later … */
static int event_kind; /* … of this kind, if it is an event … */
static pid_t forked;   /* … 0: this is the child of it; -1: not yet */
static bool blocks;    /* it waits at a gate instead, while another thread forks */
static gate inside, leave;

static void fork_in(int hook) {
  if (armed != hook || countdown-- > 0) return;
  armed = NONE;
  if (blocks) {
    gate_open(&inside);
    gate_wait(&leave);
    return;
  }
  forked = fork();
  CHECK(forked >= 0);
  if (forked == 0) alarm(HANGS_AFTER);
}

static bool refuse_odd; /* validate says no to every other object */

static bool build(thing *object, void *context) {
  (void)context;
  static long number;
  fork_in(CREATE);
  object->built = 1;
  object->odd = __atomic_fetch_add(&number, 1, __ATOMIC_SEQ_CST) % 2;
  return true;
}
static void clean(thing *object, void *context) {
  (void)context;
  CHECK(object->built == 1);
  fork_in(RESET);
  object->owner = 0;
}
static bool look(thing *object, void *context) {
  (void)context;
  CHECK(object->built == 1);
  fork_in(VALIDATE);
  return !refuse_odd || !object->odd;
}
static void take_down(thing *object, void *context) {
  (void)context;
  CHECK(object->built == 1); /* nothing goes twice */
  object->built = 0;
  fork_in(DESTROY);
}
static void note(const objpool_event *event, void *context) {
  (void)context;
  if ((int)event->kind == event_kind) fork_in(EVENT);
}

#define ALWAYS (OBJPOOL_ON_ACQUIRE | OBJPOOL_ON_RELEASE | OBJPOOL_ON_MAINTAIN)
OBJPOOL_DEFINE(thing_pool, thing, opt.create = build, opt.reset = clean, opt.validate = look, opt.destroy = take_down,
               opt.validate_on = ALWAYS, opt.on_event = note);
OBJPOOL_DEFINE(own_pool, thing, opt.create = build, opt.reset = clean, opt.validate = look, opt.destroy = take_down,
               opt.validate_on = ALWAYS, opt.on_event = note, opt.local = true);
OBJPOOL_DEFINE(wiped_pool, thing, opt.create = build, opt.destroy = take_down, opt.on_event = note, opt.wipe = true);

/* ---- pools of each kind: one set of calls for all, without the type */

typedef struct kind {
  const char *name;
  bool local, wiped;
  size_t max_objects, max_idle, cache_size;
} kind;

static const kind kinds[] = {
    {"cached", false, false, 0, 0, 8},
    {"cached, with a cap", false, false, 120, 0, 8},
    {"cached, with a cap and one on idle objects", false, false, 120, 90, 8},
    {"without caches", false, false, 0, 0, OBJPOOL_NO_CACHE},
    {"without caches, with a cap", false, false, 120, 90, OBJPOOL_NO_CACHE},
    {"local", true, false, 0, 0, 0},
    {"local, with a cap", true, false, 120, 90, 0},
    {"wiped", false, true, 120, 0, 8},
};

static const kind *used;
static union {
  objpool base;
  thing_pool things;
  own_pool own;
  wiped_pool wiped;
} one;
static thing *held[400];
static size_t held_count, max_objects, max_idle;

static void make_the_pool(void) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.name = "forks in its hooks";
  config.max_objects = max_objects = used->max_objects;
  config.max_idle = max_idle = used->max_idle;
  config.cache_size = used->cache_size;
  config.on_leak = OBJPOOL_LEAK_ABORT;
  if (used->local)
    CHECK(own_pool_init(&one.own, &config));
  else if (used->wiped)
    CHECK(wiped_pool_init(&one.wiped, &config));
  else
    CHECK(thing_pool_init(&one.things, &config));
}

static void take_out(size_t count) {
  while (count-- > 0) {
    thing *object = (thing *)objpool_acquire(&one.base);
    CHECK(object);
    CHECK(object->owner == 0 && object->built == 1);
    object->owner = 1;
    held[held_count++] = object;
  }
}

static void put_back(size_t keep) {
  while (held_count > keep) {
    held[--held_count]->owner = 0;
    objpool_release(&one.base, held[held_count]);
  }
}

static void counts_hold(void) {
  objpool_stats stats = objpool_snapshot(&one.base);
  counts_add_up(&stats);
  CHECK(stats.in_use == held_count);
  CHECK(!max_objects || stats.in_use <= max_objects || stats.idle == 0);
  CHECK(!max_idle || stats.idle <= max_idle);
}

/* Alone in this process, and at rest. */
static void pool_is_whole(void) {
  objpool_stats stats;
  refuse_odd = false;
  counts_hold();
  put_back(0);
  counts_hold();
  if (max_objects) {
    take_out(max_objects); /* all, each once */
    CHECK(objpool_acquire(&one.base) == NULL && errno == EAGAIN);
    if (!used->local) CHECK(objpool_acquire_for(&one.base, 100000) == NULL && errno == ETIMEDOUT);
  } else {
    take_out(300);
  }
  counts_hold();
  put_back(0);
  counts_hold();
  stats = objpool_snapshot(&one.base);
  if (max_idle) CHECK(stats.idle == max_idle); /* so many were out, and so many may stay */
  if (!max_idle) CHECK(stats.idle >= (max_objects ? max_objects : 300));
  if (used->cache_size == 8 && stats.idle >= 50) slots_open_again(&one.base);
  CHECK(objpool_resize(&one.base, OBJPOOL_UNCHANGED, max_idle ? max_idle : 100));
  if (max_objects) max_objects = max_idle ? max_idle : 100;
  counts_hold();
  stats = objpool_snapshot(&one.base);
  CHECK(objpool_trim(&one.base, 7) == stats.idle - 7);
  CHECK(objpool_warmup(&one.base, 20) == 13);
  (void)objpool_maintain(&one.base);
  counts_hold();
  stats = objpool_snapshot(&one.base);
  CHECK(objpool_clear(&one.base) == stats.idle);
  counts_hold();
}

/* ---- calls that run hooks: `prepare` the pool, then what forks on its way */

typedef struct call {
  const char *name;
  int hook, event;
  void (*prepare)(void), (*run)(void);
  bool ends_the_pool;
} call;

static void nothing(void) {}
static void some_idle(void) {
  take_out(80);
  put_back(0);
}
static void some_out(void) {
  take_out(80);
  put_back(60);
}
static void many_out(void) {
  take_out(max_objects ? max_objects : 150);
  put_back(held_count - 20);
}
static void all_out(void) { take_out(max_objects ? max_objects : 150); }
static void half_are_odd(void) {
  some_idle();
  refuse_odd = true;
}
static void odd_ones_out(void) {
  some_out();
  refuse_odd = true;
}

static void take_some(void) { take_out(30); }
static void take_many(void) {
  held_count += objpool_acquire_many(&one.base, (void **)(held + held_count), 50);
  for (size_t i = 0; i < held_count; i++) held[i]->owner = 1;
}
static void take_what_is_idle(void) {
  for (int i = 0; i < 10; i++) {
    thing *object = (thing *)objpool_try_acquire(&one.base);
    CHECK(object && object->owner == 0);
    object->owner = 1;
    held[held_count++] = object;
  }
}
static void take_with_patience(void) {
  for (int i = 0; i < 30; i++) {
    thing *object = (thing *)objpool_acquire_for(&one.base, used->local ? 0 : INT64_C(20000000000));
    CHECK(object && object->owner == 0);
    object->owner = 1;
    held[held_count++] = object;
  }
}
static void take_one_too_many(void) {
  if (max_objects) CHECK(objpool_acquire(&one.base) == NULL && errno == EAGAIN);
}
static void wait_for_one_too_many(void) {
  if (max_objects && !used->local) CHECK(objpool_acquire_for(&one.base, 1000000) == NULL && errno == ETIMEDOUT);
}
static void put_all_back(void) { put_back(0); }
static void put_many_back(void) {
  for (size_t i = 0; i < held_count; i++) held[i]->owner = 0;
  objpool_release_many(&one.base, (void *const *)held, held_count);
  held_count = 0;
}
static void discard_some(void) {
  for (int i = 0; i < 10; i++) objpool_discard(&one.base, held[--held_count]);
}
static void trim_some(void) { CHECK(objpool_trim(&one.base, 10) > 0 && objpool_snapshot(&one.base).idle == 10); }
static void clear_all(void) { CHECK(objpool_clear(&one.base) > 0 && objpool_snapshot(&one.base).idle == 0); }
static void warm_up(void) { CHECK(objpool_warmup(&one.base, 50) == 30 && objpool_snapshot(&one.base).idle == 50); }
static void resize_down(void) { /* nothing is out, or less than the new cap */
  CHECK(objpool_resize(&one.base, 20, 100));
  max_idle = 20;
  max_objects = 100;
  CHECK(objpool_snapshot(&one.base).idle <= 20);
}
static void resize_below_what_is_out(void) { /* a surplus stays */
  CHECK(objpool_resize(&one.base, OBJPOOL_UNCHANGED, max_idle ? max_idle : 90));
  max_objects = max_idle ? max_idle : 90;
}
static void maintain(void) { (void)objpool_maintain(&one.base); }
static void maintain_after_a_peak(void) { /* it gives back, and validates */
  for (int i = 0; i < 200; i++) (void)objpool_maintain(&one.base);
}
static void maintain_ahead(void) { /* a demand that maintenance creates for */
  for (int i = 0; i < 20; i++) {
    take_out(60);
    put_back(0);
    (void)objpool_maintain(&one.base);
    (void)objpool_trim(&one.base, 0);
    (void)objpool_maintain(&one.base);
  }
}
static void destroy_the_pool(void) {
  objpool_destroy(&one.base);
  CHECK(!one.base.state);
}

static void visit(objpool *pool, void *user) {
  (void)user;
  if (pool == &one.base) fork_in(VISIT);
}
static void visit_all(void) { CHECK(objpool_registry_each(visit, NULL) == 1); }
static void alert(const objpool_alert *what, void *user) {
  (void)what, (void)user;
  fork_in(ALERT);
}
static void poll_a_monitor(void) {
  objpool_monitor monitor;
  objpool_thresholds thresholds;
  memset(&monitor, 0, sizeof monitor);
  memset(&thresholds, 0, sizeof thresholds);
  thresholds.max_objects = 1;
  CHECK(objpool_monitor_init(&monitor, &thresholds, alert, NULL));
  CHECK(objpool_monitor_poll(&monitor) > 0);
  CHECK(objpool_monitor_poll(&monitor) == 0);
  objpool_monitor_destroy(&monitor);
}
static void nobody_is_told(const objpool_alert *what, void *user) { (void)what, (void)user; }
static void create_amid_a_poll(void) { /* a fork in a hook beside a monitor that is only there */
  objpool_monitor monitor;
  memset(&monitor, 0, sizeof monitor);
  CHECK(objpool_monitor_init(&monitor, NULL, nobody_is_told, NULL));
  take_out(20);
  (void)objpool_monitor_poll(&monitor);
  objpool_monitor_destroy(&monitor);
}

static const call calls[] = {
    {"create in acquire", CREATE, 0, nothing, take_some, false},
    {"create in acquire_many", CREATE, 0, nothing, take_many, false},
    {"create in acquire_for", CREATE, 0, nothing, take_with_patience, false},
    {"create in warmup", CREATE, 0, some_out, warm_up, false},
    {"create in maintain", CREATE, 0, nothing, maintain_ahead, false},
    {"create beside a monitor", CREATE, 0, nothing, create_amid_a_poll, false},
    {"reset in release", RESET, 0, some_out, put_all_back, false},
    {"reset in release_many", RESET, 0, all_out, put_many_back, false},
    {"validate in acquire", VALIDATE, 0, some_idle, take_some, false},
    {"validate in acquire, which says no", VALIDATE, 0, half_are_odd, take_some, false},
    {"validate in acquire_many", VALIDATE, 0, half_are_odd, take_many, false},
    {"validate in try_acquire", VALIDATE, 0, half_are_odd, take_what_is_idle, false},
    {"validate in acquire_for", VALIDATE, 0, half_are_odd, take_with_patience, false},
    {"validate in release", VALIDATE, 0, some_out, put_all_back, false},
    {"validate in release, which says no", VALIDATE, 0, odd_ones_out, put_all_back, false},
    {"validate in maintain", VALIDATE, 0, some_idle, maintain, false},
    {"validate in maintain, which says no", VALIDATE, 0, half_are_odd, maintain, false},
    {"destroy in acquire", DESTROY, 0, half_are_odd, take_some, false},
    {"destroy in release", DESTROY, 0, odd_ones_out, put_all_back, false},
    {"destroy in release above max_idle", DESTROY, 0, all_out, put_all_back, false},
    {"destroy in release above a lower cap", DESTROY, 0, all_out, NULL, false},
    {"destroy in discard", DESTROY, 0, some_out, discard_some, false},
    {"destroy in trim", DESTROY, 0, some_idle, trim_some, false},
    {"destroy in clear", DESTROY, 0, some_idle, clear_all, false},
    {"destroy in resize", DESTROY, 0, some_idle, resize_down, false},
    {"destroy in resize that leaves a surplus", DESTROY, 0, many_out, resize_below_what_is_out, false},
    {"destroy in maintain", DESTROY, 0, some_idle, maintain_after_a_peak, false},
    {"destroy in maintain, of what is not valid", DESTROY, 0, half_are_odd, maintain, false},
    {"destroy in destroy", DESTROY, 0, some_idle, destroy_the_pool, true},
    {"event ACQUIRE", EVENT, OBJPOOL_EVENT_ACQUIRE, some_idle, take_some, false},
    {"event ACQUIRE, of a new one", EVENT, OBJPOOL_EVENT_ACQUIRE, nothing, take_many, false},
    {"event RELEASE", EVENT, OBJPOOL_EVENT_RELEASE, some_out, put_all_back, false},
    {"event RELEASE, of many", EVENT, OBJPOOL_EVENT_RELEASE, all_out, put_many_back, false},
    {"event CREATE", EVENT, OBJPOOL_EVENT_CREATE, nothing, take_some, false},
    {"event DESTROY", EVENT, OBJPOOL_EVENT_DESTROY, some_idle, trim_some, false},
    {"event GROW", EVENT, OBJPOOL_EVENT_GROW, nothing, take_some, false},
    {"event SHRINK", EVENT, OBJPOOL_EVENT_SHRINK, some_idle, trim_some, false},
    {"event CLEAR", EVENT, OBJPOOL_EVENT_CLEAR, some_idle, clear_all, false},
    {"event RESIZE", EVENT, OBJPOOL_EVENT_RESIZE, some_idle, resize_down, false},
    {"event EXHAUSTED", EVENT, OBJPOOL_EVENT_EXHAUSTED, all_out, take_one_too_many, false},
    {"event WAIT", EVENT, OBJPOOL_EVENT_WAIT, all_out, wait_for_one_too_many, false},
    {"visitor", VISIT, 0, some_idle, visit_all, false},
    {"alert", ALERT, 0, some_idle, poll_a_monitor, false},
};

/* Resize leaves more out than the new cap; then they come back, and go. */
static void put_back_above_a_lower_cap(void) {
  if (!max_objects) return;
  CHECK(objpool_resize(&one.base, 40, 60));
  max_objects = 60;
  max_idle = 40;
  put_back(0);
}

static const call *called;
static long how_many_later;

static void run_the_call(void) {
  event_kind = called->event;
  countdown = how_many_later;
  forked = -1;
  armed = called->hook;
  if (called->run)
    called->run();
  else
    put_back_above_a_lower_cap();
  armed = NONE;
}

static void call_and_fork(void *unused) {
  int status;
  (void)unused;
  alarm(HANGS_AFTER);
  make_the_pool();
  called->prepare();
  run_the_call();
  if (called->ends_the_pool) make_the_pool();
  pool_is_whole();
  objpool_destroy(&one.base);
  if (forked <= 0) _exit(forked < 0 ? 7 : 0); /* 7: no hook was called */
  while (waitpid(forked, &status, 0) < 0) CHECK(errno == EINTR);
  if (!EXITED_WELL(status)) fprintf(stderr, "the child: status %#x\n", (unsigned)status);
  CHECK(EXITED_WELL(status));
}

static char output[4000];
static long forks_seen, failures;

#if !THREAD_SANITIZED /* which allows no new threads in the child of a program with several */
/* The thread that forks is not the first one: the child has no other. */
static void *call_and_fork_in_a_thread(void *unused) {
  call_and_fork(unused);
  _exit(0); /* without it, the child's last thread would end */
}
static void call_and_fork_elsewhere(void *unused) { in_another_thread(call_and_fork_in_a_thread, unused); }
#endif

/* Another thread is in the middle of the call, in a hook, while this one forks: what it had in its hands is in use in the
   child for good; all else is there. */
static void *call_and_stay_inside(void *unused) {
  run_the_call();
  count_add((long *)unused, 1);
  gate_open(&inside); /* also if no hook was called */
  return NULL;
}

static objpool_pressure full_pressure(void *user) { return (void)user, OBJPOOL_PRESSURE_FULL; }

static bool not_created_yet(void) {
  return called->hook == CREATE || (called->hook == EVENT && called->event == OBJPOOL_EVENT_GROW);
}

static void child_beside_a_stopped_call(void) {
  thing *objects[400];
  size_t count = 0, cap, idle, stuck;
  objpool_stats stats = objpool_snapshot(&one.base);
  alarm(HANGS_AFTER);
  refuse_odd = false;
  CHECK(stats.created - stats.destroyed - stats.extracted <= stats.in_use + stats.idle);
  CHECK(stats.waiting == 0);
  cap = (size_t)stats.max_objects;
  idle = (size_t)stats.idle;
  stuck = (size_t)stats.in_use;
  while (count < 300 && (objects[count] = (thing *)objpool_acquire(&one.base)) != NULL) {
    CHECK(objects[count]->owner == 0 && objects[count]->built == 1);
    objects[count++]->owner = 1;
  }
  if (!cap) CHECK(count == 300);
  if (cap) CHECK(errno == EAGAIN && count >= idle);
  if (cap && stats.in_use < cap) /* what is not created yet may be forgotten, or keep its place */
    CHECK(count == cap - stats.in_use || (not_created_yet() && count == cap - stats.in_use - 1));
  for (size_t i = 0; i < count; i++) objects[i]->owner = 0;
  objpool_release_many(&one.base, (void *const *)objects, count);
  if (!used->local && used->cache_size == 8 && objpool_snapshot(&one.base).idle >= 50) slots_open_again(&one.base);
  CHECK(objpool_resize(&one.base, OBJPOOL_UNCHANGED, OBJPOOL_UNCHANGED));
  (void)objpool_warmup(&one.base, 10);
  idle = (size_t)objpool_snapshot(&one.base).idle;
  objpool_set_pressure_source(full_pressure, NULL);
  CHECK(objpool_maintain(&one.base) == idle); /* the other's maintenance is not under way here */
  objpool_set_pressure_source(NULL, NULL);
  (void)objpool_warmup(&one.base, 10);
  idle = (size_t)objpool_snapshot(&one.base).idle;
  CHECK(objpool_clear(&one.base) == idle);
  stats = objpool_snapshot(&one.base);
  CHECK(stats.idle == 0);
  CHECK(!cap || stats.in_use <= (stuck > cap ? stuck : cap)); /* more than the cap only if a resize left so many */
  if (!cap || stats.in_use < cap) CHECK(objpool_warmup(&one.base, 1) == 1);
}

static void fork_beside_a_call(void *unused) {
  int status;
  long ended = 0;
  pid_t child;
  pthread_t caller;
  (void)unused;
  alarm(HANGS_AFTER);
  make_the_pool();
  called->prepare();
  blocks = true;
  gate_make(&inside);
  gate_make(&leave);
  caller = start_thread(call_and_stay_inside, &ended);
  gate_wait(&inside);
  if (count_read(&ended)) _exit(7); /* no hook was called */
  child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    child_beside_a_stopped_call();
    _exit(0);
  }
  gate_open(&leave);
  join_thread(caller);
  while (waitpid(child, &status, 0) < 0) CHECK(errno == EINTR);
  CHECK(EXITED_WELL(status));
  blocks = false;
  pool_is_whole();
  objpool_destroy(&one.base);
}

static void fork_in_hooks_of_kind_by(int hook, void (*body)(void *));

static void fork_in_hooks_of_kind(int hook) {
  fork_in_hooks_of_kind_by(hook, call_and_fork);
#if !THREAD_SANITIZED
  fork_in_hooks_of_kind_by(hook, call_and_fork_elsewhere);
#endif
}

static void fork_in_hooks_of_kind_by(int hook, void (*body)(void *)) {
  failures = 0;
  for (size_t k = 0; k < COUNT_OF(kinds); k++)
    for (size_t c = 0; c < COUNT_OF(calls); c++) {
      if (calls[c].hook != hook) continue;
      if (body == fork_beside_a_call && (kinds[k].local || calls[c].ends_the_pool)) continue;
      forks_seen = 0;
      for (how_many_later = 0; how_many_later <= SCALED(12, 0, 0); how_many_later += 3) {
        int status;
        used = &kinds[k];
        called = &calls[c];
        status = in_child(body, NULL, output, sizeof output);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 7) break; /* it is not called so often */
        forks_seen++;
        if (EXITED_WELL(status)) continue;
        print_error("%s: fork in %s, %ld later: status %#x: %s", used->name, called->name, how_many_later,
                    (unsigned)status, output);
        failures++;
        break;
      }
      if (forks_seen == 0 && strcmp(used->name, "cached, with a cap and one on idle objects") == 0)
        fail_msg("%s: no fork in %s", used->name, called->name);
    }
  assert_int_equal(failures, 0);
}

static void child_of_a_create_hook_goes_on(void **state) {
  (void)state;
  fork_in_hooks_of_kind(CREATE);
}
static void child_of_a_reset_hook_goes_on(void **state) {
  (void)state;
  fork_in_hooks_of_kind(RESET);
}
static void child_of_a_validate_hook_goes_on(void **state) {
  (void)state;
  fork_in_hooks_of_kind(VALIDATE);
}
static void child_of_a_destroy_hook_goes_on(void **state) {
  (void)state;
  fork_in_hooks_of_kind(DESTROY);
}
static void child_of_an_event_goes_on(void **state) {
  (void)state;
  fork_in_hooks_of_kind(EVENT);
}
static void child_of_a_visitor_goes_on(void **state) {
  (void)state;
  fork_in_hooks_of_kind(VISIT);
}
static void child_of_an_alert_goes_on(void **state) {
  (void)state;
  fork_in_hooks_of_kind(ALERT);
}

static void child_beside_a_thread_in_a_hook_has_all_but_what_is_in_its_hands(void **state) {
  const int hooks[] = {CREATE, RESET, VALIDATE, DESTROY, EVENT}; /* a fork waits for visitors and alerts */
  (void)state;
  for (size_t i = 0; i < COUNT_OF(hooks); i++) fork_in_hooks_of_kind_by(hooks[i], fork_beside_a_call);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(child_of_a_create_hook_goes_on),
      cmocka_unit_test(child_of_a_reset_hook_goes_on),
      cmocka_unit_test(child_of_a_validate_hook_goes_on),
      cmocka_unit_test(child_of_a_destroy_hook_goes_on),
      cmocka_unit_test(child_of_an_event_goes_on),
      cmocka_unit_test(child_of_a_visitor_goes_on),
      cmocka_unit_test(child_of_an_alert_goes_on),
      cmocka_unit_test(child_beside_a_thread_in_a_hook_has_all_but_what_is_in_its_hands),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
