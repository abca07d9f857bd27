/* What postgres_pool.c and async_postgres.c ask of a PostgreSQL server, and what they see to it by. */
#ifndef EXAMPLES_POSTGRES_REQUESTS_H
#define EXAMPLES_POSTGRES_REQUESTS_H

#include "common.h"
#include <libpq-fe.h> /* Debian: libpq-dev */

/* What the server must know. It sees to it that there are never more connections than the pool may have:
 * one more, and it answers "too many connections". */
static const char set_up[] =
    "CREATE ROLE pooled LOGIN CONNECTION LIMIT %zu;"
    "CREATE UNLOGGED TABLE request (id bigint PRIMARY KEY, answer bigint, times int DEFAULT 1);"
    "GRANT SELECT, INSERT, UPDATE ON request TO pooled";
static const char take_down[] = "DROP TABLE IF EXISTS request; DROP ROLE IF EXISTS pooled";

/* Whatever it is doing. */
static const char kill_one[] = "SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity "
                               "WHERE usename = 'pooled' ORDER BY random() LIMIT 1) AS victim";

/* A request may reach the server twice, when the connection dies between the work and the answer: then the second
 * time finds the first one's answer. That, not the pool, is what makes asking again safe. */
static const char request_text[] = "INSERT INTO request AS r (id, answer) VALUES ($1, $1::bigint * $1 % 1000003) "
                                   "ON CONFLICT (id) DO UPDATE SET times = r.times + 1 RETURNING answer";
static inline int64_t right_answer(size_t id) { return (int64_t)(id * id % 1000003); }

/* Runs SQL and returns the last result's first value, or 0. */
static inline int64_t administer(PGconn *handle, const char *sql) {
  PGresult *result = PQexec(handle, sql);
  ExecStatusType status = PQresultStatus(result);
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) fail("%s: %s", sql, PQerrorMessage(handle));
  int64_t value = PQntuples(result) > 0 ? strtoll(PQgetvalue(result, 0, 0), NULL, 10) : 0;
  PQclear(result);
  return value;
}

#endif
