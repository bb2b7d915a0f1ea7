/*
 * "Can alice@example.com create a bot?" The application's backend looks for the
 * group CreatingBotAllowed or Admin in `cognito:groups` of the ID token, which
 * keeps the groups of when it was issued: backend/app/user.py of Bedrock Chat,
 * from version 1.
 */
#include "aws/cognito.h"
#include "doctor/doctor_private.h"
#include "kinds/stack.h"
#include "plan/diff.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define CREATORS "CreatingBotAllowed"
#define ADMINS "Admin"
#define AGAIN "; then they sign in again, since a token keeps the groups of when it was issued, for up to a day"

struct search {
	struct doctor *doctor;
	const char *pool;
	struct cognito_users found;
	bool has_group; /* CREATORS is there at all */
};

static bool is_found(const struct cognito_users *users, const char *username)
{
	size_t i;

	for (i = 0; i < users->count; i++)
		if (strcmp(users->items[i].username, username) == 0)
			return true;
	return false;
}

static int find_by(struct search *search, const char *attribute, const char *value, struct error *err)
{
	struct arena *arena = search->doctor->arena;
	struct cognito_users users;
	size_t i;

	if (cognito_list_users(search->doctor->aws, arena, search->pool, cognito_format_filter(arena, attribute, value),
	                       &users, err) != 0)
		return -1;
	for (i = 0; i < users.count; i++)
		if (!is_found(&search->found, users.items[i].username))
			*ARENA_PUSH(arena, search->found.items, search->found.count) = users.items[i];
	return 0;
}

static const char *lower(struct arena *arena, const char *text)
{
	char *copy = arena_strdup(arena, text);
	size_t i;

	for (i = 0; copy[i] != '\0'; i++)
		copy[i] = (char)tolower((unsigned char)copy[i]);
	return copy;
}

/* As an e-mail address as it is written, and in lower case, since filters are exact; and as a user name. */
static int find_all(struct search *search, struct error *err)
{
	const char *asked = search->doctor->question->user, *small = lower(search->doctor->arena, asked);

	if (find_by(search, "username", asked, err) != 0)
		return -1;
	if (strchr(asked, '@') == NULL)
		return 0;
	if (find_by(search, "email", asked, err) != 0)
		return -1;
	return strcmp(small, asked) != 0 ? find_by(search, "email", small, err) : 0;
}

static int look_for_group(struct search *search, struct error *err)
{
	struct cognito_groups groups;
	size_t i;

	if (cognito_list_groups(search->doctor->aws, search->doctor->arena, search->pool, &groups, err) != 0)
		return -1;
	for (i = 0; i < groups.count; i++)
		search->has_group = search->has_group || strcmp(groups.items[i].name, CREATORS) == 0;
	return 0;
}

/* Whether the spec lists the user in a group that may create bots. */
static bool is_in_spec(const struct desired *desired, const struct doctor_user *user)
{
	struct observed_user seen = {.username = user->username, .email = user->email};
	size_t i, j;

	for (i = 0; desired->users.present && i < desired->users.group_count; i++) {
		const struct desired_group *group = &desired->users.groups[i];

		if (strcmp(group->name, CREATORS) != 0 && strcmp(group->name, ADMINS) != 0)
			continue;
		for (j = 0; j < group->member_count; j++)
			if (diff_user_answers(&seen, &group->members[j]))
				return true;
	}
	return false;
}

static const char *find_creating(const struct doctor_user *user)
{
	size_t i;

	for (i = 0; i < user->group_count; i++)
		if (strcmp(user->groups[i], CREATORS) == 0 || strcmp(user->groups[i], ADMINS) == 0)
			return user->groups[i];
	return NULL;
}

/* What keeps somebody from signing in at all, whatever their groups; NULL: nothing. */
static const char *find_hindrance(struct search *search, struct doctor_user *user)
{
	struct arena *arena = search->doctor->arena;
	static const char *const closed[] = {"ARCHIVED", "COMPROMISED", "UNKNOWN"};
	size_t i;

	if (!user->enabled) {
		user->todo = arena_printf(arena, "aws cognito-idp admin-enable-user --user-pool-id %s --username %s",
		                          search->pool, user->username);
		return "is disabled in the user pool, and cannot sign in";
	}
	if (user->status != NULL && strcmp(user->status, "UNCONFIRMED") == 0) {
		user->todo = "enter the code of the e-mail that came at sign-up";
		return "has signed up and not confirmed it yet, and cannot sign in";
	}
	for (i = 0; user->status != NULL && i < sizeof(closed) / sizeof(closed[0]); i++)
		if (strcmp(user->status, closed[i]) == 0)
			return arena_printf(arena, "is %s in the user pool, and cannot sign in", closed[i]);
	return NULL;
}

static const char *list_groups(struct arena *arena, const struct doctor_user *user)
{
	const char *list = user->group_count > 0 ? user->groups[0] : "none";
	size_t i;

	for (i = 1; i < user->group_count; i++)
		list = arena_printf(arena, "%s, %s", list, user->groups[i]);
	return list;
}

static void explain_no(struct search *search, struct doctor_user *user)
{
	const struct desired *desired = search->doctor->desired;
	struct arena *arena = search->doctor->arena;
	const char *name = user->email != NULL && search->found.count == 1
	                       ? user->email
	                       : arena_printf(arena, "{username: %s}", user->username);

	user->reason =
	    arena_printf(arena, "is in neither %s nor %s (groups: %s)%s", CREATORS, ADMINS, list_groups(arena, user),
	                 search->has_group ? ""
	                                   : "; the group " CREATORS " is not in the pool: with version 0 of "
	                                     "Bedrock Chat everybody may, with version 1 nobody but " ADMINS);
	user->todo = is_in_spec(desired, user)
	                 ? arena_printf(arena, "the spec lists them: trueup apply %s" AGAIN, desired->file)
	                 : arena_printf(arena, "add %s to spec.users.groups.%s.members, and trueup apply %s" AGAIN,
	                                name, CREATORS, desired->file);
}

static void explain_yes(struct doctor_user *user, struct arena *arena, const char *group)
{
	static const char *const firsts[] = {"FORCE_CHANGE_PASSWORD", "RESET_REQUIRED"};
	const char *more = "";
	size_t i;

	for (i = 0; user->status != NULL && i < sizeof(firsts) / sizeof(firsts[0]); i++)
		if (strcmp(user->status, firsts[i]) == 0)
			more = ", once they have set a password of their own at the next sign-in";
	if (user->status != NULL && strcmp(user->status, "EXTERNAL_PROVIDER") == 0)
		more = ", where they sign in through their identity provider";
	user->may = true;
	user->reason = arena_printf(arena, "is in %s%s", group, more);
	user->todo =
	    "if it does not work yet, sign out and in again: a token keeps the groups of when it was issued, for "
	    "up to a day";
}

static int judge(struct search *search, const struct cognito_user *found, struct error *err)
{
	struct doctor_findings *findings = search->doctor->findings;
	struct arena *arena = search->doctor->arena;
	struct doctor_user *user = ARENA_PUSH(arena, findings->users, findings->user_count);
	struct cognito_groups groups;
	const char *group, *hindrance;
	size_t i;

	*user = (struct doctor_user){
	    .username = found->username, .email = found->email, .status = found->status, .enabled = found->enabled};
	if (cognito_list_groups_for_user(search->doctor->aws, arena, search->pool, user->username, &groups, err) != 0) {
		findings->user_count--;
		return -1;
	}
	for (i = 0; i < groups.count; i++)
		*ARENA_PUSH(arena, user->groups, user->group_count) = groups.items[i].name;
	group = find_creating(user);
	hindrance = find_hindrance(search, user);
	if (hindrance != NULL)
		user->reason = hindrance;
	else if (group == NULL)
		explain_no(search, user);
	else
		explain_yes(user, arena, group);
	return 0;
}

static void report_number(struct search *search)
{
	struct doctor *doctor = search->doctor;

	if (search->found.count == 0)
		doctor_add(doctor, "user", DOCTOR_PROBLEM,
		           arena_printf(doctor->arena, "nobody in the pool %s answers to %s", search->pool,
		                        doctor->question->user),
		           "they must sign up first; or it is another spelling: addresses are looked up as they are "
		           "written, and in lower case");
	else if (search->found.count > 1)
		doctor_add(doctor, "user", DOCTOR_OK,
		           arena_printf(doctor->arena,
		                        "%zu users answer to %s: which of them it is depends on how they sign in",
		                        search->found.count, doctor->question->user),
		           NULL);
}

static int answer(struct search *search, struct error *err)
{
	size_t i;

	if (find_all(search, err) != 0 || look_for_group(search, err) != 0)
		return -1;
	report_number(search);
	for (i = 0; i < search->found.count; i++)
		if (judge(search, &search->found.items[i], err) != 0)
			return -1;
	return 0;
}

void doctor_find_user(struct doctor *doctor)
{
	struct desired wide = *doctor->desired;
	struct observed_stack stack = {0};
	struct kind_context context = doctor_context(doctor, &wide, &stack);
	struct search search = {.doctor = doctor};
	struct error err;

	wide.users.present = true; /* so that the stack is asked for the pool, whatever the spec manages */
	stack_observe(&context, &stack);
	search.pool = stack_resolve(wide.users.pool, stack.pool, &context, "spec.users.pool", &err);
	if (search.pool == NULL || answer(&search, &err) != 0)
		doctor_add(doctor, "user", DOCTOR_PROBLEM, observed_reason(doctor->arena, err.message, err.permission),
		           NULL);
}
