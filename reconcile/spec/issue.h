/*
 * issue.h - a list of what is wrong with specs, each with its place.
 */
#ifndef TRUEUP_SPEC_ISSUE_H
#define TRUEUP_SPEC_ISSUE_H

#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"

/* More than these are counted and not kept: nobody reads them, and a hostile file could make millions. */
#define SPEC_ISSUES_MAX 1000

struct spec_issue {
	const char *file;
	size_t line;      /* from 1; 0: the file as a whole */
	size_t column;    /* from 1, in characters; 0: the file as a whole */
	const char *path; /* "spec.vectors.table"; "": the document as a whole */
	const char *message;
};

struct spec_issues {
	struct spec_issue *items;
	size_t count;
	size_t dropped; /* those beyond SPEC_ISSUES_MAX */
};

/* Add one; file and path are kept as pointers, the message is formatted into the arena. */
void spec_issue_add(struct arena *arena, struct spec_issues *issues, struct spec_issue at, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* By file, then by line, column, path and message. */
void spec_issues_sort(struct spec_issues *issues);

/* A line each: "file:line:column: path: message", without the parts that are not known. */
void spec_issues_print(const struct spec_issues *issues, struct buf *out);

#endif
