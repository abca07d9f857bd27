#!/usr/bin/env bash
# What the README shows is true: each snippet compiles, the first runs and prints what stands below it, each target exists.
#
# A snippet with `int main` is a program. One with OBJPOOL_DEFINE stands at file scope, after the types and hooks it names
# (below). All others follow the pool of the README's first snippets; those without a function of their own are
# statements within one.
# test-all: a C++ compiler, and targets of every kind
set -eu
: "${CC:=cc}" "${CXX:=c++}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
strict='-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wcast-align -Wcast-qual -Wundef
        -Wdouble-promotion -Werror -O1 -pthread -I.'

cat >"$work/hooks.h" <<'END'
#include "objpool.h"
#include <errno.h>
#include <stdio.h>
#ifdef __cplusplus
#include <cstddef>
#include <new>
#include <string>
#include <vector>
#endif
struct conn { int queries; };
struct server { int address; };
static inline bool conn_open(struct conn *conn, void *context) { conn->queries = 0; return context != NULL; }
static inline void conn_rollback(struct conn *conn, void *context) { (void)conn, (void)context; }
static inline bool conn_is_alive(struct conn *conn, void *context) { (void)context; return conn->queries >= 0; }
static inline void conn_close(struct conn *conn, void *context) { (void)conn, (void)context; }
static inline bool conn_select(struct conn *conn, int database) { return conn->queries >= database; }
static inline bool conn_query(struct conn *conn, int request) { return conn->queries >= request; }
END
cat >"$work/pool.h" <<'END'
#include "hooks.h"
OBJPOOL_DEFINE(conn_pool, struct conn, opt.create = conn_open, opt.reset = conn_rollback);
END

# each fenced block into a file of its own: NUMBER-LINE.LANGUAGE
awk -v folder="$work" '
  /^```/ && !within { within = 1; file = sprintf("%s/%02d-%d.%s", folder, ++number, NR + 1, substr($0, 4)); printf "" >file; next }
  /^```/ { within = 0; close(file); next }
  within { print >file }
  END { exit within }' README.md || { echo "FAILED: README.md ends within a block"; exit 1; }

checked=0
for snippet in "$work"/[0-9]*.c "$work"/[0-9]*.cpp; do
  [ -f "$snippet" ] || continue
  number=$(basename "$snippet"); line=${number#*-}; line=${line%.*}; number=${number%%-*}
  unit=$work/unit.${snippet##*.}
  if grep -q '^int main' "$snippet"; then
    cp "$snippet" "$unit"
  else
    if grep -q OBJPOOL_DEFINE "$snippet"; then echo '#include "hooks.h"'; else echo '#include "pool.h"'; fi >"$unit"
    if grep -qE '^[a-z].*\) \{$|OBJPOOL_DEFINE' "$snippet"; then
      printf '#line %d "README.md"\n' "$line" >>"$unit"
      cat "$snippet" >>"$unit"
    else
      grep -q 'conn_pool pool;' "$snippet" || echo 'static conn_pool pool;' >>"$unit"
      printf 'static struct server server;\nint snippet(void);\nint snippet(void) {\n#line %d "README.md"\n' "$line" >>"$unit"
      cat "$snippet" >>"$unit"
      printf 'return server.address;\n}\n' >>"$unit"
    fi
  fi
  # a snippet need not use all that it defines
  case $snippet in
    *.c) command="$CC -std=c11 -Wstrict-prototypes -Wmissing-prototypes" ;;
    *) command="$CXX -std=c++17 -Wno-missing-declarations" ;;
  esac
  # shellcheck disable=SC2086 # flags are words
  if ! $command $strict -Wno-unused-function -I"$work" -c "$unit" -o "$work/unit.o" >"$work/log" 2>&1; then
    sed 's/^/    /' "$work/log"
    echo "FAILED: the snippet at line $line of README.md does not compile"
    exit 1
  fi
  checked=$((checked + 1))
done
[ "$checked" -ge 5 ] || { echo "FAILED: found only $checked snippets"; exit 1; }
echo "ok: $checked snippets compile without a warning"

first=$(ls "$work"/[0-9]*.c | head -n 1)
output=$(ls "$work"/[0-9]*.text | head -n 1)
sed 1d examples/hello.c | cmp "$first" - || # whose first line says how it is built
  { echo "FAILED: the first snippet is not examples/hello.c"; exit 1; }
"$CC" -std=c11 -O2 -pthread -I. "$first" -o "$work/hello"
"$work/hello" >"$work/shown"
diff "$output" "$work/shown" || { echo "FAILED: the first snippet prints something else"; exit 1; }
echo "ok: the first snippet is examples/hello.c and prints what the README shows"

awk '/^```/ { open = !open; hidden = open && !/^```sh/; next } !hidden' README.md >"$work/prose" # and the commands
for target in $(grep -oE '(^|`)make [a-z][a-z-]*' "$work/prose" | sed 's/.*make //' | sort -u); do
  make -n "$target" >"$work/log" 2>&1 || { cat "$work/log"; echo "FAILED: no such target: make $target"; exit 1; }
done
for file in $(grep -oE '\]\([^):#]+\)' "$work/prose" | tr -d '])(') \
  $(grep -oE '`(examples|tests|bench)/[a-z_./]*`' "$work/prose" | tr -d '`'); do
  [ -e "$file" ] || { echo "FAILED: no such file: $file"; exit 1; }
done
sed -n 's/^## *//p' "$work/prose" | tr 'A-Z ' 'a-z-' | tr -cd 'a-z0-9\n-' >"$work/headings" # as in links to them
for heading in $(grep -oE '\]\(#[^)]*\)' "$work/prose" | tr -d '])(#'); do
  grep -qxe "$heading" "$work/headings" || { echo "FAILED: no such heading: $heading"; exit 1; }
done
echo "ok: every target, file and heading it names exists"

make --no-print-directory help >"$work/help"
grep '^  make ' "$work/help" | grep -vE '(second|minute|hour)s?.*(MB|GB|nothing to install|no network|not installed)' >"$work/log" &&
  { cat "$work/log"; echo "FAILED: make help does not say how long these take, or what they install"; exit 1; }
for target in $(sed -n '/^\.PHONY/,/[^\]$/p' Makefile | tr -d '\\' | sed 's/\.PHONY://'); do
  case $target in compiler | python | example-packages) continue ;; esac # parts of others
  grep -q "^  make $target " "$work/help" || { echo "FAILED: make help lacks $target"; exit 1; }
done
echo "ok: make help says of each target how long it takes and what it installs"

for example in examples/*.c examples/*.cpp; do
  [ "$example" != examples/start_module_main.cpp ] || continue # the module's other half
  grep -q "](${example#examples/})" examples/README.md || { echo "FAILED: examples/README.md lacks $example"; exit 1; }
done
for file in $(grep -oE '\]\([^):#]+\)' examples/README.md | tr -d '])('); do
  [ -e "examples/$file" ] || { echo "FAILED: examples/README.md names what is not there: $file"; exit 1; }
done
echo "ok: examples/README.md names every example"

# the tables are whole: each field of the configuration, each function that a pool has
for field in $(sed -n '/^typedef struct objpool_config {/,/^}/s/^  [^;/]*[ *]\([a-z_]*\)\( OBJPOOL__0\)\?;.*/\1/p' objpool.h); do
  grep -q "^| \`$field\`.*| " README.md || { echo "FAILED: the table of the configuration lacks $field"; exit 1; }
done
generated=$(sed -n '/^   FUNCTIONS generated/,/^   NOTES/s/^      [^/]*[ *]conn_pool\(_[a-z_]*\|::make\)(.*/\1/p' objpool.h)
[ "$(echo "$generated" | wc -l)" -ge 35 ] || { echo "FAILED: found only these functions: $generated"; exit 1; }
for function in $generated; do
  grep -q "[\`a-z]$function\b" README.md || { echo "FAILED: README lacks conn_pool$function"; exit 1; }
done
# those without a type, unless they are named as one of a pool, and those of sets
for function in $(sed -n 's/^\(OBJPOOL_API\|OBJPOOL__CALLED\) [^(]*[ *]\(objpool_[a-z][a-z_]*\)(.*/\2/p; s/^\(objpool_[a-z_]*\)(.*/\1/p' objpool.h | sort -u) \
  buffers_grow buffers_class; do
  echo "$generated" | grep -qx "_${function#objpool_}" || grep -q "\b$function\b" README.md || { echo "FAILED: README lacks $function"; exit 1; }
done
for macro in OBJPOOL_WITH OBJPOOL_SCOPED OBJPOOL_MS; do grep -q "$macro" README.md || { echo "FAILED: README lacks $macro"; exit 1; }; done
echo "ok: its tables have every field of the configuration and every function"
