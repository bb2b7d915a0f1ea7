/* Specs from a directory or a file, read where they are. */
#include "daemon/source.h"
#include "base/arena.h"
#include "base/log.h"
#include "spec/load.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

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
	struct event *look;
	time_t looked_at;
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
		if (strcmp(a->specs[i].name, b->specs[i].name) != 0 || strcmp(a->specs[i].file, b->specs[i].file) != 0)
			return false;
	return true;
}

static struct revision *make_revision(const struct source *source, const struct desired_list *list)
{
	struct revision *revision = calloc(1, sizeof(*revision));
	struct source_spec *specs;
	size_t i;

	if (revision == NULL)
		abort();
	revision->arena = arena_new();
	revision->holds = 1;
	specs = arena_array(revision->arena, list->count, sizeof(*specs));
	for (i = 0; i < list->count; i++) {
		specs[i].name = arena_strdup(revision->arena, list->items[i].metadata.name);
		specs[i].file = arena_strdup(revision->arena, list->items[i].file);
	}
	revision->seen = (struct source_revision){.directory = arena_strdup(revision->arena, source->path),
	                                          .since = time(NULL),
	                                          .specs = specs,
	                                          .spec_count = list->count};
	return revision;
}

static void put_in_force(struct source *source, const struct desired_list *list)
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

/* One text a mistake. */
static void list_errors(struct source *source, const struct spec_issues *issues)
{
	struct arena *arena = source->status_arena;
	const char **errors = NULL;
	struct buf text = {0};
	size_t count = 0;
	char *line, *rest;

	if (issues->count == 0)
		return;
	spec_issues_print(issues, &text);
	for (line = strtok_r(text.bytes, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
		*ARENA_PUSH(arena, errors, count) = arena_strdup(arena, line);
		log_error("%s", line);
	}
	buf_free(&text);
	source->status.errors = errors;
	source->status.error_count = count;
	source->status.error = "specs are not valid, and what was in force before stays so";
}

static void look(evutil_socket_t fd, short what, void *context)
{
	struct source *source = context;
	struct arena *arena = arena_new();
	struct desired_list list = {0};
	struct spec_issues issues = {0};
	int rc = spec_load(arena, &source->path, 1, &list, &issues);

	(void)fd, (void)what;
	arena_free(source->status_arena);
	source->status_arena = arena_new();
	source->looked_at = time(NULL);
	source->status = (struct source_status){.location = source->path, .checked_at = source->looked_at};
	list_errors(source, &issues);
	if (rc == 0)
		put_in_force(source, &list);
	arena_free(arena);
	source->observer.changed(source->observer.context);
}

struct source *source_new(const struct source_options *options)
{
	struct source *source = calloc(1, sizeof(*source));

	if (source == NULL)
		abort();
	source->observer = options->observer;
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
	source->looked_at = 0; /* a person changed something: no pause */
	source_fetch(source);
}

void source_fetch(struct source *source)
{
	time_t next = source->looked_at + SOURCE_PAUSE, now = time(NULL);
	struct timeval after = {.tv_sec = source->looked_at != 0 && next > now ? next - now : 0};

	if (!evtimer_pending(source->look, NULL))
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
	/* `seen` is the first member of what holds it. */
	release((struct revision *)revision);
}
