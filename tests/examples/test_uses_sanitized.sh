#!/usr/bin/env bash
# The examples on databases, servers and libraries, the pools of buffers, tasks and game objects: under AddressSanitizer
# with UndefinedBehaviorSanitizer, then under ThreadSanitizer, with their real components and smaller loads.
# No report is suppressed. The libraries themselves are Debian's, not instrumented: what they do inside is not seen.
# needs: libsqlite3-dev libpq-dev postgresql libcurl4-openssl-dev libuv1-dev nginx-light libcjson-dev
# test-all: PostgreSQL, nginx, SQLite, cJSON
# shellcheck source=tests/examples/uses.sh
. "$(dirname "$0")/uses.sh"

export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS=second_deadlock_stack=1

awk 'BEGIN { for (i = 1; i <= 3000; i++) print i % 100 ? "{\"id\": " i ", \"values\": [1, 2.5, \"" i "\"]}" : "{" }' \
  >"$work/some.jsonl"

clean() { # EXPECTED STATUS, EXAMPLE, COMMAND…: it must end so, and no sanitizer may speak up
  local expected=$1 name=$2 status=0
  shift 2
  timeout -k 10 250 "$@" >"$work/output" 2>"$work/said" || status=$?
  if [ $status = 77 ]; then
    cat "$work/said"
    exit 77
  elif [ $status != "$expected" ] || grep -Eq 'Sanitizer|runtime error:|NOT OK' "$work/output" "$work/said"; then
    grep 'NOT OK' "$work/output" || true
    cat "$work/said"
    wrong "$name under -fsanitize=$sanitizers: exit status $status"
  else
    ok "$name is clean under -fsanitize=$sanitizers"
  fi
}

for sanitizers in address,undefined thread; do
  at=$work/examples
  for name in sqlite_pool postgres_pool async_postgres http_clients json_lines lua_allocator sized_buffers ring_buffers worker_pool game_pools; do
    build "$name" -O0 -g1 -fsanitize=$sanitizers -fno-sanitize-recover=undefined
  done
  clean 0 sqlite_pool tests/tools/steady "$at/sqlite_pool" 8 3 400
  clean 0 postgres_pool examples/with_postgres tests/tools/steady "$at/postgres_pool" 4000 8 3 100
  clean 0 async_postgres examples/with_postgres tests/tools/steady "$at/async_postgres" 4000 16 3 100
  clean 0 http_clients examples/with_nginx tests/tools/steady "$at/http_clients" 500 8 3
  clean 1 json_lines tests/tools/steady "$at/json_lines" "$work/some.jsonl" 4
  clean 0 lua_allocator tests/tools/steady "$at/lua_allocator" 1
  clean 0 sized_buffers tests/tools/steady "$at/sized_buffers" 4000 4
  clean 0 ring_buffers tests/tools/steady "$at/ring_buffers" 4000 3
  clean 0 worker_pool tests/tools/steady "$at/worker_pool" 4000 6 3 8
  clean 0 game_pools tests/tools/steady "$at/game_pools" examples/game_pools.conf 4000 4
done
exit $failed
