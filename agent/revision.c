#include "revision.h"

#include "base/error.h"
#include "base/file.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MAX_BYTES ((size_t)4096)
#define PACKED_MAX_BYTES ((size_t)64 * 1024 * 1024)
#define SYMBOLIC_MAX 5 /* as many as git follows */

static bool is_kind(const char *path, mode_t kind)
{
	struct stat st;

	return stat(path, &st) == 0 && (st.st_mode & S_IFMT) == kind;
}

/* The file's first line, or NULL. */
static char *read_line(struct arena *arena, const char *path)
{
	struct error err;
	char *text;

	if (!is_kind(path, S_IFREG) || file_read(arena, path, FILE_MAX_BYTES, &text, NULL, &err) != 0)
		return NULL;
	text[strcspn(text, "\r\n")] = '\0';
	return text;
}

static const char *join(struct arena *arena, const char *directory, const char *path)
{
	return *path == '/' ? arena_strdup(arena, path) : arena_printf(arena, "%s/%s", directory, path);
}

/* What `.git` in a work tree stands for: the directory itself, or the one that the file names (git worktree). */
static const char *resolve_dot_git(struct arena *arena, const char *tree)
{
	static const char prefix[] = "gitdir: ";
	const char *path = arena_printf(arena, "%s/.git", tree), *line;

	if (is_kind(path, S_IFDIR))
		return path;
	line = read_line(arena, path);
	if (line == NULL || strncmp(line, prefix, sizeof(prefix) - 1) != 0)
		return NULL;
	return join(arena, tree, line + sizeof(prefix) - 1);
}

/* Upwards from the file to the first directory that has a `.git`. */
static const char *find_git_directory(struct arena *arena, const char *file)
{
	char *real = realpath(file, NULL);
	char *path = arena_strdup(arena, real), *slash;

	free(real);
	while (path != NULL && (slash = strrchr(path, '/')) != NULL) {
		const char *found;

		*slash = '\0';
		found = resolve_dot_git(arena, path);
		if (found != NULL)
			return found;
	}
	return NULL;
}

static bool is_commit(const char *text)
{
	size_t length = strlen(text);

	return (length == 40 || length == 64) && strspn(text, "0123456789abcdef") == length;
}

/* A ref's name is made into a path: nothing that leads out of git's directory. */
static bool is_ref(const char *name)
{
	return strncmp(name, "refs/", 5) == 0 && strstr(name, "..") == NULL;
}

/* Lines of packed-refs are "COMMIT NAME". */
static const char *find_packed(struct arena *arena, const char *common, const char *name)
{
	const char *path = arena_printf(arena, "%s/packed-refs", common);
	struct error err;
	char *text, *line, *rest;

	if (!is_kind(path, S_IFREG) || file_read(arena, path, PACKED_MAX_BYTES, &text, NULL, &err) != 0)
		return NULL;
	for (line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
		char *space = strchr(line, ' ');

		if (space == NULL || strcmp(space + 1, name) != 0)
			continue;
		*space = '\0';
		return is_commit(line) ? line : NULL;
	}
	return NULL;
}

/* Branches are shared by all work trees; a few refs, like those of a bisect, are a work tree's own. */
static const char *read_ref(struct arena *arena, const char *git, const char *common, const char *name)
{
	const char *line = read_line(arena, join(arena, git, name));

	if (line == NULL)
		line = read_line(arena, join(arena, common, name));
	return line != NULL ? line : find_packed(arena, common, name);
}

const char *revision_find(struct arena *arena, const char *file)
{
	const char *git = strcmp(file, "-") != 0 ? find_git_directory(arena, file) : NULL;
	const char *common, *line;
	int depth;

	if (git == NULL)
		return NULL;
	common = read_line(arena, join(arena, git, "commondir"));
	common = common != NULL ? join(arena, git, common) : git;
	line = read_line(arena, join(arena, git, "HEAD"));
	for (depth = 0; line != NULL && depth < SYMBOLIC_MAX; depth++) {
		if (strncmp(line, "ref: ", 5) != 0)
			return is_commit(line) ? line : NULL;
		line = is_ref(line + 5) ? read_ref(arena, git, common, line + 5) : NULL;
	}
	return NULL;
}
