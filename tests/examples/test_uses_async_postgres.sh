#!/usr/bin/env bash
# examples/async_postgres.c, one thread with an event loop, on a PostgreSQL server of its own that kills a connection every second:
# each request is answered once, none is lost, also of those in line when the pool is closed; by the server's log there are never
# more server processes than connections. How fast it is beside the threads of postgres_pool.c is told.
# needs: postgresql libpq-dev
# test-all: PostgreSQL
# shellcheck source=tests/examples/uses.sh
. "$(dirname "$0")/uses.sh"

build async_postgres
build postgres_pool
run examples/with_postgres bash -c '"$1"/postgres_pool 30000 16 4 1000 >"$0.threads"; : >"$POSTGRES_LOG"
  "$1"/async_postgres 100000 64 4 1000; status=$?; cp "$POSTGRES_LOG" "$0"; exit $status' "$work/server_log" "$work/examples"
says 'ok +100000 requests answered once, 0 lost, 0 answered twice, 0 timeouts' "every request was answered once"
says 'ok +[0-9]+ of them waited in line' "they waited in the pool's line"
kills_at_least() { # A-SECOND: as many in each second that the example tells of, but one: who is late catches up
  local seconds
  seconds=$(number 'connections killed in ([0-9]+) whole seconds')
  at_least "$(number 'ok +([0-9]+) connections killed')" $((${seconds:-999999} > 1 ? $1 * (${seconds:-999999} - 1) : 1)) \
    "connections were killed, $1 a second, in ${seconds:-?} seconds"
}
kills_at_least 1
says 'ok +closed: 60 requests in line were told, 4 that had a connection answered, drained in time' "close tells those in line"
says 'ok +the server knows 100004 of them' "every request did its work once"
most=$(awk '/connection authorized: user=pooled/ { if (++now > most) most = now }
            /disconnection: .* user=pooled/ { now-- }
            END { print most + 0 }' "$work/server_log")
equal "$most" 4 "the server's log has so many of its connections at once, at most"
one=$(number 'in one thread: ([0-9]+) requests a second')
many=$(sed -nE 's|with the pool: ([0-9]+) requests a second.*|\1|p' "$work/server_log.threads")
[ -n "$one" ] && [ -n "$many" ] || wrong "it does not tell how fast it was"
ok "one thread with 64 requests at once: $one a second; 16 threads: $many"

# ten times as many kills
run examples/with_postgres "$work/examples/async_postgres" 100000 64 4 100
says 'ok +100000 requests answered once, 0 lost, 0 answered twice, 0 timeouts' "every request was answered once"
kills_at_least 10

# without a server
unset PGHOST PGUSER PGDATABASE
status=0
PGHOST=$work "$work/examples/async_postgres" 10 >"$work/said" 2>&1 || status=$?
equal $status 77 "without a server it is skipped"
says 'skipped: no PostgreSQL server here' "and says so"
exit $failed
