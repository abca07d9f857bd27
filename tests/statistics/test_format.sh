#!/usr/bin/env bash
# What objpool_format prints, judged by others: JSON by jq and Python, Prometheus text by promtool, and a Prometheus
# server that scrapes examples/metrics_server.c on loopback, and answers each query of the dashboard, examples/grafana.json. Names
# with quotes, backslashes, newlines and non-ASCII come through whole.
# needs: jq curl python3 prometheus libmicrohttpd-dev
# test-all: Prometheus
set -eu
work=$(mktemp -d)
started=()
trap 'for pid in ${started[@]+"${started[@]}"}; do kill "$pid" 2>/dev/null || true; done; wait; rm -rf "$work"' EXIT
bad() { echo "NOT OK: $1"; exit 1; }

cat >"$work/formats.c" <<'C'
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"
typedef struct record { char text[40]; } record;
OBJPOOL_DEFINE(record_pool, record);

/* usage: formats KIND NAME...: the registry with a pool of each name, in the KIND of 0 text, 1 JSON, 2 Prometheus */
int main(int argc, char **argv) {
  static record_pool pools[64];
  for (int i = 2; i < argc; i++) {
    objpool_config config = {.name = argv[i], .max_objects = 3};
    if (!record_pool_init(&pools[i], &config)) { perror(argv[i]); return 1; }
    record *held[3];
    for (int k = 0; k < 3; k++) if (!(held[k] = record_pool_acquire(&pools[i]))) { perror("acquire"); return 1; }
    if (record_pool_acquire(&pools[i]) || errno != EAGAIN) return 1;
    record_pool_release(&pools[i], held[0]);
    record_pool_discard(&pools[i], held[1]);
  }
  int length = objpool_format(NULL, (objpool_format_kind)atoi(argv[1]), NULL, 0);
  char *text = malloc((size_t)length + 4096);
  if (!text || objpool_format(NULL, (objpool_format_kind)atoi(argv[1]), text, (size_t)length + 4096) >= length + 4096) return 1;
  fputs(text, stdout);
  return 0;
}
C
"${CC:-cc}" -std=c11 -O2 -pthread -I. "$work/formats.c" -o "$work/formats"

names=('plain' 'with "quotes"' 'back\slash' 'ends in \' $'two\nlines' $'tab\tand bell\a' 'Größe µ' '池' '🐟' '' ' ' '{pool="x"} 1' "it's" '\n is not a newline' '# HELP')
export names_json
names_json=$(python3 -c 'import json, sys; print(json.dumps(sys.argv[1:]))' "${names[@]}")

# JSON
"$work/formats" 1 "${names[@]}" >"$work/all.json"
jq -ne --argjson names "$names_json" 'input | [.pools[].name] == $names' "$work/all.json" >/dev/null ||
  bad "jq reads other names: $(jq -c '[.pools[].name]' "$work/all.json")"
echo "ok: jq reads ${#names[@]} names as they are"
python3 - "$work/all.json" <<'PY'
import json, os, sys
pools = json.loads(open(sys.argv[1], 'rb').read().decode('utf-8', 'strict'))['pools']
assert [pool['name'] for pool in pools] == json.loads(os.environ['names_json'])
fields = '''acquires releases hits misses created destroyed extracted overflowed invalid create_failures exhausted timeouts waits wait_ns
  waiting in_use idle peak_in_use peak_idle refills flushes revocations object_size memory_bytes max_idle max_objects since_ns now_ns'''.split()
for pool in pools:
    for field in fields:
        assert isinstance(pool[field], int) and pool[field] >= 0, (field, pool)
    assert pool['acquires'] == pool['misses'] == 3 and pool['hits'] == 0 and pool['exhausted'] == 1 and pool['invalid'] == 1
    assert pool['in_use'] == 1 and pool['idle'] == 1 and pool['object_size'] == 40 and pool['max_objects'] == 3
    assert pool['slack_bytes'] == pool['memory_bytes'] - 40 and pool['memory_bytes'] >= 80 and pool['now_ns'] >= pool['since_ns'] > 0
    assert pool['hit_rate'] == 0 and pool['miss_rate'] == 1
PY
echo "ok: Python's json reads every field of the statistics"
"$work/formats" 1 | jq -ne 'input | .pools == []' >/dev/null || bad "an empty registry is no list"
echo "ok: an empty registry is JSON too"
"$work/formats" 1 $'caf\xe9' $'\xf0\x9f' |
  jq -ne 'input | [.pools[].name] == ["caf\ufffd", "\ufffd"] or [.pools[].name] == ["caf\ufffd", "\ufffd\ufffd"]' >/dev/null ||
  bad "invalid UTF-8 in JSON: $("$work/formats" 1 $'caf\xe9' $'\xf0\x9f' | head -c 300)"
echo "ok: invalid UTF-8 becomes U+FFFD"

# Prometheus
"$work/formats" 2 "${names[@]}" >"$work/all.prom"
promtool check metrics <"$work/all.prom" >"$work/promtool" 2>&1 ||
  { cat "$work/promtool"; bad "promtool has complaints"; }
[ ! -s "$work/promtool" ] || { cat "$work/promtool"; bad "promtool has remarks"; }
echo "ok: promtool check metrics has nothing to say"
if sed 's/ gauge$/ gouge/' "$work/all.prom" |
  promtool check metrics >/dev/null 2>&1; then bad "promtool would have let anything pass"; fi
cat >"$work/families" <<'LIST'
objpool_acquires_total counter
objpool_cache_operations_total counter
objpool_created_objects_total counter
objpool_destroyed_objects_total counter
objpool_extracted_objects_total counter
objpool_memory_bytes gauge
objpool_objects gauge
objpool_objects_max gauge
objpool_objects_peak gauge
objpool_releases_total counter
objpool_slack_bytes gauge
objpool_wait_seconds histogram
objpool_waiting gauge
LIST
sed -n 's/^# TYPE //p' "$work/all.prom" | LC_ALL=C sort | diff "$work/families" - || bad "other families than promised"
[ "$(grep -c '^# HELP ' "$work/all.prom")" = 13 ] || bad "HELP once per family"
echo "ok: the thirteen families, each with its help and type once"
"$work/formats" 2 $'caf\xe9' | promtool check metrics || bad "promtool refuses a name that was invalid UTF-8"
"$work/formats" 2 | promtool check metrics || bad "promtool refuses an empty registry"
echo "ok: promtool takes a name that was invalid UTF-8, and an empty registry"
[ "$("$work/formats" 0 plain other | grep -c .)" -ge 2 ] || bad "the text says nothing"
echo "ok: the text for people is not empty"

# a real server
"${CC:-cc}" -std=c11 -O2 -pthread -I. examples/metrics_server.c -o "$work/metrics_server" -lmicrohttpd
"$work/metrics_server" 0 600 "${names[@]}" >"$work/server.log" 2>&1 &
started+=($!)
for _ in $(seq 600); do grep -q '^http' "$work/server.log" && break; sleep 0.1; done
target=$(sed -n 's|^http://\([0-9.:]*\)/.*|\1|p' "$work/server.log")
[ -n "$target" ] || { cat "$work/server.log"; bad "metrics_server did not start"; }
cat >"$work/prometheus.yml" <<YML
global: { scrape_interval: 2s, scrape_timeout: 2s }
scrape_configs:
  - job_name: pools
    static_configs: [ { targets: [ "$target" ] } ]
YML
# A port that another program takes first is tried again as another one; below the ports that clients' ends get.
for _ in $(seq 10); do
  port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
  prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/tsdb" \
    --web.listen-address="127.0.0.1:$port" --log.level=warn >"$work/prometheus.log" 2>&1 &
  prometheus=$!
  started+=($prometheus)
  for _ in $(seq 600); do
    if ! kill -0 $prometheus 2>/dev/null || curl -s --max-time 5 -o /dev/null "http://127.0.0.1:$port/-/ready"; then break; fi
    sleep 0.1
  done
  if kill -0 $prometheus 2>/dev/null || ! grep -q 'address already in use' "$work/prometheus.log"; then break; fi
done
ask() { curl -s --max-time 10 --get "http://127.0.0.1:$port/api/v1/$1" "${@:2}"; }

# On a busy machine one scrape may come too late, and its samples are missing until the next: each question may be asked
# again for two minutes. A text the server could not read would never be answered for.
answer() { # JQ-EXPRESSION WHAT TO ASK...: waits until it holds of the answer; what it says is left in $said
  local tries
  for tries in $(seq 240); do
    if said=$(ask "${@:2}" | jq -r --argjson names "$names_json" "$1" 2>/dev/null) && [ -n "$said" ]; then return 0; fi
    sleep 0.5
  done
  cat "$work/prometheus.log"
  ask "${@:2}" | jq . || true
  ask targets | jq . || true
  return 1
}
answer '.data.activeTargets | select(length == 1 and all(.[]; .health == "up" and .lastError == "")) | "fine"' targets ||
  bad "the Prometheus server could not scrape"
echo "ok: a Prometheus server scrapes it without an error"
answer '[.data.result[].metric | .pool // ""] | select(sort == ($names + ["connections", "pages", "requests"] | sort)) | "fine"' \
  query --data-urlencode 'query=objpool_memory_bytes' || bad "other names in the server"
echo "ok: all names came through whole"
answer '.data.result[0].value[1] | select(tonumber > 100)' \
  query --data-urlencode 'query=sum(rate(objpool_acquires_total{result="hit"}[1m]))' || bad "no rate of acquires"
echo "ok: it computes a rate of acquires: $said a second"

# The dashboard: each query has numbers, of pools that are chosen by its variable, and no family is left out.
dashboard=examples/grafana.json
jq -e '[.panels[].id] == ([.panels[].id] | unique) and all(.panels[]; .datasource.uid == "${source}" and (.targets | length > 0))' \
  $dashboard >/dev/null || bad "panels without a number of their own, a source or a query"
curl -s "http://$target/metrics" | sed -n 's/^# TYPE \([^ ]*\) .*/\1/p' >"$work/families"
while read -r family; do
  jq -e --arg family "$family" 'any(.panels[].targets[].expr; test("\\b" + $family + "(_bucket|_count)?\\b"))' $dashboard >/dev/null ||
    bad "no panel shows $family"
done <"$work/families"
echo "ok: the dashboard shows all $(grep -c . "$work/families") families"
variable=$(jq -r '.templating.list[] | select(.name == "pool").query.query' $dashboard)
[[ $variable =~ ^label_values\(([a-z_]+),\ pool\)$ ]] || bad "the dashboard's variable asks otherwise: $variable"
answer 'select(.data | contains(["connections", "pages", "requests"])) | "fine"' label/pool/values --data-urlencode "match[]=${BASH_REMATCH[1]}" ||
  bad "no pools to choose from in the dashboard"
queries=0
while read -r query; do
  ask query --data-urlencode "query=$query" | jq -e '.status == "success"' >/dev/null || bad "Prometheus refuses $query"
  answer '[.data.result[].value[1] | select(. != "NaN")] | select(length > 0) | "fine"' query --data-urlencode "query=$query" ||
    bad "no answer to $query"
  queries=$((queries + 1))
done < <(jq -r '.panels[].targets[].expr' $dashboard | sed 's/\$__rate_interval/30s/g; s/\$pool/connections|pages|requests/g')
[ "$queries" -ge 15 ] || bad "only $queries queries"
echo "ok: the $queries queries of the dashboard are answered"
