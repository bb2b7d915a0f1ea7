/*
 * slot.c - the slots of a replication (declared in replication.h): what the
 * source keeps for the target, and how far the target has come.
 */
#include "base/clock.h"
#include "pg/query.h"
#include "pg/replication.h"
#include "pg/sql.h"

#include <stdio.h>
#include <string.h>

enum {
	SLOT_PATIENCE_S = 600, /* for the transactions that write while the slot is made */
	DROP_PATIENCE_MS = 20000,
	DROP_ASK_MS = 2000, /* for a connection to end by itself */
	LOOK_MS = 50,
	OLD_NAME_SIZE = 64 + 8,
};

static int make_slot(struct pg_session *session, const char *name, char snapshot[PG_SNAPSHOT_SIZE], struct error *err)
{
	char sql[256];
	PGresult *result;

	/* The holder idles in a transaction while others copy. */
	snprintf(sql, sizeof(sql), "CREATE_REPLICATION_SLOT \"%s\" LOGICAL pgoutput EXPORT_SNAPSHOT", name);
	if (pg_query_run(session, "SET idle_in_transaction_session_timeout = 0", err) < 0 ||
	    pg_query(session, sql, NULL, 0, &result, err) < 0)
		return -1;
	snprintf(snapshot, PG_SNAPSHOT_SIZE, "%s", PQgetvalue(result, 0, 2));
	PQclear(result);
	return 0;
}

int pg_slot_create(const struct pg_settings *settings, const char *name, char snapshot[PG_SNAPSHOT_SIZE],
                   struct pg_session **holder, struct error *err)
{
	struct pg_settings replicating = *settings;

	replicating.replication = replicating.writes = true;
	replicating.statement_timeout_s = SLOT_PATIENCE_S;
	if (pg_session_open(&replicating, holder, err) < 0)
		return error_context(err, "as the role %s", settings->user);
	if (make_slot(*holder, name, snapshot, err) == 0)
		return 0;
	pg_session_close(*holder);
	*holder = NULL;
	return error_context(err, "creating the replication slot %s", name);
}

/* Drop it if nobody is connected to it. *gone: it is not there any more. */
static int try_slot(struct pg_session *session, const char *name, bool *gone, struct error *err)
{
	PGresult *result;

	if (pg_query(
	        session,
	        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1 AND NOT "
	        "active",
	        &name, 1, NULL, err) < 0 &&
	    strcmp(err->service_code, "55006") != 0) /* in use again, since the look */
		return -1;
	if (pg_query(session, "SELECT count(*) FROM pg_replication_slots WHERE slot_name = $1", &name, 1, &result,
	             err) < 0)
		return -1;
	*gone = pg_query_int(result, 0, 0) == 0;
	PQclear(result);
	return 0;
}

/*
 * Whoever is connected to the slot would be back before it is dropped. So the
 * role that it logs in as is shut out first: it is ours, of the slot's name, and
 * is dropped or made anew once the slot is gone. Who has logged in already is
 * met by the next call.
 */
static int disconnect(struct pg_session *session, const char *name, struct error *err)
{
	struct arena *arena = arena_new();
	const char *shut = arena_printf(arena,
	                                "DO $$ BEGIN ALTER ROLE %s NOLOGIN; EXCEPTION WHEN undefined_object OR "
	                                "insufficient_privilege THEN NULL; END $$",
	                                pg_query_identifier(arena, name));
	int status = pg_query_run(session, shut, err);

	if (status == 0)
		status = pg_query(session,
		                  "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots "
		                  "WHERE slot_name = $1 AND active",
		                  &name, 1, NULL, err);
	arena_free(arena);
	return status;
}

static int drop_slot(struct pg_session *session, const char *name, struct error *err)
{
	int64_t begin = clock_monotonic_ms(), elapsed;
	bool gone;

	for (;;) {
		if (try_slot(session, name, &gone, err) < 0)
			return -1;
		if (gone)
			return 0;
		elapsed = clock_monotonic_ms() - begin;
		if (elapsed > DROP_PATIENCE_MS) {
			error_set(err, ERROR_BUSY, "a server is still connected to it");
			err->retryable = true;
			return -1;
		}
		if (elapsed > DROP_ASK_MS && disconnect(session, name, err) < 0)
			return -1;
		clock_sleep_ms(LOOK_MS, session->stop);
	}
}

int pg_slot_drop(struct pg_session *session, const char *name, struct error *err)
{
	return drop_slot(session, name, err) < 0 ? error_context(err, "dropping the replication slot %s", name) : 0;
}

static const char *old_name(const char *name, char out[OLD_NAME_SIZE])
{
	snprintf(out, OLD_NAME_SIZE, "%s_old", name);
	return out;
}

int pg_slot_drop_old(struct pg_session *session, const char *name, struct error *err)
{
	char old[OLD_NAME_SIZE];

	return pg_slot_drop(session, old_name(name, old), err);
}

int pg_slot_put_aside(struct pg_session *session, const char *name, struct error *err)
{
	char old[OLD_NAME_SIZE];
	const char *params[] = {name, old_name(name, old)};

	/* There is no renaming of slots. */
	if (pg_query(session,
	             "SELECT pg_copy_logical_replication_slot(slot_name, $2) FROM pg_replication_slots "
	             "WHERE slot_name = $1 AND wal_status <> 'lost' "
	             "AND NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $2)",
	             params, 2, NULL, err) < 0)
		return error_context(err, "putting the replication slot %s aside", name);
	return pg_slot_drop(session, name, err);
}

static int list_deleted(struct pg_session *session, struct arena *arena, const char *const params[3],
                        struct pg_ids *ids, struct error *err)
{
	PGresult *result;
	int row;

	if (pg_query(session, sql_deleted, params, 3, &result, err) < 0)
		return -1;
	for (row = 0; row < PQntuples(result); row++)
		*ARENA_PUSH(arena, ids->items, ids->count) = pg_query_text(result, row, 0, arena);
	PQclear(result);
	return 0;
}

int pg_slot_list_deleted(struct pg_session *session, struct arena *arena, const char *table, const char *name,
                         struct pg_ids *ids, struct error *err)
{
	char old[OLD_NAME_SIZE];
	const char *params[] = {old_name(name, old), name, NULL};
	PGresult *result;
	bool there;

	*ids = (struct pg_ids){0};
	if (pg_query_table(arena, table, &params[2], err) < 0 ||
	    pg_query(session, "SELECT count(*) FROM pg_replication_slots WHERE slot_name = $1", params, 1, &result,
	             err) < 0)
		return -1;
	there = pg_query_int(result, 0, 0) != 0;
	PQclear(result);
	if (there && list_deleted(session, arena, params, ids, err) < 0)
		return error_context(err, "reading the replication slot %s", old);
	return 0;
}

/*
 * A mark in the WAL, behind all that was committed before. Its commit has the
 * WAL up to it written out, without which the slot would not see it: commits
 * need not be durable at once (synchronous_commit).
 */
static int put_mark(struct pg_session *session, char *lsn, size_t size, struct error *err)
{
	PGresult *result;

	if (pg_query_run(session, "SET synchronous_commit = on", err) < 0 ||
	    pg_query(session, "SELECT pg_logical_emit_message(true, 'trueup', '')", NULL, 0, &result, err) < 0)
		return -1;
	snprintf(lsn, size, "%s", PQgetvalue(result, 0, 0));
	PQclear(result);
	return 0;
}

int pg_replication_catch_up(struct pg_session *session, const char *name, int64_t patience_ms, bool *caught_up,
                            struct error *err)
{
	int64_t deadline = clock_monotonic_ms() + patience_ms;
	char lsn[32];
	const char *params[] = {name, lsn};

	*caught_up = false;
	if (put_mark(session, lsn, sizeof(lsn), err) < 0)
		return error_context(err, "marking the moment");
	for (;;) {
		PGresult *result;

		if (pg_query(session,
		             "SELECT count(*) FROM pg_replication_slots "
		             "WHERE slot_name = $1 AND confirmed_flush_lsn >= $2::pg_lsn",
		             params, 2, &result, err) < 0)
			return -1;
		*caught_up = pg_query_int(result, 0, 0) != 0;
		PQclear(result);
		if (*caught_up || clock_monotonic_ms() > deadline)
			return 0;
		clock_sleep_ms(LOOK_MS, session->stop);
	}
}
