#include "base/test_main.h"
#include "pg/schema.h"

static const struct {
	int64_t rows;
	int64_t lists;
} cases[] = {
    {0, 1},          {999, 1},        {1000, 1},          {300000, 300},
    {1000000, 1000}, {4000000, 2000}, {100000000, 10000}, {INT64_MAX / 2, 32768},
};

START_TEST(lists_follow_the_rows)
{
	ck_assert_int_eq(pg_index_lists(cases[_i].rows), cases[_i].lists);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("pg/index");
	TCase *test = tcase_create("index");

	tcase_add_loop_test(test, lists_follow_the_rows, 0, sizeof(cases) / sizeof(cases[0]));
	suite_add_tcase(suite, test);
	return suite;
}
