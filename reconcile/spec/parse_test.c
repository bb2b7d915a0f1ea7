/*
 * Every folder of testdata/spec is a case: `spec.yaml`, or what the lines of
 * `arguments` name, is loaded from within the folder. Then either `errors`
 * holds the issues to the letter, or `desired.json` what was read: a list, a
 * deployment each.
 */
#include "base/file.h"
#include "base/test_main.h"
#include "spec/load.h"
#include "spec/parse.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CASES "testdata/spec"
#define CASES_MAX 500
#define ARGUMENTS_MAX 8

struct parse_case {
	struct arena *arena;
	struct desired_list list;
	struct spec_issues issues;
	int rc;
};

static char *case_names[CASES_MAX];
static int case_count;

static int is_case(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && strchr(entry->d_name, '.') == NULL;
}

static void find_cases(void)
{
	struct dirent **entries;
	int i, count = scandir(CASES, &entries, is_case, alphasort);

	for (i = 0; i < count; i++) {
		if (case_count < CASES_MAX)
			case_names[case_count++] = strdup(entries[i]->d_name);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

static char *read_if_there(struct arena *arena, const char *path)
{
	struct error err;
	char *text;

	return file_read(arena, path, SPEC_FILE_MAX, &text, NULL, &err) == 0 ? text : NULL;
}

static void load_case(struct parse_case *one)
{
	const char *arguments[ARGUMENTS_MAX] = {"spec.yaml"};
	char *text, *line, *rest;
	size_t count = 1;

	one->arena = arena_new();
	text = read_if_there(one->arena, "arguments");
	if (text != NULL)
		for (count = 0; (line = strtok_r(text, "\n", &rest)) != NULL && count < ARGUMENTS_MAX; text = NULL)
			arguments[count++] = line;
	one->rc = spec_load(one->arena, arguments, count, &one->list, &one->issues);
}

static char *list_to_text(const struct desired_list *list)
{
	json_t *json = json_array();
	char *text;
	size_t i;

	for (i = 0; i < list->count; i++)
		json_array_append_new(json, desired_to_json(&list->items[i]));
	text = json_dumps(json, JSON_INDENT(2));
	json_decref(json);
	return text;
}

START_TEST(every_case)
{
	const char *name = case_names[_i];
	char path[128], *errors, *expected;
	struct parse_case one = {0};
	struct buf found = {0};

	snprintf(path, sizeof(path), CASES "/%s", name);
	ck_assert_int_eq(chdir(path), 0);
	load_case(&one);
	spec_issues_print(&one.issues, &found);
	errors = read_if_there(one.arena, "errors");
	expected = read_if_there(one.arena, "desired.json");
	ck_assert_msg((errors == NULL) != (expected == NULL), "%s has not just one of errors and desired.json", name);
	if (errors != NULL) {
		ck_assert_msg(strcmp(errors, buf_text(&found)) == 0, "%s: expected\n%s\nfound\n%s", name, errors,
		              buf_text(&found));
		ck_assert_int_eq(one.rc, -1);
	} else {
		json_t *wanted = json_loads(expected, 0, NULL);
		char *text = list_to_text(&one.list);
		json_t *read = json_loads(text, 0, NULL);

		ck_assert_msg(one.rc == 0, "%s: %s", name, buf_text(&found));
		ck_assert_msg(wanted != NULL && json_equal(wanted, read), "%s: found\n%s", name, text);
		json_decref(wanted);
		json_decref(read);
		free(text);
	}
	buf_free(&found);
	arena_free(one.arena);
}
END_TEST

static void parse_bytes(const char *text, size_t length)
{
	struct arena *arena = arena_new();
	struct desired_list list = {0};
	struct spec_issues issues = {0};
	size_t i;
	int rc = spec_parse(arena, "spec.yaml", text, length, &list, &issues);

	ck_assert_int_eq(rc == 0, issues.count == 0);
	for (i = 0; i < issues.count; i++)
		ck_assert(issues.items[i].message != NULL && issues.items[i].path != NULL);
	for (i = 0; i < list.count; i++)
		json_decref(desired_to_json(&list.items[i]));
	arena_free(arena);
}

/* Valid specs cut off at each byte, and with each byte replaced by what means something to YAML or to us. */
START_TEST(no_damage_crashes)
{
	static const char damage[] = "\0\t\n \"'#%&*,-:<?@[]{|}~\x80\xC3\xFF"
	                             "0";
	struct arena *arena = arena_new();
	char path[128], *text, *copy;
	size_t length, at;
	struct error err;

	snprintf(path, sizeof(path), CASES "/%s", case_names[_i]);
	ck_assert_int_eq(chdir(path), 0);
	if (access("desired.json", R_OK) == 0 && access("spec.yaml", R_OK) == 0) {
		ck_assert_int_eq(file_read(arena, "spec.yaml", SPEC_FILE_MAX, &text, &length, &err), 0);
		for (at = 0; at < length; at++) {
			/* Exactly as long as it is, so that ASan sees a read past the end. */
			copy = malloc(length);
			ck_assert_ptr_nonnull(copy);
			memcpy(copy, text, length);
			copy[at] = damage[at % (sizeof(damage) - 1)];
			parse_bytes(copy, length);
			parse_bytes(copy, at);
			free(copy);
		}
	}
	arena_free(arena);
}
END_TEST

START_TEST(there_are_cases)
{
	ck_assert_int_gt(case_count, 40);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("parse");
	TCase *tcase = tcase_create("cases");

	find_cases();
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, there_are_cases);
	tcase_add_loop_test(tcase, every_case, 0, case_count);
	tcase_add_loop_test(tcase, no_damage_crashes, 0, case_count);
	suite_add_tcase(suite, tcase);
	return suite;
}
