#include "kinds/source.h"
#include "base/clock.h"
#include "kinds/clusters.h"
#include "kinds/snapshots.h"
#include "kinds/stack.h"
#include "plan/names.h"
#include "spec/load.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

/* RDS takes 8 to 41 printable characters. */
#define PASSWORD_BYTES 20
#define PASSWORD_WAIT_MS ((int64_t)10 * 60 * 1000)
#define PASSWORD_POLL_MS 500
#define PASSWORD_POLL_MOST_MS 15000

static bool is_ours(struct kind_context *context, const struct rds_cluster *cluster)
{
	const char *deployment = rds_find_tag(cluster->tags, cluster->tag_count, NAMES_TAG);
	const char *snapshot = rds_find_tag(cluster->tags, cluster->tag_count, NAMES_SNAPSHOT_TAG);
	const char *name = context->desired->metadata.name;

	return deployment != NULL && snapshot != NULL && strcmp(deployment, name) == 0 &&
	       strcasecmp(cluster->identifier, names_source(context->arena, name, snapshot)) == 0;
}

static int observe_target(struct kind_context *context, const struct rds_clusters *clusters,
                          struct observed_restore *out, struct error *err)
{
	const struct rds_cluster *target;

	out->target = stack_resolve(context->desired->cluster.identifier, context->stack->cluster, context,
	                            "spec.cluster.identifier", err);
	if (out->target == NULL)
		return -1;
	target = clusters_find(clusters, out->target);
	if (target == NULL)
		return error_set(err, ERROR_NOT_FOUND, "there is no cluster %s", out->target);
	out->target_id = target->resource_id;
	out->kms_key = target->kms_key_id;
	return 0;
}

/* The name of the cluster that the baseline is of; NULL where that is not known. */
static const char *baseline_cluster(struct kind_context *context)
{
	const struct desired_counts *counts = &context->desired->vectors.counts;
	struct desired_baseline baseline;
	struct error ignored; /* a baseline that cannot be read is a matter of the plan */

	if (!counts->present || counts->from != DESIRED_COUNTS_BASELINE ||
	    spec_load_baseline(context->arena, context->desired, &baseline, &ignored) != 0)
		return NULL;
	return baseline.cluster;
}

static int observe_named(struct kind_context *context, const char *wanted, struct observed_restore *out,
                         struct error *err)
{
	struct rds_snapshot snapshot;

	if (rds_describe_snapshot(context->aws, context->arena, wanted, &snapshot, err) != 0)
		return err->code == ERROR_NOT_FOUND ? 0 : -1;
	*ARENA_PUSH(context->arena, out->snapshots, out->snapshot_count) = snapshots_convert(context, &snapshot);
	return 0;
}

static int observe_snapshots(struct kind_context *context, struct observed_restore *out, struct error *err)
{
	const char *wanted = context->desired->vectors.restore.from.snapshot;
	struct snapshots_filter filter = {out->target_id, baseline_cluster(context)};

	if (strcmp(wanted, DESIRED_SNAPSHOT_AUTO) != 0)
		return observe_named(context, wanted, out, err);
	return snapshots_observe(context, &filter, &out->snapshots, &out->snapshot_count, err);
}

/* Whether it has the name that the temporary cluster of one of the snapshots would have. */
static bool is_in_the_way(struct kind_context *context, const struct observed_restore *seen,
                          const struct rds_cluster *cluster)
{
	const char *wanted = context->desired->vectors.restore.from.snapshot, *name = context->desired->metadata.name;
	size_t i;

	if (strcasecmp(cluster->identifier, names_source(context->arena, name, wanted)) == 0)
		return true;
	for (i = 0; i < seen->snapshot_count; i++)
		if (strcasecmp(cluster->identifier,
		               names_source(context->arena, name, seen->snapshots[i].identifier)) == 0)
			return true;
	return false;
}

/* Ours, and, where the spec restores a snapshot, whatever has the name of what would be ours. */
static int observe_temporaries(struct kind_context *context, const struct rds_clusters *clusters,
                               struct observed_restore *out, struct error *err)
{
	bool restores = context->desired->vectors.restore.from.kind == DESIRED_SOURCE_SNAPSHOT;
	size_t i;

	for (i = 0; i < clusters->count; i++) {
		const struct rds_cluster *cluster = &clusters->items[i];

		if (!is_ours(context, cluster) && !(restores && is_in_the_way(context, out, cluster)))
			continue;
		if (clusters_observe(context, cluster, ARENA_PUSH(context->arena, out->clusters, out->cluster_count),
		                     err) != 0)
			return -1;
	}
	return 0;
}

static int observe_all(struct kind_context *context, struct observed_restore *out, struct error *err)
{
	struct rds_clusters clusters;

	if (rds_describe_clusters(context->aws, context->arena, &clusters, err) != 0 ||
	    observe_target(context, &clusters, out, err) != 0 || observe_snapshots(context, out, err) != 0)
		return -1;
	return observe_temporaries(context, &clusters, out, err);
}

void source_observe(struct kind_context *context, struct observed_restore *out)
{
	struct error err;

	out->head.status = OBSERVED_SEEN;
	if (observe_all(context, out, &err) != 0)
		observed_set_unknown(&out->head, context->arena, &err);
}

void source_observe_left(struct kind_context *context, struct observed_restore *out)
{
	struct rds_clusters clusters;
	struct error err;

	out->head.status = OBSERVED_SEEN;
	if (rds_describe_clusters(context->aws, context->arena, &clusters, &err) != 0 ||
	    observe_target(context, &clusters, out, &err) != 0 ||
	    observe_temporaries(context, &clusters, out, &err) != 0)
		observed_set_unknown(&out->head, context->arena, &err);
}

int source_find(struct kind_context *context, const struct plan_action *action, struct rds_cluster *cluster,
                struct error *err)
{
	const char *name = plan_action_get(action, "cluster");

	if (rds_describe_cluster(context->aws, context->arena, name, cluster, err) != 0)
		return -1;
	if (!is_ours(context, cluster))
		return error_set(err, ERROR_REFUSED,
		                 "the cluster %s does not carry the tags of what trueup restored for this deployment: "
		                 "it is left alone; rename it",
		                 name);
	return 0;
}

/* Hexadecimal digits: none of the characters that RDS refuses is among them. */
static int new_password(struct secret **password, struct error *err)
{
	unsigned char bytes[PASSWORD_BYTES];
	char text[2 * PASSWORD_BYTES + 1];
	size_t i;

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return error_errno(err, "a password for the temporary cluster");
	for (i = 0; i < sizeof(bytes); i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	*password = secret_new(text, sizeof(text) - 1);
	explicit_bzero(bytes, sizeof(bytes));
	explicit_bzero(text, sizeof(text));
	return 0;
}

/* RDS agrees at once, and the server knows of it some time later. */
static int await_password(struct kind_context *context, struct database *source, struct error *err)
{
	int64_t end = clock_monotonic_ms() + PASSWORD_WAIT_MS, pause = PASSWORD_POLL_MS;
	struct kind_context reading = *context;
	struct pg_session *session;

	reading.writes = false;
	while (database_open(&reading, source, &session, err) != 0) {
		if (*context->stop || !(database_is_wrong_password(err) || err->retryable))
			return -1;
		if (clock_monotonic_ms() >= end) {
			error_context(err, "its new password is still not accepted");
			err->retryable = true;
			return -1;
		}
		clock_sleep_ms(pause, context->stop);
		pause = pause * 3 / 2 < PASSWORD_POLL_MOST_MS ? pause * 3 / 2 : PASSWORD_POLL_MOST_MS;
	}
	pg_session_close(session);
	return 0;
}

int source_open(struct kind_context *context, const struct plan_action *action, const struct database *target,
                struct database *source, struct error *err)
{
	struct rds_cluster cluster;
	struct secret *password = NULL;

	*source = (struct database){0};
	if (source_find(context, action, &cluster, err) != 0)
		return -1;
	if (strcmp(cluster.status, "available") != 0) {
		error_set(err, ERROR_STATE, "the temporary cluster %s is %s", cluster.identifier, cluster.status);
		err->retryable = true;
		return -1;
	}
	if (new_password(&password, err) != 0)
		return -1;
	if (rds_set_master_password(context->aws, context->arena, cluster.identifier, password, err) != 0) {
		secret_free(password);
		return error_context(err, "the temporary cluster %s", cluster.identifier);
	}
	return database_resolve_temporary(context, &cluster, password, target, source, err) != 0 ||
	               await_password(context, source, err) != 0
	           ? -1
	           : 0;
}

static void allow_on_temporary(const struct desired *desired, const char *action, const char *type,
                               struct kind_permissions *permissions)
{
	kind_add_permission_on_own(permissions, desired, action, type,
	                           names_source(permissions->arena, desired->metadata.name, ""));
}

static void allow_deletion(const struct desired *desired, struct kind_permissions *permissions)
{
	allow_on_temporary(desired, "rds:DeleteDBCluster", "cluster", permissions);
	allow_on_temporary(desired, "rds:DeleteDBInstance", "db", permissions);
}

static void allow_changes(const struct desired *desired, struct kind_permissions *permissions)
{
	static const char *const made[] = {"rds:AddTagsToResource", "rds:CreateDBInstance",
	                                   "rds:RestoreDBClusterFromSnapshot"};
	/* Snapshot, target or both may be encrypted with a key of the account's. */
	static const char *const key[] = {"kms:CreateGrant",     "kms:Decrypt",       "kms:DescribeKey", "kms:Encrypt",
	                                  "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"};
	size_t i;

	for (i = 0; i < sizeof(made) / sizeof(made[0]); i++)
		kind_add_permission(permissions, desired, made[i], "*");
	allow_on_temporary(desired, "rds:ModifyDBCluster", "cluster", permissions);
	allow_deletion(desired, permissions);
	for (i = 0; i < sizeof(key) / sizeof(key[0]); i++)
		kind_add_permission(permissions, desired, key[i], "key/*");
}

void source_permissions(const struct desired *desired, bool enforce, struct kind_permissions *permissions)
{
	kind_add_permission(permissions, desired, "rds:DescribeDBClusters", NULL);
	kind_add_permission(permissions, desired, "rds:DescribeDBInstances", NULL);
	kind_add_permission(permissions, desired, "rds:DescribeDBClusterSnapshots", NULL);
	if (enforce)
		allow_changes(desired, permissions);
}

void source_permissions_left(const struct desired *desired, bool enforce, struct kind_permissions *permissions)
{
	kind_add_permission(permissions, desired, "rds:DescribeDBClusters", NULL);
	kind_add_permission(permissions, desired, "rds:DescribeDBInstances", NULL);
	if (enforce && desired->vectors.counts.present) /* without them nobody knows that no row is missing */
		allow_deletion(desired, permissions);
}
