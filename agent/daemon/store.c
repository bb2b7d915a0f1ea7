#include "daemon/store.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "daemon/api.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FOLDER "reports"
#define PATH_SIZE 4096
#define STAMP_LENGTH 20 /* digits of milliseconds since 1970, so that names sort by time */
#define SUFFIX ".json"
#define NAME_LENGTH (STAMP_LENGTH + sizeof(SUFFIX) - 1)
#define FILE_MOST ((size_t)32 * 1024 * 1024)
#define DAY_MS ((int64_t)86400 * 1000)

struct store {
	struct state *state;
	const char *directory;
	struct agent_retention retention;
};

/* --- names --- */

static int is_ours(const struct dirent *entry)
{
	return strlen(entry->d_name) == NAME_LENGTH && strspn(entry->d_name, "0123456789") == STAMP_LENGTH &&
	       strcmp(entry->d_name + STAMP_LENGTH, SUFFIX) == 0;
}

static void folder_of(const char *directory, const char *name, char path[PATH_SIZE])
{
	(void)snprintf(path, PATH_SIZE, "%s/" FOLDER "/%s", directory, name);
}

/* Oldest first. To be freed with free_names(). 0 where there are none. */
static size_t list_names(const char *folder, struct dirent ***names)
{
	int count = scandir(folder, names, is_ours, alphasort);

	return count > 0 ? (size_t)count : 0;
}

static void free_names(struct dirent **names, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		free(names[i]);
	if (count > 0)
		free(names);
}

/* --- writing --- */

static void prune(const struct store *store, const char *folder)
{
	int64_t oldest = (int64_t)time(NULL) * 1000 - store->retention.days * DAY_MS;
	size_t most = (size_t)store->retention.reports, count, i;
	struct dirent **names = NULL;
	char path[PATH_SIZE + 256];

	count = list_names(folder, &names);
	for (i = 0; i < count; i++) {
		if (count - i <= most && strtoll(names[i]->d_name, NULL, 10) >= oldest)
			break;
		(void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
		unlink(path);
	}
	free_names(names, count);
}

static int write_run(const struct store *store, const char *name, const struct state_run *run, struct error *err)
{
	json_t *document = json_pack("{s:o, s:O?}", "run", api_run(run), "report", run->report);
	char *text = json_dumps(document, API_FORMAT);
	char folder[PATH_SIZE], path[PATH_SIZE + 64];
	int64_t stamp = (int64_t)run->started_at * 1000;
	int rc;

	if (text == NULL)
		abort();
	folder_of(store->directory, name, folder);
	rc = file_make_directories(folder, err);
	do /* two runs can begin in one second */
		(void)snprintf(path, sizeof(path), "%s/%0*" PRId64 SUFFIX, folder, STAMP_LENGTH, stamp++);
	while (access(path, F_OK) == 0);
	if (rc == 0)
		rc = file_replace_private(path, text, strlen(text), err);
	if (rc == 0)
		prune(store, folder);
	free(text);
	json_decref(document);
	return rc;
}

static void on_state(void *context, const struct state_event *event)
{
	const struct store *store = context;
	struct error err;

	if (event->change != STATE_CHANGED_ENDED || event->run->exit == 75)
		return;
	if (write_run(store, event->deployment->name, event->run, &err) != 0)
		log_error("%s: the report is not kept: %s", event->deployment->name, err.message);
}

struct store *store_new(struct state *state, const char *directory, const struct agent_retention *retention)
{
	struct store *store = calloc(1, sizeof(*store));

	if (store == NULL)
		abort();
	*store = (struct store){.state = state, .directory = directory, .retention = *retention};
	state_observe(state, (struct state_observer){on_state, store});
	return store;
}

void store_reload(struct store *store, const struct agent_retention *retention)
{
	store->retention = *retention;
}

void store_free(struct store *store)
{
	if (store == NULL)
		return;
	state_unobserve(store->state, store);
	free(store);
}

/* --- reading --- */

/* NULL if it cannot be read. A new reference. */
static json_t *read_document(const char *folder, const char *name)
{
	struct arena *arena = arena_new();
	char path[PATH_SIZE + 256];
	json_t *document = NULL;
	size_t length = 0;
	struct error err;
	char *text;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (file_read(arena, path, FILE_MOST, &text, &length, &err) == 0)
		document = json_loadb(text, length, 0, NULL);
	arena_free(arena);
	return document;
}

json_t *store_list(const char *directory, const char *name, size_t limit)
{
	json_t *list = json_array(), *document;
	struct dirent **names = NULL;
	char folder[PATH_SIZE];
	size_t count, i;

	folder_of(directory, name, folder);
	count = list_names(folder, &names);
	for (i = count; i > 0 && json_array_size(list) < limit; i--) {
		document = read_document(folder, names[i - 1]->d_name);
		if (json_is_object(json_object_get(document, "run")))
			json_array_append(list, json_object_get(document, "run"));
		json_decref(document);
	}
	free_names(names, count);
	return list;
}
