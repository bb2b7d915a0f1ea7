#include "aws/client_private.h"
#include "base/log.h"

#include <curl/curl.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_SHARE 0.5
#define MOST_ATTEMPTS 20
/* Ageing credentials that could not be renewed are asked for again after this long. */
#define REFRESH_PAUSE_SECONDS 60

int aws_global_init(struct error *err)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return error_set(err, ERROR_SYSTEM, "cannot set up the HTTP library");
	return 0;
}

static char *copy_setting(const char *text)
{
	char *copy = text != NULL ? strdup(text) : NULL;

	if (text != NULL && copy == NULL)
		abort();
	return copy;
}

static int read_max_attempts(const struct config *config, const char *profile, int *attempts, struct error *err)
{
	const char *text = config_environment("AWS_MAX_ATTEMPTS");
	char *end;
	long number;

	if (text == NULL)
		text = config_find(config, CONFIG_PROFILE, profile, "max_attempts");
	*attempts = 0;
	if (text == NULL)
		return 0;
	number = strtol(text, &end, 10);
	if (*end != '\0' || number < 1 || number > MOST_ATTEMPTS)
		return error_set(err, ERROR_INVALID, "AWS_MAX_ATTEMPTS is not a number from 1 to %d", MOST_ATTEMPTS);
	*attempts = (int)number;
	return 0;
}

static int read_configuration(struct aws *aws, const struct aws_settings *settings, struct error *err)
{
	const char *profile = credentials_profile(settings->profile);
	struct config *config;
	int attempts, rc;

	if (config_load(&config, err) != 0)
		return -1;
	rc = endpoint_find_region(config, profile, settings->region, aws->region, err);
	if (rc == 0)
		rc = read_max_attempts(config, profile, &attempts, err);
	if (rc == 0)
		retry_init(&aws->budget, attempts);
	config_free(config);
	return rc;
}

int aws_new_over(struct transport *transport, const struct aws_settings *settings, struct aws **out, struct error *err)
{
	double share = settings->quota_share > 0 ? settings->quota_share : DEFAULT_SHARE;
	struct aws *aws = calloc(1, sizeof(*aws));
	int64_t now = transport->now_ms(transport);

	if (aws == NULL)
		abort();
	aws->transport = transport;
	aws->profile = copy_setting(settings->profile);
	aws->assume_role_arn = copy_setting(settings->assume_role_arn);
	aws->external_id = copy_setting(settings->external_id);
	aws->session_name = copy_setting(settings->session_name);
	aws->writes = settings->writes;
	aws->stop = settings->stop;
	aws->tally = settings->tally;
	for (enum aws_quota quota = 0; quota < AWS_QUOTA_COUNT; quota++) {
		const struct aws_quota_info *info = operation_quota(quota);

		bucket_init(&aws->buckets[quota], info->rate * share, info->burst * share, now);
	}
	if (share > 1) {
		aws_free(aws);
		return error_set(err, ERROR_INVALID, "the share of the quotas is more than all of them");
	}
	if (read_configuration(aws, settings, err) != 0) {
		aws_free(aws);
		return -1;
	}
	*out = aws;
	return 0;
}

int aws_new(const struct aws_settings *settings, struct aws **aws, struct error *err)
{
	const char *bundle = config_environment("AWS_CA_BUNDLE");
	struct transport *transport;
	struct config *config;
	int rc;

	if (config_load(&config, err) != 0)
		return -1;
	if (bundle == NULL)
		bundle = config_find(config, CONFIG_PROFILE, credentials_profile(settings->profile), "ca_bundle");
	rc = transport_new(bundle, &transport, err);
	config_free(config);
	return rc == 0 ? aws_new_over(transport, settings, aws, err) : -1;
}

void aws_set_audit(struct aws *aws, struct audit *audit)
{
	aws->audit = audit;
}

void aws_free(struct aws *aws)
{
	if (aws == NULL)
		return;
	credentials_clear(&aws->credentials);
	transport_free(aws->transport);
	free(aws->profile);
	free(aws->assume_role_arn);
	free(aws->external_id);
	free(aws->session_name);
	free(aws);
}

int aws_find_endpoint(struct aws *aws, enum aws_service service, const struct endpoint **endpoint, struct error *err)
{
	struct endpoint_settings settings = {.profile = credentials_profile(aws->profile), .region = aws->region};
	struct endpoint *found = &aws->endpoints[service];
	struct config *config;
	int rc = 0;

	*endpoint = found;
	if (found->origin[0] != '\0')
		return 0;
	if (config_load(&config, err) != 0)
		return -1;
	settings.config = config;
	endpoint_load_settings(&settings);
	rc = endpoint_resolve(&settings, operation_service(service), found, err);
	config_free(config);
	return rc;
}

bool aws_needs_credentials(const struct aws *aws)
{
	const struct credentials *credentials = &aws->credentials;
	time_t now = aws->transport->time(aws->transport);

	if (credentials->secret_key == NULL)
		return true;
	if (!credentials_are_ageing(credentials, now))
		return false;
	/* Some sources hand out what is about to expire: that is used, rather than asked for at every call. */
	return credentials->expires <= now || now - aws->refreshed >= REFRESH_PAUSE_SECONDS;
}

int aws_check_credentials(struct aws *aws, struct error *err)
{
	struct credentials_settings settings = {
	    .transport = aws->transport,
	    .profile = aws->profile,
	    .region = aws->region,
	    .assume_role_arn = aws->assume_role_arn,
	    .external_id = aws->external_id,
	    .session_name = aws->session_name,
	};
	struct credentials fresh = {0};
	time_t now = aws->transport->time(aws->transport);

	if (!aws_needs_credentials(aws))
		return 0;
	aws->refreshed = now;
	if (credentials_find(&settings, &fresh, err) != 0) {
		if (credentials_are_stale(&aws->credentials, now))
			return -1;
		log_warn("cannot renew AWS credentials yet: %s", err->message);
		return 0;
	}
	credentials_clear(&aws->credentials);
	aws->credentials = fresh;
	aws->generation++;
	log_debug("AWS credentials: %s", fresh.source);
	return 0;
}

void aws_drop_credentials(struct aws *aws, uint64_t generation)
{
	if (generation == aws->generation)
		credentials_clear(&aws->credentials);
}

struct sign_key aws_signing_key(const struct aws *aws, const struct endpoint *endpoint, const char *signing_name)
{
	return (struct sign_key){
	    .access_key = aws->credentials.access_key,
	    .secret_key = aws->credentials.secret_key,
	    .token = aws->credentials.token,
	    .region = endpoint->region,
	    .service = signing_name,
	    .when = aws->transport->time(aws->transport) + aws->signing_offset,
	};
}

void aws_make_uuid(char out[AWS_UUID_SIZE])
{
	unsigned char b[16];

	if (RAND_bytes(b, sizeof(b)) != 1)
		abort();
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	snprintf(out, AWS_UUID_SIZE, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
	         b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

void aws_response_free(struct aws_response *response)
{
	buf_free(&response->body);
	json_decref(response->json);
	*response = (struct aws_response){0};
}

struct aws_counts aws_counts(const struct aws *aws)
{
	return aws->counts;
}

struct aws_tally *aws_tally(const struct aws *aws)
{
	return aws->tally;
}

const char *aws_last_request_id(const struct aws *aws)
{
	return aws->last_request_id;
}

const char *aws_region(const struct aws *aws)
{
	return aws->region;
}

const char *aws_credentials_source(const struct aws *aws)
{
	return aws->credentials.secret_key != NULL ? aws->credentials.source : NULL;
}

bool aws_credentials_are_temporary(const struct aws *aws)
{
	return aws->credentials.token != NULL;
}

time_t aws_credentials_expiry(const struct aws *aws)
{
	return aws->credentials.expires;
}

int64_t aws_clock_offset(const struct aws *aws)
{
	return aws->clock_offset;
}
