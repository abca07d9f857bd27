/* Waiting: 16 threads on a cap of 4, each holding an object for a microsecond, against what one would write by hand, an
   array with a mutex and a condition variable, with and without an order among the waiters. All run side by side.
   C only: it is measured, and C++ is the same code.
   test-all: it is measured. */
#include "support.h"

#include "thing.h"

OBJPOOL_DEFINE(thing_pool, thing);

enum { THREADS = 16, CAP = 4, ROUNDS = 7 };

static long pairs_each;
static pthread_barrier_t start_line;

static thing_pool pool;
static thing *pool_take(void) { return thing_pool_acquire_for(&pool, -1); }
static void pool_give(thing *object) { thing_pool_release(&pool, object); }

static thing things[CAP], *idle[CAP];
static size_t idle_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t returned = PTHREAD_COND_INITIALIZER;
static thing *array_take(void) {
  thing *object;
  pthread_mutex_lock(&lock);
  while (idle_count == 0) pthread_cond_wait(&returned, &lock);
  object = idle[--idle_count];
  pthread_mutex_unlock(&lock);
  return object;
}
static void array_give(thing *object) {
  pthread_mutex_lock(&lock);
  idle[idle_count++] = object;
  pthread_cond_signal(&returned);
  pthread_mutex_unlock(&lock);
}

/* The same, but first come, first served: a queue of waiters, each with a condition of its own, served in turn. */
typedef struct turn {
  pthread_cond_t served;
  thing *object;
  struct turn *next;
} turn;
static turn *first_turn, *last_turn;
static thing *ordered_take(void) {
  thing *object;
  pthread_mutex_lock(&lock);
  if (idle_count > 0 && !first_turn) {
    object = idle[--idle_count];
  } else {
    turn mine = {PTHREAD_COND_INITIALIZER, NULL, NULL};
    *(first_turn ? &last_turn->next : &first_turn) = &mine;
    last_turn = &mine;
    while (!mine.object) pthread_cond_wait(&mine.served, &lock);
    object = mine.object;
    pthread_cond_destroy(&mine.served);
  }
  pthread_mutex_unlock(&lock);
  return object;
}
static void ordered_give(thing *object) {
  pthread_mutex_lock(&lock);
  if (first_turn) {
    first_turn->object = object;
    pthread_cond_signal(&first_turn->served);
    first_turn = first_turn->next;
  } else {
    idle[idle_count++] = object;
  }
  pthread_mutex_unlock(&lock);
}

typedef struct contender {
  const char *name;
  thing *(*take)(void);
  void (*give)(thing *);
  double pairs_per_second[ROUNDS];
} contender;

static void *take_hold_give(void *argument) {
  const contender *self = (const contender *)argument;
  pthread_barrier_wait(&start_line);
  for (long i = 0; i < pairs_each; i++) {
    thing *object = self->take();
    long before;
    int64_t until = now_ns() + 1000;
    CHECK(object);
    before = count_add(&object->owner, 1);
    CHECK(before == 1);
    while (now_ns() < until) {}
    count_add(&object->owner, -1);
    self->give(object);
  }
  pthread_barrier_wait(&start_line);
  return NULL;
}

static double measure(contender *self) {
  pthread_t threads[THREADS];
  int64_t begun, took;
  for (int i = 0; i < THREADS; i++) threads[i] = start_thread(take_hold_give, self);
  pthread_barrier_wait(&start_line);
  begun = now_ns();
  pthread_barrier_wait(&start_line);
  took = now_ns() - begun;
  for (int i = 0; i < THREADS; i++) join_thread(threads[i]);
  return (double)(pairs_each * THREADS) * 1e9 / (double)took;
}

static int compare_doubles(const void *a, const void *b) {
  double first = *(const double *)a, second = *(const double *)b;
  return (first > second) - (first < second);
}

static double median_of(contender *self) {
  qsort(self->pairs_per_second, ROUNDS, sizeof(double), compare_doubles);
  print_message("    %-34s median %8.0f pairs per second (%.0f to %.0f)\n", self->name,
                self->pairs_per_second[ROUNDS / 2], self->pairs_per_second[0], self->pairs_per_second[ROUNDS - 1]);
  return self->pairs_per_second[ROUNDS / 2];
}

static void waiting_pool_keeps_up_with_a_queue_in_the_same_order(void **state) {
  contender contenders[] = {{"objpool", pool_take, pool_give, {0}},
                            {"mutex, condition variable, array", array_take, array_give, {0}},
                            {"the same, first come first served", ordered_take, ordered_give, {0}}};
  double medians[COUNT_OF(contenders)];
  objpool_config config;
  bool keeps_up = false;
  (void)state;
  memset(&config, 0, sizeof config);
  config.max_objects = CAP;
  assert_true(thing_pool_init(&pool, &config));
  for (idle_count = 0; idle_count < CAP; idle_count++) idle[idle_count] = &things[idle_count];
  pairs_each = SCALED(6000L, 1000L, 300L);
  assert_int_equal(pthread_barrier_init(&start_line, NULL, THREADS + 1), 0);
  /* What else runs on the machine may fall on one of them in most rounds: a pool that does not keep up does not in any attempt. */
  for (int attempt = 0; attempt < 3 && !keeps_up; attempt++) {
    for (int round = 0; round < ROUNDS;
         round++) /* interleaved, so that whatever else the machine does meets all of them */
      for (size_t i = 0; i < COUNT_OF(contenders); i++) contenders[i].pairs_per_second[round] = measure(&contenders[i]);
    for (size_t i = 0; i < COUNT_OF(contenders); i++) medians[i] = median_of(&contenders[i]);
    /* Whoever lets late-comers overtake saves a change of threads for each pair, and is faster for it: that figure is printed.
       What is promised is compared with what keeps the same promise. A sanitizer's own cost is not what is compared. */
    keeps_up = medians[0] > medians[2] * 0.6 || SCALED(false, true, true);
  }
  pthread_barrier_destroy(&start_line);
  assert_true(keeps_up);
  assert_true(thing_pool_stats(&pool).created <= CAP);
  assert_int_equal(thing_pool_stats(&pool).in_use, 0);
  thing_pool_destroy(&pool);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(waiting_pool_keeps_up_with_a_queue_in_the_same_order)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
