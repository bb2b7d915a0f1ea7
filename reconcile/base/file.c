#include "base/file.h"
#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_bounded(int fd, const char *path, struct buf *buf, struct error *err)
{
	char chunk[16384];

	for (;;) {
		ssize_t got = read(fd, chunk, sizeof(chunk));

		if (got == 0)
			return 0;
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_errno(err, "cannot read %s", path);
		buf_append(buf, chunk, (size_t)got);
		if (buf->overflow)
			return error_set(err, ERROR_INVALID, "%s is larger than %zu bytes", path, buf->limit);
	}
}

int file_read(struct arena *arena, const char *path, size_t limit, char **text, size_t *length, struct error *err)
{
	bool standard = strcmp(path, "-") == 0;
	struct buf buf = {.limit = limit};
	struct stat st;
	int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return error_errno(err, "cannot open %s", path);
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		rc = error_set(err, ERROR_INVALID, "%s is a directory", path);
	else
		rc = read_bounded(fd, path, &buf, err);
	if (rc == 0) {
		*text = arena_strndup(arena, buf_text(&buf), buf.length);
		if (length != NULL)
			*length = buf.length;
	}
	buf_free(&buf);
	if (!standard)
		close(fd);
	return rc;
}

int file_write(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t put = write(fd, bytes, length);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -1;
		bytes += put;
		length -= (size_t)put;
	}
	return 0;
}

static void sync_directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *directory = slash == NULL ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
	int fd = directory != NULL ? open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (fd >= 0) {
		(void)fsync(fd); /* some file systems refuse it on directories; the rename stands all the same */
		close(fd);
	}
	free(directory);
}

static int replace(const char *path, const char *text, size_t length, mode_t mode, struct error *err)
{
	size_t size = strlen(path) + sizeof(".XXXXXX");
	char *temporary = malloc(size);
	int fd, rc = 0;

	if (temporary == NULL)
		abort();
	snprintf(temporary, size, "%s.XXXXXX", path);
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0) {
		rc = error_errno(err, "cannot write %s", path);
		free(temporary);
		return rc;
	}
	if (file_write(fd, text, length) != 0 || fchmod(fd, mode) != 0 || fsync(fd) != 0)
		rc = error_errno(err, "cannot write %s", path);
	if (close(fd) != 0 && rc == 0)
		rc = error_errno(err, "cannot write %s", path);
	if (rc == 0 && rename(temporary, path) != 0)
		rc = error_errno(err, "cannot replace %s", path);
	if (rc == 0)
		sync_directory_of(path);
	else
		unlink(temporary);
	free(temporary);
	return rc;
}

int file_replace(const char *path, const char *text, size_t length, struct error *err)
{
	return replace(path, text, length, 0644, err);
}

int file_replace_private(const char *path, const char *text, size_t length, struct error *err)
{
	return replace(path, text, length, 0600, err);
}

int file_make_directories(const char *path, struct error *err)
{
	char *partial = strdup(path);
	char *at;
	int rc = 0;

	if (partial == NULL)
		abort();
	for (at = partial + 1; rc == 0; at++) {
		char kept = *at;

		if (kept != '/' && kept != '\0')
			continue;
		*at = '\0';
		if (mkdir(partial, 0700) != 0 && errno != EEXIST)
			rc = error_errno(err, "cannot create directory %s", partial);
		*at = kept;
		if (kept == '\0')
			break;
	}
	free(partial);
	return rc;
}
