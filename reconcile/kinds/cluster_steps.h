/*
 * cluster_steps.h - the steps of a replacement, as plan/diff_cluster.c orders them.
 */
#ifndef TRUEUP_KINDS_CLUSTER_STEPS_H
#define TRUEUP_KINDS_CLUSTER_STEPS_H

#include "kinds/kind.h"

/* struct kind's act for `cluster`. */
void cluster_act(struct kind_context *context, struct plan_action **actions, size_t count);

#endif
