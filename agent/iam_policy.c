#include "iam_policy.h"

#include "kinds/kind.h"

#include <stdlib.h>
#include <string.h>

static int compare_permissions(const void *a, const void *b)
{
	const struct kind_permission *left = a, *right = b;
	int order = strcmp(left->resource, right->resource);

	return order != 0 ? order : strcmp(left->action, right->action);
}

static bool is_granted_everywhere(const struct kind_permissions *permissions, const char *action)
{
	size_t i;

	for (i = 0; i < permissions->count; i++)
		if (strcmp(permissions->items[i].resource, "*") == 0 &&
		    strcmp(permissions->items[i].action, action) == 0)
			return true;
	return false;
}

static struct kind_permissions collect(struct arena *arena, const struct desired_list *specs, bool enforce)
{
	struct kind_permissions permissions = {.arena = arena};
	size_t i, j;

	for (i = 0; i < specs->count; i++)
		for (j = 0; kinds[j] != NULL; j++)
			if (kinds[j]->is_wanted(&specs->items[i]))
				kinds[j]->permissions(&specs->items[i], enforce, &permissions);
	if (permissions.count > 1)
		qsort(permissions.items, permissions.count, sizeof(*permissions.items), compare_permissions);
	return permissions;
}

static bool is_redundant(const struct kind_permissions *permissions, size_t at)
{
	const struct kind_permission *permission = &permissions->items[at];

	if (at > 0 && compare_permissions(permission, permission - 1) == 0)
		return true;
	return strcmp(permission->resource, "*") != 0 && is_granted_everywhere(permissions, permission->action);
}

json_t *iam_policy_build(struct arena *arena, const struct desired_list *specs, bool enforce)
{
	struct kind_permissions permissions = collect(arena, specs, enforce);
	json_t *statements = json_array(), *actions = NULL;
	const char *resource = NULL;
	size_t i;

	for (i = 0; i < permissions.count; i++) {
		const struct kind_permission *permission = &permissions.items[i];

		if (is_redundant(&permissions, i))
			continue;
		if (resource == NULL || strcmp(resource, permission->resource) != 0) {
			resource = permission->resource;
			actions = json_array();
			json_array_append_new(statements, json_pack("{s:s, s:o, s:s}", "Effect", "Allow", "Action",
			                                            actions, "Resource", resource));
		}
		json_array_append_new(actions, json_string(permission->action));
	}
	return json_pack("{s:s, s:o}", "Version", "2012-10-17", "Statement", statements);
}
