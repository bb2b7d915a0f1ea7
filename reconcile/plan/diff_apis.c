/*
 * Published APIs. Each is a stack of its own that imports what the cluster's
 * stack exports, and CloudFormation changes no export that is imported: as long
 * as they are there, a deployment that replaces the cluster is rolled back. So
 * while a replacement is due they are in the way, and otherwise they are fine.
 *
 * What was removed is recorded, and listed until it is published again.
 */
#include "plan/diff.h"

#include <inttypes.h>
#include <string.h>

#define KIND "apis"

/* The bot, or else the stack. */
static const char *name_of(const struct observed_api *api)
{
	return api->bot != NULL ? api->bot : api->stack;
}

static const char *join_keys(struct arena *arena, const struct observed_api *api)
{
	const char *text = "";
	size_t i;

	for (i = 0; i < api->key_count; i++)
		text = arena_printf(arena, "%s%s%s", text, i > 0 ? ", " : "",
		                    api->keys[i].name != NULL ? api->keys[i].name : api->keys[i].id);
	return text;
}

static const char *join_parameters(struct arena *arena, const struct observed_api *api)
{
	const char *text = "";
	size_t i;

	for (i = 0; i < api->parameter_count; i++)
		text = arena_printf(arena, "%s%s%s=%s", text, i > 0 ? ", " : "", api->parameters[i].key,
		                    api->parameters[i].value);
	return text;
}

/* "stage api, origins *, at most 5 requests a second (10 at once), 1000 a DAY, keys a, b": what it is published with.
 */
static const char *describe_settings(struct arena *arena, const struct observed_api *api)
{
	const char *text = arena_printf(arena, "stage %s, origins %s", api->stage != NULL ? api->stage : "unknown",
	                                api->origins != NULL ? api->origins : "unknown");

	if (api->rate != NULL)
		text = arena_printf(arena, "%s, at most %s requests a second (%" PRId64 " at once)", text, api->rate,
		                    api->burst);
	if (api->quota > 0)
		text = arena_printf(arena, "%s, %" PRId64 " a %s", text, api->quota,
		                    api->period != NULL ? api->period : "period");
	if (api->key_count > 0)
		text = arena_printf(arena, "%s, keys %s", text, join_keys(arena, api));
	if (api->parameter_count > 0)
		text = arena_printf(arena, "%s, parameters %s", text, join_parameters(arena, api));
	return text;
}

static void differ(struct plan *plan, struct plan_resource *resource, const struct observed_api *api)
{
	struct plan_difference difference = {"published", CHANGE_REMOVE, NULL, api->stack};

	plan_add_difference(plan, resource, &difference);
	plan_set_reason(plan, resource, "its stack %s imports %s, which change when the cluster is replaced",
	                api->stack, api->import_count == 1 ? api->imports[0] : "exports of the cluster");
}

static void remove_api(struct plan *plan, struct plan_resource *resource, const struct observed_api *api)
{
	struct plan_action *action = plan_add_action(plan, resource, "remove", NULL);

	action->gives = CONDITION_APIS_ABSENT;
	action->risk = RISK_DESTRUCTIVE;
	action->allow = "remove-published-apis";
	action->reason = arena_printf(
	    plan->arena,
	    "CloudFormation cannot replace the cluster before; the API is gone until it is published again, "
	    "with new keys: its settings are recorded first (%s)",
	    describe_settings(plan->arena, api));
	if (api->reason != NULL)
		plan_add_note(plan, resource, "its deletion failed before: %s", api->reason);
	plan_action_need(plan, action, CONDITION_SNAPSHOT);
	plan_action_set(plan, action, "stack", api->stack);
	plan_action_set(plan, action, "id", api->id);
	plan_action_call(plan, action, "apigateway:DeleteApiKey");
	plan_action_call(plan, action, "cloudformation:DeleteStack");
}

static void leave_foreign(struct plan *plan, struct plan_resource *resource, const struct observed_api *api)
{
	struct plan_action *action = plan_add_action(plan, resource, "remove", NULL);

	action->gives = CONDITION_APIS_ABSENT;
	action->risk = RISK_DESTRUCTIVE;
	action->reason = "CloudFormation cannot replace the cluster before";
	plan_action_block(
	    plan, action,
	    "a person: the stack %s is no published API of Bedrock Chat, and trueup leaves it alone: take "
	    "its imports out, or delete it",
	    api->stack);
}

static void diff_api(const struct plan_input *input, struct plan *plan, const struct observed_api *api)
{
	bool due = diff_replacement_is_due(input);
	struct plan_resource *resource;

	if (api->foreign && !due)
		return; /* none of our business */
	resource = plan_add_resource(plan, KIND, name_of(api));
	if (!due)
		return;
	differ(plan, resource, api);
	if (api->foreign)
		leave_foreign(plan, resource, api);
	else
		remove_api(plan, resource, api);
}

static void list_removed(struct plan *plan, const struct observed_apis *seen, const struct observed_api *api)
{
	struct plan_resource *resource = plan_find_resource(plan, KIND, name_of(api));

	if (resource == NULL)
		resource = plan_add_resource(plan, KIND, name_of(api));
	plan_add_note(
	    plan, resource,
	    "to be published again: its API was removed for the cluster's replacement (%s); all of it is in %s",
	    describe_settings(plan->arena, api), seen->file);
}

/* Whether anything stands in the way is not known, so nothing is replaced. */
static void block_unseen(const struct plan_input *input, struct plan *plan)
{
	struct plan_action *action;

	plan_add_unseen(plan, KIND, "published", &input->observed->apis.head);
	if (!diff_replacement_is_due(input))
		return;
	action = plan_add_action(plan, plan_find_resource(plan, KIND, "published"), "remove", NULL);
	action->gives = CONDITION_APIS_ABSENT;
	action->reason = "CloudFormation cannot replace the cluster before";
	plan_action_block(plan, action, "which APIs are published could not be seen");
}

void plan_diff_apis(const struct plan_input *input, struct plan *plan)
{
	const struct observed_apis *seen = &input->observed->apis;
	size_t i;

	if (plan_is_left_out(&seen->head))
		return;
	if (seen->head.status != OBSERVED_SEEN) {
		block_unseen(input, plan);
		return;
	}
	for (i = 0; i < seen->api_count; i++)
		diff_api(input, plan, &seen->apis[i]);
	for (i = 0; i < seen->removed_count; i++)
		list_removed(plan, seen, &seen->removed[i]);
}
