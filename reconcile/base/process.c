#include "base/process.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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

/* How long what it wrote is still read once it has ended: its children may keep the pipe open for ever. */
#define LINGER_MS 2000
#define STOP_CHECK_MS 100
#define FAILURE_FD 3

struct process {
	pid_t pid;
	int handle; /* pidfd: readable once it has ended */
	int output; /* -1 once there is no more to come */
	bool group;
	bool exited;
	const volatile bool *stop;
	int64_t deadline;
	int64_t grace_ms;
	enum process_ending ending;
	int signal; /* that it was last sent by us; 0: none */
	char chunk[4096];
	size_t chunk_length, chunk_read;
};

/* What the child needs, made before the fork: behind it only what is safe in a copy of one thread may be done. */
struct plan {
	const struct process_options *options;
	int output;
	int failure; /* where errno goes if the program cannot be started */
	pid_t parent;
};

/* We may be kept within bounds that are meant for us. */
static void lift_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_DATA, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_DATA, &limit);
}

static void run_child(const struct plan *plan)
{
	const struct process_options *options = plan->options;
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC), failure = plan->failure;
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL); /* which we ignore, and a program need not expect */
	lift_limits();
	if (!options->terminal)
		setpgid(0, 0);
	/* Sent when the thread that began it ends, too: whoever starts a program stays until it has ended. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != plan->parent)
		_exit(127);
	if (nothing >= 0 && dup2(nothing, STDIN_FILENO) >= 0 && dup2(plan->output, STDOUT_FILENO) >= 0 &&
	    dup2(options->errors ? plan->output : nothing, STDERR_FILENO) >= 0 && dup2(failure, FAILURE_FD) >= 0) {
		failure = FAILURE_FD;
		if (fcntl(failure, F_SETFD, FD_CLOEXEC) == 0 && close_range(FAILURE_FD + 1, ~0U, 0) == 0 &&
		    (options->directory == NULL || chdir(options->directory) == 0))
			execvp(options->argv[0], (char *const *)options->argv);
	}
	(void)!write(failure, &errno, sizeof(errno));
	_exit(127);
}

/* 0 once the program runs, else errno of what was in its way. */
static int await_start(int failure)
{
	int reason = 0;
	ssize_t got;

	do
		got = read(failure, &reason, sizeof(reason));
	while (got < 0 && errno == EINTR);
	return got == (ssize_t)sizeof(reason) ? reason : 0;
}

static void close_both(const int ends[2])
{
	close(ends[0]);
	close(ends[1]);
}

/* Forks. Returns the child's pid, and in *reason errno if the program could not be started (and the child is gone). */
static pid_t launch(const struct process_options *options, const int output[2], int *reason)
{
	struct plan plan = {.options = options, .output = output[1], .parent = getpid()};
	int failure[2];
	pid_t pid;

	*reason = 0;
	if (pipe2(failure, O_CLOEXEC) != 0) {
		*reason = errno;
		return -1;
	}
	plan.failure = failure[1];
	pid = fork();
	if (pid == 0)
		run_child(&plan);
	if (pid < 0)
		*reason = errno;
	close(failure[1]);
	if (pid > 0)
		*reason = await_start(failure[0]);
	close(failure[0]);
	if (pid > 0 && *reason != 0)
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			continue;
	return pid;
}

int process_start(const struct process_options *options, struct process **process, struct error *err)
{
	struct process *started;
	struct stat info;
	int output[2], handle, reason;
	pid_t pid;

	if (options->directory != NULL && stat(options->directory, &info) != 0)
		return error_errno(err, "cannot enter %s", options->directory);
	if (pipe2(output, O_CLOEXEC) != 0)
		return error_errno(err, "cannot make a pipe");
	pid = launch(options, output, &reason);
	if (pid < 0 || reason != 0) {
		close_both(output);
		errno = reason;
		return error_errno(err, "cannot run %s", options->argv[0]);
	}
	close(output[1]);
	handle = pidfd_open(pid, 0);
	if (handle < 0)
		reason = errno;
	started = calloc(1, sizeof(*started));
	if (started == NULL)
		abort();
	started->pid = pid;
	started->handle = handle;
	started->output = output[0];
	started->group = !options->terminal;
	started->stop = options->stop;
	started->deadline = clock_monotonic_ms() + options->timeout_ms;
	started->grace_ms = options->grace_ms;
	if (handle < 0) {
		process_finish(started);
		errno = reason;
		return error_errno(err, "cannot follow %s", options->argv[0]);
	}
	*process = started;
	return 0;
}

static void send_signal(struct process *process, int number)
{
	kill(process->group ? -process->pid : process->pid, number);
	process->signal = number;
}

/* Its time is over: end it in order, then for good. False: there is nothing more to wait for. */
static bool press(struct process *process, enum process_ending why)
{
	if (process->exited || process->signal == SIGKILL)
		return false;
	process->ending = process->signal == 0 ? why : process->ending;
	send_signal(process, process->signal == 0 ? SIGTERM : SIGKILL);
	process->deadline = clock_monotonic_ms() + (process->signal == SIGTERM ? process->grace_ms : LINGER_MS);
	return true;
}

/* Until there is something to read, it ended, or its time is over. */
static void await_event(struct process *process, int64_t left)
{
	struct pollfd ready[] = {
	    {.fd = process->output, .events = POLLIN},
	    {.fd = process->exited ? -1 : process->handle, .events = POLLIN},
	};
	int64_t most = process->stop != NULL && process->signal == 0 ? STOP_CHECK_MS : 60000;

	left = left < 0 ? 0 : left;
	if (poll(ready, 2, (int)(left < most ? left : most)) <= 0 || ready[1].revents == 0)
		return;
	process->exited = true;
	process->deadline = clock_monotonic_ms() + LINGER_MS;
}

/* 1: bytes, 0: none now, -1: no more. */
static int take_output(struct process *process, void *bytes, size_t size, ssize_t *got)
{
	struct pollfd ready = {.fd = process->output, .events = POLLIN};

	if (process->output < 0)
		return -1;
	if (poll(&ready, 1, 0) <= 0)
		return 0;
	*got = read(process->output, bytes, size);
	if (*got > 0)
		return 1;
	if (*got < 0 && errno == EINTR)
		return 0;
	close(process->output);
	process->output = -1;
	return -1;
}

ssize_t process_read(struct process *process, void *bytes, size_t size)
{
	for (;;) {
		bool stopped = process->stop != NULL && *process->stop && process->signal == 0;
		int64_t left = process->deadline - clock_monotonic_ms();
		ssize_t got;
		int more;

		/* First, since there may always be something to read. */
		if ((stopped || left <= 0) && !press(process, stopped ? PROCESS_STOPPED : PROCESS_TIMED_OUT))
			return 0;
		more = take_output(process, bytes, size, &got);
		if (more > 0)
			return got;
		if (more < 0 && process->exited)
			return 0;
		await_event(process, process->deadline - clock_monotonic_ms());
	}
}

/* The next byte, or -1. */
static int next_byte(struct process *process)
{
	if (process->chunk_read == process->chunk_length) {
		ssize_t got = process_read(process, process->chunk, sizeof(process->chunk));

		process->chunk_read = process->chunk_length = 0;
		if (got <= 0)
			return -1;
		process->chunk_length = (size_t)got;
	}
	return (unsigned char)process->chunk[process->chunk_read++];
}

/* Bytes of the UTF-8 character at text, or 0 if there is none: not whole, too long a form, a surrogate. */
static size_t character_length(const unsigned char *text)
{
	size_t length = text[0] < 0x80   ? 1
	                : text[0] < 0xc2 ? 0
	                : text[0] < 0xe0 ? 2
	                : text[0] < 0xf0 ? 3
	                : text[0] < 0xf5 ? 4
	                                 : 0;
	size_t i;

	for (i = 1; i < length; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] >= 0xa0) ||
	    (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] >= 0x90))
		return 0;
	return length;
}

static bool is_control(const unsigned char *character)
{
	return character[0] < 0x20 || character[0] == 0x7f || (character[0] == 0xc2 && character[1] < 0xa0);
}

/* It never gets longer. */
void process_clean_line(char *line)
{
	const unsigned char *read = (const unsigned char *)line;
	char *write = line;

	while (*read != '\0') {
		size_t length = character_length(read);

		if (length == 0 || is_control(read)) {
			*write++ = *read == '\t' ? ' ' : '?';
			read += length == 0 ? 1 : length;
			continue;
		}
		memmove(write, read, length);
		write += length;
		read += length;
	}
	*write = '\0';
}

bool process_read_line(struct process *process, char line[PROCESS_LINE_MAX])
{
	size_t length = 0;
	int byte = next_byte(process);

	if (byte < 0)
		return false;
	for (; byte >= 0 && byte != '\n'; byte = next_byte(process))
		if (length < PROCESS_LINE_MAX - 1)
			line[length++] = (char)(byte != '\0' ? byte : '?');
	if (length > 0 && line[length - 1] == '\r')
		length--;
	line[length] = '\0';
	process_clean_line(line);
	return true;
}

struct process_outcome process_finish(struct process *process)
{
	struct process_outcome outcome;
	int status = 0;

	/* Before its number is anybody else's. Its children go with it where it did not end by itself. */
	if (!process->exited || process->signal != 0)
		send_signal(process, SIGKILL);
	while (waitpid(process->pid, &status, 0) < 0 && errno == EINTR)
		continue;
	outcome.ending = process->ending;
	if (outcome.ending == PROCESS_EXITED && !WIFEXITED(status))
		outcome.ending = PROCESS_SIGNALLED;
	outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
	if (process->output >= 0)
		close(process->output);
	if (process->handle >= 0)
		close(process->handle);
	explicit_bzero(process->chunk, sizeof(process->chunk));
	free(process);
	return outcome;
}

void process_describe(const struct process_outcome *outcome, char *out, size_t size)
{
	const char *name = sigdescr_np(outcome->code);

	switch (outcome->ending) {
	case PROCESS_EXITED:
		snprintf(out, size, "ended with exit code %d", outcome->code);
		break;
	case PROCESS_SIGNALLED:
		snprintf(out, size, "was killed by signal %d (%s)", outcome->code, name != NULL ? name : "unknown");
		break;
	case PROCESS_TIMED_OUT:
		snprintf(out, size, "was ended: it took too long");
		break;
	case PROCESS_STOPPED:
		snprintf(out, size, "was ended with this run");
		break;
	}
}

static bool is_program(const char *directory, size_t length, const char *name)
{
	char path[4096];
	struct stat info;

	return snprintf(path, sizeof(path), "%.*s%s%s", (int)length, directory, length > 0 ? "/" : "", name) <
	           (int)sizeof(path) &&
	       stat(path, &info) == 0 && S_ISREG(info.st_mode) && access(path, X_OK) == 0;
}

bool process_exists(const char *program, const char *directory)
{
	const char *path = getenv("PATH");
	size_t length;

	if (strchr(program, '/') != NULL)
		return is_program(directory, directory != NULL && program[0] != '/' ? strlen(directory) : 0, program);
	for (path = path != NULL ? path : "/bin:/usr/bin"; *path != '\0'; path += length + (path[length] == ':')) {
		length = strcspn(path, ":");
		if (is_program(path, length, program))
			return true;
	}
	return false;
}
