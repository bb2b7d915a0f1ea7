/*
 * error.h - what went wrong, in words a person can act on.
 *
 * A fallible function returns 0, or -1 after filling the `struct error` that
 * its caller lent. Callers add context with error_context(); only the edge of
 * an action, of a run or of a command reports it.
 */
#ifndef TRUEUP_BASE_ERROR_H
#define TRUEUP_BASE_ERROR_H

#include <stdarg.h>
#include <stdbool.h>

enum error_code {
	ERROR_NONE = 0,
	ERROR_INVALID,     /* input that is not valid: spec, plan, file, argument */
	ERROR_NOT_FOUND,   /* the thing does not exist */
	ERROR_EXISTS,      /* the name is in use */
	ERROR_DENIED,      /* AccessDenied, permission denied, wrong password */
	ERROR_CREDENTIALS, /* none found, expired, or not accepted */
	ERROR_STATE,       /* the thing is in a state that does not allow it yet */
	ERROR_THROTTLED,   /* too many requests, still after the retries */
	ERROR_UNREACHABLE, /* network, TLS, DNS, connection lost */
	ERROR_TIMEOUT,     /* a deadline passed */
	ERROR_PROTOCOL,    /* the peer's answer could not be understood */
	ERROR_REFUSED,     /* by our own gate: dry run, guard, limit */
	ERROR_BUSY,        /* another run holds it */
	ERROR_SYSTEM,      /* the operating system refused: files, memory, processes */
	ERROR_SERVICE,     /* any other error that a service answered with */
};

struct error {
	enum error_code code;
	bool retryable;        /* the same call may succeed later, unchanged */
	char service_code[96]; /* the service's own code, e.g. "DBClusterNotFoundFault", SQLSTATE; "" if none */
	char permission[96];   /* with ERROR_DENIED: the IAM action or grant that is missing; "" if not known */
	char message[1024];    /* one line, no trailing newline, never a secret */
};

/* Fill err. Always returns -1, so that `return error_set(…)` reads well. */
int error_set(struct error *err, enum error_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Put "context: " in front of the message, keeping the code. Always returns -1. */
int error_context(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* As error_set() with ERROR_SYSTEM (ERROR_NOT_FOUND for ENOENT), with strerror(errno) appended. */
int error_errno(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A short word for logs and JSON: "not-found", "denied", … Static storage. */
const char *error_code_name(enum error_code code);

#endif
