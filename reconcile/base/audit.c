#include "base/audit.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_PREVIOUS "0000000000000000000000000000000000000000000000000000000000000000"
#define HEAD_SIZE 128
#define PATH_SIZE 4096
#define FILES_MAX 999999
#define FILE_READ_MAX ((size_t)64 * 1024 * 1024)

/* Where the chain stands. */
struct chain {
	int64_t sequence; /* of the last line; 0: none */
	char hash[DIGEST_SHA256_HEX_SIZE];
};

struct audit {
	pthread_mutex_t mutex;
	char directory[PATH_SIZE];
	struct chain chain;
	int64_t number; /* of the file */
	size_t bytes;   /* in it */
	size_t limit;
	int fd, head;
	bool broken;
};

static void hash_line(const char *line, size_t length, char out[DIGEST_SHA256_HEX_SIZE])
{
	digest_sha256_hex(line, length, out);
}

static int name_directory(char out[PATH_SIZE], const char *directory, const char *name, struct error *err)
{
	if (snprintf(out, PATH_SIZE - 64, "%s/audit/%s", directory, name) >= PATH_SIZE - 64)
		return error_set(err, ERROR_INVALID, "the name of the state directory is too long");
	return 0;
}

static void name_file(char out[PATH_SIZE + 32], const char *directory, int64_t number)
{
	snprintf(out, PATH_SIZE + 32, "%s/%06" PRId64 ".jsonl", directory, number);
}

static bool file_exists(const char *directory, int64_t number)
{
	char path[PATH_SIZE + 32];
	struct stat st;

	name_file(path, directory, number);
	return stat(path, &st) == 0;
}

/* The number of the last file; 0: there is none. */
static int64_t find_last(const char *directory)
{
	int64_t number = 0;

	while (number < FILES_MAX && file_exists(directory, number + 1))
		number++;
	return number;
}

/* What the head says. False: there is none, or it makes no sense. */
static bool read_head(const char *directory, struct chain *head)
{
	char path[PATH_SIZE + 32], text[HEAD_SIZE + 1] = "";
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "%s/head", directory);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	got = read(fd, text, HEAD_SIZE);
	close(fd);
	return got > 0 && sscanf(text, "%" SCNd64 " %64[0-9a-f]", &head->sequence, head->hash) == 2 &&
	       strlen(head->hash) == DIGEST_SHA256_HEX_SIZE - 1;
}

struct walk {
	struct chain chain;
	struct chain head;
	bool has_head, head_met;
	bool believes; /* the first line that it reads, about what is before it */
	struct audit_check check;
	json_t *kept; /* an array for what people look at; NULL: nothing is kept */
};

/* One line, without its end, against the chain, which it becomes the end of. */
static int follow_line(struct walk *walk, const char *line, size_t length, struct error *err)
{
	json_t *json = json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);
	const char *previous = json_string_value(json_object_get(json, "previous"));
	int64_t sequence = json_integer_value(json_object_get(json, "sequence"));
	const char *event = json_string_value(json_object_get(json, "event"));
	struct chain *chain = &walk->chain;
	int rc = 0;

	if (json == NULL || previous == NULL)
		rc = error_set(err, ERROR_INVALID, "it is no line of an audit log");
	else if (sequence != chain->sequence + 1)
		rc = error_set(err, ERROR_INVALID, "it has the number %" PRId64 ", and %" PRId64 " should follow",
		               sequence, chain->sequence + 1);
	else if (strcmp(previous, chain->hash) != 0)
		rc = error_set(err, ERROR_INVALID, "the line before it is not the one that it was written behind");
	if (rc == 0 && walk->kept != NULL && event != NULL && (strcmp(event, "run") == 0 || strcmp(event, "end") == 0))
		json_array_append(walk->kept, json);
	json_decref(json);
	if (rc != 0)
		return -1;
	chain->sequence = sequence;
	hash_line(line, length, chain->hash);
	return 0;
}

/* Where the chain stood before that line, if it is right about it. */
static void believe_line(struct chain *chain, const char *line, size_t length)
{
	json_t *json = json_loadb(line, length, 0, NULL);
	const char *previous = json_string_value(json_object_get(json, "previous"));

	chain->sequence = json_integer_value(json_object_get(json, "sequence")) - 1;
	snprintf(chain->hash, sizeof(chain->hash), "%s", previous != NULL ? previous : "");
	json_decref(json);
}

/* All lines of a file; what has no end is counted in check.torn. */
static int walk_text(struct walk *walk, const char *path, const char *text, size_t length, struct error *err)
{
	const char *at = text, *end;
	int64_t number = 0;

	walk->check.torn = 0;
	while (at < text + length) {
		end = memchr(at, '\n', (size_t)(text + length - at));
		if (end == NULL) {
			walk->check.torn = (size_t)(text + length - at);
			return 0;
		}
		number++;
		if (walk->believes)
			believe_line(&walk->chain, at, (size_t)(end - at));
		walk->believes = false;
		if (follow_line(walk, at, (size_t)(end - at), err) != 0)
			return error_context(err, "%s:%" PRId64, path, number);
		if (walk->has_head && walk->chain.sequence == walk->head.sequence) {
			if (strcmp(walk->chain.hash, walk->head.hash) != 0)
				return error_set(err, ERROR_INVALID,
				                 "%s:%" PRId64 ": it is not the line that the head tells of", path,
				                 number);
			walk->head_met = true;
		}
		walk->check.lines++;
		at = end + 1;
	}
	return 0;
}

static int walk_file(struct walk *walk, const char *directory, int64_t number, bool last, struct error *err)
{
	struct arena *arena = arena_new();
	char path[PATH_SIZE + 32], *text;
	size_t length;
	int rc;

	name_file(path, directory, number);
	rc = file_read(arena, path, FILE_READ_MAX, &text, &length, err);
	if (rc == 0)
		rc = walk_text(walk, path, text, length, err);
	if (rc == 0 && !last && walk->check.torn > 0)
		rc = error_set(err, ERROR_INVALID, "%s: its last line has no end, and another file follows", path);
	arena_free(arena);
	return rc;
}

static int check_head(const struct walk *walk, const char *directory, struct error *err)
{
	/* The first line is on disk a moment before the head is. */
	if (!walk->has_head && walk->chain.sequence > 1)
		return error_set(err, ERROR_INVALID, "%s/head is missing or makes no sense", directory);
	if (walk->has_head && !walk->head_met)
		return error_set(err, ERROR_INVALID,
		                 "%s: it ends with line %" PRId64 ", and there were %" PRId64
		                 " when it was last written to",
		                 directory, walk->chain.sequence, walk->head.sequence);
	return 0;
}

/* `whole`: from its beginning, else the end of it, where the head's line is. */
static int walk_log(struct walk *walk, const char *directory, bool whole, struct error *err)
{
	int64_t number, last;

	*walk = (struct walk){.chain.hash = FIRST_PREVIOUS, .kept = walk->kept};
	walk->has_head = read_head(directory, &walk->head); /* before the lines: a run may be adding some */
	last = find_last(directory);
	number = whole || last < 3 ? 1 : last - 1; /* a run may have ended before the last had a line */
	walk->believes = number > 1;
	for (; number <= last; number++)
		if (walk_file(walk, directory, number, number == last, err) != 0)
			return -1;
	walk->check.files = last;
	return check_head(walk, directory, err);
}

int audit_verify(const char *directory, const char *name, struct audit_check *check, struct error *err)
{
	char path[PATH_SIZE];
	struct walk walk = {0};
	struct stat st;
	int rc;

	*check = (struct audit_check){0};
	if (name_directory(path, directory, name, err) != 0)
		return -1;
	if (stat(path, &st) != 0)
		return error_errno(err, "there is no audit log %s", path);
	rc = walk_log(&walk, path, true, err);
	*check = walk.check;
	return rc;
}

int audit_read(const char *directory, const char *name, json_t **lines, struct error *err)
{
	char path[PATH_SIZE];
	struct walk walk = {0};
	struct stat st;

	if (name_directory(path, directory, name, err) != 0)
		return -1;
	if (stat(path, &st) != 0)
		return error_errno(err, "there is no audit log %s", path);
	walk.kept = json_array();
	if (walk_log(&walk, path, false, err) == 0) {
		*lines = walk.kept;
		return 0;
	}
	json_decref(walk.kept);
	return -1;
}

static int open_file(struct audit *audit, struct error *err)
{
	char path[PATH_SIZE + 32];
	int directory;

	name_file(path, audit->directory, audit->number);
	audit->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (audit->fd < 0)
		return error_errno(err, "cannot open the audit log %s", path);
	directory = open(audit->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory >= 0) {
		(void)fsync(directory); /* some file systems refuse it on directories */
		close(directory);
	}
	return 0;
}

/* What a killed process left of a line goes, and the log says so. */
static int mend(struct audit *audit, size_t torn, struct error *err)
{
	struct stat st;

	if (fstat(audit->fd, &st) != 0)
		return error_errno(err, "cannot read the audit log in %s", audit->directory);
	audit->bytes = (size_t)st.st_size;
	if (torn == 0)
		return 0;
	if (ftruncate(audit->fd, (off_t)(audit->bytes - torn)) != 0)
		return error_errno(err, "cannot mend the audit log in %s", audit->directory);
	audit->bytes -= torn;
	return audit_write(audit, "mended", json_pack("{s:I}", "bytesCutOff", (json_int_t)torn), NULL, err);
}

static int open_log(struct audit *audit, struct error *err)
{
	char path[PATH_SIZE + 32];
	struct walk walk = {0};

	if (file_make_directories(audit->directory, err) != 0)
		return -1;
	if (walk_log(&walk, audit->directory, false, err) != 0) {
		error_context(err, "the audit log was changed by somebody else, and nothing is done without one. Look "
		                   "into it, and move the directory aside to begin another");
		err->code = ERROR_STATE; /* it is not the spec that is invalid */
		return -1;
	}
	audit->chain = walk.chain;
	audit->number = walk.check.files > 0 ? walk.check.files : 1;
	snprintf(path, sizeof(path), "%s/head", audit->directory);
	audit->head = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (audit->head < 0)
		return error_errno(err, "cannot open %s", path);
	if (open_file(audit, err) != 0)
		return -1;
	return mend(audit, walk.check.torn, err);
}

int audit_open(const char *directory, const char *name, size_t file_bytes, struct audit **out, struct error *err)
{
	struct audit *audit = calloc(1, sizeof(*audit));

	*out = NULL;
	if (audit == NULL)
		abort();
	pthread_mutex_init(&audit->mutex, NULL);
	audit->fd = audit->head = -1;
	audit->limit = file_bytes > 0 ? file_bytes : AUDIT_FILE_BYTES;
	if (name_directory(audit->directory, directory, name, err) != 0 || open_log(audit, err) != 0) {
		audit_close(audit);
		return -1;
	}
	*out = audit;
	return 0;
}

void audit_close(struct audit *audit)
{
	if (audit == NULL)
		return;
	if (audit->fd >= 0)
		close(audit->fd);
	if (audit->head >= 0) {
		(void)fdatasync(audit->head); /* it may lag, and is believed only as far as it goes */
		close(audit->head);
	}
	pthread_mutex_destroy(&audit->mutex);
	free(audit);
}

static char *format_line(const struct audit *audit, const char *event, json_t *fields)
{
	char now[CLOCK_RFC3339_SIZE], *text;
	json_int_t sequence = audit->chain.sequence;
	json_t *line;

	clock_format_rfc3339(time(NULL), now);
	line = json_pack("{s:I, s:s, s:s}", "sequence", sequence + 1, "time", now, "event", event);
	if (fields != NULL)
		json_object_update_missing(line, fields);
	json_object_set_new(line, "previous", json_string(audit->chain.hash));
	text = json_dumps(line, JSON_COMPACT | JSON_ENSURE_ASCII);
	json_decref(line);
	if (text == NULL)
		abort();
	return text;
}

static int rotate(struct audit *audit, struct error *err)
{
	if (audit->bytes < audit->limit)
		return 0;
	close(audit->fd);
	audit->number++;
	audit->bytes = 0;
	return open_file(audit, err);
}

/* O_APPEND and one write(): a line is there as a whole, or torn at the end of the file. */
static int append_line(struct audit *audit, const char *line, struct error *err)
{
	char head[HEAD_SIZE + 1];
	size_t length = strlen(line);
	struct buf whole = {0};
	ssize_t put;

	buf_printf(&whole, "%s\n", line);
	put = write(audit->fd, whole.bytes, whole.length);
	buf_free(&whole);
	if (put != (ssize_t)length + 1 || fdatasync(audit->fd) != 0)
		return error_errno(err, "cannot write the audit log in %s", audit->directory);
	audit->bytes += length + 1;
	audit->chain.sequence++;
	hash_line(line, length, audit->chain.hash);
	snprintf(head, sizeof(head), "%-62" PRId64 " %s\n", audit->chain.sequence, audit->chain.hash);
	if (pwrite(audit->head, head, HEAD_SIZE, 0) != HEAD_SIZE)
		return error_errno(err, "cannot write %s/head", audit->directory);
	return 0;
}

int audit_write(struct audit *audit, const char *event, json_t *fields, int64_t *sequence, struct error *err)
{
	char *line;
	int rc;

	pthread_mutex_lock(&audit->mutex);
	errno = 0;
	if (audit->broken) {
		rc = error_set(err, ERROR_SYSTEM, "the audit log in %s could not be written before", audit->directory);
	} else {
		rc = rotate(audit, err);
		line = format_line(audit, event, fields);
		if (rc == 0)
			rc = append_line(audit, line, err);
		free(line);
	}
	if (rc != 0)
		audit->broken = true;
	else if (sequence != NULL)
		*sequence = audit->chain.sequence;
	pthread_mutex_unlock(&audit->mutex);
	json_decref(fields);
	return rc;
}
