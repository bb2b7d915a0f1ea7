#include "kinds/embed_world.h"
#include "kinds/database.h"
#include "kinds/stack.h"
#include "pg/digest.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

int embed_world_name(const struct kind_context *context, const char **cluster, const char **definition,
                     struct error *err)
{
	const struct observed_stack *stack = context->stack;

	if (stack->head.status == OBSERVED_UNKNOWN) {
		error_set(err, ERROR_NOT_FOUND, "the stack names them, and could not be read: %s", stack->head.reason);
		if (stack->head.permission != NULL)
			strncpy(err->permission, stack->head.permission, sizeof(err->permission) - 1);
		return -1;
	}
	if (stack->ecs_cluster == NULL || stack->task_definition == NULL)
		return error_set(err, ERROR_NOT_FOUND, "the stack %s has no ECS cluster and task definition for them",
		                 context->desired->aws.stack);
	*cluster = stack->ecs_cluster;
	*definition = stack->task_definition;
	return 0;
}

static const char *bot_of(struct arena *arena, const struct ecs_task *task)
{
	const char *bot = dynamodb_parse_key(arena, task->event);

	return bot != NULL ? bot : dynamodb_parse_key(arena, task->argument);
}

static bool is_stopped(const struct ecs_task *task)
{
	return strcmp(task->status, "STOPPED") == 0;
}

static void add_task(struct arena *arena, struct embed_world *world, const struct ecs_task *task)
{
	*ARENA_PUSH(arena, world->tasks, world->task_count) = (struct embed_task){task, bot_of(arena, task)};
}

static int list_tasks(struct kind_context *context, struct embed_world *world, struct error *err)
{
	struct ecs_tasks tasks;

	if (ecs_find_tasks(context->aws, context->arena, world->cluster, world->definition.family, &tasks, err) != 0)
		return -1;
	for (size_t i = 0; i < tasks.count; i++)
		add_task(context->arena, world, &tasks.items[i]);
	return 0;
}

static int compare_items(const void *a, const void *b)
{
	return strcmp(((const struct dynamodb_bot *)a)->id, ((const struct dynamodb_bot *)b)->id);
}

static int read_items(struct kind_context *context, struct embed_world *world, const struct dynamodb_key *bots,
                      size_t count, struct error *err)
{
	struct dynamodb_key *idle = NULL;
	size_t idle_count = 0;

	for (size_t i = 0; i < count; i++)
		if (embed_world_find_living(world, bots[i].id) == NULL)
			*ARENA_PUSH(context->arena, idle, idle_count) = bots[i];
	if (dynamodb_get_bots(context->aws, context->arena, world->table, idle, idle_count, &world->items, err) != 0)
		return -1;
	if (world->items.count > 0)
		qsort(world->items.items, world->items.count, sizeof(*world->items.items), compare_items);
	return 0;
}

static bool is_known(const struct embed_world *world, const char *id)
{
	for (size_t i = 0; i < world->task_count; i++)
		if (strcmp(world->tasks[i].task->id, id) == 0)
			return true;
	return false;
}

/* Lists lag behind, and are of one family: a bot that is RUNNING says itself which task works on it. */
static int ask_for_task(struct kind_context *context, struct embed_world *world, const struct dynamodb_bot *item,
                        struct error *err)
{
	struct ecs_task *task;

	if (item->sync_status == NULL || strcmp(item->sync_status, "RUNNING") != 0 || item->last_exec == NULL ||
	    is_known(world, item->last_exec))
		return 0;
	task = arena_alloc(context->arena, sizeof(*task));
	if (ecs_describe_task(context->aws, context->arena, world->cluster, item->last_exec, task, err) == 0)
		*ARENA_PUSH(context->arena, world->tasks, world->task_count) = (struct embed_task){task, item->id};
	else if (err->code != ERROR_NOT_FOUND && err->code != ERROR_INVALID)
		return -1;
	return 0;
}

int embed_world_look(struct kind_context *context, const struct dynamodb_key *bots, size_t count,
                     struct embed_world *world, struct error *err)
{
	const char *definition = NULL;

	*world = (struct embed_world){.now = time(NULL)};
	world->table =
	    stack_resolve(context->desired->bots.table, context->stack->table, context, "spec.bots.table", err);
	if (world->table == NULL || embed_world_name(context, &world->cluster, &definition, err) != 0 ||
	    ecs_describe_definition(context->aws, context->arena, definition, &world->definition, err) != 0 ||
	    list_tasks(context, world, err) != 0 || read_items(context, world, bots, count, err) != 0)
		return -1;
	for (size_t i = 0; i < world->items.count; i++)
		if (ask_for_task(context, world, &world->items.items[i], err) != 0)
			return -1;
	return 0;
}

static bool is_of(const struct embed_task *task, const char *bot)
{
	return task->bot != NULL && strcmp(task->bot, bot) == 0;
}

const struct ecs_task *embed_world_find_living(const struct embed_world *world, const char *bot)
{
	for (size_t i = 0; i < world->task_count; i++)
		if (is_of(&world->tasks[i], bot) && !is_stopped(world->tasks[i].task))
			return world->tasks[i].task;
	return NULL;
}

int64_t embed_world_count_stopped(const struct embed_world *world, const char *bot, const struct ecs_task **newest)
{
	int64_t count = 0;

	*newest = NULL;
	for (size_t i = 0; i < world->task_count; i++) {
		const struct ecs_task *task = world->tasks[i].task;

		if (!is_of(&world->tasks[i], bot) || !is_stopped(task) || task->definition == NULL ||
		    strcmp(task->definition, world->definition.arn) != 0)
			continue;
		count++;
		if (*newest == NULL || task->created_ms > (*newest)->created_ms)
			*newest = task;
	}
	return count;
}

const struct dynamodb_bot *embed_world_find_item(const struct embed_world *world, const char *bot)
{
	struct dynamodb_bot key = {.id = bot};

	return world->items.count == 0
	           ? NULL
	           : bsearch(&key, world->items.items, world->items.count, sizeof(*world->items.items), compare_items);
}

static int count_all(struct kind_context *context, struct embed_world *world, struct error *err)
{
	struct database target;
	struct pg_session *session;
	struct pg_bots bots = {0};
	int rc;

	if (database_resolve_target(context, &target, err) != 0)
		return -1;
	rc = database_open(context, &target, &session, err);
	if (rc == 0) {
		rc = pg_count_bots(session, context->arena, context->desired->vectors.table, &bots, err);
		pg_session_close(session);
	}
	database_free(&target);
	if (rc != 0)
		return -1;
	world->rows = bots;
	world->counted = true;
	return 0;
}

int embed_world_count_rows(struct kind_context *context, struct embed_world *world, const char *bot, int64_t *rows,
                           struct error *err)
{
	const struct pg_bot *found;

	if (!world->counted && count_all(context, world, err) != 0)
		return -1;
	found = pg_bots_find(&world->rows, bot);
	*rows = found != NULL ? found->rows : 0;
	return 0;
}
