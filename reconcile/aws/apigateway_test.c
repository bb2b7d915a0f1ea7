/* Usage plans and their keys, on answers as API Gateway writes them. */
#include "aws/apigateway.h"
#include "aws/service_test_help.h"
#include "base/test_main.h"

#include <string.h>

START_TEST(reads_a_usage_plan)
{
	static const struct script_step steps[] = {
	    {.body = "{\"id\":\"p1\",\"name\":\"plan\",\"apiStages\":[{\"apiId\":\"a1\",\"stage\":\"api\"}],"
	             "\"throttle\":{\"rateLimit\":5.5,\"burstLimit\":10},"
	             "\"quota\":{\"limit\":1000,\"offset\":2,\"period\":\"DAY\"}}"}};
	struct apigateway_plan plan;

	OPEN(steps);
	ck_assert_int_eq(apigateway_get_usage_plan(aws, arena, "p/1", &plan, &err), 0);
	ck_assert(was_sent(0, "GET https://apigateway.eu-west-3.amazonaws.com/usageplans/p%2F1\n"));
	ck_assert(was_sent(0, "application/json"));
	ck_assert_str_eq(plan.name, "plan");
	ck_assert_str_eq(plan.rate, "5.5");
	ck_assert_int_eq(plan.burst, 10);
	ck_assert_int_eq(plan.quota, 1000);
	ck_assert_int_eq(plan.quota_offset, 2);
	ck_assert_str_eq(plan.period, "DAY");
	ck_assert_uint_eq(plan.stage_count, 1);
	ck_assert_str_eq(plan.stages[0].api, "a1");
	ck_assert_str_eq(plan.stages[0].name, "api");
}
END_TEST

/* A rate of 10 comes as 10 or as 10.0, and both mean the same. */
static const struct rate_case {
	const char *body, *rate;
} rates[] = {
    {"{\"id\":\"p\",\"throttle\":{\"rateLimit\":10,\"burstLimit\":1}}", "10"},
    {"{\"id\":\"p\",\"throttle\":{\"rateLimit\":10.0}}", "10"},
    {"{\"id\":\"p\",\"throttle\":{\"rateLimit\":null}}", NULL},
    {"{\"id\":\"p\"}", NULL},
    {"{}", NULL},
};

START_TEST(reads_rates_however_they_are_written)
{
	struct script_step step = {.body = rates[_i].body};
	struct apigateway_plan plan;

	open_client(&step, 1);
	ck_assert_int_eq(apigateway_get_usage_plan(aws, arena, "p", &plan, &err), 0);
	ck_assert_pstr_eq(plan.rate, rates[_i].rate);
	ck_assert_int_eq(plan.quota, 0);
	ck_assert_ptr_null(plan.period);
	ck_assert_uint_eq(plan.stage_count, 0);
}
END_TEST

START_TEST(lists_keys_page_by_page_without_values)
{
	static const struct script_step steps[] = {
	    {.body = "{\"item\":[{\"id\":\"k1\",\"type\":\"API_KEY\",\"name\":\"one\",\"value\":\"s3cr3t\"},{}],"
	             "\"position\":\"a+/=\"}"},
	    {.body = "{\"item\":[{\"id\":\"k2\"}]}"}};
	struct apigateway_keys keys;

	OPEN(steps);
	ck_assert_int_eq(apigateway_list_plan_keys(aws, arena, "p", &keys, &err), 0);
	ck_assert(was_sent(0, "/usageplans/p/keys?limit=500\n"));
	ck_assert(was_sent(1, "/usageplans/p/keys?limit=500&position=a%2B%2F%3D\n"));
	ck_assert(!was_sent(0, "includeValue") && !was_sent(1, "includeValue"));
	ck_assert_uint_eq(keys.count, 2);
	ck_assert_str_eq(keys.items[0].id, "k1");
	ck_assert_str_eq(keys.items[0].name, "one");
	ck_assert_str_eq(keys.items[1].id, "k2");
	ck_assert_ptr_null(keys.items[1].name);
}
END_TEST

START_TEST(leaves_keys_that_do_not_end)
{
	static const struct script_step steps[] = {{.body = "{\"item\":[],\"position\":\"t\"}"}};
	struct apigateway_keys keys;

	OPEN(steps);
	ck_assert_int_eq(apigateway_list_plan_keys(aws, arena, "p", &keys, &err), -1);
	ck_assert_int_eq(err.code, ERROR_PROTOCOL);
}
END_TEST

#define NOT_FOUND                                                                                                      \
	{                                                                                                              \
		.status = 404, .head = "x-amzn-errortype: NotFoundException\r\n", .body = "{\"message\":\"Invalid\"}"  \
	}

START_TEST(takes_a_key_that_is_gone_for_deleted)
{
	static const struct script_step steps[] = {
	    {.status = 202},
	    NOT_FOUND,
	    {.status = 403, .head = "x-amzn-errortype: AccessDeniedException\r\n", .body = "{\"message\":\"no\"}"}};

	OPEN(steps);
	ck_assert_int_eq(apigateway_delete_key(aws, arena, "k1", &err), 0);
	ck_assert(was_sent(0, "DELETE https://apigateway.eu-west-3.amazonaws.com/apikeys/k1\n"));
	ck_assert_int_eq(apigateway_delete_key(aws, arena, "k1", &err), 0);
	ck_assert_int_eq(apigateway_delete_key(aws, arena, "k1", &err), -1);
	ck_assert_int_eq(err.code, ERROR_DENIED);
	ck_assert_str_eq(err.permission, "apigateway:DELETE");
}
END_TEST

START_TEST(tells_a_plan_that_is_gone)
{
	static const struct script_step steps[] = {NOT_FOUND};
	struct apigateway_plan plan;
	struct apigateway_keys keys;

	OPEN(steps);
	ck_assert_int_eq(apigateway_get_usage_plan(aws, arena, "p", &plan, &err), -1);
	ck_assert_int_eq(err.code, ERROR_NOT_FOUND);
	ck_assert_int_eq(apigateway_list_plan_keys(aws, arena, "p", &keys, &err), -1);
	ck_assert_int_eq(err.code, ERROR_NOT_FOUND);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("apigateway");
	TCase *cases = tcase_create("all");

	tcase_add_checked_fixture(cases, set_up, tear_down);
	tcase_add_test(cases, reads_a_usage_plan);
	tcase_add_loop_test(cases, reads_rates_however_they_are_written, 0, sizeof(rates) / sizeof(rates[0]));
	tcase_add_test(cases, lists_keys_page_by_page_without_values);
	tcase_add_test(cases, leaves_keys_that_do_not_end);
	tcase_add_test(cases, takes_a_key_that_is_gone_for_deleted);
	tcase_add_test(cases, tells_a_plan_that_is_gone);
	suite_add_tcase(suite, cases);
	return suite;
}
