#include "spec/place.h"
#include "spec/scalar.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LEAVES "leaves the directory of the spec; keep the file beside it or below"

const char *place_directory(struct arena *arena, const char *file)
{
	const char *slash = strrchr(file, '/');

	if (slash == NULL)
		return ".";
	return arena_strndup(arena, file, slash == file ? 1 : (size_t)(slash - file));
}

static bool is_within(const char *real, const char *root)
{
	size_t length = strlen(root);

	if (strcmp(root, "/") == 0)
		return true;
	return strncmp(real, root, length) == 0 && (real[length] == '/' || real[length] == '\0');
}

/*
 * realpath() of the longest part of `path` that exists; NULL, with *problem, if
 * what follows cannot be followed: a link to nowhere, or ".." out of a
 * directory that is not there.
 */
static char *existing_part(struct arena *arena, const char *path, const char **problem)
{
	char *part = arena_strdup(arena, path);
	struct stat st;

	for (;;) {
		char *real = realpath(part, NULL), *slash = strrchr(part, '/');

		if (real != NULL)
			return real;
		if (errno != ENOENT || slash == NULL) {
			*problem = arena_printf(arena, "cannot be followed: %s", strerror(errno));
			return NULL;
		}
		if (lstat(part, &st) == 0) {
			*problem = "is a symbolic link to nowhere";
			return NULL;
		}
		if (strcmp(slash + 1, "..") == 0) {
			*problem = "goes through a directory that is not there";
			return NULL;
		}
		*slash = '\0';
	}
}

const char *place_join(struct arena *arena, const char *directory, const char *path, const char **out)
{
	if (*path == '/')
		return "must be relative to the spec, not an absolute path";
	*out = strcmp(directory, ".") == 0 ? path : arena_printf(arena, "%s/%s", directory, path);
	return NULL;
}

const char *place_resolve(struct arena *arena, const char *directory, const char *path, const char **out)
{
	const char *joined, *problem = place_join(arena, directory, path, &joined);
	char *root, *real;

	if (problem != NULL)
		return problem;
	root = realpath(directory, NULL);
	if (root == NULL)
		return arena_printf(arena, "cannot be looked for in %s: %s", scalar_printable(arena, directory),
		                    strerror(errno));
	real = existing_part(arena, arena_printf(arena, "%s/%s", directory, path), &problem);
	if (real != NULL && !is_within(real, root))
		problem = LEAVES;
	else if (real != NULL)
		*out = joined;
	free(real);
	free(root);
	return problem;
}
