/*
 * roff.h - text as the source of a manual page, in the macros of man(7): what
 * roff would take for its own is escaped, and every hyphen is one that can be
 * copied to a command line.
 */
#ifndef TRUEUP_AGENT_ROFF_H
#define TRUEUP_AGENT_ROFF_H

#include "base/buf.h"

/*
 * A paragraph, without the macro before it: UTF-8, its white space as it comes. What stands in `backquotes` is bold.
 * Sentences and lines end as roff likes them; the text ends with a newline.
 */
void roff_text(struct buf *out, const char *text);

/* Paragraphs, without a macro before the first: an empty line in the text begins a new one. */
void roff_paragraphs(struct buf *out, const char *text);

/* Lines that stay as they are, indented. */
void roff_literal(struct buf *out, const char *text);

/* Part of a line: escaped, and not at the line's beginning. */
void roff_inline(struct buf *out, const char *text);

#endif
