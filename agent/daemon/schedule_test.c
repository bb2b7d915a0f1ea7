#include "daemon/schedule.h"

#include "base/clock.h"
#include "base/test_main.h"

#include <stdio.h>

#define NOW 1000000

static struct agent_schedule every = {.present = true, .every = 900};
static struct agent_schedule nightly = {.present = true, .cron = "0 3 * * *", .time_zone = "UTC"};

static void set_up(void)
{
	struct error err;

	ck_assert_int_eq(cron_parse(nightly.cron, &nightly.parsed, &err), 0);
}

static time_t next(const struct agent_schedule *schedule, enum schedule_after after, int failures, uint32_t random)
{
	struct schedule_input input = {.schedule = schedule,
	                               .name = "production",
	                               .after = after,
	                               .failures = failures,
	                               .started_at = NOW - 100,
	                               .now = NOW,
	                               .random = random};

	return schedule_next_run(&input);
}

START_TEST(splay_spreads_names_evenly_and_for_good)
{
	int buckets[10] = {0}, i;
	char name[32];

	for (i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "name-%d", i);
		ck_assert_int_lt(schedule_splay(name, 60), 60);
		ck_assert_int_eq(schedule_splay(name, 60), schedule_splay(name, 60));
		buckets[schedule_splay(name, 60) / 6]++;
	}
	for (i = 0; i < 10; i++)
		ck_assert(buckets[i] > 60 && buckets[i] < 140);
	ck_assert_int_eq(schedule_splay("production", 0), 0);
}
END_TEST

START_TEST(every_counts_from_start_to_start)
{
	struct schedule_input first = {.schedule = &every, .name = "production", .splay = 60, .now = NOW};

	ck_assert_int_eq(schedule_next_run(&first), NOW + schedule_splay("production", 60));
	ck_assert_int_eq(next(&every, SCHEDULE_AFTER_RUN, 0, 0), NOW - 100 + 900);
	first.started_at = NOW - 5000; /* the run took longer than the time between two */
	first.after = SCHEDULE_AFTER_RUN;
	ck_assert_int_eq(schedule_next_run(&first), NOW);
}
END_TEST

START_TEST(cron_runs_when_it_says_and_not_at_start)
{
	struct schedule_input input = {.schedule = &nightly, .name = "production", .splay = 600};
	int64_t splay = schedule_splay("production", 600);
	time_t three;

	ck_assert_int_eq(clock_parse_rfc3339("2026-11-25T03:00:00Z", &three), 0);
	input.now = three - 3600;
	ck_assert_int_eq(schedule_next_run(&input), three + splay);
	ck_assert_int_gt(splay, 1);
	input.now = three + splay - 1; /* started within the splay: today's is still ahead */
	ck_assert_int_eq(schedule_next_run(&input), three + splay);
	input.now = three + splay;
	ck_assert_int_eq(schedule_next_run(&input), three + splay + 86400);
}
END_TEST

START_TEST(what_is_under_way_is_looked_at_soon)
{
	ck_assert_int_eq(next(&nightly, SCHEDULE_AFTER_WAITING, 0, 0), NOW + 48);
	ck_assert_int_eq(next(&nightly, SCHEDULE_AFTER_BUSY, 0, UINT32_MAX), NOW + 72);
	every.every = 120; /* the schedule is sooner */
	ck_assert_int_eq(next(&every, SCHEDULE_AFTER_WAITING, 0, UINT32_MAX), NOW + 20);
	every.every = 900;
}
END_TEST

START_TEST(failures_are_tried_again_and_less_and_less_often)
{
	static const int64_t minutes[] = {1, 2, 4, 8, 16, 32, 60, 60, 60};
	size_t i;

	for (i = 0; i < sizeof(minutes) / sizeof(minutes[0]); i++) {
		ck_assert_int_eq(next(&every, SCHEDULE_AFTER_FAILURE, (int)i + 1, 0), NOW + minutes[i] * 48);
		ck_assert_int_eq(next(&every, SCHEDULE_AFTER_FAILURE, (int)i + 1, UINT32_MAX), NOW + minutes[i] * 72);
	}
	ck_assert_int_eq(next(&every, SCHEDULE_AFTER_FAILURE, 1000000, 0), NOW + 48 * 60);
	ck_assert_int_eq(next(&nightly, SCHEDULE_AFTER_FAILURE, 5, 0), NOW + 16 * 48);
	/* A night's schedule is not carried on through the day. */
	ck_assert_int_eq(next(&nightly, SCHEDULE_AFTER_FAILURE, 6, 0), next(&nightly, SCHEDULE_AFTER_RUN, 0, 0));
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("schedule");
	TCase *tcase = tcase_create("schedule");

	tcase_add_checked_fixture(tcase, set_up, NULL);
	tcase_add_test(tcase, splay_spreads_names_evenly_and_for_good);
	tcase_add_test(tcase, every_counts_from_start_to_start);
	tcase_add_test(tcase, cron_runs_when_it_says_and_not_at_start);
	tcase_add_test(tcase, what_is_under_way_is_looked_at_soon);
	tcase_add_test(tcase, failures_are_tried_again_and_less_and_less_often);
	suite_add_tcase(suite, tcase);
	return suite;
}
