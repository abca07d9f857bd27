/* closed.h: what the closed programs of this directory share. Each drives functions of the implementation, as they stand in objpool.h,
 * by two to four threads and a bounded number of steps, and asserts what must hold. As ordinary programs they run REPEAT times and hope
 * to meet many executions; GenMC (github.com/MPI-SWS/genmc, 0.10) explores every one that C11 allows:
 *
 *   genmc --rc11 --disable-estimation --disable-instruction-caching --disable-ipr -- -g0 -I. tests/model/NAME.c
 *
 * or --imm; with options such as -DTHREADS=2 after the --. Its instruction caching costs more than it saves here; in-place revisiting
 * takes hints that two threads store at once for errors; and some debug information it cannot read.
 *
 * tests/model/genmc runs them all, and broken on purpose. */
#ifndef CLOSED_H
#define CLOSED_H

#if defined(__has_include)
#if __has_include(<genmc_internal.h>)
#define CHECKED 1 /* by GenMC */
#include "checker.h"
#ifndef REPEAT
#define REPEAT 1
#endif
#endif
#endif

#define OBJPOOL_STATIC /* no other file: nothing is compiled that is not used */
#define OBJPOOL_IMPLEMENTATION
#ifdef CHECKED
#define OBJPOOL_MAX_THREADS 4
#endif
#include "objpool.h"

#ifdef CHECKED
#undef volatile
#undef __asm__
#define printf(...) ((void)0)

#endif

#undef NDEBUG
#include <assert.h>
#include <pthread.h>
#include <stdio.h>

#ifndef REPEAT
#define REPEAT 3000
#endif
#ifdef CHECKED
#define ROUNDS 1
#else
#define ROUNDS 100 /* of what a thread does that does it again and again */
#endif

#ifndef WITH_HANDLES
#define WITH_HANDLES false
#endif

#ifdef PATIENT /* waiters are called, and look for themselves; else objects are handed to them: to GenMC no time passes */
#define FAIR_AFTER_NS UINT64_MAX
#else
#define FAIR_AFTER_NS 1
#endif

/* The pool of these programs: of objects of one word, each held by `state`; `rounds` objects to a magazine, 0: no thread caches. */
static objpool pool;
static objpool__state *state;

static bool closed__validate(void *object, void *context) {
  (void)context;
  return object != NULL;
}

#if defined LONE && !defined CHECKED /* for so few objects no thread has a cache if a hook makes them */
static bool closed__create(void *object, void *context) { return closed__validate(object, context); }
#else
#define closed__create NULL
#endif

static inline void begin(size_t max_objects, size_t rounds) {
#ifndef CHECKED
  const objpool_type type = {.size = sizeof(uint64_t), .alignment = sizeof(uint64_t), .create = closed__create,
                             .validate = closed__validate, .validate_on = OBJPOOL_ON_MAINTAIN, .handles = WITH_HANDLES};
#ifdef BOUNDED
  const size_t first = max_objects;
#else /* whose word is not asked for: without a cap at first, it has the stack */
  const size_t first = 0;
#endif
#ifdef LONE /* a thread that is alone has the word for itself */
  const size_t cache_size = 0;
  (void)rounds;
#else
  const size_t cache_size = rounds ? 2 * rounds : OBJPOOL_NO_CACHE;
#endif
  const objpool_config config = {.max_objects = first, .cache_size = cache_size,
                                 .on_leak = OBJPOOL_LEAK_IGNORE, .fair_after_ns = FAIR_AFTER_NS};
  bool began = objpool_init(&pool, &type, &config);
  assert(began);
  state = pool.state;
  bool capped = objpool_resize(&pool, OBJPOOL_UNCHANGED, max_objects);
  assert(capped);
#else /* as objpool__state_make leaves it, field by field: GenMC cannot follow how structures are copied */
  static objpool__state made;
  static objpool__slot *table[OBJPOOL__ROWS];
  state = &made;
  state->slots.table = table;
  state->slots.open_at_all = rounds != 0;
  state->slots.bytes = sizeof(objpool__cache);
  bool locks = objpool__make_locks(state);
  assert(locks);
  for (unsigned i = 0; i < OBJPOOL__ROWS; i++) state->slots.table[i] = &objpool__no_slot;
  state->pool = &pool;
  state->home = &objpool__process;
  state->as.type.size = state->as.type.alignment = state->blocks.object_bytes = sizeof(uint64_t);
  state->as.type.validate = closed__validate;
  state->as.type.validate_on = OBJPOOL_ON_MAINTAIN;
  state->blocks.stride = 2 * sizeof(uint64_t) + (rounds ? 0 : sizeof(uint64_t)); /* and the address of its node */
  objpool__round_up(sizeof(objpool__block) + sizeof(uint64_t), sizeof(uint64_t), &state->blocks.offset);
  state->blocks.alignment = 2 * sizeof(void *);
  state->blocks.growth_factor = 2.0;
  state->config.shrink_threshold = 0.7;
  state->config.fair_after_ns = FAIR_AFTER_NS;
  state->memory.allocator.allocate = objpool__default_allocate;
  state->memory.allocator.deallocate = objpool__default_deallocate;
  state->limits.max_objects = max_objects;
#ifdef BOUNDED
  static objpool__word word;
#ifdef LONE
  objpool__word_begin(state, &word, true);
#else
  objpool__word_begin(state, &word, false);
#endif
  state->engine = &objpool__bounded_engine;
#else
  state->engine = rounds ? &objpool__cached_engine : &objpool__uncached_engine;
#endif
  objpool__depot_plan(&state->depot, rounds ? rounds : 1);
  state->depot.segment_bits = 2;
  state->depot.segment_mask = 3;
  state->depot.directory_capacity = 2; /* soon too small */
  state->blocks.next_cells = 8;
  objpool__publish(state);
#endif
}

/* What an acquire asks for. */
static inline objpool__quest quest_for(objpool__how how) {
  objpool__quest quest = {how, UINT64_MAX, false, false, false, false, false, EAGAIN, OBJPOOL__EXHAUSTED, NULL, NULL, NULL, NULL};
  return quest;
}

/* Magazines for so many objects without a cell. */
static inline void provide(size_t objects) {
  objpool__lock(&state->memory.growth_lock);
  objpool__lock(&state->memory.lock);
  state->depot.fills = true;
  bool provided = objpool__provide(&state->depot, &state->memory, objpool__magazines_for(&state->depot, objects, 0));
  assert(provided);
  objpool__unlock(&state->memory.lock);
  objpool__unlock(&state->memory.growth_lock);
}

/* One more object, in use. */
static inline void *made(void) {
  bool reserved = objpool__reserve(state);
  assert(reserved);
  void *object = objpool__build(state, NULL, NULL);
  assert(object);
  return object;
}

/* objpool_acquire, _try_acquire and _release without the type, as the typed ones: the fast path first. */
static inline void *acquire(objpool__how how) {
  void *object = objpool__take(&pool, false);
  if (!object) return objpool__acquire_slow(&pool, NULL, how, 0);
  objpool__flip(objpool__tag(object, 0));
  return object;
}

static inline void release(void *object) {
  if (objpool__take_back(pool.key, object, objpool__tag(object, 0))) objpool__give(&pool, object, false, NULL);
  else objpool__release_checked(&pool, NULL, object);
}

static inline void end(void) {
#ifndef CHECKED
  objpool_destroy(&pool);
#endif
}

static pthread_t closed__thread[4];
static void *result[4]; /* what the threads returned that ended */
static int closed__threads;

#ifndef CHECKED
static struct closed__begun {
  void *(*body)(void *);
  int number;
} closed__begun[4];
static int closed__go;

static void *closed__run(void *argument) { /* not before all are there: else the first would be done by then */
  struct closed__begun *begun = (struct closed__begun *)argument;
  while (!__atomic_load_n(&closed__go, __ATOMIC_ACQUIRE)) {}
  return begun->body(&begun->number);
}
#endif

/* Lets the threads run that were started. */
static inline void go(void) {
#ifndef CHECKED
  __atomic_store_n(&closed__go, 1, __ATOMIC_RELEASE);
#endif
}

/* Runs body in so many threads more, which get their numbers; to GenMC they are alike (but with ONE_BY_ONE), and get none. */
static inline void start(void *(*body)(void *), int threads) {
  for (int i = 0; i < threads; i++) {
#ifdef CHECKED
#ifdef ONE_BY_ONE
    bool alike = false;
#else
    bool alike = i > 0;
#endif
    closed__thread[closed__threads] = alike ? __VERIFIER_spawn_symmetric(body, NULL, closed__thread[closed__threads - 1])
                                            : __VERIFIER_spawn(body, NULL);
#else
    struct closed__begun *begun = &closed__begun[closed__threads];
    begun->body = body;
    begun->number = closed__threads;
    int error = pthread_create(&closed__thread[closed__threads], NULL, closed__run, begun);
    assert(!error);
#endif
    closed__threads++;
  }
}

static void all_others_end(void) {
  go();
  for (int i = 0; i < closed__threads; i++) {
    int error = pthread_join(closed__thread[i], &result[i]);
    assert(!error);
  }
  closed__threads = 0;
#ifndef CHECKED
  closed__go = 0;
#endif
}

#endif
