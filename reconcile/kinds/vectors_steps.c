#include "kinds/vectors_steps.h"
#include "base/log.h"
#include "kinds/bots.h"
#include "kinds/database.h"
#include "kinds/restore.h"
#include "pg/delete.h"
#include "pg/schema.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct restore_bots restore_list_bots(struct kind_context *context, const struct plan_action *action)
{
	struct restore_bots bots = {0};
	size_t i;

	for (i = 0; i < action->argument_count; i++)
		if (strcmp(action->arguments[i].name, "bot") == 0)
			*ARENA_PUSH(context->arena, bots.items, bots.count) = action->arguments[i].value;
	return bots;
}

/*
 * A bot that was made after the table of bots was read, and embedded before its
 * rows were counted, looks like one that no longer exists. Its item is written
 * before its rows are: whoever has rows and is not in the table now, is gone.
 */
static int leave_out_living(struct kind_context *context, struct restore_bots *bots, struct error *err)
{
	struct observed_bots living = {0};
	size_t i, kept = 0;

	if (bots_read(context, &living, err) != 0)
		return error_context(err, "no rows were deleted: whether their bots exist could not be seen");
	if (living.bot_count == 0)
		return error_set(err, ERROR_STATE, "no rows were deleted: the table %s has no bot at all",
		                 living.table);
	for (i = 0; i < bots->count; i++)
		if (observed_find_app_bot(&living, bots->items[i]) == NULL)
			bots->items[kept++] = bots->items[i];
	bots->count = kept;
	return 0;
}

static int delete_rows(struct kind_context *context, const struct plan_action *action, struct pg_session *session,
                       struct error *err)
{
	struct restore_bots bots = restore_list_bots(context, action);
	int64_t rows;

	if (plan_action_get(action, "absentFrom") != NULL && leave_out_living(context, &bots, err) != 0)
		return -1;
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

/* What is done in one session on the target. */
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

/* What brings rows back looks for its own databases. */
static const struct {
	const char *verb;
	restore_step *run;
} restores[] = {
    {"copy", restore_copy},
    {"replace", restore_copy},
    {"restore-source", restore_source},
    {"source-instance", restore_source_instance},
    {"delete-source", restore_delete_source},
    {"replicate", restore_replicate},
    {"end-replication", restore_end_replication},
    {"dms-discard", restore_dms_delete},
    {"dms-connect", restore_dms_connect},
    {"dms-prepare", restore_dms_prepare},
    {"dms-migrate", restore_dms_migrate},
    {"dms-compare", restore_dms_compare},
    {"dms-delete", restore_dms_delete},
};

static restore_step *find_restore(const char *verb)
{
	size_t i;

	for (i = 0; i < sizeof(restores) / sizeof(restores[0]); i++)
		if (strcmp(restores[i].verb, verb) == 0)
			return restores[i].run;
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
	restore_step *restore = find_restore(action->verb);
	step *run = find_step(action->verb);
	struct error err;

	if (restore != NULL)
		restore(context, action);
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

	if (strcmp(actions[0]->verb, "embed") == 0) {
		restore_embed(context, actions, count);
		return;
	}
	for (i = 0; i < count; i++)
		act_one(context, actions[i]);
}
