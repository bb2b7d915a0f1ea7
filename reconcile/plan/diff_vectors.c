/*
 * The vector table: schema there, each bot's rows as they should be, vector
 * index built after the rows.
 *
 * Bots fall in three lists. Those that are short of rows are copied: whoever
 * copies makes sure first that nothing which only the target holds is replaced.
 * Those that hold rows beyond what they should, and those that should not be
 * there, lose rows by being put right, so that takes the word delete-vectors.
 */
#include "plan/diff.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define KIND "vectors"
#define UNINDEXED "vectors/unindexed"

struct expected_bot {
	const char *id;
	const char *digest; /* NULL: only the rows are known */
	int64_t rows;
};

struct expected {
	struct expected_bot *bots; /* sorted by id */
	size_t count;
	const char *unknown; /* why it is not known how many rows there should be; NULL: it is */
};

struct bot_list {
	const char **ids;
	size_t count;
	size_t changed; /* of these, bots with as many rows as they should have, but not the same ones */
	int64_t rows;   /* that are missing, or too many */
};

struct vectors_diff {
	const struct plan_input *input;
	struct plan *plan;
	struct plan_resource *resource;
	const struct desired_vectors *desired;
	const struct observed_vectors *seen;
	struct bot_list wanting;  /* short of rows, or with other rows */
	struct bot_list overfull; /* more rows than they should have */
	struct bot_list extra;    /* should not be there at all */
	const char *unknown;      /* why it is not known whether the rows match; NULL: it is */
};

static struct expected expect_baseline(const struct plan_input *input, struct arena *arena)
{
	struct expected expected = {.unknown = input->baseline_error};
	size_t i;

	if (input->baseline == NULL)
		return expected;
	expected.bots = arena_array(arena, input->baseline->bot_count, sizeof(*expected.bots));
	expected.count = input->baseline->bot_count;
	for (i = 0; i < expected.count; i++)
		expected.bots[i] = (struct expected_bot){input->baseline->bots[i].id, input->baseline->bots[i].digest,
		                                         input->baseline->bots[i].rows};
	return expected;
}

static struct expected expect_source(const struct plan_input *input, struct arena *arena)
{
	const struct observed_vectors *seen = &input->observed->vectors;
	struct expected expected = {0};
	size_t i;

	if (seen->source_head.status != OBSERVED_SEEN) {
		expected.unknown = seen->source_head.reason != NULL ? seen->source_head.reason : "it was not looked at";
		expected.unknown = arena_printf(arena, "the source of the rows: %s", expected.unknown);
		return expected;
	}
	expected.bots = arena_array(arena, seen->source_count, sizeof(*expected.bots));
	expected.count = seen->source_count;
	for (i = 0; i < expected.count; i++)
		expected.bots[i] =
		    (struct expected_bot){seen->source[i].id, seen->source[i].digest, seen->source[i].rows};
	return expected;
}

static struct expected expect_inline(const struct plan_input *input, struct arena *arena)
{
	const struct desired_counts *counts = &input->desired->vectors.counts;
	struct expected expected = {.bots = arena_array(arena, counts->bot_count, sizeof(*expected.bots)),
	                            .count = counts->bot_count};
	size_t i;

	for (i = 0; i < expected.count; i++)
		expected.bots[i] = (struct expected_bot){counts->bots[i].bot, NULL, counts->bots[i].rows};
	return expected;
}

static struct expected expect(const struct plan_input *input, struct arena *arena)
{
	switch (input->desired->vectors.counts.from) {
	case DESIRED_COUNTS_BASELINE:
		return expect_baseline(input, arena);
	case DESIRED_COUNTS_SOURCE:
		return expect_source(input, arena);
	case DESIRED_COUNTS_INLINE:
		return expect_inline(input, arena);
	case DESIRED_COUNTS_BOTS:
		break; /* the spec's reader refuses it */
	}
	return (struct expected){.unknown = "spec.vectors.counts.from is not known to this version"};
}

static void list_bot(struct vectors_diff *diff, struct bot_list *list, const char *id, int64_t rows)
{
	*ARENA_PUSH(diff->plan->arena, list->ids, list->count) = id;
	list->rows += rows;
}

static const char *rows_text(struct arena *arena, int64_t rows)
{
	return arena_printf(arena, "%" PRId64 " row%s", rows, rows == 1 ? "" : "s");
}

static void differ(struct vectors_diff *diff, const char *id, const struct expected_bot *expected,
                   const struct observed_bot *observed)
{
	struct arena *arena = diff->plan->arena;
	struct plan_difference difference = {
	    .path = arena_printf(arena, "bots/%s", id),
	    .change = observed == NULL   ? CHANGE_ADD
	              : expected == NULL ? CHANGE_REMOVE
	                                 : CHANGE_REPLACE,
	    .desired = expected != NULL ? rows_text(arena, expected->rows) : NULL,
	    .observed = observed != NULL ? rows_text(arena, observed->rows) : NULL,
	};

	plan_add_difference(diff->plan, diff->resource, &difference);
}

static void differ_in_digest(struct vectors_diff *diff, const struct expected_bot *expected,
                             const struct observed_bot *observed)
{
	struct plan_difference difference = {
	    .path = arena_printf(diff->plan->arena, "bots/%s/digest", expected->id),
	    .change = CHANGE_REPLACE,
	    .desired = expected->digest,
	    .observed = observed->digest,
	};

	plan_add_difference(diff->plan, diff->resource, &difference);
	list_bot(diff, &diff->wanting, expected->id, 0);
	diff->wanting.changed++;
}

/* Below the least or above the most that the tolerance allows? -1, 0, 1. Rows are far from overflow: 2^63 / 10^4. */
static int compare_rows(const struct desired_vectors *desired, int64_t expected, int64_t observed)
{
	int64_t whole = DESIRED_PERCENT_WHOLE;

	if (observed * whole < expected * (whole - desired->tolerance))
		return -1;
	if (desired->match == DESIRED_MATCH_EXACT && observed * whole > expected * (whole + desired->tolerance))
		return 1;
	return 0;
}

static bool digests_count(const struct desired_vectors *desired, const struct expected_bot *expected)
{
	return desired->match == DESIRED_MATCH_EXACT && desired->tolerance == 0 && expected->digest != NULL;
}

/* As many rows as there should be: but are they the same? */
static void diff_digest(struct vectors_diff *diff, const struct expected_bot *expected,
                        const struct observed_bot *observed)
{
	if (observed->digest == NULL)
		diff->unknown = "digests were not observed: observe again with this spec";
	else if (strcmp(expected->digest, observed->digest) != 0)
		differ_in_digest(diff, expected, observed);
}

static void diff_expected_bot(struct vectors_diff *diff, const struct expected_bot *expected)
{
	const struct observed_bot *observed = observed_find_bot(diff->seen->bots, diff->seen->bot_count, expected->id);
	int64_t rows = observed != NULL ? observed->rows : 0;
	int order = compare_rows(diff->desired, expected->rows, rows);

	if (order < 0) {
		differ(diff, expected->id, expected, observed);
		list_bot(diff, &diff->wanting, expected->id, expected->rows - rows);
	} else if (order > 0) {
		differ(diff, expected->id, expected, observed);
		list_bot(diff, &diff->overfull, expected->id, rows - expected->rows);
	} else if (observed != NULL && digests_count(diff->desired, expected)) {
		diff_digest(diff, expected, observed);
	}
}

static int compare_expected_id(const void *id, const void *bot)
{
	return strcmp(id, ((const struct expected_bot *)bot)->id);
}

static void diff_extra_bots(struct vectors_diff *diff, const struct expected *expected)
{
	size_t i;

	for (i = 0; i < diff->seen->bot_count; i++) {
		const struct observed_bot *bot = &diff->seen->bots[i];

		if (expected->count > 0 &&
		    bsearch(bot->id, expected->bots, expected->count, sizeof(*expected->bots), compare_expected_id))
			continue;
		if (strcmp(bot->id, OBSERVED_NO_BOT) == 0) {
			plan_add_note(diff->plan, diff->resource,
			              "%s of no bot (botid is NULL): no search finds them, and trueup leaves them",
			              rows_text(diff->plan->arena, bot->rows));
			continue;
		}
		differ(diff, bot->id, NULL, bot);
		list_bot(diff, &diff->extra, bot->id, bot->rows);
	}
}

static void diff_rows(struct vectors_diff *diff, const struct expected *expected)
{
	size_t i;

	for (i = 0; i < expected->count; i++)
		diff_expected_bot(diff, &expected->bots[i]);
	if (diff->desired->match == DESIRED_MATCH_EXACT)
		diff_extra_bots(diff, expected);
}

static void set_bots(struct vectors_diff *diff, struct plan_action *action, const struct bot_list *list)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		plan_action_set(diff->plan, action, "bot", list->ids[i]);
}

static struct plan_action *add_rows_action(struct vectors_diff *diff, const char *verb, const struct bot_list *list)
{
	struct plan_action *action = plan_add_action(diff->plan, diff->resource, verb, NULL);

	plan_action_need(diff->plan, action, CONDITION_CLUSTER_ENCRYPTED);
	plan_action_need(diff->plan, action, CONDITION_SCHEMA);
	set_bots(diff, action, list);
	return action;
}

/* "from cluster my-cluster-old": where the spec takes rows from. NULL: nowhere. */
static const char *describe_source(const struct vectors_diff *diff)
{
	const struct desired_restore *restore = &diff->desired->restore;

	if (!restore->present || restore->method != DESIRED_RESTORE_COPY)
		return NULL;
	if (restore->from.kind == DESIRED_SOURCE_CLUSTER)
		return arena_printf(diff->plan->arena, "cluster %s", restore->from.cluster);
	return restore->from.connect.host != NULL ? restore->from.connect.host : "spec.vectors.restore.from.connect";
}

/* "2 bots are short of 314 rows, 1 bot has other rows than it should" */
static const char *describe_wanting(struct arena *arena, const struct bot_list *list)
{
	size_t wanting = list->count - list->changed;
	const char *text = "";

	if (wanting > 0)
		text = arena_printf(arena, "%zu bot%s short of %s", wanting, wanting == 1 ? " is" : "s are",
		                    rows_text(arena, list->rows));
	if (list->changed > 0)
		text = arena_printf(arena, "%s%s%zu bot%s", text, wanting > 0 ? ", " : "", list->changed,
		                    list->changed == 1 ? " has other rows than it should"
		                                       : "s have other rows than they should");
	return text;
}

static const char *describe_overfull(struct arena *arena, const struct bot_list *list)
{
	return arena_printf(arena, "%zu bot%s %s too many", list->count, list->count == 1 ? " has" : "s have",
	                    rows_text(arena, list->rows));
}

static struct plan_action *copy_bots(struct vectors_diff *diff, const char *verb, const struct bot_list *list)
{
	struct arena *arena = diff->plan->arena;
	const char *source = describe_source(diff);
	struct plan_action *action = add_rows_action(diff, verb, list);

	action->reason = list == &diff->wanting ? describe_wanting(arena, list) : describe_overfull(arena, list);
	if (source != NULL)
		action->reason = arena_printf(arena, "%s: %s from %s", action->reason,
		                              list == &diff->wanting ? "copied" : "replaced", source);
	else
		plan_action_block(diff->plan, action,
		                  "a person: say in spec.vectors.restore where the rows can be copied from");
	plan_action_call(diff->plan, action, "sql:COPY");
	return action;
}

static void delete_bots(struct vectors_diff *diff)
{
	struct plan_action *action = add_rows_action(diff, "delete", &diff->extra);
	action->allow = "delete-vectors";
	action->risk = RISK_DESTRUCTIVE;
	action->reason =
	    arena_printf(diff->plan->arena, "%zu bot%s should not be there, %s", diff->extra.count,
	                 diff->extra.count == 1 ? "" : "s", rows_text(diff->plan->arena, diff->extra.rows));
	plan_action_call(diff->plan, action, "sql:DELETE");
}

static void put_rows_right(struct vectors_diff *diff)
{
	struct plan_action *action;

	if (diff->wanting.count > 0) {
		action = copy_bots(diff, "copy", &diff->wanting);
		action->gives = CONDITION_ROWS;
		plan_action_need(diff->plan, action, UNINDEXED);
	}
	if (diff->overfull.count > 0) {
		action = copy_bots(diff, "replace", &diff->overfull);
		action->allow = "delete-vectors";
		action->risk = RISK_DESTRUCTIVE;
	}
	if (diff->extra.count > 0)
		delete_bots(diff);
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

	if (!diff->seen->schema.index.exists || diff->wanting.count == 0 || describe_source(diff) == NULL)
		return false;
	return present == 0 ||
	       (diff->wanting.rows > present && (diff->input->desired->allow & DESIRED_ALLOW_REBUILD_INDEX) != 0);
}

static void drop_index(struct vectors_diff *diff)
{
	struct plan_action *action = plan_add_action(diff->plan, diff->resource, "drop-index", NULL);

	plan_action_need(diff->plan, action, CONDITION_CLUSTER_ENCRYPTED);
	plan_action_need(diff->plan, action, CONDITION_SCHEMA);
	action->gives = UNINDEXED;
	action->reason = "the index is built again once the rows are there: faster, and it finds more";
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

static void diff_index(struct vectors_diff *diff)
{
	const struct observed_index *seen = &diff->seen->schema.index;
	const struct desired_index *desired = &diff->desired->index;
	struct arena *arena = diff->plan->arena;
	struct plan_action *action;

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
	} else {
		return;
	}
	if (strcmp(action->verb, "rebuild-index") == 0) {
		action->allow = "rebuild-index";
		action->risk = RISK_DISRUPTIVE;
		action->reason = "the index is not as the spec has it; it is built beside the old one, then swapped";
	}
}

static void differ_in_schema(struct vectors_diff *diff, const char *path, const char *desired, bool present)
{
	struct plan_difference difference = {path, CHANGE_ADD, desired, NULL};

	if (!present)
		plan_add_difference(diff->plan, diff->resource, &difference);
}

static void diff_schema(struct vectors_diff *diff)
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

static void set_reason(struct vectors_diff *diff)
{
	struct arena *arena = diff->plan->arena;
	const char *reason = NULL;

	if (diff->resource->state != RESOURCE_DRIFTED)
		return;
	if (diff->wanting.count > 0)
		reason = describe_wanting(arena, &diff->wanting);
	if (diff->overfull.count + diff->extra.count > 0)
		reason =
		    arena_printf(arena, "%s%s%s too many", reason != NULL ? reason : "", reason != NULL ? ", " : "",
		                 rows_text(arena, diff->overfull.rows + diff->extra.rows));
	plan_set_reason(diff->plan, diff->resource, "%s", reason != NULL ? reason : "its schema or index differs");
}

static void compare_rows_of_bots(struct vectors_diff *diff)
{
	struct expected expected;

	if (!diff->desired->counts.present)
		return;
	expected = expect(diff->input, diff->plan->arena);
	diff->unknown = expected.unknown;
	if (expected.unknown == NULL)
		diff_rows(diff, &expected);
}

bool diff_rows_match(const struct plan_input *input, struct arena *arena)
{
	struct plan scratch = {.arena = arena};
	struct vectors_diff diff = {.input = input,
	                            .plan = &scratch,
	                            .resource = plan_add_resource(&scratch, KIND, ""),
	                            .desired = &input->desired->vectors,
	                            .seen = &input->observed->vectors};

	if (!diff.desired->present || !diff.desired->counts.present || diff.seen->head.status != OBSERVED_SEEN ||
	    !diff.seen->schema.table || diff.seen->schema.mismatch != NULL)
		return false;
	compare_rows_of_bots(&diff);
	return diff.unknown == NULL && diff.resource->difference_count == 0;
}

/* Whether the cluster is to be replaced first is not known, so nothing is done to its rows. */
static void block_if_cluster_unseen(struct vectors_diff *diff)
{
	size_t i;

	if (!diff->input->desired->cluster.present || diff->input->observed->cluster.head.status != OBSERVED_UNKNOWN)
		return;
	for (i = 0; i < diff->plan->action_count; i++)
		if (strcmp(diff->plan->actions[i]->kind, KIND) == 0)
			plan_action_block(diff->plan, diff->plan->actions[i], "the cluster could not be observed");
}

static void diff_seen(struct vectors_diff *diff)
{
	const char *mismatch = diff->seen->schema.mismatch;

	diff_schema(diff);
	if (mismatch == NULL) {
		compare_rows_of_bots(diff);
		diff_index(diff);
		put_rows_right(diff);
	} else if (diff->desired->counts.present) {
		/* Rows that nobody could read are not missing. */
		diff->unknown = arena_printf(diff->plan->arena, "its rows cannot be read: %s", mismatch);
	}
	set_reason(diff);
	block_if_cluster_unseen(diff);
	if (diff->unknown != NULL) {
		diff->resource->state = RESOURCE_UNKNOWN;
		diff->resource->reason = diff->unknown;
	}
}

/* Between the two renames of a replacement nobody has the name; its rows are the old cluster's and the new one's. */
static bool is_between_clusters(const struct observed_cluster *cluster)
{
	return cluster->head.status == OBSERVED_SEEN && !cluster->current.exists && cluster->aside.exists &&
	       cluster->fresh.exists;
}

void plan_diff_vectors(const struct plan_input *input, struct plan *plan)
{
	static const struct observed_head between = {OBSERVED_SKIPPED, "its cluster is being replaced", NULL};
	const struct observed_vectors *seen = &input->observed->vectors;
	struct vectors_diff diff = {.input = input, .plan = plan, .desired = &input->desired->vectors, .seen = seen};

	if (!diff.desired->present || plan_is_left_out(&seen->head))
		return;
	if (seen->head.status != OBSERVED_SEEN) {
		plan_add_unseen(plan, KIND, diff.desired->table,
		                is_between_clusters(&input->observed->cluster) ? &between : &seen->head);
		return;
	}
	diff.resource = plan_add_resource(plan, KIND, diff.desired->table);
	diff_seen(&diff);
}
