#include "run/run.h"
#include "aws/sts.h"
#include "base/clock.h"
#include "base/log.h"
#include "kinds/kind.h"
#include "plan/policy.h"
#include "run/act.h"
#include "run/lock.h"
#include "run/observe.h"
#include "run/saved.h"
#include "spec/load.h"

#include <stdlib.h>
#include <string.h>

#define ARENAS_MAX 16 /* of one observation: a kind each, and the first phase */
#define OBSERVATIONS_MAX 4

static const volatile bool never = false;

struct run {
	struct arena *arena;
	const struct desired *desired;
	struct run_options options;
	struct arena *arenas[ARENAS_MAX * OBSERVATIONS_MAX]; /* of what was observed: see observe.h */
	size_t arena_count;
	const char *region;
};

struct run *run_new(const struct desired *desired, const struct run_options *options)
{
	struct run *run = calloc(1, sizeof(*run));

	if (run == NULL)
		abort();
	run->arena = arena_new();
	run->desired = desired;
	run->options = *options;
	if (run->options.stop == NULL)
		run->options.stop = &never;
	return run;
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
	struct observe observe = {.desired = run->desired, .options = &run->options};
	char now[CLOCK_RFC3339_SIZE];
	int rc;

	clock_format_rfc3339(time(NULL), now);
	*observed = (struct observed){.name = run->desired->metadata.name, .at = arena_strdup(run->arena, now)};
	if (run->desired->mode == DESIRED_MODE_PAUSED)
		return 0;
	if (run->arena_count + ARENAS_MAX > sizeof(run->arenas) / sizeof(run->arenas[0]))
		abort(); /* a run observes a few times, by design */
	observe.arenas = run->arenas + run->arena_count;
	rc = observe_world(&observe, observed, err);
	run->arena_count += observe.arena_count;
	run->region = arena_strdup(run->arena, observe.region);
	return rc;
}

static void keep_selected(const struct run *run, struct plan *plan)
{
	size_t i, kept = 0;

	for (i = 0; i < plan->resource_count; i++)
		if (observe_is_selected(&run->options, plan->resources[i]->kind, plan->resources[i]->name))
			plan->resources[kept++] = plan->resources[i];
	plan->resource_count = kept;
	for (i = kept = 0; i < plan->action_count; i++)
		if (observe_is_selected(&run->options, plan->actions[i]->kind, plan->actions[i]->resource))
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

/* The gate stands on the account of the very credentials that will act, which may be others than those that looked. */
static int read_account(struct kind_context *context, const char **account, struct error *err)
{
	struct sts_identity identity;

	if (sts_get_caller_identity(context->aws, context->arena, &identity, err) != 0)
		return -1;
	*account = identity.account;
	return 0;
}

/* With the lock held and the journal open. */
static int carry_out(struct run *run, const struct observed *observed, struct plan *plan, struct journal *journal,
                     struct error *err)
{
	struct gate gate = {.desired = run->desired, .locked = true, .dry_run = !run->options.may_write};
	struct kind_context context = {
	    .arena = run->arena,
	    .desired = run->desired,
	    .stack = &observed->stack,
	    .writes = run->options.may_write,
	    .stop = run->options.stop,
	};
	struct act act = {
	    .context = &context, .plan = plan, .gate = &gate, .journal = journal, .wait = run->options.wait};
	int rc;

	if (observe_open_client(run->desired, &run->options, run->options.may_write, &context.aws, err) != 0)
		return -1;
	act.progress = progress_new(run->options.show_progress);
	context.progress = progress_copy(act.progress);
	rc = read_account(&context, &gate.account, err);
	if (rc == 0)
		rc = act_run(&act, err);
	progress_free(act.progress);
	aws_free(context.aws);
	return rc;
}

/* Look and plan again, now that nobody else can act. */
static int refresh(struct run *run, struct observed *observed, struct plan **plan, struct error *err)
{
	struct plan *fresh;

	if (run_observe(run, observed, err) != 0)
		return -1;
	fresh = run_plan(run, observed);
	if (run->options.reviewed && saved_compare(*plan, fresh, err) != 0)
		return -1;
	*plan = fresh;
	return 0;
}

int run_apply(struct run *run, struct observed *observed, struct plan **plan, struct error *err)
{
	const char *directory = lock_find_directory(run->arena, run->options.state_directory);
	const char *name = run->desired->metadata.name;
	struct journal *journal = NULL;
	struct lock *lock;
	int rc;

	if (plan_count_actions(*plan, ACTION_PLANNED) == 0)
		return 0;
	if (lock_take(directory, name, &lock, err) != 0)
		return -1;
	rc = refresh(run, observed, plan, err);
	if (rc == 0)
		rc = journal_open(directory, name, &journal, err);
	if (rc == 0)
		rc = carry_out(run, observed, *plan, journal, err);
	journal_close(journal);
	lock_release(lock);
	return rc;
}

struct plan *run_merge(struct run *run, const struct plan *taken, const struct plan *now)
{
	struct plan *merged = arena_alloc(run->arena, sizeof(*merged));
	size_t i;

	merged->arena = run->arena;
	for (i = 0; i < now->resource_count; i++)
		*ARENA_PUSH(run->arena, merged->resources, merged->resource_count) = now->resources[i];
	for (i = 0; i < taken->action_count; i++) {
		struct plan_action *action = taken->actions[i];

		*ARENA_PUSH(run->arena, merged->actions, merged->action_count) = action;
		if (plan_find_resource(merged, action->kind, action->resource) == NULL)
			*ARENA_PUSH(run->arena, merged->resources, merged->resource_count) =
			    plan_find_resource(taken, action->kind, action->resource);
	}
	for (i = 0; i < now->action_count; i++)
		if (plan_find_action(taken, now->actions[i]->id) == NULL)
			*ARENA_PUSH(run->arena, merged->actions, merged->action_count) = now->actions[i];
	return merged;
}

const char *run_region(const struct run *run)
{
	return run->region;
}
