#include "daemon/history.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "daemon/api.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER "reports"
#define INDEX "index.jsonl"
#define INDEX_FORMAT "trueup/runs/v1"
#define PATH_SIZE 4096
#define STAMP_LENGTH 20 /* digits of milliseconds since 1970, so that names sort by time */
#define SUFFIX ".json"
#define NAME_LENGTH (STAMP_LENGTH + sizeof(SUFFIX) - 1)
#define FILE_MOST ((size_t)32 * 1024 * 1024)
#define LINE_MOST ((size_t)64 * 1024)
#define DAY_MS ((int64_t)86400 * 1000)
#define KEPT_OF_ANY_AGE 20 /* if there may be as many: a clock that is years ahead makes all of them old */
#define BESIDE ".XXXXXX"   /* of file_replace() */
#define BESIDE_MOST_S 3600 /* then whoever wrote it was killed */

/* What an index is made anew from: it may be the agent's loop that waits for it. */
#define REBUILD_FILES 500
#define REBUILD_BYTES ((size_t)64 * 1024 * 1024)
#define PAUSE_MS 60000 /* behind an index that could not be written */
#define PAUSE_FILES 20 /* that a list has meanwhile */

#define LOCK_TRIES 10
#define LOCK_WAIT_US 20000

static const struct agent_retention retention_default = {.days = 90, .reports = 1000};

/* A folder of reports, as it is now. */
struct folder {
	char path[PATH_SIZE];
	struct dirent **names; /* oldest first */
	size_t count;
};

struct index {
	struct arena *arena;
	char *text;
	size_t length;
	size_t first; /* where its runs begin, behind the line about itself */
	struct agent_retention retention;
};

/* --- the folder --- */

static int is_ours(const struct dirent *entry)
{
	return strlen(entry->d_name) == NAME_LENGTH && strspn(entry->d_name, "0123456789") == STAMP_LENGTH &&
	       strcmp(entry->d_name + STAMP_LENGTH, SUFFIX) == 0;
}

/* What is written beside a file of ours, to take its place. */
static int is_beside(const struct dirent *entry)
{
	const size_t length = strlen(entry->d_name), suffix = sizeof(BESIDE) - 1;
	struct dirent file = {0};

	if (length <= suffix || entry->d_name[length - suffix] != '.')
		return 0;
	(void)snprintf(file.d_name, sizeof(file.d_name), "%.*s", (int)(length - suffix), entry->d_name);
	return strcmp(file.d_name, INDEX) == 0 || is_ours(&file);
}

static void open_folder(struct folder *folder, const char *directory, const char *name)
{
	int count;

	*folder = (struct folder){0};
	(void)snprintf(folder->path, sizeof(folder->path), "%s/" FOLDER "/%s", directory, name);
	count = scandir(folder->path, &folder->names, is_ours, alphasort);
	folder->count = count > 0 ? (size_t)count : 0;
}

static void close_folder(struct folder *folder)
{
	size_t i;

	for (i = 0; i < folder->count; i++)
		free(folder->names[i]);
	free(folder->names);
}

static const char *newest_of(const struct folder *folder)
{
	return folder->count > 0 ? folder->names[folder->count - 1]->d_name : NULL;
}

static const char *path_in(struct arena *arena, const struct folder *folder, const char *name)
{
	return arena_printf(arena, "%s/%s", folder->path, name);
}

/*
 * To be closed. -1 where there is no folder, or none that can be locked: then it is written unlocked. It may be the
 * agent's loop that waits, and whoever holds the lock may have been stopped.
 */
static int lock_folder(const char *directory, const char *name)
{
	char path[PATH_SIZE];
	int fd, i;

	(void)snprintf(path, sizeof(path), "%s/" FOLDER "/%s", directory, name);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (i = 0; fd >= 0 && i < LOCK_TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return fd;
		usleep(LOCK_WAIT_US);
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

static void unlock_folder(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void prune(struct arena *arena, const struct folder *folder, const struct agent_retention *retention)
{
	int64_t oldest = (int64_t)time(NULL) * 1000 - retention->days * DAY_MS;
	size_t i;

	for (i = 0; i < folder->count; i++) {
		const char *name = folder->names[i]->d_name;

		if (folder->count - i <= (size_t)retention->reports &&
		    (folder->count - i <= KEPT_OF_ANY_AGE || strtoll(name, NULL, 10) >= oldest))
			break;
		unlink(path_in(arena, folder, name));
	}
}

/* What a power failure or a kill has left half written. */
static void sweep(struct arena *arena, const struct folder *folder)
{
	struct dirent **names = NULL;
	int i, count = scandir(folder->path, &names, is_beside, NULL);
	struct stat st;

	for (i = 0; i < count; i++) {
		const char *path = path_in(arena, folder, names[i]->d_name);

		if (lstat(path, &st) == 0 && st.st_mtime < time(NULL) - BESIDE_MOST_S)
			unlink(path);
		free(names[i]);
	}
	free(names);
}

/* --- lines of the index --- */

static void add_header(struct buf *text, const struct agent_retention *retention)
{
	buf_printf(text, "{\"index\":\"" INDEX_FORMAT "\",\"days\":%" PRId64 ",\"reports\":%" PRId64 "}\n",
	           retention->days, retention->reports);
}

/* A run that has too much to say says how much. */
static void add_line(struct buf *text, json_t *run)
{
	char *line = json_dumps(run, API_FORMAT);

	if (line != NULL && strlen(line) > LINE_MOST) {
		free(line);
		json_object_set_new(run, "drift", json_array());
		json_object_set_new(run, "actions", json_array());
		json_object_del(run, "problem");
		line = json_dumps(run, API_FORMAT);
	}
	if (line == NULL)
		abort();
	buf_printf(text, "%s\n", line);
	free(line);
}

/* Where the line begins that ends before `end`, of those from `first` on. */
static size_t find_line(const char *text, size_t first, size_t end)
{
	size_t at = end - 1;

	while (at > first && text[at - 1] != '\n')
		at--;
	return at;
}

/* NULL if it is none. A new reference. */
static json_t *read_line(const char *text, size_t begin, size_t end)
{
	json_t *run = json_loadb(text + begin, end - begin, JSON_REJECT_DUPLICATES, NULL);

	if (json_is_string(json_object_get(run, "report")))
		return run;
	json_decref(run);
	return NULL;
}

/* The newest `limit` of those that still have their report. NULL: a line is none of ours. */
static json_t *list_lines(const char *text, size_t first, size_t end, const char *oldest, size_t limit)
{
	json_t *list = json_array(), *run;
	size_t begin;

	for (; end > first && json_array_size(list) < limit; end = begin) {
		begin = find_line(text, first, end);
		run = read_line(text, begin, end);
		if (run == NULL) {
			json_decref(list);
			return NULL;
		}
		if (strcmp(json_string_value(json_object_get(run, "report")), oldest) < 0) {
			json_decref(run);
			break;
		}
		json_array_append_new(list, run);
	}
	return list;
}

static bool read_header(struct index *index)
{
	const char *end = memchr(index->text, '\n', index->length);
	json_t *header = end != NULL ? json_loadb(index->text, (size_t)(end - index->text), 0, NULL) : NULL;
	const char *format = json_string_value(json_object_get(header, "index"));
	bool known = format != NULL && strcmp(format, INDEX_FORMAT) == 0;

	index->retention.days = json_integer_value(json_object_get(header, "days"));
	index->retention.reports = json_integer_value(json_object_get(header, "reports"));
	index->first = end != NULL ? (size_t)(end + 1 - index->text) : 0;
	json_decref(header);
	return known && index->retention.days > 0 && index->retention.reports > 0;
}

/* Whether it ends with the newest of the files: it is whole, and nothing was written behind its back. */
static bool is_up_to_date(const struct index *index, const struct folder *folder)
{
	const char *newest = newest_of(folder);
	json_t *last;
	bool same;

	if (index->length == index->first || newest == NULL)
		return newest == NULL;
	if (index->text[index->length - 1] != '\n')
		return false;
	last = read_line(index->text, find_line(index->text, index->first, index->length), index->length);
	same = last != NULL && strcmp(json_string_value(json_object_get(last, "report")), newest) == 0;
	json_decref(last);
	return same;
}

/* False: there is none that can be used. What it says of retention is read if it can be. */
static bool load_index(struct arena *arena, const struct folder *folder, struct index *index)
{
	struct error err;

	*index = (struct index){.arena = arena, .retention = retention_default};
	if (file_read(arena, path_in(arena, folder, INDEX), 2 * HISTORY_INDEX_MOST, &index->text, &index->length,
	              &err) != 0)
		return false;
	if (!read_header(index)) {
		index->retention = retention_default;
		return false;
	}
	return is_up_to_date(index, folder);
}

/* --- making it anew --- */

/* The run of a report's file. NULL if it cannot be read. A new reference. */
static json_t *read_run(const struct folder *folder, const char *name, size_t *bytes)
{
	struct arena *arena = arena_new();
	json_t *document = NULL, *run;
	size_t length = 0;
	struct error err;
	char *text;

	if (file_read(arena, path_in(arena, folder, name), FILE_MOST, &text, &length, &err) == 0)
		document = json_loadb(text, length, 0, NULL);
	*bytes += length;
	arena_free(arena);
	run = json_incref(json_object_get(document, "run"));
	json_decref(document);
	if (json_is_object(run)) {
		json_object_set_new(run, "report", json_string(name));
		return run;
	}
	json_decref(run);
	return NULL;
}

/* From as many of the newest files, as text. */
static void collect(const struct folder *folder, const struct agent_retention *retention, size_t most, struct buf *text)
{
	json_t *runs = json_array(), *run;
	size_t i, bytes = 0;

	for (i = folder->count; i > 0 && json_array_size(runs) < most && bytes < REBUILD_BYTES; i--) {
		run = read_run(folder, folder->names[i - 1]->d_name, &bytes);
		if (run != NULL)
			json_array_append_new(runs, run);
	}
	add_header(text, retention);
	for (i = json_array_size(runs); i > 0; i--)
		add_line(text, json_array_get(runs, i - 1));
	json_decref(runs);
}

/* `text`: the new one, also if it could not be written: then -1. */
static int rebuild(struct arena *arena, const struct folder *folder, const struct agent_retention *retention,
                   struct buf *text)
{
	struct error err;

	collect(folder, retention, REBUILD_FILES, text);
	if (file_replace_private(path_in(arena, folder, INDEX), text->bytes, text->length, &err) == 0)
		return 0;
	log_warn("the index of reports is not kept: %s", err.message);
	return -1;
}

/* --- adding a run to it --- */

static bool is_same(const struct agent_retention *a, const struct agent_retention *b)
{
	return a->days == b->days && a->reports == b->reports;
}

/* What does not get there as a whole is seen by the next who reads, and made good. */
static void append(const char *path, const struct buf *line)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 || write(fd, line->bytes, line->length) != (ssize_t)line->length)
		log_warn("%s: cannot be written: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

/* Other retention, or too long: the newer half of it, and the line. */
static void rewrite(const char *path, const struct index *index, const struct agent_retention *retention,
                    const struct buf *line)
{
	size_t from = index->first;
	struct buf text = {0};
	struct error err;

	if (index->length + line->length > HISTORY_INDEX_MOST)
		from = find_line(index->text, index->first, index->length - index->length / 2);
	add_header(&text, retention);
	buf_append(&text, index->text + from, index->length - from);
	buf_append(&text, line->bytes, line->length);
	if (file_replace_private(path, text.bytes, text.length, &err) != 0)
		log_warn("the index of reports is not kept: %s", err.message);
	buf_free(&text);
}

static void add_to_index(struct arena *arena, const struct folder *folder, const struct index *index,
                         const struct agent_retention *retention, json_t *run)
{
	const char *path = path_in(arena, folder, INDEX);
	struct buf line = {0};

	add_line(&line, run);
	if (is_same(&index->retention, retention) && index->length + line.length <= HISTORY_INDEX_MOST)
		append(path, &line);
	else
		rewrite(path, index, retention, &line);
	buf_free(&line);
}

/* --- keeping a run --- */

/* Behind those that there are: two can end in one moment, and clocks be set back. */
static const char *name_report(struct arena *arena, const struct folder *folder, const struct state_run *run)
{
	int64_t stamp = (int64_t)run->finished_at * 1000;
	int64_t newest = folder->count > 0 ? strtoll(newest_of(folder), NULL, 10) : 0;

	return arena_printf(arena, "%0*" PRId64 SUFFIX, STAMP_LENGTH, stamp > newest ? stamp : newest + 1);
}

static json_t *make_record(const struct state_run *run, const struct caller *caller, const char *report)
{
	json_t *record = api_run(run);

	json_object_update_new(
	    record, json_pack("{s:s, s:s, s:s}", "user", caller->user, "host", caller->host, "report", report));
	return record;
}

static int write_report(const char *path, json_t *record, const struct state_run *run, struct error *err)
{
	json_t *document = json_pack("{s:O, s:O?}", "run", record, "report", run->report);
	char *text = json_dumps(document, API_FORMAT);
	int rc;

	if (text == NULL)
		abort();
	rc = file_replace_private(path, text, strlen(text), err);
	free(text);
	json_decref(document);
	return rc;
}

static int keep(struct arena *arena, const struct history_keeper *keeper, const char *name, const struct state_run *run,
                struct error *err)
{
	const struct agent_retention *retention = keeper->retention;
	struct buf text = {0};
	struct folder folder;
	struct index index;
	const char *report;
	json_t *record;
	bool usable;
	int rc;

	open_folder(&folder, keeper->directory, name);
	usable = load_index(arena, &folder, &index) && index.first > 0;
	if (retention == NULL)
		retention = &index.retention;
	report = name_report(arena, &folder, run);
	record = make_record(run, &keeper->caller, report);
	rc = write_report(path_in(arena, &folder, report), record, run, err);
	close_folder(&folder);
	open_folder(&folder, keeper->directory, name);
	if (rc == 0 && usable)
		add_to_index(arena, &folder, &index, retention, record);
	else if (rc == 0)
		(void)rebuild(arena, &folder, retention, &text);
	if (rc == 0)
		prune(arena, &folder, retention);
	sweep(arena, &folder);
	close_folder(&folder);
	json_decref(record);
	buf_free(&text);
	return rc;
}

int history_keep(const struct history_keeper *keeper, const char *name, const struct state_run *run, struct error *err)
{
	struct arena *arena = arena_new();
	const char *folder = arena_printf(arena, "%s/" FOLDER "/%s", keeper->directory, name);
	int lock, rc = -1;

	if (file_make_directories(folder, err) == 0) {
		lock = lock_folder(keeper->directory, name);
		rc = keep(arena, keeper, name, run, err);
		unlock_folder(lock);
	}
	arena_free(arena);
	return rc;
}

/* --- listing --- */

/* NULL: the index has to be made anew. */
static json_t *list_index(struct arena *arena, const struct folder *folder, size_t limit)
{
	struct index index;

	if (folder->count == 0)
		return json_array();
	if (!load_index(arena, folder, &index))
		return NULL;
	return list_lines(index.text, index.first, index.length, folder->names[0]->d_name, limit);
}

/* What cannot be written is not made with every list, but each has the newest runs. */
static void make_index(struct arena *arena, const struct folder *folder, int64_t *pause, struct buf *text)
{
	struct index index;

	(void)load_index(arena, folder, &index);
	if (pause != NULL && clock_monotonic_ms() < *pause)
		collect(folder, &index.retention, PAUSE_FILES, text);
	else if (rebuild(arena, folder, &index.retention, text) != 0 && pause != NULL)
		*pause = clock_monotonic_ms() + PAUSE_MS;
}

/* With the lock: whoever was writing has done so. */
static json_t *list_anew(struct arena *arena, const char *directory, const char *name, size_t limit, int64_t *pause)
{
	int lock = lock_folder(directory, name);
	struct buf text = {0};
	struct folder folder;
	json_t *list;

	open_folder(&folder, directory, name);
	list = list_index(arena, &folder, limit);
	if (list == NULL) {
		make_index(arena, &folder, pause, &text);
		list = list_lines(text.bytes, (size_t)(strchr(text.bytes, '\n') + 1 - text.bytes), text.length,
		                  folder.names[0]->d_name, limit);
	}
	close_folder(&folder);
	buf_free(&text);
	unlock_folder(lock);
	return list != NULL ? list : json_array();
}

json_t *history_list(const char *directory, const char *name, size_t limit, int64_t *pause)
{
	struct arena *arena = arena_new();
	struct folder folder;
	json_t *list;

	open_folder(&folder, directory, name);
	list = list_index(arena, &folder, limit);
	close_folder(&folder);
	if (list == NULL)
		list = list_anew(arena, directory, name, limit, pause);
	arena_free(arena);
	return list;
}
