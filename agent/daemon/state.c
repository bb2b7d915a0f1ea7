#include "daemon/state.h"
#include "daemon/state_judge.h"

#include <stdlib.h>
#include <string.h>

#define PROGRESS_MAX 200 /* actions of a run; a list of users is one action each, and nobody watches all of them */
#define OBSERVERS_MAX 16

const char *const state_words[STATE_WORDS] = {"never", "in-sync", "drifted", "waiting", "paused", "unknown", "failed"};

/* `seen` is what is handed out: its strings are those that follow, or in one of the arenas. */
struct entry {
	struct state_deployment seen;
	struct arena *last; /* conditions, reason and report of the last run that came to one */
	struct state_running running;
	struct state_progress *progress;
};

struct state {
	struct state_agent agent;
	struct state_source source;
	struct arena *source_arena;
	struct entry **entries; /* by name */
	size_t count, capacity;
	struct state_observer observers[OBSERVERS_MAX];
	size_t observer_count;
};

static char *copy_text(const char *text)
{
	char *copy = text != NULL ? strdup(text) : NULL;

	if (text != NULL && copy == NULL)
		abort();
	return copy;
}

/* Takes its place only if it is another one: what is long under way is told of again and again. */
static void set_text(const char **place, const char *text)
{
	if (*place != NULL && text != NULL && strcmp(*place, text) == 0)
		return;
	free((char *)*place);
	*place = copy_text(text);
}

static void tell(struct state *state, struct state_event event)
{
	size_t i;

	for (i = 0; i < state->observer_count; i++)
		state->observers[i].told(state->observers[i].context, &event);
}

static void tell_of(struct state *state, const struct entry *entry)
{
	tell(state, (struct state_event){.change = STATE_CHANGED_DEPLOYMENT, .deployment = &entry->seen});
}

void state_observe(struct state *state, struct state_observer observer)
{
	if (state->observer_count == OBSERVERS_MAX)
		abort(); /* there is one for each part of the agent */
	state->observers[state->observer_count++] = observer;
}

void state_unobserve(struct state *state, const void *context)
{
	size_t i, kept = 0;

	for (i = 0; i < state->observer_count; i++)
		if (state->observers[i].context != context)
			state->observers[kept++] = state->observers[i];
	state->observer_count = kept;
}

const struct state_agent *state_agent(const struct state *state)
{
	return &state->agent;
}

const struct state_source *state_source(const struct state *state)
{
	return &state->source;
}

size_t state_count(const struct state *state)
{
	return state->count;
}

const struct state_deployment *state_at(const struct state *state, size_t index)
{
	return &state->entries[index]->seen;
}

/* Where it is, or where it would be. */
static bool find_place(const struct state *state, const char *name, size_t *place)
{
	size_t low = 0, high = state->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(state->entries[middle]->seen.name, name);

		if (order == 0) {
			*place = middle;
			return true;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*place = low;
	return false;
}

static struct entry *find_entry(const struct state *state, const char *name)
{
	size_t place;

	return find_place(state, name, &place) ? state->entries[place] : NULL;
}

const struct state_deployment *state_find(const struct state *state, const char *name)
{
	const struct entry *entry = find_entry(state, name);

	return entry != NULL ? &entry->seen : NULL;
}

struct state *state_new(void)
{
	struct state *state = calloc(1, sizeof(*state));

	if (state == NULL)
		abort();
	state->source_arena = arena_new();
	state->source = (struct state_source){.where = "", .ok = true, .error = ""};
	return state;
}

static void clear_progress(struct entry *entry)
{
	size_t i;

	for (i = 0; i < entry->running.progress_count; i++) {
		free((char *)entry->progress[i].action);
		free((char *)entry->progress[i].state);
		free((char *)entry->progress[i].text);
		free((char *)entry->progress[i].unit);
	}
	free(entry->progress);
	entry->progress = NULL;
	entry->running.progress = NULL;
	entry->running.progress_count = 0;
}

static void free_entry(struct entry *entry)
{
	clear_progress(entry);
	free((char *)entry->running.trigger);
	free((char *)entry->seen.name);
	free((char *)entry->seen.spec);
	free((char *)entry->seen.reason);
	free((char *)entry->seen.revision);
	free((char *)entry->seen.last_trigger);
	arena_free(entry->last);
	free(entry);
}

void state_free(struct state *state)
{
	size_t i;

	if (state == NULL)
		return;
	for (i = 0; i < state->count; i++)
		free_entry(state->entries[i]);
	free(state->entries);
	arena_free(state->source_arena);
	free(state);
}

void state_set_agent(struct state *state, const struct state_agent *agent)
{
	state->agent = *agent;
	tell(state, (struct state_event){.change = STATE_CHANGED_AGENT});
}

void state_set_source(struct state *state, const struct state_source *source)
{
	struct arena *arena = arena_new();
	const char **errors = arena_array(arena, source->error_count, sizeof(*errors));
	struct state_source copy = *source;
	size_t i;

	for (i = 0; i < source->error_count; i++)
		errors[i] = arena_strdup(arena, source->errors[i]);
	copy.errors = errors;
	copy.where = arena_strdup(arena, source->where);
	copy.directory = arena_strdup(arena, source->directory);
	copy.revision = arena_strdup(arena, source->revision);
	copy.error = arena_strdup(arena, source->error);
	copy.note = arena_strdup(arena, source->note);
	copy.refused_revision = arena_strdup(arena, source->refused_revision);
	copy.refused_reason = arena_strdup(arena, source->refused_reason);
	arena_free(state->source_arena); /* only now: some of it may be what was handed in */
	state->source_arena = arena;
	state->source = copy;
	tell(state, (struct state_event){.change = STATE_CHANGED_SOURCE});
}

static struct entry *add_entry(struct state *state, const char *name, size_t place)
{
	struct entry *entry = calloc(1, sizeof(*entry));

	if (state->count == state->capacity) {
		state->capacity = state->capacity * 2 + 16;
		state->entries = reallocarray(state->entries, state->capacity, sizeof(struct entry *));
	}
	if (entry == NULL || state->entries == NULL)
		abort();
	memmove(&state->entries[place + 1], &state->entries[place], (state->count - place) * sizeof(struct entry *));
	state->entries[place] = entry;
	state->count++;
	entry->seen.name = copy_text(name);
	entry->seen.reason = copy_text("");
	entry->seen.since = time(NULL);
	entry->seen.rows = (struct state_rows){-1, -1};
	return entry;
}

void state_put(struct state *state, const char *name, const char *spec, enum agent_mode mode)
{
	size_t place;
	bool known = find_place(state, name, &place);
	struct entry *entry = known ? state->entries[place] : add_entry(state, name, place);

	if (known && entry->seen.mode == mode && strcmp(entry->seen.spec, spec) == 0)
		return;
	set_text(&entry->seen.spec, spec);
	entry->seen.mode = mode;
	tell_of(state, entry);
}

void state_remove(struct state *state, const char *name)
{
	struct entry *entry;
	size_t place;

	if (!find_place(state, name, &place))
		return;
	entry = state->entries[place];
	memmove(&state->entries[place], &state->entries[place + 1],
	        (state->count - place - 1) * sizeof(struct entry *));
	state->count--;
	tell(state, (struct state_event){.change = STATE_CHANGED_GONE, .deployment = &entry->seen});
	free_entry(entry);
}

void state_plan_run(struct state *state, const char *name, time_t next_run_at)
{
	struct entry *entry = find_entry(state, name);

	if (entry == NULL || entry->seen.next_run_at == next_run_at)
		return;
	entry->seen.next_run_at = next_run_at;
	tell_of(state, entry);
}

void state_begin_run(struct state *state, const char *name, const char *trigger, time_t now)
{
	struct entry *entry = find_entry(state, name);

	if (entry == NULL)
		return;
	clear_progress(entry);
	entry->running.started_at = now;
	set_text(&entry->running.trigger, trigger);
	entry->seen.running = &entry->running;
	entry->seen.next_run_at = 0;
	tell_of(state, entry);
}

static struct state_progress *find_progress(struct entry *entry, const char *action)
{
	size_t i;

	for (i = 0; i < entry->running.progress_count; i++)
		if (strcmp(entry->progress[i].action, action) == 0)
			return &entry->progress[i];
	if (entry->running.progress_count == PROGRESS_MAX)
		return NULL;
	if (entry->progress == NULL)
		entry->progress = calloc(PROGRESS_MAX, sizeof(*entry->progress));
	if (entry->progress == NULL)
		abort();
	entry->running.progress = entry->progress;
	return &entry->progress[entry->running.progress_count++];
}

void state_add_progress(struct state *state, const char *name, const struct state_progress *progress)
{
	struct entry *entry = find_entry(state, name);
	struct state_progress *at;

	if (entry == NULL || entry->seen.running == NULL)
		return;
	at = find_progress(entry, progress->action);
	if (at == NULL)
		return;
	set_text(&at->action, progress->action);
	set_text(&at->state, progress->state);
	set_text(&at->text, progress->text);
	set_text(&at->unit, progress->unit);
	at->done = progress->done;
	at->total = progress->total;
	tell(state, (struct state_event){.change = STATE_CHANGED_PROGRESS, .deployment = &entry->seen, .progress = at});
}

static void set_word(struct state_deployment *seen, enum state_word word, const char *reason, time_t now)
{
	if (seen->word != word)
		seen->since = now;
	seen->word = word;
	set_text(&seen->reason, reason);
}

/* What the report says takes the place of what the last one said. */
static void take_report(struct entry *entry, const struct state_run *run)
{
	struct state_deployment *seen = &entry->seen;
	struct arena *arena = arena_new();
	const char *reason;
	enum state_word word = state_judge_report(arena, run->report, &reason);
	struct state_condition *conditions =
	    state_judge_conditions(arena, run->report, run->finished_at, &seen->condition_count, seen);

	set_word(seen, word, reason, run->finished_at);
	seen->conditions = conditions;
	seen->actions = state_judge_actions(run->report);
	state_judge_rows(run->report, &seen->rows);
	seen->report = arena_strdup(arena, run->report_text);
	arena_free(entry->last);
	entry->last = arena;
}

static void take_run(struct entry *entry, struct state_run *run)
{
	struct state_deployment *seen = &entry->seen;

	run->before = seen->word;
	seen->last_run_at = run->started_at;
	seen->last_duration_ms = run->duration_ms;
	set_text(&seen->last_trigger, run->trigger);
	set_text(&seen->revision, run->revision);
	seen->last_exit = run->exit;
	if (run->exit != 75) {
		if (run->report != NULL)
			take_report(entry, run);
		else
			set_word(seen, STATE_FAILED, run->problem, run->finished_at);
		if (seen->word == STATE_IN_SYNC)
			seen->last_success_at = run->finished_at;
		seen->failures = run->exit == 0 || run->exit == 2 ? 0 : seen->failures + 1;
	}
	run->after = seen->word;
}

void state_end_run(struct state *state, const char *name, struct state_run *run)
{
	struct entry *entry = find_entry(state, name);

	if (entry == NULL)
		return;
	take_run(entry, run);
	entry->seen.running = NULL;
	clear_progress(entry);
	tell(state, (struct state_event){.change = STATE_CHANGED_ENDED, .deployment = &entry->seen, .run = run});
	tell_of(state, entry);
}

/* A condition of the report is dated as it was; one that is in another state now is not. */
static void restore_since(struct state_deployment *seen, const struct state_past *past)
{
	struct state_condition *conditions = (struct state_condition *)seen->conditions; /* in the entry's own arena */
	size_t i, j;

	for (i = 0; i < seen->condition_count; i++)
		for (j = 0; j < past->condition_count; j++)
			if (strcmp(conditions[i].kind, past->conditions[j].kind) == 0 &&
			    strcmp(conditions[i].name, past->conditions[j].name) == 0 &&
			    strcmp(conditions[i].state, past->conditions[j].state) == 0)
				conditions[i].since = past->conditions[j].since;
	seen->since = past->since;
	seen->last_success_at = past->last_success_at;
	seen->failures = past->failures;
}

void state_restore(struct state *state, const char *name, struct state_run *run, const struct state_past *past)
{
	struct entry *entry = find_entry(state, name);

	if (entry == NULL)
		return;
	take_run(entry, run);
	if (*run->problem != '\0')
		set_word(&entry->seen, STATE_FAILED, run->problem, run->finished_at);
	restore_since(&entry->seen, past);
}
