/*
 * The apis kind: the published APIs that keep CloudFormation from replacing
 * the cluster. Who imports the exports that change is asked of CloudFormation,
 * which knows it exactly; names are only for people.
 */
#include "aws/apigateway.h"
#include "aws/cloudformation.h"
#include "base/log.h"
#include "kinds/apis_record.h"
#include "kinds/kind.h"
#include "plan/diff.h"

#include <stdlib.h>
#include <string.h>

#define STACK_PREFIX "ApiPublishmentStack" /* backend/app/usecases/publication.py: the bot's id comes behind it */

static bool apis_is_wanted(const struct desired *desired)
{
	const struct desired_cluster *cluster = &desired->cluster;

	return cluster->present && cluster->encrypted && cluster->replace != DESIRED_REPLACE_RESTORE &&
	       desired->aws.stack != NULL;
}

static bool has_suffix(const char *text, const char *suffix)
{
	size_t length = strlen(text), end = strlen(suffix);

	return length >= end && strcmp(text + length - end, suffix) == 0;
}

static void copy_keys(struct arena *arena, const struct apigateway_keys *keys, struct observed_api *api)
{
	size_t i;

	for (i = 0; i < keys->count; i++)
		*ARENA_PUSH(arena, api->keys, api->key_count) =
		    (struct observed_key){keys->items[i].id, keys->items[i].name};
}

/* What the usage plan has to say. One that is gone, as in the midst of a deletion, has nothing to say any more. */
static int read_plan(struct kind_context *context, struct observed_api *api, struct error *err)
{
	struct apigateway_plan plan;
	struct apigateway_keys keys;

	if (apigateway_get_usage_plan(context->aws, context->arena, api->plan, &plan, err) != 0 ||
	    apigateway_list_plan_keys(context->aws, context->arena, api->plan, &keys, err) != 0)
		return err->code == ERROR_NOT_FOUND ? 0
		                                    : error_context(err, "usage plan %s of %s", api->plan, api->stack);
	api->rate = plan.rate;
	api->burst = plan.burst;
	api->quota = plan.quota;
	api->quota_offset = plan.quota_offset;
	api->period = plan.period;
	copy_keys(context->arena, &keys, api);
	return 0;
}

static void read_stack(struct kind_context *context, const struct cloudformation_stack *stack, struct observed_api *api)
{
	const char *bot = strstr(stack->name, STACK_PREFIX);
	size_t i;

	api->stack = stack->name;
	api->id = stack->id;
	api->status = stack->status;
	api->bot = bot != NULL && bot[strlen(STACK_PREFIX)] != '\0' ? bot + strlen(STACK_PREFIX) : NULL;
	api->api = cloudformation_find_output(stack, "ApiId");
	api->name = cloudformation_find_output(stack, "ApiName");
	api->stage = cloudformation_find_output(stack, "DeploymentStage");
	api->origins = cloudformation_find_output(stack, "AllowedOrigins");
	api->plan = cloudformation_find_output(stack, "ApiUsagePlanId");
	api->foreign = api->bot == NULL || api->plan == NULL;
	for (i = 0; i < stack->parameter_count; i++)
		*ARENA_PUSH(context->arena, api->parameters, api->parameter_count) =
		    (struct observed_setting){stack->parameters[i].key, stack->parameters[i].value};
}

/* One stack, by name or ARN. ERROR_NOT_FOUND: it is gone. */
static int read_api(struct kind_context *context, const char *stack, struct observed_api *api, struct error *err)
{
	struct cloudformation_stack described;

	if (cloudformation_describe_stack(context->aws, context->arena, stack, &described, err) != 0)
		return -1;
	read_stack(context, &described, api);
	if (strcmp(api->status, "DELETE_COMPLETE") == 0) /* by its ARN a stack can be described long after */
		return error_set(err, ERROR_NOT_FOUND, "the stack %s is deleted", stack);
	if (strcmp(api->status, "DELETE_FAILED") == 0 &&
	    cloudformation_explain_failure(context->aws, context->arena, api->stack, &api->reason, err) != 0)
		return error_context(err, "events of %s", stack);
	return api->foreign ? 0 : read_plan(context, api, err);
}

static struct observed_api *find_api(struct observed_apis *apis, const char *stack)
{
	size_t i;

	for (i = 0; i < apis->api_count; i++)
		if (strcmp(apis->apis[i].stack, stack) == 0)
			return &apis->apis[i];
	return NULL;
}

/* Each importer of an export once, with all that it imports. */
static int add_importers(struct kind_context *context, const char *export, struct observed_apis *out, struct error *err)
{
	struct cloudformation_names names;
	size_t i;

	if (cloudformation_list_imports(context->aws, context->arena, export, &names, err) != 0)
		return error_context(err, "who imports %s", export);
	for (i = 0; i < names.count; i++) {
		struct observed_api *api = find_api(out, names.items[i]), fresh = {0};

		if (api == NULL) {
			if (read_api(context, names.items[i], &fresh, err) != 0) {
				if (err->code == ERROR_NOT_FOUND)
					continue; /* went meanwhile */
				return -1;
			}
			api = ARENA_PUSH(context->arena, out->apis, out->api_count);
			*api = fresh;
		}
		*ARENA_PUSH(context->arena, api->imports, api->import_count) = export;
	}
	return 0;
}

static int compare_stacks(const void *a, const void *b)
{
	return strcmp(((const struct observed_api *)a)->stack, ((const struct observed_api *)b)->stack);
}

/* Of what was recorded, what is not there (again): by its stack, which has the bot's name whoever publishes it. */
static int add_removed(struct kind_context *context, struct observed_apis *out, struct error *err)
{
	struct apis_record record;
	size_t i;

	if (apis_record_read(context, &record, err) != 0)
		return -1;
	out->file = record.count > 0 ? record.file : NULL;
	for (i = 0; i < record.count; i++) {
		struct cloudformation_stack stack;
		int rc;

		if (find_api(out, record.apis[i].stack) != NULL)
			continue;
		rc = cloudformation_describe_stack(context->aws, context->arena, record.apis[i].stack, &stack, err);
		if (rc != 0 && err->code != ERROR_NOT_FOUND)
			return -1;
		if (rc != 0)
			*ARENA_PUSH(context->arena, out->removed, out->removed_count) = record.apis[i];
	}
	return 0;
}

static int observe_all(struct kind_context *context, struct observed_apis *out, struct error *err)
{
	size_t i;

	if (context->stack->head.status != OBSERVED_SEEN)
		return error_set(err, ERROR_NOT_FOUND, "the stack %s, whose exports they import, could not be read: %s",
		                 context->desired->aws.stack,
		                 context->stack->head.reason != NULL ? context->stack->head.reason
		                                                     : "it was not looked at");
	for (i = 0; i < context->stack->export_count; i++)
		if (add_importers(context, context->stack->exports[i], out, err) != 0)
			return -1;
	if (out->api_count > 0)
		qsort(out->apis, out->api_count, sizeof(*out->apis), compare_stacks);
	return add_removed(context, out, err);
}

static void apis_observe(struct kind_context *context, struct observed *observed)
{
	struct observed_apis *apis = &observed->apis;
	struct error err = {0};

	apis->head.status = OBSERVED_SEEN;
	if (observe_all(context, apis, &err) != 0)
		observed_set_unknown(&apis->head, context->arena, &err);
}

static int delete_keys(struct kind_context *context, const struct observed_api *api, struct error *err)
{
	size_t i;

	for (i = 0; i < api->key_count; i++)
		if (apigateway_delete_key(context->aws, context->arena, api->keys[i].id, err) != 0)
			return error_context(err, "key %s", api->keys[i].name);
	return 0;
}

/* What was recorded by a run that was killed has keys, or a plan, that are gone by now: nothing is forgotten. */
static int record_api(struct kind_context *context, struct observed_api *api, struct error *err)
{
	struct apis_record record;
	size_t i;

	if (apis_record_read(context, &record, err) != 0)
		return -1;
	for (i = 0; i < record.count; i++)
		if (strcmp(record.apis[i].id, api->id) == 0)
			return 0;
	return apis_record_add(context, api, err);
}

/* Keys first, as the application does it: they would outlive the stack. By its ARN no namesake is hit. */
static int begin_removal(struct kind_context *context, struct observed_api *api, struct error *err)
{
	if (record_api(context, api, err) != 0 || delete_keys(context, api, err) != 0)
		return -1;
	log_info("%s: deleting the stack; what it takes to publish it again is recorded", api->stack);
	return cloudformation_delete_stack(context->aws, context->arena, api->id, NULL, err);
}

static void follow_removal(struct kind_context *context, struct plan_action *action, struct observed_api *api,
                           struct error *err)
{
	if (strcmp(api->status, "DELETE_FAILED") == 0 && action->asked) {
		error_set(
		    err, ERROR_SERVICE,
		    "the stack %s could not be deleted: %s. Put that right, or delete the stack in CloudFormation and "
		    "retain what cannot be deleted; then run again",
		    api->stack, api->reason != NULL ? api->reason : "see its events");
		kind_action_fail(context, action, err);
	} else if (has_suffix(api->status, "_IN_PROGRESS")) {
		kind_action_wait(context, action, "the stack %s is %s", api->stack, api->status);
	} else if (begin_removal(context, api, err) != 0) {
		kind_action_fail(context, action, err);
	} else {
		action->asked = true;
		kind_action_wait(context, action, "the stack %s is being deleted", api->stack);
	}
}

static void remove_one(struct kind_context *context, struct plan_action *action)
{
	struct observed_api api = {0};
	struct error err = {0};

	if (strcmp(action->verb, "remove") != 0)
		kind_action_reject(context, action);
	else if (read_api(context, plan_action_get(action, "id"), &api, &err) == 0)
		follow_removal(context, action, &api, &err);
	else if (err.code == ERROR_NOT_FOUND)
		action->state = ACTION_DONE;
	else
		kind_action_fail(context, action, &err);
}

static void apis_act(struct kind_context *context, struct plan_action **actions, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		remove_one(context, actions[i]);
}

/* Deleting a stack takes the rights to delete what is in it, unless the stack has a role of its own. */
static void apis_permissions(const struct desired *desired, bool enforce, struct kind_permissions *permissions)
{
	static const char *const observe[] = {"cloudformation:DescribeStackEvents", "cloudformation:DescribeStacks",
	                                      "cloudformation:ListImports", "apigateway:GET"};
	size_t i;

	for (i = 0; i < sizeof(observe) / sizeof(observe[0]); i++)
		kind_add_permission(permissions, desired, observe[i], NULL);
	if (!enforce || (desired->allow & DESIRED_ALLOW_REMOVE_PUBLISHED_APIS) == 0)
		return;
	kind_add_permission(permissions, desired, "apigateway:DELETE", NULL);
	kind_add_permission(permissions, desired, "cloudformation:DeleteStack", "stack/" STACK_PREFIX "*/*");
}

static const char *const serves[] = {"cluster", NULL};

const struct kind kind_apis = {
    .name = "apis",
    .serves = serves,
    .part = offsetof(struct observed, apis),
    .is_wanted = apis_is_wanted,
    .observe = apis_observe,
    .diff = plan_diff_apis,
    .act = apis_act,
    .permissions = apis_permissions,
};
