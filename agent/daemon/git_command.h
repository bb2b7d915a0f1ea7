/*
 * git_command.h - the words and the environment with which `git` is run.
 */
#ifndef TRUEUP_AGENT_DAEMON_GIT_COMMAND_H
#define TRUEUP_AGENT_DAEMON_GIT_COMMAND_H

#include "base/arena.h"
#include "base/error.h"
#include "daemon/config.h"

#define GIT_REMOTE_REF "refs/trueup/remote" /* what was fetched */

struct git_command {
	const char **words; /* ends with NULL */
	size_t count;
};

/* `git` with all that makes a repository harmless, to be followed by a command. */
struct git_command git_command_new(struct arena *arena, const struct agent_git *git, const char *repository);

void git_command_add(struct arena *arena, struct git_command *command, const char *word);

/* What only a verification needs; `gnupg` is GnuPG's directory. In front of the command. */
void git_command_add_verify(struct arena *arena, struct git_command *command, const struct agent_verify *verify);

/* The environment besides the plain one of ours; NULL and *err if the configuration does not allow one. */
const char *const *git_command_environment(struct arena *arena, const struct agent_git *git, const char *gnupg,
                                           struct error *err);

/* "https", "http", "ssh" or "file": what the URL speaks; "none" if it is none of these. */
const char *git_command_protocol(const char *url);

/* What is fetched: "+refs/heads/main:refs/trueup/remote". */
const char *git_command_refspec(struct arena *arena, const struct agent_git *git);

#endif
