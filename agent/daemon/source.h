/*
 * source.h - where the deployments' specs come from: a directory, or one file;
 * which of them are in force, and what was wrong with those that are not.
 *
 * Lives on the daemon's loop and never blocks it: to read the specs is the work
 * of a short-lived child, this program's `trueup validate`, one at a time. What
 * it found comes into force as a whole or not at all: once something is in
 * force, specs that cannot be read or are not valid take nobody's place. A path
 * is read where it is, so that a run reads its spec anew, and refuses one that
 * is not valid by then.
 *
 * A git repository is fetched every `interval` and when asked, by source_git.h;
 * each commit has a directory of its own, which is removed once it is no longer
 * in force and nobody holds it. What is in force is remembered in the state
 * directory, and taken again after a restart even if the remote is gone. If
 * signatures are verified, then so is what is in force: at the start, and with
 * each look. Once it is distrusted, it is still known which deployments there
 * are, but none is run until another revision is in force, or this one again.
 */
#ifndef TRUEUP_AGENT_DAEMON_SOURCE_H
#define TRUEUP_AGENT_DAEMON_SOURCE_H

#include "daemon/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

struct event_base;
struct source;

/* A spec in force, valid when it was read. */
struct source_spec {
	const char *name;   /* of the deployment */
	const char *file;   /* to hand to `trueup apply` */
	const char *sha256; /* of the file: another one is another spec */
};

/* What is in force: plain data that nobody changes. */
struct source_revision {
	const char *directory;           /* where the specs are (with a path: the path, which may be one file) */
	const char *commit;              /* hexadecimal; NULL: a path that is not checked out from git */
	time_t since;                    /* when it came into force */
	const char *distrust;            /* why no run may begin with it any more; NULL: it may */
	const struct source_spec *specs; /* in the order of their files */
	size_t spec_count;
};

/* How things stand: what the page, the API and notifications tell. Valid until the next callback. */
struct source_status {
	bool git;
	const char *location; /* the URL, without a password in it; or the path */
	time_t checked_at;    /* when it was last looked at, with whatever result; 0: never yet */

	const char *error; /* one line; NULL: the last look found nothing wrong */
	const char *note;  /* one line of what is to be known, though not wrong: "history was rewritten"; or NULL */

	/* A commit that is newer than the one in force, and why it is not. NULL: there is none. */
	const char *refused_commit;
	const char *refused_reason;

	/* What is wrong with specs that are therefore not in force: "file:line:column: field: message" each. */
	const char *const *errors;
	size_t error_count;
};

/* Called on the loop, never from within a function of this header. */
struct source_observer {
	void (*in_force)(void *context); /* source_current() is another one, or distrusted now; `changed` follows */
	void (*changed)(void *context);  /* source_status() is another one */
	void *context;
};

struct source_options {
	struct event_base *base;
	const struct agent_config *config; /* copied, as far as it is used here */
	const char *state;                 /* the state directory; exists */
	struct source_observer observer;
	const char *program; /* whose command `validate` it runs; NULL: this very program */
};

/* Begins to look at once. Never NULL. */
struct source *source_new(const struct source_options *options);

/* Ends a look that is under way. What is held may be released afterwards, too. NULL is fine. */
void source_free(struct source *source);

/* Another configuration (HUP). If specs come from elsewhere now, what is in force stays until that was looked at. */
void source_reload(struct source *source, const struct agent_config *config);

/*
 * Look now: a webhook, a signal, a person. Looks that are asked for while one
 * is under way, or within SOURCE_PAUSE of its end, become one that follows.
 */
void source_fetch(struct source *source);
#define SOURCE_PAUSE 3 /* seconds: so that replayed webhooks do no harm */

/* Whether a look that was asked for is still to begin. */
bool source_is_asked(const struct source *source);

/* What is in force, or was until it was distrusted; NULL: nothing is yet. Valid until the next call of `in_force`,
 * longer if held. */
const struct source_revision *source_current(const struct source *source);

/* How things stand. */
const struct source_status *source_status(const struct source *source);

/* Keep what is in force readable for a run that begins with it: each hold needs its release. NULL where nothing is. */
const struct source_revision *source_hold(struct source *source);
void source_release(const struct source_revision *revision); /* NULL is fine */

#endif
