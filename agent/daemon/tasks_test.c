/* With a clock, a source and runs of its own: the last two are this file's in place of the library's. */
#include "daemon/tasks.h"

#include "base/test_main.h"
#include "daemon/job.h"

#include <event2/event.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#define RIGHT ((time_t)1764000000)
#define AHEAD (RIGHT + (time_t)365 * 86400)
#define HOUR 3600
#define MANY 100

static const struct source_spec specs[] = {{.name = "chat", .file = "chat.yaml", .sha256 = "1"},
                                           {.name = "docs", .file = "docs.yaml", .sha256 = "2"}};
static struct source_revision revision;
static const struct agent_config config = {.schedule = {.present = true, .every = HOUR}, .concurrency = 1};

static char directory[64];
static struct event_base *base;
static struct state *state;
static struct tasks *tasks;
static time_t clock_is;
static struct job_callbacks running; /* of the run that is under way */

const struct source_revision *source_current(const struct source *source)
{
	(void)source;
	return &revision;
}

const struct source_revision *source_hold(struct source *source)
{
	(void)source;
	return &revision;
}

void source_release(const struct source_revision *held)
{
	(void)held;
}

int job_start(struct event_base *on, const struct job_options *options, const struct job_callbacks *callbacks,
              struct job **job, struct error *err)
{
	static char one;

	(void)on, (void)options, (void)err;
	running = *callbacks;
	*job = (struct job *)&one;
	return 0;
}

void job_stop(struct job *job)
{
	(void)job;
}

void job_kill(struct job *job)
{
	(void)job;
}

static time_t read_clock(void)
{
	return clock_is;
}

static void ignore(void *context)
{
	(void)context;
}

static void set_up(void)
{
	struct tasks_options options = {.directory = directory, .started = ignore, .idle = ignore, .now = read_clock};
	struct error err;

	snprintf(directory, sizeof(directory), "/tmp/trueup-tasks.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	options.base = base = event_base_new();
	options.state = state = state_new();
	clock_is = AHEAD;
	revision = (struct source_revision){.specs = specs, .spec_count = 1};
	tasks = tasks_new(&options, &config, &err);
	ck_assert_ptr_nonnull(tasks);
	tasks_take(tasks, NULL, NULL);
	ck_assert_uint_eq(tasks_running(tasks), 1);
}

static int remove_one(const char *path, const struct stat *st, int what, struct FTW *at)
{
	(void)st, (void)what, (void)at;
	return remove(path);
}

static void tear_down(void)
{
	tasks_free(tasks);
	state_free(state);
	event_base_free(base);
	ck_assert_int_eq(nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static void end_run(int exit_code)
{
	struct state_run run = {.trigger = "schedule", .problem = "it could not", .exit = exit_code};

	running.ended(running.context, &run);
}

/* As when the timer wakes, which it does once somebody sets the clock. */
static void set_clock(time_t now)
{
	clock_is = now;
	tasks_take(tasks, NULL, NULL);
}

static time_t next_run(void)
{
	return state_find(state, "chat")->next_run_at;
}

static size_t count_failed(void)
{
	size_t i, failed = 0;

	for (i = 0; i < state_count(state); i++)
		failed += state_at(state, i)->word == STATE_FAILED;
	return failed;
}

/* What is said of each is synced to the disk: never of all in one turn of the loop. */
START_TEST(many_are_distrusted_a_few_at_a_time)
{
	struct source_spec many[MANY];
	char names[MANY][8];
	size_t i, before;

	for (i = 0; i < MANY; i++) {
		snprintf(names[i], sizeof(names[i]), "d%02zu", i);
		many[i] = (struct source_spec){.name = names[i], .file = "d.yaml", .sha256 = "1"};
	}
	end_run(1);
	revision = (struct source_revision){
	    .commit = "1", .specs = many, .spec_count = MANY, .distrust = "its key was struck off"};
	tasks_take(tasks, NULL, NULL);
	ck_assert_uint_eq(state_count(state), MANY);
	ck_assert_uint_eq(count_failed(), 0);
	for (before = 0; before < MANY; before = count_failed()) {
		event_base_loop(base, EVLOOP_ONCE);
		ck_assert_uint_gt(count_failed(), before);
		ck_assert_uint_le(count_failed(), before + 10);
	}
	ck_assert_str_eq(state_at(state, 0)->reason, revision.distrust);
	ck_assert_int_eq(state_at(state, 0)->next_run_at, 0);
	revision.distrust = NULL;
	tasks_take(tasks, NULL, NULL);
	ck_assert_uint_eq(tasks_running(tasks), 1);
}
END_TEST

START_TEST(a_clock_that_is_set_back_puts_off_no_run)
{
	end_run(0);
	ck_assert_int_eq(next_run(), AHEAD + HOUR);
	set_clock(RIGHT);
	ck_assert_int_eq(next_run(), RIGHT + HOUR);
	set_clock(RIGHT + HOUR);
	ck_assert_uint_eq(tasks_running(tasks), 1);
}
END_TEST

START_TEST(a_run_that_began_ahead_of_time_is_followed_by_one)
{
	set_clock(RIGHT);
	end_run(0);
	ck_assert_int_eq(next_run(), RIGHT + HOUR);
}
END_TEST

START_TEST(what_was_asked_for_ahead_of_time_is_due_at_once)
{
	struct error err;

	revision.spec_count = 2; /* and there is no room for the second */
	set_clock(AHEAD);
	ck_assert_int_eq(tasks_request(tasks, "docs", "person", &err), 0);
	ck_assert_int_eq(state_find(state, "docs")->next_run_at, AHEAD);
	set_clock(RIGHT);
	ck_assert_int_eq(state_find(state, "docs")->next_run_at, RIGHT);
	end_run(0);
	ck_assert_str_eq(state_find(state, "docs")->running->trigger, "person");
}
END_TEST

/* Nor is a retry put off by a clock that is set back a second again and again. */
START_TEST(a_retry_is_never_put_off)
{
	time_t due;
	int i;

	end_run(1);
	due = next_run();
	ck_assert_int_le(due, AHEAD + 72);
	for (i = 1; i <= 20; i++) {
		set_clock(AHEAD - i);
		ck_assert_int_le(next_run(), due);
		due = next_run();
	}
	set_clock(RIGHT);
	ck_assert_int_le(next_run(), RIGHT + 72);
	ck_assert_int_ge(next_run(), RIGHT + 48);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("tasks");
	TCase *tcase = tcase_create("tasks");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, a_clock_that_is_set_back_puts_off_no_run);
	tcase_add_test(tcase, a_run_that_began_ahead_of_time_is_followed_by_one);
	tcase_add_test(tcase, what_was_asked_for_ahead_of_time_is_due_at_once);
	tcase_add_test(tcase, a_retry_is_never_put_off);
	tcase_add_test(tcase, many_are_distrusted_a_few_at_a_time);
	suite_add_tcase(suite, tcase);
	return suite;
}
