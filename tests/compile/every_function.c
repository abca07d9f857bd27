/* Compiles silently and runs: every function and macro, in C and in C++. */
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

struct conn {
  int n;
};

static int hooks_seen;

static bool conn_open(struct conn *conn, void *context) {
  conn->n = 0;
  (void)context;
  hooks_seen |= 1;
  return true;
}
static void conn_rollback(struct conn *conn, void *context) {
  conn->n = 0;
  (void)context;
  hooks_seen |= 2;
}
static bool conn_is_alive(struct conn *conn, void *context) {
  (void)context;
  hooks_seen |= 4;
  return conn->n >= 0;
}
static void conn_close(struct conn *conn, void *context) {
  conn->n = -1;
  (void)context;
  hooks_seen |= 8;
}

OBJPOOL_DEFINE(plain_pool, struct conn);
OBJPOOL_DEFINE(conn_pool, struct conn,
               opt.create   = conn_open,
               opt.reset    = conn_rollback,
               opt.validate = conn_is_alive,
               opt.validate_on = OBJPOOL_ON_ACQUIRE | OBJPOOL_ON_RELEASE | OBJPOOL_ON_MAINTAIN,
               opt.destroy  = conn_close);
OBJPOOL_DEFINE(local_pool, struct conn, opt.local = true, opt.wipe = true);
OBJPOOL_DEFINE(ship_pool, struct conn, opt.handles = true, opt.timed = true, opt.tracked = true);
OBJPOOL_DEFINE(bullet_pool, struct conn, opt.local = true, opt.handles = true);
OBJPOOL_SIZES(buffers, 64, 256, 4096);

static void *allocate(size_t size, size_t alignment, void *context) {
  (void)alignment;
  (void)context;
  return malloc(size);
}
static void deallocate(void *memory, size_t size, size_t alignment, void *context) {
  (void)size;
  (void)alignment;
  (void)context;
  free(memory);
}

static plain_pool plain; /* all-zero: ready */
static conn_pool pool;
static local_pool local;
static objpool untyped;

static int use_pool(void) {
  objpool_config config;
  objpool_stats stats;
  struct conn *conn, *several[4] = {0}, value;
  memset(&config, 0, sizeof config);
  config.name = "connections";
  config.context = &pool;
  config.warmup = 1;
  config.min_idle = 1;
  config.max_idle = 4;
  config.max_objects = 8;
  config.cache_size = OBJPOOL_NO_CACHE;
  config.growth_factor = 2.0;
  config.shrink_threshold = 0.7;
  config.allocator.allocate = allocate;
  config.allocator.deallocate = deallocate;
  config.allocator.context = NULL;
  config.on_leak = OBJPOOL_LEAK_REPORT;
  config.on_leak = OBJPOOL_LEAK_IGNORE;
  config.on_leak = OBJPOOL_LEAK_ABORT;
  if (objpool_config_error(&config)) return 41;
  if (!conn_pool_init(&pool, &config)) return 1;
  if (!conn_pool_attach(&pool)) return 2;
  if (conn_pool_memory_for(8, 2) < 8 * sizeof(struct conn)) return 13;
  if (!(conn = conn_pool_acquire(&pool))) return 3;
  conn->n = 7;
  conn_pool_release(&pool, conn);
  if (!(conn = conn_pool_try_acquire(&pool))) return 4;
  conn_pool_discard(&pool, conn);
  if (!(conn = conn_pool_acquire_for(&pool, -1))) return 5;
  conn->n = 9;
  value = conn_pool_extract(&pool, conn);
  if (value.n != 9) return 6;
  if (conn_pool_acquire_many(&pool, several, 4) != 4) return 7;
  conn_pool_release_many(&pool, several, 4);
  if (conn_pool_warmup(&pool, 4) != 0) return 8;
  if (conn_pool_trim(&pool, 2) != 2) return 9;
  if (!conn_pool_resize(&pool, OBJPOOL_UNCHANGED, 6)) return 10;
  if (conn_pool_clear(&pool) != 2) return 11;
  stats = conn_pool_stats(&pool);
#ifndef OBJPOOL_NO_STATS
  if (stats.acquires != 7) return 12;
#endif
  if (stats.max_objects != 6) return 12;
  conn_pool_reset_stats(&pool);
  if (!conn_pool_drain(&pool, 0)) return 12;
  conn_pool_close(&pool);
  if (conn_pool_acquire(&pool) || errno != OBJPOOL_ECLOSED) return 12;
  conn_pool_destroy(&pool);
  return hooks_seen == 15 ? 0 : 13;
}

static void conn_ready(conn_pool_waiter *waiter, struct conn *conn, int error) {
  *(int *)waiter->user = error;
  conn_pool_release(&pool, conn);
}
static void untyped_ready(objpool_waiter *waiter, void *object, int error) {
  *(int *)waiter->user = object ? -1 : error;
}
static void loop_wakes(void *user) { ++*(int *)user; }

static int use_loops(void) {
  static conn_pool_waiter waiter, other;
  static objpool_waiter third;
  static objpool_loop loop;
  static int told, wakes; /* longer than the waiters */
  told = -1;
  struct conn *conn = conn_pool_acquire(&pool);
  if (!conn || !conn_pool_resize(&pool, OBJPOOL_UNCHANGED, 1)) return 70;
  if (!objpool_loop_init(&loop, loop_wakes, &wakes) || objpool_loop_fd(&loop) != -1) return 71;
  waiter.user = &told;
  other.user = &told;
  third.user = &told;
  if (conn_pool_acquire_async(&pool, &waiter, &loop, OBJPOOL_SECONDS(9), conn_ready) || errno != EINPROGRESS) return 72;
  if (conn_pool_acquire_async(&pool, &other, &loop, -1, conn_ready) || errno != EINPROGRESS) return 73;
  if (objpool_acquire_async(&pool.base, &third, &loop, -1, untyped_ready) || errno != EINPROGRESS) return 74;
  if (objpool_loop_next_ns(&loop) < 1 || !conn_pool_cancel(&pool, &other)) return 75;
  if (!objpool_cancel(&pool.base, &third)) return 76;
  conn_pool_release(&pool, conn);
  if (wakes != 1 || objpool_loop_run(&loop, 9) != 1 || told != 0) return 77;
  objpool_loop_destroy(&loop);
  conn_pool_destroy(&pool);
  return 0;
}

static conn_pool_guard open_guarded(void) {
  OBJPOOL_SCOPED(conn_pool) guard = conn_pool_guard_acquire(&pool);
  if (guard.object) guard.object->n++;
  return conn_pool_guard_move(&guard);
}

static int use_guards(void) {
  OBJPOOL_SCOPED(conn_pool) guard = open_guarded();
  OBJPOOL_SCOPED(conn_pool) second = conn_pool_guard_acquire_for(&pool, OBJPOOL_MS(1));
  OBJPOOL_SCOPED(conn_pool) third = conn_pool_guard_acquire(&pool);
  struct conn *conn, value;
  int sum = 0;
  if (!guard.object || !second.object || !third.object) return 21;
  conn_pool_guard_mut(&guard)->n = 5;
  if (conn_pool_guard_ref(&guard)->n != 5) return 22;
  conn_pool_guard_release(&guard);
  conn_pool_guard_discard(&second);
  conn = conn_pool_guard_take(&third);
  conn_pool_release(&pool, conn);
  {
    OBJPOOL_SCOPED(conn_pool) fourth = conn_pool_guard_acquire(&pool);
    if (!fourth.object) return 23;
    fourth.object->n = 11;
    value = conn_pool_guard_extract(&fourth);
    sum += value.n;
  }
  OBJPOOL_WITH(conn_pool, one, &pool) {
    sum += ++one->n;
  } else {
    return 24;
  }
  OBJPOOL_WITH(conn_pool, another, &pool) {
    sum += ++another->n;
  }
  return sum == 13 ? 0 : 25;
}

static bool erased_create(void *object, void *context) {
  (void)context;
  return object != NULL;
}
static void erased_touch(void *object, void *context) {
  (void)object;
  (void)context;
}

static int use_untyped(void) {
  objpool_type type;
  objpool_stats stats;
  void *object, *several[2];
  char text[100];
  memset(&type, 0, sizeof type);
  type.size = 24;
  type.alignment = 8;
  type.create = erased_create;
  type.reset = erased_touch;
  type.validate = erased_create;
  type.destroy = erased_touch;
  type.validate_on = 0;
  type.local = false;
  type.wipe = false;
  if (!objpool_init(&untyped, &type, NULL)) return 31;
  if (!(object = objpool_acquire(&untyped))) return 32;
  objpool_release(&untyped, object);
  if (!(object = objpool_try_acquire(&untyped))) return 33;
  objpool_discard(&untyped, object);
  if (!(object = objpool_acquire_for(&untyped, 0))) return 34;
  objpool_release(&untyped, object);
  if (objpool_acquire_many(&untyped, several, 2) != 2) return 35;
  objpool_release_many(&untyped, several, 2);
  if (objpool_warmup(&untyped, 3) != 1) return 36;
  if (objpool_trim(&untyped, 2) != 1) return 37;
  if (!objpool_resize(&untyped, 2, 2)) return 38;
  if (objpool_clear(&untyped) != 2) return 39;
  stats = objpool_snapshot(&untyped);
#ifndef OBJPOOL_NO_STATS
  const int64_t timeouts[] = {OBJPOOL_SECONDS(2), OBJPOOL_MS(2000), OBJPOOL_MS(0.5)};
  if (timeouts[0] != timeouts[1] || timeouts[2] != 500000) return 42;
  if (objpool_hit_rate(&stats) + objpool_miss_rate(&stats) < 0.99) return 40;
#endif
  if (objpool_bytes_saved(&stats) != stats.hits * 24) return 41;
  if (objpool_report(&untyped, text, sizeof text) <= 0) return 42;
  {
    objpool_histogram times = objpool_times(&untyped, OBJPOOL_TIME_WAIT);
    if (times.count || objpool_quantile(&times, 0.5) > 0) return 66;
  }
  if (objpool_context(&untyped) != NULL) return 43;
  objpool_reset_stats(&untyped);
  if (objpool_memory_for(&type, 10, 1) == 0 || objpool_trim_some(&untyped, 0, 1) != 0 || objpool_abandon(&untyped) != 0) return 45;
  objpool_close(&untyped);
  if (!objpool_drain(&untyped, -1) || objpool_try_acquire(&untyped) || errno != OBJPOOL_ECLOSED) return 44;
  objpool_destroy(&untyped);
  return 0;
}

static void visit_held(const objpool_hold *hold, void *user) { *(size_t *)user += hold->object != NULL; }

static int use_handles(void) {
  static ship_pool ships;
  static bullet_pool bullets;
  size_t count = 0, held = 0;
  struct conn *ship = ship_pool_acquire(&ships), *bullet = bullet_pool_acquire(&bullets);
  if (!ship || !bullet) return 70;
  ship_pool_handle handle = ship_pool_handle_of(&ships, ship);
  bullet_pool_handle small = bullet_pool_handle_of(&bullets, bullet);
  if (ship_pool_get(&ships, handle) != ship || bullet_pool_get(&bullets, small) != bullet) return 71;
  OBJPOOL_EACH(ship_pool, one, &ships) count += (size_t)(one == ship);
  OBJPOOL_EACH(bullet_pool, ignored, &bullets) count++; /* no warning: who counts needs none */
  if (count != 2) return 72;
  if (objpool_each_held(&ships.base, 0, visit_held, &held) != 1 || held != 1) return 73;
  if (!ship_pool_release_handle(&ships, handle) || ship_pool_get(&ships, handle)) return 74;
  if (bullet_pool_release_all(&bullets) != 1 || bullet_pool_get(&bullets, small)) return 75;
  if (!ship_pool_rebind(&ships) || ship_pool_refresh(&ships) != 1 || objpool_refresh(&ships.base) != 0) return 76;
  if (bullet_pool_trim_some(&bullets, 0, 1) != 1 || ship_pool_abandon(&ships) != 0) return 77;
  bullet_pool_destroy(&bullets);
  ship_pool_destroy(&ships);
  return 0;
}

static int use_sizes(void) {
  static buffers set;
  objpool_config config;
  memset(&config, 0, sizeof config);
  if (!buffers_init(&set, &config)) return 80;
  objpool_buffer buffer = buffers_acquire(&set, 100), larger = buffers_grow(&set, buffer, 300), huge = buffers_acquire(&set, 5000);
  if (!larger.bytes || larger.capacity != 4096 || !huge.bytes || huge.capacity < 5000) return 81;
  buffers_release(&set, larger);
  buffers_release(&set, huge);
  {
    OBJPOOL_SCOPED(buffers) guard = buffers_guard_acquire(&set, 10);
    if (guard.buffer.capacity != 64) return 82;
  }
  if (!buffers_class(&set, 256) || buffers_class(&set, 4097)) return 83;
  if (buffers_stats(&set).in_use != 0 || buffers_trim(&set, 0) == 0) return 84;
  buffers_destroy(&set);
  return 0;
}

static void visit_pool(objpool *visited, void *user) { *(bool *)user |= objpool_name(visited) != NULL; }
static void on_alert(const objpool_alert *alert, void *user) { *(bool *)user |= alert->pool_name != NULL; }
static objpool_pressure no_pressure(void *user) {
  (void)user;
  return OBJPOOL_PRESSURE_NONE;
}

static int use_fleet(void) {
  static conn_pool named;
  objpool_config config;
  objpool_monitor monitor;
  char text[100];
  bool seen = false;
  memset(&config, 0, sizeof config);
  config.name = "named";
  if (!conn_pool_init(&named, &config) || objpool_registry_find("named") != &named.base) return 90;
  if (objpool_registry_each(visit_pool, &seen) < 1 || !seen || objpool_registry_snapshot().in_use != 0) return 91;
  objpool_set_pressure_source(no_pressure, NULL);
  if (objpool_memory_pressure() != OBJPOOL_PRESSURE_NONE) return 92;
  objpool_set_pressure_source(NULL, NULL);
  objpool_maintain(&named.base);
  objpool_maintain_some(&named.base, 1);
  if (objpool_format(&named.base, OBJPOOL_JSON, text, sizeof text) < 0) return 93;
  if (!objpool_monitor_init(&monitor, NULL, on_alert, &seen) || objpool_monitor_poll(&monitor) > 100) return 94;
  if (objpool_monitor_start(&monitor, 1000000000)) objpool_monitor_stop(&monitor); /* ENOSYS where there are no threads */
  objpool_monitor_destroy(&monitor);
  conn_pool_destroy(&named);
  return 0;
}

int main(void) {
  int result = use_pool();
  struct conn *conn;
  if (result == 0) result = use_loops();
  if (result == 0) result = use_guards();
  if (result == 0) result = use_untyped();
  if (result == 0) result = use_handles();
  if (result == 0) result = use_sizes();
  if (result == 0) result = use_fleet();
  conn = plain_pool_acquire(&plain);
  if (!conn) return 51;
  objpool *base = (objpool *)&plain;
  if (base != &plain.base) return 51;
  plain_pool_release(&plain, conn);
  conn = local_pool_acquire(&local);
  if (!conn) return 52;
  local_pool_release(&local, conn);
  plain_pool_destroy(&plain);
  local_pool_destroy(&local);
  conn_pool_destroy(&pool);
  if (OBJPOOL_VERSION_MAJOR * 10000 + OBJPOOL_VERSION_MINOR * 100 + OBJPOOL_VERSION_PATCH < 20000) return 53;
  return result;
}
