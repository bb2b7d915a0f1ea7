/*
 * diff.h - each kind's diff: pure functions from desired and observed to
 * resources, differences and actions.
 *
 * They stand here and not beside each kind's observe and act so that the
 * linker can hold them to it: this library links nothing that does I/O.
 *
 * Conditions that cross kinds:
 */
#ifndef TRUEUP_PLAN_DIFF_H
#define TRUEUP_PLAN_DIFF_H

#include "plan/plan.h"

/* The cluster under the deployment's name is encrypted as the spec wants it. */
#define CONDITION_CLUSTER_ENCRYPTED "cluster/encrypted"

/* Whether RDS's word for a cluster, instance or snapshot is one that no waiting mends. */
bool diff_status_is_broken(const char *status);

/* Whether this is the user whom the spec means: by user name, or by e-mail whatever its case. */
bool diff_user_answers(const struct observed_user *user, const struct desired_member *member);

plan_diff plan_diff_account;
plan_diff plan_diff_cluster;
plan_diff plan_diff_vectors;
plan_diff plan_diff_users;

#endif
