#include "daemon/git_tree.h"
#include "base/file.h"
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define ID_MOST 64 /* of SHA-256 */
#define PATH_MOST 1024

/* One step of a path: no way up, nothing that is git's own. */
static bool is_plain_step(const char *step, size_t length)
{
	if (memchr(step, '\\', length) != NULL)
		return false;
	if (length == 4 && strncasecmp(step, ".git", 4) == 0)
		return false;
	return length > 0 && length < 256 && !(length == 1 && step[0] == '.') &&
	       !(length == 2 && step[0] == '.' && step[1] == '.');
}

/* For messages: at most so much of it, without what a terminal acts on, or what is no UTF-8. */
static char *show_name(struct arena *arena, const char *path, size_t most)
{
	char *shown = arena_strndup(arena, path, strnlen(path, most));

	process_clean_line(shown);
	return shown;
}

static bool is_plain_path(struct arena *arena, const char *path)
{
	size_t length;

	if (strlen(path) > PATH_MOST || strcmp(show_name(arena, path, PATH_MOST), path) != 0)
		return false;
	for (;; path += length + 1) {
		length = strcspn(path, "/");
		if (!is_plain_step(path, length))
			return false;
		if (path[length] == '\0')
			return true;
	}
}

static int refuse(struct arena *arena, const char *path, const char *why, struct error *err)
{
	return error_set(err, ERROR_REFUSED, "%s: %s", show_name(arena, path, 200), why);
}

/* "MODE TYPE ID SIZE\tPATH" */
static int parse_entry(struct arena *arena, const char *entry, struct git_file *file, struct error *err)
{
	char mode[8], type[16], id[ID_MOST + 1], size[24];
	const char *path = strchr(entry, '\t');

	if (path == NULL || sscanf(entry, "%7s %15s %64s %23s", mode, type, id, size) != 4)
		return error_set(err, ERROR_PROTOCOL, "git listed its files in an unknown way");
	path++;
	if (strcmp(mode, "120000") == 0)
		return refuse(arena, path, "is a symbolic link; only plain files are taken", err);
	if (strcmp(mode, "160000") == 0)
		return refuse(arena, path, "is a submodule; only plain files are taken", err);
	if (strcmp(type, "blob") != 0 || (strcmp(mode, "100644") != 0 && strcmp(mode, "100755") != 0))
		return refuse(arena, path, "is no plain file", err);
	if (!is_plain_path(arena, path))
		return refuse(arena, path, "is a name that is not taken", err);
	file->path = arena_strdup(arena, path);
	file->id = arena_strdup(arena, id);
	file->size = strtoull(size, NULL, 10);
	return 0;
}

int git_tree_parse(struct arena *arena, const char *text, size_t length, struct git_tree *tree, struct error *err)
{
	const char *end = text + length;
	size_t total = 0;

	*tree = (struct git_tree){0};
	for (; text < end; text += strlen(text) + 1) {
		struct git_file *file;

		if (tree->count == GIT_TREE_FILES)
			return error_set(err, ERROR_REFUSED, "has more than %d files", GIT_TREE_FILES);
		file = ARENA_PUSH(arena, tree->files, tree->count);
		if (parse_entry(arena, text, file, err) != 0)
			return -1;
		if (file->size > GIT_TREE_BYTES - total)
			return error_set(err, ERROR_REFUSED, "has files of more than %zu MiB together",
			                 GIT_TREE_BYTES / 1024 / 1024);
		total += file->size;
	}
	return 0;
}

void git_tree_ask(const struct git_tree *tree, struct buf *out)
{
	size_t i;

	for (i = 0; i < tree->count; i++)
		buf_printf(out, "%s\n", tree->files[i].id);
}

static int write_file(const char *directory, const struct git_file *file, const char *bytes, struct error *err)
{
	char path[4096], *slash;
	int fd, failed;

	if (snprintf(path, sizeof(path), "%s/%s", directory, file->path) >= (int)sizeof(path))
		return error_set(err, ERROR_REFUSED, "%.200s: the name is too long", file->path);
	slash = strrchr(path, '/');
	*slash = '\0';
	if (file_make_directories(path, err) != 0)
		return -1;
	*slash = '/';
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0444);
	if (fd < 0)
		return error_errno(err, "cannot write %.900s", path);
	failed = file_write(fd, bytes, file->size);
	if (close(fd) != 0 || failed != 0)
		return error_errno(err, "cannot write %.900s", path);
	return 0;
}

int git_tree_write(const struct git_tree *tree, const char *directory, const char *bytes, size_t length,
                   struct error *err)
{
	const char *end = bytes + length;
	char header[ID_MOST + 40];
	size_t i;

	for (i = 0; i < tree->count; i++) {
		const struct git_file *file = &tree->files[i];
		size_t most = (size_t)(end - bytes);
		int head = snprintf(header, sizeof(header), "%s blob %zu\n", file->id, file->size);

		if (most < (size_t)head + file->size + 1 || memcmp(bytes, header, (size_t)head) != 0)
			return error_set(err, ERROR_PROTOCOL, "git gave something else than %.200s", file->path);
		bytes += head;
		if (write_file(directory, file, bytes, err) != 0)
			return -1;
		bytes += file->size + 1;
	}
	return 0;
}
