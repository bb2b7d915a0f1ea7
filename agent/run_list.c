#include "run_list.h"

#include "base/audit.h"
#include "daemon/history.h"

#include <stdint.h>
#include <string.h>

static const char *text_of(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text != NULL ? text : "";
}

/* Lines of the audit log become runs: each with the actions that ended in it. Oldest first. */
static json_t *group_lines(const json_t *lines)
{
	json_t *runs = json_array(), *line, *run = NULL;
	size_t i;

	json_array_foreach(lines, i, line)
	{
		const json_t *action = json_object_get(line, "action");

		if (action == NULL) {
			run = json_deep_copy(line);
			json_object_set_new(run, "actions", json_array());
			json_array_append_new(runs, run);
		} else if (run != NULL) {
			json_array_append_new(
			    json_object_get(run, "actions"),
			    json_pack("{s:O, s:O, s:O, s:O, s:O}", "time", json_object_get(line, "time"), "id",
			              json_object_get(action, "id"), "verb", json_object_get(action, "verb"), "state",
			              json_object_get(action, "state"), "error", json_object_get(action, "error")));
		}
	}
	return runs;
}

static bool has_line(const json_t *record, const json_t *line)
{
	const json_t *sequences = json_object_get(record, "audit");
	size_t i;

	for (i = 0; i < json_array_size(sequences); i++)
		if (json_equal(json_array_get(sequences, i), json_object_get(line, "sequence")))
			return true;
	return false;
}

/* That has the line's number, and its time: a log that was moved aside begins anew. */
static json_t *find_record(const json_t *records, const json_t *line)
{
	const char *time = text_of(line, "time");
	json_t *record;
	size_t i;

	json_array_foreach(records, i, record) if (has_line(record, line) && strcmp(text_of(record, "at"), time) <= 0 &&
	                                           strcmp(text_of(record, "endedAt"), time) >= 0) return record;
	return NULL;
}

static bool has_action(const json_t *actions, const char *id)
{
	const json_t *action;
	size_t i;

	json_array_foreach(actions, i, action) if (strcmp(text_of(action, "id"), id) == 0) return true;
	return false;
}

/* The line's run is the record's; the log has only actions that came to an end, the record the first of all. */
static void join(json_t *record, json_t *run)
{
	json_t *actions = json_object_get(run, "actions"), *action;
	size_t i;

	json_array_foreach(json_object_get(record, "actions"), i,
	                   action) if (!has_action(actions, text_of(action, "id"))) json_array_append(actions, action);
	json_object_update(record, run);
}

static void finish_record(json_t *record)
{
	if (json_object_get(record, "time") == NULL)
		json_object_set(record, "time", json_object_get(record, "at"));
}

/* The place of a run in a list that has the newest first. */
static size_t find_place(const json_t *runs, const char *time)
{
	size_t at = 0;

	while (at < json_array_size(runs) && strcmp(text_of(json_array_get(runs, at), "time"), time) > 0)
		at++;
	return at;
}

static void merge(json_t *records, const json_t *audited)
{
	json_t *rest = json_array(), *run, *record;
	size_t i;

	json_array_foreach(audited, i, run)
	{
		record = find_record(records, run);
		if (record != NULL)
			join(record, run);
		else
			json_array_append(rest, run);
	}
	json_array_foreach(records, i, record) finish_record(record);
	json_array_foreach(rest, i, run) json_array_insert(records, find_place(records, text_of(run, "time")), run);
	json_decref(rest);
}

int run_list_load(const char *state, const char *name, json_t **runs, struct error *err)
{
	json_t *lines = NULL, *audited;
	int rc = audit_read(state, name, &lines, err);

	*runs = history_list(state, name, SIZE_MAX, NULL);
	if (rc != 0 && err->code == ERROR_NOT_FOUND && json_array_size(*runs) > 0)
		rc = 0; /* nothing was ever to be done */
	audited = group_lines(lines);
	merge(*runs, audited);
	json_decref(audited);
	json_decref(lines);
	return rc;
}

bool run_list_is_same(const json_t *run, const json_t *before)
{
	static const char *const keys[] = {"command", "state",   "reason",  "problem",
	                                   "drift",   "actions", "trigger", "revision"};
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!json_equal(json_object_get(run, keys[i]), json_object_get(before, keys[i])))
			return false;
	return json_object_get(run, "state") != NULL;
}
