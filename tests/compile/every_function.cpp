/* Compiles silently and runs: the whole C++ face. */
#include <memory>
#include <new>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

namespace net {
class session {
 public:
  std::string peer = "nobody";
  std::vector<int> bytes;
};

OBJPOOL_DEFINE(session_pool, session);
OBJPOOL_DEFINE(logged_pool, session,
               opt.create = [](session *object, void *) { return new (object) session, true; },
               opt.reset = [](session *object, void *) { object->bytes.clear(); },
               opt.validate = [](session *object, void *) { return object->peer != "gone"; },
               opt.destroy = [](session *object, void *) { object->~session(); });
}  // namespace net

struct immovable {
  int n = 3;
  immovable() = default;
  immovable(const immovable &) = delete;
  immovable &operator=(const immovable &) = delete;
};
OBJPOOL_DEFINE(immovable_pool, immovable);

static net::session_pool sessions;

static OBJPOOL_SCOPED(net::session_pool) open_session(const char *peer) {
  OBJPOOL_SCOPED(net::session_pool) guard = net::session_pool_guard_acquire(&sessions);
  if (guard) guard->peer = peer;
  return guard;
}

template <class P>
static int use_any(P &pool) {
  typename P::value_type *object = P::acquire(&pool);
  if (!object) return 1;
  typename P::guard adopted = {object, &pool};
  OBJPOOL_SCOPED(P) guard = adopted;
  if (!guard) return 2;
  OBJPOOL_SCOPED(P) moved = std::move(guard);
  if (guard || !moved || &*moved != object) return 3;
  object = P::acquire(&pool);
  if (!object) return 4;
  P::release(&pool, object);
  return 0;
}

int main() {
  static_assert(std::is_same<net::session_pool::value_type, net::session>::value, "value_type is T");
  static_assert(std::is_same<net::session_pool::guard, net::session_pool_guard>::value, "guard is the guard");
  static_assert(std::is_base_of<net::session_pool_guard, OBJPOOL_SCOPED(net::session_pool)>::value, "derived");
  static_assert(!std::is_copy_constructible<OBJPOOL_SCOPED(net::session_pool)>::value, "move-only");
  static_assert(!std::is_copy_assignable<OBJPOOL_SCOPED(net::session_pool)>::value, "move-only");
  static_assert(std::is_nothrow_move_constructible<OBJPOOL_SCOPED(net::session_pool)>::value, "movable");
  static_assert(std::is_nothrow_move_assignable<OBJPOOL_SCOPED(net::session_pool)>::value, "movable");
  static_assert(std::is_standard_layout<net::session_pool>::value, "a plain struct");
  static_assert(std::is_trivially_default_constructible<net::session_pool>::value, "a plain struct");
  {
    OBJPOOL_SCOPED(net::session_pool) guard = open_session("alice");
    if (!guard || guard->peer != "alice" || (*guard).peer != "alice") return 1;
    if (net::session_pool_guard_ref(&guard)->peer != "alice") return 2;
    net::session_pool_guard_mut(&guard)->peer = "bob";
    net::session value = net::session_pool_guard_extract(&guard);
    if (guard || value.peer != "bob") return 3;
  }
  OBJPOOL_WITH(net::session_pool, session, &sessions) session->peer = "carol";
  else return 4;
  net::session *session = net::session_pool_acquire(&sessions);
  if (!session || session->peer != "carol") return 5;
  net::session value = net::session_pool_extract(&sessions, session);
  if (value.peer != "carol") return 6;
  if (use_any(sessions) != 0) return 7;
  net::session_pool_destroy(&sessions);

  static net::logged_pool logged;
  if (use_any(logged) != 0) return 8;
  net::logged_pool_destroy(&logged);

  static immovable_pool still;
  immovable *one = immovable_pool_acquire(&still);
  if (!one || one->n != 3) return 9;
  immovable_pool_release(&still, one);
  if (use_any(still) != 0) return 10;
  immovable_pool_destroy(&still);
  return 0;
}
