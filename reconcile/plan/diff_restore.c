/*
 * How rows come back: a function for each restore.method, one switch that
 * chooses. Rows that should not be there are deleted whatever the method.
 */
#include "plan/diff_vectors.h"

struct plan_action *diff_add_rows_action(struct vectors_diff *diff, const char *verb, const struct bot_list *list)
{
	struct plan_action *action = plan_add_action(diff->plan, diff->resource, verb, NULL);
	size_t i;

	plan_action_need(diff->plan, action, CONDITION_CLUSTER_ENCRYPTED);
	plan_action_need(diff->plan, action, CONDITION_SCHEMA);
	for (i = 0; i < list->count; i++)
		plan_action_set(diff->plan, action, "bot", list->ids[i]);
	return action;
}

static const char *describe_overfull(struct arena *arena, const struct bot_list *list)
{
	return arena_printf(arena, "%zu bot%s %s too many", list->count, list->count == 1 ? " has" : "s have",
	                    diff_rows_text(arena, list->rows));
}

static struct plan_action *add_copy(struct vectors_diff *diff, const char *source)
{
	struct arena *arena = diff->plan->arena;
	struct plan_action *action;

	if (diff->wanting.count == 0)
		return NULL;
	action = diff_add_rows_action(diff, "copy", &diff->wanting);
	action->reason = diff_describe_wanting(arena, &diff->wanting);
	if (source != NULL)
		action->reason = arena_printf(arena, "%s: copied from %s", action->reason, source);
	action->gives = CONDITION_ROWS;
	plan_action_need(diff->plan, action, CONDITION_UNINDEXED);
	plan_action_call_copy(diff->plan, action);
	return action;
}

struct plan_action *diff_add_replace(struct vectors_diff *diff, const char *source)
{
	struct arena *arena = diff->plan->arena;
	struct plan_action *action;

	if (diff->overfull.count == 0)
		return NULL;
	action = diff_add_rows_action(diff, "replace", &diff->overfull);
	action->reason = describe_overfull(arena, &diff->overfull);
	if (source != NULL)
		action->reason = arena_printf(arena, "%s: replaced from %s", action->reason, source);
	action->allow = "delete-vectors";
	action->risk = RISK_DESTRUCTIVE;
	plan_action_call_copy(diff->plan, action);
	return action;
}

struct copy_actions diff_add_copies(struct vectors_diff *diff, const char *source)
{
	struct copy_actions actions;

	actions.copy = add_copy(diff, source);
	actions.replace = diff_add_replace(diff, source);
	return actions;
}

const char *diff_describe_source(const struct vectors_diff *diff)
{
	const struct desired_source *from = &diff->desired->restore.from;

	if (from->kind == DESIRED_SOURCE_CLUSTER)
		return arena_printf(diff->plan->arena, "cluster %s", from->cluster);
	return from->connect.host != NULL ? from->connect.host : "spec.vectors.restore.from.connect";
}

static void restore_by_copy(struct vectors_diff *diff)
{
	if (diff->desired->restore.from.kind == DESIRED_SOURCE_SNAPSHOT)
		diff_restore_by_snapshot(diff);
	else
		diff_add_copies(diff, diff_describe_source(diff));
}

static void restore_by_embedding(struct vectors_diff *diff)
{
	struct plan_action *replace = diff_add_replace(diff, NULL);

	diff_embed_bots(diff);
	if (replace != NULL)
		plan_action_block(diff->plan, replace,
		                  "a person: embedding again gives as many rows as the knowledge has, so correct the "
		                  "counts, or raise spec.vectors.tolerance");
}

static void restore_by_person(struct vectors_diff *diff)
{
	static const char *const advice = "a person: say in spec.vectors.restore where the rows can be copied from";
	struct copy_actions actions = diff_add_copies(diff, NULL);

	if (actions.copy != NULL)
		plan_action_block(diff->plan, actions.copy, "%s", advice);
	if (actions.replace != NULL)
		plan_action_block(diff->plan, actions.replace, "%s", advice);
}

static void delete_extra(struct vectors_diff *diff)
{
	struct plan_action *action;

	if (diff->extra.count == 0)
		return;
	action = diff_add_rows_action(diff, "delete", &diff->extra);
	action->allow = "delete-vectors";
	action->risk = RISK_DESTRUCTIVE;
	if (diff->orphans)
		action->reason = diff_describe_orphans(diff->plan->arena, &diff->extra);
	else
		action->reason = arena_printf(diff->plan->arena, "%zu bot%s should not be there, %s", diff->extra.count,
		                              diff->extra.count == 1 ? "" : "s",
		                              diff_rows_text(diff->plan->arena, diff->extra.rows));
	if (diff->orphans)
		plan_action_set(diff->plan, action, "absentFrom", diff->input->observed->bots.table);
	plan_action_call(diff->plan, action, "sql:DELETE");
}

static enum desired_restore_method method_of(const struct vectors_diff *diff)
{
	const struct desired_restore *restore = &diff->desired->restore;

	return restore->present ? restore->method : DESIRED_RESTORE_NONE;
}

static bool restores_snapshot(const struct vectors_diff *diff)
{
	return diff->desired->restore.from.kind == DESIRED_SOURCE_SNAPSHOT;
}

bool diff_restore_moves_rows(const struct vectors_diff *diff)
{
	if (method_of(diff) == DESIRED_RESTORE_EMBED)
		return diff_embed_moves_rows(diff);
	if (method_of(diff) == DESIRED_RESTORE_DMS)
		return diff_dms_can_begin(diff);
	if (restores_snapshot(diff) &&
	    (diff->seen->restore.head.status != OBSERVED_SEEN || diff_replacement_is_due(diff->input)))
		return false;
	return method_of(diff) != DESIRED_RESTORE_NONE;
}

void diff_restore(struct vectors_diff *diff)
{
	switch (method_of(diff)) {
	case DESIRED_RESTORE_COPY:
		restore_by_copy(diff);
		break;
	case DESIRED_RESTORE_DMS:
		diff_restore_by_dms(diff);
		break;
	case DESIRED_RESTORE_EMBED:
		restore_by_embedding(diff);
		break;
	case DESIRED_RESTORE_REPLICATION:
		if (diff_replication(diff))
			return;
		break;
	case DESIRED_RESTORE_NONE:
		restore_by_person(diff);
		break;
	}
	if (method_of(diff) != DESIRED_RESTORE_DMS)
		diff_leave_dms(diff);
	if (method_of(diff) != DESIRED_RESTORE_COPY || !restores_snapshot(diff))
		diff_leave_snapshot(diff);
	delete_extra(diff);
}
