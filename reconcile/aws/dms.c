#include "aws/dms.h"
#include "aws/service.h"

#include <string.h>

/* How each kind is listed, made and deleted. */
static const struct {
	enum aws_operation describe;
	enum aws_operation delete;
	const char *filter;     /* NULL: AWS documents none, so all are listed */
	const char *list;       /* in an answer of describe */
	const char *name;       /* in an item of it */
	const char *identifier; /* in a request to delete */
} kinds[] = {
    [DMS_PROFILE] = {AWS_DMS_DESCRIBE_INSTANCE_PROFILES, AWS_DMS_DELETE_INSTANCE_PROFILE, "instance-profile-identifier",
                     "InstanceProfiles", "InstanceProfileName", "InstanceProfileIdentifier"},
    [DMS_PROVIDER] = {AWS_DMS_DESCRIBE_DATA_PROVIDERS, AWS_DMS_DELETE_DATA_PROVIDER, "data-provider-identifier",
                      "DataProviders", "DataProviderName", "DataProviderIdentifier"},
    [DMS_PROJECT] = {AWS_DMS_DESCRIBE_MIGRATION_PROJECTS, AWS_DMS_DELETE_MIGRATION_PROJECT,
                     "migration-project-identifier", "MigrationProjects", "MigrationProjectName",
                     "MigrationProjectIdentifier"},
    [DMS_MIGRATION] = {AWS_DMS_DESCRIBE_DATA_MIGRATIONS, AWS_DMS_DELETE_DATA_MIGRATION, NULL, "DataMigrations",
                       "DataMigrationName", "DataMigrationIdentifier"},
};

static json_t *pick(const json_t *page, enum dms_kind kind, const char *name)
{
	size_t i;
	json_t *item;

	json_array_foreach(json_object_get(page, kinds[kind].list), i, item)
	{
		const char *found = json_string_value(json_object_get(item, kinds[kind].name));

		if (found != NULL && strcmp(found, name) == 0)
			return item;
	}
	return NULL;
}

static json_t *make_filters(enum dms_kind kind, const char *name)
{
	if (kinds[kind].filter == NULL)
		return NULL;
	return json_pack("[{s:s, s:[s]}]", "Name", kinds[kind].filter, "Values", name);
}

/* A new reference in *item. DMS may say that there is none by an empty list, or by an error. */
static int find(struct aws *aws, struct arena *arena, enum dms_kind kind, const char *name, json_t **item,
                struct error *err)
{
	struct service_pages pages = {0};
	int more;

	*item = NULL;
	do {
		json_t *body = json_pack("{s:o*, s:s*}", "Filters", make_filters(kind, name), "Marker", pages.token);
		struct aws_response response;

		more = service_call_json(aws, arena, kinds[kind].describe, body, &response, err);
		if (more == 0) {
			*item = json_incref(pick(response.json, kind, name));
			more = service_next_page(&pages, arena, service_json_text(arena, response.json, "Marker"), err);
		}
		aws_response_free(&response);
	} while (more > 0 && *item == NULL);
	if (*item != NULL)
		return 0;
	return more < 0 ? -1 : error_set(err, ERROR_NOT_FOUND, "DMS has no %s %s", kinds[kind].name, name);
}

int dms_find_profile(struct aws *aws, struct arena *arena, const char *name, struct dms_profile *profile,
                     struct error *err)
{
	json_t *item, *group;
	size_t i;

	if (find(aws, arena, DMS_PROFILE, name, &item, err) != 0)
		return -1;
	*profile = (struct dms_profile){
	    .arn = service_json_text(arena, item, "InstanceProfileArn"),
	    .name = service_json_text(arena, item, "InstanceProfileName"),
	    .subnet_group = service_json_text(arena, item, "SubnetGroupIdentifier"),
	    .public = !json_is_false(json_object_get(item, "PubliclyAccessible")),
	};
	json_array_foreach(json_object_get(item, "VpcSecurityGroups"), i, group) *
	    ARENA_PUSH(arena, profile->security_groups, profile->security_group_count) =
	    arena_strdup(arena, json_string_value(group));
	json_decref(item);
	return 0;
}

int dms_find_provider(struct aws *aws, struct arena *arena, const char *name, struct dms_provider *provider,
                      struct error *err)
{
	const json_t *settings;
	json_t *item;

	if (find(aws, arena, DMS_PROVIDER, name, &item, err) != 0)
		return -1;
	settings = json_object_get(json_object_get(item, "Settings"), "PostgreSqlSettings");
	*provider = (struct dms_provider){
	    .arn = service_json_text(arena, item, "DataProviderArn"),
	    .name = service_json_text(arena, item, "DataProviderName"),
	    .server = service_json_text(arena, settings, "ServerName"),
	    .port = json_integer_value(json_object_get(settings, "Port")),
	    .database = service_json_text(arena, settings, "DatabaseName"),
	    .sslmode = service_json_text(arena, settings, "SslMode"),
	};
	json_decref(item);
	return 0;
}

static struct dms_end read_end(struct arena *arena, const json_t *project, const char *side)
{
	const json_t *descriptor = json_array_get(json_object_get(project, side), 0);

	return (struct dms_end){
	    .provider = service_json_text(arena, descriptor, "DataProviderName"),
	    .secret = service_json_text(arena, descriptor, "SecretsManagerSecretId"),
	    .role = service_json_text(arena, descriptor, "SecretsManagerAccessRoleArn"),
	};
}

int dms_find_project(struct aws *aws, struct arena *arena, const char *name, struct dms_project *project,
                     struct error *err)
{
	json_t *item;

	if (find(aws, arena, DMS_PROJECT, name, &item, err) != 0)
		return -1;
	*project = (struct dms_project){
	    .arn = service_json_text(arena, item, "MigrationProjectArn"),
	    .name = service_json_text(arena, item, "MigrationProjectName"),
	    .profile = service_json_text(arena, item, "InstanceProfileName"),
	    .source = read_end(arena, item, "SourceDataProviderDescriptors"),
	    .target = read_end(arena, item, "TargetDataProviderDescriptors"),
	};
	json_decref(item);
	return 0;
}

int dms_find_migration(struct aws *aws, struct arena *arena, const char *name, struct dms_migration *migration,
                       struct error *err)
{
	const json_t *statistics;
	json_t *item;

	if (find(aws, arena, DMS_MIGRATION, name, &item, err) != 0)
		return -1;
	statistics = json_object_get(item, "DataMigrationStatistics");
	*migration = (struct dms_migration){
	    .arn = service_json_text(arena, item, "DataMigrationArn"),
	    .name = service_json_text(arena, item, "DataMigrationName"),
	    .project = service_json_text(arena, item, "MigrationProjectArn"),
	    .role = service_json_text(arena, item, "ServiceAccessRoleArn"),
	    .status = service_json_text(arena, item, "DataMigrationStatus"),
	    .failure = service_json_text(arena, item, "LastFailureMessage"),
	    .stop_reason = service_json_text(arena, item, "StopReason"),
	    .started = service_json_text(arena, item, "DataMigrationStartTime"),
	    .ended = service_json_text(arena, item, "DataMigrationEndTime"),
	    .percent = json_integer_value(json_object_get(statistics, "FullLoadPercentage")),
	    .tables_loaded = json_integer_value(json_object_get(statistics, "TablesLoaded")),
	    .tables_errored = json_integer_value(json_object_get(statistics, "TablesErrored")),
	};
	json_decref(item);
	return 0;
}

int dms_find_tag(struct aws *aws, struct arena *arena, const char *arn, const char *key, const char **value,
                 struct error *err)
{
	struct aws_response response;
	json_t *tag;
	size_t i;

	*value = NULL;
	if (service_call_json(aws, arena, AWS_DMS_LIST_TAGS_FOR_RESOURCE, json_pack("{s:s}", "ResourceArn", arn),
	                      &response, err) != 0)
		return -1;
	json_array_foreach(json_object_get(response.json, "TagList"), i, tag)
	{
		const char *found = json_string_value(json_object_get(tag, "Key"));

		if (found != NULL && strcmp(found, key) == 0)
			*value = service_json_text(arena, tag, "Value");
	}
	aws_response_free(&response);
	return 0;
}

static json_t *make_tags(const struct dms_tag *tag)
{
	return json_pack("[{s:s, s:s}]", "Key", tag->key, "Value", tag->value);
}

int dms_create_profile(struct aws *aws, struct arena *arena, const struct dms_profile *profile,
                       const struct dms_tag *tag, struct error *err)
{
	json_t *groups = json_array(), *body;
	size_t i;

	for (i = 0; i < profile->security_group_count; i++)
		json_array_append_new(groups, json_string(profile->security_groups[i]));
	body = json_pack("{s:s, s:s, s:b, s:o, s:o}", "InstanceProfileName", profile->name, "SubnetGroupIdentifier",
	                 profile->subnet_group, "PubliclyAccessible", (int)profile->public, "VpcSecurityGroups", groups,
	                 "Tags", make_tags(tag));
	return service_do_json(aws, arena, AWS_DMS_CREATE_INSTANCE_PROFILE, body, err);
}

int dms_create_provider(struct aws *aws, struct arena *arena, const struct dms_provider *provider,
                        const struct dms_tag *tag, struct error *err)
{
	json_t *body = json_pack("{s:s, s:s, s:{s:{s:s, s:I, s:s, s:s}}, s:o}", "DataProviderName", provider->name,
	                         "Engine", "aurora-postgresql", "Settings", "PostgreSqlSettings", "ServerName",
	                         provider->server, "Port", (json_int_t)provider->port, "DatabaseName",
	                         provider->database, "SslMode", provider->sslmode, "Tags", make_tags(tag));

	return service_do_json(aws, arena, AWS_DMS_CREATE_DATA_PROVIDER, body, err);
}

static json_t *make_end(const struct dms_end *end)
{
	return json_pack("[{s:s, s:s, s:s}]", "DataProviderIdentifier", end->provider, "SecretsManagerSecretId",
	                 end->secret, "SecretsManagerAccessRoleArn", end->role);
}

int dms_create_project(struct aws *aws, struct arena *arena, const struct dms_project *project,
                       const struct dms_tag *tag, struct error *err)
{
	json_t *body =
	    json_pack("{s:s, s:s, s:o, s:o, s:o}", "MigrationProjectName", project->name, "InstanceProfileIdentifier",
	              project->profile, "SourceDataProviderDescriptors", make_end(&project->source),
	              "TargetDataProviderDescriptors", make_end(&project->target), "Tags", make_tags(tag));

	return service_do_json(aws, arena, AWS_DMS_CREATE_MIGRATION_PROJECT, body, err);
}

/* The rules are JSON in a string. */
static const char *make_rules(struct arena *arena, const struct dms_migration *migration)
{
	return service_dump_json(arena, json_pack("{s:[{s:s, s:s, s:s, s:s, s:{s:s, s:s}, s:[]}]}", "rules",
	                                          "rule-type", "selection", "rule-id", "1", "rule-name", "1",
	                                          "rule-action", "include", "object-locator", "schema-name",
	                                          migration->schema, "table-name", migration->table, "filters"));
}

int dms_create_migration(struct aws *aws, struct arena *arena, const struct dms_migration *migration,
                         const struct dms_tag *tag, struct error *err)
{
	json_t *body = json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:[{s:s}], s:o}", "DataMigrationName", migration->name,
	                         "MigrationProjectIdentifier", migration->project, "DataMigrationType", "full-load",
	                         "ServiceAccessRoleArn", migration->role, "SelectionRules",
	                         make_rules(arena, migration), "EnableCloudwatchLogs", 1, "TargetDataSettings",
	                         "TablePreparationMode", "do-nothing", "Tags", make_tags(tag));

	return service_do_json(aws, arena, AWS_DMS_CREATE_DATA_MIGRATION, body, err);
}

int dms_start_migration(struct aws *aws, struct arena *arena, const char *identifier, struct error *err)
{
	return service_do_json(
	    aws, arena, AWS_DMS_START_DATA_MIGRATION,
	    json_pack("{s:s, s:s}", "DataMigrationIdentifier", identifier, "StartType", "start-replication"), err);
}

int dms_stop_migration(struct aws *aws, struct arena *arena, const char *identifier, struct error *err)
{
	return service_do_json(aws, arena, AWS_DMS_STOP_DATA_MIGRATION,
	                       json_pack("{s:s}", "DataMigrationIdentifier", identifier), err);
}

int dms_delete(struct aws *aws, struct arena *arena, enum dms_kind kind, const char *identifier, struct error *err)
{
	return service_do_json(aws, arena, kinds[kind].delete, json_pack("{s:s}", kinds[kind].identifier, identifier),
	                       err);
}
