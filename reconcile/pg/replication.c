#include "pg/replication.h"

#include "base/buf.h"
#include "pg/query.h"
#include "pg/sql.h"
#include "pg/unlogged.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PASSWORD_BYTES = 24 };

/* With what stands in the statement wiped afterwards: these have a password's verifier in them. */
static int run_wiped(struct pg_session *session, struct buf *sql, struct error *err)
{
	int status = pg_query_run(session, buf_text(sql), err);

	buf_free(sql);
	return status;
}

static void put_literal(struct pg_session *session, struct buf *out, const char *text)
{
	char *escaped = PQescapeLiteral(session->conn, text, strlen(text));

	if (escaped == NULL) /* not UTF-8: the server would not know it either */
		return;
	buf_puts(out, escaped);
	OPENSSL_cleanse(escaped, strlen(escaped));
	PQfreemem(escaped);
}

static void read_publisher(const PGresult *result, struct arena *arena, struct pg_publisher *publisher)
{
	*publisher = (struct pg_publisher){
	    .rds = pg_query_int(result, 0, 0) != 0,
	    .logical = pg_query_int(result, 0, 1) != 0,
	    .slots_left = pg_query_int(result, 0, 2),
	    .identity = pg_query_int(result, 0, 3) != 0,
	    .extra = pg_query_text(result, 0, 4, arena),
	    .missing = pg_query_text(result, 0, 5, arena),
	    .publication = pg_query_int(result, 0, 6) != 0,
	    .role = pg_query_int(result, 0, 7) != 0,
	    .slot = pg_query_int(result, 0, 8) != 0,
	    .slot_active = pg_query_int(result, 0, 9) != 0,
	    .slot_lost = pg_query_int(result, 0, 10) != 0,
	    .old_slot = pg_query_int(result, 0, 11) != 0,
	    .held_bytes = pg_query_int(result, 0, 12),
	    .behind_bytes = pg_query_int(result, 0, 13),
	    .confirmed = pg_query_int(result, 0, 14),
	};
}

int pg_publisher_observe(struct pg_session *session, struct arena *arena, const char *table, const char *name,
                         struct pg_publisher *publisher, struct error *err)
{
	const char *params[] = {NULL, name};
	PGresult *result;
	int status = 0;

	if (pg_query_table(arena, table, &params[0], err) < 0)
		return -1;
	if (pg_query(session, sql_publisher, params, 2, &result, err) < 0)
		return error_context(err, "looking at the replication from %s", table);
	if (PQntuples(result) == 1)
		read_publisher(result, arena, publisher);
	else
		status = error_set(err, ERROR_NOT_FOUND, "there is no table %s", table);
	PQclear(result);
	return status;
}

/* The view is since 15. */
static int read_errors(struct pg_session *session, const char *name, int64_t *errors, struct error *err)
{
	PGresult *result;

	*errors = 0;
	if (PQserverVersion(session->conn) < 150000)
		return 0;
	if (pg_query(session,
	             "SELECT coalesce(sum(apply_error_count), 0) FROM pg_stat_subscription_stats WHERE subname = $1",
	             &name, 1, &result, err) < 0)
		return -1;
	*errors = pg_query_int(result, 0, 0);
	PQclear(result);
	return 0;
}

int pg_subscriber_observe(struct pg_session *session, struct arena *arena, const char *name,
                          struct pg_subscriber *subscriber, struct error *err)
{
	PGresult *result;

	if (pg_query(session, sql_subscriber, &name, 1, &result, err) < 0)
		return error_context(err, "looking at the subscription %s", name);
	*subscriber = (struct pg_subscriber){
	    .missing = pg_query_text(result, 0, 0, arena),
	    .subscription = pg_query_int(result, 0, 1) != 0,
	    .enabled = pg_query_int(result, 0, 2) != 0,
	};
	PQclear(result);
	return read_errors(session, name, &subscriber->errors, err);
}

/* What of the two ways to let a role replicate this server and this user have. */
static int ask_for_ways(struct pg_session *session, bool *attribute, bool *membership, struct error *err)
{
	PGresult *result;

	if (pg_query(session,
	             "SELECT rolsuper::int, (SELECT count(*) FROM pg_roles WHERE rolname = 'rds_replication') "
	             "FROM pg_roles WHERE rolname = current_user",
	             NULL, 0, &result, err) < 0)
		return -1;
	*attribute = pg_query_int(result, 0, 0) != 0;
	*membership = pg_query_int(result, 0, 1) != 0;
	PQclear(result);
	return 0;
}

/* The server never sees the password itself, and so its log does not either. */
static int put_verifier(struct pg_session *session, struct buf *sql, const char *role, const struct secret *password,
                        struct error *err)
{
	char *verifier = PQencryptPasswordConn(session->conn, secret_reveal(password), role, "scram-sha-256");

	if (verifier == NULL)
		return pg_query_error(session, NULL, err);
	put_literal(session, sql, verifier);
	OPENSSL_cleanse(verifier, strlen(verifier));
	PQfreemem(verifier);
	return 0;
}

/* The statements that make the role anew. */
static int put_role(struct pg_session *session, struct buf *sql, const char *name, const struct secret *password,
                    struct error *err)
{
	struct arena *arena = arena_new();
	const char *quoted = pg_query_identifier(arena, name);
	bool attribute, membership;
	int status = ask_for_ways(session, &attribute, &membership, err);

	if (status == 0) {
		buf_printf(sql, "DROP ROLE IF EXISTS %s; CREATE ROLE %s LOGIN %s PASSWORD ", quoted, quoted,
		           attribute ? "REPLICATION" : "");
		status = put_verifier(session, sql, name, password, err);
		buf_printf(sql, membership ? "; GRANT rds_replication TO %s;" : ";", quoted);
	}
	arena_free(arena);
	return status;
}

static int create_pieces(struct pg_session *session, const char *quoted, const char *table, const char *name,
                         const struct secret *password, struct error *err)
{
	struct buf sql = {0};
	int status = put_role(session, &sql, name, password, err);

	/* Sent at once, the statements are one transaction. */
	buf_printf(&sql,
	           "DROP PUBLICATION IF EXISTS %s;"
	           "CREATE PUBLICATION %s FOR TABLE %s WITH (publish = 'insert, update, delete')",
	           quoted, quoted, table);
	if (status == 0)
		status = run_wiped(session, &sql, err);
	buf_free(&sql);
	return status;
}

int pg_publisher_create(struct pg_session *session, const char *table, const char *name, const struct secret *password,
                        struct error *err)
{
	struct arena *arena = arena_new();
	const char *quoted;
	int status = pg_query_table(arena, table, &quoted, err);

	if (status == 0)
		status = create_pieces(session, pg_query_identifier(arena, name), quoted, name, password, err);
	arena_free(arena);
	return status < 0 ? error_context(err, "creating the publication and the role %s", name) : 0;
}

int pg_publisher_renew(struct pg_session *session, const char *name, const struct secret *password, struct error *err)
{
	struct buf sql = {0};
	int status = put_role(session, &sql, name, password, err);

	if (status == 0)
		status = run_wiped(session, &sql, err);
	buf_free(&sql);
	return status < 0 ? error_context(err, "renewing the role %s", name) : 0;
}

int pg_publisher_drop(struct pg_session *session, const char *name, struct error *err)
{
	struct arena *arena = arena_new();
	const char *quoted = pg_query_identifier(arena, name);
	int status = -1;

	if (pg_slot_drop(session, name, err) == 0 && pg_slot_drop_old(session, name, err) == 0) {
		status = pg_query_run(
		    session,
		    arena_printf(arena, "DROP PUBLICATION IF EXISTS %s; DROP ROLE IF EXISTS %s", quoted, quoted), err);
		if (status < 0)
			error_context(err, "dropping the publication and the role %s", name);
	}
	arena_free(arena);
	return status;
}

/* A value of a connection string, in its quotes. */
static void put_setting(struct buf *out, const char *key, const char *value)
{
	if (value == NULL)
		return;
	buf_printf(out, "%s='", key);
	for (; *value != '\0'; value++) {
		if (*value == '\'' || *value == '\\')
			buf_putc(out, '\\');
		buf_putc(out, *value);
	}
	buf_puts(out, "' ");
}

static bool is_weaker_than_require(const char *sslmode)
{
	return sslmode != NULL &&
	       (strcmp(sslmode, "disable") == 0 || strcmp(sslmode, "allow") == 0 || strcmp(sslmode, "prefer") == 0);
}

static struct secret *connection_text(const char *role, const struct pg_publisher_address *address,
                                      const struct secret *password)
{
	bool weak = is_weaker_than_require(address->sslmode);
	struct buf text = {0};
	struct secret *secret;
	char port[16];

	snprintf(port, sizeof(port), "%d", address->port);
	put_setting(&text, "host", address->host);
	put_setting(&text, "port", address->port > 0 ? port : NULL);
	put_setting(&text, "dbname", address->database);
	put_setting(&text, "user", role);
	put_setting(&text, "password", secret_reveal(password));
	put_setting(&text, "sslmode", weak ? address->sslmode : "require");
	put_setting(&text, "channel_binding", weak ? "prefer" : "require");
	secret = secret_new(buf_text(&text), text.length);
	buf_free(&text);
	return secret;
}

/* The statement has %L where the connection goes. */
static int run_with_connection(struct pg_session *session, const char *statement, const char *name,
                               const struct pg_publisher_address *address, const struct secret *password,
                               struct error *err)
{
	struct secret *connection = connection_text(name, address, password);
	int status = pg_unlogged_run(session, statement, connection, err);

	secret_free(connection);
	return status;
}

int pg_subscriber_is_discreet(struct pg_session *session, struct error *err)
{
	return pg_unlogged_check(session, err);
}

int pg_subscriber_create(struct pg_session *session, const char *name, const struct pg_publisher_address *address,
                         const struct secret *password, struct error *err)
{
	struct arena *arena = arena_new();
	const char *quoted = pg_query_identifier(arena, name);
	const char *statement =
	    arena_printf(arena,
	                 "CREATE SUBSCRIPTION %s CONNECTION %%L PUBLICATION %s "
	                 "WITH (enabled = false, create_slot = false, copy_data = false, slot_name = %s)",
	                 quoted, quoted, quoted);
	int status = run_with_connection(session, statement, name, address, password, err);

	arena_free(arena);
	return status < 0 ? error_context(err, "creating the subscription %s", name) : 0;
}

/* ALTER SUBSCRIPTION. */
static int alter(struct pg_session *session, const char *name, const char *how, struct error *err)
{
	struct arena *arena = arena_new();
	const char *sql = arena_printf(arena, "ALTER SUBSCRIPTION %s %s", pg_query_identifier(arena, name), how);
	int status = pg_query_run(session, sql, err);

	arena_free(arena);
	return status < 0 ? error_context(err, "the subscription %s", name) : 0;
}

int pg_subscriber_enable(struct pg_session *session, const char *name, struct error *err)
{
	return alter(session, name, "ENABLE", err);
}

/* The target's server waits for the source's as long as a statement may take. */
int pg_subscriber_probe(struct pg_session *session, const char *name, struct error *err)
{
	struct error ignored;
	int status;

	if (pg_query_run(session, "SET statement_timeout = '60s'", err) < 0)
		return -1;
	status = alter(session, name, "REFRESH PUBLICATION WITH (copy_data = false)", err);
	(void)pg_query_run(session, "RESET statement_timeout", &ignored);
	return status;
}

int pg_subscriber_redirect(struct pg_session *session, const char *name, const struct pg_publisher_address *address,
                           const struct secret *password, struct error *err)
{
	struct arena *arena = arena_new();
	const char *statement =
	    arena_printf(arena, "ALTER SUBSCRIPTION %s CONNECTION %%L", pg_query_identifier(arena, name));
	int status = run_with_connection(session, statement, name, address, password, err);

	arena_free(arena);
	return status < 0 ? error_context(err, "the connection of the subscription %s", name) : 0;
}

/* Without its slot it is dropped in one transaction, and without asking the source. */
int pg_subscriber_drop(struct pg_session *session, const char *name, struct error *err)
{
	struct arena *arena = arena_new();
	const char *quoted = pg_query_identifier(arena, name);
	struct pg_subscriber seen = {0};
	int status = pg_subscriber_observe(session, arena, name, &seen, err);

	if (status == 0 && seen.subscription)
		status = pg_query_run(session,
		                      arena_printf(arena,
		                                   "ALTER SUBSCRIPTION %s DISABLE;"
		                                   "ALTER SUBSCRIPTION %s SET (slot_name = NONE);"
		                                   "DROP SUBSCRIPTION %s",
		                                   quoted, quoted, quoted),
		                      err);
	arena_free(arena);
	return status < 0 ? error_context(err, "dropping the subscription %s", name) : 0;
}

struct secret *pg_replication_password(void)
{
	unsigned char bytes[PASSWORD_BYTES];
	char text[2 * PASSWORD_BYTES + 1];
	struct secret *password;
	size_t i;

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		abort();
	for (i = 0; i < sizeof(bytes); i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	password = secret_new(text, strlen(text));
	OPENSSL_cleanse(text, sizeof(text));
	OPENSSL_cleanse(bytes, sizeof(bytes));
	return password;
}
