#include "aws/ecs.h"
#include "aws/service.h"

#include <stdlib.h>
#include <string.h>

#define DESCRIBE_MAX 100 /* tasks in one request */

static int64_t read_number(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text != NULL ? strtoll(text, NULL, 10) : 0;
}

int ecs_describe_definition(struct aws *aws, struct arena *arena, const char *name, struct ecs_definition *definition,
                            struct error *err)
{
	struct aws_response response;
	const json_t *found;

	if (service_call_json(aws, arena, AWS_ECS_DESCRIBE_TASK_DEFINITION, json_pack("{s:s}", "taskDefinition", name),
	                      &response, err) != 0) {
		/* ECS's word for a definition that is not there is the one for everything: ClientException. */
		if (strcmp(err->service_code, "ClientException") == 0)
			err->code = ERROR_NOT_FOUND;
		return error_context(err, "task definition %s", name);
	}
	found = json_object_get(response.json, "taskDefinition");
	*definition = (struct ecs_definition){
	    .arn = service_json_text(arena, found, "taskDefinitionArn"),
	    .family = service_json_text(arena, found, "family"),
	    .container =
	        service_json_text(arena, json_array_get(json_object_get(found, "containerDefinitions"), 0), "name"),
	    .cpu = read_number(found, "cpu"),
	    .memory = read_number(found, "memory"),
	};
	aws_response_free(&response);
	if (definition->arn == NULL || definition->family == NULL || definition->container == NULL)
		return error_set(err, ERROR_PROTOCOL, "task definition %s: the answer names no container", name);
	return 0;
}

/* The name that an ARN ends in. */
static const char *last_part(const char *arn)
{
	const char *slash = strrchr(arn, '/');

	return slash != NULL ? slash + 1 : arn;
}

static const char *read_event(struct arena *arena, const json_t *override)
{
	size_t i;
	json_t *variable;

	json_array_foreach(json_object_get(override, "environment"), i, variable)
	{
		const char *name = json_string_value(json_object_get(variable, "name"));

		if (name != NULL && strcmp(name, "EVENT") == 0)
			return service_json_text(arena, variable, "value");
	}
	return NULL;
}

static void read_task(struct arena *arena, const json_t *json, struct ecs_task *task)
{
	const json_t *container = json_array_get(json_object_get(json, "containers"), 0);
	const json_t *overrides = json_object_get(json_object_get(json, "overrides"), "containerOverrides");
	const json_t *override = json_array_get(overrides, 0), *command = json_object_get(override, "command");
	const json_t *code = json_object_get(container, "exitCode");
	const char *argument = json_string_value(json_array_get(command, json_array_size(command) - 1));
	const char *reason = service_json_text(arena, container, "reason");

	*task = (struct ecs_task){
	    .arn = service_json_text(arena, json, "taskArn"),
	    .definition = service_json_text(arena, json, "taskDefinitionArn"),
	    .status = service_json_text(arena, json, "lastStatus"),
	    .started_by = service_json_text(arena, json, "startedBy"),
	    .argument = arena_strdup(arena, argument),
	    .event = read_event(arena, override),
	    .stop_code = service_json_text(arena, json, "stopCode"),
	    .reason = reason != NULL ? reason : service_json_text(arena, json, "stoppedReason"),
	    .created_ms = (int64_t)(json_number_value(json_object_get(json, "createdAt")) * 1000),
	    .exit_code = json_is_integer(code) ? json_integer_value(code) : -1,
	};
	task->id = task->arn != NULL ? last_part(task->arn) : NULL;
}

/* Whether it says what nobody can do without. */
static bool is_whole(const struct ecs_task *task)
{
	return task->arn != NULL && task->status != NULL;
}

/* Adds those that are known. */
static int describe(struct aws *aws, struct arena *arena, json_t *body, struct ecs_tasks *tasks, struct error *err)
{
	struct aws_response response;
	size_t i;
	json_t *json;

	if (service_call_json(aws, arena, AWS_ECS_DESCRIBE_TASKS, body, &response, err) != 0)
		return -1;
	json_array_foreach(json_object_get(response.json, "tasks"), i, json)
	{
		struct ecs_task task;

		read_task(arena, json, &task);
		if (is_whole(&task))
			*ARENA_PUSH(arena, tasks->items, tasks->count) = task;
	}
	aws_response_free(&response);
	return 0;
}

/* Adds a page's ARNs to the object, as keys: a task that is about to stop can be in both lists. */
static int list_page(struct aws *aws, struct arena *arena, json_t *body, json_t *arns, const char **token,
                     struct error *err)
{
	struct aws_response response;
	size_t i;
	json_t *arn;

	if (service_call_json(aws, arena, AWS_ECS_LIST_TASKS, body, &response, err) != 0)
		return -1;
	json_array_foreach(json_object_get(response.json, "taskArns"), i, arn)
	{
		if (json_is_string(arn))
			json_object_set(arns, json_string_value(arn), arn);
	}
	*token = service_json_text(arena, response.json, "nextToken");
	aws_response_free(&response);
	return 0;
}

static int list_arns(struct aws *aws, struct arena *arena, const json_t *filter, json_t *arns, struct error *err)
{
	struct service_pages pages = {0};
	const char *token;
	int more;

	do {
		json_t *body = json_copy((json_t *)filter);

		if (pages.token != NULL)
			json_object_set_new(body, "nextToken", json_string(pages.token));
		more = list_page(aws, arena, body, arns, &token, err);
		if (more == 0)
			more = service_next_page(&pages, arena, token, err);
	} while (more > 0);
	return more;
}

static int list_all(struct aws *aws, struct arena *arena, const char *cluster, const char *family, json_t *arns,
                    struct error *err)
{
	/* By the status that ECS wants them to have: the two lists are all. */
	static const char *const wanted[] = {"RUNNING", "STOPPED"};
	size_t i;

	for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		json_t *filter =
		    json_pack("{s:s, s:s, s:s}", "cluster", cluster, "family", family, "desiredStatus", wanted[i]);
		int rc;

		if (filter == NULL)
			return error_set(err, ERROR_INVALID, "ListTasks: a parameter is not UTF-8");
		rc = list_arns(aws, arena, filter, arns, err);
		json_decref(filter);
		if (rc != 0)
			return -1;
	}
	return 0;
}

/* The keys of the object, so many to a request. Describes what they name. */
static int describe_all(struct aws *aws, struct arena *arena, const char *cluster, json_t *arns,
                        struct ecs_tasks *tasks, struct error *err)
{
	json_t *page = json_array(), *value;
	const char *arn;
	size_t left = json_object_size(arns);
	int rc = 0;

	json_object_foreach(arns, arn, value)
	{
		json_array_append(page, value);
		if (--left > 0 && json_array_size(page) < DESCRIBE_MAX)
			continue;
		rc = describe(aws, arena, json_pack("{s:s, s:O}", "cluster", cluster, "tasks", page), tasks, err);
		if (rc != 0)
			break;
		json_array_clear(page);
	}
	json_decref(page);
	return rc;
}

int ecs_find_tasks(struct aws *aws, struct arena *arena, const char *cluster, const char *family,
                   struct ecs_tasks *tasks, struct error *err)
{
	json_t *arns = json_object();
	int rc = list_all(aws, arena, cluster, family, arns, err);

	*tasks = (struct ecs_tasks){0};
	if (rc == 0)
		rc = describe_all(aws, arena, cluster, arns, tasks, err);
	json_decref(arns);
	return rc == 0 ? 0 : error_context(err, "embedding tasks in cluster %s", cluster);
}

int ecs_describe_task(struct aws *aws, struct arena *arena, const char *cluster, const char *id, struct ecs_task *task,
                      struct error *err)
{
	struct ecs_tasks tasks = {0};

	if (describe(aws, arena, json_pack("{s:s, s:[s]}", "cluster", cluster, "tasks", id), &tasks, err) != 0)
		return error_context(err, "task %s", id);
	if (tasks.count == 0)
		return error_set(err, ERROR_NOT_FOUND, "ECS knows no task %s", id);
	*task = tasks.items[0];
	return 0;
}

static json_t *make_override(const struct ecs_run *run)
{
	json_t *override = json_pack("{s:s}", "name", run->container);

	if (override != NULL && run->command != NULL) {
		json_t *words = json_array();

		for (size_t i = 0; run->command[i] != NULL; i++)
			json_array_append_new(words, json_string(run->command[i]));
		json_object_set_new(override, "command", words);
	}
	if (override != NULL && run->event != NULL)
		json_object_set_new(override, "environment",
		                    json_pack("[{s:s, s:s}]", "name", "EVENT", "value", run->event));
	return override;
}

static json_t *make_run(const struct ecs_run *run)
{
	json_t *subnets = json_array();

	for (size_t i = 0; i < run->subnet_count; i++)
		json_array_append_new(subnets, json_string(run->subnets[i]));
	return json_pack("{s:s, s:s, s:s, s:i, s:s, s:s, s:{s:{s:o, s:[s], s:s}}, s:{s:[o]}}", "cluster", run->cluster,
	                 "taskDefinition", run->definition, "launchType", "FARGATE", "count", 1, "startedBy",
	                 run->started_by, "clientToken", run->token, "networkConfiguration", "awsvpcConfiguration",
	                 "subnets", subnets, "securityGroups", run->security_group, "assignPublicIp", "DISABLED",
	                 "overrides", "containerOverrides", make_override(run));
}

/* The answer is 200 also where nothing was started: `failures` says why. */
static int read_started(struct arena *arena, const json_t *answer, struct ecs_task *task, struct error *err)
{
	const json_t *failure = json_array_get(json_object_get(answer, "failures"), 0);
	const char *reason = service_json_text(arena, failure, "reason"),
	           *detail = service_json_text(arena, failure, "detail");

	if (failure != NULL) {
		error_set(err, ERROR_SERVICE, "ECS could not start a task: %s%s%s",
		          reason != NULL ? reason : "it does not say why", detail != NULL ? ", " : "",
		          detail != NULL ? detail : "");
		err->retryable = true;
		return -1;
	}
	read_task(arena, json_array_get(json_object_get(answer, "tasks"), 0), task);
	return is_whole(task) ? 0 : error_set(err, ERROR_PROTOCOL, "ECS RunTask: the answer names no task");
}

int ecs_run_task(struct aws *aws, struct arena *arena, const struct ecs_run *run, struct ecs_task *task,
                 struct error *err)
{
	struct aws_response response;
	int rc;

	if (service_call_json(aws, arena, AWS_ECS_RUN_TASK, make_run(run), &response, err) != 0)
		return -1;
	rc = read_started(arena, response.json, task, err);
	aws_response_free(&response);
	return rc;
}
