#include "pg/tls.h"

#include "base/clock.h"
#include "pg/query.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

enum { PROBE_MS = 5000 };

/* NULL until the handshake has come to it: PQsslInUse() says true from its beginning. */
static X509 *peer_certificate(PGconn *conn)
{
	SSL *tls = PQsslStruct(conn, "OpenSSL");

	return tls != NULL ? SSL_get0_peer_certificate(tls) : NULL;
}

/*
 * Connect without checking the certificate, and stop as soon as TLS is up:
 * before the server could ask for a password, of which there is none here anyway.
 */
static PGconn *probe_connect(const struct pg_settings *settings)
{
	char port[16];
	const char *keys[] = {"host",     "hostaddr", "sslmode", "sslrootcert", "password",
	                      "passfile", "dbname",   "user",    "port",        NULL};
	const char *values[] = {settings->host, settings->hostaddr, "require", "/nonexistent", "-",
	                        "/dev/null",    "postgres",         "trueup",  NULL,           NULL};
	int64_t deadline = clock_monotonic_ms() + PROBE_MS;
	PostgresPollingStatusType step = PGRES_POLLING_WRITING;
	PGconn *conn;

	snprintf(port, sizeof(port), "%d", settings->port);
	values[8] = settings->port > 0 ? port : NULL;
	conn = PQconnectStartParams(keys, values, 0);
	while (PQstatus(conn) != CONNECTION_BAD && peer_certificate(conn) == NULL && clock_monotonic_ms() < deadline) {
		struct pollfd wait = {.fd = PQsocket(conn), .events = step == PGRES_POLLING_READING ? POLLIN : POLLOUT};

		if (poll(&wait, 1, PG_QUERY_TICK_MS) > 0)
			step = PQconnectPoll(conn);
	}
	return conn;
}

static void name_format(const X509_NAME *name, char *out, size_t size)
{
	if (X509_NAME_get_text_by_NID(name, NID_commonName, out, (int)size) < 0)
		snprintf(out, size, "(no name)");
}

/* Check the chain that the server sent against sslrootcert; an X509_V_… code. */
static int chain_verify(SSL *tls, X509 *certificate, const char *roots)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	int why = X509_V_ERR_UNSPECIFIED;

	if (store != NULL && context != NULL && (roots == NULL || X509_STORE_load_file(store, roots) == 1) &&
	    X509_STORE_CTX_init(context, store, certificate, SSL_get_peer_cert_chain(tls)) == 1) {
		(void)X509_verify_cert(context);
		why = X509_STORE_CTX_get_error(context);
	}
	X509_STORE_CTX_free(context);
	X509_STORE_free(store);
	return why;
}

static void certificate_describe(X509 *certificate, int why, char *out, size_t size)
{
	char subject[100], issuer[100];
	const char *advice = "sslrootcert must hold the CA that issued it (for Aurora, the RDS CA bundle)";

	name_format(X509_get_subject_name(certificate), subject, sizeof(subject));
	name_format(X509_get_issuer_name(certificate), issuer, sizeof(issuer));
	if (why == X509_V_ERR_CERT_HAS_EXPIRED)
		advice = "it has expired: the server needs a new one";
	else if (why == X509_V_ERR_CERT_NOT_YET_VALID)
		advice = "it is not valid yet: check this machine's clock";
	snprintf(out, size, "the server's certificate (%s, issued by %s) is not accepted, %s: %s", subject, issuer,
	         X509_verify_cert_error_string(why), advice);
}

int pg_tls_explain(const struct pg_settings *settings, char *out, size_t size)
{
	PGconn *conn = probe_connect(settings);
	X509 *certificate = peer_certificate(conn);
	const char *roots = settings->sslrootcert != NULL ? settings->sslrootcert : getenv("PGSSLROOTCERT");
	int status = certificate != NULL ? 0 : -1;

	if (certificate != NULL)
		certificate_describe(certificate, chain_verify(PQsslStruct(conn, "OpenSSL"), certificate, roots), out,
		                     size);
	PQfinish(conn);
	return status;
}
