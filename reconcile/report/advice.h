/*
 * advice.h - how a deployment stands, and what to do next, in sentences.
 *
 * The same sentences end the text and head the Markdown.
 */
#ifndef TRUEUP_REPORT_ADVICE_H
#define TRUEUP_REPORT_ADVICE_H

#include "base/arena.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum advice_tone { ADVICE_GOOD, ADVICE_OPEN, ADVICE_BAD };

struct advice {
	enum advice_tone tone;
	const char *text;    /* "2 actions planned" */
	const char *command; /* that takes it further, to be pasted into a shell: "trueup apply specs"; NULL: none */
};

struct advice_list {
	struct advice *items;
	size_t count;
};

/* Whether there is nothing to tell of the deployment but that all is in sync. */
bool advice_is_calm(const json_t *report);

/* The first says how the deployment stands. Strings are in the arena or the report. */
struct advice_list advice_give(struct arena *arena, const json_t *report);

#endif
