/* Specs from a directory or a file, read where they are. */
#include "daemon/source.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/child.h"
#include "report/tree.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_MS 60000
#define OUTPUT_MAX ((size_t)64 * 1024 * 1024)

/* `seen` is what is handed out. It lives as long as it is in force, or held. */
struct revision {
	struct source_revision seen;
	struct arena *arena;
	int holds; /* the source's own is one */
};

struct source {
	struct source_observer observer;
	struct arena *arena; /* of path */
	const char *path;
	struct revision *current; /* NULL: nothing is in force yet */
	struct source_status status;
	struct arena *status_arena;
	struct event_base *base;
	const char *program;
	struct child *reader; /* that is looking now */
	bool again;           /* another look was asked for meanwhile */
	struct event *look;
	int64_t looked_ms; /* on clock_monotonic_ms(), which nobody sets back; 0: there is nothing to pause for */
};

static void release(struct revision *revision)
{
	if (revision == NULL || --revision->holds > 0)
		return;
	arena_free(revision->arena);
	free(revision);
}

static bool is_same(const struct source_revision *a, const struct source_revision *b)
{
	size_t i;

	if (a->spec_count != b->spec_count)
		return false;
	for (i = 0; i < a->spec_count; i++)
		if (strcmp(a->specs[i].name, b->specs[i].name) != 0 ||
		    strcmp(a->specs[i].file, b->specs[i].file) != 0 ||
		    strcmp(a->specs[i].sha256, b->specs[i].sha256) != 0)
			return false;
	return true;
}

/* What `trueup validate -o json` said of the specs. */
static struct revision *make_revision(const struct source *source, const json_t *list)
{
	struct revision *revision = calloc(1, sizeof(*revision));
	struct source_spec *specs;
	const json_t *spec;
	size_t i;

	if (revision == NULL)
		abort();
	revision->arena = arena_new();
	revision->holds = 1;
	specs = arena_array(revision->arena, json_array_size(list), sizeof(*specs));
	json_array_foreach(list, i, spec)
	{
		specs[i].name = arena_strdup(revision->arena, tree_text(spec, "name"));
		specs[i].file = arena_strdup(revision->arena, tree_text(spec, "file"));
		specs[i].sha256 = arena_strdup(revision->arena, tree_text(spec, "sha256"));
	}
	revision->seen = (struct source_revision){.directory = arena_strdup(revision->arena, source->path),
	                                          .since = time(NULL),
	                                          .specs = specs,
	                                          .spec_count = json_array_size(list)};
	return revision;
}

static void put_in_force(struct source *source, const json_t *list)
{
	struct revision *revision = make_revision(source, list);

	if (source->current != NULL && is_same(&source->current->seen, &revision->seen)) {
		release(revision);
		return;
	}
	release(source->current);
	source->current = revision;
	source->observer.in_force(source->observer.context);
}

/* As `trueup validate` prints it: "file:line:column: field: message". */
static const char *format_issue(struct arena *arena, const json_t *issue)
{
	json_int_t line = json_integer_value(json_object_get(issue, "line"));
	json_int_t column = json_integer_value(json_object_get(issue, "column"));
	const char *file = tree_text(issue, "file"), *path = tree_text(issue, "path");
	const char *separator = *path != '\0' ? ": " : "", *message = tree_text(issue, "message");

	if (line == 0)
		return arena_printf(arena, "%s: %s%s%s", file, path, separator, message);
	return arena_printf(arena, "%s:%lld:%lld: %s%s%s", file, (long long)line, (long long)column, path, separator,
	                    message);
}

static void list_errors(struct source *source, const json_t *issues)
{
	const char **errors = arena_array(source->status_arena, json_array_size(issues), sizeof(*errors));
	const json_t *issue;
	size_t i;

	json_array_foreach(issues, i, issue)
	{
		errors[i] = format_issue(source->status_arena, issue);
		log_error("%s", errors[i]);
	}
	source->status.errors = errors;
	source->status.error_count = json_array_size(issues);
	source->status.error = "specs are not valid, and what was in force before stays so";
}

/* The look could not even be taken. */
static void tell_failure(struct source *source, const struct child_result *result)
{
	char ending[128];

	process_describe(&result->outcome, ending, sizeof(ending));
	source->status.error = arena_printf(source->status_arena, "reading the specs %s%s%s", ending,
	                                    *result->last_line != '\0' ? ": " : "", result->last_line);
	log_error("%s", source->status.error);
}

static void begin_status(struct source *source)
{
	arena_free(source->status_arena);
	source->status_arena = arena_new();
	source->status = (struct source_status){.location = source->path, .checked_at = time(NULL)};
}

static void end_look(void *context, const struct child_result *result)
{
	struct source *source = context;
	json_t *document = json_loadb(result->output, result->length, 0, NULL);
	const json_t *valid = json_object_get(document, "valid");

	source->reader = NULL;
	source->looked_ms = clock_monotonic_ms();
	begin_status(source);
	if (json_is_true(valid))
		put_in_force(source, json_object_get(document, "specs"));
	else if (json_is_false(valid))
		list_errors(source, json_object_get(document, "issues"));
	else
		tell_failure(source, result);
	json_decref(document);
	source->observer.changed(source->observer.context);
	if (source->again)
		source_fetch(source);
}

static void look(evutil_socket_t fd, short what, void *context)
{
	struct source *source = context;
	const char *const argv[] = {source->program, "validate", "--output=json", "--", source->path, NULL};
	const struct child_options options = {
	    .argv = argv,
	    .name = "trueup",
	    .output_max = OUTPUT_MAX,
	    .timeout_ms = LOOK_MS,
	    .grace_ms = 1000,
	};
	const struct child_callbacks callbacks = {.ended = end_look, .context = source};
	struct error err;

	(void)fd, (void)what;
	source->again = false;
	if (child_start(source->base, &options, &callbacks, &source->reader, &err) == 0)
		return;
	source->looked_ms = clock_monotonic_ms();
	begin_status(source);
	source->status.error = arena_strdup(source->status_arena, err.message);
	log_error("%s", err.message);
	source->observer.changed(source->observer.context);
}

struct source *source_new(const struct source_options *options)
{
	struct source *source = calloc(1, sizeof(*source));

	if (source == NULL)
		abort();
	source->observer = options->observer;
	source->base = options->base;
	source->program = options->program != NULL ? options->program : CHILD_SELF;
	source->look = evtimer_new(options->base, look, source);
	if (source->look == NULL)
		abort();
	source->status_arena = arena_new();
	source_reload(source, options->config);
	return source;
}

void source_free(struct source *source)
{
	if (source == NULL)
		return;
	if (source->reader != NULL)
		child_abandon(source->reader);
	event_free(source->look);
	release(source->current);
	arena_free(source->status_arena);
	arena_free(source->arena);
	free(source);
}

void source_reload(struct source *source, const struct agent_config *config)
{
	struct arena *arena = arena_new();

	source->path = arena_strdup(arena, config->specs.path);
	source->status.location = source->path;
	arena_free(source->arena);
	source->arena = arena;
	source->looked_ms = 0; /* a person changed something: no pause */
	source_fetch(source);
}

void source_fetch(struct source *source)
{
	int64_t left = source->looked_ms + (int64_t)SOURCE_PAUSE * 1000 - clock_monotonic_ms();
	struct timeval after = {0};

	if (source->looked_ms != 0 && left > 0)
		after = (struct timeval){.tv_sec = left / 1000, .tv_usec = left % 1000 * 1000};
	source->again = source->reader != NULL;
	if (source->reader == NULL && !evtimer_pending(source->look, NULL))
		evtimer_add(source->look, &after);
}

const struct source_revision *source_current(const struct source *source)
{
	return source->current != NULL ? &source->current->seen : NULL;
}

const struct source_status *source_status(const struct source *source)
{
	return &source->status;
}

const struct source_revision *source_hold(struct source *source)
{
	if (source->current == NULL)
		return NULL;
	source->current->holds++;
	return &source->current->seen;
}

void source_release(const struct source_revision *revision)
{
#define LOOK_MS 60000
#define OUTPUT_MAX ((size_t)64 * 1024 * 1024)

	/* `seen` is the first member of what holds it. */
	release((struct revision *)revision);
}
