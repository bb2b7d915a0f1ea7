#include "iam_policy.h"

#include "kinds/kind.h"

#include <string.h>

json_t *iam_policy_build(struct arena *arena, const struct desired_list *specs, bool enforce)
{
	struct kind_permissions permissions = {.arena = arena};
	json_t *statements = json_array(), *actions = NULL;
	const char *resource = NULL;
	size_t i;

	for (i = 0; i < specs->count; i++)
		kind_add_permissions(&specs->items[i], enforce, &permissions);
	kind_tidy_permissions(&permissions);
	for (i = 0; i < permissions.count; i++) {
		const struct kind_permission *permission = &permissions.items[i];

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
