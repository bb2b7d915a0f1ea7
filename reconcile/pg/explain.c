#include "pg/explain.h"

#include "pg/query.h"
#include "pg/tls.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* What libpq itself says (fe-connect.c, fe-secure-openssl.c, fe-auth.c), told apart by words that each version has. */
struct phrase_row {
	const char *phrase;
	enum error_code code;
	bool retryable;
	const char *service_code;
	const char *advice; /* what to do; NULL: the message says it */
};

static const struct phrase_row phrases[] = {
    {"could not translate host name", ERROR_UNREACHABLE, true, "dns",
     "the name does not resolve: check host, or give hostaddr"},
    {"does not match host name", ERROR_UNREACHABLE, false, "tls",
     "the certificate is for another name: host must be the name in the certificate, and hostaddr may say where to "
     "connect"},
    {"root certificate file", ERROR_UNREACHABLE, false, "tls",
     "give sslrootcert, the file with the CA's certificate (for Aurora, the RDS CA bundle)"},
    {"server does not support SSL", ERROR_UNREACHABLE, false, "tls",
     "the server has no TLS: turn it on there, or lower sslmode if the network is trusted"},
    {"no password supplied", ERROR_CREDENTIALS, false, "password",
     "the server asks for a password, and none was given"},
    {"SSL error", ERROR_UNREACHABLE, false, "tls", NULL},
    {"invalid ", ERROR_INVALID, false, "settings", NULL},
    {"could not parse", ERROR_INVALID, false, "settings", NULL},
    {"refused", ERROR_UNREACHABLE, true, "connect",
     "nothing listens there: check host and port, and that the server is up"},
    {"No such file", ERROR_UNREACHABLE, true, "connect",
     "no server has its socket there: check host, and that it is up"},
    {"", ERROR_UNREACHABLE, true, "connect", NULL},
};

/* What a person can do about what the server says. */
static const struct {
	const char *sqlstate;
	const char *advice;
} advices[] = {
    {"28P01", "the password is wrong, or was rotated since it was read"},
    {"28000", "the server's pg_hba.conf has no entry for this user, database, address and TLS"},
    {"3D000", "there is no such database on this server"},
    {"42501", "grant CONNECT on the database to this user"},
    {"53300", "all connections are taken: try again, or raise max_connections"},
    {"57P03", "the server is starting up or shutting down: try again"},
};

void pg_explain_sqlstate(const char *message, char out[6])
{
	const char *colon;

	out[0] = '\0';
	for (colon = strstr(message, ":  "); colon != NULL; colon = strstr(colon + 1, ":  ")) {
		const char *code = colon + 3;
		size_t length = strspn(code, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ");

		if (length == 5 && code[5] == ':') {
			memcpy(out, code, 5);
			out[5] = '\0';
			return;
		}
	}
}

/* The server's words: what follows its SQLSTATE. */
static int explain_server(const char *message, const char *sqlstate, struct error *err)
{
	const char *words = strstr(message, sqlstate) + strlen(sqlstate) + 2;
	size_t i;

	pg_query_explain(sqlstate, words, err);
	for (i = 0; i < sizeof(advices) / sizeof(advices[0]); i++)
		if (strcmp(advices[i].sqlstate, sqlstate) == 0)
			error_context(err, "%s", advices[i].advice);
	return -1;
}

/* Several addresses give several lines: joined, as an error is one line. */
static void flatten(const char *message, char *out, size_t size)
{
	size_t used = 0;

	for (; *message != '\0' && used + 1 < size; message++) {
		bool blank = isspace((unsigned char)*message);

		if (blank && (used == 0 || out[used - 1] == ' '))
			continue;
		out[used++] = (char)(blank ? ' ' : *message);
	}
	while (used > 0 && out[used - 1] == ' ')
		used--;
	out[used] = '\0';
}

int pg_explain_connect(PGconn *conn, const struct pg_settings *settings, struct error *err)
{
	const char *message = PQerrorMessage(conn);
	const struct phrase_row *row = phrases;
	char sqlstate[6], flat[700], certificate[300];

	pg_explain_sqlstate(message, sqlstate);
	if (sqlstate[0] != '\0')
		return explain_server(message, sqlstate, err);
	while (strstr(message, row->phrase) == NULL)
		row++;
	flatten(message, flat, sizeof(flat));
	error_set(err, row->code, "%s", flat);
	err->retryable = row->retryable;
	snprintf(err->service_code, sizeof(err->service_code), "%s", row->service_code);
	if (row->advice != NULL)
		return error_context(err, "%s", row->advice);
	if (strstr(message, "certificate verify failed") != NULL &&
	    pg_tls_explain(settings, certificate, sizeof(certificate)) == 0)
		return error_context(err, "%s", certificate);
	return -1;
}

int pg_explain_silence(PGconn *conn, int seconds, struct error *err)
{
	const char *host = PQhost(conn);
	const char *port = PQport(conn);

	error_set(err, ERROR_TIMEOUT,
	          "no answer from %s port %s in %d seconds: a security group, route or firewall drops it",
	          host != NULL ? host : "the server", port != NULL ? port : "?", seconds);
	err->retryable = true;
	return -1;
}
