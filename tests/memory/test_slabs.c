/* Allocators that refuse what is large: memory comes in smaller pieces then, of objects as of what the pool needs besides, and the
   allocator is not asked in vain over and over. */
#include "support.h"

#define OBJPOOL_PANIC(message) panic_seen(message)
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

enum { SLAB = 65536, MANY = 20000 };

static struct slabs {
  long asked, refused, out, bytes;
  size_t largest; /* that it grants */
} slabs;

static void *slab_allocate(size_t size, size_t alignment, void *context) {
  struct slabs *from = (struct slabs *)context;
  void *memory = NULL;
  count_add(&from->asked, 1);
  if (size > from->largest) {
    count_add(&from->refused, 1);
    return NULL;
  }
  if (posix_memalign(&memory, alignment < sizeof(void *) ? sizeof(void *) : alignment, size)) return NULL;
  count_add(&from->out, 1);
  count_add(&from->bytes, (long)size);
  return memory;
}
static void slab_deallocate(void *memory, size_t size, size_t alignment, void *context) {
  struct slabs *from = (struct slabs *)context;
  (void)alignment;
  count_add(&from->out, -1);
  count_add(&from->bytes, -(long)size);
  free(memory);
}

typedef struct page { /* touched at its ends alone: what tests write to is little */
  size_t number;
  char bytes[4096 - 2 * sizeof(size_t)];
  size_t again;
} page;
typedef struct word {
  size_t number;
} word;

static bool page_make(page *made, void *context) {
  (void)context;
  made->number = made->again = 0;
  return true;
}

OBJPOOL_DEFINE(page_pool, page, opt.create = page_make);
OBJPOOL_DEFINE(word_pool, word);

static const size_t cache_sizes[] = {0, OBJPOOL_NO_CACHE, 4, 500};

static objpool_config config_of(size_t cache_size, size_t largest) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  memset(&slabs, 0, sizeof slabs);
  slabs.largest = largest;
  config.cache_size = cache_size;
  config.allocator.allocate = slab_allocate;
  config.allocator.deallocate = slab_deallocate;
  config.allocator.context = &slabs;
  return config;
}

static void pages_come_from_an_allocator_of_slabs(void **state) {
  static page_pool pool;
  static page *pages[MANY];
  (void)state;
  for (size_t i = 0; i < COUNT_OF(cache_sizes); i++)
    for (int capped = 0; capped < 2; capped++) {
      objpool_config config = config_of(cache_sizes[i], SLAB);
      if (capped) config.max_objects = MANY;
      assert_true(page_pool_init(&pool, &config));
      size_t got = page_pool_acquire_many(&pool, pages, MANY);
      if (got != MANY) fail_msg("cache_size %zd: %zu pages, then: %s", (ssize_t)cache_sizes[i], got, strerror(errno));
      for (size_t k = 0; k < MANY; k++) pages[k]->number = pages[k]->again = k;
      for (size_t k = 0; k < MANY; k++) assert_true(pages[k]->number == k && pages[k]->again == k);
      if (slabs.refused > 16)
        fail_msg("cache_size %zd: %ld of %ld calls of the allocator were in vain", (ssize_t)cache_sizes[i],
                 slabs.refused, slabs.asked);
      assert_true(slabs.bytes < (long)MANY * 4096 * 5 / 4); /* and not much memory was wasted in small pieces */
      long asked = slabs.asked;
      page_pool_release_many(&pool, pages, MANY); /* never needs memory */
      assert_int_equal(slabs.asked, asked);
      assert_int_equal(page_pool_stats(&pool).idle, MANY);
      assert_int_equal(page_pool_acquire_many(&pool, pages, MANY), MANY);
      assert_int_equal(slabs.asked, asked);
      assert_int_equal(page_pool_stats(&pool).created, MANY);
      page_pool_release_many(&pool, pages, MANY);
      page_pool_destroy(&pool);
      assert_int_equal(slabs.out, 0);
      assert_int_equal(slabs.bytes, 0);
    }
}

/* For small objects the magazines are as large as they are: each cell has its place in one. The fewer objects a magazine holds, the
   more of them are to be found: the list of where they lie is one piece of memory, and ends such pools before the memory does. */
static void so_do_words(void **state) {
  static word_pool pool;
  enum { WORDS = 10 * MANY };
  static word *words[WORDS];
  (void)state;
  for (size_t i = 0; i < COUNT_OF(cache_sizes); i++) {
    objpool_config config = config_of(cache_sizes[i], SLAB);
    size_t count = cache_sizes[i] == OBJPOOL_NO_CACHE || cache_sizes[i] == 4 ? (size_t)MANY : (size_t)WORDS;
    assert_true(word_pool_init(&pool, &config));
    size_t got = word_pool_acquire_many(&pool, words, count);
    if (got != count) fail_msg("cache_size %zd: %zu words, then: %s", (ssize_t)cache_sizes[i], got, strerror(errno));
    for (size_t k = 0; k < count; k++) words[k]->number = k;
    for (size_t k = 0; k < count; k++) assert_int_equal(words[k]->number, k);
    if (slabs.refused > 16) fail_msg("cache_size %zd: %ld calls in vain", (ssize_t)cache_sizes[i], slabs.refused);
    word_pool_release_many(&pool, words, count);
    assert_int_equal(word_pool_stats(&pool).idle, count);
    word_pool_destroy(&pool);
    assert_int_equal(slabs.out, 0);
  }
}

/* At the end of memory an acquire asks for less and less, and no more than that. */
static void a_refusal_costs_a_few_calls_of_the_allocator(void **state) {
  static page_pool pool;
  static page *pages[MANY];
  (void)state;
  for (size_t i = 0; i < COUNT_OF(cache_sizes); i++) {
    objpool_config config = config_of(cache_sizes[i], SLAB);
    assert_true(page_pool_init(&pool, &config));
    assert_int_equal(page_pool_acquire_many(&pool, pages, 1000), 1000);
    slabs.largest = 0; /* from now on nothing at all */
    size_t count = 1000;
    do slabs.asked = 0;
    while (count < MANY && (pages[count] = page_pool_acquire(&pool)) && ++count); /* what there are cells for */
    assert_true(count < MANY);
    assert_int_equal(errno, ENOMEM);
    assert_in_range(slabs.asked, 1, 12);
    for (int again = 0; again < 3; again++) {
      slabs.asked = 0;
      assert_null(page_pool_acquire(&pool));
      assert_int_equal(errno, ENOMEM);
      assert_in_range(slabs.asked, 1, 8);
    }
    slabs.largest = SLAB; /* there is memory again */
    size_t before = count;
    while (count < before + 1000 && (pages[count] = page_pool_acquire(&pool))) count++;
    assert_int_equal(count, before + 1000);
    page_pool_release_many(&pool, pages, count);
    page_pool_destroy(&pool);
    assert_int_equal(slabs.out, 0);
  }
}

typedef struct crowd {
  page_pool *pool;
  page **pages;
} crowd;
static void *take_a_quarter(void *argument) {
  crowd *mine = (crowd *)argument;
  for (size_t k = 0; k < MANY / 4; k++) {
    CHECK((mine->pages[k] = page_pool_acquire(mine->pool)) != NULL);
    mine->pages[k]->number = k;
  }
  for (size_t k = 0; k < MANY / 4; k++) {
    CHECK(mine->pages[k]->number == k);
    page_pool_release(mine->pool, mine->pages[k]);
  }
  return NULL;
}
static void threads_share_the_slabs(void **state) {
  static page_pool pool;
  static page *pages[MANY];
  (void)state;
  for (size_t i = 0; i < COUNT_OF(cache_sizes); i++) {
    objpool_config config = config_of(cache_sizes[i], SLAB);
    pthread_t threads[4];
    crowd quarters[4];
    assert_true(page_pool_init(&pool, &config));
    for (size_t k = 0; k < 4; k++) {
      quarters[k].pool = &pool;
      quarters[k].pages = pages + k * (MANY / 4);
      threads[k] = start_thread(take_a_quarter, &quarters[k]);
    }
    for (size_t k = 0; k < 4; k++) join_thread(threads[k]);
    assert_true(slabs.refused <= 16);
    assert_int_equal(page_pool_stats(&pool).in_use, 0);
    page_pool_destroy(&pool);
    assert_int_equal(slabs.out, 0);
  }
}

typedef struct message {
  char bytes[64];
} message;
OBJPOOL_DEFINE(message_pool, message);
OBJPOOL_DEFINE(local_message_pool, message, opt.local = true);

/* Many pools hold an object or two: what a pool takes beside them is theirs to pay. */
static void a_first_object_does_not_take_pages(void **state) {
  static message_pool shared;
  static local_message_pool local;
  (void)state;
  message *first = message_pool_acquire(&shared), *own = local_message_pool_acquire(&local);
  assert_non_null(first);
  assert_non_null(own);
  assert_true(message_pool_stats(&shared).memory_bytes <= 11264);
  assert_true(local_message_pool_stats(&local).memory_bytes <= 4352);
  message_pool_release(&shared, first);
  local_message_pool_release(&local, own);
  message_pool_destroy(&shared);
  local_message_pool_destroy(&local);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_first_object_does_not_take_pages),
      cmocka_unit_test(pages_come_from_an_allocator_of_slabs),
      cmocka_unit_test(so_do_words),
      cmocka_unit_test(a_refusal_costs_a_few_calls_of_the_allocator),
      cmocka_unit_test(threads_share_the_slabs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
