/* The guard: under any other account than the spec's, nothing is done. */
#include "aws/sts.h"
#include "kinds/kind.h"
#include "plan/diff.h"

static bool account_is_wanted(const struct desired *desired)
{
	(void)desired;
	return true;
}

static void account_observe(struct kind_context *context, struct observed *observed)
{
	struct observed_account *account = &observed->account;
	struct sts_identity identity;
	struct error err;

	if (sts_get_caller_identity(context->aws, context->arena, &identity, &err) != 0) {
		observed_set_unknown(&account->head, context->arena, &err);
		return;
	}
	account->head.status = OBSERVED_SEEN;
	account->account = identity.account;
	account->arn = identity.arn;
}

static void account_permissions(const struct desired *desired, bool enforce, struct kind_permissions *permissions)
{
	const char *stack;

	(void)enforce;
	kind_add_permission(permissions, desired, "sts:GetCallerIdentity", NULL);
	if (desired->aws.stack == NULL)
		return;
	stack = arena_printf(permissions->arena, "stack/%s/*", desired->aws.stack);
	kind_add_permission(permissions, desired, "cloudformation:DescribeStacks", stack);
	kind_add_permission(permissions, desired, "cloudformation:ListStackResources", stack);
}

const struct kind kind_account = {
    .name = "account",
    .part = offsetof(struct observed, account),
    .is_wanted = account_is_wanted,
    .observe = account_observe,
    .diff = plan_diff_account,
    .permissions = account_permissions,
};
