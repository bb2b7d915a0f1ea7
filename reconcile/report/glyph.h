/*
 * glyph.h - text from the world, one character at a time, safe to show.
 *
 * Names, e-mails and errors come from people, AWS and databases. Control
 * characters, what turns the direction of text and bytes that are not UTF-8
 * are shown as escapes (\n, \x1B, \u202E), so that none of them reaches a
 * terminal or a page as what it is.
 */
#ifndef TRUEUP_REPORT_GLYPH_H
#define TRUEUP_REPORT_GLYPH_H

#include "base/buf.h"

#include <stddef.h>

#define GLYPH_SHOWN_SIZE 12

struct glyph {
	size_t length;                /* bytes that it takes in the text */
	int width;                    /* columns on a terminal: 0, 1 or 2, or those of its escape */
	char shown[GLYPH_SHOWN_SIZE]; /* what to print */
};

/* The first character of text, which must not be empty. */
void glyph_read(const char *text, struct glyph *glyph);

/* All of text, as it is shown. */
void glyph_put_text(struct buf *out, const char *text);

#endif
