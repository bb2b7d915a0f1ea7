#include "report/tree.h"

#include <string.h>

const char *tree_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "";
}

static size_t count_at(const json_t *object, const char *key)
{
	json_int_t count = json_integer_value(json_object_get(object, key));

	return count > 0 ? (size_t)count : 0;
}

size_t tree_count_resources(const json_t *report, const char *key)
{
	return count_at(json_object_get(report, "summary"), key);
}

size_t tree_count_actions(const json_t *report, const char *key)
{
	return count_at(json_object_get(json_object_get(report, "summary"), "actions"), key);
}

const char *tree_account_state(const json_t *report)
{
	const json_t *resource;
	size_t i;

	json_array_foreach(json_object_get(report, "resources"), i, resource)
	{
		if (strcmp(tree_text(resource, "kind"), "account") == 0)
			return tree_text(resource, "state");
	}
	return "";
}

/* What is behind "part/" at the beginning of text; NULL if it does not begin so. */
static const char *skip_part(const char *text, const char *part)
{
	size_t length = strlen(part);

	if (text == NULL || strncmp(text, part, length) != 0 || text[length] != '/')
		return NULL;
	return text + length + 1;
}

const char *tree_action_object(const json_t *resource, const json_t *action)
{
	const char *rest = skip_part(tree_text(action, "id"), tree_text(resource, "kind"));

	rest = skip_part(rest, tree_text(resource, "name"));
	rest = skip_part(rest, tree_text(action, "verb"));
	return rest != NULL ? rest : "";
}

static struct tree_group *find_group(struct tree_group *groups, size_t count, const json_t *action)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (strcmp(groups[i].state, tree_text(action, "state")) == 0 &&
		    strcmp(groups[i].verb, tree_text(action, "verb")) == 0)
			return &groups[i];
	return NULL;
}

struct tree_group *tree_group_actions(struct arena *arena, const json_t *resource, size_t *count)
{
	struct tree_group *group, *groups = NULL;
	const json_t *action;
	size_t i;

	*count = 0;
	json_array_foreach(json_object_get(resource, "actions"), i, action)
	{
		group = find_group(groups, *count, action);
		if (group == NULL) {
			group = ARENA_PUSH(arena, groups, *count);
			group->state = tree_text(action, "state");
			group->verb = tree_text(action, "verb");
		}
		*ARENA_PUSH(arena, group->items, group->count) = action;
	}
	return groups;
}

static bool is_same(const json_t *a, const json_t *b, const char *key)
{
	const json_t *left = json_object_get(a, key), *right = json_object_get(b, key);

	return left == right || json_equal(left, right);
}

bool tree_tell_same(const json_t *a, const json_t *b)
{
	static const char *const keys[] = {"risk", "reason", "calls", "error", "waitsFor"};
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!is_same(a, b, keys[i]))
			return false;
	return true;
}

char tree_difference_sign(const json_t *difference)
{
	const char *change = tree_text(difference, "change");

	if (strcmp(change, "add") == 0)
		return '+';
	if (strcmp(change, "remove") == 0)
		return '-';
	return '~';
}

static bool ends_with(const char *text, const char *end)
{
	size_t text_length = strlen(text), end_length = strlen(end);

	return end_length <= text_length && strcmp(text + text_length - end_length, end) == 0;
}

const char *tree_difference_text(struct arena *arena, const json_t *difference)
{
	const char *path = tree_text(difference, "path");
	const char *desired = tree_text(difference, "desired"), *observed = tree_text(difference, "observed");
	char sign = tree_difference_sign(difference);
	const char *value = sign == '+' ? desired : observed;

	if (sign == '~')
		return arena_printf(arena, "%s: %s → %s", path, *observed != '\0' ? observed : "nothing",
		                    *desired != '\0' ? desired : "nothing");
	return ends_with(path, value) ? path : arena_printf(arena, "%s: %s", path, value);
}

bool tree_is_quiet(const json_t *resource)
{
	return strcmp(tree_text(resource, "state"), "in-sync") == 0 &&
	       json_array_size(json_object_get(resource, "actions")) == 0;
}

const char *tree_count_text(struct arena *arena, size_t count, const char *noun)
{
	return arena_printf(arena, "%zu %s%s", count, noun, count == 1 ? "" : "s");
}
