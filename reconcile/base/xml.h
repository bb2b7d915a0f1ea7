/*
 * xml.h - a small XML document as a tree, for the services that still answer in XML.
 *
 * Bounded: size, depth and number of elements have limits, and a document type
 * is refused altogether, so that no entity can be declared. Attributes,
 * comments and processing instructions are left out.
 */
#ifndef TRUEUP_BASE_XML_H
#define TRUEUP_BASE_XML_H

#include "base/arena.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define XML_LIMIT_BYTES ((size_t)16 * 1024 * 1024)
#define XML_LIMIT_DEPTH 64
#define XML_LIMIT_NODES 500000

struct xml_node {
	const char *name;
	const char *text;             /* the character data directly in it, joined; "" if none */
	const struct xml_node *first; /* first child, or NULL */
	const struct xml_node *next;  /* next sibling, or NULL */
};

/* Parse into the arena. ERROR_PROTOCOL if it is not well formed, or passes a limit. */
int xml_parse(struct arena *arena, const char *bytes, size_t length, const struct xml_node **root, struct error *err);

/* The first element at a path below node, e.g. "DBClusters/DBCluster"; NULL if there is none, or node is NULL. */
const struct xml_node *xml_child(const struct xml_node *node, const char *path);

/* The next sibling of the same name, for lists: for (n = xml_child(r, "Tags/Tag"); n; n = xml_next(n)). */
const struct xml_node *xml_next(const struct xml_node *node);

/* The text of the element at a path ("" for node itself); NULL if it is absent. */
const char *xml_text(const struct xml_node *node, const char *path);

/* "true" at a path; false for anything else, and where it is absent. */
bool xml_bool(const struct xml_node *node, const char *path);

/* The decimal integer at a path; `otherwise` where it is absent or not a number. */
int64_t xml_int(const struct xml_node *node, const char *path, int64_t otherwise);

#endif
