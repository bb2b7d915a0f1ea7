/*
 * Three things end independently: the program (its pidfd is readable), its
 * streams (end of file), and our patience (the timer). The child is over once
 * the first two have happened, or the first and LINGER_MS (longer for workers
 * that it may leave).
 */
#include "daemon/child.h"
#include "base/buf.h"
#include "base/clock.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* How long streams are still read once the program is gone: its children may keep them open for ever. */
#define LINGER_MS 2000
#define CHUNK 16384
#define CHUNKS_AT_ONCE 8 /* before others on the loop have their turn */
#define FAILURE_FD 4
#define FREE_FD 5 /* from here on nothing stays open */

/* A pipe that is read line by line. */
struct lines {
	int fd; /* -1 once there is no more to come */
	struct event *event;
	struct buf part; /* of a line that has not ended; what is over CHILD_LINE_MAX is dropped */
};

struct child {
	struct event_base *base;
	struct child_callbacks callbacks;
	pid_t pid;
	int handle; /* pidfd */
	struct event *gone, *timer;
	struct lines errors, events;
	int output, input; /* -1: closed */
	struct event *output_event, *input_event;
	struct buf output_bytes;
	char *input_bytes;
	size_t input_length, input_written;
	bool exited, too_long;
	int status;
	struct rusage usage;
	enum process_ending ending;
	int signal; /* that it was last sent by us; 0: none */
	int64_t grace_ms, timeout_ms, started_ms;
	bool leaves_workers;
	char last_line[CHILD_LAST_LINE_MAX];
};

/* Ends of the pipes, ours first, theirs second; -1: there is none. */
struct pipes {
	int output[2], errors[2], events[2], input[2], failure[2];
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void close_pipes(struct pipes *pipes)
{
	int *both[] = {pipes->output, pipes->errors, pipes->events, pipes->input, pipes->failure};
	size_t i;

	for (i = 0; i < sizeof(both) / sizeof(both[0]); i++) {
		close_fd(&both[i][0]);
		close_fd(&both[i][1]);
	}
}

/* `ours` is the end that we keep: it must never make us wait. */
static int open_pipe(int ends[2], int ours, bool wanted)
{
	int made[2];

	if (!wanted)
		return 0;
	if (pipe2(made, O_CLOEXEC) != 0)
		return -1;
	ends[0] = made[ours];
	ends[1] = made[!ours];
	return fcntl(ends[0], F_SETFL, O_NONBLOCK);
}

static int open_pipes(struct pipes *pipes, const struct child_options *options, const struct child_callbacks *callbacks)
{
	*pipes = (struct pipes){{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}};
	if (open_pipe(pipes->output, 0, options->output_max > 0) != 0 || open_pipe(pipes->errors, 0, true) != 0 ||
	    open_pipe(pipes->events, 0, callbacks->event != NULL) != 0 ||
	    open_pipe(pipes->input, 1, options->input != NULL) != 0 || pipe2(pipes->failure, O_CLOEXEC) != 0) {
		close_pipes(pipes);
		return -1;
	}
	return 0;
}

/* systemd speaks to us by these, and not to those that we run. */
static bool is_private(const char *variable)
{
	static const char *const names[] = {
	    "NOTIFY_SOCKET=", "WATCHDOG_USEC=", "WATCHDOG_PID=", "LISTEN_FDS=", "LISTEN_PID="};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strncmp(variable, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

/* What a program needs that has no business with AWS: where things are, in which words, and which way out. */
static bool is_plain(const char *variable)
{
	static const char *const names[] = {
	    "PATH=",        "HOME=",        "USER=",       "LOGNAME=",           "LANG=",          "LANGUAGE=",
	    "LC_",          "TZ=",          "TMPDIR=",     "XDG_CONFIG_HOME=",   "SSH_AUTH_SOCK=", "LD_LIBRARY_PATH=",
	    "HTTPS_PROXY=", "https_proxy=", "http_proxy=", "ALL_PROXY=",         "all_proxy=",     "NO_PROXY=",
	    "no_proxy=",    "SSL_CERT_",    "GIT_SSL_CA",  "GIT_CONFIG_GLOBAL=", "ASAN_OPTIONS=",  "UBSAN_OPTIONS="};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strncmp(variable, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

/* The environment with the additions in front, made before the fork; the strings are borrowed. */
static char **make_environment(const char *const *added, bool plain)
{
	size_t count = 0, of_ours = 0, at = 0, i, j;
	char **all;

	while (added != NULL && added[count] != NULL)
		count++;
	while (environ[of_ours] != NULL)
		of_ours++;
	all = calloc(count + of_ours + 1, sizeof(*all));
	if (all == NULL)
		abort();
	for (; at < count; at++)
		all[at] = (char *)added[at];
	for (i = 0; i < of_ours; i++) {
		size_t name = strcspn(environ[i], "=") + 1;

		for (j = 0; j < count && strncmp(added[j], environ[i], name) != 0; j++)
			;
		if (j == count && !is_private(environ[i]) && (!plain || is_plain(environ[i])))
			all[at++] = environ[i];
	}
	return all;
}

/* The soft limit only: a program that the child runs in turn gets back what we have. */
static void limit_memory(size_t most)
{
	struct rlimit limit;

	if (most == 0 || getrlimit(RLIMIT_DATA, &limit) != 0 ||
	    (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < most))
		return;
	limit.rlim_cur = most;
	(void)setrlimit(RLIMIT_DATA, &limit);
}

/* Soft and hard: whatever the child runs is bound by it, too. */
static void limit_files(size_t most)
{
	const struct rlimit limit = {most, most};

	if (most != 0)
		(void)setrlimit(RLIMIT_FSIZE, &limit);
}

static void reset_signals(void)
{
	sigset_t none;
	int i;

	for (i = 1; i < NSIG; i++)
		(void)signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/*
 * Put fd in the place of `as`. All of ours were moved above FREE_FD first, so that none is in another's place; a copy
 * is not closed by exec.
 */
static bool place(int fd, int as)
{
	return dup2(fd < 0 ? FREE_FD : fd, as) >= 0;
}

static int lift(int fd)
{
	return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, FREE_FD + 1);
}

static bool place_streams(const struct pipes *pipes, int *failure)
{
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	int input = lift(pipes->input[1]), output = lift(pipes->output[1]), errors = lift(pipes->errors[1]);
	int events = lift(pipes->events[1]), told = lift(pipes->failure[1]);

	if (nothing < 0 || told < 0 || errors < 0 || (nothing = lift(nothing)) < 0)
		return false;
	*failure = told;
	return place(nothing, FREE_FD) && place(told, FAILURE_FD) && fcntl(FAILURE_FD, F_SETFD, FD_CLOEXEC) == 0 &&
	       place(input, STDIN_FILENO) && place(output, STDOUT_FILENO) && place(errors, STDERR_FILENO) &&
	       (events < 0 ? (close(CHILD_EVENTS_FD), true) : place(events, CHILD_EVENTS_FD)) &&
	       (*failure = FAILURE_FD, close_range(FREE_FD, ~0U, 0) == 0);
}

/* In the child: only what is safe in a copy of one thread. */
static void run_child(const struct child_options *options, const struct pipes *pipes, char **environment, pid_t parent)
{
	int failure = pipes->failure[1];

	reset_signals();
	setpgid(0, 0);
	limit_memory(options->memory_max);
	limit_files(options->file_max);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	/* The alarm outlives us, and the exec: whatever becomes of us, this is not for ever. */
	alarm((unsigned)((options->timeout_ms + options->grace_ms) / 1000 + 60));
	if (getppid() != parent)
		_exit(127);
	if (place_streams(pipes, &failure) && (options->directory == NULL || chdir(options->directory) == 0)) {
		const char *program = options->argv[0];
		char **argv = (char **)options->argv;

		if (options->name != NULL)
			argv[0] = (char *)options->name; /* our copy of the memory: the parent's is as it was */
		execvpe(program, argv, environment);
	}
	(void)!write(failure, &errno, sizeof(errno));
	_exit(127);
}

/* 0 once the program runs, else errno of what was in its way. Waits for an exec, which is no wait for anybody else. */
static int await_start(int failure)
{
	int reason = 0;
	ssize_t got;

	do
		got = read(failure, &reason, sizeof(reason));
	while (got < 0 && errno == EINTR);
	return got == (ssize_t)sizeof(reason) ? reason : 0;
}

/* Forks. 0, or errno; then there is no child. */
static int launch(const struct child_options *options, struct pipes *pipes, pid_t *pid)
{
	char **environment = make_environment(options->environment, options->plain_environment);
	pid_t parent = getpid();
	int reason = 0;
	sigset_t all, before;

	/* Between fork and exec a signal must not reach a handler of ours in the child. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	*pid = fork();
	if (*pid == 0)
		run_child(options, pipes, environment, parent);
	if (*pid < 0)
		reason = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	free(environment);
	close_fd(&pipes->failure[1]);
	if (*pid > 0)
		reason = await_start(pipes->failure[0]);
	if (*pid > 0 && reason != 0)
		while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR)
			;
	return reason;
}

static void send_signal(struct child *child, int number)
{
	kill(-child->pid, number);
	child->signal = number;
}

static void set_timer(struct child *child, int64_t milliseconds)
{
	struct timeval after = {.tv_sec = milliseconds / 1000, .tv_usec = milliseconds % 1000 * 1000};

	evtimer_add(child->timer, &after);
}

static void free_event(struct event **event)
{
	if (*event != NULL)
		event_free(*event);
	*event = NULL;
}

static void close_stream(int *fd, struct event **event)
{
	free_event(event);
	close_fd(fd);
}

static void wipe_input(struct child *child)
{
	close_stream(&child->input, &child->input_event);
	if (child->input_bytes != NULL)
		explicit_bzero(child->input_bytes, child->input_length);
	free(child->input_bytes);
	child->input_bytes = NULL;
}

static void free_child(struct child *child)
{
	wipe_input(child);
	close_stream(&child->output, &child->output_event);
	close_stream(&child->errors.fd, &child->errors.event);
	close_stream(&child->events.fd, &child->events.event);
	close_stream(&child->handle, &child->gone);
	free_event(&child->timer);
	buf_free(&child->output_bytes);
	buf_free(&child->errors.part);
	buf_free(&child->events.part);
	free(child);
}

static struct process_outcome describe_outcome(const struct child *child)
{
	struct process_outcome outcome = {.ending = child->ending};

	if (outcome.ending == PROCESS_EXITED && !WIFEXITED(child->status))
		outcome.ending = PROCESS_SIGNALLED;
	outcome.code = WIFEXITED(child->status) ? WEXITSTATUS(child->status) : WTERMSIG(child->status);
	return outcome;
}

static void end_lines(struct child *child, struct lines *lines);

static void finish(struct child *child)
{
	struct child_result result;

	end_lines(child, &child->errors);
	end_lines(child, &child->events);
	result = (struct child_result){
	    .outcome = describe_outcome(child),
	    .too_long = child->too_long,
	    .output = buf_text(&child->output_bytes),
	    .length = child->output_bytes.length,
	    .last_line = child->last_line,
	    .duration_ms = clock_monotonic_ms() - child->started_ms,
	    .peak_kib = child->usage.ru_maxrss,
	};
	child->callbacks.ended(child->callbacks.context, &result);
	free_child(child);
}

/* True if it was over, and is freed. */
static bool finish_if_over(struct child *child)
{
	if (!child->exited || child->output >= 0 || child->errors.fd >= 0 || child->events.fd >= 0)
		return false;
	finish(child);
	return true;
}

/* Its time is over, or it was asked to end: in order first, then for good. */
static void press(struct child *child, enum process_ending why)
{
	if (child->exited || child->signal == SIGKILL)
		return;
	if (child->signal == 0)
		child->ending = why;
	send_signal(child, child->signal == 0 ? SIGTERM : SIGKILL);
	set_timer(child, child->signal == SIGTERM ? child->grace_ms : LINGER_MS);
}

/* Whoever is left of its group may go on with what it was started for. */
static bool left_workers(const struct child *child)
{
	return child->leaves_workers && child->signal == 0 && WIFEXITED(child->status) &&
	       WEXITSTATUS(child->status) == 0;
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
	struct child *child = context;

	(void)fd, (void)what;
	if (child->exited) {
		if (!left_workers(child))
			kill(-child->pid, SIGKILL); /* whoever is left of its group keeps the streams open */
		finish(child);
		return;
	}
	press(child, PROCESS_TIMED_OUT);
}

static void on_gone(evutil_socket_t fd, short what, void *context)
{
	struct child *child = context;
	int64_t left_ms;

	(void)fd, (void)what;
	if (wait4(child->pid, &child->status, WNOHANG, &child->usage) != child->pid)
		return;
	child->exited = true;
	if (child->signal != 0)
		kill(-child->pid, SIGKILL); /* it was to end, and so are those that it left */
	close_stream(&child->handle, &child->gone);
	wipe_input(child);
	left_ms = child->started_ms + child->timeout_ms - clock_monotonic_ms();
	set_timer(child, left_workers(child) && left_ms > LINGER_MS ? left_ms : LINGER_MS);
	(void)finish_if_over(child);
}

static void on_input(evutil_socket_t fd, short what, void *context)
{
	struct child *child = context;
	ssize_t put = write(fd, child->input_bytes + child->input_written, child->input_length - child->input_written);

	(void)what;
	if (put > 0)
		child->input_written += (size_t)put;
	if (child->input_written == child->input_length || (put < 0 && errno != EAGAIN && errno != EINTR))
		wipe_input(child);
}

static void on_output(evutil_socket_t fd, short what, void *context)
{
	struct child *child = context;
	char chunk[CHUNK];
	ssize_t got = 0;
	int i;

	(void)what;
	for (i = 0; i < CHUNKS_AT_ONCE; i++) {
		got = read(fd, chunk, sizeof(chunk));
		if (got <= 0)
			break;
		buf_append(&child->output_bytes, chunk, (size_t)got);
	}
	explicit_bzero(chunk, sizeof(chunk));
	if (child->output_bytes.overflow && !child->too_long) {
		child->too_long = true;
		press(child, PROCESS_STOPPED);
	}
	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
		close_stream(&child->output, &child->output_event);
		(void)finish_if_over(child);
	}
}

static void take_error_line(struct child *child, char *line)
{
	process_clean_line(line);
	if (*line != '\0')
		snprintf(child->last_line, sizeof(child->last_line), "%s", line);
	process_clean_line(child->last_line); /* it may have been cut within a character */
	if (child->callbacks.line != NULL)
		child->callbacks.line(child->callbacks.context, line);
}

static void take_line(struct child *child, struct lines *lines)
{
	char *line = lines->part.bytes;

	if (lines->part.length > 0 && line[lines->part.length - 1] == '\r')
		line[--lines->part.length] = '\0';
	if (lines == &child->errors)
		take_error_line(child, line);
	else if (child->callbacks.event != NULL)
		child->callbacks.event(child->callbacks.context, line);
	buf_clear(&lines->part);
}

/* What came without an end of its line. */
static void end_lines(struct child *child, struct lines *lines)
{
	if (lines->part.length > 0)
		take_line(child, lines);
}

static void split_lines(struct child *child, struct lines *lines, const char *chunk, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++) {
		if (chunk[i] != '\n') {
			if (lines->part.length < CHILD_LINE_MAX)
				buf_append(&lines->part, chunk[i] != '\0' ? &chunk[i] : "?", 1);
			continue;
		}
		if (lines->part.length == 0)
			buf_puts(&lines->part, ""); /* so that there is a text, if an empty one */
		take_line(child, lines);
	}
}

static void read_lines(struct child *child, struct lines *lines)
{
	char chunk[CHUNK];
	ssize_t got = 0;
	int i;

	for (i = 0; i < CHUNKS_AT_ONCE; i++) {
		got = read(lines->fd, chunk, sizeof(chunk));
		if (got <= 0)
			break;
		split_lines(child, lines, chunk, (size_t)got);
	}
	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
		close_stream(&lines->fd, &lines->event);
		(void)finish_if_over(child);
	}
}

static void on_errors(evutil_socket_t fd, short what, void *context)
{
	struct child *child = context;

	(void)fd, (void)what;
	read_lines(child, &child->errors);
}

static void on_events(evutil_socket_t fd, short what, void *context)
{
	struct child *child = context;

	(void)fd, (void)what;
	read_lines(child, &child->events);
}

/* NULL for a stream that there is not. */
static struct event *follow(struct child *child, int fd, short what, event_callback_fn callback)
{
	struct event *event;

	if (fd < 0)
		return NULL;
	event = event_new(child->base, fd, (short)(what | EV_PERSIST), callback, child);
	if (event == NULL || event_add(event, NULL) != 0)
		abort();
	return event;
}

static void follow_all(struct child *child)
{
	child->gone = follow(child, child->handle, EV_READ, on_gone);
	child->output_event = follow(child, child->output, EV_READ, on_output);
	child->errors.event = follow(child, child->errors.fd, EV_READ, on_errors);
	child->events.event = follow(child, child->events.fd, EV_READ, on_events);
	child->input_event = follow(child, child->input, EV_WRITE, on_input);
	child->timer = evtimer_new(child->base, on_timer, child);
	if (child->timer == NULL)
		abort();
}

static int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

static struct child *new_child(struct event_base *base, const struct child_options *options,
                               const struct child_callbacks *callbacks, struct pipes *pipes)
{
	struct child *child = calloc(1, sizeof(*child));

	if (child == NULL)
		abort();
	child->base = base;
	child->callbacks = *callbacks;
	child->grace_ms = options->grace_ms;
	child->timeout_ms = options->timeout_ms;
	child->leaves_workers = options->leaves_workers;
	child->started_ms = clock_monotonic_ms();
	child->output_bytes.limit = options->output_max;
	child->output = take_fd(&pipes->output[0]);
	child->errors.fd = take_fd(&pipes->errors[0]);
	child->events.fd = take_fd(&pipes->events[0]);
	child->input = take_fd(&pipes->input[0]);
	if (child->input >= 0) {
		child->input_length = options->input_length;
		child->input_bytes = malloc(options->input_length + 1);
		if (child->input_bytes == NULL)
			abort();
		memcpy(child->input_bytes, options->input, options->input_length);
	}
	return child;
}

int child_start(struct event_base *base, const struct child_options *options, const struct child_callbacks *callbacks,
                struct child **child, struct error *err)
{
	struct pipes pipes;
	struct stat info;
	int reason, handle = -1;
	pid_t pid;

	if (options->directory != NULL && stat(options->directory, &info) != 0)
		return error_errno(err, "cannot enter %s", options->directory);
	if (open_pipes(&pipes, options, callbacks) != 0)
		return error_errno(err, "cannot make a pipe");
	reason = launch(options, &pipes, &pid);
	if (reason == 0 && (handle = pidfd_open(pid, 0)) < 0) {
		reason = errno;
		kill(-pid, SIGKILL);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (reason != 0) {
		close_pipes(&pipes);
		errno = reason;
		return error_errno(err, "cannot run %s", options->argv[0]);
	}
	*child = new_child(base, options, callbacks, &pipes);
	close_pipes(&pipes);
	(*child)->pid = pid;
	(*child)->handle = handle;
	follow_all(*child);
	set_timer(*child, options->timeout_ms);
	return 0;
}

void child_stop(struct child *child)
{
	if (child->signal == 0)
		press(child, PROCESS_STOPPED);
}

void child_kill(struct child *child)
{
	if (child->signal == 0)
		child->signal = SIGTERM; /* skipped */
	else if (child->signal == SIGKILL)
		return;
	if (child->ending == PROCESS_EXITED)
		child->ending = PROCESS_STOPPED;
	press(child, PROCESS_STOPPED);
}

pid_t child_pid(const struct child *child)
{
	return child->pid;
}

void child_abandon(struct child *child)
{
	if (!child->exited) {
		kill(-child->pid, SIGKILL);
		while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	free_child(child);
}
