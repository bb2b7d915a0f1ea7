#include "aws/operation.h"

#include <stddef.h>

#define FORM "application/x-www-form-urlencoded; charset=utf-8"
#define JSON10 "application/x-amz-json-1.0"
#define JSON11 "application/x-amz-json-1.1"
#define JSON "application/json"

/* Name, protocol, version or target prefix, content type, host prefix, signing name, endpoint id. From botocore. */
static const struct aws_service_info services[AWS_SERVICE_COUNT] = {
    [AWS_RDS] = {"RDS", AWS_QUERY, "2014-10-31", FORM, "rds", "rds", "RDS"},
    [AWS_CLOUDFORMATION] = {"CloudFormation", AWS_QUERY, "2010-05-15", FORM, "cloudformation", "cloudformation",
                            "CLOUDFORMATION"},
    [AWS_STS] = {"STS", AWS_QUERY, "2011-06-15", FORM, "sts", "sts", "STS"},
    [AWS_IAM] = {"IAM", AWS_QUERY, "2010-05-08", FORM, "iam", "iam", "IAM"},
    [AWS_COGNITO] = {"Cognito", AWS_JSON, "AWSCognitoIdentityProviderService.", JSON11, "cognito-idp", "cognito-idp",
                     "COGNITO_IDENTITY_PROVIDER"},
    [AWS_SECRETSMANAGER] = {"Secrets Manager", AWS_JSON, "secretsmanager.", JSON11, "secretsmanager", "secretsmanager",
                            "SECRETS_MANAGER"},
    [AWS_DYNAMODB] = {"DynamoDB", AWS_JSON, "DynamoDB_20120810.", JSON10, "dynamodb", "dynamodb", "DYNAMODB"},
    [AWS_ECS] = {"ECS", AWS_JSON, "AmazonEC2ContainerServiceV20141113.", JSON11, "ecs", "ecs", "ECS"},
    [AWS_DMS] = {"DMS", AWS_JSON, "AmazonDMSv20160101.", JSON11, "dms", "dms", "DATABASE_MIGRATION_SERVICE"},
    [AWS_KMS] = {"KMS", AWS_JSON, "TrentService.", JSON11, "kms", "kms", "KMS"},
    [AWS_APIGATEWAY] = {"API Gateway", AWS_REST_JSON, NULL, JSON, "apigateway", "apigateway", "API_GATEWAY"},
    [AWS_BEDROCK] = {"Bedrock", AWS_REST_JSON, NULL, JSON, "bedrock-runtime", "bedrock", "BEDROCK_RUNTIME"},
};

/* Reads can always be sent again. */
#define READ(service_, name_, permission_, quota_)                                                                     \
	{                                                                                                              \
		.service = (service_), .name = (name_), .method = "POST", .permission = (permission_),                 \
		.quota = (quota_), .mutates = false, .resend = true                                                    \
	}
/* Writes that name what they make, or carry a token: sent twice, they mean the same. */
#define WRITE(service_, name_, permission_, quota_)                                                                    \
	{                                                                                                              \
		.service = (service_), .name = (name_), .method = "POST", .permission = (permission_),                 \
		.quota = (quota_), .mutates = true, .resend = true                                                     \
	}
#define WRITE_ONCE(service_, name_, permission_, quota_)                                                               \
	{                                                                                                              \
		.service = (service_), .name = (name_), .method = "POST", .permission = (permission_),                 \
		.quota = (quota_), .mutates = true, .resend = false                                                    \
	}
#define RDS(kind_, name_) kind_(AWS_RDS, name_, "rds:" name_, AWS_QUOTA_RDS)
#define CLOUDFORMATION(kind_, name_) kind_(AWS_CLOUDFORMATION, name_, "cloudformation:" name_, AWS_QUOTA_CLOUDFORMATION)
#define COGNITO(kind_, name_, quota_) kind_(AWS_COGNITO, name_, "cognito-idp:" name_, AWS_QUOTA_COGNITO_##quota_)
#define SECRETS(kind_, name_) kind_(AWS_SECRETSMANAGER, name_, "secretsmanager:" name_, AWS_QUOTA_OTHER)
#define DYNAMODB(kind_, name_) kind_(AWS_DYNAMODB, name_, "dynamodb:" name_, AWS_QUOTA_OTHER)
#define ECS(kind_, name_, quota_) kind_(AWS_ECS, name_, "ecs:" name_, quota_)
#define DMS(kind_, name_) kind_(AWS_DMS, name_, "dms:" name_, AWS_QUOTA_OTHER)

static const struct aws_operation_info operations[AWS_OPERATION_COUNT] = {
    [AWS_RDS_DESCRIBE_DB_CLUSTERS] = RDS(READ, "DescribeDBClusters"),
    [AWS_RDS_DESCRIBE_DB_INSTANCES] = RDS(READ, "DescribeDBInstances"),
    [AWS_RDS_DESCRIBE_DB_CLUSTER_SNAPSHOTS] = RDS(READ, "DescribeDBClusterSnapshots"),
    [AWS_RDS_CREATE_DB_CLUSTER_SNAPSHOT] = RDS(WRITE, "CreateDBClusterSnapshot"),
    [AWS_RDS_RESTORE_DB_CLUSTER_FROM_SNAPSHOT] = RDS(WRITE, "RestoreDBClusterFromSnapshot"),
    [AWS_RDS_CREATE_DB_INSTANCE] = RDS(WRITE, "CreateDBInstance"),
    [AWS_RDS_MODIFY_DB_CLUSTER] = RDS(WRITE, "ModifyDBCluster"),
    [AWS_RDS_DELETE_DB_CLUSTER] = RDS(WRITE, "DeleteDBCluster"),
    [AWS_RDS_DELETE_DB_INSTANCE] = RDS(WRITE, "DeleteDBInstance"),
    [AWS_RDS_DELETE_DB_CLUSTER_SNAPSHOT] = RDS(WRITE, "DeleteDBClusterSnapshot"),

    [AWS_CLOUDFORMATION_DESCRIBE_STACKS] = CLOUDFORMATION(READ, "DescribeStacks"),
    [AWS_CLOUDFORMATION_LIST_STACKS] = CLOUDFORMATION(READ, "ListStacks"),
    [AWS_CLOUDFORMATION_LIST_STACK_RESOURCES] = CLOUDFORMATION(READ, "ListStackResources"),
    [AWS_CLOUDFORMATION_DESCRIBE_STACK_EVENTS] = CLOUDFORMATION(READ, "DescribeStackEvents"),
    [AWS_CLOUDFORMATION_LIST_IMPORTS] = CLOUDFORMATION(READ, "ListImports"),
    [AWS_CLOUDFORMATION_DELETE_STACK] = CLOUDFORMATION(WRITE, "DeleteStack"),

    [AWS_STS_GET_CALLER_IDENTITY] = READ(AWS_STS, "GetCallerIdentity", "sts:GetCallerIdentity", AWS_QUOTA_OTHER),
    /* Credentials are made, but nothing of the account's is changed. */
    [AWS_STS_ASSUME_ROLE] = READ(AWS_STS, "AssumeRole", "sts:AssumeRole", AWS_QUOTA_OTHER),
    [AWS_STS_ASSUME_ROLE_WITH_WEB_IDENTITY] =
        READ(AWS_STS, "AssumeRoleWithWebIdentity", "sts:AssumeRoleWithWebIdentity", AWS_QUOTA_OTHER),
    [AWS_IAM_SIMULATE_PRINCIPAL_POLICY] =
        READ(AWS_IAM, "SimulatePrincipalPolicy", "iam:SimulatePrincipalPolicy", AWS_QUOTA_OTHER),
    [AWS_IAM_GET_ROLE] = READ(AWS_IAM, "GetRole", "iam:GetRole", AWS_QUOTA_OTHER),

    [AWS_COGNITO_LIST_USERS] = COGNITO(READ, "ListUsers", USER_LIST),
    [AWS_COGNITO_LIST_USERS_IN_GROUP] = COGNITO(READ, "ListUsersInGroup", USER_LIST),
    [AWS_COGNITO_LIST_GROUPS] = COGNITO(READ, "ListGroups", POOL_RESOURCE_READ),
    [AWS_COGNITO_GET_GROUP] = COGNITO(READ, "GetGroup", POOL_RESOURCE_READ),
    [AWS_COGNITO_CREATE_GROUP] = COGNITO(WRITE, "CreateGroup", POOL_RESOURCE_UPDATE),
    [AWS_COGNITO_ADMIN_GET_USER] = COGNITO(READ, "AdminGetUser", USER_READ),
    [AWS_COGNITO_ADMIN_LIST_GROUPS_FOR_USER] = COGNITO(READ, "AdminListGroupsForUser", USER_RESOURCE_READ),
    [AWS_COGNITO_ADMIN_ADD_USER_TO_GROUP] = COGNITO(WRITE, "AdminAddUserToGroup", USER_UPDATE),
    [AWS_COGNITO_ADMIN_REMOVE_USER_FROM_GROUP] = COGNITO(WRITE, "AdminRemoveUserFromGroup", USER_UPDATE),
    [AWS_COGNITO_ADMIN_USER_GLOBAL_SIGN_OUT] = COGNITO(WRITE, "AdminUserGlobalSignOut", USER_UPDATE),

    [AWS_SECRETSMANAGER_GET_SECRET_VALUE] = SECRETS(READ, "GetSecretValue"),
    [AWS_SECRETSMANAGER_DESCRIBE_SECRET] = SECRETS(READ, "DescribeSecret"),
    [AWS_SECRETSMANAGER_ROTATE_SECRET] = SECRETS(WRITE, "RotateSecret"),
    [AWS_SECRETSMANAGER_CANCEL_ROTATE_SECRET] = SECRETS(WRITE, "CancelRotateSecret"),

    [AWS_DYNAMODB_SCAN] = DYNAMODB(READ, "Scan"),
    [AWS_DYNAMODB_QUERY] = DYNAMODB(READ, "Query"),
    [AWS_DYNAMODB_GET_ITEM] = DYNAMODB(READ, "GetItem"),
    [AWS_DYNAMODB_BATCH_GET_ITEM] = DYNAMODB(READ, "BatchGetItem"),
    /* Its condition may no longer hold once it was carried out. */
    [AWS_DYNAMODB_UPDATE_ITEM] = DYNAMODB(WRITE_ONCE, "UpdateItem"),

    [AWS_ECS_RUN_TASK] = ECS(WRITE, "RunTask", AWS_QUOTA_ECS_RUN),
    [AWS_ECS_DESCRIBE_TASKS] = ECS(READ, "DescribeTasks", AWS_QUOTA_ECS_DESCRIBE),
    [AWS_ECS_LIST_TASKS] = ECS(READ, "ListTasks", AWS_QUOTA_ECS_DESCRIBE),
    [AWS_ECS_DESCRIBE_TASK_DEFINITION] = ECS(READ, "DescribeTaskDefinition", AWS_QUOTA_ECS_DESCRIBE),

    /* AWS grants these under names of their own. */
    [AWS_DMS_DESCRIBE_INSTANCE_PROFILES] =
        READ(AWS_DMS, "DescribeInstanceProfiles", "dms:ListInstanceProfiles", AWS_QUOTA_OTHER),
    [AWS_DMS_DESCRIBE_DATA_PROVIDERS] =
        READ(AWS_DMS, "DescribeDataProviders", "dms:ListDataProviders", AWS_QUOTA_OTHER),
    [AWS_DMS_DESCRIBE_MIGRATION_PROJECTS] =
        READ(AWS_DMS, "DescribeMigrationProjects", "dms:ListMigrationProjects", AWS_QUOTA_OTHER),
    [AWS_DMS_LIST_TAGS_FOR_RESOURCE] = DMS(READ, "ListTagsForResource"),
    [AWS_DMS_CREATE_INSTANCE_PROFILE] = DMS(WRITE, "CreateInstanceProfile"),
    [AWS_DMS_CREATE_DATA_PROVIDER] = DMS(WRITE, "CreateDataProvider"),
    [AWS_DMS_CREATE_MIGRATION_PROJECT] = DMS(WRITE, "CreateMigrationProject"),
    [AWS_DMS_CREATE_DATA_MIGRATION] = DMS(WRITE, "CreateDataMigration"),
    [AWS_DMS_START_DATA_MIGRATION] = DMS(WRITE_ONCE, "StartDataMigration"),
    [AWS_DMS_STOP_DATA_MIGRATION] = DMS(WRITE, "StopDataMigration"),
    [AWS_DMS_DESCRIBE_DATA_MIGRATIONS] = DMS(READ, "DescribeDataMigrations"),
    [AWS_DMS_DELETE_DATA_MIGRATION] = DMS(WRITE, "DeleteDataMigration"),
    [AWS_DMS_DELETE_MIGRATION_PROJECT] = DMS(WRITE, "DeleteMigrationProject"),
    [AWS_DMS_DELETE_DATA_PROVIDER] = DMS(WRITE, "DeleteDataProvider"),
    [AWS_DMS_DELETE_INSTANCE_PROFILE] = DMS(WRITE, "DeleteInstanceProfile"),

    [AWS_KMS_DESCRIBE_KEY] = READ(AWS_KMS, "DescribeKey", "kms:DescribeKey", AWS_QUOTA_OTHER),

    [AWS_APIGATEWAY_GET_USAGE_PLAN] = {.service = AWS_APIGATEWAY,
                                       .name = "GetUsagePlan",
                                       .method = "GET",
                                       .permission = "apigateway:GET",
                                       .quota = AWS_QUOTA_APIGATEWAY,
                                       .resend = true},
    [AWS_APIGATEWAY_GET_USAGE_PLAN_KEYS] = {.service = AWS_APIGATEWAY,
                                            .name = "GetUsagePlanKeys",
                                            .method = "GET",
                                            .permission = "apigateway:GET",
                                            .quota = AWS_QUOTA_APIGATEWAY,
                                            .resend = true},
    [AWS_APIGATEWAY_DELETE_API_KEY] = {.service = AWS_APIGATEWAY,
                                       .name = "DeleteApiKey",
                                       .method = "DELETE",
                                       .permission = "apigateway:DELETE",
                                       .quota = AWS_QUOTA_APIGATEWAY_DELETE_KEY,
                                       .mutates = true,
                                       .resend = true},
    [AWS_BEDROCK_INVOKE_MODEL] = READ(AWS_BEDROCK, "InvokeModel", "bedrock:InvokeModel", AWS_QUOTA_OTHER),
};

/*
 * Requests a second and at once. Cognito, ECS and API Gateway publish theirs;
 * RDS and CloudFormation do not, and are set to what was seen to be safe.
 * Cognito's are shared with the people who sign in, second by second, so that
 * little of them comes at once.
 */
static const struct aws_quota_info quotas[AWS_QUOTA_COUNT] = {
    [AWS_QUOTA_OTHER] = {40, 40},
    [AWS_QUOTA_RDS] = {20, 20},
    [AWS_QUOTA_CLOUDFORMATION] = {5, 5},
    [AWS_QUOTA_COGNITO_USER_READ] = {120, 24},
    [AWS_QUOTA_COGNITO_USER_LIST] = {30, 6},
    [AWS_QUOTA_COGNITO_USER_UPDATE] = {25, 5},
    [AWS_QUOTA_COGNITO_USER_RESOURCE_READ] = {50, 10},
    [AWS_QUOTA_COGNITO_POOL_RESOURCE_READ] = {5, 1},
    [AWS_QUOTA_COGNITO_POOL_RESOURCE_UPDATE] = {15, 3},
    [AWS_QUOTA_ECS_RUN] = {20, 100},
    [AWS_QUOTA_ECS_DESCRIBE] = {20, 100},
    [AWS_QUOTA_APIGATEWAY] = {10, 40},
    [AWS_QUOTA_APIGATEWAY_DELETE_KEY] = {5, 5},
};

const struct aws_service_info *operation_service(enum aws_service service)
{
	return &services[service];
}

const struct aws_operation_info *operation_info(enum aws_operation operation)
{
	return &operations[operation];
}

const struct aws_quota_info *operation_quota(enum aws_quota quota)
{
	return &quotas[quota];
}
