/*
 * policy.h - what the spec permits of a plan: its mode, its allow, its limits.
 */
#ifndef TRUEUP_PLAN_POLICY_H
#define TRUEUP_PLAN_POLICY_H

#include "plan/plan.h"

/*
 * Mark the actions that the spec refuses: BLOCKED with the word of `allow` that
 * is missing, SKIPPED in mode observe, all BLOCKED where there are more than
 * limits.changes. A brake that let the first thousand of a mistake through
 * would be none, so nothing of a plan over the limit is done.
 */
void plan_apply_policy(struct plan *plan, const struct desired *desired);

/* Whether the spec's allow has this word. NULL is always allowed. */
bool plan_is_allowed(const struct desired *desired, const char *word);

#endif
