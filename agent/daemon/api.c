#include "daemon/api.h"

#include "base/clock.h"
#include "base/process.h"

#include <stdlib.h>
#include <string.h>

static json_t *time_or_null(time_t when)
{
	char text[CLOCK_RFC3339_SIZE];

	if (when == 0)
		return json_null();
	clock_format_rfc3339(when, text);
	return json_string(text);
}

/* What is no UTF-8 must not take along what stands around it. */
static json_t *clean_string(const char *text)
{
	char *clean = strdup(text);
	json_t *string;

	if (clean == NULL)
		abort();
	process_clean_line(clean);
	string = json_string(clean);
	free(clean);
	return string;
}

/* NULL and "" are null. */
static json_t *text_or_null(const char *text)
{
	json_t *string;

	if (text == NULL || *text == '\0')
		return json_null();
	string = json_string(text);
	return string != NULL ? string : clean_string(text);
}

static json_t *count_or_null(int64_t count)
{
	return count >= 0 ? json_integer(count) : json_null();
}

static const char *mode_word(enum agent_mode mode)
{
	return mode == AGENT_MODE_OBSERVE ? "observe" : "apply";
}

json_t *api_progress(const struct state_progress *progress)
{
	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "action", progress->action, "state", progress->state, "text",
	                 text_or_null(progress->text), "done", count_or_null(progress->done), "total",
	                 count_or_null(progress->total), "unit", text_or_null(progress->unit));
}

static json_t *running_of(const struct state_running *running)
{
	json_t *progress;
	size_t i;

	if (running == NULL)
		return json_null();
	progress = json_array();
	for (i = 0; i < running->progress_count; i++)
		json_array_append_new(progress, api_progress(&running->progress[i]));
	return json_pack("{s:o, s:s, s:o}", "startedAt", time_or_null(running->started_at), "trigger", running->trigger,
	                 "progress", progress);
}

static json_t *conditions_of(const struct state_deployment *deployment)
{
	json_t *conditions = json_array();
	size_t i;

	for (i = 0; i < deployment->condition_count; i++) {
		const struct state_condition *condition = &deployment->conditions[i];

		json_array_append_new(conditions, json_pack("{s:s, s:s, s:s, s:o, s:o}", "kind", condition->kind,
		                                            "name", condition->name, "state", condition->state,
		                                            "reason", text_or_null(condition->reason), "since",
		                                            time_or_null(condition->since)));
	}
	return conditions;
}

static json_t *rows_of(const struct state_rows *rows)
{
	if (rows->expected < 0 && rows->present < 0)
		return json_null();
	return json_pack("{s:o, s:o}", "expected", count_or_null(rows->expected), "present",
	                 count_or_null(rows->present));
}

static json_t *actions_of(const struct state_actions *actions)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "planned", (json_int_t)actions->planned, "done",
	                 (json_int_t)actions->done, "waiting", (json_int_t)actions->waiting, "blocked",
	                 (json_int_t)actions->blocked, "failed", (json_int_t)actions->failed);
}

static json_t *duration_of(const struct state_deployment *deployment)
{
	return deployment->last_run_at != 0 ? json_real((double)deployment->last_duration_ms / 1000) : json_null();
}

json_t *api_deployment(const struct state_deployment *deployment)
{
	json_t *object = json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o}", "name", deployment->name, "spec",
	                           deployment->spec, "mode", mode_word(deployment->mode), "state",
	                           state_words[deployment->word], "reason", text_or_null(deployment->reason), "since",
	                           time_or_null(deployment->since), "revision", text_or_null(deployment->revision));
	json_t *times = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:i}", "running", running_of(deployment->running),
	                          "nextRunAt", time_or_null(deployment->next_run_at), "lastRunAt",
	                          time_or_null(deployment->last_run_at), "lastDurationSeconds", duration_of(deployment),
	                          "lastTrigger", text_or_null(deployment->last_trigger), "lastSuccessAt",
	                          time_or_null(deployment->last_success_at), "failures", deployment->failures);
	json_t *found = json_pack("{s:o, s:o, s:o}", "conditions", conditions_of(deployment), "actions",
	                          actions_of(&deployment->actions), "rows", rows_of(&deployment->rows));

	json_object_update_new(object, times);
	json_object_update_new(object, found);
	return object;
}

static json_t *refused_of(const struct state_source *source)
{
	if (source->refused_revision == NULL)
		return json_null();
	return json_pack("{s:s, s:o}", "revision", source->refused_revision, "reason",
	                 text_or_null(source->refused_reason));
}

json_t *api_source(const struct state_source *source)
{
	const bool git = source->kind == STATE_SOURCE_GIT;
	json_t *errors = json_array(), *object;
	size_t i;

	for (i = 0; i < source->error_count; i++)
		json_array_append_new(errors, json_string(source->errors[i]));
	object = json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "kind", git ? "git" : "path", git ? "url" : "path",
	                   text_or_null(source->where), "directory", text_or_null(source->directory), "revision",
	                   text_or_null(source->revision), "revisionAt", time_or_null(source->revision_at), "checkedAt",
	                   time_or_null(source->checked_at));
	json_object_update_new(object,
	                       json_pack("{s:s, s:o, s:o, s:o, s:o}", "state", source->ok ? "ok" : "failed", "error",
	                                 text_or_null(source->error), "note", text_or_null(source->note), "errors",
	                                 errors, "refused", refused_of(source)));
	return object;
}

static json_t *agent_of(const struct state *state, time_t now)
{
	const struct state_agent *agent = state_agent(state);

	return json_pack("{s:s, s:o, s:o, s:s, s:b, s:b, s:o}", "version", TRUEUP_VERSION, "startedAt",
	                 time_or_null(agent->started_at), "now", time_or_null(now), "mode", mode_word(agent->mode),
	                 "ready", agent->ready, "stopping", agent->stopping, "source", api_source(state_source(state)));
}

json_t *api_deployments(const struct state *state, time_t now)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < state_count(state); i++)
		json_array_append_new(list, api_deployment(state_at(state, i)));
	return json_pack("{s:o, s:o}", "agent", agent_of(state, now), "deployments", list);
}

/* Of each resource that differs, or did before it was acted on: what, in few words. How many there are in all. */
static size_t add_drift(json_t *drift, const json_t *resource)
{
	const json_t *found = json_object_get(resource, "found"), *difference;
	const json_t *differences = found != NULL ? found : json_object_get(resource, "differences");
	size_t i;

	json_array_foreach(differences, i, difference)
	{
		if (json_array_size(drift) == API_RUN_MOST)
			break;
		json_array_append_new(
		    drift, json_pack("{s:O, s:O, s:O, s:O}", "kind", json_object_get(resource, "kind"), "name",
		                     json_object_get(resource, "name"), "path", json_object_get(difference, "path"),
		                     "change", json_object_get(difference, "change")));
	}
	return json_array_size(differences);
}

static size_t add_actions(json_t *list, const json_t *resource)
{
	const json_t *actions = json_object_get(resource, "actions"), *action;
	size_t i;

	json_array_foreach(actions, i, action)
	{
		if (json_array_size(list) == API_RUN_MOST)
			break;
		json_array_append_new(list, json_pack("{s:O, s:O, s:O, s:O}", "id", json_object_get(action, "id"),
		                                      "verb", json_object_get(action, "verb"), "state",
		                                      json_object_get(action, "state"), "error",
		                                      json_object_get(action, "error")));
	}
	return json_array_size(actions);
}

static json_t *reason_of(const struct state_run *run)
{
	struct arena *arena = arena_new();
	const char *reason = NULL;
	json_t *text;

	if (run->report != NULL)
		(void)state_judge_report(arena, run->report, &reason);
	text = text_or_null(reason);
	arena_free(arena);
	return text;
}

/* What the report says was found and done. */
static json_t *found_of(const json_t *report)
{
	json_t *drift = json_array(), *actions = json_array();
	size_t i, drift_count = 0, action_count = 0;
	const json_t *resource;

	json_array_foreach(json_object_get(report, "resources"), i, resource)
	{
		drift_count += add_drift(drift, resource);
		action_count += add_actions(actions, resource);
	}
	return json_pack("{s:o, s:I, s:o, s:I}", "drift", drift, "driftCount", (json_int_t)drift_count, "actions",
	                 actions, "actionCount", (json_int_t)action_count);
}

json_t *api_run(const struct state_run *run)
{
	const char *command = json_string_value(json_object_get(run->report, "command"));
	json_t *object = json_pack("{s:o, s:o, s:s, s:o, s:o, s:i}", "at", time_or_null(run->started_at), "endedAt",
	                           time_or_null(run->finished_at), "trigger", run->trigger, "revision",
	                           text_or_null(run->revision), "command", text_or_null(command), "exit", run->exit);

	json_object_update_new(object, json_pack("{s:s, s:o, s:o, s:f}", "state", state_words[run->after], "reason",
	                                         reason_of(run), "problem", text_or_null(run->problem),
	                                         "durationSeconds", (double)run->duration_ms / 1000));
	json_object_update_new(object, found_of(run->report));
	if (json_object_get(run->report, "audit") != NULL)
		json_object_set(object, "audit", json_object_get(run->report, "audit"));
	return object;
}
