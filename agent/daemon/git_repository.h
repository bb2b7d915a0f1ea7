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

/*
 * Before a look: removes locks, unfinished packs, and other repositories that
 * were left beside it, for nobody else works there. Returns where to fetch into:
 * there, or beside it once it has more than so many bytes, or packs (one for
 * each fetch that brought something).
 */
const char *git_repository_choose(struct arena *arena, const char *repository, uint64_t bytes, size_t packs);

/* Behind a fetch that failed: the size of the largest unfinished file that it left, which is removed. */
uint64_t git_repository_tidy(const char *repository);

/* The new one takes its place. */
int git_repository_replace(const char *repository, struct error *err);

#endif
