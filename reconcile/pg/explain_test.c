#include "base/test_main.h"
#include "pg/explain.h"
#include "pg/query.h"

#include <string.h>

static const struct {
	const char *message;
	const char *sqlstate;
} messages[] = {
    {"connection to server at \"127.0.0.1\", port 5432 failed: FATAL:  28P01: password authentication failed\n",
     "28P01"},
    {"connection to server at \"::1\", port 5432 failed: Connection refused\n"
     "connection to server at \"127.0.0.1\", port 5432 failed: FATAL:  3D000: database \"x\" does not exist\n",
     "3D000"},
    {"connection failed: FATAL:  the SQLSTATE is not shown", ""},
    {"connection failed: FATAL:  ABCDEF: too long", ""},
    {"", ""},
};

START_TEST(the_sqlstate_is_found)
{
	char out[6];

	pg_explain_sqlstate(messages[_i].message, out);
	ck_assert_str_eq(out, messages[_i].sqlstate);
}
END_TEST

static const struct {
	const char *sqlstate;
	enum error_code code;
	bool retryable;
} codes[] = {
    {"28P01", ERROR_DENIED, false},    {"28000", ERROR_DENIED, false},    {"42501", ERROR_DENIED, false},
    {"25006", ERROR_REFUSED, false},   {"40P01", ERROR_STATE, true},      {"53300", ERROR_THROTTLED, true},
    {"57P03", ERROR_STATE, true},      {"57014", ERROR_TIMEOUT, true},    {"08006", ERROR_UNREACHABLE, true},
    {"3D000", ERROR_NOT_FOUND, false}, {"42P01", ERROR_NOT_FOUND, false}, {"42P07", ERROR_EXISTS, false},
    {"53100", ERROR_SERVICE, false},   {"XX000", ERROR_SERVICE, false},
};

START_TEST(each_sqlstate_has_its_code)
{
	struct error err;

	ck_assert_int_eq(pg_query_explain(codes[_i].sqlstate, "the message\nand its detail", &err), -1);
	ck_assert_int_eq(err.code, codes[_i].code);
	ck_assert_int_eq(err.retryable, codes[_i].retryable);
	ck_assert_str_eq(err.service_code, codes[_i].sqlstate);
	ck_assert_str_eq(err.message, "the message");
}
END_TEST

START_TEST(the_missing_grant_is_named)
{
	struct error err;

	pg_query_explain("42501", "permission denied for table items", &err);
	ck_assert_str_eq(err.permission, "table items");
	pg_query_explain("42501", "must be owner of table items", &err);
	ck_assert_str_eq(err.permission, "");
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("pg/explain");
	TCase *test = tcase_create("explain");

	tcase_add_loop_test(test, the_sqlstate_is_found, 0, sizeof(messages) / sizeof(messages[0]));
	tcase_add_loop_test(test, each_sqlstate_has_its_code, 0, sizeof(codes) / sizeof(codes[0]));
	tcase_add_test(test, the_missing_grant_is_named);
	suite_add_tcase(suite, test);
	return suite;
}
