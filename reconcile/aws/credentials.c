#include "aws/credentials.h"
#include "aws/answer.h"
#include "aws/credentials_sources.h"
#include "base/clock.h"

#include <stdio.h>
#include <string.h>

#define AGEING_SECONDS 900
#define STALE_SECONDS 600

void credentials_clear(struct credentials *credentials)
{
	secret_free(credentials->secret_key);
	secret_free(credentials->token);
	*credentials = (struct credentials){0};
}

bool credentials_are_ageing(const struct credentials *credentials, time_t now)
{
	return credentials->expires != 0 && credentials->expires - now < AGEING_SECONDS;
}

bool credentials_are_stale(const struct credentials *credentials, time_t now)
{
	return credentials->secret_key == NULL ||
	       (credentials->expires != 0 && credentials->expires - now < STALE_SECONDS);
}

const char *credentials_profile(const char *given)
{
	const char *profile = given;

	if (profile == NULL)
		profile = config_environment("AWS_PROFILE");
	if (profile == NULL)
		profile = config_environment("AWS_DEFAULT_PROFILE");
	return profile != NULL ? profile : "default";
}

void credentials_set(struct credentials *out, const char *access_key, const char *secret_key, const char *token)
{
	credentials_clear(out);
	snprintf(out->access_key, sizeof(out->access_key), "%s", access_key);
	out->secret_key = secret_new(secret_key, strlen(secret_key));
	if (token != NULL && *token != '\0')
		out->token = secret_new(token, strlen(token));
}

int credentials_read_json(json_t *json, const char *token_name, struct credentials *out, struct error *err)
{
	const char *access_key = json_string_value(json_object_get(json, "AccessKeyId"));
	const char *secret_key = json_string_value(json_object_get(json, "SecretAccessKey"));
	const char *expiration = json_string_value(json_object_get(json, "Expiration"));
	time_t expires = 0;
	int rc = 0;

	if (access_key == NULL || secret_key == NULL)
		rc = error_set(err, ERROR_CREDENTIALS, "the answer lacks AccessKeyId or SecretAccessKey");
	else if (expiration != NULL && clock_parse_rfc3339(expiration, &expires) != 0)
		rc = error_set(err, ERROR_CREDENTIALS, "the answer's Expiration is not a time");
	else {
		credentials_set(out, access_key, secret_key, json_string_value(json_object_get(json, token_name)));
		out->expires = expires;
	}
	answer_wipe_json(json);
	return rc;
}

int credentials_from_environment(const struct search *search, struct credentials *out, struct error *err)
{
	const char *access_key = config_environment("AWS_ACCESS_KEY_ID");
	const char *secret_key = config_environment("AWS_SECRET_ACCESS_KEY");

	(void)search;
	if (access_key == NULL && secret_key == NULL)
		return 0;
	if (secret_key == NULL)
		return error_set(err, ERROR_CREDENTIALS, "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not");
	if (access_key == NULL)
		return error_set(err, ERROR_CREDENTIALS, "AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID is not");
	credentials_set(out, access_key, secret_key, config_environment("AWS_SESSION_TOKEN"));
	snprintf(out->source, sizeof(out->source), "environment");
	return 0;
}

static int from_credentials_file(const struct search *search, struct credentials *out, struct error *err)
{
	return credentials_from_keys(search, CONFIG_CREDENTIALS, out, err);
}

static int from_config_file(const struct search *search, struct credentials *out, struct error *err)
{
	return credentials_from_keys(search, CONFIG_PROFILE, out, err);
}

/* The order is the contract. */
static int search_chain(const struct search *search, struct credentials *out, struct error *err)
{
	static int (*const sources[])(const struct search *, struct credentials *, struct error *) = {
	    credentials_from_environment,
	    credentials_from_profile_role,
	    credentials_from_web_identity,
	    credentials_from_sso,
	    from_credentials_file,
	    credentials_from_process,
	    from_config_file,
	    credentials_from_container,
	    credentials_from_instance,
	};
	size_t count = sizeof(sources) / sizeof(sources[0]);
	/* Whoever names a profile in so many words means it. */
	size_t first = search->settings->profile != NULL ? 1 : 0;

	for (size_t i = first; i < count; i++) {
		if (sources[i](search, out, err) != 0)
			return -1;
		if (out->secret_key != NULL)
			return 0;
	}
	return error_set(err, ERROR_CREDENTIALS,
	                 "no AWS credentials: none in the environment, in profile %s, from a container or an instance",
	                 search->profile);
}

static int assume_on_top(const struct search *search, struct credentials *credentials, struct error *err)
{
	const struct credentials_settings *settings = search->settings;
	struct role role = {
	    .arn = settings->assume_role_arn,
	    .session_name = settings->session_name != NULL ? settings->session_name : "trueup",
	    .external_id = settings->external_id,
	};
	struct credentials base = *credentials;
	int rc;

	*credentials = (struct credentials){0};
	rc = credentials_assume_role(search, &role, &base, credentials, err);
	if (rc == 0)
		snprintf(credentials->source, sizeof(credentials->source), "role %.60s, by %.80s", role.arn,
		         base.source);
	credentials_clear(&base);
	return rc;
}

int credentials_find(const struct credentials_settings *settings, struct credentials *credentials, struct error *err)
{
	struct search search = {.settings = settings, .profile = credentials_profile(settings->profile)};
	struct config *config;
	int rc;

	if (config_load(&config, err) != 0)
		return -1;
	search.config = config;
	search.arena = arena_new();
	credentials_clear(credentials);
	if (strcmp(search.profile, "default") != 0 && !config_has(config, CONFIG_PROFILE, search.profile))
		rc = error_set(err, ERROR_CREDENTIALS, "there is no AWS profile %s", search.profile);
	else
		rc = search_chain(&search, credentials, err);
	if (rc == 0 && settings->assume_role_arn != NULL)
		rc = assume_on_top(&search, credentials, err);
	if (rc != 0)
		credentials_clear(credentials);
	arena_free(search.arena);
	config_free(config);
	return rc;
}
