/*
 * connect.h - sessions with PostgreSQL: how they are opened, what is pinned in
 * them, and how failures are told apart.
 *
 * A session is one libpq connection and belongs to one thread at a time.
 * Whether it may write is settled when it is opened: a reading session starts
 * with default_transaction_read_only=on, so that a dry run is a property of
 * the transport. Pinned in each session: client_encoding UTF8, DateStyle ISO,
 * TimeZone UTC, extra_float_digits 1, bytea_output hex, search_path
 * "pg_catalog, public" and row_security off (a policy that would hide rows is
 * an error, never a smaller count).
 */
#ifndef TRUEUP_PG_CONNECT_H
#define TRUEUP_PG_CONNECT_H

#include "base/error.h"
#include "base/secret.h"

#include <stdbool.h>

struct pg_session;

/*
 * Where to connect and as whom. What is NULL or 0 is left to libpq: its
 * environment (PGHOST, PGHOSTADDR, PGSSLROOTCERT, …), then its defaults. Only
 * two defaults differ from libpq's: sslmode is verify-full, and the password
 * comes from `password` alone where that is given. Everything is borrowed for
 * the time of pg_session_open(), but `stop`, which the session keeps.
 */
struct pg_settings {
	const char *host;     /* a name, an address, or the directory of a socket; TLS checks it */
	const char *hostaddr; /* where to connect in place of what `host` resolves to: a tunnel */
	int port;
	const char *database;
	const char *user;
	const struct secret *password; /* or an IAM token */
	const char *sslmode;
	const char *sslrootcert; /* a path; Aurora: the RDS CA bundle */
	const char *application_name;
	bool writes;               /* false: the server refuses whatever would write */
	bool replication;          /* a connection that also understands the commands of replication */
	int connect_timeout_s;     /* 0: 15 */
	int statement_timeout_s;   /* 0: 6 hours */
	const volatile bool *stop; /* may be NULL; once true, what is waited for is cancelled */
};

/*
 * Open a session. On failure, *session is NULL and err says what to do:
 *   ERROR_DENIED       28P01 wrong password (an IAM token that expired too), 28000 refused
 *                      by pg_hba.conf, 42501 no CONNECT privilege
 *   ERROR_NOT_FOUND    3D000 no such database
 *   ERROR_UNREACHABLE  name does not resolve, refused, no route (retryable); "tls" where the
 *                      certificate is not valid, is for another name or has expired, or the
 *                      server has no TLS (not retryable)
 *   ERROR_STATE        57P03 starting up, 57P01 shutting down (retryable)
 *   ERROR_THROTTLED    53300 too many connections (retryable)
 *   ERROR_TIMEOUT      no answer in connect_timeout_s (retryable)
 *   ERROR_INVALID      settings that libpq does not accept, say an unknown sslmode
 * The code in quotes or the SQLSTATE stands in err->service_code.
 */
int pg_session_open(const struct pg_settings *settings, struct pg_session **session, struct error *err);

void pg_session_close(struct pg_session *session); /* NULL is fine */

/*
 * One moment for many sessions. Begin a read-only transaction and export its
 * snapshot: the id is good for pg_snapshot_import() in other sessions with the
 * same database, for as long as this session stays as it is.
 */
#define PG_SNAPSHOT_SIZE 64
int pg_snapshot_export(struct pg_session *session, char id[PG_SNAPSHOT_SIZE], struct error *err);
int pg_snapshot_import(struct pg_session *session, const char *id, struct error *err);

#endif
