// Start here: a C++20 module whose exported functions use a pool. objpool.h comes in the global fragment, the pool in the purview; the
// implementation is in an ordinary file, start_module_main.cpp, where the program is.
//
// build: g++ -std=c++20 -fmodules-ts -O2 -pthread -I.. -x c++ start_module.cpp start_module_main.cpp -o start_module
module;
#include <string>
#include "objpool.h"
export module sessions;

export struct session {
  std::string user;
  int requests = 0;
};

// Built by session(), taken down by ~session(). What must not survive a use goes into reset; the string keeps its capacity.
OBJPOOL_DEFINE(session_pool, session, opt.reset = [](session *object, void *) {
  object->user.clear();
  object->requests = 0;
});

session_pool pool; // all-zero: ready for any thread

export inline int greet(const char *user) {
  OBJPOOL_SCOPED(session_pool) one = session_pool_guard_acquire(&pool);
  if (!one) return -1; // no memory, or session() threw
  one->user = user;    // given back also when this throws
  return static_cast<int>(one->user.size()) + ++one->requests;
}

export inline unsigned long long built() { return session_pool_stats(&pool).created; }
