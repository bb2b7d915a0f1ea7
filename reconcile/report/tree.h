/*
 * tree.h - reading the report's tree, for those who render it.
 *
 * A tree may come from another process. What is absent or of another type
 * reads as "", 0 or an empty list, never as a crash.
 */
#ifndef TRUEUP_REPORT_TREE_H
#define TRUEUP_REPORT_TREE_H

#include "base/arena.h"

#include <jansson.h>
#include <stdbool.h>

/* The string at key; "" if it is null or absent. Borrowed from the tree. */
const char *tree_text(const json_t *object, const char *key);

/* summary.KEY and summary.actions.KEY. */
size_t tree_count_resources(const json_t *report, const char *key);
size_t tree_count_actions(const json_t *report, const char *key);

/* The state of the resource `account`; "" if there is none. */
const char *tree_account_state(const json_t *report);

/* What the action is done to, within its resource: "alice@example.com"; "" if it is done to all of it. */
const char *tree_action_object(const json_t *resource, const json_t *action);

/* Actions of one resource with the same state and verb, in the report's order. */
struct tree_group {
	const char *state;
	const char *verb;
	const json_t **items;
	size_t count;
};

/* A resource's actions in groups, in the order of each one's first action. */
struct tree_group *tree_group_actions(struct arena *arena, const json_t *resource, size_t *count);

/* Whether all that is told of two actions of a group, but their object and what they need, is the same. */
bool tree_tell_same(const json_t *a, const json_t *b);

/* '+', '-' or '~'. */
char tree_difference_sign(const json_t *difference);

/* "encrypted: false → true", "schema/table: items", or the path alone where it ends with the value. */
const char *tree_difference_text(struct arena *arena, const json_t *difference);

/* Whether the resource is in sync and nothing was to be done. */
bool tree_is_quiet(const json_t *resource);

/* "1 action", "3 actions". */
const char *tree_count_text(struct arena *arena, size_t count, const char *noun);

#endif
