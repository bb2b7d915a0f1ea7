/*
 * Published APIs. Each is a stack of its own that imports what the cluster's
 * stack exports, and CloudFormation changes no export that is imported: a
 * deployment that replaces the cluster is rolled back as long as they are
 * there. So while a replacement is due they are in the way, and else they are
 * fine. What was removed is listed until it is published again.
 */
#include "plan/diff.h"

#include <inttypes.h>
#include <string.h>

#define KIND "apis"
#define KEYS_SHOWN 10
#define WHY "as long as it is there, CloudFormation cannot replace the cluster"

/* The bot, or else the stack. */
static const char *name_of(const struct observed_api *api)
{
	return api->bot != NULL ? api->bot : api->stack;
}

const char *diff_failed_removal(struct arena *arena, const struct observed_api *api)
{
	return arena_printf(
	    arena,
	    "the stack %s was not deleted, it is %s: %s. Mend that and run again (network interfaces of its function "
	    "take up to 40 minutes to go), or have CloudFormation keep what is in the way: aws cloudformation "
	    "delete-stack --stack-name %s --retain-resources ID",
	    api->stack, api->status, api->reason != NULL ? api->reason : "see its events in CloudFormation",
	    api->stack);
}

const char *diff_foreign_importer(struct arena *arena, const struct observed_api *api)
{
	return arena_printf(
	    arena,
	    "a person: the stack %s (%s) is no published API of Bedrock Chat, and is left alone: take its "
	    "imports out, or delete it",
	    api->stack, api->status);
}

const char *diff_protected_stack(struct arena *arena, const struct observed_api *api)
{
	return arena_printf(arena,
	                    "a person: the stack %s is protected from deletion: aws cloudformation "
	                    "update-termination-protection --no-enable-termination-protection --stack-name %s",
	                    api->stack, api->stack);
}

static const char *join_keys(struct arena *arena, const struct observed_api *api)
{
	const char *text = "none";
	size_t i;

	for (i = 0; i < api->key_count && i < KEYS_SHOWN; i++)
		text = arena_printf(arena, "%s%s%s", i > 0 ? text : "", i > 0 ? ", " : "",
		                    api->keys[i].name != NULL ? api->keys[i].name : api->keys[i].id);
	if (api->key_count > KEYS_SHOWN)
		text = arena_printf(arena, "%s and %zu more", text, api->key_count - KEYS_SHOWN);
	return text;
}

static const char *describe_quota(struct arena *arena, const struct observed_api *api)
{
	static const char *const periods[][2] = {{"DAY", "a day"}, {"WEEK", "a week"}, {"MONTH", "a month"}};
	const char *period = api->period != NULL ? api->period : "a period";
	size_t i;

	if (api->quota == 0)
		return "none";
	for (i = 0; i < sizeof(periods) / sizeof(periods[0]); i++)
		if (strcmp(period, periods[i][0]) == 0)
			period = periods[i][1];
	return arena_printf(arena, "%" PRId64 " %s", api->quota, period);
}

/* What a person fills in to publish it. */
static const char *describe(struct arena *arena, const struct observed_api *api)
{
	const char *throttle = "none";

	if (api->rate != NULL)
		throttle = arena_printf(arena, "%s a second and %" PRId64 " at once", api->rate, api->burst);
	return arena_printf(arena, "stage %s, origins %s, throttle %s, quota %s, keys to create: %s",
	                    api->stage != NULL ? api->stage : "unknown",
	                    api->origins != NULL ? api->origins : "unknown", throttle, describe_quota(arena, api),
	                    join_keys(arena, api));
}

static const struct observed_app_bot *find_bot(const struct plan_input *input, const char *id)
{
	const struct observed_bots *bots = &input->observed->bots;
	size_t i;

	for (i = 0; id != NULL && i < bots->bot_count; i++)
		if (strcmp(bots->bots[i].id, id) == 0)
			return &bots->bots[i];
	return NULL;
}

static struct plan_action *add_action(struct plan *plan, const struct plan_resource *resource, const char *verb,
                                      const struct observed_api *api)
{
	struct plan_action *action = plan_add_action(plan, resource, verb, NULL);

	action->gives = CONDITION_APIS_ABSENT;
	action->reason = WHY;
	plan_action_set(plan, action, "stack", api->stack);
	plan_action_set(plan, action, "id", api->id);
	return action;
}

static void remove_api(const struct plan_input *input, struct plan *plan, struct plan_resource *resource,
                       const struct observed_api *api)
{
	struct plan_action *action = add_action(plan, resource, "remove", api);
	const struct observed_app_bot *bot = find_bot(input, api->bot);
	const char *obstacle = diff_deploy_obstacle(input, plan->arena);

	action->risk = RISK_DESTRUCTIVE;
	action->allow = "remove-published-apis";
	action->reason = WHY "; its keys go with it";
	plan_add_note(plan, resource, "recorded before it goes: %s", describe(plan->arena, api));
	plan_action_need(plan, action, CONDITION_SNAPSHOT);
	if (bot != NULL)
		plan_action_set(plan, action, "owner", bot->owner);
	plan_action_call(plan, action, "apigateway:DeleteApiKey");
	plan_action_call(plan, action, "cloudformation:DeleteStack");
	if (api->protected && (input->desired->allow & DESIRED_ALLOW_REMOVE_PUBLISHED_APIS) != 0)
		plan_action_block(plan, action, "%s", diff_protected_stack(plan->arena, api));
	if (obstacle != NULL) /* then it would be gone for nothing */
		plan_action_block(plan, action, "the deployment that it makes way for cannot be run: %s", obstacle);
}

/* What is in the way: the stack goes already, is somebody's own, or has to go. */
static void clear_away(const struct plan_input *input, struct plan *plan, struct plan_resource *resource,
                       const struct observed_api *api)
{
	struct plan_difference published = {"published", CHANGE_REMOVE, NULL, api->stack};
	struct plan_action *action;

	plan_add_difference(plan, resource, &published);
	plan_set_reason(plan, resource, "it is in the way of the cluster's replacement");
	if (api->reason != NULL)
		plan_add_note(plan, resource, "its deletion failed before: %s", api->reason);
	if (strcmp(api->status, "DELETE_IN_PROGRESS") == 0) {
		action = add_action(plan, resource, "settle", api);
		action->reason = "the stack is being deleted";
	} else if (api->foreign) {
		action = add_action(plan, resource, "remove", api);
		action->risk = RISK_DESTRUCTIVE;
		plan_action_block(plan, action, "%s", diff_foreign_importer(plan->arena, api));
	} else {
		remove_api(input, plan, resource, api);
	}
}

static void diff_api(const struct plan_input *input, struct plan *plan, const struct observed_api *api)
{
	bool due = diff_replacement_is_due(input);
	struct plan_resource *resource;

	if (api->foreign && !due)
		return; /* it is nobody's business here */
	resource = plan_add_resource(plan, KIND, name_of(api));
	if (due)
		clear_away(input, plan, resource, api);
	else if (api->reason != NULL)
		plan_add_note(plan, resource, "its stack %s was not deleted, and may work no longer: %s", api->stack,
		              api->reason);
}

static struct plan_resource *resource_of(struct plan *plan, const char *name)
{
	struct plan_resource *resource = plan_find_resource(plan, KIND, name);

	return resource != NULL ? resource : plan_add_resource(plan, KIND, name);
}

static const char *join(struct arena *arena, const char **texts, size_t count)
{
	const char *text = "";
	size_t i;

	for (i = 0; i < count; i++)
		text = arena_printf(arena, "%s%s%s", text, i > 0 ? ", " : "", texts[i]);
	return text;
}

/*
 * The application keeps a bot for published that is not any more, and refuses
 * to publish it before that is taken back (backend/app/usecases/bot.py).
 * Returns the API's resource; NULL: there is nobody to publish it for.
 */
static struct plan_resource *list_removed(const struct plan_input *input, struct plan *plan,
                                          const struct observed_api *api)
{
	const struct observed_app_bot *bot = find_bot(input, api->bot);
	const char *owner = bot != NULL ? bot->owner : api->owner;
	struct plan_resource *resource;

	if (bot == NULL && input->observed->bots.head.status == OBSERVED_SEEN)
		return NULL; /* the bot is gone itself */
	resource = resource_of(plan, name_of(api));
	plan_add_note(plan, resource, "to publish again: bot %s%s%s, %s", name_of(api), owner != NULL ? " of " : "",
	              owner != NULL ? owner : "", describe(plan->arena, api));
	if (api->left_count > 0)
		plan_add_note(plan, resource, "left when its stack was deleted: %s",
		              join(plan->arena, api->left, api->left_count));
	return resource;
}

/* What holds of all that are to be removed is told once. */
static void note_loss(struct plan *plan)
{
	size_t i;

	for (i = 0; i < plan->action_count; i++) {
		const struct plan_action *action = plan->actions[i];

		if (strcmp(action->kind, KIND) != 0 || action->allow == NULL)
			continue;
		plan_add_note(plan, plan_find_resource(plan, KIND, action->resource),
		              "a removed API does not answer until a person publishes it again, with new keys");
		return;
	}
}

/* The same of all that were. */
static void list_all_removed(const struct plan_input *input, struct plan *plan)
{
	const struct observed_apis *seen = &input->observed->apis;
	struct plan_resource *first = NULL;
	size_t i;

	for (i = 0; i < seen->removed_count; i++) {
		struct plan_resource *resource = list_removed(input, plan, &seen->removed[i]);

		if (first == NULL)
			first = resource;
	}
	if (first != NULL)
		plan_add_note(plan, first,
		              "before a bot is published again, delete its API in the application, which does not know "
		              "that it is gone. What is to be published is recorded in %s",
		              seen->file);
}

static bool is_listed(const struct observed_apis *seen, const char *stack)
{
	size_t i;

	for (i = 0; i < seen->api_count; i++)
		if (strcmp(seen->apis[i].stack, stack) == 0)
			return true;
	for (i = 0; i < seen->removed_count; i++)
		if (strcmp(seen->removed[i].stack, stack) == 0)
			return true;
	return false;
}

/* Removed by a run whose record is on another machine, or by somebody else: the application's own table tells. */
static void list_unrecorded(const struct plan_input *input, struct plan *plan)
{
	const struct observed_bots *bots = &input->observed->bots;
	size_t i;

	for (i = 0; i < bots->bot_count; i++) {
		const struct observed_app_bot *bot = &bots->bots[i];

		if (bot->published == NULL || is_listed(&input->observed->apis, bot->published))
			continue;
		plan_add_note(
		    plan, resource_of(plan, bot->id),
		    "the application has the API of bot %s of %s for published, but its stack %s imports nothing "
		    "of the cluster's: if it is gone, delete the API in the application and publish it again; "
		    "its settings are not recorded on this machine",
		    bot->id, bot->owner, bot->published);
	}
}

/* Whether anything is in the way is not known, so nothing may be replaced. */
static void hold_replacement(const struct plan_input *input, struct plan *plan)
{
	struct plan_resource *resource;
	struct plan_action *action;

	plan_add_unseen(plan, KIND, "published", &input->observed->apis.head);
	resource = plan->resources[plan->resource_count - 1];
	if (resource->state != RESOURCE_UNKNOWN || !diff_replacement_is_due(input))
		return;
	action = plan_add_action(plan, resource, "remove", NULL);
	action->gives = CONDITION_APIS_ABSENT;
	action->reason = "as long as there are published APIs, CloudFormation cannot replace the cluster";
	plan_action_block(plan, action, "whether there are any could not be seen");
}

void plan_diff_apis(const struct plan_input *input, struct plan *plan)
{
	const struct observed_apis *seen = &input->observed->apis;
	size_t i;

	if (plan_is_left_out(&seen->head))
		return;
	if (seen->head.status != OBSERVED_SEEN) {
		hold_replacement(input, plan);
		return;
	}
	for (i = 0; i < seen->api_count; i++)
		diff_api(input, plan, &seen->apis[i]);
	note_loss(plan);
	list_all_removed(input, plan);
	list_unrecorded(input, plan);
}
