#include "kinds/clusters.h"
#include "plan/diff.h"
#include "plan/names.h"

#include <string.h>
#include <strings.h>

bool clusters_is_encrypted(const struct rds_cluster *cluster)
{
	const char *type = cluster->storage_encryption_type;

	return cluster->storage_encrypted || (type != NULL && strcmp(type, "none") != 0);
}

const struct rds_cluster *clusters_find(const struct rds_clusters *clusters, const char *identifier)
{
	size_t i;

	for (i = 0; i < clusters->count; i++)
		if (strcasecmp(clusters->items[i].identifier, identifier) == 0)
			return &clusters->items[i];
	return NULL;
}

static bool is_writer(const struct rds_cluster *cluster, const char *instance)
{
	size_t i;

	for (i = 0; i < cluster->member_count; i++)
		if (strcmp(cluster->members[i].instance, instance) == 0)
			return cluster->members[i].writer;
	return false;
}

static int observe_instances(struct kind_context *context, const struct rds_cluster *cluster,
                             struct observed_database *out, struct error *err)
{
	struct rds_instances instances;
	size_t i;

	if (rds_describe_cluster_instances(context->aws, context->arena, cluster->identifier, &instances, err) != 0)
		return err->code == ERROR_NOT_FOUND ? 0 : -1; /* it went a moment ago */
	for (i = 0; i < instances.count; i++) {
		struct observed_instance *instance = ARENA_PUSH(context->arena, out->instances, out->instance_count);

		instance->identifier = instances.items[i].identifier;
		instance->class = instances.items[i].class;
		instance->status = instances.items[i].status;
		instance->writer = is_writer(cluster, instance->identifier);
	}
	return 0;
}

int clusters_observe(struct kind_context *context, const struct rds_cluster *cluster, struct observed_database *out,
                     struct error *err)
{
	if (cluster == NULL)
		return 0;
	out->exists = true;
	out->identifier = cluster->identifier;
	out->resource_id = cluster->resource_id;
	out->status = cluster->status;
	out->encrypted = clusters_is_encrypted(cluster);
	out->kms_key = cluster->kms_key_id;
	out->endpoint = cluster->endpoint;
	out->port = cluster->port;
	out->deployment = rds_find_tag(cluster->tags, cluster->tag_count, NAMES_TAG);
	out->snapshot = rds_find_tag(cluster->tags, cluster->tag_count, NAMES_SNAPSHOT_TAG);
	return observe_instances(context, cluster, out, err);
}

struct rds_tag clusters_own_tag(const struct kind_context *context)
{
	return (struct rds_tag){NAMES_TAG, context->desired->metadata.name};
}

void clusters_follow_status(struct kind_context *context, struct plan_action *action, const char *what,
                            const char *status)
{
	if (strcmp(status, "available") == 0) {
		action->state = ACTION_DONE;
	} else if (diff_status_is_broken(status)) {
		action->state = ACTION_FAILED;
		action->error = arena_printf(context->arena,
		                             "%s is %s: see its events in RDS, delete it, and run again", what, status);
	} else {
		kind_action_wait(context, action, "%s is %s", what, status);
	}
}

void clusters_follow_instance(struct kind_context *context, struct plan_action *action, const char *identifier,
                              const char *class)
{
	struct rds_tag tag = clusters_own_tag(context);
	struct rds_instance_options options = {
	    .identifier = identifier,
	    .cluster = plan_action_get(action, "cluster"),
	    .class = class,
	    .engine = "aurora-postgresql",
	    .tags = &tag,
	    .tag_count = 1,
	};
	struct rds_instance instance;
	struct plan_action one = *action;
	struct error err;
	int rc = rds_describe_instance(context->aws, context->arena, identifier, &instance, &err);

	if (rc != 0 && err.code == ERROR_NOT_FOUND)
		rc = rds_create_instance(context->aws, context->arena, &options, &instance, &err);
	if (rc != 0 && err.code == ERROR_EXISTS) /* our own, asked for twice: the first answer was lost */
		rc = rds_describe_instance(context->aws, context->arena, identifier, &instance, &err);
	if (rc != 0)
		kind_action_fail(context, &one, &err);
	else
		clusters_follow_status(context, &one, arena_printf(context->arena, "the instance %s", identifier),
		                       instance.status);
	if (one.state != ACTION_DONE && action->state != ACTION_FAILED)
		*action = one;
}
