/* The peak of idle in a bounded pool whose objects lie in one thread's slot: that thread looks for it after its release, and here
   another uses the pool before each access of this look. */
#include "support.h"

static void (*meanwhile)(void); /* what the other thread does; NULL: nothing */
static unsigned accesses;       /* until then */
static pthread_t other;
static void stop_before(const char *function);

#define __atomic_load_n(word, ...) (stop_before(__func__), __atomic_load_n(word, __VA_ARGS__))
#define OBJPOOL_IMPLEMENTATION
#include "pools.h"
#undef __atomic_load_n

typedef struct thing {
  long number;
} thing;

MAKES_BY_HOOK(thing)
OBJPOOL_DEFINE(thing_pool, thing, opt.create = make_thing);

enum { ALL = OBJPOOL__WORD_BITS + 1 };

static thing_pool pool;
static thing *held[ALL]; /* the last one has no place */

static gate has_done, may_end;

static void *run(void *call) {
  (*(void (**)(void))call)();
  gate_open(&has_done);
  gate_wait(&may_end); /* with its slot as it is */
  return NULL;
}

static void stop_before(const char *function) {
  if (!meanwhile || strcmp(function, "objpool__bounded_idle_peak") != 0 || accesses-- > 0) return;
  static void (*call)(void);
  call = meanwhile;
  meanwhile = NULL;
  other = start_thread(run, &call);
  gate_wait(&has_done);
}

static bool begins_alone(void) {
  objpool_config config = defaults();
  config.max_objects = 12;
  config.on_leak = OBJPOOL_LEAK_IGNORE;
  memset(&pool, 0, sizeof pool);
  assert_true(thing_pool_init(&pool, &config));
  assert_true(thing_pool_resize(&pool, OBJPOOL_UNCHANGED, ALL));
  for (size_t i = 0; i < ALL; i++) assert_non_null(held[i] = thing_pool_acquire(&pool));
  thing_pool_release(&pool, held[0]);
  assert_ptr_equal(thing_pool_acquire(&pool), held[0]); /* out of the word: the slot opens */
  return pool.base.state->word->lone;
}

/* The thread that is alone gives two back. Before the n-th access of its look, after the second one, the other does `what`. */
static void two_become_idle_and_are_the_peak(void (*what)(void)) {
  bool came = true;
  gate_make(&has_done);
  gate_make(&may_end);
  for (unsigned n = 0; came; n++) {
    if (!begins_alone()) skip(); /* no barriers here */
    thing_pool_release(&pool, held[0]);
    accesses = n;
    meanwhile = what;
    thing_pool_release(&pool, held[1]);
    came = !meanwhile;
    meanwhile = NULL;
    assert_true(came || n > 3); /* there is a look, of some accesses */
    if (came) {
      assert_int_equal(thing_pool_stats(&pool).peak_idle, 2);
      gate_open(&may_end);
      join_thread(other);
    }
    thing_pool_destroy(&pool);
  }
  gate_close(&has_done);
  gate_close(&may_end);
}

static void take_one_and_close(void) {
  CHECK(thing_pool_acquire(&pool));
  CHECK(thing_pool_trim(&pool, ALL) == 0); /* nothing; it closes every slot */
}

static void peak_counts_when_the_slot_was_closed_before_the_look(void **state) {
  (void)state;
  two_become_idle_and_are_the_peak(take_one_and_close);
}

/* At most two are idle. In the end it is the one without a place, and the other thread has a slot as this one had. */
static void take_two_and_give_another(void) {
  thing *second;
  CHECK(thing_pool_acquire(&pool));
  CHECK(second = thing_pool_acquire(&pool));
  thing_pool_release(&pool, held[ALL - 1]);
  thing_pool_release(&pool, second);
  CHECK(thing_pool_acquire(&pool) == second);
  CHECK(pool.base.state->word->lone);
}

static void what_was_taken_out_of_a_closed_slot_is_no_peak_with_what_came_after(void **state) {
  (void)state;
  two_become_idle_and_are_the_peak(take_two_and_give_another);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(peak_counts_when_the_slot_was_closed_before_the_look),
      cmocka_unit_test(what_was_taken_out_of_a_closed_slot_is_no_peak_with_what_came_after),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
