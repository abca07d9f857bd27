/* A server that shows its pools: /metrics for Prometheus, /stats.json, and a live page drawn from it in the browser,
 * while worker threads make load and a monitor watches and maintains. Serves 127.0.0.1 only, for a while, by
 * libmicrohttpd.
 *
 * usage: metrics_server [PORT [SECONDS [NAME...]]]
 * PORT 0: a free one [8080]; SECONDS [60]; NAMEs: pools to have besides
 *
 * build: cc -std=c11 -O2 -pthread -I.. metrics_server.c -o metrics_server -lmicrohttpd
 */
#include "common.h"
#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <signal.h>
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"
#include "fleet_load.h"

enum { CONNECTIONS_MAX = 32, CONNECTION_SECONDS = 10, REQUEST_BYTES_MAX = 16 * 1024, ALERTS_KEPT = 20 };

/* >>page: in pieces, because a C string need not be longer than 4095 characters ************************************ */

static const char page_head[] =
    "<!DOCTYPE html>\n"
    "<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Pools</title>\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><link rel=\"icon\" href=\"data:,\">\n"
    "<style>\n"
    ":root { color-scheme: light dark; --used: #d9822b; --idle: #5b9bd5; --line: #8884; --soft: #888; }\n"
    "body { font: 15px/1.4 system-ui, sans-serif; max-width: 80rem; margin: 1.5rem auto; padding: 0 1rem; }\n"
    "table { border-collapse: collapse; width: 100%; }\n"
    "th { text-align: left; font-weight: 600; vertical-align: bottom; }\n"
    "th small { display: block; font-weight: 400; color: var(--soft); white-space: nowrap; }\n"
    "th, td { padding: .35rem .4rem; border-bottom: 1px solid var(--line); }\n"
    "td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }\n"
    "td.times { white-space: normal; }\n"
    "td small { display: block; font-size: .7rem; color: var(--soft); }\n"
    "td.name { min-width: 7rem; white-space: pre-wrap; overflow-wrap: anywhere; }\n"
    ".bar { display: flex; width: 4.5rem; height: .8rem; background: var(--line); border-radius: 3px; overflow: "
    "hidden; }\n"
    ".bar i, .key.used { background: var(--used); } .bar b, .key.idle { background: var(--idle); }\n"
    ".key { display: inline-block; width: .8rem; height: .8rem; border-radius: 3px; margin-left: .6rem; }\n"
    ".chart { display: grid; grid-template-columns: 3ch 6rem; gap: 0 .3rem; height: 2.4rem; }\n"
    ".chart small { line-height: 1; text-align: right; }\n"
    ".chart small:last-child { align-self: end; }\n"
    "svg { grid-area: 1 / 2 / 3 / 3; width: 100%; height: 2.4rem; }\n"
    "polyline { fill: none; stroke: var(--used); stroke-width: 1.5; vector-effect: non-scaling-stroke; }\n"
    "svg line { stroke: var(--line); vector-effect: non-scaling-stroke; }\n"
    "svg line.limit { stroke-dasharray: 3 3; stroke: var(--soft); }\n"
    ".now { color: #d33; font-weight: 600; } li { margin: .2rem 0; }\n"
    ".began { color: #d33; } .ended { color: #393; } #state { color: var(--soft); margin-left: 1rem; }\n"
    "@media (max-width: 70rem) { /* a card for each pool: nothing lies beside the screen */\n"
    "  thead { display: none; } table, tbody { display: block; }\n"
    "  tr { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: .5rem 1rem; padding: "
    ".8rem 0;\n"
    "    border-bottom: 1px solid var(--line); }\n"
    "  td, td.n { display: block; border: 0; padding: 0; text-align: left; }\n"
    "  td.name { grid-column: 1 / -1; font-weight: 600; }\n"
    "  td[data-is]::before { content: attr(data-is); display: block; font-size: .75rem; color: var(--soft); }\n"
    "}\n"
    "</style></head><body>\n"
    "<h1>Pools</h1>\n"
    "<p><span class=\"key used\" style=\"margin-left:0\"></span> used <span class=\"key idle\"></span> idle <span "
    "id=\"state\">loading</span></p>\n"
    "<table><thead><tr><th>pool<th>used and idle<th class=\"n\">used<th class=\"n\">idle<th "
    "class=\"n\">waiting<small>now</small>\n"
    "<th class=\"n\">wait<small>p50 / p99</small><th class=\"n\">create<small>p50 / p99</small><th "
    "class=\"n\">use<small>p50 / p99</small>\n"
    "<th class=\"n\">held longest<small>acquired at</small><th class=\"n\">hit rate<th class=\"n\">acquires/s<th "
    "class=\"n\">memory<th>used<small>last minute</small></tr></thead><tbody id=\"pools\"></tbody></table>\n"
    "<p><small>p50, p99: half, and 99 in 100, of those of the last minute took at most this long (until this page is a "
    "minute old: of all\n"
    "since the last reset). Who still waits, or holds an object, is not in them.</small></p>\n"
    "<h2>Alerts</h2>\n"
    "<ul id=\"alerts\"></ul>\n";

static const char page_times[] =
    "<script>\n"
    "'use strict';\n"
    "const history = new Map(), svg = 'http://www.w3.org/2000/svg', none = '\\u2013', LOOKS = 60; // one a second\n"
    "function make(parent, tag, text, name) {\n"
    "  const node = parent.appendChild(document.createElement(tag));\n"
    "  if (text !== undefined) node.textContent = text; // never as HTML: names are anyone's\n"
    "  if (name) node.className = name;\n"
    "  return node;\n"
    "}\n"
    "function cell(row, is, text, name) { // `is` is its heading where there is no room for a table\n"
    "  const node = make(row, 'td', text, name);\n"
    "  node.dataset.is = is;\n"
    "  return node;\n"
    "}\n"
    "function drawn(parent, tag, attributes) {\n"
    "  const node = parent.appendChild(document.createElementNS(svg, tag));\n"
    "  for (const key in attributes) node.setAttribute(key, attributes[key]);\n"
    "  return node;\n"
    "}\n"
    "function percent(share) { return (100 * share).toFixed(1) + ' %'; }\n"
    "function bytes(count) {\n"
    "  return count < 1048576 ? (count / 1024).toFixed(0) + ' KiB' : (count / 1048576).toFixed(1) + ' MiB';\n"
    "}\n"
    "function duration(ns) {\n"
    "  const [size, unit] = ns < 1e3 ? [1, 'ns'] : ns < 1e6 ? [1e3, '\\u00b5s'] : ns < 1e9 ? [1e6, 'ms'] : [1e9, "
    "'s'];\n"
    "  return (ns / size).toPrecision(ns / size < 100 ? 2 : 3) + '\\u00a0' + unit;\n"
    "}\n"
    "// As objpool_quantile: bucket i holds what took at most 4^i us, the last one the rest.\n"
    "function quantile(buckets, q) {\n"
    "  const rank = q * buckets.reduce((sum, count) => sum + count, 0);\n"
    "  let below = 0, low = 0, high = 1000;\n"
    "  for (let i = 0; i + 1 < buckets.length; i++, low = high, high *= 4) {\n"
    "    if (buckets[i] && below + buckets[i] >= rank) return duration(low + (high - low) * (rank - below) / "
    "buckets[i]);\n"
    "    below += buckets[i];\n"
    "  }\n"
    "  return '> ' + duration(low);\n"
    "}\n"
    "function quantiles(now, before) { // of what came in between; both undefined: this pool has no such times\n"
    "  const buckets = now ? now.buckets.map((count, i) => count - (before ? before.buckets[i] : 0)) : [];\n"
    "  return buckets.some(count => count > 0) ? quantile(buckets, .5) + ' / ' + quantile(buckets, .99) : none;\n"
    "}\n";

static const char page_script[] =
    "function drawChart(parent, past, limit) {\n"
    "  const chart = make(parent, 'div', undefined, 'chart'), top = Math.max(1, limit, ...past.map(pool => "
    "pool.in_use));\n"
    "  make(chart, 'small', top);\n"
    "  const picture = drawn(chart, 'svg', { viewBox: '0 0 59 24', preserveAspectRatio: 'none' });\n"
    "  make(chart, 'small', 0);\n"
    "  const at = used => 22 - 20 * used / top; // neither 0 nor the top lies on the border\n"
    "  drawn(picture, 'line', { x1: 0, x2: 59, y1: at(0), y2: at(0) });\n"
    "  drawn(picture, 'line', { x1: 0, x2: 59, y1: at(limit || top), y2: at(limit || top), class: limit ? 'limit' : '' "
    "});\n"
    "  const points = past.map((pool, i) => (LOOKS - past.length + i) + ',' + at(pool.in_use));\n"
    "  drawn(picture, 'polyline', { points: points.join(' ') });\n"
    "}\n"
    "function drawPool(rows, pool) {\n"
    "  let past = history.get(pool.name) || [];\n"
    "  if (past.length && past[0].since_ns !== pool.since_ns) past = []; // another pool of that name, or a reset\n"
    "  const last = past[past.length - 1] || { acquires: 0, hits: 0, now_ns: pool.since_ns };\n"
    "  const oldest = past.length < LOOKS ? {} : past[0]; // at first all that there was\n"
    "  past.push(pool);\n"
    "  if (past.length > LOOKS) past.shift();\n"
    "  history.set(pool.name, past);\n"
    "  const taken = pool.acquires - last.acquires, hits = pool.hits - last.hits;\n"
    "  const seconds = (pool.now_ns - last.now_ns) / 1e9, room = Math.max(pool.max_objects, pool.in_use + pool.idle, "
    "1);\n"
    "  const row = make(rows, 'tr');\n"
    "  make(row, 'td', pool.name, 'name');\n"
    "  const bar = make(cell(row, 'used and idle'), 'div', undefined, 'bar');\n"
    "  make(bar, 'i').style.width = 100 * pool.in_use / room + '%';\n"
    "  make(bar, 'b').style.width = 100 * pool.idle / room + '%';\n"
    "  cell(row, 'used', pool.in_use + (pool.max_objects ? ' of ' + pool.max_objects : ''), 'n');\n"
    "  cell(row, 'idle', pool.idle, 'n');\n"
    "  cell(row, 'waiting now', pool.waiting, pool.waiting ? 'n now' : 'n');\n"
    "  cell(row, 'wait p50 / p99', quantiles(pool.wait_times, oldest.wait_times), 'n times');\n"
    "  cell(row, 'create p50 / p99', quantiles(pool.create_times, oldest.create_times), 'n times');\n"
    "  cell(row, 'use p50 / p99', quantiles(pool.use_times, oldest.use_times), 'n times');\n"
    "  const held = pool.longest_held, holder = cell(row, 'held longest', held ? duration(held.held_ns) : none, 'n');\n"
    "  if (held) make(holder, 'small', held.site);\n"
    "  cell(row, 'hit rate', taken > 0 ? percent(hits / taken) : none, 'n');\n"
    "  cell(row, 'acquires/s', seconds > 0 ? Math.round(taken / seconds).toLocaleString('en') : none, 'n');\n"
    "  cell(row, 'memory', bytes(pool.memory_bytes), 'n');\n"
    "  drawChart(cell(row, 'used, last minute'), past, pool.max_objects);\n"
    "}\n"
    "async function refresh() {\n"
    "  const state = document.getElementById('state');\n"
    "  try {\n"
    "    const stats = await (await fetch('stats.json', { cache: 'no-store' })).json();\n"
    "    const rows = document.createElement('tbody'), alerts = document.createElement('ul');\n"
    "    for (const pool of stats.registry.pools) drawPool(rows, pool);\n"
    "    for (const alert of stats.alerts) {\n"
    "      make(alerts, 'li', alert.time.toFixed(1) + ' s: ' + alert.message, alert.recovered ? 'ended' : 'began');\n"
    "    }\n"
    "    if (!stats.alerts.length) make(alerts, 'li', 'none so far');\n"
    "    rows.id = 'pools', alerts.id = 'alerts';\n"
    "    document.getElementById('pools').replaceWith(rows);\n"
    "    document.getElementById('alerts').replaceWith(alerts);\n"
    "    state.textContent = 'live';\n"
    "  } catch (error) { state.textContent = 'no answer from the server: ' + error.message; }\n"
    "}\n"
    "refresh();\n"
    "setInterval(refresh, 1000);\n"
    "</script></body></html>\n";

/* >>alerts: the newest few, for the page *************************************************************************** */

static struct {
  pthread_mutex_t lock;
  size_t count; /* ever; the newest is at (count - 1) % ALERTS_KEPT */
  struct {
    double seconds;
    bool recovered;
    char message[sizeof(((objpool_alert *)NULL)->message)];
  } kept[ALERTS_KEPT];
} alerts = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void keep_alert(const objpool_alert *alert, void *user) {
  (void)user;
  pthread_mutex_lock(&alerts.lock);
  size_t slot = alerts.count++ % ALERTS_KEPT;
  alerts.kept[slot].seconds = (double)(now_ns() - fleet.started_ns) / 1e9;
  alerts.kept[slot].recovered = alert->recovered;
  memcpy(alerts.kept[slot].message, alert->message, sizeof alert->message);
  pthread_mutex_unlock(&alerts.lock);
}

static bool append_text(struct buffer *out, const char *text) { return buffer_append(out, text, strlen(text)); }

/* As a JSON string: messages hold the names of pools, which may hold anything. */
static bool append_string(struct buffer *out, const char *text) {
  bool fits = append_text(out, "\"");
  for (; *text; text++) {
    unsigned char byte = (unsigned char)*text;
    char escape[8];
    if (byte < 0x20) {
      snprintf(escape, sizeof escape, "\\u%04x", byte);
      fits = fits && append_text(out, escape);
    } else {
      if (byte == '"' || byte == '\\') fits = fits && append_text(out, "\\");
      fits = fits && buffer_append(out, text, 1);
    }
  }
  return fits && append_text(out, "\"");
}

static bool append_alerts(struct buffer *out) {
  bool fits = append_text(out, "[");
  pthread_mutex_lock(&alerts.lock);
  for (size_t age = 1; age <= ALERTS_KEPT && age <= alerts.count; age++) {
    size_t slot = (alerts.count - age) % ALERTS_KEPT;
    char start[80];
    snprintf(start, sizeof start, "%s{\"time\":%.1f,\"recovered\":%s,\"message\":", age > 1 ? "," : "",
             alerts.kept[slot].seconds, alerts.kept[slot].recovered ? "true" : "false");
    fits = fits && append_text(out, start) && append_string(out, alerts.kept[slot].message) && append_text(out, "}");
  }
  pthread_mutex_unlock(&alerts.lock);
  return fits && append_text(out, "]");
}

/* >>answers ******************************************************************************************************** */

/* Takes `response` over, and sends it with its type and what every answer carries. */
static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type,
                              struct MHD_Response *response) {
  if (!response) return MHD_NO; /* out of memory: the connection is closed */
  enum MHD_Result result = MHD_NO;
  if (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type) == MHD_YES &&
      MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store") == MHD_YES &&
      MHD_add_response_header(response, "X-Content-Type-Options", "nosniff") == MHD_YES &&
      (status != MHD_HTTP_METHOD_NOT_ALLOWED ||
       MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD") == MHD_YES)) {
    result = MHD_queue_response(connection, status, response);
  }
  MHD_destroy_response(response);
  return result;
}

static enum MHD_Result answer_plain(struct MHD_Connection *connection, unsigned status, const char *text) {
  return answer(connection, status, "text/plain; charset=utf-8",
                MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT));
}

/* `text` is freed once it is sent; NULL: there was no memory for it. */
static enum MHD_Result answer_text(struct MHD_Connection *connection, const char *type, char *text, size_t length) {
  if (!text) return answer_plain(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory\n");
  struct MHD_Response *response = MHD_create_response_from_buffer(length, text, MHD_RESPMEM_MUST_FREE);
  if (!response) free(text);
  return answer(connection, MHD_HTTP_OK, type, response);
}

static enum MHD_Result answer_stats(struct MHD_Connection *connection) {
  struct buffer out = {0};
  char *registry = fleet_format(OBJPOOL_JSON);
  bool fits = registry && append_text(&out, "{\"registry\":") && append_text(&out, registry) &&
              append_text(&out, ",\"alerts\":") && append_alerts(&out) && append_text(&out, "}\n");
  free(registry);
  if (!fits) buffer_free(&out);
  return answer_text(connection, "application/json", out.bytes, out.length);
}

static enum MHD_Result answer_page(struct MHD_Connection *connection) {
  static const struct MHD_IoVec pieces[] = {{page_head, sizeof page_head - 1},
                                            {page_times, sizeof page_times - 1},
                                            {page_script, sizeof page_script - 1}};
  return answer(connection, MHD_HTTP_OK, "text/html; charset=utf-8",
                MHD_create_response_from_iovec(pieces, sizeof pieces / sizeof *pieces, NULL, NULL));
}

static enum MHD_Result handle(void *unused, struct MHD_Connection *connection, const char *path, const char *method,
                              const char *version, const char *upload, size_t *upload_size, void **state) {
  static int head_seen;
  (void)unused, (void)version, (void)upload;
  if (strcmp(method, MHD_HTTP_METHOD_GET) && strcmp(method, MHD_HTTP_METHOD_HEAD)) {
    return answer_plain(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD here\n");
  }
  const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
  bool chunked = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_TRANSFER_ENCODING) != NULL;
  if (chunked || (length && strcmp(length, "0"))) {
    return answer_plain(connection, MHD_HTTP_CONTENT_TOO_LARGE, "a request has no body here\n");
  }
  if (*state != &head_seen) { /* first call: the headers are in; the answer belongs to the second */
    *state = &head_seen;
    return MHD_YES;
  }
  *upload_size = 0;
  if (!strcmp(path, "/")) return answer_page(connection);
  if (!strcmp(path, "/stats.json")) return answer_stats(connection);
  if (!strcmp(path, "/metrics")) {
    char *text = fleet_format(OBJPOOL_PROMETHEUS);
    return answer_text(connection, "text/plain; version=0.0.4; charset=utf-8", text, text ? strlen(text) : 0);
  }
  return answer_plain(connection, MHD_HTTP_NOT_FOUND, "there are /, /metrics and /stats.json here\n");
}

/* >>main *********************************************************************************************************** */

int main(int argc, char **argv) {
  help_argument(argc, argv,
                "usage: metrics_server [PORT [SECONDS [NAME...]]]\n"
                "PORT 0: a free one [8080]; SECONDS [60]; NAMEs: pools to have besides");
  bool any_port = argc > 1 && !strcmp(argv[1], "0");
  size_t port = any_port ? 0 : number_argument(argc, argv, 1, "PORT", 8080);
  if (port > 65535) fail("PORT must be at most 65535");
  size_t seconds = number_argument(argc, argv, 2, "SECONDS", 60);

  /* blocked in every thread, waited for below */
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  if (pthread_sigmask(SIG_BLOCK, &ends, NULL)) fail("pthread_sigmask");

  fleet_start(argc > 3 ? (size_t)argc - 3 : 0, argv + 3);
  objpool_monitor monitor;
  const objpool_thresholds thresholds = {.max_held_ns = OBJPOOL_SECONDS(1)};
  if (!objpool_monitor_init(&monitor, &thresholds, keep_alert, NULL) ||
      !objpool_monitor_start(&monitor, 500 * MILLISECONDS)) {
    fail("the monitor: %s", strerror(errno));
  }

  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct MHD_Daemon *server =
      MHD_start_daemon(MHD_USE_AUTO_INTERNAL_THREAD | MHD_USE_ERROR_LOG, (uint16_t)port, NULL, NULL, handle, NULL,
                       MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address, MHD_OPTION_CONNECTION_LIMIT,
                       (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)CONNECTION_SECONDS,
                       MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_BYTES_MAX, MHD_OPTION_END);
  if (!server) fail("cannot serve port %zu of 127.0.0.1: is it taken?", port);
  const union MHD_DaemonInfo *info = MHD_get_daemon_info(server, MHD_DAEMON_INFO_BIND_PORT);
  printf("http://127.0.0.1:%u/ for %zu seconds: /, /metrics, /stats.json; Ctrl-C ends it\n",
         info ? info->port : (unsigned)port, seconds);
  fflush(stdout);

  struct timespec time = {.tv_sec = (time_t)seconds};
  while (sigtimedwait(&ends, NULL, &time) < 0 && errno == EINTR) {}
  MHD_stop_daemon(server);
  objpool_monitor_destroy(&monitor);
  fleet_stop();
  printf("stopped after %zu alerts\n", alerts.count);
  return EXIT_SUCCESS;
}
