/*
 * iam_policy.h - the least IAM policy that specs need, from what each kind says of its permissions.
 */
#ifndef TRUEUP_AGENT_IAM_POLICY_H
#define TRUEUP_AGENT_IAM_POLICY_H

#include "base/arena.h"
#include "spec/desired.h"

#include <jansson.h>
#include <stdbool.h>

/*
 * The policy document for all of the specs, to observe or also to enforce:
 * sorted by resource, a statement for what is read, used or changed of one by
 * one service; its Sid says so, and is the same each time. An action that is
 * granted on "*" is not repeated for one resource. A new reference.
 */
json_t *iam_policy_build(struct arena *arena, const struct desired_list *specs, bool enforce);

#endif
