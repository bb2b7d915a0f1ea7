#include "daemon/source_revision.h"
#include "base/arena.h"
#include "daemon/git_kept.h"
#include "report/tree.h"

#include <stdlib.h>
#include <string.h>

struct revision *revision_new(const json_t *list, const struct source_revision *seen,
                              const struct source_git_result *from)
{
	struct revision *revision = calloc(1, sizeof(*revision));
	struct source_spec *specs;
	struct arena *arena;
	const json_t *spec;
	size_t i;

	if (revision == NULL)
		abort();
	revision->arena = arena = arena_new();
	revision->holds = 1;
	specs = arena_array(arena, json_array_size(list), sizeof(*specs));
	json_array_foreach(list, i, spec)
	{
		specs[i].name = arena_strdup(arena, tree_text(spec, "name"));
		specs[i].file = arena_strdup(arena, tree_text(spec, "file"));
		specs[i].sha256 = arena_strdup(arena, tree_text(spec, "sha256"));
	}
	revision->checkout = arena_strdup(arena, from->checkout);
	revision->object = arena_strdup(arena, from->object);
	revision->note = arena_strdup(arena, from->note);
	revision->seen = (struct source_revision){.directory = arena_strdup(arena, seen->directory),
	                                          .commit = arena_strdup(arena, seen->commit),
	                                          .since = seen->since,
	                                          .distrust = arena_strdup(arena, seen->distrust),
	                                          .specs = specs,
	                                          .spec_count = json_array_size(list)};
	return revision;
}

void revision_release(struct revision *revision)
{
	if (revision == NULL || --revision->holds > 0)
		return;
	if (revision->gone && revision->checkout != NULL)
		git_kept_remove(revision->checkout);
	arena_free(revision->arena);
	free(revision);
}

bool revision_is_same(const struct source_revision *a, const struct source_revision *b)
{
	size_t i;

	if (a->spec_count != b->spec_count || a->commit != NULL || b->commit != NULL)
		return false; /* of a commit there are not two revisions */
	for (i = 0; i < a->spec_count; i++)
		if (strcmp(a->specs[i].name, b->specs[i].name) != 0 ||
		    strcmp(a->specs[i].file, b->specs[i].file) != 0 ||
		    strcmp(a->specs[i].sha256, b->specs[i].sha256) != 0)
			return false;
	return true;
}
