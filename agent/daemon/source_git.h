/*
 * source_git.h - one look at a git repository: fetched, verified and checked
 * out by a chain of `git` children on the loop, one after the other.
 *
 * The repository is somebody else's: no hooks, filters, submodules, symbolic
 * links or shells of it run or are followed (git_tree.h), no other protocol
 * than the URL's own is spoken, and all of it is bounded.
 */
#ifndef TRUEUP_AGENT_DAEMON_SOURCE_GIT_H
#define TRUEUP_AGENT_DAEMON_SOURCE_GIT_H

#include "daemon/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct git_kept;
struct source_git;

struct source_git_result {
	const char *error;    /* one line; NULL: all is well */
	const char *commit;   /* of the tip; NULL: it is not known */
	const char *object;   /* that a signature would be of: a tag's own, or the commit */
	bool refused;         /* the commit may not be in force, and `error` is why */
	const char *checkout; /* where its files are, now the caller's; NULL: of an error, or it is the known one */
	const char *note;     /* one line, or NULL */
};

/* What is fetched, and kept of it. The tests have smaller ones. */
struct source_git_limits {
	int64_t fetch_ms;
	size_t pack_bytes;         /* of one fetch */
	uint64_t repository_bytes; /* past these two it is fetched anew, into a new one */
	size_t packs;
};
extern const struct source_git_limits source_git_limits;

struct source_git_options {
	struct event_base *base;
	const struct agent_git *git; /* must outlive the look */
	const struct source_git_limits *limits;
	const char *state;  /* the state directory */
	const char *known;  /* the commit that is in force by this very configuration, or NULL: none is. It is not
	                       checked  out again, but verified: whoever signed it may have been struck off since */
	const char *before; /* the commit that must be followed from (with `verify`; else it is only noted); or NULL */
	/* The last call, from the loop and never from within source_git_start(); the look is freed behind it. */
	void (*ended)(void *context, const struct source_git_result *result);
	void *context;
};

/* Never NULL. */
struct source_git *source_git_start(const struct source_git_options *options);

/*
 * Fetches nothing, but asks whether a commit that came into force before is
 * still signed by one of those who may. No, if the result is refused. Never NULL.
 */
struct source_git *source_git_check(const struct source_git_options *options, const struct git_kept *kept);

/* Ends it at once, without a call. */
void source_git_abandon(struct source_git *look);

/* The URL as it may be shown: without a password in it. */
const char *source_git_show_url(struct arena *arena, const char *url);

#endif
