#include "base/audit.h"
#include "base/audit_walk.h"
#include "base/clock.h"
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

struct audit {
	pthread_mutex_t mutex;
	char directory[AUDIT_PATH_SIZE];
	struct audit_chain chain;
	int64_t number; /* of the file */
	size_t bytes;   /* in it */
	size_t limit;
	int fd, head;
	bool head_synced; /* once by this run */
	bool broken;
};

static int open_file(struct audit *audit, struct error *err)
{
	char path[AUDIT_PATH_SIZE + 32];
	int directory;

	audit_name_file(path, audit->directory, audit->number);
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

/*
 * What a process that was killed or a power failure has left stays as it is, for whoever wants to look into it. The log
 * goes on in the next file, unless that is there and empty already, and its first line tells of it.
 */
static int recover(struct audit *audit, const struct audit_walk *walk, struct error *err)
{
	json_t *fields = json_pack("{s:I, s:s, s:o}", "bytes", (json_int_t)walk->check.torn, "headIs",
	                           walk->head_state == AUDIT_HEAD_READ ? "read" : "empty", "head",
	                           walk->head_state == AUDIT_HEAD_READ ? audit_tell_head(&walk->head) : json_null());

	if (audit->bytes > 0) {
		close(audit->fd);
		audit->number++;
		audit->bytes = 0;
		if (open_file(audit, err) != 0) {
			json_decref(fields);
			return -1;
		}
	}
	return audit_write(audit, AUDIT_RECOVERED, fields, NULL, err);
}

static int open_log(struct audit *audit, struct error *err)
{
	char path[AUDIT_PATH_SIZE + 32];
	struct audit_walk walk = {0};
	struct stat st;

	if (file_make_directories(audit->directory, err) != 0)
		return -1;
	if (audit_walk_log(&walk, audit->directory, false, err) != 0) {
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
	if (fstat(audit->fd, &st) != 0)
		return error_errno(err, "cannot read the audit log in %s", audit->directory);
	audit->bytes = (size_t)st.st_size;
	return walk.check.torn > 0 || walk.check.head_lost ? recover(audit, &walk, err) : 0;
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
	if (audit_name_directory(audit->directory, directory, name, err) != 0 || open_log(audit, err) != 0) {
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

/* O_APPEND, and one write() unless the disk is full: a line is there as a whole, or torn at the end of the file. */
static int append_line(struct audit *audit, const char *line, struct error *err)
{
	char head[AUDIT_HEAD_SIZE + 1];
	size_t length = strlen(line);
	struct buf whole = {0};
	int rc;

	buf_printf(&whole, "%s\n", line);
	rc = file_write(audit->fd, whole.bytes, whole.length);
	buf_free(&whole);
	if (rc != 0 || fdatasync(audit->fd) != 0)
		return error_errno(err, "cannot write the audit log in %s", audit->directory);
	audit->bytes += length + 1;
	audit->chain.sequence++;
	audit_hash_line(line, length, audit->chain.hash);
	snprintf(head, sizeof(head), "%-62" PRId64 " %s\n", audit->chain.sequence, audit->chain.hash);
	if (pwrite(audit->head, head, AUDIT_HEAD_SIZE, 0) != AUDIT_HEAD_SIZE)
		return error_errno(err, "cannot write %s/head", audit->directory);
	if (!audit->head_synced && fdatasync(audit->head) != 0) /* then it lags, but is not empty */
		return error_errno(err, "cannot write %s/head", audit->directory);
	audit->head_synced = true;
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
