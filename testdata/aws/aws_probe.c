/*
 * aws_probe - drive the AWS client from a test, against the sandbox.
 *
 * Reads one JSON object a line, {"call": NAME, "args": [TEXT…]}, and answers
 * each with {"result": …} or {"error": {…}}; all calls share one client, which
 * is opened for writing if the program is given --write.
 */
#include "aws/cloudformation.h"
#include "aws/cognito.h"
#include "aws/kms.h"
#include "aws/rds.h"
#include "aws/secretsmanager.h"
#include "aws/sts.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct probe {
	struct aws *aws;
	struct arena *arena;
	const json_t *args;
	json_t *result;
	struct error err;
};

static const char *argument(const struct probe *probe, size_t i)
{
	return json_string_value(json_array_get(probe->args, i));
}

static json_t *show_tags(const struct rds_tag *tags, size_t count)
{
	json_t *shown = json_object();

	for (size_t i = 0; i < count; i++)
		json_object_set_new(shown, tags[i].key, json_string(tags[i].value));
	return shown;
}

static json_t *show_cluster(const struct rds_cluster *cluster)
{
	json_t *members = json_array(), *groups = json_array();

	for (size_t i = 0; i < cluster->member_count; i++)
		json_array_append_new(members, json_pack("{s:s, s:b}", "instance", cluster->members[i].instance,
		                                         "writer", (int)cluster->members[i].writer));
	for (size_t i = 0; i < cluster->security_group_count; i++)
		json_array_append_new(groups, json_string(cluster->security_groups[i]));
	return json_pack(
	    "{s:s*, s:s*, s:s*, s:s*, s:s*, s:I, s:b, s:s*, s:s*, s:s*, s:o, s:o, s:f, s:f, s:o, s:b}", "identifier",
	    cluster->identifier, "arn", cluster->arn, "resource_id", cluster->resource_id, "status", cluster->status,
	    "endpoint", cluster->endpoint, "port", (json_int_t)cluster->port, "storage_encrypted",
	    (int)cluster->storage_encrypted, "storage_encryption_type", cluster->storage_encryption_type, "kms_key_id",
	    cluster->kms_key_id, "subnet_group", cluster->subnet_group, "security_groups", groups, "members", members,
	    "min_capacity", cluster->min_capacity, "max_capacity", cluster->max_capacity, "tags",
	    show_tags(cluster->tags, cluster->tag_count), "deletion_protection", (int)cluster->deletion_protection);
}

static json_t *show_users(const struct cognito_users *users)
{
	json_t *shown = json_array();

	for (size_t i = 0; i < users->count; i++)
		json_array_append_new(shown, json_pack("{s:s*, s:s*, s:s*, s:b}", "username", users->items[i].username,
		                                       "email", users->items[i].email, "status", users->items[i].status,
		                                       "enabled", (int)users->items[i].enabled));
	return shown;
}

static json_t *show_error(const struct error *err)
{
	if (err->code == ERROR_NONE)
		return json_null();
	return json_pack("{s:s, s:s, s:s, s:s, s:b}", "code", error_code_name(err->code), "service_code",
	                 err->service_code, "permission", err->permission, "message", err->message, "retryable",
	                 (int)err->retryable);
}

static int do_identity(struct probe *probe)
{
	struct sts_identity identity;

	if (sts_get_caller_identity(probe->aws, probe->arena, &identity, &probe->err) != 0)
		return -1;
	probe->result = json_pack("{s:s, s:s, s:s*}", "account", identity.account, "arn", identity.arn, "source",
	                          aws_credentials_source(probe->aws));
	return 0;
}

static int do_counts(struct probe *probe)
{
	struct aws_counts counts = aws_counts(probe->aws);

	probe->result = json_pack("{s:I, s:I, s:I, s:I, s:s, s:I}", "calls", (json_int_t)counts.calls, "mutations",
	                          (json_int_t)counts.mutations, "retries", (json_int_t)counts.retries, "throttles",
	                          (json_int_t)counts.throttles, "request_id", aws_last_request_id(probe->aws),
	                          "clock_offset", (json_int_t)aws_clock_offset(probe->aws));
	return 0;
}

static int do_cluster(struct probe *probe)
{
	struct rds_cluster cluster;

	if (rds_describe_cluster(probe->aws, probe->arena, argument(probe, 0), &cluster, &probe->err) != 0)
		return -1;
	probe->result = show_cluster(&cluster);
	return 0;
}

static int do_clusters(struct probe *probe)
{
	struct rds_clusters clusters;

	if (rds_describe_clusters(probe->aws, probe->arena, &clusters, &probe->err) != 0)
		return -1;
	probe->result = json_array();
	for (size_t i = 0; i < clusters.count; i++)
		json_array_append_new(probe->result, show_cluster(&clusters.items[i]));
	return 0;
}

static int do_instances(struct probe *probe)
{
	struct rds_instances instances;

	if (rds_describe_cluster_instances(probe->aws, probe->arena, argument(probe, 0), &instances, &probe->err) != 0)
		return -1;
	probe->result = json_array();
	for (size_t i = 0; i < instances.count; i++)
		json_array_append_new(probe->result,
		                      json_pack("{s:s, s:s*, s:s*, s:s*}", "identifier", instances.items[i].identifier,
		                                "status", instances.items[i].status, "class", instances.items[i].class,
		                                "cluster", instances.items[i].cluster));
	return 0;
}

static json_t *show_snapshot(const struct rds_snapshot *snapshot)
{
	return json_pack("{s:s*, s:s*, s:s*, s:b, s:o}", "identifier", snapshot->identifier, "cluster",
	                 snapshot->cluster, "status", snapshot->status, "storage_encrypted",
	                 (int)snapshot->storage_encrypted, "tags", show_tags(snapshot->tags, snapshot->tag_count));
}

static int do_snapshot(struct probe *probe)
{
	struct rds_snapshot snapshot;

	if (rds_describe_snapshot(probe->aws, probe->arena, argument(probe, 0), &snapshot, &probe->err) != 0)
		return -1;
	probe->result = show_snapshot(&snapshot);
	return 0;
}

static int do_create_snapshot(struct probe *probe)
{
	static const struct rds_tag tags[] = {{"trueup:deployment", "probe"}, {"a b", "c&d=é"}};
	struct rds_snapshot snapshot;

	if (rds_create_snapshot(probe->aws, probe->arena, argument(probe, 0), argument(probe, 1), tags, 2, &snapshot,
	                        &probe->err) != 0)
		return -1;
	probe->result = show_snapshot(&snapshot);
	return 0;
}

/* args: new identifier, snapshot, key. The rest is as the cluster that args[3] names has it. */
static int do_restore(struct probe *probe)
{
	static const struct rds_tag tags[] = {{"trueup:deployment", "probe"}};
	struct rds_cluster like, cluster;

	if (rds_describe_cluster(probe->aws, probe->arena, argument(probe, 3), &like, &probe->err) != 0)
		return -1;
	struct rds_restore restore = {
	    .identifier = argument(probe, 0),
	    .snapshot = argument(probe, 1),
	    .engine = like.engine,
	    .engine_version = like.engine_version,
	    .kms_key_id = argument(probe, 2),
	    .subnet_group = like.subnet_group,
	    .parameter_group = like.parameter_group,
	    .security_groups = like.security_groups,
	    .security_group_count = like.security_group_count,
	    .log_exports = like.log_exports,
	    .log_export_count = like.log_export_count,
	    .port = like.port,
	    .min_capacity = like.min_capacity,
	    .max_capacity = like.max_capacity,
	    .iam_auth = like.iam_auth,
	    .deletion_protection = true,
	    .copy_tags = like.copy_tags,
	    .tags = tags,
	    .tag_count = 1,
	};
	if (rds_restore_cluster(probe->aws, probe->arena, &restore, &cluster, &probe->err) != 0)
		return -1;
	probe->result = show_cluster(&cluster);
	return 0;
}

static int do_create_instance(struct probe *probe)
{
	struct rds_instance_options options = {.identifier = argument(probe, 0),
	                                       .cluster = argument(probe, 1),
	                                       .class = "db.serverless",
	                                       .engine = "aurora-postgresql"};
	struct rds_instance instance;

	if (rds_create_instance(probe->aws, probe->arena, &options, &instance, &probe->err) != 0)
		return -1;
	probe->result = json_pack("{s:s, s:s}", "identifier", instance.identifier, "status", instance.status);
	return 0;
}

static int do_rename(struct probe *probe)
{
	return rds_rename_cluster(probe->aws, probe->arena, argument(probe, 0), argument(probe, 1), &probe->err);
}

static int do_delete_snapshot(struct probe *probe)
{
	return rds_delete_snapshot(probe->aws, probe->arena, argument(probe, 0), &probe->err);
}

static int do_stack(struct probe *probe)
{
	struct cloudformation_stack stack;

	if (cloudformation_describe_stack(probe->aws, probe->arena, argument(probe, 0), &stack, &probe->err) != 0)
		return -1;
	probe->result =
	    json_pack("{s:s, s:s, s:o}", "name", stack.name, "status", stack.status, "outputs", json_object());
	for (size_t i = 0; i < stack.output_count; i++)
		json_object_set_new(json_object_get(probe->result, "outputs"), stack.outputs[i].key,
		                    json_pack("[s, s?]", stack.outputs[i].value, stack.outputs[i].export_name));
	return 0;
}

static int do_resources(struct probe *probe)
{
	struct cloudformation_resources resources;

	if (cloudformation_list_resources(probe->aws, probe->arena, argument(probe, 0), &resources, &probe->err) != 0)
		return -1;
	probe->result = json_object();
	for (size_t i = 0; i < resources.count; i++)
		json_object_set_new(probe->result, resources.items[i].logical_id, json_string(resources.items[i].type));
	return 0;
}

static int do_imports(struct probe *probe)
{
	struct cloudformation_names names;

	if (cloudformation_list_imports(probe->aws, probe->arena, argument(probe, 0), &names, &probe->err) != 0)
		return -1;
	probe->result = json_array();
	for (size_t i = 0; i < names.count; i++)
		json_array_append_new(probe->result, json_string(names.items[i]));
	return 0;
}

static int do_delete_stack(struct probe *probe)
{
	return cloudformation_delete_stack(probe->aws, probe->arena, argument(probe, 0), argument(probe, 1),
	                                   &probe->err);
}

static int do_users(struct probe *probe)
{
	struct cognito_users users;

	if (cognito_list_users(probe->aws, probe->arena, argument(probe, 0), argument(probe, 1), &users, &probe->err) !=
	    0)
		return -1;
	probe->result = show_users(&users);
	return 0;
}

static int do_members(struct probe *probe)
{
	struct cognito_users users;

	if (cognito_list_users_in_group(probe->aws, probe->arena, argument(probe, 0), argument(probe, 1), &users,
	                                &probe->err) != 0)
		return -1;
	probe->result = show_users(&users);
	return 0;
}

static int do_group(struct probe *probe)
{
	struct cognito_group group;

	if (cognito_get_group(probe->aws, probe->arena, argument(probe, 0), argument(probe, 1), &group, &probe->err) !=
	    0)
		return -1;
	probe->result = json_pack("{s:s}", "name", group.name);
	return 0;
}

static int do_groups(struct probe *probe)
{
	struct cognito_groups groups;

	if (cognito_list_groups(probe->aws, probe->arena, argument(probe, 0), &groups, &probe->err) != 0)
		return -1;
	probe->result = json_array();
	for (size_t i = 0; i < groups.count; i++)
		json_array_append_new(probe->result, json_string(groups.items[i].name));
	return 0;
}

static int do_create_group(struct probe *probe)
{
	struct cognito_group group = {.name = argument(probe, 1), .description = "made by a test"};

	return cognito_create_group(probe->aws, probe->arena, argument(probe, 0), &group, &probe->err);
}

/* args: pool, group, then usernames. Answers with the error of each, null where it was done. */
static int change_members(struct probe *probe,
                          size_t (*change)(struct aws *, const char *, const char *, struct cognito_change *, size_t))
{
	size_t count = json_array_size(probe->args) - 2;
	struct cognito_change *changes = arena_array(probe->arena, count, sizeof(*changes));

	for (size_t i = 0; i < count; i++)
		changes[i].username = argument(probe, i + 2);
	change(probe->aws, argument(probe, 0), argument(probe, 1), changes, count);
	probe->result = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(probe->result, show_error(&changes[i].error));
	return 0;
}

static int do_add(struct probe *probe)
{
	return change_members(probe, cognito_add_users);
}

static int do_remove(struct probe *probe)
{
	return change_members(probe, cognito_remove_users);
}

/* args: pool, then addresses. Answers with the users of each, or its error. */
static int do_find(struct probe *probe)
{
	size_t count = json_array_size(probe->args) - 1;
	struct cognito_lookup *lookups = arena_array(probe->arena, count, sizeof(*lookups));

	for (size_t i = 0; i < count; i++)
		lookups[i].email = argument(probe, i + 1);
	cognito_find_emails(probe->aws, probe->arena, argument(probe, 0), lookups, count);
	probe->result = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(probe->result, lookups[i].error.code != ERROR_NONE
		                                         ? show_error(&lookups[i].error)
		                                         : show_users(&lookups[i].users));
	return 0;
}

static int do_secret(struct probe *probe)
{
	struct secretsmanager_value value;

	if (secretsmanager_get_value(probe->aws, probe->arena, argument(probe, 0), argument(probe, 1), &value,
	                             &probe->err) != 0)
		return -1;
	/* A test of a sandbox may know the sandbox's password. */
	probe->result = json_pack("{s:s*, s:s*, s:s*, s:I, s:s?}", "name", value.name, "username", value.username,
	                          "host", value.host, "port", (json_int_t)value.port, "password",
	                          value.password != NULL ? secret_reveal(value.password) : NULL);
	secretsmanager_value_free(&value);
	return 0;
}

static int do_rotation(struct probe *probe)
{
	struct secretsmanager_secret secret;

	if (secretsmanager_describe(probe->aws, probe->arena, argument(probe, 0), &secret, &probe->err) != 0)
		return -1;
	probe->result = json_pack("{s:b, s:s?, s:I, s:s?, s:s?}", "enabled", (int)secret.rotation_enabled, "lambda",
	                          secret.rotation_lambda, "days", (json_int_t)secret.rotation_days, "current",
	                          secret.current_version, "pending", secret.pending_version);
	return 0;
}

static int do_cancel_rotation(struct probe *probe)
{
	return secretsmanager_cancel_rotation(probe->aws, probe->arena, argument(probe, 0), &probe->err);
}

static int do_enable_rotation(struct probe *probe)
{
	struct secretsmanager_rotation rotation = {.id = argument(probe, 0), .days = 30};

	return secretsmanager_rotate(probe->aws, probe->arena, &rotation, &probe->err);
}

static int do_key(struct probe *probe)
{
	struct kms_key key;

	if (kms_describe_key(probe->aws, probe->arena, argument(probe, 0), &key, &probe->err) != 0)
		return -1;
	probe->result = json_pack("{s:s, s:s*, s:b}", "arn", key.arn, "state", key.state, "enabled", (int)key.enabled);
	return 0;
}

static const struct command {
	const char *name;
	int (*run)(struct probe *probe);
} commands[] = {
    {"identity", do_identity},
    {"counts", do_counts},
    {"cluster", do_cluster},
    {"clusters", do_clusters},
    {"instances", do_instances},
    {"snapshot", do_snapshot},
    {"create-snapshot", do_create_snapshot},
    {"restore", do_restore},
    {"create-instance", do_create_instance},
    {"rename", do_rename},
    {"delete-snapshot", do_delete_snapshot},
    {"stack", do_stack},
    {"resources", do_resources},
    {"imports", do_imports},
    {"delete-stack", do_delete_stack},
    {"users", do_users},
    {"members", do_members},
    {"group", do_group},
    {"groups", do_groups},
    {"create-group", do_create_group},
    {"add", do_add},
    {"remove", do_remove},
    {"find", do_find},
    {"secret", do_secret},
    {"rotation", do_rotation},
    {"cancel-rotation", do_cancel_rotation},
    {"enable-rotation", do_enable_rotation},
    {"key", do_key},
};

static int run_command(struct probe *probe, const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, name) == 0)
			return commands[i].run(probe);
	return error_set(&probe->err, ERROR_INVALID, "there is no call %s", name);
}

static void answer_line(struct aws *aws, const json_t *line)
{
	struct probe probe = {.aws = aws, .arena = arena_new(), .args = json_object_get(line, "args")};
	const char *name = json_string_value(json_object_get(line, "call"));
	json_t *answer;
	char *text;

	if (run_command(&probe, name != NULL ? name : "") == 0)
		answer = json_pack("{s:o}", "result", probe.result != NULL ? probe.result : json_null());
	else
		answer = json_pack("{s:o}", "error", show_error(&probe.err));
	text = json_dumps(answer, JSON_COMPACT);
	puts(text != NULL ? text : "{}");
	fflush(stdout);
	free(text);
	json_decref(answer);
	arena_free(probe.arena);
}

int main(int argc, char **argv)
{
	struct aws_settings settings = {.writes = argc > 1 && strcmp(argv[1], "--write") == 0,
	                                .assume_role_arn = getenv("PROBE_ROLE")};
	struct error err;
	struct aws *aws;
	char *line = NULL;
	size_t capacity = 0;
	ssize_t length;

	signal(SIGPIPE, SIG_IGN);
	if (aws_global_init(&err) != 0 || aws_new(&settings, &aws, &err) != 0) {
		fprintf(stderr, "aws_probe: %s\n", err.message);
		return EXIT_FAILURE;
	}
	while ((length = getline(&line, &capacity, stdin)) > 0) {
		json_t *json = json_loadb(line, (size_t)length, 0, NULL);

		answer_line(aws, json);
		json_decref(json);
	}
	free(line);
	aws_free(aws);
	return EXIT_SUCCESS;
}
