#include "iam_policy.h"

#include "base/buf.h"
#include "kinds/kind.h"
#include "plan/names.h"

#include <ctype.h>
#include <string.h>

/* One statement: what is done with things of one service, where and how. */
struct statement {
	const struct kind_permission *first; /* resource and tag are those of all */
	const char *purpose;                 /* "ReadRds" */
	const char *sid;                     /* the same, unless another has it */
	json_t *actions;
};

struct policy {
	struct arena *arena;
	struct statement *items;
	size_t count;
};

static bool begins_with(const char *text, const char *beginning)
{
	return strncmp(text, beginning, strlen(beginning)) == 0;
}

static const char *name_use(const char *action)
{
	static const char *const reading[] = {"Describe", "Get", "GET", "List", "Scan", "BatchGet"};
	static const char *const using[] = {"Invoke", "connect", "PassRole"};
	const char *verb = strchr(action, ':') + 1;
	size_t i;

	for (i = 0; i < sizeof(reading) / sizeof(reading[0]); i++)
		if (begins_with(verb, reading[i]))
			return "Read";
	for (i = 0; i < sizeof(using) / sizeof(using[0]); i++)
		if (begins_with(verb, using[i]))
			return "Use";
	return begins_with(action, "kms:") ? "Use" : "Change"; /* no key is ever changed */
}

/* "cognito-idp" as "CognitoIdp": IAM takes nothing but letters and digits. */
static void add_words(struct buf *name, const char *text, size_t length)
{
	bool begins = true;
	size_t i;

	for (i = 0; i < length; i++) {
		if (isalnum((unsigned char)text[i]))
			buf_putc(name, (char)(begins ? toupper((unsigned char)text[i]) : text[i]));
		begins = !isalnum((unsigned char)text[i]);
	}
}

/* "ReadRds", "ChangeRdsClusterTrueupSourceProduction": what the statement is for, as far as one word can say it. */
static const char *name_purpose(struct arena *arena, const struct kind_permission *permission)
{
	struct buf name = {0};
	const char *resource = permission->resource, *words;
	size_t i;

	buf_puts(&name, name_use(permission->action));
	add_words(&name, permission->action, strcspn(permission->action, ":"));
	for (i = 0; i < 5 && strchr(resource, ':') != NULL; i++) /* arn:PARTITION:SERVICE:REGION:ACCOUNT: */
		resource = strchr(resource, ':') + 1;
	add_words(&name, resource, strlen(resource));
	words = arena_strdup(arena, buf_text(&name));
	buf_free(&name);
	return words;
}

static bool has_sid(const struct policy *policy, const char *sid)
{
	size_t i;

	for (i = 0; i < policy->count; i++)
		if (strcmp(policy->items[i].sid, sid) == 0)
			return true;
	return false;
}

static bool is_tagged_alike(const struct kind_permission *a, const struct kind_permission *b)
{
	return (a->tag == NULL) == (b->tag == NULL) && (a->tag == NULL || strcmp(a->tag, b->tag) == 0);
}

static json_t *find_actions(struct policy *policy, const struct kind_permission *permission)
{
	const char *purpose = name_purpose(policy->arena, permission), *sid = purpose;
	struct statement *statement;
	size_t i, same = 1;

	for (i = 0; i < policy->count; i++) {
		statement = &policy->items[i];
		if (strcmp(statement->purpose, purpose) == 0 && is_tagged_alike(statement->first, permission) &&
		    strcmp(statement->first->resource, permission->resource) == 0)
			return statement->actions;
	}
	while (has_sid(policy, sid))
		sid = arena_printf(policy->arena, "%s%zu", purpose, ++same);
	statement = ARENA_PUSH(policy->arena, policy->items, policy->count);
	*statement = (struct statement){permission, purpose, sid, json_array()};
	return statement->actions;
}

static json_t *print_statement(const struct statement *statement)
{
	const struct kind_permission *permission = statement->first;
	json_t *printed = json_pack("{s:s, s:s, s:o, s:s}", "Sid", statement->sid, "Effect", "Allow", "Action",
	                            statement->actions, "Resource", permission->resource);

	if (permission->tag != NULL)
		json_object_set_new(
		    printed, "Condition",
		    json_pack("{s:{s:s}}", "StringEquals", "aws:ResourceTag/" NAMES_TAG, permission->tag));
	return printed;
}

json_t *iam_policy_build(struct arena *arena, const struct desired_list *specs, bool enforce)
{
	struct kind_permissions permissions = {.arena = arena};
	struct policy policy = {.arena = arena};
	json_t *statements = json_array();
	size_t i;

	for (i = 0; i < specs->count; i++)
		kind_add_permissions(&specs->items[i], enforce, &permissions);
	kind_tidy_permissions(&permissions);
	for (i = 0; i < permissions.count; i++)
		json_array_append_new(find_actions(&policy, &permissions.items[i]),
		                      json_string(permissions.items[i].action));
	for (i = 0; i < policy.count; i++)
		json_array_append_new(statements, print_statement(&policy.items[i]));
	return json_pack("{s:s, s:o}", "Version", "2012-10-17", "Statement", statements);
}
