#include "pg/inspect.h"

#include "base/file.h"
#include "pg/query.h"
#include "pg/sql.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#define ROOTS_MAX ((size_t)4 << 20) /* bytes; RDS's bundle for all regions has 160 KiB */

static bool is_true(const PGresult *result, int column)
{
	return strcmp(PQgetvalue(result, 0, column), "t") == 0;
}

static time_t end_of(const X509 *certificate)
{
	struct tm end = {0};

	return ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) == 1 ? timegm(&end) : 0;
}

static void read_tls(struct pg_session *session, struct arena *arena, struct pg_inspection *out)
{
	SSL *tls = PQsslStruct(session->conn, "OpenSSL");
	const X509 *certificate = tls != NULL ? SSL_get0_peer_certificate(tls) : NULL;

	if (tls != NULL)
		out->tls = arena_strdup(arena, SSL_get_version(tls));
	if (certificate != NULL)
		out->certificate_ends = end_of(certificate);
}

int pg_inspect(struct pg_session *session, struct arena *arena, const char *table, struct pg_inspection *inspection,
               struct error *err)
{
	const char *quoted;
	PGresult *result;

	if (pg_query_table(arena, table, &quoted, err) != 0 ||
	    pg_query(session, sql_inspect, &quoted, 1, &result, err) < 0)
		return -1;
	*inspection = (struct pg_inspection){
	    .user = pg_query_text(result, 0, 0, arena),
	    .server = pg_query_text(result, 0, 1, arena),
	    .read_only = is_true(result, 2),
	    .vector = pg_query_text(result, 0, 3, arena),
	    .table = is_true(result, 4),
	    .reads = is_true(result, 5),
	    .adds = is_true(result, 6),
	    .deletes = is_true(result, 7),
	    .owns = is_true(result, 8),
	};
	PQclear(result);
	read_tls(session, arena, inspection);
	return 0;
}

static void count_roots(BIO *bio, struct pg_roots *roots)
{
	X509 *certificate;

	*roots = (struct pg_roots){0};
	while ((certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		time_t end = end_of(certificate);

		if (roots->count == 0 || end < roots->first_ends)
			roots->first_ends = end;
		roots->count++;
		X509_free(certificate);
	}
}

int pg_inspect_roots(struct arena *arena, const char *path, struct pg_roots *roots, struct error *err)
{
	char *text;
	size_t length;
	BIO *bio;

	if (file_read(arena, path, ROOTS_MAX, &text, &length, err) != 0)
		return -1;
	bio = BIO_new_mem_buf(text, (int)length);
	if (bio == NULL)
		abort();
	count_roots(bio, roots);
	BIO_free(bio);
	ERR_clear_error(); /* that there is no further one is how the list ends */
	return roots->count > 0 ? 0 : error_set(err, ERROR_INVALID, "%s holds no certificate", path);
}
