#include "base/secret.h"
#include "base/test_main.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

START_TEST(it_is_printed_as_stars)
{
	struct secret *secret = secret_new("hunter2", 7);

	ck_assert_str_eq(secret_text(secret), "***");
	ck_assert_str_eq(secret_reveal(secret), "hunter2");
	ck_assert_uint_eq(secret_length(secret), 7);
	secret_free(secret);
}
END_TEST

START_TEST(a_copy_outlives_the_original)
{
	struct secret *secret = secret_new("a\0b", 3);
	struct secret *copy = secret_copy(secret);

	secret_free(secret);
	ck_assert_uint_eq(secret_length(copy), 3);
	ck_assert_mem_eq(secret_reveal(copy), "a\0b", 4);
	secret_free(copy);
	ck_assert_ptr_null(secret_copy(NULL));
	secret_free(NULL);
}
END_TEST

/* Whether the mapping that holds the address has the flag ("dd": not in core files) in the kernel's list. */
static int mapping_has_flag(const void *address, const char *flag)
{
	FILE *maps = fopen("/proc/self/smaps", "re");
	char line[512];
	unsigned long from, to;
	int inside = 0, found = 0;

	ck_assert_ptr_nonnull(maps);
	while (fgets(line, sizeof(line), maps) != NULL) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			inside = from <= (uintptr_t)address && (uintptr_t)address < to;
		else if (inside && strncmp(line, "VmFlags:", 8) == 0)
			found = strstr(line, flag) != NULL;
	}
	fclose(maps);
	return found;
}

START_TEST(core_files_leave_it_out)
{
	struct secret *secret = secret_new("hunter2", 7);

	ck_assert(mapping_has_flag(secret, " dd"));
	secret_free(secret);
}
END_TEST

static struct secret *load(const char *text, struct error *err)
{
	char path[] = "/tmp/trueup-secret-XXXXXX";
	int fd = mkstemp(path);
	struct secret *secret;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	secret = secret_load(path, err);
	unlink(path);
	return secret;
}

START_TEST(a_file_has_it_in_its_first_line)
{
	struct error err;
	struct secret *secret = load("hunter 2\r\nnot this\n", &err);

	ck_assert_ptr_nonnull(secret);
	ck_assert_str_eq(secret_reveal(secret), "hunter 2");
	secret_free(secret);
	ck_assert_ptr_null(load("\nhunter2\n", &err));
	ck_assert_int_eq(err.code, ERROR_INVALID);
	ck_assert_ptr_null(secret_load("/no/such/file", &err));
	ck_assert_int_eq(err.code, ERROR_NOT_FOUND);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("secret");
	TCase *cases = tcase_create("all");

	tcase_add_test(cases, it_is_printed_as_stars);
	tcase_add_test(cases, a_copy_outlives_the_original);
	tcase_add_test(cases, a_file_has_it_in_its_first_line);
	tcase_add_test(cases, core_files_leave_it_out);
	suite_add_tcase(suite, cases);
	return suite;
}
