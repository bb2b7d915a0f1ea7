#include "run/gate.h"
#include "plan/policy.h"

#include <inttypes.h>
#include <string.h>

int run_gate(struct gate *gate, const struct plan_action *action, struct error *err)
{
	const struct desired *desired = gate->desired;

	if (gate->dry_run)
		return error_set(err, ERROR_REFUSED, "a dry run changes nothing");
	if (desired->mode != DESIRED_MODE_ENFORCE)
		return error_set(err, ERROR_REFUSED, "spec.mode is not enforce");
	if (gate->account == NULL)
		return error_set(err, ERROR_REFUSED, "the account is not known");
	if (desired->aws.account != NULL && strcmp(desired->aws.account, gate->account) != 0)
		return error_set(err, ERROR_REFUSED, "these credentials are of account %s, the spec is for %s",
		                 gate->account, desired->aws.account);
	if (!gate->locked)
		return error_set(err, ERROR_REFUSED, "this run does not hold the deployment's lock");
	if (!plan_is_allowed(desired, action->allow))
		return error_set(err, ERROR_REFUSED, "spec.allow must have the word %s", action->allow);
	if (action->state != ACTION_PLANNED && action->state != ACTION_WAITING)
		return error_set(err, ERROR_REFUSED, "the action is %s", action_state_words[action->state]);
	if (action->state == ACTION_PLANNED && ++gate->changes > desired->limits.changes)
		return error_set(err, ERROR_REFUSED, "spec.limits.changes allows %" PRId64 " changes in one run",
		                 desired->limits.changes);
	return 0;
}
