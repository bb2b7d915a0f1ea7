/*
 * endpoint_cases - the hosts of all services for the settings on standard
 * input, one "region fips dualstack" a line, as JSON. test_endpoints.py
 * compares them with botocore's rule sets.
 */
#include "aws/endpoint.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int print_hosts(struct endpoint_settings *settings, struct error *err)
{
	json_t *hosts = json_object();
	char *line;

	for (enum aws_service service = 0; service < AWS_SERVICE_COUNT; service++) {
		const struct aws_service_info *info = operation_service(service);
		struct endpoint endpoint;

		if (endpoint_resolve(settings, info, &endpoint, err) != 0)
			return -1;
		json_object_set_new(hosts, info->host_prefix, json_pack("[s, s]", endpoint.origin, endpoint.region));
	}
	line = json_dumps(hosts, JSON_COMPACT);
	puts(line);
	free(line);
	json_decref(hosts);
	return 0;
}

int main(void)
{
	struct config *config;
	struct error err;
	char region[ENDPOINT_REGION_SIZE], fips[8], dualstack[8];

	if (config_load(&config, &err) != 0)
		return EXIT_FAILURE;
	while (scanf("%63s %7s %7s", region, fips, dualstack) == 3) {
		struct endpoint_settings settings = {.config = config,
		                                     .profile = "default",
		                                     .region = region,
		                                     .fips = strcmp(fips, "true") == 0,
		                                     .dualstack = strcmp(dualstack, "true") == 0};

		if (print_hosts(&settings, &err) != 0) {
			fprintf(stderr, "endpoint_cases: %s\n", err.message);
			return EXIT_FAILURE;
		}
	}
	config_free(config);
	return EXIT_SUCCESS;
}
