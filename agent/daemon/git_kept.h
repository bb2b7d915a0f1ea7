/*
 * git_kept.h - the git source's place in the state directory: the repository,
 * the checked out revisions, and which of these is in force, so that it is
 * taken again after a restart even if the remote is gone.
 */
#ifndef TRUEUP_AGENT_DAEMON_GIT_KEPT_H
#define TRUEUP_AGENT_DAEMON_GIT_KEPT_H

#include "base/arena.h"
#include "base/error.h"
#include "daemon/config.h"

#include <time.h>

struct git_kept {
	const char *commit;
	const char *object;   /* that its signature is of: a tag's own, or the commit */
	const char *checkout; /* its directory */
	time_t since;
};

/* The file that says which one is in force: without it there is nothing that a new one must follow from. */
const char *git_kept_marker(struct arena *arena, const char *state);

const char *git_kept_repository(struct arena *arena, const char *state);

/* A new, empty directory for a commit's files; NULL and *err if there cannot be one. */
const char *git_kept_new_checkout(struct arena *arena, const char *state, const char *commit, struct error *err);

/* Where the specs are in a checkout. */
const char *git_kept_specs(struct arena *arena, const struct agent_git *git, const char *checkout);

/* With all files in it. Errors are logged. */
void git_kept_remove(const char *checkout);

/* This one is in force. An error is logged: then a restart needs the remote. */
void git_kept_save(const char *state, const struct agent_git *git, const struct git_kept *kept);

/*
 * What was in force, if it came from the same place by the same rules: another
 * URL or keyring needs its own look. -1: nothing, or not that.
 */
int git_kept_load(struct arena *arena, const char *state, const struct agent_git *git, struct git_kept *kept);

/* Remove whatever else was checked out, by an agent that was ended. `checkout`: NULL: none stays. */
void git_kept_sweep(const char *state, const char *checkout);

#endif
