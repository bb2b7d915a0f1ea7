/*
 * The cluster's replacement by CloudFormation, which a deployment of the
 * application's stack brings about: run by trueup with `replace: deploy`, by a
 * person with `manual`. The new cluster is empty, and the old one goes with
 * every row in it, so there is a chain of conditions, each brought about by one
 * action:
 *
 *   snapshot         trueup's own snapshot of the old cluster, no older than the baseline, is available
 *   (apis/…/remove)  no other stack imports what changes with the cluster
 *   deploy, replace  the stack's cluster is another one, and encrypted
 *   delete-snapshot  every row is in place, so that nobody needs the snapshot
 *
 * While the stack is at work, by whomever, it is waited for (settle): no update
 * is begun beside another, and what a stack names on its way may be gone again
 * when it is through.
 */
#include "base/clock.h"
#include "plan/diff_cluster.h"
#include "plan/names.h"
#include "plan/policy.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

struct deployment {
	const struct plan_input *input;
	struct plan *plan;
	struct plan_resource *resource;
	const struct observed_cluster *seen;
	const struct observed_stack *stack;
	const struct observed_snapshot *held; /* trueup's snapshot; NULL: it has yet to be taken */
	const char *snapshot;                 /* its name, then or by then */
};

static bool ends_with(const char *text, const char *suffix)
{
	size_t length = strlen(text), end = strlen(suffix);

	return length >= end && strcmp(text + length - end, suffix) == 0;
}

bool diff_stack_is_busy(const char *status)
{
	return ends_with(status, "_IN_PROGRESS");
}

bool diff_stack_is_changing(const char *status)
{
	return diff_stack_is_busy(status) && strcmp(status, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS") != 0;
}

bool diff_stack_is_stuck(const char *status)
{
	return ends_with(status, "ROLLBACK_FAILED") || strcmp(status, "ROLLBACK_COMPLETE") == 0 ||
	       strncmp(status, "DELETE_", 7) == 0;
}

bool diff_stack_is_halfway(const char *status)
{
	return ends_with(status, "ROLLBACK_FAILED") || strcmp(status, "UPDATE_FAILED") == 0;
}

const char *diff_advise_stuck(struct arena *arena, const char *stack, const char *status)
{
	if (strcmp(status, "UPDATE_ROLLBACK_FAILED") == 0)
		return arena_printf(arena,
		                    "the stack %s is %s: mend what its events tell of, then aws cloudformation "
		                    "continue-update-rollback --stack-name %s",
		                    stack, status, stack);
	if (strcmp(status, "UPDATE_FAILED") == 0)
		return arena_printf(arena,
		                    "the stack %s is %s: mend what its events tell of and deploy again, or aws "
		                    "cloudformation rollback-stack --stack-name %s",
		                    stack, status, stack);
	return arena_printf(arena, "the stack %s is %s, and cannot be updated: see its events in CloudFormation", stack,
	                    status);
}

static time_t baseline_time(const struct plan_input *input)
{
	return input->baseline != NULL ? input->baseline->captured_at : 0;
}

/* Whether it can hold every row of the baseline: the name tells, whatever AWS's clock says, and else the time. */
static bool holds_baseline(const struct plan_input *input, const struct observed_snapshot *snapshot, const char *name)
{
	time_t created;

	if (input->baseline == NULL || strcmp(snapshot->identifier, name) == 0)
		return true;
	return snapshot->created != NULL && clock_parse_rfc3339(snapshot->created, &created) == 0 &&
	       created >= input->baseline->captured_at;
}

static bool is_of_current(const struct observed_cluster *seen, const struct observed_snapshot *snapshot)
{
	return seen->current.exists && snapshot->resource_id != NULL &&
	       strcmp(snapshot->resource_id, seen->current.resource_id) == 0;
}

static bool is_available(const struct observed_snapshot *snapshot)
{
	return strcmp(snapshot->status, "available") == 0;
}

/* The newest that will do; one that is available before one that is being taken. */
static void find_snapshot(struct deployment *deployment)
{
	const struct observed_cluster *seen = deployment->seen;
	const struct plan_input *input = deployment->input;
	const char *name = names_snapshot(deployment->plan->arena, input->desired->metadata.name,
	                                  seen->current.resource_id, baseline_time(input));
	size_t i;

	for (i = 0; i < seen->snapshot_count; i++) {
		const struct observed_snapshot *snapshot = &seen->snapshots[i];

		if (!diff_is_own(input, snapshot->deployment) || !is_of_current(seen, snapshot) ||
		    !holds_baseline(input, snapshot, name) || strcmp(snapshot->status, "deleting") == 0)
			continue;
		if (deployment->held == NULL || is_available(snapshot) || !is_available(deployment->held))
			deployment->held = snapshot;
	}
	deployment->snapshot = deployment->held != NULL ? deployment->held->identifier : name;
}

static struct deployment new_deployment(const struct plan_input *input, struct plan *plan,
                                        struct plan_resource *resource)
{
	struct deployment deployment = {
	    .input = input,
	    .plan = plan,
	    .resource = resource,
	    .seen = &input->observed->cluster,
	    .stack = &input->observed->stack,
	};

	find_snapshot(&deployment);
	return deployment;
}

/* Why there can be no snapshot, or it would be of no use; NULL: nothing stands in its way. */
static const char *find_snapshot_obstacle(const struct deployment *deployment)
{
	const struct observed_cluster *seen = deployment->seen;
	struct arena *arena = deployment->plan->arena;
	size_t i;

	if (deployment->input->baseline_error != NULL)
		return arena_printf(arena,
		                    "a person: without its baseline nobody can tell afterwards what the rows were: %s",
		                    deployment->input->baseline_error);
	if (strcmp(seen->current.status, "stopped") == 0)
		return arena_printf(arena, "a person: the cluster %s is stopped: start it", seen->current.identifier);
	for (i = 0; i < seen->snapshot_count && deployment->held == NULL; i++)
		if (strcmp(seen->snapshots[i].identifier, deployment->snapshot) == 0 &&
		    !diff_is_own(deployment->input, seen->snapshots[i].deployment))
			return arena_printf(
			    arena,
			    "a person: a snapshot named %s is there that was not made for this deployment: copy it to "
			    "another name if it is needed, then delete it",
			    deployment->snapshot);
	return NULL;
}

static void add_snapshot(const struct deployment *deployment)
{
	struct plan *plan = deployment->plan;
	const char *obstacle = find_snapshot_obstacle(deployment);
	struct plan_action *action;

	/* Also where it is there: what follows is not begun while something stands in its way. */
	if (obstacle == NULL && deployment->held != NULL && is_available(deployment->held))
		return;
	action = plan_add_action(plan, deployment->resource, "snapshot", NULL);
	action->gives = CONDITION_SNAPSHOT;
	action->reason = "whatever a deployment makes of the cluster, its rows can be had back from this";
	plan_action_set(plan, action, "source", deployment->seen->current.resource_id);
	plan_action_set(plan, action, "snapshot", deployment->snapshot);
	plan_action_call(plan, action, "rds:CreateDBClusterSnapshot");
	if (obstacle != NULL)
		plan_action_block(plan, action, "%s", obstacle);
}

/* "the snapshot NAME (2026-11-22T09:00:00Z)", as far as it is known yet. */
static const char *describe_snapshot(const struct deployment *deployment)
{
	if (deployment->held == NULL || deployment->held->created == NULL)
		return arena_printf(deployment->plan->arena, "the snapshot %s", deployment->snapshot);
	return arena_printf(deployment->plan->arena, "the snapshot %s (%s)", deployment->snapshot,
	                    deployment->held->created);
}

static const char *join_command(struct arena *arena, const struct desired_strings *command)
{
	const char *text = "";
	size_t i;

	for (i = 0; i < command->count; i++)
		text = arena_printf(arena, "%s%s%s", text, i > 0 ? " " : "", command->items[i]);
	return text;
}

/* --- deploy --- */

const char *diff_deploy_obstacle(const struct plan_input *input, struct arena *arena)
{
	const struct observed_stack *stack = &input->observed->stack;
	const char *problem = input->observed->cluster.deploy_problem;

	if (input->desired->cluster.replace != DESIRED_REPLACE_DEPLOY || !diff_replacement_is_due(input))
		return NULL;
	if (!plan_is_allowed(input->desired, "replace-cluster"))
		return "spec.allow must have the word replace-cluster";
	if (stack->head.status != OBSERVED_SEEN || stack->status == NULL)
		return arena_printf(arena, "the stack could not be seen: %s",
		                    stack->head.reason != NULL ? stack->head.reason : "it was not looked at");
	if (diff_stack_is_stuck(stack->status))
		return arena_printf(arena, "a person: %s", diff_advise_stuck(arena, stack->name, stack->status));
	if (problem != NULL)
		return arena_printf(arena, "a person: %s", problem);
	return NULL;
}

/* "1514 rows are" */
static const char *describe_rows(const struct deployment *deployment)
{
	const struct observed_vectors *vectors = &deployment->input->observed->vectors;
	int64_t rows = observed_sum_rows(vectors->bots, vectors->bot_count);

	if (vectors->head.status != OBSERVED_SEEN)
		return "its rows are";
	return arena_printf(deployment->plan->arena, "%" PRId64 " row%s", rows, rows == 1 ? " is" : "s are");
}

/* What happens to the rows, for who decides whether it may. */
static void note_rows(const struct deployment *deployment)
{
	const struct observed_vectors *vectors = &deployment->input->observed->vectors;
	const struct desired_vectors *desired = &deployment->input->desired->vectors;
	struct plan *plan = deployment->plan;

	if (vectors->head.status == OBSERVED_SEEN && observed_sum_rows(vectors->bots, vectors->bot_count) == 0)
		return;
	plan_add_note(plan, deployment->resource,
	              "the application's setup handler makes the table anew (from v1.0.0 on with every deployment that "
	              "changes the cluster's host name): %s then only in that snapshot, and in the one that "
	              "CloudFormation takes of the old cluster",
	              describe_rows(deployment));
	if (!desired->present || !desired->restore.present || desired->restore.method == DESIRED_RESTORE_NONE)
		plan_add_note(plan, deployment->resource,
		              "nothing in the spec brings the rows back: see trueup explain spec.vectors.restore");
	if (!desired->present || !desired->counts.present)
		plan_add_note(plan, deployment->resource,
		              "nothing in the spec tells whether all rows are back: see trueup explain "
		              "spec.vectors.counts, and trueup capture");
}

static void note_failure(const struct deployment *deployment)
{
	const struct observed_stack *stack = deployment->stack;

	if (stack->failure != NULL)
		plan_add_note(deployment->plan, deployment->resource, "the last deployment failed (%s): %s",
		              stack->status, stack->failure);
}

/* Credentials are no business of an environment, so trueup does not hand on those that it got for the role. */
static void note_credentials(const struct deployment *deployment)
{
	const struct desired_role *role = &deployment->input->desired->aws.assume_role;

	if (role->present)
		plan_add_note(
		    deployment->plan, deployment->resource,
		    "the command finds the credentials that trueup found before it assumed %s: they must be able to "
		    "deploy, or the command assumes a role by itself",
		    role->arn);
}

static void add_deploy(const struct deployment *deployment)
{
	const struct desired_deploy *desired = &deployment->input->desired->cluster.deploy;
	const struct observed_stack *stack = deployment->stack;
	struct plan *plan = deployment->plan;
	const char *obstacle = diff_deploy_obstacle(deployment->input, plan->arena);
	struct plan_action *action = plan_add_action(plan, deployment->resource, "deploy", NULL);

	action->allow = "replace-cluster";
	action->risk = RISK_DESTRUCTIVE;
	action->gives = CONDITION_CLUSTER_ENCRYPTED;
	action->reason = arena_printf(
	    plan->arena,
	    "`%s` has CloudFormation put an encrypted cluster, which is empty, in the place of this one, which is "
	    "deleted; its rows are in %s",
	    join_command(plan->arena, &desired->command), describe_snapshot(deployment));
	if (stack->status != NULL && diff_stack_is_busy(stack->status))
		action->reason =
		    arena_printf(plan->arena,
		                 "a deployment is under way (the stack %s is %s) and waited for; if it does "
		                 "not replace the cluster: %s",
		                 stack->name, stack->status, action->reason);
	plan_action_need(plan, action, CONDITION_SNAPSHOT);
	plan_action_need(plan, action, CONDITION_APIS_ABSENT);
	plan_action_set(plan, action, "stack", deployment->input->desired->aws.stack);
	plan_action_set(plan, action, "source", deployment->seen->current.resource_id);
	plan_action_set(plan, action, "snapshot", deployment->snapshot);
	plan_action_set(plan, action, "kmsKey", deployment->seen->kms_key);
	plan_action_call(plan, action, arena_printf(plan->arena, "exec:%s", desired->command.items[0]));
	note_credentials(deployment);
	if (obstacle != NULL)
		plan_action_block(plan, action, "%s", obstacle);
}

/* --- manual --- */

/* How many stacks still import what changes with the cluster; -1: not known. */
static int64_t count_apis(const struct deployment *deployment)
{
	const struct observed_apis *apis = &deployment->input->observed->apis;

	return apis->head.status == OBSERVED_SEEN ? (int64_t)apis->api_count : -1;
}

/* "3 published APIs are gone", "" if none is in the way; what is not known may be. */
static const char *tell_apis(const struct deployment *deployment)
{
	const struct observed_apis *seen = &deployment->input->observed->apis;
	int64_t apis = count_apis(deployment);

	if (plan_is_left_out(&seen->head))
		return "";
	if (apis < 0)
		return "it could be seen that no published API is in the way";
	return apis == 0 ? ""
	                 : arena_printf(deployment->plan->arena, "%" PRId64 " published API%s gone", apis,
	                                apis == 1 ? " is" : "s are");
}

/* "once the snapshot NAME is available and 3 published APIs are gone, ", or "" */
static const char *tell_wait(const struct deployment *deployment)
{
	struct arena *arena = deployment->plan->arena;
	bool held = deployment->held != NULL && is_available(deployment->held);
	const char *snapshot = held ? "" : arena_printf(arena, "%s is available", describe_snapshot(deployment));
	const char *gone = tell_apis(deployment);

	if (*snapshot == '\0' && *gone == '\0')
		return "";
	return arena_printf(arena, "once %s%s%s, ", snapshot, *snapshot != '\0' && *gone != '\0' ? " and " : "", gone);
}

/* What the person does next. */
static const char *tell_next(const struct deployment *deployment)
{
	const struct observed_stack *stack = deployment->stack;
	struct arena *arena = deployment->plan->arena;
	bool seen = stack->head.status == OBSERVED_SEEN && stack->status != NULL;

	if (seen && diff_stack_is_stuck(stack->status))
		return diff_advise_stuck(arena, stack->name, stack->status);
	return arena_printf(arena, "%sdeploy the version of the stack%s%s whose cluster is encrypted",
	                    tell_wait(deployment), seen ? " " : "", seen ? stack->name : "");
}

/* " (the snapshot NAME is available, no published API is in the way)": what was done for it already. */
static const char *tell_done(const struct deployment *deployment)
{
	struct arena *arena = deployment->plan->arena;
	bool held = deployment->held != NULL && is_available(deployment->held), gone = count_apis(deployment) == 0;

	if (!held && !gone)
		return "";
	return arena_printf(arena, " (%s%s%s)",
	                    held ? arena_printf(arena, "the snapshot %s is available", deployment->snapshot) : "",
	                    held && gone ? ", " : "", gone ? "no published API is in the way" : "");
}

static void add_manual(const struct deployment *deployment)
{
	struct plan *plan = deployment->plan;
	struct plan_action *action = plan_add_action(plan, deployment->resource, "replace", NULL);

	action->risk = RISK_DESTRUCTIVE;
	action->gives = CONDITION_CLUSTER_ENCRYPTED;
	action->reason = "encryption cannot be turned on in place: the cluster must be replaced";
	plan_action_need(plan, action, CONDITION_SNAPSHOT);
	plan_action_need(plan, action, CONDITION_APIS_ABSENT);
	plan_action_block(plan, action, "a person: %s%s. Or have trueup do it: see trueup explain spec.cluster.replace",
	                  tell_next(deployment), tell_done(deployment));
}

/* --- a stack at work --- */

static void add_settle(const struct plan_input *input, struct plan *plan, struct plan_resource *resource)
{
	const struct observed_stack *stack = &input->observed->stack;
	struct plan_difference status = {"stack", CHANGE_REPLACE, "UPDATE_COMPLETE", stack->status};
	struct plan_action *action = plan_add_action(plan, resource, "settle", NULL);

	plan_add_difference(plan, resource, &status);
	plan_set_reason(plan, resource, "%s the stack %s: %s",
	                diff_stack_is_halfway(stack->status) ? "CloudFormation has stopped half-way with"
	                                                     : "CloudFormation is at work on",
	                stack->name, stack->status);
	action->gives = CONDITION_CLUSTER_ENCRYPTED;
	action->reason = "what the stack names now may be gone again when CloudFormation is through";
	if (diff_stack_is_halfway(stack->status))
		plan_action_block(plan, action, "a person: %s",
		                  diff_advise_stuck(plan->arena, stack->name, stack->status));
	plan_action_set(plan, action, "name", resource->name);
	plan_action_set(plan, action, "stack", stack->name);
	plan_action_set(plan, action, "kmsKey", input->observed->cluster.kms_key);
}

/* The stack's cluster is another one than the spec names: CloudFormation gave it a name of its own. */
static bool names_another(const struct plan_input *input)
{
	const char *wanted = input->desired->cluster.identifier, *has = input->observed->stack.cluster;

	return wanted != NULL && has != NULL && strcasecmp(wanted, has) != 0;
}

static void add_correction(const struct plan_input *input, struct plan *plan, struct plan_resource *resource)
{
	const struct observed_stack *stack = &input->observed->stack;
	struct plan_difference name = {"identifier", CHANGE_REPLACE, stack->cluster, resource->name};
	struct plan_action *action = plan_add_action(plan, resource, "replace", NULL);

	plan_add_difference(plan, resource, &name);
	plan_set_reason(plan, resource, "the stack %s has another cluster: %s", stack->name, stack->cluster);
	action->gives = CONDITION_CLUSTER_ENCRYPTED;
	action->reason = "a deployment gives a cluster that it replaces another name";
	plan_action_block(
	    plan, action,
	    "a person: the stack %s names the cluster %s: correct spec.cluster.identifier, or leave it out",
	    stack->name, stack->cluster);
}

bool diff_stack_comes_first(const struct plan_input *input, struct plan *plan, struct plan_resource *resource)
{
	const struct observed_cluster *seen = &input->observed->cluster;
	const struct observed_stack *stack = &input->observed->stack;
	bool missing = !seen->current.exists || diff_replacement_is_due(input);

	if (input->desired->cluster.replace == DESIRED_REPLACE_RESTORE || !input->desired->cluster.encrypted ||
	    stack->head.status != OBSERVED_SEEN || stack->status == NULL)
		return false;
	if (missing && names_another(input) && !diff_stack_is_changing(stack->status)) {
		add_correction(input, plan, resource);
		return true;
	}
	/* While the old one is there a snapshot can be taken of it, and more may have to be done. */
	if (diff_replacement_is_due(input) ||
	    !(diff_stack_is_changing(stack->status) || diff_stack_is_halfway(stack->status)))
		return false;
	add_settle(input, plan, resource);
	if (stack->failure != NULL)
		plan_add_note(plan, resource, "the last deployment failed (%s): %s", stack->status, stack->failure);
	return true;
}

void diff_deploy(const struct plan_input *input, struct plan *plan, struct plan_resource *resource)
{
	struct deployment deployment = new_deployment(input, plan, resource);

	add_snapshot(&deployment);
	if (input->desired->cluster.replace == DESIRED_REPLACE_DEPLOY)
		add_deploy(&deployment);
	else if (deployment.stack->status != NULL && diff_stack_is_changing(deployment.stack->status))
		add_settle(input, plan, resource);
	else
		add_manual(&deployment);
	note_failure(&deployment);
	note_rows(&deployment);
}

/* --- afterwards --- */

static void let_go(const struct plan_input *input, struct plan *plan, struct plan_resource *resource,
                   const struct observed_snapshot *snapshot)
{
	struct plan_action *action;

	if (!diff_rows_match(input, plan->arena)) {
		plan_add_note(plan, resource,
		              "trueup's snapshot %s of the old cluster is kept until spec.vectors.counts finds every "
		              "row in place",
		              snapshot->identifier);
		return;
	}
	action = plan_add_action(plan, resource, "delete-snapshot", snapshot->identifier);
	plan_action_need(plan, action, CONDITION_CLUSTER_ENCRYPTED);
	action->reason = "trueup took it for the replacement, which is done, and every row is in place";
	plan_action_set(plan, action, "snapshot", snapshot->identifier);
	plan_action_call(plan, action, "rds:DeleteDBClusterSnapshot");
}

void diff_deploy_leftovers(const struct plan_input *input, struct plan *plan, struct plan_resource *resource)
{
	const struct observed_cluster *seen = &input->observed->cluster;
	size_t i;

	for (i = 0; i < seen->snapshot_count; i++) {
		const struct observed_snapshot *snapshot = &seen->snapshots[i];

		if (diff_is_own(input, snapshot->deployment) && strcmp(snapshot->status, "deleting") != 0)
			let_go(input, plan, resource, snapshot);
		else if (snapshot->final && snapshot->deployment == NULL && !is_of_current(seen, snapshot))
			plan_add_note(plan, resource,
			              "CloudFormation's snapshot of the old cluster is kept as %s, and costs money: "
			              "once nobody needs it, aws rds delete-db-cluster-snapshot "
			              "--db-cluster-snapshot-identifier %s",
			              snapshot->identifier, snapshot->identifier);
	}
}
