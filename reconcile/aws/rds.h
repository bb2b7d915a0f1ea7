/*
 * rds.h - Aurora clusters, instances and snapshots.
 *
 * Results live in the arena. Identifiers are names or ARNs where AWS takes
 * both. "In use" is ERROR_EXISTS, "not there" ERROR_NOT_FOUND, and a state that
 * does not allow the operation yet ERROR_STATE (retryable: look again later).
 * Poll no faster than every 15 s.
 */
#ifndef TRUEUP_AWS_RDS_H
#define TRUEUP_AWS_RDS_H

#include "aws/client.h"

#include <time.h>

struct rds_tag {
	const char *key;
	const char *value;
};

struct rds_member {
	const char *instance; /* identifier */
	bool writer;
};

struct rds_cluster {
	const char *identifier;
	const char *arn;
	const char *resource_id; /* DbClusterResourceId: stays the same through renames */
	const char *status;      /* "available", "creating", "modifying", "stopped", … */
	const char *engine;
	const char *engine_version;
	const char *endpoint; /* NULL while it has none */
	int64_t port;
	const char *master_username;
	bool storage_encrypted;
	const char *storage_encryption_type; /* "none", "sse-rds", "sse-kms"; NULL where RDS does not say */
	const char *kms_key_id;              /* ARN; NULL if it has none */
	const char *subnet_group;
	const char *parameter_group;
	const char **security_groups; /* ids */
	size_t security_group_count;
	const char **log_exports; /* "postgresql" */
	size_t log_export_count;
	bool iam_auth;
	bool deletion_protection;
	bool copy_tags;
	double min_capacity; /* ACU of Serverless v2; 0 and 0 if it is not serverless */
	double max_capacity;
	struct rds_member *members;
	size_t member_count;
	struct rds_tag *tags;
	size_t tag_count;
};

struct rds_clusters {
	struct rds_cluster *items;
	size_t count;
};

struct rds_instance {
	const char *identifier;
	const char *arn;
	const char *status;
	const char *class; /* "db.serverless" */
	const char *engine;
	const char *cluster;  /* identifier; NULL if it is of none */
	const char *endpoint; /* NULL while it has none */
};

struct rds_instances {
	struct rds_instance *items;
	size_t count;
};

struct rds_snapshot {
	const char *identifier;
	const char *arn;
	const char *cluster;     /* identifier of the cluster that it was taken of, as it was called then */
	const char *resource_id; /* DbClusterResourceId of that cluster */
	const char *status;      /* "available", "creating", … */
	const char *type;        /* "manual", "automated" */
	time_t created; /* the moment whose rows it holds, a fraction of a second dropped; 0 where RDS does not say */
	const char *engine;
	const char *engine_version;
	const char *master_username;
	bool storage_encrypted;
	const char *kms_key_id;
	int64_t port;
	int64_t percent_progress; /* -1 where RDS does not say */
	struct rds_tag *tags;
	size_t tag_count;
};

struct rds_snapshots {
	struct rds_snapshot *items;
	size_t count;
};

/* One cluster; ERROR_NOT_FOUND if there is none of that identifier. */
int rds_describe_cluster(struct aws *aws, struct arena *arena, const char *identifier, struct rds_cluster *cluster,
                         struct error *err);
/* All clusters of the region. */
int rds_describe_clusters(struct aws *aws, struct arena *arena, struct rds_clusters *clusters, struct error *err);

/* The instances of a cluster; none is not an error. */
int rds_describe_cluster_instances(struct aws *aws, struct arena *arena, const char *cluster,
                                   struct rds_instances *instances, struct error *err);
/* One instance; ERROR_NOT_FOUND if there is none of that identifier. */
int rds_describe_instance(struct aws *aws, struct arena *arena, const char *identifier, struct rds_instance *instance,
                          struct error *err);

/* One snapshot; ERROR_NOT_FOUND if there is none of that identifier. */
int rds_describe_snapshot(struct aws *aws, struct arena *arena, const char *identifier, struct rds_snapshot *snapshot,
                          struct error *err);
/* All manual snapshots of the region, which CloudFormation's final ones are too; automated ones are not among them. */
int rds_list_snapshots(struct aws *aws, struct arena *arena, struct rds_snapshots *snapshots, struct error *err);

int rds_create_snapshot(struct aws *aws, struct arena *arena, const char *identifier, const char *cluster,
                        const struct rds_tag *tags, size_t tag_count, struct rds_snapshot *snapshot, struct error *err);
int rds_delete_snapshot(struct aws *aws, struct arena *arena, const char *identifier, struct error *err);

/*
 * A cluster from a snapshot. Text that is NULL and numbers that are 0 are not sent, and AWS's default
 * holds; only identifier, snapshot and engine must be there. Give kms_key_id
 * always: without it the restored cluster may stay unencrypted. The cluster
 * has no instance: once it is available, create one.
 */
struct rds_restore {
	const char *identifier;
	const char *snapshot;
	const char *engine;
	const char *engine_version;
	const char *kms_key_id;
	const char *subnet_group;
	const char *parameter_group;
	const char **security_groups;
	size_t security_group_count;
	const char **log_exports;
	size_t log_export_count;
	int64_t port;
	double min_capacity; /* both or none */
	double max_capacity;
	bool iam_auth;
	bool deletion_protection;
	bool copy_tags;
	const struct rds_tag *tags;
	size_t tag_count;
};
int rds_restore_cluster(struct aws *aws, struct arena *arena, const struct rds_restore *restore,
                        struct rds_cluster *cluster, struct error *err);

struct rds_instance_options {
	const char *identifier;
	const char *cluster;
	const char *class;  /* "db.serverless" */
	const char *engine; /* "aurora-postgresql" */
	const struct rds_tag *tags;
	size_t tag_count;
};
int rds_create_instance(struct aws *aws, struct arena *arena, const struct rds_instance_options *options,
                        struct rds_instance *instance, struct error *err);

/* At once. The endpoint follows the name: describe it again. */
int rds_rename_cluster(struct aws *aws, struct arena *arena, const char *identifier, const char *new_identifier,
                       struct error *err);

/* At once. Who keeps the password, such as a secret, is not told. */
int rds_set_master_password(struct aws *aws, struct arena *arena, const char *identifier, const struct secret *password,
                            struct error *err);

/* Both for good: no final snapshot is taken. A cluster goes once its last instance has been told to. */
int rds_delete_instance(struct aws *aws, struct arena *arena, const char *identifier, struct error *err);
int rds_delete_cluster(struct aws *aws, struct arena *arena, const char *identifier, struct error *err);

/*
 * A password for PostgreSQL's user from the client's credentials (IAM database
 * authentication): good for 15 minutes, over TLS only. No request is made. The caller frees *token.
 */
int rds_create_auth_token(struct aws *aws, const char *host, int port, const char *user, struct secret **token,
                          struct error *err);

/* The value of a tag of that key, or NULL. */
const char *rds_find_tag(const struct rds_tag *tags, size_t count, const char *key);

#endif
