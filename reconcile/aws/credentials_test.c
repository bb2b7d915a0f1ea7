#include "aws/credentials.h"
#include "aws/script_test_help.h"
#include "base/file.h"
#include "base/test_main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ASSUMED                                                                                                        \
	"<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAROLE</AccessKeyId>"                       \
	"<SecretAccessKey>role-secret</SecretAccessKey><SessionToken>role-token</SessionToken>"                        \
	"<Expiration>2024-01-02T04:04:05Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
#define FEDERATED                                                                                                      \
	"<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>"                            \
	"<AccessKeyId>ASIAWEB</AccessKeyId><SecretAccessKey>web-secret</SecretAccessKey>"                              \
	"<SessionToken>web-token</SessionToken><Expiration>2024-01-02T04:04:05Z</Expiration>"                          \
	"</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
#define FROM_ENDPOINT                                                                                                  \
	"{\"AccessKeyId\":\"ASIANEAR\",\"SecretAccessKey\":\"near-secret\",\"Token\":\"near-token\","                  \
	"\"Expiration\":\"2024-01-02T04:04:05Z\"}"

static char directory[64];
static char config_path[96], keys_path[96], token_path[96];
static struct script script;
static struct credentials found;
static struct credentials_settings settings;
static struct error err;

static void set_up(void)
{
	script_clear_environment();
	strcpy(directory, "/tmp/credentials_test.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(config_path, sizeof(config_path), "%s/config", directory);
	snprintf(keys_path, sizeof(keys_path), "%s/credentials", directory);
	snprintf(token_path, sizeof(token_path), "%s/token", directory);
	setenv("AWS_CONFIG_FILE", config_path, 1);
	setenv("AWS_SHARED_CREDENTIALS_FILE", keys_path, 1);
	setenv("HOME", directory, 1);
	settings = (struct credentials_settings){.region = "eu-west-3"};
}

static void tear_down(void)
{
	credentials_clear(&found);
	script_end(&script);
	unlink(config_path);
	unlink(keys_path);
	unlink(token_path);
	rmdir(directory);
}

static void put(const char *path, const char *text)
{
	ck_assert_int_eq(file_replace(path, text, strlen(text), &err), 0);
}

static int find(const struct script_step *steps, size_t count)
{
	script_end(&script);
	settings.transport = script_start(&script, steps, count);
	return credentials_find(&settings, &found, &err);
}

/* No request is expected; one that is made fails. */
static int find_alone(void)
{
	static const struct script_step none[] = {{.failure = TRANSPORT_CONNECT}};

	return find(none, 1);
}

/* Everything is there at once; each source is taken away in turn, and the next shows. */
START_TEST(searches_in_order)
{
	static const struct script_step assumed[] = {{.body = ASSUMED}};
	static const struct script_step federated[] = {{.body = FEDERATED}};
	static const struct script_step near[] = {{.body = FROM_ENDPOINT}};

	put(token_path, "a.b.c\n");
	put(keys_path, "[default]\naws_access_key_id = AKIAKEYS\naws_secret_access_key = s\n[source]\n"
	               "aws_access_key_id = AKIASOURCE\naws_secret_access_key = s\n");
	put(config_path, "[default]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = source\n"
	                 "credential_process = /bin/echo '{\"Version\":1,\"AccessKeyId\":\"AKIAPROCESS\","
	                 "\"SecretAccessKey\":\"s\"}'\naws_access_key_id = AKIACONFIG\naws_secret_access_key = s\n");
	setenv("AWS_ACCESS_KEY_ID", "AKIAENV", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "s", 1);
	setenv("AWS_WEB_IDENTITY_TOKEN_FILE", token_path, 1);
	setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/web", 1);
	setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/creds", 1);
	ck_assert_int_eq(find_alone(), 0);
	ck_assert_str_eq(found.access_key, "AKIAENV");
	unsetenv("AWS_ACCESS_KEY_ID");
	unsetenv("AWS_SECRET_ACCESS_KEY");
	ck_assert_int_eq(find(assumed, 1), 0);
	ck_assert_str_eq(found.access_key, "ASIAROLE");
	ck_assert_ptr_nonnull(strstr(script.sent[0], "Credential=AKIASOURCE/"));
	put(config_path, "[default]\ncredential_process = /bin/echo '{\"Version\":1,\"AccessKeyId\":\"AKIAPROCESS\","
	                 "\"SecretAccessKey\":\"s\"}'\naws_access_key_id = AKIACONFIG\naws_secret_access_key = s\n");
	ck_assert_int_eq(find(federated, 1), 0);
	ck_assert_str_eq(found.access_key, "ASIAWEB");
	ck_assert_ptr_nonnull(strstr(script.sent[0], "WebIdentityToken=a.b.c"));
	ck_assert_ptr_null(strstr(script.sent[0], "Authorization"));
	unsetenv("AWS_WEB_IDENTITY_TOKEN_FILE");
	ck_assert_int_eq(find_alone(), 0);
	ck_assert_str_eq(found.access_key, "AKIAKEYS");
	put(keys_path, "");
	ck_assert_int_eq(find_alone(), 0);
	ck_assert_str_eq(found.access_key, "AKIAPROCESS");
	put(config_path, "[default]\naws_access_key_id = AKIACONFIG\naws_secret_access_key = s\n");
	ck_assert_int_eq(find_alone(), 0);
	ck_assert_str_eq(found.access_key, "AKIACONFIG");
	put(config_path, "");
	ck_assert_int_eq(find(near, 1), 0);
	ck_assert_str_eq(found.access_key, "ASIANEAR");
	ck_assert_str_eq(found.source, "container");
	ck_assert_ptr_eq(strstr(script.sent[0], "GET http://169.254.170.2/creds\n"), script.sent[0]);
	unsetenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
	ck_assert_int_eq(find_alone(), -1);
	ck_assert_int_eq(err.code, ERROR_CREDENTIALS);
}
END_TEST

START_TEST(wants_both_halves_of_a_key)
{
	setenv("AWS_ACCESS_KEY_ID", "AKIAENV", 1);
	ck_assert_int_eq(find_alone(), -1);
	ck_assert_int_eq(err.code, ERROR_CREDENTIALS);
	ck_assert_ptr_nonnull(strstr(err.message, "AWS_SECRET_ACCESS_KEY is not"));
	unsetenv("AWS_ACCESS_KEY_ID");
	put(keys_path, "[default]\naws_access_key_id = AKIAKEYS\n");
	ck_assert_int_eq(find_alone(), -1);
	ck_assert_ptr_nonnull(strstr(err.message, "no aws_secret_access_key"));
}
END_TEST

START_TEST(prefers_a_profile_that_the_caller_names)
{
	put(keys_path, "[mine]\naws_access_key_id = AKIAMINE\naws_secret_access_key = s\naws_session_token = t\n");
	setenv("AWS_ACCESS_KEY_ID", "AKIAENV", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "s", 1);
	settings.profile = "mine";
	ck_assert_int_eq(find_alone(), 0);
	ck_assert_str_eq(found.access_key, "AKIAMINE");
	ck_assert_str_eq(secret_reveal(found.token), "t");
	settings.profile = "absent";
	ck_assert_int_eq(find_alone(), -1);
	ck_assert_ptr_nonnull(strstr(err.message, "no AWS profile absent"));
}
END_TEST

START_TEST(assumes_a_role_on_top)
{
	static const struct script_step steps[] = {{.failure = TRANSPORT_LOST}, {.status = 503}, {.body = ASSUMED}};

	setenv("AWS_ACCESS_KEY_ID", "AKIAENV", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "s", 1);
	setenv("AWS_SESSION_TOKEN", "base-token", 1);
	settings.assume_role_arn = "arn:aws:iam::123456789012:role/trueup";
	settings.external_id = "a b&c";
	ck_assert_int_eq(find(steps, 3), 0);
	ck_assert_uint_eq(script.sent_count, 3);
	ck_assert_str_eq(found.access_key, "ASIAROLE");
	ck_assert_str_eq(secret_reveal(found.secret_key), "role-secret");
	ck_assert_str_eq(secret_reveal(found.token), "role-token");
	ck_assert_int_eq(found.expires, SCRIPT_TIME + 3600);
	ck_assert_ptr_nonnull(strstr(script.sent[2],
	                             "\n\nAction=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A"
	                             "%3A123456789012%3Arole%2Ftrueup&RoleSessionName=trueup&"
	                             "ExternalId=a%20b%26c"));
	ck_assert_ptr_nonnull(strstr(script.sent[2], "X-Amz-Security-Token: base-token\n"));
	ck_assert_ptr_nonnull(strstr(found.source, "environment"));
}
END_TEST

START_TEST(reports_a_role_that_is_refused)
{
	static const struct script_step steps[] = {
	    {.status = 403,
	     .body = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>User: x is not authorized to perform: "
	             "sts:AssumeRole on resource: y</Message></Error></ErrorResponse>"}};

	setenv("AWS_ACCESS_KEY_ID", "AKIAENV", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "s", 1);
	settings.assume_role_arn = "arn:aws:iam::123456789012:role/trueup";
	ck_assert_int_eq(find(steps, 1), -1);
	ck_assert_int_eq(err.code, ERROR_DENIED);
	ck_assert_str_eq(err.permission, "sts:AssumeRole");
	ck_assert_ptr_null(found.secret_key);
}
END_TEST

static const struct profile_case {
	const char *config, *complaint; /* NULL: it works */
} profiles[] = {
    {"[default]\nrole_arn = r\n", "needs source_profile or credential_source"},
    {"[default]\nrole_arn = r\nsource_profile = a\ncredential_source = Environment\n", "and not both"},
    {"[default]\nrole_arn = r\nsource_profile = absent\n", "no AWS profile absent"},
    {"[default]\nrole_arn = r\nsource_profile = default\n", "leads back to itself"},
    {"[default]\nrole_arn = r\nsource_profile = b\n[profile b]\nrole_arn = s\nsource_profile = default\n",
     "leads back to itself"},
    {"[default]\nrole_arn = r\ncredential_source = Moon\n", "is not Environment"},
    {"[default]\nrole_arn = r\ncredential_source = Environment\n", "has no credentials"},
    {"[default]\nrole_arn = r\nsource_profile = b\nmfa_serial = m\n[profile b]\nregion = x\n", "one-time password"},
    {"[default]\nrole_arn = r\nsource_profile = b\n[profile b]\nregion = x\n", "profile b has no credentials"},
    {"[default]\ncredential_process = /bin/false\n", "/bin/false ended with exit code 1"},
    {"[default]\ncredential_process = /nonexistent/program\n", "cannot run"},
    {"[default]\ncredential_process = /bin/echo '{\"Version\":2}'\n", "Version 1"},
    {"[default]\ncredential_process = /usr/bin/yes\n", "said too much"},
    {"[default]\nsso_start_url = https://x\n", "SSO needs sso_region"},
    {"[default]\nsso_start_url = https://x\nsso_region = r\nsso_account_id = 1\nsso_role_name = n\n",
     "run `aws sso login"},
    {"[default]\nrole_arn = r\nsource_profile = default\naws_access_key_id = A\naws_secret_access_key = s\n", NULL},
};

START_TEST(judges_profiles)
{
	static const struct script_step steps[] = {{.body = ASSUMED}};
	const struct profile_case *expected = &profiles[_i];

	put(config_path, expected->config);
	ck_assert_int_eq(find(steps, 1), expected->complaint != NULL ? -1 : 0);
	if (expected->complaint == NULL)
		return;
	ck_assert_int_eq(err.code, ERROR_CREDENTIALS);
	ck_assert_msg(strstr(err.message, expected->complaint) != NULL, "%s", err.message);
}
END_TEST

START_TEST(asks_only_trusted_containers)
{
	static const char *const bad[] = {"http://evil.example/", "http://127.0.0.1.evil.example/", "ftp://localhost/",
	                                  "http://169.254.170.2@evil.example/"};
	static const struct script_step steps[] = {{.status = 500}, {.body = FROM_ENDPOINT}};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", bad[i], 1);
		ck_assert_int_eq(find_alone(), -1);
		ck_assert_uint_eq(script.sent_count, 0);
	}
	setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials", 1);
	setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "given", 1);
	setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token_path, 1);
	put(token_path, "from-file");
	ck_assert_int_eq(find(steps, 2), 0);
	ck_assert_ptr_nonnull(strstr(script.sent[1], "\nAuthorization: from-file\n"));
	put(token_path, "two\r\nX-Evil: lines");
	ck_assert_int_eq(find_alone(), -1);
	ck_assert_uint_eq(script.sent_count, 0);
}
END_TEST

START_TEST(asks_the_instance)
{
	static const struct script_step steps[] = {
	    {.body = "imds-token"}, {.body = "my-role\n"}, {.body = FROM_ENDPOINT}};

	setenv("AWS_EC2_METADATA_DISABLED", "false", 1);
	ck_assert_int_eq(find(steps, 3), 0);
	ck_assert_str_eq(found.access_key, "ASIANEAR");
	ck_assert_str_eq(secret_reveal(found.token), "near-token");
	ck_assert_ptr_eq(strstr(script.sent[0], "PUT http://169.254.169.254/latest/api/token\n"
	                                        "X-aws-ec2-metadata-token-ttl-seconds: 21600\n"),
	                 script.sent[0]);
	ck_assert_ptr_eq(strstr(script.sent[2], "GET http://169.254.169.254/latest/meta-data/iam/security-credentials/"
	                                        "my-role\nX-aws-ec2-metadata-token: imds-token\n"),
	                 script.sent[2]);
}
END_TEST

START_TEST(uses_a_login_to_sso)
{
	static const struct script_step steps[] = {
	    {.body =
	         "{\"roleCredentials\":{\"accessKeyId\":\"ASIASSO\",\"secretAccessKey\":\"s\",\"sessionToken\":\"t\","
	         "\"expiration\":1704168245000}}"}};
	char folder[128], path[256];

	snprintf(folder, sizeof(folder), "%s/.aws/sso/cache", directory);
	ck_assert_int_eq(file_make_directories(folder, &err), 0);
	/* The name is the SHA-1 of "corp". */
	snprintf(path, sizeof(path), "%s/ee0bfd2552fbd840c02cc48b6e823320543c450f.json", folder);
	put(path, "{\"accessToken\":\"login\",\"expiresAt\":\"2024-01-02T10:00:00Z\"}");
	put(config_path, "[default]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Ops & Co\n"
	                 "[sso-session corp]\nsso_region = eu-west-1\nsso_start_url = https://x\n");
	ck_assert_msg(find(steps, 1) == 0, "%s", err.message);
	ck_assert_str_eq(found.access_key, "ASIASSO");
	ck_assert_int_eq(found.expires, SCRIPT_TIME + 3600);
	ck_assert_ptr_eq(strstr(script.sent[0], "GET https://portal.sso.eu-west-1.amazonaws.com/federation/credentials"
	                                        "?role_name=Ops%20%26%20Co&account_id=123456789012\n"
	                                        "x-amz-sso_bearer_token: login\n"),
	                 script.sent[0]);
	put(path, "{\"accessToken\":\"login\",\"expiresAt\":\"2024-01-02T03:00:00Z\"}");
	ck_assert_int_eq(find_alone(), -1);
	ck_assert_ptr_nonnull(strstr(err.message, "has expired"));
	unlink(path);
	for (size_t i = 0; i < 3; i++) {
		rmdir(folder);
		*strrchr(folder, '/') = '\0';
	}
}
END_TEST

START_TEST(knows_their_age)
{
	struct credentials old = {0};

	ck_assert(credentials_are_stale(&old, 1000));
	old.secret_key = secret_new("s", 1);
	ck_assert(!credentials_are_stale(&old, 1000));
	ck_assert(!credentials_are_ageing(&old, 1000));
	old.expires = 1000 + 901;
	ck_assert(!credentials_are_ageing(&old, 1000));
	ck_assert(credentials_are_ageing(&old, 1002));
	ck_assert(!credentials_are_stale(&old, 1300));
	ck_assert(credentials_are_stale(&old, 1302));
	credentials_clear(&old);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("credentials");
	TCase *tests = tcase_create("credentials");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, searches_in_order);
	tcase_add_test(tests, wants_both_halves_of_a_key);
	tcase_add_test(tests, prefers_a_profile_that_the_caller_names);
	tcase_add_test(tests, assumes_a_role_on_top);
	tcase_add_test(tests, reports_a_role_that_is_refused);
	tcase_add_loop_test(tests, judges_profiles, 0, sizeof(profiles) / sizeof(profiles[0]));
	tcase_add_test(tests, asks_only_trusted_containers);
	tcase_add_test(tests, asks_the_instance);
	tcase_add_test(tests, uses_a_login_to_sso);
	tcase_add_test(tests, knows_their_age);
	suite_add_tcase(suite, tests);
	return suite;
}
