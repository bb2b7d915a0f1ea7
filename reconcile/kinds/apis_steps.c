/*
 * A published API goes in the order in which the application itself takes one
 * away (backend/app/bot_remove.py): the keys of its usage plan, which would
 * outlive the stack, then the stack. Before anything goes, what it takes to
 * publish it again is on disk.
 *
 * Each look starts from what CloudFormation says of the stack, by its ARN, so
 * that no namesake that was published meanwhile is hit, and DeleteStack may be
 * asked for as often as one likes.
 */
#include "kinds/apis_steps.h"
#include "aws/apigateway.h"
#include "aws/cloudformation.h"
#include "base/log.h"
#include "kinds/apis_read.h"
#include "kinds/apis_record.h"
#include "plan/diff.h"

#include <string.h>

/* All there is to know of it, on disk. */
static int record_api(struct kind_context *context, const struct plan_action *action, struct observed_api *api,
                      struct error *err)
{
	if (apis_read_plan(context, api, err) != 0)
		return -1;
	api->owner = plan_action_get(action, "owner");
	if (apis_record_add(context, api, err) != 0)
		return error_context(err, "nothing of %s is deleted before it is recorded", api->stack);
	return 0;
}

static int delete_keys(struct kind_context *context, const struct observed_api *api, struct error *err)
{
	size_t i;

	for (i = 0; i < api->key_count; i++)
		if (apigateway_delete_key(context->aws, context->arena, api->keys[i].id, err) != 0)
			return error_context(err, "the key %s of %s", api->keys[i].id, api->stack);
	return 0;
}

static int begin_removal(struct kind_context *context, const struct plan_action *action, struct observed_api *api,
                         struct error *err)
{
	if (record_api(context, action, api, err) != 0 || delete_keys(context, api, err) != 0)
		return -1;
	log_info("%s is recorded, its %zu keys are deleted, and its stack is being deleted", api->stack,
	         api->key_count);
	return cloudformation_delete_stack(context->aws, context->arena, api->id, NULL, err);
}

static void fail_removal(struct kind_context *context, struct plan_action *action, const struct observed_api *api)
{
	action->state = ACTION_FAILED;
	action->error = diff_failed_removal(context->arena, api);
}

/* Gone. What the template said to keep is left, and nobody looks after it from now on: it is noted for who tidies up.
 */
static void finish_removal(struct kind_context *context, struct plan_action *action, const char *id)
{
	struct cloudformation_resources resources;
	const char **left = NULL;
	size_t i, count = 0;
	struct error err;

	action->state = ACTION_DONE;
	if (cloudformation_list_resources(context->aws, context->arena, id, &resources, &err) != 0)
		return;
	for (i = 0; i < resources.count; i++)
		if (resources.items[i].status != NULL && strcmp(resources.items[i].status, "DELETE_SKIPPED") == 0)
			*ARENA_PUSH(context->arena, left, count) = arena_printf(
			    context->arena, "%s %s", resources.items[i].type, resources.items[i].physical_id);
	if (count > 0 && apis_record_note_left(context, id, left, count, &err) != 0)
		log_warn("%s", err.message);
}

/* It goes, because of us or of somebody else; whoever began it, it is recorded while there is something to see. */
static void follow_deletion(struct kind_context *context, struct plan_action *action, struct observed_api *api)
{
	struct error err;

	if (!action->asked && record_api(context, action, api, &err) != 0) {
		kind_action_fail(context, action, &err);
		return;
	}
	action->asked = true;
	kind_action_wait(context, action, "the stack %s is being deleted", api->stack);
}

static void remove_api(struct kind_context *context, struct plan_action *action, struct observed_api *api)
{
	struct error err;

	if (api->foreign) {
		action->state = ACTION_BLOCKED;
		action->waits_for = diff_foreign_importer(context->arena, api);
	} else if (api->protected) {
		action->state = ACTION_BLOCKED;
		action->waits_for = diff_protected_stack(context->arena, api);
	} else if (begin_removal(context, action, api, &err) != 0) {
		kind_action_fail(context, action, &err);
	} else {
		action->asked = true;
		kind_action_wait(context, action, "the stack %s is being deleted", api->stack);
	}
}

/* How far the stack is. What CloudFormation does not show yet is waited for. */
static void act_on(struct kind_context *context, struct plan_action *action, struct observed_api *api)
{
	bool removes = strcmp(action->verb, "remove") == 0, failed = strcmp(api->status, "DELETE_FAILED") == 0;

	if (strcmp(api->status, "DELETE_IN_PROGRESS") == 0)
		follow_deletion(context, action, api);
	else if (apis_is_in_progress(api))
		kind_action_wait(context, action, "the stack %s is %s", api->stack, api->status);
	else if (action->asked ? failed : !removes)
		fail_removal(context, action, api);
	else if (action->asked)
		kind_action_wait(context, action, "the stack %s is being deleted", api->stack);
	else
		remove_api(context, action, api);
}

static int look(struct kind_context *context, const char *id, struct observed_api *api, struct error *err)
{
	struct apis_record record;

	if (apis_record_read(context, &record, err) != 0)
		return -1;
	/* Only of the stack is it said that it is not there: a record that is not there is an empty one. */
	if (apis_read_stack(context, id, api, err) != 0)
		return -1;
	apis_record_recall(context->arena, &record, api);
	return 0;
}

static void act_one(struct kind_context *context, struct plan_action *action)
{
	const char *id = plan_action_get(action, "id");
	struct observed_api api;
	struct error err;

	if (strcmp(action->verb, "remove") != 0 && strcmp(action->verb, "settle") != 0)
		kind_action_reject(context, action);
	else if (look(context, id, &api, &err) == 0)
		act_on(context, action, &api);
	else if (err.code == ERROR_NOT_FOUND)
		finish_removal(context, action, id);
	else
		kind_action_fail(context, action, &err);
}

void apis_act(struct kind_context *context, struct plan_action **actions, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		act_one(context, actions[i]);
}
