/*
 * sign.h - AWS Signature Version 4, in headers and in the query string.
 *
 * The stages of the algorithm are functions of their own, so that each can be
 * tested: canonical request → string to sign → signature. Pure: no clock, no
 * environment. The reference is botocore, which testdata/aws compares it with.
 *
 * Paths are normalised and encoded a second time, as for every service but S3.
 */
#ifndef TRUEUP_AWS_SIGN_H
#define TRUEUP_AWS_SIGN_H

#include "base/buf.h"
#include "base/secret.h"

#include <stddef.h>
#include <time.h>

#define SIGN_DATE_SIZE 17      /* "20240102T030405Z" */
#define SIGN_SIGNATURE_SIZE 65 /* hex */

struct sign_header {
	const char *name; /* any case */
	const char *value;
};

struct sign_request {
	const char *method;
	const char *host;                  /* any case; with the port where it is not the scheme's */
	const char *path;                  /* as on the wire, percent-encoded; NULL or "": "/" */
	const char *query;                 /* as on the wire, without "?"; NULL or "": none */
	const struct sign_header *headers; /* besides host; names may repeat; what SigV4 never signs is passed over */
	size_t header_count;
	const char *body;
	size_t length;
};

struct sign_key {
	const char *access_key;
	const struct secret *secret_key;
	const struct secret *token; /* NULL: long-term credentials */
	const char *region;
	const char *service; /* the signing name */
	time_t when;
};

/* Append text percent-encoded: all but A-Z a-z 0-9 - . _ ~, and the bytes in `safe` (may be ""). */
void sign_encode(struct buf *out, const char *text, const char *safe);

/* Stage 1. Both buffers are appended to; signed_headers gets "host;x-amz-date". */
void sign_canonical_request(const struct sign_request *request, struct buf *canonical, struct buf *signed_headers);

/* Stage 2. */
void sign_string_to_sign(const struct sign_key *key, const char *canonical_request, struct buf *out);

/* Stage 3. */
void sign_signature(const struct sign_key *key, const char *string_to_sign, char out[SIGN_SIGNATURE_SIZE]);

/*
 * The value of the Authorization header, appended. It covers, besides the
 * request's own headers, X-Amz-Date and (with a token) X-Amz-Security-Token,
 * which the caller sends with the values of `key`.
 */
void sign_authorize(const struct sign_request *request, const struct sign_key *key, struct buf *authorization);

/* What the headers of a signature say, as long as they are used: date and authorization. */
struct sign_texts {
	char date[SIGN_DATE_SIZE]; /* "20240102T030405Z", of UTC */
	struct buf authorization;  /* freed by the caller */
};

#define SIGN_HEADERS 3

/* Sign, and fill `headers` with those that are to be sent besides the request's own. Returns how many. */
size_t sign_headers(const struct sign_request *request, const struct sign_key *key,
                    struct sign_header headers[SIGN_HEADERS], struct sign_texts *texts);

/* The request's query string with the signature and all that belongs to it, appended. `expires` is in seconds. */
void sign_presign(const struct sign_request *request, const struct sign_key *key, int expires, struct buf *query);

#endif
