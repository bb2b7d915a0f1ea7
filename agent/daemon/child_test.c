#include "daemon/child.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/test_main.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a child said, and what became of it. */
struct scene {
	struct event_base *base;
	struct child *child;
	struct buf lines, events, output;
	struct child_result result;
	char last_line[CHILD_LAST_LINE_MAX], description[256];
	bool ended;
};

static struct scene scene;
static struct error err;

/* Not so a zombie, which waits for whoever inherited it. */
static bool is_running(pid_t pid)
{
	char path[64], state = 'Z';
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "r");
	if (file == NULL)
		return false;
	if (fscanf(file, "%*d %*s %c", &state) != 1) /* NOLINT: of the kernel's */
		state = 'Z';
	fclose(file);
	return state != 'Z';
}

/* Bounded by the test's own time. */
static void await_end(pid_t pid)
{
	while (is_running(pid))
		usleep(1000);
}

static void set_up(void)
{
	scene = (struct scene){.base = event_base_new()};
}

static void tear_down(void)
{
	event_base_free(scene.base);
	buf_free(&scene.lines);
	buf_free(&scene.events);
	buf_free(&scene.output);
}

static void take_line(void *context, const char *line)
{
	(void)context;
	buf_printf(&scene.lines, "[%s]", line);
}

static void take_event(void *context, const char *line)
{
	(void)context;
	buf_printf(&scene.events, "[%s]", line);
}

static void take_end(void *context, const struct child_result *result)
{
	(void)context;
	ck_assert(!scene.ended);
	scene.ended = true;
	scene.result = *result;
	snprintf(scene.last_line, sizeof(scene.last_line), "%s", result->last_line);
	buf_append(&scene.output, result->output, result->length);
	process_describe(&result->outcome, scene.description, sizeof(scene.description));
	event_base_loopexit(scene.base, NULL);
}

static const struct child_callbacks callbacks = {.line = take_line, .event = take_event, .ended = take_end};

static struct child_options shell(const char *const argv[])
{
	return (struct child_options){.argv = argv, .output_max = 1000, .timeout_ms = 10000, .grace_ms = 5000};
}

static void start(const struct child_options *options)
{
	ck_assert_msg(child_start(scene.base, options, &callbacks, &scene.child, &err) == 0, "%s", err.message);
	ck_assert(!scene.ended);
}

static void run(const struct child_options *options)
{
	start(options);
	event_base_dispatch(scene.base);
	ck_assert(scene.ended);
}

/* Whose number it sent as an event. */
static pid_t find_worker(void)
{
	pid_t worker = atoi(buf_text(&scene.events) + 1);

	ck_assert_int_gt(worker, 0);
	return worker;
}

#define SHELL(script_)                                                                                                 \
	(const char *const[])                                                                                          \
	{                                                                                                              \
		"sh", "-c", (script_), NULL                                                                            \
	}

START_TEST(streams_and_exit_come_apart)
{
	struct child_options options =
	    shell(SHELL("echo out; echo err >&2; echo event >&3; printf 'rest\\377' >&2; exit 7"));

	run(&options);
	ck_assert_str_eq(buf_text(&scene.output), "out\n");
	ck_assert_str_eq(buf_text(&scene.lines), "[err][rest?]");
	ck_assert_str_eq(buf_text(&scene.events), "[event]");
	ck_assert_int_eq(scene.result.outcome.ending, PROCESS_EXITED);
	ck_assert_int_eq(scene.result.outcome.code, 7);
	ck_assert_str_eq(scene.last_line, "rest?");
	ck_assert(scene.result.peak_kib > 0);
}
END_TEST

START_TEST(it_gets_its_input_environment_and_directory)
{
	static const char *const environment[] = {"TRUEUP_TEST=added", "HOME=/elsewhere", NULL};
	struct child_options options =
	    shell(SHELL("cat; echo \" $TRUEUP_TEST $HOME $PWD$NOTIFY_SOCKET\"; ls /proc/$$/fd; true"));
	size_t length = 300000;
	char *input = malloc(length);

	ck_assert_int_eq(setenv("NOTIFY_SOCKET", "/ours", 1), 0);

	memset(input, 'x', length);
	options.input = input;
	options.input_length = length;
	options.environment = environment;
	options.directory = "/";
	options.output_max = length + 100;
	run(&options);
	ck_assert_uint_eq(scene.result.length > length, 1);
	/* Its streams and the events, and nothing else of ours. */
	ck_assert_str_eq(buf_text(&scene.output) + length, " added /elsewhere /\n0\n1\n2\n3\n");
	free(input);
}
END_TEST

START_TEST(what_cannot_start_is_told)
{
	struct child_options options = shell((const char *const[]){"no-such-program", NULL});

	ck_assert_int_eq(child_start(scene.base, &options, &callbacks, &scene.child, &err), -1);
	ck_assert_int_eq(err.code, ERROR_NOT_FOUND);
	options = shell(SHELL("true"));
	options.directory = "/no/such/directory";
	ck_assert_int_eq(child_start(scene.base, &options, &callbacks, &scene.child, &err), -1);
	ck_assert_int_eq(err.code, ERROR_NOT_FOUND);
	ck_assert(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD); /* none is left */
}
END_TEST

START_TEST(a_deadline_ends_it_in_order)
{
	struct child_options options = shell(SHELL("trap 'echo bye; exit 3' TERM; sleep 60 & wait"));

	options.timeout_ms = 300;
	run(&options);
	ck_assert_str_eq(buf_text(&scene.output), "bye\n");
	ck_assert_int_eq(scene.result.outcome.ending, PROCESS_TIMED_OUT);
	ck_assert_int_eq(scene.result.outcome.code, 3);
}
END_TEST

START_TEST(who_does_not_heed_it_is_killed_with_its_children)
{
	struct child_options options = shell(SHELL("trap '' TERM; sleep 60 & echo $! >&3; while :; do sleep 60; done"));

	options.timeout_ms = 300;
	options.grace_ms = 100;
	run(&options);
	ck_assert_int_eq(scene.result.outcome.ending, PROCESS_TIMED_OUT);
	ck_assert_int_eq(scene.result.outcome.code, SIGKILL);
	await_end(find_worker());
}
END_TEST

START_TEST(a_stream_that_a_stray_child_keeps_open_is_not_waited_for)
{
	struct child_options options = shell(SHELL("sleep 60 & echo done"));

	run(&options);
	ck_assert_str_eq(buf_text(&scene.output), "done\n");
	ck_assert_int_eq(scene.result.outcome.ending, PROCESS_EXITED);
	ck_assert_int_eq(scene.result.outcome.code, 0);
}
END_TEST

START_TEST(a_worker_that_it_may_leave_is_let_finish)
{
	struct child_options options = shell(SHELL("{ sleep 2.5; echo sent >&2; } & exit 0"));

	options.leaves_workers = true;
	run(&options);
	ck_assert_int_eq(scene.result.outcome.ending, PROCESS_EXITED);
	ck_assert_str_eq(scene.last_line, "sent"); /* longer than a stray child is given */
}
END_TEST

START_TEST(a_worker_that_takes_longer_is_left_alone)
{
	struct child_options options = shell(SHELL("sleep 60 & echo $! >&3"));
	pid_t worker;

	options.leaves_workers = true;
	options.timeout_ms = 2000;
	run(&options);
	ck_assert_int_eq(scene.result.outcome.ending, PROCESS_EXITED);
	worker = find_worker();
	ck_assert(is_running(worker));
	kill(worker, SIGKILL);
}
END_TEST

START_TEST(none_is_left_by_one_that_failed)
{
	struct child_options options = shell(SHELL("sleep 60 & echo $! >&3; exit 1"));

	options.leaves_workers = true;
	run(&options);
	ck_assert_int_eq(scene.result.outcome.code, 1);
	await_end(find_worker());
}
END_TEST

START_TEST(output_is_bounded)
{
	struct child_options options = shell(SHELL("yes"));

	run(&options);
	ck_assert(scene.result.too_long);
	ck_assert_int_eq(scene.result.outcome.ending, PROCESS_STOPPED);
	ck_assert_uint_le(scene.result.length, 1000);
}
END_TEST

START_TEST(memory_is_bounded)
{
	struct child_options options = shell(SHELL("ulimit -d; ulimit -Hd"));

	options.memory_max = (size_t)64 * 1024 * 1024;
	run(&options);
	ck_assert_str_eq(buf_text(&scene.output), "65536\nunlimited\n");
}
END_TEST

START_TEST(a_crash_is_told_with_the_last_words)
{
	struct child_options options = shell(SHELL("echo last words >&2; kill -SEGV $$"));

	run(&options);
	ck_assert_int_eq(scene.result.outcome.ending, PROCESS_SIGNALLED);
	ck_assert_int_eq(scene.result.outcome.code, SIGSEGV);
	ck_assert_str_eq(scene.last_line, "last words");
}
END_TEST

static void stop_now(evutil_socket_t fd, short what, void *context)
{
	(void)fd, (void)what, (void)context;
	child_stop(scene.child);
}

static void kill_now(evutil_socket_t fd, short what, void *context)
{
	(void)fd, (void)what, (void)context;
	child_kill(scene.child);
}

START_TEST(it_can_be_stopped_and_killed)
{
	struct child_options options = shell(SHELL("trap 'exit 0' TERM; sleep 60 & wait"));
	const struct timeval soon = {.tv_usec = 200000};

	start(&options);
	event_base_once(scene.base, -1, EV_TIMEOUT, stop_now, NULL, &soon);
	event_base_dispatch(scene.base);
	ck_assert_int_eq(scene.result.outcome.ending, PROCESS_STOPPED);
	ck_assert_int_eq(scene.result.outcome.code, 0);
	scene.ended = false;
	start(&options);
	event_base_once(scene.base, -1, EV_TIMEOUT, kill_now, NULL, &soon);
	event_base_dispatch(scene.base);
	ck_assert_int_eq(scene.result.outcome.ending, PROCESS_STOPPED);
	ck_assert_int_eq(scene.result.outcome.code, SIGKILL);
}
END_TEST

/* The pid of the program that a process of ours began before it was killed. */
static pid_t begin_and_die(void)
{
	struct child_options options = shell(SHELL("sleep 60"));
	int told[2];
	pid_t parent, left = 0;

	options.output_max = 0;
	ck_assert_int_eq(pipe(told), 0);
	parent = fork();
	if (parent == 0) {
		struct event_base *base = event_base_new();

		if (child_start(base, &options, &callbacks, &scene.child, &err) == 0) {
			left = child_pid(scene.child);
			(void)!write(told[1], &left, sizeof(left));
		}
		kill(getpid(), SIGKILL);
	}
	ck_assert_int_eq(read(told[0], &left, sizeof(left)), sizeof(left));
	waitpid(parent, NULL, 0);
	close(told[0]);
	close(told[1]);
	return left;
}

START_TEST(none_is_left_if_we_are_killed)
{
	pid_t left = begin_and_die();

	await_end(left);
}
END_TEST

START_TEST(a_plain_environment_has_no_secrets)
{
	static const char *const added[] = {"TRUEUP_TEST=added", NULL};
	struct child_options options = shell(SHELL("env | grep -c secret; echo $TRUEUP_TEST $LC_TIME $https_proxy; "
	                                           "test -n \"$PATH\" && test -n \"$HOME\""));

	setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
	setenv("PGPASSWORD", "secret", 1);
	setenv("LC_TIME", "C", 1);
	setenv("https_proxy", "http://localhost:1", 1);
	setenv("HOME", "/home", 1);
	options.environment = added;
	options.plain_environment = true;
	run(&options);
	ck_assert_str_eq(buf_text(&scene.output), "0\nadded C http://localhost:1\n");
	ck_assert_int_eq(scene.result.outcome.code, 0);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("child");
	TCase *tcase = tcase_create("child");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, streams_and_exit_come_apart);
	tcase_add_test(tcase, it_gets_its_input_environment_and_directory);
	tcase_add_test(tcase, a_plain_environment_has_no_secrets);
	tcase_add_test(tcase, what_cannot_start_is_told);
	tcase_add_test(tcase, a_deadline_ends_it_in_order);
	tcase_add_test(tcase, who_does_not_heed_it_is_killed_with_its_children);
	tcase_add_test(tcase, a_stream_that_a_stray_child_keeps_open_is_not_waited_for);
	tcase_add_test(tcase, a_worker_that_it_may_leave_is_let_finish);
	tcase_add_test(tcase, a_worker_that_takes_longer_is_left_alone);
	tcase_add_test(tcase, none_is_left_by_one_that_failed);
	tcase_add_test(tcase, output_is_bounded);
	tcase_add_test(tcase, memory_is_bounded);
	tcase_add_test(tcase, a_crash_is_told_with_the_last_words);
	tcase_add_test(tcase, it_can_be_stopped_and_killed);
	tcase_add_test(tcase, none_is_left_if_we_are_killed);
	suite_add_tcase(suite, tcase);
	return suite;
}
