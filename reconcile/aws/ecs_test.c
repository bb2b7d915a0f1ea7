/* ECS's answers as it writes them, and what is asked of it. */
#include "aws/ecs.h"
#include "aws/service_test_help.h"
#include "base/test_main.h"

#include <string.h>

#define REFUSED(code)                                                                                                  \
	{                                                                                                              \
		.status = 400, .body = "{\"__type\":\"" code "\",\"message\":\"no\"}"                                  \
	}

START_TEST(reads_a_definition)
{
	static const struct script_step steps[] = {
	    {.body = "{\"taskDefinition\":{\"taskDefinitionArn\":\"arn:x:task-definition/F:3\",\"family\":\"F\","
	             "\"revision\":3,\"containerDefinitions\":[{\"name\":\"Container\",\"environment\":[{\"name\":"
	             "\"DB_PASSWORD\",\"value\":\"p\"}]}],\"cpu\":\"2048\",\"memory\":\"4096\"}}"},
	    REFUSED("ClientException"),
	    {.body = "{\"taskDefinition\":{\"family\":\"F\"}}"}};
	struct ecs_definition definition;

	OPEN(steps);
	ck_assert_int_eq(ecs_describe_definition(aws, arena, "F", &definition, &err), 0);
	ck_assert(was_sent(0, "{\"taskDefinition\":\"F\"}"));
	ck_assert_str_eq(definition.arn, "arn:x:task-definition/F:3");
	ck_assert_str_eq(definition.container, "Container");
	ck_assert_int_eq(definition.cpu, 2048);
	ck_assert_int_eq(definition.memory, 4096);
	ck_assert_int_eq(ecs_describe_definition(aws, arena, "F", &definition, &err), -1);
	ck_assert_int_eq(err.code, ERROR_NOT_FOUND);
	ck_assert_int_eq(ecs_describe_definition(aws, arena, "F", &definition, &err), -1);
	ck_assert_int_eq(err.code, ERROR_PROTOCOL);
}
END_TEST

#define TASK_OF(id, status, more)                                                                                      \
	"{\"taskArn\":\"arn:x:task/c/" id "\",\"lastStatus\":\"" status "\",\"taskDefinitionArn\":\"arn:F:3\","        \
	"\"createdAt\":1700000000.25" more "}"

START_TEST(finds_living_and_stopped_tasks)
{
	static const struct script_step steps[] = {
	    {.body = "{\"taskArns\":[\"a1\"],\"nextToken\":\"next\"}"},
	    {.body = "{\"taskArns\":[]}"},
	    {.body = "{\"taskArns\":[\"a1\",\"a2\"]}"},
	    {.body =
	         "{\"tasks\":[" TASK_OF("1", "RUNNING",
	                                ",\"startedBy\":\"me\",\"overrides\":{\"containerOverrides\":[{\"name\":"
	                                "\"Container\",\"command\":[\"-u\","
	                                "\"main.py\",\"{}\"],\"environment\":[{\"name\":\"X\",\"value\":\"y\"},{"
	                                "\"name\":\"EVENT\",\"value\":"
	                                "\"{e}\"}]}]},\"containers\":[{\"name\":\"Container\",\"lastStatus\":"
	                                "\"RUNNING\"}]") "," TASK_OF("2", "STOPPED",
	                                                             ",\"overrides\":{\"containerOverrides\":[]},"
	                                                             "\"stopCode\":\"EssentialContainerExited\","
	                                                             "\"stoppedReason\":\"Essential container in task "
	                                                             "exited\",\"containers\":[{\"exitCode\":137,"
	                                                             "\"reason\":\"OutOfMemoryError\"}]") "],"
	                                                                                                  "\"failures\""
	                                                                                                  ":[{\"arn\":"
	                                                                                                  "\"a3\","
	                                                                                                  "\"reason\":"
	                                                                                                  "\"MISSING\"}"
	                                                                                                  "]}"}};
	struct ecs_tasks tasks;

	OPEN(steps);
	ck_assert_int_eq(ecs_find_tasks(aws, arena, "c", "F", &tasks, &err), 0);
	ck_assert(was_sent(0, "{\"cluster\":\"c\",\"family\":\"F\",\"desiredStatus\":\"RUNNING\"}"));
	ck_assert(was_sent(1, "\"nextToken\":\"next\""));
	ck_assert(was_sent(2, "\"desiredStatus\":\"STOPPED\"}"));
	ck_assert(was_sent(3, "\"tasks\":[\"a1\",\"a2\"]"));
	ck_assert_uint_eq(tasks.count, 2);
	ck_assert_str_eq(tasks.items[0].id, "1");
	ck_assert_str_eq(tasks.items[0].started_by, "me");
	ck_assert_str_eq(tasks.items[0].argument, "{}");
	ck_assert_str_eq(tasks.items[0].event, "{e}");
	ck_assert_int_eq(tasks.items[0].exit_code, -1);
	ck_assert_int_eq(tasks.items[0].created_ms, 1700000000250);
	ck_assert_ptr_null(tasks.items[1].argument);
	ck_assert_ptr_null(tasks.items[1].event);
	ck_assert_int_eq(tasks.items[1].exit_code, 137);
	ck_assert_str_eq(tasks.items[1].reason, "OutOfMemoryError");
	ck_assert_str_eq(tasks.items[1].stop_code, "EssentialContainerExited");
}
END_TEST

/* 101 tasks are two requests. */
START_TEST(describes_a_hundred_at_once)
{
	static char list[4096];
	static struct script_step steps[] = {
	    {.body = list}, {.body = "{\"taskArns\":[]}"}, {.body = "{\"tasks\":[]}"}, {.body = "{\"tasks\":[]}"}};
	struct ecs_tasks tasks;
	size_t length = (size_t)snprintf(list, sizeof(list), "{\"taskArns\":[\"a0\"");
	int i;

	for (i = 1; i <= 100; i++)
		length += (size_t)snprintf(list + length, sizeof(list) - length, ",\"a%d\"", i);
	snprintf(list + length, sizeof(list) - length, "]}");
	OPEN(steps);
	ck_assert_int_eq(ecs_find_tasks(aws, arena, "c", "F", &tasks, &err), 0);
	ck_assert(was_sent(2, "\"a99\"]"));
	ck_assert(was_sent(3, "\"tasks\":[\"a100\"]"));
	ck_assert_uint_eq(tasks.count, 0);
}
END_TEST

START_TEST(finds_one_task_or_none)
{
	static const struct script_step steps[] = {
	    {.body = "{\"tasks\":[" TASK_OF("7", "PENDING", "") "],\"failures\":[]}"},
	    {.body = "{\"tasks\":[],\"failures\":[{\"arn\":\"a\",\"reason\":\"MISSING\"}]}"},
	    REFUSED("ClusterNotFoundException")};
	struct ecs_task task;

	OPEN(steps);
	ck_assert_int_eq(ecs_describe_task(aws, arena, "c", "7", &task, &err), 0);
	ck_assert_str_eq(task.status, "PENDING");
	ck_assert_int_eq(ecs_describe_task(aws, arena, "c", "7", &task, &err), -1);
	ck_assert_int_eq(err.code, ERROR_NOT_FOUND);
	ck_assert_int_eq(ecs_describe_task(aws, arena, "c", "7", &task, &err), -1);
	ck_assert_str_eq(err.service_code, "ClusterNotFoundException");
}
END_TEST

static const char *const subnets[] = {"subnet-1", "subnet-2"};
static const char *const command[] = {"-u", "embedding/main.py", "{}", NULL};
static const struct ecs_run both = {.cluster = "c",
                                    .definition = "arn:F:3",
                                    .container = "Container",
                                    .command = command,
                                    .event = "{e}",
                                    .subnets = subnets,
                                    .subnet_count = 2,
                                    .security_group = "sg-1",
                                    .started_by = "trueup/chat",
                                    .token = "t"};

START_TEST(runs_a_task)
{
	static const struct script_step steps[] = {
	    {.body = "{\"tasks\":[" TASK_OF("8", "PROVISIONING", "") "],\"failures\":[]}"}};
	struct ecs_task task;

	OPEN(steps);
	ck_assert_int_eq(ecs_run_task(aws, arena, &both, &task, &err), 0);
	ck_assert_str_eq(task.id, "8");
	ck_assert(
	    was_sent(0, "\"launchType\":\"FARGATE\",\"count\":1,\"startedBy\":\"trueup/chat\",\"clientToken\":\"t\""));
	ck_assert(was_sent(0, "{\"awsvpcConfiguration\":{\"subnets\":[\"subnet-1\",\"subnet-2\"],\"securityGroups\":"
	                      "[\"sg-1\"],\"assignPublicIp\":\"DISABLED\"}}"));
	ck_assert(
	    was_sent(0, "{\"containerOverrides\":[{\"name\":\"Container\",\"command\":[\"-u\","
	                "\"embedding/main.py\",\"{}\"],\"environment\":[{\"name\":\"EVENT\",\"value\":\"{e}\"}]}]}"));
}
END_TEST

/* A lost answer is asked for again, and the token says that it is the same. */
START_TEST(sends_a_lost_run_again)
{
	static const struct script_step steps[] = {
	    {.failure = TRANSPORT_LOST},
	    {.body = "{\"tasks\":[" TASK_OF("8", "PROVISIONING", "") "],\"failures\":[]}"},
	    REFUSED("ConflictException")};
	struct ecs_task task;

	OPEN(steps);
	ck_assert_int_eq(ecs_run_task(aws, arena, &both, &task, &err), 0);
	ck_assert(was_sent(1, "\"clientToken\":\"t\""));
	ck_assert_int_eq(ecs_run_task(aws, arena, &both, &task, &err), -1);
	ck_assert_int_eq(err.code, ERROR_STATE);
}
END_TEST

START_TEST(takes_a_failure_for_what_it_is)
{
	static const struct script_step steps[] = {
	    {.body =
	         "{\"tasks\":[],\"failures\":[{\"arn\":\"x\",\"reason\":\"RESOURCE:ENI\",\"detail\":\"none left\"}]}"},
	    {.body = "{\"tasks\":[],\"failures\":[]}"}};
	struct ecs_run event = both;
	struct ecs_task task;

	event.command = NULL;
	OPEN(steps);
	ck_assert_int_eq(ecs_run_task(aws, arena, &event, &task, &err), -1);
	ck_assert(!was_sent(0, "\"command\""));
	ck_assert(err.retryable);
	ck_assert_str_eq(err.message, "ECS could not start a task: RESOURCE:ENI, none left");
	ck_assert_int_eq(ecs_run_task(aws, arena, &event, &task, &err), -1);
	ck_assert_int_eq(err.code, ERROR_PROTOCOL);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("ecs");
	TCase *tests = tcase_create("answers");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, reads_a_definition);
	tcase_add_test(tests, finds_living_and_stopped_tasks);
	tcase_add_test(tests, describes_a_hundred_at_once);
	tcase_add_test(tests, finds_one_task_or_none);
	tcase_add_test(tests, runs_a_task);
	tcase_add_test(tests, sends_a_lost_run_again);
	tcase_add_test(tests, takes_a_failure_for_what_it_is);
	suite_add_tcase(suite, tests);
	return suite;
}
