/*
 * Rows by way of a snapshot: the temporary cluster that they are copied from is
 * made, and deleted once nothing needs it. Each step looks at what is there
 * now, and touches nothing that is not trueup's own (kinds/source.h).
 */
#include "base/log.h"
#include "kinds/clusters.h"
#include "kinds/restore.h"
#include "kinds/source.h"
#include "plan/names.h"

#include <string.h>

/* The smallest that Aurora Serverless v2 has: it is read once, and not searched. */
#define CAPACITY_LEAST 0.5
#define CAPACITY_MOST 1.0

/* What is to be read of the snapshot, once it is complete. */
static int describe_snapshot(struct kind_context *context, const struct plan_action *action,
                             struct rds_snapshot *snapshot, struct error *err)
{
	const char *id = plan_action_get(action, "snapshot");

	if (rds_describe_snapshot(context->aws, context->arena, id, snapshot, err) != 0)
		return error_context(err, "the snapshot %s", id);
	if (strcmp(snapshot->status, "available") == 0)
		return 0;
	error_set(err, ERROR_STATE, "the snapshot %s is %s", id, snapshot->status);
	err->retryable = strcmp(snapshot->status, "creating") == 0 || strcmp(snapshot->status, "copying") == 0;
	return -1;
}

/* In the network of the deployment's cluster, which trueup and the application reach already. */
static int restore(struct kind_context *context, const struct plan_action *action, struct rds_cluster *cluster,
                   struct error *err)
{
	struct rds_tag tags[] = {clusters_own_tag(context), {NAMES_SNAPSHOT_TAG, plan_action_get(action, "snapshot")}};
	struct rds_snapshot snapshot;
	struct rds_cluster target;
	struct rds_restore request = {
	    .identifier = plan_action_get(action, "cluster"),
	    .snapshot = plan_action_get(action, "snapshot"),
	    .kms_key_id = plan_action_get(action, "kmsKey"),
	    .min_capacity = CAPACITY_LEAST,
	    .max_capacity = CAPACITY_MOST,
	    .tags = tags,
	    .tag_count = sizeof(tags) / sizeof(tags[0]),
	};

	if (describe_snapshot(context, action, &snapshot, err) != 0 ||
	    rds_describe_cluster(context->aws, context->arena, plan_action_get(action, "target"), &target, err) != 0)
		return -1;
	request.engine = snapshot.engine;
	request.engine_version = snapshot.engine_version;
	request.subnet_group = target.subnet_group;
	request.security_groups = target.security_groups;
	request.security_group_count = target.security_group_count;
	request.port = target.port;
	return rds_restore_cluster(context->aws, context->arena, &request, cluster, err);
}

void restore_source(struct kind_context *context, struct plan_action *action)
{
	struct rds_cluster cluster;
	struct error err;
	int rc = source_find(context, action, &cluster, &err);

	if (rc != 0 && err.code == ERROR_NOT_FOUND)
		rc = restore(context, action, &cluster, &err);
	if (rc != 0 && err.code == ERROR_EXISTS) /* our own, asked for twice: the first answer was lost */
		rc = source_find(context, action, &cluster, &err);
	if (rc != 0)
		kind_action_fail(context, action, &err);
	else if (strcmp(cluster.status, "deleting") == 0) /* by an earlier run, to which no row was missing */
		kind_action_wait(context, action, "the temporary cluster %s is being deleted, and restored anew then",
		                 cluster.identifier);
	else
		clusters_follow_status(context, action,
		                       arena_printf(context->arena, "the temporary cluster %s", cluster.identifier),
		                       cluster.status);
}

void restore_source_instance(struct kind_context *context, struct plan_action *action)
{
	struct rds_cluster cluster;
	struct error err;

	if (source_find(context, action, &cluster, &err) != 0) {
		kind_action_fail(context, action, &err);
		return;
	}
	action->state = ACTION_DONE;
	clusters_follow_instance(context, action, plan_action_get(action, "instance"),
	                         plan_action_get(action, "class"));
}

static int delete_instances(struct kind_context *context, const struct rds_cluster *cluster, struct error *err)
{
	struct rds_instances instances;
	size_t i;

	if (rds_describe_cluster_instances(context->aws, context->arena, cluster->identifier, &instances, err) != 0)
		return -1;
	for (i = 0; i < instances.count; i++) {
		if (strcmp(instances.items[i].status, "deleting") == 0)
			continue;
		if (rds_delete_instance(context->aws, context->arena, instances.items[i].identifier, err) != 0 &&
		    err->code != ERROR_NOT_FOUND)
			return -1;
	}
	return 0;
}

/* Instances first: a cluster that has any is not deleted. Done once it is gone. */
void restore_delete_source(struct kind_context *context, struct plan_action *action)
{
	struct rds_cluster cluster;
	struct error err;
	int rc = source_find(context, action, &cluster, &err);

	if (rc == 0 && strcmp(cluster.status, "deleting") != 0) {
		rc = delete_instances(context, &cluster, &err);
		if (rc == 0)
			rc = rds_delete_cluster(context->aws, context->arena, cluster.identifier, &err);
		if (rc == 0)
			log_info("the temporary cluster %s is being deleted", cluster.identifier);
	}
	if (rc == 0)
		kind_action_wait(context, action, "the temporary cluster %s is being deleted", cluster.identifier);
	else if (err.code == ERROR_NOT_FOUND)
		action->state = ACTION_DONE;
	else
		kind_action_fail(context, action, &err);
}
