/* Who is told by whom: with a program in place of the one that delivers, which writes down what it was given. */
#include "daemon/notify.h"

#include "base/file.h"
#include "base/test_main.h"
#include "daemon/git_kept.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SIZE 128

static struct arena *arena;
static struct event_base *base;
static struct state *state;
static struct notify *notify;
static char directory[64], program[PATH_SIZE], told[PATH_SIZE];
static struct agent_notify targets[2] = {{.name = "team", .webhook = {.present = true, .url = "http://team"}},
                                         {.name = "other", .slack = {.present = true, .url_file = "url"}}};
static struct agent_config one = {.notify = targets, .notify_count = 1}, both = {.notify = targets, .notify_count = 2},
                           none = {0};

/* It answers what it is told to. */
static void set_program(const char *answer)
{
	FILE *file = fopen(program, "we");

	ck_assert_ptr_nonnull(file);
	fprintf(file, "#!/bin/sh\ncat >>%s\necho >>%s\necho '%s'\n", told, told, answer);
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_eq(chmod(program, 0700), 0);
}

static void set_up(void)
{
	snprintf(directory, sizeof(directory), "/tmp/trueup-notify-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(program, sizeof(program), "%s/deliver", directory);
	snprintf(told, sizeof(told), "%s/requests", directory);
	set_program("{\"outcome\":\"delivered\",\"waitMs\":0,\"problem\":\"\"}");
	arena = arena_new();
	base = event_base_new();
	state = state_new();
	state_put(state, "a", "a.yaml", AGENT_MODE_APPLY);
	state_put(state, "b", "b.yaml", AGENT_MODE_APPLY);
}

static void begin(const struct agent_config *config)
{
	const struct notify_options options = {
	    .base = base, .state = state, .directory = directory, .program = program};

	notify = notify_new(&options, config);
}

static void tear_down(void)
{
	notify_free(notify);
	notify = NULL;
	state_free(state);
	event_base_free(base);
	arena_free(arena);
	git_kept_remove(directory);
}

/* NULL: it came to no report. */
static void run(const char *name, const char *problem)
{
	json_t *report =
	    json_pack("{s:{s:i,s:i,s:{}},s:[]}", "summary", "drifted", 0, "unknown", 0, "actions", "resources");
	struct state_run done = {.trigger = "schedule",
	                         .started_at = 100,
	                         .finished_at = 200,
	                         .exit = problem == NULL ? 0 : 1,
	                         .report = problem == NULL ? report : NULL,
	                         .report_text = "{}",
	                         .problem = problem != NULL ? problem : ""};

	state_end_run(state, name, &done);
	json_decref(report);
}

static void pause_run(const char *name)
{
	json_t *report = json_pack("{s:s}", "mode", "paused");
	struct state_run done = {.trigger = "schedule", .report = report, .report_text = "{}", .problem = ""};

	state_end_run(state, name, &done);
	json_decref(report);
}

/* With one action done. */
static void repair_run(const char *name, const char *trigger, time_t now)
{
	json_t *report = json_pack("{s:{s:i,s:i,s:{s:i}},s:[{s:[{s:s,s:s}]}]}", "summary", "drifted", 0, "unknown", 0,
	                           "actions", "done", 1, "resources", "actions", "id", "users/g/add", "state", "done");
	struct state_run done = {
	    .trigger = trigger, .finished_at = now, .report = report, .report_text = "{}", .problem = ""};

	state_end_run(state, name, &done);
	json_decref(report);
}

static void wake(evutil_socket_t fd, short what, void *context)
{
	(void)fd, (void)what, (void)context;
}

static int64_t count_attempts(void)
{
	int64_t count = 0;
	size_t i;

	for (i = 0; i < notify_count(notify); i++) {
		const struct notify_tally tally = notify_tally_at(notify, i);

		count += tally.delivered + tally.retried + tally.failed;
	}
	return count;
}

/* Until so many attempts more have ended; 0: a while, in which none does. */
static void pass(int64_t attempts)
{
	const struct timeval tick = {.tv_usec = 20000};
	struct event *timer = event_new(base, -1, EV_PERSIST, wake, NULL);
	int64_t before = count_attempts();
	int ticks;

	evtimer_add(timer, &tick);
	for (ticks = 0; ticks < (attempts > 0 ? 1500 : 10) && count_attempts() < before + (attempts > 0 ? attempts : 1);
	     ticks++)
		event_base_loop(base, EVLOOP_ONCE);
	event_free(timer);
	ck_assert_int_eq(count_attempts(), before + attempts);
}

/* How often the requests so far have this text. */
static int count_told(const char *text)
{
	char *all = NULL;
	struct error err;
	int count = 0;

	if (file_read(arena, told, 1000000, &all, NULL, &err) != 0)
		return 0;
	for (all = strstr(all, text); all != NULL; all = strstr(all + 1, text))
		count++;
	return count;
}

START_TEST(those_who_stay_know_what_they_knew)
{
	begin(&one);
	run("a", NULL);
	pass(0);
	ck_assert_int_eq(count_told("http://team"), 0);
	run("a", "it fell");
	run("b", "it fell, too");
	pass(1);
	ck_assert_int_eq(count_told("http://team"), 1);
	ck_assert_int_eq(count_told("2 deployments have changed: 2 failed"), 1);
	run("a", "it fell again");
	notify_reload(notify, &both); /* a new one is told what is wrong now */
	pass(1);
	ck_assert_int_eq(count_told("http://team"), 1);
	ck_assert_int_eq(count_told("\"urlFile\":\"url\""), 1);
	ck_assert_uint_eq(notify_count(notify), 2);
	notify_free(notify);
	begin(&both); /* a restart */
	run("a", "it fell once more");
	pass(0);
	ck_assert_int_eq(count_told("Idempotency-Key"), 2);
	notify_reload(notify, &one); /* whoever went knows nothing when he is back */
	notify_reload(notify, &both);
	pass(1);
	ck_assert_int_eq(count_told("\"urlFile\":\"url\""), 2);
	state_remove(state, "a");
	run("b", NULL);
	pass(2);
	ck_assert_int_eq(count_told("b: in-sync (was failed)"), 2);
	notify_reload(notify, &none);
	ck_assert_uint_eq(notify_count(notify), 0);
}
END_TEST

/* Nobody hears of a pause but whoever was told that something is wrong. */
START_TEST(a_pause_ends_trouble_and_is_none)
{
	begin(&one);
	run("a", "it fell");
	pass(1);
	pause_run("a");
	pause_run("b");
	pass(1);
	ck_assert_int_eq(count_told("trueup: a: paused (was failed): spec.mode is paused"), 1);
	run("a", NULL);
	run("b", NULL);
	pass(0);
}
END_TEST

/* Also where nobody was told of any drift: it was found and put right by one run. */
START_TEST(a_repair_is_told_once)
{
	begin(&one);
	repair_run("a", "start", 100); /* what is done at first was never right */
	pass(0);
	repair_run("a", "schedule", 200);
	repair_run("b", "start", 200);
	pass(1);
	ck_assert_int_eq(count_told("trueup: a: repaired: 1 action done: users/g/add"), 1);
	run("a", NULL);
	notify_reload(notify, &one);
	pass(0);
	repair_run("a", "source", 300);
	pass(1);
	ck_assert_int_eq(count_told("trueup: a: applied: 1 action done: users/g/add"), 1);
	repair_run("a", "schedule", 400);
	state_remove(state, "a");
	pass(0);
	notify_free(notify);
	begin(&one);
	pass(0);
}
END_TEST

START_TEST(what_is_given_up_is_tried_with_a_new_configuration)
{
	begin(&one);
	set_program("{\"outcome\":\"denied\",\"waitMs\":0,\"problem\":\"no\"}");
	run("a", "it fell");
	pass(1);
	ck_assert_int_eq(notify_tally_at(notify, 0).failed, 1);
	run("a", "it fell again");
	pass(0);
	ck_assert_int_eq(count_told("http://team"), 1);
	set_program("nonsense");
	notify_reload(notify, &one);
	pass(1);
	ck_assert_int_eq(notify_tally_at(notify, 0).retried, 1);
	set_program("{\"outcome\":\"delivered\",\"waitMs\":0,\"problem\":\"\"}");
	notify_reload(notify, &one);
	pass(1);
	ck_assert_int_eq(notify_tally_at(notify, 0).delivered, 1);
	ck_assert_int_eq(count_told("http://team"), 3);
}
END_TEST

START_TEST(an_end_of_runs_with_the_agent_is_no_news)
{
	begin(&one);
	state_set_agent(state, &(struct state_agent){.ready = true, .stopping = true});
	run("a", "the run was ended, since the agent was told to stop");
	pass(0);
	ck_assert_int_eq(count_told("http://team"), 0);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("notify");
	TCase *tcase = tcase_create("notify");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, those_who_stay_know_what_they_knew);
	tcase_add_test(tcase, a_pause_ends_trouble_and_is_none);
	tcase_add_test(tcase, a_repair_is_told_once);
	tcase_add_test(tcase, what_is_given_up_is_tried_with_a_new_configuration);
	tcase_add_test(tcase, an_end_of_runs_with_the_agent_is_no_news);
	suite_add_tcase(suite, tcase);
	return suite;
}
