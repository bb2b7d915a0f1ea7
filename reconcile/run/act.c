/*
 * Actions are steps that can be repeated: one that is WAITING is called again
 * after a while and looks at the world again. Nothing blocks on it meanwhile
 * but what needs it: users are added while a cluster is being restored.
 */
#include "run/act.h"
#include "base/clock.h"

#include <string.h>

/* RDS wants to be asked every 15 s or less often; the first answers may come sooner. */
#define POLL_FIRST_MS 1000
#define POLL_MOST_MS 15000
#define BATCH_MAX 1000

/* No wait is without end, whatever --wait says: a restore takes hours at most. */
#define WAIT_MOST_S ((int64_t)24 * 3600)

static bool can_begin(const struct act *act, const struct plan_action *action)
{
	return (action->state == ACTION_PLANNED || action->state == ACTION_WAITING) &&
	       plan_needs_hold(act->plan, action);
}

static int note(struct act *act, const char *event, const struct plan_action *action, struct error *err)
{
	return audit_write(act->audit, event, json_pack("{s:o}", "action", record_to_json(&plan_action_record, action)),
	                   NULL, err);
}

/* Through the gate and into the audit log, or FAILED. */
static int admit(struct act *act, struct plan_action *action, bool *admitted, struct error *err)
{
	struct error refusal;

	*admitted = false;
	if (run_gate(act->gate, action, &refusal) != 0) {
		action->state = ACTION_FAILED;
		action->error = arena_printf(act->plan->arena, "refused at the gate: %s", refusal.message);
		return 0;
	}
	if (action->state == ACTION_PLANNED && note(act, "begin", action, err) != 0)
		return -1;
	if (action->state == ACTION_PLANNED) {
		action->since = clock_monotonic_ms();
		progress_show(act->progress, action);
	}
	action->waits_for = action->error = NULL;
	action->begun = true;
	*admitted = true;
	return 0;
}

/* Actions of the same kind and verb that stand next to each other and can begin now: they go through one call. */
static int collect_batch(struct act *act, size_t *next, struct plan_action **batch, size_t *count, struct error *err)
{
	const struct plan *plan = act->plan;
	bool admitted;

	*count = 0;
	for (; *next < plan->action_count && *count < BATCH_MAX; (*next)++) {
		struct plan_action *action = plan->actions[*next];

		if (*count > 0 &&
		    (strcmp(action->kind, batch[0]->kind) != 0 || strcmp(action->verb, batch[0]->verb) != 0))
			return 0;
		if (!can_begin(act, action))
			continue;
		if (admit(act, action, &admitted, err) != 0)
			return -1;
		if (admitted)
			batch[(*count)++] = action;
	}
	return 0;
}

static int run_batch(struct act *act, struct plan_action **batch, size_t count, struct error *err)
{
	const struct kind *kind = kind_find(batch[0]->kind);
	size_t i;

	kind->act(act->context, batch, count);
	for (i = 0; i < count; i++) {
		if (batch[i]->state == ACTION_DONE)
			batch[i]->waits_for = NULL;
		progress_show(act->progress, batch[i]);
		if (batch[i]->state != ACTION_WAITING && note(act, "end", batch[i], err) != 0)
			return -1;
	}
	return 0;
}

/* Once over all actions, in order. */
static int step_all(struct act *act, struct error *err)
{
	struct plan_action *batch[BATCH_MAX];
	size_t next = 0, count;

	while (next < act->plan->action_count && !*act->context->stop) {
		if (collect_batch(act, &next, batch, &count, err) != 0)
			return -1;
		if (count > 0 && run_batch(act, batch, count, err) != 0)
			return -1;
	}
	return 0;
}

/* The time is over: what was to be tried again has failed. */
static void fail_unpassed(const struct plan *plan)
{
	size_t i;

	for (i = 0; i < plan->action_count; i++) {
		struct plan_action *action = plan->actions[i];

		if (action->state != ACTION_WAITING || action->error == NULL)
			continue;
		action->state = ACTION_FAILED;
		action->waits_for = NULL;
	}
}

/* What was never begun: because of what it follows, or because the run was stopped. */
static void settle_rest(struct act *act)
{
	size_t i;

	fail_unpassed(act->plan);
	plan_follow_needs(act->plan);
	for (i = 0; i < act->plan->action_count; i++) {
		struct plan_action *action = act->plan->actions[i];

		if (action->state != ACTION_PLANNED)
			continue;
		action->state = ACTION_SKIPPED;
		action->waits_for = "the run was stopped before";
	}
}

int act_run(struct act *act, struct error *err)
{
	int64_t start = clock_monotonic_ms(), pause = POLL_FIRST_MS;
	int64_t wait = act->wait < WAIT_MOST_S ? act->wait : WAIT_MOST_S;
	int rc = 0;

	while (rc == 0 && !*act->context->stop) {
		size_t open = plan_count_actions(act->plan, ACTION_PLANNED) +
		              plan_count_actions(act->plan, ACTION_WAITING),
		       left;
		int64_t elapsed;

		rc = step_all(act, err);
		left = plan_count_actions(act->plan, ACTION_PLANNED) + plan_count_actions(act->plan, ACTION_WAITING);
		elapsed = (clock_monotonic_ms() - start) / 1000;
		if (rc != 0 || (left == open && plan_count_actions(act->plan, ACTION_WAITING) == 0))
			break;
		if (left < open) {
			pause = POLL_FIRST_MS; /* something ended: what follows it can begin at once */
			continue;
		}
		if (elapsed >= wait)
			break;
		clock_sleep_ms(pause, act->context->stop);
		pause = pause * 3 / 2 < POLL_MOST_MS ? pause * 3 / 2 : POLL_MOST_MS;
	}
	settle_rest(act);
	return rc;
}
