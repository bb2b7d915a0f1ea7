#include "kinds/stack.h"
#include "aws/cloudformation.h"
#include "base/log.h"

#include <string.h>

static bool leaves_cluster(const struct desired *desired)
{
	bool connects = (desired->vectors.present || desired->bots.usable) && desired->vectors.connect.host == NULL;
	bool restores = desired->vectors.present && desired->vectors.restore.from.kind == DESIRED_SOURCE_SNAPSHOT;

	return desired->cluster.identifier == NULL && (desired->cluster.present || connects || restores);
}

static bool leaves_secret(const struct desired *desired)
{
	bool compares = desired->cluster.present && desired->cluster.replace == DESIRED_REPLACE_RESTORE;

	return (desired->vectors.present || desired->rotation.present || desired->bots.usable || compares) &&
	       desired->vectors.connect.secret == NULL;
}

static bool leaves_table(const struct desired *desired)
{
	bool counts = desired->vectors.present && desired->vectors.counts.from == DESIRED_COUNTS_BOTS;

	return (desired->bots.present || counts) && desired->bots.table == NULL;
}

static bool leaves_something(const struct desired *desired)
{
	bool embeds = desired->vectors.present && desired->vectors.restore.method == DESIRED_RESTORE_EMBED;
	bool deploys = desired->cluster.present && desired->cluster.replace != DESIRED_REPLACE_RESTORE;
	/* Whether a task is at work on a bot is asked of the cluster that only the stack names. */
	bool tries = desired->bots.usable;

	return leaves_cluster(desired) || leaves_secret(desired) || leaves_table(desired) || embeds || deploys ||
	       tries || (desired->users.present && desired->users.pool == NULL);
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

static bool ends_with(const char *text, const char *suffix)
{
	size_t length = strlen(text), end = strlen(suffix);

	return length >= end && strcmp(text + length - end, suffix) == 0;
}

/* Some outputs have a generated key, and are exported under a name that ends in this. */
static const char *find_export(const struct cloudformation_stack *stack, const char *suffix)
{
	size_t i;

	for (i = 0; i < stack->output_count; i++)
		if (stack->outputs[i].export_name != NULL && ends_with(stack->outputs[i].export_name, suffix))
			return stack->outputs[i].value;
	return cloudformation_find_output(stack, suffix);
}

/* The value of an output by its key, else the physical id of a resource: older versions have fewer outputs. */
static const char *find_either(const struct cloudformation_stack *stack, const char *output,
                               const struct cloudformation_resources *resources, const char *type, const char *prefix)
{
	const char *value = cloudformation_find_output(stack, output);

	return value != NULL ? value : find_resource(resources, type, prefix);
}

/* What a published API imports of the cluster, and what changes with it. */
static void fill_exports(struct kind_context *context, const struct cloudformation_stack *described,
                         struct observed_stack *stack)
{
	static const char *const suffixes[] = {"DbConfigHostname", "DbConfigPort", "DbConfigSecretArn",
	                                       "DbSecurityGroupId"};
	size_t i, j;

	for (i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		for (j = 0; j < described->output_count; j++) {
			const char *name = described->outputs[j].export_name;

			if (name != NULL && ends_with(name, suffixes[i]))
				*ARENA_PUSH(context->arena, stack->exports, stack->export_count) = name;
		}
	}
}

static void fill_subnets(struct kind_context *context, const struct cloudformation_stack *described,
                         struct observed_stack *stack)
{
	static const char *const suffixes[] = {"PrivateSubnetId0", "PrivateSubnetId1"};
	size_t i;

	for (i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		const char *subnet = find_export(described, suffixes[i]);

		if (subnet != NULL)
			*ARENA_PUSH(context->arena, stack->subnets, stack->subnet_count) = subnet;
	}
}

/* What the embedding tasks and the bots' table are called. */
static void fill_application(struct kind_context *context, const struct cloudformation_stack *described,
                             const struct cloudformation_resources *resources, struct observed_stack *stack)
{
	stack->table = find_either(described, "DatabaseConversationTableName", resources, "AWS::DynamoDB::Table",
	                           "DatabaseConversationTable");
	stack->ecs_cluster =
	    find_either(described, "EmbeddingClusterName", resources, "AWS::ECS::Cluster", "Embedding");
	stack->task_definition =
	    find_either(described, "EmbeddingTaskDefinitionName", resources, "AWS::ECS::TaskDefinition", "Embedding");
	stack->task_security_group = find_either(described, "EmbeddingTaskSecurityGroupId", resources,
	                                         "AWS::EC2::SecurityGroup", "EmbeddingTaskSecurityGroup");
	fill_subnets(context, described, stack);
	fill_exports(context, described, stack);
}

/* Worth a call where a person may have to know it: what it says of a cluster that is replaced elsewhere is no matter.
 */
static const char *explain_failure(struct kind_context *context, const char *name, const char *status)
{
	const struct desired_cluster *cluster = &context->desired->cluster;
	const char *reason;
	struct error err;

	if (!cluster->encrypted || cluster->replace == DESIRED_REPLACE_RESTORE ||
	    (strstr(status, "ROLLBACK") == NULL && strstr(status, "FAILED") == NULL))
		return NULL;
	if (cloudformation_explain_failure(context->aws, context->arena, name, &reason, &err) == 0)
		return reason;
	log_debug("why the stack %s is %s: %s", name, status, err.message);
	return NULL;
}

int stack_read(struct kind_context *context, const char *name, struct observed_stack *stack, struct error *err)
{
	struct cloudformation_stack described;
	struct cloudformation_resources resources;

	if (cloudformation_describe_stack(context->aws, context->arena, name, &described, err) != 0 ||
	    cloudformation_list_resources(context->aws, context->arena, name, &resources, err) != 0)
		return err->code == ERROR_NOT_FOUND
		           ? error_set(err, ERROR_NOT_FOUND,
		                       "there is no stack %s in %s: is spec.aws.stack or spec.aws.region another?",
		                       name, aws_region(context->aws))
		           : error_context(err, "stack %s", name);
	stack->name = name;
	stack->status = described.status;
	stack->failure = explain_failure(context, name, described.status);
	stack->cluster = find_resource(&resources, "AWS::RDS::DBCluster", "VectorStoreCluster");
	/* Of the resource first: outputs change only when an update is through, and cluster and secret belong together.
	 */
	stack->secret = find_resource(&resources, "AWS::SecretsManager::Secret", "VectorStoreClusterSecret");
	if (stack->secret == NULL)
		stack->secret = find_export(&described, "DbConfigSecretArn");
	stack->pool = cloudformation_find_output(&described, "AuthUserPoolId");
	if (stack->pool == NULL)
		stack->pool = find_resource(&resources, "AWS::Cognito::UserPool", "AuthUserPool");
	fill_application(context, &described, &resources, stack);
	return 0;
}

void stack_observe(struct kind_context *context, struct observed_stack *stack)
{
	const char *name = context->desired->aws.stack;
	struct error err;

	if (name == NULL || !leaves_something(context->desired))
		return;
	if (stack_read(context, name, stack, &err) != 0)
		observed_set_unknown(&stack->head, context->arena, &err);
	else
		stack->head.status = OBSERVED_SEEN;
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
