/*
 * The vector table: schema there, each bot's rows as they should be, vector
 * index built after the rows.
 *
 * Bots fall in three lists. Those that are short of rows are copied: whoever
 * copies makes sure first that nothing which only the target holds is replaced.
 * Those that hold rows beyond what they should, and those that should not be
 * there, lose rows by being put right, so that takes the word delete-vectors.
 */
#include "plan/diff_vectors.h"

#include <inttypes.h>
#include <string.h>

#define KIND "vectors"

static void list_bot(struct vectors_diff *diff, struct bot_list *list, const char *id, int64_t rows)
{
	*ARENA_PUSH(diff->plan->arena, list->ids, list->count) = id;
	list->rows += rows;
}

const char *diff_rows_text(struct arena *arena, int64_t rows)
{
	return arena_printf(arena, "%" PRId64 " row%s", rows, rows == 1 ? "" : "s");
}

static const char *describe_expected(struct arena *arena, const struct expected_bot *expected)
{
	return expected->some ? "some rows" : diff_rows_text(arena, expected->rows);
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
	    .desired = expected != NULL ? describe_expected(arena, expected) : NULL,
	    .observed = observed != NULL ? diff_rows_text(arena, observed->rows) : NULL,
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

/* Rows are far from overflow: 2^63 / 10^4. Rounded up: what is less is not enough. */
int64_t diff_least_rows(const struct desired_vectors *desired, const struct expected_bot *expected)
{
	int64_t whole = DESIRED_PERCENT_WHOLE;

	return expected->some ? 1 : (expected->rows * (whole - desired->tolerance) + whole - 1) / whole;
}

int64_t diff_most_rows(const struct desired_vectors *desired, const struct expected_bot *expected)
{
	if (expected->some || desired->match != DESIRED_MATCH_EXACT)
		return INT64_MAX;
	return expected->rows * (DESIRED_PERCENT_WHOLE + desired->tolerance) / DESIRED_PERCENT_WHOLE;
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

	if (expected->gone)
		return;
	if (rows < diff_least_rows(diff->desired, expected)) {
		differ(diff, expected->id, expected, observed);
		list_bot(diff, &diff->wanting, expected->id, expected->rows - rows);
		diff->wanting.bare += expected->some;
	} else if (rows > diff_most_rows(diff->desired, expected)) {
		differ(diff, expected->id, expected, observed);
		list_bot(diff, &diff->overfull, expected->id, rows - expected->rows);
	} else if (observed != NULL && digests_count(diff->desired, expected)) {
		diff_digest(diff, expected, observed);
	}
}

static void diff_extra_bots(struct vectors_diff *diff)
{
	const struct expected *expected = &diff->expected;
	size_t i, newer = 0;

	for (i = 0; i < diff->seen->bot_count; i++) {
		const struct observed_bot *bot = &diff->seen->bots[i];

		if (diff_find_expected(expected, bot->id) != NULL)
			continue;
		if (strcmp(bot->id, OBSERVED_NO_BOT) == 0) {
			plan_add_note(diff->plan, diff->resource,
			              "%s of no bot (botid is NULL): no search finds them, and trueup leaves them",
			              diff_rows_text(diff->plan->arena, bot->rows));
			continue;
		}
		if (expected->application != NULL && observed_find_app_bot(expected->application, bot->id) != NULL) {
			newer++;
			continue;
		}
		differ(diff, bot->id, NULL, bot);
		list_bot(diff, &diff->extra, bot->id, bot->rows);
	}
	if (newer > 0 && diff->desired->counts.from != DESIRED_COUNTS_BOTS)
		plan_add_note(diff->plan, diff->resource,
		              "%zu bot%s of the application %s not in spec.vectors.counts, and %s not compared", newer,
		              newer == 1 ? "" : "s", newer == 1 ? "is" : "are", newer == 1 ? "was" : "were");
	diff->orphans = expected->application != NULL;
}

static void diff_rows(struct vectors_diff *diff)
{
	size_t i;

	for (i = 0; i < diff->expected.count; i++)
		diff_expected_bot(diff, &diff->expected.bots[i]);
	if (diff->desired->match == DESIRED_MATCH_EXACT)
		diff_extra_bots(diff);
}

const char *diff_describe_wanting(struct arena *arena, const struct bot_list *list)
{
	size_t wanting = list->count - list->changed - list->bare;
	const char *text = "";

	if (wanting > 0)
		text = arena_printf(arena, "%zu bot%s short of %s", wanting, wanting == 1 ? " is" : "s are",
		                    diff_rows_text(arena, list->rows));
	if (list->bare > 0)
		text = arena_printf(arena, "%zu bot%s no rows", list->bare,
		                    list->bare == 1 ? " with knowledge has" : "s with knowledge have");
	if (list->changed > 0)
		text = arena_printf(arena, "%s%s%zu bot%s", text, *text != '\0' ? ", " : "", list->changed,
		                    list->changed == 1 ? " has other rows than it should"
		                                       : "s have other rows than they should");
	return text;
}

const char *diff_describe_orphans(struct arena *arena, const struct bot_list *list)
{
	return arena_printf(arena, "%s of %zu bot%s", diff_rows_text(arena, list->rows), list->count,
	                    list->count == 1 ? " that no longer exists" : "s that no longer exist");
}

static const char *join(struct arena *arena, const char *text, const char *more)
{
	return text != NULL ? arena_printf(arena, "%s, %s", text, more) : more;
}

static void set_reason(struct vectors_diff *diff)
{
	struct arena *arena = diff->plan->arena;
	const char *reason = NULL;

	if (diff->resource->state != RESOURCE_DRIFTED)
		return;
	if (diff->wanting.count > 0)
		reason = diff_describe_wanting(arena, &diff->wanting);
	if (diff->overfull.count > 0 || (diff->extra.count > 0 && !diff->orphans))
		reason = join(
		    arena, reason,
		    arena_printf(arena, "%s too many",
		                 diff_rows_text(arena, diff->overfull.rows + (diff->orphans ? 0 : diff->extra.rows))));
	if (diff->extra.count > 0 && diff->orphans)
		reason = join(arena, reason, diff_describe_orphans(arena, &diff->extra));
	if (reason == NULL)
		reason = diff->leftover != NULL ? diff->leftover : "its schema or index differs";
	plan_set_reason(diff->plan, diff->resource, "%s", reason);
}

static void compare_rows_of_bots(struct vectors_diff *diff)
{
	if (!diff->desired->counts.present)
		return;
	diff->expected = diff_expect(diff->input, diff->plan->arena);
	diff->unknown = diff->expected.unknown;
	if (diff->unknown == NULL)
		diff_rows(diff);
}

bool diff_compare_rows(const struct plan_input *input, struct arena *arena, struct vectors_diff *diff)
{
	struct plan *scratch = arena_alloc(arena, sizeof(*scratch));

	scratch->arena = arena;
	*diff = (struct vectors_diff){.input = input,
	                              .plan = scratch,
	                              .resource = plan_add_resource(scratch, KIND, ""),
	                              .desired = &input->desired->vectors,
	                              .seen = &input->observed->vectors};
	if (!diff->desired->present || !diff->desired->counts.present || diff->seen->head.status != OBSERVED_SEEN ||
	    !diff->seen->schema.table || diff->seen->schema.mismatch != NULL)
		return false;
	compare_rows_of_bots(diff);
	return true;
}

bool diff_rows_match(const struct plan_input *input, struct arena *arena)
{
	struct vectors_diff diff;

	return diff_compare_rows(input, arena, &diff) && diff.unknown == NULL && diff.resource->difference_count == 0;
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
		diff_restore(diff);
	} else if (diff->desired->counts.present) {
		/* Rows that nobody could read are not missing. */
		diff->unknown = arena_printf(diff->plan->arena, "its rows cannot be read: %s", mismatch);
	}
	diff_list_counts(diff);
	set_reason(diff);
	block_if_cluster_unseen(diff);
	if (diff->unknown != NULL) {
		diff->resource->state = RESOURCE_UNKNOWN;
		diff->resource->reason = diff->unknown;
	}
}

/*
 * From one rename of a replacement to the end of the other, the name leads to a cluster that is about to lose it, to
 * nobody, or to one that does not answer to it yet; the rows are the old cluster's and the new one's.
 */
static bool is_between_clusters(const struct observed_cluster *cluster)
{
	const struct observed_database *current = &cluster->current;

	if (cluster->head.status != OBSERVED_SEEN || (!cluster->fresh.exists && !cluster->aside.exists))
		return false;
	return current->exists ? strcmp(current->status, "renaming") == 0
	                       : cluster->aside.exists && cluster->fresh.exists;
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
