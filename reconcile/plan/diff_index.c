/* The vector table's schema and its vector index, which is built after the rows. */
#include "plan/diff_vectors.h"

#include <inttypes.h>
#include <string.h>

static void differ_in_schema(struct vectors_diff *diff, const char *path, const char *desired, bool present)
{
	struct plan_difference difference = {path, CHANGE_ADD, desired, NULL};

	if (!present)
		plan_add_difference(diff->plan, diff->resource, &difference);
}

void diff_schema(struct vectors_diff *diff)
{
	const struct observed_schema *seen = &diff->seen->schema;
	struct plan_action *action;

	if (diff->desired->schema == DESIRED_SCHEMA_IGNORE)
		return;
	differ_in_schema(diff, "schema/extension", "vector", seen->extension != NULL);
	differ_in_schema(diff, "schema/table", diff->resource->name, seen->table);
	differ_in_schema(diff, "schema/primaryKey", "id", seen->primary_key);
	differ_in_schema(diff, "schema/botidIndex", "botid", seen->botid_index);
	if (seen->mismatch != NULL) {
		struct plan_difference columns = {"schema/columns", CHANGE_REPLACE, "as Bedrock Chat has them",
		                                  seen->mismatch};

		plan_add_difference(diff->plan, diff->resource, &columns);
	}
	if (diff->resource->difference_count == 0)
		return;
	action = plan_add_action(diff->plan, diff->resource, "create-schema", NULL);
	plan_action_need(diff->plan, action, CONDITION_CLUSTER_ENCRYPTED);
	action->gives = CONDITION_SCHEMA;
	action->reason =
	    "what is missing of extension, table, primary key and botid index is created; nothing is altered";
	plan_action_call(diff->plan, action, "sql:CREATE");
	if (seen->mismatch != NULL)
		plan_action_block(diff->plan, action, "a person: the columns differ (%s); trueup alters none",
		                  seen->mismatch);
}

/* Where a load is due: the index is better built after it. A few bots that cannot be copied must not hold it up. */
static bool most_rows_are_missing(const struct vectors_diff *diff)
{
	return diff->wanting.rows > observed_sum_rows(diff->seen->bots, diff->seen->bot_count);
}

/*
 * With the index in place a load is half as fast, and an ivfflat index trained
 * on no rows finds little. So it goes before the rows where that hurts nobody:
 * where there are none yet, or where most are missing and the spec allows it.
 */
static bool load_comes_first(const struct vectors_diff *diff)
{
	int64_t present = observed_sum_rows(diff->seen->bots, diff->seen->bot_count);

	if (!diff->seen->schema.index.exists || diff->wanting.count == 0 || !diff_restore_moves_rows(diff))
		return false;
	return present == 0 ||
	       (diff->wanting.rows > present && (diff->input->desired->allow & DESIRED_ALLOW_REBUILD_INDEX) != 0);
}

static void drop_index(struct vectors_diff *diff)
{
	struct plan_action *action = plan_add_action(diff->plan, diff->resource, "drop-index", NULL);

	plan_action_need(diff->plan, action, CONDITION_CLUSTER_ENCRYPTED);
	plan_action_need(diff->plan, action, CONDITION_SCHEMA);
	plan_action_need(diff->plan, action, CONDITION_SOURCE);
	action->gives = CONDITION_UNINDEXED;
	action->reason = "the index is built again once the rows are there: faster, and its lists then fit them";
	if (diff->seen->bot_count > 0) { /* else there is nothing yet that searches could find with it */
		action->allow = "rebuild-index";
		action->risk = RISK_DISRUPTIVE;
	}
	plan_action_set(diff->plan, action, "index", diff->seen->schema.index.name);
	plan_action_call(diff->plan, action, "sql:DROP INDEX");
}

static struct plan_action *build_index(struct vectors_diff *diff, const char *verb)
{
	const struct desired_index *desired = &diff->desired->index;
	struct plan_action *action = plan_add_action(diff->plan, diff->resource, verb, NULL);

	plan_action_need(diff->plan, action, CONDITION_CLUSTER_ENCRYPTED);
	plan_action_need(diff->plan, action, CONDITION_SCHEMA);
	if (most_rows_are_missing(diff))
		plan_action_need(diff->plan, action, CONDITION_ROWS);
	plan_action_set(diff->plan, action, "method", "ivfflat");
	plan_action_set(diff->plan, action, "lists",
	                desired->present && desired->lists != DESIRED_LISTS_AUTO
	                    ? arena_printf(diff->plan->arena, "%" PRId64, desired->lists)
	                    : "auto");
	plan_action_call(diff->plan, action, "sql:CREATE INDEX");
	return action;
}

static void differ_in_index(struct vectors_diff *diff, const char *path, const char *desired, const char *observed)
{
	struct plan_difference difference = {path, observed != NULL ? CHANGE_REPLACE : CHANGE_ADD, desired, observed};

	plan_add_difference(diff->plan, diff->resource, &difference);
}

/* Below this many rows any number of lists will do. */
#define ROWS_THAT_MATTER 100
/* Lists may be off by this factor before an index is built again: rows come and go, and a rebuild costs. */
#define LISTS_OFF 4

static bool lists_are_far_off(const struct observed_index *index)
{
	return index->lists > LISTS_OFF * index->suggested || LISTS_OFF * index->lists < index->suggested;
}

/* Where nobody knows of which rows its lists were made, it does not: the application makes them of none. */
bool diff_index_fits(const struct plan_input *input)
{
	const struct observed_vectors *vectors = &input->observed->vectors;
	const struct observed_index *seen = &vectors->schema.index;
	const struct desired_index *desired = &input->desired->vectors.index;

	if (vectors->head.status != OBSERVED_SEEN || seen->suggested == 0 || seen->crowded || lists_are_far_off(seen))
		return false;
	return seen->trained > 0 || (desired->present && desired->lists == DESIRED_LISTS_AUTO);
}

/* `lists: auto`, and the index is one that the rows that are there would not get. */
static bool differ_from_auto(struct vectors_diff *diff)
{
	const struct observed_index *seen = &diff->seen->schema.index;
	struct arena *arena = diff->plan->arena;
	int64_t rows = observed_sum_rows(diff->seen->bots, diff->seen->bot_count);

	if (rows < ROWS_THAT_MATTER || seen->suggested == 0 || most_rows_are_missing(diff))
		return false;
	if (lists_are_far_off(seen))
		differ_in_index(diff, "index/lists",
		                arena_printf(arena, "%" PRId64 " for %s", seen->suggested, diff_rows_text(arena, rows)),
		                arena_printf(arena, "%" PRId64, seen->lists));
	else if (seen->crowded)
		differ_in_index(diff, "index/trained", "on the rows that are there",
		                "on none, or others: a search reads a quarter of all rows or more");
	else
		return false;
	return true;
}

/* Searches were tried, and the index does not lead to rows that are there: something has damaged it. */
static bool differ_in_rows(struct vectors_diff *diff)
{
	const struct observed_bots *bots = &diff->input->observed->bots;
	size_t i, missed = 0;

	for (i = 0; bots->searches.head.status == OBSERVED_SEEN && i < bots->bot_count; i++)
		missed += bots->bots[i].search != NULL && strcmp(bots->bots[i].search, "misses") == 0;
	if (missed > 0)
		differ_in_index(
		    diff, "index/rows", "leads to every row",
		    arena_printf(diff->plan->arena, "misses rows of %zu bot%s", missed, missed == 1 ? "" : "s"));
	return missed > 0;
}

void diff_index(struct vectors_diff *diff)
{
	const struct observed_index *seen = &diff->seen->schema.index;
	const struct desired_index *desired = &diff->desired->index;
	struct arena *arena = diff->plan->arena;
	struct plan_action *action;

	/* A deployment makes the table anew, under another name of the cluster: what to do is judged after it. */
	if (diff_replacement_is_due(diff->input) && diff->input->desired->cluster.replace != DESIRED_REPLACE_RESTORE)
		return;
	if (diff->desired->schema == DESIRED_SCHEMA_IGNORE && !desired->present)
		return;
	if (!seen->exists || !seen->valid) {
		differ_in_index(diff, "index", "ivfflat", seen->exists ? "not valid" : NULL);
		action = build_index(diff, "index");
		action->reason = "searches read the whole table without a vector index";
	} else if (load_comes_first(diff)) {
		drop_index(diff);
		action = build_index(diff, "index");
		action->reason = "the rows come first";
	} else if (desired->present && strcmp(seen->method, "ivfflat") != 0) {
		differ_in_index(diff, "index/method", "ivfflat", seen->method);
		action = build_index(diff, "rebuild-index");
	} else if (desired->present && desired->lists != DESIRED_LISTS_AUTO && desired->lists != seen->lists) {
		differ_in_index(diff, "index/lists", arena_printf(arena, "%" PRId64, desired->lists),
		                arena_printf(arena, "%" PRId64, seen->lists));
		action = build_index(diff, "rebuild-index");
	} else if ((desired->present && desired->lists == DESIRED_LISTS_AUTO && differ_from_auto(diff)) ||
	           differ_in_rows(diff)) {
		action = build_index(diff, "rebuild-index");
	} else {
		return;
	}
	if (strcmp(action->verb, "rebuild-index") == 0) {
		action->allow = "rebuild-index";
		action->risk = RISK_DISRUPTIVE;
		action->reason = "the index is not as the spec has it; it is built beside the old one, then swapped";
		plan_action_call(diff->plan, action, "sql:DROP INDEX");
	}
}
