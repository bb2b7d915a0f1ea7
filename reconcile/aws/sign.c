#include "aws/sign.h"
#include "base/digest.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SIGN_ALGORITHM "AWS4-HMAC-SHA256"

static bool is_unreserved(unsigned char c)
{
	return isalnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

static void encode_byte(struct buf *out, unsigned char c, const char *safe)
{
	if (is_unreserved(c) || (c != '\0' && strchr(safe, c) != NULL))
		buf_putc(out, (char)c);
	else
		buf_printf(out, "%%%02X", c);
}

void sign_encode(struct buf *out, const char *text, const char *safe)
{
	for (; *text != '\0'; text++)
		encode_byte(out, (unsigned char)*text, safe);
}

static void format_date(time_t when, char out[SIGN_DATE_SIZE])
{
	struct tm utc;

	gmtime_r(&when, &utc);
	strftime(out, SIGN_DATE_SIZE, "%Y%m%dT%H%M%SZ", &utc);
}

static void *checked_array(size_t count, size_t size)
{
	void *array = calloc(count + 1, size);

	if (array == NULL)
		abort();
	return array;
}

/* The path without "." and "..", and with single slashes; then encoded, which is once more than on the wire. */
static void append_path(struct buf *out, const char *path)
{
	size_t count = 0, length = path != NULL ? strlen(path) : 0;
	const char **segments = checked_array(length, sizeof(*segments));

	for (const char *at = path; length > 0 && *at != '\0'; at += strcspn(at, "/"), at += *at == '/') {
		size_t size = strcspn(at, "/");

		if (size == 0 || (size == 1 && at[0] == '.'))
			continue;
		if (size == 2 && at[0] == '.' && at[1] == '.')
			count -= count > 0;
		else
			segments[count++] = at;
	}
	buf_putc(out, '/');
	for (size_t i = 0; i < count; i++) {
		for (const char *at = segments[i]; *at != '\0' && *at != '/'; at++)
			encode_byte(out, (unsigned char)*at, "");
		if (i + 1 < count || path[length - 1] == '/')
			buf_putc(out, '/');
	}
	free(segments);
}

struct pair {
	const char *key;
	const char *value;
};

static int compare_pairs(const void *left, const void *right)
{
	const struct pair *a = left, *b = right;
	int order = strcmp(a->key, b->key);

	return order != 0 ? order : strcmp(a->value, b->value);
}

static int hex_value(char c)
{
	if (isdigit((unsigned char)c))
		return c - '0';
	if (isxdigit((unsigned char)c))
		return tolower((unsigned char)c) - 'a' + 10;
	return -1;
}

/* Text from the wire in the one encoding that SigV4 allows, NUL-terminated in `out`. Stops at any byte of `stop`. */
static const char *append_normalised(struct buf *out, const char *text, const char *stop)
{
	for (; *text != '\0' && strchr(stop, *text) == NULL; text++) {
		int high = *text == '%' ? hex_value(text[1]) : -1;
		int low = high >= 0 ? hex_value(text[2]) : -1;

		if (low >= 0) {
			encode_byte(out, (unsigned char)(high * 16 + low), "");
			text += 2;
		} else {
			encode_byte(out, (unsigned char)*text, "");
		}
	}
	buf_putc(out, '\0');
	return text;
}

/* The pairs of a query in order of arrival; their text lives in `storage`. The caller frees *pairs. */
static size_t split_query(const char *query, struct buf *storage, struct pair **pairs)
{
	size_t count = 0, at = 0, length = query != NULL ? strlen(query) : 0;

	*pairs = checked_array(length, sizeof(**pairs));
	while (length > 0 && *query != '\0') {
		query = append_normalised(storage, query, "=&");
		query += *query == '=';
		query = append_normalised(storage, query, "&");
		query += *query == '&';
		count++;
	}
	/* Only now: the storage no longer moves. */
	for (size_t i = 0; i < count; i++) {
		(*pairs)[i].key = storage->bytes + at;
		at += strlen((*pairs)[i].key) + 1;
		(*pairs)[i].value = storage->bytes + at;
		at += strlen((*pairs)[i].value) + 1;
	}
	return count;
}

static void append_query(struct buf *out, const char *query, bool sorted)
{
	struct buf storage = {0};
	struct pair *pairs;
	size_t count = split_query(query, &storage, &pairs);

	if (sorted)
		qsort(pairs, count, sizeof(*pairs), compare_pairs);
	for (size_t i = 0; i < count; i++)
		buf_printf(out, "%s%s=%s", i > 0 ? "&" : "", pairs[i].key, pairs[i].value);
	free(pairs);
	buf_free(&storage);
}

static bool is_signed(const char *name)
{
	static const char *const never[] = {
	    "connection", "expect",          "keep-alive",    "te", "trailer", "transfer-encoding", "upgrade",
	    "user-agent", "x-amzn-trace-id", "authorization",
	};

	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		if (strcasecmp(name, never[i]) == 0)
			return false;
	return strncasecmp(name, "proxy-", 6) != 0;
}

struct entry {
	const struct sign_header *header;
	size_t position;
};

static int compare_entries(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;
	int order = strcasecmp(a->header->name, b->header->name);

	return order != 0 ? order : (a->position > b->position) - (a->position < b->position);
}

static void append_lower(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++)
		buf_putc(out, (char)tolower((unsigned char)*text));
}

/* White space trimmed at both ends and single within. */
static void append_trimmed(struct buf *out, const char *value)
{
	bool first = true;

	for (;;) {
		size_t length;

		value += strspn(value, " \t");
		length = strcspn(value, " \t");
		if (length == 0)
			return;
		if (!first)
			buf_putc(out, ' ');
		buf_append(out, value, length);
		value += length;
		first = false;
	}
}

static void append_headers(const struct sign_request *request, struct buf *canonical, struct buf *names)
{
	struct sign_header host = {"host", request->host};
	struct entry *entries = checked_array(request->header_count + 1, sizeof(*entries));
	size_t count = 0;

	entries[count++] = (struct entry){&host, 0};
	for (size_t i = 0; i < request->header_count; i++)
		if (is_signed(request->headers[i].name))
			entries[count++] = (struct entry){&request->headers[i], i + 1};
	qsort(entries, count, sizeof(*entries), compare_entries);
	for (size_t i = 0; i < count; i++) {
		const struct sign_header *header = entries[i].header;

		if (i > 0 && strcasecmp(header->name, entries[i - 1].header->name) == 0) {
			buf_putc(canonical, ',');
		} else {
			buf_puts(canonical, i > 0 ? "\n" : "");
			append_lower(canonical, header->name);
			buf_putc(canonical, ':');
			buf_puts(names, i > 0 ? ";" : "");
			append_lower(names, header->name);
		}
		if (header == &host)
			append_lower(canonical, host.value);
		else
			append_trimmed(canonical, header->value);
	}
	buf_putc(canonical, '\n');
	free(entries);
}

void sign_canonical_request(const struct sign_request *request, struct buf *canonical, struct buf *signed_headers)
{
	char hash[DIGEST_SHA256_HEX_SIZE];
	size_t names = signed_headers->length;

	buf_printf(canonical, "%s\n", request->method);
	append_path(canonical, request->path);
	buf_putc(canonical, '\n');
	append_query(canonical, request->query, true);
	buf_putc(canonical, '\n');
	append_headers(request, canonical, signed_headers);
	digest_sha256_hex(request->body != NULL ? request->body : "", request->body != NULL ? request->length : 0,
	                  hash);
	buf_printf(canonical, "\n%s\n%s", signed_headers->bytes + names, hash);
}

static void append_scope(struct buf *out, const struct sign_key *key)
{
	char date[SIGN_DATE_SIZE];

	format_date(key->when, date);
	buf_printf(out, "%.8s/%s/%s/aws4_request", date, key->region, key->service);
}

void sign_string_to_sign(const struct sign_key *key, const char *canonical_request, struct buf *out)
{
	char date[SIGN_DATE_SIZE], hash[DIGEST_SHA256_HEX_SIZE];

	format_date(key->when, date);
	digest_sha256_hex(canonical_request, strlen(canonical_request), hash);
	buf_printf(out, "%s\n%s\n", SIGN_ALGORITHM, date);
	append_scope(out, key);
	buf_printf(out, "\n%s", hash);
}

/* digest = HMAC-SHA256(digest, text); the key may be of another length the first time. */
static void chain_hmac(unsigned char digest[DIGEST_SHA256_SIZE], const char *key, size_t key_length, const char *text)
{
	unsigned int size = DIGEST_SHA256_SIZE;

	if (HMAC(EVP_sha256(), key, (int)key_length, (const unsigned char *)text, strlen(text), digest, &size) == NULL)
		abort();
}

void sign_signature(const struct sign_key *key, const char *string_to_sign, char out[SIGN_SIGNATURE_SIZE])
{
	unsigned char digest[DIGEST_SHA256_SIZE], step[DIGEST_SHA256_SIZE];
	char date[SIGN_DATE_SIZE];
	struct buf first = {0};
	const char *const texts[] = {key->region, key->service, "aws4_request", string_to_sign};

	format_date(key->when, date);
	date[8] = '\0';
	buf_puts(&first, "AWS4");
	buf_append(&first, secret_reveal(key->secret_key), secret_length(key->secret_key));
	chain_hmac(digest, first.bytes, first.length, date);
	buf_free(&first);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		memcpy(step, digest, sizeof(step));
		chain_hmac(digest, (const char *)step, sizeof(step), texts[i]);
	}
	digest_hex(digest, sizeof(digest), out);
	OPENSSL_cleanse(digest, sizeof(digest));
	OPENSSL_cleanse(step, sizeof(step));
}

/* Canonical request to signature; signed_headers is filled on the way. */
static void run_stages(const struct sign_request *request, const struct sign_key *key, struct buf *signed_headers,
                       char signature[SIGN_SIGNATURE_SIZE])
{
	struct buf canonical = {0}, string_to_sign = {0};

	sign_canonical_request(request, &canonical, signed_headers);
	sign_string_to_sign(key, buf_text(&canonical), &string_to_sign);
	sign_signature(key, buf_text(&string_to_sign), signature);
	buf_free(&canonical);
	buf_free(&string_to_sign);
}

void sign_authorize(const struct sign_request *request, const struct sign_key *key, struct buf *authorization)
{
	struct sign_header *headers = checked_array(request->header_count + 2, sizeof(*headers));
	struct sign_request dated = *request;
	char date[SIGN_DATE_SIZE], signature[SIGN_SIGNATURE_SIZE];
	struct buf signed_headers = {0};

	format_date(key->when, date);
	if (request->header_count > 0)
		memcpy(headers, request->headers, request->header_count * sizeof(*headers));
	headers[dated.header_count++] = (struct sign_header){"x-amz-date", date};
	if (key->token != NULL)
		headers[dated.header_count++] = (struct sign_header){"x-amz-security-token", secret_reveal(key->token)};
	dated.headers = headers;
	run_stages(&dated, key, &signed_headers, signature);
	buf_printf(authorization, "%s Credential=%s/", SIGN_ALGORITHM, key->access_key);
	append_scope(authorization, key);
	buf_printf(authorization, ", SignedHeaders=%s, Signature=%s", buf_text(&signed_headers), signature);
	buf_free(&signed_headers);
	free(headers);
}

size_t sign_headers(const struct sign_request *request, const struct sign_key *key,
                    struct sign_header headers[SIGN_HEADERS], struct sign_texts *texts)
{
	size_t count = 0;

	*texts = (struct sign_texts){0};
	format_date(key->when, texts->date);
	sign_authorize(request, key, &texts->authorization);
	headers[count++] = (struct sign_header){"X-Amz-Date", texts->date};
	headers[count++] = (struct sign_header){"Authorization", texts->authorization.bytes};
	if (key->token != NULL)
		headers[count++] = (struct sign_header){"X-Amz-Security-Token", secret_reveal(key->token)};
	return count;
}

void sign_presign(const struct sign_request *request, const struct sign_key *key, int expires, struct buf *query)
{
	struct buf headers = {0}, names = {0}, credential = {0}, unsigned_query = {0};
	struct sign_request presigned = *request;
	char date[SIGN_DATE_SIZE], signature[SIGN_SIGNATURE_SIZE];

	append_headers(request, &headers, &names);
	buf_printf(&credential, "%s/", key->access_key);
	append_scope(&credential, key);
	format_date(key->when, date);
	append_query(&unsigned_query, request->query, false);
	buf_puts(&unsigned_query, unsigned_query.length > 0 ? "&" : "");
	buf_puts(&unsigned_query, "X-Amz-Algorithm=" SIGN_ALGORITHM "&X-Amz-Credential=");
	sign_encode(&unsigned_query, credential.bytes, "");
	buf_printf(&unsigned_query, "&X-Amz-Date=%s&X-Amz-Expires=%d&X-Amz-SignedHeaders=", date, expires);
	sign_encode(&unsigned_query, names.bytes, "");
	if (key->token != NULL) {
		buf_puts(&unsigned_query, "&X-Amz-Security-Token=");
		sign_encode(&unsigned_query, secret_reveal(key->token), "");
	}
	presigned.query = unsigned_query.bytes;
	buf_clear(&names);
	run_stages(&presigned, key, &names, signature);
	buf_printf(query, "%s&X-Amz-Signature=%s", unsigned_query.bytes, signature);
	buf_free(&headers);
	buf_free(&names);
	buf_free(&credential);
	buf_free(&unsigned_query);
}
