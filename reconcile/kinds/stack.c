#include "kinds/stack.h"
#include "aws/cloudformation.h"

#include <string.h>

static bool leaves_cluster(const struct desired *desired)
{
	bool connects = desired->vectors.present && desired->vectors.connect.host == NULL;

	return desired->cluster.identifier == NULL && (desired->cluster.present || connects);
}

static bool leaves_secret(const struct desired *desired)
{
	bool compares = desired->cluster.present && desired->cluster.replace == DESIRED_REPLACE_RESTORE;

	return (desired->vectors.present || compares) && desired->vectors.connect.secret == NULL;
}

static bool leaves_something(const struct desired *desired)
{
	return leaves_cluster(desired) || leaves_secret(desired) ||
	       (desired->users.present && desired->users.pool == NULL);
}

/* The physical id of the first resource of the type whose logical id begins with the prefix. */
static const char *find_resource(const struct cloudformation_resources *resources, const char *type, const char *prefix)
{
	size_t i;

	for (i = 0; i < resources->count; i++)
		if (strcmp(resources->items[i].type, type) == 0 &&
		    strncmp(resources->items[i].logical_id, prefix, strlen(prefix)) == 0)
			return resources->items[i].physical_id;
	return NULL;
}

/* The secret's ARN is an output with a generated key, exported under a name that ends in this. */
static const char *find_export(const struct cloudformation_stack *stack, const char *suffix)
{
	size_t i, length = strlen(suffix);

	for (i = 0; i < stack->output_count; i++) {
		const char *name = stack->outputs[i].export_name;

		if (name != NULL && strlen(name) >= length && strcmp(name + strlen(name) - length, suffix) == 0)
			return stack->outputs[i].value;
	}
	return cloudformation_find_output(stack, suffix);
}

void stack_observe(struct kind_context *context, struct observed_stack *stack)
{
	const char *name = context->desired->aws.stack;
	struct cloudformation_stack described;
	struct cloudformation_resources resources;
	struct error err;

	if (name == NULL || !leaves_something(context->desired))
		return;
	if (cloudformation_describe_stack(context->aws, context->arena, name, &described, &err) != 0 ||
	    cloudformation_list_resources(context->aws, context->arena, name, &resources, &err) != 0) {
		error_context(&err, "stack %s", name);
		observed_set_unknown(&stack->head, context->arena, &err);
		return;
	}
	stack->head.status = OBSERVED_SEEN;
	stack->status = described.status;
	stack->cluster = find_resource(&resources, "AWS::RDS::DBCluster", "VectorStoreCluster");
	stack->secret = find_export(&described, "DbConfigSecretArn");
	stack->pool = cloudformation_find_output(&described, "AuthUserPoolId");
	if (stack->pool == NULL)
		stack->pool = find_resource(&resources, "AWS::Cognito::UserPool", "AuthUserPool");
}

const char *stack_resolve(const char *from_spec, const char *from_stack, const struct kind_context *context,
                          const char *field, struct error *err)
{
	const struct observed_stack *stack = context->stack;

	if (from_spec != NULL)
		return from_spec;
	if (from_stack != NULL)
		return from_stack;
	if (stack->head.status == OBSERVED_UNKNOWN) {
		error_set(err, ERROR_NOT_FOUND, "%s is left to the stack, which could not be read: %s", field,
		          stack->head.reason);
		if (stack->head.permission != NULL)
			strncpy(err->permission, stack->head.permission, sizeof(err->permission) - 1);
	} else if (context->desired->aws.stack == NULL)
		error_set(err, ERROR_NOT_FOUND, "say which: set %s, or spec.aws.stack for what the stack names", field);
	else
		error_set(err, ERROR_NOT_FOUND, "the stack %s does not name it: set %s", context->desired->aws.stack,
		          field);
	return NULL;
}
