#include "plan/plan.h"
#include "plan/order.h"

#include <stdarg.h>
#include <string.h>

const char *const resource_state_words[] = {[RESOURCE_IN_SYNC] = "in-sync",
                                            [RESOURCE_DRIFTED] = "drifted",
                                            [RESOURCE_UNKNOWN] = "unknown",
                                            [RESOURCE_SKIPPED] = "skipped",
                                            NULL};
const char *const plan_change_words[] = {
    [CHANGE_ADD] = "add", [CHANGE_REMOVE] = "remove", [CHANGE_REPLACE] = "replace", NULL};
const char *const plan_risk_words[] = {
    [RISK_SAFE] = "safe", [RISK_DISRUPTIVE] = "disruptive", [RISK_DESTRUCTIVE] = "destructive", NULL};
const char *const action_state_words[] = {[ACTION_PLANNED] = "planned",
                                          [ACTION_DONE] = "done",
                                          [ACTION_WAITING] = "waiting",
                                          [ACTION_BLOCKED] = "blocked",
                                          [ACTION_FAILED] = "failed",
                                          [ACTION_SKIPPED] = "skipped",
                                          NULL};

static const struct record_field difference_fields[] = {
    RECORD_STRING(struct plan_difference, path, "path"),
    RECORD_WORD(struct plan_difference, change, "change", plan_change_words),
    RECORD_STRING(struct plan_difference, desired, "desired"),
    RECORD_STRING(struct plan_difference, observed, "observed"),
    RECORD_END,
};
static const struct record difference_record = {sizeof(struct plan_difference), difference_fields};

static const struct record_field resource_fields[] = {
    RECORD_STRING(struct plan_resource, kind, "kind"),
    RECORD_STRING(struct plan_resource, name, "name"),
    RECORD_WORD(struct plan_resource, state, "state", resource_state_words),
    RECORD_STRING(struct plan_resource, reason, "reason"),
    RECORD_STRINGS(struct plan_resource, notes, note_count, "notes"),
    RECORD_LIST(struct plan_resource, differences, difference_count, "differences", &difference_record),
    RECORD_END,
};
const struct record plan_resource_record = {sizeof(struct plan_resource), resource_fields};

static const struct record_field argument_fields[] = {
    RECORD_STRING(struct plan_argument, name, "name"),
    RECORD_STRING(struct plan_argument, value, "value"),
    RECORD_END,
};
static const struct record argument_record = {sizeof(struct plan_argument), argument_fields};

static const struct record_field action_fields[] = {
    RECORD_STRING(struct plan_action, id, "id"),
    RECORD_STRING(struct plan_action, kind, "kind"),
    RECORD_STRING(struct plan_action, resource, "resource"),
    RECORD_STRING(struct plan_action, verb, "verb"),
    RECORD_WORD(struct plan_action, risk, "risk", plan_risk_words),
    RECORD_WORD(struct plan_action, state, "state", action_state_words),
    RECORD_STRING(struct plan_action, reason, "reason"),
    RECORD_STRINGS(struct plan_action, needs, need_count, "needs"),
    RECORD_STRING(struct plan_action, gives, "gives"),
    RECORD_STRING(struct plan_action, allow, "allow"),
    RECORD_STRING(struct plan_action, waits_for, "waitsFor"),
    RECORD_STRINGS(struct plan_action, calls, call_count, "calls"),
    RECORD_LIST(struct plan_action, arguments, argument_count, "arguments", &argument_record),
    RECORD_STRING(struct plan_action, error, "error"),
    RECORD_END,
};
const struct record plan_action_record = {sizeof(struct plan_action), action_fields};

struct plan_resource *plan_add_resource(struct plan *plan, const char *kind, const char *name)
{
	struct plan_resource *resource = arena_alloc(plan->arena, sizeof(*resource));

	resource->kind = kind;
	resource->name = name;
	*ARENA_PUSH(plan->arena, plan->resources, plan->resource_count) = resource;
	return resource;
}

bool plan_is_left_out(const struct observed_head *head)
{
	return head->status == OBSERVED_SKIPPED && head->reason == NULL;
}

void plan_add_unseen(struct plan *plan, const char *kind, const char *name, const struct observed_head *head)
{
	struct plan_resource *resource = plan_add_resource(plan, kind, name);

	resource->state = head->status == OBSERVED_SKIPPED ? RESOURCE_SKIPPED : RESOURCE_UNKNOWN;
	resource->reason = observed_reason(plan->arena, head->reason, head->permission);
}

void plan_add_difference(struct plan *plan, struct plan_resource *resource, const struct plan_difference *difference)
{
	*ARENA_PUSH(plan->arena, resource->differences, resource->difference_count) = *difference;
	resource->state = RESOURCE_DRIFTED;
}

void plan_add_note(struct plan *plan, struct plan_resource *resource, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	*ARENA_PUSH(plan->arena, resource->notes, resource->note_count) = arena_vprintf(plan->arena, format, args);
	va_end(args);
}

void plan_set_reason(struct plan *plan, struct plan_resource *resource, const char *format, ...)
{
	va_list args;

	if (resource->reason != NULL)
		return;
	va_start(args, format);
	resource->reason = arena_vprintf(plan->arena, format, args);
	va_end(args);
}

struct plan_action *plan_add_action(struct plan *plan, const struct plan_resource *resource, const char *verb,
                                    const char *object)
{
	struct plan_action *action = arena_alloc(plan->arena, sizeof(*action));

	action->id = arena_printf(plan->arena, "%s/%s/%s%s%s", resource->kind, resource->name, verb,
	                          object != NULL ? "/" : "", object != NULL ? object : "");
	action->kind = resource->kind;
	action->resource = resource->name;
	action->verb = verb;
	*ARENA_PUSH(plan->arena, plan->actions, plan->action_count) = action;
	return action;
}

void plan_action_need(struct plan *plan, struct plan_action *action, const char *condition)
{
	*ARENA_PUSH(plan->arena, action->needs, action->need_count) = condition;
}

void plan_action_call(struct plan *plan, struct plan_action *action, const char *call)
{
	*ARENA_PUSH(plan->arena, action->calls, action->call_count) = call;
}

void plan_action_call_copy(struct plan *plan, struct plan_action *action)
{
	plan_action_call(plan, action, "sql:DELETE");
	plan_action_call(plan, action, "sql:COPY");
}

void plan_action_set(struct plan *plan, struct plan_action *action, const char *name, const char *value)
{
	struct plan_argument argument = {name, value};

	*ARENA_PUSH(plan->arena, action->arguments, action->argument_count) = argument;
}

void plan_action_block(struct plan *plan, struct plan_action *action, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	action->state = ACTION_BLOCKED;
	action->waits_for = arena_vprintf(plan->arena, format, args);
	va_end(args);
}

const char *plan_action_get(const struct plan_action *action, const char *name)
{
	size_t i;

	for (i = 0; i < action->argument_count; i++)
		if (strcmp(action->arguments[i].name, name) == 0)
			return action->arguments[i].value;
	return NULL;
}

struct plan_resource *plan_find_resource(const struct plan *plan, const char *kind, const char *name)
{
	size_t i;

	for (i = 0; i < plan->resource_count; i++)
		if (strcmp(plan->resources[i]->kind, kind) == 0 && strcmp(plan->resources[i]->name, name) == 0)
			return plan->resources[i];
	return NULL;
}

struct plan_action *plan_find_action(const struct plan *plan, const char *id)
{
	size_t i;

	for (i = 0; i < plan->action_count; i++)
		if (strcmp(plan->actions[i]->id, id) == 0)
			return plan->actions[i];
	return NULL;
}

size_t plan_count_actions(const struct plan *plan, enum action_state state)
{
	size_t i, count = 0;

	for (i = 0; i < plan->action_count; i++)
		count += plan->actions[i]->state == state;
	return count;
}

struct plan *plan_make(struct arena *arena, plan_diff *const *diffs, const struct plan_input *input)
{
	struct plan *plan = arena_alloc(arena, sizeof(*plan));

	plan->arena = arena;
	for (; *diffs != NULL; diffs++)
		(*diffs)(input, plan);
	plan_order_actions(plan);
	return plan;
}
