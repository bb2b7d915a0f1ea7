#include "aws/iam.h"
#include "aws/form.h"
#include "aws/service.h"

#include <string.h>

static enum iam_decision read_decision(const char *word)
{
	if (word != NULL && strcmp(word, "allowed") == 0)
		return IAM_ALLOWED;
	return word != NULL && strcmp(word, "explicitDeny") == 0 ? IAM_EXPLICIT_DENY : IAM_IMPLICIT_DENY;
}

/* Answers name their actions and keep no order; what is not answered counts as denied. */
static void read_results(const struct service_nodes *nodes, const struct iam_question *question)
{
	size_t i, j;

	for (i = 0; i < question->count; i++)
		question->decision[i] = IAM_IMPLICIT_DENY;
	for (i = 0; i < nodes->count; i++) {
		const char *action = service_text(&nodes->items[i], "EvalActionName");

		for (j = 0; action != NULL && j < question->count; j++)
			if (strcasecmp(question->actions[j], action) == 0)
				question->decision[j] = read_decision(service_text(&nodes->items[i], "EvalDecision"));
	}
}

int iam_simulate(struct aws *aws, struct arena *arena, const char *principal, const struct iam_question *question,
                 struct error *err)
{
	static const struct service_listing listing = {AWS_IAM_SIMULATE_PRINCIPAL_POLICY, "EvaluationResults/member",
	                                               "Marker"};
	struct buf form = {0};
	struct service_nodes nodes;

	form_add(&form, "PolicySourceArn", principal);
	form_add_list(&form, "ActionNames.member", question->actions, question->count);
	if (strcmp(question->resource, "*") != 0)
		form_add_list(&form, "ResourceArns.member", &question->resource, 1);
	if (question->tag_key != NULL) {
		form_add(&form, "ContextEntries.member.1.ContextKeyName",
		         arena_printf(arena, "aws:ResourceTag/%s", question->tag_key));
		form_add(&form, "ContextEntries.member.1.ContextKeyType", "string");
		form_add_list(&form, "ContextEntries.member.1.ContextKeyValues.member", &question->tag_value, 1);
	}
	if (service_list_nodes(aws, arena, &listing, &form, &nodes, err) != 0)
		return -1;
	read_results(&nodes, question);
	return 0;
}

static int get_role(struct aws *aws, struct arena *arena, const char *name, const char **arn, struct error *err)
{
	struct buf form = {0};
	const struct xml_node *result;

	form_add(&form, "RoleName", name);
	if (service_call_form(aws, arena, AWS_IAM_GET_ROLE, &form, &result, err) != 0)
		return -1;
	*arn = service_text(result, "Role/Arn");
	return *arn != NULL ? 0 : error_set(err, ERROR_PROTOCOL, "IAM GetRole: the answer names no role");
}

/* "arn:aws:iam::123456789012:role/path/NAME" */
static bool is_role_of(const char *arn, const char *name)
{
	const char *last = arn != NULL ? strrchr(arn, '/') : NULL;

	return last != NULL && strcmp(last + 1, name) == 0;
}

/* "arn:aws:sts::123456789012:assumed-role/NAME/SESSION": the parts of it, in the arena. */
static bool read_session(struct arena *arena, const char *caller, const char **root_arn, const char **name)
{
	const char *sts = strstr(caller, ":sts::"), *role = strstr(caller, ":assumed-role/");
	const char *end;

	if (sts == NULL || role == NULL || role < sts)
		return false;
	*name = role + strlen(":assumed-role/");
	end = strchr(*name, '/');
	*name = end != NULL ? arena_strndup(arena, *name, (size_t)(end - *name)) : *name;
	*root_arn = arena_printf(arena, "%.*s:iam::%.*s:role/%s", (int)(sts - caller), caller,
	                         (int)(role - sts - (ptrdiff_t)strlen(":sts::")), sts + strlen(":sts::"), *name);
	return true;
}

int iam_find_principal(struct aws *aws, struct arena *arena, const char *caller, const char *hint,
                       const char **principal, struct error *err)
{
	const char *root_arn, *name;

	if (strstr(caller, ":iam::") != NULL && strstr(caller, ":user/") != NULL) {
		*principal = caller;
		return 0;
	}
	if (!read_session(arena, caller, &root_arn, &name))
		return error_set(err, ERROR_INVALID, "%s is neither a user nor a session of a role", caller);
	*principal = is_role_of(hint, name) ? hint : root_arn;
	if (*principal == hint)
		return 0;
	/* Most roles have no path; roles of AWS's single sign-on have. Whoever may not ask tries the root. */
	if (get_role(aws, arena, name, principal, err) != 0)
		*principal = root_arn;
	return 0;
}
