/*
 * Specs from a directory or a file, read where they are; or from a git repository, of which source_git.h makes a
 * directory first. From there on it is the same.
 */
#include "daemon/source.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/child.h"
#include "daemon/git_kept.h"
#include "daemon/source_git.h"
#include "daemon/source_revision.h"
#include "report/tree.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_MS 60000
#define OUTPUT_MAX ((size_t)64 * 1024 * 1024)

struct source {
	struct source_observer observer;
	struct arena *arena; /* of path and git */
	const char *path;    /* NULL: git */
	struct agent_git git;
	const char *state;
	struct source_git *fetching;
	struct source_git_result fetched; /* what is being read; all NULL for a path */
	struct arena *fetched_arena;
	time_t since;             /* when what is read came into force before a restart; 0: it comes into force now */
	const char *distrust;     /* why that may not be used; or NULL */
	bool known;               /* what is in force is of this very configuration */
	struct event *next;       /* by git.interval */
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

static bool is_looking(const struct source *source)
{
	return source->reader != NULL || source->fetching != NULL;
}

/* What the reader reads. */
static const char *find_specs(const struct source *source, struct arena *arena)
{
	return source->path != NULL ? source->path : git_kept_specs(arena, &source->git, source->fetched.checkout);
}

/* Of what is in force. */
static void keep(const struct source *source)
{
	const struct revision *current = source->current;

	git_kept_save(
	    source->state, &source->git,
	    &(struct git_kept){current->seen.commit, current->object, current->checkout, current->seen.since});
}

/* Somebody removed the marker so that any commit would be taken, and it is the same one again; or the disk was full. */
static void keep_again(const struct source *source)
{
	struct arena *arena = arena_new();
	struct git_kept kept = {0};

	if (git_kept_load(arena, source->state, &source->git, &kept) != 0)
		keep(source);
	arena_free(arena);
}

static void put_in_force(struct source *source, const json_t *list)
{
	const struct source_revision seen = {.directory = find_specs(source, source->fetched_arena),
	                                     .commit = source->fetched.commit,
	                                     .since = source->since != 0 ? source->since : time(NULL),
	                                     .distrust = source->distrust};
	struct revision *revision = revision_new(list, &seen, &source->fetched);

	if (source->current != NULL && revision_is_same(&source->current->seen, &revision->seen)) {
		revision_release(revision);
		return;
	}
	if (source->current != NULL)
		source->current->gone = true;
	revision_release(source->current);
	source->current = revision;
	source->known = revision->seen.distrust == NULL;
	if (revision->checkout != NULL && source->known)
		keep(source);
	if (revision->note != NULL)
		log_warn("%s", revision->note);
	source->observer.in_force(source->observer.context);
}

/* As `trueup validate` prints it: "file:line:column: field: message". */
static const char *format_issue(struct arena *arena, const char *file, const json_t *issue)
{
	json_int_t line = json_integer_value(json_object_get(issue, "line"));
	json_int_t column = json_integer_value(json_object_get(issue, "column"));
	const char *path = tree_text(issue, "path");
	const char *separator = *path != '\0' ? ": " : "", *message = tree_text(issue, "message");

	if (line == 0)
		return arena_printf(arena, "%s: %s%s%s", file, path, separator, message);
	return arena_printf(arena, "%s:%lld:%lld: %s%s%s", file, (long long)line, (long long)column, path, separator,
	                    message);
}

/* As git names it, "0123456789ab:specs/a.yaml": who reads it has the repository, and not our checkout of it. */
static const char *name_file(const struct source *source, const char *file)
{
	const char *checkout = source->fetched.checkout;
	size_t length = checkout != NULL ? strlen(checkout) : 0;

	if (length == 0 || strncmp(file, checkout, length) != 0 || file[length] != '/')
		return file;
	return arena_printf(source->status_arena, "%.12s:%s", source->fetched.commit, file + length + 1);
}

static void list_errors(struct source *source, const json_t *issues)
{
	const char **errors = arena_array(source->status_arena, json_array_size(issues), sizeof(*errors));
	const json_t *issue;
	size_t i;

	json_array_foreach(issues, i, issue)
	{
		errors[i] = format_issue(source->status_arena, name_file(source, tree_text(issue, "file")), issue);
		log_error("%s", errors[i]);
	}
	source->status.errors = errors;
	source->status.error_count = json_array_size(issues);
	source->status.error = "specs are not valid, and what was in force before stays so";
	source->status.refused_commit = arena_strdup(source->status_arena, source->fetched.commit);
	if (source->status.refused_commit != NULL)
		source->status.refused_reason = "its specs are not valid";
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
	source->status = (struct source_status){
	    .git = source->path == NULL,
	    .location =
	        source->path != NULL ? source->path : source_git_show_url(source->status_arena, source->git.url),
	    .checked_at = time(NULL),
	};
}

/* What is in force has no look of its own; nothing that went wrong with one may hide this. */
static void tell_distrust(struct source *source)
{
	const struct source_revision *seen = &source->current->seen;
	const char *refused = source->status.refused_commit, *error = source->status.error;

	if (error != NULL && (refused == NULL || seen->commit == NULL || strcmp(refused, seen->commit) != 0))
		source->status.error = arena_printf(source->status_arena, "%s; %s", seen->distrust, error);
	else
		source->status.error = arena_strdup(source->status_arena, seen->distrust);
}

static void settle(struct source *source)
{
	const struct timeval interval = {.tv_sec = (time_t)source->git.interval};

	if (source->current != NULL)
		source->status.note = source->current->note;
	if (source->current != NULL && source->current->seen.distrust != NULL)
		tell_distrust(source);
	source->looked_ms = clock_monotonic_ms();
	if (source->path == NULL)
		evtimer_add(source->next, &interval);
	source->observer.changed(source->observer.context);
	if (source->again)
		source_fetch(source);
}

static const char *describe_distrust(struct arena *arena, const char *commit, const char *why)
{
	return arena_printf(
	    arena, "commit %.12s, which was in force, %s: no run begins until one is there that may be in force",
	    commit, why);
}

/* Of what is in force, or was: its signers may be back. */
static void end_check(void *context, const struct source_git_result *result)
{
	struct source *source = context;
	struct revision *current = source->current;

	source->fetching = NULL;
	if (result->error != NULL && !result->refused) {
		log_error("commit %.12s could not be verified again: %s", result->commit, result->error);
	} else if (result->refused != (current->seen.distrust != NULL)) {
		current->seen.distrust =
		    result->refused ? describe_distrust(current->arena, result->commit, result->error) : NULL;
		if (result->refused)
			log_error("%s", current->seen.distrust);
		source->known = false;
		source->observer.in_force(source->observer.context);
	}
	settle(source);
}

static struct source_git_options git_options(struct source *source,
                                             void (*ended)(void *context, const struct source_git_result *result))
{
	return (struct source_git_options){.base = source->base,
	                                   .git = &source->git,
	                                   .limits = &source_git_limits,
	                                   .state = source->state,
	                                   .ended = ended,
	                                   .context = source};
}

/* Behind each look, whatever came of it. If what it found is not in force, then what is was not verified by it. */
static void end_all(struct source *source)
{
	const struct revision *current = source->current;
	const struct source_git_options options = git_options(source, end_check);

	if (source->path == NULL && source->git.verify.present && source->status.error != NULL && current != NULL &&
	    current->seen.commit != NULL)
		source->fetching = source_git_check(
		    &options, &(struct git_kept){.commit = current->seen.commit, .object = current->object});
	else
		settle(source);
}

static void tell_error(struct source *source, const char *error)
{
	source->status.error = arena_strdup(source->status_arena, error);
	log_error("%s", error);
	end_all(source);
}

/* What was checked out and is not in force is nobody's. What was in force before a restart is for the next one, too. */
static void drop_fetched(struct source *source)
{
	if (source->fetched.checkout != NULL && source->since == 0 &&
	    (source->current == NULL || source->current->checkout == NULL ||
	     strcmp(source->current->checkout, source->fetched.checkout) != 0))
		git_kept_remove(source->fetched.checkout);
	source->fetched = (struct source_git_result){0};
	source->since = 0;
	source->distrust = NULL;
	arena_free(source->fetched_arena);
	source->fetched_arena = arena_new();
}

static void end_look(void *context, const struct child_result *result)
{
	struct source *source = context;
	json_t *document = json_loadb(result->output, result->length, 0, NULL);
	const json_t *valid = json_object_get(document, "valid");

	source->reader = NULL;
	begin_status(source);
	if (json_is_true(valid))
		put_in_force(source, json_object_get(document, "specs"));
	else if (json_is_false(valid))
		list_errors(source, json_object_get(document, "issues"));
	else
		tell_failure(source, result);
	json_decref(document);
	drop_fetched(source);
	end_all(source);
}

static void read_specs(struct source *source)
{
	const char *specs = find_specs(source, source->fetched_arena);
	const char *const argv[] = {source->program, "validate", "--output=json", "--", specs, NULL};
	const struct child_options options = {
	    .argv = argv,
	    .name = "trueup",
	    .plain_environment = true,
	    .output_max = OUTPUT_MAX,
	    .timeout_ms = LOOK_MS,
	    .grace_ms = 1000,
	};
	const struct child_callbacks callbacks = {.ended = end_look, .context = source};
	struct error err;

	if (child_start(source->base, &options, &callbacks, &source->reader, &err) == 0)
		return;
	drop_fetched(source);
	begin_status(source);
	tell_error(source, err.message);
}

static void end_fetch(void *context, const struct source_git_result *result)
{
	struct source *source = context;
	struct arena *arena = source->fetched_arena;

	source->fetching = NULL;
	if (result->checkout != NULL) {
		source->fetched = (struct source_git_result){
		    .commit = arena_strdup(arena, result->commit),
		    .object = arena_strdup(arena, result->object),
		    .checkout = arena_strdup(arena, result->checkout),
		    .note = arena_strdup(arena, result->note),
		};
		read_specs(source);
		return;
	}
	begin_status(source);
	if (result->error == NULL) {
		keep_again(source);
		end_all(source);
		return;
	}
	if (result->refused) {
		source->status.refused_commit = arena_strdup(source->status_arena, result->commit);
		source->status.refused_reason = arena_strdup(source->status_arena, result->error);
	}
	arena = source->status_arena;
	tell_error(source, result->refused
	                       ? arena_printf(arena, "commit %.12s is refused: %s", result->commit, result->error)
	                       : arena_printf(arena, "%s: %s", source->status.location, result->error));
}

static void fetch(struct source *source)
{
	struct source_git_options options = git_options(source, end_fetch);
	struct arena *arena = arena_new();
	struct git_kept kept = {0};

	if (source->known)
		options.known = source->current->seen.commit;
	/* Of the file and not of what we know, so that a person can take it away. */
	if (git_kept_load(arena, source->state, &source->git, &kept) == 0)
		options.before = kept.commit;
	source->fetching = source_git_start(&options);
	arena_free(arena);
}

/* It is listed in any case, so that nobody wonders where the deployments are. */
static void end_recall(void *context, const struct source_git_result *result)
{
	struct source *source = context;

	source->fetching = NULL;
	if (result->error != NULL) {
		source->distrust = describe_distrust(source->fetched_arena, result->commit, result->error);
		log_error("%s", source->distrust);
	}
	read_specs(source);
}

/* True if what was in force before a restart is being verified, or read. */
static bool recall(struct source *source)
{
	const struct source_git_options options = git_options(source, end_recall);
	struct git_kept kept = {0};

	if (source->current != NULL || source->looked_ms != 0)
		return false;
	if (git_kept_load(source->fetched_arena, source->state, &source->git, &kept) != 0) {
		git_kept_sweep(source->state, NULL);
		return false;
	}
	git_kept_sweep(source->state, kept.checkout);
	source->fetched =
	    (struct source_git_result){.commit = kept.commit, .object = kept.object, .checkout = kept.checkout};
	source->since = kept.since;
	source->again = true; /* the remote's turn comes next */
	if (source->git.verify.present)
		source->fetching = source_git_check(&options, &kept);
	else
		read_specs(source);
	return true;
}

static void look(evutil_socket_t fd, short what, void *context)
{
	struct source *source = context;

	(void)fd, (void)what;
	source->again = false;
	if (source->path != NULL)
		read_specs(source);
	else if (!recall(source))
		fetch(source);
}

static void look_again(evutil_socket_t fd, short what, void *context)
{
	(void)fd, (void)what;
	source_fetch(context);
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
	source->next = evtimer_new(options->base, look_again, source);
	if (source->look == NULL || source->next == NULL)
		abort();
	source->status_arena = arena_new();
	source->fetched_arena = arena_new();
	source->state = options->state;
	source_reload(source, options->config);
	return source;
}

static void end_looking(struct source *source)
{
	if (source->reader != NULL)
		child_abandon(source->reader);
	if (source->fetching != NULL)
		source_git_abandon(source->fetching);
	source->reader = NULL;
	source->fetching = NULL;
}

void source_free(struct source *source)
{
	if (source == NULL)
		return;
	end_looking(source);
	event_free(source->look);
	event_free(source->next);
	revision_release(source->current);
	arena_free(source->fetched_arena);
	arena_free(source->status_arena);
	arena_free(source->arena);
	free(source);
}

static struct agent_git copy_git(struct arena *arena, const struct agent_git *git)
{
	struct agent_git copy = *git;
	const char **texts[] = {
	    &copy.url,     &copy.branch, &copy.tag, &copy.directory, &copy.verify.allowed_signers, &copy.verify.keyring,
	    &copy.ssh_key, &copy.token};
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		*texts[i] = arena_strdup(arena, *texts[i]);
	return copy;
}

void source_reload(struct source *source, const struct agent_config *config)
{
	struct arena *arena = arena_new();

	if (is_looking(source)) {
		end_looking(source); /* by rules that hold no longer */
		if (source->arena != NULL)
			drop_fetched(source);
	}
	source->path = arena_strdup(arena, config->specs.path);
	source->git = copy_git(arena, &config->specs.git);
	source->known = false;
	evtimer_del(source->next);
	arena_free(source->status_arena);
	source->status_arena = arena_new();
	source->status = (struct source_status){
	    .git = source->path == NULL,
	    .location = arena_strdup(source->status_arena,
	                             source->path != NULL ? source->path
	                                                  : source_git_show_url(source->status_arena, source->git.url)),
	    .checked_at = source->status.checked_at,
	};
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
	source->again = is_looking(source);
	if (!source->again && !evtimer_pending(source->look, NULL))
		evtimer_add(source->look, &after);
}

bool source_is_asked(const struct source *source)
{
	return source->again || evtimer_pending(source->look, NULL) != 0;
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
	revision_release((struct revision *)revision);
}
