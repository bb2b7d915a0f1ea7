#include "aws/rds.h"
#include "aws/client_private.h"
#include "aws/form.h"
#include "aws/service.h"
#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_SIZE 100
#define TOKEN_SECONDS 900

static struct rds_tag *read_tags(struct arena *arena, const struct xml_node *node, size_t *count)
{
	struct rds_tag *tags = NULL;

	*count = 0;
	for (node = xml_child(node, "TagList/Tag"); node != NULL; node = xml_next(node))
		*ARENA_PUSH(arena, tags, *count) = (struct rds_tag){xml_text(node, "Key"), xml_text(node, "Value")};
	return tags;
}

static double read_double(const struct xml_node *node, const char *path)
{
	const char *text = xml_text(node, path);

	return text != NULL ? strtod(text, NULL) : 0;
}

static void read_members(struct arena *arena, const struct xml_node *node, struct rds_cluster *cluster)
{
	for (node = xml_child(node, "DBClusterMembers/DBClusterMember"); node != NULL; node = xml_next(node))
		*ARENA_PUSH(arena, cluster->members, cluster->member_count) = (struct rds_member){
		    .instance = xml_text(node, "DBInstanceIdentifier"),
		    .writer = xml_bool(node, "IsClusterWriter"),
		};
}

static void read_cluster(struct arena *arena, const struct xml_node *node, struct rds_cluster *cluster)
{
	*cluster = (struct rds_cluster){
	    .identifier = service_text(node, "DBClusterIdentifier"),
	    .arn = service_text(node, "DBClusterArn"),
	    .resource_id = service_text(node, "DbClusterResourceId"),
	    .status = service_text(node, "Status"),
	    .engine = service_text(node, "Engine"),
	    .engine_version = service_text(node, "EngineVersion"),
	    .endpoint = service_text(node, "Endpoint"),
	    .port = xml_int(node, "Port", 0),
	    .master_username = service_text(node, "MasterUsername"),
	    .storage_encrypted = xml_bool(node, "StorageEncrypted"),
	    .storage_encryption_type = service_text(node, "StorageEncryptionType"),
	    .kms_key_id = service_text(node, "KmsKeyId"),
	    .subnet_group = service_text(node, "DBSubnetGroup"),
	    .parameter_group = service_text(node, "DBClusterParameterGroup"),
	    .iam_auth = xml_bool(node, "IAMDatabaseAuthenticationEnabled"),
	    .deletion_protection = xml_bool(node, "DeletionProtection"),
	    .copy_tags = xml_bool(node, "CopyTagsToSnapshot"),
	    .min_capacity = read_double(node, "ServerlessV2ScalingConfiguration/MinCapacity"),
	    .max_capacity = read_double(node, "ServerlessV2ScalingConfiguration/MaxCapacity"),
	};
	for (const struct xml_node *group = xml_child(node, "VpcSecurityGroups/VpcSecurityGroupMembership");
	     group != NULL; group = xml_next(group))
		*ARENA_PUSH(arena, cluster->security_groups, cluster->security_group_count) =
		    xml_text(group, "VpcSecurityGroupId");
	cluster->log_exports =
	    service_texts(arena, node, "EnabledCloudwatchLogsExports/member", &cluster->log_export_count);
	cluster->tags = read_tags(arena, node, &cluster->tag_count);
	read_members(arena, node, cluster);
}

static void read_instance(const struct xml_node *node, struct rds_instance *instance)
{
	*instance = (struct rds_instance){
	    .identifier = service_text(node, "DBInstanceIdentifier"),
	    .arn = service_text(node, "DBInstanceArn"),
	    .status = service_text(node, "DBInstanceStatus"),
	    .class = service_text(node, "DBInstanceClass"),
	    .engine = service_text(node, "Engine"),
	    .cluster = service_text(node, "DBClusterIdentifier"),
	    .endpoint = service_text(node, "Endpoint/Address"),
	};
}

static time_t read_time(const struct xml_node *node, const char *path)
{
	const char *text = xml_text(node, path);
	time_t when;

	return text != NULL && clock_parse_rfc3339(text, &when) == 0 ? when : 0;
}

static void read_snapshot(struct arena *arena, const struct xml_node *node, struct rds_snapshot *snapshot)
{
	*snapshot = (struct rds_snapshot){
	    .identifier = service_text(node, "DBClusterSnapshotIdentifier"),
	    .arn = service_text(node, "DBClusterSnapshotArn"),
	    .cluster = service_text(node, "DBClusterIdentifier"),
	    .resource_id = service_text(node, "DbClusterResourceId"),
	    .status = service_text(node, "Status"),
	    .created = read_time(node, "SnapshotCreateTime"),
	    .type = service_text(node, "SnapshotType"),
	    .engine = service_text(node, "Engine"),
	    .engine_version = service_text(node, "EngineVersion"),
	    .master_username = service_text(node, "MasterUsername"),
	    .storage_encrypted = xml_bool(node, "StorageEncrypted"),
	    .kms_key_id = service_text(node, "KmsKeyId"),
	    .port = xml_int(node, "Port", 0),
	    .percent_progress = xml_int(node, "PercentProgress", -1),
	};
	snapshot->tags = read_tags(arena, node, &snapshot->tag_count);
}

/* A list of RDS's, and the parameter that picks one of it. */
struct listing {
	struct service_listing list;
	const char *identifier;
};

static const struct listing clusters_listing = {{AWS_RDS_DESCRIBE_DB_CLUSTERS, "DBClusters/DBCluster", "Marker"},
                                                "DBClusterIdentifier"};
static const struct listing instances_listing = {{AWS_RDS_DESCRIBE_DB_INSTANCES, "DBInstances/DBInstance", "Marker"},
                                                 "DBInstanceIdentifier"};
static const struct listing snapshots_listing = {
    {AWS_RDS_DESCRIBE_DB_CLUSTER_SNAPSHOTS, "DBClusterSnapshots/DBClusterSnapshot", "Marker"},
    "DBClusterSnapshotIdentifier"};

static int list_nodes(struct aws *aws, struct arena *arena, const struct listing *listing, struct buf *form,
                      struct service_nodes *nodes, struct error *err)
{
	form_add_int(form, "MaxRecords", PAGE_SIZE);
	return service_list_nodes(aws, arena, &listing->list, form, nodes, err);
}

/* The single element that an identifier names. RDS says NotFound itself; an empty list is held to mean the same. */
static int find_node(struct aws *aws, struct arena *arena, const struct listing *listing, const char *identifier,
                     const struct xml_node **node, struct error *err)
{
	struct buf form = {0};
	struct service_nodes nodes;

	form_add(&form, listing->identifier, identifier);
	if (list_nodes(aws, arena, listing, &form, &nodes, err) != 0)
		return -1;
	if (nodes.count == 0) {
		error_set(err, ERROR_NOT_FOUND, "RDS %s: there is no %s", operation_info(listing->list.operation)->name,
		          identifier);
		return -1;
	}
	*node = &nodes.items[0];
	return 0;
}

int rds_describe_cluster(struct aws *aws, struct arena *arena, const char *identifier, struct rds_cluster *cluster,
                         struct error *err)
{
	const struct xml_node *node;

	if (find_node(aws, arena, &clusters_listing, identifier, &node, err) != 0)
		return -1;
	read_cluster(arena, node, cluster);
	return 0;
}

int rds_describe_clusters(struct aws *aws, struct arena *arena, struct rds_clusters *clusters, struct error *err)
{
	struct buf form = {0};
	struct service_nodes nodes;

	if (list_nodes(aws, arena, &clusters_listing, &form, &nodes, err) != 0)
		return -1;
	clusters->count = nodes.count;
	clusters->items = arena_array(arena, clusters->count, sizeof(*clusters->items));
	for (size_t i = 0; i < clusters->count; i++)
		read_cluster(arena, &nodes.items[i], &clusters->items[i]);
	return 0;
}

int rds_describe_cluster_instances(struct aws *aws, struct arena *arena, const char *cluster,
                                   struct rds_instances *instances, struct error *err)
{
	struct buf form = {0};
	struct service_nodes nodes;

	form_add(&form, "Filters.Filter.1.Name", "db-cluster-id");
	form_add(&form, "Filters.Filter.1.Values.Value.1", cluster);
	if (list_nodes(aws, arena, &instances_listing, &form, &nodes, err) != 0)
		return -1;
	instances->count = nodes.count;
	instances->items = arena_array(arena, instances->count, sizeof(*instances->items));
	for (size_t i = 0; i < instances->count; i++)
		read_instance(&nodes.items[i], &instances->items[i]);
	return 0;
}

int rds_describe_instance(struct aws *aws, struct arena *arena, const char *identifier, struct rds_instance *instance,
                          struct error *err)
{
	const struct xml_node *node;

	if (find_node(aws, arena, &instances_listing, identifier, &node, err) != 0)
		return -1;
	read_instance(node, instance);
	return 0;
}

int rds_describe_snapshot(struct aws *aws, struct arena *arena, const char *identifier, struct rds_snapshot *snapshot,
                          struct error *err)
{
	const struct xml_node *node;

	if (find_node(aws, arena, &snapshots_listing, identifier, &node, err) != 0)
		return -1;
	read_snapshot(arena, node, snapshot);
	return 0;
}

int rds_list_snapshots(struct aws *aws, struct arena *arena, struct rds_snapshots *snapshots, struct error *err)
{
	struct buf form = {0};
	struct service_nodes nodes;

	form_add(&form, "SnapshotType", "manual");
	if (list_nodes(aws, arena, &snapshots_listing, &form, &nodes, err) != 0)
		return -1;
	snapshots->count = nodes.count;
	snapshots->items = arena_array(arena, snapshots->count, sizeof(*snapshots->items));
	for (size_t i = 0; i < snapshots->count; i++)
		read_snapshot(arena, &nodes.items[i], &snapshots->items[i]);
	return 0;
}

static void add_tags(struct buf *form, const struct rds_tag *tags, size_t count)
{
	char name[40];

	for (size_t i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "Tags.Tag.%zu.Key", i + 1);
		form_add(form, name, tags[i].key);
		snprintf(name, sizeof(name), "Tags.Tag.%zu.Value", i + 1);
		form_add(form, name, tags[i].value);
	}
}

int rds_create_snapshot(struct aws *aws, struct arena *arena, const char *identifier, const char *cluster,
                        const struct rds_tag *tags, size_t tag_count, struct rds_snapshot *snapshot, struct error *err)
{
	struct buf form = {0};
	const struct xml_node *result;

	form_add(&form, "DBClusterSnapshotIdentifier", identifier);
	form_add(&form, "DBClusterIdentifier", cluster);
	add_tags(&form, tags, tag_count);
	if (service_call_form(aws, arena, AWS_RDS_CREATE_DB_CLUSTER_SNAPSHOT, &form, &result, err) != 0)
		return -1;
	read_snapshot(arena, xml_child(result, "DBClusterSnapshot"), snapshot);
	return 0;
}

int rds_delete_snapshot(struct aws *aws, struct arena *arena, const char *identifier, struct error *err)
{
	struct buf form = {0};

	form_add(&form, "DBClusterSnapshotIdentifier", identifier);
	return service_call_form(aws, arena, AWS_RDS_DELETE_DB_CLUSTER_SNAPSHOT, &form, NULL, err);
}

static void add_capacity(struct buf *form, const char *name, double units)
{
	char text[32];

	snprintf(text, sizeof(text), "%g", units);
	form_add(form, name, text);
}

int rds_restore_cluster(struct aws *aws, struct arena *arena, const struct rds_restore *restore,
                        struct rds_cluster *cluster, struct error *err)
{
	struct buf form = {0};
	const struct xml_node *result;

	form_add(&form, "DBClusterIdentifier", restore->identifier);
	form_add(&form, "SnapshotIdentifier", restore->snapshot);
	form_add(&form, "Engine", restore->engine);
	form_add(&form, "EngineVersion", restore->engine_version);
	form_add(&form, "KmsKeyId", restore->kms_key_id);
	form_add(&form, "DBSubnetGroupName", restore->subnet_group);
	form_add(&form, "DBClusterParameterGroupName", restore->parameter_group);
	form_add_list(&form, "VpcSecurityGroupIds.VpcSecurityGroupId", restore->security_groups,
	              restore->security_group_count);
	form_add_list(&form, "EnableCloudwatchLogsExports.member", restore->log_exports, restore->log_export_count);
	if (restore->port != 0)
		form_add_int(&form, "Port", restore->port);
	if (restore->max_capacity > 0) {
		add_capacity(&form, "ServerlessV2ScalingConfiguration.MinCapacity", restore->min_capacity);
		add_capacity(&form, "ServerlessV2ScalingConfiguration.MaxCapacity", restore->max_capacity);
	}
	form_add_bool(&form, "EnableIAMDatabaseAuthentication", restore->iam_auth);
	form_add_bool(&form, "DeletionProtection", restore->deletion_protection);
	form_add_bool(&form, "CopyTagsToSnapshot", restore->copy_tags);
	add_tags(&form, restore->tags, restore->tag_count);
	if (service_call_form(aws, arena, AWS_RDS_RESTORE_DB_CLUSTER_FROM_SNAPSHOT, &form, &result, err) != 0)
		return -1;
	read_cluster(arena, xml_child(result, "DBCluster"), cluster);
	return 0;
}

int rds_create_instance(struct aws *aws, struct arena *arena, const struct rds_instance_options *options,
                        struct rds_instance *instance, struct error *err)
{
	struct buf form = {0};
	const struct xml_node *result;

	form_add(&form, "DBInstanceIdentifier", options->identifier);
	form_add(&form, "DBClusterIdentifier", options->cluster);
	form_add(&form, "DBInstanceClass", options->class);
	form_add(&form, "Engine", options->engine);
	add_tags(&form, options->tags, options->tag_count);
	if (service_call_form(aws, arena, AWS_RDS_CREATE_DB_INSTANCE, &form, &result, err) != 0)
		return -1;
	read_instance(xml_child(result, "DBInstance"), instance);
	return 0;
}

/* ModifyDBCluster, at once, of one property. */
static int modify_cluster(struct aws *aws, struct arena *arena, const char *identifier, struct buf *form,
                          struct error *err)
{
	form_add(form, "DBClusterIdentifier", identifier);
	form_add_bool(form, "ApplyImmediately", true);
	return service_call_form(aws, arena, AWS_RDS_MODIFY_DB_CLUSTER, form, NULL, err);
}

int rds_rename_cluster(struct aws *aws, struct arena *arena, const char *identifier, const char *new_identifier,
                       struct error *err)
{
	struct buf form = {0};

	form_add(&form, "NewDBClusterIdentifier", new_identifier);
	return modify_cluster(aws, arena, identifier, &form, err);
}

int rds_set_master_password(struct aws *aws, struct arena *arena, const char *identifier, const struct secret *password,
                            struct error *err)
{
	struct buf form = {0};

	form_add(&form, "MasterUserPassword", secret_reveal(password));
	return modify_cluster(aws, arena, identifier, &form, err);
}

int rds_delete_instance(struct aws *aws, struct arena *arena, const char *identifier, struct error *err)
{
	struct buf form = {0};

	form_add(&form, "DBInstanceIdentifier", identifier);
	form_add_bool(&form, "SkipFinalSnapshot", true);
	return service_call_form(aws, arena, AWS_RDS_DELETE_DB_INSTANCE, &form, NULL, err);
}

int rds_delete_cluster(struct aws *aws, struct arena *arena, const char *identifier, struct error *err)
{
	struct buf form = {0};

	form_add(&form, "DBClusterIdentifier", identifier);
	form_add_bool(&form, "SkipFinalSnapshot", true);
	return service_call_form(aws, arena, AWS_RDS_DELETE_DB_CLUSTER, &form, NULL, err);
}

int rds_create_auth_token(struct aws *aws, const char *host, int port, const char *user, struct secret **token,
                          struct error *err)
{
	struct buf query = {0}, address = {0}, text = {0};
	struct sign_request request = {.method = "GET", .path = "/"};
	struct endpoint endpoint = {0};
	struct sign_key key;

	if (aws_check_credentials(aws, err) != 0)
		return -1;
	memcpy(endpoint.region, aws->region, sizeof(endpoint.region));
	key = aws_signing_key(aws, &endpoint, "rds-db");
	buf_printf(&address, "%s:%d", host, port);
	buf_puts(&query, "Action=connect&DBUser=");
	sign_encode(&query, user, "");
	request.host = address.bytes;
	request.query = query.bytes;
	buf_printf(&text, "%s/?", address.bytes);
	sign_presign(&request, &key, TOKEN_SECONDS, &text);
	*token = secret_new(text.bytes, text.length);
	buf_free(&query);
	buf_free(&address);
	buf_free(&text);
	return 0;
}

const char *rds_find_tag(const struct rds_tag *tags, size_t count, const char *key)
{
	for (size_t i = 0; i < count; i++)
		if (tags[i].key != NULL && strcmp(tags[i].key, key) == 0)
			return tags[i].value;
	return NULL;
}
