/*
 * Users in their groups. A member is found among those who are in the group
 * already, else among the candidates that were looked up. Whoever cannot be
 * told is reported by name, and never keeps the others from being added.
 *
 * With signOut, whoever is added is signed out after it. That is planned with
 * the addition and never later, since nothing that can be seen tells who has
 * signed in since. If a run ends between the two, nothing is lost: the group
 * comes with the next sign-in or refresh of a token all the same.
 */
#include "plan/diff.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define KIND "users"

/* With signOut: who is to be signed out, behind all additions. */
struct addition {
	const char *member;
	struct plan_action *action;
};

/* One group under diff. */
struct group_diff {
	const struct plan_input *input;
	struct plan *plan;
	struct plan_resource *resource;
	const struct desired_group *desired;
	const struct observed_group *observed;
	bool *listed;        /* of observed->members: named by the spec */
	const char *exists;  /* condition */
	const char *unknown; /* what could not be looked up; NULL: nothing */
	size_t missing;
	struct addition *additions;
	size_t addition_count;
};

bool diff_user_answers(const struct observed_user *user, const struct desired_member *member)
{
	if (member->username != NULL && strcmp(user->username, member->username) != 0)
		return false;
	if (member->email != NULL && (user->email == NULL || strcasecmp(user->email, member->email) != 0))
		return false;
	return true;
}

/* Marks everyone in the group who answers to the member. Returns how many do. */
static size_t mark_listed(struct group_diff *diff, const struct desired_member *member)
{
	size_t i, found = 0;

	for (i = 0; i < diff->observed->member_count; i++) {
		if (diff_user_answers(&diff->observed->members[i], member)) {
			diff->listed[i] = true;
			found++;
		}
	}
	return found;
}

static const struct observed_candidate *find_candidate(const struct observed_users *users, const char *asked)
{
	size_t i;

	for (i = 0; i < users->candidate_count; i++)
		if (strcmp(users->candidates[i].asked, asked) == 0)
			return &users->candidates[i];
	return NULL;
}

static const char *list_usernames(struct arena *arena, const struct observed_candidate *candidate)
{
	const char *names = candidate->users[0].username;
	size_t i;

	for (i = 1; i < candidate->user_count; i++)
		names = arena_printf(arena, "%s, %s", names, candidate->users[i].username);
	return names;
}

/* Who it is could not be found out: that is told of the group, too, whose other members are added all the same. */
static void leave_unknown(struct group_diff *diff, struct plan_action *action,
                          const struct observed_candidate *candidate)
{
	const char *reason = candidate != NULL ? candidate->head.reason : NULL;
	const char *permission = candidate != NULL ? candidate->head.permission : NULL;

	if (reason == NULL)
		reason = "it was not done";
	reason = observed_reason(diff->plan->arena, reason, permission);
	plan_action_block(diff->plan, action, "the look-up of this member: %s", reason);
	diff->unknown = reason;
}

/* The one user to add, or NULL after saying on the action what keeps it from being done. */
static const struct observed_user *choose_user(struct group_diff *diff, struct plan_action *action,
                                               const struct observed_candidate *candidate)
{
	const char *pool = diff->input->observed->users.pool;

	if (candidate == NULL || candidate->head.status != OBSERVED_SEEN) {
		leave_unknown(diff, action, candidate);
		return NULL;
	}
	if (candidate->user_count == 0) {
		plan_action_block(
		    diff->plan, action,
		    "a person: nobody in the pool %s answers to this; they must sign up first, or the spec "
		    "has a typing error",
		    pool);
		return NULL;
	}
	if (candidate->user_count > 1) {
		plan_action_block(diff->plan, action,
		                  "a person: %zu users have this e-mail (%s); name the one that is meant: "
		                  "{username: %s}",
		                  candidate->user_count, list_usernames(diff->plan->arena, candidate),
		                  candidate->users[0].username);
		return NULL;
	}
	return &candidate->users[0];
}

static void add_member(struct group_diff *diff, const struct desired_member *member)
{
	struct plan *plan = diff->plan;
	struct plan_difference difference = {.path = arena_printf(plan->arena, "members/%s", member->text),
	                                     .change = CHANGE_ADD,
	                                     .desired = member->text};
	struct plan_action *action = plan_add_action(plan, diff->resource, "add", member->text);
	const struct observed_user *user =
	    choose_user(diff, action, find_candidate(&diff->input->observed->users, member->text));

	diff->missing++;
	plan_add_difference(plan, diff->resource, &difference);
	action->reason = "the spec lists them, and they are not in the group";
	plan_action_need(plan, action, diff->exists);
	plan_action_call(plan, action, "cognito-idp:AdminAddUserToGroup");
	plan_action_set(plan, action, "group", diff->desired->name);
	if (user == NULL)
		return;
	plan_action_set(plan, action, "username", user->username);
	if (diff->desired->sign_out)
		*ARENA_PUSH(plan->arena, diff->additions, diff->addition_count) =
		    (struct addition){member->text, action};
}

/* Each needs his own addition, so that one that fails keeps nobody else from being signed out. */
static void sign_out(struct group_diff *diff, const struct addition *addition)
{
	struct plan *plan = diff->plan;
	struct plan_action *action = plan_add_action(plan, diff->resource, "sign-out", addition->member);

	addition->action->gives = arena_printf(plan->arena, "users/%s/added/%s", diff->desired->name, addition->member);
	plan_action_need(plan, action, addition->action->gives);
	action->risk = RISK_DISRUPTIVE;
	action->allow = "sign-out-users";
	action->reason = "the group comes with the next sign-in; ID tokens that were issued before stay valid for up "
	                 "to a day, without it";
	plan_action_call(plan, action, "cognito-idp:AdminUserGlobalSignOut");
	plan_action_set(plan, action, "group", diff->desired->name);
	plan_action_set(plan, action, "username", plan_action_get(addition->action, "username"));
}

/* How many members one run may remove: the percentage, rounded down, but one if there is any percentage at all. */
static size_t removals_allowed(const struct desired_limits *limits, size_t members)
{
	size_t allowed = members * (size_t)limits->removals / DESIRED_PERCENT_WHOLE;

	return allowed == 0 && limits->removals > 0 ? 1 : allowed;
}

static size_t count_unlisted(const struct group_diff *diff)
{
	size_t i, count = 0;

	for (i = 0; i < diff->observed->member_count; i++)
		count += !diff->listed[i];
	return count;
}

static void remove_member(struct group_diff *diff, const struct observed_user *user, size_t removals)
{
	struct plan *plan = diff->plan;
	const struct desired_limits *limits = &diff->input->desired->limits;
	size_t allowed = removals_allowed(limits, diff->observed->member_count);
	const char *text = user->email != NULL ? user->email : user->username;
	struct plan_difference difference = {
	    .path = arena_printf(plan->arena, "members/%s", user->username),
	    .change = CHANGE_REMOVE,
	    .observed = text,
	};
	struct plan_action *action = plan_add_action(plan, diff->resource, "remove", user->username);

	plan_add_difference(plan, diff->resource, &difference);
	action->risk = RISK_DESTRUCTIVE;
	action->allow = "remove-members";
	action->reason = arena_printf(plan->arena, "the group is exclusive, and the spec does not list %s", text);
	plan_action_call(plan, action, "cognito-idp:AdminRemoveUserFromGroup");
	plan_action_set(plan, action, "group", diff->desired->name);
	plan_action_set(plan, action, "username", user->username);
	if (removals > allowed)
		plan_action_block(
		    plan, action,
		    "spec.limits.removals: %zu of %zu members would be removed, and one run may remove %zu", removals,
		    diff->observed->member_count, allowed);
}

static void remove_unlisted(struct group_diff *diff)
{
	size_t i, removals = count_unlisted(diff);

	for (i = 0; i < diff->observed->member_count; i++)
		if (!diff->listed[i])
			remove_member(diff, &diff->observed->members[i], removals);
}

static void create_group(struct group_diff *diff)
{
	struct plan_difference difference = {.path = "present", .change = CHANGE_ADD, .desired = diff->desired->name};
	struct plan_action *action = plan_add_action(diff->plan, diff->resource, "create", NULL);

	plan_add_difference(diff->plan, diff->resource, &difference);
	action->gives = diff->exists;
	action->reason = "the group does not exist in the pool";
	plan_action_call(diff->plan, action, "cognito-idp:CreateGroup");
	plan_action_set(diff->plan, action, "group", diff->desired->name);
	if (!desired_is_application_group(diff->desired->name))
		plan_add_note(diff->plan, diff->resource,
		              "a typing error? It is created, but Bedrock Chat reads the groups %s alone",
		              DESIRED_APPLICATION_GROUPS);
}

/* "2 of 3 members missing, 1 in the group and not listed": what there is of these. */
static void set_reason(struct group_diff *diff, size_t removals)
{
	struct arena *arena = diff->plan->arena;
	const char *reason = diff->observed->exists ? "" : ", the group does not exist";

	if (diff->missing > 0)
		reason = arena_printf(arena, ", %zu of %zu members missing%s", diff->missing,
		                      diff->desired->member_count, reason);
	if (removals > 0)
		reason = arena_printf(arena, "%s, %zu in the group and not listed", reason, removals);
	plan_set_reason(diff->plan, diff->resource, "%s", reason + strlen(", "));
}

static void diff_group(struct group_diff *diff)
{
	size_t i, removals;

	if (!diff->observed->exists)
		create_group(diff);
	for (i = 0; i < diff->desired->member_count; i++)
		if (mark_listed(diff, &diff->desired->members[i]) == 0)
			add_member(diff, &diff->desired->members[i]);
	for (i = 0; i < diff->addition_count; i++)
		sign_out(diff, &diff->additions[i]);
	removals = diff->desired->exclusive ? count_unlisted(diff) : 0;
	if (diff->desired->exclusive)
		remove_unlisted(diff);
	if (diff->unknown != NULL) {
		diff->resource->state = RESOURCE_UNKNOWN;
		plan_set_reason(diff->plan, diff->resource, "the look-up of a member: %s", diff->unknown);
	} else if (diff->resource->state == RESOURCE_DRIFTED) {
		set_reason(diff, removals);
	}
}

void plan_diff_users(const struct plan_input *input, struct plan *plan)
{
	const struct desired_users *desired = &input->desired->users;
	const struct observed_users *seen = &input->observed->users;
	size_t i;

	if (!desired->present || plan_is_left_out(&seen->head))
		return;
	for (i = 0; i < desired->group_count; i++) {
		const char *name = desired->groups[i].name;
		const struct observed_group *group = observed_find_group(seen, name);
		const struct observed_head *head = group != NULL ? &group->head : &seen->head;
		struct group_diff diff = {
		    .input = input, .plan = plan, .desired = &desired->groups[i], .observed = group};

		if (group == NULL || head->status != OBSERVED_SEEN) {
			plan_add_unseen(plan, KIND, name, head);
			continue;
		}
		diff.resource = plan_add_resource(plan, KIND, name);
		diff.listed = arena_array(plan->arena, group->member_count, sizeof(*diff.listed));
		diff.exists = arena_printf(plan->arena, "users/%s/exists", name);
		diff_group(&diff);
	}
}
