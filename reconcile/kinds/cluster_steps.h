/*
 * cluster_steps.h - the steps of a replacement, as plan/diff_cluster.c orders them.
 */
#ifndef TRUEUP_KINDS_CLUSTER_STEPS_H
#define TRUEUP_KINDS_CLUSTER_STEPS_H

#include "aws/rds.h"
#include "kinds/kind.h"

/*
 * Whether its storage is encrypted at rest, with any key. Since 2026-02-18 new
 * clusters are by default, with a key of AWS's own, which RDS says in
 * StorageEncryptionType (none, sse-rds, sse-kms); older answers have only StorageEncrypted.
 */
bool cluster_is_encrypted(const struct rds_cluster *cluster);

/* struct kind's act for `cluster`. */
void cluster_act(struct kind_context *context, struct plan_action **actions, size_t count);

#endif
