/* The gate and the plan's review: what each refuses, one refusal at a time. */
#include "base/test_main.h"
#include "run/gate.h"
#include "run/lock.h"
#include "run/saved.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct desired desired;
static struct gate gate;
static struct plan_action action;
static struct error err;

static void set_up(void)
{
	desired = (struct desired){.aws = {.account = "123456789012"}, .limits = {.changes = 2}};
	desired.allow = DESIRED_ALLOW_REPLACE_CLUSTER;
	gate = (struct gate){.desired = &desired, .account = "123456789012", .locked = true};
	action = (struct plan_action){.id = "cluster/c/restore", .allow = "replace-cluster"};
}

START_TEST(what_the_spec_allows_passes)
{
	ck_assert_int_eq(run_gate(&gate, &action, &err), 0);
}
END_TEST

static void assert_refused(const char *why)
{
	ck_assert_int_eq(run_gate(&gate, &action, &err), -1);
	ck_assert_int_eq(err.code, ERROR_REFUSED);
	ck_assert_msg(strstr(err.message, why) != NULL, "%s", err.message);
}

START_TEST(a_dry_run_passes_nothing)
{
	gate.dry_run = true;
	assert_refused("dry run");
}
END_TEST

START_TEST(mode_observe_passes_nothing)
{
	desired.mode = DESIRED_MODE_OBSERVE;
	assert_refused("mode");
}
END_TEST

START_TEST(another_account_passes_nothing)
{
	gate.account = "999999999999";
	assert_refused("account 999999999999");
	gate.account = NULL;
	assert_refused("not known");
}
END_TEST

START_TEST(without_the_lock_nothing_passes)
{
	gate.locked = false;
	assert_refused("lock");
}
END_TEST

START_TEST(without_the_word_it_does_not_pass)
{
	desired.allow = DESIRED_ALLOW_DELETE_VECTORS;
	assert_refused("replace-cluster");
}
END_TEST

START_TEST(an_action_that_ended_does_not_pass_again)
{
	action.state = ACTION_BLOCKED;
	assert_refused("blocked");
	action.state = ACTION_DONE;
	assert_refused("done");
}
END_TEST

START_TEST(the_limit_counts_actions_and_not_repetitions)
{
	ck_assert_int_eq(run_gate(&gate, &action, &err), 0);
	action.state = ACTION_WAITING;
	ck_assert_int_eq(run_gate(&gate, &action, &err), 0);
	action.state = ACTION_PLANNED;
	ck_assert_int_eq(run_gate(&gate, &action, &err), 0);
	assert_refused("limits.changes");
}
END_TEST

START_TEST(one_lock_a_deployment)
{
	char directory[] = "/tmp/trueup-lock-test-XXXXXX";
	char path[64];
	struct lock *first, *second, *other;

	ck_assert_ptr_nonnull(mkdtemp(directory));
	ck_assert_int_eq(lock_take(directory, "production", &first, &err), 0);
	ck_assert_int_eq(lock_take(directory, "production", &second, &err), -1);
	ck_assert_int_eq(err.code, ERROR_BUSY);
	ck_assert_int_eq(lock_take(directory, "staging", &other, &err), 0);
	lock_release(first);
	ck_assert_int_eq(lock_take(directory, "production", &second, &err), 0);
	lock_release(second);
	lock_release(other);
	snprintf(path, sizeof(path), "%s/production.lock", directory);
	ck_assert_int_eq(unlink(path), 0);
	snprintf(path, sizeof(path), "%s/staging.lock", directory);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(rmdir(directory), 0);
}
END_TEST

/* A plan of one drifted group and one member to add. */
static struct plan *make_plan(struct arena *arena, const char *member)
{
	struct plan *plan = arena_alloc(arena, sizeof(*plan));
	struct plan_difference difference = {.path = member, .change = CHANGE_ADD, .desired = member};
	struct plan_resource *resource;

	plan->arena = arena;
	resource = plan_add_resource(plan, "users", "CreatingBotAllowed");
	plan_add_difference(plan, resource, &difference);
	plan_add_action(plan, resource, "add", member);
	return plan;
}

static int check_saved(const char *saved_member, const char *now_member, const char *sha256)
{
	struct arena *arena = arena_new();
	struct desired reviewed = {.metadata = {.name = "production"}, .file = "specs/production.yaml", .sha256 = "aa"};
	json_t *document = saved_new();
	struct saved_plans plans;
	char *text;
	int rc;

	saved_add(document, &reviewed, make_plan(arena, saved_member));
	text = json_dumps(document, JSON_INDENT(2));
	ck_assert(saved_is_plan(text));
	ck_assert_int_eq(saved_parse(arena, text, &plans, &err), 0);
	ck_assert_uint_eq(plans.count, 1);
	strcpy(reviewed.sha256, sha256);
	rc = saved_check(&plans.items[0], &reviewed, make_plan(arena, now_member), &err);
	saved_free(&plans);
	free(text);
	json_decref(document);
	arena_free(arena);
	return rc;
}

START_TEST(a_plan_is_carried_out_only_if_nothing_moved)
{
	ck_assert_int_eq(check_saved("alice", "alice", "aa"), 0);
	ck_assert_int_eq(check_saved("alice", "bob", "aa"), -1);
	ck_assert_int_eq(err.code, ERROR_REFUSED);
	ck_assert_ptr_nonnull(strstr(err.message, "add/bob"));
	ck_assert_int_eq(check_saved("alice", "alice", "bb"), -1);
	ck_assert_ptr_nonnull(strstr(err.message, "spec"));
}
END_TEST

static const char *const broken[] = {"{", "{\"schema\":\"trueup/plan/v1\"}",
                                     "{\"schema\":\"trueup/plan/v2\",\"deployments\":[]}",
                                     "{\"schema\":\"trueup/plan/v1\",\"deployments\":[{\"name\":\"x\"}]}"};

START_TEST(a_plan_that_is_not_whole_is_refused)
{
	struct arena *arena = arena_new();
	struct saved_plans plans;

	ck_assert_int_eq(saved_parse(arena, broken[_i], &plans, &err), -1);
	ck_assert_int_eq(err.code, ERROR_INVALID);
	arena_free(arena);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("gate");
	TCase *cases = tcase_create("all");

	tcase_add_checked_fixture(cases, set_up, NULL);
	tcase_add_test(cases, what_the_spec_allows_passes);
	tcase_add_test(cases, a_dry_run_passes_nothing);
	tcase_add_test(cases, mode_observe_passes_nothing);
	tcase_add_test(cases, another_account_passes_nothing);
	tcase_add_test(cases, without_the_lock_nothing_passes);
	tcase_add_test(cases, without_the_word_it_does_not_pass);
	tcase_add_test(cases, an_action_that_ended_does_not_pass_again);
	tcase_add_test(cases, the_limit_counts_actions_and_not_repetitions);
	tcase_add_test(cases, one_lock_a_deployment);
	tcase_add_test(cases, a_plan_is_carried_out_only_if_nothing_moved);
	tcase_add_loop_test(cases, a_plan_that_is_not_whole_is_refused, 0, sizeof(broken) / sizeof(broken[0]));
	suite_add_tcase(suite, cases);
	return suite;
}
