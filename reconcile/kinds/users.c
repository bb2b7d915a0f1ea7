/*
 * The users kind: groups of the user pool and who is in them.
 *
 * Only members who are not in their group are looked up, so a pass over a
 * deployment that is in sync costs a page or two for each group.
 */
#include "aws/cognito.h"
#include "base/clock.h"
#include "kinds/kind.h"
#include "kinds/stack.h"
#include "plan/diff.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* How long a change may take to be listed before it is left to a later look. */
#define CONFIRM_MS 10000
#define CONFIRM_PAUSE_MS 500

/* How long Bedrock Chat's ID tokens are valid, which name the user's groups: cdk/lib/constructs/auth.ts. */
#define TOKEN_SECONDS 86400

static bool users_is_wanted(const struct desired *desired)
{
	return desired->users.present;
}

static int compare_users(const void *a, const void *b)
{
	return strcmp(((const struct observed_user *)a)->username, ((const struct observed_user *)b)->username);
}

static void fill_users(struct arena *arena, const struct cognito_users *users, struct observed_user **out,
                       size_t *count)
{
	size_t i;

	*out = arena_array(arena, users->count, sizeof(**out));
	*count = users->count;
	for (i = 0; i < users->count; i++)
		(*out)[i] = (struct observed_user){.username = users->items[i].username,
		                                   .email = users->items[i].email,
		                                   .status = users->items[i].status,
		                                   .enabled = users->items[i].enabled};
	if (*count > 0)
		qsort(*out, *count, sizeof(**out), compare_users);
}

/* "Not found" may mean the group or the whole pool; a pool that lists its groups is there. */
static int confirm_pool(struct kind_context *context, const char *pool, struct error *err)
{
	struct cognito_groups groups;

	return cognito_list_groups(context->aws, context->arena, pool, &groups, err);
}

static int observe_group(struct kind_context *context, const char *pool, struct observed_group *group,
                         struct error *err)
{
	struct cognito_group described;
	struct cognito_users members;

	if (cognito_get_group(context->aws, context->arena, pool, group->name, &described, err) != 0)
		return err->code == ERROR_NOT_FOUND ? confirm_pool(context, pool, err) : -1;
	group->exists = true;
	if (cognito_list_users_in_group(context->aws, context->arena, pool, group->name, &members, err) != 0)
		return -1;
	fill_users(context->arena, &members, &group->members, &group->member_count);
	return 0;
}

static bool is_member(const struct observed_group *group, const struct desired_member *member)
{
	size_t i;

	for (i = 0; i < group->member_count; i++)
		if (diff_user_answers(&group->members[i], member))
			return true;
	return false;
}

static bool is_asked(const struct observed_users *users, const char *text)
{
	size_t i;

	for (i = 0; i < users->candidate_count; i++)
		if (strcmp(users->candidates[i].asked, text) == 0)
			return true;
	return false;
}

/* The members of all groups who are not in theirs, each once. */
static const struct desired_member **list_missing(struct kind_context *context, struct observed_users *users)
{
	const struct desired_users *desired = &context->desired->users;
	const struct desired_member **missing = NULL;
	size_t g, m, count = 0;

	for (g = 0; g < desired->group_count; g++) {
		const struct observed_group *group = &users->groups[g];

		for (m = 0; group->head.status == OBSERVED_SEEN && m < desired->groups[g].member_count; m++) {
			const struct desired_member *member = &desired->groups[g].members[m];

			if (is_member(group, member) || is_asked(users, member->text))
				continue;
			*ARENA_PUSH(context->arena, missing, count) = member;
			ARENA_PUSH(context->arena, users->candidates, users->candidate_count)->asked = member->text;
		}
	}
	return missing;
}

static void look_up_username(struct kind_context *context, const char *pool, const char *username,
                             struct observed_candidate *candidate)
{
	struct cognito_users found;
	struct error err;

	candidate->head.status = OBSERVED_SEEN;
	if (cognito_list_users(context->aws, context->arena, pool,
	                       cognito_format_filter(context->arena, "username", username), &found, &err) != 0)
		observed_set_unknown(&candidate->head, context->arena, &err);
	else
		fill_users(context->arena, &found, &candidate->users, &candidate->user_count);
}

/* E-mail addresses in bulk; user names are few, and each is one call. */
static void look_up(struct kind_context *context, struct observed_users *users, const struct desired_member **missing)
{
	struct cognito_lookup *lookups =
	    arena_array(context->arena, users->candidate_count, sizeof(struct cognito_lookup));
	size_t *index = arena_array(context->arena, users->candidate_count, sizeof(size_t));
	size_t i, count = 0;

	for (i = 0; i < users->candidate_count; i++) {
		if (missing[i]->username != NULL) {
			look_up_username(context, users->pool, missing[i]->username, &users->candidates[i]);
			continue;
		}
		index[count] = i;
		lookups[count++].email = missing[i]->email;
	}
	cognito_find_emails(context->aws, context->arena, users->pool, lookups, count);
	for (i = 0; i < count; i++) {
		struct observed_candidate *candidate = &users->candidates[index[i]];

		candidate->head.status = OBSERVED_SEEN;
		if (lookups[i].error.code != ERROR_NONE)
			observed_set_unknown(&candidate->head, context->arena, &lookups[i].error);
		else
			fill_users(context->arena, &lookups[i].users, &candidate->users, &candidate->user_count);
	}
}

static void observe_groups(struct kind_context *context, struct observed_users *users)
{
	const struct desired_users *desired = &context->desired->users;
	struct error err;
	size_t i;

	users->group_count = desired->group_count;
	users->groups = arena_array(context->arena, users->group_count, sizeof(*users->groups));
	for (i = 0; i < users->group_count; i++) {
		struct observed_group *group = &users->groups[i];

		group->name = desired->groups[i].name;
		group->head.status = OBSERVED_SEEN;
		if (observe_group(context, users->pool, group, &err) != 0)
			observed_set_unknown(&group->head, context->arena, &err);
	}
}

static void users_observe(struct kind_context *context, struct observed *observed)
{
	struct observed_users *users = &observed->users;
	const struct desired_member **missing;
	struct error err;

	users->pool =
	    stack_resolve(context->desired->users.pool, context->stack->pool, context, "spec.users.pool", &err);
	if (users->pool == NULL) {
		observed_set_unknown(&users->head, context->arena, &err);
		return;
	}
	users->head.status = OBSERVED_SEEN;
	observe_groups(context, users);
	missing = list_missing(context, users);
	look_up(context, users, missing);
}

static void create_group(struct kind_context *context, const char *pool, struct plan_action *action)
{
	struct cognito_group group = {.name = plan_action_get(action, "group")};
	struct error err;

	if (cognito_create_group(context->aws, context->arena, pool, &group, &err) != 0)
		kind_action_fail(context, action, &err);
	else
		action->state = ACTION_DONE;
}

static bool lists_user(const struct cognito_users *members, const char *username)
{
	size_t i;

	for (i = 0; i < members->count; i++)
		if (strcmp(members->items[i].username, username) == 0)
			return true;
	return false;
}

/* One look at the group: who is as they should be is DONE. Returns how many are not yet. */
static size_t count_unlisted(struct kind_context *context, const char *pool, struct plan_action **actions, size_t count)
{
	struct cognito_users members;
	struct error err;
	size_t i, left = 0;

	if (cognito_list_users_in_group(context->aws, context->arena, pool, plan_action_get(actions[0], "group"),
	                                &members, &err) != 0)
		return count;
	for (i = 0; i < count; i++) {
		bool wanted = strcmp(actions[i]->verb, "add") == 0;

		if (actions[i]->state != ACTION_WAITING)
			continue;
		if (lists_user(&members, plan_action_get(actions[i], "username")) == wanted)
			actions[i]->state = ACTION_DONE;
		else
			left++;
	}
	return left;
}

/* Cognito's lists lag behind its answers: done is what a list shows. Who is not shown soon stays WAITING. */
static void confirm_members(struct kind_context *context, const char *pool, struct plan_action **actions, size_t count)
{
	int64_t until = clock_monotonic_ms() + CONFIRM_MS;

	while (count_unlisted(context, pool, actions, count) > 0 && clock_monotonic_ms() < until && !*context->stop)
		clock_sleep_ms(CONFIRM_PAUSE_MS, context->stop);
}

/* Actions of one verb on one group, in one call. */
static void change_members(struct kind_context *context, const char *pool, struct plan_action **actions, size_t count)
{
	struct cognito_change *changes = arena_array(context->arena, count, sizeof(*changes));
	const char *group = plan_action_get(actions[0], "group");
	size_t i;

	for (i = 0; i < count; i++)
		changes[i].username = plan_action_get(actions[i], "username");
	if (strcmp(actions[0]->verb, "add") == 0)
		cognito_add_users(context->aws, pool, group, changes, count);
	else
		cognito_remove_users(context->aws, pool, group, changes, count);
	for (i = 0; i < count; i++) {
		if (changes[i].error.code == ERROR_NONE)
			kind_action_wait(context, actions[i], "Cognito has agreed, and does not list it yet");
		else
			kind_action_fail(context, actions[i], &changes[i].error);
	}
	confirm_members(context, pool, actions, count);
}

/* When ID tokens that were issued until now have ended: Bedrock Chat's are valid for a day. */
static const char *describe_end(struct arena *arena)
{
	char until[CLOCK_RFC3339_SIZE];

	clock_format_rfc3339(time(NULL) + TOKEN_SECONDS, until);
	return arena_printf(arena, "ID tokens that were issued before stay valid until %s, without the group", until);
}

static void sign_out(struct kind_context *context, const char *pool, struct plan_action **actions, size_t count)
{
	struct cognito_change *changes = arena_array(context->arena, count, sizeof(*changes));
	const char *reason;
	size_t i;

	for (i = 0; i < count; i++)
		changes[i].username = plan_action_get(actions[i], "username");
	cognito_sign_out_users(context->aws, pool, changes, count);
	reason = describe_end(context->arena);
	for (i = 0; i < count; i++) {
		if (changes[i].error.code != ERROR_NONE) {
			kind_action_fail(context, actions[i], &changes[i].error);
			continue;
		}
		actions[i]->state = ACTION_DONE;
		actions[i]->reason = reason;
	}
}

static void fail_all(struct kind_context *context, struct plan_action **actions, size_t count, const struct error *err)
{
	size_t i;

	for (i = 0; i < count; i++)
		kind_action_fail(context, actions[i], err);
}

static void users_act(struct kind_context *context, struct plan_action **actions, size_t count)
{
	struct error err;
	const char *pool =
	    stack_resolve(context->desired->users.pool, context->stack->pool, context, "spec.users.pool", &err);
	size_t first, last;

	if (pool == NULL) {
		fail_all(context, actions, count, &err);
		return;
	}
	for (first = 0; first < count; first = last) {
		for (last = first + 1; last < count && strcmp(actions[last]->resource, actions[first]->resource) == 0;)
			last++;
		if (strcmp(actions[first]->verb, "create") == 0)
			create_group(context, pool, actions[first]);
		else if (strcmp(actions[first]->verb, "sign-out") == 0)
			sign_out(context, pool, actions + first, last - first);
		else
			change_members(context, pool, actions + first, last - first);
	}
}

static void users_permissions(const struct desired *desired, bool enforce, struct kind_permissions *permissions)
{
	static const char *const reads[] = {"cognito-idp:GetGroup", "cognito-idp:ListGroups", "cognito-idp:ListUsers",
	                                    "cognito-idp:ListUsersInGroup"};
	static const char *const writes[] = {"cognito-idp:CreateGroup", "cognito-idp:AdminAddUserToGroup"};
	const char *pool =
	    arena_printf(permissions->arena, "userpool/%s", desired->users.pool != NULL ? desired->users.pool : "*");
	bool removes = false, signs_out = false;
	size_t i;

	for (i = 0; i < sizeof(reads) / sizeof(reads[0]); i++)
		kind_add_permission(permissions, desired, reads[i], pool);
	for (i = 0; enforce && i < sizeof(writes) / sizeof(writes[0]); i++)
		kind_add_permission(permissions, desired, writes[i], pool);
	for (i = 0; i < desired->users.group_count; i++) {
		removes = removes || desired->users.groups[i].exclusive;
		signs_out = signs_out || desired->users.groups[i].sign_out;
	}
	if (enforce && removes)
		kind_add_permission(permissions, desired, "cognito-idp:AdminRemoveUserFromGroup", pool);
	if (enforce && signs_out)
		kind_add_permission(permissions, desired, "cognito-idp:AdminUserGlobalSignOut", pool);
}

const struct kind kind_users = {
    .name = "users",
    .part = offsetof(struct observed, users),
    .is_wanted = users_is_wanted,
    .observe = users_observe,
    .diff = plan_diff_users,
    .act = users_act,
    .permissions = users_permissions,
};
