#include "base/test_main.h"
#include "report/report.h"

#include <stdlib.h>
#include <string.h>

static struct arena *arena;
static struct desired desired;
static struct plan plan;
static struct report_input input;

static void set_up(void)
{
	arena = arena_new();
	desired =
	    (struct desired){.file = "specs/production.yaml", .sha256 = "9f86", .metadata = {.name = "production"}};
	plan = (struct plan){.arena = arena};
	input = (struct report_input){
	    .command = "plan",
	    .desired = &desired,
	    .account = "123456789012",
	    .region = "eu-west-3",
	    .started_at = 1795338000, /* 2026-11-22T09:00:00Z */
	    .finished_at = 1795338004,
	    .plan = &plan,
	};
}

static void tear_down(void)
{
	arena_free(arena);
}

static struct plan_resource *add_resource(const char *kind, enum resource_state state)
{
	struct plan_resource *resource = plan_add_resource(&plan, kind, "x");

	resource->state = state;
	return resource;
}

static void add_action(const struct plan_resource *resource, enum action_state state)
{
	struct plan_action *action = plan_add_action(&plan, resource, "add", NULL);

	action->state = state;
}

static enum report_exit exit_code(void)
{
	json_t *report = report_build(&input);
	enum report_exit code = report_exit_code(report);

	json_decref(report);
	return code;
}

static bool is_converged(void)
{
	json_t *report = report_build(&input);
	bool converged = json_is_true(json_object_get(json_object_get(report, "summary"), "converged"));

	json_decref(report);
	return converged;
}

START_TEST(writes_keys_in_the_order_of_the_contract)
{
	static const char expected[] =
	    "{\"schema\":\"trueup/report/v1\",\"trueup\":\"" TRUEUP_VERSION "\",\"command\":\"plan\","
	    "\"name\":\"production\",\"account\":\"123456789012\",\"region\":\"eu-west-3\","
	    "\"spec\":{\"file\":\"specs/production.yaml\",\"sha256\":\"9f86\",\"commit\":null},"
	    "\"startedAt\":\"2026-11-22T09:00:00Z\",\"finishedAt\":\"2026-11-22T09:00:04Z\","
	    "\"summary\":{\"converged\":false,\"inSync\":1,\"drifted\":1,\"unknown\":0,"
	    "\"actions\":{\"planned\":0,\"done\":0,\"waiting\":0,\"blocked\":1,\"failed\":0}},"
	    "\"resources\":[{\"kind\":\"account\",\"name\":\"x\",\"state\":\"in-sync\",\"reason\":null,"
	    "\"differences\":[],\"actions\":[],\"notes\":[]},"
	    "{\"kind\":\"users\",\"name\":\"x\",\"state\":\"drifted\",\"reason\":\"1 missing\","
	    "\"differences\":[{\"path\":\"members/a\",\"change\":\"add\",\"desired\":\"a\",\"observed\":null}],"
	    "\"actions\":[{\"id\":\"users/x/remove/"
	    "a\",\"verb\":\"remove\",\"risk\":\"destructive\",\"state\":\"blocked\","
	    "\"reason\":\"not listed\",\"needs\":[\"users/x/exists\"],\"calls\":[\"c:D\"],\"error\":null,"
	    "\"allow\":\"remove-members\",\"waitsFor\":\"a "
	    "word\",\"gives\":null}],\"notes\":[\"n\"]}],\"mode\":\"enforce\"}\n";
	struct plan_difference difference = {"members/a", CHANGE_ADD, "a", NULL};
	struct plan_resource *users;
	struct plan_action *action;
	struct buf out = {0};
	json_t *report;

	add_resource("account", RESOURCE_IN_SYNC);
	users = add_resource("users", RESOURCE_IN_SYNC);
	plan_add_difference(&plan, users, &difference);
	plan_set_reason(&plan, users, "1 missing");
	plan_add_note(&plan, users, "n");
	action = plan_add_action(&plan, users, "remove", "a");
	action->risk = RISK_DESTRUCTIVE;
	action->reason = "not listed";
	action->allow = "remove-members";
	plan_action_need(&plan, action, "users/x/exists");
	plan_action_call(&plan, action, "c:D");
	plan_action_block(&plan, action, "a word");
	report = report_build(&input);
	report_render_json(report, &out);
	ck_assert_str_eq(buf_text(&out), expected);
	json_decref(report);
	buf_free(&out);
}
END_TEST

START_TEST(says_why_a_run_could_not_be_made)
{
	struct error err = {.code = ERROR_CREDENTIALS, .message = "no credentials"};
	json_t *report;

	input.plan = NULL;
	input.error = &err;
	input.account = NULL;
	report = report_build(&input);
	ck_assert_str_eq(json_string_value(json_object_get(json_object_get(report, "error"), "code")), "credentials");
	ck_assert_str_eq(json_string_value(json_object_get(json_object_get(report, "error"), "message")),
	                 "no credentials");
	ck_assert(json_is_null(json_object_get(report, "account")));
	ck_assert_uint_eq(json_array_size(json_object_get(report, "resources")), 0);
	json_decref(report);
	ck_assert(!is_converged());
	ck_assert_int_eq(exit_code(), REPORT_EXIT_FAILED);
	err.code = ERROR_BUSY;
	ck_assert_int_eq(exit_code(), REPORT_EXIT_BUSY);
	err.code = ERROR_INVALID;
	ck_assert_int_eq(exit_code(), REPORT_EXIT_INVALID);
}
END_TEST

START_TEST(survives_what_is_not_utf8)
{
	struct plan_resource *resource;
	struct buf out = {0};
	json_t *report, *again;

	desired.file = "specs/\xff.yaml";
	resource = add_resource("users", RESOURCE_DRIFTED);
	resource->reason = "caf\xe9";
	report = report_build(&input);
	report_render_json(report, &out);
	again = json_loads(buf_text(&out), 0, NULL);
	ck_assert_ptr_nonnull(again);
	ck_assert(json_equal(report, again));
	ck_assert_ptr_nonnull(strstr(buf_text(&out), "specs/\\\\xFF.yaml"));
	ck_assert_ptr_nonnull(strstr(buf_text(&out), "caf\\\\xE9"));
	json_decref(again);
	json_decref(report);
	buf_free(&out);
}
END_TEST

START_TEST(keeps_json_to_ascii)
{
	struct buf out = {0};
	json_t *report;
	size_t i;

	add_resource("users", RESOURCE_DRIFTED)->reason = "\xC2\x9B 31m \x7F\033 \xC3\xA9 \xF0\x9F\x98\x80";
	report = report_build(&input);
	report_render_json(report, &out);
	for (i = 0; i + 1 < out.length; i++)
		ck_assert_int_ge((signed char)out.bytes[i], ' ');
	ck_assert_ptr_nonnull(strstr(buf_text(&out), "\\u009B 31m "));
	json_decref(report);
	buf_free(&out);
}
END_TEST

START_TEST(tells_of_actions_whose_resource_was_not_seen_again)
{
	struct plan_resource gone = {.kind = "users", .name = "g"};
	const json_t *resource;
	json_t *report;

	add_resource("account", RESOURCE_IN_SYNC);
	add_action(&gone, ACTION_DONE);
	add_action(&gone, ACTION_DONE);
	report = report_build(&input);
	ck_assert_uint_eq(json_array_size(json_object_get(report, "resources")), 2);
	resource = json_array_get(json_object_get(report, "resources"), 1);
	ck_assert_str_eq(json_string_value(json_object_get(resource, "state")), "unknown");
	ck_assert_uint_eq(json_array_size(json_object_get(resource, "actions")), 2);
	ck_assert_int_eq(report_exit_code(report), REPORT_EXIT_FAILED);
	json_decref(report);
}
END_TEST

START_TEST(ends_as_its_worst_resource)
{
	static const struct {
		const char *kind;
		enum resource_state state;
		enum report_exit code;
	} cases[] = {
	    {"users", RESOURCE_IN_SYNC, REPORT_EXIT_FINE},     {"users", RESOURCE_SKIPPED, REPORT_EXIT_FINE},
	    {"users", RESOURCE_DRIFTED, REPORT_EXIT_DRIFT},    {"users", RESOURCE_UNKNOWN, REPORT_EXIT_FAILED},
	    {"account", RESOURCE_DRIFTED, REPORT_EXIT_FAILED},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		plan = (struct plan){.arena = arena};
		add_resource("cluster", RESOURCE_IN_SYNC);
		add_resource(cases[i].kind, cases[i].state);
		ck_assert_int_eq(exit_code(), cases[i].code);
		ck_assert(is_converged() == (cases[i].code == REPORT_EXIT_FINE));
	}
	add_resource("vectors", RESOURCE_UNKNOWN); /* unknown is worse than drift */
	ck_assert_int_eq(exit_code(), REPORT_EXIT_FAILED);
}
END_TEST

START_TEST(ends_as_its_worst_action)
{
	static const enum report_exit codes[] = {
	    [ACTION_PLANNED] = REPORT_EXIT_DRIFT, [ACTION_DONE] = REPORT_EXIT_FINE,
	    [ACTION_WAITING] = REPORT_EXIT_DRIFT, [ACTION_BLOCKED] = REPORT_EXIT_DRIFT,
	    [ACTION_FAILED] = REPORT_EXIT_FAILED, [ACTION_SKIPPED] = REPORT_EXIT_FINE,
	};
	size_t i;

	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		struct plan_resource *resource;

		plan = (struct plan){.arena = arena};
		resource = add_resource("users", RESOURCE_IN_SYNC);
		add_action(resource, ACTION_DONE);
		add_action(resource, (enum action_state)i);
		ck_assert_int_eq(exit_code(), codes[i]);
		ck_assert(is_converged() == (codes[i] == REPORT_EXIT_FINE));
	}
}
END_TEST

START_TEST(takes_no_other_tree_for_a_fine_report)
{
	json_t *empty = json_object();

	ck_assert_int_eq(report_exit_code(empty), REPORT_EXIT_FAILED);
	ck_assert_int_eq(report_exit_code(NULL), REPORT_EXIT_FAILED);
	json_decref(empty);
}
END_TEST

START_TEST(knows_the_worse_of_two)
{
	static const enum report_exit order[] = {REPORT_EXIT_INVALID, REPORT_EXIT_FAILED, REPORT_EXIT_BUSY,
	                                         REPORT_EXIT_DRIFT, REPORT_EXIT_FINE};
	size_t i, j, count = sizeof(order) / sizeof(order[0]);

	for (i = 0; i < count; i++)
		for (j = 0; j < count; j++)
			ck_assert_int_eq(report_worse(order[i], order[j]), order[i < j ? i : j]);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("report");
	TCase *tests = tcase_create("report");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, writes_keys_in_the_order_of_the_contract);
	tcase_add_test(tests, says_why_a_run_could_not_be_made);
	tcase_add_test(tests, survives_what_is_not_utf8);
	tcase_add_test(tests, keeps_json_to_ascii);
	tcase_add_test(tests, tells_of_actions_whose_resource_was_not_seen_again);
	tcase_add_test(tests, ends_as_its_worst_resource);
	tcase_add_test(tests, ends_as_its_worst_action);
	tcase_add_test(tests, takes_no_other_tree_for_a_fine_report);
	tcase_add_test(tests, knows_the_worse_of_two);
	suite_add_tcase(suite, tests);
	return suite;
}
