/*
 * child.h - another program on the event loop: no shell, a deadline, bounded
 * output, and it ends together with us.
 *
 * Runs in a process group of its own. When its time is over, its output is too
 * long or child_stop() is called, the group gets SIGTERM, and SIGKILL `grace_ms`
 * later. It has ended once it is gone and its streams are at their end; children
 * of its own that keep a stream open are waited for a little, and then killed
 * with the group (with `leaves_workers`, if it exited with 0: until its time is
 * over, and then left to their work). If we are killed the program gets SIGTERM from the kernel, and
 * SIGALRM once its deadline and grace are over should that not end it.
 *
 * Nothing here waits. Of our open files it inherits none but its streams.
 */
#ifndef TRUEUP_AGENT_DAEMON_CHILD_H
#define TRUEUP_AGENT_DAEMON_CHILD_H

#include "base/error.h"
#include "base/process.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct child;

#define CHILD_EVENTS_FD 3                  /* where the program finds its end of the events pipe */
#define CHILD_LINE_MAX ((size_t)64 * 1024) /* bytes; what is longer is cut */
#define CHILD_LAST_LINE_MAX 512
#define CHILD_SELF "/proc/self/exe" /* this very program, also after its file was replaced */

struct child_result {
	struct process_outcome outcome; /* process_describe() puts it into words */
	bool too_long;                  /* it was ended because its output was longer than output_max */
	const char *output;             /* standard output, NUL-terminated behind `length` bytes; "" if none */
	size_t length;
	const char *last_line; /* the last line that is not empty of standard error, fit for reports; "" if none */
	int64_t duration_ms;
	int64_t peak_kib; /* the most memory that it held; of a child that it waited for if that held more */
};

/*
 * Lines are without their end, valid UTF-8 without control characters (`event`
 * may not be: it is as it came). What they get is valid until they return, and
 * they must not free the child; `ended` is the last call, and the child is freed
 * behind it. They are called from the loop, never from within child_start().
 */
struct child_callbacks {
	void (*line)(void *context, const char *line);  /* of standard error; NULL: nobody wants them */
	void (*event)(void *context, const char *line); /* of the events pipe; NULL: there is no such pipe */
	void (*ended)(void *context, const struct child_result *result);
	void *context;
};

struct child_options {
	const char *const *argv;        /* ends with NULL; looked up in PATH if argv[0] has no slash */
	const char *name;               /* argv[0] as the program sees it; NULL: argv[0] */
	const char *directory;          /* it runs in this one; NULL: ours */
	const char *const *environment; /* "NAME=value" besides and before ours (but what systemd tells us in it); ends
	                                   with NULL; NULL: none */
	bool plain_environment;         /* of ours it gets paths, locale and proxies (one's URL may hold a password) and
	                                   nothing else that may be a secret */
	const void *input;              /* standard input: copied here, and wiped once written; NULL: /dev/null */
	size_t input_length;
	bool leaves_workers; /* what it does may go on once it has exited with 0 */
	size_t output_max;   /* bytes of standard output; 0: it goes to /dev/null */
	size_t memory_max;   /* bytes of its data; 0: as much as we may have */
	size_t file_max;     /* bytes of a file that it, or what it runs, writes; 0: as much as we may have */
	int64_t timeout_ms;
	int64_t grace_ms;
};

/*
 * Copies what it needs of options. ERROR_NOT_FOUND if there is no such program
 * or directory, ERROR_SYSTEM for the rest; then no callback is called.
 */
int child_start(struct event_base *base, const struct child_options *options, const struct child_callbacks *callbacks,
                struct child **child, struct error *err);

/* SIGTERM now, SIGKILL after the grace; once is enough. `ended` comes later, with PROCESS_STOPPED. */
void child_stop(struct child *child);

/* SIGKILL now; `ended` comes later. */
void child_kill(struct child *child);

/* SIGKILL now, and it is freed: no callback is called any more. Waits for it to be gone. For who is freed himself. */
void child_abandon(struct child *child);

pid_t child_pid(const struct child *child);

#endif
