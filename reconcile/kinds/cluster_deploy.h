/*
 * cluster_deploy.h - the cluster's replacement by CloudFormation, as plan/diff_deploy.c orders it.
 */
#ifndef TRUEUP_KINDS_CLUSTER_DEPLOY_H
#define TRUEUP_KINDS_CLUSTER_DEPLOY_H

#include "kinds/kind.h"

/* Observing: why spec.cluster.deploy's command cannot be run on this machine, or NULL. */
const char *cluster_find_deploy_problem(const struct kind_context *context);

/* Acting: one action of the verb `snapshot` (with the argument of that name), `deploy`, or `settle` (with `stack`). */
void cluster_take_snapshot(struct kind_context *context, struct plan_action *action);
void cluster_deploy(struct kind_context *context, struct plan_action *action);
void cluster_settle_stack(struct kind_context *context, struct plan_action *action);

#endif
