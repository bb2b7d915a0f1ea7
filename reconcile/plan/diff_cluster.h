/*
 * diff_cluster.h - private to the diff of the cluster: diff_cluster.c compares,
 * and replaces by itself; diff_deploy.c replaces by CloudFormation.
 */
#ifndef TRUEUP_PLAN_DIFF_CLUSTER_H
#define TRUEUP_PLAN_DIFF_CLUSTER_H

#include "plan/diff.h"

/* --- diff_cluster.c --- */

/* Whether a thing with this tag (NULL: none) was made by trueup for the deployment. */
bool diff_is_own(const struct plan_input *input, const char *deployment);

/* --- diff_deploy.c --- */

/* The replacement that is due, by the spec's command or by a person. */
void diff_deploy(const struct plan_input *input, struct plan *plan, struct plan_resource *resource);

/*
 * Whether CloudFormation is at work on the cluster, or the stack has another
 * one by now than the spec names. Then that is what the resource says, and
 * there is nothing else to do to it.
 */
bool diff_stack_comes_first(const struct plan_input *input, struct plan *plan, struct plan_resource *resource);

/* What is left of a replacement that is done: trueup's snapshots go once every row is in place; CloudFormation's are
 * told of. */
void diff_deploy_leftovers(const struct plan_input *input, struct plan *plan, struct plan_resource *resource);

#endif
