/*
 * The rotation while rows are moved by a method that needs the password to stay: which action, if any, holds those back
 * that wait for CONDITION_ROTATION_OFF. What a spec alone asks for is in testdata/plan/rotation-….
 */
#include "base/test_main.h"
#include "plan/diff.h"
#include "plan/policy.h"

#include <stdio.h>
#include <string.h>

enum { OFF = 0, ON = 1, PENDING = 2, OLD = 4, DELETED = 8, UNSEEN = 16, NEVER = 32, DEPLOY = 64 };
enum section { NONE, ENABLED, DISABLED };

struct moving_case {
	int seen; /* bits of the above */
	enum section section;
	bool moving;
	bool allowed;
	const char
	    *expected; /* of the resource its state, of each action its state, of who waits for ROTATION_OFF his */
};

static const struct moving_case cases[] = {
    {ON, ENABLED, true, true, "drifted suspend:planned move:planned"},
    {ON, ENABLED, true, false, "drifted suspend:blocked move:blocked"},
    {ON, DISABLED, true, true, "drifted suspend:planned move:planned"},
    {ON, NONE, true, true, "drifted suspend:blocked move:blocked"},
    {ON | PENDING, ENABLED, true, true, "drifted suspend:planned move:planned"},
    {ON | PENDING | OLD, ENABLED, true, true, "drifted recover:blocked suspend:blocked move:blocked"},
    {OFF, ENABLED, true, true, "drifted move:planned"},
    {OFF, DISABLED, true, true, "in-sync move:planned"},
    {OFF, NONE, true, true, "move:planned"},
    {OFF | PENDING, ENABLED, true, true, "drifted settle:planned move:planned"},
    {OFF | PENDING, NONE, true, true, "drifted settle:planned move:planned"},
    {OFF | PENDING | OLD, DISABLED, true, true, "drifted recover:blocked move:blocked"},
    {OFF | PENDING | OLD, NONE, true, true, "drifted recover:blocked move:blocked"},
    {OFF | NEVER, ENABLED, true, true, "drifted move:planned resume:blocked"},
    {OFF | NEVER, NONE, true, true, "move:planned"},
    /* What a deployment sets up is suspended before rows move: not sooner, and not after they have begun. */
    {OFF | NEVER | DEPLOY, ENABLED, true, true,
     "drifted snapshot:planned replace:blocked suspend:blocked move:blocked"},
    {OFF | NEVER | DEPLOY, NONE, true, true, "in-sync snapshot:planned replace:blocked suspend:blocked move:blocked"},
    {OFF | NEVER | DEPLOY, ENABLED, false, true,
     "drifted move:planned snapshot:planned replace:blocked resume:blocked"},
    {OFF | DELETED, NONE, true, true, "drifted recover:blocked move:blocked"},
    {UNSEEN, ENABLED, true, true, "unknown suspend:blocked move:blocked"},
    {UNSEEN, NONE, true, true, "unknown suspend:blocked move:blocked"},

    /* Once rows are there, whoever suspended it: nothing remembers that. */
    {OFF, ENABLED, false, true, "drifted move:planned resume:planned"},
    {OFF, NONE, false, true, "move:planned"},
    {ON, NONE, false, true, "move:planned"},
    {UNSEEN, NONE, false, true, "move:planned"},
};

static struct arena *arena;

static void set_up(void)
{
	arena = arena_new();
}

static void tear_down(void)
{
	arena_free(arena);
}

static void fill_seen(struct observed_rotation *seen, int bits)
{
	seen->head = (struct observed_head){OBSERVED_SEEN, NULL, NULL};
	if (bits & UNSEEN) {
		seen->head = (struct observed_head){OBSERVED_UNKNOWN, "it was denied", NULL};
		return;
	}
	seen->secret = "secret";
	seen->enabled = (bits & ON) != 0;
	seen->lambda = bits & NEVER ? NULL : "arn:aws:lambda:eu-west-3:123456789012:function:rotate";
	seen->current_version = "one";
	seen->pending_version = bits & PENDING ? "two" : NULL;
	seen->last_changed = bits & OLD ? "2026-11-22T07:59:59Z" : "2026-11-22T08:30:00Z";
	seen->deleted = bits & DELETED ? "2026-11-29T08:00:00Z" : NULL;
}

/* Rows are missing, and are to be moved. */
static void fill_moving(struct desired *desired, struct observed *observed, bool moving)
{
	static struct desired_count count = {"01HAAAAAAAAAAAAAAAAAAAAAAA", 5};

	desired->vectors.present = desired->vectors.restore.present = desired->vectors.counts.present = true;
	desired->vectors.restore.method = moving ? DESIRED_RESTORE_DMS : DESIRED_RESTORE_COPY;
	desired->vectors.counts.from = DESIRED_COUNTS_INLINE;
	desired->vectors.counts.bots = &count;
	desired->vectors.counts.bot_count = 1;
	desired->limits.changes = 1000;
	observed->vectors.head.status = OBSERVED_SEEN;
	observed->vectors.schema.table = true;
	observed->vectors.dms.head.status = observed->vectors.dms.source_head.status = OBSERVED_SEEN;
}

static void fill_due(struct desired *desired, struct observed *observed)
{
	desired->cluster.present = desired->cluster.encrypted = true;
	desired->cluster.replace = DESIRED_REPLACE_MANUAL;
	observed->cluster = (struct observed_cluster){
	    .head = {.status = OBSERVED_SEEN},
	    .identifier = "c",
	    .current = {.exists = true, .identifier = "c", .resource_id = "r", .status = "available"},
	};
}

static void diff_mover(const struct plan_input *input, struct plan *plan)
{
	struct plan_action *action = plan_add_action(plan, plan_add_resource(plan, "vectors", "items"), "move", NULL);

	(void)input;
	plan_action_need(plan, action, CONDITION_ROTATION_OFF);
}

static const char *describe(const struct plan *plan)
{
	const char *text = "";
	size_t i;

	for (i = 0; i < plan->resource_count; i++)
		if (strcmp(plan->resources[i]->kind, "rotation") == 0)
			text = arena_printf(arena, "%s ", resource_state_words[plan->resources[i]->state]);
	for (i = 0; i < plan->action_count; i++)
		text = arena_printf(arena, "%s%s:%s%s", text, plan->actions[i]->verb,
		                    action_state_words[plan->actions[i]->state], i + 1 < plan->action_count ? " " : "");
	return text;
}

START_TEST(rows_move_only_while_the_password_stays)
{
	plan_diff *diffs[] = {diff_mover, plan_diff_cluster, plan_diff_rotation, NULL};
	const struct moving_case *c = &cases[_i];
	struct desired desired = {.rotation = {c->section != NONE, c->section == ENABLED},
	                          .allow = c->allowed ? DESIRED_ALLOW_SUSPEND_ROTATION : 0};
	struct observed observed = {.at = "2026-11-22T09:00:00Z"};
	struct plan_input input = {.desired = &desired, .observed = &observed};
	struct plan *plan;

	fill_seen(&observed.rotation, c->seen);
	fill_moving(&desired, &observed, c->moving);
	if (c->seen & DEPLOY)
		fill_due(&desired, &observed);
	plan = plan_make(arena, diffs, &input);
	plan_apply_policy(plan, &desired);
	ck_assert_str_eq(describe(plan), c->expected);
}
END_TEST

START_TEST(a_pending_version_is_stuck_after_an_hour_without_any_change)
{
	struct observed_rotation seen;
	const time_t eight = 1795334400; /* 2026-11-22T08:00:00Z */

	fill_seen(&seen, ON | PENDING);
	ck_assert_ptr_null(diff_stuck_rotation(arena, &seen, eight + 1800 + 3599));
	ck_assert_ptr_nonnull(diff_stuck_rotation(arena, &seen, eight + 1800 + 3600));
	seen.last_changed = NULL;
	ck_assert_ptr_null(diff_stuck_rotation(arena, &seen, eight + 1000000));
	fill_seen(&seen, ON | OLD);
	ck_assert_ptr_null(diff_stuck_rotation(arena, &seen, eight + 1000000));
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("diff_rotation");
	TCase *tcase = tcase_create("all");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, rows_move_only_while_the_password_stays, 0, sizeof(cases) / sizeof(cases[0]));
	tcase_add_test(tcase, a_pending_version_is_stuck_after_an_hour_without_any_change);
	suite_add_tcase(suite, tcase);
	return suite;
}
