/*
 * Few actions give a condition and many need one: thousands of members of a
 * group all need the one action that creates it. So the givers are picked out
 * once, and a need is looked up among them only.
 */
#include "plan/order.h"

#include <string.h>

struct givers {
	struct plan_action **items;
	size_t count;
};

static struct givers collect_givers(const struct plan *plan)
{
	struct givers givers = {.items = arena_array(plan->arena, plan->action_count, sizeof(*givers.items))};
	size_t i;

	for (i = 0; i < plan->action_count; i++)
		if (plan->actions[i]->gives != NULL)
			givers.items[givers.count++] = plan->actions[i];
	return givers;
}

static bool needs(const struct plan_action *action, const char *condition)
{
	size_t i;

	for (i = 0; i < action->need_count; i++)
		if (strcmp(action->needs[i], condition) == 0)
			return true;
	return false;
}

static bool waits_for_any(const struct plan_action *action, const struct givers *open)
{
	size_t i;

	for (i = 0; i < open->count; i++)
		if (open->items[i] != action && needs(action, open->items[i]->gives))
			return true;
	return false;
}

static void close_giver(struct givers *open, const struct plan_action *action)
{
	size_t i, kept = 0;

	for (i = 0; i < open->count; i++)
		if (open->items[i] != action)
			open->items[kept++] = open->items[i];
	open->count = kept;
}

/* One pass over what is left, in the order of adding. Returns how many were placed. */
static size_t place_ready(struct plan *plan, struct givers *open, struct plan_action **placed)
{
	size_t i, count = 0;

	for (i = 0; i < plan->action_count; i++) {
		struct plan_action *action = plan->actions[i];

		if (action == NULL || waits_for_any(action, open))
			continue;
		placed[count++] = action;
		plan->actions[i] = NULL;
		close_giver(open, action);
	}
	return count;
}

void plan_order_actions(struct plan *plan)
{
	struct givers open = collect_givers(plan);
	struct plan_action **placed = arena_array(plan->arena, plan->action_count, sizeof(struct plan_action *));
	size_t i, step, count = 0;

	while ((step = place_ready(plan, &open, placed + count)) > 0)
		count += step;
	for (i = 0; i < plan->action_count; i++) {
		if (plan->actions[i] == NULL)
			continue;
		plan->actions[i]->state = ACTION_FAILED;
		plan->actions[i]->error =
		    "its conditions go round in a circle: this is a defect of trueup, please report it";
		placed[count++] = plan->actions[i];
	}
	plan->actions = placed;
}

/* Hand the giver's state on to one action that needs it. */
static void follow(const struct plan *plan, struct plan_action *action, const struct plan_action *giver)
{
	switch (giver->state) {
	case ACTION_PLANNED:
	case ACTION_DONE:
		return;
	case ACTION_WAITING:
	case ACTION_BLOCKED:
		action->state = giver->state;
		action->waits_for = arena_printf(plan->arena, "it follows %s", giver->id);
		return;
	case ACTION_FAILED:
		action->state = ACTION_SKIPPED;
		action->waits_for = arena_printf(plan->arena, "it follows %s, which failed", giver->id);
		return;
	case ACTION_SKIPPED:
		action->state = ACTION_SKIPPED;
		action->waits_for = arena_printf(plan->arena, "it follows %s, which was skipped", giver->id);
		return;
	}
}

/* The last one that it needs is named: what comes just before it. */
void plan_follow_needs(struct plan *plan)
{
	struct givers givers = collect_givers(plan);
	size_t i, j;

	for (i = 0; i < plan->action_count; i++)
		for (j = givers.count; j > 0 && plan->actions[i]->state == ACTION_PLANNED; j--)
			if (needs(plan->actions[i], givers.items[j - 1]->gives))
				follow(plan, plan->actions[i], givers.items[j - 1]);
}

bool plan_needs_hold(const struct plan *plan, const struct plan_action *action)
{
	size_t i;

	for (i = 0; i < plan->action_count; i++) {
		const struct plan_action *giver = plan->actions[i];

		if (giver != action && giver->gives != NULL && giver->state != ACTION_DONE &&
		    needs(action, giver->gives))
			return false;
	}
	return true;
}
