/* Orders: whatever way an object, a thread's slot or what maintenance learned goes from one thread to another, what
   was written before is seen after. The threads share nothing but the pool. Natively most processors hide a missing
   order; ThreadSanitizer does not. */
#include "support.h"

#include <sched.h>

#define OBJPOOL_PANIC(message) panic_seen(message)
#define OBJPOOL_IMPLEMENTATION
#include "pools.h"

enum { WORDS = 6, THREADS = 3 };

typedef struct letter { /* written without atomics */
  uint64_t words[WORDS];
} letter;

OBJPOOL_DEFINE(letter_pool, letter);

/* Lets others run where there are fewer processors than threads. */
static void rest_now_and_then(unsigned *spins) {
  if (++*spins % 64 == 0) sched_yield();
}

/* ---- objects */

static letter_pool pool;
static long rounds;
static int64_t patience_ns; /* of an acquire; 0: it does not wait */

static void *read_and_write_letters(void *argument) {
  uint64_t seed = (uint64_t)(uintptr_t)argument;
  unsigned spins = 0;
  for (long i = 0; i < rounds;) {
    letter *held[2] = {NULL, NULL};
    size_t want = 1 + (patience_ns == 0 ? random_below(&seed, 2) : 0);
    for (size_t k = 0; k < want; k++) held[k] = letter_pool_acquire_for(&pool, patience_ns);
    for (size_t k = 0; k < want; k++) {
      if (!held[k]) continue;
      for (size_t word = 1; word < WORDS; word++)
        CHECK(held[k]->words[word] == held[k]->words[0] + word * (held[k]->words[0] != 0));
      uint64_t first = random_next(&seed) | 1;
      for (size_t word = 0; word < WORDS; word++) held[k]->words[word] = first + word;
      letter_pool_release(&pool, held[k]);
      i++;
    }
    rest_now_and_then(&spins);
  }
  return NULL;
}

static void letters_pass_whole(const objpool_config *config, long how_many, int64_t patience) {
  pthread_t threads[THREADS];
  assert_true(letter_pool_init(&pool, config));
  rounds = how_many;
  patience_ns = patience;
  for (uintptr_t i = 0; i < THREADS; i++) threads[i] = start_thread(read_and_write_letters, (void *)(i + 1));
  for (int i = 0; i < THREADS; i++) join_thread(threads[i]);
  assert_int_equal(letter_pool_stats(&pool).in_use, 0);
  letter_pool_destroy(&pool);
}

static void what_was_written_is_seen_by_the_next_owner_without_caches(void **state) {
  objpool_config config = defaults();
  (void)state;
  config.cache_size = OBJPOOL_NO_CACHE;
  config.max_objects = 2;
  letters_pass_whole(&config, SCALED(20000, 5000, 3000), 0);
}

static void what_was_written_is_seen_after_a_cache_was_taken_back(void **state) {
  objpool_config config = defaults();
  (void)state;
  config.cache_size = 4;
  config.max_objects = 3;
  letters_pass_whole(&config, SCALED(20000, 5000, 3000), 0);
}

static void what_was_written_is_seen_after_a_hand_over(void **state) {
  objpool_config config = defaults();
  (void)state;
  config.max_objects = 1;
  for (int cached = 0; cached < 2; cached++) {
    config.cache_size = cached ? 2 : OBJPOOL_NO_CACHE;
    letters_pass_whole(&config, SCALED(3000, 1000, 700), -1);
  }
}

static void *wait_for_a_letter(void *unused) {
  letter *got = letter_pool_acquire_for(&pool, -1);
  (void)unused;
  CHECK(got);
  for (size_t word = 0; word < WORDS; word++) CHECK(got->words[word] == 100 + word);
  letter_pool_release(&pool, got);
  return NULL;
}

static void what_was_written_is_seen_by_a_thread_that_slept(void **state) {
  objpool_config config = defaults();
  (void)state;
  config.max_objects = 1;
  for (int round = 0; round < SCALED(20, 20, 40); round++) {
    config.cache_size = round % 2 ? 2 : OBJPOOL_NO_CACHE;
    assert_true(letter_pool_init(&pool, &config));
    letter *held = letter_pool_acquire(&pool);
    assert_non_null(held);
    pthread_t waiting = start_thread(wait_for_a_letter, NULL);
    WAIT_UNTIL(letter_pool_stats(&pool).waiting == 1);
    sleep_ms(round % 4); /* most have fallen asleep by then */
    for (size_t word = 0; word < WORDS; word++) held->words[word] = 100 + word;
    letter_pool_release(&pool, held);
    join_thread(waiting);
    letter_pool_destroy(&pool);
  }
}

/* One thread only acquires, the other only releases: whole magazines go through the depot, without a lock. */
enum { ON_THE_WAY = 32 };
static letter *ring[ON_THE_WAY];

static void *send_letters(void *unused) {
  unsigned spins = 0;
  (void)unused;
  for (long i = 0; i < rounds; i++) {
    letter *sent = letter_pool_acquire(&pool);
    CHECK(sent);
    for (size_t word = 1; word < WORDS; word++)
      CHECK(sent->words[word] == sent->words[0] + word * (sent->words[0] != 0));
    sent->words[0]++; /* races with the other's words below, if the pool does not order them */
    while (__atomic_load_n(&ring[i % ON_THE_WAY], __ATOMIC_RELAXED)) rest_now_and_then(&spins);
    __atomic_store_n(&ring[i % ON_THE_WAY], sent, __ATOMIC_RELEASE);
  }
  return NULL;
}

static void *answer_letters(void *unused) {
  unsigned spins = 0;
  (void)unused;
  for (long i = 0; i < rounds; i++) {
    letter *got;
    while (!(got = __atomic_load_n(&ring[i % ON_THE_WAY], __ATOMIC_ACQUIRE))) rest_now_and_then(&spins);
    for (size_t word = 0; word < WORDS; word++) got->words[word] = (uint64_t)i + 7 + word;
    letter_pool_release(&pool, got);
    __atomic_store_n(&ring[i % ON_THE_WAY], NULL, __ATOMIC_RELAXED);
  }
  return NULL;
}

static void what_was_written_is_seen_through_the_depot(void **state) {
  objpool_config config = defaults();
  (void)state;
  config.cache_size = 4;
  assert_true(letter_pool_init(&pool, &config));
  rounds = SCALED(100000, 20000, 20000);
  pthread_t sender = start_thread(send_letters, NULL), answerer = start_thread(answer_letters, NULL);
  join_thread(sender);
  join_thread(answerer);
  assert_int_equal(letter_pool_stats(&pool).in_use, 0);
  letter_pool_destroy(&pool);
}

/* ---- slots: threads come to a pool while another reads its list of slots. No reader waits for those that come. */

/* a fork locks every pool, and ThreadSanitizer knows 64 held locks at most */
enum { NEWCOMERS = 4, FRESH_POOLS = 40, FORKED_POOLS = 12 };
static letter_pool fresh[FRESH_POOLS];
static long begun, arrived, wanted;

static void *come_to_fresh_pools(void *unused) {
  unsigned spins = 0;
  (void)unused;
  for (long i = 0; i < wanted; i++) {
    while (__atomic_load_n(&begun, __ATOMIC_ACQUIRE) <= i) rest_now_and_then(&spins);
    letter *mine = letter_pool_acquire(&fresh[i]);
    CHECK(mine);
    letter_pool_release(&fresh[i], mine);
    __atomic_fetch_add(&arrived, 1, __ATOMIC_RELAXED); /* orders nothing */
  }
  return NULL;
}

static void look_at(letter_pool *shared) { (void)letter_pool_stats(shared); }
static void reset(letter_pool *shared) { letter_pool_reset_stats(shared); }
static void use(letter_pool *shared) {
  letter *mine = letter_pool_acquire(shared);
  CHECK(mine);
  letter_pool_release(shared, mine);
}
static void trim(letter_pool *shared) { (void)letter_pool_trim(shared, 1); }
static void split(letter_pool *shared) {
  pid_t child = fork();
  CHECK(child >= 0);
  /* one that another thread was giving back counts as released, and as in use there for good: as acquired twice, then */
  if (child == 0) _exit(letter_pool_stats(shared).acquires <= 2 * NEWCOMERS ? 0 : 1);
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child && EXITED_WELL(status));
}

static void beside_newcomers(void (*act)(letter_pool *), bool initialised, size_t cache_size) {
  pthread_t threads[NEWCOMERS];
  objpool_config config = defaults();
  wanted = act == split ? FORKED_POOLS : FRESH_POOLS;
  config.cache_size = cache_size;
  memset(fresh, 0, sizeof fresh);
  begun = arrived = 0;
  for (int i = 0; i < NEWCOMERS; i++) threads[i] = start_thread(come_to_fresh_pools, NULL);
  for (long i = 0; i < wanted; i++) {
    if (initialised) CHECK(letter_pool_init(&fresh[i], &config));
    __atomic_store_n(&begun, i + 1, __ATOMIC_RELEASE);
    do act(&fresh[i]);
    while (__atomic_load_n(&arrived, __ATOMIC_RELAXED) < NEWCOMERS * (i + 1));
  }
  for (int i = 0; i < NEWCOMERS; i++) join_thread(threads[i]);
  for (long i = 0; i < wanted; i++) letter_pool_destroy(&fresh[i]);
}

static void statistics_may_be_read_while_threads_come(void **state) {
  (void)state;
  beside_newcomers(look_at, false, 0);
  beside_newcomers(look_at, true, 0);
  beside_newcomers(look_at, true, OBJPOOL_NO_CACHE);
}

static void statistics_may_be_reset_while_threads_come(void **state) {
  (void)state;
  beside_newcomers(reset, false, 0);
  beside_newcomers(reset, true, OBJPOOL_NO_CACHE);
}

static void objects_may_be_used_while_threads_come(void **state) {
  (void)state;
  beside_newcomers(use, false, 0);
  beside_newcomers(use, true, 4);
}

static void caches_may_be_taken_back_while_threads_come(void **state) {
  (void)state;
  beside_newcomers(trim, false, 0);
  beside_newcomers(trim, true, 0);
}

static void process_may_fork_while_threads_come(void **state) {
  (void)state;
  beside_newcomers(split, true, 0);
}

/* The only thread that uses a pool takes a fresh object. Ordered by nothing but the pool, another takes its slot back: after
   that, while a peak may last, and once more within the create hook, which just filled the slot. */
static bool give_one_back(letter *made, void *unused);
OBJPOOL_DEFINE(lone_pool, letter, opt.create = give_one_back);
static lone_pool lone;
static letter *held_back; /* the next create hook gives it back */
static long to_trim, trimmed;

static void *trim_when_told(void *unused) {
  unsigned spins = 0;
  (void)unused;
  objpool__set_thread_index(OBJPOOL__GUEST); /* as all threads beyond OBJPOOL_MAX_THREADS: it gets no slot */
  for (long i = 1; i <= 2; i++) {
    while (__atomic_load_n(&to_trim, __ATOMIC_RELAXED) < i) rest_now_and_then(&spins);
    (void)lone_pool_trim(&lone, 0);
    __atomic_store_n(&trimmed, i, __ATOMIC_RELAXED);
  }
  return NULL;
}

static void have_it_trimmed(long times) {
  unsigned spins = 0;
  __atomic_store_n(&to_trim, times, __ATOMIC_RELAXED);
  while (__atomic_load_n(&trimmed, __ATOMIC_RELAXED) < times) rest_now_and_then(&spins);
}

static bool give_one_back(letter *made_now, void *unused) {
  (void)made_now, (void)unused;
  if (!held_back) return true;
  lone_pool_release(&lone, held_back);
  held_back = NULL;
  have_it_trimmed(1);
  return true;
}

static void slot_of_a_lone_thread_may_be_taken_back_at_any_time(void **state) {
  (void)state;
  objpool_config config = defaults();
  assert_true(lone_pool_init(&lone, &config));
  to_trim = trimmed = 0;
  pthread_t trimmer = start_thread(trim_when_told, NULL);
  held_back = lone_pool_acquire(&lone);
  letter *first = lone_pool_acquire(&lone); /* its create hook fills the slot, and has it taken back */
  assert_int_equal(lone_pool_stats(&lone).idle, 0);
  for (int i = 0; i < 1000; i++)
    lone_pool_release(&lone, lone_pool_acquire(&lone)); /* opens the slot again, with one in it */
  lone_pool_reset_stats(&lone);
  letter *second = lone_pool_acquire(&lone),
         *third = lone_pool_acquire(&lone); /* from the slot: a peak; and a fresh one */
  have_it_trimmed(2);
  join_thread(trimmer);
  objpool_stats stats = lone_pool_stats(&lone);
  assert_int_equal(stats.peak_in_use, 3);
  assert_int_equal(stats.misses, 1);
  lone_pool_release(&lone, first);
  lone_pool_release(&lone, second);
  lone_pool_release(&lone, third);
  lone_pool_destroy(&lone);
}

/* Two threads come to pools of zeros, the second while the first makes the pool: it may see none yet, and a moment
   later the one just made. Nothing that passes between them orders anything, so that only the pool can. */
enum { LONGEST_WAIT = 800 }; /* in looks at a counter; with shorter ones they meet less often */
static long ready, made;
static bool one_is_made(void) { return (void)__atomic_fetch_add(&made, 1, __ATOMIC_RELAXED), false; }
OBJPOOL_DEFINE(sudden_pool, letter, opt.wipe = one_is_made()); /* what is made asks for its options */
static sudden_pool sudden[FRESH_POOLS];

static void *use_suddenly(void *second) {
  uint64_t seed = (uint64_t)(uintptr_t)second;
  for (long i = 0; i < FRESH_POOLS; i++) {
    long made_before = __atomic_load_n(&made, __ATOMIC_RELAXED);
    long *news = second ? &made : &ready, old = second ? made_before : i;
    unsigned spins = 0;
    if (second) __atomic_store_n(&ready, i + 1, __ATOMIC_RELAXED);
    while (__atomic_load_n(news, __ATOMIC_RELAXED) == old) rest_now_and_then(&spins);
    for (long wait = second ? (long)random_below(&seed, LONGEST_WAIT) : 0; wait > 0; wait--)
      (void)__atomic_load_n(news, __ATOMIC_RELAXED);
    letter *mine = sudden_pool_acquire(&sudden[i]);
    CHECK(mine);
    sudden_pool_release(&sudden[i], mine);
  }
  return NULL;
}

static void pool_of_zeros_is_seen_whole_by_the_one_that_did_not_make_it(void **state) {
  (void)state;
  for (uintptr_t round = 0; round < SCALED(20, 20, 120); round++) {
    memset(sudden, 0, sizeof sudden);
    ready = 0;
    pthread_t first = start_thread(use_suddenly, NULL), second = start_thread(use_suddenly, (void *)(round + 1));
    join_thread(first);
    join_thread(second);
    for (int i = 0; i < FRESH_POOLS; i++) {
      assert_int_equal(sudden_pool_stats(&sudden[i]).acquires, 2);
      sudden_pool_destroy(&sudden[i]);
    }
  }
}

/* ---- maintenance */

static void *maintain_often(void *unused) {
  unsigned spins = 0;
  (void)unused;
  for (long i = 0; i < rounds; i++) {
    (void)objpool_maintain(&pool.base);
    rest_now_and_then(&spins);
  }
  return NULL;
}

static void what_maintenance_learned_is_seen_by_the_next_to_maintain(void **state) {
  pthread_t threads[THREADS];
  (void)state;
  assert_true(letter_pool_init(&pool, NULL));
  rounds = SCALED(5000, 2000, 2000);
  for (int i = 0; i < THREADS; i++) threads[i] = start_thread(maintain_often, NULL);
  for (int i = 0; i < THREADS; i++) join_thread(threads[i]);
  letter_pool_destroy(&pool);
}

/* ---- blocks: what is wrong with a pointer is looked up while the pool grows */

static void release_what_is_not_its_own(void *stranger, void *unused) {
  (void)unused;
  letter_pool_release(&pool, (letter *)stranger);
}

static void *make_it_grow_and_shrink(void *unused) {
  letter *held[200];
  (void)unused;
  for (long i = 0; i < rounds; i++) {
    for (size_t k = 0; k < COUNT_OF(held); k++) CHECK((held[k] = letter_pool_acquire(&pool)) != NULL);
    letter_pool_release_many(&pool, held, COUNT_OF(held));
    CHECK(letter_pool_clear(&pool) == COUNT_OF(held));
  }
  return NULL;
}

static void misuse_is_examined_while_the_pool_grows_and_shrinks(void **state) {
  static struct {
    uint64_t before;
    letter object;
  } stranger;
  (void)state;
  assert_true(letter_pool_init(&pool, NULL));
  rounds = SCALED(200, 100, 50);
  pthread_t thread = start_thread(make_it_grow_and_shrink, NULL);
  for (long i = 0; i < rounds; i++) {
    assert_true(panics(release_what_is_not_its_own, &stranger.object, NULL));
    assert_non_null(strstr(panic_message, "is not an object of this pool"));
  }
  join_thread(thread);
  letter_pool_destroy(&pool);
}

/* ---- limits: a resize stores the new cap and then reads how many are alive, an acquire counts its object as alive and
   then reads the cap. If both reads overtook the stores, there were one too many, and nobody would know. */

enum { KEPT = 4 };
static long at_start, at_end;
static letter *extra;

static void meet(long *counter, long round) {
  unsigned spins = 0;
  __atomic_fetch_add(counter, 1, __ATOMIC_SEQ_CST);
  while (__atomic_load_n(counter, __ATOMIC_SEQ_CST) < 2 * round) rest_now_and_then(&spins);
}

static void dawdle(uint64_t *seed) {
  for (size_t i = random_below(seed, 100); i > 0; i--) __asm__ volatile("" ::: "memory");
}

static void *acquire_one_more(void *unused) {
  uint64_t seed = 7;
  (void)unused;
  for (long round = 1; round <= rounds; round++) {
    meet(&at_start, round);
    dawdle(&seed);
    extra = letter_pool_acquire(&pool);
    meet(&at_end, round);
  }
  return NULL;
}

static void cap_that_is_lowered_during_an_acquire_holds_in_the_end(void **state) {
  objpool_config config = defaults();
  letter *kept[KEPT];
  uint64_t seed = 5;
  (void)state;
  config.cache_size = OBJPOOL_NO_CACHE;
  config.max_objects = 2 * KEPT;
  assert_true(letter_pool_init(&pool, &config));
  for (size_t i = 0; i < KEPT; i++) {
    kept[i] = letter_pool_acquire(&pool);
    assert_non_null(kept[i]);
  }
  rounds = SCALED(30000, 3000, 3000);
  at_start = at_end = 0;
  pthread_t thread = start_thread(acquire_one_more, NULL);
  for (long round = 1; round <= rounds; round++) {
    meet(&at_start, round);
    dawdle(&seed);
    CHECK(letter_pool_resize(&pool, OBJPOOL_UNCHANGED, KEPT));
    meet(&at_end, round);
    letter_pool_release(&pool, extra); /* by the new cap it goes, if it is one too many */
    objpool_stats stats = letter_pool_stats(&pool);
    CHECK(stats.in_use == KEPT && stats.idle == 0);
    CHECK(letter_pool_resize(&pool, OBJPOOL_UNCHANGED, 2 * KEPT));
  }
  join_thread(thread);
  for (size_t i = 0; i < KEPT; i++) letter_pool_release(&pool, kept[i]);
  letter_pool_destroy(&pool);
}

/* The same in one thread: signals run the two lines of a resize between any two instructions of a reservation. */
static long alive_seen; /* by the signal handler; -1: it did not run */

static void lower_the_cap(int number) {
  (void)number;
  __atomic_store_n(&pool.base.state->limits.max_objects, KEPT, __ATOMIC_SEQ_CST);
  if (alive_seen < 0) alive_seen = (long)__atomic_load_n(&pool.base.state->limits.alive, __ATOMIC_SEQ_CST);
}

static void *send_signals(void *target) {
  for (long i = 0; i < rounds && !__atomic_load_n(&at_end, __ATOMIC_SEQ_CST); i++) {
    CHECK(pthread_kill(*(pthread_t *)target, SIGUSR1) == 0);
    if (i % 16 == 0) sched_yield();
  }
  __atomic_store_n(&at_start, 1, __ATOMIC_SEQ_CST);
  return NULL;
}

static void reservation_interrupted_by_a_lower_cap_obeys_it(void **state) {
  objpool_config config = defaults();
  objpool__state *inside;
  pthread_t self = pthread_self();
  struct sigaction action, before;
  (void)state;
  config.cache_size = OBJPOOL_NO_CACHE;
  config.max_objects = 2 * KEPT;
  assert_true(letter_pool_init(&pool, &config));
  inside = pool.base.state;
  inside->limits.alive = KEPT;
  memset(&action, 0, sizeof action);
  action.sa_handler = lower_the_cap;
  assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
  rounds = SCALED(60000, 20000, 3000);
  at_start = at_end = 0;
  pthread_t sender = start_thread(send_signals, &self);
  int64_t give_up_at = now_ns() + INT64_C(3000000000);
  for (long i = 0; !__atomic_load_n(&at_start, __ATOMIC_SEQ_CST); i++) {
    __atomic_store_n(&inside->limits.max_objects, 2 * KEPT, __ATOMIC_SEQ_CST);
    *(volatile long *)&alive_seen = -1;
    __asm__ volatile("" ::: "memory");
    bool reserved = objpool__reserve(inside);
    __asm__ volatile("" ::: "memory");
    size_t alive = __atomic_load_n(&inside->limits.alive, __ATOMIC_SEQ_CST);
    if (!reserved) CHECK(alive == KEPT); /* what was reserved and not to be had was given back */
    /* who lowered the cap while KEPT were alive saw no surplus, so there must be none; after a reservation it sees one */
    CHECK(!(reserved && *(volatile long *)&alive_seen == KEPT));
    if (reserved) __atomic_fetch_sub(&inside->limits.alive, 1, __ATOMIC_SEQ_CST);
    if (i % 1024 == 0 && now_ns() > give_up_at) __atomic_store_n(&at_end, 1, __ATOMIC_SEQ_CST);
  }
  join_thread(sender);
  assert_int_equal(sigaction(SIGUSR1, &before, NULL), 0);
  inside->limits.alive = 0;
  letter_pool_destroy(&pool);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_was_written_is_seen_by_the_next_owner_without_caches),
      cmocka_unit_test(what_was_written_is_seen_after_a_cache_was_taken_back),
      cmocka_unit_test(what_was_written_is_seen_after_a_hand_over),
      cmocka_unit_test(what_was_written_is_seen_by_a_thread_that_slept),
      cmocka_unit_test(what_was_written_is_seen_through_the_depot),
      cmocka_unit_test(statistics_may_be_read_while_threads_come),
      cmocka_unit_test(statistics_may_be_reset_while_threads_come),
      cmocka_unit_test(objects_may_be_used_while_threads_come),
      cmocka_unit_test(caches_may_be_taken_back_while_threads_come),
      cmocka_unit_test(process_may_fork_while_threads_come),
      cmocka_unit_test(slot_of_a_lone_thread_may_be_taken_back_at_any_time),
      cmocka_unit_test(pool_of_zeros_is_seen_whole_by_the_one_that_did_not_make_it),
      cmocka_unit_test(what_maintenance_learned_is_seen_by_the_next_to_maintain),
      cmocka_unit_test(misuse_is_examined_while_the_pool_grows_and_shrinks),
      cmocka_unit_test(reservation_interrupted_by_a_lower_cap_obeys_it),
      cmocka_unit_test(cap_that_is_lowered_during_an_acquire_holds_in_the_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
