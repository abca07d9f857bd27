/* An allocator of the user's own: every block goes back as it came, trim returns what is free, and out of memory at any point
   is the documented error, after which the pool goes on. */
#include "support.h"

#include "objpool.h"

typedef struct thing {
  long owner;
  char text[1016];
} thing;

OBJPOOL_DEFINE(thing_pool, thing);
OBJPOOL_DEFINE(local_pool, thing, opt.local = true);

/* A ledger of what is out. It fails when told to, and when something comes back that did not go out like this. */
typedef struct entry {
  void *memory;
  size_t size, alignment;
} entry;

typedef struct ledger {
  pthread_mutex_t lock;
  entry out[4000];
  size_t count, bytes, largest;
  long calls, fail_from, fail_for; /* calls number fail_from up to fail_from + fail_for fail; 0: none */
  size_t most;                     /* bytes that it has in one piece; 0: no limit */
  bool forbidden;
} ledger;

static ledger book;

static void *book_allocate(size_t size, size_t alignment, void *context) {
  ledger *kept = (ledger *)context;
  void *memory = NULL;
  CHECK(!kept->forbidden);
  CHECK(size > 0);
  CHECK(alignment > 0 && (alignment & (alignment - 1)) == 0);
  pthread_mutex_lock(&kept->lock);
  kept->calls++;
  if (!(kept->fail_from && kept->calls >= kept->fail_from && kept->calls < kept->fail_from + kept->fail_for) &&
      (!kept->most || size <= kept->most) &&
      posix_memalign(&memory, alignment < sizeof(void *) ? sizeof(void *) : alignment, size) == 0) {
    memset(memory, 0xdb, size); /* memory comes with old contents, not zeroed */
    CHECK(kept->count < COUNT_OF(kept->out));
    kept->out[kept->count].memory = memory;
    kept->out[kept->count].size = size;
    kept->out[kept->count++].alignment = alignment;
    kept->bytes += size;
    if (size > kept->largest) kept->largest = size;
  }
  pthread_mutex_unlock(&kept->lock);
  return memory;
}

static void book_deallocate(void *memory, size_t size, size_t alignment, void *context) {
  ledger *kept = (ledger *)context;
  bool found = false;
  pthread_mutex_lock(&kept->lock);
  for (size_t i = 0; i < kept->count && !found; i++) {
    if (kept->out[i].memory != memory) continue;
    CHECK(kept->out[i].size == size);
    CHECK(kept->out[i].alignment == alignment);
    kept->out[i] = kept->out[--kept->count];
    kept->bytes -= size;
    found = true;
  }
  CHECK(found);
  pthread_mutex_unlock(&kept->lock);
  memset(memory, 0xdd, size); /* all of it is ours again */
  free(memory);
}

static objpool_config from_the_book(void) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  memset(&book, 0, sizeof book);
  pthread_mutex_init(&book.lock, NULL);
  config.allocator.allocate = book_allocate;
  config.allocator.deallocate = book_deallocate;
  config.allocator.context = &book;
  return config;
}

static thing_pool pool;

enum { MANY = 500 };
static thing *objects[MANY];

static void every_block_goes_back_as_it_came(void **state) {
  objpool_config config = from_the_book();
  (void)state;
  config.name = "from the book";
  assert_true(thing_pool_init(&pool, &config));
  assert_int_equal(thing_pool_acquire_many(&pool, objects, MANY), MANY);
  for (int i = 0; i < MANY; i++)
    for (size_t k = 0; k < sizeof objects[i]->text; k += 101)
      assert_int_equal(objects[i]->text[k], 0); /* zeroed though the memory was not */
  assert_true(book.bytes >= MANY * sizeof(thing));
  assert_int_equal(thing_pool_stats(&pool).memory_bytes, book.bytes);
  thing_pool_release_many(&pool, objects, MANY);
  thing_pool_destroy(&pool);
  assert_int_equal(book.count, 0);
}

static void destroy_frees_what_is_in_use_too(void **state) {
  objpool_config config = from_the_book();
  (void)state;
  config.on_leak = OBJPOOL_LEAK_IGNORE;
  assert_true(thing_pool_init(&pool, &config));
  assert_int_equal(thing_pool_acquire_many(&pool, objects, MANY), MANY);
  thing_pool_destroy(&pool);
  assert_int_equal(book.count, 0);
}

static void clear_gives_every_free_block_back(void **state) {
  objpool_config config = from_the_book();
  size_t full;
  (void)state;
  assert_true(thing_pool_init(&pool, &config));
  assert_int_equal(thing_pool_acquire_many(&pool, objects, MANY), MANY);
  full = book.bytes;
  thing_pool_release_many(&pool, objects, MANY);
  assert_int_equal(thing_pool_clear(&pool), MANY);
  assert_true(book.bytes + MANY * sizeof(thing) <= full);
  assert_true(book.bytes < 100 * sizeof(thing));
  thing_pool_destroy(&pool);
  assert_int_equal(book.count, 0);
}

/* What a slot had set aside of a block to build in is the last that comes back to it. */
static void block_goes_back_with_the_cells_that_were_set_aside(void **state) {
  objpool_config config = from_the_book();
  size_t full;
  (void)state;
  assert_true(thing_pool_init(&pool, &config));
  objects[0] = thing_pool_acquire(&pool);
  assert_int_equal(thing_pool_clear(&pool), 0); /* no block is free by now */
  objects[1] = thing_pool_acquire(&pool);
  full = book.bytes;
  for (int i = 0; i < 2; i++) thing_pool_discard(&pool, objects[i]);
  assert_int_equal(thing_pool_clear(&pool), 0);
  assert_true(book.bytes + 8 * sizeof(thing) <= full);
  thing_pool_destroy(&pool);
  assert_int_equal(book.count, 0);
}

static void block_with_an_object_in_use_stays(void **state) {
  objpool_config config = from_the_book();
  (void)state;
  assert_true(thing_pool_init(&pool, &config));
  for (size_t kept = 0; kept < MANY; kept += 61) {
    assert_int_equal(thing_pool_acquire_many(&pool, objects, MANY), MANY);
    memset(objects[kept]->text, 7, sizeof objects[kept]->text);
    for (size_t i = 0; i < MANY; i++)
      if (i != kept) thing_pool_release(&pool, objects[i]);
    assert_int_equal(thing_pool_clear(&pool), MANY - 1);
    for (size_t k = 0; k < sizeof objects[kept]->text; k++) assert_int_equal(objects[kept]->text[k], 7);
    assert_int_equal(thing_pool_stats(&pool).memory_bytes, book.bytes);
    thing_pool_release(&pool, objects[kept]);
  }
  thing_pool_destroy(&pool);
  assert_int_equal(book.count, 0);
}

static void memory_is_bounded_however_often_it_grows_and_shrinks(void **state) {
  objpool_config config = from_the_book();
  size_t after_first = 0;
  (void)state;
  assert_true(thing_pool_init(&pool, &config));
  for (int round = 0; round < 50; round++) {
    assert_int_equal(thing_pool_acquire_many(&pool, objects, MANY), MANY);
    thing_pool_release_many(&pool, objects, MANY);
    assert_int_equal(thing_pool_clear(&pool), MANY);
    if (round == 1) after_first = book.bytes;
    if (round > 1) assert_true(book.bytes <= after_first);
  }
  thing_pool_destroy(&pool);
  assert_int_equal(book.count, 0);
}

/* How many blocks it takes to hold MANY objects, and how large the largest is. */
static size_t blocks_with_growth(double factor, size_t *largest) {
  objpool_config config = from_the_book();
  size_t count = 0;
  config.growth_factor = factor;
  assert_true(thing_pool_init(&pool, &config));
  for (int i = 0; i < MANY; i++) {
    objects[i] = thing_pool_acquire(&pool);
    assert_non_null(objects[i]);
  }
  for (size_t i = 0; i < book.count; i++) count += book.out[i].size >= sizeof(thing);
  *largest = book.largest;
  thing_pool_release_many(&pool, objects, MANY);
  thing_pool_destroy(&pool);
  assert_int_equal(book.count, 0);
  return count;
}

static void blocks_grow_by_the_factor(void **state) {
  size_t largest_by_1, largest_by_2, largest_by_4, unset_largest;
  size_t by_1 = blocks_with_growth(1.0, &largest_by_1);
  size_t by_2 = blocks_with_growth(2.0, &largest_by_2);
  size_t by_4 = blocks_with_growth(4.0, &largest_by_4);
  size_t by_default = blocks_with_growth(0.0, &unset_largest);
  (void)state;
  assert_true(by_1 > by_2);
  assert_true(by_2 > by_4);
  assert_true(largest_by_1 < largest_by_2);
  assert_int_equal(by_default, by_2);
  assert_int_equal(unset_largest, largest_by_2);
}

/* What a program does, from init to destroy, with every call's outcome checked against what a failed allocation may do to it. */
static void live_through(long fail_from, long fail_for) {
  objpool_config config = from_the_book();
  thing *held[64];
  size_t count = 0;
  book.fail_from = fail_from;
  book.fail_for = fail_for;
  config.name = "starved";
  config.warmup = 3;
  config.cache_size = 8;
  errno = 0;
  if (!thing_pool_init(&pool, &config)) {
    static thing_pool zero; /* all of it */
    assert_int_equal(errno, ENOMEM);
    assert_memory_equal(&pool, &zero, sizeof zero);
    assert_int_equal(book.count, 0);
    return;
  }
  errno = 0;
  if (!thing_pool_attach(&pool)) assert_int_equal(errno, ENOMEM);
  for (int i = 0; i < 40; i++) {
    errno = 0;
    held[count] = thing_pool_acquire(&pool);
    if (!held[count]) {
      assert_int_equal(errno, ENOMEM);
      continue;
    }
    assert_int_equal(held[count]->owner, 0);
    held[count++]->owner = 1;
  }
  errno = 0;
  { /* what many got is theirs although the rest failed */
    size_t got = thing_pool_acquire_many(&pool, held + count, 20);
    if (got < 20) assert_int_equal(errno, ENOMEM);
    for (size_t i = 0; i < got; i++) {
      assert_int_equal(held[count]->owner, 0);
      held[count++]->owner = 1;
    }
  }
  assert_int_equal(thing_pool_stats(&pool).in_use, count);
  errno = 0;
  if (!thing_pool_resize(&pool, 50, 100)) { /* changes nothing */
    assert_int_equal(errno, ENOMEM);
    assert_int_equal(thing_pool_stats(&pool).max_idle, 0);
  }
  for (size_t i = 0; i < count; i++) held[i]->owner = 0;
  while (count > 0) thing_pool_release(&pool, held[--count]); /* cannot fail */
  assert_int_equal(thing_pool_stats(&pool).in_use, 0);
  (void)thing_pool_trim(&pool, 10);
  assert_true(thing_pool_stats(&pool).idle <= 10);
  (void)thing_pool_warmup(&pool, 20);
  book.fail_from = 0; /* memory is back, and so is everything else */
  assert_int_equal(thing_pool_stats(&pool).idle + thing_pool_warmup(&pool, 20), 20);
  assert_int_equal(thing_pool_acquire_many(&pool, held, 64), 64);
  for (size_t i = 0; i < 64; i++) {
    assert_int_equal(held[i]->owner, 0);
    held[i]->owner = 1;
  }
  for (size_t i = 0; i < 64; i++) held[i]->owner = 0;
  thing_pool_release_many(&pool, held, 64);
  assert_int_equal(thing_pool_stats(&pool).memory_bytes, book.bytes);
  thing_pool_destroy(&pool);
  assert_int_equal(book.count, 0);
}

static void allocation_may_fail_at_any_point(void **state) {
  long calls;
  (void)state;
  live_through(0, 0);
  calls = book.calls;
  assert_true(calls > 3);
  for (long n = 1; n <= calls + 3; n++) {
    live_through(n, 1);      /* once */
    live_through(n, 2);      /* twice */
    live_through(n, 100000); /* from here on */
  }
}

/* With many small magazines, of which a list must grow, too; or with one to each object. */
static void growth_may_fail_at_any_point(void **state) {
  static const size_t cache_sizes[] = {2, OBJPOOL_NO_CACHE};
  (void)state;
  for (size_t c = 0; c < COUNT_OF(cache_sizes); c++)
    for (long n = 0, calls = 0; n <= calls; n++) {
      objpool_config config = from_the_book();
      config.cache_size = cache_sizes[c];
      assert_true(thing_pool_init(&pool, &config));
      book.fail_from = n ? book.calls + n : 0;
      book.fail_for = 100000;
      errno = 0;
      size_t got = thing_pool_acquire_many(&pool, objects, MANY);
      if (got < MANY) assert_int_equal(errno, ENOMEM);
      if (!n) calls = book.calls;
      book.fail_from = 0;
      assert_int_equal(thing_pool_acquire_many(&pool, objects + got, MANY - got), MANY - got);
      thing_pool_release_many(&pool, objects, MANY);
      assert_int_equal(thing_pool_stats(&pool).idle, MANY);
      thing_pool_destroy(&pool);
      assert_int_equal(book.count, 0);
    }
}

/* A refusal is remembered, so that larger pieces are not asked for in vain each time; but not for ever. */
static void takes_many_in_few_pieces(void) {
  long before = book.calls;
  assert_int_equal(thing_pool_acquire_many(&pool, objects, MANY), MANY);
  assert_true(book.calls - before < MANY / 5);
  thing_pool_release_many(&pool, objects, MANY);
  thing_pool_destroy(&pool);
  assert_int_equal(book.count, 0);
}

static void blocks_grow_again_once_there_is_memory(void **state) {
  objpool_config config = from_the_book();
  (void)state;
  assert_true(thing_pool_init(&pool, &config));
  thing_pool_release(&pool, thing_pool_acquire(&pool));
  book.fail_from = book.calls + 1;
  book.fail_for = 100000;
  size_t got = thing_pool_acquire_many(&pool, objects, MANY);
  assert_true(got < MANY); /* not even one object more than had been laid out */
  book.fail_from = 0;
  assert_int_equal(thing_pool_release_all(&pool), got);
  takes_many_in_few_pieces();
}

static void blocks_grow_again_after_some_went_back(void **state) {
  objpool_config config = from_the_book();
  (void)state;
  assert_true(thing_pool_init(&pool, &config));
  book.most = 2 * sizeof(thing); /* one object at a time */
  assert_int_equal(thing_pool_acquire_many(&pool, objects, 20), 20);
  thing_pool_release_many(&pool, objects, 20);
  assert_int_equal(thing_pool_clear(&pool), 20);
  book.most = 0;
  takes_many_in_few_pieces();
}

/* Two threads need a block at once: one has the allocator, the other waits for what it gets, also if the first had grown the pool
   before. */
static long under_way, most_under_way, is_ready, lingers;
static void *linger_and_allocate(size_t size, size_t alignment, void *context) {
  if (count_add(&under_way, 1) > 1) count_set(&most_under_way, 2);
  if (count_read(&lingers) == 1) {
    count_set(&lingers, 2);
    for (int i = 0; i < 200 && count_read(&under_way) < 2; i++) usleep(1000); /* for one that would not wait */
  }
  void *memory = book_allocate(size, alignment, context);
  count_add(&under_way, -1);
  return memory;
}

static void *take_one_meanwhile(void *unused) {
  (void)unused;
  CHECK(thing_pool_acquire(&pool)); /* it has all it needs but objects */
  count_set(&is_ready, 1);
  WAIT_UNTIL(count_read(&lingers) == 2);
  CHECK(thing_pool_acquire(&pool));
  return NULL;
}

static void one_thread_at_a_time_grows_a_pool(void **state) {
  objpool_config config = from_the_book();
  (void)state;
  config.allocator.allocate = linger_and_allocate;
  config.max_objects = 10000; /* so nobody sets cells aside */
  assert_true(thing_pool_init(&pool, &config));
  pthread_t other = start_thread(take_one_meanwhile, NULL);
  WAIT_UNTIL(count_read(&is_ready));
  for (long calls = book.calls; book.calls == calls;) assert_non_null(thing_pool_acquire(&pool));
  count_set(&lingers, 1);
  while (count_read(&lingers) == 1) assert_non_null(thing_pool_acquire(&pool));
  join_thread(other);
  assert_int_equal(count_read(&most_under_way), 0);
  (void)thing_pool_release_all(&pool);
  thing_pool_destroy(&pool);
  assert_int_equal(book.count, 0);
}

static void *release_all(void *unused) {
  (void)unused;
  for (int i = 0; i < MANY; i++) thing_pool_release(&pool, objects[i]);
  return NULL;
}

static void release_allocates_nothing(void **state) {
  objpool_config config = from_the_book();
  const size_t cache_sizes[] = {0, 4, OBJPOOL_NO_CACHE};
  (void)state;
  for (size_t c = 0; c < COUNT_OF(cache_sizes); c++) {
    for (int elsewhere = 0; elsewhere < 2; elsewhere++) {
      config.cache_size = cache_sizes[c];
      assert_true(thing_pool_init(&pool, &config));
      for (int round = 0; round < 3; round++) {
        assert_int_equal(thing_pool_acquire_many(&pool, objects, MANY), MANY);
        book.forbidden = true; /* the allocator now ends the program when called */
        if (elsewhere)
          in_another_thread(release_all, NULL); /* even a thread the pool has never seen */
        else
          (void)release_all(NULL);
        book.forbidden = false;
        assert_int_equal(thing_pool_stats(&pool).idle, MANY);
      }
      thing_pool_destroy(&pool);
      assert_int_equal(book.count, 0);
    }
  }
}

static void attach_says_where_there_is_no_memory_for_a_slot(void **state) {
  objpool_config config = from_the_book();
  (void)state;
  config.cache_size = 4;
  assert_true(thing_pool_init(&pool, &config));
  book.fail_from = book.calls + 1;
  book.fail_for = 100000;
  errno = 0;
  assert_false(thing_pool_attach(&pool));
  assert_int_equal(errno, ENOMEM);
  book.fail_from = 0;
  assert_true(thing_pool_attach(&pool));
  thing_pool_destroy(&pool);
  assert_int_equal(book.count, 0);
}

static void *attach_and_use_without_allocating(void *unused) {
  thing *object;
  (void)unused;
  book.forbidden = false;
  CHECK(thing_pool_attach(&pool));
  book.forbidden = true;
  for (int i = 0; i < 100; i++) {
    object = thing_pool_acquire(&pool);
    CHECK(object);
    thing_pool_release(&pool, object);
    object = thing_pool_try_acquire(&pool);
    CHECK(object);
    thing_pool_release(&pool, object);
  }
  book.forbidden = false;
  return NULL;
}

static void attached_thread_needs_no_allocation_for_what_is_idle(void **state) {
  objpool_config config = from_the_book();
  const size_t cache_sizes[] = {0, 4, OBJPOOL_NO_CACHE};
  (void)state;
  for (size_t c = 0; c < COUNT_OF(cache_sizes); c++) {
    config.cache_size = cache_sizes[c];
    config.warmup = 20;
    assert_true(thing_pool_init(&pool, &config));
    in_another_thread(attach_and_use_without_allocating, NULL);
    (void)attach_and_use_without_allocating(NULL);
    thing_pool_destroy(&pool);
    assert_int_equal(book.count, 0);
  }
}

static void local_pool_uses_the_allocator_too(void **state) {
  static local_pool local;
  objpool_config config = from_the_book();
  (void)state;
  assert_true(local_pool_init(&local, &config));
  assert_int_equal(local_pool_acquire_many(&local, objects, MANY), MANY);
  assert_true(book.bytes >= MANY * sizeof(thing));
  book.forbidden = true;
  local_pool_release_many(&local, objects, MANY);
  book.forbidden = false;
  assert_int_equal(local_pool_stats(&local).memory_bytes, book.bytes);
  assert_int_equal(local_pool_clear(&local), MANY);
  assert_true(book.bytes < 100 * sizeof(thing));
  local_pool_destroy(&local);
  assert_int_equal(book.count, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_block_goes_back_as_it_came),
      cmocka_unit_test(destroy_frees_what_is_in_use_too),
      cmocka_unit_test(clear_gives_every_free_block_back),
      cmocka_unit_test(block_goes_back_with_the_cells_that_were_set_aside),
      cmocka_unit_test(block_with_an_object_in_use_stays),
      cmocka_unit_test(memory_is_bounded_however_often_it_grows_and_shrinks),
      cmocka_unit_test(blocks_grow_by_the_factor),
      cmocka_unit_test(allocation_may_fail_at_any_point),
      cmocka_unit_test(growth_may_fail_at_any_point),
      cmocka_unit_test(blocks_grow_again_once_there_is_memory),
      cmocka_unit_test(blocks_grow_again_after_some_went_back),
      cmocka_unit_test(one_thread_at_a_time_grows_a_pool),
      cmocka_unit_test(release_allocates_nothing),
      cmocka_unit_test(attach_says_where_there_is_no_memory_for_a_slot),
      cmocka_unit_test(attached_thread_needs_no_allocation_for_what_is_idle),
      cmocka_unit_test(local_pool_uses_the_allocator_too),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
