/* PostgreSQL connections, pooled: many threads share a few, wait their turn with a timeout, and lose no request while
 * the server kills a connection every second: what breaks is discarded, replaced, and the request asked again. */
/* build: cc -std=c11 -O2 -pthread -I.. -I/usr/include/postgresql postgres_pool.c -o postgres_pool -lpq */
/* run: ./with_postgres ./postgres_pool [requests [threads [connections [milliseconds from kill to kill]]]] */
#include "common.h"
#include "postgres_requests.h"
#include <poll.h>
#include <stdatomic.h>
#include <unistd.h>

/* So that a server process has something to clear away before it exits. */
static const char temporary_tables[] =
    "DO 'BEGIN FOR i IN 1..50 LOOP EXECUTE format(''CREATE TEMPORARY TABLE t%s ()'', i); END LOOP; END'";
/* >>connection: what the pool holds ************************************************************ */

struct connection {
  PGconn *handle;
};

struct server {
  const char *user;
  atomic_size_t refused;  /* connections the server did not want: more than CONNECTION LIMIT */
  atomic_size_t unopened; /* connections that could not be made for another reason: killed while being made, say */
};

static void connection_close(struct connection *connection, void *context) {
  (void)context;
  /* PQfinish says good-bye and does not wait, so for a moment the old server process would live beside the one of the
   * next connection. A server process closes its end when it exits: a copy of the socket sees that. */
  int copy = dup(PQsocket(connection->handle)); /* -1 when it never connected */
  PQfinish(connection->handle);
  char rest[512];
  struct pollfd end = {.fd = copy, .events = POLLIN};
  while (copy >= 0 && poll(&end, 1, 10000) > 0 && read(copy, rest, sizeof rest) > 0) {}
  if (copy >= 0) close(copy);
}

/* What the server says besides answers ("terminating connection…"): validate and the requests find out themselves. */
static void ignore_notice(void *context, const char *message) {
  (void)context;
  (void)message;
}

static bool connection_open(struct connection *connection, void *context) {
  struct server *server = context;
  /* whatever is not said here comes from the environment: PGHOST, PGDATABASE… */
  connection->handle = PQconnectdbParams((const char *[]){"user", "application_name", NULL},
                                         (const char *[]){server->user, "postgres_pool", NULL}, 0);
  bool fine = PQstatus(connection->handle) == CONNECTION_OK;
  if (fine) {
    PQsetNoticeProcessor(connection->handle, ignore_notice, NULL);
    PGresult *result = PQprepare(connection->handle, "request", request_text, 1, NULL);
    fine = PQresultStatus(result) == PGRES_COMMAND_OK;
    PQclear(result);
  }
  if (!fine) {
    const char *message = PQerrorMessage(connection->handle);
    fprintf(stderr, "cannot connect: %s", message);
    atomic_fetch_add(strstr(message, "too many connections") ? &server->refused : &server->unopened, 1);
    connection_close(connection, context);
  }
  return fine;
}

/* On every release: whoever gets the connection next starts outside any transaction. */
static void connection_reset(struct connection *connection, void *context) {
  (void)context;
  if (PQtransactionStatus(connection->handle) != PQTRANS_IDLE) PQclear(PQexec(connection->handle, "ROLLBACK"));
}

/* On release, and before an idle connection is handed out: has the server hung up? Costs a look at the socket. */
static bool connection_is_alive(struct connection *connection, void *context) {
  (void)context;
  return PQconsumeInput(connection->handle) && PQstatus(connection->handle) == CONNECTION_OK;
}

#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

OBJPOOL_DEFINE(connection_pool, struct connection,
               opt.create = connection_open,
               opt.reset = connection_reset,
               opt.validate = connection_is_alive,
               opt.destroy = connection_close,
               opt.timed = true);

static connection_pool pool;

/* >>requests *********************************************************************************** */

enum { PATIENCE_SECONDS = 30, MAX_ATTEMPTS = 20 };

struct work {
  atomic_size_t next;
  size_t requests;
  unsigned char *answers; /* by request: how many right answers its caller got */
  int64_t *waits_ns;      /* by request: how long until it had a connection, all attempts together */
  atomic_size_t wrong, repeated, timeouts;
};

enum outcome { ANSWERED, BROKEN };

/* Asks the server once, on a connection that may break meanwhile. */
static enum outcome ask(PGconn *handle, size_t id, int64_t *answer) {
  char number[32];
  snprintf(number, sizeof number, "%zu", id);
  PGresult *result = PQexecPrepared(handle, "request", 1, (const char *[]){number}, NULL, NULL, 0);
  enum outcome outcome = ANSWERED;
  const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  if (PQresultStatus(result) == PGRES_TUPLES_OK) {
    *answer = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
  } else if (PQstatus(handle) == CONNECTION_BAD || (state && strcmp(state, "57P01") == 0)) { /* admin_shutdown */
    outcome = BROKEN;
  } else {
    fail("request %zu: %s", id, PQerrorMessage(handle));
  }
  PQclear(result);
  return outcome;
}

static void *ask_pooled(void *argument) {
  struct work *work = argument;
  for (size_t id; (id = atomic_fetch_add(&work->next, 1)) < work->requests;) {
    enum outcome outcome = BROKEN;
    int64_t answer = -1;
    for (int attempt = 0; outcome == BROKEN && attempt < MAX_ATTEMPTS; attempt++) {
      int64_t start_ns = now_ns();
      OBJPOOL_SCOPED(connection_pool) guard = connection_pool_guard_acquire_for(&pool, PATIENCE_SECONDS * SECONDS);
      work->waits_ns[id] += now_ns() - start_ns;
      if (attempt > 0) atomic_fetch_add(&work->repeated, 1);
      if (!guard.object) {
        if (errno == ETIMEDOUT) atomic_fetch_add(&work->timeouts, 1);
        continue; /* ECANCELED: the new connection was killed before it was ready */
      }
      outcome = ask(guard.object->handle, id, &answer);
      if (outcome == BROKEN) connection_pool_guard_discard(&guard); /* nobody gets this one again */
    }
    if (outcome == ANSWERED && answer == right_answer(id)) {
      work->answers[id]++;
    } else {
      atomic_fetch_add(&work->wrong, 1);
    }
  }
  return NULL;
}

/* The same, as one does without a pool. */
static void *ask_connecting(void *argument) {
  struct work *work = argument;
  for (size_t id; (id = atomic_fetch_add(&work->next, 1)) < work->requests;) {
    char number[32];
    snprintf(number, sizeof number, "%zu", id);
    PGconn *handle = PQconnectdb("application_name=connecting_each_time");
    if (PQstatus(handle) != CONNECTION_OK) fail("%s", PQerrorMessage(handle));
    PGresult *result = PQexecParams(handle, request_text, 1, NULL, (const char *[]){number}, NULL, NULL, 0);
    if (PQresultStatus(result) != PGRES_TUPLES_OK) fail("%s", PQerrorMessage(handle));
    if (strtoll(PQgetvalue(result, 0, 0), NULL, 10) != right_answer(id)) atomic_fetch_add(&work->wrong, 1);
    PQclear(result);
    PQfinish(handle);
  }
  return NULL;
}

/* >>administration: a connection of its own, not the pool's ************************************ */

struct killer {
  PGconn *handle;
  int64_t interval_ns;
  struct work *work;
  atomic_bool stop;
  int64_t kills, peak; /* peak: the most server processes of the pool ever seen at once */
};

/* Kills one of the pool's connections soon, then at each interval, whatever it is doing; between kills counts them. */
static void *kill_connections(void *argument) {
  struct killer *killer = argument;
  bool terminal = isatty(STDERR_FILENO);
  int64_t next_ns = now_ns() + killer->interval_ns / 10;
  while (!atomic_load(&killer->stop)) {
    int64_t processes = administer(killer->handle, "SELECT count(*) FROM pg_stat_activity WHERE usename = 'pooled'");
    if (processes > killer->peak) killer->peak = processes;
    if (now_ns() >= next_ns) {
      killer->kills += administer(killer->handle, kill_one);
      next_ns += killer->interval_ns;
      if (terminal) fprintf(stderr, "\r%zu requests, %lld kills ", killer->work->next, (long long)killer->kills);
    }
    sleep_ns(10 * MILLISECONDS);
  }
  if (terminal) fputs("\r\033[K", stderr);
  return NULL;
}

int main(int argc, char **argv) {
  help_argument(argc, argv,
                "usage: postgres_pool [REQUESTS [THREADS [CONNECTIONS [MS_FROM_KILL_TO_KILL]]]]   [100000 16 4 1000]\n"
                "./with_postgres starts a server: ./with_postgres ./postgres_pool");
  size_t requests = number_argument(argc, argv, 1, "requests", 100000);
  size_t threads = number_argument(argc, argv, 2, "threads", 16);
  size_t connections = number_argument(argc, argv, 3, "connections", 4);
  size_t interval_ms = number_argument(argc, argv, 4, "milliseconds from kill to kill", 1000);

  PGconn *administration = PQconnectdb("application_name=administration options='-c client_min_messages=warning'");
  if (PQstatus(administration) != CONNECTION_OK) {
    skip("no PostgreSQL server here, try ./with_postgres %s: %s", argv[0], PQerrorMessage(administration));
  }
  char sql[512];
  administer(administration, take_down);
  snprintf(sql, sizeof sql, set_up, connections);
  administer(administration, sql);

  struct server server = {.user = "pooled"};
  /* no connection lives longer: what a server process gathers, and an address that has moved, goes with it */
  objpool_config config = {.context = &server, .max_objects = connections, .max_lifetime_ns = 1800 * (uint64_t)SECONDS};
  if (!connection_pool_init(&pool, &config)) fail("pool: %s", strerror(errno));
  printf("PostgreSQL %s: %zu requests, %zu threads, %zu connections, one killed every %zu ms\n",
         PQparameterStatus(administration, "server_version"), requests, threads, connections, interval_ms);

  /* when all connections are out, a caller waits as long as it said, and no longer */
  struct connection *held[MAX_EXAMPLE_THREADS];
  size_t count = connection_pool_acquire_many(&pool, held, connections < MAX_EXAMPLE_THREADS ? connections : 1);
  int64_t start_ns = now_ns();
  struct connection *one_more = connection_pool_acquire_for(&pool, 50 * MILLISECONDS);
  int error = errno;
  int64_t waited_ns = now_ns() - start_ns;
  connection_pool_release_many(&pool, held, count);
  check(count == connections && !one_more && error == ETIMEDOUT && waited_ns >= 50 * MILLISECONDS,
        "with %zu connections out, one more caller got \"%s\" after %.1f ms", count, one_more ? "one" : strerror(error),
        (double)waited_ns / 1e6);

  /* a connection is replaced in good health, over and over, while the others are in use: never one too many, though
   * the old one's server process has something to clear away before it exits */
  size_t others = connection_pool_acquire_many(&pool, held, count - 1), replaced = 0;
  for (; replaced < 20; replaced++) {
    struct connection *connection = connection_pool_acquire(&pool);
    if (!connection) break;
    administer(connection->handle, temporary_tables);
    connection_pool_discard(&pool, connection);
  }
  connection_pool_release_many(&pool, held, others);
  check(replaced == 20 && server.refused == 0, "%zu connections replaced in good health, %zu refused", replaced,
        server.refused);
  uint64_t discarded_before = connection_pool_stats(&pool).invalid;

  /* the load, with kills */
  struct work work = {.requests = requests,
                      .answers = calloc(requests, 1),
                      .waits_ns = calloc(requests, sizeof(int64_t))};
  if (!work.answers || !work.waits_ns) fail("out of memory");
  struct killer killer = {.handle = administration, .interval_ns = (int64_t)interval_ms * MILLISECONDS, .work = &work};
  pthread_t killer_thread;
  error = pthread_create(&killer_thread, NULL, kill_connections, &killer);
  if (error) fail("pthread_create: %s", strerror(error));
  int64_t duration_ns = run_threads(threads, ask_pooled, &work);
  atomic_store(&killer.stop, true);
  pthread_join(killer_thread, NULL);

  objpool_stats stats = connection_pool_stats(&pool);
  int64_t discarded = (int64_t)(stats.invalid - discarded_before);
  double pooled_rate = per_second(requests, duration_ns);
  printf("with the pool: %.0f requests a second, %.1f s in all\n", pooled_rate, (double)duration_ns / 1e9);
  print_durations("wait for a connection", work.waits_ns, requests);

  size_t answered = 0, lost = 0, twice = 0;
  for (size_t id = 0; id < requests; id++) {
    answered += work.answers[id] == 1;
    lost += work.answers[id] == 0;
    twice += work.answers[id] > 1;
  }
  check(answered == requests && lost == 0 && twice == 0 && work.wrong == 0,
        "%zu requests answered once, %zu lost, %zu answered twice, %zu timeouts", answered, lost, twice, work.timeouts);
  int64_t known = administer(administration, "SELECT count(*) FROM request WHERE answer = id * id % 1000003");
  int64_t repeated = administer(administration, "SELECT count(*) FROM request WHERE times > 1");
  check(known == (int64_t)requests, "the server knows %lld of them, %lld asked again after the work was done",
        (long long)known, (long long)repeated);
  check(discarded >= 1 && discarded <= killer.kills,
        "%lld connections killed, %lld discarded and replaced, %zu requests asked again", (long long)killer.kills,
        (long long)discarded, work.repeated);
  check(killer.peak <= (int64_t)connections && server.refused == 0,
        "at most %lld server processes at once, %zu connections refused, %zu killed before they were ready",
        (long long)killer.peak, server.refused, server.unopened);
  check(stats.created == stats.destroyed + stats.idle && stats.in_use == 0 && stats.idle <= connections,
        "%llu connections made, %llu closed, %llu idle, %llu in use", (unsigned long long)stats.created,
        (unsigned long long)stats.destroyed, (unsigned long long)stats.idle, (unsigned long long)stats.in_use);

  /* the point of it: the same requests without */
  administer(administration, "TRUNCATE request");
  struct work connecting = {.requests = requests < 1000 ? requests : 1000};
  double connecting_rate = per_second(connecting.requests, run_threads(connections, ask_connecting, &connecting));
  check(connecting.wrong == 0, "%zu requests answered without the pool", connecting.requests);
  printf("connecting each time: %.0f requests a second\nspeed-up: %.1f times\n", connecting_rate,
         pooled_rate / connecting_rate);

  connection_pool_destroy(&pool);
  administer(administration, take_down);
  PQfinish(administration);
  free(work.answers);
  free(work.waits_ns);
  return checks_result();
}
