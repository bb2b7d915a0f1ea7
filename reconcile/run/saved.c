#include "run/saved.h"
#include "base/file.h"

#include <stdlib.h>
#include <string.h>

bool saved_is_plan(const char *text)
{
	while (*text == ' ' || *text == '\t' || *text == '\r' || *text == '\n')
		text++;
	return *text == '{' && strstr(text, SAVED_SCHEMA) != NULL;
}

json_t *saved_new(void)
{
	return json_pack("{s:s, s:s, s:[]}", "schema", SAVED_SCHEMA, "trueup", TRUEUP_VERSION, "deployments");
}

/* What a person reviews, and what must still be so when it is carried out. */
static json_t *format_plan(const struct plan *plan)
{
	json_t *resources = json_array(), *actions = json_array();
	size_t i;

	for (i = 0; i < plan->resource_count; i++)
		json_array_append_new(resources, record_to_json(&plan_resource_record, plan->resources[i]));
	for (i = 0; i < plan->action_count; i++)
		json_array_append_new(actions, record_to_json(&plan_action_record, plan->actions[i]));
	return json_pack("{s:o, s:o}", "resources", resources, "actions", actions);
}

void saved_add(json_t *document, const struct desired *desired, const struct plan *plan)
{
	json_t *deployment = json_pack("{s:s, s:s, s:s, s:o}", "name", desired->metadata.name, "file", desired->file,
	                               "sha256", desired->sha256, "plan", format_plan(plan));

	json_array_append_new(json_object_get(document, "deployments"), deployment);
}

int saved_write(const json_t *document, const char *path, struct error *err)
{
	char *text = json_dumps(document, JSON_INDENT(2));
	int rc;

	if (text == NULL)
		abort();
	rc = file_replace(path, text, strlen(text), err);
	free(text);
	return rc;
}

static int read_deployment(const json_t *json, struct saved_plan *saved)
{
	saved->plan = json_object_get(json, "plan");
	saved->name = json_string_value(json_object_get(json, "name"));
	saved->file = json_string_value(json_object_get(json, "file"));
	saved->sha256 = json_string_value(json_object_get(json, "sha256"));
	return saved->name != NULL && saved->file != NULL && saved->sha256 != NULL && json_is_object(saved->plan) ? 0
	                                                                                                          : -1;
}

int saved_parse(struct arena *arena, const char *text, struct saved_plans *plans, struct error *err)
{
	json_error_t where;
	const json_t *deployments;
	const char *schema;
	size_t i;

	*plans = (struct saved_plans){.document = json_loads(text, JSON_REJECT_DUPLICATES, &where)};
	if (plans->document == NULL)
		return error_set(err, ERROR_INVALID, "the saved plan is not whole: line %d: %s", where.line,
		                 where.text);
	schema = json_string_value(json_object_get(plans->document, "schema"));
	deployments = json_object_get(plans->document, "deployments");
	if (schema == NULL || strcmp(schema, SAVED_SCHEMA) != 0 || !json_is_array(deployments)) {
		saved_free(plans);
		return error_set(err, ERROR_INVALID, "this is no saved plan of schema %s", SAVED_SCHEMA);
	}
	plans->count = json_array_size(deployments);
	plans->items = arena_array(arena, plans->count, sizeof(*plans->items));
	for (i = 0; i < plans->count; i++) {
		if (read_deployment(json_array_get(deployments, i), &plans->items[i]) != 0) {
			saved_free(plans);
			return error_set(err, ERROR_INVALID, "the saved plan's deployment %zu is not whole", i + 1);
		}
	}
	return 0;
}

void saved_free(struct saved_plans *plans)
{
	json_decref(plans->document);
	*plans = (struct saved_plans){0};
}

/* The first of the fresh plan's items under `key` that the saved one does not have in the same form. */
static const char *find_change(const json_t *saved, const json_t *fresh, const char *key, const char *name)
{
	const json_t *before = json_object_get(saved, key), *now = json_object_get(fresh, key);
	size_t i;

	for (i = 0; i < json_array_size(now); i++)
		if (!json_equal(json_array_get(before, i), json_array_get(now, i)))
			return json_string_value(json_object_get(json_array_get(now, i), name));
	if (json_array_size(before) > json_array_size(now))
		return json_string_value(json_object_get(json_array_get(before, i), name));
	return NULL;
}

static int compare_plans(const json_t *before, const json_t *now, struct error *err)
{
	const char *changed = find_change(before, now, "actions", "id");

	if (changed == NULL)
		changed = find_change(before, now, "resources", "name");
	if (changed == NULL)
		return 0;
	return error_set(err, ERROR_REFUSED, "the world has moved since the plan was made (see %s): plan again",
	                 changed);
}

int saved_compare(const struct plan *before, const struct plan *now, struct error *err)
{
	json_t *old = format_plan(before), *fresh = format_plan(now);
	int rc = compare_plans(old, fresh, err);

	json_decref(old);
	json_decref(fresh);
	return rc;
}

int saved_check(const struct saved_plan *saved, const struct desired *desired, const struct plan *plan,
                struct error *err)
{
	json_t *fresh;
	int rc;

	if (strcmp(saved->sha256, desired->sha256) != 0)
		return error_set(err, ERROR_REFUSED, "the spec %s has changed since the plan was made: plan again",
		                 desired->file);
	fresh = format_plan(plan);
	rc = compare_plans(saved->plan, fresh, err);
	json_decref(fresh);
	return rc;
}
