#include "observed_file.h"

#include "base/file.h"
#include "base/test_main.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct arena *arena;
static char path[] = "/tmp/trueup-observed-XXXXXX";
static struct observed_file file;
static struct error err;

static void set_up(void)
{
	arena = arena_new();
	memset(path + strlen(path) - 6, 'X', 6);
	close(mkstemp(path));
}

static void tear_down(void)
{
	unlink(path);
	arena_free(arena);
}

static int read_text(const char *text)
{
	ck_assert_int_eq(file_replace(path, text, strlen(text), &err), 0);
	return observed_file_read(arena, path, &file, &err);
}

static void expect_refused(const char *text, const char *message)
{
	ck_assert_int_eq(read_text(text), -1);
	ck_assert_int_eq(err.code, ERROR_INVALID);
	ck_assert_msg(strstr(err.message, message) != NULL, "%s: %s", text, err.message);
}

START_TEST(a_line_each_or_written_large)
{
	struct observed observed;

	ck_assert_int_eq(read_text("{\"name\":\"a\"}\n{\n  \"name\": \"b\",\n  \"at\": \"x\"\n}\n\n{\"name\":\"c\"}"),
	                 0);
	ck_assert_uint_eq(file.count, 3);
	ck_assert_int_eq(observed_file_find(&file, "b", &observed, &err), 0);
	ck_assert_str_eq(observed.at, "x");
	ck_assert_int_eq(observed_file_find(&file, "d", &observed, &err), -1);
	ck_assert_int_eq(err.code, ERROR_NOT_FOUND);
}
END_TEST

START_TEST(bots_are_sorted)
{
	ck_assert_int_eq(
	    read_text("{\"name\":\"a\",\"vectors\":{\"bots\":[{\"id\":\"b\",\"rows\":2},{\"id\":\"a\",\"rows\":1}]}}"),
	    0);
	ck_assert_str_eq(file.items[0].vectors.bots[0].id, "a");
	ck_assert_int_eq(file.items[0].vectors.bots[1].rows, 2);
}
END_TEST

START_TEST(what_diffs_rely_on_is_there)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
	    {"", "is empty"},
	    {"{\"name\":\"a\"}\nnonsense", ":2: "},
	    {"{\"name\":\"a\"", ":1: "},
	    {"[]", ":1: "},
	    {"{}", "name is missing"},
	    {"{\"name\":\"a\",\"name\":\"b\"}", "duplicate"},
	    {"{\"name\":\"a\"}\n{\"name\":\"a\"}", ":2: a is there twice"},
	    {"{\"name\":\"a\",\"colour\":1}", "colour"},
	    {"{\"name\":\"a\",\"account\":{\"seen\":{\"status\":\"seen\"}}}", "account.account is missing"},
	    {"{\"name\":\"a\",\"cluster\":{\"seen\":{\"status\":\"seen\"}}}", "cluster.identifier is missing"},
	    {"{\"name\":\"a\",\"cluster\":{\"seen\":{\"status\":\"seen\"},\"identifier\":\"c\",\"current\":{\"exists\":"
	     "true}}}",
	     "cluster.current: identifier is missing"},
	    {"{\"name\":\"a\",\"cluster\":{\"seen\":{\"status\":\"seen\"},\"identifier\":\"c\",\"snapshot\":{"
	     "\"exists\":true}}}",
	     "cluster.snapshot: identifier is missing"},
	    {"{\"name\":\"a\",\"cluster\":{\"seen\":{\"status\":\"seen\"},\"identifier\":\"c\",\"aside\":{\"exists\":"
	     "true,"
	     "\"identifier\":\"i\",\"resourceId\":\"r\",\"status\":\"s\",\"instances\":[{}]}}}",
	     "cluster.aside.instances[0]: identifier is missing"},
	    {"{\"name\":\"a\",\"vectors\":{\"bots\":[{\"rows\":1}]}}", "vectors.bots[0]: id is missing"},
	    {"{\"name\":\"a\",\"vectors\":{\"bots\":[{\"id\":\"x\",\"rows\":-1}]}}",
	     "vectors.bots[0].rows is negative"},
	    {"{\"name\":\"a\",\"vectors\":{\"source\":[{\"id\":\"x\"},{\"id\":\"x\"}]}}", "vectors.source has x twice"},
	    {"{\"name\":\"a\",\"vectors\":{\"schema\":{\"index\":{\"exists\":true}}}}",
	     "vectors.schema.index: name is missing"},
	    {"{\"name\":\"a\",\"vectors\":{\"restore\":{\"seen\":{\"status\":\"seen\"},\"target\":\"c\"}}}",
	     "vectors.restore: targetId is missing"},
	    {"{\"name\":\"a\",\"vectors\":{\"restore\":{\"seen\":{\"status\":\"seen\"},\"target\":\"c\",\"targetId\":"
	     "\"r\","
	     "\"snapshots\":[{\"identifier\":\"s\"}]}}}",
	     "vectors.restore.snapshots[0]: status is missing"},
	    {"{\"name\":\"a\",\"vectors\":{\"restore\":{\"seen\":{\"status\":\"seen\"},\"target\":\"c\",\"targetId\":"
	     "\"r\","
	     "\"clusters\":[{\"identifier\":\"s\"}]}}}",
	     "vectors.restore.clusters[0]: exists is missing"},
	    {"{\"name\":\"a\",\"vectors\":{\"restore\":{\"seen\":{\"status\":\"seen\"},\"target\":\"c\",\"targetId\":"
	     "\"r\","
	     "\"clusters\":[{\"exists\":true,\"identifier\":\"s\",\"resourceId\":\"r\"}]}}}",
	     "vectors.restore.clusters[0]: cluster: status is missing"},
	    {"{\"name\":\"a\",\"users\":{\"groups\":[{}]}}", "users.groups[0]: name is missing"},
	    {"{\"name\":\"a\",\"users\":{\"groups\":[{\"name\":\"g\",\"members\":[{}]}]}}",
	     "users.groups[0]: username is missing"},
	    {"{\"name\":\"a\",\"users\":{\"candidates\":[{\"users\":[]}]}}", "users.candidates[0]: asked is missing"},
	    {"{\"name\":\"a\",\"users\":{\"seen\":{\"status\":\"seen\"}}}", "users.pool is missing"},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_refused(cases[i].text, cases[i].message);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("observed_file");
	TCase *tcase = tcase_create("observed_file");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, a_line_each_or_written_large);
	tcase_add_test(tcase, bots_are_sorted);
	tcase_add_test(tcase, what_diffs_rely_on_is_there);
	suite_add_tcase(suite, tcase);
	return suite;
}
