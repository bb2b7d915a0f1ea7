#include "base/buf.h"
#include "base/test_main.h"

#include <string.h>

START_TEST(appends_and_terminates)
{
	struct buf buf = {0};

	ck_assert_str_eq(buf_text(&buf), "");
	buf_puts(&buf, "copy ");
	buf_printf(&buf, "%d of %d", 3, 4);
	buf_putc(&buf, '.');
	ck_assert_str_eq(buf_text(&buf), "copy 3 of 4.");
	ck_assert_uint_eq(buf.length, 12);
	buf_clear(&buf);
	ck_assert_str_eq(buf_text(&buf), "");
	buf_free(&buf);
}
END_TEST

START_TEST(grows_past_any_block)
{
	struct buf buf = {0};
	size_t i;

	for (i = 0; i < 100000; i++)
		buf_putc(&buf, (char)('a' + i % 26));
	ck_assert_uint_eq(buf.length, 100000);
	ck_assert_int_eq(buf.bytes[99999], 'a' + 99999 % 26);
	buf_free(&buf);
}
END_TEST

START_TEST(stops_at_its_limit)
{
	struct buf buf = {.limit = 10};

	buf_puts(&buf, "123456789");
	ck_assert(!buf.overflow);
	buf_puts(&buf, "ab");
	ck_assert(buf.overflow);
	ck_assert_str_eq(buf_text(&buf), "123456789");
	buf_putc(&buf, 'c'); /* nothing more is added after an overflow, though this would fit */
	ck_assert_str_eq(buf_text(&buf), "123456789");
	buf_free(&buf);
	ck_assert_uint_eq(buf.limit, 10);
}
END_TEST

START_TEST(a_format_that_is_too_long_overflows)
{
	struct buf buf = {.limit = 4};

	buf_printf(&buf, "%s", "12345");
	ck_assert(buf.overflow);
	ck_assert_uint_eq(buf.length, 0);
	buf_free(&buf);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("buf");
	TCase *cases = tcase_create("all");

	tcase_add_test(cases, appends_and_terminates);
	tcase_add_test(cases, grows_past_any_block);
	tcase_add_test(cases, stops_at_its_limit);
	tcase_add_test(cases, a_format_that_is_too_long_overflows);
	suite_add_tcase(suite, cases);
	return suite;
}
