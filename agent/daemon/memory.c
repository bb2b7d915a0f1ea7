#include "daemon/memory.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX ((size_t)64 * 1024 * 1024)

struct since {
	const char *kind, *name, *state;
	int64_t since;
};

struct memory {
	const char *trigger, *revision, *problem, *report;
	int64_t started_at, finished_at, duration_ms, exit, since, success_at, failures;
	struct since *conditions;
	size_t condition_count;
};

static const struct record_field since_fields[] = {
    RECORD_STRING(struct since, kind, "kind"),
    RECORD_STRING(struct since, name, "name"),
    RECORD_STRING(struct since, state, "state"),
    RECORD_INT(struct since, since, "since"),
    RECORD_END,
};
static const struct record since_record = {sizeof(struct since), since_fields};

static const struct record_field memory_fields[] = {
    RECORD_STRING(struct memory, trigger, "trigger"),
    RECORD_STRING(struct memory, revision, "revision"),
    RECORD_STRING(struct memory, problem, "problem"),
    RECORD_INT(struct memory, started_at, "startedAt"),
    RECORD_INT(struct memory, finished_at, "finishedAt"),
    RECORD_INT(struct memory, duration_ms, "durationMs"),
    RECORD_INT(struct memory, exit, "exit"),
    RECORD_INT(struct memory, since, "since"),
    RECORD_INT(struct memory, success_at, "lastSuccessAt"),
    RECORD_INT(struct memory, failures, "failures"),
    RECORD_LIST(struct memory, conditions, condition_count, "conditions", &since_record),
    RECORD_STRING(struct memory, report, "report"),
    RECORD_END,
};
static const struct record memory_record = {sizeof(struct memory), memory_fields};

static int write_all(const char *path, const char *text, size_t length)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	bool whole;

	if (fd < 0)
		return -1;
	whole = write(fd, text, length) == (ssize_t)length;
	return close(fd) == 0 && whole ? 0 : -1;
}

static int append_json(const char *bytes, size_t length, void *out)
{
	buf_append(out, bytes, length);
	return 0;
}

static void write_memory(struct arena *arena, const char *directory, const char *name, const struct memory *memory)
{
	const char *folder = arena_printf(arena, "%s/last", directory);
	const char *path = arena_printf(arena, "%s/%s.json", folder, name);
	const char *beside = arena_printf(arena, "%s/.%s.new", folder, name);
	json_t *document = record_to_json(&memory_record, memory);
	struct buf text = {0};

	json_dump_callback(document, append_json, &text, JSON_COMPACT);
	json_decref(document);
	if ((mkdir(folder, 0700) != 0 && errno != EEXIST) || write_all(beside, buf_text(&text), text.length) != 0 ||
	    rename(beside, path) != 0)
		log_warn("%s: what is known of it cannot be kept: %s: %s", name, path, strerror(errno));
	buf_free(&text);
}

void memory_save(const char *directory, const struct state_deployment *seen, const struct state_run *run)
{
	struct arena *arena = arena_new();
	struct since *conditions = arena_array(arena, seen->condition_count, sizeof(*conditions));
	struct memory memory = {
	    .trigger = run->trigger,
	    .revision = run->revision,
	    .problem = run->problem,
	    .report = seen->report,
	    .started_at = run->started_at,
	    .finished_at = run->finished_at,
	    .duration_ms = run->duration_ms,
	    .exit = run->exit,
	    .since = seen->since,
	    .success_at = seen->last_success_at,
	    .failures = seen->failures,
	    .conditions = conditions,
	    .condition_count = seen->condition_count,
	};
	size_t i;

	for (i = 0; i < seen->condition_count; i++) {
		const struct state_condition *condition = &seen->conditions[i];

		conditions[i] = (struct since){condition->kind, condition->name, condition->state, condition->since};
	}
	write_memory(arena, directory, seen->name, &memory);
	arena_free(arena);
}

static int read_memory(struct arena *arena, const char *path, struct memory *memory, struct error *err)
{
	json_t *document;
	size_t length;
	char *text;
	int rc;

	if (file_read(arena, path, FILE_MAX, &text, &length, err) != 0)
		return -1;
	document = json_loadb(text, length, 0, NULL);
	if (document == NULL)
		return error_set(err, ERROR_INVALID, "%s is not JSON", path);
	rc = record_from_json(&memory_record, arena, document, memory, err);
	json_decref(document);
	return rc;
}

static void take_up(struct arena *arena, struct state *state, const char *name, const struct memory *memory)
{
	json_t *report = memory->report != NULL ? json_loads(memory->report, 0, NULL) : NULL;
	struct state_condition *conditions = arena_array(arena, memory->condition_count, sizeof(*conditions));
	struct state_run run = {
	    .trigger = memory->trigger != NULL ? memory->trigger : "",
	    .revision = memory->revision,
	    .started_at = memory->started_at,
	    .finished_at = memory->finished_at,
	    .duration_ms = memory->duration_ms,
	    .exit = (int)memory->exit,
	    .report = report,
	    .report_text = memory->report,
	    .problem = memory->problem != NULL ? memory->problem : "",
	};
	struct state_past past = {
	    .since = memory->since,
	    .last_success_at = memory->success_at,
	    .failures = (int)memory->failures,
	    .conditions = conditions,
	    .condition_count = memory->condition_count,
	};
	size_t i;

	for (i = 0; i < memory->condition_count; i++) {
		const struct since *at = &memory->conditions[i];

		conditions[i] = (struct state_condition){.kind = at->kind != NULL ? at->kind : "",
		                                         .name = at->name != NULL ? at->name : "",
		                                         .state = at->state != NULL ? at->state : "",
		                                         .since = at->since};
	}
	state_restore(state, name, &run, &past);
	json_decref(report);
}

void memory_load(const char *directory, const char *name, struct state *state)
{
	struct arena *arena = arena_new();
	struct memory memory = {0};
	struct error err;

	if (read_memory(arena, arena_printf(arena, "%s/last/%s.json", directory, name), &memory, &err) == 0)
		take_up(arena, state, name, &memory);
	else if (err.code != ERROR_NOT_FOUND)
		log_warn("%s: what was known of it is lost: %s", name, err.message);
	arena_free(arena);
}
