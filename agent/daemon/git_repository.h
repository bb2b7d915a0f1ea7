/*
 * git_repository.h - the repository that is fetched into: small for years, and
 * free of what a git that was ended left in it.
 *
 * It only ever grows by what is fetched. Once it is past its bounds, the next
 * look fetches into a new one beside it, which takes its place once it has what
 * may be in force: the old one has what is in force until then. A crash leaves
 * one of them whole, or none; then all is fetched again.
 */
#ifndef TRUEUP_AGENT_DAEMON_GIT_REPOSITORY_H
#define TRUEUP_AGENT_DAEMON_GIT_REPOSITORY_H

#include "base/arena.h"
#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct git_repository_size {
	uint64_t bytes; /* of all files */
	size_t packs;   /* one for each fetch that brought something */
	uint64_t left;  /* the largest file that was left over, and is removed now; 0: none was */
};

/*
 * Before a look, and behind one that failed: remove locks, unfinished packs,
 * and other repositories that were left beside it. Nobody else works there. The size is of what stays.
 */
struct git_repository_size git_repository_tidy(const char *repository);

/* The place of the new one beside it. */
const char *git_repository_beside(struct arena *arena, const char *repository);

/* The new one takes its place. */
int git_repository_replace(const char *repository, struct error *err);

#endif
