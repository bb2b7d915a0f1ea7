#include "plan/observed.h"

#include <stdlib.h>
#include <string.h>

static const char *const status_words[] = {
    [OBSERVED_SKIPPED] = "skipped", [OBSERVED_SEEN] = "seen", [OBSERVED_UNKNOWN] = "unknown", NULL};

static const struct record_field head_fields[] = {
    RECORD_WORD(struct observed_head, status, "status", status_words),
    RECORD_STRING(struct observed_head, reason, "reason"),
    RECORD_STRING(struct observed_head, permission, "permission"),
    RECORD_END,
};
static const struct record head_record = {sizeof(struct observed_head), head_fields};

static const struct record_field account_fields[] = {
    RECORD_OBJECT(struct observed_account, head, "seen", &head_record),
    RECORD_STRING(struct observed_account, account, "account"),
    RECORD_STRING(struct observed_account, arn, "arn"),
    RECORD_END,
};
static const struct record account_record = {sizeof(struct observed_account), account_fields};

static const struct record_field stack_fields[] = {
    RECORD_OBJECT(struct observed_stack, head, "seen", &head_record),
    RECORD_STRING(struct observed_stack, name, "name"),
    RECORD_STRING(struct observed_stack, status, "status"),
    RECORD_STRING(struct observed_stack, failure, "failure"),
    RECORD_STRING(struct observed_stack, cluster, "cluster"),
    RECORD_STRING(struct observed_stack, secret, "secret"),
    RECORD_STRING(struct observed_stack, pool, "pool"),
    RECORD_STRING(struct observed_stack, table, "table"),
    RECORD_STRING(struct observed_stack, ecs_cluster, "ecsCluster"),
    RECORD_STRING(struct observed_stack, task_definition, "taskDefinition"),
    RECORD_STRING(struct observed_stack, task_security_group, "taskSecurityGroup"),
    RECORD_STRINGS(struct observed_stack, subnets, subnet_count, "subnets"),
    RECORD_STRINGS(struct observed_stack, exports, export_count, "exports"),
    RECORD_END,
};
static const struct record stack_record = {sizeof(struct observed_stack), stack_fields};

static const struct record_field instance_fields[] = {
    RECORD_STRING(struct observed_instance, identifier, "identifier"),
    RECORD_STRING(struct observed_instance, class, "class"),
    RECORD_STRING(struct observed_instance, status, "status"),
    RECORD_BOOL(struct observed_instance, writer, "writer"),
    RECORD_END,
};
static const struct record instance_record = {sizeof(struct observed_instance), instance_fields};

static const struct record_field database_fields[] = {
    RECORD_BOOL(struct observed_database, exists, "exists"),
    RECORD_STRING(struct observed_database, identifier, "identifier"),
    RECORD_STRING(struct observed_database, resource_id, "resourceId"),
    RECORD_STRING(struct observed_database, status, "status"),
    RECORD_BOOL(struct observed_database, encrypted, "encrypted"),
    RECORD_STRING(struct observed_database, kms_key, "kmsKey"),
    RECORD_STRING(struct observed_database, endpoint, "endpoint"),
    RECORD_INT(struct observed_database, port, "port"),
    RECORD_STRING(struct observed_database, deployment, "deployment"),
    RECORD_STRING(struct observed_database, snapshot, "snapshot"),
    RECORD_LIST(struct observed_database, instances, instance_count, "instances", &instance_record),
    RECORD_END,
};
static const struct record database_record = {sizeof(struct observed_database), database_fields};

static const struct record_field snapshot_fields[] = {
    RECORD_BOOL(struct observed_snapshot, exists, "exists"),
    RECORD_STRING(struct observed_snapshot, identifier, "identifier"),
    RECORD_STRING(struct observed_snapshot, status, "status"),
    RECORD_INT(struct observed_snapshot, percent, "percent"),
    RECORD_STRING(struct observed_snapshot, deployment, "deployment"),
    RECORD_STRING(struct observed_snapshot, cluster, "cluster"),
    RECORD_STRING(struct observed_snapshot, resource_id, "resourceId"),
    RECORD_STRING(struct observed_snapshot, created, "created"),
    RECORD_BOOL(struct observed_snapshot, encrypted, "encrypted"),
    RECORD_BOOL(struct observed_snapshot, final, "final"),
    RECORD_END,
};
static const struct record snapshot_record = {sizeof(struct observed_snapshot), snapshot_fields};

static const struct record_field cluster_fields[] = {
    RECORD_OBJECT(struct observed_cluster, head, "seen", &head_record),
    RECORD_STRING(struct observed_cluster, identifier, "identifier"),
    RECORD_STRING(struct observed_cluster, kms_key, "kmsKey"),
    RECORD_OBJECT(struct observed_cluster, current, "current", &database_record),
    RECORD_OBJECT(struct observed_cluster, aside, "aside", &database_record),
    RECORD_OBJECT(struct observed_cluster, fresh, "fresh", &database_record),
    RECORD_OBJECT(struct observed_cluster, snapshot, "snapshot", &snapshot_record),
    RECORD_LIST(struct observed_cluster, snapshots, snapshot_count, "snapshots", &snapshot_record),
    RECORD_STRING(struct observed_cluster, deploy_problem, "deployProblem"),
    RECORD_END,
};
static const struct record cluster_record = {sizeof(struct observed_cluster), cluster_fields};

static const struct record_field rotation_fields[] = {
    RECORD_OBJECT(struct observed_rotation, head, "seen", &head_record),
    RECORD_STRING(struct observed_rotation, secret, "secret"),
    RECORD_STRING(struct observed_rotation, arn, "arn"),
    RECORD_BOOL(struct observed_rotation, enabled, "enabled"),
    RECORD_STRING(struct observed_rotation, lambda, "lambda"),
    RECORD_STRING(struct observed_rotation, schedule, "schedule"),
    RECORD_STRING(struct observed_rotation, last_rotated, "lastRotated"),
    RECORD_STRING(struct observed_rotation, next_rotation, "nextRotation"),
    RECORD_STRING(struct observed_rotation, last_changed, "lastChanged"),
    RECORD_STRING(struct observed_rotation, deleted, "deleted"),
    RECORD_STRING(struct observed_rotation, current_version, "currentVersion"),
    RECORD_STRING(struct observed_rotation, pending_version, "pendingVersion"),
    RECORD_END,
};
static const struct record rotation_record = {sizeof(struct observed_rotation), rotation_fields};

static const struct record_field bot_fields[] = {
    RECORD_STRING(struct observed_bot, id, "id"),
    RECORD_INT(struct observed_bot, rows, "rows"),
    RECORD_STRING(struct observed_bot, digest, "digest"),
    RECORD_END,
};
static const struct record bot_record = {sizeof(struct observed_bot), bot_fields};

static const struct record_field index_fields[] = {
    RECORD_BOOL(struct observed_index, exists, "exists"),
    RECORD_BOOL(struct observed_index, valid, "valid"),
    RECORD_STRING(struct observed_index, name, "name"),
    RECORD_STRING(struct observed_index, method, "method"),
    RECORD_INT(struct observed_index, lists, "lists"),
    RECORD_INT(struct observed_index, suggested, "suggestedLists"),
    RECORD_INT(struct observed_index, trained, "trainedRows"),
    RECORD_BOOL(struct observed_index, crowded, "crowded"),
    RECORD_END,
};
static const struct record index_record = {sizeof(struct observed_index), index_fields};

static const struct record_field schema_fields[] = {
    RECORD_STRING(struct observed_schema, extension, "extension"),
    RECORD_BOOL(struct observed_schema, table, "table"),
    RECORD_BOOL(struct observed_schema, primary_key, "primaryKey"),
    RECORD_BOOL(struct observed_schema, botid_index, "botidIndex"),
    RECORD_STRING(struct observed_schema, mismatch, "mismatch"),
    RECORD_OBJECT(struct observed_schema, index, "index", &index_record),
    RECORD_END,
};
static const struct record schema_record = {sizeof(struct observed_schema), schema_fields};

static const struct record_field restore_fields[] = {
    RECORD_OBJECT(struct observed_restore, head, "seen", &head_record),
    RECORD_STRING(struct observed_restore, target, "target"),
    RECORD_STRING(struct observed_restore, target_id, "targetId"),
    RECORD_STRING(struct observed_restore, kms_key, "kmsKey"),
    RECORD_LIST(struct observed_restore, snapshots, snapshot_count, "snapshots", &snapshot_record),
    RECORD_LIST(struct observed_restore, clusters, cluster_count, "clusters", &database_record),
    RECORD_END,
};
static const struct record restore_record = {sizeof(struct observed_restore), restore_fields};
static const struct record_field embedding_fields[] = {
    RECORD_OBJECT(struct observed_embedding, head, "seen", &head_record),
    RECORD_STRING(struct observed_embedding, definition, "taskDefinition"),
    RECORD_INT(struct observed_embedding, cpu, "cpu"),
    RECORD_INT(struct observed_embedding, memory, "memory"),
    RECORD_END,
};
static const struct record embedding_record = {sizeof(struct observed_embedding), embedding_fields};

static const struct record_field publisher_fields[] = {
    RECORD_BOOL(struct observed_publisher, rds, "rds"),
    RECORD_BOOL(struct observed_publisher, logical, "logical"),
    RECORD_BOOL(struct observed_publisher, identity, "identity"),
    RECORD_STRING(struct observed_publisher, extra, "extra"),
    RECORD_STRING(struct observed_publisher, missing, "missing"),
    RECORD_BOOL(struct observed_publisher, publication, "publication"),
    RECORD_BOOL(struct observed_publisher, role, "role"),
    RECORD_BOOL(struct observed_publisher, slot, "slot"),
    RECORD_BOOL(struct observed_publisher, slot_lost, "slotLost"),
    RECORD_BOOL(struct observed_publisher, old_slot, "oldSlot"),
    RECORD_INT(struct observed_publisher, slots_left, "slotsLeft"),
    RECORD_INT(struct observed_publisher, held_bytes, "heldBytes"),
    RECORD_END,
};
static const struct record publisher_record = {sizeof(struct observed_publisher), publisher_fields};

static const struct record_field subscriber_fields[] = {
    RECORD_STRING(struct observed_subscriber, missing, "missing"),
    RECORD_BOOL(struct observed_subscriber, subscription, "subscription"),
    RECORD_BOOL(struct observed_subscriber, enabled, "enabled"),
    RECORD_END,
};
static const struct record subscriber_record = {sizeof(struct observed_subscriber), subscriber_fields};

static const struct record_field replication_fields[] = {
    RECORD_OBJECT(struct observed_replication, head, "seen", &head_record),
    RECORD_STRING(struct observed_replication, name, "name"),
    RECORD_BOOL(struct observed_replication, source_gone, "sourceGone"),
    RECORD_OBJECT(struct observed_replication, source, "source", &publisher_record),
    RECORD_OBJECT(struct observed_replication, target, "target", &subscriber_record),
    RECORD_END,
};
static const struct record replication_record = {sizeof(struct observed_replication), replication_fields};

static const struct record_field dms_end_fields[] = {
    RECORD_STRING(struct observed_dms_end, server, "server"),
    RECORD_STRING(struct observed_dms_end, database, "database"),
    RECORD_STRING(struct observed_dms_end, secret, "secret"),
    RECORD_END,
};
static const struct record dms_end_record = {sizeof(struct observed_dms_end), dms_end_fields};

static const struct record_field dms_profile_fields[] = {
    RECORD_BOOL(struct observed_dms_profile, exists, "exists"),
    RECORD_STRING(struct observed_dms_profile, deployment, "deployment"),
    RECORD_BOOL(struct observed_dms_profile, public, "public"),
    RECORD_STRING(struct observed_dms_profile, subnet_group, "subnetGroup"),
    RECORD_END,
};
static const struct record dms_profile_record = {sizeof(struct observed_dms_profile), dms_profile_fields};

static const struct record_field dms_provider_fields[] = {
    RECORD_BOOL(struct observed_dms_provider, exists, "exists"),
    RECORD_STRING(struct observed_dms_provider, deployment, "deployment"),
    RECORD_STRING(struct observed_dms_provider, server, "server"),
    RECORD_STRING(struct observed_dms_provider, database, "database"),
    RECORD_END,
};
static const struct record dms_provider_record = {sizeof(struct observed_dms_provider), dms_provider_fields};

static const struct record_field dms_project_fields[] = {
    RECORD_BOOL(struct observed_dms_project, exists, "exists"),
    RECORD_STRING(struct observed_dms_project, deployment, "deployment"),
    RECORD_STRING(struct observed_dms_project, source_secret, "sourceSecret"),
    RECORD_STRING(struct observed_dms_project, target_secret, "targetSecret"),
    RECORD_STRING(struct observed_dms_project, role, "role"),
    RECORD_END,
};
static const struct record dms_project_record = {sizeof(struct observed_dms_project), dms_project_fields};

static const struct record_field dms_migration_fields[] = {
    RECORD_BOOL(struct observed_dms_migration, exists, "exists"),
    RECORD_STRING(struct observed_dms_migration, deployment, "deployment"),
    RECORD_STRING(struct observed_dms_migration, status, "status"),
    RECORD_STRING(struct observed_dms_migration, role, "role"),
    RECORD_STRING(struct observed_dms_migration, failure, "failure"),
    RECORD_STRING(struct observed_dms_migration, stop_reason, "stopReason"),
    RECORD_STRING(struct observed_dms_migration, started, "started"),
    RECORD_STRING(struct observed_dms_migration, ended, "ended"),
    RECORD_INT(struct observed_dms_migration, percent, "percent"),
    RECORD_INT(struct observed_dms_migration, errored, "errored"),
    RECORD_END,
};
static const struct record dms_migration_record = {sizeof(struct observed_dms_migration), dms_migration_fields};

static const struct record_field dms_fields[] = {
    RECORD_OBJECT(struct observed_dms, head, "seen", &head_record),
    RECORD_OBJECT(struct observed_dms, source_head, "sourceSeen", &head_record),
    RECORD_BOOL(struct observed_dms, refused, "refused"),
    RECORD_STRINGS(struct observed_dms, only_here, only_here_count, "onlyHere"),
    RECORD_OBJECT(struct observed_dms, source, "source", &dms_end_record),
    RECORD_OBJECT(struct observed_dms, target, "target", &dms_end_record),
    RECORD_OBJECT(struct observed_dms, profile, "profile", &dms_profile_record),
    RECORD_OBJECT(struct observed_dms, source_provider, "sourceProvider", &dms_provider_record),
    RECORD_OBJECT(struct observed_dms, target_provider, "targetProvider", &dms_provider_record),
    RECORD_OBJECT(struct observed_dms, project, "project", &dms_project_record),
    RECORD_OBJECT(struct observed_dms, migration, "migration", &dms_migration_record),
    RECORD_END,
};
static const struct record dms_record = {sizeof(struct observed_dms), dms_fields};

static const struct record_field vectors_fields[] = {
    RECORD_OBJECT(struct observed_vectors, head, "seen", &head_record),
    RECORD_STRING(struct observed_vectors, table, "table"),
    RECORD_STRING(struct observed_vectors, server, "server"),
    RECORD_OBJECT(struct observed_vectors, schema, "schema", &schema_record),
    RECORD_LIST(struct observed_vectors, bots, bot_count, "bots", &bot_record),
    RECORD_OBJECT(struct observed_vectors, source_head, "sourceSeen", &head_record),
    RECORD_LIST(struct observed_vectors, source, source_count, "source", &bot_record),
    RECORD_OBJECT(struct observed_vectors, restore, "restore", &restore_record),
    RECORD_OBJECT(struct observed_vectors, embedding, "embedding", &embedding_record),
    RECORD_OBJECT(struct observed_vectors, replication, "replication", &replication_record),
    RECORD_OBJECT(struct observed_vectors, dms, "dms", &dms_record),
    RECORD_END,
};
static const struct record vectors_record = {sizeof(struct observed_vectors), vectors_fields};

static const struct record_field user_fields[] = {
    RECORD_STRING(struct observed_user, username, "username"),
    RECORD_STRING(struct observed_user, email, "email"),
    RECORD_STRING(struct observed_user, status, "status"),
    RECORD_BOOL(struct observed_user, enabled, "enabled"),
    RECORD_END,
};
static const struct record user_record = {sizeof(struct observed_user), user_fields};

static const struct record_field group_fields[] = {
    RECORD_OBJECT(struct observed_group, head, "seen", &head_record),
    RECORD_STRING(struct observed_group, name, "name"),
    RECORD_BOOL(struct observed_group, exists, "exists"),
    RECORD_LIST(struct observed_group, members, member_count, "members", &user_record),
    RECORD_END,
};
static const struct record group_record = {sizeof(struct observed_group), group_fields};

static const struct record_field candidate_fields[] = {
    RECORD_OBJECT(struct observed_candidate, head, "seen", &head_record),
    RECORD_STRING(struct observed_candidate, asked, "asked"),
    RECORD_LIST(struct observed_candidate, users, user_count, "users", &user_record),
    RECORD_END,
};
static const struct record candidate_record = {sizeof(struct observed_candidate), candidate_fields};

static const struct record_field users_fields[] = {
    RECORD_OBJECT(struct observed_users, head, "seen", &head_record),
    RECORD_STRING(struct observed_users, pool, "pool"),
    RECORD_LIST(struct observed_users, groups, group_count, "groups", &group_record),
    RECORD_LIST(struct observed_users, candidates, candidate_count, "candidates", &candidate_record),
    RECORD_END,
};
static const struct record users_record = {sizeof(struct observed_users), users_fields};

static const struct record_field app_bot_fields[] = {
    RECORD_STRING(struct observed_app_bot, id, "id"),
    RECORD_STRING(struct observed_app_bot, owner, "owner"),
    RECORD_BOOL(struct observed_app_bot, knowledge, "knowledge"),
    RECORD_BOOL(struct observed_app_bot, sitemaps, "sitemaps"),
    RECORD_BOOL(struct observed_app_bot, knowledge_base, "knowledgeBase"),
    RECORD_STRING(struct observed_app_bot, sync_status, "syncStatus"),
    RECORD_STRING(struct observed_app_bot, sync_reason, "syncReason"),
    RECORD_STRING(struct observed_app_bot, last_exec, "lastExec"),
    RECORD_STRING(struct observed_app_bot, published, "published"),
    RECORD_STRING(struct observed_app_bot, task, "task"),
    RECORD_STRING(struct observed_app_bot, task_end, "taskEnd"),
    RECORD_INT(struct observed_app_bot, rows, "rows"),
    RECORD_STRING(struct observed_app_bot, search, "search"),
    RECORD_STRING(struct observed_app_bot, question, "question"),
    RECORD_END,
};
static const struct record app_bot_record = {sizeof(struct observed_app_bot), app_bot_fields};

static const struct record_field searches_fields[] = {
    RECORD_OBJECT(struct observed_searches, head, "seen", &head_record),
    RECORD_STRING(struct observed_searches, index, "index"),
    RECORD_INT(struct observed_searches, tried, "tried"),
    RECORD_INT(struct observed_searches, meant, "meant"),
    RECORD_INT(struct observed_searches, limit, "limit"),
    RECORD_INT(struct observed_searches, questions, "questions"),
    RECORD_INT(struct observed_searches, expected, "expected"),
    RECORD_INT(struct observed_searches, found, "found"),
    RECORD_INT(struct observed_searches, indexed, "indexed"),
    RECORD_OBJECT(struct observed_searches, words_head, "wordsSeen", &head_record),
    RECORD_INT(struct observed_searches, words, "words"),
    RECORD_INT(struct observed_searches, matched, "matched"),
    RECORD_END,
};
static const struct record searches_record = {sizeof(struct observed_searches), searches_fields};

static const struct record_field bots_fields[] = {
    RECORD_OBJECT(struct observed_bots, head, "seen", &head_record),
    RECORD_STRING(struct observed_bots, table, "table"),
    RECORD_LIST(struct observed_bots, bots, bot_count, "bots", &app_bot_record),
    RECORD_OBJECT(struct observed_bots, tasks_head, "tasksSeen", &head_record),
    RECORD_OBJECT(struct observed_bots, searches, "searches", &searches_record),
    RECORD_END,
};
static const struct record bots_record = {sizeof(struct observed_bots), bots_fields};

static const struct record_field setting_fields[] = {
    RECORD_STRING(struct observed_setting, key, "key"),
    RECORD_STRING(struct observed_setting, value, "value"),
    RECORD_END,
};
static const struct record setting_record = {sizeof(struct observed_setting), setting_fields};

static const struct record_field key_fields[] = {
    RECORD_STRING(struct observed_key, id, "id"),
    RECORD_STRING(struct observed_key, name, "name"),
    RECORD_END,
};
static const struct record key_record = {sizeof(struct observed_key), key_fields};

static const struct record_field api_fields[] = {
    RECORD_STRING(struct observed_api, stack, "stack"),
    RECORD_STRING(struct observed_api, id, "id"),
    RECORD_STRING(struct observed_api, status, "status"),
    RECORD_STRING(struct observed_api, reason, "reason"),
    RECORD_STRING(struct observed_api, bot, "bot"),
    RECORD_BOOL(struct observed_api, foreign, "foreign"),
    RECORD_BOOL(struct observed_api, protected, "protected"),
    RECORD_STRING(struct observed_api, owner, "owner"),
    RECORD_STRING(struct observed_api, api, "api"),
    RECORD_STRING(struct observed_api, name, "name"),
    RECORD_STRING(struct observed_api, stage, "stage"),
    RECORD_STRING(struct observed_api, origins, "allowedOrigins"),
    RECORD_STRING(struct observed_api, plan, "usagePlan"),
    RECORD_STRING(struct observed_api, rate, "throttleRate"),
    RECORD_INT(struct observed_api, burst, "throttleBurst"),
    RECORD_INT(struct observed_api, quota, "quotaLimit"),
    RECORD_INT(struct observed_api, quota_offset, "quotaOffset"),
    RECORD_STRING(struct observed_api, period, "quotaPeriod"),
    RECORD_LIST(struct observed_api, keys, key_count, "keys", &key_record),
    RECORD_LIST(struct observed_api, parameters, parameter_count, "parameters", &setting_record),
    RECORD_LIST(struct observed_api, outputs, output_count, "outputs", &setting_record),
    RECORD_STRINGS(struct observed_api, imports, import_count, "imports"),
    RECORD_STRING(struct observed_api, recorded, "recordedAt"),
    RECORD_STRINGS(struct observed_api, left, left_count, "left"),
    RECORD_END,
};
const struct record observed_api_record = {sizeof(struct observed_api), api_fields};

static const struct record_field apis_fields[] = {
    RECORD_OBJECT(struct observed_apis, head, "seen", &head_record),
    RECORD_LIST(struct observed_apis, apis, api_count, "apis", &observed_api_record),
    RECORD_LIST(struct observed_apis, removed, removed_count, "removed", &observed_api_record),
    RECORD_STRING(struct observed_apis, file, "file"),
    RECORD_END,
};
static const struct record apis_record = {sizeof(struct observed_apis), apis_fields};

static const struct record_field observed_fields[] = {
    RECORD_STRING(struct observed, name, "name"),
    RECORD_STRING(struct observed, at, "at"),
    RECORD_OBJECT(struct observed, account, "account", &account_record),
    RECORD_OBJECT(struct observed, stack, "stack", &stack_record),
    RECORD_OBJECT(struct observed, cluster, "cluster", &cluster_record),
    RECORD_OBJECT(struct observed, rotation, "rotation", &rotation_record),
    RECORD_OBJECT(struct observed, vectors, "vectors", &vectors_record),
    RECORD_OBJECT(struct observed, users, "users", &users_record),
    RECORD_OBJECT(struct observed, bots, "bots", &bots_record),
    RECORD_OBJECT(struct observed, apis, "apis", &apis_record),
    RECORD_END,
};
const struct record observed_record = {sizeof(struct observed), observed_fields};

void observed_set_unknown(struct observed_head *head, struct arena *arena, const struct error *err)
{
	head->status = OBSERVED_UNKNOWN;
	head->reason = arena_strdup(arena, err->message);
	head->permission = err->permission[0] != '\0' ? arena_strdup(arena, err->permission) : NULL;
}

struct unknowns {
	struct arena *arena;
	const char *part;
	struct observed_unknown *items;
	size_t count;
};

/* One struct of the record at `data`. */
static void collect_unknown(const struct record *record, const void *data, struct unknowns *found)
{
	const struct observed_head *head = data;

	if (record == &head_record && head->status == OBSERVED_UNKNOWN)
		*ARENA_PUSH(found->arena, found->items, found->count) = (struct observed_unknown){found->part, head};
}

static void walk_record(const struct record *record, const void *data, struct unknowns *found);

static void walk_field(const struct record_field *field, const void *data, struct unknowns *found)
{
	const char *at = (const char *)data + field->offset;
	size_t i, count;

	if (field->type == RECORD_TYPE_OBJECT) {
		walk_record(field->record, at, found);
	} else if (field->type == RECORD_TYPE_LIST) {
		memcpy(&count, (const char *)data + field->count_offset, sizeof(count));
		memcpy(&at, at, sizeof(at));
		for (i = 0; i < count; i++)
			walk_record(field->record, at + i * field->record->size, found);
	}
}

static void walk_record(const struct record *record, const void *data, struct unknowns *found)
{
	const struct record_field *field;

	collect_unknown(record, data, found);
	for (field = record->fields; field->key != NULL; field++)
		walk_field(field, data, found);
}

struct observed_unknown *observed_list_unknown(struct arena *arena, const struct observed *observed, size_t *count)
{
	struct unknowns found = {.arena = arena};
	const struct record_field *field;

	for (field = observed_record.fields; field->key != NULL; field++) {
		found.part = field->key;
		walk_field(field, observed, &found);
	}
	*count = found.count;
	return found.items;
}

const char *observed_reason(struct arena *arena, const char *reason, const char *permission)
{
	if (permission == NULL || permission[0] == '\0')
		return arena_strdup(arena, reason);
	return arena_printf(arena, "%s " OBSERVED_LACKS "%s)", reason, permission);
}

static int compare_bot_id(const void *id, const void *bot)
{
	return strcmp(id, ((const struct observed_bot *)bot)->id);
}

const struct observed_bot *observed_find_bot(const struct observed_bot *bots, size_t count, const char *id)
{
	return count == 0 ? NULL : bsearch(id, bots, count, sizeof(*bots), compare_bot_id);
}

static int compare_app_bot_id(const void *id, const void *bot)
{
	return strcmp(id, ((const struct observed_app_bot *)bot)->id);
}

const struct observed_app_bot *observed_find_app_bot(const struct observed_bots *bots, const char *id)
{
	return bots->bot_count == 0 ? NULL
	                            : bsearch(id, bots->bots, bots->bot_count, sizeof(*bots->bots), compare_app_bot_id);
}

bool observed_bot_needs_rows(const struct observed_app_bot *bot)
{
	return bot->knowledge && !bot->knowledge_base;
}

const struct observed_group *observed_find_group(const struct observed_users *users, const char *name)
{
	size_t i;

	for (i = 0; i < users->group_count; i++)
		if (strcmp(users->groups[i].name, name) == 0)
			return &users->groups[i];
	return NULL;
}

int64_t observed_sum_rows(const struct observed_bot *bots, size_t count)
{
	int64_t rows = 0;
	size_t i;

	for (i = 0; i < count; i++)
		rows += bots[i].rows;
	return rows;
}
