#include "plan/policy.h"

#include <inttypes.h>
#include <string.h>

bool plan_is_allowed(const struct desired *desired, const char *word)
{
	unsigned bit;

	if (word == NULL)
		return true;
	for (bit = 1; bit <= DESIRED_ALLOW_SIGN_OUT_USERS; bit <<= 1)
		if ((desired->allow & bit) != 0 && strcmp(desired_allow_word((enum desired_allow)bit), word) == 0)
			return true;
	return false;
}

static void refuse_words(struct plan *plan, const struct desired *desired)
{
	size_t i;

	for (i = 0; i < plan->action_count; i++) {
		struct plan_action *action = plan->actions[i];

		if (action->state == ACTION_PLANNED && !plan_is_allowed(desired, action->allow))
			plan_action_block(plan, action, "spec.allow must have the word %s", action->allow);
	}
}

static void refuse_excess(struct plan *plan, const struct desired *desired)
{
	size_t i, planned = plan_count_actions(plan, ACTION_PLANNED);

	if (planned <= (size_t)desired->limits.changes)
		return;
	for (i = 0; i < plan->action_count; i++)
		if (plan->actions[i]->state == ACTION_PLANNED)
			plan_action_block(plan, plan->actions[i],
			                  "spec.limits.changes allows %" PRId64
			                  " change%s in one run, and these are %zu",
			                  desired->limits.changes, desired->limits.changes == 1 ? "" : "s", planned);
}

static void skip_all(struct plan *plan, const char *why)
{
	size_t i;

	for (i = 0; i < plan->action_count; i++) {
		if (plan->actions[i]->state == ACTION_PLANNED) {
			plan->actions[i]->state = ACTION_SKIPPED;
			plan->actions[i]->waits_for = why;
		}
	}
}

void plan_apply_policy(struct plan *plan, const struct desired *desired)
{
	refuse_words(plan, desired);
	refuse_excess(plan, desired);
	if (desired->mode == DESIRED_MODE_OBSERVE)
		skip_all(plan, "spec.mode is observe: nothing is done");
	plan_follow_needs(plan);
}
