/*
 * The encrypted cluster. Encryption cannot be turned on in place, so the
 * cluster is replaced: by CloudFormation (diff_deploy.c), or with `replace:
 * restore` here. That is a chain of conditions,
 * each brought about by one action:
 *
 *   snapshot         the old cluster's snapshot is available
 *   restore          an encrypted cluster restored from it is available, under a temporary name
 *   instances        its instances are available
 *   match            its rows equal those of the old one
 *   rename-old       the old one has stepped aside (users notice from here …)
 *   rename-new       the rows were compared once more, and the new one has the name (… to here)
 *   delete-snapshot  nothing temporary is left
 *
 * The chain is planned from whatever is there: a run that was killed anywhere
 * is finished by the next. The old cluster is kept; a person deletes it.
 */
#include "plan/diff_cluster.h"
#include "plan/names.h"

#include <string.h>

#define KIND "cluster"
#define FRESH_RESTORED "cluster/fresh"
#define FRESH_REACHABLE "cluster/instances"
#define ROWS_MATCHED "cluster/matched"
#define OLD_ASIDE "cluster/aside"

/* What the chain is about: names and both ends. */
struct replacement {
	const struct observed_cluster *seen;
	const struct observed_database *old; /* under its name, or aside already */
	const char *fresh;                   /* the temporary name of cluster and snapshot */
	const char *aside;
	const char *kms_key; /* for RDS: what the spec says, else the account's key for RDS */
};

static bool is_available(const struct observed_database *database)
{
	return database->exists && database->status != NULL && strcmp(database->status, "available") == 0;
}

static bool has_wanted_key(const struct plan_input *input, const struct observed_database *database)
{
	const char *wanted = input->observed->cluster.kms_key;

	if (input->desired->cluster.kms_key == NULL)
		return true;
	return wanted != NULL && database->kms_key != NULL && strcmp(wanted, database->kms_key) == 0;
}

/*
 * A step's arguments name both ends: `source`, the old cluster, by its resource
 * id, since its name changes under way; `cluster`, the temporary name of the new
 * one; and `name`, whose holder is the new cluster once all is done.
 */
static struct plan_action *add_step(struct plan *plan, const struct plan_resource *resource,
                                    const struct replacement *replacement, const char *verb, const char *gives)
{
	struct plan_action *action = plan_add_action(plan, resource, verb, NULL);

	action->allow = "replace-cluster";
	action->gives = gives;
	plan_action_set(plan, action, "name", resource->name);
	plan_action_set(plan, action, "source", replacement->old->resource_id);
	plan_action_set(plan, action, "cluster", replacement->fresh);
	return action;
}

/* Snapshot and restore: nobody notices these. The snapshot has done its work once there is a cluster of it. */
static void add_preparation(struct plan *plan, const struct plan_resource *resource,
                            const struct replacement *replacement)
{
	const struct observed_snapshot *snapshot = &replacement->seen->snapshot;
	struct plan_action *action;

	if (is_available(&replacement->seen->fresh))
		return;
	if (!replacement->seen->fresh.exists && !(snapshot->exists && strcmp(snapshot->status, "available") == 0)) {
		action = add_step(plan, resource, replacement, "snapshot", CONDITION_SNAPSHOT);
		action->reason = "the old cluster stays as it is; what replaces it is restored from a snapshot";
		plan_action_call(plan, action, "rds:CreateDBClusterSnapshot");
	}
	action = add_step(plan, resource, replacement, "restore", FRESH_RESTORED);
	plan_action_need(plan, action, CONDITION_SNAPSHOT);
	action->reason = "neither encryption nor its key can be changed in place: a cluster that has them is restored "
	                 "beside the old one";
	plan_action_set(plan, action, "kmsKey", replacement->kms_key);
	plan_action_call(plan, action, "rds:RestoreDBClusterFromSnapshot");
}

/* As many instances as the old cluster has, of the same classes. */
static bool instances_are_ready(const struct replacement *replacement)
{
	const struct observed_database *fresh = &replacement->seen->fresh;
	size_t i, wanted = replacement->old->instance_count > 0 ? replacement->old->instance_count : 1;

	if (!is_available(fresh) || fresh->instance_count < wanted)
		return false;
	for (i = 0; i < fresh->instance_count; i++)
		if (strcmp(fresh->instances[i].status, "available") != 0)
			return false;
	return true;
}

static void add_instances(struct plan *plan, const struct plan_resource *resource,
                          const struct replacement *replacement)
{
	const struct observed_database *old = replacement->old;
	struct plan_action *action;
	size_t i, wanted = old->instance_count > 0 ? old->instance_count : 1;

	if (instances_are_ready(replacement))
		return;
	action = add_step(plan, resource, replacement, "instances", FRESH_REACHABLE);
	plan_action_need(plan, action, FRESH_RESTORED);
	action->reason = "a restored cluster has no instance, and cannot be reached without one";
	for (i = 0; i < wanted; i++) {
		const char *class = i < old->instance_count ? old->instances[i].class : "db.serverless";

		plan_action_set(plan, action, "instance",
		                names_instance(plan->arena, resource->name, old->resource_id, i + 1));
		plan_action_set(plan, action, "class", class);
	}
	plan_action_call(plan, action, "rds:CreateDBInstance");
}

static void add_match(struct plan *plan, const struct plan_resource *resource, const struct replacement *replacement)
{
	struct plan_action *action = add_step(plan, resource, replacement, "match", ROWS_MATCHED);

	plan_action_need(plan, action, FRESH_REACHABLE);
	action->reason = "rows written since the snapshot are copied, and counts and digests of every bot compared";
	plan_action_call_copy(plan, action);
}

static void add_swap(struct plan *plan, const struct plan_resource *resource, const struct replacement *replacement)
{
	struct plan_action *action;

	if (replacement->seen->current.exists) {
		action = add_step(plan, resource, replacement, "rename-old", OLD_ASIDE);
		plan_action_need(plan, action, ROWS_MATCHED);
		action->risk = RISK_DISRUPTIVE;
		action->reason = "the name is needed for the encrypted cluster; searches fail until it has the name";
		plan_action_set(plan, action, "to", replacement->aside);
		plan_action_call(plan, action, "rds:ModifyDBCluster");
	}
	action = add_step(plan, resource, replacement, "rename-new", CONDITION_CLUSTER_ENCRYPTED);
	plan_action_need(plan, action, FRESH_REACHABLE);
	plan_action_need(plan, action, OLD_ASIDE);
	action->risk = RISK_DISRUPTIVE;
	action->reason = "every row is compared once more, then the encrypted cluster takes the name and the endpoint";
	plan_action_call_copy(plan, action);
	plan_action_call(plan, action, "rds:ModifyDBCluster");
}

/* What trueup made on the way goes once nothing needs it: the old cluster itself is still there. */
static void add_cleanup(struct plan *plan, struct plan_resource *resource, const char *snapshot)
{
	struct plan_action *action = plan_add_action(plan, resource, "delete-snapshot", NULL);

	plan_action_need(plan, action, CONDITION_CLUSTER_ENCRYPTED);
	action->reason = "trueup made it for the replacement, which is done; the old cluster itself is kept";
	plan_action_set(plan, action, "snapshot", snapshot);
	plan_action_call(plan, action, "rds:DeleteDBClusterSnapshot");
}

bool diff_is_own(const struct plan_input *input, const char *deployment)
{
	return deployment != NULL && strcmp(deployment, input->desired->metadata.name) == 0;
}

/* Why the chain cannot begin or go on, or NULL. Names in use by others are never taken over. */
static const char *find_obstacle(const struct plan_input *input, const struct plan *plan,
                                 const struct replacement *replacement)
{
	const struct observed_cluster *seen = replacement->seen;

	if (seen->current.exists && input->baseline_error != NULL)
		return arena_printf(plan->arena,
		                    "a person: without its baseline nobody can tell afterwards what the rows were: %s",
		                    input->baseline_error);
	if (seen->current.exists && seen->aside.exists)
		return arena_printf(
		    plan->arena,
		    "a person: a cluster named %s is there already, from an earlier replacement: delete or rename it",
		    replacement->aside);
	if (seen->fresh.exists && !diff_is_own(input, seen->fresh.deployment))
		return arena_printf(plan->arena,
		                    "a person: a cluster named %s is there that was not made for this deployment: "
		                    "rename it",
		                    replacement->fresh);
	if (seen->snapshot.exists && !diff_is_own(input, seen->snapshot.deployment))
		return arena_printf(plan->arena,
		                    "a person: a snapshot named %s is there that was not made for this deployment: "
		                    "copy it to another name if it is needed, then delete it",
		                    replacement->fresh);
	if (seen->fresh.exists && !seen->fresh.encrypted)
		return arena_printf(plan->arena,
		                    "a person: the restored cluster %s is not encrypted: delete it, and run again",
		                    replacement->fresh);
	if (seen->fresh.exists && !has_wanted_key(input, &seen->fresh))
		return arena_printf(
		    plan->arena,
		    "a person: the restored cluster %s has another KMS key than spec.cluster.kmsKey: delete it, and "
		    "run again",
		    replacement->fresh);
	if (seen->fresh.exists && strcmp(seen->fresh.status, "stopped") == 0)
		return arena_printf(plan->arena, "the restored cluster %s is stopped: start it", replacement->fresh);
	if (strcmp(replacement->old->status, "stopped") == 0)
		return arena_printf(plan->arena, "a person: the cluster %s is stopped: start it",
		                    replacement->old->identifier);
	return NULL;
}

static void plan_restore(const struct plan_input *input, struct plan *plan, struct plan_resource *resource)
{
	const struct observed_cluster *seen = &input->observed->cluster;
	const struct desired_cluster *desired = &input->desired->cluster;
	const struct observed_database *old = seen->current.exists ? &seen->current : &seen->aside;
	struct replacement replacement = {
	    .seen = seen,
	    .old = old,
	    .fresh = names_fresh(plan->arena, input->desired->metadata.name, old->resource_id),
	    .aside = names_aside(plan->arena, resource->name),
	    .kms_key = desired->kms_key != NULL ? desired->kms_key : "alias/aws/rds",
	};
	size_t first = plan->action_count;
	const char *obstacle = find_obstacle(input, plan, &replacement);

	add_preparation(plan, resource, &replacement);
	add_instances(plan, resource, &replacement);
	if (seen->current.exists)
		add_match(plan, resource, &replacement);
	add_swap(plan, resource, &replacement);
	add_cleanup(plan, resource, replacement.fresh);
	if (obstacle != NULL) /* the rest of the chain follows its first step */
		plan_action_block(plan, plan->actions[first], "%s", obstacle);
}

static void note_leftovers(const struct plan_input *input, struct plan *plan, struct plan_resource *resource)
{
	const struct observed_cluster *seen = &input->observed->cluster;

	if (seen->aside.exists)
		plan_add_note(
		    plan, resource,
		    "the old cluster is kept as %s, and costs money: once nobody needs it, delete its instances "
		    "(aws rds delete-db-instance), then aws rds delete-db-cluster --db-cluster-identifier %s "
		    "--final-db-snapshot-identifier NAME",
		    seen->aside.identifier, seen->aside.identifier);
	if (seen->snapshot.exists && diff_is_own(input, seen->snapshot.deployment) &&
	    strcmp(seen->snapshot.status, "deleting") != 0)
		add_cleanup(plan, resource, seen->snapshot.identifier);
}

/* RDS is still at work on it: what it says of itself may not hold in a minute. */
static bool is_settling(const struct observed_database *database)
{
	static const char *const words[] = {"creating", "modifying", "renaming",
	                                    "starting", "upgrading", "resetting-master-credentials"};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(database->status, words[i]) == 0)
			return true;
	return false;
}

static void wait_to_settle(struct plan *plan, struct plan_resource *resource, const struct observed_database *current)
{
	struct plan_difference status = {"status", CHANGE_REPLACE, "available", current->status};
	struct plan_action *action = plan_add_action(plan, resource, "settle", NULL);

	plan_add_difference(plan, resource, &status);
	plan_set_reason(plan, resource, "RDS is still at work on it: %s", current->status);
	action->gives = CONDITION_CLUSTER_ENCRYPTED;
	action->reason = "nothing is done to it until RDS is through";
	plan_action_set(plan, action, "name", resource->name);
}

bool diff_status_is_broken(const char *status)
{
	return strcmp(status, "failed") == 0 || strcmp(status, "deleting") == 0 ||
	       strncmp(status, "inaccessible-", 13) == 0 || strncmp(status, "incompatible-", 13) == 0;
}

static void report_broken(struct plan *plan, struct plan_resource *resource, const struct observed_database *current)
{
	struct plan_difference status = {"status", CHANGE_REPLACE, "available", current->status};
	struct plan_action *action = plan_add_action(plan, resource, "recover", NULL);

	plan_add_difference(plan, resource, &status);
	plan_set_reason(plan, resource, "the cluster is %s", current->status);
	action->gives = CONDITION_CLUSTER_ENCRYPTED;
	action->reason = "the deployment needs its cluster";
	plan_action_block(plan, action, "a person: see the cluster's events in RDS");
}

/* A key that the spec names and nobody looked up is no other key: say, the spec was changed since. */
static bool misses_key(const struct plan_input *input)
{
	return input->desired->cluster.kms_key != NULL && input->observed->cluster.kms_key == NULL;
}

bool diff_replacement_is_due(const struct plan_input *input)
{
	const struct observed_cluster *seen = &input->observed->cluster;

	return input->desired->cluster.present && input->desired->cluster.encrypted &&
	       seen->head.status == OBSERVED_SEEN && seen->current.exists && !misses_key(input) &&
	       (!seen->current.encrypted || !has_wanted_key(input, &seen->current));
}

static void diff_present(const struct plan_input *input, struct plan *plan, struct plan_resource *resource)
{
	const struct observed_database *current = &input->observed->cluster.current;
	struct plan_difference encrypted = {"encrypted", CHANGE_REPLACE, "true", "false"};
	struct plan_difference key = {"kmsKey", CHANGE_REPLACE, input->observed->cluster.kms_key, current->kms_key};

	if (!input->desired->cluster.encrypted) {
		/* The section names the cluster, and leaves its encryption alone. */
	} else if (!current->encrypted) {
		plan_add_difference(plan, resource, &encrypted);
		plan_set_reason(plan, resource, "the cluster is not encrypted at rest");
	} else if (!has_wanted_key(input, current)) {
		plan_add_difference(plan, resource, &key);
		plan_set_reason(plan, resource, "the cluster is encrypted with another key");
	}
	if (diff_stack_comes_first(input, plan, resource))
		return;
	if (resource->state == RESOURCE_DRIFTED) {
		if (input->desired->cluster.replace == DESIRED_REPLACE_RESTORE)
			plan_restore(input, plan, resource);
		else
			diff_deploy(input, plan, resource);
		return;
	}
	if (is_settling(current))
		wait_to_settle(plan, resource, current);
	else if (diff_status_is_broken(current->status))
		report_broken(plan, resource, current);
	note_leftovers(input, plan, resource);
	if (resource->state == RESOURCE_IN_SYNC)
		diff_deploy_leftovers(input, plan, resource);
}

/* No cluster of that name: in the midst of our own replacement, or gone. */
static void diff_absent(const struct plan_input *input, struct plan *plan, struct plan_resource *resource)
{
	const struct observed_cluster *seen = &input->observed->cluster;
	struct plan_difference present = {"present", CHANGE_ADD, resource->name, NULL};
	struct plan_action *action;

	plan_add_difference(plan, resource, &present);
	if (diff_stack_comes_first(input, plan, resource))
		return;
	/* While our own replacement is under way the new cluster is always there: the old one stepped aside for it. */
	if (seen->aside.exists && seen->fresh.exists && input->desired->cluster.replace == DESIRED_REPLACE_RESTORE) {
		plan_set_reason(plan, resource, "its replacement is under way: the old cluster is aside as %s",
		                seen->aside.identifier);
		plan_restore(input, plan, resource);
		return;
	}
	plan_set_reason(plan, resource, "there is no cluster of this name");
	action = plan_add_action(plan, resource, "create", NULL);
	action->gives = CONDITION_CLUSTER_ENCRYPTED;
	action->reason = "the deployment needs its cluster";
	if (seen->aside.exists)
		plan_action_block(
		    plan, action,
		    "a person: %s is left of a replacement, and no restored cluster is there to take the name: "
		    "rename that one back, or bring %s back from its own snapshot%s",
		    seen->aside.identifier, resource->name,
		    input->desired->cluster.replace == DESIRED_REPLACE_RESTORE
		        ? ""
		        : "; or set spec.cluster.replace to restore, if one is");
	else
		plan_action_block(plan, action, "a person: deploy the stack, or correct spec.cluster.identifier");
}

void plan_diff_cluster(const struct plan_input *input, struct plan *plan)
{
	const struct observed_cluster *seen = &input->observed->cluster;
	const char *name = seen->identifier != NULL ? seen->identifier : input->desired->cluster.identifier;
	const struct observed_head no_key = {OBSERVED_UNKNOWN, "spec.cluster.kmsKey was not looked up", NULL};

	if (!input->desired->cluster.present || plan_is_left_out(&seen->head))
		return;
	if (seen->head.status != OBSERVED_SEEN) {
		plan_add_unseen(plan, KIND, name != NULL ? name : "(of the stack)", &seen->head);
		return;
	}
	if (misses_key(input)) {
		plan_add_unseen(plan, KIND, name, &no_key);
		return;
	}
	if (seen->current.exists)
		diff_present(input, plan, plan_add_resource(plan, KIND, name));
	else
		diff_absent(input, plan, plan_add_resource(plan, KIND, name));
}
