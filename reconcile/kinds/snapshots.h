/*
 * snapshots.h - the manual snapshots that may hold a deployment's rows.
 */
#ifndef TRUEUP_KINDS_SNAPSHOTS_H
#define TRUEUP_KINDS_SNAPSHOTS_H

#include "aws/rds.h"
#include "kinds/kind.h"

/* The snapshot as observed data; its strings are the context's arena's. */
struct observed_snapshot snapshots_convert(const struct kind_context *context, const struct rds_snapshot *snapshot);

/*
 * Those that trueup took for the deployment, those of the cluster with this
 * resource id (NULL: none such), and those that CloudFormation took of the
 * stack's vector store before it deleted it: the oldest first.
 */
int snapshots_observe(struct kind_context *context, const char *resource_id, struct observed_snapshot **snapshots,
                      size_t *count, struct error *err);

#endif
