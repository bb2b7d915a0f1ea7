/*
 * Rows by logical replication, from a source that is still being written.
 *
 * One action, `replicate`, does all of it: it sets both ends up, copies, lets
 * the target follow, and takes everything down at the first moment at which
 * every bot of the source is equal on the target. Where a crash has left it is
 * seen on both ends: a subscription that is enabled, with its slot, needs to be
 * followed on; anything else is begun anew. What is left where nothing needs
 * it any more is removed by `end-replication`: above all the slot, for which the
 * source would keep its WAL for ever.
 */
#include "plan/diff_vectors.h"

#include <inttypes.h>

#define MEGABYTE ((int64_t)1 << 20)

static bool is_left(const struct observed_replication *seen)
{
	return seen->target.subscription || seen->source.slot || seen->source.old_slot || seen->source.publication ||
	       seen->source.role;
}

static bool is_under_way(const struct vectors_diff *diff)
{
	const struct observed_replication *seen = &diff->seen->replication;

	return seen->target.enabled && seen->source.slot && !seen->source.slot_lost;
}

/*
 * Where a beginning was cut off, rows too many may be such as the source has
 * deleted since. The slot knows: whoever begins anew finds out which they are,
 * and keeps the others. A slot without a subscription is of a replication that
 * was done: what the source deleted since then is its own affair.
 */
static bool knows_deletions(const struct vectors_diff *diff)
{
	const struct observed_replication *seen = &diff->seen->replication;

	return seen->source.old_slot || (seen->target.subscription && seen->source.slot && !seen->source.slot_lost);
}

/* Bots with more rows than on the source lose some by being replaced. */
static bool needs_word(const struct vectors_diff *diff)
{
	return diff->overfull.count > 0 && !knows_deletions(diff);
}

static bool is_wanted(const struct vectors_diff *diff)
{
	return diff->wanting.count + diff->overfull.count > 0 || (diff->extra.count > 0 && knows_deletions(diff));
}

static bool may_begin(const struct vectors_diff *diff)
{
	return !needs_word(diff) || (diff->input->desired->allow & DESIRED_ALLOW_DELETE_VECTORS) != 0;
}

static const char *advise_logical(const struct vectors_diff *diff, const char *source)
{
	const char *how = diff->seen->replication.source.rds
	                      ? "set rds.logical_replication = 1 in its cluster parameter group, then reboot its writer"
	                      : "set wal_level = logical in its postgresql.conf, then restart it";

	return arena_printf(diff->plan->arena, "a person: wal_level is not logical on %s: %s", source, how);
}

/* What the source lacks, or NULL. */
static const char *find_obstacle_there(const struct vectors_diff *diff, const char *source)
{
	const struct observed_publisher *seen = &diff->seen->replication.source;
	struct arena *arena = diff->plan->arena;

	if (!seen->logical)
		return advise_logical(diff, source);
	if (seen->missing != NULL)
		return arena_printf(arena, "a person: on %s, %s", source, seen->missing);
	if (!seen->identity)
		return arena_printf(arena,
		                    "a person: the table on %s has no primary key, so that once it is published its "
		                    "rows could be neither changed nor deleted: give it one, on id",
		                    source);
	if (seen->extra != NULL)
		return arena_printf(arena,
		                    "a person: the table on %s has columns that are not Bedrock Chat's (%s), which the "
		                    "target has no place for: use `method: copy`, which leaves them out",
		                    source, seen->extra);
	if (!seen->slot && seen->slots_left < 1)
		return arena_printf(arena,
		                    "a person: %s has no replication slot left: drop one that nobody uses "
		                    "(pg_replication_slots), or raise max_replication_slots",
		                    source);
	return NULL;
}

/* Why it cannot begin, or NULL. */
static const char *find_obstacle(const struct vectors_diff *diff, const char *source)
{
	const struct observed_replication *seen = &diff->seen->replication;
	struct arena *arena = diff->plan->arena;

	if (seen->head.status != OBSERVED_SEEN)
		return arena_printf(arena, "%s could not be observed: %s", source,
		                    seen->head.reason != NULL ? seen->head.reason : "observe again with this spec");
	if (seen->target.missing != NULL)
		return arena_printf(arena, "a person: on the target, %s", seen->target.missing);
	return find_obstacle_there(diff, source);
}

static struct plan_action *add_step(struct vectors_diff *diff, const char *verb)
{
	struct plan_action *action = plan_add_action(diff->plan, diff->resource, verb, NULL);

	plan_action_need(diff->plan, action, CONDITION_CLUSTER_ENCRYPTED);
	plan_action_set(diff->plan, action, "name", diff->seen->replication.name);
	return action;
}

/* One that is followed may have to be begun anew: see kinds/restore_replication.c. */
static void add_calls(struct vectors_diff *diff, struct plan_action *action, bool replicates)
{
	static const char *const makes[] = {"sql:CREATE ROLE", "sql:CREATE PUBLICATION", "sql:CREATE SUBSCRIPTION",
	                                    "sql:CREATE_REPLICATION_SLOT"};
	static const char *const drops[] = {"sql:DROP SUBSCRIPTION", "sql:pg_drop_replication_slot",
	                                    "sql:DROP PUBLICATION", "sql:DROP ROLE"};
	size_t i;

	for (i = 0; replicates && i < sizeof(makes) / sizeof(makes[0]); i++)
		plan_action_call(diff->plan, action, makes[i]);
	if (replicates)
		plan_action_call_copy(diff->plan, action);
	for (i = 0; i < sizeof(drops) / sizeof(drops[0]); i++)
		plan_action_call(diff->plan, action, drops[i]);
}

static const char *describe_need(struct vectors_diff *diff, const char *source)
{
	struct arena *arena = diff->plan->arena;

	if (diff->wanting.count > 0)
		return arena_printf(arena, "%s: replicated from %s, which may go on being written",
		                    diff_describe_wanting(arena, &diff->wanting), source);
	return arena_printf(arena, "%s too many: replaced by those of %s",
	                    diff_rows_text(arena, diff->overfull.rows + diff->extra.rows), source);
}

static void begin(struct vectors_diff *diff, const char *source, const char *obstacle)
{
	struct plan_action *action = add_step(diff, "replicate");

	action->gives = CONDITION_ROWS;
	action->reason = describe_need(diff, source);
	plan_action_need(diff->plan, action, CONDITION_SCHEMA);
	plan_action_need(diff->plan, action, CONDITION_UNINDEXED);
	add_calls(diff, action, true);
	if (needs_word(diff)) {
		action->allow = "delete-vectors";
		action->risk = RISK_DESTRUCTIVE;
	}
	if (obstacle != NULL)
		plan_action_block(diff->plan, action, "%s", obstacle);
	else if (!diff->seen->replication.source.slot && !diff->seen->replication.source.old_slot)
		plan_add_note(diff->plan, diff->resource,
		              "until its rows are equal on the target, %s has a publication, a replication slot and a "
		              "role named %s, and keeps its WAL for the slot",
		              source, diff->seen->replication.name);
}

static void follow(struct vectors_diff *diff, const char *source)
{
	struct plan_action *action = add_step(diff, "replicate");

	action->gives = CONDITION_ROWS;
	action->reason =
	    arena_printf(diff->plan->arena, "the target follows %s, until they are equal at one moment", source);
	add_calls(diff, action, true);
}

static void end(struct vectors_diff *diff, const char *source)
{
	struct plan_action *action = add_step(diff, "end-replication");

	action->reason =
	    diff->seen->replication.source_gone
	        ? arena_printf(diff->plan->arena, "%s is gone, and there is nothing left to follow", source)
	        : "it was left by a run that was cut off, and nothing needs it";
	add_calls(diff, action, false);
}

/* What there is of a replication is drift: it is not there to stay. */
static void differ(struct vectors_diff *diff)
{
	const struct observed_replication *seen = &diff->seen->replication;
	struct arena *arena = diff->plan->arena;
	const char *parts = "";
	const struct {
		bool there;
		const char *name;
	} pieces[] = {{seen->target.subscription, "subscription"},
	              {seen->source.slot || seen->source.old_slot, "slot"},
	              {seen->source.publication, "publication"},
	              {seen->source.role, "role"}};
	struct plan_difference difference = {"replication", CHANGE_REMOVE, NULL, NULL};
	size_t i;

	for (i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
		if (pieces[i].there)
			parts = arena_printf(arena, "%s%s%s", parts, *parts != '\0' ? ", " : "", pieces[i].name);
	difference.observed = arena_printf(arena, "%s (%s)", seen->name, parts);
	plan_add_difference(diff->plan, diff->resource, &difference);
	if (diff->wanting.count + diff->overfull.count + diff->extra.count == 0)
		plan_set_reason(diff->plan, diff->resource, "%s",
		                is_under_way(diff) ? "its replication is under way" : "a replication was left over");
}

static void note_what_is_held(struct vectors_diff *diff, const char *source)
{
	const struct observed_replication *seen = &diff->seen->replication;

	if (seen->source.slot || seen->source.old_slot)
		plan_add_note(diff->plan, diff->resource,
		              "the replication slot %s has %s keep its WAL, %" PRId64 " MB so far, until it is dropped",
		              seen->name, source, seen->source.held_bytes / MEGABYTE);
	if (seen->head.status == OBSERVED_UNKNOWN && seen->target.subscription && !seen->source_gone)
		plan_add_note(
		    diff->plan, diff->resource,
		    "the target still has the subscription %s: if %s never comes back, drop it there (ALTER "
		    "SUBSCRIPTION %s DISABLE; ALTER SUBSCRIPTION %s SET (slot_name = NONE); DROP SUBSCRIPTION "
		    "%s)",
		    seen->name, source, seen->name, seen->name, seen->name);
}

bool diff_replication(struct vectors_diff *diff)
{
	const struct observed_replication *seen = &diff->seen->replication;
	const char *source = diff_describe_source(diff);
	const char *obstacle = find_obstacle(diff, source);
	bool begins = is_wanted(diff) && obstacle == NULL && may_begin(diff);

	if (is_left(seen))
		differ(diff);
	note_what_is_held(diff, source);
	if (is_under_way(diff))
		follow(diff, source);
	else if (is_wanted(diff))
		begin(diff, source, obstacle);
	/* To begin anew takes down whatever there is; where it cannot begin, nothing needs that. */
	if (is_left(seen) && !begins && !is_under_way(diff) &&
	    (seen->head.status == OBSERVED_SEEN || seen->source_gone))
		end(diff, source);
	return is_under_way(diff) || (begins && knows_deletions(diff));
}
