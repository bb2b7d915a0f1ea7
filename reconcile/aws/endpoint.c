#include "aws/endpoint.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct partition {
	const char *prefix; /* of its regions' names */
	const char *suffix;
	const char *dualstack_suffix;
	/* IAM is one for the whole partition: its hosts, and the region that it is signed for. */
	const char *iam_host;
	const char *iam_fips_host;
	const char *iam_dualstack_host;
	const char *iam_fips_dualstack_host;
	const char *iam_region;
};

/* The last is for all other regions of the aws partition. */
static const struct partition partitions[] = {
    {"cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn", "iam.cn-north-1.amazonaws.com.cn",
     "iam-fips.amazonaws.com.cn", "iam.global.api.amazonwebservices.com.cn", "iam-fips.api.amazonwebservices.com.cn",
     "cn-north-1"},
    {"us-gov-", "amazonaws.com", "api.aws", "iam.us-gov.amazonaws.com", "iam.us-gov.amazonaws.com",
     "iam.us-gov.api.aws", "iam.us-gov.api.aws", "us-gov-west-1"},
    {"", "amazonaws.com", "api.aws", "iam.amazonaws.com", "iam-fips.amazonaws.com", "iam.global.api.aws",
     "iam-fips.global.api.aws", "us-east-1"},
};

static bool is_label(const char *text)
{
	size_t length = strlen(text);

	for (size_t i = 0; i < length; i++)
		if (!islower((unsigned char)text[i]) && !isdigit((unsigned char)text[i]) && text[i] != '-')
			return false;
	return length > 0 && length < ENDPOINT_REGION_SIZE && text[0] != '-' && text[length - 1] != '-';
}

int endpoint_find_region(const struct config *config, const char *profile, const char *given,
                         char region[ENDPOINT_REGION_SIZE], struct error *err)
{
	const char *found = given;

	if (found == NULL)
		found = config_environment("AWS_REGION");
	if (found == NULL)
		found = config_environment("AWS_DEFAULT_REGION");
	if (found == NULL)
		found = config_find(config, CONFIG_PROFILE, profile, "region");
	if (found == NULL)
		return error_set(err, ERROR_INVALID,
		                 "no AWS region: name it in the spec, in AWS_REGION or in the profile");
	/* It becomes part of a host's name: nothing else may. */
	if (!is_label(found))
		return error_set(err, ERROR_INVALID, "\"%.64s\" is not the name of an AWS region", found);
	snprintf(region, ENDPOINT_REGION_SIZE, "%s", found);
	return 0;
}

static bool read_switch(const struct endpoint_settings *settings, const char *variable, const char *key)
{
	const char *value = config_environment(variable);

	if (value == NULL)
		value = config_find(settings->config, CONFIG_PROFILE, settings->profile, key);
	return config_is_true(value);
}

void endpoint_load_settings(struct endpoint_settings *settings)
{
	settings->fips = read_switch(settings, "AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint");
	settings->dualstack = read_switch(settings, "AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint");
}

static const char *find_override(const struct endpoint_settings *settings, const struct aws_service_info *service)
{
	char name[96];
	const char *url, *section;

	if (read_switch(settings, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls"))
		return NULL;
	snprintf(name, sizeof(name), "AWS_ENDPOINT_URL_%s", service->endpoint_id);
	url = config_environment(name);
	if (url == NULL)
		url = config_environment("AWS_ENDPOINT_URL");
	section = config_find(settings->config, CONFIG_PROFILE, settings->profile, "services");
	if (url == NULL && section != NULL) {
		snprintf(name, sizeof(name), "%s.endpoint_url", service->endpoint_id);
		for (char *c = name; *c != '\0'; c++)
			*c = (char)tolower((unsigned char)*c);
		url = config_find(settings->config, CONFIG_SERVICES, section, name);
	}
	if (url == NULL)
		url = config_find(settings->config, CONFIG_PROFILE, settings->profile, "endpoint_url");
	return url;
}

static int refuse_override(const char *url, struct error *err)
{
	return error_set(err, ERROR_INVALID, "\"%.200s\" is not an endpoint: http[s]://host[:port][/path] is", url);
}

static int parse_override(const char *url, struct endpoint *endpoint, struct error *err)
{
	bool plain = strncasecmp(url, "http://", 7) == 0;
	const char *host = url + (plain ? 7 : 8);
	size_t host_length, path_length;
	const char *port;

	if (!plain && strncasecmp(url, "https://", 8) != 0)
		return refuse_override(url, err);
	host_length = strcspn(host, "/");
	path_length = strlen(host + host_length);
	while (path_length > 0 && host[host_length + path_length - 1] == '/')
		path_length--;
	if (host_length == 0 || host_length >= sizeof(endpoint->host) || path_length >= sizeof(endpoint->base_path) ||
	    strpbrk(host, "@?# \t\\") != NULL)
		return refuse_override(url, err);
	snprintf(endpoint->base_path, sizeof(endpoint->base_path), "%.*s", (int)path_length, host + host_length);
	/* The Host header leaves the scheme's own port out. */
	port = plain ? ":80" : ":443";
	if (host_length > strlen(port) && strncmp(host + host_length - strlen(port), port, strlen(port)) == 0)
		host_length -= strlen(port);
	snprintf(endpoint->host, sizeof(endpoint->host), "%.*s", (int)host_length, host);
	snprintf(endpoint->origin, sizeof(endpoint->origin), "%s://%s", plain ? "http" : "https", endpoint->host);
	return 0;
}

static const struct partition *find_partition(const char *region)
{
	const struct partition *partition = partitions;

	while (strncmp(region, partition->prefix, strlen(partition->prefix)) != 0)
		partition++;
	return partition;
}

/* "us-iso…", "eu-isoe-…" and "eusc-…" are partitions whose hosts we do not know. */
static bool is_foreign(const char *region)
{
	return strstr(region, "-iso") != NULL || strncmp(region, "eusc-", 5) == 0;
}

static const char *choose_iam_host(const struct partition *partition, const struct endpoint_settings *settings)
{
	if (settings->fips && settings->dualstack)
		return partition->iam_fips_dualstack_host;
	if (settings->fips)
		return partition->iam_fips_host;
	return settings->dualstack ? partition->iam_dualstack_host : partition->iam_host;
}

/* In GovCloud some services' ordinary hosts are the FIPS ones, unless dual stack is wanted too. */
static bool has_fips_host(const struct partition *partition, const struct endpoint_settings *settings,
                          const struct aws_service_info *service)
{
	static const char *const always[] = {"rds", "cloudformation", "sts", "dynamodb", "dms"};

	if (strcmp(partition->prefix, "us-gov-") != 0 || settings->dualstack)
		return true;
	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		if (strcmp(service->host_prefix, always[i]) == 0)
			return false;
	return true;
}

/* Some services' ordinary hosts answer over IPv6 already: Cognito's in the aws partition, its FIPS ones in the US only.
 */
static bool has_dualstack_host(const struct partition *partition, const struct endpoint_settings *settings,
                               const struct aws_service_info *service)
{
	if (strcmp(service->host_prefix, "secretsmanager") == 0)
		return false;
	if (strcmp(service->host_prefix, "cognito-idp") != 0 || partition->prefix[0] != '\0')
		return true;
	return settings->fips && strncmp(settings->region, "us-", 3) != 0;
}

int endpoint_resolve(const struct endpoint_settings *settings, const struct aws_service_info *service,
                     struct endpoint *endpoint, struct error *err)
{
	const struct partition *partition = find_partition(settings->region);
	const char *override = find_override(settings, service);
	bool iam = strcmp(service->host_prefix, "iam") == 0;

	*endpoint = (struct endpoint){0};
	snprintf(endpoint->region, sizeof(endpoint->region), "%s", iam ? partition->iam_region : settings->region);
	if (override != NULL)
		return parse_override(override, endpoint, err);
	if (is_foreign(settings->region))
		return error_set(err, ERROR_INVALID, "the endpoints of %s are not known: set AWS_ENDPOINT_URL_%s",
		                 settings->region, service->endpoint_id);
	if (iam) {
		snprintf(endpoint->host, sizeof(endpoint->host), "%s", choose_iam_host(partition, settings));
	} else {
		bool fips = settings->fips && has_fips_host(partition, settings, service);
		bool dualstack = settings->dualstack && has_dualstack_host(partition, settings, service);

		snprintf(endpoint->host, sizeof(endpoint->host), "%s%s.%s.%s", service->host_prefix,
		         fips ? "-fips" : "", settings->region,
		         dualstack ? partition->dualstack_suffix : partition->suffix);
	}
	snprintf(endpoint->origin, sizeof(endpoint->origin), "https://%s", endpoint->host);
	return 0;
}
