/* A live table of all pools for the terminal, with bars and sparklines, while worker threads make load and a monitor
 * watches. It follows the size of the window; q or Ctrl-C leave it. Into a pipe it prints one plain table.
 * WAIT: acquires that wait now; P50, P99: half, and 99 in 100, of those that ended waited at most this long; CREATE: 99 in 100
 * creates took at most this long, all since the last reset of the pool's statistics. From 117 columns on, and in a pipe, CRE50,
 * CRE99, USE50, USE99: the same for creates, and for how long objects were held.
 *
 * usage: top [NAME...]    NAMEs: pools to have besides
 *
 * build: cc -std=c11 -O2 -pthread -I.. top.c -o top
 */
#define _GNU_SOURCE /* wcwidth, dladdr */
#include "common.h"
#include <dlfcn.h>
#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"
#include "fleet_load.h"

enum {
  ROWS_MAX = 256,
  HISTORY = 64,
  NAME_WIDTH_MAX = 24,
  NUMBERS_WIDTH = 49,
  HELD_LONG_NS = 100000000,
  TIMES_WIDTH = 19, /* beside the numbers, from 80 columns on */
  ALL_TIMES_WIDTH = 38,
  GRAPH_WIDTH_MAX = 40,
  GRAPH_WIDTH_MIN = 8
};

/* >>rows: what is known of each pool, kept from one look to the next to tell rates ********************************* */

struct row {
  char name[128];
  objpool_stats now, before;
  objpool_histogram wait, create, use; /* since the last reset */
  uint64_t used[HISTORY];              /* the newest at (looks - 1) % HISTORY */
  size_t looks;
  bool seen;
};

static struct table {
  objpool_hold holder; /* what has been held for longest, of all pools; held_ns 0: nothing for long */
  char holder_name[128];
  struct row rows[ROWS_MAX];
  size_t count, left_out;
  char alert[sizeof(((objpool_alert *)NULL)->message)];
  pthread_mutex_t alert_lock;
} table = {.alert_lock = PTHREAD_MUTEX_INITIALIZER};

/* Visits what is held in one pool: the first is what has been for longest. */
static void look_at_hold(const objpool_hold *hold, void *user) {
  const char *name = (const char *)user;
  if (hold->held_ns <= table.holder.held_ns) return;
  table.holder = *hold;
  snprintf(table.holder_name, sizeof table.holder_name, "%s", name);
}

/* Visits a pool, which stays while it is visited. */
static void look_at(objpool *pool, void *user) {
  (void)user;
  const char *name = objpool_name(pool);
  size_t i = 0;
  while (i < table.count && strncmp(table.rows[i].name, name, sizeof table.rows[i].name - 1)) i++;
  if (i == ROWS_MAX) {
    table.left_out++;
    return;
  }
  struct row *row = &table.rows[i];
  if (i == table.count) {
    table.count++;
    memset(row, 0, sizeof *row);
    snprintf(row->name, sizeof row->name, "%s", name);
  }
  row->before = row->now;
  row->now = objpool_snapshot(pool);
  if (row->before.since_ns != row->now.since_ns) { /* new, or reset: all since then is the last interval */
    memset(&row->before, 0, sizeof row->before);
    row->before.now_ns = row->now.since_ns;
  }
  row->wait = objpool_times(pool, OBJPOOL_TIME_WAIT);
  row->create = objpool_times(pool, OBJPOOL_TIME_CREATE);
  row->use = objpool_times(pool, OBJPOOL_TIME_USE); /* nothing, of one that is not tracked; nor below */
  (void)objpool_each_held(pool, HELD_LONG_NS, look_at_hold, row->name);
  row->used[row->looks++ % HISTORY] = row->now.in_use;
  row->seen = true;
}

static void look(void) {
  table.left_out = 0;
  table.holder.held_ns = 0;
  for (size_t i = 0; i < table.count; i++) table.rows[i].seen = false;
  objpool_registry_each(look_at, NULL);
  size_t kept = 0;
  for (size_t i = 0; i < table.count; i++) {
    if (table.rows[i].seen) table.rows[kept++] = table.rows[i];
  }
  table.count = kept;
}

static void keep_alert(const objpool_alert *alert, void *user) {
  (void)user;
  pthread_mutex_lock(&table.alert_lock);
  memcpy(table.alert, alert->message, sizeof table.alert);
  pthread_mutex_unlock(&table.alert_lock);
}

/* >>drawing: into a buffer, written at once ************************************************************************ */

static bool unicode, colours;

__attribute__((format(printf, 2, 3))) static void put(struct buffer *out, const char *format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  size_t bytes = length < 0 ? 0 : (size_t)length < sizeof text ? (size_t)length : sizeof text - 1;
  if (!buffer_append(out, text, bytes)) fail("out of memory");
}

static void put_times(struct buffer *out, const char *text, size_t times) {
  while (times-- > 0) put(out, "%s", text);
}

/* At most `columns` columns of `text`, filled up with blanks if `pad`: what does not print, an escape say, shows as
   '?'. */
static void put_text(struct buffer *out, const char *text, size_t columns, bool pad) {
  mbstate_t state;
  memset(&state, 0, sizeof state);
  size_t used = 0;
  while (*text && used < columns) {
    wchar_t character;
    size_t bytes = mbrtowc(&character, text, MB_CUR_MAX, &state);
    int width = bytes == (size_t)-1 || bytes == (size_t)-2 ? -1 : wcwidth(character);
    if (bytes == (size_t)-1 || bytes == (size_t)-2) {
      memset(&state, 0, sizeof state);
      bytes = 1;
    }
    if (width > 0 && used + (size_t)width > columns) break;
    if (width < 0)
      put(out, "?");
    else if (!buffer_append(out, text, bytes))
      fail("out of memory");
    used += width < 0 ? 1 : (size_t)width;
    text += bytes;
  }
  if (pad) put_times(out, " ", columns - used);
}

static size_t text_width(const char *text) {
  struct buffer scratch = {0};
  size_t columns = 0;
  put_text(&scratch, text, NAME_WIDTH_MAX, false);
  mbstate_t state;
  memset(&state, 0, sizeof state);
  for (size_t at = 0; at < scratch.length;) {
    wchar_t character;
    size_t bytes = mbrtowc(&character, scratch.bytes + at, scratch.length - at, &state);
    if (bytes == 0 || bytes == (size_t)-1 || bytes == (size_t)-2) break;
    columns += (size_t)wcwidth(character);
    at += bytes;
  }
  buffer_free(&scratch);
  return columns;
}

/* Used and idle as parts of what may be alive, or of what is. */
static void put_bar(struct buffer *out, const objpool_stats *now, size_t width) {
  uint64_t alive = now->in_use + now->idle, room = now->max_objects > alive ? now->max_objects : alive ? alive : 1;
  size_t used = (size_t)((now->in_use * width + room - 1) / room), idle = (size_t)(now->idle * width / room);
  if (used > width) used = width;
  if (idle > width - used) idle = width - used;
  if (colours) put(out, "\033[33m");
  put_times(out, unicode ? "█" : "#", used);
  if (colours) put(out, "\033[34m");
  put_times(out, unicode ? "▒" : "=", idle);
  if (colours) put(out, "\033[0m");
  put_times(out, unicode ? "·" : ".", width - used - idle);
}

static void put_sparkline(struct buffer *out, const struct row *row, size_t width) {
  static const char *const blocks[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"}, *const signs[] = {" ", "_", ".",
                                                                                                       "-", ":", "=",
                                                                                                       "+", "*", "#"};
  size_t known = row->looks < HISTORY ? row->looks : HISTORY, shown = known < width ? known : width;
  uint64_t least = UINT64_MAX, most = 0;
  for (size_t age = shown; age > 0; age--) {
    uint64_t used = row->used[(row->looks - age) % HISTORY];
    if (used > most) most = used;
    if (used < least) least = used;
  }
  put_times(out, " ", width - shown);
  for (size_t age = shown; age > 0;
       age--) { /* of the limit; without one between the lowest and the highest that is shown */
    uint64_t used = row->used[(row->looks - age) % HISTORY], limit = row->now.max_objects, level = 4;
    if (limit)
      level = (used < limit ? used * 8 + limit - 1 : limit * 8) / limit;
    else if (most > least)
      level = 1 + (used - least) * 7 / (most - least);
    put(out, "%s", (unicode ? blocks : signs)[level]); /* what does not change is a line in the middle */
  }
}

static void put_bytes(struct buffer *out, uint64_t bytes) {
  static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double amount = (double)bytes;
  size_t unit = 0;
  for (; amount >= 1024 && unit + 1 < sizeof units / sizeof *units; unit++) amount /= 1024;
  put(out, " %5.*f %-3s", unit > 0 && amount < 100, amount, units[unit]);
}

/* A line with the numbers of one pool, or of all: NUMBERS_WIDTH columns. */
static void put_numbers(struct buffer *out, const objpool_stats *now, const objpool_stats *before) {
  uint64_t taken = now->acquires - before->acquires, hits = now->hits - before->hits;
  double seconds = (double)(now->now_ns - before->now_ns) / 1e9;
  put(out, " %5" PRIu64 " %5" PRIu64, now->in_use, now->idle);
  if (now->max_objects)
    put(out, " %5" PRIu64, now->max_objects);
  else
    put(out, "     -");
  if (taken > 0)
    put(out, " %5.1f%%", 100 * (double)hits / (double)taken);
  else
    put(out, "      -");
  put(out, " %8.0f", seconds > 0 ? (double)taken / seconds : 0);
  put_bytes(out, now->memory_bytes);
  put(out, " %4" PRIu64, now->waiting);
}

/* In five columns: nothing has come yet, or how long `share` of what came took at most. */
static void put_quantile(struct buffer *out, const objpool_histogram *times, double share) {
  static const char *const units[] = {"us", "ms", "s"};
  double time = objpool_quantile(times, share) / 1000;
  size_t unit = 0;
  for (; time >= 999.5 && unit + 1 < sizeof units / sizeof *units; unit++) time /= 1000;
  char text[32] = "-";
  if (times->count) snprintf(text, sizeof text, "%.*f%s", time < 9.95, time, units[unit]);
  put(out, " %5s", text);
}

/* How long waits, creates and uses took: so many columns. */
static void put_times_taken(struct buffer *out, const struct row *row, size_t width) {
  const objpool_histogram *const all[] = {&row->wait, &row->create, &row->use};
  for (size_t i = 0; i < (width == ALL_TIMES_WIDTH ? 3u : width == TIMES_WIDTH ? 2u : 0u); i++) {
    if (i > 0) put(out, " ");
    if (i == 0 || width == ALL_TIMES_WIDTH) put_quantile(out, all[i], 0.5);
    put_quantile(out, all[i], 0.99);
  }
}

static void add_times(objpool_histogram *sum, const objpool_histogram *part) {
  sum->count += part->count;
  sum->sum_ns += part->sum_ns;
  for (size_t i = 0; i < sizeof sum->buckets / sizeof *sum->buckets; i++) sum->buckets[i] += part->buckets[i];
}

/* A table of `columns` columns and at most `lines` lines, each ended by `newline`; live: with what moves. */
static void draw(struct buffer *out, size_t columns, size_t lines, const char *newline, bool live) {
  const size_t graphs = 2 * (GRAPH_WIDTH_MIN + 1); /* for both, at 98 columns say, a long name is cut */
  const size_t room_for_times = columns < 12 + NUMBERS_WIDTH ? 0 : columns - 12 - NUMBERS_WIDTH;
  const size_t times = room_for_times >= ALL_TIMES_WIDTH + (live ? graphs : 0) ? ALL_TIMES_WIDTH
                       : room_for_times >= TIMES_WIDTH                         ? TIMES_WIDTH
                                                                               : 0;
  const size_t numbers = NUMBERS_WIDTH + times;
  size_t name_width = 8;
  for (size_t i = 0; i < table.count; i++) {
    size_t width = text_width(table.rows[i].name);
    if (width > name_width) name_width = width;
  }
  if (columns < numbers + 8)
    name_width = 8;
  else if (name_width > columns - numbers)
    name_width = columns - numbers;
  if (live && columns >= 12 + numbers + graphs && name_width > columns - numbers - graphs)
    name_width = columns - numbers - graphs;
  size_t left = live && columns > name_width + numbers ? columns - name_width - numbers : 0;
  size_t bar = left > GRAPH_WIDTH_MIN ? left - 1 : 0, line = 0;
  if (left >= graphs) bar = left / 2 - 1, line = left - left / 2 - 1;
  if (bar > GRAPH_WIDTH_MAX) bar = GRAPH_WIDTH_MAX;
  if (line > GRAPH_WIDTH_MAX) line = GRAPH_WIDTH_MAX;

  struct buffer text = {0};
  if (colours) put(out, "\033[1m");
  put_text(&text, "POOL", name_width, true);
  put(&text, "  USED  IDLE   MAX    HIT  TAKEN/s    MEMORY WAIT");
  if (times == TIMES_WIDTH) put(&text, "   P50   P99 CREATE");
  if (times == ALL_TIMES_WIDTH) put(&text, "   P50   P99  CRE50 CRE99  USE50 USE99");
  if (bar) put(&text, " "), put_text(&text, bar < 13 ? "NOW" : "USED AND IDLE", bar, true);
  if (line) put(&text, " "), put_text(&text, line < 18 ? "USED" : "USED, EACH 0.5 s", line, true);
  if (!buffer_append(&text, "", 1)) fail("out of memory");
  put_text(out, text.bytes, columns, false);
  if (colours) put(out, "\033[0m");
  put(out, "%s", newline);
  buffer_free(&text);

  size_t room = lines > 5 ? lines - 5 : 1,
         shown = table.count < room ? table.count : room; /* heading, total, more, holder, alert */
  objpool_stats before = {0};
  struct row sum = {0};
  for (size_t i = 0; i < table.count; i++) {
    before.acquires += table.rows[i].before.acquires;
    before.hits += table.rows[i].before.hits;
    if (table.rows[i].before.now_ns > before.now_ns) before.now_ns = table.rows[i].before.now_ns;
    const struct row *row = &table.rows[i];
    add_times(&sum.wait, &row->wait), add_times(&sum.create, &row->create), add_times(&sum.use, &row->use);
    if (i >= shown) continue;
    put_text(out, row->name, name_width, true);
    if (columns >= name_width + numbers) put_numbers(out, &row->now, &row->before);
    put_times_taken(out, row, times);
    if (bar) put(out, " "), put_bar(out, &row->now, bar);
    if (line) put(out, " "), put_sparkline(out, row, line);
    put(out, "%s", newline);
  }
  if (shown < table.count + table.left_out) put(out, "(%zu more)%s", table.count + table.left_out - shown, newline);
  objpool_stats all = objpool_registry_snapshot();
  if (all.acquires < before.acquires || all.hits < before.hits) before = all; /* a pool went in between */
  put_text(out, "all", name_width, true);
  if (columns >= name_width + numbers) put_numbers(out, &all, &before);
  put_times_taken(out, &sum, times);
  put(out, "%s", newline);
  if (live && table.holder.held_ns) {
    char held[256];
    Dl_info module;
    const char *file = "";
    uintptr_t site = (uintptr_t)table.holder.site; /* as addr2line wants it: within the file it lies in */
    if (dladdr(table.holder.site, &module) && module.dli_fname) {
      file = strrchr(module.dli_fname, '/') ? strrchr(module.dli_fname, '/') + 1 : module.dli_fname;
      site -= (uintptr_t)module.dli_fbase;
    }
    snprintf(held, sizeof held, "held for %.1fs, acquired at %s+0x%" PRIxPTR ": %s", (double)table.holder.held_ns / 1e9,
             file, site, table.holder_name);
    put_text(out, held, columns, false);
    put(out, "%s", newline);
  }
  if (live) {
    char alert[sizeof table.alert + 64];
    pthread_mutex_lock(&table.alert_lock);
    const char *legend = !bar ? "" : unicode ? "   █ used ▒ idle · room" : "   # used = idle . room";
    snprintf(alert, sizeof alert, "q quits%s%s%s", legend, *table.alert ? "   latest alert: " : "", table.alert);
    pthread_mutex_unlock(&table.alert_lock);
    put_text(out, alert, columns, false);
  }
}

/* >>terminal: as it was before, whichever way the program ends ***************************************************** */

static struct termios terminal_before;
static bool terminal_taken;
static volatile sig_atomic_t ended, resized;

static void note_signal(int number) {
  if (number == SIGWINCH)
    resized = 1;
  else
    ended = 1;
}

static void write_all(const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t written = write(STDOUT_FILENO, bytes, length);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) _Exit(EXIT_TROUBLE); /* the terminal is gone */
    bytes += written;
    length -= (size_t)written;
  }
}

static void terminal_give_back(void) {
  static const char leave[] = "\033[0m\033[?25h\033[?1049l"; /* colours off, cursor on, the screen as it was */
  if (!terminal_taken) return;
  terminal_taken = false;
  write_all(leave, sizeof leave - 1);
  tcsetattr(STDIN_FILENO, TCSAFLUSH, &terminal_before);
}

static void terminal_take(void) {
  static const char enter[] = "\033[?1049h\033[?25l";
  if (tcgetattr(STDIN_FILENO, &terminal_before)) fail("tcgetattr: %s", strerror(errno));
  struct termios raw = terminal_before;
  raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO); /* ISIG stays: Ctrl-C is a signal */
  raw.c_cc[VMIN] = 0;
  raw.c_cc[VTIME] = 0;
  if (atexit(terminal_give_back)) fail("atexit");
  terminal_taken = true;
  if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw)) fail("tcsetattr: %s", strerror(errno));
  write_all(enter, sizeof enter - 1);
}

static void show(void) {
  struct winsize size;
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_col || !size.ws_row) size.ws_col = 80, size.ws_row = 24;
  struct buffer out = {0};
  put(&out, "\033[H");
  draw(&out, size.ws_col, size.ws_row, "\033[K\r\n", true);
  put(&out, "\033[J"); /* what is left of an earlier, longer table */
  write_all(out.bytes, out.length);
  buffer_free(&out);
}

/* Signals are blocked but while this waits, so that none comes between a look at the flags and the wait. */
static void run_live(const sigset_t *unblocked) {
  terminal_take();
  int64_t next_ns = now_ns();
  while (!ended) {
    if (now_ns() >= next_ns) {
      look();
      next_ns = now_ns() + 500 * MILLISECONDS;
    }
    show();
    resized = 0;
    int64_t rest_ns = next_ns - now_ns();
    if (rest_ns < 0) rest_ns = 0;
    struct timespec rest = {.tv_sec = (time_t)(rest_ns / SECONDS), .tv_nsec = (long)(rest_ns % SECONDS)};
    fd_set keys;
    FD_ZERO(&keys);
    FD_SET(STDIN_FILENO, &keys);
    if (pselect(STDIN_FILENO + 1, &keys, NULL, NULL, &rest, unblocked) > 0) {
      char key;
      ssize_t got = read(STDIN_FILENO, &key, 1);
      if (got == 0 || (got < 0 && errno != EINTR) || key == 'q' || key == 'Q') ended = 1;
    }
  }
  terminal_give_back();
}

int main(int argc, char **argv) {
  help_argument(
      argc, argv,
      "usage: top [NAME...]    NAMEs: pools to have besides\n"
      "WAIT: acquires that wait now; P50, P99: half, and 99 in 100, of those that ended waited at most this long;\n"
      "CREATE: 99 in 100 creates took at most this long; from 117 columns on CRE50, CRE99, USE50, USE99: the same for\n"
      "creates, and for how long objects were held; all since the last reset. q quits.");
  sigset_t signals, before;
  struct sigaction action = {.sa_handler = note_signal};
  setlocale(LC_CTYPE, "");
  unicode = !strcmp(nl_langinfo(CODESET), "UTF-8");
  bool live = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
  colours = live && !getenv("NO_COLOR");

  sigemptyset(&signals);
  const int handled[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH};
  for (size_t i = 0; i < sizeof handled / sizeof *handled; i++) {
    sigaddset(&signals, handled[i]);
    if (live && sigaction(handled[i], &action, NULL)) fail("sigaction: %s", strerror(errno));
  }
  if (live && pthread_sigmask(SIG_BLOCK, &signals, &before)) fail("pthread_sigmask");

  fleet_start((size_t)argc - 1, argv + 1);
  objpool_monitor monitor;
  const objpool_thresholds thresholds = {.max_held_ns = OBJPOOL_SECONDS(1)};
  if (!objpool_monitor_init(&monitor, &thresholds, keep_alert, NULL) ||
      !objpool_monitor_start(&monitor, 500 * MILLISECONDS)) {
    fail("the monitor: %s", strerror(errno));
  }
  if (live) {
    run_live(&before);
  } else {
    struct buffer out = {0};
    sleep_ns(SECONDS);
    look();
    draw(&out, NAME_WIDTH_MAX + NUMBERS_WIDTH + ALL_TIMES_WIDTH, SIZE_MAX, "\n", false);
    write_all(out.bytes, out.length);
    buffer_free(&out);
  }
  objpool_monitor_destroy(&monitor);
  fleet_stop();
  return EXIT_SUCCESS;
}
