/*
 * operation.h - the table of AWS operations that trueup may call, and what each does to the world.
 *
 * A request names its operation by number; everything else the client needs
 * (service, protocol, IAM action, quota, whether it changes anything) comes
 * from this table, so that no caller can say otherwise.
 */
#ifndef TRUEUP_AWS_OPERATION_H
#define TRUEUP_AWS_OPERATION_H

#include <stdbool.h>

enum aws_service {
	AWS_RDS,
	AWS_CLOUDFORMATION,
	AWS_STS,
	AWS_IAM,
	AWS_COGNITO,
	AWS_SECRETSMANAGER,
	AWS_DYNAMODB,
	AWS_ECS,
	AWS_DMS,
	AWS_KMS,
	AWS_APIGATEWAY,
	AWS_BEDROCK,
	AWS_SERVICE_COUNT,
};

enum aws_protocol { AWS_QUERY, AWS_JSON, AWS_REST_JSON };

/* What AWS counts together. Services not listed share AWS_QUOTA_OTHER, each struct aws its own. */
enum aws_quota {
	AWS_QUOTA_OTHER,
	AWS_QUOTA_RDS,
	AWS_QUOTA_CLOUDFORMATION,
	AWS_QUOTA_COGNITO_USER_READ,
	AWS_QUOTA_COGNITO_USER_LIST,
	AWS_QUOTA_COGNITO_USER_UPDATE,
	AWS_QUOTA_COGNITO_USER_RESOURCE_READ,
	AWS_QUOTA_COGNITO_POOL_RESOURCE_READ,
	AWS_QUOTA_COGNITO_POOL_RESOURCE_UPDATE,
	AWS_QUOTA_ECS_RUN,
	AWS_QUOTA_ECS_DESCRIBE,
	AWS_QUOTA_APIGATEWAY,
	AWS_QUOTA_APIGATEWAY_DELETE_KEY,
	AWS_QUOTA_COUNT,
};

enum aws_operation {
	AWS_RDS_DESCRIBE_DB_CLUSTERS,
	AWS_RDS_DESCRIBE_DB_INSTANCES,
	AWS_RDS_DESCRIBE_DB_CLUSTER_SNAPSHOTS,
	AWS_RDS_CREATE_DB_CLUSTER_SNAPSHOT,
	AWS_RDS_RESTORE_DB_CLUSTER_FROM_SNAPSHOT,
	AWS_RDS_CREATE_DB_INSTANCE,
	AWS_RDS_MODIFY_DB_CLUSTER,
	AWS_RDS_DELETE_DB_CLUSTER,
	AWS_RDS_DELETE_DB_INSTANCE,
	AWS_RDS_DELETE_DB_CLUSTER_SNAPSHOT,
	AWS_CLOUDFORMATION_DESCRIBE_STACKS,
	AWS_CLOUDFORMATION_LIST_STACKS,
	AWS_CLOUDFORMATION_LIST_STACK_RESOURCES,
	AWS_CLOUDFORMATION_DESCRIBE_STACK_EVENTS,
	AWS_CLOUDFORMATION_LIST_IMPORTS,
	AWS_CLOUDFORMATION_DELETE_STACK,
	AWS_STS_GET_CALLER_IDENTITY,
	AWS_STS_ASSUME_ROLE,
	AWS_STS_ASSUME_ROLE_WITH_WEB_IDENTITY,
	AWS_IAM_SIMULATE_PRINCIPAL_POLICY,
	AWS_IAM_GET_ROLE,
	AWS_COGNITO_LIST_USERS,
	AWS_COGNITO_LIST_USERS_IN_GROUP,
	AWS_COGNITO_LIST_GROUPS,
	AWS_COGNITO_GET_GROUP,
	AWS_COGNITO_CREATE_GROUP,
	AWS_COGNITO_ADMIN_GET_USER,
	AWS_COGNITO_ADMIN_LIST_GROUPS_FOR_USER,
	AWS_COGNITO_ADMIN_ADD_USER_TO_GROUP,
	AWS_COGNITO_ADMIN_REMOVE_USER_FROM_GROUP,
	AWS_COGNITO_ADMIN_USER_GLOBAL_SIGN_OUT,
	AWS_SECRETSMANAGER_GET_SECRET_VALUE,
	AWS_SECRETSMANAGER_DESCRIBE_SECRET,
	AWS_SECRETSMANAGER_ROTATE_SECRET,
	AWS_SECRETSMANAGER_CANCEL_ROTATE_SECRET,
	AWS_DYNAMODB_SCAN,
	AWS_DYNAMODB_QUERY,
	AWS_DYNAMODB_GET_ITEM,
	AWS_DYNAMODB_BATCH_GET_ITEM,
	AWS_DYNAMODB_UPDATE_ITEM,
	AWS_ECS_RUN_TASK,
	AWS_ECS_DESCRIBE_TASKS,
	AWS_ECS_LIST_TASKS,
	AWS_ECS_DESCRIBE_TASK_DEFINITION,
	AWS_DMS_DESCRIBE_INSTANCE_PROFILES,
	AWS_DMS_DESCRIBE_DATA_PROVIDERS,
	AWS_DMS_DESCRIBE_MIGRATION_PROJECTS,
	AWS_DMS_LIST_TAGS_FOR_RESOURCE,
	AWS_DMS_CREATE_INSTANCE_PROFILE,
	AWS_DMS_CREATE_DATA_PROVIDER,
	AWS_DMS_CREATE_MIGRATION_PROJECT,
	AWS_DMS_CREATE_DATA_MIGRATION,
	AWS_DMS_START_DATA_MIGRATION,
	AWS_DMS_STOP_DATA_MIGRATION,
	AWS_DMS_DESCRIBE_DATA_MIGRATIONS,
	AWS_DMS_DELETE_DATA_MIGRATION,
	AWS_DMS_DELETE_MIGRATION_PROJECT,
	AWS_DMS_DELETE_DATA_PROVIDER,
	AWS_DMS_DELETE_INSTANCE_PROFILE,
	AWS_KMS_DESCRIBE_KEY,
	AWS_APIGATEWAY_GET_USAGE_PLAN,
	AWS_APIGATEWAY_GET_USAGE_PLAN_KEYS,
	AWS_APIGATEWAY_DELETE_API_KEY,
	AWS_BEDROCK_INVOKE_MODEL,
	AWS_OPERATION_COUNT,
};

struct aws_service_info {
	const char *name; /* as people say it: "RDS" */
	enum aws_protocol protocol;
	const char *version;      /* query: Version; json: prefix of X-Amz-Target; rest-json: NULL */
	const char *content_type; /* of the request */
	const char *host_prefix;  /* "cognito-idp" */
	const char *signing_name; /* of the credential scope */
	const char *endpoint_id;  /* of AWS_ENDPOINT_URL_<ID>; lower case in config files */
};

struct aws_operation_info {
	enum aws_service service;
	const char *name;       /* "DescribeDBClusters" */
	const char *method;     /* HTTP */
	const char *permission; /* the IAM action, "rds:DescribeDBClusters" */
	enum aws_quota quota;
	bool mutates;
	bool resend; /* after a lost response the same request may be sent again and mean the same */
};

struct aws_quota_info {
	double rate;  /* requests a second, AWS's default */
	double burst; /* requests at once */
};

/* Static storage, never NULL. */
const struct aws_service_info *operation_service(enum aws_service service);
const struct aws_operation_info *operation_info(enum aws_operation operation);
const struct aws_quota_info *operation_quota(enum aws_quota quota);

#endif
