/*
 * scalar.h - what a YAML scalar is, by the core schema of YAML 1.2, and what to call it in a message.
 */
#ifndef TRUEUP_SPEC_SCALAR_H
#define TRUEUP_SPEC_SCALAR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "spec/tree.h"

enum scalar_kind { SCALAR_NULL, SCALAR_BOOL, SCALAR_INT, SCALAR_FLOAT, SCALAR_TEXT };

/* Of a TREE_SCALAR. Quoted scalars are text whatever they hold, and so are yes, no, on and off. */
enum scalar_kind scalar_kind(const struct tree_node *node);

/* "the whole number 5", "the text \"yes\"", "nothing", "a list": for "must be …, found …". In the arena. */
const char *scalar_describe(struct arena *arena, const struct tree_node *node);

/* The value of a SCALAR_INT's text (decimal, 0o17 or 0x0f). Returns 0, or -1 if it does not fit. */
int scalar_parse_int(const char *text, int64_t *out);

/* "10%" or "0.25%" to hundredths of a percent in *out. Returns 0, or -1 if text is not of that form. */
int scalar_parse_percent(const char *text, int64_t *out);

/* Text from a file as it may stand in a message: control characters escaped, cut at 60 characters. In the arena. */
const char *scalar_printable(struct arena *arena, const char *text);

/* Characters in UTF-8 text. */
size_t scalar_length(const char *text);

bool scalar_is_utf8(const char *text);
bool scalar_has_control(const char *text);

#endif
