#include "base/test_main.h"
#include "pg/tuple.h"

#include <stdlib.h>
#include <string.h>

#define HEADER "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0"
#define ROW "\0\2\0\0\0\1a\377\377\377\377"
#define TRAILER "\377\377"
#define MESSAGE(text)                                                                                                  \
	{                                                                                                              \
		text, sizeof(text) - 1                                                                                 \
	}

struct message {
	const char *bytes;
	size_t length;
};

/* In memory of its own size, so that a byte too far is seen. Returns the rows, or -1. */
static int rows_in(struct message message, bool first, struct pg_tuple *last)
{
	char *copy = malloc(message.length + 1);
	struct pg_tuples tuples;
	struct error err;
	int rows = 0, got;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, message.bytes, message.length);
	copy = realloc(copy, message.length > 0 ? message.length : 1);
	got = pg_tuples_begin(&tuples, copy, message.length, first, &err) == 0 ? 1 : -1;
	while (got == 1 && (got = pg_tuples_next(&tuples, last, &err)) == 1)
		rows++;
	if (got < 0)
		ck_assert_int_eq(err.code, ERROR_PROTOCOL);
	free(copy);
	return got < 0 ? -1 : rows;
}

static const struct {
	struct message message;
	bool first;
	int rows;
} cases[] = {
    {MESSAGE(HEADER ROW), true, 1},
    {MESSAGE(ROW), false, 1},
    {MESSAGE(ROW ROW), false, 2},
    {MESSAGE(ROW TRAILER), false, 1},
    {MESSAGE(HEADER TRAILER), true, 0},
    {MESSAGE(TRAILER), false, 0},
    {MESSAGE(""), false, 0},
    {MESSAGE(ROW), true, -1},                                          /* no header */
    {MESSAGE("PGCOPY\n\377\r\n\0\0\1\0\0\0\0\0\0" ROW), true, -1},     /* a critical flag */
    {MESSAGE("PGCOPY\n\377\r\n\0\0\0\0\0\177\377\377\377"), true, -1}, /* an extension beyond the end */
    {MESSAGE("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\1x" ROW), true, 1},     /* an extension */
    {MESSAGE(TRAILER ROW), false, -1},                                 /* more after the end */
    {MESSAGE("\0"), false, -1},
    {MESSAGE("\0\2\0\0\0\1a"), false, -1},
    {MESSAGE("\0\1\0\0"), false, -1},
    {MESSAGE("\0\1\0\0\0\2a"), false, -1},
    {MESSAGE("\0\1\377\377\377\376"), false, -1}, /* a length of -2 */
    {MESSAGE("\0\1\177\377\377\377a"), false, -1},
    {MESSAGE("\377\376"), false, -1},              /* -2 fields */
    {MESSAGE("\0\11\377\377\377\377"), false, -1}, /* more fields than anyone asks for */
};

START_TEST(messages_are_read_or_refused)
{
	struct pg_tuple tuple;

	ck_assert_int_eq(rows_in(cases[_i].message, cases[_i].first, &tuple), cases[_i].rows);
}
END_TEST

START_TEST(fields_keep_null_apart)
{
	static const char message[] = "\0\3\0\0\0\1a\377\377\377\377\0\0\0\0";
	struct pg_tuples tuples;
	struct pg_tuple tuple;
	struct error err;

	ck_assert_int_eq(pg_tuples_begin(&tuples, message, sizeof(message) - 1, false, &err), 0);
	ck_assert_int_eq(pg_tuples_next(&tuples, &tuple, &err), 1);
	ck_assert_int_eq(tuple.count, 3);
	ck_assert_int_eq(tuple.fields[0].length, 1);
	ck_assert_int_eq(tuple.fields[0].bytes[0], 'a');
	ck_assert_int_eq(tuple.fields[1].length, -1);
	ck_assert_int_eq(tuple.fields[2].length, 0);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("pg/tuple");
	TCase *test = tcase_create("tuple");

	tcase_add_loop_test(test, messages_are_read_or_refused, 0, sizeof(cases) / sizeof(cases[0]));
	tcase_add_test(test, fields_keep_null_apart);
	suite_add_tcase(suite, test);
	return suite;
}
