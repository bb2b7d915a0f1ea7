/*
 * Every folder of testdata/report is a case: report.json (one tree or several,
 * one after the other) and what it looks like as text and as Markdown. With
 * TRUEUP_GOLDEN=write in the environment they are written; look at the diff.
 */
#include "base/file.h"
#include "base/test_main.h"
#include "report/report.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#define CASES_MAX 64
#define FILE_MAX ((size_t)1024 * 1024)

struct golden {
	struct arena *arena;
	const char *folder;
	const json_t *reports[CASES_MAX];
	size_t count;
};

static bool is_writing(void)
{
	const char *golden = getenv("TRUEUP_GOLDEN");

	return golden != NULL && strcmp(golden, "write") == 0;
}

static char *read_case_file(struct golden *golden, const char *name)
{
	const char *path = arena_printf(golden->arena, "%s/%s", golden->folder, name);
	struct error err;
	char *text;

	ck_assert_msg(file_read(golden->arena, path, FILE_MAX, &text, NULL, &err) == 0, "%s", err.message);
	return text;
}

static void read_reports(struct golden *golden)
{
	const char *text = read_case_file(golden, "report.json");
	json_error_t error;
	size_t at = 0;

	while (text[at + strspn(text + at, " \n")] != '\0') {
		json_t *report = json_loads(text + at, JSON_DISABLE_EOF_CHECK, &error);

		ck_assert_msg(report != NULL, "%s: %s", golden->folder, error.text);
		ck_assert_uint_lt(golden->count, CASES_MAX);
		golden->reports[golden->count++] = report;
		at += (size_t)error.position;
	}
	ck_assert_uint_gt(golden->count, 0);
}

static void compare(struct golden *golden, const char *name, const struct buf *seen)
{
	const char *path = arena_printf(golden->arena, "%s/%s", golden->folder, name);
	struct error err;

	ck_assert(!seen->overflow);
	if (is_writing())
		ck_assert_msg(file_replace(path, buf_text(seen), seen->length, &err) == 0, "%s", err.message);
	else
		ck_assert_msg(strcmp(read_case_file(golden, name), buf_text(seen)) == 0,
		              "%s is not what is rendered now:\n%s", path, buf_text(seen));
}

static void check_case(const char *folder)
{
	static const struct report_style style = {.width = 80};
	struct golden golden = {.arena = arena_new(), .folder = folder};
	struct buf text = {0}, markdown = {0};
	size_t i;

	read_reports(&golden);
	for (i = 0; i < golden.count; i++)
		report_render_text(golden.reports[i], &style, &text);
	report_render_markdown(golden.reports, golden.count, &markdown);
	compare(&golden, "text", &text);
	compare(&golden, "markdown", &markdown);
	buf_free(&text);
	buf_free(&markdown);
	for (i = 0; i < golden.count; i++)
		json_decref((json_t *)golden.reports[i]);
	arena_free(golden.arena);
}

static int is_case(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

START_TEST(renders_every_case_as_it_stands)
{
	const char *root = getenv("TRUEUP_TESTDATA");
	struct dirent **entries;
	char folder[4096];
	int i, count;

	ck_assert_msg(root != NULL, "TRUEUP_TESTDATA must name testdata/report");
	count = scandir(root, &entries, is_case, alphasort);
	ck_assert_int_gt(count, 0);
	for (i = 0; i < count; i++) {
		snprintf(folder, sizeof(folder), "%s/%s", root, entries[i]->d_name);
		check_case(folder);
		free(entries[i]);
	}
	free(entries);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("golden");
	TCase *tests = tcase_create("golden");

	tcase_add_test(tests, renders_every_case_as_it_stands);
	suite_add_tcase(suite, tests);
	return suite;
}
