#include "pg/run_lock.h"

#include "base/clock.h"
#include "pg/query.h"
#include "sql.h"

#define WAIT_MS 5000

/* 1: it is held now. 0: somebody else has it. -1 after filling err. */
static int try_lock(struct pg_session *session, const char *deployment, struct error *err)
{
	PGresult *result;
	int held;

	if (pg_query(session, sql_run_lock, &deployment, 1, &result, err) < 0)
		return -1;
	held = pg_query_int(result, 0, 0) != 0;
	PQclear(result);
	return held;
}

static int refuse(struct pg_session *session, struct arena *arena, const char *deployment, struct error *err)
{
	const char *who = "a session that has just ended", *where = "unknown";
	PGresult *result;

	if (pg_query(session, sql_run_lock_holder, &deployment, 1, &result, err) < 0)
		return -1;
	if (PQntuples(result) > 0) {
		who = pg_query_text(result, 0, 0, arena);
		where = pg_query_text(result, 0, 1, arena);
	}
	PQclear(result);
	return error_set(err, ERROR_BUSY, "another run holds the deployment %s in its database: %s, from %s",
	                 deployment, who != NULL && *who != '\0' ? who : "a session without a name", where);
}

int pg_run_lock(struct pg_session *session, struct arena *arena, const char *deployment, struct error *err)
{
	int64_t deadline = clock_monotonic_ms() + WAIT_MS;
	int held;

	if (pg_query_run(session, sql_run_lock_session, err) != 0)
		return -1;
	while ((held = try_lock(session, deployment, err)) == 0 && clock_monotonic_ms() < deadline)
		clock_sleep_ms(PG_QUERY_TICK_MS, session->stop);
	if (held == 0)
		return refuse(session, arena, deployment, err);
	return held > 0 ? 0 : -1;
}
