/*
 * Credentials from an endpoint nearby: a container's, an instance's, or AWS
 * SSO's portal with the token that `aws sso login` left.
 */
#include "aws/answer.h"
#include "aws/credentials_sources.h"
#include "aws/endpoint.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONTAINER_HOST "http://169.254.170.2"
#define CONTAINER_TRIES 3
#define CONTAINER_TIMEOUT_MS 2000
#define INSTANCE_HOST "http://169.254.169.254"
#define INSTANCE_TIMEOUT_MS 1000
#define INSTANCE_TOKEN_TTL "21600"
#define PORTAL_TIMEOUT_MS 10000
#define TOKEN_LIMIT ((size_t)64 * 1024)

/* GET or PUT past any proxy, with one header. A status other than 200 is an error. */
static int fetch(const struct search *search, const char *method, const char *url, const struct sign_header *header,
                 struct transport_result *result, int64_t timeout_ms, struct error *err)
{
	struct transport *transport = search->settings->transport;
	struct transport_request request = {
	    .method = method,
	    .url = url,
	    .headers = header,
	    .header_count = header->value != NULL,
	    .connect_timeout_ms = timeout_ms,
	    .timeout_ms = timeout_ms,
	    .direct = strncmp(url, "https:", 6) != 0,
	};

	transport_result_clear(result);
	transport_fetch(transport, &request, result);
	if (result->failure != TRANSPORT_OK)
		return error_set(err, ERROR_UNREACHABLE, "%s", result->reason);
	if (result->status != 200)
		return error_set(err, ERROR_CREDENTIALS, "HTTP status %ld", result->status);
	return 0;
}

static bool begins_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Plain HTTP only to this machine, and to the addresses where ECS and EKS put their endpoints. */
static bool is_trusted(const char *url)
{
	static const char *const hosts[] = {"localhost",     "127.0.0.1",      "[::1]",
	                                    "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"};

	if (begins_with(url, "https://"))
		return true;
	if (!begins_with(url, "http://"))
		return false;
	url += strlen("http://");
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		size_t length = strlen(hosts[i]);

		if (begins_with(url, hosts[i]) && (url[length] == '\0' || strchr(":/?", url[length]) != NULL))
			return true;
	}
	return false;
}

/* The Authorization header for the container's endpoint; *token stays NULL where none is asked for. */
static int read_container_token(const struct search *search, char **token, size_t *length, struct error *err)
{
	const char *path = config_environment("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
	const char *given = config_environment("AWS_CONTAINER_AUTHORIZATION_TOKEN");

	*token = NULL;
	*length = 0;
	if (path != NULL) {
		if (file_read(search->arena, path, TOKEN_LIMIT, token, length, err) != 0)
			return error_context(err, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
	} else if (given != NULL) {
		*token = arena_strdup(search->arena, given);
		*length = strlen(given);
	}
	/* It becomes a header: it must not become two. */
	if (*token != NULL && strpbrk(*token, "\r\n") != NULL) {
		explicit_bzero(*token, *length);
		return error_set(err, ERROR_CREDENTIALS, "the container's authorization token has a line break in it");
	}
	return 0;
}

static int ask_container(const struct search *search, const char *url, struct transport_result *result,
                         struct error *err)
{
	struct sign_header header = {"Authorization", NULL};
	char *token;
	size_t length;
	int rc = -1;

	if (read_container_token(search, &token, &length, err) != 0)
		return -1;
	header.value = token;
	for (int i = 0; i < CONTAINER_TRIES && rc != 0; i++)
		rc = fetch(search, "GET", url, &header, result, CONTAINER_TIMEOUT_MS, err);
	if (token != NULL)
		explicit_bzero(token, length);
	return rc;
}

int credentials_from_container(const struct search *search, struct credentials *out, struct error *err)
{
	const char *relative = config_environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
	const char *full = config_environment("AWS_CONTAINER_CREDENTIALS_FULL_URI");
	struct transport_result result = {0};
	const char *url = full;
	int rc;

	if (relative != NULL)
		url = arena_printf(search->arena, "%s%s", CONTAINER_HOST, relative);
	if (url == NULL)
		return 0;
	if (!is_trusted(url))
		return error_set(err, ERROR_CREDENTIALS,
		                 "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor a container's own address");
	rc = ask_container(search, url, &result, err);
	if (rc == 0)
		rc = credentials_read_json(json_loadb(buf_text(&result.body), result.body.length, 0, NULL), "Token",
		                           out, err);
	transport_result_clear(&result);
	if (rc != 0)
		return error_context(err, "container credentials");
	snprintf(out->source, sizeof(out->source), "container");
	return 0;
}

static const char *instance_host(void)
{
	const char *given = config_environment("AWS_EC2_METADATA_SERVICE_ENDPOINT");

	return given != NULL ? given : INSTANCE_HOST;
}

static int ask_role(const struct search *search, const char *url, const struct sign_header *token,
                    struct transport_result *result, struct error *err)
{
	const char *role;

	if (fetch(search, "GET", url, token, result, INSTANCE_TIMEOUT_MS, err) != 0)
		return -1;
	role = arena_strndup(search->arena, buf_text(&result->body), strcspn(buf_text(&result->body), "\r\n"));
	if (*role == '\0')
		return error_set(err, ERROR_CREDENTIALS, "the instance has no role");
	url = arena_printf(search->arena, "%s%s", url, role);
	return fetch(search, "GET", url, token, result, INSTANCE_TIMEOUT_MS, err);
}

int credentials_from_instance(const struct search *search, struct credentials *out, struct error *err)
{
	struct sign_header ttl = {"X-aws-ec2-metadata-token-ttl-seconds", INSTANCE_TOKEN_TTL};
	const char *host = instance_host();
	bool slash = host[strlen(host) - 1] == '/';
	struct transport_result token = {0}, result = {0};
	struct error absent;
	const char *url;
	int rc = 0;

	if (config_is_true(config_environment("AWS_EC2_METADATA_DISABLED")))
		return 0;
	url = arena_printf(search->arena, "%s%slatest/api/token", host, slash ? "" : "/");
	/* Silence here means that this is no instance. */
	if (fetch(search, "PUT", url, &ttl, &token, INSTANCE_TIMEOUT_MS, &absent) == 0) {
		struct sign_header header = {"X-aws-ec2-metadata-token", buf_text(&token.body)};

		url = arena_printf(search->arena, "%s%slatest/meta-data/iam/security-credentials/", host,
		                   slash ? "" : "/");
		rc = ask_role(search, url, &header, &result, err);
		if (rc == 0)
			rc = credentials_read_json(json_loadb(buf_text(&result.body), result.body.length, 0, NULL),
			                           "Token", out, err);
		if (rc == 0)
			snprintf(out->source, sizeof(out->source), "instance");
	}
	transport_result_clear(&token);
	transport_result_clear(&result);
	return rc == 0 ? 0 : error_context(err, "instance credentials");
}

/* ~/.aws/sso/cache/<sha1 of the session's name, or of the start URL>.json */
static const char *name_cache_file(const struct search *search, const char *session)
{
	const char *home = config_environment("HOME");
	unsigned char digest[EVP_MAX_MD_SIZE];
	char hex[2 * EVP_MAX_MD_SIZE + 1];
	unsigned int size;

	if (EVP_Digest(session, strlen(session), digest, &size, EVP_sha1(), NULL) != 1)
		abort();
	digest_hex(digest, size, hex);
	return arena_printf(search->arena, "%s/.aws/sso/cache/%s.json", home != NULL ? home : "", hex);
}

/* The access token of a login; the caller frees it. */
static int read_login(const struct search *search, const char *session, struct secret **token, struct error *err)
{
	struct transport *transport = search->settings->transport;
	const char *path = name_cache_file(search, session), *text, *expiry;
	char *bytes;
	size_t length;
	time_t expires = 0;
	json_t *json;
	int rc = 0;

	if (file_read(search->arena, path, TOKEN_LIMIT, &bytes, &length, err) != 0)
		return error_set(err, ERROR_CREDENTIALS, "no login to AWS SSO: run `aws sso login --profile %s`",
		                 search->profile);
	json = json_loadb(bytes, length, 0, NULL);
	explicit_bzero(bytes, length);
	text = json_string_value(json_object_get(json, "accessToken"));
	expiry = json_string_value(json_object_get(json, "expiresAt"));
	if (text == NULL || expiry == NULL || clock_parse_rfc3339(expiry, &expires) != 0)
		rc = error_set(err, ERROR_CREDENTIALS, "%s is not a login to AWS SSO", path);
	else if (expires <= transport->time(transport))
		rc = error_set(err, ERROR_CREDENTIALS,
		               "the login to AWS SSO has expired: run `aws sso login --profile %s`", search->profile);
	else
		*token = secret_new(text, strlen(text));
	answer_wipe_json(json);
	return rc;
}

struct sso {
	const char *session; /* the name of the session, or the start URL: what the cache file is named after */
	const char *region;
	const char *account;
	const char *role;
};

static int read_sso(const struct search *search, struct sso *sso, struct error *err)
{
	const char *name = config_find(search->config, CONFIG_PROFILE, search->profile, "sso_session");

	sso->account = config_find(search->config, CONFIG_PROFILE, search->profile, "sso_account_id");
	sso->role = config_find(search->config, CONFIG_PROFILE, search->profile, "sso_role_name");
	sso->session = name;
	if (name != NULL) {
		sso->region = config_find(search->config, CONFIG_SSO_SESSION, name, "sso_region");
	} else {
		sso->session = config_find(search->config, CONFIG_PROFILE, search->profile, "sso_start_url");
		sso->region = config_find(search->config, CONFIG_PROFILE, search->profile, "sso_region");
	}
	if (sso->session != NULL && (sso->region == NULL || sso->account == NULL || sso->role == NULL))
		return error_set(err, ERROR_CREDENTIALS,
		                 "profile %s: SSO needs sso_region, sso_account_id and sso_role_name", search->profile);
	return 0;
}

static int read_portal(const struct transport_result *result, struct credentials *out, struct error *err)
{
	json_t *json = json_loadb(buf_text(&result->body), result->body.length, 0, NULL);
	const json_t *role = json_object_get(json, "roleCredentials");
	const char *access_key = json_string_value(json_object_get(role, "accessKeyId"));
	const char *secret_key = json_string_value(json_object_get(role, "secretAccessKey"));
	int rc = 0;

	if (access_key == NULL || secret_key == NULL) {
		rc = error_set(err, ERROR_CREDENTIALS, "the answer has no roleCredentials");
	} else {
		credentials_set(out, access_key, secret_key, json_string_value(json_object_get(role, "sessionToken")));
		out->expires = json_integer_value(json_object_get(role, "expiration")) / 1000;
	}
	answer_wipe_json(json);
	return rc;
}

int credentials_from_sso(const struct search *search, struct credentials *out, struct error *err)
{
	static const struct aws_service_info portal = {
	    .name = "SSO", .host_prefix = "portal.sso", .endpoint_id = "SSO"};
	struct sso sso;
	struct endpoint_settings endpoints = {.config = search->config, .profile = search->profile};
	struct endpoint endpoint;
	struct sign_header header = {"x-amz-sso_bearer_token", NULL};
	struct transport_result result = {0};
	struct secret *token = NULL;
	struct buf url = {0};
	int rc;

	if (read_sso(search, &sso, err) != 0)
		return -1;
	if (sso.session == NULL)
		return 0;
	endpoints.region = sso.region;
	if (endpoint_resolve(&endpoints, &portal, &endpoint, err) != 0 ||
	    read_login(search, sso.session, &token, err) != 0)
		return -1;
	header.value = secret_reveal(token);
	buf_printf(&url, "%s%s/federation/credentials?role_name=", endpoint.origin, endpoint.base_path);
	sign_encode(&url, sso.role, "");
	buf_puts(&url, "&account_id=");
	sign_encode(&url, sso.account, "");
	rc = fetch(search, "GET", url.bytes, &header, &result, PORTAL_TIMEOUT_MS, err);
	if (rc == 0)
		rc = read_portal(&result, out, err);
	buf_free(&url);
	secret_free(token);
	transport_result_clear(&result);
	if (rc != 0)
		return error_context(err, "profile %s: AWS SSO", search->profile);
	snprintf(out->source, sizeof(out->source), "profile %.60s, SSO", search->profile);
	return 0;
}
