#include "aws/rds.h"
#include "kinds/clusters.h"
#include "kinds/restore_dms.h"
#include "pg/held.h"
#include "plan/names.h"

#include <inttypes.h>
#include <strings.h>

#define DEFAULT_PORT 5432

const char *restore_dms_address(struct arena *arena, const char *host, int64_t port)
{
	return host != NULL ? arena_printf(arena, "%s:%" PRId64, host, port != 0 ? port : DEFAULT_PORT) : NULL;
}

static const struct rds_cluster *find_cluster(const struct rds_clusters *clusters, const struct database *database)
{
	const char *host = database->settings.host;
	size_t i;

	if (database->cluster != NULL)
		return clusters_find(clusters, database->cluster);
	for (i = 0; i < clusters->count; i++)
		if (clusters->items[i].endpoint != NULL && strcasecmp(clusters->items[i].endpoint, host) == 0)
			return &clusters->items[i];
	return NULL;
}

int restore_dms_locate(struct kind_context *context, const struct database *database, struct restore_dms_end *end,
                       struct error *err)
{
	struct rds_clusters clusters;
	const struct rds_cluster *cluster;

	*end = (struct restore_dms_end){.host = database->settings.host, .port = database->settings.port};
	if (end->port == 0)
		end->port = DEFAULT_PORT;
	if (rds_describe_clusters(context->aws, context->arena, &clusters, err) != 0)
		return -1;
	cluster = find_cluster(&clusters, database);
	if (cluster == NULL)
		return 0;
	/* The spec's hostaddr and port may be those of a tunnel, which DMS has no need of. */
	end->host = cluster->endpoint;
	end->port = cluster->port;
	end->security_groups = cluster->security_groups;
	end->security_group_count = cluster->security_group_count;
	return 0;
}

struct observed_dms_migration restore_dms_convert(const struct dms_migration *migration)
{
	return (struct observed_dms_migration){
	    .exists = true,
	    .status = migration->status,
	    .role = migration->role,
	    .failure = migration->failure,
	    .stop_reason = migration->stop_reason,
	    .started = migration->started,
	    .ended = migration->ended,
	    .percent = migration->percent,
	    .errored = migration->tables_errored,
	};
}

/* Whether it was found, and still is: 1, or 0, or -1 where nobody knows. With its tag. */
static int find_tag(struct kind_context *context, int rc, const char *arn, const char **deployment, struct error *err)
{
	if (rc == 0)
		rc = dms_find_tag(context->aws, context->arena, arn, NAMES_TAG, deployment, err);
	if (rc == 0)
		return 1;
	return err->code == ERROR_NOT_FOUND ? 0 : -1;
}

static int observe_profile(struct kind_context *context, const char *name, struct observed_dms_profile *out,
                           struct error *err)
{
	struct dms_profile profile = {0};
	int found = dms_find_profile(context->aws, context->arena, name, &profile, err);

	found = find_tag(context, found, profile.arn, &out->deployment, err);
	if (found <= 0)
		return found;
	out->exists = true;
	out->public = profile.public;
	out->subnet_group = profile.subnet_group;
	return 0;
}

static int observe_provider(struct kind_context *context, const char *end, struct observed_dms_provider *out,
                            struct error *err)
{
	const char *name = names_dms_provider(context->arena, context->desired->metadata.name, end);
	struct dms_provider provider = {0};
	int found = dms_find_provider(context->aws, context->arena, name, &provider, err);

	found = find_tag(context, found, provider.arn, &out->deployment, err);
	if (found <= 0)
		return found;
	out->exists = true;
	out->server = restore_dms_address(context->arena, provider.server, provider.port);
	out->database = provider.database;
	return 0;
}

static int observe_project(struct kind_context *context, const char *name, struct observed_dms_project *out,
                           struct error *err)
{
	struct dms_project project = {0};
	int found = dms_find_project(context->aws, context->arena, name, &project, err);

	found = find_tag(context, found, project.arn, &out->deployment, err);
	if (found <= 0)
		return found;
	out->exists = true;
	out->source_secret = project.source.secret;
	out->target_secret = project.target.secret;
	out->role = project.source.role;
	return 0;
}

static int observe_migration(struct kind_context *context, const char *name, struct observed_dms_migration *out,
                             struct error *err)
{
	struct dms_migration migration = {0};
	const char *deployment = NULL;
	int found = dms_find_migration(context->aws, context->arena, name, &migration, err);

	found = find_tag(context, found, migration.arn, &deployment, err);
	if (found <= 0)
		return found;
	*out = restore_dms_convert(&migration);
	out->deployment = deployment;
	return 0;
}

static int observe_things(struct kind_context *context, struct observed_dms *dms, struct error *err)
{
	const char *name = names_dms(context->arena, context->desired->metadata.name);

	if (observe_profile(context, name, &dms->profile, err) != 0 ||
	    observe_provider(context, "source", &dms->source_provider, err) != 0 ||
	    observe_provider(context, "target", &dms->target_provider, err) != 0 ||
	    observe_project(context, name, &dms->project, err) != 0 ||
	    observe_migration(context, name, &dms->migration, err) != 0)
		return -1;
	return 0;
}

static int observe_end(struct kind_context *context, const struct database *database, struct observed_dms_end *out,
                       struct error *err)
{
	struct restore_dms_end end;

	if (restore_dms_locate(context, database, &end, err) != 0)
		return -1;
	out->server = restore_dms_address(context->arena, end.host, end.port);
	out->database = database->settings.database;
	out->secret = database->secret;
	return 0;
}

static int observe_target(struct kind_context *context, struct observed_dms *dms, struct error *err)
{
	struct database database;
	int rc;

	if (database_resolve_target(context, &database, err) != 0)
		return -1;
	rc = observe_end(context, &database, &dms->target, err);
	database_free(&database);
	return rc;
}

/* What a load would come on top of; without a session on the target, which is observed anyway, nobody knows. */
static int look_for_own_rows(struct kind_context *context, struct pg_session *source, struct observed_dms *dms,
                             struct error *err)
{
	const char *table = context->desired->vectors.table;
	struct pg_side sides[2] = {{source, table}, {NULL, table}};
	struct database database;
	struct pg_held held;
	int rc;

	if (database_resolve_target(context, &database, err) != 0)
		return -1;
	rc = database_open(context, &database, &sides[1].session, err);
	if (rc == 0)
		rc = pg_look_for_held(&sides[0], &sides[1], context->arena, &held, err);
	if (rc == 0) {
		dms->only_here = held.kept;
		dms->only_here_count = held.kept_count;
	}
	pg_session_close(sides[1].session);
	database_free(&database);
	return rc;
}

/* Does it accept the password that DMS will read? That of before a rotation is no use to DMS. */
static int look_into_source(struct kind_context *context, struct database *database, struct observed_dms *dms,
                            bool target, struct error *err)
{
	struct pg_session *session;
	int rc = 0;

	database->previous = false;
	if (database_open(context, database, &session, err) != 0) {
		dms->refused = database_is_wrong_password(err);
		return dms->refused ? 0 : -1;
	}
	if (target)
		rc = look_for_own_rows(context, session, dms, err);
	pg_session_close(session);
	return rc;
}

static int observe_source(struct kind_context *context, struct observed_dms *dms, bool target, struct error *err)
{
	struct database database;
	int rc;

	if (database_resolve_source(context, &database, err) != 0)
		return -1;
	rc = observe_end(context, &database, &dms->source, err);
	if (rc == 0)
		rc = look_into_source(context, &database, dms, target, err);
	database_free(&database);
	return rc;
}

void restore_dms_observe(struct kind_context *context, bool target, struct observed_dms *dms)
{
	struct error err;

	dms->head.status = OBSERVED_SEEN;
	if (observe_things(context, dms, &err) != 0 || observe_target(context, dms, &err) != 0) {
		observed_set_unknown(&dms->head, context->arena, &err);
		return;
	}
	dms->source_head.status = OBSERVED_SEEN;
	if (observe_source(context, dms, target, &err) != 0)
		observed_set_unknown(&dms->source_head, context->arena, &err);
}

void restore_dms_permissions(const struct desired *desired, bool enforce, struct kind_permissions *permissions)
{
	/* What lists, and what makes, has no resource yet. */
	static const char *const observe[] = {
	    "dms:DescribeDataMigrations", "dms:ListDataProviders",   "dms:ListInstanceProfiles",
	    "dms:ListMigrationProjects",  "dms:ListTagsForResource",
	};
	static const char *const make[] = {
	    "dms:AddTagsToResource",     "dms:CreateDataMigration",    "dms:CreateDataProvider",
	    "dms:CreateInstanceProfile", "dms:CreateMigrationProject",
	};
	static const char *const change[] = {
	    "dms:DeleteDataMigration",    "dms:DeleteDataProvider", "dms:DeleteInstanceProfile",
	    "dms:DeleteMigrationProject", "dms:StartDataMigration", "dms:StopDataMigration",
	};
	const struct desired_dms *dms = &desired->vectors.restore.dms;
	size_t i;

	for (i = 0; i < sizeof(observe) / sizeof(observe[0]); i++)
		kind_add_permission(permissions, desired, observe[i], NULL);
	for (i = 0; enforce && i < sizeof(make) / sizeof(make[0]); i++)
		kind_add_permission(permissions, desired, make[i], NULL);
	for (i = 0; enforce && i < sizeof(change) / sizeof(change[0]); i++)
		kind_add_permission(permissions, desired, change[i], "*");
	if (!enforce)
		return;
	kind_add_permission(permissions, desired, "iam:PassRole", dms->role);
	if (dms->secrets_role != NULL)
		kind_add_permission(permissions, desired, "iam:PassRole", dms->secrets_role);
}
