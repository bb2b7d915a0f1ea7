/* What keeps a deployment's command from being run is seen before anything is given up for it. */
#include "base/test_main.h"
#include "kinds/cluster_deploy.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/trueup-deploy-XXXXXX";
static const char *words[] = {"/bin/true"};
static struct desired desired;
static struct kind_context context;

static void set_up(void)
{
	strcpy(directory, "/tmp/trueup-deploy-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	ck_assert_int_eq(chmod(directory, 0755), 0);
	if (geteuid() == 0) { /* root may write everywhere */
		ck_assert_int_eq(chown(directory, 65534, 65534), 0);
		ck_assert_int_eq(setresuid(65534, 65534, 65534), 0);
	}
	desired = (struct desired){0};
	desired.cluster.replace = DESIRED_REPLACE_DEPLOY;
	desired.cluster.deploy.directory = directory;
	desired.cluster.deploy.command.items = words;
	desired.cluster.deploy.command.count = 1;
	context = (struct kind_context){.arena = arena_new(), .desired = &desired};
}

static const char *path(const char *name)
{
	return arena_printf(context.arena, "%s/%s", directory, name);
}

static void tear_down(void)
{
	chmod(directory, 0755);
	unlink(path("cdk.json"));
	rmdir(path("cdk.out"));
	rmdir(directory);
	arena_free(context.arena);
}

static void put_cdk_json(void)
{
	int fd = open(path("cdk.json"), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

	ck_assert_int_ge(fd, 0);
	close(fd);
}

START_TEST(it_can_be_run)
{
	ck_assert_ptr_null(cluster_find_deploy_problem(&context));
	put_cdk_json();
	ck_assert_ptr_null(cluster_find_deploy_problem(&context));
}
END_TEST

START_TEST(no_directory)
{
	desired.cluster.deploy.directory = path("none");
	ck_assert_ptr_nonnull(strstr(cluster_find_deploy_problem(&context), "there is no directory"));
}
END_TEST

START_TEST(no_program)
{
	words[0] = "/no/such/program";
	ck_assert_ptr_nonnull(strstr(cluster_find_deploy_problem(&context), "there is no program /no/such/program"));
}
END_TEST

/* As under a unit whose file system is read-only. */
START_TEST(cdk_cannot_write)
{
	put_cdk_json();
	ck_assert_int_eq(chmod(directory, 0555), 0);
	ck_assert_ptr_nonnull(strstr(cluster_find_deploy_problem(&context), directory));
	ck_assert_int_eq(chmod(directory, 0755), 0);
	ck_assert_int_eq(mkdir(path("cdk.out"), 0555), 0);
	ck_assert_ptr_nonnull(strstr(cluster_find_deploy_problem(&context), path("cdk.out")));
	ck_assert_int_eq(chmod(path("cdk.out"), 0755), 0);
	ck_assert_int_eq(chmod(directory, 0555), 0);
	ck_assert_ptr_null(cluster_find_deploy_problem(&context)); /* all that it needs */
}
END_TEST

/* Another program may have no wish to. */
START_TEST(no_cdk)
{
	ck_assert_int_eq(chmod(directory, 0555), 0);
	ck_assert_ptr_null(cluster_find_deploy_problem(&context));
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("cluster_deploy");
	TCase *tests = tcase_create("problem");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, it_can_be_run);
	tcase_add_test(tests, no_directory);
	tcase_add_test(tests, no_program);
	tcase_add_test(tests, cdk_cannot_write);
	tcase_add_test(tests, no_cdk);
	suite_add_tcase(suite, tests);
	return suite;
}
