/* What doctor prints, to the letter, in each form. */
#include "doctor_report.h"

#include "base/test_main.h"

#include <string.h>

static struct doctor_check checks[] = {
    {"clock", DOCTOR_OK, "as AWS's", NULL},
    {"permissions to apply", DOCTOR_UNCHECKED, "not checked: iam:SimulatePrincipalPolicy is not allowed", NULL},
    {"state", DOCTOR_PROBLEM, "/dev/null is no directory that could be written to", "set TRUEUP_STATE to another"},
};
static const char *groups[] = {"Admin"};
static struct doctor_user users[] = {
    {"7d3c", "a@b.c", "CONFIRMED", true, groups, 1, true, "is in Admin", "sign out and in again"},
    {"Google_1", NULL, "EXTERNAL_PROVIDER", true, NULL, 0, false, "is in neither", NULL},
};
static struct desired desired = {.file = "spec.yaml", .sha256 = "abc", .metadata = {.name = "production"}};
static struct doctor_findings findings, asked;
static struct buf out;

static void set_up(void)
{
	findings = (struct doctor_findings){
	    .account = "123456789012", .region = "eu-west-3", .checks = checks, .check_count = 3};
	asked = (struct doctor_findings){.asked = "a@b.c", .checks = checks, .check_count = 1, .users = users};
	asked.user_count = 2;
}

static void tear_down(void)
{
	buf_free(&out);
}

static const char *print_text(const struct doctor_findings *found, bool quiet)
{
	struct doctor_report report = {&desired, found, NULL};
	struct report_style style = {.width = 72, .quiet = quiet};

	buf_clear(&out);
	doctor_report_text(&report, &style, &out);
	return buf_text(&out);
}

START_TEST(text)
{
	ck_assert_str_eq(print_text(&findings, false),
	                 "production: doctor of spec.yaml, account 123456789012, eu-west-3\n"
	                 "\n"
	                 "  ok         clock: as AWS's\n"
	                 "  unchecked  permissions to apply: not checked:\n"
	                 "             iam:SimulatePrincipalPolicy is not allowed\n"
	                 "  problem    state: /dev/null is no directory that could be written to\n"
	                 "             to do: set TRUEUP_STATE to another\n"
	                 "\n"
	                 "  1 problem, 1 not checked\n");
	ck_assert_ptr_null(strstr(print_text(&findings, true), "clock"));
	ck_assert_ptr_nonnull(strstr(print_text(&findings, true), "problem    state"));
}
END_TEST

START_TEST(text_of_an_answer)
{
	ck_assert_str_eq(print_text(&asked, false),
	                 "production: doctor of spec.yaml\n"
	                 "\n"
	                 "  ok         clock: as AWS's\n"
	                 "  yes        a@b.c (7d3c, CONFIRMED) can create bots: is in Admin\n"
	                 "             to do: sign out and in again\n"
	                 "  no         Google_1 (EXTERNAL_PROVIDER) cannot create bots: is in\n"
	                 "             neither\n"
	                 "\n"
	                 "  1 of 2 can create bots\n");
	asked.user_count = 1;
	ck_assert_ptr_nonnull(strstr(print_text(&asked, false), "\n  yes\n"));
}
END_TEST

START_TEST(markdown)
{
	struct doctor_report report = {&desired, &asked, NULL};

	doctor_report_markdown(&report, &out);
	ck_assert_str_eq(buf_text(&out),
	                 "### production: doctor of spec.yaml\n"
	                 "\n"
	                 "**1 of 2 can create bots**\n"
	                 "\n"
	                 "- **ok** clock: as AWS's\n"
	                 "- **yes** `a@b.c` (7d3c, CONFIRMED) can create bots: is in Admin. To do: sign "
	                 "out and in again\n"
	                 "- **no** Google\\_1 (EXTERNAL\\_PROVIDER) cannot create bots: is in neither\n");
}
END_TEST

START_TEST(json)
{
	struct doctor_report report = {&desired, &asked, "c0ffee"};
	json_t *document = doctor_report_json(&report), *user;
	const char *schema, *commit;

	ck_assert_int_eq(
	    json_unpack(document, "{s:s, s:n, s:{s:s}}", "schema", &schema, "account", "spec", "commit", &commit), 0);
	ck_assert_str_eq(schema, "trueup/doctor/v1");
	ck_assert_str_eq(commit, "c0ffee");
	ck_assert(json_is_false(json_object_get(document, "fine")));
	user = json_array_get(json_object_get(document, "users"), 0);
	ck_assert(json_is_true(json_object_get(user, "mayCreateBots")));
	ck_assert_str_eq(json_string_value(json_array_get(json_object_get(user, "groups"), 0)), "Admin");
	json_decref(document);
	report.findings = &findings;
	document = doctor_report_json(&report);
	ck_assert_ptr_null(json_object_get(document, "users"));
	json_decref(document);
}
END_TEST

START_TEST(fine_is_what_has_no_problem_and_answers_yes)
{
	ck_assert(!doctor_is_fine(&findings));
	findings.check_count = 2;
	ck_assert(doctor_is_fine(&findings)); /* not checked is no problem */
	ck_assert(!doctor_is_fine(&asked));
	asked.user_count = 1;
	ck_assert(doctor_is_fine(&asked));
	asked.user_count = 0;
	ck_assert(!doctor_is_fine(&asked)); /* nobody can */
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("doctor_report");
	TCase *tcase = tcase_create("all");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, text);
	tcase_add_test(tcase, text_of_an_answer);
	tcase_add_test(tcase, markdown);
	tcase_add_test(tcase, json);
	tcase_add_test(tcase, fine_is_what_has_no_problem_and_answers_yes);
	suite_add_tcase(suite, tcase);
	return suite;
}
