#include "aws/retry.h"
#include "base/test_main.h"

#include <string.h>

static struct retry_budget budget;
static struct retry call;

static void set_up(void)
{
	retry_init(&budget, 0);
	memset(&call, 0, sizeof(call));
}

static int64_t decide(enum fault_kind kind)
{
	struct retry_case failed = {.kind = kind, .random = 0.5};

	return retry_decide(&budget, &call, &failed);
}

START_TEST(makes_three_attempts)
{
	ck_assert_int_eq(decide(FAULT_TRANSIENT), 500);
	ck_assert_int_eq(decide(FAULT_TRANSIENT), 1000);
	ck_assert_int_eq(decide(FAULT_TRANSIENT), -1);
	ck_assert_int_eq(budget.left, RETRY_BUDGET - 10);
}
END_TEST

START_TEST(gives_throttled_calls_longer)
{
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(decide(FAULT_THROTTLE), 500 << i);
	ck_assert_int_eq(decide(FAULT_THROTTLE), -1);
}
END_TEST

START_TEST(waits_twenty_seconds_at_most)
{
	retry_init(&budget, 20);
	for (int i = 0; i < 10; i++)
		ck_assert_int_le(decide(FAULT_TRANSIENT), 10000);
	ck_assert_int_eq(decide(FAULT_TRANSIENT), 10000);
}
END_TEST

START_TEST(never_repeats_what_is_final)
{
	ck_assert_int_eq(decide(FAULT_FINAL), -1);
	ck_assert_int_eq(budget.left, RETRY_BUDGET);
}
END_TEST

START_TEST(spends_and_refunds_its_budget)
{
	int retries = 0;

	while (decide(FAULT_TIMEOUT) >= 0) {
		retries++;
		memset(&call, 0, sizeof(call));
	}
	ck_assert_int_eq(retries, RETRY_BUDGET / 10);
	ck_assert_int_eq(budget.left, 0);
	memset(&call, 0, sizeof(call));
	retry_note_success(&budget, &call);
	ck_assert_int_eq(budget.left, 1);
	call.taken = 10;
	retry_note_success(&budget, &call);
	ck_assert_int_eq(budget.left, 11);
	for (int i = 0; i < 1000; i++)
		retry_note_success(&budget, &call);
	ck_assert_int_eq(budget.left, RETRY_BUDGET);
}
END_TEST

START_TEST(redates_once_if_the_clocks_differ)
{
	struct retry_case failed = {.kind = FAULT_CLOCK, .clock_offset = 239};

	ck_assert_int_eq(retry_decide(&budget, &call, &failed), -1);
	failed.clock_offset = -241;
	ck_assert_int_eq(retry_decide(&budget, &call, &failed), 0);
	ck_assert_int_eq(retry_decide(&budget, &call, &failed), -1);
}
END_TEST

START_TEST(reauthorizes_once)
{
	ck_assert_int_eq(decide(FAULT_CREDENTIALS), 0);
	ck_assert_int_eq(decide(FAULT_CREDENTIALS), -1);
}
END_TEST

static const struct code_case {
	enum aws_operation operation;
	long status;
	const char *code, *message;
	enum error_code meaning;
	enum fault_kind kind;
	bool retryable;
} codes[] = {
    {AWS_RDS_DESCRIBE_DB_CLUSTERS, 400, "Throttling", "Rate exceeded", ERROR_THROTTLED, FAULT_THROTTLE, true},
    {AWS_COGNITO_GET_GROUP, 400, "TooManyRequestsException", "", ERROR_THROTTLED, FAULT_THROTTLE, true},
    {AWS_APIGATEWAY_DELETE_API_KEY, 429, "", "", ERROR_THROTTLED, FAULT_THROTTLE, true},
    {AWS_RDS_DESCRIBE_DB_CLUSTERS, 404, "DBClusterNotFoundFault", "", ERROR_NOT_FOUND, FAULT_FINAL, false},
    {AWS_COGNITO_ADMIN_GET_USER, 400, "UserNotFoundException", "", ERROR_NOT_FOUND, FAULT_FINAL, false},
    {AWS_CLOUDFORMATION_DESCRIBE_STACKS, 400, "ValidationError", "Stack with id x does not exist", ERROR_NOT_FOUND,
     FAULT_FINAL, false},
    {AWS_CLOUDFORMATION_DESCRIBE_STACKS, 400, "ValidationError", "1 validation error", ERROR_INVALID, FAULT_FINAL,
     false},
    {AWS_RDS_CREATE_DB_INSTANCE, 400, "DBInstanceAlreadyExists", "", ERROR_EXISTS, FAULT_FINAL, false},
    {AWS_COGNITO_CREATE_GROUP, 400, "GroupExistsException", "", ERROR_EXISTS, FAULT_FINAL, false},
    {AWS_COGNITO_CREATE_GROUP, 400, "LimitExceededException", "", ERROR_SERVICE, FAULT_FINAL, false},
    {AWS_RDS_MODIFY_DB_CLUSTER, 400, "InvalidDBClusterStateFault", "", ERROR_STATE, FAULT_FINAL, true},
    {AWS_DYNAMODB_UPDATE_ITEM, 400, "ConditionalCheckFailedException", "", ERROR_STATE, FAULT_FINAL, false},
    {AWS_RDS_RESTORE_DB_CLUSTER_FROM_SNAPSHOT, 403, "DBClusterQuotaExceededFault", "", ERROR_SERVICE, FAULT_FINAL,
     false},
    {AWS_KMS_DESCRIBE_KEY, 400, "AccessDeniedException", "", ERROR_DENIED, FAULT_FINAL, false},
    {AWS_APIGATEWAY_DELETE_API_KEY, 403, "", "Forbidden", ERROR_DENIED, FAULT_FINAL, false},
    {AWS_STS_GET_CALLER_IDENTITY, 403, "SignatureDoesNotMatch", "", ERROR_CREDENTIALS, FAULT_CLOCK, false},
    {AWS_STS_GET_CALLER_IDENTITY, 403, "ExpiredToken", "", ERROR_CREDENTIALS, FAULT_CREDENTIALS, false},
    {AWS_KMS_DESCRIBE_KEY, 400, "ExpiredTokenException", "", ERROR_CREDENTIALS, FAULT_CREDENTIALS, false},
    {AWS_KMS_DESCRIBE_KEY, 400, "UnrecognizedClientException", "", ERROR_CREDENTIALS, FAULT_FINAL, false},
    {AWS_RDS_DESCRIBE_DB_CLUSTERS, 503, "", "", ERROR_SERVICE, FAULT_TRANSIENT, true},
    {AWS_RDS_DESCRIBE_DB_CLUSTERS, 500, "InternalFailure", "", ERROR_SERVICE, FAULT_TRANSIENT, true},
    {AWS_BEDROCK_INVOKE_MODEL, 408, "ModelTimeoutException", "", ERROR_TIMEOUT, FAULT_TRANSIENT, true},
};

START_TEST(understands_codes)
{
	const struct code_case *expected = &codes[_i];
	struct fault fault = {.status = expected->status};
	struct error err;

	strcpy(fault.code, expected->code);
	strcpy(fault.message, expected->message);
	ck_assert_int_eq(fault_classify(&fault, operation_info(expected->operation), &err), expected->kind);
	ck_assert_int_eq(err.code, expected->meaning);
	ck_assert_int_eq(err.retryable, expected->retryable);
	ck_assert_str_eq(err.service_code, expected->code);
	ck_assert_str_eq(err.permission,
	                 expected->meaning == ERROR_DENIED ? operation_info(expected->operation)->permission : "");
}
END_TEST

START_TEST(reads_the_permission_from_the_message)
{
	struct fault fault = {.status = 403,
	                      .code = "AccessDeniedException",
	                      .message = "User: arn:aws:iam::1:user/x is not authorized to perform: kms:Decrypt on "
	                                 "resource: *"};
	struct error err;

	fault_classify(&fault, operation_info(AWS_SECRETSMANAGER_GET_SECRET_VALUE), &err);
	ck_assert_str_eq(err.permission, "kms:Decrypt");
}
END_TEST

START_TEST(cuts_codes)
{
	char out[32];

	fault_cut_code("com.amazonaws.x#Code:http://internal/", out, sizeof(out));
	ck_assert_str_eq(out, "Code");
	fault_cut_code("Code", out, sizeof(out));
	ck_assert_str_eq(out, "Code");
	fault_cut_code("Code:a#b", out, sizeof(out));
	ck_assert_str_eq(out, "Code");
	fault_cut_code("", out, sizeof(out));
	ck_assert_str_eq(out, "");
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("retry");
	TCase *tests = tcase_create("retry");

	tcase_add_checked_fixture(tests, set_up, NULL);
	tcase_add_test(tests, makes_three_attempts);
	tcase_add_test(tests, gives_throttled_calls_longer);
	tcase_add_test(tests, waits_twenty_seconds_at_most);
	tcase_add_test(tests, never_repeats_what_is_final);
	tcase_add_test(tests, spends_and_refunds_its_budget);
	tcase_add_test(tests, redates_once_if_the_clocks_differ);
	tcase_add_test(tests, reauthorizes_once);
	tcase_add_loop_test(tests, understands_codes, 0, sizeof(codes) / sizeof(codes[0]));
	tcase_add_test(tests, reads_the_permission_from_the_message);
	tcase_add_test(tests, cuts_codes);
	suite_add_tcase(suite, tests);
	return suite;
}
