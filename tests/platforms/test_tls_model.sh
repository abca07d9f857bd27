#!/usr/bin/env bash
# How the thread-local word is reached. A library with the implementation loads by dlopen on musl, which has no room for
# "initial-exec" words of libraries that come later; on glibc there is some, and with OBJPOOL_TLS_MODEL "global-dynamic" 300 plugins
# load that have a copy each.
# test-all: musl
set -eu
cd "$(dirname "$0")/../.."
CC=${CC:-cc}
tests/tools/need musl-tools >/dev/null || true
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat >"$work/plugin.c" <<'C'
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"
struct item {
  int n;
};
OBJPOOL_DEFINE(item_pool, struct item);
static item_pool pool;
static bool started;
int run_plugin(void); /* how often it was called, as its one object tells: the second thread finds what the first one left */
int run_plugin(void) {
  objpool_config config = {.max_objects = 1};
  if (!started) started = item_pool_init(&pool, &config);
  struct item *item = item_pool_acquire(&pool);
  if (!item) return -1;
  int n = ++item->n;
  item_pool_release(&pool, item);
  objpool_stats stats = item_pool_stats(&pool);
  return stats.idle == 1 && stats.created == 1 ? n : -1;
}
C
cat >"$work/loader.c" <<'C'
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
static int (*run[400])(void);
static int count, failed;
static void *run_all(void *times) {
  for (int i = 0; i < count; i++) failed |= run[i]() != *(int *)times;
  return NULL;
}
int main(int argc, char **argv) {
  int times = 1;
  pthread_t thread;
  for (int i = 1; i < argc; i++) {
    void *plugin = dlopen(argv[i], RTLD_NOW | RTLD_LOCAL);
    if (!plugin) return printf("after %d plugins: %s\n", i - 1, dlerror()), 1;
    *(void **)&run[count++] = dlsym(plugin, "run_plugin");
  }
  run_all(&times);
  times = 2;
  if (pthread_create(&thread, NULL, run_all, &times) != 0) return 1;
  pthread_join(thread, NULL);
  printf("%d plugins\n", count);
  return failed;
}
C

# load LABEL COPIES PLUGIN-FLAGS COMPILER...: as many plugins in one program
load() {
  local label=$1 copies=$2 flags=$3 i plugins=()
  shift 3
  rm -rf "$work/copies"
  mkdir "$work/copies"
  "$@" -std=c11 -O1 -pthread -fPIC -shared "$flags" -I. "$work/plugin.c" -o "$work/plugin.so"
  "$@" -std=c11 -O1 -pthread "$work/loader.c" -ldl -o "$work/loader"
  for ((i = 0; i < copies; i++)); do
    cp "$work/plugin.so" "$work/copies/$i.so"
    plugins+=("$work/copies/$i.so")
  done
  if timeout 120 "$work/loader" "${plugins[@]}" >"$work/log" 2>&1; then echo "ok: $label: $(cat "$work/log")"
  else
    echo "FAILED $label"
    sed 's/^/    /' "$work/log"
    exit 1
  fi
}

compilers=$CC
if [ "${CC##*/}" = "${CC##*/clang}" ] && command -v clang >/dev/null; then compilers="$CC clang"; fi
for compiler in $compilers; do
  load "$compiler, as it comes" 4 -DAS_IT_COMES "$compiler"
  load "$compiler, \"global-dynamic\"" 300 '-DOBJPOOL_TLS_MODEL="global-dynamic"' "$compiler"
done
if command -v musl-gcc >/dev/null; then
  load 'musl-gcc, as it comes' 300 -DAS_IT_COMES musl-gcc
  load 'musl-gcc, "global-dynamic"' 4 '-DOBJPOOL_TLS_MODEL="global-dynamic"' musl-gcc
else
  echo 'not on musl: there is no musl-gcc'
fi
