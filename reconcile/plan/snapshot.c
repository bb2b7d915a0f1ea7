#include "plan/snapshot.h"
#include "base/clock.h"

#include <string.h>

/* The clocks of AWS and of the machine that captured the baseline may differ; digests prove the rows in the end. */
#define CLOCK_SLACK_S 300
#define REASONS_SHOWN 5

/* What speaks for a snapshot: the higher, the better. */
enum rank { RANK_NONE, RANK_OWN_OF_PRESENT, RANK_FINAL, RANK_OWN };

struct choosing {
	const struct observed_restore *seen;
	const struct desired_baseline *baseline; /* NULL: what shall be is not of a baseline */
	const char *deployment;
	struct arena *arena;
};

static bool is_own(const struct choosing *choosing, const struct observed_snapshot *snapshot)
{
	return snapshot->deployment != NULL && strcmp(snapshot->deployment, choosing->deployment) == 0;
}

static bool is_of_present(const struct choosing *choosing, const struct observed_snapshot *snapshot)
{
	return choosing->seen->target_id != NULL && snapshot->resource_id != NULL &&
	       strcmp(snapshot->resource_id, choosing->seen->target_id) == 0;
}

static bool is_of_baseline(const struct choosing *choosing, const struct observed_snapshot *snapshot)
{
	return choosing->baseline != NULL && choosing->baseline->cluster != NULL && snapshot->cluster != NULL &&
	       strcmp(snapshot->cluster, choosing->baseline->cluster) == 0;
}

static enum rank rank_of(const struct choosing *choosing, const struct observed_snapshot *snapshot)
{
	if (is_own(choosing, snapshot))
		return is_of_present(choosing, snapshot) ? RANK_OWN_OF_PRESENT : RANK_OWN;
	if (snapshot->deployment == NULL && !is_of_present(choosing, snapshot) &&
	    (snapshot->final || is_of_baseline(choosing, snapshot)))
		return RANK_FINAL;
	return RANK_NONE;
}

/* There, or on its way. */
static bool is_usable(const struct observed_snapshot *snapshot)
{
	return strcmp(snapshot->status, "available") == 0 || strcmp(snapshot->status, "creating") == 0 ||
	       strcmp(snapshot->status, "copying") == 0;
}

/* Why it may not hold all rows of the baseline, or NULL. */
static const char *find_doubt(const struct choosing *choosing, const struct observed_snapshot *snapshot)
{
	char captured[CLOCK_RFC3339_SIZE];
	time_t created;

	if (choosing->baseline == NULL)
		return NULL;
	if (snapshot->created == NULL || clock_parse_rfc3339(snapshot->created, &created) != 0)
		return "RDS does not say when it was taken";
	if (created + CLOCK_SLACK_S >= choosing->baseline->captured_at)
		return NULL;
	clock_format_rfc3339(choosing->baseline->captured_at, captured);
	return arena_printf(choosing->arena,
	                    "it was taken at %s, before the baseline (%s), so rows written in between are not in it",
	                    snapshot->created, captured);
}

/* Why `auto` leaves it, or NULL. */
static const char *find_fault(const struct choosing *choosing, const struct observed_snapshot *snapshot)
{
	if (rank_of(choosing, snapshot) == RANK_NONE) {
		if (snapshot->deployment != NULL)
			return arena_printf(choosing->arena, "trueup took it for the deployment %s",
			                    snapshot->deployment);
		if (is_of_present(choosing, snapshot))
			return "it is of the present cluster";
		return "it is not of the stack's old cluster";
	}
	if (!is_usable(snapshot))
		return arena_printf(choosing->arena, "it is %s", snapshot->status);
	return find_doubt(choosing, snapshot);
}

static const char *describe_origin(const struct choosing *choosing, const struct observed_snapshot *snapshot)
{
	const char *who = is_own(choosing, snapshot) ? "trueup took it"
	                  : snapshot->final          ? "CloudFormation's last one"
	                                             : "it was taken";

	return arena_printf(choosing->arena, "%s of cluster %s%s%s", who,
	                    snapshot->cluster != NULL ? snapshot->cluster : "(not known)",
	                    snapshot->created != NULL ? ", " : "", snapshot->created != NULL ? snapshot->created : "");
}

static struct snapshot_choice take(const struct choosing *choosing, const struct observed_snapshot *snapshot,
                                   const char *id)
{
	return (struct snapshot_choice){.chosen = snapshot,
	                                .id = id,
	                                .origin = describe_origin(choosing, snapshot),
	                                .doubt = find_doubt(choosing, snapshot)};
}

/* "A (why), B (why) and 3 more", the newest first. */
static const char *list_faults(const struct choosing *choosing)
{
	const struct observed_restore *seen = choosing->seen;
	const char *text = "";
	size_t i, shown = seen->snapshot_count < REASONS_SHOWN ? seen->snapshot_count : REASONS_SHOWN;

	for (i = 0; i < shown; i++) {
		const struct observed_snapshot *snapshot = &seen->snapshots[seen->snapshot_count - 1 - i];

		text = arena_printf(choosing->arena, "%s%s%s (%s)", text, i > 0 ? ", " : "", snapshot->identifier,
		                    find_fault(choosing, snapshot));
	}
	if (shown < seen->snapshot_count)
		text = arena_printf(choosing->arena, "%s and %zu more", text, seen->snapshot_count - shown);
	return text;
}

static struct snapshot_choice choose_best(const struct choosing *choosing)
{
	const struct observed_restore *seen = choosing->seen;
	const struct observed_snapshot *best = NULL;
	enum rank highest = RANK_NONE;
	size_t i;

	for (i = seen->snapshot_count; i > 0; i--) { /* of equal rank the newest, which comes first */
		const struct observed_snapshot *snapshot = &seen->snapshots[i - 1];

		if (find_fault(choosing, snapshot) == NULL && rank_of(choosing, snapshot) > highest) {
			highest = rank_of(choosing, snapshot);
			best = snapshot;
		}
	}
	if (best != NULL)
		return take(choosing, best, best->identifier);
	return (struct snapshot_choice){
	    .why =
	        seen->snapshot_count > 0
	            ? arena_printf(choosing->arena, "no snapshot is known to hold the rows: %s", list_faults(choosing))
	            : "there is no snapshot that trueup took, and none of the stack's old cluster"};
}

static struct snapshot_choice choose_named(const struct choosing *choosing, const char *wanted)
{
	const struct observed_snapshot *named = choosing->seen->snapshots;

	if (choosing->seen->snapshot_count == 0)
		return (struct snapshot_choice){.why =
		                                    arena_printf(choosing->arena, "there is no snapshot %s", wanted)};
	if (!is_usable(named))
		return (struct snapshot_choice){
		    .why = arena_printf(choosing->arena, "the snapshot %s is %s", named->identifier, named->status)};
	return take(choosing, named, wanted);
}

struct snapshot_choice snapshot_choose(const struct plan_input *input, struct arena *arena)
{
	const char *wanted = input->desired->vectors.restore.from.snapshot;
	struct choosing choosing = {
	    .seen = &input->observed->vectors.restore,
	    .baseline = input->baseline,
	    .deployment = input->desired->metadata.name,
	    .arena = arena,
	};

	return strcmp(wanted, DESIRED_SNAPSHOT_AUTO) == 0 ? choose_best(&choosing) : choose_named(&choosing, wanted);
}
