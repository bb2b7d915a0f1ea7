/* Rows by copying: from a cluster, a snapshot restored to one, or any database that the spec names. */
#include "kinds/database.h"
#include "kinds/restore.h"
#include "kinds/source.h"
#include "plan/policy.h"

void restore_report_rows(struct kind_context *context, struct plan_action *action, const struct rows_result *result)
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
	} else if (result->copied == 0 && context->desired->vectors.counts.from != DESIRED_COUNTS_SOURCE) {
		struct restore_bots bots = restore_list_bots(context, action);

		action->state = ACTION_BLOCKED;
		action->waits_for = arena_printf(
		    context->arena,
		    "the rows of the source are here already, and still %zu bot%s not as spec.vectors.counts has them "
		    "(%s): capture a new baseline if these rows are right, or restore from elsewhere",
		    bots.count, bots.count == 1 ? " is" : "s are",
		    rows_list_names(context->arena, bots.items, bots.count));
	}
}

static int resolve_source(struct kind_context *context, const struct plan_action *action, const struct database *target,
                          struct database *source, struct error *err)
{
	if (context->desired->vectors.restore.from.kind == DESIRED_SOURCE_SNAPSHOT)
		return source_open(context, action, target, source, err);
	return database_resolve_source(context, source, err);
}

void restore_copy(struct kind_context *context, struct plan_action *action)
{
	struct restore_bots bots = restore_list_bots(context, action);
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
	int rc = database_resolve_target(context, &target, &err);

	if (rc == 0 && resolve_source(context, action, &target, &source, &err) != 0)
		rc = error_context(&err, "spec.vectors.restore.from");
	if (rc == 0)
		rc = rows_match(context, &request, &result, &err);
	if (rc == 0)
		restore_report_rows(context, action, &result);
	else
		kind_action_fail(context, action, &err);
	database_free(&target);
	database_free(&source);
}
