/*
 * snapshot.h - which snapshot the rows come back from.
 *
 * Pure, from what was observed. With `auto` it is the newest one that can hold
 * the baseline's rows: of those that trueup took of a cluster that is no longer
 * the deployment's; else of the last ones of the stack's old cluster, or of the
 * cluster that the baseline is of; else of those that trueup took of the
 * present cluster, which it does before something empties its table. What was
 * taken before the baseline cannot be known to hold all of its rows.
 */
#ifndef TRUEUP_PLAN_SNAPSHOT_H
#define TRUEUP_PLAN_SNAPSHOT_H

#include "plan/plan.h"

struct snapshot_choice {
	const struct observed_snapshot *chosen; /* NULL: none will do */
	const char *id;     /* of the chosen: its identifier, or the ARN that the spec names it by */
	const char *origin; /* of the chosen: what it is, "trueup took it of cluster old, 2026-01-01T00:00:00Z" */
	const char *doubt;  /* of the chosen: why it may lack rows all the same; NULL: no reason to think so */
	const char *why;    /* none: what there was, and why each was not taken */
};

/* The choice for spec.vectors.restore.from.snapshot. One that is still being taken may be chosen. */
struct snapshot_choice snapshot_choose(const struct plan_input *input, struct arena *arena);

#endif
