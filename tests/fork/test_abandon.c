/* A forked child forgets the idle objects whose sockets its parent goes on using: no destroy hook runs, they count as
   extracted, and their memory is the pool's, to be used again. */
#include "support.h"

#include "fork/kinds.h"

typedef struct connection { /* stands for one to a server that is the parent's to end */
  long number, closed, in_hand;
} connection;

static long opened, ended, resets;

static bool open_it(connection *made, void *context) {
  (void)context;
  CHECK(made->number == 0 && made->closed == 0); /* zeroed memory */
  made->number = count_add(&opened, 1);
  return true;
}
static void reset_it(connection *used, void *context) {
  (void)used, (void)context;
  count_add(&resets, 1);
}
static void close_it(connection *ending, void *context) {
  (void)context;
  CHECK(!ending->closed);
  ending->closed = 1;
  count_add(&ended, 1);
}

OBJPOOL_DEFINE(connection_pool, connection, opt.create = open_it, opt.reset = reset_it, opt.destroy = close_it);
OBJPOOL_DEFINE(own_pool, connection, opt.create = open_it, opt.destroy = close_it, opt.local = true);
OBJPOOL_DEFINE(wiped_pool, connection, opt.create = open_it, opt.destroy = close_it, opt.wipe = true);
OBJPOOL_DEFINE(plain_pool, connection);

static long told[OBJPOOL_EVENT_TIMEOUT + 1];
static void is_told(const objpool_event *event, void *user) {
  (void)user;
  count_add(&told[event->kind], (long)event->count);
}
OBJPOOL_DEFINE(watched_pool, connection, opt.on_event = is_told);

static const kind kinds[] = {
    {"cached", 0, 0, 8},
    {"cached, with a cap", 100, 0, 8},
    {"cached, with a cap and one on idle objects", 100, 60, 8},
    {"without caches", 0, 0, OBJPOOL_NO_CACHE},
    {"without caches, with a cap", 100, 60, OBJPOOL_NO_CACHE},
};

static connection_pool pool;
static connection *held[100];
static char output[2000];

static void make(const kind *like) {
  objpool_config config = config_of(like, like->name);
  connection_pool_destroy(&pool); /* of a test that failed */
  CHECK(connection_pool_init(&pool, &config));
  opened = ended = resets = 0;
}

static void pool_has(size_t in_use, size_t idle) {
  objpool_stats stats = connection_pool_stats(&pool);
  CHECK(stats.in_use == in_use && stats.idle == idle);
  CHECK(stats.created - stats.destroyed - stats.extracted == stats.in_use + stats.idle);
}

static void leave_idle(size_t count, size_t in_use) {
  CHECK(connection_pool_acquire_many(&pool, held, count + in_use) == count + in_use);
  connection_pool_release_many(&pool, held + in_use, count);
}

static void abandoned_objects_are_forgotten_without_destroy(void **state) {
  (void)state;
  for (size_t k = 0; k < COUNT_OF(kinds); k++) {
    objpool_stats before, after;
    make(&kinds[k]);
    leave_idle(40, 5);
    resets = 0;
    before = connection_pool_stats(&pool);
    errno = EDOM;
    assert_int_equal(connection_pool_abandon(&pool), 40);
    assert_int_equal(errno, EDOM);
    after = connection_pool_stats(&pool);
    assert_int_equal(count_read(&ended), 0);
    assert_int_equal(count_read(&resets), 0);
    assert_int_equal(after.extracted - before.extracted, 40);
    assert_int_equal(after.destroyed, before.destroyed);
    assert_int_equal(after.releases, before.releases);
    pool_has(5, 0);
    assert_null(connection_pool_try_acquire(&pool));
    assert_int_equal(connection_pool_abandon(&pool), 0);
    connection_pool_release_many(&pool, held, 5); /* what was in use is as before */
    pool_has(0, 5);
    connection_pool_destroy(&pool);
    assert_int_equal(count_read(&ended), 5);
  }
}

static void events_tell_that_objects_are_extracted(void **state) {
  static watched_pool watched;
  (void)state;
  memset(told, 0, sizeof told);
  assert_int_equal(watched_pool_warmup(&watched, 9), 9);
  assert_int_equal(watched_pool_abandon(&watched), 9);
  objpool_stats stats = watched_pool_stats(&watched);
  assert_int_equal(stats.extracted, 9);
  assert_int_equal(count_read(&told[OBJPOOL_EVENT_ACQUIRE]), 0); /* nobody has them */
  assert_int_equal(count_read(&told[OBJPOOL_EVENT_EXTRACT]), 9);
  assert_int_equal(count_read(&told[OBJPOOL_EVENT_DESTROY]), 0);
  watched_pool_destroy(&watched);
}

static void memory_of_abandoned_objects_is_used_again_for_new_ones(void **state) {
  (void)state;
  for (size_t k = 0; k < COUNT_OF(kinds); k++) {
    make(&kinds[k]);
    leave_idle(60, 0);
    uint64_t memory = connection_pool_stats(&pool).memory_bytes;
    for (int i = 0; i < 20; i++) {
      assert_int_equal(connection_pool_abandon(&pool), 60);
      leave_idle(60, 0); /* open_it looks that it is zero again */
      assert_true(connection_pool_stats(&pool).memory_bytes <= memory);
    }
    assert_int_equal(count_read(&opened), 21 * 60);
    assert_int_equal(count_read(&ended), 0);
    pool_has(0, 60);
    connection_pool_destroy(&pool);
    assert_int_equal(count_read(&ended), 60);
  }
}

static void abandoned_objects_leave_room_below_the_limits(void **state) {
  (void)state;
  for (size_t k = 0; k < COUNT_OF(kinds); k++) {
    size_t most = kinds[k].max_idle ? kinds[k].max_idle : 100;
    make(&kinds[k]);
    leave_idle(most, 0);
    assert_int_equal(connection_pool_abandon(&pool), most);
    assert_int_equal(connection_pool_acquire_many(&pool, held, 100), 100); /* the cap, where there is one */
    if (kinds[k].max_objects) {
      assert_null(connection_pool_acquire(&pool));
      assert_int_equal(errno, EAGAIN);
    }
    connection_pool_release_many(&pool, held, 100);
    pool_has(0, most);
    connection_pool_destroy(&pool);
  }
}

static long leave_now, resting;
static void *leave_some_in_a_cache(void *unused) {
  connection *objects[30];
  (void)unused;
  CHECK(connection_pool_acquire_many(&pool, objects, 30) == 30);
  connection_pool_release_many(&pool, objects, 30);
  count_add(&resting, 1);
  WAIT_UNTIL(count_read(&leave_now));
  return NULL;
}

static void objects_in_caches_of_other_threads_are_abandoned_as_well(void **state) {
  (void)state;
  for (size_t k = 0; k < COUNT_OF(kinds); k++) {
    make(&kinds[k]);
    leave_now = resting = 0;
    pthread_t thread = start_thread(leave_some_in_a_cache, NULL);
    WAIT_UNTIL(count_read(&resting));
    assert_int_equal(connection_pool_abandon(&pool), 30);
    pool_has(0, 0);
    count_set(&leave_now, 1);
    join_thread(thread);
    pool_has(0, 0);
    connection_pool_destroy(&pool);
    assert_int_equal(count_read(&ended), 0);
  }
}

static long got_one;
static void *wait_for_one(void *unused) {
  connection *object = connection_pool_acquire_for(&pool, -1);
  (void)unused;
  CHECK(object);
  count_add(&got_one, 1);
  connection_pool_release(&pool, object);
  return NULL;
}

/* A waiter is there only while nothing is idle: abandoning then is harmless, and does not wake or lose it. */
static void abandoning_beside_a_waiter_is_harmless(void **state) {
  (void)state;
  make(&kinds[1]);
  got_one = 0;
  leave_idle(0, 100);
  pthread_t thread = start_thread(wait_for_one, NULL);
  WAIT_UNTIL(connection_pool_stats(&pool).waiting == 1);
  assert_int_equal(connection_pool_abandon(&pool), 0);
  assert_int_equal(count_read(&got_one), 0);
  connection_pool_release(&pool, held[0]);
  join_thread(thread);
  connection_pool_release_many(&pool, held + 1, 99);
  assert_int_equal(connection_pool_abandon(&pool), 100);
  connection_pool_destroy(&pool);
}

/* ---- in a child */

static void forget_and_go_on(void *unused) {
  size_t in_use = 5;
  (void)unused;
  CHECK(connection_pool_abandon(&pool) == 40);
  CHECK(count_read(&ended) == 0);
  pool_has(in_use, 0);
  long before = count_read(&opened);
  connection *mine = connection_pool_acquire(&pool);
  CHECK(mine && mine->number == before + 1); /* its own, and no old one */
  connection_pool_release(&pool, mine);
  for (size_t i = 0; i < in_use; i++) { /* it may give up what it holds as well */
    connection copy = connection_pool_extract(&pool, held[i]);
    CHECK(copy.number && !copy.closed);
  }
  connection_pool_destroy(&pool);
  CHECK(count_read(&ended) == 1);
}

static void child_forgets_what_its_parent_owns_and_the_parent_keeps_it(void **state) {
  (void)state;
  for (size_t k = 0; k < COUNT_OF(kinds); k++) {
    make(&kinds[k]);
    leave_idle(40, 5);
    int status = in_child(forget_and_go_on, NULL, output, sizeof output);
    if (!EXITED_WELL(status)) fail_msg("%s: status %#x: %s", kinds[k].name, (unsigned)status, output);
    pool_has(5, 40);
    assert_int_equal(count_read(&opened), 45);
    connection_pool_release_many(&pool, held, 5);
    connection_pool_destroy(&pool);
    assert_int_equal(count_read(&ended), 45);
  }
}

static void forget_beside_threads_that_stayed_behind(void *unused) {
  (void)unused;
  CHECK(connection_pool_abandon(&pool) == 30);
  pool_has(0, 0);
  CHECK(count_read(&ended) == 0);
  connection_pool_destroy(&pool);
  CHECK(count_read(&ended) == 0);
}

static void child_forgets_what_lay_in_the_caches_of_threads_that_stayed_behind(void **state) {
  (void)state;
  for (size_t k = 0; k < COUNT_OF(kinds); k++) {
    make(&kinds[k]);
    leave_now = resting = 0;
    pthread_t thread = start_thread(leave_some_in_a_cache, NULL);
    WAIT_UNTIL(count_read(&resting));
    int status = in_child(forget_beside_threads_that_stayed_behind, NULL, output, sizeof output);
    if (!EXITED_WELL(status)) fail_msg("%s: status %#x: %s", kinds[k].name, (unsigned)status, output);
    count_set(&leave_now, 1);
    join_thread(thread);
    pool_has(0, 30);
    connection_pool_destroy(&pool);
    assert_int_equal(count_read(&ended), 30);
  }
}

/* ---- other pools, and other ways to say it */

static void local_pools_abandon(void **state) {
  own_pool own;
  (void)state;
  memset(&own, 0, sizeof own);
  opened = ended = 0;
  assert_int_equal(own_pool_warmup(&own, 25), 25);
  assert_int_equal(own_pool_abandon(&own), 25);
  assert_int_equal(own_pool_stats(&own).idle, 0);
  assert_int_equal(own_pool_stats(&own).extracted, 25);
  connection *object = own_pool_acquire(&own);
  assert_int_equal(object->number, 26);
  own_pool_release(&own, object);
  own_pool_destroy(&own);
  assert_int_equal(count_read(&ended), 1);
}

static void wiping_pools_leave_no_byte_of_what_they_abandon(void **state) {
  wiped_pool wiped;
  (void)state;
  memset(&wiped, 0, sizeof wiped);
  opened = ended = 0;
  connection *object = wiped_pool_acquire(&wiped);
  const connection *was = object;
  object->in_hand = 0x5ec2e7;
  wiped_pool_release(&wiped, object);
  long ended_by_release = count_read(&ended);
  (void)wiped_pool_abandon(&wiped); /* a wiping release destroyed it already: there may be nothing to forget */
  assert_int_equal(count_read(&ended), ended_by_release);
#if !ADDRESS_SANITIZED
  assert_int_equal(was->in_hand, 0);
#else
  (void)was;
#endif
  wiped_pool_destroy(&wiped);
}

static void pools_without_hooks_abandon(void **state) {
  plain_pool plain;
  (void)state;
  memset(&plain, 0, sizeof plain);
  assert_int_equal(plain_pool_warmup(&plain, 70), 70);
  assert_int_equal(plain_pool_abandon(&plain), 70);
  assert_int_equal(plain_pool_stats(&plain).extracted, 70);
  connection *object = plain_pool_acquire(&plain);
  assert_int_equal(object->number, 0); /* built anew */
  plain_pool_release(&plain, object);
  plain_pool_destroy(&plain);
}

static void pool_without_its_type_abandons(void **state) {
  (void)state;
  make(&kinds[0]);
  leave_idle(40, 5);
  assert_int_equal(objpool_abandon(&pool.base), 40);
  assert_int_equal(count_read(&ended), 0);
  pool_has(5, 0);
  connection_pool_release_many(&pool, held, 5);
  connection_pool_destroy(&pool);
}

static void nothing_is_abandoned_by_a_pool_that_was_never_used(void **state) {
  static connection_pool unused;
  static objpool raw;
  (void)state;
  assert_int_equal(connection_pool_abandon(&unused), 0);
  assert_int_equal(objpool_abandon(&raw), 0);
  connection_pool_destroy(&unused);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(abandoned_objects_are_forgotten_without_destroy),
      cmocka_unit_test(events_tell_that_objects_are_extracted),
      cmocka_unit_test(memory_of_abandoned_objects_is_used_again_for_new_ones),
      cmocka_unit_test(abandoned_objects_leave_room_below_the_limits),
      cmocka_unit_test(objects_in_caches_of_other_threads_are_abandoned_as_well),
      cmocka_unit_test(abandoning_beside_a_waiter_is_harmless),
      cmocka_unit_test(child_forgets_what_its_parent_owns_and_the_parent_keeps_it),
      cmocka_unit_test(child_forgets_what_lay_in_the_caches_of_threads_that_stayed_behind),
      cmocka_unit_test(local_pools_abandon),
      cmocka_unit_test(wiping_pools_leave_no_byte_of_what_they_abandon),
      cmocka_unit_test(pools_without_hooks_abandon),
      cmocka_unit_test(pool_without_its_type_abandons),
      cmocka_unit_test(nothing_is_abandoned_by_a_pool_that_was_never_used),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
