/*
 * Permissions. IAM's simulator is asked where that is allowed: it knows of
 * changes, too, without making any. Else what observing needs was tried by
 * observing, and of the rest nothing is known.
 *
 * The simulator takes a resource as it is written. A pattern, say of any user
 * pool, is granted by the same pattern or a wider one only, so that names are
 * put in where they are known; where a pattern is left and is not granted,
 * nobody can tell whether the policy names the right thing.
 */
#include "aws/iam.h"
#include "doctor/doctor_private.h"
#include "kinds/kind.h"
#include "plan/names.h"

#include <string.h>

struct verdict {
	const char *missing; /* "a, b"; "": none */
	const char *unsure;
	size_t count; /* that were asked about */
};

static const char *join(struct arena *arena, const char *list, const char *item)
{
	return *list == '\0' ? item : arena_printf(arena, "%s, %s", list, item);
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), rest = strlen(end);

	return length >= rest && strcmp(text + length - rest, end) == 0;
}

/* What the world calls it, where that was seen. */
static const char *name_resource(const struct doctor *doctor, const char *resource)
{
	const char *lambda = doctor->observed->rotation.lambda, *key = doctor->observed->cluster.kms_key;

	if (lambda != NULL && ends_with(resource, ":function:*"))
		return lambda;
	if (key != NULL && ends_with(resource, ":key/*"))
		return key;
	return resource;
}

/* The spec with the names that it leaves to the stack. */
static struct desired name_all(const struct doctor *doctor)
{
	const struct observed *observed = doctor->observed;
	struct desired named = *doctor->desired;

	named.aws.account = doctor->findings->account;
	named.aws.region = doctor->findings->region;
	if (named.users.pool == NULL)
		named.users.pool = observed->stack.pool;
	if (named.vectors.connect.secret == NULL)
		named.vectors.connect.secret = observed->stack.secret;
	return named;
}

static bool is_listed(const struct kind_permissions *permissions, const struct kind_permission *permission)
{
	size_t i;

	for (i = 0; i < permissions->count; i++)
		if (strcmp(permissions->items[i].action, permission->action) == 0 &&
		    strcmp(permissions->items[i].resource, permission->resource) == 0)
			return true;
	return false;
}

/* What the spec needs; what is in `known` (may be NULL), or needs no permission, left out. */
static struct kind_permissions collect(const struct doctor *doctor, bool enforce, const struct kind_permissions *known)
{
	struct desired named = name_all(doctor);
	struct kind_permissions permissions = {.arena = doctor->arena};
	size_t i, kept = 0;

	kind_add_permissions(&named, enforce, &permissions);
	for (i = 0; i < permissions.count; i++)
		permissions.items[i].resource = name_resource(doctor, permissions.items[i].resource);
	kind_tidy_permissions(&permissions);
	for (i = 0; i < permissions.count; i++)
		if (strcmp(permissions.items[i].action, "sts:GetCallerIdentity") != 0 &&
		    (known == NULL || !is_listed(known, &permissions.items[i])))
			permissions.items[kept++] = permissions.items[i];
	permissions.count = kept;
	return permissions;
}

static void judge(struct arena *arena, const struct iam_question *question, struct verdict *verdict)
{
	bool pattern = strcmp(question->resource, "*") != 0 && strpbrk(question->resource, "*?") != NULL;
	size_t i;

	for (i = 0; i < question->count; i++) {
		const char *action = question->actions[i];

		if (question->decision[i] == IAM_EXPLICIT_DENY)
			verdict->missing =
			    join(arena, verdict->missing, arena_printf(arena, "%s (a policy forbids it)", action));
		else if (question->decision[i] == IAM_IMPLICIT_DENY && pattern)
			verdict->unsure =
			    join(arena, verdict->unsure, arena_printf(arena, "%s on %s", action, question->resource));
		else if (question->decision[i] == IAM_IMPLICIT_DENY)
			verdict->missing = join(arena, verdict->missing, action);
	}
	verdict->count += question->count;
}

static bool is_same(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* One question for each resource and tag: they are sorted by these. */
static int simulate(struct doctor *doctor, const char *principal, const struct kind_permissions *permissions,
                    struct verdict *verdict, struct error *err)
{
	size_t first, last;

	*verdict = (struct verdict){.missing = "", .unsure = ""};
	for (first = 0; first < permissions->count; first = last) {
		struct iam_question question = {.resource = permissions->items[first].resource,
		                                .tag_value = permissions->items[first].tag};

		question.tag_key = question.tag_value != NULL ? NAMES_TAG : NULL;
		for (last = first;
		     last < permissions->count && strcmp(permissions->items[last].resource, question.resource) == 0 &&
		     is_same(permissions->items[last].tag, question.tag_value);
		     last++)
			*ARENA_PUSH(doctor->arena, question.actions, question.count) = permissions->items[last].action;
		question.decision = arena_array(doctor->arena, question.count, sizeof(*question.decision));
		if (iam_simulate(doctor->aws, doctor->arena, principal, &question, err) != 0)
			return -1;
		judge(doctor->arena, &question, verdict);
	}
	return 0;
}

/* What was refused while observing: IAM's actions, which have a colon; grants of the database are its own check's. */
static const char *list_refused(const struct doctor *doctor)
{
	size_t i, j, count;
	struct observed_unknown *unknown = observed_list_unknown(doctor->arena, doctor->observed, &count);
	const char *list = "";

	for (i = 0; i < count; i++) {
		const char *permission = unknown[i].head->permission;

		for (j = 0; permission != NULL && j < i; j++)
			if (unknown[j].head->permission != NULL && strcmp(unknown[j].head->permission, permission) == 0)
				break;
		if (permission != NULL && j == i && strchr(permission, ':') != NULL)
			list = join(doctor->arena, list, arena_strdup(doctor->arena, permission));
	}
	return list;
}

static const char *advise(const struct doctor *doctor, const char *level)
{
	return arena_printf(doctor->arena, "allow it to %s: trueup explain --iam %s %s prints the policy",
	                    doctor->caller, level, doctor->desired->file);
}

static void report(struct doctor *doctor, const char *name, const char *level, const struct verdict *verdict)
{
	struct arena *arena = doctor->arena;
	const char *unsure = *verdict->unsure == '\0'
	                         ? ""
	                         : arena_printf(arena, "; cannot be told without its name: %s", verdict->unsure);

	if (*verdict->missing != '\0')
		doctor_add(doctor, name, DOCTOR_PROBLEM, arena_printf(arena, "missing: %s%s", verdict->missing, unsure),
		           advise(doctor, level));
	else if (*unsure != '\0')
		doctor_add(doctor, name, DOCTOR_UNCHECKED,
		           arena_printf(arena, "none of %zu is known to be missing%s", verdict->count, unsure), NULL);
	else
		doctor_add(doctor, name, DOCTOR_OK,
		           arena_printf(arena, "all %zu allowed, as IAM's simulator says", verdict->count), NULL);
}

/* Without the simulator. */
static void report_tried(struct doctor *doctor, const char *refused, const char *why)
{
	struct arena *arena = doctor->arena;

	if (*refused != '\0')
		doctor_add(doctor, "permissions to plan", DOCTOR_PROBLEM, arena_printf(arena, "missing: %s", refused),
		           advise(doctor, "observe"));
	else
		doctor_add(doctor, "permissions to plan", DOCTOR_OK, "tried by observing: nothing was denied", NULL);
	if (doctor->desired->mode == DESIRED_MODE_ENFORCE)
		doctor_add(doctor, "permissions to apply", DOCTOR_UNCHECKED,
		           arena_printf(arena, "not checked: %s", why), NULL);
}

static const char *explain_failure(const struct doctor *doctor, const struct error *err)
{
	if (err->code == ERROR_DENIED && err->permission[0] != '\0')
		return arena_printf(doctor->arena, "%s is not allowed", err->permission);
	return arena_strdup(doctor->arena, err->message);
}

static int ask_simulator(struct doctor *doctor, const char *refused, struct error *err)
{
	struct kind_permissions reads = collect(doctor, false, NULL), writes = collect(doctor, true, &reads);
	const char *principal, *hint = doctor->desired->aws.assume_role.arn;
	struct verdict to_plan, to_apply;

	if (iam_find_principal(doctor->aws, doctor->arena, doctor->caller, hint, &principal, err) != 0 ||
	    simulate(doctor, principal, &reads, &to_plan, err) != 0 ||
	    simulate(doctor, principal, &writes, &to_apply, err) != 0)
		return -1;
	/* Session policies and resources' own policies are not the simulator's. */
	if (*to_plan.missing == '\0')
		to_plan.missing = refused;
	report(doctor, "permissions to plan", "observe", &to_plan);
	if (doctor->desired->mode == DESIRED_MODE_ENFORCE)
		report(doctor, "permissions to apply", "enforce", &to_apply);
	return 0;
}

static bool was_told(const struct doctor *doctor, const char *reason)
{
	size_t i;

	for (i = 0; i < doctor->findings->check_count; i++)
		if (strcmp(doctor->findings->checks[i].text, reason) == 0)
			return true;
	return false;
}

/* What could not be seen, and not for want of a permission. The database has a check of its own. */
static void report_unseen(struct doctor *doctor)
{
	size_t i, count;
	struct observed_unknown *unknown = observed_list_unknown(doctor->arena, doctor->observed, &count);

	for (i = 0; i < count; i++) {
		const struct observed_head *head = unknown[i].head;

		if (head->permission == NULL && head != &doctor->observed->vectors.head &&
		    !was_told(doctor, head->reason))
			doctor_add(doctor, unknown[i].part, DOCTOR_PROBLEM, arena_strdup(doctor->arena, head->reason),
			           NULL);
	}
}

void doctor_check_permissions(struct doctor *doctor)
{
	const char *refused = list_refused(doctor);
	struct error err;

	if (ends_with(doctor->caller, ":root"))
		doctor_add(doctor, "permissions", DOCTOR_OK, "the account's root may do everything",
		           "use a role that may do what trueup explain --iam prints, and no more");
	else if (ask_simulator(doctor, refused, &err) != 0)
		report_tried(doctor, refused, explain_failure(doctor, &err));
	report_unseen(doctor);
}
