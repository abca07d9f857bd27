#!/usr/bin/env bash
# examples/postgres_pool.c on a PostgreSQL server of its own, which kills a connection every second: each request is
# answered once, none is lost, and by the server's own log there are never more server processes than connections.
# needs: postgresql libpq-dev
# test-all: PostgreSQL
# shellcheck source=tests/examples/uses.sh
. "$(dirname "$0")/uses.sh"

build postgres_pool
run examples/with_postgres bash -c '"$@"; status=$?; cp "$POSTGRES_LOG" "$0"; exit $status' "$work/server_log" \
  "$work/examples/postgres_pool" 100000 16 4 1000
says 'ok +with 4 connections out, one more caller got "Connection timed out" after (5[0-9]|[6-9][0-9]|[1-9][0-9]{2,})\.' \
  "a caller waits as long as it said, and is told"
says 'ok +100000 requests answered once, 0 lost, 0 answered twice, 0 timeouts' "every request was answered once"
says 'ok +the server knows 100000 of them' "every request did its work once"
says 'ok +20 connections replaced in good health, 0 refused' "a connection is gone before the next one is made"
at_least "$(number 'ok +([0-9]+) connections killed')" 1 "connections were killed under way"
says 'ok +at most [1-4] server processes at once, 0 connections refused' "the server saw at most 4 connections of the pool"

# the same from the server's side: who came and went
made=$(number 'ok +([0-9]+) connections made')
unready=$(number ', ([0-9]+) killed before they were ready')
equal "$(grep -c 'connection authorized: user=pooled' "$work/server_log" || true)" "$((made + unready))" \
  "the server's log has as many connections as the pool made"
most=$(awk '/connection authorized: user=pooled/ { if (++now > most) most = now }
            /disconnection: .* user=pooled/ { now-- }
            END { print most + 0 }' "$work/server_log")
equal "$most" 4 "the server's log has so many of them at once, at most"
at_least "$(number 'speed-up: ([0-9.]+) times')" 3 "the pool is faster than connecting each time"
says 'wait for a connection: median [0-9.]+ ms, 99 of 100 within [0-9.]+ ms' "it tells how long callers waited"

# without a server
unset PGHOST PGUSER PGDATABASE
status=0
PGHOST=$work "$work/examples/postgres_pool" 10 >"$work/said" 2>&1 || status=$?
equal $status 77 "without a server it is skipped"
says 'skipped: no PostgreSQL server here' "and says so"
exit $failed
