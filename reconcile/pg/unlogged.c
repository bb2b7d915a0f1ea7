#include "pg/unlogged.h"

#include "base/buf.h"
#include "pg/query.h"
#include "pg/sql.h"

/* What sees the statement nevertheless, in words. */
static int explain_leak(const PGresult *leaks, struct error *err)
{
	const char *name = PQgetvalue(leaks, 0, 0), *user = PQgetvalue(leaks, 0, 3);

	return error_set(err, ERROR_DENIED,
	                 "its server would write the password to its log or statistics: %s is '%s' there, and %s may "
	                 "not change that; as a superuser, GRANT SET ON PARAMETER %s TO %s (PostgreSQL 15 or later), "
	                 "or set %s to '%s' for the time being",
	                 name, PQgetvalue(leaks, 0, 1), user, name, user, name, PQgetvalue(leaks, 0, 2));
}

int pg_unlogged_check(struct pg_session *session, struct error *err)
{
	PGresult *leaks;
	int status = 0;

	if (pg_query_run(session, sql_quiet, err) < 0 || pg_query(session, sql_leaks, NULL, 0, &leaks, err) < 0)
		return -1;
	if (PQntuples(leaks) > 0)
		status = explain_leak(leaks, err);
	PQclear(leaks);
	return status;
}

/* As CSV, which takes any text between quotes. */
static int send_text(struct pg_session *session, const struct secret *text, struct error *err)
{
	const char *at = secret_reveal(text);
	struct buf line = {0};
	int sent;

	buf_putc(&line, '"');
	for (; *at != '\0'; at++) {
		if (*at == '"')
			buf_putc(&line, '"');
		buf_putc(&line, *at);
	}
	buf_puts(&line, "\"\n");
	sent = PQputCopyData(session->conn, line.bytes, (int)line.length);
	buf_free(&line);
	if (sent != 1 || PQputCopyEnd(session->conn, NULL) != 1)
		return pg_query_error(session, NULL, err);
	return pg_query_finish(session, NULL, err);
}

static int run(struct pg_session *session, const char *statement, struct error *err)
{
	struct arena *arena = arena_new();
	const char *sql = arena_printf(arena,
	                               "DO $trueup$ BEGIN EXECUTE pg_catalog.format(%s, "
	                               "(SELECT text FROM pg_temp.trueup_text)); "
	                               "EXCEPTION WHEN OTHERS OR query_canceled THEN "
	                               "RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = SQLERRM; END $trueup$; "
	                               "COMMIT",
	                               pg_query_literal(session, arena, statement));
	int status = pg_query_run(session, sql, err);

	arena_free(arena);
	return status;
}

int pg_unlogged_run(struct pg_session *session, const char *statement, const struct secret *text, struct error *err)
{
	/* A wait for a lock is logged (log_lock_waits) with the statement, once it has taken a deadlock_timeout. */
	static const char begin[] = "BEGIN; SET LOCAL lock_timeout = '500ms'; SET LOCAL statement_timeout = '60s';"
	                            "CREATE TEMP TABLE trueup_text (text text) ON COMMIT DROP;"
	                            "COPY pg_temp.trueup_text FROM STDIN (FORMAT csv)";

	if (pg_unlogged_check(session, err) < 0)
		return -1;
	if (pg_query(session, begin, NULL, 0, NULL, err) == 0 && send_text(session, text, err) == 0 &&
	    run(session, statement, err) == 0)
		return 0;
	pg_query_abandon(session);
	return -1;
}
