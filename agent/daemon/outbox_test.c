#include "daemon/outbox.h"

#include "base/test_main.h"

#include <stdio.h>
#include <string.h>

#define WINDOW 60000

static struct outbox *outbox;
static char told[4096];

static void open_outbox(const struct outbox_options *options)
{
	outbox_free(outbox);
	outbox = outbox_new(options);
}

static void set_up(void)
{
	open_outbox(&(struct outbox_options){.assumed = "in-sync", .window_ms = WINDOW});
}

static void tear_down(void)
{
	outbox_free(outbox);
	outbox = NULL;
}

/* "a:before>now b:…" of what is sent at that time; "" if nothing is due. */
static const char *take(int64_t now)
{
	const struct outbox_item *items;
	size_t count, i;

	told[0] = '\0';
	if (outbox_due(outbox, now) != 0)
		return told;
	items = outbox_take(outbox, now, &count);
	for (i = 0; i < count; i++) {
		size_t length = strlen(told);

		snprintf(told + length, sizeof(told) - length, "%s%s:%s>%s", i > 0 ? " " : "", items[i].name,
		         items[i].before != NULL ? items[i].before : "", items[i].now);
	}
	ck_assert_int_eq(outbox_due(outbox, now + WINDOW * 1000LL), -1); /* one at a time */
	return told;
}

static enum outbox_next end(enum outbox_outcome outcome, int64_t now)
{
	return outbox_end(outbox, outcome, 0, 0, now);
}

static void check_saved(const char *expected)
{
	json_t *saved = outbox_save(outbox);
	char *text = json_dumps(saved, JSON_SORT_KEYS);

	ck_assert_str_eq(text, expected);
	free(text);
	json_decref(saved);
}

/* Something that came to pass waits for the window, is told once, and is no state. */
START_TEST(what_came_to_pass_is_told_once)
{
	outbox_add(outbox, "a/r", "1", 0);
	outbox_add(outbox, "a/r", "2", 1);
	ck_assert_str_eq(take(WINDOW), "a/r:>2");
	ck_assert_int_eq(end(OUTBOX_RETRY, WINDOW), OUTBOX_AGAIN);
	ck_assert_str_eq(take(2LL * WINDOW), "a/r:>2");
	outbox_add(outbox, "a/r", "3", 2LL * WINDOW);
	end(OUTBOX_DELIVERED, 2LL * WINDOW);
	check_saved("{}");
	ck_assert_str_eq(take(3LL * WINDOW), "a/r:>3");
	end(OUTBOX_DELIVERED, 3LL * WINDOW);
	ck_assert_int_eq(outbox_due(outbox, 4LL * WINDOW), -1);
}
END_TEST

START_TEST(a_change_is_told_once)
{
	outbox_set(outbox, "a", "in-sync", 0); /* no news */
	ck_assert_int_eq(outbox_due(outbox, 0), -1);
	outbox_set(outbox, "a", "failed", 1000);
	outbox_set(outbox, "a", "failed", 2000); /* it failed again */
	ck_assert_int_eq(outbox_due(outbox, 1000), WINDOW);
	ck_assert_str_eq(take(1000 + WINDOW), "a:>failed");
	ck_assert_int_eq(end(OUTBOX_DELIVERED, 62000), OUTBOX_GOES_ON);
	outbox_set(outbox, "a", "failed", 63000);
	ck_assert_int_eq(outbox_due(outbox, 63000), -1);
	check_saved("{\"a\": \"failed\"}");
	outbox_set(outbox, "a", "in-sync", 100000);
	ck_assert_str_eq(take(100000 + WINDOW), "a:failed>in-sync");
	ck_assert_int_eq(end(OUTBOX_DELIVERED, 160000), OUTBOX_GOES_ON);
	check_saved("{}");
}
END_TEST

START_TEST(a_storm_is_one_message)
{
	char name[16];
	size_t count;
	int64_t i;

	for (i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "d-%03d", (int)i);
		outbox_set(outbox, name, "unknown", i * 50);
	}
	outbox_set(outbox, "d-500", "in-sync", 50000); /* came and went */
	ck_assert_int_eq(outbox_due(outbox, WINDOW - 1), 1);
	ck_assert_uint_eq((outbox_take(outbox, WINDOW, &count), count), 999);
	ck_assert_int_eq(end(OUTBOX_DELIVERED, WINDOW), OUTBOX_GOES_ON);
	ck_assert_int_eq(outbox_due(outbox, WINDOW), -1);
}
END_TEST

START_TEST(what_changes_on_the_way_is_told_behind_it)
{
	outbox_set(outbox, "a", "failed", 0);
	outbox_set(outbox, "b", "drifted", 0);
	outbox_set(outbox, "c", "drifted", 0);
	ck_assert_str_eq(take(WINDOW), "a:>failed b:>drifted c:>drifted");
	outbox_set(outbox, "a", "in-sync", WINDOW); /* right again before anybody knew */
	outbox_forget(outbox, "b");
	ck_assert_int_eq(end(OUTBOX_DELIVERED, 61000), OUTBOX_GOES_ON);
	check_saved("{\"a\": \"failed\", \"c\": \"drifted\"}");
	ck_assert_int_eq(outbox_due(outbox, 61000), WINDOW);
	ck_assert_str_eq(take(61000 + WINDOW), "a:failed>in-sync");
}
END_TEST

START_TEST(what_fails_is_tried_again_and_given_up)
{
	static const int64_t waits[OUTBOX_ATTEMPTS - 1] = {2000, 8000, 32000, 128000, 512000};
	int64_t now = WINDOW;
	int i;

	outbox_set(outbox, "a", "failed", 0);
	for (i = 0; i < OUTBOX_ATTEMPTS - 1; i++) {
		ck_assert_str_eq(take(now), "a:>failed");
		ck_assert_int_eq(end(OUTBOX_RETRY, now), OUTBOX_AGAIN);
		ck_assert_int_eq(outbox_due(outbox, now), waits[i]);
		now += waits[i];
	}
	ck_assert_str_eq(take(now), "a:>failed");
	ck_assert_int_eq(end(OUTBOX_RETRY, now), OUTBOX_GIVEN_UP);
	check_saved("{}");
	ck_assert_int_eq(outbox_due(outbox, now), -1);
	outbox_set(outbox, "a", "failed", now); /* nothing new */
	ck_assert_int_eq(outbox_due(outbox, now), -1);
	outbox_set(outbox, "b", "drifted", now); /* the next change takes it along */
	ck_assert_str_eq(take(now + WINDOW), "a:>failed b:>drifted");
	ck_assert_int_eq(end(OUTBOX_REFUSED, now), OUTBOX_GIVEN_UP);
	ck_assert_int_eq(outbox_due(outbox, now + WINDOW), -1);
	outbox_set(outbox, "a", "in-sync", now); /* no difference is left of it */
	outbox_set(outbox, "b", "in-sync", now);
	outbox_set(outbox, "b", "failed", now);
	ck_assert_str_eq(take(now + WINDOW), "b:>failed");
}
END_TEST

START_TEST(a_receiver_may_ask_for_patience)
{
	outbox_set(outbox, "a", "failed", 0);
	ck_assert_str_eq(take(WINDOW), "a:>failed");
	ck_assert_int_eq(outbox_end(outbox, OUTBOX_RETRY, 30000, 0, WINDOW), OUTBOX_AGAIN);
	ck_assert_int_eq(outbox_due(outbox, WINDOW), 30000);
	ck_assert_str_eq(take(WINDOW + 30000), "a:>failed");
	ck_assert_int_eq(outbox_end(outbox, OUTBOX_RETRY, INT64_MAX, 0, 100000), OUTBOX_AGAIN);
	ck_assert_int_eq(outbox_due(outbox, 100000), OUTBOX_WAIT_MOST_MS);
	ck_assert_str_eq(take(100000 + OUTBOX_WAIT_MOST_MS), "a:>failed");
	ck_assert_int_eq(outbox_end(outbox, OUTBOX_RETRY, 0, 999, 100000), OUTBOX_AGAIN);
	ck_assert_int_gt(outbox_due(outbox, 100000), 32000); /* spread */
	ck_assert_int_lt(outbox_due(outbox, 100000), 40001);
}
END_TEST

START_TEST(single_ones_go_in_their_order_at_a_bounded_rate)
{
	open_outbox(&(struct outbox_options){.single = true, .burst = 2, .refill_ms = 8000});
	outbox_set(outbox, "c", "1 success", 100000);
	outbox_set(outbox, "a", "1 failure", 100001);
	outbox_set(outbox, "b", "1 success", 100002);
	ck_assert_str_eq(take(100010), "c:>1 success");
	outbox_set(outbox, "a", "2 success", 100011);                   /* the newest wins, in its place */
	ck_assert_int_eq(end(OUTBOX_REFUSED, 100020), OUTBOX_GIVEN_UP); /* of c alone */
	ck_assert_str_eq(take(100020), "a:>2 success");
	ck_assert_int_eq(end(OUTBOX_DELIVERED, 100030), OUTBOX_GOES_ON);
	ck_assert_int_eq(outbox_due(outbox, 100030), 8000 - 20);
	ck_assert_str_eq(take(108010), "b:>1 success");
	ck_assert_int_eq(end(OUTBOX_DENIED, 108010), OUTBOX_GIVEN_UP);
	check_saved("{\"a\": \"2 success\", \"c\": \"1 success\"}");
	outbox_set(outbox, "a", "2 failure", 200000);
	ck_assert_str_eq(take(200000), "b:>1 success");
	ck_assert_int_eq(end(OUTBOX_DELIVERED, 200000), OUTBOX_GOES_ON);
	outbox_set(outbox, "a", NULL, 200001); /* another revision is in force, of which nothing is known yet */
	ck_assert_int_eq(outbox_due(outbox, 200001), -1);
}
END_TEST

static bool is_a(void *context, const char *name)
{
	(void)context;
	return strcmp(name, "a") == 0;
}

START_TEST(what_was_told_is_kept)
{
	json_t *kept = json_pack("{s:s,s:s,s:s,s:i}", "a", "failed", "b", "drifted", "c", "in-sync", "d", 1);

	outbox_load(outbox, kept);
	json_decref(kept);
	check_saved("{\"a\": \"failed\", \"b\": \"drifted\"}");
	outbox_set(outbox, "a", "failed", 0); /* it was told before the restart */
	ck_assert_int_eq(outbox_due(outbox, 0), -1);
	outbox_set(outbox, "b", "failed", 0); /* this was not */
	ck_assert_str_eq(take(WINDOW), "b:drifted>failed");
	ck_assert_int_eq(end(OUTBOX_DELIVERED, WINDOW), OUTBOX_GOES_ON);
	outbox_set(outbox, "b", "in-sync", WINDOW);
	outbox_prune(outbox, is_a, NULL); /* its spec went while nobody looked */
	check_saved("{\"a\": \"failed\"}");
	ck_assert_int_eq(outbox_due(outbox, WINDOW), -1);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("outbox");
	TCase *tcase = tcase_create("outbox");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, what_came_to_pass_is_told_once);
	tcase_add_test(tcase, a_change_is_told_once);
	tcase_add_test(tcase, a_storm_is_one_message);
	tcase_add_test(tcase, what_changes_on_the_way_is_told_behind_it);
	tcase_add_test(tcase, what_fails_is_tried_again_and_given_up);
	tcase_add_test(tcase, a_receiver_may_ask_for_patience);
	tcase_add_test(tcase, single_ones_go_in_their_order_at_a_bounded_rate);
	tcase_add_test(tcase, what_was_told_is_kept);
	suite_add_tcase(suite, tcase);
	return suite;
}
