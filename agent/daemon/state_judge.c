#include "daemon/state_judge.h"
#include "base/buf.h"
#include "report/report.h"
#include "report/tree.h"

#include <string.h>

#define WORK_NAMED 5 /* actions; of the others the number is told */

/* The first resource, or the first action of any, in that state; NULL. */
static const json_t *find_resource(const json_t *report, const char *state)
{
	const json_t *resource;
	size_t i;

	json_array_foreach(json_object_get(report, "resources"), i, resource)
	{
		if (strcmp(tree_text(resource, "state"), state) == 0)
			return resource;
	}
	return NULL;
}

static const json_t *find_action(const json_t *report, const char *state)
{
	const json_t *resource, *action;
	size_t i, j;

	json_array_foreach(json_object_get(report, "resources"), i, resource)
	{
		json_array_foreach(json_object_get(resource, "actions"), j, action)
		{
			if (strcmp(tree_text(action, "state"), state) == 0)
				return action;
		}
	}
	return NULL;
}

static const char *tell_resource(struct arena *arena, const json_t *resource)
{
	if (resource == NULL)
		return "";
	return arena_printf(arena, "%s %s: %s", tree_text(resource, "kind"), tree_text(resource, "name"),
	                    tree_text(resource, "reason"));
}

/* "users/x/add/alice: what it waits for" */
static const char *tell_action(struct arena *arena, const json_t *action, const char *key)
{
	const char *text = tree_text(action, key);

	if (*text == '\0')
		text = tree_text(action, "reason");
	return arena_printf(arena, "%s: %s", tree_text(action, "id"), text);
}

/* Exit 1: the worst thing of all that went wrong. */
static enum state_word judge_failure(struct arena *arena, const json_t *report, const char **reason)
{
	const json_t *failed = find_action(report, "failed"), *unknown = find_resource(report, "unknown");

	if (failed != NULL) {
		*reason = tell_action(arena, failed, "error");
		return STATE_FAILED;
	}
	*reason = tell_resource(arena, unknown != NULL ? unknown : find_resource(report, "drifted"));
	return unknown != NULL ? STATE_UNKNOWN : STATE_FAILED;
}

/* Exit 2: what a person must do comes first, for what waits goes on by itself. */
static enum state_word judge_drift(struct arena *arena, const json_t *report, const char **reason)
{
	const json_t *blocked = find_action(report, "blocked"), *waiting = find_action(report, "waiting");

	if (blocked == NULL && waiting != NULL) {
		*reason = tell_action(arena, waiting, "waitsFor");
		return STATE_WAITING;
	}
	*reason = blocked != NULL ? tell_action(arena, blocked, "waitsFor")
	                          : tell_resource(arena, find_resource(report, "drifted"));
	return STATE_DRIFTED;
}

enum state_word state_judge_report(struct arena *arena, const json_t *report, const char **reason)
{
	const json_t *error = json_object_get(report, "error");

	*reason = "";
	if (json_is_object(error)) {
		*reason = arena_strdup(arena, tree_text(error, "message"));
		return STATE_FAILED;
	}
	if (strcmp(tree_text(report, "mode"), "paused") == 0) {
		*reason = "spec.mode is paused: nothing is looked at";
		return STATE_PAUSED;
	}
	switch (report_exit_code(report)) {
	case REPORT_EXIT_FINE:
		return STATE_IN_SYNC;
	case REPORT_EXIT_DRIFT:
		return judge_drift(arena, report, reason);
	default:
		return judge_failure(arena, report, reason);
	}
}

static time_t find_since(const struct state_deployment *before, const struct state_condition *now, time_t otherwise)
{
	size_t i;

	for (i = 0; i < before->condition_count; i++) {
		const struct state_condition *then = &before->conditions[i];

		if (strcmp(then->kind, now->kind) == 0 && strcmp(then->name, now->name) == 0)
			return strcmp(then->state, now->state) == 0 ? then->since : otherwise;
	}
	return otherwise;
}

struct state_condition *state_judge_conditions(struct arena *arena, const json_t *report, time_t now, size_t *count,
                                               const struct state_deployment *before)
{
	const json_t *resources = json_object_get(report, "resources"), *resource;
	struct state_condition *conditions = arena_array(arena, json_array_size(resources), sizeof(*conditions));
	size_t i;

	json_array_foreach(resources, i, resource)
	{
		struct state_condition *condition = &conditions[i];

		condition->kind = arena_strdup(arena, tree_text(resource, "kind"));
		condition->name = arena_strdup(arena, tree_text(resource, "name"));
		condition->state = arena_strdup(arena, tree_text(resource, "state"));
		condition->reason = arena_strdup(arena, tree_text(resource, "reason"));
		condition->since = find_since(before, condition, now);
	}
	*count = json_array_size(resources);
	return conditions;
}

/* Before anything was done, which `found` has, or after it. */
static bool has_drifted(const json_t *resource)
{
	return json_array_size(json_object_get(resource, "found")) > 0 ||
	       json_array_size(json_object_get(resource, "differences")) > 0;
}

/* ": a, b", as many as there is room for. */
static void name_done(const json_t *resource, struct buf *names, size_t *named)
{
	const json_t *action;
	size_t i;

	json_array_foreach(json_object_get(resource, "actions"), i, action)
	{
		if (*named == WORK_NAMED)
			return;
		if (strcmp(tree_text(action, "state"), "done") != 0)
			continue;
		buf_printf(names, "%s%s", *named > 0 ? ", " : ": ", tree_text(action, "id"));
		++*named;
	}
}

const char *state_judge_work(struct arena *arena, const json_t *report)
{
	size_t done = tree_count_actions(report, "done"), drifted = 0, named = 0, i;
	const json_t *resource;
	struct buf text = {0};
	const char *work;

	if (done == 0)
		return "";
	json_array_foreach(json_object_get(report, "resources"), i, resource)
	{
		drifted += has_drifted(resource);
		name_done(resource, &text, &named);
	}
	if (named < done)
		buf_printf(&text, " and %zu more", done - named);
	work = arena_printf(arena, "%s%s done%s", drifted > 0 ? arena_printf(arena, "%zu drifted, ", drifted) : "",
	                    tree_count_text(arena, done, "action"), buf_text(&text));
	buf_free(&text);
	return work;
}

struct state_actions state_judge_actions(const json_t *report)
{
	return (struct state_actions){
	    .planned = (int64_t)tree_count_actions(report, "planned"),
	    .done = (int64_t)tree_count_actions(report, "done"),
	    .waiting = (int64_t)tree_count_actions(report, "waiting"),
	    .blocked = (int64_t)tree_count_actions(report, "blocked"),
	    .failed = (int64_t)tree_count_actions(report, "failed"),
	};
}

static int64_t read_count(const json_t *rows, const char *key)
{
	const json_t *count = json_object_get(rows, key);

	return json_is_integer(count) ? json_integer_value(count) : -1;
}

void state_judge_rows(const json_t *report, struct state_rows *rows)
{
	const json_t *resource;
	size_t i;

	json_array_foreach(json_object_get(report, "resources"), i, resource)
	{
		const json_t *counted = json_object_get(resource, "rows");

		if (json_is_object(counted))
			*rows = (struct state_rows){read_count(counted, "expected"), read_count(counted, "present")};
	}
}
