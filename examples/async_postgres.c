/* PostgreSQL connections, pooled in one thread: many requests in an event loop (epoll, libpq's calls that do not block) share a few
 * connections; those that find none stand in the pool's line. The server kills a connection every second: what breaks is
 * discarded, and the request asked again. In the end the pool is closed while requests stand in line, and drained. */
/* build: cc -std=c11 -O2 -pthread -I.. -I/usr/include/postgresql async_postgres.c -o async_postgres -lpq */
/* run: ./with_postgres ./async_postgres [requests [at once [connections [milliseconds from kill to kill]]]] */
#include "common.h"
#include "postgres_requests.h"
#include <sys/epoll.h>
#include <unistd.h>

enum { MAX_ATTEMPTS = 20, PATIENCE_SECONDS = 30, CLOSING_SECONDS = 10, EVENTS = 64 };

static int events; /* the epoll */

/* >>connection: what the pool holds. It never blocks: `create` only begins to connect, whoever gets it first goes on with that */

struct connection {
  PGconn *handle;
  enum { CONNECTING, PREPARING, READY, ASKED, DYING } state;
  struct request *request; /* that has it */
};

static bool connection_begin(struct connection *connection, void *context) {
  (void)context;
  /* whatever is not said here comes from the environment: PGHOST, PGDATABASE… */
  connection->handle = PQconnectStartParams((const char *[]){"user", "application_name", NULL},
                                            (const char *[]){"pooled", "async_postgres", NULL}, 0);
  if (PQstatus(connection->handle) != CONNECTION_BAD) return true;
  PQfinish(connection->handle);
  return false;
}

/* An idle one is asked before it is handed out, a broken one is discarded anyway: has the server hung up? */
static bool connection_is_alive(struct connection *connection, void *context) {
  (void)context;
  return PQconsumeInput(connection->handle) && PQstatus(connection->handle) == CONNECTION_OK;
}

static void connection_close(struct connection *connection, void *context) {
  (void)context;
  PQfinish(connection->handle); /* the epoll forgets its socket */
}

/* Once: nobody looks at the sockets of idle connections. */
static void connection_watch(struct connection *connection, uint32_t what) {
  struct epoll_event event = {.events = what | EPOLLONESHOT, .data.ptr = connection};
  int socket = PQsocket(connection->handle);
  if (epoll_ctl(events, EPOLL_CTL_MOD, socket, &event) && epoll_ctl(events, EPOLL_CTL_ADD, socket, &event)) {
    fail("epoll_ctl: %s", strerror(errno));
  }
}

static void ignore_notice(void *context, const char *message) { (void)context, (void)message; }

#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

OBJPOOL_DEFINE(connection_pool, struct connection,
               opt.create = connection_begin,
               opt.validate = connection_is_alive,
               opt.validate_on = OBJPOOL_ON_ACQUIRE,
               opt.destroy = connection_close);

static connection_pool pool;
static objpool_loop loop;

/* >>requests *********************************************************************************** */

/* One that is under way. When it is answered, the next number takes its place. */
struct request {
  connection_pool_waiter waiter;
  size_t id;
  int attempts;
};

static struct work {
  size_t next, requests;  /* the number of the next one; how many there are */
  size_t under_way;       /* of those at once */
  unsigned char *answers; /* by request: how many right answers it got */
  int64_t *waits_ns;      /* by request: how long until it had a connection, all attempts together */
  size_t wrong, repeated, timeouts, closed;
} work;

static void request_begin(struct request *request);
static void request_served(connection_pool_waiter *waiter, struct connection *connection, int error);

static void request_end(struct request *request, int64_t answer) {
  if (answer != right_answer(request->id))
    work.wrong++;
  else if (request->id < work.requests)
    work.answers[request->id]++;
  work.under_way--;
  if (work.next < work.requests) {
    request->id = work.next++;
    request->attempts = 0;
    work.under_way++;
    request_begin(request);
  }
}

/* Its connection broke, or could not be made. */
static void request_again(struct request *request) {
  work.repeated++;
  if (++request->attempts < MAX_ATTEMPTS)
    request_begin(request);
  else
    request_end(request, -1);
}

static void request_broken(struct connection *connection) {
  struct request *request = connection->request;
  connection_pool_discard(&pool, connection);
  request_again(request);
}

/* What was begun goes on when the socket is ready. */
static void flush(struct connection *connection, int sent) {
  int left = sent ? PQflush(connection->handle) : -1;
  if (left < 0)
    request_broken(connection);
  else
    connection_watch(connection, left ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void ask(struct connection *connection) {
  char number[32];
  snprintf(number, sizeof number, "%zu", connection->request->id);
  connection->state = ASKED;
  flush(connection, PQsendQueryPrepared(connection->handle, "request", 1, (const char *[]){number}, NULL, NULL, 0));
}

static void go_on_connecting(struct connection *connection) {
  switch (PQconnectPoll(connection->handle)) {
  case PGRES_POLLING_READING: connection_watch(connection, EPOLLIN); return;
  case PGRES_POLLING_WRITING: connection_watch(connection, EPOLLOUT); return;
  case PGRES_POLLING_OK: break;
  default: request_broken(connection); return;
  }
  PQsetNoticeProcessor(connection->handle, ignore_notice, NULL);
  connection->state = PREPARING;
  flush(connection, PQsetnonblocking(connection->handle, 1) == 0 &&
                        PQsendPrepare(connection->handle, "request", request_text, 1, NULL));
}

/* The results that have come; false: not all of them. */
static bool read_results(struct connection *connection, int64_t *answer) {
  while (connection->state != DYING && !PQisBusy(connection->handle)) {
    PGresult *result = PQgetResult(connection->handle);
    if (!result) return true;
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_TUPLES_OK)
      *answer = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    else if (PQstatus(connection->handle) == CONNECTION_BAD ||
             (state && strcmp(state, "57P01") == 0)) /* admin_shutdown */
      connection->state = DYING;
    else if (status != PGRES_COMMAND_OK)
      fail("request %zu: %s", connection->request->id, PQerrorMessage(connection->handle));
    PQclear(result);
  }
  return false;
}

/* The socket is ready for what the request that has the connection waits for. */
static void step(struct connection *connection) {
  int64_t answer = -1;
  if (connection->state == CONNECTING) {
    go_on_connecting(connection);
  } else if (!PQconsumeInput(connection->handle)) {
    request_broken(connection); /* and the server's process is gone: there is room for another one */
  } else if (connection->state != DYING && !read_results(connection, &answer) && connection->state != DYING) {
    flush(connection, 1);
  } else if (connection->state == DYING) {
    connection_watch(connection, EPOLLIN); /* until its process is gone */
  } else if (connection->state == PREPARING) {
    ask(connection);
  } else {
    struct request *request = connection->request;
    connection->state = READY;
    connection->request = NULL;
    connection_pool_release(&pool, connection);
    request_end(request, answer);
  }
}

static void request_served(connection_pool_waiter *waiter, struct connection *connection, int error) {
  struct request *request = waiter->user;
  if (request->id < work.requests) work.waits_ns[request->id] += now_ns();
  if (connection) {
    connection->request = request;
    if (connection->state == CONNECTING)
      connection_watch(connection, EPOLLOUT); /* as PQconnectStart wants it */
    else
      ask(connection);
  } else if (error == OBJPOOL_ECLOSED) {
    work.closed++;
    work.under_way--;
  } else {
    if (error == ETIMEDOUT) work.timeouts++;
    request_again(request);
  }
}

static void request_begin(struct request *request) {
  if (request->id < work.requests) work.waits_ns[request->id] -= now_ns();
  request->waiter.user = request;
  struct connection *connection =
      connection_pool_acquire_async(&pool, &request->waiter, &loop, OBJPOOL_SECONDS(PATIENCE_SECONDS), request_served);
  if (connection || errno != EINPROGRESS) request_served(&request->waiter, connection, errno);
}

/* >>killer: a connection of its own, in the same loop ******************************************* */

static struct killer {
  PGconn *handle;
  int64_t interval_ns, first_ns, kills; /* the first is due then, and one more each time the interval is over */
} killer;

/* When the next one is due; who was late, or found no connection, catches up. */
static int64_t next_kill_ns(void) { return killer.first_ns + killer.kills * killer.interval_ns; }

/* Until the last one is over none is begun, and the server's answer ends the wait. */
static bool kill_is_under_way(void) { return PQtransactionStatus(killer.handle) != PQTRANS_IDLE; }

static void kill_now(void) {
  if (!PQsendQuery(killer.handle, kill_one)) fail("%s", PQerrorMessage(killer.handle));
}

static void killed(void) {
  if (!PQconsumeInput(killer.handle)) fail("%s", PQerrorMessage(killer.handle));
  while (!PQisBusy(killer.handle)) {
    PGresult *result = PQgetResult(killer.handle);
    if (!result) return;
    if (PQresultStatus(result) != PGRES_TUPLES_OK) fail("%s", PQerrorMessage(killer.handle));
    killer.kills += strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
  }
}

/* >>loop *************************************************************************************** */

static void turn(int64_t until_ns) {
  struct epoll_event happened[EVENTS];
  int64_t rest_ns = until_ns - now_ns(), due_ns = objpool_loop_next_ns(&loop);
  if (due_ns >= 0 && due_ns < rest_ns) rest_ns = due_ns;
  int count = epoll_wait(events, happened, EVENTS, rest_ns > 0 ? (int)(rest_ns / MILLISECONDS) + 1 : 0);
  if (count < 0 && errno != EINTR) fail("epoll_wait: %s", strerror(errno));
  for (int i = 0; i < count; i++) {
    if (happened[i].data.ptr == &killer)
      killed();
    else if (happened[i].data.ptr !=
             &loop) /* one that is in use: what is destroyed meanwhile is idle, or its own affair */
      step(happened[i].data.ptr);
  }
  (void)objpool_loop_run(&loop, EVENTS); /* what is left over makes the loop's file readable again */
  if (!kill_is_under_way() && now_ns() >= next_kill_ns()) kill_now();
}

static void watch_always(int file, void *what) {
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = what};
  if (epoll_ctl(events, EPOLL_CTL_ADD, file, &event)) fail("epoll_ctl: %s", strerror(errno));
}

int main(int argc, char **argv) {
  help_argument(argc, argv,
                "usage: async_postgres [REQUESTS [AT_ONCE [CONNECTIONS [MS_FROM_KILL_TO_KILL]]]]   [100000 64 4 1000]\n"
                "./with_postgres starts a server: ./with_postgres ./async_postgres");
  size_t count = number_argument(argc, argv, 1, "requests", 100000);
  size_t at_once = number_argument(argc, argv, 2, "at once", 64);
  size_t connections = number_argument(argc, argv, 3, "connections", 4);
  size_t interval_ms = number_argument(argc, argv, 4, "milliseconds from kill to kill", 1000);

  killer.handle = PQconnectdb("application_name=administration options='-c client_min_messages=warning'");
  if (PQstatus(killer.handle) != CONNECTION_OK) {
    skip("no PostgreSQL server here, try ./with_postgres %s: %s", argv[0], PQerrorMessage(killer.handle));
  }
  char sql[512];
  administer(killer.handle, take_down);
  snprintf(sql, sizeof sql, set_up, connections);
  administer(killer.handle, sql);
  printf("PostgreSQL %s: %zu requests, %zu at once, one thread, %zu connections, one killed every %zu ms\n",
         PQparameterStatus(killer.handle, "server_version"), count, at_once, connections, interval_ms);

  events = epoll_create1(EPOLL_CLOEXEC);
  if (events < 0 || !objpool_loop_init(&loop, NULL, NULL)) fail("loop: %s", strerror(errno));
  if (!connection_pool_init(&pool, &(objpool_config){.max_objects = connections})) fail("pool: %s", strerror(errno));
  watch_always(objpool_loop_fd(&loop), &loop);
  watch_always(PQsocket(killer.handle), &killer);

  /* the load, with kills */
  struct request *requests = calloc(at_once, sizeof *requests);
  work.answers = calloc(count, 1);
  work.waits_ns = calloc(count, sizeof *work.waits_ns);
  if (!requests || !work.answers || !work.waits_ns) fail("out of memory");
  work.requests = count;
  int64_t start_ns = now_ns();
  killer.interval_ns = (int64_t)interval_ms * MILLISECONDS;
  killer.first_ns = start_ns + killer.interval_ns / 10;
  for (size_t i = 0; i < at_once && work.next < count; i++) {
    requests[i].id = work.next++;
    work.under_way++;
    request_begin(&requests[i]);
  }
  while (work.under_way > 0) turn(kill_is_under_way() ? now_ns() + SECONDS : next_kill_ns());
  int64_t duration_ns = now_ns() - start_ns;
  objpool_stats stats = connection_pool_stats(&pool);
  struct timespec used;
  if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used)) fail("clock_gettime: %s", strerror(errno));
  printf("in one thread: %.0f requests a second, %.1f s in all, %.1f us of processor time each\n",
         per_second(count, duration_ns), (double)duration_ns / 1e9,
         ((double)used.tv_sec * 1e9 + (double)used.tv_nsec) / 1e3 / (double)count);
  print_durations("wait for a connection", work.waits_ns, count);

  size_t answered = 0, lost = 0, twice = 0;
  for (size_t id = 0; id < count; id++) {
    answered += work.answers[id] == 1;
    lost += work.answers[id] == 0;
    twice += work.answers[id] > 1;
  }
  check(answered == count && lost == 0 && twice == 0 && work.wrong == 0,
        "%zu requests answered once, %zu lost, %zu answered twice, %zu timeouts", answered, lost, twice, work.timeouts);
  check(stats.invalid >= 1,
        "%lld connections killed in %lld whole seconds, %llu discarded and replaced, %zu requests asked again",
        (long long)killer.kills, (long long)(duration_ns / SECONDS), (unsigned long long)stats.invalid, work.repeated);
  check(stats.waits + connections >= count, "%llu of them waited in line", (unsigned long long)stats.waits);

  /* the end: closed while some hold a connection and the others stand in line; all are told, and nothing is left. No kill is
     under way then, and what the last one hit has gone */
  killer.first_ns = INT64_MAX / 2;
  while (PQtransactionStatus(killer.handle) == PQTRANS_ACTIVE) killed();
  connection_pool_clear(&pool);
  size_t wrong_before = work.wrong;
  for (size_t i = 0; i < at_once; i++) {
    requests[i].id = count + i;
    requests[i].attempts = 0;
    work.under_way++;
    request_begin(&requests[i]);
  }
  size_t holding = (size_t)connection_pool_stats(&pool).in_use;
  connection_pool_close(&pool);
  int64_t end_ns = now_ns() + CLOSING_SECONDS * SECONDS;
  bool drained = false;
  while (!(drained = work.under_way == 0 && connection_pool_drain(&pool, 0)) && now_ns() < end_ns) turn(end_ns);
  check(drained && work.closed + holding == at_once && work.wrong == wrong_before,
        "closed: %zu requests in line were told, %zu that had a connection answered, drained in time", work.closed,
        holding);
  connection_pool_destroy(&pool);
  objpool_loop_destroy(&loop);

  int64_t known = administer(killer.handle, "SELECT count(*) FROM request WHERE answer = id * id % 1000003");
  check(known == (int64_t)(count + holding), "the server knows %lld of them", (long long)known);
  administer(killer.handle, take_down);
  PQfinish(killer.handle);
  close(events);
  free(requests);
  free(work.answers);
  free(work.waits_ns);
  return checks_result();
}
