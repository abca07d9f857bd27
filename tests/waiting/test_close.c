/* Shutting down: a closed pool hands out nothing more, in any kind of pool, sends away whoever waits, and destroys what comes back; a
   drain sees the last object off. */
#include "support.h"

/* Where a thread can be held up that is in the middle of a call: after it has unlocked something. */
static int unlock_and_stop(pthread_mutex_t *mutex);
static int lock_and_count(pthread_mutex_t *mutex);
#define pthread_mutex_lock(mutex) lock_and_count(mutex)
#define pthread_mutex_unlock(mutex) unlock_and_stop(mutex)
#define OBJPOOL_IMPLEMENTATION
#include "thing.h"
#undef pthread_mutex_lock
#undef pthread_mutex_unlock

enum { IDLE = 8, WAITERS = 50, WORKERS = 4, ROUNDS = SCALED(300, 60, 20) };

static long created, destroyed, creating, destroying;
static gate in_create, in_destroy;
static long blocks_create, blocks_destroy, refuses_create;

static bool is_created(thing *object, void *context) {
  (void)object, (void)context;
  count_add(&created, 1);
  if (count_read(&blocks_create)) {
    count_set(&creating, 1);
    gate_wait(&in_create);
  }
  return !count_read(&refuses_create);
}

static void is_destroyed(thing *object, void *context) {
  (void)object, (void)context;
  if (count_read(&blocks_destroy)) {
    count_set(&destroying, 1);
    gate_wait(&in_destroy);
  }
  count_add(&destroyed, 1);
  errno = 78;
}

OBJPOOL_DEFINE(shared_pool, thing, opt.create = is_created, opt.destroy = is_destroyed);
OBJPOOL_DEFINE(plain_pool, thing);
OBJPOOL_DEFINE(local_pool, thing, opt.create = is_created, opt.destroy = is_destroyed, opt.local = true);
OBJPOOL_DEFINE(wiping_pool, thing, opt.create = is_created, opt.destroy = is_destroyed, opt.wipe = true);

/* Pools of each kind, by the functions without the type. */
enum { CACHED, CAPPED, UNCACHED, BOUNDED, SHARED, LOCAL = SHARED, WIPING, KINDS };
static shared_pool shared;
static local_pool local;
static wiping_pool wiping;

static objpool *begin(int kind) {
  objpool_config config = defaults();
  if (kind == CAPPED) {
    config.max_objects = IDLE + 1;
    config.cache_size = 8;
  }
  if (kind == UNCACHED) {
    config.max_objects = 1000;
    config.cache_size = OBJPOOL_NO_CACHE;
  }
  if (kind == BOUNDED) {
    config.max_objects = IDLE + 1;
    config.cache_size = OBJPOOL_NO_CACHE;
  }
  count_set(&created, 0);
  count_set(&destroyed, 0);
  if (kind == LOCAL) {
    assert_true(local_pool_init(&local, &config));
    return &local.base;
  }
  if (kind == WIPING) {
    assert_true(wiping_pool_init(&wiping, &config));
    return &wiping.base;
  }
  assert_true(shared_pool_init(&shared, &config));
  return &shared.base;
}

static void refuses(objpool *pool) {
  const int64_t timeouts[] = {0, 1000, -1};
  objpool_stats before = objpool_snapshot(pool);
  errno = 0;
  assert_null(objpool_acquire(pool));
  assert_int_equal(errno, OBJPOOL_ECLOSED);
  errno = 0;
  assert_null(objpool_try_acquire(pool));
  assert_int_equal(errno, OBJPOOL_ECLOSED);
  for (size_t i = 0; i < COUNT_OF(timeouts); i++) {
    errno = 0;
    assert_null(objpool_acquire_for(pool, timeouts[i]));
    assert_int_equal(errno, OBJPOOL_ECLOSED);
  }
  void *some[2];
  assert_int_equal(objpool_acquire_many(pool, some, 2), 0);
  errno = 0;
  assert_int_equal(objpool_warmup(pool, 1), 0);
  assert_int_equal(errno, OBJPOOL_ECLOSED);
  objpool_stats after = objpool_snapshot(pool);
  assert_int_equal(after.acquires, before.acquires);
  assert_int_equal(after.exhausted + after.timeouts + after.create_failures,
                   before.exhausted + before.timeouts + before.create_failures);
  assert_int_equal(after.idle, 0);
}

static void extract_one(int kind) {
  thing taken;
  if (kind == LOCAL)
    taken = local_pool_extract(&local, local_pool_acquire(&local));
  else if (kind == WIPING)
    taken = wiping_pool_extract(&wiping, wiping_pool_acquire(&wiping));
  else
    taken = shared_pool_extract(&shared, shared_pool_acquire(&shared));
  (void)taken;
}

static void closed_pool_hands_out_nothing_and_destroys_what_comes_back(void **unused) {
  (void)unused;
  for (int kind = 0; kind < KINDS; kind++) {
    objpool *pool = begin(kind);
    void *out[IDLE];
    for (size_t i = 0; i < IDLE; i++) assert_non_null(out[i] = objpool_acquire(pool));
    extract_one(kind); /* no drain waits for it */
    for (size_t i = 2; i < IDLE; i++) objpool_release(pool, out[i]);
    assert_int_equal(objpool_snapshot(pool).idle, IDLE - 2);
    long gone = count_read(&destroyed); /* a wiping pool has destroyed some already */
    errno = 77;
    objpool_close(pool);
    assert_int_equal(errno, 77);
    assert_int_equal(count_read(&destroyed), gone + IDLE - 2);
    assert_int_equal(objpool_snapshot(pool).in_use, 2);
    refuses(pool);
    errno = 0;
    assert_false(objpool_drain(pool, 0));
    assert_int_equal(errno, kind == LOCAL ? EDEADLK : ETIMEDOUT);
    objpool_close(pool);
    assert_int_equal(objpool_trim(pool, 5), 0);
    assert_int_equal(objpool_trim_some(pool, 0, 5), 0);
    assert_int_equal(objpool_maintain(pool), 0);
    assert_true(objpool_resize(pool, OBJPOOL_UNCHANGED, 100));
    refuses(pool);
    long built = count_read(&created);
    errno = 77;
    objpool_release(pool, out[0]);
    assert_int_equal(errno, 77);
    assert_int_equal(count_read(&destroyed), gone + IDLE - 1);
    objpool_discard(pool, out[1]);
    assert_int_equal(errno, 77);
    assert_int_equal(count_read(&destroyed), gone + IDLE);
    assert_int_equal(count_read(&created), built);
    assert_true(objpool_drain(pool, -1));
    refuses(pool);
    objpool_stats at_end = objpool_snapshot(pool);
    assert_int_equal(at_end.created, at_end.destroyed + at_end.extracted);
    assert_int_equal(at_end.in_use + at_end.idle + at_end.overflowed, 0);
    objpool_destroy(pool);
    void *again = kind == LOCAL    ? (void *)local_pool_acquire(&local)
                  : kind == WIPING ? (void *)wiping_pool_acquire(&wiping)
                                   : (void *)shared_pool_acquire(&shared);
    assert_non_null(again); /* a new pool */
    objpool_release(pool, again);
    objpool_destroy(pool);
  }
}

static void pool_that_was_never_used_can_be_closed_and_drained(void **unused) {
  (void)unused;
  static plain_pool pool, other;
  plain_pool_close(&pool);
  errno = 0;
  assert_null(plain_pool_acquire(&pool));
  assert_int_equal(errno, OBJPOOL_ECLOSED);
  assert_true(plain_pool_drain(&pool, 0));
  plain_pool_destroy(&pool);
  assert_true(plain_pool_drain(&other, 0));
  assert_true(all_zero(&other, sizeof other));
}

static void *wait_for_one(void *argument) {
  errno = 0;
  CHECK(!objpool_acquire_for((objpool *)argument, -1));
  CHECK(errno == OBJPOOL_ECLOSED);
  return NULL;
}

/* Twice: with waiters that may be overtaken, and with one that is due. */
static void close_sends_away_all_who_wait(void **unused) {
  (void)unused;
  for (int turn = 0; turn < 6; turn++) {
    objpool_config config = defaults();
    pthread_t threads[WAITERS];
    config.max_objects = 1;
    config.cache_size = turn % 3 == 0 ? OBJPOOL_NO_CACHE : turn % 3 == 1 ? 4 : 0;
    config.fair_after_ns = turn < 3 ? 1 : (uint64_t)OBJPOOL_SECONDS(1000);
    assert_true(shared_pool_init(&shared, &config));
    thing *held = shared_pool_acquire(&shared);
    for (size_t i = 0; i < WAITERS; i++) threads[i] = start_thread(wait_for_one, &shared.base);
    WAIT_UNTIL(shared_pool_stats(&shared).waiting == WAITERS);
    shared_pool_close(&shared);
    assert_int_equal(shared_pool_stats(&shared).waiting, 0);
    shared_pool_release(&shared, held);
    assert_true(shared_pool_drain(&shared, -1));
    shared_pool_destroy(&shared); /* before any of them was joined: the drain has seen them off */
    for (size_t i = 0; i < WAITERS; i++) join_thread(threads[i]);
  }
}

static void *wait_for_any(void *argument) {
  objpool *pool = (objpool *)argument;
  void *object = objpool_acquire_for(pool, -1);
  if (object) objpool_release(pool, object);
  CHECK(object || errno == OBJPOOL_ECLOSED);
  return NULL;
}

static gate in_handler;
static long held_up;

static void hold_up(int number) {
  int saved = errno;
  (void)number;
  count_set(&held_up, 1);
  gate_wait(&in_handler);
  errno = saved;
}

static void drain_in_a_child(void *argument) {
  CHECK(objpool_drain((objpool *)argument, 0)); /* who is still in the parent's pool is not in this one */
  objpool_destroy((objpool *)argument);
}

static void drain_waits_for_who_was_sent_away(void **unused) {
  (void)unused;
  objpool_config config = defaults();
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = hold_up;
  assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
  config.max_objects = 1;
  assert_true(shared_pool_init(&shared, &config));
  gate_make(&in_handler);
  thing *held = shared_pool_acquire(&shared);
  pthread_t thread = start_thread(wait_for_one, &shared.base);
  WAIT_UNTIL(shared_pool_stats(&shared).waiting == 1);
#ifdef __linux__ /* it sleeps, and has no lock */
  const objpool__waiter *node = (const objpool__waiter *)(const void *)shared.base.state->queue.last;
  WAIT_UNTIL(OBJPOOL__LOAD(node->signal.progress) == OBJPOOL__ASLEEP);
#endif
  assert_int_equal(pthread_kill(thread, SIGUSR1), 0);
  WAIT_UNTIL(count_read(&held_up));
  shared_pool_close(&shared);
  assert_int_equal(shared_pool_stats(&shared).waiting, 0);
  shared_pool_release(&shared, held);
  assert_false(shared_pool_drain(&shared, 1000000)); /* it is still in its acquire */
  char output[256];
  assert_int_equal(in_child(drain_in_a_child, &shared.base, output, sizeof output), 0);
  gate_open(&in_handler);
  assert_true(shared_pool_drain(&shared, -1));
  shared_pool_destroy(&shared);
  join_thread(thread);
  gate_close(&in_handler);
}

static long about_to_wait;
static gate before_queue;

static void is_about_to_wait(const objpool_event *event, void *context) {
  (void)context;
  if (event->kind != OBJPOOL_EVENT_WAIT) return;
  count_set(&about_to_wait, 1);
  gate_wait(&before_queue);
}

OBJPOOL_DEFINE(seen_pool, thing, opt.on_event = is_about_to_wait);

static void *wait_a_minute(void *argument) {
  errno = 0;
  CHECK(!objpool_acquire_for((objpool *)argument, OBJPOOL_SECONDS(60)));
  CHECK(errno == OBJPOOL_ECLOSED);
  return NULL;
}

static void who_was_about_to_wait_does_not(void **unused) {
  (void)unused;
  static seen_pool pool;
  objpool_config config = defaults();
  config.max_objects = 1;
  assert_true(seen_pool_init(&pool, &config));
  gate_make(&before_queue);
  thing *held = seen_pool_acquire(&pool);
  pthread_t thread = start_thread(wait_a_minute, &pool.base);
  WAIT_UNTIL(count_read(&about_to_wait));
  seen_pool_close(&pool);
  gate_open(&before_queue);
  join_thread(thread);
  seen_pool_release(&pool, held);
  assert_true(seen_pool_drain(&pool, -1));
  seen_pool_destroy(&pool);
  gate_close(&before_queue);
}

static void *acquire_closed(void *argument) {
  errno = 0;
  CHECK(!objpool_acquire((objpool *)argument));
  CHECK(errno == OBJPOOL_ECLOSED);
  return NULL;
}

static void *wait_for_closed(void *argument) {
  errno = 0;
  CHECK(!objpool_acquire_for((objpool *)argument, -1));
  CHECK(errno == OBJPOOL_ECLOSED);
  return NULL;
}

/* Also if create refuses in the end: who is told of a close is not told of that. */
static void object_that_is_being_created_is_destroyed(void **unused) {
  (void)unused;
  for (int turn = 0; turn < 4 * SHARED; turn++) {
    objpool *pool = begin(turn % SHARED);
    bool refused = turn / SHARED % 2, waits = turn / SHARED / 2;
    gate_make(&in_create);
    count_set(&blocks_create, 1);
    count_set(&creating, 0);
    count_set(&refuses_create, refused);
    pthread_t thread = start_thread(waits ? wait_for_closed : acquire_closed, pool);
    WAIT_UNTIL(count_read(&creating));
    objpool_close(pool); /* waits for nobody */
    assert_false(objpool_drain(pool, 1000000));
    assert_int_equal(errno, ETIMEDOUT);
    count_set(&blocks_create, 0);
    gate_open(&in_create);
    assert_true(objpool_drain(pool, -1));
    assert_int_equal(count_read(&destroyed), refused ? 0 : 1);
    assert_int_equal(objpool_snapshot(pool).create_failures, 0);
    count_set(&refuses_create, 0);
    objpool_destroy(pool);
    join_thread(thread);
    gate_close(&in_create);
  }
}

static thing *last;
static void *release_last(void *argument) {
  objpool_release((objpool *)argument, last);
  return NULL;
}

static void drain_waits_for_a_destroy_that_runs(void **unused) {
  (void)unused;
  for (int kind = 0; kind < SHARED; kind++) {
    objpool *pool = begin(kind);
    gate_make(&in_destroy);
    last = (thing *)objpool_acquire(pool);
    objpool_close(pool);
    count_set(&destroying, 0);
    count_set(&blocks_destroy, 1);
    pthread_t thread = start_thread(release_last, pool);
    WAIT_UNTIL(count_read(&destroying));
    assert_false(objpool_drain(pool, 1000000));
    count_set(&blocks_destroy, 0);
    gate_open(&in_destroy);
    assert_true(objpool_drain(pool, -1));
    objpool_destroy(pool);
    join_thread(thread);
    gate_close(&in_destroy);
  }
}

static __thread int unlocks_left, locks_held; /* 0: it is not held up */
static gate in_release;
static long is_stopped, is_done;

static int lock_and_count(pthread_mutex_t *mutex) {
  locks_held++;
  return pthread_mutex_lock(mutex);
}

static int unlock_and_stop(pthread_mutex_t *mutex) {
  int result = pthread_mutex_unlock(mutex);
  if (--locks_held == 0 && unlocks_left > 0 && --unlocks_left == 0) {
    count_set(&is_stopped, 1);
    gate_wait(&in_release);
  }
  return result;
}

typedef struct ending {
  objpool *pool;
  void (*end)(objpool *pool, void *object);
  int unlocks;
} ending;

static void *end_use(void *argument) {
  const ending *how = (const ending *)argument;
  unlocks_left = how->unlocks;
  how->end(how->pool, last);
  unlocks_left = 0;
  count_set(&is_done, 1);
  return NULL;
}

/* False: it has not come to that unlock. */
static bool end_beside_a_close(int kind, void (*end)(objpool *pool, void *object), int unlocks, bool waits) {
  objpool *pool = begin(kind);
  ending how = {pool, end, unlocks};
  pthread_t waiter = pthread_self();
  void *others[IDLE];
  size_t count = 0;
  gate_make(&in_release);
  count_set(&is_stopped, 0);
  count_set(&is_done, 0);
  assert_non_null(last = (thing *)objpool_acquire(pool));
  while (waits && count < IDLE) assert_non_null(others[count++] = objpool_acquire(pool));
  if (waits) waiter = start_thread(wait_for_any, pool);
  if (waits) WAIT_UNTIL(objpool_snapshot(pool).waiting == 1);
  pthread_t thread = start_thread(end_use, &how);
  WAIT_UNTIL(count_read(&is_stopped) || count_read(&is_done));
  bool stopped = count_read(&is_stopped);
  objpool_close(pool);
  objpool_release_many(pool, others, count);
  assert_true(!stopped || !objpool_drain(pool, 1000000)); /* it began before the close, and is not over */
  gate_open(&in_release);
  assert_true(objpool_drain(pool, -1));
  objpool_destroy(pool); /* with both threads still there: the drain has seen them off */
  join_thread(thread);
  if (waits) join_thread(waiter); /* it got the object and gave it back, or was sent away */
  gate_close(&in_release);
  return stopped;
}

static void drain_waits_for_a_release_that_began_before_the_close(void **unused) {
  (void)unused;
  void (*const ends[])(objpool *, void *) = {objpool_release, objpool_discard};
  for (int kind = 0; kind < KINDS; kind++) {
    int stops = 0;
    for (size_t i = 0; kind != LOCAL && i < COUNT_OF(ends); i++) {
      for (int unlocks = 1; end_beside_a_close(kind, ends[i], unlocks, false); unlocks++) stops++;
      bool capped = kind == CAPPED || kind == BOUNDED;
      for (int unlocks = 1; capped && end_beside_a_close(kind, ends[i], unlocks, true); unlocks++) stops++;
    }
    assert_true(kind == LOCAL || stops > 0);
  }
}

static void release_and_close(objpool *pool, void *object) {
  int unlocks = unlocks_left;
  unlocks_left = 0;
  objpool_release(pool, object);
  unlocks_left = unlocks; /* not before the close */
  objpool_close(pool);
}

static void drain_waits_for_another_close(void **unused) {
  (void)unused;
  for (int kind = 0; kind < KINDS; kind++) {
    int stops = 0;
    while (kind != LOCAL && end_beside_a_close(kind, release_and_close, stops + 1, false)) stops++;
    assert_true(kind == LOCAL || stops > 2);
  }
}

static pid_t forked;
static bool is_forked(thing *object, void *context) {
  (void)object, (void)context;
  forked = fork();
  return false;
}

OBJPOOL_DEFINE(forking_pool, thing, opt.create = is_created, opt.destroy = is_destroyed, opt.validate = is_forked,
               opt.validate_on = OBJPOOL_ON_RELEASE, opt.wipe = true);

/* The child goes on with a release that the parent began. */
static void hook_of_a_release_may_fork_and_both_are_drained(void **unused) {
  (void)unused;
  for (int closed = 0; closed < 2; closed++) {
    forking_pool pool;
    objpool_config config = defaults();
    assert_true(forking_pool_init(&pool, &config));
    thing *object = forking_pool_acquire(&pool);
    assert_non_null(object);
    if (closed) forking_pool_close(&pool);
    fflush(NULL);
    forking_pool_release(&pool, object);
    assert_true(forked >= 0);
    forking_pool_close(&pool);
    bool drained = forking_pool_drain(&pool, 0);
    forking_pool_destroy(&pool);
    if (!forked) _exit(drained ? 7 : 1);
    int status = 0;
    assert_int_equal(waitpid(forked, &status, 0), forked);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    assert_true(drained);
  }
}

static bool is_forked_and_good(thing *object, void *context) {
  (void)object, (void)context;
  forked = fork();
  return true;
}

static bool is_good(thing *object, void *context) {
  (void)context;
  return object != NULL;
}

/* Releases in one go: into the word of a small pool, and onto the stack of a timed one. */
OBJPOOL_DEFINE(word_pool, thing, opt.create = is_created, opt.destroy = is_destroyed, opt.validate = is_good,
               opt.validate_on = OBJPOOL_ON_RELEASE);
OBJPOOL_DEFINE(stack_pool, thing, opt.create = is_created, opt.destroy = is_destroyed, opt.timed = true);
OBJPOOL_DEFINE(forking_word_pool, thing, opt.create = is_created, opt.destroy = is_destroyed,
               opt.validate = is_forked_and_good, opt.validate_on = OBJPOOL_ON_RELEASE);
OBJPOOL_DEFINE(forking_stack_pool, thing, opt.create = is_created, opt.destroy = is_destroyed, opt.timed = true,
               opt.validate = is_forked_and_good, opt.validate_on = OBJPOOL_ON_RELEASE);

static const objpool__engine *engine;
static long between; /* how often a release was closed beside */

/* The object is idle: a close takes it down before the release looks at the pool for the last time. */
static bool close_beside_a_release(objpool__state *state, void *object) {
  char output[256];
  bool given = engine->quick_give(state, object);
  CHECK(given);
  between++;
  objpool_close(state->pool);
  CHECK(!objpool_drain(state->pool, 0) && errno == ETIMEDOUT);
  CHECK(in_child(drain_in_a_child, state->pool, output, sizeof output) == 0);
  return given;
}

static void close_in_the_midst(objpool *pool, void *object) {
  objpool__engine mine = *pool->state->engine;
  engine = pool->state->engine;
  mine.quick_give = close_beside_a_release;
  pool->state->engine = &mine;
  between = 0;
  objpool_release(pool, object);
  pool->state->engine = engine;
  assert_int_equal(between, 1);
  assert_true(objpool_drain(pool, 0));
}

static void drain_waits_for_a_release_in_one_go(void **unused) {
  (void)unused;
  objpool_config config = defaults();
  config.max_objects = 4;
  word_pool word;
  stack_pool stack;
  assert_true(word_pool_init(&word, &config) && stack_pool_init(&stack, &config));
  thing *object = word_pool_acquire(&word);
  word_pool_release(&word, object);
  close_in_the_midst(&word.base, word_pool_acquire(&word));
  object = stack_pool_acquire(&stack);
  stack_pool_release(&stack, object);
  close_in_the_midst(&stack.base, stack_pool_acquire(&stack));
  word_pool_destroy(&word);
  stack_pool_destroy(&stack);
}

/* Both go on with the release, in one go or not. */
static void fork_in_a_release(objpool *pool) {
  void *object = objpool_acquire(pool);
  assert_non_null(object);
  fflush(NULL);
  objpool_release(pool, object);
  assert_true(forked >= 0);
  bool kept = objpool_snapshot(pool).idle == 1 && objpool_acquire(pool) == object && objpool_snapshot(pool).in_use == 1;
  pid_t child = forked;
  if (!child) _exit(kept ? 7 : 1);
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
  assert_true(kept);
  objpool_discard(pool, object);
  objpool_destroy(pool);
}

static void hook_of_a_release_in_one_go_may_fork(void **unused) {
  (void)unused;
  objpool_config config = defaults();
  config.max_objects = 4;
  forking_word_pool word;
  forking_stack_pool stack;
  assert_true(forking_word_pool_init(&word, &config) && forking_stack_pool_init(&stack, &config));
  fork_in_a_release(&word.base);
  fork_in_a_release(&stack.base);
}

static void open_pool_is_drained_when_all_is_idle(void **unused) {
  (void)unused;
  for (int kind = 0; kind < KINDS; kind++) {
    objpool *pool = begin(kind);
    void *object = objpool_acquire(pool), *another = objpool_acquire(pool);
    objpool_release(pool, another);
    assert_false(objpool_drain(pool, 0));
    objpool_release(pool, object);
    assert_true(objpool_drain(pool, 0));
    assert_int_equal(objpool_snapshot(pool).idle, 2);
    assert_non_null(object = objpool_acquire(pool));
    objpool_release(pool, object);
    objpool_destroy(pool);
  }
}

static void *work_until_closed(void *argument) {
  objpool *pool = (objpool *)argument;
  void *held[3];
  for (unsigned turn = 0;; turn++) {
    size_t got = 0;
    while (got < 1 + turn % 3 &&
           (held[got] = turn % 2 ? objpool_acquire(pool) : objpool_acquire_for(pool, got ? 1000 : -1)))
      got++;
    int error = errno;
    bool closed = got < 1 + turn % 3 && error == OBJPOOL_ECLOSED;
    while (got > 0) objpool_release(pool, held[--got]);
    if (closed) return NULL;
  }
}

static void close_amid_work_loses_nothing(void **unused) {
  (void)unused;
  for (int round = 0; round < ROUNDS; round++) {
    objpool *pool = begin(round % SHARED);
    pthread_t threads[WORKERS], closer = start_thread(work_until_closed, pool);
    for (size_t i = 0; i < WORKERS; i++) threads[i] = start_thread(work_until_closed, pool);
    for (int spins = round % 7 * 300; spins > 0; spins--) (void)objpool_snapshot(pool);
    objpool_close(pool);
    assert_true(objpool_drain(pool, -1));
    assert_int_equal(count_read(&created), count_read(&destroyed));
    for (size_t i = 0; i < WORKERS; i++) join_thread(threads[i]);
    join_thread(closer);
    objpool_stats at_end = objpool_snapshot(pool);
    assert_int_equal(at_end.acquires, at_end.releases);
    assert_int_equal(at_end.created, at_end.destroyed);
    assert_int_equal(at_end.in_use + at_end.idle + at_end.waiting, 0);
    objpool_destroy(pool);
  }
}

/* ---- who released while somebody waited is not counted any more */

static plain_pool plain;
static void *wait_and_release(void *unused) {
  thing *object = plain_pool_acquire_for(&plain, -1);
  CHECK(object);
  plain_pool_release(&plain, object);
  return unused;
}

static void release_that_served_a_waiter_is_over(void **state) {
  enum { MOST = 70 }; /* more than have a bit each */
  static const size_t caps[] = {MOST, IDLE}, cache_sizes[] = {0, OBJPOOL_NO_CACHE, 4};
  (void)state;
  for (size_t i = 0; i < COUNT_OF(caps) * COUNT_OF(cache_sizes); i++) {
    thing *held[MOST];
    objpool_config config = defaults();
    config.max_objects = caps[i % COUNT_OF(caps)];
    config.cache_size = cache_sizes[i / COUNT_OF(caps)];
    assert_true(plain_pool_init(&plain, &config));
    assert_int_equal(plain_pool_acquire_many(&plain, held, config.max_objects), config.max_objects);
    pthread_t waiter = start_thread(wait_and_release, NULL);
    WAIT_UNTIL(plain_pool_stats(&plain).waiting == 1);
    plain_pool_release_many(&plain, held, config.max_objects);
    join_thread(waiter);
    plain_pool_close(&plain);
    assert_true(plain_pool_drain(&plain, 0));
    plain_pool_destroy(&plain);
  }
}

/* ---- who looks for an object when it is closed finds that there is none, wherever it was */

static long is_back;
static void *look_and_stop(void *unlocks) {
  unlocks_left = *(const int *)unlocks;
  errno = 0;
  thing *object = plain_pool_acquire(&plain);
  CHECK(!object && (errno == OBJPOOL_ECLOSED || errno == EAGAIN));
  unlocks_left = 0;
  count_set(&is_back, 1);
  return NULL;
}

static void acquire_under_way_at_a_close_comes_back(void **state) {
  static const size_t cache_sizes[] = {0, OBJPOOL_NO_CACHE, 4};
  (void)state;
  for (size_t i = 0; i < COUNT_OF(cache_sizes); i++) {
    bool stopped = true;
    for (int unlocks = 1; stopped; unlocks++) {
      thing *held[IDLE];
      objpool_config config = defaults();
      config.max_objects = IDLE;
      config.cache_size = cache_sizes[i];
      assert_true(plain_pool_init(&plain, &config));
      gate_make(&in_release);
      count_set(&is_stopped, 0);
      count_set(&is_back, 0);
      for (int k = 0; k < 1000; k++)
        plain_pool_release(&plain, plain_pool_acquire(&plain)); /* this thread's alone, if it can be */
      assert_int_equal(plain_pool_acquire_many(&plain, held, IDLE), IDLE);
      pthread_t thread = start_thread(look_and_stop, &unlocks);
      WAIT_UNTIL(count_read(&is_stopped) || count_read(&is_back));
      stopped = count_read(&is_stopped);
      plain_pool_close(&plain);
      gate_open(&in_release);
      join_thread(thread);
      plain_pool_release_many(&plain, held, IDLE);
      assert_true(plain_pool_drain(&plain, -1));
      plain_pool_destroy(&plain);
      gate_close(&in_release);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(closed_pool_hands_out_nothing_and_destroys_what_comes_back),
      cmocka_unit_test(pool_that_was_never_used_can_be_closed_and_drained),
      cmocka_unit_test(close_sends_away_all_who_wait),
      cmocka_unit_test(drain_waits_for_who_was_sent_away),
      cmocka_unit_test(who_was_about_to_wait_does_not),
      cmocka_unit_test(object_that_is_being_created_is_destroyed),
      cmocka_unit_test(drain_waits_for_a_destroy_that_runs),
      cmocka_unit_test(drain_waits_for_a_release_that_began_before_the_close),
      cmocka_unit_test(drain_waits_for_another_close),
      cmocka_unit_test(hook_of_a_release_may_fork_and_both_are_drained),
      cmocka_unit_test(drain_waits_for_a_release_in_one_go),
      cmocka_unit_test(hook_of_a_release_in_one_go_may_fork),
      cmocka_unit_test(open_pool_is_drained_when_all_is_idle),
      cmocka_unit_test(release_that_served_a_waiter_is_over),
      cmocka_unit_test(acquire_under_way_at_a_close_comes_back),
      cmocka_unit_test(close_amid_work_loses_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
