/* The record of published APIs: nothing that was known is lost, whatever was killed when. */
#include "base/file.h"
#include "base/test_main.h"
#include "kinds/apis_record.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/trueup-record-XXXXXX";
static struct desired desired;
static struct kind_context context;
static struct error err;
static struct observed_key both[] = {{"k1", "one"}, {"k2", "two"}};

static void set_up(void)
{
	strcpy(directory, "/tmp/trueup-record-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	desired = (struct desired){.metadata = {.name = "production"}};
	context = (struct kind_context){.arena = arena_new(), .desired = &desired, .state_directory = directory};
}

static const char *path(void)
{
	return arena_printf(context.arena, "%s/production.published-apis.json", directory);
}

static void tear_down(void)
{
	unlink(path());
	rmdir(directory);
	arena_free(context.arena);
}

static struct observed_api api_of(const char *stack, const char *id)
{
	return (struct observed_api){.stack = stack,
	                             .id = id,
	                             .status = "CREATE_COMPLETE",
	                             .plan = "plan",
	                             .stage = "api",
	                             .rate = "5",
	                             .burst = 10,
	                             .quota = 1000,
	                             .period = "DAY",
	                             .keys = both,
	                             .key_count = 2};
}

static struct apis_record read_back(void)
{
	struct apis_record record;

	ck_assert_msg(apis_record_read(&context, &record, &err) == 0, "%s", err.message);
	return record;
}

static void add(const struct observed_api *api)
{
	ck_assert_msg(apis_record_add(&context, api, &err) == 0, "%s", err.message);
}

START_TEST(nothing_is_recorded_where_there_is_no_file)
{
	ck_assert_uint_eq(read_back().count, 0);
}
END_TEST

START_TEST(entries_accumulate_by_stack_for_their_owner_alone)
{
	struct apis_record record;
	struct stat st;
	size_t i;

	for (i = 9; i > 0; i--) {
		struct observed_api api =
		    api_of(arena_printf(context.arena, "S%zu", i), arena_printf(context.arena, "arn:%zu", i));

		add(&api);
		add(&api);
	}
	record = read_back();
	ck_assert_uint_eq(record.count, 9);
	for (i = 0; i < 9; i++)
		ck_assert_str_eq(record.apis[i].id, arena_printf(context.arena, "arn:%zu", i + 1));
	ck_assert_ptr_nonnull(record.apis[0].recorded);
	ck_assert_int_eq(stat(path(), &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
}
END_TEST

/* Killed among its keys, and killed behind its stack's usage plan. */
START_TEST(what_is_gone_by_now_stays_recorded)
{
	struct observed_api api = api_of("S", "arn:1"), entry;

	api.owner = "sub";
	add(&api);
	api.owner = NULL;
	api.keys = NULL;
	api.key_count = 0;
	*ARENA_PUSH(context.arena, api.keys, api.key_count) = (struct observed_key){"k3", "three"};
	api.rate = "7";
	add(&api);
	entry = read_back().apis[0];
	ck_assert_str_eq(entry.owner, "sub");
	ck_assert_str_eq(entry.rate, "7");
	ck_assert_uint_eq(entry.key_count, 3);
	ck_assert_str_eq(entry.keys[0].id, "k3");

	api = (struct observed_api){.stack = "S", .id = "arn:1", .status = "DELETE_FAILED"};
	add(&api);
	entry = read_back().apis[0];
	ck_assert_uint_eq(entry.key_count, 3);
	ck_assert_str_eq(entry.stage, "api");
	ck_assert_str_eq(entry.rate, "7");
	ck_assert_int_eq(entry.quota, 1000);
}
END_TEST

START_TEST(an_api_that_was_published_anew_replaces_the_one_before)
{
	struct observed_api api = api_of("S", "arn:1"), entry;

	add(&api);
	api = (struct observed_api){.stack = "S", .id = "arn:2", .status = "CREATE_COMPLETE", .stage = "v2"};
	add(&api);
	ck_assert_uint_eq(read_back().count, 1);
	entry = read_back().apis[0];
	ck_assert_str_eq(entry.id, "arn:2");
	ck_assert_str_eq(entry.stage, "v2");
	ck_assert_uint_eq(entry.key_count, 0);
	ck_assert_ptr_null(entry.rate);
}
END_TEST

/* A stack that is half gone may have lost its outputs, by which it is known for a published API. */
START_TEST(what_was_recorded_is_no_strangers)
{
	struct observed_api api = api_of("S", "arn:1");
	struct observed_api same = {.stack = "S", .id = "arn:1", .foreign = true};
	struct observed_api other = {.stack = "S", .id = "arn:2", .foreign = true};
	struct apis_record record;

	add(&api);
	record = read_back();
	apis_record_recall(context.arena, &record, &same);
	ck_assert(!same.foreign);
	ck_assert_str_eq(same.plan, "plan");
	apis_record_recall(context.arena, &record, &other);
	ck_assert(other.foreign);
	ck_assert_ptr_null(other.plan);
}
END_TEST

START_TEST(what_a_deletion_left_is_noted_and_stays)
{
	const char *left[] = {"AWS::IAM::Role r"};
	struct observed_api api = api_of("S", "arn:1");

	add(&api);
	ck_assert_int_eq(apis_record_note_left(&context, "arn:2", left, 1, &err), 0);
	ck_assert_uint_eq(read_back().apis[0].left_count, 0);
	ck_assert_int_eq(apis_record_note_left(&context, "arn:1", left, 1, &err), 0);
	add(&api);
	ck_assert_uint_eq(read_back().apis[0].left_count, 1);
	ck_assert_str_eq(read_back().apis[0].left[0], left[0]);
}
END_TEST

static const char *const broken[] = {
    "",
    "{",
    "[]",
    "{\"schema\": \"trueup/published-apis/v2\", \"apis\": []}",
    "{\"schema\": \"trueup/published-apis/v1\", \"apis\": [{\"stack\": \"S\"}]}",
    "{\"schema\": \"trueup/published-apis/v1\", \"apis\": [{\"stack\": \"S\", \"id\": \"i\", \"value\": \"x\"}]}",
};

START_TEST(what_is_not_understood_is_never_overwritten)
{
	struct observed_api api = api_of("S", "arn:1");
	struct apis_record record;
	char *text;

	ck_assert_int_eq(file_replace(path(), broken[_i], strlen(broken[_i]), &err), 0);
	ck_assert_int_eq(apis_record_read(&context, &record, &err), -1);
	ck_assert_int_eq(err.code, ERROR_INVALID);
	ck_assert_ptr_nonnull(strstr(err.message, "production.published-apis.json"));
	ck_assert_int_eq(apis_record_add(&context, &api, &err), -1);
	ck_assert_int_eq(file_read(context.arena, path(), 1000, &text, NULL, &err), 0);
	ck_assert_str_eq(text, broken[_i]);
}
END_TEST

START_TEST(a_directory_that_is_not_there_is_an_error)
{
	struct observed_api api = api_of("S", "arn:1");

	context.state_directory = "/nonexistent";
	ck_assert_int_eq(apis_record_add(&context, &api, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.message, "/nonexistent/production.published-apis.json"));
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("apis_record");
	TCase *cases = tcase_create("all");

	tcase_add_checked_fixture(cases, set_up, tear_down);
	tcase_add_test(cases, nothing_is_recorded_where_there_is_no_file);
	tcase_add_test(cases, entries_accumulate_by_stack_for_their_owner_alone);
	tcase_add_test(cases, what_is_gone_by_now_stays_recorded);
	tcase_add_test(cases, an_api_that_was_published_anew_replaces_the_one_before);
	tcase_add_test(cases, what_was_recorded_is_no_strangers);
	tcase_add_test(cases, what_a_deletion_left_is_noted_and_stays);
	tcase_add_loop_test(cases, what_is_not_understood_is_never_overwritten, 0, sizeof(broken) / sizeof(broken[0]));
	tcase_add_test(cases, a_directory_that_is_not_there_is_an_error);
	suite_add_tcase(suite, cases);
	return suite;
}
