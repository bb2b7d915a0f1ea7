/*
 * Apply goes in rounds: look, plan, act, and look again. What an action has
 * changed shows what is next (a cluster that a deployment has just replaced
 * lacks its rows), so a plan need not foresee what cannot be known yet, and the
 * whole of a migration is done by one apply as well as by many.
 *
 * A round follows only if it has something to do that this run has not done
 * already. So an action that succeeds and changes nothing, which is a defect,
 * does not keep the run going.
 */
#include "aws/sts.h"
#include "base/audit.h"
#include "base/caller.h"
#include "base/clock.h"
#include "base/log.h"
#include "kinds/kind.h"
#include "run/act.h"
#include "run/lock.h"
#include "run/lock_database.h"
#include "run/observe.h"
#include "run/run_private.h"
#include "run/saved.h"

#include <string.h>
#include <unistd.h>

#define ROUNDS_MAX 16 /* far more than the longest migration has */
#define LOOKS_MAX 3
#define LOOK_AGAIN_MS 1000

/* One apply: what its rounds share. */
struct apply {
	struct run *run;
	struct observed *observed; /* as seen last */
	struct plan **plan;        /* made of that */
	struct audit *audit;
	struct kind_context context;
	struct gate gate;
	struct progress *progress;
	int64_t started_ms;
};

/* The gate stands on the account of the very credentials that will act, which may be others than those that looked. */
static int read_account(struct kind_context *context, const char **account, struct error *err)
{
	struct sts_identity identity;

	if (sts_get_caller_identity(context->aws, context->arena, &identity, err) != 0)
		return -1;
	*account = identity.account;
	return 0;
}

static int open_apply(struct apply *apply, struct error *err)
{
	struct run *run = apply->run;

	apply->started_ms = clock_monotonic_ms();
	apply->gate = (struct gate){.desired = run->desired, .locked = true, .dry_run = !run->options.may_write};
	apply->context = (struct kind_context){
	    .arena = run->arena,
	    .desired = run->desired,
	    .writes = run->options.may_write,
	    .state_directory = lock_find_directory(run->arena, run->options.state_directory),
	    .stop = run->options.stop,
	};
	if (observe_open_client(run->desired, &run->options, run->options.may_write, &apply->context.aws, err) != 0)
		return -1;
	aws_set_audit(apply->context.aws, apply->audit);
	apply->progress = progress_new(run->options.show_progress, run->options.events);
	apply->context.progress = progress_copy(apply->progress);
	return read_account(&apply->context, &apply->gate.account, err);
}

static void close_apply(struct apply *apply)
{
	progress_free(apply->progress);
	aws_free(apply->context.aws);
}

/* A later round that could not even try does not undo what failed in an earlier one: a person is told of the failure.
 */
static bool stays_failed(const struct plan_action *before, const struct plan_action *now)
{
	return before->state == ACTION_FAILED &&
	       (now->state == ACTION_BLOCKED || now->state == ACTION_SKIPPED || now->state == ACTION_PLANNED);
}

/* The action as it ended last, and the resource of it: an action that was taken in an earlier round was waiting then.
 */
static void record_action(struct plan *taken, const struct plan *plan, struct plan_action *action, bool first)
{
	struct plan_action *before = first ? NULL : plan_find_action(taken, action->id);

	if (before != NULL) {
		action->begun |= before->begun;
		action->later = before->later;
		if (!stays_failed(before, action))
			*before = *action;
	} else {
		action->later = !first;
		*ARENA_PUSH(taken->arena, taken->actions, taken->action_count) = action;
	}
	if (plan_find_resource(taken, action->kind, action->resource) == NULL)
		*ARENA_PUSH(taken->arena, taken->resources, taken->resource_count) =
		    plan_find_resource(plan, action->kind, action->resource);
}

static int64_t wait_left(const struct apply *apply)
{
	int64_t elapsed = (clock_monotonic_ms() - apply->started_ms) / 1000, wait = apply->run->options.wait;

	return elapsed < wait ? wait - elapsed : 0;
}

static int act_once(struct apply *apply, struct error *err)
{
	struct plan *plan = *apply->plan;
	struct act act = {
	    .context = &apply->context,
	    .plan = plan,
	    .gate = &apply->gate,
	    .audit = apply->audit,
	    .progress = apply->progress,
	    .wait = wait_left(apply),
	};
	bool first = apply->run->taken.action_count == 0;
	size_t i;
	int rc;

	apply->context.stack = &apply->observed->stack;
	rc = act_run(&act, err);
	for (i = 0; i < plan->action_count; i++)
		record_action(&apply->run->taken, plan, plan->actions[i], first);
	return rc;
}

/* Kinds look side by side: while a cluster is being renamed, one may see it before, and another after. */
static bool is_seen_in_motion(const struct apply *apply)
{
	const struct plan *taken = &apply->run->taken, *now = *apply->plan;
	bool moves = false, unseen = false;
	size_t i;

	for (i = 0; i < taken->action_count; i++)
		moves |= taken->actions[i]->state == ACTION_WAITING && taken->actions[i]->risk != RISK_SAFE;
	for (i = 0; i < now->resource_count; i++)
		unseen |= now->resources[i]->state == RESOURCE_UNKNOWN;
	return moves && unseen;
}

static int look_again(struct apply *apply, struct error *err)
{
	int look;

	for (look = 0; look < LOOKS_MAX; look++) {
		if (look > 0)
			clock_sleep_ms(LOOK_AGAIN_MS, apply->run->options.stop);
		if (run_observe(apply->run, apply->observed, err) != 0)
			return error_context(err, "what came of it could not be seen");
		*apply->plan = run_plan(apply->run, apply->observed);
		if (!is_seen_in_motion(apply))
			break;
	}
	return 0;
}

static int act_in_rounds(struct apply *apply, struct error *err)
{
	const struct run *run = apply->run;
	int round, rc = 0;

	for (round = 0; rc == 0 && round < ROUNDS_MAX; round++) {
		rc = act_once(apply, err);
		if (rc == 0)
			rc = look_again(apply, err);
		if (rc != 0 || run->options.reviewed || *run->options.stop || !run_has_more(run, *apply->plan))
			break;
		log_info("%s: going on from what that changed", run->desired->metadata.name);
	}
	return rc;
}

/* Look and plan again, now that nobody else can act. */
static int refresh(struct apply *apply, struct error *err)
{
	const struct plan *before = *apply->plan;

	if (run_observe(apply->run, apply->observed, err) != 0)
		return -1;
	*apply->plan = run_plan(apply->run, apply->observed);
	return apply->run->options.reviewed ? saved_compare(before, *apply->plan, err) : 0;
}

/* Who acts, for what. */
static json_t *tell_run(const struct run *run)
{
	struct caller caller;

	caller_find(&caller);
	return json_pack("{s:s, s:s, s:s*, s:s*, s:s, s:s*, s:s*, s:s, s:i}", "trueup", TRUEUP_VERSION, "command",
	                 "apply", "trigger", run->options.trigger, "revision", run->options.revision, "spec",
	                 run->desired->file, "sha256", run->desired->sha256, "user",
	                 caller.user[0] != '\0' ? caller.user : NULL, "host", caller.host, "process", (int)getpid());
}

static int open_audit(struct apply *apply, const char *directory, struct error *err)
{
	struct run *run = apply->run;
	int64_t sequence;

	if (audit_open(directory, run->desired->metadata.name, 0, &apply->audit, err) != 0)
		return -1;
	if (audit_write(apply->audit, "run", tell_run(run), &sequence, err) != 0)
		return -1;
	*ARENA_PUSH(run->arena, run->audited, run->audited_count) = sequence;
	return 0;
}

int run_apply(struct run *run, struct observed *observed, struct plan **plan, struct error *err)
{
	const char *directory = lock_find_directory(run->arena, run->options.state_directory);
	const char *name = run->desired->metadata.name;
	struct apply apply = {.run = run, .observed = observed, .plan = plan};
	struct pg_session *elsewhere = NULL;
	struct lock *lock;
	int rc;

	if (plan_count_actions(*plan, ACTION_PLANNED) == 0)
		return 0;
	if (lock_take(directory, name, &lock, err) != 0)
		return -1;
	rc = lock_database(run, &observed->stack, &elsewhere, err);
	if (rc == 0)
		rc = refresh(&apply, err);
	if (rc == 0)
		rc = open_audit(&apply, directory, err);
	if (rc == 0)
		rc = open_apply(&apply, err);
	if (rc == 0)
		rc = act_in_rounds(&apply, err);
	close_apply(&apply);
	audit_close(apply.audit);
	pg_session_close(elsewhere);
	lock_release(lock);
	return rc;
}

bool run_has_more(const struct run *run, const struct plan *plan)
{
	size_t i;

	for (i = 0; i < plan->action_count; i++) {
		const struct plan_action *action = plan->actions[i], *taken;

		if (action->state != ACTION_PLANNED || !plan_needs_hold(plan, action))
			continue; /* what it follows decides */
		taken = plan_find_action(&run->taken, action->id);
		if (taken == NULL || !taken->begun)
			return true;
	}
	return false;
}

/* The only resource of the kind; NULL: there are more, or none. */
static const struct plan_resource *find_only(const struct plan *plan, const char *kind)
{
	const struct plan_resource *only = NULL;
	size_t i;

	for (i = 0; i < plan->resource_count; i++) {
		if (strcmp(plan->resources[i]->kind, kind) != 0)
			continue;
		if (only != NULL)
			return NULL;
		only = plan->resources[i];
	}
	return only;
}

/* Of which there is one at a time: what is seen in its place is its successor. */
static bool is_single(const char *kind)
{
	return strcmp(kind, "cluster") == 0 || strcmp(kind, "rotation") == 0;
}

/* What was acted on and is not there any more, such as a cluster that was replaced under another name. */
static struct plan_resource *past_resource(struct run *run, const struct plan *now, const struct plan_resource *before)
{
	struct plan_resource *resource = arena_alloc(run->arena, sizeof(*resource));
	const struct plan_resource *successor = find_only(now, before->kind);

	resource->kind = before->kind;
	resource->name = before->name;
	resource->state = RESOURCE_SKIPPED;
	resource->reason = "it was not seen again after these actions";
	if (is_single(before->kind) && successor != NULL &&
	    (successor->state == RESOURCE_IN_SYNC || successor->state == RESOURCE_DRIFTED))
		resource->reason = arena_printf(run->arena, "%s is in its place since these actions", successor->name);
	return resource;
}

const struct plan *run_acted_on(const struct run *run)
{
	return &run->taken;
}

const int64_t *run_audited(const struct run *run, size_t *count)
{
	*count = run->audited_count;
	return run->audited;
}

/* Behind the others of its kind, where a reader looks for it. */
static void insert_resource(struct plan *plan, struct plan_resource *resource)
{
	size_t at, i = plan->resource_count;

	for (at = i; at > 0 && strcmp(plan->resources[at - 1]->kind, resource->kind) != 0; at--)
		;
	*ARENA_PUSH(plan->arena, plan->resources, plan->resource_count) = resource;
	for (; at > 0 && i > at; i--) {
		plan->resources[i] = plan->resources[i - 1];
		plan->resources[i - 1] = resource;
	}
}

struct plan *run_outcome(struct run *run, const struct plan *now)
{
	struct plan *outcome = arena_alloc(run->arena, sizeof(*outcome));
	size_t i;

	outcome->arena = run->arena;
	for (i = 0; i < now->resource_count; i++)
		*ARENA_PUSH(run->arena, outcome->resources, outcome->resource_count) = now->resources[i];
	for (i = 0; i < run->taken.resource_count; i++) {
		const struct plan_resource *before = run->taken.resources[i];

		if (plan_find_resource(now, before->kind, before->name) == NULL)
			insert_resource(outcome, past_resource(run, now, before));
	}
	for (i = 0; i < run->taken.action_count; i++)
		*ARENA_PUSH(run->arena, outcome->actions, outcome->action_count) = run->taken.actions[i];
	for (i = 0; i < now->action_count; i++)
		if (plan_find_action(&run->taken, now->actions[i]->id) == NULL)
			*ARENA_PUSH(run->arena, outcome->actions, outcome->action_count) = now->actions[i];
	return outcome;
}
