#include "base/test_main.h"
#include "pg/digest.h"

#include <string.h>

/* Four fields: "a", NULL, "", NULL, framed. */
static const char row[] = "\0\0\0\1a\377\377\377\377\0\0\0\0\377\377\377\377";
/* The same bytes, NULL and empty exchanged. */
static const char other[] = "\0\0\0\1a\0\0\0\0\377\377\377\377\377\377\377\377";

static void digest_of(char out[PG_DIGEST_SIZE], const char *const rows[], size_t count)
{
	struct pg_digest digest = {0};
	size_t i;

	for (i = 0; i < count; i++)
		pg_digest_add(&digest, rows[i], sizeof(row) - 1);
	pg_digest_format(&digest, out);
}

START_TEST(no_rows_are_zeros)
{
	char out[PG_DIGEST_SIZE];

	digest_of(out, NULL, 0);
	ck_assert_str_eq(out, "00000000000000000000000000000000");
}
END_TEST

/* The first half of: printf '\0\0\0\1a\377\377\377\377\0\0\0\0\377\377\377\377' | sha256sum */
START_TEST(one_row_is_its_hash)
{
	char out[PG_DIGEST_SIZE];

	digest_of(out, (const char *const[]){row}, 1);
	ck_assert_str_eq(out, "e6dade4d2899fb5a03ac575f6de8fe55");
}
END_TEST

START_TEST(order_does_not_matter_and_duplicates_count)
{
	char a[PG_DIGEST_SIZE], b[PG_DIGEST_SIZE], twice[PG_DIGEST_SIZE], once[PG_DIGEST_SIZE];

	digest_of(a, (const char *const[]){row, other}, 2);
	digest_of(b, (const char *const[]){other, row}, 2);
	digest_of(once, (const char *const[]){row}, 1);
	digest_of(twice, (const char *const[]){row, row}, 2);
	ck_assert_str_eq(a, b);
	ck_assert_str_ne(once, twice);
	ck_assert_str_ne(twice, "00000000000000000000000000000000");
}
END_TEST

START_TEST(null_is_not_empty)
{
	char a[PG_DIGEST_SIZE], b[PG_DIGEST_SIZE];

	digest_of(a, (const char *const[]){row}, 1);
	digest_of(b, (const char *const[]){other}, 1);
	ck_assert_str_ne(a, b);
}
END_TEST

START_TEST(bots_are_found_by_name)
{
	struct pg_bot items[] = {{"a", 1, ""}, {"b", 2, ""}, {"d", 3, ""}};
	struct pg_bots bots = {items, 3}, none = {NULL, 0};

	ck_assert_int_eq(pg_bots_find(&bots, "d")->rows, 3);
	ck_assert_ptr_null(pg_bots_find(&bots, "c"));
	ck_assert_ptr_null(pg_bots_find(&none, "a"));
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("pg/digest");
	TCase *test = tcase_create("digest");

	tcase_add_test(test, no_rows_are_zeros);
	tcase_add_test(test, one_row_is_its_hash);
	tcase_add_test(test, order_does_not_matter_and_duplicates_count);
	tcase_add_test(test, null_is_not_empty);
	tcase_add_test(test, bots_are_found_by_name);
	suite_add_tcase(suite, test);
	return suite;
}
