#include "base/file.h"
#include "base/test_main.h"
#include "spec/load.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SPEC(name_) "apiVersion: trueup/v1\nkind: BedrockChat\nmetadata: {name: " name_ "}\nspec: "
#define EMPTY "{}\n"
#define COUNTED "{aws: {stack: S}, vectors: {counts: {file: base.yaml}}}\n"

static struct arena *arena;
static struct desired_list list;
static struct spec_issues issues;
static char directory[] = "/tmp/load-test-XXXXXX";

static void setup(void)
{
	arena = arena_new();
	ck_assert_ptr_nonnull(mkdtemp(directory));
	ck_assert_int_eq(chdir(directory), 0);
	unsetenv("TRUEUP_SPECS");
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void teardown(void)
{
	ck_assert_int_eq(nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
	arena_free(arena);
}

static void put(const char *path, const char *text)
{
	struct error err;

	ck_assert_msg(file_replace(path, text, strlen(text), &err) == 0, "%s", err.message);
}

/* What loading gives: the names of the specs and the issues. */
static const char *load(size_t count, const char *const *arguments)
{
	struct buf out = {0};
	const char *text;
	size_t i;
	int rc;

	list = (struct desired_list){0};
	issues = (struct spec_issues){0};
	rc = spec_load(arena, arguments, count, &list, &issues);
	ck_assert_int_eq(rc == 0, issues.count == 0);
	for (i = 0; i < list.count; i++)
		buf_printf(&out, "%s %s\n", list.items[i].file, list.items[i].metadata.name);
	spec_issues_print(&issues, &out);
	text = arena_strdup(arena, buf_text(&out));
	buf_free(&out);
	return text;
}

START_TEST(a_directory_is_its_yaml_files_in_order)
{
	mkdir("d", 0700);
	mkdir("d/sub", 0700);
	mkdir("d/folder.yaml", 0700);
	put("d/b.yaml", SPEC("b") EMPTY);
	put("d/a.yml", SPEC("a") EMPTY);
	put("d/.hidden.yaml", "no");
	put("d/notes.txt", "no");
	put("d/c.yaml~", "no");
	put("d/sub/c.yaml", "no");
	ck_assert_str_eq(load(1, (const char *[]){"d"}), "d/a.yml a\nd/b.yaml b\n");
	ck_assert_str_eq(load(1, (const char *[]){"d//"}), "d/a.yml a\nd/b.yaml b\n");
	ck_assert_str_eq(load(3, (const char *[]){"d/b.yaml", "d", "./d/a.yml"}), "d/b.yaml b\nd/a.yml a\n");
}
END_TEST

START_TEST(the_default_is_specs_or_what_the_environment_says)
{
	mkdir("specs", 0700);
	put("specs/a.yaml", SPEC("a") EMPTY);
	put("other.yaml", SPEC("other") EMPTY);
	ck_assert_str_eq(load(0, NULL), "specs/a.yaml a\n");
	setenv("TRUEUP_SPECS", "other.yaml", 1);
	ck_assert_str_eq(load(0, NULL), "other.yaml other\n");
	ck_assert_str_eq(load(1, (const char *[]){"specs"}), "specs/a.yaml a\n");
}
END_TEST

START_TEST(what_is_not_there_is_said)
{
	ck_assert_str_eq(load(0, NULL), "specs: there is no such directory here; name a spec, or set TRUEUP_SPECS\n");
	mkdir("specs", 0700);
	ck_assert_str_eq(load(0, NULL), "specs: there is no *.yaml or *.yml in this directory\n");
	ck_assert_str_eq(load(2, (const char *[]){"x.yaml", "y"}),
	                 "x.yaml: No such file or directory\ny: No such file or directory\n");
	ck_assert_int_eq(symlink("nowhere", "specs/gone.yaml"), 0);
	ck_assert_str_eq(load(0, NULL), "specs: there is no *.yaml or *.yml in this directory\n"
	                                "specs/gone.yaml: No such file or directory\n");
}
END_TEST

START_TEST(standard_input_is_a_spec)
{
	put("input", SPEC("piped") EMPTY);
	ck_assert_ptr_nonnull(freopen("input", "r", stdin));
	ck_assert_str_eq(load(1, (const char *[]){"-"}), "- piped\n");
}
END_TEST

START_TEST(a_bad_spec_does_not_hide_a_good_one)
{
	put("good.yaml", SPEC("good") EMPTY);
	put("bad.yaml", SPEC("bad") "{mode: x}\n");
	ck_assert_str_eq(load(2, (const char *[]){"bad.yaml", "good.yaml"}),
	                 "good.yaml good\n"
	                 "bad.yaml:4:14: spec.mode: must be one of enforce, observe, paused, found the text \"x\"\n");
}
END_TEST

START_TEST(a_name_that_no_report_can_say_is_refused)
{
	put("caf\351.yaml", SPEC("one") EMPTY);
	put("a.yaml", SPEC("two") EMPTY);
	ck_assert_str_eq(load(1, (const char *const[]){"."}),
	                 "./a.yaml two\n"
	                 "./caf?.yaml: the name is not UTF-8, or has control characters: no report could say it\n");
}
END_TEST

START_TEST(a_file_that_is_too_large_is_refused)
{
	char *text = malloc(1024 * 1024 + 2);

	ck_assert_ptr_nonnull(text);
	memset(text, '#', 1024 * 1024 + 1);
	text[1024 * 1024 + 1] = '\0';
	put("large.yaml", text);
	ck_assert_str_eq(load(1, (const char *[]){"large.yaml"}),
	                 "large.yaml: large.yaml is larger than 1048576 bytes\n");
	free(text);
}
END_TEST

START_TEST(the_digest_is_that_of_the_file)
{
	put("a.yaml", SPEC("a") EMPTY);
	load(1, (const char *[]){"a.yaml"});
	ck_assert_str_eq(list.items[0].sha256, "0aab75b30bbcbfd0e9335e67dcd4dc223599046870f71defb200055f3237b87c");
	ck_assert_int_eq(list.items[0].line, 1);
	ck_assert_int_eq(list.items[0].metadata.line, 3);
}
END_TEST

START_TEST(a_members_file_is_bounded)
{
	struct buf names = {0};
	int i;

	for (i = 0; i < 100001; i++)
		buf_printf(&names, "user%d\n", i);
	mkdir("d", 0700);
	put("d/a.yaml", SPEC("a") "{users: {pool: eu-west-3_A, groups: {G: {membersFrom: names.txt}}}}\n");
	put("d/names.txt", buf_text(&names));
	ck_assert_str_eq(
	    load(1, (const char *[]){"d"}),
	    "d/names.txt:100001:1: spec.users.groups.G.membersFrom: the file has more than 100000 lines\n");
	names.bytes[names.length - strlen("user100000\n")] = '\0';
	put("d/names.txt", buf_text(&names));
	ck_assert_str_eq(load(1, (const char *[]){"d"}), "d/a.yaml a\n");
	ck_assert_uint_eq(list.items[0].users.groups[0].member_count, 100000);
	buf_free(&names);
}
END_TEST

START_TEST(a_baseline_is_found_beside_its_spec)
{
	struct desired_baseline baseline;
	struct error err;

	mkdir("d", 0700);
	put("d/a.yaml", SPEC("a") COUNTED);
	ck_assert_str_eq(load(1, (const char *[]){"d"}), "d/a.yaml a\n");
	ck_assert_int_eq(spec_load_baseline(arena, &list.items[0], &baseline, &err), -1);
	ck_assert_int_eq(err.code, ERROR_NOT_FOUND);
	ck_assert_str_eq(err.message, "there is no baseline d/base.yaml yet; `trueup capture d/a.yaml` writes it");
	put("d/base.yaml", "apiVersion: trueup/v1\nkind: VectorBaseline\n"
	                   "metadata: {name: b, capturedAt: 2026-11-22T09:00:00Z, digest: v1}\nbots: {}\n");
	ck_assert_int_eq(spec_load_baseline(arena, &list.items[0], &baseline, &err), -1);
	ck_assert_str_eq(err.message, "d/base.yaml is the baseline of b, not of a");
	put("d/base.yaml", "apiVersion: trueup/v1\nkind: VectorBaseline\n"
	                   "metadata: {name: a, capturedAt: 2026-11-22T09:00:00Z, digest: v1}\nbots: {}\n");
	ck_assert_int_eq(spec_load_baseline(arena, &list.items[0], &baseline, &err), 0);
	ck_assert_uint_eq(baseline.bot_count, 0);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("load");
	TCase *tcase = tcase_create("load");

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_directory_is_its_yaml_files_in_order);
	tcase_add_test(tcase, the_default_is_specs_or_what_the_environment_says);
	tcase_add_test(tcase, what_is_not_there_is_said);
	tcase_add_test(tcase, standard_input_is_a_spec);
	tcase_add_test(tcase, a_bad_spec_does_not_hide_a_good_one);
	tcase_add_test(tcase, a_name_that_no_report_can_say_is_refused);
	tcase_add_test(tcase, a_file_that_is_too_large_is_refused);
	tcase_add_test(tcase, the_digest_is_that_of_the_file);
	tcase_add_test(tcase, a_members_file_is_bounded);
	tcase_add_test(tcase, a_baseline_is_found_beside_its_spec);
	suite_add_tcase(suite, tcase);
	return suite;
}
