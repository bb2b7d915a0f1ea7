/*
 * shape.h - regular expressions, each compiled once for as long as a reader lives.
 */
#ifndef TRUEUP_SPEC_SHAPE_H
#define TRUEUP_SPEC_SHAPE_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>

#define SHAPE_PATTERNS_MAX 64

/* Zeroed to start with. */
struct shapes {
	struct {
		const char *pattern;
		regex_t compiled;
	} items[SHAPE_PATTERNS_MAX];
	size_t count;
};

/* Whether text matches. `pattern` is of static storage and compiles, as the field table's do: else it aborts. */
bool shape_matches(struct shapes *shapes, const char *pattern, const char *text);

void shape_free(struct shapes *shapes);

#endif
