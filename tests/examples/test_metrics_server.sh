#!/usr/bin/env bash
# examples/metrics_server.c as its visitors meet it: the three pages, 404 for others, refusal of what is too large, and
# the live page in Chromium, wide and narrow; its quantiles are those of objpool_quantile.
# needs: jq curl libmicrohttpd-dev chromium
# test-all: Chromium
set -eu
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; wait; rm -rf "$work"' EXIT
bad() { echo "NOT OK: $1"; cat "$work/log" 2>/dev/null; exit 1; }

"${CC:-cc}" -std=c11 -O2 -pthread -I. examples/metrics_server.c -o "$work/metrics_server" -lmicrohttpd
names=('Größe "µ" \ 池' '<b id="injected">bold</b>')
"$work/metrics_server" 0 900 "${names[@]}" >"$work/log" 2>&1 &
server=$!
for _ in $(seq 600); do grep -q '^http' "$work/log" && break; sleep 0.1; done
url=$(sed -n 's|^\(http://127.0.0.1:[0-9]*/\) .*|\1|p' "$work/log")
[ -n "$url" ] || bad "it does not start"

answers() { # STATUS WHAT CURL-ARGUMENTS...
  local status
  status=$(curl -s --max-time 10 -o "$work/body" -w '%{http_code}' "${@:3}") || true
  [ "$status" = "$1" ] || bad "$2: $status, not $1"
  echo "ok: $1 for $2"
}
answers 200 "the page" "$url"
answers 200 "/metrics" "${url}metrics"
head -n 1 "$work/body" | grep -q '^# HELP objpool_' || bad "/metrics begins otherwise"
curl -s -o /dev/null -D - "${url}metrics" | grep -qi '^content-type: text/plain; version=0.0.4' ||
  bad "/metrics is not declared as text exposition 0.0.4"
answers 200 "/stats.json" "${url}stats.json"
jq -ne 'input | [.registry.pools[].name] | contains(["connections", "pages", "requests"])' "$work/body" >/dev/null ||
  bad "/stats.json lacks pools"
answers 200 "HEAD" -I "$url"
for path in nope metrics/ stats.jso index.html ../etc/passwd '%2e%2e/%2e%2e/etc/passwd' favicon.ico; do
  answers 404 "the unknown /$path" --path-as-is "$url$path"
done
answers 405 "a POST" -d small "${url}metrics"
answers 405 "DELETE" -X DELETE "${url}metrics"
head -c 1000000 /dev/zero >"$work/million"
# told before the body is sent, as a visitor asks who does not want to send it in vain: else the answer may be lost with it
wary='Expect: 100-continue'
answers 405 "a POST of a million bytes" -H "$wary" --data-binary @"$work/million" "${url}metrics"
answers 413 "a GET with a body of a million bytes" -X GET -H "$wary" --data-binary @"$work/million" "${url}metrics"
answers 413 "a GET with a body in chunks" -X GET -H "$wary" -H 'Transfer-Encoding: chunked' --data-binary @"$work/million" "${url}metrics"
long=$(head -c 40000 /dev/zero | tr '\0' a)
answers 414 "an address of 40,000 characters" "$url$long"
answers 431 "a header of 40,000 characters" -H "X-Long: $long" "$url"
answers 200 "the next visitor, after all that" "${url}metrics"

# many at once: more than it lets in get no answer, the rest do, and it lives
answered=$(seq 100 | xargs -P 50 -I{} curl -s --max-time 10 -o /dev/null -w '%{http_code}\n' "${url}stats.json" |
  grep -c '^200' || true)
[ "$answered" -ge 30 ] || bad "of 100 visitors, 50 at a time, only $answered got an answer"
echo "ok: 100 visitors, 50 at a time, at most 32 let in: $answered answered"

# bursts begin every twelve seconds, after eight: then there are alerts, and four seconds later they end
for _ in $(seq 1200); do
  if curl -s "${url}stats.json" |
    jq -ne 'input | [.alerts[].recovered] | any and (all | not)' >/dev/null; then break; fi
  sleep 0.1
done
curl -s "${url}stats.json" | jq -ne 'input | [.alerts[].recovered] | any and (all | not)' >/dev/null ||
  bad "no alerts began and ended within two minutes"
echo "ok: alerts begin and end: $(curl -s "${url}stats.json" | jq -r '.alerts[0].message')"

# for the page below: in a burst somebody waits for a connection, and creates take their time
for _ in $(seq 1200); do
  if curl -s "${url}stats.json" | jq -ne 'input | .registry.pools[] | select(.name == "connections") |
    .waiting > 0 and .longest_held.held_ns > 300000000 and .use_times.count > 0 and .wait_times.count > 0 and .create_times.count > 0' | grep -q true; then break; fi
  sleep 0.1
done

browse() { # ADDRESS ARGUMENTS...
  timeout -k 5 180 chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-quic --no-first-run --disable-background-networking \
    --disable-component-update --disable-sync --user-data-dir="$(mktemp -d -p "$work")" --window-size=1200,900 "${@:2}" "$1"
}
says_who() { grep -qE 'data-is="held longest"[^>]*>[0-9.]+[^<]*<small>metrics_server\+0x[0-9a-f]+</small>' "$work/dom"; }
for _ in $(seq 20); do # at some moments nobody has a connection
  browse "$url" --virtual-time-budget=6000 --dump-dom >"$work/dom" 2>"$work/chromium" ||
    { cat "$work/chromium"; bad "Chromium failed"; }
  ! says_who || break
done
shows() { grep -qF -- "$1" "$work/dom" ||
  { cat "$work/dom"; bad "the page does not show $2"; }; echo "ok: the page shows $2"; }
shows '<td class="name">connections</td>' "a pool"
shows '<td class="name">Größe "µ" \ 池</td>' "a name with quotes, a backslash and Chinese"
shows '<td class="name">&lt;b id="injected"&gt;bold&lt;/b&gt;</td>' "a name like markup as text"
shows '>live</span>' "that it is live"
shows 'class="began"' "alerts that began"
shows 'class="ended"' "alerts that ended"
cells() { grep -oE "<td( class=\"[^\"]*\")? data-is=\"$1\"[^>]*>[^<]*" "$work/dom" | sed 's/.*>//'; }
says() { cells "$1" | head -n 1 | grep -qE "^($2)\$" || { cells "$1"; bad "the page says of connections not $3"; }
  echo "ok: $3: $(cells "$1" | head -n 1)"; }
some='[0-9.]+(&nbsp;|.{1,2})(ns|µs|ms|s)' # a blank where no line ends
says used '[0-8] of 8' "how many of 8 connections are in use"
says 'waiting now' '[0-9]+' "how many wait now"
says 'wait p50 / p99' "$some / $some" "how long they waited"
says 'create p50 / p99' "$some / $some" "how long creates took"
says 'use p50 / p99' "$some / $some" "how long they were in use"
[ "$(cells 'use p50 / p99' | sed -n 2p)" = – ] || bad "the page tells of uses in a pool that is not tracked"
says_who || bad "the page does not say who holds a connection"
echo "ok: the page says who has held a connection for longest"
[ "$(cells 'create p50 / p99' | sed -n 2p)" = – ] || bad "the page tells of creates in a pool without create"
grep -qE '<polyline points="[0-9.]+,[0-9.]+ [0-9.]+,[0-9.]+' "$work/dom" ||
  bad "the page drew no curve from several looks"
echo "ok: the page drew a curve from several looks"

# the quantiles of its script, beside those of the header
cat >"$work/quantile.c" <<'C'
#include <stdio.h>
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"
int main(void) {
  static const double shares[] = {0, 0.01, 0.5, 0.9, 0.99, 1};
  unsigned random = 1;
  for (int n = 0; n < 200; n++) {
    objpool_histogram times = {0, 0, {0}};
    for (int i = 0; i < 14; i++) { /* few of the buckets, and the last one seldom */
      random = random * 1103515245u + 12345u;
      times.buckets[i] = (random >> 16) % (i == 13 ? 20 : 3) == 0 ? (random >> 20) % 1000 + 1 : 0;
      times.count += times.buckets[i];
    }
    if (!times.count) times.count = times.buckets[3] = 1;
    for (int i = 0; i < 14; i++) printf("%llu%s", (unsigned long long)times.buckets[i], i < 13 ? "," : "");
    for (int i = 0; i < 6; i++) printf(" %.1f", objpool_quantile(&times, shares[i]));
    printf("\n");
  }
  return 0;
}
C
"${CC:-cc}" -std=c11 -O2 -pthread -I. "$work/quantile.c" -o "$work/quantile"
"$work/quantile" >"$work/quantiles"
{
  printf '<meta charset="utf-8"><body><script>\n'
  curl -s "$url" | sed -n '/^function quantile(/,/^}/p'
  printf 'function duration(ns) { return ns; }\nconst wanted = `'
  cat "$work/quantiles"
  cat <<'JS'
`.trim().split('\n'), shares = [0, .01, .5, .9, .99, 1];
let compared = 0, wrong = '';
for (const line of wanted) {
  const [counts, ...values] = line.split(' ');
  shares.forEach((share, i) => {
    const is = Number(String(quantile(counts.split(',').map(Number), share)).replace('> ', ''));
    if (Math.abs(is - values[i]) > 1e-6 * values[i] + .1) wrong += `${line}: ${share} gives ${is}; `;
    compared++;
  });
}
document.body.textContent = compared + ' compared, wrong: ' + (wrong || 'none');
</script>
JS
} >"$work/quantile.html"
browse "file://$work/quantile.html" --dump-dom >"$work/dom" 2>"$work/chromium" || { cat "$work/chromium"; bad "Chromium failed"; }
shows '1200 compared, wrong: none' "the quantiles that objpool_quantile gives"

# as on a telephone: all that the wide table says, and nothing beside the screen
{ # a copy of it, which Chromium lets be looked into
  printf '<script>window.fetch = async () => ({ json: async () => ('
  curl -s "${url}stats.json" | sed 's|</|<\\/|g'
  printf ') });</script>'
} >"$work/stats.html"
curl -s "$url" | sed "/^<table>/r $work/stats.html" >"$work/page.html"
cat >"$work/narrow.html" <<HTML
<body><iframe src="page.html" width="420" height="1600" style="border:0"></iframe><script>
setTimeout(() => {
  const page = frames[0].document, cells = [...page.querySelectorAll('#pools td')];
  const beside = cells.filter(cell => { const at = cell.getBoundingClientRect(); return !at.width || at.left < 0 || at.right > 420; });
  const unnamed = cells.filter(cell => !cell.dataset.is && cell.className !== 'name');
  document.body.textContent = cells.length + ' cells, ' + beside.length + ' beside, ' + unnamed.length + ' unnamed, ' +
    (page.documentElement.scrollWidth - page.documentElement.clientWidth) + ' too wide';
}, 4000);
</script>
HTML
browse "file://$work/narrow.html" --allow-file-access-from-files --virtual-time-budget=6000 --dump-dom \
  >"$work/dom" 2>"$work/chromium" || { cat "$work/chromium"; bad "Chromium failed"; }
grep -qE '[1-9][0-9]+ cells, 0 beside, 0 unnamed, 0 too wide' "$work/dom" || { cat "$work/dom"; bad "at 420 px something is out of reach"; }
echo "ok: at 420 px everything is on the screen"

browse "$url" --virtual-time-budget=6000 --screenshot="$work/page.png" >/dev/null 2>"$work/chromium" ||
  { cat "$work/chromium"; bad "no screenshot"; }
[ "$(head -c 4 "$work/page.png" | tail -c 3)" = PNG ] && [ "$(wc -c <"$work/page.png")" -gt 20000 ] ||
  bad "the screenshot is empty"
[ -z "${SCREENSHOT-}" ] || cp "$work/page.png" "$SCREENSHOT"
echo "ok: a screenshot of $(wc -c <"$work/page.png") bytes (SCREENSHOT=FILE keeps it)"

kill -TERM "$server"
status=0
wait "$server" || status=$?
server=
[ "$status" = 0 ] && grep -q '^stopped after [1-9][0-9]* alerts' "$work/log" || bad "it did not stop as asked: $status"
echo "ok: it stops when asked, with status 0"
