/* The guard: whose account these credentials are. It has no actions; a wrong account stops the run. */
#include "plan/diff.h"

#include <string.h>

void plan_diff_account(const struct plan_input *input, struct plan *plan)
{
	const struct observed_account *observed = &input->observed->account;
	const char *wanted = input->desired->aws.account;
	struct plan_difference difference = {"account", CHANGE_REPLACE, wanted, observed->account};
	struct plan_resource *resource;

	if (plan_is_left_out(&observed->head))
		return;
	if (observed->head.status == OBSERVED_UNKNOWN) {
		plan_add_unseen(plan, "account", wanted != NULL ? wanted : "credentials", &observed->head);
		return;
	}
	resource = plan_add_resource(plan, "account", wanted != NULL ? wanted : observed->account);
	if (wanted == NULL || strcmp(wanted, observed->account) == 0)
		return;
	plan_add_difference(plan, resource, &difference);
	plan_set_reason(
	    plan, resource,
	    "the credentials are of account %s (%s): nothing else was looked at. Use credentials of account "
	    "%s, or correct spec.aws.account",
	    observed->account, observed->arn, wanted);
}
