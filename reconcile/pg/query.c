#include "pg/query.h"

#include "base/buf.h"
#include "base/clock.h"
#include "pg/digest.h"
#include "pg/sql.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

struct sqlstate_row {
	const char *prefix; /* the whole SQLSTATE, or its class */
	enum error_code code;
	bool retryable;
};

/* Appendix A of PostgreSQL's documentation; the first row that fits counts. */
static const struct sqlstate_row sqlstates[] = {
    {"28", ERROR_DENIED, false},       {"42501", ERROR_DENIED, false},    {"25006", ERROR_REFUSED, false},
    {"57014", ERROR_TIMEOUT, true},    {"55P03", ERROR_BUSY, true},       {"40", ERROR_STATE, true},
    {"53300", ERROR_THROTTLED, true},  {"57P", ERROR_STATE, true},        {"08", ERROR_UNREACHABLE, true},
    {"3D000", ERROR_NOT_FOUND, false}, {"3F000", ERROR_NOT_FOUND, false}, {"42P01", ERROR_NOT_FOUND, false},
    {"42704", ERROR_NOT_FOUND, false}, {"42P07", ERROR_EXISTS, false},    {"42710", ERROR_EXISTS, false},
    {"55000", ERROR_STATE, false},     {"", ERROR_SERVICE, false},
};

int pg_query_explain(const char *sqlstate, const char *message, struct error *err)
{
	static const char denied_for[] = "permission denied for ";
	const struct sqlstate_row *row = sqlstates;
	size_t length = strcspn(message, "\n");
	const char *grant;

	while (strncmp(sqlstate, row->prefix, strlen(row->prefix)) != 0)
		row++;
	error_set(err, row->code, "%.*s", (int)length, message);
	err->retryable = row->retryable;
	snprintf(err->service_code, sizeof(err->service_code), "%s", sqlstate);
	grant = strstr(message, denied_for);
	if (row->code == ERROR_DENIED && grant != NULL) {
		grant += strlen(denied_for);
		snprintf(err->permission, sizeof(err->permission), "%.*s", (int)strcspn(grant, "\n"), grant);
	}
	return -1;
}

int pg_query_error(struct pg_session *session, const PGresult *result, struct error *err)
{
	const char *sqlstate = result != NULL ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
	const char *message = result != NULL ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;

	if (session->stop != NULL && *session->stop)
		return error_set(err, ERROR_STATE, "stopped on request");
	if (sqlstate != NULL && message != NULL)
		return pg_query_explain(sqlstate, message, err);
	message = PQerrorMessage(session->conn);
	error_set(err, ERROR_UNREACHABLE, "the connection to the database was lost: %.*s", (int)strcspn(message, "\n"),
	          message);
	err->retryable = true;
	return -1;
}

/* Ask the server to give up the statement under way. Its answer comes as an error result. */
static void query_cancel(struct pg_session *session)
{
	PGcancel *cancel = PQgetCancel(session->conn);
	char why[256];

	if (cancel != NULL)
		(void)PQcancel(cancel, why, sizeof(why));
	PQfreeCancel(cancel);
}

/* Wait until a result can be had without blocking. */
static int query_await(struct pg_session *session, struct error *err)
{
	int64_t deadline = clock_monotonic_ms() + session->deadline_ms;
	bool cancelled = false;

	while (PQisBusy(session->conn)) {
		struct pollfd wait = {.fd = PQsocket(session->conn), .events = POLLIN};

		if (PQflush(session->conn) > 0)
			wait.events |= POLLOUT;
		if (poll(&wait, 1, PG_QUERY_TICK_MS) < 0 && errno != EINTR)
			return error_errno(err, "waiting for the database");
		if (wait.revents != 0 && !PQconsumeInput(session->conn))
			return pg_query_error(session, NULL, err);
		if (session->stop != NULL && *session->stop && !cancelled) {
			query_cancel(session);
			cancelled = true;
		}
		if (clock_monotonic_ms() > deadline)
			return error_set(err, ERROR_TIMEOUT, "the database did not answer in %lld seconds",
			                 (long long)(session->deadline_ms / 1000));
	}
	return 0;
}

static bool result_failed(const PGresult *result)
{
	switch (PQresultStatus(result)) {
	case PGRES_COMMAND_OK:
	case PGRES_TUPLES_OK:
	case PGRES_COPY_IN:
	case PGRES_COPY_OUT:
		return false;
	default:
		return true;
	}
}

/* Take the results of what was sent: the last one that is whole, or the first error. */
static int query_collect(struct pg_session *session, PGresult **last, struct error *err)
{
	int status = 0;

	*last = NULL;
	for (;;) {
		PGresult *result;

		if (query_await(session, err) < 0)
			return -1;
		result = PQgetResult(session->conn);
		if (result == NULL)
			return status;
		PQclear(*last);
		*last = result;
		if (result_failed(result) && status == 0)
			status = pg_query_error(session, result, err);
		/* In a copy, the next result comes only after the data. */
		if (PQresultStatus(result) == PGRES_COPY_IN || PQresultStatus(result) == PGRES_COPY_OUT ||
		    PQstatus(session->conn) == CONNECTION_BAD)
			return status;
	}
}

int pg_query(struct pg_session *session, const char *sql, const char *const *params, int count, PGresult **result,
             struct error *err)
{
	int sent;

	if (session->stop != NULL && *session->stop)
		return error_set(err, ERROR_STATE, "stopped on request");
	/* Only the simple protocol takes several statements at once. */
	if (count == 0)
		sent = PQsendQuery(session->conn, sql);
	else
		sent = PQsendQueryParams(session->conn, sql, count, NULL, params, NULL, NULL, 0);
	if (!sent)
		return pg_query_error(session, NULL, err);
	return pg_query_finish(session, result, err);
}

int pg_query_finish(struct pg_session *session, PGresult **result, struct error *err)
{
	PGresult *last;
	int status = query_collect(session, &last, err);

	if (status == 0 && result != NULL)
		*result = last;
	else
		PQclear(last);
	return status;
}

int pg_query_wait(struct pg_session *session, struct error *err)
{
	struct pollfd wait = {.fd = PQsocket(session->conn), .events = POLLIN};

	if (poll(&wait, 1, PG_QUERY_TICK_MS) < 0 && errno != EINTR)
		return error_errno(err, "waiting for the database");
	if (session->stop != NULL && *session->stop)
		return error_set(err, ERROR_STATE, "stopped on request");
	if (wait.revents != 0 && !PQconsumeInput(session->conn))
		return pg_query_error(session, NULL, err);
	return 0;
}

int pg_query_run(struct pg_session *session, const char *sql, struct error *err)
{
	return pg_query(session, sql, NULL, 0, NULL, err);
}

void pg_query_abandon(struct pg_session *session)
{
	struct pg_session unhurried = {.conn = session->conn, .deadline_ms = 30000};
	struct error ignored;
	PGresult *result;

	if (PQstatus(session->conn) == CONNECTION_BAD)
		return;
	if (PQtransactionStatus(session->conn) == PQTRANS_ACTIVE)
		query_cancel(session);
	while (query_await(&unhurried, &ignored) == 0 && (result = PQgetResult(session->conn)) != NULL) {
		bool copying = PQresultStatus(result) == PGRES_COPY_OUT;
		char *row;

		PQclear(result);
		/* PQgetResult() goes on only after what was on its way. */
		while (copying && PQgetCopyData(session->conn, &row, 0) > 0)
			PQfreemem(row);
	}
	if (PQtransactionStatus(session->conn) != PQTRANS_IDLE)
		(void)pg_query_run(&unhurried, "ROLLBACK", &ignored);
}

int64_t pg_query_int(const PGresult *result, int row, int column)
{
	return strtoll(PQgetvalue(result, row, column), NULL, 10);
}

const char *pg_query_text(const PGresult *result, int row, int column, struct arena *arena)
{
	return PQgetisnull(result, row, column) ? NULL : arena_strdup(arena, PQgetvalue(result, row, column));
}

int pg_query_table(struct arena *arena, const char *table, const char **quoted, struct error *err)
{
	const char *dot = strchr(table, '.');
	const char *schema = dot == NULL ? "public" : arena_strndup(arena, table, (size_t)(dot - table));
	const char *name = dot == NULL ? table : dot + 1;

	/* Longer names would be cut off by the server, and be another table's. */
	if (*schema == '\0' || *name == '\0' || strchr(name, '.') != NULL || strlen(schema) > 63 || strlen(name) > 63)
		return error_set(err, ERROR_INVALID, "\"%s\" is not the name of a table: write items or schema.items",
		                 table);
	*quoted = arena_printf(arena, "%s.%s", pg_query_identifier(arena, schema), pg_query_identifier(arena, name));
	return 0;
}

const char *pg_query_literal(struct pg_session *session, struct arena *arena, const char *text)
{
	char *escaped = PQescapeLiteral(session->conn, text, strlen(text));
	const char *copy;

	if (escaped == NULL) /* not UTF-8: then no row can be equal to it */
		return "NULL";
	copy = arena_strdup(arena, escaped);
	PQfreemem(escaped);
	return copy;
}

const char *pg_query_identifier(struct arena *arena, const char *text)
{
	char *quoted = arena_alloc(arena, 2 * strlen(text) + 3);
	char *out = quoted;

	*out++ = '"';
	for (; *text != '\0'; text++) {
		if (*text == '"')
			*out++ = '"';
		*out++ = *text;
	}
	*out = '"';
	return quoted;
}

int pg_query_vector_schema(struct pg_session *session, struct arena *arena, const char **schema, struct error *err)
{
	PGresult *result = NULL;
	bool found;

	if (pg_query(session, sql_vector_schema, NULL, 0, &result, err) < 0)
		return -1;
	found = PQntuples(result) == 1;
	if (found)
		*schema = pg_query_text(result, 0, 0, arena);
	PQclear(result);
	return found ? 0 : error_set(err, ERROR_STATE, "the database does not have the extension vector");
}

const char *pg_query_index_plain(struct arena *arena, const char *table, const char *suffix)
{
	const char *dot = strchr(table, '.');

	/* A name has 63 bytes; what the server would cut off is the suffix. */
	return arena_printf(arena, "idx_%.36s_%s", dot == NULL ? table : dot + 1, suffix);
}

const char *pg_query_index_name(struct arena *arena, const char *table, const char *suffix)
{
	return pg_query_identifier(arena, pg_query_index_plain(arena, table, suffix));
}

const char *pg_query_bots(struct pg_session *session, struct arena *arena, const struct pg_bots *bots)
{
	const char *separator = "botid IN (", *condition;
	bool null = false;
	struct buf out = {0};
	size_t i;

	for (i = 0; i < bots->count; i++) {
		if (strcmp(bots->items[i].name, PG_BOT_NULL) == 0) {
			null = true;
			continue;
		}
		buf_puts(&out, separator);
		buf_puts(&out, pg_query_literal(session, arena, bots->items[i].name));
		separator = ", ";
	}
	if (out.length > 0)
		buf_puts(&out, ")");
	if (null)
		buf_puts(&out, out.length > 0 ? " OR botid IS NULL" : "botid IS NULL");
	condition = out.length > 0 ? arena_printf(arena, "(%s)", buf_text(&out)) : "false";
	buf_free(&out);
	return condition;
}

static const char *fill_value(const struct pg_fill *fills, const char *name, size_t length)
{
	for (; fills->name != NULL; fills++)
		if (strlen(fills->name) == length && strncmp(fills->name, name, length) == 0)
			return fills->value;
	abort(); /* one of our own .sql files is wrong */
}

const char *pg_query_fill(struct arena *arena, const char *sql, const struct pg_fill *fills)
{
	struct buf out = {0};
	const char *copy, *open;

	while ((open = strchr(sql, '{')) != NULL) {
		size_t length = strcspn(open + 1, "}");

		buf_append(&out, sql, (size_t)(open - sql));
		buf_puts(&out, fill_value(fills, open + 1, length));
		sql = open + 1 + length + 1;
	}
	buf_puts(&out, sql);
	copy = arena_strdup(arena, buf_text(&out));
	buf_free(&out);
	return copy;
}
