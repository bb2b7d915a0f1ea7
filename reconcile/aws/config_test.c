#include "aws/config.h"
#include "aws/endpoint.h"
#include "aws/script_test_help.h"
#include "base/file.h"
#include "base/test_main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[] = "/tmp/config_test.XXXXXX";
static char config_path[64], credentials_path[64];
static struct config *config;
static struct error err;

static void set_up(void)
{
	script_clear_environment();
	strcpy(directory + strlen(directory) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(config_path, sizeof(config_path), "%s/config", directory);
	snprintf(credentials_path, sizeof(credentials_path), "%s/credentials", directory);
	setenv("AWS_CONFIG_FILE", config_path, 1);
	setenv("AWS_SHARED_CREDENTIALS_FILE", credentials_path, 1);
	config = NULL;
}

static void tear_down(void)
{
	config_free(config);
	unlink(config_path);
	unlink(credentials_path);
	rmdir(directory);
}

static int load(const char *config_text, const char *credentials_text)
{
	ck_assert_int_eq(file_replace(config_path, config_text, strlen(config_text), &err), 0);
	ck_assert_int_eq(file_replace(credentials_path, credentials_text, strlen(credentials_text), &err), 0);
	return config_load(&config, &err);
}

START_TEST(reads_sections)
{
	ck_assert_int_eq(load("\xef\xbb\xbf# a comment\r\n[default]\r\nRegion = eu-west-3\r\n; another\n"
	                      "[profile dev]\nregion=us-east-1\nempty =\ncolon: x=y\n"
	                      "[profile \"with space\"]\nregion = eu-south-1\n"
	                      "[sso-session corp]\nsso_region = eu-west-1\n"
	                      "[services local]\nrds =\n  endpoint_url = http://localhost:1\n"
	                      "dynamodb = \n   endpoint_url=http://localhost:2\n"
	                      "[plugins]\ncli = x\n[bare]\nregion = nowhere\n",
	                      "[dev]\naws_access_key_id = AK\n"),
	                 0);
	ck_assert_str_eq(config_find(config, CONFIG_PROFILE, "default", "region"), "eu-west-3");
	ck_assert_str_eq(config_find(config, CONFIG_PROFILE, "dev", "region"), "us-east-1");
	ck_assert_str_eq(config_find(config, CONFIG_PROFILE, "dev", "colon"), "x=y");
	ck_assert_str_eq(config_find(config, CONFIG_PROFILE, "with space", "region"), "eu-south-1");
	ck_assert_str_eq(config_find(config, CONFIG_SSO_SESSION, "corp", "sso_region"), "eu-west-1");
	ck_assert_str_eq(config_find(config, CONFIG_SERVICES, "local", "rds.endpoint_url"), "http://localhost:1");
	ck_assert_str_eq(config_find(config, CONFIG_SERVICES, "local", "dynamodb.endpoint_url"), "http://localhost:2");
	ck_assert_ptr_null(config_find(config, CONFIG_SERVICES, "local", "endpoint_url"));
	ck_assert_ptr_null(config_find(config, CONFIG_PROFILE, "dev", "empty"));
	ck_assert_ptr_null(config_find(config, CONFIG_PROFILE, "dev", "absent"));
	/* In the config file only [default] and [profile x] are profiles. */
	ck_assert(!config_has(config, CONFIG_PROFILE, "bare"));
	ck_assert(config_has(config, CONFIG_CREDENTIALS, "dev"));
	ck_assert(!config_has(config, CONFIG_CREDENTIALS, "default"));
}
END_TEST

START_TEST(lets_the_credentials_file_win)
{
	ck_assert_int_eq(load("[profile a]\naws_access_key_id = CONFIG\nregion = r1\n",
	                      "[a]\n  aws_access_key_id = KEYS\n  aws_secret_access_key = s=#;e\n"),
	                 0);
	ck_assert_str_eq(config_find(config, CONFIG_PROFILE, "a", "aws_access_key_id"), "KEYS");
	ck_assert_str_eq(config_find(config, CONFIG_CREDENTIALS, "a", "aws_access_key_id"), "KEYS");
	ck_assert_str_eq(config_find(config, CONFIG_PROFILE, "a", "aws_secret_access_key"), "s=#;e");
	ck_assert_str_eq(config_find(config, CONFIG_PROFILE, "a", "region"), "r1");
	ck_assert_ptr_null(config_find(config, CONFIG_CREDENTIALS, "a", "region"));
}
END_TEST

START_TEST(does_without_files)
{
	ck_assert_int_eq(config_load(&config, &err), 0);
	ck_assert_ptr_null(config_find(config, CONFIG_PROFILE, "default", "region"));
}
END_TEST

START_TEST(names_the_line_but_not_its_text)
{
	ck_assert_int_eq(load("[default]\nregion = x\n", "[a]\naws_secret_access_key = s\nsecret-on-its-own\n"), -1);
	ck_assert_int_eq(err.code, ERROR_INVALID);
	ck_assert_ptr_nonnull(strstr(err.message, "credentials:3:"));
	ck_assert_ptr_null(strstr(err.message, "secret-on-its-own"));
	ck_assert_int_eq(load("[default\n", ""), -1);
	ck_assert_ptr_nonnull(strstr(err.message, "config:1:"));
}
END_TEST

static int resolve(const char *region, bool fips, bool dualstack, enum aws_service service, struct endpoint *endpoint)
{
	struct endpoint_settings settings = {
	    .config = config, .profile = "default", .region = region, .fips = fips, .dualstack = dualstack};

	return endpoint_resolve(&settings, operation_service(service), endpoint, &err);
}

/* From botocore's endpoint rule sets. */
static const struct host_case {
	const char *region;
	bool fips, dualstack;
	enum aws_service service;
	const char *host, *signing_region;
} hosts[] = {
    {"eu-west-3", false, false, AWS_RDS, "rds.eu-west-3.amazonaws.com", "eu-west-3"},
    {"eu-west-3", false, false, AWS_COGNITO, "cognito-idp.eu-west-3.amazonaws.com", "eu-west-3"},
    {"eu-west-3", false, false, AWS_BEDROCK, "bedrock-runtime.eu-west-3.amazonaws.com", "eu-west-3"},
    {"eu-west-3", false, false, AWS_IAM, "iam.amazonaws.com", "us-east-1"},
    {"eu-west-3", false, true, AWS_RDS, "rds.eu-west-3.api.aws", "eu-west-3"},
    {"eu-west-3", false, true, AWS_SECRETSMANAGER, "secretsmanager.eu-west-3.amazonaws.com", "eu-west-3"},
    {"eu-west-3", false, true, AWS_COGNITO, "cognito-idp.eu-west-3.amazonaws.com", "eu-west-3"},
    {"eu-west-3", false, true, AWS_IAM, "iam.global.api.aws", "us-east-1"},
    {"us-east-1", true, false, AWS_RDS, "rds-fips.us-east-1.amazonaws.com", "us-east-1"},
    {"us-east-1", true, false, AWS_IAM, "iam-fips.amazonaws.com", "us-east-1"},
    {"us-east-1", true, true, AWS_SECRETSMANAGER, "secretsmanager-fips.us-east-1.amazonaws.com", "us-east-1"},
    {"cn-north-1", false, false, AWS_RDS, "rds.cn-north-1.amazonaws.com.cn", "cn-north-1"},
    {"cn-north-1", false, true, AWS_ECS, "ecs.cn-north-1.api.amazonwebservices.com.cn", "cn-north-1"},
    {"cn-northwest-1", false, false, AWS_IAM, "iam.cn-north-1.amazonaws.com.cn", "cn-north-1"},
    {"us-gov-west-1", true, false, AWS_RDS, "rds.us-gov-west-1.amazonaws.com", "us-gov-west-1"},
    {"us-gov-west-1", true, false, AWS_KMS, "kms-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"},
    {"us-gov-west-1", true, true, AWS_RDS, "rds-fips.us-gov-west-1.api.aws", "us-gov-west-1"},
    {"us-gov-east-1", false, false, AWS_IAM, "iam.us-gov.amazonaws.com", "us-gov-west-1"},
};

START_TEST(knows_hosts)
{
	const struct host_case *expected = &hosts[_i];
	struct endpoint endpoint;

	ck_assert_int_eq(config_load(&config, &err), 0);
	ck_assert_int_eq(resolve(expected->region, expected->fips, expected->dualstack, expected->service, &endpoint),
	                 0);
	ck_assert_str_eq(endpoint.host, expected->host);
	ck_assert_str_eq(endpoint.region, expected->signing_region);
	ck_assert_int_eq(strncmp(endpoint.origin, "https://", 8), 0);
	ck_assert_str_eq(endpoint.origin + 8, expected->host);
	ck_assert_str_eq(endpoint.base_path, "");
}
END_TEST

START_TEST(refuses_partitions_it_does_not_know)
{
	static const char *const regions[] = {"us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1", "eusc-de-east-1"};
	struct endpoint endpoint;

	ck_assert_int_eq(config_load(&config, &err), 0);
	for (size_t i = 0; i < sizeof(regions) / sizeof(regions[0]); i++)
		ck_assert_int_eq(resolve(regions[i], false, false, AWS_RDS, &endpoint), -1);
	setenv("AWS_ENDPOINT_URL_RDS", "https://rds.example", 1);
	ck_assert_int_eq(resolve("us-iso-east-1", false, false, AWS_RDS, &endpoint), 0);
}
END_TEST

static const char *resolve_host(enum aws_service service)
{
	static struct endpoint endpoint;

	ck_assert_int_eq(resolve("eu-west-3", false, false, service, &endpoint), 0);
	return endpoint.origin;
}

/* Each is taken away in turn, and the next in the SDKs' order shows. */
START_TEST(overrides_in_order)
{
	ck_assert_int_eq(load("[default]\nservices = local\nendpoint_url = http://profile\n[services local]\n"
	                      "cognito_identity_provider =\n  endpoint_url = http://section\n",
	                      ""),
	                 0);
	setenv("AWS_ENDPOINT_URL", "http://general", 1);
	setenv("AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER", "http://own", 1);
	ck_assert_str_eq(resolve_host(AWS_COGNITO), "http://own");
	ck_assert_str_eq(resolve_host(AWS_RDS), "http://general");
	unsetenv("AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER");
	ck_assert_str_eq(resolve_host(AWS_COGNITO), "http://general");
	unsetenv("AWS_ENDPOINT_URL");
	ck_assert_str_eq(resolve_host(AWS_COGNITO), "http://section");
	ck_assert_str_eq(resolve_host(AWS_RDS), "http://profile");
	setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "True", 1);
	ck_assert_str_eq(resolve_host(AWS_COGNITO), "https://cognito-idp.eu-west-3.amazonaws.com");
}
END_TEST

START_TEST(reads_overrides)
{
	static const char *const bad[] = {"rds.example",  "ftp://x",    "http://",   "https://user@host",
	                                  "http://h?a=b", "http://h#f", "http://a b"};
	struct endpoint endpoint;

	ck_assert_int_eq(config_load(&config, &err), 0);
	setenv("AWS_ENDPOINT_URL", "HTTPS://host.example:443/base/path//", 1);
	ck_assert_int_eq(resolve("eu-west-3", true, true, AWS_RDS, &endpoint), 0);
	ck_assert_str_eq(endpoint.origin, "https://host.example");
	ck_assert_str_eq(endpoint.host, "host.example");
	ck_assert_str_eq(endpoint.base_path, "/base/path");
	setenv("AWS_ENDPOINT_URL", "http://[::1]:8080", 1);
	ck_assert_int_eq(resolve("eu-west-3", false, false, AWS_RDS, &endpoint), 0);
	ck_assert_str_eq(endpoint.host, "[::1]:8080");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		setenv("AWS_ENDPOINT_URL", bad[i], 1);
		ck_assert_int_eq(resolve("eu-west-3", false, false, AWS_RDS, &endpoint), -1);
		ck_assert_int_eq(err.code, ERROR_INVALID);
	}
}
END_TEST

START_TEST(finds_regions_in_order)
{
	char region[ENDPOINT_REGION_SIZE];

	ck_assert_int_eq(load("[default]\nregion = r-profile\n", ""), 0);
	setenv("AWS_DEFAULT_REGION", "r-default", 1);
	setenv("AWS_REGION", "r-environment", 1);
	ck_assert_int_eq(endpoint_find_region(config, "default", "r-given", region, &err), 0);
	ck_assert_str_eq(region, "r-given");
	ck_assert_int_eq(endpoint_find_region(config, "default", NULL, region, &err), 0);
	ck_assert_str_eq(region, "r-environment");
	unsetenv("AWS_REGION");
	ck_assert_int_eq(endpoint_find_region(config, "default", NULL, region, &err), 0);
	ck_assert_str_eq(region, "r-default");
	unsetenv("AWS_DEFAULT_REGION");
	ck_assert_int_eq(endpoint_find_region(config, "default", NULL, region, &err), 0);
	ck_assert_str_eq(region, "r-profile");
	ck_assert_int_eq(endpoint_find_region(config, "other", NULL, region, &err), -1);
	ck_assert_int_eq(endpoint_find_region(config, "default", "evil.example/", region, &err), -1);
	ck_assert_int_eq(endpoint_find_region(config, "default", "-x", region, &err), -1);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("config");
	TCase *tests = tcase_create("config");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, reads_sections);
	tcase_add_test(tests, lets_the_credentials_file_win);
	tcase_add_test(tests, does_without_files);
	tcase_add_test(tests, names_the_line_but_not_its_text);
	tcase_add_loop_test(tests, knows_hosts, 0, sizeof(hosts) / sizeof(hosts[0]));
	tcase_add_test(tests, refuses_partitions_it_does_not_know);
	tcase_add_test(tests, overrides_in_order);
	tcase_add_test(tests, reads_overrides);
	tcase_add_test(tests, finds_regions_in_order);
	suite_add_tcase(suite, tests);
	return suite;
}
