#include "kinds/kind.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

extern const struct kind kind_account, kind_cluster, kind_apis, kind_rotation, kind_vectors, kind_users, kind_bots;

const struct kind *const kinds[] = {&kind_account, &kind_cluster, &kind_apis, &kind_rotation,
                                    &kind_vectors, &kind_users,   &kind_bots, NULL};

const struct kind *kind_find(const char *name)
{
	size_t i;

	for (i = 0; kinds[i] != NULL; i++)
		if (strcmp(kinds[i]->name, name) == 0)
			return kinds[i];
	return NULL;
}

void kind_list_diffs(plan_diff *diffs[KINDS_MAX + 1])
{
	size_t i;

	for (i = 0; kinds[i] != NULL; i++)
		diffs[i] = kinds[i]->diff;
	diffs[i] = NULL;
}

struct observed_head *kind_head(const struct kind *kind, struct observed *observed)
{
	return (struct observed_head *)((char *)observed + kind->part);
}

void kind_action_reject(const struct kind_context *context, struct plan_action *action)
{
	action->state = ACTION_FAILED;
	action->error = arena_printf(context->arena,
	                             "nobody knows how to %s a thing of kind %s: this is a defect of "
	                             "trueup, please report it",
	                             action->verb, action->kind);
}

void kind_action_wait(const struct kind_context *context, struct plan_action *action, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	action->state = ACTION_WAITING;
	action->waits_for = arena_vprintf(context->arena, format, args);
	va_end(args);
}

void kind_action_fail(const struct kind_context *context, struct plan_action *action, const struct error *err)
{
	const char *reason = observed_reason(context->arena, err->message, err->permission);

	if (err->retryable && err->code != ERROR_CREDENTIALS) {
		kind_action_wait(context, action, "%s", err->message);
		action->error = err->code == ERROR_STATE ? NULL : reason;
		return;
	}
	action->state = ACTION_FAILED;
	action->error = reason;
}

/* China and GovCloud have partitions of their own. */
static const char *partition_of(const char *region)
{
	if (region != NULL && strncmp(region, "cn-", 3) == 0)
		return "aws-cn";
	if (region != NULL && strncmp(region, "us-gov-", 7) == 0)
		return "aws-us-gov";
	return "aws";
}

void kind_add_permission(struct kind_permissions *permissions, const struct desired *desired, const char *action,
                         const char *resource)
{
	struct kind_permission *permission = ARENA_PUSH(permissions->arena, permissions->items, permissions->count);
	const char *region = desired->aws.region != NULL ? desired->aws.region : "*";
	const char *account = desired->aws.account;

	/* API Gateway's ARNs name no account, and models are not an account's. */
	if (strncmp(action, "apigateway:", strlen("apigateway:")) == 0 ||
	    strncmp(action, "bedrock:", strlen("bedrock:")) == 0)
		account = "";
	permission->action = action;
	permission->tag = NULL;
	permission->resource = resource != NULL ? resource : "*";
	if (resource != NULL && strncmp(resource, "arn:", 4) != 0)
		permission->resource =
		    arena_printf(permissions->arena, "arn:%s:%.*s:%s:%s:%s", partition_of(desired->aws.region),
		                 (int)strcspn(action, ":"), action, strncmp(action, "iam:", 4) == 0 ? "" : region,
		                 account != NULL ? account : "*", resource);
}

void kind_add_permission_on_own(struct kind_permissions *permissions, const struct desired *desired, const char *action,
                                const char *type, const char *name)
{
	int length = (int)(strrchr(name, '-') + 1 - name);

	kind_add_permission(permissions, desired, action,
	                    arena_printf(permissions->arena, "%s:%.*s*", type, length, name));
	permissions->items[permissions->count - 1].tag = desired->metadata.name;
}

void kind_add_permissions(const struct desired *desired, bool enforce, struct kind_permissions *permissions)
{
	size_t i;

	for (i = 0; kinds[i] != NULL; i++)
		if (kinds[i]->is_wanted(desired))
			kinds[i]->permissions(desired, enforce, permissions);
}

static int compare_permissions(const void *a, const void *b)
{
	const struct kind_permission *left = a, *right = b;
	int order = strcmp(left->resource, right->resource);

	if (order == 0)
		order = strcmp(left->tag != NULL ? left->tag : "", right->tag != NULL ? right->tag : "");
	return order != 0 ? order : strcmp(left->action, right->action);
}

static bool is_granted_everywhere(const struct kind_permissions *permissions, const char *action)
{
	size_t i;

	for (i = 0; i < permissions->count; i++)
		if (strcmp(permissions->items[i].resource, "*") == 0 &&
		    strcmp(permissions->items[i].action, action) == 0)
			return true;
	return false;
}

void kind_tidy_permissions(struct kind_permissions *permissions)
{
	size_t i, kept = 0;

	if (permissions->count > 1)
		qsort(permissions->items, permissions->count, sizeof(*permissions->items), compare_permissions);
	/* "*" sorts before any ARN, so what is granted on it is among those that were kept. */
	for (i = 0; i < permissions->count; i++) {
		const struct kind_permission *permission = &permissions->items[i];
		struct kind_permissions before = {.items = permissions->items, .count = kept};

		if ((kept > 0 && compare_permissions(permission, &permissions->items[kept - 1]) == 0) ||
		    is_granted_everywhere(&before, permission->action))
			continue;
		permissions->items[kept++] = *permission;
	}
	permissions->count = kept;
}
