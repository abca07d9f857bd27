/* static_order: pools, and objects with constructors and destructors that use them, at namespace scope in two files, linked in
 * either order. A pool is a plain all-zero struct: it is ready before any constructor runs and still there after the last
 * destructor; what matters is only that whoever destroys it comes last. This file owns the pool. */
#define OBJPOOL_IMPLEMENTATION
#include "static_order.h"

thing_pool things; /* zero: no constructor, so no order */

int users_alive;

user::user() : guard(thing_pool_guard_acquire(&things)) {
  REQUIRE(guard);
  guard->value = ++users_alive;
}

user::~user() {
  REQUIRE(guard && guard->value > 0);
  users_alive--; /* then the guard gives its object back */
}

static user first_user;

static void last_of_all() {
  REQUIRE(users_alive == 0);
  objpool_stats stats = thing_pool_stats(&things);
  REQUIRE(stats.in_use == 0 && stats.acquires == stats.releases && stats.acquires >= 3);
  thing_pool_destroy(&things);
  thing_pool_destroy(&things); /* twice is harmless */
  struct thing *late = thing_pool_acquire(&things); /* and it is a pool again */
  REQUIRE(late);
  thing_pool_release(&things, late);
  thing_pool_destroy(&things);
  puts("static objects built before main and taken down after it gave everything back");
}

/* Registered before any other constructor, it runs after every destructor. */
__attribute__((constructor(101))) static void register_last() { REQUIRE(atexit(last_of_all) == 0); }

int main() {
  static user user_in_main;
  OBJPOOL_SCOPED(thing_pool) guard = thing_pool_guard_acquire(&things);
  REQUIRE(guard && users_alive == 3);
  exit(thing_pool_stats(&things).in_use == 4 ? (thing_pool_guard_release(&guard), 0) : 1); /* exit: static destructors run now */
}
