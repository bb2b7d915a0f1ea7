#include "daemon/state.h"

#include "base/test_main.h"
#include "daemon/api.h"
#include "daemon/memory.h"
#include "daemon/state_judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct state *state;
static struct arena *arena;
static char told[1024];

static void take_event(void *context, const struct state_event *event)
{
	static const char *const words[] = {"deployment", "gone", "progress", "ended", "source", "agent"};
	size_t length = strlen(told);

	(void)context;
	snprintf(told + length, sizeof(told) - length, "%s%s%s ", words[event->change],
	         event->deployment != NULL ? ":" : "", event->deployment != NULL ? event->deployment->name : "");
}

static void save(void *context, const struct state_event *event)
{
	if (event->change == STATE_CHANGED_ENDED)
		memory_save(context, event->deployment, event->run);
}

static void set_up(void)
{
	arena = arena_new();
	state = state_new();
	told[0] = '\0';
}

static void tear_down(void)
{
	state_free(state);
	arena_free(arena);
}

/* A report with one resource and one action. An empty word for one that is not there. */
static json_t *make_report(const char *resource, const char *action)
{
	json_t *actions = json_array(), *count = json_object();

	if (*action != '\0') {
		json_array_append_new(actions, json_pack("{s:s,s:s,s:s,s:s}", "id", "users/g/add", "state", action,
		                                         "waitsFor", "a person", "error", "access denied"));
		json_object_set_new(count, action, json_integer(1));
	}
	return json_pack("{s:{s:i,s:i,s:o},s:[{s:s,s:s,s:s,s:s,s:o}]}", "summary", "drifted",
	                 strcmp(resource, "drifted") == 0, "unknown", strcmp(resource, "unknown") == 0, "actions",
	                 count, "resources", "kind", "users", "name", "g", "state", resource, "reason",
	                 "one is missing", "actions", actions);
}

static void run(const char *name, json_t *report, int exit_code, time_t now)
{
	char *text = report != NULL ? json_dumps(report, JSON_COMPACT) : NULL;
	struct state_run done = {.trigger = "schedule",
	                         .started_at = now - 1,
	                         .finished_at = now,
	                         .duration_ms = 1000,
	                         .exit = exit_code,
	                         .report = report,
	                         .report_text = text,
	                         .problem = report != NULL ? "" : "was killed by signal 11"};

	state_begin_run(state, name, "schedule", now - 1);
	state_end_run(state, name, &done);
	free(text);
	json_decref(report);
}

START_TEST(reports_are_judged)
{
	static const struct {
		const char *resource, *action;
		enum state_word word;
		const char *reason;
	} cases[] = {
	    {"in-sync", "", STATE_IN_SYNC, ""},
	    {"in-sync", "done", STATE_IN_SYNC, ""},
	    {"drifted", "", STATE_DRIFTED, "users g: one is missing"},
	    {"drifted", "planned", STATE_DRIFTED, "users g: one is missing"},
	    {"drifted", "blocked", STATE_DRIFTED, "users/g/add: a person"},
	    {"drifted", "waiting", STATE_WAITING, "users/g/add: a person"},
	    {"drifted", "failed", STATE_FAILED, "users/g/add: access denied"},
	    {"unknown", "", STATE_UNKNOWN, "users g: one is missing"},
	    {"unknown", "failed", STATE_FAILED, "users/g/add: access denied"},
	};
	json_t *report = make_report(cases[_i].resource, cases[_i].action);
	const char *reason;

	ck_assert_int_eq(state_judge_report(arena, report, &reason), cases[_i].word);
	ck_assert_str_eq(reason, cases[_i].reason);
	json_decref(report);
}
END_TEST

/* Only what was done is worth a line, and the line has an end. */
START_TEST(work_is_told_in_one_line)
{
	json_t *report = make_report("in-sync", "done"), *resource, *actions;
	int i;

	ck_assert_str_eq(state_judge_work(arena, NULL), "");
	ck_assert_str_eq(state_judge_work(arena, report), "1 action done: users/g/add");
	resource = json_array_get(json_object_get(report, "resources"), 0);
	json_object_set_new(resource, "found", json_pack("[{s:s}]", "path", "members/a"));
	actions = json_object_get(resource, "actions");
	json_array_append_new(actions, json_pack("{s:s,s:s}", "id", "users/g/remove", "state", "blocked"));
	for (i = 0; i < 6; i++)
		json_array_append_new(actions,
		                      json_pack("{s:o,s:s}", "id", json_sprintf("users/g/%d", i), "state", "done"));
	json_object_set_new(json_object_get(json_object_get(report, "summary"), "actions"), "done", json_integer(7));
	ck_assert_str_eq(state_judge_work(arena, report), "1 drifted, 7 actions done: users/g/add, users/g/0, "
	                                                  "users/g/1, users/g/2, users/g/3 and 2 more");
	json_decref(report);
	report = make_report("drifted", "blocked");
	ck_assert_str_eq(state_judge_work(arena, report), "");
	json_decref(report);
}
END_TEST

START_TEST(since_is_when_it_came_about)
{
	const struct state_deployment *at;

	state_put(state, "a", "a.yaml", AGENT_MODE_APPLY);
	at = state_find(state, "a");
	ck_assert_int_eq(at->word, STATE_NEVER);
	run("a", make_report("drifted", "blocked"), 2, 100);
	run("a", make_report("drifted", "waiting"), 2, 200);
	ck_assert_int_eq(at->word, STATE_WAITING);
	ck_assert_int_eq(at->since, 200);
	ck_assert_int_eq(at->conditions[0].since, 100); /* the condition is what it was */
	run("a", make_report("drifted", "waiting"), 2, 300);
	ck_assert_int_eq(at->since, 200);
	run("a", NULL, 1, 400);
	ck_assert_int_eq(at->word, STATE_FAILED);
	ck_assert_str_eq(at->reason, "was killed by signal 11");
	ck_assert_uint_eq(at->condition_count, 1); /* what was known stays */
	run("a", NULL, 1, 500);
	ck_assert_int_eq(at->failures, 2);
	run("a", make_report("in-sync", ""), 75, 600); /* another run holds it: nothing is known, nothing failed */
	ck_assert_int_eq(at->failures, 2);
	ck_assert_int_eq(at->word, STATE_FAILED);
	run("a", make_report("in-sync", "done"), 0, 700);
	ck_assert_int_eq(at->failures, 0);
	ck_assert_int_eq(at->last_success_at, 700);
	ck_assert_int_eq(at->actions.done, 1);
	ck_assert_int_eq(at->conditions[0].since, 700);
	run("a", json_pack("{s:s}", "mode", "paused"), 0, 800); /* no success: nobody looked */
	ck_assert_int_eq(at->word, STATE_PAUSED);
	ck_assert_int_eq(at->last_success_at, 700);
	run("a", make_report("in-sync", "done"), 0, 900);
	ck_assert_str_eq(at->reason, "");
}
END_TEST

START_TEST(who_watches_is_told)
{
	struct state_progress progress = {.action = "x", .state = "planned", .text = "", .done = 1, .unit = "rows"};

	state_observe(state, (struct state_observer){take_event, state});
	state_put(state, "b", "b.yaml", AGENT_MODE_APPLY);
	state_put(state, "b", "b.yaml", AGENT_MODE_APPLY); /* nothing new */
	state_put(state, "a", "a.yaml", AGENT_MODE_OBSERVE);
	state_plan_run(state, "a", 50);
	state_add_progress(state, "a", &progress); /* nothing runs */
	state_begin_run(state, "a", "person", 60);
	state_add_progress(state, "a", &progress);
	progress.done = 2;
	state_add_progress(state, "a", &progress);
	ck_assert_uint_eq(state_find(state, "a")->running->progress_count, 1);
	ck_assert_int_eq(state_find(state, "a")->running->progress[0].done, 2);
	ck_assert_str_eq(state_at(state, 0)->name, "a");
	run("a", make_report("in-sync", ""), 0, 100);
	ck_assert_ptr_null(state_find(state, "a")->running);
	state_remove(state, "b");
	ck_assert_ptr_null(state_find(state, "b"));
	state_unobserve(state, state);
	state_remove(state, "a");
	ck_assert_str_eq(told, "deployment:b deployment:a deployment:a deployment:a progress:a progress:a "
	                       "deployment:a ended:a deployment:a gone:b ");
}
END_TEST

START_TEST(the_past_is_taken_up_in_silence)
{
	char directory[] = "/tmp/trueup-memory-XXXXXX";
	const struct state_deployment *at;
	struct state *later = state_new();

	ck_assert_ptr_nonnull(mkdtemp(directory));
	state_put(state, "a", "a.yaml", AGENT_MODE_APPLY);
	run("a", make_report("in-sync", ""), 0, 50);
	run("a", make_report("drifted", "blocked"), 2, 100);
	run("a", make_report("drifted", "waiting"), 2, 200);
	state_observe(state, (struct state_observer){save, directory});
	run("a", make_report("drifted", "waiting"), 2, 300);
	state_put(later, "a", "a.yaml", AGENT_MODE_APPLY);
	state_put(later, "new", "new.yaml", AGENT_MODE_APPLY);
	state_observe(later, (struct state_observer){take_event, later});
	memory_load(directory, "a", later);
	memory_load(directory, "new", later);
	ck_assert_str_eq(told, "");
	at = state_find(later, "a");
	ck_assert_int_eq(at->word, STATE_WAITING);
	ck_assert_str_eq(at->reason, "users/g/add: a person");
	ck_assert_int_eq(at->since, 200);
	ck_assert_int_eq(at->last_run_at, 299);
	ck_assert_int_eq(at->last_success_at, 50);
	ck_assert_uint_eq(at->condition_count, 1);
	ck_assert_int_eq(at->conditions[0].since, 100);
	ck_assert_str_eq(at->report, state_find(state, "a")->report);
	ck_assert_int_eq(state_find(later, "new")->word, STATE_NEVER);

	run("a", NULL, 1, 400); /* a failure, with the report of before */
	state_free(later);
	later = state_new();
	state_put(later, "a", "a.yaml", AGENT_MODE_APPLY);
	memory_load(directory, "a", later);
	at = state_find(later, "a");
	ck_assert_int_eq(at->word, STATE_FAILED);
	ck_assert_str_eq(at->reason, "was killed by signal 11");
	ck_assert_int_eq(at->since, 400);
	ck_assert_int_eq(at->failures, 1);
	ck_assert_uint_eq(at->condition_count, 1);
	state_free(later);
}
END_TEST

START_TEST(what_is_no_utf8_takes_nothing_along)
{
	const struct state_source source = {
	    .where = "/specs", .error = "a\377b", .refused_revision = "1", .refused_reason = "c\300"};
	json_t *object = api_source(&source);

	ck_assert_str_eq(json_string_value(json_object_get(object, "error")), "a?b");
	ck_assert_str_eq(json_string_value(json_object_get(json_object_get(object, "refused"), "reason")), "c?");
	json_decref(object);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("state");
	TCase *tcase = tcase_create("state");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, reports_are_judged, 0, 9);
	tcase_add_test(tcase, work_is_told_in_one_line);
	tcase_add_test(tcase, since_is_when_it_came_about);
	tcase_add_test(tcase, who_watches_is_told);
	tcase_add_test(tcase, the_past_is_taken_up_in_silence);
	tcase_add_test(tcase, what_is_no_utf8_takes_nothing_along);
	suite_add_tcase(suite, tcase);
	return suite;
}
