#include "base/clock.h"
#include "base/test_main.h"

static const struct {
	const char *text;
	int64_t seconds; /* -1: not a duration */
} durations[] = {
    {"0", 0},    {"90s", 90}, {"15m", 900}, {"2h", 7200},        {"1h30m", 5400}, {"1d", 86400},
    {"0s", 0},   {"", -1},    {"15", -1},   {"m", -1},           {"-5s", -1},     {"1.5h", -1},
    {"2 h", -1}, {"2H", -1},  {"5ms", -1},  {"9999999999s", -1},
};

START_TEST(durations_are_read)
{
	int64_t seconds = -1;
	int rc = clock_parse_duration(durations[_i].text, &seconds);

	ck_assert_int_eq(rc, durations[_i].seconds < 0 ? -1 : 0);
	if (rc == 0)
		ck_assert_int_eq(seconds, durations[_i].seconds);
}
END_TEST

static const struct {
	int64_t seconds;
	const char *text;
} written[] = {
    {0, "0s"}, {59, "59s"}, {60, "1m"}, {200, "3m 20s"}, {3600, "1h"}, {3630, "1h"}, {7500, "2h 5m"},
};

START_TEST(durations_are_written)
{
	char text[32];

	clock_format_duration(written[_i].seconds, text, sizeof(text));
	ck_assert_str_eq(text, written[_i].text);
}
END_TEST

static const struct {
	const char *text;
	int64_t when; /* -1: not a time */
} times[] = {
    {"1970-01-01T00:00:00Z", 0},
    {"2026-11-22T09:00:00Z", 1795338000},
    {"2026-11-22T10:00:00+01:00", 1795338000},
    {"2026-11-22T09:00:00.123456Z", 1795338000},
    {"2026-11-22t03:30:00-05:30", 1795338000},
    {"2026-11-22", -1},
    {"2026-11-22T09:00:00", -1},
    {"2026-13-22T09:00:00Z", -1},
    {"2026-11-22T24:00:00Z", -1},
    {"2026-11-22T09:00:00.Z", -1},
    {"2026-11-22T09:00:00Zx", -1},
    {"2026-11-22T09:00:00+1:00", -1},
};

START_TEST(times_are_read)
{
	time_t when = -1;
	int rc = clock_parse_rfc3339(times[_i].text, &when);

	ck_assert_int_eq(rc, times[_i].when < 0 ? -1 : 0);
	if (rc == 0)
		ck_assert_int_eq(when, times[_i].when);
}
END_TEST

START_TEST(times_are_written)
{
	char text[CLOCK_RFC3339_SIZE];

	clock_format_rfc3339(1795338000, text);
	ck_assert_str_eq(text, "2026-11-22T09:00:00Z");
}
END_TEST

START_TEST(a_stopped_sleep_ends_at_once)
{
	const volatile bool stop = true;
	int64_t before = clock_monotonic_ms();

	clock_sleep_ms(60000, &stop);
	ck_assert_int_lt(clock_monotonic_ms() - before, 30000);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("clock");
	TCase *cases = tcase_create("all");

	tcase_add_loop_test(cases, durations_are_read, 0, sizeof(durations) / sizeof(durations[0]));
	tcase_add_loop_test(cases, durations_are_written, 0, sizeof(written) / sizeof(written[0]));
	tcase_add_loop_test(cases, times_are_read, 0, sizeof(times) / sizeof(times[0]));
	tcase_add_test(cases, times_are_written);
	tcase_add_test(cases, a_stopped_sleep_ends_at_once);
	suite_add_tcase(suite, cases);
	return suite;
}
