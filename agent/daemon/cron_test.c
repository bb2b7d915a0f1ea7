/* What cron refuses, and in which words. What it accepts is held against a library: testdata/cron. */
#include "base/test_main.h"
#include "daemon/cron.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *text, *says;
} wrong[] = {
    {"", "0 fields"},
    {"* * * *", "4 fields"},
    {"* * * * * *", "6 fields"},
    {"60 * * * *", "minute: 60 is not in 0 to 59"},
    {"* 24 * * *", "hour: 24 is not in 0 to 23"},
    {"* * 0 * *", "day of month: 0 is not in 1 to 31"},
    {"* * * 13 *", "month: 13 is not in 1 to 12"},
    {"* * * FOO *", "month: there should be a number or a name at \"FOO\""},
    {"* * * * 8", "day of week: 8 is not in 0 to 7"},
    {"*/0 * * * *", "behind the slash"},
    {"*/x * * * *", "behind the slash"},
    {"1, * * * *", "minute: there should be a number"},
    {"-5 * * * *", "minute: there should be a number"},
    {"1-2-3 * * * *", "\"-3\" is not understood"},
    {"30-10 * * * *", "range from 30 to 10 is empty"},
    {"* * * * FRI-SUN", "range from 5 to 0 is empty"},
    {"* * L * *", "day of month: there should be a number at \"L\""},
    {"99999999999999999999 * * * *", "there should be a number"},
    {"0 0 31 2 *", "no such day"},
    {"0 0 30-31 FEB *", "no such day"},
    {"@reboot", "@reboot is not known"},
};

START_TEST(wrong_expressions_are_refused_in_words)
{
	struct cron cron;
	struct error err;

	ck_assert_int_eq(cron_parse(wrong[_i].text, &cron, &err), -1);
	ck_assert_int_eq(err.code, ERROR_INVALID);
	ck_assert_msg(strstr(err.message, wrong[_i].says) != NULL, "%s: %s", wrong[_i].text, err.message);
}
END_TEST

START_TEST(zones_that_are_not_there_are_refused)
{
	static const char *const zones[] = {"", "/etc/passwd", "../../etc/passwd", "Europe/Nowhere", "Paris; rm"};
	struct error err;
	size_t i;

	for (i = 0; i < sizeof(zones) / sizeof(zones[0]); i++)
		ck_assert_msg(cron_check_zone(zones[i], &err) == -1, "%s", zones[i]);
	ck_assert_int_eq(cron_check_zone("UTC", &err), 0);
}
END_TEST

/* The zone of the process is what it was. */
START_TEST(the_process_keeps_its_zone)
{
	struct cron cron;
	struct error err;

	ck_assert_int_eq(cron_parse("@daily", &cron, &err), 0);
	ck_assert_int_eq(setenv("TZ", "UTC", 1), 0);
	cron_next(&cron, "Asia/Tokyo", 0);
	ck_assert_str_eq(getenv("TZ"), "UTC");
	ck_assert_int_eq(unsetenv("TZ"), 0);
	cron_next(&cron, "Asia/Tokyo", 0);
	ck_assert_ptr_null(getenv("TZ"));
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("cron");
	TCase *tcase = tcase_create("cron");

	tcase_add_loop_test(tcase, wrong_expressions_are_refused_in_words, 0, sizeof(wrong) / sizeof(wrong[0]));
	tcase_add_test(tcase, zones_that_are_not_there_are_refused);
	tcase_add_test(tcase, the_process_keeps_its_zone);
	suite_add_tcase(suite, tcase);
	return suite;
}
