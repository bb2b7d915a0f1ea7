#include "daemon/git_kept.h"
#include "base/file.h"
#include "base/log.h"
#include "report/tree.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEPT_MAX ((size_t)64 * 1024)

const char *git_kept_marker(struct arena *arena, const char *state)
{
	return arena_printf(arena, "%s/git/current", state);
}

const char *git_kept_repository(struct arena *arena, const char *state)
{
	return arena_printf(arena, "%s/git/repository.git", state);
}

const char *git_kept_new_checkout(struct arena *arena, const char *state, const char *commit, struct error *err)
{
	char *folder = arena_printf(arena, "%s/git/revisions", state);
	char *checkout = arena_printf(arena, "%s/%.12s-XXXXXX", folder, commit);

	if (file_make_directories(folder, err) != 0)
		return NULL;
	if (mkdtemp(checkout) != NULL)
		return checkout;
	error_errno(err, "cannot make a directory in %s", folder);
	return NULL;
}

const char *git_kept_specs(struct arena *arena, const struct agent_git *git, const char *checkout)
{
	if (git->directory == NULL || strcmp(git->directory, ".") == 0)
		return arena_strdup(arena, checkout);
	return arena_printf(arena, "%s/%s", checkout, git->directory);
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
	(void)info, (void)kind, (void)walk;
	return remove(path);
}

void git_kept_remove(const char *checkout)
{
	if (nftw(checkout, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) != 0)
		log_warn("%s cannot be removed: %m", checkout);
}

/* Of the place and the rules. */
static json_t *describe(const struct agent_git *git)
{
	return json_pack("{s:s, s:s*, s:s*, s:s*, s:s*, s:s*}", "url", git->url, "branch", git->branch, "tag", git->tag,
	                 "directory", git->directory, "allowedSigners", git->verify.allowed_signers, "keyring",
	                 git->verify.keyring);
}

void git_kept_save(const char *state, const struct agent_git *git, const struct git_kept *kept)
{
	struct arena *arena = arena_new();
	const char *slash = strrchr(kept->checkout, '/');
	json_t *document = json_pack("{s:o, s:s, s:s, s:s, s:I}", "from", describe(git), "commit", kept->commit,
	                             "object", kept->object, "checkout", slash + 1, "since", (json_int_t)kept->since);
	char *text = document != NULL ? json_dumps(document, JSON_INDENT(2)) : NULL;
	struct error err;

	if (text == NULL)
		abort();
	if (file_replace_private(git_kept_marker(arena, state), text, strlen(text), &err) != 0)
		log_warn("what is in force is not remembered: %s", err.message);
	free(text);
	json_decref(document);
	arena_free(arena);
}

void git_kept_sweep(const char *state, const char *checkout)
{
	struct arena *arena = arena_new();
	const char *folder = arena_printf(arena, "%s/git/revisions", state);
	const char *keep = checkout != NULL ? strrchr(checkout, '/') + 1 : "";
	DIR *directory = opendir(folder);
	const struct dirent *entry;

	while (directory != NULL && (entry = readdir(directory)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    strcmp(entry->d_name, keep) != 0)
			git_kept_remove(arena_printf(arena, "%s/%s", folder, entry->d_name));
	if (directory != NULL)
		closedir(directory);
	arena_free(arena);
}

int git_kept_load(struct arena *arena, const char *state, const struct agent_git *git, struct git_kept *kept)
{
	json_t *from = describe(git), *document = NULL;
	const char *file = git_kept_marker(arena, state), *name;
	char *text = NULL;
	struct error err;

	if (file_read(arena, file, KEPT_MAX, &text, NULL, &err) == 0)
		document = json_loads(text, 0, NULL);
	name = tree_text(document, "checkout");
	if (!json_equal(json_object_get(document, "from"), from) || *name == '\0' || strchr(name, '/') != NULL ||
	    *name == '.')
		name = "";
	if (*name != '\0')
		*kept = (struct git_kept){
		    .commit = arena_strdup(arena, tree_text(document, "commit")),
		    .object = arena_strdup(arena, tree_text(document, "object")),
		    .checkout = arena_printf(arena, "%s/git/revisions/%s", state, name),
		    .since = (time_t)json_integer_value(json_object_get(document, "since")),
		};
	json_decref(document);
	json_decref(from);
	return kept->commit != NULL && access(kept->checkout, R_OK | X_OK) == 0 ? 0 : -1;
}
