/*
 * git_tree.h - the files of a commit: what of them is taken, and where to.
 *
 * They are somebody else's bytes. Plain files with plain names are taken, up to
 * GIT_TREE_FILES and GIT_TREE_BYTES; everything else is refused by its name.
 * Nothing of git runs over them: no hooks, no filters, no line ends.
 */
#ifndef TRUEUP_AGENT_DAEMON_GIT_TREE_H
#define TRUEUP_AGENT_DAEMON_GIT_TREE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

#include <stddef.h>

#define GIT_TREE_FILES 4096
#define GIT_TREE_BYTES ((size_t)64 * 1024 * 1024)

struct git_file {
	const char *path; /* within the repository */
	const char *id;   /* of the blob */
	size_t size;
};

struct git_tree {
	struct git_file *files;
	size_t count;
};

/* What `git ls-tree -r -z -l` printed. ERROR_REFUSED for what is not taken, ERROR_PROTOCOL for what is no listing. */
int git_tree_parse(struct arena *arena, const char *text, size_t length, struct git_tree *tree, struct error *err);

/* The input of `git cat-file --batch` that asks for all of them, in their order. */
void git_tree_ask(const struct git_tree *tree, struct buf *out);

/* Write what cat-file answered below `directory`, which is new and empty: files 0444, directories 0755.
 * Nothing is synced. */
int git_tree_write(const struct git_tree *tree, const char *directory, const char *bytes, size_t length,
                   struct error *err);

#endif
