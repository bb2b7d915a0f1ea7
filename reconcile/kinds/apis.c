/*
 * The apis kind: published APIs, which keep CloudFormation from replacing the
 * cluster as long as they import what changes with it. Who imports an export is
 * asked of CloudFormation, which knows it exactly; names are for people.
 */
#include "aws/cloudformation.h"
#include "kinds/apis_read.h"
#include "kinds/apis_record.h"
#include "kinds/apis_steps.h"
#include "kinds/kind.h"
#include "plan/diff.h"

#include <stdlib.h>
#include <string.h>

/* A replacement by trueup leaves the stack's exports as they are. */
static bool apis_is_wanted(const struct desired *desired)
{
	const struct desired_cluster *cluster = &desired->cluster;

	return cluster->present && cluster->encrypted && cluster->replace != DESIRED_REPLACE_RESTORE &&
	       desired->aws.stack != NULL;
}

static struct observed_api *find_api(const struct observed_apis *apis, const char *stack)
{
	size_t i;

	for (i = 0; i < apis->api_count; i++)
		if (strcmp(apis->apis[i].stack, stack) == 0)
			return &apis->apis[i];
	return NULL;
}

static int look(struct kind_context *context, const struct apis_record *record, const char *stack,
                struct observed_api *api, struct error *err)
{
	if (apis_read_stack(context, stack, api, err) != 0)
		return -1;
	apis_record_recall(context->arena, record, api);
	return api->foreign ? 0 : apis_read_plan(context, api, err);
}

/* Each importer once, with all that it imports. */
static int add_importers(struct kind_context *context, const struct apis_record *record, const char *export,
                         struct observed_apis *out, struct error *err)
{
	struct cloudformation_names names;
	size_t i;

	if (cloudformation_list_imports(context->aws, context->arena, export, &names, err) != 0)
		return error_context(err, "who imports %s", export);
	for (i = 0; i < names.count; i++) {
		struct observed_api *api = find_api(out, names.items[i]), fresh;

		if (api == NULL) {
			if (look(context, record, names.items[i], &fresh, err) != 0) {
				if (err->code == ERROR_NOT_FOUND)
					continue; /* it went meanwhile */
				return -1;
			}
			api = ARENA_PUSH(context->arena, out->apis, out->api_count);
			*api = fresh;
		}
		*ARENA_PUSH(context->arena, api->imports, api->import_count) = export;
	}
	return 0;
}

/* Whether there is an API again under this stack's name, whoever published it. */
static int is_published_again(struct kind_context *context, const struct observed_apis *seen, const char *stack,
                              bool *again, struct error *err)
{
	const struct observed_api *api = find_api(seen, stack);
	struct cloudformation_stack described;

	*again = false;
	if (api != NULL) { /* it is there still, or again: its own entry tells of it */
		*again = true;
		return 0;
	}
	if (cloudformation_describe_stack(context->aws, context->arena, stack, &described, err) != 0)
		return err->code == ERROR_NOT_FOUND ? 0 : -1;
	*again = described.status != NULL && apis_is_published(described.status);
	return 0;
}

static int add_removed(struct kind_context *context, const struct apis_record *record, struct observed_apis *out,
                       struct error *err)
{
	size_t i;

	out->file = record->count > 0 ? record->file : NULL;
	for (i = 0; i < record->count; i++) {
		bool again;

		if (is_published_again(context, out, record->apis[i].stack, &again, err) != 0)
			return error_context(err, "whether %s is published again", record->apis[i].stack);
		if (!again)
			*ARENA_PUSH(context->arena, out->removed, out->removed_count) = record->apis[i];
	}
	return 0;
}

static int compare_stacks(const void *a, const void *b)
{
	return strcmp(((const struct observed_api *)a)->stack, ((const struct observed_api *)b)->stack);
}

static int observe_all(struct kind_context *context, struct observed_apis *out, struct error *err)
{
	const struct observed_stack *stack = context->stack;
	struct apis_record record;
	size_t i;

	if (stack->head.status != OBSERVED_SEEN) {
		error_set(err, ERROR_NOT_FOUND,
		          "who imports of the stack %s is not known, since it could not be read: %s",
		          context->desired->aws.stack,
		          stack->head.reason != NULL ? stack->head.reason : "it was not looked at");
		if (stack->head.permission != NULL)
			strncpy(err->permission, stack->head.permission, sizeof(err->permission) - 1);
		return -1;
	}
	if (apis_record_read(context, &record, err) != 0)
		return -1;
	for (i = 0; i < stack->export_count; i++)
		if (add_importers(context, &record, stack->exports[i], out, err) != 0)
			return -1;
	if (out->api_count > 0)
		qsort(out->apis, out->api_count, sizeof(*out->apis), compare_stacks);
	return add_removed(context, &record, out, err);
}

static void apis_observe(struct kind_context *context, struct observed *observed)
{
	struct observed_apis *apis = &observed->apis;
	struct error err = {0};

	apis->head.status = OBSERVED_SEEN;
	if (observe_all(context, apis, &err) == 0)
		return;
	*apis = (struct observed_apis){0}; /* half a list would pass for all of it */
	observed_set_unknown(&apis->head, context->arena, &err);
}

/* What a stack deletes it deletes by the role that it was deployed with, as the CDK's are. */
static void apis_permissions(const struct desired *desired, bool enforce, struct kind_permissions *permissions)
{
	static const char stacks[] = "stack/" APIS_STACK "*/*";

	kind_add_permission(permissions, desired, "cloudformation:ListImports", NULL);
	kind_add_permission(permissions, desired, "cloudformation:DescribeStacks", "stack/*");
	kind_add_permission(permissions, desired, "cloudformation:DescribeStackEvents", stacks);
	kind_add_permission(permissions, desired, "apigateway:GET", "/usageplans/*");
	if (!enforce || (desired->allow & DESIRED_ALLOW_REMOVE_PUBLISHED_APIS) == 0)
		return;
	kind_add_permission(permissions, desired, "apigateway:DELETE", "/apikeys/*");
	kind_add_permission(permissions, desired, "cloudformation:DeleteStack", stacks);
	kind_add_permission(permissions, desired, "cloudformation:ListStackResources", stacks);
}

/* The cluster's replacement waits for them. */
static const char *const serves[] = {"cluster", NULL};

const struct kind kind_apis = {
    .name = "apis",
    .part = offsetof(struct observed, apis),
    .serves = serves,
    .is_wanted = apis_is_wanted,
    .observe = apis_observe,
    .diff = plan_diff_apis,
    .act = apis_act,
    .permissions = apis_permissions,
};
