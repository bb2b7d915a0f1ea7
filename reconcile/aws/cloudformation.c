#include "aws/cloudformation.h"
#include "aws/form.h"
#include "aws/service.h"

#include <string.h>

#define EVENT_PAGES 20 /* 2,000 events: more than one operation of the largest stack has */

static void read_parameters(struct arena *arena, const struct xml_node *node, struct cloudformation_stack *stack)
{
	for (node = xml_child(node, "Parameters/member"); node != NULL; node = xml_next(node))
		*ARENA_PUSH(arena, stack->parameters, stack->parameter_count) = (struct cloudformation_parameter){
		    .key = xml_text(node, "ParameterKey"),
		    .value = xml_text(node, "ParameterValue"),
		};
}

static void read_stack(struct arena *arena, const struct xml_node *node, struct cloudformation_stack *stack)
{
	*stack = (struct cloudformation_stack){
	    .name = service_text(node, "StackName"),
	    .id = service_text(node, "StackId"),
	    .status = service_text(node, "StackStatus"),
	    .reason = service_text(node, "StackStatusReason"),
	    .protected = xml_bool(node, "EnableTerminationProtection"),
	};
	read_parameters(arena, node, stack);
	for (node = xml_child(node, "Outputs/member"); node != NULL; node = xml_next(node))
		*ARENA_PUSH(arena, stack->outputs, stack->output_count) = (struct cloudformation_output){
		    .key = xml_text(node, "OutputKey"),
		    .value = xml_text(node, "OutputValue"),
		    .export_name = service_text(node, "ExportName"),
		};
}

int cloudformation_describe_stack(struct aws *aws, struct arena *arena, const char *name,
                                  struct cloudformation_stack *stack, struct error *err)
{
	struct buf form = {0};
	const struct xml_node *result, *node;

	form_add(&form, "StackName", name);
	if (service_call_form(aws, arena, AWS_CLOUDFORMATION_DESCRIBE_STACKS, &form, &result, err) != 0)
		return -1;
	node = xml_child(result, "Stacks/member");
	if (node == NULL)
		return error_set(err, ERROR_NOT_FOUND, "CloudFormation DescribeStacks: there is no stack %s", name);
	read_stack(arena, node, stack);
	return 0;
}

int cloudformation_list_resources(struct aws *aws, struct arena *arena, const char *stack,
                                  struct cloudformation_resources *resources, struct error *err)
{
	static const struct service_listing listing = {AWS_CLOUDFORMATION_LIST_STACK_RESOURCES,
	                                               "StackResourceSummaries/member", "NextToken"};
	struct buf form = {0};
	struct service_nodes nodes;

	form_add(&form, "StackName", stack);
	if (service_list_nodes(aws, arena, &listing, &form, &nodes, err) != 0)
		return -1;
	resources->count = nodes.count;
	resources->items = arena_array(arena, resources->count, sizeof(*resources->items));
	for (size_t i = 0; i < resources->count; i++)
		resources->items[i] = (struct cloudformation_resource){
		    .logical_id = service_text(&nodes.items[i], "LogicalResourceId"),
		    .physical_id = service_text(&nodes.items[i], "PhysicalResourceId"),
		    .type = service_text(&nodes.items[i], "ResourceType"),
		    .status = service_text(&nodes.items[i], "ResourceStatus"),
		};
	return 0;
}

int cloudformation_list_imports(struct aws *aws, struct arena *arena, const char *export_name,
                                struct cloudformation_names *stacks, struct error *err)
{
	static const struct service_listing listing = {AWS_CLOUDFORMATION_LIST_IMPORTS, "Imports/member", "NextToken"};
	struct buf form = {0};
	struct service_nodes nodes;

	*stacks = (struct cloudformation_names){0};
	form_add(&form, "ExportName", export_name);
	if (service_list_nodes(aws, arena, &listing, &form, &nodes, err) != 0) {
		/* An export that nobody imports, or that does not exist, is answered as if the question were wrong. */
		bool nobody = err->code == ERROR_NOT_FOUND || strstr(err->message, "is not imported") != NULL;

		return nobody ? 0 : -1;
	}
	for (size_t i = 0; i < nodes.count; i++)
		*ARENA_PUSH(arena, stacks->items, stacks->count) = nodes.items[i].text;
	return 0;
}

int cloudformation_delete_stack(struct aws *aws, struct arena *arena, const char *name, const char *token,
                                struct error *err)
{
	struct buf form = {0};

	form_add(&form, "StackName", name);
	form_add(&form, "ClientRequestToken", token);
	return service_call_form(aws, arena, AWS_CLOUDFORMATION_DELETE_STACK, &form, NULL, err);
}

/* What is told of a stack's last operation, from its events, newest first. */
struct failure {
	const char *cause;   /* of the resource that failed first */
	const char *summary; /* of the stack itself */
	bool begun;          /* where the operation began */
};

static bool begins_operation(const char *status)
{
	return strcmp(status, "CREATE_IN_PROGRESS") == 0 || strcmp(status, "UPDATE_IN_PROGRESS") == 0 ||
	       strcmp(status, "DELETE_IN_PROGRESS") == 0 || strcmp(status, "IMPORT_IN_PROGRESS") == 0;
}

static void read_event(struct arena *arena, const struct xml_node *event, const char *stack, struct failure *failure)
{
	const char *status = xml_text(event, "ResourceStatus"), *resource = xml_text(event, "LogicalResourceId");
	const char *type = xml_text(event, "ResourceType"), *why = service_text(event, "ResourceStatusReason");
	bool failed;

	if (status == NULL || resource == NULL || type == NULL)
		return;
	failed = why != NULL && (strstr(status, "FAILED") != NULL || strstr(status, "ROLLBACK_IN_PROGRESS") != NULL);
	if (strcmp(type, "AWS::CloudFormation::Stack") == 0 && strcmp(resource, stack) == 0) {
		failure->begun = begins_operation(status);
		failure->summary = failed ? why : failure->summary;
	} else if (failed && strstr(why, "cancelled") == NULL) { /* for another that failed before it */
		failure->cause = arena_printf(arena, "%s: %s", resource, why);
	}
}

int cloudformation_explain_failure(struct aws *aws, struct arena *arena, const char *stack, const char **reason,
                                   struct error *err)
{
	struct service_pages pages = {0};
	struct failure failure = {0};
	int more;

	*reason = NULL;
	do {
		struct buf form = {0};
		const struct xml_node *result, *event;

		form_add(&form, "StackName", stack);
		form_add(&form, "NextToken", pages.token);
		if (service_call_form(aws, arena, AWS_CLOUDFORMATION_DESCRIBE_STACK_EVENTS, &form, &result, err) != 0)
			return -1;
		for (event = xml_child(result, "StackEvents/member"); event != NULL && !failure.begun;
		     event = xml_next(event))
			read_event(arena, event, stack, &failure);
		more = failure.begun || pages.count >= EVENT_PAGES
		           ? 0
		           : service_next_page(&pages, arena, xml_text(result, "NextToken"), err);
	} while (more > 0);
	*reason = failure.cause != NULL ? failure.cause : failure.summary;
	return more;
}

const char *cloudformation_find_output(const struct cloudformation_stack *stack, const char *key)
{
	size_t length = strlen(key);

	for (size_t i = 0; i < stack->output_count; i++)
		if (strcmp(stack->outputs[i].key, key) == 0)
			return stack->outputs[i].value;
	/* The CDK puts a hash behind the names of some. */
	for (size_t i = 0; i < stack->output_count; i++)
		if (strncmp(stack->outputs[i].key, key, length) == 0)
			return stack->outputs[i].value;
	return NULL;
}
