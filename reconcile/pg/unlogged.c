#include "pg/unlogged.h"

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

static int keep_quiet(struct pg_session *session, struct error *err)
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

static int run(struct pg_session *session, const char *statement, struct error *err)
{
	struct arena *arena = arena_new();
	const char *sql = arena_printf(arena,
	                               "DO $trueup$ BEGIN EXECUTE format(%s, current_setting('trueup.carried')); "
	                               "EXCEPTION WHEN OTHERS OR query_canceled THEN "
	                               "RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = SQLERRM; END $trueup$",
	                               pg_query_literal(session, arena, statement));
	int status = pg_query_run(session, sql, err);

	arena_free(arena);
	return status;
}

int pg_unlogged_run(const struct pg_settings *settings, const char *statement, const struct secret *text,
                    struct error *err)
{
	struct pg_settings carrying = *settings;
	struct pg_session *session;
	int status;

	carrying.carried = text;
	if (pg_session_open(&carrying, &session, err) < 0)
		return -1;
	status = keep_quiet(session, err);
	if (status == 0)
		status = run(session, statement, err);
	pg_session_close(session);
	return status;
}
