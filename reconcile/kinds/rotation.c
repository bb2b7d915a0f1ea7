/*
 * The rotation kind: whether Secrets Manager changes the database's password of
 * itself. What to do is planned in plan/diff_rotation.c; here is how.
 */
#include "aws/secretsmanager.h"
#include "base/clock.h"
#include "kinds/database.h"
#include "kinds/kind.h"
#include "kinds/stack.h"
#include "plan/diff.h"
#include "plan/names.h"

#include <inttypes.h>
#include <string.h>

/* Whoever moves rows by DMS must know that the password stays, also where the spec leaves the rotation alone. */
static bool rotation_is_wanted(const struct desired *desired)
{
	return desired->rotation.present ||
	       (desired->vectors.present && desired->vectors.restore.method == DESIRED_RESTORE_DMS);
}

/* NULL for a time that AWS does not say. */
static const char *format_time(struct arena *arena, time_t when)
{
	char text[CLOCK_RFC3339_SIZE];

	if (when == 0)
		return NULL;
	clock_format_rfc3339(when, text);
	return arena_strdup(arena, text);
}

static const char *format_schedule(struct arena *arena, const struct secretsmanager_secret *secret)
{
	if (secret->rotation_schedule != NULL)
		return secret->rotation_schedule;
	if (secret->rotation_days <= 0)
		return NULL;
	return secret->rotation_days == 1 ? "every day"
	                                  : arena_printf(arena, "every %" PRId64 " days", secret->rotation_days);
}

static void fill(struct arena *arena, const struct secretsmanager_secret *secret, struct observed_rotation *out)
{
	bool pending =
	    secret->pending_version != NULL &&
	    (secret->current_version == NULL || strcmp(secret->pending_version, secret->current_version) != 0);

	out->secret = secret->name;
	out->arn = secret->arn;
	out->enabled = secret->rotation_enabled;
	out->lambda = secret->rotation_lambda;
	out->schedule = format_schedule(arena, secret);
	out->last_rotated = format_time(arena, secret->last_rotated);
	out->next_rotation = format_time(arena, secret->next_rotation);
	out->last_changed = format_time(arena, secret->last_changed);
	out->deleted = format_time(arena, secret->deleted);
	out->current_version = secret->current_version;
	out->pending_version = pending ? secret->pending_version : NULL;
}

static int look(const struct kind_context *context, struct observed_rotation *out, struct error *err)
{
	struct secretsmanager_secret secret;
	const char *id = stack_resolve(context->desired->vectors.connect.secret, context->stack->secret, context,
	                               "spec.vectors.connect.secret", err);

	if (id == NULL)
		return -1;
	if (secretsmanager_describe(context->aws, context->arena, id, &secret, err) != 0)
		return error_context(err, "secret %s", id);
	fill(context->arena, &secret, out);
	return 0;
}

static void rotation_observe(struct kind_context *context, struct observed *observed)
{
	struct observed_rotation *rotation = &observed->rotation;
	struct error err;

	rotation->head.status = OBSERVED_SEEN;
	if (look(context, rotation, &err) != 0)
		observed_set_unknown(&rotation->head, context->arena, &err);
}

/* As the stack is now: a deployment that ran since the plan was made may have brought another secret. */
static int look_again(struct kind_context *context, struct observed_rotation *out, struct error *err)
{
	struct observed_stack stack = {0};
	struct kind_context now = *context;

	*out = (struct observed_rotation){0};
	now.stack = &stack;
	stack_observe(&now, &stack);
	if (look(&now, out, err) != 0)
		return -1;
	if (out->deleted != NULL)
		return error_set(err, ERROR_STATE, "the secret %s is being deleted", out->secret);
	return 0;
}

static int turn_on(struct kind_context *context, const struct observed_rotation *seen, struct error *err)
{
	const char *wish = arena_printf(context->arena, "resume %s %s %s", seen->arn,
	                                seen->current_version != NULL ? seen->current_version : "",
	                                seen->last_changed != NULL ? seen->last_changed : "");
	struct secretsmanager_rotation rotation = {
	    .id = seen->arn, .token = names_token(context->arena, wish), .immediately = false};

	return secretsmanager_rotate(context->aws, context->arena, &rotation, err);
}

/* WAITING for the pending version to go; for a person once that has taken too long. */
static void wait_for_pending(struct kind_context *context, struct plan_action *action,
                             const struct observed_rotation *seen)
{
	const char *advice = diff_stuck_rotation(context->arena, seen, time(NULL));

	if (advice == NULL) {
		kind_action_wait(context, action, "a rotation is under way: version %s of %s is pending",
		                 seen->pending_version, seen->secret);
		return;
	}
	action->state = ACTION_BLOCKED;
	action->waits_for = advice;
}

/* One change, after which the secret says at once what it is like. AWS tests a rotation that is turned on. */
static int change(struct kind_context *context, struct plan_action *action, bool on, struct observed_rotation *seen,
                  struct error *err)
{
	int rc;

	if (action->asked)
		return 0;
	rc = on ? turn_on(context, seen, err)
	        : secretsmanager_cancel_rotation(context->aws, context->arena, seen->arn, err);
	action->asked = rc == 0;
	return rc == 0 ? look_again(context, seen, err) : -1;
}

static void turn(struct kind_context *context, struct plan_action *action, bool on, struct observed_rotation *seen)
{
	struct error err;

	if (on && seen->lambda == NULL) {
		action->state = ACTION_BLOCKED;
		action->waits_for = diff_missing_rotation(context->arena, seen->secret);
	} else if (!context->desired->rotation.present) {
		action->state = ACTION_BLOCKED;
		action->waits_for = diff_unmanaged_rotation();
	} else if (change(context, action, on, seen, &err) != 0) {
		kind_action_fail(context, action, &err);
	} else if (seen->pending_version != NULL) {
		wait_for_pending(context, action, seen);
	} else if (seen->enabled != on) {
		kind_action_wait(context, action, "Secrets Manager has agreed, and does not show it yet");
	} else {
		action->state = ACTION_DONE;
	}
}

static void act_one(struct kind_context *context, struct plan_action *action)
{
	bool on = strcmp(action->verb, "resume") == 0, off = strcmp(action->verb, "suspend") == 0;
	struct observed_rotation seen;
	struct error err;

	if (!on && !off && strcmp(action->verb, "settle") != 0)
		kind_action_reject(context, action);
	else if (look_again(context, &seen, &err) != 0)
		kind_action_fail(context, action, &err);
	else if (seen.pending_version != NULL)
		wait_for_pending(context, action, &seen);
	else if ((on && !seen.enabled) || (off && seen.enabled))
		turn(context, action, on, &seen);
	else
		action->state = ACTION_DONE;
}

static void rotation_act(struct kind_context *context, struct plan_action **actions, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		act_one(context, actions[i]);
}

static void rotation_permissions(const struct desired *desired, bool enforce, struct kind_permissions *permissions)
{
	const char *secret = database_secret_pattern(desired->vectors.connect.secret, permissions->arena);

	kind_add_permission(permissions, desired, "secretsmanager:DescribeSecret", secret);
	if (!enforce)
		return;
	kind_add_permission(permissions, desired, "secretsmanager:CancelRotateSecret", secret);
	if (!desired->rotation.enabled)
		return;
	kind_add_permission(permissions, desired, "secretsmanager:RotateSecret", secret);
	/* Whoever turns a rotation on must be allowed to call its function. */
	kind_add_permission(permissions, desired, "lambda:InvokeFunction", "function:*");
}

static const char *const serves[] = {"vectors", NULL};

const struct kind kind_rotation = {
    .name = "rotation",
    .part = offsetof(struct observed, rotation),
    .serves = serves,
    .is_wanted = rotation_is_wanted,
    .observe = rotation_observe,
    .diff = plan_diff_rotation,
    .act = rotation_act,
    .permissions = rotation_permissions,
};
