/*
 * layout.h - paragraphs for a terminal: wrapped, hanging, painted.
 *
 * A paragraph is opened, filled piece by piece, closed. It breaks at spaces
 * only: a name that is wider than the line stands alone on one, whole, so that
 * it can be copied.
 */
#ifndef TRUEUP_REPORT_LAYOUT_H
#define TRUEUP_REPORT_LAYOUT_H

#include "base/buf.h"

#include <stdbool.h>

enum layout_paint { PAINT_PLAIN, PAINT_BOLD, PAINT_DIM, PAINT_GREEN, PAINT_YELLOW, PAINT_RED };

struct layout {
	struct buf *out;
	int width; /* columns */
	bool color;
	int hang;        /* column where further lines of the paragraph begin */
	int column;      /* where the next character goes */
	int spaces;      /* that are due before the next word, if it stays on the line */
	struct buf word; /* begun, not yet placed, with its paint */
	int word_width;
};

/* Paragraphs go to out. Nothing but colour changes with `color`. */
void layout_start(struct layout *layout, struct buf *out, int width, bool color);
void layout_end(struct layout *layout);

/* Begin a paragraph: its first line at column `indent`, the others at `hang`. */
void layout_open(struct layout *layout, int indent, int hang);

/* More of the paragraph. Text is shown as glyph.h says; it need not begin or end where a word does. */
void layout_put(struct layout *layout, enum layout_paint paint, const char *text);

void layout_close(struct layout *layout);

#endif
