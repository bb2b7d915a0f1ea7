#include "base/test_main.h"
#include "spec/scalar.h"
#include "spec/suggest.h"

#include <string.h>

static struct tree_node plain(const char *text)
{
	return (struct tree_node){.type = TREE_SCALAR, .plain = true, .text = text};
}

START_TEST(kinds_follow_the_core_schema)
{
	static const struct {
		const char *text;
		enum scalar_kind kind;
	} rows[] = {
	    {"", SCALAR_NULL},      {"~", SCALAR_NULL},      {"null", SCALAR_NULL},       {"nULL", SCALAR_TEXT},
	    {"true", SCALAR_BOOL},  {"FALSE", SCALAR_BOOL},  {"yes", SCALAR_TEXT},        {"tRUE", SCALAR_TEXT},
	    {"0", SCALAR_INT},      {"-12", SCALAR_INT},     {"+12", SCALAR_INT},         {"007", SCALAR_INT},
	    {"0o17", SCALAR_INT},   {"0o18", SCALAR_TEXT},   {"0xfF", SCALAR_INT},        {"0x", SCALAR_TEXT},
	    {"1_000", SCALAR_TEXT}, {"-", SCALAR_TEXT},      {"1.5", SCALAR_FLOAT},       {".5", SCALAR_FLOAT},
	    {"1.", SCALAR_FLOAT},   {"1e3", SCALAR_FLOAT},   {"1e", SCALAR_TEXT},         {"-1.5E-3", SCALAR_FLOAT},
	    {".", SCALAR_TEXT},     {"-.inf", SCALAR_FLOAT}, {".NaN", SCALAR_FLOAT},      {"-.nan", SCALAR_TEXT},
	    {"1.2.3", SCALAR_TEXT}, {"10%", SCALAR_TEXT},    {"2h", SCALAR_TEXT},         {"12:30", SCALAR_TEXT},
	    {"e5", SCALAR_TEXT},    {"0b1", SCALAR_TEXT},    {"2026-11-22", SCALAR_TEXT},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tree_node node = plain(rows[i].text);

		ck_assert_msg(scalar_kind(&node) == rows[i].kind, "%s is %d", rows[i].text, (int)scalar_kind(&node));
		node.plain = false;
		ck_assert_int_eq(scalar_kind(&node), SCALAR_TEXT);
	}
}
END_TEST

START_TEST(percentages_are_exact)
{
	static const struct {
		const char *text;
		int64_t hundredths; /* -1: not a percentage */
	} rows[] = {
	    {"0%", 0},          {"10%", 1000}, {"0.5%", 50},   {"0.25%", 25}, {"100%", 10000},
	    {"100.01%", 10001}, {"007%", 700}, {"0.125%", -1}, {"10", -1},    {"%", -1},
	    {"10 %", -1},       {"-1%", -1},   {"+1%", -1},    {".5%", -1},   {"1.%", -1},
	    {"1,5%", -1},       {"10%%", -1},  {"1e1%", -1},   {"", -1},      {"9999999999%", -1},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t value = -1;
		int rc = scalar_parse_percent(rows[i].text, &value);

		ck_assert_msg(rc == (rows[i].hundredths < 0 ? -1 : 0), "%s", rows[i].text);
		if (rc == 0)
			ck_assert_int_eq(value, rows[i].hundredths);
	}
}
END_TEST

START_TEST(integers_that_do_not_fit_are_refused)
{
	int64_t value;

	ck_assert_int_eq(scalar_parse_int("9223372036854775807", &value), 0);
	ck_assert(value == INT64_MAX);
	ck_assert_int_eq(scalar_parse_int("9223372036854775808", &value), -1);
	ck_assert_int_eq(scalar_parse_int("0x8000000000000000", &value), -1);
	ck_assert_int_eq(scalar_parse_int("0o17", &value), 0);
	ck_assert_int_eq(value, 15);
	ck_assert_int_eq(scalar_parse_int("-0012", &value), 0);
	ck_assert_int_eq(value, -12);
}
END_TEST

START_TEST(what_is_printed_cannot_steer_a_terminal)
{
	struct arena *arena = arena_new();
	char cut[200];

	ck_assert_str_eq(scalar_printable(arena, "caf\xC3\xA9"), "caf\xC3\xA9");
	ck_assert_str_eq(scalar_printable(arena, "a\x1B[31m\x7F\n"), "a\\x1B[31m\\x7F\\x0A");
	ck_assert_str_eq(scalar_printable(arena, "\xC2\x9B"
	                                         "31m"),
	                 "\\xC2\\x9B31m");
	ck_assert_str_eq(scalar_printable(arena, "\xFF\xC3"), "\\xFF\\xC3");
	memset(cut, 'x', sizeof(cut) - 1);
	cut[sizeof(cut) - 1] = '\0';
	ck_assert_uint_eq(strlen(scalar_printable(arena, cut)), 63);
	arena_free(arena);
}
END_TEST

START_TEST(utf_8_is_told_from_what_only_looks_like_it)
{
	static const char *const good[] = {"", "a", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xF4\x8F\xBF\xBF"};
	static const char *const bad[] = {
	    "\x80",    "\xC3", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF8\x88\x80\x80\x80",
	    "\xE2\x82"};
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ck_assert(scalar_is_utf8(good[i]));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!scalar_is_utf8(bad[i]), "row %zu", i);
	ck_assert_uint_eq(scalar_length("caf\xC3\xA9"), 4);
}
END_TEST

START_TEST(distances)
{
	static const struct {
		const char *a, *b;
		size_t distance;
	} rows[] = {
	    {"", "", 0},
	    {"mode", "mode", 0},
	    {"Mode", "mode", 0},
	    {"", "mode", 4},
	    {"mdoe", "mode", 1},
	    {"modes", "mode", 1},
	    {"mod", "mode", 1},
	    {"node", "mode", 1},
	    {"identifer", "identifier", 1},
	    {"kitten", "sitting", 3},
	    {"ca", "abc", 3},
	    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "a", SUGGEST_LENGTH_MAX},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ck_assert_uint_eq(suggest_distance(rows[i].a, rows[i].b), rows[i].distance);
		ck_assert_uint_eq(suggest_distance(rows[i].b, rows[i].a), rows[i].distance);
	}
}
END_TEST

START_TEST(only_what_is_close_is_suggested)
{
	ck_assert_str_eq(suggest_closer("exakt", NULL, "exact"), "exact");
	ck_assert_ptr_null(suggest_closer("exakt", NULL, "at-least"));
	ck_assert_ptr_null(suggest_closer("a", NULL, "b"));
	ck_assert_ptr_null(suggest_closer("", NULL, "mode"));
	ck_assert_str_eq(suggest_closer("user", NULL, "username"), "username");
	ck_assert_str_eq(suggest_closer("membersfrm", "members", "membersFrom"), "membersFrom");
	ck_assert_str_eq(suggest_closer("members", "members", "membersFrom"), "members");
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("scalar");
	TCase *tcase = tcase_create("scalar");

	tcase_add_test(tcase, kinds_follow_the_core_schema);
	tcase_add_test(tcase, percentages_are_exact);
	tcase_add_test(tcase, integers_that_do_not_fit_are_refused);
	tcase_add_test(tcase, what_is_printed_cannot_steer_a_terminal);
	tcase_add_test(tcase, utf_8_is_told_from_what_only_looks_like_it);
	tcase_add_test(tcase, distances);
	tcase_add_test(tcase, only_what_is_close_is_suggested);
	suite_add_tcase(suite, tcase);
	return suite;
}
