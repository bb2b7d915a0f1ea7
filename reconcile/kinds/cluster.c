/* The cluster kind: what RDS says of the deployment's cluster and of whatever takes part in its replacement. */
#include "aws/kms.h"
#include "kinds/cluster_deploy.h"
#include "kinds/cluster_steps.h"
#include "kinds/clusters.h"
#include "kinds/database.h"
#include "kinds/kind.h"
#include "kinds/snapshots.h"
#include "kinds/stack.h"
#include "plan/diff.h"
#include "plan/names.h"

#include <string.h>

static bool cluster_is_wanted(const struct desired *desired)
{
	return desired->cluster.present;
}

static int observe_snapshot(struct kind_context *context, const char *identifier, struct observed_snapshot *out,
                            struct error *err)
{
	struct rds_snapshot snapshot;

	if (rds_describe_snapshot(context->aws, context->arena, identifier, &snapshot, err) != 0)
		return err->code == ERROR_NOT_FOUND ? 0 : -1;
	*out = snapshots_convert(context, &snapshot);
	return 0;
}

/* The temporary name is derived from the old cluster, which is under its name or aside. */
static int observe_replacement(struct kind_context *context, const struct rds_clusters *clusters,
                               struct observed_cluster *out, struct error *err)
{
	const char *deployment = context->desired->metadata.name;
	const struct observed_database *old = out->aside.exists ? &out->aside : &out->current;
	const char *fresh;

	if (!old->exists)
		return 0;
	fresh = names_fresh(context->arena, deployment, old->resource_id);
	if (clusters_observe(context, clusters_find(clusters, fresh), &out->fresh, err) != 0)
		return -1;
	return observe_snapshot(context, fresh, &out->snapshot, err);
}

static int observe_key(struct kind_context *context, struct observed_cluster *out, struct error *err)
{
	const char *id = context->desired->cluster.kms_key;
	struct kms_key key;

	if (id == NULL)
		return 0;
	if (kms_describe_key(context->aws, context->arena, id, &key, err) != 0)
		return error_context(err, "spec.cluster.kmsKey %s", id);
	if (!key.enabled)
		return error_set(err, ERROR_STATE, "spec.cluster.kmsKey %s is %s: RDS cannot use it", id, key.state);
	out->kms_key = key.arn;
	return 0;
}

static int observe_all(struct kind_context *context, struct observed_cluster *out, struct error *err)
{
	struct snapshots_filter filter = {0};
	struct rds_clusters clusters;

	out->identifier = stack_resolve(context->desired->cluster.identifier, context->stack->cluster, context,
	                                "spec.cluster.identifier", err);
	if (out->identifier == NULL || observe_key(context, out, err) != 0 ||
	    rds_describe_clusters(context->aws, context->arena, &clusters, err) != 0)
		return -1;
	if (clusters_observe(context, clusters_find(&clusters, out->identifier), &out->current, err) != 0 ||
	    clusters_observe(context, clusters_find(&clusters, names_aside(context->arena, out->identifier)),
	                     &out->aside, err) != 0)
		return -1;
	if (!context->desired->cluster.encrypted)
		return 0; /* then it is never replaced */
	filter.resource_id = out->current.resource_id;
	if (context->desired->cluster.replace != DESIRED_REPLACE_RESTORE) {
		out->deploy_problem = cluster_find_deploy_problem(context);
		return snapshots_observe(context, &filter, &out->snapshots, &out->snapshot_count, err);
	}
	return observe_replacement(context, &clusters, out, err);
}

static void cluster_observe(struct kind_context *context, struct observed *observed)
{
	struct observed_cluster *cluster = &observed->cluster;
	struct error err;

	cluster->head.status = OBSERVED_SEEN;
	if (observe_all(context, cluster, &err) != 0)
		observed_set_unknown(&cluster->head, context->arena, &err);
}

static void allow_snapshot_deletion(const struct desired *desired, struct kind_permissions *permissions)
{
	kind_add_permission_on_own(permissions, desired, "rds:DeleteDBClusterSnapshot", "cluster-snapshot",
	                           names_fresh(permissions->arena, desired->metadata.name, ""));
}

/* trueup's own: the deployment's command has its own needs. */
static void deploy_permissions(const struct desired *desired, bool enforce, struct kind_permissions *permissions)
{
	static const char *const snapshot[] = {"rds:AddTagsToResource", "rds:CreateDBClusterSnapshot"};
	size_t i;

	if (desired->aws.stack != NULL)
		kind_add_permission(permissions, desired, "cloudformation:DescribeStackEvents",
		                    arena_printf(permissions->arena, "stack/%s/*", desired->aws.stack));
	for (i = 0; enforce && i < sizeof(snapshot) / sizeof(snapshot[0]); i++)
		kind_add_permission(permissions, desired, snapshot[i], "*");
	if (enforce)
		allow_snapshot_deletion(desired, permissions);
}

static void restore_permissions(const struct desired *desired, struct kind_permissions *permissions)
{
	static const char *const restore[] = {
	    "rds:AddTagsToResource", "rds:CreateDBClusterSnapshot",      "rds:CreateDBInstance",
	    "rds:ModifyDBCluster",   "rds:RestoreDBClusterFromSnapshot",
	};
	static const char *const key[] = {"kms:CreateGrant",     "kms:Decrypt",       "kms:Encrypt",
	                                  "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"};
	size_t i;

	database_permissions(desired, &desired->vectors.connect, permissions); /* rows are compared before the swap */
	for (i = 0; i < sizeof(restore) / sizeof(restore[0]); i++)
		kind_add_permission(permissions, desired, restore[i], "*");
	allow_snapshot_deletion(desired, permissions);
	for (i = 0; desired->cluster.kms_key != NULL && i < sizeof(key) / sizeof(key[0]); i++)
		kind_add_permission(permissions, desired, key[i], "key/*");
}

static void cluster_permissions(const struct desired *desired, bool enforce, struct kind_permissions *permissions)
{
	kind_add_permission(permissions, desired, "rds:DescribeDBClusters", NULL);
	kind_add_permission(permissions, desired, "rds:DescribeDBInstances", NULL);
	kind_add_permission(permissions, desired, "rds:DescribeDBClusterSnapshots", NULL);
	if (desired->cluster.kms_key != NULL)
		kind_add_permission(permissions, desired, "kms:DescribeKey", NULL);
	if (!desired->cluster.encrypted)
		return;
	if (desired->cluster.replace != DESIRED_REPLACE_RESTORE)
		deploy_permissions(desired, enforce, permissions);
	else if (enforce)
		restore_permissions(desired, permissions);
}

const struct kind kind_cluster = {
    .name = "cluster",
    .part = offsetof(struct observed, cluster),
    .is_wanted = cluster_is_wanted,
    .observe = cluster_observe,
    .diff = plan_diff_cluster,
    .act = cluster_act,
    .permissions = cluster_permissions,
};
