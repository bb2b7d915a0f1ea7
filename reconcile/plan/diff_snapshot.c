/*
 * Rows from a snapshot. It is restored to a temporary cluster beside the
 * deployment's, and from there they are copied as from any cluster:
 *
 *   restore-source   the temporary cluster is available
 *   source-instance  it can be connected to
 *   copy             the rows are there (replace: those of bots with too many)
 *   delete-source    once it was seen that no row is missing: nothing temporary is left
 *
 * Which snapshot is chosen, and which of these are still to be done, follows
 * from what is there, so that a run that was killed anywhere is finished by the
 * next. While the cluster itself is still to be replaced nothing is begun: what
 * is then missing, and what snapshots there are, shows only afterwards.
 */
#include "plan/diff_vectors.h"
#include "plan/names.h"
#include "plan/snapshot.h"

#include <string.h>
#include <strings.h>

#define CONDITION_RESTORED "vectors/restored"

#define DURATION "up to a few hours, and 5 to 15 minutes for its instance, before the copy begins"
#define PRICE                                                                                                          \
	"about 0.06 to 0.12 USD an hour in us-east-1 (0.5 to 1 ACU of Aurora Serverless v2; other regions have other " \
	"prices), and its storage"

/* Where the rows come from. */
struct source {
	const char *snapshot;               /* identifier or ARN; NULL: nowhere */
	const char *origin;                 /* what is known of it; NULL: it is gone, and its cluster still there */
	const char *name;                   /* of the temporary cluster */
	const struct observed_database *at; /* whoever has that name; NULL: nobody */
};

static const struct observed_restore *seen_restore(const struct vectors_diff *diff)
{
	return &diff->seen->restore;
}

/* Made by trueup for just this: by tags and by name, and surely not the cluster in use. */
static bool is_ours(const struct vectors_diff *diff, const struct observed_database *database)
{
	const char *deployment = diff->input->desired->metadata.name, *target = seen_restore(diff)->target_id;

	return database->deployment != NULL && database->snapshot != NULL && database->resource_id != NULL &&
	       strcmp(database->deployment, deployment) == 0 &&
	       strcasecmp(database->identifier, names_source(diff->plan->arena, deployment, database->snapshot)) == 0 &&
	       (target == NULL || strcmp(database->resource_id, target) != 0);
}

static const struct observed_database *find_cluster(const struct observed_restore *seen, const char *name)
{
	size_t i;

	for (i = 0; i < seen->cluster_count; i++)
		if (strcasecmp(seen->clusters[i].identifier, name) == 0)
			return &seen->clusters[i];
	return NULL;
}

/* A temporary cluster that outlived its snapshot holds the rows all the same. */
static const char *find_orphan(const struct vectors_diff *diff)
{
	const struct observed_restore *seen = seen_restore(diff);
	const char *wanted = diff->desired->restore.from.snapshot;
	size_t i;

	for (i = 0; i < seen->cluster_count; i++) {
		const struct observed_database *database = &seen->clusters[i];

		if (is_ours(diff, database) && strcmp(database->status, "available") == 0 &&
		    (strcmp(wanted, DESIRED_SNAPSHOT_AUTO) == 0 || strcmp(wanted, database->snapshot) == 0))
			return database->snapshot;
	}
	return NULL;
}

static struct source find_source(const struct vectors_diff *diff, const struct snapshot_choice *choice)
{
	struct source source = {.snapshot = choice->id, .origin = choice->origin};

	if (source.snapshot == NULL)
		source.snapshot = find_orphan(diff);
	if (source.snapshot == NULL)
		return source;
	source.name = names_source(diff->plan->arena, diff->input->desired->metadata.name, source.snapshot);
	source.at = find_cluster(seen_restore(diff), source.name);
	return source;
}

/* Why the rows cannot be had from there, or NULL. */
static const char *find_obstacle(const struct vectors_diff *diff, const struct snapshot_choice *choice,
                                 const struct source *source)
{
	struct arena *arena = diff->plan->arena;

	if (source->snapshot == NULL)
		return arena_printf(
		    arena,
		    "a person: %s; name one that holds the rows in "
		    "spec.vectors.restore.from.snapshot, or another source in spec.vectors.restore.from",
		    choice->why);
	if (source->at == NULL)
		return NULL;
	if (!is_ours(diff, source->at))
		return arena_printf(arena,
		                    "a person: a cluster named %s is there that was not restored for this deployment: "
		                    "rename it",
		                    source->name);
	if (!source->at->encrypted)
		return arena_printf(arena,
		                    "a person: the temporary cluster %s is not encrypted: delete it, and run again",
		                    source->name);
	if (diff_status_is_broken(source->at->status) && strcmp(source->at->status, "deleting") != 0)
		return arena_printf(
		    arena,
		    "a person: the temporary cluster %s is %s: see its events in RDS, delete it, and run "
		    "again",
		    source->name, source->at->status);
	if (strcmp(source->at->status, "stopped") == 0)
		return arena_printf(arena, "a person: the temporary cluster %s is stopped: start it", source->name);
	return NULL;
}

static bool is_available(const struct observed_database *database)
{
	return database != NULL && strcmp(database->status, "available") == 0;
}

static bool has_instance(const struct observed_database *database)
{
	size_t i;

	for (i = 0; database != NULL && i < database->instance_count; i++)
		if (strcmp(database->instances[i].status, "available") == 0)
			return true;
	return false;
}

static void set_source(struct vectors_diff *diff, struct plan_action *action, const struct source *source)
{
	plan_action_set(diff->plan, action, "cluster", source->name);
	plan_action_set(diff->plan, action, "snapshot", source->snapshot);
}

/* Nothing is paid for where its only use would be refused. */
static void set_allow(const struct vectors_diff *diff, struct plan_action *action)
{
	if (diff->wanting.count == 0)
		action->allow = "delete-vectors";
}

static void add_restore(struct vectors_diff *diff, const struct source *source, const char *obstacle)
{
	const struct observed_restore *seen = seen_restore(diff);
	struct plan_action *action;

	if (obstacle == NULL && is_available(source->at))
		return;
	action = plan_add_action(diff->plan, diff->resource, "restore-source", NULL);
	plan_action_need(diff->plan, action, CONDITION_CLUSTER_ENCRYPTED);
	plan_action_need(diff->plan, action, CONDITION_SCHEMA);
	action->gives = CONDITION_RESTORED;
	action->reason = "the rows are copied from a snapshot, which can only be read as a cluster";
	plan_action_call(diff->plan, action, "rds:RestoreDBClusterFromSnapshot");
	set_allow(diff, action);
	if (source->snapshot != NULL) {
		if (source->origin != NULL)
			action->reason = arena_printf(diff->plan->arena, "the rows come from the snapshot %s (%s)",
			                              source->snapshot, source->origin);
		set_source(diff, action, source);
		plan_action_set(diff->plan, action, "target", seen->target);
		plan_action_set(diff->plan, action, "kmsKey", seen->kms_key != NULL ? seen->kms_key : "alias/aws/rds");
	}
	if (obstacle != NULL)
		plan_action_block(diff->plan, action, "%s", obstacle);
}

static void add_instance(struct vectors_diff *diff, const struct source *source, const char *obstacle)
{
	struct plan_action *action;

	if (obstacle == NULL && is_available(source->at) && has_instance(source->at))
		return;
	action = plan_add_action(diff->plan, diff->resource, "source-instance", NULL);
	plan_action_need(diff->plan, action, CONDITION_RESTORED);
	action->gives = CONDITION_SOURCE;
	action->reason = "a restored cluster has no instance, and cannot be reached without one";
	plan_action_call(diff->plan, action, "rds:CreateDBInstance");
	set_allow(diff, action);
	if (source->snapshot == NULL)
		return;
	set_source(diff, action, source);
	plan_action_set(diff->plan, action, "instance", names_source_instance(diff->plan->arena, source->name));
	plan_action_set(diff->plan, action, "class", "db.serverless");
}

static void finish_copy(struct vectors_diff *diff, struct plan_action *action, const struct source *source)
{
	if (action == NULL)
		return;
	plan_action_need(diff->plan, action, CONDITION_SOURCE);
	plan_action_call(diff->plan, action, "rds:ModifyDBCluster"); /* its one-time password */
	if (source->snapshot != NULL)
		set_source(diff, action, source);
}

static void add_copies(struct vectors_diff *diff, const struct source *source)
{
	const char *name =
	    source->snapshot != NULL ? arena_printf(diff->plan->arena, "the snapshot %s", source->snapshot) : NULL;
	struct copy_actions actions = diff_add_copies(diff, name);

	finish_copy(diff, actions.copy, source);
	finish_copy(diff, actions.replace, source);
}

/* What is there already, and what is yet to be. */
static void note_clusters(struct vectors_diff *diff, const struct source *source)
{
	const struct observed_restore *seen = seen_restore(diff);
	size_t i;

	for (i = 0; i < seen->cluster_count; i++)
		if (is_ours(diff, &seen->clusters[i]))
			plan_add_note(
			    diff->plan, diff->resource,
			    "the temporary cluster %s is kept until the rows are as they should be; meanwhile it "
			    "costs " PRICE,
			    seen->clusters[i].identifier);
	if (source->snapshot != NULL && source->at == NULL)
		plan_add_note(diff->plan, diff->resource,
		              "the snapshot is restored to a temporary cluster, %s: " DURATION
		              "; until it is deleted it costs " PRICE,
		              source->name);
}

static void fetch_rows(struct vectors_diff *diff)
{
	struct snapshot_choice choice = snapshot_choose(diff->input, diff->plan->arena);
	struct source source = find_source(diff, &choice);
	const char *obstacle = find_obstacle(diff, &choice, &source);

	add_restore(diff, &source, obstacle);
	add_instance(diff, &source, obstacle);
	add_copies(diff, &source);
	note_clusters(diff, &source);
	if (choice.doubt != NULL)
		plan_add_note(diff->plan, diff->resource, "the spec names the snapshot %s, though %s", choice.id,
		              choice.doubt);
}

/* The whole of the rows was seen, so that none of them is only there. */
static void delete_temporary(struct vectors_diff *diff, const struct observed_database *database)
{
	struct plan_difference difference = {arena_printf(diff->plan->arena, "temporary/%s", database->identifier),
	                                     CHANGE_REMOVE, NULL, database->status};
	struct plan_action *action = plan_add_action(diff->plan, diff->resource, "delete-source", database->identifier);

	plan_add_difference(diff->plan, diff->resource, &difference);
	diff->leftover = "a temporary cluster is left, and costs money";
	action->reason = arena_printf(
	    diff->plan->arena, "no row is missing: what trueup restored of the snapshot %s is not needed any more",
	    database->snapshot);
	plan_action_set(diff->plan, action, "cluster", database->identifier);
	plan_action_set(diff->plan, action, "snapshot", database->snapshot);
	plan_action_call(diff->plan, action, "rds:DeleteDBInstance");
	plan_action_call(diff->plan, action, "rds:DeleteDBCluster");
}

static void delete_temporaries(struct vectors_diff *diff)
{
	const struct observed_restore *seen = seen_restore(diff);
	size_t i;

	for (i = 0; i < seen->cluster_count; i++)
		if (is_ours(diff, &seen->clusters[i]))
			delete_temporary(diff, &seen->clusters[i]);
}

/* Why it is not known what snapshots and temporary clusters there are, or NULL. */
static const char *find_ignorance(const struct vectors_diff *diff)
{
	const struct observed_head *head = &seen_restore(diff)->head;

	if (head->status == OBSERVED_SEEN)
		return NULL;
	if (head->status == OBSERVED_SKIPPED)
		return "the snapshots were not looked at: observe again with this spec";
	return arena_printf(diff->plan->arena, "the snapshots to restore from: %s",
	                    observed_reason(diff->plan->arena, head->reason, head->permission));
}

static void note_replacement(struct vectors_diff *diff)
{
	const char *wanted = diff->desired->restore.from.snapshot;

	if (diff->input->desired->cluster.replace == DESIRED_REPLACE_RESTORE) {
		if (diff->wanting.count > 0)
			plan_add_note(diff->plan, diff->resource,
			              "the rows that are missing are restored once the cluster is replaced");
		return;
	}
	plan_add_note(
	    diff->plan, diff->resource,
	    "once the cluster is replaced, its rows are copied from %s, restored to a temporary cluster: " DURATION
	    "; until it is deleted it costs " PRICE,
	    strcmp(wanted, DESIRED_SNAPSHOT_AUTO) == 0 ? "the snapshot that is taken of it before"
	                                               : arena_printf(diff->plan->arena, "the snapshot %s", wanted));
}

void diff_restore_by_snapshot(struct vectors_diff *diff)
{
	const char *ignorance = find_ignorance(diff);

	if (diff->unknown != NULL)
		return;
	if (ignorance != NULL)
		diff->unknown = ignorance;
	else if (diff_replacement_is_due(diff->input))
		note_replacement(diff);
	else if (diff->wanting.count + diff->overfull.count > 0)
		fetch_rows(diff);
	else if (diff->desired->counts.present)
		delete_temporaries(diff);
}

/* Not known to be needed no more, so it stays, and is told of in every report. */
static void note_left(struct vectors_diff *diff, const struct observed_database *database)
{
	plan_add_note(diff->plan, diff->resource,
	              "the temporary cluster %s, which trueup restored of the snapshot %s, is left, and costs " PRICE
	              ": it is deleted once spec.vectors.counts shows that no row is missing",
	              database->identifier, database->snapshot);
}

void diff_leave_snapshot(struct vectors_diff *diff)
{
	const struct observed_restore *seen = seen_restore(diff);
	bool whole = diff->desired->counts.present && diff->unknown == NULL && !diff_replacement_is_due(diff->input) &&
	             diff->wanting.count + diff->overfull.count == 0;
	size_t i;

	if (seen->head.status == OBSERVED_UNKNOWN)
		plan_add_note(diff->plan, diff->resource,
		              "whether an earlier spec left a temporary cluster was not seen: %s",
		              observed_reason(diff->plan->arena, seen->head.reason, seen->head.permission));
	for (i = 0; i < seen->cluster_count; i++) {
		if (!is_ours(diff, &seen->clusters[i]))
			continue;
		if (whole)
			delete_temporary(diff, &seen->clusters[i]);
		else
			note_left(diff, &seen->clusters[i]);
	}
}
