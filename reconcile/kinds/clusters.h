/*
 * clusters.h - what kinds share about RDS's clusters: finding and observing
 * them, and following what RDS makes until it is there.
 */
#ifndef TRUEUP_KINDS_CLUSTERS_H
#define TRUEUP_KINDS_CLUSTERS_H

#include "aws/rds.h"
#include "kinds/kind.h"

/*
 * Whether its storage is encrypted at rest, with any key. Since 2026-02-18 new
 * clusters are by default, with a key of AWS's own, which RDS says in
 * StorageEncryptionType (none, sse-rds, sse-kms); older answers have only StorageEncrypted.
 */
bool clusters_is_encrypted(const struct rds_cluster *cluster);

/* The cluster of this identifier, or NULL. */
const struct rds_cluster *clusters_find(const struct rds_clusters *clusters, const char *identifier);

/* The cluster and its instances, which are asked for, as observed data. `cluster` may be NULL: it does not exist. */
int clusters_observe(struct kind_context *context, const struct rds_cluster *cluster, struct observed_database *out,
                     struct error *err);

/* The tag on all that trueup makes for the deployment. */
struct rds_tag clusters_own_tag(const struct kind_context *context);

/*
 * RDS's word for a cluster, instance or snapshot becomes the action's state:
 * DONE when available, FAILED when it never will be, else WAITING. `what` names the thing.
 */
void clusters_follow_status(struct kind_context *context, struct plan_action *action, const char *what,
                            const char *status);

/*
 * One instance of the cluster that is the action's argument `cluster`: created
 * if it is not there; its state becomes the action's, unless that is worse already.
 */
void clusters_follow_instance(struct kind_context *context, struct plan_action *action, const char *identifier,
                              const char *class);

#endif
