#include "kinds/bots_tasks.h"
#include "aws/dynamodb.h"
#include "aws/ecs.h"

#include <string.h>

static bool is_running(const struct observed_app_bot *bot)
{
	return observed_bot_needs_rows(bot) && bot->sync_status != NULL && strcmp(bot->sync_status, "RUNNING") == 0;
}

/* The program says last of all how it ended, and its task stops a moment later: who looked before sees neither. */
static int look_again(struct kind_context *context, const char *table, struct observed_app_bot *bot, struct error *err)
{
	struct dynamodb_bot now;

	if (dynamodb_get_bot(context->aws, context->arena, table, bot->owner, bot->id, &now, err) != 0)
		return err->code == ERROR_NOT_FOUND ? 0 : -1;
	bot->sync_status = now.sync_status;
	bot->sync_reason = now.sync_reason;
	bot->last_exec = now.last_exec;
	return 0;
}

static int find_task(struct kind_context *context, const char *cluster, struct observed_bots *out,
                     struct observed_app_bot *bot, struct error *err)
{
	struct ecs_task task = {.status = "gone"};
	int rc = 0;

	if (bot->last_exec != NULL)
		rc = ecs_describe_task(context->aws, context->arena, cluster, bot->last_exec, &task, err);
	if (rc != 0 && err->code != ERROR_NOT_FOUND)
		return -1;
	if (rc != 0)
		task = (struct ecs_task){.status = "gone"};
	bot->task = task.status;
	bot->task_end = task.reason;
	if (strcmp(task.status, "gone") != 0 && strcmp(task.status, "STOPPED") != 0)
		return 0;
	return look_again(context, out->table, bot, err);
}

static const char *find_cluster(const struct kind_context *context, struct error *err)
{
	const struct observed_stack *stack = context->stack;

	if (stack->ecs_cluster != NULL)
		return stack->ecs_cluster;
	if (stack->head.status == OBSERVED_UNKNOWN)
		error_set(err, ERROR_NOT_FOUND, "the stack, which names the ECS cluster, could not be read: %s",
		          stack->head.reason);
	else
		error_set(err, ERROR_NOT_FOUND, "set spec.aws.stack, whose resources name the ECS cluster");
	return NULL;
}

void bots_find_tasks(struct kind_context *context, struct observed_bots *out)
{
	const char *cluster = NULL;
	struct error err;
	size_t i;

	for (i = 0; i < out->bot_count; i++) {
		if (!is_running(&out->bots[i]))
			continue;
		if (cluster == NULL)
			cluster = find_cluster(context, &err);
		out->tasks_head.status = OBSERVED_SEEN;
		if (cluster == NULL || find_task(context, cluster, out, &out->bots[i], &err) != 0) {
			observed_set_unknown(&out->tasks_head, context->arena, &err);
			return;
		}
	}
}

void bots_tasks_permissions(const struct desired *desired, struct kind_permissions *permissions)
{
	const char *table = desired->bots.table != NULL ? desired->bots.table : "*";

	kind_add_permission(permissions, desired, "ecs:DescribeTasks", "task/*");
	kind_add_permission(permissions, desired, "dynamodb:GetItem",
	                    arena_printf(permissions->arena, "table/%s", table));
}
