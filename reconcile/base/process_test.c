#include "base/clock.h"
#include "base/process.h"
#include "base/test_main.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SOON_MS 30000 /* for what comes at once, on a machine that is busy */

static struct process *process;
static struct process_outcome outcome;
static struct error err;
static char line[PROCESS_LINE_MAX];

/* A script is what most of these need; the runner itself knows no shell. */
static void start_with(const char *script, struct process_options options)
{
	const char *argv[] = {"sh", "-c", script, NULL};

	options.argv = argv;
	ck_assert_msg(process_start(&options, &process, &err) == 0, "%s", err.message);
}

static void start(const char *script)
{
	start_with(script, (struct process_options){.timeout_ms = SOON_MS, .errors = true});
}

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

static void ends_soon(pid_t pid)
{
	for (int i = 0; is_running(pid) && i < SOON_MS; i++)
		usleep(1000);
	ck_assert(!is_running(pid));
}

static void ends(enum process_ending ending, int code)
{
	while (process_read_line(process, line))
		continue;
	outcome = process_finish(process);
	ck_assert_int_eq(outcome.ending, ending);
	ck_assert_int_eq(outcome.code, code);
}

static void says(const char *text)
{
	ck_assert(process_read_line(process, line));
	ck_assert_str_eq(line, text);
}

START_TEST(reads_both_outputs_line_by_line)
{
	start("echo one; echo two >&2; printf 'th\\tr\\033[1mee\\r\\n\\n\\377\\302\\200\\303\\251\\303'; exit 3");
	says("one");
	says("two");
	says("th r?[1mee");
	says("");
	says("??\303\251?");
	ends(PROCESS_EXITED, 3);
}
END_TEST

START_TEST(reads_one_output)
{
	start_with("echo one; echo two >&2", (struct process_options){.timeout_ms = SOON_MS});
	says("one");
	ends(PROCESS_EXITED, 0);
}
END_TEST

START_TEST(bounds_lines)
{
	start("head -c 5000 /dev/zero | tr '\\0' x; echo; echo next");
	ck_assert(process_read_line(process, line));
	ck_assert_uint_eq(strlen(line), PROCESS_LINE_MAX - 1);
	ck_assert_uint_eq(strspn(line, "x"), PROCESS_LINE_MAX - 1);
	says("next");
	ends(PROCESS_EXITED, 0);
}
END_TEST

START_TEST(reads_more_than_a_pipe_holds)
{
	size_t count = 0;

	start("seq 100000");
	while (process_read_line(process, line))
		ck_assert_uint_eq(strtoul(line, NULL, 10), ++count);
	ck_assert_uint_eq(count, 100000);
	ends(PROCESS_EXITED, 0);
}
END_TEST

START_TEST(gives_an_input_that_is_empty)
{
	start("cat; echo end");
	says("end");
	ends(PROCESS_EXITED, 0);
}
END_TEST

START_TEST(tells_who_was_killed)
{
	char text[128];

	start("kill -9 $$");
	ends(PROCESS_SIGNALLED, SIGKILL);
	process_describe(&outcome, text, sizeof(text));
	ck_assert_str_eq(text, "was killed by signal 9 (Killed)");
}
END_TEST

START_TEST(ends_in_order_what_takes_too_long)
{
	int64_t begun = clock_monotonic_ms();

	/* What it says when it is told to end is read, too. */
	start_with("trap 'echo ending; exit 5' TERM; echo begun; sleep 600 & wait",
	           (struct process_options){.timeout_ms = 300, .grace_ms = SOON_MS});
	says("begun");
	says("ending");
	ends(PROCESS_TIMED_OUT, 5);
	ck_assert_int_lt(clock_monotonic_ms() - begun, SOON_MS);
}
END_TEST

START_TEST(kills_what_does_not_end)
{
	char text[128];
	pid_t child;

	/* The children, too. */
	start_with("trap '' TERM; sleep 600 & echo $!; while :; do wait; done",
	           (struct process_options){.timeout_ms = 300, .grace_ms = 100});
	ck_assert(process_read_line(process, line));
	child = (pid_t)strtol(line, NULL, 10);
	ends(PROCESS_TIMED_OUT, SIGKILL);
	process_describe(&outcome, text, sizeof(text));
	ck_assert_str_eq(text, "was ended: it took too long");
	ends_soon(child);
}
END_TEST

START_TEST(ends_who_never_stops_talking)
{
	start_with("exec yes", (struct process_options){.timeout_ms = 200, .grace_ms = SOON_MS});
	says("y");
	ends(PROCESS_TIMED_OUT, SIGTERM);
}
END_TEST

START_TEST(stops_with_the_run)
{
	volatile bool stop = false;

	start_with("echo begun; exec sleep 600",
	           (struct process_options){.timeout_ms = SOON_MS, .grace_ms = SOON_MS, .stop = &stop});
	says("begun");
	stop = true;
	ends(PROCESS_STOPPED, SIGTERM);
}
END_TEST

START_TEST(does_not_wait_for_children_that_stay)
{
	int64_t begun = clock_monotonic_ms();
	pid_t child;

	start("sleep 600 & echo $!");
	ck_assert(process_read_line(process, line));
	child = (pid_t)strtol(line, NULL, 10);
	ends(PROCESS_EXITED, 0);
	ck_assert(is_running(child));
	kill(child, SIGKILL);
	ck_assert_int_lt(clock_monotonic_ms() - begun, SOON_MS);
}
END_TEST

START_TEST(is_killed_when_it_is_let_go)
{
	start("exec sleep 600");
	outcome = process_finish(process);
	ck_assert_int_eq(outcome.code, SIGKILL);
}
END_TEST

/* A parent of its own, which is killed while a program of its runs. */
START_TEST(ends_with_us)
{
	int ends_of_pipe[2];
	pid_t parent, child = 0;

	ck_assert_int_eq(pipe(ends_of_pipe), 0);
	parent = fork();
	if (parent == 0) {
		start("echo $$; exec sleep 600");
		if (!process_read_line(process, line))
			_exit(1);
		child = (pid_t)strtol(line, NULL, 10);
		(void)!write(ends_of_pipe[1], &child, sizeof(child));
		pause();
	}
	ck_assert_int_eq(read(ends_of_pipe[0], &child, sizeof(child)), (int)sizeof(child));
	ck_assert(is_running(child));
	kill(parent, SIGKILL);
	waitpid(parent, NULL, 0);
	ends_soon(child);
}
END_TEST

START_TEST(runs_in_a_directory)
{
	start_with("pwd", (struct process_options){.timeout_ms = SOON_MS, .directory = "/usr"});
	says("/usr");
	ends(PROCESS_EXITED, 0);
}
END_TEST

START_TEST(says_what_cannot_be_run)
{
	const char *nobody[] = {"no-such-program", NULL}, *directory[] = {"/", NULL};
	struct process_options options = {.argv = nobody, .timeout_ms = SOON_MS};

	ck_assert_int_eq(process_start(&options, &process, &err), -1);
	ck_assert_int_eq(err.code, ERROR_NOT_FOUND);
	ck_assert_str_eq(err.message, "cannot run no-such-program: No such file or directory");
	options.argv = directory;
	ck_assert_int_eq(process_start(&options, &process, &err), -1);
	ck_assert_str_eq(err.message, "cannot run /: Permission denied");
	options.directory = "/nonexistent";
	ck_assert_int_eq(process_start(&options, &process, &err), -1);
	ck_assert_str_eq(err.message, "cannot enter /nonexistent: No such file or directory");
}
END_TEST

START_TEST(finds_programs)
{
	ck_assert(process_exists("sh", NULL));
	ck_assert(process_exists("sh", "/nonexistent"));
	ck_assert(process_exists("/bin/sh", "/nonexistent"));
	ck_assert(process_exists("./sh", "/bin"));
	ck_assert(!process_exists("./sh", "/etc"));
	ck_assert(!process_exists("no-such-program", NULL));
	ck_assert(!process_exists("/etc/passwd", NULL));
	ck_assert(!process_exists("/bin", NULL));
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("process");
	TCase *tests = tcase_create("process");

	tcase_set_timeout(tests, 90);
	tcase_add_test(tests, reads_both_outputs_line_by_line);
	tcase_add_test(tests, reads_one_output);
	tcase_add_test(tests, bounds_lines);
	tcase_add_test(tests, reads_more_than_a_pipe_holds);
	tcase_add_test(tests, gives_an_input_that_is_empty);
	tcase_add_test(tests, tells_who_was_killed);
	tcase_add_test(tests, ends_in_order_what_takes_too_long);
	tcase_add_test(tests, kills_what_does_not_end);
	tcase_add_test(tests, ends_who_never_stops_talking);
	tcase_add_test(tests, stops_with_the_run);
	tcase_add_test(tests, does_not_wait_for_children_that_stay);
	tcase_add_test(tests, is_killed_when_it_is_let_go);
	tcase_add_test(tests, ends_with_us);
	tcase_add_test(tests, runs_in_a_directory);
	tcase_add_test(tests, says_what_cannot_be_run);
	tcase_add_test(tests, finds_programs);
	suite_add_tcase(suite, tests);
	return suite;
}
