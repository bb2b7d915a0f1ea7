#include "kinds/vectors_steps.h"
#include "base/log.h"
#include "kinds/rows.h"
#include "pg/delete.h"
#include "pg/schema.h"
#include "plan/policy.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct bot_names {
	const char **items;
	size_t count;
};

static struct bot_names list_bots(struct kind_context *context, const struct plan_action *action)
{
	struct bot_names bots = {0};
	size_t i;

	for (i = 0; i < action->argument_count; i++)
		if (strcmp(action->arguments[i].name, "bot") == 0)
			*ARENA_PUSH(context->arena, bots.items, bots.count) = action->arguments[i].value;
	return bots;
}

/* What was copied is done; what could not be, and why, waits for a person. */
static void report_rows(struct kind_context *context, struct plan_action *action, const struct rows_result *result)
{
	action->state = ACTION_DONE;
	if (result->kept_count > 0) {
		action->state = ACTION_BLOCKED;
		action->waits_for = arena_printf(
		    context->arena,
		    "%zu bot%s not replaced, since rows of theirs are nowhere but here (%s): look at them, and "
		    "put delete-vectors into spec.allow if they may go",
		    result->kept_count, result->kept_count == 1 ? " was" : "s were",
		    rows_list_names(context->arena, result->kept, result->kept_count));
	} else if (result->absent_count > 0) {
		action->state = ACTION_BLOCKED;
		action->waits_for = arena_printf(
		    context->arena,
		    "the source has no rows of %zu bot%s (%s): restore from elsewhere, or correct the counts",
		    result->absent_count, result->absent_count == 1 ? "" : "s",
		    rows_list_names(context->arena, result->absent, result->absent_count));
	}
}

static void copy_rows(struct kind_context *context, struct plan_action *action)
{
	struct bot_names bots = list_bots(context, action);
	struct database source = {0}, target = {0};
	struct rows_request request = {
	    .source = &source,
	    .target = &target,
	    .table = context->desired->vectors.table,
	    .bots = bots.items,
	    .bot_count = bots.count,
	    .streams = (int)context->desired->vectors.restore.streams,
	    .may_lose = plan_is_allowed(context->desired, "delete-vectors"),
	};
	struct rows_result result;
	struct error err;
	int rc = database_resolve_source(context, &source, &err);

	if (rc != 0)
		error_context(&err, "spec.vectors.restore.from");
	if (rc == 0)
		rc = database_resolve_target(context, &target, &err);
	if (rc == 0)
		rc = rows_match(context, &request, &result, &err);
	if (rc == 0)
		report_rows(context, action, &result);
	else
		kind_action_fail(context, action, &err);
	database_free(&target);
	database_free(&source);
}

static int delete_rows(struct kind_context *context, const struct plan_action *action, struct pg_session *session,
                       struct error *err)
{
	struct bot_names bots = list_bots(context, action);
	int64_t rows;

	if (pg_delete_bots(session, context->desired->vectors.table, bots.items, bots.count, &rows, err) != 0)
		return -1;
	log_warn("%" PRId64 " rows of %zu bots were deleted from %s", rows, bots.count,
	         context->desired->vectors.table);
	return 0;
}

static int create_schema(struct kind_context *context, const struct plan_action *action, struct pg_session *session,
                         struct error *err)
{
	(void)action;
	return pg_schema_create(session, context->desired->vectors.table, PG_EMBEDDING_DIMENSION, err);
}

static int drop_index(struct kind_context *context, const struct plan_action *action, struct pg_session *session,
                      struct error *err)
{
	(void)action;
	return pg_index_drop(session, context->desired->vectors.table, err);
}

static int build_index(struct kind_context *context, const struct plan_action *action, struct pg_session *session,
                       struct error *err)
{
	const char *lists = plan_action_get(action, "lists");
	struct pg_index_request request = {
	    .table = context->desired->vectors.table,
	    .method = plan_action_get(action, "method"),
	    .lists = strcmp(lists, "auto") == 0 ? 0 : strtoll(lists, NULL, 10),
	    .concurrently = strcmp(action->verb, "rebuild-index") == 0, /* the old one is in use meanwhile */
	};

	if (pg_index_build(session, &request, err) != 0)
		return -1;
	return pg_table_vacuum(session, context->desired->vectors.table, err);
}

typedef int step(struct kind_context *context, const struct plan_action *action, struct pg_session *session,
                 struct error *err);

static const struct {
	const char *verb;
	step *run;
} steps[] = {
    {"create-schema", create_schema}, {"drop-index", drop_index}, {"index", build_index},
    {"rebuild-index", build_index},   {"delete", delete_rows},
};

static step *find_step(const char *verb)
{
	size_t i;

	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (strcmp(steps[i].verb, verb) == 0)
			return steps[i].run;
	return NULL;
}

static int run_in_session(struct kind_context *context, const struct plan_action *action, step *run, struct error *err)
{
	struct database target;
	struct pg_session *session;
	int rc;

	if (database_resolve_target(context, &target, err) != 0)
		return -1;
	rc = database_open(context, &target, &session, err);
	if (rc == 0)
		rc = run(context, action, session, err);
	pg_session_close(session);
	database_free(&target);
	return rc;
}

static void act_one(struct kind_context *context, struct plan_action *action)
{
	step *run = find_step(action->verb);
	struct error err;

	if (strcmp(action->verb, "copy") == 0 || strcmp(action->verb, "replace") == 0)
		copy_rows(context, action);
	else if (run == NULL)
		kind_action_reject(context, action);
	else if (run_in_session(context, action, run, &err) != 0)
		kind_action_fail(context, action, &err);
	else
		action->state = ACTION_DONE;
}

void vectors_act(struct kind_context *context, struct plan_action **actions, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		act_one(context, actions[i]);
}
