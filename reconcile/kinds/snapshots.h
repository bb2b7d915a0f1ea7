/*
 * snapshots.h - the manual snapshots that may hold a deployment's rows.
 */
#ifndef TRUEUP_KINDS_SNAPSHOTS_H
#define TRUEUP_KINDS_SNAPSHOTS_H

#include "aws/rds.h"
#include "kinds/kind.h"

/* The snapshot as observed data; its strings are the context's arena's. */
struct observed_snapshot snapshots_convert(const struct kind_context *context, const struct rds_snapshot *snapshot);

/* Of which clusters snapshots count whoever took them; NULL: of none. */
struct snapshots_filter {
	const char *resource_id;
	const char *cluster; /* as it was called then */
};

/*
 * Those that trueup took for the deployment, those that the filter is for, and
 * those that CloudFormation took of the stack's vector store before it deleted
 * it: the oldest first.
 */
int snapshots_observe(struct kind_context *context, const struct snapshots_filter *filter,
                      struct observed_snapshot **snapshots, size_t *count, struct error *err);

#endif
