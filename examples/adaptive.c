/* Maintenance that learns: a day of bursty load (a trace in a file, compressed to seconds) on one pool, first left to
 * itself, then with objpool_maintain called every ten seconds of that day. Prints what it saved and what it cost.
 *
 * usage: adaptive [TRACE [PLOT.svg | PLOT.png]]    adaptive --make-trace [SEED] >TRACE
 *
 * A trace has one line per minute: the minute, the sessions open then, and the word "burst" while one goes on; lines
 * that begin with # are comments. --make-trace wrote the one beside this file. Plots are drawn by gnuplot.
 *
 * build: cc -std=c11 -O2 -pthread -I.. adaptive.c -o adaptive
 */
#include "common.h"
#include <unistd.h>
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

/* What a server keeps per open session. */
struct session {
  uint64_t requests;
  unsigned char buffer[16 * 1024 - sizeof(uint64_t)];
};

OBJPOOL_DEFINE(session_pool, struct session);

enum { MINUTES_MAX = 7 * 24 * 60, TICKS_PER_MINUTE = 6, SESSIONS_MAX = 100000, SETTLED_AFTER = 20 /* minutes */ };

struct minute {
  size_t demand;
  bool burst;
};

struct trace {
  size_t length, peak;
  struct minute minutes[MINUTES_MAX];
};

/* What one run left behind, minute by minute. */
struct record {
  size_t in_use[MINUTES_MAX], idle[MINUTES_MAX];
  uint64_t memory_bytes[MINUTES_MAX];
  objpool_stats end;
  size_t maintained; /* objects created and destroyed by maintenance */
  int64_t maintenance_ns, longest_ns;
};

/* >>random: the same numbers on every machine ********************************************************************** */

static uint64_t random_next(uint64_t *state) {
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return *state * UINT64_C(2685821657736338717);
}

static size_t random_below(uint64_t *state, size_t bound) { return (size_t)((random_next(state) >> 32) % bound); }

static double random_share(uint64_t *state) { return (double)(random_next(state) >> 11) / 9007199254740992.0; }

/* About normal: mean 0, deviation 1. */
static double random_noise(uint64_t *state) {
  double sum = -6;
  for (int i = 0; i < 12; i++) sum += random_share(state);
  return sum;
}

/* >>trace ********************************************************************************************************** */

/* A calm night, a busy day, and bursts that come up within two to ten minutes. */
static void make_trace(uint64_t seed) {
  static const struct {
    int begin, up, stay, down, height;
  } bursts[] = {{95, 4, 40, 10, 300},  {330, 6, 35, 12, 260},  {430, 8, 30, 10, 420},  {525, 3, 20, 6, 500},
                {600, 5, 25, 8, 350},  {690, 10, 60, 18, 560}, {825, 2, 15, 5, 620},   {900, 6, 35, 10, 330},
                {1000, 4, 25, 8, 480}, {1085, 7, 40, 14, 700}, {1190, 9, 30, 12, 800}, {1285, 2, 20, 6, 560},
                {1350, 5, 30, 10, 280}};
  const int day = 24 * 60;
  uint64_t state = seed;
  printf("# A day of sessions on a server: minute, sessions open, and whether a burst is going on.\n"
         "# Written by `adaptive --make-trace %llu`: a made-up day, drawn from a formula and a random seed.\n",
         (unsigned long long)seed);
  for (int minute = 0; minute < day; minute++) {
    double x = (double)(minute - 360) / (day - 420), demand = 120;
    bool burst = false;
    if (x > 0 && x < 1) demand += 110 * 4 * x * (1 - x);
    for (size_t i = 0; i < sizeof bursts / sizeof *bursts; i++) {
      int since = minute - bursts[i].begin, falling = since - bursts[i].up - bursts[i].stay;
      if (since < 0 || falling >= bursts[i].down) continue;
      double share = 1;
      if (since < bursts[i].up)
        share = (double)since / bursts[i].up;
      else if (falling > 0)
        share = 1 - (double)falling / bursts[i].down;
      demand += bursts[i].height * share;
      burst = true;
    }
    demand *= 1 + 0.03 * random_noise(&state);
    printf("%d %d%s\n", minute, demand < 1 ? 1 : (int)(demand + 0.5), burst ? " burst" : "");
  }
}

static void read_trace(FILE *file, const char *path, struct trace *trace) {
  if (!file) fail("%s: %s", path, strerror(errno));
  char line[256];
  for (size_t number = 1; fgets(line, sizeof line, file); number++) {
    if (*line == '#' || *line == '\n') continue;
    size_t minute, demand;
    char word[8] = "";
    int fields = sscanf(line, "%zu %zu %7s", &minute, &demand, word);
    if (fields < 2 || (fields == 3 && strcmp(word, "burst")) || minute != trace->length || demand > SESSIONS_MAX) {
      fail("%s:%zu: want MINUTE SESSIONS [burst], minutes in order from 0, at most %d sessions", path, number,
           SESSIONS_MAX);
    }
    if (trace->length == MINUTES_MAX) fail("%s:%zu: at most %d minutes", path, number, MINUTES_MAX);
    trace->minutes[trace->length++] = (struct minute){.demand = demand, .burst = fields == 3};
    if (demand > trace->peak) trace->peak = demand;
  }
  if (ferror(file)) fail("%s: %s", path, strerror(errno));
  fclose(file);
  if (!trace->length) fail("%s: no line in it", path);
}

/* >>the load ******************************************************************************************************* */

struct load {
  session_pool *pool;
  struct session **open;
  size_t count, room;
  uint64_t random;
};

static void session_open(struct load *load) {
  struct session *session = session_pool_acquire(load->pool);
  if (!session) fail("session_pool_acquire: %s", strerror(errno));
  session->requests++;
  load->open[load->count++] = session;
}

/* Sessions end in no order: any of them may be the next. */
static void session_end(struct load *load) {
  size_t i = random_below(&load->random, load->count);
  session_pool_release(load->pool, load->open[i]);
  load->open[i] = load->open[--load->count];
}

/* Ten seconds: about as many sessions come and go as are open, by chance, so that their number wavers on its way to
   `goal`. */
static void run_tick(struct load *load, size_t goal) {
  size_t from = load->count, events = from > goal ? from : goal;
  double pull = 4;
  while (pull * pull < (double)from) pull++; /* the square root: how far independent sessions would waver */
  for (size_t i = 1; i <= events; i++) {
    double course = (double)from + ((double)goal - (double)from) * (double)i / (double)events;
    double lean = (course - (double)load->count) / (4 * pull);
    bool opens = random_share(&load->random) < 0.5 + lean;
    if (opens && load->count < load->room)
      session_open(load);
    else if (!opens && load->count > 0)
      session_end(load);
  }
}

static void run_day(const struct trace *trace, bool maintained, struct record *record) {
  static session_pool pool;
  /* small equal blocks come free soonest; room of which more than 15 % is idle is more than this load needs */
  objpool_config config = {.name = "sessions", .growth_factor = 1.0, .shrink_threshold = 0.15};
  if (!session_pool_init(&pool, &config)) fail("session_pool_init: %s", strerror(errno));
  struct load load = {.pool = &pool, .room = 2 * trace->peak + 64, .random = 1};
  load.open = (struct session **)calloc(load.room, sizeof *load.open);
  if (!load.open) fail("out of memory");

  size_t before = trace->minutes[0].demand;
  for (size_t minute = 0; minute < trace->length; minute++) {
    size_t goal = trace->minutes[minute].demand;
    for (size_t tick = 1; tick <= TICKS_PER_MINUTE; tick++) {
      run_tick(&load, (before * (TICKS_PER_MINUTE - tick) + goal * tick) / TICKS_PER_MINUTE);
      if (!maintained) continue;
      int64_t begin = now_ns();
      record->maintained += objpool_maintain(&pool.base);
      int64_t took = now_ns() - begin;
      record->maintenance_ns += took;
      if (took > record->longest_ns) record->longest_ns = took;
    }
    before = goal;
    objpool_stats now = session_pool_stats(&pool);
    record->in_use[minute] = now.in_use;
    record->idle[minute] = now.idle;
    record->memory_bytes[minute] = now.memory_bytes;
    if (isatty(STDERR_FILENO) && minute % 60 == 59) {
      fprintf(stderr, "\r%s maintenance: %2zu:00 %s", maintained ? "with" : "without", (minute + 1) / 60,
              minute + 1 < trace->length ? "" : "\n");
    }
  }
  record->end = session_pool_stats(&pool);
  session_pool_release_many(&pool, load.open, load.count);
  free(load.open);
  session_pool_destroy(&pool);
}

/* >>results ******************************************************************************************************** */

static double mebibytes(double bytes) { return bytes / (1024 * 1024); }

static double mean_bytes(const struct record *record, size_t length) {
  double sum = 0;
  for (size_t i = 0; i < length; i++) sum += (double)record->memory_bytes[i];
  return sum / (double)length;
}

static double memory_ratio(const struct record *record, size_t minute) {
  size_t in_use = record->in_use[minute] ? record->in_use[minute] : 1;
  return (double)record->memory_bytes[minute] / ((double)in_use * sizeof(struct session));
}

static void print_row(const char *what, const struct record *record, const struct trace *trace) {
  printf("%-20s %8llu %9llu %10llu %12.1f %12.1f\n", what, (unsigned long long)record->end.misses,
         (unsigned long long)record->end.created, (unsigned long long)record->end.destroyed,
         mebibytes(mean_bytes(record, trace->length)), mebibytes((double)record->memory_bytes[trace->length - 1]));
}

/* The calm after each burst, from SETTLED_AFTER minutes after its end until the next begins: the largest ratio of
   memory to demand. */
static double print_calms(const struct trace *trace, const struct record *alone, const struct record *kept) {
  double worst = 0;
  size_t bursts = 0;
  printf("\nmemory held / memory of the sessions open, at most, from %d minutes after each burst until the next:\n",
         SETTLED_AFTER);
  printf("  burst        alone  maintained\n");
  for (size_t minute = 0; minute < trace->length; minute++) {
    if (!trace->minutes[minute].burst) continue;
    size_t begin = minute, end, calm;
    while (minute < trace->length && trace->minutes[minute].burst) minute++;
    end = minute;
    double worst_alone = 0, worst_kept = 0;
    for (calm = end + SETTLED_AFTER; calm < trace->length && !trace->minutes[calm].burst; calm++) {
      if (memory_ratio(alone, calm) > worst_alone) worst_alone = memory_ratio(alone, calm);
      if (memory_ratio(kept, calm) > worst_kept) worst_kept = memory_ratio(kept, calm);
    }
    if (calm == end + SETTLED_AFTER) fail("the trace leaves no %d calm minutes after minute %zu", SETTLED_AFTER, end);
    printf("  %02zu:%02zu-%02zu:%02zu %6.2f %11.2f\n", begin / 60, begin % 60, end / 60, end % 60, worst_alone,
           worst_kept);
    if (worst_kept > worst) worst = worst_kept;
    bursts++;
  }
  printf("worst of %zu bursts, maintained: %.2f\n", bursts, worst);
  return worst;
}

static bool ends_with(const char *text, const char *end) {
  size_t length = strlen(text), tail = strlen(end);
  return length >= tail && !strcmp(text + length - tail, end);
}

static void plot(const char *path, const struct trace *trace, const struct record *alone, const struct record *kept) {
  if (!ends_with(path, ".svg") && !ends_with(path, ".png")) fail("a plot ends in .svg or .png, not '%s'", path);
  if (strpbrk(path, "'\\\n")) fail("no quotes, backslashes or newlines in the name of a plot, please");
  FILE *gnuplot = popen("gnuplot", "w");
  if (!gnuplot) fail("gnuplot: %s", strerror(errno));
  fprintf(gnuplot,
          "set terminal %s\nset output '%s'\n"
          "set multiplot layout 2,1\nset grid lc rgb '#dddddd'\nset xrange [0:%zu]\nset xtics 2\n"
          "set key top left horizontal\nset yrange [0:*]\nset lmargin 9\nset rmargin 2\n"
          "$day << END\n",
          ends_with(path, ".svg") ? "svg size 1100,760 font 'sans,13' background 'white'"
                                  : "pngcairo size 1100,760 font 'sans,11'",
          path, (trace->length + 59) / 60);
  for (size_t i = 0; i < trace->length; i++) {
    fprintf(gnuplot, "%g %zu %zu %zu %g %g %g\n", (double)i / 60, kept->in_use[i], kept->in_use[i] + kept->idle[i],
            alone->in_use[i] + alone->idle[i], mebibytes((double)kept->in_use[i] * sizeof(struct session)),
            mebibytes((double)kept->memory_bytes[i]), mebibytes((double)alone->memory_bytes[i]));
  }
  fputs("END\n"
        "set title 'A day of bursts: sessions in use and kept idle'\nset ylabel 'sessions'\n"
        "plot $day using 1:4 with lines lw 1.5 lc rgb '#999999' title 'alive, pool alone', "
        "$day using 1:2:3 with filledcurves fc rgb '#9ecae1' title 'idle, maintained', "
        "$day using 1:2 with lines lw 1.5 lc rgb '#08519c' title 'in use'\n"
        "set title 'Memory held'\nset ylabel 'MiB'\nset xlabel 'hour of the day'\n"
        "plot $day using 1:7 with lines lw 1.5 lc rgb '#999999' title 'pool alone', "
        "$day using 1:6 with lines lw 1.5 lc rgb '#d94801' title 'maintained', "
        "$day using 1:5 with lines lw 1.5 lc rgb '#08519c' title 'what is in use takes'\n"
        "unset multiplot\n",
        gnuplot);
  bool written = !ferror(gnuplot);
  int status = pclose(gnuplot);
  if (!written || status) fail("gnuplot did not draw %s: is it installed?", path);
  printf("\ndrawn: %s\n", path);
}

/* Whatever this machine's memory is doing, the day shall be the same everywhere. */
static objpool_pressure calm_machine(void *user) {
  (void)user;
  return OBJPOOL_PRESSURE_NONE;
}

int main(int argc, char **argv) {
  help_argument(
      argc, argv,
      "usage: adaptive [TRACE [PLOT.svg | PLOT.png]]    adaptive --make-trace [SEED] >TRACE\n"
      "A trace has one line per minute: the minute, the sessions open then, and \"burst\" while one goes on.");
  static struct trace trace;
  static struct record alone, kept;
  if (argc > 1 && !strcmp(argv[1], "--make-trace")) {
    make_trace(number_argument(argc, argv, 2, "SEED", 7));
    if (fflush(stdout)) fail("writing the trace: %s", strerror(errno));
    return EXIT_SUCCESS;
  }
  if (argc > 3 || (argc > 1 && *argv[1] == '-')) fail("usage: adaptive [TRACE [PLOT.svg | PLOT.png]]");
  if (argc > 1)
    read_trace(fopen(argv[1], "r"), argv[1], &trace);
  else
    read_trace(open_own(argv[0], "adaptive.trace"), "adaptive.trace", &trace);
  objpool_set_pressure_source(calm_machine, NULL);
  run_day(&trace, false, &alone);
  run_day(&trace, true, &kept);

  size_t calls = trace.length * TICKS_PER_MINUTE;
  printf("%zu minutes, at most %zu sessions open at once, %llu acquires, %zu calls of objpool_maintain\n\n",
         trace.length, (size_t)kept.end.peak_in_use, (unsigned long long)kept.end.acquires, calls);
  printf("                       misses   created  destroyed  mean MiB held   MiB at end\n");
  print_row("without maintenance", &alone, &trace);
  print_row("with maintenance", &kept, &trace);
  printf("\nmisses avoided: %.0f %%; memory given back: %.0f %% of the mean; maintenance: %.1f µs a call, at most %.0f "
         "µs\n",
         alone.end.misses ? 100 * (1 - (double)kept.end.misses / (double)alone.end.misses) : 0.0,
         100 * (1 - mean_bytes(&kept, trace.length) / mean_bytes(&alone, trace.length)),
         (double)kept.maintenance_ns / 1e3 / (double)calls, (double)kept.longest_ns / 1e3);
  double worst = print_calms(&trace, &alone, &kept);
  if (argc > 2) plot(argv[2], &trace, &alone, &kept);
  if (2 * kept.end.misses > alone.end.misses) fail("maintenance avoided less than half of the misses");
  if (worst > 1.5) fail("after a burst more than 1.5 times the demand was held");
  return EXIT_SUCCESS;
}
