#include "pg/connect.h"

#include "base/clock.h"
#include "base/log.h"
#include "pg/explain.h"
#include "pg/query.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Pinned at startup, before the first statement could run: what a database or
 * a role has as its own default must not change what we read. jit off: its
 * compiling costs more than our queries gain. parallel_*: the planner does not
 * see what a digest costs, and would have one process compute it. tcp_keepalives: a copy's lock
 * must not outlive, on the server, a client whose machine is gone.
 */
static const char pinned[] = "-c search_path=pg_catalog,public -c row_security=off -c DateStyle=ISO -c TimeZone=UTC "
                             "-c extra_float_digits=1 -c bytea_output=hex -c standard_conforming_strings=on "
                             "-c jit=off -c lock_timeout=30s -c idle_in_transaction_session_timeout=15min "
                             "-c parallel_setup_cost=100 -c parallel_tuple_cost=0.01 "
                             "-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3";

enum { DEFAULT_CONNECT_S = 15, DEFAULT_STATEMENT_S = 6 * 3600, PARAMETERS = 24 };

struct parameters {
	const char *keys[PARAMETERS];
	const char *values[PARAMETERS];
	size_t count;
	char port[16];
	char options[2048];
};

static void parameter_add(struct parameters *parameters, const char *key, const char *value)
{
	if (value == NULL)
		return;
	if (parameters->count + 1 == PARAMETERS) /* the last pair is the end */
		abort();
	parameters->keys[parameters->count] = key;
	parameters->values[parameters->count++] = value;
}

/* libpq lets `options` hide PGOPTIONS, so ours follow what it says: the last one counts. */
static void options_format(const struct pg_settings *settings, char *out, size_t size)
{
	const char *inherited = getenv("PGOPTIONS");
	int timeout = settings->statement_timeout_s > 0 ? settings->statement_timeout_s : DEFAULT_STATEMENT_S;

	snprintf(out, size, "%s %s -c statement_timeout=%ds -c default_transaction_read_only=%s",
	         inherited != NULL ? inherited : "", pinned, timeout, settings->writes ? "off" : "on");
}

static void parameters_fill(const struct pg_settings *settings, struct parameters *parameters)
{
	const char *sslmode = settings->sslmode;

	if (sslmode == NULL && getenv("PGSSLMODE") == NULL)
		sslmode = "verify-full";
	if (settings->port > 0)
		snprintf(parameters->port, sizeof(parameters->port), "%d", settings->port);
	options_format(settings, parameters->options, sizeof(parameters->options));
	parameter_add(parameters, "host", settings->host);
	parameter_add(parameters, "hostaddr", settings->hostaddr);
	parameter_add(parameters, "port", settings->port > 0 ? parameters->port : NULL);
	parameter_add(parameters, "dbname", settings->database);
	parameter_add(parameters, "replication", settings->replication ? "database" : NULL);
	parameter_add(parameters, "user", settings->user);
	parameter_add(parameters, "password", settings->password != NULL ? secret_reveal(settings->password) : NULL);
	parameter_add(parameters, "sslmode", sslmode);
	parameter_add(parameters, "sslrootcert", settings->sslrootcert);
	parameter_add(parameters, "application_name", settings->application_name);
	parameter_add(parameters, "fallback_application_name", "trueup");
	parameter_add(parameters, "client_encoding", "UTF8");
	parameter_add(parameters, "options", parameters->options);
	parameter_add(parameters, "keepalives", "1");
	parameter_add(parameters, "keepalives_idle", "30");
	parameter_add(parameters, "keepalives_interval", "10");
	parameter_add(parameters, "keepalives_count", "3");
	parameter_add(parameters, "tcp_user_timeout", "60000");
}

/* Notices ("already exists, skipping") are not ours to print. */
static void notice_log(void *context, const PGresult *notice)
{
	(void)context;
	log_debug("database: %s", PQresultErrorMessage(notice));
}

/* Step the connection until it is up, has failed, or the time is over. */
static int connection_await(PGconn *conn, const struct pg_settings *settings, struct error *err)
{
	int timeout = settings->connect_timeout_s > 0 ? settings->connect_timeout_s : DEFAULT_CONNECT_S;
	int64_t deadline = clock_monotonic_ms() + (int64_t)timeout * 1000;
	PostgresPollingStatusType step = PGRES_POLLING_WRITING;

	while (step != PGRES_POLLING_OK && step != PGRES_POLLING_FAILED) {
		struct pollfd wait = {.fd = PQsocket(conn), .events = step == PGRES_POLLING_READING ? POLLIN : POLLOUT};
		int ready = poll(&wait, 1, PG_QUERY_TICK_MS);

		if (ready < 0 && errno != EINTR)
			return error_errno(err, "waiting for the database");
		if (settings->stop != NULL && *settings->stop)
			return error_set(err, ERROR_STATE, "stopped on request");
		if (ready > 0)
			step = PQconnectPoll(conn);
		else if (clock_monotonic_ms() > deadline)
			return pg_explain_silence(conn, timeout, err);
	}
	return step == PGRES_POLLING_OK ? 0 : pg_explain_connect(conn, settings, err);
}

int pg_session_open(const struct pg_settings *settings, struct pg_session **session, struct error *err)
{
	int timeout = settings->statement_timeout_s > 0 ? settings->statement_timeout_s : DEFAULT_STATEMENT_S;
	struct parameters parameters = {0};
	PGconn *conn;

	*session = NULL;
	parameters_fill(settings, &parameters);
	conn = PQconnectStartParams(parameters.keys, parameters.values, 0);
	if (conn == NULL)
		abort();
	/* Verbose messages carry the SQLSTATE, which libpq 15 gives no other way while it connects. */
	PQsetErrorVerbosity(conn, PQERRORS_VERBOSE);
	PQsetNoticeReceiver(conn, notice_log, NULL);
	if (PQstatus(conn) == CONNECTION_BAD)
		pg_explain_connect(conn, settings, err);
	else if (connection_await(conn, settings, err) == 0) {
		*session = calloc(1, sizeof(**session));
		if (*session == NULL)
			abort();
		**session = (struct pg_session){conn, settings->stop, ((int64_t)timeout + 30) * 1000};
		return 0;
	}
	PQfinish(conn);
	return -1;
}

void pg_session_close(struct pg_session *session)
{
	if (session == NULL)
		return;
	PQfinish(session->conn);
	free(session);
}

int pg_snapshot_export(struct pg_session *session, char id[PG_SNAPSHOT_SIZE], struct error *err)
{
	PGresult *result;

	/* The holder idles for as long as others read: its idleness must not end it. */
	if (pg_query(session,
	             "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
	             "SET LOCAL idle_in_transaction_session_timeout = 0;"
	             "SELECT pg_export_snapshot()",
	             NULL, 0, &result, err) < 0)
		return error_context(err, "exporting a snapshot");
	snprintf(id, PG_SNAPSHOT_SIZE, "%s", PQgetvalue(result, 0, 0));
	PQclear(result);
	return 0;
}

int pg_snapshot_import(struct pg_session *session, const char *id, struct error *err)
{
	char *quoted = PQescapeLiteral(session->conn, id, strlen(id));
	char sql[3 * PG_SNAPSHOT_SIZE + 128];

	snprintf(sql, sizeof(sql), "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT %s",
	         quoted != NULL ? quoted : "''");
	PQfreemem(quoted);
	if (pg_query_run(session, sql, err) < 0)
		return error_context(err, "importing the snapshot %s", id);
	return 0;
}
