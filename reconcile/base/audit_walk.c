#include "base/audit_walk.h"
#include "base/arena.h"
#include "base/file.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_PREVIOUS "0000000000000000000000000000000000000000000000000000000000000000"
#define FILES_MAX 999999
#define END_BYTES ((off_t)16 * 1024 * 1024) /* of what whoever appends or shows looks at */
#define FILE_READ_MAX ((size_t)64 * 1024 * 1024)

void audit_hash_line(const char *line, size_t length, char out[DIGEST_SHA256_HEX_SIZE])
{
	digest_sha256_hex(line, length, out);
}

int audit_name_directory(char out[AUDIT_PATH_SIZE], const char *directory, const char *name, struct error *err)
{
	if (snprintf(out, AUDIT_PATH_SIZE - 64, "%s/audit/%s", directory, name) >= AUDIT_PATH_SIZE - 64)
		return error_set(err, ERROR_INVALID, "the name of the state directory is too long");
	return 0;
}

void audit_name_file(char out[AUDIT_PATH_SIZE + 32], const char *directory, int64_t number)
{
	snprintf(out, AUDIT_PATH_SIZE + 32, "%s/%06" PRId64 ".jsonl", directory, number);
}

static bool file_exists(const char *directory, int64_t number)
{
	char path[AUDIT_PATH_SIZE + 32];
	struct stat st;

	audit_name_file(path, directory, number);
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

static enum audit_head read_head(const char *directory, struct audit_chain *head)
{
	char path[AUDIT_PATH_SIZE + 32], text[AUDIT_HEAD_SIZE + 1] = "";
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "%s/head", directory);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return AUDIT_HEAD_MISSING;
	got = read(fd, text, AUDIT_HEAD_SIZE);
	close(fd);
	if (got >= 0 && strlen(text) < AUDIT_HEAD_SIZE)
		return AUDIT_HEAD_TORN;
	return sscanf(text, "%" SCNd64 " %64[0-9a-f]", &head->sequence, head->hash) == 2 &&
	               strlen(head->hash) == DIGEST_SHA256_HEX_SIZE - 1
	           ? AUDIT_HEAD_READ
	           : AUDIT_HEAD_MISSING;
}

json_t *audit_tell_head(const struct audit_chain *head)
{
	return json_pack("{s:I, s:s}", "sequence", (json_int_t)head->sequence, "hash", head->hash);
}

static bool is_event(const json_t *line, const char *event)
{
	const char *said = json_string_value(json_object_get(line, "event"));

	return said != NULL && strcmp(said, event) == 0;
}

/* A line without its end is followed by one that tells of it, at the beginning of the next file. */
static int follow_torn(struct audit_walk *walk, const json_t *line, struct error *err)
{
	json_int_t bytes = json_integer_value(json_object_get(line, "bytes"));

	if (walk->check.torn > 0 && (!is_event(line, AUDIT_RECOVERED) || bytes != (json_int_t)walk->check.torn))
		return error_set(err, ERROR_INVALID, "the line before it has no end, and it does not tell of that");
	walk->check.recovered += is_event(line, AUDIT_RECOVERED);
	walk->check.torn = 0;
	return 0;
}

/* Whether it is the line that the head tells of; or was written in place of one that was cut short, and no head since.
 */
static bool is_head_line(const struct audit_walk *walk, const json_t *line)
{
	json_t *head = audit_tell_head(&walk->head);
	bool replaced = is_event(line, AUDIT_RECOVERED) && json_equal(json_object_get(line, "head"), head);

	json_decref(head);
	return replaced || strcmp(walk->chain.hash, walk->head.hash) == 0;
}

/* One line, without its end, against the chain, which it becomes the end of. */
static int follow_line(struct audit_walk *walk, const char *line, size_t length, struct error *err)
{
	json_t *json = json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);
	const char *previous = json_string_value(json_object_get(json, "previous"));
	int64_t sequence = json_integer_value(json_object_get(json, "sequence"));
	struct audit_chain *chain = &walk->chain;
	int rc = 0;

	if (json == NULL || previous == NULL)
		rc = error_set(err, ERROR_INVALID, "it is no line of an audit log");
	else if (sequence != chain->sequence + 1)
		rc = error_set(err, ERROR_INVALID, "it has the number %" PRId64 ", and %" PRId64 " should follow",
		               sequence, chain->sequence + 1);
	else if (strcmp(previous, chain->hash) != 0)
		rc = error_set(err, ERROR_INVALID, "the line before it is not the one that it was written behind");
	if (rc == 0)
		rc = follow_torn(walk, json, err);
	if (rc == 0) {
		chain->sequence = sequence;
		audit_hash_line(line, length, chain->hash);
		walk->check.lines++;
	}
	if (rc == 0 && walk->head_state == AUDIT_HEAD_READ && sequence == walk->head.sequence) {
		walk->head_met = is_head_line(walk, json);
		if (!walk->head_met)
			rc = error_set(err, ERROR_INVALID, "it is not the line that the head tells of");
	}
	if (rc == 0 && walk->kept != NULL && (is_event(json, "run") || is_event(json, "end")))
		json_array_append(walk->kept, json);
	json_decref(json);
	return rc;
}

/* Where the chain stood before that line, if it is right about it. */
static void believe_line(struct audit_chain *chain, const char *line, size_t length)
{
	json_t *json = json_loadb(line, length, 0, NULL);
	const char *previous = json_string_value(json_object_get(json, "previous"));

	chain->sequence = json_integer_value(json_object_get(json, "sequence")) - 1;
	snprintf(chain->hash, sizeof(chain->hash), "%s", previous != NULL ? previous : "");
	json_decref(json);
}

/* The last bytes of a file that are no line: they have no end, or some were never written. */
static bool is_torn(const char *at, const char *end, const char *limit)
{
	return end == NULL || (end + 1 == limit && memchr(at, '\0', (size_t)(end - at)) != NULL);
}

/*
 * All lines of a file; what was cut short at its end is counted in check.torn. It may be the only one, and tell of the
 * same in the file before: then the next line tells of both.
 */
static int walk_text(struct audit_walk *walk, const char *path, const char *text, size_t length, struct error *err)
{
	const char *at = text, *limit = text + length, *end;
	int64_t number = 0;

	for (; at < limit; at = end + 1) {
		end = memchr(at, '\n', (size_t)(limit - at));
		number++;
		if (is_torn(at, end, limit)) {
			walk->check.torn += (size_t)(limit - at);
			return 0;
		}
		if (walk->believes) {
			believe_line(&walk->chain, at, (size_t)(end - at));
			walk->check.torn = 0; /* in a file before the ones that are looked at, perhaps */
		}
		walk->believes = false;
		if (follow_line(walk, at, (size_t)(end - at), err) != 0)
			return error_context(err, "%s:%" PRId64, path, number);
	}
	return 0;
}

static int walk_file(struct audit_walk *walk, const char *directory, int64_t number, struct error *err)
{
	struct arena *arena = arena_new();
	char path[AUDIT_PATH_SIZE + 32], *text;
	size_t length;
	int rc;

	audit_name_file(path, directory, number);
	rc = file_read(arena, path, FILE_READ_MAX, &text, &length, err);
	if (rc == 0)
		rc = walk_text(walk, path, text, length, err);
	arena_free(arena);
	return rc;
}

static int check_head(struct audit_walk *walk, const char *directory, struct error *err)
{
	/* The first line is on disk a moment before the head is. */
	if (walk->head_state == AUDIT_HEAD_MISSING && walk->chain.sequence > 1)
		return error_set(err, ERROR_INVALID, "%s/head is missing or makes no sense", directory);
	walk->check.head_lost = walk->head_state == AUDIT_HEAD_TORN && walk->chain.sequence > 1;
	if (walk->head_state != AUDIT_HEAD_READ || walk->head_met)
		return 0;
	walk->check.torn_known = walk->check.torn > 0 && walk->head.sequence == walk->chain.sequence + 1;
	if (!walk->check.torn_known)
		return error_set(err, ERROR_INVALID,
		                 "%s: it ends with line %" PRId64 ", and there were %" PRId64
		                 " when it was last written to",
		                 directory, walk->chain.sequence, walk->head.sequence);
	return 0;
}

/* Where the newest files begin that have about END_BYTES together: at least two, since the last may have no line. */
static int64_t find_end(const char *directory, int64_t last)
{
	char path[AUDIT_PATH_SIZE + 32];
	struct stat st = {0};
	off_t bytes = 0;
	int64_t number;

	for (number = last; number > 1; number--) {
		audit_name_file(path, directory, number);
		bytes += stat(path, &st) == 0 ? st.st_size : 0;
		if (bytes > END_BYTES && number < last)
			break;
	}
	return number > 0 ? number : 1;
}

int audit_walk_log(struct audit_walk *walk, const char *directory, bool whole, struct error *err)
{
	int64_t number, last;

	*walk = (struct audit_walk){.chain.hash = FIRST_PREVIOUS, .kept = walk->kept};
	walk->head_state = read_head(directory, &walk->head); /* before the lines: a run may be adding some */
	last = find_last(directory);
	number = whole ? 1 : find_end(directory, last);
	walk->believes = number > 1;
	for (; number <= last; number++)
		if (walk_file(walk, directory, number, err) != 0)
			return -1;
	walk->check.files = last;
	return check_head(walk, directory, err);
}

int audit_verify(const char *directory, const char *name, struct audit_check *check, struct error *err)
{
	char path[AUDIT_PATH_SIZE];
	struct audit_walk walk = {0};
	struct stat st;
	int rc;

	*check = (struct audit_check){0};
	if (audit_name_directory(path, directory, name, err) != 0)
		return -1;
	if (stat(path, &st) != 0)
		return error_errno(err, "there is no audit log %s", path);
	rc = audit_walk_log(&walk, path, true, err);
	*check = walk.check;
	if (rc == 0 && check->head_lost)
		return error_set(err, ERROR_INVALID,
		                 "%s/head is empty, as a power failure leaves it, and does not tell whether lines are "
		                 "missing at the end. The next run goes on in another file, and records it",
		                 path);
	if (rc == 0 && check->torn_known)
		return error_set(
		    err, ERROR_INVALID,
		    "%s: its last line is cut short, though it was there as a whole: the disk has lost it, "
		    "or somebody. The next run goes on in another file, and records it",
		    path);
	return rc;
}

int audit_read(const char *directory, const char *name, json_t **lines, struct error *err)
{
	char path[AUDIT_PATH_SIZE];
	struct audit_walk walk = {0};
	struct stat st;

	if (audit_name_directory(path, directory, name, err) != 0)
		return -1;
	if (stat(path, &st) != 0)
		return error_errno(err, "there is no audit log %s", path);
	walk.kept = json_array();
	if (audit_walk_log(&walk, path, false, err) == 0) {
		*lines = walk.kept;
		return 0;
	}
	json_decref(walk.kept);
	return -1;
}
