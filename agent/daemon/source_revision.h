/*
 * source_revision.h - what is handed out of a source, and what it is made of:
 * it lives as long as it is in force, or held by a run.
 */
#ifndef TRUEUP_AGENT_DAEMON_SOURCE_REVISION_H
#define TRUEUP_AGENT_DAEMON_SOURCE_REVISION_H

#include "daemon/source.h"
#include "daemon/source_git.h"

#include <jansson.h>

struct revision {
	struct source_revision seen; /* the first member: what holds it is found by it */
	struct arena *arena;
	int holds;            /* the source's own is one */
	const char *checkout; /* its files, if they are from git */
	const char *object;   /* likewise, of source_git_result */
	const char *note;
	bool gone; /* another one is in force: its files go with it */
};

/*
 * Of the specs as `trueup validate -o json` lists them, all else as it is in
 * `seen` and in `from` (of a path: all NULL). Copies; held once. Never NULL.
 */
struct revision *revision_new(const json_t *list, const struct source_revision *seen,
                              const struct source_git_result *from);

/* One hold less; without any it is freed. NULL is fine. */
void revision_release(struct revision *revision);

/* Whether nothing has changed from the one to the other: never so of two commits. */
bool revision_is_same(const struct source_revision *a, const struct source_revision *b);

#endif
