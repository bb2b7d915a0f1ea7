#include "aws/client_private.h"
#include "aws/script_test_help.h"
#include "base/test_main.h"

#include <stdlib.h>
#include <string.h>

#define IDENTITY                                                                                                       \
	"<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account>"                          \
	"</GetCallerIdentityResult><ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata>"                    \
	"</GetCallerIdentityResponse>"

static struct script script;
static struct aws *aws;
static struct arena *arena;
static struct aws_response response;
static struct error err;
static struct aws_tally tally;

static void set_up(void)
{
	script_clear_environment();
	setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
	setenv("AWS_REGION", "eu-west-3", 1);
	arena = arena_new();
}

static void tear_down(void)
{
	aws_response_free(&response);
	aws_free(aws);
	script_end(&script);
	arena_free(arena);
}

static void open_client(const struct script_step *steps, size_t count, bool writes)
{
	struct aws_settings settings = {.writes = writes, .tally = &tally};

	tally = (struct aws_tally){0};
	ck_assert_int_eq(aws_new_over(script_start(&script, steps, count), &settings, &aws, &err), 0);
}

#define OPEN(steps, writes) open_client((steps), sizeof(steps) / sizeof((steps)[0]), (writes))

static int call(enum aws_operation operation, const char *body)
{
	struct aws_request request = {.operation = operation, .body = body, .length = body != NULL ? strlen(body) : 0};

	return aws_call(aws, arena, &request, &response, &err);
}

static bool has_line(const char *sent, const char *line)
{
	const char *at = strstr(sent, line);

	return at != NULL && at[strlen(line)] == '\n';
}

START_TEST(sends_the_query_protocol)
{
	static const struct script_step steps[] = {{.body = IDENTITY}};

	OPEN(steps, false);
	ck_assert_int_eq(call(AWS_STS_GET_CALLER_IDENTITY, "X=y%20z"), 0);
	ck_assert_str_eq(xml_text(response.xml, "Account"), "123456789012");
	ck_assert_str_eq(response.request_id, "r-1");
	ck_assert_str_eq(aws_last_request_id(aws), "r-1");
	ck_assert_ptr_eq(strstr(script.sent[0], "POST https://sts.eu-west-3.amazonaws.com/\n"), script.sent[0]);
	ck_assert(has_line(script.sent[0], "Content-Type: application/x-www-form-urlencoded; charset=utf-8"));
	ck_assert(has_line(script.sent[0], "X-Amz-Date: 20240102T030405Z"));
	ck_assert(has_line(script.sent[0], "amz-sdk-request: attempt=1; max=3"));
	ck_assert_ptr_nonnull(strstr(script.sent[0],
	                             "\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20240102/"
	                             "eu-west-3/sts/aws4_request, SignedHeaders=amz-sdk-invocation-id;"
	                             "amz-sdk-request;content-type;host;x-amz-date, Signature="));
	ck_assert_ptr_nonnull(strstr(script.sent[0], "\n\nAction=GetCallerIdentity&Version=2011-06-15&X=y%20z"));
	ck_assert_ptr_null(strstr(script.sent[0], "secret"));
}
END_TEST

START_TEST(sends_the_json_protocol)
{
	static const struct script_step steps[] = {{.head = "x-amzn-RequestId: abc\r\n", .body = "{\"Groups\":[]}"}};

	OPEN(steps, false);
	setenv("AWS_SESSION_TOKEN", "TOKEN", 1);
	ck_assert_int_eq(call(AWS_COGNITO_LIST_GROUPS, "{\"UserPoolId\":\"p\"}"), 0);
	ck_assert(json_is_array(json_object_get(response.json, "Groups")));
	ck_assert_str_eq(response.request_id, "abc");
	ck_assert(has_line(script.sent[0], "X-Amz-Target: AWSCognitoIdentityProviderService.ListGroups"));
	ck_assert(has_line(script.sent[0], "Content-Type: application/x-amz-json-1.1"));
	ck_assert(has_line(script.sent[0], "X-Amz-Security-Token: TOKEN"));
	ck_assert_ptr_nonnull(strstr(script.sent[0], "x-amz-security-token;x-amz-target, Signature="));
}
END_TEST

START_TEST(sends_the_rest_protocol)
{
	static const struct script_step steps[] = {{.status = 202}};
	struct aws_request request = {.operation = AWS_APIGATEWAY_DELETE_API_KEY, .path = "/apikeys/a%20b?x=1"};

	OPEN(steps, true);
	ck_assert_int_eq(aws_call(aws, arena, &request, &response, &err), 0);
	ck_assert_ptr_null(response.json);
	ck_assert_int_eq(response.status, 202);
	ck_assert_ptr_eq(
	    strstr(script.sent[0], "DELETE https://apigateway.eu-west-3.amazonaws.com/apikeys/a%20b?x=1\n"),
	    script.sent[0]);
	ck_assert(has_line(script.sent[0], "Accept: application/json"));
	ck_assert_ptr_null(strstr(script.sent[0], "Content-Type"));
}
END_TEST

/* Rule 1: whatever changes anything is refused, and nothing is sent. */
START_TEST(a_reader_cannot_write)
{
	static const struct script_step steps[] = {{.body = "{}"}};
	size_t refused = 0;

	OPEN(steps, false);
	for (enum aws_operation operation = 0; operation < AWS_OPERATION_COUNT; operation++) {
		if (!operation_info(operation)->mutates)
			continue;
		ck_assert_int_eq(call(operation, NULL), -1);
		ck_assert_int_eq(err.code, ERROR_REFUSED);
		ck_assert_ptr_nonnull(strstr(err.message, "dry run cannot write"));
		refused++;
	}
	ck_assert_uint_ge(refused, 20);
	ck_assert_uint_eq(script.sent_count, 0);
	ck_assert_uint_eq(aws_counts(aws).calls, 0);
}
END_TEST

/* The table says it by name: what only looks is called Describe, List, Get, …, and everything else mutates. */
START_TEST(the_table_knows_what_mutates)
{
	static const char *const looking[] = {"Describe", "List", "Get",   "BatchGet",    "AdminGet",  "AdminList",
	                                      "Simulate", "Scan", "Query", "InvokeModel", "AssumeRole"};

	for (enum aws_operation operation = 0; operation < AWS_OPERATION_COUNT; operation++) {
		const struct aws_operation_info *info = operation_info(operation);
		bool looks = false;

		ck_assert_ptr_nonnull(info->name);
		ck_assert_ptr_nonnull(strchr(info->permission, ':'));
		for (size_t i = 0; i < sizeof(looking) / sizeof(looking[0]); i++)
			looks |= strncmp(info->name, looking[i], strlen(looking[i])) == 0;
		ck_assert_msg(info->mutates == !looks, "%s", info->name);
		ck_assert_double_gt(operation_quota(info->quota)->rate, 0);
	}
}
END_TEST

START_TEST(retries_with_a_fresh_signature)
{
	static const struct script_step steps[] = {
	    {.status = 503, .body = "<html>busy</html>"}, {.failure = TRANSPORT_LOST}, {.body = IDENTITY}};

	OPEN(steps, false);
	script.pace_ms = 700;
	ck_assert_int_eq(call(AWS_STS_GET_CALLER_IDENTITY, NULL), 0);
	ck_assert_uint_eq(script.sent_count, 3);
	ck_assert_uint_eq(aws_counts(aws).retries, 2);
	ck_assert_uint_eq(tally.services[AWS_STS].calls, 1);
	ck_assert_uint_eq(tally.services[AWS_STS].retries, 2);
	ck_assert_uint_eq(tally.services[AWS_RDS].calls, 0);
	ck_assert_uint_eq(aws_counts(aws).calls, 1);
	/* Half of 1 s, then half of 2 s, after the 700 ms that the answers take. */
	ck_assert_int_ge(script.sent_ms[1], 1200);
	ck_assert_int_ge(script.sent_ms[2] - script.sent_ms[1], 1700);
	ck_assert(has_line(script.sent[1], "X-Amz-Date: 20240102T030406Z"));
	ck_assert(has_line(script.sent[2], "amz-sdk-request: attempt=3; max=3"));
}
END_TEST

START_TEST(gives_up_after_three_attempts)
{
	static const struct script_step steps[] = {{.failure = TRANSPORT_CONNECT}};

	OPEN(steps, false);
	ck_assert_int_eq(call(AWS_STS_GET_CALLER_IDENTITY, NULL), -1);
	ck_assert_int_eq(err.code, ERROR_UNREACHABLE);
	ck_assert(err.retryable);
	ck_assert_uint_eq(script.sent_count, 3);
}
END_TEST

START_TEST(does_not_resend_what_may_be_done)
{
	static const struct script_step lost[] = {{.failure = TRANSPORT_LOST}};
	static const struct script_step late[] = {{.failure = TRANSPORT_TIMEOUT}};
	static const struct script_step broken[] = {{.status = 500}};
	static const struct script_step unsent[] = {{.failure = TRANSPORT_CONNECT}, {.body = "{}"}};
	static const struct script_step *const once[] = {lost, late, broken};

	for (size_t i = 0; i < 3; i++) {
		open_client(once[i], 1, true);
		ck_assert_int_eq(call(AWS_DYNAMODB_UPDATE_ITEM, "{}"), -1);
		ck_assert_uint_eq(script.sent_count, 1);
		aws_free(aws);
		script_end(&script);
	}
	OPEN(unsent, true);
	ck_assert_int_eq(call(AWS_DYNAMODB_UPDATE_ITEM, "{}"), 0);
	ck_assert_uint_eq(script.sent_count, 2);
}
END_TEST

START_TEST(does_not_insist_on_what_is_final)
{
	static const struct script_step untrusted[] = {{.failure = TRANSPORT_UNTRUSTED}};
	static const struct script_step large[] = {{.failure = TRANSPORT_TOO_LARGE}};

	OPEN(untrusted, false);
	ck_assert_int_eq(call(AWS_STS_GET_CALLER_IDENTITY, NULL), -1);
	ck_assert_int_eq(err.code, ERROR_UNREACHABLE);
	ck_assert(!err.retryable);
	ck_assert_uint_eq(script.sent_count, 1);
	aws_free(aws);
	script_end(&script);
	OPEN(large, false);
	ck_assert_int_eq(call(AWS_STS_GET_CALLER_IDENTITY, NULL), -1);
	ck_assert_int_eq(err.code, ERROR_PROTOCOL);
	ck_assert_uint_eq(script.sent_count, 1);
}
END_TEST

START_TEST(slows_down_after_a_throttle)
{
	static const struct script_step steps[] = {
	    {.status = 400, .body = "{\"__type\":\"ns#TooManyRequestsException\",\"message\":\"Rate exceeded\"}"},
	    {.body = "{}"}};

	OPEN(steps, false);
	ck_assert_int_eq(call(AWS_COGNITO_LIST_USERS, "{}"), 0);
	ck_assert_uint_eq(aws_counts(aws).throttles, 1);
	ck_assert_uint_eq(tally.services[AWS_COGNITO].throttles, 1);
	ck_assert(aws->buckets[AWS_QUOTA_COGNITO_USER_LIST].slowed ||
	          aws->buckets[AWS_QUOTA_COGNITO_USER_LIST].throttled_ms > 0);
}
END_TEST

START_TEST(corrects_the_clock)
{
	static const struct script_step steps[] = {
	    {.status = 403,
	     .head = "Date: Tue, 02 Jan 2024 04:04:05 GMT\r\n",
	     .body = "<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code><Message>expired</Message></Error>"
	             "</ErrorResponse>"},
	    {.head = "Date: Tue, 02 Jan 2024 04:04:05 GMT\r\n", .body = IDENTITY}};

	OPEN(steps, false);
	ck_assert_int_eq(call(AWS_STS_GET_CALLER_IDENTITY, NULL), 0);
	ck_assert_uint_eq(script.sent_count, 2);
	ck_assert_int_eq(aws_clock_offset(aws), 3600);
	ck_assert(has_line(script.sent[1], "X-Amz-Date: 20240102T040405Z"));
}
END_TEST

START_TEST(checks_the_checksum)
{
	/* CRC-32 of "123456789" is the well-known 0xcbf43926. */
	static const struct script_step steps[] = {{.head = "x-amz-crc32: 1\r\n", .body = "123456789"},
	                                           {.head = "X-Amz-Crc32: 3421780262\r\n", .body = "123456789"}};
	static const struct script_step sound[] = {{.head = "x-amz-crc32: 2745614147\r\n", .body = "{}"}};

	OPEN(steps, false);
	ck_assert_int_eq(call(AWS_DYNAMODB_SCAN, "{}"), -1);
	/* The second passed the checksum, and then was no object. */
	ck_assert_uint_eq(script.sent_count, 2);
	ck_assert_ptr_nonnull(strstr(err.message, "not JSON"));
	aws_free(aws);
	script_end(&script);
	OPEN(sound, false);
	ck_assert_int_eq(call(AWS_DYNAMODB_SCAN, "{}"), 0);
}
END_TEST

START_TEST(renews_credentials_that_expired)
{
	static const struct script_step steps[] = {
	    {.status = 400, .head = "x-amzn-errortype: ExpiredTokenException:\r\n", .body = "{}"}, {.body = "{}"}};

	OPEN(steps, false);
	ck_assert_int_eq(call(AWS_KMS_DESCRIBE_KEY, "{}"), 0);
	ck_assert_uint_eq(script.sent_count, 2);
	ck_assert_uint_eq(aws->generation, 2);
}
END_TEST

#define NEAR(expiration_)                                                                                              \
	"{\"AccessKeyId\":\"ASIANEAR\",\"SecretAccessKey\":\"s\",\"Token\":\"t\",\"Expiration\":\"" expiration_ "\"}"

/* 14 minutes left: new ones would be good. Less than 10: new ones there must be. */
START_TEST(renews_credentials_in_time)
{
	static const struct script_step steps[] = {
	    {.body = NEAR("2024-01-02T03:18:05Z")},
	    {.body = IDENTITY},
	    {.body = IDENTITY},
	    {.failure = TRANSPORT_CONNECT},
	    {.failure = TRANSPORT_CONNECT},
	    {.failure = TRANSPORT_CONNECT},
	    {.body = IDENTITY},
	    {.failure = TRANSPORT_CONNECT},
	    {.failure = TRANSPORT_CONNECT},
	    {.failure = TRANSPORT_CONNECT},
	    {.body = NEAR("2024-01-02T09:00:00Z")},
	    {.body = IDENTITY},
	};
	static const struct {
		int64_t pause_ms;
		int rc;
		size_t sent;
	} calls[] = {{0, 0, 2}, {1000, 0, 3}, {61000, 0, 7}, {240000, -1, 10}, {61000, 0, 12}, {61000, 0, 13}};

	unsetenv("AWS_ACCESS_KEY_ID");
	unsetenv("AWS_SECRET_ACCESS_KEY");
	setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/creds", 1);
	OPEN(steps, false);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		script.now_ms += calls[i].pause_ms;
		ck_assert_int_eq(call(AWS_STS_GET_CALLER_IDENTITY, NULL), calls[i].rc);
		ck_assert_uint_eq(script.sent_count, calls[i].sent);
		if (calls[i].rc == 0)
			aws_response_free(&response);
	}
	ck_assert_str_eq(aws_credentials_source(aws), "container");
}
END_TEST

START_TEST(batches_within_the_quota)
{
	static const struct script_step steps[] = {{.body = "{}"}};
	struct aws_exchange exchanges[100] = {0};

	OPEN(steps, true);
	for (size_t i = 0; i < 100; i++)
		exchanges[i].request.operation = AWS_COGNITO_ADMIN_ADD_USER_TO_GROUP;
	ck_assert_uint_eq(aws_batch(aws, arena, exchanges, 100), 0);
	ck_assert_uint_eq(script.sent_count, 100);
	ck_assert_uint_eq(aws_counts(aws).mutations, 100);
	/* Half of 25 a second: in no second more than 12.5 and the burst. */
	ck_assert_int_ge(script.sent_ms[99], 7500);
	ck_assert_int_le(script.sent_ms[99], 9000);
	for (size_t i = 0; i + 16 < 100; i++)
		ck_assert_int_ge(script.sent_ms[i + 16] - script.sent_ms[i], 1000);
	for (size_t i = 0; i < 100; i++)
		aws_response_free(&exchanges[i].response);
}
END_TEST

START_TEST(tells_the_results_of_a_batch_apart)
{
	static const struct script_step steps[] = {
	    {.body = "{}"},
	    {.status = 400, .body = "{\"__type\":\"UserNotFoundException\",\"message\":\"no\"}"},
	    {.body = "{}"}};
	struct aws_exchange exchanges[4] = {0};

	OPEN(steps, true);
	for (size_t i = 0; i < 4; i++)
		exchanges[i].request.operation = AWS_COGNITO_ADMIN_ADD_USER_TO_GROUP;
	ck_assert_uint_eq(aws_batch(aws, arena, exchanges, 4), 1);
	for (size_t i = 0; i < 4; i++) {
		ck_assert_int_eq(exchanges[i].error.code, i == 1 ? ERROR_NOT_FOUND : ERROR_NONE);
		aws_response_free(&exchanges[i].response);
	}
}
END_TEST

START_TEST(sends_nothing_more_without_credentials)
{
	static const struct script_step steps[] = {
	    {.status = 400, .body = "{\"__type\":\"UnrecognizedClientException\"}"}};
	struct aws_exchange exchanges[60] = {0};

	OPEN(steps, false);
	for (size_t i = 0; i < 60; i++)
		exchanges[i].request.operation = AWS_COGNITO_LIST_USERS;
	ck_assert_uint_eq(aws_batch(aws, arena, exchanges, 60), 60);
	ck_assert_uint_le(script.sent_count, 16);
	for (size_t i = 0; i < 60; i++)
		ck_assert_int_eq(exchanges[i].error.code, ERROR_CREDENTIALS);
}
END_TEST

START_TEST(stops_when_told)
{
	static const struct script_step steps[] = {{.body = "{}"}};
	static const volatile bool stop = true;
	struct aws_exchange exchanges[20] = {0};
	struct aws_settings settings = {.stop = &stop};

	ck_assert_int_eq(aws_new_over(script_start(&script, steps, 1), &settings, &aws, &err), 0);
	ck_assert_uint_eq(aws_batch(aws, arena, exchanges, 20), 20);
	ck_assert_int_eq(exchanges[19].error.code, ERROR_TIMEOUT);
	ck_assert_uint_eq(script.sent_count, 0);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("exchange");
	TCase *tests = tcase_create("exchange");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, sends_the_query_protocol);
	tcase_add_test(tests, sends_the_json_protocol);
	tcase_add_test(tests, sends_the_rest_protocol);
	tcase_add_test(tests, a_reader_cannot_write);
	tcase_add_test(tests, the_table_knows_what_mutates);
	tcase_add_test(tests, retries_with_a_fresh_signature);
	tcase_add_test(tests, gives_up_after_three_attempts);
	tcase_add_test(tests, does_not_resend_what_may_be_done);
	tcase_add_test(tests, does_not_insist_on_what_is_final);
	tcase_add_test(tests, slows_down_after_a_throttle);
	tcase_add_test(tests, corrects_the_clock);
	tcase_add_test(tests, checks_the_checksum);
	tcase_add_test(tests, renews_credentials_that_expired);
	tcase_add_test(tests, renews_credentials_in_time);
	tcase_add_test(tests, batches_within_the_quota);
	tcase_add_test(tests, tells_the_results_of_a_batch_apart);
	tcase_add_test(tests, sends_nothing_more_without_credentials);
	tcase_add_test(tests, stops_when_told);
	suite_add_tcase(suite, tests);
	return suite;
}
