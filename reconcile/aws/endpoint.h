/*
 * endpoint.h - where a service is: region, partition, overrides.
 *
 * Overrides in the SDKs' order: AWS_ENDPOINT_URL_<ID>, AWS_ENDPOINT_URL, the
 * profile's services section, the profile's endpoint_url; none of them if
 * AWS_IGNORE_CONFIGURED_ENDPOINT_URLS (or the profile) says so. Otherwise
 * https://prefix.region.suffix, as botocore 1.43.11 has it for the partitions
 * aws, aws-cn and aws-us-gov, which testdata/aws compares.
 */
#ifndef TRUEUP_AWS_ENDPOINT_H
#define TRUEUP_AWS_ENDPOINT_H

#include "aws/config.h"
#include "aws/operation.h"
#include "base/error.h"

#include <stdbool.h>

#define ENDPOINT_REGION_SIZE 64

struct endpoint {
	char origin[320];                  /* "https://rds.eu-west-3.amazonaws.com", no slash at the end */
	char host[280];                    /* what the Host header says: with the port where it is not the scheme's */
	char base_path[128];               /* of an override: "/prefix"; "" if none */
	char region[ENDPOINT_REGION_SIZE]; /* of the credential scope */
};

struct endpoint_settings {
	const struct config *config;
	const char *profile;
	const char *region;
	bool fips;
	bool dualstack;
};

/* Given, else AWS_REGION, AWS_DEFAULT_REGION, the profile's; ERROR_INVALID if there is none, or it is no region's name.
 */
int endpoint_find_region(const struct config *config, const char *profile, const char *given,
                         char region[ENDPOINT_REGION_SIZE], struct error *err);

/* AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT, else the profile's. Fills fips and dualstack. */
void endpoint_load_settings(struct endpoint_settings *settings);

/* ERROR_INVALID: an override that is no URL, or a partition that is not known. */
int endpoint_resolve(const struct endpoint_settings *settings, const struct aws_service_info *service,
                     struct endpoint *endpoint, struct error *err);

#endif
