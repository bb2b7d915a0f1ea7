#include "base/file.h"
#include "base/test_main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/trueup-file-test-XXXXXX";
static struct arena *arena;
static struct error err;

static void set_up(void)
{
	strcpy(directory + strlen(directory) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	arena = arena_new();
}

static void tear_down(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r '%s'", directory);
	ck_assert_int_eq(system(command), 0); /* NOLINT: the path is this test's own */
	arena_free(arena);
}

static const char *in_directory(const char *name)
{
	return arena_printf(arena, "%s/%s", directory, name);
}

START_TEST(what_is_written_is_read)
{
	const char *path = in_directory("plan");
	char *text;
	size_t length;

	ck_assert_int_eq(file_replace(path, "a\0b", 3, &err), 0);
	ck_assert_int_eq(file_read(arena, path, 3, &text, &length, &err), 0);
	ck_assert_uint_eq(length, 3);
	ck_assert_mem_eq(text, "a\0b", 4);
}
END_TEST

START_TEST(more_than_the_limit_is_an_error)
{
	const char *path = in_directory("large");
	char *text;

	ck_assert_int_eq(file_replace(path, "1234", 4, &err), 0);
	ck_assert_int_eq(file_read(arena, path, 3, &text, NULL, &err), -1);
	ck_assert_int_eq(err.code, ERROR_INVALID);
}
END_TEST

START_TEST(a_missing_file_and_a_directory_are_told_apart)
{
	char *text;

	ck_assert_int_eq(file_read(arena, in_directory("none"), 10, &text, NULL, &err), -1);
	ck_assert_int_eq(err.code, ERROR_NOT_FOUND);
	ck_assert_int_eq(file_read(arena, directory, 10, &text, NULL, &err), -1);
	ck_assert_int_eq(err.code, ERROR_INVALID);
}
END_TEST

START_TEST(a_file_that_cannot_be_replaced_stays)
{
	const char *path = in_directory("held");

	/* A directory under the name cannot be replaced by a file, even by root. */
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(file_replace(path, "x", 1, &err), -1);
	ck_assert_int_eq(err.code, ERROR_SYSTEM);
	ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

START_TEST(what_is_private_is_for_its_owner_alone)
{
	const char *path = in_directory("private");
	struct stat st;

	ck_assert_int_eq(file_replace(path, "x", 1, &err), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0644);
	ck_assert_int_eq(file_replace_private(path, "x", 1, &err), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
}
END_TEST

START_TEST(directories_are_made_on_the_way)
{
	const char *path = in_directory("a/b/c");
	struct stat st;

	ck_assert_int_eq(file_make_directories(path, &err), 0);
	ck_assert_int_eq(file_make_directories(path, &err), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0700);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("file");
	TCase *cases = tcase_create("all");

	tcase_add_checked_fixture(cases, set_up, tear_down);
	tcase_add_test(cases, what_is_written_is_read);
	tcase_add_test(cases, more_than_the_limit_is_an_error);
	tcase_add_test(cases, a_missing_file_and_a_directory_are_told_apart);
	tcase_add_test(cases, a_file_that_cannot_be_replaced_stays);
	tcase_add_test(cases, what_is_private_is_for_its_owner_alone);
	tcase_add_test(cases, directories_are_made_on_the_way);
	suite_add_tcase(suite, cases);
	return suite;
}
