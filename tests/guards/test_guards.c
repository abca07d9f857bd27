/* Guards: every way out of a scope gives the object back, and a guard can be handed on. (Cancellation: test_cancel.c.) */
#include "support.h"

#define OBJPOOL_PANIC(message) panic_seen(message)
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

typedef struct thing {
  int n;
} thing;

static long resets;
static void count_reset(thing *object, void *context) {
  (void)context;
  errno = EDOM;
  object->n++;
  resets++;
}

OBJPOOL_DEFINE(thing_pool, thing, opt.reset = count_reset);

static thing_pool pool;

static int begin(void **state) {
  objpool_config config;
  (void)state;
  memset(&config, 0, sizeof config);
  config.name = "guarded things";
  config.max_objects = 2;
  resets = 0;
  return thing_pool_init(&pool, &config) ? 0 : -1;
}

static int end(void **state) {
  (void)state;
  thing_pool_destroy(&pool);
  return 0;
}

static uint64_t in_use(void) { return thing_pool_stats(&pool).in_use; }

static void guard_releases_at_the_end_of_the_scope(void **state) {
  (void)state;
  {
    OBJPOOL_SCOPED(thing_pool) guard = thing_pool_guard_acquire(&pool);
    assert_non_null(guard.object);
    assert_ptr_equal(guard.pool, &pool);
    guard.object->n = 1;
    assert_int_equal(in_use(), 1);
    assert_int_equal(resets, 0);
  }
  assert_int_equal(in_use(), 0);
  assert_int_equal(resets, 1);
}

static int leave_early(int where) {
  OBJPOOL_SCOPED(thing_pool) outer = thing_pool_guard_acquire(&pool);
  if (!outer.object) return -1;
  if (where == 1) return 10;
  {
    OBJPOOL_SCOPED(thing_pool) inner = thing_pool_guard_acquire(&pool);
    if (!inner.object) return -1;
    if (where == 2) return (int)in_use(); /* the value is computed before the objects go */
  }
  if (where == 3) return (int)in_use();
  return 0;
}

static void guard_releases_on_early_return(void **state) {
  (void)state;
  assert_int_equal(leave_early(1), 10);
  assert_int_equal(in_use(), 0);
  assert_int_equal(leave_early(2), 2);
  assert_int_equal(in_use(), 0);
  assert_int_equal(leave_early(3), 1);
  assert_int_equal(in_use(), 0);
  assert_int_equal(leave_early(4), 0);
  assert_int_equal(in_use(), 0);
  assert_int_equal(resets, 1 + 2 + 2 + 2);
}

static void guard_releases_on_break_and_continue(void **state) {
  int rounds = 0;
  (void)state;
  for (;;) {
    OBJPOOL_SCOPED(thing_pool) guard = thing_pool_guard_acquire(&pool);
    assert_non_null(guard.object);
    if (++rounds < 5) continue;
    if (rounds == 5) break;
  }
  assert_int_equal(rounds, 5);
  assert_int_equal(resets, 5);
  assert_int_equal(in_use(), 0);
}

static void guard_releases_on_goto(void **state) {
  int rounds = 0;
  (void)state;
again : {
  OBJPOOL_SCOPED(thing_pool) guard = thing_pool_guard_acquire(&pool);
  assert_non_null(guard.object);
  if (++rounds < 4) goto again;
  goto out;
}
out:
  assert_int_equal(rounds, 4);
  assert_int_equal(resets, 4);
  assert_int_equal(in_use(), 0);
}

static void empty_guard_says_why_and_releases_nothing(void **state) {
  thing *objects[2];
  (void)state;
  assert_int_equal(thing_pool_acquire_many(&pool, objects, 2), 2);
  {
    errno = 0;
    OBJPOOL_SCOPED(thing_pool) guard = thing_pool_guard_acquire(&pool);
    assert_int_equal(errno, EAGAIN);
    assert_null(guard.object);
  }
  {
    errno = 0;
    OBJPOOL_SCOPED(thing_pool) guard = thing_pool_guard_acquire_for(&pool, 2000000);
    assert_int_equal(errno, ETIMEDOUT);
    assert_null(guard.object);
  }
  assert_int_equal(thing_pool_stats(&pool).releases, 0);
  thing_pool_release_many(&pool, objects, 2);
}

static void with_runs_its_block_with_an_object_and_releases_it(void **state) {
  int ran = 0, missed = 0;
  (void)state;
  OBJPOOL_WITH(thing_pool, object, &pool) {
    object->n = 1;
    ran++;
    assert_int_equal(in_use(), 1);
  } else {
    missed++;
  }
  assert_int_equal(ran, 1);
  assert_int_equal(missed, 0);
  assert_int_equal(in_use(), 0);
  assert_int_equal(resets, 1);
}

static void with_runs_else_when_there_is_no_object(void **state) {
  thing *objects[2];
  int ran = 0, missed = 0;
  (void)state;
  assert_int_equal(thing_pool_acquire_many(&pool, objects, 2), 2);
  OBJPOOL_WITH(thing_pool, object, &pool) {
    object->n = 1;
    ran++;
  } else {
    missed++;
    assert_int_equal(errno, EAGAIN);
  }
  OBJPOOL_WITH(thing_pool, object, &pool) { /* without else: nothing runs */
    object->n = 1;
    ran++;
  }
  assert_int_equal(ran, 0);
  assert_int_equal(missed, 1);
  assert_int_equal(in_use(), 2);
  thing_pool_release_many(&pool, objects, 2);
}

static void break_and_continue_in_with_end_its_block_only(void **state) {
  int rounds = 0;
  (void)state;
  for (int i = 0; i < 3; i++) {
    OBJPOOL_WITH(thing_pool, object, &pool) {
      object->n = i;
      if (i >= 0) break;
      rounds += 100;
    }
    rounds++;
    assert_int_equal(in_use(), 0);
    OBJPOOL_WITH(thing_pool, object, &pool) {
      object->n = i;
      if (i >= 0) continue;
      rounds += 100;
    }
    rounds++;
    assert_int_equal(in_use(), 0);
  }
  assert_int_equal(rounds, 6);
  assert_int_equal(resets, 6);
}

static int return_from_with(void) {
  OBJPOOL_WITH(thing_pool, object, &pool) {
    object->n = 5;
    return (int)in_use();
  }
  return -1;
}

static void return_and_goto_out_of_with_release(void **state) {
  (void)state;
  assert_int_equal(return_from_with(), 1);
  assert_int_equal(in_use(), 0);
  OBJPOOL_WITH(thing_pool, object, &pool) {
    object->n = 6;
    goto out;
  }
  fail_msg("goto did not leave");
out:
  assert_int_equal(in_use(), 0);
  assert_int_equal(resets, 2);
}

static void with_nests_and_serves_as_the_branch_of_an_if(void **state) {
  int ran = 0;
  (void)state;
  OBJPOOL_WITH(thing_pool, first, &pool) {
    OBJPOOL_WITH(thing_pool, second, &pool) {
      assert_ptr_not_equal(first, second);
      assert_int_equal(in_use(), 2);
      OBJPOOL_WITH(thing_pool, third, &pool) {
        third->n = 0;
      } else {
        ran++;
      }
    }
  }
  if (ran == 1)
    OBJPOOL_WITH(thing_pool, only, &pool) {
      only->n = 0, ran++;
    }
  assert_int_equal(ran, 2);
  assert_int_equal(in_use(), 0);
}

static void early_release_empties_the_guard_and_twice_is_harmless(void **state) {
  (void)state;
  {
    OBJPOOL_SCOPED(thing_pool) guard = thing_pool_guard_acquire(&pool);
    assert_non_null(guard.object);
    thing_pool_guard_release(&guard);
    assert_null(guard.object);
    assert_int_equal(in_use(), 0);
    thing_pool_guard_release(&guard);
    thing_pool_guard_discard(&guard);
  }
  assert_int_equal(thing_pool_stats(&pool).releases, 1);
  assert_int_equal(resets, 1);
}

static void discarded_guard_destroys_its_object(void **state) {
  (void)state;
  {
    OBJPOOL_SCOPED(thing_pool) guard = thing_pool_guard_acquire(&pool);
    assert_non_null(guard.object);
    thing_pool_guard_discard(&guard);
    assert_null(guard.object);
    thing_pool_guard_discard(&guard);
  }
  assert_int_equal(thing_pool_stats(&pool).destroyed, 1);
  assert_int_equal(thing_pool_stats(&pool).invalid, 1);
  assert_int_equal(resets, 0);
}

static void taken_object_belongs_to_the_caller(void **state) {
  thing *object;
  (void)state;
  {
    OBJPOOL_SCOPED(thing_pool) guard = thing_pool_guard_acquire(&pool);
    assert_non_null(guard.object);
    object = thing_pool_guard_take(&guard);
    assert_non_null(object);
    assert_null(guard.object);
    assert_null(thing_pool_guard_take(&guard));
  }
  assert_int_equal(in_use(), 1);
  thing_pool_release(&pool, object);
  assert_int_equal(in_use(), 0);
}

static thing_pool_guard make_guarded(int n) {
  OBJPOOL_SCOPED(thing_pool) guard = thing_pool_guard_acquire(&pool);
  if (guard.object) guard.object->n = n;
  return thing_pool_guard_move(&guard);
}

static void moved_guard_keeps_its_object_beyond_the_function(void **state) {
  (void)state;
  {
    OBJPOOL_SCOPED(thing_pool) guard = make_guarded(12);
    assert_non_null(guard.object);
    assert_int_equal(guard.object->n, 12);
    assert_int_equal(in_use(), 1);
    {
      OBJPOOL_SCOPED(thing_pool) next = thing_pool_guard_move(&guard);
      assert_null(guard.object);
      assert_non_null(next.object);
      assert_int_equal(next.object->n, 12);
    }
    assert_int_equal(in_use(), 0);
  }
  assert_int_equal(thing_pool_stats(&pool).releases, 1);
}

static void extract_through(void *guard, void *value) {
  thing taken = thing_pool_guard_extract((thing_pool_guard *)guard);
  *(thing *)value = taken;
}

static void extract_by_an_empty_guard_panics(void **state) {
  (void)state;
  for (int returns = 0; returns < 2; returns++) {
    thing_pool_guard guard = thing_pool_guard_acquire(&pool), never;
    thing value = {7};
    memset((void *)&never, 0, sizeof never); /* as one in an all-zero structure */
    thing_pool_guard_release(&guard);
    panic_returns = returns;
    assert_true(panics(extract_through, &guard, &value));
    assert_true(strstr(panic_message, "guard") != NULL);
    assert_int_equal(value.n, returns ? 0 : 7);
    assert_true(panics(extract_through, &never, &value));
    panic_returns = false;
    assert_int_equal(thing_pool_stats(&pool).extracted, 0);
    assert_int_equal(thing_pool_stats(&pool).idle, 1);
  }
}

static void extracted_value_leaves_the_pool(void **state) {
  (void)state;
  {
    thing value;
    OBJPOOL_SCOPED(thing_pool) guard = thing_pool_guard_acquire(&pool);
    assert_non_null(guard.object);
    guard.object->n = 31;
    value = thing_pool_guard_extract(&guard);
    assert_int_equal(value.n, 31);
    assert_null(guard.object);
  }
  assert_int_equal(thing_pool_stats(&pool).extracted, 1);
  assert_int_equal(thing_pool_stats(&pool).releases, 0);
  assert_int_equal(resets, 0);
  assert_int_equal(in_use(), 0);
}

static void guard_may_adopt_an_object_and_be_a_member(void **state) {
  struct session {
    int number;
    thing_pool_guard guard;
  } session;
  (void)state;
  {
    thing_pool_guard adopted = {thing_pool_acquire(&pool), &pool};
    OBJPOOL_SCOPED(thing_pool) guard = adopted;
    assert_non_null(guard.object);
    assert_int_equal(in_use(), 1);
  }
  assert_int_equal(in_use(), 0);
  session.number = 1;
  session.guard = thing_pool_guard_acquire(&pool);
  assert_non_null(session.guard.object);
  assert_int_equal(in_use(), 1);
  thing_pool_guard_release(&session.guard);
  assert_int_equal(in_use(), 0);
}

static void ref_and_mut_give_the_object(void **state) {
  (void)state;
  OBJPOOL_SCOPED(thing_pool) guard = thing_pool_guard_acquire(&pool);
  assert_non_null(guard.object);
  thing_pool_guard_mut(&guard)->n = 8;
  assert_int_equal(thing_pool_guard_ref(&guard)->n, 8);
}

static void call_ref(void *guard, void *unused) {
  (void)unused;
  (void)thing_pool_guard_ref((const thing_pool_guard *)guard);
}
static void call_mut(void *guard, void *unused) {
  (void)unused;
  (void)thing_pool_guard_mut((thing_pool_guard *)guard);
}

static void ref_and_mut_panic_on_an_emptied_guard(void **state) {
  thing_pool_guard guard = thing_pool_guard_acquire(&pool);
  (void)state;
  assert_non_null(guard.object);
  assert_false(panics(call_ref, &guard, NULL));
  thing_pool_guard_release(&guard);
  assert_true(panics(call_ref, &guard, NULL));
  assert_non_null(strstr(panic_message, "guarded things"));
  assert_true(panics(call_mut, &guard, NULL));
  assert_non_null(strstr(panic_message, "guarded things"));
}

static void end_of_scope_keeps_errno(void **state) {
  (void)state;
  {
    OBJPOOL_SCOPED(thing_pool) guard = thing_pool_guard_acquire(&pool);
    assert_non_null(guard.object);
    errno = ENOTTY;
  }
  assert_int_equal(errno, ENOTTY);
  OBJPOOL_WITH(thing_pool, object, &pool) {
    object->n = 0;
    errno = ENOTTY;
  }
  assert_int_equal(errno, ENOTTY);
}

static void guarded_acquire_for_waits_for_a_release(void **state) {
  (void)state;
  OBJPOOL_SCOPED(thing_pool) guard = thing_pool_guard_acquire_for(&pool, 0); /* nothing to wait for */
  assert_non_null(guard.object);
  OBJPOOL_SCOPED(thing_pool) second = thing_pool_guard_acquire_for(&pool, -1);
  assert_non_null(second.object);
  errno = 0;
  OBJPOOL_SCOPED(thing_pool) third = thing_pool_guard_acquire_for(&pool, 0);
  assert_null(third.object);
  assert_int_equal(errno, EAGAIN);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(guard_releases_at_the_end_of_the_scope, begin, end),
      cmocka_unit_test_setup_teardown(guard_releases_on_early_return, begin, end),
      cmocka_unit_test_setup_teardown(guard_releases_on_break_and_continue, begin, end),
      cmocka_unit_test_setup_teardown(guard_releases_on_goto, begin, end),
      cmocka_unit_test_setup_teardown(empty_guard_says_why_and_releases_nothing, begin, end),
      cmocka_unit_test_setup_teardown(with_runs_its_block_with_an_object_and_releases_it, begin, end),
      cmocka_unit_test_setup_teardown(with_runs_else_when_there_is_no_object, begin, end),
      cmocka_unit_test_setup_teardown(break_and_continue_in_with_end_its_block_only, begin, end),
      cmocka_unit_test_setup_teardown(return_and_goto_out_of_with_release, begin, end),
      cmocka_unit_test_setup_teardown(with_nests_and_serves_as_the_branch_of_an_if, begin, end),
      cmocka_unit_test_setup_teardown(early_release_empties_the_guard_and_twice_is_harmless, begin, end),
      cmocka_unit_test_setup_teardown(discarded_guard_destroys_its_object, begin, end),
      cmocka_unit_test_setup_teardown(taken_object_belongs_to_the_caller, begin, end),
      cmocka_unit_test_setup_teardown(moved_guard_keeps_its_object_beyond_the_function, begin, end),
      cmocka_unit_test_setup_teardown(extract_by_an_empty_guard_panics, begin, end),
      cmocka_unit_test_setup_teardown(extracted_value_leaves_the_pool, begin, end),
      cmocka_unit_test_setup_teardown(guard_may_adopt_an_object_and_be_a_member, begin, end),
      cmocka_unit_test_setup_teardown(ref_and_mut_give_the_object, begin, end),
      cmocka_unit_test_setup_teardown(ref_and_mut_panic_on_an_emptied_guard, begin, end),
      cmocka_unit_test_setup_teardown(end_of_scope_keeps_errno, begin, end),
      cmocka_unit_test_setup_teardown(guarded_acquire_for_waits_for_a_release, begin, end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
