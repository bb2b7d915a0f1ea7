/*
 * revision.h - the git revision that a file is checked out from.
 *
 * Read from git's own files and not asked of git, which would run whatever the
 * repository's configuration says.
 */
#ifndef TRUEUP_AGENT_REVISION_H
#define TRUEUP_AGENT_REVISION_H

#include "base/arena.h"

/*
 * The commit of HEAD in the work tree that holds `file`, in hexadecimal. NULL
 * if there is none: not in git, nothing committed yet, standard input ("-"), or
 * refs in a form that is not known (reftable). Work trees of `git worktree` and
 * packed refs are understood.
 */
const char *revision_find(struct arena *arena, const char *file);

#endif
