// The C++ face: constructors and destructors, lambdas as hooks, exceptions, the move-only guard, namespaces and templates.
#include "support.h"

#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#define OBJPOOL_PANIC(message) panic_seen(message)
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

namespace {

struct counted {
  static long constructed, destructed, moved;
  std::string text = "new";
  std::vector<int> numbers;
  counted() { constructed++; }
  counted(counted &&other) : text(std::move(other.text)), numbers(std::move(other.numbers)) { moved++; }
  counted(const counted &) = delete;
  counted &operator=(counted &&) = delete;
  ~counted() { destructed++; }
};
long counted::constructed, counted::destructed, counted::moved;

} // namespace

namespace app {
namespace storage {
OBJPOOL_DEFINE(counted_pool, counted);
OBJPOOL_DEFINE(reset_pool, counted, opt.reset = [](counted *object, void *) { object->numbers.clear(); });
} // namespace storage
} // namespace app
using app::storage::counted_pool;
using app::storage::counted_pool_acquire;
using app::storage::counted_pool_discard;
using app::storage::counted_pool_extract;
using app::storage::counted_pool_guard_acquire;
using app::storage::counted_pool_release;
using app::storage::counted_pool_stats;

static counted_pool pool;

static int begin(void **) {
  counted::constructed = counted::destructed = counted::moved = 0;
  return 0;
}
static int end(void **) {
  app::storage::counted_pool_destroy(&pool);
  return counted::constructed + counted::moved == counted::destructed ? 0 : -1;
}

static void objects_are_built_by_their_constructor_and_taken_down_by_their_destructor(void **) {
  counted *object = counted_pool_acquire(&pool);
  assert_non_null(object);
  assert_int_equal(counted::constructed, 1);
  assert_string_equal(object->text.c_str(), "new");
  object->text = "a text that is too long to be kept inside of the string itself";
  counted_pool_release(&pool, object);
  assert_int_equal(counted::destructed, 0);
  assert_ptr_equal(counted_pool_acquire(&pool), object);
  assert_string_equal(object->text.c_str(), "a text that is too long to be kept inside of the string itself");
  counted_pool_discard(&pool, object);
  assert_int_equal(counted::destructed, 1);
  assert_int_equal(app::storage::counted_pool_warmup(&pool, 4), 4);
  assert_int_equal(counted::constructed, 5);
  assert_int_equal(app::storage::counted_pool_clear(&pool), 4);
  assert_int_equal(counted::destructed, 5);
}

static void extract_again(void *object, void *value) {
  counted taken = counted_pool_extract(&pool, static_cast<counted *>(object));
  *static_cast<std::string *>(value) = taken.text;
}

static void extract_of_an_idle_object_gives_a_new_value_and_leaves_it_alone(void **) {
  counted *object = counted_pool_acquire(&pool);
  object->text = "kept";
  counted_pool_release(&pool, object);
  std::string value = "nothing";
  panic_returns = true;
  assert_true(panics(extract_again, object, &value));
  assert_string_equal(value.c_str(), "new");
  assert_true(panics(extract_again, nullptr, &value));
  panic_returns = false;
  assert_int_equal(counted_pool_stats(&pool).extracted, 0);
  assert_ptr_equal(counted_pool_acquire(&pool), object);
  assert_string_equal(object->text.c_str(), "kept");
  counted_pool_release(&pool, object);
}

static void extract_through(void *guard, void *value) {
  counted taken = app::storage::counted_pool_guard_extract(static_cast<app::storage::counted_pool_guard *>(guard));
  *static_cast<std::string *>(value) = taken.text;
}

static void extract_by_an_empty_guard_gives_a_new_value(void **) {
  app::storage::counted_pool_guard guard = app::storage::counted_pool_guard_acquire(&pool);
  app::storage::counted_pool_guard_release(&guard);
  std::string value = "nothing";
  panic_returns = true;
  assert_true(panics(extract_through, &guard, &value));
  panic_returns = false;
  assert_true(strstr(panic_message, "guard") != nullptr);
  assert_string_equal(value.c_str(), "new");
  assert_int_equal(counted_pool_stats(&pool).extracted, 0);
  assert_int_equal(counted_pool_stats(&pool).idle, 1);
}

static void extract_moves_and_destructs(void **) {
  counted *object = counted_pool_acquire(&pool);
  assert_non_null(object);
  object->text = "a text that is too long to be kept inside of the string itself";
  object->numbers.assign(100, 7);
  {
    counted value = counted_pool_extract(&pool, object);
    assert_int_equal(value.numbers.size(), 100);
    assert_int_equal(counted::constructed, 1);
    assert_true(counted::moved >= 1);
    assert_int_equal(counted_pool_stats(&pool).in_use, 0);
    assert_int_equal(counted_pool_stats(&pool).extracted, 1);
  }
  object = counted_pool_acquire(&pool); // built anew
  assert_non_null(object);
  assert_string_equal(object->text.c_str(), "new");
  counted_pool_release(&pool, object);
}

static void throw_while_guarded(int depth) {
  OBJPOOL_SCOPED(counted_pool) guard = counted_pool_guard_acquire(&pool);
  assert_true(bool(guard));
  guard->numbers.push_back(depth);
  if (depth == 0) throw std::runtime_error("out of luck");
  OBJPOOL_WITH(counted_pool, object, &pool) {
    object->numbers.push_back(depth);
    throw_while_guarded(depth - 1);
  }
}

static void guards_release_when_an_exception_passes(void **) {
  bool caught = false;
  try {
    throw_while_guarded(5);
  } catch (const std::runtime_error &) {
    caught = true;
    assert_int_equal(counted_pool_stats(&pool).in_use, 0);
  }
  assert_true(caught);
  assert_int_equal(counted_pool_stats(&pool).acquires, 11);
  assert_int_equal(counted_pool_stats(&pool).releases, 11);
}

static OBJPOOL_SCOPED(counted_pool) make(const char *text) {
  OBJPOOL_SCOPED(counted_pool) guard = counted_pool_guard_acquire(&pool);
  if (guard) guard->text = text;
  return guard;
}

static void guard_is_returned_by_value(void **) {
  {
    OBJPOOL_SCOPED(counted_pool) guard = make("made elsewhere");
    assert_true(bool(guard));
    assert_string_equal(guard->text.c_str(), "made elsewhere");
    assert_string_equal((*guard).text.c_str(), "made elsewhere");
    assert_int_equal(counted_pool_stats(&pool).in_use, 1);
  }
  assert_int_equal(counted_pool_stats(&pool).in_use, 0);
  assert_int_equal(counted_pool_stats(&pool).releases, 1);
}

static void moved_guard_is_empty_and_assignment_releases_what_was_held(void **) {
  OBJPOOL_SCOPED(counted_pool) first = make("first"), second = make("second");
  assert_int_equal(counted_pool_stats(&pool).in_use, 2);
  first = std::move(second);
  assert_int_equal(counted_pool_stats(&pool).in_use, 1);
  assert_string_equal(first->text.c_str(), "second");
  assert_false(bool(second));
  OBJPOOL_SCOPED(counted_pool) third = std::move(first);
  assert_false(bool(first));
  assert_string_equal(third->text.c_str(), "second");
  OBJPOOL_SCOPED(counted_pool) &same = third;
  third = std::move(same); // to itself: still one owner
  assert_int_equal(counted_pool_stats(&pool).in_use, third ? 1 : 0);
}

static void guards_live_in_containers_and_classes(void **) {
  struct session {
    OBJPOOL_SCOPED(counted_pool) guard;
    int number;
  };
  {
    std::vector<OBJPOOL_SCOPED(counted_pool)> guards;
    for (int i = 0; i < 20; i++) guards.push_back(make("in a vector"));
    assert_int_equal(counted_pool_stats(&pool).in_use, 20);
    guards.erase(guards.begin() + 3, guards.begin() + 8);
    assert_int_equal(counted_pool_stats(&pool).in_use, 15);
    std::map<int, session> sessions;
    sessions.insert(std::make_pair(1, session{make("in a map"), 1}));
    session other = std::move(sessions.begin()->second);
    assert_false(bool(sessions.begin()->second.guard));
    assert_int_equal(counted_pool_stats(&pool).in_use, 16);
  }
  assert_int_equal(counted_pool_stats(&pool).in_use, 0);
}

static void c_functions_of_the_guard_serve_the_class_too(void **) {
  OBJPOOL_SCOPED(counted_pool) guard = make("one");
  app::storage::counted_pool_guard_mut(&guard)->text = "two";
  assert_string_equal(app::storage::counted_pool_guard_ref(&guard)->text.c_str(), "two");
  counted *object = app::storage::counted_pool_guard_take(&guard);
  assert_false(bool(guard));
  counted_pool_release(&pool, object);
  guard = make("three");
  app::storage::counted_pool_guard_release(&guard);
  assert_false(bool(guard));
  guard = make("four");
  app::storage::counted_pool_guard_discard(&guard);
  assert_false(bool(guard));
  guard = make("five");
  OBJPOOL_SCOPED(counted_pool) moved = app::storage::counted_pool_guard_move(&guard);
  assert_false(bool(guard));
  counted value = app::storage::counted_pool_guard_extract(&moved);
  assert_string_equal(value.text.c_str(), "five");
  assert_int_equal(counted_pool_stats(&pool).in_use, 0);
}

static void captureless_lambdas_are_hooks(void **) {
  static app::storage::reset_pool resetting;
  counted *object = app::storage::reset_pool_acquire(&resetting);
  assert_non_null(object);
  object->numbers.assign(50, 1);
  size_t capacity = object->numbers.capacity();
  app::storage::reset_pool_release(&resetting, object);
  assert_ptr_equal(app::storage::reset_pool_acquire(&resetting), object);
  assert_int_equal(object->numbers.size(), 0);
  assert_int_equal(object->numbers.capacity(), capacity); // kept: that is what pooling it is for
  app::storage::reset_pool_release(&resetting, object);
  app::storage::reset_pool_destroy(&resetting);
}

struct immovable {
  int n = 3;
  std::unique_ptr<int> owned{new int(4)};
  immovable() = default;
  immovable(const immovable &) = delete;
  immovable &operator=(const immovable &) = delete;
};
OBJPOOL_DEFINE(immovable_pool, immovable);
OBJPOOL_DEFINE(immovable_local_pool, immovable, opt.local = true);

static void immovable_objects_are_pooled(void **) {
  static immovable_pool still;
  static immovable_local_pool local;
  for (int i = 0; i < 3; i++) {
    OBJPOOL_WITH(immovable_pool, object, &still) assert_int_equal(object->n + *object->owned, 7);
    OBJPOOL_WITH(immovable_local_pool, object, &local) assert_int_equal(object->n + *object->owned, 7);
  }
  immovable_pool_destroy(&still);
  immovable_local_pool_destroy(&local);
}

// Code that knows nothing of the pool but its type.
template <class P> struct owner {
  P pool{};
  using value_type = typename P::value_type;
  OBJPOOL_SCOPED(P) borrow() {
    typename P::guard adopted = {P::acquire(&pool), &pool};
    return OBJPOOL_SCOPED(P)(adopted);
  }
  bool use() {
    value_type *object = P::acquire(&pool);
    if (!object) return false;
    P::release(&pool, object);
    OBJPOOL_SCOPED(P) guard = borrow();
    return guard && guard.object == object;
  }
};

static void pools_are_template_parameters(void **) {
  owner<counted_pool> first;
  owner<immovable_pool> second;
  assert_true(first.use());
  assert_true(first.use());
  assert_true(second.use());
  assert_int_equal(counted_pool_stats(&first.pool).created, 1);
  assert_int_equal(immovable_pool_stats(&second.pool).created, 1);
  app::storage::counted_pool_destroy(&first.pool);
  immovable_pool_destroy(&second.pool);
}

struct throwing {
  static bool refuses;
  throwing() = default;
  std::string text = "alive";
};
bool throwing::refuses;
OBJPOOL_DEFINE(refusing_pool, throwing,
               opt.create = [](throwing *object, void *) {
                 if (throwing::refuses) return false;
                 new (object) throwing;
                 return true;
               },
               opt.destroy = [](throwing *object, void *) { object->~throwing(); });

static void create_and_destroy_replace_constructor_and_destructor(void **) {
  static refusing_pool refusing;
  throwing::refuses = true;
  errno = 0;
  assert_null(refusing_pool_acquire(&refusing));
  assert_int_equal(errno, ECANCELED);
  throwing::refuses = false;
  OBJPOOL_WITH(refusing_pool, object, &refusing) assert_string_equal(object->text.c_str(), "alive");
  refusing_pool_destroy(&refusing);
}

OBJPOOL_DEFINE(wiping_pool, counted, opt.wipe = true);
static void wiping_pool_of_a_class_builds_each_object_anew(void **) {
  static wiping_pool wiping;
  for (int i = 0; i < 3; i++) {
    OBJPOOL_SCOPED(wiping_pool) guard = wiping_pool_guard_acquire(&wiping);
    assert_true(bool(guard));
    assert_string_equal(guard->text.c_str(), "new");
    guard->text = "a secret that is too long to be kept inside of the string itself";
  }
  wiping_pool_destroy(&wiping);
}

struct moody {
  static bool throws;
  std::string text = "content";
  moody() {
    if (throws) throw std::runtime_error("not today");
  }
};
bool moody::throws;

OBJPOOL_DEFINE(moody_pool, moody);
static void constructor_that_throws_is_a_create_that_refuses(void **) {
  static moody_pool moodies;
  moody::throws = true;
  errno = 0;
  assert_null(moody_pool_acquire(&moodies));
  assert_int_equal(errno, ECANCELED);
  assert_int_equal(moody_pool_stats(&moodies).create_failures, 1);
  assert_int_equal(moody_pool_stats(&moodies).created, 0);
  moody::throws = false;
  moody *object = moody_pool_acquire(&moodies);
  assert_non_null(object);
  assert_string_equal(object->text.c_str(), "content");
  moody_pool_release(&moodies, object);
  moody_pool_destroy(&moodies);
}

// make: the arguments build a new object, and an idle one is handed out as it is.
struct shot {
  static long constructed, destructed;
  std::string name = "none";
  std::unique_ptr<int> cargo;
  int x = -1, y = -1;
  shot() {}
  shot(int to_x, int to_y) : x(to_x), y(to_y) { constructed++; }
  shot(const std::string &called, std::unique_ptr<int> with) : name(called), cargo(std::move(with)) {}
  explicit shot(std::string &changed) { changed += "!"; }
  explicit shot(bool) { throw std::runtime_error("misfire"); }
  shot(const shot &) = delete;
  shot &operator=(const shot &) = delete;
  ~shot() { destructed++; }
};
long shot::constructed, shot::destructed;
struct point {
  float x, y;
  int n;
};
namespace app {
OBJPOOL_DEFINE(shot_pool, shot);
OBJPOOL_DEFINE(local_shot_pool, shot, opt.local = true);
OBJPOOL_DEFINE(hooked_shot_pool, shot, opt.create = [](shot *, void *) { return false; },
               opt.validate = [](shot *object, void *) { return object->x < 100; }, opt.validate_on = OBJPOOL_ON_ACQUIRE);
OBJPOOL_DEFINE(point_pool, point);
} // namespace app

template <class P> static void shoot() {
  static P shots;
  shot::constructed = shot::destructed = 0;
  shot *first = P::make(&shots, 1, 2);
  assert_non_null(first);
  assert_int_equal(first->x, 1);
  assert_int_equal(first->y, 2);
  assert_int_equal(shot::constructed, 1);
  P::release(&shots, first);
  assert_ptr_equal(P::make(&shots, 3, 4), first);
  assert_int_equal(first->x, 1); // it was idle
  assert_int_equal(shot::constructed, 1);
  shot *second = P::make(&shots, std::string("second"), std::unique_ptr<int>(new int(7)));
  assert_non_null(second);
  assert_string_equal(second->name.c_str(), "second");
  assert_int_equal(*second->cargo, 7);
  std::string changed = "changed";
  shot *third = P::make(&shots, changed);
  assert_non_null(third);
  assert_string_equal(changed.c_str(), "changed!");
  errno = 0;
  assert_null(P::make(&shots, true));
  assert_int_equal(errno, ECANCELED);
  objpool_stats stats = objpool_snapshot(&shots.base);
  assert_int_equal(stats.created, 3);
  assert_int_equal(stats.create_failures, 1);
  assert_int_equal(stats.hits, 1);
  assert_int_equal(stats.misses, 3);
  assert_int_equal(stats.in_use, 3);
  P::release(&shots, first);
  P::release(&shots, second);
  P::release(&shots, third);
  objpool_destroy(&shots.base);
  assert_int_equal(shot::destructed, 3);
}

static void make_constructs_a_new_object_with_its_arguments(void **) {
  shoot<app::shot_pool>();
  shoot<app::local_shot_pool>();
  static app::point_pool points;
  point *one = app::point_pool::make(&points, 1.0f, 2.0f, 3), *two = app::point_pool::make(&points);
  assert_non_null(one);
  assert_non_null(two);
  assert_true(one->x == 1.0f && one->y == 2.0f && one->n == 3);
  assert_true(two->x == 0.0f && two->y == 0.0f && two->n == 0);
  app::point_pool_release(&points, one);
  app::point_pool_release(&points, two);
  app::point_pool_destroy(&points);
}

static void make_stands_in_for_create_and_replaces_what_is_invalid(void **) {
  static app::hooked_shot_pool shots;
  assert_null(app::hooked_shot_pool::acquire(&shots));
  shot *first = app::hooked_shot_pool::make(&shots, 1, 2);
  assert_non_null(first);
  first->x = 100;
  app::hooked_shot_pool::release(&shots, first);
  shot *second = app::hooked_shot_pool::make(&shots, 3, 4);
  assert_non_null(second);
  assert_int_equal(second->x, 3);
  assert_int_equal(objpool_snapshot(&shots.base).invalid, 1);
  app::hooked_shot_pool::release(&shots, second);
  app::hooked_shot_pool_destroy(&shots);
}

static void make_stops_at_the_cap(void **) {
  static app::shot_pool shots;
  objpool_config config = {};
  config.max_objects = 2;
  assert_true(app::shot_pool_init(&shots, &config));
  shot *first = app::shot_pool::make(&shots, 1, 1), *second = app::shot_pool::make(&shots, 2, 2);
  assert_non_null(first);
  assert_non_null(second);
  errno = 0;
  assert_null(app::shot_pool::make(&shots, 3, 3));
  assert_int_equal(errno, EAGAIN);
  app::shot_pool::release(&shots, first);
  app::shot_pool::release(&shots, second);
  app::shot_pool_destroy(&shots);
}

/* A protected class within another, by a friend that names it. */
class world {
protected:
  struct secret {
    int n = 7;
  };
  friend struct secret_of_world;
};
struct secret_of_world {
  typedef world::secret type;
};
OBJPOOL_DEFINE(secret_pool, secret_of_world::type, opt.handles = true);

static void protected_class_is_pooled_by_a_friend(void **) {
  static secret_pool secrets;
  secret_of_world::type *secret = secret_pool_acquire(&secrets);
  assert_non_null(secret);
  assert_int_equal(secret->n, 7);
  int seen = 0;
  for (secret_of_world::type &one : objpool_each(secrets)) seen += one.n;
  OBJPOOL_EACH(secret_pool, one, &secrets) seen += one->n;
  assert_int_equal(seen, 14);
  assert_true(secret_pool_release_handle(&secrets, secret_pool_handle_of(&secrets, secret)));
  secret_pool_destroy(&secrets);
}

static_assert(!std::is_copy_constructible<app::shot_pool>::value && !std::is_move_constructible<app::shot_pool>::value,
              "a pool stays where it is");
static_assert(std::is_standard_layout<app::shot_pool>::value && sizeof(app::shot_pool) == sizeof(objpool),
              "a plain struct");
static_assert(std::is_trivially_copyable<app::shot_pool_guard>::value, "as the guard in C");
static_assert(!std::is_convertible<OBJPOOL_SCOPED(app::shot_pool) &, app::shot_pool_guard>::value &&
                  !std::is_convertible<OBJPOOL_SCOPED(app::shot_pool), app::shot_pool_guard>::value,
              "a scoped guard does not decay: it would be released twice");
static_assert(std::is_convertible<app::shot_pool_guard, OBJPOOL_SCOPED(app::shot_pool)>::value, "but takes one over");

#if __cplusplus < 201703L // from then on it does not compile: tests/mistakes/first_lines
struct needs_argument {
  int number;
  explicit needs_argument(int n) : number(n) {}
};
OBJPOOL_DEFINE(needs_argument_pool, needs_argument);
static void acquire_one(void *from, void *) {
  assert_null(needs_argument_pool_acquire(static_cast<needs_argument_pool *>(from)));
}
static void object_without_a_way_to_build_it_is_told(void **) {
  static needs_argument_pool needing;
  needs_argument *made = needs_argument_pool::make(&needing, 3); // has one
  assert_non_null(made);
  assert_int_equal(made->number, 3);
  assert_true(panics(acquire_one, &needing, nullptr));
  assert_non_null(strstr(panic_message, "there is no T() for its T: set opt.create"));
}
#endif

int main() {
  const struct CMUnitTest tests[] = {
#if __cplusplus < 201703L
    cmocka_unit_test(object_without_a_way_to_build_it_is_told),
#endif
    cmocka_unit_test_setup_teardown(objects_are_built_by_their_constructor_and_taken_down_by_their_destructor, begin,
                                    end),
    cmocka_unit_test_setup_teardown(extract_of_an_idle_object_gives_a_new_value_and_leaves_it_alone, begin, end),
    cmocka_unit_test_setup_teardown(extract_by_an_empty_guard_gives_a_new_value, begin, end),
    cmocka_unit_test_setup_teardown(extract_moves_and_destructs, begin, end),
    cmocka_unit_test_setup_teardown(guards_release_when_an_exception_passes, begin, end),
    cmocka_unit_test_setup_teardown(guard_is_returned_by_value, begin, end),
    cmocka_unit_test_setup_teardown(moved_guard_is_empty_and_assignment_releases_what_was_held, begin, end),
    cmocka_unit_test_setup_teardown(guards_live_in_containers_and_classes, begin, end),
    cmocka_unit_test_setup_teardown(c_functions_of_the_guard_serve_the_class_too, begin, end),
    cmocka_unit_test_setup_teardown(captureless_lambdas_are_hooks, begin, end),
    cmocka_unit_test_setup_teardown(immovable_objects_are_pooled, begin, end),
    cmocka_unit_test_setup_teardown(pools_are_template_parameters, begin, end),
    cmocka_unit_test_setup_teardown(create_and_destroy_replace_constructor_and_destructor, begin, end),
    cmocka_unit_test_setup_teardown(wiping_pool_of_a_class_builds_each_object_anew, begin, end),
    cmocka_unit_test_setup_teardown(constructor_that_throws_is_a_create_that_refuses, begin, end),
    cmocka_unit_test(make_constructs_a_new_object_with_its_arguments),
    cmocka_unit_test(make_stands_in_for_create_and_replaces_what_is_invalid),
    cmocka_unit_test(make_stops_at_the_cap),
    cmocka_unit_test(protected_class_is_pooled_by_a_friend),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
