#include "daemon/message.h"

#include "base/test_main.h"

#include <stdio.h>
#include <string.h>

static struct state_condition conditions[] = {{"users", "g", "drifted", "one is missing", 50},
                                              {"bots", "b", "unknown", "access denied", 50},
                                              {"account", "1", "in-sync", "", 50}};

static struct state_deployment make(const char *name, enum state_word word, const char *reason)
{
	return (struct state_deployment){.name = name,
	                                 .spec = "a.yaml",
	                                 .word = word,
	                                 .reason = reason,
	                                 .since = 1767225600,
	                                 .revision = "0123abcd",
	                                 .conditions = conditions,
	                                 .condition_count = 3,
	                                 .actions = {.planned = 1, .blocked = 2}};
}

static void check_json(json_t *json, const char *expected)
{
	char *text = json_dumps(json, 0);

	ck_assert_ptr_nonnull(text);
	ck_assert_str_eq(text, expected);
	free(text);
	json_decref(json);
}

static json_t *message_of(struct message_change *changes, size_t count, time_t now)
{
	return message_make("team", &(struct message_news){.changes = changes, .count = count}, now);
}

static const char *text_of(const json_t *message)
{
	return json_string_value(json_object_get(message, "text"));
}

START_TEST(a_message_says_what_changed_and_why)
{
	struct state_deployment at = make("production", STATE_DRIFTED, "users g: one is missing");
	struct message_change change = {"in-sync", &at};
	json_t *message = message_of(&change, 1, 1767225660);
	json_t *again = message_of(&change, 1, 1767225999);

	ck_assert_str_eq(text_of(message), "trueup: production: drifted (was in-sync): users g: one is missing");
	ck_assert(json_equal(json_object_get(message, "id"), json_object_get(again, "id"))); /* whenever it is sent */
	json_decref(again);
	at.since++;
	again = message_of(&change, 1, 1767225660);
	ck_assert(!json_equal(json_object_get(message, "id"), json_object_get(again, "id"))); /* it drifted anew */
	json_decref(again);
	json_object_set_new(message, "id", json_string("ID"));
	check_json(message,
	           "{\"schema\": \"trueup/notification/v1\", \"id\": \"ID\", \"target\": \"team\", "
	           "\"sentAt\": \"2026-01-01T00:01:00Z\", "
	           "\"text\": \"trueup: production: drifted (was in-sync): users g: one is missing\", "
	           "\"specs\": null, \"changes\": [{\"deployment\": \"production\", \"from\": \"in-sync\", "
	           "\"to\": \"drifted\", "
	           "\"reason\": \"users g: one is missing\", \"since\": \"2026-01-01T00:00:00Z\", "
	           "\"revision\": \"0123abcd\", \"drifted\": 1, \"unknown\": 1, \"actions\": {\"planned\": 1, "
	           "\"done\": 0, \"waiting\": 0, \"blocked\": 2, \"failed\": 0}}], \"more\": 0, \"repairs\": []}");
}
END_TEST

START_TEST(a_storm_is_bounded_and_the_worst_comes_first)
{
	static struct state_deployment many[1000];
	static struct message_change changes[1000];
	static char names[1000][16], reason[2000];
	json_t *message, *list;
	char *text;
	size_t i;

	memset(reason, 'x', sizeof(reason) - 1);
	reason[MESSAGE_REASON_MOST - 4] = '\xc3'; /* "é", across the place of the cut */
	reason[MESSAGE_REASON_MOST - 3] = '\xa9';
	for (i = 0; i < 1000; i++) {
		snprintf(names[i], sizeof(names[i]), "d-%03zu", i);
		many[i] = make(names[i], i == 700 ? STATE_FAILED : STATE_IN_SYNC, i == 700 ? reason : "");
		changes[i] = (struct message_change){"unknown", &many[i]};
	}
	message = message_of(changes, 1000, 0);
	list = json_object_get(message, "changes");
	ck_assert_uint_eq(json_array_size(list), MESSAGE_CHANGES_MOST);
	ck_assert_int_eq(json_integer_value(json_object_get(message, "more")), 1000 - MESSAGE_CHANGES_MOST);
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(list, 0), "deployment")), "d-700");
	ck_assert_int_eq(strncmp(text_of(message),
	                         "trueup: 1000 deployments have changed: 1 failed, 999 in-sync\n"
	                         "d-700: failed (was unknown): xxx",
	                         90),
	                 0);
	ck_assert_ptr_nonnull(strstr(text_of(message), "x…\nd-000: in-sync (was unknown)\n"));
	ck_assert_ptr_nonnull(strstr(text_of(message), "\nand 980 more"));
	text = json_dumps(message, 0);
	ck_assert_uint_lt(strlen(text), 32768);
	free(text);
	json_decref(message);
}
END_TEST

START_TEST(specs_that_are_refused_come_first)
{
	struct state_deployment at[] = {make("one", STATE_IN_SYNC, ""), make("two", STATE_FAILED, "x")};
	struct message_change changes[] = {{"failed", &at[0]}, {"in-sync", &at[1]}};
	const struct message_specs specs = {"in-force", "refused", "0123abcd", "specs are not valid"};
	struct message_news news = {.changes = changes, .specs = &specs};
	json_t *message = message_make("team", &news, 0);

	ck_assert_str_eq(text_of(message), "trueup: specs: refused (was in-force): specs are not valid");
	check_json(json_incref(json_object_get(message, "specs")),
	           "{\"from\": \"in-force\", \"to\": \"refused\", \"revision\": \"0123abcd\", "
	           "\"reason\": \"specs are not valid\"}");
	json_decref(message);
	news.count = 2;
	message = message_make("team", &news, 0);
	ck_assert_str_eq(text_of(message), "trueup: specs: refused (was in-force): specs are not valid\n"
	                                   "2 deployments have changed: 1 failed, 1 in-sync\n"
	                                   "two: failed (was in-sync): x\none: in-sync (was failed)");
	json_decref(message);
}
END_TEST

START_TEST(repairs_are_told_behind_changes)
{
	const struct message_repair repair = {"a", MESSAGE_REPAIRED, "1 action done: users/g/add", 1767225600};
	struct state_deployment at = make("b", STATE_IN_SYNC, "");
	struct message_change change = {"drifted", &at};
	struct message_news news = {.changes = &change, .repairs = &repair, .repair_count = 1};
	json_t *message = message_make("team", &news, 1767225660), *repairs = json_object_get(message, "repairs");

	ck_assert_str_eq(text_of(message), "trueup: a: repaired: 1 action done: users/g/add");
	check_json(json_incref(repairs), "[{\"deployment\": \"a\", \"kind\": \"repaired\", \"at\": "
	                                 "\"2026-01-01T00:00:00Z\", \"what\": \"1 action done: users/g/add\"}]");
	json_decref(message);
	news.count = 1;
	message = message_make("team", &news, 1767225660);
	ck_assert_str_eq(text_of(message), "trueup: b: in-sync (was drifted)\n"
	                                   "a: repaired: 1 action done: users/g/add");
	json_decref(message);
}
END_TEST

START_TEST(slack_shows_it_as_it_is)
{
	struct state_deployment at = make("production", STATE_FAILED, "<!channel> a & b > c *bold*");
	struct message_change change = {"never", &at};
	json_t *message = message_of(&change, 1, 0);

	check_json(message_make_slack(message), "{\"text\": \"trueup: production: failed (was never): "
	                                        "&lt;!channel&gt; a &amp; b &gt; c *bold*\"}");
	json_decref(message);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("message");
	TCase *tcase = tcase_create("message");

	tcase_add_test(tcase, a_message_says_what_changed_and_why);
	tcase_add_test(tcase, a_storm_is_bounded_and_the_worst_comes_first);
	tcase_add_test(tcase, specs_that_are_refused_come_first);
	tcase_add_test(tcase, repairs_are_told_behind_changes);
	tcase_add_test(tcase, slack_shows_it_as_it_is);
	suite_add_tcase(suite, tcase);
	return suite;
}
