/* Timed pools: objects that are old, were idle for long, or are outdated by refresh. Time stands still here unless a test moves it, and the
   coarse clock has ticks of 4 ms. */
#include "support.h"

static long moved_ms, coarse_reads, fine_reads;
static long fine_is_real; /* where threads run: they sleep until a time of the fine clock */

static int clock_that_is_moved(clockid_t clock, struct timespec *now) {
  int64_t ns = INT64_C(1000000000000) + (int64_t)count_read(&moved_ms) * 1000000;
  bool coarse = clock != CLOCK_MONOTONIC;
  count_add(coarse ? &coarse_reads : &fine_reads, 1);
  if (!coarse && count_read(&fine_is_real)) return clock_gettime(clock, now);
  if (coarse) ns -= ns % 4000000;
  now->tv_sec = (time_t)(ns / 1000000000);
  now->tv_nsec = (long)(ns % 1000000000);
  return 0;
}
#define clock_gettime(clock, now) clock_that_is_moved(clock, now)
#define OBJPOOL_PANIC(message) panic_seen(message)
#define OBJPOOL_IMPLEMENTATION
#include "pools.h"
#undef clock_gettime

enum { MANY = 40, HOUR_S = 3600 };

typedef struct conn {
  long number; /* in the order of their building */
} conn;

static long created, refused, validated, reset_count, gone_count, gone[4 * MANY];

static void pass_ms(long ms) { count_add(&moved_ms, ms); }
static void pass_s(long s) { pass_ms(1000 * s); }

static bool conn_open(conn *opened, void *context) {
  (void)context;
  if (count_read(&refused)) return false;
  opened->number = count_add(&created, 1);
  return true;
}
static bool conn_ping(conn *pinged, void *context) {
  (void)pinged, (void)context;
  count_add(&validated, 1);
  return true;
}
static void conn_rollback(conn *rolled, void *context) {
  (void)rolled, (void)context;
  count_add(&reset_count, 1);
}
static void conn_close(conn *closed, void *context) {
  (void)context;
  long n = count_add(&gone_count, 1) - 1;
  if (n < 4 * MANY) gone[n] = closed->number;
}

#define HOOKS opt.timed = true, opt.create = conn_open, opt.destroy = conn_close
OBJPOOL_DEFINE(shared_pool, conn, HOOKS);
OBJPOOL_DEFINE(local_pool, conn, HOOKS, opt.local = true);
OBJPOOL_DEFINE(handled_pool, conn, HOOKS, opt.handles = true);
OBJPOOL_DEFINE(choosy_pool, conn, HOOKS, opt.reset = conn_rollback, opt.validate = conn_ping, opt.validate_on = OBJPOOL_ON_ACQUIRE);
OBJPOOL_DEFINE(choosy_local_pool, conn, HOOKS, opt.local = true, opt.validate = conn_ping, opt.validate_on = OBJPOOL_ON_ACQUIRE);
OBJPOOL_DEFINE(checked_pool, conn, HOOKS, opt.validate = conn_ping, opt.validate_on = OBJPOOL_ON_MAINTAIN);
OBJPOOL_DEFINE(wiping_pool, conn, HOOKS, opt.wipe = true);
OBJPOOL_DEFINE(bare_pool, conn, opt.timed = true);
OBJPOOL_DEFINE(plain_pool, conn);

static long shrinks, shrunk; /* how often something went, and how many */
static void note_shrinks(const objpool_event *event, void *context) {
  (void)context;
  if (event->kind != OBJPOOL_EVENT_SHRINK) return;
  count_add(&shrinks, 1);
  count_add(&shrunk, (long)event->count);
}
OBJPOOL_DEFINE(seen_pool, conn, HOOKS, opt.on_event = note_shrinks);

static objpool raw; /* without its type */

/* A pool, by its own inline functions. */
#define USE(P)                                                                               \
  static P P##_one;                                                                          \
  static conn *P##_take(void) { return P##_acquire(&P##_one); }                              \
  static void P##_put(conn *object) { P##_release(&P##_one, object); }                       \
  static bool P##_begin(const objpool_config *config) { return P##_init(&P##_one, config); } \
  static size_t P##_renew(void) { return P##_refresh(&P##_one); }
#define USED(P) &P##_one.base, P##_begin, P##_take, P##_put, P##_renew
USE(shared_pool)
USE(local_pool)
USE(handled_pool)
USE(choosy_pool)
USE(choosy_local_pool)

static bool open_raw(void *object, void *context) { return conn_open((conn *)object, context); }
static void close_raw(void *object, void *context) { conn_close((conn *)object, context); }
static bool raw_begin(const objpool_config *config) {
  objpool_type type;
  memset((void *)&type, 0, sizeof type);
  type.size = sizeof(conn);
  type.alignment = __alignof__(conn);
  type.create = open_raw;
  type.destroy = close_raw;
  type.timed = true;
  return objpool_init(&raw, &type, config);
}
static conn *raw_take(void) { return (conn *)objpool_acquire(&raw); }
static void raw_put(conn *object) { objpool_release(&raw, object); }
static size_t raw_renew(void) { return objpool_refresh(&raw); }

/* Each promise holds for each of these. */
static struct kind {
  const char *name;
  size_t cache_size, max_objects;
  objpool *pool;
  bool (*begin)(const objpool_config *config);
  conn *(*take)(void);
  void (*put)(conn *object);
  size_t (*renew)(void);
} kinds[] = {
    {"cached", 8, 0, USED(shared_pool)},
    {"cached, large caches", 8 * MANY, 0, USED(shared_pool)},
    {"cached and capped", 8, 2 * MANY, USED(shared_pool)},
    {"uncached", OBJPOOL_NO_CACHE, 0, USED(shared_pool)},
    {"uncached and of few", OBJPOOL_NO_CACHE, MANY, USED(shared_pool)},
    {"local", 0, 0, USED(local_pool)},
    {"local and capped", 0, 2 * MANY, USED(local_pool)},
    {"with handles", 8, 0, USED(handled_pool)},
    {"with handles, uncached", OBJPOOL_NO_CACHE, MANY, USED(handled_pool)},
    {"without the type", 8, 0, &raw, raw_begin, raw_take, raw_put, raw_renew},
    {"without the type, uncached", OBJPOOL_NO_CACHE, MANY, &raw, raw_begin, raw_take, raw_put, raw_renew},
};
enum { KINDS = COUNT_OF(kinds) };

static objpool_config config_of(const struct kind *kind) {
  objpool_config config = defaults();
  config.cache_size = kind->cache_size;
  config.max_objects = kind->max_objects;
  config.ignore_pressure = true;
  return config;
}

static void begin(const struct kind *kind, const objpool_config *config) {
  count_set(&created, 0);
  count_set(&refused, 0);
  count_set(&gone_count, 0);
  count_set(&validated, 0);
  assert_true(kind->begin(config));
}

/* What is left is counted, and goes. */
static void end(const struct kind *kind) {
  objpool_stats stats = objpool_snapshot(kind->pool);
  counts_add_up(&stats);
  objpool_destroy(kind->pool);
  assert_int_equal(count_read(&gone_count), count_read(&created));
}

static size_t expired(const struct kind *kind) { return (size_t)objpool_snapshot(kind->pool).expired; }

/* So many in use, in the order of their building. */
static void take_some(const struct kind *kind, conn **held, size_t count) {
  for (size_t i = 0; i < count; i++) assert_non_null(held[i] = kind->take());
}
static void put_some(const struct kind *kind, conn **held, size_t count) {
  for (size_t i = 0; i < count; i++) kind->put(held[i]);
}

#define EACH_KIND(kind) \
  for (const struct kind *kind = kinds; kind < kinds + KINDS && (print_message("    %s\n", kind->name), true); kind++)

static void what_is_too_old_dies_at_its_release_though_nobody_maintains(void **state) {
  (void)state;
  EACH_KIND(kind) {
    objpool_config config = config_of(kind);
    config.max_lifetime_ns = (uint64_t)OBJPOOL_SECONDS(HOUR_S);
    begin(kind, &config);
    conn *held = kind->take();
    pass_s(HOUR_S + 1);
    assert_int_equal(count_read(&gone_count), 0); /* an object in use is never taken */
    errno = 77;
    kind->put(held);
    assert_int_equal(errno, 77);
    assert_int_equal(count_read(&gone_count), 1);
    objpool_stats stats = objpool_snapshot(kind->pool);
    assert_int_equal(stats.expired, 1);
    assert_int_equal(stats.destroyed, 1);
    assert_int_equal(stats.invalid, 0);
    assert_int_equal(stats.releases, 1);
    assert_int_equal(stats.idle + stats.in_use, 0);
    held = kind->take();
    kind->put(held); /* as new as its building */
    assert_int_equal(objpool_snapshot(kind->pool).idle, 1);
    end(kind);
  }
}

static void what_is_too_old_is_not_handed_out(void **state) {
  (void)state;
  EACH_KIND(kind) {
    objpool_config config = config_of(kind);
    config.max_lifetime_ns = (uint64_t)OBJPOOL_SECONDS(HOUR_S);
    begin(kind, &config);
    conn *held[3];
    take_some(kind, held, 3);
    put_some(kind, held, 2);
    pass_s(HOUR_S + 1);
    assert_null(objpool_try_acquire(kind->pool));
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(expired(kind), 2);
    conn *next = kind->take();
    assert_int_equal(next->number, 4);
    assert_int_equal(objpool_snapshot(kind->pool).misses, 4);
    kind->put(held[2]);
    kind->put(next);
    assert_int_equal(expired(kind), 3);
    assert_int_equal(objpool_snapshot(kind->pool).idle, 1);
    assert_int_equal(kind->take()->number, 4);
    kind->put(next);
    end(kind);
  }
}

static void maintenance_destroys_what_is_too_old_and_refills_to_min_idle(void **state) {
  (void)state;
  EACH_KIND(kind) {
    objpool_config config = config_of(kind);
    config.max_lifetime_ns = (uint64_t)OBJPOOL_SECONDS(HOUR_S);
    config.warmup = 5;
    config.min_idle = 3;
    config.shrink_threshold = 1;
    begin(kind, &config);
    pass_s(HOUR_S / 2);
    assert_int_equal(objpool_maintain(kind->pool), 0);
    pass_s(HOUR_S / 2 + 1);
    assert_int_equal(objpool_maintain(kind->pool), 5 + 3);
    assert_int_equal(expired(kind), 5);
    assert_int_equal(objpool_snapshot(kind->pool).idle, 3);
    assert_int_equal(objpool_maintain(kind->pool), 0);
    end(kind);
  }
}

static void lives_end_at_different_times_a_fortieth_early_at_most(void **state) {
  (void)state;
  EACH_KIND(kind) {
    objpool_config config = config_of(kind);
    config.max_lifetime_ns = (uint64_t)OBJPOOL_SECONDS(1000);
    config.shrink_threshold = 1; /* nor is anything given back for want of demand */
    begin(kind, &config);
    conn *held[MANY];
    take_some(kind, held, MANY);
    put_some(kind, held, MANY);
    pass_s(974);
    (void)objpool_maintain(kind->pool);
    assert_int_equal(expired(kind), 0);
    for (size_t second = 975, before = 0; second <= 1001; second++) {
      pass_s(1);
      (void)objpool_maintain(kind->pool);
      size_t now = expired(kind);
      assert_true(now - before <= 5); /* of 40 in 25 seconds */
      before = now;
    }
    assert_int_equal(expired(kind), MANY);
    end(kind);
  }
}

static void of_five_one_is_used_and_four_go(void **state) {
  (void)state;
  for (int learned = 0; learned < 2; learned++) EACH_KIND(kind) {
      objpool_config config = config_of(kind);
      config.idle_timeout_ns = (uint64_t)OBJPOOL_SECONDS(600);
      if (learned) config.max_objects = 5;
      begin(kind, &config);
      if (learned) (void)objpool_maintain(kind->pool); /* it sees the demand rise, and would create more ahead */
      conn *held[5];
      take_some(kind, held, 5);
      put_some(kind, held, 5);
      for (int quarter = 0; quarter < 12; quarter++) {
        pass_s(150);
        conn *used = kind->take();
        assert_int_equal(used->number, 5); /* the newest */
        kind->put(used);
        (void)objpool_maintain(kind->pool);
        assert_int_equal(expired(kind), quarter < 4 ? 0 : 4);
      }
      objpool_stats stats = objpool_snapshot(kind->pool);
      assert_int_equal(stats.created, 5);
      assert_int_equal(stats.idle, 1);
      for (int i = 0; i < 4; i++) assert_int_equal(gone[i], i + 1);
      end(kind);
    }
}

static void the_longest_idle_go_first_and_min_idle_stay(void **state) {
  (void)state;
  EACH_KIND(kind) {
    objpool_config config = config_of(kind);
    config.idle_timeout_ns = (uint64_t)OBJPOOL_SECONDS(600);
    config.min_idle = 3;
    begin(kind, &config);
    static const int order[8] = {4, 1, 7, 0, 6, 2, 5, 3};
    conn *held[8];
    take_some(kind, held, 8);
    for (int i = 0; i < 8; i++, pass_s(1)) kind->put(held[order[i]]);
    pass_s(600 - 8); /* the first has been idle for just as long */
    assert_int_equal(objpool_maintain(kind->pool), 0);
    pass_ms(1500);
    assert_int_equal(objpool_maintain(kind->pool), 2);
    pass_s(600);
    assert_int_equal(objpool_maintain(kind->pool), 3);
    assert_int_equal(expired(kind), 5);
    for (int i = 0; i < 5; i++) assert_int_equal(gone[i], order[i] + 1);
    assert_int_equal(objpool_maintain(kind->pool), 0);
    for (int i = 7; i >= 5; i--) { /* the newest first, also after that */
      held[i] = kind->take();
      assert_int_equal(held[i]->number, order[i] + 1);
    }
    put_some(kind, held + 5, 3);
    end(kind);
  }
}

struct put_by {
  const struct kind *kind;
  conn *object;
};
static void *put_one(void *argument) {
  const struct put_by *job = (const struct put_by *)argument;
  job->kind->put(job->object);
  return NULL;
}

static void the_longest_idle_go_first_whichever_thread_gave_them_back(void **state) {
  (void)state;
  EACH_KIND(kind) {
    objpool_config config = config_of(kind);
    config.idle_timeout_ns = (uint64_t)OBJPOOL_SECONDS(600);
    begin(kind, &config);
    conn *held[9];
    take_some(kind, held, 9);
    for (int i = 0; i < 9; i++, pass_s(1)) {
      struct put_by job = {kind, held[i]};
      if (i % 3 == 1 && kind->pool != &local_pool_one.base)
        in_another_thread(put_one, &job); /* what it had lies elsewhere */
      else
        (void)put_one(&job);
    }
    pass_s(600);
    assert_int_equal(objpool_maintain_some(kind->pool, 5), 5);
    assert_int_equal(objpool_maintain(kind->pool), 4);
    for (int i = 0; i < 9; i++) assert_int_equal(gone[i], i + 1);
    end(kind);
  }
}

static void what_min_idle_spared_goes_when_there_are_more(void **state) {
  (void)state;
  EACH_KIND(kind) {
    objpool_config config = config_of(kind);
    config.idle_timeout_ns = (uint64_t)OBJPOOL_SECONDS(600);
    config.min_idle = 3;
    begin(kind, &config);
    conn *held[4];
    take_some(kind, held, 4);
    put_some(kind, held, 4);
    pass_s(601);
    assert_int_equal(objpool_maintain(kind->pool), 1);
    pass_s(300);
    assert_int_equal(objpool_maintain(kind->pool), 0);
    assert_int_equal(objpool_warmup(kind->pool, 5), 2);
    assert_int_equal(objpool_maintain(kind->pool), 2);
    for (int i = 0; i < 3; i++) assert_int_equal(gone[i], i + 1);
    assert_int_equal(objpool_maintain(kind->pool), 0);
    end(kind);
  }
}

static void maintain_some_destroys_so_many_longest_idle_first(void **state) {
  (void)state;
  EACH_KIND(kind) {
    objpool_config config = config_of(kind);
    config.idle_timeout_ns = (uint64_t)OBJPOOL_SECONDS(600);
    begin(kind, &config);
    conn *held[MANY];
    take_some(kind, held, MANY);
    for (int i = 0; i < MANY; i++, pass_s(1)) kind->put(held[i]);
    pass_s(600);
    for (size_t left = MANY; left > 0; left -= 8) {
      assert_int_equal(objpool_maintain_some(kind->pool, 8), 8);
      assert_int_equal(objpool_snapshot(kind->pool).idle, left - 8);
    }
    for (int i = 0; i < MANY; i++) assert_int_equal(gone[i], i + 1);
    assert_int_equal(objpool_maintain_some(kind->pool, 8), 0);
    end(kind);
  }
}

static void a_timeout_is_all_by_which_maintenance_gives_back(void **state) {
  (void)state;
  EACH_KIND(kind) {
    objpool_config config = config_of(kind);
    config.idle_timeout_ns = (uint64_t)OBJPOOL_SECONDS(600);
    begin(kind, &config);
    conn *held[MANY];
    take_some(kind, held, MANY);
    put_some(kind, held, MANY);
    objpool_stats before = objpool_snapshot(kind->pool);
    for (int i = 0; i < 60; i++) {
      pass_s(9);
      assert_int_equal(objpool_maintain(kind->pool), 0);
    }
    objpool_stats after = objpool_snapshot(kind->pool);
    assert_int_equal(after.idle, MANY);
    assert_int_equal(after.revocations, before.revocations); /* nor did it look */
    end(kind);
  }
}

static void what_comes_back_shortly_before_its_end_goes_then(void **state) {
  (void)state;
  EACH_KIND(kind) {
    objpool_config config = config_of(kind);
    config.max_lifetime_ns = (uint64_t)OBJPOOL_SECONDS(1000);
    config.shrink_threshold = 1;
    begin(kind, &config);
    conn *held[2]; /* of the first the life is not shortened, of the second by 15 seconds */
    take_some(kind, held, 2);
    kind->put(held[1]);
    pass_s(985);
    (void)objpool_maintain(kind->pool); /* which looks through what is idle */
    assert_int_equal(expired(kind), 1);
    pass_s(5);
    kind->put(held[0]);
    pass_s(10);
    (void)objpool_maintain(kind->pool);
    assert_int_equal(expired(kind), 1);
    pass_s(1);
    (void)objpool_maintain(kind->pool);
    assert_int_equal(expired(kind), 2);
    end(kind);
  }
}

static long clock_reads(void) { return count_read(&coarse_reads) + count_read(&fine_reads); }

static void having_looked_it_does_not_look_again_before_something_is_due(void **state) {
  (void)state;
  EACH_KIND(kind) {
    objpool_config config = config_of(kind);
    config.idle_timeout_ns = (uint64_t)OBJPOOL_SECONDS(600);
    begin(kind, &config);
    conn *held[2];
    take_some(kind, held, 2);
    kind->put(held[0]);
    pass_s(300);
    kind->put(held[1]);
    long before = clock_reads();
    assert_int_equal(objpool_maintain(kind->pool), 0);
    long for_nothing = clock_reads() - before;
    pass_s(301);
    before = clock_reads();
    assert_int_equal(objpool_maintain(kind->pool), 1);
    assert_true(clock_reads() - before > for_nothing); /* a look reads the clock once more */
    before = clock_reads();
    assert_int_equal(objpool_maintain(kind->pool), 0);
    assert_int_equal(clock_reads() - before, for_nothing);
    end(kind);
  }
}

static void with_a_timeout_nothing_is_created_only_to_be_idle(void **state) {
  (void)state;
  EACH_KIND(kind) {
    objpool_config config = config_of(kind);
    config.idle_timeout_ns = (uint64_t)OBJPOOL_SECONDS(600);
    begin(kind, &config);
    conn *held[8];
    take_some(kind, held, 8);
    for (int i = 0; i < 40; i++) {
      assert_int_equal(objpool_maintain(kind->pool), 0); /* no spare one, that would come and go */
      pass_s(100);
    }
    put_some(kind, held, 8);
    end(kind);
  }
}

/* Whatever was needed before that: all the time that those were idle, no more was. */
static void what_was_idle_for_too_long_is_not_created_anew(void **state) {
  enum { NEEDED = 12, STILL = 2, MORE = 3, MISSED = 6, BACK = 3 };
  (void)state;
  EACH_KIND(kind) {
    objpool_config config = config_of(kind);
    config.idle_timeout_ns = (uint64_t)OBJPOOL_SECONDS(600);
    begin(kind, &config);
    conn *held[NEEDED + MISSED];
    take_some(kind, held, NEEDED);
    for (int i = 0; i < 40; i++) assert_int_equal(objpool_maintain(kind->pool), 0);
    put_some(kind, held + STILL, NEEDED - STILL);
    assert_int_equal(objpool_maintain(kind->pool), 0);
    pass_s(500);
    take_some(kind, held + STILL, MORE); /* as many more than in the tick before */
    pass_s(200);
    assert_int_equal(objpool_maintain(kind->pool), NEEDED - STILL - MORE);
    assert_int_equal(count_read(&created), NEEDED);
    take_some(kind, held + STILL + MORE, MISSED); /* which were not there */
    put_some(kind, held + STILL + MORE, BACK);
    pass_s(500);
    put_some(kind, held + STILL + MORE + BACK, MISSED - BACK);
    pass_s(200);
    assert_int_equal(objpool_maintain(kind->pool), BACK);
    assert_int_equal(count_read(&created), NEEDED + MISSED);
    assert_int_equal(objpool_snapshot(kind->pool).idle, MISSED - BACK);
    put_some(kind, held, STILL + MORE);
    pass_s(700);
    assert_int_equal(objpool_maintain(kind->pool), STILL + MORE + MISSED - BACK);
    assert_int_equal(count_read(&created), NEEDED + MISSED);
    end(kind);
  }
}

static void objects_without_hooks_age_too(void **state) {
  (void)state;
  static bare_pool bare;
  for (int cached = 0; cached < 2; cached++) {
    objpool_config config = defaults();
    config.max_lifetime_ns = (uint64_t)OBJPOOL_SECONDS(HOUR_S);
    if (!cached) config.cache_size = OBJPOOL_NO_CACHE;
    assert_true(bare_pool_init(&bare, &config));
    conn *held[4 * MANY];
    for (int i = 0; i < 4 * MANY; i++) assert_non_null(held[i] = bare_pool_acquire(&bare));
    for (int i = 0; i < 2 * MANY; i++) bare_pool_release(&bare, held[i]);
    assert_int_equal(bare_pool_stats(&bare).idle, 2 * MANY);
    pass_s(HOUR_S + 1);
    for (int i = 2 * MANY; i < 4 * MANY; i++) bare_pool_release(&bare, held[i]);
    assert_int_equal(bare_pool_stats(&bare).expired, 2 * MANY);
    held[0] = bare_pool_acquire(&bare);
    assert_int_equal(bare_pool_stats(&bare).misses, 4 * MANY + 1);
    bare_pool_release(&bare, held[0]);
    assert_int_equal(bare_pool_stats(&bare).expired, 4 * MANY);
    assert_int_equal(bare_pool_stats(&bare).idle, 1);
    bare_pool_destroy(&bare);
  }
}

static void only_what_rested_is_validated(void **state) {
  (void)state;
  static const struct kind choosy[] = {{"cached", 8, 0, USED(choosy_pool)},
                                       {"uncached", OBJPOOL_NO_CACHE, 5, USED(choosy_pool)},
                                       {"local", 0, 0, USED(choosy_local_pool)}};
  for (const struct kind *kind = choosy; kind < choosy + 3; kind++) {
    objpool_config config = config_of(kind);
    config.validate_after_ns = (uint64_t)OBJPOOL_SECONDS(30);
    begin(kind, &config);
    for (int i = 0; i < 10; i++) {
      kind->put(kind->take());
      pass_ms(29900);
    }
    assert_int_equal(count_read(&validated), 0);
    pass_ms(100);
    kind->put(kind->take());
    assert_int_equal(count_read(&validated), 1);
    kind->put(kind->take());
    assert_int_equal(count_read(&validated), 1);
    end(kind);
    config.validate_after_ns = 0;
    config.max_lifetime_ns = (uint64_t)OBJPOOL_SECONDS(30);
    begin(kind, &config);
    kind->put(kind->take());
    kind->put(kind->take());
    assert_int_equal(count_read(&validated), 1);
    pass_s(31);
    kind->put(kind->take()); /* outdated: nobody asks it */
    assert_int_equal(count_read(&validated), 1);
    assert_int_equal(expired(kind), 1);
    assert_int_equal(objpool_snapshot(kind->pool).invalid, 0);
    end(kind);
  }
}

static void refresh_outdates_all_that_is_alive(void **state) {
  (void)state;
  EACH_KIND(kind) {
    objpool_config config = config_of(kind);
    begin(kind, &config);
    assert_int_equal(kind->renew(), 0);
    conn *held[9];
    take_some(kind, held, 9);
    put_some(kind, held, 6);
    long fine = count_read(&fine_reads);
    assert_int_equal(kind->renew(), 6);
    assert_int_equal(expired(kind), 6);
    conn *fresh = kind->take();
    assert_int_equal(fresh->number, 10);
    put_some(kind, held + 6, 3);
    kind->put(fresh);
    assert_int_equal(expired(kind), 9);
    assert_int_equal(objpool_snapshot(kind->pool).idle, 1);
    assert_ptr_equal(kind->take(), fresh);
    kind->put(fresh);
    assert_int_equal(kind->renew(), 1);
    assert_true(count_read(&fine_reads) - fine < 40); /* without limits the clock is not read for an object */
    end(kind);
  }
}

static void what_refresh_finds_being_built_is_outdated(void **state);
static bool conn_open_refreshing(conn *opened, void *context);
OBJPOOL_DEFINE(refreshing_pool, conn, opt.timed = true, opt.create = conn_open_refreshing, opt.destroy = conn_close);
static refreshing_pool refreshing;
static bool conn_open_refreshing(conn *opened, void *context) {
  opened->number = count_add(&created, 1);
  (void)context;
  if (opened->number == 1) CHECK(refreshing_pool_refresh(&refreshing) == 0);
  return true;
}
static void what_refresh_finds_being_built_is_outdated(void **state) {
  (void)state;
  count_set(&created, 0);
  conn *held = refreshing_pool_acquire(&refreshing);
  assert_non_null(held);
  refreshing_pool_release(&refreshing, held);
  assert_int_equal(refreshing_pool_stats(&refreshing).expired, 1);
  held = refreshing_pool_acquire(&refreshing);
  refreshing_pool_release(&refreshing, held);
  assert_int_equal(refreshing_pool_stats(&refreshing).idle, 1);
  refreshing_pool_destroy(&refreshing);
  objpool_config config = defaults(); /* without an acquire, by the next maintenance */
  config.ignore_pressure = true;
  count_set(&created, 0);
  assert_true(refreshing_pool_init(&refreshing, &config));
  assert_int_equal(refreshing_pool_warmup(&refreshing, 1), 1);
  assert_int_equal(refreshing_pool_stats(&refreshing).idle, 1);
  assert_int_equal(objpool_maintain(&refreshing.base), 1);
  assert_int_equal(refreshing_pool_stats(&refreshing).expired, 1);
  refreshing_pool_destroy(&refreshing);
}

static void a_replacement_that_cannot_be_created_leaves_its_place(void **state) {
  (void)state;
  EACH_KIND(kind) {
    objpool_config config = config_of(kind);
    config.max_objects = 1;
    config.max_lifetime_ns = (uint64_t)OBJPOOL_SECONDS(HOUR_S);
    begin(kind, &config);
    for (int i = 0; i < 3; i++) {
      kind->put(kind->take());
      pass_s(HOUR_S + 1);
      count_set(&refused, 1);
      assert_null(kind->take());
      assert_int_equal(errno, ECANCELED);
      count_set(&refused, 0);
    }
    conn *held = kind->take();
    assert_non_null(held);
    assert_int_equal(objpool_snapshot(kind->pool).create_failures, 3);
    kind->put(held);
    end(kind);
  }
}

/* Waits for an object that is replaced. */
static void *wait_for_one(void *argument) {
  const struct kind *kind = (const struct kind *)argument;
  conn *got = (conn *)objpool_acquire_for(kind->pool, -1);
  CHECK(got && got->number == 2);
  kind->put(got);
  return NULL;
}

static void whoever_waits_gets_the_replacement(void **state) {
  (void)state;
  count_set(&fine_is_real, 1);
  for (int by_refresh = 0; by_refresh < 2; by_refresh++) EACH_KIND(kind) {
      if (kind->pool == &local_pool_one.base) continue; /* nobody can wait */
      objpool_config config = config_of(kind);
      config.max_objects = 1;
      config.max_lifetime_ns = (uint64_t)OBJPOOL_SECONDS(HOUR_S);
      begin(kind, &config);
      conn *held = kind->take();
      pthread_t waiter = start_thread(wait_for_one, (void *)(uintptr_t)kind);
      WAIT_UNTIL(objpool_snapshot(kind->pool).waiting == 1);
      if (by_refresh)
        assert_int_equal(kind->renew(), 0);
      else
        pass_s(HOUR_S + 1);
      kind->put(held);
      join_thread(waiter);
      assert_int_equal(expired(kind), 1);
      assert_int_equal(objpool_snapshot(kind->pool).idle, 1);
      end(kind);
    }
  count_set(&fine_is_real, 0);
}

/* The same for an event loop, and a local pool. */
static conn *ready_with;
static long wakes;
static void note_wake(void *user) { (void)user, count_add(&wakes, 1); }
static void shared_ready(shared_pool_waiter *waiter, conn *object, int error) {
  (void)waiter;
  assert_int_equal(error, 0);
  ready_with = object;
}
static void local_ready(local_pool_waiter *waiter, conn *object, int error) {
  (void)waiter;
  assert_int_equal(error, 0);
  ready_with = object;
}

static void an_event_loop_gets_the_replacement(void **state) {
  (void)state;
  static shared_pool_waiter shared_one;
  static local_pool_waiter local_one;
  for (int local = 0; local < 2; local++) {
    struct kind *kind = &kinds[local ? 5 : 0];
    objpool_loop loop;
    assert_true(objpool_loop_init(&loop, note_wake, NULL));
    objpool_config config = config_of(kind);
    config.max_objects = 1;
    begin(kind, &config);
    conn *held = kind->take();
    ready_with = NULL;
    assert_null(local ? local_pool_acquire_async(&local_pool_one, &local_one, &loop, -1, local_ready)
                      : shared_pool_acquire_async(&shared_pool_one, &shared_one, &loop, -1, shared_ready));
    assert_int_equal(errno, EINPROGRESS);
    assert_int_equal(kind->renew(), 0);
    kind->put(held);
    while (!ready_with) assert_true(objpool_loop_run(&loop, 8) > 0);
    assert_int_equal(ready_with->number, 2);
    assert_int_equal(expired(kind), 1);
    kind->put(ready_with);
    objpool_loop_destroy(&loop);
    end(kind);
  }
}

static void a_pool_that_is_not_timed_refuses_its_limits(void **state) {
  (void)state;
  static plain_pool plain;
  for (int i = 0; i < 3; i++) {
    objpool_config config = defaults();
    uint64_t *fields[3] = {&config.idle_timeout_ns, &config.max_lifetime_ns, &config.validate_after_ns};
    *fields[i] = 1;
    errno = 0;
    assert_false(plain_pool_init(&plain, &config));
    assert_int_equal(errno, EINVAL);
    assert_true(all_zero(&plain, sizeof plain));
    assert_true(shared_pool_begin(&config));
    shared_pool_destroy(&shared_pool_one);
  }
  assert_int_equal(plain_pool_refresh(&plain), 0); /* never used */
  assert_true(plain_pool_init(&plain, NULL));
  errno = 0;
  assert_int_equal(plain_pool_refresh(&plain), 0);
  assert_int_equal(errno, EINVAL);
  plain_pool_destroy(&plain);
}

static void limits_without_end_are_none(void **state) {
  (void)state;
  EACH_KIND(kind) {
    objpool_config config = config_of(kind);
    config.idle_timeout_ns = config.max_lifetime_ns = config.validate_after_ns = UINT64_MAX;
    begin(kind, &config);
    conn *held[3];
    take_some(kind, held, 3);
    pass_s(HOUR_S * 1000L);
    put_some(kind, held, 3);
    pass_s(HOUR_S * 1000L);
    assert_int_equal(objpool_maintain(kind->pool), 0);
    assert_int_equal(kind->take()->number, 3);
    kind->put(held[2]);
    assert_int_equal(expired(kind), 0);
    end(kind);
  }
}

static void short_limits_are_kept_to_the_millisecond(void **state) {
  (void)state;
  EACH_KIND(kind) {
    objpool_config config = config_of(kind);
    config.idle_timeout_ns = (uint64_t)OBJPOOL_MS(10);
    begin(kind, &config);
    kind->put(kind->take());
    pass_ms(10);
    assert_int_equal(objpool_maintain(kind->pool), 0);
    pass_ms(1);
    assert_int_equal(objpool_maintain(kind->pool), 1);
    end(kind);
    config.idle_timeout_ns = (uint64_t)OBJPOOL_SECONDS(10);
    begin(kind, &config);
    kind->put(kind->take());
    long fine = count_read(&fine_reads), coarse = count_read(&coarse_reads);
    kind->put(kind->take());
    assert_true(count_read(&coarse_reads) > coarse);
    assert_int_equal(count_read(&fine_reads), fine);
    end(kind);
  }
}

static void trim_takes_the_longest_idle_first(void **state) {
  (void)state;
  EACH_KIND(kind) {
    objpool_config config = config_of(kind);
    config.idle_timeout_ns = (uint64_t)OBJPOOL_SECONDS(600);
    begin(kind, &config);
    conn *held[8];
    take_some(kind, held, 8);
    for (int i = 7; i >= 0; i--, pass_s(1)) kind->put(held[i]);
    assert_int_equal(objpool_trim(kind->pool, 3), 5);
    for (int i = 0; i < 5; i++) assert_true(gone[i] > 3);
    for (int i = 0; i < 3; i++) assert_int_equal((held[i] = kind->take())->number, i + 1);
    put_some(kind, held, 3);
    assert_int_equal(expired(kind), 0);
    end(kind);
  }
}

static void it_goes_with_close_resize_and_reserve(void **state) {
  (void)state;
  EACH_KIND(kind) {
    objpool_config config = config_of(kind);
    config.reserve = MANY;
    config.max_objects = MANY;
    config.max_lifetime_ns = (uint64_t)OBJPOOL_SECONDS(HOUR_S);
    begin(kind, &config);
    conn *held[MANY];
    for (int round = 0; round < 3; round++) { /* each place is used again */
      take_some(kind, held, MANY);
      assert_null(kind->take());
      assert_int_equal(errno, EAGAIN);
      pass_s(HOUR_S + 1);
      put_some(kind, held, MANY);
    }
    assert_int_equal(expired(kind), 3 * MANY);
    take_some(kind, held, 9);
    assert_true(objpool_resize(kind->pool, 2, 6));
    put_some(kind, held, 3);
    pass_s(HOUR_S + 1);
    kind->put(held[3]);
    assert_int_equal(expired(kind), 3 * MANY + 1);
    objpool_close(kind->pool);
    assert_int_equal(kind->renew(), 0);
    put_some(kind, held + 4, 5);
    assert_true(objpool_drain(kind->pool, 0));
    assert_null(kind->take());
    assert_int_equal(errno, OBJPOOL_ECLOSED);
    assert_int_equal(objpool_maintain(kind->pool), 0);
    end(kind);
  }
}

static void an_extracted_and_a_discarded_object_is_not_expired(void **state) {
  (void)state;
  objpool_config config = defaults();
  config.max_lifetime_ns = (uint64_t)OBJPOOL_SECONDS(HOUR_S);
  assert_true(shared_pool_begin(&config));
  conn *held[2] = {shared_pool_take(), shared_pool_take()};
  pass_s(HOUR_S + 1);
  assert_true(shared_pool_extract(&shared_pool_one, held[0]).number > 0);
  shared_pool_discard(&shared_pool_one, held[1]);
  objpool_stats stats = shared_pool_stats(&shared_pool_one);
  assert_int_equal(stats.expired, 0);
  assert_int_equal(stats.invalid, 1);
  assert_int_equal(stats.extracted, 1);
  held[0] = shared_pool_take(); /* the cell of one of them, with a life of its own */
  pass_s(HOUR_S / 2);
  shared_pool_put(held[0]);
  assert_int_equal(shared_pool_stats(&shared_pool_one).idle, 1);
  shared_pool_destroy(&shared_pool_one);
}

static void a_handle_of_what_expired_names_nothing(void **state) {
  (void)state;
  objpool_config config = defaults();
  config.max_lifetime_ns = (uint64_t)OBJPOOL_SECONDS(HOUR_S);
  assert_true(handled_pool_begin(&config));
  conn *held = handled_pool_take();
  handled_pool_handle handle = handled_pool_handle_of(&handled_pool_one, held);
  pass_s(HOUR_S + 1);
  assert_ptr_equal(handled_pool_get(&handled_pool_one, handle), held);
  assert_true(handled_pool_release_handle(&handled_pool_one, handle));
  assert_int_equal(handled_pool_stats(&handled_pool_one).expired, 1);
  assert_null(handled_pool_get(&handled_pool_one, handle));
  assert_false(handled_pool_release_handle(&handled_pool_one, handle));
  held = handled_pool_take();
  handled_pool_handle next = handled_pool_handle_of(&handled_pool_one, held);
  handled_pool_put(held);
  pass_s(HOUR_S + 1);
  held = handled_pool_take(); /* the one that was idle is too old */
  assert_int_equal(handled_pool_stats(&handled_pool_one).expired, 2);
  assert_null(handled_pool_get(&handled_pool_one, next));
  assert_int_equal(handled_pool_release_all(&handled_pool_one), 1);
  assert_int_equal(handled_pool_stats(&handled_pool_one).idle, 1);
  handled_pool_destroy(&handled_pool_one);
}

static void release_all_looks_at_the_age_of_each(void **state) {
  (void)state;
  objpool_config config = defaults();
  config.max_lifetime_ns = (uint64_t)OBJPOOL_SECONDS(HOUR_S);
  assert_true(shared_pool_begin(&config));
  for (int i = 0; i < 5; i++) assert_non_null(shared_pool_take());
  pass_s(HOUR_S + 1);
  for (int i = 0; i < 3; i++) assert_non_null(shared_pool_take());
#ifdef OBJPOOL_UNCHECKED
  shared_pool_one.base.state->config.on_leak = OBJPOOL_LEAK_IGNORE;
#else
  assert_int_equal(shared_pool_release_all(&shared_pool_one), 8);
  assert_int_equal(shared_pool_stats(&shared_pool_one).expired, 5);
  assert_int_equal(shared_pool_stats(&shared_pool_one).idle, 3);
#endif
  shared_pool_destroy(&shared_pool_one);
}

static void what_wiping_builds_anew_is_new(void **state) {
  (void)state;
  static wiping_pool wiping;
  objpool_config config = defaults();
  config.max_lifetime_ns = (uint64_t)OBJPOOL_SECONDS(HOUR_S);
  assert_true(wiping_pool_init(&wiping, &config));
  conn *held = wiping_pool_acquire(&wiping);
  for (int i = 0; i < 4; i++) {
    pass_s(HOUR_S / 2);
    wiping_pool_release(&wiping, held);
    held = wiping_pool_acquire(&wiping);
  }
  assert_int_equal(wiping_pool_stats(&wiping).expired, 0);
  pass_s(HOUR_S + 1);
  wiping_pool_release(&wiping, held);
  assert_int_equal(wiping_pool_stats(&wiping).expired, 1);
  wiping_pool_destroy(&wiping);
}

static void resets_run_before_it_goes(void **state) {
  (void)state;
  objpool_config config = defaults();
  config.max_lifetime_ns = (uint64_t)OBJPOOL_SECONDS(HOUR_S);
  assert_true(choosy_pool_begin(&config));
  count_set(&reset_count, 0);
  conn *held = choosy_pool_take();
  pass_s(HOUR_S + 1);
  choosy_pool_put(held);
  assert_int_equal(count_read(&reset_count), 1); /* on every release */
  choosy_pool_destroy(&choosy_pool_one);
}

static void maintenance_validates_what_may_stay(void **state) {
  (void)state;
  static checked_pool checked;
  objpool_config config = defaults();
  config.max_lifetime_ns = (uint64_t)OBJPOOL_SECONDS(1000);
  config.ignore_pressure = true;
  config.warmup = 4;
  config.min_idle = OBJPOOL_NONE;
  config.shrink_threshold = 1;
  assert_true(checked_pool_init(&checked, &config));
  pass_s(900);
  conn *held[6];
  for (int i = 0; i < 6; i++) held[i] = checked_pool_acquire(&checked);
  for (int i = 0; i < 6; i++) checked_pool_release(&checked, held[i]);
  pass_s(101);
  count_set(&validated, 0);
  (void)objpool_maintain(&checked.base);
  assert_int_equal(checked_pool_stats(&checked).expired, 4);
  assert_int_equal(count_read(&validated), 2);
  checked_pool_destroy(&checked);
}

static void formats_show_what_expired(void **state) {
  (void)state;
  static char text[1 << 16];
  objpool_config config = named("ages");
  assert_true(shared_pool_begin(&config));
  conn *held[3] = {shared_pool_take(), shared_pool_take(), shared_pool_take()};
  for (int i = 0; i < 3; i++) shared_pool_put(held[i]);
  assert_int_equal(shared_pool_renew(), 3);
  objpool *pool = &shared_pool_one.base;
  assert_true(objpool_format(pool, OBJPOOL_JSON, text, sizeof text) > 0);
  assert_non_null(strstr(text, "\"expired\":3"));
  assert_true(objpool_format(pool, OBJPOOL_PROMETHEUS, text, sizeof text) > 0);
  assert_non_null(strstr(text, "objpool_destroyed_objects_total{pool=\"ages\",reason=\"expired\"} 3\n"));
  assert_non_null(strstr(text, "objpool_destroyed_objects_total{pool=\"ages\",reason=\"cleared\"} 0\n"));
  assert_true(objpool_report(pool, text, sizeof text) > 0);
  assert_non_null(strstr(text, "3 destroyed (0 over max_idle, 0 invalid, 3 expired)"));
  shared_pool_reset_stats(&shared_pool_one);
  assert_int_equal(shared_pool_stats(&shared_pool_one).expired, 0);
  shared_pool_destroy(&shared_pool_one);
}

/* Threads use a pool while another one moves time, refreshes, trims and maintains it. None gets an object that was built before a refresh
   that had ended before its acquire began. */
enum { THREADS = 4 };
static long stop_now, outdated_below; /* numbers that a refresh which has ended has outdated */

static void *use_it(void *argument) {
  const struct kind *kind = (const struct kind *)argument;
  conn *held[4];
  for (long i = 0; !count_read(&stop_now); i++) {
    size_t got = 0;
    for (size_t want = 1 + (size_t)i % 4; got < want; got++) {
      long least = count_read(&outdated_below);
      if (!(held[got] = kind->take())) break;
      CHECK(held[got]->number > least);
    }
    while (got > 0) kind->put(held[--got]);
  }
  return NULL;
}

static void threads_never_get_what_was_outdated_before(void **state) {
  (void)state;
  count_set(&fine_is_real, 1);
  EACH_KIND(kind) {
    if (kind->pool == &local_pool_one.base) continue;
    objpool_config config = config_of(kind);
    config.max_lifetime_ns = (uint64_t)OBJPOOL_SECONDS(100);
    config.idle_timeout_ns = (uint64_t)OBJPOOL_SECONDS(10);
    config.min_idle = 2;
    begin(kind, &config);
    pthread_t threads[THREADS];
    count_set(&stop_now, 0);
    count_set(&outdated_below, 0);
    for (int i = 0; i < THREADS; i++) threads[i] = start_thread(use_it, (void *)(uintptr_t)kind);
    for (int i = 0; i < SCALED(1000, 300, 150); i++) {
      long built = count_read(&created);
      if (i % 3 == 0) {
        kind->renew();
        count_set(&outdated_below, built);
      }
      pass_s(i % 7);
      (void)objpool_maintain(kind->pool);
      if (i % 16 == 0) (void)objpool_trim(kind->pool, 1);
    }
    count_set(&stop_now, 1);
    for (int i = 0; i < THREADS; i++) join_thread(threads[i]);
    objpool_stats stats = objpool_snapshot(kind->pool);
    counts_add_up(&stats);
    assert_int_equal(stats.in_use, 0);
    assert_true(stats.expired > 0);
    kind->renew();
    assert_int_equal(objpool_snapshot(kind->pool).idle, 0);
    end(kind);
  }
  count_set(&fine_is_real, 0);
}

static void what_expires_is_one_event_and_gives_its_memory_back(void **state) {
  static seen_pool pool;
  conn *held[MANY];
  objpool_config config = defaults();
  (void)state;
  config.cache_size = 4;
  config.ignore_pressure = true;
  config.growth_factor = 1;
  config.idle_timeout_ns = (uint64_t)OBJPOOL_SECONDS(600);
  assert_true(seen_pool_init(&pool, &config));
  assert_int_equal(seen_pool_refresh(&pool), 0);
  assert_int_equal(count_read(&shrinks), 0); /* nothing went */
  for (size_t i = 0; i < MANY; i++) assert_non_null(held[i] = seen_pool_acquire(&pool));
  for (size_t i = 0; i < MANY; i++) seen_pool_release(&pool, held[i]);
  uint64_t before = seen_pool_stats(&pool).memory_bytes;
  pass_s(601);
  assert_int_equal(objpool_maintain(&pool.base), MANY);
  assert_int_equal(count_read(&shrinks), 1);
  assert_int_equal(count_read(&shrunk), MANY);
  assert_true(seen_pool_stats(&pool).memory_bytes < before);
  assert_int_equal(OBJPOOL__LOAD(pool.base.state->gate.hold), 0); /* caches may open again */
  seen_pool_destroy(&pool);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_too_old_dies_at_its_release_though_nobody_maintains),
      cmocka_unit_test(what_is_too_old_is_not_handed_out),
      cmocka_unit_test(maintenance_destroys_what_is_too_old_and_refills_to_min_idle),
      cmocka_unit_test(lives_end_at_different_times_a_fortieth_early_at_most),
      cmocka_unit_test(of_five_one_is_used_and_four_go),
      cmocka_unit_test(the_longest_idle_go_first_and_min_idle_stay),
      cmocka_unit_test(the_longest_idle_go_first_whichever_thread_gave_them_back),
      cmocka_unit_test(what_min_idle_spared_goes_when_there_are_more),
      cmocka_unit_test(maintain_some_destroys_so_many_longest_idle_first),
      cmocka_unit_test(a_timeout_is_all_by_which_maintenance_gives_back),
      cmocka_unit_test(what_comes_back_shortly_before_its_end_goes_then),
      cmocka_unit_test(having_looked_it_does_not_look_again_before_something_is_due),
      cmocka_unit_test(with_a_timeout_nothing_is_created_only_to_be_idle),
      cmocka_unit_test(what_was_idle_for_too_long_is_not_created_anew),
      cmocka_unit_test(objects_without_hooks_age_too),
      cmocka_unit_test(only_what_rested_is_validated),
      cmocka_unit_test(refresh_outdates_all_that_is_alive),
      cmocka_unit_test(what_refresh_finds_being_built_is_outdated),
      cmocka_unit_test(a_replacement_that_cannot_be_created_leaves_its_place),
      cmocka_unit_test(whoever_waits_gets_the_replacement),
      cmocka_unit_test(an_event_loop_gets_the_replacement),
      cmocka_unit_test(a_pool_that_is_not_timed_refuses_its_limits),
      cmocka_unit_test(limits_without_end_are_none),
      cmocka_unit_test(short_limits_are_kept_to_the_millisecond),
      cmocka_unit_test(trim_takes_the_longest_idle_first),
      cmocka_unit_test(it_goes_with_close_resize_and_reserve),
      cmocka_unit_test(an_extracted_and_a_discarded_object_is_not_expired),
      cmocka_unit_test(a_handle_of_what_expired_names_nothing),
      cmocka_unit_test(release_all_looks_at_the_age_of_each),
      cmocka_unit_test(what_wiping_builds_anew_is_new),
      cmocka_unit_test(resets_run_before_it_goes),
      cmocka_unit_test(maintenance_validates_what_may_stay),
      cmocka_unit_test(formats_show_what_expired),
      cmocka_unit_test(what_expires_is_one_event_and_gives_its_memory_back),
      cmocka_unit_test(threads_never_get_what_was_outdated_before),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
