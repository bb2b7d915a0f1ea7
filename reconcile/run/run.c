#include "run/run.h"
#include "base/clock.h"
#include "kinds/kind.h"
#include "plan/policy.h"
#include "run/observe.h"
#include "run/run_private.h"
#include "spec/load.h"

#include <stdlib.h>
#include <string.h>

static const volatile bool never = false;

struct run *run_new(const struct desired *desired, const struct run_options *options)
{
	struct run *run = calloc(1, sizeof(*run));

	if (run == NULL)
		abort();
	run->arena = arena_new();
	run->taken.arena = run->arena;
	run->desired = desired;
	run->options = *options;
	run->options.tally = &run->tally;
	if (run->options.stop == NULL)
		run->options.stop = &never;
	return run;
}

const struct aws_tally *run_tally(const struct run *run)
{
	return &run->tally;
}

void run_free(struct run *run)
{
	size_t i;

	if (run == NULL)
		return;
	for (i = 0; i < run->arena_count; i++)
		arena_free(run->arenas[i]);
	arena_free(run->arena);
	free(run);
}

int run_observe(struct run *run, struct observed *observed, struct error *err)
{
	struct arena *arenas[OBSERVE_ARENAS];
	struct observe observe = {.desired = run->desired, .options = &run->options, .arenas = arenas};
	char now[CLOCK_RFC3339_SIZE];
	size_t i;
	int rc;

	clock_format_rfc3339(time(NULL), now);
	*observed = (struct observed){.name = run->desired->metadata.name, .at = arena_strdup(run->arena, now)};
	if (run->desired->mode == DESIRED_MODE_PAUSED)
		return 0;
	rc = observe_world(&observe, observed, err);
	for (i = 0; i < observe.arena_count; i++)
		*ARENA_PUSH(run->arena, run->arenas, run->arena_count) = arenas[i];
	run->region = arena_strdup(run->arena, observe.region);
	return rc;
}

static bool is_selected(const struct run *run, const struct plan_action *action)
{
	return observe_is_selected(&run->options, action->kind, action->resource);
}

/*
 * What --only leaves out is not done, and so does not hold: an action that
 * needs it waits. A deployment must not be run because somebody asked for the
 * cluster only, and not for what has to go before.
 */
static void leave_out(const struct run *run, struct plan *plan)
{
	size_t i;

	if (run->options.only_count == 0)
		return;
	for (i = 0; i < plan->action_count; i++) {
		struct plan_action *action = plan->actions[i];

		if (is_selected(run, action) || action->state != ACTION_PLANNED)
			continue;
		action->state = ACTION_SKIPPED;
		action->waits_for = "--only leaves it out";
	}
	plan_follow_needs(plan);
}

static void keep_selected(const struct run *run, struct plan *plan)
{
	size_t i, kept = 0;

	leave_out(run, plan);
	for (i = 0; i < plan->resource_count; i++)
		if (observe_is_selected(&run->options, plan->resources[i]->kind, plan->resources[i]->name))
			plan->resources[kept++] = plan->resources[i];
	plan->resource_count = kept;
	for (i = kept = 0; i < plan->action_count; i++)
		if (is_selected(run, plan->actions[i]))
			plan->actions[kept++] = plan->actions[i];
	plan->action_count = kept;
}

static bool has_resource(const struct plan *plan, const struct run_only *only)
{
	size_t i;

	for (i = 0; i < plan->resource_count; i++)
		if (strcmp(plan->resources[i]->kind, only->kind) == 0 &&
		    (only->name == NULL || strcmp(plan->resources[i]->name, only->name) == 0))
			return true;
	return false;
}

/* What --only asks for and the spec does not have must not pass for looked at. */
static void report_unmatched(const struct run *run, struct plan *plan)
{
	static const struct observed_head absent = {OBSERVED_UNKNOWN, "the spec has no such resource (see --only)",
	                                            NULL};
	static const struct observed_head silent = {OBSERVED_SKIPPED, "the spec has no section for it", NULL};
	size_t i;

	for (i = 0; i < run->options.only_count; i++) {
		const struct run_only *only = &run->options.only[i];

		if (!has_resource(plan, only))
			plan_add_unseen(plan, only->kind, only->name != NULL ? only->name : "(any)",
			                only->name != NULL ? &absent : &silent);
	}
}

static void load_baseline(struct run *run, struct plan_input *input)
{
	const struct desired_counts *counts = &run->desired->vectors.counts;
	struct desired_baseline *baseline;
	struct error err;

	if (!run->desired->vectors.present || !counts->present || counts->from != DESIRED_COUNTS_BASELINE)
		return;
	baseline = arena_alloc(run->arena, sizeof(*baseline));
	if (spec_load_baseline(run->arena, run->desired, baseline, &err) != 0)
		input->baseline_error = arena_strdup(run->arena, err.message);
	else
		input->baseline = baseline;
}

struct plan *run_plan(struct run *run, const struct observed *observed)
{
	struct plan_input input = {.desired = run->desired, .observed = observed};
	struct observed paused = {.name = observed->name, .at = observed->at};
	plan_diff *diffs[KINDS_MAX + 1];
	struct plan *plan;

	if (run->desired->mode == DESIRED_MODE_PAUSED) {
		observe_skip(run->desired, &paused, "spec.mode is paused");
		input.observed = &paused;
	} else {
		load_baseline(run, &input);
	}
	kind_list_diffs(diffs);
	plan = plan_make(run->arena, diffs, &input);
	keep_selected(run, plan);
	report_unmatched(run, plan);
	plan_apply_policy(plan, run->desired);
	return plan;
}

const char *run_region(const struct run *run)
{
	return run->region;
}
