#include "daemon/git_repository.h"
#include "daemon/git_kept.h"

#include <errno.h>
#include <fts.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct size {
	uint64_t bytes; /* of all files */
	size_t packs;
	uint64_t left; /* of the largest file that was left over */
};

static bool begins_with(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static bool ends_with(const char *text, const char *with)
{
	size_t length = strlen(text), end = strlen(with);

	return length >= end && strcmp(text + length - end, with) == 0;
}

/*
 * Left by a git that was killed: what it had not given its name yet, and what kept others away. Or by a loss of power:
 * none of its files is empty.
 */
static bool is_left_over(const FTSENT *entry)
{
	const char *name = entry->fts_name;

	return begins_with(name, "tmp_") || begins_with(name, "shallow_") || ends_with(name, ".lock") ||
	       entry->fts_statp->st_size == 0;
}

static const char *old_one(struct arena *arena, const char *repository)
{
	return arena_printf(arena, "%s.old", repository);
}

static const char *new_one(struct arena *arena, const char *repository)
{
	return arena_printf(arena, "%s.new", repository);
}

static void remove_if_there(const char *place)
{
	if (access(place, F_OK) == 0)
		git_kept_remove(place);
}

/* What is left over is removed, and all else measured. */
static struct size tidy(const char *repository)
{
	char *const roots[] = {(char *)repository, NULL};
	struct size size = {0};
	FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, NULL);
	const FTSENT *entry;
	uint64_t bytes;

	while (walk != NULL && (entry = fts_read(walk)) != NULL) {
		if (entry->fts_info != FTS_F)
			continue;
		bytes = (uint64_t)entry->fts_statp->st_size;
		if (is_left_over(entry) && unlink(entry->fts_path) == 0) {
			size.left = bytes > size.left ? bytes : size.left;
			continue;
		}
		size.bytes += bytes;
		size.packs += ends_with(entry->fts_name, ".pack");
	}
	if (walk != NULL)
		fts_close(walk);
	return size;
}

uint64_t git_repository_tidy(const char *repository)
{
	return tidy(repository).left;
}

static bool is_large(const char *repository, uint64_t bytes, size_t packs)
{
	const struct size size = tidy(repository);

	return size.bytes > bytes || size.packs > packs;
}

const char *git_repository_choose(struct arena *arena, const char *repository, uint64_t bytes, size_t packs)
{
	const char *beside = new_one(arena, repository);
	const bool large = is_large(repository, bytes, packs);

	remove_if_there(old_one(arena, repository));
	/* It stays as long as what it has is refused, so that not all is fetched with each look. */
	if (!large || is_large(beside, bytes, packs))
		remove_if_there(beside);
	return large ? beside : repository;
}

int git_repository_replace(const char *repository, struct error *err)
{
	struct arena *arena = arena_new();
	int rc = 0;

	/* Never removed where it is: a half of it would look like a whole one to the next fetch. */
	if ((rename(repository, old_one(arena, repository)) != 0 && errno != ENOENT) ||
	    rename(new_one(arena, repository), repository) != 0)
		rc = error_errno(err, "cannot replace %.900s", repository);
	else
		remove_if_there(old_one(arena, repository));
	arena_free(arena);
	return rc;
}
