/*
 * read.h - nodes of YAML into structs, as the field table says.
 *
 * Nothing here stops at a problem: it becomes an issue with its place, the
 * member keeps its default, and reading goes on. Split over read.c (mappings),
 * read_value.c (single values) and read_members.c (who is in a group).
 */
#ifndef TRUEUP_SPEC_READ_H
#define TRUEUP_SPEC_READ_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "spec/desired.h"
#include "spec/field.h"
#include "spec/issue.h"
#include "spec/shape.h"
#include "spec/tree.h"

struct reader {
	struct arena *arena;
	const struct field *document; /* the table of the whole document */
	const char *file;
	const char *directory; /* where files that the spec names are looked for */
	struct spec_issues *issues;
	struct shapes *shapes;
};

/* Fill a struct, defaults first, from a mapping with the keys of `fields`. */
void read_section(struct reader *reader, const struct field *fields, const struct tree_node *node, void *data,
                  const char *path);

/* One value into the member that the field names. */
void read_value(struct reader *reader, const struct field *field, const struct tree_node *node, void *data,
                const char *path);

/* The same for the types that are one scalar. */
void read_scalar(struct reader *reader, const struct field *field, const struct tree_node *node, void *data,
                 const char *path);

/* A list of words into the bits of an unsigned, and a list of texts. */
void read_words(struct reader *reader, const struct field *field, const struct tree_node *node, void *data,
                const char *path);
void read_strings(struct reader *reader, const struct field *field, const struct tree_node *node, void *data,
                  const char *path);

/* The members that stand in the spec. */
void read_members(struct reader *reader, const struct field *field, const struct tree_node *node, void *data,
                  const char *path);

/* Those of each group's members_from, of the document at `root`; then nobody may stand in a group twice. */
void read_members_files(struct reader *reader, const struct tree_node *root, struct desired_users *users);

/* Text that is not empty, has no control character, is not longer than the field's `most` and has its shape. */
bool read_text_fits(struct reader *reader, const struct field *field, const char *text, struct spec_issue at);

/* The place of a node, for spec_issue_add(). */
struct spec_issue read_place(const struct reader *reader, const struct tree_node *node, const char *path);

/* "must be …, found …". */
void read_wrong_type(struct reader *reader, const struct tree_node *node, const char *path, const char *wanted);

/* path.key, or path[index]; key as it may be printed. In the arena. */
const char *read_path(const struct reader *reader, const char *path, const char *key);
const char *read_path_index(const struct reader *reader, const char *path, size_t index);

#endif
