/*
 * The rotation of the database's password, on or off as the spec says.
 *
 * A restore method that logs in with the password that it was given once needs
 * it to stay: for as long as that is so, the rotation is suspended, whatever the
 * spec says of afterwards. Nothing is remembered for that: once the method needs
 * it no more, a rotation that is off and shall be on is resumed, as any other.
 *
 * A version with AWSPENDING that is not the current one is a rotation under
 * way, and AWS refuses to begin another. It is waited for, never cut short: a
 * rotation that is cancelled half-way may leave a password that nobody knows.
 * One that does not end is a person's to look at.
 */
#include "base/clock.h"
#include "plan/diff.h"

#include <string.h>

#define KIND "rotation"
#define ROTATION_SETTLED "rotation/settled"

/* A rotation is four calls of a Lambda, each of which may take 15 minutes. */
#define STUCK_SECONDS ((time_t)3600)

struct rotation_diff {
	const struct plan_input *input;
	const struct observed_rotation *seen;
	struct plan *plan;
	struct plan_resource *resource;
	bool managed; /* the spec has the section */
	bool wanted;  /* the spec wants it on */
	bool still;   /* a method needs the password to stay */
	bool comes;   /* a deployment is to replace the cluster, and may set the rotation up, or turn it on */
	bool stuck;
};

static bool parse_time(const char *text, time_t *out)
{
	return text != NULL && clock_parse_rfc3339(text, out) == 0;
}

/* The last part of arn:aws:lambda:REGION:ACCOUNT:function:NAME. */
static const char *function_name(const char *lambda)
{
	const char *name = lambda != NULL ? strrchr(lambda, ':') : NULL;

	return name != NULL ? name + 1 : "FUNCTION";
}

const char *diff_stuck_rotation(struct arena *arena, const struct observed_rotation *seen, time_t now)
{
	time_t changed;

	if (seen->pending_version == NULL || !parse_time(seen->last_changed, &changed) || now - changed < STUCK_SECONDS)
		return NULL;
	return arena_printf(
	    arena,
	    "a person: version %s is pending, and nothing has changed since %s: the log of the rotation function "
	    "(/aws/lambda/%s) says why. If the database takes the pending password already, make that one current: aws "
	    "secretsmanager update-secret-version-stage --secret-id %s --version-stage AWSCURRENT --move-to-version-id "
	    "%s --remove-from-version-id %s. Else take it back: the same with --version-stage AWSPENDING "
	    "--remove-from-version-id %s alone",
	    seen->pending_version, seen->last_changed, function_name(seen->lambda), seen->secret, seen->pending_version,
	    seen->current_version != NULL ? seen->current_version : "CURRENT", seen->pending_version);
}

const char *diff_missing_rotation(struct arena *arena, const char *secret)
{
	return arena_printf(arena,
	                    "a person: rotation was never set up for this secret. Version 1 of Bedrock Chat does that: "
	                    "deploy it; or aws secretsmanager rotate-secret --secret-id %s --rotation-lambda-arn ARN "
	                    "--rotation-rules AutomaticallyAfterDays=30 --no-rotate-immediately",
	                    secret);
}

const char *diff_unmanaged_rotation(void)
{
	return "a person: put rotation: {enabled: true} into the spec to have it suspended while rows are moved and "
	       "resumed afterwards; with false it stays off";
}

static struct plan_action *add_action(struct rotation_diff *diff, const char *verb)
{
	struct plan_action *action = plan_add_action(diff->plan, diff->resource, verb, NULL);

	plan_action_set(diff->plan, action, "secret", diff->seen->arn != NULL ? diff->seen->arn : diff->seen->secret);
	return action;
}

static void differ(struct rotation_diff *diff, const char *desired, const char *observed)
{
	struct plan_difference difference = {"enabled", CHANGE_REPLACE, desired, observed};

	plan_add_difference(diff->plan, diff->resource, &difference);
}

static void resume(struct rotation_diff *diff)
{
	struct plan_action *action = add_action(diff, "resume");

	differ(diff, "true", "false");
	plan_set_reason(diff->plan, diff->resource, "the rotation of the password is off");
	plan_action_need(diff->plan, action, ROTATION_SETTLED);
	action->reason = "it is turned on and no more: the password changes when the schedule says so";
	plan_action_call(diff->plan, action, "secretsmanager:RotateSecret");
}

/* A deployment of version 1, which replaces the cluster, sets it up; a restored cluster brings nothing with it. */
static void set_up(struct rotation_diff *diff)
{
	struct plan_action *action = add_action(diff, "resume");

	differ(diff, "true", "never set up");
	plan_set_reason(diff->plan, diff->resource, "rotation was never set up for this secret");
	plan_action_call(diff->plan, action, "secretsmanager:RotateSecret");
	if (diff->comes) {
		action->reason =
		    "the deployment that replaces the cluster sets it up; it is turned on if that does not";
		plan_action_need(diff->plan, action, CONDITION_CLUSTER_ENCRYPTED);
	} else {
		action->reason = "spec.rotation.enabled is true";
		plan_action_block(diff->plan, action, "%s",
		                  diff_missing_rotation(diff->plan->arena, diff->seen->secret));
	}
}

static void suspend(struct rotation_diff *diff)
{
	struct plan_action *action = add_action(diff, "suspend");

	if (diff->seen->enabled)
		differ(diff, "false", "true");
	else if (diff->wanted)
		differ(diff, "true", "false");
	action->allow = "suspend-rotation";
	plan_action_need(diff->plan, action, ROTATION_SETTLED);
	plan_action_call(diff->plan, action, "secretsmanager:CancelRotateSecret");
	if (!diff->still) {
		plan_set_reason(diff->plan, diff->resource, "the rotation of the password is on");
		action->reason = "spec.rotation.enabled is false";
		return;
	}
	plan_set_reason(diff->plan, diff->resource, "the password must stay as it is while rows are moved");
	action->gives = CONDITION_ROTATION_OFF;
	action->reason = diff->wanted ? "rows are moved with the password of their beginning; it is resumed afterwards"
	                              : "rows are moved with the password of their beginning";
	if (diff->comes)
		plan_action_need(diff->plan, action, CONDITION_CLUSTER_ENCRYPTED);
	if (!diff->managed && diff->seen->enabled)
		plan_action_block(diff->plan, action, "%s", diff_unmanaged_rotation());
}

/* Off, but a rotation that began before is still at work on the password. */
static void settle(struct rotation_diff *diff)
{
	struct plan_action *action = add_action(diff, "settle");
	struct plan_difference pending = {"pending", CHANGE_REMOVE, NULL, diff->seen->pending_version};

	plan_add_difference(diff->plan, diff->resource, &pending);
	plan_set_reason(diff->plan, diff->resource, "a rotation is under way");
	action->gives = CONDITION_ROTATION_OFF;
	action->reason = "rows are moved with the password of their beginning, which is about to change";
}

static void report_stuck(struct rotation_diff *diff, const char *advice)
{
	struct plan_action *action = add_action(diff, "recover");
	struct plan_difference pending = {"pending", CHANGE_REMOVE, NULL, diff->seen->pending_version};

	plan_add_difference(diff->plan, diff->resource, &pending);
	plan_set_reason(diff->plan, diff->resource, "a rotation began and does not end");
	/* What is off already has no other action that would keep the rows waiting. */
	action->gives = diff->still && !diff->seen->enabled ? CONDITION_ROTATION_OFF : ROTATION_SETTLED;
	action->reason = "no other rotation can begin, and it is not known which password will hold";
	plan_action_block(diff->plan, action, "%s", advice);
}

static void report_deleted(struct rotation_diff *diff)
{
	struct plan_action *action = add_action(diff, "recover");
	struct plan_difference deletion = {"deletion", CHANGE_REMOVE, NULL, diff->seen->deleted};

	plan_add_difference(diff->plan, diff->resource, &deletion);
	plan_set_reason(diff->plan, diff->resource, "the secret is being deleted");
	action->gives = CONDITION_ROTATION_OFF;
	action->reason = "the database is opened with this secret";
	plan_action_block(
	    diff->plan, action,
	    "a person: aws secretsmanager restore-secret --secret-id %s; or, if the deployment has another "
	    "secret, name it in spec.vectors.connect.secret",
	    diff->seen->secret);
}

static void add_notes(struct rotation_diff *diff)
{
	const struct observed_rotation *seen = diff->seen;
	struct arena *arena = diff->plan->arena;
	const char *text = arena_printf(arena, "the rotation of %s is on", seen->secret);

	if (seen->schedule != NULL)
		text = arena_printf(arena, "%s: %s", text, seen->schedule);
	if (seen->last_rotated != NULL)
		text = arena_printf(arena, "%s; last on %s", text, seen->last_rotated);
	if (seen->next_rotation != NULL)
		text = arena_printf(arena, "%s; next by %s", text, seen->next_rotation);
	if (seen->enabled)
		plan_add_note(diff->plan, diff->resource, "%s", text);
	if (seen->pending_version != NULL && !diff->stuck)
		plan_add_note(diff->plan, diff->resource, "a rotation of %s is under way: version %s is pending",
		              seen->secret, seen->pending_version);
}

/* Off, and to stay so for now. */
static void stay_off(struct rotation_diff *diff)
{
	if (diff->seen->pending_version != NULL && !diff->stuck) {
		settle(diff);
	} else if (diff->wanted) {
		differ(diff, "true", "false");
		plan_set_reason(diff->plan, diff->resource, "suspended while rows are moved; it is resumed afterwards");
	}
}

static bool is_to_be_suspended(const struct rotation_diff *diff)
{
	if (diff->still)
		return diff->seen->enabled || diff->comes;
	return diff->seen->enabled && !diff->wanted;
}

/* What the spec and the method that moves rows make of a secret that is there. */
static void diff_enabled(struct rotation_diff *diff)
{
	const struct observed_rotation *seen = diff->seen;

	if (is_to_be_suspended(diff))
		suspend(diff);
	else if (diff->wanted && !seen->enabled && seen->lambda == NULL)
		set_up(diff);
	else if (diff->still)
		stay_off(diff);
	else if (diff->wanted && !seen->enabled)
		resume(diff);
}

static void diff_seen(struct rotation_diff *diff)
{
	time_t now = 0;
	const char *advice = NULL;

	if (diff->seen->deleted != NULL) {
		report_deleted(diff);
		return;
	}
	if (parse_time(diff->input->observed->at, &now))
		advice = diff_stuck_rotation(diff->plan->arena, diff->seen, now);
	diff->stuck = advice != NULL;
	if (diff->stuck)
		report_stuck(diff, advice);
	diff_enabled(diff);
	add_notes(diff);
}

/* Where it cannot be seen whether the password stays, rows do not begin to move. */
static void report_unseen(struct rotation_diff *diff, const char *name)
{
	struct plan_action *action;

	plan_add_unseen(diff->plan, KIND, name, &diff->seen->head);
	diff->resource = diff->plan->resources[diff->plan->resource_count - 1];
	if (!diff->still)
		return;
	action = plan_add_action(diff->plan, diff->resource, "suspend", NULL);
	action->gives = CONDITION_ROTATION_OFF;
	action->reason = "rows are moved with the password of their beginning";
	plan_action_block(diff->plan, action, "whether the rotation is off could not be seen");
}

/* A spec without the section leaves the rotation alone, but for what keeps rows from being moved. */
static bool is_of_no_concern(const struct rotation_diff *diff)
{
	const struct observed_rotation *seen = diff->seen;

	if (diff->managed || (diff->still && diff->comes))
		return false;
	return !diff->still || (seen->head.status == OBSERVED_SEEN && !seen->enabled && seen->deleted == NULL &&
	                        seen->pending_version == NULL);
}

void plan_diff_rotation(const struct plan_input *input, struct plan *plan)
{
	const struct observed_rotation *seen = &input->observed->rotation;
	const char *name = seen->secret != NULL ? seen->secret : input->desired->vectors.connect.secret;
	struct rotation_diff diff = {
	    .input = input,
	    .seen = seen,
	    .plan = plan,
	    .managed = input->desired->rotation.present,
	    .wanted = input->desired->rotation.present && input->desired->rotation.enabled,
	    .still = diff_needs_still_password(input, plan->arena),
	    .comes = diff_replacement_is_due(input) && input->desired->cluster.replace != DESIRED_REPLACE_RESTORE,
	};

	if (name == NULL)
		name = "(of the stack)";
	if (plan_is_left_out(&seen->head) || is_of_no_concern(&diff))
		return;
	if (seen->head.status != OBSERVED_SEEN) {
		report_unseen(&diff, name);
		return;
	}
	diff.resource = plan_add_resource(plan, KIND, name);
	diff_seen(&diff);
}
