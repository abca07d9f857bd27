#!/usr/bin/env bash
# examples/http_clients.c on nginx: the pool's clients keep their connections, in threads and in an event loop, as counted by the program from the
# server's status page and here from the server's log; nothing a request set is left for the next.
# needs: nginx-light libcurl4-openssl-dev libuv1-dev
# test-all: nginx
# shellcheck source=tests/examples/uses.sh
. "$(dirname "$0")/uses.sh"

build http_clients
requests=5000
# nginx writes a request's line when the answer is already on its way: wait for the last
run examples/with_nginx bash -c '
  "${@:2}"; status=$?
  for try in {1..50}; do [ "$(wc -l <"$HTTP_LOG")" -ge $1 ] && break; sleep 0.1; done
  cp "$HTTP_LOG" "$0"; exit $status' "$work/server_log" $((3 * requests)) \
  "$work/examples/http_clients" $requests 16 4
says "ok +$requests answers right with the pool, 0 wrong" "every answer with the pool is the one to its request"
says "ok +$requests answers right without, 0 wrong" "every answer without is, too"
says 'ok +[1-4] connections with the pool, as the server counts' "at most 4 connections with the pool"
says "ok +$requests answers right in one thread, 0 wrong" "every answer in one thread is, too"
says 'ok +[1-4] connections in one thread, as the server counts' "at most 4 connections in one thread"
says "ok +$requests connections without, as the server counts" "a connection for each request without"

log() { # KIND FIELD: how many different ones of that field the server's log has for the requests of that kind
  awk -v kind="/item/$1/" -v field="$2" 'index($3, kind) == 1 { seen[$field] } END { print length(seen) }' "$work/server_log"
}
equal "$(log pooled 3)" $requests "the server's log has every request with the pool"
equal "$(log looped 3)" $requests "and every request in one thread"
equal "$(log looped 1)" "$(number 'ok +([0-9]+) connections in one thread')" "the log has as many connections in one thread"
equal "$(log afresh 3)" $requests "and every request without"
equal "$(log pooled 1)" "$(number 'ok +([0-9]+) connections with the pool')" "the log has as many connections with the pool"
equal "$(log afresh 1)" $requests "and a connection for each request without"
equal "$(awk '$4 != 200' "$work/server_log" | wc -l)" 0 "the server refused no request"
says 'speed-up: [0-9.]+ times' "it tells the speed-up"

status=0
env -u HTTP_URL "$work/examples/http_clients" 10 >"$work/said" 2>&1 || status=$?
equal $status 77 "without a server it is skipped"
says 'skipped: no web server here' "and says so"
exit $failed
