/* The typed readers, on answers as the services write them. */
#include "aws/bedrock.h"
#include "aws/cloudformation.h"
#include "aws/cognito.h"
#include "aws/dynamodb.h"
#include "aws/iam.h"
#include "aws/kms.h"
#include "aws/rds.h"
#include "aws/secretsmanager.h"
#include "aws/service_test_help.h"
#include "aws/sts.h"
#include "base/test_main.h"

#include <stdlib.h>
#include <string.h>

#define CLUSTER                                                                                                        \
	"<DBCluster><DBClusterIdentifier>c1</DBClusterIdentifier><DBClusterArn>arn:c1</DBClusterArn>"                  \
	"<DbClusterResourceId>cluster-X</DbClusterResourceId><Status>available</Status>"                               \
	"<Engine>aurora-postgresql</Engine><EngineVersion>15.3</EngineVersion><Endpoint>c1.example</Endpoint>"         \
	"<ReaderEndpoint/><Port>5432</Port><MasterUsername>postgres</MasterUsername>"                                  \
	"<StorageEncrypted>true</StorageEncrypted><StorageEncryptionType>sse-kms</StorageEncryptionType>"              \
	"<KmsKeyId>arn:key</KmsKeyId><DBSubnetGroup>subnets</DBSubnetGroup>"                                           \
	"<DBClusterParameterGroup>default.pg15</DBClusterParameterGroup>"                                              \
	"<VpcSecurityGroups><VpcSecurityGroupMembership><VpcSecurityGroupId>sg-1</VpcSecurityGroupId>"                 \
	"<Status>active</Status></VpcSecurityGroupMembership><VpcSecurityGroupMembership>"                             \
	"<VpcSecurityGroupId>sg-2</VpcSecurityGroupId></VpcSecurityGroupMembership></VpcSecurityGroups>"               \
	"<EnabledCloudwatchLogsExports><member>postgresql</member></EnabledCloudwatchLogsExports>"                     \
	"<IAMDatabaseAuthenticationEnabled>false</IAMDatabaseAuthenticationEnabled>"                                   \
	"<DeletionProtection>true</DeletionProtection><CopyTagsToSnapshot>true</CopyTagsToSnapshot>"                   \
	"<ServerlessV2ScalingConfiguration><MinCapacity>0.5</MinCapacity><MaxCapacity>5.0</MaxCapacity>"               \
	"</ServerlessV2ScalingConfiguration><DBClusterMembers><DBClusterMember>"                                       \
	"<DBInstanceIdentifier>c1-1</DBInstanceIdentifier><IsClusterWriter>false</IsClusterWriter>"                    \
	"</DBClusterMember><DBClusterMember><DBInstanceIdentifier>c1-2</DBInstanceIdentifier>"                         \
	"<IsClusterWriter>true</IsClusterWriter></DBClusterMember></DBClusterMembers>"                                 \
	"<TagList><Tag><Key>trueup:deployment</Key><Value>production</Value></Tag></TagList>"                          \
	"<ClusterCreateTime>2024-01-02T03:04:05.678Z</ClusterCreateTime></DBCluster>"

static const char clusters_page[] =
    "<?xml version=\"1.0\"?><DescribeDBClustersResponse xmlns=\"http://rds.amazonaws.com/doc/2014-10-31/\">"
    "<DescribeDBClustersResult><DBClusters>" CLUSTER "</DBClusters></DescribeDBClustersResult>"
    "<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></DescribeDBClustersResponse>";
static const char clusters_page_and_more[] =
    "<DescribeDBClustersResponse><DescribeDBClustersResult><Marker>next page</Marker><DBClusters>" CLUSTER
    "</DBClusters></DescribeDBClustersResult></DescribeDBClustersResponse>";

START_TEST(reads_a_cluster)
{
	static const struct script_step steps[] = {{.body = clusters_page}};
	struct rds_cluster c;

	OPEN(steps);
	ck_assert_int_eq(rds_describe_cluster(aws, arena, "c1", &c, &err), 0);
	ck_assert(was_sent(0, "&DBClusterIdentifier=c1&MaxRecords=100"));
	ck_assert_str_eq(c.identifier, "c1");
	ck_assert_str_eq(c.resource_id, "cluster-X");
	ck_assert_str_eq(c.endpoint, "c1.example");
	ck_assert_int_eq(c.port, 5432);
	ck_assert(c.storage_encrypted && c.deletion_protection && c.copy_tags && !c.iam_auth);
	ck_assert_str_eq(c.storage_encryption_type, "sse-kms");
	ck_assert_str_eq(c.kms_key_id, "arn:key");
	ck_assert_str_eq(c.parameter_group, "default.pg15");
	ck_assert_uint_eq(c.security_group_count, 2);
	ck_assert_str_eq(c.security_groups[1], "sg-2");
	ck_assert_str_eq(c.log_exports[0], "postgresql");
	ck_assert_double_eq(c.min_capacity, 0.5);
	ck_assert_double_eq(c.max_capacity, 5);
	ck_assert_uint_eq(c.member_count, 2);
	ck_assert(!c.members[0].writer && c.members[1].writer);
	ck_assert_str_eq(rds_find_tag(c.tags, c.tag_count, "trueup:deployment"), "production");
	ck_assert_ptr_null(rds_find_tag(c.tags, c.tag_count, "other"));
}
END_TEST

START_TEST(follows_pages)
{
	static const struct script_step steps[] = {{.body = clusters_page_and_more}, {.body = clusters_page}};
	struct rds_clusters clusters;

	OPEN(steps);
	ck_assert_int_eq(rds_describe_clusters(aws, arena, &clusters, &err), 0);
	ck_assert_uint_eq(clusters.count, 2);
	ck_assert_str_eq(clusters.items[1].identifier, "c1");
	ck_assert(was_sent(1, "&Marker=next%20page"));
}
END_TEST

START_TEST(leaves_circles_of_pages)
{
	static const struct script_step xml[] = {{.body = clusters_page_and_more}};
	static const struct script_step json[] = {{.body = "{\"Users\":[],\"PaginationToken\":\"t\"}"}};
	struct rds_clusters clusters;
	struct cognito_users users;

	OPEN(xml);
	ck_assert_int_eq(rds_describe_clusters(aws, arena, &clusters, &err), -1);
	ck_assert_int_eq(err.code, ERROR_PROTOCOL);
	ck_assert_uint_eq(script.sent_count, 2);
	aws_free(aws);
	script_end(&script);
	OPEN(json);
	ck_assert_int_eq(cognito_list_users(aws, arena, "p", NULL, &users, &err), -1);
	ck_assert_uint_eq(script.sent_count, 2);
}
END_TEST

START_TEST(holds_an_empty_list_for_absence)
{
	static const struct script_step steps[] = {
	    {.body = "<DescribeDBClustersResponse><DescribeDBClustersResult><DBClusters/></DescribeDBClustersResult>"
	             "</DescribeDBClustersResponse>"}};
	struct rds_cluster cluster;

	OPEN(steps);
	ck_assert_int_eq(rds_describe_cluster(aws, arena, "c1", &cluster, &err), -1);
	ck_assert_int_eq(err.code, ERROR_NOT_FOUND);
}
END_TEST

START_TEST(deletes_without_a_final_snapshot)
{
	static const struct script_step steps[] = {
	    {.body = "<DeleteDBInstanceResponse><DeleteDBInstanceResult/></DeleteDBInstanceResponse>"},
	    {.body = "<DeleteDBClusterResponse><DeleteDBClusterResult/></DeleteDBClusterResponse>"}};

	OPEN(steps);
	ck_assert_int_eq(rds_delete_instance(aws, arena, "i1", &err), 0);
	ck_assert_int_eq(rds_delete_cluster(aws, arena, "c1", &err), 0);
	ck_assert(
	    was_sent(0, "Action=DeleteDBInstance&Version=2014-10-31&DBInstanceIdentifier=i1&SkipFinalSnapshot=true"));
	ck_assert(
	    was_sent(1, "Action=DeleteDBCluster&Version=2014-10-31&DBClusterIdentifier=c1&SkipFinalSnapshot=true"));
}
END_TEST

START_TEST(lists_snapshots)
{
	static const struct script_step steps[] = {
	    {.body =
	         "<DescribeDBClusterSnapshotsResponse><DescribeDBClusterSnapshotsResult><DBClusterSnapshots>"
	         "<DBClusterSnapshot><DBClusterSnapshotIdentifier>s1</DBClusterSnapshotIdentifier>"
	         "<DBClusterIdentifier>c1</DBClusterIdentifier><DbClusterResourceId>cluster-X</DbClusterResourceId>"
	         "<Status>available</Status><SnapshotType>manual</SnapshotType><PercentProgress>100</PercentProgress>"
	         "<SnapshotCreateTime>2024-01-02T03:04:05.678Z</SnapshotCreateTime>"
	         "<StorageEncrypted>true</StorageEncrypted><TagList><Tag><Key>trueup:deployment</Key>"
	         "<Value>production</Value></Tag></TagList></DBClusterSnapshot>"
	         "<DBClusterSnapshot><DBClusterSnapshotIdentifier>s2</DBClusterSnapshotIdentifier>"
	         "</DBClusterSnapshot></DBClusterSnapshots></DescribeDBClusterSnapshotsResult>"
	         "</DescribeDBClusterSnapshotsResponse>"}};
	struct rds_snapshots snapshots;
	const struct rds_snapshot *first;

	OPEN(steps);
	ck_assert_int_eq(rds_list_snapshots(aws, arena, &snapshots, &err), 0);
	ck_assert(was_sent(0, "Action=DescribeDBClusterSnapshots&Version=2014-10-31&SnapshotType=manual&"));
	ck_assert_uint_eq(snapshots.count, 2);
	first = &snapshots.items[0];
	ck_assert_str_eq(first->identifier, "s1");
	ck_assert_str_eq(first->cluster, "c1");
	ck_assert_str_eq(first->resource_id, "cluster-X");
	ck_assert_int_eq(first->created, 1704164645);
	ck_assert(first->storage_encrypted);
	ck_assert_str_eq(rds_find_tag(first->tags, first->tag_count, "trueup:deployment"), "production");
	ck_assert_int_eq(snapshots.items[1].created, 0);
}
END_TEST

START_TEST(writes_a_restore)
{
	static const struct script_step steps[] = {
	    {.body = "<RestoreDBClusterFromSnapshotResponse><RestoreDBClusterFromSnapshotResult>" CLUSTER
	             "</RestoreDBClusterFromSnapshotResult></RestoreDBClusterFromSnapshotResponse>"}};
	const char *groups[] = {"sg-1", "sg-2"}, *logs[] = {"postgresql"};
	struct rds_tag tags[] = {{"a", "b c"}};
	struct rds_restore restore = {.identifier = "new",
	                              .snapshot = "snap",
	                              .engine = "aurora-postgresql",
	                              .kms_key_id = "arn:key",
	                              .security_groups = groups,
	                              .security_group_count = 2,
	                              .log_exports = logs,
	                              .log_export_count = 1,
	                              .min_capacity = 0.5,
	                              .max_capacity = 16,
	                              .deletion_protection = true,
	                              .tags = tags,
	                              .tag_count = 1};
	struct rds_cluster cluster;

	OPEN(steps);
	ck_assert_int_eq(rds_restore_cluster(aws, arena, &restore, &cluster, &err), 0);
	ck_assert_str_eq(cluster.identifier, "c1");
	ck_assert(
	    was_sent(0, "Action=RestoreDBClusterFromSnapshot&Version=2014-10-31&DBClusterIdentifier=new&"
	                "SnapshotIdentifier=snap&Engine=aurora-postgresql&KmsKeyId=arn%3Akey&"
	                "VpcSecurityGroupIds.VpcSecurityGroupId.1=sg-1&VpcSecurityGroupIds.VpcSecurityGroupId.2=sg-2&"
	                "EnableCloudwatchLogsExports.member.1=postgresql&"
	                "ServerlessV2ScalingConfiguration.MinCapacity=0.5&"
	                "ServerlessV2ScalingConfiguration.MaxCapacity=16&EnableIAMDatabaseAuthentication=false&"
	                "DeletionProtection=true&CopyTagsToSnapshot=false&Tags.Tag.1.Key=a&Tags.Tag.1.Value=b%20c"));
}
END_TEST

START_TEST(changes_one_property_at_once)
{
	static const struct script_step steps[] = {{.body = "<ModifyDBClusterResponse/>"}};
	struct secret *password = secret_new("p&w", 3);

	OPEN(steps);
	ck_assert_int_eq(rds_set_master_password(aws, arena, "c1", password, &err), 0);
	ck_assert(was_sent(0,
	                   "Action=ModifyDBCluster&Version=2014-10-31&MasterUserPassword=p%26w&DBClusterIdentifier=c1&"
	                   "ApplyImmediately=true"));
	secret_free(password);
}
END_TEST

START_TEST(makes_a_database_token_without_a_request)
{
	static const struct script_step steps[] = {{.failure = TRANSPORT_CONNECT}};
	struct secret *token;

	OPEN(steps);
	ck_assert_int_eq(rds_create_auth_token(aws, "db.example", 5432, "a b", &token, &err), 0);
	ck_assert_ptr_eq(strstr(secret_reveal(token), "db.example:5432/?Action=connect&DBUser=a%20b&X-Amz-Algorithm="),
	                 secret_reveal(token));
	ck_assert_ptr_nonnull(strstr(secret_reveal(token), "%2F20240102%2Feu-west-3%2Frds-db%2Faws4_request&"));
	ck_assert_uint_eq(script.sent_count, 0);
	secret_free(token);
}
END_TEST

START_TEST(reads_a_stack)
{
	static const struct script_step steps[] = {
	    {.body = "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>S</StackName>"
	             "<StackStatus>UPDATE_COMPLETE</StackStatus><StackStatusReason>why</StackStatusReason>"
	             "<EnableTerminationProtection>true</EnableTerminationProtection><Parameters><member>"
	             "<ParameterKey>Size</ParameterKey><ParameterValue>2</ParameterValue></member><member>"
	             "<ParameterKey>Hidden</ParameterKey><ParameterValue>****</ParameterValue></member></"
	             "Parameters><Outputs><member><OutputKey>AuthUserPoolIdAB12</OutputKey>"
	             "<OutputValue>eu-west-3_x</OutputValue></member><member><OutputKey>DbConfigPort</OutputKey>"
	             "<OutputValue>5432</OutputValue><ExportName>BedrockClaudeChatDbConfigPort</ExportName></member>"
	             "</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>"}};
	struct cloudformation_stack stack;

	OPEN(steps);
	ck_assert_int_eq(cloudformation_describe_stack(aws, arena, "S", &stack, &err), 0);
	ck_assert_str_eq(stack.status, "UPDATE_COMPLETE");
	ck_assert_str_eq(cloudformation_find_output(&stack, "AuthUserPoolId"), "eu-west-3_x");
	ck_assert_str_eq(cloudformation_find_output(&stack, "DbConfigPort"), "5432");
	ck_assert_ptr_null(cloudformation_find_output(&stack, "Nothing"));
	ck_assert_str_eq(stack.outputs[1].export_name, "BedrockClaudeChatDbConfigPort");
	ck_assert_ptr_null(stack.outputs[0].export_name);
	ck_assert_str_eq(stack.reason, "why");
	ck_assert(stack.protected);
	ck_assert_uint_eq(stack.parameter_count, 2);
	ck_assert_str_eq(stack.parameters[0].key, "Size");
	ck_assert_str_eq(stack.parameters[0].value, "2");
}
END_TEST

START_TEST(takes_an_export_without_importers)
{
	static const struct script_step steps[] = {
	    {.status = 400,
	     .body =
	         "<ErrorResponse><Error><Code>ValidationError</Code><Message>Export 'E' is not imported by any stack."
	         "</Message></Error></ErrorResponse>"},
	    {.status = 400,
	     .body = "<ErrorResponse><Error><Code>ValidationError</Code><Message>1 validation error detected</Message>"
	             "</Error></ErrorResponse>"}};
	struct cloudformation_names names;

	OPEN(steps);
	ck_assert_int_eq(cloudformation_list_imports(aws, arena, "E", &names, &err), 0);
	ck_assert_uint_eq(names.count, 0);
	ck_assert_int_eq(cloudformation_list_imports(aws, arena, "E", &names, &err), -1);
}
END_TEST

#define EVENT(resource_, type_, status_, reason_)                                                                      \
	"<member><LogicalResourceId>" resource_ "</LogicalResourceId><ResourceType>" type_ "</ResourceType>"           \
	"<ResourceStatus>" status_ "</ResourceStatus><ResourceStatusReason>" reason_                                   \
	"</ResourceStatusReason></member>"
#define EVENTS(events_)                                                                                                \
	"<R><DescribeStackEventsResult><StackEvents>" events_ "</StackEvents></DescribeStackEventsResult></R>"
#define STACK "AWS::CloudFormation::Stack"

/* Newest first; an operation begins at the bottom, and what is below it is another one's. */
static const struct failure_case {
	const char *events, *reason;
} failures[] = {
    {EVENTS(EVENT("S", STACK, "DELETE_FAILED", "The following resource(s) failed to delete: [Bucket].")
                EVENT("Bucket", "AWS::S3::Bucket", "DELETE_FAILED", "not empty")),
     "Bucket: not empty"},
    {EVENTS(EVENT("S", STACK, "UPDATE_ROLLBACK_COMPLETE", "") EVENT("Last", "T", "UPDATE_FAILED", "while undoing")
                EVENT("S", STACK, "UPDATE_ROLLBACK_IN_PROGRESS", "The following resource(s) failed to update: [A, B]")
                    EVENT("B", "T", "UPDATE_FAILED", "Resource update cancelled")
                        EVENT("A", "T", "UPDATE_FAILED", "no room") EVENT("S", STACK, "UPDATE_IN_PROGRESS", "")
                            EVENT("Old", "T", "CREATE_FAILED", "long ago")),
     "A: no room"},
    {EVENTS(EVENT("S", STACK, "UPDATE_ROLLBACK_COMPLETE", "")
                EVENT("S", STACK, "UPDATE_ROLLBACK_IN_PROGRESS", "Export X cannot be updated as it is in use by Y")
                    EVENT("S", STACK, "UPDATE_IN_PROGRESS", "User Initiated")),
     "Export X cannot be updated as it is in use by Y"},
    {EVENTS(EVENT("S", STACK, "UPDATE_COMPLETE", "") EVENT("S", STACK, "UPDATE_IN_PROGRESS", "User Initiated")
                EVENT("S", STACK, "UPDATE_ROLLBACK_IN_PROGRESS", "long ago")),
     NULL},
    {EVENTS(""), NULL},
};

START_TEST(explains_failures)
{
	const struct failure_case *expected = &failures[_i];
	struct script_step step = {.body = expected->events};
	const char *reason;

	open_client(&step, 1);
	ck_assert_int_eq(cloudformation_explain_failure(aws, arena, "S", &reason, &err), 0);
	ck_assert_pstr_eq(reason, expected->reason);
}
END_TEST

START_TEST(follows_events_to_where_they_began)
{
	static const struct script_step steps[] = {
	    {.body = "<R><DescribeStackEventsResult><StackEvents>" EVENT(
	         "B", "T", "UPDATE_FAILED",
	         "second") "</StackEvents><NextToken>t</NextToken></DescribeStackEventsResult></R>"},
	    {.body = "<R><DescribeStackEventsResult><StackEvents>" EVENT("A", "T", "UPDATE_FAILED", "first")
	         EVENT("S", STACK, "UPDATE_IN_PROGRESS",
	               "") "</StackEvents><NextToken>u</NextToken></DescribeStackEventsResult></R>"}};
	const char *reason;

	OPEN(steps);
	ck_assert_int_eq(cloudformation_explain_failure(aws, arena, "S", &reason, &err), 0);
	ck_assert_str_eq(reason, "A: first");
	ck_assert(was_sent(1, "&NextToken=t"));
	ck_assert_uint_eq(script.sent_count, 2);
}
END_TEST

#define USER(name_, mail_)                                                                                             \
	"{\"Username\":\"" name_ "\",\"Enabled\":true,\"UserStatus\":\"CONFIRMED\",\"Attributes\":["                   \
	"{\"Name\":\"sub\",\"Value\":\"" name_ "\"},{\"Name\":\"email\",\"Value\":\"" mail_ "\"}]}"

START_TEST(reads_users_past_empty_pages)
{
	static const struct script_step steps[] = {
	    {.body = "{\"Users\":[" USER("u1", "a@b") "],\"PaginationToken\":\"t1\"}"},
	    {.body = "{\"Users\":[],\"PaginationToken\":\"t2\"}"},
	    {.body = "{\"Users\":[" USER("u2", "c@d") "]}"}};
	struct cognito_users users;

	OPEN(steps);
	ck_assert_int_eq(cognito_list_users(aws, arena, "p", "f", &users, &err), 0);
	ck_assert_uint_eq(users.count, 2);
	ck_assert_str_eq(users.items[1].username, "u2");
	ck_assert_str_eq(users.items[1].email, "c@d");
	ck_assert(users.items[0].enabled);
	ck_assert(was_sent(2, "{\"UserPoolId\":\"p\",\"Limit\":60,\"Filter\":\"f\",\"PaginationToken\":\"t2\"}"));
}
END_TEST

#define RESULT(action_, decision_)                                                                                     \
	"<member><EvalActionName>" action_                                                                             \
	"</EvalActionName><EvalResourceName>*</EvalResourceName><EvalDecision>" decision_ "</EvalDecision></member>"
#define SIMULATED(results_, more_)                                                                                     \
	"<SimulatePrincipalPolicyResponse><SimulatePrincipalPolicyResult><EvaluationResults>" results_                 \
	"</EvaluationResults>" more_ "</SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"

START_TEST(reads_decisions_whatever_their_order)
{
	static const struct script_step steps[] = {
	    {.body = SIMULATED(RESULT("rds:C", "explicitDeny"), "<IsTruncated>true</IsTruncated><Marker>m+1</Marker>")},
	    {.body = SIMULATED(RESULT("rds:a", "allowed") RESULT("rds:B", "implicitDeny"),
	                       "<IsTruncated>false</IsTruncated>")}};
	const char *actions[] = {"rds:A", "rds:B", "rds:C", "rds:D"};
	enum iam_decision decisions[4] = {IAM_ALLOWED, IAM_ALLOWED, IAM_ALLOWED, IAM_ALLOWED};
	struct iam_question question = {"arn:x", actions, decisions, 4, "trueup:deployment", "chat"};

	OPEN(steps);
	ck_assert_int_eq(iam_simulate(aws, arena, "arn:aws:iam::1:user/u", &question, &err), 0);
	ck_assert_int_eq(decisions[0], IAM_ALLOWED);
	ck_assert_int_eq(decisions[1], IAM_IMPLICIT_DENY);
	ck_assert_int_eq(decisions[2], IAM_EXPLICIT_DENY);
	ck_assert_int_eq(decisions[3], IAM_IMPLICIT_DENY); /* there was no answer to it */
	ck_assert(was_sent(0, "ActionNames.member.4=rds%3AD&ResourceArns.member.1=arn%3Ax"));
	ck_assert(was_sent(0, "ContextKeyName=aws%3AResourceTag%2Ftrueup%3Adeployment"));
	ck_assert(was_sent(0, "ContextKeyValues.member.1=chat"));
	ck_assert(was_sent(1, "Marker=m%2B1"));
}
END_TEST

START_TEST(maps_sessions_to_their_roles)
{
	static const struct script_step steps[] = {
	    {.body =
	         "<GetRoleResponse><GetRoleResult><Role><Arn>arn:aws:iam::1:role/sso/ci</Arn></Role></GetRoleResult>"
	         "</GetRoleResponse>"},
	    {.status = 403, .body = "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"}};
	static const char session[] = "arn:aws:sts::1:assumed-role/ci/night";
	const char *principal;

	OPEN(steps);
	ck_assert_int_eq(iam_find_principal(aws, arena, "arn:aws:iam::1:user/a/b", NULL, &principal, &err), 0);
	ck_assert_str_eq(principal, "arn:aws:iam::1:user/a/b");
	ck_assert_int_eq(iam_find_principal(aws, arena, session, "arn:aws:iam::1:role/team/ci", &principal, &err), 0);
	ck_assert_str_eq(principal, "arn:aws:iam::1:role/team/ci");
	ck_assert_uint_eq(script.sent_count, 0);
	ck_assert_int_eq(iam_find_principal(aws, arena, session, "arn:aws:iam::1:role/other", &principal, &err), 0);
	ck_assert_str_eq(principal, "arn:aws:iam::1:role/sso/ci");
	ck_assert_int_eq(iam_find_principal(aws, arena, session, NULL, &principal, &err), 0);
	ck_assert_str_eq(principal, "arn:aws:iam::1:role/ci");
	ck_assert_int_eq(iam_find_principal(aws, arena, "arn:aws:iam::1:root", NULL, &principal, &err), -1);
	ck_assert_int_eq(err.code, ERROR_INVALID);
	ck_assert_int_eq(iam_find_principal(aws, arena, "arn:aws:sts::1:federated-user/f", NULL, &principal, &err), -1);
}
END_TEST

START_TEST(escapes_filters)
{
	ck_assert_str_eq(cognito_format_filter(arena, "email", "a\"b\\c@d"), "email = \"a\\\"b\\\\c@d\"");
}
END_TEST

START_TEST(finds_addresses_in_bulk)
{
	static const struct script_step steps[] = {
	    {.body = "{\"Users\":[" USER("u1", "a@b") "]}"},
	    {.body = "{\"Users\":[],\"PaginationToken\":\"t\"}"},
	    {.status = 400, .body = "{\"__type\":\"InvalidParameterException\"}"},
	    {.body = "{\"Users\":[],\"PaginationToken\":\"t\"}"},
	    {.body = "{\"Users\":[" USER("u2", "c@d") "]}"}};
	struct cognito_lookup lookups[] = {{.email = "a@b"}, {.email = "c@d"}, {.email = "e@f"}};

	OPEN(steps);
	ck_assert_uint_eq(cognito_find_emails(aws, arena, "p", lookups, 3), 1);
	ck_assert_str_eq(lookups[0].users.items[0].username, "u1");
	/* The first page of the second was empty, and not the last. */
	ck_assert_uint_eq(lookups[1].users.count, 1);
	ck_assert_str_eq(lookups[1].users.items[0].username, "u2");
	ck_assert_int_eq(lookups[2].error.code, ERROR_INVALID);
}
END_TEST

START_TEST(takes_an_existing_group_for_created)
{
	static const struct script_step steps[] = {{.status = 400, .body = "{\"__type\":\"GroupExistsException\"}"},
	                                           {.status = 400, .body = "{\"__type\":\"LimitExceededException\"}"}};
	struct cognito_group group = {.name = "g", .has_precedence = true, .precedence = 0};

	OPEN(steps);
	ck_assert_int_eq(cognito_create_group(aws, arena, "p", &group, &err), 0);
	ck_assert(was_sent(0, "{\"UserPoolId\":\"p\",\"GroupName\":\"g\",\"Precedence\":0}"));
	ck_assert_int_eq(cognito_create_group(aws, arena, "p", &group, &err), -1);
}
END_TEST

START_TEST(reads_a_secret)
{
	static const struct script_step steps[] = {
	    {.body = "{\"ARN\":\"arn:s\",\"Name\":\"s\",\"VersionId\":\"v\",\"SecretString\":\"{\\\"username\\\":"
	             "\\\"postgres\\\",\\\"password\\\":\\\"p\\\\\\\"w\\\",\\\"host\\\":\\\"h\\\",\\\"port\\\":"
	             "\\\"5433\\\","
	             "\\\"dbClusterIdentifier\\\":\\\"c\\\"}\"}"},
	    {.body = "{\"ARN\":\"arn:s\",\"Name\":\"s\",\"SecretString\":\"hunter2\"}"},
	    {.body = "{\"ARN\":\"arn:s\",\"Name\":\"s\",\"SecretBinary\":\"aA==\"}"}};
	struct secretsmanager_value value;

	OPEN(steps);
	ck_assert_int_eq(secretsmanager_get_value(aws, arena, "s", NULL, &value, &err), 0);
	ck_assert_str_eq(secret_reveal(value.password), "p\"w");
	ck_assert_str_eq(value.username, "postgres");
	ck_assert_str_eq(value.cluster, "c");
	ck_assert_int_eq(value.port, 5433);
	ck_assert_ptr_null(value.dbname);
	secretsmanager_value_free(&value);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(secretsmanager_get_value(aws, arena, "s", NULL, &value, &err), -1);
		ck_assert_int_eq(err.code, ERROR_INVALID);
		ck_assert_ptr_null(strstr(err.message, "hunter2"));
	}
}
END_TEST

START_TEST(reads_rotation)
{
	static const struct script_step steps[] = {
	    {.body = "{\"ARN\":\"arn:s\",\"Name\":\"s\",\"RotationEnabled\":true,\"RotationLambdaARN\":\"arn:l\","
	             "\"RotationRules\":{\"AutomaticallyAfterDays\":30},\"LastRotatedDate\":1704164645.123,"
	             "\"VersionIdsToStages\":{\"v1\":[\"AWSPREVIOUS\"],\"v2\":[\"AWSCURRENT\",\"AWSPENDING\"]}}"},
	    {.body = "{\"ARN\":\"arn:s\"}"}};
	struct secretsmanager_secret secret;
	struct secretsmanager_rotation rotation = {.id = "s", .token = "t", .lambda = "arn:l", .days = 30};

	OPEN(steps);
	ck_assert_int_eq(secretsmanager_describe(aws, arena, "s", &secret, &err), 0);
	ck_assert(secret.rotation_enabled);
	ck_assert_int_eq(secret.rotation_days, 30);
	ck_assert_int_eq(secret.last_rotated, SCRIPT_TIME);
	ck_assert_str_eq(secret.current_version, "v2");
	ck_assert_str_eq(secret.pending_version, "v2");
	ck_assert_int_eq(secretsmanager_rotate(aws, arena, &rotation, &err), 0);
	ck_assert(was_sent(1, "{\"SecretId\":\"s\",\"ClientRequestToken\":\"t\",\"RotationLambdaARN\":\"arn:l\","
	                      "\"RotateImmediately\":false,\"RotationRules\":{\"AutomaticallyAfterDays\":30}}"));
	rotation = (struct secretsmanager_rotation){.id = "s", .immediately = true};
	ck_assert_int_eq(secretsmanager_rotate(aws, arena, &rotation, &err), 0);
	ck_assert(was_sent(2, "\"RotateImmediately\":true}"));
	ck_assert(was_sent(2, "\"ClientRequestToken\":\""));
}
END_TEST

START_TEST(reads_a_key)
{
	static const struct script_step steps[] = {
	    {.body = "{\"KeyMetadata\":{\"KeyId\":\"k\",\"Arn\":\"arn:k\",\"KeyState\":\"Disabled\",\"Enabled\":false,"
	             "\"KeyManager\":\"CUSTOMER\"}}"},
	    {.body = "{}"}};
	struct kms_key key;

	OPEN(steps);
	ck_assert_int_eq(kms_describe_key(aws, arena, "alias/x", &key, &err), 0);
	ck_assert_str_eq(key.arn, "arn:k");
	ck_assert_str_eq(key.state, "Disabled");
	ck_assert(!key.enabled);
	ck_assert_int_eq(kms_describe_key(aws, arena, "alias/x", &key, &err), -1);
	ck_assert_int_eq(err.code, ERROR_PROTOCOL);
}
END_TEST

#define ITEM_OF(id, more) "{\"PK\":{\"S\":\"u1\"},\"SK\":{\"S\":\"u1#BOT#" id "\"}" more "}"
#define SYNC(status, reason) ",\"SyncStatus\":{\"S\":\"" status "\"},\"SyncStatusReason\":{\"S\":\"" reason "\"}"

START_TEST(reads_bots)
{
	static const struct script_step steps[] = {
	    {.body = "{\"Items\":[" ITEM_OF(
	         "B1", SYNC("SUCCEEDED",
	                    "") ",\"LastExecId\":{\"S\":\"t1\"},\"Knowledge\":{\"M\":{\"source_urls\":"
	                        "{\"L\":[]},\"s3_urls\":{\"L\":[{\"S\":\"s3://b/k\"}]}}},"
	                        "\"ApiPublishmentStackName\":{\"NULL\":true}") "],"
	                                                                       "\"LastEvaluatedKey\":{\"PK\":{\"S\":"
	                                                                       "\"u1\"},\"SK\":{\"S\":\"x\"}}}"},
	    {.body = "{\"Items\":[],\"LastEvaluatedKey\":{\"PK\":{\"S\":\"u2\"},\"SK\":{\"S\":\"y\"}}}"},
	    {.body = "{\"Items\":[" ITEM_OF("B2", ",\"Knowledge\":{\"M\":{\"filenames\":{\"L\":[]}}},"
	                                          "\"BedrockKnowledgeBase\":{\"M\":{}},"
	                                          "\"ApiPublishmentStackName\":{\"S\":\"P\"}") "]}"}};
	struct dynamodb_bots bots;

	OPEN(steps);
	ck_assert_int_eq(dynamodb_list_bots(aws, arena, "t", &bots, &err), 0);
	ck_assert(was_sent(0, "\"ConsistentRead\":true,\"FilterExpression\":\"contains(SK, :mark)\""));
	ck_assert(was_sent(0, "{\":mark\":{\"S\":\"#BOT#\"}}}"));
	ck_assert(was_sent(2, "\"ExclusiveStartKey\":{\"PK\":{\"S\":\"u2\"},\"SK\":{\"S\":\"y\"}}"));
	ck_assert_uint_eq(bots.count, 2);
	ck_assert_str_eq(bots.items[0].id, "B1");
	ck_assert_str_eq(bots.items[0].owner, "u1");
	ck_assert(bots.items[0].knowledge && !bots.items[0].knowledge_base);
	ck_assert_str_eq(bots.items[0].sync_status, "SUCCEEDED");
	ck_assert_str_eq(bots.items[0].last_exec, "t1");
	ck_assert_ptr_null(bots.items[0].sync_reason);
	ck_assert_ptr_null(bots.items[0].published);
	ck_assert(!bots.items[1].knowledge && bots.items[1].knowledge_base);
	ck_assert_ptr_null(bots.items[1].sync_status);
	ck_assert_str_eq(bots.items[1].published, "P");
}
END_TEST

START_TEST(leaves_a_scan_that_does_not_end)
{
	static const struct script_step steps[] = {
	    {.body = "{\"Items\":[],\"LastEvaluatedKey\":{\"PK\":{\"S\":\"u1\"}}}"}};
	struct dynamodb_bots bots;

	OPEN(steps);
	ck_assert_int_eq(dynamodb_list_bots(aws, arena, "t", &bots, &err), -1);
	ck_assert_int_eq(err.code, ERROR_PROTOCOL);
	ck_assert_uint_eq(script.sent_count, 2);
}
END_TEST

START_TEST(finds_one_bot_or_none)
{
	static const struct script_step steps[] = {{.body = "{\"Item\":" ITEM_OF("B1", SYNC("FAILED", "why")) "}"},
	                                           {.body = "{}"}};
	struct dynamodb_bot bot;

	OPEN(steps);
	ck_assert_int_eq(dynamodb_get_bot(aws, arena, "t", "u1", "B1", &bot, &err), 0);
	ck_assert(was_sent(0, "\"Key\":{\"PK\":{\"S\":\"u1\"},\"SK\":{\"S\":\"u1#BOT#B1\"}}"));
	ck_assert_str_eq(bot.sync_reason, "why");
	ck_assert_int_eq(dynamodb_get_bot(aws, arena, "t", "u1", "B1", &bot, &err), -1);
	ck_assert_int_eq(err.code, ERROR_NOT_FOUND);
}
END_TEST

#define REFUSED                                                                                                        \
	{                                                                                                              \
		.status = 400, .body = "{\"__type\":\"com.amazonaws.dynamodb.v20120810#"                               \
		                       "ConditionalCheckFailedException\",\"message\":\"no\"}"                         \
	}

START_TEST(sets_a_status_that_is_as_it_was)
{
	static const struct script_step steps[] = {{.body = "{}"}};
	struct dynamodb_bot failed = {.id = "B1", .owner = "u1", .sync_status = "FAILED"};
	struct dynamodb_bot fresh = {.id = "B1", .owner = "u1"};

	OPEN(steps);
	ck_assert_int_eq(dynamodb_set_sync(aws, arena, "t", &failed, "QUEUED", NULL, &err), 0);
	ck_assert(was_sent(0, "\"ConditionExpression\":\"#s = :was\""));
	ck_assert(was_sent(0, "\":status\":{\"S\":\"QUEUED\"},\":reason\":{\"S\":\"\"},\":was\":{\"S\":\"FAILED\"}"));
	ck_assert_int_eq(dynamodb_set_sync(aws, arena, "t", &fresh, "QUEUED", NULL, &err), 0);
	ck_assert(was_sent(1, "\"attribute_exists(SK) AND attribute_not_exists(#s)\""));
}
END_TEST

START_TEST(takes_its_own_lost_write_for_done)
{
	static const struct script_step steps[] = {{.failure = TRANSPORT_LOST},
	                                           {.body = "{\"Item\":" ITEM_OF("B1", SYNC("QUEUED", "")) "}"},
	                                           REFUSED,
	                                           {.body = "{\"Item\":" ITEM_OF("B1", SYNC("QUEUED", "")) "}"}};
	struct dynamodb_bot bot = {.id = "B1", .owner = "u1", .sync_status = "FAILED"};

	OPEN(steps);
	ck_assert_int_eq(dynamodb_set_sync(aws, arena, "t", &bot, "QUEUED", NULL, &err), 0);
	ck_assert_int_eq(dynamodb_set_sync(aws, arena, "t", &bot, "QUEUED", "", &err), 0);
	ck_assert_uint_eq(script.sent_count, 4);
}
END_TEST

START_TEST(leaves_a_status_that_somebody_else_has_set)
{
	static const struct script_step steps[] = {REFUSED,
	                                           {.body = "{\"Item\":" ITEM_OF("B1", SYNC("RUNNING", "")) "}"},
	                                           REFUSED,
	                                           {.body = "{}"},
	                                           {.failure = TRANSPORT_LOST},
	                                           {.body = "{\"Item\":" ITEM_OF("B1", SYNC("FAILED", "")) "}"}};
	struct dynamodb_bot bot = {.id = "B1", .owner = "u1", .sync_status = "FAILED"};

	OPEN(steps);
	ck_assert_int_eq(dynamodb_set_sync(aws, arena, "t", &bot, "QUEUED", NULL, &err), -1);
	ck_assert_int_eq(err.code, ERROR_STATE);
	ck_assert(!err.retryable);
	ck_assert_ptr_nonnull(strstr(err.message, "from FAILED to RUNNING"));
	ck_assert_int_eq(dynamodb_set_sync(aws, arena, "t", &bot, "QUEUED", NULL, &err), -1);
	ck_assert_int_eq(err.code, ERROR_NOT_FOUND);
	/* Not carried out: the error is that of the lost request, and may pass. */
	ck_assert_int_eq(dynamodb_set_sync(aws, arena, "t", &bot, "QUEUED", NULL, &err), -1);
	ck_assert(err.retryable);
}
END_TEST

START_TEST(embeds_a_question)
{
	static const struct script_step steps[] = {
	    {.body = "{\"id\":\"1\",\"embeddings\":[[0.25,-1,0.10000000149011612]],\"texts\":[\"t\"]}"},
	    {.body = "{\"embeddings\":[]}"},
	    {.body = "{\"embeddings\":[[1,\"x\"]]}"},
	    {.status = 403,
	     .head = "x-amzn-ErrorType: AccessDeniedException:http://internal/\r\n",
	     .body = "{\"message\":\"You don't have access to the model with the specified model ID.\"}"}};
	const char *embedding;
	size_t dimension;

	OPEN(steps);
	ck_assert_int_eq(bedrock_embed_question(aws, arena, "cohere.embed:0", "a \"b\"", &embedding, &dimension, &err),
	                 0);
	ck_assert(was_sent(0, "POST https://bedrock-runtime.eu-west-3.amazonaws.com/model/cohere.embed%3A0/invoke\n"));
	ck_assert(was_sent(0, "{\"texts\":[\"a \\\"b\\\"\"],\"input_type\":\"search_query\"}"));
	ck_assert_str_eq(embedding, "[0.25,-1,0.100000001]");
	ck_assert_uint_eq(dimension, 3);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(bedrock_embed_question(aws, arena, "m", "t", &embedding, &dimension, &err), -1);
		ck_assert_int_eq(err.code, ERROR_PROTOCOL);
	}
	ck_assert_int_eq(bedrock_embed_question(aws, arena, "m", "t", &embedding, &dimension, &err), -1);
	ck_assert_int_eq(err.code, ERROR_DENIED);
	ck_assert_str_eq(err.permission, "bedrock:InvokeModel");
	ck_assert_int_eq(bedrock_embed_question(aws, arena, "m", "\xff", &embedding, &dimension, &err), -1);
	ck_assert_int_eq(err.code, ERROR_INVALID);
}
END_TEST

/* Every prefix of an answer is either an error or complete; the sanitizers watch. */
START_TEST(survives_answers_cut_short)
{
	struct script_step step = {.body = NULL};
	char *cut = strdup(clusters_page);
	struct rds_cluster cluster;

	for (size_t length = strlen(clusters_page); length > 0; length -= length > 7 ? 7 : length) {
		cut[length] = '\0';
		step.body = cut;
		open_client(&step, 1);
		ck_assert_int_eq(rds_describe_cluster(aws, arena, "c1", &cluster, &err),
		                 length == strlen(clusters_page) ? 0 : -1);
		aws_free(aws);
		aws = NULL;
		script_end(&script);
	}
	free(cut);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("services");
	TCase *tests = tcase_create("services");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, reads_a_cluster);
	tcase_add_test(tests, follows_pages);
	tcase_add_test(tests, leaves_circles_of_pages);
	tcase_add_test(tests, holds_an_empty_list_for_absence);
	tcase_add_test(tests, lists_snapshots);
	tcase_add_test(tests, deletes_without_a_final_snapshot);
	tcase_add_test(tests, writes_a_restore);
	tcase_add_test(tests, changes_one_property_at_once);
	tcase_add_test(tests, makes_a_database_token_without_a_request);
	tcase_add_test(tests, reads_a_stack);
	tcase_add_test(tests, takes_an_export_without_importers);
	tcase_add_loop_test(tests, explains_failures, 0, sizeof(failures) / sizeof(failures[0]));
	tcase_add_test(tests, follows_events_to_where_they_began);
	tcase_add_test(tests, reads_users_past_empty_pages);
	tcase_add_test(tests, reads_decisions_whatever_their_order);
	tcase_add_test(tests, maps_sessions_to_their_roles);
	tcase_add_test(tests, escapes_filters);
	tcase_add_test(tests, finds_addresses_in_bulk);
	tcase_add_test(tests, takes_an_existing_group_for_created);
	tcase_add_test(tests, reads_a_secret);
	tcase_add_test(tests, reads_rotation);
	tcase_add_test(tests, reads_a_key);
	tcase_add_test(tests, reads_bots);
	tcase_add_test(tests, leaves_a_scan_that_does_not_end);
	tcase_add_test(tests, finds_one_bot_or_none);
	tcase_add_test(tests, sets_a_status_that_is_as_it_was);
	tcase_add_test(tests, takes_its_own_lost_write_for_done);
	tcase_add_test(tests, leaves_a_status_that_somebody_else_has_set);
	tcase_add_test(tests, embeds_a_question);
	tcase_add_test(tests, survives_answers_cut_short);
	suite_add_tcase(suite, tests);
	return suite;
}
