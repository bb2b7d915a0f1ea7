#include "kinds/apis_read.h"
#include "aws/apigateway.h"
#include "aws/cloudformation.h"

#include <string.h>

static const char *find_bot(const char *stack)
{
	size_t length = strlen(APIS_STACK);

	return strncmp(stack, APIS_STACK, length) == 0 && stack[length] != '\0' ? stack + length : NULL;
}

bool apis_is_in_progress(const struct observed_api *api)
{
	static const char end[] = "_IN_PROGRESS";
	size_t length = strlen(api->status);

	return length >= sizeof(end) && strcmp(api->status + length - (sizeof(end) - 1), end) == 0;
}

bool apis_is_published(const char *status)
{
	return strcmp(status, "CREATE_COMPLETE") == 0 || strncmp(status, "UPDATE_", 7) == 0 ||
	       strncmp(status, "IMPORT_", 7) == 0;
}

static void copy_settings(struct kind_context *context, const struct cloudformation_stack *stack,
                          struct observed_api *api)
{
	size_t i;

	for (i = 0; i < stack->parameter_count; i++)
		*ARENA_PUSH(context->arena, api->parameters, api->parameter_count) =
		    (struct observed_setting){stack->parameters[i].key, stack->parameters[i].value};
	for (i = 0; i < stack->output_count; i++)
		*ARENA_PUSH(context->arena, api->outputs, api->output_count) =
		    (struct observed_setting){stack->outputs[i].key, stack->outputs[i].value};
}

/* Somebody's own stack is named, and no more of it is read: what its parameters hold is not our business. */
static void fill(struct kind_context *context, const struct cloudformation_stack *stack, struct observed_api *api)
{
	*api = (struct observed_api){
	    .stack = stack->name,
	    .id = stack->id,
	    .status = stack->status,
	    .protected = stack->protected,
	    .bot = find_bot(stack->name),
	    .plan = cloudformation_find_output(stack, "ApiUsagePlanId"),
	};
	/* A stack has its outputs once it is there. */
	api->foreign = api->bot == NULL || (api->plan == NULL && strcmp(api->status, "CREATE_IN_PROGRESS") != 0);
	if (api->foreign) {
		api->plan = NULL;
		return;
	}
	api->api = cloudformation_find_output(stack, "ApiId");
	api->name = cloudformation_find_output(stack, "ApiName");
	api->stage = cloudformation_find_output(stack, "DeploymentStage");
	api->origins = cloudformation_find_output(stack, "AllowedOrigins");
	copy_settings(context, stack, api);
}

int apis_read_stack(struct kind_context *context, const char *stack, struct observed_api *api, struct error *err)
{
	struct cloudformation_stack described;

	if (cloudformation_describe_stack(context->aws, context->arena, stack, &described, err) != 0)
		return -1;
	if (described.name == NULL || described.id == NULL || described.status == NULL)
		return error_set(err, ERROR_PROTOCOL, "CloudFormation DescribeStacks: %s lacks its name, id or status",
		                 stack);
	if (strcmp(described.status, "DELETE_COMPLETE") == 0) /* by its ARN it can be described for 90 days more */
		return error_set(err, ERROR_NOT_FOUND, "the stack %s is deleted", described.name);
	fill(context, &described, api);
	if (strcmp(api->status, "DELETE_FAILED") == 0 &&
	    cloudformation_explain_failure(context->aws, context->arena, api->stack, &api->reason, err) != 0)
		return error_context(err, "why %s was not deleted", api->stack);
	return 0;
}

int apis_read_plan(struct kind_context *context, struct observed_api *api, struct error *err)
{
	struct apigateway_plan plan;
	struct apigateway_keys keys;
	size_t i;

	api->keys = NULL;
	api->key_count = 0;
	if (api->plan == NULL)
		return 0;
	if (apigateway_get_usage_plan(context->aws, context->arena, api->plan, &plan, err) != 0 ||
	    apigateway_list_plan_keys(context->aws, context->arena, api->plan, &keys, err) != 0) {
		if (err->code == ERROR_NOT_FOUND)
			return 0;
		return error_context(err, "the usage plan %s of %s", api->plan, api->stack);
	}
	api->rate = plan.rate;
	api->burst = plan.burst;
	api->quota = plan.quota;
	api->quota_offset = plan.quota_offset;
	api->period = plan.period;
	for (i = 0; i < keys.count; i++)
		*ARENA_PUSH(context->arena, api->keys, api->key_count) =
		    (struct observed_key){keys.items[i].id, keys.items[i].name};
	return 0;
}
