/* SQLite connections with their prepared statements, pooled: many threads share a few, an abandoned transaction is
 * rolled back by the release, and a connection that lay idle for long is tried before anyone gets it. */
/* build: cc -std=c11 -O2 -pthread -I.. sqlite_pool.c -o sqlite_pool -lsqlite3 */
/* run: ./sqlite_pool [threads [connections [transfers]]] */
#include "common.h"
#include <sqlite3.h> /* Debian: libsqlite3-dev */
#include <stdatomic.h>
#include <unistd.h>

/* >>connection: what the pool holds ************************************************************ */

enum { BEGIN, WITHDRAW, DEPOSIT, RECORD, COMMIT, LOOK_UP, GENERATION, PROBE, STATEMENTS };

static const char *const statement_text[STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [WITHDRAW] = "UPDATE account SET balance = balance - ?2 WHERE id = ?1",
    [DEPOSIT] = "UPDATE account SET balance = balance + ?2 WHERE id = ?1",
    [RECORD] = "INSERT INTO transfer (source, target, amount) VALUES (?1, ?2, ?3)",
    [COMMIT] = "COMMIT",
    [LOOK_UP] = "SELECT balance FROM account WHERE id = ?1",
    [GENERATION] = "SELECT generation FROM origin",
    [PROBE] = "SELECT 1 FROM sqlite_schema LIMIT 1",
};

struct connection {
  sqlite3 *handle;
  sqlite3_stmt *statements[STATEMENTS];
  int64_t idle_since_ns;
};

/* The context of the pool, handed to each hook. */
struct database {
  char path[256];
  int64_t probe_after_ns; /* a connection idle for longer is tried before it is handed out */
  atomic_size_t probes, rollbacks;
};

static void connection_close(struct connection *connection, void *context) {
  (void)context;
  for (int i = 0; i < STATEMENTS; i++) sqlite3_finalize(connection->statements[i]); /* NULL is fine */
  if (sqlite3_close(connection->handle) != SQLITE_OK) fail("close: %s", sqlite3_errmsg(connection->handle));
}

static bool connection_open(struct connection *connection, void *context) {
  const struct database *database = context;
  /* NOMUTEX: the pool sees to it that one thread at a time uses a connection */
  int status = sqlite3_open_v2(database->path, &connection->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
  if (status == SQLITE_OK) status = sqlite3_busy_timeout(connection->handle, 30000);
  /* this database lives as long as the program: no need to wait for the disk */
  if (status == SQLITE_OK) {
    status =
        sqlite3_exec(connection->handle, "PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = OFF", NULL, NULL, NULL);
  }
  for (int i = 0; i < STATEMENTS && status == SQLITE_OK; i++) {
    status = sqlite3_prepare_v3(connection->handle, statement_text[i], -1, SQLITE_PREPARE_PERSISTENT,
                                &connection->statements[i], NULL);
  }
  if (status != SQLITE_OK) {
    fprintf(stderr, "cannot open %s: %s\n", database->path, sqlite3_errmsg(connection->handle));
    connection_close(connection, context);
    return false;
  }
  connection->idle_since_ns = now_ns();
  return true;
}

/* On every release: no statement half run, no transaction open. */
static void connection_reset(struct connection *connection, void *context) {
  struct database *database = context;
  for (int i = 0; i < STATEMENTS; i++) {
    sqlite3_reset(connection->statements[i]);
    sqlite3_clear_bindings(connection->statements[i]);
  }
  if (!sqlite3_get_autocommit(connection->handle)) {
    sqlite3_exec(connection->handle, "ROLLBACK", NULL, NULL, NULL);
    atomic_fetch_add(&database->rollbacks, 1);
  }
  connection->idle_since_ns = now_ns();
}

/* Before an idle connection is handed out: one used a moment ago is trusted, another must answer a query, from the
 * file that is at the path today (a restored backup replaces it, and old connections would read the old one on). */
static bool connection_is_alive(struct connection *connection, void *context) {
  struct database *database = context;
  if (now_ns() - connection->idle_since_ns < database->probe_after_ns) return true;
  atomic_fetch_add(&database->probes, 1);
  int moved = 0;
  sqlite3_file_control(connection->handle, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
  bool answers = sqlite3_step(connection->statements[PROBE]) == SQLITE_ROW;
  sqlite3_reset(connection->statements[PROBE]);
  return answers && !moved;
}

#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

OBJPOOL_DEFINE(connection_pool, struct connection,
               opt.create = connection_open,
               opt.reset = connection_reset,
               opt.validate = connection_is_alive,
               opt.validate_on = OBJPOOL_ON_ACQUIRE,
               opt.destroy = connection_close);

static connection_pool pool;

/* >>requests: what the threads do ************************************************************** */

enum { ACCOUNTS = 100, OPENING_BALANCE = 1000, PATIENCE_SECONDS = 60 };

/* Runs one statement with up to three numbers; a row's first column goes to *value. */
static bool run(struct connection *connection, int which, const int64_t *numbers, int count, int64_t *value) {
  sqlite3_stmt *statement = connection->statements[which];
  for (int i = 0; i < count; i++) sqlite3_bind_int64(statement, i + 1, numbers[i]);
  int status = sqlite3_step(statement);
  if (status == SQLITE_ROW && value) *value = sqlite3_column_int64(statement, 0);
  bool fine = status == SQLITE_DONE || (status == SQLITE_ROW && value);
  if (!fine) fprintf(stderr, "%s: %s\n", statement_text[which], sqlite3_errmsg(connection->handle));
  sqlite3_reset(statement);
  return fine;
}

enum outcome { COMMITTED, ABANDONED, FAILED };

/* Moves money from one account to another. With `give_up` the caller's patience ends half-way: the connection goes
 * back to the pool inside its transaction, as it does on any early return, and the pool's reset rolls back. */
static enum outcome transfer(int64_t source, int64_t target, int64_t amount, bool give_up) {
  OBJPOOL_SCOPED(connection_pool) guard = connection_pool_guard_acquire_for(&pool, PATIENCE_SECONDS * SECONDS);
  if (!guard.object) return FAILED;
  struct connection *connection = guard.object;
  if (!run(connection, BEGIN, NULL, 0, NULL)) return FAILED;
  if (!run(connection, WITHDRAW, (int64_t[]){source, amount}, 2, NULL)) return FAILED;
  if (give_up) return ABANDONED;
  if (!run(connection, DEPOSIT, (int64_t[]){target, amount}, 2, NULL)) return FAILED;
  if (!run(connection, RECORD, (int64_t[]){source, target, amount}, 3, NULL)) return FAILED;
  return run(connection, COMMIT, NULL, 0, NULL) ? COMMITTED : FAILED;
}

struct work {
  atomic_size_t next;
  size_t requests;
  atomic_size_t outcomes[FAILED + 1];
  struct database *database;
};

static void *transfer_money(void *argument) {
  struct work *work = argument;
  for (size_t i; (i = atomic_fetch_add(&work->next, 1)) < work->requests;) {
    int64_t source = (int64_t)(i * 7 % ACCOUNTS), target = (int64_t)((i * 7 + 1 + i % 50) % ACCOUNTS);
    enum outcome outcome = transfer(source, target, (int64_t)(i % 10 + 1), i % 5 == 0);
    atomic_fetch_add(&work->outcomes[outcome], 1);
  }
  return NULL;
}

static void *look_up_pooled(void *argument) {
  struct work *work = argument;
  for (size_t i; (i = atomic_fetch_add(&work->next, 1)) < work->requests;) {
    OBJPOOL_SCOPED(connection_pool) guard = connection_pool_guard_acquire_for(&pool, PATIENCE_SECONDS * SECONDS);
    int64_t balance;
    bool fine = guard.object && run(guard.object, LOOK_UP, (int64_t[]){(int64_t)(i % ACCOUNTS)}, 1, &balance);
    atomic_fetch_add(&work->outcomes[fine ? COMMITTED : FAILED], 1);
  }
  return NULL;
}

/* The same, as one does without a pool. */
static void *look_up_opening(void *argument) {
  struct work *work = argument;
  for (size_t i; (i = atomic_fetch_add(&work->next, 1)) < work->requests;) {
    struct connection connection = {0};
    bool fine = connection_open(&connection, work->database);
    if (fine) {
      int64_t balance;
      fine = run(&connection, LOOK_UP, (int64_t[]){(int64_t)(i % ACCOUNTS)}, 1, &balance);
      connection_close(&connection, work->database);
    }
    atomic_fetch_add(&work->outcomes[fine ? COMMITTED : FAILED], 1);
  }
  return NULL;
}

/* >>database: set up, asked and replaced ******************************************************* */

/* Runs SQL on a connection of its own; returns the first column of the last row, or 0. */
static int64_t ask(const char *path, const char *sql) {
  sqlite3 *handle;
  int64_t value = 0;
  if (sqlite3_open(path, &handle) != SQLITE_OK) fail("%s: %s", path, sqlite3_errmsg(handle));
  sqlite3_busy_timeout(handle, 30000);
  while (*sql) {
    sqlite3_stmt *statement;
    int status = sqlite3_prepare_v2(handle, sql, -1, &statement, &sql);
    if (status != SQLITE_OK) fail("%s: %s", path, sqlite3_errmsg(handle));
    while ((status = sqlite3_step(statement)) == SQLITE_ROW) value = sqlite3_column_int64(statement, 0);
    if (statement && status != SQLITE_DONE) fail("%s: %s", path, sqlite3_errmsg(handle));
    sqlite3_finalize(statement);
  }
  sqlite3_close(handle);
  return value;
}

static void set_up(const char *path) {
  char sql[512];
  snprintf(sql, sizeof sql,
           "CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL);"
           "CREATE TABLE transfer (id INTEGER PRIMARY KEY, source INTEGER, target INTEGER, amount INTEGER);"
           "CREATE TABLE origin (generation INTEGER); INSERT INTO origin VALUES (1);"
           "WITH RECURSIVE ids (id) AS (SELECT 0 UNION ALL SELECT id + 1 FROM ids WHERE id < %d - 1)"
           "INSERT INTO account SELECT id, %d FROM ids",
           ACCOUNTS, OPENING_BALANCE);
  ask(path, sql);
}

/* Puts a copy of the database, marked as the next generation, in its place: what restoring a backup does. */
static void restore(const char *path, int64_t generation) {
  char copy[300], sql[700];
  snprintf(copy, sizeof copy, "%s.copy", path);
  sqlite3_snprintf(sizeof sql, sql, "VACUUM INTO %Q", copy);
  ask(path, sql);
  snprintf(sql, sizeof sql, "UPDATE origin SET generation = %lld", (long long)generation);
  ask(copy, sql);
  if (rename(copy, path)) fail("rename: %s", strerror(errno));
}

int main(int argc, char **argv) {
  help_argument(argc, argv, "usage: sqlite_pool [THREADS [CONNECTIONS [TRANSFERS]]]   [16 4 4000]");
  size_t threads = number_argument(argc, argv, 1, "threads", 16);
  size_t connections = number_argument(argc, argv, 2, "connections", 4);
  size_t transfers = number_argument(argc, argv, 3, "transfers", 4000);
  size_t lookups = transfers * 5;

  struct database database = {.probe_after_ns = 200 * MILLISECONDS};
  const char *parent = getenv("TMPDIR");
  if (!parent || !*parent) parent = "/tmp";
  char folder[sizeof database.path - sizeof "/bank.db"];
  int length = snprintf(folder, sizeof folder, "%s/sqlite_pool.XXXXXX", parent);
  if (length < 0 || (size_t)length >= sizeof folder) fail("TMPDIR is too long: %s", parent);
  if (!mkdtemp(folder)) fail("%s: %s", folder, strerror(errno));
  snprintf(database.path, sizeof database.path, "%s/bank.db", folder);
  set_up(database.path);

  objpool_config config = {.context = &database, .max_objects = connections};
  if (!connection_pool_init(&pool, &config)) fail("pool: %s", strerror(errno));
  printf("SQLite %s: %zu threads, %zu connections\n", sqlite3_libversion(), threads, connections);

  /* transfers, every fifth abandoned half-way */
  struct work work = {.requests = transfers, .database = &database};
  int64_t duration_ns = run_threads(threads, transfer_money, &work);
  objpool_stats stats = connection_pool_stats(&pool);
  printf("%zu transfers, %.0f a second; %llu waited for a connection, %.3f ms on average\n", transfers,
         per_second(transfers, duration_ns), (unsigned long long)stats.waits,
         stats.waits ? (double)stats.wait_ns / (double)stats.waits / 1e6 : 0.0);
  size_t abandoned = (transfers + 4) / 5;
  check(work.outcomes[FAILED] == 0 && work.outcomes[ABANDONED] == abandoned, "%zu committed, %zu abandoned, %zu failed",
        work.outcomes[COMMITTED], work.outcomes[ABANDONED], work.outcomes[FAILED]);
  check(database.rollbacks == abandoned, "%zu rolled back by reset", database.rollbacks);
  int64_t balance = ask(database.path, "SELECT sum(balance) FROM account");
  check(balance == ACCOUNTS * OPENING_BALANCE, "no money made or lost: %lld", (long long)balance);
  int64_t recorded = ask(database.path, "SELECT count(*) FROM transfer");
  check(recorded == (int64_t)(transfers - abandoned), "%lld transfers in the database", (long long)recorded);
  check(stats.created <= connections && stats.in_use == 0, "%llu connections opened, %llu still in use",
        (unsigned long long)stats.created, (unsigned long long)stats.in_use);

  /* the point of it: the same look-ups with and without */
  struct work pooled = {.requests = lookups, .database = &database},
              opening = {.requests = lookups / 10, .database = &database};
  double pooled_rate = per_second(pooled.requests, run_threads(threads, look_up_pooled, &pooled));
  double opening_rate = per_second(opening.requests, run_threads(connections, look_up_opening, &opening));
  check(pooled.outcomes[FAILED] == 0 && opening.outcomes[FAILED] == 0, "every look-up answered");
  printf("look-ups: %.0f a second, %.0f when opening each time\nspeed-up: %.1f times\n", pooled_rate, opening_rate,
         pooled_rate / opening_rate);

  /* a backup is restored while connections lie idle */
  connection_pool_warmup(&pool, connections);
  restore(database.path, 2);
  sleep_ns(database.probe_after_ns + 10 * MILLISECONDS);
  size_t stale = 0, invalid_before = connection_pool_stats(&pool).invalid, probes_before = database.probes;
  struct connection *held[MAX_EXAMPLE_THREADS];
  size_t count = connection_pool_acquire_many(&pool, held, connections < MAX_EXAMPLE_THREADS ? connections : 1);
  for (size_t i = 0; i < count; i++) {
    int64_t generation = 0;
    if (!run(held[i], GENERATION, NULL, 0, &generation) || generation != 2) stale++;
  }
  connection_pool_release_many(&pool, held, count);
  stats = connection_pool_stats(&pool);
  check(count == connections && stale == 0, "after the restore %zu of %zu connections read the old file", stale, count);
  check(stats.invalid - invalid_before == connections, "%llu idle connections found out by %zu queries and replaced",
        (unsigned long long)(stats.invalid - invalid_before), database.probes - probes_before);

  connection_pool_destroy(&pool);
  char journal[300];
  snprintf(journal, sizeof journal, "%s-journal", database.path);
  if (unlink(journal) || unlink(database.path) || rmdir(folder)) fail("%s is left behind: %s", folder, strerror(errno));
  return checks_result();
}
