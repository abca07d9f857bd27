#!/usr/bin/env bash
# Libraries built by -fvisibility=hidden. Where OBJPOOL_API is of default visibility, the library holds the implementation and
# others use its pools: linked or loaded, from C and C++, by gcc and clang. Where it is not, nothing of it is exported, and two
# such libraries in one program keep their copies apart.
# test-all: several compilers; takes long
set -eu
cd "$(dirname "$0")/../.."
CC=${CC:-cc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$PWD
cd "$work"
warnings='-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wcast-align -Wcast-qual -Wundef -Wredundant-decls -Werror'

cat >items.h <<'C'
#include "objpool.h"
struct item {
  int n;
};
OBJPOOL_DEFINE(item_pool, struct item);
#ifdef __cplusplus
extern "C"
#else
extern
#endif
    __attribute__((visibility("default"))) item_pool *shared_items(void);
C
cat >library.c <<'C'
#define OBJPOOL_IMPLEMENTATION
#include "items.h"
static item_pool pool;
item_pool *shared_items(void) { return &pool; }
C
# What uses the pool of the library: 300 threads, more than have caches; every item comes back with what was written.
cat >use.h <<'C'
#include <pthread.h>
static void *use_items(void *pool) {
  item_pool *items = (item_pool *)pool;
  for (int i = 0; i < 1000; i++) {
    struct item *one = item_pool_acquire(items), *two = item_pool_acquire(items);
    if (!one || !two || one == two) return pool;
    one->n++, two->n++;
    item_pool_release(items, one);
    item_pool_release(items, two);
  }
  return NULL;
}
static int use_by_threads(item_pool *items) {
  static pthread_t threads[20];
  int failed = use_items(items) != NULL;
  for (int round = 0; round < 15; round++) {
    for (int i = 0; i < 20; i++)
      if (pthread_create(&threads[i], NULL, use_items, items) != 0) return 1;
    for (int i = 0; i < 20; i++) {
      void *result = NULL;
      pthread_join(threads[i], &result);
      failed |= result != NULL;
    }
  }
  objpool_stats stats = item_pool_stats(items);
  return failed || stats.in_use != 0 || stats.acquires != stats.releases || stats.acquires != 602000;
}
C
cat >linked.c <<'C'
#include "items.h"
#include "use.h"
int main(void) {
  int failed = use_by_threads(shared_items());
  item_pool_destroy(shared_items());
  return failed;
}
C
# A plugin that is linked to the library, and a program that loads it and knows nothing of pools.
cat >plugin.c <<'C'
#include "items.h"
#include "use.h"
#ifdef __cplusplus
extern "C"
#endif
    __attribute__((visibility("default"))) int run_plugin(void);
int run_plugin(void) { return use_by_threads(shared_items()); }
C
cat >loader.c <<'C'
#include <dlfcn.h>
#include <stdio.h>
int main(int argc, char **argv) {
  int failed = 0;
  for (int i = 1; i < argc; i++) { /* RTLD_GLOBAL: what a copy exports, the next one would take for its own */
    void *plugin = dlopen(argv[i], RTLD_NOW | RTLD_GLOBAL);
    if (!plugin) return fprintf(stderr, "%s\n", dlerror()), 1;
    int (*run)(void) = (int (*)(void))dlsym(plugin, "run_plugin");
    failed |= !run || run();
  }
  return failed;
}
C
# A library with a copy of its own, which is loaded together with another one.
cat >apart.c <<'C'
#define OBJPOOL_IMPLEMENTATION
#include "items.h"
#include "use.h"
static item_pool pool;
#ifdef __cplusplus
extern "C"
#endif
    __attribute__((visibility("default"))) int NAME(void);
int NAME(void) { return use_by_threads(&pool); }
C
cat >together.c <<'C'
int one(void);
int two(void);
int main(void) { return one() || two() || two() == 0; } /* the second time the count of two is another */
C

failures=0
exports() { nm -D --defined-only "$1" | grep -c ' objpool_' || true; }
step() { # LABEL COMMAND...
  local label=$1
  shift
  if ! timeout 120 "$@" >log 2>&1 || [ -s log ]; then
    echo "FAILED $label: $*"
    sed 's/^/    /' log
    failures=$((failures + 1))
    return 1
  fi
}

languages=("$CC -x c -std=c11")
case ${CC##*/} in
  *clang*) languages+=("${CC/clang/clang++} -x c++ -std=c++17") ;;
  *) languages+=("${CXX:-c++} -x c++ -std=c++17") ;;
esac
if [ "${CC##*/}" = "${CC##*/clang}" ] && command -v clang >/dev/null && command -v clang++ >/dev/null; then
  languages+=('clang -x c -std=c11' 'clang++ -x c++ -std=c++17')
fi
step loader "$CC" loader.c -ldl -o loader
number=0
for library in "${languages[@]}"; do
  # shellcheck disable=SC2206
  with=($library)
  flags=(-O1 -pthread -fvisibility=hidden "-I$root" -I.)
  # shellcheck disable=SC2206
  flags+=($warnings)
  for api in '__attribute__((visibility("default")))' 'extern __attribute__((visibility("default")))'; do
    number=$((number + 1))
    label="library by ${library/ -x*-std=/ }, OBJPOOL_API=$api"
    before=$failures
    step "$label" "${with[@]}" "${flags[@]}" "-DOBJPOOL_API=$api" -fPIC -shared library.c -o libitems$number.so || continue
    users=("${languages[@]}")
    case $api in extern*) users=("${languages[0]}") ;; esac # the same binary, but for a word
    for user in "${users[@]}"; do
      # shellcheck disable=SC2206
      by=($user)
      # -fvisibility=hidden here, too: without OBJPOOL_API's visibility the variables would be sought in the program alone
      step "$label, program by $user" "${by[@]}" "${flags[@]}" "-DOBJPOOL_API=$api" linked.c -L. -litems$number -Wl,-rpath,"$work" -o linked &&
        step "$label, program by $user" ./linked || true
      step "$label, plugin by $user" "${by[@]}" "${flags[@]}" "-DOBJPOOL_API=$api" -fPIC -shared plugin.c -L. -litems$number -Wl,-rpath,"$work" -o plugin.so &&
        step "$label, plugin by $user" ./loader ./plugin.so || true
    done
    [ $failures != "$before" ] || echo "ok: $label: used from ${#users[@]} compilers, linked and loaded"
  done

  # hidden: nothing is exported, and two copies keep apart, also where each is looked for globally
  for api in '' -DOBJPOOL_API= -DOBJPOOL_API=extern; do
    label="hidden copies by ${library/ -x*-std=/ } ${api:-(no OBJPOOL_API)}"
    before=$failures
    for name in one two; do
      step "$label" "${with[@]}" "${flags[@]}" ${api:+"$api"} -DNAME=$name -fPIC -shared apart.c -o lib$name.so || continue 2
    done
    step "$label" "$CC" together.c -L. -lone -ltwo -pthread -Wl,-rpath,"$work" -o together && step "$label" ./together || true
    for name in one two; do
      if [ "$(exports lib$name.so)" != 0 ]; then
        echo "FAILED $label: it exports"
        nm -D --defined-only lib$name.so
        failures=$((failures + 1))
      fi
    done
    [ $failures != "$before" ] || echo "ok: $label: nothing is exported"
  done
done
[ $failures = 0 ] || { echo "$failures failed"; exit 1; }
