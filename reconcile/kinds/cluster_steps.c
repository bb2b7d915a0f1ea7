/*
 * Each step looks at all clusters first and finds the two that it is about
 * again: the old one by its resource id, since it is renamed under way, and the
 * new one by its temporary name, or as the holder of the old one's name once
 * all is done. So a step that is repeated after a crash, or beside a rename
 * that is still under way, goes on from what is there.
 */
#include "kinds/cluster_steps.h"
#include "base/log.h"
#include "kinds/cluster_deploy.h"
#include "kinds/clusters.h"
#include "kinds/rows.h"
#include "plan/diff.h"
#include "plan/names.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct scene {
	const struct rds_cluster *old;    /* NULL: gone */
	const struct rds_cluster *fresh;  /* under its temporary name; NULL: not there */
	const struct rds_cluster *holder; /* whoever else has the name: the new cluster, when all is done */
};

static int look(struct kind_context *context, const struct plan_action *action, struct scene *scene, struct error *err)
{
	const char *source = plan_action_get(action, "source"), *fresh = plan_action_get(action, "cluster");
	const char *name = plan_action_get(action, "name");
	struct rds_clusters clusters;
	size_t i;

	*scene = (struct scene){0};
	if (rds_describe_clusters(context->aws, context->arena, &clusters, err) != 0)
		return -1;
	for (i = 0; i < clusters.count; i++) {
		const struct rds_cluster *cluster = &clusters.items[i];

		if (strcmp(cluster->resource_id, source) == 0)
			scene->old = cluster;
		else if (strcasecmp(cluster->identifier, fresh) == 0)
			scene->fresh = cluster;
		else if (strcasecmp(cluster->identifier, name) == 0)
			scene->holder = cluster;
	}
	return 0;
}

static bool is_available(const struct rds_cluster *cluster)
{
	return strcmp(cluster->status, "available") == 0;
}

static void step_snapshot(struct kind_context *context, struct plan_action *action, const struct scene *scene,
                          struct error *err)
{
	const char *identifier = plan_action_get(action, "cluster");
	struct rds_tag tag = clusters_own_tag(context);
	struct rds_snapshot snapshot;
	int rc;

	if (scene->fresh != NULL) {
		action->state = ACTION_DONE; /* it was restored already: nothing more is needed of the snapshot */
		return;
	}
	rc = rds_describe_snapshot(context->aws, context->arena, identifier, &snapshot, err);
	if (rc != 0 && err->code == ERROR_NOT_FOUND && scene->old != NULL)
		rc = rds_create_snapshot(context->aws, context->arena, identifier, scene->old->identifier, &tag, 1,
		                         &snapshot, err);
	if (rc != 0 && err->code == ERROR_EXISTS) /* our own, asked for twice: the first answer was lost */
		rc = rds_describe_snapshot(context->aws, context->arena, identifier, &snapshot, err);
	if (rc != 0)
		kind_action_fail(context, action, err);
	else
		clusters_follow_status(context, action, arena_printf(context->arena, "the snapshot %s", identifier),
		                       snapshot.status);
}

/* The old cluster's own tags, and ours. */
static void set_tags(const struct kind_context *context, const struct rds_cluster *old, struct rds_restore *restore)
{
	struct rds_tag *tags = arena_array(context->arena, old->tag_count + 1, sizeof(*tags));
	size_t i, count = 0;

	for (i = 0; i < old->tag_count; i++)
		if (strncmp(old->tags[i].key, "aws:", 4) != 0 && /* AWS keeps these to itself */
		    strcmp(old->tags[i].key, NAMES_TAG) != 0)
			tags[count++] = old->tags[i];
	tags[count++] = clusters_own_tag(context);
	restore->tags = tags;
	restore->tag_count = count;
}

/* A restore keeps none of these unless they are passed. */
static struct rds_restore like_old(const struct kind_context *context, const struct plan_action *action,
                                   const struct rds_cluster *old)
{
	struct rds_restore restore = {
	    .identifier = plan_action_get(action, "cluster"),
	    .snapshot = plan_action_get(action, "cluster"),
	    .engine = old->engine,
	    .engine_version = old->engine_version,
	    .kms_key_id = plan_action_get(action, "kmsKey"),
	    .subnet_group = old->subnet_group,
	    .parameter_group = old->parameter_group,
	    .security_groups = old->security_groups,
	    .security_group_count = old->security_group_count,
	    .log_exports = old->log_exports,
	    .log_export_count = old->log_export_count,
	    .port = old->port,
	    .min_capacity = old->min_capacity,
	    .max_capacity = old->max_capacity,
	    .iam_auth = old->iam_auth,
	    .deletion_protection = old->deletion_protection,
	    .copy_tags = old->copy_tags,
	};

	set_tags(context, old, &restore);
	return restore;
}

static void step_restore(struct kind_context *context, struct plan_action *action, const struct scene *scene,
                         struct error *err)
{
	const struct rds_cluster *fresh = scene->fresh;
	struct rds_cluster restored;

	if (fresh == NULL) {
		struct rds_restore restore;

		if (scene->old == NULL) {
			error_set(err, ERROR_NOT_FOUND, "the old cluster is gone");
			kind_action_fail(context, action, err);
			return;
		}
		restore = like_old(context, action, scene->old);
		if (rds_restore_cluster(context->aws, context->arena, &restore, &restored, err) != 0) {
			kind_action_fail(context, action, err);
			return;
		}
		fresh = &restored;
	}
	clusters_follow_status(
	    context, action, arena_printf(context->arena, "the restored cluster %s", fresh->identifier), fresh->status);
}

static void step_instances(struct kind_context *context, struct plan_action *action, const struct scene *scene,
                           struct error *err)
{
	const char *identifier = NULL;
	size_t i;

	(void)scene;
	(void)err;
	action->state = ACTION_DONE;
	for (i = 0; i < action->argument_count; i++) {
		if (strcmp(action->arguments[i].name, "instance") == 0)
			identifier = action->arguments[i].value;
		else if (strcmp(action->arguments[i].name, "class") == 0)
			clusters_follow_instance(context, action, identifier, action->arguments[i].value);
	}
}

/* Rows of the old cluster, whatever was written since the snapshot, on the new one; proved. */
static int match_rows(struct kind_context *context, const struct scene *scene, struct rows_result *result,
                      struct error *err)
{
	struct database source, target = {0};
	struct rows_request request = {
	    .source = &source,
	    .target = &target,
	    .table = context->desired->vectors.table != NULL ? context->desired->vectors.table : "items",
	    .streams = (int)context->desired->vectors.restore.streams,
	    .may_lose = true, /* the new cluster is ours alone, made of the old one's snapshot */
	    .may_delete = true,
	};
	int rc;

	rc = database_resolve_cluster(context, scene->old->identifier, &source, err);
	if (rc == 0)
		rc = database_resolve_cluster(context, scene->fresh->identifier, &target, err);
	if (rc == 0)
		rc = rows_match(context, &request, result, err);
	database_free(&target);
	database_free(&source);
	return rc;
}

/* Both clusters there and available, or the action says what is missing. */
static bool both_available(struct kind_context *context, struct plan_action *action, const struct scene *scene)
{
	const struct rds_cluster *ends[] = {scene->old, scene->fresh};
	size_t i;

	for (i = 0; i < 2; i++) {
		if (ends[i] == NULL) {
			action->state = ACTION_FAILED;
			action->error = i == 0 ? "the old cluster is gone" : "the restored cluster is gone";
			return false;
		}
		if (!is_available(ends[i])) {
			kind_action_wait(context, action, "the cluster %s is %s", ends[i]->identifier, ends[i]->status);
			return false;
		}
	}
	return true;
}

/* Whether the database refuses the password that the secret has now. */
static bool refuses_password(struct kind_context *context, struct database *database)
{
	struct pg_session *session;
	struct error err;

	if (database_open(context, database, &session, &err) != 0)
		return database_is_wrong_password(&err);
	pg_session_close(session);
	return false;
}

/*
 * The restored cluster has the master password of the snapshot's time. If the
 * secret was rotated since, neither we nor, later, the application would get
 * in, so it is given the present one. Returns true if that had to be done; what
 * else is wrong shows when the rows are compared.
 */
static bool renew_password(struct kind_context *context, struct plan_action *action, const struct rds_cluster *fresh)
{
	struct database target;
	struct error err;
	bool refused;

	if (database_resolve_cluster(context, fresh->identifier, &target, &err) != 0)
		return false;
	refused = target.secret != NULL && fresh->master_username != NULL &&
	          strcmp(target.settings.user, fresh->master_username) == 0 && refuses_password(context, &target);
	if (refused &&
	    rds_set_master_password(context->aws, context->arena, fresh->identifier, target.password, &err) != 0)
		kind_action_fail(context, action, &err);
	else if (refused)
		kind_action_wait(context, action, "%s is given the password that the secret has now",
		                 fresh->identifier);
	database_free(&target);
	return refused;
}

/* True once the new cluster holds every row of the old one, read back; else the action says why it does not. */
static bool prove_rows(struct kind_context *context, struct plan_action *action, const struct scene *scene,
                       struct error *err)
{
	struct rows_result result;

	if (!both_available(context, action, scene) || renew_password(context, action, scene->fresh))
		return false;
	if (match_rows(context, scene, &result, err) != 0) {
		kind_action_fail(context, action, err);
		return false;
	}
	log_info("%s holds the rows of %s (%zu bots were copied)", scene->fresh->identifier, scene->old->identifier,
	         result.copied);
	return true;
}

static void step_match(struct kind_context *context, struct plan_action *action, const struct scene *scene,
                       struct error *err)
{
	if (prove_rows(context, action, scene, err))
		action->state = ACTION_DONE;
}

/*
 * RDS claims the new name at once, and lists the cluster under its old name, as
 * available, for some time: a name that is in use and that no cluster has is
 * our own, on its way.
 */
static bool is_under_way(struct kind_context *context, const char *to, const struct error *refusal)
{
	struct rds_cluster holder;
	struct error err;

	return refusal->code == ERROR_EXISTS &&
	       rds_describe_cluster(context->aws, context->arena, to, &holder, &err) != 0 &&
	       err.code == ERROR_NOT_FOUND;
}

static void rename_cluster(struct kind_context *context, struct plan_action *action, const char *from, const char *to,
                           struct error *err)
{
	if (!action->asked && rds_rename_cluster(context->aws, context->arena, from, to, err) != 0 &&
	    !is_under_way(context, to, err)) {
		kind_action_fail(context, action, err);
		return;
	}
	action->asked = true;
	kind_action_wait(context, action, "%s is being renamed to %s", from, to);
}

static void step_rename_old(struct kind_context *context, struct plan_action *action, const struct scene *scene,
                            struct error *err)
{
	const char *aside = plan_action_get(action, "to");

	if (scene->old == NULL) {
		error_set(err, ERROR_NOT_FOUND, "the old cluster is gone");
		kind_action_fail(context, action, err);
	} else if (!is_available(scene->old)) {
		kind_action_wait(context, action, "the cluster %s is %s", scene->old->identifier, scene->old->status);
	} else if (strcasecmp(scene->old->identifier, aside) == 0) {
		action->state = ACTION_DONE;
	} else {
		rename_cluster(context, action, scene->old->identifier, aside, err);
	}
}

/* Rule 2 stands here: the name changes hands only after the rows were read back once more and are equal. */
static void step_rename_new(struct kind_context *context, struct plan_action *action, const struct scene *scene,
                            struct error *err)
{
	/* Once it may have the name it may be in use: its rows are not touched any more. */
	if (action->asked || prove_rows(context, action, scene, err))
		rename_cluster(context, action, plan_action_get(action, "cluster"), plan_action_get(action, "name"),
		               err);
}

/* Done once it is gone: RDS takes its time after it has agreed. */
static void delete_snapshot(struct kind_context *context, struct plan_action *action)
{
	const char *identifier = plan_action_get(action, "snapshot");
	struct rds_snapshot snapshot;
	struct error err;
	int rc = rds_describe_snapshot(context->aws, context->arena, identifier, &snapshot, &err);

	if (rc == 0 && strcmp(snapshot.status, "deleting") != 0)
		rc = rds_delete_snapshot(context->aws, context->arena, identifier, &err);
	if (rc == 0)
		kind_action_wait(context, action, "the snapshot %s is being deleted", identifier);
	else if (err.code == ERROR_NOT_FOUND)
		action->state = ACTION_DONE;
	else
		kind_action_fail(context, action, &err);
}

static void settle(struct kind_context *context, struct plan_action *action)
{
	const char *name = plan_action_get(action, "name");
	struct rds_cluster cluster;
	struct error err;

	if (rds_describe_cluster(context->aws, context->arena, name, &cluster, &err) != 0)
		kind_action_fail(context, action, &err);
	else
		clusters_follow_status(context, action, arena_printf(context->arena, "the cluster %s", name),
		                       cluster.status);
}

typedef void step(struct kind_context *context, struct plan_action *action, const struct scene *scene,
                  struct error *err);

static const struct {
	const char *verb;
	step *run;
} steps[] = {
    {"snapshot", step_snapshot}, {"restore", step_restore},       {"instances", step_instances},
    {"match", step_match},       {"rename-old", step_rename_old}, {"rename-new", step_rename_new},
};

static bool is_same(const struct rds_cluster *a, const struct rds_cluster *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return strcmp(a->identifier, b->identifier) == 0 && strcmp(a->status, b->status) == 0;
}

/*
 * A rename shows some time after it was asked for, perhaps by a run that was
 * killed: names, endpoints and certificates change under a step that had looked
 * before. What failed for that is tried again on what is there now.
 */
static void retry_if_moved(struct kind_context *context, struct plan_action *action, const struct scene *before)
{
	struct scene now;
	struct error err;

	if (action->state != ACTION_FAILED || look(context, action, &now, &err) != 0)
		return;
	if (is_same(before->old, now.old) && is_same(before->fresh, now.fresh) && is_same(before->holder, now.holder))
		return;
	kind_action_wait(context, action, "RDS went on meanwhile (%s)", action->error);
	action->error = NULL;
}

static step *find_step(const char *verb)
{
	size_t i;

	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (strcmp(steps[i].verb, verb) == 0)
			return steps[i].run;
	return NULL;
}

static void act_step(struct kind_context *context, struct plan_action *action)
{
	step *run = find_step(action->verb);
	struct scene scene;
	struct error err = {0};

	if (run == NULL) {
		kind_action_reject(context, action);
		return;
	}
	if (look(context, action, &scene, &err) != 0) {
		kind_action_fail(context, action, &err);
		return;
	}
	/* The new cluster has the name: whatever this step was for is done, or about to be. */
	if (scene.holder != NULL && clusters_is_encrypted(scene.holder)) {
		clusters_follow_status(context, action,
		                       arena_printf(context->arena, "the cluster %s", scene.holder->identifier),
		                       scene.holder->status);
		return;
	}
	run(context, action, &scene, &err);
	retry_if_moved(context, action, &scene);
}

void cluster_act(struct kind_context *context, struct plan_action **actions, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (strcmp(actions[i]->verb, "delete-snapshot") == 0)
			delete_snapshot(context, actions[i]);
		else if (strcmp(actions[i]->verb, "deploy") == 0)
			cluster_deploy(context, actions[i]);
		else if (strcmp(actions[i]->verb, "snapshot") == 0 && plan_action_get(actions[i], "snapshot") != NULL)
			cluster_take_snapshot(context, actions[i]);
		else if (strcmp(actions[i]->verb, "settle") == 0 && plan_action_get(actions[i], "stack") != NULL)
			cluster_settle_stack(context, actions[i]);
		else if (strcmp(actions[i]->verb, "settle") == 0)
			settle(context, actions[i]);
		else
			act_step(context, actions[i]);
	}
}
