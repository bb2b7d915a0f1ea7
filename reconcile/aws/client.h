/*
 * client.h - the one way to AWS.
 *
 * A struct aws belongs to one thread. It holds what calls share: connections,
 * credentials, quotas, the retry budget. Every request passes through
 * aws_batch(), which refuses an operation that changes anything unless the
 * client was opened for writing: a dry run is a property of the transport.
 *
 * Answers are bounded (8 MiB) and so is time: 5 s to connect, 60 s an attempt,
 * 3 attempts (AWS_MAX_ATTEMPTS). TLS is always verified; plain http is taken
 * only for an endpoint that the environment or a profile sets.
 *
 * Errors of a call: ERROR_DENIED (with `permission`, the IAM action),
 * ERROR_NOT_FOUND, ERROR_EXISTS, ERROR_STATE, ERROR_CREDENTIALS,
 * ERROR_THROTTLED, ERROR_UNREACHABLE, ERROR_TIMEOUT, ERROR_PROTOCOL,
 * ERROR_REFUSED, ERROR_INVALID (parameters), ERROR_SERVICE (the rest);
 * `service_code` is the service's own word, cut of namespace and URL.
 */
#ifndef TRUEUP_AWS_CLIENT_H
#define TRUEUP_AWS_CLIENT_H

#include "aws/operation.h"
#include "base/arena.h"
#include "base/audit.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/secret.h"
#include "base/xml.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct aws;

/*
 * Once, by main, before any thread: curl's and OpenSSL's own set-up. The program ignores SIGPIPE: OpenSSL may write to
 * connections that the other side has closed.
 */
int aws_global_init(struct error *err);

/* What all clients of a run ask of each service: they add to it side by side, each in its thread. Starts as zeroes. */
struct aws_tally {
	struct aws_tally_item {
		_Atomic uint64_t calls; /* as in struct aws_counts */
		_Atomic uint64_t retries;
		_Atomic uint64_t throttles;
	} services[AWS_SERVICE_COUNT];
};

struct aws_settings {
	const char *region;          /* NULL: AWS_REGION, AWS_DEFAULT_REGION, the profile's */
	const char *profile;         /* NULL: AWS_PROFILE, else "default" */
	const char *assume_role_arn; /* NULL: none. On top of whatever credentials are found */
	const char *external_id;     /* with assume_role_arn; may be NULL */
	const char *session_name;    /* with assume_role_arn; NULL: "trueup" */
	bool writes;                 /* false: operations that change anything are refused */
	double quota_share;          /* of AWS's request quotas, 0 < x <= 1; 0: one half */
	const volatile bool *stop;   /* may be NULL; once true, calls end with ERROR_TIMEOUT */
	struct aws_tally *tally;     /* may be NULL; borrowed */
};

/*
 * Settings are copied. Reads configuration files but no credentials yet: the
 * first call looks for those. ERROR_INVALID: no region, or a file or setting that makes no sense.
 */
int aws_new(const struct aws_settings *settings, struct aws **aws, struct error *err);
void aws_free(struct aws *aws); /* NULL is fine */

/*
 * From now on each call that changes something is on disk before it is sent, and what came of it behind it: one
 * that cannot be written is not sent, with ERROR_SYSTEM. Borrowed.
 */
void aws_set_audit(struct aws *aws, struct audit *audit);

struct aws_request {
	enum aws_operation operation;
	const char *path; /* rest-json only, percent-encoded: "/usageplans/abc/keys?limit=500" */
	const char *body; /* query: "Name=value&…" behind Action and Version; JSON: the object. NULL: none */
	size_t length;    /* of body. The caller keeps body until the call returns */
};

struct aws_response {
	long status;                /* HTTP */
	struct buf body;            /* as it came */
	json_t *json;               /* json and rest-json: the document; NULL if the body was empty */
	const struct xml_node *xml; /* query: the element <…Result>, or the root if there is none; in the arena */
	char request_id[80];        /* "" if the service gave none */
};

/* Wipes and releases body and json. Of a response of zeroes, too. */
void aws_response_free(struct aws_response *response);

/* 0, or -1 with err filled. The response is to be freed after 0 only. */
int aws_call(struct aws *aws, struct arena *arena, const struct aws_request *request, struct aws_response *response,
             struct error *err);

/* A call among many. */
struct aws_exchange {
	struct aws_request request;
	struct aws_response response; /* to be freed if error.code is ERROR_NONE */
	struct error error;           /* ERROR_NONE: it succeeded */
};

/*
 * Many calls, several at once, within the quotas. Returns how many failed; each
 * exchange has its own result. After ERROR_CREDENTIALS or ERROR_REFUSED for one, or an audit log that cannot be
 * written, the rest is not sent.
 */
size_t aws_batch(struct aws *aws, struct arena *arena, struct aws_exchange *exchanges, size_t count);

/* What a call cost and where it went, for `doctor`. */
struct aws_counts {
	uint64_t calls;     /* requests that were asked for and sent at least once */
	uint64_t mutations; /* of these, operations that change something */
	uint64_t retries;
	uint64_t throttles;
};
struct aws_counts aws_counts(const struct aws *aws);
struct aws_tally *aws_tally(const struct aws *aws);     /* of its settings */
const char *aws_last_request_id(const struct aws *aws); /* "" before the first answer */
const char *aws_region(const struct aws *aws);

/* Where the credentials came from, in words: "environment", "profile production", …; NULL before the first call. */
const char *aws_credentials_source(const struct aws *aws);

/* Whether they come with a session token; until when they are good: 0 for ever, or as long as nobody knows. */
bool aws_credentials_are_temporary(const struct aws *aws);
time_t aws_credentials_expiry(const struct aws *aws);

/* Seconds by which AWS's clock is ahead of this machine's, from the last answer's Date; 0 before the first. */
int64_t aws_clock_offset(const struct aws *aws);

/* Find or refresh credentials now, without a request to the service. */
int aws_check_credentials(struct aws *aws, struct error *err);

#endif
