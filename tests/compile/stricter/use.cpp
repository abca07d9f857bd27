// Compiles silently at the warnings of use.c: what C++ alone has.
#include "objpool.h"

#include <memory>
#include <string>
#include <utility>

struct session {
  std::string user;
};
OBJPOOL_DEFINE(session_pool, session);
OBJPOOL_DEFINE(lambda_pool, session, opt.create = [](session *object, void *) { return object != nullptr; },
               opt.reset = [](session *object, void *) { object->user.clear(); }, opt.destroy = [](session *, void *) {});

struct immovable {
  int n = 3;
  immovable() = default;
  immovable(const immovable &) = delete;
  immovable &operator=(const immovable &) = delete;
};
OBJPOOL_DEFINE(immovable_pool, immovable);

template <class P> static bool use_any(P &pool) {
  typename P::value_type *object = P::acquire(&pool);
  if (!object) return false;
  typename P::guard adopted = {object, &pool};
  OBJPOOL_SCOPED(P) guard = adopted;
  OBJPOOL_SCOPED(P) moved = std::move(guard);
  return !guard && moved;
}

bool use(session_pool &sessions, lambda_pool &lambdas, immovable_pool &immovables);
bool use(session_pool &sessions, lambda_pool &lambdas, immovable_pool &immovables) {
  OBJPOOL_WITH(session_pool, session, &sessions) session->user = "carol";
  else return false;
  OBJPOOL_SCOPED(session_pool) guard = session_pool_guard_acquire(&sessions);
  if (guard) session value = session_pool_guard_extract(&guard);
  session *one = session_pool_acquire(&sessions);
  if (one) session value = session_pool_extract(&sessions, one);
  return use_any(sessions) && use_any(lambdas) && use_any(immovables);
}

#if __cplusplus >= 202002L
#include <string.h>
bool configure(session_pool &sessions, objpool &typeless, objpool_monitor &monitor);
bool configure(session_pool &sessions, objpool &typeless, objpool_monitor &monitor) {
  objpool_config c{.max_objects = 4};
  objpool_config with_allocator = {.name = "sessions", .allocator = {.context = &sessions}};
  objpool_type type{.size = 8, .local = true};
  objpool_thresholds thresholds{.max_objects = 3};
  bool began = session_pool_init(&sessions, &c) || session_pool_init(&sessions, &with_allocator) ||
               objpool_init(&typeless, &type, nullptr) || objpool_monitor_init(&monitor, &thresholds, nullptr, nullptr);
  memset(&c, 0, sizeof c);
  memset(&with_allocator.allocator, 0, sizeof with_allocator.allocator);
  memset(&type, 0, sizeof type);
  memset(&thresholds, 0, sizeof thresholds);
  return began || session_pool_init(&sessions, &c) || objpool_init(&typeless, &type, &c) ||
         objpool_monitor_init(&monitor, &thresholds, nullptr, nullptr);
}
#endif
