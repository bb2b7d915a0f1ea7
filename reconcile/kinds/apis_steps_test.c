/* How a published API is taken away: in which order, and when not. AWS is a script here. */
#include "aws/client_private.h"
#include "aws/script_test_help.h"
#include "base/test_main.h"
#include "kinds/apis_record.h"
#include "kinds/apis_steps.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[] = "/tmp/trueup-steps-XXXXXX";
static struct script script;
static struct desired desired;
static struct kind_context context;
static struct plan_action action;
static struct plan_argument arguments[] = {{"stack", "ApiPublishmentStackB"}, {"id", "arn:B"}, {"owner", "sub"}};
static struct error err;

static void set_up(void)
{
	script_clear_environment();
	setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
	strcpy(directory, "/tmp/trueup-steps-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	desired = (struct desired){.metadata = {.name = "production"}};
	context = (struct kind_context){.arena = arena_new(), .desired = &desired, .state_directory = directory};
	action = (struct plan_action){
	    .kind = "apis", .resource = "B", .verb = "remove", .arguments = arguments, .argument_count = 3};
}

static const char *record_path(void)
{
	return arena_printf(context.arena, "%s/production.published-apis.json", directory);
}

static void tear_down(void)
{
	unlink(record_path());
	rmdir(directory);
	aws_free(context.aws);
	script_end(&script);
	arena_free(context.arena);
}

static void open_client(const struct script_step *steps, size_t count)
{
	struct aws_settings settings = {.writes = true, .region = "eu-west-3", .quota_share = 1};

	ck_assert_int_eq(aws_new_over(script_start(&script, steps, count), &settings, &context.aws, &err), 0);
}

#define OPEN(steps) open_client((steps), sizeof(steps) / sizeof((steps)[0]))

static void act(void)
{
	struct plan_action *actions[] = {&action};

	action.waits_for = action.error = NULL;
	apis_act(&context, actions, 1);
}

static struct apis_record recorded(void)
{
	struct apis_record record;

	ck_assert_msg(apis_record_read(&context, &record, &err) == 0, "%s", err.message);
	return record;
}

/* Which of the requests change anything, in their order. */
static const char *changes(void)
{
	const char *text = "";
	size_t i;

	for (i = 0; i < script.sent_count; i++) {
		if (strncmp(script.sent[i], "DELETE ", 7) == 0)
			text = arena_printf(context.arena, "%s%.*s ", text, 2,
			                    strstr(script.sent[i], "/apikeys/") + strlen("/apikeys/"));
		else if (strstr(script.sent[i], "Action=DeleteStack&") != NULL)
			text = arena_printf(context.arena, "%sstack ", text);
	}
	return text;
}

#define STACK(status_, more_)                                                                                          \
	{                                                                                                              \
		.body = "<R><DescribeStacksResult><Stacks><member><StackName>ApiPublishmentStackB</StackName>"         \
		        "<StackId>arn:B</StackId><StackStatus>" status_ "</StackStatus>" more_                         \
		        "</member></Stacks></DescribeStacksResult></R>"                                                \
	}
#define OUTPUTS "<Outputs><member><OutputKey>ApiUsagePlanId</OutputKey><OutputValue>p1</OutputValue></member></Outputs>"
#define PROTECTED "<EnableTerminationProtection>true</EnableTerminationProtection>"
#define PLAN                                                                                                           \
	{                                                                                                              \
		.body = "{\"id\":\"p1\",\"throttle\":{\"rateLimit\":5,\"burstLimit\":10}}"                             \
	}
#define KEYS                                                                                                           \
	{                                                                                                              \
		.body = "{\"item\":[{\"id\":\"k1\",\"name\":\"one\",\"value\":\"s3cr3t\"},{\"id\":\"k2\"}]}"           \
	}
#define DELETED                                                                                                        \
	{                                                                                                              \
		.status = 202                                                                                          \
	}
#define DONE                                                                                                           \
	{                                                                                                              \
		.body = "<R/>"                                                                                         \
	}
#define RESOURCES(status_)                                                                                             \
	{                                                                                                              \
		.body =                                                                                                \
		    "<R><ListStackResourcesResult><StackResourceSummaries><member><LogicalResourceId>Role"             \
		    "</LogicalResourceId><PhysicalResourceId>r</PhysicalResourceId><ResourceType>AWS::IAM::Role"       \
		    "</ResourceType><ResourceStatus>" status_ "</ResourceStatus></member></StackResourceSummaries>"    \
		    "</ListStackResourcesResult></R>"                                                                  \
	}
#define EVENTS                                                                                                         \
	{                                                                                                              \
		.body = "<R><DescribeStackEventsResult><StackEvents><member><LogicalResourceId>Handler"                \
		        "</LogicalResourceId><ResourceType>AWS::Lambda::Function</ResourceType><ResourceStatus>"       \
		        "DELETE_FAILED</ResourceStatus><ResourceStatusReason>it is at work</ResourceStatusReason>"     \
		        "</member></StackEvents></DescribeStackEventsResult></R>"                                      \
	}
#define DENIED                                                                                                         \
	{                                                                                                              \
		.status = 403, .head = "x-amzn-errortype: AccessDeniedException\r\n", .body = "{\"message\":\"no\"}"   \
	}

START_TEST(what_is_recorded_goes_keys_first_and_is_followed)
{
	static const struct script_step steps[] = {STACK("CREATE_COMPLETE", OUTPUTS),
	                                           PLAN,
	                                           KEYS,
	                                           DELETED,
	                                           DELETED,
	                                           DONE,
	                                           STACK("CREATE_COMPLETE", OUTPUTS), /* it does not show yet */
	                                           STACK("DELETE_IN_PROGRESS", OUTPUTS),
	                                           STACK("DELETE_COMPLETE", ""),
	                                           RESOURCES("DELETE_SKIPPED")};
	struct observed_api entry;

	OPEN(steps);
	act();
	ck_assert_int_eq(action.state, ACTION_WAITING);
	ck_assert(action.asked);
	ck_assert_str_eq(changes(), "k1 k2 stack ");
	ck_assert_ptr_nonnull(strstr(script.sent[5], "StackName=arn%3AB"));
	entry = recorded().apis[0];
	ck_assert_str_eq(entry.bot, "B");
	ck_assert_str_eq(entry.owner, "sub");
	ck_assert_str_eq(entry.rate, "5");
	ck_assert_uint_eq(entry.key_count, 2);

	act();
	ck_assert_int_eq(action.state, ACTION_WAITING);
	act();
	ck_assert_int_eq(action.state, ACTION_WAITING);
	ck_assert_str_eq(changes(), "k1 k2 stack ");
	act();
	ck_assert_int_eq(action.state, ACTION_DONE);
	ck_assert_str_eq(recorded().apis[0].left[0], "AWS::IAM::Role r");
}
END_TEST

START_TEST(nothing_goes_that_cannot_be_recorded)
{
	static const struct script_step steps[] = {STACK("CREATE_COMPLETE", OUTPUTS), PLAN, KEYS};

	context.state_directory = "/nonexistent";
	OPEN(steps);
	act();
	ck_assert_int_eq(action.state, ACTION_FAILED);
	ck_assert_ptr_nonnull(strstr(action.error, "/nonexistent/production.published-apis.json"));
	ck_assert_str_eq(changes(), "");
	ck_assert_uint_eq(script.sent_count, 3);
}
END_TEST

/* What must be left alone, whatever was planned: its keys too. */
static const struct refusal {
	struct script_step step;
	enum action_state state;
	const char *words;
} refusals[] = {
    {STACK("CREATE_COMPLETE", OUTPUTS PROTECTED), ACTION_BLOCKED, "protected from deletion"},
    {STACK("CREATE_COMPLETE", ""), ACTION_BLOCKED, "no published API"},
    {STACK("UPDATE_IN_PROGRESS", OUTPUTS), ACTION_WAITING, "UPDATE_IN_PROGRESS"},
    {STACK("CREATE_IN_PROGRESS", ""), ACTION_WAITING, "CREATE_IN_PROGRESS"},
};

START_TEST(what_must_stay_is_left_alone)
{
	const struct refusal *refusal = &refusals[_i];

	open_client(&refusal->step, 1);
	act();
	ck_assert_int_eq(action.state, refusal->state);
	ck_assert_ptr_nonnull(strstr(action.waits_for, refusal->words));
	ck_assert_uint_eq(script.sent_count, 1);
	ck_assert(!action.asked);
}
END_TEST

START_TEST(a_key_that_stays_keeps_its_stack)
{
	static const struct script_step steps[] = {STACK("CREATE_COMPLETE", OUTPUTS), PLAN, KEYS, DELETED, DENIED};

	OPEN(steps);
	act();
	ck_assert_int_eq(action.state, ACTION_FAILED);
	ck_assert_ptr_nonnull(strstr(action.error, "apigateway:DELETE"));
	ck_assert_ptr_nonnull(strstr(action.error, "k2"));
	ck_assert_str_eq(changes(), "k1 k2 ");
}
END_TEST

START_TEST(what_failed_to_go_says_why_and_goes_in_the_next_run)
{
	static const struct script_step steps[] = {
	    STACK("DELETE_FAILED", OUTPUTS), EVENTS, PLAN, KEYS, DELETED, DELETED, DONE,
	    STACK("DELETE_FAILED", OUTPUTS), EVENTS};

	OPEN(steps);
	act();
	ck_assert_int_eq(action.state, ACTION_WAITING);
	ck_assert_str_eq(changes(), "k1 k2 stack ");
	act();
	ck_assert_int_eq(action.state, ACTION_FAILED);
	ck_assert_ptr_nonnull(strstr(action.error, "ApiPublishmentStackB"));
	ck_assert_ptr_nonnull(strstr(action.error, "Handler: it is at work"));
	ck_assert_str_eq(changes(), "k1 k2 stack ");
}
END_TEST

/* Somebody else deletes it: it is recorded while there is something to see, and waited for. */
START_TEST(a_deletion_of_somebody_elses_is_followed)
{
	static const struct script_step steps[] = {
	    STACK("DELETE_IN_PROGRESS", OUTPUTS), PLAN,  KEYS, STACK("DELETE_IN_PROGRESS", OUTPUTS),
	    STACK("DELETE_FAILED", OUTPUTS),      EVENTS};

	action.verb = "settle";
	OPEN(steps);
	act();
	ck_assert_int_eq(action.state, ACTION_WAITING);
	ck_assert_uint_eq(recorded().apis[0].key_count, 2);
	act();
	ck_assert_int_eq(action.state, ACTION_WAITING);
	act();
	ck_assert_int_eq(action.state, ACTION_FAILED);
	ck_assert_ptr_nonnull(strstr(action.error, "Handler: it is at work"));
	ck_assert_str_eq(changes(), "");
}
END_TEST

START_TEST(what_is_gone_is_done)
{
	static const struct script_step steps[] = {
	    {.status = 400,
	     .body = "<E><Error><Code>ValidationError</Code><Message>Stack with id arn:B does not exist</Message>"
	             "</Error></E>"},
	    RESOURCES("DELETE_COMPLETE")};

	OPEN(steps);
	act();
	ck_assert_int_eq(action.state, ACTION_DONE);
	ck_assert_uint_eq(recorded().count, 0);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("apis_steps");
	TCase *cases = tcase_create("all");

	tcase_add_checked_fixture(cases, set_up, tear_down);
	tcase_add_test(cases, what_is_recorded_goes_keys_first_and_is_followed);
	tcase_add_test(cases, nothing_goes_that_cannot_be_recorded);
	tcase_add_loop_test(cases, what_must_stay_is_left_alone, 0, sizeof(refusals) / sizeof(refusals[0]));
	tcase_add_test(cases, a_key_that_stays_keeps_its_stack);
	tcase_add_test(cases, what_failed_to_go_says_why_and_goes_in_the_next_run);
	tcase_add_test(cases, a_deletion_of_somebody_elses_is_followed);
	tcase_add_test(cases, what_is_gone_is_done);
	suite_add_tcase(suite, cases);
	return suite;
}
