/* The rules that hold for every kind's plan: order, policy, what follows what, names. */
#include "base/test_main.h"
#include "plan/names.h"
#include "plan/order.h"
#include "plan/plan.h"
#include "plan/policy.h"

#include <string.h>

static struct arena *arena;
static struct plan *plan;
static struct plan_resource *resource;
static struct desired desired;

static void set_up(void)
{
	arena = arena_new();
	plan = arena_alloc(arena, sizeof(*plan));
	plan->arena = arena;
	resource = plan_add_resource(plan, "cluster", "c");
	desired = (struct desired){.limits = {.changes = 1000}};
}

static void tear_down(void)
{
	arena_free(arena);
}

static struct plan_action *add(const char *verb, const char *need, const char *gives)
{
	struct plan_action *action = plan_add_action(plan, resource, verb, NULL);

	if (need != NULL)
		plan_action_need(plan, action, need);
	action->gives = gives;
	return action;
}

static size_t place_of(const struct plan_action *action)
{
	size_t i;

	for (i = 0; i < plan->action_count; i++)
		if (plan->actions[i] == action)
			return i;
	ck_abort_msg("%s is lost", action->id);
}

START_TEST(actions_come_after_what_they_need)
{
	struct plan_action *third = add("third", "two", NULL), *second = add("second", "one", "two");
	struct plan_action *first = add("first", NULL, "one"), *other = add("other", NULL, NULL);

	plan_order_actions(plan);
	ck_assert_uint_eq(plan->action_count, 4);
	ck_assert_uint_lt(place_of(first), place_of(second));
	ck_assert_uint_lt(place_of(second), place_of(third));
	ck_assert_int_eq(other->state, ACTION_PLANNED);
}
END_TEST

START_TEST(a_condition_with_two_givers_needs_both)
{
	struct plan_action *after = add("after", "rows", NULL), *one = add("one", NULL, "rows");
	struct plan_action *two = add("two", NULL, "rows");

	plan_order_actions(plan);
	ck_assert_uint_eq(place_of(after), 2);
	one->state = ACTION_DONE;
	ck_assert(!plan_needs_hold(plan, after));
	two->state = ACTION_DONE;
	ck_assert(plan_needs_hold(plan, after));
}
END_TEST

START_TEST(a_condition_that_nobody_gives_holds)
{
	struct plan_action *action = add("copy", "cluster/encrypted", NULL);

	plan_order_actions(plan);
	ck_assert(plan_needs_hold(plan, action));
}
END_TEST

START_TEST(a_circle_fails_and_nothing_else_does)
{
	struct plan_action *hen = add("hen", "egg", "hen"), *egg = add("egg", "hen", "egg");
	struct plan_action *fine = add("fine", NULL, NULL);

	plan_order_actions(plan);
	ck_assert_uint_eq(plan->action_count, 3);
	ck_assert_int_eq(hen->state, ACTION_FAILED);
	ck_assert_int_eq(egg->state, ACTION_FAILED);
	ck_assert_int_eq(fine->state, ACTION_PLANNED);
	ck_assert_uint_eq(place_of(fine), 0);
}
END_TEST

START_TEST(a_thousand_that_need_one_come_after_it)
{
	struct plan_action *group;
	size_t i;

	for (i = 0; i < 1000; i++)
		plan_action_need(plan, plan_add_action(plan, resource, "add", arena_printf(arena, "%zu", i)), "group");
	group = add("create", NULL, "group");
	plan_order_actions(plan);
	ck_assert_uint_eq(place_of(group), 0);
	ck_assert_str_eq(plan->actions[1]->id, "cluster/c/add/0");
	ck_assert_str_eq(plan->actions[1000]->id, "cluster/c/add/999");
}
END_TEST

static const struct {
	enum action_state giver;
	enum action_state follower;
} followed[] = {
    {ACTION_PLANNED, ACTION_PLANNED}, {ACTION_DONE, ACTION_PLANNED},   {ACTION_WAITING, ACTION_WAITING},
    {ACTION_BLOCKED, ACTION_BLOCKED}, {ACTION_FAILED, ACTION_SKIPPED}, {ACTION_SKIPPED, ACTION_SKIPPED},
};

START_TEST(states_are_handed_on)
{
	struct plan_action *giver = add("giver", NULL, "x"), *follower = add("follower", "x", "y");
	struct plan_action *last = add("last", "y", NULL);

	giver->state = followed[_i].giver;
	plan_follow_needs(plan);
	ck_assert_int_eq(follower->state, followed[_i].follower);
	ck_assert_int_eq(last->state, followed[_i].follower);
}
END_TEST

START_TEST(a_missing_word_blocks_and_is_named)
{
	struct plan_action *action = add("rename-old", NULL, "x"), *follower = add("rename-new", "x", NULL);

	action->allow = "replace-cluster";
	plan_apply_policy(plan, &desired);
	ck_assert_int_eq(action->state, ACTION_BLOCKED);
	ck_assert_ptr_nonnull(strstr(action->waits_for, "replace-cluster"));
	ck_assert_int_eq(follower->state, ACTION_BLOCKED);
}
END_TEST

START_TEST(an_allowed_word_lets_through)
{
	struct plan_action *action = add("rename-old", NULL, NULL);

	action->allow = "replace-cluster";
	desired.allow = DESIRED_ALLOW_REPLACE_CLUSTER;
	plan_apply_policy(plan, &desired);
	ck_assert_int_eq(action->state, ACTION_PLANNED);
}
END_TEST

/* Each word of the contract opens what needs it, and nothing else. */
START_TEST(each_word_allows_itself_only)
{
	unsigned bit;

	desired.allow = 1u << _i;
	for (bit = 0; bit < 8; bit++)
		ck_assert_int_eq(plan_is_allowed(&desired, desired_allow_word((enum desired_allow)(1u << bit))),
		                 bit == (unsigned)_i);
	ck_assert(plan_is_allowed(&desired, NULL));
	ck_assert(!plan_is_allowed(&desired, "delete-everything"));
}
END_TEST

START_TEST(more_changes_than_the_limit_are_all_refused)
{
	desired.limits.changes = 2;
	add("a", NULL, NULL);
	add("b", NULL, NULL);
	plan_apply_policy(plan, &desired);
	ck_assert_int_eq(plan->actions[0]->state, ACTION_PLANNED);
	add("c", NULL, NULL);
	plan_apply_policy(plan, &desired);
	ck_assert_int_eq(plan->actions[0]->state, ACTION_BLOCKED);
	ck_assert_int_eq(plan->actions[2]->state, ACTION_BLOCKED);
	ck_assert_ptr_nonnull(strstr(plan->actions[0]->waits_for, "limits.changes"));
}
END_TEST

START_TEST(mode_observe_does_nothing)
{
	struct plan_action *action = add("a", NULL, NULL);

	desired.mode = DESIRED_MODE_OBSERVE;
	plan_apply_policy(plan, &desired);
	ck_assert_int_eq(action->state, ACTION_SKIPPED);
}
END_TEST

/* RDS: 1 to 63 letters, digits and hyphens, a letter first, none last, never two hyphens in a row. */
static void assert_is_identifier(const char *name)
{
	size_t length = strlen(name);

	ck_assert_msg(length >= 1 && length <= 63, "%s is %zu long", name, length);
	ck_assert_uint_eq(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-"), length);
	ck_assert_msg(name[0] >= 'a' && name[0] <= 'z', "%s", name);
	ck_assert_int_ne(name[length - 1], '-');
	ck_assert_ptr_null(strstr(name, "--"));
}

START_TEST(names_are_identifiers_whatever_they_are_made_of)
{
	static const char *const names[] = {
	    "my-cluster",
	    "a",
	    "a--b",
	    "1-2-3-4-5-6-7-8-9-0-1-2-3-4-5-6-7-8-9-0-",
	    "c-23456789-123456789-123456789-123456789-123456789-123456789-123",
	};
	const char *name = names[_i];

	assert_is_identifier(names_fresh(arena, name, "cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ"));
	if (name[0] == '1')
		return; /* a deployment may be called so, a cluster never */
	assert_is_identifier(names_aside(arena, name));
	assert_is_identifier(names_instance(arena, name, "cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ", 12));
	assert_is_identifier(names_source(arena, name, "rds:snapshot-of-2026"));
	assert_is_identifier(names_source_instance(arena, names_source(arena, name, "rds:snapshot-of-2026")));
}
END_TEST

START_TEST(names_are_the_same_each_time_and_differ_between_sources)
{
	const char *a = names_fresh(arena, "production", "cluster-A");

	ck_assert_str_eq(a, names_fresh(arena, "production", "cluster-A"));
	ck_assert_str_ne(a, names_fresh(arena, "production", "cluster-B"));
	ck_assert_str_ne(a, names_fresh(arena, "staging", "cluster-A"));
	ck_assert_str_eq(names_aside(arena, "my-cluster"), "my-cluster-trueup-old");
}
END_TEST

START_TEST(names_of_replications_are_names_of_slots)
{
	const char *longest = "a-3456789-123456789-123456789-1234567890";
	const char *a = names_replication(arena, "production", "old", "items");
	const char *name = names_replication(arena, longest, "a host of any length:5432/and a database", "app.items");

	ck_assert_uint_eq(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(name));
	ck_assert_uint_le(strlen(name) + strlen("_old"), 63);
	ck_assert_str_eq(a, names_replication(arena, "production", "old", "items"));
	ck_assert_str_ne(a, names_replication(arena, "production", "old", "others"));
	ck_assert_str_ne(a, names_replication(arena, "production", "older", "items"));
	ck_assert_str_ne(a, names_replication(arena, "staging", "old", "items"));
}
END_TEST

START_TEST(long_names_that_are_cut_stay_different)
{
	const char *one = "c-23456789-123456789-123456789-123456789-123456789-123456789-aaa";
	const char *two = "c-23456789-123456789-123456789-123456789-123456789-123456789-bbb";

	ck_assert_str_ne(names_aside(arena, one), names_aside(arena, two));
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("plan");
	TCase *cases = tcase_create("all");

	tcase_add_checked_fixture(cases, set_up, tear_down);
	tcase_add_test(cases, actions_come_after_what_they_need);
	tcase_add_test(cases, a_condition_with_two_givers_needs_both);
	tcase_add_test(cases, a_condition_that_nobody_gives_holds);
	tcase_add_test(cases, a_circle_fails_and_nothing_else_does);
	tcase_add_test(cases, a_thousand_that_need_one_come_after_it);
	tcase_add_loop_test(cases, states_are_handed_on, 0, sizeof(followed) / sizeof(followed[0]));
	tcase_add_test(cases, a_missing_word_blocks_and_is_named);
	tcase_add_test(cases, an_allowed_word_lets_through);
	tcase_add_loop_test(cases, each_word_allows_itself_only, 0, 8);
	tcase_add_test(cases, more_changes_than_the_limit_are_all_refused);
	tcase_add_test(cases, mode_observe_does_nothing);
	tcase_add_loop_test(cases, names_are_identifiers_whatever_they_are_made_of, 0, 5);
	tcase_add_test(cases, names_are_the_same_each_time_and_differ_between_sources);
	tcase_add_test(cases, names_of_replications_are_names_of_slots);
	tcase_add_test(cases, long_names_that_are_cut_stay_different);
	suite_add_tcase(suite, cases);
	return suite;
}
