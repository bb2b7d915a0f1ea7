/*
 * query.h - statements in a session: for the files of this folder alone.
 *
 * Each wait is a poll() of the session's socket, so that it ends when `stop`
 * turns true (the statement is cancelled) or when the deadline passes.
 */
#ifndef TRUEUP_PG_QUERY_H
#define TRUEUP_PG_QUERY_H

#include "base/arena.h"
#include "base/error.h"
#include "pg/connect.h"

#include <libpq-fe.h>
#include <stdint.h>

struct pg_session {
	PGconn *conn;
	const volatile bool *stop;
	int64_t deadline_ms; /* for one statement: a little more than the server's own timeout */
};

/* How often a wait looks at `stop`. */
#define PG_QUERY_TICK_MS 200

/*
 * Run sql with `count` text parameters (with none: also several statements,
 * separated by semicolons) and put the last result into *result, which the
 * caller clears; with result NULL it is dropped. A COPY leaves the connection
 * in its copy state.
 */
int pg_query(struct pg_session *session, const char *sql, const char *const *params, int count, PGresult **result,
             struct error *err);

/* The same without parameters and result. */
int pg_query_run(struct pg_session *session, const char *sql, struct error *err);

/* Wait, at most a tick, until the socket can be read, and take in what came. For PQgetCopyData(). */
int pg_query_wait(struct pg_session *session, struct error *err);

/* After a copy's data: its result, as pg_query() gives it. */
int pg_query_finish(struct pg_session *session, PGresult **result, struct error *err);

/* Fill err from a result, or, with NULL, from the connection. Always returns -1. */
int pg_query_error(struct pg_session *session, const PGresult *result, struct error *err);

/* Fill err for a SQLSTATE and the server's message. Always returns -1. */
int pg_query_explain(const char *sqlstate, const char *message, struct error *err);

/*
 * After a failure: leave whatever statement, COPY TO or transaction the session
 * is in. A lost connection stays lost; one in a COPY FROM is to be closed instead.
 */
void pg_query_abandon(struct pg_session *session);

/* The column as a number; NULL gives 0. */
int64_t pg_query_int(const PGresult *result, int row, int column);

/* The column as a copy in the arena; NULL gives NULL. */
const char *pg_query_text(const PGresult *result, int row, int column, struct arena *arena);

/* "items" or "app.items" as a quoted, qualified name. ERROR_INVALID if it is neither. */
int pg_query_table(struct arena *arena, const char *table, const char **quoted, struct error *err);

/* text as a string literal. */
const char *pg_query_literal(struct pg_session *session, struct arena *arena, const char *text);

/* text as a quoted identifier. */
const char *pg_query_identifier(struct arena *arena, const char *text);

/* The quoted schema that the extension vector is in. ERROR_STATE if the database does not have it. */
int pg_query_vector_schema(struct pg_session *session, struct arena *arena, const char **schema, struct error *err);

/* "idx_<table>_<suffix>", the application's way to name an index; plain, and quoted. */
const char *pg_query_index_plain(struct arena *arena, const char *table, const char *suffix);
const char *pg_query_index_name(struct arena *arena, const char *table, const char *suffix);

/* A condition that holds for the rows of these bots. */
struct pg_bots;
const char *pg_query_bots(struct pg_session *session, struct arena *arena, const struct pg_bots *bots);

/* What stands for {name} in one of the .sql files. */
struct pg_fill {
	const char *name;
	const char *value;
};

/* sql with each {name} replaced; `fills` ends with a NULL name. A {name} that is not among them aborts. */
const char *pg_query_fill(struct arena *arena, const char *sql, const struct pg_fill *fills);

#endif
