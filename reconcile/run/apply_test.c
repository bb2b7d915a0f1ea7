#include "base/test_main.h"
#include "plan/plan.h"
#include "run/run_private.h"

#include <check.h>

/* A run that has taken the actions that are added to `taken`, and a plan of now. */
struct scene {
	struct arena *arena;
	struct run run;
	struct plan now;
};

static struct scene new_scene(void)
{
	struct arena *arena = arena_new();

	return (struct scene){
	    .arena = arena, .run = {.arena = arena, .taken = {.arena = arena}}, .now = {.arena = arena}};
}

static struct plan_action *add(struct plan *plan, const char *name, const char *verb, enum action_state state)
{
	struct plan_resource *resource = plan_find_resource(plan, "cluster", name);
	struct plan_action *action;

	if (resource == NULL)
		resource = plan_add_resource(plan, "cluster", name);
	resource->state = RESOURCE_DRIFTED;
	action = plan_add_action(plan, resource, verb, NULL);
	action->state = state;
	return action;
}

START_TEST(there_is_more_only_if_it_was_not_tried)
{
	static const struct {
		enum action_state taken;
		bool begun;
		enum action_state now;
		bool more;
	} cases[] = {
	    {ACTION_DONE, true, ACTION_PLANNED, false},    {ACTION_FAILED, true, ACTION_PLANNED, false},
	    {ACTION_WAITING, true, ACTION_PLANNED, false}, {ACTION_BLOCKED, false, ACTION_PLANNED, true},
	    {ACTION_SKIPPED, false, ACTION_PLANNED, true}, {ACTION_BLOCKED, false, ACTION_BLOCKED, false},
	    {ACTION_BLOCKED, true, ACTION_PLANNED, false}, /* a person must do something, as it turned out */
	};
	struct scene scene = new_scene();

	add(&scene.run.taken, "chat", "match", cases[_i].taken)->begun = cases[_i].begun;
	add(&scene.now, "chat", "match", cases[_i].now);
	ck_assert_int_eq(run_has_more(&scene.run, &scene.now), cases[_i].more);
	arena_free(scene.arena);
}
END_TEST

/* It was skipped, since what it follows failed; and that is not tried again. */
START_TEST(what_follows_something_that_was_tried_is_no_more)
{
	struct scene scene = new_scene();
	struct plan_action *first;

	add(&scene.run.taken, "chat", "restore", ACTION_FAILED)->begun = true;
	add(&scene.run.taken, "chat", "match", ACTION_SKIPPED);
	first = add(&scene.now, "chat", "restore", ACTION_PLANNED);
	first->gives = "restored";
	plan_action_need(&scene.now, add(&scene.now, "chat", "match", ACTION_PLANNED), "restored");
	ck_assert(!run_has_more(&scene.run, &scene.now));
	first->state = ACTION_DONE;
	ck_assert(run_has_more(&scene.run, &scene.now));
	arena_free(scene.arena);
}
END_TEST

START_TEST(what_was_never_tried_is_more)
{
	struct scene scene = new_scene();

	ck_assert(!run_has_more(&scene.run, &scene.now));
	add(&scene.run.taken, "chat", "snapshot", ACTION_DONE);
	add(&scene.now, "chat", "restore", ACTION_PLANNED);
	ck_assert(run_has_more(&scene.run, &scene.now));
	arena_free(scene.arena);
}
END_TEST

START_TEST(the_outcome_has_what_was_done_and_what_is_left)
{
	struct scene scene = new_scene();
	struct plan *outcome;

	add(&scene.run.taken, "chat", "snapshot", ACTION_DONE);
	add(&scene.run.taken, "chat", "restore", ACTION_WAITING);
	add(&scene.now, "chat", "restore", ACTION_PLANNED);
	add(&scene.now, "chat", "match", ACTION_PLANNED);
	outcome = run_outcome(&scene.run, &scene.now);
	ck_assert_uint_eq(outcome->action_count, 3);
	ck_assert_int_eq(plan_find_action(outcome, "cluster/chat/snapshot")->state, ACTION_DONE);
	ck_assert_int_eq(plan_find_action(outcome, "cluster/chat/restore")->state, ACTION_WAITING);
	ck_assert_int_eq(plan_find_action(outcome, "cluster/chat/match")->state, ACTION_PLANNED);
	ck_assert_uint_eq(outcome->resource_count, 1);
	arena_free(scene.arena);
}
END_TEST

/* A cluster that was replaced under another name is no drift: it is gone. */
START_TEST(what_is_gone_is_neither_drift_nor_in_sync)
{
	struct scene scene = new_scene();
	const struct plan_resource *past;
	struct plan *outcome;

	add(&scene.run.taken, "old", "deploy", ACTION_DONE);
	plan_add_resource(&scene.now, "cluster", "new");
	plan_add_resource(&scene.now, "users", "creators");
	outcome = run_outcome(&scene.run, &scene.now);
	ck_assert_uint_eq(outcome->resource_count, 3);
	past = plan_find_resource(outcome, "cluster", "old");
	ck_assert_ptr_eq(outcome->resources[1], past); /* behind its successor, before what is of another kind */
	ck_assert_str_eq(outcome->resources[2]->kind, "users");
	ck_assert_int_eq(past->state, RESOURCE_SKIPPED);
	ck_assert_str_eq(past->reason, "new is in its place since these actions");
	ck_assert_uint_eq(past->difference_count, 0);
	arena_free(scene.arena);
}
END_TEST

/* A run that was stopped has not seen what it says nothing of; and one API is no other's successor. */
START_TEST(what_was_not_looked_at_is_not_gone)
{
	struct scene scene = new_scene();
	struct plan *outcome;

	add(&scene.run.taken, "old", "deploy", ACTION_DONE);
	plan_add_action(&scene.run.taken, plan_add_resource(&scene.run.taken, "apis", "removed"), "remove", NULL);
	plan_add_resource(&scene.now, "cluster", "(of the stack)")->state = RESOURCE_SKIPPED;
	plan_add_resource(&scene.now, "apis", "other");
	outcome = run_outcome(&scene.run, &scene.now);
	ck_assert_str_eq(plan_find_resource(outcome, "cluster", "old")->reason,
	                 "it was not seen again after these actions");
	ck_assert_str_eq(plan_find_resource(outcome, "apis", "removed")->reason,
	                 "it was not seen again after these actions");
	arena_free(scene.arena);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("apply");
	TCase *tcase = tcase_create("rounds");

	tcase_add_loop_test(tcase, there_is_more_only_if_it_was_not_tried, 0, 7);
	tcase_add_test(tcase, what_follows_something_that_was_tried_is_no_more);
	tcase_add_test(tcase, what_was_never_tried_is_more);
	tcase_add_test(tcase, what_was_not_looked_at_is_not_gone);
	tcase_add_test(tcase, the_outcome_has_what_was_done_and_what_is_left);
	tcase_add_test(tcase, what_is_gone_is_neither_drift_nor_in_sync);
	suite_add_tcase(suite, tcase);
	return suite;
}
