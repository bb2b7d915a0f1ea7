/*
 * source.h - the temporary cluster that a snapshot is restored to, so that its
 * rows can be copied: seeing it, getting in, and what is needed for that.
 *
 * It is trueup's own by two tags (the deployment and the snapshot) and by the
 * name that follows from these. Whatever lacks one of them is somebody else's.
 */
#ifndef TRUEUP_KINDS_SOURCE_H
#define TRUEUP_KINDS_SOURCE_H

#include "aws/rds.h"
#include "kinds/database.h"
#include "kinds/kind.h"

/* Fill *out: the snapshots that spec.vectors.restore.from may mean, and the temporary clusters that are there. */
void source_observe(struct kind_context *context, struct observed_restore *out);

/* Where the spec takes rows from elsewhere: the temporary clusters alone, which an earlier spec may have left. */
void source_observe_left(struct kind_context *context, struct observed_restore *out);

/*
 * The temporary cluster that is the action's argument `cluster`, described anew.
 * ERROR_NOT_FOUND if it is not there, ERROR_REFUSED if it is not ours.
 */
int source_find(struct kind_context *context, const struct plan_action *action, struct rds_cluster *cluster,
                struct error *err);

/*
 * Get into the temporary cluster as its master user, in the database that
 * `target` has. Nobody need know the password that the snapshot's cluster had:
 * a random one is set, kept in memory for this copy alone, and waited for, some
 * minutes at most. ERROR_STATE (retryable) while the cluster cannot be changed
 * or reached yet, or when the run is to stop. database_free() is the caller's.
 */
int source_open(struct kind_context *context, const struct plan_action *action, const struct database *target,
                struct database *source, struct error *err);

/* What it takes to see the snapshots, and to restore, read and delete. */
void source_permissions(const struct desired *desired, bool enforce, struct kind_permissions *permissions);

/* What it takes to see temporary clusters that an earlier spec left, and to delete them. */
void source_permissions_left(const struct desired *desired, bool enforce, struct kind_permissions *permissions);

#endif
