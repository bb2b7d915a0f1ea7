/*
 * Rows by DMS. A homogeneous data migration moves the whole table by a full
 * load (pg_dump and pg_restore, on DMS's own machine), as a chain of conditions:
 *
 *   dms-discard   nothing is left that was made for another source or role
 *   dms-connect   instance profile, data providers and project are there
 *   dms-prepare   no row of the target is in the way of one that comes
 *   dms-migrate   the data migration has loaded all
 *   dms-compare   counts and digests of both sides are equal: DMS validates nothing
 *   dms-delete    nothing of DMS is left
 *
 * A full load, since it needs of its source no more than SELECT, ends by itself
 * and leaves neither a slot nor a publication there. For a source that is still
 * written there is the method `replication`.
 *
 * All of it is found again by names and tags: a run that was killed anywhere is
 * finished by the next. But a migration that failed, or that loaded and left
 * rows missing, is not begun anew by itself: that would cost money every night,
 * and keep the password from being rotated. A person deletes it.
 */
#include "plan/diff_vectors.h"
#include "plan/names.h"
#include "plan/policy.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#define SECRET ":secret:"
#define DMS_CLEAN "vectors/dms-clean"
#define DMS_CONNECTED "vectors/dms-connected"
#define DMS_PREPARED "vectors/dms-prepared"
#define DMS_LOADED "vectors/dms-loaded"

/* AWS's own guide measures nothing; this is pg_dump and pg_restore of vectors, as they come, on two cores. */
#define ROWS_A_SECOND 1000

static bool says(const char *status, const char *word)
{
	return status != NULL && strcasestr(status, word) != NULL;
}

static enum diff_dms_phase phase_at_rest(const struct observed_dms_migration *migration)
{
	if (migration->percent >= 100 && migration->errored == 0 && migration->failure == NULL)
		return DIFF_DMS_LOADED;
	return migration->failure != NULL ? DIFF_DMS_FAILED : DIFF_DMS_STOPPED;
}

enum diff_dms_phase diff_dms_phase(const struct observed_dms_migration *migration)
{
	const char *status = migration->status;

	if (!migration->exists)
		return DIFF_DMS_ABSENT;
	if (says(status, "delet"))
		return DIFF_DMS_DELETING;
	if (says(status, "fail") || says(status, "error"))
		return DIFF_DMS_FAILED;
	if (says(status, "creating"))
		return DIFF_DMS_CREATING;
	if (says(status, "ready") || says(status, "created"))
		return DIFF_DMS_READY;
	if (says(status, "stopping") || says(status, "starting"))
		return DIFF_DMS_RUNS;
	if (says(status, "stopped") || says(status, "complete") || says(status, "finished") || migration->ended != NULL)
		return phase_at_rest(migration);
	return DIFF_DMS_RUNS;
}

const char *diff_dms_advice(struct arena *arena, const char *name, const struct observed_dms_migration *migration)
{
	const char *again = arena_printf(arena, "aws dms delete-data-migration --data-migration-identifier %s", name);

	switch (diff_dms_phase(migration)) {
	case DIFF_DMS_FAILED:
		return arena_printf(arena, "the data migration %s failed: %s: mend that, then have it begun anew: %s",
		                    name, migration->failure != NULL ? migration->failure : "DMS does not say why",
		                    again);
	case DIFF_DMS_STOPPED:
		return arena_printf(
		    arena, "the data migration %s was stopped at %" PRId64 " %% (%s): have it begun anew: %s", name,
		    migration->percent,
		    migration->stop_reason != NULL ? migration->stop_reason : "DMS does not say why", again);
	case DIFF_DMS_LOADED:
		return arena_printf(
		    arena,
		    "the data migration %s has loaded all that DMS found, and rows are missing still: let the "
		    "rest be copied (spec.vectors.restore.method: copy), or have it begun anew: %s",
		    name, again);
	default:
		return NULL;
	}
}

static bool is_foreign(const struct vectors_diff *diff, bool exists, const char *deployment)
{
	return exists && (deployment == NULL || strcmp(deployment, diff->input->desired->metadata.name) != 0);
}

/* A thing of our name that is not ours, or NULL. Names in use by others are never taken over. */
static const char *find_foreign(const struct vectors_diff *diff)
{
	const struct observed_dms *seen = &diff->seen->dms;
	const char *deployment = diff->input->desired->metadata.name;
	struct arena *arena = diff->plan->arena;

	if (is_foreign(diff, seen->migration.exists, seen->migration.deployment))
		return arena_printf(arena, "data migration named %s", names_dms(arena, deployment));
	if (is_foreign(diff, seen->project.exists, seen->project.deployment))
		return arena_printf(arena, "migration project named %s", names_dms(arena, deployment));
	if (is_foreign(diff, seen->source_provider.exists, seen->source_provider.deployment))
		return arena_printf(arena, "data provider named %s", names_dms_provider(arena, deployment, "source"));
	if (is_foreign(diff, seen->target_provider.exists, seen->target_provider.deployment))
		return arena_printf(arena, "data provider named %s", names_dms_provider(arena, deployment, "target"));
	if (is_foreign(diff, seen->profile.exists, seen->profile.deployment))
		return arena_printf(arena, "instance profile named %s", names_dms(arena, deployment));
	return NULL;
}

/* What AWS gives back may be spelled otherwise than it was asked for: in lower case, or as an ARN. */
static bool is_same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcasecmp(a, b) == 0;
}

/* "arn:…:secret:NAME-AbCdEf" */
static bool is_arn_of(const char *arn, const char *name)
{
	const char *part = strstr(arn, SECRET);

	return part != NULL && strncmp(part + strlen(SECRET), name, strlen(name)) == 0 &&
	       strlen(part) == strlen(SECRET) + strlen(name) + strlen("-AbCdEf");
}

static bool is_same_secret(const char *a, const char *b)
{
	if (is_same(a, b))
		return true;
	if (a == NULL || b == NULL)
		return false;
	return is_arn_of(a, b) || is_arn_of(b, a);
}

static bool is_other_end(const struct observed_dms_provider *provider, const struct observed_dms_end *end)
{
	return provider->exists &&
	       (!is_same(provider->server, end->server) || !is_same(provider->database, end->database));
}

static const char *secrets_role(const struct desired_dms *desired)
{
	return desired->secrets_role != NULL ? desired->secrets_role : desired->role;
}

/* Made for another source, another role, or another network than the spec has now. */
static bool is_stale(const struct vectors_diff *diff)
{
	const struct observed_dms *seen = &diff->seen->dms;
	const struct desired_dms *desired = &diff->desired->restore.dms;

	if (seen->profile.exists &&
	    (seen->profile.public || !is_same(seen->profile.subnet_group, desired->subnet_group)))
		return true;
	if (is_other_end(&seen->source_provider, &seen->source) || is_other_end(&seen->target_provider, &seen->target))
		return true;
	if (seen->project.exists && (!is_same_secret(seen->project.source_secret, seen->source.secret) ||
	                             !is_same_secret(seen->project.target_secret, seen->target.secret) ||
	                             !is_same(seen->project.role, secrets_role(desired))))
		return true;
	return seen->migration.exists && !is_same(seen->migration.role, desired->role);
}

/* What is there when the chain begins: nothing, if it is to be discarded first. */
static enum diff_dms_phase phase_of(const struct vectors_diff *diff)
{
	enum diff_dms_phase phase = diff_dms_phase(&diff->seen->dms.migration);

	return phase != DIFF_DMS_RUNS && is_stale(diff) ? DIFF_DMS_ABSENT : phase;
}

/* Whether DMS has yet to get to work, so that what it needs must hold. */
static bool is_before_start(const struct vectors_diff *diff)
{
	enum diff_dms_phase phase = phase_of(diff);

	return phase != DIFF_DMS_RUNS && phase != DIFF_DMS_LOADED;
}

static const char *describe_refusal(const struct vectors_diff *diff)
{
	const struct observed_dms_end *source = &diff->seen->dms.source;
	int length = source->server != NULL ? (int)strcspn(source->server, ":") : 0;

	return arena_printf(
	    diff->plan->arena,
	    "a person: the source does not accept the password that the secret %s has now, and DMS knows no "
	    "other: say so with `from: {connect: {host: %.*s, secret: …}}`, a secret that has its password",
	    source->secret, length, source->server != NULL ? source->server : "");
}

/* A load adds to what is there, so that a bot would have both. */
static const char *describe_only_here(const struct vectors_diff *diff)
{
	const struct observed_dms *seen = &diff->seen->dms;
	size_t more = seen->only_here_count - 1;

	return arena_printf(
	    diff->plan->arena,
	    "a person: DMS moves whole tables, and %zu bot%s rows that are nowhere but here (%s%s): look at "
	    "them, and put delete-vectors into spec.allow if they may go, or let rows be copied "
	    "(spec.vectors.restore.method: copy)",
	    seen->only_here_count, more == 0 ? " has" : "s have", seen->only_here[0],
	    more == 0 ? "" : arena_printf(diff->plan->arena, " and %zu more", more));
}

static const char *why_unseen(struct arena *arena, const struct observed_head *head)
{
	return head->reason != NULL ? observed_reason(arena, head->reason, head->permission)
	                            : "observe again with this spec";
}

/* Why rows do not come by DMS as things are, or NULL. */
static const char *find_obstacle(const struct vectors_diff *diff)
{
	const struct observed_dms *seen = &diff->seen->dms;
	struct arena *arena = diff->plan->arena;
	const char *foreign, *advice;

	if (seen->head.status != OBSERVED_SEEN)
		return arena_printf(arena, "what there is in DMS could not be seen: %s",
		                    why_unseen(arena, &seen->head));
	foreign = find_foreign(diff);
	if (foreign != NULL)
		return arena_printf(
		    arena, "a person: in DMS there is a %s that was not made for this deployment: rename it", foreign);
	if (seen->source_head.status != OBSERVED_SEEN && is_before_start(diff))
		return arena_printf(arena, "the source of the rows could not be seen: %s",
		                    why_unseen(arena, &seen->source_head));
	if (seen->refused && is_before_start(diff))
		return describe_refusal(diff);
	if (seen->only_here_count > 0 && is_before_start(diff) &&
	    !plan_is_allowed(diff->input->desired, "delete-vectors"))
		return describe_only_here(diff);
	advice = diff_dms_advice(arena, names_dms(arena, diff->input->desired->metadata.name), &seen->migration);
	if (advice != NULL && phase_of(diff) != DIFF_DMS_ABSENT)
		return arena_printf(arena, "a person: %s", advice);
	return NULL;
}

bool diff_dms_can_begin(const struct vectors_diff *diff)
{
	return is_before_start(diff) && find_obstacle(diff) == NULL;
}

/* Whoever was seen to work goes on working, whatever else cannot be seen. */
bool diff_needs_still_password(const struct plan_input *input, struct arena *arena)
{
	const struct desired_restore *restore = &input->desired->vectors.restore;
	struct vectors_diff diff;

	if (!input->desired->vectors.present || !restore->present || restore->method != DESIRED_RESTORE_DMS)
		return false;
	if (!diff_compare_rows(input, arena, &diff) || diff.unknown != NULL)
		return diff_dms_phase(&input->observed->vectors.dms.migration) == DIFF_DMS_RUNS;
	return diff.wanting.count > 0 && find_obstacle(&diff) == NULL;
}

static struct plan_action *add_step(struct vectors_diff *diff, const char *verb, const char *gives)
{
	struct plan_action *action = plan_add_action(diff->plan, diff->resource, verb, NULL);

	action->gives = gives;
	return action;
}

static void add_delete(struct vectors_diff *diff, const char *verb, const char *reason, const char *needs)
{
	struct plan_action *action = add_step(diff, verb, needs == NULL ? DMS_CLEAN : NULL);

	action->reason = reason;
	if (needs != NULL)
		plan_action_need(diff->plan, action, needs);
	plan_action_call(diff->plan, action, "dms:DeleteDataMigration");
	plan_action_call(diff->plan, action, "dms:DeleteMigrationProject");
	plan_action_call(diff->plan, action, "dms:DeleteDataProvider");
	plan_action_call(diff->plan, action, "dms:DeleteInstanceProfile");
}

static void need_what_loads_need(struct vectors_diff *diff, struct plan_action *action)
{
	plan_action_need(diff->plan, action, CONDITION_CLUSTER_ENCRYPTED);
	plan_action_need(diff->plan, action, CONDITION_SCHEMA);
	plan_action_need(diff->plan, action, CONDITION_ROTATION_OFF);
}

static void add_connect(struct vectors_diff *diff)
{
	const struct observed_dms *seen = &diff->seen->dms;
	bool there = seen->profile.exists && seen->source_provider.exists && seen->target_provider.exists &&
	             seen->project.exists;
	struct plan_action *action;

	if (there && !is_stale(diff))
		return;
	action = add_step(diff, "dms-connect", DMS_CONNECTED);
	need_what_loads_need(diff, action);
	plan_action_need(diff->plan, action, DMS_CLEAN);
	action->reason = arena_printf(
	    diff->plan->arena,
	    "DMS is told of both databases; it works in the subnets of %s, and the public does not get to it",
	    diff->desired->restore.dms.subnet_group);
	plan_action_call(diff->plan, action, "dms:CreateInstanceProfile");
	plan_action_call(diff->plan, action, "dms:CreateDataProvider");
	plan_action_call(diff->plan, action, "dms:CreateMigrationProject");
}

static void add_prepare(struct vectors_diff *diff)
{
	struct plan_action *action;

	if (diff->seen->bot_count == 0)
		return;
	action = add_step(diff, "dms-prepare", DMS_PREPARED);
	need_what_loads_need(diff, action);
	plan_action_need(diff->plan, action, DMS_CONNECTED);
	plan_action_need(diff->plan, action, CONDITION_UNINDEXED);
	action->risk = RISK_DISRUPTIVE;
	action->reason =
	    "a load adds every row of the source, and fails at one that is there: those that the source holds, "
	    "too, are deleted first, and come back with the load";
	if (diff->seen->dms.only_here_count > 0) {
		action->allow = "delete-vectors";
		action->risk = RISK_DESTRUCTIVE;
		action->reason = arena_printf(
		    diff->plan->arena, "%s; rows that only the target has of %zu bot%s go with them", action->reason,
		    diff->seen->dms.only_here_count, diff->seen->dms.only_here_count == 1 ? "" : "s");
	}
	plan_action_call(diff->plan, action, "sql:DELETE");
}

static void add_migrate(struct vectors_diff *diff)
{
	struct plan_action *action = add_step(diff, "dms-migrate", DMS_LOADED);

	if (is_before_start(diff)) {
		need_what_loads_need(diff, action);
		plan_action_need(diff->plan, action, DMS_CONNECTED);
		plan_action_need(diff->plan, action, DMS_PREPARED);
		plan_action_need(diff->plan, action, CONDITION_UNINDEXED);
	}
	action->reason =
	    arena_printf(diff->plan->arena, "%s: moved by DMS from %s",
	                 diff_describe_wanting(diff->plan->arena, &diff->wanting), diff_describe_source(diff));
	if (phase_of(diff) == DIFF_DMS_RUNS)
		action->reason = arena_printf(diff->plan->arena, "%s; %s, %" PRId64 " %%", action->reason,
		                              diff->seen->dms.migration.status, diff->seen->dms.migration.percent);
	plan_action_call(diff->plan, action, "dms:CreateDataMigration");
	plan_action_call(diff->plan, action, "dms:StartDataMigration");
}

static void add_compare(struct vectors_diff *diff)
{
	struct plan_action *action = add_step(diff, "dms-compare", CONDITION_ROWS);

	plan_action_need(diff->plan, action, DMS_LOADED);
	action->reason = "DMS validates nothing: counts and digests of every bot of the source are compared";
}

static int64_t count_wanted(const struct vectors_diff *diff)
{
	return diff->wanting.rows + observed_sum_rows(diff->seen->bots, diff->seen->bot_count);
}

static void add_notes(struct vectors_diff *diff)
{
	int64_t minutes = count_wanted(diff) / ROWS_A_SECOND / 60 + 1;

	if (!is_before_start(diff))
		return;
	plan_add_note(
	    diff->plan, diff->resource,
	    "DMS moves the whole table: it needs up to a quarter of an hour to set itself up, and then, at some "
	    "1,000 rows a second, about %" PRId64 " minute%s; AWS charges each hour for which the data migration "
	    "runs (aws.amazon.com/dms/pricing)",
	    minutes, minutes == 1 ? "" : "s");
}

/* Before the index goes, it must be clear that rows will come. */
static void hold_index(struct vectors_diff *diff)
{
	struct plan *plan = diff->plan;
	struct plan_action *drop =
	    plan_find_action(plan, arena_printf(plan->arena, "vectors/%s/drop-index", diff->resource->name));

	if (drop != NULL)
		plan_action_need(plan, drop, CONDITION_ROTATION_OFF);
}

static void add_chain(struct vectors_diff *diff)
{
	const char *obstacle = find_obstacle(diff);
	size_t first = diff->plan->action_count;

	if (obstacle == NULL && is_before_start(diff) && is_stale(diff))
		add_delete(diff, "dms-discard",
		           "what there is in DMS was made for another source, role or network than the spec has now",
		           NULL);
	if (is_before_start(diff)) {
		add_connect(diff);
		add_prepare(diff);
	}
	add_migrate(diff);
	add_compare(diff);
	add_delete(diff, "dms-delete", "trueup made it for the rows, which are there then", CONDITION_ROWS);
	hold_index(diff);
	if (obstacle != NULL) /* the rest of the chain follows its first step */
		plan_action_block(diff->plan, diff->plan->actions[first], "%s", obstacle);
	else
		add_notes(diff);
}

static bool is_anything_left(const struct observed_dms *seen)
{
	return seen->migration.exists || seen->project.exists || seen->source_provider.exists ||
	       seen->target_provider.exists || seen->profile.exists;
}

/* Nothing is wanted of DMS any more. */
static void clean_up(struct vectors_diff *diff)
{
	const struct observed_dms *seen = &diff->seen->dms;

	if (seen->head.status != OBSERVED_SEEN)
		diff->unknown = arena_printf(diff->plan->arena, "whether anything is left in DMS could not be seen: %s",
		                             why_unseen(diff->plan->arena, &seen->head));
	else if (is_anything_left(seen) && find_foreign(diff) == NULL)
		add_delete(diff, "dms-delete", "trueup made it to move rows, and nothing needs it any more", NULL);
}

static void block_replace(struct vectors_diff *diff)
{
	struct plan_action *replace = diff_add_replace(diff, NULL);

	if (replace != NULL)
		plan_action_block(
		    diff->plan, replace,
		    "a person: DMS adds rows, and takes none away: say spec.vectors.restore.method: copy");
}

void diff_restore_by_dms(struct vectors_diff *diff)
{
	if (diff->unknown != NULL)
		return;
	if (diff->wanting.count > 0)
		add_chain(diff);
	else
		clean_up(diff);
	if (diff->wanting.count == 0) /* else they are put right with the rest */
		block_replace(diff);
}

/* The spec's section `dms` says that there may be something. */
void diff_leave_dms(struct vectors_diff *diff)
{
	size_t i, before = diff->plan->action_count;

	if (!diff->desired->restore.dms.present || diff->unknown != NULL)
		return;
	clean_up(diff);
	if (diff->plan->action_count == before)
		return;
	for (i = 0; i < before; i++) {
		struct plan_action *action = diff->plan->actions[i];

		if (action->gives != NULL && strcmp(action->gives, CONDITION_ROWS) == 0)
			plan_action_need(diff->plan, action, DMS_CLEAN);
	}
}
