#include "daemon/webhook.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define HEX_LENGTH ((size_t)2 * SHA256_DIGEST_LENGTH)

/* What a sender's signature and event are called. */
struct forge {
	const char *proof; /* header */
	const char *event; /* header */
	const char *push;  /* words of that header: of a branch, */
	const char *tag;   /* and of a tag, if it has one of its own */
	bool is_token;     /* the secret itself; else "sha256=" or nothing, and the HMAC in hexadecimal */
};

static const struct forge forges[] = {
    {"X-Gitea-Signature", "X-Gitea-Event", "push", NULL, false},
    {"X-Hub-Signature-256", "X-GitHub-Event", "push", NULL, false},
    {"X-Gitlab-Token", "X-Gitlab-Event", "Push Hook", "Tag Push Hook", true},
};

static const char *header(const struct webhook_request *request, const char *name)
{
	return request->header(request->context, name);
}

static const struct forge *find_forge(const struct webhook_request *request)
{
	size_t i;

	for (i = 0; i < sizeof(forges) / sizeof(forges[0]); i++)
		if (header(request, forges[i].proof) != NULL)
			return &forges[i];
	return NULL;
}

/* By their digests: so that not even the length of the secret shows. */
static bool is_token(const char *given, const struct secret *secret)
{
	unsigned char one[SHA256_DIGEST_LENGTH], other[SHA256_DIGEST_LENGTH];

	SHA256((const unsigned char *)given, strlen(given), one);
	SHA256((const unsigned char *)secret_reveal(secret), secret_length(secret), other);
	return CRYPTO_memcmp(one, other, sizeof(one)) == 0;
}

static bool is_signature(const char *given, const struct webhook_request *request, const struct secret *secret)
{
	static const char digits[] = "0123456789abcdef", prefix[] = "sha256=";
	unsigned char mac[EVP_MAX_MD_SIZE];
	char text[HEX_LENGTH + 1] = "";
	unsigned length = 0;
	size_t i;

	if (HMAC(EVP_sha256(), secret_reveal(secret), (int)secret_length(secret), request->body, request->length, mac,
	         &length) == NULL)
		return false;
	for (i = 0; i < length && 2 * i < HEX_LENGTH; i++) {
		text[2 * i] = digits[mac[i] >> 4];
		text[2 * i + 1] = digits[mac[i] & 15];
	}
	if (strncmp(given, prefix, sizeof(prefix) - 1) == 0)
		given += sizeof(prefix) - 1;
	return strlen(given) == HEX_LENGTH && CRYPTO_memcmp(given, text, HEX_LENGTH) == 0;
}

/* Whether a push of this ref is of what is watched. */
static bool is_watched(const json_t *push, const struct agent_git *git)
{
	const char *ref = json_string_value(json_object_get(push, "ref"));
	const json_t *repository = json_object_get(push, "repository"), *project = json_object_get(push, "project");
	const char *branch = git->branch;

	if (ref == NULL)
		return false;
	if (git->tag != NULL)
		return strncmp(ref, "refs/tags/", 10) == 0 && strcmp(ref + 10, git->tag) == 0;
	if (branch == NULL)
		branch = json_string_value(json_object_get(repository, "default_branch"));
	if (branch == NULL)
		branch = json_string_value(json_object_get(project, "default_branch"));
	if (branch == NULL)
		return true; /* it does not say which is the default one: a look does no harm */
	return strncmp(ref, "refs/heads/", 11) == 0 && strcmp(ref + 11, branch) == 0;
}

static struct webhook_answer read_event(const struct webhook_request *request, const struct forge *forge,
                                        const struct agent_git *git)
{
	const char *event = header(request, forge->event), *type = header(request, "Content-Type");
	struct webhook_answer answer = {false, 200, "nothing to do\n"};
	json_t *push;

	if (event == NULL)
		return (struct webhook_answer){false, 400, "the request does not say which event it is of\n"};
	if (strcmp(event, forge->push) != 0 && (forge->tag == NULL || strcmp(event, forge->tag) != 0))
		return answer;
	if (type == NULL || strncasecmp(type, "application/json", strlen("application/json")) != 0)
		return (struct webhook_answer){false, 415, "set the webhook's content type to application/json\n"};
	push = json_loadb(request->body, request->length, 0, NULL);
	if (!json_is_object(push))
		answer = (struct webhook_answer){false, 400, "the body is not a JSON object\n"};
	else if (is_watched(push, git))
		answer = (struct webhook_answer){true, 202, "the repository will be looked at\n"};
	json_decref(push);
	return answer;
}

struct webhook_answer webhook_read(const struct webhook_request *request, const struct secret *secret,
                                   const struct agent_git *git)
{
	const struct forge *forge = find_forge(request);
	const char *proof;

	if (request->length > WEBHOOK_BODY_MAX)
		return (struct webhook_answer){false, 413, "the body is too large\n"};
	if (forge == NULL)
		return (struct webhook_answer){false, 401, "the request has neither signature nor token\n"};
	proof = header(request, forge->proof);
	if (forge->is_token ? !is_token(proof, secret) : !is_signature(proof, request, secret))
		return (struct webhook_answer){false, 401, "signature or token is wrong\n"};
	return read_event(request, forge, git);
}
