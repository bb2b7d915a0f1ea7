/*
 * tree.h - YAML documents as trees of nodes that know their place.
 *
 * Over libyaml's events, because its own document loader has neither bounds
 * nor duplicate keys nor a style per scalar. An alias is a second pointer to
 * its anchor's node, so a tree is small in memory however far it would expand;
 * what walks it is safe since the expanded size and the depth are bounded here.
 */
#ifndef TRUEUP_SPEC_TREE_H
#define TRUEUP_SPEC_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

enum tree_type { TREE_SCALAR, TREE_LIST, TREE_MAP };

struct tree_entry;

struct tree_node {
	enum tree_type type;
	bool plain;                 /* a scalar without quotes, so that it may be a number, true, null … */
	const char *flaw;           /* NULL, or what is wrong with it; it then reads as an empty scalar */
	const char *text;           /* TREE_SCALAR: never NULL, UTF-8, no NUL inside */
	struct tree_entry *entries; /* TREE_LIST, TREE_MAP */
	size_t count;
	size_t line, column; /* from 1; the column in characters */
	size_t expanded;     /* nodes in it, itself included, aliases counted in full */
	size_t height;       /* levels below it */
};

struct tree_entry {
	const struct tree_node *key; /* TREE_MAP: any node, a scalar if all is well. TREE_LIST: NULL */
	const struct tree_node *value;
	size_t first_line; /* 0, or the line where a mapping has the same key before */
};

struct tree_limits {
	size_t nodes; /* of all documents together, aliases counted in full */
	size_t depth;
};

struct tree_document {
	const struct tree_node *root;
};

struct tree_documents {
	struct tree_document *items;
	size_t count;
};

struct tree_problem {
	size_t line, column; /* from 1 */
	const char *message; /* in the arena */
};

/*
 * Documents that hold nothing but comments are left out. Returns 0, or -1 with
 * *problem: what libyaml could not read, or a limit; the documents before it
 * stand in `out` all the same.
 */
int tree_parse(struct arena *arena, const char *text, size_t length, const struct tree_limits *limits,
               struct tree_documents *out, struct tree_problem *problem);

/* The value of a mapping's key; NULL if there is none, or if node is no mapping (or NULL). */
const struct tree_node *tree_get(const struct tree_node *node, const char *key);

/* The node at a dotted path, or the nearest one above it. No key of the paths asked for has a dot, or 64 characters. */
const struct tree_node *tree_nearest(const struct tree_node *node, const char *path);

/* Whether a node is nothing: an empty plain scalar, ~ or null. */
bool tree_is_null(const struct tree_node *node);

#endif
