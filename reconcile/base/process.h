/*
 * process.h - run another program: without a shell, with a deadline, and
 * ended together with us as far as the system allows.
 *
 * It reads nothing (/dev/null), inherits the environment and no open files.
 * It has ended once it is gone and whatever it wrote has been read; a child of
 * its own that keeps the output open is not waited for.
 */
#ifndef TRUEUP_BASE_PROCESS_H
#define TRUEUP_BASE_PROCESS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct process;

struct process_options {
	const char *const *argv; /* ends with NULL; the program is looked up in PATH if its name has no slash */
	const char *directory;   /* it runs in this one, and its name is relative to it; NULL: ours */
	int64_t timeout_ms;
	int64_t grace_ms;          /* between SIGTERM and SIGKILL once the time is over, or `stop` is true */
	const volatile bool *stop; /* NULL: none */
	bool errors;               /* read its standard error too, as it comes; else that goes nowhere */
	bool terminal;             /* stay in our process group, so that it may ask on the terminal; then none of its
	                              children is killed with it */
};

enum process_ending {
	PROCESS_EXITED,
	PROCESS_SIGNALLED, /* by somebody else than us */
	PROCESS_TIMED_OUT, /* ended by us, in time or not */
	PROCESS_STOPPED,
};

struct process_outcome {
	enum process_ending ending;
	int code; /* of the exit, or the signal's number */
};

/* ERROR_NOT_FOUND if there is no such program or directory, ERROR_SYSTEM for the rest. */
int process_start(const struct process_options *options, struct process **process, struct error *err);

/* The next bytes that it wrote: waits for them. 0: it has ended, or was made to. */
ssize_t process_read(struct process *process, void *bytes, size_t size);

#define PROCESS_LINE_MAX 1024

/*
 * The next line that it wrote, fit for logs and reports: without its end,
 * valid UTF-8, each control character a question mark, cut at
 * PROCESS_LINE_MAX - 1 bytes. False: as process_read()'s 0. Not to be mixed
 * with process_read().
 */
bool process_read_line(struct process *process, char line[PROCESS_LINE_MAX]);

/* What process_read_line() does to a line that is already there, in place: valid UTF-8, no control characters. */
void process_clean_line(char *line);

/* Kill it if it has not ended, and let it go. */
struct process_outcome process_finish(struct process *process);

/* "ended with exit code 3", "was killed by signal 9 (Killed)", "was ended: it took too long". */
void process_describe(const struct process_outcome *outcome, char *out, size_t size);

/* Whether process_start() would find the program. */
bool process_exists(const char *program, const char *directory);

#endif
