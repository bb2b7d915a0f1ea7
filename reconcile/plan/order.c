/*
 * Thousands of members may each need an action of their own, or all the one that
 * creates their group. So whoever gives a condition is found by a search of a
 * sorted list, and a plan of many actions is put in order in no time.
 */
#include "plan/order.h"

#include <stdlib.h>
#include <string.h>

struct giver {
	struct plan_action *action;
	size_t place; /* among the plan's actions */
	bool open;    /* it is not placed yet */
};

/* By condition, and those of one condition by their place. */
struct givers {
	struct giver *items;
	size_t count;
};

static int compare_givers(const void *left, const void *right)
{
	const struct giver *a = left, *b = right;
	int order = strcmp(a->action->gives, b->action->gives);

	return order != 0 ? order : (a->place > b->place) - (a->place < b->place);
}

static struct givers collect_givers(const struct plan *plan)
{
	struct givers givers = {.items = arena_array(plan->arena, plan->action_count, sizeof(*givers.items))};
	size_t i;

	for (i = 0; i < plan->action_count; i++)
		if (plan->actions[i]->gives != NULL)
			givers.items[givers.count++] = (struct giver){plan->actions[i], i, true};
	if (givers.count > 0)
		qsort(givers.items, givers.count, sizeof(*givers.items), compare_givers);
	return givers;
}

/* The first that gives the condition; `count` of them are side by side, which may be none. */
static struct giver *find_givers(const struct givers *givers, const char *condition, size_t *count)
{
	size_t low = 0, high = givers->count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (strcmp(givers->items[middle].action->gives, condition) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (*count = 0; low + *count < givers->count; ++*count)
		if (strcmp(givers->items[low + *count].action->gives, condition) != 0)
			break;
	return givers->items + low;
}

static bool needs(const struct plan_action *action, const char *condition)
{
	size_t i;

	for (i = 0; i < action->need_count; i++)
		if (strcmp(action->needs[i], condition) == 0)
			return true;
	return false;
}

static bool waits_for_any(const struct plan_action *action, const struct givers *givers)
{
	size_t i, j, count;

	for (i = 0; i < action->need_count; i++) {
		const struct giver *giver = find_givers(givers, action->needs[i], &count);

		for (j = 0; j < count; j++)
			if (giver[j].open && giver[j].action != action)
				return true;
	}
	return false;
}

static void close_giver(const struct givers *givers, const struct plan_action *action)
{
	size_t i, count;
	struct giver *giver;

	if (action->gives == NULL)
		return;
	giver = find_givers(givers, action->gives, &count);
	for (i = 0; i < count; i++)
		if (giver[i].action == action)
			giver[i].open = false;
}

/* One pass over what is left, in the order of adding. Returns how many were placed. */
static size_t place_ready(struct plan *plan, const struct givers *givers, struct plan_action **placed)
{
	size_t i, count = 0;

	for (i = 0; i < plan->action_count; i++) {
		struct plan_action *action = plan->actions[i];

		if (action == NULL || waits_for_any(action, givers))
			continue;
		placed[count++] = action;
		plan->actions[i] = NULL;
		close_giver(givers, action);
	}
	return count;
}

void plan_order_actions(struct plan *plan)
{
	struct givers givers = collect_givers(plan);
	struct plan_action **placed = arena_array(plan->arena, plan->action_count, sizeof(struct plan_action *));
	size_t i, step, count = 0;

	while ((step = place_ready(plan, &givers, placed + count)) > 0)
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
		action->waits_for = arena_printf(plan->arena, PLAN_FOLLOWS "%s", giver->id);
		return;
	case ACTION_FAILED:
		action->state = ACTION_SKIPPED;
		action->waits_for = arena_printf(plan->arena, PLAN_FOLLOWS "%s, which failed", giver->id);
		return;
	case ACTION_SKIPPED:
		action->state = ACTION_SKIPPED;
		action->waits_for = arena_printf(plan->arena, PLAN_FOLLOWS "%s, which was skipped", giver->id);
		return;
	}
}

/* What is neither done nor to be done in this run. */
static bool is_held(const struct plan_action *action)
{
	return action->state != ACTION_PLANNED && action->state != ACTION_DONE;
}

/* The last one that it needs and that is held: what comes just before it. NULL: none is. */
static const struct plan_action *find_hindrance(const struct givers *givers, const struct plan_action *action)
{
	const struct giver *last = NULL;
	size_t i, j, count;

	for (i = 0; i < action->need_count; i++) {
		const struct giver *giver = find_givers(givers, action->needs[i], &count);

		for (j = 0; j < count; j++)
			if (is_held(giver[j].action) && (last == NULL || giver[j].place > last->place))
				last = &giver[j];
	}
	return last != NULL ? last->action : NULL;
}

void plan_follow_needs(struct plan *plan)
{
	struct givers givers = collect_givers(plan);
	const struct plan_action *hindrance;
	size_t i;

	for (i = 0; i < plan->action_count; i++) {
		if (plan->actions[i]->state != ACTION_PLANNED)
			continue;
		hindrance = find_hindrance(&givers, plan->actions[i]);
		if (hindrance != NULL)
			follow(plan, plan->actions[i], hindrance);
	}
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
