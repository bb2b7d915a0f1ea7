/* What is asked of DMS, and its answers as it writes them. */
#include "aws/dms.h"
#include "aws/service_test_help.h"
#include "base/test_main.h"

#include <string.h>

static const struct dms_tag tag = {"trueup:deployment", "production"};

START_TEST(finds_a_profile_by_its_very_name)
{
	static const struct script_step steps[] = {
	    {.body =
	         "{\"InstanceProfiles\":[{\"InstanceProfileName\":\"rows-2\"},{\"InstanceProfileName\":\"rows\","
	         "\"InstanceProfileArn\":\"arn:p\",\"SubnetGroupIdentifier\":\"group\",\"PubliclyAccessible\":false,"
	         "\"VpcSecurityGroups\":[\"sg-1\",\"sg-2\"]}]}"},
	    {.body = "{\"InstanceProfiles\":[]}"},
	    {.status = 400,
	     .body = "{\"__type\":\"ResourceNotFoundFault\",\"message\":\"Instance profile rows not found.\"}"},
	    {.body = "{\"InstanceProfiles\":[{\"InstanceProfileName\":\"rows\"}]}"}};
	struct dms_profile profile;

	OPEN(steps);
	ck_assert_int_eq(dms_find_profile(aws, arena, "rows", &profile, &err), 0);
	ck_assert(was_sent(0, "{\"Filters\":[{\"Name\":\"instance-profile-identifier\",\"Values\":[\"rows\"]}]}"));
	ck_assert_str_eq(profile.arn, "arn:p");
	ck_assert_str_eq(profile.subnet_group, "group");
	ck_assert(!profile.public);
	ck_assert_uint_eq(profile.security_group_count, 2);
	ck_assert_str_eq(profile.security_groups[1], "sg-2");
	ck_assert_int_eq(dms_find_profile(aws, arena, "rows", &profile, &err), -1);
	ck_assert_int_eq(err.code, ERROR_NOT_FOUND);
	ck_assert_int_eq(dms_find_profile(aws, arena, "rows", &profile, &err), -1);
	ck_assert_int_eq(err.code, ERROR_NOT_FOUND);
	/* What AWS does not say is as AWS has it by default. */
	ck_assert_int_eq(dms_find_profile(aws, arena, "rows", &profile, &err), 0);
	ck_assert(profile.public);
}
END_TEST

START_TEST(reads_providers_and_projects)
{
	static const struct script_step steps[] = {
	    {.body =
	         "{\"DataProviders\":[{\"DataProviderName\":\"source\",\"DataProviderArn\":\"arn:s\",\"Settings\":{"
	         "\"PostgreSqlSettings\":{\"ServerName\":\"old.example\",\"Port\":5432,\"DatabaseName\":\"postgres\","
	         "\"SslMode\":\"require\"}}}]}"},
	    {.body =
	         "{\"MigrationProjects\":[{\"MigrationProjectName\":\"rows\",\"MigrationProjectArn\":\"arn:m\","
	         "\"InstanceProfileName\":\"rows\",\"SourceDataProviderDescriptors\":[{\"DataProviderName\":\"source\","
	         "\"SecretsManagerSecretId\":\"old-secret\",\"SecretsManagerAccessRoleArn\":\"arn:role\"}],"
	         "\"TargetDataProviderDescriptors\":[]}]}"},
	    {.body = "{\"TagList\":[{\"Key\":\"other\",\"Value\":\"x\"},{\"Key\":\"trueup:deployment\",\"Value\":"
	             "\"production\"}]}"},
	    {.body = "{\"TagList\":[]}"}};
	struct dms_provider provider;
	struct dms_project project;
	const char *value;

	OPEN(steps);
	ck_assert_int_eq(dms_find_provider(aws, arena, "source", &provider, &err), 0);
	ck_assert_str_eq(provider.server, "old.example");
	ck_assert_int_eq(provider.port, 5432);
	ck_assert_str_eq(provider.sslmode, "require");
	ck_assert_int_eq(dms_find_project(aws, arena, "rows", &project, &err), 0);
	ck_assert_str_eq(project.profile, "rows");
	ck_assert_str_eq(project.source.secret, "old-secret");
	ck_assert_ptr_null(project.target.provider);
	ck_assert_int_eq(dms_find_tag(aws, arena, "arn:m", "trueup:deployment", &value, &err), 0);
	ck_assert_str_eq(value, "production");
	ck_assert_int_eq(dms_find_tag(aws, arena, "arn:m", "trueup:deployment", &value, &err), 0);
	ck_assert_ptr_null(value);
}
END_TEST

/* AWS documents no filter for migrations, so they are listed, page by page. */
START_TEST(finds_a_migration_among_all)
{
	static const struct script_step steps[] = {
	    {.body = "{\"DataMigrations\":[{\"DataMigrationName\":\"other\"}],\"Marker\":\"m\"}"},
	    {.body = "{\"DataMigrations\":[{\"DataMigrationName\":\"rows\",\"DataMigrationArn\":\"arn:d\","
	             "\"DataMigrationStatus\":\"Load running\",\"DataMigrationStartTime\":\"2026-11-22T09:00:00.000Z\","
	             "\"DataMigrationStatistics\":{\"FullLoadPercentage\":40,\"TablesErrored\":1},"
	             "\"LastFailureMessage\":\"why\",\"StopReason\":\"reason\"}]}"},
	    {.body = "{\"DataMigrations\":[],\"Marker\":\"m\"}"}};
	struct dms_migration migration;

	OPEN(steps);
	ck_assert_int_eq(dms_find_migration(aws, arena, "rows", &migration, &err), 0);
	ck_assert(!was_sent(0, "Filters"));
	ck_assert(was_sent(1, "{\"Marker\":\"m\"}"));
	ck_assert_str_eq(migration.status, "Load running");
	ck_assert_int_eq(migration.percent, 40);
	ck_assert_int_eq(migration.tables_errored, 1);
	ck_assert_str_eq(migration.failure, "why");
	ck_assert_ptr_nonnull(migration.started);
	ck_assert_ptr_null(migration.ended);
	ck_assert_int_eq(dms_find_migration(aws, arena, "rows", &migration, &err), -1);
	ck_assert_int_eq(err.code, ERROR_PROTOCOL); /* pages that go round in a circle */
}
END_TEST

START_TEST(makes_nothing_that_is_open_to_the_world)
{
	static const struct script_step steps[] = {{.body = "{}"}};
	static const char *const groups[] = {"sg-1"};
	struct dms_profile profile = {.name = "rows",
	                              .subnet_group = "group",
	                              .security_groups = (const char **)groups,
	                              .security_group_count = 1};
	struct dms_provider provider = {
	    .name = "source", .server = "old", .port = 5432, .database = "postgres", .sslmode = "require"};
	struct dms_project project = {.name = "rows",
	                              .profile = "rows",
	                              .source = {"source", "old-secret", "arn:role"},
	                              .target = {"target", "secret", "arn:role"}};

	OPEN(steps);
	ck_assert_int_eq(dms_create_profile(aws, arena, &profile, &tag, &err), 0);
	ck_assert(was_sent(0, "\"PubliclyAccessible\":false,\"VpcSecurityGroups\":[\"sg-1\"]"));
	ck_assert(was_sent(0, "\"Tags\":[{\"Key\":\"trueup:deployment\",\"Value\":\"production\"}]"));
	ck_assert_int_eq(dms_create_provider(aws, arena, &provider, &tag, &err), 0);
	ck_assert(was_sent(1, "\"Settings\":{\"PostgreSqlSettings\":{\"ServerName\":\"old\",\"Port\":5432,"
	                      "\"DatabaseName\":\"postgres\",\"SslMode\":\"require\"}}"));
	ck_assert_int_eq(dms_create_project(aws, arena, &project, &tag, &err), 0);
	ck_assert(was_sent(2, "\"TargetDataProviderDescriptors\":[{\"DataProviderIdentifier\":\"target\","
	                      "\"SecretsManagerSecretId\":\"secret\",\"SecretsManagerAccessRoleArn\":\"arn:role\"}]"));
}
END_TEST

START_TEST(moves_one_table_and_prepares_nothing)
{
	static const struct script_step steps[] = {
	    {.body = "{}"},
	    {.status = 400, .body = "{\"__type\":\"ResourceAlreadyExistsFault\",\"message\":\"there\"}"},
	    {.status = 400, .body = "{\"__type\":\"InvalidResourceStateFault\",\"message\":\"CREATING\"}"},
	    {.failure = TRANSPORT_LOST},
	    {.body = "{}"}};
	struct dms_migration migration = {
	    .name = "rows", .project = "rows", .role = "arn:role", .schema = "public", .table = "items"};

	OPEN(steps);
	ck_assert_int_eq(dms_create_migration(aws, arena, &migration, &tag, &err), 0);
	ck_assert(was_sent(0, "\"DataMigrationType\":\"full-load\""));
	ck_assert(was_sent(0, "\"TargetDataSettings\":[{\"TablePreparationMode\":\"do-nothing\"}]"));
	ck_assert(was_sent(
	    0, "\\\"object-locator\\\":{\\\"schema-name\\\":\\\"public\\\",\\\"table-name\\\":\\\"items\\\"}"));
	ck_assert_int_eq(dms_create_migration(aws, arena, &migration, &tag, &err), -1);
	ck_assert_int_eq(err.code, ERROR_EXISTS);
	ck_assert_int_eq(dms_start_migration(aws, arena, "rows", &err), -1);
	ck_assert_int_eq(err.code, ERROR_STATE);
	ck_assert(err.retryable);
	/* Not sent twice: whether it runs is looked at. */
	ck_assert_int_eq(dms_start_migration(aws, arena, "rows", &err), -1);
	ck_assert_uint_eq(script.sent_count, 4);
	ck_assert_int_eq(dms_delete(aws, arena, DMS_PROJECT, "rows", &err), 0);
	ck_assert(was_sent(4, "AmazonDMSv20160101.DeleteMigrationProject"));
	ck_assert(was_sent(4, "{\"MigrationProjectIdentifier\":\"rows\"}"));
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("dms");
	TCase *tests = tcase_create("dms");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, finds_a_profile_by_its_very_name);
	tcase_add_test(tests, reads_providers_and_projects);
	tcase_add_test(tests, finds_a_migration_among_all);
	tcase_add_test(tests, makes_nothing_that_is_open_to_the_world);
	tcase_add_test(tests, moves_one_table_and_prepares_nothing);
	suite_add_tcase(suite, tests);
	return suite;
}
