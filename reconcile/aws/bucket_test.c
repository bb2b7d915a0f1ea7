#include "aws/bucket.h"
#include "base/test_main.h"

/* How many requests get through from `from` to `until`, asking again whenever the bucket says. */
static int count_taken(struct bucket *bucket, int64_t from, int64_t until)
{
	int taken = 0;

	while (from < until) {
		int64_t wait = bucket_take(bucket, from);

		taken += wait == 0;
		from += wait;
	}
	return taken;
}

START_TEST(keeps_to_its_rate)
{
	struct bucket bucket;

	bucket_init(&bucket, 12.5, 2.5, 0);
	/* The burst, and 12.5 a second for 8 seconds. */
	ck_assert_int_ge(count_taken(&bucket, 0, 8000), 100);
	ck_assert_int_le(count_taken(&bucket, 8000, 8001), 1);
	bucket_init(&bucket, 12.5, 2.5, 0);
	ck_assert_int_le(count_taken(&bucket, 0, 8000), 103);
}
END_TEST

START_TEST(never_bursts_beyond_its_limit)
{
	struct bucket bucket;
	int taken = 0;

	bucket_init(&bucket, 10, 5, 0);
	while (bucket_take(&bucket, 100000) == 0)
		taken++;
	ck_assert_int_eq(taken, 5);
	ck_assert_int_eq(bucket_take(&bucket, 100000), 100);
}
END_TEST

START_TEST(always_lets_one_through)
{
	struct bucket bucket;

	bucket_init(&bucket, 0.5, 0.1, 0);
	ck_assert_int_eq(bucket_take(&bucket, 0), 0);
	ck_assert_int_eq(bucket_take(&bucket, 0), 2000);
	ck_assert_int_eq(bucket_take(&bucket, 2000), 0);
}
END_TEST

START_TEST(slows_down_when_throttled)
{
	struct bucket bucket;
	int taken;

	bucket_init(&bucket, 20, 1, 0);
	count_taken(&bucket, 0, 5000);
	bucket_note_throttle(&bucket, 5000);
	taken = count_taken(&bucket, 5000, 15000);
	/* 0.7 of what was sent before. */
	ck_assert_int_ge(taken, 120);
	ck_assert_int_le(taken, 145);
}
END_TEST

START_TEST(recovers_but_not_beyond)
{
	struct bucket bucket;
	double before;

	bucket_init(&bucket, 20, 1, 0);
	count_taken(&bucket, 0, 5000);
	bucket_note_throttle(&bucket, 5000);
	before = bucket.slow_rate;
	bucket_note_success(&bucket, 6000);
	ck_assert_double_gt(bucket.slow_rate, before);
	ck_assert(bucket.slowed);
	bucket_note_success(&bucket, 60000);
	ck_assert(!bucket.slowed);
	ck_assert_int_le(count_taken(&bucket, 60000, 70000), 202);
}
END_TEST

START_TEST(never_stops_altogether)
{
	struct bucket bucket;

	bucket_init(&bucket, 10, 10, 0);
	for (int i = 0; i < 100; i++)
		bucket_note_throttle(&bucket, i);
	ck_assert_double_ge(bucket.slow_rate, 0.5);
	ck_assert_int_ge(count_taken(&bucket, 1000, 21000), 9);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("bucket");
	TCase *tests = tcase_create("bucket");

	tcase_add_test(tests, keeps_to_its_rate);
	tcase_add_test(tests, never_bursts_beyond_its_limit);
	tcase_add_test(tests, always_lets_one_through);
	tcase_add_test(tests, slows_down_when_throttled);
	tcase_add_test(tests, recovers_but_not_beyond);
	tcase_add_test(tests, never_stops_altogether);
	suite_add_tcase(suite, tests);
	return suite;
}
