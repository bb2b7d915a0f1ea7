/*
 * run_private.h - what a run consists of, for run.c and apply.c.
 */
#ifndef TRUEUP_RUN_RUN_PRIVATE_H
#define TRUEUP_RUN_RUN_PRIVATE_H

#include "aws/client.h"
#include "run/run.h"

struct run {
	struct arena *arena;
	const struct desired *desired;
	struct run_options options;
	struct arena **arenas; /* of what was observed: see observe.h */
	size_t arena_count;
	const char *region;
	struct aws_tally tally;
	int64_t *audited; /* numbers of its lines `run` in the audit log, one for each run_apply() that acted */
	size_t audited_count;
	struct plan taken; /* what was acted on so far: actions as they ended, resources as they were seen then */
};

#endif
