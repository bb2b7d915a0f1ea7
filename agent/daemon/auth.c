#include "daemon/auth.h"

#include "base/file.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FILE_MAX_BYTES ((size_t)64 * 1024)
#define CREDENTIAL_MAX ((size_t)4096)
#define SHORTEST_TOKEN 16 /* bytes: less can be guessed */

struct digest {
	unsigned char bytes[SHA256_DIGEST_LENGTH];
};

struct auth {
	bool has_token;
	struct digest token;
	struct digest *users; /* of "name:password" */
	size_t user_count;
};

static struct digest digest_of(const char *text, size_t length)
{
	struct digest digest;

	SHA256((const unsigned char *)text, length, digest.bytes);
	return digest;
}

static bool is_same(const struct digest *one, const struct digest *other)
{
	return CRYPTO_memcmp(one->bytes, other->bytes, sizeof(one->bytes)) == 0;
}

/* The next line that is neither blank nor a comment; false behind the last. */
static bool next_line(char **rest, char **line, size_t *length)
{
	while (**rest != '\0') {
		*line = *rest;
		*length = strcspn(*rest, "\r\n");
		*rest += *length;
		*rest += strspn(*rest, "\r\n");
		if (*length > 0 && **line != '#')
			return true;
	}
	return false;
}

static int take_token(struct auth *auth, const char *file, char *text, struct error *err)
{
	char *line = NULL, *other;
	size_t length = 0, ignored;

	if (!next_line(&text, &line, &length) || next_line(&text, &other, &ignored))
		return error_set(err, ERROR_INVALID, "%s: one line with the token is to be in it", file);
	if (length < SHORTEST_TOKEN)
		return error_set(err, ERROR_INVALID,
		                 "%s: the token is shorter than %d characters, which can be guessed", file,
		                 SHORTEST_TOKEN);
	auth->token = digest_of(line, length);
	auth->has_token = true;
	return 0;
}

static int take_users(struct auth *auth, const char *file, char *text, struct error *err)
{
	char *line;
	size_t length;

	while (next_line(&text, &line, &length)) {
		const char *colon = memchr(line, ':', length);

		if (colon == NULL || colon == line || colon + 1 == line + length)
			return error_set(err, ERROR_INVALID, "%s: each line is to be user:password", file);
		auth->users = reallocarray(auth->users, auth->user_count + 1, sizeof(*auth->users));
		if (auth->users == NULL)
			abort();
		auth->users[auth->user_count++] = digest_of(line, length);
	}
	return auth->user_count > 0 ? 0 : error_set(err, ERROR_INVALID, "%s: no user is in it", file);
}

static int load(struct auth *auth, const char *file,
                int (*take)(struct auth *auth, const char *file, char *text, struct error *err), struct error *err)
{
	struct arena *arena = arena_new();
	size_t length = 0;
	char *text = NULL;
	int rc = file_read(arena, file, FILE_MAX_BYTES, &text, &length, err);

	if (rc == 0)
		rc = take(auth, file, text, err);
	if (text != NULL)
		OPENSSL_cleanse(text, length);
	arena_free(arena);
	return rc;
}

struct auth *auth_new(const struct agent_listen *listen, struct error *err)
{
	struct auth *auth = calloc(1, sizeof(*auth));
	int rc = 0;

	if (auth == NULL)
		abort();
	if (listen->token != NULL)
		rc = load(auth, listen->token, take_token, err);
	if (rc == 0 && listen->basic != NULL)
		rc = load(auth, listen->basic, take_users, err);
	if (rc == 0)
		return auth;
	auth_free(auth);
	return NULL;
}

void auth_free(struct auth *auth)
{
	if (auth == NULL)
		return;
	free(auth->users);
	free(auth);
}

bool auth_is_needed(const struct auth *auth)
{
	return auth->has_token || auth->user_count > 0;
}

bool auth_has_users(const struct auth *auth)
{
	return auth->user_count > 0;
}

static bool knows_user(const struct auth *auth, const char *encoded)
{
	unsigned char plain[CREDENTIAL_MAX];
	size_t length = strlen(encoded), i;
	struct digest given;
	bool known = false;
	int got;

	if (length == 0 || length % 4 != 0 || length / 4 * 3 > sizeof(plain))
		return false;
	got = EVP_DecodeBlock(plain, (const unsigned char *)encoded, (int)length);
	if (got < 0)
		return false;
	got -= (encoded[length - 1] == '=') + (encoded[length - 2] == '=');
	given = digest_of((const char *)plain, (size_t)got);
	OPENSSL_cleanse(plain, sizeof(plain));
	for (i = 0; i < auth->user_count; i++)
		known |= is_same(&given, &auth->users[i]); /* all of them, so that time tells nothing */
	return known;
}

bool auth_knows(const struct auth *auth, const char *authorization)
{
	static const char bearer[] = "Bearer ", basic[] = "Basic ";
	struct digest given;

	if (authorization == NULL)
		return false;
	if (strncasecmp(authorization, bearer, sizeof(bearer) - 1) == 0) {
		given = digest_of(authorization + sizeof(bearer) - 1, strlen(authorization + sizeof(bearer) - 1));
		return auth->has_token && is_same(&given, &auth->token);
	}
	if (strncasecmp(authorization, basic, sizeof(basic) - 1) == 0)
		return knows_user(auth, authorization + sizeof(basic) - 1);
	return false;
}

/* Of "name:port", "[address]:port", or without the port, how long the name is. */
static size_t host_length(const char *host)
{
	const char *end = *host == '[' ? strchr(host, ']') : NULL;

	return end != NULL ? (size_t)(end - host) + 1 : strcspn(host, ":");
}

bool auth_is_own_host(const char *address, const char *host)
{
	static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
	size_t i, length;

	if (strncmp(address, "127.", 4) != 0 && strncmp(address, "[::1]", 5) != 0)
		return true;
	if (host == NULL)
		return false;
	length = host_length(host);
	if (length == host_length(address) && strncasecmp(host, address, length) == 0)
		return true;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (length == strlen(names[i]) && strncasecmp(host, names[i], length) == 0)
			return true;
	return false;
}
